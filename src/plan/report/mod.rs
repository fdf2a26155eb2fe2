//! What people read: statuses as a function of the plan and its receipts. Pure; nothing is said that was not read back.

mod conditions;
mod containers;
mod drift;
mod entries;
mod share;

pub use drift::describe;
pub use share::{ShareReport, beyond_this_version, outside, pins, share_status, superseded};
