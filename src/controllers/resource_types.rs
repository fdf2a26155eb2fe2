//! Holds the resource types that this version knows against those that RAM lists: once a term of leadership, and then once
//! a day. What differs is told; nothing is refused or taken away for it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use kube::ResourceExt;
use tokio::{sync::watch, time::Instant};

use super::{account_region::observe::unreachable, context::Context};
use crate::{
    mechanism::ram::{failure, types},
    model::{Cell, Region},
    plan::{
        catalogue::{Differences, Listed, compare},
        govern::Governor,
        observed::Unknown,
    },
};

/// How long the first reading waits: what is shared is read first, and by sessions that this one then uses too.
const FIRST: Duration = Duration::from_secs(30);
/// How often the list is read.
const EVERY: Duration = Duration::from_secs(86_400);
/// When another cell is asked, if one did not answer.
const AGAIN: Duration = Duration::from_secs(3600);
/// When to look again for somebody to ask, while nothing is governed.
const UNGOVERNED: Duration = Duration::from_secs(60);
/// How long after the start the first answer is waited for: organizations are read before, in a minute at most.
const AWAITED: Duration = Duration::from_secs(120);

/// The names of the types that RAM lists and this version does not know.
#[derive(Debug)]
pub struct TypesBeside {
    names: watch::Sender<Option<BTreeSet<String>>>,
    started: Instant,
}

impl Default for TypesBeside {
    fn default() -> Self {
        Self { names: watch::Sender::default(), started: Instant::now() }
    }
}

impl TypesBeside {
    /// As they were last read; none before.
    pub fn names(&self) -> BTreeSet<String> {
        self.names.borrow().clone().unwrap_or_default()
    }

    /// Waits until RAM was asked once, at most for a while after the start.
    pub async fn tried(&self) {
        let mut names = self.names.subscribe();
        // The sender is ours: it is not dropped while we wait.
        let _ = tokio::time::timeout_at(self.started + AWAITED, names.wait_for(Option::is_some)).await;
    }

    /// RAM was asked. Answers whether other names are known since; without an answer the last ones stay.
    fn keep(&self, names: Option<&BTreeSet<String>>) -> bool {
        let before = self.names();
        let now = names.unwrap_or(&before);
        let changed = *now != before;
        self.names.send_replace(Some(now.clone()));
        changed
    }
}

/// Reads the list for as long as this controller leads.
pub async fn follow(context: Arc<Context>) {
    if !context.stores.synced().await {
        return;
    }
    context.organizations_tried().await;
    tokio::time::sleep(FIRST).await;
    let mut told = Told::default();
    loop {
        let wait = Box::pin(look(&context, &mut told)).await;
        tokio::time::sleep(wait).await;
    }
}

/// What was last told: each thing is said once.
#[derive(Default)]
struct Told {
    /// How many cells did not answer.
    failures: usize,
    differences: Option<Differences>,
    failure: Option<&'static str>,
}

/// Asks one cell, and the next one if it does not answer; says when to ask again.
async fn look(context: &Context, told: &mut Told) -> Duration {
    let cells = cells(context);
    let Some((cell, set)) = cells.get(told.failures.checked_rem(cells.len()).unwrap_or_default()) else {
        return UNGOVERNED;
    };
    match read(context, cell, set).await {
        Ok(listed) => {
            let differences = compare(&listed);
            told.failure = None;
            keep(context, Some(&differences.unknown));
            tell(context, cell, differences, told);
            EVERY
        }
        Err(unknown) => {
            keep(context, None);
            told.failures += 1;
            if told.failure.replace(unknown.reason) != Some(unknown.reason) {
                tracing::warn!(
                    %cell,
                    reason = unknown.reason,
                    "which resource types RAM shares could not be read (ListResourceTypes): {}; the types that this version knows hold as before, and it is asked again",
                    unknown.message
                );
            }
            AGAIN
        }
    }
}

/// The governed cells with the set of each, those first from which global types are shared: there no type is missing.
fn cells(context: &Context) -> Vec<(Cell, String)> {
    let governance = context.governance();
    let governed = governance.governors.iter().filter_map(|(cell, governor)| match governor {
        Governor::Set(set) => Some((cell.clone(), set.clone())),
        Governor::Conflict(_) => None,
    });
    let mut cells: Vec<_> = governed.collect();
    cells.sort_by_key(|(cell, _)| cell.region.as_str() != Region::GLOBAL_HOME);
    cells
}

async fn read(context: &Context, cell: &Cell, set: &str) -> Result<Vec<Listed>, Unknown> {
    let stored = context.stores.sets.get(None, set);
    let Some(set) = stored.as_ref().and_then(|set| set.0.as_ref().ok()) else {
        return Err(nothing(format!("AccountSet {set} cannot be read")));
    };
    let clients = context.sessions.cell(cell, &Context::access(set)).await;
    let clients = clients.map_err(|error| unreachable(&error).0)?;
    let listed = types::listed(&clients).await.map_err(|error| failure::unknown(&error))?;
    if listed.is_empty() { Err(nothing("AWS lists no type at all".to_owned())) } else { Ok(listed) }
}

fn nothing(message: String) -> Unknown {
    Unknown { reason: crate::api::Reason::Incomplete.as_str(), message }
}

/// Policies say which of their types nobody knows.
fn keep(context: &Context, names: Option<&BTreeSet<String>>) {
    if context.types.keep(names) {
        context.stores.policies.all().iter().for_each(|policy| context.triggers.policy(&policy.name_any()));
    }
}

fn tell(context: &Context, cell: &Cell, differences: Differences, told: &mut Told) {
    context.telemetry.resource_types(&differences);
    if told.differences.as_ref() == Some(&differences) {
        return;
    }
    let Differences { unknown, unlisted, scoped_otherwise } = &differences;
    if !unknown.is_empty() {
        tracing::warn!(
            %cell,
            types = ?unknown,
            "RAM shares resource types that this version does not know: they are shared only where a SharingPolicy names them and their resources; see whether a later version knows them"
        );
    }
    if !unlisted.is_empty() {
        tracing::warn!(
            %cell,
            types = ?unlisted,
            "RAM does not list resource types that this version knows: nothing is refused for it, and AWS may refuse to share them here"
        );
    }
    if !scoped_otherwise.is_empty() {
        tracing::warn!(
            %cell,
            types = ?scoped_otherwise,
            "RAM says otherwise than this version whether resource types are shared from one region only: Shares of them may be refused in the wrong region; see whether a later version knows better"
        );
    }
    told.differences = Some(differences);
}
