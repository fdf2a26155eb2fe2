//! One controller a reconciled kind. AccountRegion is where the line is; the others feed it.

pub mod account_region;
pub mod account_set;
pub mod context;
pub mod halt;
pub mod installation;
pub mod organization;
pub mod resource_types;
mod retries;
pub mod run;
pub mod share;
mod share_index;
pub mod sharing_policy;
pub mod telemetry;
pub mod triggers;
mod wakes;

/// An error with all its sources, as people read it.
pub fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some libraries put the source into their own text already.
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
