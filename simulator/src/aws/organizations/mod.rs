//! Organizations: accounts, the tree, trusted access; and the operations that read and edit them.

mod edits;
mod reads;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use edits::NewAccount;
pub(crate) use reads::listing;

use super::caller::Caller;
use super::refusal::Refusal;
use super::world::World;

/// `Account.State` (ram.md section 7.1 \[M]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccountState {
    /// Being set up.
    PendingActivation,
    /// In use.
    #[default]
    Active,
    /// Suspended by AWS, or closed less than 90 days ago.
    Suspended,
    /// Closure was asked for.
    PendingClosure,
    /// Closed for good.
    Closed,
}

impl AccountState {
    /// Whether credentials of the account work.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Active | Self::PendingClosure)
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::PendingActivation => "PENDING_ACTIVATION",
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
            Self::PendingClosure => "PENDING_CLOSURE",
            Self::Closed => "CLOSED",
        }
    }
}

/// Where an account stands in its organization.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Membership {
    /// Organization id.
    pub organization: String,
    /// Root or unit id.
    pub parent: String,
    /// Seconds since the epoch.
    pub joined_at: f64,
}

/// An AWS account.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// Not unique.
    pub name: String,
    /// Root user's address.
    pub email: String,
    /// Phase of its life.
    pub state: AccountState,
    /// Absent: in no organization.
    pub membership: Option<Membership>,
    /// Organizations tags.
    pub tags: BTreeMap<String, String>,
    /// Regions that are switched off in this account: every call there is refused.
    pub disabled_regions: BTreeSet<String>,
    /// A service control policy denies shares that allow external principals (T40).
    pub denies_external: bool,
}

/// An organizational unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unit {
    /// Unique among siblings.
    pub name: String,
    /// Root or unit id.
    pub parent: String,
    /// Organizations tags.
    pub tags: BTreeMap<String, String>,
}

/// An organization.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    /// `o-…`.
    pub id: String,
    /// Management account id.
    pub management: String,
    /// `r-…`.
    pub root: String,
    /// Units by id.
    pub units: BTreeMap<String, Unit>,
    /// Service principals with trusted access, and since when.
    pub trusted: BTreeMap<String, f64>,
    /// RAM's service-linked role exists: only EnableSharingWithAwsOrganization makes it (ram.md fact 11).
    pub ram_role: bool,
    /// When RAM's onboarding of the organization ends.
    pub onboarded_at: f64,
    /// Delegated administrators: account to service principals and since when.
    pub delegated: BTreeMap<String, BTreeMap<String, f64>>,
}

/// RAM's service principal.
pub const RAM: &str = "ram.amazonaws.com";

impl Organization {
    /// Whether RAM shares within the organization without invitations: trusted access and the service-linked role.
    pub fn shares_with_ram(&self) -> bool {
        self.trusted.contains_key(RAM) && self.ram_role
    }

    /// Ids from the root down to `parent`, both included; empty when `parent` does not exist.
    pub fn line(&self, parent: &str) -> Vec<String> {
        let mut line = Vec::new();
        let mut at = parent;
        while let Some(unit) = self.units.get(at) {
            line.push(at.to_owned());
            at = &unit.parent;
        }
        if at != self.root {
            return Vec::new();
        }
        line.push(self.root.clone());
        line.reverse();
        line
    }

    /// ARN of the organization.
    pub fn arn(&self) -> String {
        format!("arn:aws:organizations::{}:organization/{}", self.management, self.id)
    }

    /// ARN of a unit.
    pub fn unit_arn(&self, unit: &str) -> String {
        format!("arn:aws:organizations::{}:ou/{}/{unit}", self.management, self.id)
    }

    /// The unit at a path of names such as `Root/Workloads/Prod`; `Root` itself is the root.
    pub fn find(&self, path: &str) -> Option<String> {
        let mut names = path.split('/');
        (names.next()? == "Root").then_some(())?;
        names.try_fold(self.root.clone(), |parent, name| {
            self.units
                .iter()
                .find(|(_, unit)| unit.parent == parent && unit.name == name)
                .map(|(id, _)| id.clone())
        })
    }
}

/// All accounts and organizations.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Directory {
    /// By account id.
    pub accounts: BTreeMap<String, Account>,
    /// By organization id.
    pub organizations: BTreeMap<String, Organization>,
}

impl Directory {
    /// The account of that id.
    pub fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.get(id)
    }

    /// The organization that an account is in.
    pub fn organization_of(&self, account: &str) -> Option<&Organization> {
        self.organizations.get(&self.account(account)?.membership.as_ref()?.organization)
    }

    /// Whether both accounts are in one organization.
    pub fn same_organization(&self, a: &str, b: &str) -> bool {
        self.organization_of(a)
            .is_some_and(|of_a| self.organization_of(b).is_some_and(|of_b| of_a.id == of_b.id))
    }

    /// Ids from the root down to the account's parent.
    pub fn line_of(&self, account: &str) -> Vec<String> {
        let parent =
            self.account(account).and_then(|account| account.membership.as_ref()).map(|m| m.parent.as_str());
        self.organization_of(account).zip(parent).map(|(org, parent)| org.line(parent)).unwrap_or_default()
    }
}

const SERVICE: &str = "organizations";

fn denied(caller: &Caller, operation: &str) -> Refusal {
    let message = format!("User: {} is not authorized to perform: {SERVICE}:{operation}", caller.principal);
    Refusal::client(
        "AccessDeniedException",
        format!("You don't have permissions to access this resource. {message}"),
    )
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::client("InvalidInputException", message)
}

impl World {
    pub(crate) fn call_organizations(
        &mut self,
        caller: &Caller,
        operation: &str,
        params: &Value,
    ) -> Result<Value, Refusal> {
        let Some(organization) = self.directory.organization_of(&caller.account) else {
            return Err(Refusal::client(
                "AWSOrganizationsNotInUseException",
                "Your account is not a member of an organization.",
            ));
        };
        let management = organization.management == caller.account;
        let delegated = organization.delegated.contains_key(&caller.account);
        let id = organization.id.clone();
        // DescribeOrganization is open to every member [M].
        if reads::READS.contains(&operation) {
            let may = management || delegated || operation == "DescribeOrganization";
            return if may {
                self.read_organizations(caller, &id, operation, params)
            } else {
                Err(denied(caller, operation))
            };
        }
        if management {
            self.edit_organizations(caller, &id, operation, params)
        } else {
            Err(denied(caller, operation))
        }
    }
}
