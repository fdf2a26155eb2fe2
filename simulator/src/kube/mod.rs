//! A kube API in memory, for the kinds that sharekeeper uses, with the semantics of kube-apiserver 1.36.
//!
//! [`Cluster`] is plain data: a request and the time go in, an answer or a watch comes out. [`Shared`] puts it behind a
//! [`kube::Client`] in the same process (also under tokio's paused clock) and behind loopback HTTP for `kubectl`.
//! [`Weather`] is what goes wrong, [`Journal`] what was asked, [`Hook`] where a driver stops a client.
//!
//! `tests/kube_scenarios` holds request by request what kube-apiserver 1.36.3 answered, and that this answers the same.
//! Known differences, beside those that the scenarios name:
//! * definitions are served at once and not checked themselves; objects are not converted between versions, only their
//!   `apiVersion` is; defaults are not filled into objects that were stored before the default;
//! * the namespace controller, the cleanup of definitions and the copying of events happen within the write that causes
//!   them; there is no garbage collection by owner, and propagation policies are ignored;
//! * built-in kinds have no schema: nothing is pruned, defaulted or validated but metadata, and a strategic merge patch is
//!   taken as a merge patch; protobuf is refused with 415;
//! * no more than ten Update managers are not folded into one (`ancient-changes`); rules that ratcheting spares give no
//!   warning; CEL has no cost budget;
//! * no authentication, RBAC or admission plugins but NamespaceLifecycle: see [`Fault::Forbidden`].

mod cluster;
mod decode;
mod delete;
mod discovery;
mod driver;
mod events;
mod fields;
mod follow;
mod front;
mod journal;
mod jsonpath;
mod kinds;
mod metadata;
mod object;
mod openapi;
mod patch;
mod read;
mod render;
mod request;
mod respond;
mod schema;
mod selectors;
mod setup;
mod status;
mod store;
mod strategy;
mod table;
mod watch;
mod weather;
mod write;

/// Two digits a byte.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string cannot fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

pub use cluster::{Act, Cluster, Delivery, Hook, Point, Reply};
pub use front::{Clock, ReplyBody, Shared, kubeconfig, tokio_clock};
pub use journal::{Entry, Journal, Outcome};
pub use request::{User, Verb};
pub use status::{FieldError, FieldErrorType, GroupResource, StatusError};
pub use watch::{Broken, Subscription};
pub use weather::{Events, Fault, Match, Rule, WatchFault, WatchRule, Weather, When};
