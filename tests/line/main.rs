//! The whole line on simulated parts: the real kube client and the real AWS SDK, and hours in milliseconds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

#[path = "../world/mod.rs"]
mod world;

mod cells;
mod crash;
mod deletion;
mod drift;
mod figures;
mod lifecycle;
mod names;
mod oddities;
mod switches;
mod undeclared;
