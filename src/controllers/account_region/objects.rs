//! Objects with policies of their own, read one by one: what Shares grant on them, with each whole reading; and what else their
//! policies grant, little by little.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::{gather::Gathered, memory::CellMemory, observe::spread};
use crate::{
    api::Reason,
    aws::session::CellClients,
    controllers::context::OrganizationView,
    mechanism::{
        key::{Reach, observe, written::Written},
        ram::failure,
        statements::Place,
    },
    model::{Arn, Part, Timestamp},
    plan::{
        desired::Desired,
        observed::{Listing, Unknown, object_of},
    },
};

/// How often all objects of a cell are looked through for what nobody declared.
const ROUND: Duration = Duration::from_secs(3600);
/// How many of them a whole reading reads beside those that Shares declare.
const SLICE: usize = 25;

/// Where the looking through stands.
#[derive(Debug, Default)]
pub struct Round {
    /// All objects there are, as they were last listed.
    all: BTreeSet<Arn>,
    /// Those that this round has still to read.
    todo: BTreeSet<Arn>,
    next: Option<Instant>,
    /// Why they could not be listed, and since when.
    pub problem: Option<(Unknown, Timestamp)>,
}

impl Round {
    /// Begins a round if one is due, and takes the next slice of it. A role that may not list keys sees none that no Share names.
    async fn slice(&mut self, clients: &CellClients, at: Timestamp) -> BTreeSet<Arn> {
        let now = Instant::now();
        if self.todo.is_empty() && self.next.is_none_or(|next| now >= next) {
            self.next = Some(now + spread(ROUND, &clients.cell.to_string()));
            match observe::all(clients).await {
                Ok(all) => (self.todo, self.all, self.problem) = (all.clone(), all, None),
                Err(error) => {
                    let since = self.problem.as_ref().map_or(at, |(_, since)| *since);
                    self.problem = Some((failure::unknown(&error), since));
                }
            }
        }
        let slice: BTreeSet<Arn> = self.todo.iter().take(SLICE).cloned().collect();
        self.todo.retain(|object| !slice.contains(object));
        slice
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
    let slice = memory.round.slice(clients, now).await;
    let asked: BTreeSet<Arn> = of(parts).into_iter().chain(slice).collect();
    let mut read = read(gathered, clients, &memory.written, &asked, parts, now).await;
    // What could not be read for a moment has its turn again; who denies it goes on denying it.
    let passing = read.unread.iter().filter(|(_, unknown)| unknown.passes()).map(|(object, _)| object);
    memory.round.todo.extend(passing.filter(|object| memory.round.all.contains(*object)).cloned());
    let stays = |object: &Arn| memory.round.all.contains(object) || asked.contains(object);
    let former = memory.listing.iter().flat_map(|listing| &listing.containers);
    let carried = former.filter(|(id, _)| {
        object_of(id).is_some_and(|object| stays(&object) && !read.objects.contains(&object))
    });
    let carried: Vec<_> = carried.map(|(id, container)| (id.clone(), container.clone())).collect();
    read.containers.extend(carried);
    read
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
    observe::keys(Reach { clients, place, written, now }, objects, parts).await
}
