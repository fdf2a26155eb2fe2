//! `UndeclaredShare`: a container, or foreign grants on a resource, that nobody declared.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::formats;

/// What people decide about something in AWS that nobody declared. Made by the controller with an empty spec.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    validation = Rule::new("self.metadata.name.matches('^[0-9]{12}[.][a-z0-9-]+[.][a-z0-9]+$')").message("metadata.name: UndeclaredShares are made by the controller as <account>.<region>.<hash>; write decisions into those that are there"),
    group = "sharekeeper.dev",
    version = "v1alpha1",
    kind = "UndeclaredShare",
    status = "UndeclaredShareStatus",
    derive = "PartialEq",
    shortname = "shun",
    category = "sharekeeper",
    doc = "Something shared in AWS that no Share declares. Made by the controller, removed when it is gone from AWS; people write their decision in spec.",
    selectable = ".spec.decision",
    selectable = ".status.account",
    selectable = ".status.region",
    selectable = ".status.why",
    printcolumn(name = "Account", type_ = "string", json_path = ".status.account"),
    printcolumn(name = "Region", type_ = "string", json_path = ".status.region"),
    printcolumn(
        name = "Name",
        type_ = "string",
        json_path = ".status.name",
        description = "Its name in AWS"
    ),
    printcolumn(name = "Why", type_ = "string", json_path = ".status.why"),
    printcolumn(
        name = "External",
        type_ = "integer",
        json_path = ".status.external",
        description = "Principals outside the organization"
    ),
    printcolumn(name = "Public", type_ = "boolean", json_path = ".status.public"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(
        name = "Due",
        type_ = "string",
        json_path = ".status.due",
        description = "When it is removed, unless somebody decides otherwise"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Decision", type_ = "string", json_path = ".spec.decision", priority = 1),
    printcolumn(name = "Id", type_ = "string", json_path = ".status.id", priority = 1)
)]
#[x_kube(validation = Rule::new(r"!has(self.decision) || self.decision == '' || has(self.evidence)").message("evidence: required with a decision; copy status.evidence of the grants you have looked at").field_path(".evidence"))]
#[x_kube(validation = Rule::new(r"!(has(self.decision) && self.decision == 'Adopt') || has(self.__for__)").message("for: required with decision Adopt; write namespace and name of the Share that may adopt it"))]
#[x_kube(validation = Rule::new(r"!has(self.__for__) || (has(self.decision) && self.decision == 'Adopt')").message("for: only decision Adopt takes it; remove it or set the decision"))]
#[x_kube(validation = Rule::new(r"!(has(self.force) && self.force) || (has(self.decision) && self.decision == 'Adopt')").message("force: only decision Adopt takes it; remove it or set the decision").field_path(".force"))]
#[serde(rename_all = "camelCase")]
pub struct UndeclaredShareSpec {
    /// What to do with it: empty leaves it to the AccountSet's `undeclared.action`; `Keep` leaves it alone;
    /// `Remove` removes it without waiting for the grace period (never without budget, live re-read and
    /// ownership check); `Adopt` lets the Share named in `for` take it over.
    #[serde(default)]
    pub decision: Decision,
    /// `status.evidence` as it was when the decision was made: the decision holds for exactly those grants.
    /// Required with a decision; when the grants change, the decision is void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = formats::DIGEST))]
    pub evidence: Option<String>,
    /// Why it was decided so, for the people who review it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub reason: Option<String>,
    /// The Share that may adopt it. Required with `Adopt`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub for_share: Option<ShareRef>,
    /// With `Adopt`: take it over and change it at once, even though it differs from what the Share declares.
    /// Default false: nothing but the mark is written until no difference is left.
    #[serde(default)]
    pub force: bool,
}

/// What people decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Decision {
    /// Nothing yet.
    #[default]
    #[serde(rename = "")]
    None,
    /// It stays.
    Keep,
    /// It goes.
    Remove,
    /// A Share takes it over.
    Adopt,
}

/// A Share by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShareRef {
    /// The Share's namespace.
    #[schemars(length(min = 1, max = 63), regex(pattern = formats::DNS_LABEL))]
    pub namespace: String,
    /// The Share's name.
    #[schemars(length(min = 1, max = 253), regex(pattern = formats::OBJECT_NAME))]
    pub name: String,
}

/// What was found. Written by the controller alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct UndeclaredShareStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: the decision, if there is one, is carried out. `Stalled`: it cannot be; the message says what
    /// to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The owning account's 12 digits.
    #[serde(default)]
    pub account: String,
    /// The region.
    #[serde(default)]
    pub region: String,
    /// The way of sharing: `ram`, later `image`, `snapshot`, `key` and others.
    #[serde(default)]
    pub mechanism: String,
    /// The ARN of the container, or of the resource that bears the grants.
    #[serde(default)]
    pub id: String,
    /// Its name in AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Why nobody declares it: `Foreign` (no mark of ours), `Orphaned` (our mark, no such Share),
    /// `OtherInstallation` (a peer's mark; never removed), `ServiceManaged` (an AWS service's; never
    /// removed), `Released` (it was a Share's, and was let go), `Undecided` (the mark of a Share that
    /// cannot be read, or whose account means nothing; never removed).
    #[serde(default)]
    pub why: Why,
    /// The Share it came from, for Orphaned and Released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The resources, at most 100; `counts.resources` has the number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub resources: Vec<String>,
    /// Who has access, those outside the organization first, at most 100; `counts.principals` has the number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub principals: Vec<UndeclaredPrincipal>,
    /// Exact numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<UndeclaredCounts>,
    /// Number of principals outside the organization.
    #[serde(default)]
    pub external: i32,
    /// Whether everybody has access.
    #[serde(default)]
    pub public: bool,
    /// When it was first seen undeclared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Time>,
    /// When a second complete read showed it still there. The grace period counts from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Time>,
    /// The UID of the AccountSet under which it was seen so. Under another one it is seen anew, and waited for anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_set_uid: Option<String>,
    /// When its Share let it go, if one did: from then on its grants end at `ends` and bow to policy, whatever its tags say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Time>,
    /// When the access of those outside ends, for what was released; also of those whom AWS does not list now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub ends: Vec<UndeclaredEnd>,
    /// Digest of its grants as seen: copy it into `spec.evidence` with a decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// `Reported`, `Waiting` (for the grace period), `Held` (by the budget or a mode), `Removing`, `Kept`.
    #[serde(default)]
    pub phase: Phase,
    /// When it is removed, unless somebody decides otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    /// What is going on, in words, and what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Why nobody declares it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Why {
    /// Our mark, but no such Share.
    Orphaned,
    /// A peer's mark. Never removed.
    OtherInstallation,
    /// An AWS service's, told by its feature set. Never removed.
    ServiceManaged,
    /// It was a Share's and was let go.
    Released,
    /// The mark of a Share of which it cannot be told what it declares: it cannot be read, or its account means nothing.
    /// Never removed; whoever tags can write any mark, so it is shown.
    Undecided,
    /// No mark of ours.
    #[default]
    #[serde(other)]
    Foreign,
}

impl Why {
    /// The word as it stands in a status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Orphaned => "Orphaned",
            Self::OtherInstallation => "OtherInstallation",
            Self::ServiceManaged => "ServiceManaged",
            Self::Released => "Released",
            Self::Undecided => "Undecided",
            Self::Foreign => "Foreign",
        }
    }
}

/// What is happening to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// It waits for the grace period to pass.
    Waiting,
    /// Its removal waits for a person or a mode.
    Held,
    /// It is being removed.
    Removing,
    /// Somebody decided that it stays.
    Kept,
    /// It is shown.
    #[default]
    #[serde(other)]
    Reported,
}

/// The Share that something undeclared came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// Somebody who has access to something undeclared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UndeclaredPrincipal {
    /// The principal as AWS has it.
    pub id: String,
    /// Whether it is outside the organization.
    #[serde(default)]
    pub external: bool,
    /// When its access ends, for what was released. It is revoked then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// The end of somebody's access to something that was released.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UndeclaredEnd {
    /// The principal as AWS has it.
    pub id: String,
    /// Its access is revoked then.
    pub until: Time,
}

/// Exact numbers of something undeclared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct UndeclaredCounts {
    /// Resources.
    pub resources: i32,
    /// Principals.
    pub principals: i32,
}
