//! The difference between a desired and an observed resource share. Pure and total.
//!
//! RAM grants every principal of a share every resource in it. So a principal may be added only when no resource is
//! left in the share that should not be there, and the other way round: otherwise the write would grant what nobody
//! declared. Removals never wait.

use std::collections::BTreeSet;

use crate::{
    model::{Mark, ResourceType, Side, Timestamp},
    plan::{
        change::{Change, ChangeKind, Difference, Effect, PermissionChange},
        claim::Claim,
        desired::{Cause, DesiredContainer, DesiredShare, Fate, Presence, Standing},
        observed::{AssociationState, Container, ContainerState, Row},
    },
};

/// How long a FAILED row stands before it is taken out and tried again, in seconds.
const RETRY_FAILED_AFTER: i64 = 600;

/// What to change so that the claimed container becomes the desired one.
pub fn diff(
    share: &DesiredShare,
    want: &DesiredContainer,
    have: &Claim<'_>,
    mark: &Mark,
    now: Timestamp,
) -> Difference {
    let mut difference =
        Difference { share: share.key.clone(), side: want.side, changes: vec![], waits: vec![] };
    let pending = if share.was_applied() { Cause::Drift } else { Cause::Edit };
    match (have, want.presence) {
        (Claim::Absent { .. }, Presence::Wanted) => {
            difference.changes.push(ChangeKind::Create.because(pending));
        }
        (Claim::Absent { .. }, Presence::IfThere | Presence::Gone) => {}
        (Claim::Unlisted { id }, _) => {
            difference.waits.push(format!("AWS does not list {id} yet, which was made a moment ago"));
        }
        (Claim::Lost { id, to }, _) => {
            difference.waits.push(format!("{id} now belongs to {to} and is left alone"));
        }
        (Claim::Found(container), _) => {
            Comparison { share, want, container, mark, now, pending }.run(&mut difference);
        }
    }
    difference
}

struct Comparison<'a> {
    share: &'a DesiredShare,
    want: &'a DesiredContainer,
    container: &'a Container,
    mark: &'a Mark,
    now: Timestamp,
    /// The cause of whatever no refusal explains.
    pending: Cause,
}

impl Comparison<'_> {
    fn run(&self, out: &mut Difference) {
        if let Some(wait) = self.unwritable() {
            return out.waits.push(wait);
        }
        if self.must_mark_first() {
            let cause = if self.container.mark().is_some() { Cause::Claim } else { self.pending };
            out.changes.push(ChangeKind::Mark.because(cause));
            return;
        }
        if self.want.presence == Presence::Gone && self.may_delete_whole() {
            return out.changes.push(ChangeKind::Delete.because(self.cause_of_deletion()));
        }
        self.removals(out);
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

    /// While the tenant holds changes back, ends of `until` must pass on their own: principal by principal.
    fn may_delete_whole(&self) -> bool {
        let held_back = self.share.switches.report || self.share.switches.suspend;
        self.share.fate == Fate::Revoke
            || !held_back
            || !self.container.principals.values().any(|row| row.state.may_grant())
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

    fn removals(&self, out: &mut Difference) {
        let principals = self.container.principals.iter().map(|(p, row)| {
            (
                ChangeKind::RemovePrincipal(p.clone()),
                p.to_string(),
                self.want.principals.get(p),
                row,
                self.want.unresolved,
            )
        });
        let resources = self.container.resources.iter().map(|(r, row)| {
            (ChangeKind::RemoveResource(r.clone()), r.clone(), self.want.resources.get(r), row, false)
        });
        for (removal, name, standing, row, may_be_held) in principals.chain(resources) {
            match self.removal_of(standing, row, may_be_held) {
                Removal::No => {}
                Removal::Now(cause, effect) => out.changes.push(Change { kind: removal, cause, effect }),
                Removal::Never => out.waits.push(format!("{name} is {} and is left alone", row.state)),
            }
        }
    }

    fn removal_of(&self, standing: Option<&Standing>, row: &Row, may_be_held: bool) -> Removal {
        let cause = match standing {
            Some(Standing::Held) => return Removal::No,
            None if may_be_held => return Removal::No,
            Some(Standing::Granted) => return self.retry_of(row),
            Some(Standing::Refused(cause)) => *cause,
            None => self.pending,
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
        let want = self.want.side == Side::Outer;
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

    fn permissions(&self, out: &mut Difference) {
        let changes: Vec<PermissionChange> =
            self.want.types.iter().filter_map(|t| self.permission(t)).collect();
        if changes.is_empty() {
            return;
        }
        match self.unwanted_principals().first() {
            Some(principal) => {
                out.waits.push(format!("the permission change waits until {principal} is removed"));
            }
            None => out
                .changes
                .extend(changes.into_iter().map(|c| ChangeKind::SetPermission(c).because(self.pending))),
        }
    }

    /// One permission a type (ram.md §4). A type's own default is right where the Share names none, whatever its version.
    fn permission(&self, resource_type: &str) -> Option<PermissionChange> {
        let wanted = self.want.permissions.get(resource_type);
        let attached = self.container.permissions.get(resource_type);
        let right = match (wanted, attached) {
            (Some(wanted), Some(attached)) => {
                attached.arn == wanted.arn
                    && wanted.version.as_ref().map_or(attached.is_default_version, |pinned| {
                        // Blank: written a moment ago and not read back yet.
                        attached.version.is_empty() || *pinned == attached.version
                    })
            }
            (Some(_), None) => false,
            (None, Some(attached)) => attached.is_type_default(),
            // RAM attaches the default with the first resource of the type; without one the resource is unusable (T32).
            (None, None) => !self.shares_type(resource_type),
        };
        (!right).then(|| PermissionChange::to(resource_type, wanted))
    }

    fn shares_type(&self, resource_type: &str) -> bool {
        let present = self.container.resources.iter().filter(|(_, row)| row.state.is_present());
        present.filter_map(|(arn, _)| ResourceType::of(&arn.parse().ok()?)).any(|t| t.name == resource_type)
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

    fn additions(&self, out: &mut Difference) {
        let principals = self
            .want
            .granted_principals()
            .map(|p| (ChangeKind::AddPrincipal(p.clone()), p.to_string(), self.container.principals.get(p)));
        self.add(out, principals, self.unwanted_resources().first());
        let resources = self
            .want
            .granted_resources()
            .map(|r| (ChangeKind::AddResource(r.clone()), r.clone(), self.container.resources.get(r)));
        self.add(out, resources, self.unwanted_principals().first());
    }

    fn add<'b>(
        &self,
        out: &mut Difference,
        wanted: impl Iterator<Item = (ChangeKind, String, Option<&'b Row>)>,
        obstacle: Option<&String>,
    ) {
        for (addition, name, row) in wanted {
            match (row.map(|row| &row.state), obstacle) {
                (None | Some(AssociationState::Disassociated), None) => {
                    out.changes.push(addition.because(self.pending));
                }
                (None | Some(AssociationState::Disassociated), Some(first)) => {
                    out.waits.push(format!("{name} is added once {first} is out of the share"));
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

enum Removal {
    No,
    Now(Cause, Effect),
    /// In a state of the future: nobody knows what a write would do.
    Never,
}
