//! Ways of sharing: one folder a mechanism, all alike: observe (AWS), apply (AWS). What they share is beside them.

pub mod apply;
pub mod diff;
pub mod key;
pub mod plan;
pub mod ram;
pub mod statements;

#[cfg(test)]
mod laws;
