//! Carries out the steps of a plan, one AWS write each, in order; the first failure ends a chain.
//!
//! Nothing is decided here. Ownership is checked once more, on the container as it was just read.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::Mutex;

use super::{
    policy,
    ram::{self, apply::Attempts, failure},
    statements::Place,
};
use crate::{
    api::Reason,
    aws::{
        audit::Subject,
        calls::Leave,
        errors::{AwsError, Disposition, Remedy, Replan},
        fence::Fence,
        session::CellClients,
    },
    model::{Arn, Mark, ObjectKind, Part, Timestamp},
    mutant::{self, Mutant},
    org::Tree,
    plan::{
        chain::{Chain, Owner},
        observed::{Container, Listing, Origin, object_of},
        receipt::{Failure, Outcome, Receipt, Then},
        step::{Action, Members, Step},
        undeclared::evidence,
    },
};

/// What a chain is carried out with.
#[derive(Clone, Copy)]
pub struct Hands<'a> {
    /// The cell's clients.
    pub clients: &'a CellClients,
    /// Asked before each write.
    pub fence: &'a Arc<dyn Fence>,
    /// The cell as it was just read.
    pub listing: &'a Listing,
    /// Whose mark our containers carry.
    pub installation: &'a str,
    /// What RAM answered before.
    pub attempts: &'a Attempts,
    /// The organization; none for an account without one, or while it is not known.
    pub tree: Option<&'a Tree>,
    /// The policies that were written lately.
    pub written: &'a policy::written::Written,
    /// Who writes an object's policy.
    pub turns: &'a Turns,
    /// Now.
    pub now: Timestamp,
}

/// One writer at a time for each object: its policy is read and replaced as a whole.
#[derive(Debug, Default)]
pub struct Turns(BTreeMap<Arn, Mutex<()>>);

impl Turns {
    /// For the objects of these chains.
    pub fn of(chains: &[&Chain], installation: &str) -> Self {
        let objects = chains.iter().filter_map(|chain| part(chain, installation)).map(|part| part.object);
        Self(objects.map(|object| (object, Mutex::default())).collect())
    }
}

/// The part of an object that a chain is about; none where it is about a resource share.
fn part(chain: &Chain, installation: &str) -> Option<Part> {
    match &chain.owner {
        Owner::Share(share, slot) => slot.part(installation, share),
        Owner::Nobody(id) => Part::parse(id),
    }
}

/// Carries out a chain. One receipt a step, those not sent included.
pub async fn apply(hands: Hands<'_>, chain: &Chain) -> Vec<Receipt> {
    let mut receipts: Vec<Receipt> = vec![];
    let mut stopped: Option<String> = None;
    for step in &chain.steps {
        let outcome = match &stopped {
            Some(because) => Outcome::NotSent(because.clone()),
            None => Box::pin(outcome(hands, chain, step)).await,
        };
        if let Outcome::Failed(failure) = &outcome {
            stopped = Some(format!("a former step failed: {}", failure.message));
        }
        receipts.push(Receipt { owner: chain.owner.clone(), step: step.clone(), outcome });
    }
    receipts
}

async fn outcome(hands: Hands<'_>, chain: &Chain, step: &Step) -> Outcome {
    if let Some(failure) = not_ours(hands, chain, step) {
        return Outcome::Failed(failure);
    }
    match send(hands, chain, step).await {
        Ok(id) => Outcome::Done(id),
        Err(error) => match &step.action {
            Action::Disassociate(members) if one_is_unknown(&error) && members.len() > 1 => {
                one_by_one(hands, chain, step, members).await
            }
            action => failure::outcome(action, &error),
        },
    }
}

/// Answers the name of what was made, if anything was.
async fn send(hands: Hands<'_>, chain: &Chain, step: &Step) -> Result<Option<Arn>, AwsError> {
    let leave = leave(hands, chain, step);
    match part(chain, hands.installation) {
        None => ram::apply::send(hands, &leave, chain, step).await,
        Some(part) => to_part(hands, &leave, &part, step).await,
    }
}

async fn to_part(hands: Hands<'_>, leave: &Leave, part: &Part, step: &Step) -> Result<Option<Arn>, AwsError> {
    let _turn = match hands.turns.0.get(&part.object) {
        Some(turn) => Some(turn.lock().await),
        None => None,
    };
    let cell = &hands.clients.cell;
    let place = Place { region: &cell.region, owner: &cell.account, tree: hands.tree };
    let kind = ObjectKind::of(&part.object).ok_or_else(|| {
        let what = format!("this version does not know what {} is", part.object);
        AwsError::plain("policy", what, Disposition::UserMustAct(Remedy::CorrectRequest))
    })?;
    let hand = policy::Reach { clients: hands.clients, place, written: hands.written, now: hands.now };
    policy::apply::carry_out(hand, leave, part, kind, &step.action).await?;
    Ok(part.id().filter(|_| matches!(step.action, Action::Create(_))))
}

fn one_is_unknown(error: &AwsError) -> bool {
    error.disposition == Disposition::Replan(Replan::UnknownResource)
}

/// AWS takes nobody out where it does not know one of those who are to go, and does not say which: each goes by itself.
async fn one_by_one(hands: Hands<'_>, chain: &Chain, step: &Step, members: &Members) -> Outcome {
    let mut all = Outcome::AlreadyDone;
    for member in members.each() {
        let single = Step { action: Action::Disassociate(member), ..step.clone() };
        match send(hands, chain, &single).await {
            Ok(_) => all = Outcome::Done(None),
            Err(error) => match failure::outcome(&single.action, &error) {
                Outcome::AlreadyDone => {}
                other => return other,
            },
        }
    }
    all
}

/// Whether the container of a chain, as it was just read, is still one to write to.
fn not_ours(hands: Hands<'_>, chain: &Chain, step: &Step) -> Option<Failure> {
    if mutant::is(Mutant::NoOwnerCheck) {
        return None;
    }
    let id = chain.container.as_ref()?;
    let found = hands.listing.containers.get(id);
    if let Some(object) = found.filter(|c| !c.state.is_live()).and_then(|c| object_of(&c.id)) {
        return Some(Failure {
            reason: Reason::ResourceUnknown,
            message: format!("there is no {object} in AWS; write its whole ARN, or wait if it was just made"),
            then: Then::PersonMustAct,
            certain: true,
        });
    }
    let found = found.filter(|c| c.state.is_live() && c.origin == Origin::Standard);
    let problem = match &chain.owner {
        Owner::Share(share, slot) => {
            let mark = Mark {
                installation: hands.installation.to_owned(),
                share: share.clone(),
                uid: chain.uid.clone(),
                slot: slot.clone(),
            };
            // What is being adopted carries the mark that it was planned on.
            let planned_on = |container: &Container| chain.adopts && container.basis() == chain.basis;
            let ours = found.is_some_and(|container| planned_on(container) || bears(container, &mark, step));
            (!ours).then_some("does not carry the mark of this Share any more")
        }
        Owner::Nobody(_) => {
            let planned_on = chain.proof.as_ref().map(|proof| &proof.evidence);
            let same = found.is_some_and(|container| Some(&evidence(container)) == planned_on);
            (!same).then_some("does not grant any more what its removal was planned on")
        }
    };
    problem.map(|problem| Failure {
        reason: Reason::Conflict,
        message: format!("{id} {problem}; nothing was written to it"),
        then: Then::Replan,
        certain: true,
    })
}

/// A container must carry the Share's mark, unless that is what is written.
fn bears(container: &Container, mark: &Mark, step: &Step) -> bool {
    let writes_mark = matches!(&step.action, Action::Tag(tags) if Mark::from_tags(tags).is_some());
    container.mark().map_or(writes_mark, |found| found.claims_same(mark))
}

fn leave(hands: Hands<'_>, chain: &Chain, step: &Step) -> Leave {
    let evidence = chain.proof.as_ref().map(|proof| {
        let confirmed = proof.confirmed_at.map(|at| format!(", confirmed {at}")).unwrap_or_default();
        format!("{}; grants {}, first seen {}{confirmed}", proof.because, proof.evidence, proof.first_seen)
    });
    let subject = Subject {
        installation: hands.installation.to_owned(),
        cell: hands.clients.cell.to_string(),
        owner: chain.owner.to_string(),
        generation: chain.generation,
        plan: chain.digest.to_string(),
        container: chain.container.as_ref().map(ToString::to_string).unwrap_or_default(),
        change: format!("{:?}", step.action),
        evidence: evidence.unwrap_or_default(),
    };
    Leave { fence: Arc::clone(hands.fence), subject }
}
