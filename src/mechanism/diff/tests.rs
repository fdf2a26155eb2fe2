//! The complaints of ram.md §8 that a difference can answer, each with its number, and the clauses of the diff.

use super::*;
use crate::{
    api::{Share, SharingPolicy},
    org::tree::tests::tree,
    plan::{
        fixture::*,
        gate::{Gate, Mode},
        observed::{AttachedPermission, Listing},
        resolve::Departure,
    },
};

const GATEWAY: &str = "transit-gateway/tgw-1";
const OTHER: &str = "transit-gateway/tgw-2";
const TYPE: &str = "ec2:TransitGateway";

fn hub() -> Share {
    share("hub").of(&[GATEWAY]).with([account("data-prod")]).open()
}

/// What is to be done about one slot of a Share, as lines.
fn difference(share: &Share, slot: &Slot, listing: &Listing) -> Vec<String> {
    let policies = [policy().letting_in(PARTNER, "400d", false)];
    difference_under(share, Departure::Stays, slot, listing, &policies)
}

fn difference_under(
    share: &Share,
    departure: Departure,
    slot: &Slot,
    listing: &Listing,
    policies: &[SharingPolicy],
) -> Vec<String> {
    let tree = tree();
    let share = &on_record(share, listing);
    let desired = resolved_as(share, departure, known(&tree), policies, at(0));
    let mark = Mark {
        installation: US.into(),
        share: desired.key.clone(),
        uid: desired.uid.clone(),
        slot: slot.clone(),
    };
    let claim = crate::plan::claim::claim(
        &crate::plan::claim::Marked::of(listing),
        &mark,
        desired.ledger.get(slot),
        &NOTHING,
        Timestamp::UNIX_EPOCH,
    );
    differences(&diff(&desired, &desired.containers[slot], &claim, &mark, &BTreeSet::new(), at(0)))
}

fn inner(share: &Share, container: Container) -> Vec<String> {
    difference(share, &Slot::Inner, &listing([container]))
}

fn right() -> Container {
    ours("hub", &Slot::Inner).to(DATA, "ASSOCIATED").sharing(GATEWAY, "ASSOCIATED")
}

#[test]
fn t01_a_tombstone_with_the_same_name_and_tags_is_not_the_share() {
    for state in ["DELETED", "DELETING"] {
        let tombstone = right().being(state);
        assert_eq!(inner(&hub(), tombstone.clone()), ["create (Widen, Edit)"]);
        let live = Container { id: container_id("z-later"), ..right() };
        assert_eq!(difference(&hub(), &Slot::Inner, &listing([tombstone, live])), [""; 0]);
    }
}

#[test]
fn t02_t36_what_was_taken_out_by_hand_is_put_back() {
    let ghost = right().to(DATA, "DISASSOCIATED");
    assert_eq!(inner(&hub(), ghost), ["+222233334444 (Widen, Edit)"]);
    let gone = ours("hub", &Slot::Inner).sharing(GATEWAY, "ASSOCIATED");
    let tree = tree();
    let digest = resolved(&hub(), known(&tree), &[policy().letting_in(PARTNER, "400d", false)]).digest;
    assert_eq!(inner(&hub().applied(digest.as_str()), gone), ["+222233334444 (Widen, Drift)"]);
    let on_its_way = right().to(DATA, "DISASSOCIATING");
    assert_eq!(inner(&hub(), on_its_way), ["waits: 222233334444 is added once AWS has finished removing it"]);
}

#[test]
fn t04_a_principal_that_is_gone_from_aws_needs_no_removal() {
    let share = share("hub").of(&[GATEWAY]);
    assert_eq!(inner(&share, ours("hub", &Slot::Inner).sharing(GATEWAY, "ASSOCIATED")), [""; 0]);
    let closed = ours("hub", &Slot::Inner).to("123456789100", "DISASSOCIATED").sharing(GATEWAY, "ASSOCIATED");
    assert_eq!(inner(&share, closed), [""; 0]);
}

#[test]
fn t05_six_hundred_principals_that_are_right_are_no_difference() {
    let mut tree = tree();
    let ids: Vec<String> = (0..600).map(|i| format!("5{i:011}")).collect();
    let one = tree.accounts[&DATA.parse().unwrap()].clone();
    tree.accounts.extend(ids.iter().map(|id| (id.parse().unwrap(), one.clone())));
    let share = share("hub").of(&[GATEWAY]).with(ids.iter().map(|id| account(id)));
    let mut container = ours("hub", &Slot::Inner).sharing(GATEWAY, "ASSOCIATED");
    for id in &ids {
        container = container.to(id, "ASSOCIATED");
    }
    let desired = resolved(&share, known(&tree), &[policy()]);
    let mark = container.mark().unwrap();
    let of = |container: &Container| {
        diff(
            &desired,
            &desired.containers[&Slot::Inner],
            &Claim::Found(container),
            &mark,
            &BTreeSet::new(),
            at(0),
        )
    };
    assert_eq!(differences(&of(&container)), [""; 0]);
    container.principals.remove(&principal(&ids[599]));
    assert_eq!(differences(&of(&container)), ["+500000000599 (Widen, Found)"]);
}

#[test]
fn t08_a_share_made_a_moment_ago_is_not_made_again_until_silence_has_lasted() {
    let id = container_id("new");
    let share = hub().holding(&Slot::Inner, Some(&id), 1);
    let lines = difference(&share, &Slot::Inner, &listing([]));
    assert_eq!(lines, ["waits: AWS does not list new yet, which was made a moment ago"]);
}

#[test]
fn t09_t11_t12_t14_what_is_under_way_is_there() {
    for state in ["ASSOCIATING", "ASSOCIATED", "SUSPENDING", "SUSPENDED", "RESTORING", "INVENTED"] {
        assert_eq!(inner(&hub(), right().to(DATA, state)), [""; 0], "{state}");
        assert_eq!(inner(&hub(), right().sharing(GATEWAY, state)), [""; 0], "{state}");
    }
    let clerk = "arn:aws:iam::999988887777:role/clerk";
    let pool = "ipam-pool/pool-1";
    let share =
        share("hub").of(&[pool]).with([outside(PARTNER, days(300)), outside_role(clerk, days(300))]).open();
    let invited = ours("hub", &Slot::Outer)
        .to_outsider(PARTNER, "ASSOCIATING")
        .to_outsider(clerk, "ASSOCIATING")
        .sharing(pool, "ASSOCIATED");
    assert_eq!(difference(&share, &Slot::Outer, &listing([invited])), [""; 0]);
}

#[test]
fn t10_what_failed_is_named_taken_out_after_a_while_and_tried_again() {
    let failed = |age: i64| {
        let mut container = right().to(DATA, "FAILED");
        container.principals.get_mut(&principal(DATA)).unwrap().since = Some(at(-age));
        container
    };
    assert_eq!(inner(&hub(), failed(RETRY_FAILED_AFTER - 1)), [""; 0]);
    assert_eq!(inner(&hub(), failed(RETRY_FAILED_AFTER)), ["-222233334444 (Neutral, Edit)"]);
    // Without a time nothing says that it has stood for long.
    assert_eq!(inner(&hub(), right().to(DATA, "FAILED")), [""; 0]);
    // What nobody declares and failed anyway is only tidied up.
    assert_eq!(inner(&hub(), right().to("333344445555", "FAILED")), ["-333344445555 (Neutral, Edit)"]);
}

#[test]
fn t17_an_invitation_that_expired_is_asked_again() {
    let share = share("hub").of(&[GATEWAY]).with([outside(PARTNER, days(300))]).open();
    let expired =
        ours("hub", &Slot::Outer).to_outsider(PARTNER, "DISASSOCIATED").sharing(GATEWAY, "ASSOCIATED");
    assert_eq!(difference(&share, &Slot::Outer, &listing([expired])), ["+999988887777 (Widen, Edit)"]);
}

#[test]
fn t27_an_account_that_left_the_organization_is_refused_inside_and_not_invited() {
    let left = share("hub").of(&[GATEWAY]).with([account("555566667777")]);
    let still = ours("hub", &Slot::Inner).to("555566667777", "ASSOCIATED").sharing(GATEWAY, "ASSOCIATED");
    assert_eq!(inner(&left, still), ["-555566667777 (Narrow, Tree)"]);
    assert_eq!(inner(&left, ours("hub", &Slot::Inner).sharing(GATEWAY, "ASSOCIATED")), [""; 0]);
}

#[test]
fn t28_a_default_permission_is_right_whatever_its_version() {
    let old = AttachedPermission { is_default_version: false, ..default_permission(TYPE) };
    assert_eq!(inner(&hub(), right().permitting(TYPE, old)), [""; 0]);
}

#[test]
fn t29_t30_permissions_are_swapped_in_place_and_versions_follow() {
    let custom = "arn:aws:ram::aws:permission/ours";
    let policies = [policy().allowing(|allow| allow.permissions = vec![custom.into()])];
    let case = |version: &str, attached: AttachedPermission| {
        let share = hub().permitting(TYPE, custom, version);
        let listing = listing([right().permitting(TYPE, attached)]);
        difference_under(&share, Departure::Stays, &Slot::Inner, &listing, &policies)
    };
    let latest = permission(custom, "3");
    let older = AttachedPermission { is_default_version: false, ..permission(custom, "2") };
    let swap = "permission ec2:TransitGateway=ours (Widen, Edit)";
    let pinned = "permission ec2:TransitGateway=ours version 2 (Widen, Edit)";
    assert_eq!(case("Default", default_permission(TYPE)), [swap]);
    assert_eq!(case("Default", older.clone()), [swap]);
    assert_eq!(case("Default", latest.clone()), [""; 0]);
    assert_eq!(case("2", older.clone()), [""; 0]);
    assert_eq!(case("2", default_permission(TYPE)), [pinned]);
    assert_eq!(
        case("3", older),
        ["permission ec2:TransitGateway=ours version 3 (Widen, Edit)"],
        "the attached one is not the default, so the default may be the pinned one"
    );
    // Asked again for ever otherwise.
    assert_eq!(
        case("2", latest),
        [
            "waits: the permission for ec2:TransitGateway is changed once version 2 is the default version of ours in AWS, which is 3 now; pin that one or none"
        ]
    );
}

#[test]
fn t29_a_permission_swapped_behind_our_back_goes_back_to_the_default() {
    for other in [
        "arn:aws:ram::aws:permission/AWSRAMPermissionFull",
        "arn:aws:ram:eu-west-1:111122223333:permission/AWSRAMDefaultPermissionTransitGateway",
    ] {
        let lines = inner(&hub(), right().permitting(TYPE, permission(other, "1")));
        assert_eq!(lines, ["permission ec2:TransitGateway=default (Widen, Edit)"], "{other}");
    }
}

#[test]
fn the_permission_of_an_unknown_type_is_judged_by_the_name_that_ram_gives_it() {
    let thing = "arn:aws:newservice:eu-west-1:111122223333:thing/t-1";
    let share = share("hub").of(&[thing]).with([account(DATA)]);
    let naming = policy().allowing(|allow| {
        allow.resource_types = vec!["newservice:Thing".into()];
        allow.resources = vec![thing.into()];
    });
    let container = ours("hub", &Slot::Inner).to(DATA, "ASSOCIATED").sharing(thing, "ASSOCIATED");
    let of = |container: &Container| {
        let listing = listing([container.clone()]);
        difference_under(&share, Departure::Stays, &Slot::Inner, &listing, std::slice::from_ref(&naming))
    };
    let default = default_permission("newservice:TheThing");
    let full = permission("arn:aws:ram::aws:permission/AWSRAMPermissionThingFull", "1");
    // Until RAM has named the type nothing is missing.
    assert_eq!(of(&container), [""; 0]);
    assert_eq!(of(&container.clone().permitting("newservice:TheThing", default)), [""; 0]);
    assert_eq!(
        of(&container.clone().permitting("newservice:TheThing", full.clone())),
        ["permission newservice:TheThing=default (Widen, Edit)"]
    );
    // Of another service, or of a type that nothing declared is of: not this one's.
    assert_eq!(of(&container.clone().permitting("otherservice:Thing", full.clone())), [""; 0]);
    assert_eq!(of(&container.permitting("ec2:Subnet", full)), [""; 0]);
}

#[test]
fn t32_a_resource_without_any_permission_gets_its_default() {
    let mut without = right();
    without.permissions.clear();
    assert_eq!(inner(&hub(), without), ["permission ec2:TransitGateway=default (Widen, Edit)"]);
    let mut empty = ours("hub", &Slot::Inner).to(DATA, "ASSOCIATED");
    empty.permissions.clear();
    let mut leaving = ours("hub", &Slot::Inner).to(DATA, "ASSOCIATED").sharing(GATEWAY, "DISASSOCIATING");
    leaving.permissions.clear();
    assert_eq!(
        inner(&hub(), leaving),
        ["waits: transit-gateway/tgw-1 is added once AWS has finished removing it"]
    );
    // RAM attaches it with the first resource.
    assert_eq!(inner(&hub(), empty), ["+transit-gateway/tgw-1 (Widen, Edit)"]);
}

#[test]
fn t33_an_edit_removes_what_was_and_adds_what_is_and_nothing_twice() {
    let share = share("hub").of(&[GATEWAY]).with([account("333344445555"), account("444455556666")]);
    assert_eq!(
        inner(&share, right()),
        ["-222233334444 (Narrow, Edit)", "+333344445555 (Widen, Edit)", "+444455556666 (Widen, Edit)"]
    );
}

#[test]
fn a_principal_waits_for_resources_to_leave_and_a_resource_for_principals() {
    let share = share("hub").of(&[OTHER]).with([account("333344445555")]);
    assert_eq!(
        inner(&share, right()),
        [
            "-222233334444 (Narrow, Edit)",
            "-transit-gateway/tgw-1 (Narrow, Edit)",
            "waits: 333344445555 is added once transit-gateway/tgw-1 is out of the share",
            "waits: transit-gateway/tgw-2 is added once 222233334444 is out of the share",
        ]
    );
    let leaving = ours("hub", &Slot::Inner).to(DATA, "DISASSOCIATING").sharing(GATEWAY, "DISASSOCIATED");
    assert_eq!(
        inner(&share, leaving),
        [
            "+333344445555 (Widen, Edit)",
            "waits: transit-gateway/tgw-2 is added once 222233334444 is out of the share"
        ]
    );
}

#[test]
fn nobody_is_added_under_a_permission_that_is_about_to_change() {
    let full = permission("arn:aws:ram::aws:permission/AWSRAMPermissionFull", "1");
    let share = share("hub").of(&[GATEWAY]).with([account("333344445555")]);
    assert_eq!(
        inner(&share, right().permitting(TYPE, full.clone())),
        [
            "-222233334444 (Narrow, Edit)",
            "waits: the permission for ec2:TransitGateway is changed once 222233334444 is out of the share",
            "waits: 333344445555 is added once the permission for ec2:TransitGateway is changed",
        ]
    );
    let alone = ours("hub", &Slot::Inner).sharing(GATEWAY, "ASSOCIATED").permitting(TYPE, full.clone());
    assert_eq!(
        inner(&share, alone),
        ["permission ec2:TransitGateway=default (Widen, Edit)", "+333344445555 (Widen, Edit)"]
    );
    // Nor does a new permission reach a resource that is on its way out.
    assert_eq!(
        inner(&hub(), right().sharing(OTHER, "DISASSOCIATING").permitting(TYPE, full)),
        [
            "waits: the permission for ec2:TransitGateway is changed once transit-gateway/tgw-2 is out of the share"
        ]
    );
}

#[test]
fn t34_t37_t38_what_carries_anothers_mark_is_left_alone() {
    let id = right().id;
    let share = hub().holding(&Slot::Inner, Some(&id), 1);
    let table = [
        (right().marked("them", "hub", &Slot::Inner), "Share network-team/hub of installation them"),
        (right().marked(US, "spoke", &Slot::Inner), "Share network-team/spoke of installation us"),
        (right().marked(US, "hub", &Slot::Outer), "Share network-team/hub of installation us"),
        (
            Container {
                origin: crate::plan::observed::Origin::ServiceManaged("CREATED_FROM_POLICY".into()),
                ..right()
            },
            "AWS itself (feature set CREATED_FROM_POLICY)",
        ),
    ];
    for (container, whose) in table {
        let expected = format!("waits: hub-inner now belongs to {whose} and is left alone");
        assert_eq!(inner(&share, container), [expected]);
    }
}

#[test]
fn nothing_is_done_before_the_mark_is_right() {
    let id = right().id;
    let share = hub().holding(&Slot::Inner, Some(&id), 1);
    let mut stripped = right().to("333344445555", "ASSOCIATED");
    stripped.tags.clear();
    assert_eq!(inner(&share, stripped), ["mark (Neutral, Edit)"]);
    let restored = right().tagged("sharekeeper.dev/uid", "of an earlier life");
    assert_eq!(inner(&hub(), restored), ["mark (Neutral, Claim)"]);
    // A manifest from a folder has no UID of its own.
    let mut manifest = hub();
    manifest.metadata.uid = None;
    assert_eq!(inner(&manifest, right()), [""; 0]);
}

#[test]
fn states_of_a_share_that_no_write_fits_wait() {
    let table = [
        ("PENDING", "waits: hub-inner is being made by AWS (PENDING)"),
        ("FAILED", "waits: hub-inner is FAILED; it is left alone"),
        ("ARCHIVED", "waits: hub-inner is ARCHIVED; it is left alone"),
    ];
    for (state, expected) in table {
        assert_eq!(inner(&hub(), right().being(state)), [expected]);
    }
    let deleted = |state| {
        difference_under(&hub(), Departure::Deleted, &Slot::Inner, &listing([right().being(state)]), &[])
    };
    assert_eq!(deleted("FAILED"), ["delete (Narrow, Deletion)"]);
    assert_eq!(deleted("ACTIVE"), ["delete (Narrow, Deletion)"]);
    assert_eq!(deleted("PENDING"), ["waits: hub-inner is being made by AWS (PENDING)"]);
}

#[test]
fn b12_an_outside_share_is_opened_before_anybody_is_let_in_and_an_inside_one_closed_after() {
    let share = share("hub").of(&[GATEWAY]).with([outside(PARTNER, days(300))]).open();
    let mut shut = ours("hub", &Slot::Outer).sharing(GATEWAY, "ASSOCIATED");
    shut.allows_external = false;
    assert_eq!(
        difference(&share, &Slot::Outer, &listing([shut])),
        ["external true (Widen, Edit)", "+999988887777 (Widen, Edit)"]
    );
    let opened = right().to_outsider(PARTNER, "ASSOCIATED");
    assert_eq!(
        inner(&hub(), opened),
        [
            "-999988887777 (Narrow, Edit)",
            "waits: external principals stay allowed until 999988887777 is removed",
        ]
    );
    assert_eq!(
        inner(&hub(), right().to_outsider(PARTNER, "DISASSOCIATED")),
        ["external false (Narrow, Edit)"]
    );
}

#[test]
fn names_and_declared_tags_are_kept_right_and_other_tags_left() {
    let share = ShareWords::tagged(hub(), "team", "net");
    let share = share.holding(&Slot::Inner, Some(&right().id), 1);
    let mut edited = ShareWords::tagged(hub(), "cost", "42");
    edited.status = share.status;
    let container = right().tagged("team", "net").tagged("theirs", "stays").named("drifted");
    assert_eq!(
        inner(&edited, container),
        [
            "rename network-team.hub (Neutral, Edit)",
            "tag cost=42 (Neutral, Edit)",
            "untag team (Neutral, Edit)",
        ]
    );
    // Stored before the schema refused it: the mark is nobody's to declare.
    let forged = ShareWords::tagged(hub(), "sharekeeper.dev/namespace", "victim");
    assert_eq!(inner(&forged, right()), [""; 0]);
}

#[test]
fn an_outer_share_without_anybody_goes_and_an_inner_one_stays() {
    let share = share("hub").of(&[GATEWAY]);
    let outer = ours("hub", &Slot::Outer).to_outsider(PARTNER, "ASSOCIATED").sharing(GATEWAY, "ASSOCIATED");
    assert_eq!(difference(&share, &Slot::Outer, &listing([outer])), ["delete (Narrow, Edit)"]);
    assert_eq!(inner(&share, right()), ["-222233334444 (Narrow, Edit)"]);
    assert_eq!(difference(&share, &Slot::Inner, &listing([])), [""; 0]);
}

#[test]
fn an_ended_access_goes_alone_while_the_tenant_holds_the_rest() {
    let other = "888877776666";
    let open = [policy().letting_in(PARTNER, "400d", false).allowing(|a| {
        a.external.as_mut().unwrap().accounts.push("888877776666".into());
    })];
    let mut held =
        share("hub").of(&[GATEWAY]).with([outside(PARTNER, at(-1)), outside(other, days(9))]).open();
    held.spec.suspend = true;
    let outer = ours("hub", &Slot::Outer)
        .to_outsider(PARTNER, "ASSOCIATED")
        .to_outsider(other, "ASSOCIATED")
        .sharing(GATEWAY, "ASSOCIATED");
    let of =
        |departure, container| difference_under(&held, departure, &Slot::Outer, &listing([container]), &open);
    let ended = "-999988887777 (Narrow, Expired)";
    assert_eq!(of(Departure::Stays, outer.clone()), [ended]);
    assert_eq!(of(Departure::Deleted, outer.clone()), [ended, "delete (Narrow, Deletion)"]);
    let restored = outer.tagged("sharekeeper.dev/uid", "of an earlier life");
    assert_eq!(of(Departure::Stays, restored), ["mark (Neutral, Expired)"]);
}

#[test]
fn what_the_tree_takes_away_by_name_is_not_called_an_edit() {
    let gone = share("hub").of(&[GATEWAY]).with([unit("Root/Workloads/Old")]);
    let gone = gone.pinned(crate::api::PinKind::OrganizationalUnit, "Root/Workloads/Old", "ou-r-old");
    let container =
        ours("hub", &Slot::Inner).to(&unit_arn("ou-r-old"), "ASSOCIATED").sharing(GATEWAY, "ASSOCIATED");
    assert_eq!(inner(&gone, container), ["-ou/o-acme/ou-r-old (Narrow, Tree)"]);
}

#[test]
fn t46_a_whole_share_is_one_create_and_then_nothing() {
    let tree = tree();
    let desired = resolved(&hub(), known(&tree), &[policy()]);
    let gate =
        Gate { halted: None, suspended: false, mode: Mode::Enforce, report_drift: false, settling: false };
    let (records, unreadable) = Default::default();
    let marks = crate::plan::undeclared::Marks {
        installation: US,
        peers: &[],
        records: &records,
        unreadable: &unreadable,
    };
    let circumstances = crate::mechanism::plan::Circumstances {
        marks,
        gate: &gate,
        recollection: &NOTHING,
        sweep: REPORT,
        budgets: crate::plan::budget::UNLIMITED,
        now: at(0),
    };
    let desired = crate::plan::desired::Desired { shares: [(desired.key.clone(), desired)].into() };
    let plan = |listing: &Listing| lines(&crate::mechanism::plan::plan(&desired, listing, &circumstances));
    assert_eq!(
        plan(&listing([])),
        [
            "hub inner: create network-team.hub #1 external false +222233334444 +transit-gateway/tgw-1 (Widen, Edit)"
        ]
    );
    assert_eq!(plan(&listing([right()])), [""; 0]);
}

#[test]
fn while_a_deletion_is_undecided_only_what_ends_and_what_policy_takes_away_goes() {
    let named = share("hub").of(&[GATEWAY, OTHER]);
    let share = named.with([account(DATA), outside(PARTNER, at(-60)), account("nobody")]).open();
    let allowing = [policy().letting_in(PARTNER, "400d", false)];
    let under = |slot, container: Container, policies: &[SharingPolicy]| {
        difference_under(&share, Departure::Undecided, slot, &listing([container]), policies)
    };
    // Nothing is added, renamed or taken out, though much differs.
    let differs = right().named("other").to("333344445555", "ASSOCIATED");
    assert_eq!(under(&Slot::Inner, differs.clone(), &allowing), [""; 0]);
    assert_eq!(
        under(&Slot::Inner, differs, &[]),
        ["-222233334444 (Narrow, Policy)", "-transit-gateway/tgw-1 (Narrow, Policy)"]
    );
    let outer =
        || ours("hub", &Slot::Outer).to_outsider(PARTNER, "ASSOCIATED").sharing(GATEWAY, "ASSOCIATED");
    assert_eq!(under(&Slot::Outer, outer(), &allowing), ["-999988887777 (Narrow, Expired)"]);
    // The mark of a former life is replaced first, and only for that.
    let former = || outer().tagged("sharekeeper.dev/uid", "former");
    assert_eq!(under(&Slot::Outer, former(), &allowing), ["mark (Neutral, Expired)"]);
    let inner = right().tagged("sharekeeper.dev/uid", "former");
    assert_eq!(under(&Slot::Inner, inner, &allowing), [""; 0]);
}

/// A target whose name means nobody must not turn what somebody did by hand into an edit, which no budget counts.
#[test]
fn a_misspelt_target_makes_no_edit_of_drift() {
    let share = hub().with([account("data-prod"), account("no-such-name")]);
    let digest = resolved(&share, known(&tree()), &[policy()]).digest;
    let more = right().to("333344445555", "ASSOCIATED");
    assert_eq!(
        inner(&share.clone().applied(digest.as_str()), more.clone()),
        ["-333344445555 (Narrow, Drift)"]
    );
    assert_eq!(inner(&share, more), ["-333344445555 (Narrow, Edit)"]);
}
