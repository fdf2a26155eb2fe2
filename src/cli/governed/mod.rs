//! What is governed, and what concerns each account and region of it: the first steps of the controller's own line, for
//! commands that read AWS and write nothing to it.

mod declared;
pub(super) mod names;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use aws_config::SdkConfig;
use kube::ResourceExt;

pub(in crate::cli) use self::declared::Declared;
pub use self::declared::{ClusterArgs, Source, SourceArgs, SourceError};
use crate::{
    api::{AccountSet, duration},
    aws::{calls::Unobserved, clock::Clock, fence, limits::CellRates, session},
    controllers::{
        account_region::{
            gather::{Gathered, belongs},
            objects,
            observe::unreachable,
        },
        context::{OrganizationState, OrganizationView, access_of},
        organization,
    },
    mechanism::{
        policy::{Purpose, store, written::Written},
        ram::{failure, observe},
    },
    model::{Arn, Cell, ObjectKind, ShareKey, Slot, Timestamp},
    org::Tree,
    plan::{
        change::ChangeKind,
        claim::Recollection,
        desired::Refusal,
        gate::Gate,
        govern::{Governor, Selection, govern, name_of, select},
        observed::{Listing, Unknown},
        resolve::Departure,
    },
};

/// Nothing is on record: what no listing shows is not there.
pub(super) struct FirstLook;

impl Recollection for FirstLook {
    fn unlisted_for_long(&self, _: &Arn) -> bool {
        true
    }

    fn token_is_spent(&self, _: &ShareKey, _: &Slot) -> bool {
        false
    }

    fn open_until(&self, _: &ShareKey, _: &Slot) -> Option<Timestamp> {
        None
    }

    fn is_contended(&self, _: &ShareKey, _: &Slot, _: &ChangeKind, _: Timestamp) -> bool {
        false
    }
}

/// Sessions that read: no write can be sent, whatever a mistake may try. `command` stands in CloudTrail.
pub(super) fn sessions(
    base: SdkConfig,
    clock: Clock,
    rates: CellRates,
    installation: &str,
    command: &str,
) -> session::Sessions {
    let refusal = fence::Refusal::Halted(format!("`sharekeeper {command}` writes nothing"));
    session::Sessions::new(session::Settings {
        base,
        clock,
        fence: fence::closed(refusal),
        observer: Arc::new(Unobserved),
        rates,
        session_name: session::session_name(installation, command),
    })
}

/// Reads a cell as a whole, or says why it cannot be; of objects with a policy of their own those that Shares declare.
pub(super) async fn read(sessions: &session::Sessions, gathered: &Gathered) -> Result<Listing, Unknown> {
    let clients = clients(sessions, gathered).await?;
    read_beside(&clients, gathered, BTreeSet::new()).await
}

/// Reads a cell as a whole with all objects that the set has looked through, or says why it cannot be; and why the objects of a
/// kind cannot be listed.
pub(super) async fn read_all(
    sessions: &session::Sessions,
    gathered: &Gathered,
) -> Result<(Listing, BTreeMap<ObjectKind, Unknown>), Unknown> {
    let clients = clients(sessions, gathered).await?;
    let (mut all, mut unlisted) = (BTreeSet::new(), BTreeMap::new());
    for kind in objects::kinds(&gathered.set) {
        match store::all(&clients, kind).await {
            Ok(of_kind) => all.extend(of_kind),
            Err(error) => drop(unlisted.insert(kind, failure::unknown(&error))),
        }
    }
    Ok((read_beside(&clients, gathered, all).await?, unlisted))
}

async fn clients(
    sessions: &session::Sessions,
    gathered: &Gathered,
) -> Result<Arc<session::CellClients>, Unknown> {
    let access = access_of(gathered.set.spec.access.as_ref());
    sessions.cell(&gathered.cell, &access).await.map_err(|error| unreachable(&error).0)
}

/// Reads all RAM shares, these objects, and those that Shares declare.
async fn read_beside(
    clients: &session::CellClients,
    gathered: &Gathered,
    mut objects: BTreeSet<Arn>,
) -> Result<Listing, Unknown> {
    let mut listing = observe::everything(clients).await.map_err(|error| failure::unknown(&error))?;
    let parts = objects::parts(gathered, &gathered.resolve());
    objects.extend(objects::of(&parts));
    let written = Written::default();
    let read = objects::read(gathered, clients, &written, &objects, &parts, Purpose::Look, gathered.now);
    listing.replace(read.await);
    Ok(listing)
}

/// An Organization as it was read.
pub(super) struct ReadOrganization {
    pub(super) name: String,
    /// RAM sharing with it is off, and it says that it is to be turned on.
    pub(super) enables_sharing: bool,
    /// Why it, or part of it, could not be read.
    pub(super) problem: Option<Refusal>,
}

/// What is declared, with the organizations' trees as they are now, and who governs what by both.
pub(super) struct Governed {
    pub(super) declared: Declared,
    pub(super) organizations: Vec<ReadOrganization>,
    /// What is known of each organization, by name.
    pub(super) views: BTreeMap<String, OrganizationView>,
    /// What each set selects.
    pub(super) selections: BTreeMap<String, Selection>,
    /// Who governs each cell.
    pub(super) governors: BTreeMap<Cell, Governor>,
    undecided: BTreeSet<ShareKey>,
    now: Timestamp,
}

impl Governed {
    /// Reads the organizations' trees from AWS. A cell whose set cannot decide what it selects stays with it.
    pub(super) async fn read(declared: Declared, sessions: &session::Sessions, now: Timestamp) -> Self {
        let (organizations, views) = organizations(&declared, sessions, now).await;
        let mut governed = Self {
            undecided: declared.undecided_shares(&views),
            declared,
            organizations,
            views,
            selections: BTreeMap::new(),
            governors: BTreeMap::new(),
            now,
        };
        let sets: Vec<&AccountSet> = governed.declared.sets.iter().collect();
        let selection =
            |set: &&AccountSet| (name_of(set), select(set, &sets, &governed.organization(set).as_names()));
        governed.selections = sets.iter().map(selection).collect();
        governed.governors = govern(&governed.selections);
        let undecided = |set: &String| governed.selections.get(set).is_some_and(|found| !found.decided);
        for (cell, set) in governed.declared.last.iter().filter(|(_, set)| undecided(set)) {
            governed.governors.entry(cell.clone()).or_insert_with(|| Governor::Set(set.clone()));
        }
        governed
    }

    /// What is known of the organization that a set names.
    pub(super) fn organization(&self, set: &AccountSet) -> OrganizationView {
        let Some(name) = &set.spec.organization else { return OrganizationView::None };
        self.views.get(name).cloned().unwrap_or(OrganizationView::Unknown)
    }

    /// The organizations' trees that were read.
    pub(super) fn trees(&self) -> impl Iterator<Item = &Tree> {
        self.views.values().filter_map(|view| view.as_names().tree())
    }

    /// What concerns a cell that one set governs. A Share that is being deleted is taken as it stands: nothing is done.
    pub(super) fn gather(&self, cell: &Cell, governor: &Governor) -> Option<Gathered> {
        let Governor::Set(name) = governor else { return None };
        let set = self.declared.sets.iter().find(|set| name_of(set) == *name)?;
        let organization = self.organization(set);
        let here = self.declared.shares.iter().filter_map(|share| {
            let readable = share.0.as_ref().ok().filter(|share| belongs(share, cell, &organization))?;
            let going = readable.metadata.deletion_timestamp.is_some();
            Some((Arc::clone(share), if going { Departure::Undecided } else { Departure::Stays }))
        });
        let of_cell = |id: &Arn| id.account() == cell.account.as_str() && id.region() == cell.region.as_str();
        let records = self.declared.records.iter().filter(|(id, _)| of_cell(id));
        let installation = &self.declared.installation;
        Some(Gathered {
            cell: cell.clone(),
            gate: Gate::of(installation, set, false),
            set: set.clone(),
            shares: here.collect(),
            organization,
            policies: self.declared.policies.clone(),
            unreadable: self.undecided.clone(),
            records: records.map(|(id, record)| (id.clone(), record.clone())).collect(),
            scopes: Box::new(Vec::new),
            approvals: crate::plan::budget::Approvals::default(),
            installation: installation.spec.id.clone(),
            peers: installation.spec.peers.clone(),
            now: self.now,
        })
    }
}

async fn organizations(
    declared: &Declared,
    sessions: &session::Sessions,
    now: Timestamp,
) -> (Vec<ReadOrganization>, BTreeMap<String, OrganizationView>) {
    let mut read = vec![];
    let mut views = BTreeMap::new();
    for declared in &declared.organizations {
        let mut found = ReadOrganization { name: declared.name_any(), enables_sharing: false, problem: None };
        let view = match organization::observe(sessions, declared, now).await {
            Ok((mut state, problem)) => {
                found.problem = problem;
                found.enables_sharing = organization::wants_sharing(declared, &state);
                if found.enables_sharing {
                    state.sharing = Some(true);
                }
                let refresh = duration::parse(&declared.spec.refresh).unwrap_or(Duration::from_secs(600));
                // Read this moment, so current.
                OrganizationView::Known(OrganizationState { refresh, ..state }, true)
            }
            Err((refusal, _)) => {
                found.problem = Some(refusal);
                OrganizationView::Unknown
            }
        };
        views.insert(found.name.clone(), view);
        read.push(found);
    }
    (read, views)
}
