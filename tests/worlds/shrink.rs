//! The smallest part of a plan that is still violated: things are left out one by one, as long as it stays so.

use simulator::aws::weather::{Lags, Pages};

use crate::{life::Verdict, plan::Plan, process::Beginning};

/// Leaves out what is not needed for a violation.
pub fn smallest(beginning: &mut Beginning, seed: u64, mut plan: Plan) -> (Plan, Verdict) {
    let mut verdict = beginning.start(seed, &plan, false).verdict();
    loop {
        let found = smaller(&plan).into_iter().find_map(|plan| {
            let verdict = beginning.start(seed, &plan, false).verdict();
            (!verdict.violations.is_empty()).then_some((plan, verdict))
        });
        match found {
            Some(found) => (plan, verdict) = found,
            None => return (plan, verdict),
        }
    }
}

/// All plans with one thing less.
fn smaller(plan: &Plan) -> Vec<Plan> {
    let mut plans = vec![];
    let mut offer = |change: &dyn Fn(&mut Plan)| {
        let mut other = plan.clone();
        change(&mut other);
        if other != *plan {
            plans.push(other);
        }
    };
    offer(&|plan| plan.rival = None);
    offer(&|plan| plan.aws.lags = Lags::default());
    offer(&|plan| plan.aws.pages = Pages::default());
    offer(&|plan| plan.aws.wire = 0.0);
    for at in 0..plan.edits.len() {
        offer(&|plan| _ = plan.edits.remove(at));
    }
    for at in 0..plan.crashes.len() {
        offer(&|plan| _ = plan.crashes.remove(at));
        offer(&|plan| plan.crashes[at].older = 0);
    }
    for at in 0..plan.kube.len() {
        offer(&|plan| _ = plan.kube.remove(at));
    }
    for at in 0..plan.aws.faults.len() {
        offer(&|plan| _ = plan.aws.faults.remove(at));
    }
    for at in 0..plan.aws.failures.len() {
        offer(&|plan| _ = plan.aws.failures.remove(at));
    }
    for at in 0..plan.shares.len() {
        offer(&|plan| _ = plan.shares.remove(at));
        for target in 0..plan.shares[at].targets.len() {
            offer(&|plan| _ = plan.shares[at].targets.remove(target));
        }
        for resource in 1..plan.shares[at].resources.len() {
            offer(&|plan| _ = plan.shares[at].resources.remove(resource));
        }
    }
    plans
}
