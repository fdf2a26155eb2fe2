//! CEL rules (`x-kubernetes-validations`), evaluated by the crate kube-cel, walked as the apiserver walks.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use kube_cel::{CompiledSchema, ErrorKind, ValidationError, compile_schema};
use serde_json::{Map, Value};

use super::node::Node;
use crate::kube::status::{FieldError, FieldErrorType};

/// The rules of one schema node.
#[derive(Debug)]
pub(super) struct Rules {
    each: Vec<Rule>,
    /// All rules at once, and those that compare with the former object: what they let pass costs one evaluation.
    all: CompiledSchema,
    transitions: CompiledSchema,
    /// The fields of the value that the rules name, where they name nothing else of it.
    named: Option<BTreeSet<String>>,
    /// What has passed already: rules know nothing but `self` and `oldSelf`, so they let the same pass again.
    passed: Mutex<BTreeSet<u64>>,
    /// Whether the node's values are maps or lists, which errors do not show.
    compound: bool,
}

/// One rule, compiled with the node's types.
#[derive(Debug)]
struct Rule {
    compiled: CompiledSchema,
    transition: bool,
    optional_old: bool,
    /// What an evaluation error names.
    shown: String,
}

/// Fingerprints that a node remembers.
const REMEMBERED: usize = 10_000;

impl Rules {
    /// The rules at this node; those below it belong to their own nodes.
    pub(super) fn compile(schema: &Value) -> Option<Self> {
        let rules = schema.get("x-kubernetes-validations")?.as_array()?;
        let bare = without_rules(schema);
        let compiled: Vec<Rule> = rules.iter().map(|rule| Rule::compile(rule, &bare)).collect();
        let compound = matches!(schema.get("type").and_then(Value::as_str), Some("object" | "array"));
        let comparing = rules.iter().zip(&compiled).filter(|(_, compiled)| compiled.transition);
        let comparing = comparing.map(|(rule, _)| rule.clone()).collect();
        Some(Self {
            all: compile_schema(&with_rules(&bare, rules.clone())),
            transitions: compile_schema(&with_rules(&bare, comparing)),
            named: named_fields(rules),
            passed: Mutex::default(),
            each: compiled,
            compound,
        })
    }

    /// As much of a value as the rules can see.
    fn seen<'a>(&self, value: &'a Value) -> Cow<'a, Value> {
        let (Some(named), Value::Object(map)) = (&self.named, value) else { return Cow::Borrowed(value) };
        let fields = map.iter().filter(|(field, _)| named.contains(*field));
        let fields = fields.map(|(field, value)| match (field.as_str(), value) {
            // Of an object's metadata rules see the name alone.
            ("metadata", Value::Object(metadata)) if map.contains_key("kind") => {
                let kept =
                    metadata.iter().filter(|(key, _)| ["name", "generateName"].contains(&key.as_str()));
                (field.clone(), kept.map(|(k, v)| (k.clone(), v.clone())).collect::<Map<_, _>>().into())
            }
            _ => (field.clone(), value.clone()),
        });
        Cow::Owned(fields.collect::<Map<_, _>>().into())
    }

    /// Whether it is certain, at the cost of one evaluation, that each rule that counts lets the value pass. `same`: only
    /// transition rules count.
    fn pass(&self, value: &Value, old: Option<&Value>, same: bool) -> bool {
        // Without a former object each transition rule is a case of its own.
        if old.is_none() && self.each.iter().any(|rule| rule.transition) {
            return false;
        }
        if same && self.each.iter().all(|rule| !rule.transition) {
            return true;
        }
        let (value, old) = (self.seen(value), old.map(|old| self.seen(old)));
        let mut hasher = DefaultHasher::new();
        (&value, &old, same).hash(&mut hasher);
        let fingerprint = hasher.finish();
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        if passed.contains(&fingerprint) {
            return true;
        }
        let rules = if same { &self.transitions } else { &self.all };
        let pass = kube_cel::validate_compiled(rules, &value, old.as_deref()).is_ok();
        if pass && passed.len() < REMEMBERED {
            passed.insert(fingerprint);
        }
        pass
    }
}

/// The fields that follow `self` and `oldSelf`; none where one of them stands by itself.
fn named_fields(rules: &[Value]) -> Option<BTreeSet<String>> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut named = BTreeSet::new();
    for rule in rules {
        // A message may be an expression too.
        let texts = ["rule", "messageExpression"].map(|key| rule.get(key).and_then(Value::as_str));
        for text in texts.into_iter().flatten() {
            for (at, found) in text.match_indices("self").chain(text.match_indices("oldSelf")) {
                let before = text.get(..at).and_then(|s| s.chars().next_back());
                if before.is_some_and(word) {
                    continue;
                }
                let rest = text.get(at + found.len()..)?;
                if rest.starts_with(word) {
                    continue;
                }
                let field: String = rest.strip_prefix('.')?.chars().take_while(|c| word(*c)).collect();
                named.insert(field);
            }
        }
    }
    Some(named)
}

fn with_rules(bare: &Value, rules: Vec<Value>) -> Value {
    let mut schema = bare.clone();
    if let Some(map) = schema.as_object_mut() {
        map.insert("x-kubernetes-validations".to_owned(), Value::Array(rules));
    }
    schema
}

impl Rule {
    fn compile(rule: &Value, bare: &Value) -> Self {
        let text = |key: &str| rule.get(key).and_then(Value::as_str).unwrap_or_default().trim();
        Self {
            compiled: compile_schema(&with_rules(bare, vec![rule.clone()])),
            transition: names_old_self(text("rule")),
            optional_old: rule.get("optionalOldSelf") == Some(&Value::Bool(true)),
            shown: if text("message").is_empty() { text("rule") } else { text("message") }.to_owned(),
        }
    }

    fn evaluate(&self, value: &Value, old: Option<&Value>) -> Vec<ValidationError> {
        if self.transition && old.is_none() && !self.optional_old {
            return Vec::new();
        }
        match kube_cel::validate_compiled(&self.compiled, value, old) {
            Ok(()) => Vec::new(),
            Err(errors) => errors.into_vec(),
        }
    }
}

/// Whether the identifier `oldSelf` occurs.
fn names_old_self(rule: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    rule.match_indices("oldSelf").any(|(at, name)| {
        let before = rule.get(..at).and_then(|s| s.chars().next_back());
        let after = rule.get(at + name.len()..).and_then(|s| s.chars().next());
        !before.is_some_and(word) && !after.is_some_and(word)
    })
}

/// The schema with types alone: no rule, no default (values are defaulted before), no branch.
fn without_rules(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            let dropped = ["x-kubernetes-validations", "default", "allOf", "anyOf", "oneOf", "not"];
            let kept = map.iter().filter(|(k, _)| !dropped.contains(&k.as_str()));
            kept.map(|(k, v)| (k.clone(), below(k, v))).collect::<Map<String, Value>>().into()
        }
        other => other.clone(),
    }
}

/// Below `properties` the keys are names, not keywords.
fn below(keyword: &str, value: &Value) -> Value {
    match (keyword, value) {
        ("properties", Value::Object(map)) => {
            map.iter().map(|(k, v)| (k.clone(), without_rules(v))).collect::<Map<String, Value>>().into()
        }
        ("items" | "additionalProperties", schema) => without_rules(schema),
        _ => value.clone(),
    }
}

/// What the rules refuse in `value` and below. `same` says whether the nearest part that can be told to be the same
/// object is unchanged: then only transition rules count (ratcheting).
pub(super) fn check(
    node: &Node,
    path: &str,
    value: &Value,
    old: Option<&Value>,
    same: bool,
) -> Vec<FieldError> {
    if value.is_null() {
        return Vec::new();
    }
    let same = old.map_or(same, |old| old == value);
    let mut errors = own(node, path, value, old, same);
    for branch in &node.all_of {
        errors.extend(check(branch, path, value, old, false));
    }
    match value {
        Value::Object(map) => {
            for (name, field) in map {
                let (Some(below), named) = (node.field(name), node.properties.contains_key(name)) else {
                    continue;
                };
                let below_path = match (path, named) {
                    ("", _) => name.clone(),
                    (_, true) => format!("{path}.{name}"),
                    (_, false) => format!("{path}[{name}]"),
                };
                let old = old.and_then(|o| o.get(name));
                errors.extend(check(below, &below_path, field, old, same && old.is_some()));
            }
        }
        Value::Array(items) => {
            if let Some(below) = &node.items {
                for (index, item) in items.iter().enumerate() {
                    let old = node.counterpart(item, old);
                    errors.extend(check(below, &format!("{path}[{index}]"), item, old, same));
                }
            }
        }
        _ => {}
    }
    errors
}

fn own(node: &Node, path: &str, value: &Value, old: Option<&Value>, same: bool) -> Vec<FieldError> {
    let Some(rules) = node.rules.as_ref().filter(|rules| !rules.pass(value, old, same)) else {
        return Vec::new();
    };
    let mut errors = Vec::new();
    for rule in rules.each.iter().filter(|r| r.transition || !same) {
        for error in rule.evaluate(value, old) {
            errors.push(field_error(rule, path, &error, (!rules.compound).then(|| value.clone())));
        }
    }
    errors
}

fn field_error(rule: &Rule, path: &str, error: &ValidationError, value: Option<Value>) -> FieldError {
    let field = match error.field_path.trim_start_matches('.') {
        "" => path.to_owned(),
        below if path.is_empty() => below.to_owned(),
        below => format!("{path}.{below}"),
    };
    let field = if field.is_empty() { "<nil>".to_owned() } else { field };
    if error.kind == ErrorKind::ValidationFailure {
        let detail = error.message.trim().to_owned();
        return FieldError { kind: kind(error.reason.as_deref()), field, value, detail };
    }
    let detail = format!("{} evaluating rule: {}", error.message, rule.shown);
    FieldError { kind: FieldErrorType::Invalid, field, value, detail }
}

fn kind(reason: Option<&str>) -> FieldErrorType {
    match reason {
        Some("FieldValueForbidden") => FieldErrorType::Forbidden,
        Some("FieldValueRequired") => FieldErrorType::Required,
        Some("FieldValueDuplicate") => FieldErrorType::Duplicate,
        _ => FieldErrorType::Invalid,
    }
}
