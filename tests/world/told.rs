//! A telemetry that writes everything down.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::ObjectReference;
use sharekeeper::{
    api::Reason,
    controllers::telemetry::{CellFigures, PassOutcome, Telemetry, Weight},
    kube::events::{self, Events},
    model::Cell,
    plan::{catalogue::Differences, receipt::Receipt},
};

/// An event as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub about: String,
    pub weight: Weight,
    pub reason: Reason,
    pub note: String,
}

/// What was told, in order.
#[derive(Default)]
pub struct Told {
    events: Mutex<Vec<Event>>,
    passes: Mutex<Vec<(String, PassOutcome)>>,
    types: Mutex<Vec<Differences>>,
    published: Mutex<Option<Events>>,
}

impl Told {
    /// The events since the last look.
    pub fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on events are published in the cluster too.
    pub fn publish(&self, events: Events) {
        *self.published.lock().unwrap() = Some(events);
    }

    /// The passes since the last look.
    pub fn take_passes(&self) -> Vec<(String, PassOutcome)> {
        std::mem::take(&mut *self.passes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What each reading of RAM's types since the last look differed in.
    pub fn take_types(&self) -> Vec<Differences> {
        std::mem::take(&mut *self.types.lock().unwrap())
    }
}

impl Telemetry for Told {
    fn pass(&self, cell: &Cell, outcome: PassOutcome, _took: Duration) {
        self.passes.lock().unwrap().push((cell.to_string(), outcome));
    }
    fn step(&self, _receipt: &Receipt) {}
    fn drift(&self, _what: &str) {}
    fn figures(&self, _cell: &Cell, _figures: &CellFigures) {}
    fn forget(&self, _cell: &Cell) {}
    fn resource_types(&self, differences: &Differences) {
        self.types.lock().unwrap().push(differences.clone());
    }
    fn event(&self, about: ObjectReference, weight: Weight, reason: Reason, note: String) {
        if let Some(published) = self.published.lock().unwrap().clone() {
            let kind = match weight {
                Weight::Normal => events::Kind::Normal,
                Weight::Warning => events::Kind::Warning,
            };
            let (reason, note) = (reason.as_str(), note.clone());
            let event = events::Event { kind, reason, action: "Reconcile", note };
            let about = about.clone();
            tokio::spawn(async move { published.publish(about, event).await });
        }
        let about = format!("{}/{}", about.kind.unwrap_or_default(), about.name.unwrap_or_default());
        self.events.lock().unwrap().push(Event { about, weight, reason, note });
    }
}
