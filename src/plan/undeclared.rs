//! What is shared and nobody declared: every live container that no Share claims, and why it is there.

use std::collections::BTreeSet;

use crate::{
    api::undeclared_share::Why,
    model::{Arn, Cell, Digest, ShareKey, mark},
    plan::{
        observed::{Container, Listing, Origin},
        record::Records,
        sweep::Verdict,
    },
};

/// One container that no Share claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undeclared {
    /// The container as observed.
    pub container: Container,
    /// How it came to be there.
    pub why: Why,
    /// The Share that its mark names, if it carries one of ours.
    pub origin: Option<ShareKey>,
    /// What becomes of it.
    pub verdict: Verdict,
}

impl Undeclared {
    /// A fingerprint of the grants seen: a decision is about these and no others.
    pub fn evidence(&self) -> Digest {
        evidence(&self.container)
    }

    /// Whether anybody outside the organization has, or is being given, access.
    pub fn is_external(&self) -> bool {
        !self.container.outside().is_empty()
    }
}

/// The name of a container's record, an `UndeclaredShare`.
pub fn record_name(cell: &Cell, container: &Arn) -> String {
    format!("{cell}.{}", Digest::of([container.as_str()]))
}

/// A fingerprint of what a container grants, whatever its name and tags.
pub fn evidence(container: &Container) -> Digest {
    let principals = container.principals.iter().filter(|(_, row)| row.state.may_grant());
    let resources = container.resources.iter().filter(|(_, row)| row.state.may_grant());
    let permissions = container.permissions.iter().map(|(t, p)| format!("permission {t} {}", p.arn));
    let flag = format!("external {}", container.allows_external);
    let members = principals
        .map(|(p, _)| format!("principal {p}"))
        .chain(resources.map(|(r, _)| format!("resource {r}")));
    Digest::of(std::iter::once(flag).chain(members).chain(permissions))
}

/// Whose marks mean what.
#[derive(Clone, Copy, Debug)]
pub struct Marks<'a> {
    /// This installation's id.
    pub installation: &'a str,
    /// The ids of installations whose marks are respected.
    pub peers: &'a [String],
    /// What is on record of containers that nobody declared.
    pub records: &'a Records,
    /// Shares that exist and of which it cannot be told what they declare: what bears their mark is shown, and left alone.
    pub unreadable: &'a BTreeSet<ShareKey>,
}

/// The live containers that no Share claims, by ARN. Of what could not be read nothing is said.
pub fn undeclared(listing: &Listing, claimed: &BTreeSet<Arn>, marks: &Marks<'_>) -> Vec<Undeclared> {
    let known = listing.live().filter(|container| listing.unread(&container.id).is_none());
    let unclaimed = known.filter(|container| !claimed.contains(&container.id));
    unclaimed.map(|container| classify(container, marks)).collect()
}

fn classify(container: &Container, marks: &Marks<'_>) -> Undeclared {
    let found = container.mark();
    let ours = found.filter(|mark| mark.installation == marks.installation);
    let named = mark::installation_of(&container.tags);
    let released = marks.records.get(&container.id).is_some_and(|record| record.released);
    let why = match (&container.origin, named) {
        (Origin::ServiceManaged(_), _) => Why::ServiceManaged,
        (Origin::Standard, Some(id)) if marks.peers.iter().any(|peer| peer == id) => Why::OtherInstallation,
        (Origin::Standard, Some(id)) if released && id == marks.installation => Why::Released,
        (Origin::Standard, None) if released => Why::Released,
        (Origin::Standard, _) if ours.as_ref().is_some_and(|mark| marks.unreadable.contains(&mark.share)) => {
            Why::Undecided
        }
        (Origin::Standard, Some(id)) if id == marks.installation => Why::Orphaned,
        (Origin::Standard | Origin::OwnPolicy, _) => Why::Foreign,
    };
    let origin = ours.map(|mark| mark.share);
    Undeclared { container: container.clone(), why, origin, verdict: Verdict::default() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        model::{Mark, Slot},
        plan::observed::ContainerState,
    };

    fn container(id: &str, tags: BTreeMap<String, String>, origin: Origin) -> Container {
        Container {
            id: format!("arn:aws:ram:eu-west-1:111122223333:resource-share/{id}").parse().unwrap(),
            name: id.into(),
            owner: "111122223333".into(),
            state: ContainerState::Active,
            message: None,
            allows_external: true,
            origin,
            tags,
            principals: BTreeMap::new(),
            resources: BTreeMap::new(),
            permissions: BTreeMap::new(),
        }
    }

    fn tags(installation: &str, name: &str) -> BTreeMap<String, String> {
        let share = ShareKey { namespace: "team".into(), name: name.into() };
        Mark { installation: installation.into(), share, uid: "u".into(), slot: Slot::Inner }.tags()
    }

    #[test]
    fn each_container_says_why_it_is_there() {
        let released_id = "arn:aws:ram:eu-west-1:111122223333:resource-share/released".parse().unwrap();
        let unreadable = BTreeSet::from([ShareKey { namespace: "team".into(), name: "poison".into() }]);
        let released = crate::plan::fixture::record(Why::Released);
        let marks = Marks {
            installation: "us",
            peers: &["peer".into()],
            records: &BTreeMap::from([(released_id, released)]),
            unreadable: &unreadable,
        };
        let policy_made = Origin::ServiceManaged("CREATED_FROM_POLICY".into());
        let table = [
            (container("legacy", BTreeMap::new(), Origin::Standard), Some(Why::Foreign)),
            (container("ours", tags("us", "gone"), Origin::Standard), Some(Why::Orphaned)),
            (container("released", tags("us", "gone"), Origin::Standard), Some(Why::Released)),
            (container("peers", tags("peer", "x"), Origin::Standard), Some(Why::OtherInstallation)),
            // An id that nobody configured as a peer exempts nothing.
            (container("rogue", tags("somebody", "x"), Origin::Standard), Some(Why::Foreign)),
            (container("policy", BTreeMap::new(), policy_made), Some(Why::ServiceManaged)),
            (container("poison", tags("us", "poison"), Origin::Standard), Some(Why::Undecided)),
        ];
        for (container, expected) in table {
            let listing = Listing {
                containers: BTreeMap::from([(container.id.clone(), container.clone())]),
                ..Listing::default()
            };
            let found = undeclared(&listing, &BTreeSet::new(), &marks);
            assert_eq!(found.first().map(|u| u.why), expected, "{}", container.name);
            assert!(undeclared(&listing, &BTreeSet::from([container.id]), &marks).is_empty());
        }
    }
}
