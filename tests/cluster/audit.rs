//! The API server's audit log: who asked for what.

use std::fs;
use std::path::Path;

use serde::Deserialize;

/// Logs every request but those of the cluster's own components.
pub(crate) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: [system:apiserver, system:kube-controller-manager]
- level: Metadata
";

/// One event of the log, in the words of `audit.k8s.io/v1`. A watch has two, one for each stage.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditEvent {
    /// What was done: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub(crate) verb: String,
    /// By whom.
    pub(crate) user: AuditUser,
    /// To what; none for paths such as `/readyz`.
    pub(crate) object_ref: Option<ObjectReference>,
    /// With what answer.
    pub(crate) response_status: Option<ResponseStatus>,
    /// The path and query.
    #[serde(rename = "requestURI")]
    pub(crate) request_uri: String,
}

/// The user of an event.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct AuditUser {
    /// As in [`User::name`](super::User::name).
    pub(crate) username: String,
}

/// The object of an event; what is not set is empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ObjectReference {
    /// The plural resource.
    pub(crate) resource: String,
    /// The API group, empty for the core group.
    pub(crate) api_group: String,
    /// The namespace of a namespaced object.
    pub(crate) namespace: String,
    /// The object's name.
    pub(crate) name: String,
    /// The subresource, as `status`.
    pub(crate) subresource: String,
}

/// The answer to an event.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct ResponseStatus {
    /// The HTTP status.
    pub(crate) code: u16,
}

/// What an RBAC rule would have to allow, in its words: `shares/status` is a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Permission {
    /// The API group, empty for the core group.
    pub(crate) group: String,
    /// The resource with its subresource.
    pub(crate) resource: String,
    /// The verb.
    pub(crate) verb: String,
}

impl AuditEvent {
    /// The permission that the request needed; none for paths that are no objects.
    pub(crate) fn permission(&self) -> Option<Permission> {
        let object = self.object_ref.as_ref()?;
        let resource = match object.subresource.as_str() {
            "" => object.resource.clone(),
            subresource => format!("{}/{subresource}", object.resource),
        };
        Some(Permission { group: object.api_group.clone(), resource, verb: self.verb.clone() })
    }

    /// The HTTP status of the answer.
    pub(crate) fn code(&self) -> Option<u16> {
        self.response_status.map(|status| status.code)
    }
}

/// All events of a log; a last line that is still being written is left out.
pub(crate) fn read(log: &Path) -> Vec<AuditEvent> {
    let text = fs::read_to_string(log).expect("the API server writes its audit log");
    let complete = text.rfind('\n').map_or("", |end| text.split_at(end).0);
    complete.lines().map(|line| serde_json::from_str(line).expect("an audit event")).collect()
}
