//! When an object whose reconcile failed is looked at again: soon, then ever later. What changes it wakes it before.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use super::context::locked;

/// The longest wait: an API server that is back after minutes is to be noticed within this time.
const LONGEST: Duration = Duration::from_secs(30);

/// The waits of the objects of one kind, by their keys.
#[derive(Debug)]
pub(super) struct Retries<K>(Mutex<BTreeMap<K, Duration>>);

impl<K> Default for Retries<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord> Retries<K> {
    /// How long to wait after one more failure: `first`, then twice the wait before.
    pub(super) fn failed(&self, key: K, first: Duration) -> Duration {
        let mut waits = locked(&self.0);
        let wait = waits.get(&key).map_or(first, |before| (*before * 2).clamp(first, LONGEST));
        waits.insert(key, wait);
        wait
    }

    /// It went well: the next failure is a first one.
    pub(super) fn succeeded(&self, key: &K) {
        locked(&self.0).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_in_a_row_waits_twice_as_long_up_to_half_a_minute() {
        let retries = Retries::default();
        let waits = |key, first, times: usize| -> Vec<u64> {
            (0..times).map(|_| retries.failed(key, Duration::from_secs(first)).as_secs()).collect()
        };
        assert_eq!(waits("stale", 2, 6), [2, 4, 8, 16, 30, 30]);
        assert_eq!(waits("unreachable", 5, 5), [5, 10, 20, 30, 30]);
        retries.succeeded(&"stale");
        assert_eq!(waits("stale", 2, 2), [2, 4]);
        assert_eq!(waits("unreachable", 5, 1), [30]);
    }
}
