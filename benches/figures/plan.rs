//! The pure part alone: resolve and plan on a hundred thousand grants.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use sharekeeper::{
    api::{Share, SharingPolicy, account_set::UndeclaredAction},
    mechanism::plan::{Circumstances, mark, plan},
    model::{Arn, Cell, ResourceType, ShareKey, Slot, Timestamp},
    org::tree::{Account, AccountState, OrganizationalUnit, Tree},
    plan::{
        budget::UNLIMITED,
        change::ChangeKind,
        claim::Recollection,
        desired::Desired,
        gate::{Gate, Mode},
        names::Organization,
        observed::{AssociationState, AttachedPermission, Container, ContainerState, Listing, Origin, Row},
        permit::Unasked,
        record::Records,
        resolve::{Departure, Facts, resolve},
        sweep::Sweep,
        undeclared::Marks,
    },
};

use crate::{load, machine};

const SHARES: usize = 1_000;
const MEMBERS: usize = 10;
const GRANTS: usize = SHARES * MEMBERS * MEMBERS;
const ROUNDS: u32 = 5;

/// After a restart.
struct Nothing;

impl Recollection for Nothing {
    fn open_until(&self, _: &ShareKey, _: &Slot) -> Option<Timestamp> {
        None
    }
    fn unlisted_for_long(&self, _: &Arn) -> bool {
        false
    }
    fn token_is_spent(&self, _: &ShareKey, _: &Slot) -> bool {
        false
    }
    fn is_contended(&self, _: &ShareKey, _: &Slot, _: &ChangeKind, _: Timestamp) -> bool {
        false
    }
}

/// Microseconds a grant, the best of a few rounds.
pub(crate) fn pure() {
    let owner = load::owner(0);
    let shares: Vec<Share> = (0..SHARES)
        .map(|n| {
            let mut share = load::share(&owner, n, MEMBERS, MEMBERS);
            share["metadata"]["uid"] = format!("uid-{n}").into();
            serde_json::from_value(share).unwrap()
        })
        .collect();
    let policy: SharingPolicy = serde_json::from_value(load::policy(std::slice::from_ref(&owner))).unwrap();
    let (cell, tree, policies) = (cell(&owner), tree(), [&policy]);
    let now = Timestamp::UNIX_EPOCH;
    let organization = Organization::Known { tree: &tree, current: true, sharing: Some(true), at: now };
    let facts =
        Facts { cell: &cell, set: "load", organization, policies: &policies, policies_readable: true, now };
    let resolved = || resolve(&facts, shares.iter().map(|share| (share, Departure::Stays)));
    let desired = resolved();
    let (empty, full) = (Listing::default(), in_force(&desired));

    let gate =
        Gate { halted: None, suspended: false, mode: Mode::Enforce, report_drift: false, settling: false };
    let (records, unreadable) = (Records::new(), BTreeSet::new());
    let marks = Marks { installation: "load", peers: &[], records: &records, unreadable: &unreadable };
    let sweep = Sweep {
        action: UndeclaredAction::Report,
        grace: Duration::ZERO,
        ignore: &[],
        set: "",
        permits: &Unasked,
        now,
    };
    let budgets = UNLIMITED;
    let circumstances = Circumstances { marks, gate: &gate, recollection: &Nothing, sweep, budgets, now };
    let planned = |listing| plan(&desired, listing, &circumstances);
    assert_eq!((planned(&full).chains.len(), planned(&empty).chains.len()), (0, SHARES));

    println!(
        "  {GRANTS} grants: {SHARES} Shares of {MEMBERS} principals and {MEMBERS} resources; the best of {ROUNDS} rounds"
    );
    told("resolve", || drop(resolved()));
    told("plan, all in force", || drop(planned(&full)));
    told("plan, all to be made", || drop(planned(&empty)));
}

fn told(what: &str, work: impl Fn()) {
    let rounds = (0..ROUNDS).map(|_| {
        let start = machine::now();
        work();
        start.elapsed()
    });
    let best = rounds.min().expect("some rounds").as_secs_f64();
    println!("    {what}: {:.3} µs a grant ({:.1} ms)", best * 1e6 / GRANTS as f64, best * 1e3);
}

fn cell(owner: &str) -> Cell {
    Cell { account: owner.parse().unwrap(), region: "eu-west-1".parse().unwrap() }
}

fn tree() -> Tree {
    let arn = "arn:aws:organizations::999900001111:ou/o-acme/ou-r-work".parse().unwrap();
    let unit = OrganizationalUnit { name: "Workloads".into(), arn, parent: "r-acme".into() };
    let accounts = (0..MEMBERS).map(load::consumer).chain([load::owner(0)]);
    Tree {
        id: "o-acme".into(),
        arn: "arn:aws:organizations::999900001111:organization/o-acme".parse().unwrap(),
        management_account: "999900001111".parse().unwrap(),
        feature_set: "ALL".into(),
        root: "r-acme".into(),
        organizational_units: [("ou-r-work".to_owned(), unit)].into(),
        accounts: accounts
            .map(|id| {
                let name = format!("load-{id}");
                let account = Account { name, parent: "ou-r-work".into(), state: AccountState::Active };
                (id.parse().unwrap(), account)
            })
            .collect(),
    }
}

/// All that is desired, as AWS lists it once it is in force.
fn in_force(desired: &Desired) -> Listing {
    let row = || Row { state: AssociationState::Associated, message: None, external: false, since: None };
    let mut containers = BTreeMap::new();
    for (n, share) in desired.shares.values().enumerate() {
        let want = &share.containers[&Slot::Inner];
        let id: Arn = format!("arn:aws:ram:eu-west-1:{}:resource-share/{n}", load::owner(0)).parse().unwrap();
        let mut tags = want.tags.clone();
        tags.extend(mark(share, Slot::Inner, "load").tags());
        let types = want.granted_resources().filter_map(|arn| ResourceType::of(&arn.parse().ok()?));
        let permission = AttachedPermission {
            arn: "arn:aws:ram::aws:permission/AWSRAMDefaultPermissionSubnet".into(),
            version: "1".into(),
            is_default_version: true,
        };
        let container = Container {
            id: id.clone(),
            name: want.name.clone(),
            owner: load::owner(0),
            state: ContainerState::Active,
            message: None,
            allows_external: false,
            origin: Origin::Standard,
            tags,
            principals: want.granted_principals().map(|p| (p.clone(), row())).collect(),
            resources: want.granted_resources().map(|r| (r.clone(), row())).collect(),
            permissions: types.map(|t| (t.name.to_owned(), permission.clone())).collect(),
        };
        containers.insert(id, container);
    }
    Listing { containers, ..Listing::default() }
}
