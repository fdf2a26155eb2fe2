//! Sharekeeper.
pub mod api;
pub mod cli;
