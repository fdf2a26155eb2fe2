//! Managed permissions: AWS's own and customers', their versions and their life (ram.md section 4).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::input::{Listing, PermissionInput, tag_map};
use super::model::FeatureSet;
use super::template::check_template;
use super::{done, rows, types};
use crate::aws::caller::Caller;
use crate::aws::refusal::Refusal;
use crate::aws::world::{Wake, World};

/// Who made a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PermissionKind {
    Aws,
    Customer,
}

impl PermissionKind {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Aws => "AWS_MANAGED",
            Self::Customer => "CUSTOMER_MANAGED",
        }
    }
}

/// One version of a permission.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Version {
    pub(crate) policy: String,
    pub(crate) created_at: f64,
    pub(crate) deleting: bool,
}

/// A managed permission.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Permission {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) resource_type: String,
    pub(crate) kind: PermissionKind,
    pub(crate) feature_set: FeatureSet,
    pub(crate) is_type_default: bool,
    pub(crate) versions: BTreeMap<u32, Version>,
    pub(crate) default: u32,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) created_at: f64,
    pub(crate) updated_at: f64,
    pub(crate) deleting: bool,
}

impl Permission {
    pub(crate) fn new(
        arn: String,
        name: &str,
        resource_type: &str,
        kind: PermissionKind,
        policy: String,
        now: f64,
    ) -> Self {
        Self {
            arn,
            name: name.to_owned(),
            resource_type: resource_type.to_owned(),
            kind,
            feature_set: FeatureSet::Standard,
            is_type_default: false,
            versions: BTreeMap::from([(1, Version { policy, created_at: now, deleting: false })]),
            default: 1,
            tags: BTreeMap::new(),
            created_at: now,
            updated_at: now,
            deleting: false,
        }
    }

    pub(crate) fn status(&self) -> &'static str {
        if self.deleting { "DELETING" } else { "ATTACHABLE" }
    }
}

fn unknown(arn: &str) -> Refusal {
    Refusal::unknown(format!("Permission {arn} could not be found."))
}

impl World {
    /// AWS publishes a permission: a type's default or a further one. Every type starts with its default, whose name
    /// follows a rule and whose content is everything of the service \[X].
    pub fn publish_permission(&mut self, name: &str, resource_type: &str, is_type_default: bool) {
        let policy = json!({"Effect": "Allow", "Action": [format!("{}:*", resource_type.split(':').next().unwrap_or_default())]});
        let arn = format!("arn:aws:ram::aws:permission/{name}");
        let mut permission =
            Permission::new(arn, name, resource_type, PermissionKind::Aws, policy.to_string(), self.now);
        permission.is_type_default = is_type_default;
        self.ram.managed.insert(name.to_owned(), permission);
    }

    /// AWS publishes a new default version of one of its permissions; shares keep theirs.
    pub fn publish_permission_version(&mut self, name: &str) {
        let now = self.now;
        if let Some(permission) = self.ram.managed.get_mut(name) {
            let policy = permission
                .versions
                .get(&permission.default)
                .map(|found| found.policy.clone())
                .unwrap_or_default();
            permission.default += 1;
            permission.updated_at = now;
            permission
                .versions
                .insert(permission.default, Version { policy, created_at: now, deleting: false });
        }
    }

    pub(crate) fn publish_defaults(&mut self) {
        for kind in types::all() {
            self.publish_permission(&kind.default_permission(), kind.code, true);
        }
        self.publish_permission(
            "AWSRAMPermissionSageMakerPipelineAllowExecution",
            "sagemaker:Pipeline",
            false,
        );
        self.publish_permission(
            "AWSRAMPermissionResolverRuleReadOnly",
            "route53resolver:ResolverRule",
            false,
        );
    }

    /// A permission the caller can use: AWS managed (in its partition), or its own of this region.
    pub(crate) fn permission(&self, caller: &Caller, arn: &str) -> Result<Permission, Refusal> {
        let aws = format!("arn:{}:ram::aws:permission/", caller.partition());
        if let Some(name) = arn.strip_prefix(&aws) {
            let mut permission = self.ram.managed.get(name).ok_or_else(|| unknown(arn))?.clone();
            arn.clone_into(&mut permission.arn);
            return Ok(permission);
        }
        self.own_permission(caller, arn).cloned()
    }

    pub(super) fn own_permission(&self, caller: &Caller, arn: &str) -> Result<&Permission, Refusal> {
        check_own(caller, arn)?;
        let region = self.ram.regions.get(&caller.region);
        region.and_then(|region| region.permissions.get(arn)).ok_or_else(|| unknown(arn))
    }

    pub(super) fn own_permission_mut(
        &mut self,
        caller: &Caller,
        arn: &str,
    ) -> Result<&mut Permission, Refusal> {
        check_own(caller, arn)?;
        self.ram.region(&caller.region).permissions.get_mut(arn).ok_or_else(|| unknown(arn))
    }

    fn customer_permission_mut(&mut self, caller: &Caller, arn: &str) -> Result<&mut Permission, Refusal> {
        if arn.contains(":aws:permission/") {
            return Err(Refusal::not_permitted("An AWS managed permission can't be changed."));
        }
        let permission = self.own_permission_mut(caller, arn)?;
        if permission.feature_set != FeatureSet::Standard {
            return Err(Refusal::not_permitted(
                "A permission created from a policy can't be changed: promote it first.",
            ));
        }
        if permission.deleting { Err(unknown(arn)) } else { Ok(permission) }
    }

    pub(super) fn create_permission(
        &mut self,
        caller: &Caller,
        input: &PermissionInput,
    ) -> Result<Value, Refusal> {
        let permission =
            self.new_permission(caller, &input.name, &input.resource_type, &input.policy_template)?;
        let permission = Permission { tags: tag_map(&input.tags), ..permission };
        let answer = rows::permission(&permission, 1, permission.status());
        self.ram.region(&caller.region).permissions.insert(permission.arn.clone(), permission);
        Ok(json!({"permission": answer}))
    }

    /// Checks name, type, template and quotas of a customer managed permission to be made.
    pub(super) fn new_permission(
        &self,
        caller: &Caller,
        name: &str,
        resource_type: &str,
        template: &str,
    ) -> Result<Permission, Refusal> {
        let fits = name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        if name.is_empty() || name.len() > 36 || !fits {
            return Err(Refusal::parameter(
                "The name of a permission must have 1 to 36 characters of [A-Za-z0-9_.-].",
            ));
        }
        let kind = types::by_code(resource_type).filter(|kind| kind.code == resource_type);
        let kind =
            kind.ok_or_else(|| Refusal::parameter(format!("Resource type {resource_type} is not valid.")))?;
        if !kind.takes_customer_permissions() {
            return Err(Refusal::parameter(format!(
                "Resource type {resource_type} does not support customer managed permissions."
            )));
        }
        check_template(template)?;
        let own: Vec<&Permission> = self.customer_permissions(caller).collect();
        let arn =
            format!("arn:{}:ram:{}:{}:permission/{name}", caller.partition(), caller.region, caller.account);
        if own.iter().any(|found| found.arn == arn) {
            return Err(Refusal::new(
                409,
                "PermissionAlreadyExistsException",
                format!("Permission {arn} already exists."),
            ));
        }
        let of_type = own.iter().filter(|found| found.resource_type == resource_type).count();
        if own.len() >= self.settings.customer_permissions
            || of_type >= self.settings.customer_permissions_per_type
        {
            return Err(Refusal::client(
                "PermissionLimitExceededException",
                "You have reached the limit of customer managed permissions.",
            ));
        }
        Ok(Permission::new(arn, name, resource_type, PermissionKind::Customer, template.to_owned(), self.now))
    }

    /// The caller's own permissions in the region.
    pub(super) fn customer_permissions<'a>(
        &'a self,
        caller: &Caller,
    ) -> impl Iterator<Item = &'a Permission> + use<'a> {
        let prefix =
            format!("arn:{}:ram:{}:{}:permission/", caller.partition(), caller.region, caller.account);
        let permissions = self.ram.regions.get(&caller.region).map(|region| region.permissions.values());
        permissions.into_iter().flatten().filter(move |found| found.arn.starts_with(&prefix))
    }

    pub(super) fn create_permission_version(
        &mut self,
        caller: &Caller,
        input: &PermissionInput,
    ) -> Result<Value, Refusal> {
        check_template(&input.policy_template)?;
        let (now, most) = (self.now, self.settings.permission_versions);
        let permission = self.customer_permission_mut(caller, &input.permission_arn)?;
        if permission.versions.len() >= most {
            return Err(Refusal::client(
                "PermissionVersionsLimitExceededException",
                format!("A permission can have up to {most} versions."),
            ));
        }
        let number = permission.versions.keys().last().copied().unwrap_or_default() + 1;
        let version = Version { policy: input.policy_template.clone(), created_at: now, deleting: false };
        permission.versions.insert(number, version);
        permission.default = number;
        permission.updated_at = now;
        let permission = permission.clone();
        Ok(json!({"permission": detail(&permission, number)}))
    }

    pub(super) fn set_default_permission_version(
        &mut self,
        caller: &Caller,
        input: &PermissionInput,
    ) -> Result<Value, Refusal> {
        let now = self.now;
        let permission = self.customer_permission_mut(caller, &input.permission_arn)?;
        let number = input.permission_version.unwrap_or_default();
        if !permission.versions.contains_key(&number) {
            return Err(unknown(&format!("{} version {number}", input.permission_arn)));
        }
        permission.default = number;
        permission.updated_at = now;
        Ok(done())
    }

    pub(super) fn delete_permission(
        &mut self,
        caller: &Caller,
        input: &PermissionInput,
    ) -> Result<Value, Refusal> {
        let arn = &input.permission_arn;
        self.customer_permission_mut(caller, arn)?;
        if self.attached_versions(caller, arn).next().is_some() {
            return Err(Refusal::not_permitted("The permission is attached to a resource share."));
        }
        self.customer_permission_mut(caller, arn)?.deleting = true;
        Ok(self.deleting(caller, arn, None))
    }

    pub(super) fn delete_permission_version(
        &mut self,
        caller: &Caller,
        input: &PermissionInput,
    ) -> Result<Value, Refusal> {
        let (arn, number) = (&input.permission_arn, input.permission_version.unwrap_or_default());
        if self.attached_versions(caller, arn).any(|version| version == number) {
            return Err(Refusal::not_permitted("The permission version is attached to a resource share."));
        }
        let permission = self.customer_permission_mut(caller, arn)?;
        if permission.default == number {
            return Err(Refusal::not_permitted("The default version of a permission can't be deleted."));
        }
        let version = permission
            .versions
            .get_mut(&number)
            .ok_or_else(|| unknown(&format!("{arn} version {number}")))?;
        version.deleting = true;
        Ok(self.deleting(caller, arn, Some(number)))
    }

    fn deleting(&mut self, caller: &Caller, arn: &str, version: Option<u32>) -> Value {
        let lag = self.weather.lags.permission.sample(&mut self.rng);
        self.wake_at(Some(self.now + lag), Wake::Permission(caller.region.clone(), arn.to_owned(), version));
        json!({"returnValue": true, "permissionStatus": "DELETING"})
    }

    pub(crate) fn finish_deletion(&mut self, region: &str, arn: &str, version: Option<u32>) {
        let permissions = &mut self.ram.region(region).permissions;
        match (version, permissions.get_mut(arn)) {
            (Some(version), Some(permission)) => {
                permission.versions.remove(&version);
            }
            _ => {
                permissions.remove(arn);
            }
        }
    }

    fn attached_versions<'a>(&'a self, caller: &Caller, arn: &'a str) -> impl Iterator<Item = u32> + use<'a> {
        let states = self.owned(caller).map(|share| &share.state).filter(|state| !state.status.is_gone());
        states
            .flat_map(|state| state.permissions.values())
            .filter(move |attached| attached.arn == arn)
            .map(|attached| attached.version)
    }

    pub(super) fn permission_detail(&self, caller: &Caller, asked: &Listing) -> Result<Value, Refusal> {
        let arn = asked.permission_arn.as_deref().unwrap_or_default();
        let permission = self.permission(caller, arn)?;
        let version = asked.permission_version.unwrap_or(permission.default);
        if !permission.versions.contains_key(&version) {
            return Err(unknown(&format!("{arn} version {version}")));
        }
        Ok(json!({"permission": detail(&permission, version)}))
    }
}

/// ResourceSharePermissionDetail.
fn detail(permission: &Permission, version: u32) -> Value {
    let mut row = rows::permission(permission, version, permission.status());
    let policy = permission.versions.get(&version).map(|found| found.policy.clone());
    if let (Some(row), Some(policy)) = (row.as_object_mut(), policy) {
        row.insert("permission".to_owned(), Value::String(policy));
    }
    row
}

fn check_own(caller: &Caller, arn: &str) -> Result<(), Refusal> {
    let mut parts = arn.splitn(6, ':');
    let service = parts.nth(2);
    let (region, account, tail) = (parts.next(), parts.next(), parts.next());
    if service != Some("ram") || !tail.is_some_and(|tail| tail.starts_with("permission/")) {
        return Err(Refusal::malformed_arn(arn));
    }
    if region == Some(caller.region.as_str()) && account == Some(caller.account.as_str()) {
        Ok(())
    } else {
        Err(unknown(arn))
    }
}
