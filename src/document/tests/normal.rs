use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::{Canonical, Statement},
    samples::{Json, Sample, noise, statement},
};

fn normal(value: &Value) -> Canonical {
    Statement::of(value).unwrap().normalized()
}

fn with(element: &str, value: &Value) -> Canonical {
    let mut statement = json!({
        "Sid": "s", "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:Decrypt", "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a"}},
    });
    statement[element] = value.clone();
    normal(&statement)
}

/// An element in two spellings, and whether they mean the same.
#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn spellings_that_mean_the_same_are_equal() {
    let condition = |operator: &str, key: &str, values: Value| json!({ operator: { key: values } });
    let table = [
        ("Principal", json!({"AWS": "111122223333"}), json!({"AWS": ["111122223333"]}), true),
        ("Principal", json!({"AWS": "111122223333"}), json!({"AWS": "arn:aws:iam::111122223333:root"}), true),
        (
            "Principal",
            json!({"AWS": ["arn:aws:iam::111122223333:root", "111122223333"]}),
            json!({"AWS": "111122223333"}),
            true,
        ),
        (
            "Principal",
            json!({"AWS": "111122223333"}),
            json!({"AWS": "arn:aws:iam::111122223333:user/root"}),
            false,
        ),
        ("Principal", json!({"AWS": "111122223333"}), json!({"AWS": "444455556666"}), false),
        ("Principal", json!({"AWS": "111122223333"}), json!({"CanonicalUser": "111122223333"}), false),
        (
            "Principal",
            json!({"AWS": "arn:aws:iam::111122223333:role/r"}),
            json!({"AWS": "AROA1234567890123456"}),
            false,
        ),
        (
            "Principal",
            json!({"AWS": "arn:aws:iam::111122223333:user/a"}),
            json!({"AWS": "arn:aws:iam::111122223333:user/A"}),
            false,
        ),
        ("Principal", json!("*"), json!({"AWS": "*"}), true),
        ("Principal", json!("*"), json!({"AWS": ["*", "111122223333"]}), false),
        ("Principal", json!("*"), json!({"Service": "*"}), false),
        ("Action", json!("kms:Decrypt"), json!(["KMS:decrypt"]), true),
        ("Action", json!(["a:B", "a:C"]), json!(["a:C", "a:B", "a:b"]), true),
        ("Action", json!(["a:B", "a:C"]), json!(["a:B"]), false),
        ("Resource", json!("*"), json!(["*"]), true),
        ("Resource", json!("arn:aws:s3:::b/A"), json!("arn:aws:s3:::b/a"), false),
        ("Effect", json!("Allow"), json!("Deny"), false),
        ("Sid", json!("s"), json!("S"), false),
        (
            "Condition",
            condition("StringEquals", "aws:PrincipalOrgID", json!("o-a")),
            condition("stringequals", "AWS:principalorgid", json!(["o-a"])),
            true,
        ),
        (
            "Condition",
            condition("StringEquals", "aws:PrincipalOrgID", json!("o-a")),
            condition("StringEquals", "aws:PrincipalOrgID", json!("O-a")),
            false,
        ),
        (
            "Condition",
            condition("StringEquals", "aws:PrincipalOrgID", json!("o-a")),
            condition("StringLike", "aws:PrincipalOrgID", json!("o-a")),
            false,
        ),
        (
            "Condition",
            condition("StringEquals", "k", json!(["a", "b"])),
            condition("StringEquals", "k", json!(["b", "a"])),
            true,
        ),
        ("Condition", condition("Bool", "k", json!(true)), condition("Bool", "k", json!("true")), true),
        ("Condition", condition("Bool", "k", json!(true)), condition("Bool", "k", json!(false)), false),
        ("Condition", json!({}), condition("Bool", "k", json!(false)), false),
        ("Unknown", json!(1), json!(2), false),
    ];
    for (element, one, other, same) in table {
        assert_eq!(with(element, &one) == with(element, &other), same, "{element}: {one} and {other}");
    }
}

#[test]
fn an_element_and_its_negation_differ() {
    for (element, not) in
        [("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource")]
    {
        let mut one = json!({"Effect": "Allow", "Principal": "*", "Action": "a:B", "Resource": "*"});
        let before = normal(&one);
        let value = one.as_object_mut().unwrap().remove(element).unwrap();
        one[not] = value;
        assert_ne!(normal(&one), before, "{element}");
    }
}

/// Another spelling: members and list items turned round, single values listed, account ids as root ARNs.
fn respelled(json: &Json, is_value: bool) -> Json {
    match json {
        Json::Object(members) => {
            let each = |(name, value): &(String, Json)| {
                let value = if name == "x-Unknown" { value.clone() } else { respelled(value, is_list(name)) };
                (name.clone(), value)
            };
            Json::Object(members.iter().rev().map(each).collect())
        }
        Json::List(items) => Json::List(items.iter().rev().map(|item| respelled(item, false)).collect()),
        Json::Text(_) if is_value => Json::List(vec![json.clone(), json.clone()]),
        other => other.clone(),
    }
}

/// Whether a text here may as well be a list of it.
fn is_list(name: &str) -> bool {
    matches!(name, "Action" | "Resource" | "AWS" | "Service")
        || name.contains(":Principal")
        || name.contains(":principal")
}

proptest! {
    #[test]
    fn a_statement_is_the_same_however_it_is_spelled(statement in statement(), noise in noise()) {
        let text = Sample { json: respelled(&statement, false), noise }.text();
        let other: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(normal(&other), normal(&statement.value()));
    }

    #[test]
    fn one_action_or_condition_more_is_another(statement in statement()) {
        let before = normal(&statement.value());
        let mut more = statement.value();
        more["Action"] = json!(["kms:Encrypt", "kms:Decrypt"]);
        prop_assert_ne!(normal(&more), before.clone());
        let mut more = statement.value();
        more["Condition"]["Bool"] = json!({"aws:SecureTransport": "true"});
        prop_assert_ne!(normal(&more), before);
    }
}
