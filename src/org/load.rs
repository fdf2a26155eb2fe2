//! Reads the organization: all of it, or an error. A tree that is only partly readable is not a tree.
//!
//! Units are walked from the root, level by level; accounts come in one listing with their `Paths`, so that their
//! number costs pages and not calls a unit (ram.md §7.1). An account without a path is looked up with ListParents.

use std::collections::BTreeMap;

use aws_sdk_organizations::types::Account as Listed;

use super::tree::{Account, AccountState, OrganizationalUnit, Tree};
use crate::{
    aws::{
        errors::AwsError,
        paging::{Page, collect},
        session::OrganizationClients,
    },
    model::{AccountId, Arn},
};

/// The most entries a page (ram.md §7.1).
const PAGE: i32 = 20;

/// RAM's service principal, for which trusted access must be on.
const RAM: &str = "ram.amazonaws.com";

/// What the organization says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `o-…`.
    pub id: String,
    /// Its ARN.
    pub arn: Arn,
    /// The account that manages it.
    pub management_account: AccountId,
    /// `ALL` or `CONSOLIDATED_BILLING`.
    pub feature_set: String,
}

/// Which organization the credentials' account is in.
pub async fn identity(clients: &OrganizationClients) -> Result<Identity, AwsError> {
    const NAME: &str = "DescribeOrganization";
    let answer = clients.calls.read(NAME, clients.organizations.describe_organization().send()).await?;
    let organization = answer
        .organization
        .ok_or_else(|| AwsError::unexpected(NAME, "AWS answered no organization".to_owned()))?;
    let missing =
        |what: &str| AwsError::unexpected(NAME, format!("AWS answered an organization without {what}"));
    Ok(Identity {
        id: organization.id.ok_or_else(|| missing("an id"))?,
        arn: organization.arn.and_then(|arn| arn.parse().ok()).ok_or_else(|| missing("an ARN"))?,
        management_account: organization
            .master_account_id
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| missing("a management account"))?,
        feature_set: organization.feature_set.map(|set| set.as_str().to_owned()).unwrap_or_default(),
    })
}

/// The whole tree.
pub async fn tree(clients: &OrganizationClients, identity: &Identity) -> Result<Tree, AwsError> {
    let root = root(clients).await?;
    let organizational_units = units(clients, &root).await?;
    let accounts = accounts(clients, &root).await?;
    Ok(Tree {
        id: identity.id.clone(),
        arn: identity.arn.clone(),
        management_account: identity.management_account.clone(),
        feature_set: identity.feature_set.clone(),
        root,
        organizational_units,
        accounts,
    })
}

/// Whether RAM may share with the organization: trusted access is on. None where only the management account may ask.
///
/// Trusted access alone does not prove RAM's service-linked role (ram.md §0.11); a share that AWS then refuses says so.
pub async fn ram_sharing(
    clients: &OrganizationClients,
    identity: &Identity,
) -> Result<Option<bool>, AwsError> {
    const NAME: &str = "ListAWSServiceAccessForOrganization";
    if clients.account != identity.management_account {
        return Ok(None);
    }
    let services = collect(NAME, |token| async move {
        let request = clients
            .organizations
            .list_aws_service_access_for_organization()
            .max_results(PAGE)
            .set_next_token(token);
        let answer = clients.calls.read(NAME, request.send()).await?;
        Ok(Page { items: answer.enabled_service_principals.unwrap_or_default(), next: answer.next_token })
    })
    .await?;
    Ok(Some(services.iter().any(|service| service.service_principal.as_deref() == Some(RAM))))
}

async fn root(clients: &OrganizationClients) -> Result<String, AwsError> {
    const NAME: &str = "ListRoots";
    let roots = collect(NAME, |token| async move {
        let request = clients.organizations.list_roots().max_results(PAGE).set_next_token(token);
        let answer = clients.calls.read(NAME, request.send()).await?;
        Ok(Page { items: answer.roots.unwrap_or_default(), next: answer.next_token })
    })
    .await?;
    let root = roots.into_iter().find_map(|root| root.id);
    root.ok_or_else(|| AwsError::unexpected(NAME, "AWS answered no root".to_owned()))
}

async fn units(
    clients: &OrganizationClients,
    root: &str,
) -> Result<BTreeMap<String, OrganizationalUnit>, AwsError> {
    let mut units = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(parent) = open.pop() {
        for (id, unit) in children(clients, &parent).await? {
            open.push(id.clone());
            units.insert(id, unit);
        }
    }
    Ok(units)
}

async fn children(
    clients: &OrganizationClients,
    parent: &str,
) -> Result<Vec<(String, OrganizationalUnit)>, AwsError> {
    const NAME: &str = "ListOrganizationalUnitsForParent";
    let listed = collect(NAME, |token| async move {
        let request = clients.organizations.list_organizational_units_for_parent().parent_id(parent);
        let request = request.max_results(PAGE).set_next_token(token);
        let answer = clients.calls.read(NAME, request.send()).await?;
        Ok(Page { items: answer.organizational_units.unwrap_or_default(), next: answer.next_token })
    })
    .await?;
    let whole = listed.into_iter().map(|unit| {
        let arn = unit.arn.as_deref().and_then(|arn| arn.parse().ok());
        let unit = unit.id.zip(unit.name).zip(arn);
        unit.map(|((id, name), arn)| (id, OrganizationalUnit { name, arn, parent: parent.to_owned() }))
    });
    let whole: Option<Vec<_>> = whole.collect();
    whole.ok_or_else(|| {
        AwsError::unexpected(NAME, format!("AWS answered a unit below {parent} without id, name or ARN"))
    })
}

async fn accounts(
    clients: &OrganizationClients,
    root: &str,
) -> Result<BTreeMap<AccountId, Account>, AwsError> {
    const NAME: &str = "ListAccounts";
    let listed = collect(NAME, |token| async move {
        let request = clients.organizations.list_accounts().max_results(PAGE).set_next_token(token);
        let answer = clients.calls.read(NAME, request.send()).await?;
        Ok(Page { items: answer.accounts.unwrap_or_default(), next: answer.next_token })
    })
    .await?;
    let mut accounts = BTreeMap::new();
    for account in listed {
        let id: AccountId = account.id.as_deref().unwrap_or_default().parse().map_err(|malformed| {
            AwsError::unexpected(NAME, format!("AWS answered an account without an id: {malformed}"))
        })?;
        let parent = match parent_in_path(&account, root) {
            Some(parent) => parent,
            None => parent(clients, &id).await?,
        };
        accounts.insert(
            id,
            Account { name: account.name.clone().unwrap_or_default(), parent, state: state(&account) },
        );
    }
    Ok(accounts)
}

/// `State`; the older `Status` where an endpoint does not send it yet.
fn state(account: &Listed) -> AccountState {
    let text = account.state.as_ref().map(|state| state.as_str().to_owned());
    let text = text.or_else(|| account.status.as_ref().map(|status| status.as_str().to_owned()));
    AccountState::parse(text.as_deref().unwrap_or("ACTIVE"))
}

/// The last unit of a path `o-…/r-…/ou-…/…/`, or the root where the path names no unit.
fn parent_in_path(account: &Listed, root: &str) -> Option<String> {
    let path = account.paths.as_ref()?.first()?;
    let last = path.split('/').rfind(|id| id.starts_with("ou-") || *id == root)?;
    Some(last.to_owned())
}

async fn parent(clients: &OrganizationClients, account: &AccountId) -> Result<String, AwsError> {
    const NAME: &str = "ListParents";
    let answer = clients
        .calls
        .read(NAME, clients.organizations.list_parents().child_id(account.as_str()).send())
        .await?;
    let parent = answer.parents.unwrap_or_default().into_iter().find_map(|parent| parent.id);
    parent.ok_or_else(|| AwsError::unexpected(NAME, format!("AWS answered no parent of account {account}")))
}
