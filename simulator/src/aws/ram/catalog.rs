//! The listings of what is not a share's row: permissions, invitations, works, policies, types.

use serde_json::{Value, json};

use super::input::Listing;
use super::listings::{Row, listed, region_scope, scope};
use super::model::{AssociationType, Share};
use super::views::Owner;
use super::{attach, principal, rows, types};
use crate::aws::caller::Caller;
use crate::aws::refusal::Refusal;
use crate::aws::world::World;

impl World {
    pub(super) fn share_permissions(
        &self,
        caller: &Caller,
        asked: &Listing,
        as_of: f64,
    ) -> Result<Vec<Row>, Refusal> {
        let arn = asked.resource_share_arn.as_deref().unwrap_or_default();
        let owner = if arn.contains(&format!(":{}:resource-share/", caller.account)) {
            Owner::Own
        } else {
            Owner::Others
        };
        self.named(caller, owner, as_of, arn)?;
        let found = self.seen(caller, owner, as_of, arn).next().filter(|(share, _)| share.arn == arn);
        let mut rows = Vec::new();
        if let Some((share, state)) = found {
            for attached in state.permissions.values() {
                let status = attach::status(attached, self.now);
                if let Some(permission) = self.attached(&share.region, attached) {
                    let mut row = rows::permission(permission, attached.version, status);
                    if let Some(row) = row.as_object_mut() {
                        row.insert("arn".to_owned(), json!(attached.arn));
                    }
                    rows.push((attached.arn.clone(), Some(row)));
                }
            }
        }
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(rows)
    }

    pub(super) fn invitations(&self, caller: &Caller, asked: &Listing) -> Result<Vec<Row>, Refusal> {
        let Some(region) = self.ram.regions.get(&caller.region) else {
            return Ok(Vec::new());
        };
        let mine =
            |arn: &String| region.invitations.get(arn).is_some_and(|found| found.receiver == caller.account);
        if let Some(arn) = asked.resource_share_invitation_arns.iter().find(|arn| !mine(arn)) {
            return Err(Refusal::client(
                "ResourceShareInvitationArnNotFoundException",
                format!("Invitation {arn} could not be found."),
            ));
        }
        let received = region.invitations.values().filter(|found| found.receiver == caller.account);
        let rows = received.map(|found| {
            let kept = listed(&asked.resource_share_invitation_arns, &found.arn)
                && listed(&asked.resource_share_arns, &found.share);
            (found.arn.clone(), kept.then(|| rows::invitation(found)))
        });
        Ok(rows.collect())
    }

    pub(super) fn invitation_resources(&self, caller: &Caller, asked: &Listing) -> Result<Vec<Row>, Refusal> {
        let Some(arn) = asked.resource_share_invitation_arn.as_deref() else {
            return Err(Refusal::client(
                "MissingRequiredParameterException",
                "resourceShareInvitationArn is required.",
            ));
        };
        let arns = self.pending_resources(caller, arn)?;
        Ok(arns.into_iter().map(|arn| (arn.clone(), Some(self.resource_row(None, &arn, None)))).collect())
    }

    pub(super) fn permissions(&self, caller: &Caller, asked: &Listing) -> Result<Vec<Row>, Refusal> {
        let kind = asked.permission_type.as_deref().unwrap_or("ALL");
        if !["ALL", "AWS_MANAGED", "CUSTOMER_MANAGED"].contains(&kind) {
            return Err(Refusal::parameter(format!("PermissionType {kind} is not valid.")));
        }
        let all = self.ram.managed.values().chain(self.customer_permissions(caller));
        let mut rows: Vec<Row> = all
            .map(|found| {
                let wanted = asked
                    .resource_type
                    .as_deref()
                    .is_none_or(|wanted| wanted.eq_ignore_ascii_case(&found.resource_type));
                let kept = wanted && (kind == "ALL" || kind == found.kind.text());
                (found.arn.clone(), kept.then(|| rows::permission(found, found.default, found.status())))
            })
            .collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(rows)
    }

    pub(super) fn permission_versions(&self, caller: &Caller, asked: &Listing) -> Result<Vec<Row>, Refusal> {
        let permission = self.permission(caller, asked.permission_arn.as_deref().unwrap_or_default())?;
        let rows = permission.versions.iter().map(|(number, version)| {
            let status = if version.deleting { "DELETING" } else { permission.status() };
            (format!("{number:06}"), Some(rows::permission(&permission, *number, status)))
        });
        Ok(rows.collect())
    }

    pub(super) fn works(&self, caller: &Caller, asked: &Listing) -> Vec<Row> {
        let works = self.ram.regions.get(&caller.region).map(|region| region.works.values());
        let mine = works.into_iter().flatten().filter(|work| work.account == caller.account);
        mine.map(|work| {
            let status = if work.done { "COMPLETED" } else { "IN_PROGRESS" };
            let kept = listed(&asked.work_ids, &work.id)
                && asked.status.as_deref().is_none_or(|wanted| wanted == status);
            (work.id.clone(), kept.then(|| work.row()))
        })
        .collect()
    }

    pub(super) fn resource_policies(&self, caller: &Caller, asked: &Listing) -> Result<Vec<Row>, Refusal> {
        let mut rows = Vec::new();
        for arn in &asked.resource_arns {
            types::ResourceArn::read(arn).ok_or_else(|| Refusal::malformed_arn(arn))?;
            let sharing: Vec<&Share> = self
                .owned(caller)
                .filter(|share| {
                    !share.state.status.is_gone()
                        && share.state.live(AssociationType::Resource, arn).is_some()
                })
                .collect();
            if sharing.is_empty() && !self.ram.resources.contains_key(arn) {
                return Err(Refusal::client(
                    "ResourceArnNotFoundException",
                    format!("Resource {arn} could not be found."),
                ));
            }
            for share in sharing {
                let principals = share.state.present(AssociationType::Principal).map(|(name, _)| name);
                let principals: Vec<&str> = principals
                    .filter(|name| {
                        asked.principal.as_deref().is_none_or(|wanted| {
                            wanted == *name || principal::covers(&self.directory, name, wanted)
                        })
                    })
                    .collect();
                if !principals.is_empty() {
                    let statement = json!({"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "*", "Resource": arn});
                    let policy = json!({"Version": "2008-10-17", "Statement": [statement]}).to_string();
                    rows.push((format!("{arn} {}", share.arn), Some(Value::String(policy))));
                }
            }
        }
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(rows)
    }

    pub(super) fn resource_types(&self, asked: &Listing) -> Result<Vec<Row>, Refusal> {
        let scope = scope(asked.resource_region_scope.as_deref())?;
        let catalogue = types::all().filter(|kind| !self.settings.unlisted_types.contains(kind.code));
        let catalogue = catalogue.map(|kind| (kind.code, kind.service, kind.is_global()));
        let newer = self
            .settings
            .newer_types
            .iter()
            .map(|(code, global)| (code.as_str(), code.split(':').next().unwrap_or_default(), *global));
        let mut rows: Vec<Row> = catalogue
            .chain(newer)
            .map(|(code, service, global)| {
                let row = json!({"resourceType": code, "serviceName": service, "resourceRegionScope": region_scope(global)});
                (code.to_owned(), scope.is_none_or(|scope| scope == global).then_some(row))
            })
            .collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(rows)
    }
}
