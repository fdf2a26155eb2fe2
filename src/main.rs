//! Sharekeeper.
fn main() {}
