//! Which of the AWS objects that hold a Share's grants.

use std::fmt;

use super::{Arn, Side};

/// One of a Share's containers: one of its two RAM shares, or what it grants by itself on one object.
///
/// A RAM share is the Share's alone. An object's own policy or attribute is there anyway and may hold grants of several
/// Shares and of nobody; the Share's container is then its part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// The RAM share for principals inside the organization.
    Inner,
    /// The RAM share for declared principals outside it.
    Outer,
    /// What is granted on this object, be it inside or outside.
    Object(Arn),
}

impl Slot {
    /// Both RAM shares.
    pub const RAM: [Self; 2] = [Self::Inner, Self::Outer];

    /// Reads a slot as it is displayed.
    pub fn parse(text: &str) -> Option<Self> {
        let object = || text.parse().ok().map(Self::Object);
        Side::parse(text).map(Self::from).or_else(object)
    }

    /// Which RAM share, if it is one.
    pub fn side(&self) -> Option<Side> {
        match self {
            Self::Inner => Some(Side::Inner),
            Self::Outer => Some(Side::Outer),
            Self::Object(_) => None,
        }
    }
}

impl From<Side> for Slot {
    fn from(side: Side) -> Self {
        match side {
            Side::Inner => Self::Inner,
            Side::Outer => Self::Outer,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inner => f.write_str(Side::Inner.as_str()),
            Self::Outer => f.write_str(Side::Outer.as_str()),
            Self::Object(arn) => arn.fmt(f),
        }
    }
}
