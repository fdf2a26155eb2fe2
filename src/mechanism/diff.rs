//! The difference between a desired and an observed container. Pure and total.
//!
//! RAM grants every principal of a share every resource in it, and a part of an object is a share of one resource. So a principal may be added only when no resource is
//! left in the share that should not be there, and the other way round: otherwise the write would grant what nobody
//! declared. Removals never wait.

mod permissions;

use std::collections::BTreeSet;

use crate::{
    model::{Mark, Principal, ResourceType, Slot, Timestamp},
    mutant::{self, Mutant},
    plan::{
        change::{Change, ChangeKind, Difference, Effect},
        claim::Claim,
        desired::{Cause, DesiredContainer, DesiredShare, Fate, Presence, Standing},
        observed::{AssociationState, Container, ContainerState, Row},
    },
};

/// How long a FAILED row stands before it is taken out and tried again, in seconds.
const RETRY_FAILED_AFTER: i64 = 600;

/// What to change so that the claimed container becomes the desired one. `open` are principals in it that nothing declares
/// and that no switch of the tenant may hold.
pub fn diff(
    share: &DesiredShare,
    want: &DesiredContainer,
    have: &Claim<'_>,
    mark: &Mark,
    open: &BTreeSet<Principal>,
    now: Timestamp,
) -> Difference {
    let mut difference =
        Difference { share: share.key.clone(), slot: want.slot.clone(), changes: vec![], waits: vec![] };
    let pending = pending(share, &want.slot, have);
    match (have, want.presence) {
        (Claim::Absent { .. }, Presence::Wanted) => {
            difference.changes.push(ChangeKind::Create.because(pending));
        }
        (Claim::Absent { open_until: Some(until), .. }, Presence::IfThere | Presence::Gone) => {
            difference.waits.push(match &want.slot {
                Slot::Object(object) => format!(
                    "whether what was last written into the policy of {object} is in force is certain on {until}"
                ),
                Slot::Inner | Slot::Outer => format!(
                    "AWS has not answered whether it made a share for it; whether it did is certain on {until}"
                ),
            });
        }
        (Claim::Absent { open_until: None, .. }, Presence::IfThere | Presence::Gone)
        | (Claim::Unadopted, _) => {}
        (Claim::Unread(unknown), _) => difference.waits.push(unknown.message.clone()),
        (Claim::Unlisted { id }, _) => difference.waits.push(match &want.slot {
            Slot::Object(object) => format!("the policy of {object} is read first"),
            Slot::Inner | Slot::Outer => format!("AWS does not list {id} yet, which was made a moment ago"),
        }),
        (Claim::Lost { id, to }, _) => {
            difference.waits.push(format!("{id} now belongs to {to} and is left alone"));
        }
        (Claim::Found(container), _) => {
            Comparison { share, want, container, mark, open, now, pending }.run(&mut difference);
        }
    }
    difference
}

/// Why what no refusal explains is to be changed.
fn pending(share: &DesiredShare, slot: &Slot, have: &Claim<'_>) -> Cause {
    let recorded = share.ledger.get(slot).is_some_and(|entry| entry.id.is_some());
    match share.applied_generation {
        _ if share.was_applied() => Cause::Drift,
        // The spec is the one that was carried out: something around it means another thing now.
        Some(generation) if generation == share.generation => Cause::Tree,
        None if !recorded && matches!(have, Claim::Found(_)) => Cause::Found,
        _ => Cause::Edit,
    }
}

struct Comparison<'a> {
    share: &'a DesiredShare,
    want: &'a DesiredContainer,
    container: &'a Container,
    mark: &'a Mark,
    open: &'a BTreeSet<Principal>,
    now: Timestamp,
    /// The cause of whatever no refusal explains.
    pending: Cause,
}

impl Comparison<'_> {
    fn run(&self, out: &mut Difference) {
        if let Some(wait) = self.unwritable() {
            return out.waits.push(wait);
        }
        if self.share.fate == Fate::Undecided && self.removals_beyond_tenant().is_empty() {
            return;
        }
        if self.must_mark_first() {
            return out.changes.push(ChangeKind::Mark.because(self.cause_of_mark()));
        }
        if self.want.presence == Presence::Gone && self.may_delete_whole() {
            return out.changes.push(ChangeKind::Delete.because(self.cause_of_deletion()));
        }
        if self.share.fate == Fate::Undecided {
            return out.changes.extend(self.removals_beyond_tenant());
        }
        if self.share.fate == Fate::Revoke {
            out.changes.extend(self.removals_beyond_tenant());
            return out.changes.push(ChangeKind::Delete.because(Cause::Deletion));
        }
        for removal in self.removals() {
            match removal {
                Ok(change) => out.changes.push(change),
                Err(wait) => out.waits.push(wait),
            }
        }
        self.external(out);
        self.permissions(out);
        self.additions(out);
        self.name_and_tags(out);
    }

    fn unwritable(&self) -> Option<String> {
        let Container { id, state, message, .. } = self.container;
        let words = message.as_deref().map(|m| format!(": {m}")).unwrap_or_default();
        match state {
            ContainerState::Active => None,
            // A share that AWS could not make can still be deleted.
            ContainerState::Failed if self.want.presence == Presence::Gone => None,
            ContainerState::Pending => Some(format!("{id} is being made by AWS (PENDING)")),
            other => Some(format!("{id} is {other}{words}; it is left alone")),
        }
    }

    /// A mark that is gone or of another life of the Share is written first: nothing is done to what is not visibly ours.
    /// A deletion takes the container as it is claimed: who deletes a restored Share means this one.
    fn must_mark_first(&self) -> bool {
        let found = self.container.mark();
        match self.want.presence {
            Presence::Gone => found.is_none(),
            Presence::Wanted | Presence::IfThere => {
                found.as_ref() != Some(self.mark) && !self.uid_is_unknown(found.as_ref())
            }
        }
    }

    /// Manifests from a folder have no UID: then the one in AWS is as good as any.
    fn uid_is_unknown(&self, found: Option<&Mark>) -> bool {
        self.mark.uid.is_empty() && found.is_some_and(|found| found.claims_same(self.mark))
    }

    /// What is to be taken out whatever the tenant holds back needs the mark first, and takes it along.
    fn cause_of_mark(&self) -> Cause {
        let otherwise = if self.container.mark().is_some() { Cause::Claim } else { self.pending };
        self.removals_beyond_tenant().first().map_or(otherwise, |removal| removal.cause)
    }

    fn removals_beyond_tenant(&self) -> Vec<Change> {
        let removals = self.removals().into_iter().filter_map(Result::ok);
        let open =
            |kind: &ChangeKind| matches!(kind, ChangeKind::RemovePrincipal(p) if self.open.contains(p));
        removals
            .filter(|c| c.effect == Effect::Narrow && (c.cause.is_beyond_tenant() || open(&c.kind)))
            .collect()
    }

    /// While the tenant holds changes back, ends of `until` must pass on their own: principal by principal.
    fn may_delete_whole(&self) -> bool {
        let held_back = self.share.switches.report || self.share.switches.suspend;
        !held_back || !self.container.principals.values().any(|row| row.state.may_grant())
    }

    fn cause_of_deletion(&self) -> Cause {
        if self.share.fate == Fate::Revoke {
            return Cause::Deletion;
        }
        let refused = self.want.principals.values().filter_map(|standing| match standing {
            Standing::Refused(cause) => Some(*cause),
            Standing::Granted | Standing::Held => None,
        });
        refused.max().unwrap_or(self.pending)
    }

    /// What is to be taken out, and in words what would be if this version knew its state.
    fn removals(&self) -> Vec<Result<Change, String>> {
        let principals = self.container.principals.iter().map(|(p, row)| {
            // A name that means nobody makes no edit of what was drift, or was only found.
            let unnamed =
                (!self.want.unresolved).then(|| self.pending.max(self.want.nameless.unwrap_or(self.pending)));
            let removal = self.removal_of(self.want.principals.get(p), row, unnamed);
            (ChangeKind::RemovePrincipal(p.clone()), p.to_string(), row, removal)
        });
        let resources = self.container.resources.iter().map(|(r, row)| {
            let removal = self.removal_of(self.want.resources.get(r), row, Some(self.pending));
            (ChangeKind::RemoveResource(r.clone()), r.clone(), row, removal)
        });
        let all = principals.chain(resources);
        all.filter_map(|(kind, name, row, removal)| match removal {
            Removal::No => None,
            Removal::Now(cause, effect) => Some(Ok(Change { kind, cause, effect })),
            Removal::Never => Some(Err(format!("{name} is {} and is left alone", row.state))),
        })
        .collect()
    }

    /// `unnamed` is the cause where nothing declares the member; none where it may be somebody who is held.
    fn removal_of(&self, standing: Option<&Standing>, row: &Row, unnamed: Option<Cause>) -> Removal {
        let cause = match standing {
            Some(Standing::Held) => return Removal::No,
            Some(Standing::Granted) => return self.retry_of(row),
            Some(Standing::Refused(cause)) => *cause,
            None => match unnamed {
                Some(cause) => cause,
                None => return Removal::No,
            },
        };
        match &row.state {
            AssociationState::Associating | AssociationState::Associated => {
                Removal::Now(cause, Effect::Narrow)
            }
            AssociationState::Failed => Removal::Now(cause, Effect::Neutral),
            AssociationState::Disassociating | AssociationState::Disassociated => Removal::No,
            AssociationState::Other(_) => Removal::Never,
        }
    }

    /// A FAILED row of a wanted thing is taken out when it has stood for a while; the next pass adds it again.
    fn retry_of(&self, row: &Row) -> Removal {
        let stood =
            row.since.is_some_and(|since| self.now.as_second() - since.as_second() >= RETRY_FAILED_AFTER);
        match row.state {
            AssociationState::Failed if stood => Removal::Now(self.pending, Effect::Neutral),
            _ => Removal::No,
        }
    }

    fn external(&self, out: &mut Difference) {
        let want = self.want.slot == Slot::Outer;
        if self.container.allows_external == want {
            return;
        }
        let outsiders = self.container.outside();
        match outsiders.first() {
            // What AWS does when the flag falls under outsiders is not documented (ram.md §3): they go first.
            Some(first) if !want => {
                out.waits.push(format!("external principals stay allowed until {first} is removed"));
            }
            _ => out.changes.push(ChangeKind::SetExternal(want).because(self.pending)),
        }
    }

    fn unwanted_principals(&self) -> BTreeSet<String> {
        let granted: BTreeSet<_> = self.want.granted_principals().collect();
        let live =
            self.container.principals.iter().filter(|(p, row)| row.state.may_grant() && !granted.contains(p));
        live.map(|(p, _)| p.to_string()).collect()
    }

    fn unwanted_resources(&self) -> BTreeSet<String> {
        let granted: BTreeSet<_> = self.want.granted_resources().collect();
        let live =
            self.container.resources.iter().filter(|(r, row)| row.state.may_grant() && !granted.contains(r));
        live.map(|(r, _)| r.clone()).collect()
    }

    /// A principal waits for resources to leave, a resource for principals, and both for the permission that they would
    /// otherwise be granted under.
    fn additions(&self, out: &mut Difference) {
        let waiting: BTreeSet<String> = self
            .permission_changes()
            .filter(|change| self.obstacle_to_permission(change).is_some())
            .map(|change| change.resource_type)
            .collect();
        let resources =
            if mutant::is(Mutant::WidenBeforeNarrow) { BTreeSet::new() } else { self.unwanted_resources() };
        let obstacle = resources.first().map(|r| left(r)).or_else(|| waiting.first().map(|t| swapped(t)));
        for p in self.want.granted_principals() {
            let row = self.container.principals.get(p);
            add(
                out,
                ChangeKind::AddPrincipal(p.clone()).because(self.pending),
                &p.to_string(),
                row,
                obstacle.as_deref(),
            );
        }
        let principals = self.unwanted_principals();
        for r in self.want.granted_resources() {
            let permission = waiting.iter().find(|t| is_of_type(r, t));
            let obstacle = principals.first().map(|p| left(p)).or_else(|| permission.map(|t| swapped(t)));
            let row = self.container.resources.get(r);
            add(out, ChangeKind::AddResource(r.clone()).because(self.pending), r, row, obstacle.as_deref());
        }
    }

    fn name_and_tags(&self, out: &mut Difference) {
        if self.container.name != self.want.name {
            out.changes.push(ChangeKind::Rename(self.want.name.clone()).because(self.pending));
        }
        let set = self.want.tags.iter().filter(|(key, value)| self.container.tags.get(*key) != Some(value));
        out.changes.extend(set.map(|(k, v)| ChangeKind::SetTag(k.clone(), v.clone()).because(self.pending)));
        let retired = self.want.retired_tags.iter().filter(|key| self.container.tags.contains_key(*key));
        out.changes.extend(retired.map(|key| ChangeKind::RemoveTag(key.clone()).because(self.pending)));
    }
}

/// Whether a resource is of a type, both in RAM's names; where the ARN tells no type, whether it may be.
pub(crate) fn is_of_type(arn: &str, resource_type: &str) -> bool {
    let Ok(arn) = arn.parse() else { return false };
    match ResourceType::of(&arn) {
        Some(known) => known.name == resource_type,
        None => ResourceType::may_be(resource_type, &arn),
    }
}

fn left(member: &str) -> String {
    format!("{member} is out of the share")
}

fn swapped(resource_type: &str) -> String {
    format!("the permission for {resource_type} is changed")
}

fn add(out: &mut Difference, addition: Change, name: &str, row: Option<&Row>, obstacle: Option<&str>) {
    match (row.map(|row| &row.state), obstacle) {
        (None | Some(AssociationState::Disassociated), None) => out.changes.push(addition),
        (None | Some(AssociationState::Disassociated), Some(obstacle)) => {
            out.waits.push(format!("{name} is added once {obstacle}"));
        }
        (Some(AssociationState::Disassociating), _) => {
            out.waits.push(format!("{name} is added once AWS has finished removing it"));
        }
        (
            Some(
                AssociationState::Failed
                | AssociationState::Associating
                | AssociationState::Associated
                | AssociationState::Other(_),
            ),
            _,
        ) => {}
    }
}

enum Removal {
    No,
    Now(Cause, Effect),
    /// In a state of the future: nobody knows what a write would do.
    Never,
}

#[cfg(test)]
mod tests;
