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
    },
};

use super::{
    account_region, account_set, chain_of,
    context::{Context, Stores},
    installation, organization, resource_types,
    retries::Retries,
    share, sharing_policy,
    telemetry::Telemetry,
    triggers::{Triggers, Woken, by_name, gathered, triggers},
    wakes::{
        Items, essential, forgets_organizations, wakes_all_cells, wakes_cells_of_records,
        wakes_cells_of_shares, wakes_set_neighbours, wakes_sets_of_regions,
    },
};
use crate::{
    api::{AccountRegion, AccountSet, Installation, Organization, Share, SharingPolicy, UndeclaredShare},
    aws::{clock::Clock, session::Sessions},
    kube::{
        lease::LeaseFence,
        watched::{Guarded, Watched},
        write::{WriteError, Writer},
    },
    model::ShareKey,
    mutant::{self, Mutant},
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
    let types = resource_types::follow(Arc::clone(&context));
    let feeding = futures::future::join3(undeclared, announce, types);
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
    let retries = Arc::new(Retries::default());
    let after_a_success = Arc::clone(&retries);
    let gated = move |object: Arc<Guarded<K>>, context: Arc<Context>| {
        let (reconcile, retries) = (reconcile.clone(), Arc::clone(&after_a_success));
        async move {
            if !mutant::is(Mutant::ActBeforeSync) && !context.stores.synced().await {
                return Ok(Action::requeue(Duration::from_secs(1)));
            }
            if K::kind(&()) != Organization::kind(&()) {
                context.organizations_tried().await;
            }
            let key = key_of(&*object);
            let done = reconcile(object, context).await;
            if done.is_ok() {
                retries.succeeded(&key);
            }
            done
        }
    };
    let again = move |object: Arc<Guarded<K>>, error: &WriteError, _: Arc<Context>| {
        Action::requeue(retries.failed(key_of(&*object), first_wait(error)))
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

/// Namespace and name: an object that is made anew takes the place of the one before.
fn key_of(object: &impl ResourceExt) -> (Option<String>, String) {
    (object.namespace(), object.name_any())
}

/// How long a reconcile waits after its first failure in a row. A write that conflicts was made on an older view than the
/// API server's, which catches up soon or, after a broken watch, late.
fn first_wait(error: &WriteError) -> Duration {
    match error {
        WriteError::Refused { .. } => Duration::from_secs(2),
        WriteError::Apiserver { .. } if error.is_gone() => Duration::from_secs(2),
        WriteError::Apiserver { .. } | WriteError::TimedOut { .. } => Duration::from_secs(5),
    }
}

async fn drain<K>(items: Items<K>) {
    items.for_each(|_| async {}).await;
}
