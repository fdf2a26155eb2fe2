//! The main controller: for each cell one straight line, gather, resolve, observe, plan, execute, report.

mod absent;
mod budgets;
mod confirm;
mod departures;
pub mod execute;
pub mod gather;
mod intents;
pub mod memory;
pub(crate) mod objects;
pub mod observe;
mod record_status;
pub(crate) mod records;
pub mod report;
pub mod setbacks;
mod status;
pub(crate) mod ungoverned;

use std::{sync::Arc, time::Duration};

use kube::{ResourceExt, runtime::controller::Action};
use tokio::time::Instant;

use self::{
    execute::Seen,
    gather::{Gathered, Rule, gather},
    memory::CellMemory,
    observe::{converging, observe},
    report::{Pass, report},
};
use super::{
    context::{Context, cell_of},
    telemetry::PassOutcome,
};
use crate::{
    api::{AccountRegion, duration},
    kube::{watched::Guarded, write::WriteError},
    model::{Cell, Timestamp},
    plan::{
        desired::Desired,
        observed::{Reading, Unknown},
        receipt::{Outcome, Receipt},
        view::Plan,
    },
};

/// When an object is asked for again that AWS could not answer about for the moment.
const PASSING_AGAIN: Duration = Duration::from_secs(15);

/// How long a Share may wait for another object before its status says that it is stuck.
const LIFTABLE: Duration = Duration::from_secs(601);

/// When to try again what the fence or a missing record kept from being sent; what lifts it mostly wakes the cell.
const UNSENT_AGAIN: Duration = Duration::from_secs(2);

/// Reconciles one AccountRegion.
pub async fn reconcile(
    region: Arc<Guarded<AccountRegion>>,
    context: Arc<Context>,
) -> Result<Action, WriteError> {
    let Ok(region) = &region.0 else { return Ok(Action::await_change()) };
    let Some(cell) = cell_of(region) else {
        tracing::error!(
            account_region = region.name_any(),
            "its account or region cannot be read; nothing is done"
        );
        return Ok(Action::await_change());
    };
    if region.metadata.deletion_timestamp.is_some() {
        context.forget_cell(&cell);
        context.telemetry.forget(&cell);
        context.writer.remove_finalizer(region, super::context::FINALIZER).await?;
        return Ok(Action::await_change());
    }
    match gather(&context, &cell, region).await {
        Rule::Governed(gathered) => pass(&context, &cell, region, *gathered).await,
        Rule::Conflict(sets) => ungoverned::conflict(&context, &cell, region, &sets).await,
        Rule::Unreadable(set) => ungoverned::unreadable(&context, region, &set).await,
        Rule::Released => ungoverned::released(&context, &cell, region).await,
        Rule::NoInstallation => ungoverned::no_installation(&context, region).await,
    }
}

/// The line.
async fn pass(
    context: &Arc<Context>,
    cell: &Cell,
    region: &AccountRegion,
    mut gathered: Gathered,
) -> Result<Action, WriteError> {
    let start = Instant::now();
    let memory = context.memory(cell);
    let memory = &mut *memory.lock().await;
    memory.begin(gathered.now);

    let window = duration::parse(&gathered.set.spec.budget.window).unwrap_or(Duration::from_secs(3600));
    memory.forget_reservations(window, gathered.now);
    gathered.catch_up_with_own(memory);
    let mut desired = gathered.resolve();
    let mut observed = Box::pin(observe(context, memory, &gathered, &desired)).await;
    if gathered.catch_up(context) {
        desired = gathered.resolve();
    }
    let gathered = &gathered;
    let (plan, receipts) = match (&mut observed.reading, &observed.clients) {
        (Reading::Complete { value, .. }, Some(clients)) => {
            let mut plan = gathered.plan(&desired, value, &*memory, &memory.reserved());
            if memory.recall(&desired, &plan, gathered.now) {
                *value = memory.overlaid().unwrap_or_default();
                plan = gathered.plan(&desired, value, &*memory, &memory.reserved());
            }
            let seen = Seen { listing: value, read: &observed.read };
            let receipts =
                Box::pin(execute::execute(context, memory, gathered, &desired, clients, &seen, &plan)).await;
            (plan, receipts)
        }
        _ => (Plan::default(), vec![]),
    };
    let pass = Pass { gathered, desired: &desired, observed: &observed, plan: &plan, receipts: &receipts };
    let reported = report(context, memory, region, &pass).await;

    let outcome = match (&observed.reading, &reported) {
        (_, Err(_)) => PassOutcome::Failed,
        (Reading::Unknown(_), _) => PassOutcome::Unknown,
        _ if receipts.iter().any(Receipt::is_done) => PassOutcome::Changed,
        _ => PassOutcome::Quiet,
    };
    context.telemetry.pass(cell, outcome, start.elapsed());
    reported?;
    Ok(Action::requeue(again(memory, &pass)))
}

/// When the cell is looked at next, whoever may wake it before.
fn again(memory: &CellMemory, pass: &Pass<'_>) -> Duration {
    let now = Instant::now();
    let full = memory.next_full.map_or(Duration::from_secs(1), |next| next.saturating_duration_since(now));
    let waits = [
        Some(full),
        pass.observed.again,
        read_back(memory, pass, now),
        memory.setbacks.next(now),
        memory.flips.next(pass.gathered.now).map(seconds),
        next_removal(pass),
        next_end(pass.desired, pass.gathered.now),
        next_certainty(pass),
        pass.gathered.gate.settling.then_some(Duration::from_secs(5)),
        has_refusals(pass.desired).then_some(LIFTABLE),
        passing(pass).then_some(PASSING_AGAIN),
    ];
    let unknown = matches!(pass.observed.reading, Reading::Unknown(_));
    let waits = waits.into_iter().enumerate().filter(|(index, _)| !unknown || *index == 1);
    waits.filter_map(|(_, wait)| wait).min().unwrap_or(full).max(Duration::from_millis(100))
}

/// Soon after a write, and while AWS is still working on one.
fn read_back(memory: &CellMemory, pass: &Pass<'_>, now: Instant) -> Option<Duration> {
    let failed = |of: &Receipt| {
        let mut chain = pass.receipts.iter().filter(|r| r.owner == of.owner);
        chain.any(|receipt| receipt.failure().is_some())
    };
    // What was not sent because of a failure is due with it.
    let unsent = pass.receipts.iter().any(|r| matches!(r.outcome, Outcome::NotSent(_)) && !failed(r));
    let Reading::Complete { value, .. } = &pass.observed.reading else { return None };
    let busy = memory.is_converging(now) && converging(pass.desired, pass.plan, value).next().is_some();
    let outstanding = memory.expectations.oldest().is_some() || !memory.doubtful.is_empty();
    let wrote = pass.receipts.iter().any(Receipt::is_done);
    if unsent {
        return Some(memory.read_back_in(now).max(UNSENT_AGAIN));
    }
    (wrote || busy || outstanding).then(|| memory.read_back_in(now))
}

/// When the next `until` passes.
fn next_end(desired: &Desired, now: Timestamp) -> Option<Duration> {
    let ends = desired.shares.values().flat_map(|share| &share.targets).filter_map(|target| target.until);
    let next = ends.filter(|end| *end > now).min()?;
    Some(seconds(next.as_second().saturating_sub(now.as_second()).saturating_add(1)))
}

/// When a whole reading shows what a create without an answer has made.
fn next_certainty(pass: &Pass<'_>) -> Option<Duration> {
    let next = pass.plan.open_until().min()?;
    Some(seconds(next.as_second().saturating_sub(pass.gathered.now.as_second())))
}

/// When the grace of something undeclared is over, or the access of something that was let go ends.
fn next_removal(pass: &Pass<'_>) -> Option<Duration> {
    let now = pass.gathered.now;
    let dues = pass.plan.undeclared.iter().filter_map(|found| found.verdict.due).filter(|due| *due > now);
    dues.min().map(|due| seconds(due.as_second().saturating_sub(now.as_second()).saturating_add(1)))
}

fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default().clamp(1, 86_400))
}

/// Whether an object that a Share names could not be read for a reason that passes by itself.
fn passing(pass: &Pass<'_>) -> bool {
    let Reading::Complete { value, .. } = &pass.observed.reading else { return false };
    pass.plan.unread_parts(value).any(|part| value.unread(part).is_some_and(Unknown::passes))
}

fn has_refusals(desired: &Desired) -> bool {
    let refused = |share: &crate::plan::desired::DesiredShare| {
        share.targets.iter().any(|t| t.refusal.is_some())
            || share.resources.values().any(|r| r.refusal.is_some())
    };
    desired.shares.values().any(refused)
}
