//! `sharekeeper halt` and `sharekeeper resume`: what they say is so.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod world;

use std::time::Duration;

use kube::{
    Api,
    api::{Patch, PatchParams},
    core::DynamicObject,
    discovery::ApiResource,
};
use serde_json::{Value, json};
use sharekeeper::{
    api::Installation,
    cli::{
        governed::ClusterArgs,
        halt::{self, HaltArgs, HaltError},
        with_sources,
    },
};
use simulator::kube::{Fault, Match, Rule, Verb};
use world::{DATA, TGW, WEB, World, share};

fn args(reason: Option<&str>, wait: bool) -> HaltArgs {
    HaltArgs {
        reason: reason.map(str::to_owned),
        wait,
        timeout: Duration::from_secs(120),
        cluster: ClusterArgs::default(),
    }
}

async fn halt(world: &World, args: &HaltArgs) -> (Result<(), HaltError>, String) {
    let mut out = vec![];
    let done = halt::halt(args, &world.client, "https://cluster", &world.clock(), &mut out).await;
    (done, String::from_utf8(out).unwrap())
}

async fn resume(world: &World) -> (Result<(), HaltError>, String) {
    let mut out = vec![];
    let done = halt::resume(&world.client, "https://cluster", &world.clock(), &mut out).await;
    (done, String::from_utf8(out).unwrap())
}

fn installation(world: &World) -> Value {
    world.stored("installations", "", "sharekeeper").unwrap()
}

#[tokio::test(start_paused = true)]
async fn halted_nothing_is_written_and_resumed_it_goes_on() {
    let mut world = World::with_basics(700).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    let (done, said) = halt(&world, &args(Some("change freeze"), true)).await;
    done.unwrap();
    assert!(said.starts_with("Halted on 2026-11-25T00:0"), "{said}");
    assert!(said.contains(": https://cluster\nReason: change freeze\n"), "{said}");
    assert!(said.contains("end within 60 s"), "{said}");
    assert!(said.contains("Nobody else has set `spec.halt`"), "{said}");
    assert!(said.ends_with("All 1 accounts and regions say that they are halted.\n"), "{said}");
    assert_eq!(
        installation(&world)["metadata"]["annotations"]["sharekeeper.dev/haltReason"],
        "change freeze"
    );
    let managers = installation(&world)["metadata"]["managedFields"].to_string();
    assert!(managers.contains(halt::FIELD_MANAGER), "{managers}");

    let writes = world.aws_writes();
    world.apply(share("hub", json!({"targets": [{"account": "web-prod"}]}))).await;
    world.rest(900).await;
    assert_eq!(world.aws_writes(), writes);
    assert_eq!(world.principals_of(TGW), [DATA]);

    // Again: nothing is written, and it is said since when and why.
    let version = installation(&world)["metadata"]["resourceVersion"].clone();
    let (done, said) = halt(&world, &args(None, true)).await;
    done.unwrap();
    assert!(said.starts_with("It was halted already (by sharekeeper-halt on 2026-11-25T00:0"), "{said}");
    assert!(said.contains("Reason: change freeze"), "{said}");
    assert_eq!(installation(&world)["metadata"]["resourceVersion"], version);

    world.desire([(TGW, WEB)]);
    let (done, said) = resume(&world).await;
    done.unwrap();
    assert!(said.starts_with("Resumed on 2026-11-25T00:1"), "{said}");
    assert!(said.contains("it was halted by sharekeeper-halt on 2026-11-25T00:0"), "{said}");
    assert!(said.contains("because: change freeze"), "{said}");
    assert_eq!(installation(&world)["metadata"]["annotations"]["sharekeeper.dev/haltReason"], Value::Null);
    world.until_in_force([(TGW, WEB)]).await;
    let (done, said) = resume(&world).await;
    done.unwrap();
    assert_eq!(said, "It was not halted: https://cluster\n");
}

#[tokio::test(start_paused = true)]
async fn whoever_sets_it_too_is_named() {
    let world = World::with_basics(701).await;
    let api: Api<DynamicObject> =
        Api::all_with(world.client.clone(), &ApiResource::erase::<Installation>(&()));
    let declared = json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "Installation", "metadata": {"name": "sharekeeper"}, "spec": {"id": "test", "halt": false}});
    let apply = || PatchParams::apply("flux-controller").force();
    api.patch("sharekeeper", &apply(), &Patch::Apply(&declared)).await.unwrap();
    let (done, said) = halt(&world, &args(None, false)).await;
    done.unwrap();
    assert!(said.contains("Warning: `spec.halt` was set by flux-controller (Apply) as well"), "{said}");
    assert!(said.contains("set `halt: true` at its source"), "{said}");
    assert_eq!(installation(&world)["spec"]["halt"], true);
    // As it does.
    api.patch("sharekeeper", &apply(), &Patch::Apply(&declared)).await.unwrap();
    let (_, said) = resume(&world).await;
    assert_eq!(said, "It was not halted: https://cluster\n");
}

#[tokio::test(start_paused = true)]
async fn without_an_installation_it_is_halted_and_cannot_be_resumed() {
    let world = World::new(702);
    let (done, said) = halt(&world, &args(Some("x"), false)).await;
    done.unwrap();
    assert!(
        said.starts_with("There is no Installation named sharekeeper in https://cluster: nothing is written"),
        "{said}"
    );
    let error = resume(&world).await.0.unwrap_err();
    assert!(error.to_string().contains("create it to go on"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_done_or_seen_is_an_error() {
    let mut world = World::with_basics(703).await;
    world.start();
    world.rest(60).await;
    // Nobody answers for the account and region any more.
    world.stop();
    let started = tokio::time::Instant::now();
    let (done, said) = halt(&world, &args(None, true)).await;
    let error = done.unwrap_err().to_string();
    assert!(said.contains("Waiting for 1 of 1"), "{said}");
    assert!(
        error.contains("within 120 s the controller did not say so of 111122223333.eu-west-1"),
        "{error}"
    );
    assert!(started.elapsed() <= Duration::from_secs(120));
    assert_eq!(installation(&world)["spec"]["halt"], true);
    // Back on its feet it says so at once.
    world.start();
    let (done, said) = halt(&world, &args(None, true)).await;
    done.unwrap();
    assert!(said.ends_with("say that they are halted.\n"), "{said}");

    let patch = || Match::on(&[Verb::Patch], "installations").by("person");
    world.kube.with(|cluster| cluster.weather.rules = vec![Rule::always(patch(), Fault::Forbidden)]);
    let error = resume(&world).await.0.unwrap_err();
    let text = with_sources(&error);
    assert!(text.starts_with("the Installation was not written: ") && text.contains("forbidden"), "{text}");
}
