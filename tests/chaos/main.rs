//! The built program in two replicas against a real API server that fails in every way it can, while people edit.
//!
//! `cargo test --test chaos` lives through each trouble once; `-- --trials 100` measures failovers and halts so often, and
//! `-- troubles kills failovers halts` takes some of them.
//! Fails where anything came into force that nobody declared, where it is not at rest within a minute, where AWS is
//! asked far more often than in quiet, or where a write starts later than two seconds after a halt.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "it fails by panicking and tells on standard output, as tests do"
)]

#[path = "../cluster/mod.rs"]
mod cluster;
mod editors;
mod gaps;
#[path = "../e2e/hold.rs"]
mod hold;
mod lookout;
#[path = "../e2e/process.rs"]
#[expect(dead_code, reason = "the scenarios read logs")]
mod process;
mod scene;
#[path = "../e2e/stage.rs"]
#[expect(dead_code, reason = "the scenarios need more of it")]
mod stage;
mod troubles;

use std::time::Duration;

use clap::Parser;
use tokio::time::Instant;

use scene::Scene;
use troubles::{Cost, Trouble, live_through};

/// More AWS reads than so many times those in quiet are a storm; a new leader or a new view reads all once.
const STORM: usize = 3;

#[derive(Parser)]
struct Args {
    /// How often a leader is lost, and how often all is halted.
    #[arg(long, default_value_t = 6)]
    trials: usize,
    /// Some of `troubles`, `kills`, `failovers` and `halts`; all if none is named.
    parts: Vec<String>,
    /// Only what `cargo test` asks of every test binary.
    #[arg(long, hide = true)]
    list: bool,
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    if args.list {
        println!("chaos: test");
        return;
    }
    let started = Instant::now();
    let mut scene = Scene::open().await;
    let takes = |part: &str| args.parts.is_empty() || args.parts.iter().any(|named| named == part);
    if takes("troubles") {
        troubles(&mut scene).await;
    }
    if takes("kills") {
        let killed = gaps::kill_at_each_write(&mut scene).await;
        println!(
            "killed before and after the effect of each kind of write: {killed} times, at rest within a minute"
        );
    }
    if takes("failovers") {
        let gaps = gaps::failovers(&mut scene, args.trials).await;
        tell_times("leader lost in the middle of a write, until another writes (lease of 5 s)", &gaps);
    }
    if takes("halts") {
        let halts = gaps::halts(&mut scene, args.trials).await;
        tell_times("halt, until the last write started", &halts);
    }
    scene.assert_safe();
    println!("violations: 0; {:.0} s in all", started.elapsed().as_secs_f64());
}

async fn troubles(scene: &mut Scene) {
    println!("{:34} {:>6} {:>7} {:>6} {:>7} {:>9}", "", "edits", "refused", "reads", "writes", "at rest");
    let mut quiet = None;
    for trouble in Trouble::ALL {
        let cost = live_through(trouble, scene).await;
        tell(&cost);
        let reads = *quiet.get_or_insert(cost.reads);
        assert!(cost.reads <= STORM * reads, "{}: a storm of reads", trouble.words());
    }
}

fn tell(cost: &Cost) {
    println!(
        "{:34} {:>6} {:>7} {:>6} {:>7} {:>7.1} s",
        cost.trouble.words(),
        cost.edits.0,
        cost.edits.1,
        cost.reads,
        cost.writes,
        cost.rested.as_secs_f64()
    );
}

fn tell_times(what: &str, times: &[Duration]) {
    let mut sorted = times.to_vec();
    sorted.sort();
    let at = |percent: usize| sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)].as_secs_f64();
    println!(
        "{what}: p50 {:.3} s, p99 {:.3} s, {} trials at 50 edits a second",
        at(50),
        at(99),
        sorted.len()
    );
}
