//! A change: the smallest thing a plan can do or hold back. Filters take changes out; what remains is batched into calls.

use crate::{
    model::{Principal, ShareKey, Slot},
    plan::desired::{Cause, WantedPermission},
};

/// What a change does to access. Order, budgets and modes read this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Somebody may do less afterwards.
    Narrow,
    /// Nobody's access changes.
    Neutral,
    /// Somebody may do more afterwards.
    Widen,
}

/// One change of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is done.
    pub kind: ChangeKind,
    /// Why.
    pub cause: Cause,
    /// What it does to access.
    pub effect: Effect,
}

/// What a change does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// Make the container with all it holds.
    Create,
    /// Delete the container and all grants in it.
    Delete,
    /// Write our mark.
    Mark,
    /// Take a principal out.
    RemovePrincipal(Principal),
    /// Take a resource out, by ARN.
    RemoveResource(String),
    /// Allow principals outside the organization, or forbid them.
    SetExternal(bool),
    /// Change the name; the container stays the same one.
    Rename(String),
    /// Attach a permission in place of the one of the same type.
    SetPermission(PermissionChange),
    /// Add a principal.
    AddPrincipal(Principal),
    /// Add a resource, by ARN.
    AddResource(String),
    /// Set a tag.
    SetTag(String, String),
    /// Remove a tag that the Share no longer declares.
    RemoveTag(String),
}

/// A permission to attach for one resource type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PermissionChange {
    /// The type.
    pub resource_type: String,
    /// The permission's ARN; none means the type's own default.
    pub arn: Option<String>,
    /// The version that the Share pins; AWS takes the permission's current default only (ram.md §1.2).
    pub version: Option<String>,
}

impl PermissionChange {
    /// The change that attaches what a Share names, or the type's default.
    pub fn to(resource_type: &str, wanted: Option<&WantedPermission>) -> Self {
        Self {
            resource_type: resource_type.to_owned(),
            arn: wanted.map(|w| w.arn.clone()),
            version: wanted.and_then(|w| w.version.clone()),
        }
    }
}

impl ChangeKind {
    /// What it does to access when what it touches is in force. A permission swap can do either, so it counts as widening:
    /// whatever forbids widening must forbid it too.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Delete | Self::RemovePrincipal(_) | Self::RemoveResource(_) | Self::SetExternal(false) => {
                Effect::Narrow
            }
            Self::Mark | Self::Rename(_) | Self::SetTag(..) | Self::RemoveTag(_) => Effect::Neutral,
            Self::Create
            | Self::SetExternal(true)
            | Self::SetPermission(_)
            | Self::AddPrincipal(_)
            | Self::AddResource(_) => Effect::Widen,
        }
    }

    /// The change, with its natural effect.
    pub fn because(self, cause: Cause) -> Change {
        Change { effect: self.effect(), kind: self, cause }
    }
}

/// The changes of one container and what they wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The Share.
    pub share: ShareKey,
    /// Which of its containers.
    pub slot: Slot,
    /// What is to be done.
    pub changes: Vec<Change>,
    /// What cannot be done yet, and what it waits for.
    pub waits: Vec<String>,
}
