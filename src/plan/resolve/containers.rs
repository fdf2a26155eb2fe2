//! The containers of a Share: one for inside, one for outside, never mixed.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::Share,
    model::{Digest, ResourceType, Side},
    plan::desired::{
        DesiredContainer, Fate, LedgerEntry, Presence, Resource, Standing, Target, WantedPermission,
    },
};

/// Both sides of a Share. A released Share has none: nothing is changed in AWS for it.
pub(super) fn containers(
    share: &Share,
    fate: Fate,
    targets: &[Target],
    resources: &BTreeMap<String, Resource>,
    ledger: &BTreeMap<Side, LedgerEntry>,
) -> BTreeMap<Side, DesiredContainer> {
    if matches!(fate, Fate::Release | Fate::Undecided) {
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
        // Declared twice: whichever gives more decides.
        if rank(&target.standing) > rank(standing) {
            *standing = target.standing.clone();
        }
    }
    let unresolved =
        targets.iter().any(|t| t.side == side && t.principal.is_none() && t.standing == Standing::Held);
    let tags: BTreeMap<String, String> =
        share.spec.tags.iter().map(|(k, v)| (k.clone(), v.0.clone())).collect();
    let retired_tags =
        ledger.iter().flat_map(|entry| &entry.tag_keys).filter(|key| !tags.contains_key(*key)).cloned();
    let types = types(resources);
    let mut container = DesiredContainer {
        side,
        presence: Presence::IfThere,
        name: name(share, side),
        principals,
        unresolved,
        resources: resources.iter().map(|(arn, r)| (arn.clone(), r.standing.clone())).collect(),
        permissions: permissions(share, &types),
        types,
        retired_tags: retired_tags.collect(),
        tags,
    };
    container.presence = presence(fate, &container);
    container
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
        Side::Outer => format!("{name}.outside"),
    }
}

fn types(resources: &BTreeMap<String, Resource>) -> BTreeSet<String> {
    let shared = resources.values().filter(|r| r.standing == Standing::Granted);
    shared.filter_map(|r| r.resource_type.map(str::to_owned)).collect()
}

fn permissions(share: &Share, types: &BTreeSet<String>) -> BTreeMap<String, WantedPermission> {
    let partition =
        share.spec.region.parse().map_or("aws", |region: crate::model::Region| region.partition());
    let chosen = share.spec.permissions.iter().filter_map(|choice| {
        let resource_type = ResourceType::named(&choice.resource_type)?.name.to_owned();
        let arn = if choice.permission.starts_with("arn:") {
            choice.permission.clone()
        } else {
            format!("arn:{partition}:ram::aws:permission/{}", choice.permission)
        };
        let version = (choice.version != "Default").then(|| choice.version.clone());
        Some((resource_type, WantedPermission { arn, version }))
    });
    chosen.filter(|(resource_type, _)| types.contains(resource_type)).collect()
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
