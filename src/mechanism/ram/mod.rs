//! AWS Resource Access Manager: containers are resource shares.

pub mod diff;
