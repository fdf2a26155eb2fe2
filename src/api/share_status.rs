//! What is so in AWS for a `Share`.

mod container;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::container::{ContainerState, ShareContainer, Side, Widening};
use super::pin::Pin;

/// What is in force for a Share, as last read from AWS. Written by the controller alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShareStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: what is declared is in force, read back (not written under Report or suspend). `Reconciling`,
    /// `Stalled`: it is being worked on, or cannot go on without a change. `Permitted`: policy allows all of
    /// it. `Drifted`: AWS differs from what was applied. `Accepted`: no invitation is pending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The AccountRegion that this Share belongs to: `<account id>.<region>`. Unset while the account cannot
    /// be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_region: Option<String>,
    /// Exact numbers; the lists below are cut off at 100 entries, what is not in order first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<ShareCounts>,
    /// The AWS objects that hold this Share's grants: for RAM one inner share and, where outside targets are
    /// declared and allowed, one outer share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1100))]
    pub containers: Vec<ShareContainer>,
    /// The declared resources and those being taken away; at most 100, those not in force first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub resources: Vec<ResourceState>,
    /// The declared principals and those being taken away; at most 100, those not in force first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub principals: Vec<PrincipalState>,
    /// Declared names of accounts and OUs with the ids they meant when first resolved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 501))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kind".into(), "declaredAs".into()]))]
    pub pins: Vec<Pin>,
    /// When each outside principal was first declared here. Kept after the target is gone, so that declaring
    /// it again does not start a policy's `maxDuration` anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub outside: Vec<OutsideRecord>,
    /// What was last made so in AWS and read back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,
    /// How AWS differs from what was applied; at most 100, `counts.drift` has the number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub drift: Vec<Drift>,
    /// What would be done, while a mode or a hold keeps it from being done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<SharePlan>,
    /// The last value of annotation `reconcile.fluxcd.io/requestedAt` or `sharekeeper.dev/requestedAt` that
    /// was acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// Exact numbers of a Share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ShareCounts {
    /// Resources in force and declared.
    pub resources: Tally,
    /// Principals in force and declared.
    pub principals: Tally,
    /// Principals outside the organization that have access or are being given it.
    pub external: i32,
    /// AWS objects that hold the grants.
    #[serde(default)]
    pub containers: i32,
    /// Invitations that wait to be accepted.
    pub pending_invitations: i32,
    /// Differences between AWS and what was applied.
    pub drift: i32,
}

/// How many of how many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Tally {
    /// How many are in force, read back from AWS.
    pub in_force: i32,
    /// How many are declared.
    pub declared: i32,
    /// Both as text, such as `9/10`.
    pub display: String,
}

impl Tally {
    /// The tally of `in_force` out of `declared`, with its text.
    pub fn new(in_force: i32, declared: i32) -> Self {
        Self { in_force, declared, display: format!("{in_force}/{declared}") }
    }
}

/// What is known about a declared resource or principal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum EntryState {
    /// It is so in AWS, read back.
    InForce,
    /// It is being made so, or waits for something named in `message`.
    Pending,
    /// Its invitation waits to be accepted.
    Invited,
    /// AWS refused it or reports it failed; `message` has AWS's own words.
    Failed,
    /// It is declared and will not be granted: names, policy or the target's kind forbid it.
    Refused,
    /// It waits for a person: a budget, a name that moved, a mode.
    Held,
    /// It is being taken away.
    Removing,
    /// Its `until` has passed and it is out of force.
    Expired,
    /// It cannot be told: AWS could not be read, or the word in status is not known to this version.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A resource and how it stands in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceState {
    /// The resource's ARN.
    pub arn: String,
    /// `InForce`, `Pending`, `Failed`, `Refused`, `Held`, `Removing` or `Unknown`.
    #[serde(default)]
    pub state: EntryState,
    /// Why it is not in force, as one word of the conditions' reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it is not in force, in words, and what to do about it; or a warning: it is shared although this
    /// version does not know its type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A principal and how it stands in AWS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrincipalState {
    /// What AWS is given: 12 digits, an ARN or a service principal. Empty while a name cannot be resolved.
    #[serde(default)]
    pub id: String,
    /// The target as the spec has it, such as `account: data-prod` or `organizationalUnit:
    /// Root/Workloads/Prod`. Unset for a principal that nobody declares and that is being taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_as: Option<String>,
    /// `InForce`, `Pending`, `Invited`, `Failed`, `Refused`, `Held`, `Removing`, `Expired` or `Unknown`.
    #[serde(default)]
    pub state: EntryState,
    /// Why it is not in force, as one word of the conditions' reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it is not in force, in words, and what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether it is outside the organization.
    #[serde(default)]
    pub external: bool,
    /// Whether accounts that join later get access: true for an organization and an OU.
    #[serde(default)]
    pub open_ended: bool,
    /// How its invitation stands, where one was needed. The owner cannot read the invitation itself; this is
    /// told from the association.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<Invitation>,
    /// When its access ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// When an outside principal was first declared; a policy's `maxDuration` counts from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_at: Option<Time>,
}

/// How an invitation stands, as its sender can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Invitation {
    /// The association is still being made: the invitation waits.
    Pending,
    /// The association stands.
    Accepted,
    /// The association went away by itself: the invitation was rejected or ran out.
    Ended,
    /// It cannot be told, or the word in status is not known to this version.
    #[default]
    #[serde(other)]
    Unknown,
}

/// When an outside principal was first declared in this Share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutsideRecord {
    /// The principal: 12 digits or an ARN.
    pub id: String,
    /// When it was first declared.
    pub declared_at: Time,
}

/// What was last made so and read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// The generation of the spec it came from.
    pub generation: i64,
    /// Digest of what the spec was resolved to; empty as soon as something else was begun. A difference from
    /// AWS while this digest is unchanged is drift; otherwise it is a change not yet made.
    pub digest: String,
}

/// One way in which AWS differs from what was applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// What differs, such as `principal 222233334444` or `tag cost-centre`.
    pub what: String,
    /// What was applied. Unset: nothing should be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub want: Option<String>,
    /// What AWS has. Unset: nothing is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub have: Option<String>,
    /// When it was first seen.
    pub since: Time,
    /// What is done about it: `Corrected`, `Reported` (a mode forbids it) `Held` (a budget or a person's
    /// word is waited for) or `Contended` (somebody changes it back again and again).
    #[serde(default)]
    pub action: DriftAction,
}

/// What is done about a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum DriftAction {
    /// It is put right.
    Corrected,
    /// It waits for a budget or a person.
    Held,
    /// Somebody changes it back again and again; it is put right once in ten minutes.
    Contended,
    /// It is shown only.
    #[default]
    #[serde(other)]
    Reported,
}

/// What would be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SharePlan {
    /// Digest of all steps.
    pub digest: String,
    /// Number of all steps.
    pub total: i32,
    /// The first 100 steps, in order.
    #[schemars(length(max = 100))]
    pub steps: Vec<PlannedStep>,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// The AWS operation, such as `ram:AssociateResourceShare`.
    pub operation: String,
    /// Whether it lets more in, less, or neither: `Widening`, `Narrowing`, `Neutral`.
    #[serde(default)]
    pub effect: Effect,
    /// What it does, in words.
    pub description: String,
    /// Why it is not done, as one word of the conditions' reasons: `ReportOnly`, `Suspended`, `RemovalsHeld`
    /// and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
}

/// What a step does to who has access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Effect {
    /// Somebody gets access.
    Widening,
    /// Somebody loses access.
    Narrowing,
    /// Access stays as it is.
    #[default]
    #[serde(other)]
    Neutral,
}

impl From<Side> for crate::model::Side {
    fn from(side: Side) -> Self {
        match side {
            Side::Inner => Self::Inner,
            Side::Outer => Self::Outer,
        }
    }
}

impl From<crate::model::Side> for Side {
    fn from(side: crate::model::Side) -> Self {
        match side {
            crate::model::Side::Inner => Self::Inner,
            crate::model::Side::Outer => Self::Outer,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn a_word_that_this_version_does_not_know_is_read_as_unknown_and_spoils_nothing() {
        let status = json!({
            "containers": [{"mechanism": "ram", "side": "outer", "state": "Frozen"}],
            "principals": [{"id": "222233334444", "state": "Thawing", "invitation": "Lost"}],
            "drift": [{"what": "tag a", "since": "2026-11-25T00:00:00Z", "action": "Debated"}],
            "plan": {"steps": [{"operation": "ram:X", "effect": "Twisting", "description": "d"}]},
            "fieldOfTheFuture": 1,
        });
        let status: ShareStatus = from_value(status).unwrap();
        assert_eq!(
            (status.containers[0].side, status.containers[0].state),
            (Some(Side::Outer), ContainerState::Unknown)
        );
        assert_eq!(status.principals[0].state, EntryState::Unknown);
        assert_eq!(status.principals[0].invitation, Some(Invitation::Unknown));
        assert_eq!(status.drift[0].action, DriftAction::Reported);
        assert_eq!(status.plan.unwrap().steps[0].effect, Effect::Neutral);
    }

    #[test]
    fn nothing_known_writes_nothing() {
        assert_eq!(serde_json::to_value(ShareStatus::default()).unwrap(), json!({}));
    }

    #[test]
    fn a_tally_reads_in_force_of_declared() {
        assert_eq!(Tally::new(9, 10).display, "9/10");
    }
}
