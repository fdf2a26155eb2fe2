//! Whether a read shows a write.

use super::{Expected, Value};
use crate::{
    model::ResourceType,
    plan::observed::{AssociationState, AttachedPermission, Container, Row},
};

/// Whether a member's row is as the write left it.
pub(super) fn agrees(row: Option<&Row>, value: &Value) -> bool {
    match value {
        // FAILED is an answer too.
        Value::Present(_) => {
            row.is_some_and(|row| row.state.is_present() || row.state == AssociationState::Failed)
        }
        Value::Absent { was, .. } => row.map_or(was.is_none(), |row| {
            matches!(row.state, AssociationState::Disassociated | AssociationState::Disassociating)
        }),
        _ => true,
    }
}

/// Whether a read of a container shows a write; one that is not live shows all.
pub(super) fn shows(container: Option<&Container>, expected: &Expected, value: &Value) -> bool {
    let Some(container) = container else { return matches!(value, Value::Deleted) };
    let gone = !container.state.is_live();
    gone || match (expected, value) {
        (Expected::Existence, Value::Made(made)) => shows_members(container, made),
        (Expected::Existence, Value::Deleted) => !container.is_live(),
        (Expected::Existence, _) => false,
        (Expected::Principal(p), _) => agrees(container.principals.get(p), value),
        (Expected::Resource(r), _) => {
            agrees(container.resources.get(r), value)
                && (matches!(value, Value::Absent { .. }) || has_permission(container, r))
        }
        (Expected::Name, Value::Text(name)) => container.name == *name,
        (Expected::External, Value::Flag(flag)) => container.allows_external == *flag,
        (Expected::Permission(t), Value::Permission { arn: Some(arn), version }) => {
            container.permissions.get(t).is_some_and(|attached| {
                let right = version.as_ref().map_or(attached.is_default_version, |v| *v == attached.version);
                attached.arn == *arn && right
            })
        }
        (Expected::Permission(t), Value::Permission { arn: None, .. }) => {
            container.permissions.get(t).is_some_and(AttachedPermission::is_type_default)
        }
        (Expected::Tag(key), Value::Text(text)) => container.tags.get(key) == Some(text),
        (Expected::Tag(key), Value::NoTag) => !container.tags.contains_key(key),
        _ => true,
    }
}

/// A new share is listed before its associations and permissions may be; only with all of them is it shown.
fn shows_members(container: &Container, made: &Container) -> bool {
    made.principals.keys().all(|p| container.principals.contains_key(p))
        && made.resources.keys().all(|r| container.resources.contains_key(r))
        && made.tags.iter().all(|(k, v)| container.tags.get(k) == Some(v))
        && (made.resources.is_empty() || !container.permissions.is_empty())
}

/// Whether the permission that comes with the first resource of a type is shown; one that failed brings none.
fn has_permission(container: &Container, resource: &str) -> bool {
    let failed = container.resources.get(resource).is_some_and(|row| row.state == AssociationState::Failed);
    failed || type_of(resource).is_none_or(|t| container.permissions.contains_key(t))
}

/// RAM's name of a resource's type.
pub(super) fn type_of(resource: &str) -> Option<&'static str> {
    Some(ResourceType::of(&resource.parse().ok()?)?.name)
}
