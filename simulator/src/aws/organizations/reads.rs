//! Reading operations of Organizations (JSON 1.1).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Account, Organization, invalid};
use crate::aws::caller::Caller;
use crate::aws::page::{self, Asked};
use crate::aws::refusal::Refusal;
use crate::aws::world::World;

/// The reading operations that are simulated.
pub(crate) const READS: [&str; 13] = [
    "DescribeOrganization",
    "ListRoots",
    "ListOrganizationalUnitsForParent",
    "ListAccountsForParent",
    "ListAccounts",
    "ListParents",
    "ListChildren",
    "DescribeOrganizationalUnit",
    "DescribeAccount",
    "ListAWSServiceAccessForOrganization",
    "ListDelegatedAdministrators",
    "ListDelegatedServicesForAccount",
    "ListTagsForResource",
];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    parent_id: Option<String>,
    child_id: Option<String>,
    child_type: Option<String>,
    organizational_unit_id: Option<String>,
    account_id: Option<String>,
    resource_id: Option<String>,
    service_principal: Option<String>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

type Rows = Vec<(String, Value)>;

impl World {
    pub(super) fn read_organizations(
        &mut self,
        caller: &Caller,
        id: &str,
        operation: &str,
        params: &Value,
    ) -> Result<Value, Refusal> {
        let input: Input =
            serde_json::from_value(params.clone()).map_err(|error| invalid(error.to_string()))?;
        let organization = self.organization(id)?;
        let (member, rows) = match operation {
            "DescribeOrganization" => return Ok(json!({"Organization": self.describe(organization)})),
            "DescribeAccount" => {
                return self.describe_account(organization, need(input.account_id.as_ref(), "AccountId")?);
            }
            "DescribeOrganizationalUnit" => {
                let unit = need(input.organizational_unit_id.as_ref(), "OrganizationalUnitId")?;
                return unit_json(organization, unit).map(|unit| json!({"OrganizationalUnit": unit}));
            }
            "ListRoots" => ("Roots", vec![(organization.root.clone(), root_json(organization))]),
            "ListOrganizationalUnitsForParent" => ("OrganizationalUnits", units_under(organization, &input)?),
            "ListAccountsForParent" => ("Accounts", self.accounts_under(organization, &input)?),
            "ListAccounts" => ("Accounts", self.accounts(organization, |_| true)),
            "ListChildren" => ("Children", self.children(organization, &input)?),
            "ListParents" => ("Parents", self.parents(organization, &input)?),
            "ListAWSServiceAccessForOrganization" => ("EnabledServicePrincipals", trusted(organization)),
            "ListDelegatedServicesForAccount" => (
                "DelegatedServices",
                delegated_services(organization, need(input.account_id.as_ref(), "AccountId")?)?,
            ),
            "ListDelegatedAdministrators" => {
                ("DelegatedAdministrators", self.administrators(organization, &input))
            }
            _ => ("Tags", self.tags(organization, need(input.resource_id.as_ref(), "ResourceId")?)?),
        };
        self.organization_page(caller, operation, params, &input, member, rows)
    }

    fn organization_page(
        &mut self,
        caller: &Caller,
        operation: &str,
        params: &Value,
        input: &Input,
        member: &str,
        rows: Rows,
    ) -> Result<Value, Refusal> {
        let size = page::size(input.max_results, 20, 20, invalid)?;
        let listing =
            listing(operation, &caller.account, &caller.region, params, &["NextToken", "MaxResults"]);
        let asked = Asked { token: input.next_token.as_deref(), size, listing: &listing };
        let cut = page::cut(&asked, &self.weather.pages, &mut self.rng)
            .ok_or_else(|| invalid("The next token is not valid: INVALID_NEXT_TOKEN"))?;
        let page = cut.fill(rows.into_iter().map(|(key, row)| (key, Some(row))));
        let mut answer = json!({ member: page.rows });
        if let (Some(next), Some(answer)) = (page.next, answer.as_object_mut()) {
            answer.insert("NextToken".to_owned(), Value::String(next));
        }
        Ok(answer)
    }

    pub(crate) fn organization(&self, id: &str) -> Result<&Organization, Refusal> {
        self.directory.organizations.get(id).ok_or_else(|| {
            Refusal::client(
                "AWSOrganizationsNotInUseException",
                "Your account is not a member of an organization.",
            )
        })
    }

    fn describe(&self, organization: &Organization) -> Value {
        let email = self.directory.account(&organization.management).map(|account| account.email.clone());
        json!({
            "Id": organization.id,
            "Arn": organization.arn(),
            "FeatureSet": "ALL",
            "MasterAccountArn": account_arn(organization, &organization.management),
            "MasterAccountId": organization.management,
            "MasterAccountEmail": email,
            "AvailablePolicyTypes": [],
        })
    }

    fn describe_account(&self, organization: &Organization, id: &str) -> Result<Value, Refusal> {
        let rows = self.accounts(organization, |account| account.id == id);
        let not_found =
            || Refusal::client("AccountNotFoundException", "You specified an account that doesn't exist.");
        rows.into_iter().next().map(|(_, row)| json!({"Account": row})).ok_or_else(not_found)
    }

    fn accounts(&self, organization: &Organization, wanted: impl Fn(&Account) -> bool) -> Rows {
        let members = self.directory.accounts.values().filter(|account| {
            account.membership.as_ref().is_some_and(|place| place.organization == organization.id)
                && wanted(account)
        });
        members.map(|account| (account.id.clone(), self.account_json(organization, account))).collect()
    }

    fn account_json(&self, organization: &Organization, account: &Account) -> Value {
        let mut path = vec![organization.id.clone()];
        path.extend(self.directory.line_of(&account.id));
        if self.settings.paths_end_with_account {
            path.push(account.id.clone());
        }
        let state = account.state.text();
        let paths = self.settings.paths_of_accounts.then(|| [format!("{}/", path.join("/"))]);
        json!({
            "Id": account.id,
            "Arn": account_arn(organization, &account.id),
            "Email": account.email,
            "Name": account.name,
            "Status": if state == "CLOSED" { "SUSPENDED" } else { state },
            "State": state,
            "Paths": paths,
            "JoinedMethod": "CREATED",
            "JoinedTimestamp": account.membership.as_ref().map(|place| place.joined_at),
        })
    }

    fn accounts_under(&self, organization: &Organization, input: &Input) -> Result<Rows, Refusal> {
        let parent = parent(organization, input)?;
        Ok(self.accounts(organization, |account| {
            account.membership.as_ref().is_some_and(|place| place.parent == parent)
        }))
    }

    fn children(&self, organization: &Organization, input: &Input) -> Result<Rows, Refusal> {
        let kind = need(input.child_type.as_ref(), "ChildType")?;
        let rows = match kind {
            "ACCOUNT" => self.accounts_under(organization, input)?,
            "ORGANIZATIONAL_UNIT" => units_under(organization, input)?,
            other => return Err(invalid(format!("ChildType {other} is not valid"))),
        };
        Ok(rows.into_iter().map(|(id, _)| (id.clone(), json!({"Id": id, "Type": kind}))).collect())
    }

    fn parents(&self, organization: &Organization, input: &Input) -> Result<Rows, Refusal> {
        let child = need(input.child_id.as_ref(), "ChildId")?;
        let place = self.directory.account(child).and_then(|account| account.membership.as_ref());
        let parent = place
            .filter(|place| place.organization == organization.id)
            .map(|place| place.parent.clone())
            .or_else(|| organization.units.get(child).map(|unit| unit.parent.clone()))
            .ok_or_else(|| Refusal::client("ChildNotFoundException", "We can't find an organizational unit (OU) or account with the ChildId that you specified."))?;
        let kind = if parent == organization.root { "ROOT" } else { "ORGANIZATIONAL_UNIT" };
        Ok(vec![(parent.clone(), json!({"Id": parent, "Type": kind}))])
    }

    fn administrators(&self, organization: &Organization, input: &Input) -> Rows {
        let mut rows = Vec::new();
        for (id, services) in &organization.delegated {
            let wanted =
                input.service_principal.as_ref().is_none_or(|service| services.contains_key(service));
            if let (true, Some((_, mut row))) =
                (wanted, self.accounts(organization, |account| account.id == *id).pop())
            {
                let since = services.values().copied().fold(f64::INFINITY, f64::min);
                if let Some(row) = row.as_object_mut() {
                    row.remove("Paths");
                    row.insert("DelegationEnabledDate".to_owned(), json!(since));
                }
                rows.push((id.clone(), row));
            }
        }
        rows
    }

    fn tags(&self, organization: &Organization, id: &str) -> Result<Rows, Refusal> {
        let tags = self
            .directory
            .account(id)
            .map(|account| &account.tags)
            .or_else(|| organization.units.get(id).map(|unit| &unit.tags))
            .ok_or_else(|| {
                Refusal::client(
                    "TargetNotFoundException",
                    "We can't find a root, OU, account, or policy with the TargetId that you specified.",
                )
            })?;
        Ok(tags.iter().map(|(key, value)| (key.clone(), json!({"Key": key, "Value": value}))).collect())
    }
}

/// What a page token is bound to: everything but token and size.
pub(crate) fn listing(
    operation: &str,
    account: &str,
    region: &str,
    params: &Value,
    besides: &[&str],
) -> String {
    let mut filters = params.clone();
    if let Some(filters) = filters.as_object_mut() {
        for name in besides {
            filters.remove(*name);
        }
    }
    format!("{operation} {account} {region} {filters}")
}

pub(super) fn need<'a>(value: Option<&'a String>, name: &str) -> Result<&'a str, Refusal> {
    value.map(String::as_str).ok_or_else(|| invalid(format!("You must specify {name}")))
}

pub(super) fn unit_json(organization: &Organization, id: &str) -> Result<Value, Refusal> {
    let unit = organization.units.get(id).ok_or_else(|| {
        Refusal::client("OrganizationalUnitNotFoundException", "You specified an OU that doesn't exist.")
    })?;
    let path = format!("{}/{}/", organization.id, organization.line(id).join("/"));
    Ok(json!({"Id": id, "Arn": organization.unit_arn(id), "Name": unit.name, "Path": path}))
}

fn root_json(organization: &Organization) -> Value {
    let arn = format!(
        "arn:aws:organizations::{}:root/{}/{}",
        organization.management, organization.id, organization.root
    );
    json!({"Id": organization.root, "Arn": arn, "Name": "Root", "PolicyTypes": []})
}

fn account_arn(organization: &Organization, id: &str) -> String {
    format!("arn:aws:organizations::{}:account/{}/{id}", organization.management, organization.id)
}

fn parent(organization: &Organization, input: &Input) -> Result<String, Refusal> {
    let parent = need(input.parent_id.as_ref(), "ParentId")?;
    if parent == organization.root || organization.units.contains_key(parent) {
        Ok(parent.to_owned())
    } else {
        Err(Refusal::client(
            "ParentNotFoundException",
            "We can't find a root or OU with the ParentId that you specified.",
        ))
    }
}

fn units_under(organization: &Organization, input: &Input) -> Result<Rows, Refusal> {
    let parent = parent(organization, input)?;
    let ids = organization.units.iter().filter(|(_, unit)| unit.parent == parent).map(|(id, _)| id);
    ids.map(|id| Ok((id.clone(), unit_json(organization, id)?))).collect()
}

fn trusted(organization: &Organization) -> Rows {
    let rows = organization.trusted.iter();
    rows.map(|(service, since)| (service.clone(), json!({"ServicePrincipal": service, "DateEnabled": since})))
        .collect()
}

fn delegated_services(organization: &Organization, account: &str) -> Result<Rows, Refusal> {
    let services = organization.delegated.get(account).ok_or_else(|| {
        Refusal::client(
            "AccountNotRegisteredException",
            "The specified account is not a delegated administrator.",
        )
    })?;
    let row = |(service, since): (&String, &f64)| {
        (service.clone(), json!({"ServicePrincipal": service, "DelegationEnabledDate": since}))
    };
    Ok(services.iter().map(row).collect())
}
