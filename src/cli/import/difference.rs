//! What would differ once a share is adopted, as the controller's own planner says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kube::core::DeserializeGuard;

use crate::{
    api::{
        Share, SharingPolicy,
        share::ShareResource,
        sharing_policy::{Allow, External, Owners, PrincipalKind, SharingPolicySpec},
        undeclared_share::{Decision, Why},
    },
    cli::governed::FirstLook,
    controllers::{account_region::gather::Gathered, context::OrganizationView},
    kube::watched::Guarded,
    mechanism::plan::mark,
    model::{Arn, ResourceType, Side},
    plan::{
        change::ChangeKind,
        desired::{Desired, DesiredShare},
        observed::{Container, ContainerState, Listing},
        record::{Record, Records},
        report::describe,
        resolve::{Departure, key_of},
        undeclared::evidence,
    },
};

/// Longer than anything is declared for.
const FOR_EVER: &str = "99999d";

/// What a person has to know before a Share takes a share over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Forecast {
    /// What keeps it from being taken over at all.
    pub(super) refusals: Vec<String>,
    /// What is not as it was afterwards.
    pub(super) changes: Vec<String>,
}

/// Foretells what becomes of `container` if `share` is applied and consented to.
pub(super) fn forecast(container: &Container, share: &Share, gathered: &Gathered) -> Forecast {
    let mut forecast = Forecast::default();
    if !container.state.is_writable() {
        let words = container.message.as_deref().map(|words| format!(" ({words})")).unwrap_or_default();
        let message =
            format!("AWS says that it is {}{words}: it is left alone until it is ACTIVE", container.state);
        forecast.refusals.push(message);
    }
    let permissive = vec![Arc::new(DeserializeGuard(Ok(permissive(share, gathered))))];
    let supposed = supposed(share, gathered, permissive, Records::new());
    let desired = supposed.resolve();
    let Some(resolved) = desired.shares.get(&key_of(share)) else { return forecast };
    forecast.changes = changes(container, resolved, &desired, &supposed);
    let targets = resolved.targets.iter().filter_map(|target| target.refusal.as_ref());
    let resources = resolved.resources.values().filter_map(|resource| resource.refusal.as_ref());
    let in_itself: BTreeSet<String> = targets.chain(resources).map(|why| why.message.clone()).collect();
    forecast.refusals.extend(in_itself);
    // What no policy could allow says more than that none does.
    let refusal = refusal(container, share, &supposed).or_else(|| {
        let as_it_is = self::supposed(share, gathered, gathered.policies.clone(), Records::new());
        refusal(container, share, &as_it_is)
    });
    forecast.refusals.extend(refusal);
    forecast
}

/// The changes beside the mark once the container is the Share's.
fn changes(
    container: &Container,
    resolved: &DesiredShare,
    desired: &Desired,
    gathered: &Gathered,
) -> Vec<String> {
    let side = resolved.adopt.as_ref().map_or(Side::Inner, |adopt| adopt.side);
    let mut claimed = Container { state: ContainerState::Active, ..container.clone() };
    claimed.tags.extend(mark(resolved, side.into(), &gathered.installation).tags());
    let listing =
        Listing { containers: BTreeMap::from([(claimed.id.clone(), claimed)]), ..Listing::default() };
    let plan = gathered.plan(desired, &listing, &FirstLook, &BTreeSet::new());
    let views = plan.shares.get(&resolved.key).into_iter().flatten();
    let told = views.flat_map(|(side, view)| {
        let name = resolved.containers.get(side).map(|want| want.name.clone()).unwrap_or_default();
        let changes: Vec<String> = view.changes().map(|(change, _)| in_words(&change.kind, &name)).collect();
        changes.into_iter().chain(view.waits.clone())
    });
    told.collect()
}

fn in_words(change: &ChangeKind, name: &str) -> String {
    let words = describe(change, None);
    match change {
        ChangeKind::Create => format!(
            "{words} {name} for those outside the organization, who have no access until they accept its invitation: \
             sharekeeper never lets both sides in by one share"
        ),
        ChangeKind::SetExternal(false) => format!(
            "{words}: nobody outside is declared, so nobody loses access; this is done at once, without `force`"
        ),
        _ => words,
    }
}

/// Why the Share would not get the container, if it would not.
fn refusal(container: &Container, share: &Share, gathered: &Gathered) -> Option<String> {
    let record = Record {
        generation: 1,
        why: Why::Foreign,
        released: false,
        origin: None,
        first_seen: Some(gathered.now),
        confirmed_at: Some(gathered.now),
        seen_under: None,
        ends: BTreeMap::new(),
        decision: Decision::Adopt,
        decided_on: Some(evidence(container).to_string()),
        for_share: Some(key_of(share)),
        force: false,
    };
    let records = Records::from([(container.id.clone(), record)]);
    let gathered = supposed(share, gathered, gathered.policies.clone(), records);
    let desired = gathered.resolve();
    let listing = Listing {
        containers: BTreeMap::from([(container.id.clone(), container.clone())]),
        ..Listing::default()
    };
    let plan = gathered.plan(&desired, &listing, &FirstLook, &BTreeSet::new());
    let views = plan.shares.get(&key_of(share))?;
    views.values().find_map(|view| Some(view.refused.as_ref()?.message.clone()))
}

/// The cell as if this were its only Share, under these policies.
fn supposed(
    share: &Share,
    gathered: &Gathered,
    policies: Vec<Arc<Guarded<SharingPolicy>>>,
    records: Records,
) -> Gathered {
    Gathered {
        cell: gathered.cell.clone(),
        set: gathered.set.clone(),
        organization: gathered.organization.clone(),
        shares: vec![(Arc::new(DeserializeGuard(Ok(share.clone()))), Departure::Stays)],
        policies,
        unreadable: BTreeSet::new(),
        records,
        scopes: Box::new(Vec::new),
        approvals: crate::plan::budget::Approvals::default(),
        installation: gathered.installation.clone(),
        peers: gathered.peers.clone(),
        gate: gathered.gate.clone(),
        now: gathered.now,
    }
}

/// The policy that allows exactly what there is to allow: what differs under it differs under any.
pub(super) fn permissive(share: &Share, gathered: &Gathered) -> SharingPolicy {
    let spec = &share.spec;
    let targets = || spec.targets.iter();
    let account_of = |role: &String| role.split(':').nth(4).unwrap_or_default().to_owned();
    let outside = targets().filter_map(|target| {
        target.external_account.clone().or_else(|| target.external_role.as_ref().map(account_of))
    });
    // Without an organization `organization: true` says nothing; the accounts are named then.
    let inside = targets().filter_map(|t| t.account.clone().or_else(|| t.role.as_ref().map(account_of)));
    let known = !matches!(gathered.organization, OrganizationView::None);
    // What this version knows no type of is named itself, and a type that it may be.
    let unknown = |r: &ShareResource| {
        let arn: Arn = r.arn.parse().ok()?;
        ResourceType::of(&arn).is_none().then(|| format!("{}:unknown", arn.service()))
    };
    let types = ResourceType::of_ram().iter().map(|t| t.name.to_owned());
    let allow = Allow {
        resource_types: types.chain(spec.resources.iter().filter_map(unknown)).collect(),
        resources: spec.resources.iter().map(|r| r.arn.clone()).collect(),
        organization: true,
        accounts: if known { vec![] } else { inside.collect() },
        principals: vec![PrincipalKind::Role, PrincipalKind::User, PrincipalKind::Service],
        permissions: spec.permissions.iter().map(|choice| choice.permission.clone()).collect(),
        external: Some(External {
            accounts: outside.collect(),
            max_duration: FOR_EVER.to_owned(),
            renewable: true,
        }),
        ..Allow::default()
    };
    let spec = SharingPolicySpec {
        namespaces: share.metadata.namespace.iter().cloned().collect(),
        owners: Owners { accounts: vec![gathered.cell.account.to_string()], ..Owners::default() },
        allow,
        limits: None,
    };
    SharingPolicy::new("what-is-there", spec)
}
