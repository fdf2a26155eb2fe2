//! The schemas' cases on the real API server: it says what the validation in process says.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition, jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use sharekeeper::api;
use tokio::time::{Duration, Instant};

use super::{
    cel::{self, Case},
    cluster::{Cluster, Options, User},
    mutate::mutations,
    stage::Stage,
};

/// Plays on a cluster of its own, where no controller acts on what is stored.
pub(crate) async fn the_apiserver_agrees_with_every_case(_stage: Arc<Stage>) {
    let cluster = Cluster::start(Options::default()).await;
    let server = Server { client: cluster.client(&User::admin()).await, plurals: plurals() };
    server.install().await;
    let mut wrong = vec![];
    for case in cel::load() {
        let verdict = server.verdict(&case).await;
        let right = match (&case.refused, &verdict) {
            (None, Ok(())) => true,
            (Some(part), Err(error)) => error.contains(part.as_str()),
            _ => false,
        };
        if !right {
            let expected = case.refused.as_deref().unwrap_or("accept");
            wrong.push(format!("{}, {}: expected `{expected}`, got {verdict:?}", case.kind, case.name));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

/// The same of objects that nobody sane would write: what the API in memory takes, which the simulated worlds live on, the
/// real one takes too, and nothing else.
pub(crate) async fn the_apiserver_agrees_about_mutated_objects(_stage: Arc<Stage>) {
    let cluster = Cluster::start(Options::default()).await;
    let real = Server { client: cluster.client(&User::admin()).await, plurals: plurals() };
    let crds: Vec<Value> = api::crds().iter().map(|crd| serde_json::to_value(crd).unwrap()).collect();
    let now = Timestamp::UNIX_EPOCH;
    let memory = simulator::kube::Cluster::new(1, now, &crds).unwrap();
    let memory = simulator::kube::Shared::new(memory, simulator::kube::tokio_clock(now));
    let simulated = Server { client: memory.client("tests"), plurals: plurals() };
    real.install().await;
    simulated.make_namespace().await;
    let specimens: BTreeMap<String, Value> =
        cel::load().into_iter().filter(is_plain).map(|case| (case.kind, case.object)).collect();
    let (mut wrong, mut taken, mut refused) = (vec![], 0, 0);
    for (kind, specimen) in &specimens {
        for mutation in mutations(kind, specimen) {
            let object = mutation.of(specimen);
            let verdict = real.send("POST", kind, &object, "", true).await;
            let in_memory = simulated.send("POST", kind, &object, "", true).await;
            match verdict {
                Ok(_) => taken += 1,
                Err(_) => refused += 1,
            }
            if verdict.is_ok() != in_memory.is_ok() {
                wrong.push(format!("{kind}, {mutation:?}: real {verdict:?}, in memory {in_memory:?}"));
            }
        }
    }
    println!("mutated objects of {} kinds: {taken} taken and {refused} refused by both", specimens.len());
    assert!(wrong.is_empty(), "{} objects:\n{}", wrong.len(), wrong.join("\n"));
}

/// A case that is taken as it is.
fn is_plain(case: &Case) -> bool {
    case.old.is_none() && case.refused.is_none() && case.object.get("status").is_none()
}

struct Server {
    client: Client,
    plurals: BTreeMap<String, String>,
}

fn plurals() -> BTreeMap<String, String> {
    api::crds().into_iter().map(|crd| (crd.spec.names.kind, crd.spec.names.plural)).collect()
}

impl Server {
    async fn install(&self) {
        let crds: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        for crd in api::crds() {
            let name = crd.metadata.name.clone().unwrap();
            crds.patch(&name, &PatchParams::apply("tests"), &Patch::Apply(&crd)).await.unwrap();
            let wait = kube::runtime::wait::await_condition(
                crds.clone(),
                &name,
                kube::runtime::conditions::is_crd_established(),
            );
            tokio::time::timeout(Duration::from_mins(1), wait).await.expect("it is established").unwrap();
        }
        self.make_namespace().await;
    }

    async fn make_namespace(&self) {
        let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(self.client.clone());
        let namespace = serde_json::from_value(json!({"metadata": {"name": "network-team"}})).unwrap();
        namespaces.create(&PostParams::default(), &namespace).await.unwrap();
    }

    /// The answer to the case's last request; what goes before it must be taken.
    async fn verdict(&self, case: &Case) -> Result<(), String> {
        let of_status = case.object.get("status").is_some();
        if case.old.is_none() && !of_status {
            return self.send("POST", &case.kind, &case.object, "", true).await.map(drop);
        }
        let mut before = case.old.clone().unwrap_or_else(|| case.object.clone());
        before.as_object_mut().unwrap().remove("status");
        let stored = self.send("POST", &case.kind, &before, "", false).await?;
        let mut object = case.object.clone();
        object["metadata"]["resourceVersion"] = stored["metadata"]["resourceVersion"].clone();
        let subresource = if of_status { "/status" } else { "" };
        let verdict = self.send("PUT", &case.kind, &object, subresource, true).await.map(drop);
        self.remove(&case.kind, &before).await;
        verdict
    }

    async fn remove(&self, kind: &str, object: &Value) {
        self.send("DELETE", kind, object, "", false).await.unwrap();
    }

    /// As soon as the server serves the kind.
    async fn send(
        &self,
        method: &str,
        kind: &str,
        object: &Value,
        sub: &str,
        dry: bool,
    ) -> Result<Value, String> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let request = http::Request::builder()
                .method(method)
                .uri(format!(
                    "{}{sub}{}",
                    self.path(method, kind, object),
                    if dry { "?dryRun=All" } else { "" }
                ))
                .header("content-type", "application/json")
                .body(if method == "DELETE" { vec![] } else { serde_json::to_vec(object).unwrap() });
            match self.client.request::<Value>(request.unwrap()).await {
                // A kind that was established a moment ago may not be served yet.
                Err(kube::Error::Api(status))
                    if status.code == 404 && method == "POST" && Instant::now() < deadline =>
                {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(kube::Error::Api(status)) => return Err(status.message.clone()),
                Err(error) => panic!("{error}"),
                Ok(answer) => return Ok(answer),
            }
        }
    }

    fn path(&self, method: &str, kind: &str, object: &Value) -> String {
        let namespace = object["metadata"]["namespace"].as_str();
        let namespace = namespace.map(|name| format!("/namespaces/{name}")).unwrap_or_default();
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let name = if method == "POST" { String::new() } else { format!("/{name}") };
        format!("/apis/sharekeeper.dev/v1alpha1{namespace}/{}{name}", self.plurals[kind])
    }
}
