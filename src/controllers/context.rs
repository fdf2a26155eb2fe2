//! What the controllers of one term of leadership share: stores, sessions, trees, memories, triggers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use kube::ResourceExt;

use crate::{
    api::{
        AccountRegion, AccountSet, INSTALLATION, Installation, Organization, Share, SharingPolicy,
        UndeclaredShare, account_set,
    },
    aws::{
        clock::Clock,
        fence::{self, Fence},
        session::Sessions,
    },
    controllers::{
        account_region::memory::CellMemory, halt::Halt, resource_types::TypesBeside, share_index::ShareIndex,
        telemetry::Telemetry, triggers::Triggers,
    },
    kube::{
        lease::LeaseFence,
        watched::{Guarded, Watched, readable},
        write::Writer,
    },
    model::{Cell, Region, ShareKey, Timestamp},
    mutant::{self, Mutant},
    org::Tree,
    plan::{
        govern::{Governor, Selection, govern, name_of, select},
        names,
    },
};

/// The finalizer on every object of ours that stands for something in AWS.
pub const FINALIZER: &str = "sharekeeper.dev/in-aws";

/// How long after the start decisions wait for the first reading of the organizations.
const FIRST_TREE: Duration = Duration::from_secs(60);

/// The stores of all kinds.
#[derive(Clone)]
#[expect(missing_docs, reason = "one store a kind, named as the kind")]
pub struct Stores {
    pub installations: Watched<Installation>,
    pub organizations: Watched<Organization>,
    pub sets: Watched<AccountSet>,
    pub regions: Watched<AccountRegion>,
    pub policies: Watched<SharingPolicy>,
    pub shares: Watched<Share>,
    pub undeclared: Watched<UndeclaredShare>,
}

impl Stores {
    /// Waits until the first listing of every kind is whole: before that nothing is known.
    pub async fn synced(&self) -> bool {
        self.installations.synced().await
            && self.organizations.synced().await
            && self.sets.synced().await
            && self.regions.synced().await
            && self.policies.synced().await
            && self.shares.synced().await
            && self.undeclared.synced().await
    }
}

/// What was last read of an organization.
#[derive(Clone, Debug)]
pub struct OrganizationState {
    /// Its last complete tree.
    pub tree: Arc<Tree>,
    /// Whether RAM may share with it, where that can be told.
    pub sharing: Option<bool>,
    /// When the tree was read.
    pub at: Timestamp,
    /// `spec.refresh`.
    pub refresh: Duration,
}

impl OrganizationState {
    /// Read within three times `refresh`.
    pub fn is_current(&self, now: Timestamp) -> bool {
        let age = now.as_second().saturating_sub(self.at.as_second());
        u64::try_from(age).unwrap_or_default() < 3 * self.refresh.as_secs()
    }
}

/// An organization as it is known at one moment.
#[derive(Clone, Debug)]
pub enum OrganizationView {
    /// The set names none.
    None,
    /// Its tree was not read since the start.
    Unknown,
    /// Its last complete tree.
    Known(OrganizationState, bool),
}

impl OrganizationView {
    /// The view as pure code takes it.
    pub fn as_names(&self) -> names::Organization<'_> {
        match self {
            Self::None => names::Organization::None,
            Self::Unknown => names::Organization::Unknown,
            Self::Known(state, current) => names::Organization::Known {
                tree: &state.tree,
                current: *current,
                sharing: state.sharing,
                at: state.at,
            },
        }
    }
}

/// Who governs what, as the sets and trees say now.
#[derive(Debug, Default)]
pub struct Governance {
    /// What each set selects.
    pub selections: BTreeMap<String, Selection>,
    /// Who governs each selected cell.
    pub governors: BTreeMap<Cell, Governor>,
}

/// What the controllers of one term share.
pub struct Context {
    /// Writes to the cluster, and its client.
    pub writer: Writer,
    /// Whether we lead, and for how long.
    pub lease: Option<LeaseFence>,
    /// The stores.
    pub stores: Stores,
    /// Sessions in AWS.
    pub sessions: Sessions,
    /// The clock.
    pub clock: Clock,
    /// Metrics and events.
    pub telemetry: Arc<dyn Telemetry>,
    /// Who wakes whom.
    pub triggers: Triggers,
    /// The resource types that RAM lists and this version does not know.
    pub types: TypesBeside,
    halt: Arc<Halt>,
    organizations: RwLock<BTreeMap<String, OrganizationState>>,
    tried: tokio::sync::watch::Sender<BTreeSet<String>>,
    started: tokio::time::Instant,
    governance: Mutex<Option<Arc<Governance>>>,
    cells: Mutex<BTreeMap<Cell, Arc<tokio::sync::Mutex<CellMemory>>>>,
    index: Mutex<ShareIndex>,
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Context {
    /// A context with empty memories.
    pub fn new(
        writer: Writer,
        lease: Option<LeaseFence>,
        stores: Stores,
        sessions: Sessions,
        clock: Clock,
        telemetry: Arc<dyn Telemetry>,
        triggers: Triggers,
    ) -> Self {
        Self {
            halt: Halt::new(writer.client().clone(), stores.installations.clone()),
            writer,
            lease,
            stores,
            sessions,
            clock,
            telemetry,
            triggers,
            types: TypesBeside::default(),
            organizations: RwLock::default(),
            tried: tokio::sync::watch::Sender::default(),
            started: tokio::time::Instant::now(),
            governance: Mutex::default(),
            cells: Mutex::default(),
            index: Mutex::default(),
        }
    }

    /// What is asked before each write to AWS: whether we lead, and whether the installation is halted now.
    pub fn fence(&self) -> Arc<dyn Fence> {
        let leading = self.lease.clone().map(|lease| Arc::new(lease) as Arc<dyn Fence>);
        let all = fence::all(leading.into_iter().chain([Arc::clone(&self.halt) as Arc<dyn Fence>]));
        if mutant::is(Mutant::FenceOncePerPass) {
            return fence::open();
        }
        all
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.wall_now()
    }

    /// The one Installation, if it is there and can be read.
    pub fn installation(&self) -> Option<Installation> {
        self.stores.installations.get(None, INSTALLATION)?.0.clone().ok()
    }

    /// What is known of an organization now.
    pub fn organization(&self, name: Option<&str>) -> OrganizationView {
        let Some(name) = name else { return OrganizationView::None };
        let known = self.organizations.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        known.map_or(OrganizationView::Unknown, |state| {
            let current = state.is_current(self.now());
            OrganizationView::Known(state, current)
        })
    }

    /// Keeps what was read of an organization.
    pub fn keep_organization(&self, name: &str, state: OrganizationState) {
        self.organizations.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), state);
        self.forget_governance();
    }

    /// Forgets an organization that is no longer declared.
    pub fn forget_organization(&self, name: &str) {
        self.organizations.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        self.forget_governance();
    }

    /// An organization was read, or could not be.
    pub fn tried_organization(&self, name: &str) {
        self.tried.send_if_modified(|tried| tried.insert(name.to_owned()));
    }

    /// Waits until each declared organization was tried to be read once, at most for a while after the start.
    pub async fn organizations_tried(&self) {
        let all = |tried: &BTreeSet<String>| {
            let declared = self.stores.organizations.all();
            declared
                .iter()
                .all(|organization| tried.contains(&organization.name_any()) || organization.0.is_err())
        };
        let mut tried = self.tried.subscribe();
        // The sender is ours: it is not dropped while we wait.
        let _ = tokio::time::timeout_at(self.started + FIRST_TREE, tried.wait_for(all)).await;
    }

    /// Sets or trees have changed: who governs what is found anew when it is next asked.
    pub fn forget_governance(&self) {
        locked(&self.governance).take();
    }

    /// Who governs what.
    pub fn governance(&self) -> Arc<Governance> {
        if let Some(known) = locked(&self.governance).clone() {
            return known;
        }
        let sets = self.stores.sets.all();
        let living: Vec<&AccountSet> =
            readable(&sets).filter(|set| set.metadata.deletion_timestamp.is_none()).collect();
        let selections: BTreeMap<String, Selection> = living
            .iter()
            .map(|set| {
                let organization = self.organization(set.spec.organization.as_deref());
                (name_of(set), select(set, &living, &organization.as_names()))
            })
            .collect();
        let governance = Arc::new(Governance { governors: govern(&selections), selections });
        *locked(&self.governance) = Some(Arc::clone(&governance));
        governance
    }

    /// Who governs a cell. While a set cannot decide what it selects, or cannot be read, the cells that it governed
    /// last stay with it.
    pub fn governor(&self, cell: &Cell, last: Option<&str>) -> Option<Governor> {
        let governance = self.governance();
        if let Some(governor) = governance.governors.get(cell) {
            return Some(governor.clone());
        }
        let last = last?;
        let undecided = governance.selections.get(last).is_some_and(|selection| !selection.decided);
        let unreadable = self.stores.sets.get(None, last).is_some_and(|set| set.0.is_err());
        (undecided || unreadable).then(|| Governor::Set(last.to_owned()))
    }

    /// Whether some set cannot decide now what it selects, or cannot be read: no cell is certain to be nobody's then.
    pub fn is_governance_undecided(&self) -> bool {
        let undecided = self.governance().selections.values().any(|selection| !selection.decided);
        undecided || self.stores.sets.all().iter().any(|set| set.0.is_err())
    }

    /// What is remembered of a cell.
    pub fn memory(&self, cell: &Cell) -> Arc<tokio::sync::Mutex<CellMemory>> {
        Arc::clone(locked(&self.cells).entry(cell.clone()).or_default())
    }

    /// Forgets a cell that is no longer an object.
    pub fn forget_cell(&self, cell: &Cell) {
        locked(&self.cells).remove(cell);
        self.sessions.forget(cell);
    }

    /// Puts a Share where its cell finds it; says whether it changed in anything that a plan rests on.
    pub fn index(&self, share: &Guarded<Share>, gone: bool) -> bool {
        locked(&self.index).put(share, gone)
    }

    /// The names of the Shares that may belong to a cell.
    pub fn shares_of(&self, cell: &Cell, account_name: Option<&str>) -> Vec<Arc<Guarded<Share>>> {
        let keys = locked(&self.index).of(cell, account_name);
        keys.iter().filter_map(|key| self.stores.shares.get(Some(&key.namespace), &key.name)).collect()
    }

    /// The names of the Shares that cannot be read. None tells its account: each counts in every cell.
    pub fn unreadable_shares(&self) -> BTreeSet<ShareKey> {
        locked(&self.index).unreadable().clone()
    }

    /// The Shares of which it cannot be told what they declare in any cell: unreadable ones, and those whose account has no
    /// id yet. What bears their mark may be theirs.
    pub fn undecided_shares(&self) -> BTreeSet<ShareKey> {
        let mut undecided = self.unreadable_shares();
        let unplaced = locked(&self.index).unplaced().clone();
        let organizations = self.stores.organizations.all();
        let views =
            || organizations.iter().map(|organization| self.organization(Some(&organization.name_any())));
        undecided.extend(unplaced.into_iter().filter(|key| {
            let share = self.stores.shares.get(Some(&key.namespace), &key.name);
            share.is_some_and(|s| s.0.as_ref().is_ok_and(|s| super::share::cell(s, views()).is_err()))
        }));
        undecided
    }

    /// The settings by which an account is reached.
    pub fn access(set: &AccountSet) -> crate::aws::session::Access {
        access_of(set.spec.access.as_ref())
    }
}

/// Access settings as the sessions take them.
pub fn access_of(access: Option<&account_set::Access>) -> crate::aws::session::Access {
    crate::aws::session::Access {
        role_name: access.map(|access| access.role_name.clone()),
        external_id: access.and_then(|access| access.external_id.clone()),
    }
}

/// The cell that an AccountRegion stands for.
pub fn cell_of(region: &AccountRegion) -> Option<Cell> {
    Some(Cell {
        account: region.spec.account.parse().ok()?,
        region: region.spec.region.parse::<Region>().ok()?,
    })
}
