//! The closed lists that label values come from.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};

use crate::{
    api::conditions,
    aws::{
        fence::Refusal,
        operations::{Operation, Service},
    },
    plan::{
        catalogue::Differences,
        change::{ChangeKind, Effect},
        receipt::{Outcome, Then},
        step::Action,
    },
};

/// Declares a label from one list, so that its values and `ALL` cannot differ.
macro_rules! label {
    ($(#[$doc:meta])+ $name:ident { $($(#[$of:meta])+ $value:ident,)+ }) => {
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$of])+ $value,)+ }

        impl $name {
            /// All values.
            pub const ALL: &'static [Self] = &[$(Self::$value,)+];

            /// The value as it stands in the exposition.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => stringify!($value),)+ }
            }
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
                self.as_str().encode(encoder)
            }
        }
    };
}

label! {
    /// How a pass ended.
    PassOutcome {
        /// There was nothing to do.
        Quiet,
        /// All that was planned was done.
        Changed,
        /// Something is held, or waits for AWS.
        Waiting,
        /// AWS could not be observed: nothing was planned.
        Unknown,
        /// A step failed, or the report could not be written.
        Failed,
        /// It was ended before its time: leadership was lost, or the plan was no longer current.
        Abandoned,
    }
}

label! {
    /// What a step writes.
    StepAction {
        /// CreateResourceShare.
        Create,
        /// DeleteResourceShare.
        Delete,
        /// DisassociateResourceShare.
        Disassociate,
        /// UpdateResourceShare.
        Update,
        /// AssociateResourceSharePermission.
        SetPermission,
        /// AssociateResourceShare.
        Associate,
        /// TagResource.
        Tag,
        /// UntagResource.
        Untag,
    }
}

label! {
    /// What a step does to access.
    StepEffect {
        /// Somebody may do less afterwards.
        Narrow,
        /// Nobody's access changes.
        Neutral,
        /// Somebody may do more afterwards.
        Widen,
    }
}

label! {
    /// What came of a step.
    StepOutcome {
        /// AWS took it.
        Done,
        /// It was so already.
        AlreadyDone,
        /// A former step failed, or the fence was down.
        NotSent,
        /// It failed, and is tried again by itself.
        FailedForNow,
        /// It failed, and needs a person.
        PersonMustAct,
    }
}

label! {
    /// In what AWS was found to differ.
    DriftKind {
        /// The whole share is gone.
        ShareGone,
        /// There is a share that should be none.
        ShareLeft,
        /// The mark is gone or another.
        Mark,
        /// Somebody is in who should not be, or the reverse.
        Principal,
        /// Something is in that should not be, or the reverse.
        Resource,
        /// The outside is allowed in, or kept out, wrongly.
        External,
        /// The name.
        Name,
        /// A permission.
        Permission,
        /// A tag.
        Tag,
    }
}

label! {
    /// Why a write was not sent.
    RefusalKind {
        /// Another controller leads.
        NotLeader,
        /// The installation is halted.
        Halted,
        /// What the plan was made from has changed.
        PlanStale,
        /// The process is ending.
        ShuttingDown,
    }
}

label! {
    /// What is written to the cluster.
    KubeKind {
        /// A Share's status or finalizer.
        Share,
        /// An AccountSet's status or finalizer.
        AccountSet,
        /// An AccountRegion.
        AccountRegion,
        /// An UndeclaredShare.
        UndeclaredShare,
        /// A SharingPolicy's status.
        SharingPolicy,
        /// An Organization's status.
        Organization,
        /// The Installation's status.
        Installation,
        /// An event.
        Event,
        /// The leadership lease.
        Lease,
    }
}

label! {
    /// What the apiserver answered.
    KubeOutcome {
        /// It was written.
        Ok,
        /// Somebody else wrote first, or it was there already (409).
        Conflict,
        /// It is not there (404).
        NotFound,
        /// It is not allowed (401, 403).
        Denied,
        /// A schema refuses it (400, 422).
        Invalid,
        /// There was no answer in time, or the apiserver is busy or broken.
        Unavailable,
    }
}

label! {
    /// What a Share's status says.
    Readiness {
        /// All that is declared is in force.
        Ready,
        /// It is on its way, or waits.
        Reconciling,
        /// A person has to act.
        Stalled,
        /// It is being taken away.
        Terminating,
        /// Nothing is said: Report, or suspended.
        NotEnforced,
    }
}

label! {
    /// In what RAM's list of resource types differs from that of this version.
    TypeDifference {
        /// RAM lists it and this version does not know it.
        Unknown,
        /// This version knows it and RAM does not list it.
        Unlisted,
        /// RAM says otherwise whether it is shared from one region only.
        Scope,
    }
}

label! {
    /// Whether a cell could be observed.
    Observed {
        /// All of it.
        Complete,
        /// Not, the last time.
        Unknown,
        /// It was not tried yet.
        NotYet,
    }
}

/// The service of a call; `other` if it is none that we know to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceLabel(Option<Service>);

impl ServiceLabel {
    pub(super) fn of(operation: &str) -> Self {
        Self(Operation::named(operation).map(|known| known.service))
    }
}

impl EncodeLabelValue for ServiceLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.map_or("other", Service::as_str).encode(encoder)
    }
}

/// The operation of a call; `other` if it is none that we know to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationLabel(&'static str);

impl OperationLabel {
    pub(super) fn of(operation: &str) -> Self {
        Self(Operation::named(operation).map_or("other", |known| known.name))
    }
}

impl EncodeLabelValue for OperationLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.encode(encoder)
    }
}

impl TypeDifference {
    /// How many types differ in it.
    pub(super) fn count(self, differences: &Differences) -> usize {
        match self {
            Self::Unknown => differences.unknown.len(),
            Self::Unlisted => differences.unlisted.len(),
            Self::Scope => differences.scoped_otherwise.len(),
        }
    }
}

impl StepAction {
    pub(super) fn of(action: &Action) -> Self {
        match action {
            Action::Create(_) => Self::Create,
            Action::Delete => Self::Delete,
            Action::Disassociate(_) => Self::Disassociate,
            Action::Update { .. } => Self::Update,
            Action::SetPermission(_) => Self::SetPermission,
            Action::Associate(_) => Self::Associate,
            Action::Tag(_) => Self::Tag,
            Action::Untag(_) => Self::Untag,
        }
    }
}

impl StepEffect {
    pub(super) fn of(effect: Effect) -> Self {
        match effect {
            Effect::Narrow => Self::Narrow,
            Effect::Neutral => Self::Neutral,
            Effect::Widen => Self::Widen,
        }
    }
}

impl StepOutcome {
    pub(super) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Done(_) => Self::Done,
            Outcome::AlreadyDone => Self::AlreadyDone,
            Outcome::NotSent(_) => Self::NotSent,
            Outcome::Failed(failure) if failure.then == Then::PersonMustAct => Self::PersonMustAct,
            Outcome::Failed(_) => Self::FailedForNow,
        }
    }
}

impl DriftKind {
    /// The kind that a line of drift in a status begins with (`plan::report`).
    pub(super) fn of_line(what: &str) -> Self {
        match what.split(' ').next().unwrap_or_default() {
            "principal" => Self::Principal,
            "resource" => Self::Resource,
            "permission" => Self::Permission,
            "tag" => Self::Tag,
            "name" => Self::Name,
            "mark" => Self::Mark,
            "allowExternalPrincipals" => Self::External,
            _ => Self::ShareGone,
        }
    }

    pub(super) fn of(change: &ChangeKind) -> Self {
        match change {
            ChangeKind::Create => Self::ShareGone,
            ChangeKind::Delete => Self::ShareLeft,
            ChangeKind::Mark => Self::Mark,
            ChangeKind::AddPrincipal(_) | ChangeKind::RemovePrincipal(_) => Self::Principal,
            ChangeKind::AddResource(_) | ChangeKind::RemoveResource(_) => Self::Resource,
            ChangeKind::SetExternal(_) => Self::External,
            ChangeKind::Rename(_) => Self::Name,
            ChangeKind::SetPermission(_) => Self::Permission,
            ChangeKind::SetTag(..) | ChangeKind::RemoveTag(_) => Self::Tag,
        }
    }
}

impl RefusalKind {
    pub(super) fn of(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::NotLeader => Self::NotLeader,
            Refusal::Halted(_) => Self::Halted,
            Refusal::Stale(_) => Self::PlanStale,
            Refusal::ShuttingDown => Self::ShuttingDown,
        }
    }

    /// The refusal that a call's outcome names, if it is one.
    pub(super) fn named(outcome: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == outcome)
    }
}

impl KubeOutcome {
    /// What an answer of the apiserver comes to.
    pub fn of<T>(answer: &Result<T, kube::Error>) -> Self {
        answer.as_ref().map_or_else(Self::of_error, |_| Self::Ok)
    }

    /// What a refusal of the apiserver comes to.
    pub fn of_error(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => match status.code {
                409 => Self::Conflict,
                404 => Self::NotFound,
                401 | 403 => Self::Denied,
                400 | 422 => Self::Invalid,
                _ => Self::Unavailable,
            },
            _ => Self::Unavailable,
        }
    }
}

impl Readiness {
    /// What a Share's conditions come to.
    pub fn of(conditions: &[Condition], deleting: bool) -> Self {
        let status = |type_: &str| conditions.iter().find(|c| c.type_ == type_).map(|c| c.status.as_str());
        match (status(conditions::STALLED), status(conditions::READY)) {
            _ if deleting => Self::Terminating,
            (Some("True"), _) => Self::Stalled,
            (_, Some("True")) => Self::Ready,
            (_, None) if !conditions.is_empty() => Self::NotEnforced,
            _ => Self::Reconciling,
        }
    }
}
