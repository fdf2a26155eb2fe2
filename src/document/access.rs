//! Who is granted what by a policy.

use std::{collections::BTreeSet, fmt};

use super::{Condition, Conditions, Document, Effect, Grantee, Named, PolicyPrincipal, Statement};

/// What one statement grants to one grantee.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The statement's place in the document, from 0.
    pub statement: usize,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// Who.
    pub grantee: Grantee,
    /// What: these actions, or all but these.
    pub actions: Named<String>,
    /// On what, where the statement says it.
    pub resources: Option<Named<String>>,
    /// Under which conditions. Those that made `*` a smaller grantee are among them.
    pub conditions: Conditions,
}

/// A part of a statement whose meaning is not known here, in words for a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotUnderstood {
    /// The part: a condition's operator, key and values, a principal or an element.
    pub what: String,
    /// Why it is not understood.
    pub why: &'static str,
}

impl NotUnderstood {
    pub(super) fn condition(condition: &Condition, why: &'static str) -> Self {
        let values = condition.values.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        Self { what: format!("{} {} = {values}", condition.operator, condition.key), why }
    }

    pub(super) fn element(name: &str) -> Self {
        Self { what: format!("element {name}"), why: "this element is not known here" }
    }

    fn principal(principal: &PolicyPrincipal, why: &'static str) -> Self {
        Self { what: format!("principal {} {}", principal.kind, principal.text), why }
    }
}

impl fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl Document {
    /// Who is granted what by the statements that allow, in their order.
    ///
    /// It says at least what AWS grants by this policy: denials are left out (see [`Document::has_denies`]), and what is
    /// not understood limits nothing. A principal or a condition in `not_understood` makes no grantee smaller.
    pub fn access(&self) -> Vec<Grant> {
        self.statements.iter().enumerate().flat_map(|(at, statement)| statement.grants(at)).collect()
    }
}

impl Statement {
    /// What it grants; `at` is its place in the document. None if it denies.
    pub(super) fn grants(&self, at: usize) -> BTreeSet<Grant> {
        let grant = |(grantee, conditions)| Grant {
            statement: at,
            sid: self.sid.clone(),
            grantee,
            actions: self.actions.clone(),
            resources: self.resources.clone(),
            conditions,
        };
        match self.effect {
            Effect::Allow => self.grantees().into_iter().map(grant).collect(),
            Effect::Deny => BTreeSet::new(),
        }
    }

    fn grantees(&self) -> Vec<(Grantee, Conditions)> {
        let conditions = Conditions::of(self);
        let anyone = |what: NotUnderstood| {
            let mut conditions = conditions.clone();
            conditions.not_understood.insert(what);
            vec![(Grantee::Everyone, conditions)]
        };
        let with = |grantee: Grantee| (grantee, conditions.clone());
        let of = |principal: &PolicyPrincipal| match principal.grantee() {
            Ok(Grantee::Everyone) => conditions.everyone().into_iter().map(with).collect(),
            Ok(grantee) => vec![with(grantee)],
            Err(why) => anyone(NotUnderstood::principal(principal, why)),
        };
        match &self.principals {
            Named::Only(principals) => principals.iter().flat_map(of).collect(),
            Named::AllBut(_) => anyone(NotUnderstood {
                what: "element NotPrincipal".to_owned(),
                why: "with Allow it lets in all whom it does not name",
            }),
        }
    }
}
