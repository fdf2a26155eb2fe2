//! A policy as its service evaluates it. Statements that a service has kept from former years but that say nothing valid
//! have no effect (API_PutKeyPolicy \[D] for keys), so reading refuses nothing; what may be put is for `admission` to say.

use serde_json::Value;

use super::condition::{Condition, like};
use super::dialect::{Dialect, Resource};
use super::holder::Holder;
use super::subject::Subject;

/// A statement that has an effect.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// What its actions start with.
    service: &'static str,
    pub(super) sid: String,
    pub(crate) allow: bool,
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
pub(crate) struct Document {
    pub(crate) statements: Vec<Statement>,
}

impl Document {
    /// The policy of an object as it is.
    pub(crate) fn of(holder: &Holder) -> Self {
        Self::read(holder.dialect, &holder.arn, holder.text())
    }

    /// A policy as it would be on the object of an ARN.
    pub(crate) fn read(dialect: &'static Dialect, arn: &str, text: &str) -> Self {
        let policy: Value = serde_json::from_str(text).unwrap_or_default();
        let read = |statement| Statement::read(dialect, arn, statement);
        let statements = match policy.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().filter_map(read).collect(),
            Some(single) => read(single).into_iter().collect(),
            None => Vec::new(),
        };
        Self { statements }
    }

    /// Whether a principal may call an operation directly: a condition about anything but who calls does not hold then.
    pub(crate) fn allows(&self, subject: &Subject, operation: &str) -> bool {
        self.judges(subject, operation, |holds| holds == Some(true))
    }

    /// Whether there is any request by which a principal may use an operation.
    pub(super) fn may_allow(&self, subject: &Subject, operation: &str) -> bool {
        self.judges(subject, operation, |holds| holds != Some(false))
    }

    /// Whether no request of a principal for an operation can be allowed.
    pub(crate) fn denies(&self, subject: &Subject, operation: &str) -> bool {
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

    /// What there is of statements that have an effect.
    pub(crate) fn counts(&self) -> Counts {
        let all = || self.statements.iter();
        Counts {
            statements: all().count(),
            principals: all().map(|statement| statement.principals.len()).sum(),
            conditions: all().map(|statement| statement.conditions.len()).sum(),
            actions: all().map(|statement| statement.actions.len()).max().unwrap_or_default(),
        }
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

/// How much there is of what services have quotas on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) statements: usize,
    pub(crate) principals: usize,
    pub(crate) conditions: usize,
    /// Of the statement with the most.
    pub(crate) actions: usize,
}

impl Statement {
    /// None: it has no effect.
    fn read(dialect: &'static Dialect, arn: &str, element: &Value) -> Option<Self> {
        let allow = match element.get("Effect")?.as_str()? {
            "Allow" => true,
            "Deny" => false,
            _ => return None,
        };
        let sid = element.get("Sid").and_then(Value::as_str).unwrap_or_default().to_owned();
        let resources = texts(element.get("Resource"));
        let is_about_it = match dialect.resource {
            Resource::All => resources.iter().any(|resource| resource == "*"),
            Resource::Own | Resource::One => resources.iter().any(|resource| like(resource, arn)),
            Resource::Absent => true,
        };
        is_about_it.then_some(())?;
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
            service: dialect.service,
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
    pub(crate) fn principals(&self) -> impl Iterator<Item = &str> {
        let everybody = self.all_but.then_some("*");
        let named = self.principals.iter().filter(|_| !self.all_but).map(String::as_str);
        named.chain(everybody)
    }

    fn covers(&self, subject: &Subject) -> bool {
        self.principals.iter().any(|principal| subject.is_covered_by(principal)) != self.all_but
    }

    /// Whether it is about an operation, such as `Decrypt`; actions are compared without case.
    pub(super) fn acts(&self, operation: &str) -> bool {
        let action = format!("{}:{operation}", self.service).to_ascii_lowercase();
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
    pub(crate) fn limit(&self, key: &str) -> Option<&[String]> {
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
