//! Sharekeeper.
