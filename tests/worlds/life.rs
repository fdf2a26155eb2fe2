//! A world's life: people edit, trouble strikes, all becomes calm; then what should be is, and everybody rests.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use simulator::kube::Cluster;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::{
    end, happened,
    model::{Declared, Tree},
    oracle::{Grace, Oracle, Rules},
    people::{People, TREE_AGE},
    plan::{Account, Act, AwsTrouble, Crash, Edit, KubeTrouble, Plan, Policy, Side, Target, Unit},
    pod::Pod,
    stage::Stage,
    weather,
};

/// How long after the calm a world may take to become what is declared, beyond its longest lag.
const PATIENCE: f64 = 5400.0;
/// How long it takes until all is said that is said for ten minutes only, such as Reconciling: two readings of the cell.
const SETTLES: f64 = 1300.0;
/// How long nothing may be written then: a reading of the cell.
const REST: f64 = 700.0;

/// How often the partner looks for invitations, in seconds.
const ACCEPTS_EVERY: u32 = 40;

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
    Start(u32, u32),
    SeeNow,
    /// What was declared until then has ended.
    End(u32),
    /// The partner accepts what it is invited to.
    Accept,
    /// Nothing but a look at what is said.
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
    last_death: Option<f64>,
    started: Instant,
}

/// Lives through a plan.
pub async fn live(seed: u64, plan: &Plan, cluster: Cluster, tell: bool) -> Verdict {
    let stage = Stage::new(seed, cluster, plan.removal);
    let tree = Tree {
        places: Account::ALL.into_iter().map(|account| (account, account.home())).collect(),
        units: Unit::ALL.into_iter().map(|unit| (unit, stage.unit(unit.path()))).collect(),
    };
    let declared = Declared { shares: BTreeMap::new(), policy: Policy::default(), tree, time: 0 };
    let deaths = Deaths::of(&plan.crashes);
    let oracle = Oracle::on(&stage, declared, Arc::clone(&deaths), rules(plan));
    let people = People::new(stage.clone(), Arc::clone(&oracle), plan);
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
        last_death: None,
        started: Instant::now(),
    };
    life.run().await;
    let verdict = life.verdict();
    if tell {
        happened::calls(&life.stage).iter().for_each(|line| println!("{line}"));
    }
    // The oracle holds the net, and the net the oracle.
    life.stage.aws.set_checkpoint(None);
    life.pods.iter_mut().for_each(Pod::kill);
    // The process ends now; to take a cluster apart before would cost as much as many a world.
    std::mem::forget(life.stage.clone());
    verdict
}

/// What a plan asks of the controller.
fn rules(plan: &Plan) -> Rules {
    /// A pass in which a step waits for its turn and is repeated, and the word of an edit.
    const PASS: f64 = 120.0;
    let blind = weather::blindness(plan);
    let late_writes = PASS + 2.0 * plan.aws.wire;
    let edits = || plan.edits.iter().map(|edit| &edit.act);
    let switches = |act: &Act| {
        matches!(
            act,
            Act::Halt(_) | Act::SuspendSet(_) | Act::Mode(_) | Act::SuspendOwner(_) | Act::RenameOwner(_)
        )
    };
    let of_others = |act: &Act| {
        let tree =
            matches!(act, Act::Move(..) | Act::RenameUnit(..) | Act::RenameAccount(..) | Act::TakeName(..));
        tree || matches!(act, Act::Policy(_) | Act::RenameOwner(_) | Act::Hand(_))
    };
    let restarts = edits().any(|act| matches!(act, Act::Restart(_)));
    let calm = plan.crashes.is_empty() && plan.kube.is_empty() && plan.rival.is_none() && !restarts;
    let lists_fail = plan.kube.iter().any(|trouble| matches!(trouble, KubeTrouble::List { .. }));
    let older = plan.crashes.iter().any(|crash| crash.older > 0);
    Rules {
        grace: grace(plan, late_writes + blind),
        late: late_writes + blind,
        theft_shows: late_writes
            + blind
            + weather::longest(plan.aws.lags.list)
            + weather::longest(plan.aws.lags.read)
            + weather::longest(plan.aws.lags.policy),
        late_writes,
        removal: plan.removal,
        ends_at_once: calm && plan.aws == AwsTrouble::default() && !edits().any(switches),
        declarers_alone: !edits().any(of_others),
        half_blind: lists_fail && !older && !edits().any(of_others),
        fail: plan.aws.failures.iter().map(|failure| failure.entity.clone()).collect(),
    }
}

/// How long knowledge and calls may be on their way under a plan.
fn grace(plan: &Plan, late: f64) -> Grace {
    let lags = &plan.aws.lags;
    let blind = weather::blindness(plan);
    let of = weather::longest;
    Grace {
        appearing: late + of(lags.association) + of(lags.share_activation) + of(lags.permission),
        vanishing: late + of(lags.disassociation) + of(lags.share_deletion),
        tree: TREE_AGE,
        halt: (blind == 0.0).then_some(2.0 + plan.aws.wire),
    }
}

fn millis(seconds: f64) -> u64 {
    u64::try_from(Duration::from_secs_f64(seconds.max(0.0)).as_millis()).unwrap_or(u64::MAX)
}

impl Life<'_> {
    async fn run(&mut self) {
        weather::begins(self.plan, &self.stage, &self.deaths);
        for stray in &self.plan.strays {
            self.people.stray(stray);
        }
        for manifest in &self.plan.shares {
            self.people.apply(manifest);
        }
        self.pods.iter_mut().for_each(|pod| pod.start(&self.stage));
        self.arrange();
        if !self.go_on_until(self.plan.calm_at.into()).await {
            return;
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
        let edited = self.plan.edits.iter().filter_map(|edit| match &edit.act {
            Act::Apply(manifest) => Some(manifest),
            _ => None,
        });
        let targets = self.plan.shares.iter().chain(edited).flat_map(|manifest| &manifest.targets);
        let ends: BTreeSet<u32> = targets
            .filter_map(|target| if let Target::Until(end) = target { Some(*end) } else { None })
            .collect();
        ends.into_iter().for_each(|end| self.put(end.into(), Move::End(end)));
        for at in (ACCEPTS_EVERY..self.plan.calm_at).step_by(ACCEPTS_EVERY as usize) {
            self.put(at.into(), Move::Accept);
        }
        if let Some(rival) = &self.plan.rival {
            self.put(rival.cut_from.into(), Move::Cut(true));
            self.put(rival.cut_to.into(), Move::Cut(false));
        }
    }

    fn put(&mut self, at: f64, next: Move) {
        self.added += 1;
        self.agenda.insert((millis(at), self.added), next);
    }

    /// Does what is due until then, and starts the controller anew where it dies; false: the world is lost already.
    async fn go_on_until(&mut self, end: f64) -> bool {
        let end = millis(end);
        loop {
            let next = self.agenda.first_key_value().map(|((at, _), _)| *at).filter(|at| *at <= end);
            let died = tokio::select! {
                biased;
                () = self.deaths.told.notified() => true,
                () = sleep_until(self.started + Duration::from_millis(next.unwrap_or(end))) => false,
            };
            if died {
                self.bury();
            } else if next.is_some()
                && let Some((_, next)) = self.agenda.pop_first()
            {
                self.make(next).await;
                self.oracle.look("what the plan does");
            }
            if !self.oracle.violations().is_empty() {
                return false;
            }
            if !died && next.is_none() {
                return true;
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
            if self.last_death.is_some_and(|at| self.stage.elapsed() - at < 90.0) {
                self.note("crash while another crash was being recovered from");
            }
            self.last_death = Some(self.stage.elapsed());
            self.put(self.stage.elapsed() + f64::from(crash.down), Move::Start(crash.older, crash.older_for));
        }
    }

    async fn make(&mut self, next: Move) {
        match next {
            Move::Edit(index) => {
                if weather::is_gone(&self.stage) {
                    return self.put(self.stage.elapsed() + 5.0, Move::Edit(index));
                }
                let act = &self.plan.edits[index].act;
                if let Act::Restart(down) = act {
                    self.pods.iter_mut().for_each(Pod::kill);
                    self.note("controllers restarted");
                    let starts = self.stage.elapsed() + f64::from(*down);
                    self.put(starts, Move::Start(0, 0));
                    // What is said before all is read is soon overwritten.
                    (1..30).for_each(|n| self.put(starts + f64::from(n), Move::Look));
                    return;
                }
                if let Some(done) = self.people.act(act).await {
                    self.note(done);
                }
            }
            Move::Kube(index, begins) => weather::kube(&self.plan.kube[index], begins, &self.stage),
            Move::Cut(cut) => {
                weather::cut(&self.stage, self.pods[0].user(), cut);
            }
            Move::Accept => {
                self.accept();
                self.oracle.look_away();
            }
            Move::End(at) => {
                self.oracle.declare(|declared| declared.time = at);
                self.note("an end has passed");
            }
            Move::Start(older, older_for) => {
                if older > 0 {
                    weather::older(&self.stage, &self.pods, older);
                    self.note("restart onto an older view");
                    self.put(self.stage.elapsed() + 15.0 + f64::from(older_for), Move::SeeNow);
                }
                self.pods.iter_mut().for_each(|pod| pod.start(&self.stage));
            }
            Move::SeeNow => weather::see_now(&self.stage),
            Move::Look => {}
        }
    }

    fn accept(&mut self) {
        if self.stage.accept_invitations() > 0 {
            self.oracle.is_accepted();
            self.note("AWS: invitation accepted");
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
        // What AWS is still adding grants nobody anything, and cannot be taken out before it is in.
        let busy = calm + weather::longest(self.plan.aws.lags.association);
        while missing.is_some() || self.stage.elapsed() < busy {
            if self.stage.elapsed() > calm + patience {
                let missing = missing.unwrap_or_default();
                return self.oracle.violate(&format!("{patience} s after the calm: {missing}"));
            }
            if !self.pass_time(20.0).await {
                return;
            }
            self.accept();
            self.people.keep_git();
            self.people.approve().await;
            missing = end::missing(&self.stage, &self.oracle);
        }
        if !self.pass_time(SETTLES).await {
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
        if let Some(lost) = self.people.lost_statement() {
            self.oracle.violate(&format!("a policy has lost {lost}, which is not ours to touch"));
        }
        // The set selects the account by a name that nobody else has, and that is active.
        let other = |edit: &Edit| matches!(edit.act, Act::RenameOwner(_) | Act::SuspendOwner(_));
        if !self.plan.edits.iter().any(other)
            && self.stage.kube_writes().iter().any(|write| write.starts_with("delete accountregions"))
        {
            self.oracle.violate("the cell was given up, which the set selects all the time");
        }
    }

    async fn pass_time(&mut self, seconds: f64) -> bool {
        let fine = self.go_on_until(self.stage.elapsed() + seconds).await;
        self.oracle.look("rest");
        fine && self.oracle.violations().is_empty()
    }

    fn note(&mut self, what: &str) {
        *self.happened.entry(what.to_owned()).or_default() += 1;
    }

    fn gather_what_happened(&mut self) {
        for (what, n) in happened::in_a_world(self.plan, &self.stage) {
            *self.happened.entry(what).or_default() += n;
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
