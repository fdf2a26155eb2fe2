//! Plans from seeds. The first ones are small: one edit, one trouble; later ones have many of each at once.

use simulator::aws::{Rng, weather::Pages};

use crate::{
    draw_attack, draw_trouble,
    plan::{
        Account, Act, Choice, Edit, Fallacy, Hand, Manifest, Mode, Plan, Policy, Removal, Resource, Stray,
        Switch, Target, Unit,
    },
};

/// Names of the Shares that a plan plays with. The last one is there from the beginning in few plans.
const NAMES: [&str; 4] = ["hub", "nets", "rules", "late"];

/// Names of RAM shares that somebody made by hand.
const STRAYS: [&str; 4] = ["old-hub", "trial", "network-team.nets", "partner-lists"];

/// Draws from what there is.
pub struct Draw {
    rng: Rng,
}

impl Draw {
    /// Follows from `seed` alone.
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x5EED);
        // Neighbouring seeds begin alike.
        rng.bits();
        Self { rng }
    }

    /// From 0 to below `n`.
    pub fn below(&mut self, n: u32) -> u32 {
        u32::try_from(self.rng.bits() % u64::from(n.max(1))).unwrap_or_default()
    }

    /// From `from` to below `to`.
    pub fn between(&mut self, from: u32, to: u32) -> u32 {
        from + self.below(to.saturating_sub(from))
    }

    pub fn chance(&mut self, p: f64) -> bool {
        self.rng.chance(p)
    }

    pub fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u32) as usize].clone()
    }

    /// As many as a world of this size has: often few, seldom many.
    pub fn count(&mut self, most: u32) -> u32 {
        self.below(most + 1).min(self.below(most + 1) + 1)
    }
}

/// How much happens in a world: grows from 1 to 4 with the seed's number.
fn size(seed: u64) -> u32 {
    match seed {
        0..500 => 1,
        500..2_000 => 2,
        2_000..6_000 => 3,
        _ => 4,
    }
}

/// The plan of a seed.
pub fn plan(seed: u64) -> Plan {
    let mut draw = Draw::new(seed);
    // Every sixth world is small, whatever its number.
    let size = if seed.is_multiple_of(6) { 1 } else { size(seed) };
    let mut names: Vec<&str> = NAMES[..3].to_vec();
    if draw.chance(0.2) {
        names.push(NAMES[3]);
    }
    let busy = 120 + 180 * size;
    let shares: Vec<Manifest> = names.iter().map(|name| manifest(&mut draw, name, busy)).collect();
    let mut plan = Plan { shares, ..Plan::default() };
    if draw.chance(0.35) {
        what_nobody_declares(&mut draw, &mut plan);
    }
    // What the plan is about: edits, trouble, or both.
    let about = draw.below(10);
    if plan.removal.is_some() {
        more_by_hand(&mut draw, &mut plan, busy);
    }
    if about != 0 {
        edits(&mut draw, &mut plan, size, busy);
    }
    if about > 1 {
        draw_trouble::trouble(&mut draw, &mut plan, size, busy);
    }
    let attack = if draw.chance(0.5) { draw_attack::attack(&mut draw, &mut plan, busy) } else { 0 };
    plan.edits.sort_by_key(|edit| edit.at);
    // What is not listed counts as gone after ten minutes.
    let unlisted = if plan.aws.pages == Pages::default() { 0 } else { 700 };
    plan.calm_at = busy + 60 + attack.max(unlisted);
    plan
}

/// A set that removes it, and something to remove.
fn what_nobody_declares(draw: &mut Draw, plan: &mut Plan) {
    plan.removal = Some(Removal {
        delete: draw.chance(0.7),
        grace: draw.one(&[0, 60, 200, 400]),
        most: draw.chance(0.5).then(|| draw.between(1, 3)),
    });
    for name in &STRAYS[..draw.between(1, 5) as usize] {
        plan.strays.push(Stray {
            name: (*name).to_owned(),
            resource: draw.one(&[Resource::List, Resource::Gateway, Resource::Rule]),
            with: draw.chance(0.8).then(|| draw.one(&Account::ALL)),
        });
    }
}

/// More of it comes, little by little.
fn more_by_hand(draw: &mut Draw, plan: &mut Plan, busy: u32) {
    for _ in 0..draw.below(4) {
        let (at, share) = (draw.below(busy), draw.one(&NAMES[..3]).to_owned());
        plan.edits.push(Edit { at, act: Act::Hand(Hand::Foreign(share)) });
    }
}

fn manifest(draw: &mut Draw, share: &str, busy: u32) -> Manifest {
    let mut resources = some(draw, &Resource::OF_RAM, 3);
    if draw.chance(0.3) {
        let object = draw.one(&[Resource::Key, Resource::Secret]);
        resources.push(object);
        if draw.chance(0.3) {
            resources = vec![object];
        }
    }
    if draw.chance(0.02) {
        resources.push(Resource::Lost);
    }
    let leaves = !resources.iter().any(|r| matches!(r, Resource::Subnet1 | Resource::Subnet2));
    let kinds = [
        Target::Id(Account::Data),
        Target::Name(Account::Data),
        Target::Id(Account::Web),
        Target::Name(Account::Web),
        Target::Name(Account::Test),
        Target::Unit(Unit::Prod),
        Target::Unit(Unit::Test),
    ];
    let mut targets = some(draw, &kinds, 3);
    if draw.chance(if leaves { 0.4 } else { 0.05 }) {
        let end = draw.between(30, busy);
        targets.push(if draw.chance(0.3) { Target::Until(end) } else { Target::Outside });
    }
    if draw.chance(0.08) {
        targets.push(draw.one(&[Target::Id(Account::Log), Target::Unit(Unit::Security), Target::Nobody]));
    }
    if draw.chance(0.03) {
        targets.retain(|target| target.is_outside());
    }
    Manifest {
        share: share.to_owned(),
        name: draw.chance(0.2).then(|| draw.one(&["core", "network", "ours"]).to_owned()),
        resources,
        tag: draw.chance(0.3).then(|| draw.one(&["blue", "red"]).to_owned()),
        read_only: draw.chance(0.15),
        switch: draw.chance(0.05).then(|| draw.one(&[Switch::Suspend, Switch::Report])),
        targets,
    }
}

/// One to `most` of them, each once, in their order.
fn some<T: Copy + Ord>(draw: &mut Draw, of: &[T], most: u32) -> Vec<T> {
    let mut some: Vec<T> = (0..draw.between(1, most + 1)).map(|_| draw.one(of)).collect();
    some.sort();
    some.dedup();
    some
}

fn edits(draw: &mut Draw, plan: &mut Plan, size: u32, busy: u32) {
    let mut at = draw.below(30);
    for share in plan.shares.clone() {
        if let Some(end) = share.end().filter(|_| draw.chance(0.4)) {
            let switch = Some(draw.one(&[Switch::Suspend, Switch::Report]));
            plan.edits.push(Edit { at: draw.below(end), act: Act::Apply(Manifest { switch, ..share }) });
        }
    }
    for _ in 0..=draw.count(2 * size) {
        let act = act(draw, plan, busy);
        follow_up(draw, plan, &act, at, busy);
        plan.edits.push(Edit { at: at.min(busy), act });
        // Edits come in bursts, into the middle of what the former one set going.
        at += if draw.chance(0.6) { draw.below(4) } else { draw.below(240) };
    }
}

/// What is switched is switched back, sooner or later.
fn follow_up(draw: &mut Draw, plan: &mut Plan, act: &Act, at: u32, busy: u32) {
    let back = match act {
        Act::Halt(true) => Act::Halt(false),
        Act::SuspendSet(true) => Act::SuspendSet(false),
        Act::Mode(mode) if *mode != Mode::Enforce => Act::Mode(Mode::Enforce),
        Act::Policy(policy) if *policy != Policy::default() => Act::Policy(Policy::default()),
        Act::RenameAccount(account, true) => Act::RenameAccount(*account, false),
        Act::TakeName(first, second, true) => Act::TakeName(*first, *second, false),
        Act::RenameOwner(true) => Act::RenameOwner(false),
        Act::RenameUnit(unit, true) => Act::RenameUnit(*unit, false),
        Act::Move(account, _) => Act::Move(*account, account.home()),
        Act::SuspendOwner(true) => Act::SuspendOwner(false),
        _ => return,
    };
    let lasting = matches!(back, Act::Policy(_) | Act::Move(..));
    if !lasting || draw.chance(0.5) {
        let later = if draw.chance(0.3) { draw.below(5) } else { draw.below(700) };
        plan.edits.push(Edit { at: (at + 1 + later).min(busy + 50), act: back });
    }
}

fn act(draw: &mut Draw, plan: &Plan, busy: u32) -> Act {
    let shares = &plan.shares;
    let name = draw.one(&NAMES);
    let share = name.to_owned();
    if !plan.strays.is_empty() && draw.chance(0.15) {
        let about = draw.one(&plan.strays).name;
        return Act::Decide(about, draw.one(&[Choice::Keep, Choice::Remove, Choice::RemoveOthers]));
    }
    match draw.below(42) {
        0..13 => Act::Apply(edited(draw, shares, name, busy)),
        13..17 => Act::Delete(share),
        17..21 => Act::Recreate(share),
        21 => {
            let fallacies = [
                Fallacy::Wildcard,
                Fallacy::OtherRegion,
                Fallacy::OtherAccount,
                Fallacy::OutsideUndeclared,
                Fallacy::EndlessOutside,
                Fallacy::TwoKinds,
            ];
            Act::Refused(edited(draw, shares, name, busy), draw.one(&fallacies))
        }
        22 => Act::Request(share),
        23 | 24 => Act::Halt(true),
        25 => Act::SuspendSet(true),
        26 => Act::Mode(draw.one(&[Mode::Report, Mode::AddOnly])),
        27..30 => Act::Policy(Policy {
            lists_and_rules: draw.chance(0.5),
            tests: draw.chance(0.5),
            partner: draw.chance(0.5),
        }),
        30 => Act::RenameAccount(draw.one(&[Account::Data, Account::Web, Account::Test]), true),
        31 => Act::RenameOwner(true),
        32 => Act::RenameUnit(draw.one(&[Unit::Prod, Unit::Test]), true),
        33 => Act::Move(draw.one(&[Account::Test, Account::Web]), draw.one(&[Unit::Sandbox, Unit::Prod])),
        34 => Act::SuspendOwner(true),
        35 | 36 => {
            let (first, second) = draw.one(&[
                (Account::Data, Account::Web),
                (Account::Web, Account::Data),
                (Account::Data, Account::Test),
            ]);
            Act::TakeName(first, second, true)
        }
        _ => Act::Hand(hand(draw)),
    }
}

/// The Share as it was first declared with something of it changed, or another one altogether.
fn edited(draw: &mut Draw, shares: &[Manifest], name: &str, busy: u32) -> Manifest {
    let mut other = manifest(draw, name, busy);
    if let Some(first) = shares.iter().find(|share| share.share == name)
        && draw.chance(0.7)
    {
        match draw.below(5) {
            0 => other = Manifest { resources: other.resources, ..first.clone() },
            1 | 2 => other = Manifest { targets: other.targets, ..first.clone() },
            3 => other = Manifest { name: other.name, tag: other.tag, ..first.clone() },
            _ => other = Manifest { read_only: !first.read_only, switch: other.switch, ..first.clone() },
        }
    }
    other
}

fn hand(draw: &mut Draw) -> Hand {
    let share = draw.one(&NAMES[..3]).to_owned();
    let account = draw.one(&Account::ALL);
    let resource = draw.one(&Resource::OF_RAM);
    match draw.below(16) {
        13 => Hand::Wipe,
        14 => Hand::LetIn(account),
        15 => Hand::Statement(draw.below(1000)),
        12 => Hand::Steal(share),
        0 | 1 => Hand::Associate(share, account),
        2 => Hand::Disassociate(share, account),
        3 => Hand::AddResource(share, resource),
        4 => Hand::RemoveResource(share, resource),
        5 => Hand::AllowExternal(share),
        6 => Hand::Rename(share),
        7 => Hand::Tag(share),
        8 => Hand::Unmark(share),
        9 | 10 => Hand::Delete(share),
        _ => Hand::Foreign(share),
    }
}
