//! What server-side apply refuses before anything else is looked at: values of other types than the schema's, and fields
//! that it does not know. In the words of structured-merge-diff v6, `typed/validate.go`, Go's way to print values included.

use serde_json::Value;

use super::node::Node;

/// What is refused, each with its path. `metadata` has no schema here.
pub(super) fn check(root: &Node, object: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    for (name, field) in object.as_object().into_iter().flatten() {
        if !["apiVersion", "kind", "metadata"].contains(&name.as_str()) {
            check_field(root, name, field, "", &mut errors);
        }
    }
    errors
}

fn check_field(map: &Node, name: &str, field: &Value, path: &str, errors: &mut Vec<String>) {
    let path = format!("{path}.{name}");
    match map.field(name) {
        Some(node) => check_value(node, field, &path, errors),
        None if map.preserve_unknown => {}
        None => errors.push(format!("{path}: field not declared in schema")),
    }
}

fn check_value(node: &Node, value: &Value, path: &str, errors: &mut Vec<String>) {
    let refusal = match (node.type_.as_str(), value) {
        (_, Value::Null)
        | ("string", Value::String(_))
        | ("boolean", Value::Bool(_))
        | ("integer" | "number", Value::Number(_)) => return,
        ("array", Value::Array(items)) => {
            for (n, item) in items.iter().enumerate() {
                let path = format!("{path}{}", entry(node, n, item));
                node.items.iter().for_each(|below| check_value(below, item, &path, errors));
            }
            return;
        }
        ("object", Value::Object(fields)) => {
            fields.iter().for_each(|(name, field)| check_field(node, name, field, path, errors));
            return;
        }
        ("string", _) => format!("string, got &value.valueUnstructured{{Value:{}}}", go_syntax(value)),
        ("integer" | "number", _) => format!("numeric (int or float), got {}", go_type(value)),
        ("boolean", _) => format!("boolean, got &{{{}}}", go_text(value)),
        ("array", _) => format!("list, got &{{{}}}", go_text(value)),
        ("object", _) => format!("map, got &{{{}}}", go_text(value)),
        _ => return,
    };
    errors.push(format!("{path}: expected {refusal}"));
}

/// The path's element for an entry of a list.
fn entry(list: &Node, index: usize, item: &Value) -> String {
    match list.list_type.as_str() {
        "map" => {
            let keys = list.list_map_keys.iter().filter_map(|key| Some(format!("{key}={}", item.get(key)?)));
            format!("[{}]", keys.collect::<Vec<_>>().join(","))
        }
        "set" => format!("[={item}]"),
        _ => format!("[{index}]"),
    }
}

/// `%T`.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// `%#v`.
fn go_syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(go_syntax).collect();
            format!("{}{{{}}}", go_type(value), items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(name, v)| format!("{name:?}:{}", go_syntax(v))).collect();
            format!("{}{{{}}}", go_type(value), fields.join(", "))
        }
    }
}

/// `%v`.
fn go_text(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(go_text).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let fields: Vec<_> = fields.iter().map(|(name, v)| format!("{name}:{}", go_text(v))).collect();
            format!("map[{}]", fields.join(" "))
        }
    }
}
