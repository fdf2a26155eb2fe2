//! What changes behind the owner's back: the organization, its sharing and its members (ram.md section 2.6).

use serde_json::Value;

use super::done;
use super::model::{AssociationStatus, AssociationType, Due, RowKey, RowNext, Share, ShareState};
use super::principal::Principal;
use crate::aws::caller::Caller;
use crate::aws::organizations::{Organization, RAM};
use crate::aws::refusal::Refusal;
use crate::aws::world::World;

impl World {
    /// EnableSharingWithAwsOrganization: trusted access and the service-linked role together, by the management
    /// account. Where trusted access is on without the role, nothing changes \[X]: the documented repair switches
    /// trusted access off first (ram.md section 3).
    pub fn enable_sharing(&mut self, caller: &Caller) -> Result<Value, Refusal> {
        let organization =
            self.directory.organization_of(&caller.account).filter(|org| org.management == caller.account);
        let id = organization.map(|org| org.id.clone()).ok_or_else(|| {
            Refusal::not_permitted(
                "Only the management account of an organization can enable sharing with it.",
            )
        })?;
        let (now, onboarding) = (self.now, self.settings.onboarding);
        let organization = self.organization_mut(&id)?;
        if !organization.trusted.contains_key(RAM) {
            organization.trusted.insert(RAM.to_owned(), now);
            organization.ram_role = true;
            organization.onboarded_at = now + onboarding;
        }
        Ok(done())
    }

    /// The account leaves: principals that rested on the membership lose access, on both sides.
    pub(crate) fn drop_principals_of_leaver(&mut self, organization: &Organization, leaver: &str) {
        let inside = |account: &str, world: &Self| {
            world.directory.organization_of(account).is_some_and(|org| org.id == organization.id)
        };
        let hit = self.rows_where(|world, share, state, literal| {
            if state.retain || !inside(&share.owner, world) {
                return false;
            }
            match Principal::read(literal) {
                Ok(principal @ (Principal::Account(_) | Principal::Iam { .. })) => {
                    let account = principal.account().unwrap_or_default();
                    account != share.owner
                        && inside(account, world)
                        && (account == leaver || share.owner == leaver)
                }
                Ok(Principal::Organization { .. } | Principal::Unit { .. }) => share.owner == leaver,
                _ => false,
            }
        });
        self.dismiss_all(hit);
    }

    /// Trusted access is off: all principals within the organization go from all its shares.
    pub(crate) fn drop_organization_principals(&mut self, organization: &Organization) {
        let hit = self.rows_where(|world, share, state, literal| {
            let together = |account: &str| {
                account != share.owner && world.directory.same_organization(&share.owner, account)
            };
            let ours =
                world.directory.organization_of(&share.owner).is_some_and(|org| org.id == organization.id);
            ours && !state.retain
                && match Principal::read(literal) {
                    Ok(Principal::Organization { .. } | Principal::Unit { .. }) => true,
                    Ok(principal) => principal.account().is_some_and(together),
                    Err(_) => false,
                }
        });
        self.dismiss_all(hit);
    }

    /// An account that no longer exists: its rows are gone without a ghost (T04).
    pub(crate) fn forget_principal(&mut self, account: &str) {
        let of_account =
            |key: &RowKey| Principal::read(&key.1).is_ok_and(|found| found.account() == Some(account));
        let hit =
            self.states_where(|share| share.owner == account || share.state.rows.keys().any(&of_account));
        for (region, arn, mut state) in hit {
            state.rows.retain(|key, _| !of_account(key));
            self.commit(&region, &arn, state);
        }
        for region in self.ram.regions.values_mut() {
            region.shares.retain(|_, share| share.owner != account);
            region.invitations.retain(|_, found| found.receiver != account && found.sender != account);
        }
    }

    /// Sets a row's status from outside: SUSPENDED, or one of the future.
    pub fn set_association_status(&mut self, share: &str, entity: &str, status: &str, message: Option<&str>) {
        let next = RowNext::Become(AssociationStatus::read(status), message.map(ToOwned::to_owned));
        self.turn_rows(|found, (_, name, _)| found.arn == share && name == entity, &next);
    }

    /// Takes rows away as if their owner had disassociated them.
    pub(super) fn dismiss_rows(&mut self, wanted: impl Fn(&Share, &RowKey) -> bool) {
        let shares = self.ram.regions.values().flat_map(|region| region.shares.values());
        let hit: Vec<(String, String, RowKey)> = shares
            .flat_map(|share| share.state.rows.iter().map(move |(key, row)| (share, key, row)))
            .filter(|(share, key, row)| row.status.is_present() && wanted(share, key))
            .map(|(share, key, _)| (share.region.clone(), share.arn.clone(), key.clone()))
            .collect();
        self.dismiss_all(hit);
    }

    /// Turns rows that are neither gone nor going into something else at once.
    pub(super) fn turn_rows(&mut self, wanted: impl Fn(&Share, &RowKey) -> bool, next: &RowNext) {
        let now = self.now;
        let hit = self.states_where(|share| share.state.rows.keys().any(|key| wanted(share, key)));
        for (region, arn, mut state) in hit {
            let Some(share) = self.ram.regions.get(&region).and_then(|region| region.shares.get(&arn)) else {
                continue;
            };
            for (_, row) in
                state.rows.iter_mut().filter(|(key, row)| row.status.is_present() && wanted(share, key))
            {
                row.due = Some(Due { at: now, next: next.clone() });
            }
            self.commit(&region, &arn, state);
        }
        self.advance(now);
    }

    fn states_where(&self, wanted: impl Fn(&Share) -> bool) -> Vec<(String, String, ShareState)> {
        let shares = self.ram.regions.values().flat_map(|region| region.shares.values());
        let hit = shares.filter(|share| wanted(share));
        hit.map(|share| (share.region.clone(), share.arn.clone(), share.state.clone())).collect()
    }

    fn rows_where(
        &self,
        wanted: impl Fn(&Self, &Share, &ShareState, &str) -> bool,
    ) -> Vec<(String, String, RowKey)> {
        let mut hit = Vec::new();
        for share in self.ram.regions.values().flat_map(|region| region.shares.values()) {
            for (key, row) in &share.state.rows {
                let principal = key.0 == AssociationType::Principal && row.status.is_present();
                if principal && wanted(self, share, &share.state, &key.1) {
                    hit.push((share.region.clone(), share.arn.clone(), key.clone()));
                }
            }
        }
        hit
    }

    fn dismiss_all(&mut self, hit: Vec<(String, String, RowKey)>) {
        for (region, arn, key) in hit {
            let lag = self.weather.lags.disassociation.sample(&mut self.rng);
            let share = self.ram.regions.get(&region).and_then(|found| found.shares.get(&arn));
            if let Some(mut state) = share.map(|share| share.state.clone()) {
                state.dismiss(&key, self.now, lag);
                self.withdraw_invitations(&region, &arn, Some(&key.1));
                self.commit(&region, &arn, state);
            }
        }
    }
}
