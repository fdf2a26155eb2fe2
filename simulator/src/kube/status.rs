//! Refusals: `Status` objects with the apiserver's codes, reasons and texts.
//!
//! Texts follow k8s.io/apimachinery `pkg/api/errors` and `pkg/util/validation/field`, v0.36.

use serde_json::{Value, json};

/// Why a field is refused; the names are the causes' `reason` in a `Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldErrorType {
    /// A value that must be there is not.
    Required,
    /// The value is malformed or breaks a rule.
    Invalid,
    /// The value has another type than the schema says.
    TypeInvalid,
    /// The value is not one of a closed list.
    NotSupported,
    /// Two entries that must differ are the same.
    Duplicate,
    /// The value is not permitted here.
    Forbidden,
    /// A string is too long.
    TooLong,
    /// A list or map has too many entries.
    TooMany,
    /// A list or map has too few entries.
    TooFew,
}

impl FieldErrorType {
    fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::TooFew => "FieldValueTooFew",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Required => "Required value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Duplicate => "Duplicate value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::TooFew => "Too few",
        }
    }

    /// Errors after which the apiserver evaluates no CEL rule (`hasBlockingErr`).
    pub(crate) fn blocks_rules(self) -> bool {
        matches!(
            self,
            Self::NotSupported | Self::Required | Self::TooLong | Self::TooMany | Self::TypeInvalid
        )
    }

    fn shows_value(self) -> bool {
        !matches!(self, Self::Required | Self::Forbidden | Self::TooLong)
    }
}

/// One refused field of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    pub(crate) kind: FieldErrorType,
    pub(crate) field: String,
    pub(crate) value: Option<Value>,
    pub(crate) detail: String,
}

impl FieldError {
    pub(crate) fn new(
        kind: FieldErrorType,
        field: impl Into<String>,
        value: Option<Value>,
        detail: impl Into<String>,
    ) -> Self {
        Self { kind, field: field.into(), value, detail: detail.into() }
    }

    pub(crate) fn invalid(field: impl Into<String>, value: Value, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorType::Invalid, field, Some(value), detail)
    }

    pub(crate) fn required(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorType::Required, field, None, detail)
    }

    fn body(&self) -> String {
        let mut text = self.kind.text().to_owned();
        if let (true, Some(value)) = (self.kind.shows_value(), &self.value) {
            text = format!("{text}: {}", shown(value));
        }
        if !self.detail.is_empty() {
            text = format!("{text}: {}", self.detail);
        }
        text
    }
}

/// Go's `%q` for strings, `%v` for numbers and booleans, JSON for the rest.
fn shown(value: &Value) -> String {
    value.to_string()
}

/// An answer that refuses a request.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct StatusError {
    /// HTTP status code.
    pub code: u16,
    /// Machine-readable reason, e.g. `Conflict`.
    pub reason: &'static str,
    /// The text for people.
    pub message: String,
    /// `Status.details`.
    pub details: Option<Value>,
}

impl StatusError {
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None }
    }

    fn on(code: u16, reason: &'static str, gr: &GroupResource, name: &str, message: String) -> Self {
        Self { details: Some(gr.details(name)), ..Self::new(code, reason, message) }
    }

    pub(crate) fn not_found(gr: &GroupResource, name: &str) -> Self {
        Self::on(404, "NotFound", gr, name, format!("{gr} {name:?} not found"))
    }

    pub(crate) fn no_such_path() -> Self {
        let mut error = Self::new(404, "NotFound", "the server could not find the requested resource");
        error.details = Some(json!({}));
        error
    }

    pub(crate) fn already_exists(gr: &GroupResource, name: &str) -> Self {
        Self::on(409, "AlreadyExists", gr, name, format!("{gr} {name:?} already exists"))
    }

    pub(crate) fn conflict(gr: &GroupResource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {gr} {name:?}: {why}");
        Self::on(409, "Conflict", gr, name, message)
    }

    pub(crate) fn modified(gr: &GroupResource, name: &str) -> Self {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(gr, name, why)
    }

    pub(crate) fn forbidden(gr: &GroupResource, name: &str, why: &str) -> Self {
        let subject = if name.is_empty() { gr.to_string() } else { format!("{gr} {name:?}") };
        Self::on(403, "Forbidden", gr, name, format!("{subject} is forbidden: {why}"))
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let mut error = Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        );
        error.details = Some(json!({}));
        error
    }

    pub(crate) fn unsupported_media_type(accepted: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {accepted}"
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// A value of a request's own options that is not one of the known.
    pub(crate) fn invalid_option(options: &str, error: FieldError) -> Self {
        Self::invalid("meta.k8s.io", options, "", &[error])
    }

    pub(crate) fn too_large_resource_version(wanted: u64, current: u64) -> Self {
        let mut error = Self::new(
            504,
            "Timeout",
            format!("Timeout: Too large resource version: {wanted}, current: {current}"),
        );
        error.details = Some(json!({
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1
        }));
        error
    }

    /// 422 for `kind` with one cause an error.
    pub(crate) fn invalid(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> Self {
        let qualified = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let causes: Vec<Value> = errors
            .iter()
            .map(|e| json!({"reason": e.kind.reason(), "message": e.body(), "field": e.field}))
            .collect();
        let mut details = json!({"name": name, "group": group, "kind": kind, "causes": causes});
        drop_empty(&mut details);
        let message = format!("{qualified} {name:?} is invalid{}", aggregate(errors));
        Self { details: Some(details), ..Self::new(422, "Invalid", message) }
    }

    /// The `Status` object that goes over the wire.
    pub fn to_status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if let Some(map) = status.as_object_mut() {
            map.extend((!self.reason.is_empty()).then(|| ("reason".into(), self.reason.into())));
            map.extend(self.details.as_ref().map(|d| ("details".into(), d.clone())));
        }
        status
    }

    /// Seconds after which the client should ask again, when the answer says so.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.details.as_ref()?.get("retryAfterSeconds")?.as_u64()
    }

    pub(crate) fn with_retry_after(mut self, seconds: u64) -> Self {
        self.details = Some(json!({"retryAfterSeconds": seconds}));
        self
    }
}

/// `: one` or `: [one, two]`, each text once, as Go's aggregate of errors prints.
fn aggregate(errors: &[FieldError]) -> String {
    let mut texts: Vec<String> = Vec::new();
    for error in errors {
        let text = format!("{}: {}", error.field, error.body());
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    match texts.as_slice() {
        [] => String::new(),
        [one] => format!(": {one}"),
        several => format!(": [{}]", several.join(", ")),
    }
}

fn drop_empty(details: &mut Value) {
    if let Some(map) = details.as_object_mut() {
        map.retain(|_, v| v.as_str() != Some(""));
    }
}

/// A resource within its API group, printed as `shares.sharekeeper.dev`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupResource {
    /// API group, empty for the core group.
    pub group: String,
    /// Plural resource name.
    pub resource: String,
}

impl GroupResource {
    /// The resource `resource` of `group`.
    pub fn new(group: &str, resource: &str) -> Self {
        Self { group: group.to_owned(), resource: resource.to_owned() }
    }

    pub(crate) fn details(&self, name: &str) -> Value {
        let mut details = json!({"name": name, "group": self.group, "kind": self.resource});
        drop_empty(&mut details);
        details
    }
}

impl std::fmt::Display for GroupResource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.group.is_empty() {
            f.write_str(&self.resource)
        } else {
            write!(f, "{}.{}", self.resource, self.group)
        }
    }
}
