//! Names of accounts and units: resolved against the tree, held to the id that they first meant.
//!
//! A rename in AWS neither revokes nor grants: a name that no longer resolves keeps its pinned id while that id exists,
//! and a name that now means another id is held until a person decides.

use crate::{
    api::{Pin, PinKind, Reason},
    model::{AccountId, Principal, Timestamp},
    mutant::{self, Mutant},
    org::{NameProblem, Tree},
    plan::desired::Refusal,
};

/// What is known of the organization now.
#[derive(Clone, Copy, Debug)]
pub enum Organization<'a> {
    /// The governing set names none: everything but the own account is outside.
    None,
    /// It is named, and its tree has not been read since the start: nothing by name, OU or membership can be decided.
    Unknown,
    /// Its last complete tree.
    Known {
        /// The tree.
        tree: &'a Tree,
        /// Read within three times `refresh`; an older one permits no widening.
        current: bool,
        /// Whether RAM may share with the organization; none where that cannot be told.
        sharing: Option<bool>,
        /// When the tree was read.
        at: Timestamp,
    },
}

impl<'a> Organization<'a> {
    /// The tree, where there is one.
    pub fn tree(&self) -> Option<&'a Tree> {
        match self {
            Self::Known { tree, .. } => Some(tree),
            Self::None | Self::Unknown => None,
        }
    }
}

/// What a declared name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// This id.
    Id(String),
    /// It stood for this id; what it stands for now is for a person to decide.
    Held(String, Refusal),
    /// Nothing, and the pinned id is gone from the organization too.
    Gone(Refusal),
    /// Nothing, or more than one thing.
    Refused(Refusal),
    /// The tree is not known.
    Undecided(Refusal),
}

/// Resolves a unit's path or id.
pub fn unit(organization: &Organization<'_>, declared: &str, pins: &[Pin]) -> Meaning {
    let Some(tree) = organization.tree() else {
        return without_tree(organization, "organizational unit", declared);
    };
    if declared.starts_with("ou-") {
        let refusal = || {
            Refusal::new(
                Reason::NameUnknown,
                format!("the organization has no unit {declared}; correct the id"),
            )
        };
        return tree.unit(declared).map_or_else(|_| Meaning::Gone(refusal()), Meaning::Id);
    }
    let exists = |id: &str| tree.organizational_units.contains_key(id);
    pinned(PinKind::OrganizationalUnit, "organizational unit", declared, pins, tree.unit(declared), exists)
}

/// Resolves an account's name or digits. Digits need no tree to be an id; whether they are inside is another question.
pub fn account(organization: &Organization<'_>, declared: &str, pins: &[Pin]) -> Meaning {
    if declared.parse::<AccountId>().is_ok() {
        return Meaning::Id(declared.to_owned());
    }
    let Some(tree) = organization.tree() else { return without_tree(organization, "account", declared) };
    let exists = |id: &str| id.parse().is_ok_and(|id: AccountId| tree.accounts.contains_key(&id));
    let found = tree.account(declared).map(|id| id.to_string());
    pinned(PinKind::Account, "account", declared, pins, found, exists)
}

fn without_tree(organization: &Organization<'_>, what: &str, declared: &str) -> Meaning {
    match organization {
        Organization::None => Meaning::Refused(Refusal::new(
            Reason::NameUnknown,
            format!(
                "{what} {declared:?} is a name, and the governing AccountSet names no Organization to look it up in; use the id"
            ),
        )),
        _ => Meaning::Undecided(Refusal::new(
            Reason::TreeUnknown,
            format!(
                "{what} {declared:?} cannot be looked up until the organization's tree has been read; see the Organization's status"
            ),
        )),
    }
}

fn pinned(
    kind: PinKind,
    what: &str,
    declared: &str,
    pins: &[Pin],
    now: Result<String, NameProblem>,
    exists: impl Fn(&str) -> bool,
) -> Meaning {
    let pin =
        pins.iter().find(|pin| pin.kind == kind && pin.declared_as == declared).map(|pin| pin.id.clone());
    match (pin, now) {
        (None, Ok(id)) => Meaning::Id(id),
        (Some(pin), Ok(id)) if pin == id || mutant::is(Mutant::FollowNames) => Meaning::Id(id),
        (Some(pin), Ok(id)) => Meaning::Held(pin.clone(), moved(what, declared, &pin, &id)),
        (Some(pin), Err(NameProblem::Ambiguous(ids))) if ids.contains(&pin) => Meaning::Id(pin),
        (Some(pin), Err(_)) if exists(&pin) => Meaning::Id(pin),
        (Some(pin), Err(_)) => Meaning::Gone(Refusal::new(
            Reason::NameUnknown,
            format!(
                "{what} {declared:?} ({pin}) is no longer in the organization; remove it or correct the name"
            ),
        )),
        (None, Err(problem)) => Meaning::Refused(unresolved(what, declared, &problem)),
    }
}

fn moved(what: &str, declared: &str, pin: &str, now: &str) -> Refusal {
    let message = format!(
        "{what} {declared:?} meant {pin} when it was first resolved and now means {now}: nothing is changed; write the id that you mean"
    );
    Refusal::new(Reason::NameMoved, message)
}

fn unresolved(what: &str, declared: &str, problem: &NameProblem) -> Refusal {
    match problem {
        NameProblem::Unknown => Refusal::new(
            Reason::NameUnknown,
            format!(
                "the organization has no {what} {declared:?}; correct the name (units as Root/…/…) or use the id"
            ),
        ),
        NameProblem::Ambiguous(ids) => Refusal::new(
            Reason::NameAmbiguous,
            format!("{what} {declared:?} could be {}; use the id", ids.join(" or ")),
        ),
    }
}

/// Whether an account is the owner itself or in the organization; none where that cannot be told.
pub fn is_inside(organization: &Organization<'_>, account: &AccountId, owner: &AccountId) -> Option<bool> {
    match organization {
        _ if account == owner => Some(true),
        Organization::None => Some(false),
        Organization::Unknown => None,
        Organization::Known { tree, .. } => Some(tree.accounts.contains_key(account)),
    }
}

/// The principal of a unit in the known tree.
pub fn unit_principal(organization: &Organization<'_>, id: &str) -> Option<Principal> {
    organization.tree().and_then(|tree| tree.unit_principal(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::org::tree::tests::tree;

    fn pin(kind: PinKind, name: &str, id: &str) -> Vec<Pin> {
        vec![Pin { kind, declared_as: name.into(), id: id.into() }]
    }

    fn text(meaning: &Meaning) -> String {
        match meaning {
            Meaning::Id(id) => format!("id {id}"),
            Meaning::Held(id, why) => format!("held {id} {}", why.reason),
            Meaning::Gone(why) => format!("gone {}", why.reason),
            Meaning::Refused(why) => format!("refused {}", why.reason),
            Meaning::Undecided(why) => format!("undecided {}", why.reason),
        }
    }

    #[test]
    fn a_name_keeps_the_id_it_first_meant() {
        let tree = tree();
        let known = Organization::Known {
            tree: &tree,
            current: true,
            sharing: Some(true),
            at: Timestamp::UNIX_EPOCH,
        };
        let none: Vec<Pin> = vec![];
        let prod = |id: &str| pin(PinKind::OrganizationalUnit, "Root/Workloads/Prod", id);
        let table = [
            (unit(&known, "Root/Workloads/Prod", &none), "id ou-r-prod"),
            (unit(&known, "Root/Workloads/Prod", &prod("ou-r-prod")), "id ou-r-prod"),
            // Another unit took the name while the pinned one lives on under a new name.
            (unit(&known, "Root/Workloads/Prod", &prod("ou-r-test")), "held ou-r-test NameMoved"),
            // Renamed in AWS: the pin keeps it.
            (
                unit(&known, "Root/Old", &pin(PinKind::OrganizationalUnit, "Root/Old", "ou-r-net")),
                "id ou-r-net",
            ),
            // Deleted in AWS.
            (
                unit(&known, "Root/Old", &pin(PinKind::OrganizationalUnit, "Root/Old", "ou-r-gone")),
                "gone NameUnknown",
            ),
            (unit(&known, "Root/Nowhere", &none), "refused NameUnknown"),
            (unit(&known, "ou-r-net", &none), "id ou-r-net"),
            (unit(&known, "ou-r-gone", &none), "gone NameUnknown"),
            (account(&known, "twin", &none), "refused NameAmbiguous"),
            (account(&known, "twin", &pin(PinKind::Account, "twin", "444455556666")), "id 444455556666"),
            (account(&known, "555566667777", &none), "id 555566667777"),
            (account(&Organization::Unknown, "data-prod", &none), "undecided TreeUnknown"),
            (account(&Organization::None, "data-prod", &none), "refused NameUnknown"),
        ];
        for (meaning, expected) in table {
            assert_eq!(text(&meaning), expected);
        }
    }

    #[test]
    fn the_own_account_is_never_outside() {
        let owner: AccountId = "111122223333".parse().unwrap();
        for organization in [Organization::None, Organization::Unknown] {
            assert_eq!(is_inside(&organization, &owner, &owner), Some(true));
        }
        assert_eq!(is_inside(&Organization::None, &"222233334444".parse().unwrap(), &owner), Some(false));
        assert_eq!(is_inside(&Organization::Unknown, &"222233334444".parse().unwrap(), &owner), None);
    }
}
