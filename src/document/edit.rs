//! Our statements go in and out; every byte of the others stays.

use std::ops::Range;

use serde_json::Value;

use super::{Document, Malformed, Statement};

impl Document {
    /// The document with a statement in place of that of the same `Sid`, or behind all others.
    ///
    /// A document whose `Statement` is one object gets a list around the same bytes. If several statements have the
    /// `Sid`, which IAM forbids and some services do not check, the first is replaced and the others go.
    ///
    /// # Errors
    /// [`Malformed`] if the value is not a statement or its own `Sid` is another.
    pub fn with_statement(&self, sid: &str, statement: &Value) -> Result<Self, Malformed> {
        let statement = Statement::of(statement)?;
        if statement.sid.as_deref() != Some(sid) {
            return Err(Malformed::new(
                "the new statement, element Sid",
                format!("it is not {sid:?}"),
                "give the statement the Sid by which it is found again",
            ));
        }
        let mut edited = self.clone();
        while let [_, .., last] = edited.places(sid).as_slice() {
            edited.cut(*last);
        }
        match edited.places(sid).first() {
            Some(&at) => edited.replace(at, statement),
            None => edited.append(statement),
        }
        Ok(edited)
    }

    /// The document without the statements of a `Sid`, and without the commas that held them.
    ///
    /// `None` if no statement is left: no service of ours keeps a policy without statements \[X\], so the policy is then
    /// deleted, or for a key, which cannot be without one, the caller refuses.
    pub fn without(&self, sid: &str) -> Option<Self> {
        if self.statements.iter().all(|s| s.sid.as_deref() == Some(sid)) {
            return None;
        }
        let mut edited = self.clone();
        while let Some(&last) = edited.places(sid).last() {
            edited.cut(last);
        }
        Some(edited)
    }

    /// The places of the statements of a `Sid`.
    fn places(&self, sid: &str) -> Vec<usize> {
        let of_sid = |(at, s): (usize, &Statement)| (s.sid.as_deref() == Some(sid)).then_some(at);
        self.statements.iter().enumerate().filter_map(of_sid).collect()
    }

    fn span(&self, at: usize) -> Option<Range<usize>> {
        self.statements.get(at).map(|s| s.span.clone())
    }

    /// Takes out one of several statements, with the comma on that side where another one is.
    fn cut(&mut self, at: usize) {
        let Some(this) = self.span(at) else { return };
        let before = at.checked_sub(1).and_then(|before| self.span(before));
        let stretch = match (before, self.span(at + 1)) {
            (Some(before), _) => before.end..this.end,
            (None, Some(after)) => this.start..after.start,
            (None, None) => this,
        };
        self.statements.remove(at);
        self.exchange(&stretch, "");
    }

    fn replace(&mut self, at: usize, mut statement: Statement) {
        let Some(span) = self.span(at) else { return };
        self.statements.remove(at);
        self.exchange(&span, &statement.text);
        statement.span = span.start..span.start + statement.text.len();
        self.statements.insert(at, statement);
    }

    fn append(&mut self, mut statement: Statement) {
        if self.single {
            self.make_a_list();
        }
        let (place, comma) = match self.statements.last() {
            Some(last) => (last.span.end, ","),
            None => (self.element.start + 1, ""),
        };
        self.exchange(&(place..place), &format!("{comma}{}", statement.text));
        let start = place + comma.len();
        statement.span = start..start + statement.text.len();
        self.statements.push(statement);
    }

    /// Puts brackets around the one statement.
    fn make_a_list(&mut self) {
        let Range { start, end } = self.element;
        self.exchange(&(end..end), "]");
        self.exchange(&(start..start), "[");
        self.element = start..end + 2;
        self.single = false;
    }

    /// Exchanges one stretch of the text, and moves the places of what begins behind it.
    fn exchange(&mut self, stretch: &Range<usize>, with: &str) {
        let moved = |at: usize| at - stretch.len() + with.len();
        for statement in self.statements.iter_mut().filter(|s| s.span.start >= stretch.end) {
            statement.span = moved(statement.span.start)..moved(statement.span.end);
        }
        self.element.end = moved(self.element.end);
        let parts = [self.text.get(..stretch.start), Some(with), self.text.get(stretch.end..)];
        self.text = parts.into_iter().flatten().collect();
    }
}
