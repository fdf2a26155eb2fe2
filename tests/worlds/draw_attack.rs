//! Attacks: a few things that happen in the order in which they would hurt, each aimed at one protection. What is drawn
//! independently meets in that order only once in thousands of worlds.

use simulator::aws::{
    journal::Kind,
    weather::{Fault, Lag, Moment, Trouble},
};

use crate::{
    draw::Draw,
    draw_trouble::{self, calls},
    plan::{
        Account, Act, Choice, Edit, Hand, KubeTrouble, Manifest, Plan, Removal, Resource, Stray, Target, Unit,
    },
};

/// What is not listed counts as gone after ten minutes; so long a trouble has to last to show what becomes of it then.
const UNLISTED: u32 = 700;

/// Puts one attack into a plan; answers for how long after `busy` its trouble must go on, in seconds.
pub fn attack(draw: &mut Draw, plan: &mut Plan, busy: u32) -> u32 {
    match draw.below(10) {
        0 => names_change_hands(draw, plan, busy),
        1 => return listings_are_denied(draw, plan),
        2 | 3 => all_of_it_is_swapped(draw, plan, busy),
        4 => a_create_is_not_answered(draw, plan),
        5 => what_was_stolen_is_edited(draw, plan, busy),
        6 => draw_trouble::pages(draw, plan),
        7 => draw_trouble::halt_in_the_middle(draw, plan, busy),
        8 => it_begins_half_blind(draw, plan, busy),
        _ => return it_is_kept_unheard(draw, plan),
    }
    0
}

fn put(plan: &mut Plan, at: u32, act: Act) {
    plan.edits.push(Edit { at, act });
}

/// A name means another account while nobody looks, and whoever starts then reads the tree anew.
fn names_change_hands(draw: &mut Draw, plan: &mut Plan, busy: u32) {
    let (first, second) = draw.one(&[(Account::Data, Account::Web), (Account::Web, Account::Data)]);
    let at = draw.between(10, busy / 2);
    let share = &mut plan.shares[0];
    share.targets = vec![Target::Name(first)];
    share.switch = None;
    put(plan, at, Act::TakeName(first, second, true));
    put(plan, at + 1, Act::Restart(draw.below(20)));
    put(plan, busy, Act::TakeName(first, second, false));
}

/// From some call on AWS refuses to list.
fn listings_are_denied(draw: &mut Draw, plan: &mut Plan) -> u32 {
    let listings = ["GetResourceShares", "GetResourceShareAssociations"];
    plan.aws.faults.push(Fault {
        calls: calls("ram", Some(draw.one(&listings)), Some(Kind::Read)),
        skip: draw.between(1, 20).into(),
        times: Some(400),
        probability: 1.0,
        moment: Moment::Before,
        trouble: Trouble::AccessDenied,
    });
    UNLISTED
}

/// Other resources for others, while AWS takes its time to take anything out.
fn all_of_it_is_swapped(draw: &mut Draw, plan: &mut Plan, busy: u32) {
    plan.aws.lags.disassociation = Lag::Fixed(draw.one(&[2.0, 20.0, 60.0, 200.0]));
    let states = [
        (
            vec![Resource::Gateway, Resource::Subnet1],
            vec![Target::Id(Account::Data), Target::Unit(Unit::Test)],
        ),
        (vec![Resource::List, Resource::Subnet2], vec![Target::Name(Account::Web), Target::Unit(Unit::Prod)]),
    ];
    let mut at = draw.below(30);
    let first = usize::from(draw.chance(0.5));
    let share = plan.shares[draw.below(3) as usize].clone();
    for turn in 0..2 + draw.below(2) as usize {
        let (resources, targets) = states[(first + turn) % 2].clone();
        put(plan, at.min(busy), Act::Apply(Manifest { resources, targets, switch: None, ..share.clone() }));
        at += if draw.chance(0.5) { draw.below(5) } else { draw.between(5, 120) };
    }
}

/// What was made is not told of, and not listed at once.
fn a_create_is_not_answered(draw: &mut Draw, plan: &mut Plan) {
    plan.aws.lags.list = Lag::Fixed(draw.one(&[0.0, 20.0, 60.0]));
    plan.aws.faults.push(Fault {
        calls: calls("ram", Some("CreateResourceShare"), None),
        skip: draw.below(3).into(),
        times: Some(1 + u64::from(draw.below(2))),
        probability: 1.0,
        moment: Moment::After,
        trouble: draw.one(&[
            Trouble::Disconnect,
            Trouble::Silence,
            Trouble::Truncate,
            Trouble::InternalError,
        ]),
    });
}

/// A container gets another installation's mark, and then its Share is edited.
fn what_was_stolen_is_edited(draw: &mut Draw, plan: &mut Plan, busy: u32) {
    let share = plan.shares[draw.below(3) as usize].clone();
    let at = draw.between(10, busy / 3);
    put(plan, at, Act::Hand(Hand::Steal(share.share.clone())));
    // Soon, and when word of the theft must have come.
    for (account, later) in [(Account::Data, draw.below(10)), (Account::Web, draw.between(140, 190))] {
        let targets = vec![Target::Id(account)];
        put(plan, at + later, Act::Apply(Manifest { targets, switch: None, ..share.clone() }));
    }
}

/// Who starts anew cannot list everything at first.
fn it_begins_half_blind(draw: &mut Draw, plan: &mut Plan, busy: u32) {
    let kind = draw.one(&["sharingpolicies", "sharingpolicies", "shares", "accountsets"]).to_owned();
    // Each kind has been listed once by then.
    plan.kube.push(KubeTrouble::List { kind, skip: 1, times: draw.between(2, 6) });
    put(plan, draw.between(5, busy), Act::Restart(draw.below(20)));
}

/// A person keeps what nobody declares, and the controller's watch does not hear of it.
fn it_is_kept_unheard(draw: &mut Draw, plan: &mut Plan) -> u32 {
    plan.removal = Some(Removal { delete: draw.chance(0.5), grace: draw.between(300, 400), most: None });
    if plan.strays.is_empty() {
        plan.strays.push(Stray {
            name: "old-hub".into(),
            resource: Resource::List,
            with: Some(Account::Log),
        });
    }
    // By then the second reading is on record.
    let at = draw.between(135, 150);
    for stray in plan.strays.clone() {
        put(plan, at + 1, Act::Decide(stray.name, Choice::Keep));
    }
    plan.kube.push(KubeTrouble::Lag { kind: "undeclaredshares".into(), events: 30, from: at, to: 600 });
    300
}
