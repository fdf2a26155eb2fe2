//! One statement, as it is written.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use serde_json::Value;

use super::{
    Malformed,
    json::{self, Kind, Node},
};

/// The elements that the grammar gives a statement.
const ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

/// One statement: its text, and its elements as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// `Sid`.
    pub sid: Option<String>,
    /// `Effect`.
    pub effect: Effect,
    /// `Principal`, or `NotPrincipal`.
    pub principals: Named<PolicyPrincipal>,
    /// `Action`, or `NotAction`; each with its service, in the case of the text.
    pub actions: Named<String>,
    /// `Resource`, or `NotResource`; ECR's policies have neither.
    pub resources: Option<Named<String>>,
    /// `Condition`: all of them have to be true, for one value of each.
    pub conditions: Vec<Condition>,
    /// Elements that the grammar does not name.
    pub others: BTreeMap<String, Value>,
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// Whether a statement allows or denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// `Allow`.
    Allow,
    /// `Deny`.
    Deny,
}

/// What an element names: these, or by its `Not…` form all but these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named<T> {
    /// These.
    Only(BTreeSet<T>),
    /// All but these.
    AllBut(BTreeSet<T>),
}

/// A principal as a policy spells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyPrincipal {
    /// `AWS`, `Service`, `Federated`, `CanonicalUser`, or what a later grammar adds. `"*"` alone is of kind `AWS`.
    pub kind: String,
    /// An id, an ARN, a name or `*`.
    pub text: String,
}

/// One condition as it is written. Numbers and booleans are texts: IAM makes no difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// `StringEquals`, `ForAnyValue:StringLike`, …; its case means nothing.
    pub operator: String,
    /// `aws:PrincipalOrgID`, …; its case means nothing.
    pub key: String,
    /// One of them has to match.
    pub values: BTreeSet<String>,
}

impl<T: Ord> Named<T> {
    /// What is named, be it in the `Not…` form.
    pub fn named(&self) -> &BTreeSet<T> {
        let (Self::Only(named) | Self::AllBut(named)) = self;
        named
    }

    /// The same with each name in another form.
    pub(super) fn each<U: Ord>(&self, form: impl Fn(&T) -> U) -> Named<U> {
        let named = self.named().iter().map(form).collect();
        match self {
            Self::Only(_) => Named::Only(named),
            Self::AllBut(_) => Named::AllBut(named),
        }
    }
}

impl Statement {
    /// Reads a statement that is given as a value, one that we make for example.
    ///
    /// # Errors
    /// [`Malformed`] if it is not a statement of a resource-based policy.
    pub fn of(value: &Value) -> Result<Self, Malformed> {
        let text = value.to_string();
        Self::read(&json::read(&text)?, &text, 0)
    }

    /// Its text, byte for byte.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// `at`: its place among the statements, to name it in words.
    pub(super) fn read(node: &Node, text: &str, at: usize) -> Result<Self, Malformed> {
        let elements = Elements::of(node, at)?;
        Ok(Self {
            sid: elements.find("Sid").map(|sid| elements.text("Sid", sid)).transpose()?,
            effect: elements.effect()?,
            principals: elements.principals()?,
            actions: elements.actions()?,
            resources: elements.either("Resource", "NotResource", Elements::texts)?,
            conditions: elements.conditions()?,
            others: elements.others(text),
            text: text.get(node.span.clone()).unwrap_or_default().to_owned(),
            span: node.span.clone(),
        })
    }
}

/// The elements of one statement while it is read.
struct Elements<'a> {
    members: &'a [(String, Node)],
    /// The statement in words.
    statement: String,
}

impl<'a> Elements<'a> {
    fn of(node: &'a Node, at: usize) -> Result<Self, Malformed> {
        let mut statement = format!("statement {}", at + 1);
        let Kind::Object(members) = &node.kind else {
            return Err(Malformed::new(&statement, "it is not a JSON object", "make it one, or take it out"));
        };
        if let Some((_, Node { kind: Kind::Text(sid), .. })) = members.iter().find(|(name, _)| name == "Sid")
        {
            statement = format!("{statement} ({sid:?})");
        }
        Ok(Self { members, statement })
    }

    fn find(&self, name: &str) -> Option<&'a Node> {
        self.members.iter().find(|(member, _)| member == name).map(|(_, node)| node)
    }

    fn wrong(&self, element: &str, what: &str) -> Malformed {
        let place = format!("{}, element {element}", self.statement);
        Malformed::new(&place, what, "correct the statement as IAM's policy grammar has it")
    }

    fn effect(&self) -> Result<Effect, Malformed> {
        match self.find("Effect").map(|node| &node.kind) {
            Some(Kind::Text(text)) if text == "Allow" => Ok(Effect::Allow),
            Some(Kind::Text(text)) if text == "Deny" => Ok(Effect::Deny),
            Some(_) => Err(self.wrong("Effect", "it is neither \"Allow\" nor \"Deny\"")),
            None => Err(self.wrong("Effect", "it is missing")),
        }
    }

    fn principals(&self) -> Result<Named<PolicyPrincipal>, Malformed> {
        let found = self.either("Principal", "NotPrincipal", Self::principal_map)?;
        found.ok_or_else(|| self.wrong("Principal", "it is missing, and so is NotPrincipal"))
    }

    fn actions(&self) -> Result<Named<String>, Malformed> {
        let found = self.either("Action", "NotAction", Self::texts)?;
        found.ok_or_else(|| self.wrong("Action", "it is missing, and so is NotAction"))
    }

    /// An element or its `Not…` form; both at once mean nothing.
    fn either<T: Ord>(
        &self,
        name: &str,
        not: &str,
        read: impl Fn(&Self, &str, &Node) -> Result<BTreeSet<T>, Malformed>,
    ) -> Result<Option<Named<T>>, Malformed> {
        match (self.find(name), self.find(not)) {
            (Some(_), Some(_)) => Err(self.wrong(name, &format!("it stands beside {not}"))),
            (Some(node), None) => Ok(Some(Named::Only(read(self, name, node)?))),
            (None, Some(node)) => Ok(Some(Named::AllBut(read(self, not, node)?))),
            (None, None) => Ok(None),
        }
    }

    fn text(&self, name: &str, node: &Node) -> Result<String, Malformed> {
        match &node.kind {
            Kind::Text(text) => Ok(text.clone()),
            _ => Err(self.wrong(name, "a text in quotation marks is needed")),
        }
    }

    /// A text, or a list of at least one.
    fn texts(&self, name: &str, node: &Node) -> Result<BTreeSet<String>, Malformed> {
        let texts: BTreeSet<String> =
            one_or_list(node).iter().map(|node| self.text(name, node)).collect::<Result<_, _>>()?;
        if texts.is_empty() { Err(self.wrong(name, "it names nothing")) } else { Ok(texts) }
    }

    fn principal_map(&self, name: &str, node: &Node) -> Result<BTreeSet<PolicyPrincipal>, Malformed> {
        let kinds = match &node.kind {
            Kind::Object(kinds) => kinds,
            Kind::Text(text) if text == "*" => return Ok([PolicyPrincipal::everyone()].into()),
            _ => return Err(self.wrong(name, "it is neither \"*\" nor an object such as {\"AWS\": …}")),
        };
        let mut principals = BTreeSet::new();
        for (kind, node) in kinds {
            let texts = self.texts(name, node)?;
            principals.extend(texts.into_iter().map(|text| PolicyPrincipal { kind: kind.clone(), text }));
        }
        if principals.is_empty() { Err(self.wrong(name, "it names nobody")) } else { Ok(principals) }
    }

    fn conditions(&self) -> Result<Vec<Condition>, Malformed> {
        let Some(node) = self.find("Condition") else { return Ok(vec![]) };
        let mut conditions = vec![];
        for (operator, keys) in self.map(node)? {
            for (key, values) in self.map(keys)? {
                let values = one_or_list(values).iter().map(|v| self.condition_value(v));
                let values = values.collect::<Result<_, _>>()?;
                conditions.push(Condition { operator: operator.clone(), key: key.clone(), values });
            }
        }
        Ok(conditions)
    }

    fn map(&self, node: &'a Node) -> Result<&'a [(String, Node)], Malformed> {
        match &node.kind {
            Kind::Object(members) => Ok(members),
            _ => Err(self.wrong("Condition", "operators and keys have to be objects in each other")),
        }
    }

    fn condition_value(&self, node: &Node) -> Result<String, Malformed> {
        match &node.kind {
            Kind::Text(text) => Ok(text.clone()),
            Kind::Scalar(value) if !value.is_null() => Ok(value.to_string()),
            _ => Err(self.wrong("Condition", "a value is neither a text nor a number nor a boolean")),
        }
    }

    fn others(&self, text: &str) -> BTreeMap<String, Value> {
        let others = self.members.iter().filter(|(name, _)| !ELEMENTS.contains(&name.as_str()));
        let value = |node: &Node| text.get(node.span.clone()).and_then(|t| serde_json::from_str(t).ok());
        others.map(|(name, node)| (name.clone(), value(node).unwrap_or_default())).collect()
    }
}

/// The items of a list, or the one value that stands in its place.
fn one_or_list(node: &Node) -> &[Node] {
    match &node.kind {
        Kind::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}
