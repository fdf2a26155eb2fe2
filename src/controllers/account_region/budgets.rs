//! The budgets of a cell: what the set's and the installation's windows hold, and the reservation of room in them.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use serde_json::json;

use super::gather::{Gathered, ScopesOf};
use crate::{
    api::{
        AccountRegion, AccountSet, INSTALLATION, Installation, budget::Budget, installation::RemovalWindow,
    },
    controllers::{chain_of, context::Context},
    kube::{watched::readable, write::WriteError},
    model::{Cell, Digest},
    plan::budget::{Limit, Scope, Used},
};

/// The budgets of a cell, found out when asked for.
pub(super) fn scopes(context: &Arc<Context>, cell: &Cell, set: &str) -> ScopesOf {
    let (context, cell, set) = (Arc::clone(context), cell.clone(), set.to_owned());
    Box::new(move || {
        let set_object = context.stores.sets.get(None, &set).and_then(|set| set.0.clone().ok());
        let of_set = set_object.map(|object| {
            let used = object.status.as_ref().and_then(|status| status.removals.as_ref());
            scope(&context, &cell, format!("AccountSet {set}"), &object.spec.budget, used, Some(&set))
        });
        let of_installation = context.installation().map(|object| {
            let used = object.status.as_ref().and_then(|status| status.removals.as_ref());
            scope(&context, &cell, "the installation".to_owned(), &object.spec.budget, used, None)
        });
        of_set.into_iter().chain(of_installation).collect()
    })
}

fn scope(
    context: &Context,
    cell: &Cell,
    name: String,
    budget: &Budget,
    used: Option<&RemovalWindow>,
    set: Option<&str>,
) -> Scope {
    let regions = context.stores.regions.all();
    let of_scope = |region: &&AccountRegion| {
        set.is_none() || region.status.as_ref().and_then(|status| status.account_set.as_deref()) == set
    };
    let (mut existing, mut shares, mut declared_elsewhere) = (0u32, 0, 0);
    for region in readable(&regions).filter(of_scope) {
        let Some(status) = &region.status else { continue };
        let counts = status.counts.clone().unwrap_or_default();
        let containers = status.mechanisms.iter().map(|m| u32::try_from(m.containers).unwrap_or_default());
        existing += containers.sum::<u32>();
        shares += usize::try_from(counts.shares).unwrap_or_default();
        if region.name_any() != cell.to_string() {
            declared_elsewhere += usize::try_from(counts.declared).unwrap_or_default();
        }
    }
    // The whole installation's Shares need no report to be counted.
    let shares = if set.is_none() { context.stores.shares.all().len() } else { shares };
    let used = used.map(used_of);
    Scope { name, limit: Limit::of(budget), used, existing, shares, declared_elsewhere }
}

fn used_of(window: &RemovalWindow) -> Used {
    let number = |n: i32| u32::try_from(n).unwrap_or_default();
    Used {
        since: window.since.0,
        removed: number(window.removed),
        existing: number(window.existing),
        latest: window.latest.clone(),
    }
}

fn window_of(used: &Used) -> RemovalWindow {
    let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    RemovalWindow {
        since: Time(used.since),
        removed: number(used.removed),
        existing: number(used.existing),
        latest: used.latest.clone(),
    }
}

/// Why no room was made for removals.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoRoom {
    /// The window is full.
    #[error("{0}")]
    Full(String),
    /// The set or the Installation is gone, or cannot be read.
    #[error("{0} is not there to be asked")]
    Nobody(&'static str),
    /// It could not be read or written; another cell may have written it at the same moment.
    #[error("its budget could not be written: {}", chain_of(.0))]
    Unwritten(#[from] WriteError),
}

/// Makes room for removals in both windows, by what is stored at this moment. Room that is made in one and not in the
/// other stays made, and is not made twice: each window knows what it has counted.
pub(super) async fn reserve(
    context: &Context,
    gathered: &Gathered,
    removals: &[Digest],
) -> Result<(), NoRoom> {
    let scopes = (gathered.scopes)();
    let existing = |at: usize| scopes.get(at).map(|scope| scope.existing).unwrap_or_default();
    let room = |budget: &Budget, used: Option<&Used>, existing, whose: &str| {
        let room = Limit::of(budget).reserve(used, existing, removals, gathered.now);
        room.map_err(|why| NoRoom::Full(format!("{whose}: {why}")))
    };
    let set = context.writer.live::<AccountSet>(&gathered.set.name_any()).await?;
    let set = set.ok_or(NoRoom::Nobody("the AccountSet"))?;
    let of_set = set.status.as_ref().and_then(|status| status.removals.as_ref()).map(used_of);
    let in_set = room(&set.spec.budget, of_set.as_ref(), existing(0), "the AccountSet")?;
    let installation = context.writer.live::<Installation>(INSTALLATION).await?;
    let installation = installation.ok_or(NoRoom::Nobody("the Installation"))?;
    let of_all = installation.status.as_ref().and_then(|status| status.removals.as_ref()).map(used_of);
    let in_all = room(&installation.spec.budget, of_all.as_ref(), existing(1), "the installation")?;
    let field = |used: &Used| json!({"removals": window_of(used)});
    if of_set.as_ref() != Some(&in_set) {
        context.writer.status(&set, &json!({}), &field(&in_set)).await?;
    }
    if of_all.as_ref() != Some(&in_all) {
        context.writer.status(&installation, &json!({}), &field(&in_all)).await?;
    }
    Ok(())
}
