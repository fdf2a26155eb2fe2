//! What the real API server says of our events: it checks more than a schema does.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail as tests do")]

mod cluster;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use k8s_openapi::api::{core::v1::ObjectReference, events::v1 as k8s};
use kube::{Api, api::ListParams};
use sharekeeper::{
    api::Reason,
    aws::{clock::Clock, fence},
    kube::{
        events::{Event, Events, Kind},
        write::Writer,
    },
};

use cluster::{Cluster, User};

fn about(kind: &str, namespace: Option<&str>, name: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some("sharekeeper.dev/v1alpha1".into()),
        kind: Some(kind.into()),
        namespace: namespace.map(str::to_owned),
        name: Some(name.into()),
        uid: Some(format!("uid-of-{name}")),
        ..ObjectReference::default()
    }
}

#[tokio::test]
async fn the_api_server_takes_the_longest_events_about_all_kinds_of_objects() {
    let client = Cluster::shared().await.client(&User::admin()).await;
    let written = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&written);
    let writer = Writer::new(client.clone(), fence::open()).observed_by(Arc::new(move |kind, result| {
        assert!(kind == "Event" && result.is_ok(), "{kind}: {result:?}");
        told.fetch_add(1, Ordering::Relaxed);
    }));
    let instance = "sharekeeper-".repeat(30);
    let events = Events::new(writer, &instance, Clock::system());
    let longest = format!("{}.{}", "a".repeat(126), "b".repeat(126));
    let subjects = [
        about("Share", Some("default"), "hub"),
        about("AccountRegion", None, "111122223333.eu-west-1"),
        about("Share", Some("default"), &longest),
    ];
    for subject in subjects {
        for reason in [Reason::DriftCorrected, Reason::OrgSharingNotEnabled] {
            let event = Event {
                kind: Kind::Warning,
                reason: reason.as_str(),
                action: "Correct",
                note: "ü".repeat(2000),
            };
            events.publish(subject.clone(), event).await;
        }
    }

    let kept = Api::<k8s::Event>::namespaced(client, "default").list(&ListParams::default()).await.unwrap();
    let ours =
        kept.items.iter().filter(|e| e.reporting_controller.as_deref() == Some("sharekeeper.dev/controller"));
    let mut told: Vec<_> = ours.map(|e| e.regarding.as_ref().unwrap().name.clone().unwrap()).collect();
    told.sort();
    told.dedup();
    assert_eq!(told, ["111122223333.eu-west-1", longest.as_str(), "hub"]);
    assert_eq!(written.load(Ordering::Relaxed), 6);
}
