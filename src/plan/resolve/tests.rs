use super::{
    Departure::{Deleted, Stays, SweptAway},
    *,
};
use crate::{
    api::{PinKind, share::Target, sharing_policy::Owners},
    org::{Tree, tree::tests::tree},
    plan::{desired::Presence, fixture::*},
};

const GATEWAY: &str = "transit-gateway/tgw-1";
const POOL: &str = "ipam-pool/pool-1";

fn letting_in() -> Vec<SharingPolicy> {
    vec![policy().letting_in(PARTNER, "90d", false)]
}

/// What becomes of one target of a Share of an IPAM pool, which takes all kinds but services.
fn target(target: Target, organization: Organization<'_>) -> String {
    target_of(&share("hub").of(&[POOL]).with([target]).open(), organization)
}

fn target_of(share: &Share, organization: Organization<'_>) -> String {
    let resolved = resolved(share, organization, &letting_in());
    let target = &resolved.targets[0];
    let whom = target.principal.as_ref().map_or("nobody".to_owned(), ToString::to_string);
    let whom = whom.replace("arn:aws:organizations::999900001111:", "");
    format!("{} {whom}: {}", target.side, verdict(&target.standing, target.refusal.as_ref()))
}

fn stale(tree: &Tree) -> Organization<'_> {
    Organization::Known { tree, current: false, sharing: Some(true), at: at(0) }
}

fn sharing_off(tree: &Tree) -> Organization<'_> {
    Organization::Known { tree, current: true, sharing: Some(false), at: at(0) }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn each_kind_of_target_under_each_state_of_the_organization() {
    let tree = tree();
    let columns = [known(&tree), stale(&tree), sharing_off(&tree), Organization::Unknown, Organization::None];
    let reader = "arn:aws:iam::222233334444:role/reader";
    let table: [(Target, [&str; 5]); 8] = [
        (
            organization(),
            [
                "inner organization/o-acme: granted",
                "inner organization/o-acme: held TreeStale",
                "inner organization/o-acme: held OrgSharingNotEnabled",
                "inner nobody: held TreeUnknown",
                "inner nobody: refused Tree NameUnknown",
            ],
        ),
        (
            unit("Root/Workloads/Prod"),
            [
                "inner ou/o-acme/ou-r-prod: granted",
                "inner ou/o-acme/ou-r-prod: held TreeStale",
                "inner ou/o-acme/ou-r-prod: held OrgSharingNotEnabled",
                "inner nobody: held TreeUnknown",
                "inner nobody: refused Tree NameUnknown",
            ],
        ),
        (
            account("data-prod"),
            [
                "inner 222233334444: granted",
                "inner 222233334444: held TreeStale",
                "inner 222233334444: held OrgSharingNotEnabled",
                "inner nobody: held TreeUnknown",
                "inner nobody: refused Tree NameUnknown",
            ],
        ),
        (
            account(DATA),
            [
                "inner 222233334444: granted",
                "inner 222233334444: held TreeStale",
                "inner 222233334444: held OrgSharingNotEnabled",
                "inner 222233334444: held TreeUnknown",
                "inner 222233334444: refused Tree WrongSide",
            ],
        ),
        (
            account(OWNER),
            [
                "inner 111122223333: granted",
                "inner 111122223333: granted",
                "inner 111122223333: granted",
                "inner 111122223333: granted",
                "inner 111122223333: granted",
            ],
        ),
        (
            role(reader),
            [
                "inner arn:aws:iam::222233334444:role/reader: granted",
                "inner arn:aws:iam::222233334444:role/reader: held TreeStale",
                "inner arn:aws:iam::222233334444:role/reader: held OrgSharingNotEnabled",
                "inner arn:aws:iam::222233334444:role/reader: held TreeUnknown",
                "inner arn:aws:iam::222233334444:role/reader: refused Tree WrongSide",
            ],
        ),
        (
            outside(PARTNER, days(80)),
            [
                "outer 999988887777: granted",
                "outer 999988887777: granted",
                "outer 999988887777: granted",
                "outer 999988887777: held TreeUnknown",
                "outer 999988887777: granted",
            ],
        ),
        (outside(PARTNER, at(0)), ["outer 999988887777: refused Expired Expired"; 5]),
    ];
    for (declared, expected) in table {
        let found = columns.map(|organization| target(declared.clone(), organization));
        assert_eq!(found, expected.map(str::to_owned));
    }
}

#[test]
fn what_is_declared_on_the_wrong_side_or_of_no_form_is_refused_with_its_reason() {
    let tree = tree();
    let table = [
        (account(PARTNER), "inner 999988887777: refused Tree WrongSide"),
        (
            role("arn:aws:iam::999988887777:role/clerk"),
            "inner arn:aws:iam::999988887777:role/clerk: refused Tree WrongSide",
        ),
        (outside(DATA, days(1)), "outer 222233334444: refused Tree WrongSide"),
        (outside(OWNER, days(1)), "outer 111122223333: refused Tree WrongSide"),
        (outside("o-acme", days(1)), "outer o-acme: refused Edit InvalidRequest"),
        (
            outside_role("arn:aws:iam::999988887777:root", days(1)),
            "outer nobody: refused Edit InvalidRequest",
        ),
        (role("reader"), "inner nobody: refused Edit InvalidRequest"),
        (Target::default(), "inner nobody: refused Edit InvalidRequest"),
        (
            Target { organization: Some(false), ..Target::default() },
            "inner nobody: refused Edit InvalidRequest",
        ),
        (account("twin"), "inner nobody: refused Edit NameAmbiguous"),
        (account("nobody"), "inner nobody: refused Edit NameUnknown"),
        (unit("ou-r-gone"), "inner nobody: refused Tree NameUnknown"),
        (service("x.amazonaws.com"), "inner x.amazonaws.com: refused Edit TargetUnsupported"),
        (outside("888877776666", days(1)), "outer 888877776666: refused Policy NotPermitted"),
        (outside(PARTNER, days(91)), "outer 999988887777: refused Policy NotPermitted"),
        (
            Target { until: None, ..outside(PARTNER, days(1)) },
            "outer 999988887777: refused Policy NotPermitted",
        ),
        // An end is an end on either slot.
        (
            Target { until: outside(PARTNER, at(-1)).until, ..account(DATA) },
            "inner 222233334444: refused Expired Expired",
        ),
    ];
    for (declared, expected) in table {
        assert_eq!(target(declared, known(&tree)), expected);
    }
    let mut shut = share("hub").of(&[POOL]).with([outside(PARTNER, days(1))]);
    assert_eq!(target_of(&shut, known(&tree)), "outer 999988887777: refused Policy NotPermitted");
    shut.spec.allow_external = true;
    assert_eq!(target_of(&shut, known(&tree)), "outer 999988887777: granted");
}

#[test]
fn a_name_that_moved_is_held_at_what_it_meant_and_policy_still_applies_to_that() {
    let tree = tree();
    let to_prod = share("hub").of(&[POOL]).with([unit("Root/Workloads/Prod")]);
    let moved = to_prod.pinned(PinKind::OrganizationalUnit, "Root/Workloads/Prod", "ou-r-test");
    assert_eq!(target_of(&moved, known(&tree)), "inner ou/o-acme/ou-r-test: held NameMoved");
    let only_prod = policy().allowing(|allow| {
        allow.organization = false;
        allow.organizational_units = vec!["ou-r-prod".into()];
    });
    let resolved = resolved(&moved, known(&tree), &[only_prod]);
    let refused = &resolved.targets[0];
    assert_eq!(verdict(&refused.standing, refused.refusal.as_ref()), "refused Policy NotPermitted");
    assert_eq!(refused.pin.as_ref().unwrap().id, "ou-r-test");
}

#[test]
fn a_pinned_account_is_known_by_its_pin_while_the_tree_is_not() {
    let pinned =
        share("hub").of(&[POOL]).with([account("data-prod")]).pinned(PinKind::Account, "data-prod", DATA);
    assert_eq!(target_of(&pinned, Organization::Unknown), "inner 222233334444: held TreeUnknown");
    let resolved = resolved(&pinned, Organization::Unknown, &letting_in());
    assert!(!resolved.containers[&Slot::Inner].unresolved);
    let unit = share("hub").of(&[POOL]).with([unit("Root/Workloads")]);
    assert!(
        super::tests::resolved(&unit, Organization::Unknown, &letting_in()).containers[&Slot::Inner]
            .unresolved
    );
}

#[test]
fn what_a_resource_type_does_not_take_is_refused_for_the_target() {
    let tree = tree();
    let clerk = "arn:aws:iam::999988887777:role/clerk";
    let reader = "arn:aws:iam::222233334444:role/reader";
    let authority = "arn:aws:acm-pca:eu-west-1:111122223333:certificate-authority/ca";
    let table = [
        ("subnet/s-1", account(DATA), "granted"),
        ("subnet/s-1", outside(PARTNER, days(1)), "refused Edit TypeUnsupported"),
        ("subnet/s-1", role(reader), "refused Edit TargetUnsupported"),
        (GATEWAY, role(reader), "refused Edit TargetUnsupported"),
        (GATEWAY, outside(PARTNER, days(1)), "granted"),
        (GATEWAY, outside_role(clerk, days(1)), "refused Edit TargetUnsupported"),
        (POOL, role(reader), "granted"),
        (POOL, outside_role(clerk, days(1)), "granted"),
        ("security-group/sg-1", role(reader), "granted"),
        ("security-group/sg-1", outside_role(clerk, days(1)), "refused Edit TypeUnsupported"),
        (authority, service("pca-connector-ad.amazonaws.com"), "granted"),
        (GATEWAY, service("pca-connector-ad.amazonaws.com"), "refused Edit TargetUnsupported"),
    ];
    for (resource, declared, expected) in table {
        let share = share("hub").of(&[resource]).with([declared]).open();
        let resolved = resolved(&share, known(&tree), &letting_in());
        let target = &resolved.targets[0];
        assert_eq!(
            verdict(&target.standing, target.refusal.as_ref()),
            expected,
            "{resource} {}",
            target.declared_as
        );
    }
    // One type that does not take it speaks for the whole Share: a container grants all it holds to everybody in it.
    let mixed = share("hub").of(&[POOL, "subnet/s-1"]).with([role(reader)]);
    assert!(target_of(&mixed, known(&tree)).ends_with("refused Edit TargetUnsupported"));
}

#[test]
fn each_resource_is_of_this_cell_and_of_a_known_type() {
    let tree = tree();
    let table = [
        ("arn:aws:ec2:eu-west-1:111122223333:subnet/s-1", "granted"),
        ("arn:aws:ec2:eu-west-1:222233334444:subnet/s-1", "refused Edit ResourceElsewhere"),
        ("arn:aws:ec2:us-east-1:111122223333:subnet/s-1", "refused Edit ResourceElsewhere"),
        ("arn:aws:networkmanager::111122223333:core-network/c-1", "refused Edit ResourceElsewhere"),
        ("arn:aws:ec2:eu-west-1:111122223333:instance/i-1", "refused Policy TypeUnknown"),
        ("arn:aws:ec2:eu-west-1:222233334444:instance/i-1", "refused Edit ResourceElsewhere"),
        ("arn:aws:ec2:us-east-1:111122223333:instance/i-1", "refused Edit ResourceElsewhere"),
        // No source says for certain that these are shared from one region only.
        ("arn:aws:ssm-incidents::111122223333:response-plan/r-1", "granted"),
        ("arn:aws:route53-recovery-control::111122223333:cluster/c-1", "granted"),
        ("arn:aws:ec2", "refused Edit InvalidRequest"),
    ];
    for (text, expected) in table {
        let resolved = resolved(&share("hub").of(&[text]), known(&tree), &[policy()]);
        let resource = &resolved.resources[text];
        assert_eq!(verdict(&resource.standing, resource.refusal.as_ref()), expected, "{text}");
    }
    let by_policy = |policies: &[SharingPolicy], organization| {
        let resolved = resolved(&share("hub").of(&[GATEWAY]), organization, policies);
        let resource = &resolved.resources[&ec2(GATEWAY)];
        verdict(&resource.standing, resource.refusal.as_ref())
    };
    let subnets = policy().allowing(|allow| allow.resource_types = vec!["ec2:Subnet".into()]);
    assert_eq!(by_policy(&[], known(&tree)), "refused Policy NoPolicy");
    assert_eq!(by_policy(&[subnets], known(&tree)), "refused Policy NotPermitted");
    assert_eq!(by_policy(&[], Organization::Unknown), "held TreeUnknown");
}

const THING: &str = "arn:aws:newservice:eu-west-1:111122223333:thing/t-1";

fn naming(types: &[&str], resources: &[&str]) -> SharingPolicy {
    let own = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
    policy().allowing(|allow| (allow.resource_types, allow.resources) = (own(types), own(resources)))
}

#[test]
fn what_this_version_knows_no_type_of_is_shared_only_where_a_policy_names_it_and_a_type_that_it_may_be() {
    let tree = tree();
    let things = "arn:aws:newservice:*:111122223333:thing/*";
    let instances = "arn:aws:ec2:eu-west-1:111122223333:instance/i-1";
    let table: [(&str, SharingPolicy, &str); 12] = [
        (THING, naming(&["newservice:Thing"], &[things]), "granted"),
        (THING, naming(&["NewService:anything"], &[THING]), "granted"),
        (THING, naming(&["newservice:Thing"], &[]), "refused Policy TypeUnknown"),
        (THING, naming(&["ec2:Subnet"], &[things]), "refused Policy TypeUnknown"),
        (THING, naming(&["oldservice:Thing"], &[things]), "refused Policy TypeUnknown"),
        (
            THING,
            naming(&["newservice:Thing"], &["arn:aws:newservice:*:111122223333:*"]),
            "refused Policy TypeUnknown",
        ),
        (
            THING,
            naming(&["newservice:Thing"], &["arn:aws:newservice:*:111122223333:th*/t-1"]),
            "refused Policy TypeUnknown",
        ),
        (
            THING,
            naming(&["newservice:Thing"], &["arn:aws:*:*:111122223333:thing/t-1"]),
            "refused Policy TypeUnknown",
        ),
        (
            THING,
            naming(&["newservice:Thing"], &["arn:aws:newservice:*:222233334444:thing/*"]),
            "refused Policy TypeUnknown",
        ),
        // That subnets may be shared says nothing of instances.
        (instances, naming(&["ec2:Subnet"], &[instances]), "refused Policy TypeUnknown"),
        (instances, naming(&["ec2:Instance"], &[instances]), "granted"),
        // And a type that this version knows is not shared for the sake of one that it does not.
        (&ec2(GATEWAY), naming(&["ec2:Instance"], &[&ec2(GATEWAY)]), "refused Policy NotPermitted"),
    ];
    for (resource, policy, expected) in table {
        let share = share("hub").of(&[resource]).with([account(DATA)]);
        let resolved = resolved(&share, known(&tree), &[policy]);
        let found = &resolved.resources[resource];
        assert_eq!(verdict(&found.standing, found.refusal.as_ref()), expected, "{resource}");
        assert_eq!(found.warning().is_some(), expected == "granted" && found.resource_type.is_none());
        let target = &resolved.targets[0];
        assert_eq!(verdict(&target.standing, target.refusal.as_ref()), expected, "{resource}");
    }
    let hub = share("hub").of(&[THING]).with([account(DATA)]);
    let of = |organization, policies: &[SharingPolicy]| {
        let resolved = resolved(&hub, organization, policies);
        let (thing, target) = (&resolved.resources[THING], &resolved.targets[0]);
        let all = [(&thing.standing, &thing.refusal), (&target.standing, &target.refusal)];
        all.map(|(standing, refusal)| verdict(standing, refusal.as_ref()))
    };
    let halves = [naming(&["newservice:Thing"], &[&ec2(GATEWAY)]), naming(&["ec2:Subnet"], &[things])];
    assert_eq!(of(known(&tree), &halves), ["refused Policy TypeUnknown"; 2]);
    let to_nobody = naming(&["newservice:Thing"], &[things]).allowing(|allow| allow.organization = false);
    assert_eq!(of(known(&tree), &[policy(), to_nobody]), ["granted", "refused Policy NotPermitted"]);
    assert_eq!(of(known(&tree), &[]), ["refused Policy NoPolicy"; 2]);
    assert_eq!(of(Organization::Unknown, &[]), ["held TreeUnknown"; 2]);
}

#[test]
fn resources_of_a_type_that_does_not_take_the_permission_are_left_as_they_are() {
    let tree = tree();
    let ours = "arn:aws:ram:eu-west-1:111122223333:permission/ours";
    let aws = "arn:aws:ram::aws:permission/AWSRAMPermissionFull";
    let policy = naming(
        &["ec2:TransitGateway", "ec2:SecurityGroup", "newservice:Thing"],
        &[&ec2(GATEWAY), &ec2("security-group/sg-1"), "arn:aws:newservice:*:111122223333:thing/*"],
    );
    let policy = policy.allowing(|allow| allow.permissions = vec![ours.into(), aws.into()]);
    let table = [
        (ec2(GATEWAY), "ec2:TransitGateway", ours, "held PermissionUnsupported"),
        (ec2(GATEWAY), "EC2:transitgateway", ours, "held PermissionUnsupported"),
        (ec2(GATEWAY), "ec2:TransitGateway", aws, "granted"),
        (ec2(GATEWAY), "ec2:SecurityGroup", ours, "granted"),
        (ec2("security-group/sg-1"), "ec2:SecurityGroup", ours, "granted"),
        // What AWS will call the type of this one, nobody knows yet.
        (THING.to_owned(), "newservice:Thing", aws, "held PermissionUnsupported"),
        (THING.to_owned(), "ec2:TransitGateway", ours, "granted"),
    ];
    for (resource, of, named, expected) in table {
        let share = share("hub").of(&[&resource]).with([account(DATA)]).permitting(of, named, "Default");
        let resolved = resolved(&share, known(&tree), std::slice::from_ref(&policy));
        let found = &resolved.resources[&resource];
        assert_eq!(verdict(&found.standing, found.refusal.as_ref()), expected, "{resource} {named}");
    }
}

#[test]
fn with_nothing_to_share_nobody_is_let_in() {
    let tree = tree();
    let verdict_of = |resource: &str, policies: &[SharingPolicy]| {
        let share = share("hub").of(&[resource]).with([outside("888877776666", days(300))]).open();
        let resolved = resolved(&share, known(&tree), policies);
        verdict(&resolved.targets[0].standing, resolved.targets[0].refusal.as_ref())
    };
    assert_eq!(verdict_of(GATEWAY, &[]), "refused Policy NoPolicy");
    assert_eq!(verdict_of("arn:aws:ec2:us-east-1:111122223333:subnet/s-1", &letting_in()), "held Waiting");
}

#[test]
fn the_permission_that_policy_is_asked_about_is_the_one_that_aws_gets() {
    let tree = tree();
    let mut share = share("hub").of(&["subnet/s-1"]).with([account(DATA)]);
    share = share.permitting("ec2:Subnet", "AWSRAMDefaultPermissionSubnet", "Default");
    // The schema takes these two for different types; AWS does not.
    share = share.permitting("EC2:subnet", "AWSRAMPermissionSubnetFull", "Default");
    let resolved = resolved(&share, known(&tree), &[policy()]);
    assert_eq!(verdict(&resolved.targets[0].standing, None), "granted");
    let wanted = &resolved.containers[&Slot::Inner].permissions["ec2:Subnet"];
    assert_eq!(wanted.arn, "arn:aws:ram::aws:permission/AWSRAMDefaultPermissionSubnet");
}

#[test]
fn a_permission_named_by_its_types_older_name_is_not_passed_over_for_the_default() {
    let tree = tree();
    let application = "arn:aws:servicecatalog:eu-west-1:111122223333:/applications/a-1";
    let share = share("apps").of(&[application]).with([account(DATA)]);
    let share = share.permitting("servicecatalog:Application", "AWSRAMPermissionReadOnly", "Default");
    let allowing = policy().allowing(|allow| {
        allow.resource_types = vec!["servicecatalog:Applications".into()];
        allow.permissions = vec!["AWSRAMPermissionReadOnly".into()];
    });
    let resolved = resolved(&share, known(&tree), &[allowing]);
    let wanted = &resolved.containers[&Slot::Inner].permissions["servicecatalog:Applications"];
    assert_eq!(wanted.arn, "arn:aws:ram::aws:permission/AWSRAMPermissionReadOnly");
}

#[test]
fn a_principal_declared_twice_gets_the_most_and_loses_it_for_what_nobody_may_delay() {
    let tree = tree();
    let standing = |share: &Share| {
        let resolved = resolved(share, known(&tree), &letting_in());
        let inner = &resolved.containers[&Slot::Inner].principals;
        let outer = &resolved.containers[&Slot::Outer].principals;
        inner.values().chain(outer.values()).map(|s| verdict(s, None)).collect::<Vec<_>>()
    };
    let twice = |resource: &str, one: &Target, two: &Target| {
        let of = |a: &Target, b: &Target| {
            standing(&share("hub").of(&[resource]).with([a.clone(), b.clone()]).open())
        };
        assert_eq!(of(one, two), of(two, one));
        of(one, two)
    };
    assert_eq!(twice(POOL, &account(DATA), &account("data-prod")), ["granted"]);
    let (ended, running) = (outside(PARTNER, at(-1)), outside(PARTNER, days(9)));
    assert_eq!(twice(POOL, &ended, &running), ["granted"]);
    assert_eq!(twice("subnet/s-1", &ended, &running), ["refused Expired"]);
}

#[test]
fn how_a_share_departs_decides_what_becomes_of_its_grants() {
    let tree = tree();
    let orphans = policy().allowing(|allow| allow.orphan = true);
    let by_unit = orphans
        .clone()
        .owned(Owners { organizational_units: vec!["Root/Infrastructure".into()], ..Owners::default() });
    let keep = share("hub").of(&[GATEWAY]).with([account(DATA)]);
    let orphan = keep.clone().orphaning();
    let table: [(&Share, Departure, &[SharingPolicy], Organization<'_>, Fate); 9] = [
        (&keep, Stays, &[policy()], known(&tree), Fate::Keep),
        (&keep, Deleted, &[policy()], known(&tree), Fate::Revoke),
        (&keep, Deleted, &[], Organization::Unknown, Fate::Revoke),
        (&keep, SweptAway, &[], known(&tree), Fate::Release),
        (&orphan, Deleted, &[orphans], known(&tree), Fate::Release),
        (&orphan, Deleted, &[policy()], known(&tree), Fate::Revoke),
        (&orphan, Deleted, &[], known(&tree), Fate::Revoke),
        (&orphan, Deleted, std::slice::from_ref(&by_unit), known(&tree), Fate::Release),
        // Nobody can say yet whether it may orphan, and a revocation is final.
        (&orphan, Deleted, std::slice::from_ref(&by_unit), Organization::Unknown, Fate::Undecided),
    ];
    for (share, departure, policies, organization, expected) in table {
        let resolved = resolved_as(share, departure, organization, policies, at(0));
        assert_eq!(resolved.fate, expected);
        assert_eq!(resolved.containers.is_empty(), expected == Fate::Release);
        let gone = resolved.containers.values().all(|c| c.presence == Presence::Gone);
        assert_eq!(gone, matches!(expected, Fate::Release | Fate::Revoke));
    }
    let refusals = |share: &Share, organization| resolved(share, organization, &[policy()]).refusals.len();
    assert_eq!(refusals(&orphan, known(&tree)), 1);
    assert_eq!(refusals(&orphan, Organization::Unknown), 0);
    assert_eq!(refusals(&keep, known(&tree)), 0);
}

#[test]
fn a_share_has_an_inner_and_an_outer_container_and_never_a_mixed_one() {
    let tree = tree();
    let both = share("hub").of(&[GATEWAY]).with([account(DATA), outside(PARTNER, days(9))]).open();
    let resolved = resolved(&both, known(&tree), &letting_in());
    let slot = |slot| {
        let c = &resolved.containers[&slot];
        let whom: Vec<String> = c.granted_principals().map(ToString::to_string).collect();
        (c.name.clone(), c.presence, whom)
    };
    assert_eq!(slot(Slot::Inner), ("network-team.hub".into(), Presence::Wanted, vec![DATA.into()]));
    assert_eq!(
        slot(Slot::Outer),
        ("network-team.hub.outside".into(), Presence::Wanted, vec![PARTNER.into()])
    );
    let inside_only = super::tests::resolved(&share("hub").of(&[GATEWAY]), known(&tree), &letting_in());
    assert_eq!(inside_only.containers[&Slot::Inner].presence, Presence::IfThere);
    assert_eq!(inside_only.containers[&Slot::Outer].presence, Presence::Gone);
}

#[test]
fn an_outside_term_is_counted_from_the_first_declaration_on_record() {
    let tree = tree();
    let share = share("hub").of(&[POOL]).with([outside(PARTNER, days(60))]).open();
    assert_eq!(target_of(&share, known(&tree)), "outer 999988887777: granted");
    let renewed = share.declared(PARTNER, days(-40));
    assert_eq!(target_of(&renewed, known(&tree)), "outer 999988887777: refused Policy NotPermitted");
    let resolved = resolved(&renewed, known(&tree), &letting_in());
    assert_eq!(resolved.targets[0].declared_at, Some(days(-40)));
}

#[test]
fn the_digest_moves_with_what_would_be_in_aws_and_with_nothing_else() {
    let tree = tree();
    let base = || share("hub").of(&[GATEWAY]).with([account(DATA)]);
    let digest = |share: &Share| resolved(share, known(&tree), &letting_in()).digest;
    let mut renamed = base();
    renamed.spec.name = Some("other".into());
    for other in [
        renamed,
        base().of(&[POOL]),
        base().with([account("333344445555")]),
        base().permitting("ec2:TransitGateway", "AWSRAMDefaultPermissionTransitGateway", "Default"),
        ShareWords::tagged(base(), "team", "net"),
    ] {
        assert_ne!(digest(&other), digest(&base()));
    }
    let mut suspended = base().declared(PARTNER, at(0)).applied("some digest");
    suspended.spec.suspend = true;
    suspended.metadata.generation = Some(7);
    assert_eq!(digest(&suspended), digest(&base()));
    assert!(resolved(&base().applied(digest(&base()).as_str()), known(&tree), &letting_in()).was_applied());
}
