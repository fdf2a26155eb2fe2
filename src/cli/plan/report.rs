//! What `sharekeeper plan` says, as data: `-o json` prints exactly this. Members are added in later versions, and none
//! is renamed or taken away.

use std::collections::BTreeMap;

use serde::Serialize;

use super::manifests::Problem;
use crate::{cli::governed::ReadOrganization, plan::desired::Refusal};

/// The plan for all manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What is wrong with the manifests. If there is anything, nothing was read and the rest is empty.
    pub problems: Vec<Problem>,
    /// `Installation.spec.id`.
    pub installation: String,
    /// The organizations, by name.
    pub organizations: Vec<OrganizationReport>,
    /// The governed accounts and regions, by account id and region.
    pub account_regions: Vec<CellReport>,
    /// What no account and region speaks of: sets whose names mean nothing, Shares that nobody governs.
    pub refusals: Vec<ObjectRefusal>,
    /// How many objects of other kinds stood among the manifests, by kind.
    pub skipped: BTreeMap<String, usize>,
    /// Sums.
    pub counts: Counts,
}

/// One organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationReport {
    /// The Organization's name.
    pub name: String,
    /// RAM sharing with it is off and would be turned on, as `ramSharing: Enable` asks.
    pub enables_sharing: bool,
    /// Why it, or part of it, could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Why>,
}

/// One governed account and region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CellReport {
    /// The account's id.
    pub account: String,
    /// Its name, where the organization's tree tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
    /// The region.
    pub region: String,
    /// The AccountSet that governs it.
    pub account_set: String,
    /// Why it could not be read. Nothing is then known of its Shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Why>,
    /// Its Shares, by namespace and name.
    pub shares: Vec<ShareReport>,
    /// What is shared in AWS and no manifest declares.
    pub undeclared: Vec<UndeclaredReport>,
}

/// One Share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShareReport {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its containers in AWS that are there or are to be made.
    pub containers: Vec<ContainerReport>,
    /// What of it is not granted.
    pub refusals: Vec<RefusalReport>,
    /// What of it is shared all the same, and why somebody should look.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<WarningReport>,
}

/// One container of a Share: for RAM a resource share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerReport {
    /// `inner` or `outer`.
    pub side: String,
    /// Its ARN; none while it is to be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// The name that it has or is to get.
    pub name: String,
    /// What becomes of it.
    pub action: Action,
    /// The single changes, in the order of their narration.
    pub changes: Vec<ChangeReport>,
    /// What is to be done later, and what it waits for.
    pub waits: Vec<String>,
}

/// What becomes of a container by the changes that are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// It is made.
    Make,
    /// It is changed.
    Change,
    /// It is deleted.
    Remove,
    /// It stays as it is.
    Keep,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeReport {
    /// What is done.
    pub verb: Verb,
    /// To what.
    pub what: What,
    /// The principal, ARN, name, permission or tag's value after the change; for a removal before it.
    pub value: String,
    /// The resource type of a permission, the key of a tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// What stood there before, where something is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The target as the Share writes it, or the account's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_as: Option<String>,
    /// When the access ends, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// A principal outside the organization.
    pub external: bool,
    /// Why, where it is not simply what the manifest says: `policy`, `expired`, `tree` or `claim`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<&'static str>,
    /// Why it is held back; none if it would be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Why>,
}

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verb {
    /// Something is made or added.
    Add,
    /// Something is removed.
    Remove,
    /// Something is set to another value.
    Set,
}

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// The container itself.
    Container,
    /// A principal.
    Principal,
    /// A resource.
    Resource,
    /// The name.
    Name,
    /// Whether principals outside the organization can be added.
    AllowExternalPrincipals,
    /// The permission of a resource type.
    Permission,
    /// A tag.
    Tag,
    /// The tags that say whose it is.
    Mark,
}

/// A reason of the closed list, and words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    /// For machines.
    pub reason: String,
    /// For people: what happened, why, and what to do.
    pub message: String,
}

/// Something of a Share that is not granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusalReport {
    /// The target as it is declared, the resource's ARN, or nothing for the whole Share.
    pub what: String,
    /// Whether it is refused, or stays as it is in AWS until something is known, or has ended as declared.
    pub standing: RefusalStanding,
    /// Why.
    #[serde(flatten)]
    pub why: Why,
}

/// Something of a Share that is granted although it cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WarningReport {
    /// The resource's ARN.
    pub what: String,
    /// Why, and what to do.
    pub message: String,
}

/// How far a refusal goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RefusalStanding {
    /// It is not granted.
    Refused,
    /// It is neither granted nor taken away now.
    Undecided,
    /// Its `until` has passed.
    Ended,
}

/// A refusal that no account and region speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRefusal {
    /// `Share network-team/hub`, `AccountSet network`.
    pub object: String,
    /// Why.
    #[serde(flatten)]
    pub why: Why,
}

/// A container that no manifest declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UndeclaredReport {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// `Foreign`, `Orphaned`, `OtherInstallation` or `ServiceManaged`. Orphaned ones are a Share's that is not among the
    /// manifests: deleting that Share revokes them.
    pub why: String,
    /// The Share that its mark names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Principals outside the organization.
    pub external_principals: Vec<String>,
    /// The other principals.
    pub principals: Vec<String>,
    /// The resources.
    pub resources: Vec<String>,
}

/// Sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Containers to be made.
    pub make: usize,
    /// Containers to be changed, and organizations in which sharing is turned on.
    pub change: usize,
    /// Containers to be deleted.
    pub remove: usize,
    /// Containers of which some change is held back.
    pub held: usize,
    /// Containers of which something waits for AWS or for another change.
    pub waiting: usize,
    /// Refusals, those that have ended as declared left out.
    pub refused: usize,
    /// Containers that no manifest declares.
    pub undeclared: usize,
    /// Those of them that a Share of this installation made which is not among the manifests.
    pub orphaned: usize,
    /// Organizations, and accounts and regions, that could not be read.
    pub unknown: usize,
}

impl From<&Refusal> for Why {
    fn from(refusal: &Refusal) -> Self {
        Self { reason: refusal.reason.to_string(), message: refusal.message.clone() }
    }
}

impl From<&ReadOrganization> for OrganizationReport {
    fn from(read: &ReadOrganization) -> Self {
        Self {
            name: read.name.clone(),
            enables_sharing: read.enables_sharing,
            unknown: read.problem.as_ref().map(Why::from),
        }
    }
}

impl Report {
    /// The report with its sums.
    #[must_use]
    pub fn counted(mut self) -> Self {
        let cells = &self.account_regions;
        let containers = || cells.iter().flat_map(|cell| &cell.shares).flat_map(|share| &share.containers);
        let acting = |action| containers().filter(|container| container.action == action).count();
        let refusals = cells.iter().flat_map(|cell| &cell.shares).flat_map(|share| &share.refusals);
        let refused = refusals.filter(|refusal| refusal.standing != RefusalStanding::Ended).count();
        let undeclared = || cells.iter().flat_map(|cell| &cell.undeclared);
        let organizations = &self.organizations;
        self.counts = Counts {
            make: acting(Action::Make),
            change: acting(Action::Change) + organizations.iter().filter(|o| o.enables_sharing).count(),
            remove: acting(Action::Remove),
            held: containers().filter(|c| c.changes.iter().any(|change| change.held.is_some())).count(),
            waiting: containers().filter(|container| !container.waits.is_empty()).count(),
            refused: refused + self.refusals.len(),
            undeclared: undeclared().count(),
            orphaned: undeclared().filter(|found| found.why == "Orphaned").count(),
            unknown: cells.iter().filter(|cell| cell.unknown.is_some()).count()
                + organizations.iter().filter(|o| o.unknown.is_some()).count(),
        };
        self
    }

    /// 1 if the manifests are broken or something could not be read; else 2 if AWS is not what they declare; else 0.
    pub fn exit_code(&self) -> u8 {
        let Counts { make, change, remove, held, waiting, refused, orphaned, unknown, undeclared: _ } =
            self.counts;
        match (unknown + self.problems.len(), make + change + remove + held + waiting + refused + orphaned) {
            (0, 0) => 0,
            (0, _) => 2,
            _ => 1,
        }
    }
}
