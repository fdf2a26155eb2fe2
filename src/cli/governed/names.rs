//! Names of accounts and units that mean exactly what they are to stand for.

use crate::{
    model::{AccountId, Principal},
    org::Tree,
};

/// The account's name, if no other account has it and it can be told from an id.
pub(in crate::cli) fn account_name<'t>(tree: &'t Tree, id: &AccountId) -> Option<&'t str> {
    let name = tree.accounts.get(id)?.name.as_str();
    tree.account(name).is_ok_and(|found| found == *id).then_some(name)
}

/// The path of names that leads to the unit, if it leads to no other one.
pub(in crate::cli) fn unit_path(tree: &Tree, id: &str) -> Option<String> {
    let ancestors = tree.ancestors(id);
    let names = ancestors.iter().filter_map(|id| Some(tree.organizational_units.get(id)?.name.as_str()));
    let path = std::iter::once("Root").chain(names).collect::<Vec<_>>().join("/");
    tree.unit(&path).is_ok_and(|found| found == id).then_some(path)
}

/// What people call a principal, where the tree tells it and its literal does not.
pub(in crate::cli) fn called(tree: &Tree, principal: &Principal) -> Option<String> {
    match principal {
        Principal::Account(id) => account_name(tree, id).map(str::to_owned),
        Principal::OrganizationalUnit(_) => unit_path(tree, principal.organization_entity()?),
        Principal::Organization(_) => {
            (tree.as_principal() == *principal).then(|| "the whole organization".to_owned())
        }
        Principal::Role(_) | Principal::User(_) | Principal::Service(_) | Principal::Other(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::org::tree::tests::tree;

    #[test]
    fn only_what_means_one_thing_is_a_name() {
        let tree = tree();
        let id = |text: &str| text.parse::<AccountId>().unwrap();
        assert_eq!(account_name(&tree, &id("222233334444")), Some("data-prod"));
        assert_eq!(account_name(&tree, &id("333344445555")), None, "two accounts are called twin");
        assert_eq!(account_name(&tree, &id("555566667777")), None);
        assert_eq!(unit_path(&tree, "ou-r-prod").as_deref(), Some("Root/Workloads/Prod"));
        assert_eq!(unit_path(&tree, "ou-gone"), None);
        let mut odd = tree.clone();
        odd.organizational_units.get_mut("ou-r-prod").unwrap().name = "a/b".into();
        assert_eq!(unit_path(&odd, "ou-r-prod"), None, "the path would lead elsewhere");
    }
}
