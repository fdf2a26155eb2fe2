//! The last look before anything is sent, past all stores: at the rules and the Shares that the plan rests on; and before
//! something undeclared is removed, at who may declare it and, past the last reading, at what is in AWS.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use kube::{
    Api, Resource, ResourceExt,
    api::{ListParams, ObjectList},
};

use super::{gather::Gathered, objects};
use crate::{
    api::{AccountSet, Share, SharingPolicy, UndeclaredShare, share_status::ContainerState},
    aws::session::CellClients,
    controllers::{chain_of, context::Context, share::cell},
    kube::watched::Guarded,
    mechanism::{
        policy::{Purpose, written::Written},
        ram::observe,
    },
    model::{Arn, Part, ShareKey, Slot},
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
/// Objects that are read at once.
const READS_AT_ONCE: usize = 8;
/// The longest that each of them is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

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
    /// The containers that its status names, and which of them it says are there, by slot; none where it cannot be read.
    names: Option<Vec<(Slot, String, bool)>>,
    /// It is this cell's, or it cannot be told whose it is.
    here: bool,
}

impl Declarer {
    /// Whether it may be that it declares this container: its status names it, or it bears its mark and the Share has no
    /// other live one on that slot. One that cannot be read may name anything that bears no other mark.
    fn may_declare(&self, container: &Container) -> bool {
        let mark = container.mark();
        let by_mark = mark.as_ref().filter(|mark| mark.share == self.key);
        match &self.names {
            None => by_mark.is_some() || mark.is_none(),
            Some(names) => {
                let on_record = names.iter().any(|(_, id, _)| id == container.id.as_str());
                let has_one = |slot: &Slot| names.iter().any(|(of, _, there)| of == slot && *there);
                on_record || self.here && by_mark.is_some_and(|mark| !has_one(&mark.slot))
            }
        }
    }
}

/// Reads the declarers and the containers anew. `Err` says why nothing is removed now.
pub(super) async fn look(
    context: &Arc<Context>,
    gathered: &Gathered,
    clients: &CellClients,
    written: &Written,
    chains: &[&Chain],
) -> Result<Confirmed, String> {
    let client = context.writer.client();
    let shares = &Api::<Guarded<Share>>::all(client.clone());
    let shares = in_time(all(|params| async move { shares.list(&params).await })).await?;
    let records: &Api<UndeclaredShare> = &Api::all(client.clone());
    let planned: Vec<(String, i64)> = chains
        .iter()
        .filter_map(|chain| match &chain.owner {
            Owner::Nobody(id) => Some((record_name(&gathered.cell, id), chain.generation)),
            Owner::Share(..) => None,
        })
        .collect();
    let each = stream::iter(planned).map(|(name, generation)| async move {
        let record = records.get_opt(&name).await.map_err(|error| unread(&error))?;
        Ok::<_, String>(record.is_some_and(|record| record.metadata.generation == Some(generation)))
    });
    let same_records = in_time(each.buffered(READS_AT_ONCE).try_all(|same| async move { same })).await?;
    let same_rules = has_same_rules(context, gathered).await?;
    let containers = chains.iter().filter_map(|chain| chain.container.clone());
    let (parts, arns): (Vec<Arn>, Vec<Arn>) = containers.partition(|id| Part::parse(id).is_some());
    let mut listing = match &arns[..] {
        [] => Listing::default(),
        arns => observe::these(clients, arns).await.map_err(|error| error.lasting())?,
    };
    let parts: BTreeSet<Part> = parts.iter().filter_map(Part::parse).collect();
    let now = context.now();
    let objects = objects::of(&parts);
    let read = objects::read(gathered, clients, written, &objects, &parts, Purpose::Look, now);
    listing.replace(read.await);
    Ok(Confirmed {
        declared: shares.iter().map(|share| declarer(share, gathered)).collect(),
        unchanged: same_rules && same_records,
        listing,
    })
}

fn unread(error: &kube::Error) -> String {
    format!("what it rests on could not be read: {}", chain_of(error))
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
        let Some(found) = self.listing.containers.get(id) else {
            let shown_before =
                Part::parse(id).is_some_and(|part| !self.listing.objects.contains(&part.object));
            let why = if shown_before {
                "its policy cannot be read now, or is shown as it was before the last write"
            } else {
                "AWS does not show it any more"
            };
            return Some(why.to_owned());
        };
        if found.basis() != chain.basis {
            return Some("it is not as it was when its removal was planned".to_owned());
        }
        let declarer = self.declared.iter().find(|declarer| declarer.may_declare(found))?;
        Some(format!("Share {} may declare it", declarer.key))
    }
}

fn declarer(share: &Guarded<Share>, gathered: &Gathered) -> Declarer {
    let key = ShareKey { namespace: share.namespace().unwrap_or_default(), name: share.name_any() };
    let Ok(share) = &share.0 else { return Declarer { key, names: None, here: true } };
    let containers = share.status.iter().flat_map(|status| &status.containers);
    let on_record = containers.filter_map(|c| {
        let id = c.container(&gathered.installation, &key)?;
        Some((c.slot()?, id.to_string(), c.state != ContainerState::Gone))
    });
    let names = on_record.collect();
    let placed = cell(share, [gathered.organization.clone()]);
    Declarer { key, names: Some(names), here: placed.map_or(true, |cell| cell == gathered.cell) }
}

fn version(metadata: &kube::api::ObjectMeta) -> (Option<&str>, Option<i64>, bool) {
    (metadata.uid.as_deref(), metadata.generation, metadata.deletion_timestamp.is_some())
}

/// Whether the set and the policies that the plan rests on are stored as it has them; or why that cannot be told.
pub(super) async fn has_same_rules(context: &Context, gathered: &Gathered) -> Result<bool, String> {
    let client = context.writer.client();
    let (sets, policies) =
        (&Api::<AccountSet>::all(client.clone()), &Api::<SharingPolicy>::all(client.clone()));
    let reads = async {
        let set = sets.get_metadata_opt(&gathered.set.name_any()).await.map_err(|error| unread(&error))?;
        let live = all(|params| async move { policies.list_metadata(&params).await }).await?;
        Ok((set, live))
    };
    let (set, live) = in_time(reads).await?;
    let same_set = set.is_some_and(|set| version(&set.metadata) == version(&gathered.set.metadata));
    let live: BTreeSet<_> = live.into_iter().map(|p| (p.metadata.uid, p.metadata.generation)).collect();
    let planned: BTreeSet<_> =
        gathered.policies.iter().map(|policy| (policy.uid(), policy.meta().generation)).collect();
    Ok(same_set && live == planned)
}

/// What reads give, or that they took too long.
async fn in_time<T>(reads: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let read = tokio::time::timeout(PATIENCE, reads).await;
    read.unwrap_or_else(|_elapsed| Err("what it rests on could not be read in time".to_owned()))
}

/// All that a listing has now, page by page.
async fn all<T, F>(page: impl Fn(ListParams) -> F) -> Result<Vec<T>, String>
where
    T: Clone,
    F: Future<Output = kube::Result<ObjectList<T>>>,
{
    let mut found = vec![];
    let mut params = ListParams::default().limit(PAGE);
    for _ in 0..PAGES {
        let page = page(params.clone()).await.map_err(|error| unread(&error))?;
        found.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(found),
        }
    }
    Err("what it rests on could not be read: the listing does not end".to_owned())
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

/// Whether a plan rests on what is stored: the spec, and what the status knows of names, containers and outside targets.
/// An older status would have names mean somebody else, and creates made anew.
fn is_as_planned(planned: &Share, live: &Share) -> bool {
    let identity = |share: &Share| {
        let metadata = &share.metadata;
        (metadata.uid.clone(), metadata.generation, metadata.deletion_timestamp.clone())
    };
    let memory = |share: &Share| {
        let status = share.status.clone().unwrap_or_default();
        let containers = status
            .containers
            .into_iter()
            .map(|c| (c.mechanism, c.side, c.id, c.incarnation, c.adopting, c.widened));
        (containers.collect::<Vec<_>>(), status.pins, status.outside)
    };
    identity(planned) == identity(live) && memory(planned) == memory(live)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::Digest, plan::fixture::*};

    fn chain(container: &Container) -> Chain {
        Chain {
            owner: Owner::Nobody(container.id.clone()),
            uid: String::new(),
            generation: 1,
            digest: Digest::of(["plan"]),
            container: Some(container.id.clone()),
            basis: container.basis(),
            steps: vec![],
            adopts: false,
            proof: None,
        }
    }

    #[test]
    fn what_is_gone_changed_or_perhaps_declared_is_not_removed() {
        let orphan =
            ours("hub", &Slot::Inner).to(DATA, "ASSOCIATED").sharing("subnet/subnet-1", "ASSOCIATED");
        let id = || orphan.id.to_string();
        let declared = |names| vec![Declarer { key: key("hub"), names, here: true }];
        let elsewhere = |names| vec![Declarer { key: key("hub"), names, here: false }];
        let retagged = orphan.clone().tagged("sharekeeper.dev/name", "spoke");
        // who there is, what AWS shows, what is said
        let table: [(Vec<Declarer>, Option<&Container>, Option<&str>); 9] = [
            (vec![], Some(&orphan), None),
            (vec![], None, Some("AWS does not show it")),
            (vec![], Some(&retagged), Some("not as it was")),
            (declared(None), Some(&orphan), Some("network-team/hub may declare it")),
            // On record as its own, there or not: a deleted one may have been restored.
            (elsewhere(Some(vec![(Slot::Inner, id(), true)])), Some(&orphan), Some("may declare it")),
            (elsewhere(Some(vec![(Slot::Inner, id(), false)])), Some(&orphan), Some("may declare it")),
            // By its mark, unless the Share has another one.
            (declared(Some(vec![])), Some(&orphan), Some("may declare it")),
            (
                declared(Some(vec![(Slot::Inner, "other".into(), false)])),
                Some(&orphan),
                Some("may declare it"),
            ),
            (declared(Some(vec![(Slot::Inner, "other".into(), true)])), Some(&orphan), None),
        ];
        for (index, (declared, shown, expected)) in table.into_iter().enumerate() {
            let listing = listing(shown.cloned());
            let said = Confirmed { declared, unchanged: true, listing }.objection(&chain(&orphan));
            match (&said, expected) {
                (Some(said), Some(expected)) => assert!(said.contains(expected), "{index}: {said}"),
                (said, expected) => assert_eq!(said.as_deref(), expected, "{index}"),
            }
        }
        let changed = Confirmed { declared: vec![], unchanged: false, listing: listing([orphan.clone()]) };
        assert!(changed.objection(&chain(&orphan)).is_some());
    }
}
