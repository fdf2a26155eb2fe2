//! The accept and reject cases of each kind's schema and rules, as data: run in process by `tests/crds.rs`,
//! and on a real apiserver.
//!
//! A file holds a whole object, `base`, and `cases`. A case's `object` (and `old`, for an update) is a merge
//! patch (RFC 7386) onto `base`; `expect` is `accept` or a part of the message that refuses it. `{$repeat: N,
//! item: X}` stands for a list of N times X, with `$i` counting from 0.
//!
//! A case whose object has a `status` is about that: on an apiserver the object is created first and then
//! written to its status subresource.

use serde::Deserialize;
use serde_json::{Map, Value};

const FILES: [&str; 7] = [
    include_str!("installation.yaml"),
    include_str!("organization.yaml"),
    include_str!("account_set.yaml"),
    include_str!("account_region.yaml"),
    include_str!("sharing_policy.yaml"),
    include_str!("share.yaml"),
    include_str!("undeclared_share.yaml"),
];

/// One object that the apiserver takes or refuses.
pub(crate) struct Case {
    /// The kind, such as `Share`.
    pub(crate) kind: String,
    /// What the case is about.
    pub(crate) name: String,
    /// The stored object that `object` replaces; none for a creation.
    pub(crate) old: Option<Value>,
    /// The object that is sent.
    pub(crate) object: Value,
    /// None: it is taken. Otherwise a part of the message.
    pub(crate) refused: Option<String>,
}

#[derive(Deserialize)]
struct File {
    base: Value,
    cases: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(default)]
    old: Option<Value>,
    object: Value,
    expect: String,
}

/// All cases of all kinds, with whole objects.
pub(crate) fn load() -> Vec<Case> {
    FILES.iter().flat_map(|text| cases(serde_saphyr::from_str(text).unwrap())).collect()
}

fn cases(file: File) -> Vec<Case> {
    let whole = |patch: Value| merged(file.base.clone(), expanded(patch));
    file.cases
        .into_iter()
        .map(|written| Case {
            kind: file.base["kind"].as_str().unwrap().to_owned(),
            name: written.name,
            old: written.old.map(whole),
            object: whole(written.object),
            refused: (written.expect != "accept").then_some(written.expect),
        })
        .collect()
}

fn merged(target: Value, patch: Value) -> Value {
    let Value::Object(patch) = patch else { return patch };
    let mut target = match target {
        Value::Object(target) => target,
        _ => Map::new(),
    };
    for (key, value) in patch {
        match target.remove(&key) {
            _ if value.is_null() => {}
            before => drop(target.insert(key, merged(before.unwrap_or(Value::Null), value))),
        }
    }
    Value::Object(target)
}

fn expanded(value: Value) -> Value {
    match value {
        Value::Object(map) => match map.get("$repeat").and_then(Value::as_u64) {
            Some(times) => (0..times).map(|i| numbered(&map["item"], i)).collect(),
            None => map.into_iter().map(|(key, value)| (key, expanded(value))).collect(),
        },
        Value::Array(items) => items.into_iter().map(expanded).collect(),
        other => other,
    }
}

fn numbered(item: &Value, i: u64) -> Value {
    serde_json::from_str(&item.to_string().replace("$i", &i.to_string())).unwrap()
}
