//! Which container is whose. ARN and mark decide, a name never does.

use std::collections::BTreeMap;

use crate::{
    model::{Arn, Mark, ShareKey, Slot, Timestamp},
    mutant::{self, Mutant},
    plan::{
        change::ChangeKind,
        desired::LedgerEntry,
        expect::WINDOW_SECONDS,
        observed::{Container, ContainerState, Listing, Origin, Unknown},
        step::Members,
    },
};

/// How long after a create was sent it may have made something that no listing shows, in seconds: a call's longest life
/// twice over, and AWS's time to show what it made.
pub const OPEN_SECONDS: i64 = 120 + WINDOW_SECONDS;

/// What the listing says of one container of a Share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim<'a> {
    /// This container is the Share's.
    Found(&'a Container),
    /// There is none. A create may use this incarnation.
    Absent {
        /// One more than that of the container which is proven gone; the recorded one where a create may be under way.
        incarnation: i64,
        /// A create was sent whose outcome is not known: until a whole reading that begins then, it may have made one.
        open_until: Option<Timestamp>,
    },
    /// We made it and no complete listing shows it, nor shows it gone.
    Unlisted {
        /// Its ARN, from the ledger.
        id: Arn,
    },
    /// The container in the ledger now carries somebody else's mark, or AWS manages it: hands off.
    Lost {
        /// Its ARN.
        id: Arn,
        /// Whose mark it carries, in words.
        to: String,
    },
    /// It is to be an existing container, which is not to be had.
    Unadopted,
    /// It is a part of an object that could not be read.
    Unread(&'a Unknown),
}

/// What the listing says of what a Share grants on an object. Nobody makes an object's policy: what grants nothing is absent,
/// and what was not read yet is waited for. `open_until`: see [`Recollection::part_open_until`].
pub fn claim_part<'a>(listing: &'a Listing, id: &Arn, open_until: Option<Timestamp>) -> Claim<'a> {
    match (listing.unread(id), listing.containers.get(id)) {
        (Some(unknown), _) => Claim::Unread(unknown),
        (None, Some(part)) if part.is_live() => Claim::Found(part),
        (None, Some(_)) => Claim::Absent { incarnation: 1, open_until },
        (None, None) => Claim::Unlisted { id: id.clone() },
    }
}

/// A listing, and in it the containers by the marks that they carry.
#[derive(Debug)]
pub struct Marked<'a> {
    listing: &'a Listing,
    by_mark: BTreeMap<(String, ShareKey, Slot), &'a Container>,
}

impl<'a> Marked<'a> {
    /// Reads all marks once, so that finding the container of one Share does not depend on how many there are.
    ///
    /// Where several live containers carry the same mark, the first by ARN counts, a failed one last.
    pub fn of(listing: &'a Listing) -> Self {
        let mut by_mark = BTreeMap::new();
        let mut live: Vec<&Container> = listing.live().filter(|c| c.origin == Origin::Standard).collect();
        live.sort_by_key(|c| (c.state == ContainerState::Failed, &c.id));
        for container in live {
            if let Some(mark) = container.mark() {
                by_mark.entry((mark.installation, mark.share, mark.slot)).or_insert(container);
            }
        }
        Self { listing, by_mark }
    }

    fn bearing(&self, mark: &Mark) -> Option<&'a Container> {
        self.by_mark.get(&(mark.installation.clone(), mark.share.clone(), mark.slot.clone())).copied()
    }
}

/// What earlier passes found out. All of it may be forgotten: then nothing is concluded from it.
pub trait Recollection {
    /// Whether complete listings have been without this container for longer than AWS takes to show a new share.
    fn unlisted_for_long(&self, id: &Arn) -> bool;

    /// Whether AWS refused the last create of this container because its token belongs to an earlier request.
    fn token_is_spent(&self, share: &ShareKey, slot: &Slot) -> bool;

    /// Until a whole reading that begins when may a create of this container that is on record as sent, and has no answer on record,
    /// have made something? None: it has not.
    fn open_until(&self, share: &ShareKey, slot: &Slot) -> Option<Timestamp>;

    /// Until a whole reading that begins when may what is on record as put into a part be there although no reading shows it? None:
    /// a reading without it shows that it is not there.
    fn part_open_until(&self, _share: &ShareKey, _slot: &Slot, _put_in: &Members) -> Option<Timestamp> {
        None
    }

    /// Whether somebody undoes this change again and again, and it was made so lately that it waits.
    fn is_contended(&self, share: &ShareKey, slot: &Slot, change: &ChangeKind, now: Timestamp) -> bool;
}

/// Finds the container of one container of a Share: first the one in the ledger, then, where that is proven gone or there is
/// none, one that carries the mark. A listing that lags may lack the recorded one and still have its predecessor.
///
/// Only long silence proves absence; a tombstone proves it at once (ram.md §2.4). A create whose token is spent, that was
/// sent longer ago than AWS takes to show what it made, and of which nothing is listed, needs another token. What is being
/// adopted may still carry the mark of the Share of ours that had it before.
pub fn claim<'a>(
    marked: &Marked<'a>,
    mark: &Mark,
    ledger: Option<&LedgerEntry>,
    recollection: &(impl Recollection + ?Sized),
    now: Timestamp,
) -> Claim<'a> {
    let listing = marked.listing;
    let recorded = ledger.and_then(|entry| entry.id.as_ref());
    if let Some(container) = recorded.and_then(|id| listing.containers.get(id)).filter(|c| c.state.is_live())
    {
        let adopting = ledger.is_some_and(|entry| entry.adopting);
        return match whose(container, mark) {
            Whose::Other { to: _, ours: true } if adopting => Claim::Found(container),
            Whose::Ours | Whose::Unmarked => Claim::Found(container),
            Whose::Other { to, .. } => Claim::Lost { id: container.id.clone(), to },
        };
    }
    let gone = |entry: &LedgerEntry, id: &Arn| {
        listing.containers.contains_key(id) || entry.deleted || recollection.unlisted_for_long(id)
    };
    if let (Some(entry), Some(id)) = (ledger, recorded)
        && !gone(entry, id)
    {
        return Claim::Unlisted { id: id.clone() };
    }
    // While a create of this life of the Share may have made one, that of a former life is not taken for it: it may be gone,
    // and then the create would be made anew. Its own token finds what it made.
    let unanswered = ledger.is_some_and(|entry| entry.id.is_none() && entry.create_sent_at.is_some());
    let of_this_life = |container: &&Container| container.mark().is_some_and(|found| found.uid == mark.uid);
    let bearing = marked.bearing(mark).filter(|container| !unanswered || of_this_life(container));
    if let Some(container) = bearing.filter(|_| !mutant::is(Mutant::StatusOnly)) {
        return Claim::Found(container);
    }
    if mutant::is(Mutant::ClaimByName) {
        let name = format!("{}.{}", mark.share.namespace, mark.share.name);
        if let Some(container) = listing.live().find(|c| c.name == name && mark.slot == Slot::Inner) {
            return Claim::Found(container);
        }
    }
    match (ledger, recorded) {
        (None, _) => Claim::Absent { incarnation: 1, open_until: None },
        (Some(entry), None) => {
            let sent = entry.create_sent_at.unwrap_or(now);
            let long_ago = now.as_second() - sent.as_second() >= WINDOW_SECONDS;
            let open_until =
                entry.create_sent_at.and_then(|_| recollection.open_until(&mark.share, &mark.slot));
            let refused = recollection.token_is_spent(&mark.share, &mark.slot);
            let in_vain = long_ago && refused && open_until.is_none();
            Claim::Absent { incarnation: entry.incarnation.max(1) + i64::from(in_vain), open_until }
        }
        (Some(entry), Some(_)) => Claim::Absent { incarnation: entry.incarnation + 1, open_until: None },
    }
}

enum Whose {
    Ours,
    Unmarked,
    Other {
        to: String,
        /// A Share of this installation.
        ours: bool,
    },
}

fn whose(container: &Container, mark: &Mark) -> Whose {
    if mutant::is(Mutant::NoOwnerCheck) {
        return Whose::Ours;
    }
    if let Origin::ServiceManaged(feature_set) = &container.origin {
        return Whose::Other { to: format!("AWS itself (feature set {feature_set})"), ours: false };
    }
    match container.mark() {
        Some(found) if found.claims_same(mark) => Whose::Ours,
        Some(found) => Whose::Other {
            to: format!("Share {} of installation {}", found.share, found.installation),
            ours: found.installation == mark.installation,
        },
        // A mark of which only shreds are left says nothing against the ledger, unless they name another installation.
        None => match crate::model::mark::installation_of(&container.tags) {
            Some(other) if other != mark.installation => {
                Whose::Other { to: format!("installation {other}"), ours: false }
            }
            _ => Whose::Unmarked,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::*;

    fn mark() -> Mark {
        Mark { installation: US.into(), share: key("hub"), uid: "uid-hub".into(), slot: Slot::Inner }
    }

    fn entry(id: Option<&str>, incarnation: i64) -> LedgerEntry {
        let id = id.map(container_id);
        LedgerEntry {
            id,
            incarnation,
            create_sent_at: None,
            tag_keys: std::collections::BTreeSet::new(),
            adopting: false,
            deleted: false,
            widened: crate::plan::step::Members::default(),
        }
    }

    fn words(claim: &Claim<'_>) -> String {
        let short = |id: &Arn| id.as_str().rsplit('/').next().unwrap().to_owned();
        match claim {
            Claim::Found(container) => format!("found {}", short(&container.id)),
            Claim::Absent { incarnation, open_until: None } => format!("absent #{incarnation}"),
            Claim::Absent { incarnation, open_until: Some(until) } => {
                format!("absent #{incarnation} open until {}", until.as_second() - at(0).as_second())
            }
            Claim::Unlisted { id } => format!("unlisted {}", short(id)),
            Claim::Lost { id, to } => format!("lost {} to {to}", short(id)),
            Claim::Unadopted => "unadopted".to_owned(),
            Claim::Unread(unknown) => format!("unread {}", unknown.reason),
        }
    }

    fn claimed<const N: usize>(
        containers: [&Container; N],
        ledger: Option<&LedgerEntry>,
        silent_for_long: bool,
    ) -> String {
        let listing = listing(containers.map(Clone::clone));
        let recollection = Recalled { unlisted_for_long: silent_for_long, ..NOTHING };
        words(&claim(&Marked::of(&listing), &mark(), ledger, &recollection, at(0)))
    }

    fn one(id: &str) -> Container {
        Container { id: container_id(id), ..ours("hub", &Slot::Inner) }
    }

    #[test]
    fn the_ledger_comes_first_then_the_mark_and_never_the_name() {
        let unmarked = container("named").named("network-team.hub");
        assert_eq!(claimed([], None, false), "absent #1");
        assert_eq!(claimed([&unmarked], None, false), "absent #1");
        assert_eq!(claimed([&unmarked], Some(&entry(Some("named"), 1)), false), "found named");
        assert_eq!(claimed([&one("a"), &one("b")], Some(&entry(Some("b"), 1)), false), "found b");
        assert_eq!(claimed([&one("b"), &one("a")], None, false), "found a");
        let failed = one("a").being("FAILED");
        assert_eq!(claimed([&failed, &one("b")], None, false), "found b");
        // One that is on record and not listed yet is waited for: what bears the mark may be its predecessor.
        let recorded = entry(Some("new"), 2);
        assert_eq!(claimed([&one("old")], Some(&recorded), false), "unlisted new");
        assert_eq!(claimed([&one("old")], Some(&recorded), true), "found old");
        assert_eq!(claimed([&one("old"), &one("new").being("DELETED")], Some(&recorded), false), "found old");
        // A mark of an earlier life of the Share is its own.
        let restored = one("a").tagged("sharekeeper.dev/uid", "earlier");
        assert_eq!(claimed([&restored], None, false), "found a");
    }

    #[test]
    fn what_another_marked_or_aws_made_is_not_claimed_and_not_made_again() {
        let ledger = entry(Some("a"), 1);
        let by = |installation, share, side| {
            claimed([&one("a").marked(installation, share, side)], Some(&ledger), true)
        };
        assert_eq!(by("them", "hub", &Slot::Inner), "lost a to Share network-team/hub of installation them");
        assert_eq!(by(US, "spoke", &Slot::Inner), "lost a to Share network-team/spoke of installation us");
        assert_eq!(by(US, "hub", &Slot::Outer), "lost a to Share network-team/hub of installation us");
        let promoted =
            Container { origin: Origin::ServiceManaged("PROMOTING_TO_STANDARD".into()), ..one("a") };
        let to_aws = "lost a to AWS itself (feature set PROMOTING_TO_STANDARD)";
        assert_eq!(claimed([&promoted], Some(&ledger), true), to_aws);
        assert_eq!(claimed([&promoted], None, true), "absent #1");
        assert_eq!(claimed([&one("a").marked("them", "hub", &Slot::Inner)], None, true), "absent #1");
    }

    #[test]
    fn shreds_of_a_mark_say_nothing_against_the_ledger_but_anothers_name_does() {
        let shred = |installation: &str| container("a").tagged("sharekeeper.dev/installation", installation);
        assert_eq!(claimed([&shred(US)], Some(&entry(Some("a"), 1)), false), "found a");
        assert_eq!(claimed([&shred(US)], None, false), "absent #1");
        assert_eq!(
            claimed([&shred("them")], Some(&entry(Some("a"), 1)), false),
            "lost a to installation them"
        );
    }

    #[test]
    fn a_create_that_is_on_record_is_open_as_long_as_is_recalled() {
        let recollection = Recalled { open_until: Some(at(700)), ..NOTHING };
        let of = |ledger: LedgerEntry| {
            words(&claim(&Marked::of(&listing([])), &mark(), Some(&ledger), &recollection, at(9_000)))
        };
        assert_eq!(
            of(LedgerEntry { create_sent_at: Some(at(0)), ..entry(None, 2) }),
            "absent #2 open until 700"
        );
        assert_eq!(of(entry(None, 2)), "absent #2");
    }

    #[test]
    fn what_bears_the_mark_of_a_former_life_is_not_taken_for_what_a_create_has_made() {
        let former = one("a").tagged("sharekeeper.dev/uid", "earlier");
        let sent = LedgerEntry { create_sent_at: Some(at(0)), ..entry(None, 3) };
        assert_eq!(claimed([&former], Some(&entry(None, 3)), false), "found a");
        assert_eq!(claimed([&former], Some(&sent), false), "absent #3");
        assert_eq!(claimed([&one("b")], Some(&sent), false), "found b");
    }

    #[test]
    fn what_is_being_adopted_may_carry_the_mark_of_a_former_share_of_ours_and_of_nobody_else() {
        let adopting = LedgerEntry { adopting: true, ..entry(Some("a"), 1) };
        let by = |installation| {
            claimed([&one("a").marked(installation, "former", &Slot::Inner)], Some(&adopting), false)
        };
        assert_eq!(by(US), "found a");
        assert_eq!(by("them"), "lost a to Share network-team/former of installation them");
    }

    #[test]
    fn a_token_is_changed_only_when_it_is_spent_and_nothing_of_it_can_still_appear() {
        for (spent, seconds, expected) in [
            (false, WINDOW_SECONDS * 9, "absent #2"),
            (true, WINDOW_SECONDS - 1, "absent #2"),
            (true, WINDOW_SECONDS, "absent #3"),
        ] {
            let sent = LedgerEntry { create_sent_at: Some(at(0)), ..entry(None, 2) };
            let recollection = Recalled { token_is_spent: spent, ..NOTHING };
            let open = Recalled { open_until: Some(at(9_000)), ..recollection };
            let (empty, listed) = (listing([]), listing([one("a")]));
            let of = |listing| {
                words(&claim(&Marked::of(listing), &mark(), Some(&sent), &recollection, at(seconds)))
            };
            assert_eq!(of(&empty), expected);
            assert_eq!(of(&listed), "found a");
            // Before a whole reading that must show it there is no other token, however much time has passed.
            let before = claim(&Marked::of(&empty), &mark(), Some(&sent), &open, at(seconds));
            assert_eq!(words(&before), "absent #2 open until 9000");
        }
    }

    #[test]
    fn a_new_incarnation_needs_a_tombstone_or_long_silence() {
        assert_eq!(claimed([], Some(&entry(None, 0)), false), "absent #1");
        assert_eq!(claimed([], Some(&entry(None, 4)), false), "absent #4");
        assert_eq!(claimed([], Some(&entry(Some("a"), 4)), false), "unlisted a");
        assert_eq!(claimed([], Some(&entry(Some("a"), 4)), true), "absent #5");
        for gone in ["DELETED", "DELETING"] {
            assert_eq!(claimed([&one("a").being(gone)], Some(&entry(Some("a"), 4)), false), "absent #5");
        }
        // A tombstone that was seen before is not looked for any more.
        let seen = LedgerEntry { deleted: true, ..entry(Some("a"), 4) };
        assert_eq!(claimed([], Some(&seen), false), "absent #5");
        // Somebody's restore left a second one: the mark finds it before anything is made anew.
        assert_eq!(
            claimed([&one("a").being("DELETED"), &one("b")], Some(&entry(Some("a"), 4)), false),
            "found b"
        );
    }
}
