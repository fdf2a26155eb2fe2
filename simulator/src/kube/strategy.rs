//! What a kind does to its objects on create, update and delete: the registry strategies.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::kinds::{Kind, definitions, namespaces};
use super::metadata;
use super::object;
use super::schema::Part;
use super::status::FieldError;

pub(crate) fn prepare_create(kind: &Kind, object: &mut Value) {
    if kind.status
        && let Some(map) = object.as_object_mut()
    {
        map.remove("status");
    }
    if kind.is_custom() || kind.resource == definitions() {
        object::set_meta(object, "generation", 1);
    } else {
        object::remove_meta(object, "generation");
    }
    if kind.resource == namespaces() {
        prepare_namespace(object);
    }
}

fn prepare_namespace(object: &mut Value) {
    if let Some(map) = object.as_object_mut() {
        map.insert("spec".into(), json!({"finalizers": ["kubernetes"]}));
        map.insert("status".into(), json!({"phase": "Active"}));
    }
}

/// Through the main resource the status stays; through `/status` all but the status stays. What is then changed
/// beyond metadata moves the generation.
pub(crate) fn prepare_update(kind: &Kind, subresource: &str, object: &mut Value, live: &Value) {
    object::copy_meta(object, live, "generation");
    match subresource {
        "status" => keep_all_but_status(object, live),
        "finalize" => keep_all_but_spec(object, live),
        _ => {
            if kind.status {
                object::copy_member(object, live, "status");
            }
            if kind.resource == namespaces() {
                object::copy_member(object, live, "spec");
            }
            let counts = kind.is_custom() || kind.resource == definitions();
            if counts && object::differs_beyond_metadata(object, live) {
                object::set_meta(object, "generation", object::generation(live) + 1);
            }
        }
    }
}

fn keep_all_but_status(object: &mut Value, live: &Value) {
    let mut kept = live.clone();
    object::copy_member(&mut kept, object, "status");
    object::copy_meta(&mut kept, object, "managedFields");
    *object = kept;
}

/// `/finalize` of a namespace: only its finalizers change.
fn keep_all_but_spec(object: &mut Value, live: &Value) {
    let mut kept = live.clone();
    object::copy_member(&mut kept, object, "spec");
    *object = kept;
}

/// What the strategy refuses on create. Of a custom resource it checks the metadata itself.
pub(crate) fn validate_create(kind: &Kind, object: &Value) -> Vec<FieldError> {
    let errors = if kind.is_custom() { metadata::validate(kind, object) } else { Vec::new() };
    match &kind.schema {
        Some(schema) => schema.validate(object, None, Part::Object, errors),
        None => errors,
    }
}

/// What the strategy refuses on update. Of a custom resource it checks the metadata once more.
pub(crate) fn validate_update(
    kind: &Kind,
    subresource: &str,
    object: &Value,
    live: &Value,
) -> Vec<FieldError> {
    let part = if subresource == "status" { Part::Status } else { Part::Object };
    let errors = if kind.is_custom() { metadata::validate_update(object, live) } else { Vec::new() };
    match &kind.schema {
        Some(schema) => schema.validate(object, Some(live), part, errors),
        None => errors,
    }
}

/// Whether finalizers hold the object.
pub(crate) fn held(kind: &Kind, object: &Value) -> bool {
    let by_spec = object.pointer("/spec/finalizers").and_then(Value::as_array);
    !object::finalizers(object).is_empty()
        || (kind.resource == namespaces() && by_spec.is_some_and(|f| !f.is_empty()))
}

pub(crate) fn mark_deleting(kind: &Kind, object: &mut Value, now: Timestamp) {
    let generation = object::generation(object);
    if generation > 0 {
        object::set_meta(object, "generation", generation + 1);
    }
    object::set_meta(object, "deletionTimestamp", object::time(now));
    if kind.resource != namespaces() {
        object::set_meta(object, "deletionGracePeriodSeconds", 0);
    } else if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        status.insert("phase".into(), "Terminating".into());
    }
}

/// Whether this update takes the last finalizer from an object that is being deleted.
pub(crate) fn ends_deletion(kind: &Kind, object: &Value, live: &Value) -> bool {
    object::is_deleting(live) && !held(kind, object)
}
