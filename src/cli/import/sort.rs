//! What of a cell is free to be declared, and whose the rest is.

use std::collections::{BTreeMap, BTreeSet};

use super::declare::obstacle;
use crate::{
    cli::governed::FirstLook,
    controllers::account_region::gather::Gathered,
    model::{Arn, ShareKey},
    plan::{
        observed::{Container, ContainerState, Listing},
        resolve::key_of,
        undeclared::Undeclared,
    },
};

/// One share that is there.
pub(super) struct Candidate<'a> {
    pub(super) container: &'a Container,
    /// Why no manifest is written for it; none where one is.
    pub(super) obstacle: Option<Obstacle>,
}

/// Why no manifest is written.
pub(super) struct Obstacle {
    pub(super) why: String,
    /// It is declared already, or is somebody else's to declare: there is nothing to be done.
    pub(super) settled: bool,
}

/// All shares of a cell, by name and ARN; those that are deleted are left out.
pub(super) fn sort<'a>(gathered: &Gathered, listing: &'a Listing) -> Vec<Candidate<'a>> {
    let desired = gathered.resolve();
    let plan = gathered.plan(&desired, listing, &FirstLook, &BTreeSet::new());
    let views = plan.shares.iter().flat_map(|(share, sides)| sides.values().map(move |view| (share, view)));
    let claimed = views.filter(|(_, view)| !view.lost);
    let owners: BTreeMap<&Arn, &ShareKey> =
        claimed.filter_map(|(share, view)| Some((view.container.as_ref()?, share))).collect();
    let adopters: BTreeMap<&str, ShareKey> = gathered
        .shares()
        .filter_map(|(share, _)| Some((share.spec.adopt.as_ref()?.arn.as_str(), key_of(share))))
        .collect();
    let undeclared: BTreeMap<&Arn, &Undeclared> =
        plan.undeclared.iter().map(|found| (&found.container.id, found)).collect();
    let there = listing.containers.values().filter(|c| c.state != ContainerState::Deleted);
    let mut candidates: Vec<Candidate<'a>> = there
        .map(|container| {
            let settled = |why: String| Some(Obstacle { why, settled: true });
            let id = &container.id;
            let obstacle = match (undeclared.get(id), owners.get(id), adopters.get(id.as_str())) {
                (_, Some(owner), _) => settled(format!("Share {owner} declares it")),
                (Some(_), _, Some(adopter)) => settled(format!("Share {adopter} asks to adopt it already")),
                (Some(found), ..) => obstacle(found).map(|why| Obstacle {
                    why,
                    settled: found.why == crate::api::undeclared_share::Why::OtherInstallation,
                }),
                (None, ..) if container.state.is_live() => settled(
                    "it carries the mark of a Share that cannot be read, or whose account is not known"
                        .to_owned(),
                ),
                (None, ..) => settled("it is being deleted".to_owned()),
            };
            Candidate { container, obstacle }
        })
        .collect();
    candidates.sort_by_key(|candidate| (&candidate.container.name, &candidate.container.id));
    candidates
}
