//! Steps: changes batched into AWS calls, in the order in which they are safe.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    model::{Mark, Principal, Slot},
    mutant::{self, Mutant},
    plan::{
        change::{Change, ChangeKind, Effect, PermissionChange},
        desired::{Cause, DesiredContainer},
    },
};

/// RAM takes at most so many resources a call (ram.md §0.8).
const RESOURCES_PER_CALL: usize = 100;

/// One AWS write, with no choice left in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is written.
    pub action: Action,
    /// The effect of the changes in it: neutral only if all are. No step both narrows and widens.
    pub effect: Effect,
    /// The causes of the changes in it.
    pub causes: BTreeSet<Cause>,
}

/// What a step writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Make a container with all it holds, in one call.
    Create(Create),
    /// Delete the container.
    Delete,
    /// Take principals and resources out.
    Disassociate(Members),
    /// Change the name, the external flag, or both.
    Update {
        /// The new name.
        name: Option<String>,
        /// Whether external principals are allowed.
        allow_external: Option<bool>,
    },
    /// Attach a permission in place of the one of the same type.
    SetPermission(PermissionChange),
    /// Add principals and resources.
    Associate(Members),
    /// Set tags.
    Tag(BTreeMap<String, String>),
    /// Remove tags.
    Untag(BTreeSet<String>),
}

/// Principals and resources of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Members {
    /// Principals.
    pub principals: BTreeSet<Principal>,
    /// Resources, by ARN.
    pub resources: BTreeSet<String>,
}

impl Members {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.principals.len() + self.resources.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts others among them.
    pub fn extend(&mut self, others: &Self) {
        self.principals.extend(others.principals.iter().cloned());
        self.resources.extend(others.resources.iter().cloned());
    }

    /// Those that are not among others.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        Self {
            principals: self.principals.difference(&others.principals).cloned().collect(),
            resources: self.resources.difference(&others.resources).cloned().collect(),
        }
    }

    /// Each of them by itself.
    pub fn each(&self) -> impl Iterator<Item = Self> {
        let principals = self
            .principals
            .iter()
            .map(|principal| Self { principals: BTreeSet::from([principal.clone()]), ..Self::default() });
        let resources = self
            .resources
            .iter()
            .map(|resource| Self { resources: BTreeSet::from([resource.clone()]), ..Self::default() });
        principals.chain(resources)
    }
}

/// A container to be made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Create {
    /// Its name.
    pub name: String,
    /// Which life of this side of the Share; part of the client token.
    pub incarnation: i64,
    /// Whether external principals are allowed; always sent.
    pub allow_external: bool,
    /// Whom to share with and what: the first hundred resources, the rest follows once it is there.
    pub members: Members,
    /// The ARNs of permissions other than the types' defaults, by resource type.
    pub permissions: BTreeMap<String, String>,
    /// The mark and the Share's own tags.
    pub tags: BTreeMap<String, String>,
}

impl Create {
    /// The create that makes the desired container.
    pub fn of(want: &DesiredContainer, mark: &Mark, incarnation: i64) -> Self {
        let resources = want.granted_resources().take(RESOURCES_PER_CALL).cloned().collect();
        let mut tags = want.tags.clone();
        tags.extend(mark.tags());
        Self {
            name: want.name.clone(),
            incarnation,
            allow_external: want.slot == Slot::Outer,
            members: Members { principals: want.granted_principals().cloned().collect(), resources },
            permissions: want.permissions.iter().map(|(t, p)| (t.clone(), p.arn.clone())).collect(),
            tags,
        }
    }
}

/// Batches changes into as few calls as are safe: the mark, then all removals, then what changes the container, then
/// all additions, then tags.
pub fn batch(changes: &[Change], create: impl FnOnce() -> Create, mark: &Mark) -> Vec<Step> {
    let mut steps = vec![];
    steps.extend(single(changes, &ChangeKind::Mark, Action::Tag(mark.tags())));
    steps.extend(single(changes, &ChangeKind::Delete, Action::Delete));
    if changes.iter().any(|c| c.kind == ChangeKind::Create) {
        steps.extend(single(changes, &ChangeKind::Create, Action::Create(create())));
    }
    steps.extend(members(changes, removed, Action::Disassociate));
    steps.extend(update(changes));
    steps.extend(permissions(changes));
    steps.extend(members(changes, added, Action::Associate));
    steps.extend(tags(changes));
    steps
}

/// Batches the changes that take something undeclared away.
pub fn removal(changes: &[Change]) -> Vec<Step> {
    let mut steps = vec![];
    steps.extend(single(changes, &ChangeKind::Delete, Action::Delete));
    steps.extend(members(changes, removed, Action::Disassociate));
    steps
}

fn step<'a>(action: Action, changes: impl IntoIterator<Item = &'a Change>) -> Option<Step> {
    let (effects, causes): (Vec<Effect>, BTreeSet<Cause>) =
        changes.into_iter().map(|c| (c.effect, c.cause)).unzip();
    let any = |effect| effects.contains(&effect).then_some(effect);
    let neutral = any(Effect::Neutral);
    let effect = any(Effect::Widen).or_else(|| any(Effect::Narrow)).or(neutral)?;
    Some(Step { action, effect, causes })
}

fn single(changes: &[Change], kind: &ChangeKind, action: Action) -> Option<Step> {
    step(action, changes.iter().filter(|c| c.kind == *kind))
}

/// A principal or resource that a change adds or removes.
enum Member<'a> {
    Principal(&'a Principal),
    Resource(&'a String),
}

fn removed(kind: &ChangeKind) -> Option<Member<'_>> {
    match kind {
        ChangeKind::RemovePrincipal(p) => Some(Member::Principal(p)),
        ChangeKind::RemoveResource(r) => Some(Member::Resource(r)),
        _ => None,
    }
}

fn added(kind: &ChangeKind) -> Option<Member<'_>> {
    match kind {
        ChangeKind::AddPrincipal(p) => Some(Member::Principal(p)),
        ChangeKind::RemovePrincipal(p) if mutant::is(Mutant::ReAddRevoked) => Some(Member::Principal(p)),
        ChangeKind::AddResource(r) => Some(Member::Resource(r)),
        _ => None,
    }
}

/// All principals in the first call, resources a hundred a call.
fn members(
    changes: &[Change],
    pick: fn(&ChangeKind) -> Option<Member<'_>>,
    action: fn(Members) -> Action,
) -> Vec<Step> {
    let mut principals = vec![];
    let mut resources = vec![];
    for change in changes {
        match pick(&change.kind) {
            Some(Member::Principal(p)) => principals.push((p, change)),
            Some(Member::Resource(r)) => resources.push((r, change)),
            None => {}
        }
    }
    let mut chunks: Vec<_> = resources.chunks(RESOURCES_PER_CALL).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    let first_only = std::iter::once(principals.as_slice()).chain(std::iter::repeat(&[][..]));
    chunks
        .into_iter()
        .zip(first_only)
        .filter_map(|(resources, principals)| {
            let of = principals.iter().map(|(_, c)| *c).chain(resources.iter().map(|(_, c)| *c));
            let members = Members {
                principals: principals.iter().map(|(p, _)| (*p).clone()).collect(),
                resources: resources.iter().map(|(r, _)| (*r).clone()).collect(),
            };
            step(action(members), of)
        })
        .collect()
}

fn update(changes: &[Change]) -> Option<Step> {
    let name = changes
        .iter()
        .find_map(|c| if let ChangeKind::Rename(to) = &c.kind { Some(to.clone()) } else { None });
    let allow_external =
        changes.iter().find_map(|c| if let ChangeKind::SetExternal(to) = c.kind { Some(to) } else { None });
    let of = changes.iter().filter(|c| matches!(c.kind, ChangeKind::Rename(_) | ChangeKind::SetExternal(_)));
    step(Action::Update { name, allow_external }, of)
}

fn permissions(changes: &[Change]) -> impl Iterator<Item = Step> {
    changes.iter().filter_map(|change| match &change.kind {
        ChangeKind::SetPermission(to) => step(Action::SetPermission(to.clone()), [change]),
        _ => None,
    })
}

fn tags(changes: &[Change]) -> Vec<Step> {
    let set = changes.iter().filter_map(|c| {
        if let ChangeKind::SetTag(k, v) = &c.kind { Some((k.clone(), v.clone())) } else { None }
    });
    let removed = changes
        .iter()
        .filter_map(|c| if let ChangeKind::RemoveTag(k) = &c.kind { Some(k.clone()) } else { None });
    let setting = changes.iter().filter(|c| matches!(c.kind, ChangeKind::SetTag(..)));
    let removing = changes.iter().filter(|c| matches!(c.kind, ChangeKind::RemoveTag(_)));
    [step(Action::Tag(set.collect()), setting), step(Action::Untag(removed.collect()), removing)]
        .into_iter()
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests;
