//! A kube API in memory, for the kinds that sharekeeper uses, with the semantics of kube-apiserver 1.36.
//!
//! [`Cluster`] is plain data: a request and the time go in, an answer or a watch comes out. [`Shared`] puts it behind a
//! [`kube::Client`] in the same process (also under tokio's paused clock) and behind loopback HTTP for `kubectl`.
//! [`Weather`] is what goes wrong, [`Journal`] what was asked, [`Hook`] where a driver stops a client.

mod cluster;
mod decode;
mod delete;
mod discovery;
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

pub use cluster::{Act, Cluster, Delivery, Hook, Point, Reply};
pub use front::{Clock, ReplyBody, Shared, kubeconfig, tokio_clock};
pub use journal::{Entry, Journal, Outcome};
pub use request::{User, Verb};
pub use status::{FieldError, FieldErrorType, GroupResource, StatusError};
pub use watch::{Broken, Subscription};
pub use weather::{Events, Fault, Match, Rule, WatchFault, WatchRule, Weather, When};
