//! What the controllers tell: counted and shown elsewhere, never waited for.

use std::time::Duration;

use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::Condition};

use crate::{
    api::Reason,
    model::{Cell, ShareKey, Timestamp},
    plan::{catalogue::Differences, receipt::Receipt},
};

/// How weighty an event is to whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// All is as it should be.
    Normal,
    /// Somebody should look.
    Warning,
}

/// What came of a pass, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PassOutcome {
    /// Nothing was to be done.
    Quiet,
    /// Steps were carried out.
    Changed,
    /// AWS could not be read.
    Unknown,
    /// The cluster could not be written to, or nothing could be gathered.
    Failed,
}

/// What a cell looks like after a pass, for gauges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellFigures {
    /// Shares that declare something in it.
    pub shares: usize,
    /// Of those, the ones that are Ready.
    pub ready: usize,
    /// Of those, the ones that drift.
    pub drifting: usize,
    /// Undeclared containers that let nobody outside in.
    pub undeclared_inside: usize,
    /// Undeclared containers that let somebody outside in.
    pub undeclared_external: usize,
    /// Removals that wait for a person.
    pub held: usize,
    /// When it was last read whole.
    pub observed_at: Option<Timestamp>,
    /// The moment of the pass.
    pub now: Timestamp,
}

/// Who is told.
pub trait Telemetry: Send + Sync {
    /// A pass has ended.
    fn pass(&self, cell: &Cell, outcome: PassOutcome, took: Duration);
    /// A step was carried out, or not.
    fn step(&self, receipt: &Receipt);
    /// Drift was found.
    fn drift(&self, what: &str);
    /// A cell's figures.
    fn figures(&self, cell: &Cell, figures: &CellFigures);
    /// A cell is no more.
    fn forget(&self, cell: &Cell);
    /// What a Share's status says.
    fn share(&self, _share: &ShareKey, _conditions: &[Condition], _deleting: bool) {}
    /// A Share is gone.
    fn forget_share(&self, _share: &ShareKey) {}
    /// RAM's list of resource types was read.
    fn resource_types(&self, _differences: &Differences) {}
    /// Something that people should see happened to an object.
    fn event(&self, about: ObjectReference, weight: Weight, reason: Reason, note: String);
}

/// Tells nobody.
pub struct Untold;

impl Telemetry for Untold {
    fn pass(&self, _cell: &Cell, _outcome: PassOutcome, _took: Duration) {}
    fn step(&self, _receipt: &Receipt) {}
    fn drift(&self, _what: &str) {}
    fn figures(&self, _cell: &Cell, _figures: &CellFigures) {}
    fn forget(&self, _cell: &Cell) {}
    fn event(&self, _about: ObjectReference, _weight: Weight, _reason: Reason, _note: String) {}
}
