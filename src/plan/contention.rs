//! Fights: the same thing, put right by us and changed back by somebody again and again, is put right ever more rarely.

use std::collections::BTreeMap;

use crate::{
    model::{Mark, Principal, ShareKey, Slot, Timestamp},
    plan::{
        change::ChangeKind,
        desired::Cause,
        step::{Action, Members, Step},
    },
};

/// So many corrections of one thing within [`SPAN`] seconds make a fight.
const FLIPS: usize = 3;
/// In seconds.
const SPAN: i64 = 3600;
/// In a fight one correction is made in so many seconds.
const PAUSE: i64 = 600;

/// When each thing was last put right.
#[derive(Clone, Debug, Default)]
pub struct Flips(BTreeMap<(ShareKey, Slot, String), Vec<Timestamp>>);

impl Flips {
    /// A step that puts something right was done.
    pub fn note_step(&mut self, share: &ShareKey, slot: &Slot, step: &Step, now: Timestamp) {
        if step.causes.contains(&Cause::Drift) {
            changes_of(&step.action).iter().for_each(|change| self.note(share, slot, change, now));
        }
    }

    /// Something was put right.
    pub fn note(&mut self, share: &ShareKey, slot: &Slot, change: &ChangeKind, now: Timestamp) {
        let flips = self.0.entry((share.clone(), slot.clone(), subject(change))).or_default();
        flips.retain(|at| is_recent(*at, now));
        flips.push(now);
    }

    /// Whether a thing is fought over and was put right so lately that it is left for now.
    pub fn holds(&self, share: &ShareKey, slot: &Slot, change: &ChangeKind, now: Timestamp) -> bool {
        let Some(flips) = self.0.get(&(share.clone(), slot.clone(), subject(change))) else { return false };
        let last = flips.last().map(|at| now.as_second() - at.as_second());
        flips.iter().filter(|at| is_recent(**at, now)).count() >= FLIPS && last.is_some_and(|ago| ago < PAUSE)
    }

    /// How long until the next thing that is left for now may be put right, in seconds.
    pub fn next(&self, now: Timestamp) -> Option<i64> {
        let fights =
            self.0.values().filter(|flips| flips.iter().filter(|at| is_recent(**at, now)).count() >= FLIPS);
        let waits = fights.filter_map(|flips| Some(PAUSE - (now.as_second() - flips.last()?.as_second())));
        waits.filter(|wait| *wait > 0).min()
    }

    /// Forgets what was put right too long ago to count.
    pub fn prune(&mut self, now: Timestamp) {
        self.0.retain(|_, flips| flips.iter().any(|at| is_recent(*at, now)));
    }
}

fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    now.as_second() - at.as_second() < SPAN
}

/// The changes in a step.
fn changes_of(action: &Action) -> Vec<ChangeKind> {
    let members =
        |members: &Members, principal: fn(Principal) -> ChangeKind, resource: fn(String) -> ChangeKind| {
            let principals = members.principals.iter().cloned().map(principal);
            principals.chain(members.resources.iter().cloned().map(resource)).collect()
        };
    match action {
        Action::Create(_) => vec![ChangeKind::Create],
        Action::Delete => vec![ChangeKind::Delete],
        Action::Disassociate(out) => members(out, ChangeKind::RemovePrincipal, ChangeKind::RemoveResource),
        Action::Associate(into) => members(into, ChangeKind::AddPrincipal, ChangeKind::AddResource),
        Action::Update { name, allow_external } => {
            let name = name.clone().map(ChangeKind::Rename);
            name.into_iter().chain(allow_external.map(ChangeKind::SetExternal)).collect()
        }
        Action::SetPermission(to) => vec![ChangeKind::SetPermission(to.clone())],
        Action::Tag(tags) if Mark::from_tags(tags).is_some() => vec![ChangeKind::Mark],
        Action::Tag(tags) => tags.iter().map(|(k, v)| ChangeKind::SetTag(k.clone(), v.clone())).collect(),
        Action::Untag(keys) => keys.iter().cloned().map(ChangeKind::RemoveTag).collect(),
    }
}

/// What a change is about, whichever way it goes.
fn subject(change: &ChangeKind) -> String {
    match change {
        ChangeKind::Create | ChangeKind::Delete => "share".to_owned(),
        ChangeKind::Mark => "mark".to_owned(),
        ChangeKind::AddPrincipal(p) | ChangeKind::RemovePrincipal(p) => format!("principal {p}"),
        ChangeKind::AddResource(r) | ChangeKind::RemoveResource(r) => format!("resource {r}"),
        ChangeKind::SetExternal(_) => "external".to_owned(),
        ChangeKind::Rename(_) => "name".to_owned(),
        ChangeKind::SetPermission(to) => format!("permission {}", to.resource_type),
        ChangeKind::SetTag(key, _) | ChangeKind::RemoveTag(key) => format!("tag {key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::*;

    #[test]
    fn the_third_flip_within_an_hour_makes_a_fight_with_one_write_in_ten_minutes() {
        let (hub, add) = (key("hub"), ChangeKind::AddPrincipal(principal(DATA)));
        let remove = ChangeKind::RemovePrincipal(principal(DATA));
        let mut flips = Flips::default();
        let holds = |flips: &Flips, at_second| flips.holds(&hub, &Slot::Inner, &add, at(at_second));
        flips.note(&hub, &Slot::Inner, &add, at(0));
        flips.note(&hub, &Slot::Inner, &remove, at(10));
        assert!(!holds(&flips, 11));
        flips.note(&hub, &Slot::Inner, &add, at(20));
        assert!(holds(&flips, 21) && holds(&flips, 20 + PAUSE - 1) && !holds(&flips, 20 + PAUSE));
        assert_eq!(flips.next(at(21)), Some(PAUSE - 1));
        // Another thing, another container, another Share: no fight.
        assert!(!flips.holds(&hub, &Slot::Outer, &add, at(21)));
        assert!(!flips.holds(&key("spoke"), &Slot::Inner, &add, at(21)));
        assert!(!flips.holds(&hub, &Slot::Inner, &ChangeKind::Rename("x".into()), at(21)));
        // While it goes on, one write in ten minutes.
        flips.note(&hub, &Slot::Inner, &add, at(20 + PAUSE));
        assert!(holds(&flips, 20 + PAUSE + 1));
        // An hour of peace ends it.
        flips.prune(at(20 + PAUSE + SPAN));
        assert_eq!(flips.next(at(20 + PAUSE + SPAN)), None);
        assert!(!holds(&flips, 20 + PAUSE + SPAN));
    }
}
