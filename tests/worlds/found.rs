//! What worlds have found before, as the smallest plans that showed it: each must be fine from then on.

use serde::Deserialize;

use crate::{plan::Plan, process::Beginning, sweep};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/worlds/found");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    /// What was wrong.
    about: String,
    seed: u64,
    plan: Plan,
}

/// Runs them; false: one is violated again.
pub fn stays_mended(beginning: &mut Beginning) -> bool {
    let files =
        std::fs::read_dir(FOLDER).expect("the folder of what was found").map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    let mut violated = 0;
    for file in &files {
        let text = std::fs::read_to_string(file).expect("the file is readable");
        let found: Found = serde_json::from_str(&text).expect("the file says what was found");
        let verdict = beginning.start(found.seed, &found.plan, false).verdict();
        if !verdict.violations.is_empty() {
            violated += 1;
            println!("{}: {}", file.display(), found.about);
            sweep::tell_failure(found.seed, &found.plan, &verdict);
        }
    }
    println!("found before: {}, of which violated again: {violated}", files.len());
    violated == 0
}
