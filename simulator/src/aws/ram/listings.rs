//! RAM's listings: filters and pages over what a reader sees.

use serde_json::{Value, json};

use super::input::Listing;
use super::model::{AssociationStatus, AssociationType, Share, ShareState};
use super::views::Owner;
use super::{attach, rows, types};
use crate::aws::caller::Caller;
use crate::aws::organizations::listing;
use crate::aws::page::{self, Asked, Cut, Page};
use crate::aws::refusal::Refusal;
use crate::aws::world::World;

/// One row with its place in the listing; no row where a filter drops it.
pub(super) type Row = (String, Option<Value>);

fn statuses(text: Option<&str>) -> Result<Option<&str>, Refusal> {
    const KNOWN: [&str; 8] = [
        "ASSOCIATING",
        "ASSOCIATED",
        "FAILED",
        "DISASSOCIATING",
        "DISASSOCIATED",
        "SUSPENDED",
        "SUSPENDING",
        "RESTORING",
    ];
    match text {
        Some(status) if !KNOWN.contains(&status) => {
            Err(Refusal::parameter(format!("AssociationStatus {status} is not valid.")))
        }
        other => Ok(other),
    }
}

fn is<T: PartialEq<U>, U>(want: Option<&T>, have: &U) -> bool {
    want.is_none_or(|want| want == have)
}

pub(super) fn listed(want: &[String], have: &str) -> bool {
    want.is_empty() || want.iter().any(|want| want == have)
}

impl World {
    /// Any paged operation.
    pub(super) fn list(
        &mut self,
        caller: &Caller,
        operation: &str,
        params: &Value,
        asked: &Listing,
    ) -> Result<Value, Refusal> {
        let by_arn = !asked.resource_share_arns.is_empty() || asked.resource_share_arn.is_some();
        let lag = if by_arn { self.weather.lags.read } else { self.weather.lags.list };
        let mut as_of = self.now - lag.sample(&mut self.rng);
        if asked.resource_owner.as_deref() == Some("OTHER-ACCOUNTS") {
            as_of -= self.weather.lags.consumer.sample(&mut self.rng);
        }
        let refuse = |message| match operation {
            "GetResourceShareInvitations" => Refusal::client("InvalidMaxResultsException", message),
            _ => Refusal::parameter(message),
        };
        let size = page::size(asked.max_results, self.settings.default_page, 500, refuse)?;
        let listing =
            listing(operation, &caller.account, &caller.region, params, &["nextToken", "maxResults"]);
        let cut = page::cut(
            &Asked { token: asked.next_token.as_deref(), size, listing: &listing },
            &self.weather.pages,
            &mut self.rng,
        )
        .ok_or_else(|| {
            Refusal::client("InvalidNextTokenException", "The specified value for NextToken is not valid.")
        })?;
        let (member, page) = self.page(caller, operation, asked, as_of, &cut)?;
        self.note_listing(caller, as_of, size, &page);
        let mut answer = json!({ member: page.rows });
        if let (Some(next), Some(answer)) = (page.next, answer.as_object_mut()) {
            answer.insert("nextToken".to_owned(), Value::String(next));
        }
        Ok(answer)
    }

    fn note_listing(&mut self, caller: &Caller, as_of: f64, size: usize, page: &Page<Value>) {
        if self.owned(caller).any(|share| share.has_changed_since(as_of)) {
            self.progress.note("listing of the past");
        }
        match &page.next {
            Some(_) if page.rows.is_empty() => self.progress.note("empty page with a token"),
            Some(_) if page.rows.len() < size => self.progress.note("short page"),
            _ => {}
        }
    }

    fn page(
        &self,
        caller: &Caller,
        operation: &str,
        asked: &Listing,
        as_of: f64,
        cut: &Cut,
    ) -> Result<(&'static str, Page<Value>), Refusal> {
        let rows = |rows: Vec<Row>| cut.fill(rows.into_iter());
        Ok(match operation {
            "GetResourceShares" => ("resourceShares", self.list_shares(caller, asked, as_of, cut)?),
            "GetResourceShareAssociations" => {
                ("resourceShareAssociations", self.list_associations(caller, asked, as_of, cut)?)
            }
            "ListSourceAssociations" => ("sourceAssociations", self.list_sources(caller, asked, as_of, cut)?),
            "ListPermissionAssociations" => ("permissions", self.list_attached(caller, asked, as_of, cut)?),
            "ListPrincipals" => ("principals", self.list_principals(caller, asked, as_of, cut)?),
            "ListResources" => ("resources", self.list_resources(caller, asked, as_of, cut)?),
            "ListResourceSharePermissions" => {
                ("permissions", rows(self.share_permissions(caller, asked, as_of)?))
            }
            "GetResourceShareInvitations" => {
                ("resourceShareInvitations", rows(self.invitations(caller, asked)?))
            }
            "ListPendingInvitationResources" => {
                ("resources", rows(self.invitation_resources(caller, asked)?))
            }
            "GetResourcePolicies" => ("policies", rows(self.resource_policies(caller, asked)?)),
            "ListResourceTypes" => ("resourceTypes", rows(self.resource_types(asked)?)),
            "ListPermissions" => ("permissions", rows(self.permissions(caller, asked)?)),
            "ListPermissionVersions" => ("permissions", rows(self.permission_versions(caller, asked)?)),
            _ => ("replacePermissionAssociationsWorks", rows(self.works(caller, asked))),
        })
    }

    /// Shares of the listing from where the page starts; named ones are checked first.
    fn shares_of<'a>(
        &'a self,
        caller: &'a Caller,
        owner: Owner,
        asked: &'a Listing,
        as_of: f64,
        cut: &Cut,
    ) -> Result<impl Iterator<Item = (&'a Share, &'a ShareState)>, Refusal> {
        for arn in &asked.resource_share_arns {
            self.named(caller, owner, as_of, arn)?;
        }
        let from = cut.after().split(' ').next().unwrap_or_default();
        Ok(self
            .seen(caller, owner, as_of, from)
            .filter(|(share, _)| listed(&asked.resource_share_arns, &share.arn)))
    }

    fn list_shares(
        &self,
        caller: &Caller,
        asked: &Listing,
        as_of: f64,
        cut: &Cut,
    ) -> Result<Page<Value>, Refusal> {
        let owner = Owner::read(asked.resource_owner.as_deref())?;
        if let Some(arn) = &asked.permission_arn {
            self.permission(caller, arn)?;
        }
        let keeps = |state: &ShareState| {
            let tagged = asked.tag_filters.is_empty()
                || (owner == Owner::Own
                    && asked.tag_filters.iter().any(|filter| {
                        state.tags.get(&filter.tag_key).is_some_and(|value| listed(&filter.tag_values, value))
                    }));
            let permitted = asked.permission_arn.as_ref().is_none_or(|arn| {
                state
                    .permissions
                    .values()
                    .any(|found| found.arn == *arn && is(asked.permission_version.as_ref(), &found.version))
            });
            tagged
                && permitted
                && is(asked.name.as_ref(), &state.name)
                && asked.resource_share_status.as_deref().is_none_or(|status| status == state.status.text())
        };
        let shares = self.shares_of(caller, owner, asked, as_of, cut)?;
        Ok(cut.fill(shares.map(|(share, state)| {
            (share.arn.clone(), keeps(state).then(|| rows::share(share, state, owner == Owner::Own)))
        })))
    }

    fn list_associations(
        &self,
        caller: &Caller,
        asked: &Listing,
        as_of: f64,
        cut: &Cut,
    ) -> Result<Page<Value>, Refusal> {
        let kind = match asked.association_type.as_deref() {
            Some("PRINCIPAL") => AssociationType::Principal,
            Some("RESOURCE") => AssociationType::Resource,
            Some("SOURCE") => AssociationType::Source,
            _ => return Err(Refusal::parameter("AssociationType must be PRINCIPAL, RESOURCE or SOURCE.")),
        };
        let status = statuses(asked.association_status.as_deref())?;
        if status.is_some() && !asked.resource_share_arns.is_empty() {
            return Err(Refusal::parameter(
                "You cannot use ResourceShareArns and AssociationStatus in one request",
            ));
        }
        if kind == AssociationType::Principal && asked.resource_arn.is_some() {
            return Err(Refusal::parameter(
                "You cannot specify a resource ARN when the association type is PRINCIPAL.",
            ));
        }
        if kind == AssociationType::Resource && asked.principal.is_some() {
            return Err(Refusal::parameter(
                "You cannot specify a principal when the association type is RESOURCE.",
            ));
        }
        let entity = asked.resource_arn.as_ref().or(asked.principal.as_ref());
        let shares = self.shares_of(caller, Owner::Own, asked, as_of, cut)?;
        Ok(cut.fill(shares.flat_map(|(share, state)| {
            let of_kind = state.rows.iter().filter(move |((of, _, _), _)| *of == kind);
            of_kind.map(move |(key, row)| {
                let kept = is(entity, &key.1) && status.is_none_or(|status| status == row.status.text());
                (
                    format!("{} {} {:06}", share.arn, key.1, key.2),
                    kept.then(|| rows::association(share, state, key, row)),
                )
            })
        })))
    }

    fn list_sources(
        &self,
        caller: &Caller,
        asked: &Listing,
        as_of: f64,
        cut: &Cut,
    ) -> Result<Page<Value>, Refusal> {
        let status = statuses(asked.association_status.as_deref())?;
        let shares = self.shares_of(caller, Owner::Own, asked, as_of, cut)?;
        Ok(cut.fill(shares.flat_map(|(share, state)| {
            let sources = state.rows.iter().filter(|((of, _, _), _)| *of == AssociationType::Source);
            sources.map(move |(key, row)| {
                let kept = is(asked.source_id.as_ref(), &key.1)
                    && asked.source_type.as_deref().is_none_or(|kind| kind == rows::source_type(&key.1))
                    && status.is_none_or(|status| status == row.status.text());
                (format!("{} {} {:06}", share.arn, key.1, key.2), kept.then(|| rows::source(share, key, row)))
            })
        })))
    }

    /// With no filter, AWS managed permissions of all shares are listed too \[X: to be verified].
    fn list_attached(
        &self,
        caller: &Caller,
        asked: &Listing,
        as_of: f64,
        cut: &Cut,
    ) -> Result<Page<Value>, Refusal> {
        let status = statuses(asked.association_status.as_deref())?;
        let kind = asked.resource_type.as_deref();
        let shares = self.shares_of(caller, Owner::Own, asked, as_of, cut)?;
        let keeps = move |row: &Value, attached: &super::model::Attached, of: &str| {
            is(asked.permission_arn.as_ref(), &attached.arn)
                && is(asked.permission_version.as_ref(), &attached.version)
                && kind.is_none_or(|kind| kind.eq_ignore_ascii_case(of))
                && status.is_none_or(|status| row.get("status").is_some_and(|have| have == status))
                && asked
                    .feature_set
                    .as_ref()
                    .is_none_or(|set| row.get("featureSet").is_some_and(|have| have == set))
                && asked
                    .default_version
                    .is_none_or(|wanted| row.get("defaultVersion").is_some_and(|have| *have == wanted))
        };
        Ok(cut.fill(shares.flat_map(move |(share, state)| {
            state.permissions.iter().map(move |(of, attached)| {
                let row = self.attached_row(share, attached, of);
                let kept = keeps(&row, attached, of);
                (format!("{} {of}", share.arn), kept.then_some(row))
            })
        })))
    }

    fn attached_row(&self, share: &Share, attached: &super::model::Attached, kind: &str) -> Value {
        let permission = self.attached(&share.region, attached);
        json!({
            "arn": attached.arn,
            "permissionVersion": attached.version.to_string(),
            "defaultVersion": permission.is_some_and(|found| found.default == attached.version),
            "resourceType": kind,
            "status": attach::status(attached, self.now),
            "featureSet": permission.map_or("STANDARD", |found| found.feature_set.text()),
            "lastUpdatedTime": attached.updated_at,
            "resourceShareArn": share.arn,
        })
    }

    /// Associated principals only: the answer has no status \[X].
    fn list_principals(
        &self,
        caller: &Caller,
        asked: &Listing,
        as_of: f64,
        cut: &Cut,
    ) -> Result<Page<Value>, Refusal> {
        let owner = Owner::read(asked.resource_owner.as_deref())?;
        let shares = self.shares_of(caller, owner, asked, as_of, cut)?.filter(|(_, state)| {
            let shares_it =
                |arn: &String| state.present(AssociationType::Resource).any(|(have, _)| have == arn);
            let shares_type =
                |kind: &String| rows::present_types(state).any(|have| have.eq_ignore_ascii_case(kind));
            asked.resource_arn.as_ref().is_none_or(shares_it)
                && asked.resource_type.as_ref().is_none_or(shares_type)
        });
        let row = move |share: &Share, id: &str, created: f64, updated: f64, external: bool| json!({"id": id, "resourceShareArn": share.arn, "creationTime": created, "lastUpdatedTime": updated, "external": external});
        Ok(cut.fill(shares.flat_map(move |(share, state)| -> Vec<Row> {
            if owner == Owner::Others {
                let external = !self.directory.same_organization(&share.owner, &caller.account);
                let kept = listed(&asked.principals, &share.owner);
                let row =
                    kept.then(|| row(share, &share.owner, state.created_at, state.updated_at, external));
                return vec![(format!("{} {}", share.arn, share.owner), row)];
            }
            let rows = state.rows.iter().filter(|((kind, _, _), row)| {
                *kind == AssociationType::Principal && row.status == AssociationStatus::Associated
            });
            rows.map(|((_, id, _), found)| {
                let kept = listed(&asked.principals, id);
                let row = kept.then(|| row(share, id, found.created_at, found.updated_at, found.external));
                (format!("{} {id}", share.arn), row)
            })
            .collect()
        })))
    }

    fn list_resources(
        &self,
        caller: &Caller,
        asked: &Listing,
        as_of: f64,
        cut: &Cut,
    ) -> Result<Page<Value>, Refusal> {
        let owner = Owner::read(asked.resource_owner.as_deref())?;
        let kind = match asked.resource_type.as_deref() {
            None => None,
            Some(text) => Some(attach::type_code(text).ok_or_else(|| {
                Refusal::client("InvalidResourceTypeException", format!("Resource type {text} is not valid."))
            })?),
        };
        let scope = scope(asked.resource_region_scope.as_deref())?;
        let shares = self.shares_of(caller, owner, asked, as_of, cut)?.filter(move |(share, state)| {
            match (&asked.principal, owner) {
                (None, _) => true,
                (Some(principal), Owner::Others) => share.owner == *principal,
                (Some(principal), Owner::Own) => state.live(AssociationType::Principal, principal).is_some(),
            }
        });
        Ok(cut.fill(shares.flat_map(move |(share, state)| {
            let shown = state.present(AssociationType::Resource);
            let shown = shown
                .filter(move |(_, row)| owner == Owner::Own || row.status == AssociationStatus::Associated);
            shown.map(move |(arn, row)| {
                let code = rows::type_of(arn);
                let global = types::by_code(code).is_some_and(types::ResourceType::is_global);
                let kept = kind.is_none_or(|kind| kind == code)
                    && listed(&asked.resource_arns, arn)
                    && scope.is_none_or(|scope| scope == global);
                (format!("{} {arn}", share.arn), kept.then(|| self.resource_row(Some(share), arn, Some(row))))
            })
        })))
    }

    pub(super) fn resource_row(
        &self,
        share: Option<&Share>,
        arn: &str,
        row: Option<&super::model::Association>,
    ) -> Value {
        let code = rows::type_of(arn);
        let known = self.ram.resources.get(arn);
        let status = match known {
            None => "UNAVAILABLE",
            Some(_) if row.is_some_and(|row| row.status == AssociationStatus::Associating) => "PENDING",
            Some(found) if found.status.is_empty() => "AVAILABLE",
            Some(found) => &found.status,
        };
        rows::trim(json!({
            "arn": arn,
            "type": code,
            "resourceShareArn": share.map(|share| &share.arn),
            "status": status,
            "statusMessage": known.and_then(|found| found.message.clone()),
            "creationTime": row.map(|row| row.created_at),
            "lastUpdatedTime": row.map(|row| row.updated_at),
            "resourceRegionScope": region_scope(types::by_code(code).is_some_and(types::ResourceType::is_global)),
        }))
    }
}

pub(super) fn region_scope(global: bool) -> &'static str {
    if global { "GLOBAL" } else { "REGIONAL" }
}

/// `Some(global?)` for a scope; `None` for ALL.
pub(super) fn scope(text: Option<&str>) -> Result<Option<bool>, Refusal> {
    match text {
        None | Some("ALL") => Ok(None),
        Some("REGIONAL") => Ok(Some(false)),
        Some("GLOBAL") => Ok(Some(true)),
        Some(other) => Err(Refusal::parameter(format!("ResourceRegionScope {other} is not valid."))),
    }
}
