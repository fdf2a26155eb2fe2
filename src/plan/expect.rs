//! Our own writes that AWS need not show yet: RAM is eventually consistent (ram.md §2.5), so for a while after a write a
//! listing that lacks it contradicts nothing. Expectations are laid over what was read; one that a read has shown is not
//! waited for any more.

mod overlay;
mod shown;

use std::collections::BTreeMap;

use self::{
    overlay::{complete, lay},
    shown::{agrees, shows},
};
use crate::{
    model::{Arn, Part, Principal, Timestamp},
    mutant::{self, Mutant},
    plan::{
        observed::{AssociationState, Container, ContainerState, Listing, Row},
        step::{Action, Members},
    },
};

/// How long AWS may take to show a write, in seconds. Terraform tolerates one minute for a new share; lags of five were
/// reported for associations (ram.md §2.1, T11). \[X\]
pub const WINDOW_SECONDS: i64 = 600;

/// How long a write without an answer may still change something, or need not be shown, in seconds: an attempt has its effect
/// within 20 s or never. What it concerns is read back so long, and nobody else's writing is built on it. \[X\]
pub const UNANSWERED_SECONDS: i64 = 60;

/// How long a name, flag, permission or tag that a read has shown is held against an older replica's answer, in seconds.
/// Nothing in such an answer tells its age, so it is short: what a person changes back meanwhile is noticed after it. \[X\]
const SETTLED_SECONDS: i64 = 60;

/// The writes of one cell that reads need not show yet, or that a read may still be too old to show.
///
/// Reads are not monotonic: one may show a write and the next, from another replica, may not. So a write that was shown
/// is kept for a while and laid over what contradicts it, unless AWS dates the contradiction after the write.
/// \[X\] That `lastUpdatedTime` of an association moves with its every change is assumed. If it does not, what a person
/// undoes within ten minutes of our write is noticed only after them.
#[derive(Clone, Debug, Default)]
pub struct Expectations {
    entries: BTreeMap<(Arn, Expected), Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    since: Timestamp,
    value: Value,
    /// A read has shown it.
    shown: bool,
    /// For how long it is expected, in seconds.
    lasts: i64,
    /// It was not written by this process as far as it knows, but is on record.
    recalled: bool,
    /// When the opposite was written last: of what was put in, that it was taken out, and the reverse. A row that AWS dates before
    /// is of the past, whatever it says.
    turned_at: Option<Timestamp>,
}

/// What a write concerned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Expected {
    Existence,
    Principal(Principal),
    Resource(String),
    Name,
    External,
    Permission(String),
    Tag(String),
}

#[derive(Clone, Debug)]
enum Value {
    Made(Box<Container>),
    Deleted,
    Present(Row),
    /// `was`: how it was expected by a write that no read need have shown, or how it was listed where it was put in lately. Then
    /// that a read is without it proves nothing, since AWS keeps the rows of what was taken out; it may be in force.
    Absent {
        state: AssociationState,
        was: Option<Row>,
    },
    Text(String),
    Flag(bool),
    Permission {
        arn: Option<String>,
        version: Option<String>,
    },
    NoTag,
}

impl Expectations {
    /// Whether a write to this container has not been shown by a read yet.
    pub fn concern(&self, container: &Arn) -> bool {
        // Existence is the first of what may be expected of a container.
        let first = (container.clone(), Expected::Existence);
        let of_container = self.entries.range(first..).take_while(|((id, _), _)| id == container);
        of_container.into_iter().any(|(_, entry)| !entry.shown)
    }

    /// The containers with writes that no read has shown yet.
    pub fn containers(&self) -> std::collections::BTreeSet<Arn> {
        self.outstanding().map(|((id, _), _)| id.clone()).collect()
    }

    /// When the oldest outstanding write was made.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.outstanding().map(|(_, entry)| entry.since).min()
    }

    fn outstanding(&self) -> impl Iterator<Item = (&(Arn, Expected), &Entry)> {
        self.entries.iter().filter(|(_, entry)| !entry.shown)
    }

    /// A container was made.
    pub fn made(&mut self, container: Container, now: Timestamp) {
        let id = container.id.clone();
        self.put(id, Expected::Existence, Value::Made(Box::new(container)), now, WINDOW_SECONDS);
    }

    /// A write to an existing container was answered with success. `listed`: the container as the last read has it.
    pub fn wrote(
        &mut self,
        container: &Arn,
        listed: Option<&Container>,
        action: &Action,
        outer: bool,
        now: Timestamp,
    ) {
        self.expect(container, listed, action, outer, now, WINDOW_SECONDS);
    }

    /// AWS says that what a write would have done is so already. That may have been an answer of the past, so it is expected
    /// for a short while only.
    pub fn found_so(
        &mut self,
        container: &Arn,
        listed: Option<&Container>,
        action: &Action,
        outer: bool,
        now: Timestamp,
    ) {
        self.expect(container, listed, action, outer, now, SETTLED_SECONDS);
    }

    /// Expects what is on record as put in, by this process or one before it, and of which no answer is known: each container,
    /// whether it is an outer one, and its members. What was recalled before and is not among them, as it is declared again, is
    /// expected no more. `read`: the last reading. Answers whether anything is expected otherwise than before.
    pub fn recall(&mut self, read: &Listing, put: &[(Arn, bool, Members)], now: Timestamp) -> bool {
        let before = self.recalled();
        self.entries.retain(|_, entry| !entry.recalled);
        if put.is_empty() || mutant::is(Mutant::NoExpectations) {
            return !before.is_empty();
        }
        let overlaid = self.overlay(read);
        for (id, outer, members) in put {
            each(members, |expected| {
                let row = overlaid.containers.get(id).and_then(|container| row_of(container, &expected));
                let listed = row.is_some_and(|row| row.state.may_grant());
                let value = Value::Present(associating(*outer));
                let lasts = WINDOW_SECONDS;
                let entry = Entry { since: now, value, shown: false, lasts, recalled: true, turned_at: None };
                if !listed {
                    self.entries.entry((id.clone(), expected)).or_insert(entry);
                }
            });
        }
        self.recalled() != before
    }

    fn recalled(&self) -> Vec<(Arn, Expected)> {
        let recalled = self.entries.iter().filter(|(_, entry)| entry.recalled);
        recalled.map(|(key, _)| key.clone()).collect()
    }

    fn expect(
        &mut self,
        container: &Arn,
        listed: Option<&Container>,
        action: &Action,
        outer: bool,
        now: Timestamp,
        lasts: i64,
    ) {
        let mut put = |expected, value| self.put(container.clone(), expected, value, now, lasts);
        match action {
            // What was made is told by itself.
            Action::Create(_) => {}
            Action::Delete => put(Expected::Existence, Value::Deleted),
            Action::Disassociate(members) => {
                let state = AssociationState::Disassociating;
                // A replica may be older than what was put in lately, by whomever: that it lacks the row proves nothing.
                let lately = |at: Timestamp| now.as_second().saturating_sub(at.as_second()) < WINDOW_SECONDS;
                each(members, |expected| {
                    let row = listed.and_then(|container| row_of(container, &expected));
                    let row = row.filter(|row| row.state.may_grant() && row.since.is_none_or(lately));
                    let row = row.filter(|_| keeps_rows(container));
                    put(expected, Value::Absent { state: state.clone(), was: row.cloned() });
                });
            }
            Action::Associate(members) => {
                each(members, |expected| put(expected, Value::Present(associating(outer))));
            }
            Action::Update { name, allow_external } => {
                if let Some(name) = name {
                    put(Expected::Name, Value::Text(name.clone()));
                }
                if let Some(flag) = allow_external {
                    put(Expected::External, Value::Flag(*flag));
                }
            }
            Action::SetPermission(to) => {
                put(
                    Expected::Permission(to.resource_type.clone()),
                    Value::Permission { arn: to.arn.clone(), version: to.version.clone() },
                );
            }
            Action::Tag(tags) => {
                tags.iter().for_each(|(k, v)| put(Expected::Tag(k.clone()), Value::Text(v.clone())));
            }
            Action::Untag(keys) => keys.iter().for_each(|k| put(Expected::Tag(k.clone()), Value::NoTag)),
        }
    }

    fn put(&mut self, container: Arn, expected: Expected, value: Value, since: Timestamp, lasts: i64) {
        if mutant::is(Mutant::NoExpectations) {
            return;
        }
        let value = match value {
            Value::Absent { state, was } if keeps_rows(&container) => {
                Value::Absent { state, was: self.expected_row(&container, &expected).or(was) }
            }
            other => other,
        };
        if matches!(value, Value::Deleted) {
            self.entries.retain(|(id, _), _| *id != container);
        }
        // What was made is expected as it was changed since. What was taken out of it may be in force until it is shown.
        if let Some(Entry { value: Value::Made(made), .. }) =
            self.entries.get_mut(&(container.clone(), Expected::Existence))
        {
            lay(made, &expected, &value);
        }
        let key = (container, expected);
        let former = self.entries.get(&key);
        let is_in = |value: &Value| matches!(value, Value::Present(_));
        let turned_at = former.and_then(|former| {
            if is_in(&former.value) == is_in(&value) { former.turned_at } else { Some(former.since) }
        });
        self.entries.insert(key, Entry { since, value, shown: false, lasts, recalled: false, turned_at });
    }

    /// A member's row as former writes have it.
    fn expected_row(&self, container: &Arn, expected: &Expected) -> Option<Row> {
        let value =
            |expected: &Expected| Some(&self.entries.get(&(container.clone(), expected.clone()))?.value);
        match value(expected) {
            Some(Value::Present(row)) => Some(row.clone()),
            Some(Value::Absent { was, .. }) => was.clone(),
            _ => match value(&Expected::Existence) {
                Some(Value::Made(made)) => row_of(made, expected).cloned(),
                _ => None,
            },
        }
    }

    /// Takes note of a read of these containers: what it shows, what it had time enough to show, and what was changed
    /// by somebody after the write.
    ///
    /// `read` tells which containers the read covered; the others keep their expectations untouched.
    pub fn settle(&mut self, listing: &Listing, read: impl Fn(&Arn) -> bool, now: Timestamp) {
        self.entries.retain(|(id, expected), entry| {
            if !read(id) {
                return true;
            }
            let container = listing.containers.get(id);
            if container.is_some_and(|c| entry.is_overtaken(c, expected)) {
                return false;
            }
            if shows(container, expected, &entry.value) && !entry.is_past(container, expected) {
                if !keeps_rows(id) {
                    return false;
                }
                entry.show(container, expected);
            }
            now.as_second() - entry.since.as_second() < entry.lasts(expected)
        });
    }

    /// The listing with all writes laid over it that it is too old to show: what AWS will show once it has caught up.
    pub fn overlay(&self, listing: &Listing) -> Listing {
        let mut overlaid = listing.clone();
        for ((id, expected), entry) in &self.entries {
            if let Value::Made(made) = &entry.value {
                match overlaid.containers.get_mut(id) {
                    Some(found) if found.state != ContainerState::Pending => {
                        complete(found, made, entry.shown);
                    }
                    _ => {
                        overlaid.containers.insert(id.clone(), (**made).clone());
                    }
                }
            } else if let Some(container) = overlaid.containers.get_mut(id)
                && !(entry.shown && is_shown_in(listing, id, container, entry, expected))
            {
                lay(container, expected, &entry.value);
            }
        }
        overlaid
    }
}

/// Whether a listing shows a write by itself. A member's row that was laid over it from the making of its share does not count.
fn is_shown_in(
    listing: &Listing,
    id: &Arn,
    overlaid: &Container,
    entry: &Entry,
    expected: &Expected,
) -> bool {
    let laid = row_of(overlaid, expected).is_some()
        && listing.containers.get(id).is_none_or(|read| row_of(read, expected).is_none());
    !laid && shows(Some(overlaid), expected, &entry.value) && !entry.is_past(Some(overlaid), expected)
}

impl Entry {
    /// Whether a read has a member as it was before it was taken out and put in again, or the reverse.
    fn is_past(&self, container: Option<&Container>, expected: &Expected) -> bool {
        let listed_at = match &self.value {
            Value::Absent { was: Some(was), .. } => was.since,
            _ => None,
        };
        let turned_at = self.turned_at.max(listed_at);
        let at = container.and_then(|container| row_of(container, expected)).and_then(|row| row.since);
        at.zip(turned_at).is_some_and(|(at, turned_at)| at < turned_at)
    }

    /// Whether AWS dates what contradicts the write after it: then it is not old but somebody's doing.
    fn is_overtaken(&self, container: &Container, expected: &Expected) -> bool {
        if !container.state.is_live() {
            return !matches!(self.value, Value::Deleted);
        }
        let row = row_of(container, expected);
        row.is_some_and(|row| !agrees(Some(row), &self.value) && row.since.is_some_and(|at| at > self.since))
    }

    fn show(&mut self, container: Option<&Container>, expected: &Expected) {
        self.shown = true;
        let Some(container) = container else { return };
        match (&mut self.value, row_of(container, expected)) {
            (Value::Made(made), _) => **made = container.clone(),
            (Value::Present(as_shown), Some(row)) => *as_shown = row.clone(),
            (Value::Absent { state, .. }, row) => {
                *state = row.map_or(AssociationState::Disassociated, |row| row.state.clone());
            }
            _ => {}
        }
    }

    /// For how long it is expected, in seconds.
    fn lasts(&self, expected: &Expected) -> i64 {
        let dated = matches!(expected, Expected::Existence | Expected::Principal(_) | Expected::Resource(_));
        if self.shown && !dated { SETTLED_SECONDS } else { self.lasts }
    }
}

fn row_of<'a>(container: &'a Container, expected: &Expected) -> Option<&'a Row> {
    match expected {
        Expected::Principal(p) => container.principals.get(p),
        Expected::Resource(r) => container.resources.get(r),
        _ => None,
    }
}

/// Whether AWS lists what was taken out of a container for a while yet, and dates what it lists. A policy has no such rows, and
/// whether it is older than our own writes is told by the whole of it where it is read.
fn keeps_rows(container: &Arn) -> bool {
    Part::parse(container).is_none()
}

fn associating(external: bool) -> Row {
    Row { state: AssociationState::Associating, message: None, external, since: None }
}

fn each(members: &Members, mut put: impl FnMut(Expected)) {
    members.principals.iter().for_each(|p| put(Expected::Principal(p.clone())));
    members.resources.iter().for_each(|r| put(Expected::Resource(r.clone())));
}

#[cfg(test)]
mod tests;
