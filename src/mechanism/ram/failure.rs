//! What a failed call means for a step: a reason of the closed list, AWS's own words, and what follows.

use crate::{
    api::Reason,
    aws::{
        errors::{AwsError, Disposition, Remedy, Replan, Wait},
        fence::Refusal,
    },
    plan::{
        observed::Unknown,
        receipt::{Failure, Outcome, Then},
        step::Action,
    },
};

/// What came of a step whose call failed. To remove what is gone is done; of several members AWS does not say which is gone.
pub fn outcome(action: &Action, error: &AwsError) -> Outcome {
    let removes = match action {
        Action::Delete | Action::Untag(_) => true,
        Action::Disassociate(members) => members.len() == 1,
        _ => false,
    };
    match &error.disposition {
        Disposition::AlreadyDone => Outcome::AlreadyDone,
        Disposition::Replan(Replan::UnknownResource) if removes => Outcome::AlreadyDone,
        Disposition::Refused(refusal) => Outcome::NotSent(refusal.to_string()),
        disposition => Outcome::Failed(Failure {
            reason: reason(disposition),
            message: error.lasting(),
            then: then(disposition),
            certain: is_certain(disposition),
        }),
    }
}

/// Whether an error says for certain that AWS has done nothing. A token that was used before says that an earlier request was
/// taken; a fault of AWS's own may come after the effect.
pub fn is_certain(disposition: &Disposition) -> bool {
    match disposition {
        Disposition::Throttled
        | Disposition::Wait(Wait::OrganizationOnboarding | Wait::OrganizationBusy | Wait::PolicyToShow)
        | Disposition::Replan(Replan::UnknownResource | Replan::AnotherPolicy)
        | Disposition::UserMustAct(_)
        | Disposition::Denied
        | Disposition::Credentials
        | Disposition::RegionDisabled
        | Disposition::AccountSuspended
        | Disposition::Refused(_) => true,
        Disposition::Retry
        | Disposition::Wait(Wait::InFlight)
        | Disposition::Replan(Replan::TokenUsed)
        | Disposition::AlreadyDone
        | Disposition::OutcomeUnknown => false,
    }
}

/// Why a listing is unknown.
pub fn unknown(error: &AwsError) -> Unknown {
    Unknown { reason: reason(&error.disposition).as_str(), message: error.lasting() }
}

/// The reason of the closed list for a failed call.
pub fn reason(disposition: &Disposition) -> Reason {
    match disposition {
        Disposition::Retry => Reason::Unavailable,
        Disposition::Throttled => Reason::Throttled,
        Disposition::Wait(Wait::InFlight) => Reason::StateTransition,
        Disposition::Wait(Wait::OrganizationOnboarding) => Reason::OrgSharingNotEnabled,
        Disposition::Replan(Replan::UnknownResource) => Reason::ResourceUnknown,
        Disposition::Replan(Replan::TokenUsed | Replan::AnotherPolicy)
        | Disposition::AlreadyDone
        | Disposition::OutcomeUnknown
        | Disposition::Wait(Wait::PolicyToShow) => Reason::Converging,
        Disposition::UserMustAct(remedy) => remedied(*remedy),
        Disposition::Denied => Reason::AccessDenied,
        Disposition::Credentials => Reason::CredentialsExpired,
        Disposition::RegionDisabled => Reason::RegionDisabled,
        Disposition::AccountSuspended => Reason::AccountSuspended,
        Disposition::Refused(Refusal::Halted(_)) => Reason::Halted,
        Disposition::Wait(Wait::OrganizationBusy) | Disposition::Refused(_) => Reason::Waiting,
    }
}

fn remedied(remedy: Remedy) -> Reason {
    match remedy {
        Remedy::EnableOrganizationSharing => Reason::OrgSharingNotEnabled,
        Remedy::DeclareOutside => Reason::WrongSide,
        Remedy::RaiseQuota => Reason::QuotaExceeded,
        Remedy::CorrectPolicy => Reason::PolicyInvalid,
        Remedy::UseOwnKey => Reason::DefaultKey,
        _ => Reason::InvalidRequest,
    }
}

fn then(disposition: &Disposition) -> Then {
    match disposition {
        Disposition::Replan(Replan::TokenUsed) => Then::RenewToken,
        Disposition::Replan(_) | Disposition::OutcomeUnknown | Disposition::AlreadyDone => Then::Replan,
        Disposition::UserMustAct(_)
        | Disposition::Denied
        | Disposition::Credentials
        | Disposition::RegionDisabled
        | Disposition::AccountSuspended => Then::PersonMustAct,
        Disposition::Retry | Disposition::Throttled | Disposition::Wait(_) | Disposition::Refused(_) => {
            Then::Wait
        }
    }
}
