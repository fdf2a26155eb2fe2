//! The plan's trouble, put into the simulator: when it begins, when it ends, and how long it keeps word from arriving.

use std::sync::Arc;

use simulator::{
    aws::weather::{Lag, Weather},
    kube::{Act, Events, Fault, Match, Rule, Verb, WatchFault, WatchRule, When},
};

use crate::{
    life::Deaths,
    plan::{Answer, EventFault, KubeTrouble, Plan, Side},
    pod::Pod,
    stage::Stage,
};

const USERS: [&str; 2] = ["controller-0", "controller-1"];
const WRITES: [Verb; 4] = [Verb::Create, Verb::Update, Verb::Patch, Verb::Delete];
/// Kinds that the controller lists when it starts.
const LISTED: [&str; 7] = [
    "installations",
    "organizations",
    "accountsets",
    "accountregions",
    "sharingpolicies",
    "shares",
    "undeclaredshares",
];

/// What is there from the start: weather in AWS, rules in the cluster, and where the controller dies.
pub fn begins(plan: &Plan, stage: &Stage, deaths: &Arc<Deaths>) {
    let aws = &plan.aws;
    stage.aws.world().set_weather(Weather {
        lags: aws.lags,
        pages: aws.pages,
        latency: Lag::Uniform(0.0, aws.wire),
        arrives_anyway: aws.wire > 0.0,
        throttles: vec![],
        faults: aws.faults.clone(),
        failures: aws.failures.clone(),
    });
    let deaths = Arc::clone(deaths);
    stage.kube.with(|cluster| {
        cluster.set_hook(Some(Box::new(move |point| {
            let ours = point.entry.user.starts_with("controller-") && point.entry.resource != "leases";
            if ours && deaths.strikes(Side::Kube, point.when == When::After) {
                Act::Freeze
            } else {
                Act::Proceed
            }
        })));
        for trouble in &plan.kube {
            match trouble {
                KubeTrouble::Write { skip, times, after, answer } => {
                    cluster
                        .weather
                        .rules
                        .extend(USERS.map(|user| write_rule(user, *skip, *times, *after, *answer)));
                }
                KubeTrouble::Event { kind, nth, fault } => {
                    cluster
                        .weather
                        .watch_rules
                        .extend(USERS.map(|user| event_rule(user, kind, *nth, *fault)));
                }
                KubeTrouble::List { kind, skip, times } => {
                    for user in USERS {
                        cluster.weather.rules.extend(kind.split(' ').map(|kind| {
                            let on = Match::on(&[Verb::List], kind).by(user);
                            let (skip, times) = ((*skip).into(), Some((*times).into()));
                            Rule { on, skip, times, when: When::Before, fault: Fault::internal() }
                        }));
                    }
                }
                KubeTrouble::Lag { .. } | KubeTrouble::Gone { .. } | KubeTrouble::Compact { .. } => {}
            }
        }
    });
}

fn write_rule(user: &str, skip: u32, times: u32, after: bool, answer: Answer) -> Rule {
    let fault = match answer {
        Answer::Conflict => Fault::conflict(),
        Answer::Throttled => Fault::throttled(1),
        Answer::Internal => Fault::internal(),
        Answer::Timeout => Fault::timeout(),
        Answer::Lost => Fault::Lost,
        Answer::Never => Fault::Never,
    };
    let on = Match { verbs: WRITES.to_vec(), group: Some("sharekeeper.dev".into()), ..Match::any() }.by(user);
    let when = if after { When::After } else { When::Before };
    Rule { on, skip: skip.into(), times: Some(times.into()), when, fault }
}

fn event_rule(user: &str, kind: &str, nth: u32, fault: EventFault) -> WatchRule {
    let fault = match fault {
        EventFault::Drop => WatchFault::Drop,
        EventFault::Duplicate => WatchFault::Duplicate,
        EventFault::Behind(by) => WatchFault::Behind(by.into()),
        EventFault::End => WatchFault::End,
        EventFault::Break => WatchFault::Break,
        EventFault::Expire => WatchFault::Expire,
    };
    let on = Match { resource: Some(kind.to_owned()), ..Match::any() }.by(user);
    WatchRule { on, events: Events::Nth(nth.into()), fault }
}

/// When a trouble begins (true) and ends, seconds from the start.
pub fn times(trouble: &KubeTrouble) -> Vec<(u32, bool)> {
    match trouble {
        KubeTrouble::Lag { from, to, .. } | KubeTrouble::Gone { from, to } => {
            vec![(*from, true), (*to, false)]
        }
        KubeTrouble::Compact { at } => vec![(*at, true)],
        KubeTrouble::Write { .. } | KubeTrouble::Event { .. } | KubeTrouble::List { .. } => vec![],
    }
}

/// A trouble begins or ends.
pub fn kube(trouble: &KubeTrouble, begins: bool, stage: &Stage) {
    stage.kube.with(|cluster| match trouble {
        KubeTrouble::Lag { kind, events, .. } => {
            let on = Match { resource: Some(kind.clone()), ..Match::any() };
            cluster.weather.lag.retain(|(lagging, _)| *lagging != on);
            if begins {
                cluster.weather.lag.push((on, (*events).into()));
            }
            cluster.release_watches();
        }
        KubeTrouble::Gone { .. } => {
            cluster.weather.unavailable = begins;
            if begins {
                *cluster.weather.happened.entry("apiserver gone").or_default() += 1;
                cluster.break_watches(&Match::any());
            }
        }
        KubeTrouble::Compact { .. } => {
            *cluster.weather.happened.entry("compacted, 410").or_default() += 1;
            cluster.compact();
            cluster.expire_watches(&Match::any());
        }
        KubeTrouble::Write { .. } | KubeTrouble::Event { .. } | KubeTrouble::List { .. } => {}
    });
}

/// One controller's way to the apiserver breaks, or is there again.
pub fn cut(stage: &Stage, user: &str, cut: bool) {
    let on = Match::any().by(user);
    stage.kube.with(|cluster| {
        cluster.weather.rules.retain(|rule| rule.on != on);
        if cut {
            cluster.break_watches(&on);
            cluster.weather.rules.push(Rule::always(on, Fault::Lost));
        }
    });
}

/// What starts next sees the cluster as it was so many revisions ago, and goes on seeing it so.
pub fn older(stage: &Stage, pods: &[Pod], revisions: u32) {
    stage.kube.with(|cluster| {
        for (pod, kind) in pods.iter().flat_map(|pod| LISTED.map(|kind| (pod, kind))) {
            let lists = Match::on(&[Verb::List], kind).by(pod.user());
            cluster.weather.rules.push(Rule::once(lists, When::Before, Fault::Stale(revisions.into())));
            cluster.weather.lag.push((Match::any().by(pod.user()), revisions.into()));
        }
    });
}

/// The end of such a view.
pub fn see_now(stage: &Stage) {
    stage.kube.with(|cluster| {
        cluster.weather.lag.retain(|(on, _)| on.user.is_none());
        cluster.release_watches();
    });
}

/// Whether the apiserver is gone.
pub fn is_gone(stage: &Stage) -> bool {
    stage.kube.with(|cluster| cluster.weather.unavailable)
}

/// All trouble ends.
pub fn ends(plan: &Plan, stage: &Stage) {
    stage.aws.world().set_weather(Weather { arrives_anyway: plan.aws.wire > 0.0, ..Weather::default() });
    stage.kube.with(|cluster| {
        cluster.weather.rules.clear();
        cluster.weather.watch_rules.clear();
        cluster.weather.lag.clear();
        cluster.weather.unavailable = false;
        cluster.release_watches();
        // An apiserver closes its watches sooner or later; what a broken one lost is then read.
        let lost = |trouble: &KubeTrouble| {
            matches!(trouble, KubeTrouble::Event { fault: EventFault::Drop | EventFault::Behind(_), .. })
        };
        if plan.kube.iter().any(lost) {
            cluster.expire_watches(&Match::any());
        }
    });
}

/// How long word of a change in the cluster may be kept from the controller, in seconds.
pub fn blindness(plan: &Plan) -> f64 {
    let of = |trouble: &KubeTrouble| match trouble {
        KubeTrouble::Lag { from, to, .. } => f64::from(to - from) + 30.0,
        KubeTrouble::Gone { from, to } => f64::from(to - from) + 60.0,
        KubeTrouble::Event { fault: EventFault::Drop | EventFault::Behind(_), .. } => {
            f64::from(plan.calm_at) + 60.0
        }
        KubeTrouble::List { times, .. } => 60.0 + 30.0 * f64::from(*times),
        KubeTrouble::Event { .. } | KubeTrouble::Compact { .. } | KubeTrouble::Write { .. } => 60.0,
    };
    let cut = plan.rival.as_ref().map_or(0.0, |rival| f64::from(rival.cut_to - rival.cut_from) + 60.0);
    let older: f64 = plan
        .crashes
        .iter()
        .filter(|crash| crash.older > 0)
        .map(|crash| 60.0 + f64::from(crash.older_for))
        .sum();
    plan.kube.iter().map(of).sum::<f64>() + cut + older
}

/// The longest that a lag takes.
pub fn longest(lag: Lag) -> f64 {
    match lag {
        Lag::Fixed(seconds) | Lag::Uniform(_, seconds) => seconds,
        Lag::LogNormal(median, sigma) => median * (4.0 * sigma).exp(),
    }
}

/// The longest that anything in AWS takes under a plan.
pub fn longest_of_all(plan: &Plan) -> f64 {
    let l = &plan.aws.lags;
    let all = [
        l.share_activation,
        l.share_deletion,
        l.association,
        l.disassociation,
        l.permission,
        l.read,
        l.list,
        l.policy,
    ];
    all.into_iter().map(longest).sum()
}
