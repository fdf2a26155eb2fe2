//! Objects with policies of their own, read one by one: what Shares grant on them, with each whole reading; and what else their
//! policies grant, little by little.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use super::{gather::Gathered, memory::CellMemory, observe::spread};
use crate::{
    api::{AccountSet, Reason},
    aws::session::CellClients,
    controllers::context::OrganizationView,
    mechanism::{
        policy::{Purpose, Reach, observe, store, written::Written},
        ram::failure,
        statements::Place,
    },
    model::{Arn, Mechanism, ObjectKind, Part, Timestamp},
    plan::{
        desired::Desired,
        observed::{Listing, Unknown, object_of},
    },
};

/// How often all objects of a cell are looked through for what nobody declared.
const ROUND: Duration = Duration::from_secs(3600);
/// About how many of them a whole reading reads beside those that Shares declare.
const SLICE: usize = 25;

/// Where the looking through stands.
#[derive(Debug, Default)]
pub struct Round {
    /// All objects there are, as those of each kind were last listed.
    all: BTreeMap<ObjectKind, BTreeSet<Arn>>,
    /// Those of each kind that this round has still to read.
    todo: BTreeMap<ObjectKind, BTreeSet<Arn>>,
    next: Option<Instant>,
    /// Why those of a kind could not be listed, and since when.
    problems: BTreeMap<ObjectKind, (Unknown, Timestamp)>,
}

impl Round {
    /// Why not all objects of a way of sharing could be listed, and since when.
    pub fn problem(&self, mechanism: Mechanism) -> Option<&(Unknown, Timestamp)> {
        self.problems.iter().find(|(kind, _)| kind.mechanism() == mechanism).map(|(_, problem)| problem)
    }

    fn take_up(&mut self, objects: Vec<Arn>) {
        for object in objects {
            if let Some(kind) = ObjectKind::of(&object) {
                self.todo.entry(kind).or_default().insert(object);
            }
        }
    }

    fn has(&self, object: &Arn) -> bool {
        self.all.values().any(|all| all.contains(object))
    }

    /// Begins a round if one is due, and takes the next slice of it.
    async fn slice(
        &mut self,
        clients: &CellClients,
        kinds: &BTreeSet<ObjectKind>,
        at: Timestamp,
    ) -> BTreeSet<Arn> {
        let now = Instant::now();
        self.all.retain(|kind, _| kinds.contains(kind));
        self.problems.retain(|kind, _| kinds.contains(kind));
        self.todo.retain(|kind, objects| kinds.contains(kind) && !objects.is_empty());
        if self.todo.is_empty() && self.next.is_none_or(|next| now >= next) {
            self.next = Some(now + spread(ROUND, &clients.cell.to_string()));
            for kind in kinds {
                self.list(clients, *kind, at).await;
            }
        }
        // Each kind in its turn, so that many of one do not hold up the others.
        let mut slice = BTreeSet::new();
        while slice.len() < SLICE && self.todo.values().any(|objects| !objects.is_empty()) {
            slice.extend(self.todo.values_mut().filter_map(BTreeSet::pop_first));
        }
        slice
    }

    /// Lists the objects of a kind. A role that may not list them sees none that no Share names.
    async fn list(&mut self, clients: &CellClients, kind: ObjectKind, at: Timestamp) {
        match store::all(clients, kind).await {
            Ok(all) => {
                self.problems.remove(&kind);
                self.todo.insert(kind, all.clone());
                self.all.insert(kind, all);
            }
            Err(error) => {
                let since = self.problems.get(&kind).map_or(at, |(_, since)| *since);
                self.problems.insert(kind, (failure::unknown(&error), since));
            }
        }
    }
}

/// Reads the objects of these parts, and a slice of the others, as a part of a whole reading.
pub(super) async fn read_with_others(
    memory: &mut CellMemory,
    gathered: &Gathered,
    clients: &CellClients,
    parts: &BTreeSet<Part>,
    now: Timestamp,
) -> Listing {
    let slice = memory.round.slice(clients, &kinds(&gathered.set), now).await;
    let asked: BTreeSet<Arn> = of(parts).into_iter().chain(slice).collect();
    let mut read = read(gathered, clients, &memory.written, &asked, parts, Purpose::Plan, now).await;
    // What could not be read for a moment has its turn again; who denies it goes on denying it.
    let passing = read.unread.iter().filter(|(_, unknown)| unknown.passes()).map(|(object, _)| object);
    let again: Vec<Arn> = passing.filter(|object| memory.round.has(object)).cloned().collect();
    memory.round.take_up(again);
    let stays = |object: &Arn| memory.round.has(object) || asked.contains(object);
    let former = memory.listing.iter().flat_map(|listing| &listing.containers);
    let carried = former.filter(|(id, _)| {
        object_of(id).is_some_and(|object| stays(&object) && !read.objects.contains(&object))
    });
    let carried: Vec<_> = carried.map(|(id, container)| (id.clone(), container.clone())).collect();
    read.containers.extend(carried);
    read
}

/// The kinds of objects that a set has looked through; where it says nothing, all.
pub(crate) fn kinds(set: &AccountSet) -> BTreeSet<ObjectKind> {
    ObjectKind::ALL.into_iter().filter(|kind| looks_through(set, kind.mechanism())).collect()
}

/// Whether a set has a way of sharing looked through.
pub(crate) fn looks_through(set: &AccountSet, mechanism: Mechanism) -> bool {
    let named = set.spec.mechanisms.as_ref();
    named.is_none_or(|named| named.iter().any(|one| one.mechanism() == mechanism))
}

/// The parts that Shares declare or have on record, and those that were let go: these are looked at each time, whether they grant
/// anything or not.
pub(crate) fn parts(gathered: &Gathered, desired: &Desired) -> BTreeSet<Part> {
    let records = gathered.records.keys().filter_map(Part::parse);
    let slots = desired.shares.values().flat_map(|share| {
        let slots = share.containers.keys().chain(share.ledger.keys());
        slots.filter_map(|slot| slot.part(&gathered.installation, &share.key))
    });
    slots.chain(records).collect()
}

/// The objects of some parts.
pub(crate) fn of<'p>(parts: impl IntoIterator<Item = &'p Part>) -> BTreeSet<Arn> {
    parts.into_iter().map(|part| part.object.clone()).collect()
}

/// Reads objects. Who an organization's condition lets in is not known before its tree is.
pub(crate) async fn read(
    gathered: &Gathered,
    clients: &CellClients,
    written: &Written,
    objects: &BTreeSet<Arn>,
    parts: &BTreeSet<Part>,
    purpose: Purpose,
    now: Timestamp,
) -> Listing {
    if matches!(gathered.organization, OrganizationView::Unknown) {
        let message = "the organization's tree has not been read yet, so whom its policy lets in cannot be told; see the Organization's status";
        let unknown = Unknown { reason: Reason::TreeUnknown.as_str(), message: message.to_owned() };
        let unread = objects.iter().map(|object| (object.clone(), unknown.clone())).collect();
        return Listing { unread, ..Listing::default() };
    }
    let place = Place {
        region: &gathered.cell.region,
        owner: &gathered.cell.account,
        tree: gathered.organization.as_names().tree(),
    };
    observe::objects(Reach { clients, place, written, now }, objects, parts, purpose).await
}
