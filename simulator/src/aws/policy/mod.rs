//! Policies that belong to an object: of keys, secrets, repositories, queues and topics.
//!
//! What they say, whom they let in, what a service takes, and what readers see of it is the same for all; how the services
//! differ is in their `Dialect`.

mod admission;
#[cfg(test)]
pub(crate) mod bench;
mod condition;
mod dialect;
mod document;
mod holder;
mod objects;
mod readers;
mod splice;
mod subject;
#[cfg(test)]
mod tests;
mod truth;

pub use objects::{NewObject, ObjectKind};
pub use truth::PolicyGrant;

pub(crate) use admission::Flaw;
pub(crate) use dialect::{Dialect, Resource};
pub(crate) use document::Document;
pub(crate) use holder::Holder;
pub(crate) use objects::{Object, Objects};
pub(crate) use readers::{Denial, Paging};
