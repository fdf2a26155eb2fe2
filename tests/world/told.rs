//! A telemetry that writes everything down.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::ObjectReference;
use sharekeeper::{
    api::Reason,
    controllers::telemetry::{CellFigures, PassOutcome, Telemetry, Weight},
    model::Cell,
    plan::receipt::Receipt,
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
}

impl Told {
    /// The events since the last look.
    pub fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The passes since the last look.
    pub fn take_passes(&self) -> Vec<(String, PassOutcome)> {
        std::mem::take(&mut *self.passes.lock().unwrap_or_else(PoisonError::into_inner))
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
    fn event(&self, about: ObjectReference, weight: Weight, reason: Reason, note: String) {
        let about = format!("{}/{}", about.kind.unwrap_or_default(), about.name.unwrap_or_default());
        self.events.lock().unwrap().push(Event { about, weight, reason, note });
    }
}
