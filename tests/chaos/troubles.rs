//! What befalls the control plane while people edit.

use std::time::Duration;

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use super::{editors::Editors, scene::Scene};

/// Edits a second.
const EDITS: u32 = 5;
/// How long people edit before it, and how long it lasts.
const BEFORE: Duration = Duration::from_secs(5);
const LASTS: Duration = Duration::from_secs(10);
/// The role that the chart makes for the controller, and its binding.
const ROLE: &str = "sharekeeper-controller";

/// A trouble of the control plane.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Quiet,
    Restarted,
    Frozen,
    Compacted,
    Cut,
    Withdrawn,
    ListsOnly,
}

impl Trouble {
    pub(crate) const ALL: [Self; 7] = [
        Self::Quiet,
        Self::Restarted,
        Self::Frozen,
        Self::Compacted,
        Self::Cut,
        Self::Withdrawn,
        Self::ListsOnly,
    ];

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Restarted => "API server killed, started again",
            Self::Frozen => "API server frozen (SIGSTOP)",
            Self::Compacted => "etcd compacted, watches get 410",
            Self::Cut => "connections cut every 3 s",
            Self::Withdrawn => "all rights withdrawn",
            Self::ListsOnly => "lists but no watches allowed",
        }
    }

    async fn happen(self, scene: &mut Scene) {
        let end = Instant::now() + LASTS;
        match self {
            Self::Quiet => {}
            Self::Restarted => {
                scene.stage.cluster.stop_apiserver();
                sleep(Duration::from_secs(3)).await;
                scene.stage.cluster.start_apiserver().await;
            }
            Self::Frozen => {
                scene.stage.cluster.pause_apiserver();
                sleep_until(end).await;
                scene.stage.cluster.resume_apiserver();
            }
            Self::Compacted => {
                scene.stage.cluster.stop_apiserver();
                scene.stage.cluster.compact_etcd();
                scene.stage.cluster.start_apiserver().await;
            }
            Self::Cut => {
                while Instant::now() < end {
                    scene.proxy.cut();
                    sleep(Duration::from_secs(3)).await;
                }
            }
            Self::Withdrawn => {
                let bindings: Api<ClusterRoleBinding> = Api::all(scene.stage.client.clone());
                let mut binding = bindings.get(ROLE).await.unwrap();
                bindings.delete(ROLE, &DeleteParams::default()).await.unwrap();
                // What is watched already goes on otherwise.
                scene.proxy.cut();
                sleep_until(end).await;
                (binding.metadata.resource_version, binding.metadata.uid) = (None, None);
                bindings.create(&PostParams::default(), &binding).await.unwrap();
            }
            Self::ListsOnly => {
                allow(scene, &json!(["list"])).await;
                scene.proxy.cut();
                sleep_until(end).await;
                allow(scene, &json!(["list", "watch"])).await;
            }
        }
        sleep_until(end).await;
    }
}

/// What may be done with objects of our kinds as a whole: the first rule of the role.
async fn allow(scene: &Scene, verbs: &Value) {
    let roles: Api<ClusterRole> = Api::all(scene.stage.client.clone());
    let patch = json!([{"op": "replace", "path": "/rules/0/verbs", "value": verbs}]);
    let patch: Patch<()> = Patch::Json(serde_json::from_value(patch).unwrap());
    roles.patch(ROLE, &PatchParams::default(), &patch).await.unwrap();
}

/// What a trouble cost.
pub(crate) struct Cost {
    pub(crate) trouble: Trouble,
    pub(crate) edits: (usize, usize),
    pub(crate) reads: usize,
    pub(crate) writes: usize,
    pub(crate) rested: Duration,
}

/// Lives through a trouble while people edit; ends at rest.
pub(crate) async fn live_through(trouble: Trouble, scene: &mut Scene) -> Cost {
    let before = scene.calls();
    let editors = Editors::start(&scene.stage.client, EDITS);
    sleep(BEFORE).await;
    trouble.happen(scene).await;
    let over = Instant::now();
    let edits = editors.stop().await;
    let rested = scene.until_at_rest(over, trouble.words()).await;
    let after = scene.calls();
    Cost { trouble, edits, reads: after.0 - before.0, writes: after.1 - before.1, rested }
}
