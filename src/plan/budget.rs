//! How much may be removed in a window without a person's word. Over it nothing at all is removed.
//!
//! A removal is one container that is deleted or emptied, or one principal or resource that is taken out of one. Every
//! removal counts but those that the last edit of that very Share asks for, those whose `until` has passed, and those that
//! shut out only principals outside the organization.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    api::{Reason, budget::Budget, duration},
    model::{Digest, Timestamp},
    mutant::{self, Mutant},
    plan::{
        chain::Owner,
        change::{Change, ChangeKind, Effect},
        desired::Cause,
        observed::{Container, Listing},
        report::describe,
        undeclared::evidence,
        view::Plan,
    },
};

/// The most removals that one approval covers; the rest waits for the next.
const MOST_APPROVED: usize = 1000;
/// Shown of what is held.
const EXAMPLES: usize = 20;

/// A budget, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Removals at most in a window.
    pub removals: u32,
    /// At most so many in a hundred of the containers that existed when the window began.
    pub percent: u32,
    /// Containers from which the percentage counts.
    pub min_existing: u32,
    /// The length of a window.
    pub window: Duration,
}

/// What was removed in a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// When the window began.
    pub since: Timestamp,
    /// Removals made or reserved.
    pub removed: u32,
    /// Live containers when it began.
    pub existing: u32,
    /// The latest removals that were counted, the newest last.
    pub latest: Vec<String>,
}

/// Removals that a window knows by their fingerprints. What was counted before them is counted again if it is tried again,
/// by a process that does not remember it.
const LATEST: usize = 100;

impl Limit {
    /// Reads a budget; a window that cannot be read is an hour.
    pub fn of(budget: &Budget) -> Self {
        let number = |n: i32| u32::try_from(n).unwrap_or_default();
        Self {
            removals: number(budget.max_removals),
            percent: number(budget.max_percent),
            min_existing: number(budget.min_existing),
            window: duration::parse(&budget.window).unwrap_or(Duration::from_secs(3600)),
        }
    }

    /// The window with these removals in it, or why they do not fit. `existing` is what a window that begins now begins
    /// with. What the window has counted already is not counted again: a process may have died before it made it.
    pub fn reserve(
        &self,
        used: Option<&Used>,
        existing: u32,
        removals: &[Digest],
        now: Timestamp,
    ) -> Result<Used, String> {
        let current = used.filter(|used| self.lasts(used.since, now) && !mutant::is(Mutant::BudgetPerPass));
        let mut used = current.cloned().unwrap_or(Used { since: now, removed: 0, existing, latest: vec![] });
        let counted = |removal: &&Digest| used.latest.iter().any(|known| known == removal.as_str());
        let new: Vec<&Digest> = removals.iter().filter(|removal| !counted(removal)).collect();
        let more = u32::try_from(new.len()).unwrap_or(u32::MAX);
        let (most, of) = self.most(used.existing);
        // What is in the window already was within the budget when it was counted.
        if more > 0 && used.removed.saturating_add(more) > most {
            let spent = if used.removed > 0 {
                format!(", {} of them used since {}", used.removed, used.since)
            } else {
                String::new()
            };
            let window = words(self.window);
            return Err(format!("{more} removals, of which {most} may be made in {window}{of}{spent}"));
        }
        used.removed += more;
        used.latest.extend(new.iter().map(ToString::to_string));
        used.latest.drain(..used.latest.len().saturating_sub(LATEST));
        Ok(used)
    }

    /// A window that begins in the future lasts: another cell's pass, or another machine's clock, is ahead of this one.
    fn lasts(&self, since: Timestamp, now: Timestamp) -> bool {
        let age = now.as_second().saturating_sub(since.as_second());
        u64::try_from(age).unwrap_or_default() < self.window.as_secs()
    }

    fn most(&self, existing: u32) -> (u32, String) {
        let share = u64::from(existing) * u64::from(self.percent) / 100;
        let share = u32::try_from(share).unwrap_or(u32::MAX);
        if existing >= self.min_existing && share < self.removals {
            (share, format!(" ({} % of {existing} shares)", self.percent))
        } else {
            (self.removals, String::new())
        }
    }
}

fn words(window: Duration) -> String {
    match window.as_secs() {
        seconds if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

/// What one budget is about: a set or the installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `AccountSet network`.
    pub name: String,
    /// The budget.
    pub limit: Limit,
    /// What was removed in its window.
    pub used: Option<Used>,
    /// Live containers in all its cells.
    pub existing: u32,
    /// Shares in all its cells, those being deleted too.
    pub shares: usize,
    /// Containers that Shares declare, in its other cells.
    pub declared_elsewhere: usize,
}

/// What a person has approved in a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvals {
    /// The removals that are released and were not seen done yet.
    pub removals: BTreeSet<String>,
    /// Under which set, and which digest, it was done last: what is held anew has another digest.
    pub last: String,
}

impl Approvals {
    /// Nobody has approved anything.
    pub const NONE: Self = Self { removals: BTreeSet::new(), last: String::new() };
}

/// All that limits the removals of a cell.
#[derive(Clone, Copy)]
pub struct Budgets<'a> {
    /// The set's and the installation's; none where nothing limits. Asked only when there is something to remove, since
    /// it takes a look at every cell.
    pub scopes: &'a dyn Fn() -> Vec<Scope>,
    /// What a person has approved.
    pub approvals: &'a Approvals,
    /// Removals that are in a window already: they were tried before.
    pub reserved: &'a BTreeSet<Digest>,
    /// Whether there is any SharingPolicy.
    pub policies: bool,
}

/// Nothing limits: laws and tables about something else.
pub const UNLIMITED: Budgets<'static> =
    Budgets { scopes: &Vec::new, approvals: &Approvals::NONE, reserved: &BTreeSet::new(), policies: true };

/// The removals of a cell that wait for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldRemovals {
    /// A digest of exactly these, held now: once it was approved, the same held again has another.
    pub digest: String,
    /// What would be approved of each, at most as many as one approval covers.
    pub removals: BTreeSet<String>,
    /// How many there are.
    pub total: usize,
    /// Why.
    pub because: String,
    /// The first of them in words.
    pub examples: Vec<String>,
}

/// One removal in a plan.
struct Removal {
    /// Of what is removed from what: in a window it counts once.
    id: Digest,
    /// Also of the cause and, where a container goes whole, of its grants: a person approves nothing else.
    approvable: Digest,
    owner: Owner,
    /// The changes that make it.
    changes: Vec<Change>,
    cause: Cause,
    counts: bool,
    words: String,
}

/// Holds back what the budgets do not allow. What passes is noted with the plan, to be reserved before it is sent.
pub fn hold(plan: &mut Plan, listing: &Listing, budgets: &Budgets<'_>, now: Timestamp) {
    let declared = plan.shares.values().flat_map(|slots| slots.values());
    let declared = declared.filter(|view| view.container.is_some() && !view.lost).count();
    let removals = removals(plan, listing);
    let scopes = if removals.is_empty() { vec![] } else { (budgets.scopes)() };
    let (mut held, mut new, mut because) = (vec![], vec![], None);
    for removal in removals {
        if budgets.approvals.removals.contains(removal.approvable.as_str()) {
            plan.approved.insert(removal.approvable.to_string());
            continue;
        }
        if let Some(why) = never_alone(&removal, &scopes, budgets.policies, declared) {
            because.get_or_insert(why);
            held.push(removal);
        } else if removal.counts && !budgets.reserved.contains(&removal.id) {
            new.push(removal);
        }
    }
    if let Some(why) = refusal(&new, &scopes, now) {
        because.get_or_insert(why);
        held.append(&mut new);
    }
    plan.to_reserve = new.into_iter().map(|removal| (removal.owner, removal.id)).collect();
    withhold(plan, &held);
    plan.held = because.map(|because| account(&held, because, &budgets.approvals.last));
}

/// Why a removal is never made without a person's word: what it rests on may well be a view that is empty by mistake.
fn never_alone(removal: &Removal, scopes: &[Scope], policies: bool, declared: usize) -> Option<String> {
    match removal.cause {
        Cause::Undeclared => scopes.iter().find_map(|scope| {
            if scope.shares == 0 {
                return Some(format!("there is no Share at all in {}", scope.name));
            }
            (scope.declared_elsewhere + declared == 0)
                .then(|| format!("all that is shared in {} is undeclared", scope.name))
        }),
        Cause::Policy if !policies => Some("there is no SharingPolicy at all".to_owned()),
        _ => None,
    }
}

fn refusal(new: &[Removal], scopes: &[Scope], now: Timestamp) -> Option<String> {
    if new.is_empty() {
        return None;
    }
    let removals: Vec<Digest> = new.iter().map(|removal| removal.id.clone()).collect();
    scopes.iter().find_map(|scope| {
        let reserved = scope.limit.reserve(scope.used.as_ref(), scope.existing, &removals, now);
        reserved.err().map(|why| format!("{}: {why}", scope.name))
    })
}

/// All removals of a plan that are not the edit of that very Share and end of no `until`.
fn removals(plan: &Plan, listing: &Listing) -> Vec<Removal> {
    let slots = plan.shares.iter().flat_map(|(share, slots)| {
        slots.iter().filter_map(move |(slot, view)| {
            let owner = Owner::Share(share.clone(), slot.clone());
            Some((owner, format!("Share {share}"), view.container.as_ref()?, &view.allowed))
        })
    });
    let undeclared = plan.undeclared.iter().map(|u| {
        let (id, who) = (&u.container.id, format!("undeclared {}", u.container.name));
        (Owner::Nobody(id.clone()), who, id, &u.verdict.allowed)
    });
    let all = slots.chain(undeclared).filter_map(|(owner, who, id, changes)| {
        Some(of_container(&owner, &who, listing.containers.get(id)?, changes))
    });
    all.flatten().collect()
}

/// A container that goes whole is one removal; else each principal and resource is one.
fn of_container(owner: &Owner, who: &str, container: &Container, changes: &[Change]) -> Vec<Removal> {
    let limited: Vec<&Change> = changes.iter().filter(|change| is_limited(change)).collect();
    let removal = |of: &[&Change], what: String, grants: &str| {
        let cause = of.iter().map(|change| change.cause).max().unwrap_or(Cause::Edit);
        Removal {
            id: Digest::of([container.id.as_str(), &what]),
            approvable: Digest::of([container.id.as_str(), &what, because(cause), grants]),
            owner: owner.clone(),
            changes: of.iter().map(|change| (*change).clone()).collect(),
            cause,
            counts: of.iter().any(|change| shuts_out_somebody_inside(change, container)),
            words: format!("{who}: {what} ({}), {}", container.id, because(cause)),
        }
    };
    if limited.iter().any(|change| change.kind == ChangeKind::Delete) {
        return vec![removal(
            &limited,
            describe(&ChangeKind::Delete, container.object_kind()),
            evidence(container).as_str(),
        )];
    }
    if limited.iter().any(|change| change.cause == Cause::Undeclared) {
        return vec![removal(&limited, "take all principals out".to_owned(), evidence(container).as_str())];
    }
    limited
        .iter()
        .map(|change| removal(&[change], describe(&change.kind, container.object_kind()), ""))
        .collect()
}

fn is_limited(change: &Change) -> bool {
    let flag = matches!(change.kind, ChangeKind::SetExternal(_));
    change.effect == Effect::Narrow && !flag && !matches!(change.cause, Cause::Edit | Cause::Expired)
}

/// Access from outside is shut at once, whatever the budget.
fn shuts_out_somebody_inside(change: &Change, container: &Container) -> bool {
    // Who is outside is told by the tree too: what goes since that has changed counts whoever it is.
    if change.cause == Cause::Tree {
        return true;
    }
    match &change.kind {
        ChangeKind::RemovePrincipal(p) => container.principals.get(p).is_none_or(|row| !row.external),
        ChangeKind::Delete => {
            let mut live = container.principals.values().filter(|row| row.state.may_grant()).peekable();
            live.peek().is_none() || live.any(|row| !row.external)
        }
        _ => true,
    }
}

fn because(cause: Cause) -> &'static str {
    match cause {
        Cause::Edit => "by an edit of the Share",
        Cause::Drift => "since it is not as it was made",
        Cause::Policy => "since no policy allows it",
        Cause::Expired => "since its `until` has passed",
        Cause::Tree => "since the organization, a set or a name changed",
        Cause::Deletion => "since the Share is being deleted",
        Cause::Claim => "since the Share claims it",
        Cause::Found => "since the Share is not known to have made it",
        Cause::Undeclared => "since nobody declares it",
    }
}

/// Takes held removals out of what is done.
fn withhold(plan: &mut Plan, held: &[Removal]) {
    for removal in held {
        let aside = removal.changes.iter().map(|change| (change.clone(), Reason::RemovalsHeld));
        let stays = |change: &Change| !removal.changes.contains(change);
        match &removal.owner {
            Owner::Share(share, slot) => {
                if let Some(view) = plan.shares.get_mut(share).and_then(|slots| slots.get_mut(slot)) {
                    view.allowed.retain(stays);
                    view.held.extend(aside);
                }
            }
            Owner::Nobody(id) => {
                if let Some(undeclared) = plan.undeclared.iter_mut().find(|u| u.container.id == *id) {
                    undeclared.verdict.allowed.retain(stays);
                    undeclared.verdict.hold(aside.collect());
                }
            }
        }
    }
}

fn account(held: &[Removal], because: String, approved_last: &str) -> HeldRemovals {
    let all: BTreeSet<String> = held.iter().map(|removal| removal.approvable.to_string()).collect();
    let total = all.len();
    let removals: BTreeSet<String> = all.into_iter().take(MOST_APPROVED).collect();
    HeldRemovals {
        digest: Digest::of(removals.iter().map(String::as_str).chain([approved_last])).to_string(),
        removals,
        total,
        because,
        examples: held.iter().map(|removal| removal.words.clone()).take(EXAMPLES).collect(),
    }
}

#[cfg(test)]
mod tests;
