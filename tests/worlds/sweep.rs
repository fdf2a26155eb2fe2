//! Many worlds, as many at once as there are cores: what they found, how fast they were, and what really happened in them.

use std::{
    collections::{BTreeMap, VecDeque},
    io::Write,
    ops::Range,
    time::Duration,
};

use crate::{
    draw,
    life::Verdict,
    plan::Plan,
    process::{Beginning, Running},
    words,
};

/// What really happened in all worlds, and in how many of them it did.
type Coverage = BTreeMap<String, (u64, u64)>;

/// Failures that are printed whole.
const PRINTED: usize = 5;

/// What must have happened at least once in a whole search: a perturbation that never struck proves nothing.
const SOMETIMES: &[&str] = &[
    "AWS: 500 after the effect",
    "AWS: 500 before the effect",
    "AWS: 503 after the effect",
    "AWS: 503 before the effect",
    "AWS: ASSOCIATING beyond patience",
    "AWS: access denied",
    "AWS: account moved",
    "AWS: account renamed",
    "AWS: account suspended",
    "AWS: an old client token replayed",
    "AWS: connection broken after the effect",
    "AWS: connection broken before the effect",
    "AWS: edited by hand",
    "AWS: empty page with a token",
    "AWS: expired token",
    "AWS: failed association",
    "AWS: listing of the past",
    "AWS: no answer after the effect",
    "AWS: no answer, no effect",
    "AWS: short page",
    "AWS: slow answer",
    "AWS: throttled",
    "AWS: truncated answer after the effect",
    "AWS: truncated answer, no effect",
    "AWS: unit renamed",
    "AWS: unknown status",
    "AWS: account got another's name",
    "AWS: invitation accepted",
    "an end has passed",
    "controllers restarted",
    "crash after a write to AWS",
    "crash after a write to the cluster",
    "crash before a write to AWS",
    "crash before a write to the cluster",
    "crash while another crash was being recovered from",
    "edit: applied",
    "edit: decided about what nobody declares",
    "edit: deleted",
    "edit: deleted and made again",
    "edit: halt",
    "edit: policy",
    "edit: refused by the apiserver",
    "edit: set suspended or in another mode",
    "kube: 409",
    "kube: 410",
    "kube: 429",
    "kube: apiserver error after the effect",
    "kube: apiserver error before the effect",
    "kube: apiserver gone",
    "kube: event dropped",
    "kube: event duplicated",
    "kube: event kept back",
    "kube: events reordered",
    "kube: kube request lost after the effect",
    "kube: kube request lost before the effect",
    "kube: list of the past",
    "kube: no answer from the apiserver",
    "kube: watch broken",
    "kube: watch ended",
    "leadership passed on",
    "restart onto an older view",
    "leadership passed on with a call of the former leader on the wire",
];

/// What a search has found.
#[derive(Default)]
struct Found {
    worlds: u64,
    violations: usize,
    coverage: Coverage,
}

/// Runs the worlds of these seeds, as many as can be begun within the minutes; false: something is violated, or something
/// never happened.
pub fn sweep(beginning: &mut Beginning, seeds: Range<u64>, minutes: f64, at_once: usize) -> bool {
    let worlds = seeds.end - seeds.start;
    let started = tokio::time::Instant::now();
    let mut found = Found::default();
    let mut running: VecDeque<Running> = VecDeque::new();
    for seed in seeds.take_while(|_| started.elapsed().as_secs_f64() < 60.0 * minutes) {
        running.push_back(beginning.start(seed, &draw::plan(seed), false));
        if running.len() > at_once
            && let Some(first) = running.pop_front()
        {
            found.add(first);
        }
        if found.worlds > 0 && found.worlds.is_multiple_of(5_000) {
            eprintln!("{} worlds, {} with violations", found.worlds, found.violations);
        }
    }
    running.into_iter().for_each(|last| found.add(last));
    if found.worlds < worlds {
        println!("\nafter {minutes} minutes no more worlds were begun: {} of {worlds}", found.worlds);
    }
    found.print(started.elapsed(), at_once);
    found.violations == 0 && found.is_broad()
}

impl Found {
    fn add(&mut self, world: Running) {
        let seed = world.seed;
        let verdict = world.verdict();
        self.worlds += 1;
        for (what, n) in &verdict.happened {
            let (times, worlds) = self.coverage.entry(what.clone()).or_default();
            (*times, *worlds) = (*times + n, *worlds + 1);
        }
        if !verdict.violations.is_empty() {
            self.violations += 1;
            if self.violations <= PRINTED {
                tell_failure(seed, &draw::plan(seed), &verdict);
            } else {
                println!("violation in world {seed}: {}", verdict.violations[0]);
            }
        }
    }

    fn print(&self, took: Duration, at_once: usize) {
        println!("\n{:>9} {:>9}  what really happened", "times", "worlds");
        for (what, (times, worlds)) in &self.coverage {
            println!("{times:>9} {worlds:>9}  {what}");
        }
        let speed = self.worlds as f64 / took.as_secs_f64();
        println!(
            "\n{} worlds in {:.0} s, {speed:.1} worlds a second with {at_once} at once; worlds with violations: {}",
            self.worlds,
            took.as_secs_f64(),
            self.violations
        );
    }

    /// Whether all that is to happen did. A short search cannot say.
    fn is_broad(&self) -> bool {
        let never: Vec<_> = SOMETIMES.iter().filter(|what| !self.coverage.contains_key(**what)).collect();
        let long = self.worlds >= 5_000;
        if long && !never.is_empty() {
            println!("never happened: {never:?}");
        }
        !long || never.is_empty()
    }
}

/// The seed, the plan in words, and how to see it again.
pub fn tell_failure(seed: u64, plan: &Plan, verdict: &Verdict) {
    println!("\nviolation in world {seed}:");
    verdict.violations.iter().for_each(|violation| println!("  {violation}"));
    words::of(plan).iter().for_each(|line| println!("    {line}"));
    println!("  again, alone: cargo test --profile sim --features mutants --test worlds -- --seed {seed}");
    // Whoever reads a pipe sees it at once.
    let _flushed = std::io::stdout().flush();
}

/// Each of these worlds, twice in a process of its own, leaves the same trace; and no two of them the same.
pub fn replays(beginning: &mut Beginning, worlds: u64) -> bool {
    let mut traces = std::collections::BTreeSet::new();
    let mut same = 0;
    // Seeds from all sizes of plans.
    for seed in (0..worlds).map(|n| n * 997) {
        let plan = draw::plan(seed);
        let text = serde_json::to_string(&plan).expect("plans are plain data");
        let parsed: Plan = serde_json::from_str(&text).expect("plans parse");
        let (first, second) = (beginning.start(seed, &plan, false), beginning.start(seed, &parsed, false));
        let (first, second) = (first.verdict(), second.verdict());
        if first == second && first.trace != 0 {
            same += 1;
        } else {
            println!("world {seed} is not the same again: {first:?} and {second:?}");
        }
        traces.insert(first.trace);
    }
    println!(
        "replays with the identical trace: {same} of {worlds}; different traces: {} of {worlds}",
        traces.len()
    );
    same == worlds && traces.len() as u64 == worlds
}
