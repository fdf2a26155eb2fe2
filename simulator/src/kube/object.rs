//! Reading and writing the metadata of objects kept as JSON.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value};

pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

pub(crate) fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

pub(crate) fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

pub(crate) fn resource_version(object: &Value) -> &str {
    text(object, "/metadata/resourceVersion")
}

pub(crate) fn meta<'a>(object: &'a Value, key: &str) -> Option<&'a Value> {
    object.get("metadata")?.get(key)
}

pub(crate) fn set_meta(object: &mut Value, key: &str, value: impl Into<Value>) {
    if let Some(metadata) = meta_mut(object) {
        metadata.insert(key.to_owned(), value.into());
    }
}

pub(crate) fn remove_meta(object: &mut Value, key: &str) {
    if let Some(metadata) = meta_mut(object) {
        metadata.remove(key);
    }
}

/// Sets `key` to what `from` has there, or removes it where `from` has nothing.
pub(crate) fn copy_meta(object: &mut Value, from: &Value, key: &str) {
    match meta(from, key) {
        Some(value) => set_meta(object, key, value.clone()),
        None => remove_meta(object, key),
    }
}

/// Drops metadata that is null or empty, as typed metadata is written without it.
pub(crate) fn drop_empty_metadata(object: &mut Value) {
    if let Some(metadata) = meta_mut(object) {
        metadata.retain(|key, value| match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Object(map) => !map.is_empty(),
            Value::Array(items) => !items.is_empty() || key == "managedFields",
            _ => true,
        });
    }
}

fn meta_mut(object: &mut Value) -> Option<&mut Map<String, Value>> {
    let map = object.as_object_mut()?;
    map.entry("metadata").or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}

pub(crate) fn generation(object: &Value) -> i64 {
    meta(object, "generation").and_then(Value::as_i64).unwrap_or_default()
}

pub(crate) fn is_deleting(object: &Value) -> bool {
    meta(object, "deletionTimestamp").is_some_and(|t| !t.is_null())
}

pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    let list = meta(object, "finalizers").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

pub(crate) fn labels(object: &Value) -> impl Iterator<Item = (&str, &str)> {
    let map = meta(object, "labels").and_then(Value::as_object);
    map.into_iter().flatten().filter_map(|(k, v)| Some((k.as_str(), v.as_str()?)))
}

/// Copies the top-level member `key` of `from`, or removes it where `from` has none.
pub(crate) fn copy_member(object: &mut Value, from: &Value, key: &str) {
    let Some(map) = object.as_object_mut() else { return };
    match from.get(key) {
        Some(value) => map.insert(key.to_owned(), value.clone()),
        None => map.remove(key),
    };
}

/// Whether anything but `metadata` differs: what makes the generation move.
pub(crate) fn differs_beyond_metadata(a: &Value, b: &Value) -> bool {
    let without = |v: &Value| -> Map<String, Value> {
        let map = v.as_object().cloned().unwrap_or_default();
        map.into_iter().filter(|(k, _)| k != "metadata").collect()
    };
    without(a) != without(b)
}

/// `metav1.Time`: RFC 3339 in whole seconds, UTC.
pub(crate) fn time(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
