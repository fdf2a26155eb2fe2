//! `Share`: what a team shares, and with whom.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{formats, share_status::ShareStatus};

/// What is shared from one account and region, and with whom.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "sharekeeper.dev",
    version = "v1alpha1",
    kind = "Share",
    namespaced,
    status = "ShareStatus",
    derive = "PartialEq",
    shortname = "shr",
    category = "sharekeeper",
    doc = "What is shared from one AWS account and region, and with whom. Nothing is granted unless an AccountSet governs the account and a SharingPolicy allows it.",
    selectable = ".spec.account",
    selectable = ".spec.region",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether what is declared is in force, read back from AWS"
    ),
    printcolumn(
        name = "Drift",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Drifted\")].status",
        description = "Whether AWS differs from what was applied"
    ),
    printcolumn(
        name = "Resources",
        type_ = "string",
        json_path = ".status.counts.resources.display",
        description = "Resources in force / declared"
    ),
    printcolumn(
        name = "Principals",
        type_ = "string",
        json_path = ".status.counts.principals.display",
        description = "Principals in force / declared"
    ),
    printcolumn(
        name = "External",
        type_ = "integer",
        json_path = ".status.counts.external",
        description = "Principals outside the organization that have or are being given access"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1
    ),
    printcolumn(
        name = "Containers",
        type_ = "string",
        json_path = ".status.containers[*].id",
        description = "The AWS objects that hold the grants",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct ShareSpec {
    /// The account that owns the resources: its 12 digits, or its name in the organization's tree (1 to 50 characters). It must be governed by
    /// an AccountSet. Immutable.
    #[schemars(length(min = 1, max = formats::ACCOUNT_NAME_MAX))]
    pub account: String,
    /// The AWS region the resources are in, such as `eu-west-1`; for global types `us-east-1`. Immutable.
    #[schemars(length(min = 1, max = 25))]
    pub region: String,
    /// Name of the share in AWS RAM. Default `<namespace>.<name>`. A change renames the share and never recreates it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub name: Option<String>,
    /// The resources to share: 1 to 1,000, each named once.
    #[schemars(length(min = 1, max = 1000))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["arn".into()]))]
    pub resources: Vec<ShareResource>,
    /// Whom to share with: at most 500, each entry exactly one kind of target. An empty list shares with nobody.
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub targets: Vec<Target>,
    /// Whether targets outside the organization may stand in `targets`. Default false. A SharingPolicy must allow them too.
    #[serde(default)]
    pub allow_external: bool,
    /// The RAM permission of a resource type, where it shall not be the type's default; at most one a type. Unset: the type's default is right
    /// and is never counted as drift.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["resourceType".into()]))]
    pub permissions: Vec<PermissionChoice>,
    /// Tags on the share in AWS: at most 40, keys of 1 to 128 characters, values of at most 256. Only these keys are managed; other tags are left
    /// alone. Keys that begin with `aws:` or `sharekeeper.dev/` are refused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: BTreeMap<String, TagValue>,
    /// `Enforce` makes AWS match; `Report` plans and shows what would be done, and writes nothing to AWS except the end of `until` and what policy
    /// takes away. The stricter of this and the AccountSet's mode wins. Default `Enforce`.
    #[serde(default)]
    pub enforcement: Enforcement,
    /// Stops all changes to this Share in AWS, except the end of `until` and what policy takes away. Default false.
    #[serde(default)]
    pub suspend: bool,
    /// What happens in AWS when this Share is deleted: `Delete` revokes its grants; `Orphan` leaves them, recorded as an UndeclaredShare, and needs
    /// a SharingPolicy that allows it. Default `Delete`.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Take over this share that exists in AWS. Needs an UndeclaredShare with `decision: Adopt` for this Share. Immutable once set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<Adopt>,
}

/// A resource to share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShareResource {
    /// The resource's full ARN, without wildcards. Its region (which may be blank for a global type) and account must be those of the Share.
    #[schemars(length(min = 1, max = formats::ARN_MAX))]
    pub arn: String,
}

/// Somebody to share with: exactly one of the kinds `organization`, `organizationalUnit`, `account`, `role`, `service`, `externalAccount`,
/// `externalRole`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct Target {
    /// `true`: the whole organization, with accounts that join later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<bool>,
    /// An organizational unit with everything below it and accounts that join later: its path of names from `Root/` on, or its id `ou-…`.
    /// A path is kept with the id it first meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = formats::OU_PATH_MAX))]
    pub organizational_unit: Option<String>,
    /// An account inside the organization: its 12 digits or its name. A name is kept with the id it first meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = formats::ACCOUNT_NAME_MAX))]
    pub account: Option<String>,
    /// The ARN of an IAM role or user inside the organization, where the resource type takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = formats::PRINCIPAL_ARN_MAX))]
    pub role: Option<String>,
    /// An AWS service principal such as `pca-connector-ad.amazonaws.com`, where the resource type takes it. Not mixed with other kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub service: Option<String>,
    /// An account outside the organization, by its 12 digits. Needs `until`, `reason` and the Share's `allowExternal: true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 12))]
    pub external_account: Option<String>,
    /// The ARN of an IAM role or user outside the organization. Needs `until`, `reason` and the Share's `allowExternal: true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = formats::PRINCIPAL_ARN_MAX))]
    pub external_role: Option<String>,
    /// When an outside target's access ends, such as `2027-01-31T00:00:00Z`. It is revoked once this has passed, whatever mode the Share is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Why this target has access, for the people who review it. Required for outside targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub reason: Option<String>,
}

/// The RAM permission that a resource type gets in this Share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PermissionChoice {
    /// The resource type as RAM writes it, such as `ec2:Subnet`.
    #[schemars(length(min = 3, max = 128), regex(pattern = formats::RESOURCE_TYPE))]
    pub resource_type: String,
    /// Name of an AWS managed permission, such as `AWSRAMDefaultPermissionSubnet`, or the ARN of one, or of a customer managed permission of the
    /// owning account and region.
    #[schemars(length(min = 1, max = 512))]
    pub permission: String,
    /// `Default` follows the permission's default version; a number in quotes, such as `"3"`, pins that one. Default `Default`.
    #[serde(default = "default_version")]
    #[schemars(length(min = 1, max = 7))]
    pub version: String,
}

fn default_version() -> String {
    "Default".to_owned()
}

/// A tag's value: at most 256 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct TagValue(#[schemars(length(max = 256))] pub String);

/// Whether a Share is made so in AWS, or only shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Enforcement {
    /// AWS is made to match.
    #[default]
    Enforce,
    /// The plan is shown in status; nothing is written to AWS.
    Report,
}

/// What becomes of the grants when the Share is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// They are revoked.
    #[default]
    Delete,
    /// They stay, recorded as an UndeclaredShare with `why: Released`.
    Orphan,
}

/// A share that exists in AWS and is to be taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Adopt {
    /// The ARN of the share, in the Share's account and region.
    #[schemars(length(min = 1, max = formats::ARN_MAX))]
    pub arn: String,
}
