//! The whole line on simulated parts: declared, in force, drifting, put right, gone.

mod world;

use std::time::Duration;

use serde_json::json;
use world::{TGW, World, share};

#[tokio::test(start_paused = true)]
async fn a_share_becomes_a_ram_share_and_rests() {
    let mut world = World::with_basics(1).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    let ready = world.until_ready("hub").await;
    let status = ready.status.unwrap();
    assert_eq!(status.counts.unwrap().principals.display, "1/1");
    assert_eq!(world.principals_of(TGW), ["222233334444"]);
    world.rest(Duration::from_secs(120)).await;
    world.take_calls();
    let writes = world.kube.with(|cluster| cluster.journal.writes_by("controller"));
    world.rest(Duration::from_secs(1500)).await;
    let calls = world.take_calls();
    assert!(calls.keys().all(|call| !call.contains("Create") && !call.contains("Associate")), "{calls:?}");
    assert_eq!(
        world.kube.with(|cluster| cluster.journal.writes_by("controller")),
        writes,
        "at rest nothing is written"
    );
}
