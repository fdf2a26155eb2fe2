//! The whole line on simulated parts: the real kube client and the real AWS SDK, and hours in milliseconds.

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
