//! The rendered roles are what the controllers needed in all scenarios: nothing is missing, nothing is for nothing.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use super::{
    cluster::{AuditEvent, Permission, chart},
    stage::Stage,
};

/// Whether a verb changes something.
pub(crate) fn is_write(verb: &str) -> bool {
    !["get", "list", "watch"].contains(&verb)
}

pub(crate) async fn the_chart_grants_what_is_used_and_nothing_else(stage: Arc<Stage>) {
    let rendered = chart::render("{installation: {id: e2e}}").unwrap();
    let ours = format!("system:serviceaccount:{}:", chart::NAMESPACE);
    let events: Vec<AuditEvent> =
        stage.cluster.audit_events().into_iter().filter(|e| e.user.username.starts_with(&ours)).collect();
    let refused: BTreeSet<String> =
        events.iter().filter(|event| event.code() == Some(403)).map(described).collect();
    assert!(refused.is_empty(), "the chart must grant: {refused:#?}");

    let used: BTreeSet<Permission> = events.iter().filter_map(AuditEvent::permission).collect();
    let granted = chart::permissions_granted(&rendered);
    let unused: Vec<_> = granted.difference(&used).collect();
    assert!(unused.is_empty(), "the chart grants what no scenario needed: {unused:#?}");

    let idle: Vec<_> = names_granted(&rendered)
        .into_iter()
        .filter(|(resource, name)| !events.iter().any(|event| is_about(event, resource, name)))
        .collect();
    assert!(idle.is_empty(), "the chart grants by name what no scenario touched: {idle:#?}");
}

fn described(event: &AuditEvent) -> String {
    format!("{} {:?} {}", event.verb, event.object_ref, event.request_uri)
}

fn is_about(event: &AuditEvent, resource: &str, name: &str) -> bool {
    event.object_ref.as_ref().is_some_and(|object| object.resource == resource && object.name == name)
}

/// The resources that the controller's roles grant by name.
fn names_granted(rendered: &[Value]) -> BTreeSet<(String, String)> {
    let roles = rendered.iter().filter(|object| {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        ["sharekeeper-controller", "sharekeeper-lease"].contains(&name)
    });
    let rules = roles.filter_map(|role| role["rules"].as_array()).flatten();
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    rules
        .flat_map(|rule| {
            let names = texts(&rule["resourceNames"]);
            let resources = texts(&rule["resources"]);
            resources
                .into_iter()
                .flat_map(move |resource| names.clone().into_iter().map(move |name| (resource.clone(), name)))
        })
        .collect()
}
