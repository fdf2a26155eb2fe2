//! What is remembered of a cell between passes. All of it can be lost at any moment: a restart reads AWS anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use k8s_openapi::jiff::SignedDuration;
use tokio::time::Instant;

use super::{absent::Absent, objects::Round, setbacks::Setbacks};
use crate::{
    api::Share,
    kube::own::Own,
    mechanism::{policy::written::Written, ram::apply::Attempts},
    model::{Arn, Digest, ShareKey, Slot, Timestamp},
    plan::{
        change::ChangeKind,
        claim::{OPEN_SECONDS, Recollection},
        contention::Flips,
        desired::Desired,
        expect::{Expectations, UNANSWERED_SECONDS, WINDOW_SECONDS},
        observed::{Listing, Unknown},
        receipt::Then,
        step::Members,
        view::Plan,
        widened::left_behind,
    },
};

/// How long complete listings must have been without a share that was listed before, in seconds. \[X\]
const SETTLED_ABSENCE: i64 = 60;
/// A Share may ask for a re-read once in so long.
pub(super) const ASKED_AT_MOST_EVERY: Duration = Duration::from_secs(10);
/// The shortest and the longest wait before a read-back.
const READ_BACK: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// Associations have taken longer than three minutes (T11); what takes longer than this is not waited for closely.
const CONVERGES_WITHIN: Duration = Duration::from_secs(900);

/// What is remembered of a cell.
#[derive(Debug, Default)]
pub struct CellMemory {
    /// The last whole reading, with later readings of single containers put in.
    pub listing: Option<Listing>,
    /// When the last whole reading began.
    pub read_at: Option<Timestamp>,
    /// When the next whole reading is due; at once if never read.
    pub next_full: Option<Instant>,
    /// Why AWS cannot be read, and since when.
    pub unknown: Option<(Unknown, Timestamp)>,
    /// Our writes that no reading has shown.
    pub expectations: Expectations,
    /// What was answered before.
    pub attempts: Attempts,
    /// What failed and is not due again yet.
    pub setbacks: Setbacks,
    /// When we last wrote.
    pub last_write: Option<Instant>,
    /// When a re-read was last granted to a Share that asked for one.
    pub asked: BTreeMap<ShareKey, Instant>,
    /// The looking through all objects of the cell.
    pub round: Round,
    /// The policies of objects that were written lately.
    pub written: Arc<Written>,
    /// The containers that a write without an answer may have changed, and when it was sent.
    pub doubtful: BTreeMap<Arn, Timestamp>,
    /// How often each thing was put right lately.
    pub flips: Flips,
    /// What is known of the creates on record that have no answer on record.
    pub creates: BTreeMap<(ShareKey, Slot), Sent>,
    /// When something was last put into a part without an answer.
    pub unanswered: BTreeMap<(ShareKey, Slot), Timestamp>,
    /// The Shares as we wrote them last.
    pub own: Own<ShareKey, Share>,
    /// What is on record as put into containers and is certainly not there.
    pub absent: Absent,
    /// When this memory began: its process may follow one that died in the middle of something.
    begun: Option<Timestamp>,
    reserved: BTreeMap<Digest, Timestamp>,
    missing_since: BTreeMap<Arn, Timestamp>,
    /// When each was first listed.
    seen: BTreeMap<Arn, Timestamp>,
}

/// What is known of a create that was sent and made nothing that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// AWS refused it for certain, each time.
    Refused,
    /// It was sent then, and nobody has put on record what became of it.
    Unanswered(Timestamp),
}

impl CellMemory {
    /// Notes that a pass begins.
    pub fn begin(&mut self, now: Timestamp) {
        self.begun.get_or_insert(now);
        self.doubtful.retain(|_, sent| now.as_second().saturating_sub(sent.as_second()) < UNANSWERED_SECONDS);
    }

    /// Keeps a whole reading. `recorded`: the containers that should be in it.
    pub fn keep_full(&mut self, listing: Listing, recorded: &BTreeSet<Arn>, at: Timestamp, next: Instant) {
        self.expectations.settle(&listing, |_| true, at);
        let missing = |id: &Arn| recorded.contains(id) && !listing.containers.contains_key(id);
        self.missing_since.retain(|id, _| missing(id));
        for id in recorded.iter().filter(|id| missing(id)) {
            self.missing_since.entry(id.clone()).or_insert(at);
        }
        self.seen.retain(|id, _| recorded.contains(id));
        self.see(&listing, at);
        self.asked.retain(|_, at| at.elapsed() < ASKED_AT_MOST_EVERY);
        self.listing = Some(listing);
        self.read_at = Some(at);
        self.next_full = Some(next);
        self.unknown = None;
    }

    /// Keeps a reading of single containers. What was asked for and not answered is left as it was: only a whole
    /// reading shows absence.
    pub fn keep_some(&mut self, read: Listing, at: Timestamp) {
        self.expectations.settle(&read, |id| read.containers.contains_key(id), at);
        self.see(&read, at);
        self.listing.get_or_insert_default().replace(read);
        self.unknown = None;
    }

    fn see(&mut self, listing: &Listing, at: Timestamp) {
        for id in listing.containers.keys() {
            self.seen.entry(id.clone()).or_insert(at);
        }
    }

    /// Removals that a budget was asked for, and that need not ask again: a retry is no second removal.
    pub fn reserved(&self) -> BTreeSet<Digest> {
        self.reserved.keys().cloned().collect()
    }

    /// A budget has made room for these removals.
    pub fn reserve(&mut self, removals: impl IntoIterator<Item = Digest>, now: Timestamp) {
        self.reserved.extend(removals.into_iter().map(|removal| (removal, now)));
    }

    /// Forgets reservations that are older than the window that they were made in.
    pub fn forget_reservations(&mut self, window: Duration, now: Timestamp) {
        let lasts = i64::try_from(window.as_secs()).unwrap_or(i64::MAX);
        self.reserved.retain(|_, at| now.as_second().saturating_sub(at.as_second()) < lasts);
    }

    /// Takes up what is on record as put in lately, perhaps by a process that died since, and is neither declared any more nor
    /// listed: it counts as there until it is taken out or declared again. Answers whether what is known has changed by that.
    pub fn recall(&mut self, desired: &Desired, plan: &Plan, now: Timestamp) -> bool {
        let mut put = vec![];
        for share in desired.shares.values() {
            for (slot, widened) in left_behind(share) {
                let view = plan.shares.get(&share.key).and_then(|slots| slots.get(&slot));
                let Some(id) = view.filter(|view| !view.lost).and_then(|view| view.id()) else {
                    continue;
                };
                let members = self.absent.rest(&(share.key.clone(), slot.clone()), &widened);
                put.push((id.clone(), slot == Slot::Outer, members));
            }
        }
        self.listing.as_ref().is_some_and(|read| self.expectations.recall(read, &put, now))
    }

    /// Whether the last whole reading may lack what a former process wrote right before it died.
    pub fn is_fresh(&self) -> bool {
        let since_begun = |read: Timestamp, begun: Timestamp| read.as_second() - begun.as_second();
        let lasts = self.read_at.zip(self.begun).map(|(read, begun)| since_begun(read, begun));
        lasts.is_none_or(|lasts| lasts < WINDOW_SECONDS)
    }

    /// The last reading with our own writes laid over it.
    pub fn overlaid(&self) -> Option<Listing> {
        self.listing.as_ref().map(|listing| self.expectations.overlay(listing))
    }

    /// Whether we wrote so lately that AWS may still be working on it. What it is still not done with later is looked at
    /// with the next whole reading.
    pub fn is_converging(&self, now: Instant) -> bool {
        self.last_write.is_some_and(|write| now.saturating_duration_since(write) < CONVERGES_WITHIN)
    }

    /// When to read back what AWS is still working on: soon after a write, then ever less often.
    pub fn read_back_in(&self, now: Instant) -> Duration {
        let since = self.last_write.map_or(READ_BACK.1, |write| now.saturating_duration_since(write));
        (since / 2).clamp(READ_BACK.0, READ_BACK.1)
    }
}

impl Recollection for CellMemory {
    /// A new share may take long to appear in all answers, one that has been there for long does not.
    fn unlisted_for_long(&self, id: &Arn) -> bool {
        let (Some(since), Some(last)) = (self.missing_since.get(id), self.read_at) else { return false };
        let first = self.seen.get(id);
        let old = first.is_some_and(|first| since.as_second() - first.as_second() >= WINDOW_SECONDS);
        let needed = if old { SETTLED_ABSENCE } else { WINDOW_SECONDS };
        last.as_second() - since.as_second() >= needed
    }

    fn token_is_spent(&self, share: &ShareKey, slot: &Slot) -> bool {
        self.setbacks.last_failure(share, slot).is_some_and(|failure| failure.then == Then::RenewToken)
    }

    /// Of a create that this memory knows nothing of, a former process may have died right after sending it.
    fn open_until(&self, share: &ShareKey, slot: &Slot) -> Option<Timestamp> {
        let sent = match self.creates.get(&(share.clone(), slot.clone())) {
            Some(Sent::Refused) => return None,
            Some(Sent::Unanswered(at)) => Some(*at),
            None => self.begun,
        };
        let shown = sent.map_or(Timestamp::MAX, |sent| {
            sent.checked_add(SignedDuration::from_secs(OPEN_SECONDS)).unwrap_or(Timestamp::MAX)
        });
        self.read_at.is_none_or(|read| read < shown).then_some(shown)
    }

    /// What this process has written and was answered is told from what was before it by the policy itself.
    fn part_open_until(&self, share: &ShareKey, slot: &Slot, put_in: &Members) -> Option<Timestamp> {
        let key = (share.clone(), slot.clone());
        let unanswered = self.unanswered.get(&key).copied();
        let by_another = self.begun.filter(|_| !self.absent.rest(&key, put_in).is_empty());
        let sent = unanswered.max(by_another)?;
        let shown = sent.checked_add(SignedDuration::from_secs(OPEN_SECONDS)).unwrap_or(Timestamp::MAX);
        self.read_at.is_none_or(|read| read < shown).then_some(shown)
    }

    fn is_contended(&self, share: &ShareKey, slot: &Slot, change: &ChangeKind, now: Timestamp) -> bool {
        self.flips.holds(share, slot, change, now)
    }
}
