//! Types, limits and formats: the checks of kube-openapi, in its words.

use serde_json::Value;

use super::formats;
use super::node::{Bound, Limits, Node};
use crate::kube::status::{FieldError, FieldErrorType};

/// What is wrong with `value`, apart from parts that are as they were in `old`: those were stored once, and stay
/// acceptable when a schema is tightened (ratcheting).
pub(super) fn check(node: &Node, path: &str, value: &Value, old: Option<&Value>) -> Vec<FieldError> {
    if old == Some(value) {
        return Vec::new();
    }
    let mut errors = Vec::new();
    if value.is_null() {
        check_null(node, path, &mut errors);
        return errors;
    }
    check_type(node, path, value, &mut errors);
    check_branches(node, path, value, &mut errors);
    check_enumeration(&node.limits, path, value, &mut errors);
    match value {
        Value::String(text) => check_text(&node.limits, path, text, &mut errors),
        Value::Number(_) => check_number(node, path, value, &mut errors),
        Value::Array(items) => check_items(node, path, items, old, &mut errors),
        Value::Object(_) => check_fields(node, path, value, old, &mut errors),
        _ => {}
    }
    errors
}

fn invalid(path: &str, value: Value, detail: String) -> FieldError {
    FieldError::invalid(path, value, detail)
}

fn check_null(node: &Node, path: &str, errors: &mut Vec<FieldError>) {
    if !node.nullable && !node.type_.is_empty() {
        errors.push(wrong_type(path, &node.type_, "null"));
    }
}

fn wrong_type(path: &str, wanted: &str, got: &str) -> FieldError {
    let detail = format!("{path} in body must be of type {wanted}: {got:?}");
    FieldError::new(FieldErrorType::TypeInvalid, path, Some(got.into()), detail)
}

fn check_type(node: &Node, path: &str, value: &Value, errors: &mut Vec<FieldError>) {
    let got = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_i64() || n.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let wanted = node.type_.as_str();
    let whole = value.as_f64().is_some_and(|n| n.fract() == 0.0);
    let fits = wanted.is_empty()
        || wanted.split(',').any(|w| w == got)
        || (wanted == "number" && got == "integer")
        || (wanted == "integer" && got == "number" && whole);
    if !fits {
        errors.push(wrong_type(path, wanted, got));
    }
}

fn check_enumeration(limits: &Limits, path: &str, value: &Value, errors: &mut Vec<FieldError>) {
    if limits.enumeration.is_empty() || limits.enumeration.contains(value) {
        return;
    }
    let shown = |v: &Value| format!("{:?}", v.as_str().map_or_else(|| v.to_string(), str::to_owned));
    let values: Vec<String> = limits.enumeration.iter().map(shown).collect();
    let detail = format!("supported values: {}", values.join(", "));
    errors.push(FieldError::new(FieldErrorType::NotSupported, path, Some(value.clone()), detail));
}

fn check_text(limits: &Limits, path: &str, text: &str, errors: &mut Vec<FieldError>) {
    let length = text.chars().count() as u64;
    if let Some(max) = limits.max_length.filter(|max| length > *max) {
        let unit = if max == 1 { "byte" } else { "bytes" };
        let detail = format!("may not be more than {max} {unit}");
        errors.push(FieldError::new(FieldErrorType::TooLong, path, None, detail));
    } else if let Some(min) = limits.min_length.filter(|min| length < *min) {
        errors.push(invalid(
            path,
            text.into(),
            format!("{path} in body should be at least {min} chars long"),
        ));
    } else if let Some((shown, Some(pattern))) = &limits.pattern
        && !pattern.is_match(text)
    {
        errors.push(invalid(path, text.into(), format!("{path} in body should match '{shown}'")));
    }
    if !formats::fits(&limits.format, text) {
        let detail = format!("{path} in body must be of type {}: {text:?}", limits.format);
        errors.push(FieldError::new(FieldErrorType::TypeInvalid, path, Some(text.into()), detail));
    }
}

fn check_number(node: &Node, path: &str, value: &Value, errors: &mut Vec<FieldError>) {
    let (limits, number) = (&node.limits, value.as_f64().unwrap_or_default());
    if node.type_ == "integer" && number.fract() != 0.0 {
        let format = match limits.format.as_str() {
            "" => "(default format)".to_owned(),
            format => format!("with format {format}"),
        };
        let detail = format!("Checked value must be of type integer {format} in {path}");
        errors.push(FieldError::invalid("<nil>", "".into(), detail));
    }
    let mut refuse =
        |what: String| errors.push(invalid(path, value.clone(), format!("{path} in body {what}")));
    if let Some(factor) = limits.multiple_of.filter(|factor| (number / factor).fract() != 0.0) {
        refuse(format!("should be a multiple of {factor}"));
    }
    let beyond = |b: &Bound, over: bool| if over { number > b.value } else { number < b.value };
    let breaks = |b: &Bound, over: bool| beyond(b, over) || (b.exclusive && (number - b.value).abs() == 0.0);
    if let Some(min) = limits.minimum.as_ref().filter(|b| breaks(b, false)) {
        let or_equal = if min.exclusive { "" } else { " or equal to" };
        refuse(format!("should be greater than{or_equal} {}", min.shown));
    }
    if let Some(max) = limits.maximum.as_ref().filter(|b| breaks(b, true)) {
        let or_equal = if max.exclusive { "" } else { " or equal to" };
        refuse(format!("should be less than{or_equal} {}", max.shown));
    }
}

fn check_items(node: &Node, path: &str, items: &[Value], old: Option<&Value>, errors: &mut Vec<FieldError>) {
    if let Some(below) = &node.items {
        for (index, item) in items.iter().enumerate() {
            errors.extend(check(below, &format!("{path}[{index}]"), item, node.counterpart(item, old)));
        }
    }
    let count = items.len() as u64;
    if let Some(min) = node.limits.min_items.filter(|min| count < *min) {
        errors.push(invalid(path, count.into(), format!("{path} in body should have at least {min} items")));
    }
    if let Some(max) = node.limits.max_items.filter(|max| count > *max) {
        errors.push(too_many(path, count, max));
    }
    let repeated = items.iter().enumerate().any(|(n, item)| items.iter().take(n).any(|o| o == item));
    if node.limits.unique_items && repeated {
        errors.push(invalid(path, "".into(), format!("{path} in body shouldn't contain duplicates")));
    }
}

fn too_many(path: &str, count: u64, max: u64) -> FieldError {
    let unit = if max == 1 { "item" } else { "items" };
    let detail = format!("must have at most {max} {unit}");
    FieldError::new(FieldErrorType::TooMany, path, Some(count.into()), detail)
}

fn check_fields(node: &Node, path: &str, value: &Value, old: Option<&Value>, errors: &mut Vec<FieldError>) {
    let Some(map) = value.as_object() else { return };
    let below_path = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let count = map.len() as u64;
    if let Some(min) = node.limits.min_properties.filter(|min| count < *min) {
        let detail = format!("{path} in body should have at least {min} properties");
        errors.push(invalid(path, count.into(), detail));
    }
    if let Some(max) = node.limits.max_properties.filter(|max| count > *max) {
        errors.push(too_many(path, count, max));
    }
    for (name, field) in map {
        if let Some(below) = node.field(name) {
            let old = old.and_then(|o| o.get(name));
            errors.extend(check(below, &below_path(name), field, old));
        }
    }
    for name in node.required.iter().filter(|name| !map.contains_key(*name)) {
        errors.push(FieldError::required(below_path(name), ""));
    }
}

/// allOf, anyOf, oneOf and not. Nothing in them is ratcheted.
fn check_branches(node: &Node, path: &str, value: &Value, errors: &mut Vec<FieldError>) {
    let outcomes = |branches: &[Node]| -> Vec<Vec<FieldError>> {
        branches.iter().map(|branch| check(branch, path, value, None)).collect()
    };
    let mut refuse = |what: String| {
        errors.push(FieldError::invalid("<nil>", "".into(), format!("{path:?} must {what}")));
    };
    let any = outcomes(&node.any_of);
    let mut kept = Vec::new();
    if !any.is_empty() && any.iter().all(|e| !e.is_empty()) {
        refuse("validate at least one schema (anyOf)".to_owned());
        kept.extend(any.into_iter().next());
    }
    let one = outcomes(&node.one_of);
    let valid = one.iter().filter(|e| e.is_empty()).count();
    if !one.is_empty() && valid != 1 {
        let found = if valid == 0 {
            "Found none valid".to_owned()
        } else {
            format!("Found {valid} valid alternatives")
        };
        refuse(format!("validate one and only one schema (oneOf). {found}"));
        kept.extend(one.into_iter().next().filter(|_| valid == 0));
    }
    let all = outcomes(&node.all_of);
    let passed = all.iter().filter(|e| e.is_empty()).count();
    if passed != all.len() {
        let addition = if passed == 0 { ". None validated" } else { "" };
        refuse(format!("validate all the schemas (allOf){addition}"));
        kept.extend(all);
    }
    if node.not.as_ref().is_some_and(|not| check(not, path, value, None).is_empty()) {
        refuse("not validate the schema (not)".to_owned());
    }
    errors.extend(kept.into_iter().flatten());
}
