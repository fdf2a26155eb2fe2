//! How AWS behaves where it has quotas, lifetimes, or where nobody has looked (marked \[X], tabled in the README).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;

/// How far one association in flight holds up a Disassociate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Blocks {
    /// Only the entity that is in flight.
    Entity,
    /// Everything in the share, as the error's wording says.
    #[default]
    Share,
}

/// What happens to a resource ARN that the owning service does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnknownArn {
    /// `UnknownResourceException`.
    #[default]
    Refuse,
    /// The association is made and ends FAILED.
    Fail,
    /// Any well-formed ARN of the caller's account counts as existing.
    Accept,
}

/// What happens to the association of a shared resource that its owner deletes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResourceGone {
    /// The row turns DISASSOCIATED.
    #[default]
    Disassociated,
    /// The row turns FAILED.
    Failed,
    /// The row stays; ListResources says UNAVAILABLE.
    Lingers,
}

/// What a read of a policy answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PolicyRead {
    /// The text that was put.
    #[default]
    AsPut,
    /// The same policy written anew: other white space, principals of a list in another order at every read.
    Rewritten,
}

/// Behaviour of the services; one table in the README gives the source of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent open question about AWS")]
pub struct Settings {
    /// How long a DELETED share is listed, seconds \[X].
    pub tombstone_lifetime: f64,
    /// How long a DISASSOCIATED row is listed, seconds \[X].
    pub ghost_lifetime: f64,
    /// Ghosts stay beside the live row of the same entity that is associated again \[X].
    pub ghost_beside_live: bool,
    /// How long a client token replays its answer, seconds \[X].
    pub token_lifetime: f64,
    /// How long an accepted, rejected or expired invitation is listed, seconds (PR#11562 for the accepted).
    pub invitation_purge: f64,
    /// Page size without `maxResults` \[X].
    pub default_page: usize,
    /// What an ASSOCIATING row holds up in Disassociate \[X].
    pub associating_blocks: Blocks,
    /// An ASSOCIATING row also refuses DeleteResourceShare \[X].
    pub associating_blocks_delete: bool,
    /// Associating an entity that is already associated answers its row; else `InvalidStateTransition` \[X].
    pub reassociate_answers_row: bool,
    /// `allowExternalPrincipals` may turn false while outsiders are associated \[X].
    pub allow_external_may_turn_off: bool,
    /// Resource ARNs that no service knows \[X].
    pub unknown_arn: UnknownArn,
    /// Shared resources that their owner deletes \[X].
    pub resource_gone: ResourceGone,
    /// A DISASSOCIATING row still gives access, as far as `truth` is concerned \[X].
    pub disassociating_in_force: bool,
    /// Error code of the "can only be shared within your AWS Organization" refusal; both are seen.
    pub organization_only_code: String,
    /// How long org-only types are refused after EnableSharingWithAwsOrganization, seconds.
    pub onboarding: f64,
    /// `Account.Paths` end with the account's own id \[X; the model's pattern allows it].
    pub paths_end_with_account: bool,
    /// Listed accounts have `Paths`; older endpoints sent none.
    pub paths_of_accounts: bool,
    /// Resource types that RAM lists beside its catalogue, and whether each is global: newer than any client.
    pub newer_types: BTreeMap<String, bool>,
    /// Types of the catalogue that RAM does not list.
    pub unlisted_types: BTreeSet<String>,
    /// Resources or principals in one call.
    pub entities_per_call: usize,
    /// Shares per account and region.
    pub shares: usize,
    /// Resource associations per share.
    pub resources_per_share: usize,
    /// Principal associations per share.
    pub principals_per_share: usize,
    /// Resource or principal associations per account and region, each.
    pub associations_per_region: usize,
    /// Pending invitations per sharing account and region (20 or 250: the sources disagree).
    pub pending_invitations: usize,
    /// Customer managed permissions per account and region.
    pub customer_permissions: usize,
    /// Customer managed permissions per resource type.
    pub customer_permissions_per_type: usize,
    /// Versions per customer managed permission.
    pub permission_versions: usize,
    /// Tags per share or permission.
    pub tags: usize,
    /// What a read of a policy of a key, secret, repository, queue or topic answers \[X].
    pub policy_read: PolicyRead,
    /// Such a policy may name accounts that are not in this world \[X].
    pub policy_names_unknown_accounts: bool,
    /// Bytes of a key policy (resource-limits.html).
    pub key_policy_size: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tombstone_lifetime: 2.0 * HOUR,
            ghost_lifetime: DAY,
            ghost_beside_live: true,
            token_lifetime: DAY,
            invitation_purge: 7.0 * DAY,
            default_page: 100,
            associating_blocks: Blocks::Share,
            associating_blocks_delete: false,
            reassociate_answers_row: true,
            allow_external_may_turn_off: false,
            unknown_arn: UnknownArn::Refuse,
            resource_gone: ResourceGone::Disassociated,
            disassociating_in_force: true,
            organization_only_code: "OperationNotPermittedException".to_owned(),
            onboarding: 0.0,
            paths_end_with_account: true,
            paths_of_accounts: true,
            newer_types: BTreeMap::new(),
            unlisted_types: BTreeSet::new(),
            entities_per_call: 100,
            shares: 25_000,
            resources_per_share: 5_000,
            principals_per_share: 5_000,
            associations_per_region: 25_000,
            pending_invitations: 20,
            customer_permissions: 1_500,
            customer_permissions_per_type: 10,
            permission_versions: 5,
            tags: 50,
            policy_read: PolicyRead::AsPut,
            policy_names_unknown_accounts: true,
            key_policy_size: 32_768,
        }
    }
}
