//! Permissions on shares: one a resource type, pinned to a version, changed in place (ram.md section 4).

use serde_json::{Value, json};

use super::input::PermissionInput;
use super::model::{Attached, ShareState};
use super::permissions::Permission;
use super::types::{self, ResourceArn};
use super::{done, rows};
use crate::aws::caller::Caller;
use crate::aws::refusal::Refusal;
use crate::aws::world::{Wake, World};

/// The work of ReplacePermissionAssociations.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) from: String,
    pub(crate) from_version: Option<u32>,
    pub(crate) to: String,
    pub(crate) to_version: u32,
    pub(crate) done: bool,
    pub(crate) created_at: f64,
    pub(crate) updated_at: f64,
}

impl Work {
    pub(super) fn row(&self) -> Value {
        rows::trim(json!({
            "id": self.id,
            "fromPermissionArn": self.from,
            "fromPermissionVersion": self.from_version.map(|version| version.to_string()),
            "toPermissionArn": self.to,
            "toPermissionVersion": self.to_version.to_string(),
            "status": if self.done { "COMPLETED" } else { "IN_PROGRESS" },
            "creationTime": self.created_at,
            "lastUpdatedTime": self.updated_at,
        }))
    }
}

impl World {
    /// A permission named at creation of a share: one a type.
    pub(super) fn add_permission(
        &mut self,
        caller: &Caller,
        state: &mut ShareState,
        arn: &str,
    ) -> Result<(), Refusal> {
        let permission = self.permission(caller, arn)?;
        if state.permissions.contains_key(&permission.resource_type) {
            let kind = &permission.resource_type;
            return Err(Refusal::parameter(format!(
                "Only one permission can be associated for resource type {kind}."
            )));
        }
        self.pin(state, &permission);
        Ok(())
    }

    fn pin(&mut self, state: &mut ShareState, permission: &Permission) {
        let lag = self.weather.lags.permission.sample(&mut self.rng);
        let attached = Attached {
            arn: permission.arn.clone(),
            version: permission.default,
            updated_at: self.now,
            in_force_at: self.now + lag,
        };
        state.permissions.insert(permission.resource_type.clone(), attached);
    }

    /// Each type without a permission gets its default, at the default version.
    pub(super) fn attach_defaults(&mut self, state: &mut ShareState, arns: &[String]) -> Result<(), Refusal> {
        for arn in arns {
            let kind = ResourceArn::read(arn).and_then(|arn| arn.resource_type());
            let Some(kind) = kind.filter(|kind| !state.permissions.contains_key(kind.code)) else {
                continue;
            };
            let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
            let name = kind.default_permission();
            let mut permission = self
                .ram
                .managed
                .get(&name)
                .cloned()
                .ok_or_else(|| Refusal::unknown(format!("Permission {name} could not be found.")))?;
            permission.arn = format!("arn:{partition}:ram::aws:permission/{name}");
            self.pin(state, &permission);
        }
        Ok(())
    }

    /// AssociateResourceSharePermission. Once more without `replace` succeeds and changes nothing \[X].
    pub(super) fn attach_permission(
        &mut self,
        caller: &Caller,
        input: &PermissionInput,
    ) -> Result<Value, Refusal> {
        let mut state = self.changeable(caller, &input.resource_share_arn)?;
        let permission = self.permission(caller, &input.permission_arn)?;
        if permission.deleting {
            return Err(Refusal::parameter("The permission is not attachable."));
        }
        if input.permission_version.is_some_and(|version| version != permission.default) {
            return Err(Refusal::parameter("Only the default version of a permission can be associated."));
        }
        let kind = &permission.resource_type;
        if let Some(present) = state.permissions.get(kind) {
            if present.arn == permission.arn && !input.replace {
                return Ok(done());
            }
            if !input.replace {
                return Err(Refusal::parameter(format!(
                    "The resource share already has a permission for resource type {kind}: use replace."
                )));
            }
        }
        self.pin(&mut state, &permission);
        state.updated_at = self.now;
        self.commit(&caller.region, &input.resource_share_arn, state);
        Ok(done())
    }

    /// DisassociateResourceSharePermission: refused while resources of the type are there (T28);
    /// with which error is assumed \[X].
    pub(super) fn detach_permission(
        &mut self,
        caller: &Caller,
        input: &PermissionInput,
    ) -> Result<Value, Refusal> {
        let mut state = self.changeable(caller, &input.resource_share_arn)?;
        let arn = &input.permission_arn;
        let kind =
            state.permissions.iter().find(|(_, attached)| attached.arn == *arn).map(|(kind, _)| kind.clone());
        let Some(kind) = kind else {
            return Err(Refusal::parameter(format!(
                "Permission {arn} has already been disassociated from the resource share."
            )));
        };
        if rows::present_types(&state).any(|present| present == kind) {
            return Err(Refusal::not_permitted(format!(
                "The permission can't be disassociated while resources of type {kind} are in the resource share."
            )));
        }
        state.permissions.remove(&kind);
        state.updated_at = self.now;
        self.commit(&caller.region, &input.resource_share_arn, state);
        Ok(done())
    }

    /// ReplacePermissionAssociations: a work on all of the caller's shares in the region.
    pub(super) fn replace_permission(
        &mut self,
        caller: &Caller,
        input: &PermissionInput,
    ) -> Result<Value, Refusal> {
        let from = self.permission(caller, &input.from_permission_arn)?;
        let to = self.permission(caller, &input.to_permission_arn)?;
        if from.resource_type != to.resource_type {
            return Err(Refusal::parameter("Both permissions must be of one resource type."));
        }
        let work = Work {
            id: self.rng.uuid(),
            account: caller.account.clone(),
            from: from.arn,
            from_version: input.from_permission_version,
            to: to.arn,
            to_version: to.default,
            done: false,
            created_at: self.now,
            updated_at: self.now,
        };
        let lag = self.weather.lags.permission.sample(&mut self.rng);
        self.wake_at(Some(self.now + lag), Wake::Work(caller.region.clone(), work.id.clone()));
        let answer = json!({"replacePermissionAssociationsWork": work.row()});
        self.ram.region(&caller.region).works.insert(work.id.clone(), work);
        Ok(answer)
    }

    pub(crate) fn finish_work(&mut self, region: &str, id: &str) {
        let now = self.now;
        let Some(work) = self.ram.region(region).works.get_mut(id) else {
            return;
        };
        work.done = true;
        work.updated_at = now;
        let work = work.clone();
        let wanted = |attached: &Attached| {
            attached.arn == work.from && work.from_version.is_none_or(|version| attached.version == version)
        };
        let shares = self.ram.region(region).shares.values().filter(|share| share.owner == work.account);
        let hit: Vec<(String, ShareState)> = shares
            .filter(|share| share.state.permissions.values().any(wanted))
            .map(|share| (share.arn.clone(), share.state.clone()))
            .collect();
        for (arn, mut state) in hit {
            for attached in state.permissions.values_mut().filter(|attached| wanted(attached)) {
                work.to.clone_into(&mut attached.arn);
                attached.version = work.to_version;
                attached.updated_at = now;
            }
            self.commit(region, &arn, state);
        }
    }

    /// The permission behind an attached one, whoever owns it.
    pub(super) fn attached(&self, region: &str, attached: &Attached) -> Option<&Permission> {
        let by_name =
            attached.arn.split_once("::aws:permission/").and_then(|(_, name)| self.ram.managed.get(name));
        by_name.or_else(|| self.ram.regions.get(region)?.permissions.get(&attached.arn))
    }
}

/// The status of an attached permission in listings.
pub(super) fn status(attached: &Attached, now: f64) -> &'static str {
    if attached.in_force_at > now { "ASSOCIATING" } else { "ASSOCIATED" }
}

/// The type code written as the service writes it; `None` for no type.
pub(super) fn type_code(text: &str) -> Option<&'static str> {
    types::by_code(text).map(|found| found.code)
}
