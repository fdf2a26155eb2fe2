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
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "a test's words: short, and failing as tests do"
)]

mod draw;
mod draw_attack;
mod draw_trouble;
mod end;
mod found;
mod happened;
mod life;
mod model;
mod mutants;
mod oracle;
mod people;
mod plan;
mod pod;
mod process;
mod random;
mod scene;
mod shrink;
mod stage;
mod strays;
mod sweep;
mod trace;
mod weather;
mod words;

use std::process::ExitCode;

use clap::Parser;
use sharekeeper::mutant::Mutant;

/// Worlds make and forget many small things.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs simulated worlds.
#[derive(Parser)]
struct Args {
    /// How many worlds to run.
    #[arg(long, default_value_t = 20_000)]
    worlds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// After so many minutes no further world is begun.
    #[arg(long, default_value_t = f64::INFINITY)]
    minutes: f64,
    /// How many at once; by default as many as there are cores.
    #[arg(long)]
    at_once: Option<usize>,
    /// Runs the world of this seed alone, prints its plan and what it found.
    #[arg(long)]
    seed: Option<u64>,
    /// The plan to run with that seed, as JSON in a file, in place of the seed's own.
    #[arg(long, requires = "seed")]
    plan: Option<std::path::PathBuf>,
    /// Prints all calls of that world.
    #[arg(long, requires = "seed")]
    calls: bool,
    /// Looks for the smallest part of that world's plan that is still violated.
    #[arg(long, requires = "seed")]
    shrink: bool,
    /// Runs with a seeded bug: with a seed that world; else world after world until one shows it. May be said several times.
    #[arg(long)]
    mutant: Vec<String>,
    /// Runs with each seeded bug until a world shows it.
    #[arg(long, conflicts_with_all = ["seed", "mutant"])]
    mutants: bool,
    /// How long one seeded bug is searched for, in seconds of a processor.
    #[arg(long, default_value_t = 60.0)]
    within: f64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let mutants: Option<Vec<Mutant>> = args.mutant.iter().map(|name| Mutant::named(name)).collect();
    let Some(mutants) = mutants else {
        let names: Vec<&str> = Mutant::ALL.iter().map(|mutant| mutant.name()).collect();
        eprintln!("there is no such seeded bug; there are {}", names.join(", "));
        return ExitCode::from(2);
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let at_once = args.at_once.unwrap_or(cores);
    let hunt = mutants::Hunt { from: args.from, at_once, most: args.within };
    let mut beginning = process::Beginning::new();
    beginning.mutant = mutants.first().copied();
    let fine = match (args.seed, &mutants[..]) {
        (Some(seed), _) => alone(&mut beginning, seed, &args),
        (None, []) if args.mutants => mutants::hunt(&mut beginning, Mutant::ALL, hunt),
        (None, [_, ..]) => mutants::hunt(&mut beginning, &mutants, hunt),
        (None, []) => {
            let replays = sweep::replays(&mut beginning, 20);
            let mended = found::stays_mended(&mut beginning);
            let seeds = args.from..args.from + args.worlds;
            sweep::sweep(&mut beginning, seeds, args.minutes, at_once) && replays && mended
        }
    };
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn alone(beginning: &mut process::Beginning, seed: u64, args: &Args) -> bool {
    let plan = match &args.plan {
        Some(path) => {
            let text = std::fs::read_to_string(path).expect("the plan's file is readable");
            serde_json::from_str(&text).expect("the file is a plan")
        }
        None => draw::plan(seed),
    };
    let json = |plan: &plan::Plan| serde_json::to_string(plan).expect("plans are plain data");
    println!("{}", json(&plan));
    let verdict = beginning.start(seed, &plan, args.calls).verdict();
    let fine = verdict.violations.is_empty();
    if fine {
        words::of(&plan).iter().for_each(|line| println!("    {line}"));
    } else {
        sweep::tell_failure(seed, &plan, &verdict);
        if args.shrink {
            let (plan, verdict) = shrink::smallest(beginning, seed, plan);
            println!("\nthe smallest part of it that is still violated:");
            sweep::tell_failure(seed, &plan, &verdict);
            println!("{}", json(&plan));
        }
    }
    println!("trace {:016x}, violations: {}", verdict.trace, verdict.violations.len());
    verdict.happened.iter().for_each(|(what, n)| println!("{n:>9}  {what}"));
    fine
}
