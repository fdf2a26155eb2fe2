//! The status of an UndeclaredShare, as a function of what was seen, what is on record and what becomes of it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{
        Reason, UndeclaredShare,
        conditions::{self, READY, STALLED, Status},
        formats::STATUS_LIST_MAX,
        undeclared_share::{
            Decision, Origin, Phase, UndeclaredCounts, UndeclaredPrincipal, UndeclaredShareStatus, Why,
        },
    },
    model::{Cell, Timestamp},
    plan::{observed::Container, receipt::Failure, undeclared::Undeclared},
};

/// How long after the first reading a second one confirms it, in seconds: two in one moment are one.
const CONFIRMED_AFTER: i64 = 60;

/// What a pass tells of when something was seen.
#[derive(Clone, Copy)]
pub(super) struct Sightings<'a> {
    /// A whole reading was made.
    pub(super) full: bool,
    /// The UID of the governing set: what was seen under another one counts for nothing.
    pub(super) set: &'a str,
    /// Now.
    pub(super) now: Timestamp,
}

/// The status as it should stand; what was seen before is kept from `before`.
pub(super) fn status(
    cell: &Cell,
    undeclared: &Undeclared,
    before: &UndeclaredShareStatus,
    existing: Option<&UndeclaredShare>,
    sightings: Sightings<'_>,
) -> UndeclaredShareStatus {
    let container = &undeclared.container;
    let now = sightings.now;
    let mut principals = principals(container, before);
    let resources: Vec<String> = container
        .resources
        .iter()
        .filter(|(_, row)| row.state.may_grant())
        .map(|(arn, _)| arn.clone())
        .collect();
    let counts = UndeclaredCounts { resources: count(resources.len()), principals: count(principals.len()) };
    let external = count(principals.iter().filter(|p| p.external).count());
    principals.truncate(STATUS_LIST_MAX);
    // The first complete reading shows it, the second confirms it: those are the times of two readings, not of now.
    let same_set = before.account_set_uid.as_deref() == Some(sightings.set);
    let seen = before.first_seen.clone().filter(|_| same_set);
    let confirmed = before.confirmed_at.clone().filter(|_| same_set);
    let confirms = |seen: &Time| sightings.full && now.as_second() - seen.0.as_second() >= CONFIRMED_AFTER;
    let confirmed = confirmed.or_else(|| seen.as_ref().is_some_and(confirms).then_some(Time(now)));
    let verdict = &undeclared.verdict;
    let mut status = UndeclaredShareStatus {
        observed_generation: existing.and_then(|record| record.metadata.generation),
        conditions: before.conditions.clone(),
        account: cell.account.to_string(),
        region: cell.region.to_string(),
        mechanism: container.mechanism().to_string(),
        id: container.id.to_string(),
        name: Some(container.name.clone()),
        why: undeclared.why,
        origin: before.origin.clone().or_else(|| origin(undeclared)),
        resources: resources.into_iter().take(STATUS_LIST_MAX).collect(),
        principals,
        counts: Some(counts),
        external,
        public: false,
        first_seen: Some(seen.unwrap_or(Time(now))),
        confirmed_at: confirmed,
        account_set_uid: Some(sightings.set.to_owned()),
        released_at: before.released_at.clone(),
        ends: before.ends.clone(),
        evidence: Some(undeclared.evidence().to_string()),
        phase: verdict.phase,
        due: verdict.due.map(Time),
        message: Some(message(undeclared, external)),
    };
    write_conditions(&mut status, undeclared, existing, now);
    status
}

/// Whether what people decided is carried out, and what keeps it from being.
fn write_conditions(
    status: &mut UndeclaredShareStatus,
    undeclared: &Undeclared,
    existing: Option<&UndeclaredShare>,
    now: Timestamp,
) {
    let verdict = &undeclared.verdict;
    let decision = existing.map(|record| record.spec.decision).unwrap_or_default();
    let held = verdict.held.first().map(|(_, reason)| *reason);
    let open = matches!(decision, Decision::Remove | Decision::Adopt);
    let (ready, reason) = match held {
        _ if verdict.void => (Status::False, Reason::EvidenceChanged),
        Some(reason) => (Status::False, reason),
        None if open => (Status::False, Reason::Waiting),
        None => (Status::True, Reason::Resolved),
    };
    let (text, generation) = (status.message.clone().unwrap_or_default(), status.observed_generation);
    conditions::set(&mut status.conditions, READY, ready, reason, &text, generation, now);
    if verdict.void || held.is_some() {
        conditions::set(&mut status.conditions, STALLED, Status::True, reason, &text, generation, now);
    } else {
        conditions::remove(&mut status.conditions, STALLED);
    }
}

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// Outside first. The end of what was released is kept from its record.
fn principals(container: &Container, before: &UndeclaredShareStatus) -> Vec<UndeclaredPrincipal> {
    let live = container.principals.iter().filter(|(_, row)| row.state.may_grant());
    let mut principals: Vec<UndeclaredPrincipal> = live
        .map(|(principal, row)| {
            let id = principal.to_string();
            let until = before.ends.iter().find(|end| end.id == id).map(|end| end.until.clone());
            UndeclaredPrincipal { id, external: row.external, until }
        })
        .collect();
    principals.sort_by(|a, b| (!a.external, &a.id).cmp(&(!b.external, &b.id)));
    principals
}

fn origin(undeclared: &Undeclared) -> Option<Origin> {
    let share = undeclared.origin.as_ref()?;
    let uid = undeclared.container.mark().map(|mark| mark.uid).filter(|uid| !uid.is_empty());
    Some(Origin { namespace: share.namespace.clone(), name: share.name.clone(), uid })
}

fn message(undeclared: &Undeclared, external: i32) -> String {
    let who = match (external, undeclared.container.principals.len()) {
        (0, inside) => format!("shared with {inside} principals, none outside the organization"),
        (outside, _) => format!("shared with {outside} principals outside the organization"),
    };
    let why = match undeclared.why {
        Why::Foreign => "no Share declares it and it carries no mark of ours; ",
        Why::Orphaned => "it carries our mark, but no Share declares it; ",
        // The verdict says it all.
        Why::OtherInstallation | Why::ServiceManaged | Why::Released | Why::Undecided => "",
    };
    let name = &undeclared.container.name;
    match undeclared.verdict.message.as_str() {
        "" => format!("{name}: {why}{who}"),
        verdict => format!("{name}: {why}{who}; {verdict}"),
    }
}

/// Says what keeps a removal from being made.
pub(super) fn write_failure(status: &mut UndeclaredShareStatus, failure: &Failure, now: Timestamp) {
    let message = format!("{}; {}", status.message.clone().unwrap_or_default(), failure.message);
    let (reason, generation) = (failure.reason, status.observed_generation);
    conditions::set(&mut status.conditions, READY, Status::False, reason, &message, generation, now);
    conditions::set(&mut status.conditions, STALLED, Status::True, reason, &message, generation, now);
    status.message = Some(message);
    status.phase = Phase::Held;
}
