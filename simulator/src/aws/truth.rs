//! What is really in force: the effective grants, and the accounts they reach. Those of policies are in
//! [`PolicyGrant`](super::policy::PolicyGrant).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ram::model::{Association, AssociationStatus, AssociationType, FeatureSet, Share, ShareStatus};
use super::ram::principal;
use super::world::World;

/// A grant in force: this principal may use this resource under this permission.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Account that shares.
    pub owner: String,
    /// Region of the share.
    pub region: String,
    /// The share.
    pub share: String,
    /// The resource.
    pub resource: String,
    /// The principal as it is written in the share.
    pub principal: String,
    /// Permission ARN.
    pub permission: String,
    /// Version pinned.
    pub version: u32,
    /// Outside the owner's organization.
    pub external: bool,
}

/// A share that is neither deleted, nor being deleted, nor failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveShare {
    /// Its ARN.
    pub arn: String,
    /// The account that it belongs to.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// `allowExternalPrincipals`.
    pub allow_external: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl World {
    /// The shares that there are at `now`, whatever lags readers have.
    pub fn live_shares(&mut self, now: f64) -> Vec<LiveShare> {
        self.advance(now);
        let shares = self.ram.regions.values().flat_map(|region| region.shares.values());
        let live =
            shares.filter(|share| !share.state.status.is_gone() && share.state.status != ShareStatus::Failed);
        live.map(|share| LiveShare {
            arn: share.arn.clone(),
            owner: share.owner.clone(),
            name: share.state.name.clone(),
            allow_external: share.state.allow_external,
            tags: share.state.tags.clone(),
        })
        .collect()
    }

    /// All grants in force at `now`: resource and principal associated, a permission of the type attached, the share
    /// not deleted. Rows on their way out count as long as the settings say so.
    pub fn truth(&mut self, now: f64) -> BTreeSet<Grant> {
        self.advance(now);
        let shares = self.ram.regions.values().flat_map(|region| region.shares.values());
        shares.flat_map(|share| self.grants(share)).collect()
    }

    /// The accounts that a resource is shared with at `now`, expanded over the tree; service principals reach none.
    pub fn reach(&mut self, now: f64, resource: &str) -> BTreeSet<String> {
        let grants = self.truth(now).into_iter().filter(|grant| grant.resource == resource);
        grants.flat_map(|grant| self.accounts_of(&grant.principal)).collect()
    }

    /// The accounts that a principal covers today; an account outside the world is itself.
    pub fn accounts_of(&self, literal: &str) -> BTreeSet<String> {
        let mut accounts: BTreeSet<String> = self
            .directory
            .accounts
            .keys()
            .filter(|id| principal::covers(&self.directory, literal, id))
            .cloned()
            .collect();
        let named =
            principal::Principal::read(literal).ok().and_then(|found| found.account().map(ToOwned::to_owned));
        accounts.extend(named);
        accounts
    }

    fn grants(&self, share: &Share) -> Vec<Grant> {
        let state = &share.state;
        let dead = matches!(state.status, ShareStatus::Deleted | ShareStatus::Failed | ShareStatus::Pending);
        if dead {
            return Vec::new();
        }
        let in_force = |row: &Association| match row.status {
            AssociationStatus::Associated => true,
            AssociationStatus::Disassociating => self.settings.disassociating_in_force && !row.failed_before,
            _ => false,
        };
        let of = |kind| state.rows.iter().filter(move |((of, _, _), row)| *of == kind && in_force(row));
        let mut grants = Vec::new();
        for ((_, resource, _), _) in of(AssociationType::Resource) {
            let Some(permission) = state.permissions.get(super::ram::type_of(resource)) else {
                continue;
            };
            for ((_, principal, _), row) in of(AssociationType::Principal) {
                grants.push(Grant {
                    owner: share.owner.clone(),
                    region: share.region.clone(),
                    share: share.arn.clone(),
                    resource: resource.clone(),
                    principal: principal.clone(),
                    permission: permission.arn.clone(),
                    version: permission.version,
                    external: row.external,
                });
            }
        }
        grants
    }

    /// Whether a share was made by a resource-based policy.
    pub fn is_from_policy(&self, share: &str) -> bool {
        let shares = self.ram.regions.values().filter_map(|region| region.shares.get(share));
        shares.into_iter().any(|share| share.state.feature_set == FeatureSet::CreatedFromPolicy)
    }
}
