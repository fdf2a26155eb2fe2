//! Label and field selectors.

use serde_json::Value;

use super::kinds::Kind;
use super::object;
use super::request::Query;
use super::status::StatusError;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In { key: String, values: Vec<String> },
    NotIn { key: String, values: Vec<String> },
    Exists(String),
    Missing(String),
}

/// Which objects a list, a watch or a deletion of many is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, String, bool)>,
    /// The namespace, or all when empty.
    namespace: String,
}

impl Selector {
    pub(crate) fn parse(kind: &Kind, namespace: &str, query: &Query) -> Result<Self, StatusError> {
        Ok(Self {
            labels: labels(query.get("labelSelector").unwrap_or_default())?,
            fields: fields(kind, query.get("fieldSelector").unwrap_or_default())?,
            namespace: namespace.to_owned(),
        })
    }

    /// The same, of one object only.
    pub(crate) fn named(mut self, name: &str) -> Self {
        self.fields.push(("metadata.name".to_owned(), name.to_owned(), true));
        self
    }

    pub(crate) fn matches(&self, kind: &Kind, object: &Value) -> bool {
        (self.namespace.is_empty() || object::namespace(object) == self.namespace)
            && self.labels.iter().all(|r| r.holds(object))
            && self
                .fields
                .iter()
                .all(|(field, wanted, equal)| (field_value(kind, object, field) == *wanted) == *equal)
    }
}

impl Requirement {
    fn holds(&self, object: &Value) -> bool {
        let value = |key: &str| object::labels(object).find(|(k, _)| *k == key).map(|(_, v)| v);
        match self {
            Self::In { key, values } => value(key).is_some_and(|v| values.iter().any(|w| w == v)),
            Self::NotIn { key, values } => value(key).is_none_or(|v| values.iter().all(|w| w != v)),
            Self::Exists(key) => value(key).is_some(),
            Self::Missing(key) => value(key).is_none(),
        }
    }
}

fn field_value(kind: &Kind, object: &Value, field: &str) -> String {
    match field {
        "metadata.name" => object::name(object).to_owned(),
        "metadata.namespace" => object::namespace(object).to_owned(),
        _ => {
            let path = kind.selectable.iter().find(|(name, _)| name == field);
            let found = path.and_then(|(_, path)| path.find(object).first().copied());
            found.map(plain).unwrap_or_default()
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn fields(kind: &Kind, text: &str) -> Result<Vec<(String, String, bool)>, StatusError> {
    let mut parsed = Vec::new();
    for part in text.split(',').filter(|p| !p.is_empty()) {
        let (key, value, equal) = if let Some((key, value)) = part.split_once("!=") {
            (key, value, false)
        } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            (key, value, true)
        } else {
            return Err(StatusError::bad_request(format!(
                "invalid selector: '{text}'; can't understand '{part}'"
            )));
        };
        let known = key == "metadata.name"
            || (key == "metadata.namespace" && kind.namespaced)
            || kind.selectable.iter().any(|(name, _)| name == key);
        if !known {
            return Err(StatusError::bad_request(format!("field label not supported: {key}")));
        }
        parsed.push((key.to_owned(), value.to_owned(), equal));
    }
    Ok(parsed)
}

fn labels(text: &str) -> Result<Vec<Requirement>, StatusError> {
    let unparsable = || {
        StatusError::bad_request(format!(
            "unable to parse requirement: found '{text}', expected: a label selector"
        ))
    };
    split_outside_parentheses(text)
        .into_iter()
        .map(|part| requirement(&part).ok_or_else(unparsable))
        .collect()
}

/// Splits at commas that are not within the parentheses of a set.
fn split_outside_parentheses(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_u32;
    for c in text.chars() {
        depth = match c {
            '(' => depth + 1,
            ')' => depth.saturating_sub(1),
            _ => depth,
        };
        match parts.last_mut() {
            Some(last) if c != ',' || depth > 0 => last.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts.retain(|p| !p.trim().is_empty());
    parts
}

fn requirement(part: &str) -> Option<Requirement> {
    let part = part.trim();
    let one = |key: &str, value: &str| (key.trim().to_owned(), vec![value.trim().to_owned()]);
    if let Some((key, value)) = part.split_once("!=") {
        let (key, values) = one(key, value);
        return Some(Requirement::NotIn { key, values });
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        let (key, values) = one(key, value);
        return Some(Requirement::In { key, values });
    }
    if let Some(key) = part.strip_prefix('!') {
        return Some(Requirement::Missing(key.trim().to_owned()));
    }
    let Some((before, set)) = part.split_once('(') else {
        return (!part.contains(' ')).then(|| Requirement::Exists(part.to_owned()));
    };
    let values: Vec<String> = set.strip_suffix(')')?.split(',').map(|v| v.trim().to_owned()).collect();
    match before.split_whitespace().collect::<Vec<_>>().as_slice() {
        [key, "in"] => Some(Requirement::In { key: (*key).to_owned(), values }),
        [key, "notin"] => Some(Requirement::NotIn { key: (*key).to_owned(), values }),
        _ => None,
    }
}
