//! An inventory on its way out: a table for people, one document of JSON or YAML for programs, each written cell by cell.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use serde::Serialize;

use super::{
    Format,
    entry::{CellInventory, PermissionEntry, PrincipalEntry, Problem, ShareEntry},
};
use crate::api::undeclared_share::Why;

/// Sums over all cells that were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Accounts and regions.
    pub account_regions: usize,
    /// Those of them that could not be read.
    pub unknown: usize,
    /// Objects, and kinds of objects, that could not be read in the others.
    pub unread: usize,
    /// Shares in AWS in those that could be read.
    pub shares: usize,
    /// Those of them that no Share declares.
    pub undeclared: usize,
    /// Those of them that let somebody outside the organization in.
    pub external: usize,
    /// Those of them that are listed here.
    pub listed: usize,
}

/// Writes one inventory.
pub(super) struct Printer<W> {
    out: W,
    format: Format,
    widths: [usize; COLUMNS],
    cells: usize,
}

const COLUMNS: usize = 7;
const HEAD: [&str; COLUMNS] = ["CELL", "NAME", "STATE", "DECLARED BY", "INSIDE", "OUTSIDE", "RESOURCES"];
/// What most values fit in: a table that is written as it is read cannot know its longest.
const WIDTHS: [usize; COLUMNS] = [23, 24, 6, 28, 6, 7, 9];

impl<W: Write> Printer<W> {
    pub(super) fn new(out: W, format: Format) -> Self {
        Self { out, format, widths: WIDTHS, cells: 0 }
    }

    /// What is known before the first cell is read.
    pub(super) fn begin(&mut self, installation: &str, problems: &[Problem]) -> io::Result<()> {
        match self.format {
            Format::Table | Format::Wide => {
                for problem in problems {
                    writeln!(self.out, "? {}: {}", problem.object, problem.message)?;
                }
                self.row(&HEAD.map(str::to_owned), "ARN")
            }
            Format::Json => write!(
                self.out,
                "{{\n  \"installation\": {},\n  \"problems\": {},\n  \"accountRegions\": [",
                serde_json::to_string(installation)?,
                nested(&serde_json::to_string_pretty(problems)?, 2),
            ),
            Format::Yaml => {
                write!(self.out, "installation: {}", yaml(&installation)?)?;
                match problems {
                    [] => writeln!(self.out, "problems: []")?,
                    some => write!(self.out, "problems:\n{}", yaml(&some)?)?,
                }
                Ok(())
            }
        }?;
        self.out.flush()
    }

    /// One cell. What was written of the cells before is out already.
    pub(super) fn cell(&mut self, cell: &CellInventory) -> io::Result<()> {
        match self.format {
            Format::Table | Format::Wide => self.rows(cell),
            Format::Json => {
                let comma = if self.cells == 0 { "" } else { "," };
                write!(self.out, "{comma}\n    {}", nested(&serde_json::to_string_pretty(cell)?, 4))
            }
            Format::Yaml => {
                let key = if self.cells == 0 { "accountRegions:\n" } else { "" };
                write!(self.out, "{key}{}", yaml(&[cell])?)
            }
        }?;
        self.cells += 1;
        self.out.flush()
    }

    /// The sums.
    pub(super) fn end(&mut self, counts: &Counts) -> io::Result<()> {
        match self.format {
            Format::Table | Format::Wide => writeln!(self.out, "\n{}", in_words(counts)),
            Format::Json => {
                let end = if self.cells == 0 { "]" } else { "\n  ]" };
                let counts = nested(&serde_json::to_string_pretty(counts)?, 2);
                write!(self.out, "{end},\n  \"counts\": {counts}\n}}\n")
            }
            Format::Yaml => {
                let none = if self.cells == 0 { "accountRegions: []\n" } else { "" };
                write!(self.out, "{none}counts:\n{}", indented(&yaml(counts)?))
            }
        }?;
        self.out.flush()
    }

    fn rows(&mut self, cell: &CellInventory) -> io::Result<()> {
        let name = format!("{}.{}", cell.account, cell.region);
        if let Some(why) = &cell.unknown {
            return writeln!(self.out, "? {name}: not read: {why}");
        }
        for problem in &cell.unread {
            writeln!(self.out, "? {name}: not read: {}: {}", problem.object, problem.message)?;
        }
        for share in &cell.shares {
            let numbers = [share.counts.inside, share.counts.outside, share.counts.resources];
            let [inside, outside, resources] = numbers.map(|number| number.to_string());
            let texts = [
                name.clone(),
                share.name.clone(),
                share.state.clone(),
                whose(share),
                inside,
                outside,
                resources,
            ];
            self.row(&texts, &share.arn)?;
            if self.format == Format::Wide {
                self.out.write_all(details(share).as_bytes())?;
            }
        }
        Ok(())
    }

    /// A column that was too narrow once stays as wide as it had to become.
    fn row(&mut self, texts: &[String; COLUMNS], last: &str) -> io::Result<()> {
        for (text, width) in texts.iter().zip(&mut self.widths) {
            *width = text.chars().count().max(*width);
            write!(self.out, "{text:<width$}   ", width = *width)?;
        }
        writeln!(self.out, "{last}")
    }
}

fn whose(share: &ShareEntry) -> String {
    match share.undeclared {
        None if share.declared_by.is_empty() => "being deleted".to_owned(),
        None => {
            let names: Vec<String> =
                share.declared_by.iter().map(|by| format!("{}/{}", by.namespace, by.name)).collect();
            names.join(" and ")
        }
        Some(Why::Undecided) => format!("perhaps {}", share.origin.as_deref().unwrap_or_default()),
        Some(why) => {
            let origin = share.origin.as_ref().map(|origin| format!(" ({origin})")).unwrap_or_default();
            format!("nobody: {}{origin}", why.as_str())
        }
    }
}

fn details(share: &ShareEntry) -> String {
    let mut lines = vec![format!("allowExternalPrincipals {}", share.allow_external_principals)];
    if share.feature_set != "STANDARD" {
        lines.push(format!("feature set {}", share.feature_set));
    }
    lines.extend(share.message.iter().map(|message| format!("message {message}")));
    lines.extend(share.principals.iter().map(principal));
    lines.extend(share.resources.iter().map(|r| format!("resource {}{}", r.arn, noted(&r.state, &[]))));
    lines.extend(share.permissions.iter().map(permission));
    lines.extend(share.tags.iter().map(|(key, value)| format!("tag {key}={value}")));
    lines.into_iter().fold(String::new(), |mut text, line| {
        // Writing into a string cannot fail.
        let _infallible = writeln!(text, "    {line}");
        text
    })
}

fn principal(principal: &PrincipalEntry) -> String {
    let outside = principal.external.then_some("outside the organization");
    let notes: Vec<&str> = principal.name.as_deref().into_iter().chain(outside).collect();
    format!("principal {}{}", principal.id, noted(&principal.state, &notes))
}

fn permission(permission: &PermissionEntry) -> String {
    let PermissionEntry { resource_type, arn, version, default_version } = permission;
    let old = if *default_version { "" } else { " (not its default version)" };
    format!("permission of {resource_type}: {arn} version {version}{old}")
}

/// What is in force needs no word.
fn noted(state: &str, notes: &[&str]) -> String {
    let state = (state != "ASSOCIATED").then_some(state);
    let notes: Vec<&str> = notes.iter().copied().chain(state).collect();
    if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) }
}

fn in_words(counts: &Counts) -> String {
    let Counts { account_regions, unknown, unread, shares, undeclared, external, listed } = *counts;
    let read = account_regions - unknown;
    let mut text = format!(
        "{listed} listed of {shares} shares in {read} accounts and regions; {undeclared} undeclared, {external} let somebody \
         outside the organization in"
    );
    if unknown > 0 {
        // Writing into a string cannot fail.
        let _infallible = write!(text, "; {unknown} accounts and regions not read");
    }
    if unread > 0 {
        // Writing into a string cannot fail.
        let _infallible = write!(text, "; {unread} objects, or kinds of them, not read");
    }
    text.push('.');
    text
}

/// A document as a value within another one.
fn nested(json: &str, depth: usize) -> String {
    json.replace('\n', &format!("\n{}", " ".repeat(depth)))
}

fn indented(yaml: &str) -> String {
    format!("  {}\n", nested(yaml.trim_end(), 2))
}

fn yaml<T: Serialize>(value: &T) -> io::Result<String> {
    serde_saphyr::to_string(value).map_err(io::Error::other)
}
