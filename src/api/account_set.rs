//! `AccountSet`: which accounts are governed, how they are reached, and what happens to what nobody declared.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{budget::Budget, formats, pin::Pin, share::TagValue};
use crate::model::Mechanism;

/// CEL: no two of up to 128 entries have the same id or name. The cost grows with the square of their number;
/// 128 of the longest stay within the apiserver's budget. In longer lists a repetition changes nothing and is
/// let pass.
const NO_ACCOUNT_TWICE: &str = "self.size() > 128 || [self.map(a, has(a.id) ? a.id : has(a.name) ? a.name : '')].all(keys, keys.all(key, keys.indexOf(key) == keys.lastIndexOf(key)))";

/// Accounts and regions that are governed.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    validation = Rule::new("!has(self.spec.exclude) || !has(self.spec.exclude.accountSets) || !(self.metadata.name in self.spec.exclude.accountSets)").message("exclude.accountSets: the set excludes itself; remove its own name"),
    group = "sharekeeper.dev",
    version = "v1alpha1",
    kind = "AccountSet",
    status = "AccountSetStatus",
    derive = "PartialEq",
    shortname = "shset",
    category = "sharekeeper",
    doc = "AWS accounts and regions that are governed: how they are reached, what may be changed in them and what happens to what nobody declared.",
    selectable = ".spec.mode",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(name = "Accounts", type_ = "integer", json_path = ".status.counts.accounts"),
    printcolumn(
        name = "Cells",
        type_ = "integer",
        json_path = ".status.counts.accountRegions",
        description = "Accounts times regions"
    ),
    printcolumn(name = "Undeclared", type_ = "integer", json_path = ".status.counts.undeclared"),
    printcolumn(
        name = "Held",
        type_ = "integer",
        json_path = ".status.counts.held",
        description = "Removals that wait for a person"
    ),
    printcolumn(name = "Suspend", type_ = "boolean", json_path = ".spec.suspend"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1
    ),
    printcolumn(
        name = "Undeclared-Action",
        type_ = "string",
        json_path = ".spec.undeclared.action",
        priority = 1
    )
)]
#[x_kube(validation = Rule::new(r"(has(self.accounts) && self.accounts.size() > 0) || (has(self.organizationalUnits) && self.organizationalUnits.size() > 0)").message("accounts, organizationalUnits: name at least one account or OU; to govern nothing any more delete the AccountSet"))]
#[x_kube(validation = Rule::new(r"has(self.organization) || (!(has(self.organizationalUnits) && self.organizationalUnits.size() > 0) && (!has(self.accounts) || self.accounts.all(a, !has(a.name))))").message("organization: required to name accounts or OUs; without one write accounts by id alone").field_path(".organization"))]
#[x_kube(validation = Rule::new(r"has(self.organization) || !has(self.exclude) || (!(has(self.exclude.organizationalUnits) && self.exclude.organizationalUnits.size() > 0) && (!has(self.exclude.accounts) || self.exclude.accounts.all(a, !has(a.name))))").message("organization: required to exclude accounts by name, or OUs; without one write accounts by id alone").field_path(".organization"))]
#[serde(rename_all = "camelCase")]
pub struct AccountSetSpec {
    /// How far changes in AWS go: `Report` writes nothing; `AddOnly` grants and removes nothing; `Enforce`
    /// does both. Required: there is no default. The stricter of this and a Share's `enforcement` wins.
    pub mode: Mode,
    /// Name of the Organization whose tree the names are looked up in. Unset: only account ids can be named,
    /// and every account but the owning one is outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = formats::OBJECT_NAME))]
    pub organization: Option<String>,
    /// Accounts, each by id or by name; at most 1,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    #[x_kube(validation = Rule::new(NO_ACCOUNT_TWICE).message("accounts: the same account stands there twice; remove one of the two entries"))]
    pub accounts: Vec<AccountRef>,
    /// Organizational units by path of names from `Root` on, or by id `ou-…`: every account below them, kept
    /// up to date; at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = formats::OU_PATH_MAX)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new(formats::ORGANIZATIONAL_UNITS).message("organizationalUnits: write a path of names from Root on, such as Root/Workloads/Prod, or an id such as ou-ab12-cdef3456"))]
    pub organizational_units: Vec<String>,
    /// What to leave out of the above.
    #[serde(default, skip_serializing_if = "Exclusions::is_empty")]
    pub exclude: Exclusions,
    /// The regions governed in each account: 1 to 40.
    #[schemars(length(min = 1, max = 40), inner(length(min = 1, max = 25)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new(formats::REGIONS).message("regions: write region codes, such as eu-west-1"))]
    pub regions: Vec<String>,
    /// The role assumed in each account. Unset: the controller's own identity, and only its own account can
    /// be governed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// What happens to shares and grants in these accounts that nobody declared. Default: they are reported.
    #[serde(default)]
    pub undeclared: Undeclared,
    /// Which ways of sharing are looked through for what nobody declared. RAM always is, with a few calls; the others take a call
    /// or two for each key, secret, repository, queue and topic, 25 of them with each whole reading. What Shares declare is kept in
    /// any case. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(validation = Rule::new(r"self.exists(m, m == 'ram')").message("mechanisms: RAM is always looked through; name ram too"))]
    pub mechanisms: Option<Vec<LookedThrough>>,
    /// How much may be removed in this set in a window of time without a person's word. Default: 5 removals
    /// and 10 % an hour.
    #[serde(default)]
    pub budget: Budget,
    /// What to do when AWS differs from what was applied: `Correct` or `Report`. It holds drift alone, never
    /// a change just made in git. Default `Correct`.
    #[serde(default)]
    pub drift: DriftMode,
    /// How often each account and region is read as a whole: 1m to 24h, spread at random. Default `10m`;
    /// where there are no Shares and `undeclared.action` is Report it is at least `1h`.
    #[serde(default = "default_interval")]
    #[schemars(length(min = 2, max = 24))]
    #[x_kube(validation = Rule::new(formats::INTERVAL).message("interval: write 1m to 24h in hours, minutes and seconds, such as 10m"))]
    pub interval: String,
    /// Stops all changes in these accounts except the end of `until` and what policy takes away. Default
    /// false.
    #[serde(default)]
    pub suspend: bool,
}

fn default_interval() -> String {
    "10m".to_owned()
}

/// How far changes in AWS go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// Nothing is written.
    Report,
    /// Grants are added, none is removed.
    AddOnly,
    /// AWS is made to match.
    Enforce,
}

/// What to do about drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum DriftMode {
    /// Put it right.
    #[default]
    Correct,
    /// Show it.
    Report,
}

/// An account, by exactly one of its id and its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new(r"has(self.id) != has(self.name)").message("each account is exactly one of id and name; make one entry for each"))]
#[serde(rename_all = "camelCase")]
pub struct AccountRef {
    /// The account's 12 digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 12))]
    #[x_kube(validation = Rule::new(formats::ACCOUNT_ID).message("id: write the account's 12 digits, in quotes"))]
    pub id: Option<String>,
    /// The account's name in the organization; it is kept with the id it first meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = formats::ACCOUNT_NAME_MAX))]
    #[x_kube(validation = Rule::new(r"!self.matches('^[0-9]+$|^ | $')").message("name: write the account's name as the organization has it, without spaces at its ends; digits alone go into id"))]
    pub name: Option<String>,
}

/// Accounts that a set leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exclusions {
    /// Accounts, each by id or by name; at most 1,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    #[x_kube(validation = Rule::new(NO_ACCOUNT_TWICE).message("exclude.accounts: the same account stands there twice; remove one of the two entries"))]
    pub accounts: Vec<AccountRef>,
    /// Organizational units by path or id, with every account below them; at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = formats::OU_PATH_MAX)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new(formats::ORGANIZATIONAL_UNITS).message("exclude.organizationalUnits: write a path of names from Root on, such as Root/Workloads/Prod, or an id such as ou-ab12-cdef3456"))]
    pub organizational_units: Vec<String>,
    /// Names of other AccountSets: what they select is left to them; at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 253), regex(pattern = formats::OBJECT_NAME)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub account_sets: Vec<String>,
}

impl Exclusions {
    /// Whether nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.organizational_units.is_empty() && self.account_sets.is_empty()
    }
}

/// The role assumed in each account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// The role's name, the same in each account: 1 to 64 characters, without path.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9_+=,.@-]+$"))]
    pub role_name: String,
    /// The external id that the role's trust policy asks for: 2 to 1,224 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 1224), regex(pattern = r"^[A-Za-z0-9_+=,.@:/-]+$"))]
    pub external_id: Option<String>,
}

/// What happens to what nobody declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Undeclared {
    /// `Report` shows it; `Revoke` removes its principals and keeps the share; `Delete` deletes it. Default
    /// `Report`.
    pub action: UndeclaredAction,
    /// How long after it was first confirmed something undeclared is left alone, such as `24h`. Default
    /// `24h`.
    #[schemars(length(min = 2, max = 24), extend("x-kubernetes-validations" = [formats::rule(formats::DURATION, "gracePeriod: write days, hours, minutes and seconds in this order, such as 24h or 3d")]))]
    pub grace_period: String,
    /// For which findings UndeclaredShare objects are made: `External` for those that let somebody outside
    /// the organization in, `All` for all; always for pending removals, decisions and what was released.
    /// Default `External`.
    pub objects: UndeclaredObjects,
    /// What is known and meant to be there; at most 200 rules. Grants to outside the organization or to
    /// everybody are left alone only by `arn`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub ignore: Vec<IgnoreRule>,
}

impl Default for Undeclared {
    fn default() -> Self {
        Self {
            action: UndeclaredAction::Report,
            grace_period: "24h".to_owned(),
            objects: UndeclaredObjects::External,
            ignore: Vec::new(),
        }
    }
}

/// What is done to what nobody declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum UndeclaredAction {
    /// It is shown.
    #[default]
    Report,
    /// Its principals are removed, the share stays.
    Revoke,
    /// It is deleted.
    Delete,
}

/// For which findings objects are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum UndeclaredObjects {
    /// For those that let somebody outside in.
    #[default]
    External,
    /// For all.
    All,
}

/// A way of sharing, as in `status.mechanisms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LookedThrough {
    /// AWS RAM.
    Ram,
    /// The policies of KMS keys.
    Key,
    /// The policies of secrets, repositories, queues and topics.
    ResourcePolicy,
}

impl LookedThrough {
    /// The way of sharing.
    pub fn mechanism(self) -> Mechanism {
        match self {
            Self::Ram => Mechanism::Ram,
            Self::Key => Mechanism::Key,
            Self::ResourcePolicy => Mechanism::ResourcePolicy,
        }
    }
}

/// Something undeclared that is meant to be there, by exactly one of `name`, `tags` and `arn`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new(r"[has(self.name), has(self.tags), has(self.arn)].filter(x, x).size() == 1").message("each ignore rule has exactly one of name, tags, arn; make one rule for each"))]
#[serde(rename_all = "camelCase")]
pub struct IgnoreRule {
    /// The share's name; `*` stands for any characters, as in `LakeFormation*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new(r"!self.matches('^[*]+$')").message("name: * alone would ignore everything; name what is meant"))]
    pub name: Option<String>,
    /// Tags that the share must all have, 1 to 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minProperties" = 1, "maxProperties" = 20))]
    pub tags: Option<BTreeMap<String, TagValue>>,
    /// The exact ARN, without wildcards. Only this leaves grants to outside the organization or to everybody
    /// alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = formats::ARN_MAX))]
    #[x_kube(validation = Rule::new(formats::NO_WILDCARD).message("arn: write one exact ARN; the wildcards * and ? are not taken here"))]
    #[x_kube(validation = Rule::new(formats::ARN).message("arn: write a full ARN, such as arn:aws:ram:eu-west-1:111122223333:resource-share/0a1b"))]
    pub arn: Option<String>,
    /// Why it is meant to be there. Required.
    #[schemars(length(min = 1, max = 256))]
    pub reason: String,
}

/// What a set selects. Written by the controller alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountSetStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: every name is resolved, no account is in another set too, and every cell is observed.
    /// `RemovalsHeld`: the set's budget holds removals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Exact numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<AccountSetCounts>,
    /// What keeps a name or an account from being governed; at most 100, `counts.problems` has the number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub problems: Vec<SelectionProblem>,
    /// Declared names of accounts and OUs with the ids they meant when first resolved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2200))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kind".into(), "declaredAs".into()]))]
    pub pins: Vec<Pin>,
    /// What was removed in the current window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removals: Option<super::installation::RemovalWindow>,
}

/// Exact numbers of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AccountSetCounts {
    /// Selected accounts.
    pub accounts: i32,
    /// Selected cells: accounts times regions.
    pub account_regions: i32,
    /// Cells that could not be read.
    pub unknown: i32,
    /// Shares in these cells.
    pub shares: i32,
    /// Containers, or foreign grants, that nobody declared.
    pub undeclared: i32,
    /// Removals that wait for a person.
    pub held: i32,
    /// Entries of `problems` before it was cut off.
    pub problems: i32,
}

/// A selected name or account that cannot be governed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SelectionProblem {
    /// What it is about: a declared name, a path or 12 digits.
    pub what: String,
    /// One word of the conditions' reasons: `NameUnknown`, `NameMoved`, `NameAmbiguous`, `Conflict`,
    /// `AccountSuspended` and so on.
    pub reason: String,
    /// The same in words, with what to do about it.
    #[serde(default)]
    pub message: String,
}
