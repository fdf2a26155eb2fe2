//! Each declared target and resource with its state in AWS.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::Reason,
    api::share_status::{EntryState, Invitation, PrincipalState, ResourceState},
    model::{Principal, Side, Slot},
    mutant::{self, Mutant},
    plan::{
        change::ChangeKind,
        desired::{Cause, DesiredContainer, DesiredShare, Presence, Refusal, Standing, Target},
        observed::{AssociationState, Container, Row},
        view::SlotView,
    },
};

/// What is known of one container: the container and what the plan says of it.
#[derive(Clone, Copy, Default)]
pub(super) struct Known<'a> {
    pub(super) container: Option<&'a Container>,
    pub(super) view: Option<&'a SlotView>,
}

impl Known<'_> {
    fn principal(&self, principal: &Principal) -> Option<&Row> {
        self.container.and_then(|container| container.principals.get(principal))
    }

    /// What is said where its object could not be read.
    fn unread(&self) -> Option<(EntryState, Option<String>)> {
        let unknown = self.view?.unread.as_ref()?;
        Some((EntryState::Unknown, Some(unknown.message.clone())))
    }

    fn held(&self, kind: &ChangeKind) -> Option<Reason> {
        let held = self.view.iter().flat_map(|view| &view.held);
        let mut of = held.filter(|(change, _)| change.kind == *kind || change.kind == ChangeKind::Create);
        of.next().map(|(_, reason)| *reason)
    }

    /// What keeps something in that is to be taken out.
    fn kept(&self, removal: &ChangeKind) -> Option<Reason> {
        let held = self.view.iter().flat_map(|view| &view.held);
        let mut of = held.filter(|(change, _)| change.kind == *removal || change.kind == ChangeKind::Delete);
        of.next().map(|(_, reason)| *reason)
    }
}

/// The declared targets, those that are not in force first.
pub(super) fn principals(desired: &DesiredShare, known: &BTreeMap<Slot, Known<'_>>) -> Vec<PrincipalState> {
    let of = |target: &Target| {
        let each: Vec<_> = holders(desired, target, known).map(|known| principal(target, known)).collect();
        let invitation = each.iter().find_map(|entry| entry.invitation);
        let worst = each.into_iter().max_by_key(|entry| rank(entry.state));
        let worst = worst.unwrap_or_else(|| principal(target, Known::default()));
        PrincipalState { invitation, ..worst }
    };
    let mut entries: Vec<_> = desired.targets.iter().map(of).collect();
    entries.sort_by_key(|entry| entry.state == EntryState::InForce);
    entries
}

/// The containers in which a target is, or is to be: each that shares something, and else the RAM share of its side. It is in
/// force once it is so in all of them.
fn holders<'k>(
    desired: &DesiredShare,
    target: &Target,
    known: &'k BTreeMap<Slot, Known<'_>>,
) -> impl Iterator<Item = Known<'k>> {
    let home = Slot::from(target.side);
    let is_there =
        |known: &Known<'_>| target.principal.as_ref().is_some_and(|p| known.principal(p).is_some());
    let mut holding: Vec<Known<'k>> = known
        .iter()
        .filter(|(slot, known)| {
            let want = desired.containers.get(slot);
            let wanted = target.principal.as_ref().and_then(|p| want?.principals.get(p));
            let granted = target.standing != Standing::Granted || wanted == Some(&Standing::Granted);
            let shares = granted && want.is_some_and(|want| want.granted_resources().next().is_some());
            (**slot == home || slot.object().is_some()) && (shares && !is_leaving(want) || is_there(known))
        })
        .map(|(_, known)| *known)
        .collect();
    if holding.is_empty() {
        holding.extend(known.get(&home).copied());
    }
    holding.into_iter()
}

fn is_leaving(want: Option<&DesiredContainer>) -> bool {
    want.is_some_and(|want| want.presence == Presence::Gone)
}

/// What of several is said: whatever is not done, the one that a person has to look at first.
fn rank(state: EntryState) -> u8 {
    match state {
        EntryState::InForce => 0,
        EntryState::Pending => 1,
        EntryState::Removing => 2,
        EntryState::Invited => 3,
        EntryState::Held => 4,
        EntryState::Expired | EntryState::Refused => 5,
        EntryState::Failed | EntryState::Unknown => 6,
    }
}

fn principal(target: &Target, known: Known<'_>) -> PrincipalState {
    let row = target.principal.as_ref().and_then(|p| known.principal(p));
    let external = target.side == Side::Outer;
    // Nobody is asked whether he takes part in a policy.
    let invited = external && known.container.is_none_or(|container| !container.is_part());
    let principal = target.principal.as_ref();
    let held = principal.and_then(|p| known.held(&ChangeKind::AddPrincipal(p.clone())));
    let kept = principal.and_then(|p| known.kept(&ChangeKind::RemovePrincipal(p.clone())));
    let (state, message) = known
        .unread()
        .unwrap_or_else(|| state(&target.standing, target.refusal.as_ref(), row, held, kept, invited));
    let refused = target.refusal.as_ref().map(|refusal| refusal.reason);
    let kept = kept.filter(|_| state == EntryState::InForce);
    let reason = kept.or(refused).or(held.filter(|_| state == EntryState::Held));
    PrincipalState {
        id: target.principal.as_ref().map(ToString::to_string).unwrap_or_default(),
        declared_as: Some(target.declared_as.clone()),
        reason: reason.map(|reason| reason.to_string()),
        invitation: (invited && target.standing == Standing::Granted).then(|| invitation(row)),
        open_ended: target.principal.as_ref().is_some_and(Principal::is_open_ended),
        until: target.until.map(Time),
        declared_at: target.declared_at.map(Time),
        external,
        state,
        message,
    }
}

fn invitation(row: Option<&Row>) -> Invitation {
    match row.map(|row| &row.state) {
        Some(AssociationState::Associated) => Invitation::Accepted,
        Some(AssociationState::Disassociated | AssociationState::Disassociating) => Invitation::Ended,
        Some(AssociationState::Associating) => Invitation::Pending,
        Some(AssociationState::Failed | AssociationState::Other(_)) | None => Invitation::Unknown,
    }
}

/// The declared resources, those that are not in force first. A resource counts by the containers that should hold it.
pub(super) fn resources(desired: &DesiredShare, known: &BTreeMap<Slot, Known<'_>>) -> Vec<ResourceState> {
    let mut entries: Vec<_> = desired
        .resources
        .iter()
        .map(|(arn, resource)| {
            let per_slot = known.iter().filter(|(slot, known)| {
                let want = desired.containers.get(slot).filter(|want| want.resources.contains_key(arn));
                let grants = want.is_some_and(|want| want.granted_principals().next().is_some());
                let row = known.container.and_then(|container| container.resources.get(arn));
                let lingers = matches!(resource.standing, Standing::Refused(_))
                    && row.is_some_and(|row| row.state.may_grant());
                grants || lingers
            });
            let states = per_slot.map(|(_, known)| {
                let row = known.container.and_then(|container| container.resources.get(arn));
                let held = known.held(&ChangeKind::AddResource(arn.clone()));
                let kept = known.kept(&ChangeKind::RemoveResource(arn.clone()));
                let (state, message) = known.unread().unwrap_or_else(|| {
                    state(&resource.standing, resource.refusal.as_ref(), row, held, kept, false)
                });
                let kept = kept.filter(|_| state == EntryState::InForce && resource.refusal.is_some());
                (state, message, kept.or(held.filter(|_| state == EntryState::Held)))
            });
            let nowhere = || {
                let (state, message) =
                    state(&resource.standing, resource.refusal.as_ref(), None, None, None, false);
                (state, message, None)
            };
            let (state, message, held) =
                states.max_by_key(|(state, ..)| rank(*state)).unwrap_or_else(nowhere);
            let refused = resource.refusal.as_ref().map(|refusal| refusal.reason);
            let reason = if state == EntryState::InForce { held } else { refused.or(held) };
            let warning = || resource.warning().filter(|_| state == EntryState::InForce).map(str::to_owned);
            ResourceState {
                arn: arn.clone(),
                state,
                reason: reason.map(|reason| reason.to_string()),
                message: message.or_else(warning),
            }
        })
        .collect();
    entries.sort_by_key(|entry| entry.state == EntryState::InForce);
    entries
}

fn state(
    standing: &Standing,
    refusal: Option<&Refusal>,
    row: Option<&Row>,
    held: Option<Reason>,
    kept: Option<Reason>,
    external: bool,
) -> (EntryState, Option<String>) {
    let because = refusal.map(|refusal| refusal.message.clone());
    let live = row.is_some_and(|row| row.state.may_grant());
    match (standing, kept) {
        // What AWS grants is in force, whatever is to become of it.
        (Standing::Refused(_), Some(kept)) if row.is_some_and(|row| row.state.is_in_force()) => {
            let because = because.map(|because| format!("; {because}")).unwrap_or_default();
            (
                EntryState::InForce,
                Some(format!("it has access still, since its removal is held ({kept}){because}")),
            )
        }
        (standing, _) => unkept(standing, because, live, row, held, external),
    }
}

fn unkept(
    standing: &Standing,
    because: Option<String>,
    live: bool,
    row: Option<&Row>,
    held: Option<Reason>,
    external: bool,
) -> (EntryState, Option<String>) {
    match standing {
        Standing::Refused(_) if live => (EntryState::Removing, because),
        Standing::Refused(Cause::Expired) => (EntryState::Expired, because),
        Standing::Refused(_) => (EntryState::Refused, because),
        Standing::Held => (EntryState::Held, because),
        Standing::Granted => granted(row, held, external),
    }
}

fn granted(row: Option<&Row>, held: Option<Reason>, external: bool) -> (EntryState, Option<String>) {
    let held = held.map(|reason| format!("held: {reason}"));
    let Some(row) = row else {
        return held.map_or((EntryState::Pending, None), |held| (EntryState::Held, Some(held)));
    };
    let words = row.message.clone();
    match &row.state {
        AssociationState::Associated => (EntryState::InForce, None),
        AssociationState::Associating if external => {
            (EntryState::Invited, Some("the invitation waits to be accepted in that account".to_owned()))
        }
        AssociationState::Associating if mutant::is(Mutant::ReadyBeforeReadBack) => {
            (EntryState::InForce, None)
        }
        AssociationState::Associating => (EntryState::Pending, words),
        AssociationState::Failed => (
            EntryState::Failed,
            Some(words.unwrap_or_else(|| "AWS reports FAILED and gives no reason".to_owned())),
        ),
        AssociationState::Disassociating | AssociationState::Disassociated => match held {
            Some(held) => (EntryState::Held, Some(held)),
            None => (EntryState::Pending, words),
        },
        AssociationState::Other(text) => {
            (EntryState::Unknown, Some(format!("AWS says {text}; it is left alone")))
        }
    }
}
