//! Floor 6: one file a subcommand. Each has a `run` that the binary calls.

use std::{
    error::Error,
    io::{self, Write},
};

pub mod controller;
pub mod crds;
pub mod governed;
pub mod halt;
pub mod iam;
pub mod import;
pub mod inventory;
pub mod plan;

/// What a command may fail with: printed by the binary, with all its sources.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Prints a command's result. A reader that has seen enough (`| head`) is no error.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// An error and its sources in one line; a source whose text stands in the line already is not repeated.
pub fn with_sources(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn an_error_is_told_with_all_its_sources_once() {
        let layer = |text, source: Option<Layer>| Layer { text, source: source.map(Box::new) };
        let root = layer("connection refused", None);
        let middle = layer("no answer: connection refused", Some(root));
        let top = layer("cannot read the shares", Some(middle));
        assert_eq!(with_sources(&top), "cannot read the shares: no answer: connection refused");
        assert_eq!(with_sources(&layer("alone", None)), "alone");
    }
}
