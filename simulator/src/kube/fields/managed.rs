//! `metadata.managedFields`: who owns which fields.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::set::FieldSet;
use crate::kube::object::{self, text};

/// Who: ordered as the apiserver lists entries of equal time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Manager {
    pub(super) name: String,
    /// Of an Update, the version it was made in; empty for an Apply, which keeps its identity over versions.
    pub(super) api_version: String,
    pub(super) subresource: String,
    pub(super) applies: bool,
}

impl Manager {
    /// As conflicts name it.
    pub(super) fn shown(&self) -> String {
        let mut text = format!("{:?}", self.name);
        if !self.subresource.is_empty() {
            text = format!("{text} with subresource {:?}", self.subresource);
        }
        if !self.applies {
            text = format!("{text} using {}", self.api_version);
        }
        text
    }
}

/// What a manager owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) fields: FieldSet,
    pub(super) api_version: String,
    pub(super) time: Option<String>,
}

pub(super) type Managed = BTreeMap<Manager, Owned>;

/// Reads the entries of an object; `None` where there is none, or one that is no valid entry.
pub(super) fn decode(object: &Value) -> Option<Managed> {
    let entries = object::meta(object, "managedFields")?.as_array()?;
    let managed: Option<Managed> = entries.iter().map(decode_entry).collect();
    managed.filter(|m| !m.is_empty())
}

fn decode_entry(entry: &Value) -> Option<(Manager, Owned)> {
    let applies = match text(entry, "/operation") {
        "Apply" => true,
        "Update" => false,
        _ => return None,
    };
    let api_version = text(entry, "/apiVersion").to_owned();
    if api_version.is_empty() || text(entry, "/fieldsType") != "FieldsV1" {
        return None;
    }
    let manager = Manager {
        name: text(entry, "/manager").to_owned(),
        api_version: if applies { String::new() } else { api_version.clone() },
        subresource: text(entry, "/subresource").to_owned(),
        applies,
    };
    let owned = Owned {
        fields: FieldSet::from_fields(entry.get("fieldsV1").unwrap_or(&Value::Null)),
        api_version,
        time: entry.get("time").and_then(Value::as_str).map(str::to_owned),
    };
    Some((manager, owned))
}

/// Whether the object asks to forget all owners: an empty list, or one empty entry.
pub(super) fn is_reset(object: &Value) -> bool {
    match object::meta(object, "managedFields").and_then(Value::as_array).map(Vec::as_slice) {
        Some([]) => true,
        Some([one]) => one.as_object().is_some_and(|e| e.values().all(Value::is_null)),
        _ => false,
    }
}

/// Writes the entries: Apply before Update, older first, then by name.
pub(super) fn encode(object: &mut Value, managed: &Managed) {
    let mut entries: Vec<(&Manager, &Owned)> = managed.iter().collect();
    entries.sort_by_key(|(m, o)| (!m.applies, o.time.clone()));
    let entries: Vec<Value> = entries.into_iter().map(|(m, o)| encode_entry(m, o)).collect();
    if entries.is_empty() {
        object::remove_meta(object, "managedFields");
    } else {
        object::set_meta(object, "managedFields", entries);
    }
}

fn encode_entry(manager: &Manager, owned: &Owned) -> Value {
    let mut entry = json!({
        "manager": manager.name,
        "operation": if manager.applies { "Apply" } else { "Update" },
        "apiVersion": owned.api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": owned.fields.to_fields(),
    });
    if let Some(map) = entry.as_object_mut() {
        if let Some(time) = &owned.time {
            map.insert("time".into(), time.as_str().into());
        }
        if !manager.subresource.is_empty() {
            map.insert("subresource".into(), manager.subresource.as_str().into());
        }
    }
    entry
}

/// Whether two objects have the same owners, times apart.
pub(super) fn same_but_times(a: &Value, b: &Value) -> bool {
    let timeless = |o: &Value| {
        let mut managed = decode(o).unwrap_or_default();
        for owned in managed.values_mut() {
            owned.time = None;
        }
        managed
    };
    timeless(a) == timeless(b)
}
