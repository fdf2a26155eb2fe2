//! The stage of the end-to-end scenarios, with two replicas behind a proxy, Shares, and a lookout at AWS.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use k8s_openapi::api::{coordination::v1::Lease, core::v1::Namespace};
use kube::{Api, api::PostParams};
use serde_json::json;
use simulator::aws::journal::Kind;
use tokio::time::Instant;

use super::{
    cluster::{CuttingProxy, chart},
    editors,
    lookout::{Lookout, Pair},
    process::Controller,
    stage::Stage,
};

/// Where it all happens.
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) proxy: CuttingProxy,
    pub(crate) lookout: Arc<Lookout>,
    /// What is in force besides.
    others: BTreeSet<Pair>,
    replicas: Vec<Arc<Controller>>,
    started: usize,
}

impl Scene {
    /// Starts all of it; ends at rest.
    pub(crate) async fn open() -> Self {
        let stage = Stage::set().await;
        let proxy = CuttingProxy::start(stage.cluster.address()).await;
        let namespace: Namespace =
            serde_json::from_value(json!({"metadata": {"name": editors::NAMESPACE}})).unwrap();
        let namespaces: Api<Namespace> = Api::all(stage.client.clone());
        namespaces.create(&PostParams::default(), &namespace).await.unwrap();
        stage.allow(editors::NAMESPACE, &json!({})).await;
        editors::subnets().for_each(|subnet| stage.aws.world().add_resource(&subnet));
        let lookout = Lookout::at(&stage.aws);
        let others = lookout.in_force();
        lookout.allow(editors::ever_declared());
        let mut scene = Self { stage, proxy, lookout, others, replicas: vec![], started: 0 };
        for number in 0..editors::SHARES {
            assert!(editors::apply(&scene.stage.client, &editors::share(number, 0)).await);
        }
        scene.start_replica();
        scene.start_replica();
        scene.until_at_rest(Instant::now(), "the start").await;
        scene
    }

    /// Starts one more replica.
    pub(crate) fn start_replica(&mut self) {
        self.started += 1;
        let identity = format!("replica-{}", self.started);
        let replica = self.stage.start_through(self.proxy.address(), &identity, &chart::controller());
        self.replicas.push(replica);
    }

    /// Ends one without a word, and starts another in its place.
    pub(crate) fn kill(&mut self, replica: &Controller) {
        replica.kill();
        self.replicas.retain(|other| other.identity() != replica.identity());
        self.start_replica();
    }

    /// The replica that holds the lease.
    pub(crate) async fn leader(&self) -> Arc<Controller> {
        let leases: Api<Lease> = Api::namespaced(self.stage.client.clone(), chart::NAMESPACE);
        let leads = async || {
            let holder = leases.get_opt("sharekeeper").await.ok()??.spec?.holder_identity?;
            let holds = |replica: &&Arc<Controller>| holder.starts_with(&format!("{}-", replica.identity()));
            self.replicas.iter().find(holds).cloned()
        };
        self.stage.until("a running replica leads", leads).await
    }

    /// RAM reads and writes of controllers so far.
    pub(crate) fn calls(&self) -> (usize, usize) {
        let world = self.stage.aws.world();
        let of_ram = world.journal().entries().iter().filter(|entry| entry.service == "ram");
        let (reads, writes): (Vec<_>, Vec<_>) = of_ram.partition(|entry| entry.kind == Kind::Read);
        (reads.len(), writes.len())
    }

    /// How long it takes from a moment on until cluster, statuses and AWS agree; fails after a minute.
    pub(crate) async fn until_at_rest(&self, since: Instant, what: &str) -> Duration {
        loop {
            let unrest = editors::unrest(&self.stage.client, &self.lookout, &self.others).await;
            let Some(unrest) = unrest else { return since.elapsed() };
            let late = since.elapsed() > Duration::from_mins(1);
            assert!(
                !late,
                "not at rest within a minute after {what}: {unrest}\n{}",
                self.stage.describe().await
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What must hold at the end, besides rest: nothing came into force undeclared, and each Share has one container.
    pub(crate) fn assert_safe(&self) {
        let violations = self.lookout.violations();
        assert!(violations.is_empty(), "{violations:#?}");
        let writes = self.stage.writes();
        let made = writes.iter().filter(|write| write.operation == "CreateResourceShare" && write.effect);
        let gone = writes.iter().filter(|write| write.operation == "DeleteResourceShare" && write.effect);
        let left = made.count() - gone.count();
        assert_eq!(left, editors::SHARES, "each Share has one container");
    }
}
