//! What goes wrong, as data: a test or a command line sets it and may change it at any time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::request::{Call, Verb};
use super::status::StatusError;

/// Which requests or watches a rule is about; what is `None` matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// Verbs; empty for all.
    pub verbs: Vec<Verb>,
    /// API group.
    pub group: Option<String>,
    /// Plural resource name.
    pub resource: Option<String>,
    /// Namespace of the request.
    pub namespace: Option<String>,
    /// Object name in the path.
    pub name: Option<String>,
    /// Subresource; `Some("")` for the object itself.
    pub subresource: Option<String>,
    /// Who asks: the in-process client's user, or the user agent.
    pub user: Option<String>,
}

impl Match {
    /// Every request.
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests with one of `verbs` on `resource` of whatever group.
    pub fn on(verbs: &[Verb], resource: &str) -> Self {
        Self { verbs: verbs.to_vec(), resource: Some(resource.to_owned()), ..Self::default() }
    }

    /// The same, by one user only.
    #[must_use]
    pub fn by(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    pub(crate) fn matches(&self, call: &Call) -> bool {
        let given = |wanted: &Option<String>, got: &str| wanted.as_deref().is_none_or(|w| w == got);
        let target = call.target.as_ref();
        let part = |f: fn(&super::request::Target) -> &str| target.map(f).unwrap_or_default();
        (self.verbs.is_empty() || target.is_some() && self.verbs.contains(&call.verb))
            && given(&self.group, part(|t| &t.resource.group))
            && given(&self.resource, part(|t| &t.resource.resource))
            && given(&self.namespace, part(|t| &t.namespace))
            && given(&self.name, part(|t| &t.name))
            && given(&self.subresource, part(|t| &t.subresource))
            && given(&self.user, &call.user)
    }
}

/// Whether a fault strikes before the request has its effect or after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Nothing has happened; the client is told the fault.
    Before,
    /// All has happened; the client is told the fault in place of the answer.
    After,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// This refusal is answered.
    Answer(StatusError),
    /// 403 in the words of RBAC.
    Forbidden,
    /// The connection breaks.
    Lost,
    /// No answer ever comes.
    Never,
    /// The answer comes that much later.
    Late(Duration),
    /// A list shows the state of that many revisions ago (as an apiserver that lags behind etcd does).
    Stale(u64),
}

impl Fault {
    /// 429 with `Retry-After`, in the words of priority and fairness.
    pub fn throttled(retry_after: u64) -> Self {
        let text = "too many requests, please try again later";
        Self::Answer(StatusError::new(429, "TooManyRequests", text).with_retry_after(retry_after))
    }

    /// 500.
    pub fn internal() -> Self {
        let text = "Internal error occurred: etcdserver: request timed out";
        Self::Answer(StatusError::new(500, "InternalError", text))
    }

    /// 503.
    pub fn unavailable() -> Self {
        let text = "apiserver is shutting down";
        Self::Answer(StatusError::new(503, "ServiceUnavailable", text).with_retry_after(1))
    }

    /// 504: the effect may still come, or may have come.
    pub fn timeout() -> Self {
        let text = "Timeout: request did not complete within requested timeout - context deadline exceeded";
        Self::Answer(StatusError::new(504, "Timeout", text))
    }

    /// What it is called where it is counted.
    fn name(&self, when: When) -> &'static str {
        match (self, when) {
            (Self::Answer(error), _) if error.code == 409 => "409",
            (Self::Answer(error), _) if error.code == 429 => "429",
            (Self::Answer(_), When::Before) => "apiserver error before the effect",
            (Self::Answer(_), When::After) => "apiserver error after the effect",
            (Self::Forbidden, _) => "403",
            (Self::Lost, When::Before) => "kube request lost before the effect",
            (Self::Lost, When::After) => "kube request lost after the effect",
            (Self::Never, _) => "no answer from the apiserver",
            (Self::Late(_), _) => "late answer from the apiserver",
            (Self::Stale(_), _) => "list of the past",
        }
    }

    /// 409: somebody else has written the object in between.
    pub fn conflict() -> Self {
        let text = "Operation cannot be fulfilled: the object has been modified; please apply your changes \
                    to the latest version and try again";
        Self::Answer(StatusError::new(409, "Conflict", text))
    }
}

/// A fault for the requests that match: the first `skip` are spared, then it strikes `times` times (`None`: for ever).
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The requests.
    pub on: Match,
    /// How many matching requests are spared first.
    pub skip: u64,
    /// How often the fault strikes.
    pub times: Option<u64>,
    /// Before or after the effect.
    pub when: When,
    /// The fault.
    pub fault: Fault,
}

impl Rule {
    /// Strikes every matching request, before its effect.
    pub fn always(on: Match, fault: Fault) -> Self {
        Self { on, skip: 0, times: None, when: When::Before, fault }
    }

    /// Strikes the next matching request.
    pub fn once(on: Match, when: When, fault: Fault) -> Self {
        Self { on, skip: 0, times: Some(1), when, fault }
    }

    fn strikes(&mut self, call: &Call) -> bool {
        if self.times == Some(0) || !self.on.matches(call) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times = self.times.map(|n| n - 1);
        true
    }
}

/// Which events of a watch, counted from 1 for each watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    /// Every n-th.
    Every(u64),
    /// The n-th alone.
    Nth(u64),
}

impl Events {
    fn includes(self, count: u64) -> bool {
        match self {
            Self::Every(n) => n > 0 && count.is_multiple_of(n),
            Self::Nth(n) => count == n,
        }
    }
}

/// What happens to an event on its way to a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchFault {
    /// The event is delivered and the stream ends, as when an apiserver closes it.
    End,
    /// The stream breaks with an error before the event is delivered.
    Break,
    /// In place of the event comes 410 Expired, and the stream ends.
    Expire,
    /// The event is lost.
    Drop,
    /// The event comes twice.
    Duplicate,
    /// The event comes after that many later ones: an order that the API does not promise away for two objects.
    Behind(u64),
}

impl WatchFault {
    /// What it is called where it is counted.
    fn name(self) -> &'static str {
        match self {
            Self::End => "watch ended",
            Self::Break => "watch broken",
            Self::Expire => "410",
            Self::Drop => "event dropped",
            Self::Duplicate => "event duplicated",
            Self::Behind(_) => "events reordered",
        }
    }
}

/// A fault for the events of the watches that match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchRule {
    /// The watches, by the request that opened them.
    pub on: Match,
    /// The events.
    pub events: Events,
    /// The fault.
    pub fault: WatchFault,
}

/// All that goes wrong, or is slow.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    /// No connection can be made. Watches that are open stay so: break them with [`super::Cluster::break_watches`].
    pub unavailable: bool,
    /// How long a request is on its way, and again its answer.
    pub latency: Duration,
    /// Faults of requests, tried in order; of those that strike, each takes part.
    pub rules: Vec<Rule>,
    /// Faults of watch events; the first that fits counts.
    pub watch_rules: Vec<WatchRule>,
    /// Watches that match are that many events behind.
    pub lag: Vec<(Match, u64)>,
    /// What really happened, by name: a rule may be written and never strike.
    pub happened: BTreeMap<&'static str, u64>,
}

impl Weather {
    /// The faults that strike `call`; each is counted.
    pub(crate) fn strike(&mut self, call: &Call) -> Vec<(When, Fault)> {
        let rules = self.rules.iter_mut().filter_map(|r| r.strikes(call).then(|| (r.when, r.fault.clone())));
        let struck: Vec<_> = rules.collect();
        for (when, fault) in &struck {
            self.note(fault.name(*when));
        }
        struck
    }

    pub(crate) fn strike_event(&mut self, opened_by: &Call, count: u64) -> Option<WatchFault> {
        let rule = self.watch_rules.iter().find(|r| r.events.includes(count) && r.on.matches(opened_by))?;
        let fault = rule.fault;
        self.note(fault.name());
        Some(fault)
    }

    pub(crate) fn note(&mut self, what: &'static str) {
        *self.happened.entry(what).or_default() += 1;
    }

    pub(crate) fn lag_of(&self, opened_by: &Call) -> u64 {
        self.lag.iter().find(|(on, _)| on.matches(opened_by)).map_or(0, |(_, lag)| *lag)
    }
}
