//! What is put, refused, read and in force. Each case names its source; `[X]` is an assumption.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::aws::example::{DATA_PROD, NETWORK_PROD, PARTNER, REGION, ROLE};
use crate::aws::policy::bench::{Bench, but, code, document, new, role, root};
use crate::aws::policy::{NewObject, ObjectKind};
use crate::aws::weather::Pages;

const ARN: &str = "arn:aws:sns:eu-west-1:111122223333:alerts";

fn bench() -> Bench {
    Bench::new(ObjectKind::Topic)
}

fn allow(principal: &Value) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": "sns:Publish", "Resource": ARN})
}

fn to_data() -> Value {
    allow(&json!({"AWS": root(DATA_PROD)}))
}

#[test]
fn a_policy_is_put_and_read_and_never_taken_away() {
    let mut bench = bench();
    let default = bench.get().unwrap();
    let policy = document(&json!([to_data()])).replace(":[", ": \n[");
    assert_eq!(bench.put(&policy), Ok(json!({})));
    assert_eq!(bench.get().as_deref(), Some(policy.as_str()), "the bytes are kept [X]");
    let refusal = bench.refuses("", "topic_policy.go of terraform-provider-aws");
    assert_eq!((refusal.status, refusal.code.as_str()), (400, "InvalidParameter"));
    let absent = json!({"TopicArn": ARN, "AttributeName": "Policy"});
    assert_eq!(bench.code(NETWORK_PROD, "SetTopicAttributes", &absent), "InvalidParameter", "[X]");
    assert_eq!(bench.get().as_deref(), Some(policy.as_str()));
    assert_eq!(bench.put(&default), Ok(json!({})), "as terraform-provider-aws does instead");
    assert_eq!((bench.get(), bench.reach()), (Some(default), vec![]));
}

#[test]
fn a_topic_starts_with_the_default_policy_that_lets_nobody_else_in() {
    let mut bench = bench();
    let default: Value = serde_json::from_str(&bench.get().unwrap()).unwrap();
    assert_eq!((&default["Version"], &default["Id"]), (&json!("2008-10-17"), &json!("__default_policy_ID")));
    let [statement] = default["Statement"].as_array().unwrap().as_slice() else { panic!("one: {default}") };
    assert_eq!(statement["Sid"], "__default_statement_ID");
    assert_eq!(statement["Principal"], json!({"AWS": "*"}));
    assert_eq!(statement["Resource"], ARN);
    assert_eq!(statement["Condition"], json!({"StringEquals": {"AWS:SourceOwner": NETWORK_PROD}}));
    let actions = statement["Action"].as_array().unwrap();
    assert!(
        actions.len() == 8 && actions.contains(&json!("SNS:Publish")),
        "azul#5651, today without Receive"
    );
    assert_eq!((bench.granted(), bench.reach()), (BTreeSet::new(), vec![]), "model: only the topic owner");
    let there = json!({"TopicArn": ARN});
    assert_eq!(bench.code(NETWORK_PROD, "GetTopicAttributes", &there), "ok");
    assert_eq!(bench.code(DATA_PROD, "GetTopicAttributes", &there), "AuthorizationError");
    let policy = Some(document(&json!([to_data()])));
    let arn = bench.world.add_object(NewObject { policy: policy.clone(), ..new(ObjectKind::Topic, "old") });
    assert_eq!(bench.world.object_policy(&arn), policy.as_deref(), "one that is given is kept");
}

#[test]
fn attributes_are_those_that_there_are() {
    let mut bench = bench();
    let key = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let with_key = NewObject { key: Some(key.into()), ..new(ObjectKind::Topic, "alerts.fifo") };
    let with_key = bench.world.add_object(with_key);
    assert_eq!(with_key, "arn:aws:sns:eu-west-1:111122223333:alerts.fifo", "model");
    bench.has(&json!([to_data()]));
    let mut told = |arn: &str| {
        let told = bench.call(NETWORK_PROD, "GetTopicAttributes", &json!({"TopicArn": arn})).unwrap();
        told["Attributes"].clone()
    };
    let policy = document(&json!([to_data()]));
    assert_eq!(told(ARN), json!({"TopicArn": ARN, "Owner": NETWORK_PROD, "Policy": policy}), "model");
    assert_eq!(told(&with_key)["KmsMasterKeyId"], key, "model");
    let other = json!({"TopicArn": ARN, "AttributeName": "Color", "AttributeValue": "red"});
    let refusal = bench.call(NETWORK_PROD, "SetTopicAttributes", &other).unwrap_err();
    assert_eq!(refusal.to_string(), "InvalidParameter: Invalid parameter: AttributeName", "[X]");
    assert_eq!(bench.code(NETWORK_PROD, "Publish", &json!({"TopicArn": ARN})), "InvalidAction");
}

#[test]
fn a_document_that_sns_can_use_is_taken() {
    let one = to_data();
    let of = |statement: Value| document(&json!([statement]));
    let longest = of(to_data()) + &" ".repeat(30_720 - of(to_data()).len());
    let taken = [
        (of(one.clone()), "sns-access-policy-use-cases.html"),
        (json!({"Statement": [one]}).to_string(), "sns-access-policy-use-cases.html: no version"),
        (json!({"Version": "2008-10-17", "Statement": one}).to_string(), "IAM grammar"),
        (of(but(&one, "Action", json!("SNS:Publish"))), "actions are compared without case"),
        (of(but(&one, "Action", json!(["sns:Subscribe", "sns:Receive"]))), "aws-cli#3143"),
        (of(but(&one, "Resource", json!("*"))), "CloudFormation: Declaring an Amazon SNS topic policy"),
        (of(but(&one, "Resource", json!([ARN]))), "one in a list"),
        (of(allow(&json!("*"))), "ScoutSuite#606"),
        (of(allow(&json!({"AWS": DATA_PROD}))), "sns-access-policy-use-cases.html"),
        (of(allow(&json!({"Service": "s3.amazonaws.com"}))), "sns-access-policy-use-cases.html"),
        (
            of(but(&one, "Condition", json!({"StringEquals": {"aws:PrincipalOrgID": "o-a"}}))),
            "custodian#6522",
        ),
        (longest, "Access Analyzer's model"),
    ];
    for (policy, source) in taken {
        let mut bench = bench();
        assert_eq!(code(bench.put(&policy)), "ok", "{source}: {policy:.300}");
        assert_eq!(bench.get(), Some(policy));
    }
}

#[test]
fn a_document_with_any_invalid_part_is_refused() {
    const NULL: &str = "Policy Error: null";
    const SCOPE: &str = "Policy statement action out of service scope!";
    const SINGLE: &str = "Policy statement must apply to a single resource!";
    const NOBODY: &str = "Policy Error: PrincipalNotFound";
    let one = to_data();
    let of = |statement: Value| document(&json!([statement]));
    let action = |action: Value| of(but(&to_data(), "Action", action));
    let resource = |resource: Value| of(but(&to_data(), "Resource", resource));
    let too_long = of(to_data()) + &" ".repeat(30_721 - of(to_data()).len());
    let refused = [
        ("{".to_owned(), NULL, "not JSON"),
        (document(&json!([])), NULL, "cloud-custodian#1779"),
        (of(one.clone()).replace("2012-10-17", "2020-01-01"), NULL, "IAM grammar"),
        (of(one.clone()).replace("Principal", "Principle"), NULL, "serverless#5519"),
        (action(Value::Null), NULL, "[X]"),
        (too_long, NULL, "[X]"),
        (action(json!(["sns:Publish", "sns:CreateTopic"])), SCOPE, "terraform#12740"),
        (action(json!("sns:SetSubscriptionAttributes")), SCOPE, "aws-cli#3143"),
        (action(json!("SNS:*")), SCOPE, "people report; ScoutSuite#1415 has it otherwise [X]"),
        (action(json!("*")), SCOPE, "[X]"),
        (action(json!("kms:Decrypt")), SCOPE, "people report"),
        (resource(json!([ARN, "arn:aws:sns:eu-west-1:111122223333:other"])), SINGLE, "people report"),
        (resource(json!(format!("{ARN}-other"))), SINGLE, "[X]"),
        (resource(Value::Null), SINGLE, "[X]"),
        (of(allow(&json!({"AWS": "arn:aws:iam::123:root"}))), NOBODY, "terraform#31538"),
        (of(allow(&json!({"AWS": role(DATA_PROD).replace(ROLE, "new")}))), NOBODY, "principals must exist"),
        (of(allow(&json!({"AWS": "AROAEXAMPLEEXAMPLE123"}))), NOBODY, "principals must exist"),
    ];
    let mut bench = bench();
    bench.put(&of(one)).unwrap();
    for (policy, words, source) in refused {
        let refusal = bench.refuses(&policy, source);
        assert_eq!((refusal.status, refusal.code.as_str()), (400, "InvalidParameter"), "{source}");
        assert_eq!(refusal.message, format!("Invalid parameter: {words}"), "{source}: {policy:.300}");
    }
}

#[test]
fn attributes_are_open_to_whom_the_policy_lets_in() {
    let mut bench = bench();
    let both = json!(["sns:GetTopicAttributes", "sns:SetTopicAttributes"]);
    let open = json!([but(&to_data(), "Action", both)]);
    let cases = [
        (NETWORK_PROD, ARN, "ok", "model"),
        (DATA_PROD, ARN, "ok", "ScoutSuite#1415"),
        (PARTNER, ARN, "AuthorizationError", "nothing lets it in"),
        (NETWORK_PROD, "arn:aws:sns:eu-west-1:111122223333:none", "NotFound", "model"),
        (NETWORK_PROD, "arn:aws:sns:eu-west-1:111122223333:Alerts", "NotFound", "case matters"),
        (DATA_PROD, "arn:aws:sns:eu-west-1:111122223333:none", "AuthorizationError", "[X]"),
        (NETWORK_PROD, "arn:aws:sns:us-east-1:111122223333:alerts", "InvalidParameter", "boto3#1084"),
        (NETWORK_PROD, "arn:aws:sqs:eu-west-1:111122223333:alerts", "InvalidParameter", "[X]"),
        (NETWORK_PROD, "alerts", "InvalidParameter", "amazon-rekognition-video-analyzer#41"),
    ];
    for (account, arn, expected, source) in cases {
        bench.has(&open);
        let policy = document(&json!([to_data()]));
        let params = json!({"TopicArn": arn, "AttributeName": "Policy", "AttributeValue": policy});
        for operation in ["GetTopicAttributes", "SetTopicAttributes"] {
            assert_eq!(bench.code(account, operation, &params), expected, "{account} {arn}: {source}");
        }
    }
    let mut refusal = |arn: &str, account: &str| {
        bench.call(account, "GetTopicAttributes", &json!({"TopicArn": arn})).unwrap_err()
    };
    let words = refusal("alerts", NETWORK_PROD).message;
    assert_eq!(words, "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1");
    let none = refusal("arn:aws:sns:eu-west-1:111122223333:none", NETWORK_PROD);
    assert_eq!((none.status, none.message.as_str()), (404, "Topic does not exist"));
    let denied = refusal(ARN, PARTNER);
    assert_eq!(denied.status, 403, "cloud-platform-environments#21094");
    let words = "no resource-based policy allows the SNS:GetTopicAttributes action";
    assert!(denied.message.ends_with(words), "{denied}");
    let deny = but(&but(&to_data(), "Effect", json!("Deny")), "Principal", json!("*"));
    bench.has(&json!([but(&deny, "Action", json!("sns:GetTopicAttributes"))]));
    let there = json!({"TopicArn": ARN});
    assert_eq!(
        bench.code(NETWORK_PROD, "GetTopicAttributes", &there),
        "AuthorizationError",
        "a Deny is for all"
    );
}

#[test]
fn facts_are_what_a_policy_grants_outside_of_its_account() {
    let named = |name: &str, value: Value| json!([but(&to_data(), name, value)]);
    let everybody = |key: &str, value: &str| {
        json!([but(&allow(&json!({"AWS": "*"})), "Condition", json!({"StringEquals": {key: value}}))])
    };
    let deny = but(&but(&to_data(), "Effect", json!("Deny")), "Action", json!("sns:Publish"));
    let cases: [(Value, &[&str]); 10] = [
        (json!([to_data()]), &[DATA_PROD]),
        (json!([allow(&json!({"AWS": [role(DATA_PROD), root(NETWORK_PROD)]}))]), &[&role(DATA_PROD)]),
        (named("Resource", json!("*")), &[DATA_PROD]),
        (named("Resource", json!(format!("{ARN}-other"))), &[]),
        (named("Action", json!("SNS:Subscribe")), &[DATA_PROD]),
        (named("Action", json!("SNS:SetTopicAttributes")), &[DATA_PROD]),
        (named("Action", json!("SNS:Receive")), &[]),
        (json!([to_data(), deny]), &[]),
        (everybody("AWS:SourceOwner", NETWORK_PROD), &[]),
        (everybody("aws:SourceOwner", DATA_PROD), &[DATA_PROD]),
    ];
    Bench::grants(ObjectKind::Topic, &cases);
    bench().reads_lag(&document(&json!([to_data()])));
}

#[test]
fn listings_are_whole_however_they_are_cut() {
    let mut bench = bench();
    let topic = |arn: &str| json!({"TopicArn": arn});
    assert_eq!(bench.call(NETWORK_PROD, "ListTopics", &json!({})), Ok(json!({"Topics": [topic(ARN)]})));
    bench.has_neighbours(249);
    for (cap, sizes) in [(None, vec![100, 100, 50]), (Some(60), vec![60, 60, 60, 60, 10])] {
        let mut weather = bench.world.weather().clone();
        weather.pages = Pages { cap, ..Pages::default() };
        bench.world.set_weather(weather);
        let (mut pages, mut all, mut params) = (Vec::new(), BTreeSet::new(), json!({}));
        loop {
            let page = bench.call(NETWORK_PROD, "ListTopics", &params).unwrap();
            let rows = page["Topics"].as_array().unwrap();
            pages.push(rows.len());
            all.extend(rows.iter().map(|row| row["TopicArn"].as_str().unwrap().to_owned()));
            let Some(next) = page.get("NextToken") else { break };
            params = json!({"NextToken": next});
        }
        assert_eq!((pages, all.len()), (sizes, 250), "model: 100 a page");
        let own = format!("arn:aws:sns:{REGION}:{NETWORK_PROD}:");
        assert!(all.iter().all(|arn| arn.starts_with(&own)), "{all:?}");
    }
    let guessed = json!({"NextToken": "guessed"});
    assert_eq!(bench.code(NETWORK_PROD, "ListTopics", &guessed), "InvalidParameter", "[X]");
    bench.world.delete_object(ARN);
    assert_eq!(bench.code(NETWORK_PROD, "GetTopicAttributes", &topic(ARN)), "NotFound");
    let first = bench.call(NETWORK_PROD, "ListTopics", &json!({})).unwrap();
    assert!(!first["Topics"].as_array().unwrap().contains(&topic(ARN)), "it is gone");
}
