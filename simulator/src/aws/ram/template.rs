//! Policy templates of customer managed permissions.

use serde_json::Value;

use crate::aws::refusal::Refusal;

/// Conditions that customer managed permissions may not use (ram.md section 4 \[D]).
const REFUSED_CONDITIONS: [&str; 7] = [
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalaccount",
    "aws:sourcearn",
    "aws:sourceaccount",
    "aws:sourceorgpaths",
    "aws:sourceorgid",
];

/// Checks a customer managed permission's policy template.
pub(super) fn check_template(template: &str) -> Result<(), Refusal> {
    let malformed = |message: &str| Refusal::client("MalformedPolicyTemplateException", message);
    let policy: Value =
        serde_json::from_str(template).map_err(|_| malformed("The policy template is not JSON."))?;
    for member in ["Effect", "Action"] {
        if policy.get(member).is_none() {
            return Err(malformed(&format!("The policy template has no {member}.")));
        }
    }
    for member in ["Principal", "Resource", "NotPrincipal", "NotResource"] {
        if policy.get(member).is_some() {
            return Err(malformed(&format!("The policy template must not have {member}.")));
        }
    }
    let condition = policy.get("Condition").map(|found| found.to_string().to_lowercase()).unwrap_or_default();
    match REFUSED_CONDITIONS.iter().find(|key| condition.contains(**key)) {
        Some(key) => {
            Err(Refusal::client("InvalidPolicyException", format!("Condition key {key} is not supported.")))
        }
        None => Ok(()),
    }
}
