//! `Installation`: this controller's own switches.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{budget::Budget, formats};

/// This installation of sharekeeper. There is exactly one, named `sharekeeper`. Absent or unreadable means
/// halted: nothing is written to AWS.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    validation = Rule::new("self.metadata.name == 'sharekeeper'").message("metadata.name: there is exactly one Installation; name it sharekeeper"),
    group = "sharekeeper.dev",
    version = "v1alpha1",
    kind = "Installation",
    status = "InstallationStatus",
    derive = "PartialEq",
    shortname = "shin",
    category = "sharekeeper",
    doc = "This installation of sharekeeper and its switches. There is exactly one, named `sharekeeper`; without it nothing is written to AWS.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether all governed accounts and regions are observed and nothing is held"
    ),
    printcolumn(name = "Id", type_ = "string", json_path = ".spec.id"),
    printcolumn(
        name = "Halt",
        type_ = "boolean",
        json_path = ".spec.halt",
        description = "Whether all writes to AWS are stopped"
    ),
    printcolumn(
        name = "Cells",
        type_ = "integer",
        json_path = ".status.counts.accountRegions",
        description = "Governed accounts times regions"
    ),
    printcolumn(name = "Shares", type_ = "integer", json_path = ".status.counts.shares"),
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
    )
)]
#[x_kube(validation = Rule::new(r"!has(self.peers) || !(self.id in self.peers)").message("peers: this installation's own id stands among them; remove it").field_path(".peers"))]
#[serde(rename_all = "camelCase")]
pub struct InstallationSpec {
    /// Who this installation is, in the mark on everything it makes in AWS: 1 to 63 characters `a-z`, `0-9`,
    /// `-`. Keep it when the cluster is rebuilt: with another id everything made so far belongs to somebody
    /// else. Immutable.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new(formats::INSTALLATION_ID).message("id: write a to z, 0 to 9 and - alone, beginning and ending with a letter or digit"))]
    #[x_kube(validation = Rule::new(r"self == oldSelf").message("id: immutable, since everything made so far bears it; to start over under another id delete the Installation and make a new one"))]
    pub id: String,
    /// Ids of other installations in the same accounts, at most 50. What bears their mark is theirs and is
    /// never removed; an id that is not here is Foreign.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 63), regex(pattern = formats::DNS_LABEL)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub peers: Vec<String>,
    /// `true` stops every write to AWS, everywhere, at once. Reading and reporting go on. Default false.
    #[serde(default)]
    pub halt: bool,
    /// How much may be removed in the whole installation in a window of time without a person's word.
    /// Default: 5 removals and 10 % an hour.
    #[serde(default)]
    pub budget: Budget,
}

/// What this installation governs. Written by the controller alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstallationStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: all cells are observed and nothing is held. `Halted`: `halt` is set. `RemovalsHeld`: the
    /// installation's budget holds removals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Exact numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<InstallationCounts>,
    /// What was removed in the current window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removals: Option<RemovalWindow>,
}

/// Exact numbers of an installation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InstallationCounts {
    /// Governed cells (account and region).
    pub account_regions: i32,
    /// Cells that could not be read.
    pub unknown: i32,
    /// Shares.
    pub shares: i32,
    /// Shares that differ from AWS.
    pub drifting: i32,
    /// Containers, or foreign grants, that nobody declared.
    pub undeclared: i32,
    /// Grants to outside the organization.
    pub external: i32,
    /// Removals that wait for a person.
    pub held: i32,
}

/// The removals counted against a budget. Written before the first removal is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemovalWindow {
    /// When the window began.
    pub since: Time,
    /// Removals made or reserved since then.
    pub removed: i32,
    /// Shares in AWS that existed when the window began; the percentage counts from these.
    #[serde(default)]
    pub existing: i32,
    /// Fingerprints of the latest removals counted, at most 100, the newest last: one of them that is tried again, by
    /// whichever replica, is not counted again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub latest: Vec<String>,
}
