//! Comparing, merging and cutting objects by shape: the rules of structured-merge-diff.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::set::{FieldSet, Step};
use super::shape::Shape;

/// What differs between two objects.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) added: FieldSet,
    pub(super) modified: FieldSet,
    pub(super) removed: FieldSet,
}

impl Comparison {
    pub(super) fn between(old: &Value, new: &Value, shape: &Shape) -> Self {
        let mut comparison = Self::default();
        comparison.compare(Some(old), Some(new), shape, &mut Vec::new());
        comparison
    }

    /// Without `ignored` and all below it.
    pub(super) fn without(&self, ignored: &FieldSet) -> Self {
        Self {
            added: self.added.without(ignored),
            modified: self.modified.without(ignored),
            removed: self.removed.without(ignored),
        }
    }

    pub(super) fn changed(&self) -> FieldSet {
        self.modified.union(&self.added)
    }

    fn compare(&mut self, old: Option<&Value>, new: Option<&Value>, shape: &Shape, path: &mut Vec<Step>) {
        // Most of an object is as it was.
        if old == new {
            return;
        }
        let shape = shape.resolved(new.or(old));
        let leaf = match &shape {
            Shape::Leaf | Shape::Deduced => true,
            _ => is_void(old) && is_void(new),
        };
        match (old, new) {
            (None, _) if leaf => self.added.insert(path),
            (_, None) if leaf => self.removed.insert(path),
            (old, new) if leaf => {
                if old != new {
                    self.modified.insert(path);
                }
            }
            _ => self.compare_parts(old, new, &shape, path),
        }
        match (leaf, old, new) {
            (false, None, _) => self.added.insert(path),
            (false, _, None) => self.removed.insert(path),
            _ => {}
        }
    }

    fn compare_parts(
        &mut self,
        old: Option<&Value>,
        new: Option<&Value>,
        shape: &Shape,
        path: &mut Vec<Step>,
    ) {
        let (old, new) = (parts(old, shape), parts(new, shape));
        let steps: std::collections::BTreeSet<&Step> = old.keys().chain(new.keys()).collect();
        for step in steps {
            let below =
                step.strip_prefix("f:").map_or_else(|| Some(shape.entry()), |name| shape.field(name).0);
            path.push(step.clone());
            let (old, new) = (old.get(step).copied(), new.get(step).copied());
            self.compare(old, new, below.unwrap_or(&Shape::Deduced), path);
            path.pop();
        }
    }
}

/// Whether there is nothing in a map or list, or no such thing.
fn is_void(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        _ => false,
    }
}

/// The parts of a map or list by their steps. Of entries with one step the first counts.
fn parts<'a>(value: Option<&'a Value>, shape: &Shape) -> BTreeMap<Step, &'a Value> {
    match value {
        Some(Value::Object(map)) => map.iter().map(|(k, v)| (format!("f:{k}"), v)).collect(),
        Some(Value::Array(items)) => {
            let stepped = items.iter().rev().filter_map(|item| Some((shape.entry_step(item)?, item)));
            stepped.collect()
        }
        _ => BTreeMap::new(),
    }
}

/// The paths that `value` sets.
pub(super) fn field_set(value: &Value, shape: &Shape) -> FieldSet {
    let mut set = FieldSet::default();
    collect(value, shape, &mut Vec::new(), &mut set);
    set
}

fn collect(value: &Value, shape: &Shape, path: &mut Vec<Step>, set: &mut FieldSet) {
    let shape = shape.resolved(Some(value));
    match (&shape, value) {
        (Shape::Map { .. }, Value::Object(map)) => {
            for (name, field) in map {
                let (below, named) = shape.field(name);
                path.push(format!("f:{name}"));
                collect(field, below.unwrap_or(&Shape::Deduced), path, set);
                let empty = field.is_null() || field.as_object().is_some_and(Map::is_empty);
                if empty || !named {
                    set.insert(path);
                }
                path.pop();
            }
        }
        (Shape::Set | Shape::Entries { .. }, Value::Array(items)) => {
            for item in items {
                path.extend(shape.entry_step(item));
                collect(item, shape.entry(), path, set);
                set.insert(path);
                path.pop();
            }
        }
        (Shape::Map { .. } | Shape::Set | Shape::Entries { .. }, Value::Null) => {}
        _ => set.insert(path),
    }
}

/// `live` with `config` laid over it.
pub(super) fn merge(live: Option<&Value>, config: Option<&Value>, shape: &Shape) -> Option<Value> {
    let shape = shape.resolved(config.or(live));
    let leaf = matches!(shape, Shape::Leaf | Shape::Deduced) || (is_void(live) && is_void(config));
    if leaf {
        return config.or(live).cloned();
    }
    match shape {
        Shape::Map { .. } => merge_maps(live, config, &shape),
        _ => merge_lists(live, config, &shape),
    }
}

fn merge_maps(live: Option<&Value>, config: Option<&Value>, shape: &Shape) -> Option<Value> {
    let empty = Map::new();
    let map = |v: Option<&Value>| v.and_then(Value::as_object).cloned().unwrap_or_default();
    let (live, config) = (map(live), map(config));
    let mut merged = empty;
    for name in live.keys().chain(config.keys()) {
        let below = shape.field(name).0.unwrap_or(&Shape::Deduced);
        if let Some(value) = merge(live.get(name), config.get(name), below) {
            merged.insert(name.clone(), value);
        }
    }
    (!merged.is_empty()).then_some(Value::Object(merged))
}

/// Entries of both; those that `config` has come in its order, the others of `live` before the first of those that
/// follow them.
fn merge_lists(live: Option<&Value>, config: Option<&Value>, shape: &Shape) -> Option<Value> {
    let items = |v: Option<&Value>| -> Vec<(Step, Value)> {
        let items = v.and_then(Value::as_array).into_iter().flatten();
        items.filter_map(|item| Some((shape.entry_step(item)?, item.clone()))).collect()
    };
    let (live, config) = (items(live), items(config));
    let find =
        |list: &[(Step, Value)], step: &Step| list.iter().find(|(s, _)| s == step).map(|(_, v)| v.clone());
    let both = |step: &Step| merge(find(&live, step).as_ref(), find(&config, step).as_ref(), shape.entry());
    let mut shared = config.iter().map(|(s, _)| s).filter(|s| find(&live, s).is_some()).peekable();
    let mut waiting = config.iter().map(|(s, _)| s).peekable();
    let mut out = Vec::new();
    for (step, value) in &live {
        if find(&config, step).is_none() {
            out.push(value.clone());
        } else if shared.peek() == Some(&step) {
            shared.next();
            for next in waiting.by_ref() {
                out.extend(both(next));
                if next == step {
                    break;
                }
            }
        }
    }
    out.extend(waiting.filter_map(both));
    (!out.is_empty()).then_some(Value::Array(out))
}

/// `value` without the members of `gone`.
pub(super) fn remove(value: &Value, gone: &FieldSet, shape: &Shape) -> Value {
    let shape = shape.resolved(Some(value));
    match (&shape, value) {
        (Shape::Map { .. }, Value::Object(map)) => {
            let mut kept = Map::new();
            for (name, field) in map {
                let step = format!("f:{name}");
                if gone.has(&step) {
                    continue;
                }
                let below = shape.field(name).0.unwrap_or(&Shape::Deduced);
                let left = gone.below(&step).map_or_else(|| field.clone(), |g| remove(field, g, below));
                kept.insert(name.clone(), left);
            }
            if kept.is_empty() { Value::Null } else { Value::Object(kept) }
        }
        (Shape::Set | Shape::Entries { .. }, Value::Array(items)) => {
            let keep = |item: &Value| {
                let step = shape.entry_step(item)?;
                let left =
                    || gone.below(&step).map_or_else(|| item.clone(), |g| remove(item, g, shape.entry()));
                (!gone.has(&step)).then(left)
            };
            let kept: Vec<Value> = items.iter().filter_map(keep).collect();
            if kept.is_empty() { Value::Null } else { Value::Array(kept) }
        }
        (Shape::Leaf | Shape::Deduced, Value::Object(_) | Value::Array(_)) => Value::Null,
        _ => value.clone(),
    }
}

/// Paths of `value` that the schema does not know.
pub(super) fn undeclared(value: &Value, shape: &Shape, path: &mut Vec<Step>, found: &mut Vec<String>) {
    match (shape, value) {
        (Shape::Map { .. }, Value::Object(map)) => {
            for (name, field) in map {
                path.push(format!("f:{name}"));
                match shape.field(name).0 {
                    Some(below) => undeclared(field, below, path, found),
                    None => found.push(super::set::shown(path)),
                }
                path.pop();
            }
        }
        (Shape::Entries { entry, .. }, Value::Array(items)) => {
            for item in items {
                path.extend(shape.entry_step(item));
                undeclared(item, entry, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}
