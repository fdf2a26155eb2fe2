//! Shares: create, update, delete, tag; and the resources that the owning services know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::input::{CreateShare, Entities, Tag, Tagging, UpdateShare, tag_map};
use super::model::{
    AssociationStatus, AssociationType, Due, FeatureSet, RowKey, RowNext, Share, ShareNext, ShareState,
    ShareStatus,
};
use super::{done, rows};
use crate::aws::caller::Caller;
use crate::aws::refusal::Refusal;
use crate::aws::settings::{Blocks, ResourceGone};
use crate::aws::world::{Wake, World};

/// A resource that its service knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Resource {
    /// ListResources' status; empty: AVAILABLE.
    pub status: String,
    /// ListResources' message.
    pub message: Option<String>,
}

pub(crate) const IN_FLIGHT: &str =
    "At least one of the associations in the resource share is in ASSOCIATING status.";

impl World {
    /// Makes a resource known to its service: only such can be shared.
    pub fn add_resource(&mut self, arn: &str) {
        self.ram.resources.insert(arn.to_owned(), Resource::default());
    }

    /// What ListResources says of a resource, such as LIMIT_EXCEEDED.
    pub fn set_resource_status(&mut self, arn: &str, status: &str, message: Option<&str>) {
        let resource = Resource { status: status.to_owned(), message: message.map(ToOwned::to_owned) };
        self.ram.resources.insert(arn.to_owned(), resource);
    }

    /// The owner deletes a resource; what becomes of its rows is a setting.
    pub fn delete_resource(&mut self, arn: &str) {
        self.ram.resources.remove(arn);
        let ResourceGone::Disassociated = self.settings.resource_gone else {
            if self.settings.resource_gone == ResourceGone::Failed {
                let failed = RowNext::Become(
                    AssociationStatus::Failed,
                    Some(format!("Resource {arn} does not exist.")),
                );
                self.turn_rows(
                    |_, (kind, entity, _)| *kind == AssociationType::Resource && entity == arn,
                    &failed,
                );
            }
            return;
        };
        self.dismiss_rows(|_, (kind, entity, _)| *kind == AssociationType::Resource && entity == arn);
    }

    /// CreateResourceShare.
    pub fn create_share(&mut self, caller: &Caller, input: &CreateShare) -> Result<Value, Refusal> {
        if input.name.is_empty() || input.name.len() > 255 {
            return Err(Refusal::parameter("The name of a resource share must have 1 to 255 characters."));
        }
        let allow_external = input.allow_external_principals.unwrap_or(true);
        self.check_policies(caller, "ram:CreateResourceShare", allow_external)?;
        self.check_tags(&BTreeMap::new(), &input.tags)?;
        let most = self.settings.shares;
        let all = self.ram.region(&caller.region).shares.len();
        if all >= most && self.owned(caller).filter(|share| !share.state.status.is_gone()).count() >= most {
            return Err(Refusal::limit("You have reached the limit of resource shares."));
        }
        let mut state = self.fresh_state(input, allow_external)?;
        for arn in &input.permission_arns {
            self.add_permission(caller, &mut state, arn)?;
        }
        let entities = Entities {
            resource_share_arn: String::new(),
            resource_arns: input.resource_arns.clone(),
            principals: input.principals.clone(),
            sources: input.sources.clone(),
        };
        self.admit(caller, &state, &entities)?;
        self.admit_regional_counts(caller, &entities)?;
        let invited = self.invited(caller, &state, &entities)?;
        self.attach_defaults(&mut state, &entities.resource_arns)?;
        let arn = format!(
            "arn:{}:ram:{}:{}:resource-share/{}",
            caller.partition(),
            caller.region,
            caller.account,
            self.rng.uuid()
        );
        self.add_rows(caller, &mut state, &entities);
        let share = Share::new(arn.clone(), &caller.account, &caller.region, state, self.horizon());
        let answer = json!({"resourceShare": rows::share(&share, &share.state, true)});
        self.wake_at(share.next_due(), Wake::Share(caller.region.clone(), arn.clone()));
        self.ram.region(&caller.region).shares.insert(arn.clone(), share);
        self.send_invitations(caller, &arn, &invited);
        Ok(answer)
    }

    fn fresh_state(&mut self, input: &CreateShare, allow_external: bool) -> Result<ShareState, Refusal> {
        let retain = input.resource_share_configuration.retain_sharing_on_account_leave_organization;
        if retain && !allow_external {
            return Err(Refusal::parameter(
                "RetainSharingOnAccountLeaveOrganization needs allowExternalPrincipals.",
            ));
        }
        let lag = self.weather.lags.share_activation.sample(&mut self.rng);
        let failure =
            self.weather.failure(&mut self.progress, &input.name).map(|failure| failure.message.clone());
        let pending = lag > 0.0 || failure.is_some();
        let next = failure.map_or(ShareNext::Active, ShareNext::Failed);
        Ok(ShareState {
            name: input.name.clone(),
            allow_external,
            status: if pending { ShareStatus::Pending } else { ShareStatus::Active },
            message: None,
            feature_set: FeatureSet::Standard,
            retain,
            tags: tag_map(&input.tags),
            created_at: self.now,
            updated_at: self.now,
            rows: BTreeMap::new(),
            permissions: BTreeMap::new(),
            due: pending.then_some(Due { at: self.now + lag, next }),
        })
    }

    /// UpdateResourceShare: name and allowExternalPrincipals, nothing else.
    pub fn update_share(&mut self, caller: &Caller, input: &UpdateShare) -> Result<Value, Refusal> {
        if input.resource_share_arn.is_empty() {
            return Err(Refusal::client(
                "MissingRequiredParameterException",
                "resourceShareArn is required.",
            ));
        }
        let mut state = self.changeable(caller, &input.resource_share_arn)?;
        if let Some(allow) = input.allow_external_principals {
            self.check_policies(caller, "ram:UpdateResourceShare", allow)?;
            let outsiders = state.present(AssociationType::Principal).any(|(_, row)| row.external);
            if !allow && outsiders && !self.settings.allow_external_may_turn_off {
                return Err(Refusal::parameter(
                    "The resource share has principals outside your organization: remove them first.",
                ));
            }
            state.allow_external = allow;
        }
        if let Some(name) = &input.name {
            name.clone_into(&mut state.name);
        }
        state.updated_at = self.now;
        self.commit(&caller.region, &input.resource_share_arn, state);
        let share = self.share(caller, &input.resource_share_arn)?;
        Ok(json!({"resourceShare": rows::share(share, &share.state, true)}))
    }

    /// DeleteResourceShare: the share and its rows go by themselves.
    pub fn delete_share(&mut self, caller: &Caller, arn: &str) -> Result<Value, Refusal> {
        let mut state = self.changeable(caller, arn)?;
        let in_flight = state.rows.values().any(|row| row.status == AssociationStatus::Associating);
        if in_flight && self.settings.associating_blocks_delete {
            return Err(Refusal::transition(IN_FLIGHT));
        }
        let lag = self.weather.lags.share_deletion.sample(&mut self.rng);
        let keys: Vec<RowKey> = state.rows.keys().cloned().collect();
        for key in keys {
            if state
                .rows
                .get(&key)
                .is_some_and(|row| row.status.is_present() || row.status == AssociationStatus::Failed)
            {
                let lag = self.weather.lags.disassociation.sample(&mut self.rng);
                state.dismiss(&key, self.now, lag);
            }
        }
        state.status = ShareStatus::Deleting;
        state.updated_at = self.now;
        state.due = Some(Due { at: self.now + lag, next: ShareNext::Deleted });
        self.withdraw_invitations(&caller.region, arn, None);
        self.commit(&caller.region, arn, state);
        Ok(done())
    }

    /// TagResource, of a share or a customer managed permission.
    pub fn tag(&mut self, caller: &Caller, input: &Tagging) -> Result<Value, Refusal> {
        self.edit_tags(caller, input, |tags| tags.extend(tag_map(&input.tags)), &input.tags)
    }

    /// UntagResource.
    pub fn untag(&mut self, caller: &Caller, input: &Tagging) -> Result<Value, Refusal> {
        self.edit_tags(caller, input, |tags| tags.retain(|key, _| !input.tag_keys.contains(key)), &[])
    }

    fn edit_tags(
        &mut self,
        caller: &Caller,
        input: &Tagging,
        edit: impl FnOnce(&mut BTreeMap<String, String>),
        added: &[Tag],
    ) -> Result<Value, Refusal> {
        match (&input.resource_share_arn, &input.resource_arn) {
            (Some(arn), None) => {
                let mut state = self.changeable(caller, arn)?;
                self.check_tags(&state.tags, added)?;
                edit(&mut state.tags);
                self.commit(&caller.region, arn, state);
            }
            (None, Some(arn)) => {
                let tags = self.own_permission(caller, arn)?.tags.clone();
                self.check_tags(&tags, added)?;
                edit(&mut self.own_permission_mut(caller, arn)?.tags);
            }
            _ => return Err(Refusal::parameter("Specify exactly one of resourceShareArn and resourceArn.")),
        }
        Ok(json!({}))
    }

    fn check_tags(&self, present: &BTreeMap<String, String>, added: &[Tag]) -> Result<(), Refusal> {
        if let Some(tag) = added.iter().find(|tag| tag.key.to_ascii_lowercase().starts_with("aws:")) {
            return Err(Refusal::client(
                "TagPolicyViolationException",
                format!("The tag key {} is reserved.", tag.key),
            ));
        }
        if let Some(tag) =
            added.iter().find(|tag| tag.key.is_empty() || tag.key.len() > 128 || tag.value.len() > 256)
        {
            return Err(Refusal::parameter(format!(
                "The tag {} does not fit: keys have 1 to 128 characters, values up to 256.",
                tag.key
            )));
        }
        let mut tags = present.clone();
        tags.extend(tag_map(added));
        if tags.len() > self.settings.tags {
            return Err(Refusal::client(
                "TagLimitExceededException",
                format!("A resource can have up to {} tags.", self.settings.tags),
            ));
        }
        Ok(())
    }

    /// A service control policy on `ram:RequestedAllowsExternalPrincipals` (T40).
    fn check_policies(&self, caller: &Caller, action: &str, allow_external: bool) -> Result<(), Refusal> {
        let denies = self.directory.account(&caller.account).is_some_and(|account| account.denies_external);
        if denies && allow_external {
            let who = &caller.principal;
            let message = format!(
                "User: {who} is not authorized to perform: {action} with an explicit deny in a service control policy"
            );
            return Err(Refusal::new(403, "AccessDeniedException", message));
        }
        Ok(())
    }

    /// The caller's shares in the region, tombstones included.
    pub(crate) fn owned<'a>(&'a self, caller: &Caller) -> impl Iterator<Item = &'a Share> + use<'a> {
        let prefix = prefix(caller);
        let shares = self.ram.regions.get(&caller.region).map(|region| &region.shares);
        let from = prefix.clone();
        shares.into_iter().flat_map(move |shares| {
            let prefix = prefix.clone();
            shares
                .range(from.clone()..)
                .map(|(_, share)| share)
                .take_while(move |share| share.arn.starts_with(&prefix))
        })
    }

    /// A share of the caller by ARN, as it is now; tombstones are unknown.
    pub(crate) fn share(&self, caller: &Caller, arn: &str) -> Result<&Share, Refusal> {
        if !arn.starts_with("arn:") || !arn.contains(":resource-share/") {
            return Err(Refusal::malformed_arn(arn));
        }
        let share = self.ram.regions.get(&caller.region).and_then(|region| region.shares.get(arn));
        share
            .filter(|share| share.owner == caller.account && share.state.status != ShareStatus::Deleted)
            .ok_or_else(|| unknown_share(arn))
    }

    /// The state of a share that the caller may change now.
    pub(super) fn changeable(&self, caller: &Caller, arn: &str) -> Result<ShareState, Refusal> {
        if self.foreign(caller, arn) {
            return Err(Refusal::not_permitted(
                "You are not permitted to modify a resource share that you do not own.",
            ));
        }
        let share = self.share(caller, arn)?;
        if share.state.status == ShareStatus::Deleting {
            return Err(Refusal::transition(format!("ResourceShare {arn} is in DELETING status.")));
        }
        if share.state.feature_set != FeatureSet::Standard {
            return Err(Refusal::not_permitted(
                "A resource share created from a policy can't be modified: promote it first.",
            ));
        }
        Ok(share.state.clone())
    }

    pub(super) fn foreign(&self, caller: &Caller, arn: &str) -> bool {
        let share = self.ram.regions.get(&caller.region).and_then(|region| region.shares.get(arn));
        share
            .is_some_and(|share| share.owner != caller.account && self.reaches(&share.state, &caller.account))
    }

    /// Puts a changed state in place and arranges for what is due.
    pub(crate) fn commit(&mut self, region: &str, arn: &str, state: ShareState) {
        let (now, horizon) = (self.now, self.horizon());
        if let Some(share) = self.ram.region(region).shares.get_mut(arn) {
            share.replace(now, state, horizon);
            let due = share.next_due();
            self.wake_at(due, Wake::Share(region.to_owned(), arn.to_owned()));
        }
    }

    pub(super) fn horizon(&self) -> f64 {
        let lags = &self.weather.lags;
        lags.read.horizon().max(lags.list.horizon()) + lags.consumer.horizon()
    }

    pub(super) fn in_flight(&self, state: &ShareState, key: &RowKey) -> bool {
        let blocks = |row: &super::model::Association| row.status == AssociationStatus::Associating;
        match self.settings.associating_blocks {
            Blocks::Share => state.rows.values().any(blocks),
            Blocks::Entity => state.rows.get(key).is_some_and(blocks),
        }
    }
}

pub(crate) fn prefix(caller: &Caller) -> String {
    format!("arn:{}:ram:{}:{}:resource-share/", caller.partition(), caller.region, caller.account)
}

pub(crate) fn unknown_share(arn: &str) -> Refusal {
    Refusal::unknown(format!("ResourceShare {arn} could not be found."))
}
