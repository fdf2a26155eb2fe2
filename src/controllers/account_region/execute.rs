//! Step 5, execute: the plan's chains, several at once, each in order. What is about to be made is put on record first.

use std::{collections::BTreeSet, sync::Arc};

use futures::{FutureExt, StreamExt, stream};
use tokio::time::Instant;

use super::{
    budgets, confirm,
    gather::Gathered,
    intents::{record_intents, remember_create, remember_members, unanswered},
    memory::CellMemory,
    observe::Read,
};
use crate::{
    api::Reason,
    aws::{fence, session::CellClients},
    controllers::context::Context,
    mechanism::apply::{Hands, Turns, apply},
    model::{Arn, ShareKey, Slot},
    plan::{
        chain::{Chain, Owner},
        change::Effect,
        desired::Desired,
        observed::{
            AssociationState, AttachedPermission, Container, ContainerState as State, Listing, Origin, Row,
        },
        receipt::{Failure, Outcome, Receipt, Then},
        resolve::key_of,
        step::{Action, Create, Step},
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
    desired: &Desired,
    clients: &CellClients,
    observed: &Seen<'_>,
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
    // What came due since this pass has read AWS is read by the next one first.
    let (due, unread): (Vec<&Chain>, Vec<&Chain>) =
        due.into_iter().partition(|chain| chain.container.as_ref().is_none_or(|id| observed.read.covers(id)));
    receipts.extend(unread.into_iter().flat_map(|chain| not_sent(chain, UNREAD)));
    let (behind, due): (Vec<&Chain>, Vec<&Chain>) =
        due.into_iter().partition(|chain| widens(chain) && plan.may_overwrite(&chain.owner, desired));
    receipts.extend(behind.into_iter().flat_map(|chain| not_sent(chain, BEHIND)));
    if due.is_empty() {
        return receipts;
    }
    let (swept, declared): (Vec<_>, Vec<_>) =
        due.into_iter().partition(|chain| matches!(chain.owner, Owner::Nobody(_)));
    let (swept, unconfirmed, listing) = confirmed(context, memory, gathered, clients, observed, swept).await;
    receipts.extend(unconfirmed);
    // Narrowing goes first, as the plan has it.
    let chains = declared.into_iter().chain(swept).collect();
    let (chains, unreserved) = reserved(context, memory, gathered, plan, chains).await;
    receipts.extend(unreserved);
    receipts.extend(send(context, memory, gathered, desired, clients, &listing, &chains).await);
    receipts
}

/// What a pass saw of its cell.
pub struct Seen<'a> {
    /// The cell, with our own writes laid over it.
    pub listing: &'a Listing,
    /// What of it was read in this pass.
    pub read: &'a Read,
}

/// The removals of undeclared containers that a last live look does not speak against; the others' receipts; and the
/// listing with what that look saw in it.
async fn confirmed<'c>(
    context: &Arc<Context>,
    memory: &mut CellMemory,
    gathered: &Gathered,
    clients: &CellClients,
    observed: &Seen<'_>,
    chains: Vec<&'c Chain>,
) -> (Vec<&'c Chain>, Vec<Receipt>, Listing) {
    let mut listing = observed.listing.clone();
    if chains.is_empty() {
        return (chains, vec![], listing);
    }
    let looked = if observed.read.is_full() {
        confirm::look(context, gathered, clients, &memory.written, &chains).await
    } else {
        Err("only a whole reading of the same pass removes what nobody declares".to_owned())
    };
    let (mut passing, mut receipts) = (vec![], vec![]);
    for chain in chains {
        let objection = match &looked {
            Ok(confirmed) => confirmed.objection(chain),
            Err(why) => Some(why.clone()),
        };
        match objection {
            None => passing.push(chain),
            // Each look is a whole reading: one that objects is not asked again at once.
            Some(why) => {
                let failure = Failure {
                    reason: Reason::Conflict,
                    message: format!("it is not removed now: {why}"),
                    then: Then::PersonMustAct,
                    certain: true,
                };
                receipts.extend(put_off(memory, chain, &failure));
            }
        }
    }
    if let Ok(confirmed) = looked {
        listing.containers.extend(confirmed.listing.containers);
    }
    (passing, receipts, listing)
}

/// The chains for whose removals there is room in the budgets; the others' receipts.
async fn reserved<'c>(
    context: &Context,
    memory: &mut CellMemory,
    gathered: &Gathered,
    plan: &Plan,
    chains: Vec<&'c Chain>,
) -> (Vec<&'c Chain>, Vec<Receipt>) {
    let asks = |chain: &&Chain| plan.to_reserve.iter().any(|(owner, _)| *owner == chain.owner);
    let (asking, mut passing): (Vec<_>, Vec<_>) = chains.into_iter().partition(asks);
    if asking.is_empty() {
        return (passing, vec![]);
    }
    let removals =
        plan.to_reserve.iter().filter(|(owner, _)| asking.iter().any(|chain| chain.owner == *owner));
    let removals: Vec<_> = removals.map(|(_, removal)| removal.clone()).collect();
    match budgets::reserve(context, gathered, &removals).await {
        Ok(()) => {
            memory.reserve(removals, gathered.now);
            passing.extend(asking);
            (passing, vec![])
        }
        Err(why) => {
            let message = format!("its removals are not counted yet, so none is made: {why}");
            let failure = Failure { reason: Reason::RemovalsHeld, message, then: Then::Wait, certain: true };
            (passing, asking.iter().flat_map(|chain| put_off(memory, chain, &failure)).collect())
        }
    }
}

async fn send(
    context: &Arc<Context>,
    memory: &mut CellMemory,
    gathered: &Gathered,
    desired: &Desired,
    clients: &CellClients,
    listing: &Listing,
    chains: &[&Chain],
) -> Vec<Receipt> {
    // What nobody declares was looked at by itself.
    let of_shares = chains.iter().any(|chain| chain.owner.share().is_some());
    let rules = if of_shares { confirm::has_same_rules(context, gathered).await } else { Ok(true) };
    if let Some(why) = objection(&rules) {
        return chains.iter().flat_map(|chain| not_sent(chain, &why)).collect();
    }
    let passed_by = confirm::passed_by(context, gathered, chains).await;
    let is_outdated = |chain: &&Chain| chain.owner.share().is_some_and(|share| passed_by.contains(share));
    let (outdated, chains): (Vec<&Chain>, Vec<&Chain>) = chains.iter().copied().partition(is_outdated);
    let chains = &chains[..];
    let unanswered = unanswered(gathered, chains);
    let recorded = record_intents(context, memory, gathered, desired, chains).await;
    let fence: Arc<dyn fence::Fence> = context.fence();
    let attempts = memory.attempts.clone();
    let (written, turns) = (Arc::clone(&memory.written), Turns::of(chains, &gathered.installation));
    let hands = Hands {
        clients,
        fence: &fence,
        listing,
        installation: &gathered.installation,
        attempts: &attempts,
        tree: gathered.organization.as_names().tree(),
        written: &written,
        turns: &turns,
        now: gathered.now,
    };
    let mut carried = Vec::with_capacity(chains.len());
    for &chain in chains {
        let recorded = chain.owner.share().is_none_or(|share| recorded.contains(share));
        carried.push(
            async move { if recorded { apply(hands, chain).await } else { not_recorded(chain) } }.boxed(),
        );
    }
    let receipts: Vec<Vec<Receipt>> = stream::iter(carried).buffered(AT_ONCE).collect().await;
    for (&chain, receipts) in chains.iter().zip(&receipts) {
        memory.setbacks.note(chain, receipts, Instant::now());
        remember(memory, context, gathered, chain, receipts);
        remember_create(memory, chain, receipts, unanswered.contains(&chain.owner), context.now());
        remember_members(memory, desired, chain, receipts, context.now());
    }
    // A spent token says that something was made: it is looked for at once.
    let spent = |r: &Receipt| r.failure().is_some_and(|failure| failure.then == Then::RenewToken);
    if receipts.iter().flatten().any(spent) {
        memory.next_full = None;
    }
    memory.attempts.prune();
    let there: BTreeSet<ShareKey> = gathered.shares().map(|(share, _)| key_of(share)).collect();
    memory.creates.retain(|(share, _), _| there.contains(share));
    memory.absent.keep_only(&there);
    memory.unanswered.retain(|(share, _), _| there.contains(share));
    memory.flips.prune(gathered.now);
    // What AWS refused for good leaves nothing to be read back.
    let perhaps = |r: &Receipt| r.is_done() || r.failure().is_some_and(|f| f.then != Then::PersonMustAct);
    if receipts.iter().flatten().any(perhaps) {
        memory.last_write = Some(Instant::now());
    }
    let outdated = outdated.into_iter().map(|chain| not_sent(chain, OUTDATED));
    receipts.into_iter().chain(outdated).flatten().collect()
}

/// Why nothing is sent, by what the rules are now.
fn objection(rules: &Result<bool, String>) -> Option<String> {
    match rules {
        Ok(true) => None,
        Ok(false) => Some(
            "policies or the AccountSet have changed since this was planned; it is planned anew".to_owned(),
        ),
        Err(why) => Some(format!("{why}; it is sent once that can be read")),
    }
}

/// Why a chain is not sent that came due after this pass had read AWS.
const UNREAD: &str = "the share is read first";
/// Why a chain is not sent that would write on a policy which is perhaps an old one. What only takes away is sent: whom that cuts
/// off by mistake is let in again by his own Share, and to let nobody keep what was revoked matters more.
const BEHIND: &str = "another Share's statements in the same policy may have been written lately and are not shown; it is sent once they are, or cannot come any more";
/// Why a chain is not sent whose Share is another by now.
const OUTDATED: &str =
    "the Share is not what it was when this was planned, or cannot be read now; it is planned anew";

fn widens(chain: &Chain) -> bool {
    chain.steps.iter().any(|step| step.effect != Effect::Narrow)
}

fn not_recorded(chain: &Chain) -> Vec<Receipt> {
    not_sent(chain, "it is sent once it is on record in the Share's status")
}

/// The receipts of a chain that is tried again later.
fn put_off(memory: &mut CellMemory, chain: &Chain, failure: &Failure) -> Vec<Receipt> {
    let of = |step: &Step| Receipt {
        owner: chain.owner.clone(),
        step: step.clone(),
        outcome: Outcome::Failed(failure.clone()),
    };
    let receipts: Vec<Receipt> = chain.steps.iter().map(of).collect();
    memory.setbacks.note(chain, &receipts, Instant::now());
    receipts
}

fn not_sent(chain: &Chain, because: &str) -> Vec<Receipt> {
    let of = |step: &Step| Receipt {
        owner: chain.owner.clone(),
        step: step.clone(),
        outcome: Outcome::NotSent(because.to_owned()),
    };
    chain.steps.iter().map(of).collect()
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
        if let (Owner::Share(share, slot), true) = (&chain.owner, receipt.is_done()) {
            memory.flips.note_step(share, slot, &receipt.step, now);
        }
        match (&receipt.step.action, &receipt.outcome, &chain.container) {
            (Action::Create(create), Outcome::Done(Some(id)), _) => {
                memory.expectations.made(made(id, create, gathered), now);
            }
            (action, outcome, Some(id)) if receipt.is_done() => {
                let outer = chain.owner.slot() == Some(&Slot::Outer);
                memory.attempts.answered(id, action, &chain.basis);
                let listed = memory.listing.as_ref().and_then(|read| read.containers.get(id));
                match outcome {
                    Outcome::AlreadyDone => memory.expectations.found_so(id, listed, action, outer, now),
                    _ => memory.expectations.wrote(id, listed, action, outer, now),
                }
            }
            (_, Outcome::Failed(failure), Some(id)) if !failure.certain => {
                memory.doubtful.insert(id.clone(), now);
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
