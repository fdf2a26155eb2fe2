//! Step 1, gather: the Shares, policies, set and organization that concern a cell, from the stores.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use kube::{ResourceExt, core::DeserializeGuard};

use super::{budgets, departures::with_departures, memory::CellMemory};
use crate::{
    api::{AccountRegion, AccountSet, Pin, PinKind, Share, SharingPolicy, duration},
    controllers::{
        context::{Context, OrganizationView},
        share_index::account_pin,
    },
    kube::{
        own::is_later,
        watched::{Guarded, readable},
    },
    mechanism::plan::{Circumstances, plan},
    model::{AccountId, Cell, Digest, ShareKey, Timestamp},
    org::Tree,
    plan::{
        budget::{Approvals, Budgets, Scope},
        claim::Recollection,
        desired::Desired,
        gate::Gate,
        govern::Governor,
        observed::Listing,
        record::{Record, Records},
        resolve::{Departure, Facts, key_of, resolve},
        sweep::Sweep,
        undeclared::Marks,
        view::Plan,
    },
};

/// Who may act in a cell.
pub enum Rule {
    /// This set governs it.
    Governed(Box<Gathered>),
    /// More than one set claims it: none acts.
    Conflict(Vec<String>),
    /// The set that governs it cannot be read: nothing is done until it can.
    Unreadable(String),
    /// No set selects it.
    Released,
    /// There is no readable Installation: nobody knows which marks are ours.
    NoInstallation,
}

/// What concerns a governed cell.
pub struct Gathered {
    /// The cell.
    pub cell: Cell,
    /// The set that governs it.
    pub set: AccountSet,
    /// What is known of the organization.
    pub organization: OrganizationView,
    /// The Shares of the cell, and whether they are going.
    pub shares: Vec<(Arc<Guarded<Share>>, Departure)>,
    /// All policies.
    pub policies: Vec<Arc<Guarded<SharingPolicy>>>,
    /// Shares that cannot be read, or whose cell cannot be told.
    pub unreadable: BTreeSet<ShareKey>,
    /// What is on record of containers that nobody declared.
    pub records: Records,
    /// The set's budget and the installation's, and what is known to use them.
    pub scopes: ScopesOf,
    /// What a person has approved.
    pub approvals: Approvals,
    /// `Installation.spec.id`.
    pub installation: String,
    /// `Installation.spec.peers`.
    pub peers: Vec<String>,
    /// What the platform allows now.
    pub gate: Gate,
    /// Now.
    pub now: Timestamp,
}

/// Finds out the budgets of a cell when they are asked for.
pub type ScopesOf = Box<dyn Fn() -> Vec<Scope> + Send + Sync>;

impl Gathered {
    /// Step 2: what should be.
    pub fn resolve(&self) -> Desired {
        let policies: Vec<&SharingPolicy> = readable(&self.policies).collect();
        resolve(&self.facts(&policies), self.shares())
    }

    /// Puts edits in place that have come since, such as while AWS was read: otherwise a Share that is edited more often than
    /// AWS can be read would never be carried out. What else has changed waits for the next pass. Answers whether there are any.
    pub fn catch_up(&mut self, context: &Context) -> bool {
        let mut any = false;
        for (share, departure) in &mut self.shares {
            let Ok(old) = &share.0 else { continue };
            let Some(new) = context.stores.shares.get(old.namespace().as_deref(), &old.name_any()) else {
                continue;
            };
            let Ok(edited) = &new.0 else { continue };
            let same_life = edited.uid() == old.uid() && *departure == Departure::Stays;
            let newer = is_later(&edited.metadata, &old.metadata);
            let stays = edited.metadata.deletion_timestamp.is_none();
            if same_life && newer && stays && belongs(edited, &self.cell, &self.organization) {
                *share = new;
                any = true;
            }
        }
        any
    }

    /// Puts our own latest writes in place of views from before them: what is on record would count as not done yet.
    pub fn catch_up_with_own(&mut self, memory: &mut CellMemory) {
        let there: BTreeSet<ShareKey> = self.shares().map(|(share, _)| key_of(share)).collect();
        memory.own.keep(self.now, |key| there.contains(key));
        for (share, _) in &mut self.shares {
            let own = share.0.as_ref().ok().and_then(|seen| memory.own.later(&key_of(seen), seen));
            if let Some(own) = own.cloned() {
                *share = Arc::new(DeserializeGuard(Ok(own)));
            }
        }
    }

    /// Step 4: what is to be done. `reserved`: removals that are in a budget's window already.
    pub fn plan(
        &self,
        desired: &Desired,
        listing: &Listing,
        recollection: &dyn Recollection,
        reserved: &BTreeSet<Digest>,
    ) -> Plan {
        let policies: Vec<&SharingPolicy> = readable(&self.policies).collect();
        let facts = self.facts(&policies);
        let undeclared = &self.set.spec.undeclared;
        let sweep = Sweep {
            action: undeclared.action,
            // What cannot be read is waited for as long as the default says.
            grace: duration::parse(&undeclared.grace_period).unwrap_or(Duration::from_secs(86_400)),
            ignore: &undeclared.ignore,
            set: uid(&self.set),
            permits: &facts,
            now: self.now,
        };
        let budgets = Budgets {
            scopes: &self.scopes,
            approvals: &self.approvals,
            reserved,
            policies: !self.policies.is_empty(),
        };
        let marks = self.marks();
        plan(
            desired,
            listing,
            &Circumstances { marks, gate: &self.gate, recollection, sweep, budgets, now: self.now },
        )
    }

    fn facts<'a>(&'a self, policies: &'a [&'a SharingPolicy]) -> Facts<'a> {
        Facts {
            cell: &self.cell,
            set: self.set.metadata.name.as_deref().unwrap_or_default(),
            organization: self.organization.as_names(),
            policies,
            policies_readable: policies.len() == self.policies.len(),
            now: self.now,
        }
    }

    /// The readable Shares.
    pub fn shares(&self) -> impl Iterator<Item = (&Share, Departure)> {
        self.shares.iter().filter_map(|(share, departure)| Some((share.0.as_ref().ok()?, *departure)))
    }

    /// Whose marks mean what.
    pub fn marks(&self) -> Marks<'_> {
        Marks {
            installation: &self.installation,
            peers: &self.peers,
            records: &self.records,
            unreadable: &self.unreadable,
        }
    }

    /// The name of the account, as the tree says.
    pub fn account_name(&self) -> Option<&str> {
        tree(&self.organization)?.accounts.get(&self.cell.account).map(|account| account.name.as_str())
    }

    /// The path of the unit that holds the account.
    pub fn unit_path(&self) -> Option<String> {
        tree(&self.organization)?.path_of(&self.cell.account)
    }

    /// The pin of a Share's `account`, where it is a name.
    pub fn account_pin(&self, share: &Share) -> Option<Pin> {
        let named = share.spec.account.parse::<AccountId>().is_err();
        named.then(|| Pin {
            kind: PinKind::Account,
            declared_as: share.spec.account.clone(),
            id: self.cell.account.to_string(),
        })
    }
}

fn tree(organization: &OrganizationView) -> Option<&Tree> {
    match organization {
        OrganizationView::Known(state, _) => Some(&state.tree),
        OrganizationView::None | OrganizationView::Unknown => None,
    }
}

/// Gathers what concerns a cell. The stores are whole before any pass runs.
pub async fn gather(context: &Arc<Context>, cell: &Cell, region: &AccountRegion) -> Rule {
    let Some(installation) = context.installation() else { return Rule::NoInstallation };
    let last = region.status.as_ref().and_then(|status| status.account_set.as_deref());
    let name = match context.governor(cell, last) {
        Some(Governor::Set(name)) => name,
        Some(Governor::Conflict(sets)) => return Rule::Conflict(sets),
        None => return Rule::Released,
    };
    let set = context.stores.sets.get(None, &name);
    let Some(set) = set.and_then(|set| set.0.clone().ok()) else { return Rule::Unreadable(name) };
    let organization = context.organization(set.spec.organization.as_deref());
    let account_name =
        tree(&organization).and_then(|tree| tree.accounts.get(&cell.account)).map(|a| a.name.clone());
    let mut candidates = context.shares_of(cell, account_name.as_deref());
    candidates.retain(|share| share.0.as_ref().is_ok_and(|share| belongs(share, cell, &organization)));
    let shares = with_departures(context, candidates).await;
    let settling = context.lease.as_ref().is_some_and(|lease| !lease.may_remove());
    Rule::Governed(Box::new(Gathered {
        cell: cell.clone(),
        gate: Gate::of(&installation, &set, settling),
        organization,
        shares,
        policies: policies(context),
        unreadable: context.undecided_shares(),
        records: records(context, cell),
        scopes: budgets::scopes(context, cell, &name),
        approvals: approvals(region, &set),
        peers: installation.spec.peers,
        installation: installation.spec.id,
        set,
        now: context.now(),
    }))
}

/// What a person approved under this very set.
fn approvals(region: &AccountRegion, set: &AccountSet) -> Approvals {
    let approved = region.status.as_ref().and_then(|status| status.approved.as_ref());
    let of_set = approved.filter(|approved| approved.account_set_uid.as_deref() == Some(uid(set)));
    Approvals {
        removals: of_set.iter().flat_map(|approved| approved.removals.iter().cloned()).collect(),
        last: format!("{} {}", uid(set), of_set.map_or("", |approved| &approved.digest)),
    }
}

/// A set's UID; blank for a manifest that was never applied.
pub(super) fn uid(set: &AccountSet) -> &str {
    set.metadata.uid.as_deref().unwrap_or_default()
}

/// Whether a Share's account, as pinned or else as the tree says, is the cell's.
pub fn belongs(share: &Share, cell: &Cell, organization: &OrganizationView) -> bool {
    if share.spec.region != cell.region.as_str() {
        return false;
    }
    if let Ok(id) = share.spec.account.parse::<AccountId>() {
        return id == cell.account;
    }
    match account_pin(share) {
        Some(id) => id == cell.account,
        None => tree(organization)
            .is_some_and(|tree| tree.account(&share.spec.account).is_ok_and(|id| id == cell.account)),
    }
}

/// In the order of their names: what is said of them must not depend on the order in which they came.
fn policies(context: &Context) -> Vec<Arc<Guarded<SharingPolicy>>> {
    let mut policies = context.stores.policies.all();
    policies.sort_by_key(|policy| policy.name_any());
    policies
}

fn records(context: &Context, cell: &Cell) -> Records {
    let records = context.stores.undeclared.all();
    let here = readable(&records).filter(|record| super::records::is_of(record, cell));
    here.filter_map(Record::of).collect()
}
