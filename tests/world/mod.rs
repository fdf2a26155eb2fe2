//! The whole controller in one process, on virtual time: the real kube client on the kube API in memory, the real AWS
//! SDK on the simulated AWS.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::format_push_string,
    clippy::indexing_slicing,
    clippy::manual_assert,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::type_complexity,
    clippy::unwrap_used,
    reason = "a test's words: short, and failing as tests do"
)]
#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test binary uses a part of it")]

mod audited;
mod guard;
mod objects;
mod told;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams},
    core::{DynamicObject, GroupVersionKind},
    discovery::ApiResource,
};
use serde_json::{Value, json};
use sharekeeper::{
    api::{self, Share},
    aws::{clock::Clock, fence, limits::CellRates, session},
    controllers::run::{Term, run},
    kube::write::Writer,
};
use simulator::{
    aws::{Caller, Net, action::Action, connector, example, weather::Weather},
    kube::{Cluster, GroupResource, Shared},
};

pub use self::{
    audited::Audited,
    guard::{Guard, Pair},
    objects::{KEY, KEY_POLICY, QUEUE, REPOSITORY, SECRET, TOPIC},
    told::Told,
};

/// The services by which something is shared.
pub const SHARING: [&str; 6] = ["ram", "kms", "secretsmanager", "ecr", "sns", "sqs"];

/// 2026-11-25T00:00:00Z.
pub const EPOCH: i64 = 1_795_564_800;

/// A simulated organization, a cluster, and perhaps a controller.
pub struct World {
    pub aws: Net,
    pub kube: Shared,
    pub client: Client,
    pub guard: Arc<Guard>,
    pub told: Arc<Told>,
    pub audit: Arc<Audited>,
    rates: CellRates,
    controller: Option<tokio::task::JoinHandle<()>>,
}

impl World {
    /// The example organization and a cluster with the kinds, without a controller.
    pub fn new(seed: u64) -> Self {
        let epoch = EPOCH as f64;
        let aws = Net::new(example::organization(seed, epoch), simulator::aws::Clock::starting_at(epoch));
        let now = Timestamp::from_second(EPOCH).unwrap();
        let crds: Vec<Value> = api::crds().iter().map(|crd| serde_json::to_value(crd).unwrap()).collect();
        let cluster = Cluster::new(seed, now, &crds).unwrap();
        let kube = Shared::new(cluster, simulator::kube::tokio_clock(now));
        let client = kube.client("person");
        let guard = Guard::on(&aws);
        Self {
            aws,
            kube,
            client,
            guard,
            told: Arc::default(),
            audit: Arc::default(),
            rates: CellRates::default(),
            controller: None,
        }
    }

    /// With the installation, organization, set, policy and namespace that most tests need.
    pub async fn with_basics(seed: u64) -> Self {
        let world = Self::new(seed);
        for object in basics(&world.organization()) {
            world.apply(object).await;
        }
        world
    }

    /// Starts a controller, as after a restart: with nothing in memory.
    pub fn start(&mut self) {
        self.stop();
        let clock = self.clock();
        let settings = session::Settings {
            base: self.aws_config(),
            clock: clock.clone(),
            fence: fence::open(),
            observer: Arc::clone(&self.audit) as Arc<dyn sharekeeper::aws::calls::Observer>,
            rates: self.rates,
            session_name: session::session_name("test", "pod-0"),
        };
        let client = self.kube.client("controller");
        let term = Term {
            writer: Writer::new(client.clone(), fence::open()),
            client,
            lease: None,
            sessions: session::Sessions::new(settings),
            clock,
            telemetry: Arc::clone(&self.told) as Arc<dyn sharekeeper::controllers::telemetry::Telemetry>,
            synced: Box::new(|| {}),
            stopping: tokio::sync::watch::channel(false).1,
        };
        self.controller = Some(tokio::spawn(run(term)));
    }

    /// From now on events are published in the cluster, as the program does.
    pub fn publish_events(&self) {
        let writer = Writer::new(self.kube.client("controller"), fence::open());
        self.told.publish(sharekeeper::kube::events::Events::new(writer, "pod-0", self.clock()));
    }

    /// The world's time.
    pub fn clock(&self) -> Clock {
        Clock::simulated(Timestamp::from_second(EPOCH).unwrap().checked_add(self.elapsed()).unwrap())
    }

    /// AWS as the management account's administrator reaches it.
    pub fn aws_config(&self) -> SdkConfig {
        let credentials =
            Credentials::new(format!("AKIA{}", example::MANAGEMENT), "secret", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(aws_config::Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(connector(&self.aws))
            .build()
    }

    /// The organization's id.
    pub fn organization(&self) -> String {
        self.aws.world().directory().organizations.keys().next().unwrap().clone()
    }

    /// The principal that stands for a unit.
    pub fn unit(&self, path: &str) -> String {
        let world = self.aws.world();
        let organization = world.directory().organizations.values().next().unwrap();
        organization.unit_arn(&organization.find(path).unwrap())
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs_f64(self.aws.now() - EPOCH as f64)
    }

    /// Kills the controller where it stands.
    pub fn stop(&mut self) {
        if let Some(controller) = self.controller.take() {
            controller.abort();
        }
    }

    /// Whether a controller runs: it ends by itself when it panics.
    pub fn is_running(&self) -> bool {
        self.controller.as_ref().is_some_and(|controller| !controller.is_finished())
    }

    /// Applies an object as a person does with server-side apply.
    pub async fn apply(&self, object: Value) {
        self.try_apply(object.clone()).await.unwrap_or_else(|error| panic!("{object}: {error}"));
    }

    pub async fn try_apply(&self, object: Value) -> kube::Result<DynamicObject> {
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let api = self.dynamic(&object);
        let name = object.metadata.name.clone().unwrap();
        api.patch(&name, &PatchParams::apply("person").force(), &Patch::Apply(&object)).await
    }

    fn dynamic(&self, object: &DynamicObject) -> Api<DynamicObject> {
        let types = object.types.clone().unwrap();
        let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
        let mut resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &types.kind));
        if types.kind == "SharingPolicy" {
            resource.plural = "sharingpolicies".into();
        }
        match &object.metadata.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }

    pub fn shares(&self) -> Api<Share> {
        Api::namespaced(self.client.clone(), "network-team")
    }

    pub async fn share(&self, name: &str) -> Option<Share> {
        self.shares().get_opt(name).await.unwrap()
    }

    pub async fn delete_share(&self, name: &str) {
        self.shares().delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Waits on virtual time until `condition` gives something.
    pub async fn until<T, F: Future<Output = Option<T>>>(&self, what: &str, condition: impl Fn() -> F) -> T {
        self.within(Duration::from_secs(300), what, condition).await
    }

    pub async fn within<T, F: Future<Output = Option<T>>>(
        &self,
        limit: Duration,
        what: &str,
        condition: impl Fn() -> F,
    ) -> T {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            self.guard.look(what);
            if let Some(value) = condition().await {
                return value;
            }
            if tokio::time::Instant::now() >= deadline {
                panic!("not within {limit:?}: {what}\n{}", self.everything());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until a Share's condition has this status and reason.
    pub async fn until_condition(&self, share: &str, type_: &str, status: &str, reason: &str) -> Share {
        self.until(&format!("{share} {type_}={status} {reason}"), || async {
            let found = self.share(share).await?;
            let condition = api::conditions::find(&found.status.as_ref()?.conditions, type_)?;
            let current = condition.observed_generation == found.metadata.generation;
            (current && condition.status == status && condition.reason == reason).then_some(found.clone())
        })
        .await
    }

    pub async fn until_ready(&self, share: &str) -> Share {
        self.until_condition(share, "Ready", "True", "InForce").await
    }

    /// Lets virtual time pass.
    pub async fn rest(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        self.guard.look("rest");
    }

    /// From now on these pairs, of a resource and a principal, are all that may come into force (law 2).
    pub fn desire<const N: usize>(&self, pairs: [(&str, &str); N]) {
        self.desire_all(pairs);
    }

    pub fn desire_all<'a>(&self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.guard.desire(pairs.into_iter().map(|(r, p)| (r.to_owned(), p.to_owned())).collect());
    }

    /// Waits until exactly these pairs are in force, the legacy share apart.
    pub async fn until_in_force<const N: usize>(&self, pairs: [(&str, &str); N]) {
        let wanted: BTreeSet<Pair> = pairs.into_iter().map(|(r, p)| (r.to_owned(), p.to_owned())).collect();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(900);
        while self.in_force() != wanted {
            self.guard.look("waiting");
            assert!(
                tokio::time::Instant::now() < deadline,
                "in force: {:?}\nwanted: {wanted:?}\n{}",
                self.in_force(),
                self.everything()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What is in force now, the legacy share apart.
    pub fn in_force(&self) -> BTreeSet<Pair> {
        let mut pairs = self.guard.in_force();
        pairs.remove(&(LEGACY_LIST.to_owned(), example::PARTNER.to_owned()));
        pairs
    }

    /// Everybody rests: no write to AWS or to the cluster for so long, whole readings included.
    pub async fn rests(&self) {
        self.rest(700).await;
        // A cell without Shares is read once an hour; a second reading confirms what nobody declared.
        let unconfirmed = |record: &Value| record["status"]["confirmedAt"].is_null();
        if self.all_stored("undeclaredshares").iter().any(unconfirmed) {
            self.rest(3600).await;
        }
        let writes = self.controller_writes();
        let aws = self.aws_writes();
        self.rest(3000).await;
        assert_eq!(self.aws_writes()[aws.len()..], [] as [String; 0], "at rest nothing is written to AWS");
        let more = &self.controller_writes()[writes.len()..];
        assert!(more.is_empty(), "at rest nothing is written to the cluster: {more:?}");
        assert_eq!(self.guard.violations(), Vec::<String>::new());
    }

    /// The controller's writes to the cluster, by verb and object.
    pub fn controller_writes(&self) -> Vec<String> {
        self.kube.with(|cluster| {
            let entries = cluster.journal.entries().iter().filter(|e| e.user == "controller" && e.writes());
            entries.map(|e| format!("{:?} {}/{} {}", e.verb, e.resource, e.subresource, e.name)).collect()
        })
    }

    /// The writes that had an effect on what is shared.
    pub fn aws_writes(&self) -> Vec<String> {
        let world = self.aws.world();
        let writes = world
            .journal()
            .writes()
            .filter(|entry| SHARING.contains(&entry.service.as_str()) && entry.effect);
        writes.map(|entry| entry.operation.clone()).collect()
    }

    /// All RAM calls by the controller, reads too.
    pub fn ram_calls(&self) -> Vec<String> {
        let world = self.aws.world();
        let calls = world.journal().entries().iter().filter(|entry| entry.service == "ram");
        calls.map(|entry| entry.operation.clone()).collect()
    }

    /// Something happens behind the controller's back.
    pub fn act(&self, action: Action) -> Value {
        let answer = self.aws.world().act(action).unwrap();
        self.guard.look_away();
        answer
    }

    /// A person of network-prod calls RAM.
    pub fn by_hand(&self, operation: &str, params: Value) -> Value {
        self.as_account(example::NETWORK_PROD, operation, params)
    }

    pub fn as_account(&self, account: &str, operation: &str, params: Value) -> Value {
        let caller = Caller::administrator(account, example::REGION);
        let answer = self.aws.world().call(&caller, "ram", operation, &params);
        self.guard.look_away();
        answer.unwrap_or_else(|refusal| panic!("{operation} {params}: {refusal:?}"))
    }

    /// The partner accepts all invitations.
    pub fn accept_invitations(&self) {
        let received =
            self.as_account(example::PARTNER, "GetResourceShareInvitations", json!({"maxResults": 500}));
        for invitation in received["resourceShareInvitations"].as_array().unwrap() {
            if invitation["status"] == "PENDING" {
                let arn = invitation["resourceShareInvitationArn"].clone();
                self.as_account(
                    example::PARTNER,
                    "AcceptResourceShareInvitation",
                    json!({"resourceShareInvitationArn": arn}),
                );
            }
        }
    }

    /// Changes the weather.
    pub fn weather(&self, change: impl FnOnce(&mut Weather)) {
        let mut world = self.aws.world();
        let mut weather = world.weather().clone();
        change(&mut weather);
        world.set_weather(weather);
    }

    /// The live shares of network-prod in AWS, the legacy one apart.
    pub fn live_shares(&self) -> Vec<Value> {
        let caller = Caller::administrator(example::NETWORK_PROD, example::REGION);
        let params = json!({"resourceOwner": "SELF", "maxResults": 500});
        let weather = self.aws.world().weather().clone();
        self.weather(|weather| (weather.lags, weather.pages) = Default::default());
        let answer = self.aws.world().call(&caller, "ram", "GetResourceShares", &params).unwrap();
        self.weather(|after| *after = weather);
        let shares = answer["resourceShares"].as_array().unwrap().iter();
        let dead = ["DELETED", "DELETING"];
        shares
            .filter(|s| s["name"] != "partner-prefixes" && !dead.contains(&s["status"].as_str().unwrap()))
            .cloned()
            .collect()
    }

    /// The ARN of a Share's container.
    pub async fn container(&self, share: &str, side: sharekeeper::model::Side) -> String {
        let status = self.share(share).await.unwrap().status.unwrap();
        let found = status.containers.iter().find(|c| c.is(&side.into()));
        found.and_then(|c| c.id.clone()).unwrap_or_else(|| panic!("{share} has no {side} container"))
    }

    /// An object of ours as it is stored.
    pub fn stored(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        self.kube
            .with(|cluster| cluster.object(&GroupResource::new("sharekeeper.dev", plural), namespace, name))
    }

    pub fn all_stored(&self, plural: &str) -> Vec<Value> {
        self.kube.with(|cluster| cluster.objects(&GroupResource::new("sharekeeper.dev", plural)))
    }

    /// All that helps to see why a test waits in vain.
    pub fn everything(&self) -> String {
        let mut text = String::new();
        for kind in ["shares", "accountregions", "organizations", "undeclaredshares"] {
            let objects = self.all_stored(kind).into_iter().map(|mut object| {
                object["metadata"]["managedFields"] = Value::Null;
                object
            });
            let objects: Vec<Value> = objects.collect();
            text += &format!("{kind}: {}\n", serde_json::to_string_pretty(&objects).unwrap());
        }
        let world = self.aws.world();
        let last = world.journal().entries().iter().rev().take(40).rev();
        for entry in last {
            text += &format!(
                "{:.1} {} {} {:?} {}\n",
                entry.at - EPOCH as f64,
                entry.operation,
                entry.status,
                entry.code,
                if entry.kind == simulator::aws::journal::Kind::Write {
                    entry.params.to_string()
                } else {
                    String::new()
                }
            );
        }
        text
    }

    /// Deletes an object of ours.
    pub async fn delete(&self, object: Value) {
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let name = object.metadata.name.clone().unwrap();
        self.dynamic(&object).delete(&name, &DeleteParams::default()).await.unwrap();
    }

    /// Stores an object as it was possible before a schema was tightened.
    pub fn poison(&self, plural: &str, object: &Value) {
        let crds: Vec<Value> = api::crds().iter().map(|crd| serde_json::to_value(crd).unwrap()).collect();
        let strict = crds.into_iter().find(|crd| crd["spec"]["names"]["plural"] == plural).unwrap();
        let mut loose = strict.clone();
        loose["spec"]["versions"][0]["schema"]["openAPIV3Schema"] =
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let now = self.kube.now();
        self.kube.with(|cluster| {
            for object in [&loose, object, &strict] {
                cluster.apply(now, object).unwrap();
            }
        });
    }

    /// Waits until a Share says so of one condition.
    pub async fn until_says(&self, share: &str, type_: &str, status: &str, reason: &str) -> Value {
        self.until(&format!("{share} {type_}={status} {reason}"), || async {
            let object = self.stored("shares", "network-team", share)?;
            (condition(&object, type_) == Some((status.to_owned(), reason.to_owned()))).then_some(object)
        })
        .await
    }

    /// Waits until a Share is gone from the cluster.
    pub async fn until_gone(&self, share: &str) {
        self.until(&format!("{share} is gone"), || async { self.share(share).await.is_none().then_some(()) })
            .await;
    }

    /// Annotates a Share.
    pub async fn annotate(&self, share: &str, key: &str, value: &str) {
        let patch = json!({"metadata": {"annotations": {key: value}}});
        self.shares().patch(share, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// Who may use a resource by a grant that is in force, the legacy share's apart.
    pub fn principals_of(&self, resource: &str) -> Vec<String> {
        let now = self.aws.now();
        self.aws
            .world()
            .truth(now)
            .iter()
            .filter(|g| g.resource == resource)
            .map(|g| g.principal.clone())
            .collect()
    }

    /// AWS calls since the last look, by operation.
    pub fn take_calls(&self) -> std::collections::BTreeMap<String, usize> {
        let mut world = self.aws.world();
        let counts = world.journal().counts();
        world.journal_mut().clear();
        counts.into_iter().map(|(name, n)| (name, usize::try_from(n).unwrap())).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop();
        // The guard holds the net, and the net the guard.
        self.aws.set_checkpoint(None);
        if !std::thread::panicking() {
            assert_eq!(
                self.guard.violations(),
                Vec::<String>::new(),
                "nothing came into force that should not"
            );
            let disagreements = self.audit.disagreements(self.aws.world().journal());
            assert_eq!(disagreements, Vec::<String>::new(), "the audit tells of every write");
        }
    }
}

pub const SUBNET_1: &str = example::RESOURCES[1];
pub const SUBNET_2: &str = example::RESOURCES[2];
pub const LIST: &str = example::RESOURCES[3];
pub const RULE: &str = example::RESOURCES[4];
pub const LEGACY_LIST: &str = example::RESOURCES[6];
pub const DATA: &str = example::DATA_PROD;
pub const WEB: &str = "222233335555";
pub const PAYMENTS: &str = "222233336666";
pub const PARTNER: &str = example::PARTNER;
pub const TGW: &str = "arn:aws:ec2:eu-west-1:111122223333:transit-gateway/tgw-0a1b2c3d4e5f60001";

/// The id of the example organization.
pub fn organization_id() -> String {
    let world = example::organization(1, 0.0);
    world.directory().organizations.keys().next().unwrap().clone()
}

pub fn basics(organization: &str) -> Vec<Value> {
    let v = "sharekeeper.dev/v1alpha1";
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "network-team"}}),
        json!({"apiVersion": v, "kind": "Installation", "metadata": {"name": "sharekeeper"}, "spec": {"id": "test"}}),
        json!({"apiVersion": v, "kind": "Organization", "metadata": {"name": "acme"}, "spec": {"id": organization}}),
        json!({"apiVersion": v, "kind": "AccountSet", "metadata": {"name": "network"}, "spec": {
            "mode": "Enforce", "organization": "acme", "accounts": [{"name": "network-prod"}], "regions": ["eu-west-1"],
            "access": {"roleName": example::ROLE, "externalId": example::EXTERNAL_ID}}}),
        json!({"apiVersion": v, "kind": "SharingPolicy", "metadata": {"name": "network"}, "spec": {
            "namespaces": ["network-team"], "owners": {"accounts": ["network-prod"]},
            "allow": {"resourceTypes": ["ec2:TransitGateway", "ec2:Subnet", "ec2:PrefixList"], "organizationalUnits": ["Root/Workloads"],
                "external": {"accounts": [example::PARTNER], "maxDuration": "90d"}}}}),
    ]
}

/// A target outside the organization.
pub fn outside(until: &str) -> Value {
    json!({"externalAccount": PARTNER, "until": until, "reason": "contract 4711"})
}

/// A policy beside the basic one.
pub fn policy(name: &str, allow: Value) -> Value {
    json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "SharingPolicy", "metadata": {"name": name},
        "spec": {"namespaces": ["network-team"], "owners": {"accounts": ["network-prod"]}, "allow": allow}})
}

/// The set of the basics with some of its spec replaced.
pub fn set(change: Value) -> Value {
    let mut spec = json!({"mode": "Enforce", "organization": "acme", "accounts": [{"name": "network-prod"}], "regions": ["eu-west-1"],
        "access": {"roleName": example::ROLE, "externalId": example::EXTERNAL_ID}});
    spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "AccountSet", "metadata": {"name": "network"}, "spec": spec})
}

/// What a status says of one condition: status and reason.
pub fn condition(object: &Value, type_: &str) -> Option<(String, String)> {
    let found = object["status"]["conditions"].as_array()?.iter().find(|c| c["type"] == type_)?;
    Some((found["status"].as_str()?.to_owned(), found["reason"].as_str()?.to_owned()))
}

pub fn share(name: &str, spec: Value) -> Value {
    let mut full = json!({"account": "network-prod", "region": "eu-west-1", "resources": [{"arn": TGW}]});
    full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "Share", "metadata": {"name": name, "namespace": "network-team"}, "spec": full})
}
