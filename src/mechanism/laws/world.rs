//! Generated worlds: a few Shares, policies and containers drawn from small pools, so that they meet often.

use std::collections::BTreeSet;

use super::aws::{Aws, CURRENT, marker};
use crate::{
    api::{Share, SharingPolicy, share::Enforcement, share::Target},
    mechanism::plan::{Circumstances, plan},
    model::{Arn, Mark, ResourceType, Slot, Timestamp},
    org::{Tree, tree},
    plan::{
        budget,
        desired::Desired,
        fixture::*,
        gate::{Gate, Mode},
        names::Organization,
        observed::{AssociationState, AttachedPermission, Container, Listing, Origin, Row},
        record::Records,
        resolve::{Departure, Facts, resolve},
        undeclared::Marks,
        view::Plan,
    },
};

/// Choices read from bytes: a test's input shrinks towards the first choice of each.
pub(super) struct Dice<'a>(std::slice::Iter<'a, u8>);

impl<'a> Dice<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.iter())
    }

    pub(super) fn below(&mut self, n: u8) -> u8 {
        self.0.next().copied().unwrap_or_default() % n
    }

    /// Once in `n`.
    pub(super) fn rarely(&mut self, n: u8) -> bool {
        self.below(n) == n - 1
    }

    pub(super) fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.below(u8::try_from(choices.len()).unwrap()))].clone()
    }

    fn some<T: Clone>(&mut self, pool: &[T]) -> Vec<T> {
        pool.iter().filter(|_| self.below(3) == 1).cloned().collect()
    }
}

const RESOURCES: [&str; 5] = [
    "transit-gateway/tgw-1",
    "transit-gateway/tgw-2",
    "ipam-pool/pool-1",
    "ipam-pool/pool-2",
    "subnet/subnet-1",
];
const OTHER_PARTNER: &str = "888877776666";
const TYPES: [&str; 3] = ["ec2:TransitGateway", "ec2:IpamPool", "ec2:Subnet"];

fn targets() -> Vec<Target> {
    vec![
        account(DATA),
        account("data-prod"),
        account("333344445555"),
        account(OWNER),
        unit("Root/Workloads"),
        unit("Root/Workloads/Prod"),
        organization(),
        role("arn:aws:iam::222233334444:role/reader"),
        outside(PARTNER, days(300)),
        outside(PARTNER, at(-3600)),
        outside(OTHER_PARTNER, days(30)),
        outside_role("arn:aws:iam::888877776666:role/clerk", days(30)),
    ]
}

fn principals() -> Vec<String> {
    vec![
        DATA.into(),
        "333344445555".into(),
        "444455556666".into(),
        unit_arn("ou-r-work"),
        unit_arn("ou-r-prod"),
        "arn:aws:organizations::999900001111:organization/o-acme".into(),
        "arn:aws:iam::222233334444:role/reader".into(),
        PARTNER.into(),
        OTHER_PARTNER.into(),
        "arn:aws:iam::888877776666:role/clerk".into(),
    ]
}

/// One that is not the type's default; the account's own where the type takes such.
fn custom(resource_type: &str) -> String {
    let takes_own = ResourceType::named(resource_type).is_some_and(|t| t.customer_permissions);
    let place = if takes_own { format!("eu-west-1:{OWNER}") } else { ":aws".to_owned() };
    format!("arn:aws:ram:{place}:permission/custom-{}", marker(resource_type))
}

/// What is known of the organization.
#[derive(Clone, Copy, Debug)]
pub(super) enum TreeView {
    Known,
    Stale,
    SharingOff,
    Unknown,
    None,
}

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) shares: Vec<(Share, Departure)>,
    pub(super) policies: Vec<SharingPolicy>,
    pub(super) listing: Listing,
    pub(super) tree: Tree,
    /// Containers that no step may touch, whatever tags and names they carry.
    pub(super) untouchable: BTreeSet<Arn>,
}

pub(super) const ENFORCE: Gate =
    Gate { halted: None, suspended: false, mode: Mode::Enforce, report_drift: false, settling: false };

impl World {
    pub(super) fn new(dice: &mut Dice<'_>) -> Self {
        let shares = (0..=dice.below(2)).map(|i| (new_share(dice, i), Departure::Stays)).collect();
        let mut world = Self {
            shares,
            policies: policies(dice),
            listing: Listing::default(),
            tree: tree::tests::tree(),
            untouchable: BTreeSet::new(),
        };
        for index in 0..world.shares.len() {
            for slot in &Slot::RAM {
                world.container(dice, index, slot);
                world.stranger(dice, index, slot);
            }
        }
        world
    }

    fn container(&mut self, dice: &mut Dice<'_>, index: usize, slot: &Slot) {
        let (share, _) = &mut self.shares[index];
        let name = share.metadata.name.clone().unwrap();
        let mut container = filled(dice, ours(&name, slot));
        let id = container.id.clone();
        match dice.below(8) {
            0 => return,
            1 => {}
            2 => container.tags.clear(),
            3 => {
                let earlier = Mark { uid: "earlier".into(), ..container.mark().unwrap() };
                container.tags.extend(earlier.tags());
            }
            4 => container = container.being("PENDING"),
            5 => container = container.being("DELETED"),
            _ => container.name = "drifted".into(),
        }
        let marked = container.mark().is_some();
        if !(marked && dice.rarely(3)) {
            *share = share.clone().holding(slot, Some(&id), 1);
        }
        self.listing.containers.insert(id, container);
    }

    /// A container that looks like the Share's and is not.
    fn stranger(&mut self, dice: &mut Dice<'_>, index: usize, slot: &Slot) {
        let name = self.shares[index].0.metadata.name.clone().unwrap();
        let look_alike = filled(dice, ours(&name, slot));
        let mut stranger = Container { id: container_id(&format!("a-stranger-{name}-{slot}")), ..look_alike };
        match dice.below(4) {
            0 => return,
            1 => stranger.tags.clear(),
            2 => stranger.origin = Origin::ServiceManaged("CREATED_FROM_POLICY".into()),
            _ => stranger = stranger.marked("them", &name, slot),
        }
        self.untouchable.insert(stranger.id.clone());
        self.listing.containers.insert(stranger.id.clone(), stranger);
    }

    /// The same world without states of the future, which nobody touches and which so depend on the past.
    pub(super) fn in_known_states(mut self) -> Self {
        for container in self.listing.containers.values_mut() {
            for row in container.principals.values_mut().chain(container.resources.values_mut()) {
                if matches!(row.state, AssociationState::Other(_)) {
                    row.state = AssociationState::Associated;
                }
            }
        }
        self
    }

    pub(super) fn organization(&self, view: TreeView) -> Organization<'_> {
        let tree = |current, sharing| Organization::Known { tree: &self.tree, current, sharing, at: at(0) };
        match view {
            TreeView::Known => self.known(),
            TreeView::Stale => tree(false, Some(true)),
            TreeView::SharingOff => tree(true, Some(false)),
            TreeView::Unknown => Organization::Unknown,
            TreeView::None => Organization::None,
        }
    }

    pub(super) fn known(&self) -> Organization<'_> {
        known(&self.tree)
    }

    pub(super) fn desired(&self, organization: Organization<'_>, now: Timestamp) -> Desired {
        let cell = cell();
        let refs: Vec<&_> = self.policies.iter().collect();
        let facts =
            Facts { cell: &cell, set: SET, organization, policies: &refs, policies_readable: true, now };
        resolve(&facts, self.shares.iter().map(|(share, departure)| (share, *departure)))
    }

    pub(super) fn plan(&self, gate: &Gate) -> Plan {
        plan_of(&self.desired(self.known(), at(0)), &self.listing, gate, at(0))
    }

    /// Writes down what a pass knows afterwards, as status does.
    pub(super) fn report(&mut self, desired: &Desired, plan: &Plan, made: &[(usize, Slot, Arn)]) {
        for (index, slot, id) in made {
            let (share, _) = &mut self.shares[*index];
            *share = share.clone().holding(slot, Some(id), 1);
        }
        for (share, _) in &mut self.shares {
            let key = crate::plan::resolve::key_of(share);
            for (slot, view) in &plan.shares[&key] {
                if let Some(id) = view.container.as_ref().filter(|_| !view.lost) {
                    let before = share.clone();
                    let kept = before.status.iter().flat_map(|s| &s.containers);
                    let old = kept.filter(|c| c.is(slot)).flat_map(|c| c.tag_keys.clone());
                    *share = before.clone().holding(slot, Some(id), 1);
                    if !plan.chains.is_empty() {
                        let status = share.status.as_mut().unwrap();
                        status.containers.last_mut().unwrap().tag_keys.extend(old);
                    }
                }
            }
            if plan.chains.is_empty() {
                *share = share.clone().applied(desired.shares[&key].digest.as_str());
            }
            let resolved = &desired.shares[&key];
            let status = share.status.get_or_insert_default();
            status.pins = resolved.targets.iter().filter_map(|t| t.pin.clone()).collect();
            status.pins.dedup();
        }
    }

    pub(super) fn aws(&self) -> Aws {
        Aws::new(self.listing.clone(), at(0))
    }
}

pub(super) fn plan_of(desired: &Desired, listing: &Listing, gate: &Gate, now: Timestamp) -> Plan {
    let (records, unreadable) = (Records::new(), BTreeSet::new());
    let marks = Marks { installation: US, peers: &[], records: &records, unreadable: &unreadable };
    let recollection = &Recalled { unlisted_for_long: true, ..NOTHING };
    let budgets = budget::UNLIMITED;
    plan(desired, listing, &Circumstances { marks, gate, recollection, sweep: REPORT, budgets, now })
}

/// Another spec for a Share, as an edit would leave it.
pub(super) fn edited(dice: &mut Dice<'_>, share: &Share, index: u8) -> Share {
    Share { spec: new_share(dice, index).spec, ..share.clone() }
}

fn new_share(dice: &mut Dice<'_>, index: u8) -> Share {
    let mut share = share(&format!("s{index}")).of(&dice.some(&RESOURCES)).with(dice.some(&targets()));
    share.spec.allow_external = !dice.rarely(6);
    for resource_type in TYPES {
        match dice.below(4) {
            1 => share = share.permitting(resource_type, &custom(resource_type), "Default"),
            2 => share = share.permitting(&resource_type.to_uppercase(), &custom(resource_type), CURRENT),
            _ => {}
        }
    }
    if dice.rarely(3) {
        share = ShareWords::tagged(share, "colour", dice.of(&["red", "blue"]));
    }
    if dice.rarely(4) {
        share.spec.name = Some("chosen".into());
    }
    share
}

/// A tenant's switches, as one of four.
pub(super) fn switched(dice: &mut Dice<'_>, mut share: Share) -> Share {
    share.spec.suspend = dice.below(2) == 1;
    share.spec.enforcement = dice.of(&[Enforcement::Enforce, Enforcement::Report]);
    share
}

fn policies(dice: &mut Dice<'_>) -> Vec<SharingPolicy> {
    let open = policy()
        .letting_in(PARTNER, "400d", false)
        .allowing(|allow| allow.permissions = TYPES.iter().map(|t| custom(t)).collect())
        .allowing(|allow| allow.external.as_mut().unwrap().accounts.push(OTHER_PARTNER.into()));
    let narrower = open.clone().allowing(|allow| {
        allow.organization = false;
        allow.organizational_units = vec!["Root/Workloads/Prod".into()];
    });
    let fewer_types = open.clone().allowing(|allow| allow.resource_types = vec!["ec2:TransitGateway".into()]);
    let inside = open.clone().allowing(|allow| allow.external = None);
    match dice.below(6) {
        1 => vec![narrower],
        2 => vec![fewer_types, inside],
        3 => vec![inside],
        4 => vec![],
        _ => vec![open],
    }
}

/// A container with rows in any state.
fn filled(dice: &mut Dice<'_>, mut container: Container) -> Container {
    let states =
        ["ASSOCIATED", "ASSOCIATING", "FAILED", "DISASSOCIATING", "DISASSOCIATED", "ASSOCIATED", "SUSPENDED"];
    let state = |dice: &mut Dice<'_>| {
        let known = if dice.rarely(8) { 7 } else { 6 };
        Row { since: Some(at(-7200)), ..row(states[usize::from(dice.below(known))]) }
    };
    for whom in dice.some(&principals()) {
        let external = super::is_outsider(&principal(&whom));
        let row = Row { external, ..state(dice) };
        container.principals.insert(principal(&whom), row);
    }
    for resource in dice.some(&RESOURCES) {
        container.resources.insert(ec2(resource), state(dice));
    }
    for resource_type in TYPES {
        let shares = container
            .resources
            .keys()
            .any(|r| ResourceType::of(&arn(r)).is_some_and(|t| t.name == resource_type));
        let attached = match dice.below(6) {
            1 => permission(&custom(resource_type), CURRENT),
            2 => AttachedPermission { is_default_version: false, ..permission(&custom(resource_type), "1") },
            3 => continue,
            4 if !shares => continue,
            _ => default_permission(resource_type),
        };
        container.permissions.insert(resource_type.into(), attached);
    }
    if dice.rarely(4) {
        container.allows_external = !container.allows_external;
    }
    container
}
