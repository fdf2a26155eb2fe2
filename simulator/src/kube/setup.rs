//! Writing objects past the weather and the journal: for setting scenes and for demonstrations.

use bytes::Bytes;
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use super::cluster::{Body, Cluster};
use super::object::{self, text};
use super::patch::APPLY;
use super::request::{Call, User};
use super::status::StatusError;

impl Cluster {
    /// Applies `object` as field manager `setup` (forced), as a person would with kubectl. Neither weather nor hook
    /// nor journal see it; watches do. Returns the stored object.
    ///
    /// # Errors
    /// The apiserver's refusal; a kind that is not served is 404.
    pub fn apply(&mut self, now: Timestamp, object: &Value) -> Result<Value, StatusError> {
        let (api_version, kind) = (text(object, "/apiVersion"), text(object, "/kind"));
        let kind = self
            .kinds
            .iter()
            .find(|k| k.api_version() == api_version && k.kind == kind)
            .cloned()
            .ok_or_else(StatusError::no_such_path)?;
        let prefix = if kind.group().is_empty() { "/api" } else { "/apis" };
        let namespace = match object::namespace(object) {
            _ if !kind.namespaced => String::new(),
            "" => "/namespaces/default".to_owned(),
            namespace => format!("/namespaces/{namespace}"),
        };
        let (resource, name) = (&kind.resource.resource, object::name(object));
        let path =
            format!("{prefix}/{api_version}{namespace}/{resource}/{name}?fieldManager=setup&force=true");
        let request = http::Request::patch(path)
            .header(http::header::CONTENT_TYPE, APPLY)
            .extension(User("setup".to_owned()))
            .body(Bytes::from(object.to_string()))
            .map_err(|e| StatusError::bad_request(e.to_string()))?;
        let call = Call::parse(&request)?;
        let target = call.target.clone().ok_or_else(StatusError::no_such_path)?;
        match self.patch(now, &call, &kind, &target)?.body {
            Body::Json(stored) => Ok(stored),
            _ => Err(StatusError::no_such_path()),
        }
    }
}
