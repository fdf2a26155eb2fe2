//! What Shares grant by the policy of an object: one to three statements each, found again by their `Sid`. Other people's
//! statements are never touched. Pure.

pub mod principals;
pub mod sid;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::sid::{Form, claimant, sid};
pub use self::{principals::Place, sid::Claimant};
use crate::{
    document::{self, Document, Grantee, Named, Statement, Unsafe},
    model::{
        Arn, Principal,
        resource_type::{READ, READ_WRITE},
    },
};

/// What a claimant grants on an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// To whom.
    pub principals: BTreeSet<Principal>,
    /// The access that they have; none where the statements are not as this version would write them.
    pub access: Option<String>,
}

/// A kind of access: its name, and the actions that it consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Its name in Shares.
    pub name: &'static str,
    /// The actions, each with its service.
    pub actions: &'static [&'static str],
}

/// What is fixed of the policies of one kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The actions of [`READ`] access, each with its service.
    pub read: &'static [&'static str],
    /// Those of [`READ_WRITE`].
    pub read_write: &'static [&'static str],
    /// What a statement says of the resource.
    pub resource: ResourceElement,
    /// The largest policy, in bytes.
    pub size_max: usize,
    /// What else a service counts.
    pub most: Option<Most>,
    /// Whether an object cannot be without a policy.
    pub required: bool,
}

impl Rules {
    /// The kinds of access there are, the least first.
    fn levels(&self) -> [Access; 2] {
        [Access { name: READ, actions: self.read }, Access { name: READ_WRITE, actions: self.read_write }]
    }

    /// The access of this name; the least where there is none.
    pub fn level(&self, name: Option<&str>) -> Access {
        let [least, more] = self.levels();
        if name == Some(more.name) { more } else { least }
    }
}

/// How much a policy may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Statements.
    pub statements: usize,
    /// Principals in all statements together.
    pub principals: usize,
}

/// The element `Resource` of statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceElement {
    /// `*`, which is the object itself.
    Everything,
    /// The object's ARN.
    Itself,
    /// There is none.
    Absent,
}

/// The object whose policy it is.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// Its ARN.
    pub object: &'a Arn,
    /// What is fixed of its policy.
    pub rules: &'static Rules,
    /// Where it is.
    pub place: Place<'a>,
}

/// A document that must not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// A statement of ours would grant what none may.
    #[error("a statement that sharekeeper made is not safe and was not written: {0}; report this as a bug")]
    Unsafe(#[from] Unsafe),
    /// It cannot be edited.
    #[error(transparent)]
    Malformed(#[from] document::Malformed),
    /// Nothing would be left of the policy, and the object cannot be without one.
    #[error(
        "no statement would be left in the policy, which cannot be empty; put back the one that lets the account's own administrators in"
    )]
    Emptied,
}

/// What each claimant grants by a policy.
pub fn read(document: &Document, holder: &Holder<'_>) -> BTreeMap<Claimant, Granted> {
    let mut found: BTreeMap<Claimant, Granted> = BTreeMap::new();
    // A statement that lets nobody in is there all the same: it is ours to take out.
    for of in document.ours(sid::PREFIX).filter_map(|statement| claimant(statement.sid.as_deref()?)) {
        found.entry(of).or_default();
    }
    let mut deleted: BTreeSet<String> = BTreeSet::new();
    for grant in document.access() {
        let Some(of) = grant.sid.as_deref().and_then(claimant) else { continue };
        let granted = found.entry(of).or_default();
        // Whoever was deleted has no access by his former name.
        match grant.grantee {
            Grantee::UniqueId(id) => drop(deleted.insert(id)),
            someone => drop(granted.principals.insert(holder.place.principal(&someone))),
        }
    }
    for (of, granted) in &mut found {
        let ours = written(document, of).into_iter().map(|s| without(s, &deleted, holder.rules));
        let ours: Vec<Statement> = ours.collect();
        let as_it_is =
            |level: &&Access| is_as_made(&ours, &statements(of, holder, level, &granted.principals));
        granted.access = holder.rules.levels().iter().find(as_it_is).map(|level| level.name.to_owned());
    }
    found
}

/// Whom other people's statements let in from other accounts. AWS services are AWS's own, and who was deleted has no access.
pub fn others(document: &Document, place: &Place<'_>) -> BTreeSet<Principal> {
    let theirs =
        document.access().into_iter().filter(|grant| grant.sid.as_deref().and_then(claimant).is_none());
    let elsewhere = theirs.filter(|grant| {
        !matches!(
            grant.grantee,
            Grantee::UniqueId(_) | Grantee::Service(_) | Grantee::OriginAccessIdentity(_)
        )
    });
    let principals = elsewhere.map(|grant| place.principal(&grant.grantee));
    principals.filter(|principal| principal.account().as_ref() != Some(place.owner)).collect()
}

/// The statements of a claimant in a document, by `Sid`.
fn written<'d>(document: &'d Document, of: &Claimant) -> Vec<&'d Statement> {
    let ours = document.ours(sid::PREFIX);
    ours.filter(|s| s.sid.as_deref().and_then(claimant).as_ref() == Some(of)).collect()
}

/// A statement without what makes no other access of it: those who were deleted, and the resource where a service adds `*` to
/// statements that have none \[X\].
fn without(statement: &Statement, deleted: &BTreeSet<String>, rules: &Rules) -> Statement {
    let mut statement = statement.clone();
    if let Named::Only(principals) = &mut statement.principals {
        principals.retain(|principal| !deleted.contains(&principal.text));
    }
    let everything = Named::Only(BTreeSet::from(["*".to_owned()]));
    if rules.resource == ResourceElement::Absent && statement.resources.as_ref() == Some(&everything) {
        statement.resources = None;
    }
    statement
}

fn is_as_made(found: &[Statement], made: &BTreeMap<String, Value>) -> bool {
    let same = |statement: &Statement| {
        let made = statement.sid.as_ref().and_then(|sid| made.get(sid));
        let made = made.and_then(|made| Statement::of(made).ok());
        made.is_some_and(|made| made.normalized() == statement.normalized())
    };
    found.len() == made.len() && found.iter().all(same)
}

/// The statements that grant this, by `Sid`. What no policy can name is left out.
fn statements(
    of: &Claimant,
    holder: &Holder<'_>,
    access: &Access,
    principals: &BTreeSet<Principal>,
) -> BTreeMap<String, Value> {
    let place = holder.place;
    let resource = match holder.rules.resource {
        ResourceElement::Everything => Some("*"),
        ResourceElement::Itself => Some(holder.object.as_str()),
        ResourceElement::Absent => None,
    };
    let mut forms: BTreeMap<Form, BTreeSet<&Principal>> = BTreeMap::new();
    for principal in principals {
        if let Some(form) = place.form(principal) {
            forms.entry(form).or_default().insert(principal);
        }
    }
    let made = forms.into_iter().map(|(form, principals)| {
        let sid = sid(of, form);
        let (principal, condition) = place.elements(form, &principals);
        let mut statement =
            json!({"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": access.actions});
        let more = [("Resource", resource.map(Value::from)), ("Condition", condition)];
        if let Value::Object(elements) = &mut statement {
            elements.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        }
        (sid, statement)
    });
    made.collect()
}

/// The document in which a claimant grants this and nothing else; none where no statement is left, and the object can be
/// without a policy. Every byte of other people's statements stays.
///
/// # Errors
/// [`Unwritable`] if the result must not be written.
pub fn write(
    document: &Document,
    of: &Claimant,
    holder: &Holder<'_>,
    access: &Access,
    principals: &BTreeSet<Principal>,
) -> Result<Option<Document>, Unwritable> {
    let made = statements(of, holder, access, principals);
    let mut edited = document.clone();
    for (sid, statement) in &made {
        document::check_generated(statement)?;
        edited = edited.with_statement(sid, statement)?;
    }
    let others: BTreeSet<&str> = written(document, of).iter().filter_map(|s| s.sid.as_deref()).collect();
    for sid in others.into_iter().filter(|sid| !made.contains_key(*sid)) {
        edited = match edited.without(sid) {
            Some(left) => left,
            None if holder.rules.required => return Err(Unwritable::Emptied),
            None => return Ok(None),
        };
    }
    Ok(Some(edited))
}

#[cfg(test)]
mod tests;
