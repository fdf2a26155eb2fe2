//! What a call comes to when something is in its way: refusals of every service's own form, and lost answers.

use serde_json::Value;

use super::caller::{Caller, Denied};
use super::refusal::Refusal;
use super::weather::Trouble;
use super::wire::{self, Call};
use super::world::Fate;

/// What a call comes to.
pub(crate) struct Outcome {
    pub(crate) answer: Result<Value, Refusal>,
    pub(crate) effect: bool,
    pub(crate) fate: Fate,
    pub(crate) slow: f64,
}

impl Outcome {
    pub(crate) fn refused(refusal: Refusal) -> Self {
        Self { answer: Err(refusal), effect: false, fate: Fate::Delivered, slow: 0.0 }
    }
}

/// What a fault before the effect answers; `None`: the call goes on.
pub(crate) fn before(caller: &Caller, call: &Call, trouble: &Trouble) -> Option<Outcome> {
    let refusal = match trouble {
        Trouble::UnknownStatus(_) | Trouble::Slow(_) => return None,
        Trouble::Disconnect | Trouble::Silence | Trouble::Truncate => {
            let answer = Err(Refusal::new(503, "ServiceUnavailableException", "the answer is lost"));
            return Some(Outcome { answer, effect: false, fate: fate(trouble), slow: 0.0 });
        }
        other => refusal(caller, call, other),
    };
    Some(Outcome::refused(refusal))
}

/// What a fault after the effect makes of the outcome.
pub(crate) fn after(caller: &Caller, call: &Call, trouble: &Trouble, mut outcome: Outcome) -> Outcome {
    match trouble {
        Trouble::UnknownStatus(text) => {
            if let Ok(answer) = &mut outcome.answer {
                wire::replace_status(answer, text);
            }
        }
        Trouble::Slow(seconds) => outcome.slow = *seconds,
        Trouble::Disconnect | Trouble::Silence | Trouble::Truncate => outcome.fate = fate(trouble),
        other => outcome.answer = Err(refusal(caller, call, other)),
    }
    outcome
}

fn fate(trouble: &Trouble) -> Fate {
    match trouble {
        Trouble::Disconnect => Fate::Disconnected,
        Trouble::Silence => Fate::Silent,
        Trouble::Truncate => Fate::Truncated,
        _ => Fate::Delivered,
    }
}

fn refusal(caller: &Caller, call: &Call, trouble: &Trouble) -> Refusal {
    match trouble {
        Trouble::Throttle => throttled(&call.service),
        // That KMS's 503 is this error of its model is assumed [X].
        Trouble::Unavailable if call.service == "kms" => Refusal::new(
            503,
            "DependencyTimeoutException",
            "The system timed out; the request can be retried.",
        ),
        Trouble::Unavailable => {
            let is_common = matches!(call.service.as_str(), "sqs" | "sns");
            let code = if is_common { "ServiceUnavailable" } else { "ServiceUnavailableException" };
            Refusal::new(503, code, "The service is unavailable.")
        }
        Trouble::Error { status, code, message } => Refusal::new(*status, code, message.as_str()),
        Trouble::ExpiredToken => refuse_key(call, Denied::Expired),
        Trouble::AccessDenied => access_denied(caller, call),
        _ => {
            let code = match call.service.as_str() {
                "organizations" => "ServiceException",
                "kms" => "KMSInternalException",
                "secretsmanager" => "InternalServiceError",
                "ecr" => "ServerException",
                // Of the common errors [X]: its model has none.
                "sqs" => "InternalFailure",
                "sns" => "InternalError",
                _ => "ServerInternalException",
            };
            Refusal::new(
                500,
                code,
                "The service could not respond to the request due to an internal problem.",
            )
        }
    }
}

/// RAM declares throttling on four operations only; here any may throttle \[X].
pub(crate) fn throttled(service: &str) -> Refusal {
    match service {
        "organizations" => Refusal::client(
            "TooManyRequestsException",
            "AWS Organizations can't complete your request because another request is already in progress. Try again later.",
        ),
        // Status, code and words are those of throttling.html in KMS's guide [D].
        "kms" => Refusal::client(
            "ThrottlingException",
            "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
        ),
        // The Throttled of SNS's model is of other operations [M]; the words are those of
        // github.com/aws/aws-sdk-net/issues/3808 [I]; that it is the common error is assumed [X].
        "sts" | "sns" => Refusal::client("Throttling", "Rate exceeded"),
        // That it is the common error, with these words, is assumed [X]: their models have none.
        "secretsmanager" | "ecr" => Refusal::client("ThrottlingException", "Rate exceeded"),
        // Of its model [M]; status and words are assumed [X].
        "sqs" => Refusal::client("RequestThrottled", "The request was denied due to request throttling."),
        _ => Refusal::new(429, "ThrottlingException", "Rate exceeded"),
    }
}

pub(crate) fn access_denied(caller: &Caller, call: &Call) -> Refusal {
    let (who, service, operation) = (&caller.principal, &call.service, &call.operation);
    let message = format!("User: {who} is not authorized to perform: {service}:{operation}");
    match service.as_str() {
        // 403 of SQS: github.com/island-is/island.is/issues/7812 [I].
        "sts" | "sqs" => Refusal::new(403, "AccessDenied", message),
        // As in SNS's model [M]; it writes its own name in capitals:
        // github.com/ministryofjustice/cloud-platform-environments/pull/21094 [I].
        "sns" => Refusal::new(
            403,
            "AuthorizationError",
            format!("User: {who} is not authorized to perform: SNS:{operation}"),
        ),
        _ if is_json_1_1(service) => Refusal::client("AccessDeniedException", message),
        _ => Refusal::new(403, "AccessDeniedException", message),
    }
}

fn is_json_1_1(service: &str) -> bool {
    matches!(service, "organizations" | "kms" | "secretsmanager" | "ecr")
}

/// SQS and SNS name these errors as the query protocol does \[X].
pub(crate) fn refuse_key(call: &Call, denied: Denied) -> Refusal {
    let expired = "The security token included in the request is expired";
    let invalid = "The security token included in the request is invalid.";
    let missing = "Request is missing Authentication Token";
    let status = if is_json_1_1(&call.service) { 400 } else { 403 };
    match (denied, call.service.as_str(), &call.key) {
        (Denied::Expired, "sts" | "sqs" | "sns", _) => Refusal::new(403, "ExpiredToken", expired),
        (Denied::Expired, _, _) => Refusal::new(status, "ExpiredTokenException", expired),
        (_, "sts" | "sqs" | "sns", None) => Refusal::new(403, "MissingAuthenticationToken", missing),
        (_, _, None) => {
            Refusal::new(status, "MissingAuthenticationTokenException", "Missing Authentication Token")
        }
        (_, "sts" | "sqs" | "sns", _) => Refusal::new(403, "InvalidClientTokenId", invalid),
        _ => Refusal::new(status, "UnrecognizedClientException", invalid),
    }
}
