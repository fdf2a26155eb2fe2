//! What really happened in a world, from the simulator's journals: a perturbation that was planned may never strike.

use std::collections::BTreeMap;

use simulator::{
    aws::journal::{Entry, Kind},
    kube::Outcome,
};

use crate::{plan::Plan, scene::EPOCH, stage::Stage, weather::longest};

/// How often what happened so far, by name.
pub fn in_a_world(plan: &Plan, stage: &Stage) -> BTreeMap<String, u64> {
    let world = stage.aws.world();
    let mut happened: BTreeMap<String, u64> =
        world.happened().iter().map(|(what, n)| (format!("AWS: {what}"), *n)).collect();
    stage.kube.with(|cluster| {
        happened.extend(cluster.weather.happened.iter().map(|(what, n)| (format!("kube: {what}"), *n)));
    });
    let writes: Vec<&Entry> = world.journal().writes().filter(|entry| entry.service == "ram").collect();
    let replays = writes.iter().filter(|entry| entry.code.is_none() && !entry.effect).count();
    let associating =
        writes.iter().filter(|entry| entry.effect && longest(plan.aws.lags.association) > 2_000.0).count();
    let changes = holders(stage);
    let late = writes.iter().filter(|entry| entry.effect && is_of_former_leader(entry, &changes)).count();
    let counted = [
        ("AWS: an old client token replayed", replays),
        ("AWS: ASSOCIATING beyond patience", associating),
        ("leadership passed on", changes.len().saturating_sub(1)),
        ("leadership passed on with a call of the former leader on the wire", late),
    ];
    happened.extend(counted.into_iter().filter(|(_, n)| *n > 0).map(|(what, n)| (what.to_owned(), n as u64)));
    happened
}

/// Who began to hold the lease, and when.
fn holders(stage: &Stage) -> Vec<(f64, String)> {
    stage.kube.with(|cluster| {
        let mut holders: Vec<(f64, String)> = vec![];
        for entry in cluster.journal.entries().iter().filter(|e| e.resource == "leases" && e.changed) {
            let taken = matches!(entry.outcome, Outcome::Answered(200 | 201));
            if taken && holders.last().is_none_or(|(_, user)| *user != entry.user) {
                holders.push((entry.at.as_nanosecond() as f64 / 1e9, entry.user.clone()));
            }
        }
        holders
    })
}

fn is_of_former_leader(entry: &Entry, holders: &[(f64, String)]) -> bool {
    let holder = holders.iter().rev().find(|(since, _)| *since < entry.at);
    let (Some((_, holder)), Some(session)) = (holder, &entry.session) else { return false };
    !session.ends_with(holder.as_str())
}

/// All calls, for a person who looks at a violation.
pub fn calls(stage: &Stage) -> Vec<String> {
    let mut lines: Vec<(f64, String)> = vec![];
    for e in stage.aws.world().journal().entries() {
        let words = if e.kind == Kind::Write { e.params.to_string() } else { String::new() };
        let outcome = e.code.clone().unwrap_or_else(|| e.status.to_string());
        lines.push((e.at, format!("{} {} {outcome} {words}", e.service, e.operation)));
    }
    stage.kube.with(|cluster| {
        for e in cluster.journal.entries().iter().filter(|e| e.writes() && e.resource != "leases") {
            let at = e.at.as_nanosecond() as f64 / 1e9;
            let what = format!("{} {}/{} {}", e.verb.as_str(), e.resource, e.subresource, e.name);
            lines.push((at, format!("{} {what} {:?}", e.user, e.outcome)));
        }
    });
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    lines.into_iter().map(|(at, line)| format!("{:10.3} {line}", at - EPOCH as f64)).collect()
}
