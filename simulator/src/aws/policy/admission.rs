//! What services take as a policy: the document's form, and principals that exist. What only one service refuses, such as a
//! quota, and the words of a refusal are in its own folder.
//!
//! Sources: API_PutKeyPolicy and key-policy-overview.html \[D] for keys; that a statement without a valid Action or a
//! Resource other than `*` is refused for them since 2025-08-18, github.com/ministryofjustice/analytical-platform/issues/7691
//! \[I]; that ECR refuses a Resource, github.com/awsdocs/amazon-ecr-user-guide/pull/20 \[I], and `ecr:GetAuthorizationToken`,
//! github.com/cloudposse/terraform-aws-ecr/pull/67 \[I]; that the others do the same \[X].

use serde_json::{Map, Value};

use super::condition::like;
use super::dialect::{Dialect, Resource};
use super::document::{aws_principals, texts};
use super::holder::Holder;
use super::subject::identity;
use crate::aws::caller::partition;
use crate::aws::ram::principal::is_account;
use crate::aws::world::World;

const TOP: [&str; 3] = ["Version", "Id", "Statement"];
const ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "Condition",
    // Named, so that its own refusal is reached.
    "NotResource",
];

/// What a document is refused for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Its form; the words are not AWS's \[X].
    Form(String),
    /// An action that the service does not take, in such words.
    Action(String),
    /// A resource that is not what the service wants, in such words.
    Resource(String),
    /// A principal that there is not.
    Principal,
}

impl World {
    /// Whether a document may be put on an object, as far as all services ask the same.
    pub(crate) fn admit_policy(&self, holder: &Holder, text: &str) -> Result<(), Flaw> {
        for statement in statements(holder.dialect, text)? {
            check_form(holder, &statement)?;
            let principals = statement.get("Principal").or_else(|| statement.get("NotPrincipal"));
            if !principals.is_some_and(|principals| self.principals_exist(holder, principals)) {
                return Err(Flaw::Principal);
            }
        }
        Ok(())
    }

    fn principals_exist(&self, holder: &Holder, element: &Value) -> bool {
        let kinds = match element {
            Value::String(all) => return all == "*",
            Value::Object(kinds) if !kinds.is_empty() => kinds,
            _ => return false,
        };
        kinds.iter().all(|(kind, names)| {
            let all_texts =
                names.is_string() || names.as_array().is_some_and(|a| a.iter().all(Value::is_string));
            let names = texts(Some(names));
            all_texts
                && !names.is_empty()
                && match kind.as_str() {
                    "AWS" => aws_principals(element).iter().all(|name| self.principal_exists(holder, name)),
                    "Service" => names.iter().all(|name| name.contains(".amazonaws.com")),
                    "Federated" => true,
                    _ => false,
                }
        })
    }

    /// Whether a service finds a principal under `AWS`. Roles are those of the world; the only user is the administrator; an
    /// account that the world does not know may be named as the settings say, and everything in it then exists \[X].
    pub(super) fn principal_exists(&self, holder: &Holder, name: &str) -> bool {
        let known = |account: &str| {
            self.directory.account(account).is_some() || self.settings.policy_names_unknown_accounts
        };
        if name == "*" {
            return true;
        }
        if is_account(name) {
            return known(name);
        }
        let of_partition = name.split(':').nth(1) == Some(partition(&holder.region));
        let Some((account, resource)) = identity(name).filter(|_| of_partition) else {
            return false;
        };
        if self.directory.account(account).is_none() {
            return known(account);
        }
        let has_role = |role: &str| self.roles.contains_key(&(account.to_owned(), role.to_owned()));
        match resource.split_once('/') {
            None => resource == "root",
            Some(("role", role)) => has_role(role),
            Some(("assumed-role", session)) => {
                session.split_once('/').is_some_and(|(role, _)| has_role(role))
            }
            Some(("user", user)) => user == "administrator",
            _ => false,
        }
    }
}

/// "A key policy document must have" a version and at least one statement (key-policy-overview.html \[D]); a secret's has a
/// version too (auth-and-access_policy-elements.html \[D]); elsewhere it is 2008-10-17 where none is named (IAM grammar
/// \[D]).
fn statements(dialect: &Dialect, text: &str) -> Result<Vec<Map<String, Value>>, Flaw> {
    let policy: Value =
        serde_json::from_str(text).map_err(|error| Flaw::Form(format!("Failed to parse policy: {error}")))?;
    let policy = policy.as_object().ok_or_else(|| form("The policy is not a JSON object."))?;
    if let Some(other) = policy.keys().find(|name| !TOP.contains(&name.as_str())) {
        return Err(Flaw::Form(format!("The policy has an unknown element: {other}")));
    }
    let version = policy.get("Version");
    let is_version = |version: &Value| matches!(version.as_str(), Some("2012-10-17" | "2008-10-17"));
    if !version.map_or(!dialect.versioned, is_version) {
        return Err(form("The policy has no valid Version."));
    }
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(single) => vec![single.clone()],
        None => Vec::new(),
    };
    let objects: Option<Vec<_>> = statements.iter().map(|statement| statement.as_object().cloned()).collect();
    objects
        .filter(|statements| !statements.is_empty())
        .ok_or_else(|| form("The policy must have at least one statement."))
}

fn form(words: &str) -> Flaw {
    Flaw::Form(words.to_owned())
}

fn check_form(holder: &Holder, statement: &Map<String, Value>) -> Result<(), Flaw> {
    let has = |name: &str| statement.contains_key(name);
    let words = |what: &str| format!("The policy has a statement {what}.");
    let refuse = |what: &str| Err(Flaw::Form(words(what)));
    if let Some(other) = statement.keys().find(|name| !ELEMENTS.contains(&name.as_str())) {
        return refuse(&format!("with an unknown element: {other}"));
    }
    if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
        return refuse("without a valid Effect");
    }
    if has("Principal") == has("NotPrincipal") {
        return refuse("without a principal");
    }
    let actions = texts(statement.get("Action").or_else(|| statement.get("NotAction")));
    let is_action = |action: &String| is_action(holder.dialect, action);
    let action = "without a valid Action or NotAction";
    if has("Action") == has("NotAction") || actions.is_empty() {
        return refuse(action);
    }
    if !actions.iter().all(is_action) {
        return Err(Flaw::Action(words(action)));
    }
    let resources = texts(statement.get("Resource"));
    let takes_resource = match holder.dialect.resource {
        Resource::All => resources == ["*"],
        Resource::Own => !resources.is_empty() && resources.iter().all(|one| like(one, &holder.arn)),
        Resource::One => matches!(resources.as_slice(), [one] if like(one, &holder.arn)),
        Resource::Absent => !has("Resource"),
    };
    if has("NotResource") || !takes_resource {
        return Err(Flaw::Resource(words("without a valid Resource")));
    }
    let conditions = statement.get("Condition");
    let operators = conditions.map(|conditions| conditions.as_object().ok_or(()));
    match operators {
        Some(Ok(operators)) if operators.values().all(Value::is_object) => Ok(()),
        None => Ok(()),
        Some(_) => refuse("without a valid Condition"),
    }
}

/// Whether a service takes an action, or a pattern of such.
fn is_action(dialect: &Dialect, action: &str) -> bool {
    let Some((service, name)) = action.split_once(':') else {
        return action == "*" && dialect.only.is_empty();
    };
    let own = service.eq_ignore_ascii_case(dialect.service);
    let is_among = |names: &[&str]| names.iter().any(|other| other.eq_ignore_ascii_case(name));
    let refused = own && (is_among(dialect.never) || !(dialect.only.is_empty() || is_among(dialect.only)));
    !name.is_empty() && (own || !dialect.own_actions) && !refused
}
