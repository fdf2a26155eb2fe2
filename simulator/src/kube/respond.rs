//! HTTP responses.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WARNING};

use super::cluster::{Body, Served};
use super::request::Call;
use super::status::StatusError;

/// 403 as RBAC words it.
pub(super) fn forbidden(call: &Call) -> StatusError {
    let Some(target) = &call.target else {
        return StatusError::new(
            403,
            "Forbidden",
            format!("forbidden: User {:?} cannot get path", call.user),
        );
    };
    let resource = match target.subresource.as_str() {
        "" => target.resource.resource.clone(),
        sub => format!("{}/{sub}", target.resource.resource),
    };
    let scope = match target.namespace.as_str() {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace {namespace:?}"),
    };
    let (verb, group) = (call.verb.as_str(), &target.resource.group);
    let why =
        format!("User {:?} cannot {verb} resource {resource:?} in API group {group:?} {scope}", call.user);
    StatusError::forbidden(&target.resource, &target.name, &why)
}

pub(super) fn refused(error: &StatusError) -> http::Response<Bytes> {
    let mut response = respond(Served::new(error.code, Body::Json(error.to_status())));
    if let Some(seconds) = error.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

pub(super) fn respond(served: Served) -> http::Response<Bytes> {
    let (content_type, body) = match served.body {
        Body::Json(value) => ("application/json", value.to_string()),
        Body::Typed(content_type, value) => (content_type, value.to_string()),
        Body::Text(text) => ("text/plain", text),
        Body::Watch(_) => ("application/json", String::new()),
    };
    let mut response = http::Response::new(Bytes::from(body));
    *response.status_mut() = http::StatusCode::from_u16(served.code).unwrap_or_default();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.append(name, value);
        }
    };
    set(CONTENT_TYPE, content_type);
    for warning in served.warnings {
        set(WARNING, &format!("299 - {warning:?}"));
    }
    response
}
