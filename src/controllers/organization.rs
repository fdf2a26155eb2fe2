//! Reads organizations: the tree, whole, and whether RAM may share with it. The last complete tree stays until another
//! is complete.

use std::{sync::Arc, time::Duration};

use kube::{ResourceExt, runtime::controller::Action};

use super::{
    account_region::{observe::spread, report::changed},
    context::{Context, OrganizationState, OrganizationView},
};
use crate::{
    api::{
        Organization, Reason,
        conditions::{self, READY, RECONCILING, SHARING_ENABLED, STALLED, Status, TREE_CURRENT},
        duration,
        organization::{OrganizationCounts, OrganizationStatus, RamSharing},
    },
    aws::{
        audit::Subject,
        calls::Leave,
        errors::AwsError,
        session::{OrganizationClients, SessionError, Sessions},
    },
    kube::{watched::Guarded, write::WriteError},
    mechanism::ram::failure,
    model::Timestamp,
    org::{AccountState, load},
    plan::desired::Refusal,
};

/// When to try again after a failure that says nothing of it.
const AGAIN: Duration = Duration::from_secs(60);

/// Reconciles one Organization.
pub async fn reconcile(
    organization: Arc<Guarded<Organization>>,
    context: Arc<Context>,
) -> Result<Action, WriteError> {
    let name = organization.name_any();
    let Ok(organization) = &organization.0 else {
        tracing::error!(organization = name, "it cannot be read; its last tree stays");
        return Ok(Action::await_change());
    };
    let refresh = duration::parse(&organization.spec.refresh).unwrap_or(Duration::from_secs(600));
    let read = Box::pin(read(&context, organization)).await;
    let (problem, again) = match read {
        Ok((state, problem)) => {
            keep(&context, &name, OrganizationState { refresh, ..state });
            (problem, spread(refresh, &name))
        }
        Err((refusal, again)) => (Some(refusal), again.unwrap_or(AGAIN)),
    };
    context.tried_organization(&name);
    let view = context.organization(Some(&name));
    let before = organization.status.clone().unwrap_or_default();
    let after = status(organization, &before, &view, problem.as_ref(), context.now());
    let stale = |status: &OrganizationStatus| {
        conditions::find(&status.conditions, TREE_CURRENT).map(|c| c.status.clone())
    };
    if stale(&before) != stale(&after) {
        wake_all(&context);
    }
    if changed(&before, &after) {
        context.writer.status(organization, &before, &after).await?;
    }
    Ok(Action::requeue(again))
}

/// Keeps what was read, and wakes everybody if it differs from what was known.
fn keep(context: &Arc<Context>, name: &str, state: OrganizationState) {
    let known = context.organization(Some(name));
    let same = matches!(&known, OrganizationView::Known(known, true) if known.tree == state.tree && known.sharing == state.sharing);
    context.keep_organization(name, state);
    if !same {
        wake_all(context);
    }
}

/// Sets, policies and cells all rest on the tree.
pub fn wake_all(context: &Arc<Context>) {
    context.forget_governance();
    context.stores.sets.all().iter().for_each(|set| context.triggers.set(&set.name_any()));
    context.stores.policies.all().iter().for_each(|policy| context.triggers.policy(&policy.name_any()));
    context.stores.regions.all().iter().for_each(|region| context.triggers.region(&region.name_any()));
}

/// Why an organization could not be read, and when to try again, where AWS's answer says so.
pub type Failed = (Refusal, Option<Duration>);

/// A tree, and what else is to be said of the organization; sharing is turned on if that is asked for.
async fn read(
    context: &Arc<Context>,
    organization: &Organization,
) -> Result<(OrganizationState, Option<Refusal>), Failed> {
    let (mut state, mut problem) = observe(&context.sessions, organization, context.now()).await?;
    if wants_sharing(organization, &state) {
        match enable(context, organization).await {
            Ok(enabled) => state.sharing = Some(enabled),
            Err((refusal, _)) => (state.sharing, problem) = (None, Some(refusal)),
        }
    }
    Ok((state, problem))
}

/// Whether sharing is off and asked for.
pub fn wants_sharing(organization: &Organization, state: &OrganizationState) -> bool {
    state.sharing == Some(false) && organization.spec.ram_sharing == RamSharing::Enable
}

/// Reads the tree and whether RAM may share with the organization; what keeps the latter from being told stands beside
/// it. The state's `refresh` is left to the caller.
pub async fn observe(
    sessions: &Sessions,
    organization: &Organization,
    at: Timestamp,
) -> Result<(OrganizationState, Option<Refusal>), Failed> {
    let clients = reach(sessions, organization).await?;
    let identity = load::identity(&clients).await.map_err(|error| failed(&error))?;
    if identity.id != organization.spec.id {
        let message = format!(
            "AWS answered for organization {} and not for {}; correct `id` or `access.roleArn`",
            identity.id, organization.spec.id
        );
        return Err((Refusal::new(Reason::OrganizationMismatch, message), Some(Duration::from_secs(300))));
    }
    let tree = load::tree(&clients, &identity).await.map_err(|error| failed(&error))?;
    let (sharing, problem) = match load::ram_sharing(&clients, &identity).await {
        Ok(sharing) => (sharing, None),
        Err(error) => (None, Some(failed(&error).0)),
    };
    let state = OrganizationState { tree: Arc::new(tree), sharing, at, refresh: Duration::ZERO };
    Ok((state, problem))
}

async fn reach(sessions: &Sessions, organization: &Organization) -> Result<Arc<OrganizationClients>, Failed> {
    let access = organization.spec.access.as_ref();
    let external_id = access.and_then(|a| a.external_id.as_deref());
    let clients = sessions.organization(access.map(|a| a.role_arn.as_str()), external_id).await;
    clients.map_err(|error| unreachable(&error))
}

/// Turns sharing on: AWS takes this from the management account alone.
async fn enable(context: &Arc<Context>, organization: &Organization) -> Result<bool, Failed> {
    let clients = reach(&context.sessions, organization).await?;
    let request = clients.ram.enable_sharing_with_aws_organization();
    let subject = Subject {
        installation: context.installation().map(|installation| installation.spec.id).unwrap_or_default(),
        cell: clients.account.to_string(),
        owner: format!("Organization {}", organization.name_any()),
        generation: organization.metadata.generation.unwrap_or_default(),
        change: "enable RAM sharing with the organization".to_owned(),
        ..Subject::default()
    };
    let leave = Leave { fence: context.fence(), subject };
    let answer = clients.calls.write("EnableSharingWithAwsOrganization", &leave, request.send()).await;
    Ok(answer.map_err(|error| failed(&error))?.return_value.unwrap_or_default())
}

fn failed(error: &AwsError) -> Failed {
    (Refusal::new(failure::reason(&error.disposition), error.lasting()), error.disposition.again_after())
}

fn unreachable(error: &SessionError) -> Failed {
    match error {
        SessionError::Identity(error) => failed(error),
        SessionError::CredentialsMismatch { .. } => {
            (Refusal::new(Reason::CredentialsMismatch, error.to_string()), None)
        }
    }
}

fn status(
    organization: &Organization,
    before: &OrganizationStatus,
    view: &OrganizationView,
    problem: Option<&Refusal>,
    now: Timestamp,
) -> OrganizationStatus {
    let mut status = before.clone();
    status.observed_generation = organization.metadata.generation;
    let generation = status.observed_generation;
    if let OrganizationView::Known(state, _) = view {
        let tree = &state.tree;
        let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        status.id = Some(tree.id.clone());
        status.management_account = Some(tree.management_account.to_string());
        status.feature_set = Some(tree.feature_set.clone());
        status.tree_digest = Some(tree.digest().to_string());
        let closing = tree.accounts.values().filter(|a| matches!(a.state, AccountState::Closing(_))).count();
        status.counts = Some(OrganizationCounts {
            accounts: count(tree.accounts.len()),
            suspended_accounts: count(closing),
            organizational_units: count(tree.organizational_units.len()),
        });
    }
    let (tree, reason, message) = tree_condition(view, problem);
    conditions::set(&mut status.conditions, TREE_CURRENT, tree, reason, &message, generation, now);
    let (sharing, sharing_reason, sharing_message) = sharing_condition(view);
    conditions::set(
        &mut status.conditions,
        SHARING_ENABLED,
        sharing,
        sharing_reason,
        &sharing_message,
        generation,
        now,
    );
    let ready = problem.is_none() && tree == Status::True;
    let (reason, message) =
        problem.map_or((reason, message), |refusal| (refusal.reason, refusal.message.clone()));
    conditions::set(&mut status.conditions, READY, ready.into(), reason, &message, generation, now);
    let stuck = !ready
        && matches!(
            reason,
            Reason::OrganizationMismatch | Reason::CredentialsMismatch | Reason::AccessDenied
        );
    for (type_, holds) in [(STALLED, stuck), (RECONCILING, !ready && !stuck)] {
        if holds {
            conditions::set(&mut status.conditions, type_, Status::True, reason, &message, generation, now);
        } else {
            conditions::remove(&mut status.conditions, type_);
        }
    }
    status
}

fn tree_condition(view: &OrganizationView, problem: Option<&Refusal>) -> (Status, Reason, String) {
    let why = problem.map(|refusal| format!(": {}", refusal.message)).unwrap_or_default();
    match view {
        OrganizationView::Known(_, true) => {
            (Status::True, Reason::TreeCurrent, "the whole tree was read".to_owned())
        }
        OrganizationView::Known(state, false) => {
            let message = format!(
                "the tree was last read whole at {}; no access is widened by name, unit or membership until it is again{why}",
                state.at
            );
            (Status::False, Reason::TreeStale, message)
        }
        OrganizationView::None | OrganizationView::Unknown => (
            Status::False,
            Reason::TreeUnknown,
            format!("the tree was not read since this controller started{why}"),
        ),
    }
}

fn sharing_condition(view: &OrganizationView) -> (Status, Reason, String) {
    let OrganizationView::Known(state, _) = view else {
        return (Status::Unknown, Reason::TreeUnknown, "the organization was not read yet".to_owned());
    };
    let account = &state.tree.management_account;
    match state.sharing {
        Some(true) => {
            (Status::True, Reason::SharingEnabled, "RAM may share with the organization".to_owned())
        }
        Some(false) => {
            let message = format!(
                "RAM may not share with the organization; run `aws ram enable-sharing-with-aws-organization` in the management account {account}, or set `ramSharing: Enable`"
            );
            (Status::False, Reason::OrgSharingNotEnabled, message)
        }
        None => {
            let message = format!(
                "only the management account {account} can tell whether RAM may share with the organization"
            );
            (Status::Unknown, Reason::SharingUnknown, message)
        }
    }
}
