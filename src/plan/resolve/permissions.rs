//! The permissions that a Share names, where the type of a resource does not take them.

use super::containers::permission_for;
use crate::{
    api::{Reason, Share},
    model::{Arn, ResourceType},
    plan::{desired::Refusal, policy::is_customer_managed},
};

/// Why a resource cannot have the permission that the Share names for its type.
pub(super) fn unsupported(share: &Share, arn: &Arn, resource_type: Option<ResourceType>) -> Option<Refusal> {
    let message = match resource_type {
        Some(known) => of_known(share, known)?,
        None => of_unknown(share, arn)?,
    };
    Some(Refusal::new(Reason::PermissionUnsupported, message))
}

fn of_known(share: &Share, known: ResourceType) -> Option<String> {
    let named = &permission_for(share, known.name)?.permission;
    (!known.customer_permissions && is_customer_managed(named)).then(|| {
        format!(
            "{known} takes no customer managed permission, and `permissions` names {named}; name one of AWS's for it, or none"
        )
    })
}

/// Of a type that this version does not know, RAM's name is known only once it is shared: until then no permission can be
/// held against it.
fn of_unknown(share: &Share, arn: &Arn) -> Option<String> {
    let mut named = share.spec.permissions.iter().map(|choice| &choice.resource_type);
    let named = named.find(|name| ResourceType::may_be(name, arn))?;
    Some(format!(
        "this version does not know the type of {arn}, and shares it with its type's default permission alone; take {named} out of `permissions`"
    ))
}
