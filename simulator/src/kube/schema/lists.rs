//! Lists of type set and map hold no entry twice.

use serde_json::{Map, Value};

use super::node::Node;
use crate::kube::status::{FieldError, FieldErrorType};

pub(super) fn check(node: &Node, path: &str, value: &Value) -> Vec<FieldError> {
    match value {
        Value::Array(items) => {
            let mut errors = repeated(node, path, items);
            if let Some(below) = &node.items {
                let each = items.iter().enumerate();
                errors.extend(each.flat_map(|(n, item)| check(below, &format!("{path}[{n}]"), item)));
            }
            errors
        }
        Value::Object(map) => map
            .iter()
            .filter_map(|(name, field)| Some((name, field, node.field(name)?)))
            .flat_map(|(name, field, below)| {
                let path = match (path, node.properties.contains_key(name)) {
                    ("", _) => name.clone(),
                    (_, true) => format!("{path}.{name}"),
                    (_, false) => format!("{path}[{name}]"),
                };
                check(below, &path, field)
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The second occurrence of each entry that occurs more than once.
fn repeated(node: &Node, path: &str, items: &[Value]) -> Vec<FieldError> {
    let identity = |item: &Value| match node.list_type.as_str() {
        "set" => Some(item.clone()),
        "map" => {
            let keys = node.list_map_keys.iter();
            let keys = keys.filter_map(|k| Some((k.clone(), item.get(k)?.clone())));
            Some(Value::Object(keys.collect::<Map<String, Value>>()))
        }
        _ => None,
    };
    let ids: Vec<Value> = items.iter().filter_map(identity).collect();
    let before = |n: usize, id: &Value| ids.iter().take(n).filter(|other| *other == id).count();
    let second = ids.iter().enumerate().filter(|(n, id)| before(*n, id) == 1);
    second
        .map(|(n, id)| {
            FieldError::new(FieldErrorType::Duplicate, format!("{path}[{n}]"), Some(id.clone()), "")
        })
        .collect()
}
