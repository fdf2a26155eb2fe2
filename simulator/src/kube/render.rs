//! The forms in which objects are answered: themselves, rows of a Table, or their metadata.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::kinds::Kind;
use super::table;

/// What `Accept` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Object,
    Table { objects: bool },
    Metadata,
}

impl Form {
    /// The first form in `accept` that is known; `include_object` is the query parameter `includeObject`.
    pub(crate) fn negotiate(accept: &str, include_object: Option<&str>) -> Self {
        for clause in accept.split(',') {
            let parameter = |wanted: &str| clause.split(';').any(|p| p.trim() == wanted);
            if !clause.trim_start().starts_with("application/json") {
                continue;
            }
            if parameter("as=Table") {
                return Self::Table { objects: include_object == Some("Object") };
            }
            if parameter("as=PartialObjectMetadata") || parameter("as=PartialObjectMetadataList") {
                return Self::Metadata;
            }
            return Self::Object;
        }
        Self::Object
    }

    pub(crate) fn one(self, kind: &Kind, object: &Value, columns: bool, now: Timestamp) -> Value {
        match self {
            Self::Object => in_version(kind, object),
            Self::Metadata => metadata(object, "PartialObjectMetadata"),
            Self::Table { objects } => {
                let meta = json!({"resourceVersion": super::object::resource_version(object)});
                table::table(kind, std::iter::once(object), &meta, columns, objects, now)
            }
        }
    }

    pub(crate) fn list<'a>(
        self,
        kind: &Kind,
        items: impl Iterator<Item = &'a Value>,
        mut list_meta: Value,
        now: Timestamp,
    ) -> Value {
        match self {
            Self::Object => {
                if let (true, Some(meta)) = (kind.is_custom(), list_meta.as_object_mut()) {
                    // Lists of custom resources are not typed, and show this field even when empty.
                    meta.entry("continue").or_insert_with(|| "".into());
                }
                let items: Vec<Value> = items.map(|o| in_version(kind, o)).collect();
                json!({"apiVersion": kind.api_version(), "kind": kind.list_kind, "metadata": list_meta, "items": items})
            }
            Self::Metadata => {
                let items: Vec<Value> = items.map(|o| metadata(o, "PartialObjectMetadata")).collect();
                json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList",
                       "metadata": list_meta, "items": items})
            }
            Self::Table { objects } => table::table(kind, items, &list_meta, true, objects, now),
        }
    }

    pub(crate) fn bookmark(self, kind: &Kind, meta: &Value, columns: bool, now: Timestamp) -> Value {
        match self {
            Self::Object => json!({"apiVersion": kind.api_version(), "kind": kind.kind, "metadata": meta}),
            Self::Metadata => {
                json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": meta})
            }
            Self::Table { .. } => table::table(kind, std::iter::empty(), meta, columns, false, now),
        }
    }
}

fn in_version(kind: &Kind, object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.insert("apiVersion".to_owned(), kind.api_version().into());
    }
    object
}

fn metadata(object: &Value, kind: &str) -> Value {
    json!({"apiVersion": "meta.k8s.io/v1", "kind": kind, "metadata": object.get("metadata")})
}
