//! Which policies were replaced by our own writes: AWS is eventually consistent, and what it shows may be from before them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    document::Document,
    mechanism::statements::Claimant,
    model::{Arn, Digest, Timestamp},
    plan::expect::{UNANSWERED_SECONDS, WINDOW_SECONDS},
};

/// The policies that were written lately, and those that were read last before a plan was made.
#[derive(Debug, Default)]
pub struct Written(Mutex<Notes>);

#[derive(Debug, Default)]
struct Notes {
    written: BTreeMap<Arn, Last>,
    seen: BTreeMap<Arn, Digest>,
}

#[derive(Debug)]
struct Last {
    /// What was there before our writes, and what we wrote before the last of them.
    former: BTreeSet<Digest>,
    /// What we wrote last; none while no write was answered.
    latest: Option<Digest>,
    /// A write without an answer.
    perhaps: Option<Perhaps>,
    at: Timestamp,
}

/// A write without an answer.
#[derive(Debug)]
struct Perhaps {
    /// What was there before.
    before: Digest,
    /// What is there if it was done.
    after: Digest,
    by: Claimant,
    at: Timestamp,
}

impl Last {
    fn empty(at: Timestamp) -> Self {
        Self { former: BTreeSet::new(), latest: None, perhaps: None, at }
    }

    /// Also once what we wrote was shown: the next answer may come from an older replica, and to write on it would undo what was
    /// written since. Who puts the former policy back by hand is noticed when this is over.
    fn counts(&self, now: Timestamp) -> bool {
        now.as_second().saturating_sub(self.at.as_second()) < WINDOW_SECONDS
    }
}

impl Written {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a policy that was read is from before our last write to that object.
    pub fn is_past(&self, object: &Arn, read: &Document, now: Timestamp) -> bool {
        let mut notes = self.notes();
        let Some(last) = notes.written.get_mut(object).filter(|last| last.counts(now)) else {
            notes.written.remove(object);
            return false;
        };
        let read = fingerprint(read);
        if let Some(done) = last.perhaps.take_if(|perhaps| perhaps.after == read) {
            last.former.insert(done.before);
            last.former.extend(last.latest.replace(done.after));
        }
        last.former.contains(&read) && Some(&read) != last.latest.as_ref()
    }

    /// Notes what a plan is made from.
    pub fn saw(&self, object: &Arn, read: &Document) {
        self.notes().seen.insert(object.clone(), fingerprint(read));
    }

    /// Nothing is kept of an object that is not there.
    pub fn forget(&self, object: &Arn) {
        let mut notes = self.notes();
        notes.seen.remove(object);
        notes.written.remove(object);
    }

    /// Whether a policy is not what the plan was made from, nor what we have made of that since: somebody has changed it, or one of
    /// the two answers is old. To write on it could lose what the other one says.
    pub fn is_another(&self, object: &Arn, read: &Document) -> bool {
        self.notes().seen.get(object) != Some(&fingerprint(read))
    }

    /// Whether to write on a policy could undo what somebody else of ours has perhaps written on it: no answer came, and that write
    /// is not shown.
    pub fn may_undo(&self, object: &Arn, read: &Document, of: &Claimant, now: Timestamp) -> bool {
        let (notes, read) = (self.notes(), fingerprint(read));
        let perhaps = notes.written.get(object).and_then(|last| last.perhaps.as_ref());
        perhaps.is_some_and(|perhaps| {
            perhaps.by != *of
                && perhaps.before == read
                && now.as_second().saturating_sub(perhaps.at.as_second()) < UNANSWERED_SECONDS
        })
    }

    /// Notes that one policy was replaced by another.
    pub fn note(&self, object: &Arn, before: &Document, after: &Document, now: Timestamp) {
        let mut notes = self.notes();
        let mut last = notes.taken(object, now);
        last.former.insert(fingerprint(before));
        last.former.extend(last.latest.replace(fingerprint(after)));
        notes.written.insert(object.clone(), Last { perhaps: None, at: now, ..last });
        notes.seen.insert(object.clone(), fingerprint(after));
    }

    /// Notes that one policy was perhaps replaced by another: it was, once a reading shows it.
    pub fn perhaps(&self, object: &Arn, before: &Document, after: &Document, by: &Claimant, now: Timestamp) {
        let mut notes = self.notes();
        let last = notes.taken(object, now);
        let (before, after) = (fingerprint(before), fingerprint(after));
        let perhaps = Some(Perhaps { before, after, by: by.clone(), at: now });
        notes.written.insert(object.clone(), Last { perhaps, at: now, ..last });
    }
}

impl Notes {
    fn taken(&mut self, object: &Arn, now: Timestamp) -> Last {
        let last = self.written.remove(object).filter(|last| last.counts(now));
        last.unwrap_or_else(|| Last::empty(now))
    }
}

/// Of what a policy says, however AWS spells it.
fn fingerprint(document: &Document) -> Digest {
    Digest::of(document.statements().iter().map(|statement| format!("{:?}", statement.normalized())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ShareKey;

    fn policy(account: &str) -> Document {
        let text = format!(
            r#"{{"Statement": {{"Effect": "Allow", "Principal": {{"AWS": "{account}"}}, "Action": "kms:*", "Resource": "*"}}}}"#
        );
        Document::parse(&text).unwrap()
    }

    #[test]
    fn what_we_replaced_is_of_the_past_for_as_long_as_an_answer_may_be_old() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let key: Arn = "arn:aws:kms:eu-west-1:111122223333:key/k".parse().unwrap();
        let [first, second, third, other] =
            ["111111111111", "222222222222", "333333333333", "444444444444"].map(policy);
        let written = Written::default();
        assert!(!written.is_past(&key, &first, at(0)));
        written.saw(&key, &first);
        assert!(!written.is_another(&key, &first) && written.is_another(&key, &other));
        written.note(&key, &first, &second, at(0));
        written.note(&key, &second, &third, at(10));
        // document, when, whether it is of the past
        let table = [
            (&first, 20, true),
            (&second, 20, true),
            (&other, 20, false),
            (&third, 30, false),
            (&second, 609, true),
            (&second, 610, false),
            (&first, 611, false),
        ];
        // What we have made of it is known without a reading.
        assert!(!written.is_another(&key, &third) && written.is_another(&key, &second));
        // Once somebody else's is what a plan was made from, our own latest is an older answer.
        written.saw(&key, &other);
        assert!(!written.is_another(&key, &other) && written.is_another(&key, &third));
        for (document, when, past) in table {
            assert_eq!(written.is_past(&key, document, at(when)), past, "{when}");
        }
        // What comes back by our own hand is of now.
        written.note(&key, &first, &second, at(1000));
        written.note(&key, &second, &first, at(1001));
        assert!(written.is_past(&key, &second, at(1002)) && !written.is_past(&key, &first, at(1002)));
        // What we wrote last is of the past once we have written on what somebody else made of it.
        written.note(&key, &other, &third, at(1003));
        assert!(written.is_past(&key, &first, at(1004)) && written.is_past(&key, &other, at(1004)));
        // Of a write without an answer nothing is known until it is shown.
        let [hub, nets] = ["hub", "nets"].map(|name| Claimant {
            installation: "us".into(),
            share: ShareKey { namespace: "team".into(), name: name.into() },
        });
        written.perhaps(&key, &third, &policy("555555555555"), &hub, at(1005));
        assert!(!written.is_past(&key, &third, at(1006)));
        // Who sent it may send it again; others wait until it is shown, or cannot come any more.
        assert!(
            !written.may_undo(&key, &third, &hub, at(1006))
                && written.may_undo(&key, &third, &nets, at(1006))
        );
        assert!(
            !written.may_undo(&key, &other, &nets, at(1006))
                && !written.may_undo(&key, &third, &nets, at(1065))
        );
        assert!(
            !written.is_past(&key, &policy("555555555555"), at(1007))
                && written.is_past(&key, &third, at(1008))
        );
    }
}
