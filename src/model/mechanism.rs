//! The ways in which AWS shares.

use std::fmt;

/// A way of sharing: one folder of `mechanism/` each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mechanism {
    /// AWS Resource Access Manager: resource shares, which hold resources and principals.
    Ram,
    /// The policy of a KMS key.
    Key,
    /// The policy of a secret, a repository, a queue or a topic.
    ResourcePolicy,
}

impl Mechanism {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ram, Self::Key, Self::ResourcePolicy];

    /// Its name in statuses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ram => "ram",
            Self::Key => "key",
            Self::ResourcePolicy => "resource_policy",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
