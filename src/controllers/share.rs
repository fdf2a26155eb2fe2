//! The thin controller of Shares: the finalizer, and the status of Shares that no cell governs.

use std::{sync::Arc, time::Duration};

use kube::{Resource, ResourceExt, runtime::controller::Action};

use super::{
    account_region::{records, report::changed, ungoverned::NO_INSTALLATION},
    context::{Context, FINALIZER, OrganizationView, cell_of},
    share_index::account_pin,
    telemetry::Weight,
};
use crate::{
    api::{
        Reason, Share,
        conditions::{self, READY, RECONCILING, STALLED, Status},
        share_status::{ContainerState, ShareStatus},
    },
    kube::{watched::Guarded, write::WriteError},
    model::{AccountId, Cell, Region},
    org::NameProblem,
    plan::{desired::Refusal, govern::Governor},
};

/// How long a Share waits to be governed before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(600);

/// Reconciles one Share.
pub async fn reconcile(share: Arc<Guarded<Share>>, context: Arc<Context>) -> Result<Action, WriteError> {
    let share = match &share.0 {
        Ok(share) => share,
        Err(invalid) => {
            let note =
                format!("this Share cannot be read, so nothing is changed for it; correct it: {invalid}");
            context.telemetry.event(share.object_ref(&()), Weight::Warning, Reason::Invalid, note);
            return Ok(Action::requeue(PATIENCE));
        }
    };
    let going = share.metadata.deletion_timestamp.is_some();
    if !going && !share.finalizers().iter().any(|f| f == FINALIZER) {
        context.writer.add_finalizer(share, FINALIZER).await?;
    }
    let Err(refusal) = governed(&context, share) else { return Ok(Action::await_change()) };
    if records::is_abandoned(share) {
        let region = share.status.as_ref().and_then(|status| status.account_region.as_ref());
        let region = region.and_then(|name| context.stores.regions.get(None, name));
        if let Some(cell) = region.as_ref().and_then(|region| cell_of(region.0.as_ref().ok()?)) {
            records::abandon(&context, &cell, share).await?;
        }
    }
    if going && (!holds(share) || records::is_abandoned(share)) {
        context.writer.remove_finalizer(share, FINALIZER).await?;
        return Ok(Action::await_change());
    }
    let before = share.status.clone().unwrap_or_default();
    let after = status(&context, share, &before, &refusal);
    if changed(&before, &after) {
        context.writer.status(share, &before, &after).await?;
        context.telemetry.event(share.object_ref(&()), Weight::Warning, refusal.reason, refusal.message);
    }
    Ok(Action::requeue(PATIENCE + Duration::from_secs(1)))
}

/// Whether a cell governs the Share, and its own controller reports it; else why not.
fn governed(context: &Arc<Context>, share: &Share) -> Result<(), Refusal> {
    if context.installation().is_none() {
        return Err(Refusal::new(Reason::NoInstallation, NO_INSTALLATION));
    }
    let organizations = context.stores.organizations.all();
    let views = organizations.iter().map(|organization| context.organization(Some(&organization.name_any())));
    let cell = cell(share, views)?;
    let region = context.stores.regions.get(None, &cell.to_string());
    let last = region.as_ref().and_then(|r| r.0.as_ref().ok()?.status.as_ref()?.account_set.as_deref());
    not_governed(&cell, context.governor(&cell, last).as_ref()).map_or(Ok(()), Err)
}

/// The cell that a Share names.
pub fn cell(
    share: &Share,
    organizations: impl IntoIterator<Item = OrganizationView>,
) -> Result<Cell, Refusal> {
    let region: Region = share.spec.region.parse().map_err(|_| {
        Refusal::new(
            Reason::NotGoverned,
            format!("{:?} is not a region; correct `region`", share.spec.region),
        )
    })?;
    Ok(Cell { account: account(share, organizations)?, region })
}

/// Why nobody acts in a cell, if nobody does.
pub fn not_governed(cell: &Cell, governor: Option<&Governor>) -> Option<Refusal> {
    match governor {
        Some(Governor::Set(_)) => None,
        Some(Governor::Conflict(sets)) => Some(Refusal::new(
            Reason::Conflict,
            format!(
                "the AccountSets {} all select {cell}, so none acts; ask the platform team",
                sets.join(", ")
            ),
        )),
        None => Some(Refusal::new(
            Reason::NotGoverned,
            format!(
                "no AccountSet governs account {} in {}; ask the platform team to add it to one",
                cell.account, cell.region
            ),
        )),
    }
}

/// The account that a Share names: its digits, the id that its name is pinned to, or what any tree says.
fn account(
    share: &Share,
    organizations: impl IntoIterator<Item = OrganizationView>,
) -> Result<AccountId, Refusal> {
    let declared = &share.spec.account;
    if let Ok(id) = declared.parse() {
        return Ok(id);
    }
    if let Some(id) = account_pin(share) {
        return Ok(id);
    }
    let mut problem = Refusal::new(
        Reason::NameUnknown,
        format!(
            "no organization that was read has an account {declared:?}; correct `account`, or use the 12 digits"
        ),
    );
    for view in organizations {
        match view.as_names().tree().map(|tree| tree.account(declared)) {
            Some(Ok(id)) => return Ok(id),
            Some(Err(NameProblem::Ambiguous(ids))) => {
                problem = Refusal::new(
                    Reason::NameAmbiguous,
                    format!("account {declared:?} could be {}; use the 12 digits", ids.join(" or ")),
                );
            }
            Some(Err(NameProblem::Unknown)) => {}
            None => {
                let message = format!(
                    "account {declared:?} cannot be looked up until the organization's tree has been read"
                );
                problem = Refusal::new(Reason::TreeUnknown, message);
            }
        }
    }
    Err(problem)
}

/// Whether its status says that something of it is in AWS, or may be.
fn holds(share: &Share) -> bool {
    let containers = share.status.iter().flat_map(|status| &status.containers);
    containers
        .into_iter()
        .any(|c| c.state != ContainerState::Gone && (c.id.is_some() || c.create_sent_at.is_some()))
}

fn status(context: &Arc<Context>, share: &Share, before: &ShareStatus, refusal: &Refusal) -> ShareStatus {
    let (now, generation) = (context.now(), share.metadata.generation);
    let mut status = ShareStatus { observed_generation: generation, ..before.clone() };
    let message = if share.metadata.deletion_timestamp.is_some() {
        format!("its grants in AWS cannot be taken away: {}", refusal.message)
    } else {
        refusal.message.clone()
    };
    let since = conditions::find(&before.conditions, READY)
        .filter(|ready| ready.reason == refusal.reason.as_str() && ready.status == Status::False.as_str())
        .map_or(now, |ready| ready.last_transition_time.0);
    let patient = now.as_second() - since.as_second() < i64::try_from(PATIENCE.as_secs()).unwrap_or(i64::MAX);
    let moving = patient && refusal.reason != Reason::NameAmbiguous;
    conditions::set(&mut status.conditions, READY, Status::False, refusal.reason, &message, generation, now);
    for (type_, holds) in [(RECONCILING, moving), (STALLED, !moving)] {
        if holds {
            conditions::set(
                &mut status.conditions,
                type_,
                Status::True,
                refusal.reason,
                &message,
                generation,
                now,
            );
        } else {
            conditions::remove(&mut status.conditions, type_);
        }
    }
    status
}
