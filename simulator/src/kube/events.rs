//! Events of `events.k8s.io` are events of the core group too, where kubectl reads them.
//!
//! The apiserver stores one object for both; here a change of the former is copied to the latter.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value};

use super::cluster::Cluster;
use super::object;
use super::status::GroupResource;
use super::store::Event;

/// Where clients of the newer API write.
pub(crate) fn resource() -> GroupResource {
    GroupResource::new("events.k8s.io", "events")
}

/// What the fields of the newer API are called in the older one.
const NAMES: [(&str, &str); 7] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

impl Cluster {
    pub(crate) fn mirror_event(&mut self, now: Timestamp, event: &Event) {
        let core = GroupResource::new("", "events");
        match &event.after {
            Some(object) => {
                self.put(now, &core, in_core(object));
            }
            None => {
                self.remove(now, &core, &event.key);
            }
        }
    }
}

fn in_core(event: &Value) -> Value {
    let renamed = |name: &String| {
        let pair = NAMES.iter().find(|(newer, _)| newer == name);
        pair.map_or_else(|| name.clone(), |(_, older)| (*older).to_owned())
    };
    let map = event.as_object().into_iter().flatten();
    let mut core: Value = map.map(|(k, v)| (renamed(k), v.clone())).collect::<Map<String, Value>>().into();
    object::remove_meta(&mut core, "managedFields");
    if let Some(map) = core.as_object_mut() {
        map.insert("apiVersion".to_owned(), "v1".into());
    }
    core
}
