//! Step 6, report: statuses, finalizers, records of what nobody declared, events and figures. Nothing is written that
//! is so already.

use std::{collections::BTreeMap, sync::Arc};

use futures::{FutureExt, StreamExt, stream};
use kube::{Resource, ResourceExt};

use super::{gather::Gathered, memory::CellMemory, observe::Observed, records, status};
use crate::{
    api::{
        AccountRegion, Reason, Share,
        account_region::AccountRegionStatus,
        conditions::{self, READY},
        share_status::{DriftAction, ShareStatus},
    },
    controllers::{
        context::{Context, FINALIZER},
        telemetry::{CellFigures, Weight},
    },
    kube::write::WriteError,
    model::{Arn, ShareKey, Slot},
    mutant::{self, Mutant},
    plan::{
        desired::{Desired, DesiredShare, Fate},
        observed::{Container, Listing, Reading, Unknown},
        receipt::Receipt,
        report::{ShareReport, beyond_this_version, share_status},
        resolve::key_of,
        view::{Plan, SlotView},
    },
};

/// Statuses of one cell that are written at once.
const AT_ONCE: usize = 16;
/// How long AWS may be out of reach before Shares say that nothing is known, in seconds.
const UNKNOWN_AFTER: i64 = 600;

/// All that a pass has to report.
pub struct Pass<'a> {
    /// What was gathered.
    pub gathered: &'a Gathered,
    /// What should be.
    pub desired: &'a Desired,
    /// What was observed.
    pub observed: &'a Observed,
    /// What is to be done.
    pub plan: &'a Plan,
    /// What came of it.
    pub receipts: &'a [Receipt],
}

/// Reports a pass. What could not be written is tried again by the next one.
pub async fn report(
    context: &Arc<Context>,
    memory: &mut CellMemory,
    region: &AccountRegion,
    pass: &Pass<'_>,
) -> Result<(), WriteError> {
    // What was read, not what will be: the steps of this pass are in the receipts, and drift is what it was.
    let listing = match &pass.observed.reading {
        Reading::Complete { value, .. } => Some(value),
        Reading::Unknown(_) => None,
    };
    let statuses = statuses(memory, pass, listing);
    let mut writes = Vec::with_capacity(statuses.len());
    for (share, desired, status) in &statuses {
        writes.push(share_outcome(context, memory, pass, listing, share, desired, status).boxed());
    }
    let written: Vec<Result<Option<Share>, WriteError>> =
        stream::iter(writes).buffer_unordered(AT_ONCE).collect().await;
    let (written, failed): (Vec<_>, Vec<_>) = written.into_iter().partition(Result::is_ok);
    let mut first_error = failed.into_iter().find_map(Result::err);
    first_error = first_error.or(abandon(context, pass).await.err());
    if let Some(listing) = listing {
        let kept = records::keep(context, memory, pass, listing).await;
        first_error = first_error.or(kept.err());
    }
    let after = status::region_status(region, memory, pass, statuses.iter().map(|(_, _, status)| status));
    let before = region.status.clone().unwrap_or_default();
    if changed(&before, &after) {
        let written = context.writer.status(region, &before, &after).await;
        if written.is_ok() {
            tell_of_held(context, region, &before, &after);
            // Our own status write wakes nobody.
            if status::is_newly_approved(&before, &after) {
                context.triggers.region(&region.name_any());
            }
        }
        first_error = first_error.or(written.err());
    }
    for (share, desired, status) in &statuses {
        let deleting = share.metadata.deletion_timestamp.is_some();
        context.telemetry.share(&desired.key, &status.conditions, deleting);
    }
    context.telemetry.figures(&pass.gathered.cell, &figures(memory, pass, &statuses));
    for share in written.into_iter().flatten().flatten() {
        memory.own.note(key_of(&share), share, pass.gathered.now);
    }
    first_error.map_or(Ok(()), Err)
}

type ShareResult<'a> = (&'a Share, &'a DesiredShare, ShareStatus);

fn statuses<'a>(
    memory: &'a CellMemory,
    pass: &'a Pass<'_>,
    listing: Option<&Listing>,
) -> Vec<ShareResult<'a>> {
    let name = pass.gathered.cell.to_string();
    let unknown = unknown(memory, pass);
    let mut receipts_of: BTreeMap<&ShareKey, Vec<&Receipt>> = BTreeMap::new();
    for receipt in pass.receipts {
        if let Some(share) = receipt.owner.share() {
            receipts_of.entry(share).or_default().push(receipt);
        }
    }
    pass.gathered
        .shares()
        .filter_map(|(share, _)| {
            let desired = pass.desired.shares.get(&key_of(share))?;
            // As it is since this pass has put something on record in it.
            let share = memory.own.later(&desired.key, share).unwrap_or(share);
            let containers = containers(pass.plan, desired, listing);
            let receipts = receipts_of.remove(&desired.key).unwrap_or_default();
            let handled = pass
                .observed
                .handled
                .iter()
                .find(|(key, _)| *key == desired.key)
                .map(|(_, text)| text.as_str());
            let pin = pass.gathered.account_pin(share);
            let made = |r: &&Receipt| r.is_done();
            let awaiting = !mutant::is(Mutant::ReadyBeforeReadBack) && receipts.iter().any(made)
                || ids(pass.plan, desired).any(|id| memory.expectations.concern(&id));
            let unknown = unknown.as_ref().filter(|_| listing.is_none());
            // While AWS is briefly out of reach, a Share that is as it was says what was last read.
            if listing.is_none() && unknown.is_none() {
                return None;
            }
            let off_record = memory.absent.off_record(&desired.key);
            let status = share_status(&ShareReport {
                share,
                desired,
                plan: pass.plan,
                containers: &containers,
                receipts: &receipts,
                off_record: &off_record,
                fresh: memory.is_fresh(),
                awaiting,
                unknown,
                passive: pass.gathered.gate.is_passive(desired.switches),
                account_pin: pin.as_ref(),
                account_region: &name,
                handled,
                now: pass.gathered.now,
            });
            Some((share, desired, if unknown.is_some() { only_conditions(share, status) } else { status }))
        })
        .collect()
}

/// What is said of Shares while AWS is out of reach: at once where something waits to be done, later for all.
fn unknown(memory: &CellMemory, pass: &Pass<'_>) -> Option<Unknown> {
    let (unknown, since) = memory.unknown.as_ref()?;
    let lasts = pass.gathered.now.as_second() - since.as_second();
    let first = memory.read_at.is_none();
    let message = format!("nothing is known of {} since {since}: {}", pass.gathered.cell, unknown.message);
    (first || lasts >= UNKNOWN_AFTER).then_some(Unknown { reason: unknown.reason, message })
}

/// While nothing is known, what was known of entries and containers stays as it was.
fn only_conditions(share: &Share, status: ShareStatus) -> ShareStatus {
    let before = share.status.clone().unwrap_or_default();
    ShareStatus { conditions: status.conditions, observed_generation: status.observed_generation, ..before }
}

fn ids(plan: &Plan, desired: &DesiredShare) -> impl Iterator<Item = Arn> {
    let views = plan.shares.get(&desired.key).into_iter().flat_map(BTreeMap::values);
    views.filter_map(|view| view.id().cloned()).collect::<Vec<_>>().into_iter()
}

fn containers<'l>(
    plan: &Plan,
    desired: &DesiredShare,
    listing: Option<&'l Listing>,
) -> BTreeMap<Slot, &'l Container> {
    let views = plan.shares.get(&desired.key).into_iter().flatten();
    views
        .filter_map(|(slot, view)| {
            let container = listing?.containers.get(view.container.as_ref()?)?;
            (!view.lost).then_some((slot.clone(), container))
        })
        .collect()
}

/// Answers the Share as it was written, if it was.
async fn share_outcome(
    context: &Arc<Context>,
    memory: &CellMemory,
    pass: &Pass<'_>,
    listing: Option<&Listing>,
    share: &Share,
    desired: &DesiredShare,
    status: &ShareStatus,
) -> Result<Option<Share>, WriteError> {
    if share.metadata.deletion_timestamp.is_some()
        && listing.is_some()
        && has_left(memory, pass.plan, desired)
        && beyond_this_version(share).is_none()
    {
        if desired.fate == Fate::Release {
            records::release(context, pass, desired, listing).await?;
        }
        context.writer.remove_finalizer(share, FINALIZER).await?;
        context.telemetry.forget_share(&desired.key);
        return Ok(None);
    }
    let before = share.status.clone().unwrap_or_default();
    if !changed(&before, status) {
        return Ok(None);
    }
    let written = context.writer.status(share, &before, status).await?;
    tell(context, share, &before, status);
    Ok(Some(written))
}

/// While AWS is out of reach, or an object of its cannot be read, a Share that is being deleted can be let go by the annotation
/// that names its UID.
async fn abandon(context: &Arc<Context>, pass: &Pass<'_>) -> Result<(), WriteError> {
    let out_of_reach = |share: &Share| {
        let views = pass.plan.shares.get(&key_of(share)).into_iter().flat_map(BTreeMap::values);
        matches!(pass.observed.reading, Reading::Unknown(_))
            || views.into_iter().any(|view| view.unread.is_some())
    };
    let shares = pass.gathered.shares().map(|(share, _)| share);
    for share in shares.filter(|share| records::is_abandoned(share) && out_of_reach(share)) {
        records::abandon(context, &pass.gathered.cell, share).await?;
        context.writer.remove_finalizer(share, FINALIZER).await?;
    }
    Ok(())
}

/// Whether nothing of a Share that is being deleted is left to do: revoked and read back, or to be released.
fn has_left(memory: &CellMemory, plan: &Plan, desired: &DesiredShare) -> bool {
    let views = plan.shares.get(&desired.key);
    let slots = || views.into_iter().flat_map(BTreeMap::values);
    let gone = slots().all(|view| view.lost || (view.container.is_none() && view.is_settled()));
    // What cannot be seen yet cannot be put on record yet either.
    let seen = slots().all(|view| view.open_until.is_none() && !view.unlisted && view.unread.is_none());
    let on_record = desired.ledger.values().filter_map(|entry| entry.id.as_ref());
    let awaited = on_record.chain(slots().filter_map(SlotView::id)).any(|id| memory.expectations.concern(id));
    match desired.fate {
        Fate::Keep | Fate::Undecided => false,
        Fate::Release => seen,
        Fate::Revoke => gone && seen && !awaited,
    }
}

/// Whether two statuses differ in anything but the times of conditions.
pub fn changed<S: serde::Serialize>(before: &S, after: &S) -> bool {
    let comparable = |status: &S| {
        let mut value = serde_json::to_value(status).unwrap_or_default();
        for condition in
            value.get_mut("conditions").and_then(serde_json::Value::as_array_mut).into_iter().flatten()
        {
            if let Some(fields) = condition.as_object_mut() {
                fields.remove("lastTransitionTime");
            }
        }
        value
    };
    comparable(before) != comparable(after)
}

/// Events: what became of Ready, and each new line of drift once.
fn tell(context: &Arc<Context>, share: &Share, before: &ShareStatus, after: &ShareStatus) {
    let about = || share.object_ref(&());
    let line = |status: &ShareStatus| {
        conditions::find(&status.conditions, READY).map(|c| (c.status.clone(), c.reason.clone()))
    };
    if line(before) != line(after)
        && let Some(ready) = conditions::find(&after.conditions, READY)
    {
        let reason = Reason::parse(&ready.reason).unwrap_or(Reason::Converging);
        let weight = if conditions::is_true(&after.conditions, conditions::STALLED) {
            Weight::Warning
        } else {
            Weight::Normal
        };
        context.telemetry.event(about(), weight, reason, ready.message.clone());
    }
    let new = after
        .drift
        .iter()
        .filter(|line| !before.drift.iter().any(|old| old.what == line.what && old.since == line.since));
    for line in new {
        context.telemetry.drift(&line.what);
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let note =
            format!("{}: want {}, have {}; {:?}", line.what, text(&line.want), text(&line.have), line.action);
        let reason = match line.action {
            DriftAction::Corrected => Reason::DriftCorrected,
            DriftAction::Held => Reason::DriftHeld,
            DriftAction::Contended => Reason::Contended,
            DriftAction::Reported => Reason::DriftReported,
        };
        context.telemetry.event(about(), Weight::Warning, reason, note);
    }
}

/// An event for each new set of removals that waits for a person.
fn tell_of_held(
    context: &Arc<Context>,
    region: &AccountRegion,
    before: &AccountRegionStatus,
    after: &AccountRegionStatus,
) {
    let digest = |status: &AccountRegionStatus| status.held.as_ref().map(|held| held.digest.clone());
    let held = conditions::find(&after.conditions, conditions::REMOVALS_HELD);
    if let Some(held) = held.filter(|_| after.held.is_some() && digest(before) != digest(after)) {
        let about = region.object_ref(&());
        context.telemetry.event(about, Weight::Warning, Reason::RemovalsHeld, held.message.clone());
    }
}

fn figures(memory: &CellMemory, pass: &Pass<'_>, statuses: &[ShareResult<'_>]) -> CellFigures {
    let external = pass.plan.undeclared.iter().filter(|u| u.is_external()).count();
    let count = |type_: &str| {
        statuses.iter().filter(|(_, _, status)| conditions::is_true(&status.conditions, type_)).count()
    };
    CellFigures {
        shares: pass.gathered.shares.len(),
        ready: count(READY),
        drifting: count(conditions::DRIFTED),
        undeclared_external: external,
        undeclared_inside: pass.plan.undeclared.len() - external,
        held: pass.plan.held.as_ref().map_or(0, |held| held.total),
        observed_at: memory.read_at.filter(|_| memory.unknown.is_none()),
        now: pass.gathered.now,
    }
}
