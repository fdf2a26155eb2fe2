//! The status of a Share in a governed cell.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    conditions::{self, Verdict, verdict_of_entries},
    containers::containers,
    drift,
    entries::{self, Known},
};
use crate::{
    api::{
        Pin, Reason, Share,
        conditions::Status,
        formats::STATUS_LIST_MAX,
        share_status::{
            Applied, ContainerState, Drift, DriftAction, EntryState, OutsideRecord, PlannedStep,
            PrincipalState, ResourceState, ShareCounts, SharePlan, ShareStatus, Tally,
        },
    },
    model::{ObjectKind, Slot, Timestamp},
    plan::{
        change::{ChangeKind, Effect},
        desired::{DesiredShare, Fate},
        observed::{Container, Unknown},
        receipt::{Outcome, Receipt, Then},
        step::{Action, Members},
        view::{Plan, SlotView},
    },
};

/// What the status of a Share is a function of.
#[derive(Clone, Copy)]
pub struct ShareReport<'a> {
    /// The Share, with the status that it has now: the one of before, or what this pass has put on record since.
    pub share: &'a Share,
    /// The Share, resolved.
    pub desired: &'a DesiredShare,
    /// The plan of its cell.
    pub plan: &'a Plan,
    /// Its containers, as AWS shows them or will once it has caught up.
    pub containers: &'a BTreeMap<Slot, &'a Container>,
    /// The receipts of its steps.
    pub receipts: &'a [&'a Receipt],
    /// What AWS has taken out of its containers, and is to be on record as put in no more.
    pub off_record: &'a BTreeMap<Slot, &'a Members>,
    /// What is read may be from before what a former process wrote: what it did not find is perhaps there.
    pub fresh: bool,
    /// A write to its containers has not been read back.
    pub awaiting: bool,
    /// AWS could not be read since a while: nothing is known.
    pub unknown: Option<&'a Unknown>,
    /// A mode or switch lets nothing be written.
    pub passive: bool,
    /// The pin of `spec.account`, where it is a name.
    pub account_pin: Option<&'a Pin>,
    /// The name of its AccountRegion.
    pub account_region: &'a str,
    /// The annotation that asked for a re-read which this pass answered.
    pub handled: Option<&'a str>,
    /// Now.
    pub now: Timestamp,
}

/// The status as it should stand; times move only with what they tell.
pub fn share_status(report: &ShareReport<'_>) -> ShareStatus {
    let before = report.share.status.clone().unwrap_or_default();
    let views = report.plan.shares.get(&report.desired.key);
    let planned_for = views.into_iter().flat_map(BTreeMap::keys).cloned();
    let slots: BTreeSet<Slot> = Slot::RAM.into_iter().chain(planned_for).collect();
    let known: BTreeMap<Slot, Known<'_>> = slots
        .into_iter()
        .map(|slot| {
            let view = views.and_then(|views| views.get(&slot));
            let container = report.containers.get(&slot).copied();
            (slot, Known { container, view })
        })
        .collect();
    let principals = entries::principals(report.desired, &known);
    let resources = entries::resources(report.desired, &known);
    let edited = !report.desired.was_applied();
    // What was not sent for once is sent by the next pass: it is on its way, and nobody forbids it.
    let failed = report.receipts.iter().any(|receipt| receipt.failure().is_some());
    let lines = known.iter().flat_map(|(slot, k)| {
        k.view
            .map(|view| drift::lines(slot, view, k.container, &before.drift, failed, report.now))
            .unwrap_or_default()
    });
    let drift = drift::merge(lines.collect(), &before.drift, edited);
    let invited = principals.iter().filter(|p| p.state == EntryState::Invited).count();
    let mut status = ShareStatus {
        observed_generation: Some(report.desired.generation),
        conditions: before.conditions.clone(),
        account_region: Some(report.account_region.to_owned()),
        counts: Some(counts(&principals, &resources, &known, &drift)),
        containers: containers(report, &known, &before),
        pins: pins(report.desired, report.account_pin),
        outside: outside(report.desired, &before),
        applied: applied(report, &known).or_else(|| still_applied(report, before.applied.clone())),
        plan: planned(report, views),
        last_handled_reconcile_at: report
            .handled
            .map(str::to_owned)
            .or(before.last_handled_reconcile_at.clone()),
        resources: vec![],
        principals: vec![],
        drift,
    };
    let verdict = verdict(report, &known, &principals, &resources);
    conditions::write(
        &mut status.conditions,
        &verdict,
        report.passive,
        report.desired.generation,
        report.now,
    );
    conditions::write_aspects(&mut status.conditions, report.desired, &status.drift, invited, report.now);
    status.resources = resources.into_iter().take(STATUS_LIST_MAX).collect();
    status.principals = principals.into_iter().take(STATUS_LIST_MAX).collect();
    status
}

fn counts(
    principals: &[PrincipalState],
    resources: &[ResourceState],
    known: &BTreeMap<Slot, Known<'_>>,
    drift: &[Drift],
) -> ShareCounts {
    let invited = principals.iter().filter(|p| p.state == EntryState::Invited).count();
    let open = drift.iter().filter(|line| line.action != DriftAction::Corrected).count();
    ShareCounts {
        resources: tally(resources.iter().map(|r| r.state)),
        principals: tally(principals.iter().map(|p| p.state)),
        containers: count(known.values().filter_map(|k| k.container).filter(|c| c.state.is_live()).count()),
        external: count(known.values().filter_map(|k| k.container).map(|c| c.outside().len()).sum()),
        pending_invitations: count(invited),
        drift: count(open),
    }
}

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

fn tally(states: impl Iterator<Item = EntryState>) -> Tally {
    let states: Vec<_> = states.collect();
    Tally::new(count(states.iter().filter(|s| **s == EntryState::InForce).count()), count(states.len()))
}

/// The worst that keeps the Share from being Ready; Ready only when a read after the last write agreed.
fn verdict(
    report: &ShareReport<'_>,
    known: &BTreeMap<Slot, Known<'_>>,
    principals: &[PrincipalState],
    resources: &[ResourceState],
) -> Verdict {
    if let Some(unknown) = report.unknown {
        let reason = Reason::parse(unknown.reason).unwrap_or(Reason::Unavailable);
        return Verdict { ready: Status::Unknown, reason, message: unknown.message.clone(), moving: true };
    }
    let views = || known.values().filter_map(|k| k.view);
    if let Some(verdict) = kept_by_another_version(report, views()) {
        return verdict;
    }
    if let Some(unknown) = views().find_map(|view| view.unread.as_ref()) {
        return unread(unknown);
    }
    let failed = report.receipts.iter().find_map(|receipt| receipt.failure());
    if let Some(failure) = failed.filter(|failure| failure.then == Then::PersonMustAct) {
        return Verdict::stuck(failure.reason, failure.message.clone());
    }
    if let Some(view) = views().find(|view| view.lost) {
        return Verdict::stuck(Reason::Conflict, view.waits.first().cloned().unwrap_or_default());
    }
    if let Some(refusal) = views().find_map(|view| view.refused.as_ref()) {
        return Verdict::stuck(refusal.reason, refusal.message.clone());
    }
    if views().any(|view| view.adopting) {
        let message = "a share that exists is being taken over, and nothing but the mark is written while it differs; see status.plan";
        return Verdict::moving(Reason::Adopting, message);
    }
    if let Some(held) = report.plan.held.as_ref().filter(|_| views().any(SlotView::waits_for_a_person)) {
        let message = format!(
            "{}; all of them are held: look at AccountRegion {}, and approve {} there, or restore what was taken away",
            held.because, report.account_region, held.digest
        );
        return Verdict::stuck(Reason::RemovalsHeld, message);
    }
    let of_entries = verdict_of_entries(report.desired, principals, resources);
    if let Some(verdict) = of_entries.clone().filter(|verdict| verdict.reason != Reason::Converging) {
        return verdict;
    }
    if let Some(failure) = failed {
        return Verdict::moving(failure.reason, failure.message.clone());
    }
    if let Some((_, reason)) = views().find_map(|view| view.held.first()) {
        let held = views().map(|view| view.held.len()).sum::<usize>();
        return Verdict::stuck(*reason, format!("{held} changes are held; see status.plan"));
    }
    let settled = !report.awaiting && views().all(SlotView::is_settled);
    match of_entries {
        Some(verdict) => verdict,
        None if settled => Verdict {
            ready: Status::True,
            reason: Reason::InForce,
            message: in_force(principals),
            moving: false,
        },
        None => {
            let wait = views().find_map(|view| view.waits.first().cloned());
            let message =
                wait.unwrap_or_else(|| "changes were sent to AWS and are not read back yet".to_owned());
            Verdict::moving(Reason::Converging, message)
        }
    }
}

fn unread(unknown: &Unknown) -> Verdict {
    let reason = Reason::parse(unknown.reason).unwrap_or(Reason::Unavailable);
    let message = unknown.message.clone();
    Verdict { ready: Status::Unknown, reason, message, moving: unknown.passes() }
}

/// Why a Share that has nothing left that this version knows of does not go.
fn kept_by_another_version<'v>(
    report: &ShareReport<'_>,
    mut views: impl Iterator<Item = &'v SlotView>,
) -> Option<Verdict> {
    let mechanism = beyond_this_version(report.share)?;
    let going = matches!(report.desired.fate, Fate::Revoke | Fate::Release);
    let rest_is_gone = views.all(|view| view.container.is_none() && view.is_settled());
    let message = format!(
        "what another version shares by `{mechanism}` is on record here and this version cannot take it away; run that version until the Share is gone"
    );
    (going && rest_is_gone).then(|| Verdict::stuck(Reason::Waiting, message))
}

/// The way of sharing of something on record that this version does not know how to take away.
pub fn beyond_this_version(share: &Share) -> Option<&str> {
    let mut containers = share.status.iter().flat_map(|status| &status.containers);
    let found = containers.find(|entry| entry.slot().is_none() && entry.state != ContainerState::Gone);
    found.map(|entry| entry.mechanism.as_str())
}

fn in_force(principals: &[PrincipalState]) -> String {
    let open: Vec<&str> =
        principals.iter().filter(|p| p.open_ended).filter_map(|p| p.declared_as.as_deref()).collect();
    if open.is_empty() {
        return "all that is declared is in force".to_owned();
    }
    format!(
        "all that is declared is in force; accounts that join later get access too by {}",
        open.join(", ")
    )
}

/// What the names in a Share mean, for good: on record before anything is granted by them.
pub fn pins(desired: &DesiredShare, account: Option<&Pin>) -> Vec<Pin> {
    let targets = desired.targets.iter().filter_map(|target| target.pin.clone());
    let all: BTreeSet<Pin> = targets.chain(account.cloned()).collect();
    all.into_iter().collect()
}

/// When each outside principal was first declared. Kept after it is gone: taking a target out and putting it back does
/// not start its time anew.
pub fn outside(desired: &DesiredShare, before: &ShareStatus) -> Vec<OutsideRecord> {
    let mut records: BTreeMap<String, Time> =
        before.outside.iter().map(|r| (r.id.clone(), r.declared_at.clone())).collect();
    for target in &desired.targets {
        if let (Some(principal), Some(at)) = (&target.principal, target.declared_at) {
            records.entry(principal.to_string()).or_insert(Time(at));
        }
    }
    records.into_iter().take(1000).map(|(id, declared_at)| OutsideRecord { id, declared_at }).collect()
}

/// The digest counts as applied once every change of it was taken by AWS and nothing is held or awaited.
fn applied(report: &ShareReport<'_>, known: &BTreeMap<Slot, Known<'_>>) -> Option<Applied> {
    let views = known.values().filter_map(|k| k.view);
    let open = views
        .into_iter()
        .any(|view| !view.held.is_empty() || !view.waits.is_empty() || view.unlisted || view.lost);
    let sent: usize = report.receipts.iter().filter(|receipt| receipt.is_done()).count();
    let all = sent == report.receipts.len() && report.receipts.len() >= planned_steps(report);
    // More than a hundred resources follow their create in a later pass.
    let whole = !report.receipts.iter().any(|r| matches!(&r.step.action, Action::Create(c) if r.owner.slot().is_some_and(|slot| lacks_resources(report, slot, c.members.resources.len()))));
    // A container that is claimed in this pass is compared in the next.
    let claims = |view: &SlotView| view.allowed.iter().any(|change| change.kind == ChangeKind::Mark);
    let claimed = known.values().filter_map(|k| k.view).any(claims);
    let done = !open && !claimed && all && whole && report.unknown.is_none();
    done.then(|| Applied { generation: report.desired.generation, digest: report.desired.digest.to_string() })
}

/// What was applied before, as long as nothing else was begun: an edit that is taken back half way is no drift.
fn still_applied(report: &ShareReport<'_>, before: Option<Applied>) -> Option<Applied> {
    let was_sent = |receipt: &Receipt| !matches!(receipt.outcome, Outcome::NotSent(_));
    let begun = !report.desired.was_applied() && report.receipts.iter().any(|receipt| was_sent(receipt));
    if begun { before.as_ref().map(superseded) } else { before }
}

/// What was applied once something else is begun. The generation stays: it tells an edit from a change around the spec.
pub fn superseded(applied: &Applied) -> Applied {
    Applied { generation: applied.generation, digest: String::new() }
}

fn lacks_resources(report: &ShareReport<'_>, slot: &Slot, sent: usize) -> bool {
    report.desired.containers.get(slot).is_some_and(|want| want.granted_resources().count() > sent)
}

fn planned_steps(report: &ShareReport<'_>) -> usize {
    report
        .plan
        .chains
        .iter()
        .filter(|chain| chain.owner.share() == Some(&report.desired.key))
        .map(|chain| chain.steps.len())
        .sum()
}

/// The plan, shown while something keeps it from being done.
fn planned(report: &ShareReport<'_>, views: Option<&BTreeMap<Slot, SlotView>>) -> Option<SharePlan> {
    let views = views?;
    if views.values().all(|view| view.held.is_empty()) {
        return None;
    }
    let digest = report.plan.digest_of(&report.desired.key)?.to_string();
    let steps: Vec<PlannedStep> = views
        .iter()
        .flat_map(|(slot, view)| {
            view.changes().map(|(change, held)| PlannedStep {
                operation: operation(slot, &change.kind).to_owned(),
                effect: effect(change.effect),
                description: super::describe(&change.kind, slot.object().and_then(ObjectKind::of)),
                held_by: held.map(|reason| reason.to_string()),
            })
        })
        .collect();
    Some(SharePlan {
        digest,
        total: count(steps.len()),
        steps: steps.into_iter().take(STATUS_LIST_MAX).collect(),
    })
}

fn effect(effect: Effect) -> crate::api::share_status::Effect {
    match effect {
        Effect::Narrow => crate::api::share_status::Effect::Narrowing,
        Effect::Neutral => crate::api::share_status::Effect::Neutral,
        Effect::Widen => crate::api::share_status::Effect::Widening,
    }
}

/// The AWS operation that makes a change.
fn operation(slot: &Slot, kind: &crate::plan::change::ChangeKind) -> &'static str {
    use crate::plan::change::ChangeKind as C;
    if let Some(object) = slot.object().and_then(ObjectKind::of) {
        return object.write_action();
    }
    match kind {
        C::Create => "ram:CreateResourceShare",
        C::Delete => "ram:DeleteResourceShare",
        C::Mark | C::SetTag(..) => "ram:TagResource",
        C::RemoveTag(_) => "ram:UntagResource",
        C::AddPrincipal(_) | C::AddResource(_) => "ram:AssociateResourceShare",
        C::RemovePrincipal(_) | C::RemoveResource(_) => "ram:DisassociateResourceShare",
        C::SetExternal(_) | C::Rename(_) => "ram:UpdateResourceShare",
        C::SetPermission(_) => "ram:AssociateResourceSharePermission",
    }
}
