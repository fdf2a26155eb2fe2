//! Weather: lags, throttles, faults (ram.md section 2.5; T07 to T11).

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_ram::config::timeout::TimeoutConfig;
use aws_sdk_ram::types::{ResourceOwner, ResourceShareAssociationType as Kind};
use futures::FutureExt;
use futures::future::BoxFuture;
use simulator::aws::journal::Kind as CallKind;
use simulator::aws::weather::{AssociationFailure, Calls, Fault, Lag, Moment, Throttle, Trouble, Weather};
use simulator::aws::{Checkpoint, Net, Passage, Point, Stage};

use crate::bench::{CONSUMER, OWNER, RULE, code, net, pair, ram, rows, share, wait, weather, wish};

async fn own(net: &Net) -> String {
    code(ram(net, OWNER).get_resource_shares().resource_owner(ResourceOwner::SelfValue).send().await)
}

async fn names(net: &Net) -> Vec<String> {
    let answer = ram(net, OWNER)
        .get_resource_shares()
        .resource_owner(ResourceOwner::SelfValue)
        .send()
        .await
        .expect("shares");
    let mut names: Vec<String> =
        answer.resource_shares().iter().map(|share| share.name().unwrap_or_default().to_owned()).collect();
    names.sort();
    names
}

#[tokio::test(start_paused = true)]
async fn readers_lag() {
    let net = net();
    weather(&net, |weather| {
        weather.lags.read = Lag::Fixed(20.0);
        weather.lags.list = Lag::Fixed(60.0);
    });
    let owner = ram(&net, OWNER);
    wait(100.0).await;
    let arn = share(&owner, "rules", &[RULE], &[CONSUMER]).await;
    let read = || {
        owner.get_resource_shares().resource_owner(ResourceOwner::SelfValue).resource_share_arns(&arn).send()
    };
    assert_eq!(code(read().await), "UnknownResourceException", "T08");
    assert_eq!(names(&net).await, ["partner-prefixes"]);
    wait(21.0).await;
    assert_eq!(code(read().await), "ok");
    assert_eq!(rows(&owner, &arn, Kind::Principal).await, [pair(CONSUMER, "ASSOCIATED")]);
    assert_eq!(names(&net).await, ["partner-prefixes"], "lists lag longer");
    wait(40.0).await;
    assert_eq!(names(&net).await, ["partner-prefixes", "rules"]);
    owner.update_resource_share().resource_share_arn(&arn).name("renamed").send().await.expect("updated");
    wait(59.0).await;
    assert_eq!(names(&net).await, ["partner-prefixes", "rules"]);
    wait(2.0).await;
    assert_eq!(names(&net).await, ["partner-prefixes", "renamed"]);
}

#[tokio::test(start_paused = true)]
async fn consumers_lag_behind_owners() {
    let net = net();
    weather(&net, |weather| weather.lags.consumer = Lag::Fixed(120.0));
    let owner = ram(&net, OWNER);
    let arn = share(&owner, "rules", &[RULE], &[CONSUMER]).await;
    wait(60.0).await;
    assert_eq!(rows(&owner, &arn, Kind::Principal).await, [pair(CONSUMER, "ASSOCIATED")]);
    assert!(crate::bench::offered(&ram(&net, CONSUMER)).await.is_empty(), "T13");
    wait(61.0).await;
    assert_eq!(crate::bench::offered(&ram(&net, CONSUMER)).await, ["rules"]);
}

#[tokio::test(start_paused = true)]
async fn replicas_disagree_within_the_lag_and_agree_after_it() {
    let net = net();
    weather(&net, |weather| weather.lags.list = Lag::Uniform(0.0, 60.0));
    share(&ram(&net, OWNER), "rules", &[RULE], &[]).await;
    wait(30.0).await;
    let mut seen = Vec::new();
    for _ in 0..40 {
        seen.push(names(&net).await.len());
    }
    assert!(seen.contains(&1) && seen.contains(&2), "{seen:?}");
    wait(31.0).await;
    assert_eq!(names(&net).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn failed_rows_name_their_reason_and_can_be_tried_again() {
    for at_once in [true, false] {
        let net = net();
        weather(&net, |weather| {
            let message = "Capacity Blocks can't be shared".to_owned();
            weather.failures.push(AssociationFailure {
                entity: RULE.to_owned(),
                message,
                at_once,
                times: Some(1),
            });
        });
        let owner = ram(&net, OWNER);
        let arn = share(&owner, "rules", &[], &[CONSUMER]).await;
        let associate =
            || owner.associate_resource_share().resource_share_arn(&arn).resource_arns(RULE).send();
        let answer = associate().await.expect("answered");
        let answered =
            answer.resource_share_associations()[0].status().map(|status| status.as_str().to_owned());
        assert_eq!(answered.as_deref(), Some(if at_once { "FAILED" } else { "ASSOCIATING" }), "T10");
        let listed = owner
            .get_resource_share_associations()
            .association_type(Kind::Resource)
            .resource_share_arns(&arn)
            .send()
            .await
            .expect("rows");
        let row = &listed.resource_share_associations()[0];
        assert_eq!(
            (
                row.status().map(aws_sdk_ram::types::ResourceShareAssociationStatus::as_str),
                row.status_message()
            ),
            (Some("FAILED"), Some("Capacity Blocks can't be shared"))
        );
        associate().await.expect("tried again");
        wait(1.0).await;
        assert_eq!(rows(&owner, &arn, Kind::Resource).await, [pair(RULE, "ASSOCIATED")]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_may_fail_as_a_whole() {
    let net = net();
    weather(&net, |weather| {
        let (entity, message) = ("broken".to_owned(), "try later".to_owned());
        weather.failures.push(AssociationFailure { entity, message, at_once: false, times: Some(1) });
    });
    let owner = ram(&net, OWNER);
    let arn = share(&owner, "broken", &[RULE], &[CONSUMER]).await;
    let answer = owner
        .get_resource_shares()
        .resource_owner(ResourceOwner::SelfValue)
        .resource_share_arns(&arn)
        .send()
        .await;
    let answer = answer.expect("shares");
    let seen = &answer.resource_shares()[0];
    let status = seen.status().map(aws_sdk_ram::types::ResourceShareStatus::as_str);
    assert_eq!((status, seen.status_message()), (Some("FAILED"), Some("try later")));
    let now = net.now();
    assert!(net.world().truth(now).iter().all(|grant| grant.share != arn));
}

#[tokio::test(start_paused = true)]
async fn buckets_are_per_account_and_kind() {
    let net = net();
    let reads = Calls { service: Some("ram".to_owned()), kind: Some(CallKind::Read), ..Calls::default() };
    weather(&net, |weather| weather.throttles.push(Throttle { calls: reads, rate: 2.0, burst: 3.0 }));
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(own(&net).await);
    }
    assert_eq!(codes, ["ok", "ok", "ok", "ThrottlingException", "ThrottlingException"]);
    let other =
        ram(&net, CONSUMER).get_resource_shares().resource_owner(ResourceOwner::SelfValue).send().await;
    assert_eq!(code(other), "ok", "another account's bucket");
    assert_eq!(code(wish(&ram(&net, OWNER), "rules", &[], &[]).send().await), "ok", "writes are not reads");
    wait(1.0).await;
    assert_eq!([own(&net).await, own(&net).await, own(&net).await], ["ok", "ok", "ThrottlingException"]);
}

#[tokio::test(start_paused = true)]
async fn faults_strike_before_or_after_the_effect() {
    let named = Trouble::Error {
        status: 400,
        code: "ResourceShareLimitExceededException".to_owned(),
        message: "full".to_owned(),
    };
    let cases = [
        (Trouble::Throttle, "ThrottlingException"),
        (Trouble::InternalError, "ServerInternalException"),
        (Trouble::Unavailable, "ServiceUnavailableException"),
        (named, "ResourceShareLimitExceededException"),
        (Trouble::AccessDenied, "AccessDeniedException"),
        (Trouble::ExpiredToken, "ExpiredTokenException"),
        (Trouble::Disconnect, "no answer"),
        (Trouble::Truncate, "no answer"),
    ];
    for (trouble, expected) in cases {
        for (moment, made) in [(Moment::Before, false), (Moment::After, true)] {
            let net = net();
            weather(&net, |weather| {
                weather.faults.push(Fault::once("CreateResourceShare", moment, trouble.clone()));
            });
            let owner = ram(&net, OWNER);
            assert_eq!(
                code(wish(&owner, "rules", &[RULE], &[]).send().await),
                expected,
                "{trouble:?} {moment:?}"
            );
            assert_eq!(names(&net).await.contains(&"rules".to_owned()), made, "{trouble:?} {moment:?}");
            let entry = net.world().journal().writes().last().cloned().expect("an entry");
            assert_eq!(entry.effect, made);
            assert_eq!(code(wish(&owner, "next", &[RULE], &[]).send().await), "ok", "it strikes once");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn faults_count_the_calls_they_match() {
    let net = net();
    let fault = Fault {
        skip: 2,
        times: Some(2),
        ..Fault::always("GetResourceShares", Moment::Before, Trouble::Throttle)
    };
    weather(&net, |weather| weather.faults.push(fault));
    assert_eq!(code(ram(&net, OWNER).list_permissions().send().await), "ok");
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(own(&net).await);
    }
    assert_eq!(codes, ["ok", "ok", "ThrottlingException", "ThrottlingException", "ok"]);
}

#[tokio::test(start_paused = true)]
async fn silence_lasts_until_the_client_gives_up() {
    let net = net();
    weather(&net, |weather| {
        weather.faults.push(Fault::once("CreateResourceShare", Moment::After, Trouble::Silence));
    });
    let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(10)).build();
    let config = ram(&net, OWNER).config().to_builder().timeout_config(timeouts).build();
    let owner = aws_sdk_ram::Client::from_conf(config);
    let before = net.now();
    let result = wish(&owner, "rules", &[], &[]).send().await;
    assert!(matches!(result, Err(aws_sdk_ram::error::SdkError::TimeoutError(_))), "{result:?}");
    assert!((net.now() - before - 10.0).abs() < 0.1);
    assert_eq!(names(&net).await, ["partner-prefixes", "rules"]);
}

#[tokio::test(start_paused = true)]
async fn latency_is_virtual_time() {
    let net = net();
    weather(&net, |weather| {
        weather.latency = Lag::Fixed(0.5);
        weather.faults.push(Fault::once("GetResourceShares", Moment::Before, Trouble::Slow(2.0)));
    });
    let before = net.now();
    assert_eq!([own(&net).await, own(&net).await], ["ok", "ok"]);
    assert!((net.now() - before - 3.0).abs() < 0.01, "{}", net.now() - before);
}

#[tokio::test(start_paused = true)]
async fn statuses_of_the_future() {
    let net = net();
    let owner = ram(&net, OWNER);
    let arn = share(&owner, "rules", &[RULE], &[CONSUMER]).await;
    weather(&net, |weather| {
        let trouble = Trouble::UnknownStatus("HIBERNATING".to_owned());
        weather.faults.push(Fault::once("GetResourceShareAssociations", Moment::Before, trouble));
    });
    assert_eq!(rows(&owner, &arn, Kind::Principal).await, [pair(CONSUMER, "HIBERNATING")]);
    net.world().set_association_status(&arn, CONSUMER, "SUSPENDED", None);
    assert_eq!(rows(&owner, &arn, Kind::Principal).await, [pair(CONSUMER, "SUSPENDED")]);
    let now = net.now();
    assert!(net.world().truth(now).iter().all(|grant| grant.share != arn), "not in force");
}

/// Counts the writes and breaks or freezes one.
#[derive(Default)]
struct Gate {
    passed: Mutex<Vec<(String, Stage)>>,
    freeze: Option<Stage>,
    cut: Option<Stage>,
}

impl Checkpoint for Gate {
    fn pass(&self, point: &Point) -> BoxFuture<'static, Passage> {
        self.passed.lock().expect("no panic").push((point.call.operation.clone(), point.stage));
        if self.freeze == Some(point.stage) {
            return std::future::pending().boxed();
        }
        let passage = if self.cut == Some(point.stage) { Passage::Disconnect } else { Passage::Continue };
        std::future::ready(passage).boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_counts_cuts_and_freezes_calls() {
    for (stage, made) in [(Stage::Before, false), (Stage::After, true)] {
        for freeze in [true, false] {
            let net = net();
            let gate = if freeze {
                Gate { freeze: Some(stage), ..Gate::default() }
            } else {
                Gate { cut: Some(stage), ..Gate::default() }
            };
            let gate = Arc::new(gate);
            net.set_checkpoint(Some(gate.clone()));
            let owner = ram(&net, OWNER);
            let call =
                tokio::time::timeout(Duration::from_hours(1), wish(&owner, "rules", &[], &[]).send()).await;
            assert_eq!(call.is_err(), freeze, "frozen, not answered");
            net.set_checkpoint(None);
            assert_eq!(names(&net).await.contains(&"rules".to_owned()), made);
            let passed = gate.passed.lock().expect("no panic").clone();
            assert_eq!(passed.first().map(|(operation, _)| operation.as_str()), Some("CreateResourceShare"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_on_the_wire_arrives_though_its_sender_is_gone() {
    for (arrives, expected) in [(false, vec!["partner-prefixes"]), (true, vec!["partner-prefixes", "rules"])]
    {
        let net = net();
        weather(&net, |weather| (weather.latency, weather.arrives_anyway) = (Lag::Fixed(8.0), arrives));
        let owner = ram(&net, OWNER);
        let call = owner.create_resource_share().name("rules").send();
        let gave_up = tokio::time::timeout(Duration::from_secs(1), call).await;
        assert!(gave_up.is_err());
        wait(10.0).await;
        weather(&net, |weather| *weather = Weather::default());
        assert_eq!(names(&net).await, expected, "{arrives}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_weather_did_is_counted_and_what_it_might_have_done_is_not() {
    let net = net();
    weather(&net, |weather| {
        weather.faults = vec![
            Fault::once("GetResourceShares", Moment::Before, Trouble::InternalError),
            Fault::once("DeleteResourceShare", Moment::After, Trouble::Silence),
        ];
    });
    assert_eq!(own(&net).await, "ServerInternalException");
    assert_eq!(names(&net).await, ["partner-prefixes"]);
    let happened = net.world().happened().clone();
    assert_eq!(happened, std::collections::BTreeMap::from([("500 before the effect", 1)]));
    weather(&net, |weather| *weather = Weather::default());
    assert_eq!(*net.world().happened(), happened, "other weather forgets nothing");
}

#[tokio::test(start_paused = true)]
async fn live_shares_are_there_whatever_readers_see() {
    let net = net();
    weather(&net, |weather| weather.lags.list = Lag::Fixed(60.0));
    let owner = ram(&net, OWNER);
    let arn = share(&owner, "rules", &[RULE], &[CONSUMER]).await;
    let live = |net: &Net| -> Vec<String> {
        let mut names: Vec<String> =
            net.world().live_shares(net.now()).into_iter().map(|share| share.name).collect();
        names.sort();
        names
    };
    assert_eq!(names(&net).await, ["partner-prefixes"]);
    assert_eq!(live(&net), ["partner-prefixes", "rules"]);
    owner.delete_resource_share().resource_share_arn(&arn).send().await.expect("deleted");
    assert_eq!(live(&net), ["partner-prefixes"]);
}
