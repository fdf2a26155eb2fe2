//! The real kube client against the in-process front, under tokio's paused clock.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "a test fails by panicking"
)]

mod kube_sample;

use std::pin::pin;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::runtime::events::{Event, EventType, Recorder};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher::{self, watcher};
use kube::runtime::{WatchStreamExt, finalizer};
use kube::{Api, Resource};
use kube_sample::{Widget, shared, widget};
use serde_json::json;
use simulator::kube::{Fault, Match, Rule, Shared, Verb, When};

fn widgets(shared: &Shared) -> Api<Widget> {
    Api::namespaced(shared.client("tester"), "default")
}

#[tokio::test(start_paused = true)]
async fn an_object_lives_through_create_get_patch_status_and_delete() {
    let shared = shared();
    let api = widgets(&shared);
    let created = api.create(&PostParams::default(), &widget("a", 5)).await.unwrap();
    assert_eq!(created.metadata.generation, Some(1));
    assert!(created.metadata.uid.is_some());

    let patch = Patch::Merge(json!({"spec": {"size": 6}, "status": {"note": "ignored"}}));
    let patched = api.patch("a", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!((patched.spec.size, patched.metadata.generation), (6, Some(2)));
    assert_eq!(patched.status, None);

    let patch = Patch::Merge(json!({"spec": {"size": 7}, "status": {"note": "seen"}}));
    let stated = api.patch_status("a", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!((stated.spec.size, stated.metadata.generation), (6, Some(2)));
    assert_eq!(stated.status.unwrap().note.as_deref(), Some("seen"));

    assert!(api.delete("a", &DeleteParams::default()).await.unwrap().is_right());
    assert!(api.get_opt("a").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_watch_from_a_list_sees_every_change_and_bookmarks() {
    let shared = shared();
    let api = widgets(&shared);
    let list = api.list(&ListParams::default()).await.unwrap();
    let params = WatchParams::default().timeout(200);
    let version = list.metadata.resource_version.unwrap();
    let mut events = pin!(api.watch(&params, &version).await.unwrap());

    let mut first = api.create(&PostParams::default(), &widget("a", 5)).await.unwrap();
    first.spec.size = 6;
    api.replace("a", &PostParams::default(), &first).await.unwrap();
    api.delete("a", &DeleteParams::default()).await.unwrap();

    let mut seen = Vec::new();
    while let Some(event) = events.try_next().await.unwrap() {
        seen.push(match event {
            WatchEvent::Added(w) => format!("added {}", w.spec.size),
            WatchEvent::Modified(w) => format!("modified {}", w.spec.size),
            WatchEvent::Deleted(w) => format!("deleted {}", w.spec.size),
            WatchEvent::Bookmark(_) => "bookmark".to_owned(),
            WatchEvent::Error(e) => panic!("{e:?}"),
        });
    }
    assert_eq!(seen, ["added 5", "modified 6", "deleted 6", "bookmark", "bookmark", "bookmark"]);
}

#[tokio::test(start_paused = true)]
async fn a_reflector_follows_the_store_through_a_forgotten_history() {
    let shared = shared();
    let api = widgets(&shared);
    let (reader, writer) = reflector::store();
    let stream = reflector::reflector(writer, watcher(api.clone(), watcher::Config::default()));
    let follow = tokio::spawn(stream.default_backoff().applied_objects().for_each(|_| async {}));
    reader.wait_until_ready().await.unwrap();

    for n in 1..=20 {
        api.create(&PostParams::default(), &widget(&format!("w{n}"), n)).await.unwrap();
        if n == 10 {
            shared.with(|c| {
                c.compact();
                c.expire_watches(&Match::any());
            });
        }
    }
    api.delete("w3", &DeleteParams::default()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(reader.len(), 19);
    assert!(reader.get(&ObjectRef::new("w3").within("default")).is_none());
    let lists = shared.with(|c| c.journal.count(|e| e.verb == Verb::List && e.resource == "widgets"));
    assert_eq!(lists, 2, "one list at the start, one after 410");
    follow.abort();
}

#[tokio::test(start_paused = true)]
async fn a_finalizer_holds_an_object_until_its_cleanup_is_done() {
    #[derive(Debug, thiserror::Error)]
    #[error("never")]
    struct Never;
    let shared = shared();
    let api = widgets(&shared);
    api.create(&PostParams::default(), &widget("a", 5)).await.unwrap();
    let pass = async |expected: &str| {
        let object = std::sync::Arc::new(api.get("a").await.unwrap());
        finalizer::finalizer(&api, "sample.dev/hold", object, |event| async move {
            let seen = match event {
                finalizer::Event::Apply(_) => "apply",
                finalizer::Event::Cleanup(_) => "cleanup",
            };
            assert_eq!(seen, expected);
            Ok::<_, Never>(kube::runtime::controller::Action::await_change())
        })
        .await
        .unwrap();
    };
    pass("apply").await;
    assert_eq!(api.get("a").await.unwrap().metadata.finalizers, Some(vec!["sample.dev/hold".to_owned()]));
    pass("apply").await;
    let waiting = api.delete("a", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert!(waiting.metadata.deletion_timestamp.is_some());
    assert_eq!(waiting.metadata.generation, Some(2));
    pass("cleanup").await;
    assert!(api.get_opt("a").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn events_of_the_recorder_are_read_by_kubectl() {
    let shared = shared();
    let object = widgets(&shared).create(&PostParams::default(), &widget("a", 5)).await.unwrap();
    let recorder = Recorder::new(shared.client("tester"), "tests".into());
    let event = Event {
        type_: EventType::Normal,
        reason: "Made".to_owned(),
        note: Some("it is made".to_owned()),
        action: "Make".to_owned(),
        secondary: None,
    };
    for _ in 0..2 {
        recorder.publish(&event, &object.object_ref(&())).await.unwrap();
    }
    let core: Api<k8s_openapi::api::core::v1::Event> = Api::namespaced(shared.client("tester"), "default");
    let about = format!("involvedObject.uid={}", object.metadata.uid.unwrap());
    let found = core.list(&ListParams::default().fields(&about)).await.unwrap().items;
    assert_eq!(found.len(), 1, "the second is counted in the first");
    assert_eq!(found[0].message.as_deref(), Some("it is made"));
    assert_eq!(found[0].series.as_ref().and_then(|s| s.count), Some(2));
}

#[tokio::test(start_paused = true)]
async fn latency_passes_on_the_paused_clock() {
    let shared = shared();
    shared.with(|c| c.weather.latency = Duration::from_secs(3));
    let start = tokio::time::Instant::now();
    widgets(&shared).list(&ListParams::default()).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_comes_after_the_effect() {
    let shared = shared();
    let api = widgets(&shared);
    let rule = Rule::once(Match::on(&[Verb::Create], "widgets"), When::After, Fault::Lost);
    shared.with(|c| c.weather.rules.push(rule));
    let lost = api.create(&PostParams::default(), &widget("a", 5)).await;
    assert!(matches!(lost, Err(kube::Error::Service(_))), "{lost:?}");
    assert_eq!(api.get("a").await.unwrap().spec.size, 5);
}
