//! Simulated AWS and kube.

pub mod kube;
