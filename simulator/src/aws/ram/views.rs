//! Who sees what: the owner's view, and the consumer's with the tree's containment.

use super::model::{AssociationStatus, AssociationType, FeatureSet, Share, ShareState, ShareStatus};
use super::principal;
use super::shares::{prefix, unknown_share};
use crate::aws::caller::Caller;
use crate::aws::refusal::Refusal;
use crate::aws::world::World;

/// Whose shares a listing is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Own,
    Others,
}

impl Owner {
    pub(super) fn read(text: Option<&str>) -> Result<Self, Refusal> {
        match text {
            Some("SELF") => Ok(Self::Own),
            Some("OTHER-ACCOUNTS") => Ok(Self::Others),
            _ => Err(Refusal::parameter("ResourceOwner must be SELF or OTHER-ACCOUNTS.")),
        }
    }
}

impl World {
    /// Whether a share gives access to `account` through an associated principal.
    pub(crate) fn reaches(&self, state: &ShareState, account: &str) -> bool {
        state.rows.iter().any(|((kind, literal, _), row)| {
            *kind == AssociationType::Principal
                && row.status == AssociationStatus::Associated
                && principal::covers(&self.directory, literal, account)
        })
    }

    fn visible(&self, caller: &Caller, share: &Share, state: &ShareState, owner: Owner) -> bool {
        match owner {
            Owner::Own => share.owner == caller.account,
            Owner::Others => {
                share.owner != caller.account
                    && state.status == ShareStatus::Active
                    && state.feature_set == FeatureSet::Standard
                    && self.reaches(state, &caller.account)
            }
        }
    }

    /// The shares of a listing, as seen at `as_of`, in order of ARN, from the share `from` on.
    pub(super) fn seen<'a>(
        &'a self,
        caller: &'a Caller,
        owner: Owner,
        as_of: f64,
        from: &str,
    ) -> impl Iterator<Item = (&'a Share, &'a ShareState)> {
        let first = match owner {
            Owner::Own => prefix(caller).max(from.to_owned()),
            Owner::Others => from.to_owned(),
        };
        let end = prefix(caller);
        let shares = self.ram.regions.get(&caller.region).map(|region| region.shares.range(first..));
        shares
            .into_iter()
            .flatten()
            .map(|(_, share)| share)
            .take_while(move |share| owner == Owner::Others || share.arn.starts_with(&end))
            .filter_map(move |share| share.seen(as_of).map(|state| (share, state)))
            .filter(move |(share, state)| self.visible(caller, share, state, owner))
    }

    /// A named share that the listing may speak of; `UnknownResourceException` for others, and while a reader lags.
    pub(super) fn named(&self, caller: &Caller, owner: Owner, as_of: f64, arn: &str) -> Result<(), Refusal> {
        if !arn.starts_with("arn:") || !arn.contains(":resource-share/") {
            return Err(Refusal::malformed_arn(arn));
        }
        let share = self.ram.regions.get(&caller.region).and_then(|region| region.shares.get(arn));
        let seen = share.and_then(|share| share.seen(as_of).map(|state| (share, state)));
        match seen {
            Some((share, state)) if self.visible(caller, share, state, owner) => Ok(()),
            _ => Err(unknown_share(arn)),
        }
    }
}
