//! Where the scenarios play: a real control plane with the chart, an organization in the simulated AWS, a controller.

use std::{
    fmt::Debug,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sharekeeper::api::{AccountSet, Installation, Organization, Share, SharingPolicy, conditions};
use simulator::aws::{
    self, Net, example,
    journal::{Entry, KeyKind, Kind},
    weather::{Lag, Lags, Weather},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, time::Instant};

use super::{
    cluster::{Cluster, Options, User, chart},
    process::{Controller, Settings},
};

/// The installation's id.
pub(crate) const INSTALLATION: &str = "e2e";
/// The account and region of most scenarios.
pub(crate) const CELL: &str = "111122223333.eu-west-1";
/// Longer than any wait of a working controller on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);

/// All that scenarios share.
pub(crate) struct Stage {
    /// The controllers that were started, in order.
    controllers: Mutex<Vec<Arc<Controller>>>,
    /// The control plane.
    pub(crate) cluster: Cluster,
    /// AWS.
    pub(crate) aws: Net,
    /// A client that may do everything.
    pub(crate) client: Client,
    aws_url: String,
    folder: TempDir,
}

impl Stage {
    /// Starts all of it, with one controller.
    pub(crate) async fn open() -> Self {
        let stage = Self::set().await;
        stage.start("first", &chart::controller());
        stage
    }

    /// Starts all of it but a controller.
    pub(crate) async fn set() -> Self {
        let aws = organization();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let aws_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(aws::serve(listener, aws.clone()));
        let cluster = Cluster::start(Options { controller_manager: true }).await;
        let installed = tokio::task::block_in_place(|| {
            cluster.install_chart(&format!("{{installation: {{id: {INSTALLATION}}}}}"))
        });
        installed.expect("the chart is installed");
        let client = cluster.client(&User::admin()).await;
        let folder = TempDir::with_prefix("sharekeeper-e2e-").unwrap();
        let stage = Self { controllers: Mutex::default(), cluster, aws, client, aws_url, folder };
        stage.govern().await;
        stage
    }

    /// Starts a controller that is this user to the API server.
    pub(crate) fn start(&self, identity: &str, user: &User) -> Arc<Controller> {
        self.start_through(self.cluster.address(), identity, user)
    }

    /// The same, which reaches the API server through a proxy at `address`.
    pub(crate) fn start_through(&self, address: SocketAddr, identity: &str, user: &User) -> Arc<Controller> {
        let controller = Arc::new(Controller::start(&Settings {
            identity,
            kubeconfig: self.cluster.kubeconfig_through(address, user),
            aws_url: &self.aws_url,
            folder: self.folder.path(),
            process_group: self.cluster.process_group(),
        }));
        self.controllers.lock().unwrap().push(Arc::clone(&controller));
        controller
    }

    /// The controllers that were started, in order.
    pub(crate) fn controllers(&self) -> Vec<Arc<Controller>> {
        self.controllers.lock().unwrap().clone()
    }

    /// What the platform team would apply.
    async fn govern(&self) {
        let id = self.aws.world().directory().organizations.keys().next().unwrap().clone();
        self.apply::<Organization>(None, "acme", json!({"id": id})).await;
        // What scenarios remove at once is no mistake.
        let budget = json!({"spec": {"budget": {"maxRemovals": 1000, "maxPercent": 100}}});
        let installations: Api<Installation> = Api::all(self.client.clone());
        let patch = Patch::Merge(budget);
        installations.patch("sharekeeper", &PatchParams::default(), &patch).await.unwrap();
        let set = json!({
            "mode": "Enforce", "organization": "acme", "accounts": [{"name": "network-prod"}],
            "regions": [example::REGION], "access": access(),
            "budget": {"maxRemovals": 1000, "maxPercent": 100},
        });
        self.apply::<AccountSet>(None, "network", set).await;
    }

    /// Allows a namespace to share network-prod's subnets with `Root/Workloads`, and what else `allow` says.
    pub(crate) async fn allow(&self, namespace: &str, more: &Value) {
        let mut allow = json!({"resourceTypes": ["ec2:Subnet"], "organizationalUnits": ["Root/Workloads"]});
        allow.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let spec = json!({
            "namespaces": [namespace], "owners": {"accounts": ["network-prod"]}, "allow": allow,
        });
        self.apply::<SharingPolicy>(None, namespace, spec).await;
    }

    /// Applies an object of ours as a person does, once the API server takes it.
    pub(crate) async fn apply<K: Applied>(&self, namespace: Option<&str>, name: &str, spec: Value) -> K {
        let object = json!({
            "apiVersion": K::api_version(&()), "kind": K::kind(&()),
            "metadata": {"name": name, "namespace": namespace}, "spec": spec,
        });
        self.apply_whole(namespace, &object).await
    }

    /// The same with metadata.
    pub(crate) async fn apply_whole<K: Applied>(&self, namespace: Option<&str>, object: &Value) -> K {
        let api = K::api(&self.client, namespace);
        let name = object["metadata"]["name"].as_str().unwrap();
        let applied = api.patch(name, &PatchParams::apply("person").force(), &Patch::Apply(object)).await;
        applied.unwrap_or_else(|error| panic!("{object}: {error}"))
    }

    /// Asks until there is an answer; fails, saying what was waited for and how things stand, when it takes too long.
    pub(crate) async fn until<T>(&self, what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
        self.until_as(what, String::new, ask).await
    }

    /// The same, with more to say when it fails.
    pub(crate) async fn until_as<T>(
        &self,
        what: &str,
        stand: impl Fn() -> String,
        ask: impl AsyncFn() -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            let late = Instant::now() >= deadline;
            assert!(!late, "not within {LIMIT:?}: {what}\n{}\n{}", stand(), self.describe().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// How things stand: the status of each Share that is not at rest, and the last words of the controllers that run.
    pub(crate) async fn describe(&self) -> String {
        let shares = Api::<Share>::all(self.client.clone()).list(&ListParams::default()).await;
        let shares = match shares {
            Ok(shares) => shares.items.iter().filter_map(unrest).collect::<Vec<_>>().join("\n"),
            Err(error) => format!("the Shares cannot be listed: {error}"),
        };
        let controllers: Vec<_> = self.controllers().iter().map(|c| c.last_words(20)).collect();
        format!("Shares that are not at rest:\n{shares}\n{}", controllers.join("\n"))
    }

    /// Keeps the controllers' logs; answers where.
    pub(crate) fn keep_logs(&mut self) -> PathBuf {
        self.folder.disable_cleanup(true);
        self.folder.path().to_owned()
    }

    /// The writes that controllers asked of AWS so far, in the order of effects.
    pub(crate) fn writes(&self) -> Vec<Entry> {
        let world = self.aws.world();
        world.journal().writes().filter(|entry| entry.key == KeyKind::Session).cloned().collect()
    }

    /// An operation by hand of the administrator of network-prod.
    pub(crate) fn by_hand(&self, operation: &str, params: Value) -> Value {
        let call = aws::action::Action::Call {
            account: example::NETWORK_PROD.to_owned(),
            region: example::REGION.to_owned(),
            service: "ram".to_owned(),
            operation: operation.to_owned(),
            params,
        };
        self.aws.world().act(call).unwrap_or_else(|refusal| panic!("{operation}: {refusal:?}"))
    }
}

/// How accounts are reached.
pub(crate) fn access() -> Value {
    json!({"roleName": example::ROLE, "externalId": example::EXTERNAL_ID})
}

/// The writes of a controller among some.
pub(crate) fn of<'e>(identity: &'e str, entries: &'e [Entry]) -> impl Iterator<Item = &'e Entry> {
    let session = format!("sharekeeper-{INSTALLATION}-{identity}");
    entries.iter().filter(move |e| e.kind == Kind::Write && e.session.as_deref() == Some(&session))
}

/// A Share and its status, unless all that it declares now is in force.
fn unrest(share: &Share) -> Option<String> {
    let (status, meta) = (share.status.as_ref(), &share.metadata);
    let ready = status.and_then(|status| conditions::find(&status.conditions, conditions::READY));
    let current = ready.filter(|ready| ready.observed_generation == meta.generation);
    let going = meta.deletion_timestamp.is_some();
    if current.is_some_and(|ready| ready.status == "True") && !going {
        return None;
    }
    let (namespace, name) = (share.namespace().unwrap_or_default(), share.name_any());
    let going = if going { ", going" } else { "" };
    let status = serde_json::to_string(&status).expect("a status is JSON");
    Some(format!("{namespace}/{name} generation {}{going}: {status}", meta.generation.unwrap_or_default()))
}

/// The example organization; associations take a moment and lists are a little behind, as in AWS.
#[expect(
    clippy::disallowed_methods,
    reason = "the controller's process has the real clock, so AWS has it too"
)]
fn organization() -> Net {
    let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let mut world = example::organization(1, epoch);
    let lags = Lags {
        association: Lag::Fixed(0.3),
        disassociation: Lag::Fixed(0.3),
        list: Lag::Fixed(0.2),
        ..Lags::default()
    };
    world.set_weather(Weather { lags, latency: Lag::Fixed(0.01), ..Weather::default() });
    Net::new(world, aws::Clock::starting_at(epoch))
}

/// Our kinds, wherever their objects live.
pub(crate) trait Applied:
    kube::Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
    /// The API of such objects.
    fn api(client: &Client, namespace: Option<&str>) -> Api<Self>;
}

impl<K> Applied for K
where
    K: kube::Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    K::Scope: sharekeeper::kube::write::Scoped<K>,
{
    fn api(client: &Client, namespace: Option<&str>) -> Api<Self> {
        <K::Scope as sharekeeper::kube::write::Scoped<K>>::api(client, namespace)
    }
}
