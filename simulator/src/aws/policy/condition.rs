//! The conditions of a statement, as far as they are about who calls (IAM User Guide, "Condition operators" \[D]).

use serde_json::Value;

use super::document::texts;
use super::subject::Subject;

/// What a request carries under a condition key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Context {
    Values(Vec<String>),
    /// Such as the organization of an account that is in none.
    Absent,
    /// About something else than the principal.
    Unknown,
}

impl Context {
    pub(super) fn of(value: Option<&String>) -> Self {
        value.map_or(Self::Absent, |value| Self::Values(vec![value.clone()]))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    One,
    ForAny,
    ForAll,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equals,
    EqualsIgnoreCase,
    Like,
}

/// One key of one operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    quantifier: Quantifier,
    /// None: an operator that is not about texts or ARNs.
    comparison: Option<Comparison>,
    negated: bool,
    if_exists: bool,
    /// In lower case: keys are compared without case.
    key: String,
    values: Vec<String>,
}

impl Condition {
    /// All conditions of a `Condition` element; what has another shape is left out.
    pub(super) fn read(element: &Value) -> Vec<Self> {
        let operators = element.as_object().into_iter().flatten();
        let keys = operators.flat_map(|(operator, keys)| {
            keys.as_object().into_iter().flatten().map(move |(key, values)| (operator, key, values))
        });
        keys.map(|(operator, key, values)| Self::new(operator, key, values)).collect()
    }

    fn new(operator: &str, key: &str, values: &Value) -> Self {
        let (quantifier, operator) = match operator.split_once(':') {
            Some(("ForAnyValue", rest)) => (Quantifier::ForAny, rest),
            Some(("ForAllValues", rest)) => (Quantifier::ForAll, rest),
            _ => (Quantifier::One, operator),
        };
        let (operator, if_exists) =
            operator.strip_suffix("IfExists").map_or((operator, false), |rest| (rest, true));
        let (comparison, negated) = match operator {
            "StringEquals" => (Some(Comparison::Equals), false),
            "StringNotEquals" => (Some(Comparison::Equals), true),
            "StringEqualsIgnoreCase" => (Some(Comparison::EqualsIgnoreCase), false),
            "StringNotEqualsIgnoreCase" => (Some(Comparison::EqualsIgnoreCase), true),
            "StringLike" | "ArnEquals" | "ArnLike" => (Some(Comparison::Like), false),
            "StringNotLike" | "ArnNotEquals" | "ArnNotLike" => (Some(Comparison::Like), true),
            _ => (None, false),
        };
        let (key, values) = (key.to_ascii_lowercase(), texts(Some(values)));
        Self { quantifier, comparison, negated, if_exists, key, values }
    }

    /// Whether it holds for requests of a principal; `None`: that depends on the request.
    pub(super) fn holds(&self, subject: &Subject) -> Option<bool> {
        let comparison = self.comparison?;
        let carried = match subject.context(&self.key) {
            Context::Unknown => return None,
            Context::Absent if self.quantifier == Quantifier::ForAny => return Some(self.if_exists),
            Context::Absent => {
                return Some(self.negated || self.if_exists || self.quantifier == Quantifier::ForAll);
            }
            Context::Values(carried) => carried,
        };
        let equal = |carried: &String| self.values.iter().any(|value| matches(comparison, value, carried));
        let fits = |carried: &String| equal(carried) != self.negated;
        Some(match self.quantifier {
            Quantifier::One | Quantifier::ForAny => carried.iter().any(fits),
            Quantifier::ForAll => carried.iter().all(fits),
        })
    }

    /// The values that a key is limited to: only such a condition keeps out whoever does not carry the key.
    pub(super) fn limit(&self, key: &str) -> Option<&[String]> {
        let limits = self.comparison.is_some()
            && !self.negated
            && !self.if_exists
            && self.quantifier != Quantifier::ForAll;
        (limits && self.key == key).then_some(&self.values)
    }
}

fn matches(comparison: Comparison, value: &str, carried: &str) -> bool {
    match comparison {
        Comparison::Equals => value == carried,
        Comparison::EqualsIgnoreCase => value.eq_ignore_ascii_case(carried),
        Comparison::Like => like(value, carried),
    }
}

/// Whether a text fits a pattern with `*` and `?`.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = after(first, text) else {
        return false;
    };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            let count = piece.chars().count();
            let skip = rest.chars().count().checked_sub(count);
            return skip.is_some_and(|skip| {
                let at = rest.char_indices().nth(skip).map_or(rest.len(), |(at, _)| at);
                rest.get(at..).is_some_and(|tail| after(piece, tail).is_some())
            });
        }
        let found = rest
            .char_indices()
            .map(|(at, _)| at)
            .chain([rest.len()])
            .find_map(|at| after(piece, rest.get(at..)?));
        match found {
            Some(tail) => rest = tail,
            None => return false,
        }
    }
    true
}

/// What follows in `text` after a piece without `*`.
fn after<'a>(piece: &str, text: &'a str) -> Option<&'a str> {
    let mut rest = text.chars();
    for want in piece.chars() {
        let have = rest.next()?;
        if want != '?' && want != have {
            return None;
        }
    }
    Some(rest.as_str())
}
