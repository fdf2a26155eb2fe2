//! AWS sharing services in memory: deterministic by seed, on a clock they are given.

pub mod aws;
