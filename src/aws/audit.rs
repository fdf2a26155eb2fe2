//! The audit: one line before each write to AWS, its intent, and one after it, its result.
//!
//! Both are told by [`super::calls::Calls::write`], the one way to a write: a result without an intent cannot be. An
//! intent without a result is a write that a crash cut off, of which it is not known whether AWS did it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::errors::AwsError;

/// What a write is for: the same in both of its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// `Installation.spec.id`.
    pub installation: String,
    /// The account and region, or the organization.
    pub cell: String,
    /// Whose it is: a Share and the side of it, something undeclared by its ARN, an Organization.
    pub owner: String,
    /// The generation of that object that was planned on.
    pub generation: i64,
    /// The digest of the plan.
    pub plan: String,
    /// The ARN that is written to; blank while it is to be made.
    pub container: String,
    /// What is written.
    pub change: String,
    /// What a removal of something undeclared rests on; else blank.
    pub evidence: String,
}

/// One line of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The write of this process, counted from 1: what joins an intent and its result.
    pub write: u64,
    /// AWS's name of the operation.
    pub operation: &'static str,
    /// What it is for.
    pub subject: Subject,
    /// None before the write.
    pub result: Option<Answer>,
}

/// How a write was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// AWS's id of the request, as CloudTrail has it; none where AWS did not answer.
    pub request_id: Option<String>,
    /// `Ok`, or what went wrong in words.
    pub outcome: String,
}

static WRITES: AtomicU64 = AtomicU64::new(0);

impl Line {
    /// The line before a write.
    pub(super) fn intent(operation: &'static str, subject: &Subject) -> Self {
        let write = WRITES.fetch_add(1, Ordering::Relaxed) + 1;
        Self { write, operation, subject: subject.clone(), result: None }
    }

    /// The line after it.
    pub(super) fn answered(self, answer: Result<Option<&str>, &AwsError>) -> Self {
        let result = match answer {
            Ok(request_id) => Answer { request_id: request_id.map(str::to_owned), outcome: "Ok".to_owned() },
            Err(error) => Answer { request_id: error.request_id.clone(), outcome: error.lasting() },
        };
        Self { result: Some(result), ..self }
    }

    /// Writes the line into the log, under the target `sharekeeper::audit`.
    pub fn log(&self) {
        let Subject { installation, cell, owner, generation, plan, container, change, evidence } =
            &self.subject;
        let (phase, result) = match &self.result {
            None => ("intent", None),
            Some(result) => ("result", Some(result)),
        };
        tracing::info!(
            target: "sharekeeper::audit",
            write = self.write,
            phase,
            installation,
            cell,
            owner,
            generation,
            plan,
            operation = self.operation,
            container,
            change,
            evidence,
            request_id = result.and_then(|result| result.request_id.as_deref()),
            result = result.map(|result| result.outcome.as_str()),
        );
    }
}
