//! The last look before something undeclared is removed: past all stores, at who declares it, and past the last reading, at
//! what is in AWS. Both in the attempt that removes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::Arc,
};

use futures::{FutureExt, StreamExt, stream};
use kube::{Api, Resource, ResourceExt, api::ListParams};
use serde::de::DeserializeOwned;

use super::gather::Gathered;
use crate::{
    api::{AccountSet, Share, SharingPolicy, UndeclaredShare, share_status::ContainerState},
    aws::session::CellClients,
    controllers::{chain_of, context::Context, share::cell},
    kube::watched::Guarded,
    mechanism::ram::observe,
    model::{Arn, ShareKey, Side},
    mutant::{self, Mutant},
    plan::{
        chain::{Chain, Owner},
        observed::{Container, Listing},
        resolve::key_of,
        undeclared::record_name,
    },
};

/// Objects a page.
const PAGE: u32 = 500;
/// Pages at most: a listing that does not end is no listing.
const PAGES: usize = 1000;
/// Shares that are read at once.
const READS_AT_ONCE: usize = 8;

/// What was read live, for all removals of one pass.
pub(super) struct Confirmed {
    declared: Vec<Declarer>,
    unchanged: bool,
    /// The containers as AWS showed them just now.
    pub(super) listing: Listing,
}

/// Who may declare a container.
struct Declarer {
    key: ShareKey,
    /// The containers that its status names, by side; none where it cannot be read.
    holds: Option<BTreeMap<Side, String>>,
    /// It is this cell's, or it cannot be told whose it is.
    here: bool,
}

impl Declarer {
    /// Whether it may be that it declares this container: its status names it, or it bears its mark and the Share has no
    /// other one on that side. One that cannot be read may name anything that bears no other mark.
    fn may_declare(&self, container: &Container) -> bool {
        let mark = container.mark();
        let by_mark = mark.as_ref().filter(|mark| mark.share == self.key);
        match &self.holds {
            None => by_mark.is_some() || mark.is_none(),
            Some(holds) => {
                let named = holds.values().any(|id| id == container.id.as_str());
                named || self.here && by_mark.is_some_and(|mark| !holds.contains_key(&mark.side))
            }
        }
    }
}

/// Reads the declarers and the containers anew. `Err` says why nothing is removed now.
pub(super) async fn look(
    context: &Arc<Context>,
    gathered: &Gathered,
    clients: &CellClients,
    chains: &[&Chain],
) -> Result<Confirmed, String> {
    let client = context.writer.client().clone();
    let shares = all::<Share>(&Api::all(client.clone())).await?;
    let policies = all::<SharingPolicy>(&Api::all(client.clone())).await?;
    let sets: Api<AccountSet> = Api::all(client.clone());
    let set = sets.get_opt(&gathered.set.name_any()).await.map_err(|error| unread(&error))?;
    let records: Api<UndeclaredShare> = Api::all(client);
    let mut same_records = true;
    for chain in chains {
        let Owner::Nobody(id) = &chain.owner else { continue };
        let name = record_name(&gathered.cell, id);
        let record = records.get_opt(&name).await.map_err(|error| unread(&error))?;
        same_records &= record.is_some_and(|record| record.metadata.generation == Some(chain.generation));
    }
    let same_set = set.is_some_and(|set| version(&set.metadata) == version(&gathered.set.metadata));
    let arns: Vec<Arn> = chains.iter().filter_map(|chain| chain.container.clone()).collect();
    let listing = observe::these(clients, &arns).await.map_err(|error| error.lasting())?;
    Ok(Confirmed {
        declared: shares.iter().map(|share| declarer(share, gathered)).collect(),
        unchanged: same_set && same_records && same_policies(&policies, gathered),
        listing,
    })
}

fn unread(error: &kube::Error) -> String {
    format!("who declares it could not be read: {}", chain_of(error))
}

impl Confirmed {
    /// Why a chain is not carried out after all; none where it may be.
    pub(super) fn objection(&self, chain: &Chain) -> Option<String> {
        let id = chain.container.as_ref()?;
        if mutant::is(Mutant::NoLastLook) {
            return None;
        }
        if !self.unchanged {
            return Some("what it was decided by has changed meanwhile".to_owned());
        }
        let found = self.listing.containers.get(id)?;
        let declarer = self.declared.iter().find(|declarer| declarer.may_declare(found))?;
        Some(format!("Share {} may declare it", declarer.key))
    }
}

fn declarer(share: &Guarded<Share>, gathered: &Gathered) -> Declarer {
    let key = ShareKey { namespace: share.namespace().unwrap_or_default(), name: share.name_any() };
    let Ok(share) = &share.0 else { return Declarer { key, holds: None, here: true } };
    let containers = share.status.iter().flat_map(|status| &status.containers);
    let held = containers.filter(|c| c.state != ContainerState::Gone);
    let holds = held.filter_map(|c| Some((c.side.into(), c.id.clone()?))).collect();
    let placed = cell(share, [gathered.organization.clone()]);
    Declarer { key, holds: Some(holds), here: placed.map_or(true, |cell| cell == gathered.cell) }
}

fn version(metadata: &kube::api::ObjectMeta) -> (Option<&str>, Option<i64>, bool) {
    (metadata.uid.as_deref(), metadata.generation, metadata.deletion_timestamp.is_some())
}

fn same_policies(live: &[Guarded<SharingPolicy>], gathered: &Gathered) -> bool {
    let of = |policy: &Guarded<SharingPolicy>| (policy.uid(), policy.meta().generation);
    let live: BTreeSet<_> = live.iter().map(of).collect();
    live == gathered.policies.iter().map(|policy| of(policy)).collect()
}

/// All objects of a kind as they are stored now, page by page.
async fn all<K>(api: &Api<Guarded<K>>) -> Result<Vec<Guarded<K>>, String>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let mut found = vec![];
    let mut params = ListParams::default().limit(PAGE);
    for _ in 0..PAGES {
        let page = api.list(&params).await.map_err(|error| unread(&error))?;
        found.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(found),
        }
    }
    Err("who declares it could not be read: the listing does not end".to_owned())
}

/// The Shares that the apiserver does not have as the plan does, or does not tell of: a store may be older than what a
/// former leader has acted on, and to act on it would take away what is declared and give back what was revoked.
pub(super) async fn passed_by(
    context: &Context,
    gathered: &Gathered,
    chains: &[&Chain],
) -> BTreeSet<ShareKey> {
    let written: BTreeSet<&ShareKey> = chains.iter().filter_map(|chain| chain.owner.share()).collect();
    let planned = gathered.shares().map(|(share, _)| (key_of(share), share));
    let reads = planned.filter(|(key, _)| written.contains(key)).map(|(key, share)| {
        async move {
            let live = context.writer.live_in::<Share>(&key.namespace, &key.name).await;
            if let Err(error) = &live {
                tracing::warn!(error = %chain_of(error), "a Share could not be read, so nothing is sent for it");
            }
            let same = live.ok().flatten().is_some_and(|live| is_as_planned(share, &live));
            (key, same)
        }
        .boxed()
    });
    let read: Vec<_> =
        stream::iter(reads.collect::<Vec<_>>()).buffer_unordered(READS_AT_ONCE).collect().await;
    read.into_iter().filter(|(_, same)| !same).map(|(key, _)| key).collect()
}

fn is_as_planned(planned: &Share, live: &Share) -> bool {
    let identity = |share: &Share| {
        let metadata = &share.metadata;
        (metadata.uid.clone(), metadata.generation, metadata.deletion_timestamp.clone())
    };
    identity(planned) == identity(live)
}
