//! Secrets, repositories, queues and topics: what their policies are like, and how they are read and replaced.
//!
//! One file a service; none of their policies has a version that a write could ask for (mechanisms.md §3.7). What all of
//! them do with statements is beside this folder.

pub mod queue;
pub mod repository;
pub mod secret;
pub mod topic;

use crate::aws::errors::Remedy;

/// Why nobody can be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// What a person can do.
    pub remedy: Remedy,
    /// It in words.
    pub message: String,
}
