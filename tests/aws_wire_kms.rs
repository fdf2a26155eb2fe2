//! The real AWS SDK's KMS client on the simulated wire, under paused time.

#![expect(clippy::unwrap_used, reason = "a step of a test that fails is the test failing")]

use std::time::Duration;

use aws_config::{Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_kms::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::{RequestId, put_key_policy::PutKeyPolicyError},
    types::{GrantOperation, KeyManagerType, KeyState as State},
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde_json::{Value, json};
use simulator::aws::{
    Caller, Net,
    action::Action,
    connector, example,
    journal::Kind,
    kms::{KeyManager, KeyState, NewGrant, NewKey},
    sts::Role,
    weather::{Calls, Fault, Lag, Moment, Pages, Throttle, Trouble, Weather},
};

const EPOCH: f64 = 1_800_000_000.0;
const OWNER: &str = example::NETWORK_PROD;
const DATA: &str = example::DATA_PROD;
const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn new_key() -> NewKey {
    NewKey { account: OWNER.into(), region: example::REGION.into(), ..NewKey::default() }
}

/// The example organization with one key of network-prod.
fn net() -> Net {
    let net = Net::new(example::organization(7, EPOCH), simulator::aws::Clock::starting_at(EPOCH));
    net.world().add_key(NewKey { id: Some(ID.into()), ..new_key() });
    net.world().journal_mut().clear();
    net
}

fn client_of(net: &Net, credentials: Credentials, attempts: u32) -> Client {
    let config = SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
        .region(Region::new(example::REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard().with_max_attempts(attempts))
        .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_mins(1)).build())
        .http_client(connector(net))
        .build();
    Client::new(&config)
}

/// The administrator of an account, without repeats.
fn client(net: &Net, account: &str) -> Client {
    client_of(net, Credentials::new(format!("AKIA{account}"), "secret", None, None, "test"), 1)
}

fn code<T, E: ProvideErrorMetadata>(result: Result<T, SdkError<E, HttpResponse>>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => error
            .as_service_error()
            .map_or_else(|| "no answer".to_owned(), |e| e.code().unwrap_or("no code").to_owned()),
    }
}

fn root(account: &str) -> String {
    format!("arn:aws:iam::{account}:root")
}

/// A policy for the owner, and one other principal who may decrypt.
fn policy(other: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": root(OWNER)}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": other}, "Action": ["kms:Decrypt", "kms:DescribeKey"], "Resource": "*"},
    ]})
    .to_string()
}

async fn read(client: &Client) -> String {
    client.get_key_policy().key_id(ARN).policy_name("default").send().await.unwrap().policy.unwrap()
}

async fn put(client: &Client, policy: &str) -> Result<(), SdkError<PutKeyPolicyError, HttpResponse>> {
    client.put_key_policy().key_id(ARN).policy_name("default").policy(policy).send().await.map(|_| ())
}

/// Who is granted the key, outside of its account.
fn granted(net: &Net) -> Vec<String> {
    let now = net.now();
    net.world().policy_grants(now).into_iter().map(|grant| grant.principal).collect()
}

#[tokio::test(start_paused = true)]
async fn a_policy_is_read_replaced_and_on_record() {
    let net = net();
    let owner = client(&net, OWNER);
    assert!(read(&owner).await.contains("\"Sid\" : \"Enable IAM User Permissions\""), "KMS's default");
    assert_eq!(granted(&net), [] as [String; 0]);
    // Bytes that any reformatting would change.
    let text = policy(&root(DATA)).replace("\"Statement\":", "\n\t\"Statement\" :  ");
    put(&owner, &text).await.unwrap();
    assert_eq!(read(&owner).await, text);
    assert_eq!(granted(&net), [DATA]);
    let named = owner.get_key_policy().key_id(ID).send().await.unwrap();
    assert_eq!(named.policy_name(), Some("default"), "by key id, without a name");
    let world = net.world();
    let writes: Vec<_> = world.journal().writes().collect();
    assert_eq!(writes.len(), 1);
    assert_eq!(
        (writes[0].service.as_str(), writes[0].operation.as_str(), writes[0].effect, writes[0].status),
        ("kms", "PutKeyPolicy", true, 200)
    );
    assert_eq!(writes[0].params["Policy"], json!(text));
    assert!(
        world.journal().entries().iter().all(|e| e.service == "kms" && (e.kind == Kind::Write) == e.effect)
    );
}

#[tokio::test(start_paused = true)]
async fn keys_are_described_with_manager_and_state() {
    let net = net();
    let owner = client(&net, OWNER);
    let managed = net.world().add_key(NewKey { manager: KeyManager::Aws, ..new_key() });
    let multi = NewKey {
        id: Some("mrk-1234abcd12ab34cd56ef1234567890ab".into()),
        state: KeyState::PendingDeletion,
        ..new_key()
    };
    let multi = net.world().add_key(multi);
    for (arn, manager, state, multi) in [
        (ARN, KeyManagerType::Customer, State::Enabled, false),
        (&managed, KeyManagerType::Aws, State::Enabled, false),
        (&multi, KeyManagerType::Customer, State::PendingDeletion, true),
    ] {
        let key = owner.describe_key().key_id(arn).send().await.unwrap().key_metadata.unwrap();
        assert_eq!((key.arn(), key.aws_account_id()), (Some(arn), Some(OWNER)));
        assert_eq!((key.key_manager(), key.key_state()), (Some(&manager), Some(&state)));
        assert_eq!((key.enabled(), key.multi_region()), (state == State::Enabled, Some(multi)));
        assert_eq!(key.deletion_date().is_some(), state == State::PendingDeletion);
        assert!(key.creation_date().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn listings_are_whole_through_empty_and_short_pages() {
    let net = net();
    let owner = client(&net, OWNER);
    let grantee = format!("arn:aws:iam::{DATA}:role/{}", example::ROLE);
    for _ in 0..120 {
        net.world().add_key(new_key());
        let grant =
            NewGrant { grantee: grantee.clone(), operations: vec!["Decrypt".into()], ..NewGrant::default() };
        net.world().add_key_grant(ARN, grant).unwrap();
    }
    for pages in [
        Pages::default(),
        Pages { cap: Some(7), empty: 0.4, empty_first: true, trailing_token: 1.0, ..Pages::default() },
    ] {
        net.world().set_weather(Weather { pages, ..Weather::default() });
        let keys: Result<Vec<_>, _> =
            owner.list_keys().limit(1000).into_paginator().items().send().collect().await;
        assert_eq!(keys.unwrap().len(), 121);
        let grants: Result<Vec<_>, _> =
            owner.list_grants().key_id(ARN).into_paginator().items().send().collect().await;
        let grants = grants.unwrap();
        assert_eq!(grants.len(), 120);
        assert_eq!(grants[0].grantee_principal(), Some(grantee.as_str()));
        assert_eq!((grants[0].operations(), grants[0].key_id()), (&[GrantOperation::Decrypt][..], Some(ARN)));
    }
    net.world().set_weather(Weather::default());
    let page = owner.list_keys().send().await.unwrap();
    assert_eq!((page.keys().len(), page.truncated()), (100, true), "100 where nothing is asked");
    let page = owner.list_grants().key_id(ARN).send().await.unwrap();
    assert_eq!((page.grants().len(), page.truncated()), (50, true), "50 where nothing is asked");
    assert_eq!(code(owner.list_keys().limit(1001).send().await), "ValidationException");
    assert_eq!(code(owner.list_grants().key_id(ARN).limit(101).send().await), "ValidationException");
    let error = owner.list_keys().marker("guessed").send().await.unwrap_err();
    assert!(error.as_service_error().unwrap().is_invalid_marker_exception(), "{error:?}");
    assert_eq!(client(&net, DATA).list_keys().send().await.unwrap().keys().len(), 0);
}

type Is = fn(&PutKeyPolicyError) -> bool;

#[tokio::test(start_paused = true)]
async fn refusals_are_the_errors_that_the_sdk_knows() {
    let net = net();
    let owner = client(&net, OWNER);
    let before = read(&owner).await;
    let malformed: Is = PutKeyPolicyError::is_malformed_policy_document_exception;
    let cases: [(String, Is); 5] = [
        ("{".to_owned(), malformed),
        (policy(&format!("arn:aws:iam::{DATA}:role/nobody")), malformed),
        (policy(&root(DATA)).replace(&root(OWNER), &root(DATA)), malformed),
        (
            policy(&root(DATA)).replace(
                "\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::2",
                "\"Principal\":{\"AWS\":\"arn:aws:iam::2",
            ),
            malformed,
        ),
        (policy(&root(DATA)) + &" ".repeat(32_768), PutKeyPolicyError::is_limit_exceeded_exception),
    ];
    for (text, expected) in cases {
        let error = put(&owner, &text).await.unwrap_err();
        let answer = error.as_service_error().unwrap();
        assert!(expected(answer), "{text:.200}: {error:?}");
        assert!(answer.message().is_some() && answer.meta().request_id().is_some(), "{error:?}");
        assert_eq!(error.raw_response().unwrap().status().as_u16(), 400);
    }
    let locked = put(&owner, &policy(&root(DATA)).replace(&root(OWNER), &root(DATA))).await.unwrap_err();
    let message = locked.as_service_error().unwrap().message().unwrap();
    assert_eq!(message, "The new key policy will not allow you to update the key policy in the future.");
    let unknown = ARN.replace("1234abcd-", "00000000-");
    for id in [unknown.as_str(), "alias/app", "nothing"] {
        let error = owner.get_key_policy().key_id(id).send().await.unwrap_err();
        assert!(error.as_service_error().unwrap().is_not_found_exception(), "{id}: {error:?}");
    }
    let error = owner.describe_key().key_id("arn:aws:s3:::bucket").send().await.unwrap_err();
    assert!(error.as_service_error().unwrap().is_invalid_arn_exception(), "{error:?}");
    let error = owner.get_key_policy().key_id(ARN).policy_name("other").send().await.unwrap_err();
    assert!(error.as_service_error().unwrap().is_not_found_exception(), "{error:?}");
    assert_eq!(code(owner.list_aliases().send().await), "UnknownOperationException");
    assert_eq!(read(&owner).await, before);
    assert!(net.world().journal().entries().iter().all(|entry| !entry.effect), "nothing was changed");
}

#[tokio::test(start_paused = true)]
async fn a_key_policy_is_its_owners_alone_whatever_it_says() {
    let net = net();
    let everything = policy(&root(DATA)).replace("[\"kms:Decrypt\",\"kms:DescribeKey\"]", "\"kms:*\"");
    put(&client(&net, OWNER), &everything).await.unwrap();
    let (data, stranger) = (client(&net, DATA), client(&net, example::PARTNER));
    for other in [&data, &stranger] {
        assert_eq!(code(other.get_key_policy().key_id(ARN).send().await), "AccessDeniedException");
        assert_eq!(code(put(other, &policy(&root(DATA))).await), "AccessDeniedException");
    }
    for (other, may) in [(&data, "ok"), (&stranger, "AccessDeniedException")] {
        assert_eq!(code(other.describe_key().key_id(ARN).send().await), may);
        assert_eq!(code(other.list_grants().key_id(ARN).send().await), may);
    }
    // A role without the action, as its IAM policy has it.
    let actions = ["kms:GetKeyPolicy".to_owned()].into();
    let role = Role { trusted: [OWNER.to_owned()].into(), actions: Some(actions), ..Role::default() };
    let owner = Caller::administrator(OWNER, example::REGION);
    net.world().put_role(OWNER, "reader", role);
    let assume = json!({"RoleArn": format!("arn:aws:iam::{OWNER}:role/reader"), "RoleSessionName": "reader"});
    let session = net.world().call(&owner, "sts", "AssumeRole", &assume).unwrap();
    let text = |name: &str| session["Credentials"][name].as_str().unwrap().to_owned();
    let session = Credentials::new(
        text("AccessKeyId"),
        text("SecretAccessKey"),
        Some(text("SessionToken")),
        None,
        "test",
    );
    let reader = client_of(&net, session, 1);
    assert_eq!(read(&reader).await, everything);
    assert_eq!(code(put(&reader, &everything).await), "AccessDeniedException");
}

#[tokio::test(start_paused = true)]
async fn throttles_and_internal_errors_are_repeated_by_the_sdk() {
    let net = net();
    let key = Credentials::new(format!("AKIA{OWNER}"), "secret", None, None, "test");
    let owner = client_of(&net, key, 3);
    for (trouble, code, status) in [
        (Trouble::Throttle, "ThrottlingException", 400),
        (Trouble::InternalError, "KMSInternalException", 500),
        (Trouble::Unavailable, "DependencyTimeoutException", 503),
    ] {
        let faults = vec![Fault::once("GetKeyPolicy", Moment::Before, trouble)];
        net.world().set_weather(Weather { faults, ..Weather::default() });
        net.world().journal_mut().clear();
        read(&owner).await;
        let world = net.world();
        let told: Vec<_> = world.journal().entries().iter().map(|e| (e.code.as_deref(), e.status)).collect();
        assert_eq!(told, [(Some(code), status), (None, 200)]);
    }
    let calls = Calls { service: Some("kms".into()), ..Calls::default() };
    let throttles = vec![Throttle { calls, rate: 0.0, burst: 1.0 }];
    net.world().set_weather(Weather { throttles, ..Weather::default() });
    let once = client(&net, OWNER);
    read(&once).await;
    assert_eq!(code(once.get_key_policy().key_id(ARN).send().await), "ThrottlingException");
}

#[tokio::test(start_paused = true)]
async fn a_write_may_have_its_effect_though_no_answer_arrives() {
    let net = net();
    let owner = client(&net, OWNER);
    for (moment, trouble, effect) in [
        (Moment::Before, Trouble::Disconnect, false),
        (Moment::Before, Trouble::Silence, false),
        (Moment::Before, Trouble::AccessDenied, false),
        (Moment::After, Trouble::Disconnect, true),
        (Moment::After, Trouble::Silence, true),
        (Moment::After, Trouble::InternalError, true),
    ] {
        put(&owner, &policy(&root(example::PARTNER))).await.unwrap();
        let faults = vec![Fault::once("PutKeyPolicy", moment, trouble.clone())];
        net.world().set_weather(Weather { faults, ..Weather::default() });
        assert_ne!(code(put(&owner, &policy(&root(DATA))).await), "ok");
        net.world().set_weather(Weather::default());
        let expected = if effect { DATA } else { example::PARTNER };
        assert_eq!(granted(&net), [expected], "{moment:?} {trouble:?}");
        assert_eq!(net.world().journal().writes().last().unwrap().effect, effect);
    }
}

#[tokio::test(start_paused = true)]
async fn a_put_is_not_read_at_once_where_readers_lag() {
    let net = net();
    let owner = client(&net, OWNER);
    net.world().act(Action::AddKey { key: new_key() }).unwrap();
    let mut weather = Weather::default();
    weather.lags.policy = Lag::Fixed(20.0);
    net.world().set_weather(weather);
    let before = read(&owner).await;
    put(&owner, &policy(&root(DATA))).await.unwrap();
    assert_eq!(read(&owner).await, before);
    tokio::time::sleep(Duration::from_secs(21)).await;
    assert_eq!(read(&owner).await, policy(&root(DATA)));
}

#[tokio::test(start_paused = true)]
async fn people_and_deleted_roles_change_policies_behind_every_clients_back() {
    let net = net();
    let owner = client(&net, OWNER);
    let role = format!("arn:aws:iam::{DATA}:role/{}", example::ROLE);
    let params = json!({"KeyId": ARN, "Policy": policy(&role)});
    let answer =
        net.world().call(&Caller::administrator(OWNER, example::REGION), "kms", "PutKeyPolicy", &params);
    assert_eq!(answer, Ok(json!({})));
    assert_eq!(granted(&net), [role.as_str()]);
    let gone = Action::DeleteRole { account: DATA.into(), name: example::ROLE.into() };
    assert_eq!(net.world().act(gone), Ok(json!({})));
    let text = read(&owner).await;
    let read: Value = serde_json::from_str(&text).unwrap();
    let principal = read["Statement"][1]["Principal"]["AWS"].as_str().unwrap();
    assert!(principal.starts_with("AROA"), "{text}");
    assert_eq!(granted(&net), [] as [String; 0], "the role's grant is gone with it");
    assert!(
        put(&owner, &text)
            .await
            .unwrap_err()
            .as_service_error()
            .unwrap()
            .is_malformed_policy_document_exception()
    );
}

/// Over HTTP the request finds KMS by its target, signed or not.
#[tokio::test]
async fn the_loopback_port_serves_kms() {
    let net = net();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(simulator::aws::serve(listener, net.clone()));
    let config = SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
        .region(Region::new(example::REGION))
        .endpoint_url(&endpoint)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            format!("AKIA{OWNER}"),
            "secret",
            None,
            None,
            "test",
        )))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let owner = Client::new(&config);
    put(&owner, &policy(&root(DATA))).await.unwrap();
    assert_eq!(read(&owner).await, policy(&root(DATA)));
    let unsigned = bytes::Bytes::from_static(b"{}");
    let request =
        http::Request::post("/").header("X-Amz-Target", "TrentService.ListKeys").body(unsigned).unwrap();
    let answer = net.serve(request).await.unwrap().response;
    assert_eq!(answer.status(), 400);
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(body["__type"], "MissingAuthenticationTokenException");
    let facts = simulator::aws::admin(&net, "GET", "/_sim/policyGrants", b"").unwrap();
    assert_eq!(facts[0]["principal"], DATA);
    let reached = simulator::aws::admin(&net, "GET", &format!("/_sim/policyReach/{ARN}"), b"").unwrap();
    assert_eq!(reached, json!([DATA]));
    serving.abort();
}
