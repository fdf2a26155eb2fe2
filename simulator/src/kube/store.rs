//! Objects by resource and key, one revision counter, and the log of events that watches read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::object;
use super::status::GroupResource;

/// Namespace (empty for cluster-scoped resources) and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// What happened to an object at a revision.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) revision: u64,
    pub(crate) resource: GroupResource,
    pub(crate) key: Key,
    /// The object after the change; `None` after a deletion.
    pub(crate) after: Option<Arc<Value>>,
    /// The object before the change; `None` before a creation.
    pub(crate) before: Option<Arc<Value>>,
}

pub(crate) type Objects = BTreeMap<Key, Arc<Value>>;

/// All that is stored. Reads and writes are those of etcd: no rule of the API lives here.
#[derive(Debug)]
pub(crate) struct Store {
    revision: u64,
    objects: BTreeMap<GroupResource, Objects>,
    history: VecDeque<Event>,
    capacity: usize,
    compacted: u64,
}

impl Store {
    /// An empty store at revision 1 that remembers the last `capacity` events.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { revision: 1, objects: BTreeMap::new(), history: VecDeque::new(), capacity, compacted: 0 }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The newest revision whose past is forgotten: a watch can start there, not before.
    pub(crate) fn compacted(&self) -> u64 {
        self.compacted
    }

    pub(crate) fn get(&self, resource: &GroupResource, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(resource)?.get(key)
    }

    pub(crate) fn all(&self, resource: &GroupResource) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.objects.get(resource).into_iter().flatten()
    }

    pub(crate) fn resources(&self) -> impl Iterator<Item = &GroupResource> {
        self.objects.keys()
    }

    /// The objects of `resource` as they were at `revision`; `None` when that is forgotten.
    pub(crate) fn at(&self, resource: &GroupResource, revision: u64) -> Option<Objects> {
        if revision < self.compacted {
            return None;
        }
        let mut objects = self.objects.get(resource).cloned().unwrap_or_default();
        let newer = self.history.iter().rev().take_while(|e| e.revision > revision);
        for event in newer.filter(|e| e.resource == *resource) {
            match &event.before {
                Some(before) => objects.insert(event.key.clone(), before.clone()),
                None => objects.remove(&event.key),
            };
        }
        Some(objects)
    }

    /// The events of `resource` after `revision`, oldest first.
    pub(crate) fn since(&self, resource: &GroupResource, revision: u64) -> impl Iterator<Item = &Event> {
        let start = self.history.partition_point(|e| e.revision <= revision);
        self.history.range(start..).filter(move |e| e.resource == *resource)
    }

    /// Stores `object` under a new revision, which is written into it, and returns the event.
    pub(crate) fn put(&mut self, resource: &GroupResource, mut object: Value) -> Event {
        self.revision += 1;
        object::set_meta(&mut object, "resourceVersion", self.revision.to_string());
        let key = Key::new(object::namespace(&object), object::name(&object));
        let after = Arc::new(object);
        let objects = self.objects.entry(resource.clone()).or_default();
        let before = objects.insert(key.clone(), after.clone());
        self.log(Event {
            revision: self.revision,
            resource: resource.clone(),
            key,
            after: Some(after),
            before,
        })
    }

    /// Removes an object under a new revision.
    pub(crate) fn remove(&mut self, resource: &GroupResource, key: &Key) -> Option<Event> {
        let before = self.objects.get_mut(resource)?.remove(key)?;
        self.revision += 1;
        let event = Event {
            revision: self.revision,
            resource: resource.clone(),
            key: key.clone(),
            after: None,
            before: Some(before),
        };
        Some(self.log(event))
    }

    fn log(&mut self, event: Event) -> Event {
        self.history.push_back(event.clone());
        while self.history.len() > self.capacity {
            self.forget_oldest();
        }
        event
    }

    fn forget_oldest(&mut self) {
        if let Some(gone) = self.history.pop_front() {
            self.compacted = gone.revision;
        }
    }

    /// Forgets all history up to `revision`, as etcd's compaction does.
    pub(crate) fn compact(&mut self, revision: u64) {
        while self.history.front().is_some_and(|e| e.revision <= revision) {
            self.forget_oldest();
        }
        self.compacted = self.compacted.max(revision.min(self.revision));
    }

    /// How many past events are kept from now on.
    pub(crate) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
        while self.history.len() > capacity {
            self.forget_oldest();
        }
    }
}
