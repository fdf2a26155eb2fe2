//! The containers of a Share: one for inside, one for outside, never mixed.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::{Share, share::PermissionChoice},
    model::{Arn, Digest, Principal, ResourceType, Side, Slot, mark},
    plan::desired::{
        Cause, DesiredContainer, Fate, LedgerEntry, Presence, Resource, Standing, Target, WantedPermission,
    },
};

/// Both RAM shares of a Share. A released Share has none: nothing is changed in AWS for it. Of one whose end is not decided only
/// what ends and what policy takes away is changed.
pub(super) fn containers(
    share: &Share,
    fate: Fate,
    targets: &[Target],
    resources: &BTreeMap<String, Resource>,
    ledger: &BTreeMap<Slot, LedgerEntry>,
) -> BTreeMap<Slot, DesiredContainer> {
    if fate == Fate::Release {
        return BTreeMap::new();
    }
    let (objects, in_ram): (BTreeMap<_, _>, BTreeMap<_, _>) =
        resources.clone().into_iter().partition(|(arn, _)| slot_of(arn).is_some());
    let of = |side: Side| {
        let slot = Slot::from(side);
        (slot.clone(), container(share, fate, side, targets, &in_ram, ledger.get(&slot)))
    };
    let declared = objects.keys().filter_map(|arn| slot_of(arn));
    let left = ledger.iter().filter(|(slot, entry)| slot.object().is_some() && !entry.deleted);
    let parts: BTreeSet<Slot> = declared.chain(left.map(|(slot, _)| slot.clone())).collect();
    let parts = parts.into_iter().filter_map(|slot| {
        let arn = slot.object()?.clone();
        Some((slot, part(share, fate, &arn, targets, objects.get(arn.as_str()))))
    });
    [Side::Inner, Side::Outer].into_iter().map(of).chain(parts).collect()
}

fn slot_of(resource: &str) -> Option<Slot> {
    Slot::of(&resource.parse().ok()?)
}

/// What the Share grants on one object, to targets inside and outside alike: an object has one policy. A resource that is not to
/// be shared is nobody's; nor is one that is declared no more.
fn part(
    share: &Share,
    fate: Fate,
    object: &Arn,
    targets: &[Target],
    resource: Option<&Resource>,
) -> DesiredContainer {
    let access = WantedPermission { arn: share.spec.access.as_str().to_owned(), version: None };
    let resource_type = ResourceType::of(object).map(|known| known.name.to_owned());
    let of = |target: &Target| match resource.map(|resource| &resource.standing) {
        None => None,
        Some(Standing::Granted) => Some(target.standing.clone()),
        // What is refused by itself is not held open by the resource.
        Some(held_or_refused) => Some(match &target.standing {
            Standing::Refused(cause) => Standing::Refused(*cause),
            Standing::Granted | Standing::Held => held_or_refused.clone(),
        }),
    };
    let of_part: Vec<(Option<&Principal>, Standing)> =
        targets.iter().filter_map(|target| Some((target.principal.as_ref(), of(target)?))).collect();
    let mut container = DesiredContainer {
        slot: Slot::Object(object.clone()),
        presence: Presence::IfThere,
        name: object.resource().to_owned(),
        resources: BTreeMap::from([(object.to_string(), Standing::Granted)]),
        permissions: resource_type.iter().map(|t| (t.clone(), access.clone())).collect(),
        types: resource_type.into_iter().collect(),
        ..members(of_part)
    };
    let granted = container.granted_principals().next().is_some();
    container.presence = match fate {
        Fate::Revoke => Presence::Gone,
        Fate::Undecided => Presence::IfThere,
        _ if granted => Presence::Wanted,
        _ if resource.is_none() => Presence::Gone,
        _ => Presence::IfThere,
    };
    container
}

fn container(
    share: &Share,
    fate: Fate,
    side: Side,
    targets: &[Target],
    resources: &BTreeMap<String, Resource>,
    ledger: Option<&LedgerEntry>,
) -> DesiredContainer {
    let of_side = targets.iter().filter(|target| target.side == side);
    let of_side = of_side.map(|target| (target.principal.as_ref(), target.standing.clone())).collect();
    let tags: BTreeMap<String, String> =
        share.spec.tags.iter().map(|(k, v)| (k.clone(), v.0.clone())).filter(|(k, _)| is_free(k)).collect();
    let retired_tags = ledger
        .iter()
        .flat_map(|entry| &entry.tag_keys)
        .filter(|key| !tags.contains_key(*key) && is_free(key))
        .cloned();
    let types = types(resources);
    let mut container = DesiredContainer {
        slot: side.into(),
        presence: Presence::IfThere,
        name: name(share, side),
        resources: resources.iter().map(|(arn, r)| (arn.clone(), r.standing.clone())).collect(),
        permissions: permissions(share, &types),
        types,
        retired_tags: retired_tags.collect(),
        tags,
        ..members(of_side)
    };
    container.presence = presence(fate, side, &container);
    container
}

/// A container with these members and nothing else yet.
fn members(targets: Vec<(Option<&Principal>, Standing)>) -> DesiredContainer {
    let mut container = DesiredContainer::empty();
    for (principal, standing) in targets {
        match (principal, standing) {
            (Some(principal), standing) => {
                let known = container.principals.entry(principal.clone()).or_insert_with(|| standing.clone());
                // Declared twice: whichever gives more decides; among refusals the one that nobody may delay.
                if weight(&standing) > weight(known) {
                    *known = standing;
                }
            }
            (None, Standing::Held) => container.unresolved = true,
            (None, Standing::Refused(cause)) => container.nameless = container.nameless.max(Some(cause)),
            (None, Standing::Granted) => {}
        }
    }
    container
}

/// Our mark's keys and AWS's own are nobody's to declare, also in a Share that was stored before its schema said so.
fn is_free(key: &str) -> bool {
    !key.starts_with(mark::TAG_PREFIX) && !key.starts_with("aws:")
}

fn weight(standing: &Standing) -> (u8, bool, Option<Cause>) {
    match standing {
        Standing::Refused(cause) => (0, cause.is_beyond_tenant(), Some(*cause)),
        Standing::Granted | Standing::Held => (rank(standing), false, None),
    }
}

fn rank(standing: &Standing) -> u8 {
    match standing {
        Standing::Refused(_) => 0,
        Standing::Held => 1,
        Standing::Granted => 2,
    }
}

fn presence(fate: Fate, side: Side, container: &DesiredContainer) -> Presence {
    let granted =
        container.granted_principals().next().is_some() && container.granted_resources().next().is_some();
    let refused = |standing: &Standing| matches!(standing, Standing::Refused(_));
    let nobody = !container.unresolved && container.principals.values().all(refused)
        || container.resources.values().all(refused);
    match side {
        _ if fate == Fate::Revoke => Presence::Gone,
        _ if fate == Fate::Undecided => Presence::IfThere,
        _ if granted => Presence::Wanted,
        // All that it declares is shared by policies of its own.
        _ if container.resources.is_empty() => Presence::Gone,
        Side::Outer if nobody => Presence::Gone,
        Side::Inner | Side::Outer => Presence::IfThere,
    }
}

/// The name in AWS. It identifies nothing; the outer one says what it is for.
fn name(share: &Share, side: Side) -> String {
    let own = || {
        let metadata = &share.metadata;
        format!(
            "{}.{}",
            metadata.namespace.as_deref().unwrap_or_default(),
            metadata.name.as_deref().unwrap_or_default()
        )
    };
    let name = share.spec.name.clone().unwrap_or_else(own);
    match side {
        Side::Inner => name,
        // What was adopted as the outer share keeps its name.
        Side::Outer if share.spec.adopt.is_some() && is_for_outside_alone(share) => name,
        Side::Outer => format!("{name}.outside"),
    }
}

/// Whether a Share declares targets outside and none inside.
pub(super) fn is_for_outside_alone(share: &Share) -> bool {
    let outside = |t: &crate::api::share::Target| t.external_account.is_some() || t.external_role.is_some();
    !share.spec.targets.is_empty() && share.spec.targets.iter().all(outside)
}

fn types(resources: &BTreeMap<String, Resource>) -> BTreeSet<String> {
    let shared = resources.values().filter(|r| r.standing == Standing::Granted);
    shared.filter_map(|r| r.resource_type.map(str::to_owned)).collect()
}

fn permissions(share: &Share, types: &BTreeSet<String>) -> BTreeMap<String, WantedPermission> {
    let partition =
        share.spec.region.parse().map_or("aws", |region: crate::model::Region| region.partition());
    let wanted = types.iter().filter_map(|resource_type| {
        let choice = permission_for(share, resource_type)?;
        let arn = if choice.permission.starts_with("arn:") {
            choice.permission.clone()
        } else {
            format!("arn:{partition}:ram::aws:permission/{}", choice.permission)
        };
        let version = (choice.version != "Default").then(|| choice.version.clone());
        Some((resource_type.clone(), WantedPermission { arn, version }))
    });
    wanted.collect()
}

/// The permission that a Share names for a type. Policies and containers must ask the same question: the schema tells
/// `ec2:Subnet` from `EC2:subnet`, AWS does not, and some types have an older name beside.
pub(super) fn permission_for<'a>(share: &'a Share, resource_type: &str) -> Option<&'a PermissionChoice> {
    let known = ResourceType::named(resource_type)?;
    share.spec.permissions.iter().find(|choice| known.is_called(&choice.resource_type))
}

/// A fingerprint of all that would be in AWS.
pub(super) fn digest(containers: &BTreeMap<Slot, DesiredContainer>) -> Digest {
    let mut parts = vec![];
    for (slot, c) in containers {
        parts.push(format!("{slot} {:?} {}", c.presence, c.name));
        parts.extend(c.principals.iter().map(|(p, s)| format!("principal {p} {}", rank(s))));
        parts.extend(c.resources.iter().map(|(r, s)| format!("resource {r} {}", rank(s))));
        parts.extend(c.permissions.iter().map(|(t, p)| format!("permission {t} {} {:?}", p.arn, p.version)));
        parts.extend(c.tags.iter().map(|(k, v)| format!("tag {k}={v}")));
    }
    Digest::of(parts)
}
