//! An error answer of a service: status, the service's own error code, and its message.

use serde::{Deserialize, Serialize};

/// What a service answers instead of a result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Error code as the SDKs know it, such as `UnknownResourceException`.
    pub code: String,
    /// Message for people; AWS's own words where a source quotes them.
    pub message: String,
}

impl Refusal {
    /// A refusal with any status.
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// A client error: HTTP 400, as nearly all of RAM's and Organizations' errors are (ram.md section 1 \[M]).
    pub fn client(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// `UnknownResourceException`.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::client("UnknownResourceException", message)
    }

    /// `InvalidParameterException`.
    pub fn parameter(message: impl Into<String>) -> Self {
        Self::client("InvalidParameterException", message)
    }

    /// `MalformedArnException`.
    pub fn malformed_arn(arn: &str) -> Self {
        Self::client(
            "MalformedArnException",
            format!("The specified Amazon Resource Name (ARN) {arn} is not valid."),
        )
    }

    /// `OperationNotPermittedException`.
    pub fn not_permitted(message: impl Into<String>) -> Self {
        Self::client("OperationNotPermittedException", message)
    }

    /// `InvalidStateTransitionException`.
    pub fn transition(message: impl Into<String>) -> Self {
        Self::client("InvalidStateTransitionException", message)
    }

    /// `ResourceShareLimitExceededException`.
    pub fn limit(message: impl Into<String>) -> Self {
        Self::client("ResourceShareLimitExceededException", message)
    }

    /// `ValidationException`: what the front of every AWS JSON service answers to members that break the model \[C].
    pub fn validation(message: &str) -> Self {
        Self::client("ValidationException", format!("1 validation error detected: {message}"))
    }
}
