//! `Share`: what a team shares, and with whom.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{formats, share_status::ShareStatus};
use crate::model::resource_type::{READ, READ_WRITE};

/// What is shared from one account and region, and with whom.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    validation = Rule::new("size(self.metadata.name) <= 190").message("metadata.name: at most 190 characters, so that namespace and name fit into one tag in AWS"),
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
        type_ = "integer",
        json_path = ".status.counts.containers",
        description = "AWS objects that hold the grants",
        priority = 1
    )
)]
#[x_kube(validation = Rule::new(r"self.resources.all(r, r.arn.split(':').size() < 6 || r.arn.split(':')[3] in ['', self.region])").message("resources: the region in each ARN must be spec.region, or blank for a global type; put what is in another region into a Share for that region").field_path(".resources"))]
#[x_kube(validation = Rule::new(r"!self.account.matches('^[0-9]{12}$') || self.resources.all(r, r.arn.split(':').size() < 6 || r.arn.split(':')[4] in ['', self.account])").message("resources: the account in each ARN must be spec.account, since only the owner can share; put what another account owns into a Share for that account").field_path(".resources"))]
#[x_kube(validation = Rule::new(r"(has(self.allowExternal) && self.allowExternal) || !self.targets.exists(t, has(t.externalAccount) || has(t.externalRole))").message("allowExternal: set it to true to share outside the organization, or remove the targets externalAccount and externalRole").field_path(".allowExternal"))]
#[x_kube(validation = Rule::new(r"!self.targets.exists(t, has(t.service)) || self.targets.all(t, has(t.service))").message("targets: service principals cannot stand beside other targets; give them a Share of their own").field_path(".targets"))]
#[x_kube(validation = Rule::new(r"!self.targets.exists(t, has(t.externalAccount) && t.externalAccount == self.account)").message("targets: externalAccount is the owning account itself; remove it").field_path(".targets"))]
#[x_kube(validation = Rule::new(r"!has(self.adopt) || self.adopt.arn.split(':').size() < 6 || self.adopt.arn.split(':')[3] == self.region").message("adopt: the region in the ARN must be spec.region; make the Share for the region that the share is in").field_path(".adopt"))]
#[x_kube(validation = Rule::new(r"!has(self.adopt) || !self.account.matches('^[0-9]{12}$') || self.adopt.arn.split(':').size() < 6 || self.adopt.arn.split(':')[4] == self.account").message("adopt: the account in the ARN must be spec.account; make the Share for the account that owns the share").field_path(".adopt"))]
#[x_kube(validation = Rule::new(r"!has(oldSelf.adopt) || (has(self.adopt) && self.adopt == oldSelf.adopt)").message("adopt: immutable once set; delete the Share with deletionPolicy Orphan and make another one").field_path(".adopt"))]
#[serde(rename_all = "camelCase")]
pub struct ShareSpec {
    /// The account that owns the resources: its 12 digits, or its name in the organization's tree (1 to 50
    /// characters). It must be governed by an AccountSet. Immutable.
    #[schemars(length(min = 1, max = formats::ACCOUNT_NAME_MAX))]
    #[x_kube(validation = Rule::new(formats::ACCOUNT).message("account: write the account's 12 digits, or its name as the organization has it, without spaces at its ends"))]
    #[x_kube(validation = Rule::new(r"self == oldSelf").message("account: immutable; delete this Share and make another one for the other account"))]
    pub account: String,
    /// The AWS region the resources are in, such as `eu-west-1`; for global types `us-east-1`. Immutable.
    #[schemars(length(min = 1, max = 25))]
    #[x_kube(validation = Rule::new(formats::REGION).message("region: write a region code, such as eu-west-1"))]
    #[x_kube(validation = Rule::new(r"self == oldSelf").message("region: immutable; delete this Share and make another one for the other region"))]
    pub region: String,
    /// Name of the share in AWS RAM. Default `<namespace>.<name>`. A change renames the share and never
    /// recreates it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub name: Option<String>,
    /// The resources to share: 1 to 1,000, each named once.
    #[schemars(length(min = 1, max = 1000))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["arn".into()]))]
    pub resources: Vec<ShareResource>,
    /// Whom to share with: at most 500, each entry exactly one kind of target, none twice (up to 40 entries
    /// that is refused at once, beyond that it is told in status). An empty list shares with nobody.
    #[schemars(length(max = 500))]
    #[x_kube(validation = Rule::new("self.size() > 40 || [self.map(t, has(t.organization) ? 'o' : has(t.organizationalUnit) ? 'u' + t.organizationalUnit : has(t.account) ? 'a' + t.account : has(t.role) ? 'r' + t.role : has(t.service) ? 's' + t.service : has(t.externalAccount) ? 'e' + t.externalAccount : has(t.externalRole) ? 'x' + t.externalRole : '')].all(keys, keys.all(key, keys.indexOf(key) == keys.lastIndexOf(key)))").message("targets: the same target stands there twice; remove one of the two entries"))]
    pub targets: Vec<Target>,
    /// Whether targets outside the organization may stand in `targets`. Default false. A SharingPolicy must
    /// allow them too.
    #[serde(default)]
    pub allow_external: bool,
    /// The RAM permission of a resource type, where it shall not be the type's default; at most one a type.
    /// Unset: the type's default is right and is never counted as drift.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["resourceType".into()]))]
    pub permissions: Vec<PermissionChoice>,
    /// What targets may do with resources that are shared by a policy of their own, such as KMS keys: `Read` what is there, or
    /// `ReadWrite`, which a SharingPolicy must allow by `access`. Default `Read`.
    #[serde(default, skip_serializing_if = "AccessLevel::is_default")]
    pub access: AccessLevel,
    /// Tags on the share in AWS: at most 40, keys of 1 to 128 characters, values of at most 256. Only these
    /// keys are managed; other tags are left alone. Keys that begin with `aws:` or `sharekeeper.dev/` are
    /// refused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 40))]
    #[x_kube(validation = Rule::new(r"self.all(k, !k.matches('^([aA][wW][sS]:|sharekeeper[.]dev/)'))").message("tags: keys that begin with aws: or sharekeeper.dev/ are reserved; choose another key"))]
    #[x_kube(validation = Rule::new(r"self.all(k, size(k) >= 1 && size(k) <= 128)").message("tags: a key has 1 to 128 characters"))]
    pub tags: BTreeMap<String, TagValue>,
    /// `Enforce` makes AWS match; `Report` plans and shows what would be done, and writes nothing to AWS
    /// except the end of `until` and what policy takes away. The stricter of this and the AccountSet's mode
    /// wins. Default `Enforce`.
    #[serde(default)]
    pub enforcement: Enforcement,
    /// Stops all changes to this Share in AWS, except the end of `until` and what policy takes away. Default
    /// false.
    #[serde(default)]
    pub suspend: bool,
    /// What happens in AWS when this Share is deleted: `Delete` revokes its grants; `Orphan` leaves them,
    /// recorded as an UndeclaredShare, and needs a SharingPolicy that allows it. Default `Delete`.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Take over this share that exists in AWS. Needs an UndeclaredShare with `decision: Adopt` for this
    /// Share. Immutable once set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<Adopt>,
}

/// A resource to share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShareResource {
    /// The resource's full ARN, without wildcards. Its region (which may be blank for a global type) and
    /// account must be those of the Share.
    #[schemars(length(min = 1, max = formats::ARN_MAX))]
    #[x_kube(validation = Rule::new(formats::NO_WILDCARD).message("arn: name one resource; the wildcards * and ? are not taken here"))]
    #[x_kube(validation = Rule::new(formats::ARN).message("arn: write a full ARN, such as arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-0a1b"))]
    pub arn: String,
}

/// Somebody to share with: exactly one of the kinds `organization`, `organizationalUnit`, `account`, `role`,
/// `service`, `externalAccount`, `externalRole`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new(r"[has(self.organization), has(self.organizationalUnit), has(self.account), has(self.role), has(self.service), has(self.externalAccount), has(self.externalRole)].filter(x, x).size() == 1").message("each target is exactly one of organization, organizationalUnit, account, role, service, externalAccount, externalRole; make one entry for each"))]
#[x_kube(validation = Rule::new(r"!(has(self.externalAccount) || has(self.externalRole)) || (has(self.until) && has(self.reason))").message("until and reason: both are required for a target outside the organization"))]
#[x_kube(validation = Rule::new(r"!has(self.until) || has(self.externalAccount) || has(self.externalRole)").message("until: only a target outside the organization ends by date; remove until, and remove the target itself when its access shall end"))]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// `true`: the whole organization, with accounts that join later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(r"self").message("organization: only true can be declared; remove the entry to end the access"))]
    pub organization: Option<bool>,
    /// An organizational unit with everything below it and accounts that join later: its path of names from
    /// `Root/` on, or its id `ou-…`. A path is kept with the id it first meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = formats::OU_PATH_MAX))]
    #[x_kube(validation = Rule::new(r"self.matches('^ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}$') || self.matches('^Root(/[^/]+)+$')").message("organizationalUnit: write a path of names below Root, such as Root/Workloads/Prod, or an id such as ou-ab12-cdef3456; for the whole tree declare organization: true"))]
    pub organizational_unit: Option<String>,
    /// An account inside the organization: its 12 digits or its name. A name is kept with the id it first
    /// meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = formats::ACCOUNT_NAME_MAX))]
    #[x_kube(validation = Rule::new(formats::ACCOUNT).message("target account: write the account's 12 digits, or its name as the organization has it, without spaces at its ends"))]
    pub account: Option<String>,
    /// The ARN of an IAM role or user inside the organization, where the resource type takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = formats::PRINCIPAL_ARN_MAX))]
    #[x_kube(validation = Rule::new(formats::ROLE_OR_USER_ARN).message("role: write the full ARN of an IAM role or user, such as arn:aws:iam::222233334444:role/reader; wildcards are not taken"))]
    pub role: Option<String>,
    /// An AWS service principal such as `pca-connector-ad.amazonaws.com`, where the resource type takes it.
    /// Not mixed with other kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new(formats::SERVICE).message("service: write a service principal, such as pca-connector-ad.amazonaws.com"))]
    pub service: Option<String>,
    /// An account outside the organization, by its 12 digits. Needs `until`, `reason` and the Share's
    /// `allowExternal: true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 12))]
    #[x_kube(validation = Rule::new(formats::ACCOUNT_ID).message("externalAccount: write the 12 digits of an account outside the organization, in quotes"))]
    pub external_account: Option<String>,
    /// The ARN of an IAM role or user outside the organization. Needs `until`, `reason` and the Share's
    /// `allowExternal: true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = formats::PRINCIPAL_ARN_MAX))]
    #[x_kube(validation = Rule::new(formats::ROLE_OR_USER_ARN).message("externalRole: write the full ARN of an IAM role or user, such as arn:aws:iam::999988887777:role/reader; wildcards are not taken"))]
    pub external_role: Option<String>,
    /// When an outside target's access ends, such as `2027-01-31T00:00:00Z`. It is revoked once this has
    /// passed, whatever mode the Share is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Why this target has access, for the people who review it. Required for outside targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub reason: Option<String>,
}

/// The RAM permission that a resource type gets in this Share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PermissionChoice {
    /// The resource type as RAM writes it, such as `ec2:Subnet`.
    #[schemars(length(min = 3, max = 128))]
    #[x_kube(validation = Rule::new(formats::RESOURCE_TYPE).message("resourceType: write a type as RAM does, such as ec2:Subnet"))]
    pub resource_type: String,
    /// Name of an AWS managed permission, such as `AWSRAMDefaultPermissionSubnet`, or the ARN of one, or of a
    /// customer managed permission of the owning account and region.
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new(formats::PERMISSION).message("permission: write the name of an AWS managed permission, such as AWSRAMDefaultPermissionSubnet, or the ARN of a permission"))]
    pub permission: String,
    /// `Default` follows the permission's default version; a number in quotes, such as `"3"`, pins that one.
    /// Default `Default`.
    #[serde(default = "default_version")]
    #[schemars(length(min = 1, max = 7))]
    #[x_kube(validation = Rule::new(r"self.matches('^(Default|[1-9][0-9]{0,5})$')").message("version: write Default, or a version number in quotes"))]
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

/// What a resource's own policy lets somebody do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum AccessLevel {
    /// Use what is there: with a key, decrypt.
    #[default]
    Read,
    /// Put something there as well: with a key, encrypt.
    ReadWrite,
}

impl AccessLevel {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => READ,
            Self::ReadWrite => READ_WRITE,
        }
    }

    /// The level of a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Read, Self::ReadWrite].into_iter().find(|level| level.as_str() == name)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Adopt {
    /// The ARN of the share, in the Share's account and region.
    #[schemars(length(min = 1, max = formats::ARN_MAX))]
    #[x_kube(validation = Rule::new(formats::NO_WILDCARD).message("adopt.arn: name one share; the wildcards * and ? are not taken here"))]
    #[x_kube(validation = Rule::new(formats::ARN).message("adopt.arn: write the full ARN of the share, such as arn:aws:ram:eu-west-1:111122223333:resource-share/0a1b"))]
    pub arn: String,
}
