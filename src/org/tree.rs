//! The tree of organizational units and accounts. Pure: `load` makes it whole or not at all.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{AccountId, Arn, Digest, Principal};

/// One organization, read completely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// `o-…`.
    pub id: String,
    /// Its ARN, as Organizations gives it: what RAM wants verbatim (ram.md §3).
    pub arn: Arn,
    /// The account that manages it.
    pub management_account: AccountId,
    /// `ALL` or `CONSOLIDATED_BILLING`.
    pub feature_set: String,
    /// `r-…`.
    pub root: String,
    /// By id `ou-…`.
    pub organizational_units: BTreeMap<String, OrganizationalUnit>,
    /// By id.
    pub accounts: BTreeMap<AccountId, Account>,
}

/// One organizational unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationalUnit {
    /// Its name, unique among its siblings only.
    pub name: String,
    /// Its ARN, as Organizations gives it.
    pub arn: Arn,
    /// The root or the unit that holds it.
    pub parent: String,
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name, not unique.
    pub name: String,
    /// The root or the unit that holds it.
    pub parent: String,
    /// Where it is in its life.
    pub state: AccountState,
}

/// An account's state (ram.md §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// In use.
    Active,
    /// Suspended, pending closure or closed: its calls fail.
    Closing(String),
    /// Any other text, a state of the future included; treated as in use.
    Other(String),
}

impl AccountState {
    /// Reads `State`, or the retired `Status`.
    pub fn parse(text: &str) -> Self {
        match text {
            "ACTIVE" => Self::Active,
            "SUSPENDED" | "PENDING_CLOSURE" | "CLOSED" => Self::Closing(text.to_owned()),
            other => Self::Other(other.to_owned()),
        }
    }
}

/// Why a name does not stand for exactly one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameProblem {
    /// Nothing has that name or id.
    Unknown,
    /// More than one thing has that name; none is ever picked.
    Ambiguous(Vec<String>),
}

impl Tree {
    /// The id of the unit at a path of names such as `Root/Workloads/Prod`, or of the unit with that id.
    pub fn unit(&self, path_or_id: &str) -> Result<String, NameProblem> {
        if path_or_id.starts_with("ou-") {
            let known = self.organizational_units.contains_key(path_or_id);
            return known.then(|| path_or_id.to_owned()).ok_or(NameProblem::Unknown);
        }
        let mut names = path_or_id.split('/');
        if names.next() != Some("Root") {
            return Err(NameProblem::Unknown);
        }
        let mut here = self.root.clone();
        for name in names {
            let children =
                self.organizational_units.iter().filter(|(_, u)| u.parent == here && u.name == name);
            here = exactly_one(children.map(|(id, _)| id.clone()).collect())?;
        }
        if here == self.root { Err(NameProblem::Unknown) } else { Ok(here) }
    }

    /// The account with that name or those twelve digits.
    pub fn account(&self, name_or_id: &str) -> Result<AccountId, NameProblem> {
        if let Ok(id) = name_or_id.parse::<AccountId>() {
            return self.accounts.contains_key(&id).then_some(id).ok_or(NameProblem::Unknown);
        }
        let named = self.accounts.iter().filter(|(_, a)| a.name == name_or_id);
        let ids: Vec<String> = named.map(|(id, _)| id.to_string()).collect();
        exactly_one(ids)?.parse().map_err(|_| NameProblem::Unknown)
    }

    /// The units from just below the root down to where the entity (account or unit) is; the unit itself included.
    pub fn ancestors(&self, entity: &str) -> Vec<String> {
        let parent_of = |id: &str| match id.parse::<AccountId>() {
            Ok(account) => self.accounts.get(&account).map(|a| a.parent.clone()),
            Err(_) => self.organizational_units.get(id).map(|u| u.parent.clone()),
        };
        let mut path = vec![];
        let mut here = Some(entity.to_owned());
        while let Some(id) = here {
            // A unit cannot be below itself; a loop in what AWS told would otherwise never end.
            if path.contains(&id) {
                break;
            }
            here = parent_of(&id);
            if self.organizational_units.contains_key(&id) {
                path.push(id);
            }
        }
        path.reverse();
        path
    }

    /// Whether an account or unit is the unit or anywhere below it.
    pub fn is_within(&self, entity: &str, unit: &str) -> bool {
        self.ancestors(entity).iter().any(|id| id == unit)
    }

    /// The accounts in a unit and everywhere below it.
    pub fn accounts_within(&self, unit: &str) -> BTreeSet<AccountId> {
        self.accounts.keys().filter(|id| self.is_within(id.as_str(), unit)).cloned().collect()
    }

    /// The path of names of the unit that holds an account: `Root/Workloads/Prod`.
    pub fn path_of(&self, account: &AccountId) -> Option<String> {
        self.accounts.get(account)?;
        let names = self
            .ancestors(account.as_str())
            .into_iter()
            .filter_map(|id| self.organizational_units.get(&id).map(|u| u.name.clone()));
        Some(std::iter::once("Root".to_owned()).chain(names).collect::<Vec<_>>().join("/"))
    }

    /// The principal that stands for the whole organization.
    pub fn as_principal(&self) -> Principal {
        Principal::Organization(self.arn.clone())
    }

    /// The principal that stands for a unit.
    pub fn unit_principal(&self, unit: &str) -> Option<Principal> {
        self.organizational_units.get(unit).map(|u| Principal::OrganizationalUnit(u.arn.clone()))
    }

    /// A fingerprint: equal trees, equal digests.
    pub fn digest(&self) -> Digest {
        let mut parts = vec![self.arn.to_string(), self.root.clone(), self.feature_set.clone()];
        parts.extend(
            self.organizational_units
                .iter()
                .flat_map(|(id, u)| [id.clone(), u.name.clone(), u.parent.clone()]),
        );
        parts.extend(self.accounts.iter().flat_map(|(id, a)| {
            [id.to_string(), a.name.clone(), a.parent.clone(), format!("{:?}", a.state)]
        }));
        Digest::of(parts)
    }
}

fn exactly_one(mut found: Vec<String>) -> Result<String, NameProblem> {
    match (found.pop(), found.is_empty()) {
        (None, _) => Err(NameProblem::Unknown),
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            found.push(last);
            Err(NameProblem::Ambiguous(found))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Root/{Infrastructure/Network, Workloads/{Prod, Test}}, two accounts named `twin`.
    pub(crate) fn tree() -> Tree {
        let arn =
            |unit: &str| format!("arn:aws:organizations::999900001111:ou/o-acme/{unit}").parse().unwrap();
        let units = [
            ("ou-r-infra", "Infrastructure", "r-acme"),
            ("ou-r-net", "Network", "ou-r-infra"),
            ("ou-r-work", "Workloads", "r-acme"),
            ("ou-r-prod", "Prod", "ou-r-work"),
            ("ou-r-test", "Test", "ou-r-work"),
        ];
        let accounts = [
            ("111122223333", "network-prod", "ou-r-net"),
            ("222233334444", "data-prod", "ou-r-prod"),
            ("333344445555", "twin", "ou-r-prod"),
            ("444455556666", "twin", "ou-r-test"),
            ("999900001111", "management", "r-acme"),
        ];
        Tree {
            id: "o-acme".into(),
            arn: "arn:aws:organizations::999900001111:organization/o-acme".parse().unwrap(),
            management_account: "999900001111".parse().unwrap(),
            feature_set: "ALL".into(),
            root: "r-acme".into(),
            organizational_units: units
                .map(|(id, name, parent)| {
                    (
                        id.to_owned(),
                        OrganizationalUnit { name: name.into(), arn: arn(id), parent: parent.into() },
                    )
                })
                .into(),
            accounts: accounts
                .map(|(id, name, parent)| {
                    (
                        id.parse().unwrap(),
                        Account { name: name.into(), parent: parent.into(), state: AccountState::Active },
                    )
                })
                .into(),
        }
    }

    #[test]
    fn paths_lead_to_units_exactly_or_not_at_all() {
        let tree = tree();
        let table = [
            ("Root/Workloads/Prod", Ok("ou-r-prod")),
            ("ou-r-net", Ok("ou-r-net")),
            ("Root/workloads", Err(())),
            ("Workloads/Prod", Err(())),
            ("Root", Err(())),
            ("ou-gone", Err(())),
        ];
        for (path, expected) in table {
            assert_eq!(tree.unit(path).map_err(|_| ()), expected.map(str::to_owned), "{path}");
        }
    }

    #[test]
    fn an_ambiguous_name_is_a_problem_and_never_a_pick() {
        let tree = tree();
        assert_eq!(tree.account("data-prod").unwrap().as_str(), "222233334444");
        assert_eq!(
            tree.account("twin"),
            Err(NameProblem::Ambiguous(vec!["333344445555".into(), "444455556666".into()]))
        );
        assert_eq!(tree.account("nobody"), Err(NameProblem::Unknown));
        assert_eq!(tree.account("555566667777"), Err(NameProblem::Unknown));
    }

    #[test]
    fn containment_follows_the_tree_and_not_the_text() {
        let tree = tree();
        assert!(tree.is_within("222233334444", "ou-r-work"));
        assert!(tree.is_within("ou-r-prod", "ou-r-prod"));
        assert!(!tree.is_within("222233334444", "ou-r-infra"));
        assert!(!tree.is_within("999900001111", "ou-r-work"));
        assert_eq!(tree.accounts_within("ou-r-work").len(), 3);
        assert_eq!(tree.path_of(&"111122223333".parse().unwrap()).unwrap(), "Root/Infrastructure/Network");
        assert_eq!(tree.path_of(&"999900001111".parse().unwrap()).unwrap(), "Root");
    }

    #[test]
    fn a_loop_in_the_tree_ends() {
        let mut tree = tree();
        tree.organizational_units.get_mut("ou-r-work").unwrap().parent = "ou-r-prod".into();
        assert!(tree.is_within("222233334444", "ou-r-prod"));
    }
}
