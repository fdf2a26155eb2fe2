//! Every request that reached the API, and what became of it.

use k8s_openapi::jiff::Timestamp;

use super::request::{Call, Verb};

/// How a request ended for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer with this HTTP status.
    Answered(u16),
    /// A watch was opened.
    Watching,
    /// The connection broke.
    Lost,
    /// No answer ever comes.
    Never,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it was served.
    pub at: Timestamp,
    /// Its verb.
    pub verb: Verb,
    /// API group; empty for the core group, discovery and health.
    pub group: String,
    /// Plural resource name; empty for discovery and health.
    pub resource: String,
    /// Subresource, e.g. `status`.
    pub subresource: String,
    /// Namespace in the path.
    pub namespace: String,
    /// Object name in the path, or of the object created.
    pub name: String,
    /// Who asked.
    pub user: String,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Media type of the body: tells an apply from a merge patch.
    pub content_type: String,
    /// Whether it was a dry run.
    pub dry_run: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it changed what is stored.
    pub changed: bool,
    /// The store's revision afterwards.
    pub revision: u64,
}

impl Entry {
    pub(crate) fn of(at: Timestamp, call: &Call) -> Self {
        let target = call.target.as_ref();
        let part = |f: fn(&super::request::Target) -> &str| target.map(f).unwrap_or_default().to_owned();
        Self {
            at,
            verb: call.verb,
            group: part(|t| &t.resource.group),
            resource: part(|t| &t.resource.resource),
            subresource: part(|t| &t.subresource),
            namespace: part(|t| &t.namespace),
            name: part(|t| &t.name),
            user: call.user.clone(),
            user_agent: call.agent.clone(),
            content_type: call.media_type().to_owned(),
            dry_run: call.dry_run().unwrap_or_default(),
            outcome: Outcome::Lost,
            changed: false,
            revision: 0,
        }
    }

    /// Whether the request could change something: a writing verb, not a dry run.
    pub fn writes(&self) -> bool {
        self.verb.writes() && !self.dry_run
    }
}

/// All requests, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    entries: Vec<Entry>,
}

impl Journal {
    pub(crate) fn record(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// All entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Entries from the `mark`-th on, where a mark is an earlier `len()`.
    pub fn since(&self, mark: usize) -> &[Entry] {
        self.entries.get(mark..).unwrap_or_default()
    }

    /// How many requests there were.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many entries `wanted` picks.
    pub fn count(&self, wanted: impl Fn(&Entry) -> bool) -> usize {
        self.entries.iter().filter(|e| wanted(e)).count()
    }

    /// How many requests to resources there were by `user` that could change something.
    pub fn writes_by(&self, user: &str) -> usize {
        self.count(|e| e.user == user && e.writes())
    }

    /// Forgets all entries.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}
