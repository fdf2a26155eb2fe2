//! The containers of a Share: one for inside, one for outside, never mixed.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::{Share, share::PermissionChoice},
    model::{Digest, ResourceType, Side, mark},
    plan::desired::{
        Cause, DesiredContainer, Fate, LedgerEntry, Presence, Resource, Standing, Target, WantedPermission,
    },
};

/// Both sides of a Share. A released Share has none: nothing is changed in AWS for it. Of one whose end is not decided only
/// what ends and what policy takes away is changed.
pub(super) fn containers(
    share: &Share,
    fate: Fate,
    targets: &[Target],
    resources: &BTreeMap<String, Resource>,
    ledger: &BTreeMap<Side, LedgerEntry>,
) -> BTreeMap<Side, DesiredContainer> {
    if fate == Fate::Release {
        return BTreeMap::new();
    }
    let side = |side| (side, container(share, fate, side, targets, resources, ledger.get(&side)));
    [Side::Inner, Side::Outer].into_iter().map(side).collect()
}

fn container(
    share: &Share,
    fate: Fate,
    side: Side,
    targets: &[Target],
    resources: &BTreeMap<String, Resource>,
    ledger: Option<&LedgerEntry>,
) -> DesiredContainer {
    let mut principals = BTreeMap::new();
    for target in targets.iter().filter(|target| target.side == side) {
        let Some(principal) = &target.principal else { continue };
        let standing: &mut Standing =
            principals.entry(principal.clone()).or_insert_with(|| target.standing.clone());
        // Declared twice: whichever gives more decides; among refusals the one that nobody may delay.
        if weight(&target.standing) > weight(standing) {
            *standing = target.standing.clone();
        }
    }
    let unresolved =
        targets.iter().any(|t| t.side == side && t.principal.is_none() && t.standing == Standing::Held);
    let nameless = targets.iter().filter(|t| t.side == side && t.principal.is_none());
    let nameless = nameless.filter_map(|t| match t.standing {
        Standing::Refused(cause) => Some(cause),
        Standing::Granted | Standing::Held => None,
    });
    let tags: BTreeMap<String, String> =
        share.spec.tags.iter().map(|(k, v)| (k.clone(), v.0.clone())).filter(|(k, _)| is_free(k)).collect();
    let retired_tags = ledger
        .iter()
        .flat_map(|entry| &entry.tag_keys)
        .filter(|key| !tags.contains_key(*key) && is_free(key))
        .cloned();
    let types = types(resources);
    let mut container = DesiredContainer {
        side,
        presence: Presence::IfThere,
        name: name(share, side),
        principals,
        unresolved,
        nameless: nameless.max(),
        resources: resources.iter().map(|(arn, r)| (arn.clone(), r.standing.clone())).collect(),
        permissions: permissions(share, &types),
        types,
        retired_tags: retired_tags.collect(),
        tags,
    };
    container.presence = presence(fate, &container);
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

fn presence(fate: Fate, container: &DesiredContainer) -> Presence {
    let granted =
        container.granted_principals().next().is_some() && container.granted_resources().next().is_some();
    let refused = |standing: &Standing| matches!(standing, Standing::Refused(_));
    let nobody = !container.unresolved && container.principals.values().all(refused);
    match container.side {
        _ if fate == Fate::Revoke => Presence::Gone,
        _ if fate == Fate::Undecided => Presence::IfThere,
        _ if granted => Presence::Wanted,
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
pub(super) fn digest(containers: &BTreeMap<Side, DesiredContainer>) -> Digest {
    let mut parts = vec![];
    for (side, c) in containers {
        parts.push(format!("{side} {:?} {}", c.presence, c.name));
        parts.extend(c.principals.iter().map(|(p, s)| format!("principal {p} {}", rank(s))));
        parts.extend(c.resources.iter().map(|(r, s)| format!("resource {r} {}", rank(s))));
        parts.extend(c.permissions.iter().map(|(t, p)| format!("permission {t} {} {:?}", p.arn, p.version)));
        parts.extend(c.tags.iter().map(|(k, v)| format!("tag {k}={v}")));
    }
    Digest::of(parts)
}
