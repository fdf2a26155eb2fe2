//! Watches: what was missed is sent at once, then each event as it happens, through the weather.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::kinds::Kind;
use super::object;
use super::render::Form;
use super::request::Call;
use super::selectors::Selector;
use super::status::StatusError;
use super::store::Event;
use super::weather::{WatchFault, Weather};

/// The stream broke: what a client sees as a connection error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("connection reset by peer")]
pub struct Broken;

/// An open watch, for a front to stream. The watch ends when the stream of events ends.
#[derive(Debug)]
pub struct Subscription {
    /// Names the watch in [`super::Cluster::bookmark`].
    pub id: u64,
    /// Lines of JSON, each with its newline.
    pub events: UnboundedReceiver<Result<Bytes, Broken>>,
    /// The front ends the stream after that long.
    pub timeout: Duration,
    /// How often the front asks for a bookmark; `None` where the client wants none.
    pub bookmarks: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Added,
    Modified,
    Deleted,
}

impl Type {
    fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One open watch.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) id: u64,
    pub(crate) kind: Arc<Kind>,
    pub(crate) selector: Selector,
    pub(crate) form: Form,
    /// The request that opened it, for the weather's rules.
    pub(crate) opened_by: Call,
    sender: Option<UnboundedSender<Result<Bytes, Broken>>>,
    seen: u64,
    columns_sent: bool,
    /// Events kept back by a lag, oldest first.
    lagging: VecDeque<Bytes>,
    /// Events that come after so many later ones.
    behind: Vec<(u64, Bytes)>,
}

impl Watcher {
    pub(crate) fn open(
        id: u64,
        kind: Arc<Kind>,
        selector: Selector,
        form: Form,
        opened_by: Call,
    ) -> (Self, UnboundedReceiver<Result<Bytes, Broken>>) {
        let (sender, receiver) = futures::channel::mpsc::unbounded();
        let watcher = Self {
            id,
            kind,
            selector,
            form,
            opened_by,
            sender: Some(sender),
            seen: 0,
            columns_sent: false,
            lagging: VecDeque::new(),
            behind: Vec::new(),
        };
        (watcher, receiver)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.sender.as_ref().is_some_and(|s| !s.is_closed())
    }

    /// Delivers a change of the store, if it concerns this watch.
    pub(crate) fn notice(&mut self, event: &Event, weather: &mut Weather, now: Timestamp) {
        if let Some((type_, object)) = self.view(event) {
            let line = self.line(type_, &object, now);
            self.through(line, weather);
        }
    }

    /// What a change looks like through the selector: coming into sight is ADDED, going out of it DELETED.
    fn view(&self, event: &Event) -> Option<(Type, Value)> {
        let seen = |o: &Option<Arc<Value>>| o.clone().filter(|o| self.selector.matches(&self.kind, o));
        let (before, after) = (seen(&event.before), seen(&event.after));
        let (type_, object) = match (before, after) {
            (None, Some(after)) => (Type::Added, after),
            (Some(_), Some(after)) => (Type::Modified, after),
            (Some(before), None) => (Type::Deleted, before),
            (None, None) => return None,
        };
        let mut object = Arc::unwrap_or_clone(object);
        object::set_meta(&mut object, "resourceVersion", event.revision.to_string());
        Some((type_, object))
    }

    fn line(&mut self, type_: Type, object: &Value, now: Timestamp) -> Bytes {
        let shown = self.form.one(&self.kind, object, !self.columns_sent, now);
        self.columns_sent = true;
        line(&json!({"type": type_.as_str(), "object": shown}))
    }

    fn through(&mut self, line: Bytes, weather: &mut Weather) {
        self.seen += 1;
        match weather.strike_event(&self.opened_by, self.seen) {
            None => self.pass(line, weather),
            Some(WatchFault::Drop) => self.pass_those_behind(weather),
            Some(WatchFault::Duplicate) => {
                self.pass(line.clone(), weather);
                self.pass(line, weather);
            }
            Some(WatchFault::Behind(by)) => self.behind.push((by, line)),
            Some(WatchFault::End) => {
                self.pass(line, weather);
                // What was kept back is delivered too: an apiserver that closes a watch has sent all it had.
                while let Some(line) = self.lagging.pop_front() {
                    self.send(Ok(line));
                }
                self.sender = None;
            }
            Some(WatchFault::Break) => self.break_off(),
            Some(WatchFault::Expire) => self.expire(),
        }
    }

    fn pass(&mut self, line: Bytes, weather: &mut Weather) {
        self.lagging.push_back(line);
        self.pass_those_behind(weather);
        self.release(weather);
    }

    fn pass_those_behind(&mut self, weather: &mut Weather) {
        for (left, _) in &mut self.behind {
            *left = left.saturating_sub(1);
        }
        let (due, waiting) = std::mem::take(&mut self.behind).into_iter().partition(|(left, _)| *left == 0);
        self.behind = waiting;
        let due: Vec<(u64, Bytes)> = due;
        self.lagging.extend(due.into_iter().map(|(_, line)| line));
        self.release(weather);
    }

    /// Sends what the lag no longer keeps back.
    pub(crate) fn release(&mut self, weather: &mut Weather) {
        let lag = weather.lag_of(&self.opened_by);
        while self.lagging.len() as u64 > lag {
            if let Some(line) = self.lagging.pop_front() {
                self.send(Ok(line));
            }
        }
        if !self.lagging.is_empty() {
            weather.note("event kept back");
        }
    }

    fn send(&mut self, item: Result<Bytes, Broken>) {
        if let Some(sender) = &self.sender
            && sender.unbounded_send(item).is_err()
        {
            self.sender = None;
        }
    }

    /// An object that is there already, sent as ADDED, past all weather.
    pub(crate) fn initial(&mut self, object: &Value, now: Timestamp) {
        let line = self.line(Type::Added, object, now);
        self.send(Ok(line));
    }

    /// Tells the client up to which revision it has seen all; kept back while events are.
    pub(crate) fn bookmark(&mut self, revision: u64, ends_initial_events: bool, now: Timestamp) {
        if !self.lagging.is_empty() || !self.behind.is_empty() {
            return;
        }
        let version = revision.to_string();
        let metadata = if ends_initial_events {
            json!({"resourceVersion": version, "annotations": {"k8s.io/initial-events-end": "true"}})
        } else {
            json!({"resourceVersion": version})
        };
        let object = self.form.bookmark(&self.kind, &metadata, !self.columns_sent, now);
        self.send(Ok(line(&json!({"type": "BOOKMARK", "object": object}))));
    }

    /// Ends the stream as an apiserver does.
    pub(crate) fn end(&mut self) {
        self.sender = None;
    }

    /// Ends the stream as a broken connection does.
    pub(crate) fn break_off(&mut self) {
        self.send(Err(Broken));
        self.sender = None;
    }

    /// Ends the stream with 410.
    pub(crate) fn expire(&mut self) {
        self.refuse(&StatusError::expired("The resourceVersion for the provided watch is too old."));
    }

    /// Ends the stream with an ERROR event.
    pub(crate) fn refuse(&mut self, error: &StatusError) {
        self.send(Ok(line(&json!({"type": "ERROR", "object": error.to_status()}))));
        self.sender = None;
    }
}

fn line(value: &Value) -> Bytes {
    let mut text = value.to_string();
    text.push('\n');
    Bytes::from(text)
}
