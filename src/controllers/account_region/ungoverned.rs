//! Cells in which nobody may act: claimed by two sets, or selected by none. Nothing is written to AWS there.

use std::{sync::Arc, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{ResourceExt, runtime::controller::Action};

use super::report::changed;
use crate::{
    api::{
        AccountRegion, Reason,
        account_region::{AccountRegionStatus, Released},
        conditions::{self, OBSERVED, READY, RECONCILING, STALLED, Status},
        share_status::ContainerState,
    },
    controllers::context::Context,
    kube::{watched::readable, write::WriteError},
    model::{Cell, ShareKey},
    plan::resolve::key_of,
};

/// How often such a cell is looked at without being woken.
const LOOK: Duration = Duration::from_secs(600);

/// Two sets claim the cell: neither acts, and both and their Shares say so.
pub(super) async fn conflict(
    context: &Arc<Context>,
    cell: &Cell,
    region: &AccountRegion,
    sets: &[String],
) -> Result<Action, WriteError> {
    let message = format!(
        "the AccountSets {} all select {cell}, so none acts; take the account out of all but one",
        sets.join(", ")
    );
    let before = region.status.clone().unwrap_or_default();
    let after = AccountRegionStatus { account_set: None, ..before };
    say(context, region, after, Reason::Conflict, &message).await?;
    wake_shares(context, region);
    Ok(Action::requeue(LOOK))
}

/// The set that governs the cell cannot be read: nothing is done until it can.
pub(super) async fn unreadable(
    context: &Arc<Context>,
    region: &AccountRegion,
    set: &str,
) -> Result<Action, WriteError> {
    let message = format!("the AccountSet {set} cannot be read, so nothing is done; correct it");
    let after = region.status.clone().unwrap_or_default();
    say(context, region, after, Reason::Invalid, &message).await?;
    Ok(Action::requeue(LOOK))
}

/// There is no readable Installation: whose marks are ours is not known, so nothing can be said of anything in AWS.
pub(super) async fn no_installation(
    context: &Arc<Context>,
    region: &AccountRegion,
) -> Result<Action, WriteError> {
    let after = region.status.clone().unwrap_or_default();
    say(context, region, after, Reason::NoInstallation, NO_INSTALLATION).await?;
    wake_shares(context, region);
    Ok(Action::requeue(LOOK))
}

/// What is said where there is none.
pub(crate) const NO_INSTALLATION: &str =
    "there is no readable Installation named sharekeeper, so nothing is done; create it, or make it readable";

/// No set selects the cell any more. While Shares hold grants in it, its access settings are kept; then it goes.
pub(super) async fn released(
    context: &Arc<Context>,
    cell: &Cell,
    region: &AccountRegion,
) -> Result<Action, WriteError> {
    let holders = holders(context, region);
    wake_shares(context, region);
    if context.is_governance_undecided() {
        let message = format!(
            "whether an AccountSet selects {cell} is not known while one cannot be read or names what cannot be looked up; nothing is done until it can"
        );
        say(context, region, region.status.clone().unwrap_or_default(), Reason::TreeUnknown, &message)
            .await?;
        return Ok(Action::requeue(LOOK));
    }
    if holders.is_empty() {
        context.writer.delete(region).await?;
        return Ok(Action::await_change());
    }
    let before = region.status.clone().unwrap_or_default();
    let message = format!(
        "no AccountSet selects {cell}, while {} Shares hold grants in it; nothing is written to AWS until one does, or they are deleted",
        holders.len()
    );
    let since = before.released.as_ref().map_or(Time(context.now()), |released| released.since.clone());
    let after =
        AccountRegionStatus { released: Some(Released { since, message: message.clone() }), ..before };
    say(context, region, after, Reason::Released, &message).await?;
    Ok(Action::requeue(LOOK))
}

async fn say(
    context: &Arc<Context>,
    region: &AccountRegion,
    mut after: AccountRegionStatus,
    reason: Reason,
    message: &str,
) -> Result<(), WriteError> {
    let (now, generation) = (context.now(), region.metadata.generation);
    conditions::set(&mut after.conditions, READY, Status::False, reason, message, generation, now);
    conditions::set(&mut after.conditions, STALLED, Status::True, reason, message, generation, now);
    conditions::set(&mut after.conditions, OBSERVED, Status::Unknown, reason, message, generation, now);
    conditions::remove(&mut after.conditions, RECONCILING);
    after.observed_generation = generation;
    let before = region.status.clone().unwrap_or_default();
    if changed(&before, &after) {
        context.writer.status(region, &before, &after).await?;
    }
    Ok(())
}

/// The Shares whose status says that they hold something in this cell.
fn holders(context: &Arc<Context>, region: &AccountRegion) -> Vec<ShareKey> {
    let name = region.name_any();
    let shares = context.stores.shares.all();
    let holds = |share: &&crate::api::Share| {
        share.status.as_ref().is_some_and(|status| {
            status.account_region.as_deref() == Some(&name)
                && status.containers.iter().any(|c| {
                    c.state != ContainerState::Gone && (c.id.is_some() || c.create_sent_at.is_some())
                })
        })
    };
    readable(&shares).filter(holds).map(key_of).collect()
}

/// The Shares of such a cell are reported by their own controller.
fn wake_shares(context: &Arc<Context>, region: &AccountRegion) {
    let shares = context.stores.shares.all();
    for share in readable(&shares) {
        let here =
            share.status.as_ref().and_then(|s| s.account_region.as_deref()) == Some(&region.name_any());
        let named = share.spec.account == region.spec.account
            || Some(&share.spec.account) == region.status.as_ref().and_then(|s| s.account_name.as_ref());
        if here || (named && share.spec.region == region.spec.region) {
            context.triggers.share(&key_of(share));
        }
    }
}
