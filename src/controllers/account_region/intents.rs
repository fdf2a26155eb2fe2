//! What must be on record in a Share's status before anything is sent for it, so that a crash loses neither what was made
//! nor what names meant.

use std::collections::{BTreeMap, BTreeSet};

use futures::{FutureExt, StreamExt, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    gather::Gathered,
    memory::{CellMemory, Sent},
};
use crate::{
    api::{
        Share,
        share_status::{ContainerState, ShareContainer},
    },
    controllers::{
        chain_of,
        context::{Context, FINALIZER},
    },
    kube::write::WriteError,
    model::{Arn, ShareKey, Slot, Timestamp, mark::TAG_PREFIX},
    plan::{
        chain::{Chain, Owner},
        desired::{Desired, DesiredShare},
        receipt::{Failure, Outcome, Receipt, Then},
        report::{outside, pins, superseded},
        resolve::key_of,
        step::{Action, Members, Step},
        widened,
    },
};

/// Shares that are written at once.
const AT_ONCE: usize = 8;

/// What must be on record of a container in its Share's status before a chain is sent.
struct Intents<'a> {
    slot: &'a Slot,
    /// The container, where there is one.
    container: Option<&'a Arn>,
    /// What makes it the Share's, if this chain does.
    intent: Option<Intent>,
    /// What is put into it.
    widening: Members,
    /// The keys of the Share's own tags that are set on it: they are ours to take away from then on.
    tags: BTreeSet<String>,
}

impl<'a> Intents<'a> {
    fn of(slot: &'a Slot, chain: &'a Chain) -> Self {
        let mut widening = Members::default();
        chain.steps.iter().filter_map(put_in).for_each(|members| widening.extend(members));
        let tags = chain.steps.iter().filter_map(|step| match &step.action {
            Action::Tag(tags) => Some(own(tags.keys())),
            _ => None,
        });
        let tags = tags.flatten().collect();
        Self { slot, container: chain.container.as_ref(), intent: intent(chain), widening, tags }
    }

    fn is_empty(&self) -> bool {
        self.intent.is_none() && self.widening.is_empty() && self.tags.is_empty()
    }
}

/// Of a container's tags those that the Share declares: all but the mark.
fn own<'t>(keys: impl Iterator<Item = &'t String>) -> BTreeSet<String> {
    keys.filter(|key| !key.starts_with(TAG_PREFIX)).cloned().collect()
}

/// What a step puts into a container.
fn put_in(step: &Step) -> Option<&Members> {
    match &step.action {
        Action::Create(create) => Some(&create.members),
        Action::Associate(members) => Some(members),
        _ => None,
    }
}

/// What makes a container a Share's.
#[derive(Clone, Debug)]
pub(super) enum Intent {
    /// A container is made, in this incarnation and with these tags of the Share's own.
    Create(i64, BTreeSet<String>),
    /// A container that exists is taken over.
    Adopt(Arn),
}

pub(super) fn intent(chain: &Chain) -> Option<Intent> {
    let create = |step: &Step| {
        let Action::Create(create) = &step.action else { return None };
        Some(Intent::Create(create.incarnation, own(create.tags.keys())))
    };
    // An object is there anyway, and nothing but its policy is written.
    let of_ram = chain.owner.slot().is_none_or(|slot| slot.side().is_some());
    let made = chain.steps.iter().find_map(create).filter(|_| of_ram);
    made.or_else(|| chain.container.clone().filter(|_| chain.adopts).map(Intent::Adopt))
}

/// Puts on record in the statuses of Shares what must outlive a crash between the writes and the report: each container
/// that is about to be made or taken over, so that no second one is made, what is put into it, and what names mean. A Share must carry our
/// finalizer before anything is made for it. Answers the Shares for which it is on record.
pub(super) async fn record_intents(
    context: &Context,
    memory: &mut CellMemory,
    gathered: &Gathered,
    desired: &Desired,
    chains: &[&Chain],
) -> BTreeSet<ShareKey> {
    let mut intents: BTreeMap<ShareKey, Vec<Intents<'_>>> = BTreeMap::new();
    for chain in chains {
        if let Owner::Share(share, slot) = &chain.owner {
            let of_share = intents.entry(share.clone()).or_default();
            of_share.extend(Some(Intents::of(slot, chain)).filter(|intents| !intents.is_empty()));
        }
    }
    let mut writes = vec![];
    for (share, _) in gathered.shares() {
        let key = key_of(share);
        if let (Some(slots), Some(desired)) = (intents.remove(&key), desired.shares.get(&key)) {
            writes
                .push(async move { (record(context, gathered, share, desired, &slots).await, key) }.boxed());
        }
    }
    let written: Vec<_> = stream::iter(writes).buffer_unordered(AT_ONCE).collect().await;
    let mut recorded = BTreeSet::new();
    for (share, key) in written {
        let Some(share) = share else { continue };
        recorded.insert(key.clone());
        memory.own.note(key, share, gathered.now);
    }
    recorded
}

/// Answers the Share as it is once it is on record.
async fn record(
    context: &Context,
    gathered: &Gathered,
    share: &Share,
    desired: &DesiredShare,
    slots: &[Intents<'_>],
) -> Option<Share> {
    if !slots.is_empty() && !share.metadata.finalizers.iter().flatten().any(|f| f == FINALIZER) {
        return None;
    }
    let before = share.status.clone().unwrap_or_default();
    let mut status = before.clone();
    for intents in slots {
        put(&mut status.containers, intents, &Time(gathered.now));
    }
    if !slots.is_empty() && !desired.was_applied() {
        status.applied = status.applied.as_ref().map(superseded);
    }
    // What names mean, and since when somebody outside is declared, must not depend on a report that may never be made.
    status.pins = pins(desired, gathered.account_pin(share).as_ref());
    status.outside = outside(desired, &before);
    if status == before {
        return Some(share.clone());
    }
    let written = context.writer.status(share, &before, &status).await;
    let told = |error: &WriteError| {
        tracing::warn!(error = %chain_of(error), "what is about to be made could not be put on record, so it is not sent");
    };
    written.inspect_err(told).ok()
}

fn put(containers: &mut Vec<ShareContainer>, intents: &Intents<'_>, now: &Time) {
    if let Some(intent) = &intents.intent {
        put_intent(containers, intents.slot, intent, now.clone());
    }
    if intents.widening.is_empty() && intents.tags.is_empty() {
        return;
    }
    if let Some(entry) = containers.iter_mut().find(|c| c.is(intents.slot)) {
        return note(entry, intents, now);
    }
    // It was found by its mark.
    let id = intents.container.filter(|_| intents.slot.side().is_some()).map(ToString::to_string);
    let found = ShareContainer::of(intents.slot);
    let mut entry = ShareContainer { id: found.id.clone().or(id), ..found };
    note(&mut entry, intents, now);
    containers.push(entry);
}

fn note(entry: &mut ShareContainer, intents: &Intents<'_>, now: &Time) {
    let keys: BTreeSet<String> = entry.tag_keys.iter().chain(&intents.tags).cloned().collect();
    entry.tag_keys = keys.into_iter().collect();
    if !intents.widening.is_empty() {
        widened::note(entry, &intents.widening, now.0);
    }
}

/// A create of the same incarnation that is on record already stays as it is: each retry would write the status again. The
/// tags that it makes are ours to take away from then on, whatever the Share says by the time the create is answered.
fn put_intent(containers: &mut Vec<ShareContainer>, slot: &Slot, intent: &Intent, now: Time) {
    let known = containers.iter().position(|c| c.is(slot));
    let before = known.and_then(|at| containers.get(at));
    let entry = ShareContainer {
        incarnation: before.map_or(1, |c| c.incarnation),
        state: ContainerState::Creating,
        tag_keys: before.map(|c| c.tag_keys.clone()).unwrap_or_default(),
        widened: before.map(|c| c.widened.clone()).unwrap_or_default(),
        ..ShareContainer::of(slot)
    };
    let entry = match intent {
        Intent::Create(incarnation, own) => {
            let tag_keys: BTreeSet<String> = entry.tag_keys.iter().chain(own).cloned().collect();
            let tag_keys = tag_keys.into_iter().collect();
            let sent = |c: &&ShareContainer| {
                c.incarnation == *incarnation && c.id.is_none() && c.create_sent_at.is_some()
            };
            match before.filter(sent) {
                // A retry: what the last report said of it stays.
                Some(same) => ShareContainer { tag_keys, ..same.clone() },
                None => {
                    ShareContainer { incarnation: *incarnation, create_sent_at: Some(now), tag_keys, ..entry }
                }
            }
        }
        Intent::Adopt(id) => ShareContainer {
            id: Some(id.to_string()),
            state: ContainerState::Present,
            adopting: true,
            ..entry
        },
    };
    match known.and_then(|at| containers.get_mut(at)) {
        Some(place) => *place = entry,
        None => containers.push(entry),
    }
}

/// The chains whose create is on record as sent already: what became of it then this pass cannot say.
pub(super) fn unanswered(gathered: &Gathered, chains: &[&Chain]) -> BTreeSet<Owner> {
    let on_record = |share: &Share, slot: &Slot, incarnation: i64| {
        share.status.iter().flat_map(|status| &status.containers).any(|c| {
            c.is(slot) && c.incarnation == incarnation && c.id.is_none() && c.create_sent_at.is_some()
        })
    };
    let shares: BTreeMap<ShareKey, &Share> =
        gathered.shares().map(|(share, _)| (key_of(share), share)).collect();
    let open = chains.iter().filter(|chain| match (&chain.owner, intent(chain)) {
        (Owner::Share(key, slot), Some(Intent::Create(incarnation, _))) => {
            shares.get(key).is_some_and(|share| on_record(share, slot, incarnation))
        }
        _ => false,
    });
    open.map(|chain| chain.owner.clone()).collect()
}

/// Keeps what is known of a create that is on record as sent. `unanswered`: it was before this pass.
pub(super) fn remember_create(
    memory: &mut CellMemory,
    chain: &Chain,
    receipts: &[Receipt],
    unanswered: bool,
    now: Timestamp,
) {
    let (Owner::Share(share, slot), Some(receipt)) =
        (&chain.owner, receipts.iter().find(|r| matches!(r.step.action, Action::Create(_))))
    else {
        return;
    };
    let key = (share.clone(), slot.clone());
    match &receipt.outcome {
        // A refusal says nothing of what was sent before.
        Outcome::NotSent(_) | Outcome::Failed(Failure { certain: true, .. }) if unanswered => {}
        Outcome::NotSent(_) | Outcome::Failed(Failure { certain: true, .. }) => {
            memory.creates.insert(key, Sent::Refused);
        }
        // Nothing new was made: what counts is the request that the token belongs to.
        Outcome::Failed(Failure { then: Then::RenewToken, .. })
            if matches!(memory.creates.get(&key), Some(Sent::Unanswered(_))) => {}
        // An answer counts once it is on record: then nobody asks here any more.
        Outcome::Done(_) | Outcome::AlreadyDone | Outcome::Failed(_) => {
            memory.creates.insert(key, Sent::Unanswered(now));
        }
    }
}

/// Keeps which members are certainly not in a container, though they are on record as put in.
pub(super) fn remember_members(
    memory: &mut CellMemory,
    desired: &Desired,
    chain: &Chain,
    receipts: &[Receipt],
    now: Timestamp,
) {
    let Owner::Share(share, slot) = &chain.owner else { return };
    let key = (share.clone(), slot.clone());
    let ledger = desired.shares.get(share).and_then(|share| share.ledger.get(slot));
    let before = ledger.map(|entry| entry.widened.clone()).unwrap_or_default();
    for receipt in receipts {
        match &receipt.step.action {
            Action::Disassociate(members) if receipt.is_done() => {
                memory.absent.taken_out(key.clone(), members);
            }
            // A part is there again as soon as anything is granted; a resource share never is.
            Action::Delete if receipt.is_done() && slot.object().is_some() => {
                memory.absent.taken_out(key.clone(), &before);
            }
            _ => {}
        }
        let Some(members) = put_in(&receipt.step) else { continue };
        let refused = match &receipt.outcome {
            Outcome::NotSent(_) => true,
            Outcome::Failed(failure) => failure.certain,
            Outcome::Done(_) | Outcome::AlreadyDone => false,
        };
        if !matches!(receipt.outcome, Outcome::NotSent(_)) {
            memory.absent.sent(&key, members);
        }
        if slot.object().is_some() && receipt.failure().is_some_and(|failure| !failure.certain) {
            memory.unanswered.insert(key.clone(), now);
        }
        memory.absent.note(key.clone(), members, refused, &before);
    }
}
