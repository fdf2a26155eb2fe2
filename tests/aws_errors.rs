//! What AWS's errors mean: the table of ram.md §1, §7.2 and §8.

use std::time::Duration;

use sharekeeper::aws::{
    errors::{AwsError, Disposition, Remedy, Replan, Wait, classify},
    fence::Refusal,
};

const ORGANIZATION_ONLY: &str = "The resource you are attempting to share can only be shared within your AWS \
    Organization. This error may also occur if you have not enabled sharing with your AWS organization, or that \
    onboarding process is still in progress.";
const IN_FLIGHT: &str = "At least one of the associations in the resource share is in ASSOCIATING status.";
const NO_ORGANIZATION: &str = "Organization o-1a2b3c4d5e could not be found.";
const NO_UNIT: &str = "OrganizationalUnit ou-1a2b-3c4d5e6f could not be found";
const OUTSIDER: &str = "Principal 999988887777 is not in your AWS organization. You do not have permission to add \
    external AWS accounts to a resource share.";
const MALFORMED_PRINCIPAL: &str = "Principal ID o-1a2b3c4d5e is malformed. Verify the ID and try again.";
const NO_SHARE: &str =
    "ResourceShare arn:aws:ram:eu-west-1:111122223333:resource-share/x could not be found.";
const GONE: &str = "The permission has already been disassociated from the resource share.";
const BUSY: &str = "AWS Organizations can't complete your request because it conflicts with another attempt to modify \
    the same entity. Try again later";
const DENIED: &str = "User: arn:aws:sts::111122223333:assumed-role/sharekeeper/s is not authorized to perform: \
    ram:CreateResourceShare with an explicit deny in a service control policy";
const INVALID_TOKEN: &str = "The security token included in the request is invalid.";

const CREATE: &str = "CreateResourceShare";
const ASSOCIATE: &str = "AssociateResourceShare";
const DISASSOCIATE: &str = "DisassociateResourceShare";
const DELETE: &str = "DeleteResourceShare";
const READ: &str = "GetResourceShares";

fn remedy(remedy: Remedy) -> Disposition {
    Disposition::UserMustAct(remedy)
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn every_known_answer_has_its_meaning() {
    use Disposition::{
        AccountSuspended, AlreadyDone, Credentials, Denied, RegionDisabled, Replan as Again, Retry,
        Throttled, Wait as Later,
    };
    let table = [
        // Throttling, under every name (§1, §7.2).
        (CREATE, "ThrottlingException", "Rate exceeded", 429, Throttled),
        (READ, "ThrottlingException", "Rate exceeded", 400, Throttled),
        (
            "ListAccounts",
            "TooManyRequestsException",
            "another request is already in progress",
            400,
            Throttled,
        ),
        (READ, "RequestLimitExceeded", "", 503, Throttled),
        (READ, "", "", 429, Throttled),
        // Weather.
        (CREATE, "ServerInternalException", "", 500, Retry),
        (CREATE, "ServiceUnavailableException", "", 503, Retry),
        (READ, "InvalidNextTokenException", "", 400, Retry),
        (READ, "", "<html>bad gateway</html>", 502, Retry),
        // T09: a wait, not a failure.
        (DISASSOCIATE, "InvalidStateTransitionException", IN_FLIGHT, 400, Later(Wait::InFlight)),
        // T25: the same text under two codes.
        (
            ASSOCIATE,
            "OperationNotPermittedException",
            ORGANIZATION_ONLY,
            400,
            Later(Wait::OrganizationOnboarding),
        ),
        (CREATE, "InvalidParameterException", ORGANIZATION_ONLY, 400, Later(Wait::OrganizationOnboarding)),
        // T24, T19: the same code with two meanings.
        (
            ASSOCIATE,
            "UnknownResourceException",
            NO_ORGANIZATION,
            400,
            remedy(Remedy::EnableOrganizationSharing),
        ),
        (CREATE, "UnknownResourceException", NO_UNIT, 400, remedy(Remedy::EnableOrganizationSharing)),
        (ASSOCIATE, "UnknownResourceException", NO_SHARE, 400, Again(Replan::UnknownResource)),
        (DISASSOCIATE, "UnknownResourceException", NO_SHARE, 400, Again(Replan::UnknownResource)),
        (READ, "UnknownResourceException", NO_SHARE, 400, Again(Replan::UnknownResource)),
        (DELETE, "UnknownResourceException", NO_SHARE, 400, AlreadyDone),
        (DELETE, "ResourceArnNotFoundException", NO_SHARE, 400, Again(Replan::UnknownResource)),
        (CREATE, "IdempotentParameterMismatchException", "", 400, Again(Replan::TokenUsed)),
        // What other services call the same.
        ("GetResourcePolicy", "ResourceNotFoundException", "", 400, Again(Replan::UnknownResource)),
        ("GetRepositoryPolicy", "RepositoryNotFoundException", "", 400, Again(Replan::UnknownResource)),
        ("GetQueueUrl", "QueueDoesNotExist", "", 400, Again(Replan::UnknownResource)),
        (
            "SetQueueAttributes",
            "AWS.SimpleQueueService.NonExistentQueue",
            "",
            400,
            Again(Replan::UnknownResource),
        ),
        ("SetRepositoryPolicy", "InvalidParameterException", "", 400, remedy(Remedy::CorrectPolicy)),
        ("SetQueueAttributes", "InvalidAttributeValue", "", 400, remedy(Remedy::CorrectPolicy)),
        ("SetQueueAttributes", "OverLimit", "", 403, remedy(Remedy::RaiseQuota)),
        ("PutResourcePolicy", "PublicPolicyException", "", 400, remedy(Remedy::CorrectPolicy)),
        ("PutResourcePolicy", "InvalidRequestException", "", 400, remedy(Remedy::SeeWhatIsPermitted)),
        ("GetTopicAttributes", "NotFound", "Topic does not exist", 404, Again(Replan::UnknownResource)),
        ("GetTopicAttributes", "AuthorizationError", "", 403, Denied),
        (
            "SetTopicAttributes",
            "InvalidParameter",
            "Invalid parameter: Policy",
            400,
            remedy(Remedy::CorrectPolicy),
        ),
        ("GetResourcePolicy", "InternalServiceError", "", 500, Retry),
        ("GetRepositoryPolicy", "ServerException", "", 500, Retry),
        // Successes in disguise.
        ("DisassociateResourceSharePermission", "InvalidParameterException", GONE, 400, AlreadyDone),
        (
            "AcceptResourceShareInvitation",
            "ResourceShareInvitationAlreadyAcceptedException",
            "",
            400,
            AlreadyDone,
        ),
        ("EnablePolicyType", "PolicyTypeAlreadyEnabledException", "", 400, AlreadyDone),
        ("AttachPolicy", "DuplicatePolicyAttachmentException", "", 400, AlreadyDone),
        // T22, T23, T40 and what only a person can change.
        (CREATE, "InvalidParameterException", MALFORMED_PRINCIPAL, 400, remedy(Remedy::CorrectPrincipal)),
        (ASSOCIATE, "InvalidParameterException", OUTSIDER, 400, remedy(Remedy::DeclareOutside)),
        (ASSOCIATE, "OperationNotPermittedException", "", 400, remedy(Remedy::SeeWhatIsPermitted)),
        (CREATE, "MalformedArnException", "", 400, remedy(Remedy::CorrectRequest)),
        (CREATE, "InvalidParameterException", "no", 400, remedy(Remedy::CorrectRequest)),
        (CREATE, "ResourceShareLimitExceededException", "", 400, remedy(Remedy::RaiseQuota)),
        (CREATE, "TagLimitExceededException", "", 400, remedy(Remedy::CorrectTags)),
        ("TagResource", "TagPolicyViolationException", "", 400, remedy(Remedy::CorrectTags)),
        (ASSOCIATE, "NeverSeenException", "", 400, remedy(Remedy::CorrectRequest)),
        (
            "AcceptResourceShareInvitation",
            "ResourceShareInvitationExpiredException",
            "",
            400,
            remedy(Remedy::InviteAgain),
        ),
        // T44, T45 and the rest of §7.2.
        ("MoveAccount", "ConcurrentModificationException", BUSY, 400, Later(Wait::OrganizationBusy)),
        ("AttachPolicy", "PolicyChangesInProgressException", "", 400, Later(Wait::OrganizationBusy)),
        ("ListRoots", "FinalizingOrganizationException", "", 400, Later(Wait::OrganizationBusy)),
        ("AttachPolicy", "ConstraintViolationException", "", 400, remedy(Remedy::KeepOrganizationRule)),
        (
            "DescribeOrganization",
            "AWSOrganizationsNotInUseException",
            "",
            400,
            remedy(Remedy::JoinOrganization),
        ),
        ("ListRoots", "UnsupportedAPIEndpointException", "", 400, remedy(Remedy::UseAnotherEndpoint)),
        // Identity: who we are, where we are, what we may.
        (CREATE, "AccessDeniedException", DENIED, 403, Denied),
        ("AssumeRole", "AccessDenied", "not authorized to perform: sts:AssumeRole", 403, Denied),
        (READ, "", "", 403, Denied),
        (READ, "ExpiredTokenException", "", 403, Credentials),
        ("AssumeRole", "ExpiredToken", "", 403, Credentials),
        (READ, "InvalidSignatureException", "Signature expired", 403, Credentials),
        ("GetCallerIdentity", "InvalidClientTokenId", INVALID_TOKEN, 403, Credentials),
        ("AssumeRole", "UnrecognizedClientException", INVALID_TOKEN, 403, Credentials),
        (READ, "UnrecognizedClientException", INVALID_TOKEN, 403, RegionDisabled),
        (READ, "InvalidClientTokenId", INVALID_TOKEN, 403, RegionDisabled),
        (READ, "AuthFailure", "", 401, RegionDisabled),
        (READ, "OptInRequired", "", 403, RegionDisabled),
        ("AssumeRole", "RegionDisabledException", "", 403, RegionDisabled),
        (
            READ,
            "Blocked",
            "This account is currently blocked and not recognized as a valid account",
            403,
            AccountSuspended,
        ),
        (READ, "AccessDeniedException", "Your account is suspended.", 403, AccountSuspended),
    ];
    for (operation, code, message, status, meaning) in table {
        assert_eq!(
            classify(operation, code, message, Some(status)),
            meaning,
            "{operation} {code} {message} {status}"
        );
    }
}

#[test]
fn without_an_answer_a_read_may_be_repeated_and_the_outcome_of_a_write_is_unknown() {
    assert_eq!(AwsError::timed_out(READ, Duration::from_mins(1)).disposition, Disposition::Retry);
    assert_eq!(AwsError::timed_out(CREATE, Duration::from_mins(1)).disposition, Disposition::OutcomeUnknown);
    assert_eq!(classify(CREATE, "", "", None), Disposition::Retry);
}

#[test]
fn what_a_person_reads_is_what_aws_said_and_then_what_to_do() {
    let error = AwsError {
        operation: ASSOCIATE,
        code: Some("UnknownResourceException".into()),
        message: NO_UNIT.into(),
        request_id: Some("5f1c".into()),
        disposition: remedy(Remedy::EnableOrganizationSharing),
    };
    let text = error.to_string();
    assert!(
        text.starts_with(
            "AssociateResourceShare: UnknownResourceException: OrganizationalUnit ou-1a2b-3c4d5e6f"
        ),
        "{text}"
    );
    assert!(text.contains("(request 5f1c). Run `aws ram enable-sharing-with-aws-organization`"), "{text}");
    let refused = AwsError::refused(CREATE, Refusal::NotLeader).to_string();
    assert_eq!(refused, "CreateResourceShare: not sent: this controller does not hold the leadership lease");
}

#[test]
fn a_disabled_region_is_asked_again_hourly_and_what_a_person_must_change_is_not_repeated() {
    let again = |disposition: Disposition| disposition.again_after();
    assert_eq!(again(Disposition::RegionDisabled), Some(Duration::from_hours(1)));
    assert_eq!(again(remedy(Remedy::RaiseQuota)), None);
    assert!(again(Disposition::Wait(Wait::OrganizationOnboarding)) >= again(Disposition::Throttled));
}
