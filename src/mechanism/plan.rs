//! From what should be and what is to what is to be done. Pure and total.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::Reason,
    mechanism::diff::{diff, is_of_type},
    model::{Arn, Digest, Mark, Part, Principal, ShareKey, Slot, Timestamp},
    plan::{
        adoption::{self, adoptable, is_forced},
        budget::{self, Budgets},
        chain::{Chain, Owner, Proof},
        change::{Change, ChangeKind},
        claim::{Claim, Marked, Recollection, claim, claim_part},
        desired::{Cause, Desired, DesiredContainer, DesiredShare, Fate, Refusal, Switches},
        gate::Gate,
        observed::Listing,
        record::Records,
        step::{Create, batch, removal},
        sweep::{self, Sweep, judge},
        undeclared::{Marks, Undeclared, undeclared},
        view::{Plan, SlotView},
    },
};

/// What a plan rests on besides what should be and what is.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// Whose marks mean what.
    pub marks: Marks<'a>,
    /// What the platform allows now.
    pub gate: &'a Gate,
    /// What earlier passes found out.
    pub recollection: &'a dyn Recollection,
    /// What becomes of what nobody declares.
    pub sweep: Sweep<'a>,
    /// What limits removals.
    pub budgets: Budgets<'a>,
    /// Now.
    pub now: Timestamp,
}

/// Plans a cell: claim, compare, filter, for each container of each Share; judge what is left over; hold back what is too much;
/// batch what remains.
pub fn plan(desired: &Desired, listing: &Listing, circumstances: &Circumstances<'_>) -> Plan {
    let mut plan = Plan::default();
    let mut claims = claims(desired, listing, circumstances);
    refuse_double_claims(&mut claims);
    let (mut claimed, mut disputed) = (BTreeSet::new(), BTreeMap::new());
    for one in &claims {
        let view = compare(one, circumstances);
        // A container that somebody else took is not ours to account for. One that is being released is its Share's until
        // that is gone, and on record then.
        let container = view.container.clone();
        if view.lost {
            disputed.extend(container.map(|id| (id, one.share.key.clone())));
        } else {
            claimed.extend(container);
        }
        if view.adopting {
            plan.adopting.extend(view.container.clone().map(|id| (id, one.share.key.clone())));
        }
        plan.shares.entry(one.share.key.clone()).or_default().insert(one.slot.clone(), view);
    }
    plan.undeclared = undeclared(listing, &claimed, &circumstances.marks);
    for found in &mut plan.undeclared {
        let record = circumstances.marks.records.get(&found.container.id);
        found.verdict = match disputed.get(&found.container.id) {
            Some(share) => sweep::disputed(share),
            None => judge(found, record, &circumstances.sweep, circumstances.gate),
        };
    }
    budget::hold(&mut plan, listing, &circumstances.budgets, circumstances.now);
    let chains = claims.iter().filter_map(|one| one.chain(&plan));
    let sweeps = plan.undeclared.iter().filter_map(|found| sweeping(found, circumstances.marks.records));
    plan.chains = chains.chain(sweeps).collect();
    plan.order();
    plan
}

/// One container of a Share, and what was found to be it.
struct Claimed<'a> {
    share: &'a DesiredShare,
    slot: Slot,
    mark: Mark,
    found: Claim<'a>,
    /// The container existed before, and is being taken over.
    adopting: bool,
    refused: Option<Refusal>,
}

fn claims<'a>(
    desired: &'a Desired,
    listing: &'a Listing,
    circumstances: &Circumstances<'a>,
) -> Vec<Claimed<'a>> {
    let marked = Marked::of(listing);
    let marked_parts = parts_of(listing, circumstances.marks.installation);
    let slots = desired.shares.values().flat_map(|share| {
        let by_mark = marked_parts.get(&share.key).into_iter().flatten();
        slots(share, by_mark).into_iter().map(move |slot| (share, slot))
    });
    let claims = slots.map(|(share, slot)| {
        let mark = mark(share, slot.clone(), circumstances.marks.installation);
        let ledger = share.ledger.get(&slot);
        let part = slot.part(circumstances.marks.installation, &share.key);
        let found = match part.and_then(|part| part.id()) {
            Some(id) => {
                let put_in = ledger.map(|entry| &entry.widened);
                let open =
                    put_in.and_then(|put| circumstances.recollection.part_open_until(&share.key, &slot, put));
                claim_part(listing, &id, open)
            }
            None => claim(&marked, &mark, ledger, circumstances.recollection, circumstances.now),
        };
        let adopting = ledger.is_some_and(|entry| entry.adopting);
        let claimed = Claimed { share, slot, mark, found, adopting, refused: None };
        claimed.adopted(listing, circumstances)
    });
    claims.collect()
}

/// The containers of a Share: its RAM shares, and its parts of the objects that it declares, has on record, or has its mark on.
fn slots<'s>(share: &'s DesiredShare, by_mark: impl Iterator<Item = &'s Slot>) -> BTreeSet<Slot> {
    let objects = share.containers.keys().chain(share.ledger.keys()).chain(by_mark);
    let objects = objects.filter(|slot| slot.object().is_some()).cloned();
    Slot::RAM.into_iter().chain(objects).collect()
}

/// The objects on which something is granted in the name of each Share of this installation.
fn parts_of(listing: &Listing, installation: &str) -> BTreeMap<ShareKey, Vec<Slot>> {
    let mut parts: BTreeMap<ShareKey, Vec<Slot>> = BTreeMap::new();
    let live = listing.live().filter_map(|container| Part::parse(&container.id));
    for part in live.filter(|part| part.installation == installation) {
        parts.entry(part.share).or_default().push(Slot::Object(part.object));
    }
    parts
}

impl<'a> Claimed<'a> {
    /// A Share that takes over a container has none of its own until it may.
    fn adopted(self, listing: &'a Listing, circumstances: &Circumstances<'a>) -> Self {
        let had = self.share.ledger.get(&self.slot).is_some_and(|entry| entry.id.is_some());
        let adopt = self
            .share
            .adopt
            .as_ref()
            .filter(|adopt| Slot::from(adopt.side) == self.slot && self.share.fate == Fate::Keep);
        let Some(adopt) = adopt.filter(|_| !had && matches!(self.found, Claim::Absent { .. })) else {
            return self;
        };
        let permits = circumstances.sweep.permits;
        match adoptable(self.share, &adopt.id, listing, &circumstances.marks, permits) {
            Ok(container) => Self { found: Claim::Found(container), adopting: true, ..self },
            Err(refusal) => Self { found: Claim::Unadopted, refused: Some(refusal), ..self },
        }
    }

    /// Its container, whatever its state.
    fn container(&self) -> Option<&Arn> {
        match &self.found {
            Claim::Found(container) => Some(&container.id),
            Claim::Unlisted { id } | Claim::Lost { id, .. } => Some(id),
            Claim::Absent { .. } | Claim::Unadopted | Claim::Unread(_) => None,
        }
    }

    /// What should be; of a part that the Share neither declares nor has on record, nothing.
    fn want(&self) -> Option<DesiredContainer> {
        let known = self.share.containers.get(&self.slot).cloned();
        let object = self.slot.object().filter(|_| matches!(self.share.fate, Fate::Keep | Fate::Revoke));
        known.or_else(|| Some(DesiredContainer::nothing_on(object?)))
    }

    /// What of its plan is left to be done, in steps.
    fn chain(&self, plan: &Plan) -> Option<Chain> {
        let want = &self.want()?;
        let view = plan.shares.get(&self.share.key)?.get(&self.slot)?;
        let incarnation = if let Claim::Absent { incarnation, .. } = self.found { incarnation } else { 1 };
        let steps = batch(&view.allowed, || Create::of(want, &self.mark, incarnation), &self.mark);
        let (container, basis) = match &self.found {
            Claim::Found(container) => (Some(container.id.clone()), container.basis()),
            // An object is there before anything is granted on it.
            _ => (view.part.clone(), Digest::of(["absent"])),
        };
        let recorded = self.share.ledger.get(&self.slot).is_some_and(|entry| entry.id.is_some());
        (!steps.is_empty()).then(|| Chain {
            owner: Owner::Share(self.share.key.clone(), self.slot.clone()),
            uid: self.share.uid.clone(),
            generation: self.share.generation,
            digest: plan.digest_of(&self.share.key).unwrap_or_else(|| Digest::of(["nothing"])),
            container,
            basis,
            steps,
            adopts: self.adopting && !recorded,
            proof: None,
        })
    }
}

/// A container that two claim is nobody's until one lets go: both say so.
fn refuse_double_claims(claims: &mut [Claimed<'_>]) {
    let mut by_container: BTreeMap<Arn, Vec<ShareKey>> = BTreeMap::new();
    for one in claims.iter().filter(|one| matches!(one.found, Claim::Found(_))) {
        if let Some(id) = one.container() {
            by_container.entry(id.clone()).or_default().push(one.share.key.clone());
        }
    }
    by_container.retain(|_, shares| shares.len() > 1);
    for one in claims.iter_mut() {
        let Some((id, shares)) = one.container().and_then(|id| by_container.get_key_value(id)) else {
            continue;
        };
        let shares: Vec<String> = shares.iter().map(ToString::to_string).collect();
        let message = format!(
            "{id} is claimed by the Shares {}, so none of them changes it; delete all but one",
            shares.join(" and ")
        );
        one.refused = Some(Refusal::new(Reason::Conflict, message));
    }
}

/// What one container is to become, without what modes, fights and adoption hold.
fn compare(one: &Claimed<'_>, circumstances: &Circumstances<'_>) -> SlotView {
    let part = one.slot.part(circumstances.marks.installation, &one.share.key);
    let mut view = SlotView {
        container: one.container().cloned(),
        part: part.and_then(|part| part.id()),
        unlisted: matches!(one.found, Claim::Unlisted { .. }),
        unread: if let Claim::Unread(unknown) = one.found { Some(unknown.clone()) } else { None },
        lost: matches!(one.found, Claim::Lost { .. }),
        open_until: if let Claim::Absent { open_until, .. } = one.found { open_until } else { None },
        refused: one.refused.clone(),
        ..SlotView::default()
    };
    let Some(want) = &one.want() else { return view };
    if view.refused.is_some() {
        return view;
    }
    let open = beyond_switches(one, want, circumstances);
    let difference = diff(one.share, want, &one.found, &one.mark, &open, circumstances.now);
    view.waits = difference.waits;
    let record = view.container.as_ref().and_then(|id| circumstances.marks.records.get(id));
    let taken_over_as_it_is = one.adopting && !is_forced(one.share, record);
    for change in difference.changes {
        match held(one, &change, &open, taken_over_as_it_is, circumstances) {
            None => view.allowed.push(change),
            Some(reason) => view.held.push((change, reason)),
        }
    }
    hold_what_the_permission_holds(&mut view);
    view.adopting = one.adopting && !(view.allowed.is_empty() && view.held.is_empty());
    view
}

/// Where a permission is not swapped now, nothing is added that would be granted under the wrong one (law 2).
fn hold_what_the_permission_holds(view: &mut SlotView) {
    let swaps: Vec<(String, Reason)> = view
        .held
        .iter()
        .filter_map(|(change, reason)| match &change.kind {
            ChangeKind::SetPermission(to) => Some((to.resource_type.clone(), *reason)),
            _ => None,
        })
        .collect();
    for change in std::mem::take(&mut view.allowed) {
        let swap = match &change.kind {
            ChangeKind::AddPrincipal(_) => swaps.first(),
            ChangeKind::AddResource(arn) => swaps.iter().find(|(t, _)| is_of_type(arn, t)),
            _ => None,
        };
        match swap {
            None => view.allowed.push(change),
            Some((_, reason)) => view.held.push((change, *reason)),
        }
    }
}

/// Principals in the container whom nothing declares any more and whom no switch of the tenant keeps in: those outside, who
/// have no end now, and those whom no policy allows.
fn beyond_switches(
    one: &Claimed<'_>,
    want: &DesiredContainer,
    circumstances: &Circumstances<'_>,
) -> BTreeSet<Principal> {
    let Claim::Found(container) = &one.found else { return BTreeSet::new() };
    if one.share.switches == Switches::default() || want.unresolved {
        return BTreeSet::new();
    }
    let permits = circumstances.sweep.permits;
    let refused = permits.refused(&one.share.key.namespace, container, &BTreeMap::new()).unwrap_or_default();
    let undeclared = container.principals.iter().filter(|(principal, row)| {
        let kept = !row.external && !refused.contains_key(*principal);
        row.state.may_grant() && !kept && !want.principals.contains_key(*principal)
    });
    undeclared.map(|(principal, _)| principal.clone()).collect()
}

fn held(
    one: &Claimed<'_>,
    change: &Change,
    open: &BTreeSet<Principal>,
    taken_over_as_it_is: bool,
    circumstances: &Circumstances<'_>,
) -> Option<Reason> {
    let fought_over = || {
        let (share, now) = (&one.share.key, circumstances.now);
        change.cause == Cause::Drift
            && circumstances.recollection.is_contended(share, &one.slot, &change.kind, now)
    };
    let beyond_switches = match &change.kind {
        ChangeKind::RemovePrincipal(principal) => open.contains(principal),
        // Nothing is taken out of what is not visibly ours.
        ChangeKind::Mark => !open.is_empty(),
        _ => false,
    };
    let switches = if beyond_switches { Switches::default() } else { one.share.switches };
    let by_gate = circumstances.gate.holds(switches, change);
    by_gate
        .or_else(|| (taken_over_as_it_is && adoption::holds(change)).then_some(Reason::Adopting))
        .or_else(|| fought_over().then_some(Reason::Contended))
}

/// The chain that removes something undeclared, as far as it is to be removed now.
fn sweeping(found: &Undeclared, records: &Records) -> Option<Chain> {
    let steps = removal(&found.verdict.allowed);
    let record = records.get(&found.container.id)?;
    (!steps.is_empty()).then(|| Chain {
        owner: Owner::Nobody(found.container.id.clone()),
        uid: String::new(),
        generation: record.generation,
        digest: Digest::of(found.verdict.allowed.iter().map(|change| format!("{:?}", change.kind))),
        container: Some(found.container.id.clone()),
        basis: found.container.basis(),
        steps,
        adopts: false,
        proof: Some(Proof {
            evidence: found.evidence(),
            first_seen: record.first_seen.unwrap_or_default(),
            confirmed_at: record.confirmed_at,
            because: format!("{:?}: {}", found.why, found.verdict.message),
        }),
    })
}

/// The mark that belongs on one container of a Share. A part bears no UID: it is whoever's has the Share's name.
pub fn mark(share: &DesiredShare, slot: Slot, installation: &str) -> Mark {
    let uid = if slot.object().is_some() { String::new() } else { share.uid.clone() };
    Mark { installation: installation.to_owned(), share: share.key.clone(), uid, slot }
}

#[cfg(test)]
mod tests;
