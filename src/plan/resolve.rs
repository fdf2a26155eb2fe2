//! From Shares, policies and the tree to what should be: ids in place of names, refusals in place of what cannot be.
//!
//! What cannot be decided (the tree is unknown or stale, sharing with the organization is off) is held: neither added
//! nor removed. What is refused is narrowed. Only an end of `until` needs no tree to be decided.

mod containers;
mod permissions;
mod targets;

use std::collections::BTreeMap;

use crate::{
    api::{
        Reason, Share, SharingPolicy,
        share::{DeletionPolicy, Enforcement},
        share_status::ContainerState,
    },
    model::{Arn, Cell, Region, ResourceType, ShareKey, Side, Slot, Timestamp, resource_type::Scope},
    plan::{
        desired::{
            Adopt, Cause, Desired, DesiredShare, Fate, LedgerEntry, Refusal, Resource, Standing, Switches,
        },
        names::Organization,
        policy::Policies,
        widened,
    },
};

/// What the resolution of a cell's Shares rests on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The cell.
    pub cell: &'a Cell,
    /// The AccountSet that governs it.
    pub set: &'a str,
    /// What is known of the organization.
    pub organization: Organization<'a>,
    /// All SharingPolicies.
    pub policies: &'a [&'a SharingPolicy],
    /// Whether each of them could be read: what an unreadable one allows is not known, so nothing is taken away by policy.
    pub policies_readable: bool,
    /// Now.
    pub now: Timestamp,
}

/// Whether and how a Share is going, as a live read tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It stays.
    Stays,
    /// Somebody deleted it.
    Deleted,
    /// Its namespace or its kind is being deleted, and it with it.
    SweptAway,
    /// It is being deleted, and the live read that would tell why failed.
    Undecided,
}

/// Resolves the Shares of a cell.
pub fn resolve<'a>(facts: &Facts<'a>, shares: impl IntoIterator<Item = (&'a Share, Departure)>) -> Desired {
    let shares = shares.into_iter().map(|(share, departure)| resolve_share(facts, share, departure));
    Desired { shares: shares.map(|share| (share.key.clone(), share)).collect() }
}

/// The name of a Share.
pub fn key_of(share: &Share) -> ShareKey {
    ShareKey {
        namespace: share.metadata.namespace.clone().unwrap_or_default(),
        name: share.metadata.name.clone().unwrap_or_default(),
    }
}

fn resolve_share(facts: &Facts<'_>, share: &Share, departure: Departure) -> DesiredShare {
    let key = key_of(share);
    let policies = facts.policies.iter().copied();
    let policies = Policies::of(policies, &key.namespace, &facts.cell.account, facts.set, facts.organization);
    let resources = resources(facts, share, &policies);
    let targets = targets::targets(facts, share, &resources, &policies);
    let fate = fate(facts, share, departure, &policies);
    let ledger = ledger(share, facts.now);
    let containers = containers::containers(share, fate, &targets, &resources, &ledger);
    let mut refusals = vec![];
    if wants_orphan(share) && !policies.allow_orphan() && !tree_is_unknown(facts) {
        let message =
            "no SharingPolicy for this namespace allows `deletionPolicy: Orphan`; a deletion revokes";
        refusals.push(Refusal::new(Reason::NotPermitted, message));
    }
    DesiredShare {
        digest: containers::digest(&containers),
        uid: share.metadata.uid.clone().unwrap_or_default(),
        generation: share.metadata.generation.unwrap_or_default(),
        fate,
        switches: Switches {
            report: share.spec.enforcement == Enforcement::Report,
            suspend: share.spec.suspend,
        },
        applied: share
            .status
            .as_ref()
            .and_then(|status| status.applied.as_ref())
            .map(|applied| applied.digest.clone()),
        applied_generation: share
            .status
            .as_ref()
            .and_then(|status| status.applied.as_ref())
            .map(|applied| applied.generation),
        adopt: adopt(share),
        key,
        containers,
        targets,
        resources,
        refusals,
        ledger,
    }
}

/// The side that an adopted container becomes is told by the spec alone, so that it is the same on every pass.
fn adopt(share: &Share) -> Option<Adopt> {
    let id = share.spec.adopt.as_ref()?.arn.parse().ok()?;
    let side = if containers::is_for_outside_alone(share) { Side::Outer } else { Side::Inner };
    Some(Adopt { id, side })
}

fn fate(facts: &Facts<'_>, share: &Share, departure: Departure, policies: &Policies<'_>) -> Fate {
    match departure {
        Departure::Stays => Fate::Keep,
        Departure::SweptAway => Fate::Release,
        Departure::Undecided => Fate::Undecided,
        // What was not wholly taken over is not the Share's to take down.
        Departure::Deleted if is_adopting(share) => Fate::Release,
        Departure::Deleted if wants_orphan(share) && policies.allow_orphan() => Fate::Release,
        // Which policies speak rests on the tree; until it is known the deletion waits, since a revocation is final.
        Departure::Deleted if wants_orphan(share) && tree_is_unknown(facts) => Fate::Undecided,
        Departure::Deleted => Fate::Revoke,
    }
}

fn is_adopting(share: &Share) -> bool {
    share
        .status
        .iter()
        .flat_map(|status| &status.containers)
        .any(|container| container.adopting && container.slot().is_some_and(|slot| slot.side().is_some()))
}

fn wants_orphan(share: &Share) -> bool {
    share.spec.deletion_policy == DeletionPolicy::Orphan
}

fn tree_is_unknown(facts: &Facts<'_>) -> bool {
    matches!(facts.organization, Organization::Unknown)
}

fn ledger(share: &Share, now: Timestamp) -> BTreeMap<Slot, LedgerEntry> {
    let containers = share.status.iter().flat_map(|status| &status.containers);
    containers
        .filter_map(|entry| {
            let id = entry.id.as_ref().and_then(|id| id.parse::<Arn>().ok());
            let tag_keys = entry.tag_keys.iter().cloned().collect();
            Some((
                entry.slot()?,
                LedgerEntry {
                    id,
                    incarnation: entry.incarnation,
                    create_sent_at: entry.create_sent_at.as_ref().map(|at| at.0),
                    tag_keys,
                    adopting: entry.adopting,
                    deleted: matches!(entry.state, ContainerState::Deleting | ContainerState::Gone),
                    widened: widened::recent(entry, now),
                },
            ))
        })
        .collect()
}

fn resources(facts: &Facts<'_>, share: &Share, policies: &Policies<'_>) -> BTreeMap<String, Resource> {
    let declared = share.spec.resources.iter();
    declared.map(|r| (r.arn.clone(), resource(facts, share, &r.arn, policies))).collect()
}

fn resource(facts: &Facts<'_>, share: &Share, text: &str, policies: &Policies<'_>) -> Resource {
    let refused = |reason, message: String| Resource {
        resource_type: None,
        standing: Standing::Refused(Cause::Edit),
        refusal: Some(Refusal::new(reason, message)),
    };
    let Ok(arn) = text.parse::<Arn>() else {
        return refused(Reason::InvalidRequest, format!("{text:?} is not an ARN; correct it"));
    };
    let resource_type = ResourceType::of(&arn);
    if let Some(message) = elsewhere(facts.cell, &arn, resource_type) {
        return refused(Reason::ResourceElsewhere, message);
    }
    let (standing, refusal) = match policies.allow_resource(&arn, resource_type) {
        Ok(()) => match permissions::unsupported(share, &arn, resource_type) {
            // What AWS would refuse cuts nobody off: who has access keeps it as it is until the Share is corrected.
            Some(refusal) => (Standing::Held, Some(refusal)),
            None => (Standing::Granted, None),
        },
        Err(refusal) => undecided(facts, Cause::Policy, refusal),
    };
    Resource { resource_type: resource_type.map(|known| known.name), standing, refusal }
}

fn elsewhere(cell: &Cell, arn: &Arn, resource_type: Option<ResourceType>) -> Option<String> {
    if arn.account() != cell.account.as_str() {
        return Some(format!(
            "{arn} is not a resource of account {}, and only the owner can share it; declare it in a Share of its own account",
            cell.account
        ));
    }
    let home = cell.region.as_str() == Region::GLOBAL_HOME || cell.region.partition() != "aws";
    if resource_type.is_some_and(|known| known.scope == Scope::Global) && !home {
        return Some(format!(
            "{arn} is a global resource, which is shared from {} only; declare it in a Share of that region",
            Region::GLOBAL_HOME
        ));
    }
    let here = arn.region().is_empty() || arn.region() == cell.region.as_str();
    (!here)
        .then(|| format!("{arn} is not in region {}; declare it in a Share of its own region", cell.region))
}

/// A refusal that rests on the tree is only held while the tree is not known: unknown removes nothing.
fn undecided(facts: &Facts<'_>, cause: Cause, refusal: Refusal) -> (Standing, Option<Refusal>) {
    match facts.organization {
        Organization::Unknown if cause != Cause::Expired => (Standing::Held, Some(tree_unknown())),
        _ if cause == Cause::Policy && !facts.policies_readable => {
            let message = "a SharingPolicy cannot be read, so nothing is taken away by policy; see the SharingPolicies' events";
            (Standing::Held, Some(Refusal::new(Reason::Waiting, message)))
        }
        _ => (Standing::Refused(cause), Some(refusal)),
    }
}

fn tree_unknown() -> Refusal {
    let message = "the organization's tree has not been read yet: nothing is changed until it is; see the Organization's status";
    Refusal::new(Reason::TreeUnknown, message)
}

#[cfg(test)]
mod tests;
