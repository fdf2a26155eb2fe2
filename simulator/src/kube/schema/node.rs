//! A structural schema, taken apart once.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use super::rules::Rules;

/// One node of a schema.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// Empty for any; several are joined by commas.
    pub(super) type_: String,
    pub(super) nullable: bool,
    pub(super) preserve_unknown: bool,
    pub(super) embedded: bool,
    pub(super) properties: BTreeMap<String, Node>,
    pub(super) additional: Option<Box<Node>>,
    pub(super) items: Option<Box<Node>>,
    pub(super) default: Option<Value>,
    pub(super) required: Vec<String>,
    pub(super) limits: Limits,
    pub(super) list_type: String,
    pub(super) list_map_keys: Vec<String>,
    pub(super) all_of: Vec<Node>,
    pub(super) one_of: Vec<Node>,
    pub(super) any_of: Vec<Node>,
    pub(super) not: Option<Box<Node>>,
    pub(super) rules: Option<Rules>,
}

/// Limits on one value.
#[derive(Debug, Default)]
pub(super) struct Limits {
    pub(super) enumeration: Vec<Value>,
    pub(super) format: String,
    pub(super) pattern: Option<(String, Option<Regex>)>,
    pub(super) min_length: Option<u64>,
    pub(super) max_length: Option<u64>,
    pub(super) min_items: Option<u64>,
    pub(super) max_items: Option<u64>,
    pub(super) unique_items: bool,
    pub(super) min_properties: Option<u64>,
    pub(super) max_properties: Option<u64>,
    pub(super) minimum: Option<Bound>,
    pub(super) maximum: Option<Bound>,
    pub(super) multiple_of: Option<f64>,
}

/// A numeric limit, shown as the schema has it.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) value: f64,
    pub(super) shown: String,
    pub(super) exclusive: bool,
}

impl Node {
    pub(super) fn parse(schema: &Value) -> Self {
        let flag = |name: &str| schema.get(name) == Some(&Value::Bool(true));
        let nested =
            |name: &str| schema.get(name).filter(|s| s.is_object()).map(|s| Box::new(Self::parse(s)));
        let properties = schema.get("properties").and_then(Value::as_object);
        let branches = |name: &str| list(schema, name).map(Self::parse).collect();
        Self {
            type_: if flag("x-kubernetes-int-or-string") {
                "integer,string".to_owned()
            } else {
                text(schema, "type")
            },
            nullable: flag("nullable"),
            preserve_unknown: flag("x-kubernetes-preserve-unknown-fields"),
            embedded: flag("x-kubernetes-embedded-resource"),
            properties: properties.into_iter().flatten().map(|(k, v)| (k.clone(), Self::parse(v))).collect(),
            additional: additional(schema),
            items: nested("items"),
            default: schema.get("default").cloned(),
            required: strings(schema, "required"),
            limits: Limits::parse(schema),
            list_type: text(schema, "x-kubernetes-list-type"),
            list_map_keys: strings(schema, "x-kubernetes-list-map-keys"),
            all_of: branches("allOf"),
            one_of: branches("oneOf"),
            any_of: branches("anyOf"),
            not: nested("not"),
            rules: Rules::compile(schema),
        }
    }

    /// The node below a field of a map.
    pub(super) fn field(&self, name: &str) -> Option<&Node> {
        self.properties.get(name).or(self.additional.as_deref())
    }

    /// The entry of `old` that `entry` is the new state of: only lists of type map can tell.
    pub(super) fn counterpart<'a>(&self, entry: &Value, old: Option<&'a Value>) -> Option<&'a Value> {
        if self.list_type != "map" {
            return None;
        }
        let same = |other: &&Value| self.list_map_keys.iter().all(|k| other.get(k) == entry.get(k));
        old?.as_array()?.iter().find(same)
    }
}

/// The schema of unnamed fields; `true` is a schema that takes anything.
fn additional(schema: &Value) -> Option<Box<Node>> {
    match schema.get("additionalProperties")? {
        Value::Bool(true) => {
            Some(Box::new(Node { preserve_unknown: true, nullable: true, ..Node::default() }))
        }
        Value::Object(_) => schema.get("additionalProperties").map(|s| Box::new(Node::parse(s))),
        _ => None,
    }
}

impl Limits {
    fn parse(schema: &Value) -> Self {
        let number = |name: &str| schema.get(name).and_then(Value::as_u64);
        let bound = |name: &str, exclusive: &str| {
            let limit = schema.get(name)?;
            Some(Bound {
                value: limit.as_f64()?,
                shown: limit.to_string().trim_end_matches(".0").to_owned(),
                exclusive: schema.get(exclusive) == Some(&Value::Bool(true)),
            })
        };
        let pattern = schema.get("pattern").and_then(Value::as_str);
        Self {
            enumeration: list(schema, "enum").cloned().collect(),
            format: text(schema, "format"),
            pattern: pattern.map(|p| (p.to_owned(), Regex::new(p).ok())),
            min_length: number("minLength"),
            max_length: number("maxLength"),
            min_items: number("minItems"),
            max_items: number("maxItems"),
            unique_items: schema.get("uniqueItems") == Some(&Value::Bool(true)),
            min_properties: number("minProperties"),
            max_properties: number("maxProperties"),
            minimum: bound("minimum", "exclusiveMinimum"),
            maximum: bound("maximum", "exclusiveMaximum"),
            multiple_of: schema.get("multipleOf").and_then(Value::as_f64),
        }
    }
}

fn text(schema: &Value, name: &str) -> String {
    schema.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list<'a>(schema: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    schema.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn strings(schema: &Value, name: &str) -> Vec<String> {
    list(schema, name).filter_map(Value::as_str).map(str::to_owned).collect()
}
