//! What is put, refused, read and in force. Each case names its source; `[X]` is an assumption.

use serde_json::{Value, json};

use crate::aws::World;
use crate::aws::example::{self, DATA_PROD, NETWORK_PROD, PARTNER, ROLE};
use crate::aws::policy::bench::{Bench, EPOCH, but, code, document, new, role, root};
use crate::aws::policy::{NewObject, ObjectKind};

const WEB: &str = "222233335555";

fn bench() -> Bench {
    Bench::new(ObjectKind::Secret)
}

fn allow(principal: &Value) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": "secretsmanager:GetSecretValue", "Resource": "*"})
}

fn to_data() -> Value {
    allow(&json!({"AWS": root(DATA_PROD)}))
}

#[test]
fn a_secret_is_described_with_its_key_and_without_what_there_is_not() {
    let mut bench = bench();
    let key = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let params = json!({"SecretId": "db/main"});
    let described = bench.call(NETWORK_PROD, "DescribeSecret", &params).unwrap();
    assert_eq!((&described["ARN"], &described["Name"]), (&json!(bench.arn), &json!("db/main")));
    assert_eq!(described.get("KmsKeyId"), None, "model: the default key is not named");
    let policy = bench.call(NETWORK_PROD, "GetResourcePolicy", &params).unwrap();
    assert_eq!(policy, json!({"ARN": bench.arn, "Name": "db/main"}), "model: no ResourcePolicy");
    bench.world.add_object(NewObject { key: Some(key.into()), ..new(ObjectKind::Secret, "with-key") });
    let described = bench.call(NETWORK_PROD, "DescribeSecret", &json!({"SecretId": "with-key"})).unwrap();
    assert_eq!(described["KmsKeyId"], key);
}

#[test]
fn a_policy_is_put_read_and_deleted() {
    let mut bench = bench();
    let policy = document(&json!([to_data()])).replace(":[", ": \n[");
    let answer = bench.put(&policy).unwrap();
    assert_eq!(answer, json!({"ARN": bench.arn, "Name": "db/main"}));
    assert_eq!(bench.get().as_deref(), Some(policy.as_str()), "the bytes are kept [X]");
    let arn = bench.arn.clone();
    assert_eq!(bench.world.object_policy(&arn), Some(policy.as_str()));
    for _ in 0..2 {
        let params = json!({"SecretId": bench.arn});
        assert_eq!(bench.code(NETWORK_PROD, "DeleteResourcePolicy", &params), "ok", "a second time too [X]");
        assert_eq!((bench.get(), bench.reach()), (None, Vec::new()));
    }
}

#[test]
fn a_document_with_any_invalid_part_is_refused() {
    let own = bench().arn;
    let (one, malformed) = (to_data(), "MalformedPolicyDocumentException");
    let of = |statement: Value| document(&json!([statement]));
    let taken = [
        (of(one.clone()), "auth-and-access_examples_cross.html"),
        (of(but(&one, "Resource", json!(own))), "its own ARN"),
        (of(but(&one, "Resource", json!(own.replace("main", "*")))), "a pattern that it fits"),
        (of(but(&one, "Effect", json!("Deny"))), "repost secrets-manager-resource-policy"),
        (of(but(&one, "Action", json!(["secretsmanager:*"]))), "repost secrets-manager-resource-policy"),
        (of(but(&one, "Principal", json!("*"))), "public policies are not blocked by themselves"),
        (of(but(&one, "Sid", json!("größer ✓"))), "model: no limit to characters"),
        (document(&one), "IAM grammar: one statement, no list"),
    ];
    for (policy, source) in taken {
        let mut bench = bench();
        assert_eq!(code(bench.put(&policy)), "ok", "{source}: {policy}");
        assert_eq!(bench.get(), Some(policy));
    }
    let refused = [
        ("{".to_owned(), malformed, "not JSON"),
        (json!({"Statement": [one]}).to_string(), malformed, "auth-and-access_policy-elements.html"),
        (of(one.clone()).replace("2012-10-17", "2019-10-19"), malformed, "cloudformation-user-guide#623"),
        (document(&json!([])), malformed, "auth-and-access_policy-elements.html"),
        (of(but(&one, "Resource", Value::Null)), malformed, "auth-and-access_policy-elements.html"),
        (of(but(&one, "Resource", json!(own.replace("main", "other")))), malformed, "another secret [X]"),
        (of(but(&one, "Resource", json!(["*", "arn:aws:s3:::b"]))), malformed, "another resource [X]"),
        (of(but(&one, "Action", json!("s3:GetObject"))), malformed, "another service's action [X]"),
        (of(but(&one, "Action", Value::Null)), malformed, "IAM grammar"),
        (of(but(&one, "Principal", Value::Null)), malformed, "IAM grammar"),
        (
            of(allow(&json!({"AWS": role("222233334444").replace(ROLE, "gone")}))),
            malformed,
            "terraform#29496",
        ),
        (String::new(), "ValidationException", "model: one character at least"),
        (of(one.clone()) + &" ".repeat(20_480), "ValidationException", "model: 20,480 characters"),
    ];
    let mut bench = bench();
    bench.put(&of(one.clone())).unwrap();
    for (policy, expected, source) in refused {
        assert_eq!(bench.refuses(&policy, source).code, expected, "{source}: {policy:.300}");
    }
    let longest = of(one.clone());
    let padded = longest.clone() + &" ".repeat(20_480 - longest.len());
    assert_eq!(code(bench.put(&padded)), "ok", "model: 20,480 characters");
    let gone = bench.refuses(&of(allow(&json!({"AWS": "AROAEXAMPLEEXAMPLE123"}))), "terraform#29496");
    assert_eq!(gone.message, "This resource policy contains an unsupported principal.");
}

/// A condition on everybody, and whether `BlockPublicPolicy` refuses it: which do is assumed [X], but for none at all.
#[test]
fn broad_access_is_refused_where_the_caller_asks_for_that() {
    let everybody = |condition: Value| but(&allow(&json!({"AWS": "*"})), "Condition", condition);
    let organization = json!({"StringEquals": {"aws:PrincipalOrgID": "o-example001"}});
    let cases = [
        (everybody(Value::Null), true),
        (but(&everybody(Value::Null), "Effect", json!("Deny")), false),
        (to_data(), false),
        (everybody(organization.clone()), false),
        (
            everybody(json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-example001/r-ab12/*"}})),
            false,
        ),
        (everybody(json!({"StringLike": {"aws:PrincipalOrgID": "*"}})), true),
        (everybody(json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-example001"}})), true),
        (everybody(json!({"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}})), true),
        (
            but(
                &but(&everybody(organization), "Principal", Value::Null),
                "NotPrincipal",
                json!({"AWS": WEB}),
            ),
            false,
        ),
    ];
    for (statement, public) in cases {
        for block in [Some(true), Some(false), None] {
            let mut bench = bench();
            let policy = document(&json!([statement]));
            let params = json!({"SecretId": bench.arn, "ResourcePolicy": policy, "BlockPublicPolicy": block});
            let refused = public && block == Some(true);
            let expected = if refused { "PublicPolicyException" } else { "ok" };
            assert_eq!(bench.code(NETWORK_PROD, "PutResourcePolicy", &params), expected, "{statement}");
            assert_eq!(bench.get(), (!refused).then_some(policy));
        }
    }
}

#[test]
fn secrets_are_found_by_name_and_arn_and_open_to_whom_the_policy_lets_in() {
    let mut bench = bench();
    let policy_actions = json!(["secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy"]);
    bench.has(&json!([but(&to_data(), "Action", policy_actions)]));
    let arn = bench.arn.clone();
    let partial = arn.rsplit_once('-').unwrap().0.to_owned();
    let missing = arn.replace("main", "none");
    let denied = "AccessDeniedException";
    let cases = [
        (NETWORK_PROD, "db/main", "ok", "model"),
        (NETWORK_PROD, &arn, "ok", "model"),
        (NETWORK_PROD, &partial, "ok", "troubleshoot.html"),
        (NETWORK_PROD, "db/none", "ResourceNotFoundException", "model"),
        (NETWORK_PROD, &missing, "ResourceNotFoundException", "model"),
        (NETWORK_PROD, &arn.replace("eu-west-1", "eu-west-2"), "ResourceNotFoundException", "[X]"),
        (DATA_PROD, &arn, "ok", "auth-and-access_examples_cross.html"),
        (DATA_PROD, "db/main", "ResourceNotFoundException", "a name is of the caller's account"),
        (DATA_PROD, &missing, denied, "[X]"),
        (PARTNER, &arn, denied, "nothing lets it in"),
    ];
    for (account, id, expected, source) in cases {
        for operation in ["DescribeSecret", "GetResourcePolicy"] {
            let params = json!({"SecretId": id});
            assert_eq!(
                bench.code(account, operation, &params),
                expected,
                "{account} {operation} {id}: {source}"
            );
        }
    }
    let params = json!({"SecretId": arn});
    assert_eq!(bench.code(DATA_PROD, "DeleteResourcePolicy", &params), denied, "not of what is allowed");
    let refusal = bench.call(NETWORK_PROD, "GetResourcePolicy", &json!({"SecretId": "x"})).unwrap_err();
    assert_eq!(refusal.message, "Secrets Manager can't find the specified secret.");
    assert_eq!(bench.code(NETWORK_PROD, "GetResourcePolicy", &json!({})), "ValidationException");
    assert_eq!(bench.code(NETWORK_PROD, "GetSecretValue", &params), "UnknownOperationException");
    bench.has(
        &json!([{"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:Get*", "Resource": "*"}]),
    );
    let refusal = bench.call(NETWORK_PROD, "GetResourcePolicy", &params).unwrap_err();
    assert!(refusal.code == denied && refusal.message.contains("explicit deny"), "{refusal}");
}

#[test]
fn a_secret_that_is_marked_for_deletion_keeps_its_policy_to_itself() {
    let mut bench = bench();
    bench.has(&json!([to_data()]));
    let params = json!({"SecretId": bench.arn, "ResourcePolicy": document(&json!([to_data()]))});
    let list = |bench: &mut Bench, planned: bool| {
        let listed = bench.call(NETWORK_PROD, "ListSecrets", &json!({"IncludePlannedDeletion": planned}));
        listed.unwrap()["SecretList"].as_array().unwrap().len()
    };
    let marked = bench.call(NETWORK_PROD, "DeleteSecret", &params).unwrap();
    assert_eq!(marked["DeletionDate"], json!(EPOCH + 30.0 * 86_400.0), "API_DeleteSecret: 30 days");
    for operation in ["GetResourcePolicy", "PutResourcePolicy", "DeleteResourcePolicy"] {
        let refusal = bench.call(NETWORK_PROD, operation, &params).unwrap_err();
        assert_eq!(refusal.code, "InvalidRequestException", "kubernetes-external-secrets#114");
        assert!(refusal.message.contains("marked for deletion"), "{refusal}");
    }
    let described = bench.call(NETWORK_PROD, "DescribeSecret", &params).unwrap();
    assert_eq!(described["DeletedDate"], marked["DeletionDate"]);
    assert_eq!((list(&mut bench, false), list(&mut bench, true)), (0, 1), "IncludePlannedDeletion");
    assert_eq!(bench.code(NETWORK_PROD, "RestoreSecret", &params), "ok");
    assert_eq!(list(&mut bench, false), 1);
    assert!(bench.get().is_some());
    let soon = json!({"SecretId": bench.arn, "RecoveryWindowInDays": 3});
    assert_eq!(bench.code(NETWORK_PROD, "DeleteSecret", &soon), "InvalidParameterException", "7 to 30 days");
    let now = json!({"SecretId": bench.arn, "ForceDeleteWithoutRecovery": true});
    assert_eq!(bench.code(NETWORK_PROD, "DeleteSecret", &now), "ok");
    assert_eq!(bench.code(NETWORK_PROD, "DescribeSecret", &params), "ResourceNotFoundException");
}

#[test]
fn facts_are_what_a_policy_grants_outside_of_its_account() {
    let named = |name: &str, value: Value| json!([but(&to_data(), name, value)]);
    let own = bench().arn;
    let cases: [(Value, &[&str]); 8] = [
        (json!([to_data()]), &[DATA_PROD]),
        (json!([allow(&json!({"AWS": [role(DATA_PROD), root(NETWORK_PROD)]}))]), &[&role(DATA_PROD)]),
        (named("Resource", json!(own)), &[DATA_PROD]),
        (named("Resource", json!(own.replace("main", "other"))), &[]),
        (named("Action", json!("secretsmanager:ListSecrets")), &[]),
        (named("Action", json!("SecretsManager:getsecretvalue")), &[DATA_PROD]),
        (named("Action", json!("kms:Decrypt")), &[]),
        (
            json!([to_data(), {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:*", "Resource": "*",
                "Condition": {"StringNotEquals": {"aws:PrincipalAccount": WEB}}}]),
            &[],
        ),
    ];
    Bench::grants(ObjectKind::Secret, &cases);
    bench().reads_lag(&document(&json!([to_data()])));
}

#[test]
fn listings_are_whole_however_they_are_cut() {
    let mut bench = bench();
    bench.has_neighbours(6);
    let rows = bench.list("ListSecrets", "SecretList", ("NextToken", "MaxResults"));
    assert_eq!(rows.len(), 7);
    assert!(rows.iter().all(|row| row["ARN"].as_str().unwrap().contains(":111122223333:secret:")));
    for (size, expected) in [(0, "ValidationException"), (100, "ok"), (101, "ValidationException")] {
        assert_eq!(bench.code(NETWORK_PROD, "ListSecrets", &json!({"MaxResults": size})), expected, "model");
    }
    let guessed = json!({"NextToken": "guessed"});
    assert_eq!(bench.code(NETWORK_PROD, "ListSecrets", &guessed), "InvalidNextTokenException");
    let mut empty: World = example::organization(1, EPOCH);
    let caller = crate::aws::Caller::administrator(NETWORK_PROD, example::REGION);
    let none = empty.call(&caller, "secretsmanager", "ListSecrets", &json!({})).unwrap();
    assert_eq!(none["SecretList"], json!([]));
}
