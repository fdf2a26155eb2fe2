//! What is on record of a container that nobody declares: what was seen of it before, and what people decided.

use std::collections::BTreeMap;

use crate::{
    api::{
        UndeclaredShare,
        undeclared_share::{Decision, Why},
    },
    model::{Arn, Digest, ShareKey, Timestamp},
};

/// One `UndeclaredShare`, as far as plans rest on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The generation of its spec.
    pub generation: i64,
    /// Why it was made.
    pub why: Why,
    /// A Share let it go, whatever its tags have said since.
    pub released: bool,
    /// The Share that it came from.
    pub origin: Option<ShareKey>,
    /// When a complete reading first showed the container undeclared.
    pub first_seen: Option<Timestamp>,
    /// When a second one showed it still there.
    pub confirmed_at: Option<Timestamp>,
    /// The UID of the set under which it was seen so.
    pub seen_under: Option<String>,
    /// When the access of its principals ends, for what was released.
    pub ends: BTreeMap<String, Timestamp>,
    /// What people decided.
    pub decision: Decision,
    /// The grants that they decided about.
    pub decided_on: Option<String>,
    /// Who may adopt it.
    pub for_share: Option<ShareKey>,
    /// Whether the adopting Share may change it at once.
    pub force: bool,
}

/// The records of a cell, by container.
pub type Records = BTreeMap<Arn, Record>;

impl Record {
    /// Reads an object; none before its status says what it is about.
    pub fn of(object: &UndeclaredShare) -> Option<(Arn, Self)> {
        let (spec, status) = (&object.spec, object.status.as_ref()?);
        let ends = status.ends.iter().map(|end| (end.id.clone(), end.until.0));
        let origin = status.origin.as_ref();
        let record = Self {
            generation: object.metadata.generation.unwrap_or_default(),
            why: status.why,
            released: status.why == Why::Released || status.released_at.is_some(),
            origin: origin.map(|o| ShareKey { namespace: o.namespace.clone(), name: o.name.clone() }),
            first_seen: status.first_seen.as_ref().map(|at| at.0),
            confirmed_at: status.confirmed_at.as_ref().map(|at| at.0),
            seen_under: status.account_set_uid.clone(),
            ends: ends.collect(),
            decision: spec.decision,
            decided_on: spec.evidence.clone(),
            for_share: spec
                .for_share
                .as_ref()
                .map(|f| ShareKey { namespace: f.namespace.clone(), name: f.name.clone() }),
            force: spec.force,
        };
        Some((status.id.parse().ok()?, record))
    }

    /// What people decided about exactly these grants; none where they decided nothing, or about others.
    pub fn decision_on(&self, evidence: &Digest) -> Decision {
        if self.is_void_for(evidence) { Decision::None } else { self.decision }
    }

    /// Whether people decided about other grants than these.
    pub fn is_void_for(&self, evidence: &Digest) -> bool {
        self.decision != Decision::None && self.decided_on.as_deref() != Some(evidence.as_str())
    }
}
