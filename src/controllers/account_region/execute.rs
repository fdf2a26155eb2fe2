//! Step 5, execute: the plan's chains, several at once, each in order. What is about to be made is put on record first.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::{FutureExt, StreamExt, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use tokio::time::Instant;

use super::{gather::Gathered, memory::CellMemory};
use crate::{
    api::{
        Share,
        share_status::{ContainerState, ShareContainer},
    },
    aws::{fence, session::CellClients},
    controllers::{
        chain_of,
        context::{Context, FINALIZER},
    },
    mechanism::ram::apply::{Hands, apply},
    model::{Arn, ShareKey, Side, mark::TAG_PREFIX},
    plan::{
        observed::{
            AssociationState, AttachedPermission, Container, ContainerState as State, Listing, Origin, Row,
        },
        receipt::{Outcome, Receipt, Then},
        resolve::key_of,
        step::{Action, Chain, Create},
        view::Plan,
    },
};

/// Chains of one cell that are carried out at once.
const AT_ONCE: usize = 8;

/// Carries out a plan. One receipt a step, those not sent included, and the last ones of what is not due again.
pub async fn execute(
    context: &Arc<Context>,
    memory: &mut CellMemory,
    gathered: &Gathered,
    clients: &CellClients,
    listing: &Listing,
    plan: &Plan,
) -> Vec<Receipt> {
    let now = Instant::now();
    memory.setbacks.keep_only(&plan.chains);
    let (mut receipts, mut due) = (vec![], vec![]);
    for chain in &plan.chains {
        match memory.setbacks.pending(chain, now) {
            Some(before) => receipts.extend_from_slice(before),
            None => due.push(chain),
        }
    }
    if !due.is_empty() {
        receipts.extend(send(context, memory, gathered, clients, listing, &due).await);
    }
    receipts
}

async fn send(
    context: &Arc<Context>,
    memory: &mut CellMemory,
    gathered: &Gathered,
    clients: &CellClients,
    listing: &Listing,
    chains: &[&Chain],
) -> Vec<Receipt> {
    let passed_by = passed_by(context, gathered, chains).await;
    let (outdated, chains): (Vec<&Chain>, Vec<&Chain>) =
        chains.iter().copied().partition(|chain| passed_by.contains(&chain.share));
    let chains = &chains[..];
    let recorded = record_intents(context, gathered, chains).await;
    let fence: Arc<dyn fence::Fence> = context.fence();
    let attempts = memory.attempts.clone();
    let hands =
        Hands { clients, fence: &fence, listing, installation: &gathered.installation, attempts: &attempts };
    let mut carried = Vec::with_capacity(chains.len());
    for &chain in chains {
        let recorded = makes(chain).is_none() || recorded.contains(&(chain.share.clone(), chain.side));
        carried.push(
            async move { if recorded { apply(hands, chain).await } else { not_sent(chain, NOT_RECORDED) } }
                .boxed(),
        );
    }
    let receipts: Vec<Vec<Receipt>> = stream::iter(carried).buffered(AT_ONCE).collect().await;
    for (&chain, receipts) in chains.iter().zip(&receipts) {
        memory.setbacks.note(chain, receipts, Instant::now());
        remember(memory, context, gathered, chain, receipts);
    }
    memory.attempts.prune();
    // What AWS refused for good leaves nothing to be read back.
    let perhaps = |r: &Receipt| r.is_done() || r.failure().is_some_and(|f| f.then != Then::PersonMustAct);
    if receipts.iter().flatten().any(perhaps) {
        memory.last_write = Some(Instant::now());
    }
    let outdated = outdated.into_iter().map(|chain| not_sent(chain, OUTDATED));
    receipts.into_iter().chain(outdated).flatten().collect()
}

/// Why a chain is not sent.
const NOT_RECORDED: &str = "the share is made once its creation is on record in the Share's status";
const OUTDATED: &str =
    "the Share is not what it was when this was planned, or cannot be read now; it is planned anew";

/// The Shares that the apiserver does not have as the plan does, or does not tell of: a store may be older than what a
/// former leader has acted on, and to act on it would take away what is declared and give back what was revoked.
async fn passed_by(context: &Context, gathered: &Gathered, chains: &[&Chain]) -> BTreeSet<ShareKey> {
    let written: BTreeSet<&ShareKey> = chains.iter().map(|chain| &chain.share).collect();
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
    let read: Vec<_> = stream::iter(reads.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).collect().await;
    read.into_iter().filter(|(_, same)| !same).map(|(key, _)| key).collect()
}

fn is_as_planned(planned: &Share, live: &Share) -> bool {
    let life = |share: &Share| {
        let metadata = &share.metadata;
        (metadata.uid.clone(), metadata.generation, metadata.deletion_timestamp.clone())
    };
    life(planned) == life(live)
}

fn makes(chain: &Chain) -> Option<&Create> {
    chain
        .steps
        .iter()
        .find_map(|step| if let Action::Create(create) = &step.action { Some(create) } else { None })
}

fn not_sent(chain: &Chain, because: &str) -> Vec<Receipt> {
    let of = |step: &crate::plan::step::Step| Receipt {
        share: chain.share.clone(),
        side: chain.side,
        step: step.clone(),
        outcome: Outcome::NotSent(because.to_owned()),
    };
    chain.steps.iter().map(of).collect()
}

/// Puts the incarnation of each container that is about to be made on record in its Share's status, so that a crash
/// between the create and the report makes no second one. The Share must carry our finalizer by then.
async fn record_intents(
    context: &Context,
    gathered: &Gathered,
    chains: &[&Chain],
) -> BTreeSet<(ShareKey, Side)> {
    let mut creates: BTreeMap<ShareKey, Vec<(Side, &Create)>> = BTreeMap::new();
    for chain in chains {
        if let Some(create) = makes(chain) {
            creates.entry(chain.share.clone()).or_default().push((chain.side, create));
        }
    }
    let mut writes = vec![];
    for (share, _) in gathered.shares() {
        let key = key_of(share);
        if let Some(sides) = creates.remove(&key) {
            writes.push(async move { (record(context, gathered, share, &sides).await, key, sides) }.boxed());
        }
    }
    let written: Vec<_> = stream::iter(writes).buffer_unordered(AT_ONCE).collect().await;
    let recorded = written.into_iter().filter(|(recorded, ..)| *recorded);
    recorded.flat_map(|(_, key, sides)| sides.into_iter().map(move |(side, _)| (key.clone(), side))).collect()
}

async fn record(context: &Context, gathered: &Gathered, share: &Share, sides: &[(Side, &Create)]) -> bool {
    if !share.metadata.finalizers.iter().flatten().any(|f| f == FINALIZER) {
        return false;
    }
    let before = share.status.clone().unwrap_or_default();
    let mut status = before.clone();
    for (side, create) in sides {
        put_intent(&mut status.containers, *side, create, Time(gathered.now));
    }
    if status == before {
        return true;
    }
    let written = context.writer.status(share, &before, &status).await;
    if let Err(error) = &written {
        tracing::warn!(error = %chain_of(error), "a creation could not be put on record, so it is not sent");
    }
    written.is_ok()
}

/// A create of the same incarnation that is on record already keeps the moment when it was first sent. The tags that it
/// makes are ours to take away from then on, whatever the Share says by the time the create is answered.
fn put_intent(containers: &mut Vec<ShareContainer>, side: Side, create: &Create, now: Time) {
    let known = containers.iter().position(|c| Side::from(c.side) == side);
    let before = known.and_then(|at| containers.get(at));
    let same = before
        .filter(|c| c.incarnation == create.incarnation && c.id.is_none())
        .and_then(|c| c.create_sent_at.clone());
    let own = create.tags.keys().filter(|key| !key.starts_with(TAG_PREFIX));
    let tag_keys: BTreeSet<String> =
        before.into_iter().flat_map(|c| &c.tag_keys).chain(own).cloned().collect();
    let entry = ShareContainer {
        mechanism: "ram".into(),
        side: side.into(),
        id: None,
        name: String::new(),
        incarnation: create.incarnation,
        state: ContainerState::Creating,
        create_sent_at: same.or(Some(now)),
        tag_keys: tag_keys.into_iter().collect(),
    };
    match known.and_then(|at| containers.get_mut(at)) {
        Some(place) => *place = entry,
        None => containers.push(entry),
    }
}

/// Keeps what was answered: what AWS will show once it has caught up, and which tokens are spent.
fn remember(
    memory: &mut CellMemory,
    context: &Context,
    gathered: &Gathered,
    chain: &Chain,
    receipts: &[Receipt],
) {
    let now = context.now();
    for receipt in receipts {
        context.telemetry.step(receipt);
        match (&receipt.step.action, &receipt.outcome, &chain.container) {
            (Action::Create(create), Outcome::Done(Some(id)), _) => {
                memory.expectations.made(made(id, create, gathered), now);
            }
            (action, Outcome::Done(_) | Outcome::AlreadyDone, Some(id)) => {
                memory.attempts.answered(id, action, &chain.basis);
                memory.expectations.wrote(id, action, chain.side == Side::Outer, now);
            }
            _ => {}
        }
    }
}

/// The container as AWS will list it.
fn made(id: &Arn, create: &Create, gathered: &Gathered) -> Container {
    let row = |external| Row { state: AssociationState::Associating, message: None, external, since: None };
    let types =
        create.members.resources.iter().filter_map(|arn| crate::model::ResourceType::of(&arn.parse().ok()?));
    // The default's name is AWS's to know; until a reading shows it, its prefix stands for it.
    let default = || "arn:aws:ram::aws:permission/AWSRAMDefaultPermission".to_owned();
    let permission = |t: crate::model::ResourceType| AttachedPermission {
        arn: create.permissions.get(t.name).cloned().unwrap_or_else(default),
        version: String::new(),
        is_default_version: true,
    };
    Container {
        id: id.clone(),
        name: create.name.clone(),
        owner: gathered.cell.account.to_string(),
        state: State::Active,
        message: None,
        allows_external: create.allow_external,
        origin: Origin::Standard,
        tags: create.tags.clone(),
        principals: create
            .members
            .principals
            .iter()
            .map(|p| (p.clone(), row(create.allow_external)))
            .collect(),
        resources: create.members.resources.iter().map(|r| (r.clone(), row(false))).collect(),
        permissions: types.map(|t| (t.name.to_owned(), permission(t))).collect(),
    }
}
