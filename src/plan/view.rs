//! A plan, whole: the steps that may be done, what is held and why, what waits, what drifted, what nobody declared.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::Reason,
    model::{Arn, Digest, Part, ShareKey, Slot, Timestamp},
    plan::{
        budget::HeldRemovals,
        chain::{Chain, Owner},
        change::{Change, Effect},
        desired::{Cause, Desired, Presence, Refusal},
        observed::{Listing, Unknown},
        undeclared::Undeclared,
    },
};

/// What is to be done in a cell, with no choice left to whoever does it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is done, narrowing chains first.
    pub chains: Vec<Chain>,
    /// What the plan says of each Share.
    pub shares: BTreeMap<ShareKey, BTreeMap<Slot, SlotView>>,
    /// What nobody declared, and what becomes of it.
    pub undeclared: Vec<Undeclared>,
    /// Containers that Shares are adopting, with the Share.
    pub adopting: BTreeMap<Arn, ShareKey>,
    /// Removals that a budget must be asked for before they are sent, by whose chain they are in.
    pub to_reserve: Vec<(Owner, Digest)>,
    /// Removals that a person has approved and that are still to be seen done.
    pub approved: BTreeSet<String>,
    /// Removals that wait for a person.
    pub held: Option<HeldRemovals>,
}

/// What a plan says of one container of a Share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotView {
    /// The container, where there is one.
    pub container: Option<Arn>,
    /// The name of what the Share grants on an object, whether it grants anything there or not.
    pub part: Option<Arn>,
    /// Made by us and in no listing yet, or of an object that was not read yet.
    pub unlisted: bool,
    /// A create was sent whose outcome is not known: until a whole reading that begins then, it may have made a container.
    pub open_until: Option<Timestamp>,
    /// Its object could not be read, and why.
    pub unread: Option<Unknown>,
    /// The container in the ledger belongs to somebody else now.
    pub lost: bool,
    /// It is being taken over, and differs from what the Share declares.
    pub adopting: bool,
    /// Why it is not touched at all: its container is not to be had.
    pub refused: Option<Refusal>,
    /// Changes that are made.
    pub allowed: Vec<Change>,
    /// Changes that are held back, and why.
    pub held: Vec<(Change, Reason)>,
    /// What cannot be done yet, and what it waits for.
    pub waits: Vec<String>,
}

impl SlotView {
    /// What writes and expectations name it by.
    pub fn id(&self) -> Option<&Arn> {
        self.part.as_ref().or(self.container.as_ref())
    }

    /// Nothing to do, nothing held, nothing awaited.
    pub fn is_settled(&self) -> bool {
        self.allowed.is_empty()
            && self.held.is_empty()
            && self.waits.is_empty()
            && !self.unlisted
            && self.unread.is_none()
            && !self.lost
            && self.refused.is_none()
    }

    /// Whether removals are held by a budget.
    pub fn waits_for_a_person(&self) -> bool {
        self.held.iter().any(|(_, reason)| *reason == Reason::RemovalsHeld)
    }

    /// All changes, held or not.
    pub fn changes(&self) -> impl Iterator<Item = (&Change, Option<Reason>)> {
        let allowed = self.allowed.iter().map(|change| (change, None));
        allowed.chain(self.held.iter().map(|(change, reason)| (change, Some(*reason))))
    }

    /// The changes that undo what somebody did in AWS.
    pub fn drift(&self) -> impl Iterator<Item = (&Change, Option<Reason>)> {
        self.changes().filter(|(change, _)| change.cause == Cause::Drift)
    }
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.chains.is_empty()
    }

    /// A fingerprint of the changes of a Share, held ones included.
    pub fn digest_of(&self, share: &ShareKey) -> Option<Digest> {
        let slots = self.shares.get(share)?;
        let changes = slots
            .iter()
            .flat_map(|(slot, view)| view.changes().map(move |(c, _)| format!("{slot} {:?}", c.kind)));
        let changes: Vec<String> = changes.collect();
        (!changes.is_empty()).then(|| Digest::of(changes))
    }

    /// The moments at which it is certain what creates without an answer have made.
    pub fn open_until(&self) -> impl Iterator<Item = Timestamp> {
        self.shares.values().flat_map(BTreeMap::values).filter_map(|view| view.open_until)
    }

    /// Whether to write for this owner could undo what was put in lately for another Share that still wants it, and is not shown: the
    /// policy that AWS shows is then perhaps an old one. Who is not shown himself writes, so that nobody waits for one another.
    pub fn may_overwrite(&self, owner: &Owner, desired: &Desired) -> bool {
        let object = match owner {
            Owner::Share(_, slot) => slot.object().cloned(),
            Owner::Nobody(id) => Part::parse(id).map(|part| part.object),
        };
        let Some(slot) = object.map(Slot::Object) else { return false };
        let is_open = |share: &&ShareKey| {
            let view = self.shares.get(*share).and_then(|slots| slots.get(&slot));
            view.is_some_and(|view| view.open_until.is_some())
        };
        let wants = |share: &&ShareKey| {
            let want = desired.shares.get(*share).and_then(|share| share.containers.get(&slot));
            want.is_some_and(|want| want.presence == Presence::Wanted)
        };
        !owner.share().is_some_and(|own| is_open(&own))
            && self.shares.keys().any(|share| is_open(&share) && wants(&share))
    }

    /// The parts whose objects are still to be read, and those that AWS could not be asked about for the moment.
    pub fn unread_parts<'p>(&'p self, listing: &'p Listing) -> impl Iterator<Item = &'p Arn> {
        let views = self.shares.values().flat_map(BTreeMap::values);
        views.filter_map(|view| {
            let part = view.part.as_ref()?;
            let again = listing.unread(part).is_some_and(Unknown::passes);
            (view.unlisted || again).then_some(part)
        })
    }

    /// Sorts the chains so that what narrows goes before what widens.
    pub fn order(&mut self) {
        self.chains.sort_by_key(|chain| {
            let effect = chain.steps.iter().map(|step| step.effect).min().unwrap_or(Effect::Neutral);
            (effect, chain.owner.clone())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{desired::DesiredContainer, fixture};

    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";

    /// The plan of two Shares of one key, each open or not, and what the second one wants of it.
    fn plan(own_open: bool, other_open: bool, other: Presence) -> (Plan, Desired) {
        let slot = Slot::Object(fixture::arn(KEY));
        let (mut plan, mut desired) = (Plan::default(), Desired::default());
        for (name, open, presence) in [("own", own_open, Presence::Wanted), ("other", other_open, other)] {
            let view = SlotView { open_until: open.then(|| fixture::at(700)), ..SlotView::default() };
            plan.shares.insert(fixture::key(name), BTreeMap::from([(slot.clone(), view)]));
            let tree = crate::org::tree::tests::tree();
            let mut share =
                fixture::resolved(&fixture::share(name), fixture::known(&tree), &[fixture::policy()]);
            let container = DesiredContainer { presence, ..DesiredContainer::nothing_on(&fixture::arn(KEY)) };
            share.containers = BTreeMap::from([(slot.clone(), container)]);
            desired.shares.insert(share.key.clone(), share);
        }
        (plan, desired)
    }

    #[test]
    fn who_is_shown_waits_for_what_another_wants_and_nobody_waits_for_one_another() {
        // whether the own part is open, whether the other's is, what the other wants, whether to write could overwrite it
        let table = [
            (false, false, Presence::Wanted, false),
            (false, true, Presence::Wanted, true),
            (true, true, Presence::Wanted, false),
            (false, true, Presence::Gone, false),
            (false, true, Presence::IfThere, false),
        ];
        let slot = Slot::Object(fixture::arn(KEY));
        let another = Slot::Object(fixture::arn("arn:aws:kms:eu-west-1:111122223333:key/another"));
        for (own_open, other_open, other, waits) in table {
            let (plan, desired) = plan(own_open, other_open, other);
            let may = |owner: Owner| plan.may_overwrite(&owner, &desired);
            let own = fixture::key("own");
            assert_eq!(
                may(Owner::Share(own.clone(), slot.clone())),
                waits,
                "{own_open} {other_open} {other:?}"
            );
            assert!(!may(Owner::Share(own.clone(), another.clone())) && !may(Owner::Share(own, Slot::Inner)));
            // What nobody declares waits for whoever is open.
            let nobody = fixture::arn(&format!("{KEY}#us/team/former"));
            assert_eq!(may(Owner::Nobody(nobody)), other_open && other == Presence::Wanted || own_open);
        }
    }
}
