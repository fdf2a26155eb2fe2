//! The status of an AccountRegion, as a function of the pass.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::{gather::uid, memory::CellMemory, objects::looks_through, report::Pass};
use crate::{
    api::{
        AccountRegion, AccountSet, Reason,
        account_region::{AccountRegionStatus, Approved, CellCounts, Held, Listing, MechanismState},
        annotations::APPROVE,
        conditions::{self, HALTED, OBSERVED, READY, RECONCILING, REMOVALS_HELD, STALLED, Status},
        share_status::ShareStatus,
    },
    model::{Mechanism, Timestamp},
    plan::{
        govern::name_of,
        observed::{Container, Origin, Reading, Unknown},
    },
};

/// The status as it should stand.
pub(super) fn region_status<'s>(
    region: &AccountRegion,
    memory: &CellMemory,
    pass: &Pass<'_>,
    shares: impl Iterator<Item = &'s ShareStatus>,
) -> AccountRegionStatus {
    let before = region.status.clone().unwrap_or_default();
    let gathered = pass.gathered;
    let now = gathered.now;
    let generation = region.metadata.generation;
    let mechanisms = mechanisms(&pass.gathered.set, memory, &before);
    let mut status = AccountRegionStatus {
        observed_generation: generation,
        conditions: before.conditions.clone(),
        account_name: gathered.account_name().map(str::to_owned).or(before.account_name),
        organizational_unit: gathered.unit_path().or(before.organizational_unit),
        account_set: Some(name_of(&gathered.set)),
        released: None,
        access: gathered.set.spec.access.clone(),
        mechanisms,
        counts: if memory.unknown.is_some() { before.counts } else { Some(counts(pass, shares)) },
        held: held(pass, before.held.as_ref()),
        approved: approved(region, pass, before.approved.as_ref()),
    };
    write_observed(&mut status, memory, generation, now);
    write_held(&mut status, region.annotations().get(APPROVE), generation, now);
    let halted = gathered.gate.halted.as_ref();
    let reason = if halted.is_some() { Reason::Halted } else { Reason::NotHalted };
    let message = halted.map_or("writing to AWS is not halted", String::as_str);
    conditions::set(
        &mut status.conditions,
        HALTED,
        halted.is_some().into(),
        reason,
        message,
        generation,
        now,
    );
    status
}

fn is_unread(pass: &Pass<'_>) -> bool {
    matches!(pass.observed.reading, Reading::Unknown(_))
}

/// What waits for a person. While AWS cannot be read, or all stands still for a while, it stays as it was.
fn held(pass: &Pass<'_>, before: Option<&Held>) -> Option<Held> {
    let gate = &pass.gathered.gate;
    if is_unread(pass) || gate.halted.is_some() || gate.settling {
        return before.cloned();
    }
    let held = pass.plan.held.as_ref()?;
    Some(Held {
        digest: held.digest.clone(),
        removals: count(held.total),
        since: before.map_or(Time(pass.gathered.now), |before| before.since.clone()),
        message: held.because.clone(),
        examples: held.examples.clone(),
    })
}

/// The approval that is in use: what it released and was not seen done yet. An approval of what is held now is taken up; it
/// is acted on by a pass that finds it here.
fn approved(region: &AccountRegion, pass: &Pass<'_>, before: Option<&Approved>) -> Option<Approved> {
    let set = &pass.gathered.set;
    let before = before.filter(|before| before.account_set_uid.as_deref() == Some(uid(set)));
    // What is approved is not used up by a pass that may remove nothing.
    if is_unread(pass) || pass.gathered.gate.is_shut_for_removals() {
        return before.cloned();
    }
    let asked = region.annotations().get(APPROVE);
    let held = pass.plan.held.as_ref().filter(|held| Some(&held.digest) == asked);
    let open = |removal: &&String| pass.plan.approved.contains(*removal);
    let still = before.iter().flat_map(|before| &before.removals).filter(open);
    if let Some(held) = held.filter(|held| before.is_none_or(|before| before.digest != held.digest)) {
        let removals: BTreeSet<String> = still.chain(&held.removals).cloned().collect();
        let removals = removals.into_iter().take(1000).collect();
        return Some(Approved {
            digest: held.digest.clone(),
            at: Time(pass.gathered.now),
            account_set_uid: Some(uid(set).to_owned()),
            removals,
        });
    }
    let removals = still.cloned().collect();
    before.map(|before| Approved { removals, ..before.clone() })
}

/// Whether an approval was taken up that the next pass is to act on.
pub(super) fn is_newly_approved(before: &AccountRegionStatus, after: &AccountRegionStatus) -> bool {
    let digest =
        |status: &AccountRegionStatus| status.approved.as_ref().map(|approved| approved.digest.clone());
    after.approved.is_some() && digest(before) != digest(after)
}

fn write_held(
    status: &mut AccountRegionStatus,
    asked: Option<&String>,
    generation: Option<i64>,
    now: Timestamp,
) {
    let used = status.approved.as_ref().map(|approved| &approved.digest);
    // One that was acted on stays on the object.
    let other = asked.filter(|asked| Some(*asked) != used);
    let (held, reason, message) = match &status.held {
        None => (Status::False, Reason::NothingHeld, "nothing is held".to_owned()),
        Some(held) => {
            let other = other.filter(|asked| **asked != held.digest);
            let other = other.map(|other| format!("; {other} is approved, which is not what is held now"));
            let message = format!(
                "{}; all of them are held: look at status.held, and release exactly these with annotation {APPROVE}={}{}",
                held.message,
                held.digest,
                other.unwrap_or_default()
            );
            (Status::True, Reason::RemovalsHeld, message)
        }
    };
    conditions::set(&mut status.conditions, REMOVALS_HELD, held, reason, &message, generation, now);
}

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

fn write_observed(
    status: &mut AccountRegionStatus,
    memory: &CellMemory,
    generation: Option<i64>,
    now: Timestamp,
) {
    let (known, reason, message) = match &memory.unknown {
        None => (Status::True, Reason::Complete, "the last whole reading was complete".to_owned()),
        Some((unknown, since)) => {
            let reason = Reason::parse(unknown.reason).unwrap_or(Reason::Unavailable);
            (
                Status::Unknown,
                reason,
                format!("nothing is known since {since}, and nothing is changed: {}", unknown.message),
            )
        }
    };
    conditions::set(&mut status.conditions, OBSERVED, known, reason, &message, generation, now);
    conditions::set(&mut status.conditions, READY, known, reason, &message, generation, now);
    conditions::remove(&mut status.conditions, STALLED);
    if known == Status::True {
        conditions::remove(&mut status.conditions, RECONCILING);
    } else {
        conditions::set(&mut status.conditions, RECONCILING, Status::True, reason, &message, generation, now);
    }
}

/// Of each way of sharing that is looked through whether all of it was read. Of objects that no Share names little is said where
/// the role may not list them.
fn mechanisms(set: &AccountSet, memory: &CellMemory, before: &AccountRegionStatus) -> Vec<MechanismState> {
    let live = |mechanism| {
        let ours_to_change = |container: &&Container| container.origin != Origin::OwnPolicy;
        let live = memory.listing.as_ref()?.live().filter(ours_to_change);
        let all = live.filter(|container| container.mechanism() == mechanism);
        i32::try_from(all.count()).ok()
    };
    let known = |mechanism: Mechanism| {
        let former = before.mechanisms.iter().find(|state| state.name == mechanism.as_str());
        live(mechanism).or(former.map(|state| state.containers)).unwrap_or_default()
    };
    let state = |mechanism: Mechanism, unknown: Option<&(Unknown, Timestamp)>| MechanismState {
        name: mechanism.to_string(),
        listing: if unknown.is_none() { Listing::Complete } else { Listing::Unknown },
        reason: unknown.map(|(unknown, _)| unknown.reason.to_owned()),
        message: unknown.map(|(unknown, _)| unknown.message.clone()),
        unknown_since: unknown.map(|(_, since)| Time(*since)),
        containers: known(mechanism),
    };
    let looked_through = Mechanism::ALL.into_iter().filter(|mechanism| looks_through(set, *mechanism));
    looked_through
        .map(|mechanism| state(mechanism, memory.unknown.as_ref().or(memory.round.problem(mechanism))))
        .collect()
}

fn counts<'s>(pass: &Pass<'_>, shares: impl Iterator<Item = &'s ShareStatus>) -> CellCounts {
    let views = || pass.plan.shares.values().flat_map(std::collections::BTreeMap::values);
    let (mut drifting, mut external) = (0, 0);
    for status in shares {
        drifting += i32::from(conditions::is_true(&status.conditions, conditions::DRIFTED));
        external += status.counts.as_ref().map_or(0, |counts| counts.external);
    }
    CellCounts {
        shares: count(pass.gathered.shares.len()),
        declared: count(views().filter(|view| view.container.is_some() && !view.lost).count()),
        undeclared: count(pass.plan.undeclared.len()),
        drifting,
        held: count(pass.plan.held.as_ref().map_or(0, |held| held.total)),
        external,
    }
}
