//! What may be associated with a share: principals, resources and sources are checked together, before anything changes.

use std::collections::BTreeSet;

use super::input::Entities;
use super::model::{AssociationType, ShareState};
use super::principal::Principal;
use super::types::{ResourceArn, ResourceType};
use crate::aws::caller::Caller;
use crate::aws::organizations::Organization;
use crate::aws::refusal::Refusal;
use crate::aws::settings::UnknownArn;
use crate::aws::world::World;

/// How a principal comes to its access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The owner itself, or the organization shares with RAM: no invitation.
    Inside,
    /// By accepting an invitation.
    Invited { external: bool },
    /// A service principal: at once.
    Service,
}

impl Standing {
    pub(crate) fn is_external(self) -> bool {
        self == Self::Invited { external: true }
    }
}

const ORGANIZATION_ONLY: &str = "The resource you are attempting to share can only be shared within your AWS Organization. This error may also occur if you have not enabled sharing with your AWS organization, or that onboarding process is still in progress.";

impl World {
    /// Checks `entities` against the share as it is in `state`; `caller` owns it (ram.md sections 3, 3.1 and 5).
    pub(super) fn admit(
        &self,
        caller: &Caller,
        state: &ShareState,
        entities: &Entities,
    ) -> Result<(), Refusal> {
        let most = self.settings.entities_per_call;
        if entities.resource_arns.len() > most {
            return Err(Refusal::limit(format!("You can associate up to {most} resources per call.")));
        }
        let standings = self.admit_principals(caller, state, &entities.principals)?;
        let types = self.admit_resources(caller, state, &entities.resource_arns)?;
        self.admit_types(caller, state, &types, &standings)?;
        admit_services(state, entities, &types)?;
        self.admit_counts(state, entities)
    }

    fn admit_principals(
        &self,
        caller: &Caller,
        state: &ShareState,
        principals: &[String],
    ) -> Result<Vec<Standing>, Refusal> {
        principals.iter().map(|literal| {
            let standing = self.standing(&caller.account, state.retain, literal)?;
            let member = self.directory.organization_of(&caller.account).is_some();
            if standing.is_external() && !state.allow_external && member {
                return Err(Refusal::parameter(format!(
                    "Principal {literal} is not in your AWS organization. You do not have permission to add external AWS accounts to a resource share."
                )));
            }
            Ok(standing)
        }).collect()
    }

    /// How a principal stands to the account that shares.
    pub(crate) fn standing(&self, owner: &str, retain: bool, literal: &str) -> Result<Standing, Refusal> {
        match Principal::read(literal)? {
            Principal::Service => Ok(Standing::Service),
            Principal::Account(account) | Principal::Iam { account } => {
                if account == owner {
                    return Ok(Standing::Inside);
                }
                let together = self.directory.same_organization(owner, &account);
                let sharing =
                    self.directory.organization_of(owner).is_some_and(Organization::shares_with_ram);
                if together && sharing && !retain {
                    Ok(Standing::Inside)
                } else {
                    Ok(Standing::Invited { external: !together })
                }
            }
            Principal::Organization { management, id } => {
                let unknown = || Refusal::unknown(format!("Organization {id} could not be found."));
                self.admit_organization(owner, retain, &management, &id, unknown)
            }
            Principal::Unit { management, organization, id } => {
                let unknown = || Refusal::unknown(format!("OrganizationalUnit {id} could not be found."));
                let standing = self.admit_organization(owner, retain, &management, &organization, unknown)?;
                let known =
                    self.directory.organization_of(owner).is_some_and(|org| org.units.contains_key(&id));
                if known { Ok(standing) } else { Err(unknown()) }
            }
        }
    }

    fn admit_organization(
        &self,
        owner: &str,
        retain: bool,
        management: &str,
        id: &str,
        unknown: impl Fn() -> Refusal,
    ) -> Result<Standing, Refusal> {
        let organization =
            self.directory.organization_of(owner).filter(|org| org.id == id).ok_or_else(&unknown)?;
        if organization.management != management {
            return Err(Refusal::not_permitted(
                "You are not permitted to share with the specified organization or organizational unit.",
            ));
        }
        if !organization.shares_with_ram() {
            return Err(unknown());
        }
        if retain {
            return Err(Refusal::parameter(
                "RetainSharingOnAccountLeaveOrganization takes accounts as principals only.",
            ));
        }
        Ok(Standing::Inside)
    }

    fn admit_resources(
        &self,
        caller: &Caller,
        state: &ShareState,
        arns: &[String],
    ) -> Result<Vec<ResourceType>, Refusal> {
        let present: BTreeSet<&str> = state.present(AssociationType::Resource).map(|(arn, _)| arn).collect();
        let mut types = Vec::new();
        for arn in arns {
            types.push(self.admit_resource(caller, arn)?);
        }
        for arn in present {
            types.extend(ResourceArn::read(arn).and_then(|arn| arn.resource_type()));
        }
        types.sort_by_key(|found| found.code);
        types.dedup();
        Ok(types)
    }

    /// A resource must be of a shareable type, the caller's, of this region, and known to its service. That such are
    /// refused is documented; with which error is assumed \[X].
    fn admit_resource(&self, caller: &Caller, arn: &str) -> Result<ResourceType, Refusal> {
        let parts = ResourceArn::read(arn).ok_or_else(|| Refusal::malformed_arn(arn))?;
        let kind = parts.resource_type().ok_or_else(|| {
            Refusal::parameter(format!("Resource {arn} is of a type that can't be shared."))
        })?;
        if kind.is_global() && caller.region != "us-east-1" {
            return Err(Refusal::parameter(format!(
                "Resource {arn} is global: it can be shared in us-east-1 only."
            )));
        }
        if !parts.region.is_empty() && parts.region != caller.region {
            return Err(Refusal::parameter(format!("Resource {arn} is not in region {}.", caller.region)));
        }
        if parts.account != caller.account {
            return Err(Refusal::not_permitted(format!(
                "You are not permitted to share resource {arn}: you do not own it."
            )));
        }
        let known = self.ram.resources.contains_key(arn);
        if !known && self.settings.unknown_arn == UnknownArn::Refuse {
            return Err(Refusal::unknown(format!("Resource {arn} could not be found.")));
        }
        Ok(kind)
    }

    /// Org-only types need an organization that shares with RAM, and nobody outside it. While sharing is off they are
    /// refused whoever the principals are (T25) \[X].
    fn admit_types(
        &self,
        caller: &Caller,
        state: &ShareState,
        types: &[ResourceType],
        standings: &[Standing],
    ) -> Result<(), Refusal> {
        if types.iter().all(|kind| kind.goes_outside()) {
            return Ok(());
        }
        let organization = self.directory.organization_of(&caller.account);
        let ready = organization.is_some_and(|org| org.shares_with_ram() && org.onboarded_at <= self.now);
        let outside = standings.iter().any(|standing| matches!(standing, Standing::Invited { .. }))
            || state.present(AssociationType::Principal).any(|(_, row)| row.external);
        if ready && !outside && !state.retain {
            return Ok(());
        }
        Err(Refusal::client(&self.settings.organization_only_code, ORGANIZATION_ONLY))
    }

    fn admit_counts(&self, state: &ShareState, entities: &Entities) -> Result<(), Refusal> {
        let grown = |kind, names: &[String]| {
            let fresh = names.iter().filter(|name| state.live(kind, name).is_none()).count();
            state.present(kind).count() + fresh
        };
        if grown(AssociationType::Resource, &entities.resource_arns) > self.settings.resources_per_share {
            return Err(Refusal::limit("The resource share has reached its limit of resource associations."));
        }
        if grown(AssociationType::Principal, &entities.principals) > self.settings.principals_per_share {
            return Err(Refusal::limit(
                "The resource share has reached its limit of principal associations.",
            ));
        }
        Ok(())
    }
}

/// The rules of kinds: IAM principals and services only where the types take them, services by themselves and before
/// resources, sources only with services (ram.md section 3, T39). The error codes are assumed \[X].
fn admit_services(state: &ShareState, entities: &Entities, types: &[ResourceType]) -> Result<(), Refusal> {
    let present = state.present(AssociationType::Principal).map(|(name, _)| name);
    let principals: Vec<Principal> = present
        .chain(entities.principals.iter().map(String::as_str))
        .map(Principal::read)
        .collect::<Result<_, _>>()?;
    let services = principals.iter().filter(|principal| **principal == Principal::Service).count();
    if services == 0 && !entities.sources.is_empty() {
        return Err(Refusal::parameter("Sources can be specified only together with service principals."));
    }
    if services > 0 && services < principals.len() {
        return Err(Refusal::parameter(
            "Service principals can't be combined with other principals in one resource share.",
        ));
    }
    let new_service = entities.principals.iter().any(|name| {
        Principal::read(name).is_ok_and(|found| found == Principal::Service)
            && state.live(AssociationType::Principal, name).is_none()
    });
    if new_service && state.present(AssociationType::Resource).next().is_some() {
        return Err(Refusal::parameter(
            "Service principals can't be added to a resource share that already has resources.",
        ));
    }
    let iam = principals.iter().any(|principal| matches!(principal, Principal::Iam { .. }));
    for kind in types {
        if iam && !kind.takes_iam() {
            return Err(Refusal::parameter(format!(
                "Resource type {} can't be shared with IAM roles or users.",
                kind.code
            )));
        }
        if services > 0 && !kind.takes_services() {
            return Err(Refusal::parameter(format!(
                "Resource type {} can't be shared with service principals.",
                kind.code
            )));
        }
    }
    Ok(())
}
