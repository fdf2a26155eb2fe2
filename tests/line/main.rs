//! The whole line on simulated parts: the real kube client and the real AWS SDK, and hours in milliseconds.

#[path = "../world/mod.rs"]
mod world;

mod cells;
mod deletion;
mod drift;
mod lifecycle;
mod names;
mod switches;
mod undeclared;
