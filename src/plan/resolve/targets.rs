//! Each declared target: what it means in AWS, and whether it is granted, held or refused.

use std::collections::BTreeMap;

use super::{Facts, containers::permission_for, tree_unknown, undecided};
use crate::{
    api::{Pin, PinKind, Reason, Share, share},
    model::{AccountId, Arn, Principal, ResourceType, Side, Timestamp},
    plan::{
        desired::{Cause, Refusal, Resource, Standing, Target},
        names::{self, Meaning, Organization},
        policy::{Policies, Question, Term},
    },
};

/// A principal, or why there is none; with the pin to keep, where it was named.
struct Meant {
    principal: Option<Principal>,
    /// Why it is not granted as it stands.
    doubt: Option<(Standing, Refusal)>,
    pin: Option<Pin>,
}

impl Meant {
    fn principal(principal: Principal) -> Self {
        Self { principal: Some(principal), doubt: None, pin: None }
    }

    fn refused(cause: Cause, refusal: Refusal) -> Self {
        Self { principal: None, doubt: Some((Standing::Refused(cause), refusal)), pin: None }
    }

    fn held(refusal: Refusal) -> Self {
        Self { principal: None, doubt: Some((Standing::Held, refusal)), pin: None }
    }

    fn doubted(self, standing: Standing, refusal: Refusal) -> Self {
        Self { doubt: self.doubt.or(Some((standing, refusal))), ..self }
    }
}

/// Resolves the targets of a Share, in the order of its spec.
pub(super) fn targets(
    facts: &Facts<'_>,
    share: &Share,
    resources: &BTreeMap<String, Resource>,
    policies: &Policies<'_>,
) -> Vec<Target> {
    let resolver = Resolver { facts, share, resources, policies };
    share.spec.targets.iter().map(|target| resolver.target(target)).collect()
}

struct Resolver<'a> {
    facts: &'a Facts<'a>,
    share: &'a Share,
    resources: &'a BTreeMap<String, Resource>,
    policies: &'a Policies<'a>,
}

impl Resolver<'_> {
    fn target(&self, declared: &share::Target) -> Target {
        let outside = declared.external_account.is_some() || declared.external_role.is_some();
        let meant = self.meaning(declared);
        let declared_at = outside.then(|| self.declared_at(meant.principal.as_ref()));
        let term = declared.until.as_ref().zip(declared_at).map(|(until, declared_at)| Term {
            until: until.0,
            declared_at,
            now: self.facts.now,
        });
        let (standing, refusal) = self.standing(declared, &meant, outside, term);
        Target {
            declared_as: describe(declared),
            side: if outside { Side::Outer } else { Side::Inner },
            principal: meant.principal,
            standing,
            refusal,
            until: declared.until.as_ref().map(|until| until.0),
            declared_at,
            reason: declared.reason.clone(),
            pin: meant.pin,
        }
    }

    /// Ended first, then what policy takes away, then what cannot be decided now: a hold keeps nothing open.
    fn standing(
        &self,
        declared: &share::Target,
        meant: &Meant,
        outside: bool,
        term: Option<Term>,
    ) -> (Standing, Option<Refusal>) {
        let until = declared.until.as_ref().map(|until| until.0);
        if let Some(until) = until.filter(|until| *until <= self.facts.now) {
            let message = format!("access ended on {until}; remove the target or agree on a later `until`");
            return (Standing::Refused(Cause::Expired), Some(Refusal::new(Reason::Expired, message)));
        }
        if outside && (term.is_none() || !self.share.spec.allow_external) {
            let message = "a target outside the organization needs `until`, `reason` and the Share's `allowExternal: true`";
            return (Standing::Refused(Cause::Policy), Some(Refusal::new(Reason::NotPermitted, message)));
        }
        let refused = meant.principal.as_ref().and_then(|principal| self.refusal(principal, outside, term));
        let refused = refused.or_else(|| self.nothing_allowed());
        match (&meant.doubt, refused) {
            (Some((standing @ Standing::Refused(_), refusal)), _) => {
                (standing.clone(), Some(refusal.clone()))
            }
            (_, Some((cause, refusal))) => undecided(self.facts, cause, refusal),
            (Some((standing, refusal)), None) => (standing.clone(), Some(refusal.clone())),
            (None, None) if self.nothing_shared() => (Standing::Held, Some(nothing_to_share())),
            (None, None) => (Standing::Granted, None),
        }
    }

    /// What the types of the shared resources or the policies say against a principal.
    fn refusal(&self, principal: &Principal, outside: bool, term: Option<Term>) -> Option<(Cause, Refusal)> {
        let shared = self.resources.iter().filter(|(_, r)| !matches!(r.standing, Standing::Refused(_)));
        shared.filter_map(|(arn, r)| Some((arn.parse::<Arn>().ok()?, r.resource_type))).find_map(
            |(resource, name)| {
                let known = name.and_then(ResourceType::named);
                if let Some(refusal) = known.and_then(|known| unsupported(principal, outside, known)) {
                    return Some((Cause::Edit, refusal));
                }
                let named = known.and_then(|known| self.permission(known));
                let question = Question {
                    resource: &resource,
                    resource_type: known,
                    permission: named,
                    principal,
                    outside: term.filter(|_| outside),
                    targets: self.share.spec.targets.len(),
                };
                self.policies.allow(&question).err().map(|refusal| (Cause::Policy, refusal))
            },
        )
    }

    /// What a resource's type is shared under, where it is not the type's default.
    fn permission(&self, known: ResourceType) -> Option<&str> {
        match known.object {
            None => permission_for(self.share, known.name).map(|choice| choice.permission.as_str()),
            Some(_) => Some(self.share.spec.access.as_str()),
        }
    }

    /// A policy allows a target together with a resource: where it allows none of them, it allows nobody either.
    fn nothing_allowed(&self) -> Option<(Cause, Refusal)> {
        let refused = self.resources.values().find(|r| r.standing == Standing::Refused(Cause::Policy));
        let refusal = refused.filter(|_| self.nothing_shared())?.refusal.clone()?;
        Some((Cause::Policy, refusal))
    }

    fn nothing_shared(&self) -> bool {
        self.resources.values().all(|r| matches!(r.standing, Standing::Refused(_)))
    }

    fn declared_at(&self, principal: Option<&Principal>) -> Timestamp {
        let id = principal.map(ToString::to_string).unwrap_or_default();
        let mut records = self.share.status.iter().flat_map(|status| &status.outside);
        records.find(|record| record.id == id).map_or(self.facts.now, |record| record.declared_at.0)
    }

    fn meaning(&self, declared: &share::Target) -> Meant {
        if declared.organization == Some(true) {
            return self.open_ended(self.whole_organization());
        }
        if let Some(unit) = &declared.organizational_unit {
            return self.open_ended(self.unit(unit));
        }
        if let Some(account) = &declared.account {
            return self.account(account);
        }
        if let Some(role) = &declared.role {
            return self.identity(role, true);
        }
        if let Some(service) = &declared.service {
            return Meant::principal(Principal::Service(service.clone()));
        }
        if let Some(account) = &declared.external_account {
            return self.outsider(Principal::parse(account));
        }
        if let Some(role) = &declared.external_role {
            return self.identity(role, false);
        }
        let message = "the target names nobody; name exactly one of organization, organizationalUnit, account, role, service, externalAccount, externalRole";
        Meant::refused(Cause::Edit, Refusal::new(Reason::InvalidRequest, message))
    }

    fn whole_organization(&self) -> Meant {
        match self.facts.organization {
            Organization::Known { tree, .. } => Meant::principal(tree.as_principal()),
            Organization::Unknown => Meant::held(tree_unknown()),
            Organization::None => Meant::refused(Cause::Tree, no_organization()),
        }
    }

    fn unit(&self, declared: &str) -> Meant {
        let meaning = names::unit(&self.facts.organization, declared, self.pins());
        self.named(PinKind::OrganizationalUnit, declared, meaning, |id| {
            names::unit_principal(&self.facts.organization, id)
        })
    }

    fn account(&self, declared: &str) -> Meant {
        let meaning = names::account(&self.facts.organization, declared, self.pins());
        let meant =
            self.named(PinKind::Account, declared, meaning, |id| id.parse().ok().map(Principal::Account));
        self.inside(meant, declared)
    }

    fn pins(&self) -> &[Pin] {
        self.share.status.as_ref().map(|status| status.pins.as_slice()).unwrap_or_default()
    }

    fn named(
        &self,
        kind: PinKind,
        declared: &str,
        meaning: Meaning,
        principal: impl Fn(&str) -> Option<Principal>,
    ) -> Meant {
        let is_name = !(declared.starts_with("ou-") || declared.parse::<AccountId>().is_ok());
        let pin =
            |id: &str| is_name.then(|| Pin { kind, declared_as: declared.to_owned(), id: id.to_owned() });
        match meaning {
            Meaning::Id(id) => Meant { principal: principal(&id), doubt: None, pin: pin(&id) },
            Meaning::Held(id, refusal) => {
                Meant { principal: principal(&id), doubt: Some((Standing::Held, refusal)), pin: pin(&id) }
            }
            Meaning::Gone(refusal) => Meant::refused(Cause::Tree, refusal),
            Meaning::Refused(refusal) => Meant::refused(self.cause_of_unnamed(), refusal),
            Meaning::Undecided(refusal) => {
                let pin =
                    self.pins().iter().find(|pin| pin.kind == kind && pin.declared_as == declared).cloned();
                let principal =
                    pin.as_ref().filter(|_| kind == PinKind::Account).and_then(|pin| principal(&pin.id));
                Meant { principal, doubt: Some((Standing::Held, refusal)), pin }
            }
        }
    }

    /// A set that names no organization leaves names without a meaning; otherwise the Share's author wrote one.
    fn cause_of_unnamed(&self) -> Cause {
        match self.facts.organization {
            Organization::None => Cause::Tree,
            Organization::Unknown | Organization::Known { .. } => Cause::Edit,
        }
    }

    /// An account inside the organization; the own account is always inside.
    fn inside(&self, meant: Meant, declared: &str) -> Meant {
        let Some(account) = meant.principal.as_ref().and_then(Principal::account) else { return meant };
        match names::is_inside(&self.facts.organization, &account, &self.facts.cell.account) {
            Some(true) if account == self.facts.cell.account => meant,
            Some(true) => self.open_ended(meant),
            Some(false) => {
                let message = format!(
                    "{declared} is not in the organization; declare it as `externalAccount` or `externalRole` with `until` and `reason`, or remove it"
                );
                meant.doubted(Standing::Refused(Cause::Tree), Refusal::new(Reason::WrongSide, message))
            }
            None => meant.doubted(Standing::Held, tree_unknown()),
        }
    }

    fn outsider(&self, principal: Principal) -> Meant {
        let account = principal.account();
        let meant = Meant::principal(principal);
        let Some(account) = account else {
            let refusal = Refusal::new(
                Reason::InvalidRequest,
                "the outside target is neither an account nor a role or user; correct it",
            );
            return meant.doubted(Standing::Refused(Cause::Edit), refusal);
        };
        match names::is_inside(&self.facts.organization, &account, &self.facts.cell.account) {
            Some(false) => meant,
            Some(true) => {
                let message =
                    format!("account {account} is in the organization; declare it as `account` or `role`");
                meant.doubted(Standing::Refused(Cause::Tree), Refusal::new(Reason::WrongSide, message))
            }
            None => meant.doubted(Standing::Held, tree_unknown()),
        }
    }

    fn identity(&self, declared: &str, inside: bool) -> Meant {
        let principal = Principal::parse(declared);
        if !matches!(principal, Principal::Role(_) | Principal::User(_)) {
            let message = format!("{declared} is not the ARN of an IAM role or user; correct it");
            return Meant::refused(Cause::Edit, Refusal::new(Reason::InvalidRequest, message));
        }
        if inside { self.inside(Meant::principal(principal), declared) } else { self.outsider(principal) }
    }

    /// Whether anything that is declared is shared by RAM, or perhaps is.
    fn needs_ram(&self) -> bool {
        let of_ram = |name: &str| ResourceType::named(name).is_none_or(|known| known.object.is_none());
        self.resources.values().any(|resource| resource.resource_type.is_none_or(of_ram))
    }

    /// What rests on membership is neither widened on a stale tree nor sent while RAM may not share with the organization.
    fn open_ended(&self, meant: Meant) -> Meant {
        let Organization::Known { tree, current, sharing, at } = self.facts.organization else {
            return meant;
        };
        if !current {
            let message = format!(
                "the organization's tree was last read whole at {at}, which is too long ago to widen access by it; see the Organization's status"
            );
            return meant.doubted(Standing::Held, Refusal::new(Reason::TreeStale, message));
        }
        if sharing == Some(false) && self.needs_ram() {
            let message = format!(
                "AWS RAM may not share with the organization yet; run `aws ram enable-sharing-with-aws-organization` in the management account {}",
                tree.management_account
            );
            return meant.doubted(Standing::Held, Refusal::new(Reason::OrgSharingNotEnabled, message));
        }
        meant
    }
}

fn unsupported(principal: &Principal, outside: bool, resource_type: ResourceType) -> Option<Refusal> {
    let message = match principal {
        _ if outside && !resource_type.external => {
            return Some(Refusal::new(
                Reason::TypeUnsupported,
                format!(
                    "{resource_type} can only be shared within the organization; remove the outside target, or share it another way"
                ),
            ));
        }
        Principal::Role(_) | Principal::User(_) if !resource_type.iam => "roles or users; use the account",
        Principal::Service(_) if !resource_type.service_principals => {
            "service principals; use an account, unit or the organization"
        }
        _ => return None,
    };
    Some(Refusal::new(Reason::TargetUnsupported, format!("{resource_type} cannot be shared with {message}")))
}

fn nothing_to_share() -> Refusal {
    Refusal::new(
        Reason::Waiting,
        "none of the resources can be shared, so nobody is let in; correct `resources`",
    )
}

fn no_organization() -> Refusal {
    Refusal::new(
        Reason::NameUnknown,
        "the governing AccountSet names no Organization, so there is none to share with; ask the platform team to set `organization`",
    )
}

/// A target as its spec writes it, for status and messages.
pub(super) fn describe(target: &share::Target) -> String {
    let named = [
        ("organizationalUnit", &target.organizational_unit),
        ("account", &target.account),
        ("role", &target.role),
        ("service", &target.service),
        ("externalAccount", &target.external_account),
        ("externalRole", &target.external_role),
    ];
    let named =
        named.into_iter().find_map(|(kind, value)| value.as_ref().map(|value| format!("{kind}: {value}")));
    named.unwrap_or_else(|| "organization: true".to_owned())
}
