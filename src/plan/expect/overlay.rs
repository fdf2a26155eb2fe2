//! Writes laid over what was read.

use std::collections::BTreeMap;

use super::{Expected, Value, shown::type_of};
use crate::plan::observed::{AssociationState, AttachedPermission, Container, ContainerState, Row};

/// The default's name is AWS's to know; until a read shows it, its prefix stands for it.
fn attached_default() -> AttachedPermission {
    let arn = "arn:aws:ram::aws:permission/AWSRAMDefaultPermission".to_owned();
    AttachedPermission { arn, version: String::new(), is_default_version: true }
}

/// Lays what was made over what is shown of it already. Once it was shown, what is missing of its rows is missing for the
/// answer's age, as AWS keeps the rows of what was taken out; what else is missing is not.
pub(super) fn complete(found: &mut Container, made: &Container, shown: bool) {
    fn missing<K: Ord + Clone, V: Clone>(found: &mut BTreeMap<K, V>, made: &BTreeMap<K, V>) {
        for (key, value) in made {
            found.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    missing(&mut found.principals, &made.principals);
    missing(&mut found.resources, &made.resources);
    if !shown {
        missing(&mut found.permissions, &made.permissions);
        missing(&mut found.tags, &made.tags);
    }
}

fn take_out<K: Ord + Clone>(
    rows: &mut BTreeMap<K, Row>,
    key: &K,
    state: &AssociationState,
    was: Option<&Row>,
) {
    match (rows.get_mut(key), was) {
        (Some(row), _) => row.state = state.clone(),
        (None, Some(was)) => {
            rows.insert(key.clone(), Row { state: state.clone(), ..was.clone() });
        }
        (None, None) => {}
    }
}

/// Lays one write over a container.
pub(super) fn lay(container: &mut Container, expected: &Expected, value: &Value) {
    match (expected, value) {
        (Expected::Existence, Value::Deleted) => container.state = ContainerState::Deleting,
        (Expected::Principal(p), Value::Present(row)) => {
            container.principals.insert(p.clone(), row.clone());
        }
        (Expected::Resource(r), Value::Present(row)) => {
            container.resources.insert(r.clone(), row.clone());
            if let Some(resource_type) = type_of(r) {
                container.permissions.entry(resource_type.to_owned()).or_insert_with(attached_default);
            }
        }
        (Expected::Principal(p), Value::Absent { state, was }) => {
            take_out(&mut container.principals, p, state, was.as_ref());
        }
        (Expected::Resource(r), Value::Absent { state, was }) => {
            take_out(&mut container.resources, r, state, was.as_ref());
        }
        (Expected::Name, Value::Text(name)) => container.name.clone_from(name),
        (Expected::External, Value::Flag(flag)) => container.allows_external = *flag,
        (Expected::Permission(t), Value::Permission { arn, version }) => {
            let named = arn.clone().map(|arn| AttachedPermission {
                arn,
                version: version.clone().unwrap_or_default(),
                is_default_version: true,
            });
            let attached = named.unwrap_or_else(attached_default);
            container.permissions.insert(t.clone(), attached);
        }
        (Expected::Tag(key), Value::Text(text)) => {
            container.tags.insert(key.clone(), text.clone());
        }
        (Expected::Tag(key), Value::NoTag) => {
            container.tags.remove(key);
        }
        _ => {}
    }
}
