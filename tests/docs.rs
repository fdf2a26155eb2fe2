//! What the documentation repeats of the code is what the code says.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{env, fmt::Write, fs, path::PathBuf};

use sharekeeper::api::Reason;

fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), name].iter().collect()
}

fn reasons() -> String {
    let mut page = String::from(
        "# Reasons\n\n\
         Every condition, and every entry in a status that is not in force, gives one of these reasons; its message has the particulars.\n\
         This page is made from the code: `UPDATE_DOCS=1 cargo test --test docs`.\n\n\
         | reason | what it means, and what to do |\n|---|---|\n",
    );
    for reason in Reason::ALL {
        writeln!(page, "| `{reason}` | {} |", reason.meaning()).unwrap();
    }
    page
}

/// `UPDATE_DOCS=1 cargo test --test docs` writes the page anew.
#[test]
fn the_page_of_reasons_is_what_the_code_says() {
    let page = file("docs/reasons.md");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&page, reasons()).unwrap();
    }
    assert!(
        fs::read_to_string(&page).unwrap() == reasons(),
        "docs/reasons.md differs: run `UPDATE_DOCS=1 cargo test --test docs`"
    );
}

/// Every file that a page links to is there.
#[test]
fn no_link_between_the_pages_is_broken() {
    let mut pages: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "examples/README.md"].map(file).into();
    pages.extend(fs::read_dir(file("docs")).unwrap().map(|entry| entry.unwrap().path()));
    let mut checked = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if !target.is_empty() && !target.contains("://") {
                assert!(page.parent().unwrap().join(target).exists(), "{}: {target}", page.display());
                checked += 1;
            }
        }
    }
    assert!(checked > 5, "only {checked} links were found");
}
