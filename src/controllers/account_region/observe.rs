//! Step 3, observe: as little of AWS as the pass needs. A whole reading when one is due; the containers that the plan
//! touches, or that we wrote to, when it is not; nothing at all when there is nothing to do.

use std::{collections::BTreeSet, time::Duration};

use kube::ResourceExt;
use tokio::time::Instant;

use super::{
    gather::Gathered,
    memory::{ASKED_AT_MOST_EVERY, CellMemory},
    objects,
};
use crate::{
    api::{Share, account_set::UndeclaredAction, annotations, duration},
    aws::{
        errors::{AwsError, Disposition, Replan},
        session::{CellClients, SessionError},
    },
    controllers::context::Context,
    mechanism::{
        policy::Purpose,
        ram::{failure, observe},
    },
    model::{Arn, Digest, Part, ShareKey, Timestamp},
    plan::{
        chain::Owner,
        desired::Desired,
        observed::{Listing, Reading, Unknown},
        resolve::key_of,
        view::Plan,
    },
};

/// How often a cell without Shares is read when undeclared shares are only reported.
const IDLE_INTERVAL: Duration = Duration::from_secs(3600);

/// What a pass saw.
pub struct Observed {
    /// The cell, with our own writes laid over it.
    pub reading: Reading<Listing>,
    /// The clients to write with.
    pub clients: Option<std::sync::Arc<CellClients>>,
    /// What was read in this pass.
    pub read: Read,
    /// The Shares whose request for a re-read was answered, and what they asked with.
    pub handled: Vec<(ShareKey, String)>,
    /// When to try again, if it failed; when a request may be answered, if one was put off.
    pub again: Option<Duration>,
}

/// What of a cell was read in a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// All of it.
    Everything,
    /// These containers; perhaps none.
    These(BTreeSet<Arn>),
}

impl Read {
    /// Whether it was a whole reading.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Everything)
    }

    /// Whether a container was read, or is known not to be there.
    pub fn covers(&self, container: &Arn) -> bool {
        match self {
            Self::Everything => true,
            Self::These(these) => these.contains(container),
        }
    }
}

/// Observes a cell for a pass.
pub async fn observe(
    context: &Context,
    memory: &mut CellMemory,
    gathered: &Gathered,
    desired: &Desired,
) -> Observed {
    let now = Instant::now();
    let (asked, put_off) = requests(memory, gathered, now);
    let need = need(memory, gathered, desired, &asked, now);
    let mut observed = Observed {
        reading: Reading::Unknown(never_read()),
        clients: None,
        read: Read::These(BTreeSet::new()),
        handled: vec![],
        again: put_off,
    };
    let clients = match context.sessions.cell(&gathered.cell, &Context::access(&gathered.set)).await {
        Ok(clients) => clients,
        Err(error) => return failed(memory, observed, gathered, unreachable(&error)),
    };
    let parts = objects::parts(gathered, desired);
    match read(context, memory, gathered, &clients, &parts, need).await {
        Ok(read) => {
            observed.read = read;
            observed.handled = asked.into_iter().map(|request| (request.share, request.text)).collect();
            for (key, _) in &observed.handled {
                memory.asked.insert(key.clone(), now);
                memory.setbacks.forgive(key);
            }
            let (value, at) = (memory.overlaid().unwrap_or_default(), memory.read_at.unwrap_or(gathered.now));
            observed.reading = Reading::Complete { value, at };
            observed.clients = Some(clients);
            observed
        }
        Err(error) => {
            let again = error.disposition.again_after();
            failed(memory, observed, gathered, (failure::unknown(&error), again))
        }
    }
}

fn never_read() -> Unknown {
    Unknown { reason: crate::api::Reason::Waiting.as_str(), message: "AWS was not read yet".to_owned() }
}

/// Why a cell cannot be reached, and when to try again.
pub fn unreachable(error: &SessionError) -> (Unknown, Option<Duration>) {
    match error {
        SessionError::Identity(error) => (failure::unknown(error), error.disposition.again_after()),
        SessionError::CredentialsMismatch { .. } => {
            let reason = crate::api::Reason::CredentialsMismatch.as_str();
            (Unknown { reason, message: error.to_string() }, Some(Duration::from_secs(300)))
        }
    }
}

fn failed(
    memory: &mut CellMemory,
    observed: Observed,
    gathered: &Gathered,
    why: (Unknown, Option<Duration>),
) -> Observed {
    let (unknown, again) = why;
    let since = memory.unknown.as_ref().map_or(gathered.now, |(_, since)| *since);
    memory.unknown = Some((unknown.clone(), since));
    // Whatever was to be read is read whole once AWS answers again.
    memory.next_full = None;
    let again = Some(again.unwrap_or(Duration::from_secs(60)));
    Observed { reading: Reading::Unknown(unknown), again, ..observed }
}

/// What a pass has to read.
enum Need {
    Everything,
    These(BTreeSet<Arn>),
    Nothing,
}

fn need(
    memory: &CellMemory,
    gathered: &Gathered,
    desired: &Desired,
    asked: &[Request],
    now: Instant,
) -> Need {
    let due = memory.next_full.is_none_or(|next| now >= next);
    let Some(held) = memory.overlaid().filter(|_| !due) else { return Need::Everything };
    // What the plan on what is held would touch is read before anything is done.
    let draft = gathered.plan(desired, &held, memory, &memory.reserved());
    // What a create without an answer has made is shown by a whole reading that begins late enough.
    let certain = |at: Timestamp| at <= gathered.now && memory.read_at.is_none_or(|read| read < at);
    if draft.open_until().any(certain) {
        return Need::Everything;
    }
    let due = || draft.chains.iter().filter(|chain| memory.setbacks.pending(chain, now).is_none());
    // What nobody declares is removed only by what a whole reading of the same pass shows.
    if due().any(|chain| matches!(chain.owner, Owner::Nobody(_))) {
        return Need::Everything;
    }
    let mut these: BTreeSet<Arn> = due().filter_map(|chain| chain.container.clone()).collect();
    these.extend(draft.unread_parts(&held).cloned());
    these.extend(memory.expectations.containers());
    these.extend(memory.doubtful.keys().cloned());
    these.extend(asked.iter().flat_map(|request| &request.containers).cloned());
    if memory.is_converging(now) {
        these.extend(converging(desired, &draft, &held));
    }
    if these.is_empty() {
        return Need::Nothing;
    }
    let shares = these.iter().filter(|id| Part::parse(id).is_none()).count();
    let few = shares == 0 || observe::calls_for_these(shares) < observe::calls_for_everything(&held);
    if few { Need::These(these) } else { Need::Everything }
}

/// The containers in which AWS is still working on something that we wait for. Invitations are not waited for.
pub fn converging<'a>(
    desired: &'a Desired,
    plan: &'a Plan,
    listing: &'a Listing,
) -> impl Iterator<Item = Arn> + use<'a> {
    use crate::plan::observed::AssociationState::{Associating, Disassociating};
    let sides = plan.shares.iter().flat_map(|(key, sides)| sides.values().map(move |view| (key, view)));
    sides.filter_map(move |(key, view)| {
        let container = listing.containers.get(view.container.as_ref()?)?;
        desired.shares.get(key)?;
        let principals = container.principals.values();
        let resources = container.resources.values();
        let busy = principals.chain(resources).any(|row| match row.state {
            Associating => !row.external,
            Disassociating => true,
            _ => false,
        });
        (busy || !view.waits.is_empty() || !container.state.is_writable() && container.state.is_live())
            .then(|| container.id.clone())
    })
}

async fn read(
    context: &Context,
    memory: &mut CellMemory,
    gathered: &Gathered,
    clients: &CellClients,
    parts: &BTreeSet<Part>,
    need: Need,
) -> Result<Read, AwsError> {
    match need {
        Need::Nothing => Ok(Read::These(BTreeSet::new())),
        Need::These(these) => {
            let shares: Vec<Arn> = these.iter().filter(|id| Part::parse(id).is_none()).cloned().collect();
            let at = context.now();
            let read = match &shares[..] {
                [] => Ok(Listing::default()),
                shares => observe::these(clients, shares).await,
            };
            match read {
                Ok(mut read) => {
                    let touched: Vec<Part> = these.iter().filter_map(Part::parse).collect();
                    let asked = objects::of(&touched);
                    let parts: BTreeSet<Part> = parts.iter().chain(&touched).cloned().collect();
                    let written = &memory.written;
                    read.replace(
                        objects::read(gathered, clients, written, &asked, &parts, Purpose::Plan, at).await,
                    );
                    // What AWS shows as it was before our last write is not read.
                    let is_read = |id: &Arn| Part::parse(id).is_none() || read.containers.contains_key(id);
                    let these = these.into_iter().filter(is_read).collect();
                    memory.keep_some(read, at);
                    Ok(Read::These(these))
                }
                // One of them is gone, or not there yet: only a whole reading can tell which.
                Err(error) if error.disposition == Disposition::Replan(Replan::UnknownResource) => {
                    everything(context, memory, gathered, clients, parts).await
                }
                Err(error) => Err(error),
            }
        }
        Need::Everything => everything(context, memory, gathered, clients, parts).await,
    }
}

async fn everything(
    context: &Context,
    memory: &mut CellMemory,
    gathered: &Gathered,
    clients: &CellClients,
    parts: &BTreeSet<Part>,
) -> Result<Read, AwsError> {
    let at = context.now();
    let mut listing = observe::everything(clients).await?;
    listing.replace(objects::read_with_others(memory, gathered, clients, parts, at).await);
    let of_shares = gathered.shares().flat_map(|(share, _)| recorded(gathered, share));
    let recorded: BTreeSet<Arn> = of_shares.chain(gathered.records.keys().cloned()).collect();
    memory.keep_full(listing, &recorded, at, Instant::now() + interval(gathered));
    Ok(Read::Everything)
}

fn recorded(gathered: &Gathered, share: &Share) -> Vec<Arn> {
    let containers = share.status.iter().flat_map(|status| &status.containers);
    containers.filter_map(|entry| entry.container(&gathered.installation, &key_of(share))).collect()
}

/// `spec.interval`, spread by a tenth either way so that cells do not march in step.
fn interval(gathered: &Gathered) -> Duration {
    let idle = gathered.shares.is_empty() && gathered.set.spec.undeclared.action == UndeclaredAction::Report;
    let base = duration::parse(&gathered.set.spec.interval).unwrap_or(Duration::from_secs(600));
    spread(if idle { IDLE_INTERVAL.max(base) } else { base }, &gathered.cell.to_string())
}

/// A duration spread by a tenth either way, by name.
pub fn spread(base: Duration, name: &str) -> Duration {
    let digest = Digest::of([name]);
    let share = u32::from_str_radix(digest.as_str().get(..2).unwrap_or("80"), 16).unwrap_or(128);
    base * (900 + share * 200 / 255) / 1000
}

/// A Share's request to have its containers read again.
struct Request {
    share: ShareKey,
    /// The annotation's value, to be acknowledged.
    text: String,
    containers: Vec<Arn>,
}

/// The Shares that ask for a re-read of their containers and may have it now; and when the next may, if one was put off.
fn requests(memory: &CellMemory, gathered: &Gathered, now: Instant) -> (Vec<Request>, Option<Duration>) {
    let mut granted = vec![];
    let mut put_off: Option<Duration> = None;
    for (share, _) in gathered.shares() {
        let Some(text) = unanswered(share) else { continue };
        let key = key_of(share);
        let wait = memory
            .asked
            .get(&key)
            .map(|last| ASKED_AT_MOST_EVERY.saturating_sub(now.saturating_duration_since(*last)));
        match wait.filter(|wait| !wait.is_zero()) {
            Some(wait) => put_off = Some(put_off.map_or(wait, |known| known.min(wait))),
            None => granted.push(Request { share: key, text, containers: recorded(gathered, share) }),
        }
    }
    (granted, put_off)
}

fn unanswered(share: &Share) -> Option<String> {
    let annotations = share.annotations();
    let asked = annotations
        .get(annotations::REQUESTED_AT)
        .or_else(|| annotations.get(annotations::FLUX_REQUESTED_AT))?;
    let handled = share.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_ref());
    (handled != Some(asked)).then(|| asked.clone())
}
