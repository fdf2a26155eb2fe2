//! AWS Resource Access Manager: containers are resource shares.

pub mod apply;
pub mod failure;
pub mod observe;
pub mod types;
