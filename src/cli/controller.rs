//! `sharekeeper controller`: contends for the lease, and runs the controllers while it is held.

use std::{process::ExitCode, sync::Arc, time::Duration};

use futures::FutureExt;
use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{Api, Client, Config};
use tokio::sync::watch;

use super::Failure;
use crate::{
    api::{INSTALLATION, Installation, Reason},
    aws::{clock::Clock, session},
    config::ControllerArgs,
    controllers::{
        run::{Term, run as run_controllers},
        telemetry::{self, CellFigures, Telemetry, Weight},
    },
    kube::{
        events::{Event, Events, Kind},
        lease::{LeaseFence, elector},
        write::{WriteError, Writer},
    },
    model::{Cell, Digest, ShareKey, Timestamp},
    plan::{catalogue::Differences, receipt::Receipt},
    telemetry::{
        admin::Admin,
        health::Health,
        metrics::{KubeKind, KubeOutcome, Metrics, PassOutcome, Readiness, Undeclared},
    },
};

/// The longest that the process may be busy without turning to its timers.
const SILENCE: Duration = Duration::from_secs(60);
/// How long calls that are on their way may go on when the process is told to end.
const DRAIN: Duration = Duration::from_secs(20);

/// Runs until the process is told to end.
pub async fn run(args: ControllerArgs) -> Result<ExitCode, Failure> {
    let clock = Clock::system();
    let config = Config::infer().await?;
    let namespace = args.lease.lease_namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    let client = Client::try_from(config)?;
    let health = Health::new();
    let metrics = Metrics::new();
    let admin = Admin::bind(args.admin_address).await?;
    tracing::info!(address = %admin.address(), version = env!("CARGO_PKG_VERSION"), "sharekeeper starts");

    let pod = args.lease.identity.clone().unwrap_or_else(|| "sharekeeper".to_owned());
    let identity = unique(&pod, &clock);
    let (elector, lease) =
        elector(client.clone(), args.lease.settings(&namespace, &identity)?, clock.clone());
    let leads = lease.clone();
    metrics.leads_while(move || leads.may_write(Duration::ZERO).is_some());

    let (stop, stopping) = watch::channel(false);
    let (ended, work_ended) = tokio::sync::oneshot::channel::<()>();
    let heart = health.beats("the event loop", SILENCE);
    let beating = tokio::spawn(async move { heart.keep().await });
    let serving = tokio::spawn(admin.run(health.clone(), metrics.clone(), stopped(stopping.clone())));
    let electing = tokio::spawn(elector.run(work_ended.map(drop)));

    let terms = Terms { args, client, clock, lease, metrics, health, pod };
    let working = terms.run(stopping);
    let signal = async {
        signalled().await;
        tracing::info!("told to end; calls that are on their way may finish");
        let _ = stop.send(true);
    };
    let (finished, ()) = futures::join!(working, signal);
    if finished {
        // The lease is given up only when no call of ours is on its way: the next leader then need not wait.
        let _ = ended.send(());
        let _ = electing.await;
    } else {
        tracing::warn!("work did not end in time; the lease is left to run out");
        electing.abort();
    }
    let _ = serving.await;
    beating.abort();
    Ok(ExitCode::SUCCESS)
}

/// A name that no other process has or had: the pod's, with where and when it started.
fn unique(pod: &str, clock: &Clock) -> String {
    let started = clock.wall_now().as_nanosecond().to_string();
    format!("{pod}-{}", Digest::of([pod, &started, &std::process::id().to_string()]))
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // A sender that is gone has nothing more to say: the process is ending.
    let _ = stopping.wait_for(|stop| *stop).await;
}

async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

struct Terms {
    args: ControllerArgs,
    client: Client,
    clock: Clock,
    lease: LeaseFence,
    metrics: Metrics,
    health: Health,
    pod: String,
}

impl Terms {
    /// One term of leadership after the other. What a term knew is dropped with it.
    /// Says, when told to stop, whether all work has ended.
    async fn run(&self, stopping: watch::Receiver<bool>) -> bool {
        let stop = stopped(stopping.clone());
        tokio::pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => return true,
                epoch = self.lease.held() => tracing::info!(epoch, "this controller leads"),
            }
            let term = self.term(stopping.clone()).await;
            let running = run_controllers(term);
            tokio::pin!(running);
            tokio::select! {
                biased;
                () = &mut stop => return tokio::time::timeout(DRAIN, running).await.is_ok(),
                () = self.lease.lost() => tracing::warn!("leadership is lost; all work is dropped"),
                () = &mut running => tracing::error!("the controllers ended; they are started anew"),
            }
            self.metrics.stands_by();
        }
    }

    async fn term(&self, stopping: watch::Receiver<bool>) -> Term {
        let fence: Arc<dyn crate::aws::fence::Fence> = Arc::new(self.lease.clone());
        let metrics = self.metrics.clone();
        let told = move |kind: &str, result: Result<(), &WriteError>| tell_write(&metrics, kind, result);
        let writer = Writer::new(self.client.clone(), Arc::clone(&fence)).observed_by(Arc::new(told));
        let events = Events::new(writer.clone(), &self.pod, self.clock.clone());
        let synced = self.health.needs("the first listing of every kind");
        let settings = session::Settings {
            base: session::default_config(&self.clock).await,
            clock: self.clock.clone(),
            fence,
            observer: Arc::new(self.metrics.clone()),
            rates: self.args.rates.into(),
            session_name: session::session_name(&self.installation().await, &self.pod),
        };
        Term {
            writer,
            client: self.client.clone(),
            lease: Some(self.lease.clone()),
            sessions: session::Sessions::new(settings),
            clock: self.clock.clone(),
            telemetry: Arc::new(Told { metrics: self.metrics.clone(), events }),
            synced: Box::new(move || synced.met()),
            stopping,
        }
    }

    /// The installation's id, for the names of sessions in CloudTrail. Without it nothing is written anyway.
    async fn installation(&self) -> String {
        let api: Api<Installation> = Api::all(self.client.clone());
        let read = tokio::time::timeout(Duration::from_secs(5), api.get_opt(INSTALLATION)).await;
        let id = read.ok().and_then(Result::ok).flatten().map(|installation| installation.spec.id);
        id.unwrap_or_else(|| "unknown".to_owned())
    }
}

fn tell_write(metrics: &Metrics, kind: &str, result: Result<(), &WriteError>) {
    let Some(kind) = KubeKind::ALL.iter().copied().find(|known| known.as_str() == kind) else { return };
    match result {
        Ok(()) => metrics.kube_write(kind, KubeOutcome::Ok),
        Err(WriteError::Refused { refusal, .. }) => metrics.refused(refusal),
        Err(WriteError::Apiserver { source, .. }) => metrics.kube_write(kind, KubeOutcome::of_error(source)),
        Err(WriteError::TimedOut { .. }) => metrics.kube_write(kind, KubeOutcome::Unavailable),
    }
}

/// Metrics and events of the running process.
struct Told {
    metrics: Metrics,
    events: Events,
}

impl Telemetry for Told {
    fn pass(&self, cell: &Cell, outcome: telemetry::PassOutcome, took: Duration) {
        let outcome = match outcome {
            telemetry::PassOutcome::Quiet => PassOutcome::Quiet,
            telemetry::PassOutcome::Changed => PassOutcome::Changed,
            telemetry::PassOutcome::Unknown => PassOutcome::Unknown,
            telemetry::PassOutcome::Failed => PassOutcome::Failed,
        };
        self.metrics.pass(outcome, took);
        self.metrics.cell_governed(cell);
        if outcome == PassOutcome::Unknown {
            self.metrics.cell_unknown(cell);
        }
    }

    fn step(&self, receipt: &Receipt) {
        self.metrics.steps(std::slice::from_ref(receipt));
    }

    fn drift(&self, what: &str) {
        self.metrics.drift_line(what);
    }

    fn figures(&self, cell: &Cell, figures: &CellFigures) {
        if let Some(at) = figures.observed_at {
            let undeclared =
                Undeclared { external: figures.undeclared_external, inside: figures.undeclared_inside };
            self.metrics.cell_observed(cell, age(at, figures.now), undeclared, figures.held);
        }
    }

    fn forget(&self, cell: &Cell) {
        self.metrics.forget_cell(cell);
    }

    fn share(&self, share: &ShareKey, conditions: &[Condition], deleting: bool) {
        self.metrics.share(share, Readiness::of(conditions, deleting));
    }

    fn forget_share(&self, share: &ShareKey) {
        self.metrics.forget_share(share);
    }

    fn resource_types(&self, differences: &Differences) {
        self.metrics.resource_types(differences);
    }

    fn event(&self, about: ObjectReference, weight: Weight, reason: Reason, note: String) {
        let kind = match weight {
            Weight::Normal => Kind::Normal,
            Weight::Warning => Kind::Warning,
        };
        let events = self.events.clone();
        let event = Event { kind, reason: reason.as_str(), action: "Reconcile", note };
        tokio::spawn(async move { events.publish(about, event).await });
    }
}

fn age(at: Timestamp, now: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(now.as_second().saturating_sub(at.as_second())).unwrap_or_default())
}
