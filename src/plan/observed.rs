//! What AWS shows: the containers of a cell, as one complete reading or as nothing at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    api::Reason,
    model::{
        Arn, Digest, Mark, Mechanism, ObjectKind, Part, Principal, Slot, Timestamp, mark, resource_type::READ,
    },
};

/// A reading is complete, every page of every call of it, or it is unknown. A part of a reading is never used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading<T> {
    /// All of it was read; `at` is the moment before the first call went out.
    Complete {
        /// What was read.
        value: T,
        /// When the first call went out.
        at: Timestamp,
    },
    /// It could not be read. Nothing follows from that about what exists.
    Unknown(Unknown),
}

/// Why something is not known, in the closed list that conditions use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// A reason of the closed list, `AccessDenied` for one.
    pub reason: &'static str,
    /// What happened and what to do, in words.
    pub message: String,
}

impl Unknown {
    /// Whether it passes by itself, so that asking again soon is worth it.
    pub fn passes(&self) -> bool {
        [Reason::Unavailable, Reason::Throttled, Reason::TreeUnknown]
            .iter()
            .any(|passing| passing.as_str() == self.reason)
    }
}

/// All containers of one cell, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The containers, those being deleted or deleted included, and the parts of objects that grant nothing.
    pub containers: BTreeMap<Arn, Container>,
    /// The objects that could not be read, each by itself: what is known of their parts is from before.
    pub unread: BTreeMap<Arn, Unknown>,
    /// The objects that were read. Not all are each time: what is known of the others is from before.
    pub objects: BTreeSet<Arn>,
}

impl Listing {
    /// The containers that can hold a grant now or later.
    pub fn live(&self) -> impl Iterator<Item = &Container> {
        self.containers.values().filter(|c| c.is_live())
    }

    /// Why what is in a container is not known, where it is a part of an object that could not be read.
    pub fn unread(&self, container: &Arn) -> Option<&Unknown> {
        self.unread.get(&object_of(container)?)
    }

    /// Puts another reading in place of what it covers: the resource shares in it, and all of the objects in it.
    pub fn replace(&mut self, read: Self) {
        let covers = |id: &Arn| object_of(id).is_some_and(|object| read.objects.contains(&object));
        self.containers.retain(|id, _| !covers(id));
        self.unread.retain(|id, _| !read.objects.contains(id));
        self.containers.extend(read.containers);
        self.unread.extend(read.unread);
        self.objects.extend(read.objects);
    }

    /// Whether a container was read when this was, and is not from before.
    pub fn is_of_now(&self, container: &Arn) -> bool {
        object_of(container).is_none_or(|object| self.objects.contains(&object))
    }
}

/// The object that a container is, or is a part of; none for a resource share.
pub fn object_of(container: &Arn) -> Option<Arn> {
    match Part::parse(container) {
        Some(part) => Some(part.object),
        None => Slot::of(container).map(|_| container.clone()),
    }
}

/// One AWS object that holds grants: for RAM a resource share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its ARN: its identity.
    pub id: Arn,
    /// Its name, which identifies nothing.
    pub name: String,
    /// The account that owns it.
    pub owner: String,
    /// Where it is in its life.
    pub state: ContainerState,
    /// AWS's own words on the state, where it gave some.
    pub message: Option<String>,
    /// Whether principals outside the organization can be added.
    pub allows_external: bool,
    /// How it came to be.
    pub origin: Origin,
    /// All its tags.
    pub tags: BTreeMap<String, String>,
    /// Whom it shares with.
    pub principals: BTreeMap<Principal, Row>,
    /// What it shares, by ARN.
    pub resources: BTreeMap<String, Row>,
    /// The permission attached for each resource type.
    pub permissions: BTreeMap<String, AttachedPermission>,
}

impl Container {
    /// Whether it is there: not deleted, and of an object a part that grants something.
    pub fn is_live(&self) -> bool {
        self.state.is_live() && !(self.resources.is_empty() && self.is_part())
    }

    /// The kind of object whose policy it is, or a part of it; none: it is a RAM share.
    pub fn object_kind(&self) -> Option<ObjectKind> {
        ObjectKind::of(&object_of(&self.id)?)
    }

    /// How it shares.
    pub fn mechanism(&self) -> Mechanism {
        self.object_kind().map_or(Mechanism::Ram, ObjectKind::mechanism)
    }

    /// Whether it is what one Share grants on an object, and no AWS object by itself.
    pub fn is_part(&self) -> bool {
        Part::parse(&self.id).is_some()
    }

    /// The mark on it, if it is whole.
    pub fn mark(&self) -> Option<Mark> {
        Mark::from_tags(&self.tags)
    }

    /// Whether any tag of ours, whole or broken, is on it.
    pub fn has_any_mark(&self) -> bool {
        self.tags.keys().any(|key| key.starts_with(mark::TAG_PREFIX))
    }

    /// Principals outside the organization that are or may come in force.
    pub fn outside(&self) -> BTreeSet<&Principal> {
        self.principals
            .iter()
            .filter(|(_, row)| row.external && row.state.may_grant())
            .map(|(p, _)| p)
            .collect()
    }

    /// A fingerprint of all that a later write is planned on; it moves when AWS shows anything else.
    pub fn basis(&self) -> Digest {
        let rows = |kind: &str, key: String, row: &Row| format!("{kind} {key} {} {:?}", row.state, row.since);
        let mut parts = vec![self.id.to_string(), self.name.clone(), self.allows_external.to_string()];
        parts.extend(self.tags.iter().map(|(k, v)| format!("tag {k}={v}")));
        parts.extend(self.principals.iter().map(|(p, row)| rows("principal", p.to_string(), row)));
        parts.extend(self.resources.iter().map(|(r, row)| rows("resource", r.clone(), row)));
        parts.extend(self.permissions.iter().map(|(t, p)| format!("permission {t} {} {}", p.arn, p.version)));
        Digest::of(parts)
    }
}

/// A container's state. Texts that this version does not know are kept and left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// Being made.
    Pending,
    /// There. Says nothing of its associations.
    Active,
    /// AWS could not make it.
    Failed,
    /// Being deleted.
    Deleting,
    /// A tombstone: deleted, and listed for a while yet.
    Deleted,
    /// A state of the future.
    Other(String),
}

impl ContainerState {
    /// Reads RAM's status text.
    pub fn parse(text: &str) -> Self {
        match text {
            "PENDING" => Self::Pending,
            "ACTIVE" => Self::Active,
            "FAILED" => Self::Failed,
            "DELETING" => Self::Deleting,
            "DELETED" => Self::Deleted,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Not deleted and not being deleted.
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::Deleting | Self::Deleted)
    }

    /// In a state in which this version knows what a write means.
    pub fn is_writable(&self) -> bool {
        matches!(self, Self::Active)
    }
}

impl fmt::Display for ContainerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "PENDING",
            Self::Active => "ACTIVE",
            Self::Failed => "FAILED",
            Self::Deleting => "DELETING",
            Self::Deleted => "DELETED",
            Self::Other(text) => text,
        })
    }
}

/// How a container came to be (RAM's `featureSet`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Made through the sharing service, by a person or a tool.
    Standard,
    /// Made by AWS from a resource policy, or being promoted from one; never ours to change.
    ServiceManaged(String),
    /// Written by others into a resource's own policy: shown, and never ours to change.
    OwnPolicy,
}

/// One principal or resource of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it is in its life.
    pub state: AssociationState,
    /// AWS's own words on the state, where it gave some.
    pub message: Option<String>,
    /// Outside the organization, as AWS says.
    pub external: bool,
    /// When AWS last changed it, where it says.
    pub since: Option<Timestamp>,
}

/// An association's state (ram.md §2.2). Texts that this version does not know are kept and left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssociationState {
    /// Being added, or waiting for an invitation to be accepted.
    Associating,
    /// In force.
    Associated,
    /// AWS could not add it; its message says why.
    Failed,
    /// Being removed; may still be in force.
    Disassociating,
    /// A ghost: removed, and listed for a while yet.
    Disassociated,
    /// `SUSPENDING`, `SUSPENDED`, `RESTORING` and states of the future: not in force, and left alone.
    Other(String),
}

impl AssociationState {
    /// Reads RAM's status text.
    pub fn parse(text: &str) -> Self {
        match text {
            "ASSOCIATING" => Self::Associating,
            "ASSOCIATED" => Self::Associated,
            "FAILED" => Self::Failed,
            "DISASSOCIATING" => Self::Disassociating,
            "DISASSOCIATED" => Self::Disassociated,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Counts as there: adding it again would change nothing.
    pub fn is_present(&self) -> bool {
        matches!(self, Self::Associating | Self::Associated | Self::Other(_))
    }

    /// Grants access now.
    pub fn is_in_force(&self) -> bool {
        matches!(self, Self::Associated)
    }

    /// Grants access now or may do so without a further write.
    pub fn may_grant(&self) -> bool {
        !matches!(self, Self::Failed | Self::Disassociated)
    }
}

impl fmt::Display for AssociationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Associating => "ASSOCIATING",
            Self::Associated => "ASSOCIATED",
            Self::Failed => "FAILED",
            Self::Disassociating => "DISASSOCIATING",
            Self::Disassociated => "DISASSOCIATED",
            Self::Other(text) => text,
        })
    }
}

/// The permission attached to a container for one resource type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedPermission {
    /// Its ARN.
    pub arn: String,
    /// The attached version.
    pub version: String,
    /// Whether that version is the permission's current default.
    pub is_default_version: bool,
}

impl AttachedPermission {
    /// The permission's name: the last part of its ARN.
    pub fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or(&self.arn)
    }

    /// What a resource has where nobody names anything else. AWS's own default for some type is told by AWS's naming
    /// (ram.md §4): one of the account's that is named so is not.
    pub fn is_type_default(&self) -> bool {
        let of_ram = self.arn.contains(":ram::aws:permission/");
        self.arn == READ || of_ram && self.name().starts_with("AWSRAMDefaultPermission")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_survive_their_text_and_say_what_they_mean() {
        // state, present, in force, may grant
        let table = [
            ("ASSOCIATING", true, false, true),
            ("ASSOCIATED", true, true, true),
            ("FAILED", false, false, false),
            ("DISASSOCIATING", false, false, true),
            ("DISASSOCIATED", false, false, false),
            ("SUSPENDED", true, false, true),
            ("QUARANTINED", true, false, true),
        ];
        for (text, present, in_force, may_grant) in table {
            let state = AssociationState::parse(text);
            assert_eq!(state.to_string(), text);
            assert_eq!(
                (state.is_present(), state.is_in_force(), state.may_grant()),
                (present, in_force, may_grant),
                "{text}"
            );
        }
    }

    #[test]
    fn only_a_permission_of_aws_is_a_types_default() {
        let table = [
            ("arn:aws:ram::aws:permission/AWSRAMDefaultPermissionSubnet", true),
            ("arn:aws-cn:ram::aws:permission/AWSRAMDefaultPermissionSubnet", true),
            ("arn:aws:ram::aws:permission/AWSRAMPermissionSubnetFull", false),
            ("arn:aws:ram:eu-west-1:111122223333:permission/AWSRAMDefaultPermissionSubnet", false),
        ];
        for (arn, expected) in table {
            let attached =
                AttachedPermission { arn: arn.into(), version: "1".into(), is_default_version: true };
            assert_eq!(attached.is_type_default(), expected, "{arn}");
        }
    }

    #[test]
    fn tombstones_are_not_live_and_the_future_is_not_writable() {
        for (text, live, writable) in [
            ("PENDING", true, false),
            ("ACTIVE", true, true),
            ("DELETING", false, false),
            ("DELETED", false, false),
            ("ARCHIVED", true, false),
        ] {
            let state = ContainerState::parse(text);
            assert_eq!((state.is_live(), state.is_writable()), (live, writable), "{text}");
            assert_eq!(state.to_string(), text);
        }
    }
}
