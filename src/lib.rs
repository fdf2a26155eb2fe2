//! Sharekeeper.
pub mod api;
