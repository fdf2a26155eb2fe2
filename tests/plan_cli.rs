//! `sharekeeper plan`: what it says of manifests and of AWS is what the controller then does, and it does nothing itself.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod world;

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use serde_json::{Value, json};
use sharekeeper::{
    cli::plan::plan,
    config::{Output, PlanArgs, RateArgs},
};
use simulator::aws::example;
use world::{TGW, World, basics, share};

const SUBNET: &str = "arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-0a1b2c3d4e5f60001";

/// A folder of manifests.
struct Folder(tempfile::TempDir);

impl Folder {
    fn of(objects: &[Value]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let documents: Vec<String> =
            objects.iter().map(|object| serde_saphyr::to_string(object).unwrap()).collect();
        folder.write("all.yaml", &documents.join("---\n"));
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn args(&self, output: Output) -> PlanArgs {
        let rates = RateArgs { aws_read_rate: 100.0, aws_read_burst: 100, aws_write_rate: 100.0, aws_write_burst: 100 };
        PlanArgs { filename: vec![self.0.path().to_owned()], output, namespace: "network-team".into(), rates }
    }
}

/// The exit code and what was printed; the folder's path is left out of it.
async fn told(world: &World, folder: &Folder, output: Output) -> (u8, String) {
    let mut out = vec![];
    let code = plan(&folder.args(output), world.aws_config(), world.clock(), &mut out).await.unwrap();
    let path = format!("{}/", folder.0.path().display());
    (code, String::from_utf8(out).unwrap().replace(&path, ""))
}

async fn text(world: &World, folder: &Folder) -> (u8, String) {
    told(world, folder, Output::Text).await
}

async fn report(world: &World, folder: &Folder) -> (u8, Value) {
    let (code, text) = told(world, folder, Output::Json).await;
    (code, serde_json::from_str(&text).unwrap())
}

fn with(shares: &[Value]) -> Vec<Value> {
    basics().into_iter().chain(shares.iter().cloned()).collect()
}

fn hub(spec: Value) -> Value {
    share("hub", spec)
}

#[tokio::test(start_paused = true)]
async fn a_new_share_is_told_before_it_is_made_and_nothing_after() {
    let mut world = World::with_basics(1).await;
    let declared = hub(json!({"targets": [{"account": "data-prod"}], "tags": {"team": "network"}}));
    let folder = Folder::of(&with(std::slice::from_ref(&declared)));
    let (code, before) = text(&world, &folder).await;
    println!("{before}");
    assert_eq!(code, 2);
    world.apply(declared).await;
    world.start();
    world.until_ready("hub").await;
    let (code, after) = text(&world, &folder).await;
    println!("{after}");
    assert_eq!(code, 0, "{after}");
}
