//! Pruning of unknown fields, and defaults.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::node::Node;

/// Fields of `ObjectMeta`; others are dropped as unknown.
const METADATA: &[&str] = &[
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Drops what the schema of a whole object does not know; returns the paths dropped, sorted.
pub(super) fn prune_object(root: &Node, object: &mut Value) -> BTreeSet<String> {
    let mut dropped = BTreeSet::new();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        keep(metadata, "metadata", &mut dropped, |name| METADATA.contains(&name));
    }
    prune_resource(root, object, "", &mut dropped);
    dropped
}

fn keep(
    map: &mut Map<String, Value>,
    path: &str,
    dropped: &mut BTreeSet<String>,
    known: impl Fn(&str) -> bool,
) {
    map.retain(|name, _| {
        let keep = known(name);
        if !keep {
            dropped.insert(join(path, name));
        }
        keep
    });
}

/// A resource: its type and metadata are known whatever the schema says.
fn prune_resource(node: &Node, value: &mut Value, path: &str, dropped: &mut BTreeSet<String>) {
    let Some(map) = value.as_object_mut() else { return };
    let own = |name: &str| matches!(name, "apiVersion" | "kind" | "metadata");
    if !node.preserve_unknown {
        keep(map, path, dropped, |name| own(name) || node.field(name).is_some());
    }
    for (name, field) in map.iter_mut().filter(|(name, _)| !own(name)) {
        if let Some(below) = node.field(name) {
            prune(below, field, &join(path, name), dropped);
        }
    }
}

fn prune(node: &Node, value: &mut Value, path: &str, dropped: &mut BTreeSet<String>) {
    if node.embedded {
        return prune_resource(node, value, path, dropped);
    }
    match value {
        Value::Object(map) => {
            if !node.preserve_unknown {
                keep(map, path, dropped, |name| node.field(name).is_some());
            }
            for (name, field) in map.iter_mut() {
                if let Some(below) = node.field(name) {
                    prune(below, field, &join(path, name), dropped);
                }
            }
        }
        Value::Array(items) => {
            if let Some(below) = &node.items {
                for (index, item) in items.iter_mut().enumerate() {
                    prune(below, item, &format!("{path}[{index}]"), dropped);
                }
            }
        }
        _ => {}
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Fills in defaults; a null where none is allowed counts as missing and is dropped where there is no default.
pub(super) fn default(node: &Node, value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|name, field| {
                let below = node.field(name);
                !(field.is_null() && below.is_some_and(|b| !b.nullable && b.default.is_none()))
            });
            for (name, below) in &node.properties {
                let missing = map.get(name).is_none_or(|v| v.is_null() && !below.nullable);
                if let (true, Some(default)) = (missing, &below.default) {
                    map.insert(name.clone(), default.clone());
                }
            }
            for (name, field) in map.iter_mut() {
                if let Some(below) = node.field(name) {
                    default(below, field);
                }
            }
        }
        Value::Array(items) => {
            if let Some(below) = &node.items {
                for item in items {
                    default(below, item);
                }
            }
        }
        _ => {}
    }
}
