//! Each declared target and resource with its state in AWS.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::Reason,
    api::share_status::{EntryState, Invitation, PrincipalState, ResourceState},
    model::{Principal, Side},
    mutant::{self, Mutant},
    plan::{
        change::ChangeKind,
        desired::{Cause, DesiredShare, Refusal, Standing, Target},
        observed::{AssociationState, Container, Row},
        view::SideView,
    },
};

/// What is known of one side: the container and what the plan says of it.
#[derive(Clone, Copy, Default)]
pub(super) struct Known<'a> {
    pub(super) container: Option<&'a Container>,
    pub(super) view: Option<&'a SideView>,
}

impl Known<'_> {
    fn principal(&self, principal: &Principal) -> Option<&Row> {
        self.container.and_then(|container| container.principals.get(principal))
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
pub(super) fn principals(desired: &DesiredShare, known: &BTreeMap<Side, Known<'_>>) -> Vec<PrincipalState> {
    let of = |target: &Target| principal(target, known.get(&target.side).copied().unwrap_or_default());
    let mut entries: Vec<_> = desired.targets.iter().map(of).collect();
    entries.sort_by_key(|entry| entry.state == EntryState::InForce);
    entries
}

fn principal(target: &Target, known: Known<'_>) -> PrincipalState {
    let row = target.principal.as_ref().and_then(|p| known.principal(p));
    let external = target.side == Side::Outer;
    let principal = target.principal.as_ref();
    let held = principal.and_then(|p| known.held(&ChangeKind::AddPrincipal(p.clone())));
    let kept = principal.and_then(|p| known.kept(&ChangeKind::RemovePrincipal(p.clone())));
    let (state, message) = state(&target.standing, target.refusal.as_ref(), row, held, kept, external);
    let refused = target.refusal.as_ref().map(|refusal| refusal.reason);
    let kept = kept.filter(|_| state == EntryState::InForce);
    let reason = kept.or(refused).or(held.filter(|_| state == EntryState::Held));
    PrincipalState {
        id: target.principal.as_ref().map(ToString::to_string).unwrap_or_default(),
        declared_as: Some(target.declared_as.clone()),
        reason: reason.map(|reason| reason.to_string()),
        invitation: (external && target.standing == Standing::Granted).then(|| invitation(row)),
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
pub(super) fn resources(desired: &DesiredShare, known: &BTreeMap<Side, Known<'_>>) -> Vec<ResourceState> {
    let mut entries: Vec<_> = desired
        .resources
        .iter()
        .map(|(arn, resource)| {
            let per_side = known.iter().filter(|(side, known)| {
                let grants =
                    desired.containers.get(side).is_some_and(|c| c.granted_principals().next().is_some());
                let row = known.container.and_then(|container| container.resources.get(arn));
                let lingers = matches!(resource.standing, Standing::Refused(_))
                    && row.is_some_and(|row| row.state.may_grant());
                grants || lingers
            });
            let states = per_side.map(|(_, known)| {
                let row = known.container.and_then(|container| container.resources.get(arn));
                let held = known.held(&ChangeKind::AddResource(arn.clone()));
                let kept = known.kept(&ChangeKind::RemoveResource(arn.clone()));
                let (state, message) =
                    state(&resource.standing, resource.refusal.as_ref(), row, held, kept, false);
                let kept = kept.filter(|_| state == EntryState::InForce && resource.refusal.is_some());
                (state, message, kept.or(held.filter(|_| state == EntryState::Held)))
            });
            let nowhere = || {
                let (state, message) =
                    state(&resource.standing, resource.refusal.as_ref(), None, None, None, false);
                (state, message, None)
            };
            let (state, message, held) =
                states.max_by_key(|(state, ..)| *state != EntryState::InForce).unwrap_or_else(nowhere);
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
