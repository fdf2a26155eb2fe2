//! What can be counted and measured, in OpenMetrics. Labels come from closed lists; only the age of an observation is told
//! for each cell. Nothing here waits, and nothing here is remembered beyond the process.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};
use tokio::time::Instant;

use crate::{
    aws::{
        calls::{Called, Observer},
        fence::Refusal,
    },
    model::{Cell, ShareKey},
    plan::{catalogue::Differences, change::ChangeKind, receipt::Receipt},
};

mod labels;
mod scrape;

pub use labels::{
    DriftKind, KubeKind, KubeOutcome, Observed, OperationLabel, PassOutcome, Readiness, RefusalKind,
    ServiceLabel, StepAction, StepEffect, StepOutcome, TypeDifference,
};

/// The media type of [`Metrics::encode`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of the process. Clones are the same metrics.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    passes: Family<PassLabels, Counter>,
    pass_seconds: Histogram,
    steps: Family<StepLabels, Counter>,
    drift: Family<DriftLabels, Counter>,
    aws_calls: Family<CallLabels, Counter>,
    aws_seconds: Family<ServiceLabels, Histogram, fn() -> Histogram>,
    aws_waited: Family<ServiceLabels, Counter<f64, std::sync::atomic::AtomicU64>>,
    aws_throttles: Family<OperationLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
    kube_writes: Family<KubeLabels, Counter>,
    world: Arc<Mutex<World>>,
}

/// What gauges are computed from when they are asked for.
#[derive(Default)]
struct World {
    cells: BTreeMap<Cell, CellState>,
    shares: BTreeMap<ShareKey, Readiness>,
    /// In how many resource types RAM and this version differ; none before RAM was asked.
    types: Option<Vec<(TypeDifference, usize)>>,
    leads: Option<Box<dyn Fn() -> bool + Send>>,
}

struct CellState {
    /// When it was last observed as a whole; before that, when it was first governed.
    since: Instant,
    observed: Observed,
    undeclared: Undeclared,
    /// Removals that wait for a person.
    held: usize,
}

/// How many shares nobody declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Undeclared {
    /// Those that somebody outside the organization is in.
    pub external: usize,
    /// All others.
    pub inside: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PassLabels {
    outcome: PassOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    action: StepAction,
    effect: StepEffect,
    outcome: StepOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DriftLabels {
    kind: DriftKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    service: ServiceLabel,
    operation: OperationLabel,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServiceLabels {
    service: ServiceLabel,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    service: ServiceLabel,
    operation: OperationLabel,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    reason: RefusalKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KubeLabels {
    kind: KubeKind,
    outcome: KubeOutcome,
}

/// From a read that is answered at once to the longest call that is waited for.
fn call_seconds() -> Histogram {
    Histogram::new([0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0])
}

impl Metrics {
    /// Metrics of which nothing has been told yet.
    pub fn new() -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("sharekeeper"),
            passes: Family::default(),
            pass_seconds: Histogram::new([0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0]),
            steps: Family::default(),
            drift: Family::default(),
            aws_calls: Family::default(),
            aws_seconds: Family::new_with_constructor(call_seconds),
            aws_waited: Family::default(),
            aws_throttles: Family::default(),
            refusals: Family::default(),
            kube_writes: Family::default(),
            world: Arc::default(),
        };
        inner.register();
        Self(Arc::new(inner))
    }

    /// A pass over a cell has ended.
    pub fn pass(&self, outcome: PassOutcome, took: Duration) {
        self.0.passes.get_or_create(&PassLabels { outcome }).inc();
        self.0.pass_seconds.observe(took.as_secs_f64());
    }

    /// Steps have been carried out, or were not.
    pub fn steps(&self, receipts: &[Receipt]) {
        for receipt in receipts {
            let labels = StepLabels {
                action: StepAction::of(&receipt.step.action),
                effect: StepEffect::of(receipt.step.effect),
                outcome: StepOutcome::of(&receipt.outcome),
            };
            self.0.steps.get_or_create(&labels).inc();
        }
    }

    /// AWS was found to differ from what was applied. Once for each find, not for each pass that sees it.
    pub fn drift_found(&self, change: &ChangeKind) {
        self.0.drift.get_or_create(&DriftLabels { kind: DriftKind::of(change) }).inc();
    }

    /// The same, from the line that a status got for it.
    pub fn drift_line(&self, what: &str) {
        self.0.drift.get_or_create(&DriftLabels { kind: DriftKind::of_line(what) }).inc();
    }

    /// A write to the cluster was answered.
    pub fn kube_write(&self, kind: KubeKind, outcome: KubeOutcome) {
        self.0.kube_writes.get_or_create(&KubeLabels { kind, outcome }).inc();
    }

    /// The fence kept a write to the cluster from being sent. Those to AWS are told by the calls themselves.
    pub fn refused(&self, refusal: &Refusal) {
        self.count_refusal(RefusalKind::of(refusal));
    }

    /// The cell is governed and has not been observed yet; nothing if it is known.
    pub fn cell_governed(&self, cell: &Cell) {
        self.world(|world| {
            world.cell(cell);
        });
    }

    /// The cell was observed as a whole so long ago.
    pub fn cell_observed(&self, cell: &Cell, ago: Duration, undeclared: Undeclared, held: usize) {
        self.world(|world| {
            let now = Instant::now();
            let since = now.checked_sub(ago).unwrap_or(now);
            let state = CellState { since, observed: Observed::Complete, undeclared, held };
            world.cells.insert(cell.clone(), state);
        });
    }

    /// The cell could not be observed; what was last seen of it stands.
    pub fn cell_unknown(&self, cell: &Cell) {
        self.world(|world| world.cell(cell).observed = Observed::Unknown);
    }

    /// The cell is no longer governed.
    pub fn forget_cell(&self, cell: &Cell) {
        self.world(|world| {
            world.cells.remove(cell);
        });
    }

    /// What a Share's status says.
    pub fn share(&self, share: &ShareKey, readiness: Readiness) {
        self.world(|world| {
            world.shares.insert(share.clone(), readiness);
        });
    }

    /// The Share is gone.
    pub fn forget_share(&self, share: &ShareKey) {
        self.world(|world| {
            world.shares.remove(share);
        });
    }

    /// RAM's list of resource types was held against those of this version.
    pub fn resource_types(&self, differences: &Differences) {
        let counts = TypeDifference::ALL.iter().map(|kind| (*kind, kind.count(differences)));
        self.world(|world| world.types = Some(counts.collect()));
    }

    /// This process no longer leads: what it knows of cells and Shares gets old and is forgotten.
    pub fn stands_by(&self) {
        self.world(|world| {
            world.cells.clear();
            world.shares.clear();
            world.types = None;
        });
    }

    /// How to find out, when asked, whether this process leads. Until told, it does not, and says nothing of cells and
    /// Shares. Must not wait, nor call these metrics.
    pub fn leads_while(&self, leads: impl Fn() -> bool + Send + 'static) {
        self.world(|world| world.leads = Some(Box::new(leads)));
    }

    /// Everything, as [`MEDIA_TYPE`].
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string fails only where a label refuses to be written, and ours do not.
        match text::encode(&mut text, &self.0.registry) {
            Ok(()) => text,
            Err(fmt::Error) => "# EOF\n".to_owned(),
        }
    }

    fn world<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.0.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn count_refusal(&self, reason: RefusalKind) {
        self.0.refusals.get_or_create(&RefusalLabels { reason }).inc();
    }
}

impl World {
    fn cell(&mut self, cell: &Cell) -> &mut CellState {
        self.cells.entry(cell.clone()).or_insert_with(|| CellState {
            since: Instant::now(),
            observed: Observed::NotYet,
            undeclared: Undeclared::default(),
            held: 0,
        })
    }
}

impl Inner {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("passes", "Passes over account regions", self.passes.clone());
        r.register_with_unit("pass_duration", "Time of a pass", Unit::Seconds, self.pass_seconds.clone());
        r.register("steps", "Steps of plans that were carried out, or not", self.steps.clone());
        r.register("drift_found", "Differences that nobody declared, found in AWS", self.drift.clone());
        r.register("aws_calls", "Calls of AWS, the SDK's repetitions not counted", self.aws_calls.clone());
        r.register_with_unit(
            "aws_call_duration",
            "Time of a call of AWS, repetitions included",
            Unit::Seconds,
            self.aws_seconds.clone(),
        );
        r.register_with_unit(
            "aws_calls_waited",
            "Time that calls of AWS waited for their turn",
            Unit::Seconds,
            self.aws_waited.clone(),
        );
        r.register("aws_throttles", "Attempts that AWS throttled", self.aws_throttles.clone());
        r.register(
            "fence_refusals",
            "Writes that were not sent because they must not be",
            self.refusals.clone(),
        );
        r.register("kube_writes", "Writes to the cluster", self.kube_writes.clone());
        r.register_collector(Box::new(scrape::Scrape(Arc::clone(&self.world))));
    }
}

impl Observer for Metrics {
    fn called(&self, call: &Called) {
        let service = ServiceLabel::of(call.operation);
        let operation = OperationLabel::of(call.operation);
        self.0.aws_calls.get_or_create(&CallLabels { service, operation, outcome: call.outcome }).inc();
        self.0.aws_waited.get_or_create(&ServiceLabels { service }).inc_by(call.waited.as_secs_f64());
        if let Some(reason) = RefusalKind::named(call.outcome) {
            self.count_refusal(reason);
        } else {
            let seconds = self.0.aws_seconds.get_or_create(&ServiceLabels { service });
            seconds.observe(call.took.as_secs_f64());
        }
    }

    fn throttled(&self, operation: &str) {
        let labels = OperationLabels {
            service: ServiceLabel::of(operation),
            operation: OperationLabel::of(operation),
        };
        self.0.aws_throttles.get_or_create(&labels).inc();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        api::{Reason, conditions},
        aws::{errors::classify, operations::OPERATIONS},
        model::{Mark, Slot},
        plan::{
            chain::Owner,
            change::{Effect, PermissionChange},
            receipt::{Failure, Outcome, Then},
            step::{Action, Create, Members, Step},
        },
    };

    fn leading() -> Metrics {
        let metrics = Metrics::new();
        metrics.leads_while(|| true);
        metrics
    }

    fn cell(account: u64) -> Cell {
        Cell { account: format!("{account:012}").parse().unwrap(), region: "eu-west-1".parse().unwrap() }
    }

    fn key(name: &str) -> ShareKey {
        ShareKey { namespace: "team".into(), name: name.into() }
    }

    fn called(operation: &'static str, outcome: &'static str) -> Called {
        Called { operation, outcome, took: Duration::from_millis(300), waited: Duration::from_millis(1500) }
    }

    /// Conditions by type and status.
    type Given = &'static [(&'static str, conditions::Status)];

    /// A sample: name, labels, value.
    type Sample = (String, BTreeMap<String, String>, f64);

    /// Reads an exposition as strictly as we write it.
    fn samples(text: &str) -> Vec<Sample> {
        let mut types = BTreeMap::new();
        let (body, end) = text.split_at(text.len() - "# EOF\n".len());
        assert_eq!(end, "# EOF\n");
        let mut found = vec![];
        for line in body.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let mut words = comment.splitn(3, ' ');
                let (what, name, rest) =
                    (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
                assert!(["HELP", "TYPE", "UNIT"].contains(&what) && !rest.is_empty(), "{line}");
                if what == "TYPE" {
                    assert!(types.insert(name.to_owned(), rest.to_owned()).is_none(), "{name} twice");
                }
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series
                .split_once('{')
                .map_or((series, ""), |(name, rest)| (name, rest.strip_suffix('}').unwrap()));
            let suffixes = ["", "_total", "_sum", "_count", "_bucket"];
            let family =
                |suffix: &&str| name.strip_suffix(*suffix).is_some_and(|family| types.contains_key(family));
            assert!(suffixes.iter().any(family), "{line} has no TYPE");
            let labels = labels.split(',').filter(|label| !label.is_empty()).map(|label| {
                let (name, value) = label.split_once('=').unwrap();
                (name.to_owned(), value.strip_prefix('"').unwrap().strip_suffix('"').unwrap().to_owned())
            });
            found.push((name.to_owned(), labels.collect(), value.parse().unwrap()));
        }
        let series: BTreeSet<_> = found.iter().map(|(name, labels, _)| (name, labels)).collect();
        assert_eq!(series.len(), found.len(), "a series twice");
        found
    }

    fn value(metrics: &Metrics, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: BTreeMap<_, _> = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let found = samples(&metrics.encode()).into_iter().find(|(n, l, _)| n == name && *l == labels);
        found.map(|(_, _, value)| value)
    }

    fn receipt(action: Action, effect: Effect, outcome: Outcome) -> Receipt {
        let step = Step { action, effect, causes: BTreeSet::new() };
        Receipt { owner: Owner::Share(key("hub"), Slot::Inner), step, outcome }
    }

    fn receipts() -> Vec<Receipt> {
        let failed = |then| {
            Outcome::Failed(Failure {
                reason: Reason::Throttled,
                message: "slow".into(),
                then,
                certain: true,
            })
        };
        let mark = Mark { installation: "i".into(), share: key("hub"), uid: "u".into(), slot: Slot::Inner };
        let create = Create {
            name: "hub".into(),
            incarnation: 1,
            allow_external: false,
            members: Members::default(),
            permissions: BTreeMap::new(),
            tags: mark.tags(),
        };
        let permission = PermissionChange { resource_type: "ec2:Subnet".into(), arn: None, version: None };
        vec![
            receipt(Action::Create(create), Effect::Widen, Outcome::Done(None)),
            receipt(Action::Delete, Effect::Narrow, Outcome::AlreadyDone),
            receipt(Action::Disassociate(Members::default()), Effect::Narrow, failed(Then::PersonMustAct)),
            receipt(Action::Update { name: None, allow_external: None }, Effect::Neutral, failed(Then::Wait)),
            receipt(Action::SetPermission(permission), Effect::Widen, failed(Then::Replan)),
            receipt(Action::Associate(Members::default()), Effect::Widen, Outcome::NotSent("fence".into())),
            receipt(Action::Tag(mark.tags()), Effect::Neutral, Outcome::Done(None)),
            receipt(Action::Untag(BTreeSet::new()), Effect::Neutral, Outcome::Done(None)),
        ]
    }

    fn of<T: Copy>(all: &[T], text: fn(T) -> &'static str) -> Vec<&'static str> {
        all.iter().map(|value| text(*value)).collect()
    }

    #[tokio::test]
    async fn all_label_values_come_from_closed_lists() {
        let metrics = leading();
        PassOutcome::ALL.iter().for_each(|outcome| metrics.pass(*outcome, Duration::from_secs(1)));
        metrics.steps(&receipts());
        let principal: crate::model::Principal = "222233334444".parse().unwrap();
        metrics.drift_found(&ChangeKind::AddPrincipal(principal));
        metrics.drift_found(&ChangeKind::SetTag("anything".into(), "a\"b\\c\nd".into()));
        OPERATIONS.iter().for_each(|operation| metrics.called(&called(operation.name, "Ok")));
        metrics.called(&called("NobodyKnows", classify("NobodyKnows", "Strange", "", Some(500)).reason()));
        metrics.throttled("WhateverTheSdkSays");
        metrics.refused(&Refusal::Halted("because of \"x\"".into()));
        for kind in KubeKind::ALL {
            KubeOutcome::ALL.iter().for_each(|outcome| metrics.kube_write(*kind, *outcome));
        }
        metrics.cell_governed(&cell(1));
        Readiness::ALL.iter().for_each(|now| metrics.share(&key(now.as_str()), *now));
        metrics.resource_types(&Differences::default());

        let names = |all: &[&'static str]| all.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
        let outcomes = [
            of(PassOutcome::ALL, PassOutcome::as_str),
            of(StepOutcome::ALL, StepOutcome::as_str),
            of(KubeOutcome::ALL, KubeOutcome::as_str),
            vec!["AwsUnavailable"],
        ]
        .concat();
        let operations: Vec<_> = OPERATIONS.iter().map(|op| op.name).chain(["other"]).collect();
        let services: Vec<_> = OPERATIONS.iter().map(|op| op.service.as_str()).chain(["other"]).collect();
        let closed = BTreeMap::from([
            ("outcome", names(&outcomes)),
            ("action", names(&of(StepAction::ALL, StepAction::as_str))),
            ("effect", names(&of(StepEffect::ALL, StepEffect::as_str))),
            (
                "kind",
                names(&[of(DriftKind::ALL, DriftKind::as_str), of(KubeKind::ALL, KubeKind::as_str)].concat()),
            ),
            ("reason", names(&of(RefusalKind::ALL, RefusalKind::as_str))),
            ("readiness", names(&of(Readiness::ALL, Readiness::as_str))),
            ("observed", names(&of(Observed::ALL, Observed::as_str))),
            ("difference", names(&of(TypeDifference::ALL, TypeDifference::as_str))),
            ("service", names(&services)),
            ("operation", names(&operations)),
            ("side", names(&["external", "inside"])),
            ("cell", names(&["000000000001.eu-west-1"])),
        ]);
        for (name, labels, _) in samples(&metrics.encode()) {
            for (label, value) in labels.iter().filter(|(label, _)| *label != "le") {
                let list = closed.get(label.as_str()).unwrap_or_else(|| panic!("{name}: new label {label}"));
                assert!(list.contains(value), "{name}: {label}={value}");
            }
        }
    }

    #[test]
    fn each_receipt_is_counted_by_what_it_was_and_what_came_of_it() {
        let metrics = Metrics::new();
        metrics.steps(&receipts());
        metrics.steps(&receipts());
        for (action, effect, outcome) in [
            ("Create", "Widen", "Done"),
            ("Delete", "Narrow", "AlreadyDone"),
            ("Disassociate", "Narrow", "PersonMustAct"),
            ("Update", "Neutral", "FailedForNow"),
            ("SetPermission", "Widen", "FailedForNow"),
            ("Associate", "Widen", "NotSent"),
            ("Tag", "Neutral", "Done"),
            ("Untag", "Neutral", "Done"),
        ] {
            let labels = [("action", action), ("effect", effect), ("outcome", outcome)];
            assert_eq!(value(&metrics, "sharekeeper_steps_total", &labels), Some(2.0), "{labels:?}");
        }
    }

    #[test]
    fn calls_waits_and_throttles_are_told_by_service_and_refusals_apart() {
        let metrics = Metrics::new();
        metrics.called(&called("CreateResourceShare", "Ok"));
        metrics.called(&called("CreateResourceShare", "NotLeader"));
        metrics.throttled("ListAccounts");
        let create =
            |outcome| [("service", "ram"), ("operation", "CreateResourceShare"), ("outcome", outcome)];
        let ram = [("service", "ram")];
        assert_eq!(value(&metrics, "sharekeeper_aws_calls_total", &create("Ok")), Some(1.0));
        assert_eq!(value(&metrics, "sharekeeper_aws_calls_total", &create("NotLeader")), Some(1.0));
        // What was not sent took no time of AWS's.
        assert_eq!(value(&metrics, "sharekeeper_aws_call_duration_seconds_count", &ram), Some(1.0));
        assert_eq!(value(&metrics, "sharekeeper_aws_calls_waited_seconds_total", &ram), Some(3.0));
        assert_eq!(
            value(&metrics, "sharekeeper_fence_refusals_total", &[("reason", "NotLeader")]),
            Some(1.0)
        );
        let accounts = [("service", "organizations"), ("operation", "ListAccounts")];
        assert_eq!(value(&metrics, "sharekeeper_aws_throttles_total", &accounts), Some(1.0));
    }

    #[test]
    fn every_refusal_is_counted_whichever_way_it_is_told() {
        use crate::aws::errors::Disposition;
        let all = [
            Refusal::NotLeader,
            Refusal::Halted(String::new()),
            Refusal::Stale(String::new()),
            Refusal::ShuttingDown,
        ];
        for refusal in all {
            let by_call = RefusalKind::named(Disposition::Refused(refusal.clone()).reason());
            assert_eq!(by_call, Some(RefusalKind::of(&refusal)));
        }
        assert_eq!(RefusalKind::named("Ok"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_observation_ages_until_the_next_complete_one() {
        let metrics = leading();
        let age = |account| {
            let name = cell(account).to_string();
            value(&metrics, "sharekeeper_observation_age_seconds", &[("cell", &name)])
        };
        let pass = async |seconds| tokio::time::advance(Duration::from_secs(seconds)).await;
        metrics.cell_governed(&cell(1));
        metrics.cell_observed(&cell(2), Duration::ZERO, Undeclared { external: 1, inside: 4 }, 3);
        pass(60).await;
        metrics.cell_unknown(&cell(2));
        metrics.cell_governed(&cell(1));
        assert_eq!((age(1), age(2)), (Some(60.0), Some(60.0)), "neither a failure nor a reminder renews it");
        metrics.cell_observed(&cell(1), Duration::ZERO, Undeclared { external: 2, inside: 0 }, 2);
        pass(5).await;
        assert_eq!((age(1), age(2)), (Some(5.0), Some(65.0)));
        let gauge = |name: &str, labels: &[(&str, &str)]| value(&metrics, name, labels);
        assert_eq!(gauge("sharekeeper_observation_age_max_seconds", &[]), Some(65.0));
        assert_eq!(gauge("sharekeeper_account_regions", &[("observed", "Complete")]), Some(1.0));
        assert_eq!(gauge("sharekeeper_account_regions", &[("observed", "Unknown")]), Some(1.0));
        assert_eq!(gauge("sharekeeper_undeclared_shares", &[("side", "external")]), Some(3.0));
        assert_eq!(gauge("sharekeeper_undeclared_shares", &[("side", "inside")]), Some(4.0));
        assert_eq!(gauge("sharekeeper_removals_held", &[]), Some(5.0));
        metrics.forget_cell(&cell(2));
        assert_eq!((age(2), gauge("sharekeeper_observation_age_max_seconds", &[])), (None, Some(5.0)));
    }

    #[test]
    fn a_share_is_counted_once_as_it_is_now() {
        let metrics = leading();
        let count = |readiness| value(&metrics, "sharekeeper_shares", &[("readiness", readiness)]);
        metrics.share(&key("hub"), Readiness::Reconciling);
        metrics.share(&key("hub"), Readiness::Ready);
        metrics.share(&key("spoke"), Readiness::Ready);
        assert_eq!((count("Ready"), count("Reconciling")), (Some(2.0), Some(0.0)));
        metrics.forget_share(&key("hub"));
        assert_eq!(count("Ready"), Some(1.0));
    }

    #[test]
    fn types_in_which_ram_differs_are_counted_once_it_was_asked() {
        let metrics = leading();
        let count = |of| value(&metrics, "sharekeeper_resource_types_differing", &[("difference", of)]);
        assert_eq!(count("Unknown"), None);
        let unknown = BTreeSet::from(["a:B".to_owned(), "a:C".to_owned()]);
        metrics.resource_types(&Differences { unknown, ..Differences::default() });
        assert_eq!((count("Unknown"), count("Unlisted"), count("Scope")), (Some(2.0), Some(0.0), Some(0.0)));
        metrics.resource_types(&Differences::default());
        assert_eq!(count("Unknown"), Some(0.0));
        metrics.stands_by();
        assert_eq!(count("Unknown"), None);
    }

    #[test]
    fn readiness_is_what_kstatus_reads_from_conditions() {
        use conditions::Status::{False, True, Unknown};
        let table: [(Given, bool, Readiness); 7] = [
            (&[], false, Readiness::Reconciling),
            (&[(conditions::READY, True)], false, Readiness::Ready),
            (&[(conditions::READY, Unknown), (conditions::RECONCILING, True)], false, Readiness::Reconciling),
            (&[(conditions::READY, False), (conditions::STALLED, True)], false, Readiness::Stalled),
            (&[(conditions::DRIFTED, True)], false, Readiness::NotEnforced),
            (&[(conditions::READY, True), (conditions::STALLED, False)], false, Readiness::Ready),
            (&[(conditions::READY, True)], true, Readiness::Terminating),
        ];
        for (given, deleting, expected) in table {
            let mut list = vec![];
            for (type_, status) in given {
                let now = "2026-01-01T00:00:00Z".parse().unwrap();
                conditions::set(&mut list, type_, *status, Reason::Converging, "", None, now);
            }
            assert_eq!(Readiness::of(&list, deleting), expected, "{given:?}");
        }
    }

    #[test]
    fn answers_of_the_apiserver_are_told_apart() {
        let answer = |code| -> Result<(), kube::Error> {
            let status = kube::core::Status { code, ..kube::core::Status::default() };
            Err(kube::Error::Api(Box::new(status)))
        };
        for (code, expected) in [
            (409, KubeOutcome::Conflict),
            (404, KubeOutcome::NotFound),
            (403, KubeOutcome::Denied),
            (422, KubeOutcome::Invalid),
            (500, KubeOutcome::Unavailable),
            (429, KubeOutcome::Unavailable),
        ] {
            assert_eq!(KubeOutcome::of(&answer(code)), expected, "{code}");
        }
        assert_eq!(KubeOutcome::of(&Ok::<_, kube::Error>(())), KubeOutcome::Ok);
    }

    #[tokio::test]
    async fn only_who_leads_at_the_scrape_speaks_of_cells_and_shares() {
        let metrics = Metrics::new();
        metrics.cell_governed(&cell(1));
        metrics.share(&key("hub"), Readiness::Ready);
        let told = || {
            let regions = value(&metrics, "sharekeeper_account_regions", &[("observed", "NotYet")]);
            let oldest = value(&metrics, "sharekeeper_observation_age_max_seconds", &[]);
            let shares = value(&metrics, "sharekeeper_shares", &[("readiness", "Ready")]);
            (value(&metrics, "sharekeeper_leader", &[]), regions, oldest.is_some(), shares)
        };
        assert_eq!(told(), (Some(0.0), None, false, None));
        let (lead, leads) = tokio::sync::watch::channel(true);
        metrics.leads_while(move || *leads.borrow());
        assert_eq!(told(), (Some(1.0), Some(1.0), true, Some(1.0)));
        lead.send_replace(false);
        assert_eq!(told(), (Some(0.0), None, false, None));
        metrics.stands_by();
        lead.send_replace(true);
        assert_eq!(told(), (Some(1.0), Some(0.0), true, Some(0.0)));
    }

    #[test]
    fn clones_are_the_same_metrics() {
        let metrics = Metrics::new();
        metrics.clone().pass(PassOutcome::Quiet, Duration::ZERO);
        assert_eq!(value(&metrics, "sharekeeper_passes_total", &[("outcome", "Quiet")]), Some(1.0));
    }
}
