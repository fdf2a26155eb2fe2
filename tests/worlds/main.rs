//! The proof by simulated worlds: the whole controller, the real kube client and the real AWS SDK, on virtual time.
//! Whatever people edit and whatever goes wrong: nothing is granted that nobody declares, nothing declared is taken away,
//! and in the end AWS is as it is declared.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test's words: short, and failing as tests do"
)]

mod draw;
mod draw_trouble;
mod end;
mod life;
mod model;
mod oracle;
mod people;
mod plan;
mod pod;
mod process;
mod random;
mod scene;
mod stage;
mod trace;
mod weather;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let from: u64 = args.first().map_or(0, |text| text.parse().unwrap());
    let count: u64 = args.get(1).map_or(1, |text| text.parse().unwrap());
    let mut beginning = process::Beginning::new();
    let mut bad = 0;
    let mut running = std::collections::VecDeque::new();
    for seed in from..from + count {
        let plan = draw::plan(seed);
        running.push_back(beginning.start(seed, &plan, count == 1));
        if running.len() >= 4 || seed + 1 == from + count {
            while let Some(world) = running.pop_front() {
                let seed = world.seed;
                let verdict = world.verdict();
                if !verdict.violations.is_empty() {
                    bad += 1;
                    println!("{seed}: {:?}", verdict.violations);
                }
                if count == 1 {
                    println!("{}", serde_json::to_string(&plan).unwrap());
                    println!("{verdict:#?}");
                }
                if seed + 1 < from + count {
                    break;
                }
            }
        }
    }
    println!("{count} worlds, {bad} bad");
}
