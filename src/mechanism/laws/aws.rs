//! RAM as far as the laws need it: what each step does to a listing, at once and without a fault of its own. Associations
//! are ASSOCIATING or DISASSOCIATING until they settle, and what disassociates still grants.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    model::{Arn, Principal, ResourceType, Timestamp},
    plan::{
        chain::Chain,
        fixture,
        observed::{AssociationState, AttachedPermission, Container, ContainerState, Listing, Origin, Row},
        step::{Action, Create, Members},
    },
};

/// The version that is every permission's default; generated containers may hold older ones.
pub(super) const CURRENT: &str = "2";

/// Who may use what under which permission: `default` or ARN@version.
pub(super) type Grants = BTreeSet<(Principal, String, String)>;

#[derive(Clone, Debug)]
pub(super) struct Aws {
    pub(super) listing: Listing,
    pub(super) now: Timestamp,
    made: u32,
}

impl Aws {
    pub(super) fn new(listing: Listing, now: Timestamp) -> Self {
        Self { listing, now, made: 0 }
    }

    /// Does one step; answers the ARN of the container that it wrote to or made.
    pub(super) fn apply(&mut self, chain: &Chain, action: &Action) -> Result<Arn, String> {
        if let Action::Create(create) = action {
            return self.create(create);
        }
        let id = chain.container.clone().ok_or("no container")?;
        let now = self.now;
        let container = self.listing.containers.get_mut(&id).ok_or("unknown container")?;
        if container.state != ContainerState::Active && *action != Action::Delete {
            return Err(format!("{id} is {}", container.state));
        }
        match action {
            Action::Create(_) => {}
            Action::Delete => {
                container.state = ContainerState::Deleting;
                let members = Members {
                    principals: container.principals.keys().cloned().collect(),
                    resources: container.resources.keys().cloned().collect(),
                };
                disassociate(container, &members);
            }
            Action::Disassociate(members) => disassociate(container, members),
            Action::Associate(members) => associate(container, members, now)?,
            Action::Update { name, allow_external } => {
                container.name = name.clone().unwrap_or_else(|| container.name.clone());
                if *allow_external == Some(false) && !container.outside().is_empty() {
                    return Err("the flag falls under outsiders".into());
                }
                container.allows_external = allow_external.unwrap_or(container.allows_external);
            }
            Action::SetPermission(to) => {
                if to.version.as_deref().is_some_and(|version| version != CURRENT) {
                    return Err("only the default version is attached".into());
                }
                let attached = to.arn.as_deref().map_or_else(|| default(&to.resource_type), current);
                container.permissions.insert(to.resource_type.clone(), attached);
            }
            Action::Tag(tags) => container.tags.extend(tags.clone()),
            Action::Untag(keys) => container.tags.retain(|key, _| !keys.contains(key)),
        }
        Ok(id)
    }

    fn create(&mut self, create: &Create) -> Result<Arn, String> {
        self.made += 1;
        let mut container = fixture::container(&format!("made-{}", self.made)).with_name(&create.name);
        container.allows_external = create.allow_external;
        container.tags.clone_from(&create.tags);
        for (resource_type, arn) in &create.permissions {
            container.permissions.insert(resource_type.clone(), current(arn));
        }
        associate(&mut container, &create.members, self.now)?;
        let id = container.id.clone();
        self.listing.containers.insert(id.clone(), container);
        Ok(id)
    }

    /// Time passes: what was under way is done. Removed rows stay as ghosts where `ghosts` says so.
    pub(super) fn settle(&mut self, ghosts: bool) {
        for container in self.listing.containers.values_mut() {
            match container.state {
                ContainerState::Deleting => container.state = ContainerState::Deleted,
                ContainerState::Pending => container.state = ContainerState::Active,
                _ => {}
            }
            settle(&mut container.principals, ghosts);
            settle(&mut container.resources, ghosts);
        }
        if !ghosts {
            self.listing.containers.retain(|_, c| c.state != ContainerState::Deleted);
        }
    }

    /// All that may be used now.
    pub(super) fn grants(&self) -> Grants {
        self.listing
            .containers
            .values()
            .filter(|c| !matches!(c.state, ContainerState::Deleted | ContainerState::Failed))
            .flat_map(grants)
            .collect()
    }
}

pub(super) fn grants(container: &Container) -> Grants {
    let principals = container.principals.iter().filter(|(_, row)| may_be_used(&row.state));
    principals
        .flat_map(|(p, _)| {
            let resources = container.resources.iter().filter(|(_, row)| may_be_used(&row.state));
            resources.filter_map(move |(r, _)| {
                let attached = container.permissions.get(&type_of(r)?)?;
                Some((p.clone(), r.clone(), permission_words(attached)))
            })
        })
        .collect()
}

/// The law's own word on what grants, apart from the plan's: all but what failed or is gone.
fn may_be_used(state: &AssociationState) -> bool {
    match state {
        AssociationState::Failed | AssociationState::Disassociated => false,
        AssociationState::Associating
        | AssociationState::Associated
        | AssociationState::Disassociating
        | AssociationState::Other(_) => true,
    }
}

fn permission_words(attached: &AttachedPermission) -> String {
    if attached.arn.starts_with("arn:aws:ram::aws:permission/AWSRAMDefaultPermission") {
        "default".into()
    } else {
        format!("{}@{}", attached.arn, attached.version)
    }
}

fn type_of(resource: &str) -> Option<String> {
    Some(ResourceType::of(&resource.parse().ok()?)?.name.to_owned())
}

/// How the laws' permissions tell their type: by its name without the colon.
pub(super) fn marker(resource_type: &str) -> String {
    resource_type.replace(':', "-")
}

fn current(arn: &str) -> AttachedPermission {
    fixture::permission(arn, CURRENT)
}

fn default(resource_type: &str) -> AttachedPermission {
    fixture::default_permission(resource_type)
}

fn associate(container: &mut Container, members: &Members, now: Timestamp) -> Result<(), String> {
    for principal in &members.principals {
        let external = super::is_outsider(principal);
        if external && !container.allows_external {
            return Err(format!("{principal} is not in your organization"));
        }
        let row = Row { external, since: Some(now), ..fixture::row("ASSOCIATING") };
        put(&mut container.principals, principal.clone(), row);
    }
    for resource in &members.resources {
        let resource_type = type_of(resource).ok_or("unknown type")?;
        container.permissions.entry(resource_type.clone()).or_insert_with(|| default(&resource_type));
        let row = Row { since: Some(now), ..fixture::row("ASSOCIATING") };
        put(&mut container.resources, resource.clone(), row);
    }
    Ok(())
}

/// What is there stays as it is.
fn put<K: Ord>(rows: &mut BTreeMap<K, Row>, key: K, row: Row) {
    if rows.get(&key).is_none_or(|row| !row.state.is_present()) {
        rows.insert(key, row);
    }
}

fn disassociate(container: &mut Container, members: &Members) {
    let principals = container.principals.iter_mut().filter(|(p, _)| members.principals.contains(p));
    let resources = container.resources.iter_mut().filter(|(r, _)| members.resources.contains(*r));
    for row in principals.map(|(_, row)| row).chain(resources.map(|(_, row)| row)) {
        row.state = match row.state {
            AssociationState::Failed | AssociationState::Disassociated => AssociationState::Disassociated,
            _ => AssociationState::Disassociating,
        };
    }
}

fn settle<K: Ord>(rows: &mut BTreeMap<K, Row>, ghosts: bool) {
    for row in rows.values_mut() {
        match row.state {
            AssociationState::Associating => row.state = AssociationState::Associated,
            AssociationState::Disassociating => row.state = AssociationState::Disassociated,
            _ => {}
        }
    }
    if !ghosts {
        rows.retain(|_, row| row.state != AssociationState::Disassociated);
    }
}

trait WithName {
    fn with_name(self, name: &str) -> Self;
}

impl WithName for Container {
    fn with_name(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self.origin = Origin::Standard;
        self
    }
}
