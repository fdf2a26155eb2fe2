//! Wiring: who watches what, who wakes whom, one `Controller` a kind. Lives as long as one term of leadership.

use std::{fmt::Debug, sync::Arc, time::Duration};

use futures::{FutureExt, Stream, StreamExt, future::join_all};
use k8s_openapi::serde::de::DeserializeOwned;
use kube::{
    Client, Resource, ResourceExt,
    runtime::{
        Controller, WatchStreamExt,
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
}

type Items<K> = futures::stream::BoxStream<'static, Result<Guarded<K>, watcher::Error>>;
type Events<K> = futures::stream::BoxStream<'static, Result<watcher::Event<Guarded<K>>, watcher::Error>>;

/// What a watch says of its objects.
enum Sight<'a, K: Resource> {
    /// It is there.
    There(&'a Guarded<K>),
    /// It is gone.
    Gone(&'a Guarded<K>),
    /// A listing is whole: whatever else was there before is gone.
    Whole,
}

/// Runs all controllers until dropped. Nothing is decided before every store is whole.
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
    let undeclared = drain(wakes_cells_of_records(undeclared_items.boxed(), triggers.clone()));
    let ready = stores.clone();
    let synced = term.synced;
    let announce = async move {
        if ready.synced().await {
            synced();
        }
    };
    let controllers = controllers(&context, items, woken, &triggers);
    futures::join!(join_all(controllers), undeclared, announce);
}

struct Sources {
    installations: Events<Installation>,
    organizations: Events<Organization>,
    sets: Events<AccountSet>,
    regions: Events<AccountRegion>,
    policies: Events<SharingPolicy>,
    shares: Events<Share>,
}

fn controllers(
    context: &Arc<Context>,
    items: Sources,
    woken: Woken,
    triggers: &Triggers,
) -> Vec<futures::future::BoxFuture<'static, ()>> {
    let stores = &context.stores;
    let woken_shares =
        gathered(woken.shares).map(|key: ShareKey| ObjectRef::new(&key.name).within(&key.namespace));
    vec![
        one(
            stores.installations.store(),
            wakes_all_cells(items.installations, context),
            futures::stream::pending(),
            installation::reconcile,
            context,
        ),
        one(
            stores.organizations.store(),
            forgets_organizations(items.organizations, context),
            gathered(woken.organizations).map(by_name),
            organization::reconcile,
            context,
        ),
        one(
            stores.sets.store(),
            wakes_set_neighbours(items.sets, context),
            gathered(woken.sets).map(by_name),
            account_set::reconcile,
            context,
        ),
        one(
            stores.policies.store(),
            wakes_all_cells(items.policies, context),
            gathered(woken.policies).map(by_name),
            sharing_policy::reconcile,
            context,
        ),
        one(
            stores.shares.store(),
            wakes_cells_of_shares(items.shares, context),
            woken_shares,
            share::reconcile,
            context,
        ),
        one(
            stores.regions.store(),
            wakes_sets_of_regions(items.regions, triggers.clone()),
            gathered(woken.regions).map(by_name),
            account_region::reconcile,
            context,
        ),
    ]
}

/// One controller: its own stream and what others wake it with. Reconciles wait until every store is whole, and those that
/// rest on organizations until each was tried to be read: a start is no reason to say that nothing is known.
fn one<K, F>(
    store: Store<Guarded<K>>,
    items: Items<K>,
    woken: impl Stream<Item = ObjectRef<Guarded<K>>> + Send + 'static,
    reconcile: impl Fn(Arc<Guarded<K>>, Arc<Context>) -> F + Send + Sync + Clone + 'static,
    context: &Arc<Context>,
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
    let controller = Controller::for_stream(without_own_writes(items), store)
        .reconcile_on(woken)
        .with_config(Config::default());
    controller
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

/// An object's status is ours to write: it wakes nobody, or each report would be the next pass. What another controller's
/// status means to a kind comes by its triggers.
fn without_own_writes<K>(items: Items<K>) -> Items<K>
where
    K: Resource<DynamicType = ()> + Send + 'static,
{
    let seen = std::sync::Mutex::default();
    items
        .filter(move |item| {
            futures::future::ready(item.as_ref().map_or(true, |object| is_new(&seen, object)))
        })
        .boxed()
}

/// A write that failed is tried again soon; one that the fence kept back when we lead again.
fn again<K: Resource<DynamicType = ()>>(
    object: Arc<Guarded<K>>,
    error: &WriteError,
    _context: Arc<Context>,
) -> Action {
    let _ = object;
    match error {
        WriteError::Refused { .. } => Action::requeue(Duration::from_secs(2)),
        WriteError::Apiserver { .. } if error.is_gone() => Action::requeue(Duration::from_millis(500)),
        WriteError::Apiserver { .. } | WriteError::TimedOut { .. } => Action::requeue(Duration::from_secs(5)),
    }
}

async fn drain<K>(items: Items<K>) {
    items.for_each(|_| async {}).await;
}

fn touched<K: Resource<DynamicType = ()> + Clone + Send + 'static>(
    events: Events<K>,
    see: impl Fn(Sight<'_, K>) + Send + 'static,
) -> Items<K> {
    let inspected = events.inspect(move |event| match event {
        Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => see(Sight::There(object)),
        Ok(watcher::Event::Delete(object)) => see(Sight::Gone(object)),
        Ok(watcher::Event::InitDone) => see(Sight::Whole),
        Ok(watcher::Event::Init) => {}
        Err(error) => tracing::warn!(kind = %K::kind(&()), error = chain_of(error), "a watch was interrupted and goes on"),
    });
    inspected.touched_objects().boxed()
}

/// A policy or the Installation concerns every cell: each plans again on what it holds. Own status writes do not count.
fn wakes_all_cells<K>(events: Events<K>, context: &Arc<Context>) -> Items<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let context = Arc::clone(context);
    let seen = std::sync::Mutex::default();
    touched(events, move |sight| {
        let news = match sight {
            Sight::There(object) => is_new(&seen, object),
            Sight::Gone(_) | Sight::Whole => true,
        };
        if news {
            wake_all_cells(&context);
        }
    })
}

fn wake_all_cells(context: &Arc<Context>) {
    context.stores.regions.all().iter().for_each(|region| context.triggers.region(&region.name_any()));
}

/// Whether the object's spec or life changed since it was last seen.
fn is_new<K: Resource>(
    seen: &std::sync::Mutex<std::collections::BTreeMap<String, String>>,
    object: &Guarded<K>,
) -> bool {
    let meta = object.meta();
    let essence = format!(
        "{:?} {:?} {:?} {:?} {:?}",
        meta.uid,
        meta.generation,
        meta.deletion_timestamp.is_some(),
        meta.annotations,
        meta.finalizers
    );
    let name = format!(
        "{}/{}",
        meta.namespace.as_deref().unwrap_or_default(),
        meta.name.as_deref().unwrap_or_default()
    );
    super::context::locked(seen).insert(name, essence.clone()) != Some(essence)
}

fn forgets_organizations(events: Events<Organization>, context: &Arc<Context>) -> Items<Organization> {
    let context = Arc::clone(context);
    touched(events, move |sight| {
        if !matches!(sight, Sight::There(_)) && context.forget_organizations_that_are_gone() {
            organization::wake_all(&context);
        }
    })
}

/// A set changes what others select too: exclusions and conflicts.
fn wakes_set_neighbours(events: Events<AccountSet>, context: &Arc<Context>) -> Items<AccountSet> {
    let context = Arc::clone(context);
    let seen = std::sync::Mutex::default();
    touched(events, move |sight| {
        let news = match sight {
            Sight::There(object) => is_new(&seen, object),
            Sight::Gone(_) | Sight::Whole => true,
        };
        if news {
            context.forget_governance();
            context.stores.sets.all().iter().for_each(|set| context.triggers.set(&set.name_any()));
            wake_all_cells(&context);
            let shares = context.stores.shares.all();
            readable(&shares).for_each(|share| context.triggers.share(&key_of(share)));
        }
    })
}

/// A Share wakes the cells that it may belong to, when it changed in anything that a plan rests on, and the policies that
/// count it.
fn wakes_cells_of_shares(events: Events<Share>, context: &Arc<Context>) -> Items<Share> {
    let context = Arc::clone(context);
    touched(events, move |sight| {
        let (object, gone) = match sight {
            Sight::There(object) => (object, false),
            Sight::Gone(object) => (object, true),
            Sight::Whole => return wake_all_cells(&context),
        };
        if context.index(object, gone) {
            wake_cells_of(&context, object);
            wake_policies_of(&context, object);
        }
    })
}

fn wake_policies_of(context: &Arc<Context>, share: &Guarded<Share>) {
    let Some(namespace) = share.namespace() else { return };
    let policies = context.stores.policies.all();
    let concerned = readable(&policies).filter(|policy| policy.spec.namespaces.contains(&namespace));
    concerned.for_each(|policy| context.triggers.policy(&policy.name_any()));
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
fn wakes_sets_of_regions(events: Events<AccountRegion>, triggers: Triggers) -> Items<AccountRegion> {
    let last = std::sync::Mutex::new(std::collections::BTreeMap::new());
    touched(events, move |sight| {
        let (object, now) = match sight {
            Sight::There(object) => {
                let region = object.0.as_ref().ok();
                (object, region.and_then(|region| region.status.as_ref()?.account_set.clone()))
            }
            Sight::Gone(object) => (object, None),
            Sight::Whole => return,
        };
        let before = super::context::locked(&last).insert(object.name_any(), now.clone()).flatten();
        for set in before.iter().chain(now.iter().filter(|set| before.as_ref() != Some(*set))) {
            triggers.set(set);
        }
    })
}

/// A record that somebody deleted is made again, if there is still something to record.
fn wakes_cells_of_records(events: Events<UndeclaredShare>, triggers: Triggers) -> Items<UndeclaredShare> {
    let seen = std::sync::Mutex::default();
    touched(events, move |sight| {
        let (object, news) = match sight {
            Sight::There(object) => (object, is_new(&seen, object)),
            Sight::Gone(object) => (object, true),
            Sight::Whole => return,
        };
        if news && let Some((cell, _)) = object.name_any().rsplit_once('.') {
            triggers.region(cell);
        }
    })
}
