//! How the parts of an object merge: whole, by field, or by list entry.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::set::{FieldSet, Step};

/// The merge type of a value.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// One value, owned as a whole: scalars, atomic maps and atomic lists.
    Leaf,
    /// Fields, each owned by itself; `open` is the shape of fields that are not named.
    Map { named: BTreeMap<String, Shape>, open: Option<Box<Shape>> },
    /// Values, each owned by itself.
    Set,
    /// Entries told apart by the keys (with the keys' defaults).
    Entries { keys: Vec<(String, Option<Value>)>, entry: Box<Shape> },
    /// No schema: maps merge by field, all else is a leaf.
    Deduced,
}

impl Shape {
    /// Of objects under this schema, if there is one.
    pub(crate) fn of_object(schema: Option<&Value>) -> Self {
        let mut root = match schema {
            Some(schema) => Self::of_schema(schema),
            None => Self::Map { named: BTreeMap::new(), open: Some(Box::new(Self::Deduced)) },
        };
        if let Self::Map { named, .. } = &mut root {
            named.insert("metadata".to_owned(), METADATA.clone());
            for scalar in ["apiVersion", "kind"] {
                named.insert(scalar.to_owned(), Self::Leaf);
            }
        }
        root
    }

    fn of_schema(schema: &Value) -> Self {
        let flag = |name: &str| schema.get(name) == Some(&Value::Bool(true));
        let text = |name: &str| schema.get(name).and_then(Value::as_str).unwrap_or_default();
        if flag("x-kubernetes-int-or-string") || text("x-kubernetes-map-type") == "atomic" {
            return Self::Leaf;
        }
        match text("type") {
            "array" => Self::of_list(schema),
            "object" => Self::of_map(schema),
            "" => Self::Deduced,
            _ => Self::Leaf,
        }
    }

    fn of_map(schema: &Value) -> Self {
        let properties = schema.get("properties").and_then(Value::as_object);
        let named: BTreeMap<String, Self> =
            properties.into_iter().flatten().map(|(k, v)| (k.clone(), Self::of_schema(v))).collect();
        let preserves = schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
        let open = match schema.get("additionalProperties") {
            Some(Value::Object(_)) => {
                schema.get("additionalProperties").map(|s| Box::new(Self::of_schema(s)))
            }
            Some(Value::Bool(true)) => Some(Box::new(Self::Deduced)),
            _ => preserves.then(|| Box::new(Self::Deduced)),
        };
        Self::Map { named, open }
    }

    fn of_list(schema: &Value) -> Self {
        match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
            Some("set") => Self::Set,
            Some("map") => {
                let items = schema.get("items").cloned().unwrap_or_default();
                let keys = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
                let default = |key: &str| items.get("properties")?.get(key)?.get("default").cloned();
                let keys = keys.into_iter().flatten().filter_map(Value::as_str);
                let keys = keys.map(|k| (k.to_owned(), default(k))).collect();
                Self::Entries { keys, entry: Box::new(Self::of_schema(&items)) }
            }
            _ => Self::Leaf,
        }
    }

    /// With what is deduced from `value` in place of what has no schema.
    pub(super) fn resolved(&self, value: Option<&Value>) -> Self {
        match (self, value) {
            (Self::Deduced, Some(Value::Object(_))) => {
                Self::Map { named: BTreeMap::new(), open: Some(Box::new(Self::Deduced)) }
            }
            (Self::Deduced, _) => Self::Leaf,
            _ => self.clone(),
        }
    }

    /// The shape of a map's field, and whether the schema names it.
    pub(super) fn field(&self, name: &str) -> (Option<&Shape>, bool) {
        match self {
            Self::Map { named, open } => match named.get(name) {
                Some(shape) => (Some(shape), true),
                None => (open.as_deref(), false),
            },
            _ => (None, false),
        }
    }

    /// The shape below a step.
    fn below(&self, step: &str) -> Option<&Shape> {
        match (self, step.strip_prefix("f:")) {
            (Self::Entries { entry, .. }, _) => Some(entry),
            (_, Some(name)) => self.field(name).0,
            _ => None,
        }
    }

    /// The step that names an entry of a list of this shape.
    pub(super) fn entry_step(&self, entry: &Value) -> Option<Step> {
        match self {
            Self::Set => Some(format!("v:{entry}")),
            Self::Entries { keys, .. } => {
                let key = |(name, default): &(String, Option<Value>)| {
                    Some((name.clone(), entry.get(name).or(default.as_ref())?.clone()))
                };
                let keys: Map<String, Value> = keys.iter().filter_map(key).collect();
                Some(format!("k:{}", Value::Object(keys)))
            }
            _ => None,
        }
    }

    pub(super) fn entry(&self) -> &Shape {
        match self {
            Self::Entries { entry, .. } => entry,
            _ => &Shape::Leaf,
        }
    }

    /// `set` with each named field that leads to a member made a member itself.
    pub(super) fn named_fields_as_members(&self, set: &FieldSet) -> FieldSet {
        let named = |step: &str| step.strip_prefix("f:").is_some_and(|name| self.field(name).1);
        let deeper = |step: &str, child: &FieldSet| match self.below(step) {
            Some(shape) => shape.named_fields_as_members(child),
            None => child.clone(),
        };
        set.with_members(named, deeper)
    }
}

/// `ObjectMeta` as its OpenAPI markers say it merges.
static METADATA: LazyLock<Shape> = LazyLock::new(|| {
    let map = |open: Shape| Shape::Map { named: BTreeMap::new(), open: Some(Box::new(open)) };
    let mut named: BTreeMap<String, Shape> = [
        "name",
        "generateName",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "managedFields",
    ]
    .into_iter()
    .map(|name| (name.to_owned(), Shape::Leaf))
    .collect();
    named.insert("labels".to_owned(), map(Shape::Leaf));
    named.insert("annotations".to_owned(), map(Shape::Leaf));
    named.insert("finalizers".to_owned(), Shape::Set);
    let owners = Shape::Entries { keys: vec![("uid".to_owned(), None)], entry: Box::new(Shape::Leaf) };
    named.insert("ownerReferences".to_owned(), owners);
    Shape::Map { named, open: None }
});
