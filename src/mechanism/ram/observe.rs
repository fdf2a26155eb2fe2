//! Reads resource shares: a whole cell in pages, or a few shares by ARN. Complete or an error, never a part.

use std::{cmp::Reverse, collections::BTreeMap};

use aws_sdk_ram::types::{
    AssociatedPermission, ResourceOwner, ResourceShare, ResourceShareAssociation,
    ResourceShareAssociationType, ResourceSharePermissionSummary,
};
use aws_smithy_types::DateTime;
use futures::{StreamExt, TryStreamExt, future::try_join4, stream};

use crate::{
    aws::{
        errors::{AwsError, Disposition},
        paging::{Page, collect},
        session::CellClients,
    },
    model::{Arn, Principal, ResourceType, Timestamp},
    mutant::{self, Mutant},
    plan::observed::{AssociationState, AttachedPermission, Container, ContainerState, Listing, Origin, Row},
};

/// The most entries a page (ram.md §1).
const PAGE: i32 = 500;
/// No limit of ARNs a call is documented \[X\].
const ARNS_PER_CALL: usize = 100;
/// Calls of one read that are on their way at once.
const AT_ONCE: usize = 4;

/// Everything the account owns in the region: at least four calls, whatever the number of shares (ram.md §1.3).
pub async fn everything(clients: &CellClients) -> Result<Listing, AwsError> {
    match everything_read(clients).await {
        Err(error) if mutant::is(Mutant::DeniedIsEmpty) && error.disposition == Disposition::Denied => {
            Ok(Listing::default())
        }
        read => read,
    }
}

async fn everything_read(clients: &CellClients) -> Result<Listing, AwsError> {
    let (shares, principals, resources, permissions) = try_join4(
        shares(clients, &[]),
        associations(clients, ResourceShareAssociationType::Principal, &[]),
        associations(clients, ResourceShareAssociationType::Resource, &[]),
        all_permissions(clients),
    )
    .await?;
    Ok(assemble(shares, principals, resources, permissions))
}

/// These shares: three calls a hundred of them, and one for the permissions of each. AWS refuses the whole request with
/// UnknownResource where it does not know one of them.
pub async fn these(clients: &CellClients, arns: &[Arn]) -> Result<Listing, AwsError> {
    let mut listing = Listing::default();
    for chunk in arns.chunks(ARNS_PER_CALL) {
        let (shares, principals, resources, permissions) = try_join4(
            shares(clients, chunk),
            associations(clients, ResourceShareAssociationType::Principal, chunk),
            associations(clients, ResourceShareAssociationType::Resource, chunk),
            permissions_of(clients, chunk),
        )
        .await?;
        listing.containers.extend(assemble(shares, principals, resources, permissions).containers);
    }
    Ok(listing)
}

/// The calls that [`these`] makes at least for so many shares.
pub fn calls_for_these(shares: usize) -> usize {
    3 * shares.div_ceil(ARNS_PER_CALL) + shares
}

/// The calls that [`everything`] makes at least for what a listing holds.
pub fn calls_for_everything(listing: &Listing) -> usize {
    let page = usize::try_from(PAGE).unwrap_or(1);
    let pages = |entries: usize| entries.div_ceil(page).max(1);
    let sum = |of: fn(&Container) -> usize| pages(listing.containers.values().map(of).sum());
    pages(listing.containers.len())
        + sum(|c| c.principals.len())
        + sum(|c| c.resources.len())
        + sum(|c| c.permissions.len())
}

fn texts(arns: &[Arn]) -> Option<Vec<String>> {
    (!arns.is_empty()).then(|| arns.iter().map(ToString::to_string).collect())
}

async fn shares(clients: &CellClients, arns: &[Arn]) -> Result<Vec<ResourceShare>, AwsError> {
    collect("GetResourceShares", |token| async move {
        let request =
            clients.ram.get_resource_shares().resource_owner(ResourceOwner::SelfValue).max_results(PAGE);
        let request = request.set_resource_share_arns(texts(arns)).set_next_token(token);
        let answer = clients.calls.read("GetResourceShares", request.send()).await?;
        Ok(Page { items: answer.resource_shares.unwrap_or_default(), next: answer.next_token })
    })
    .await
}

async fn associations(
    clients: &CellClients,
    kind: ResourceShareAssociationType,
    arns: &[Arn],
) -> Result<Vec<ResourceShareAssociation>, AwsError> {
    collect("GetResourceShareAssociations", |token| {
        let request =
            clients.ram.get_resource_share_associations().association_type(kind.clone()).max_results(PAGE);
        let request = request.set_resource_share_arns(texts(arns)).set_next_token(token);
        async move {
            let answer = clients.calls.read("GetResourceShareAssociations", request.send()).await?;
            Ok(Page {
                items: answer.resource_share_associations.unwrap_or_default(),
                next: answer.next_token,
            })
        }
    })
    .await
}

/// A permission attached to a share: what both ways of listing them tell.
struct Attached {
    share: String,
    resource_type: String,
    permission: AttachedPermission,
    status: String,
}

async fn all_permissions(clients: &CellClients) -> Result<Vec<Attached>, AwsError> {
    let listed = collect("ListPermissionAssociations", |token| async move {
        let request = clients.ram.list_permission_associations().max_results(PAGE).set_next_token(token);
        let answer = clients.calls.read("ListPermissionAssociations", request.send()).await?;
        Ok(Page { items: answer.permissions.unwrap_or_default(), next: answer.next_token })
    })
    .await?;
    Ok(listed.into_iter().map(of_association).collect())
}

fn of_association(row: AssociatedPermission) -> Attached {
    Attached {
        share: row.resource_share_arn.unwrap_or_default(),
        resource_type: row.resource_type.unwrap_or_default(),
        permission: AttachedPermission {
            arn: row.arn.unwrap_or_default(),
            version: row.permission_version.unwrap_or_default(),
            is_default_version: row.default_version.unwrap_or_default(),
        },
        status: row.status.unwrap_or_default(),
    }
}

async fn permissions_of(clients: &CellClients, arns: &[Arn]) -> Result<Vec<Attached>, AwsError> {
    let of = |arn: &Arn| permissions_of_one(clients, arn.clone());
    let each: Vec<Vec<Attached>> = stream::iter(arns).map(of).buffered(AT_ONCE).try_collect().await?;
    Ok(each.into_iter().flatten().collect())
}

async fn permissions_of_one(clients: &CellClients, arn: Arn) -> Result<Vec<Attached>, AwsError> {
    let listed = collect("ListResourceSharePermissions", |token| {
        let request = clients.ram.list_resource_share_permissions().resource_share_arn(arn.as_str());
        let request = request.max_results(PAGE).set_next_token(token);
        async move {
            let answer = clients.calls.read("ListResourceSharePermissions", request.send()).await?;
            Ok(Page { items: answer.permissions.unwrap_or_default(), next: answer.next_token })
        }
    })
    .await?;
    Ok(listed.into_iter().map(|row| of_summary(&arn, row)).collect())
}

fn of_summary(share: &Arn, row: ResourceSharePermissionSummary) -> Attached {
    Attached {
        share: share.to_string(),
        resource_type: row.resource_type.unwrap_or_default(),
        permission: AttachedPermission {
            arn: row.arn.unwrap_or_default(),
            version: row.version.unwrap_or_default(),
            is_default_version: row.default_version.unwrap_or_default(),
        },
        status: row.status.unwrap_or_default(),
    }
}

/// Rows of shares that are not in the list of shares are left out: they were made while the pages were read.
fn assemble(
    shares: Vec<ResourceShare>,
    principals: Vec<ResourceShareAssociation>,
    resources: Vec<ResourceShareAssociation>,
    permissions: Vec<Attached>,
) -> Listing {
    let mut containers: BTreeMap<Arn, Container> =
        shares.into_iter().filter_map(container).map(|c| (c.id.clone(), c)).collect();
    for row in principals {
        put(&mut containers, row, |container, entity| (&mut container.principals, Principal::parse(&entity)));
    }
    for row in resources {
        put(&mut containers, row, |container, entity| (&mut container.resources, entity));
    }
    for attached in permissions {
        let container = attached.share.parse::<Arn>().ok().and_then(|arn| containers.get_mut(&arn));
        // Texts vary (ram.md §4): only what says that it is gone, is gone.
        let gone = matches!(attached.status.as_str(), "DISASSOCIATED" | "DISASSOCIATING" | "DELETED");
        if let Some(container) = container.filter(|_| !gone) {
            let known = ResourceType::named(&attached.resource_type).map(|t| t.name.to_owned());
            container.permissions.insert(known.unwrap_or(attached.resource_type), attached.permission);
        }
    }
    Listing { containers, ..Listing::default() }
}

fn container(share: ResourceShare) -> Option<Container> {
    let feature_set = share.feature_set.as_ref().map_or("STANDARD", |set| set.as_str());
    let tags = share.tags.unwrap_or_default().into_iter();
    Some(Container {
        id: share.resource_share_arn?.parse().ok()?,
        name: share.name.unwrap_or_default(),
        owner: share.owning_account_id.unwrap_or_default(),
        state: ContainerState::parse(share.status.as_ref().map_or("ACTIVE", |status| status.as_str())),
        message: share.status_message.filter(|text| !text.is_empty()),
        // Unset counts as true: RAM's own default (ram.md §0.7).
        allows_external: share.allow_external_principals.unwrap_or(true),
        origin: match feature_set {
            "STANDARD" => Origin::Standard,
            other => Origin::ServiceManaged(other.to_owned()),
        },
        tags: tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect(),
        principals: BTreeMap::new(),
        resources: BTreeMap::new(),
        permissions: BTreeMap::new(),
    })
}

/// Puts a row in its place. A re-added entity may have a ghost beside its live row (ram.md §2.4): the live one counts,
/// and of two alike the newer.
fn put<K: Ord + Clone>(
    containers: &mut BTreeMap<Arn, Container>,
    association: ResourceShareAssociation,
    place: impl for<'c> FnOnce(&'c mut Container, String) -> (&'c mut BTreeMap<K, Row>, K),
) {
    let share = association.resource_share_arn.as_deref().and_then(|arn| arn.parse::<Arn>().ok());
    let Some(container) = share.and_then(|arn| containers.get_mut(&arn)) else { return };
    let Some(entity) = association.associated_entity else { return };
    let row = Row {
        state: AssociationState::parse(association.status.as_ref().map_or("", |status| status.as_str())),
        message: association.status_message.filter(|text| !text.is_empty()),
        external: association.external.unwrap_or_default(),
        since: association.last_updated_time.as_ref().and_then(timestamp),
    };
    let (rows, key) = place(container, entity);
    let weight = |row: &Row| (Reverse(row.state == AssociationState::Disassociated), row.since);
    if rows.get(&key).is_none_or(|known| weight(known) <= weight(&row)) {
        rows.insert(key, row);
    }
}

fn timestamp(time: &DateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(time.as_nanos()).ok()
}
