//! The rows of RAM's answers.

use serde_json::{Map, Value, json};

use super::model::{Association, AssociationType, Invitation, RowKey, Share, ShareState};
use super::permissions::{Permission, PermissionKind};

/// Leaves out members without a value, as RAM does.
pub(super) fn trim(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept: Map<String, Value> =
                members.into_iter().filter(|(_, member)| !member.is_null()).collect();
            Value::Object(kept)
        }
        other => other,
    }
}

/// ResourceShare; consumers do not see tags \[X].
pub(super) fn share(share: &Share, state: &ShareState, owner: bool) -> Value {
    let configuration = state.retain.then(|| json!({"retainSharingOnAccountLeaveOrganization": true}));
    trim(json!({
        "resourceShareArn": share.arn,
        "name": state.name,
        "owningAccountId": share.owner,
        "allowExternalPrincipals": state.allow_external,
        "status": state.status.text(),
        "statusMessage": state.message,
        "tags": owner.then(|| tags(&state.tags)),
        "creationTime": state.created_at,
        "lastUpdatedTime": state.updated_at,
        "featureSet": state.feature_set.text(),
        "resourceShareConfiguration": configuration,
    }))
}

pub(super) fn tags(tags: &std::collections::BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

/// ResourceShareAssociation.
pub(super) fn association(
    share: &Share,
    state: &ShareState,
    (kind, entity, _): &RowKey,
    row: &Association,
) -> Value {
    trim(json!({
        "resourceShareArn": share.arn,
        "resourceShareName": state.name,
        "associatedEntity": entity,
        "associationType": kind,
        "status": row.status.text(),
        "statusMessage": row.message,
        "creationTime": row.created_at,
        "lastUpdatedTime": row.updated_at,
        "external": row.external,
    }))
}

/// AssociatedSource.
pub(super) fn source(share: &Share, (_, entity, _): &RowKey, row: &Association) -> Value {
    trim(json!({
        "resourceShareArn": share.arn,
        "sourceId": entity,
        "sourceType": source_type(entity),
        "status": row.status.text(),
        "statusMessage": row.message,
        "creationTime": row.created_at,
        "lastUpdatedTime": row.updated_at,
    }))
}

/// An account, an organization, or any other ARN \[X: the model gives no list].
pub(super) fn source_type(entity: &str) -> &'static str {
    if super::principal::is_account(entity) {
        "ACCOUNT"
    } else if entity.contains(":organizations:") {
        "ORGANIZATION"
    } else {
        "ARN"
    }
}

/// ResourceSharePermissionSummary of one version.
pub(super) fn permission(permission: &Permission, version: u32, status: &str) -> Value {
    let created = permission.versions.get(&version).map_or(permission.created_at, |found| found.created_at);
    trim(json!({
        "arn": permission.arn,
        "version": version.to_string(),
        "defaultVersion": version == permission.default,
        "name": permission.name,
        "resourceType": permission.resource_type,
        "status": status,
        "creationTime": created,
        "lastUpdatedTime": permission.updated_at,
        "isResourceTypeDefault": permission.is_type_default,
        "permissionType": permission.kind.text(),
        "featureSet": permission.feature_set.text(),
        "tags": (permission.kind == PermissionKind::Customer).then(|| tags(&permission.tags)),
    }))
}

/// ResourceShareInvitation.
pub(super) fn invitation(invitation: &Invitation) -> Value {
    let by_arn = invitation.principal.starts_with("arn:");
    trim(json!({
        "resourceShareInvitationArn": invitation.arn,
        "resourceShareName": invitation.share_name,
        "resourceShareArn": invitation.share,
        "senderAccountId": invitation.sender,
        "receiverAccountId": invitation.receiver,
        "receiverArn": by_arn.then_some(&invitation.principal),
        "invitationTimestamp": invitation.sent_at,
        "status": invitation.status,
    }))
}

/// The type code of a resource ARN; empty for what is not shareable.
pub(crate) fn type_of(arn: &str) -> &'static str {
    super::types::ResourceArn::read(arn).and_then(|arn| arn.resource_type()).map_or("", |found| found.code)
}

/// Resource arns in a share that are neither gone nor going, with their type.
pub(super) fn present_types(state: &ShareState) -> impl Iterator<Item = &'static str> {
    state.present(AssociationType::Resource).map(|(arn, _)| type_of(arn))
}
