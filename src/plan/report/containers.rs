//! What the status of a Share records of each container.

use std::collections::{BTreeMap, BTreeSet};

use super::{entries::Known, share::ShareReport};
use crate::{
    api::share_status::{ContainerState, ShareContainer, ShareStatus},
    model::Slot,
    plan::{desired::Presence, receipt::Outcome, step::Action, widened},
};

/// What is recorded of each container: it outlives the container, so that no client token is ever used twice.
pub(super) fn containers(
    report: &ShareReport<'_>,
    known: &BTreeMap<Slot, Known<'_>>,
    before: &ShareStatus,
) -> Vec<ShareContainer> {
    let of_ram = known.iter().filter_map(|(slot, known)| container(report, slot, *known, before));
    // A later version may have written what this one knows nothing of: it stays as it is.
    let others =
        before.containers.iter().filter(|entry| entry.slot().is_none_or(|slot| !known.contains_key(&slot)));
    of_ram.chain(others.cloned()).collect()
}

fn container(
    report: &ShareReport<'_>,
    slot: &Slot,
    known: Known<'_>,
    before: &ShareStatus,
) -> Option<ShareContainer> {
    let recorded = before.containers.iter().find(|c| c.is(slot));
    let want = report.desired.containers.get(slot);
    let created =
        report.receipts.iter().filter(|r| r.owner.slot() == Some(slot)).find_map(|receipt| {
            match (&receipt.step.action, &receipt.outcome) {
                (Action::Create(create), Outcome::Done(id)) => Some((create.incarnation, id.as_ref())),
                _ => None,
            }
        });
    let mut entry = recorded.cloned().or_else(|| {
        let found = known.container.is_some() || created.is_some();
        found.then(|| ShareContainer::of(slot))
    })?;
    let object = slot.object().map(ToString::to_string);
    if let Some((incarnation, id)) = created {
        entry.incarnation = incarnation;
        entry.id = object.or_else(|| id.map(ToString::to_string));
    } else if let Some(found) = known.container {
        entry.id = object.or_else(|| Some(found.id.to_string()));
    }
    if let Some(name) = known.container.map(|c| c.name.clone()).or_else(|| want.map(|w| w.name.clone())) {
        entry.name = name;
    }
    entry.adopting = known.view.is_some_and(|view| view.adopting);
    entry.state = container_state(slot, known, created.is_some(), entry.state);
    if let Some(members) = report.off_record.get(slot) {
        widened::take_out(&mut entry.widened, members);
    }
    // What is declared no more and grants nothing is no business of the Share's.
    let is_over = slot.object().is_some_and(|object| {
        let declared = report.desired.resources.contains_key(object.as_str());
        entry.state == ContainerState::Gone && !declared && !report.awaiting
    });
    if is_over && widened::recent(&entry, report.now).is_empty() {
        return None;
    }
    if let Some(want) = want.filter(|want| want.presence != Presence::Gone) {
        // What is not seen yet may well carry them, and so may what is seen as it was before a former process died.
        let carries =
            |key: &&String| report.fresh || known.container.is_none_or(|c| c.tags.contains_key(*key));
        let kept = want.retired_tags.iter().filter(carries);
        let keys: BTreeSet<String> = want.tags.keys().chain(kept).cloned().collect();
        entry.tag_keys = keys.into_iter().collect();
    }
    Some(entry)
}

fn container_state(slot: &Slot, known: Known<'_>, created: bool, before: ContainerState) -> ContainerState {
    let pending = known.view.is_some_and(|view| view.unlisted || view.open_until.is_some());
    let unread = pending || known.view.is_some_and(|view| view.unread.is_some());
    match known.container {
        // An object is there without us: what is not known of it now is as it was.
        _ if unread && slot.object().is_some() => before,
        _ if created || pending => ContainerState::Creating,
        // It is there and somebody else's by its mark: it may well be given back.
        None if known.view.is_some_and(|view| view.lost) => ContainerState::Unknown,
        Some(container) if container.state.is_live() => ContainerState::Present,
        Some(_) => ContainerState::Deleting,
        None => ContainerState::Gone,
    }
}
