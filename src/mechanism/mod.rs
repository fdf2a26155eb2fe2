//! Ways of sharing: one folder a mechanism, all alike: observe (AWS), diff (pure), apply (AWS).

pub mod plan;
pub mod ram;

#[cfg(test)]
mod laws;
