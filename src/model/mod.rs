//! The words of sharing: what an account, an ARN, a principal, a grant and a mark are. Pure data, no input or output.

pub mod arn;
pub mod cell;
pub mod digest;
pub mod ids;
pub mod mark;
pub mod mechanism;
pub mod object_kind;
pub mod principal;
pub mod resource_type;
pub mod slot;
pub mod token;

pub use arn::Arn;
pub use cell::{Cell, ShareKey};
pub use digest::Digest;
pub use ids::{AccountId, Region};
pub use mark::{Mark, Side};
pub use mechanism::Mechanism;
pub use object_kind::ObjectKind;
pub use principal::Principal;
pub use resource_type::ResourceType;
pub use slot::{Part, Slot};

/// A moment, in UTC. Always handed in, never taken from a clock on these floors.
pub use k8s_openapi::jiff::Timestamp;

/// A value that does not have the form its type asks for; the text names the value and the form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not {form}")]
pub struct Malformed {
    /// What was given.
    pub value: String,
    /// What was expected, with its article: "a 12-digit account id".
    pub form: &'static str,
}

impl Malformed {
    pub(crate) fn new(value: &str, form: &'static str) -> Self {
        Self { value: value.chars().take(256).collect(), form }
    }
}
