//! Who a policy is asked about: a principal and what its requests carry of it.

use super::condition::Context;
use crate::aws::caller::{Caller, partition};
use crate::aws::ram::principal::is_account;
use crate::aws::world::World;

/// A principal of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(super) account: String,
    /// ARN of the root, user or role; for a session that of its role, as in `aws:PrincipalArn` \[D].
    pub(super) arn: String,
    /// ARN of a role's session.
    pub(super) session: Option<String>,
    /// Id of the organization that the account is in.
    organization: Option<String>,
    /// As in `aws:PrincipalOrgPaths`: `o-…/r-…/ou-…/`.
    path: Option<String>,
}

impl Subject {
    /// Whether a principal of a policy is or contains this one.
    pub(super) fn is_covered_by(&self, principal: &str) -> bool {
        principal == "*"
            || account_named(principal).is_some_and(|account| account == self.account)
            || principal == self.arn
            || self.session.as_deref() == Some(principal)
    }

    /// What its requests carry under a condition key in lower case.
    pub(super) fn context(&self, key: &str) -> Context {
        match key {
            // Of a direct call the caller's account: SNS's default policy lets "only the topic owner" in by it [M].
            "aws:principalaccount" | "aws:sourceowner" | "kms:calleraccount" => {
                Context::of(Some(&self.account))
            }
            "aws:principalarn" => Context::of(Some(&self.arn)),
            "aws:principalorgid" => Context::of(self.organization.as_ref()),
            "aws:principalorgpaths" => Context::of(self.path.as_ref()),
            _ => Context::Unknown,
        }
    }
}

/// The account that a principal names as a whole: twelve digits, or its root's ARN.
pub(super) fn account_named(principal: &str) -> Option<&str> {
    if is_account(principal) {
        return Some(principal);
    }
    let (account, resource) = identity(principal)?;
    (resource == "root").then_some(account)
}

/// Account and resource of an IAM or STS ARN.
pub(super) fn identity(arn: &str) -> Option<(&str, &str)> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "iam" | "sts", "", account, resource] = parts.as_slice() else {
        return None;
    };
    is_account(account).then_some((*account, *resource))
}

impl World {
    pub(crate) fn subject_of(&self, caller: &Caller) -> Subject {
        match &caller.role {
            Some(role) => {
                let arn = format!("arn:{}:iam::{}:role/{role}", caller.partition(), caller.account);
                Subject { session: Some(caller.principal.clone()), ..self.subject(&caller.account, &arn) }
            }
            None => self.subject(&caller.account, &caller.principal),
        }
    }

    pub(super) fn root_of(&self, account: &str, region: &str) -> Subject {
        self.subject(account, &format!("arn:{}:iam::{account}:root", partition(region)))
    }

    pub(super) fn subject(&self, account: &str, arn: &str) -> Subject {
        let organization =
            self.directory.organization_of(account).map(|organization| organization.id.clone());
        let path =
            organization.as_ref().map(|id| format!("{id}/{}/", self.directory.line_of(account).join("/")));
        Subject { account: account.to_owned(), arn: arn.to_owned(), session: None, organization, path }
    }
}
