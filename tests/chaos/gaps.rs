//! How long nobody writes after a leader is lost, and for how long somebody still writes after a halt.

use std::time::Duration;

use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use sharekeeper::api::Installation;
use simulator::aws::Stage as Moment;
use tokio::time::{Instant, sleep};

use super::{
    editors::{self, Editors, SHARES, apply, share},
    scene::Scene,
};

/// Edits a second.
const EDITS: u32 = 50;
/// No write may start later after a halt.
const HALTED_WITHIN: Duration = Duration::from_secs(2);
/// What was sent by then may be on its way.
const ON_ITS_WAY: Duration = Duration::from_millis(100);

/// Kills the leader before and after the effect of each kind of write.
pub(crate) async fn kill_at_each_write(scene: &mut Scene) -> usize {
    let extra = |state| share(SHARES, state);
    let renamed = |name: &str| {
        let mut share = extra(0);
        share["spec"]["name"] = json!(name);
        share
    };
    let points: [(&'static str, Option<Value>); 5] = [
        ("CreateResourceShare", Some(extra(0))),
        ("UpdateResourceShare", Some(renamed("other"))),
        ("AssociateResourceShare", Some(extra(1))),
        ("DisassociateResourceShare", Some(extra(0))),
        ("DeleteResourceShare", None),
    ];
    let mut killed = 0;
    for moment in [Moment::Before, Moment::After] {
        for (operation, work) in &points {
            let hold = scene.lookout.hold_next(Some(operation), moment);
            let editors = Editors::start(&scene.stage.client, 5);
            if let Some(share) = work {
                assert!(apply(&scene.stage.client, share).await);
            } else {
                let shares = editors::shares(&scene.stage.client);
                shares.delete(&format!("s{SHARES}"), &DeleteParams::default()).await.unwrap();
            }
            let what = format!("{operation} is on its way");
            scene.stage.until(&what, async || hold.has_one().then_some(())).await;
            let leader = scene.leader().await;
            scene.kill(&leader);
            hold.release();
            editors.stop().await;
            killed += 1;
            // What is to be changed next must be there, and what is to be made next must be gone.
            if ["CreateResourceShare", "DeleteResourceShare"].contains(operation) {
                let lost = Instant::now();
                scene.until_at_rest(lost, &format!("a kill at {operation}, {moment:?} its effect")).await;
            }
        }
    }
    killed
}

/// From the loss of a leader in the middle of a write until another writes: killed and frozen in turn.
pub(crate) async fn failovers(scene: &mut Scene, trials: usize) -> Vec<Duration> {
    let editors = Editors::start(&scene.stage.client, EDITS);
    let mut gaps = vec![];
    for trial in 0..trials {
        let moment = if trial % 4 < 2 { Moment::Before } else { Moment::After };
        let leader = scene.leader().await;
        let hold = scene.lookout.hold_next(None, moment);
        scene.stage.until("a write is on its way", async || hold.has_one().then_some(())).await;
        let kill = trial % 2 == 0;
        if kill {
            scene.kill(&leader);
        } else {
            leader.signal("STOP");
        }
        let lost = Instant::now();
        hold.release();
        let after = lost + ON_ITS_WAY;
        let next = async || scene.lookout.starts_after(after).first().copied();
        gaps.push(scene.stage.until("another replica writes", next).await - lost);
        if !kill {
            leader.signal("CONT");
        }
    }
    let over = Instant::now();
    editors.stop().await;
    scene.until_at_rest(over, "failovers").await;
    gaps
}

/// How much later than a halt the last write started: zero where none did.
pub(crate) async fn halts(scene: &mut Scene, trials: usize) -> Vec<Duration> {
    let editors = Editors::start(&scene.stage.client, EDITS);
    let mut latencies = vec![];
    for trial in 0..trials {
        let flowing = Instant::now();
        let writes = async || scene.lookout.starts_after(flowing).first().copied();
        scene.stage.until("writes flow", writes).await;
        halt(scene, true).await;
        let halted = Instant::now();
        sleep(HALTED_WITHIN + Duration::from_millis(500)).await;
        let last = scene.lookout.starts_after(halted).last().copied();
        let latency = last.map_or(Duration::ZERO, |last| last - halted);
        assert!(latency <= HALTED_WITHIN, "trial {trial}: a write started {latency:?} after the halt");
        latencies.push(latency);
        halt(scene, false).await;
    }
    let over = Instant::now();
    editors.stop().await;
    scene.until_at_rest(over, "halts").await;
    latencies
}

async fn halt(scene: &Scene, halt: bool) {
    let installations: Api<Installation> = Api::all(scene.stage.client.clone());
    let patch = Patch::Merge(json!({"spec": {"halt": halt}}));
    installations.patch("sharekeeper", &PatchParams::default(), &patch).await.unwrap();
}
