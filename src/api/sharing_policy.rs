//! `SharingPolicy`: what may be shared with whom.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{formats, pin::Pin, share::AccessLevel};

/// What Shares in the named namespaces may share, from whose accounts, with whom. Policies add up; what none
/// allows is refused.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "sharekeeper.dev",
    version = "v1alpha1",
    kind = "SharingPolicy",
    status = "SharingPolicyStatus",
    derive = "PartialEq",
    plural = "sharingpolicies",
    shortname = "shpol",
    category = "sharekeeper",
    doc = "What Shares in the named namespaces may share, from whose accounts, with whom. Policies add up: any one that allows a resource, target and permission together is enough; what none allows is refused.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(name = "Namespaces", type_ = "string", json_path = ".spec.namespaces"),
    printcolumn(name = "Types", type_ = "string", json_path = ".spec.allow.resourceTypes"),
    printcolumn(
        name = "External",
        type_ = "string",
        json_path = ".spec.allow.external.accounts",
        description = "Accounts outside the organization that may be let in"
    ),
    printcolumn(
        name = "Shares",
        type_ = "integer",
        json_path = ".status.counts.shares",
        description = "Shares that rest on this policy"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1
    ),
    printcolumn(name = "OUs", type_ = "string", json_path = ".spec.allow.organizationalUnits", priority = 1)
)]
#[serde(rename_all = "camelCase")]
pub struct SharingPolicySpec {
    /// The namespaces whose Shares it speaks of, by name: 1 to 100. No labels, no wildcards.
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new(r"self.all(n, n.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$'))").message("namespaces: write names of namespaces; wildcards and labels are not taken"))]
    pub namespaces: Vec<String>,
    /// Whose resources they may share. At least one of its lists must name something.
    #[x_kube(validation = Rule::new(r"[has(self.accounts) && self.accounts.size() > 0, has(self.organizationalUnits) && self.organizationalUnits.size() > 0, has(self.accountSets) && self.accountSets.size() > 0].exists(x, x)").message("owners: name at least one of accounts, organizationalUnits, accountSets"))]
    pub owners: Owners,
    /// What they may share with whom.
    #[x_kube(validation = Rule::new(r"(has(self.organization) && self.organization) || (has(self.organizationalUnits) && self.organizationalUnits.size() > 0) || (has(self.accounts) && self.accounts.size() > 0) || (has(self.principals) && 'service' in self.principals) || has(self.external)").message("allow: names nobody to share with; set organization, organizationalUnits, accounts, external, or principals: [service]"))]
    pub allow: Allow,
    /// Limits on each Share that rests on this policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// Whose resources may be shared: accounts that any of these lists selects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Owners {
    /// Accounts by 12 digits or name; at most 500.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500), inner(length(min = 1, max = formats::ACCOUNT_NAME_MAX)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new(formats::ACCOUNTS).message("owners.accounts: write 12 digits or names as the organization has them; wildcards are not understood"))]
    pub accounts: Vec<String>,
    /// Organizational units by path of names from `Root` on, or by id `ou-…`, with everything below them; at
    /// most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = formats::OU_PATH_MAX)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new(formats::ORGANIZATIONAL_UNITS).message("owners.organizationalUnits: write a path of names from Root on, such as Root/Workloads/Prod, or an id such as ou-ab12-cdef3456"))]
    pub organizational_units: Vec<String>,
    /// Names of AccountSets: the accounts they select; at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 253), regex(pattern = formats::OBJECT_NAME)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub account_sets: Vec<String>,
}

/// What may be shared with whom. A grant needs its resource and its target and its permission allowed by the
/// same policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Allow {
    /// Resource types as RAM writes them, such as `ec2:Subnet`: 1 to 100, no wildcards. A type that this version
    /// cannot tell from ARNs allows what `resources` names of its service, and nothing else.
    #[schemars(length(min = 1, max = 100), inner(length(min = 3, max = 128)))]
    #[x_kube(validation = Rule::new(formats::RESOURCE_TYPES).message("resourceTypes: write types as RAM does, such as ec2:Subnet; wildcards are not taken"))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub resource_types: Vec<String>,
    /// ARNs that narrow this further, at most 100; `*` and `?` are wildcards, but never in the account.
    /// Unset: every resource of the types. A resource whose type this version does not know needs an ARN here
    /// with no wildcard before its id, such as `arn:aws:newservice:*:111122223333:thing/*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 512)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new(r"self.all(r, r.matches('^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9*?-]*:([0-9]{12})?:.+$'))").message("resources: write ARNs such as arn:aws:ec2:*:111122223333:subnet/*; the account is never a wildcard"))]
    pub resources: Vec<String>,
    /// Whether the whole organization may be a target. Default false.
    #[serde(default)]
    pub organization: bool,
    /// Organizational units that may be targets, with every OU and account below them, by the real tree; at
    /// most 100. Paths of names from `Root` on, or ids `ou-…`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = formats::OU_PATH_MAX)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new(formats::ORGANIZATIONAL_UNITS).message("allow.organizationalUnits: write a path of names from Root on, such as Root/Workloads/Prod, or an id such as ou-ab12-cdef3456"))]
    pub organizational_units: Vec<String>,
    /// Accounts that may be targets, by 12 digits or name; at most 500.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500), inner(length(min = 1, max = formats::ACCOUNT_NAME_MAX)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new(formats::ACCOUNTS).message("allow.accounts: write 12 digits or names as the organization has them; wildcards are not understood"))]
    pub accounts: Vec<String>,
    /// Kinds of target beyond organization, OU and account: `role`, `user`, `service`. A role or user must be
    /// in an account allowed above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub principals: Vec<PrincipalKind>,
    /// RAM permissions by name or ARN, at most 100, beyond each type's AWS default permission and read
    /// access.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 512)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new(formats::PERMISSIONS).message("permissions: write names or ARNs of RAM permissions; wildcards are not taken"))]
    pub permissions: Vec<String>,
    /// Access beyond `Read` that Shares may give to resources with a policy of their own, such as KMS keys: `ReadWrite`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub access: Vec<AccessLevel>,
    /// Whether a Share may have `deletionPolicy: Orphan`. Default false.
    #[serde(default)]
    pub orphan: bool,
    /// Who outside the organization may be a target. Unset: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
}

/// A kind of target beyond organization, OU and account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PrincipalKind {
    /// An IAM role.
    Role,
    /// An IAM user.
    User,
    /// An AWS service.
    Service,
}

/// Who outside the organization may be let in, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct External {
    /// Accounts outside the organization by 12 digits, 1 to 100; for their roles and users `principals` must
    /// allow the kind too.
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 12)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new(formats::ACCOUNT_IDS).message("external.accounts: write 12 digits each, in quotes; names and wildcards are not taken"))]
    pub accounts: Vec<String>,
    /// How long such a target may last at most, counted from when it was first declared, such as `90d`.
    #[schemars(length(min = 2, max = 24), extend("x-kubernetes-validations" = [formats::rule(formats::DURATION_ABOVE_ZERO, "maxDuration: write days, hours, minutes and seconds in this order, above zero, such as 90d")]))]
    pub max_duration: String,
    /// Whether moving `until` further counts as declared anew. Default false: `maxDuration` from the first
    /// declaration is the end.
    #[serde(default)]
    pub renewable: bool,
}

/// Limits on a Share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Targets at most in one Share: 1 to 500. Unset: 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 500))]
    pub targets_per_share: Option<i32>,
}

/// How a policy was understood. Written by the controller alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SharingPolicyStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: every name in it is resolved and it is applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Exact numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<SharingPolicyCounts>,
    /// Names that cannot be resolved and so allow nothing; at most 100, `counts.problems` has the number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub problems: Vec<super::account_set::SelectionProblem>,
    /// Declared names of accounts and OUs with the ids they meant when first resolved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1200))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kind".into(), "declaredAs".into()]))]
    pub pins: Vec<Pin>,
}

/// Exact numbers of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SharingPolicyCounts {
    /// Shares of which it allows at least one grant.
    pub shares: i32,
    /// Entries of `problems` before it was cut off.
    pub problems: i32,
}
