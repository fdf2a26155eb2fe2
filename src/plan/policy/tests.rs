use super::*;
use crate::{
    api::sharing_policy::{Allow, Limits, Owners},
    org::{Tree, tree::tests::tree},
    plan::fixture::*,
};

const GATEWAY: &str = "transit-gateway/tgw-1";

fn term(until_days: i64, declared_days: i64, now_days: i64) -> Term {
    Term { until: days(until_days), declared_at: days(declared_days), now: days(now_days) }
}

type Change = fn(&mut Allow);

/// What one policy says of one question: `yes`, `no policy`, or its own words behind `open `.
fn answer(
    policy: &SharingPolicy,
    tree: &Tree,
    whom: &str,
    permission: Option<&str>,
    outside: Option<Term>,
) -> String {
    let (resource, whom) = (arn(&ec2(GATEWAY)), principal(whom));
    let resource_type = ResourceType::of(&resource);
    let question =
        Question { resource: &resource, resource_type, permission, principal: &whom, outside, targets: 3 };
    let owner = OWNER.parse().unwrap();
    let answer = Policies::of([policy], TEAM, &owner, SET, known(tree)).allow(&question);
    match answer {
        Ok(()) => "yes".into(),
        Err(refusal) if refusal.reason == Reason::NoPolicy => "no policy".into(),
        Err(refusal) => {
            assert_eq!(refusal.reason, Reason::NotPermitted);
            let words = refusal.message.split(": open ").nth(1).unwrap().to_owned();
            words.trim_end_matches("; ask the security team, or remove the target").to_owned()
        }
    }
}

#[test]
fn a_policy_speaks_of_its_namespaces_and_owners_only() {
    let tree = tree();
    let owners = |accounts: &[&str], units: &[&str], sets: &[&str]| {
        let own = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        Owners { accounts: own(accounts), organizational_units: own(units), account_sets: own(sets) }
    };
    let table = [
        (owners(&[], &[], &[SET]), "yes"),
        (owners(&[], &[], &["another"]), "no policy"),
        (owners(&[OWNER], &[], &[]), "yes"),
        (owners(&["network-prod"], &[], &[]), "yes"),
        (owners(&["data-prod"], &[], &[]), "no policy"),
        (owners(&[], &["Root/Infrastructure"], &[]), "yes"),
        (owners(&[], &["ou-r-net"], &[]), "yes"),
        (owners(&[], &["Root/Workloads"], &[]), "no policy"),
        (owners(&["twin"], &[], &[]), "no policy"),
        (owners(&[], &["Root/Nowhere"], &[]), "no policy"),
    ];
    for (owners, expected) in table {
        assert_eq!(answer(&policy().owned(owners.clone()), &tree, DATA, None, None), expected, "{owners:?}");
    }
    let mut elsewhere = policy();
    elsewhere.spec.namespaces = vec!["network-team-2".into()];
    assert_eq!(answer(&elsewhere, &tree, DATA, None, None), "no policy");
}

#[test]
fn a_name_in_a_policy_keeps_meaning_what_it_meant() {
    let tree = tree();
    let to_prod = policy().allowing(|allow| {
        allow.organization = false;
        allow.organizational_units = vec!["Root/Workloads/Prod".into()];
    });
    assert_eq!(answer(&to_prod, &tree, DATA, None, None), "yes");
    let moved = to_prod.pinned(crate::api::PinKind::OrganizationalUnit, "Root/Workloads/Prod", "ou-r-test");
    assert_eq!(answer(&moved, &tree, DATA, None, None), "does not allow this target");
    assert_eq!(answer(&moved, &tree, "444455556666", None, None), "yes");
}

#[test]
fn each_clause_about_the_resource_decides() {
    let tree = tree();
    let table: [(Change, &str); 8] = [
        (|allow| allow.resource_types = vec!["EC2:transitgateway".into()], "yes"),
        (|allow| allow.resource_types = vec!["ec2:Subnet".into()], "no"),
        (|allow| allow.resources = vec!["arn:aws:ec2:*:111122223333:transit-gateway/*".into()], "yes"),
        (
            |allow| allow.resources = vec!["arn:aws:ec2:eu-west-?:111122223333:transit-gateway/tgw-?".into()],
            "yes",
        ),
        (|allow| allow.resources = vec!["arn:aws:ec2:us-*:111122223333:transit-gateway/*".into()], "no"),
        (|allow| allow.resources = vec!["arn:aws:ec2:*:222233334444:transit-gateway/*".into()], "no"),
        (|allow| allow.resources = vec!["*".into()], "no"),
        (|allow| allow.resource_types.clear(), "no"),
    ];
    for (change, expected) in table {
        let policy = policy().allowing(change);
        let words = answer(&policy, &tree, DATA, None, None);
        let refused = format!("does not allow {}", ec2(GATEWAY));
        assert_eq!(
            words,
            if expected == "yes" { "yes".to_owned() } else { refused },
            "{:?}",
            policy.spec.allow
        );
        let resource = arn(&ec2(GATEWAY));
        let owner = OWNER.parse().unwrap();
        let policies = Policies::of([&policy], TEAM, &owner, SET, known(&tree));
        let of_resource = policies.allow_resource(&resource, ResourceType::of(&resource));
        assert_eq!(of_resource.is_ok(), expected == "yes");
    }
}

#[test]
fn a_wildcard_stays_in_its_field_of_the_arn() {
    let resource = arn("arn:aws:ec2:eu-west-1:111122223333:subnet/a:222233334444:subnet/b");
    assert!(!matches_arn("arn:aws:ec2:*:222233334444:subnet/*", &resource));
    assert!(matches_arn("arn:aws:ec2:*:111122223333:subnet/*", &resource));
}

#[test]
fn patterns_match_whole_texts() {
    let table = [
        ("", "", true),
        ("", "a", false),
        ("*", "", true),
        ("a*", "abc", true),
        ("*c", "abc", true),
        ("a*c*e", "abcde", true),
        ("a*c*e", "abcd", false),
        ("a*a", "a", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("?", "é", true),
        ("a*b*b", "ab", false),
        ("*ab", "aab", true),
        ("a.c", "abc", false),
    ];
    for (pattern, text, expected) in table {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
    let long = "a".repeat(2000);
    assert!(!matches(&format!("{}b", "*a".repeat(200)), &long), "and ends in reasonable time");
}

#[test]
fn each_clause_about_the_target_decides() {
    let tree = tree();
    let only = |change: fn(&mut Allow)| {
        policy()
            .allowing(|allow| allow.organization = false)
            .allowing(|allow| allow.principals.clear())
            .allowing(change)
    };
    let unit = |id: &str| unit_arn(id);
    let organization = "arn:aws:organizations::999900001111:organization/o-acme";
    let reader = "arn:aws:iam::222233334444:role/reader";
    let no = "does not allow this target";
    let table: Vec<(SharingPolicy, String, &str)> = vec![
        (only(|_| {}), DATA.into(), no),
        (only(|_| {}), OWNER.into(), "yes"),
        (only(|_| {}), organization.into(), no),
        (only(|a| a.organization = true), organization.into(), "yes"),
        (only(|a| a.organization = true), unit("ou-r-prod"), "yes"),
        (only(|a| a.organization = true), DATA.into(), "yes"),
        (only(|a| a.organizational_units = vec!["Root/Workloads".into()]), unit("ou-r-work"), "yes"),
        (only(|a| a.organizational_units = vec!["Root/Workloads".into()]), unit("ou-r-prod"), "yes"),
        (only(|a| a.organizational_units = vec!["Root/Workloads".into()]), DATA.into(), "yes"),
        (only(|a| a.organizational_units = vec!["Root/Workloads/Prod".into()]), unit("ou-r-work"), no),
        (only(|a| a.organizational_units = vec!["Root/Workloads".into()]), unit("ou-r-net"), no),
        (only(|a| a.organizational_units = vec!["Root/Workloads".into()]), unit("ou-r-workx"), no),
        (only(|a| a.organizational_units = vec!["Root/Workloads".into()]), organization.into(), no),
        (only(|a| a.accounts = vec!["data-prod".into()]), DATA.into(), "yes"),
        (only(|a| a.accounts = vec![DATA.into()]), "333344445555".into(), no),
        // An ambiguous name allows neither.
        (only(|a| a.accounts = vec!["twin".into()]), "333344445555".into(), no),
        (only(|a| a.accounts = vec![DATA.into()]), reader.into(), "does not allow roles"),
        (
            only(|a| (a.accounts, a.principals) = (vec![DATA.into()], vec![PrincipalKind::Role])),
            reader.into(),
            "yes",
        ),
        (only(|a| a.principals = vec![PrincipalKind::Role]), reader.into(), no),
        (
            only(|a| a.principals = vec![PrincipalKind::Role]),
            "arn:aws:iam::222233334444:user/jo".into(),
            "does not allow users",
        ),
        (only(|_| {}), "x.amazonaws.com".into(), "does not allow services"),
        (only(|a| a.principals = vec![PrincipalKind::Service]), "x.amazonaws.com".into(), "yes"),
        (only(|a| a.organization = true), "something else".into(), no),
    ];
    for (policy, whom, expected) in table {
        assert_eq!(answer(&policy, &tree, &whom, None, None), expected, "{whom} by {:?}", policy.spec.allow);
    }
}

#[test]
fn an_outside_target_needs_its_account_its_kind_and_its_term() {
    let tree = tree();
    let clerk = format!("arn:aws:iam::{PARTNER}:role/clerk");
    let inside = policy();
    let once = policy().letting_in(PARTNER, "90d", false);
    let again = policy().letting_in(PARTNER, "90d", true);
    let no_roles = once.clone().allowing(|allow| allow.principals.clear());
    let broken = policy().letting_in(PARTNER, "soon", false);
    let table: Vec<(&str, &SharingPolicy, &str, Term, &str)> = vec![
        ("nobody", &inside, PARTNER, term(1, 0, 0), "allows nothing outside the organization"),
        ("listed", &once, PARTNER, term(90, 0, 0), "yes"),
        (
            "another",
            &once,
            "888877776666",
            term(1, 0, 0),
            "does not allow 888877776666 outside the organization",
        ),
        ("role", &once, &clerk, term(90, 0, 0), "yes"),
        ("no roles", &no_roles, &clerk, term(90, 0, 0), "does not allow roles"),
        ("no account", &once, "somebody", term(1, 0, 0), "does not allow somebody outside the organization"),
        (
            "service",
            &once,
            "x.amazonaws.com",
            term(1, 0, 0),
            "does not allow x.amazonaws.com outside the organization",
        ),
        ("moved on", &once, PARTNER, term(120, 0, 60), "too long"),
        ("renewed", &again, PARTNER, term(120, 0, 60), "yes"),
        ("renewed too far", &again, PARTNER, term(151, 0, 60), "too long"),
        ("at once too long", &once, PARTNER, term(91, 0, 0), "too long"),
        ("unreadable duration", &broken, PARTNER, term(1, 0, 0), "too long"),
    ];
    for (case, policy, whom, term, expected) in table {
        let words = answer(policy, &tree, whom, None, Some(term));
        let too_long = words.contains("at most, counted from");
        assert_eq!(if too_long { "too long" } else { words.as_str() }, expected, "{case}");
    }
}

#[test]
fn only_defaults_reading_and_what_is_listed_are_permissions() {
    let tree = tree();
    let managed = "arn:aws:ram::aws:permission/";
    let own = "arn:aws:ram:eu-west-1:111122223333:permission/";
    let listing = |name: &str| policy().allowing(|allow| allow.permissions = vec![name.into()]);
    let table = [
        (policy(), "AWSRAMDefaultPermissionTransitGateway".to_owned(), true),
        (policy(), format!("{managed}AWSRAMDefaultPermissionTransitGateway"), true),
        (policy(), "AWSRAMPermissionTransitGatewayReadAccess".into(), true),
        (policy(), "AWSRAMPermissionTransitGatewayReadWrite".into(), false),
        (policy(), "OursReadOnly".into(), false),
        // A permission of our own that is named like one of AWS's is not one of AWS's.
        (policy(), format!("{own}AWSRAMDefaultPermissionTransitGateway"), false),
        (policy(), format!("{own}x:ram::aws:permission/AWSRAMDefaultPermissionTransitGateway"), false),
        (listing(&format!("{own}ours")), format!("{own}ours"), true),
        (listing("ours"), format!("{own}ours"), false),
        (listing("AWSRAMPermissionFull"), format!("{managed}AWSRAMPermissionFull"), true),
        (listing(&format!("{managed}AWSRAMPermissionFull")), "AWSRAMPermissionFull".into(), true),
        (listing("AWSRAMPermissionFull"), format!("{own}AWSRAMPermissionFull"), false),
    ];
    for (policy, name, allowed) in table {
        let expected = if allowed { "yes".to_owned() } else { format!("does not allow permission {name}") };
        assert_eq!(answer(&policy, &tree, DATA, Some(&name), None), expected);
    }
}

#[test]
fn the_number_of_targets_is_limited() {
    let limited = |most| {
        let mut policy = policy();
        policy.spec.limits = Some(Limits { targets_per_share: Some(most) });
        policy
    };
    assert_eq!(answer(&limited(3), &tree(), DATA, None, None), "yes");
    assert_eq!(answer(&limited(2), &tree(), DATA, None, None), "allows at most 2 targets a Share");
}

#[test]
fn policies_add_up_but_no_two_make_one() {
    let tree = tree();
    let owner = OWNER.parse().unwrap();
    let gateways_to_nobody = policy().allowing(|allow| allow.organization = false);
    let subnets_to_all = policy().allowing(|allow| allow.resource_types = vec!["ec2:Subnet".into()]);
    let resource = arn(&ec2(GATEWAY));
    let question = Question {
        resource: &resource,
        resource_type: ResourceType::of(&resource),
        permission: None,
        principal: &principal(DATA),
        outside: None,
        targets: 1,
    };
    let apart = Policies::of([&gateways_to_nobody, &subnets_to_all], TEAM, &owner, SET, known(&tree));
    assert_eq!(apart.allow(&question).unwrap_err().reason, Reason::NotPermitted);
    let open = policy();
    let with_open =
        Policies::of([&gateways_to_nobody, &subnets_to_all, &open], TEAM, &owner, SET, known(&tree));
    assert_eq!(with_open.allow(&question), Ok(()));
}
