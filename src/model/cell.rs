//! The unit of reading, planning, limiting and blame: one account in one region; and the name of a Share.

use std::fmt;

use super::{AccountId, Region};

/// One AWS account in one region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// The account that owns the shares.
    pub account: AccountId,
    /// The region that the shares live in.
    pub region: Region,
}

/// `<account id>.<region>`: also the name of the cell's `AccountRegion` object.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.account, self.region)
    }
}

/// Namespace and name of a Share: with the installation's id, what decides whose a container is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareKey {
    /// The Share's namespace.
    pub namespace: String,
    /// The Share's name.
    pub name: String,
}

impl fmt::Display for ShareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
