//! The conditions of a Share: one verdict, said in kstatus's terms.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::{
    api::{
        Reason,
        conditions::{self, ACCEPTED, DRIFTED, PERMITTED, READY, RECONCILING, STALLED, Status},
        share_status::{Drift, DriftAction, EntryState, PrincipalState, ResourceState},
    },
    model::Timestamp,
    plan::desired::{DesiredShare, Fate, Refusal, Standing},
};

/// How long a refusal that another object can lift counts as being on the way, in seconds.
const LIFTABLE_FOR: i64 = 600;

/// How things stand with a Share, worst first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) ready: Status,
    pub(super) reason: Reason,
    pub(super) message: String,
    /// Whether waiting can help.
    pub(super) moving: bool,
}

impl Verdict {
    pub(super) fn moving(reason: Reason, message: impl Into<String>) -> Self {
        Self { ready: Status::False, reason, message: message.into(), moving: true }
    }

    pub(super) fn stuck(reason: Reason, message: impl Into<String>) -> Self {
        Self { ready: Status::False, reason, message: message.into(), moving: false }
    }
}

/// Whether another object (a policy, a set, the organization) may lift it without an edit of the Share.
pub(super) fn is_liftable(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::NoPolicy
            | Reason::NotPermitted
            | Reason::TypeUnknown
            | Reason::NotGoverned
            | Reason::TreeUnknown
            | Reason::TreeStale
            | Reason::OrgSharingNotEnabled
    )
}

/// Writes the verdict. A passive Share (Report, suspend) has none, so that GitOps tools wait for nothing.
pub(super) fn write(
    conditions: &mut Vec<Condition>,
    verdict: &Verdict,
    passive: bool,
    generation: i64,
    now: Timestamp,
) {
    if passive {
        for type_ in [READY, RECONCILING, STALLED] {
            conditions::remove(conditions, type_);
        }
        return;
    }
    let Verdict { ready, reason, message, moving } = verdict;
    let tired = *moving && is_liftable(*reason) && has_stood(conditions, *reason, now);
    conditions::set(conditions, READY, *ready, *reason, message, Some(generation), now);
    let settled = *ready == Status::True;
    for (type_, holds) in
        [(RECONCILING, !settled && *moving && !tired), (STALLED, !settled && (!*moving || tired))]
    {
        if holds {
            conditions::set(conditions, type_, Status::True, *reason, message, Some(generation), now);
        } else {
            conditions::remove(conditions, type_);
        }
    }
}

/// Whether the Share has been not Ready for long, and last for this reason.
fn has_stood(conditions: &[Condition], reason: Reason, now: Timestamp) -> bool {
    conditions::find(conditions, READY).is_some_and(|ready| {
        ready.reason == reason.as_str()
            && ready.status != Status::True.as_str()
            && now.as_second() - ready.last_transition_time.0.as_second() >= LIFTABLE_FOR
    })
}

/// Writes what policy, drift and invitations say, each in its own condition.
pub(super) fn write_aspects(
    conditions: &mut Vec<Condition>,
    desired: &DesiredShare,
    drift: &[Drift],
    invited: usize,
    now: Timestamp,
) {
    let generation = desired.generation;
    match refused_by_policy(desired) {
        Some(refusal) => conditions::set(
            conditions,
            PERMITTED,
            Status::False,
            refusal.reason,
            &refusal.message,
            Some(generation),
            now,
        ),
        None => conditions::set(
            conditions,
            PERMITTED,
            Status::True,
            Reason::Permitted,
            "policy allows all that is declared",
            Some(generation),
            now,
        ),
    }
    let open: Vec<_> = drift.iter().filter(|line| line.action != DriftAction::Corrected).collect();
    let (status, reason, message) = match (open.first(), drift.first()) {
        (Some(line), _) if line.action == DriftAction::Held => {
            (Status::True, Reason::DriftHeld, summary(&open))
        }
        (Some(line), _) if line.action == DriftAction::Contended => (
            Status::True,
            Reason::Contended,
            format!("{}: somebody changes it back again and again", summary(&open)),
        ),
        (Some(_), _) => (Status::True, Reason::DriftReported, summary(&open)),
        (None, Some(_)) => {
            (Status::False, Reason::DriftCorrected, summary(&drift.iter().collect::<Vec<_>>()))
        }
        (None, None) => (Status::False, Reason::NoDrift, "AWS is as it was made".to_owned()),
    };
    conditions::set(conditions, DRIFTED, status, reason, &message, Some(generation), now);
    let accepted = if invited == 0 {
        (Status::True, Reason::NoneInvited, "no invitation is pending".to_owned())
    } else {
        (
            Status::False,
            Reason::InvitationPending,
            match invited {
                1 => "an invitation waits to be accepted outside; inside nobody waits for it".to_owned(),
                more => {
                    format!("{more} invitations wait to be accepted outside; inside nobody waits for them")
                }
            },
        )
    };
    conditions::set(conditions, ACCEPTED, accepted.0, accepted.1, &accepted.2, Some(generation), now);
}

fn summary(lines: &[&Drift]) -> String {
    let one = |line: &&Drift| {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        format!("{}: want {}, have {}", line.what, text(&line.want), text(&line.have))
    };
    let shown: Vec<String> = lines.iter().take(3).map(one).collect();
    let more = lines.len().saturating_sub(3);
    if more == 0 { shown.join("; ") } else { format!("{}; and {more} more", shown.join("; ")) }
}

fn refused_by_policy(desired: &DesiredShare) -> Option<&Refusal> {
    let refusals = desired.refusals.iter();
    let targets = desired.targets.iter().filter_map(|target| target.refusal.as_ref());
    let resources = desired.resources.values().filter_map(|resource| resource.refusal.as_ref());
    let mut all = refusals.chain(resources).chain(targets);
    all.find(|refusal| {
        matches!(refusal.reason, Reason::NoPolicy | Reason::NotPermitted | Reason::TypeUnknown)
    })
}

/// What the declared entries say: the first that keeps the Share from being Ready.
pub(super) fn verdict_of_entries(
    desired: &DesiredShare,
    principals: &[PrincipalState],
    resources: &[ResourceState],
) -> Option<Verdict> {
    if desired.fate != Fate::Keep {
        return Some(Verdict::moving(
            Reason::Deleting,
            "the Share is being deleted and its grants are being taken away",
        ));
    }
    let principal = |p: &PrincipalState| {
        (
            p.state,
            p.reason.clone(),
            format!(
                "{}: {}",
                p.declared_as.clone().unwrap_or_default(),
                p.message.clone().unwrap_or_default()
            ),
        )
    };
    let resource = |r: &ResourceState| {
        (r.state, r.reason.clone(), format!("{}: {}", r.arn, r.message.clone().unwrap_or_default()))
    };
    let entries: Vec<_> = resources.iter().map(resource).chain(principals.iter().map(principal)).collect();
    let count = |states: &[EntryState]| entries.iter().filter(|(state, ..)| states.contains(state)).count();
    let first = |states: &[EntryState]| entries.iter().find(|(state, ..)| states.contains(state));
    let refused = [EntryState::Refused, EntryState::Removing, EntryState::Expired];
    if let Some((_, reason, message)) = first(&refused).or_else(|| first(&[EntryState::Held])) {
        let reason = reason.as_deref().and_then(Reason::parse).unwrap_or(Reason::Waiting);
        let counted = count(&refused) + count(&[EntryState::Held]);
        let message = if counted > 1 {
            format!("{counted} entries are not granted; the first is {message}")
        } else {
            message.clone()
        };
        return Some(Verdict { ready: Status::False, reason, message, moving: is_liftable(reason) });
    }
    if let Some((_, _, message)) = first(&[EntryState::Failed]) {
        return Some(Verdict::stuck(
            Reason::AssociationFailed,
            format!("{} associations failed in AWS; the first is {message}", count(&[EntryState::Failed])),
        ));
    }
    if let Some((_, _, message)) = first(&[EntryState::Unknown]) {
        return Some(Verdict::stuck(Reason::StateTransition, message.clone()));
    }
    // Resources that are shared with nobody wait for nothing.
    let granted = desired.targets.iter().any(|target| target.standing == Standing::Granted);
    first(&[EntryState::Pending]).filter(|_| granted).map(|_| {
        Verdict::moving(
            Reason::Converging,
            format!("AWS is still working on {} of {} entries", count(&[EntryState::Pending]), entries.len()),
        )
    })
}
