//! What should be: one entry a Share, with ids in place of names and refusals in place of what cannot be.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::{Pin, Reason},
    model::{Arn, Digest, Principal, ShareKey, Side, Slot, Timestamp},
    plan::step::Members,
};

/// The desired view of one cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// By Share.
    pub shares: BTreeMap<ShareKey, DesiredShare>,
}

/// One Share, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredShare {
    /// The Share.
    pub key: ShareKey,
    /// Its UID; blank for manifests that were never applied.
    pub uid: String,
    /// The generation that was resolved.
    pub generation: i64,
    /// What is to become of its containers.
    pub fate: Fate,
    /// The tenant's own switches.
    pub switches: Switches,
    /// Its containers.
    pub containers: BTreeMap<Slot, DesiredContainer>,
    /// Each declared target with what it means and whether it is granted, in the order of the spec.
    pub targets: Vec<Target>,
    /// Each declared resource and whether it is shared, by ARN.
    pub resources: BTreeMap<String, Resource>,
    /// What refuses the whole Share, if anything.
    pub refusals: Vec<Refusal>,
    /// A fingerprint of all that was resolved and would be in AWS.
    pub digest: Digest,
    /// The digest that was last carried out whole, from status.
    pub applied: Option<String>,
    /// The generation that it was of.
    pub applied_generation: Option<i64>,
    /// The existing container that it takes over, if it does.
    pub adopt: Option<Adopt>,
    /// What we know we made, from status.
    pub ledger: BTreeMap<Slot, LedgerEntry>,
}

impl DesiredShare {
    /// Whether what is resolved now was already carried out once: a difference from AWS is then drift, not a pending change.
    pub fn was_applied(&self) -> bool {
        self.applied.as_deref() == Some(self.digest.as_str())
    }
}

/// An existing container that a Share takes over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopt {
    /// Which.
    pub id: Arn,
    /// The side that it becomes: the outer one if the Share declares outside targets alone.
    pub side: Side,
}

/// What is to become of a Share's containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They are kept as declared.
    Keep,
    /// The Share is being deleted: its grants are revoked.
    Revoke,
    /// The Share goes and its grants stay, on record: orphaned, or its namespace or kind is being deleted.
    Release,
    /// It is being deleted, and whether its namespace or kind goes too could not be read: what ends and what policy takes
    /// away goes, and nothing else is done.
    Undecided,
}

/// The tenant's own switches. They hold nothing open: ends of `until` and narrowing by policy go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// `spec.enforcement: Report`.
    pub report: bool,
    /// `spec.suspend: true`.
    pub suspend: bool,
}

/// One desired container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredContainer {
    /// Which one.
    pub slot: Slot,
    /// Whether it should be there.
    pub presence: Presence,
    /// Its name in AWS.
    pub name: String,
    /// Whom to share with.
    pub principals: BTreeMap<Principal, Standing>,
    /// Some held target's principal is not known: principals that no target names may be that one, and stay.
    pub unresolved: bool,
    /// Why some refused target's principal is not known, if there is one: principals that no target names may have been
    /// that one, and their removal is then laid to this cause and not to an edit.
    pub nameless: Option<Cause>,
    /// What to share, by ARN.
    pub resources: BTreeMap<String, Standing>,
    /// The permission by resource type, where the Share names one.
    pub permissions: BTreeMap<String, WantedPermission>,
    /// The resource types that it shares; each needs a permission.
    pub types: BTreeSet<String>,
    /// The Share's own tags.
    pub tags: BTreeMap<String, String>,
    /// Tag keys that an earlier version of the Share declared and this one does not.
    pub retired_tags: BTreeSet<String>,
}

impl DesiredContainer {
    /// One that holds nothing, and is nobody's business.
    pub fn empty() -> Self {
        Self {
            slot: Slot::Inner,
            presence: Presence::IfThere,
            name: String::new(),
            principals: BTreeMap::new(),
            unresolved: false,
            nameless: None,
            resources: BTreeMap::new(),
            permissions: BTreeMap::new(),
            types: BTreeSet::new(),
            tags: BTreeMap::new(),
            retired_tags: BTreeSet::new(),
        }
    }

    /// Nothing at all on an object.
    pub fn nothing_on(object: &Arn) -> Self {
        Self {
            slot: Slot::Object(object.clone()),
            presence: Presence::Gone,
            name: object.resource().to_owned(),
            ..Self::empty()
        }
    }

    /// The principals that are granted.
    pub fn granted_principals(&self) -> impl Iterator<Item = &Principal> {
        self.principals.iter().filter(|(_, standing)| **standing == Standing::Granted).map(|(p, _)| p)
    }

    /// The resources that are granted, by ARN.
    pub fn granted_resources(&self) -> impl Iterator<Item = &String> {
        self.resources.iter().filter(|(_, standing)| **standing == Standing::Granted).map(|(r, _)| r)
    }
}

/// Whether a container should be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Make it if it is missing.
    Wanted,
    /// Keep it right if it is there, do not make it.
    IfThere,
    /// Delete it.
    Gone,
}

/// Whether a declared thing is to be in AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// To be there.
    Granted,
    /// Not decidable now: neither added nor removed.
    Held,
    /// Not to be there, and why: its cause decides who may delay the removal.
    Refused(Cause),
}

/// A permission that a Share names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedPermission {
    /// Its ARN.
    pub arn: String,
    /// The version that the Share pins; none follows the permission's default version.
    pub version: Option<String>,
}

/// One declared target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As the spec writes it: `organizationalUnit: Root/Workloads/Prod`.
    pub declared_as: String,
    /// What it means in AWS, where that is known.
    pub principal: Option<Principal>,
    /// Inside or outside the organization.
    pub side: Side,
    /// Whether it is to be in AWS.
    pub standing: Standing,
    /// Why it is not granted, where it is not.
    pub refusal: Option<Refusal>,
    /// When it ends, for outside targets.
    pub until: Option<Timestamp>,
    /// When it was first declared, for outside targets.
    pub declared_at: Option<Timestamp>,
    /// Why it is declared, for outside targets.
    pub reason: Option<String>,
    /// The name and the id that it meant when it was first resolved, where it was declared by name.
    pub pin: Option<Pin>,
}

/// One declared resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its RAM type, where this version knows it.
    pub resource_type: Option<&'static str>,
    /// Whether it is to be shared.
    pub standing: Standing,
    /// Why it is not, where it is not.
    pub refusal: Option<Refusal>,
}

impl Resource {
    /// What is to be said of it although it is shared.
    pub fn warning(&self) -> Option<&'static str> {
        (self.standing == Standing::Granted && self.resource_type.is_none()).then_some(
            "it is shared since a SharingPolicy names it, although this version does not know its type: what AWS takes for it is not checked beforehand, and it has its type's default permission; see whether a later version knows it",
        )
    }
}

/// Something that is not granted: one reason of the closed list and the remedy in words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// A reason of the closed list.
    pub reason: Reason,
    /// What was refused, why, and what to do.
    pub message: String,
}

impl Refusal {
    /// A refusal for a reason, with the remedy in words.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// What status knows of a container that we made or were about to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Its ARN, once AWS has answered.
    pub id: Option<Arn>,
    /// The incarnation of the last create.
    pub incarnation: i64,
    /// When that create was sent.
    pub create_sent_at: Option<Timestamp>,
    /// The tag keys that we manage on it besides the mark.
    pub tag_keys: BTreeSet<String>,
    /// It is being taken over, and differed from what the Share declares when it was last looked at.
    pub adopting: bool,
    /// AWS has been seen deleting it, or to have deleted it: its tombstone need not be listed for ever.
    pub deleted: bool,
    /// What was put into it so lately that AWS need not list it.
    pub widened: Members,
}

/// Why a change is to be made. Budgets, modes and switches read this and the change's effect, nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The Share says so since its last edit.
    Edit,
    /// AWS differs from what was already carried out.
    Drift,
    /// A policy no longer allows it, or never did.
    Policy,
    /// Its `until` has passed.
    Expired,
    /// The organization's tree or the governing set changed.
    Tree,
    /// The Share is being deleted.
    Deletion,
    /// The container is claimed: its mark is written first.
    Claim,
    /// The container was found by its mark alone, or is taken over: nobody knows that this Share ever made it so.
    Found,
    /// Nobody declares the container.
    Undeclared,
}

impl Cause {
    /// What no switch of a tenant may delay: an ended `until`, and what policy takes away.
    pub fn is_beyond_tenant(self) -> bool {
        matches!(self, Self::Expired | Self::Policy)
    }
}
