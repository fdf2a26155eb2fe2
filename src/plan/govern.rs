//! Which AccountSet governs which cell. Pure; an account in two sets is a conflict in which neither acts.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::{AccountSet, Pin, PinKind, account_set::AccountRef},
    model::{AccountId, Cell, Region},
    plan::{
        desired::Refusal,
        names::{self, Meaning, Organization},
    },
};

/// What one set selects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The accounts.
    pub accounts: BTreeSet<AccountId>,
    /// The regions.
    pub regions: BTreeSet<Region>,
    /// What its names meant.
    pub pins: BTreeSet<Pin>,
    /// What could not be resolved: as declared, and why.
    pub problems: Vec<(String, Refusal)>,
    /// Whether everything could be decided. If not, cells that it governed before stay with it.
    pub decided: bool,
}

impl Selection {
    /// The cells: each account in each region.
    pub fn cells(&self) -> impl Iterator<Item = Cell> {
        let in_regions = |account: &AccountId| {
            let account = account.clone();
            self.regions.iter().map(move |region| Cell { account: account.clone(), region: region.clone() })
        };
        self.accounts.iter().flat_map(in_regions)
    }
}

/// Who governs a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Governor {
    /// This set.
    Set(String),
    /// More than one: none acts.
    Conflict(Vec<String>),
}

/// What a set selects, its exclusions taken out.
pub fn select(set: &AccountSet, sets: &[&AccountSet], organization: &Organization<'_>) -> Selection {
    let mut selection = included(set, organization);
    let exclude = &set.spec.exclude;
    let mut resolver =
        Resolver { set, organization, selection: Selection { decided: true, ..Selection::default() } };
    resolver.accounts(&exclude.accounts);
    resolver.units(&exclude.organizational_units);
    let excluded = resolver.selection;
    let others = sets
        .iter()
        .filter(|other| exclude.account_sets.contains(&name_of(other)) && name_of(other) != name_of(set));
    // What an excluded set selects counts before its own exclusions, so that two sets may exclude each other.
    let in_others: Vec<Selection> = others.map(|other| included(other, organization)).collect();
    let out = |account: &AccountId| {
        excluded.accounts.contains(account) || in_others.iter().any(|o| o.accounts.contains(account))
    };
    selection.accounts.retain(|account| !out(account));
    selection.pins.extend(excluded.pins);
    selection.problems.extend(excluded.problems);
    selection.decided &= excluded.decided && in_others.iter().all(|other| other.decided);
    selection
}

/// Who governs each selected cell. Sets that are being deleted select nothing.
pub fn govern(selections: &BTreeMap<String, Selection>) -> BTreeMap<Cell, Governor> {
    let mut governors: BTreeMap<Cell, Vec<String>> = BTreeMap::new();
    for (set, selection) in selections {
        for cell in selection.cells() {
            governors.entry(cell).or_default().push(set.clone());
        }
    }
    let governor = |sets: Vec<String>| match sets.as_slice() {
        [only] => Governor::Set(only.clone()),
        _ => Governor::Conflict(sets),
    };
    governors.into_iter().map(|(cell, sets)| (cell, governor(sets))).collect()
}

/// A set's name.
pub fn name_of(set: &AccountSet) -> String {
    set.metadata.name.clone().unwrap_or_default()
}

fn included(set: &AccountSet, organization: &Organization<'_>) -> Selection {
    let mut resolver =
        Resolver { set, organization, selection: Selection { decided: true, ..Selection::default() } };
    resolver.accounts(&set.spec.accounts);
    resolver.units(&set.spec.organizational_units);
    let mut selection = resolver.selection;
    selection.regions = set.spec.regions.iter().filter_map(|region| region.parse().ok()).collect();
    selection
}

struct Resolver<'a> {
    set: &'a AccountSet,
    organization: &'a Organization<'a>,
    selection: Selection,
}

impl Resolver<'_> {
    fn pins(&self) -> &[Pin] {
        self.set.status.as_ref().map(|status| status.pins.as_slice()).unwrap_or_default()
    }

    fn accounts(&mut self, accounts: &[AccountRef]) {
        for account in accounts {
            let Some(declared) = account.id.as_ref().or(account.name.as_ref()) else { continue };
            let meaning = names::account(self.organization, declared, self.pins());
            if let Some(id) = self.settle(PinKind::Account, declared, meaning) {
                self.selection.accounts.extend(id.parse::<AccountId>());
            }
        }
    }

    fn units(&mut self, units: &[String]) {
        for declared in units {
            let meaning = names::unit(self.organization, declared, self.pins());
            if let Some(id) = self.settle(PinKind::OrganizationalUnit, declared, meaning) {
                let within =
                    self.organization.tree().map(|tree| tree.accounts_within(&id)).unwrap_or_default();
                self.selection.accounts.extend(within);
            }
        }
    }

    /// The id, if there is one to go by; pins and problems are kept on the way.
    fn settle(&mut self, kind: PinKind, declared: &str, meaning: Meaning) -> Option<String> {
        let named = !(declared.starts_with("ou-") || declared.parse::<AccountId>().is_ok());
        let (id, problem) = match meaning {
            Meaning::Id(id) => (Some(id), None),
            Meaning::Held(id, refusal) => (Some(id), Some(refusal)),
            Meaning::Gone(refusal) | Meaning::Refused(refusal) => (None, Some(refusal)),
            Meaning::Undecided(refusal) => {
                self.selection.decided = false;
                let pins = self.set.status.iter().flat_map(|status| &status.pins);
                self.selection
                    .pins
                    .extend(pins.filter(|pin| pin.kind == kind && pin.declared_as == declared).cloned());
                (None, Some(refusal))
            }
        };
        if let Some(id) = id.as_ref().filter(|_| named) {
            self.selection.pins.insert(Pin { kind, declared_as: declared.to_owned(), id: id.clone() });
        }
        self.selection.problems.extend(problem.map(|refusal| (declared.to_owned(), refusal)));
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::account_set, model::Timestamp, org::tree::tests::tree};

    fn set(name: &str, spec: &serde_json::Value) -> AccountSet {
        let mut full = serde_json::json!({"mode": "Enforce", "regions": ["eu-west-1"]});
        full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let spec: account_set::AccountSetSpec = serde_json::from_value(full).unwrap();
        AccountSet::new(name, spec)
    }

    fn selected(sets: &[AccountSet], organization: &Organization<'_>) -> BTreeMap<String, Selection> {
        let refs: Vec<&AccountSet> = sets.iter().collect();
        sets.iter().map(|set| (name_of(set), select(set, &refs, organization))).collect()
    }

    #[test]
    fn units_select_what_is_below_them_and_exclusions_take_out() {
        let tree = tree();
        let known =
            Organization::Known { tree: &tree, current: true, sharing: None, at: Timestamp::UNIX_EPOCH };
        let sets = [
            set(
                "all",
                &serde_json::json!({"organizationalUnits": ["Root/Workloads"], "exclude": {"organizationalUnits": ["Root/Workloads/Test"], "accountSets": ["data"]}}),
            ),
            set(
                "data",
                &serde_json::json!({"accounts": [{"name": "data-prod"}], "exclude": {"accountSets": ["all"]}}),
            ),
        ];
        let selections = selected(&sets, &known);
        let ids = |name: &str| selections[name].accounts.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(ids("all"), ["333344445555"]);
        // `all` selects data-prod before its own exclusions: the two exclude each other and nobody governs it.
        assert_eq!(ids("data"), Vec::<String>::new());
        assert!(selections["all"].pins.iter().any(|pin| pin.id == "ou-r-work"));
    }

    #[test]
    fn an_account_in_two_sets_is_a_conflict() {
        let sets = [
            set("a", &serde_json::json!({"accounts": [{"id": "111122223333"}]})),
            set("b", &serde_json::json!({"accounts": [{"id": "111122223333"}, {"id": "222233334444"}]})),
        ];
        let governors = govern(&selected(&sets, &Organization::None));
        let of = |account: &str| {
            governors[&Cell { account: account.parse().unwrap(), region: "eu-west-1".parse().unwrap() }]
                .clone()
        };
        assert_eq!(of("111122223333"), Governor::Conflict(vec!["a".into(), "b".into()]));
        assert_eq!(of("222233334444"), Governor::Set("b".into()));
    }

    #[test]
    fn without_a_tree_ids_select_and_names_are_undecided() {
        let sets = [set(
            "a",
            &serde_json::json!({"accounts": [{"id": "111122223333"}], "organizationalUnits": ["Root/Workloads"]}),
        )];
        let selections = selected(&sets, &Organization::Unknown);
        assert_eq!(selections["a"].accounts.len(), 1);
        assert!(!selections["a"].decided);
        assert_eq!(selections["a"].problems.len(), 1);
    }
}
