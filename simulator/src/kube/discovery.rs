//! Documents beside the resources: discovery, version, health.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::cluster::{Body, Cluster, Served, no_such_page};
use super::kinds::Kind;
use super::openapi;
use super::request::Call;
use super::status::StatusError;

/// The media type that clients ask for, and must be told, for discovery in one document.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const STATUS_VERBS: [&str; 3] = ["get", "patch", "update"];

impl Cluster {
    pub(crate) fn serve_document(&self, call: &Call) -> Result<Served, StatusError> {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let aggregated = call.accept.contains("as=APIGroupDiscoveryList") && call.accept.contains("v=v2;");
        match path.as_slice() {
            ["healthz" | "livez" | "readyz", ..] => Ok(Served::new(200, Body::Text("ok".to_owned()))),
            ["version"] => Ok(Served::json(version())),
            ["api"] if aggregated => Ok(self.aggregated(|k| k.group().is_empty())),
            ["apis"] if aggregated => Ok(self.aggregated(|k| !k.group().is_empty())),
            ["api"] => Ok(Served::json(json!({
                "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [],
            }))),
            ["apis"] => Ok(Served::json(self.group_list())),
            ["apis", group] => self.group(group).map(Served::json).ok_or_else(StatusError::no_such_path),
            ["api", version] => self.resource_list("", version),
            ["apis", group, version] => self.resource_list(group, version),
            ["openapi", "v3"] => Ok(Served::json(openapi::index(&self.group_versions()))),
            ["openapi", "v3", "api", version] => self.openapi("", version),
            ["openapi", "v3", "apis", group, version] => self.openapi(group, version),
            _ => Ok(no_such_page()),
        }
    }

    fn group_versions(&self) -> BTreeSet<(String, String)> {
        self.kinds.iter().map(|k| (k.group().to_owned(), k.version.clone())).collect()
    }

    fn of_version(&self, group: &str, version: &str) -> Result<Vec<&Arc<Kind>>, StatusError> {
        let kinds: Vec<&Arc<Kind>> =
            self.kinds.iter().filter(|k| k.group() == group && k.version == version).collect();
        if kinds.is_empty() { Err(StatusError::no_such_path()) } else { Ok(kinds) }
    }

    fn openapi(&self, group: &str, version: &str) -> Result<Served, StatusError> {
        Ok(Served::json(openapi::document(&self.of_version(group, version)?)))
    }

    fn aggregated(&self, wanted: impl Fn(&Kind) -> bool) -> Served {
        let mut groups: BTreeMap<&str, BTreeMap<&str, Vec<Value>>> = BTreeMap::new();
        for kind in self.kinds.iter().filter(|k| wanted(k)) {
            let versions = groups.entry(kind.group()).or_default();
            versions.entry(&kind.version).or_default().push(aggregated_resource(kind));
        }
        let version = |(version, resources): (&str, Vec<Value>)| json!({"version": version, "resources": resources, "freshness": "Current"});
        let group = |(name, versions): (&str, BTreeMap<&str, Vec<Value>>)| {
            let metadata = if name.is_empty() { json!({}) } else { json!({"name": name}) };
            json!({"metadata": metadata, "versions": versions.into_iter().map(version).collect::<Vec<_>>()})
        };
        let list = json!({
            "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
            "items": groups.into_iter().map(group).collect::<Vec<_>>(),
        });
        Served::new(200, Body::Typed(AGGREGATED, list))
    }

    fn group_list(&self) -> Value {
        let names: BTreeSet<String> = self.group_versions().into_iter().map(|(group, _)| group).collect();
        let groups: Vec<Value> =
            names.iter().filter(|g| !g.is_empty()).filter_map(|g| self.group(g)).map(unlabelled).collect();
        json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
    }

    fn group(&self, name: &str) -> Option<Value> {
        let versions: Vec<Value> = self
            .group_versions()
            .into_iter()
            .filter(|(group, _)| group == name)
            .map(|(group, version)| json!({"groupVersion": format!("{group}/{version}"), "version": version}))
            .collect();
        let preferred = versions.last()?.clone();
        Some(json!({
            "kind": "APIGroup", "apiVersion": "v1", "name": name,
            "versions": versions, "preferredVersion": preferred,
        }))
    }

    fn resource_list(&self, group: &str, version: &str) -> Result<Served, StatusError> {
        let kinds = self.of_version(group, version)?;
        let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let resources: Vec<Value> = kinds.into_iter().flat_map(|k| listed_resources(k)).collect();
        Ok(Served::json(json!({
            "kind": "APIResourceList", "apiVersion": "v1",
            "groupVersion": group_version, "resources": resources,
        })))
    }
}

/// Within a list, groups bear no type.
fn unlabelled(mut group: Value) -> Value {
    if let Some(map) = group.as_object_mut() {
        map.remove("kind");
        map.remove("apiVersion");
    }
    group
}

fn aggregated_resource(kind: &Kind) -> Value {
    let response = json!({"group": kind.group(), "version": kind.version, "kind": kind.kind});
    let mut resource = json!({
        "resource": kind.resource.resource,
        "responseKind": response,
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular,
        "verbs": VERBS,
    });
    let extra = [
        ("shortNames", json!(kind.short_names), kind.short_names.is_empty()),
        ("categories", json!(kind.categories), kind.categories.is_empty()),
        (
            "subresources",
            json!([{"subresource": "status", "responseKind": response, "verbs": STATUS_VERBS}]),
            !kind.status,
        ),
    ];
    add(resource.as_object_mut(), extra);
    resource
}

fn listed_resources(kind: &Kind) -> Vec<Value> {
    let name = &kind.resource.resource;
    let mut resource = json!({
        "name": name, "singularName": kind.singular, "namespaced": kind.namespaced,
        "kind": kind.kind, "verbs": VERBS,
    });
    let extra = [
        ("shortNames", json!(kind.short_names), kind.short_names.is_empty()),
        ("categories", json!(kind.categories), kind.categories.is_empty()),
    ];
    add(resource.as_object_mut(), extra);
    let status = json!({
        "name": format!("{name}/status"), "singularName": "", "namespaced": kind.namespaced,
        "kind": kind.kind, "verbs": STATUS_VERBS,
    });
    std::iter::once(resource).chain(kind.status.then_some(status)).collect()
}

fn add<const N: usize>(map: Option<&mut Map<String, Value>>, members: [(&str, Value, bool); N]) {
    let present = members.into_iter().filter(|(_, _, absent)| !absent);
    if let Some(map) = map {
        map.extend(present.map(|(name, value, _)| (name.to_owned(), value)));
    }
}

fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "gitVersion": "v1.36.0-simulator", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "rustc", "platform": "simulator",
    })
}
