//! Resource policies: IAM's JSON documents as they hang on keys, buckets, repositories, secrets, topics and queues.
//!
//! A document keeps its text byte for byte. It is read (`parse`), judged (`access`: who is granted what), compared
//! (`normal`) and edited by splicing the text (`edit`), so that other people's statements are never touched.
//! What is not understood is named as such and is never taken to be a limit.
//!
//! Facts are from the IAM User Guide (pages "Grammar of the IAM JSON policy language", "AWS JSON policy elements:
//! Principal", "Condition operators", "AWS global condition context keys") unless a comment names another source.

mod access;
mod condition;
mod edit;
mod generated;
mod grantee;
mod json;
mod normal;
mod parse;
mod statement;

use std::ops::Range;

pub use access::{Grant, NotUnderstood};
pub use condition::{Conditions, Understood};
pub use generated::Unsafe;
pub use grantee::Grantee;
pub use normal::Canonical;
pub use statement::{Condition, Effect, Named, PolicyPrincipal, Statement};

pub use generated::check as check_generated;

/// A policy document: its text as it was given, and where its statements lie in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    text: String,
    /// Where the value of `Statement` lies.
    element: Range<usize>,
    /// Whether that value is one statement and not a list.
    single: bool,
    statements: Vec<Statement>,
}

impl Document {
    /// A policy of version 2012-10-17 without statements, to add the first one to. No service keeps it as it is.
    pub fn empty() -> Self {
        let text = r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned();
        let end = text.len() - 1;
        Self { text, element: end - 2..end, single: false, statements: vec![] }
    }

    /// The text, byte for byte as it was given or edited.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All statements, in the order of the text.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The statements whose `Sid` starts with a prefix.
    pub fn ours(&self, prefix: &str) -> impl Iterator<Item = &Statement> {
        self.statements.iter().filter(move |s| s.sid.as_deref().is_some_and(|sid| sid.starts_with(prefix)))
    }

    /// Whether a statement denies: then less may be granted than [`Document::access`] says.
    pub fn has_denies(&self) -> bool {
        self.statements.iter().any(|s| s.effect == Effect::Deny)
    }

    /// The size in bytes without the white space between values.
    ///
    /// What the services' limits count differs: IAM leaves white space out, other services count the bytes as sent \[X\].
    pub fn minified_len(&self) -> usize {
        json::minified_len(&self.text)
    }
}

/// A text that is not a policy, or a policy that cannot be read without guessing. In words for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}; {remedy}")]
pub struct Malformed {
    /// Where: the element, or the line and column.
    pub place: String,
    /// What is wrong there.
    pub what: String,
    /// What to do about it.
    pub remedy: &'static str,
}

impl Malformed {
    fn new(place: &str, what: impl Into<String>, remedy: &'static str) -> Self {
        Self { place: place.to_owned(), what: what.into(), remedy }
    }
}

#[cfg(test)]
mod tests;
