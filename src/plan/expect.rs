//! Our own writes that AWS need not show yet: RAM is eventually consistent (ram.md §2.5), so for a while after a write a
//! listing that lacks it contradicts nothing. Expectations are laid over what was read; a read that agrees settles one.

use std::collections::BTreeMap;

use crate::{
    model::{Arn, Principal, ResourceType, Timestamp},
    plan::{
        observed::{AssociationState, AttachedPermission, Container, ContainerState, Listing, Row},
        step::{Action, Members},
    },
};

/// How long AWS may take to show a write, in seconds. Terraform tolerates one minute for a new share; lags of five were
/// reported for associations (ram.md §2.1, T11). \[X\]
pub const WINDOW_SECONDS: i64 = 600;

/// The writes of one cell that no read has shown yet.
#[derive(Clone, Debug, Default)]
pub struct Expectations {
    entries: BTreeMap<(Arn, Expected), Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    since: Timestamp,
    value: Value,
}

/// What a write concerned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Expected {
    Existence,
    Principal(Principal),
    Resource(String),
    Name,
    External,
    Permission(String),
    Tag(String),
}

#[derive(Clone, Debug)]
enum Value {
    Made(Box<Container>),
    Deleted,
    Present { external: bool },
    Absent,
    Text(String),
    Flag(bool),
    Permission { arn: Option<String>, version: Option<String> },
    NoTag,
}

impl Expectations {
    /// Whether a write to this container has not been shown by a read yet.
    pub fn concern(&self, container: &Arn) -> bool {
        // Existence is the first of what may be expected of a container.
        let first = (container.clone(), Expected::Existence);
        self.entries.range(first..).next().is_some_and(|((id, _), _)| id == container)
    }

    /// The containers with writes that no read has shown yet.
    pub fn containers(&self) -> std::collections::BTreeSet<Arn> {
        self.entries.keys().map(|(id, _)| id.clone()).collect()
    }

    /// When the oldest outstanding write was made.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.entries.values().map(|entry| entry.since).min()
    }

    /// A container was made.
    pub fn made(&mut self, container: Container, now: Timestamp) {
        self.put(container.id.clone(), Expected::Existence, Value::Made(Box::new(container)), now);
    }

    /// A write to an existing container was answered with success.
    pub fn wrote(&mut self, container: &Arn, action: &Action, outer: bool, now: Timestamp) {
        let mut put = |expected, value| self.put(container.clone(), expected, value, now);
        match action {
            Action::Create(_) => {}
            Action::Delete => put(Expected::Existence, Value::Deleted),
            Action::Disassociate(members) => each(members, |expected| put(expected, Value::Absent)),
            Action::Associate(members) => {
                each(members, |expected| put(expected, Value::Present { external: outer }));
            }
            Action::Update { name, allow_external } => {
                if let Some(name) = name {
                    put(Expected::Name, Value::Text(name.clone()));
                }
                if let Some(flag) = allow_external {
                    put(Expected::External, Value::Flag(*flag));
                }
            }
            Action::SetPermission(to) => {
                put(
                    Expected::Permission(to.resource_type.clone()),
                    Value::Permission { arn: to.arn.clone(), version: to.version.clone() },
                );
            }
            Action::Tag(tags) => {
                tags.iter().for_each(|(k, v)| put(Expected::Tag(k.clone()), Value::Text(v.clone())));
            }
            Action::Untag(keys) => keys.iter().for_each(|k| put(Expected::Tag(k.clone()), Value::NoTag)),
        }
    }

    fn put(&mut self, container: Arn, expected: Expected, value: Value, since: Timestamp) {
        self.entries.insert((container, expected), Entry { since, value });
    }

    /// Settles what a read of these containers shows, forgets what it had time enough to show, and lays the rest over it.
    ///
    /// `read` tells which containers the read covered; the others keep their expectations untouched.
    pub fn settle(&mut self, listing: &Listing, read: impl Fn(&Arn) -> bool, now: Timestamp) {
        self.entries.retain(|(id, expected), entry| {
            let expired = now.as_second() - entry.since.as_second() >= WINDOW_SECONDS;
            !(read(id) && (expired || shows(listing.containers.get(id), expected, &entry.value)))
        });
    }

    /// The listing with all outstanding writes laid over it: what AWS will show once it has caught up.
    pub fn overlay(&self, listing: &Listing) -> Listing {
        let mut overlaid = listing.clone();
        for ((id, expected), entry) in &self.entries {
            if let Value::Made(container) = &entry.value {
                match overlaid.containers.get_mut(id) {
                    Some(shown) if shown.state != ContainerState::Pending => complete(shown, container),
                    _ => {
                        overlaid.containers.insert(id.clone(), (**container).clone());
                    }
                }
            } else if let Some(container) = overlaid.containers.get_mut(id) {
                lay(container, expected, &entry.value);
            }
        }
        overlaid
    }
}

fn each(members: &Members, mut put: impl FnMut(Expected)) {
    members.principals.iter().for_each(|p| put(Expected::Principal(p.clone())));
    members.resources.iter().for_each(|r| put(Expected::Resource(r.clone())));
}

fn shows(container: Option<&Container>, expected: &Expected, value: &Value) -> bool {
    let Some(container) = container else { return matches!(value, Value::Deleted) };
    let gone = !container.state.is_live();
    let row_agrees = |row: Option<&Row>| match value {
        // FAILED is an answer too.
        Value::Present { .. } => {
            row.is_some_and(|row| row.state.is_present() || row.state == AssociationState::Failed)
        }
        Value::Absent => row.is_none_or(|row| {
            matches!(row.state, AssociationState::Disassociated | AssociationState::Disassociating)
        }),
        _ => true,
    };
    gone || match (expected, value) {
        (Expected::Existence, Value::Made(made)) => shows_members(container, made),
        (Expected::Existence, _) => false,
        (Expected::Principal(p), _) => row_agrees(container.principals.get(p)),
        (Expected::Resource(r), _) => {
            row_agrees(container.resources.get(r))
                && (matches!(value, Value::Absent) || has_permission(container, r))
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

fn type_of(resource: &str) -> Option<&'static str> {
    Some(ResourceType::of(&resource.parse().ok()?)?.name)
}

/// The default's name is AWS's to know; until a read shows it, its prefix stands for it.
fn attached_default() -> AttachedPermission {
    let arn = "arn:aws:ram::aws:permission/AWSRAMDefaultPermission".to_owned();
    AttachedPermission { arn, version: String::new(), is_default_version: true }
}

/// Lays what was made over what is shown of it already.
fn complete(shown: &mut Container, made: &Container) {
    fn missing<K: Ord + Clone, V: Clone>(shown: &mut BTreeMap<K, V>, made: &BTreeMap<K, V>) {
        for (key, value) in made {
            shown.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    missing(&mut shown.principals, &made.principals);
    missing(&mut shown.resources, &made.resources);
    missing(&mut shown.permissions, &made.permissions);
    missing(&mut shown.tags, &made.tags);
}

fn lay(container: &mut Container, expected: &Expected, value: &Value) {
    let row = |state, external| Row { state, message: None, external, since: None };
    match (expected, value) {
        (Expected::Existence, Value::Deleted) => container.state = ContainerState::Deleting,
        (Expected::Principal(p), Value::Present { external }) => {
            container.principals.insert(p.clone(), row(AssociationState::Associating, *external));
        }
        (Expected::Resource(r), Value::Present { .. }) => {
            container.resources.insert(r.clone(), row(AssociationState::Associating, false));
            if let Some(resource_type) = type_of(r) {
                container.permissions.entry(resource_type.to_owned()).or_insert_with(attached_default);
            }
        }
        (Expected::Principal(p), Value::Absent) => {
            container
                .principals
                .entry(p.clone())
                .and_modify(|row| row.state = AssociationState::Disassociating);
        }
        (Expected::Resource(r), Value::Absent) => {
            container
                .resources
                .entry(r.clone())
                .and_modify(|row| row.state = AssociationState::Disassociating);
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

#[cfg(test)]
mod tests;
