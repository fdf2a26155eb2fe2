//! Bodies: JSON or YAML, pruned, defaulted and checked against the kind.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::kinds::{Kind, namespaces};
use super::object;
use super::request::Call;
use super::status::{FieldError, StatusError};

/// What kubectl sends for built-in kinds when it makes them from flags.
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// An object as the server takes it in.
pub(crate) struct Decoded {
    pub(crate) object: Value,
    pub(crate) warnings: Vec<String>,
}

/// The body as it is.
pub(crate) fn value(call: &Call) -> Result<Value, StatusError> {
    if call.media_type() == PROTOBUF {
        let accepted =
            "application/json, application/yaml (this simulator does not read protobuf: apply a manifest)";
        return Err(StatusError::unsupported_media_type(accepted));
    }
    let text = std::str::from_utf8(&call.body).map_err(|e| StatusError::bad_request(e.to_string()))?;
    if call.media_type().contains("yaml") {
        // Clients in this process write JSON, which is YAML and read ten times as fast.
        if let Some(object) = text.starts_with('{').then(|| serde_json::from_str(text)).and_then(Result::ok) {
            return Ok(object);
        }
        return serde_saphyr::from_str(text)
            .map_err(|e| StatusError::bad_request(format!("error decoding YAML: {e}")));
    }
    serde_json::from_str(text).map_err(|e| {
        StatusError::bad_request(format!("the object provided is unrecognized (must be of type Object): {e}"))
    })
}

/// The object in the body of a create or update.
pub(crate) fn body(call: &Call, kind: &Kind) -> Result<Decoded, StatusError> {
    let mut object = value(call)?;
    check_type(&mut object, kind)?;
    let unknown = conform(kind, &mut object);
    let warnings = judge(call, &unknown, |text| {
        let (name, version) = (&kind.kind, &kind.version);
        StatusError::bad_request(format!(
            "{name} in version {version:?} cannot be handled as a {name}: strict decoding error: {text}"
        ))
    })?;
    Ok(Decoded { object, warnings })
}

/// The object that a patch led to.
pub(crate) fn patched(call: &Call, kind: &Kind, mut object: Value) -> Result<Decoded, StatusError> {
    check_type(&mut object, kind)?;
    let as_patched = object.to_string();
    let unknown = conform(kind, &mut object);
    let warnings = judge(call, &unknown, |text| {
        let detail = format!("strict decoding error: {text}");
        let error = FieldError::invalid("patch", as_patched.as_str().into(), detail);
        StatusError::invalid("", "", "", &[error])
    })?;
    Ok(Decoded { object, warnings })
}

/// The body of a server-side apply: what is applied, before defaults.
pub(crate) fn apply_configuration(call: &Call, kind: &Kind) -> Result<Decoded, StatusError> {
    let mut object = value(call)?;
    check_type(&mut object, kind)?;
    Ok(Decoded { object, warnings: Vec::new() })
}

fn conform(kind: &Kind, object: &mut Value) -> BTreeSet<String> {
    object::drop_empty_metadata(object);
    if kind.resource == namespaces() {
        label_namespace(object);
    }
    kind.schema.as_ref().map(|s| s.conform(object)).unwrap_or_default()
}

/// A namespace bears its name as a label, by default.
fn label_namespace(object: &mut Value) {
    let name = object::name(object).to_owned();
    let mut labels = object::meta(object, "labels").cloned().unwrap_or_else(|| json!({}));
    if let (Some(labels), false) = (labels.as_object_mut(), name.is_empty()) {
        labels.insert("kubernetes.io/metadata.name".into(), name.into());
    }
    object::set_meta(object, "labels", labels);
}

/// What `fieldValidation` says about unknown fields: refuse (Strict), say so (Warn, the default), or nothing (Ignore).
fn judge(
    call: &Call,
    unknown: &BTreeSet<String>,
    refusal: impl Fn(&str) -> StatusError,
) -> Result<Vec<String>, StatusError> {
    let texts: Vec<String> = unknown.iter().map(|path| format!("unknown field {path:?}")).collect();
    match call.query.get("fieldValidation").unwrap_or_default() {
        "Strict" if !texts.is_empty() => Err(refusal(&texts.join(", "))),
        "Ignore" => Ok(Vec::new()),
        _ => Ok(texts),
    }
}

fn check_type(object: &mut Value, kind: &Kind) -> Result<(), StatusError> {
    let (version, name) = (object::text(object, "/apiVersion").to_owned(), object::text(object, "/kind"));
    let expected = kind.api_version();
    if !name.is_empty() && name != kind.kind {
        return Err(StatusError::bad_request(format!(
            "{name} in version {version:?} cannot be handled as a {}: converting (v1beta1.{name}) to {expected}",
            kind.kind
        )));
    }
    if !version.is_empty() && version != expected {
        return Err(StatusError::bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version ({expected})"
        )));
    }
    let Some(map) = object.as_object_mut() else {
        return Err(StatusError::bad_request("the object provided is unrecognized: not a JSON object"));
    };
    map.insert("apiVersion".into(), expected.into());
    map.insert("kind".into(), kind.kind.clone().into());
    Ok(())
}

/// The object's namespace is the request's; none for cluster-scoped kinds.
pub(crate) fn check_namespace(object: &mut Value, kind: &Kind, namespace: &str) -> Result<(), StatusError> {
    if !kind.namespaced {
        object::remove_meta(object, "namespace");
        return Ok(());
    }
    let given = object::namespace(object);
    if !given.is_empty() && given != namespace {
        return Err(StatusError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    object::set_meta(object, "namespace", namespace);
    Ok(())
}

/// The object's name is the one in the path.
pub(crate) fn check_name(object: &Value, name: &str) -> Result<(), StatusError> {
    match object::name(object) {
        "" => Err(StatusError::bad_request(format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        ))),
        given if given != name => Err(StatusError::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({name})"
        ))),
        _ => Ok(()),
    }
}
