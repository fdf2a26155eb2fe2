//! The whole controller in one process, on virtual time: the real kube client on the kube API in memory, the real AWS
//! SDK on the simulated AWS.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::{sync::Arc, time::Duration};

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
    controllers::{
        run::{Term, run},
        telemetry::Untold,
    },
    kube::write::Writer,
};
use simulator::{
    aws::{Net, connector, example},
    kube::{Cluster, Shared},
};

/// 2026-11-25T00:00:00Z.
pub const EPOCH: i64 = 1_795_564_800;

/// A simulated organization, a cluster, and perhaps a controller.
pub struct World {
    pub aws: Net,
    pub kube: Shared,
    pub client: Client,
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
        Self { aws, kube, client, controller: None }
    }

    /// With the installation, organization, set, policy and namespace that most tests need.
    pub async fn with_basics(seed: u64) -> Self {
        let world = Self::new(seed);
        for object in basics() {
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
            observer: Arc::new(sharekeeper::aws::calls::Unobserved),
            rates: CellRates::default(),
            session_name: session::session_name("test", "pod-0"),
        };
        let client = self.kube.client("controller");
        let term = Term {
            writer: Writer::new(client.clone(), fence::open()),
            client,
            lease: None,
            sessions: session::Sessions::new(settings),
            clock,
            telemetry: Arc::new(Untold),
            synced: Box::new(|| {}),
        };
        self.controller = Some(tokio::spawn(run(term)));
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

    fn elapsed(&self) -> Duration {
        Duration::from_secs_f64(self.aws.now() - EPOCH as f64)
    }

    /// Kills the controller where it stands.
    pub fn stop(&mut self) {
        if let Some(controller) = self.controller.take() {
            controller.abort();
        }
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
            if let Some(value) = condition().await {
                return value;
            }
            if tokio::time::Instant::now() >= deadline {
                let shares = self.kube.with(|cluster| {
                    cluster.objects(&simulator::kube::GroupResource::new("sharekeeper.dev", "shares"))
                });
                let regions = self.kube.with(|cluster| {
                    cluster.objects(&simulator::kube::GroupResource::new("sharekeeper.dev", "accountregions"))
                });
                panic!(
                    "not within {limit:?}: {what}\n{}\n{}",
                    serde_json::to_string_pretty(&shares).unwrap(),
                    serde_json::to_string_pretty(&regions).unwrap()
                );
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
    pub async fn rest(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// The principals in force on the containers of a Share.
    pub fn grants(&self) -> Vec<String> {
        let now = self.aws.now();
        self.aws
            .world()
            .truth(now)
            .iter()
            .map(|g| {
                format!("{} {} {}", g.share.rsplit('/').next().unwrap_or_default(), g.resource, g.principal)
            })
            .collect()
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
    }
}

pub const TGW: &str = "arn:aws:ec2:eu-west-1:111122223333:transit-gateway/tgw-0a1b2c3d4e5f60001";

pub fn basics() -> Vec<Value> {
    let v = "sharekeeper.dev/v1alpha1";
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "network-team"}}),
        json!({"apiVersion": v, "kind": "Installation", "metadata": {"name": "sharekeeper"}, "spec": {"id": "test"}}),
        json!({"apiVersion": v, "kind": "Organization", "metadata": {"name": "acme"}, "spec": {"id": organization_id()}}),
        json!({"apiVersion": v, "kind": "AccountSet", "metadata": {"name": "network"}, "spec": {
            "mode": "Enforce", "organization": "acme", "accounts": [{"name": "network-prod"}], "regions": ["eu-west-1"],
            "access": {"roleName": example::ROLE, "externalId": example::EXTERNAL_ID}}}),
        json!({"apiVersion": v, "kind": "SharingPolicy", "metadata": {"name": "network"}, "spec": {
            "namespaces": ["network-team"], "owners": {"accounts": ["network-prod"]},
            "allow": {"resourceTypes": ["ec2:TransitGateway", "ec2:Subnet", "ec2:PrefixList"], "organizationalUnits": ["Root/Workloads"],
                "external": {"accounts": [example::PARTNER], "maxDuration": "90d"}}}}),
    ]
}

fn organization_id() -> String {
    let world = example::organization(1, EPOCH as f64);
    world.directory().organizations.keys().next().unwrap().clone()
}

pub fn share(name: &str, spec: Value) -> Value {
    let mut full = json!({"account": "network-prod", "region": "eu-west-1", "resources": [{"arn": TGW}]});
    full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "Share", "metadata": {"name": name, "namespace": "network-team"}, "spec": full})
}
