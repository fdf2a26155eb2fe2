//! What people and machines see of the running process: the log, the metrics and the admin port.

pub mod admin;
pub mod health;
pub mod logging;
pub mod metrics;
