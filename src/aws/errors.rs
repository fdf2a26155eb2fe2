//! What an AWS error means for us: the one place where codes and texts of AWS are told apart.

use std::{error::Error, fmt, io, time::Duration};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::{
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        RequestId, assume_role::AssumeRoleError,
        assume_role_with_web_identity::AssumeRoleWithWebIdentityError,
    },
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

pub use super::disposition::{Disposition, Remedy, Replan, Wait};
use super::fence::{Refusal, Refused, is_read};

/// A failed call: AWS's own words, and what they mean for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsError {
    /// The operation that AWS refused: usually the one called, but `AssumeRole` where credentials for it were refused.
    pub operation: &'static str,
    /// AWS's error code; none where AWS did not answer.
    pub code: Option<String>,
    /// AWS's message, or what went wrong on the way there.
    pub message: String,
    /// AWS's id of the request, for support cases.
    pub request_id: Option<String>,
    /// What is to be done.
    pub disposition: Disposition,
}

impl AwsError {
    /// Makes the error of a failed call of `operation`.
    pub fn from_sdk<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        if let Some(answer) = error.as_service_error() {
            let status = error.raw_response().map(|response| response.status().as_u16());
            return Self::answered(operation, answer, status);
        }
        Self::unanswered(operation, error)
    }

    /// The error of a call that was answered `returnValue: false` with HTTP 200, which is a failure (ram.md §1.2).
    pub fn returned_false(operation: &'static str) -> Self {
        Self::plain(operation, "AWS answered returnValue: false".to_owned(), Disposition::Retry)
    }

    /// The error of a listing that does not end.
    pub fn endless(operation: &'static str, what: &str) -> Self {
        Self::plain(operation, format!("the listing is incomplete: {what}"), Disposition::Retry)
    }

    /// The error of a call that our own deadline ended.
    pub fn timed_out(operation: &'static str, after: Duration) -> Self {
        let message = format!("no answer within {} s", after.as_secs());
        Self::plain(operation, message, without_answer(operation))
    }

    /// The error of a write that our own fence kept from being sent.
    pub fn refused(operation: &'static str, refusal: Refusal) -> Self {
        Self::plain(operation, format!("not sent: {refusal}"), Disposition::Refused(refusal))
    }

    /// The error of an answer that cannot be.
    pub fn unexpected(operation: &'static str, what: String) -> Self {
        Self::plain(operation, what, Disposition::Retry)
    }

    /// The same words whenever the same thing goes wrong, without the id of the request: for a status, in which nothing
    /// may move while nothing changes.
    pub fn lasting(&self) -> String {
        Self { request_id: None, ..self.clone() }.to_string()
    }

    /// What a person can do, in words; empty where there is nothing.
    pub fn advice(&self) -> &'static str {
        if self.operation.starts_with("AssumeRole") && self.disposition == Disposition::Denied {
            return "Check that the role exists, that its trust policy names the controller's role and the AccountSet's \
                    external id, and that the controller may assume it.";
        }
        self.disposition.advice()
    }

    /// An error in our own words.
    pub fn plain(operation: &'static str, message: String, disposition: Disposition) -> Self {
        Self { operation, code: None, message, request_id: None, disposition }
    }

    fn answered(operation: &'static str, answer: &impl ProvideErrorMetadata, status: Option<u16>) -> Self {
        let code = answer.code().unwrap_or_default();
        let message = answer.message().unwrap_or("AWS gave no message");
        Self {
            operation,
            code: answer.code().map(str::to_owned),
            message: message.to_owned(),
            request_id: answer.meta().request_id().map(str::to_owned),
            disposition: classify(operation, code, message, status),
        }
    }

    fn unanswered(operation: &'static str, error: &(dyn Error + 'static)) -> Self {
        for cause in causes(error) {
            if let Some(refused) = cause.downcast_ref::<Refused>() {
                return Self::from_refused(operation, refused);
            }
            if let Some(refused) = cause.downcast_ref::<AssumeRoleError>() {
                return Self::answered("AssumeRole", refused, None);
            }
            if let Some(refused) = cause.downcast_ref::<AssumeRoleWithWebIdentityError>() {
                return Self::answered("AssumeRoleWithWebIdentity", refused, None);
            }
        }
        let message = causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
        let disposition = if causes(error).any(<dyn Error>::is::<CredentialsError>) {
            Disposition::Credentials
        } else if NO_SUCH_HOST.iter().any(|text| message.contains(text)) {
            Disposition::RegionDisabled
        } else if causes(error).any(never_connected) {
            Disposition::Retry
        } else {
            without_answer(operation)
        };
        Self::plain(operation, message, disposition)
    }

    fn from_refused(operation: &'static str, refused: &Refused) -> Self {
        if refused.earlier_attempts == 0 {
            return Self::refused(operation, refused.refusal.clone());
        }
        let message =
            format!("sent {} times without a good answer, then {refused}", refused.earlier_attempts);
        Self::plain(operation, message, Disposition::OutcomeUnknown)
    }
}

/// AWS's own text first, then what to do.
impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation)?;
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        match self.advice() {
            "" => Ok(()),
            advice => write!(f, ". {advice}"),
        }
    }
}

impl Error for AwsError {}

/// How resolvers say that a name does not exist, as opposed to not being resolvable just now: an endpoint of a region
/// that is not there \[X\].
const NO_SUCH_HOST: [&str; 4] = [
    "Name or service not known",
    "No address associated with hostname",
    "Name does not resolve",
    "nodename nor servname provided",
];

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause: &&'a (dyn Error + 'static)| (*cause).source())
}

fn never_connected(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn without_answer(operation: &str) -> Disposition {
    if is_read(operation) { Disposition::Retry } else { Disposition::OutcomeUnknown }
}

/// The table: operation, code, text and HTTP status of AWS's answer to what it means. Texts decide before codes, since
/// RAM gives the same text under several codes (T25).
pub fn classify(operation: &str, code: &str, message: &str, status: Option<u16>) -> Disposition {
    let code = code.strip_suffix("Exception").unwrap_or(code);
    by_text(code, message)
        .or_else(|| by_operation(operation, code))
        .or_else(|| by_code(code))
        .unwrap_or_else(|| by_status(status))
}

fn by_text(code: &str, message: &str) -> Option<Disposition> {
    let says = |text: &str| message.contains(text);
    let found = if says("can only be shared within your AWS Organization") {
        Disposition::Wait(Wait::OrganizationOnboarding)
    } else if code == "UnknownResource"
        && says("could not be found")
        && (says("Organization o-") || says("OrganizationalUnit"))
    {
        Disposition::UserMustAct(Remedy::EnableOrganizationSharing)
    } else if says("is not in your AWS organization") {
        Disposition::UserMustAct(Remedy::DeclareOutside)
    } else if says("Principal ID") && says("malformed") {
        Disposition::UserMustAct(Remedy::CorrectPrincipal)
    } else if code == "InvalidParameter" && says("already been disassociated") {
        Disposition::AlreadyDone
    } else if code == "InvalidRequest" && says("marked for deletion") {
        // A secret that is to be deleted lets nobody in any more, and tells nothing but that.
        Disposition::Replan(Replan::UnknownResource)
    } else if says("account is suspended") || says("account is currently blocked") {
        Disposition::AccountSuspended
    } else {
        return None;
    };
    Some(found)
}

fn by_operation(operation: &str, code: &str) -> Option<Disposition> {
    match (operation, code) {
        ("DeleteResourceShare", "UnknownResource") => Some(Disposition::AlreadyDone),
        // "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'" [I].
        ("SetRepositoryPolicy" | "SetTopicAttributes", "InvalidParameter") => {
            Some(Disposition::UserMustAct(Remedy::CorrectPolicy))
        }
        // Before the region of a cell is called, its credentials have been proven: there these codes mean the region.
        (
            "AssumeRole" | "AssumeRoleWithWebIdentity" | "GetCallerIdentity",
            "UnrecognizedClient"
            | "InvalidClientTokenId"
            | "AuthFailure"
            | "InvalidIdentityToken"
            | "IDPRejectedClaim",
        ) => Some(Disposition::Credentials),
        _ => None,
    }
}

fn by_code(code: &str) -> Option<Disposition> {
    let found = match code {
        "Throttling"
        | "Throttled"
        | "RequestThrottled"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "PriorRequestNotComplete"
        | "BandwidthLimitExceeded" => Disposition::Throttled,
        "InvalidStateTransition" => Disposition::Wait(Wait::InFlight),
        "ConcurrentModification" | "PolicyChangesInProgress" | "FinalizingOrganization" => {
            Disposition::Wait(Wait::OrganizationBusy)
        }
        "UnknownResource"
        | "ResourceArnNotFound"
        | "ResourceShareInvitationArnNotFound"
        | "NotFound"
        | "ResourceNotFound"
        | "RepositoryNotFound"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue" => Disposition::Replan(Replan::UnknownResource),
        "IdempotentParameterMismatch" => Disposition::Replan(Replan::TokenUsed),
        "ResourceShareInvitationAlreadyAccepted"
        | "PolicyTypeAlreadyEnabled"
        | "DuplicatePolicyAttachment"
        | "PolicyNotAttached" => Disposition::AlreadyDone,
        "AccessDenied"
        | "AuthorizationError"
        | "AccessDeniedForDependency"
        | "UnauthorizedOperation"
        | "Unauthorized"
        | "Forbidden" => Disposition::Denied,
        "ExpiredToken"
        | "RequestExpired"
        | "SignatureDoesNotMatch"
        | "InvalidSignature"
        | "RequestTimeTooSkewed"
        | "IncompleteSignature"
        | "MissingAuthenticationToken" => Disposition::Credentials,
        "OptInRequired"
        | "RegionDisabled"
        | "UnrecognizedClient"
        | "InvalidClientTokenId"
        | "AuthFailure" => Disposition::RegionDisabled,
        "Blocked" | "AccountProblem" | "AccountSuspended" => Disposition::AccountSuspended,
        "InvalidNextToken"
        | "ServerInternal"
        | "ServiceUnavailable"
        | "Service"
        | "InternalFailure"
        | "KMSInternal"
        | "DependencyTimeout"
        | "InternalError"
        | "InternalServiceError"
        | "Server"
        | "RequestTimeout"
        | "IDPCommunicationError" => Disposition::Retry,
        _ => Disposition::UserMustAct(remedy(code)?),
    };
    Some(found)
}

fn remedy(code: &str) -> Option<Remedy> {
    let found = match code {
        "TagPolicyViolation" | "TagLimitExceeded" => Remedy::CorrectTags,
        "ConstraintViolation" | "PolicyTypeNotEnabled" | "PolicyTypeNotAvailableForOrganization" => {
            Remedy::KeepOrganizationRule
        }
        "AWSOrganizationsNotInUse" => Remedy::JoinOrganization,
        "UnsupportedAPIEndpoint" => Remedy::UseAnotherEndpoint,
        "OperationNotPermitted" | "UnsupportedOperation" | "KMSInvalidState" | "InvalidRequest" => {
            Remedy::SeeWhatIsPermitted
        }
        "MalformedPolicyDocument" | "PublicPolicy" | "InvalidAttributeValue" => Remedy::CorrectPolicy,
        "ResourceShareInvitationExpired" | "ResourceShareInvitationAlreadyRejected" => Remedy::InviteAgain,
        "MalformedArn"
        | "InvalidArn"
        | "InvalidParameter"
        | "MissingRequiredParameter"
        | "InvalidResourceType"
        | "InvalidClientToken"
        | "InvalidMaxResults"
        | "InvalidInput"
        | "ValidationError"
        | "Validation"
        | "InvalidPolicy"
        | "MalformedPolicyTemplate"
        | "UnmatchedPolicyPermission" => Remedy::CorrectRequest,
        quota
            if quota.ends_with("LimitExceeded")
                || quota == "ServiceQuotaExceeded"
                || quota == "OverLimit" =>
        {
            Remedy::RaiseQuota
        }
        _ => return None,
    };
    Some(found)
}

fn by_status(status: Option<u16>) -> Disposition {
    match status {
        Some(429) => Disposition::Throttled,
        Some(401 | 403) => Disposition::Denied,
        Some(400..=499) => Disposition::UserMustAct(Remedy::CorrectRequest),
        _ => Disposition::Retry,
    }
}
