//! What becomes of a container that nobody declares: reported, waited for, kept, removed. Mark, wait, remove.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    api::{
        Reason,
        account_set::{IgnoreRule, UndeclaredAction},
        undeclared_share::{Decision, Phase, Why},
    },
    model::{Principal, ShareKey, Timestamp},
    mutant::{self, Mutant},
    plan::{
        change::{Change, ChangeKind},
        desired::{Cause, Switches},
        gate::Gate,
        observed::{AssociationState, Container, ContainerState, Origin},
        permit::Permits,
        policy::matches,
        record::Record,
        undeclared::Undeclared,
    },
};

/// What a set says of what nobody declares.
#[derive(Clone, Copy)]
pub struct Sweep<'a> {
    /// What is done.
    pub action: UndeclaredAction,
    /// How long it is waited after a second complete reading.
    pub grace: Duration,
    /// What is meant to be there.
    pub ignore: &'a [IgnoreRule],
    /// The UID of the set: what was seen under another one counts for nothing.
    pub set: &'a str,
    /// What policies say, for what was released.
    pub permits: &'a dyn Permits,
    /// Now.
    pub now: Timestamp,
}

/// What becomes of something undeclared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is happening to it.
    pub phase: Phase,
    /// Why, and what to do, in words.
    pub message: String,
    /// When it is removed, unless somebody decides otherwise.
    pub due: Option<Timestamp>,
    /// What is done now.
    pub allowed: Vec<Change>,
    /// What would be done, and what holds it.
    pub held: Vec<(Change, Reason)>,
    /// A decision was made about other grants than are there now.
    pub void: bool,
    /// It must be on record, whatever the set says about objects: its removal is pending, or somebody decided.
    pub recorded: bool,
}

impl Verdict {
    fn shown(phase: Phase, message: impl Into<String>) -> Self {
        Self { phase, message: message.into(), ..Self::default() }
    }
}

impl Verdict {
    /// Holds changes back, and says so.
    pub(super) fn hold(&mut self, held: Vec<(Change, Reason)>) {
        if let Some((_, reason)) = held.first().filter(|_| self.allowed.is_empty()) {
            self.phase = Phase::Held;
            self.message = format!("{}; held: {}", self.message, reason.meaning());
        }
        self.held.extend(held);
    }
}

/// Judges one container that nobody declares.
pub fn judge(undeclared: &Undeclared, record: Option<&Record>, sweep: &Sweep<'_>, gate: &Gate) -> Verdict {
    let evidence = undeclared.evidence();
    if undeclared.container.origin == Origin::OwnPolicy {
        return own_policy(undeclared, record.is_some_and(|record| record.decision != Decision::None));
    }
    let mut verdict = match undeclared.why {
        Why::ServiceManaged => {
            Verdict::shown(Phase::Reported, "an AWS service manages it and it is left alone")
        }
        Why::OtherInstallation => {
            Verdict::shown(Phase::Reported, "it belongs to another installation and is left alone")
        }
        Why::Undecided => Verdict::shown(Phase::Reported, undecided(undeclared.origin.as_ref())),
        Why::Released | Why::Foreign | Why::Orphaned => {
            let released = (undeclared.why == Why::Released).then(|| released(undeclared, record, sweep));
            match (record.map_or(Decision::None, |record| record.decision_on(&evidence)), released) {
                // What ends and what policy takes away waits for no decision.
                (_, Some(ended)) if !ended.allowed.is_empty() => ended,
                (Decision::Keep, _) => Verdict::shown(Phase::Kept, "somebody decided that it stays"),
                (Decision::Adopt, _) => adoptable(record),
                (Decision::Remove, _) => removal(undeclared, record, sweep, true),
                (Decision::None, Some(stays)) => stays,
                (Decision::None, None) => swept(undeclared, record, sweep),
            }
        }
    };
    let decided = record.is_some_and(|record| record.decision != Decision::None);
    verdict.void = record.is_some_and(|record| record.is_void_for(&evidence));
    verdict.recorded |= decided || undeclared.why == Why::Released;
    if verdict.void {
        verdict.message = format!(
            "the decision is void, since the grants have changed: look again and write evidence {evidence}; {}",
            verdict.message
        );
    }
    pass(&mut verdict, gate);
    verdict
}

/// What others wrote into a resource's policy is shown, whatever a set or a person says of it: only they can change it.
fn own_policy(undeclared: &Undeclared, decided: bool) -> Verdict {
    let name = &undeclared.container.name;
    let message = format!(
        "the policy of {name} grants it by statements that are not ours, and those are never changed; take it out of the policy, or declare it in a Share and then take it out"
    );
    Verdict { recorded: decided, ..Verdict::shown(Phase::Reported, message) }
}

/// Lets the changes through the modes.
fn pass(verdict: &mut Verdict, gate: &Gate) {
    let mut held = vec![];
    for change in std::mem::take(&mut verdict.allowed) {
        match gate.holds(Switches::default(), &change) {
            None => verdict.allowed.push(change),
            Some(reason) => held.push((change, reason)),
        }
    }
    if !verdict.allowed.is_empty() {
        verdict.phase = Phase::Removing;
    }
    verdict.hold(held);
}

/// What becomes of a container that a Share has on record as its own while its mark names another: nothing, until that is
/// settled.
pub fn disputed(share: &ShareKey) -> Verdict {
    let message = format!(
        "Share {share} has it on record as its own, while its mark says otherwise, so it is left alone; put the mark right, or delete that Share"
    );
    Verdict::shown(Phase::Reported, message)
}

fn undecided(share: Option<&ShareKey>) -> String {
    let share = share.map(ToString::to_string).unwrap_or_default();
    format!(
        "its mark names Share {share}, which cannot be read or whose account means nothing, so it is left alone; put that Share right, or delete it"
    )
}

fn adoptable(record: Option<&Record>) -> Verdict {
    let whom = record.and_then(|record| record.for_share.as_ref());
    let whom = whom.map_or_else(|| "a Share".to_owned(), |share| format!("Share {share}"));
    Verdict::shown(Phase::Kept, format!("it waits to be adopted by {whom}, whose `adopt.arn` must name it"))
}

/// By the set's action.
fn swept(undeclared: &Undeclared, record: Option<&Record>, sweep: &Sweep<'_>) -> Verdict {
    if let Some(rule) = ignored(sweep.ignore, undeclared) {
        return Verdict::shown(Phase::Reported, format!("the AccountSet leaves it alone: {}", rule.reason));
    }
    if sweep.action == UndeclaredAction::Report {
        return Verdict::shown(Phase::Reported, "the AccountSet only reports it");
    }
    removal(undeclared, record, sweep, false)
}

/// Seen twice in complete readings and older than grace; a person's word takes the place of grace alone.
fn removal(undeclared: &Undeclared, record: Option<&Record>, sweep: &Sweep<'_>, decided: bool) -> Verdict {
    let waiting =
        |message: String, due| Verdict { due, recorded: true, ..Verdict::shown(Phase::Waiting, message) };
    let seen = record
        .filter(|record| record.seen_under.as_deref() == Some(sweep.set))
        .and_then(|record| Some((record.first_seen?, confirmation(record))));
    let Some((first_seen, Some(confirmed))) = seen else {
        let message = if decided {
            "somebody decided that it goes: it is removed once a second complete reading has shown it, without waiting for the grace period"
        } else {
            "it is removed once a second complete reading has shown it and the grace period has passed"
        };
        return waiting(message.into(), None);
    };
    let grace = if decided || mutant::is(Mutant::FirstSighting) { Duration::ZERO } else { sweep.grace };
    let due = confirmed.checked_add(grace).unwrap_or(Timestamp::MAX);
    if due > sweep.now {
        let message = format!("it is removed on {due}, unless a Share adopts it or somebody decides `Keep`");
        return waiting(message, Some(due));
    }
    let whole = decided || sweep.action == UndeclaredAction::Delete;
    let allowed = if whole { deletion(&undeclared.container) } else { emptying(&undeclared.container) };
    if allowed.is_empty() {
        return Verdict {
            recorded: true,
            ..Verdict::shown(Phase::Reported, nothing_left(&undeclared.container))
        };
    }
    let by = if decided { "somebody decided so" } else { "the AccountSet's `undeclared.action` says so" };
    let message = format!("it is removed, since {by}; first seen {first_seen}, confirmed {confirmed}");
    Verdict { due: Some(due), allowed, recorded: true, ..Verdict::shown(Phase::Removing, message) }
}

/// When a second reading confirmed it.
fn confirmation(record: &Record) -> Option<Timestamp> {
    record.confirmed_at.or_else(|| record.first_seen.filter(|_| mutant::is(Mutant::FirstSighting)))
}

fn nothing_left(container: &Container) -> String {
    match container.state {
        ContainerState::Active => "nobody has access by it any more".to_owned(),
        ref other => format!("it is {other} and is left alone until that is over"),
    }
}

fn deletion(container: &Container) -> Vec<Change> {
    let deletable = matches!(container.state, ContainerState::Active | ContainerState::Failed);
    deletable.then(|| ChangeKind::Delete.because(Cause::Undeclared)).into_iter().collect()
}

fn emptying(container: &Container) -> Vec<Change> {
    removable(container).map(|p| ChangeKind::RemovePrincipal(p.clone()).because(Cause::Undeclared)).collect()
}

/// The principals that a write can take out now.
fn removable(container: &Container) -> impl Iterator<Item = &Principal> {
    let active = container.state.is_writable();
    let rows = container.principals.iter().filter(move |(_, row)| {
        active && matches!(row.state, AssociationState::Associating | AssociationState::Associated)
    });
    rows.map(|(principal, _)| principal)
}

/// What was let go stays, but for what ends and what policy no longer allows.
fn released(undeclared: &Undeclared, record: Option<&Record>, sweep: &Sweep<'_>) -> Verdict {
    let stays = Verdict::shown(Phase::Reported, "its Share was let go and its grants stay");
    let Some(record) = record else { return stays };
    let namespace = record.origin.as_ref().map(|origin| origin.namespace.as_str()).unwrap_or_default();
    // What policies cannot be asked about stays; what has ended goes all the same.
    let refused = sweep.permits.refused(namespace, &undeclared.container, &record.ends).unwrap_or_default();
    let allowed: Vec<Change> = removable(&undeclared.container)
        .filter_map(|principal| {
            let external = undeclared.container.principals.get(principal).is_some_and(|row| row.external);
            let end = record.ends.get(&principal.to_string());
            let cause = match end {
                Some(end) if *end <= sweep.now => Cause::Expired,
                // An end that is not on record may have been cut off from its list.
                None if external => return None,
                _ if refused.contains_key(principal) => Cause::Policy,
                _ => return None,
            };
            Some(ChangeKind::RemovePrincipal(principal.clone()).because(cause))
        })
        .collect();
    let due = next_end(&record.ends, sweep.now);
    let Some(first) = allowed.first() else {
        let message =
            due.map_or(stays.message.clone(), |due| format!("{}; the next ends on {due}", stays.message));
        return Verdict { message, due, ..stays };
    };
    let why = match first.cause {
        Cause::Expired => "its `until` has passed".to_owned(),
        _ => refused.values().next().map(|refusal| refusal.message.clone()).unwrap_or_default(),
    };
    let message = format!("its Share was let go; {} principals are taken out: {why}", allowed.len());
    Verdict { due, allowed, ..Verdict::shown(Phase::Removing, message) }
}

fn next_end(ends: &BTreeMap<String, Timestamp>, now: Timestamp) -> Option<Timestamp> {
    ends.values().filter(|end| **end > now).min().copied()
}

/// The rule that leaves it alone. A rule by name or tags hides nothing that lets somebody outside in: whoever shares can
/// name and tag as he likes.
pub fn ignored<'r>(rules: &'r [IgnoreRule], undeclared: &Undeclared) -> Option<&'r IgnoreRule> {
    let container = &undeclared.container;
    let exact = |rule: &IgnoreRule| rule.arn.as_deref() == Some(container.id.as_str());
    let loose = |rule: &IgnoreRule| {
        let by_name = rule.name.as_ref().is_some_and(|pattern| matches(pattern, &container.name));
        let by_tags = rule.tags.as_ref().is_some_and(|tags| {
            !tags.is_empty() && tags.iter().all(|(k, v)| container.tags.get(k) == Some(&v.0))
        });
        by_name || by_tags
    };
    rules.iter().find(|rule| exact(rule) || (!undeclared.is_external() && loose(rule)))
}

#[cfg(test)]
mod tests;
