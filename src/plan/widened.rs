//! What was put into containers so lately that no reading need show it. It is on record in the Share's status before AWS is
//! asked, since RAM is eventually consistent and a process may die: whoever comes after must not take a reading without a
//! member for its absence, and put a resource before a principal that nobody declares any more (law 2).

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    desired::{DesiredContainer, DesiredShare, Standing},
    expect::WINDOW_SECONDS,
    step::Members,
};
use crate::{
    api::share_status::{ShareContainer, Widening},
    model::{Slot, Timestamp},
};

/// What is put in within so many seconds is one entry of the record. Long, so that what AWS refuses again and again, and is
/// sent at last every ten minutes, is rarely put on record anew.
const TOGETHER_SECONDS: i64 = 3600;

/// For how long after its entry began a member may be there without being listed, in seconds.
const ON_RECORD_SECONDS: i64 = WINDOW_SECONDS + TOGETHER_SECONDS;

/// In seconds.
fn age(entry: &Widening, now: Timestamp) -> i64 {
    now.as_second().saturating_sub(entry.at.0.as_second())
}

/// Notes that members are about to be put in. What is on record stays as it is for a while, so that a retry changes nothing;
/// what is too old to mean anything goes.
pub fn note(container: &mut ShareContainer, members: &Members, now: Timestamp) {
    if members.without(&recent(container, now)).is_empty() && is_unanswered(container) {
        return;
    }
    let record = &mut container.widened;
    record.retain(|entry| age(entry, now) < ON_RECORD_SECONDS);
    let last = record.pop_if(|entry| age(entry, now) < TOGETHER_SECONDS);
    take_out(record, members);
    let mut last = last.unwrap_or_else(|| Widening { at: Time(now), principals: vec![], resources: vec![] });
    let principals = members.principals.iter().map(ToString::to_string);
    last.principals = union(&last.principals, principals);
    last.resources = union(&last.resources, members.resources.iter().cloned());
    record.push(last);
}

fn union(some: &[String], others: impl Iterator<Item = String>) -> Vec<String> {
    let all: BTreeSet<String> = some.iter().cloned().chain(others).collect();
    all.into_iter().collect()
}

/// Notes that AWS has taken members out, or has said that they were not in.
pub fn take_out(record: &mut Vec<Widening>, members: &Members) {
    let principals: BTreeSet<String> = members.principals.iter().map(ToString::to_string).collect();
    for entry in record.iter_mut() {
        entry.principals.retain(|p| !principals.contains(p));
        entry.resources.retain(|r| !members.resources.contains(r));
    }
    record.retain(|entry| !(entry.principals.is_empty() && entry.resources.is_empty()));
}

/// A create that is not answered is repeated with what it was sent with first, however long ago.
fn is_unanswered(container: &ShareContainer) -> bool {
    container.id.is_none() && container.create_sent_at.is_some()
}

/// What of a container's record still means something. A principal that this version cannot read is left out: nothing could
/// be done about it.
pub fn recent(container: &ShareContainer, now: Timestamp) -> Members {
    let mut members = Members::default();
    for entry in container
        .widened
        .iter()
        .filter(|entry| is_unanswered(container) || age(entry, now) < ON_RECORD_SECONDS)
    {
        members.principals.extend(entry.principals.iter().filter_map(|p| p.parse().ok()));
        members.resources.extend(entry.resources.iter().cloned());
    }
    members
}

/// What was put in lately for a Share and is not declared any more, by container.
pub fn left_behind(share: &DesiredShare) -> impl Iterator<Item = (Slot, Members)> {
    share.ledger.iter().filter_map(|(slot, entry)| {
        let members = undeclared(share.containers.get(slot)?, &entry.widened);
        (!members.is_empty()).then_some((slot.clone(), members))
    })
}

/// What of some members is to be in the container no more. Who may be somebody that is held is not counted.
fn undeclared(want: &DesiredContainer, members: &Members) -> Members {
    let is_out = |standing: Option<&Standing>, unknown: bool| match standing {
        Some(Standing::Granted | Standing::Held) => false,
        Some(Standing::Refused(_)) => true,
        None => !unknown,
    };
    let principals =
        members.principals.iter().filter(|p| is_out(want.principals.get(p), want.unresolved)).cloned();
    let resources = members.resources.iter().filter(|r| is_out(want.resources.get(*r), false)).cloned();
    Members { principals: principals.collect(), resources: resources.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{DATA, PARTNER, at, principal};

    const HOUR: i64 = TOGETHER_SECONDS;

    fn of(principals: &[&str]) -> Members {
        Members { principals: principals.iter().map(|p| principal(p)).collect(), ..Members::default() }
    }

    fn answered() -> ShareContainer {
        ShareContainer { id: Some("arn".into()), ..ShareContainer::of(&Slot::Inner) }
    }

    /// Who is on record as put in at which second.
    fn words(record: &[Widening]) -> Vec<(i64, String)> {
        let second = |entry: &Widening| entry.at.0.as_second() - at(0).as_second();
        record.iter().map(|entry| (second(entry), entry.principals.join(" "))).collect()
    }

    /// Notes, each at a second and of a principal, then what is on record.
    #[test]
    fn a_retry_leaves_the_record_as_it_is_and_what_is_old_goes() {
        let both = format!("{DATA} {PARTNER}");
        let one = |p: &str| p.to_owned();
        for (notes, record) in [
            (&[(0, DATA), (HOUR - 1, DATA)][..], vec![(0, one(DATA))]),
            (&[(0, DATA), (HOUR - 1, PARTNER)], vec![(0, both)]),
            (&[(0, DATA), (HOUR, DATA)], vec![(HOUR, one(DATA))]),
            (&[(0, DATA), (HOUR, PARTNER)], vec![(0, one(DATA)), (HOUR, one(PARTNER))]),
            (&[(0, DATA), (ON_RECORD_SECONDS, PARTNER)], vec![(ON_RECORD_SECONDS, one(PARTNER))]),
        ] {
            let mut container = answered();
            for (second, whom) in notes {
                note(&mut container, &of(&[whom]), at(*second));
            }
            assert_eq!(words(&container.widened), record, "{notes:?}");
        }
    }

    #[test]
    fn what_was_taken_out_is_on_record_no_more() {
        let mut container = answered();
        note(&mut container, &of(&[DATA, PARTNER]), at(0));
        take_out(&mut container.widened, &of(&[PARTNER]));
        assert_eq!(words(&container.widened), [(0, DATA.to_owned())]);
        take_out(&mut container.widened, &of(&[DATA]));
        assert_eq!(container.widened, []);
    }

    #[test]
    fn a_record_means_something_for_seventy_minutes_and_until_the_create_is_answered() {
        let unanswered = ShareContainer { create_sent_at: Some(Time(at(0))), id: None, ..answered() };
        for (container, second, lasts) in [
            (answered(), 0, true),
            (answered(), ON_RECORD_SECONDS - 1, true),
            (answered(), ON_RECORD_SECONDS, false),
            (unanswered.clone(), ON_RECORD_SECONDS, true),
        ] {
            let mut container = container;
            note(&mut container, &of(&[DATA]), at(0));
            assert_eq!(!recent(&container, at(second)).is_empty(), lasts, "{container:?} at {second}");
        }
        let mut retried = unanswered;
        note(&mut retried, &of(&[DATA]), at(0));
        note(&mut retried, &of(&[DATA]), at(10 * HOUR));
        assert_eq!(words(&retried.widened), [(0, DATA.to_owned())]);
    }
}
