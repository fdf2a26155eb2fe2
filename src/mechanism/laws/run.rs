//! Passes over a generated world: plan, do every step, look again, until nothing is left to do.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    aws::{self, Aws, Grants},
    world::{Dice, ENFORCE, TreeView, World, plan_of},
};
use crate::{
    model::{Arn, ResourceType, Slot},
    plan::{
        desired::{Desired, DesiredContainer},
        fixture::{at, lines},
        gate::{Gate, Mode},
        resolve::key_of,
        view::Plan,
    },
};

/// Passes until all is settled: mark, take out, put in with what waited for it, retry what failed, and one to see it.
const PASSES: usize = 10;

/// The containers that a plan writes to.
pub(super) fn touched(plan: &Plan) -> BTreeSet<Arn> {
    plan.chains.iter().filter_map(|chain| chain.container.clone()).collect()
}

/// What passes are made under.
pub(super) struct Conditions {
    pub(super) gate: Gate,
    pub(super) tree: TreeView,
    /// Removed rows and deleted containers stay listed.
    pub(super) ghosts: bool,
    /// AWS takes two passes to be done with anything.
    pub(super) slow: bool,
}

/// Everything may be done and everything is known.
pub(super) const CLEAR: Conditions =
    Conditions { gate: ENFORCE, tree: TreeView::Known, ghosts: true, slow: false };

impl Conditions {
    pub(super) fn any(dice: &mut Dice<'_>) -> Self {
        Self {
            gate: any_gate(dice),
            tree: dice.of(&[
                TreeView::Known,
                TreeView::Stale,
                TreeView::SharingOff,
                TreeView::Unknown,
                TreeView::None,
            ]),
            ghosts: dice.below(2) == 0,
            slow: dice.below(2) == 1,
        }
    }
}

pub(super) fn any_gate(dice: &mut Dice<'_>) -> Gate {
    Gate {
        halted: dice.rarely(6).then(|| "halt is set".into()),
        suspended: dice.rarely(6),
        mode: dice.of(&[Mode::Enforce, Mode::AddOnly, Mode::Report]),
        report_drift: dice.rarely(3),
        settling: false,
    }
}

/// What one container grants when all of it is in force.
pub(super) fn wanted(want: &DesiredContainer) -> Grants {
    let permission = |resource: &str| {
        let resource_type = ResourceType::of(&resource.parse().ok()?)?.name;
        let named = want.permissions.get(resource_type);
        let version = |version: &Option<String>| version.clone().unwrap_or_else(|| aws::CURRENT.to_owned());
        Some(named.map_or_else(|| "default".to_owned(), |p| format!("{}@{}", p.arn, version(&p.version))))
    };
    let grants = want.granted_principals().flat_map(|p| {
        want.granted_resources().filter_map(move |r| Some((p.clone(), r.clone(), permission(r)?)))
    });
    grants.collect()
}

fn all_wanted(desired: &Desired) -> Grants {
    desired.shares.values().flat_map(|share| share.containers.values()).flat_map(wanted).collect()
}

/// Does the first `most` steps of a plan and holds law 2 against every single one; answers what was made.
pub(super) fn execute(
    world: &World,
    desired: &Desired,
    plan: &Plan,
    aws: &mut Aws,
    most: usize,
) -> Result<Vec<(usize, Slot, Arn)>, TestCaseError> {
    let mut made = vec![];
    let steps = plan.chains.iter().flat_map(|chain| chain.steps.iter().map(move |step| (chain, step)));
    for (chain, step) in steps.take(most) {
        let before = aws.grants();
        match aws.apply(chain, &step.action) {
            Err(refused) => prop_assert!(false, "AWS refuses {:?}: {}", step.action, refused),
            Ok(id) if chain.container.is_none() => {
                let index =
                    world.shares.iter().position(|(share, _)| Some(&key_of(share)) == chain.owner.share());
                made.push((index.unwrap(), chain.owner.slot().unwrap().clone(), id));
            }
            Ok(_) => {}
        }
        let extra: Grants = aws.grants().difference(&(&before | &all_wanted(desired))).cloned().collect();
        prop_assert!(extra.is_empty(), "law 2: {:#?} grants {:?}", lines(plan), extra);
    }
    Ok(made)
}

/// One pass that dies after so many steps, before anything of it is written down.
pub(super) fn interrupted(world: &World, aws: &mut Aws, steps: usize) -> Result<(), TestCaseError> {
    let desired = world.desired(world.known(), aws.now);
    let plan = plan_of(&desired, &aws.listing, &ENFORCE, aws.now);
    execute(world, &desired, &plan, aws, steps).map(drop)
}

/// Passes until nothing is left to do; the plans on the way.
pub(super) fn converge(
    world: &mut World,
    aws: &mut Aws,
    under: &Conditions,
) -> Result<Vec<Plan>, TestCaseError> {
    let mut plans = vec![];
    let most = if under.slow { 2 * PASSES } else { PASSES };
    loop {
        let desired = world.desired(world.organization(under.tree), aws.now);
        let plan = plan_of(&desired, &aws.listing, &under.gate, aws.now);
        prop_assert!(touched(&plan).is_disjoint(&world.untouchable), "law 4: {:?}", lines(&plan));
        let made = execute(world, &desired, &plan, aws, usize::MAX)?;
        world.report(&desired, &plan, &made);
        let before = aws.listing.clone();
        let is_done = !under.slow || plans.len() % 2 == 1;
        if is_done {
            aws.settle(under.ghosts);
        }
        aws.now = at(aws.now.as_second() - at(0).as_second() + 660);
        let quiet = plan.is_empty() && is_done && aws.listing == before;
        plans.push(plan);
        if quiet {
            return Ok(plans);
        }
        let on_the_way = || plans.iter().map(lines).collect::<Vec<_>>();
        prop_assert!(plans.len() < most, "law 1: no end after {} passes: {:#?}", most, on_the_way());
    }
}

/// Every Share's live containers with what they grant, their names, tags and flags, without ids.
pub(super) fn outcome(world: &World, aws: &Aws) -> BTreeMap<String, String> {
    let desired = world.desired(world.known(), aws.now);
    let plan = plan_of(&desired, &aws.listing, &ENFORCE, aws.now);
    let mut outcome = BTreeMap::new();
    for (key, slots) in &plan.shares {
        for (slot, view) in slots {
            let container = view.container.as_ref().filter(|_| !view.lost);
            let container = container.and_then(|id| aws.listing.containers.get(id));
            let grants = container.map(aws::grants).unwrap_or_default();
            if let Some(container) = container.filter(|_| !grants.is_empty()) {
                let words = format!(
                    "{} {} {:?} {grants:?}",
                    container.name, container.allows_external, container.tags
                );
                outcome.insert(format!("{key} {slot}"), words);
            }
        }
    }
    outcome
}
