//! The laws of the house over generated worlds, on a small pure model of RAM.

mod aws;
mod run;
mod world;

use std::collections::BTreeSet;

use proptest::{prelude::*, strategy::ValueTree};

use self::{
    run::{CLEAR, Conditions, any_gate, converge, execute, interrupted, outcome, touched, wanted},
    world::{Dice, ENFORCE, World, edited, plan_of, switched},
};
use crate::{
    api::Reason,
    model::{Principal, Slot},
    plan::{
        change::{Change, Effect},
        desired::{Cause, Standing},
        expect::Expectations,
        fixture::{at, lines},
        gate::{Gate, Mode},
        names::Organization,
        observed::{AssociationState, Container, ContainerState, Row},
        resolve::Departure,
        step::Action,
        view::Plan,
    },
};

fn is_outsider(principal: &Principal) -> bool {
    principal
        .account()
        .is_some_and(|id| id.as_str().starts_with("9999888") || id.as_str().starts_with("8888"))
}

/// The choices that a world is made of, shown without the zeros at the end.
#[derive(Clone)]
struct Bytes(Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let used = self.0.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        f.write_str(&format!("{:?}", &self.0[..used]))
    }
}

fn bytes() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 320).prop_map(Bytes)
}

fn changes(plan: &Plan) -> Vec<(String, Change, Option<Reason>)> {
    let slots = plan
        .shares
        .iter()
        .flat_map(|(key, slots)| slots.iter().map(move |(slot, view)| (format!("{key} {slot}"), view)));
    slots
        .flat_map(|(who, view)| {
            view.changes().map(move |(change, held)| (who.clone(), change.clone(), held)).collect::<Vec<_>>()
        })
        .collect()
}

/// A container as it will be when AWS is done with what was under way before.
fn settled(container: &Container) -> Container {
    let mut container = container.clone();
    let gone =
        |row: &Row| matches!(row.state, AssociationState::Disassociated | AssociationState::Disassociating);
    container.principals.retain(|_, row| !gone(row));
    container.resources.retain(|_, row| !gone(row));
    for row in container.principals.values_mut().chain(container.resources.values_mut()) {
        if row.state == AssociationState::Associating {
            row.state = AssociationState::Associated;
        }
    }
    container
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Laws 1, 2 and 4: whatever is there, passes end, each step grants nothing extra, what is not ours stays as it
    /// is; and what is then in force is what is declared.
    #[test]
    fn passes_end_and_only_what_is_declared_is_granted(bytes in bytes(), ghosts in any::<bool>(), slow in any::<bool>()) {
        let under = Conditions { ghosts, slow, ..CLEAR };
        let mut world = World::new(&mut Dice::new(&bytes.0));
        let mut aws = world.aws();
        let plans = converge(&mut world, &mut aws, &under)?;
        let last = plans.last().unwrap();
        let desired = world.desired(world.known(), aws.now);
        for (key, slots) in &last.shares {
            for (slot, view) in slots {
                let want = &desired.shares[key].containers[slot];
                let live = view.container.as_ref().and_then(|id| aws.listing.containers.get(id));
                if !view.waits.is_empty() || view.lost {
                    continue;
                }
                let granted = live.filter(|c| c.state.is_live()).map(aws::grants).unwrap_or_default();
                prop_assert_eq!(granted, wanted(want), "{} {}", key, slot);
            }
        }
        for id in &world.untouchable {
            prop_assert_eq!(settled(&world.listing.containers[id]), settled(&aws.listing.containers[id]));
        }
    }

    /// Laws 1, 2 and 4 in any mode, with any switches, departures and views of the tree.
    #[test]
    fn under_any_conditions_passes_end_and_grant_nothing_extra(bytes in bytes()) {
        let mut dice = Dice::new(&bytes.0);
        let under = Conditions::any(&mut dice);
        let mut world = World::new(&mut dice);
        for (share, departure) in &mut world.shares {
            *share = switched(&mut dice, share.clone());
            *departure = dice.of(&[Departure::Stays, Departure::Stays, Departure::Deleted, Departure::SweptAway]);
        }
        let mut aws = world.aws();
        converge(&mut world, &mut aws, &under)?;
        for id in &world.untouchable {
            prop_assert_eq!(settled(&world.listing.containers[id]), settled(&aws.listing.containers[id]));
        }
    }

    /// Law 6, its pure half: a pass that dies after any step, with nothing of it written down, changes no end.
    #[test]
    fn a_pass_that_dies_changes_no_end(bytes in bytes(), first in 0..6usize, second in 0..4usize) {
        let start = World::new(&mut Dice::new(&bytes.0)).in_known_states();
        let mut whole = start.clone();
        let mut aws = whole.aws();
        converge(&mut whole, &mut aws, &CLEAR)?;
        let expected = outcome(&whole, &aws);

        let mut broken = start;
        let mut aws = broken.aws();
        interrupted(&broken, &mut aws, first)?;
        aws.settle(true);
        interrupted(&broken, &mut aws, second)?;
        converge(&mut broken, &mut aws, &CLEAR)?;
        prop_assert_eq!(expected, outcome(&broken, &aws));
        let ours = aws.listing.live().filter(|c| c.id.as_str().contains("made-")).count();
        prop_assert!(ours <= 2 * broken.shares.len(), "duplicates: {}", ours);
    }

    /// A wait at the end names something that AWS or a person must move: a state that this version does not know, a
    /// container taken by others, or a held target; never one of our own changes.
    #[test]
    fn nothing_waits_for_ever_on_ourselves(bytes in bytes()) {
        let mut world = World::new(&mut Dice::new(&bytes.0));
        let mut aws = world.aws();
        let plans = converge(&mut world, &mut aws, &CLEAR)?;
        for (key, slots) in &plans.last().unwrap().shares {
            for (slot, view) in slots {
                let live = view.container.as_ref().and_then(|id| aws.listing.containers.get(id));
                let strange = live.is_some_and(|c| {
                    c.principals.values().chain(c.resources.values()).any(|row| matches!(row.state, AssociationState::Other(_)))
                });
                prop_assert!(view.waits.is_empty() || view.lost || strange, "{} {}: {:?}", key, slot, view.waits);
            }
        }
    }

    /// Law 3: a tree that is not known narrows nothing but what has expired.
    #[test]
    fn an_unknown_tree_takes_nothing_away(bytes in bytes(), orphan in any::<bool>(), later in 0..60i64) {
        let mut dice = Dice::new(&bytes.0);
        let mut world = World::new(&mut dice);
        let in_time = orphan.then(|| world.policies.iter_mut().for_each(|p| {
            p.spec.allow.orphan = true;
            p.spec.owners.organizational_units = vec!["Root/Infrastructure".into()];
            p.spec.owners.account_sets.clear();
        })).is_some();
        let known = world.desired(world.known(), at(0));
        let unknown = world.desired(Organization::Unknown, at(0));
        for (key, share) in &unknown.shares {
            for (slot, want) in &share.containers {
                let sure = &known.shares[key].containers[slot];
                for (p, standing) in &sure.principals {
                    let now = want.principals.get(p);
                    let kept = now.map_or(want.unresolved, |s| matches!(s, Standing::Granted | Standing::Held));
                    prop_assert!(*standing != Standing::Granted || kept, "{} {}: {:?}", key, p, now);
                }
                for (r, standing) in &want.resources {
                    prop_assert!(sure.resources[r] != Standing::Granted || !matches!(standing, Standing::Refused(_)));
                }
            }
        }
        let mut aws = world.aws();
        converge(&mut world, &mut aws, &CLEAR)?;
        if in_time {
            for (share, departure) in &mut world.shares {
                if dice.below(2) == 1 {
                    share.spec.deletion_policy = crate::api::share::DeletionPolicy::Orphan;
                    *departure = Departure::Deleted;
                }
            }
        }
        let now = crate::plan::fixture::days(later);
        let plan = plan_of(&world.desired(Organization::Unknown, now), &aws.listing, &ENFORCE, now);
        for (who, change, _) in changes(&plan) {
            prop_assert!(change.effect != Effect::Narrow || change.cause == Cause::Expired, "{}: {:?}", who, change);
            prop_assert!(change.effect != Effect::Widen, "{}: {:?}", who, change);
        }
    }

    /// Law 4 again, in one look: no chain names a container that is not ours, in any mode.
    #[test]
    fn what_is_not_ours_is_in_no_chain(bytes in bytes()) {
        let mut dice = Dice::new(&bytes.0);
        let world = World::new(&mut dice);
        let plan = world.plan(&ENFORCE);
        prop_assert!(touched(&plan).is_disjoint(&world.untouchable));
        let named: BTreeSet<_> = plan.undeclared.iter().map(|u| u.container.id.clone()).collect();
        let live = world.untouchable.iter().filter(|id| world.listing.containers[*id].state != ContainerState::Deleted);
        for id in live {
            prop_assert!(named.contains(id), "{} is nobody's and not named", id);
        }
    }

    /// Law 5: neither the order of what is read nor the path of edits changes where it ends.
    #[test]
    fn the_end_depends_on_what_is_declared_alone(bytes in bytes(), halfway in any::<bool>()) {
        let mut dice = Dice::new(&bytes.0);
        let start = World::new(&mut dice).in_known_states();
        let detour: Vec<_> = (0..).zip(&start.shares).map(|(i, (s, _))| edited(&mut dice, s, i).spec).collect();
        let goal: Vec<_> = start.shares.iter().map(|(s, _)| s.spec.clone()).collect();

        let mut direct = start.clone();
        let mut aws = direct.aws();
        converge(&mut direct, &mut aws, &CLEAR)?;
        let straight = outcome(&direct, &aws);

        let mut winding = start.clone();
        let mut aws = winding.aws();
        for ((share, _), spec) in winding.shares.iter_mut().zip(detour) {
            share.spec = spec;
        }
        if halfway {
            let desired = winding.desired(winding.known(), aws.now);
            let plan = plan_of(&desired, &aws.listing, &ENFORCE, aws.now);
            let made = execute(&winding, &desired, &plan, &mut aws, usize::MAX)?;
            winding.report(&desired, &plan, &made);
        } else {
            converge(&mut winding, &mut aws, &CLEAR)?;
        }
        for ((share, _), spec) in winding.shares.iter_mut().zip(goal) {
            share.spec = spec;
        }
        winding.shares.reverse();
        converge(&mut winding, &mut aws, &CLEAR)?;
        prop_assert_eq!(straight, outcome(&winding, &aws));
    }

    /// Order in a spec is no meaning: the same plan, the same digest.
    #[test]
    fn the_order_in_a_spec_does_not_matter(bytes in bytes()) {
        let world = World::new(&mut Dice::new(&bytes.0));
        let mut reversed = world.clone();
        reversed.shares.reverse();
        for (share, _) in &mut reversed.shares {
            share.spec.targets.reverse();
            share.spec.resources.reverse();
        }
        let digests = |w: &World| {
            let desired = w.desired(w.known(), at(0));
            desired.shares.into_values().map(|s| s.digest).collect::<Vec<_>>()
        };
        prop_assert_eq!(digests(&world), digests(&reversed));
        prop_assert_eq!(world.plan(&ENFORCE).chains, reversed.plan(&ENFORCE).chains);
    }

    /// One plan never adds what it removes, and an edit that revokes never asks for the revoked again (peers.md B1).
    #[test]
    fn what_is_revoked_is_never_asked_for_again(bytes in bytes()) {
        let mut dice = Dice::new(&bytes.0);
        let mut world = World::new(&mut dice);
        let mut aws = world.aws();
        converge(&mut world, &mut aws, &CLEAR)?;
        for index in 0..world.shares.len() {
            let (share, _) = &mut world.shares[index];
            *share = edited(&mut dice, share, u8::try_from(index).unwrap());
        }
        let desired = world.desired(world.known(), aws.now);
        for plan in converge(&mut world, &mut aws, &CLEAR)? {
            for chain in &plan.chains {
                let want = &desired.shares[chain.owner.share().unwrap()].containers[chain.owner.slot().unwrap()];
                let mut out = BTreeSet::new();
                for step in &chain.steps {
                    match &step.action {
                        Action::Disassociate(m) => out.extend(
                            m.principals.iter().map(ToString::to_string).chain(m.resources.iter().cloned()),
                        ),
                        Action::Associate(m) => {
                            let added: BTreeSet<_> = m.principals.iter().map(ToString::to_string).chain(m.resources.iter().cloned()).collect();
                            prop_assert!(added.is_disjoint(&out));
                            let granted: BTreeSet<_> = want.granted_principals().map(ToString::to_string).chain(want.granted_resources().cloned()).collect();
                            prop_assert!(added.is_subset(&granted), "{:?}", added);
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    /// Modes and halts: nothing is written under Report or halt, nothing is taken away under AddOnly, a tenant's
    /// switches stop no end and no policy, and no filter changes what is to be done.
    #[test]
    fn gates_hold_what_they_say(bytes in bytes()) {
        let mut dice = Dice::new(&bytes.0);
        let gate = any_gate(&mut dice);
        let mut world = World::new(&mut dice);
        for (share, _) in &mut world.shares {
            *share = switched(&mut dice, share.clone());
        }
        let plan = world.plan(&gate);
        if gate.halted.is_some() || gate.suspended || gate.mode == Mode::Report {
            prop_assert!(plan.is_empty());
        }
        if gate.mode == Mode::AddOnly {
            for step in plan.chains.iter().flat_map(|c| &c.steps) {
                prop_assert!(step.effect != Effect::Narrow, "{:?}", step);
                if let Action::Disassociate(members) = &step.action {
                    prop_assert!(members.principals.len() + members.resources.len() > 0);
                }
            }
        }
        for (who, change, held) in changes(&world.plan(&ENFORCE)) {
            let beyond = matches!(change.cause, Cause::Expired | Cause::Policy) && change.effect == Effect::Narrow;
            prop_assert!(!(beyond && held.is_some()), "{}: {:?} held by {:?}", who, change, held);
        }
        let all = |plan: &Plan| {
            let mut all: Vec<_> = changes(plan).into_iter().map(|(who, c, _)| format!("{who} {c:?}")).collect();
            all.sort();
            all
        };
        let report = Gate { mode: Mode::Report, ..ENFORCE };
        prop_assert_eq!(all(&plan), all(&world.plan(&ENFORCE)));
        prop_assert_eq!(all(&world.plan(&report)), all(&world.plan(&ENFORCE)));
    }

    /// Whatever the tenant switches on, what has expired or what policy takes away is out of force in the end.
    #[test]
    fn no_switch_holds_access_open(bytes in bytes()) {
        let mut dice = Dice::new(&bytes.0);
        let mut world = World::new(&mut dice);
        for (share, departure) in &mut world.shares {
            *share = switched(&mut dice, share.clone());
            *departure = dice.of(&[Departure::Stays, Departure::Deleted]);
        }
        let mut aws = world.aws();
        let plans = converge(&mut world, &mut aws, &CLEAR)?;
        let desired = world.desired(world.known(), aws.now);
        for (key, slots) in &plans.last().unwrap().shares {
            for (slot, view) in slots {
                let Some(container) = view.container.as_ref().and_then(|id| aws.listing.containers.get(id)) else { continue };
                if view.lost || !container.state.is_live() { continue; }
                let want = &desired.shares[key].containers[slot];
                for (p, row) in &container.principals {
                    let ended = matches!(want.principals.get(p), Some(Standing::Refused(Cause::Expired | Cause::Policy)));
                    let strange = matches!(row.state, AssociationState::Other(_));
                    prop_assert!(!(ended && row.state.may_grant() && !strange), "{} {}: {} is {}", key, slot, p, row.state);
                }
            }
        }
    }

    /// Our writes, laid over a reading from before them, plan the same as the reading that shows them.
    #[test]
    fn a_late_reading_with_our_writes_over_it_is_as_good_as_a_new_one(bytes in bytes()) {
        let mut world = World::new(&mut Dice::new(&bytes.0));
        let mut aws = world.aws();
        let mut expectations = Expectations::default();
        let stale = aws.listing.clone();
        let desired = world.desired(world.known(), aws.now);
        let plan = plan_of(&desired, &aws.listing, &ENFORCE, aws.now);
        let mut made = vec![];
        for chain in &plan.chains {
            for step in &chain.steps {
                let id = aws.apply(chain, &step.action).unwrap();
                expectations.wrote(&id, stale.containers.get(&id), &step.action, chain.owner.slot() == Some(&Slot::Outer), aws.now);
                if matches!(step.action, Action::Create(_)) {
                    expectations.made(aws.listing.containers[&id].clone(), aws.now);
                    let index = world.shares.iter().position(|(s, _)| Some(&crate::plan::resolve::key_of(s)) == chain.owner.share());
                    made.push((index.unwrap(), chain.owner.slot().unwrap().clone(), id));
                }
            }
        }
        world.report(&desired, &plan, &made);
        let desired = world.desired(world.known(), aws.now);
        expectations.settle(&stale, |_| true, aws.now);
        let seen = plan_of(&desired, &expectations.overlay(&stale), &ENFORCE, aws.now);
        let true_plan = plan_of(&desired, &aws.listing, &ENFORCE, aws.now);
        let all = |plan: &Plan| -> BTreeSet<_> {
            changes(plan).into_iter().map(|(who, c, _)| format!("{who} {:?}", c.kind)).collect()
        };
        // What failed and is being taken out may look as if it still were; then it is added a reading later.
        prop_assert!(all(&seen).is_subset(&all(&true_plan)), "{:?} {:?}", lines(&seen), lines(&true_plan));
        let failed = stale.containers.values().any(|c| {
            c.principals.values().chain(c.resources.values()).any(|row| row.state == AssociationState::Failed)
        });
        prop_assert!(failed || all(&seen) == all(&true_plan), "{:?} {:?}", lines(&seen), lines(&true_plan));
        expectations.settle(&aws.listing, |_| true, aws.now);
        prop_assert!(expectations.containers().is_empty(), "{:?}", expectations);
    }
}

/// The worlds are not all dull: in most of them something is to be done, and each kind of step is met.
#[test]
fn worlds_meet_every_kind_of_step() {
    let mut kinds = BTreeSet::new();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..600 {
        let bytes = bytes().new_tree(&mut runner).unwrap().current();
        let world = World::new(&mut Dice::new(&bytes.0));
        for chain in world.plan(&ENFORCE).chains {
            assert_eq!(chain.container.is_none(), matches!(chain.steps[0].action, Action::Create(_)));
            kinds.extend(
                chain
                    .steps
                    .iter()
                    .map(|s| format!("{:?}", s.action).split(['(', ' ']).next().unwrap().to_owned()),
            );
        }
    }
    let names: Vec<&str> = kinds.iter().map(String::as_str).collect();
    assert_eq!(names, ["Associate", "Create", "Delete", "Disassociate", "SetPermission", "Tag", "Update"]);
}
