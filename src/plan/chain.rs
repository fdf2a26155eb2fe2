//! Chains: the steps of one container, in order, and whose they are.

use std::fmt;

use crate::{
    model::{Arn, Digest, ShareKey, Slot, Timestamp},
    plan::step::Step,
};

/// Whose a chain is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// One container of a Share.
    Share(ShareKey, Slot),
    /// A container that no Share declares.
    Nobody(Arn),
}

impl Owner {
    /// The Share.
    pub fn share(&self) -> Option<&ShareKey> {
        if let Self::Share(share, _) = self { Some(share) } else { None }
    }

    /// Which of the Share's containers.
    pub fn slot(&self) -> Option<&Slot> {
        if let Self::Share(_, slot) = self { Some(slot) } else { None }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share, slot) => write!(f, "{share} {slot}"),
            Self::Nobody(container) => write!(f, "undeclared {container}"),
        }
    }
}

/// The steps of one container, done in order; the first failure stops the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Whose it is.
    pub owner: Owner,
    /// The Share's UID; blank for manifests that were never applied, and where there is no Share.
    pub uid: String,
    /// The generation of the Share, or of the record of what nobody declared, that was planned on.
    pub generation: i64,
    /// A fingerprint of all changes that were planned for the owner, for the audit.
    pub digest: Digest,
    /// The container; none while it is to be made.
    pub container: Option<Arn>,
    /// A fingerprint of what was observed of it.
    pub basis: Digest,
    /// The steps.
    pub steps: Vec<Step>,
    /// The share is being adopted: its mark is written for the first time, and that is put on record before.
    pub adopts: bool,
    /// What the removal of something undeclared rests on.
    pub proof: Option<Proof>,
}

/// What the removal of something undeclared rests on: said in the audit, and compared with AWS once more before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The grants as they were planned on.
    pub evidence: Digest,
    /// When a complete reading first showed it.
    pub first_seen: Timestamp,
    /// When a second one showed it still there.
    pub confirmed_at: Option<Timestamp>,
    /// Why nobody declares it, and why it goes.
    pub because: String,
}
