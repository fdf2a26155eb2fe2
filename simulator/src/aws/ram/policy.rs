//! Shares that resource-based policies make, and their promotion (ram.md sections 2.7 and 4).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::input::{Entities, PermissionInput};
use super::model::{Attached, Due, FeatureSet, Share, ShareNext, ShareState, ShareStatus};
use super::permissions::{Permission, PermissionKind};
use super::{done, rows};
use crate::aws::caller::Caller;
use crate::aws::refusal::Refusal;
use crate::aws::world::{Wake, World};

impl World {
    /// A resource-based policy is put on a resource by its own service: RAM shows it as a share CREATED_FROM_POLICY
    /// with a permission of its own. Answers the share's ARN.
    pub fn put_resource_policy(
        &mut self,
        account: &str,
        region: &str,
        resource: &str,
        principals: &[&str],
        template: &str,
    ) -> String {
        let caller = Caller::administrator(account, region);
        let id = self.rng.uuid();
        let name = format!("policy-{id}");
        let arn = format!("arn:{}:ram:{region}:{account}:permission/{name}", caller.partition());
        let kind = rows::type_of(resource);
        let mut permission = Permission::new(
            arn.clone(),
            &name,
            kind,
            PermissionKind::Customer,
            template.to_owned(),
            self.now,
        );
        permission.feature_set = FeatureSet::CreatedFromPolicy;
        self.ram.region(region).permissions.insert(arn.clone(), permission);
        let mut state = ShareState {
            name,
            allow_external: true,
            status: ShareStatus::Active,
            message: None,
            feature_set: FeatureSet::CreatedFromPolicy,
            retain: false,
            tags: BTreeMap::new(),
            created_at: self.now,
            updated_at: self.now,
            rows: BTreeMap::new(),
            permissions: BTreeMap::from([(
                kind.to_owned(),
                Attached { arn, version: 1, updated_at: self.now, in_force_at: self.now },
            )]),
            due: None,
        };
        let principals = principals.iter().map(|&name| name.to_owned()).collect();
        let entities =
            Entities { resource_arns: vec![resource.to_owned()], principals, ..Entities::default() };
        self.add_rows(&caller, &mut state, &entities);
        for row in state.rows.values_mut() {
            row.status = super::AssociationStatus::Associated;
            row.due = None;
        }
        let arn = format!("{}{id}", super::shares::prefix(&caller));
        let share = Share::new(arn.clone(), account, region, state, self.horizon());
        self.ram.region(region).shares.insert(arn.clone(), share);
        arn
    }

    /// PromotePermissionCreatedFromPolicy: a customer managed permission with the same policy.
    pub(super) fn promote_permission(
        &mut self,
        caller: &Caller,
        input: &PermissionInput,
    ) -> Result<Value, Refusal> {
        if input.name.is_empty() {
            return Err(Refusal::client("MissingRequiredParameterException", "name is required."));
        }
        let old = self.own_permission(caller, &input.permission_arn)?.clone();
        if old.feature_set != FeatureSet::CreatedFromPolicy {
            return Err(Refusal::not_permitted("The permission was not created from a policy."));
        }
        let template = old.versions.get(&old.default).map(|found| found.policy.clone()).unwrap_or_default();
        let permission = self.new_permission(caller, &input.name, &old.resource_type, &template)?;
        let row = rows::permission(&permission, 1, permission.status());
        self.ram.region(&caller.region).permissions.insert(permission.arn.clone(), permission);
        Ok(json!({"permission": row}))
    }

    /// PromoteResourceShareCreatedFromPolicy: needs a customer managed permission that matches exactly.
    pub(super) fn promote_share(&mut self, caller: &Caller, arn: &str) -> Result<Value, Refusal> {
        if arn.is_empty() {
            return Err(Refusal::client(
                "MissingRequiredParameterException",
                "resourceShareArn is required.",
            ));
        }
        let mut state = self.share(caller, arn)?.state.clone();
        match state.feature_set {
            FeatureSet::CreatedFromPolicy => {}
            FeatureSet::PromotingToStandard => {
                return Err(Refusal::transition("The resource share is being promoted."));
            }
            FeatureSet::Standard => {
                return Err(Refusal::parameter("The resource share was not created from a policy."));
            }
        }
        let mut orphans = Vec::new();
        for (kind, attached) in &mut state.permissions {
            let matching = self.matching(caller, kind, &attached.arn).ok_or_else(|| {
                Refusal::client(
                    "UnmatchedPolicyPermissionException",
                    "There is no customer managed permission that matches the policy.",
                )
            })?;
            orphans.push(std::mem::replace(&mut attached.arn, matching.arn.clone()));
            attached.version = matching.default;
        }
        let lag = self.weather.lags.promotion.sample(&mut self.rng);
        state.feature_set = FeatureSet::PromotingToStandard;
        state.due = Some(Due { at: self.now + lag, next: ShareNext::Standard });
        self.commit(&caller.region, arn, state);
        // RAM deletes the permission that was created from the policy [M].
        for orphan in orphans {
            self.wake_at(Some(self.now + lag), Wake::Permission(caller.region.clone(), orphan, None));
        }
        Ok(done())
    }

    fn matching(&self, caller: &Caller, kind: &str, arn: &str) -> Option<&Permission> {
        let policy =
            |found: &Permission| found.versions.get(&found.default).map(|version| version.policy.clone());
        let wanted = self.ram.regions.get(&caller.region)?.permissions.get(arn).and_then(policy)?;
        self.customer_permissions(caller).find(|found| {
            found.feature_set == FeatureSet::Standard
                && found.resource_type == kind
                && policy(found).as_ref() == Some(&wanted)
        })
    }
}
