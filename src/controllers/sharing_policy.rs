//! Keeps what the names in SharingPolicies first meant, and says which stand for nothing.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use kube::{ResourceExt, runtime::controller::Action};

use super::{
    account_region::report::changed,
    context::{Context, OrganizationView},
};
use crate::{
    api::{
        Pin, PinKind, Reason, SharingPolicy,
        account_set::SelectionProblem,
        conditions::{self, READY, RECONCILING, STALLED, Status},
        formats::STATUS_LIST_MAX,
        sharing_policy::{SharingPolicyCounts, SharingPolicyStatus},
    },
    kube::{
        watched::{Guarded, readable},
        write::WriteError,
    },
    model::AccountId,
    plan::{
        catalogue::unheard_of,
        desired::Refusal,
        names::{self, Meaning},
    },
};

/// Reconciles one SharingPolicy.
pub async fn reconcile(
    policy: Arc<Guarded<SharingPolicy>>,
    context: Arc<Context>,
) -> Result<Action, WriteError> {
    let name = policy.name_any();
    let Ok(policy) = &policy.0 else {
        tracing::error!(
            sharing_policy = name,
            "it cannot be read; it allows nothing new and takes nothing away"
        );
        return Ok(Action::await_change());
    };
    if !unheard_of(&policy.spec.allow.resource_types, &BTreeSet::new()).is_empty() {
        // Otherwise each start would first say that RAM does not know them, and then that it does.
        context.types.tried().await;
    }
    let before = policy.status.clone().unwrap_or_default();
    let after = status(&context, policy, &before);
    if changed(&before, &after) {
        match context.writer.status(policy, &before, &after).await {
            // It is another one by now: the watch tells of that, and asking again would only be refused again.
            Err(error) if error.is_gone() => {}
            written => drop(written?),
        }
    }
    Ok(Action::requeue(Duration::from_secs(3600)))
}

fn status(
    context: &Arc<Context>,
    policy: &SharingPolicy,
    before: &SharingPolicyStatus,
) -> SharingPolicyStatus {
    let (now, generation) = (context.now(), policy.metadata.generation);
    let mut pins: BTreeSet<Pin> = BTreeSet::new();
    let mut problems: Vec<SelectionProblem> = vec![];
    let view = organization(context);
    for (kind, declared) in declared(policy) {
        let meaning = match kind {
            PinKind::Account => names::account(&view.as_names(), declared, &before.pins),
            PinKind::OrganizationalUnit => names::unit(&view.as_names(), declared, &before.pins),
        };
        let (id, problem) = match meaning {
            Meaning::Id(id) => (Some(id), None),
            Meaning::Held(id, refusal) => (Some(id), Some(refusal)),
            Meaning::Gone(refusal) | Meaning::Refused(refusal) => (None, Some(refusal)),
            Meaning::Undecided(refusal) => {
                pins.extend(
                    before
                        .pins
                        .iter()
                        .filter(|pin| pin.kind == kind && pin.declared_as == *declared)
                        .cloned(),
                );
                (None, Some(refusal))
            }
        };
        let named = !(declared.starts_with("ou-") || declared.parse::<AccountId>().is_ok());
        pins.extend(id.filter(|_| named).map(|id| Pin { kind, declared_as: declared.clone(), id }));
        problems.extend(problem.map(|refusal| problem_of(declared, &refusal)));
    }
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let shares = context.stores.shares.all();
    let of = readable(&shares)
        .filter(|share| share.namespace().is_some_and(|ns| policy.spec.namespaces.contains(&ns)))
        .count();
    let mut status = SharingPolicyStatus {
        observed_generation: generation,
        conditions: before.conditions.clone(),
        counts: Some(SharingPolicyCounts { shares: count(of), problems: count(problems.len()) }),
        pins: pins.into_iter().collect(),
        problems: problems.into_iter().take(STATUS_LIST_MAX).collect(),
    };
    let first = status.problems.first().cloned();
    let reason =
        first.as_ref().map_or(Reason::Resolved, |p| Reason::parse(&p.reason).unwrap_or(Reason::NameUnknown));
    let message = first.as_ref().map_or_else(
        || in_use(policy, &context.types.names()),
        |p| format!("allows nothing by this name: {}", p.message),
    );
    conditions::set(&mut status.conditions, READY, first.is_none().into(), reason, &message, generation, now);
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

/// That all its names stand for something, and which of its types may not.
fn in_use(policy: &SharingPolicy, beside: &BTreeSet<String>) -> String {
    let unheard_of = unheard_of(&policy.spec.allow.resource_types, beside);
    if unheard_of.is_empty() {
        return "it is understood and in use".to_owned();
    }
    format!(
        "it is understood and in use; neither this version nor, as far as it could be asked, RAM knows the resource types {}: correct them, or see that `resources` names what is meant by them",
        unheard_of.join(", ")
    )
}

/// One installation serves one organization's names: the first Organization in order.
fn organization(context: &Arc<Context>) -> OrganizationView {
    let all = context.stores.organizations.all();
    let first = all.iter().map(|organization| organization.name_any()).min();
    context.organization(first.as_deref())
}

fn declared(policy: &SharingPolicy) -> impl Iterator<Item = (PinKind, &String)> {
    let (owners, allow) = (&policy.spec.owners, &policy.spec.allow);
    let accounts = owners.accounts.iter().chain(&allow.accounts).map(|name| (PinKind::Account, name));
    let units = owners.organizational_units.iter().chain(&allow.organizational_units);
    accounts.chain(units.map(|name| (PinKind::OrganizationalUnit, name)))
}

fn problem_of(declared: &str, refusal: &Refusal) -> SelectionProblem {
    SelectionProblem {
        what: declared.to_owned(),
        reason: refusal.reason.to_string(),
        message: refusal.message.clone(),
    }
}
