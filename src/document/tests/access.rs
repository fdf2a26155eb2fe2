use proptest::{prelude::*, test_runner::TestCaseError};
use serde_json::{Value, json};

use super::{
    super::{Conditions, Document, Grantee, Named, Statement, Understood},
    evaluate::{CALLERS, names_everyone},
    samples::{condition, policy},
};
use crate::model::{AccountId, Arn};

fn account(id: &str) -> Grantee {
    Grantee::Account(id.parse::<AccountId>().unwrap())
}

fn arn(text: &str) -> Arn {
    text.parse().unwrap()
}

fn document(statement: &Value) -> Document {
    Document::empty().with_statement("s", statement).unwrap()
}

fn allow(principal: &Value, condition: &Value) -> Document {
    document(
        &json!({"Sid": "s", "Effect": "Allow", "Principal": principal, "Action": "kms:Decrypt", "Condition": condition}),
    )
}

fn grantees(document: &Document) -> Vec<Grantee> {
    document.access().into_iter().map(|grant| grant.grantee).collect()
}

fn not_understood(document: &Document) -> Vec<String> {
    document.access().iter().flat_map(|g| &g.conditions.not_understood).map(ToString::to_string).collect()
}

/// A principal, whom it is, and whether it is understood.
#[test]
fn each_principal_is_its_grantee() {
    let org_role = "arn:aws:iam::111122223333:role/team/r";
    let session = "arn:aws:sts::111122223333:assumed-role/r/s";
    let oai = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2ABC";
    let table = [
        (json!("*"), Grantee::Everyone, true),
        (json!({"AWS": "*"}), Grantee::Everyone, true),
        (json!({"AWS": "111122223333"}), account("111122223333"), true),
        (json!({"AWS": "arn:aws:iam::111122223333:root"}), account("111122223333"), true),
        (json!({"AWS": "arn:aws-cn:iam::111122223333:root"}), account("111122223333"), true),
        (json!({"AWS": org_role}), Grantee::Role(arn(org_role)), true),
        (
            json!({"AWS": "arn:aws:iam::111122223333:user/u"}),
            Grantee::User(arn("arn:aws:iam::111122223333:user/u")),
            true,
        ),
        (json!({"AWS": session}), Grantee::OtherIdentity(arn(session)), true),
        (json!({"AWS": "AROA1234567890ABCDEF"}), Grantee::UniqueId("AROA1234567890ABCDEF".into()), true),
        (json!({"AWS": "AIDAJQABLZS4A3QDU576Q"}), Grantee::UniqueId("AIDAJQABLZS4A3QDU576Q".into()), true),
        (json!({"AWS": oai}), Grantee::OriginAccessIdentity("E2ABC".into()), true),
        (json!({"Service": "sns.amazonaws.com"}), Grantee::Service("sns.amazonaws.com".into()), true),
        (json!({"Federated": "accounts.google.com"}), Grantee::Federated("accounts.google.com".into()), true),
        (json!({"CanonicalUser": "79a5"}), Grantee::CanonicalUser("79a5".into()), true),
        (json!({"AWS": "arn:aws:iam::111122223333:role/*"}), Grantee::Everyone, false),
        (json!({"AWS": "arn:aws:iam::*:root"}), Grantee::Everyone, false),
        (json!({"AWS": "1111222233??"}), Grantee::Everyone, false),
        (json!({"AWS": "${aws:userid}"}), Grantee::Everyone, false),
        (json!({"AWS": "11112222333"}), Grantee::Everyone, false),
        (json!({"AWS": "arn:aws:iam::cloudfront:user/x"}), Grantee::Everyone, false),
        (json!({"AWS": "arn:aws:iam:::role/r"}), Grantee::Everyone, false),
        (json!({"AWS": "arn:aws:organizations::111122223333:organization/o-a"}), Grantee::Everyone, false),
        (json!({"AWS": ""}), Grantee::Everyone, false),
        (json!({"AWS": "aroa1234567890abcdef"}), Grantee::Everyone, false),
        (json!({"aws": "111122223333"}), Grantee::Everyone, false),
        (json!({"Service": "*"}), Grantee::Everyone, false),
        (json!({"Federated": "*"}), Grantee::Everyone, false),
        (json!({"Team": "x"}), Grantee::Everyone, false),
    ];
    for (principal, grantee, understood) in table {
        let document = allow(&principal, &json!({}));
        assert_eq!(grantees(&document), [grantee], "{principal}");
        assert_eq!(not_understood(&document).is_empty(), understood, "{principal}");
    }
}

/// A condition on `*`, whom it leaves, and whether it is understood.
#[test]
fn only_a_limit_that_is_understood_is_one() {
    let one = |operator: &str, key: &str, values: Value| json!({ operator: { key: values } });
    let organization = |id: &str| Grantee::Organization(id.into());
    let path = |path: &str| Grantee::OrganizationPath(path.into());
    let everyone = || vec![Grantee::Everyone];
    let (org, paths) = ("aws:PrincipalOrgID", "aws:PrincipalOrgPaths");
    let (ou, a, b) = ("o-a/r-1/ou-1/*", account("111122223333"), account("444455556666"));
    let table = [
        (one("StringEquals", org, json!("o-a")), vec![organization("o-a")], true),
        (
            one("StringEquals", org, json!(["o-b", "o-a"])),
            vec![organization("o-a"), organization("o-b")],
            true,
        ),
        (one("stringLIKE", "AWS:principalORGid", json!(["o-a"])), vec![organization("o-a")], true),
        (one("StringEqualsIgnoreCase", org, json!("o-a")), vec![organization("o-a")], true),
        (one("StringEquals", org, json!(["o-a", "o-*"])), everyone(), false),
        (one("StringLike", org, json!("o-*")), everyone(), false),
        (one("StringLike", org, json!("o-?")), everyone(), false),
        (one("StringEquals", org, json!("*")), everyone(), false),
        (one("StringEquals", org, json!("${aws:ResourceOrgID}")), everyone(), false),
        (one("StringEquals", org, json!([])), everyone(), false),
        (one("StringEquals", org, json!("")), everyone(), false),
        (one("StringEquals", org, json!("o-")), everyone(), false),
        (one("StringEqualsIfExists", org, json!("o-a")), everyone(), false),
        (one("StringNotEquals", org, json!("o-a")), everyone(), false),
        (one("StringNotLike", org, json!("o-a")), everyone(), false),
        (one("ForAllValues:StringEquals", org, json!("o-a")), everyone(), false),
        (one("ForAnyValue:StringEquals", org, json!("o-a")), everyone(), false),
        (one("Null", org, json!("false")), everyone(), false),
        (one("ArnEquals", org, json!("o-a")), everyone(), false),
        (one("", org, json!("o-a")), everyone(), false),
        (one("StringEquals", "aws:ResourceOrgID", json!("o-a")), everyone(), false),
        (one("StringEquals", "aws:SourceOrgID", json!("o-a")), everyone(), false),
        (one("StringEquals", "aws:PrincipalOrgID ", json!("o-a")), everyone(), false),
        (
            json!({"StringEquals": {"aws:PrincipalOrgID": "o-a", "aws:principalorgid": "o-b"}}),
            everyone(),
            false,
        ),
        (
            json!({"StringEquals": {"aws:PrincipalOrgID": "o-a"}, "stringequals": {"aws:PrincipalOrgID": "o-b"}}),
            everyone(),
            false,
        ),
        (one("ForAnyValue:StringLike", paths, json!(ou)), vec![path(ou)], true),
        (
            one("ForAnyValue:StringLike", paths, json!([ou, "o-b/*"])),
            vec![organization("o-b"), path(ou)],
            true,
        ),
        (one("ForAnyValue:StringEquals", paths, json!("o-a/r-1/")), vec![path("o-a/r-1/")], true),
        (one("ForAnyValue:StringEquals", paths, json!(ou)), everyone(), false),
        (one("ForAnyValue:StringLikeIfExists", paths, json!(ou)), everyone(), false),
        (one("ForAllValues:StringLike", paths, json!(ou)), everyone(), false),
        (one("ForAnyValue:StringNotLike", paths, json!(ou)), everyone(), false),
        (one("StringLike", paths, json!(ou)), everyone(), false),
        (one("ForAnyValue:StringLike", paths, json!("o-*/r-1/ou-1/*")), everyone(), false),
        (one("ForAnyValue:StringLike", paths, json!("o-a*")), everyone(), false),
        (one("ForAnyValue:StringLike", paths, json!("*/ou-1/*")), everyone(), false),
        (one("ForAnyValue:StringLike", paths, json!("o-a/${x}/*")), everyone(), false),
        (one("StringEquals", "aws:PrincipalAccount", json!("111122223333")), vec![a.clone()], true),
        (
            one("StringEquals", "kms:CallerAccount", json!(["444455556666", "111122223333"])),
            vec![a.clone(), b.clone()],
            true,
        ),
        (one("StringLike", "aws:PrincipalAccount", json!("1111*")), everyone(), false),
        (one("StringEquals", "\u{212a}ms:CallerAccount", json!("111122223333")), everyone(), false),
        (one("StringEquals", "AWS:SourceOwner", json!("111122223333")), vec![a.clone()], true),
        (one("StringEquals", "aws:SourceAccount", json!(["111122223333"])), vec![a.clone()], true),
        (one("StringLike", "aws:SourceAccount", json!("1111*")), everyone(), false),
        (one("StringEqualsIfExists", "aws:SourceOwner", json!("111122223333")), everyone(), false),
        (one("StringEquals", "aws:SourceArn", json!("arn:aws:s3:::b")), everyone(), false),
        (one("IpAddress", "aws:SourceIp", json!("10.0.0.0/8")), everyone(), false),
        (one("StringEquals", "kms:ViaService", json!("ec2.eu-west-1.amazonaws.com")), everyone(), true),
        (one("Bool", "kms:GrantIsForAWSResource", json!(true)), everyone(), true),
        (one("Bool", "kms:GrantIsForAWSResource", json!(false)), everyone(), false),
        (one("BoolIfExists", "kms:GrantIsForAWSResource", json!(true)), everyone(), false),
        (json!({}), everyone(), true),
        // All have to be true: the narrower kind is whom they leave.
        (json!({"StringEquals": {org: "o-a"}, "ForAnyValue:StringLike": {paths: ou}}), vec![path(ou)], true),
        (json!({"StringEquals": {org: "o-a", "kms:CallerAccount": "444455556666"}}), vec![b], true),
        (
            json!({"StringEquals": {org: "o-a"}, "StringNotEquals": {"aws:PrincipalAccount": "111122223333"}}),
            vec![organization("o-a")],
            false,
        ),
        (
            json!({"StringEquals": {org: ["o-a", "o-b"]}, "StringLike": {org: "o-b"}}),
            vec![organization("o-b")],
            true,
        ),
    ];
    for (condition, expected, understood) in table {
        for principal in [json!("*"), json!({"AWS": "*"})] {
            let document = allow(&principal, &condition);
            assert_eq!(grantees(&document), expected, "{condition}");
            assert_eq!(
                not_understood(&document).is_empty(),
                understood,
                "{condition}: {:?}",
                not_understood(&document)
            );
        }
    }
}

#[test]
fn conditions_stay_with_a_grantee_that_needs_no_limit() {
    let condition = json!({
        "StringEquals": {"aws:PrincipalOrgID": "o-a", "kms:ViaService": "ec2.eu-west-1.amazonaws.com"},
        "StringEqualsIfExists": {"aws:PrincipalAccount": "1"},
    });
    let document = allow(
        &json!({"AWS": ["111122223333", "arn:aws:iam::111122223333:root"], "Service": "s.x"}),
        &condition,
    );
    assert_eq!(grantees(&document), [account("111122223333"), Grantee::Service("s.x".into())]);
    let grant = &document.access()[0];
    let understood = [
        Understood::PrincipalOrganizations(["o-a".to_owned()].into()),
        Understood::ViaServices(["ec2.eu-west-1.amazonaws.com".to_owned()].into()),
    ];
    assert_eq!(grant.conditions.understood, understood.into());
    let words: Vec<String> = grant.conditions.not_understood.iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "StringEqualsIfExists aws:PrincipalAccount = 1: an IfExists operator is true where the key is missing from a request"
        ]
    );
}

#[test]
fn not_principal_is_everyone_whatever_the_condition() {
    let document = document(
        &json!({"Sid": "s", "Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}, "NotAction": "kms:Put*",
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a"}}}),
    );
    assert_eq!(grantees(&document), [Grantee::Everyone]);
    assert_eq!(not_understood(&document).len(), 1);
    assert_eq!(document.access()[0].actions, Named::AllBut(["kms:Put*".to_owned()].into()));
}

#[test]
fn an_unknown_element_is_said() {
    let statement = json!({"Sid": "s", "Effect": "Allow", "Principal": "*", "Action": "a:B", "condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a"}}});
    assert_eq!(grantees(&document(&statement)), [Grantee::Everyone]);
    assert_eq!(not_understood(&document(&statement)), ["element condition: this element is not known here"]);
}

#[test]
fn a_denial_grants_nothing_and_limits_nothing() {
    let text = r#"{"Statement":[
        {"Effect":"Deny","Principal":"*","Action":"a:B","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-a"}}},
        {"Sid":"s","Effect":"Allow","Principal":"*","Action":"a:B"}]}"#;
    let document = Document::parse(text).unwrap();
    let access = document.access();
    assert_eq!(access.len(), 1);
    assert_eq!(
        (access[0].statement, access[0].sid.as_deref(), &access[0].grantee),
        (1, Some("s"), &Grantee::Everyone)
    );
    assert!(document.has_denies());
}

/// Whoever AWS lets in by `*` is one of the grantees.
fn says_all_who_are_let_in(document: &Document) -> Result<(), TestCaseError> {
    let access = document.access();
    for (at, statement) in document.statements().iter().enumerate().filter(|(_, s)| names_everyone(s)) {
        for caller in CALLERS.iter().filter(|caller| caller.is_let_in(statement)) {
            let mut granted = access.iter().filter(|grant| grant.statement == at);
            let said = granted.any(|grant| caller.is_of(&grant.grantee));
            prop_assert!(said, "{:?} by {}", caller, statement.text());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn access_says_at_least_what_is_granted(conditions in prop::collection::vec(condition(), 1..3)) {
        // Of two with the same operator the last stays.
        let mut all = json!({});
        for condition in conditions {
            all.as_object_mut().unwrap().extend(condition.value().as_object().unwrap().clone());
        }
        says_all_who_are_let_in(&allow(&json!("*"), &all))?;
    }
}

proptest! {
    #[test]
    fn access_says_it_of_whole_documents(sample in policy()) {
        says_all_who_are_let_in(&Document::parse(&sample.text()).unwrap())?;
    }

    #[test]
    fn an_unknown_condition_is_never_a_limit(operator in "[A-Za-z:]{0,20}", key in "[a-zA-Z]{1,6}:[A-Za-z]{1,16}", values in prop::collection::vec("[a-z0-9*-]{0,12}", 0..3)) {
        let known = ["aws:principal", "kms:caller", "aws:source", "kms:via", "kms:grant"];
        prop_assume!(!known.iter().any(|known| key.to_lowercase().starts_with(known)));
        let document = allow(&json!("*"), &json!({operator: {key: values}}));
        prop_assert_eq!(grantees(&document), vec![Grantee::Everyone]);
        prop_assert_eq!(not_understood(&document).len(), 1);
    }

    /// What is understood and what is not are all there is.
    #[test]
    fn no_condition_is_lost(conditions in prop::collection::vec(condition(), 0..4)) {
        for condition in conditions {
            let statement = json!({"Effect": "Allow", "Principal": "*", "Action": "a:B", "Condition": condition.value()});
            let conditions = Conditions::of(&Statement::of(&statement).unwrap());
            prop_assert_eq!(conditions.understood.len() + conditions.not_understood.len(), 1);
        }
    }
}
