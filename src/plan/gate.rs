//! Modes, switches and halts: filters that take changes out of a plan and say so. No mode is an `if` anywhere else.

use crate::{
    api::Reason,
    plan::{
        change::{Change, Effect},
        desired::{Cause, Switches},
    },
};

/// How far the governing set lets the controller go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Plan and show, write nothing.
    Report,
    /// Write, but remove nothing.
    AddOnly,
    /// Write.
    Enforce,
}

/// What the platform allows in a cell now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// `Installation.spec.halt`, or the Installation is missing or unreadable: the reason in words.
    pub halted: Option<String>,
    /// `AccountSet.spec.suspend`.
    pub suspended: bool,
    /// `AccountSet.spec.mode`.
    pub mode: Mode,
    /// `AccountSet.spec.drift: Report`: drift is shown and left.
    pub report_drift: bool,
    /// This controller leads since so short a time that calls of the former leader may be on their way: nothing is
    /// removed yet.
    pub settling: bool,
}

impl Gate {
    /// Whether nothing at all may be written for a Share, whatever it is: it then has no Ready condition to wait for.
    pub fn is_passive(&self, switches: Switches) -> bool {
        self.suspended || self.mode == Mode::Report || switches.suspend || switches.report
    }

    /// Why a change of a Share with these switches is held back; none where it may be done. The strictest reason wins.
    pub fn holds(&self, switches: Switches, change: &Change) -> Option<Reason> {
        // What a tenant sets holds nothing open: an ended `until` and a policy's narrowing pass.
        let beyond_tenant =
            change.effect == Effect::Narrow && matches!(change.cause, Cause::Expired | Cause::Policy);
        let rules = [
            (self.halted.is_some(), Reason::Halted),
            (self.suspended, Reason::Suspended),
            (self.mode == Mode::Report, Reason::ReportOnly),
            (self.mode == Mode::AddOnly && change.effect == Effect::Narrow, Reason::AddOnly),
            (self.settling && change.effect == Effect::Narrow, Reason::Waiting),
            (switches.suspend && !beyond_tenant, Reason::Suspended),
            (switches.report && !beyond_tenant, Reason::ReportOnly),
            (self.report_drift && change.cause == Cause::Drift, Reason::DriftReported),
        ];
        rules.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
    }
}
