//! Events: what happened to an object, for people who look at it. Best effort: told once, in time or not at all, and never
//! the reason why anything else fails.
//!
//! Our own few lines instead of kube's `Recorder`, which takes the wall clock by itself and does not cut long notes.

use std::{collections::BTreeMap, error::Error, fmt, sync::Arc, time::Duration};

use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1 as k8s},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::api::ObjectMeta;
use tokio::{sync::Mutex, time::Instant};

use super::write::Writer;
use crate::{
    aws::clock::Clock,
    model::{Digest, Timestamp},
};

/// Who reports.
const CONTROLLER: &str = "sharekeeper.dev/controller";
/// The same event about the same object is told once in this time.
const ONCE_IN: Duration = Duration::from_mins(6);
/// How long the apiserver may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Events remembered as told; beyond, the oldest are forgotten and may be told again.
const REMEMBERED: usize = 4096;
/// The longest note that the apiserver takes, in bytes.
const NOTE_MAX: usize = 1024;
/// The longest action, reason and reporting instance that it takes, in bytes.
const WORD_MAX: usize = 128;
/// The longest name, in bytes.
const NAME_MAX: usize = 253;
/// Where events about objects without a namespace go.
const CLUSTER_SCOPED: &str = "default";

/// Whether somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For information.
    Normal,
    /// Something is not as it should be.
    Warning,
}

impl Kind {
    /// The type as it stands in an event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whether somebody should look.
    pub kind: Kind,
    /// Why, in one word for machines: [`crate::api::Reason::as_str`], as a rule.
    pub reason: &'static str,
    /// What the controller did or tried, in one word.
    pub action: &'static str,
    /// The same in words, for people. What exceeds 1 kB is cut off.
    pub note: String,
}

/// Publishes events.
#[derive(Clone)]
pub struct Events {
    writer: Writer,
    instance: String,
    clock: Clock,
    told: Arc<Mutex<Told>>,
}

impl Events {
    /// Events of this replica (its pod's name, as a rule), published while the fence is open.
    pub fn new(writer: Writer, instance: &str, clock: Clock) -> Self {
        let instance = cut(instance, WORD_MAX).to_owned();
        Self { writer: writer.within(PATIENCE), instance, clock, told: Arc::default() }
    }

    /// Publishes an event about an object, unless the same was told in the last minutes. Takes a few seconds at most;
    /// what fails is logged.
    pub async fn publish(&self, about: ObjectReference, event: Event) {
        if !self.writer.may_write() || !self.told.lock().await.note(key(&about, &event), Instant::now()) {
            return;
        }
        let published = self.event(about, &event, self.clock.wall_now());
        if let Err(error) = self.writer.create(&published).await {
            tracing::warn!(error = &error as &dyn Error, ?event, "an event could not be published");
        }
    }

    fn event(&self, about: ObjectReference, event: &Event, now: Timestamp) -> k8s::Event {
        let namespace = about.namespace.clone().unwrap_or_else(|| CLUSTER_SCOPED.to_owned());
        k8s::Event {
            metadata: ObjectMeta {
                name: Some(name(&about, event, now)),
                namespace: Some(namespace),
                ..ObjectMeta::default()
            },
            type_: Some(event.kind.as_str().to_owned()),
            reason: Some(cut(event.reason, WORD_MAX).to_owned()),
            action: Some(cut(event.action, WORD_MAX).to_owned()),
            note: Some(cut(&event.note, NOTE_MAX).to_owned()),
            event_time: Some(MicroTime(now)),
            regarding: Some(about),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.instance.clone()),
            ..k8s::Event::default()
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("instance", &self.instance).finish_non_exhaustive()
    }
}

/// What was told, and when.
#[derive(Default)]
struct Told(BTreeMap<Digest, Instant>);

impl Told {
    /// Notes that this is told now; false if it was told not long ago.
    fn note(&mut self, key: Digest, now: Instant) -> bool {
        self.0.retain(|_, at| now.duration_since(*at) < ONCE_IN);
        if self.0.contains_key(&key) {
            return false;
        }
        if self.0.len() >= REMEMBERED {
            let oldest = self.0.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.0.remove(&key));
        }
        self.0.insert(key, now);
        true
    }
}

fn identity(about: &ObjectReference) -> [&str; 4] {
    [&about.kind, &about.namespace, &about.name, &about.uid].map(|part| part.as_deref().unwrap_or_default())
}

/// What makes two events the same.
fn key(about: &ObjectReference, event: &Event) -> Digest {
    Digest::of(identity(about).into_iter().chain([event.reason, &event.note]))
}

/// The object's name and a fingerprint of event and time: the same event, told again later, is another object.
fn name(about: &ObjectReference, event: &Event, now: Timestamp) -> String {
    let time = now.as_nanosecond().to_string();
    let parts = identity(about).into_iter().chain([event.reason, &event.note, &time]);
    let suffix = format!(".{}", Digest::of(parts));
    let object = about.name.as_deref().unwrap_or("unnamed");
    // What is left of a name must not end in a dot or hyphen.
    let object = cut(object, NAME_MAX - suffix.len()).trim_end_matches(['.', '-']);
    format!("{object}{suffix}")
}

/// The longest beginning of so many bytes that splits no character.
fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::Mutex as Lock};

    use http::{Request, Response, StatusCode};
    use http_body_util::BodyExt;
    use kube::{Client, client::Body};
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        api::Reason,
        aws::fence::{self, Refusal},
        kube::write::WriteError,
    };

    /// What the apiserver got: path and body.
    type Got = Arc<Lock<Vec<(String, Value)>>>;

    /// How the apiserver answers.
    #[derive(Clone, Copy)]
    enum Answers {
        Created,
        Forbidden,
        Never,
    }

    fn apiserver(answers: Answers) -> (Client, Got) {
        let got = Got::default();
        let seen = Arc::clone(&got);
        let service = tower::service_fn(move |request: Request<Body>| {
            let seen = Arc::clone(&seen);
            async move {
                let path = format!("{} {}", request.method(), request.uri().path());
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let body: Value = serde_json::from_slice(&body).unwrap();
                seen.lock().unwrap().push((path, body.clone()));
                let (status, answer) = match answers {
                    Answers::Created => (StatusCode::CREATED, body),
                    Answers::Forbidden => (
                        StatusCode::FORBIDDEN,
                        json!({"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403, "message": "no"}),
                    ),
                    Answers::Never => std::future::pending().await,
                };
                let answer =
                    Response::builder().status(status).body(Body::from(answer.to_string().into_bytes()));
                Ok::<_, Infallible>(answer.unwrap())
            }
        });
        (Client::new(service, "default"), got)
    }

    fn events(answers: Answers) -> (Events, Got) {
        let (client, got) = apiserver(answers);
        let clock = Clock::simulated("2026-01-01T00:00:00.000001Z".parse().unwrap());
        (Events::new(Writer::new(client, fence::open()), "pod-1", clock), got)
    }

    fn share(uid: &str) -> ObjectReference {
        ObjectReference {
            api_version: Some("sharekeeper.dev/v1alpha1".into()),
            kind: Some("Share".into()),
            namespace: Some("team".into()),
            name: Some("hub".into()),
            uid: Some(uid.into()),
            ..ObjectReference::default()
        }
    }

    fn drift(note: &str) -> Event {
        Event {
            kind: Kind::Warning,
            reason: Reason::DriftCorrected.as_str(),
            action: "Correct",
            note: note.to_owned(),
        }
    }

    fn count(got: &Got) -> usize {
        got.lock().unwrap().len()
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_carries_all_that_the_apiserver_demands() {
        let (events, got) = events(Answers::Created);
        events.publish(share("u-1"), drift("principal 222233334444 is back")).await;
        let (path, body) = got.lock().unwrap().first().cloned().unwrap();
        assert_eq!(path, "POST /apis/events.k8s.io/v1/namespaces/team/events");
        let name = body["metadata"]["name"].as_str().unwrap().to_owned();
        assert!(name.starts_with("hub.") && name.len() == "hub.".len() + 16, "{name}");
        let expected = json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": "team"},
            "type": "Warning",
            "reason": "DriftCorrected",
            "action": "Correct",
            "note": "principal 222233334444 is back",
            "eventTime": "2026-01-01T00:00:00.000001Z",
            "regarding": {
                "apiVersion": "sharekeeper.dev/v1alpha1", "kind": "Share", "namespace": "team", "name": "hub", "uid": "u-1",
            },
            "reportingController": "sharekeeper.dev/controller",
            "reportingInstance": "pod-1",
        });
        assert_eq!(body, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_about_what_has_no_namespace_goes_to_the_default_one() {
        let (events, got) = events(Answers::Created);
        let cell = ObjectReference { namespace: None, ..share("u-1") };
        events.publish(cell, drift("x")).await;
        assert_eq!(got.lock().unwrap()[0].0, "POST /apis/events.k8s.io/v1/namespaces/default/events");
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_is_told_once_in_six_minutes_and_under_another_name_later() {
        let (events, got) = events(Answers::Created);
        for (about, event, told) in [
            (share("u-1"), drift("a"), 1),
            (share("u-1"), drift("a"), 1),
            (share("u-1"), drift("b"), 2),
            (share("u-2"), drift("a"), 3),
            (share("u-1"), Event { reason: Reason::DriftHeld.as_str(), ..drift("a") }, 4),
            (share("u-1"), Event { kind: Kind::Normal, ..drift("a") }, 4),
        ] {
            events.clone().publish(about, event).await;
            assert_eq!(count(&got), told);
        }
        tokio::time::advance(ONCE_IN.saturating_sub(Duration::from_millis(1))).await;
        events.publish(share("u-1"), drift("a")).await;
        assert_eq!(count(&got), 4);
        tokio::time::advance(Duration::from_millis(1)).await;
        events.publish(share("u-1"), drift("a")).await;
        let names: Vec<_> =
            got.lock().unwrap().iter().map(|(_, body)| body["metadata"]["name"].clone()).collect();
        assert_eq!(names.len(), 5);
        assert_ne!(names[0], names[4]);
    }

    #[tokio::test(start_paused = true)]
    async fn names_repeat_with_the_world() {
        let mut names = vec![];
        for _ in 0..2 {
            let (events, got) = events(Answers::Created);
            events.publish(share("u-1"), drift("a")).await;
            names.push(got.lock().unwrap()[0].1["metadata"]["name"].clone());
        }
        assert_eq!(names[0], names[1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_or_silence_is_waited_for_five_seconds_at_most_and_not_repeated() {
        for (answers, waited) in [(Answers::Forbidden, Duration::ZERO), (Answers::Never, PATIENCE)] {
            let (client, got) = apiserver(answers);
            let clock = Clock::simulated("2026-01-01T00:00:00Z".parse().unwrap());
            let failed = Arc::new(Lock::new(vec![]));
            let told = Arc::clone(&failed);
            let observer = move |kind: &str, result: Result<(), &WriteError>| {
                told.lock().unwrap().push((kind.to_owned(), result.is_err()));
            };
            let writer = Writer::new(client, fence::open()).observed_by(Arc::new(observer));
            let events = Events::new(writer, "pod-1", clock);
            let start = Instant::now();
            events.publish(share("u-1"), drift("a")).await;
            events.publish(share("u-1"), drift("a")).await;
            assert!(start.elapsed() >= waited && start.elapsed() < waited + Duration::from_secs(1));
            assert_eq!(count(&got), 1);
            assert_eq!(*failed.lock().unwrap(), [("Event".to_owned(), true)]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_published_behind_a_closed_fence() {
        let (client, got) = apiserver(Answers::Created);
        let clock = Clock::simulated("2026-01-01T00:00:00Z".parse().unwrap());
        let writer = Writer::new(client, fence::closed(Refusal::NotLeader));
        let events = Events::new(writer, "pod-1", clock);
        events.publish(share("u-1"), drift("a")).await;
        assert_eq!(count(&got), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_forgets_the_oldest() {
        let mut told = Told::default();
        let start = Instant::now();
        for number in 0..=REMEMBERED {
            let at = start + Duration::from_millis(number as u64);
            assert!(told.note(Digest::of([number.to_string()]), at));
            assert!(told.0.len() <= REMEMBERED);
        }
        let at = start + Duration::from_millis(REMEMBERED as u64);
        assert!(!told.note(Digest::of(["1"]), at), "still remembered");
        assert!(told.note(Digest::of(["0"]), at), "forgotten, as the oldest");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_long_is_cut_between_characters() {
        let (events, got) = events(Answers::Created);
        let long =
            ObjectReference { name: Some(format!("{}.{}", "a".repeat(235), "b".repeat(17))), ..share("u-1") };
        events.publish(long, drift(&format!("x{}", "ü".repeat(2000)))).await;
        let body = got.lock().unwrap()[0].1.clone();
        let note = body["note"].as_str().unwrap();
        assert_eq!((note.len(), note.chars().last()), (NOTE_MAX - 1, Some('ü')));
        let name = body["metadata"]["name"].as_str().unwrap();
        assert!(name.len() <= NAME_MAX && !name.contains(".."), "{name}");
    }
}
