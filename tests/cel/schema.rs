//! What the apiserver does with an object before it comes to CEL, as far as our schemas ask for it, in its
//! own words.

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;
use regex::Regex;
use serde_json::{Map, Value};

/// Whether an error keeps the apiserver from looking at CEL rules at all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Blocking,
    Plain,
}

/// The errors of `value` under `schema`, with what they say.
pub(crate) fn errors(schema: &Value, value: &Value) -> Vec<(Weight, String)> {
    let mut found = Vec::new();
    check(schema, value, "", &mut found);
    found
}

/// `value` without members that are null.
pub(crate) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

type Found = Vec<(Weight, String)>;

fn check(schema: &Value, value: &Value, path: &str, found: &mut Found) {
    let type_ = schema["type"].as_str().unwrap();
    if type_ != type_of(value) {
        let text =
            format!("{path}: Invalid value: \"{}\": {path} in body must be of type {type_}", type_of(value));
        return found.push((Weight::Blocking, text));
    }
    if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
        found.push((
            Weight::Blocking,
            format!("{path}: Unsupported value: {value}: supported values: {allowed:?}"),
        ));
    }
    match value {
        Value::String(text) => check_text(schema, text, path, found),
        Value::Array(items) => check_list(schema, items, path, found),
        Value::Object(map) => check_map(schema, map, path, found),
        Value::Number(number) => check_number(schema, number.as_i64().unwrap(), path, found),
        _ => {}
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn check_number(schema: &Value, number: i64, path: &str, found: &mut Found) {
    // schemars writes limits as floats; ours are whole.
    let limit = |word: &str| schema[word].as_f64().map(|limit| format!("{limit}").parse::<i64>().unwrap());
    if let Some(least) = limit("minimum").filter(|least| number < *least) {
        found.push((Weight::Plain, format!("{path} in body should be greater than or equal to {least}")));
    }
    if let Some(most) = limit("maximum").filter(|most| number > *most) {
        found.push((Weight::Plain, format!("{path} in body should be less than or equal to {most}")));
    }
}

fn check_text(schema: &Value, text: &str, path: &str, found: &mut Found) {
    let length = text.chars().count() as u64;
    if let Some(most) = schema["maxLength"].as_u64().filter(|most| length > *most) {
        found.push((Weight::Blocking, format!("{path}: Too long: may not be more than {most} bytes")));
    }
    if let Some(least) = schema["minLength"].as_u64().filter(|least| length < *least) {
        found.push((Weight::Plain, format!("{path} in body should be at least {least} chars long")));
    }
    if let Some(pattern) =
        schema["pattern"].as_str().filter(|pattern| !Regex::new(pattern).unwrap().is_match(text))
    {
        found.push((Weight::Plain, format!("{path} in body should match '{pattern}'")));
    }
    if schema["format"] == "date-time" && text.parse::<Timestamp>().is_err() {
        found.push((Weight::Plain, format!("{path} in body must be of type date-time: \"{text}\"")));
    }
}

fn check_list(schema: &Value, items: &[Value], path: &str, found: &mut Found) {
    let length = items.len() as u64;
    if let Some(most) = schema["maxItems"].as_u64().filter(|most| length > *most) {
        found.push((Weight::Blocking, format!("{path}: Too many: {length}: must have at most {most} items")));
    }
    if let Some(least) = schema["minItems"].as_u64().filter(|least| length < *least) {
        found.push((Weight::Plain, format!("{path} in body should have at least {least} items")));
    }
    let mut seen = BTreeSet::new();
    for (i, item) in items.iter().enumerate() {
        let path = format!("{path}[{i}]");
        if identity(schema, item).is_some_and(|identity| !seen.insert(identity)) {
            found.push((Weight::Plain, format!("{path}: Duplicate value: {item}")));
        }
        check(&schema["items"], item, &path, found);
    }
}

/// What two items of a list must differ in.
fn identity(schema: &Value, item: &Value) -> Option<String> {
    match schema["x-kubernetes-list-type"].as_str() {
        Some("set") => Some(item.to_string()),
        Some("map") => {
            let keys = schema["x-kubernetes-list-map-keys"].as_array().unwrap();
            Some(keys.iter().map(|key| item[key.as_str().unwrap()].to_string()).collect())
        }
        _ => None,
    }
}

fn check_map(schema: &Value, map: &Map<String, Value>, path: &str, found: &mut Found) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    for key in schema["required"].as_array().into_iter().flatten().map(|key| key.as_str().unwrap()) {
        if !map.contains_key(key) {
            found.push((Weight::Blocking, format!("{}: Required value", below(key))));
        }
    }
    let length = map.len() as u64;
    if let Some(most) = schema["maxProperties"].as_u64().filter(|most| length > *most) {
        found.push((Weight::Blocking, format!("{path}: Too many: {length}: must have at most {most} items")));
    }
    if let Some(least) = schema["minProperties"].as_u64().filter(|least| length < *least) {
        found.push((Weight::Plain, format!("{path} in body should have at least {least} properties")));
    }
    for (key, value) in map {
        let part = schema["properties"].get(key).or_else(|| schema.get("additionalProperties"));
        match part {
            Some(part) => check(part, value, &below(key), found),
            // The apiserver knows these three without a schema.
            None if path.is_empty() && ["apiVersion", "kind", "metadata"].contains(&key.as_str()) => {}
            None => found.push((Weight::Plain, format!("unknown field {}", below(key)))),
        }
    }
}
