//! `AccountRegion`: one row a cell (account and region).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{account_set::Access, formats};

/// One governed account and region. Made by the controller from AccountSets; nobody edits it, but people
/// annotate it with `sharekeeper.dev/approve`.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    validation = Rule::new("self.metadata.name == self.spec.account + '.' + self.spec.region").message("metadata.name: must be <account>.<region> of the spec; AccountRegions are made by the controller, write an AccountSet instead"),
    group = "sharekeeper.dev",
    version = "v1alpha1",
    kind = "AccountRegion",
    status = "AccountRegionStatus",
    derive = "PartialEq",
    shortname = "shar",
    category = "sharekeeper",
    doc = "One governed AWS account and region: what was read there, what is held. Made from AccountSets; annotate it with sharekeeper.dev/approve to release what is held.",
    selectable = ".spec.account",
    selectable = ".spec.region",
    printcolumn(
        name = "Account",
        type_ = "string",
        json_path = ".status.accountName",
        description = "The account's name"
    ),
    printcolumn(name = "Region", type_ = "string", json_path = ".spec.region"),
    printcolumn(
        name = "Set",
        type_ = "string",
        json_path = ".status.accountSet",
        description = "The AccountSet that governs it"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Observed",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Observed\")].status",
        description = "Whether the last full read was complete"
    ),
    printcolumn(name = "Shares", type_ = "integer", json_path = ".status.counts.shares"),
    printcolumn(name = "Drifting", type_ = "integer", json_path = ".status.counts.drifting"),
    printcolumn(name = "Undeclared", type_ = "integer", json_path = ".status.counts.undeclared"),
    printcolumn(
        name = "External",
        type_ = "integer",
        json_path = ".status.counts.external",
        description = "Grants to outside the organization"
    ),
    printcolumn(
        name = "Held",
        type_ = "integer",
        json_path = ".status.counts.held",
        description = "Removals that wait for a person"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1
    ),
    printcolumn(name = "OU", type_ = "string", json_path = ".status.organizationalUnit", priority = 1),
    printcolumn(
        name = "Digest",
        type_ = "string",
        json_path = ".status.held.digest",
        description = "What to approve",
        priority = 1
    )
)]
#[x_kube(validation = Rule::new(r"self == oldSelf").message("spec: immutable; AccountRegions are made by the controller, change the AccountSet instead"))]
#[serde(rename_all = "camelCase")]
pub struct AccountRegionSpec {
    /// The account's 12 digits. Immutable.
    #[schemars(length(min = 1, max = 12))]
    #[x_kube(validation = Rule::new(formats::ACCOUNT_ID).message("account: write the account's 12 digits, in quotes"))]
    pub account: String,
    /// The region's code. Immutable.
    #[schemars(length(min = 1, max = 25))]
    #[x_kube(validation = Rule::new(formats::REGION).message("region: write a region code, such as eu-west-1"))]
    pub region: String,
}

/// What was read in a cell and what is held. Written by the controller alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountRegionStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: observed, and every Share in force or refused. `Observed`: the last full read was complete;
    /// else since when nothing is known, and why. `RemovalsHeld`: removals wait for a person. `Halted`: no
    /// write is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The account's name in the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
    /// The path of names of the OU that the account is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organizational_unit: Option<String>,
    /// The AccountSet that governs this cell; for a released cell the one that last did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_set: Option<String>,
    /// Set while no AccountSet selects this cell, yet Shares hold grants in it: nothing is written to AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Released>,
    /// How the account is reached; kept when the cell is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// What is known of each way of sharing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub mechanisms: Vec<MechanismState>,
    /// Exact numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<CellCounts>,
    /// The removals that wait for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// The digest that was approved last. It has been used: the same digest releases nothing again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approved>,
}

/// Why and since when a cell is governed by no set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Released {
    /// When it was released.
    pub since: Time,
    /// Why, in words.
    pub message: String,
}

/// What is known of one way of sharing in a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MechanismState {
    /// The way of sharing: `ram`, later `image`, `snapshot`, `key` and others.
    pub name: String,
    /// `Complete`: all of it was read; `Unknown`: it could not be.
    #[serde(default)]
    pub listing: Listing,
    /// Why it is unknown, as one word of the conditions' reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it is unknown, in words, and what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Since when it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_since: Option<Time>,
    /// Containers in the last complete read.
    #[serde(default)]
    pub containers: i32,
}

/// Whether a mechanism was read as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Listing {
    /// All of it was read.
    Complete,
    /// It could not be read.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Exact numbers of a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CellCounts {
    /// Shares that belong to this cell.
    pub shares: i32,
    /// Containers that Shares declare.
    pub declared: i32,
    /// Containers, or foreign grants, that nobody declared.
    pub undeclared: i32,
    /// Shares that differ from AWS.
    pub drifting: i32,
    /// Removals that wait for a person.
    pub held: i32,
    /// Grants to outside the organization, declared or not.
    pub external: i32,
}

/// Removals that wait for a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// Digest of exactly these removals: annotation `sharekeeper.dev/approve` with this value releases them,
    /// once.
    pub digest: String,
    /// Number of the removals.
    pub removals: i32,
    /// Since when removals are held.
    pub since: Time,
    /// Why, in words.
    #[serde(default)]
    pub message: String,
    /// The first 20 of them, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub examples: Vec<String>,
}

/// An approval that was used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approved {
    /// The approved digest.
    pub digest: String,
    /// When it was acted on.
    pub at: Time,
    /// The UID of the AccountSet under which it was given. Under another one it releases nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_set_uid: Option<String>,
    /// The removals that it released and that were not seen done yet, each by a fingerprint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub removals: Vec<String>,
}
