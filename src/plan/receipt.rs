//! What came of each step: a receipt, made by whoever carried the step out.

use crate::{
    api::Reason,
    model::Arn,
    plan::{chain::Owner, step::Step},
};

/// What came of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Whose step it was.
    pub owner: Owner,
    /// The step.
    pub step: Step,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// AWS took it; for a create, with the ARN that it answered.
    Done(Option<Arn>),
    /// It was not needed any more: what it would have done was so already.
    AlreadyDone,
    /// It was not sent: a former step of its chain failed, or the fence was down.
    NotSent(String),
    /// AWS did not take it, or it is not known whether it did.
    Failed(Failure),
}

/// Why a step failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A reason of the closed list.
    pub reason: Reason,
    /// AWS's own words, and what to do.
    pub message: String,
    /// What follows.
    pub then: Then,
    /// AWS has certainly done nothing of it: it was not sent, or AWS refused it before doing anything.
    pub certain: bool,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Then {
    /// It is tried again soon: AWS is still busy with something, throttles, or had a fault of its own.
    Wait,
    /// What was planned on is not so: read the container again and plan anew.
    Replan,
    /// The token belongs to an earlier request: what that made is waited for, and if there is nothing, another token taken.
    RenewToken,
    /// Trying again changes nothing until a person does.
    PersonMustAct,
}

impl Receipt {
    /// The failure, if it failed.
    pub fn failure(&self) -> Option<&Failure> {
        if let Outcome::Failed(failure) = &self.outcome { Some(failure) } else { None }
    }

    /// Whether AWS is now as the step meant it to become.
    pub fn is_done(&self) -> bool {
        matches!(self.outcome, Outcome::Done(_) | Outcome::AlreadyDone)
    }
}
