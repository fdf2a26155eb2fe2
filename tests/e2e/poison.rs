//! A Share that nobody can read: it was stored before the schema was tightened.

use std::sync::Arc;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams},
    core::{ApiResource, GroupVersionKind},
};
use serde_json::{Value, json};
use sharekeeper::api;

use super::{
    line::told,
    stage::Stage,
    team::{DATA, Team, WEB, accounts},
};

const KIND: &str = "shares.sharekeeper.dev";

pub(crate) async fn a_share_that_cannot_be_read_stops_nobody_else(stage: Arc<Stage>) {
    let team = Team::open(&stage, "poison").await;
    team.share("neighbour", json!({"targets": accounts(&[DATA])})).await;
    team.until_ready("neighbour").await;

    relax(&stage).await;
    store(&stage, &team).await;
    tighten(&stage, &team).await;

    let event = told(&stage, &team, "poison", "Invalid").await;
    let note = event.note.unwrap();
    assert!(note.contains("everybody"), "the note shows what is wrong: {note}");
    team.share("neighbour", json!({"targets": accounts(&[DATA, WEB])})).await;
    team.until_let_in(0, &[DATA.1, WEB.1]).await;
    team.until_ready("neighbour").await;
    team.share("newcomer", json!({"targets": accounts(&[DATA]), "resources": [{"arn": team.subnet(1)}]}))
        .await;
    team.until_ready("newcomer").await;

    // Replaced by a good one (the API server refuses to apply onto what does not fit the schema), it is like any other.
    replace(&stage, &team).await;
    team.until_ready("poison").await;
}

async fn replace(stage: &Stage, team: &Team) {
    let api = untyped(stage, team);
    let mut object = api.get("poison").await.unwrap();
    object.data = json!({"spec": {
        "account": "network-prod", "region": "eu-west-1",
        "targets": accounts(&[DATA]), "resources": [{"arn": team.subnet(2)}],
    }});
    api.replace("poison", &PostParams::default(), &object).await.unwrap();
}

fn kind() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("sharekeeper.dev", "v1alpha1", "Share"))
}

fn untyped(stage: &Stage, team: &Team) -> Api<DynamicObject> {
    Api::namespaced_with(stage.client.clone(), &team.namespace, &kind())
}

fn definitions(stage: &Stage) -> Api<CustomResourceDefinition> {
    Api::all(stage.client.clone())
}

/// Any spec is taken, as long as the fields that lists may select by are text.
async fn relax(stage: &Stage) {
    let text = json!({"type": "string"});
    let anything = json!({"type": "object", "properties": {
        "spec": {
            "type": "object", "x-kubernetes-preserve-unknown-fields": true,
            "properties": {"account": text, "region": text},
        },
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    }});
    replace_schema(stage, anything).await;
}

async fn tighten(stage: &Stage, team: &Team) {
    let crds = api::crds();
    let crd = crds.iter().find(|crd| crd.metadata.name.as_deref() == Some(KIND)).unwrap();
    let crd = serde_json::to_value(crd).unwrap();
    replace_schema(stage, crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()).await;
    let refused = async || {
        let tried = create(stage, team, "another", true).await;
        tried.is_err_and(|error| error.to_string().contains("spec.targets")).then_some(())
    };
    stage.until("the tightened schema is in force", refused).await;
}

async fn replace_schema(stage: &Stage, schema: Value) {
    let patch = json!([
        {"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema", "value": schema},
    ]);
    let patch: Patch<()> = Patch::Json(serde_json::from_value(patch).unwrap());
    definitions(stage).patch(KIND, &PatchParams::default(), &patch).await.unwrap();
}

/// Its targets are no list.
async fn store(stage: &Stage, team: &Team) {
    let stored = async || create(stage, team, "poison", false).await.ok();
    stage.until("the relaxed schema is in force", stored).await;
}

async fn create(stage: &Stage, team: &Team, name: &str, dry_run: bool) -> kube::Result<DynamicObject> {
    let mut object = DynamicObject::new(name, &kind());
    object.data = json!({"spec": {"account": "network-prod", "region": "eu-west-1", "targets": "everybody"}});
    untyped(stage, team).create(&PostParams { dry_run, ..PostParams::default() }, &object).await
}
