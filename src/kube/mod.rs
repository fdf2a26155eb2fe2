//! How the cluster is reached.

pub mod events;
pub mod lease;
