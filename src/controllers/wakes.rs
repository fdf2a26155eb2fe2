//! What an event of one kind wakes in the others.

use std::{fmt::Debug, sync::Arc};

use futures::StreamExt;
use k8s_openapi::serde::de::DeserializeOwned;
use kube::{Resource, ResourceExt, runtime::watcher};

use super::{
    chain_of,
    context::{Context, cell_of},
    organization,
    triggers::Triggers,
};
use crate::{
    api::{AccountRegion, AccountSet, Organization, Share, UndeclaredShare},
    kube::watched::{Guarded, readable},
    plan::resolve::key_of,
};

/// What a watch hands on.
pub(super) type Items<K> = futures::stream::BoxStream<'static, Result<Guarded<K>, watcher::Error>>;

/// Without the events of our own status writes: each would wake what wrote it once more.
pub(super) fn essential<K: Resource<DynamicType = ()> + Send + 'static>(items: Items<K>) -> Items<K> {
    let seen = Seen::default();
    let news = move |item: &Result<Guarded<K>, watcher::Error>| {
        let new = item.as_ref().map_or(true, |object| is_new(&seen, object));
        std::future::ready(new)
    };
    items.filter(news).boxed()
}

/// What was last seen of each object, by namespace and name.
type Seen = std::sync::Mutex<std::collections::BTreeMap<(Option<String>, Option<String>), String>>;

fn touched<K: Resource<DynamicType = ()> + Send + 'static>(
    items: Items<K>,
    wake: impl Fn(&Guarded<K>) + Send + 'static,
) -> Items<K> {
    let inspected = items.inspect(move |item| match item {
        Ok(object) => wake(object),
        Err(error) => tracing::warn!(kind = %K::kind(&()), error = chain_of(error), "a watch was interrupted and goes on"),
    });
    inspected.boxed()
}

/// A policy or the Installation concerns every cell: each plans again on what it holds. Own status writes do not count.
pub(super) fn wakes_all_cells<K>(
    items: Items<K>,
    context: &Arc<Context>,
    is_there: impl Fn(&Context, &str) -> bool + Send + 'static,
) -> Items<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let context = Arc::clone(context);
    let seen = Seen::default();
    touched(items, move |object| {
        // Always noted, so that one that is made anew is new.
        let news = is_new(&seen, object);
        if news || !is_there(&context, &object.name_any()) {
            context
                .stores
                .regions
                .all()
                .iter()
                .for_each(|region| context.triggers.region(&region.name_any()));
        }
    })
}

/// Whether the object's spec, annotations or life changed since it was last seen.
fn is_new<K: Resource>(seen: &Seen, object: &Guarded<K>) -> bool {
    let meta = object.meta();
    let deleting = meta.deletion_timestamp.is_some();
    let essence = format!("{:?} {:?} {deleting} {:?}", meta.uid, meta.generation, meta.annotations);
    let name = (meta.namespace.clone(), meta.name.clone());
    super::context::locked(seen).insert(name, essence.clone()) != Some(essence)
}

pub(super) fn forgets_organizations(
    items: Items<Organization>,
    context: &Arc<Context>,
) -> Items<Organization> {
    let context = Arc::clone(context);
    touched(items, move |object| {
        let name = object.name_any();
        if context.stores.organizations.get(None, &name).is_none() {
            context.forget_organization(&name);
            organization::wake_all(&context);
        }
    })
}

/// A set changes what others select too: exclusions and conflicts.
pub(super) fn wakes_set_neighbours(items: Items<AccountSet>, context: &Arc<Context>) -> Items<AccountSet> {
    let context = Arc::clone(context);
    let seen = Seen::default();
    touched(items, move |object| {
        let gone = context.stores.sets.get(None, &object.name_any()).is_none();
        if is_new(&seen, object) || gone {
            context.forget_governance();
            context.stores.sets.all().iter().for_each(|set| context.triggers.set(&set.name_any()));
            context
                .stores
                .regions
                .all()
                .iter()
                .for_each(|region| context.triggers.region(&region.name_any()));
            let shares = context.stores.shares.all();
            readable(&shares).for_each(|share| context.triggers.share(&key_of(share)));
        }
    })
}

/// A Share wakes the cells that it may belong to, when it changed in anything that a plan rests on.
pub(super) fn wakes_cells_of_shares(items: Items<Share>, context: &Arc<Context>) -> Items<Share> {
    let context = Arc::clone(context);
    touched(items, move |object| {
        let namespace = object.namespace().unwrap_or_default();
        let gone = context.stores.shares.get(Some(&namespace), &object.name_any()).is_none();
        if context.index(object, gone) {
            wake_cells_of(&context, object);
            wake_policies_for(&context, &namespace);
        }
    })
}

/// A policy shows how many Shares its namespaces have.
fn wake_policies_for(context: &Arc<Context>, namespace: &str) {
    let policies = context.stores.policies.all();
    let of = readable(&policies).filter(|policy| policy.spec.namespaces.iter().any(|n| n == namespace));
    of.for_each(|policy| context.triggers.policy(&policy.name_any()));
}

fn wake_cells_of(context: &Arc<Context>, share: &Guarded<Share>) {
    let Ok(share) = &share.0 else {
        context.stores.regions.all().iter().for_each(|region| context.triggers.region(&region.name_any()));
        return;
    };
    let regions = context.stores.regions.all();
    let here = readable(&regions).filter(|region| region.spec.region == share.spec.region).filter(|region| {
        let name = region.status.as_ref().and_then(|status| status.account_name.as_ref());
        region.spec.account == share.spec.account
            || name == Some(&share.spec.account)
            || named(context, region, share)
    });
    here.filter_map(cell_of).for_each(|cell| context.triggers.cell(&cell));
}

/// Whether some tree calls the region's account by the name that the Share uses, or the Share's name is pinned to it.
fn named(context: &Arc<Context>, region: &AccountRegion, share: &Share) -> bool {
    if super::share_index::account_pin(share).is_some_and(|id| id.as_str() == region.spec.account) {
        return true;
    }
    context.stores.organizations.all().iter().any(|organization| {
        let view = context.organization(Some(&organization.name_any()));
        view.as_names()
            .tree()
            .and_then(|tree| tree.account(&share.spec.account).ok())
            .is_some_and(|id| id.as_str() == region.spec.account)
    })
}

/// A set shows the counts of its cells: that which governs a cell now, and that which did before.
pub(super) fn wakes_sets_of_regions(items: Items<AccountRegion>, triggers: Triggers) -> Items<AccountRegion> {
    let last = std::sync::Mutex::new(std::collections::BTreeMap::new());
    touched(items, move |object| {
        let now = object.0.as_ref().ok().and_then(|region| region.status.as_ref()?.account_set.clone());
        let before = super::context::locked(&last).insert(object.name_any(), now.clone()).flatten();
        for set in before.iter().chain(now.iter().filter(|set| before.as_ref() != Some(*set))) {
            triggers.set(set);
        }
        triggers.installation();
    })
}

/// A record that somebody deleted is made again, if there is still something to record.
pub(super) fn wakes_cells_of_records(
    items: Items<UndeclaredShare>,
    context: &Arc<Context>,
) -> Items<UndeclaredShare> {
    let context = Arc::clone(context);
    let seen = Seen::default();
    touched(items, move |object| {
        let name = object.name_any();
        let news = is_new(&seen, object);
        if (news || context.stores.undeclared.get(None, &name).is_none())
            && let Some((cell, _)) = name.rsplit_once('.')
        {
            context.triggers.region(cell);
        }
    })
}
