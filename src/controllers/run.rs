//! Wiring: who watches what, who wakes whom, one `Controller` a kind. Lives as long as one term of leadership.

use std::{fmt::Debug, sync::Arc, time::Duration};

use futures::{FutureExt, Stream, StreamExt, future::join_all};
use k8s_openapi::serde::de::DeserializeOwned;
use kube::{
    Client, Resource, ResourceExt,
    runtime::{
        Controller,
        controller::{Action, Config},
        reflector::{ObjectRef, Store},
        watcher,
    },
};

use super::{
    account_region, account_set, chain_of,
    context::{Context, Stores, cell_of},
    installation, organization, share, sharing_policy,
    telemetry::Telemetry,
    triggers::{Triggers, Woken, by_name, gathered, triggers},
};
use crate::{
    api::{AccountRegion, AccountSet, Installation, Organization, Share, SharingPolicy, UndeclaredShare},
    aws::{clock::Clock, session::Sessions},
    kube::{
        lease::LeaseFence,
        watched::{Guarded, Watched, readable},
        write::{WriteError, Writer},
    },
    model::ShareKey,
    plan::resolve::key_of,
};
use tokio::sync::watch;

/// What one term of leadership is run with.
pub struct Term {
    /// Reads and watches.
    pub client: Client,
    /// Writes.
    pub writer: Writer,
    /// Whether we lead.
    pub lease: Option<LeaseFence>,
    /// Sessions in AWS.
    pub sessions: Sessions,
    /// The clock.
    pub clock: Clock,
    /// Who is told.
    pub telemetry: Arc<dyn Telemetry>,
    /// Told once the stores are whole.
    pub synced: Box<dyn Fn() + Send + Sync>,
    /// Becomes true when no new work is to be begun: running passes finish, and then [`run`] returns.
    pub stopping: watch::Receiver<bool>,
}

type Items<K> = futures::stream::BoxStream<'static, Result<Guarded<K>, watcher::Error>>;

/// Runs all controllers until dropped or told to stop. Nothing is decided before every store is whole.
pub async fn run(term: Term) {
    let client = term.client.clone();
    let (installations, installation_items) = Watched::<Installation>::watch(&client);
    let (organizations, organization_items) = Watched::<Organization>::watch(&client);
    let (sets, set_items) = Watched::<AccountSet>::watch(&client);
    let (regions, region_items) = Watched::<AccountRegion>::watch(&client);
    let (policies, policy_items) = Watched::<SharingPolicy>::watch(&client);
    let (shares, share_items) = Watched::<Share>::watch(&client);
    let (undeclared, undeclared_items) = Watched::<UndeclaredShare>::watch(&client);
    let stores = Stores { installations, organizations, sets, regions, policies, shares, undeclared };
    let (triggers, woken) = triggers();
    let context = Arc::new(Context::new(
        term.writer,
        term.lease,
        stores.clone(),
        term.sessions,
        term.clock,
        term.telemetry,
        triggers.clone(),
    ));
    // The undeclared kind has no controller of its own: its stream only fills the store and wakes cells.
    let items = Sources {
        installations: installation_items.boxed(),
        organizations: organization_items.boxed(),
        sets: set_items.boxed(),
        regions: region_items.boxed(),
        policies: policy_items.boxed(),
        shares: share_items.boxed(),
    };
    let undeclared = drain(wakes_cells_of_records(undeclared_items.boxed(), &context));
    let ready = stores.clone();
    let synced = term.synced;
    let announce = async move {
        if ready.synced().await {
            synced();
        }
    };
    let controllers = join_all(controllers(&context, items, woken, &triggers, &term.stopping));
    let feeding = futures::future::join(undeclared, announce);
    futures::future::select(controllers, std::pin::pin!(feeding.then(|_| futures::future::pending::<()>())))
        .await;
}

struct Sources {
    installations: Items<Installation>,
    organizations: Items<Organization>,
    sets: Items<AccountSet>,
    regions: Items<AccountRegion>,
    policies: Items<SharingPolicy>,
    shares: Items<Share>,
}

fn controllers(
    context: &Arc<Context>,
    items: Sources,
    woken: Woken,
    triggers: &Triggers,
    stopping: &watch::Receiver<bool>,
) -> Vec<futures::future::BoxFuture<'static, ()>> {
    let stores = &context.stores;
    let woken_shares =
        gathered(woken.shares).map(|key: ShareKey| ObjectRef::new(&key.name).within(&key.namespace));
    vec![
        one(
            stores.installations.store(),
            wakes_all_cells(items.installations, context, |context, name| {
                context.stores.installations.get(None, name).is_some()
            }),
            gathered(woken.installations).map(by_name),
            installation::reconcile,
            context,
            stopping,
        ),
        one(
            stores.organizations.store(),
            forgets_organizations(items.organizations, context),
            futures::stream::pending(),
            organization::reconcile,
            context,
            stopping,
        ),
        one(
            stores.sets.store(),
            wakes_set_neighbours(items.sets, context),
            gathered(woken.sets).map(by_name),
            account_set::reconcile,
            context,
            stopping,
        ),
        one(
            stores.policies.store(),
            wakes_all_cells(items.policies, context, |context, name| {
                context.stores.policies.get(None, name).is_some()
            }),
            gathered(woken.policies).map(by_name),
            sharing_policy::reconcile,
            context,
            stopping,
        ),
        one(
            stores.shares.store(),
            wakes_cells_of_shares(items.shares, context),
            woken_shares,
            share::reconcile,
            context,
            stopping,
        ),
        one(
            stores.regions.store(),
            wakes_sets_of_regions(items.regions, triggers.clone()),
            gathered(woken.regions).map(by_name),
            account_region::reconcile,
            context,
            stopping,
        ),
    ]
}

/// One controller: its own stream and what others wake it with. Reconciles wait until every store is whole, and those
/// that rest on organizations until each was tried to be read: a start is no reason to say that nothing is known.
fn one<K, F>(
    store: Store<Guarded<K>>,
    items: Items<K>,
    woken: impl Stream<Item = ObjectRef<Guarded<K>>> + Send + 'static,
    reconcile: impl Fn(Arc<Guarded<K>>, Arc<Context>) -> F + Send + Sync + Clone + 'static,
    context: &Arc<Context>,
    stopping: &watch::Receiver<bool>,
) -> futures::future::BoxFuture<'static, ()>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    F: Future<Output = Result<Action, WriteError>> + Send + 'static,
{
    let gated = move |object: Arc<Guarded<K>>, context: Arc<Context>| {
        let reconcile = reconcile.clone();
        async move {
            if !context.stores.synced().await {
                return Ok(Action::requeue(Duration::from_secs(1)));
            }
            if K::kind(&()) != Organization::kind(&()) {
                context.organizations_tried().await;
            }
            reconcile(object, context).await
        }
    };
    let controller =
        Controller::for_stream(essential(items), store).reconcile_on(woken).with_config(Config::default());
    let mut stopping = stopping.clone();
    let stop = async move {
        // A sender that is gone means that nobody will ever ask to stop.
        if stopping.wait_for(|stop| *stop).await.is_err() {
            futures::future::pending::<()>().await;
        }
    };
    controller
        .graceful_shutdown_on(stop)
        .run(gated, again, Arc::clone(context))
        .for_each(|result| async move {
            // An object that is gone by the time it is woken is no error.
            if let Err(error) = result
                && !matches!(error, kube::runtime::controller::Error::ObjectNotFound(_))
            {
                tracing::warn!(kind = %K::kind(&()), error = chain_of(&error), "a reconcile failed and is tried again");
            }
        })
        .boxed()
}

/// Without the events of our own status writes: each would wake what wrote it once more.
fn essential<K: Resource<DynamicType = ()> + Send + 'static>(items: Items<K>) -> Items<K> {
    let seen = Seen::default();
    let news = move |item: &Result<Guarded<K>, watcher::Error>| {
        let new = item.as_ref().map_or(true, |object| is_new(&seen, object));
        std::future::ready(new)
    };
    items.filter(news).boxed()
}

/// What was last seen of each object, by namespace and name.
type Seen = std::sync::Mutex<std::collections::BTreeMap<(Option<String>, Option<String>), String>>;

/// A write that failed is tried again soon; one that the fence kept back when we lead again.
fn again<K: Resource<DynamicType = ()>>(
    _object: Arc<Guarded<K>>,
    error: &WriteError,
    _context: Arc<Context>,
) -> Action {
    match error {
        WriteError::Refused { .. } => Action::requeue(Duration::from_secs(2)),
        WriteError::Apiserver { .. } if error.is_gone() => Action::requeue(Duration::from_millis(500)),
        WriteError::Apiserver { .. } | WriteError::TimedOut { .. } => Action::requeue(Duration::from_secs(5)),
    }
}

async fn drain<K>(items: Items<K>) {
    items.for_each(|_| async {}).await;
}

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
fn wakes_all_cells<K>(
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

fn forgets_organizations(items: Items<Organization>, context: &Arc<Context>) -> Items<Organization> {
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
fn wakes_set_neighbours(items: Items<AccountSet>, context: &Arc<Context>) -> Items<AccountSet> {
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
fn wakes_cells_of_shares(items: Items<Share>, context: &Arc<Context>) -> Items<Share> {
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
    if super::context::account_pin(share).is_some_and(|id| id.as_str() == region.spec.account) {
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
fn wakes_sets_of_regions(items: Items<AccountRegion>, triggers: Triggers) -> Items<AccountRegion> {
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
fn wakes_cells_of_records(items: Items<UndeclaredShare>, context: &Arc<Context>) -> Items<UndeclaredShare> {
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
