//! OpenAPI v3 documents: as much as `kubectl apply` (field validation) and `kubectl explain` read.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::kinds::Kind;

/// The documents there are.
pub(super) fn index(group_versions: &BTreeSet<(String, String)>) -> Value {
    let entry = |(group, version): &(String, String)| {
        let path =
            if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
        let url = json!({"serverRelativeURL": format!("/openapi/v3/{path}")});
        (path, url)
    };
    json!({"paths": group_versions.iter().map(entry).collect::<Map<String, Value>>()})
}

/// The document of one group and version.
pub(super) fn document(kinds: &[&Arc<Kind>]) -> Value {
    let paths: Map<String, Value> = kinds.iter().flat_map(|k| paths(k)).collect();
    let schemas: Map<String, Value> = kinds.iter().map(|k| (schema_name(k), schema(k))).collect();
    json!({
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.36.0-simulator"},
        "paths": paths, "components": {"schemas": schemas},
    })
}

fn type_of(kind: &Kind) -> Value {
    json!({"group": kind.group(), "version": kind.version, "kind": kind.kind})
}

/// `dev.sharekeeper.v1alpha1.Share`: the group reversed, the version, the kind.
fn schema_name(kind: &Kind) -> String {
    let group = if kind.group().is_empty() { "core" } else { kind.group() };
    let reversed: Vec<&str> = group.split('.').rev().collect();
    format!("{}.{}.{}", reversed.join("."), kind.version, kind.kind)
}

fn paths(kind: &Kind) -> Vec<(String, Value)> {
    let prefix = if kind.group().is_empty() { "/api" } else { "/apis" };
    let scope = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
    let collection = format!("{prefix}/{}{scope}/{}", kind.api_version(), kind.resource.resource);
    let object = format!("{collection}/{{name}}");
    let operation = |action: &str, parameters: &[&str]| {
        let parameters: Vec<Value> = parameters
            .iter()
            .map(|name| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}}))
            .collect();
        json!({
            "parameters": parameters,
            "x-kubernetes-action": action, "x-kubernetes-group-version-kind": type_of(kind),
        })
    };
    let writing = ["dryRun", "fieldManager", "fieldValidation"];
    let patching = ["dryRun", "fieldManager", "fieldValidation", "force"];
    vec![
        (collection, json!({"get": operation("list", &[]), "post": operation("post", &writing)})),
        (
            object,
            json!({
                "get": operation("get", &[]),
                "put": operation("put", &writing),
                "patch": operation("patch", &patching),
                "delete": operation("delete", &["dryRun"]),
            }),
        ),
    ]
}

fn schema(kind: &Kind) -> Value {
    let mut schema = kind.schema.as_ref().map_or_else(|| json!({"type": "object"}), |s| s.document().clone());
    if let Some(map) = schema.as_object_mut() {
        map.insert("x-kubernetes-group-version-kind".into(), json!([type_of(kind)]));
        let properties = map.entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = properties.as_object_mut() {
            let own = [
                ("apiVersion", "string", "The versioned schema of this representation of an object."),
                ("kind", "string", "The REST resource this object represents."),
                ("metadata", "object", "Standard object's metadata."),
            ];
            for (name, type_, description) in own {
                properties.insert(name.into(), json!({"type": type_, "description": description}));
            }
        }
    }
    schema
}
