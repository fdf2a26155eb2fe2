//! The floors that `src/lib.rs` draws are the floors that the code has: the picture there is read, and every `use` and
//! every path in `src/` is held against it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

/// The longest that a file may be without its tests, in lines.
const LONGEST: usize = 400;

/// Names that say nothing of what is in a module.
const NAMELESS: [&str; 10] =
    ["common", "handler", "handlers", "helper", "helpers", "manager", "misc", "todo", "util", "utils"];

/// Files beyond [`LONGEST`], each with the reason why it is one subject all the same.
const LONG: [(&str, &str); 2] = [
    ("simulator/src/aws/ram/listings.rs", "each listing of RAM, and what its weather does to its pages"),
    ("simulator/src/aws/weather.rs", "all that can go wrong, as one piece of data"),
];

/// What the pure floors do without, and why.
const IMPURE: [(&str, &str); 13] = [
    (r"\basync\b|\.await\b", "waits"),
    (r"\btokio\b", "runs on a runtime"),
    (r"\bfutures\b", "waits"),
    (r"\baws_\w+", "is a type of the AWS SDK"),
    (r"\b(hyper|http|tower|reqwest)\w*::", "speaks on the wire"),
    (r"\btracing\b", "logs"),
    (r"\bHash(Map|Set)\b|\bRandomState\b", "has no order"),
    (r"\bInstant\b|\bSystemTime\b|Timestamp::now\b|\bClock\b", "takes the time by itself"),
    (r"\b(rand|fastrand|getrandom|uuid)::", "is chance"),
    (r"\bstd::(env|fs|net|process|thread|io|sync)\b", "reaches out of the function"),
    (r"\b(e?print(ln)?|dbg)!", "prints"),
    (r"\bkube::(client|runtime|api|config|Client|Api|Error|Config)\b", "is the kube client"),
    (r"\bstatic\s+mut\b|\bunsafe\b", "is not safe"),
];

/// Of kube, what makes a struct a custom resource; nothing that talks to a cluster.
const KUBE_OF_A_KIND: [&str; 3] = ["CustomResource", "CustomResourceExt", "KubeSchema"];

/// The floors as `src/lib.rs` draws them: each part with its floor, and its place on it.
struct House {
    parts: BTreeMap<String, (usize, usize)>,
}

impl House {
    fn drawn() -> Self {
        let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
        let line = Regex::new(r"^//!  (\d)  ((?:\S+ ?)+?)  +\S").unwrap();
        let mut parts = BTreeMap::new();
        for found in text.lines().filter_map(|l| line.captures(l)) {
            for (place, name) in found[2].split_whitespace().enumerate() {
                let known =
                    parts.insert(name.trim_end_matches('/').to_owned(), (found[1].parse().unwrap(), place));
                assert!(known.is_none(), "{name} is drawn twice");
            }
        }
        Self { parts }
    }

    /// The part that a file or a module is of: the longest name in the picture that it begins with.
    fn part(&self, path: &str) -> Option<&str> {
        let begins = |part: &str| {
            let rest = path.strip_prefix(part.trim_end_matches(".rs"));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
        };
        self.parts.keys().map(String::as_str).filter(|part| begins(part)).max_by_key(|part| part.len())
    }

    fn top(&self) -> usize {
        self.parts.values().map(|(floor, _)| *floor).max().unwrap()
    }

    /// Why one part must not use another, if so.
    fn forbids(&self, from: &str, to: &str) -> Option<&'static str> {
        let ((floor, place), (to_floor, to_place)) = (self.parts[from], self.parts[to]);
        let plumbing = self.parts["aws"].0;
        if from == to || floor == self.top() && to_floor == floor {
            return None;
        }
        if to_floor > floor {
            return Some("an arrow points up");
        }
        if to_floor == floor && to_place < place {
            return Some("an arrow points left");
        }
        (floor == plumbing && to_floor != floor && to_floor != 0)
            .then_some("plumbing knows words, no decisions")
    }
}

/// One file of `src/` without its comments, texts and tests.
struct Source {
    /// Below `src/`, with `/`.
    path: String,
    code: String,
    lines: usize,
}

impl Source {
    /// The module that the file is: `plan/resolve` of `plan/resolve.rs`, `plan` of `plan/mod.rs`.
    fn module(&self) -> Vec<&str> {
        let path = self.path.trim_end_matches(".rs");
        let path = path.strip_suffix("/mod").unwrap_or(path);
        path.split('/').filter(|part| !matches!(*part, "lib" | "main")).collect()
    }

    /// All modules of the crate that the file names, as paths.
    fn uses(&self) -> BTreeSet<String> {
        let path = Regex::new(r"\b(crate|sharekeeper|(?:super::)*super)\s*::\s*").unwrap();
        let mut used = BTreeSet::new();
        for found in path.captures_iter(&self.code) {
            let base: Vec<String> = match &found[1] {
                "crate" | "sharekeeper" => vec![],
                supers => {
                    let module = self.module();
                    let up = supers.matches("super").count();
                    module[..module.len().saturating_sub(up)].iter().map(ToString::to_string).collect()
                }
            };
            spread(&base, &self.code[found.get(0).unwrap().end()..], &mut used);
        }
        used
    }
}

/// What a path, or a tree of paths in braces, names below `base`.
fn spread(base: &[String], rest: &str, used: &mut BTreeSet<String>) {
    let rest = rest.trim_start();
    if let Some(tree) = rest.strip_prefix('{') {
        for branch in branches(tree) {
            spread(base, branch, used);
        }
        return;
    }
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let mut path = base.to_vec();
    match name.as_str() {
        "super" => drop(path.pop()),
        "" | "self" => {}
        _ => path.push(name.clone()),
    }
    match rest[name.len()..].trim_start().strip_prefix("::") {
        Some(deeper) if !name.is_empty() => spread(&path, deeper, used),
        _ => {
            used.insert(path.join("/"));
        }
    }
}

/// The parts between the commas of a tree, whose opening brace is already read.
fn branches(tree: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (1, 0, vec![]);
    for (at, c) in tree.char_indices() {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        if depth == 0 || depth == 1 && c == ',' {
            found.push(&tree[start..at]);
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    found.retain(|branch| !branch.trim().is_empty());
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    found.sort();
    found
}

/// The files below a folder of the repository, those left out that are only there for tests.
fn sources(folder: &str) -> Vec<Source> {
    let folder = root().join(folder);
    let test_module = Regex::new(r"#\[cfg\(test\)\]\s*(?:pub(?:\([a-z]+\))?\s+)?mod (\w+);").unwrap();
    let mut tests: Vec<PathBuf> = vec![];
    let mut read = vec![];
    for file in files_below(&folder) {
        let text = fs::read_to_string(&file).unwrap();
        let is_parent = matches!(file.file_stem().and_then(|s| s.to_str()), Some("mod" | "lib" | "main"));
        let inside = if is_parent { file.parent().unwrap().to_owned() } else { file.with_extension("") };
        tests.extend(test_module.captures_iter(&text).map(|found| inside.join(&found[1])));
        read.push((file, text));
    }
    let is_test = |file: &Path| tests.iter().any(|t| file == t.with_extension("rs") || file.starts_with(t));
    read.retain(|(file, _)| !is_test(file));
    let source = |(file, text): (PathBuf, String)| Source {
        path: file.strip_prefix(&folder).unwrap().to_str().unwrap().replace('\\', "/"),
        lines: without_tests(&text).lines().count(),
        code: without_words(without_tests(&text)),
    };
    read.into_iter().map(source).collect()
}

/// The text up to the tests, which stand last in a file.
fn without_tests(text: &str) -> &str {
    text.find("\n#[cfg(test)]\nmod ").map_or(text, |at| &text[..at])
}

/// The code without comments and texts.
fn without_words(text: &str) -> String {
    let words =
        Regex::new(r##"(?s)//[^\n]*|/\*.*?\*/|r#".*?"#|"(?:\\.|[^"\\])*"|'(?:\\.[^']*|[^\\'])'"##).unwrap();
    words.replace_all(text, "\"\"").into_owned()
}

/// Floors 0 to 2, the loader of the organization apart, and what mechanisms decide.
fn is_pure(house: &House, path: &str) -> bool {
    let part = house.part(path).unwrap();
    // A switch for tests; without their feature every question to it is a constant.
    (house.parts[part].0 <= 2 && part != "mutant.rs")
        || path == "mechanism/plan.rs"
        || path.ends_with("/diff.rs")
        || path.contains("/diff/")
}

#[test]
fn arrows_point_down() {
    let house = House::drawn();
    let mut wrong = vec![];
    for source in sources("src") {
        if source.path == "lib.rs" {
            continue;
        }
        let from =
            house.part(&source.path).unwrap_or_else(|| panic!("{} is not in the picture", source.path));
        for used in source.uses() {
            // What the crate's root itself holds are the parts.
            let Some(to) = house.part(&used) else { continue };
            if let Some(why) = house.forbids(from, to) {
                wrong.push(format!("src/{} uses {}: {why}", source.path, used.replace('/', "::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn decisions_are_pure() {
    let house = House::drawn();
    let impure: Vec<_> = IMPURE.iter().map(|(pattern, why)| (Regex::new(pattern).unwrap(), why)).collect();
    let kube = Regex::new(r"\buse kube::([^;]*);|\bkube::(\w+)").unwrap();
    let mut wrong = vec![];
    let pure: Vec<Source> =
        sources("src").into_iter().filter(|s| s.path != "lib.rs" && is_pure(&house, &s.path)).collect();
    assert!(pure.iter().any(|source| source.path.ends_with("diff.rs")));
    for source in pure {
        for (pattern, why) in &impure {
            wrong.extend(
                pattern
                    .find_iter(&source.code)
                    .map(|m| format!("src/{}: `{}` {why}", source.path, m.as_str())),
            );
        }
        for found in kube.captures_iter(&source.code.replace("crate::kube", "")) {
            let names = found.get(1).or(found.get(2)).unwrap().as_str();
            let names = names.split(|c: char| !c.is_alphanumeric()).filter(|name| !name.is_empty());
            let others = names.filter(|name| !KUBE_OF_A_KIND.contains(name));
            wrong.extend(
                others.map(|name| format!("src/{}: kube::{name} is not what makes a kind", source.path)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_picture_shows_every_part_and_no_other() {
    let house = House::drawn();
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules = Regex::new(r"(?m)^pub mod (\w+);").unwrap();
    for found in modules.captures_iter(&lib) {
        assert!(house.part(&found[1]).is_some(), "{} is not in the picture", &found[1]);
    }
    for part in house.parts.keys() {
        assert!(root().join("src").join(part).exists(), "{part} is in the picture only");
    }
}

#[test]
fn files_have_one_subject_and_a_name_that_says_it() {
    let mut wrong = vec![];
    for folder in ["src", "simulator/src"] {
        for source in sources(folder) {
            let path = format!("{folder}/{}", source.path);
            let excused = LONG.iter().any(|(file, _)| *file == path);
            if (source.lines > LONGEST) != excused {
                wrong.push(format!(
                    "{path} has {} lines without its tests; {LONGEST} are the most",
                    source.lines
                ));
            }
            let nameless =
                source.path.trim_end_matches(".rs").split('/').filter(|name| NAMELESS.contains(name));
            wrong.extend(nameless.map(|name| format!("{path}: `{name}` says nothing of what is in it")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
