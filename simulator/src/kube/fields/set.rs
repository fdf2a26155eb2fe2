//! Sets of field paths, in the wire form `FieldsV1`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// One step of a path as FieldsV1 writes it: `f:name`, `k:{"type":"Ready"}` or `v:"value"`.
pub(super) type Step = String;

/// A set of paths. A member of `children` that is not in `members` only leads to deeper members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldSet {
    members: BTreeSet<Step>,
    children: BTreeMap<Step, FieldSet>,
}

impl FieldSet {
    /// The set of these paths of field names.
    pub(super) fn of(paths: &[&[&str]]) -> Self {
        let mut set = Self::default();
        for path in paths {
            let steps: Vec<Step> = path.iter().map(|name| format!("f:{name}")).collect();
            set.insert(&steps);
        }
        set
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.values().all(Self::is_empty)
    }

    /// Inserts a path; the empty path is the whole object, which is not tracked.
    pub(super) fn insert(&mut self, path: &[Step]) {
        match path {
            [] => {}
            [last] => {
                self.members.insert(last.clone());
            }
            [first, rest @ ..] => self.children.entry(first.clone()).or_default().insert(rest),
        }
    }

    pub(super) fn has(&self, step: &str) -> bool {
        self.members.contains(step)
    }

    pub(super) fn below(&self, step: &str) -> Option<&Self> {
        self.children.get(step).filter(|c| !c.is_empty())
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        let mut out = self.clone();
        out.members.extend(other.members.iter().cloned());
        for (step, theirs) in &other.children {
            let merged = out.children.get(step).map_or_else(|| theirs.clone(), |ours| ours.union(theirs));
            out.children.insert(step.clone(), merged);
        }
        out
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let common =
            |(step, ours): (&Step, &Self)| Some((step.clone(), ours.intersection(other.children.get(step)?)));
        Self {
            members: self.members.intersection(&other.members).cloned().collect(),
            children: self.children.iter().filter_map(common).filter(|(_, c)| !c.is_empty()).collect(),
        }
    }

    /// Members of `self` that are not members of `other`; what lies below a removed member stays.
    pub(super) fn difference(&self, other: &Self) -> Self {
        let left = |(step, ours): (&Step, &Self)| {
            let kept =
                other.children.get(step).map_or_else(|| ours.clone(), |theirs| ours.difference(theirs));
            (step.clone(), kept)
        };
        Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: self.children.iter().map(left).filter(|(_, c)| !c.is_empty()).collect(),
        }
    }

    /// The same, but with a removed member goes all that lies below it.
    pub(super) fn without(&self, other: &Self) -> Self {
        let left = |(step, ours): (&Step, &Self)| {
            if other.members.contains(step) {
                return None;
            }
            let kept = other.children.get(step).map_or_else(|| ours.clone(), |theirs| ours.without(theirs));
            Some((step.clone(), kept))
        };
        Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: self.children.iter().filter_map(left).filter(|(_, c)| !c.is_empty()).collect(),
        }
    }

    /// With each child mapped, and the children that `is_member` picks made members.
    pub(super) fn with_members(
        &self,
        is_member: impl Fn(&str) -> bool,
        deeper: impl Fn(&str, &Self) -> Self,
    ) -> Self {
        let mut members = self.members.clone();
        members.extend(self.children.keys().filter(|step| is_member(step)).cloned());
        let children =
            self.children.iter().map(|(step, child)| (step.clone(), deeper(step, child))).collect();
        Self { members, children }
    }

    /// All member paths.
    pub(super) fn paths(&self) -> Vec<Vec<Step>> {
        let here = self.members.iter().map(|m| vec![m.clone()]);
        let deeper = self.children.iter().flat_map(|(step, child)| {
            child.paths().into_iter().map(move |mut path| {
                path.insert(0, step.clone());
                path
            })
        });
        here.chain(deeper).collect()
    }

    pub(super) fn to_fields(&self) -> Value {
        let steps: BTreeSet<&Step> = self.members.iter().chain(self.children.keys()).collect();
        let field = |step: &Step| {
            let mut below = match self.children.get(step).map(Self::to_fields) {
                Some(Value::Object(map)) => map,
                _ => Map::new(),
            };
            if self.members.contains(step) && !below.is_empty() {
                below.insert(".".to_owned(), Value::Object(Map::new()));
            }
            (step.clone(), Value::Object(below))
        };
        Value::Object(steps.into_iter().map(field).collect())
    }

    pub(super) fn from_fields(fields: &Value) -> Self {
        let mut set = Self::default();
        for (step, below) in fields.as_object().into_iter().flatten().filter(|(step, _)| *step != ".") {
            let empty = below.as_object().is_none_or(Map::is_empty);
            if empty || below.get(".").is_some() {
                set.members.insert(step.clone());
            }
            let child = Self::from_fields(below);
            if !child.is_empty() {
                set.children.insert(step.clone(), child);
            }
        }
        set
    }
}

/// A path as people read it: `.status.conditions[type="Ready"].reason`.
pub(super) fn shown(path: &[Step]) -> String {
    path.iter().map(|step| shown_step(step)).collect()
}

fn shown_step(step: &str) -> String {
    match step.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("v", value)) => format!("[={value}]"),
        Some(("k", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let keys: Vec<String> = keys.iter().map(|(k, v)| format!("{k}={v}")).collect();
            format!("[{}]", keys.join(","))
        }
        _ => format!("[{step}]"),
    }
}
