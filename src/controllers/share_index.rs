//! Which Shares concern a cell, without looking at all of them.

use std::collections::{BTreeMap, BTreeSet};

use kube::{Resource, ResourceExt};

use crate::{
    api::{PinKind, Share, annotations},
    kube::watched::Guarded,
    model::{AccountId, Cell, ShareKey},
};

/// Which Shares name which account and region: by what their specs write, and by the ids that their names are pinned to.
#[derive(Debug, Default)]
pub(super) struct ShareIndex {
    by_place: BTreeMap<(String, String), BTreeSet<ShareKey>>,
    places: BTreeMap<ShareKey, (BTreeSet<(String, String)>, String)>,
    unreadable: BTreeSet<ShareKey>,
    unplaced: BTreeSet<ShareKey>,
}

impl ShareIndex {
    /// Takes note of a Share that was touched; whether anything changed that a plan rests on.
    pub(super) fn put(&mut self, share: &Guarded<Share>, gone: bool) -> bool {
        let key = ShareKey { namespace: share.namespace().unwrap_or_default(), name: share.name_any() };
        let before = self.places.remove(&key);
        self.unreadable.remove(&key);
        self.unplaced.remove(&key);
        for place in before.iter().flat_map(|(places, _)| places) {
            if let Some(keys) = self.by_place.get_mut(place) {
                keys.remove(&key);
            }
        }
        if gone {
            return true;
        }
        let places = places(share);
        for place in &places {
            self.by_place.entry(place.clone()).or_default().insert(key.clone());
        }
        match &share.0 {
            Err(_) => drop(self.unreadable.insert(key.clone())),
            Ok(share) if share.spec.account.parse::<AccountId>().is_err() && account_pin(share).is_none() => {
                self.unplaced.insert(key.clone());
            }
            Ok(_) => {}
        }
        let essence = essence(share);
        let changed = before.is_none_or(|(_, known)| known != essence);
        self.places.insert(key, (places, essence));
        changed
    }

    /// The Shares that may belong to a cell.
    pub(super) fn of(&self, cell: &Cell, account_name: Option<&str>) -> BTreeSet<ShareKey> {
        let names = [Some(cell.account.as_str()), account_name].into_iter().flatten();
        let places = names.map(|name| (name.to_owned(), cell.region.to_string()));
        places.filter_map(|place| self.by_place.get(&place)).flatten().cloned().collect()
    }

    /// The Shares that cannot be read.
    pub(super) fn unreadable(&self) -> &BTreeSet<ShareKey> {
        &self.unreadable
    }

    /// The Shares that name their account and were not placed in a cell yet.
    pub(super) fn unplaced(&self) -> &BTreeSet<ShareKey> {
        &self.unplaced
    }
}

fn places(share: &Guarded<Share>) -> BTreeSet<(String, String)> {
    let Ok(share) = &share.0 else { return BTreeSet::new() };
    let region = share.spec.region.clone();
    let pinned = account_pin(share).map(|id| (id.to_string(), region.clone()));
    std::iter::once((share.spec.account.clone(), region)).chain(pinned).collect()
}

/// The id that a Share's `account` is pinned to, where it is a name.
pub(super) fn account_pin(share: &Share) -> Option<AccountId> {
    let mut pins = share.status.iter().flat_map(|status| &status.pins);
    let pin = pins.find(|pin| pin.kind == PinKind::Account && pin.declared_as == share.spec.account)?;
    pin.id.parse().ok()
}

/// What of a Share a plan rests on: its own status does not count, or every report would wake the next pass.
fn essence(share: &Guarded<Share>) -> String {
    let annotation = |key: &str| share.annotations().get(key).cloned().unwrap_or_default();
    let generation = share.meta().generation.unwrap_or_default();
    let deleting = share.meta().deletion_timestamp.is_some();
    let asked =
        [annotations::REQUESTED_AT, annotations::FLUX_REQUESTED_AT, annotations::ABANDON].map(annotation);
    let finalizers = share.finalizers().len();
    format!("{:?} {generation} {deleting} {finalizers} {asked:?} {}", share.uid(), share.0.is_ok())
}
