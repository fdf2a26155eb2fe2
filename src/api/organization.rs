//! `Organization`: the tree of organizational units and accounts.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::formats;

/// An AWS organization and how its tree is read.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "sharekeeper.dev",
    version = "v1alpha1",
    kind = "Organization",
    status = "OrganizationStatus",
    derive = "PartialEq",
    shortname = "shorg",
    category = "sharekeeper",
    doc = "An AWS organization: how its tree of organizational units and accounts is read, by which names are understood and containment is decided.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(name = "Id", type_ = "string", json_path = ".spec.id"),
    printcolumn(
        name = "Current",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"TreeCurrent\")].status",
        description = "Whether the whole tree was read within three times refresh"
    ),
    printcolumn(
        name = "Sharing",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"SharingEnabled\")].status",
        description = "Whether RAM sharing with the organization is enabled"
    ),
    printcolumn(name = "Accounts", type_ = "integer", json_path = ".status.counts.accounts"),
    printcolumn(name = "OUs", type_ = "integer", json_path = ".status.counts.organizationalUnits"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1
    ),
    printcolumn(
        name = "Management",
        type_ = "string",
        json_path = ".status.managementAccount",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationSpec {
    /// The organization's id, `o-…`. Asserted: where AWS answers for another organization, the answer is
    /// refused. Immutable.
    #[schemars(length(min = 1, max = 34))]
    #[x_kube(validation = Rule::new(r"self.matches('^o-[a-z0-9]{10,32}$')").message("id: write the organization's id, such as o-a1b2c3d4e5"))]
    #[x_kube(validation = Rule::new(r"self == oldSelf").message("id: immutable; make another Organization"))]
    pub id: String,
    /// How the organization is read. Unset: with the controller's own identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<OrganizationAccess>,
    /// How often the tree is read: 1m to 24h. Default `10m`. A tree older than three times this permits no
    /// widening by name, OU or membership.
    #[serde(default = "default_refresh")]
    #[schemars(length(min = 2, max = 24))]
    #[x_kube(validation = Rule::new(formats::INTERVAL).message("refresh: write 1m to 24h in hours, minutes and seconds, such as 10m"))]
    pub refresh: String,
    /// `Observe` only tells whether RAM may share with the organization; `Enable` turns it on (RAM's own
    /// EnableSharingWithAwsOrganization; it works only with a role in the management account). Default
    /// `Observe`.
    #[serde(default)]
    pub ram_sharing: RamSharing,
}

fn default_refresh() -> String {
    "10m".to_owned()
}

/// The role that reads the organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationAccess {
    /// The ARN of a role in the management account or in a delegated administrator's account.
    #[schemars(length(min = 1, max = formats::PRINCIPAL_ARN_MAX))]
    #[x_kube(validation = Rule::new(formats::ROLE_ARN).message("access.roleArn: write the full ARN of an IAM role, such as arn:aws:iam::111111111111:role/sharekeeper-tree"))]
    pub role_arn: String,
    /// The external id to assume the role with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 1224), regex(pattern = r"^[A-Za-z0-9_+=,.@:/-]+$"))]
    pub external_id: Option<String>,
}

/// What to do about RAM sharing with the organization being off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum RamSharing {
    /// Say so.
    #[default]
    Observe,
    /// Turn it on.
    Enable,
}

/// The tree as last read completely. Written by the controller alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: the tree is known and is this organization's. `TreeCurrent`: it is not older than three times
    /// `refresh`. `SharingEnabled`: RAM may share with the organization; where it is off the message has the
    /// command to run, and for a delegated administrator it is Unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The id that AWS answered for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The management account's 12 digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_account: Option<String>,
    /// `ALL` or `CONSOLIDATED_BILLING`, as AWS says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_set: Option<String>,
    /// Exact numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<OrganizationCounts>,
    /// Digest of the tree: it changes when an account or OU comes, goes, moves or is renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree_digest: Option<String>,
}

/// Exact numbers of an organization.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OrganizationCounts {
    /// Accounts, suspended ones too.
    pub accounts: i32,
    /// Accounts that are suspended or being closed.
    pub suspended_accounts: i32,
    /// Organizational units, without the root.
    pub organizational_units: i32,
}
