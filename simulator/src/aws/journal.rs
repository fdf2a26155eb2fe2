//! What was called, by whom, with what outcome.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whether a call may change anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Changes nothing.
    Read,
    /// May change something.
    Write,
}

/// What kind of access key signed a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyKind {
    /// `AKIA…`: an account's administrator.
    Administrator,
    /// `ASIA…`: a session of an assumed role.
    Session,
    /// None or an unknown one.
    Unknown,
}

/// One call, in the order of effects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Counts from 0.
    pub sequence: u64,
    /// Seconds since the Unix epoch.
    pub at: f64,
    /// The caller's account; empty when the key is unknown.
    pub account: String,
    /// Region of the credential scope.
    pub region: String,
    /// The caller's ARN: user, or assumed role with its session name.
    pub principal: String,
    /// Session name of an assumed role.
    pub session: Option<String>,
    /// What kind of key signed it.
    pub key: KeyKind,
    /// `ram`, `organizations`, `kms`, `secretsmanager`, `ecr`, `sqs`, `sns` or `sts`.
    pub service: String,
    /// Operation name.
    pub operation: String,
    /// Read or write.
    pub kind: Kind,
    /// Request members, query and body joined.
    pub params: Value,
    /// HTTP status, also of an answer that was lost on the way.
    pub status: u16,
    /// Error code; none for success. `Disconnect`, `Silence`, `Truncate` for answers lost.
    pub code: Option<String>,
    /// A write that was carried out: not refused, not a replay of an earlier answer.
    pub effect: bool,
    /// The id in the answer's `x-amzn-requestid`, as CloudTrail has it.
    pub request_id: String,
}

/// Every call since the start or the last `clear`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Journal {
    entries: Vec<Entry>,
}

impl Journal {
    /// The calls in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Calls that may change something.
    pub fn writes(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.kind == Kind::Write)
    }

    /// How often each `service:Operation` was called.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for entry in &self.entries {
            *counts.entry(format!("{}:{}", entry.service, entry.operation)).or_default() += 1;
        }
        counts
    }

    /// Forgets all calls, such as those of a test's preparation.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    pub(crate) fn record(&mut self, mut entry: Entry) {
        entry.sequence = self.entries.len() as u64;
        self.entries.push(entry);
    }
}
