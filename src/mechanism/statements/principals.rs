//! How a policy spells whom a Share names, and back.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::sid::Form;
use crate::{
    document::Grantee,
    model::{AccountId, Principal, Region},
    org::Tree,
};

/// What spelling needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The region of the object: it tells the partition.
    pub region: &'a Region,
    /// The account that owns the object.
    pub owner: &'a AccountId,
    /// The organization; none for an account without one.
    pub tree: Option<&'a Tree>,
}

impl Place<'_> {
    /// In which form of statement a principal is granted; none where no policy can name it.
    pub fn form(&self, principal: &Principal) -> Option<Form> {
        match principal {
            Principal::Account(_) | Principal::Role(_) | Principal::User(_) => Some(Form::Named),
            Principal::Organization(_) => Some(Form::Organization),
            Principal::OrganizationalUnit(_) => Some(Form::Units),
            Principal::Service(_) | Principal::Other(_) => None,
        }
    }

    /// The elements `Principal` and `Condition` of a statement for principals of one form. An organization is named by a
    /// condition alone: no service takes it as a principal (mechanisms.md §3.4).
    pub fn elements(&self, form: Form, principals: &BTreeSet<&Principal>) -> (Value, Option<Value>) {
        let organizations: BTreeSet<&str> = principals.iter().filter_map(|p| organization_of(p)).collect();
        match form {
            Form::Named => {
                let named: Vec<String> = principals.iter().map(|p| self.named(p)).collect();
                (json!({"AWS": named}), None)
            }
            Form::Organization => {
                let condition = json!({"StringEquals": {"aws:PrincipalOrgID": organizations}});
                (json!({"AWS": "*"}), Some(condition))
            }
            Form::Units => {
                let paths: BTreeSet<String> = principals.iter().filter_map(|p| path(p)).collect();
                let condition = json!({
                    "StringEquals": {"aws:PrincipalOrgID": organizations},
                    "ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": paths},
                });
                (json!({"AWS": "*"}), Some(condition))
            }
        }
    }

    fn named(&self, principal: &Principal) -> String {
        match principal {
            Principal::Account(id) => format!("arn:{}:iam::{id}:root", self.region.partition()),
            other => other.to_string(),
        }
    }

    /// Whom a statement lets in, as a Share names it.
    pub fn principal(&self, grantee: &Grantee) -> Principal {
        let tree = self.tree;
        match grantee {
            Grantee::Account(id) => Principal::Account(id.clone()),
            Grantee::Role(arn) => Principal::Role(arn.clone()),
            Grantee::User(arn) => Principal::User(arn.clone()),
            Grantee::Service(name) => Principal::Service(name.clone()),
            Grantee::Organization(id) => {
                let ours = tree.filter(|tree| tree.id == *id);
                ours.map_or_else(|| Principal::Other(id.clone()), Tree::as_principal)
            }
            Grantee::OrganizationPath(path) => {
                let unit = unit_at(path).and_then(|(organization, unit)| {
                    tree.filter(|tree| tree.id == organization)?.unit_principal(unit)
                });
                unit.unwrap_or_else(|| Principal::Other(path.clone()))
            }
            Grantee::Everyone => Principal::Other("*".to_owned()),
            Grantee::OtherIdentity(arn) => Principal::Other(arn.to_string()),
            Grantee::UniqueId(text)
            | Grantee::Federated(text)
            | Grantee::CanonicalUser(text)
            | Grantee::OriginAccessIdentity(text) => Principal::Other(text.clone()),
        }
    }

    /// Whether somebody outside the organization may be meant. An account that belongs to no organization has nobody inside
    /// but itself; services are AWS's own.
    pub fn is_outside(&self, principal: &Principal) -> bool {
        let tree = self.tree;
        match principal {
            Principal::Account(_) | Principal::Role(_) | Principal::User(_) => {
                principal.account().is_none_or(|account| {
                    account != *self.owner && tree.is_none_or(|tree| !tree.accounts.contains_key(&account))
                })
            }
            Principal::Organization(_) | Principal::OrganizationalUnit(_) | Principal::Service(_) => false,
            Principal::Other(_) => true,
        }
    }
}

/// The `o-…` of an organization or of a unit's.
fn organization_of(principal: &Principal) -> Option<&str> {
    match principal {
        Principal::Organization(arn) | Principal::OrganizationalUnit(arn) => arn.resource().split('/').nth(1),
        _ => None,
    }
}

/// The unit and all below it, wherever in the organization it lies: its path moves with it, its id does not.
fn path(principal: &Principal) -> Option<String> {
    let unit = principal.organization_entity()?;
    Some(format!("{}/*/{unit}/*", organization_of(principal)?))
}

/// The organization and the unit of a path that [`path`] has made.
fn unit_at(path: &str) -> Option<(&str, &str)> {
    let mut steps = path.split('/');
    let (organization, any, unit, below) = (steps.next()?, steps.next()?, steps.next()?, steps.next()?);
    (any == "*" && below == "*" && steps.next().is_none()).then_some((organization, unit))
}
