//! The organization's tree: names, containment and membership, from one complete reading.

pub mod load;
pub mod tree;

pub use tree::{Account, AccountState, NameProblem, OrganizationalUnit, Tree};
