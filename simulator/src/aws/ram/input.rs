//! Parameters of RAM's operations, as on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::model::AssociationType;

/// A tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// Key.
    pub key: String,
    /// Value.
    #[serde(default)]
    pub value: String,
}

/// Share settings that only CreateResourceShare sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Configuration {
    /// Keep access when the account leaves the organization; needs invitations even inside it.
    pub retain_sharing_on_account_leave_organization: bool,
}

/// CreateResourceShare.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateShare {
    /// Name; not unique.
    pub name: String,
    /// Resources to share.
    pub resource_arns: Vec<String>,
    /// Principals to share with.
    pub principals: Vec<String>,
    /// Sources that limit service principals.
    pub sources: Vec<String>,
    /// One permission a resource type; the types not named get their default.
    pub permission_arns: Vec<String>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Absent means true.
    pub allow_external_principals: Option<bool>,
    /// Share settings.
    pub resource_share_configuration: Configuration,
}

/// UpdateResourceShare.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateShare {
    /// The share.
    pub resource_share_arn: String,
    /// New name.
    pub name: Option<String>,
    /// New setting.
    pub allow_external_principals: Option<bool>,
}

/// AssociateResourceShare and DisassociateResourceShare.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Entities {
    /// The share.
    pub resource_share_arn: String,
    /// Resources.
    pub resource_arns: Vec<String>,
    /// Principals.
    pub principals: Vec<String>,
    /// Sources.
    pub sources: Vec<String>,
}

impl Entities {
    /// All of them with their kind, principals first.
    pub(crate) fn all(&self) -> impl Iterator<Item = (AssociationType, &str)> {
        let principals = self.principals.iter().map(|name| (AssociationType::Principal, name.as_str()));
        let sources = self.sources.iter().map(|name| (AssociationType::Source, name.as_str()));
        let resources = self.resource_arns.iter().map(|name| (AssociationType::Resource, name.as_str()));
        principals.chain(sources).chain(resources)
    }
}

/// A tag filter of GetResourceShares.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TagFilter {
    /// Key.
    pub tag_key: String,
    /// Any of these values; none: any value.
    pub tag_values: Vec<String>,
}

/// The filters and paging members of all listings; each operation reads its own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the members are those of the API model")]
pub struct Listing {
    pub resource_owner: Option<String>,
    pub resource_share_arns: Vec<String>,
    pub resource_share_arn: Option<String>,
    pub resource_share_status: Option<String>,
    pub name: Option<String>,
    pub tag_filters: Vec<TagFilter>,
    pub permission_arn: Option<String>,
    pub permission_version: Option<u32>,
    pub association_type: Option<String>,
    pub resource_arn: Option<String>,
    pub resource_arns: Vec<String>,
    pub principal: Option<String>,
    pub principals: Vec<String>,
    pub association_status: Option<String>,
    pub resource_type: Option<String>,
    pub feature_set: Option<String>,
    pub default_version: Option<bool>,
    pub source_id: Option<String>,
    pub source_type: Option<String>,
    pub resource_region_scope: Option<String>,
    pub permission_type: Option<String>,
    pub resource_share_invitation_arns: Vec<String>,
    pub resource_share_invitation_arn: Option<String>,
    pub work_ids: Vec<String>,
    pub status: Option<String>,
    pub next_token: Option<String>,
    pub max_results: Option<i64>,
}

/// The parameters of the operations on permissions; each operation reads its own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the members are those of the API model")]
pub struct PermissionInput {
    pub resource_share_arn: String,
    pub permission_arn: String,
    pub permission_version: Option<u32>,
    pub replace: bool,
    pub from_permission_arn: String,
    pub from_permission_version: Option<u32>,
    pub to_permission_arn: String,
    pub name: String,
    pub resource_type: String,
    pub policy_template: String,
    pub tags: Vec<Tag>,
}

/// TagResource and UntagResource.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tagging {
    /// A share; exactly one of the two ARNs.
    pub resource_share_arn: Option<String>,
    /// A customer managed permission.
    pub resource_arn: Option<String>,
    /// Tags to set.
    pub tags: Vec<Tag>,
    /// Keys to take away.
    pub tag_keys: Vec<String>,
}

pub(crate) fn tag_map(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect()
}
