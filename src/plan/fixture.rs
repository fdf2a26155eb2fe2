//! Short words for tests: Shares, targets, policies, trees and containers that read as sentences.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{
        Pin, PinKind, PrincipalKind, Share, SharingPolicy,
        account_set::UndeclaredAction,
        share::{
            AccessLevel, DeletionPolicy, Enforcement, PermissionChoice, ShareResource, ShareSpec, TagValue,
            Target,
        },
        share_status::{Applied, OutsideRecord, ShareContainer, ShareStatus},
        sharing_policy::{Allow, External, Owners, SharingPolicySpec, SharingPolicyStatus},
        undeclared_share::{Decision, Why},
    },
    model::{Arn, Cell, Mark, Principal, ResourceType, ShareKey, Slot, Timestamp, mark},
    org::Tree,
    plan::{
        chain::Owner,
        change::{ChangeKind, Difference, PermissionChange},
        claim::Recollection,
        desired::{DesiredShare, Refusal, Standing},
        names::Organization,
        observed::{AssociationState, AttachedPermission, Container, ContainerState, Listing, Origin, Row},
        permit::Unasked,
        record::Record,
        resolve::{Departure, Facts, resolve},
        step::{Action, Members},
        sweep::Sweep,
        view::Plan,
    },
};

pub(crate) const OWNER: &str = "111122223333";
pub(crate) const DATA: &str = "222233334444";
pub(crate) const PARTNER: &str = "999988887777";
pub(crate) const SET: &str = "network";
pub(crate) const US: &str = "us";
pub(crate) const TEAM: &str = "network-team";

/// Seconds after the moment at which every test begins.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub(crate) fn days(days: i64) -> Timestamp {
    at(days * 86_400)
}

pub(crate) fn cell() -> Cell {
    Cell { account: OWNER.parse().unwrap(), region: "eu-west-1".parse().unwrap() }
}

pub(crate) fn key(name: &str) -> ShareKey {
    ShareKey { namespace: TEAM.into(), name: name.into() }
}

/// `transit-gateway/tgw-1` in the owner's account and region.
pub(crate) fn ec2(resource: &str) -> String {
    format!("arn:aws:ec2:eu-west-1:{OWNER}:{resource}")
}

pub(crate) fn arn(text: &str) -> Arn {
    text.parse().unwrap()
}

pub(crate) fn principal(text: &str) -> Principal {
    Principal::parse(text)
}

pub(crate) fn unit_arn(unit: &str) -> String {
    format!("arn:aws:organizations::999900001111:ou/o-acme/{unit}")
}

pub(crate) fn known(tree: &Tree) -> Organization<'_> {
    Organization::Known { tree, current: true, sharing: Some(true), at: at(0) }
}

pub(crate) fn organization() -> Target {
    Target { organization: Some(true), ..Target::default() }
}

pub(crate) fn unit(path: &str) -> Target {
    Target { organizational_unit: Some(path.into()), ..Target::default() }
}

pub(crate) fn account(name: &str) -> Target {
    Target { account: Some(name.into()), ..Target::default() }
}

pub(crate) fn role(arn: &str) -> Target {
    Target { role: Some(arn.into()), ..Target::default() }
}

pub(crate) fn service(name: &str) -> Target {
    Target { service: Some(name.into()), ..Target::default() }
}

pub(crate) fn outside(account: &str, until: Timestamp) -> Target {
    Target {
        external_account: Some(account.into()),
        until: Some(Time(until)),
        reason: Some("contract".into()),
        ..Target::default()
    }
}

pub(crate) fn outside_role(arn: &str, until: Timestamp) -> Target {
    Target { external_account: None, external_role: Some(arn.into()), ..outside("", until) }
}

/// A Share in the team's namespace, with nothing to share and nobody to share with.
pub(crate) fn share(name: &str) -> Share {
    let spec = ShareSpec {
        access: AccessLevel::default(),
        account: OWNER.into(),
        region: "eu-west-1".into(),
        name: None,
        resources: vec![],
        targets: vec![],
        allow_external: false,
        permissions: vec![],
        tags: BTreeMap::new(),
        enforcement: Enforcement::Enforce,
        suspend: false,
        deletion_policy: DeletionPolicy::Delete,
        adopt: None,
    };
    let mut share = Share::new(name, spec);
    share.metadata.namespace = Some(TEAM.into());
    share.metadata.uid = Some(format!("uid-{name}"));
    share.metadata.generation = Some(1);
    share
}

/// What a Share can be told in a test.
pub(crate) trait ShareWords: Sized {
    fn of(self, resources: &[&str]) -> Self;
    fn with(self, targets: impl IntoIterator<Item = Target>) -> Self;
    fn open(self) -> Self;
    fn permitting(self, resource_type: &str, permission: &str, version: &str) -> Self;
    fn tagged(self, key: &str, value: &str) -> Self;
    fn orphaning(self) -> Self;
    fn pinned(self, kind: PinKind, name: &str, id: &str) -> Self;
    fn declared(self, outsider: &str, since: Timestamp) -> Self;
    fn holding(self, slot: &Slot, id: Option<&Arn>, incarnation: i64) -> Self;
    fn applied(self, digest: &str) -> Self;
}

impl ShareWords for Share {
    fn of(mut self, resources: &[&str]) -> Self {
        self.spec.resources.extend(
            resources
                .iter()
                .map(|r| ShareResource { arn: if r.starts_with("arn:") { (*r).to_owned() } else { ec2(r) } }),
        );
        self
    }

    fn with(mut self, targets: impl IntoIterator<Item = Target>) -> Self {
        self.spec.targets.extend(targets);
        self
    }

    fn open(mut self) -> Self {
        self.spec.allow_external = true;
        self
    }

    fn permitting(mut self, resource_type: &str, permission: &str, version: &str) -> Self {
        self.spec.permissions.push(PermissionChoice {
            resource_type: resource_type.into(),
            permission: permission.into(),
            version: version.into(),
        });
        self
    }

    fn tagged(mut self, key: &str, value: &str) -> Self {
        self.spec.tags.insert(key.into(), TagValue(value.into()));
        self
    }

    fn orphaning(mut self) -> Self {
        self.spec.deletion_policy = DeletionPolicy::Orphan;
        self
    }

    fn pinned(mut self, kind: PinKind, name: &str, id: &str) -> Self {
        let status = self.status.get_or_insert_default();
        status.pins.push(Pin { kind, declared_as: name.into(), id: id.into() });
        self
    }

    fn declared(mut self, outsider: &str, since: Timestamp) -> Self {
        let status = self.status.get_or_insert_default();
        status.outside.push(OutsideRecord { id: outsider.into(), declared_at: Time(since) });
        self
    }

    fn holding(mut self, slot: &Slot, id: Option<&Arn>, incarnation: i64) -> Self {
        let status: &mut ShareStatus = self.status.get_or_insert_default();
        status.containers.retain(|c| !c.is(slot));
        status.containers.push(ShareContainer {
            id: id.map(ToString::to_string),
            incarnation,
            tag_keys: self.spec.tags.keys().cloned().collect(),
            ..ShareContainer::of(slot)
        });
        self
    }

    fn applied(mut self, digest: &str) -> Self {
        let status = self.status.get_or_insert_default();
        status.applied = Some(Applied { generation: 1, digest: digest.into() });
        self
    }
}

/// A policy that lets the team share every type of the set's accounts with everybody inside, and nobody outside.
pub(crate) fn policy() -> SharingPolicy {
    let allow = Allow {
        resource_types: ResourceType::all().map(|t| t.name.to_owned()).collect(),
        organization: true,
        principals: vec![PrincipalKind::Role, PrincipalKind::User, PrincipalKind::Service],
        ..Allow::default()
    };
    let owners = Owners { account_sets: vec![SET.into()], ..Owners::default() };
    SharingPolicy::new(
        "open",
        SharingPolicySpec { namespaces: vec![TEAM.into()], owners, allow, limits: None },
    )
}

/// What a policy can be told in a test.
pub(crate) trait PolicyWords: Sized {
    fn allowing(self, change: impl FnOnce(&mut Allow)) -> Self;
    fn owned(self, owners: Owners) -> Self;
    fn letting_in(self, account: &str, max_duration: &str, renewable: bool) -> Self;
    fn pinned(self, kind: PinKind, name: &str, id: &str) -> Self;
}

impl PolicyWords for SharingPolicy {
    fn allowing(mut self, change: impl FnOnce(&mut Allow)) -> Self {
        change(&mut self.spec.allow);
        self
    }

    fn owned(mut self, owners: Owners) -> Self {
        self.spec.owners = owners;
        self
    }

    fn letting_in(mut self, account: &str, max_duration: &str, renewable: bool) -> Self {
        let external =
            External { accounts: vec![account.into()], max_duration: max_duration.into(), renewable };
        self.spec.allow.external = Some(external);
        self
    }

    fn pinned(mut self, kind: PinKind, name: &str, id: &str) -> Self {
        let status: &mut SharingPolicyStatus = self.status.get_or_insert_default();
        status.pins.push(Pin { kind, declared_as: name.into(), id: id.into() });
        self
    }
}

/// Resolves one Share that stays, now being `at(0)`.
pub(crate) fn resolved(
    share: &Share,
    organization: Organization<'_>,
    policies: &[SharingPolicy],
) -> DesiredShare {
    resolved_as(share, Departure::Stays, organization, policies, at(0))
}

/// Resolves one Share.
pub(crate) fn resolved_as(
    share: &Share,
    departure: Departure,
    organization: Organization<'_>,
    policies: &[SharingPolicy],
    now: Timestamp,
) -> DesiredShare {
    let cell = cell();
    let refs: Vec<&SharingPolicy> = policies.iter().collect();
    let facts = Facts { cell: &cell, set: SET, organization, policies: &refs, policies_readable: true, now };
    let desired = resolve(&facts, [(share, departure)]);
    desired.shares.into_values().next().unwrap()
}

/// `granted`, `held Reason`, `refused Cause Reason`.
pub(crate) fn verdict(standing: &Standing, refusal: Option<&Refusal>) -> String {
    let reason = refusal.map(|r| format!(" {}", r.reason)).unwrap_or_default();
    match standing {
        Standing::Granted => format!("granted{reason}"),
        Standing::Held => format!("held{reason}"),
        Standing::Refused(cause) => format!("refused {cause:?}{reason}"),
    }
}

pub(crate) fn container_id(id: &str) -> Arn {
    arn(&format!("arn:aws:ram:eu-west-1:{OWNER}:resource-share/{id}"))
}

pub(crate) fn row(state: &str) -> Row {
    Row { state: AssociationState::parse(state), message: None, external: false, since: None }
}

pub(crate) fn default_permission(resource_type: &str) -> AttachedPermission {
    let short = resource_type.split(':').nth(1).unwrap_or_default();
    permission(&format!("arn:aws:ram::aws:permission/AWSRAMDefaultPermission{short}"), "1")
}

pub(crate) fn permission(arn: &str, version: &str) -> AttachedPermission {
    AttachedPermission { arn: arn.into(), version: version.into(), is_default_version: true }
}

/// An active container without tags, principals or resources.
pub(crate) fn container(id: &str) -> Container {
    Container {
        id: container_id(id),
        name: id.into(),
        owner: OWNER.into(),
        state: ContainerState::Active,
        message: None,
        allows_external: false,
        origin: Origin::Standard,
        tags: BTreeMap::new(),
        principals: BTreeMap::new(),
        resources: BTreeMap::new(),
        permissions: BTreeMap::new(),
    }
}

/// What a container can be told in a test.
pub(crate) trait ContainerWords: Sized {
    fn named(self, name: &str) -> Self;
    fn marked(self, installation: &str, share: &str, slot: &Slot) -> Self;
    fn tagged(self, key: &str, value: &str) -> Self;
    fn to(self, principal: &str, state: &str) -> Self;
    fn to_outsider(self, principal: &str, state: &str) -> Self;
    fn dated(self, principal: &str, since: Timestamp) -> Self;
    fn sharing(self, resource: &str, state: &str) -> Self;
    fn permitting(self, resource_type: &str, permission: AttachedPermission) -> Self;
    fn being(self, state: &str) -> Self;
}

impl ContainerWords for Container {
    fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    fn marked(mut self, installation: &str, share: &str, slot: &Slot) -> Self {
        let uid = format!("uid-{share}");
        self.tags.extend(
            Mark { installation: installation.into(), share: key(share), uid, slot: slot.clone() }.tags(),
        );
        self
    }

    fn tagged(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    fn to(mut self, whom: &str, state: &str) -> Self {
        self.principals.insert(principal(whom), row(state));
        self
    }

    fn to_outsider(mut self, whom: &str, state: &str) -> Self {
        self.allows_external = true;
        self.principals.insert(principal(whom), Row { external: true, ..row(state) });
        self
    }

    /// With the default permission of its type.
    fn dated(mut self, whom: &str, since: Timestamp) -> Self {
        self.principals.get_mut(&principal(whom)).unwrap().since = Some(since);
        self
    }
    fn sharing(mut self, resource: &str, state: &str) -> Self {
        let text = if resource.starts_with("arn:") { resource.to_owned() } else { ec2(resource) };
        if let Some(known) = ResourceType::of(&arn(&text)) {
            self.permissions.entry(known.name.into()).or_insert_with(|| default_permission(known.name));
        }
        self.resources.insert(text, row(state));
        self
    }

    fn permitting(mut self, resource_type: &str, permission: AttachedPermission) -> Self {
        self.permissions.insert(resource_type.into(), permission);
        self
    }

    fn being(mut self, state: &str) -> Self {
        self.state = ContainerState::parse(state);
        self
    }
}

/// The container that a Share's slot should have, by its words: ours, active, under its right name.
pub(crate) fn ours(share: &str, slot: &Slot) -> Container {
    let suffix = if *slot == Slot::Outer { ".outside" } else { "" };
    let mut container = container(&format!("{share}-{slot}"))
        .marked(US, share, slot)
        .named(&format!("{TEAM}.{share}{suffix}"));
    container.allows_external = *slot == Slot::Outer;
    container
}

/// The same answer whatever is asked about.
#[derive(Clone, Copy)]
pub(crate) struct Recalled {
    pub(crate) unlisted_for_long: bool,
    pub(crate) token_is_spent: bool,
    pub(crate) open_until: Option<Timestamp>,
    pub(crate) contended: fn(&ChangeKind) -> bool,
}

/// After a restart.
pub(crate) const NOTHING: Recalled =
    Recalled { unlisted_for_long: false, token_is_spent: false, open_until: None, contended: |_| false };

impl Recollection for Recalled {
    fn unlisted_for_long(&self, _: &Arn) -> bool {
        self.unlisted_for_long
    }
    fn token_is_spent(&self, _: &ShareKey, _: &Slot) -> bool {
        self.token_is_spent
    }
    fn open_until(&self, _: &ShareKey, _: &Slot) -> Option<Timestamp> {
        self.open_until
    }
    fn is_contended(&self, _: &ShareKey, _: &Slot, change: &ChangeKind, _: Timestamp) -> bool {
        (self.contended)(change)
    }
}

/// What nobody declares is reported.
pub(crate) const REPORT: Sweep<'static> = Sweep {
    action: UndeclaredAction::Report,
    grace: std::time::Duration::from_secs(86_400),
    ignore: &[],
    set: "uid-network",
    permits: &Unasked,
    now: Timestamp::UNIX_EPOCH,
};

/// A record without a decision, seen twice at `at(0)`.
pub(crate) fn record(why: Why) -> Record {
    Record {
        generation: 1,
        why,
        released: why == Why::Released,
        origin: None,
        first_seen: Some(at(0)),
        confirmed_at: Some(at(0)),
        seen_under: Some("uid-network".into()),
        ends: BTreeMap::new(),
        decision: Decision::None,
        decided_on: None,
        for_share: None,
        force: false,
    }
}

/// The Share with what a listing shows of it on record, as after the pass that made it.
pub(crate) fn on_record(share: &Share, listing: &Listing) -> Share {
    let mut share = share.clone();
    for container in listing.live().filter(|c| c.origin == Origin::Standard) {
        let Some(mark) = container
            .mark()
            .filter(|mark| mark.share.name == share.metadata.name.as_deref().unwrap_or_default())
        else {
            continue;
        };
        let mut known = share.status.iter().flat_map(|status| &status.containers);
        if mark.installation == US && known.all(|c| !c.is(&mark.slot)) {
            share = share.holding(&mark.slot, Some(&container.id), 1);
        }
    }
    share
}

pub(crate) fn listing(containers: impl IntoIterator<Item = Container>) -> Listing {
    let containers = containers.into_iter().map(|c| (c.id.clone(), c)).collect();
    Listing { containers, ..Listing::default() }
}

/// A plan as lines: steps, then what is held, what waits and what nobody declared.
pub(crate) fn lines(plan: &Plan) -> Vec<String> {
    let mut lines = vec![];
    for chain in &plan.chains {
        let who = match &chain.owner {
            Owner::Share(share, slot) => format!("{} {slot}", share.name),
            Owner::Nobody(container) => short(container.as_str()),
        };
        lines.extend(chain.steps.iter().map(|step| {
            let causes: Vec<String> = step.causes.iter().map(|c| format!("{c:?}")).collect();
            format!("{who}: {} ({:?}, {})", action(&step.action), step.effect, causes.join("+"))
        }));
    }
    for (share, sides) in &plan.shares {
        for (slot, view) in sides {
            let who = format!("{} {slot}", share.name);
            lines.extend(view.held.iter().map(|(c, why)| format!("{who}: held by {why}: {}", kind(&c.kind))));
            lines.extend(view.waits.iter().map(|wait| format!("{who}: waits: {}", short(wait))));
        }
    }
    lines.extend(plan.undeclared.iter().map(|u| format!("undeclared: {} {:?}", u.container.name, u.why)));
    lines
}

/// The changes of a difference as lines, then what it waits for.
pub(crate) fn differences(difference: &Difference) -> Vec<String> {
    let changes =
        difference.changes.iter().map(|c| format!("{} ({:?}, {:?})", kind(&c.kind), c.effect, c.cause));
    changes.chain(difference.waits.iter().map(|wait| format!("waits: {}", short(wait)))).collect()
}

fn short(text: &str) -> String {
    text.replace(&ec2(""), "")
        .replace(&container_id("").to_string(), "")
        .replace("arn:aws:organizations::999900001111:", "")
}

fn kind(kind: &ChangeKind) -> String {
    match kind {
        ChangeKind::Create => "create".into(),
        ChangeKind::Delete => "delete".into(),
        ChangeKind::Mark => "mark".into(),
        ChangeKind::RemovePrincipal(p) => format!("-{}", short(&p.to_string())),
        ChangeKind::RemoveResource(r) => format!("-{}", short(r)),
        ChangeKind::SetExternal(flag) => format!("external {flag}"),
        ChangeKind::Rename(to) => format!("rename {to}"),
        ChangeKind::SetPermission(to) => permission_words(to),
        ChangeKind::AddPrincipal(p) => format!("+{}", short(&p.to_string())),
        ChangeKind::AddResource(r) => format!("+{}", short(r)),
        ChangeKind::SetTag(k, v) => format!("tag {k}={v}"),
        ChangeKind::RemoveTag(k) => format!("untag {k}"),
    }
}

fn permission_words(to: &PermissionChange) -> String {
    let name = to.arn.as_deref().map_or("default", |arn| arn.rsplit('/').next().unwrap_or(arn));
    let version = to.version.as_deref().map(|v| format!(" version {v}")).unwrap_or_default();
    format!("permission {}={name}{version}", to.resource_type)
}

fn action(action: &Action) -> String {
    let members = |sign: &str, members: &Members| {
        let principals = members.principals.iter().map(|p| format!("{sign}{}", short(&p.to_string())));
        let resources = members.resources.iter().map(|r| format!("{sign}{}", short(r)));
        principals.chain(resources).collect::<Vec<_>>().join(" ")
    };
    match action {
        Action::Create(create) => format!(
            "create {} #{} external {} {}",
            create.name,
            create.incarnation,
            create.allow_external,
            members("+", &create.members)
        ),
        Action::Delete => "delete".into(),
        Action::Disassociate(m) => members("-", m),
        Action::Update { name, allow_external } => format!("update {name:?} {allow_external:?}"),
        Action::SetPermission(to) => permission_words(to),
        Action::Associate(m) => members("+", m),
        Action::Tag(tags) if tags.keys().all(|k| k.starts_with(mark::TAG_PREFIX)) => "mark".into(),
        Action::Tag(tags) => format!("tag {tags:?}"),
        Action::Untag(keys) => format!("untag {keys:?}"),
    }
}
