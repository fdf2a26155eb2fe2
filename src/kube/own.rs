//! What we wrote last, until the watch shows it: a decision must not be made on a view from before our own write.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt};

use crate::model::Timestamp;

/// How long a write of ours counts for more than the watch, in seconds. A watch does not lag so long; an API server that was
/// restored from a backup counts its versions anew.
const COUNTS_FOR: i64 = 300;

/// Our latest write of each object.
#[derive(Clone, Debug)]
pub struct Own<Key, K>(BTreeMap<Key, (K, Timestamp)>);

impl<Key, K> Default for Own<Key, K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<Key: Ord, K: Resource<DynamicType = ()>> Own<Key, K> {
    /// Keeps an object as it was stored. Field ownership is dropped, as it is from what is watched.
    pub fn note(&mut self, key: Key, mut stored: K, now: Timestamp) {
        stored.managed_fields_mut().clear();
        self.0.insert(key, (stored, now));
    }

    /// The object as we wrote it, if that is later than what was seen of it.
    pub fn later(&self, key: &Key, seen: &K) -> Option<&K> {
        let (own, _) = self.0.get(key)?;
        is_later(own.meta(), seen.meta()).then_some(own)
    }

    /// Forgets what no longer counts, and all objects but those that are there.
    pub fn keep(&mut self, now: Timestamp, is_there: impl Fn(&Key) -> bool) {
        let counts = |at: &Timestamp| now.as_second().saturating_sub(at.as_second()) < COUNTS_FOR;
        self.0.retain(|key, (_, at)| counts(at) && is_there(key));
    }
}

/// Whether one is a later version of the other: resourceVersions of one object are compared as numbers (KEP-5504).
/// Versions that are no numbers cannot be compared, and then what was seen counts.
pub fn is_later(one: &ObjectMeta, other: &ObjectMeta) -> bool {
    let version = |of: &ObjectMeta| of.resource_version.as_ref()?.parse::<u128>().ok();
    one.uid == other.uid && version(one).zip(version(other)).is_some_and(|(one, other)| one > other)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn stored(uid: &str, version: &str) -> ConfigMap {
        let mut map = ConfigMap::default();
        (map.metadata.uid, map.metadata.resource_version) = (Some(uid.into()), Some(version.into()));
        map
    }

    #[test]
    fn our_write_counts_while_the_view_of_that_very_object_is_older() {
        // uid and version of what is seen, seconds since the write, whether the write counts
        let table = [
            ("u", "99", 0, true),
            ("u", "99", 299, true),
            ("u", "99", 300, false),
            ("u", "100", 0, false),
            ("u", "101", 0, false),
            ("another", "99", 0, false),
            ("u", "opaque", 0, false),
        ];
        for (uid, version, after, counts) in table {
            let mut own = Own::default();
            own.note("hub", stored("u", "100"), Timestamp::UNIX_EPOCH);
            own.keep(Timestamp::from_second(after).unwrap(), |_| true);
            let seen = stored(uid, version);
            assert_eq!(own.later(&"hub", &seen).is_some(), counts, "{uid} {version} {after}");
        }
    }

    #[test]
    fn what_is_there_no_more_is_forgotten() {
        let mut own = Own::default();
        own.note("hub", stored("u", "100"), Timestamp::UNIX_EPOCH);
        own.keep(Timestamp::UNIX_EPOCH, |key| *key != "hub");
        assert!(own.later(&"hub", &stored("u", "1")).is_none());
    }
}
