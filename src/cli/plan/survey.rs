//! The line of a live pass, as far as it reads: gather from manifests, resolve, observe AWS, plan.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};

use super::{
    manifests::Manifests,
    narrate::{Told, blank},
    report::{CellReport, ObjectRefusal, OrganizationReport, Report, Why},
};
use crate::{
    api::{Reason, Share},
    aws::session::Sessions,
    cli::governed::{FirstLook, Governed, read},
    controllers::{account_region::gather::Gathered, share},
    model::{Cell, Timestamp},
    plan::{
        desired::Refusal,
        govern::{Governor, Selection},
        resolve::key_of,
    },
};

/// Accounts and regions that are read at once.
const AT_ONCE: usize = 16;

/// Plans all that the manifests declare, at the moment `now`.
pub(super) async fn survey(manifests: &Manifests, sessions: &Sessions, now: Timestamp) -> Report {
    let governed = Governed::read(manifests.into(), sessions, now).await;
    let gathered: Vec<Gathered> =
        governed.governors.iter().filter_map(|(cell, governor)| governed.gather(cell, governor)).collect();
    let cells = stream::iter(&gathered).map(|gathered| cell(sessions, gathered));
    let account_regions: Vec<CellReport> = cells.buffered(AT_ONCE).collect().await;
    let survey = Survey { manifests, governed: &governed };
    let report = Report {
        problems: vec![],
        installation: manifests.installation.spec.id.clone(),
        organizations: governed.organizations.iter().map(OrganizationReport::from).collect(),
        account_regions,
        refusals: survey.refusals(&governed.selections, &governed.governors, &gathered),
        skipped: manifests.skipped.clone(),
        counts: super::report::Counts::default(),
    };
    report.counted()
}

/// Steps 2 to 4 of one cell.
async fn cell(sessions: &Sessions, gathered: &Gathered) -> CellReport {
    match read(sessions, gathered).await {
        Ok(listing) => {
            let desired = gathered.resolve();
            let plan = gathered.plan(&desired, &listing, &FirstLook, &BTreeSet::new());
            Told { gathered, desired: &desired, listing: &listing, plan: &plan }.report()
        }
        Err(unknown) => CellReport {
            unknown: Some(Why { reason: unknown.reason.to_owned(), message: unknown.message }),
            ..blank(gathered)
        },
    }
}

struct Survey<'a> {
    manifests: &'a Manifests,
    governed: &'a Governed,
}

impl Survey<'_> {
    /// What no cell speaks of.
    fn refusals(
        &self,
        selections: &BTreeMap<String, Selection>,
        governors: &BTreeMap<Cell, Governor>,
        gathered: &[Gathered],
    ) -> Vec<ObjectRefusal> {
        let sets = selections.iter().flat_map(|(name, selection)| {
            let object = format!("AccountSet {name}");
            selection
                .problems
                .iter()
                .map(move |(_, why)| ObjectRefusal { object: object.clone(), why: why.into() })
        });
        let governed: BTreeSet<_> =
            gathered.iter().flat_map(Gathered::shares).map(|(share, _)| key_of(share)).collect();
        let shares = self.manifests.shares.iter().filter(|share| !governed.contains(&key_of(share)));
        let shares = shares.map(|share| ObjectRefusal {
            object: format!("Share {}", key_of(share)),
            why: self.nobody_governs(share, governors),
        });
        sets.chain(shares).collect()
    }

    fn nobody_governs(&self, declared: &Share, governors: &BTreeMap<Cell, Governor>) -> Why {
        let cell = match share::cell(declared, self.governed.views.values().cloned()) {
            Ok(cell) => cell,
            Err(refusal) => return Why::from(&refusal),
        };
        let unknown_there = || {
            let message = format!(
                "the organization of the AccountSet that governs {cell} knows no account {:?}; write its 12 digits",
                declared.spec.account
            );
            Refusal::new(Reason::NameUnknown, message)
        };
        let refusal = share::not_governed(&cell, governors.get(&cell)).unwrap_or_else(unknown_there);
        Why::from(&refusal)
    }
}
