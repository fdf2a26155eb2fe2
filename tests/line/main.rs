//! The whole line on simulated parts: the real kube client and the real AWS SDK, and hours in milliseconds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    clippy::type_complexity,
    reason = "a test's words: short, and failing as tests do"
)]

#[path = "../mutate/mod.rs"]
mod mutate;
#[path = "../scenarios/mod.rs"]
mod scenarios;
#[path = "../world/mod.rs"]
mod world;

mod adoption;
mod cells;
mod crash;
mod deletion;
mod drift;
mod fights;
mod figures;
mod fuzz;
mod halt;
mod incidents;
mod keys;
mod lifecycle;
mod names;
mod objects;
mod oddities;
mod paths;
mod released;
mod removal;
mod seen;
mod switches;
mod tenants;
mod types;
mod undeclared;
