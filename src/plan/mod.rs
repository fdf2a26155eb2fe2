//! Decisions: what is desired, what differs, what may be done about it. Pure and total.

pub mod adoption;
pub mod budget;
pub mod catalogue;
pub mod chain;
pub mod change;
pub mod claim;
pub mod contention;
pub mod desired;
pub mod expect;
#[cfg(test)]
pub(crate) mod fixture;
pub mod gate;
pub mod govern;
pub mod names;
pub mod observed;
pub mod permit;
pub mod policy;
pub mod receipt;
pub mod record;
pub mod report;
pub mod resolve;
pub mod step;
pub mod sweep;
pub mod undeclared;
pub mod view;
pub mod widened;
