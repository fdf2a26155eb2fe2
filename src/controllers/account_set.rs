//! Makes one AccountRegion for each cell that a set selects, and says what a set could not resolve.

use std::{sync::Arc, time::Duration};

use kube::{ResourceExt, api::ObjectMeta, runtime::controller::Action};

use super::{
    account_region::report::changed,
    context::{Context, FINALIZER},
    installation::write_held,
};
use crate::{
    api::{
        AccountRegion, AccountSet, Reason,
        account_region::AccountRegionSpec,
        account_set::{AccountSetCounts, AccountSetStatus, SelectionProblem},
        conditions::{self, OBSERVED, READY, RECONCILING, STALLED, Status},
        formats::STATUS_LIST_MAX,
    },
    kube::{
        watched::{Guarded, readable},
        write::WriteError,
    },
    model::Cell,
    plan::govern::{Governor, Selection},
};

/// How soon to look again whether the cells of a deleted set have taken over its access settings.
const LETTING_GO: Duration = Duration::from_secs(2);

/// Reconciles one AccountSet.
pub async fn reconcile(set: Arc<Guarded<AccountSet>>, context: Arc<Context>) -> Result<Action, WriteError> {
    let name = set.name_any();
    let Ok(set) = &set.0 else {
        tracing::error!(account_set = name, "it cannot be read; nothing is done in its cells");
        return Ok(Action::await_change());
    };
    if set.metadata.deletion_timestamp.is_some() {
        return let_go(&context, set, &name).await;
    }
    if !set.finalizers().iter().any(|f| f == FINALIZER) {
        context.writer.add_finalizer(set, FINALIZER).await?;
    }
    let governance = context.governance();
    let Some(selection) = governance.selections.get(&name) else { return Ok(Action::requeue(LETTING_GO)) };
    for cell in selection.cells() {
        if context.stores.regions.get(None, &cell.to_string()).is_none() {
            context.writer.create(&region(&cell)).await?;
        }
    }
    let conflicts: Vec<String> = conflicts(&governance.governors, &name).collect();
    let before = set.status.clone().unwrap_or_default();
    let after = status(&context, set, selection, &conflicts);
    if changed(&before, &after) {
        // Removals are reserved in the same status: never over what was not read.
        context.writer.status(set, &before, &after).await?;
    }
    Ok(Action::requeue(Duration::from_secs(3600)))
}

/// The finalizer goes when every cell that was the set's has taken over its access settings, or is gone.
async fn let_go(context: &Arc<Context>, set: &AccountSet, name: &str) -> Result<Action, WriteError> {
    let regions = context.stores.regions.all();
    let mut held = false;
    for region in readable(&regions) {
        let of = region
            .status
            .as_ref()
            .is_some_and(|s| s.account_set.as_deref() == Some(name) && s.released.is_none());
        if of {
            held = true;
            context.triggers.region(&region.name_any());
        }
    }
    if held {
        return Ok(Action::requeue(LETTING_GO));
    }
    context.writer.remove_finalizer(set, FINALIZER).await?;
    Ok(Action::await_change())
}

fn region(cell: &Cell) -> AccountRegion {
    AccountRegion {
        metadata: ObjectMeta {
            name: Some(cell.to_string()),
            finalizers: Some(vec![FINALIZER.to_owned()]),
            ..ObjectMeta::default()
        },
        spec: AccountRegionSpec { account: cell.account.to_string(), region: cell.region.to_string() },
        status: None,
    }
}

fn conflicts<'g>(
    governors: &'g std::collections::BTreeMap<Cell, Governor>,
    name: &'g str,
) -> impl Iterator<Item = String> + 'g {
    governors.iter().filter_map(move |(cell, governor)| match governor {
        Governor::Conflict(sets) if sets.iter().any(|set| set == name) => {
            let others: Vec<&str> = sets.iter().map(String::as_str).filter(|set| *set != name).collect();
            Some(format!("{cell} is also selected by {}; neither acts there", others.join(", ")))
        }
        _ => None,
    })
}

fn status(
    context: &Arc<Context>,
    set: &AccountSet,
    selection: &Selection,
    conflicts: &[String],
) -> AccountSetStatus {
    let now = context.now();
    let generation = set.metadata.generation;
    let before = set.status.clone().unwrap_or_default();
    let of_names = selection.problems.iter().map(|(what, refusal)| SelectionProblem {
        what: what.clone(),
        reason: refusal.reason.to_string(),
        message: refusal.message.clone(),
    });
    let of_conflicts = conflicts.iter().map(|message| SelectionProblem {
        what: message.split(' ').next().unwrap_or_default().to_owned(),
        reason: Reason::Conflict.to_string(),
        message: message.clone(),
    });
    let mut problems: Vec<SelectionProblem> = of_conflicts.chain(of_names).collect();
    let total = problems.len();
    problems.truncate(STATUS_LIST_MAX);
    let mut status = AccountSetStatus {
        observed_generation: generation,
        conditions: before.conditions.clone(),
        counts: Some(counts(context, set, selection, total)),
        pins: selection.pins.iter().cloned().collect(),
        problems,
        ..before
    };
    let held = status.counts.as_ref().map_or(0, |counts| counts.held);
    write_held(&mut status.conditions, held, generation, now);
    let first = status.problems.first().cloned();
    let (ready, reason, message) = match &first {
        None => (Status::True, Reason::Resolved, "all that it selects is governed".to_owned()),
        Some(problem) => {
            let reason = Reason::parse(&problem.reason).unwrap_or(Reason::NameUnknown);
            let message = if total > 1 {
                format!("{total} problems; the first is {}", problem.message)
            } else {
                problem.message.clone()
            };
            (Status::False, reason, message)
        }
    };
    conditions::set(&mut status.conditions, READY, ready, reason, &message, generation, now);
    let moving = reason == Reason::TreeUnknown;
    for (type_, holds) in [(STALLED, first.is_some() && !moving), (RECONCILING, first.is_some() && moving)] {
        if holds {
            conditions::set(&mut status.conditions, type_, Status::True, reason, &message, generation, now);
        } else {
            conditions::remove(&mut status.conditions, type_);
        }
    }
    status
}

fn counts(
    context: &Arc<Context>,
    set: &AccountSet,
    selection: &Selection,
    problems: usize,
) -> AccountSetCounts {
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let name = set.name_any();
    let mut counts = AccountSetCounts {
        accounts: count(selection.accounts.len()),
        account_regions: count(selection.cells().count()),
        problems: count(problems),
        ..AccountSetCounts::default()
    };
    let regions = context.stores.regions.all();
    for status in readable(&regions)
        .filter_map(|region| region.status.as_ref())
        .filter(|s| s.account_set.as_ref() == Some(&name))
    {
        let of = status.counts.clone().unwrap_or_default();
        counts.unknown += i32::from(!conditions::is_true(&status.conditions, OBSERVED));
        counts.shares += of.shares;
        counts.undeclared += of.undeclared;
        counts.held += of.held;
    }
    counts
}
