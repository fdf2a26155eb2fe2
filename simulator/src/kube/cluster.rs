//! The API: a request goes in, an answer or a watch comes out.

use bytes::Bytes;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::events;
use super::journal::{Entry, Journal, Outcome};
use super::kinds::{Kinds, definitions, namespaces};
use super::request::{Call, Verb};
use super::respond::{forbidden, refused, respond};
use super::status::{GroupResource, StatusError};
use super::store::{Event, Key, Store};
use super::watch::{Subscription, Watcher};
use super::weather::{Fault, Weather, When};

/// What a request leads to.
#[derive(Debug)]
pub enum Reply {
    /// A whole answer.
    Answer(http::Response<Bytes>),
    /// A watch, to be streamed.
    Watch(Subscription),
    /// The connection breaks.
    Lost,
    /// Nothing ever comes back.
    Never,
}

/// A reply, and how long it is held back.
#[derive(Debug)]
pub struct Delivery {
    /// Held back that long, beside the weather's latency.
    pub wait: std::time::Duration,
    /// The reply.
    pub reply: Reply,
}

/// A moment of a writing request at which a driver can stop the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Before the effect or after it.
    pub when: When,
    /// Counts writing requests from 1; the same before and after.
    pub number: u64,
    /// The request as far as it is known at this moment.
    pub entry: Entry,
}

/// What a driver decides at a [`Point`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Go on.
    Proceed,
    /// The client never hears again: it can be dropped as a crash would end it.
    Freeze,
    /// The client sees a broken connection.
    Sever,
}

/// Called before and after the effect of each writing request (dry runs excepted). It must not call the cluster.
pub type Hook = Box<dyn FnMut(&Point) -> Act + Send>;

/// An answer before it is a response.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) code: u16,
    pub(crate) body: Body,
    pub(crate) warnings: Vec<String>,
    pub(crate) changed: bool,
    /// The name the server gave, where the path had none.
    pub(crate) name: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Body {
    Json(Value),
    Typed(&'static str, Value),
    Text(String),
    Watch(Subscription),
}

impl Served {
    pub(crate) fn json(value: Value) -> Self {
        Self::new(200, Body::Json(value))
    }

    pub(crate) fn new(code: u16, body: Body) -> Self {
        Self { code, body, warnings: Vec::new(), changed: false, name: None }
    }
}

/// A kube API in memory: plain data; time comes in with each request, and equal seeds and requests give equal answers.
pub struct Cluster {
    /// What goes wrong.
    pub weather: Weather,
    /// What was asked.
    pub journal: Journal,
    pub(crate) store: Store,
    pub(crate) kinds: Kinds,
    pub(crate) watchers: Vec<Watcher>,
    pub(crate) next_watch: u64,
    seed: u64,
    drawn: u64,
    pub(crate) hook: Option<Hook>,
    writes: u64,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("revision", &self.store.revision()).finish_non_exhaustive()
    }
}

/// Events kept for watches unless set otherwise.
const HISTORY: usize = 10_000;

impl Cluster {
    /// A cluster with the namespaces `default` and `kube-system` and the kinds of `definitions`
    /// (CustomResourceDefinition objects). Equal seeds give equal UIDs and generated names.
    ///
    /// # Errors
    /// The first definition that is refused.
    pub fn new(seed: u64, now: Timestamp, definitions: &[Value]) -> Result<Self, StatusError> {
        let mut cluster = Self {
            weather: Weather::default(),
            journal: Journal::default(),
            store: Store::new(HISTORY),
            kinds: Kinds::built_in(),
            watchers: Vec::new(),
            next_watch: 0,
            seed,
            drawn: 0,
            hook: None,
            writes: 0,
        };
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            cluster.apply(now, &namespace)?;
        }
        for definition in definitions {
            cluster.apply(now, definition)?;
        }
        Ok(cluster)
    }

    /// UIDs and generated names follow from this seed from now on: for many worlds that begin with one cluster.
    pub fn reseed(&mut self, seed: u64) {
        (self.seed, self.drawn) = (seed, 0);
    }

    /// Serves one request. Effects happen here and now; the delivery says when and how the client hears of them.
    pub fn handle(&mut self, now: Timestamp, request: &http::Request<Bytes>) -> Delivery {
        let call = match Call::parse(request) {
            Ok(call) => call,
            Err(refusal) => return at_once(Reply::Answer(refused(&refusal))),
        };
        let mut entry = Entry::of(now, &call);
        let faults = self.weather.strike(&call);
        let wait =
            faults.iter().filter_map(|(_, f)| if let Fault::Late(by) = f { Some(*by) } else { None }).sum();
        let reply = self.perform(now, &call, &faults, &mut entry);
        entry.outcome = match &reply {
            Reply::Answer(response) => Outcome::Answered(response.status().as_u16()),
            Reply::Watch(_) => Outcome::Watching,
            Reply::Lost => Outcome::Lost,
            Reply::Never => Outcome::Never,
        };
        entry.revision = self.store.revision();
        self.journal.record(entry);
        Delivery { wait, reply }
    }

    fn perform(&mut self, now: Timestamp, call: &Call, faults: &[(When, Fault)], entry: &mut Entry) -> Reply {
        if self.weather.unavailable {
            return Reply::Lost;
        }
        if let Some(reply) = struck(call, faults, When::Before) {
            return reply;
        }
        let number = self.count_write(entry);
        if let Some(reply) = self.ask_hook(When::Before, number, entry) {
            return reply;
        }
        let back = faults.iter().find_map(|(_, f)| if let Fault::Stale(n) = f { Some(*n) } else { None });
        let result = self.serve(now, call, back.unwrap_or_default());
        if let Ok(served) = &result {
            entry.changed = served.changed;
            if let Some(name) = &served.name {
                entry.name.clone_from(name);
            }
        }
        if let Some(reply) = self.ask_hook(When::After, number, entry) {
            return reply;
        }
        if let Some(reply) = struck(call, faults, When::After) {
            return reply;
        }
        match result {
            Ok(Served { body: Body::Watch(subscription), .. }) => Reply::Watch(subscription),
            Ok(served) => Reply::Answer(respond(served)),
            Err(refusal) => Reply::Answer(refused(&refusal)),
        }
    }

    fn count_write(&mut self, entry: &Entry) -> u64 {
        self.writes += u64::from(entry.writes());
        self.writes
    }

    fn ask_hook(&mut self, when: When, number: u64, entry: &Entry) -> Option<Reply> {
        let hook = self.hook.as_mut().filter(|_| entry.writes())?;
        match hook(&Point { when, number, entry: entry.clone() }) {
            Act::Proceed => None,
            Act::Freeze => Some(Reply::Never),
            Act::Sever => Some(Reply::Lost),
        }
    }

    fn serve(&mut self, now: Timestamp, call: &Call, back: u64) -> Result<Served, StatusError> {
        let Some(target) = &call.target else { return self.serve_document(call) };
        let Some(kind) = self.kinds.find(&target.resource, &target.version) else {
            return Ok(no_such_page());
        };
        let whole_collection = target.name.is_empty();
        let wrong_scope = if kind.namespaced {
            target.namespace.is_empty() && !whole_collection
        } else {
            !target.namespace.is_empty()
        };
        if wrong_scope {
            return Ok(no_such_page());
        }
        if !kind.has_subresource(&target.subresource) {
            return Err(StatusError::not_found(&kind.resource, &target.name));
        }
        match call.verb {
            Verb::Get => self.get(now, call, &kind, target),
            Verb::List => self.list(now, call, &kind, target, back),
            Verb::Watch => self.watch(now, call, &kind, target),
            Verb::Create if whole_collection => self.create(now, call, &kind, target),
            Verb::Update if !whole_collection => self.update(now, call, &kind, target),
            Verb::Patch if !whole_collection => self.patch(now, call, &kind, target),
            Verb::Update | Verb::Patch => Err(StatusError::bad_request("name must be provided")),
            Verb::Delete if target.subresource.is_empty() => self.delete(now, call, &kind, target),
            Verb::DeleteCollection => self.delete_collection(now, call, &kind, target),
            _ => Err(StatusError::method_not_allowed()),
        }
    }

    /// Tells all watches of a change, and the parts of the API that live by stored objects.
    pub(crate) fn publish(&mut self, now: Timestamp, event: &Event) {
        self.watchers.retain(Watcher::is_open);
        for watcher in self.watchers.iter_mut().filter(|w| w.kind.resource == event.resource) {
            watcher.notice(event, &mut self.weather, now);
        }
        if event.resource == definitions() {
            self.follow_definition(now, event);
        } else if event.resource == namespaces() {
            self.follow_namespace(now, event);
        } else if event.after.is_none() {
            self.follow_removal(now, event);
        }
        if event.resource == events::resource() {
            self.mirror_event(now, event);
        }
    }

    pub(crate) fn put(&mut self, now: Timestamp, resource: &GroupResource, object: Value) -> Event {
        let event = self.store.put(resource, object);
        self.publish(now, &event);
        event
    }

    pub(crate) fn remove(&mut self, now: Timestamp, resource: &GroupResource, key: &Key) -> Option<Event> {
        let event = self.store.remove(resource, key)?;
        self.publish(now, &event);
        Some(event)
    }

    /// The next 32 bytes of the seed's sequence.
    fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(self.drawn.to_be_bytes());
        hash.finalize().into()
    }

    pub(crate) fn new_uid(&mut self) -> String {
        let hex = super::hex(&self.draw());
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
    }

    /// Five characters after `base`, as apiserver's name generator appends them.
    pub(crate) fn new_name(&mut self, base: &str) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let base: String = base.chars().take(58).collect();
        let letter = |byte: &u8| LETTERS.get(usize::from(*byte) % LETTERS.len()).copied().unwrap_or(b'x');
        let suffix: String = self.draw().iter().take(5).map(letter).map(char::from).collect();
        base + &suffix
    }
}

/// What no handler serves.
pub(crate) fn no_such_page() -> Served {
    Served::new(404, Body::Text("404 page not found\n".to_owned()))
}

fn at_once(reply: Reply) -> Delivery {
    Delivery { wait: std::time::Duration::ZERO, reply }
}

fn struck(call: &Call, faults: &[(When, Fault)], now: When) -> Option<Reply> {
    faults.iter().filter(|(when, _)| *when == now).find_map(|(_, fault)| match fault {
        Fault::Answer(error) => Some(Reply::Answer(refused(error))),
        Fault::Forbidden => Some(Reply::Answer(refused(&forbidden(call)))),
        Fault::Lost => Some(Reply::Lost),
        Fault::Never => Some(Reply::Never),
        Fault::Late(_) | Fault::Stale(_) => None,
    })
}
