//! What is there at the end: the Shares, and what it took.

use std::collections::BTreeMap;

use simulator::aws::example;
use simulator::aws::journal::{Entry, Kind};

use crate::seen::Known;
use crate::tell::table;

/// One row a Share, with the columns of `kubectl get shares -o wide`.
pub(crate) fn shares(known: &Known) -> Vec<String> {
    let rows: Vec<Vec<String>> = known
        .shares()
        .map(|(name, share)| {
            let ready = share.condition("Ready");
            let drift = share.condition("Drifted");
            vec![
                name.to_owned(),
                ready.status.to_owned(),
                ready.reason.to_owned(),
                share.tally("resources").to_owned(),
                share.tally("principals").to_owned(),
                share.external().to_string(),
                drift.reason.to_owned(),
            ]
        })
        .collect();
    table(&["SHARE", "READY", "REASON", "RESOURCES", "PRINCIPALS", "EXTERNAL", "DRIFT"], &rows)
}

/// One row an operation that the controller called; people's own calls are left out.
pub(crate) fn calls(journal: &[Entry]) -> Vec<String> {
    let mut counts: BTreeMap<(Kind, String), (usize, usize)> = BTreeMap::new();
    for entry in journal.iter().filter(|entry| is_the_controllers(entry)) {
        let operation = format!("{}:{}", entry.service, entry.operation);
        let (all, refused) = counts.entry((entry.kind, operation)).or_default();
        *all += 1;
        *refused += usize::from(entry.status >= 400);
    }
    let rows: Vec<Vec<String>> = counts
        .into_iter()
        .map(|((kind, operation), (all, refused))| {
            let kind = if kind == Kind::Read { "read" } else { "write" };
            vec![kind.to_owned(), operation, all.to_string(), refused.to_string()]
        })
        .collect();
    table(&["KIND", "OPERATION", "CALLS", "REFUSED"], &rows)
}

/// The controller calls as the tooling account, and with the roles that it assumes from there.
fn is_the_controllers(entry: &Entry) -> bool {
    entry.session.is_some() || entry.account == example::TOOLING
}
