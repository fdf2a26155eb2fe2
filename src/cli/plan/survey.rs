//! The line of a live pass, as far as it reads: gather from manifests, resolve, observe AWS, plan.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, stream};
use kube::{ResourceExt, core::DeserializeGuard};

use super::{
    manifests::Manifests,
    narrate::{Told, blank},
    report::{CellReport, ObjectRefusal, OrganizationReport, Report, Why},
};
use crate::{
    api::{AccountSet, Reason, Share, duration},
    aws::session::Sessions,
    controllers::{
        account_region::{
            gather::{Gathered, belongs},
            observe::unreachable,
        },
        context::{OrganizationState, OrganizationView, access_of},
        organization, share,
    },
    mechanism::ram::{failure, observe},
    model::{Arn, Cell, ShareKey, Side, Timestamp},
    plan::{
        change::ChangeKind,
        claim::Recollection,
        desired::Refusal,
        gate::Gate,
        govern::{Governor, Selection, govern, name_of, select},
        observed::Unknown,
        resolve::{Departure, key_of},
    },
};

/// Nothing is on record: what no listing shows is not there.
struct FirstLook;

impl Recollection for FirstLook {
    fn unlisted_for_long(&self, _: &Arn) -> bool {
        true
    }

    fn token_is_spent(&self, _: &ShareKey, _: Side) -> bool {
        false
    }

    fn is_contended(&self, _: &ShareKey, _: Side, _: &ChangeKind, _: Timestamp) -> bool {
        false
    }
}

/// Accounts and regions that are read at once.
const AT_ONCE: usize = 16;

/// Plans all that the manifests declare, at the moment `now`.
pub(super) async fn survey(manifests: &Manifests, sessions: &Sessions, now: Timestamp) -> Report {
    let (organizations, views) = organizations(manifests, sessions, now).await;
    let survey = Survey { manifests, views, now };
    let selections = survey.selections();
    let governors = govern(&selections);
    let gathered: Vec<Gathered> =
        governors.iter().filter_map(|(cell, governor)| survey.gather(cell, governor)).collect();
    let cells = stream::iter(&gathered).map(|gathered| cell(sessions, gathered));
    let account_regions: Vec<CellReport> = cells.buffered(AT_ONCE).collect().await;
    let report = Report {
        problems: vec![],
        installation: manifests.installation.spec.id.clone(),
        organizations,
        account_regions,
        refusals: survey.refusals(&selections, &governors, &gathered),
        skipped: manifests.skipped.clone(),
        counts: super::report::Counts::default(),
    };
    report.counted()
}

/// Steps 2 to 4 of one cell.
async fn cell(sessions: &Sessions, gathered: &Gathered) -> CellReport {
    let desired = gathered.resolve();
    let unknown = |unknown: Unknown| CellReport {
        unknown: Some(Why { reason: unknown.reason.to_owned(), message: unknown.message }),
        ..blank(gathered)
    };
    let clients = match sessions.cell(&gathered.cell, &access_of(gathered.set.spec.access.as_ref())).await {
        Ok(clients) => clients,
        Err(error) => return unknown(unreachable(&error).0),
    };
    match observe::everything(&clients).await {
        Ok(listing) => {
            let plan = gathered.plan(&desired, &listing, &FirstLook, &BTreeSet::new());
            Told { gathered, desired: &desired, listing: &listing, plan: &plan }.report()
        }
        Err(error) => unknown(failure::unknown(&error)),
    }
}

async fn organizations(
    manifests: &Manifests,
    sessions: &Sessions,
    now: Timestamp,
) -> (Vec<OrganizationReport>, BTreeMap<String, OrganizationView>) {
    let mut reports = vec![];
    let mut views = BTreeMap::new();
    for declared in &manifests.organizations {
        let mut report =
            OrganizationReport { name: declared.name_any(), enables_sharing: false, unknown: None };
        let view = match organization::observe(sessions, declared, now).await {
            Ok((mut state, problem)) => {
                report.unknown = problem.as_ref().map(Why::from);
                report.enables_sharing = organization::wants_sharing(declared, &state);
                if report.enables_sharing {
                    state.sharing = Some(true);
                }
                let refresh = duration::parse(&declared.spec.refresh).unwrap_or(Duration::from_secs(600));
                // Read this moment, so current.
                OrganizationView::Known(OrganizationState { refresh, ..state }, true)
            }
            Err((refusal, _)) => {
                report.unknown = Some(Why::from(&refusal));
                OrganizationView::Unknown
            }
        };
        views.insert(report.name.clone(), view);
        reports.push(report);
    }
    (reports, views)
}

struct Survey<'a> {
    manifests: &'a Manifests,
    views: BTreeMap<String, OrganizationView>,
    now: Timestamp,
}

impl Survey<'_> {
    fn organization(&self, set: &AccountSet) -> OrganizationView {
        let Some(name) = &set.spec.organization else { return OrganizationView::None };
        self.views.get(name).cloned().unwrap_or(OrganizationView::Unknown)
    }

    fn selections(&self) -> BTreeMap<String, Selection> {
        let sets: Vec<&AccountSet> = self.manifests.sets.iter().collect();
        let selection =
            |set: &&AccountSet| (name_of(set), select(set, &sets, &self.organization(set).as_names()));
        sets.iter().map(selection).collect()
    }

    /// Step 1, for a cell that one set governs.
    fn gather(&self, cell: &Cell, governor: &Governor) -> Option<Gathered> {
        let Governor::Set(name) = governor else { return None };
        let set = self.manifests.sets.iter().find(|set| name_of(set) == *name)?;
        let organization = self.organization(set);
        let shares = self.manifests.shares.iter().filter(|share| belongs(share, cell, &organization));
        let shares = shares.map(|share| (guarded(share), Departure::Stays)).collect();
        let installation = &self.manifests.installation;
        Some(Gathered {
            cell: cell.clone(),
            gate: Gate::of(Some(installation), set, false),
            set: set.clone(),
            organization,
            shares,
            policies: self.manifests.policies.iter().map(guarded).collect(),
            unreadable: BTreeSet::new(),
            records: BTreeMap::new(),
            moved: false,
            scopes: Box::new(Vec::new),
            approved: BTreeSet::new(),
            installation: installation.spec.id.clone(),
            peers: installation.spec.peers.clone(),
            now: self.now,
        })
    }

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
        let cell = match share::cell(declared, self.views.values().cloned()) {
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

/// An object as a store gives it.
fn guarded<K: Clone>(object: &K) -> Arc<DeserializeGuard<K>> {
    Arc::new(DeserializeGuard(Ok(object.clone())))
}
