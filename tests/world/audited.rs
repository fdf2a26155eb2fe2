//! The audit as it was told, and the law that it holds: no result without an intent, no write without either.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use sharekeeper::aws::{
    audit::Line,
    calls::{Called, Observer},
};
use simulator::aws::journal::{Journal, KeyKind};

/// All lines, in order.
#[derive(Default)]
pub struct Audited(Mutex<Vec<Line>>);

impl Audited {
    /// The lines so far.
    pub fn lines(&self) -> Vec<Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What of the audit does not agree with what AWS has on record.
    pub fn disagreements(&self, journal: &Journal) -> Vec<String> {
        let lines = self.lines();
        let mut open: BTreeMap<u64, &Line> = BTreeMap::new();
        let mut answered: Vec<String> = vec![];
        let mut wrong = vec![];
        for line in &lines {
            match &line.result {
                None => drop(open.insert(line.write, line)),
                Some(result) => {
                    if open.remove(&line.write).is_none_or(|intent| intent.subject != line.subject) {
                        wrong.push(format!("a result without an intent: {line:?}"));
                    }
                    answered.extend(result.request_id.clone());
                }
            }
        }
        // A write that a crash cut off has an intent and no result; the journal may know of it.
        let mut cut_off: Vec<&str> = open.values().map(|line| line.operation).collect();
        let written = journal
            .writes()
            .filter(|e| e.service == "ram" && e.effect && e.code.is_none() && e.key == KeyKind::Session);
        for entry in written.filter(|entry| !answered.contains(&entry.request_id)) {
            match cut_off.iter().position(|operation| *operation == entry.operation) {
                Some(at) => drop(cut_off.remove(at)),
                None => wrong.push(format!(
                    "a write that the audit does not know: {} {}",
                    entry.operation, entry.params
                )),
            }
        }
        wrong
    }
}

impl Observer for Audited {
    fn called(&self, _call: &Called) {}

    fn audit(&self, line: &Line) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
    }
}
