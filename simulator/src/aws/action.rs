//! What happens outside the controller's sight: edits of the organization, of resources, and calls of other people.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::caller::Caller;
use super::kms::{KeyState, NewGrant, NewKey};
use super::organizations::{AccountState, NewAccount};
use super::policy::NewObject;
use super::refusal::Refusal;
use super::sts::Role;
use super::world::World;

/// One act. As JSON: `{"moveAccount": {"account": "…", "destination": "ou-…"}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the members are named as the operations' parameters")]
pub enum Action {
    /// An account, in an organization where one is named.
    CreateAccount { account: NewAccount, organization: Option<String>, parent: Option<String> },
    /// A new name for an account.
    RenameAccount { account: String, name: String },
    /// Another phase of its life.
    SetAccountState { account: String, state: AccountState },
    /// Ninety days after closure.
    PurgeAccount { account: String },
    /// To another root or unit id, or a path such as `Root/Sandbox`.
    MoveAccount { account: String, destination: String },
    /// Out of the organization.
    LeaveOrganization { account: String },
    /// Into one, under its root.
    JoinOrganization { account: String, organization: String },
    /// A unit under a root or unit, by id or path.
    CreateUnit { organization: String, parent: String, name: String },
    /// A new name for a unit.
    RenameUnit { organization: String, unit: String, name: String },
    /// Without an empty unit.
    DeleteUnit { organization: String, unit: String },
    /// Trusted access on or off.
    SetServiceAccess { organization: String, service: String, enabled: bool },
    /// A region on or off in an account.
    SetRegion { account: String, region: String, enabled: bool },
    /// A service control policy against external shares, on or off.
    DenyExternal { account: String, denied: bool },
    /// A delegated administrator.
    Delegate { account: String, service: String },
    /// A role.
    PutRole { account: String, name: String, role: Role },
    /// No role; policies that name it show its unique id from now on.
    DeleteRole { account: String, name: String },
    /// All sessions of an account end.
    ExpireSessions { account: String },
    /// A resource its service knows.
    AddResource { arn: String },
    /// One less.
    DeleteResource { arn: String },
    /// What ListResources says of it.
    SetResourceStatus { arn: String, status: String, message: Option<String> },
    /// A row's status, such as SUSPENDED.
    SetAssociationStatus { share: String, entity: String, status: String, message: Option<String> },
    /// AWS publishes a new version of one of its permissions.
    PublishPermissionVersion { name: String },
    /// A resource-based policy that RAM shows as a share.
    PutResourcePolicy {
        account: String,
        region: String,
        resource: String,
        principals: Vec<String>,
        template: String,
    },
    /// A KMS key.
    AddKey { key: NewKey },
    /// A key in use, switched off or to be deleted.
    SetKeyState { key: String, state: KeyState },
    /// The end of a key's waiting period.
    DeleteKey { key: String },
    /// A grant on a key.
    AddKeyGrant { key: String, grant: NewGrant },
    /// A secret, a repository, a queue or a topic.
    AddObject { object: NewObject },
    /// One less.
    DeleteObject { object: String },
    /// Any operation, as the administrator of an account.
    Call { account: String, region: String, service: String, operation: String, params: Value },
}

impl World {
    /// Carries out an act; answers what there is to know of it.
    pub fn act(&mut self, action: Action) -> Result<Value, Refusal> {
        match action {
            Action::Call { account, region, service, operation, params } => {
                return self.call(&Caller::administrator(&account, &region), &service, &operation, &params);
            }
            Action::CreateUnit { organization, parent, name } => {
                let parent = self.place(&organization, &parent);
                return Ok(json!({"unit": self.create_unit(&organization, &parent, &name)?}));
            }
            Action::PutResourcePolicy { account, region, resource, principals, template } => {
                let principals: Vec<&str> = principals.iter().map(String::as_str).collect();
                return Ok(
                    json!({"share": self.put_resource_policy(&account, &region, &resource, &principals, &template)}),
                );
            }
            Action::AddKey { key } => return Ok(json!({"key": self.add_key(key)})),
            Action::AddObject { object } => return Ok(json!({"object": self.add_object(object)})),
            Action::AddKeyGrant { key, grant } => {
                return Ok(json!({"grant": self.add_key_grant(&key, grant)}));
            }
            action @ (Action::AddResource { .. }
            | Action::DeleteResource { .. }
            | Action::SetResourceStatus { .. }
            | Action::SetAssociationStatus { .. }
            | Action::PublishPermissionVersion { .. }
            | Action::PutRole { .. }
            | Action::DeleteRole { .. }
            | Action::ExpireSessions { .. }
            | Action::SetKeyState { .. }
            | Action::DeleteKey { .. }
            | Action::DeleteObject { .. }) => self.act_on_resources(action),
            action => self.act_on_directory(action)?,
        }
        Ok(json!({}))
    }

    fn act_on_resources(&mut self, action: Action) {
        match action {
            Action::AddResource { arn } => self.add_resource(&arn),
            Action::DeleteResource { arn } => self.delete_resource(&arn),
            Action::SetResourceStatus { arn, status, message } => {
                self.set_resource_status(&arn, &status, message.as_deref());
            }
            Action::SetAssociationStatus { share, entity, status, message } => {
                self.set_association_status(&share, &entity, &status, message.as_deref());
            }
            Action::PublishPermissionVersion { name } => self.publish_permission_version(&name),
            Action::PutRole { account, name, role } => self.put_role(&account, &name, role),
            Action::DeleteRole { account, name } => self.delete_role(&account, &name),
            Action::ExpireSessions { account } => self.expire_sessions(&account),
            Action::SetKeyState { key, state } => self.set_key_state(&key, state),
            Action::DeleteKey { key } => self.delete_key(&key),
            Action::DeleteObject { object } => self.delete_object(&object),
            _ => {}
        }
    }

    fn act_on_directory(&mut self, action: Action) -> Result<(), Refusal> {
        match action {
            Action::CreateAccount { account, organization, parent } => {
                self.open_account(account, organization.as_deref(), parent.as_deref())
            }
            Action::RenameAccount { account, name } => self.rename_account(&account, &name),
            Action::SetAccountState { account, state } => self.set_account_state(&account, state),
            Action::MoveAccount { account, destination } => {
                let organization =
                    self.directory.organization_of(&account).map(|org| org.id.clone()).unwrap_or_default();
                let destination = self.place(&organization, &destination);
                self.move_account(&account, &destination)
            }
            Action::LeaveOrganization { account } => self.leave_organization(&account),
            Action::RenameUnit { organization, unit, name } => {
                let unit = self.place(&organization, &unit);
                self.rename_unit(&organization, &unit, &name)
            }
            Action::DeleteUnit { organization, unit } => {
                let unit = self.place(&organization, &unit);
                self.delete_unit(&organization, &unit)
            }
            Action::SetServiceAccess { organization, service, enabled: true } => {
                self.enable_service_access(&organization, &service)
            }
            Action::SetServiceAccess { organization, service, enabled: false } => {
                self.disable_service_access(&organization, &service)
            }
            Action::SetRegion { account, region, enabled } => self.set_region(&account, &region, enabled),
            Action::DenyExternal { account, denied } => self.deny_external(&account, denied),
            Action::Delegate { account, service } => self.delegate(&account, &service),
            Action::JoinOrganization { account, organization } => {
                self.join_organization(&account, &organization);
                Ok(())
            }
            Action::PurgeAccount { account } => {
                self.purge_account(&account);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn open_account(
        &mut self,
        account: NewAccount,
        organization: Option<&str>,
        parent: Option<&str>,
    ) -> Result<(), Refusal> {
        let id = account.id.clone();
        self.add_account(account);
        if let Some(organization) = organization {
            self.join_organization(&id, organization);
            if let Some(parent) = parent {
                let parent = self.place(organization, parent);
                self.move_account(&id, &parent)?;
            }
        }
        Ok(())
    }

    /// A root or unit id, or the id at a path of names.
    fn place(&self, organization: &str, place: &str) -> String {
        let tree = self.directory.organizations.get(organization);
        tree.and_then(|tree| tree.find(place)).unwrap_or_else(|| place.to_owned())
    }
}
