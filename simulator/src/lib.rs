//! Simulated AWS and kube.
