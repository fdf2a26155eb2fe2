//! What the apiserver would say to an object of ours: the schema's types, limits and required fields first, then the
//! CEL rules, on the object with its defaults.

use std::collections::BTreeSet;

use kube::core::cel::{CompiledSchema, ValidationErrors, Validator, apply_defaults, compile_schema};
use regex::Regex;
use serde_json::{Map, Value};

use crate::model::Timestamp;

/// A kind's schema, ready to be asked.
pub(super) struct Schema {
    schema: Value,
    rules: CompiledSchema,
}

/// One thing that is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// The field, as `spec.targets[0].until`.
    pub(super) path: String,
    /// What is wrong and what to do.
    pub(super) message: String,
}

impl Schema {
    /// From the `openAPIV3Schema` of a definition.
    pub(super) fn new(schema: Value) -> Self {
        Self { rules: compile_schema(&schema), schema }
    }

    /// The object with its defaults, or all that is wrong with it. Rules are only asked of what has the right form, as
    /// the apiserver does.
    pub(super) fn accept(&self, object: &Value) -> Result<Value, Vec<Finding>> {
        let object = apply_defaults(&self.schema, object);
        let mut check = Check::default();
        check.value(&self.schema, &object, "");
        if !check.misshapen {
            check.found.extend(self.broken_rules(&object));
        }
        if check.found.is_empty() { Ok(object) } else { Err(check.found) }
    }

    fn broken_rules(&self, object: &Value) -> Vec<Finding> {
        let broken = Validator::new().validate_compiled(&self.rules, object, None).err();
        let findings = broken.into_iter().flat_map(ValidationErrors::into_vec);
        findings
            .map(|error| named(object, error.field_path.trim_start_matches('.'), &error.message))
            .collect()
    }
}

/// A broken rule. Our rules' messages begin with the field that is to be corrected: the one that the rule stands at, or
/// one below it.
fn named(object: &Value, path: &str, message: &str) -> Finding {
    let told = |path: String, message: &str| Finding { path, message: message.to_owned() };
    let Some((field, rest)) = message.split_once(": ") else { return told(path.to_owned(), message) };
    if path.rsplit(['.', ']']).next() == Some(field) {
        return told(path.to_owned(), rest);
    }
    let pointer = format!("/{}", path.replace("].", "/").replace(['.', '['], "/").replace(']', ""));
    match object.pointer(&pointer).and_then(|value| value.get(field)) {
        Some(_) => told(format!("{path}.{field}"), rest),
        None => told(path.to_owned(), message),
    }
}

#[derive(Default)]
struct Check {
    found: Vec<Finding>,
    /// A type, a length or a required field is wrong: rules may not be asked of this.
    misshapen: bool,
}

impl Check {
    fn plain(&mut self, path: &str, message: impl Into<String>) {
        self.found.push(Finding { path: path.to_owned(), message: message.into() });
    }

    fn misshapen(&mut self, path: &str, message: impl Into<String>) {
        self.misshapen = true;
        self.plain(path, message);
    }

    fn value(&mut self, schema: &Value, value: &Value, path: &str) {
        let wanted = text(schema, "type");
        if !wanted.is_empty() && !fits(wanted, value) {
            let quotes = if wanted == "string" && !value.is_object() && !value.is_array() {
                "; put it in quotes"
            } else {
                ""
            };
            return self.misshapen(
                path,
                format!("must be {} and is {}{quotes}", article(wanted), article(type_of(value))),
            );
        }
        if let Some(allowed) = list(schema, "enum").filter(|allowed| !allowed.contains(value)) {
            let allowed: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
            let given = value.as_str().unwrap_or_default();
            self.misshapen(path, format!("{given:?} is none of {}", allowed.join(", ")));
        }
        match value {
            Value::String(given) => self.string(schema, given, path),
            Value::Array(items) => self.list(schema, items, path),
            Value::Object(map) => self.map(schema, map, path),
            Value::Number(number) => self.number(schema, number.as_f64().unwrap_or_default(), path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn string(&mut self, schema: &Value, given: &str, path: &str) {
        let length = count(given.chars().count());
        if let Some(most) = limit(schema, "maxLength").filter(|most| length > *most) {
            self.misshapen(path, format!("has {length} characters; at most {most} are taken"));
        }
        if let Some(least) = limit(schema, "minLength").filter(|least| length < *least) {
            self.plain(path, format!("has {length} characters; at least {least} are needed"));
        }
        let pattern = text(schema, "pattern");
        if !pattern.is_empty() && Regex::new(pattern).is_ok_and(|regex| !regex.is_match(given)) {
            self.plain(path, format!("{given:?} does not match {pattern}"));
        }
        if text(schema, "format") == "date-time" && given.parse::<Timestamp>().is_err() {
            self.plain(path, format!("{given:?} is not a moment; write it as 2027-01-31T00:00:00Z"));
        }
    }

    fn number(&mut self, schema: &Value, given: f64, path: &str) {
        let limit = |word: &str| schema.get(word).and_then(Value::as_f64);
        if let Some(least) = limit("minimum").filter(|least| given < *least) {
            self.plain(path, format!("{given} is less than {least}"));
        }
        if let Some(most) = limit("maximum").filter(|most| given > *most) {
            self.plain(path, format!("{given} is more than {most}"));
        }
    }

    fn list(&mut self, schema: &Value, items: &[Value], path: &str) {
        let length = count(items.len());
        if let Some(most) = limit(schema, "maxItems").filter(|most| length > *most) {
            self.misshapen(path, format!("has {length} entries; at most {most} are taken"));
        }
        if let Some(least) = limit(schema, "minItems").filter(|least| length < *least) {
            self.plain(path, format!("has {length} entries; at least {least} are needed"));
        }
        let mut seen = BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            if identity(schema, item).is_some_and(|identity| !seen.insert(identity)) {
                self.plain(&path, "stands in the list twice; remove one of the two");
            }
            if let Some(schema) = schema.get("items") {
                self.value(schema, item, &path);
            }
        }
    }

    fn map(&mut self, schema: &Value, map: &Map<String, Value>, path: &str) {
        let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let required = list(schema, "required").into_iter().flatten().filter_map(Value::as_str);
        for key in required.filter(|key| !map.contains_key(*key)) {
            self.misshapen(&below(key), "is required and missing");
        }
        let length = count(map.len());
        if let Some(most) = limit(schema, "maxProperties").filter(|most| length > *most) {
            self.misshapen(path, format!("has {length} entries; at most {most} are taken"));
        }
        if let Some(least) = limit(schema, "minProperties").filter(|least| length < *least) {
            self.plain(path, format!("has {length} entries; at least {least} are needed"));
        }
        let properties = schema.get("properties");
        for (key, value) in map {
            let part = properties.and_then(|p| p.get(key)).or_else(|| schema.get("additionalProperties"));
            match part {
                Some(part) => self.value(part, value, &below(key)),
                // The apiserver knows these three without a schema.
                None if path.is_empty() && ["apiVersion", "kind", "metadata"].contains(&key.as_str()) => {}
                None => self.plain(&below(key), unknown(properties)),
            }
        }
    }
}

fn unknown(properties: Option<&Value>) -> String {
    let known: Vec<&str> =
        properties.and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    format!("unknown field; known here: {}", known.join(", "))
}

/// What two items of a list must differ in.
fn identity(schema: &Value, item: &Value) -> Option<String> {
    match text(schema, "x-kubernetes-list-type") {
        "set" => Some(item.to_string()),
        "map" => {
            let keys = list(schema, "x-kubernetes-list-map-keys")?;
            let of = |key: &Value| item.get(key.as_str().unwrap_or_default()).map(ToString::to_string);
            Some(keys.iter().map(|key| of(key).unwrap_or_default()).collect::<Vec<_>>().join(" "))
        }
        _ => None,
    }
}

fn text<'a>(schema: &'a Value, word: &str) -> &'a str {
    schema.get(word).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(schema: &'a Value, word: &str) -> Option<&'a Vec<Value>> {
    schema.get(word).and_then(Value::as_array)
}

fn limit(schema: &Value, word: &str) -> Option<u64> {
    schema.get(word).and_then(Value::as_u64)
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn fits(wanted: &str, value: &Value) -> bool {
    wanted == type_of(value) || wanted == "number" && value.is_number()
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn article(type_: &str) -> &str {
    match type_ {
        "null" => "empty",
        "boolean" => "true or false",
        "number" => "a number",
        "integer" => "a whole number",
        "string" => "a text",
        "array" => "a list",
        "object" => "a map",
        other => other,
    }
}
