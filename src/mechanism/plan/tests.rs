//! Whole plans as a person reads them, from manifests and a listing to lines.

use std::collections::BTreeMap;

use super::*;
use crate::{
    api::{Share, SharingPolicy, undeclared_share::Why},
    model::ShareKey,
    org::tree::tests::tree,
    plan::{
        fixture::*,
        gate::Mode,
        observed::{Container, Origin},
        resolve::Departure,
    },
};

const OPEN: Gate =
    Gate { halted: None, suspended: false, mode: Mode::Enforce, report_drift: false, settling: false };
const GATEWAY: &str = "transit-gateway/tgw-1";

fn whole_plan(
    shares: &[(Share, Departure)],
    listing: &Listing,
    gate: &Gate,
    policies: &[SharingPolicy],
) -> Plan {
    recollecting(&NOTHING, shares, listing, gate, policies)
}

fn recollecting(
    recollection: &Recalled,
    shares: &[(Share, Departure)],
    listing: &Listing,
    gate: &Gate,
    policies: &[SharingPolicy],
) -> Plan {
    let tree = tree();
    let resolved = shares.iter().map(|(share, departure)| {
        let desired = resolved_as(&on_record(share, listing), *departure, known(&tree), policies, at(0));
        (desired.key.clone(), desired)
    });
    let desired = Desired { shares: resolved.collect::<BTreeMap<ShareKey, DesiredShare>>() };
    let (records, unreadable) = (Records::new(), BTreeSet::new());
    let marks =
        Marks { installation: US, peers: &["them".to_owned()], records: &records, unreadable: &unreadable };
    let budgets = budget::UNLIMITED;
    let circumstances = Circumstances { marks, gate, recollection, sweep: REPORT, budgets, now: at(0) };
    plan(&desired, listing, &circumstances)
}

fn policies() -> Vec<SharingPolicy> {
    vec![policy().letting_in(PARTNER, "400d", false)]
}

fn staying(shares: impl IntoIterator<Item = Share>) -> Vec<(Share, Departure)> {
    shares.into_iter().map(|share| (share, Departure::Stays)).collect()
}

fn a_days_work() -> (Vec<(Share, Departure)>, Listing) {
    let fresh = share("fresh")
        .of(&[GATEWAY, "ipam-pool/pool-1"])
        .with([unit("Root/Workloads"), outside(PARTNER, days(300))])
        .open();
    let edited = share("edited").of(&[GATEWAY]).with([account("data-prod")]);
    let ended = share("ended").of(&[GATEWAY]).with([outside(PARTNER, at(-60)), account(DATA)]).open();
    let deleted = share("deleted").of(&[GATEWAY]).with([account(DATA)]);
    let swept = share("swept").of(&[GATEWAY]).with([account(DATA)]);
    let mut shares = staying([fresh, edited, ended]);
    shares.extend([(deleted, Departure::Deleted), (swept, Departure::SweptAway)]);
    let full = |name: &str, whom: &str| {
        ours(name, &Slot::Inner).to(whom, "ASSOCIATED").sharing(GATEWAY, "ASSOCIATED")
    };
    let outer = ours("ended", &Slot::Outer).to_outsider(PARTNER, "ASSOCIATED").sharing(GATEWAY, "ASSOCIATED");
    let legacy = Container { id: container_id("legacy"), tags: BTreeMap::new(), ..full("fresh", DATA) };
    let theirs =
        Container { id: container_id("theirs"), ..full("fresh", DATA) }.marked("them", "fresh", &Slot::Inner);
    let by_policy = Origin::ServiceManaged("CREATED_FROM_POLICY".into());
    let managed = Container { id: container_id("managed"), origin: by_policy, ..full("fresh", DATA) };
    let containers = [
        full("edited", "333344445555"),
        full("ended", DATA),
        outer,
        full("deleted", DATA),
        full("swept", DATA),
        full("forgotten", DATA),
        legacy.named("network-team.fresh"),
        theirs.named("theirs"),
        managed.named("managed"),
    ];
    (shares, listing(containers))
}

#[test]
fn a_days_work_in_one_plan() {
    let (shares, listing) = a_days_work();
    let expected = [
        "deleted inner: delete (Narrow, Deletion)",
        "edited inner: -333344445555 (Narrow, Edit)",
        "edited inner: +222233334444 (Widen, Edit)",
        "ended outer: delete (Narrow, Expired)",
        "fresh inner: create network-team.fresh #1 external false +ou/o-acme/ou-r-work +ipam-pool/pool-1 +transit-gateway/tgw-1 (Widen, Edit)",
        "fresh outer: create network-team.fresh.outside #1 external true +999988887777 +ipam-pool/pool-1 +transit-gateway/tgw-1 (Widen, Edit)",
        "undeclared: network-team.forgotten Orphaned",
        "undeclared: network-team.fresh Foreign",
        "undeclared: managed ServiceManaged",
        "undeclared: theirs OtherInstallation",
    ];
    assert_eq!(lines(&whole_plan(&shares, &listing, &OPEN, &policies())), expected);
}

#[test]
fn the_same_day_under_add_only() {
    let (shares, listing) = a_days_work();
    let gate = Gate { mode: Mode::AddOnly, ..OPEN };
    let plan = whole_plan(&shares, &listing, &gate, &policies());
    let of_shares: Vec<_> = lines(&plan).into_iter().filter(|line| !line.starts_with("undeclared")).collect();
    let expected = [
        "edited inner: +222233334444 (Widen, Edit)",
        "fresh inner: create network-team.fresh #1 external false +ou/o-acme/ou-r-work +ipam-pool/pool-1 +transit-gateway/tgw-1 (Widen, Edit)",
        "fresh outer: create network-team.fresh.outside #1 external true +999988887777 +ipam-pool/pool-1 +transit-gateway/tgw-1 (Widen, Edit)",
        "deleted inner: held by AddOnly: delete",
        "edited inner: held by AddOnly: -333344445555",
        "ended outer: held by AddOnly: delete",
    ];
    assert_eq!(of_shares, expected);
}

#[test]
fn without_a_policy_what_is_there_is_taken_away_and_nothing_is_made() {
    let (shares, listing) = a_days_work();
    let plan = whole_plan(&shares, &listing, &OPEN, &[]);
    let of_shares: Vec<_> = lines(&plan).into_iter().filter(|line| !line.starts_with("undeclared")).collect();
    let expected = [
        "deleted inner: delete (Narrow, Deletion)",
        "edited inner: -333344445555 -transit-gateway/tgw-1 (Narrow, Edit+Policy)",
        "ended inner: -222233334444 -transit-gateway/tgw-1 (Narrow, Policy)",
        "ended outer: delete (Narrow, Expired)",
    ];
    assert_eq!(of_shares, expected);
}

#[test]
fn one_hundred_and_fifty_resources_are_a_create_and_then_the_rest() {
    let names: Vec<String> = (0..150).map(|i| format!("prefix-list/pl-{i:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let shares = staying([share("hub").of(&names).with([account(DATA)])]);
    let first = whole_plan(&shares, &listing([]), &OPEN, &policies());
    assert_eq!((first.chains.len(), first.chains[0].steps.len()), (1, 1));
    let mut made = ours("hub", &Slot::Inner).to(DATA, "ASSOCIATED");
    for name in &names[..100] {
        made = made.sharing(name, "ASSOCIATING");
    }
    let second = whole_plan(&shares, &listing([made]), &OPEN, &policies());
    assert_eq!(second.chains[0].steps.len(), 1);
    let added = lines(&second)[0].matches('+').count();
    assert_eq!(added, 50);
}

#[test]
fn a_container_taken_by_somebody_else_is_nobodys_to_account_for_and_no_second_is_made() {
    let taken = ours("hub", &Slot::Inner).marked("them", "hub", &Slot::Inner);
    let hub = share("hub").of(&[GATEWAY]).with([account(DATA)]).holding(&Slot::Inner, Some(&taken.id), 1);
    let plan = whole_plan(&staying([hub]), &listing([taken]), &OPEN, &policies());
    assert!(plan.is_empty());
    assert!(plan.shares[&key("hub")][&Slot::Inner].lost);
    assert_eq!(plan.undeclared.iter().map(|u| u.why).collect::<Vec<_>>(), [Why::OtherInstallation]);
}

#[test]
fn a_view_is_settled_only_when_nothing_is_done_held_or_awaited() {
    let right = ours("hub", &Slot::Inner).to(DATA, "ASSOCIATED").sharing(GATEWAY, "ASSOCIATED");
    let hub = share("hub").of(&[GATEWAY]).with([account(DATA)]);
    let settled = |share: &Share, container: Container, gate: &Gate| {
        let plan = whole_plan(&staying([share.clone()]), &listing([container]), gate, &policies());
        plan.shares[&key("hub")][&Slot::Inner].is_settled()
    };
    assert!(settled(&hub, right.clone(), &OPEN));
    let renamed = right.clone().named("drifted");
    assert!(!settled(&hub, renamed.clone(), &OPEN));
    assert!(!settled(&hub, renamed, &Gate { mode: Mode::Report, ..OPEN }));
    assert!(!settled(&hub, right.clone().being("PENDING"), &OPEN));
    let unlisted = hub.holding(&Slot::Inner, Some(&container_id("new")), 1);
    let other = Container { tags: BTreeMap::new(), ..right };
    assert!(!settled(&unlisted, other, &OPEN));
}

#[test]
fn drift_is_what_differs_from_what_was_carried_out_before() {
    let hub = share("hub").of(&[GATEWAY]).with([account(DATA)]);
    let drifted = ours("hub", &Slot::Inner).to(PARTNER, "ASSOCIATED").sharing(GATEWAY, "ASSOCIATED");
    let digest = resolved(&hub, known(&tree()), &policies()).digest;
    let applied = hub.clone().applied(digest.as_str());
    let count = |share: Share| {
        let plan = whole_plan(&staying([share]), &listing([drifted.clone()]), &OPEN, &policies());
        plan.shares[&key("hub")][&Slot::Inner].drift().count()
    };
    assert_eq!((count(hub), count(applied.clone())), (0, 2));
    let gate = Gate { report_drift: true, ..OPEN };
    let plan = whole_plan(&staying([applied]), &listing([drifted]), &gate, &policies());
    assert_eq!(
        lines(&plan),
        [
            "hub inner: held by DriftReported: -999988887777",
            "hub inner: held by DriftReported: +222233334444",
        ]
    );
}

#[test]
fn where_a_permission_is_fought_over_nobody_is_added_under_the_wrong_one() {
    let hub = share("hub").of(&[GATEWAY]).with([account(DATA), unit("Root/Workloads")]);
    let digest = resolved(&hub, known(&tree()), &policies()).digest;
    let wrong = permission("arn:aws:ram::aws:permission/AWSRAMPermissionTransitGatewayFull", "1");
    let mut swapped = ours("hub", &Slot::Inner).to(DATA, "ASSOCIATED").sharing(GATEWAY, "ASSOCIATED");
    swapped.permissions.insert("ec2:TransitGateway".into(), wrong);
    let contended = |kind: &ChangeKind| matches!(kind, ChangeKind::SetPermission(_));
    let shares = staying([hub.applied(digest.as_str())]);
    let plan = recollecting(
        &Recalled { contended, ..NOTHING },
        &shares,
        &listing([swapped.clone()]),
        &OPEN,
        &policies(),
    );
    assert!(plan.chains.is_empty(), "{:?}", lines(&plan));
    let held = &plan.shares[&key("hub")][&Slot::Inner].held;
    assert!(held.iter().all(|(_, reason)| *reason == Reason::Contended) && held.len() == 2, "{held:?}");
    assert!(!whole_plan(&shares, &listing([swapped]), &OPEN, &policies()).chains.is_empty());
}

#[test]
fn a_removal_is_laid_to_what_moved() {
    let tree = tree();
    let wants = share("hub").of(&[GATEWAY]).with([account("data-prod")]);
    let container = ours("hub", &Slot::Inner)
        .to(DATA, "ASSOCIATED")
        .to("333344445555", "ASSOCIATED")
        .sharing(GATEWAY, "ASSOCIATED");
    let found = listing([container.clone()]);
    let digest = resolved(&wants, known(&tree), &[policy()]).digest;
    let (recorded, edited) = (on_record(&wants, &found), |mut share: Share| {
        share.metadata.generation = Some(2);
        share
    });
    let table = [
        (wants.clone(), "Found"),
        (recorded.clone(), "Edit"),
        (recorded.clone().applied(digest.as_str()), "Drift"),
        (recorded.clone().applied("other"), "Tree"),
        (edited(recorded.applied("other")), "Edit"),
    ];
    for (share, cause) in table {
        let desired = resolved(&share, known(&tree), &[policy()]);
        let desired = Desired { shares: [(desired.key.clone(), desired)].into() };
        let (records, unreadable) = (Records::new(), BTreeSet::new());
        let marks = Marks { installation: US, peers: &[], records: &records, unreadable: &unreadable };
        let budgets = budget::UNLIMITED;
        let circumstances =
            Circumstances { marks, gate: &OPEN, recollection: &NOTHING, sweep: REPORT, budgets, now: at(0) };
        let plan = plan(&desired, &found, &circumstances);
        assert_eq!(lines(&plan), [format!("hub inner: -333344445555 (Narrow, {cause})")]);
    }
}
