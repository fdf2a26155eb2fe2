//! A pod of the controller: begins with nothing in memory, and ends where it stands.

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use k8s_openapi::{api::core::v1::ObjectReference, jiff::Timestamp};
use kube::Client;
use sharekeeper::{
    api::Reason,
    aws::{calls::Unobserved, clock::Clock, fence, limits::CellRates, session},
    controllers::{
        run::{Term, run},
        telemetry::{CellFigures, PassOutcome, Telemetry, Weight},
    },
    kube::{
        lease::{LeaseFence, Settings, elector},
        write::Writer,
    },
    model::Cell,
    plan::receipt::Receipt,
};
use simulator::aws::connector;
use tokio::task::JoinHandle;

use crate::{
    scene::{EPOCH, MANAGEMENT},
    stage::Stage,
};

/// What a lease of the worlds lasts: renewals are half of what they are in a cluster, and cost that much less.
const LEASE: Duration = Duration::from_secs(30);

/// One process of the controller.
pub struct Pod {
    user: String,
    /// Contends for the lease; else it always leads.
    contends: bool,
    lives: u32,
    running: Vec<JoinHandle<()>>,
}

impl Pod {
    /// Not started yet.
    pub fn new(number: u32, contends: bool) -> Self {
        Self { user: format!("controller-{number}"), contends, lives: 0, running: vec![] }
    }

    /// Who it is for the apiserver.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Starts it.
    pub fn start(&mut self, stage: &Stage) {
        self.kill();
        self.lives += 1;
        let client = stage.trace.kube(&stage.kube, &self.user);
        if !self.contends {
            let term = term(stage, client, &self.user, None);
            self.running.push(tokio::spawn(run(term)));
            return;
        }
        let settings = Settings {
            lease_duration: LEASE,
            renew_deadline: LEASE * 2 / 3,
            retry_period: LEASE / 6,
            ..Settings::new("default", "sharekeeper", &format!("{}-{}", self.user, self.lives))
        };
        let (elector, lease) = elector(client.clone(), settings, clock(stage));
        self.running.push(tokio::spawn(elector.run(std::future::pending())));
        self.running.push(tokio::spawn(serve(stage.clone(), client, self.user.clone(), lease)));
    }

    /// Ends it where it stands.
    pub fn kill(&mut self) {
        self.running.drain(..).for_each(|running| running.abort());
    }
}

/// One term of leadership after the other.
async fn serve(stage: Stage, client: Client, user: String, lease: LeaseFence) {
    loop {
        lease.held().await;
        let running = run(term(&stage, client.clone(), &user, Some(&lease)));
        tokio::select! {
            biased;
            () = lease.lost() => {}
            () = running => {}
        }
    }
}

fn clock(stage: &Stage) -> Clock {
    let elapsed = Duration::from_secs_f64(stage.elapsed());
    Clock::simulated(Timestamp::from_second(EPOCH).unwrap().checked_add(elapsed).unwrap())
}

fn term(stage: &Stage, client: Client, user: &str, lease: Option<&LeaseFence>) -> Term {
    let fence = || lease.map_or_else(fence::open, |lease| Arc::new(lease.clone()) as Arc<dyn fence::Fence>);
    let settings = session::Settings {
        base: aws(stage),
        clock: clock(stage),
        fence: fence(),
        observer: Arc::new(Unobserved),
        rates: CellRates::default(),
        session_name: session::session_name("test", user),
    };
    Term {
        writer: Writer::new(client.clone(), fence()),
        client,
        lease: lease.cloned(),
        sessions: session::Sessions::new(settings),
        clock: clock(stage),
        telemetry: Arc::new(Deaf),
        synced: Box::new(|| {}),
        stopping: tokio::sync::watch::channel(false).1,
    }
}

fn aws(stage: &Stage) -> SdkConfig {
    let credentials = Credentials::new(format!("AKIA{MANAGEMENT}"), "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(aws_config::Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(stage.trace.aws(connector(&stage.aws)))
        .build()
}

/// Nobody is told: what a world looks at is in AWS and in the cluster.
struct Deaf;

impl Telemetry for Deaf {
    fn pass(&self, _: &Cell, _: PassOutcome, _: Duration) {}
    fn step(&self, _: &Receipt) {}
    fn drift(&self, _: &str) {}
    fn figures(&self, _: &Cell, _: &CellFigures) {}
    fn forget(&self, _: &Cell) {}
    fn event(&self, _: ObjectReference, _: Weight, _: Reason, _: String) {}
}
