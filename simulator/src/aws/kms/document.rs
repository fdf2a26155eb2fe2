//! A key policy as KMS evaluates it. Statements that KMS has kept from former years but that say nothing valid have no
//! effect (API_PutKeyPolicy \[D]), so reading refuses nothing; what may be put is for `admission` to say.

use serde_json::Value;

use super::condition::{Condition, like};
use super::subject::Subject;

/// A statement that has an effect.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) sid: String,
    pub(super) allow: bool,
    /// Those under `AWS`, and `*`.
    principals: Vec<String>,
    /// It is about everybody but its principals.
    all_but: bool,
    actions: Vec<String>,
    /// It is about every action but its own.
    other_actions: bool,
    conditions: Vec<Condition>,
}

/// A policy.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) statements: Vec<Statement>,
}

impl Document {
    pub(super) fn read(text: &str) -> Self {
        let policy: Value = serde_json::from_str(text).unwrap_or_default();
        let statements = match policy.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().filter_map(Statement::read).collect(),
            Some(single) => Statement::read(single).into_iter().collect(),
            None => Vec::new(),
        };
        Self { statements }
    }

    /// Whether a principal may call an operation directly: a condition about anything but who calls does not hold then.
    pub(super) fn allows(&self, subject: &Subject, operation: &str) -> bool {
        self.judges(subject, operation, |holds| holds == Some(true))
    }

    /// Whether there is any request by which a principal may use an operation.
    pub(super) fn may_allow(&self, subject: &Subject, operation: &str) -> bool {
        self.judges(subject, operation, |holds| holds != Some(false))
    }

    /// Whether no request of a principal for an operation can be allowed.
    pub(super) fn denies(&self, subject: &Subject, operation: &str) -> bool {
        self.applies(false, subject, operation, |holds| holds == Some(true))
    }

    fn judges(&self, subject: &Subject, operation: &str, counts: impl Fn(Option<bool>) -> bool) -> bool {
        self.applies(true, subject, operation, counts) && !self.denies(subject, operation)
    }

    fn applies(
        &self,
        allow: bool,
        subject: &Subject,
        operation: &str,
        counts: impl Fn(Option<bool>) -> bool,
    ) -> bool {
        self.statements.iter().any(|statement| {
            statement.allow == allow
                && statement.covers(subject)
                && statement.acts(operation)
                && counts(statement.holds(subject))
        })
    }

    /// Whether an operation is denied to everybody without a condition.
    pub(super) fn denies_all(&self, operation: &str) -> bool {
        self.statements.iter().any(|statement| {
            !statement.allow
                && statement.conditions.is_empty()
                && statement.acts(operation)
                && statement.principals().any(|principal| principal == "*")
        })
    }
}

impl Statement {
    /// None: it has no effect.
    fn read(element: &Value) -> Option<Self> {
        let allow = match element.get("Effect")?.as_str()? {
            "Allow" => true,
            "Deny" => false,
            _ => return None,
        };
        let sid = element.get("Sid").and_then(Value::as_str).unwrap_or_default().to_owned();
        texts(element.get("Resource")).iter().any(|resource| resource == "*").then_some(())?;
        let (principals, all_but) = match (element.get("Principal"), element.get("NotPrincipal")) {
            (Some(principals), None) => (principals, false),
            (None, Some(principals)) => (principals, true),
            _ => return None,
        };
        let (actions, other_actions) = match (element.get("Action"), element.get("NotAction")) {
            (Some(actions), None) => (actions, false),
            (None, Some(actions)) => (actions, true),
            _ => return None,
        };
        Some(Self {
            sid,
            allow,
            principals: aws_principals(principals),
            all_but,
            actions: texts(Some(actions)),
            other_actions,
            conditions: element.get("Condition").map(Condition::read).unwrap_or_default(),
        })
    }

    /// The principals that it is about; everybody, where it is about all but some.
    pub(super) fn principals(&self) -> impl Iterator<Item = &str> {
        let everybody = self.all_but.then_some("*");
        let named = self.principals.iter().filter(|_| !self.all_but).map(String::as_str);
        named.chain(everybody)
    }

    fn covers(&self, subject: &Subject) -> bool {
        self.principals.iter().any(|principal| subject.is_covered_by(principal)) != self.all_but
    }

    /// Whether it is about an operation, such as `Decrypt`; actions are compared without case.
    pub(super) fn acts(&self, operation: &str) -> bool {
        let action = format!("kms:{operation}").to_ascii_lowercase();
        self.actions.iter().any(|pattern| like(&pattern.to_ascii_lowercase(), &action)) != self.other_actions
    }

    /// Whether all its conditions hold; `None`: that depends on the request.
    pub(super) fn holds(&self, subject: &Subject) -> Option<bool> {
        let each: Vec<Option<bool>> =
            self.conditions.iter().map(|condition| condition.holds(subject)).collect();
        if each.contains(&Some(false)) {
            return Some(false);
        }
        each.iter().all(Option::is_some).then_some(true)
    }

    /// The values that its conditions limit a key (in lower case) to.
    pub(super) fn limit(&self, key: &str) -> Option<&[String]> {
        self.conditions.iter().find_map(|condition| condition.limit(key))
    }
}

/// The principals under `AWS`, and `*`.
pub(super) fn aws_principals(element: &Value) -> Vec<String> {
    match element {
        Value::String(all) if all == "*" => vec![all.clone()],
        other => texts(other.get("AWS")),
    }
}

/// A text or a list of texts.
pub(super) fn texts(element: Option<&Value>) -> Vec<String> {
    match element {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
        _ => Vec::new(),
    }
}
