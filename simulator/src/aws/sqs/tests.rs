//! What is put, refused, read and in force. Each case names its source; `[X]` is an assumption.

use serde_json::{Value, json};

use crate::aws::example::{DATA_PROD, NETWORK_PROD, PARTNER, ROLE};
use crate::aws::policy::bench::{Bench, URL, but, code, document, new, role, root};
use crate::aws::policy::{NewObject, ObjectKind};

const ARN: &str = "arn:aws:sqs:eu-west-1:111122223333:jobs";
const NOT_THERE: &str = "AWS.SimpleQueueService.NonExistentQueue";

fn bench() -> Bench {
    Bench::new(ObjectKind::Queue)
}

fn allow(principal: &Value) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage", "Resource": ARN})
}

fn to_data() -> Value {
    allow(&json!({"AWS": root(DATA_PROD)}))
}

#[test]
fn a_policy_is_put_read_and_taken_away() {
    let mut bench = bench();
    let policy = document(&json!([to_data()])).replace(":[", ": \n[");
    assert_eq!(bench.get(), None, "model: an attribute that is not there is not told");
    assert_eq!(bench.put(&policy), Ok(json!({})));
    assert_eq!(bench.get().as_deref(), Some(policy.as_str()), "the bytes are kept [X]");
    assert_eq!((bench.put(""), bench.get()), (Ok(json!({})), None));
    assert_eq!(bench.reach(), [] as [String; 0]);
    assert_eq!(bench.world.object_policy(ARN), None);
}

#[test]
fn attributes_are_told_to_whom_asks_for_them() {
    let mut bench = bench();
    let key = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    bench.world.add_object(NewObject { key: Some(key.into()), ..new(ObjectKind::Queue, "with-key") });
    bench.has(&json!([to_data()]));
    let mut told = |url: &str, names: &[&str]| {
        let params = json!({"QueueUrl": url, "AttributeNames": names});
        bench.call(NETWORK_PROD, "GetQueueAttributes", &params).map(|mut answer| answer["Attributes"].take())
    };
    let policy = document(&json!([to_data()]));
    let all = json!({"QueueArn": ARN, "Policy": policy, "SqsManagedSseEnabled": "true"});
    assert_eq!(told(URL, &["All"]), Ok(all.clone()));
    assert_eq!(told(URL, &["QueueArn", "Policy", "SqsManagedSseEnabled", "KmsMasterKeyId"]), Ok(all));
    assert_eq!(told(URL, &["QueueArn"]), Ok(json!({"QueueArn": ARN})));
    assert_eq!(told(URL, &[]), Ok(Value::Null), "model: without names nothing");
    assert_eq!(told(URL, &["KmsMasterKeyId"]), Ok(Value::Null), "the queue has no key");
    let other = told(&URL.replace("jobs", "with-key"), &["All"]).unwrap();
    assert_eq!((&other["KmsMasterKeyId"], &other["SqsManagedSseEnabled"]), (&json!(key), &json!("false")));
    assert_eq!(other.get("Policy"), None);
    let refusal = told(URL, &["QueueArn", "Color"]).unwrap_err();
    assert_eq!(
        (refusal.code.as_str(), refusal.message.as_str()),
        ("InvalidAttributeName", "Unknown Attribute Color.")
    );
    let params = json!({"QueueUrl": URL, "Attributes": {"Color": "red"}});
    assert_eq!(bench.code(NETWORK_PROD, "SetQueueAttributes", &params), "InvalidAttributeName");
    let nothing = json!({"QueueUrl": URL, "Attributes": {}});
    assert_eq!(bench.code(NETWORK_PROD, "SetQueueAttributes", &nothing), "MissingParameter");
}

#[test]
fn a_document_with_any_invalid_part_is_refused() {
    let one = to_data();
    let of = |statement: Value| document(&json!([statement]));
    let actions = |count: usize| json!(vec!["sqs:SendMessage"; count]);
    let accounts = |count: usize| json!({"AWS": vec![DATA_PROD; count]});
    let keys = |count: usize| {
        let keys = (0..count).map(|index| (format!("aws:RequestTag/{index}"), json!("x")));
        json!({"StringEquals": keys.collect::<serde_json::Map<_, _>>()})
    };
    let many = |count: usize| document(&Value::Array(vec![to_data(); count]));
    let longest = |bytes: usize| of(to_data()) + &" ".repeat(bytes - of(to_data()).len());
    let taken = [
        (of(one.clone()), "sqs-basic-examples-of-sqs-policies.html"),
        (json!({"Statement": [one]}).to_string(), "IAM grammar: 2008-10-17 where none is named"),
        (of(but(&one, "Action", json!("SQS:*"))), "actions are compared without case"),
        (of(but(&one, "Resource", json!("*"))), "[X]"),
        (of(but(&one, "Resource", json!("arn:aws:sqs:*:111122223333:jo*"))), "a pattern that it fits"),
        (of(allow(&json!("*"))), "sqs-basic-examples-of-sqs-policies.html"),
        (of(allow(&json!({"Service": "sns.amazonaws.com"}))), "aspire#3333"),
        (of(but(&one, "Action", actions(7))), "quotas-policies.html"),
        (of(allow(&accounts(50))), "quotas-policies.html"),
        (of(but(&one, "Condition", keys(10))), "quotas-policies.html"),
        (many(20), "quotas-policies.html"),
        (longest(8_192), "quotas-policies.html"),
    ];
    for (policy, source) in taken {
        let mut bench = bench();
        assert_eq!(code(bench.put(&policy)), "ok", "{source}: {policy:.300}");
        assert_eq!(bench.get(), Some(policy));
    }
    let refused = [
        ("{".to_owned(), "not JSON"),
        (document(&json!([])), "cloud-custodian#1816"),
        (of(one.clone()).replace("2012-10-17", "2020-01-01"), "IAM grammar"),
        (of(but(&one, "Resource", Value::Null)), "aws-cdk#1675"),
        (of(but(&one, "Resource", json!(format!("{ARN}-other")))), "the queue's own ARN"),
        (of(but(&one, "Action", json!("sns:Publish"))), "[X]"),
        (of(allow(&json!({"AWS": role(DATA_PROD).replace(ROLE, "new")}))), "principals are looked for"),
        (of(allow(&json!({"AWS": "AROAEXAMPLEEXAMPLE123"}))), "principals are looked for"),
        (of(but(&one, "Action", actions(8))), "quotas-policies.html"),
        (of(allow(&accounts(51))), "quotas-policies.html"),
        (of(but(&one, "Condition", keys(11))), "quotas-policies.html"),
        (many(21), "quotas-policies.html"),
        (longest(8_193), "quotas-policies.html"),
    ];
    let mut bench = bench();
    bench.put(&of(one)).unwrap();
    for (policy, source) in refused {
        let refusal = bench.refuses(&policy, source);
        assert_eq!(refusal.code, "InvalidAttributeValue", "{source}: {policy:.300}");
        assert_eq!(refusal.message, "Invalid value for the parameter Policy.", "terraform#42209");
    }
}

#[test]
fn queues_are_found_by_name_by_whom_the_policy_lets_in() {
    let mut bench = bench();
    bench.has(&json!([but(&to_data(), "Action", json!("sqs:*"))]));
    let there = json!({"QueueUrl": URL});
    let cases = [
        (NETWORK_PROD, None, "jobs", Ok(there.clone()), "model"),
        (NETWORK_PROD, Some(NETWORK_PROD), "jobs", Ok(there.clone()), "model"),
        (NETWORK_PROD, None, "Jobs", Err("The specified queue does not exist."), "model: case matters"),
        (DATA_PROD, None, "jobs", Err("The specified queue does not exist."), "its own it has not"),
        (DATA_PROD, Some(NETWORK_PROD), "jobs", Ok(there), "model"),
        (
            PARTNER,
            Some(NETWORK_PROD),
            "jobs",
            Err("The specified queue does not exist or you do not have access to it."),
            "[X]",
        ),
        (
            DATA_PROD,
            Some(NETWORK_PROD),
            "none",
            Err("The specified queue does not exist or you do not have access to it."),
            "[X]",
        ),
    ];
    for (account, owner, name, expected, source) in cases {
        let params = json!({"QueueName": name, "QueueOwnerAWSAccountId": owner});
        let answer = bench.call(account, "GetQueueUrl", &params).map_err(|refusal| {
            assert_eq!(refusal.code, NOT_THERE);
            refusal.message
        });
        assert_eq!(answer, expected.map_err(str::to_owned), "{account} {owner:?} {name}: {source}");
    }
}

#[test]
fn attributes_are_the_owners_to_set_whoever_may_read_them() {
    let mut bench = bench();
    bench.has(&json!([but(&to_data(), "Action", json!("sqs:*"))]));
    let policy = document(&json!([to_data()]));
    let cases = [
        (NETWORK_PROD, URL, "ok", "ok", "model"),
        (NETWORK_PROD, "http://127.0.0.1:4566/111122223333/jobs", "ok", "ok", "any host"),
        (
            NETWORK_PROD,
            "https://sqs.eu-west-1.amazonaws.com/111122223333/none",
            NOT_THERE,
            NOT_THERE,
            "model",
        ),
        (NETWORK_PROD, "jobs", "InvalidAddress", "InvalidAddress", "model"),
        (DATA_PROD, URL, "ok", "AccessDenied", "sqs-limitations-of-custom-policies.html"),
        (PARTNER, URL, "AccessDenied", "AccessDenied", "nothing lets it in"),
    ];
    for (account, url, read, write, source) in cases {
        let params = json!({"QueueUrl": url, "AttributeNames": ["All"], "Attributes": {"Policy": policy}});
        assert_eq!(bench.code(account, "GetQueueAttributes", &params), read, "{account} {url}: {source}");
        assert_eq!(bench.code(account, "SetQueueAttributes", &params), write, "{account} {url}: {source}");
        bench.has(&json!([but(&to_data(), "Action", json!("sqs:*"))]));
    }
    let denied = bench.call(PARTNER, "GetQueueAttributes", &json!({"QueueUrl": URL})).unwrap_err();
    assert_eq!(denied.status, 403, "island.is#7812");
    assert!(
        denied.message.ends_with("no resource-based policy allows the sqs:getqueueattributes action"),
        "{denied}"
    );
    bench.has(&json!([but(&but(&to_data(), "Effect", json!("Deny")), "Principal", json!("*"))]));
    assert!(bench.get().is_some(), "what is denied is SendMessage");
    assert_eq!(bench.code(NETWORK_PROD, "SendMessage", &json!({})), "UnknownOperationException");
}

#[test]
fn facts_are_what_a_policy_grants_outside_of_its_account() {
    let named = |name: &str, value: Value| json!([but(&to_data(), name, value)]);
    let cases: [(Value, &[&str]); 8] = [
        (json!([to_data()]), &[DATA_PROD]),
        (json!([allow(&json!({"AWS": [role(DATA_PROD), root(NETWORK_PROD)]}))]), &[&role(DATA_PROD)]),
        (named("Resource", json!(["*"])), &[DATA_PROD]),
        (named("Resource", json!(format!("{ARN}-other"))), &[]),
        (named("Action", json!(["sqs:SetQueueAttributes", "sqs:AddPermission"])), &[]),
        (named("Action", json!("SQS:Receive*")), &[DATA_PROD]),
        (named("Action", json!("kms:Decrypt")), &[]),
        (json!([to_data(), but(&but(&to_data(), "Effect", json!("Deny")), "Action", json!("sqs:*"))]), &[]),
    ];
    Bench::grants(ObjectKind::Queue, &cases);
    bench().reads_lag(&document(&json!([to_data()])));
}

#[test]
fn listings_are_whole_however_they_are_cut() {
    let mut bench = bench();
    let list = |bench: &mut Bench, params: Value| bench.call(NETWORK_PROD, "ListQueues", &params);
    assert_eq!(list(&mut bench, json!({})), Ok(json!({"QueueUrls": [URL]})));
    assert_eq!(list(&mut bench, json!({"QueueNamePrefix": "no"})), Ok(json!({})), "no QueueUrls [C]");
    bench.has_neighbours(6);
    let urls = bench.list("ListQueues", "QueueUrls", ("NextToken", "MaxResults"));
    assert_eq!(urls.len(), 7);
    let some = list(&mut bench, json!({"QueueNamePrefix": "more-", "MaxResults": 1000})).unwrap();
    assert_eq!(some["QueueUrls"].as_array().unwrap().len(), 6);
    bench.has_neighbours(1100);
    let cut = list(&mut bench, json!({})).unwrap();
    assert_eq!((cut["QueueUrls"].as_array().unwrap().len(), cut.get("NextToken")), (1000, None), "model");
    let whole = list(&mut bench, json!({"MaxResults": 1000})).unwrap();
    assert!(whole["NextToken"].is_string(), "model: only with MaxResults");
    for (params, expected) in [
        (json!({"MaxResults": 0}), "InvalidParameterValue"),
        (json!({"MaxResults": 1001}), "InvalidParameterValue"),
        (json!({"MaxResults": 5, "NextToken": "guessed"}), "InvalidParameterValue"),
        (json!({"NextToken": whole["NextToken"]}), "MissingParameter"),
    ] {
        assert_eq!(code(list(&mut bench, params.clone())), expected, "[X]: {params}");
    }
    bench.world.delete_object(ARN);
    let params = json!({"QueueName": "jobs"});
    assert_eq!(bench.code(NETWORK_PROD, "GetQueueUrl", &params), NOT_THERE);
}
