//! Which container is whose. ARN and mark decide, a name never does.

use crate::{
    model::{Arn, Mark, Timestamp},
    plan::{
        desired::LedgerEntry,
        expect::WINDOW_SECONDS,
        observed::{Container, ContainerState, Listing, Origin},
    },
};

/// What the listing says of one side of a Share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim<'a> {
    /// This container is the Share's.
    Found(&'a Container),
    /// There is none. A create may use this incarnation.
    Absent {
        /// One more than that of the container which is proven gone; the recorded one where a create may be under way.
        incarnation: i64,
    },
    /// We made it and no complete listing shows it, nor shows it gone.
    Unlisted {
        /// Its ARN, from the ledger.
        id: Arn,
    },
    /// The container in the ledger now carries somebody else's mark, or AWS manages it: hands off.
    Lost {
        /// Its ARN.
        id: Arn,
        /// Whose mark it carries, in words.
        to: String,
    },
}

/// Finds the container of one side of a Share: first the one in the ledger, then one that carries the mark.
///
/// `unlisted_for_long` says of an ARN that complete listings have been without it for longer than AWS takes to show a
/// new share; only then does silence prove absence. A tombstone proves it at once (ram.md §2.4). A create that was sent
/// so long ago, was never answered and is not listed, was in vain.
pub fn claim<'a>(
    listing: &'a Listing,
    mark: &Mark,
    ledger: Option<&LedgerEntry>,
    unlisted_for_long: impl Fn(&Arn) -> bool,
    now: Timestamp,
) -> Claim<'a> {
    let recorded = ledger.and_then(|entry| entry.id.as_ref());
    if let Some(container) = recorded.and_then(|id| listing.containers.get(id)).filter(|c| c.state.is_live())
    {
        return match whose(container, mark) {
            Whose::Ours | Whose::Unmarked => Claim::Found(container),
            Whose::Other(to) => Claim::Lost { id: container.id.clone(), to },
        };
    }
    let marked = listing.live().filter(|c| matches!(whose(c, mark), Whose::Ours));
    if let Some(container) = marked.min_by_key(|c| (c.state == ContainerState::Failed, &c.id)) {
        return Claim::Found(container);
    }
    match (ledger, recorded) {
        (None, _) => Claim::Absent { incarnation: 1 },
        (Some(entry), None) => {
            let sent = entry.create_sent_at.unwrap_or(now);
            let in_vain = now.as_second() - sent.as_second() >= WINDOW_SECONDS;
            Claim::Absent { incarnation: entry.incarnation.max(1) + i64::from(in_vain) }
        }
        (Some(entry), Some(id)) => {
            if listing.containers.contains_key(id) || unlisted_for_long(id) {
                Claim::Absent { incarnation: entry.incarnation + 1 }
            } else {
                Claim::Unlisted { id: id.clone() }
            }
        }
    }
}

enum Whose {
    Ours,
    Unmarked,
    Other(String),
}

fn whose(container: &Container, mark: &Mark) -> Whose {
    if let Origin::ServiceManaged(feature_set) = &container.origin {
        return Whose::Other(format!("AWS itself (feature set {feature_set})"));
    }
    match container.mark() {
        Some(found) if found.claims_same(mark) => Whose::Ours,
        Some(found) => Whose::Other(format!("Share {} of installation {}", found.share, found.installation)),
        // A mark of which only shreds are left says nothing against the ledger, unless they name another installation.
        None => match crate::model::mark::installation_of(&container.tags) {
            Some(other) if other != mark.installation => Whose::Other(format!("installation {other}")),
            _ => Whose::Unmarked,
        },
    }
}
