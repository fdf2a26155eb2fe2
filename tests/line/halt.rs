//! Halt: no write starts once it is set, whatever the watches show.

use std::time::Duration;

use serde_json::{Value, json};
use simulator::kube::{Match, Rule, Verb};

use crate::world::{DATA, TGW, WEB, World, share};

async fn in_force(seed: u64) -> World {
    let mut world = World::with_basics(seed).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    world.rest(60).await;
    world
}

fn installation(halt: bool) -> Value {
    json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "Installation", "metadata": {"name": "sharekeeper"}, "spec": {"id": "test", "halt": halt}})
}

#[tokio::test(start_paused = true)]
async fn a_halt_that_no_watch_shows_is_seen_before_the_next_write() {
    let world = in_force(460).await;
    // The watch of Installations stands still: a frozen view.
    world.kube.with(|cluster| {
        cluster.weather.lag = vec![(Match::on(&[Verb::Watch], "installations").by("controller"), u64::MAX)];
    });
    world.apply(installation(true)).await;
    world.apply(share("hub", json!({"targets": [{"account": "web-prod"}]}))).await;
    let writes = world.aws_writes();
    world.rest(900).await;
    assert_eq!(world.aws_writes(), writes);
    world.until_in_force([(TGW, DATA)]).await;
    world.apply(installation(false)).await;
    world.desire([(TGW, WEB)]);
    world.until_in_force([(TGW, WEB)]).await;
}

#[tokio::test(start_paused = true)]
async fn an_installation_that_cannot_be_read_is_a_halt() {
    let world = in_force(461).await;
    let get = || Match::on(&[Verb::Get], "installations").by("controller");
    world.kube.with(|cluster| {
        cluster.weather.rules = vec![Rule::always(get(), simulator::kube::Fault::internal())];
    });
    world.rest(10).await;
    world.apply(share("hub", json!({"targets": [{"account": "web-prod"}]}))).await;
    let writes = world.aws_writes();
    world.rest(900).await;
    assert_eq!(world.aws_writes(), writes);
    world.kube.with(|cluster| cluster.weather.rules.clear());
    world.desire([(TGW, WEB)]);
    world
        .within(Duration::from_secs(120), "goes on", || async {
            (world.principals_of(TGW) == [WEB]).then_some(())
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_aws_throttles_is_not_repeated_after_the_halt() {
    use simulator::aws::weather::{Fault, Moment, Trouble};
    let world = in_force(462).await;
    world.weather(|weather| {
        weather.faults.push(Fault::always("AssociateResourceShare", Moment::Before, Trouble::Throttle));
    });
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}, {"account": "web-prod"}]}))).await;
    // Until the first attempt was refused, and the SDK waits to repeat it.
    world
        .until("a throttled call", || async {
            world.ram_calls().contains(&"AssociateResourceShare".to_owned()).then_some(())
        })
        .await;
    world.apply(installation(true)).await;
    let set_at = world.aws.now();
    world.rest(300).await;
    let late = world.aws.world().journal().writes().filter(|e| e.at > set_at + 2.0).count();
    assert_eq!(late, 0, "an attempt started more than 2 s after the halt");
}

#[tokio::test(start_paused = true)]
async fn without_an_installation_nobody_knows_what_is_ours_and_nothing_is_let_go() {
    let world = in_force(462).await;
    world.delete(installation(false)).await;
    world.rest(10).await;
    world.delete_share("hub").await;
    let writes = world.aws_writes();
    let object = world.until_says("hub", "Ready", "False", "NoInstallation").await;
    world.rest(1500).await;
    assert_eq!(world.aws_writes(), writes);
    assert!(world.share("hub").await.is_some(), "it stays until its grants are gone: {object:#}");
    let cell = world.stored("accountregions", "", "111122223333.eu-west-1").unwrap();
    assert_eq!(
        crate::world::condition(&cell, "Ready"),
        Some(("False".into(), "NoInstallation".into())),
        "{cell:#}"
    );
    world.until_in_force([(TGW, DATA)]).await;
    world.apply(installation(false)).await;
    world.desire([]);
    world.until_gone("hub").await;
    world.until_in_force([]).await;
}
