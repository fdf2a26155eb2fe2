//! What follows a stored change: definitions are served, namespaces are emptied.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::kinds::{Kind, definitions, namespaces};
use super::object::{self, text};
use super::store::{Event, Key};

impl Cluster {
    /// A definition that is new or changed is served and says so; the resource of one that is gone is not.
    pub(crate) fn follow_definition(&mut self, now: Timestamp, event: &Event) {
        match (&event.before, &event.after) {
            (Some(gone), None) => self.kinds.withdraw(gone),
            (_, Some(definition)) if object::is_deleting(definition) => {
                self.empty_resource(now, definition);
            }
            (_, Some(definition)) => {
                self.kinds.define(definition);
                let mut established = (**definition).clone();
                establish(&mut established, now);
                if established != **definition {
                    self.put(now, &definitions(), established);
                }
            }
            (None, None) => {}
        }
    }

    /// Deletes all objects of a definition that is being deleted; when none is left, the definition goes.
    fn empty_resource(&mut self, now: Timestamp, definition: &Value) {
        let resource = super::kinds::defined_resource(definition);
        if let Some(kind) = self.kinds.any(&resource) {
            let keys: Vec<Key> = self.store.all(&resource).map(|(k, _)| k.clone()).collect();
            for key in keys {
                self.delete_stored(now, &kind, &key);
            }
        }
        self.finish_definition(now, object::name(definition));
    }

    /// Takes the clean-up finalizer from a definition whose objects are gone.
    fn finish_definition(&mut self, now: Timestamp, name: &str) {
        let key = Key::new("", name);
        let Some(definition) = self.store.get(&definitions(), &key).cloned() else { return };
        let resource = super::kinds::defined_resource(&definition);
        if !object::is_deleting(&definition) || self.store.all(&resource).next().is_some() {
            return;
        }
        let others: Vec<&str> =
            object::finalizers(&definition).into_iter().filter(|f| *f != CLEANUP).collect();
        if others.is_empty() {
            self.remove(now, &definitions(), &key);
        }
    }

    /// A namespace that is being deleted loses its content, then goes.
    pub(crate) fn follow_namespace(&mut self, now: Timestamp, event: &Event) {
        let Some(namespace) = event.after.clone().filter(|n| object::is_deleting(n)) else { return };
        let was_deleting = event.before.as_ref().is_some_and(|n| object::is_deleting(n));
        if !was_deleting {
            self.empty_namespace(now, object::name(&namespace));
        }
        self.finish_namespace(now, object::name(&namespace));
    }

    fn empty_namespace(&mut self, now: Timestamp, name: &str) {
        let content: Vec<(Arc<Kind>, Key)> = self
            .namespaced_kinds()
            .into_iter()
            .flat_map(|kind| {
                let keys = self.store.all(&kind.resource).filter(|(k, _)| k.namespace == name);
                keys.map(|(k, _)| (kind.clone(), k.clone())).collect::<Vec<_>>()
            })
            .collect();
        for (kind, key) in content {
            self.delete_stored(now, &kind, &key);
        }
    }

    fn namespaced_kinds(&self) -> Vec<Arc<Kind>> {
        let kinds = self.store.resources().filter_map(|r| self.kinds.any(r));
        kinds.filter(|k| k.namespaced).collect()
    }

    /// Takes the finalizer `kubernetes` from a namespace that is empty.
    fn finish_namespace(&mut self, now: Timestamp, name: &str) {
        let key = Key::new("", name);
        let Some(namespace) = self.store.get(&namespaces(), &key).cloned() else { return };
        let empty = self
            .namespaced_kinds()
            .iter()
            .all(|k| self.store.all(&k.resource).all(|(key, _)| key.namespace != name));
        let finalized = namespace.pointer("/spec/finalizers").is_none();
        if !object::is_deleting(&namespace) || !empty || finalized {
            return;
        }
        if object::finalizers(&namespace).is_empty() {
            self.remove(now, &namespaces(), &key);
        } else {
            let mut without = Arc::unwrap_or_clone(namespace);
            if let Some(map) = without.as_object_mut() {
                map.insert("spec".into(), json!({}));
            }
            self.put(now, &namespaces(), without);
        }
    }

    /// An object went: its namespace or its definition may have waited for that.
    pub(crate) fn follow_removal(&mut self, now: Timestamp, event: &Event) {
        if !event.key.namespace.is_empty() {
            self.finish_namespace(now, &event.key.namespace);
        }
        self.finish_definition(now, &event.resource.to_string());
    }
}

/// The finalizer under which an apiserver deletes the objects of a definition.
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Writes what the apiserver's own controllers write into a definition.
fn establish(definition: &mut Value, now: Timestamp) {
    let names = definition.pointer("/spec/names").cloned().unwrap_or_default();
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array);
    let stored: Vec<Value> = versions
        .into_iter()
        .flatten()
        .filter(|v| v.get("storage") == Some(&Value::Bool(true)))
        .map(|v| text(v, "/name").into())
        .collect();
    let since = definition
        .pointer("/status/conditions/0/lastTransitionTime")
        .cloned()
        .unwrap_or_else(|| object::time(now).into());
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": since});
    let status = json!({
        "acceptedNames": names,
        "storedVersions": stored,
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
    });
    if object::finalizers(definition).is_empty() {
        object::set_meta(definition, "finalizers", json!([CLEANUP]));
    }
    if let Some(map) = definition.as_object_mut() {
        map.insert("status".into(), status);
    }
}
