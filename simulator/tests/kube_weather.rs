//! What can go wrong with the kube API, told as data, and where a driver stops a client.
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

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube_sample::{Widget, cluster, epoch, shared, widget};
use serde_json::json;
use simulator::kube::{
    Act, Cluster, Events, Fault, Match, Outcome, Rule, Shared, Verb, WatchFault, WatchRule, When, tokio_clock,
};

fn widgets(shared: &Shared, user: &str) -> Api<Widget> {
    Api::namespaced(shared.client(user), "default")
}

async fn create(api: &Api<Widget>, name: &str) -> Result<Widget, kube::Error> {
    api.create(&PostParams::default(), &widget(name, 5)).await
}

fn code(result: &Result<Widget, kube::Error>) -> u16 {
    match result {
        Ok(_) => 200,
        Err(kube::Error::Api(status)) => status.code,
        Err(_) => 0,
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_strikes_before_or_after_the_effect() {
    let cases = [
        (Fault::throttled(2), 429),
        (Fault::internal(), 500),
        (Fault::unavailable(), 503),
        (Fault::timeout(), 504),
        (Fault::conflict(), 409),
        (Fault::Forbidden, 403),
        (Fault::Lost, 0),
    ];
    for (fault, expected) in cases {
        for (when, stored) in [(When::Before, false), (When::After, true)] {
            let shared = shared();
            let api = widgets(&shared, "tester");
            let rule = Rule::once(Match::on(&[Verb::Create], "widgets"), when, fault.clone());
            shared.with(|c| c.weather.rules.push(rule));
            assert_eq!(code(&create(&api, "a").await), expected, "{fault:?} {when:?}");
            assert_eq!(api.get_opt("a").await.unwrap().is_some(), stored, "{fault:?} {when:?}");
            assert_eq!(code(&create(&api, "b").await), 200, "it strikes once");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rules_spare_count_and_choose_their_requests() {
    let shared = shared();
    let (mine, theirs) = (widgets(&shared, "me"), widgets(&shared, "they"));
    let on = Match::on(&[Verb::Create], "widgets").by("me");
    let rule = Rule { skip: 1, times: Some(2), ..Rule::always(on, Fault::Forbidden) };
    shared.with(|c| c.weather.rules.push(rule));
    let mut codes = Vec::new();
    for n in 0..5 {
        codes.push(code(&create(&mine, &format!("mine{n}")).await));
        assert_eq!(code(&create(&theirs, &format!("theirs{n}")).await), 200);
    }
    assert_eq!(codes, [200, 403, 403, 200, 200]);
    shared.with(|c| c.weather.rules = vec![Rule::always(Match::any(), Fault::Forbidden)]);
    let Err(kube::Error::Api(status)) = create(&mine, "x").await else { panic!("forbidden") };
    assert_eq!(
        status.message,
        "widgets.sample.dev is forbidden: User \"me\" cannot create resource \"widgets\" in API group \"sample.dev\" in \
         the namespace \"default\""
    );
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_watch_leaves_the_list_allowed() {
    let shared = shared();
    let api = widgets(&shared, "me");
    let rule = Rule::always(Match::on(&[Verb::Watch], "widgets"), Fault::Forbidden);
    shared.with(|c| c.weather.rules.push(rule));
    assert!(api.list(&ListParams::default()).await.is_ok());
    assert!(api.watch(&WatchParams::default(), "0").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_api_changes_nothing_and_comes_back() {
    let shared = shared();
    let api = widgets(&shared, "me");
    shared.with(|c| c.weather.unavailable = true);
    assert_eq!(code(&create(&api, "a").await), 0);
    shared.with(|c| c.weather.unavailable = false);
    assert!(api.get_opt("a").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_and_one_that_never_comes() {
    let shared = shared();
    let api = widgets(&shared, "me");
    let on = Match::on(&[Verb::Create], "widgets");
    let late = Rule::once(on.clone(), When::After, Fault::Late(Duration::from_secs(7)));
    shared.with(|c| c.weather.rules.push(late));
    let start = tokio::time::Instant::now();
    create(&api, "a").await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(7));
    shared.with(|c| c.weather.rules.push(Rule::once(on, When::After, Fault::Never)));
    assert!(tokio::time::timeout(Duration::from_hours(1), create(&api, "b")).await.is_err());
    assert!(api.get_opt("b").await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_stale_list_shows_an_older_state() {
    let shared = shared();
    let api = widgets(&shared, "me");
    create(&api, "a").await.unwrap();
    create(&api, "b").await.unwrap();
    api.delete("a", &DeleteParams::default()).await.unwrap();
    let names = async || {
        let list = api.list(&ListParams::default()).await.unwrap();
        list.items.into_iter().map(|w| w.metadata.name.unwrap()).collect::<Vec<_>>()
    };
    for (back, expected) in [(0, vec!["b"]), (1, vec!["a", "b"]), (2, vec!["a"]), (3, vec![])] {
        let rule = Rule::once(Match::on(&[Verb::List], "widgets"), When::Before, Fault::Stale(back));
        shared.with(|c| c.weather.rules = vec![rule]);
        assert_eq!(names().await, expected, "{back} revisions ago");
    }
}

/// What a watch of six creations sees under one fault.
async fn watched(fault: Option<(Events, WatchFault)>, lag: u64) -> Vec<String> {
    let shared = shared();
    let api = widgets(&shared, "me");
    let on = Match::on(&[Verb::Watch], "widgets");
    shared.with(|c| {
        c.weather.watch_rules =
            fault.into_iter().map(|(events, fault)| WatchRule { on: on.clone(), events, fault }).collect();
        c.weather.lag = vec![(on.clone(), lag)];
    });
    let version = api.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let params = WatchParams::default().disable_bookmarks().timeout(60);
    let events = api.watch(&params, &version).await.unwrap();
    for n in 1..=6 {
        create(&api, &format!("w{n}")).await.unwrap();
    }
    events
        .map(|event| match event {
            Ok(WatchEvent::Added(w)) => w.metadata.name.unwrap(),
            Ok(WatchEvent::Error(e)) => e.code.to_string(),
            Ok(_) => "?".to_owned(),
            Err(_) => "broken".to_owned(),
        })
        .collect()
        .await
}

#[tokio::test(start_paused = true)]
async fn watch_events_are_lost_doubled_late_or_the_last() {
    type Case = (Option<(Events, WatchFault)>, u64, &'static [&'static str]);
    let cases: [Case; 8] = [
        (None, 0, &["w1", "w2", "w3", "w4", "w5", "w6"]),
        (None, 2, &["w1", "w2", "w3", "w4"]),
        (Some((Events::Every(2), WatchFault::Drop)), 0, &["w1", "w3", "w5"]),
        (Some((Events::Nth(2), WatchFault::Duplicate)), 0, &["w1", "w2", "w2", "w3", "w4", "w5", "w6"]),
        (Some((Events::Nth(2), WatchFault::Behind(2))), 0, &["w1", "w3", "w4", "w2", "w5", "w6"]),
        (Some((Events::Nth(3), WatchFault::End)), 0, &["w1", "w2", "w3"]),
        (Some((Events::Nth(3), WatchFault::Break)), 0, &["w1", "w2", "broken"]),
        (Some((Events::Nth(3), WatchFault::Expire)), 0, &["w1", "w2", "410"]),
    ];
    for (fault, lag, expected) in cases {
        assert_eq!(watched(fault, lag).await, expected, "{fault:?}, {lag} behind");
    }
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_revision_is_410_in_the_stream_and_for_pages() {
    let shared = shared();
    let api = widgets(&shared, "me");
    let first = api.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    for name in ["a", "b", "c"] {
        create(&api, name).await.unwrap();
    }
    let page = api.list(&ListParams::default().limit(1)).await.unwrap();
    create(&api, "d").await.unwrap();
    shared.with(Cluster::compact);
    let mut events = std::pin::pin!(api.watch(&WatchParams::default(), &first).await.unwrap());
    let Some(Ok(WatchEvent::Error(error))) = events.next().await else { panic!("an error event") };
    assert_eq!((error.code, error.reason.as_str()), (410, "Expired"));
    assert!(events.next().await.is_none());
    let token = page.metadata.continue_.unwrap();
    let next = api.list(&ListParams::default().limit(1).continue_token(&token)).await;
    assert!(matches!(next, Err(kube::Error::Api(status)) if status.code == 410));
}

#[tokio::test(start_paused = true)]
async fn a_driver_stops_a_client_before_or_after_any_write() {
    for (when, stored) in [(When::Before, 1), (When::After, 2)] {
        for act in [Act::Freeze, Act::Sever] {
            let shared = shared();
            let api = widgets(&shared, "victim");
            let points = Arc::new(Mutex::new(Vec::new()));
            let seen = points.clone();
            let hook = Box::new(move |point: &simulator::kube::Point| {
                seen.lock().unwrap().push((point.number, point.when));
                if point.number == 2 && point.when == when { act } else { Act::Proceed }
            });
            shared.with(|c| c.set_hook(Some(hook)));
            let work = async {
                for name in ["a", "b", "c"] {
                    create(&api, name).await?;
                    api.list(&ListParams::default()).await?;
                }
                Ok::<(), kube::Error>(())
            };
            let ended = tokio::time::timeout(Duration::from_secs(100), work).await;
            assert_eq!(ended.is_err(), act == Act::Freeze);
            assert_eq!(shared.with(|c| c.journal.count(|e| e.changed)), stored);
            let last = *points.lock().unwrap().last().unwrap();
            assert_eq!(last, (2, when), "reads are no points");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_journal_tells_who_did_what_and_whether_it_changed_anything() {
    let shared = shared();
    let api = widgets(&shared, "controller");
    create(&api, "a").await.unwrap();
    let patch = Patch::Merge(json!({"status": {"note": "x"}}));
    for _ in 0..2 {
        api.patch_status("a", &PatchParams::default(), &patch).await.unwrap();
    }
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    api.patch("a", &dry, &Patch::Merge(json!({"spec": {"size": 9}}))).await.unwrap();
    api.get_opt("none").await.unwrap();
    let told: Vec<_> = shared.with(|c| {
        let entries = c.journal.entries().iter();
        entries.map(|e| (e.verb, e.name.clone(), e.subresource.clone(), e.outcome, e.changed)).collect()
    });
    let entry = |verb, name: &str, sub: &str, code, changed| {
        (verb, name.to_owned(), sub.to_owned(), Outcome::Answered(code), changed)
    };
    assert_eq!(
        told,
        [
            entry(Verb::Create, "a", "", 201, true),
            entry(Verb::Patch, "a", "status", 200, true),
            entry(Verb::Patch, "a", "status", 200, false),
            entry(Verb::Patch, "a", "", 200, false),
            entry(Verb::Get, "none", "", 404, false),
        ]
    );
    assert_eq!(shared.with(|c| c.journal.writes_by("controller")), 3);
}

#[tokio::test(start_paused = true)]
async fn equal_seeds_and_requests_give_equal_objects() {
    async fn run(seed: u64) -> serde_json::Value {
        let cluster = Cluster::new(seed, epoch(), &[kube_sample::definition()]).unwrap();
        let shared = Shared::new(cluster, tokio_clock(epoch()));
        let mut unnamed = widget("", 5);
        unnamed.metadata.name = None;
        unnamed.metadata.generate_name = Some("w-".to_owned());
        let api = widgets(&shared, "me");
        serde_json::to_value(api.create(&PostParams::default(), &unnamed).await.unwrap()).unwrap()
    }
    assert_eq!(run(1).await, run(1).await);
    assert_ne!(run(1).await["metadata"]["uid"], run(2).await["metadata"]["uid"]);
}

#[test]
fn a_namespace_goes_when_its_content_is_gone() {
    let mut cluster = cluster();
    let now = epoch();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}});
    cluster.apply(now, &namespace).unwrap();
    let held = json!({
        "apiVersion": "sample.dev/v1", "kind": "Widget", "spec": {"size": 5},
        "metadata": {"name": "held", "namespace": "team", "finalizers": ["sample.dev/hold"]},
    });
    cluster.apply(now, &held).unwrap();
    let send = |cluster: &mut Cluster, method: &str, path: &str, body: serde_json::Value| {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/merge-patch+json")
            .body(bytes::Bytes::from(body.to_string()))
            .unwrap();
        match cluster.handle(now, &request).reply {
            simulator::kube::Reply::Answer(response) => {
                let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
                (response.status().as_u16(), body)
            }
            other => panic!("{other:?}"),
        }
    };
    let (status, body) = send(&mut cluster, "DELETE", "/api/v1/namespaces/team", json!({}));
    assert_eq!((status, &body["status"]["phase"]), (200, &json!("Terminating")));
    let widgets = "/apis/sample.dev/v1/namespaces/team/widgets";
    let (_, body) = send(&mut cluster, "GET", &format!("{widgets}/held"), json!(null));
    assert!(body["metadata"]["deletionTimestamp"].is_string());
    let new = json!({"apiVersion": "sample.dev/v1", "kind": "Widget", "metadata": {"name": "n"}, "spec": {"size": 1}});
    let (status, body) = send(&mut cluster, "POST", widgets, new);
    assert_eq!(status, 403);
    assert_eq!(body["details"]["causes"][0]["reason"], "NamespaceTerminating");
    send(&mut cluster, "PATCH", &format!("{widgets}/held"), json!({"metadata": {"finalizers": null}}));
    assert_eq!(send(&mut cluster, "GET", "/api/v1/namespaces/team", json!(null)).0, 404);
}

#[tokio::test(start_paused = true)]
async fn what_the_weather_did_is_counted() {
    let shared = shared();
    let api = widgets(&shared, "tester");
    let create_rule = |fault| Rule::once(Match::on(&[Verb::Create], "widgets"), When::Before, fault);
    shared.with(|c| c.weather.rules = vec![create_rule(Fault::conflict())]);
    assert_eq!(code(&create(&api, "a").await), 409);
    assert_eq!(code(&create(&api, "a").await), 200);
    let happened = shared.with(|c| c.weather.happened.clone());
    assert_eq!(happened, std::collections::BTreeMap::from([("409", 1)]));
}

#[test]
fn a_cluster_that_is_reseeded_goes_on_with_other_uids() {
    let uid = |seed: u64| {
        let mut cluster = cluster();
        cluster.reseed(seed);
        let stored = cluster
            .apply(epoch(), &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}));
        stored.unwrap()["metadata"]["uid"].clone()
    };
    assert_eq!(uid(1), uid(1));
    assert_ne!(uid(1), uid(2));
}
