//! Plumbing to the cluster: watches and their stores, writes behind the fence, the lease.

pub mod events;
pub mod lease;
pub mod own;
pub mod watched;
pub mod write;
