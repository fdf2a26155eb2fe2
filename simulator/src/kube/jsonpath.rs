//! The part of kubectl's JSONPath that printer columns and selectable fields use.

use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    Filter { path: Vec<String>, value: String, negated: bool },
}

/// A parsed path: fields, `[n]`, `[*]`, `['field']` and `[?(@.field=="value")]`. Other syntax finds nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonPath(Option<Vec<Step>>);

impl JsonPath {
    pub(crate) fn parse(path: &str) -> Self {
        let path = path.trim_start_matches('{').trim_end_matches('}').trim_start_matches('$');
        let mut steps = Vec::new();
        let mut rest = path;
        while !rest.is_empty() {
            let Some((step, after)) = next_step(rest) else { return Self(None) };
            steps.extend(step);
            rest = after;
        }
        Self(Some(steps))
    }

    /// The values found, in order; none where a step leads nowhere.
    pub(crate) fn find<'a>(&self, root: &'a Value) -> Vec<&'a Value> {
        let Some(steps) = &self.0 else { return Vec::new() };
        steps.iter().fold(vec![root], |found, step| found.into_iter().flat_map(|v| step.apply(v)).collect())
    }
}

impl Step {
    fn apply<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Self::Field(name) => value.get(name).into_iter().collect(),
            Self::Index(index) => element(value, *index).into_iter().collect(),
            Self::All => match value {
                Value::Array(items) => items.iter().collect(),
                Value::Object(map) => map.values().collect(),
                _ => Vec::new(),
            },
            Self::Filter { path, value: wanted, negated } => {
                let items = value.as_array().into_iter().flatten();
                items.filter(|item| matches(item, path, wanted) != *negated).collect()
            }
        }
    }
}

fn element(value: &Value, index: i64) -> Option<&Value> {
    let items = value.as_array()?;
    let index = if index < 0 { index.checked_add_unsigned(items.len() as u64)? } else { index };
    items.get(usize::try_from(index).ok()?)
}

fn matches(item: &Value, path: &[String], wanted: &str) -> bool {
    let found = path.iter().try_fold(item, |value, field| value.get(field));
    match found {
        Some(Value::String(text)) => text == wanted,
        Some(other) => format!("{other}") == wanted,
        None => false,
    }
}

fn next_step(rest: &str) -> Option<(Option<Step>, &str)> {
    if let Some(inner) = rest.strip_prefix('[') {
        let end = closing(inner)?;
        let (inside, after) = (inner.get(..end)?, inner.get(end + 1..)?);
        return Some((Some(bracket(inside.trim())?), after));
    }
    let rest = rest.strip_prefix('.').unwrap_or(rest);
    let (field, after) = field(rest);
    Some(((!field.is_empty()).then_some(Step::Field(field)), after))
}

/// Reads a field name up to the next `.` or `[`; a backslash takes the next character literally.
fn field(rest: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.extend(chars.next().map(|(_, c)| c)),
            '.' | '[' => return (name, rest.get(at..).unwrap_or_default()),
            _ => name.push(c),
        }
    }
    (name, "")
}

/// Where the bracket that was opened before `text` closes, quotes respected.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, ']') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

fn bracket(inside: &str) -> Option<Step> {
    if inside == "*" {
        return Some(Step::All);
    }
    if let Some(condition) = inside.strip_prefix("?(").and_then(|s| s.strip_suffix(')')) {
        return filter(condition);
    }
    if let Some(name) = unquoted(inside) {
        return Some(Step::Field(name.to_owned()));
    }
    inside.parse().ok().map(Step::Index)
}

fn filter(condition: &str) -> Option<Step> {
    let (left, right, negated) = match condition.split_once("==") {
        Some((left, right)) => (left, right, false),
        None => condition.split_once("!=").map(|(left, right)| (left, right, true))?,
    };
    let path = left.trim().strip_prefix("@.")?.split('.').map(str::to_owned).collect();
    let right = right.trim();
    Some(Step::Filter { path, value: unquoted(right).unwrap_or(right).to_owned(), negated })
}

fn unquoted(text: &str) -> Option<&str> {
    ['"', '\''].into_iter().find_map(|q| text.strip_prefix(q)?.strip_suffix(q))
}
