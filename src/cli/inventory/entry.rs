//! What `sharekeeper inventory` says, as data: `-o json` and `-o yaml` print exactly this. Members are added in later
//! versions, and none is renamed or taken away.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    api::undeclared_share,
    cli::{
        governed::{FirstLook, names::called},
        plan::report::Why,
    },
    controllers::account_region::gather::Gathered,
    model::{Arn, Cell, ObjectKind, ShareKey, Slot},
    org::Tree,
    plan::{
        observed::{AssociationState, Container, ContainerState, Listing, Origin, Unknown},
        undeclared::Undeclared,
        view::Plan,
    },
};

/// Something that keeps the inventory from being whole, and that no account and region speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `AccountSet network`, `Organization acme`.
    pub object: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// One governed account and region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CellInventory {
    /// The account's id.
    pub account: String,
    /// Its name, where the organization's tree tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
    /// The region.
    pub region: String,
    /// The AccountSet that governs it; none where several select it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_set: Option<String>,
    /// Why it could not be read. Nothing is then known of its shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Why>,
    /// What of it could not be read: an object, or all objects of a kind. Nothing is then known of whom these let in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Problem>,
    /// Its shares in AWS that are asked for, by name and ARN.
    pub shares: Vec<ShareEntry>,
}

/// One RAM resource share; or what one Share, or other people, let others in to by the policy of an object. Those that AWS has
/// deleted and still lists are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShareEntry {
    /// Its name.
    pub name: String,
    /// How it is shared: `ram`, or as in `status.mechanisms` of the AccountRegion.
    pub mechanism: String,
    /// Its ARN; of what a Share grants on an object, the object's with the Share's name behind it.
    pub arn: String,
    /// As AWS says: `ACTIVE`, `PENDING`, `FAILED`, `DELETING`, or a state that this version does not know.
    pub state: String,
    /// AWS's own words on the state, where it gave some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The Share that declares it; more than one where they contend for it, and none of them then changes it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub declared_by: Vec<DeclaredBy>,
    /// Why no Share declares it: `Foreign`, `Orphaned`, `OtherInstallation`, `ServiceManaged`, `Released` or `Undecided`. None
    /// where one does, and where it is being deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undeclared: Option<undeclared_share::Why>,
    /// The Share that its mark names, where no Share declares it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// How it came to be: `STANDARD`, or what AWS made of a resource's own policy.
    pub feature_set: String,
    /// Whether principals outside the organization can be added.
    pub allow_external_principals: bool,
    /// Exact numbers.
    pub counts: EntryCounts,
    /// Whom it shares with: everybody first, then those outside the organization.
    pub principals: Vec<PrincipalEntry>,
    /// What it shares.
    pub resources: Vec<ResourceEntry>,
    /// The permission of each resource type.
    pub permissions: Vec<PermissionEntry>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A Share, and which of its two containers this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeclaredBy {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `inner`, for inside the organization, or `outer`; or the ARN of the object whose policy it is.
    pub side: String,
}

/// How many have access to how much, now or as soon as AWS or an invited account is done with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EntryCounts {
    /// Principals inside the organization.
    pub inside: usize,
    /// Principals outside it.
    pub outside: usize,
    /// Resources.
    pub resources: usize,
}

/// Somebody it is shared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PrincipalEntry {
    /// As AWS has it.
    pub id: String,
    /// The name of the account or the path of the unit, where the organization's tree tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Outside the organization, as AWS says.
    pub external: bool,
    /// `ASSOCIATED` is in force.
    pub state: String,
}

/// Something that it shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResourceEntry {
    /// Its ARN.
    pub arn: String,
    /// `ASSOCIATED` is in force.
    pub state: String,
}

/// The permission of one resource type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionEntry {
    /// The type.
    pub resource_type: String,
    /// The permission's ARN.
    pub arn: String,
    /// The attached version.
    pub version: String,
    /// Whether that is the permission's default version now.
    pub default_version: bool,
}

/// A cell of which no share is told.
pub(super) fn blank(cell: &Cell, gathered: Option<&Gathered>) -> CellInventory {
    CellInventory {
        account: cell.account.to_string(),
        account_name: gathered.and_then(Gathered::account_name).map(str::to_owned),
        region: cell.region.to_string(),
        account_set: gathered.and_then(|gathered| gathered.set.metadata.name.clone()),
        unknown: None,
        unread: vec![],
        shares: vec![],
    }
}

/// All shares of a cell, by name and ARN.
pub(super) fn shares(gathered: &Gathered, listing: &Listing) -> Vec<ShareEntry> {
    let desired = gathered.resolve();
    let plan = gathered.plan(&desired, listing, &FirstLook, &std::collections::BTreeSet::new());
    let owners = owners(&plan);
    let undeclared: BTreeMap<&Arn, &Undeclared> =
        plan.undeclared.iter().map(|found| (&found.container.id, found)).collect();
    let tree = gathered.organization.as_names().tree();
    let there = listing.containers.values().filter(|c| c.state != ContainerState::Deleted);
    let there = there.filter(|c| c.object_kind().is_none() || c.is_live());
    let mut entries: Vec<ShareEntry> = there
        .map(|container| {
            let found = undeclared.get(&container.id).copied();
            let owners = owners.get(&container.id).cloned().unwrap_or_default();
            entry(container, owners, found, tree)
        })
        .collect();
    entries.sort_by(|a, b| (&a.name, &a.arn).cmp(&(&b.name, &b.arn)));
    entries
}

/// What of a cell could not be read.
pub(super) fn unread(listing: &Listing, unlisted: &BTreeMap<ObjectKind, Unknown>) -> Vec<Problem> {
    let problem = |object: String, why: &Unknown| Problem {
        object,
        message: Why { reason: why.reason.to_owned(), message: why.message.clone() }.to_string(),
    };
    let kinds = unlisted.iter().map(|(kind, why)| problem(format!("every {}", kind.noun()), why));
    kinds.chain(listing.unread.iter().map(|(object, why)| problem(object.to_string(), why))).collect()
}

/// The Shares that claim each container.
fn owners(plan: &Plan) -> BTreeMap<Arn, Vec<(ShareKey, Slot)>> {
    let mut owners: BTreeMap<Arn, Vec<(ShareKey, Slot)>> = BTreeMap::new();
    for (share, slots) in &plan.shares {
        for (slot, view) in slots.iter().filter(|(_, view)| !view.lost) {
            if let Some(id) = &view.container {
                owners.entry(id.clone()).or_default().push((share.clone(), slot.clone()));
            }
        }
    }
    owners
}

fn entry(
    container: &Container,
    owners: Vec<(ShareKey, Slot)>,
    undeclared: Option<&Undeclared>,
    tree: Option<&Tree>,
) -> ShareEntry {
    let granting = container.principals.values().filter(|row| row.state.may_grant());
    let outside = container.outside().len();
    ShareEntry {
        name: container.name.clone(),
        mechanism: container.mechanism().to_string(),
        arn: container.id.to_string(),
        state: container.state.to_string(),
        message: container.message.clone(),
        declared_by: owners.into_iter().map(declared_by).collect(),
        undeclared: undeclared.map(|found| found.why),
        origin: undeclared.and_then(|found| found.origin.as_ref()).map(ToString::to_string),
        feature_set: match &container.origin {
            Origin::Standard => "STANDARD".to_owned(),
            Origin::OwnPolicy => "OWN_POLICY".to_owned(),
            Origin::ServiceManaged(feature_set) => feature_set.clone(),
        },
        allow_external_principals: container.allows_external,
        counts: EntryCounts {
            inside: granting.count() - outside,
            outside,
            resources: container.resources.values().filter(|row| row.state.may_grant()).count(),
        },
        principals: principals(container, tree),
        resources: resources(container),
        permissions: permissions(container),
        tags: container.tags.clone(),
    }
}

fn declared_by((share, slot): (ShareKey, Slot)) -> DeclaredBy {
    DeclaredBy { namespace: share.namespace, name: share.name, side: slot.to_string() }
}

/// A row of what was removed, which AWS lists for a while yet, says nothing.
fn is_there(state: &AssociationState) -> bool {
    *state != AssociationState::Disassociated
}

fn principals(container: &Container, tree: Option<&Tree>) -> Vec<PrincipalEntry> {
    let there = container.principals.iter().filter(|(_, row)| is_there(&row.state));
    let mut principals: Vec<PrincipalEntry> = there
        .map(|(principal, row)| PrincipalEntry {
            id: principal.to_string(),
            name: tree.and_then(|tree| called(tree, principal)),
            external: row.external,
            state: row.state.to_string(),
        })
        .collect();
    principals.sort_by_key(|principal| (principal.id != "*", !principal.external));
    principals
}

fn resources(container: &Container) -> Vec<ResourceEntry> {
    let there = container.resources.iter().filter(|(_, row)| is_there(&row.state));
    there.map(|(arn, row)| ResourceEntry { arn: arn.clone(), state: row.state.to_string() }).collect()
}

fn permissions(container: &Container) -> Vec<PermissionEntry> {
    let entry =
        |(resource_type, attached): (&String, &crate::plan::observed::AttachedPermission)| PermissionEntry {
            resource_type: resource_type.clone(),
            arn: attached.arn.clone(),
            version: attached.version.clone(),
            default_version: attached.is_default_version,
        };
    container.permissions.iter().map(entry).collect()
}
