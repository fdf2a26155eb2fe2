//! What PutKeyPolicy takes: the document's form, and principals that exist.
//!
//! Sources: API_PutKeyPolicy and key-policy-overview.html \[D]; that a statement without a valid Action or a Resource
//! other than `*` is refused since 2025-08-18, github.com/ministryofjustice/analytical-platform/issues/7691 \[I]. The
//! messages, where no comment names a source, are not AWS's \[X].

use serde_json::{Map, Value};

use super::document::{aws_principals, texts};
use super::subject::identity;
use super::{Key, malformed, validation};
use crate::aws::caller::partition;
use crate::aws::ram::principal::is_account;
use crate::aws::refusal::Refusal;
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

/// The words of github.com/lightspin-tech/eks-creation-engine/issues/4 \[I].
const INVALID_PRINCIPALS: &str = "Policy contains a statement with one or more invalid principals.";

impl World {
    /// Whether a document may be put on a key, the lockout check apart.
    pub(super) fn admit_policy(&self, key: &Key, text: &str) -> Result<(), Refusal> {
        let most = self.settings.key_policy_size;
        if text.len() > most {
            // That the quota counts the bytes as sent, white space included, is assumed [X].
            let message = format!("The key policy has {} bytes; {most} are the most.", text.len());
            return Err(Refusal::client("LimitExceededException", message));
        }
        check_characters(text)?;
        for statement in statements(text)? {
            check_form(&statement)?;
            let principals = statement.get("Principal").or_else(|| statement.get("NotPrincipal"));
            if !principals.is_some_and(|principals| self.principals_exist(key, principals)) {
                return Err(malformed(INVALID_PRINCIPALS));
            }
        }
        Ok(())
    }

    fn principals_exist(&self, key: &Key, element: &Value) -> bool {
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
                    "AWS" => aws_principals(element).iter().all(|name| self.principal_exists(key, name)),
                    "Service" => names.iter().all(|name| name.contains(".amazonaws.com")),
                    "Federated" => true,
                    _ => false,
                }
        })
    }

    /// Whether KMS finds a principal under `AWS`. Roles are those of the world; the only user is the administrator; an
    /// account that the world does not know may be named as the settings say, and everything in it then exists \[X].
    pub(super) fn principal_exists(&self, key: &Key, name: &str) -> bool {
        let known = |account: &str| {
            self.directory.account(account).is_some() || self.settings.key_policy_names_unknown_accounts
        };
        if name == "*" {
            return true;
        }
        if is_account(name) {
            return known(name);
        }
        let of_partition = name.split(':').nth(1) == Some(partition(&key.region));
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

/// The characters of API_PutKeyPolicy \[D]; the refusal is that of a broken model constraint \[X].
fn check_characters(text: &str) -> Result<(), Refusal> {
    let fits = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}');
    if !text.is_empty() && text.chars().all(fits) {
        return Ok(());
    }
    Err(validation(
        r"Value at 'policy' failed to satisfy constraint: Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+",
    ))
}

/// "A key policy document must have" a version and at least one statement (key-policy-overview.html \[D]).
fn statements(text: &str) -> Result<Vec<Map<String, Value>>, Refusal> {
    let policy: Value =
        serde_json::from_str(text).map_err(|error| malformed(format!("Failed to parse policy: {error}")))?;
    let policy = policy.as_object().ok_or_else(|| malformed("The policy is not a JSON object."))?;
    if let Some(other) = policy.keys().find(|name| !TOP.contains(&name.as_str())) {
        return Err(malformed(format!("The policy has an unknown element: {other}")));
    }
    let version = policy.get("Version").and_then(Value::as_str);
    if !matches!(version, Some("2012-10-17" | "2008-10-17")) {
        return Err(malformed("The policy has no valid Version."));
    }
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(single) => vec![single.clone()],
        None => Vec::new(),
    };
    let objects: Option<Vec<_>> = statements.iter().map(|statement| statement.as_object().cloned()).collect();
    objects
        .filter(|statements| !statements.is_empty())
        .ok_or_else(|| malformed("The policy must have at least one statement."))
}

fn check_form(statement: &Map<String, Value>) -> Result<(), Refusal> {
    let has = |name: &str| statement.contains_key(name);
    let refuse = |what: &str| Err(malformed(format!("The policy has a statement {what}.")));
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
    let is_action =
        |action: &String| action == "*" || action.split_once(':').is_some_and(|(_, name)| !name.is_empty());
    if has("Action") == has("NotAction") || actions.is_empty() || !actions.iter().all(is_action) {
        return refuse("without a valid Action or NotAction");
    }
    if has("NotResource") || texts(statement.get("Resource")) != ["*"] {
        return refuse("without the Resource \"*\"");
    }
    let conditions = statement.get("Condition");
    let operators = conditions.map(|conditions| conditions.as_object().ok_or(()));
    match operators {
        Some(Ok(operators)) if operators.values().all(Value::is_object) => Ok(()),
        None => Ok(()),
        Some(_) => refuse("without a valid Condition"),
    }
}
