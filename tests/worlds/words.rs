//! A plan in words, for people.

use simulator::aws::weather::{Lags, Pages};

use crate::plan::{Act, Manifest, Plan, Side};

/// One line for each thing that is declared, done, or goes wrong.
pub fn of(plan: &Plan) -> Vec<String> {
    let mut lines: Vec<String> =
        plan.shares.iter().map(|share| format!("declared: {}", manifest(share))).collect();
    if let Some(removal) = plan.removal {
        lines.push(format!("what nobody declares: {removal:?}"));
    }
    lines.extend(plan.strays.iter().map(|stray| format!("made by hand: {stray:?}")));
    lines.extend(plan.edits.iter().map(|edit| format!("at {} s: {}", edit.at, act(&edit.act))));
    for crash in &plan.crashes {
        let side = if crash.writes == Side::Aws { "AWS" } else { "the cluster" };
        let when = if crash.after { "after" } else { "before" };
        let older = match crash.older {
            0 => String::new(),
            n => format!(" onto a view {n} revisions old for {} s", 15 + crash.older_for),
        };
        lines.push(format!(
            "crash {when} write {} to {side}, started again{older} after {} s",
            crash.nth, crash.down
        ));
    }
    lines.extend(plan.kube.iter().map(|trouble| format!("cluster: {trouble:?}")));
    if let Some(rival) = &plan.rival {
        lines.push(format!(
            "two controllers; the first is cut off from the apiserver from {} to {} s",
            rival.cut_from, rival.cut_to
        ));
    }
    let aws = &plan.aws;
    if aws.lags != Lags::default() {
        lines.push(format!("AWS: {:?}", aws.lags));
    }
    if aws.pages != Pages::default() {
        lines.push(format!("AWS: {:?}", aws.pages));
    }
    if aws.wire > 0.0 {
        lines.push(format!(
            "AWS: calls are on the wire for up to {} s, and arrive whatever becomes of the sender",
            aws.wire
        ));
    }
    for fault in &aws.faults {
        let calls = &fault.calls;
        let which: Vec<String> = [&calls.service, &calls.operation].into_iter().flatten().cloned().collect();
        lines.push(format!(
            "AWS: {:?} {:?} the effect of {} {:?}, {} spared, {:?} times with probability {}",
            fault.trouble,
            fault.moment,
            which.join(" "),
            calls.kind,
            fault.skip,
            fault.times.unwrap_or_default(),
            fault.probability
        ));
    }
    lines.extend(aws.failures.iter().map(|failure| format!("AWS: {failure:?}")));
    lines.push(format!("calm at {} s", plan.calm_at));
    lines
}

fn act(act: &Act) -> String {
    match act {
        Act::Apply(share) => format!("applied: {}", manifest(share)),
        Act::Refused(share, fallacy) => format!("refused for {fallacy:?}: {}", manifest(share)),
        other => format!("{other:?}"),
    }
}

fn manifest(share: &Manifest) -> String {
    let mut text = format!("{} {:?} to {:?}", share.share, share.resources, share.targets);
    let more = [
        share.name.as_ref().map(|name| format!("named {name}")),
        share.tag.as_ref().map(|tag| format!("tagged {tag}")),
        share.read_only.then(|| "rules read-only".to_owned()),
        share.switch.map(|switch| format!("{switch:?}")),
    ];
    for part in more.into_iter().flatten() {
        text += ", ";
        text += &part;
    }
    text
}
