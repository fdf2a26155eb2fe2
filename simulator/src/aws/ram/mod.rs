//! Resource Access Manager: all 35 operations of the API model of 2018-01-04.

mod admission;
mod associations;
mod attach;
mod catalog;
mod input;
mod invitations;
mod listings;
mod membership;
pub(crate) mod model;
mod permissions;
mod policy;
pub(crate) mod principal;
mod rows;
mod shares;
mod template;
mod tokens;
pub mod types;
mod views;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use input::{
    Configuration, CreateShare, Entities, Listing, PermissionInput, Tag, TagFilter, Tagging, UpdateShare,
};
pub use model::{AssociationStatus, AssociationType, FeatureSet, InvitationStatus, ShareStatus};
pub(crate) use rows::type_of;
pub use shares::Resource;

use super::caller::Caller;
use super::journal::Kind::{self, Read, Write};
use super::refusal::Refusal;
use super::world::World;
use model::{Invitation, Share};
use permissions::Permission;
use tokens::Answered;

/// Every operation, and whether it may change anything. Its path is its name in lower case.
pub const OPERATIONS: [(&str, Kind); 35] = [
    ("AcceptResourceShareInvitation", Write),
    ("AssociateResourceShare", Write),
    ("AssociateResourceSharePermission", Write),
    ("CreatePermission", Write),
    ("CreatePermissionVersion", Write),
    ("CreateResourceShare", Write),
    ("DeletePermission", Write),
    ("DeletePermissionVersion", Write),
    ("DeleteResourceShare", Write),
    ("DisassociateResourceShare", Write),
    ("DisassociateResourceSharePermission", Write),
    ("EnableSharingWithAwsOrganization", Write),
    ("GetPermission", Read),
    ("GetResourcePolicies", Read),
    ("GetResourceShareAssociations", Read),
    ("GetResourceShareInvitations", Read),
    ("GetResourceShares", Read),
    ("ListPendingInvitationResources", Read),
    ("ListPermissionAssociations", Read),
    ("ListPermissionVersions", Read),
    ("ListPermissions", Read),
    ("ListPrincipals", Read),
    ("ListReplacePermissionAssociationsWork", Read),
    ("ListResourceSharePermissions", Read),
    ("ListResourceTypes", Read),
    ("ListResources", Read),
    ("ListSourceAssociations", Read),
    ("PromotePermissionCreatedFromPolicy", Write),
    ("PromoteResourceShareCreatedFromPolicy", Write),
    ("RejectResourceShareInvitation", Write),
    ("ReplacePermissionAssociations", Write),
    ("SetDefaultPermissionVersion", Write),
    ("TagResource", Write),
    ("UntagResource", Write),
    ("UpdateResourceShare", Write),
];

/// What RAM keeps in one region.
#[derive(Clone, Debug, Default)]
pub(crate) struct Regional {
    /// By ARN: those of one account are neighbours.
    pub(crate) shares: BTreeMap<String, Share>,
    pub(crate) invitations: BTreeMap<String, Invitation>,
    /// Customer managed, and those made from policies.
    pub(crate) permissions: BTreeMap<String, Permission>,
    pub(crate) works: BTreeMap<String, attach::Work>,
    /// Rows made so far: while it is below the quota, nothing needs counting.
    pub(crate) rows_ever: usize,
}

/// All of RAM.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ram {
    pub(crate) regions: BTreeMap<String, Regional>,
    /// AWS managed permissions by name.
    pub(crate) managed: BTreeMap<String, Permission>,
    pub(crate) answered: BTreeMap<(String, String, String), Answered>,
    /// Resources that the owning services know, by ARN.
    pub(crate) resources: BTreeMap<String, Resource>,
}

impl Ram {
    pub(crate) fn region(&mut self, region: &str) -> &mut Regional {
        self.regions.entry(region.to_owned()).or_default()
    }
}

fn input<T: DeserializeOwned>(params: &Value) -> Result<T, Refusal> {
    T::deserialize(params).map_err(|error| Refusal::parameter(format!("the request cannot be read: {error}")))
}

fn done() -> Value {
    json!({"returnValue": true})
}

impl World {
    /// Carries out a RAM operation on parameters as they are on the wire. The flag says whether the call was carried
    /// out rather than answered from a client token.
    pub(crate) fn call_ram(
        &mut self,
        caller: &Caller,
        operation: &str,
        params: &Value,
    ) -> (Result<Value, Refusal>, bool) {
        self.with_token(caller, operation, params, |world| {
            if OPERATIONS.contains(&(operation, Read)) {
                world.read_ram(caller, operation, params)
            } else {
                world.write_ram(caller, operation, params)
            }
        })
    }

    fn write_ram(&mut self, caller: &Caller, operation: &str, params: &Value) -> Result<Value, Refusal> {
        match operation {
            "CreateResourceShare" => self.create_share(caller, &input(params)?),
            "UpdateResourceShare" => self.update_share(caller, &input(params)?),
            "DeleteResourceShare" => {
                self.delete_share(caller, &input::<Entities>(params)?.resource_share_arn)
            }
            "AssociateResourceShare" => self.associate(caller, &input(params)?),
            "DisassociateResourceShare" => self.disassociate(caller, &input(params)?),
            "TagResource" => self.tag(caller, &input(params)?),
            "UntagResource" => self.untag(caller, &input(params)?),
            "AcceptResourceShareInvitation" => {
                self.answer_invitation(caller, &input(params)?, InvitationStatus::Accepted)
            }
            "RejectResourceShareInvitation" => {
                self.answer_invitation(caller, &input(params)?, InvitationStatus::Rejected)
            }
            "EnableSharingWithAwsOrganization" => self.enable_sharing(caller),
            "PromotePermissionCreatedFromPolicy" => self.promote_permission(caller, &input(params)?),
            "PromoteResourceShareCreatedFromPolicy" => {
                self.promote_share(caller, &input::<Entities>(params)?.resource_share_arn)
            }
            _ => self.write_permission(caller, operation, &input(params)?),
        }
    }

    fn write_permission(
        &mut self,
        caller: &Caller,
        operation: &str,
        input: &PermissionInput,
    ) -> Result<Value, Refusal> {
        match operation {
            "AssociateResourceSharePermission" => self.attach_permission(caller, input),
            "DisassociateResourceSharePermission" => self.detach_permission(caller, input),
            "ReplacePermissionAssociations" => self.replace_permission(caller, input),
            "CreatePermission" => self.create_permission(caller, input),
            "CreatePermissionVersion" => self.create_permission_version(caller, input),
            "SetDefaultPermissionVersion" => self.set_default_permission_version(caller, input),
            "DeletePermission" => self.delete_permission(caller, input),
            _ => self.delete_permission_version(caller, input),
        }
    }

    fn read_ram(&mut self, caller: &Caller, operation: &str, params: &Value) -> Result<Value, Refusal> {
        let asked: Listing = input(params)?;
        match operation {
            "GetPermission" => self.permission_detail(caller, &asked),
            _ => self.list(caller, operation, params, &asked),
        }
    }
}
