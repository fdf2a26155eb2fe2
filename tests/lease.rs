//! The self-fencing lease over pauses, crashes, partitions, slow and lost answers, under paused time.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a step of a test that fails is the test failing"
)]

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use kube::{Client, client::Body};
use proptest::prelude::*;
use serde_json::{Value, json};
use sharekeeper::{
    aws::{
        clock::Clock,
        fence::{Fence, Refusal},
    },
    kube::lease::{LeaseFence, Settings, elector},
    model::Timestamp,
};
use tokio::{sync::oneshot, task::JoinHandle, time::Instant};

/// The apiserver's side: leases by name, with optimistic locking.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    leases: BTreeMap<String, Value>,
    version: u64,
}

impl Store {
    fn serve(&self, method: &Method, name: &str, body: &[u8]) -> (StatusCode, Value) {
        let mut state = self.0.lock().unwrap();
        let stored = state.leases.get(name).cloned();
        if method == Method::GET {
            return stored.map_or_else(|| failure(404), |lease| (StatusCode::OK, lease));
        }
        let mut lease: Value = serde_json::from_slice(body).unwrap();
        let name = lease["metadata"]["name"].as_str().unwrap().to_owned();
        let stored = state.leases.get(&name);
        let current = stored.map_or(&Value::Null, |stored| &stored["metadata"]["resourceVersion"]);
        if (method == Method::POST && stored.is_some())
            || (method == Method::PUT && *current != lease["metadata"]["resourceVersion"])
        {
            return failure(409);
        }
        state.version += 1;
        lease["metadata"]["resourceVersion"] = json!(state.version.to_string());
        state.leases.insert(name, lease.clone());
        (StatusCode::OK, lease)
    }

    fn holder(&self) -> Option<String> {
        let state = self.0.lock().unwrap();
        let holder = state.leases.get("leader")?["spec"]["holderIdentity"].as_str()?;
        Some(holder.to_owned())
    }

    fn delete(&self) {
        self.0.lock().unwrap().leases.clear();
    }
}

fn failure(code: u16) -> (StatusCode, Value) {
    let reason = if code == 404 { "NotFound" } else { "Conflict" };
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": reason});
    (StatusCode::from_u16(code).unwrap(), status)
}

/// What happens to requests between a process and the apiserver.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    /// Milliseconds that requests take to the server.
    there: u64,
    /// Milliseconds that answers take back.
    back: u64,
    fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Nothing arrives, nothing comes back.
    Partition,
    /// Requests are refused.
    Error,
    /// Requests arrive and are carried out; no answer comes back.
    LostAnswers,
}

fn client(store: &Store, link: &Arc<Mutex<Link>>) -> Client {
    let (store, link) = (store.clone(), Arc::clone(link));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (store, at) = (store.clone(), *link.lock().unwrap());
        async move { Ok::<_, Infallible>(transfer(&store, at, request).await) }
    });
    Client::new(service, "sharekeeper")
}

async fn transfer(store: &Store, link: Link, request: Request<Body>) -> Response<Full<Bytes>> {
    if matches!(link.fault, Some(Fault::Partition)) {
        return std::future::pending().await;
    }
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let name = parts.uri.path().rsplit('/').next().unwrap().to_owned();
    tokio::time::sleep(Duration::from_millis(link.there)).await;
    let (status, answer) = match link.fault {
        Some(Fault::Error) => failure(500),
        _ => store.serve(&parts.method, &name, &body),
    };
    if matches!(link.fault, Some(Fault::LostAnswers)) {
        return std::future::pending().await;
    }
    tokio::time::sleep(Duration::from_millis(link.back)).await;
    Response::builder().status(status).body(Full::from(answer.to_string())).unwrap()
}

/// A future that can be stopped as a process is by SIGSTOP: time goes on, it does not.
struct Stoppable<F> {
    stopped: Arc<AtomicBool>,
    inner: Pin<Box<F>>,
}

impl<F: Future<Output = ()>> Future for Stoppable<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.stopped.load(Ordering::Relaxed) {
            let waker = context.waker().clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                waker.wake();
            });
            return Poll::Pending;
        }
        self.inner.as_mut().poll(context)
    }
}

struct Process {
    identity: String,
    fence: LeaseFence,
    link: Arc<Mutex<Link>>,
    stopped: Arc<AtomicBool>,
    shutdown: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    last_open: Option<Instant>,
    gave_up: bool,
}

const SETTLE: Duration = Duration::from_mins(1);

impl Process {
    fn start(store: &Store, number: usize) -> Self {
        let identity = format!("process-{number}");
        let link = Arc::new(Mutex::new(Link::default()));
        let settings = Settings { settle: SETTLE, ..Settings::new("sharekeeper", "leader", &identity) };
        // Wall clocks are hours apart: nothing may rest on them.
        let wall =
            Timestamp::from_second(1_800_000_000 + 7_000 * i64::try_from(number % 5).unwrap()).unwrap();
        let (elector, fence) = elector(client(store, &link), settings, Clock::simulated(wall));
        let (shutdown, ended) = oneshot::channel::<()>();
        let run = elector.run(async move {
            if ended.await.is_err() {
                std::future::pending::<()>().await;
            }
        });
        let stopped = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(Stoppable { stopped: Arc::clone(&stopped), inner: Box::pin(run) });
        Self {
            identity,
            fence,
            link,
            stopped,
            shutdown: Some(shutdown),
            task,
            last_open: None,
            gave_up: false,
        }
    }

    fn leads(&self) -> bool {
        self.fence.check().is_ok()
    }

    fn heal(&self) {
        *self.link.lock().unwrap() = Link::default();
        self.stopped.store(false, Ordering::Relaxed);
    }
}

async fn pass(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

async fn seconds(seconds: u64) {
    pass(seconds * 1000).await;
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Pass(u64),
    Stop(usize),
    Resume(usize),
    Link(usize, Link),
    /// Dies and is started again under a new identity.
    Crash(usize),
    /// Ends in order and is started again.
    Restart(usize),
}

fn event() -> impl Strategy<Value = Event> {
    const PROCESSES: std::ops::Range<usize> = 0..3;
    let fault = prop_oneof![
        2 => Just(None),
        1 => Just(Some(Fault::Partition)),
        1 => Just(Some(Fault::Error)),
        1 => Just(Some(Fault::LostAnswers)),
    ];
    let link = (0u64..4_900, 0u64..4_900, fault).prop_map(|(there, back, fault)| Link { there, back, fault });
    prop_oneof![
        6 => (100u64..20_000).prop_map(Event::Pass),
        1 => PROCESSES.prop_map(Event::Stop),
        1 => PROCESSES.prop_map(Event::Resume),
        2 => (PROCESSES, link).prop_map(|(process, link)| Event::Link(process, link)),
        1 => PROCESSES.prop_map(Event::Crash),
        1 => PROCESSES.prop_map(Event::Restart),
    ]
}

struct World {
    store: Store,
    running: Vec<Process>,
    /// Dead processes: what their fences last said must not overlap either.
    ended: Vec<Process>,
    started: usize,
}

impl World {
    fn new() -> Self {
        let store = Store::default();
        let running = (0..3).map(|number| Process::start(&store, number)).collect();
        Self { store, running, ended: vec![], started: 3 }
    }

    async fn act(&mut self, event: Event) -> Result<(), TestCaseError> {
        match event {
            Event::Pass(milliseconds) => self.watch(milliseconds).await?,
            Event::Stop(process) => self.running[process].stopped.store(true, Ordering::Relaxed),
            Event::Resume(process) => self.running[process].stopped.store(false, Ordering::Relaxed),
            Event::Link(process, link) => *self.running[process].link.lock().unwrap() = link,
            Event::Crash(process) => {
                self.running[process].task.abort();
                self.replace(process);
            }
            Event::Restart(process) => {
                let ending = &mut self.running[process];
                let _ = ending.shutdown.take().map(|shutdown| shutdown.send(()));
                ending.gave_up = true;
                self.replace(process);
            }
        }
        Ok(())
    }

    fn replace(&mut self, process: usize) {
        let fresh = Process::start(&self.store, self.started);
        self.started += 1;
        self.ended.push(std::mem::replace(&mut self.running[process], fresh));
    }

    async fn watch(&mut self, milliseconds: u64) -> Result<(), TestCaseError> {
        for _ in 0..milliseconds / 100 {
            pass(100).await;
            self.check()?;
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        let now = Instant::now();
        let mut all: Vec<_> = self.running.iter_mut().chain(&mut self.ended).collect();
        for process in &mut all {
            if process.leads() {
                process.last_open = Some(now);
            }
        }
        let leaders: Vec<_> =
            all.iter().filter(|process| process.leads()).map(|process| &process.identity).collect();
        prop_assert!(leaders.len() <= 1, "{leaders:?} lead at once");
        for remover in all.iter().filter(|process| process.fence.may_remove()) {
            for other in all.iter().filter(|other| other.identity != remover.identity && !other.gave_up) {
                let quiet = other.last_open.is_none_or(|open| now.duration_since(open) >= SETTLE);
                prop_assert!(
                    quiet,
                    "{} removes while calls of {} may be on their way",
                    remover.identity,
                    other.identity
                );
            }
        }
        Ok(())
    }
}

fn in_paused_time<T>(run: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(run)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_two_fences_are_open_and_in_the_end_one_is(events in proptest::collection::vec(event(), 1..40)) {
        in_paused_time(async {
            let mut world = World::new();
            world.watch(3_000).await?;
            for event in events {
                world.act(event).await?;
            }
            world.running.iter().for_each(Process::heal);
            world.watch(30_000).await?;
            let leading = world.running.iter().filter(|process| process.leads()).count();
            prop_assert_eq!(leading, 1, "with all healed, one leads");
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_stopped_past_its_lease_wakes_up_fenced() {
    let store = Store::default();
    let old = Process::start(&store, 0);
    assert_eq!(old.fence.held().await, 0);
    let new = Process::start(&store, 1);
    seconds(5).await;
    old.stopped.store(true, Ordering::Relaxed);
    seconds(10).await;
    assert_eq!(old.fence.check(), Err(Refusal::NotLeader), "closed by itself before anybody else can lead");
    assert_eq!(new.fence.check(), Err(Refusal::NotLeader));
    assert_eq!(new.fence.held().await, 1, "the epoch moves with the holder");
    old.stopped.store(false, Ordering::Relaxed);
    for _ in 0..200 {
        pass(100).await;
        assert_eq!(old.fence.check(), Err(Refusal::NotLeader));
    }
    assert!(!new.fence.may_remove(), "calls of the old leader may still be on their way");
    seconds(60).await;
    assert!(new.fence.may_remove());
    assert_eq!(store.holder().as_deref(), Some("process-1"));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_up_is_taken_at_once_and_in_full() {
    let store = Store::default();
    let mut old = Process::start(&store, 0);
    old.fence.held().await;
    assert!(old.fence.may_remove(), "nobody led before");
    let new = Process::start(&store, 1);
    seconds(3).await;
    old.shutdown.take().unwrap().send(()).unwrap();
    old.task.await.unwrap();
    assert_eq!(old.fence.check(), Err(Refusal::NotLeader));
    assert_eq!(store.holder().as_deref(), Some(""));
    let start = Instant::now();
    assert_eq!(new.fence.held().await, 1);
    assert!(start.elapsed() <= Duration::from_secs(3), "{:?}", start.elapsed());
    assert!(new.fence.may_remove(), "who gave the lease up had ended its work");
}

#[tokio::test(start_paused = true)]
async fn losing_the_apiserver_ends_the_leadership_by_the_deadline_and_says_so() {
    let store = Store::default();
    for fault in [Fault::Partition, Fault::Error, Fault::LostAnswers] {
        store.delete();
        let leader = Process::start(&store, 0);
        leader.fence.held().await;
        seconds(7).await;
        leader.link.lock().unwrap().fault = Some(fault);
        let start = Instant::now();
        leader.fence.lost().await;
        assert!(start.elapsed() <= Duration::from_secs(10), "{fault:?} {:?}", start.elapsed());
        assert!(
            start.elapsed() >= Duration::from_secs(7),
            "a short outage ends nothing: {fault:?} {:?}",
            start.elapsed()
        );
        leader.heal();
        leader.fence.held().await;
        leader.task.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_margin_closes_the_fence_early() {
    let store = Store::default();
    let leader = Process::start(&store, 0);
    leader.fence.held().await;
    leader.link.lock().unwrap().fault = Some(Fault::Partition);
    seconds(5).await;
    assert_eq!(leader.fence.may_write(Duration::from_secs(2)), Some(0));
    assert_eq!(leader.fence.may_write(Duration::from_secs(9)), None);
    assert!(leader.fence.check().is_ok());
}

#[tokio::test(start_paused = true)]
async fn deleting_the_lease_under_a_leader_makes_no_second_one() {
    let store = Store::default();
    let mut world = World { store: store.clone(), running: vec![], ended: vec![], started: 2 };
    world.running = vec![Process::start(&store, 0), Process::start(&store, 1)];
    world.watch(20_000).await.unwrap();
    let leader = world.running.iter().position(Process::leads).unwrap();
    world.running[leader].link.lock().unwrap().fault = Some(Fault::Partition);
    store.delete();
    world.watch(60_000).await.unwrap();
    assert!(world.running[1 - leader].leads());
    assert!(!world.running[1 - leader].fence.may_remove() || SETTLE < Duration::from_secs(50));
}

#[tokio::test(start_paused = true)]
async fn the_lease_looks_as_kubernetes_expects_it() {
    let store = Store::default();
    let leader = Process::start(&store, 0);
    leader.fence.held().await;
    seconds(30).await;
    let state = store.0.lock().unwrap();
    let spec = &state.leases["leader"]["spec"];
    assert_eq!((&spec["leaseDurationSeconds"], &spec["leaseTransitions"]), (&json!(15), &json!(0)));
    let (acquired, renewed) = (spec["acquireTime"].as_str().unwrap(), spec["renewTime"].as_str().unwrap());
    assert!(acquired < renewed && renewed.ends_with('Z') && acquired.contains('.'), "{acquired} {renewed}");
}
