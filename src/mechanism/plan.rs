//! From what should be and what is to what is to be done. Pure and total.

use std::collections::BTreeSet;

use crate::{
    mechanism::ram,
    model::{Digest, Mark, Side, Timestamp},
    plan::{
        claim::{Claim, Marked, Recollection, claim},
        desired::{Desired, DesiredContainer, DesiredShare},
        gate::Gate,
        observed::Listing,
        step::{Chain, Create, batch},
        undeclared::{Marks, undeclared},
        view::{Plan, SideView},
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
    /// Now.
    pub now: Timestamp,
}

/// Plans a cell: claim, compare, filter, batch, for each side of each Share; then name what is left over.
pub fn plan(desired: &Desired, listing: &Listing, circumstances: &Circumstances<'_>) -> Plan {
    let mut plan = Plan::default();
    let mut claimed = BTreeSet::new();
    let marked = Marked::of(listing);
    for share in desired.shares.values() {
        let sides = plan.shares.entry(share.key.clone()).or_default();
        for side in [Side::Inner, Side::Outer] {
            let mark = mark(share, side, circumstances.marks.installation);
            let ledger = share.ledger.get(&side);
            let found = claim(&marked, &mark, ledger, circumstances.recollection, circumstances.now);
            let mut view = SideView::default();
            match &found {
                Claim::Found(container) => view.container = Some(container.id.clone()),
                Claim::Unlisted { id } => (view.container, view.unlisted) = (Some(id.clone()), true),
                Claim::Lost { id, .. } => (view.container, view.lost) = (Some(id.clone()), true),
                Claim::Absent { .. } => {}
            }
            // A container that somebody else took is not ours to account for. One that is being released is its Share's until
            // that is gone, and on record then.
            if !view.lost {
                claimed.extend(view.container.clone());
            }
            if let Some(want) = share.containers.get(&side) {
                plan.chains.extend(chain(share, want, &found, &mark, circumstances, &mut view));
            }
            sides.insert(side, view);
        }
    }
    plan.undeclared = undeclared(listing, &claimed, &circumstances.marks);
    plan.order();
    plan
}

/// The mark that belongs on one side of a Share.
pub fn mark(share: &DesiredShare, side: Side, installation: &str) -> Mark {
    Mark { installation: installation.to_owned(), share: share.key.clone(), uid: share.uid.clone(), side }
}

fn chain(
    share: &DesiredShare,
    want: &DesiredContainer,
    found: &Claim<'_>,
    mark: &Mark,
    circumstances: &Circumstances<'_>,
    view: &mut SideView,
) -> Option<Chain> {
    let difference = ram::diff::diff(share, want, found, mark, circumstances.now);
    view.waits = difference.waits;
    for change in difference.changes {
        match circumstances.gate.holds(share.switches, &change) {
            None => view.allowed.push(change),
            Some(reason) => view.held.push((change, reason)),
        }
    }
    let incarnation = if let Claim::Absent { incarnation } = found { *incarnation } else { 1 };
    let steps = batch(&view.allowed, || Create::of(want, mark, incarnation), mark);
    let (container, basis) = match found {
        Claim::Found(container) => (Some(container.id.clone()), container.basis()),
        _ => (None, Digest::of(["absent"])),
    };
    (!steps.is_empty()).then(|| Chain {
        share: share.key.clone(),
        uid: share.uid.clone(),
        side: want.side,
        container,
        basis,
        steps,
    })
}

#[cfg(test)]
mod tests;
