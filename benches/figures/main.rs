//! What it costs, measured: `make bench`, or `make bench ONLY="cell plan"` for some of it.
//!
//! Calls are counted in the journals of the simulated AWS and of the cluster, against the arithmetic minimum of ram.md
//! §1.3. Time in AWS is virtual where it says so; CPU time and memory are those of this machine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a measurement fails by panicking and is told of on standard output"
)]

mod cell;
#[path = "../../tests/cluster/mod.rs"]
mod cluster;
mod growth;
mod load;
mod machine;
mod plan;
#[path = "../../tests/e2e/process.rs"]
#[expect(dead_code, reason = "scenarios send signals and read logs, figures do not")]
mod process;
mod thousand;
#[path = "../../tests/world/mod.rs"]
mod world;

/// A measurement by its name.
type Measurement = (&'static str, fn());

const ALL: [Measurement; 5] = [
    ("cell", cell::one_cell),
    ("edit", cell::an_edit),
    ("plan", plan::pure),
    ("growth", growth::from_a_hundred_to_ten_thousand),
    ("thousand", thousand::on_a_real_apiserver),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    for (name, measure) in ALL {
        if words.is_empty() || words.iter().any(|word| word == name) {
            println!("\n{name}");
            measure();
        }
    }
}

/// Runs on virtual time.
fn in_virtual_time(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(future);
}
