//! The real AWS SDK's clients of Secrets Manager, ECR, SQS and SNS on the simulated wire, under paused time.

#![expect(clippy::unwrap_used, reason = "a step of a test that fails is the test failing")]

use std::{collections::BTreeSet, time::Duration};

use aws_config::{Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_ecr::Client as Ecr;
use aws_sdk_secretsmanager::Client as Secrets;
use aws_sdk_sns::Client as Sns;
use aws_sdk_sqs::{Client as Sqs, types::QueueAttributeName as Attribute};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::{Value, json};
use simulator::aws::{
    Caller, Net,
    action::Action,
    connector, example,
    journal::Kind,
    policy::{NewObject, ObjectKind, PolicyGrant},
    sts::Role,
    weather::{Calls, Fault, Lag, Moment, Pages, Throttle, Trouble, Weather},
};

const EPOCH: f64 = 1_800_000_000.0;
const OWNER: &str = example::NETWORK_PROD;
const DATA: &str = example::DATA_PROD;
const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db/main-a1B2c3";
const REPOSITORY: &str = "arn:aws:ecr:eu-west-1:111122223333:repository/team/app";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:jobs";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:alerts";
const URL: &str = "https://sqs.eu-west-1.amazonaws.com/111122223333/jobs";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn object(kind: ObjectKind, name: &str) -> NewObject {
    NewObject {
        kind,
        account: OWNER.into(),
        region: example::REGION.into(),
        name: name.into(),
        ..NewObject::default()
    }
}

/// The example organization with a secret, a repository, a queue and a topic of network-prod.
fn net() -> Net {
    let net = Net::new(example::organization(7, EPOCH), simulator::aws::Clock::starting_at(EPOCH));
    {
        let mut world = net.world();
        let secret = object(ObjectKind::Secret, "db/main");
        world.add_object(NewObject { suffix: Some("a1B2c3".into()), key: Some(KEY.into()), ..secret });
        world.add_object(object(ObjectKind::Repository, "team/app"));
        world.add_object(NewObject { key: Some(KEY.into()), ..object(ObjectKind::Queue, "jobs") });
        world.add_object(NewObject { key: Some(KEY.into()), ..object(ObjectKind::Topic, "alerts") });
        world.journal_mut().clear();
    }
    net
}

struct Clients {
    secrets: Secrets,
    ecr: Ecr,
    sqs: Sqs,
    sns: Sns,
}

fn clients_of(net: &Net, credentials: Credentials, attempts: u32) -> Clients {
    let config = SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
        .region(Region::new(example::REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard().with_max_attempts(attempts))
        .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_mins(1)).build())
        .http_client(connector(net))
        .build();
    all(&config)
}

fn all(config: &SdkConfig) -> Clients {
    Clients {
        secrets: Secrets::new(config),
        ecr: Ecr::new(config),
        sqs: Sqs::new(config),
        sns: Sns::new(config),
    }
}

fn key_of(account: &str) -> Credentials {
    Credentials::new(format!("AKIA{account}"), "secret", None, None, "test")
}

/// The administrator of an account, without repeats.
fn clients(net: &Net, account: &str) -> Clients {
    clients_of(net, key_of(account), 1)
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

/// A policy of one statement, as the kind of object wants it.
fn policy(kind: ObjectKind, principal: &str) -> String {
    let (action, resource) = match kind {
        ObjectKind::Secret => ("secretsmanager:GetSecretValue", Some("*")),
        ObjectKind::Repository => ("ecr:BatchGetImage", None),
        ObjectKind::Queue => ("sqs:SendMessage", Some(QUEUE)),
        ObjectKind::Topic => ("sns:Publish", Some(TOPIC)),
    };
    let mut statement = json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action});
    if let Some(resource) = resource {
        statement.as_object_mut().unwrap().insert("Resource".to_owned(), json!(resource));
    }
    // Bytes that any reformatting would change.
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string().replace(":[", ": \n\t[")
}

const KINDS: [(ObjectKind, &str, &str); 4] = [
    (ObjectKind::Secret, SECRET, "secretsmanager"),
    (ObjectKind::Repository, REPOSITORY, "ecr"),
    (ObjectKind::Queue, QUEUE, "sqs"),
    (ObjectKind::Topic, TOPIC, "sns"),
];

impl Clients {
    /// The policy, or the code of the error.
    async fn read(&self, kind: ObjectKind) -> Result<Option<String>, String> {
        match kind {
            ObjectKind::Secret => {
                let answer = self.secrets.get_resource_policy().secret_id(SECRET).send().await;
                answer.map(|answer| answer.resource_policy).map_err(|e| code::<(), _>(Err(e)))
            }
            ObjectKind::Repository => {
                let answer = self.ecr.get_repository_policy().registry_id(OWNER).repository_name("team/app");
                answer.send().await.map(|answer| answer.policy_text).map_err(|e| code::<(), _>(Err(e)))
            }
            ObjectKind::Queue => {
                let asked = self.sqs.get_queue_attributes().queue_url(URL).attribute_names(Attribute::Policy);
                let answer = asked.send().await.map_err(|e| code::<(), _>(Err(e)))?;
                Ok(answer.attributes.and_then(|mut told| told.remove(&Attribute::Policy)))
            }
            ObjectKind::Topic => {
                let answer = self.sns.get_topic_attributes().topic_arn(TOPIC).send().await;
                let answer = answer.map_err(|e| code::<(), _>(Err(e)))?;
                Ok(answer.attributes.and_then(|mut told| told.remove("Policy")))
            }
        }
    }

    /// `ok`, or the code of the error.
    async fn put(&self, kind: ObjectKind, policy: &str) -> String {
        match kind {
            ObjectKind::Secret => {
                let put = self.secrets.put_resource_policy().secret_id(SECRET).resource_policy(policy);
                code(put.block_public_policy(true).send().await)
            }
            ObjectKind::Repository => {
                let put = self.ecr.set_repository_policy().registry_id(OWNER).repository_name("team/app");
                code(put.policy_text(policy).send().await)
            }
            ObjectKind::Queue => {
                let put = self.sqs.set_queue_attributes().queue_url(URL);
                code(put.attributes(Attribute::Policy, policy).send().await)
            }
            ObjectKind::Topic => {
                let put = self.sns.set_topic_attributes().topic_arn(TOPIC);
                code(put.attribute_name("Policy").attribute_value(policy).send().await)
            }
        }
    }

    /// A topic gets its default policy back: it cannot be without one.
    async fn remove(&self, kind: ObjectKind) -> String {
        match kind {
            ObjectKind::Secret => code(self.secrets.delete_resource_policy().secret_id(SECRET).send().await),
            ObjectKind::Repository => {
                code(self.ecr.delete_repository_policy().repository_name("team/app").send().await)
            }
            ObjectKind::Queue => self.put(kind, "").await,
            ObjectKind::Topic => self.put(kind, &default_of_topic()).await,
        }
    }
}

fn grants(net: &Net) -> Vec<PolicyGrant> {
    let now = net.now();
    net.world().policy_grants(now).into_iter().collect()
}

fn granted(net: &Net) -> Vec<String> {
    grants(net).into_iter().map(|grant| grant.principal).collect()
}

/// What SNS puts on a topic.
fn default_of_topic() -> String {
    let statement = json!({
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [
            "SNS:GetTopicAttributes",
            "SNS:SetTopicAttributes",
            "SNS:AddPermission",
            "SNS:RemovePermission",
            "SNS:DeleteTopic",
            "SNS:Subscribe",
            "SNS:ListSubscriptionsByTopic",
            "SNS:Publish",
        ],
        "Resource": TOPIC,
        "Condition": {"StringEquals": {"AWS:SourceOwner": OWNER}},
    });
    json!({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}).to_string()
}

/// What a read of no policy is, and of a topic that nobody put one on.
fn none(kind: ObjectKind) -> Result<Option<String>, String> {
    match kind {
        ObjectKind::Repository => Err("RepositoryPolicyNotFoundException".to_owned()),
        ObjectKind::Secret | ObjectKind::Queue => Ok(None),
        ObjectKind::Topic => Ok(Some(default_of_topic())),
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_is_put_read_removed_and_on_record() {
    for (kind, arn, service) in KINDS {
        let net = net();
        let owner = clients(&net, OWNER);
        assert_eq!(owner.read(kind).await, none(kind));
        let text = policy(kind, &root(DATA));
        assert_eq!(owner.put(kind, &text).await, "ok");
        assert_eq!(owner.read(kind).await, Ok(Some(text.clone())));
        let facts = grants(&net);
        assert_eq!((facts.len(), facts[0].object.as_str(), facts[0].principal.as_str()), (1, arn, DATA));
        assert_eq!(owner.remove(kind).await, "ok");
        assert_eq!((owner.read(kind).await, granted(&net)), (none(kind), vec![]));
        let world = net.world();
        assert!(world.journal().entries().iter().all(|entry| entry.service == service));
        let writes: Vec<_> = world.journal().writes().collect();
        assert_eq!(writes.len(), 2);
        assert!(writes.iter().all(|entry| entry.effect && entry.status == 200), "{writes:?}");
        assert!(writes[0].params.to_string().contains("2012-10-17"), "{writes:?}");
        assert_eq!(world.journal().entries().iter().filter(|entry| entry.kind == Kind::Read).count(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn objects_are_described_and_found() {
    let net = net();
    let owner = clients(&net, OWNER);
    let secret = owner.secrets.describe_secret().secret_id("db/main").send().await.unwrap();
    assert_eq!(
        (secret.arn(), secret.name(), secret.kms_key_id()),
        (Some(SECRET), Some("db/main"), Some(KEY))
    );
    assert!(secret.created_date().is_some() && secret.deleted_date().is_none());
    let repositories = owner.ecr.describe_repositories().repository_names("team/app").send().await.unwrap();
    let repository = &repositories.repositories()[0];
    assert_eq!((repository.repository_arn(), repository.registry_id()), (Some(REPOSITORY), Some(OWNER)));
    assert!(repository.created_at().is_some() && repository.encryption_configuration().is_some());
    let url = owner.sqs.get_queue_url().queue_name("jobs").send().await.unwrap();
    assert_eq!(url.queue_url(), Some(URL));
    let told = owner.sqs.get_queue_attributes().queue_url(URL).attribute_names(Attribute::All).send().await;
    let told = told.unwrap().attributes.unwrap();
    assert_eq!(told[&Attribute::QueueArn], QUEUE);
    assert_eq!(
        (told[&Attribute::KmsMasterKeyId].as_str(), told[&Attribute::SqsManagedSseEnabled].as_str()),
        (KEY, "false")
    );
    let told = owner.sns.get_topic_attributes().topic_arn(TOPIC).send().await.unwrap();
    let told = told.attributes.unwrap();
    let told = ["TopicArn", "Owner", "KmsMasterKeyId"].map(|name| told[name].as_str());
    assert_eq!(told, [TOPIC, OWNER, KEY]);
}

#[tokio::test(start_paused = true)]
async fn listings_are_whole_through_empty_and_short_pages() {
    let net = net();
    let owner = clients(&net, OWNER);
    for index in 0..120 {
        for (kind, _, _) in KINDS {
            net.world().add_object(object(kind, &format!("more-{index:03}")));
        }
    }
    for pages in [
        Pages::default(),
        Pages { cap: Some(7), empty: 0.4, empty_first: true, trailing_token: 1.0, ..Pages::default() },
    ] {
        net.world().set_weather(Weather { pages, ..Weather::default() });
        let secrets: Result<Vec<_>, _> =
            owner.secrets.list_secrets().max_results(50).into_paginator().send().collect().await;
        assert_eq!(secrets.unwrap().iter().map(|page| page.secret_list().len()).sum::<usize>(), 121);
        let repositories: Result<Vec<_>, _> =
            owner.ecr.describe_repositories().into_paginator().items().send().collect().await;
        assert_eq!(repositories.unwrap().len(), 121);
        let queues: Result<Vec<_>, _> =
            owner.sqs.list_queues().max_results(50).into_paginator().items().send().collect().await;
        assert_eq!(queues.unwrap().len(), 121);
        let topics: Result<Vec<_>, _> =
            owner.sns.list_topics().into_paginator().items().send().collect().await;
        let topics: BTreeSet<_> = topics.unwrap().into_iter().filter_map(|topic| topic.topic_arn).collect();
        assert!(topics.len() == 121 && topics.contains(TOPIC), "{topics:?}");
        let queues = owner.sqs.list_queues().send().await.unwrap();
        assert_eq!(
            (queues.queue_urls().len(), queues.next_token()),
            (121, None),
            "no pages unless asked for"
        );
    }
    net.world().set_weather(Weather::default());
    let secrets = owner.secrets.list_secrets().next_token("guessed").send().await.unwrap_err();
    assert!(secrets.as_service_error().unwrap().is_invalid_next_token_exception(), "{secrets:?}");
    let others = clients(&net, DATA);
    assert_eq!(others.sqs.list_queues().send().await.unwrap().queue_urls(), [] as [String; 0]);
    assert_eq!(others.secrets.list_secrets().send().await.unwrap().secret_list().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn refusals_are_the_errors_that_the_sdk_knows() {
    let net = net();
    let owner = clients(&net, OWNER);
    let nobody = format!("arn:aws:iam::{DATA}:role/nobody");
    for (kind, refused) in [
        (ObjectKind::Secret, "MalformedPolicyDocumentException"),
        (ObjectKind::Repository, "InvalidParameterException"),
        (ObjectKind::Queue, "InvalidAttributeValue"),
        (ObjectKind::Topic, "InvalidParameter"),
    ] {
        assert_eq!(owner.put(kind, "{").await, refused);
        assert_eq!(owner.put(kind, &policy(kind, &nobody)).await, refused);
        assert_eq!(owner.read(kind).await, none(kind));
    }
    assert_eq!(
        owner.put(ObjectKind::Secret, &policy(ObjectKind::Secret, "*")).await,
        "PublicPolicyException"
    );
    let error = owner.secrets.get_resource_policy().secret_id("none").send().await.unwrap_err();
    assert!(error.as_service_error().unwrap().is_resource_not_found_exception(), "{error:?}");
    let error = owner.ecr.get_repository_policy().repository_name("none").send().await.unwrap_err();
    assert!(error.as_service_error().unwrap().is_repository_not_found_exception(), "{error:?}");
    let error = owner.ecr.get_repository_policy().repository_name("team/app").send().await.unwrap_err();
    assert!(error.as_service_error().unwrap().is_repository_policy_not_found_exception(), "{error:?}");
    // The SDK knows SQS's errors by the header alone.
    let error = owner.sqs.get_queue_url().queue_name("none").send().await.unwrap_err();
    let known = error.as_service_error().unwrap();
    assert!(known.is_queue_does_not_exist(), "{error:?}");
    assert_eq!(known.message(), Some("The specified queue does not exist."));
    let body: Value = serde_json::from_slice(error.raw_response().unwrap().body().bytes().unwrap()).unwrap();
    assert_eq!(body["__type"], "com.amazonaws.sqs#QueueDoesNotExist");
    let bad = owner.sqs.set_queue_attributes().queue_url(URL).attributes(Attribute::Policy, "{").send().await;
    let error = bad.unwrap_err();
    assert!(error.as_service_error().unwrap().is_invalid_attribute_value(), "{error:?}");
    assert_eq!(
        error.raw_response().unwrap().headers().get("content-type"),
        Some("application/x-amz-json-1.0")
    );
    assert_eq!(
        code(owner.secrets.list_secret_version_ids().secret_id("db/main").send().await),
        "UnknownOperationException"
    );
    assert_eq!(code(owner.ecr.describe_registry().send().await), "UnknownOperationException");
    assert_eq!(code(owner.sqs.purge_queue().queue_url(URL).send().await), "UnknownOperationException");
    assert!(net.world().journal().entries().iter().all(|entry| !entry.effect), "nothing was changed");
}

#[tokio::test(start_paused = true)]
async fn refusals_of_topics_are_told_in_xml() {
    let net = net();
    let owner = clients(&net, OWNER);
    let none = format!("{TOPIC}-none");
    let error = owner.sns.get_topic_attributes().topic_arn(none).send().await.unwrap_err();
    let known = error.as_service_error().unwrap();
    assert!(known.is_not_found_exception(), "{error:?}");
    assert_eq!(
        (known.message(), error.raw_response().unwrap().status().as_u16()),
        (Some("Topic does not exist"), 404)
    );
    let bad = owner
        .sns
        .set_topic_attributes()
        .topic_arn(TOPIC)
        .attribute_name("Policy")
        .attribute_value("{")
        .send()
        .await;
    let error = bad.unwrap_err();
    assert!(error.as_service_error().unwrap().is_invalid_parameter_exception(), "{error:?}");
    assert_eq!(error.raw_response().unwrap().headers().get("content-type"), Some("text/xml"));
    assert_eq!(code(owner.sns.list_subscriptions().send().await), "InvalidAction");
    assert!(net.world().journal().entries().iter().all(|entry| !entry.effect), "nothing was changed");
}

#[tokio::test(start_paused = true)]
async fn others_and_roles_without_the_action_are_denied() {
    for (kind, _, service) in KINDS {
        let net = net();
        let denied = match kind {
            ObjectKind::Secret | ObjectKind::Repository => "AccessDeniedException",
            ObjectKind::Queue => "AccessDenied",
            ObjectKind::Topic => "AuthorizationError",
        };
        let text = policy(kind, &root(DATA));
        assert_eq!(clients(&net, OWNER).put(kind, &text).await, "ok");
        for other in [DATA, example::PARTNER] {
            let other = clients(&net, other);
            assert_eq!(other.read(kind).await, Err(denied.to_owned()));
            assert_eq!(other.put(kind, &text).await, denied);
        }
        let read = match kind {
            ObjectKind::Secret => "GetResourcePolicy",
            ObjectKind::Repository => "GetRepositoryPolicy",
            ObjectKind::Queue => "GetQueueAttributes",
            ObjectKind::Topic => "GetTopicAttributes",
        };
        let actions = [format!("{service}:{read}")].into();
        let role = Role { trusted: [OWNER.to_owned()].into(), actions: Some(actions), ..Role::default() };
        net.world().put_role(OWNER, "reader", role);
        let reader = clients_of(&net, session(&net), 1);
        assert_eq!(reader.read(kind).await, Ok(Some(text.clone())));
        assert_eq!(reader.put(kind, &text).await, denied);
        net.world().expire_sessions(OWNER);
        let is_query = matches!(kind, ObjectKind::Queue | ObjectKind::Topic);
        let expired = if is_query { "ExpiredToken" } else { "ExpiredTokenException" };
        assert_eq!(reader.read(kind).await, Err(expired.to_owned()));
    }
}

/// A session of the role `reader` of the owner.
fn session(net: &Net) -> Credentials {
    let owner = Caller::administrator(OWNER, example::REGION);
    let assume = json!({"RoleArn": format!("arn:aws:iam::{OWNER}:role/reader"), "RoleSessionName": "reader"});
    let session = net.world().call(&owner, "sts", "AssumeRole", &assume).unwrap();
    let text =
        |name: &str| session.pointer(&format!("/Credentials/{name}")).unwrap().as_str().unwrap().to_owned();
    let token = Some(text("SessionToken"));
    Credentials::new(text("AccessKeyId"), text("SecretAccessKey"), token, None, "test")
}

#[tokio::test(start_paused = true)]
async fn throttles_and_internal_errors_are_repeated_by_the_sdk() {
    for (kind, _, service) in KINDS {
        let net = net();
        let owner = clients_of(&net, key_of(OWNER), 3);
        let (busy, internal, unavailable) = match kind {
            ObjectKind::Secret => {
                ("ThrottlingException", "InternalServiceError", "ServiceUnavailableException")
            }
            ObjectKind::Repository => {
                ("ThrottlingException", "ServerException", "ServiceUnavailableException")
            }
            ObjectKind::Queue => ("RequestThrottled", "InternalFailure", "ServiceUnavailable"),
            ObjectKind::Topic => ("Throttling", "InternalError", "ServiceUnavailable"),
        };
        let calls = Calls { service: Some(service.into()), ..Calls::default() };
        for (trouble, code, status) in [
            (Trouble::Throttle, busy, 400),
            (Trouble::InternalError, internal, 500),
            (Trouble::Unavailable, unavailable, 503),
        ] {
            let fault = Fault { calls: calls.clone(), ..Fault::once("", Moment::Before, trouble) };
            net.world().set_weather(Weather { faults: vec![fault], ..Weather::default() });
            net.world().journal_mut().clear();
            owner.put(kind, &policy(kind, &root(DATA))).await;
            let world = net.world();
            let told: Vec<_> =
                world.journal().entries().iter().map(|e| (e.code.as_deref(), e.status)).collect();
            assert_eq!(told, [(Some(code), status), (None, 200)], "{kind:?}");
        }
        let throttles = vec![Throttle { calls, rate: 0.0, burst: 1.0 }];
        net.world().set_weather(Weather { throttles, ..Weather::default() });
        let once = clients(&net, OWNER);
        assert!(once.read(kind).await.is_ok());
        assert_eq!(once.read(kind).await, Err(busy.to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_may_have_its_effect_though_no_answer_arrives() {
    for (kind, _, _) in KINDS {
        let net = net();
        let owner = clients(&net, OWNER);
        for (moment, trouble, effect) in [
            (Moment::Before, Trouble::Disconnect, false),
            (Moment::Before, Trouble::AccessDenied, false),
            (Moment::After, Trouble::Silence, true),
            (Moment::After, Trouble::InternalError, true),
        ] {
            assert_eq!(owner.put(kind, &policy(kind, &root(example::PARTNER))).await, "ok");
            let calls = Calls { kind: Some(Kind::Write), ..Calls::default() };
            let fault = Fault { calls, ..Fault::once("", moment, trouble.clone()) };
            net.world().set_weather(Weather { faults: vec![fault], ..Weather::default() });
            assert_ne!(owner.put(kind, &policy(kind, &root(DATA))).await, "ok");
            net.world().set_weather(Weather::default());
            assert_eq!(
                granted(&net),
                [if effect { DATA } else { example::PARTNER }],
                "{moment:?} {trouble:?}"
            );
            assert_eq!(net.world().journal().writes().last().unwrap().effect, effect);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn readers_lag_and_deleted_roles_show_their_id() {
    for (kind, arn, _) in KINDS {
        let net = net();
        let owner = clients(&net, OWNER);
        let mut weather = Weather::default();
        weather.lags.policy = Lag::Fixed(20.0);
        net.world().set_weather(weather);
        let role = format!("arn:aws:iam::{DATA}:role/{}", example::ROLE);
        assert_eq!(owner.put(kind, &policy(kind, &role)).await, "ok");
        assert_eq!((owner.read(kind).await, granted(&net)), (none(kind), vec![role.clone()]));
        tokio::time::sleep(Duration::from_secs(21)).await;
        assert_eq!(owner.read(kind).await, Ok(Some(policy(kind, &role))));
        net.world().act(Action::DeleteRole { account: DATA.into(), name: example::ROLE.into() }).unwrap();
        tokio::time::sleep(Duration::from_secs(21)).await;
        let text = owner.read(kind).await.unwrap().unwrap();
        assert!(text.contains("AROA") && !text.contains(&role), "{text}");
        assert_eq!(granted(&net), [] as [String; 0], "the role's grant is gone with it");
        net.world().act(Action::DeleteObject { object: arn.into() }).unwrap();
        let gone = [
            "ResourceNotFoundException",
            "RepositoryNotFoundException",
            "AWS.SimpleQueueService.NonExistentQueue",
            "NotFound",
        ];
        assert!(gone.contains(&owner.read(kind).await.unwrap_err().as_str()));
    }
}

/// Over HTTP a request finds its service by its target or its form, signed or not; a queue is found by the URL in the body.
#[tokio::test]
async fn the_loopback_port_serves_objects() {
    let net = net();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(simulator::aws::serve(listener, net.clone()));
    let config = SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
        .region(Region::new(example::REGION))
        .endpoint_url(&endpoint)
        .credentials_provider(SharedCredentialsProvider::new(key_of(OWNER)))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let owner = all(&config);
    for (kind, arn, _) in KINDS {
        assert_eq!(owner.put(kind, &policy(kind, &root(DATA))).await, "ok");
        assert_eq!(owner.read(kind).await, Ok(Some(policy(kind, &root(DATA)))));
        let reached = simulator::aws::admin(&net, "GET", &format!("/_sim/policyReach/{arn}"), b"").unwrap();
        assert_eq!(reached, json!([DATA]));
    }
    let facts = simulator::aws::admin(&net, "GET", "/_sim/policyGrants", b"").unwrap();
    let objects: Vec<&Value> = facts.as_array().unwrap().iter().map(|fact| &fact["object"]).collect();
    assert_eq!(objects, [REPOSITORY, SECRET, TOPIC, QUEUE]);
    let local = format!("{endpoint}/{OWNER}/jobs");
    let told = owner.sqs.get_queue_attributes().queue_url(local).attribute_names(Attribute::QueueArn);
    assert_eq!(told.send().await.unwrap().attributes.unwrap()[&Attribute::QueueArn], QUEUE);
    for (target, missing) in [
        ("secretsmanager.ListSecrets", "MissingAuthenticationTokenException"),
        ("AmazonEC2ContainerRegistry_V20150921.DescribeRepositories", "MissingAuthenticationTokenException"),
        ("AmazonSQS.ListQueues", "com.amazon.coral.service#MissingAuthenticationTokenException"),
    ] {
        let unsigned = bytes::Bytes::from_static(b"{}");
        let request = http::Request::post("/").header("X-Amz-Target", target).body(unsigned).unwrap();
        let answer = net.serve(request).await.unwrap().response;
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(body["__type"], missing, "{target}");
    }
    let unsigned = bytes::Bytes::from_static(b"Action=ListTopics&Version=2010-03-31");
    let answer = net.serve(http::Request::post("/").body(unsigned).unwrap()).await.unwrap().response;
    let body = std::str::from_utf8(answer.body()).unwrap();
    let start = "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Code>MissingAuthenticationToken</Code>";
    assert!(body.starts_with(start), "{body}");
    serving.abort();
}
