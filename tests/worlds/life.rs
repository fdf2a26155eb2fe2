//! A world's life: people edit, trouble strikes, all becomes calm; then what should be is, and everybody rests.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use simulator::{
    aws,
    kube::{self, Cluster},
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::{
    end,
    model::{Declared, Tree},
    oracle::{Grace, Oracle},
    people::People,
    plan::{Account, Crash, Plan, Policy, Side, Unit},
    pod::Pod,
    stage::Stage,
    weather,
};

/// How long after the calm a world may take to become what is declared, beyond its longest lag.
const PATIENCE: f64 = 5400.0;
/// How long nothing may be written once it is: two readings of the cell and of the tree.
const REST: f64 = 1300.0;

/// What became of a world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub violations: Vec<String>,
    /// A fingerprint of all requests, answers and times.
    pub trace: u64,
    /// What really happened, by name.
    pub happened: BTreeMap<String, u64>,
}

/// Where the controller dies, and word of it.
#[derive(Default)]
pub struct Deaths {
    due: Mutex<Vec<(Crash, u32)>>,
    died: Mutex<Vec<Crash>>,
    told: Notify,
}

impl Deaths {
    fn of(crashes: &[Crash]) -> Arc<Self> {
        let due = crashes.iter().map(|crash| (crash.clone(), crash.nth)).collect();
        Arc::new(Self { due: Mutex::new(due), ..Self::default() })
    }

    /// Whether the controller dies here. After its effect a write has been counted.
    pub fn strikes(&self, writes: Side, after: bool) -> bool {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let here =
            |(crash, left): &(Crash, u32)| crash.writes == writes && crash.after == after && *left == 0;
        let found = due.iter().position(here);
        if after {
            for (_, left) in due.iter_mut().filter(|(crash, _)| crash.writes == writes) {
                *left = left.checked_sub(1).unwrap_or(u32::MAX);
            }
        }
        let Some(at) = found else { return false };
        let (crash, _) = due.remove(at);
        self.died.lock().unwrap_or_else(PoisonError::into_inner).push(crash);
        self.told.notify_one();
        true
    }

    fn take(&self) -> Option<Crash> {
        self.died.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// What the driver does at a time.
#[derive(Clone, Debug)]
enum Move {
    Edit(usize),
    Kube(usize, bool),
    Cut(bool),
    Start(u32),
    SeeNow,
    Look,
}

struct Life<'a> {
    plan: &'a Plan,
    stage: Stage,
    oracle: Arc<Oracle>,
    deaths: Arc<Deaths>,
    people: People,
    pods: Vec<Pod>,
    agenda: BTreeMap<(u64, u64), Move>,
    added: u64,
    happened: BTreeMap<String, u64>,
    started: Instant,
}

/// Lives through a plan.
pub async fn live(seed: u64, plan: &Plan, cluster: Cluster, tell: bool) -> Verdict {
    let stage = Stage::new(seed, cluster);
    let tree = Tree {
        places: Account::ALL.into_iter().map(|account| (account, account.home())).collect(),
        units: Unit::ALL.into_iter().map(|unit| (unit, stage.unit(unit.path()))).collect(),
    };
    let declared = Declared { shares: BTreeMap::new(), policy: Policy::default(), tree };
    let deaths = Deaths::of(&plan.crashes);
    let oracle = Oracle::on(&stage.aws, declared, Arc::clone(&deaths), grace(plan));
    let people = People::new(stage.clone(), Arc::clone(&oracle));
    let pods = (0..if plan.rival.is_some() { 2 } else { 1 }).map(|n| Pod::new(n, plan.rival.is_some()));
    let mut life = Life {
        plan,
        stage,
        oracle,
        deaths,
        people,
        pods: pods.collect(),
        agenda: BTreeMap::new(),
        added: 0,
        happened: BTreeMap::new(),
        started: Instant::now(),
    };
    life.run().await;
    let verdict = life.verdict();
    if tell {
        calls(&life.stage.aws, &life.stage.kube).iter().for_each(|line| println!("{line}"));
    }
    // The oracle holds the net, and the net the oracle.
    life.stage.aws.set_checkpoint(None);
    life.pods.iter_mut().for_each(Pod::kill);
    verdict
}

/// How long knowledge and calls may be on their way under a plan.
fn grace(plan: &Plan) -> Grace {
    /// A pass in which a step waits for its turn and is repeated, and the word of an edit.
    const PASS: f64 = 120.0;
    let lags = &plan.aws.lags;
    let blind = weather::blindness(plan);
    let late = PASS + 2.0 * plan.aws.wire + blind;
    let of = weather::longest;
    Grace {
        appearing: late + of(lags.association) + of(lags.share_activation) + of(lags.permission),
        vanishing: late + of(lags.disassociation) + of(lags.share_deletion),
        tree: 1900.0,
        halt: (blind == 0.0).then_some(2.0 + plan.aws.wire),
    }
}

impl Life<'_> {
    async fn run(&mut self) {
        weather::begins(self.plan, &self.stage, &self.deaths);
        for manifest in &self.plan.shares {
            self.people.apply(manifest);
        }
        self.pods.iter_mut().for_each(|pod| pod.start(&self.stage));
        self.arrange();
        while let Some((at, next)) = self.next() {
            if !self.wait_until(at).await {
                return;
            }
            self.make(next).await;
            self.oracle.look("an edit");
        }
        self.calm_down();
        self.come_to_rest().await;
    }

    fn arrange(&mut self) {
        for (index, edit) in self.plan.edits.iter().enumerate() {
            self.put(edit.at.into(), Move::Edit(index));
        }
        for (index, trouble) in self.plan.kube.iter().enumerate() {
            for (at, begins) in weather::times(trouble) {
                self.put(at.into(), Move::Kube(index, begins));
            }
        }
        if let Some(rival) = &self.plan.rival {
            self.put(rival.cut_from.into(), Move::Cut(true));
            self.put(rival.cut_to.into(), Move::Cut(false));
        }
        self.put(self.plan.calm_at.into(), Move::Look);
    }

    fn put(&mut self, at: f64, next: Move) {
        self.added += 1;
        let millis = Duration::from_secs_f64(at.max(0.0)).as_millis();
        self.agenda.insert((u64::try_from(millis).unwrap_or(u64::MAX), self.added), next);
    }

    fn next(&mut self) -> Option<(Instant, Move)> {
        let ((millis, _), next) = self.agenda.pop_first()?;
        Some((self.started + Duration::from_millis(millis), next))
    }

    /// Waits, and starts the controller anew where it dies; false: the world is lost already.
    async fn wait_until(&mut self, at: Instant) -> bool {
        loop {
            let died = tokio::select! {
                biased;
                () = self.deaths.told.notified() => true,
                () = sleep_until(at) => false,
            };
            if !self.oracle.violations().is_empty() {
                return false;
            }
            if !died {
                return true;
            }
            self.bury();
            // What comes first now may be the start.
            if let Some((&(millis, _), _)) = self.agenda.first_key_value()
                && self.started + Duration::from_millis(millis) < at
                && let Some((at, next)) = self.next()
            {
                sleep_until(at).await;
                Box::pin(self.make(next)).await;
            }
        }
    }

    fn bury(&mut self) {
        while let Some(crash) = self.deaths.take() {
            self.pods.iter_mut().for_each(Pod::kill);
            let (side, when) = (
                if crash.writes == Side::Aws { "AWS" } else { "the cluster" },
                if crash.after { "after" } else { "before" },
            );
            self.note(&format!("crash {when} a write to {side}"));
            self.put(self.stage.elapsed() + f64::from(crash.down), Move::Start(crash.older));
        }
    }

    async fn make(&mut self, next: Move) {
        match next {
            Move::Edit(index) => {
                if weather::is_gone(&self.stage) {
                    return self.put(self.stage.elapsed() + 5.0, Move::Edit(index));
                }
                let act = &self.plan.edits[index].act;
                if let Some(done) = self.people.act(act).await {
                    self.note(done);
                }
            }
            Move::Kube(index, begins) => weather::kube(&self.plan.kube[index], begins, &self.stage),
            Move::Cut(cut) => {
                weather::cut(&self.stage, self.pods[0].user(), cut);
            }
            Move::Start(older) => {
                if older > 0 {
                    weather::older(&self.stage, &self.pods, older);
                    self.note("restart onto an older view");
                    self.put(self.stage.elapsed() + 15.0, Move::SeeNow);
                }
                self.pods.iter_mut().for_each(|pod| pod.start(&self.stage));
            }
            Move::SeeNow => weather::see_now(&self.stage),
            Move::Look => {}
        }
    }

    /// All trouble ends, all switches are off, and what is declared can be had.
    fn calm_down(&mut self) {
        self.gather_what_happened();
        weather::ends(self.plan, &self.stage);
        self.people.put_all_right();
        self.oracle.look("the calm");
    }

    async fn come_to_rest(&mut self) {
        let patience = PATIENCE + weather::longest_of_all(self.plan);
        let calm = self.stage.elapsed();
        let mut missing = Some(String::new());
        while missing.is_some() {
            if self.stage.elapsed() > calm + patience {
                let missing = missing.unwrap_or_default();
                return self.oracle.violate(&format!("{patience} s after the calm: {missing}"));
            }
            if !self.pass_time(20.0).await {
                return;
            }
            self.stage.accept_invitations();
            self.people.keep_git();
            missing = end::missing(&self.stage, &self.oracle);
        }
        // What is said for ten minutes only, such as Reconciling, has then been said.
        let settled = (self.stage.elapsed() + 650.0).max(calm + 750.0);
        if !self.pass_time(settled - self.stage.elapsed()).await {
            return;
        }
        let (aws, kube) = (self.stage.aws_writes(), self.stage.kube_writes());
        if !self.pass_time(REST).await {
            return;
        }
        for (what, before, now) in
            [("AWS", aws, self.stage.aws_writes()), ("the cluster", kube, self.stage.kube_writes())]
        {
            if now.len() > before.len() {
                self.oracle.violate(&format!("written to {what} at rest: {:?}", &now[before.len()..]));
            }
        }
        if let Some(missing) = end::missing(&self.stage, &self.oracle) {
            self.oracle.violate(&format!("after a rest: {missing}"));
        }
    }

    async fn pass_time(&mut self, seconds: f64) -> bool {
        let until = Instant::now() + Duration::from_secs_f64(seconds.max(0.0));
        let fine = self.wait_until(until).await;
        self.oracle.look("rest");
        fine && self.oracle.violations().is_empty()
    }

    fn note(&mut self, what: &str) {
        *self.happened.entry(what.to_owned()).or_default() += 1;
    }

    fn gather_what_happened(&mut self) {
        let aws: Vec<_> =
            self.stage.aws.world().happened().iter().map(|(what, n)| (format!("AWS: {what}"), *n)).collect();
        let kube: Vec<_> = self.stage.kube.with(|cluster| {
            cluster.weather.happened.iter().map(|(what, n)| (format!("kube: {what}"), *n)).collect()
        });
        for (what, n) in aws.into_iter().chain(kube) {
            *self.happened.entry(what).or_default() += n;
        }
        let replays = {
            let world = self.stage.aws.world();
            world.journal().writes().filter(|e| e.service == "ram" && e.code.is_none() && !e.effect).count()
                as u64
        };
        if replays > 0 {
            *self.happened.entry("AWS: an old client token replayed".to_owned()).or_default() += replays;
        }
    }

    fn verdict(&mut self) -> Verdict {
        Verdict {
            violations: self.oracle.violations(),
            trace: self.stage.trace.digest(),
            happened: std::mem::take(&mut self.happened),
        }
    }
}

/// The calls so far, for a person who looks at a violation.
pub fn calls(aws: &aws::Net, kube: &kube::Shared) -> Vec<String> {
    let mut lines: Vec<(f64, String)> = vec![];
    for e in aws.world().journal().entries() {
        let words = if e.kind == aws::journal::Kind::Write { e.params.to_string() } else { String::new() };
        let outcome = e.code.clone().unwrap_or_else(|| e.status.to_string());
        lines.push((e.at, format!("{} {} {outcome} {words}", e.service, e.operation)));
    }
    kube.with(|cluster| {
        for e in cluster.journal.entries().iter().filter(|e| e.writes() && e.resource != "leases") {
            let at = e.at.as_nanosecond() as f64 / 1e9;
            lines.push((
                at,
                format!(
                    "{} {} {}/{} {} {:?}",
                    e.user,
                    e.verb.as_str(),
                    e.resource,
                    e.subresource,
                    e.name,
                    e.outcome
                ),
            ));
        }
    });
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    lines.into_iter().map(|(at, line)| format!("{:10.3} {line}", at - crate::scene::EPOCH as f64)).collect()
}
