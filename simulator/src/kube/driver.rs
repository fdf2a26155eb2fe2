//! What test drivers and demonstrations do to a cluster beside sending requests.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use super::cluster::{Cluster, Hook};
use super::status::GroupResource;
use super::store::Key;
use super::watch::Watcher;
use super::weather::Match;

impl Cluster {
    /// Has `hook` called at each writing request from now on; `None` ends that.
    pub fn set_hook(&mut self, hook: Option<Hook>) {
        self.hook = hook;
    }

    /// The store's newest revision: the `resourceVersion` of the last write.
    pub fn revision(&self) -> u64 {
        self.store.revision()
    }

    /// Keeps the last `events` for watches from now on; what is older answers 410.
    pub fn keep_history(&mut self, events: usize) {
        self.store.set_capacity(events);
    }

    /// Forgets all history, as an etcd compaction to the head does: any watch or page of a past revision answers 410.
    pub fn compact(&mut self) {
        self.store.compact(self.store.revision());
    }

    /// Ends all watches that `which` matches, as an apiserver that restarts does.
    pub fn end_watches(&mut self, which: &Match) {
        self.watchers.iter_mut().filter(|w| which.matches(&w.opened_by)).for_each(Watcher::end);
    }

    /// Breaks the connections of all watches that `which` matches.
    pub fn break_watches(&mut self, which: &Match) {
        self.watchers.iter_mut().filter(|w| which.matches(&w.opened_by)).for_each(Watcher::break_off);
    }

    /// Sends 410 into all watches that `which` matches, and ends them.
    pub fn expire_watches(&mut self, which: &Match) {
        self.watchers.iter_mut().filter(|w| which.matches(&w.opened_by)).for_each(Watcher::expire);
    }

    /// Delivers the events that a lag kept back, as far as the weather still says so.
    pub fn release_watches(&mut self) {
        self.watchers.iter_mut().for_each(|w| w.release(&mut self.weather));
    }

    /// Sends a bookmark into watch `id`; called by fronts as often as the subscription says.
    pub fn bookmark(&mut self, now: Timestamp, id: u64) {
        let revision = self.store.revision();
        if self.weather.unavailable {
            return;
        }
        if let Some(watcher) = self.watchers.iter_mut().find(|w| w.id == id) {
            watcher.bookmark(revision, false, now);
        }
    }

    /// Open watches.
    pub fn open_watches(&self) -> usize {
        self.watchers.iter().filter(|w| w.is_open()).count()
    }

    /// A stored object, past weather and journal; `namespace` is empty for cluster-scoped ones.
    pub fn object(&self, resource: &GroupResource, namespace: &str, name: &str) -> Option<Value> {
        self.store.get(resource, &Key::new(namespace, name)).map(|o| (**o).clone())
    }

    /// All stored objects of a resource, past weather and journal.
    pub fn objects(&self, resource: &GroupResource) -> Vec<Value> {
        self.store.all(resource).map(|(_, o)| (**o).clone()).collect()
    }
}
