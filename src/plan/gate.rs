//! Modes, switches and halts: filters that take changes out of a plan and say so. No mode is an `if` anywhere else.

use crate::{
    api::{AccountSet, Installation, Reason, account_set},
    mutant::{self, Mutant},
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
    /// `Installation.spec.halt`: the reason in words.
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
    /// What an installation and the governing set allow. `settling`: the former leader's calls may be on their way.
    pub fn of(installation: &Installation, set: &AccountSet, settling: bool) -> Self {
        let halted = "the Installation says `halt: true`; set it to false to go on";
        Self {
            halted: installation.spec.halt.then(|| halted.to_owned()),
            suspended: set.spec.suspend,
            mode: match set.spec.mode {
                account_set::Mode::Report => Mode::Report,
                account_set::Mode::AddOnly => Mode::AddOnly,
                account_set::Mode::Enforce => Mode::Enforce,
            },
            report_drift: set.spec.drift == account_set::DriftMode::Report,
            settling,
        }
    }

    /// Whether no removal at all may be made, whatever its cause.
    pub fn is_shut_for_removals(&self) -> bool {
        self.halted.is_some() || self.suspended || self.mode != Mode::Enforce || self.settling
    }

    /// Whether nothing at all may be written for a Share, whatever it is: it then has no Ready condition to wait for.
    pub fn is_passive(&self, switches: Switches) -> bool {
        self.suspended || self.mode == Mode::Report || switches.suspend || switches.report
    }

    /// Why a change of a Share with these switches is held back; none where it may be done. The strictest reason wins.
    pub fn holds(&self, switches: Switches, change: &Change) -> Option<Reason> {
        // What a tenant sets holds nothing open: an ended `until` and a policy's narrowing pass, and the mark before them.
        let beyond_tenant = change.effect != Effect::Widen
            && change.cause.is_beyond_tenant()
            && !mutant::is(Mutant::SwitchHoldsEnds);
        let rules = [
            (self.halted.is_some() && !mutant::is(Mutant::ForgetHalt), Reason::Halted),
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

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Gate =
        Gate { halted: None, suspended: false, mode: Mode::Enforce, report_drift: false, settling: false };
    const CAUSES: [Cause; 9] = [
        Cause::Edit,
        Cause::Drift,
        Cause::Policy,
        Cause::Expired,
        Cause::Tree,
        Cause::Deletion,
        Cause::Claim,
        Cause::Found,
        Cause::Undeclared,
    ];
    const EFFECTS: [Effect; 3] = [Effect::Narrow, Effect::Neutral, Effect::Widen];

    fn change(effect: Effect, cause: Cause) -> Change {
        Change { kind: crate::plan::change::ChangeKind::Mark, cause, effect }
    }

    /// The changes that a gate lets through, `Narrow Expired` and so on, or the one reason for which it holds each.
    fn passes(gate: &Gate, switches: Switches, reason: Option<Reason>) -> Vec<String> {
        let mut through = vec![];
        for effect in EFFECTS {
            for cause in CAUSES {
                match gate.holds(switches, &change(effect, cause)) {
                    None => through.push(format!("{effect:?} {cause:?}")),
                    held => assert_eq!(held, reason, "{effect:?} {cause:?}"),
                }
            }
        }
        through
    }

    fn all(keep: impl Fn(Effect, Cause) -> bool) -> Vec<String> {
        let pairs = EFFECTS.into_iter().flat_map(|effect| CAUSES.map(|cause| (effect, cause)));
        pairs.filter(|(e, c)| keep(*e, *c)).map(|(e, c)| format!("{e:?} {c:?}")).collect()
    }

    #[test]
    fn what_the_platform_stops_is_stopped_for_every_cause() {
        let none = Switches::default();
        assert_eq!(passes(&OPEN, none, None), all(|_, _| true));
        let halted = Gate { halted: Some("halt is set".into()), ..OPEN };
        assert_eq!(passes(&halted, none, Some(Reason::Halted)), [""; 0]);
        assert_eq!(passes(&Gate { suspended: true, ..OPEN }, none, Some(Reason::Suspended)), [""; 0]);
        assert_eq!(passes(&Gate { mode: Mode::Report, ..OPEN }, none, Some(Reason::ReportOnly)), [""; 0]);
    }

    #[test]
    fn add_only_takes_nothing_away_and_a_drift_report_holds_drift_alone() {
        let none = Switches::default();
        let add_only = Gate { mode: Mode::AddOnly, ..OPEN };
        assert_eq!(passes(&add_only, none, Some(Reason::AddOnly)), all(|e, _| e != Effect::Narrow));
        let report_drift = Gate { report_drift: true, ..OPEN };
        assert_eq!(passes(&report_drift, none, Some(Reason::DriftReported)), all(|_, c| c != Cause::Drift));
    }

    #[test]
    fn a_tenants_switches_hold_neither_ends_nor_policy() {
        let beyond = all(|e, c| e != Effect::Widen && matches!(c, Cause::Expired | Cause::Policy));
        for (switches, reason) in [
            (Switches { suspend: true, report: false }, Reason::Suspended),
            (Switches { suspend: false, report: true }, Reason::ReportOnly),
            (Switches { suspend: true, report: true }, Reason::Suspended),
        ] {
            assert_eq!(passes(&OPEN, switches, Some(reason)), beyond);
        }
    }

    #[test]
    fn the_strictest_reason_is_the_one_that_is_said() {
        let drift = change(Effect::Narrow, Cause::Drift);
        let both = Switches { suspend: true, report: true };
        let mut gate = Gate {
            halted: Some("halt is set".into()),
            suspended: true,
            mode: Mode::Report,
            report_drift: true,
            settling: false,
        };
        assert_eq!(gate.holds(both, &drift), Some(Reason::Halted));
        gate.halted = None;
        assert_eq!(gate.holds(both, &drift), Some(Reason::Suspended));
        gate.suspended = false;
        assert_eq!(gate.holds(Switches { suspend: true, report: false }, &drift), Some(Reason::ReportOnly));
        gate.mode = Mode::AddOnly;
        assert_eq!(gate.holds(both, &drift), Some(Reason::AddOnly));
        gate.mode = Mode::Enforce;
        assert_eq!(gate.holds(Switches::default(), &drift), Some(Reason::DriftReported));
    }
}
