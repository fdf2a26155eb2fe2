//! Floor 6: one file a subcommand.

pub mod crds;
