//! The proof of the proof: each seeded bug, run until a world shows it. One that survives says that the search is weak.

use sharekeeper::mutant::Mutant;

use crate::{
    draw,
    process::{Beginning, Running, cpu_of_children},
};

/// How a search for seeded bugs is made.
#[derive(Clone, Copy)]
pub struct Hunt {
    /// The first world's seed.
    pub from: u64,
    /// Worlds that run at once.
    pub at_once: usize,
    /// The most that the search for one bug may take, in seconds of a processor.
    pub most: f64,
}

/// Runs worlds with each of these bugs; false: one survives.
pub fn hunt(beginning: &mut Beginning, mutants: &[Mutant], hunt: Hunt) -> bool {
    println!("{:<22} {:>9} {:>8} {:>7}  what showed it", "seeded bug", "CPU s", "worlds", "seed");
    let mut survivors = vec![];
    for mutant in mutants {
        beginning.mutant = Some(*mutant);
        let found = search(beginning, hunt);
        let (seed, shown) = match &found.catch {
            Some((seed, violation)) => (seed.to_string(), violation.as_str()),
            None => (String::new(), "nothing"),
        };
        println!("{:<22} {:>9.1} {:>8} {seed:>7}  {shown}", mutant.name(), found.cpu, found.worlds);
        if found.catch.is_none() {
            survivors.push(mutant.name());
        }
    }
    beginning.mutant = None;
    println!("\nseeded bugs caught: {} of {}", mutants.len() - survivors.len(), mutants.len());
    if !survivors.is_empty() {
        println!("survivors: {}", survivors.join(", "));
    }
    survivors.is_empty()
}

/// Whether a world shows nothing without the bug: else it says nothing about it.
fn is_fine_without(beginning: &mut Beginning, seed: u64) -> bool {
    let mutant = beginning.mutant.take();
    let verdict = beginning.start(seed, &draw::plan(seed), false).verdict();
    beginning.mutant = mutant;
    if !verdict.violations.is_empty() {
        println!("world {seed} is violated without any bug: {}", verdict.violations[0]);
    }
    verdict.violations.is_empty()
}

struct Found {
    cpu: f64,
    worlds: u64,
    catch: Option<(u64, String)>,
}

fn search(beginning: &mut Beginning, hunt: Hunt) -> Found {
    let before = cpu_of_children();
    let mut running: std::collections::VecDeque<Running> = std::collections::VecDeque::new();
    let mut found = Found { cpu: 0.0, worlds: 0, catch: None };
    let mut seeds = hunt.from..;
    while found.catch.is_none() {
        while running.len() < hunt.at_once
            && cpu_of_children() - before < hunt.most
            && let Some(seed) = seeds.next()
        {
            running.push_back(beginning.start(seed, &draw::plan(seed), false));
        }
        let Some(first) = running.pop_front() else { break };
        let seed = first.seed;
        let verdict = first.verdict();
        found.worlds += 1;
        if let Some(violation) = verdict.violations.into_iter().next()
            && is_fine_without(beginning, seed)
        {
            found.catch = Some((seed, violation));
        }
    }
    // What still runs is waited for, or it would be counted with the next one.
    running.into_iter().for_each(|rest| drop(rest.verdict()));
    found.cpu = cpu_of_children() - before;
    found
}
