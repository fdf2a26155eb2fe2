//! Rules for metadata that hold for all kinds.

use serde_json::{Map, Value};

use super::kinds::Kind;
use super::object;
use super::status::{FieldError, FieldErrorType};

/// An update cannot change what the system wrote.
pub(crate) fn keep_system_fields(object: &mut Value, live: &Value) {
    if object::uid(object).is_empty() {
        object::copy_meta(object, live, "uid");
    }
    object::copy_meta(object, live, "creationTimestamp");
    if object::is_deleting(live) {
        object::copy_meta(object, live, "deletionTimestamp");
    }
    if object::meta(object, "deletionGracePeriodSeconds").is_none() {
        object::copy_meta(object, live, "deletionGracePeriodSeconds");
    }
    object::remove_meta(object, "selfLink");
}

/// What holds for any object at any time.
pub(crate) fn validate(kind: &Kind, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    validate_name(object, &mut errors);
    if kind.namespaced && object::namespace(object).is_empty() {
        errors.push(FieldError::required("metadata.namespace", ""));
    }
    validate_labels(object, &mut errors);
    validate_annotations(object, &mut errors);
    for finalizer in object::finalizers(object) {
        for fault in qualified_name_faults(finalizer) {
            errors.push(FieldError::invalid("metadata.finalizers", finalizer.into(), fault));
        }
    }
    validate_owners(object, &mut errors);
    errors
}

fn validate_name(object: &Value, errors: &mut Vec<FieldError>) {
    let name = object::name(object);
    let field = "metadata.name";
    if name.is_empty() {
        errors.push(FieldError::required(field, "name or generateName is required"));
    } else if name == "." || name == ".." {
        errors.push(FieldError::invalid(field, name.into(), format!("may not be '{name}'")));
    } else {
        for bad in ["/", "%"] {
            if name.contains(bad) {
                errors.push(FieldError::invalid(field, name.into(), format!("may not contain '{bad}'")));
            }
        }
        if !is_subdomain(name) {
            errors.push(FieldError::invalid(field, name.into(), SUBDOMAIN));
        }
    }
}

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
                         '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used \
                         for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

fn is_subdomain(name: &str) -> bool {
    let label = |label: &str| {
        let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        label.starts_with(alphanumeric)
            && label.ends_with(alphanumeric)
            && label.chars().all(|c| alphanumeric(c) || c == '-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
                         with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
                         validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or \
                           '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or \
                           'my_value',  or '12345', regex used for validation is \
                           '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// What is wrong with a name of the form `prefix/name` or `name`.
fn qualified_name_faults(text: &str) -> Vec<String> {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    let mut faults = Vec::new();
    match prefix {
        Some("") => faults.push("prefix part must be non-empty".to_owned()),
        Some(prefix) if !is_subdomain(prefix) => faults.push(format!("prefix part {SUBDOMAIN}")),
        _ => {}
    }
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        faults.push("name part must be no more than 63 bytes".to_owned());
    }
    if !is_label_text(name) {
        faults.push(QUALIFIED.to_owned());
    }
    faults
}

fn is_label_text(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let outer = |c: char| c.is_ascii_alphanumeric();
    text.chars().all(inner) && text.starts_with(outer) && text.ends_with(outer)
}

fn validate_labels(object: &Value, errors: &mut Vec<FieldError>) {
    let field = "metadata.labels";
    for (key, value) in object::labels(object) {
        for fault in qualified_name_faults(key) {
            errors.push(FieldError::invalid(field, key.into(), fault));
        }
        if value.len() > 63 {
            errors.push(FieldError::invalid(field, value.into(), "must be no more than 63 bytes"));
        } else if !value.is_empty() && !is_label_text(value) {
            errors.push(FieldError::invalid(field, value.into(), LABEL_VALUE));
        }
    }
}

fn validate_annotations(object: &Value, errors: &mut Vec<FieldError>) {
    const TOTAL: usize = 256 * 1024;
    let empty = Map::new();
    let annotations = object::meta(object, "annotations").and_then(Value::as_object).unwrap_or(&empty);
    for key in annotations.keys() {
        for fault in qualified_name_faults(&key.to_lowercase()) {
            errors.push(FieldError::invalid("metadata.annotations", key.as_str().into(), fault));
        }
    }
    let size: usize = annotations.iter().map(|(k, v)| k.len() + v.as_str().map_or(0, str::len)).sum();
    if size > TOTAL {
        let detail = format!("may not be more than {TOTAL} bytes");
        errors.push(FieldError::new(FieldErrorType::TooLong, "metadata.annotations", None, detail));
    }
}

fn validate_owners(object: &Value, errors: &mut Vec<FieldError>) {
    let owners = object::meta(object, "ownerReferences").and_then(Value::as_array);
    for owner in owners.into_iter().flatten() {
        for part in ["apiVersion", "kind", "name", "uid"] {
            if object::text(owner, &format!("/{part}")).is_empty() {
                let field = format!("metadata.ownerReferences.{part}");
                errors.push(FieldError::invalid(field, "".into(), "must not be empty"));
            }
        }
    }
}

/// What an update must leave as it was.
pub(crate) fn validate_update(object: &Value, live: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if object::is_deleting(live) {
        forbid_new_finalizers(object, live, &mut errors);
    }
    for field in ["name", "namespace", "uid", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let (new, old) = (object::meta(object, field), object::meta(live, field));
        if new != old {
            let value = new.cloned().unwrap_or_default();
            errors.push(FieldError::invalid(format!("metadata.{field}"), value, "field is immutable"));
        }
    }
    errors
}

fn forbid_new_finalizers(object: &Value, live: &Value, errors: &mut Vec<FieldError>) {
    let old = object::finalizers(live);
    let new: Vec<&str> = object::finalizers(object).into_iter().filter(|f| !old.contains(f)).collect();
    if !new.is_empty() {
        let list: Vec<String> = new.iter().map(|f| format!("{f:?}")).collect();
        let detail = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            list.join(", ")
        );
        errors.push(FieldError::new(FieldErrorType::Forbidden, "metadata.finalizers", None, detail));
    }
}
