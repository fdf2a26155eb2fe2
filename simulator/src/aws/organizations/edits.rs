//! Changes of the tree, the accounts and trusted access: as typed calls for tests, and on the wire.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::reads::{need, unit_json};
use super::{Account, AccountState, Membership, Organization, RAM, Unit, denied, invalid};
use crate::aws::caller::Caller;
use crate::aws::refusal::Refusal;
use crate::aws::world::World;

/// An account to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NewAccount {
    /// Twelve digits.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Organizations tags.
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    account_id: Option<String>,
    source_parent_id: Option<String>,
    destination_parent_id: Option<String>,
    parent_id: Option<String>,
    organizational_unit_id: Option<String>,
    name: Option<String>,
    service_principal: Option<String>,
}

const DEEPEST_UNIT: usize = 5;

fn no_account() -> Refusal {
    Refusal::client("AccountNotFoundException", "You specified an account that doesn't exist.")
}

impl World {
    /// Makes an account that is in no organization.
    pub fn add_account(&mut self, new: NewAccount) {
        let account = Account {
            email: format!("aws+{}@example.com", new.id),
            id: new.id.clone(),
            name: new.name,
            state: AccountState::Active,
            membership: None,
            tags: new.tags,
            disabled_regions: BTreeSet::new(),
            denies_external: false,
        };
        self.directory.accounts.insert(new.id, account);
    }

    /// Makes an organization with `management` (an existing account) as its management account; answers its id.
    pub fn create_organization(&mut self, management: &str) -> String {
        let id = format!("o-{}", self.rng.letters(10));
        let root = format!("r-{}", self.rng.letters(4));
        let organization = Organization {
            id: id.clone(),
            management: management.to_owned(),
            root,
            units: BTreeMap::new(),
            trusted: BTreeMap::new(),
            ram_role: false,
            onboarded_at: 0.0,
            delegated: BTreeMap::new(),
        };
        self.directory.organizations.insert(id.clone(), organization);
        self.join_organization(management, &id);
        id
    }

    /// Puts an account under the root of an organization.
    pub fn join_organization(&mut self, account: &str, organization: &str) {
        let Some(root) = self.directory.organizations.get(organization).map(|found| found.root.clone())
        else {
            return;
        };
        let membership =
            Membership { organization: organization.to_owned(), parent: root, joined_at: self.now };
        if let Some(account) = self.directory.accounts.get_mut(account) {
            account.membership = Some(membership);
        }
    }

    /// CreateOrganizationalUnit; answers the unit's id.
    pub fn create_unit(&mut self, organization: &str, parent: &str, name: &str) -> Result<String, Refusal> {
        let tree = self.organization(organization)?;
        let line = tree.line(parent);
        if line.is_empty() {
            return Err(Refusal::client(
                "ParentNotFoundException",
                "We can't find a root or OU with the ParentId that you specified.",
            ));
        }
        if line.len() > DEEPEST_UNIT {
            return Err(Refusal::client(
                "ConstraintViolationException",
                "You have exceeded the allowed depth of the OU tree. OU_DEPTH_LIMIT_EXCEEDED",
            ));
        }
        unique_name(tree, parent, name)?;
        let root = tree.root.trim_start_matches("r-").to_owned();
        let id = format!("ou-{root}-{}", self.rng.letters(8));
        let unit = Unit { name: name.to_owned(), parent: parent.to_owned(), tags: BTreeMap::new() };
        self.organization_mut(organization)?.units.insert(id.clone(), unit);
        Ok(id)
    }

    /// UpdateOrganizationalUnit: a new name.
    pub fn rename_unit(&mut self, organization: &str, unit: &str, name: &str) -> Result<(), Refusal> {
        let tree = self.organization(organization)?;
        let parent = tree.units.get(unit).map(|unit| unit.parent.clone()).unwrap_or_default();
        unique_name(tree, &parent, name)?;
        if let Some(unit) = self.organization_mut(organization)?.units.get_mut(unit) {
            name.clone_into(&mut unit.name);
        }
        Ok(())
    }

    /// DeleteOrganizationalUnit: it must be empty.
    pub fn delete_unit(&mut self, organization: &str, unit: &str) -> Result<(), Refusal> {
        let tree = self.organization(organization)?;
        unit_json(tree, unit)?;
        let inhabited = tree.units.values().any(|child| child.parent == unit)
            || self
                .directory
                .accounts
                .values()
                .any(|account| account.membership.as_ref().is_some_and(|place| place.parent == unit));
        if inhabited {
            return Err(Refusal::client(
                "OrganizationalUnitNotEmptyException",
                "The specified OU is not empty.",
            ));
        }
        self.organization_mut(organization)?.units.remove(unit);
        Ok(())
    }

    /// MoveAccount to another unit or the root of its organization.
    pub fn move_account(&mut self, account: &str, destination: &str) -> Result<(), Refusal> {
        let organization = self.directory.organization_of(account).ok_or_else(no_account)?;
        if organization.line(destination).is_empty() {
            return Err(Refusal::client(
                "DestinationParentNotFoundException",
                "We can't find the destination container (a root or OU) with the ParentId that you specified.",
            ));
        }
        if let Some(place) =
            self.directory.accounts.get_mut(account).and_then(|account| account.membership.as_mut())
        {
            destination.clone_into(&mut place.parent);
        }
        Ok(())
    }

    /// RemoveAccountFromOrganization or LeaveOrganization: RAM drops what rested on the membership (ram.md section 2.6).
    pub fn leave_organization(&mut self, account: &str) -> Result<(), Refusal> {
        let organization = self.directory.organization_of(account).ok_or_else(no_account)?.clone();
        if organization.management == account {
            return Err(Refusal::client(
                "MasterCannotLeaveOrganizationException",
                "You can't remove a management account from an organization.",
            ));
        }
        self.drop_principals_of_leaver(&organization, account);
        if let Some(account) = self.directory.accounts.get_mut(account) {
            account.membership = None;
        }
        if let Some(organization) = self.directory.organizations.get_mut(&organization.id) {
            organization.delegated.remove(account);
        }
        Ok(())
    }

    /// Sets the phase of an account's life; a closed one keeps its place in the tree for 90 days.
    pub fn set_account_state(&mut self, account: &str, state: AccountState) -> Result<(), Refusal> {
        self.directory.accounts.get_mut(account).ok_or_else(no_account)?.state = state;
        Ok(())
    }

    /// Ninety days after closure: the account is gone, and so are the rows that name it (T04).
    pub fn purge_account(&mut self, account: &str) {
        self.forget_principal(account);
        self.directory.accounts.remove(account);
    }

    /// Renames an account.
    pub fn rename_account(&mut self, account: &str, name: &str) -> Result<(), Refusal> {
        name.clone_into(&mut self.directory.accounts.get_mut(account).ok_or_else(no_account)?.name);
        Ok(())
    }

    /// Switches a region on or off for an account.
    pub fn set_region(&mut self, account: &str, region: &str, enabled: bool) -> Result<(), Refusal> {
        let regions = &mut self.directory.accounts.get_mut(account).ok_or_else(no_account)?.disabled_regions;
        if enabled {
            regions.remove(region);
        } else {
            regions.insert(region.to_owned());
        }
        Ok(())
    }

    /// A service control policy that denies shares with external principals (T40), on or off.
    pub fn deny_external(&mut self, account: &str, denied: bool) -> Result<(), Refusal> {
        self.directory.accounts.get_mut(account).ok_or_else(no_account)?.denies_external = denied;
        Ok(())
    }

    /// EnableAWSServiceAccess: trusted access alone. For RAM that is only half of it (ram.md fact 11).
    pub fn enable_service_access(&mut self, organization: &str, service: &str) -> Result<(), Refusal> {
        let now = self.now;
        self.organization_mut(organization)?.trusted.entry(service.to_owned()).or_insert(now);
        Ok(())
    }

    /// DisableAWSServiceAccess: for RAM it strips the organization's principals from all its shares (ram.md section 2.6).
    pub fn disable_service_access(&mut self, organization: &str, service: &str) -> Result<(), Refusal> {
        let was_on = self.organization_mut(organization)?.trusted.remove(service).is_some();
        if was_on && service == RAM {
            let organization = self.organization(organization)?.clone();
            self.drop_organization_principals(&organization);
        }
        Ok(())
    }

    /// Takes RAM's service-linked role away, as in an organization that never enabled sharing through RAM.
    pub fn forget_ram_role(&mut self, organization: &str) {
        if let Some(organization) = self.directory.organizations.get_mut(organization) {
            organization.ram_role = false;
        }
    }

    /// RegisterDelegatedAdministrator.
    pub fn delegate(&mut self, account: &str, service: &str) -> Result<(), Refusal> {
        let now = self.now;
        let organization = self.directory.organization_of(account).ok_or_else(no_account)?.id.clone();
        let tree = self.organization_mut(&organization)?;
        if !tree.trusted.contains_key(service) {
            return Err(Refusal::client(
                "ConstraintViolationException",
                "You must first enable service access for the service. SERVICE_ACCESS_NOT_ENABLED",
            ));
        }
        tree.delegated.entry(account.to_owned()).or_default().insert(service.to_owned(), now);
        Ok(())
    }

    pub(crate) fn organization_mut(&mut self, id: &str) -> Result<&mut Organization, Refusal> {
        self.directory.organizations.get_mut(id).ok_or_else(|| {
            Refusal::client(
                "AWSOrganizationsNotInUseException",
                "Your account is not a member of an organization.",
            )
        })
    }

    pub(super) fn edit_organizations(
        &mut self,
        caller: &Caller,
        id: &str,
        operation: &str,
        params: &Value,
    ) -> Result<Value, Refusal> {
        let input: Input =
            serde_json::from_value(params.clone()).map_err(|error| invalid(error.to_string()))?;
        let account = || need(input.account_id.as_ref(), "AccountId");
        let unit = || need(input.organizational_unit_id.as_ref(), "OrganizationalUnitId");
        let service = || need(input.service_principal.as_ref(), "ServicePrincipal");
        let name = || need(input.name.as_ref(), "Name");
        match operation {
            "CreateOrganizationalUnit" => {
                let unit = self.create_unit(id, need(input.parent_id.as_ref(), "ParentId")?, name()?)?;
                return Ok(json!({"OrganizationalUnit": unit_json(self.organization(id)?, &unit)?}));
            }
            "UpdateOrganizationalUnit" => {
                unit_json(self.organization(id)?, unit()?)?;
                if let Some(name) = &input.name {
                    self.rename_unit(id, unit()?, name)?;
                }
                return Ok(json!({"OrganizationalUnit": unit_json(self.organization(id)?, unit()?)?}));
            }
            "DeleteOrganizationalUnit" => self.delete_unit(id, unit()?)?,
            "MoveAccount" => self.move_on_the_wire(id, account()?, &input)?,
            "RemoveAccountFromOrganization" => self.leave_organization(account()?)?,
            "EnableAWSServiceAccess" => self.enable_service_access(id, service()?)?,
            "DisableAWSServiceAccess" => self.disable_service_access(id, service()?)?,
            "RegisterDelegatedAdministrator" => self.delegate(account()?, service()?)?,
            _ => return Err(denied(caller, operation)),
        }
        Ok(json!({}))
    }

    fn move_on_the_wire(&mut self, id: &str, account: &str, input: &Input) -> Result<(), Refusal> {
        let source = need(input.source_parent_id.as_ref(), "SourceParentId")?;
        let place = self.directory.account(account).and_then(|account| account.membership.as_ref());
        let place = place.filter(|place| place.organization == id).ok_or_else(no_account)?;
        if place.parent != source {
            return Err(Refusal::client(
                "SourceParentNotFoundException",
                "We can't find a source root or OU with the ParentId that you specified.",
            ));
        }
        self.move_account(account, need(input.destination_parent_id.as_ref(), "DestinationParentId")?)
    }
}

fn unique_name(tree: &Organization, parent: &str, name: &str) -> Result<(), Refusal> {
    if tree.units.values().any(|unit| unit.parent == parent && unit.name == name) {
        return Err(Refusal::client(
            "DuplicateOrganizationalUnitException",
            "An OU with the same name already exists.",
        ));
    }
    Ok(())
}
