//! From a plan to its report: each change with what it replaces and what declares it.

use crate::{
    api::Reason,
    cli::plan::report::{
        Action, CellReport, ChangeReport, ContainerReport, RefusalReport, RefusalStanding, ShareReport,
        UndeclaredReport, Verb, WarningReport, What, Why,
    },
    controllers::account_region::gather::Gathered,
    model::{Principal, Side, Slot},
    plan::{
        change::{Change, ChangeKind, PermissionChange},
        desired::{Cause, Desired, DesiredContainer, DesiredShare, Refusal, Standing},
        observed::{Container, Listing},
        undeclared::Undeclared,
        view::{Plan, SlotView},
    },
};

/// What a plan rests on and says, of one cell.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    /// Step 1.
    pub(super) gathered: &'a Gathered,
    /// Step 2.
    pub(super) desired: &'a Desired,
    /// Step 3.
    pub(super) listing: &'a Listing,
    /// Step 4.
    pub(super) plan: &'a Plan,
}

/// A cell of which nothing is told yet.
pub(super) fn blank(gathered: &Gathered) -> CellReport {
    CellReport {
        account: gathered.cell.account.to_string(),
        account_name: gathered.account_name().map(str::to_owned),
        region: gathered.cell.region.to_string(),
        account_set: gathered.set.metadata.name.clone().unwrap_or_default(),
        unknown: None,
        shares: vec![],
        undeclared: vec![],
    }
}

impl Told<'_> {
    /// The cell's report. Undeclared containers with outsiders come first.
    pub(super) fn report(&self) -> CellReport {
        let mut undeclared: Vec<UndeclaredReport> = self.plan.undeclared.iter().map(undeclared).collect();
        undeclared.sort_by_key(|found| (found.external_principals.is_empty(), found.arn.clone()));
        CellReport {
            shares: self.desired.shares.values().map(|share| self.share(share)).collect(),
            undeclared,
            ..blank(self.gathered)
        }
    }

    fn share(&self, share: &DesiredShare) -> ShareReport {
        let views = self.plan.shares.get(&share.key).into_iter().flatten();
        let containers = views.filter_map(|(side, view)| {
            let want = share.containers.get(side)?;
            self.container(share, want, view)
        });
        ShareReport {
            namespace: share.key.namespace.clone(),
            name: share.key.name.clone(),
            containers: containers.collect(),
            refusals: refusals(share),
            warnings: warnings(share),
        }
    }

    fn container(
        &self,
        share: &DesiredShare,
        want: &DesiredContainer,
        view: &SlotView,
    ) -> Option<ContainerReport> {
        let found = view.container.as_ref().and_then(|id| self.listing.containers.get(id));
        if found.is_none() && view.is_settled() && view.changes().next().is_none() {
            return None;
        }
        let teller = Teller { told: self, share, want, found };
        let is = |kind: ChangeKind| view.allowed.iter().any(|change| change.kind == kind);
        Some(ContainerReport {
            side: want.slot.to_string(),
            arn: view.container.as_ref().map(ToString::to_string),
            name: found.map_or_else(|| want.name.clone(), |found| found.name.clone()),
            action: match view.allowed.as_slice() {
                [] => Action::Keep,
                _ if is(ChangeKind::Create) => Action::Make,
                _ if is(ChangeKind::Delete) => Action::Remove,
                _ => Action::Change,
            },
            changes: view.changes().flat_map(|(change, held)| teller.changes(change, held)).collect(),
            waits: view.waits.clone(),
        })
    }

    /// Why a change is held, in words.
    fn held(&self, share: &DesiredShare, reason: Reason) -> Why {
        let message = match reason {
            Reason::Halted => self.gathered.gate.halted.clone().unwrap_or_default(),
            Reason::Suspended if share.switches.suspend => "the Share says `suspend: true`".to_owned(),
            Reason::Suspended => "the AccountSet says `suspend: true`".to_owned(),
            Reason::ReportOnly if share.switches.report => "the Share says `enforcement: Report`".to_owned(),
            Reason::ReportOnly => "the AccountSet says `mode: Report`".to_owned(),
            Reason::AddOnly => "the AccountSet says `mode: AddOnly`, so nothing is removed".to_owned(),
            other => other.to_string(),
        };
        Why { reason: reason.to_string(), message }
    }
}

fn undeclared(found: &Undeclared) -> UndeclaredReport {
    let Container { id, name, principals, resources, .. } = &found.container;
    let live = principals.iter().filter(|(_, row)| row.state.may_grant());
    let (external, inside): (Vec<_>, Vec<_>) = live.partition(|(_, row)| row.external);
    let texts = |rows: Vec<(&Principal, _)>| rows.into_iter().map(|(p, _)| p.to_string()).collect();
    UndeclaredReport {
        arn: id.to_string(),
        name: name.clone(),
        why: found.why.as_str().to_owned(),
        origin: found.origin.as_ref().map(ToString::to_string),
        external_principals: texts(external),
        principals: texts(inside),
        resources: resources
            .iter()
            .filter(|(_, row)| row.state.may_grant())
            .map(|(r, _)| r.clone())
            .collect(),
    }
}

fn refusals(share: &DesiredShare) -> Vec<RefusalReport> {
    let refusal = |what: &str, standing: &Standing, refusal: &Refusal| RefusalReport {
        what: what.to_owned(),
        standing: match standing {
            Standing::Refused(Cause::Expired) => RefusalStanding::Ended,
            Standing::Held => RefusalStanding::Undecided,
            Standing::Refused(_) | Standing::Granted => RefusalStanding::Refused,
        },
        why: refusal.into(),
    };
    let whole = share.refusals.iter().map(|why| refusal("", &Standing::Refused(Cause::Edit), why));
    let resources = share.resources.iter();
    let resources = resources.filter_map(|(arn, r)| Some(refusal(arn, &r.standing, r.refusal.as_ref()?)));
    let targets = share.targets.iter();
    let targets = targets.filter_map(|t| Some(refusal(&t.declared_as, &t.standing, t.refusal.as_ref()?)));
    whole.chain(resources).chain(targets).collect()
}

fn warnings(share: &DesiredShare) -> Vec<WarningReport> {
    let of = share.resources.iter().filter_map(|(arn, resource)| Some((arn, resource.warning()?)));
    of.map(|(arn, message)| WarningReport { what: arn.clone(), message: message.to_owned() }).collect()
}

/// Tells the changes of one container.
struct Teller<'a> {
    told: &'a Told<'a>,
    share: &'a DesiredShare,
    want: &'a DesiredContainer,
    found: Option<&'a Container>,
}

impl Teller<'_> {
    /// A change, with all that comes and goes with the container where it is the container that comes or goes.
    fn changes(&self, change: &Change, held: Option<Reason>) -> Vec<ChangeReport> {
        let mut told = match &change.kind {
            ChangeKind::Create => self.creation(),
            ChangeKind::Delete => self.deletion(),
            ChangeKind::Mark => vec![plain(Verb::Set, What::Mark, self.share.key.to_string())],
            ChangeKind::AddPrincipal(p) => vec![self.principal(Verb::Add, p)],
            ChangeKind::RemovePrincipal(p) => vec![self.principal(Verb::Remove, p)],
            ChangeKind::AddResource(r) => vec![plain(Verb::Add, What::Resource, r)],
            ChangeKind::RemoveResource(r) => vec![plain(Verb::Remove, What::Resource, r)],
            ChangeKind::SetExternal(to) => vec![ChangeReport {
                before: Some((!to).to_string()),
                ..plain(Verb::Set, What::AllowExternalPrincipals, to.to_string())
            }],
            ChangeKind::Rename(to) => vec![ChangeReport {
                before: self.found.map(|found| found.name.clone()),
                ..plain(Verb::Set, What::Name, to)
            }],
            ChangeKind::SetPermission(to) => vec![self.permission(to)],
            ChangeKind::SetTag(key, value) => vec![self.tag(Verb::Set, key, value)],
            ChangeKind::RemoveTag(key) => {
                let value = self.found.and_then(|found| found.tags.get(key)).cloned().unwrap_or_default();
                vec![self.tag(Verb::Remove, key, &value)]
            }
        };
        for part in &mut told {
            part.because = because(change.cause);
            part.held = held.map(|reason| self.told.held(self.share, reason));
        }
        told
    }

    fn creation(&self) -> Vec<ChangeReport> {
        let principals = self.want.granted_principals().map(|p| self.principal(Verb::Add, p));
        let resources = self.want.granted_resources().map(|r| plain(Verb::Add, What::Resource, r));
        let permissions = self
            .want
            .permissions
            .iter()
            .map(|(t, wanted)| self.permission(&PermissionChange::to(t, Some(wanted))));
        let tags = self.want.tags.iter().map(|(key, value)| self.tag(Verb::Add, key, value));
        let container = plain(Verb::Add, What::Container, &self.want.name);
        std::iter::once(container).chain(principals).chain(resources).chain(permissions).chain(tags).collect()
    }

    fn deletion(&self) -> Vec<ChangeReport> {
        let Some(found) = self.found else { return vec![] };
        let live = found.principals.iter().filter(|(_, row)| row.state.may_grant());
        let principals = live.map(|(p, _)| self.principal(Verb::Remove, p));
        let live = found.resources.iter().filter(|(_, row)| row.state.may_grant());
        let resources = live.map(|(r, _)| plain(Verb::Remove, What::Resource, r));
        let container = plain(Verb::Remove, What::Container, &found.name);
        std::iter::once(container).chain(principals).chain(resources).collect()
    }

    fn principal(&self, verb: Verb, principal: &Principal) -> ChangeReport {
        let mut targets = self.share.targets.iter();
        let target = targets.find(|t| self.may_hold(t.side) && t.principal.as_ref() == Some(principal));
        let outside = target.map_or(self.want.slot == Slot::Outer, |target| target.side == Side::Outer);
        let row = self.found.and_then(|found| found.principals.get(principal));
        ChangeReport {
            declared_as: target.map(|t| t.declared_as.clone()).or_else(|| self.name_of(principal)),
            until: target.and_then(|t| t.until).filter(|_| verb == Verb::Add).map(|until| until.to_string()),
            external: row.map_or(outside, |row| row.external),
            ..plain(verb, What::Principal, principal.to_string())
        }
    }

    /// Whether targets of a side are in this container: an object holds those of both.
    fn may_hold(&self, side: Side) -> bool {
        self.want.slot.object().is_some() || Slot::from(side) == self.want.slot
    }

    fn name_of(&self, principal: &Principal) -> Option<String> {
        let organization = self.told.gathered.organization.as_names();
        let tree = organization.tree()?;
        match principal {
            Principal::Account(id) => tree.accounts.get(id).map(|account| account.name.clone()),
            Principal::OrganizationalUnit(_) => {
                let unit = tree.organizational_units.get(principal.organization_entity()?)?;
                Some(unit.name.clone())
            }
            _ => None,
        }
    }

    fn permission(&self, to: &PermissionChange) -> ChangeReport {
        let version = to.version.as_ref().map(|version| format!(" version {version}")).unwrap_or_default();
        let value =
            to.arn.as_ref().map_or_else(|| "the type's default".to_owned(), |arn| format!("{arn}{version}"));
        let attached = self.found.and_then(|found| found.permissions.get(&to.resource_type));
        ChangeReport {
            of: Some(to.resource_type.clone()),
            before: attached.map(|attached| format!("{} version {}", attached.arn, attached.version)),
            ..plain(Verb::Set, What::Permission, value)
        }
    }

    fn tag(&self, verb: Verb, key: &str, value: &str) -> ChangeReport {
        let before = self.found.and_then(|found| found.tags.get(key)).filter(|_| verb == Verb::Set).cloned();
        let verb = if verb == Verb::Set && before.is_none() { Verb::Add } else { verb };
        ChangeReport { of: Some(key.to_owned()), before, ..plain(verb, What::Tag, value) }
    }
}

fn plain(verb: Verb, what: What, value: impl Into<String>) -> ChangeReport {
    ChangeReport {
        verb,
        what,
        value: value.into(),
        of: None,
        before: None,
        declared_as: None,
        until: None,
        external: false,
        because: None,
        held: None,
    }
}

fn because(cause: Cause) -> Option<&'static str> {
    match cause {
        Cause::Policy => Some("policy"),
        Cause::Expired => Some("expired"),
        Cause::Tree => Some("tree"),
        Cause::Undeclared => Some("undeclared"),
        Cause::Claim => Some("claim"),
        // Without a record of what was carried out before, an edit and a drift are one.
        Cause::Edit | Cause::Drift | Cause::Found | Cause::Deletion => None,
    }
}
