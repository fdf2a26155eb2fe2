//! How the cluster is reached.

pub mod lease;
