//! The built program as a process, under the rendered chart's RBAC, against a real API server and the simulated AWS on a
//! loopback port.
//!
//! `cargo test --test e2e -- NAME…` runs the scenarios whose names contain one of the words. Scenarios of one phase run
//! at once, each with a namespace and resources of its own; phases follow each other. After all of them, what the
//! controllers asked of the API server is held against what the chart grants them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "scenarios fail by panicking and are told of on standard output, as tests are"
)]

#[path = "../cel/mod.rs"]
mod cel;
#[path = "../cluster/mod.rs"]
mod cluster;
mod ends;
mod hold;
mod leaders;
mod line;
#[path = "../mutate/mod.rs"]
mod mutate;
mod poison;
mod process;
mod rbac;
mod restart;
#[path = "../scenarios/mod.rs"]
mod scenarios;
mod schema;
mod seen;
mod stage;
mod team;

use std::{env, panic::AssertUnwindSafe, process::ExitCode, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use tokio::time::Instant;

use stage::Stage;

/// Longer than any scenario takes on a busy machine.
const LIMIT: Duration = Duration::from_mins(5);

struct Scenario {
    name: &'static str,
    run: fn(Arc<Stage>) -> LocalBoxFuture<'static, ()>,
}

/// Each phase's scenarios, by the functions that play them.
macro_rules! phases {
    ($([$($module:ident::$name:ident),+ $(,)?]),+ $(,)?) => {
        vec![$(vec![$(Scenario {
            name: stringify!($name),
            run: |stage| $module::$name(stage).boxed_local(),
        }),+]),+]
    };
}

fn phases() -> Vec<Vec<Scenario>> {
    phases![
        [
            line::what_is_declared_is_in_force_and_said_so,
            line::drift_is_found_and_put_right,
            line::a_rename_keeps_the_share,
            line::one_edit_takes_away_before_it_gives,
            line::what_policy_refuses_names_the_remedy_and_is_granted_once_it_allows,
            ends::a_deleted_share_takes_its_grants_along,
            ends::an_orphaned_share_is_claimed_again,
            ends::a_deleted_namespace_cuts_nobody_off,
            ends::a_set_that_goes_takes_its_cells_along,
            seen::scenarios_leave_the_same_trace_as_in_memory,
            schema::the_apiserver_agrees_with_every_case,
            schema::the_apiserver_agrees_about_mutated_objects,
        ],
        [poison::a_share_that_cannot_be_read_stops_nobody_else],
        [restart::a_controller_that_is_killed_while_it_creates_makes_nothing_twice],
        [leaders::a_frozen_leader_writes_no_more_once_it_has_noticed],
        [rbac::the_chart_grants_what_is_used_and_nothing_else],
    ]
}

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let chosen = |scenario: &Scenario| words.is_empty() || words.iter().any(|w| scenario.name.contains(w));
    let phases: Vec<Vec<Scenario>> =
        phases().into_iter().map(|phase| phase.into_iter().filter(chosen).collect()).collect();
    if env::args().any(|word| word == "--list") {
        phases.iter().flatten().for_each(|scenario| println!("{}: test", scenario.name));
        return ExitCode::SUCCESS;
    }
    let started = Instant::now();
    let mut stage = Arc::new(Stage::open().await);
    println!("the stage is set in {:.1} s", started.elapsed().as_secs_f64());
    let mut failures = vec![];
    for phase in phases {
        failures.extend(play(phase, &stage).await);
    }
    for (name, why) in &failures {
        println!("\n---- {name} ----\n{why}");
    }
    if !failures.is_empty() {
        println!("\n{}", stage.describe().await);
        if let Some(stage) = Arc::get_mut(&mut stage) {
            println!("the controllers' logs are kept in {}", stage.keep_logs().display());
        }
    }
    println!("\ne2e: {} failed, {:.1} s", failures.len(), started.elapsed().as_secs_f64());
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays scenarios at once; answers which failed, and how things stood then.
async fn play(phase: Vec<Scenario>, stage: &Arc<Stage>) -> Vec<(&'static str, String)> {
    let mut playing: FuturesUnordered<_> = phase
        .into_iter()
        .map(|Scenario { name, run }| async move {
            let started = Instant::now();
            let scenario = AssertUnwindSafe(run(Arc::clone(stage))).catch_unwind();
            (name, tokio::time::timeout(LIMIT, scenario).await, started.elapsed())
        })
        .collect();
    let mut failures = vec![];
    while let Some((name, played, took)) = playing.next().await {
        let failure = match played {
            Ok(Ok(())) => None,
            Ok(Err(panic)) => Some(words_of(&*panic)),
            Err(_elapsed) => Some(format!("not done within {LIMIT:?}")),
        };
        let outcome = if failure.is_none() { "ok" } else { "FAILED" };
        println!("scenario {name} ... {outcome} ({:.1} s)", took.as_secs_f64());
        failures.extend(failure.map(|why| (name, why)));
    }
    failures
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "it panicked without words".to_owned())
}
