//! AWS sharing services and a kube API in memory: deterministic by seed, on a clock they are given.

#![forbid(unsafe_code)]

pub mod aws;
pub mod kube;
