//! What may be shared with whom: SharingPolicies, evaluated with the real tree. Pure; default is deny.

use std::collections::BTreeSet;

use crate::{
    api::{PrincipalKind, Reason, SharingPolicy, duration, share::AccessLevel},
    model::{AccountId, Arn, Principal, ResourceType, Timestamp},
    plan::{
        desired::Refusal,
        names::{self, Meaning, Organization},
    },
};

/// A question to the policies: may this resource be shared with this target?
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The resource.
    pub resource: &'a Arn,
    /// Its type; none where this version does not know it.
    pub resource_type: Option<ResourceType>,
    /// The name of the permission that the Share names for the type; none for the type's default.
    pub permission: Option<&'a str>,
    /// Whom to share with.
    pub principal: &'a Principal,
    /// For targets outside: when the access ends and when it was first declared.
    pub outside: Option<Term>,
    /// How many targets the Share declares.
    pub targets: usize,
}

/// The time that an outside target's access lasts.
#[derive(Clone, Copy, Debug)]
pub struct Term {
    /// `until`.
    pub until: Timestamp,
    /// When it was first declared.
    pub declared_at: Timestamp,
    /// Now.
    pub now: Timestamp,
}

/// The policies that speak of one namespace and one owner account, with their names resolved.
#[derive(Debug)]
pub struct Policies<'a> {
    organization: Organization<'a>,
    owner: AccountId,
    speaking: Vec<Resolved<'a>>,
}

#[derive(Debug)]
struct Resolved<'a> {
    policy: &'a SharingPolicy,
    units: BTreeSet<String>,
    accounts: BTreeSet<AccountId>,
}

impl<'a> Policies<'a> {
    /// Those of `policies` that speak of Shares in `namespace` over resources of `owner`, which `set` governs.
    pub fn of(
        policies: impl IntoIterator<Item = &'a SharingPolicy>,
        namespace: &str,
        owner: &AccountId,
        set: &str,
        organization: Organization<'a>,
    ) -> Self {
        let addressed = policies.into_iter().filter(|p| p.spec.namespaces.iter().any(|n| n == namespace));
        let owning = addressed.filter(|p| owns(p, owner, set, &organization));
        let speaking = owning.map(|policy| Resolved::of(policy, &organization)).collect();
        Self { organization, owner: owner.clone(), speaking }
    }

    /// Whether some policy lets Shares leave their grants behind when they are deleted.
    pub fn allow_orphan(&self) -> bool {
        self.speaking.iter().any(|p| p.policy.spec.allow.orphan)
    }

    /// Whether some policy allows the type of a resource, and the resource, to somebody.
    pub fn allow_resource(&self, resource: &Arn, resource_type: Option<ResourceType>) -> Result<(), Refusal> {
        if self.speaking.is_empty() {
            return Err(self.no_policy());
        }
        let allowed = self.speaking.iter().any(|p| p.allows_resource(resource, resource_type));
        allowed.then_some(()).ok_or_else(|| not_allowed(resource, resource_type))
    }

    /// Whether any one policy allows it all: resource, target and permission together.
    pub fn allow(&self, question: &Question<'_>) -> Result<(), Refusal> {
        if self.speaking.is_empty() {
            return Err(self.no_policy());
        }
        let mut refusals = vec![];
        for policy in &self.speaking {
            match policy.refuses(question, &self.organization, &self.owner) {
                None => return Ok(()),
                Some(because) => refusals.push(format!("{} {because}", policy.name())),
            }
        }
        let what = question.resource_type.map_or_else(|| question.resource.as_str(), |known| known.name);
        let message = format!(
            "{what} may not be shared with {}: {}; ask the security team, or remove the target",
            question.principal,
            refusals.join("; ")
        );
        Err(Refusal::new(Reason::NotPermitted, message))
    }

    fn no_policy(&self) -> Refusal {
        let message = format!(
            "no SharingPolicy speaks of this namespace and resources of account {}; ask the security team for one",
            self.owner
        );
        Refusal::new(Reason::NoPolicy, message)
    }
}

fn not_allowed(resource: &Arn, resource_type: Option<ResourceType>) -> Refusal {
    let Some(known) = resource_type else {
        let service = resource.service();
        let message = format!(
            "this version knows no type of {resource}, so it is shared only where a SharingPolicy names it in `resources` and, in `resourceTypes`, a type of {service} that this version cannot tell from ARNs; ask the security team, or remove the resource"
        );
        return Refusal::new(Reason::TypeUnknown, message);
    };
    let message = format!(
        "no SharingPolicy for this namespace allows {known} {resource}; ask the security team, or remove the resource"
    );
    Refusal::new(Reason::NotPermitted, message)
}

fn owns(policy: &SharingPolicy, owner: &AccountId, set: &str, organization: &Organization<'_>) -> bool {
    let owners = &policy.spec.owners;
    let (units, accounts) = resolved(policy, &owners.organizational_units, &owners.accounts, organization);
    let within = |unit: &String| organization.tree().is_some_and(|tree| tree.is_within(owner.as_str(), unit));
    owners.account_sets.iter().any(|name| name == set) || accounts.contains(owner) || units.iter().any(within)
}

/// The ids of units and accounts that a policy names; a name without a meaning allows nothing.
fn resolved(
    policy: &SharingPolicy,
    units: &[String],
    accounts: &[String],
    organization: &Organization<'_>,
) -> (BTreeSet<String>, BTreeSet<AccountId>) {
    let pins = policy.status.as_ref().map(|status| status.pins.as_slice()).unwrap_or_default();
    let id = |meaning: Meaning| match meaning {
        // Held: the policy goes on to mean what it meant when the security team wrote it.
        Meaning::Id(id) | Meaning::Held(id, _) => Some(id),
        Meaning::Gone(_) | Meaning::Refused(_) | Meaning::Undecided(_) => None,
    };
    let units = units.iter().filter_map(|unit| id(names::unit(organization, unit, pins))).collect();
    let accounts =
        accounts.iter().filter_map(|a| id(names::account(organization, a, pins))?.parse().ok()).collect();
    (units, accounts)
}

impl<'a> Resolved<'a> {
    fn of(policy: &'a SharingPolicy, organization: &Organization<'_>) -> Self {
        let allow = &policy.spec.allow;
        let (units, accounts) = resolved(policy, &allow.organizational_units, &allow.accounts, organization);
        Self { policy, units, accounts }
    }

    fn name(&self) -> &str {
        self.policy.metadata.name.as_deref().unwrap_or_default()
    }

    /// What this version does not know must be named by whoever is to answer for it: a type that it may be, and the resource.
    fn allows_resource(&self, resource: &Arn, resource_type: Option<ResourceType>) -> bool {
        let allow = &self.policy.spec.allow;
        let mut types = allow.resource_types.iter();
        let mut patterns = allow.resources.iter().filter(|pattern| matches_arn(pattern, resource));
        match resource_type {
            Some(known) => {
                types.any(|t| known.is_called(t)) && (allow.resources.is_empty() || patterns.next().is_some())
            }
            None => types.any(|t| ResourceType::may_be(t, resource)) && patterns.any(|p| names_a_kind(p)),
        }
    }

    /// Why this policy does not allow it, in words; none where it does.
    fn refuses(
        &self,
        question: &Question<'_>,
        organization: &Organization<'_>,
        owner: &AccountId,
    ) -> Option<String> {
        if !self.allows_resource(question.resource, question.resource_type) {
            return Some(format!("does not allow {}", question.resource));
        }
        let limit = self.policy.spec.limits.as_ref().and_then(|limits| limits.targets_per_share);
        if limit.is_some_and(|most| usize::try_from(most).is_ok_and(|most| question.targets > most)) {
            return Some(format!("allows at most {} targets a Share", limit.unwrap_or_default()));
        }
        let permission = question.permission.filter(|name| !self.allows_permission(name));
        if let Some(name) = permission {
            return Some(format!("does not allow permission {name}"));
        }
        match question.outside {
            Some(term) => self.refuses_outside(question.principal, term),
            None => self.refuses_inside(question.principal, organization, owner),
        }
    }

    /// A type's default permission and read access need no mention (api.md).
    fn allows_permission(&self, name: &str) -> bool {
        let named = |allowed: &String| match (managed_name(allowed), managed_name(name)) {
            (Some(allowed), Some(name)) => allowed == name,
            _ => allowed == name,
        };
        if let Some(level) = AccessLevel::parse(name) {
            return level == AccessLevel::Read || self.policy.spec.allow.access.contains(&level);
        }
        managed_name(name).is_some_and(is_default_or_read)
            || self.policy.spec.allow.permissions.iter().any(named)
    }

    fn refuses_outside(&self, principal: &Principal, term: Term) -> Option<String> {
        let Some(external) = &self.policy.spec.allow.external else {
            return Some("allows nothing outside the organization".to_owned());
        };
        if let Some(kind) = self.lacks_kind(principal) {
            return Some(kind);
        }
        let listed = principal.account().is_some_and(|id| external.accounts.iter().any(|a| a == id.as_str()));
        if !listed {
            return Some(format!("does not allow {principal} outside the organization"));
        }
        let from = if external.renewable { term.now } else { term.declared_at };
        let longest = duration::parse(&external.max_duration).unwrap_or_default().as_secs();
        let lasts = term.until.as_second().saturating_sub(from.as_second());
        (lasts > i64::try_from(longest).unwrap_or(i64::MAX)).then(|| {
            format!(
                "allows {} at most, counted from {from}; `until` is {}",
                external.max_duration, term.until
            )
        })
    }

    fn refuses_inside(
        &self,
        principal: &Principal,
        organization: &Organization<'_>,
        owner: &AccountId,
    ) -> Option<String> {
        let allow = &self.policy.spec.allow;
        if let Some(kind) = self.lacks_kind(principal) {
            return Some(kind);
        }
        let within = |entity: &str| {
            organization.tree().is_some_and(|tree| self.units.iter().any(|unit| tree.is_within(entity, unit)))
        };
        let allowed = match principal {
            Principal::Organization(_) => allow.organization,
            Principal::OrganizationalUnit(_) => {
                allow.organization || principal.organization_entity().is_some_and(within)
            }
            Principal::Account(_) | Principal::Role(_) | Principal::User(_) => {
                principal.account().is_some_and(|account| {
                    allow.organization
                        || account == *owner
                        || self.accounts.contains(&account)
                        || within(account.as_str())
                })
            }
            Principal::Service(_) => true,
            Principal::Other(_) => false,
        };
        (!allowed).then(|| "does not allow this target".to_owned())
    }

    fn lacks_kind(&self, principal: &Principal) -> Option<String> {
        let (kind, word) = match principal {
            Principal::Role(_) => (PrincipalKind::Role, "roles"),
            Principal::User(_) => (PrincipalKind::User, "users"),
            Principal::Service(_) => (PrincipalKind::Service, "services"),
            Principal::Account(_)
            | Principal::Organization(_)
            | Principal::OrganizationalUnit(_)
            | Principal::Other(_) => {
                return None;
            }
        };
        (!self.policy.spec.allow.principals.contains(&kind)).then(|| format!("does not allow {word}"))
    }
}

/// Whether a permission is an account's own.
pub fn is_customer_managed(permission: &str) -> bool {
    managed_name(permission).is_none()
}

/// The name of an AWS managed permission, given by its name or its ARN; none for a customer managed one.
fn managed_name(permission: &str) -> Option<&str> {
    if !permission.starts_with("arn:") {
        return Some(permission);
    }
    let arn: Arn = permission.parse().ok()?;
    let managed = arn.service() == "ram" && arn.region().is_empty() && arn.account() == "aws";
    managed.then(|| permission.splitn(6, ':').last()?.strip_prefix("permission/")).flatten()
}

fn is_default_or_read(name: &str) -> bool {
    let read = ["ReadAccess", "ReadOnly", "ReadOnlyAccess"].iter().any(|end| name.ends_with(end));
    name.starts_with("AWSRAMDefaultPermission") || name.starts_with("AWSRAM") && read
}

/// Whether an ARN matches a pattern field by field, so that a wildcard never reaches into the account.
fn matches_arn(pattern: &str, arn: &Arn) -> bool {
    let fields: Vec<&str> = pattern.splitn(6, ':').collect();
    let of_arn = arn.as_str().splitn(6, ':');
    fields.len() == 6 && fields.into_iter().zip(of_arn).all(|(pattern, field)| matches(pattern, field))
}

/// Whether an ARN pattern says of what kind of which service it speaks: no wildcard stands before the id.
fn names_a_kind(pattern: &str) -> bool {
    let fields: Vec<&str> = pattern.splitn(6, ':').collect();
    let [_, _, service, _, _, resource] = fields[..] else { return false };
    let kind = resource.trim_start_matches('/').split(['/', ':']).next().unwrap_or_default();
    !kind.is_empty() && !service.contains(['*', '?']) && !kind.contains(['*', '?'])
}

/// Whether a text matches a pattern in which `*` stands for any run of characters and `?` for any one. Where it does
/// not go on, the last `*` takes one character more: never more steps than pattern times text.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut last_star = None;
    loop {
        let (mut next_pattern, mut next_text) = (pattern.clone(), text.clone());
        match (next_pattern.next(), next_text.next()) {
            (Some('*'), _) => {
                last_star = Some((next_pattern.clone(), text.clone()));
                pattern = next_pattern;
            }
            (None, None) => return true,
            (Some(token), Some(read)) if token == '?' || token == read => {
                (pattern, text) = (next_pattern, next_text);
            }
            _ => {
                let Some((after, mut taken)) = last_star else { return false };
                if taken.next().is_none() {
                    return false;
                }
                (pattern, text) = (after.clone(), taken.clone());
                last_star = Some((after, taken));
            }
        }
    }
}

#[cfg(test)]
mod tests;
