//! Objects that let others in by a policy of their own: what Shares grant by it, whatever service keeps it.
//!
//! A policy is replaced whole, and no service here says which one a write was made from (mechanisms.md §3.4 and §3.7): each
//! write reads the policy, changes our statements in it and nothing else, and one object is written by one at a time.

pub mod apply;
pub mod observe;
pub mod store;
pub mod written;

use self::written::Written;
use crate::{aws::session::CellClients, mechanism::statements::Place, model::Timestamp};

/// What policies are read and written with.
#[derive(Clone, Copy)]
pub struct Reach<'a> {
    /// The cell's clients.
    pub clients: &'a CellClients,
    /// Where the objects are.
    pub place: Place<'a>,
    /// What was written lately.
    pub written: &'a Written,
    /// Now.
    pub now: Timestamp,
}

/// What a reading is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A plan is made from it, and only what it shows is written upon.
    Plan,
    /// Nothing is written upon it: a last look at what was planned, or a command that reads.
    Look,
}
