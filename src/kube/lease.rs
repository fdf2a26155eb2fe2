//! Leadership: one `Lease`, one loop that holds it or contends for it, and a fence that closes by itself.
//!
//! The protocol, all on the monotonic clock of each process:
//!
//! * The holder renews every `retry_period`. Its fence is open until the moment *before the request was sent* plus
//!   `renew_deadline`. Errors change nothing: the deadline does.
//! * A contender takes over when it has seen no change of the lease for its `leaseDurationSeconds`, which is longer: it
//!   sees a renewal after that moment, so the old fence has closed before the new one opens. Wall clocks decide nothing.
//! * Every write carries the resourceVersion that was read, so of two contenders one loses (409).
//! * A lease that vanishes while somebody may hold it is waited for like one that is not renewed.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use tokio::{sync::watch, time::Instant};

use crate::{
    aws::{
        calls::EFFECT_WITHIN,
        clock::Clock,
        fence::{Fence, Refusal},
    },
    model::Digest,
};

/// Says on a lease that was given up whether its last holder might have removed things: if not, calls of the holder
/// before may still be on their way.
const SETTLED: &str = "sharekeeper.dev/settled";

/// How a lease is held.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The lease's namespace.
    pub namespace: String,
    /// The lease's name.
    pub name: String,
    /// Who we are: unlike that of any other process that is or was, so a pod's name alone will not do.
    pub identity: String,
    /// What a contender waits without seeing a change: whole seconds, more than `renew_deadline`.
    pub lease_duration: Duration,
    /// What the holder's fence stays open for after its last renewal; cut to two thirds of `lease_duration`, since a
    /// longer one would let two lead.
    pub renew_deadline: Duration,
    /// How often the lease is read, and renewed while it is held.
    pub retry_period: Duration,
    /// What a new leader waits before it removes anything: as long as an attempt of the former may be on its way.
    pub settle: Duration,
}

impl Settings {
    /// With the timings of Kubernetes' own controllers: 15, 10 and 2 s.
    pub fn new(namespace: &str, name: &str, identity: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity: identity.to_owned(),
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
            settle: EFFECT_WITHIN,
        }
    }
}

/// A period of leadership, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    /// `leaseTransitions`: higher with each change of holder.
    epoch: i32,
    since: Instant,
    until: Instant,
    /// No call of a former leader is on its way: nobody led before, or who did gave the lease up, its work ended, and had
    /// itself nobody's calls to fear.
    handed_over: bool,
}

impl Held {
    fn is_settled(&self, settle: Duration) -> bool {
        self.handed_over || self.since.elapsed() >= settle
    }
}

/// Makes the loop and the fence that it opens. Nothing happens until the loop runs.
pub fn elector(client: Client, mut settings: Settings, clock: Clock) -> (Elector, LeaseFence) {
    settings.lease_duration = Duration::from_secs(settings.lease_duration.as_secs().max(1));
    settings.renew_deadline = settings.renew_deadline.min(settings.lease_duration * 2 / 3);
    let (published, held) = watch::channel(None);
    let fence = LeaseFence { held, settle: settings.settle };
    let api = Api::namespaced(client, &settings.namespace);
    (Elector { api, settings, clock, published, seen: None }, fence)
}

/// Holds the lease or contends for it.
pub struct Elector {
    api: Api<Lease>,
    settings: Settings,
    clock: Clock,
    published: watch::Sender<Option<Held>>,
    seen: Option<Seen>,
}

/// The lease as it was last seen to change.
struct Seen {
    /// None: it was there, and is gone.
    version: Option<String>,
    at: Instant,
    valid_for: Duration,
}

/// What one round found out.
enum Round {
    /// Ours, by a request sent at this moment.
    Ours { epoch: i32, asked: Instant, handed_over: bool },
    /// Somebody else's, or nobody's yet.
    NotOurs,
    /// Another write came between our read and our write: read again.
    Contested,
}

/// By what right the lease is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// It is ours.
    Renew,
    /// Its holder gave it up.
    GivenUp,
    /// Its holder has not renewed it in time.
    Expired,
}

impl Elector {
    /// Runs until `shutdown`, then closes the fence and gives the lease up if it is held, so that the next leader need
    /// not wait. Let `shutdown` resolve only when the work that the fence guards has ended.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        {
            let contend = self.contend();
            tokio::pin!(contend, shutdown);
            tokio::select! {
                biased;
                () = &mut shutdown => {}
                () = &mut contend => {}
            }
        }
        self.release().await;
    }

    async fn contend(&mut self) {
        loop {
            match tokio::time::timeout(self.settings.renew_deadline / 2, self.round()).await {
                Ok(Ok(Round::Ours { epoch, asked, handed_over })) => self.publish(epoch, asked, handed_over),
                Ok(Ok(Round::NotOurs)) => self.close(),
                Ok(Ok(Round::Contested)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the leadership lease could not be read or written"),
                Err(_elapsed) => {
                    tracing::warn!("the apiserver did not answer about the leadership lease in time");
                }
            }
            tokio::time::sleep(self.pause()).await;
        }
    }

    async fn round(&mut self) -> Result<Round, kube::Error> {
        let asked = Instant::now();
        let Some(lease) = self.api.get_opt(&self.settings.name).await? else {
            let never_seen = self.seen.is_none();
            let free = never_seen || self.unchanged(None, asked);
            return if free { self.create(asked, never_seen).await } else { Ok(Round::NotOurs) };
        };
        let unchanged = self.unchanged(Some(&lease), asked);
        let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
        if holder == self.settings.identity {
            return self.replace(lease, Claim::Renew).await;
        }
        if holder.is_empty() {
            return self.replace(lease, Claim::GivenUp).await;
        }
        if unchanged { self.replace(lease, Claim::Expired).await } else { Ok(Round::NotOurs) }
    }

    /// Notes what has been read, and says whether it had been seen before and, when this read was `asked`, for as long as
    /// it is valid.
    fn unchanged(&mut self, lease: Option<&Lease>, asked: Instant) -> bool {
        let version = lease.and_then(|lease| lease.metadata.resource_version.clone());
        if let Some(seen) = &self.seen
            && seen.version == version
        {
            return asked.duration_since(seen.at) >= seen.valid_for;
        }
        let seconds =
            lease.and_then(|lease| lease.spec.as_ref()).and_then(|spec| spec.lease_duration_seconds);
        let stated = seconds.map(|seconds| Duration::from_secs(seconds.unsigned_abs().into()));
        let last = self.seen.as_ref().map(|seen| seen.valid_for);
        let valid_for = stated.or(last).unwrap_or(self.settings.lease_duration);
        self.seen = Some(Seen { version, at: Instant::now(), valid_for });
        false
    }

    async fn create(&mut self, asked: Instant, handed_over: bool) -> Result<Round, kube::Error> {
        let lease = Lease {
            metadata: ObjectMeta { name: Some(self.settings.name.clone()), ..ObjectMeta::default() },
            spec: Some(self.spec(&LeaseSpec::default(), Claim::GivenUp)),
        };
        let created = self.api.create(&PostParams::default(), &lease).await;
        self.answered(created, asked, handed_over)
    }

    async fn replace(&mut self, mut lease: Lease, claim: Claim) -> Result<Round, kube::Error> {
        let last = lease.spec.take().unwrap_or_default();
        let settled = lease.metadata.annotations.as_ref().and_then(|annotations| annotations.get(SETTLED));
        let handed_over = claim == Claim::GivenUp && settled.is_some_and(|settled| settled == "true");
        lease.spec = Some(self.spec(&last, claim));
        let asked = Instant::now();
        let replaced = self.api.replace(&self.settings.name, &PostParams::default(), &lease).await;
        self.answered(replaced, asked, handed_over)
    }

    fn answered(
        &mut self,
        answer: Result<Lease, kube::Error>,
        asked: Instant,
        handed_over: bool,
    ) -> Result<Round, kube::Error> {
        match answer {
            Ok(lease) => {
                let epoch = lease.spec.and_then(|spec| spec.lease_transitions).unwrap_or(0);
                let version = lease.metadata.resource_version;
                self.seen =
                    Some(Seen { version, at: Instant::now(), valid_for: self.settings.lease_duration });
                Ok(Round::Ours { epoch, asked, handed_over })
            }
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Round::Contested),
            Err(error) => Err(error),
        }
    }

    fn spec(&self, last: &LeaseSpec, claim: Claim) -> LeaseSpec {
        let now = MicroTime(self.clock.wall_now());
        let transitions = last.lease_transitions.unwrap_or(-1);
        let renewed = claim == Claim::Renew;
        let acquired = last.acquire_time.clone().filter(|_| renewed);
        LeaseSpec {
            acquire_time: acquired.or_else(|| Some(now.clone())),
            holder_identity: Some(self.settings.identity.clone()),
            lease_duration_seconds: Some(
                i32::try_from(self.settings.lease_duration.as_secs()).unwrap_or(i32::MAX),
            ),
            lease_transitions: Some(if renewed { transitions } else { transitions.saturating_add(1) }),
            renew_time: Some(now),
            ..LeaseSpec::default()
        }
    }

    fn publish(&self, epoch: i32, asked: Instant, handed_over: bool) {
        let until = asked + self.settings.renew_deadline;
        self.published.send_modify(|held| {
            let now = Instant::now();
            let begun = Held { epoch, since: now, until, handed_over };
            let going_on = held.filter(|held| held.epoch == epoch && held.until > now);
            *held = Some(going_on.map_or(begun, |held| Held { until, ..held }));
        });
    }

    fn close(&self) {
        self.published.send_if_modified(|held| held.take().is_some());
    }

    /// Up to a fifth longer than the period, by identity, so that contenders do not march in step.
    fn pause(&self) -> Duration {
        let digest = Digest::of([&self.settings.identity]);
        let share = digest.as_str().bytes().map(u32::from).sum::<u32>() % 100;
        self.settings.retry_period + self.settings.retry_period * share / 500
    }

    async fn release(self) {
        let held = *self.published.borrow();
        self.close();
        let Some(held) = held else { return };
        let settled = held.is_settled(self.settings.settle);
        match tokio::time::timeout(self.settings.renew_deadline / 2, self.give_up(settled)).await {
            Ok(Ok(())) => tracing::info!("the leadership lease is given up"),
            Ok(Err(error)) => tracing::warn!(%error, "the leadership lease is left to expire"),
            Err(_elapsed) => {
                tracing::warn!("the leadership lease is left to expire: the apiserver does not answer");
            }
        }
    }

    async fn give_up(&self, settled: bool) -> Result<(), kube::Error> {
        let Some(mut lease) = self.api.get_opt(&self.settings.name).await? else { return Ok(()) };
        let Some(spec) = &mut lease.spec else { return Ok(()) };
        if spec.holder_identity.as_deref() != Some(self.settings.identity.as_str()) {
            return Ok(());
        }
        spec.holder_identity = Some(String::new());
        spec.renew_time = Some(MicroTime(self.clock.wall_now()));
        lease.metadata.annotations.get_or_insert_default().insert(SETTLED.to_owned(), settled.to_string());
        self.api.replace(&self.settings.name, &PostParams::default(), &lease).await.map(|_| ())
    }
}

/// Whether we lead, at this moment: asked directly before each write, in AWS and in the cluster.
#[derive(Clone)]
pub struct LeaseFence {
    held: watch::Receiver<Option<Held>>,
    settle: Duration,
}

impl LeaseFence {
    /// The epoch of our leadership, if it lasts for `margin` yet.
    pub fn may_write(&self, margin: Duration) -> Option<i32> {
        self.now_held(margin).map(|held| held.epoch)
    }

    /// Whether no call of a former leader can be on its way any more: the lease was given up in order, or we lead for as
    /// long as a call may take. What removals wait for.
    pub fn may_remove(&self) -> bool {
        self.now_held(Duration::ZERO).is_some_and(|held| held.is_settled(self.settle))
    }

    /// Since when we lead without a gap.
    pub fn held_since(&self) -> Option<Instant> {
        self.now_held(Duration::ZERO).map(|held| held.since)
    }

    /// Waits until we lead, and says in which epoch. Never resolves once the loop has ended.
    pub async fn held(&self) -> i32 {
        let mut changes = self.held.clone();
        loop {
            if let Some(epoch) = self.may_write(Duration::ZERO) {
                return epoch;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until we do not lead (any more): told so, or not renewed in time. What runs under the lease is dropped then.
    pub async fn lost(&self) {
        let mut changes = self.held.clone();
        loop {
            let Some(held) = *changes.borrow_and_update() else { return };
            if held.until <= Instant::now() {
                return;
            }
            tokio::select! {
                biased;
                told = changes.changed() => if told.is_err() { return },
                () = tokio::time::sleep_until(held.until) => {}
            }
        }
    }

    fn now_held(&self, margin: Duration) -> Option<Held> {
        let held = *self.held.borrow();
        held.filter(|held| Instant::now() + margin < held.until)
    }
}

impl Fence for LeaseFence {
    fn check(&self) -> Result<(), Refusal> {
        self.may_write(Duration::ZERO).map(|_| ()).ok_or(Refusal::NotLeader)
    }
}

impl fmt::Debug for LeaseFence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseFence").field("epoch", &self.may_write(Duration::ZERO)).finish_non_exhaustive()
    }
}

/// The fence, to be combined with others.
impl From<LeaseFence> for Arc<dyn Fence> {
    fn from(fence: LeaseFence) -> Self {
        Arc::new(fence)
    }
}
