//! The trouble of a plan, drawn: crashes, the way to the apiserver, the way to AWS and what AWS does.

use simulator::aws::{
    journal::Kind,
    weather::{AssociationFailure, Calls, Fault, Lag, Moment, Trouble},
};

use crate::{
    draw::Draw,
    plan::{
        Account, Act, Answer, Crash, Edit, EventFault, KubeTrouble, Manifest, Plan, Resource, Rival, Side,
        Target, Unit,
    },
};

const KINDS: [&str; 6] = ["shares", "shares", "shares", "accountregions", "sharingpolicies", "accountsets"];

/// Puts trouble of one to three sorts into a plan.
pub fn trouble(draw: &mut Draw, plan: &mut Plan, size: u32, busy: u32) {
    // Whatever else goes wrong.
    if draw.chance(0.15) {
        pages(draw, plan);
    }
    for _ in 0..=draw.below(size.min(3)) {
        match draw.below(14) {
            12 => halt_in_the_middle(draw, plan, busy),
            13 => reads_refused(draw, plan),
            0..4 => {
                crashes(draw, plan, size);
                on_the_wire(draw, plan);
            }
            4..6 => apiserver(draw, plan, size, busy),
            6..9 => faults(draw, plan, size),
            9 => lags(draw, plan),
            10 => failures(draw, plan),
            _ => rival(draw, plan, busy),
        }
    }
}

fn crashes(draw: &mut Draw, plan: &mut Plan, size: u32) {
    let pair = 1 + u32::from(draw.chance(0.3));
    for _ in 0..pair {
        let writes = draw.one(&[Side::Aws, Side::Aws, Side::Kube, Side::Kube, Side::Kube]);
        let most = if writes == Side::Aws { 4 + 3 * size } else { 12 + 8 * size };
        let older = if draw.chance(0.25) { draw.between(1, 12) } else { 0 };
        plan.crashes.push(Crash {
            writes,
            nth: draw.below(most),
            after: draw.chance(0.5),
            down: if draw.chance(0.5) { draw.below(3) } else { draw.below(120) },
            older,
            older_for: if older > 0 && plan.removal.is_some() { draw.one(&[0, 300, 700]) } else { 0 },
        });
    }
}

/// Much is to be written, slowly, and writing is halted meanwhile.
pub fn halt_in_the_middle(draw: &mut Draw, plan: &mut Plan, busy: u32) {
    plan.aws.wire = draw.one(&[4.0, 9.0]);
    let at = draw.below(busy - 60);
    let halts = at + draw.between(1, 30);
    let all = vec![Resource::Gateway, Resource::List, Resource::Rule];
    let targets = vec![Target::Id(Account::Data), Target::Unit(Unit::Prod)];
    for share in plan.shares.clone() {
        let manifest =
            Manifest { resources: all.clone(), targets: targets.clone(), tag: Some("red".into()), ..share };
        plan.edits.push(Edit { at, act: Act::Apply(manifest) });
    }
    plan.edits.push(Edit { at: halts, act: Act::Halt(true) });
    plan.edits.push(Edit { at: halts + draw.between(30, 120), act: Act::Halt(false) });
}

/// For a while nothing can be read, or one of the listings cannot.
fn reads_refused(draw: &mut Draw, plan: &mut Plan) {
    let listings = ["GetResourceShares", "GetResourceShareAssociations", "ListPermissionAssociations"];
    let operation = if draw.chance(0.5) { None } else { Some(draw.one(&listings)) };
    let (skip, times) = (draw.between(4, 30), draw.between(10, 60));
    plan.aws.faults.push(Fault {
        calls: calls("ram", operation, Some(Kind::Read)),
        skip: skip.into(),
        times: Some(times.into()),
        probability: 1.0,
        moment: Moment::Before,
        trouble: draw.one(&[
            Trouble::AccessDenied,
            Trouble::AccessDenied,
            Trouble::ExpiredToken,
            Trouble::InternalError,
        ]),
    });
}

/// What was on the wire when its sender died arrives.
fn on_the_wire(draw: &mut Draw, plan: &mut Plan) {
    if draw.chance(0.2) {
        plan.aws.wire = draw.one(&[1.0, 4.0, 9.0]);
    }
}

fn apiserver(draw: &mut Draw, plan: &mut Plan, size: u32, busy: u32) {
    for _ in 0..=draw.count(size) {
        let kind = draw.one(&KINDS).to_owned();
        let from = draw.below(busy);
        let removes = plan.removal.is_some();
        plan.kube.push(match draw.below(15) {
            12 | 14 => {
                let kinds =
                    ["shares", "sharingpolicies", "accountsets", "shares accountsets", "shares accountsets"];
                KubeTrouble::List {
                    kind: draw.one(&kinds).to_owned(),
                    skip: draw.below(2),
                    times: 1 + draw.below(4),
                }
            }
            // What people decide about what nobody declares is not heard of.
            13 if removes => {
                let kind = draw.one(&["undeclaredshares", "accountsets"]).to_owned();
                KubeTrouble::Lag { kind, events: draw.between(1, 5), from, to: busy + 60 }
            }
            0..5 => KubeTrouble::Write {
                skip: draw.below(25),
                times: 1 + draw.count(4),
                after: draw.chance(0.5),
                answer: draw.one(&[
                    Answer::Conflict,
                    Answer::Throttled,
                    Answer::Internal,
                    Answer::Timeout,
                    Answer::Lost,
                    Answer::Never,
                ]),
            },
            5..8 => {
                let behind = EventFault::Behind(draw.between(1, 5));
                let faults = [
                    EventFault::Drop,
                    EventFault::Duplicate,
                    behind,
                    EventFault::End,
                    EventFault::Break,
                    EventFault::Expire,
                ];
                KubeTrouble::Event { kind, nth: draw.between(1, 10), fault: draw.one(&faults) }
            }
            8 | 9 => {
                KubeTrouble::Lag { kind, events: draw.between(1, 9), from, to: from + draw.between(2, 90) }
            }
            10 | 13 => KubeTrouble::Gone { from, to: from + draw.between(1, 120) },
            _ => KubeTrouble::Compact { at: from },
        });
    }
}

fn faults(draw: &mut Draw, plan: &mut Plan, size: u32) {
    for _ in 0..=draw.count(size + 1) {
        let calls = match draw.below(12) {
            10 => calls("kms", Some("PutKeyPolicy"), None),
            11 => calls("kms", Some("GetKeyPolicy"), None),
            0..5 => calls("ram", None, Some(Kind::Write)),
            5..7 => calls("ram", None, Some(Kind::Read)),
            7 => calls(
                "ram",
                Some(draw.one(&["CreateResourceShare", "DeleteResourceShare", "DisassociateResourceShare"])),
                None,
            ),
            8 => calls("organizations", None, None),
            _ => calls("sts", None, None),
        };
        let trouble = draw.one(&[
            Trouble::Throttle,
            Trouble::InternalError,
            Trouble::Unavailable,
            Trouble::Disconnect,
            Trouble::Silence,
            Trouble::Silence,
            Trouble::Truncate,
            Trouble::UnknownStatus("HIBERNATING".into()),
            Trouble::ExpiredToken,
            Trouble::AccessDenied,
            Trouble::Slow(7.0),
        ]);
        // Who is refused has done nothing.
        let refusal = matches!(trouble, Trouble::Throttle | Trouble::ExpiredToken | Trouble::AccessDenied);
        let moment = if !refusal && draw.chance(0.7) { Moment::After } else { Moment::Before };
        plan.aws.faults.push(Fault {
            calls,
            skip: draw.below(8).into(),
            times: Some((1 + draw.count(6)).into()),
            probability: if draw.chance(0.7) { 1.0 } else { 0.4 },
            moment,
            trouble,
        });
    }
}

/// Calls of a service, of one operation or one kind.
pub fn calls(service: &str, operation: Option<&str>, kind: Option<Kind>) -> Calls {
    Calls {
        service: Some(service.to_owned()),
        operation: operation.map(str::to_owned),
        kind,
        ..Calls::default()
    }
}

fn lags(draw: &mut Draw, plan: &mut Plan) {
    let lag = |draw: &mut Draw| {
        let seconds = draw.one(&[2.0, 20.0, 60.0, 300.0]);
        if draw.chance(0.5) { Lag::Fixed(seconds) } else { Lag::Uniform(0.0, seconds) }
    };
    let lags = &mut plan.aws.lags;
    for _ in 0..=draw.below(3) {
        let seconds = lag(draw);
        match draw.below(9) {
            8 => lags.policy = seconds,
            0 | 1 => lags.list = seconds,
            2 => lags.read = seconds,
            3 => (lags.list, lags.read) = (seconds, seconds),
            4 => lags.association = seconds,
            5 => lags.disassociation = seconds,
            6 => (lags.share_activation, lags.share_deletion) = (seconds, seconds),
            _ => lags.permission = seconds,
        }
    }
    // For ever, as far as anybody's patience goes.
    if draw.chance(0.08) {
        lags.association = Lag::Fixed(2_400.0);
    }
}

/// Listings come in small or empty pages.
pub fn pages(draw: &mut Draw, plan: &mut Plan) {
    let pages = &mut plan.aws.pages;
    pages.cap = draw.chance(0.7).then(|| draw.between(1, 4) as usize);
    pages.empty = draw.one(&[0.0, 0.3]);
    pages.empty_first = draw.chance(0.6);
    pages.trailing_token = draw.one(&[0.0, 0.5]);
    pages.filter_after_cut = draw.chance(0.5);
}

fn failures(draw: &mut Draw, plan: &mut Plan) {
    let principal = draw.one(&[Account::Data, Account::Web, Account::Test]).id();
    let resource = draw.one(&Resource::ALL[..5]).arn();
    plan.aws.failures.push(AssociationFailure {
        entity: draw.one(&[principal, principal, resource]).to_owned(),
        message: "It is not ready.".to_owned(),
        at_once: draw.chance(0.3),
        times: Some((1 + draw.count(2)).into()),
    });
}

fn rival(draw: &mut Draw, plan: &mut Plan, busy: u32) {
    let cut_from = draw.below(busy.min(400));
    plan.rival = Some(Rival { cut_from, cut_to: cut_from + draw.between(5, 240) });
    plan.aws.wire = draw.one(&[0.0, 9.0, 24.0]);
}
