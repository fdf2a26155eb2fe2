//! Ways of sharing: one folder a mechanism. RAM's observes and applies; those whose objects have a policy of their own say
//! what their policies are like, and `policy` observes and applies for all of them. What all share is beside them.

pub mod apply;
pub mod diff;
pub mod key;
pub mod plan;
pub mod policy;
pub mod ram;
pub mod resource_policy;
pub mod statements;

#[cfg(test)]
mod laws;
