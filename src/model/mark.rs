//! What shows that a container is ours: tags that say installation, Share and UID. A mark lets us claim; a removal needs more.

use std::{collections::BTreeMap, fmt};

use super::{ShareKey, Slot};

/// Every tag key of ours starts so; no Share may declare one.
pub const TAG_PREFIX: &str = "sharekeeper.dev/";

const INSTALLATION: &str = "sharekeeper.dev/installation";
const NAMESPACE: &str = "sharekeeper.dev/namespace";
const NAME: &str = "sharekeeper.dev/name";
const UID: &str = "sharekeeper.dev/uid";
const SIDE: &str = "sharekeeper.dev/side";

/// Which of a Share's two containers: the inner one never allows external principals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// For principals inside the organization.
    Inner,
    /// For declared principals outside it; exists only while some are declared and allowed.
    Outer,
}

impl Side {
    /// `inner` or `outer`, as in tags and status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inner => "inner",
            Self::Outer => "outer",
        }
    }

    /// Reads `inner` or `outer`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Inner, Self::Outer].into_iter().find(|side| side.as_str() == text)
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The mark on a container. Installation and Share decide whose it is; the UID tells which life of the Share wrote it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// `Installation.spec.id` of the controller that wrote it.
    pub installation: String,
    /// The Share.
    pub share: ShareKey,
    /// The Share's UID when the mark was written; blank where it was not known.
    pub uid: String,
    /// Which of the Share's containers.
    pub slot: Slot,
}

impl Mark {
    /// The tags that carry this mark.
    pub fn tags(&self) -> BTreeMap<String, String> {
        [
            (INSTALLATION, self.installation.as_str()),
            (NAMESPACE, self.share.namespace.as_str()),
            (NAME, self.share.name.as_str()),
            (UID, self.uid.as_str()),
            (SIDE, self.slot.to_string().as_str()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
    }

    /// Reads the mark from a container's tags; none unless installation, namespace, name and side are all there.
    pub fn from_tags(tags: &BTreeMap<String, String>) -> Option<Self> {
        Some(Self {
            installation: tags.get(INSTALLATION)?.clone(),
            share: ShareKey { namespace: tags.get(NAMESPACE)?.clone(), name: tags.get(NAME)?.clone() },
            uid: tags.get(UID).cloned().unwrap_or_default(),
            slot: Slot::parse(tags.get(SIDE)?)?,
        })
    }

    /// Whether this mark and `other` name the same container of the same Share of the same installation, whatever the UID.
    pub fn claims_same(&self, other: &Self) -> bool {
        (&self.installation, &self.share, &self.slot) == (&other.installation, &other.share, &other.slot)
    }
}

/// The installation id that a container's tags name, even where the rest of the mark is broken.
pub fn installation_of(tags: &BTreeMap<String, String>) -> Option<&str> {
    tags.get(INSTALLATION).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        let share = ShareKey { namespace: "network-team".into(), name: "hub".into() };
        Mark { installation: "prod-1".into(), share, uid: "u-1".into(), slot: Slot::Outer }
    }

    #[test]
    fn a_mark_survives_its_tags() {
        assert_eq!(Mark::from_tags(&mark().tags()), Some(mark()));
        assert!(mark().tags().keys().all(|key| key.starts_with(TAG_PREFIX)));
    }

    #[test]
    fn half_a_mark_is_none_but_its_installation_shows() {
        for key in [NAMESPACE, NAME, SIDE] {
            let mut tags = mark().tags();
            tags.remove(key);
            assert_eq!(Mark::from_tags(&tags), None, "{key}");
            assert_eq!(installation_of(&tags), Some("prod-1"));
        }
    }

    #[test]
    fn the_uid_does_not_decide_whose_it_is() {
        let restored = Mark { uid: "u-2".into(), ..mark() };
        assert!(restored.claims_same(&mark()));
        assert!(!Mark { slot: Slot::Inner, ..mark() }.claims_same(&mark()));
    }
}
