//! Says of the Installation what this controller makes of it.

use std::{sync::Arc, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{ResourceExt, runtime::controller::Action};

use super::{account_region::report::changed, context::Context};
use crate::{
    api::{
        INSTALLATION, Installation, Reason,
        conditions::{self, HALTED, OBSERVED, READY, REMOVALS_HELD, Status},
        installation::{InstallationCounts, InstallationStatus},
    },
    kube::{
        watched::{Guarded, readable},
        write::WriteError,
    },
    model::Timestamp,
};

/// How often its counts are taken.
const COUNT: Duration = Duration::from_secs(60);

/// Reconciles the Installation.
pub async fn reconcile(
    installation: Arc<Guarded<Installation>>,
    context: Arc<Context>,
) -> Result<Action, WriteError> {
    let name = installation.name_any();
    let Ok(installation) = &installation.0 else {
        tracing::error!(installation = name, "it cannot be read, so nothing is written to AWS");
        return Ok(Action::await_change());
    };
    if name != INSTALLATION {
        return Ok(Action::await_change());
    }
    let before = installation.status.clone().unwrap_or_default();
    let after = status(&context, installation, &before);
    if changed(&before, &after) {
        // Removals are reserved in the same status: never over what was not read.
        context.writer.status(installation, &before, &after).await?;
    }
    Ok(Action::requeue(COUNT))
}

fn status(
    context: &Arc<Context>,
    installation: &Installation,
    before: &InstallationStatus,
) -> InstallationStatus {
    let (now, generation) = (context.now(), installation.metadata.generation);
    let mut status = InstallationStatus {
        observed_generation: generation,
        conditions: before.conditions.clone(),
        counts: Some(counts(context)),
        removals: before.removals.clone(),
    };
    let halted = installation.spec.halt;
    let (reason, message) = if halted {
        (Reason::Halted, "nothing is written to AWS; set `halt` to false to go on")
    } else {
        (Reason::NotHalted, "writing to AWS is not halted")
    };
    conditions::set(&mut status.conditions, HALTED, halted.into(), reason, message, generation, now);
    let held = status.counts.as_ref().map_or(0, |counts| counts.held);
    write_held(&mut status.conditions, held, generation, now);
    conditions::set(
        &mut status.conditions,
        READY,
        Status::True,
        Reason::Resolved,
        "it is understood and in use",
        generation,
        now,
    );
    status
}

/// Whether removals wait for a person, in some of the cells of a set or the installation.
pub(super) fn write_held(
    conditions: &mut Vec<Condition>,
    held: i32,
    generation: Option<i64>,
    now: Timestamp,
) {
    let (reason, message) = match held {
        0 => (Reason::NothingHeld, "nothing is held".to_owned()),
        held => (
            Reason::RemovalsHeld,
            format!("{held} removals wait for a person: see the AccountRegions whose RemovalsHeld is True"),
        ),
    };
    conditions::set(conditions, REMOVALS_HELD, (held > 0).into(), reason, &message, generation, now);
}

fn counts(context: &Arc<Context>) -> InstallationCounts {
    let mut counts = InstallationCounts::default();
    let regions = context.stores.regions.all();
    for status in readable(&regions).filter_map(|region| region.status.as_ref()) {
        let of = status.counts.clone().unwrap_or_default();
        counts.account_regions += 1;
        counts.unknown += i32::from(!conditions::is_true(&status.conditions, OBSERVED));
        counts.shares += of.shares;
        counts.drifting += of.drifting;
        counts.undeclared += of.undeclared;
        counts.external += of.external;
        counts.held += of.held;
    }
    counts
}
