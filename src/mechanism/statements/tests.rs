use proptest::{collection::btree_set, prelude::*, sample::select};

use super::*;
use crate::{
    model::{AccountId, Region, ShareKey},
    org::{Tree, tree::tests::tree},
};

const RULES: [Rules; 3] = [
    rules(ResourceElement::Everything, true),
    rules(ResourceElement::Itself, false),
    rules(ResourceElement::Absent, false),
];
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

const fn rules(resource: ResourceElement, required: bool) -> Rules {
    Rules {
        read: &["kms:Decrypt", "kms:DescribeKey"],
        read_write: &["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"],
        resource,
        size_max: 32_768,
        most: None,
        required,
    }
}

/// With white space of its own, as a person keeps it.
const POLICY: &str = r#"{
  "Version" : "2012-10-17",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions", "Effect" : "Allow",
    "Principal" : { "AWS" : "arn:aws:iam::111122223333:root" }, "Action" : "kms:*", "Resource" : "*"
  } ]
}"#;

fn region() -> Region {
    "eu-west-1".parse().unwrap()
}

fn owner() -> AccountId {
    "111122223333".parse().unwrap()
}

fn in_place<T>(tree: &Tree, rules: &'static Rules, test: impl FnOnce(&Holder<'_>) -> T) -> T {
    let (region, owner, object) = (region(), owner(), KEY.parse().unwrap());
    let place = Place { region: &region, owner: &owner, tree: Some(tree) };
    test(&Holder { object: &object, rules, place })
}

fn claimant_of(name: &str) -> Claimant {
    let share = ShareKey { namespace: "network-team".into(), name: name.into() };
    Claimant { installation: "us-1".into(), share }
}

/// All kinds of principals that a policy can name.
fn everybody(tree: &Tree) -> Vec<Principal> {
    let named = [
        "222233334444",
        "999988887777",
        "arn:aws:iam::222233334444:role/team/reader",
        "arn:aws:iam::222233334444:user/jo",
    ];
    let units = tree.organizational_units.keys().filter_map(|unit| tree.unit_principal(unit));
    named.into_iter().map(Principal::parse).chain([tree.as_principal()]).chain(units).collect()
}

proptest! {
    /// What is written is read back, other people's bytes stay, and taking it out leaves nothing behind.
    #[test]
    fn what_is_granted_is_read_back_and_leaves_without_a_trace(
        first in btree_set(select(everybody(&tree())), 0..6),
        second in btree_set(select(everybody(&tree())), 0..6),
        beside in btree_set(select(everybody(&tree())), 0..3),
        level in select(vec![READ, READ_WRITE]),
        rules in select(RULES.each_ref().to_vec()),
    ) {
        let tree = tree();
        in_place(&tree, rules, |on| {
            let (least, access) = (rules.level(None), rules.level(Some(level)));
            let write = |document: &Document, of: &Claimant, access: &Access, principals: &BTreeSet<Principal>| {
                write(document, of, on, access, principals).unwrap().unwrap()
            };
            let original = Document::parse(POLICY).unwrap();
            let (hub, other) = (claimant_of("hub"), claimant_of("hub.other"));
            let shared = write(&original, &other, &least, &beside);
            let once = write(&shared, &hub, &least, &first);
            let twice = write(&once, &hub, &access, &second);
            let found = read(&twice, on);
            let granted = found.get(&hub).cloned().unwrap_or_default();
            prop_assert_eq!(&granted.principals, &second);
            prop_assert_eq!(granted.access.as_deref(), (!second.is_empty()).then_some(access.name));
            prop_assert_eq!(&found.get(&other).cloned().unwrap_or_default().principals, &beside);
            let again = write(&twice, &hub, &access, &second);
            prop_assert_eq!(again.text(), twice.text());
            let without = write(&twice, &hub, &least, &BTreeSet::new());
            prop_assert_eq!(without.text(), shared.text());
            let bare = write(&without, &other, &least, &BTreeSet::new());
            prop_assert_eq!(bare.text(), POLICY);
            Ok(())
        })?;
    }
}

/// Each edit of a statement of ours is seen as what it does.
#[test]
fn edits_of_our_statements_are_told() {
    let tree = tree();
    in_place(&tree, &RULES[0], |on| {
        let hub = claimant_of("hub");
        let data = BTreeSet::from([Principal::parse("222233334444")]);
        let original = write(&Document::parse(POLICY).unwrap(), &hub, on, &RULES[0].level(None), &data);
        let original = original.unwrap().unwrap();
        let text = |principals: &[&str]| principals.iter().map(ToString::to_string).collect::<Vec<_>>();
        // from, to, principals, access
        let table = [
            ("", "", vec!["222233334444"], Some("Read")),
            // The same in another spelling.
            ("[\"arn:aws:iam::222233334444:root\"]", "\"222233334444\"", vec!["222233334444"], Some("Read")),
            (
                "[\"kms:Decrypt\",\"kms:DescribeKey\"]",
                "[\"kms:DescribeKey\",\"KMS:decrypt\"]",
                vec!["222233334444"],
                Some("Read"),
            ),
            // Somebody else, everybody, nobody by that name any more.
            ("222233334444:root", "999988887777:root", vec!["999988887777"], Some("Read")),
            ("arn:aws:iam::222233334444:root", "*", vec!["*"], None),
            ("arn:aws:iam::222233334444:root", "AROAJQABLZS4A3QDU576Q", vec![], None),
            // More and less.
            ("\"kms:Decrypt\",", "\"kms:*\",", vec!["222233334444"], None),
            ("\"kms:Decrypt\",", "", vec!["222233334444"], None),
            (
                "\"Resource\":\"*\"",
                "\"Resource\":\"*\",\"Condition\":{\"Bool\":{\"aws:SecureTransport\":\"true\"}}",
                vec!["222233334444"],
                None,
            ),
            (
                "\"Effect\":\"Allow\",\"Principal\":{\"AWS\":[\"arn:aws:iam::2222",
                "\"Effect\":\"Deny\",\"Principal\":{\"AWS\":[\"arn:aws:iam::2222",
                vec![],
                None,
            ),
        ];
        for (from, to, principals, access) in table {
            let edited = original.text().replacen(from, to, 1);
            assert!(from.is_empty() || edited != original.text(), "{from} is not in {}", original.text());
            let found = read(&Document::parse(&edited).unwrap(), on);
            let granted = found.get(&hub).cloned().unwrap_or_default();
            let named: Vec<String> = granted.principals.iter().map(ToString::to_string).collect();
            assert_eq!((named, granted.access.as_deref()), (text(&principals), access), "{to}");
        }
    });
}

#[test]
fn who_is_outside_is_told_by_the_organization_alone() {
    let tree = tree();
    in_place(&tree, &RULES[0], |on| {
        let place = on.place;
        let foreign = Grantee::Organization("o-foreign0001".into());
        let table = [
            (Principal::parse("222233334444"), false),
            (Principal::parse("111122223333"), false),
            (Principal::parse("999988887777"), true),
            (Principal::parse("arn:aws:iam::999988887777:role/reader"), true),
            (tree.as_principal(), false),
            (place.principal(&foreign), true),
            (place.principal(&Grantee::Everyone), true),
            (place.principal(&Grantee::OrganizationPath("o-foreign0001/*/ou-ab12-11111111/*".into())), true),
        ];
        for (principal, outside) in table {
            assert_eq!(place.is_outside(&principal), outside, "{principal}");
        }
    });
    let (region, owner) = (region(), owner());
    let alone = Place { region: &region, owner: &owner, tree: None };
    assert!(alone.is_outside(&Principal::parse("222233334444")));
    assert!(!alone.is_outside(&Principal::parse("111122223333")));
}

/// A key cannot be without a policy, and what is ours may be all that is left. Other objects can.
#[test]
fn the_last_statement_goes_with_the_policy_where_there_need_be_none() {
    let tree = tree();
    let hub = claimant_of("hub");
    let some = BTreeSet::from([Principal::parse("222233334444"), tree.as_principal()]);
    for rules in &RULES {
        in_place(&tree, rules, |on| {
            let write = |document: &Document, principals: &BTreeSet<Principal>| {
                write(document, &hub, on, &rules.level(None), principals)
            };
            let only_ours = write(&Document::empty(), &some).unwrap().unwrap();
            let emptied = write(&only_ours, &BTreeSet::new());
            assert_eq!(emptied, if rules.required { Err(Unwritable::Emptied) } else { Ok(None) });
        });
    }
}

/// Where a statement says which resource it is about, no other is meant; where it must not say it, it does not.
#[test]
fn statements_name_the_resource_as_the_service_has_it() {
    let tree = tree();
    let data = BTreeSet::from([Principal::parse("222233334444")]);
    let named = RULES.each_ref().map(|rules| {
        in_place(&tree, rules, |on| {
            let made = write(&Document::empty(), &claimant_of("hub"), on, &rules.level(None), &data);
            let made: Value = serde_json::from_str(made.unwrap().unwrap().text()).unwrap();
            made["Statement"][0].get("Resource").cloned()
        })
    });
    assert_eq!(named, [Some(json!("*")), Some(json!(KEY)), None]);
}
