//! What a person reads: lines with the seconds since the start.

use std::io::{self, Stdout, Write};
use std::time::Duration;

use tokio::time::Instant;

/// Columns of a line.
const WIDTH: usize = 118;
/// Columns before the text of a line with a time.
const MARGIN: usize = 9;

/// Writes the story to standard output.
#[derive(Debug)]
pub(crate) struct Teller {
    out: Stdout,
    started: Instant,
}

impl Teller {
    /// The story's time starts now.
    pub(crate) fn new() -> Self {
        Self { out: io::stdout(), started: Instant::now() }
    }

    /// Since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// A headline.
    pub(crate) fn chapter(&mut self, title: &str) -> io::Result<()> {
        writeln!(self.out, "\n{title}")?;
        self.out.flush()
    }

    /// Something that has just happened.
    pub(crate) fn happened(&mut self, text: &str) -> io::Result<()> {
        let margin = format!("{:>6.1} s ", self.elapsed().as_secs_f64());
        self.wrapped(&margin, text)
    }

    /// More about it.
    pub(crate) fn detail(&mut self, text: &str) -> io::Result<()> {
        self.wrapped("", text)
    }

    /// Lines as they are.
    pub(crate) fn verbatim(&mut self, lines: &[String]) -> io::Result<()> {
        for line in lines {
            writeln!(self.out, "  {line}")?;
        }
        self.out.flush()
    }

    /// How it broke off.
    pub(crate) fn failure(&mut self, error: &str, log: &[String]) -> io::Result<()> {
        writeln!(self.out, "\nThe demo failed after {:.1} s: {error}", self.elapsed().as_secs_f64())?;
        if !log.is_empty() {
            writeln!(self.out, "\nThe controller's last words:")?;
        }
        self.verbatim(log)
    }

    fn wrapped(&mut self, margin: &str, text: &str) -> io::Result<()> {
        for (number, line) in wrap(text, WIDTH - MARGIN).iter().enumerate() {
            let margin = if number == 0 { margin } else { "" };
            writeln!(self.out, "{margin:<MARGIN$}{line}")?;
        }
        self.out.flush()
    }
}

/// Cuts a text at spaces into lines of at most `width` characters, as far as its words allow.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(format!("  {word}"));
        } else if line.is_empty() {
            line.push_str(word);
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines
}

/// Rows under a heading, each column as wide as its widest cell.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let heading: Vec<String> = heading.iter().map(|&cell| cell.to_owned()).collect();
    let all: Vec<&Vec<String>> = std::iter::once(&heading).chain(rows).collect();
    let width = |column: usize| {
        all.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let line = |row: &&Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("   ").trim_end().to_owned()
    };
    all.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_at_spaces_and_lose_nothing() {
        let text = "no policy allows this target; ask the security team, or remove the target";
        let lines = wrap(text, 30);
        assert!(lines.len() > 2 && lines.iter().all(|line| line.chars().count() <= 30), "{lines:?}");
        let words: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
        assert_eq!(words, text.split_whitespace().collect::<Vec<_>>());
        assert_eq!(wrap("unbreakable", 3), ["unbreakable"]);
    }

    #[test]
    fn columns_stand_under_their_headings() {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["longer".to_owned(), "2".to_owned()]];
        assert_eq!(table(&["NAME", "N"], &rows), ["NAME     N", "a        1", "longer   2"]);
    }
}
