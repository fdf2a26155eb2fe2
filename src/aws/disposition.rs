//! What can be done about a failed call: the words, each with its reason for a condition, its delay and its advice.

use std::time::Duration;

use super::fence::Refusal;

/// What is to be done about a failed call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Try the same again soon.
    Retry,
    /// AWS asks for fewer calls; the bucket has been told.
    Throttled,
    /// AWS is busy with an earlier change: not a failure, plan again later.
    Wait(Wait),
    /// What was planned on is not so: read, then plan again.
    Replan(Replan),
    /// Nothing but a person's change helps.
    UserMustAct(Remedy),
    /// What was asked for is so already.
    AlreadyDone,
    /// The credentials are good, but do not allow it.
    Denied,
    /// The credentials are expired, unusable or cannot be had.
    Credentials,
    /// The account has not opted in to the region, or the region does not exist.
    RegionDisabled,
    /// AWS has suspended the account.
    AccountSuspended,
    /// Our own fence kept the write from being sent.
    Refused(Refusal),
    /// A write was sent, and no answer came: it may have taken effect. Safe to repeat with the same client token.
    OutcomeUnknown,
}

/// What AWS is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// An association of the share is still being made or removed (ram.md §2.2, T09).
    InFlight,
    /// Sharing within the organization is being set up, or the type can only be shared there (T25).
    OrganizationOnboarding,
    /// Another change of the organization is in progress (ram.md §7.2).
    OrganizationBusy,
    /// AWS shows a policy from before the last write: nothing was sent.
    PolicyToShow,
}

/// What the plan was wrong about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replan {
    /// What it names is not there, or not yet.
    UnknownResource,
    /// The client token was used with other parameters.
    TokenUsed,
    /// A policy is another than the one that was read: nothing was sent.
    AnotherPolicy,
}

/// What a person has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Turn on RAM's sharing with the organization (T24).
    EnableOrganizationSharing,
    /// Name the principal as outside, or take it out (ram.md §3).
    DeclareOutside,
    /// Correct a principal's form (T22).
    CorrectPrincipal,
    /// Correct the request.
    CorrectRequest,
    /// See why AWS does not permit it: type, owner, organization (T19, T23).
    SeeWhatIsPermitted,
    /// Free or raise a quota.
    RaiseQuota,
    /// Correct the resource's own policy.
    CorrectPolicy,
    /// Encrypt the resource with a key of one's own.
    UseOwnKey,
    /// Correct tags, or the tag policy.
    CorrectTags,
    /// Stay within a rule or limit of the organization (T45).
    KeepOrganizationRule,
    /// Put the account into an organization.
    JoinOrganization,
    /// Call another region or partition.
    UseAnotherEndpoint,
    /// Send the invitation again.
    InviteAgain,
}

impl Disposition {
    /// The reason, in the form of a condition's: from a closed list.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Retry => "AwsUnavailable",
            Self::Throttled => "Throttled",
            Self::Wait(Wait::InFlight) => "AssociationInFlight",
            Self::Wait(Wait::OrganizationOnboarding) => "OrganizationOnboarding",
            Self::Wait(Wait::OrganizationBusy) => "OrganizationBusy",
            Self::Wait(Wait::PolicyToShow) => "PolicyToShow",
            Self::Replan(Replan::UnknownResource) => "UnknownResource",
            Self::Replan(Replan::TokenUsed) => "ClientTokenUsed",
            Self::Replan(Replan::AnotherPolicy) => "PolicyChanged",
            Self::UserMustAct(remedy) => remedy.reason(),
            Self::AlreadyDone => "AlreadyDone",
            Self::Denied => "AccessDenied",
            Self::Credentials => "CredentialsUnusable",
            Self::RegionDisabled => "RegionDisabled",
            Self::AccountSuspended => "AccountSuspended",
            Self::Refused(Refusal::NotLeader) => "NotLeader",
            Self::Refused(Refusal::Halted(_)) => "Halted",
            Self::Refused(Refusal::Stale(_)) => "PlanStale",
            Self::Refused(Refusal::ShuttingDown) => "ShuttingDown",
            Self::OutcomeUnknown => "OutcomeUnknown",
        }
    }

    /// When to try again without anything else having changed; none where that is the ordinary resync's business.
    pub fn again_after(&self) -> Option<Duration> {
        let seconds = match self {
            Self::Replan(_) | Self::AlreadyDone | Self::OutcomeUnknown => 1,
            Self::Retry => 5,
            Self::Throttled | Self::Wait(Wait::InFlight | Wait::PolicyToShow) => 15,
            Self::Wait(Wait::OrganizationBusy) => 60,
            Self::Wait(Wait::OrganizationOnboarding) | Self::Credentials | Self::Denied => 300,
            Self::RegionDisabled | Self::AccountSuspended => 3600,
            Self::UserMustAct(_) | Self::Refused(_) => return None,
        };
        Some(Duration::from_secs(seconds))
    }

    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::UserMustAct(remedy) => remedy.advice(),
            Self::Denied => {
                "Compare the role's policies and the organization's service control policies with `sharekeeper iam`."
            }
            Self::Credentials => {
                "Check the controller's own credentials, the role's trust policy and external id, and the node's clock."
            }
            Self::RegionDisabled => {
                "Enable the region in the account, or take it out of the AccountSet. It is asked again hourly."
            }
            Self::AccountSuspended => "Reactivate the account with AWS, or take it out of the AccountSet.",
            Self::Wait(Wait::OrganizationOnboarding) => {
                "Share it with targets inside the organization only, and see that sharing with the organization is on: \
                 `aws ram enable-sharing-with-aws-organization` in the management account."
            }
            _ => "",
        }
    }
}

impl Remedy {
    fn reason(self) -> &'static str {
        match self {
            Self::EnableOrganizationSharing => "OrganizationSharingOff",
            Self::DeclareOutside => "PrincipalOutsideOrganization",
            Self::CorrectPrincipal => "PrincipalMalformed",
            Self::CorrectRequest => "RequestInvalid",
            Self::SeeWhatIsPermitted => "OperationNotPermitted",
            Self::RaiseQuota => "QuotaReached",
            Self::CorrectPolicy => "PolicyRefused",
            Self::UseOwnKey => "DefaultKey",
            Self::CorrectTags => "TagsRefused",
            Self::KeepOrganizationRule => "OrganizationConstraint",
            Self::JoinOrganization => "NoOrganization",
            Self::UseAnotherEndpoint => "WrongEndpoint",
            Self::InviteAgain => "InvitationGone",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::EnableOrganizationSharing => {
                "Run `aws ram enable-sharing-with-aws-organization` in the management account (turning on trusted access \
                 in Organizations instead is not enough), and check that the target still exists."
            }
            Self::DeclareOutside => {
                "Declare it as externalAccount or externalRole with allowExternal, or take it out."
            }
            Self::CorrectPrincipal => {
                "Name the target by its id or path in the Share: the controller sends its full ARN."
            }
            Self::CorrectRequest => "Correct what the message names in the Share.",
            Self::SeeWhatIsPermitted => {
                "Check that the account owns the resource, that its type can be shared with this kind of target, and that \
                 the target belongs to the same organization."
            }
            Self::RaiseQuota => "Raise the quota in Service Quotas, or share less.",
            Self::CorrectPolicy => {
                "Correct the resource's own policy in AWS: AWS checks all of it each time, also statements of former years, \
                 and takes no principal that does not exist."
            }
            Self::UseOwnKey => "",
            Self::CorrectTags => "Correct spec.tags, or the organization's tag policy.",
            Self::KeepOrganizationRule => "Make room within the limit that the message names.",
            Self::JoinOrganization => {
                "The account belongs to no organization: name targets by account id, or let it join one."
            }
            Self::UseAnotherEndpoint => {
                "Check the region: this operation is served elsewhere in the partition."
            }
            Self::InviteAgain => "The invitation is over: the owner has to share again.",
        }
    }
}
