//! IAM's evaluation of one statement, written down once more and in another way: what `access` says is held against it.

use std::collections::BTreeMap;

use super::super::{Effect, Grantee, Named, Statement};

/// One who calls, with what IAM knows of him. A key that is missing has no entry.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) account: Option<&'static str>,
    pub(super) organization: Option<&'static str>,
    pub(super) path: Option<&'static str>,
}

pub(super) const CALLERS: [Caller; 6] = [
    Caller { account: None, organization: None, path: None },
    Caller { account: Some("999900001111"), organization: None, path: None },
    Caller { account: Some("111122223333"), organization: Some("o-a"), path: Some("o-a/r-1/") },
    Caller { account: Some("444455556666"), organization: Some("o-a"), path: Some("o-a/r-1/ou-1/") },
    Caller { account: Some("777788889999"), organization: Some("o-a"), path: Some("o-a/r-1/ou-1/ou-2/") },
    Caller { account: Some("222233334444"), organization: Some("o-b"), path: Some("o-b/r-1/ou-1/") },
];

impl Caller {
    /// The values of each key in lower case, as the guide's "Availability" has it.
    fn context(&self) -> BTreeMap<&'static str, Vec<String>> {
        let account = self.account.unwrap_or("anonymous").to_owned();
        let mut context = BTreeMap::from([("aws:principalaccount", vec![account])]);
        context.extend(self.account.map(|a| ("kms:calleraccount", vec![a.to_owned()])));
        context.extend(self.account.map(|a| ("aws:principalarn", vec![format!("arn:aws:iam::{a}:role/x")])));
        context.extend(self.organization.map(|o| ("aws:principalorgid", vec![o.to_owned()])));
        context.extend(self.path.map(|p| ("aws:principalorgpaths", vec![p.to_owned()])));
        context
    }

    /// Whether a statement with the principal `*` lets this caller in.
    pub(super) fn is_let_in(&self, statement: &Statement) -> bool {
        let context = self.context();
        statement.effect == Effect::Allow
            && statement.conditions.iter().all(|condition| {
                let key = condition.key.to_ascii_lowercase();
                let present = context.get(key.as_str()).cloned();
                let values: Vec<_> = condition.values.iter().map(|v| self.replaced(v)).collect();
                is_true(&condition.operator.to_ascii_lowercase(), present.as_deref(), &values)
            })
    }

    fn replaced(&self, value: &str) -> String {
        value.replace("${aws:PrincipalOrgID}", self.organization.unwrap_or_default())
    }

    /// Whether this caller is one of a grantee's.
    pub(super) fn is_of(&self, grantee: &Grantee) -> bool {
        match grantee {
            Grantee::Everyone => true,
            Grantee::Account(id) => self.account == Some(id.as_str()),
            Grantee::Organization(id) => self.organization == Some(id.as_str()),
            Grantee::OrganizationPath(path) => self.path.is_some_and(|own| like(path, own)),
            _ => false,
        }
    }
}

fn is_true(operator: &str, present: Option<&[String]>, values: &[String]) -> bool {
    let (all, operator) = match operator.split_once(':') {
        Some((set, operator)) => (set == "forallvalues", operator),
        None => (false, operator),
    };
    let (operator, if_exists) = match operator.strip_suffix("ifexists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    if operator == "null" {
        return values.iter().any(|v| v == &present.is_none().to_string());
    }
    let negated = operator.contains("not");
    let Some(present) = present else { return if_exists || all || negated };
    let matches = |own: &String| {
        values.iter().any(|value| match operator.replace("not", "").as_str() {
            "stringlike" => like(value, own),
            "stringequalsignorecase" => value.eq_ignore_ascii_case(own),
            _ => value == own,
        }) != negated
    };
    if all { present.iter().all(matches) } else { present.iter().any(matches) }
}

/// `*` any characters, `?` one.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => {
            like(&pattern[1..], text)
                || text.chars().next().is_some_and(|c| like(pattern, &text[c.len_utf8()..]))
        }
        (Some(p), Some(t)) if p == '?' || p == t => like(&pattern[p.len_utf8()..], &text[t.len_utf8()..]),
        _ => false,
    }
}

/// Whether the statement names everyone.
pub(super) fn names_everyone(statement: &Statement) -> bool {
    matches!(&statement.principals, Named::Only(named) if named.iter().any(|p| p.text == "*"))
}
