//! Chains that failed are sent again ever more rarely, however often the cell is woken meanwhile. A chain is another
//! one as soon as the Share, what was observed of its container, or what is to be done differs.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::{
    model::{Digest, ShareKey, Slot},
    plan::{
        chain::{Chain, Owner},
        change::Effect,
        receipt::{Failure, Receipt, Then},
    },
};

/// The first wait after a failure that may pass by itself; it doubles with each further one.
const FIRST: Duration = Duration::from_secs(2);
/// The first wait after a failure that a person must help.
const FIRST_OF_A_PERSON: Duration = Duration::from_secs(60);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(600);
/// The longest wait of a chain that takes access away, where no person is needed: it is what must not be late.
const LONGEST_OF_A_REMOVAL: Duration = Duration::from_secs(60);

/// What failed in one cell and is not due again yet.
#[derive(Debug, Default)]
pub struct Setbacks(BTreeMap<Owner, Setback>);

#[derive(Debug)]
struct Setback {
    chain: Digest,
    wait: Duration,
    due: Instant,
    receipts: Vec<Receipt>,
}

impl Setbacks {
    /// What came of this chain when it was last sent, if it is not due again yet.
    pub fn pending(&self, chain: &Chain, now: Instant) -> Option<&[Receipt]> {
        let setback = self.0.get(&chain.owner)?;
        (now < setback.due && setback.chain == fingerprint(chain)).then_some(setback.receipts.as_slice())
    }

    /// The failure that holds a container of a Share up.
    pub fn last_failure(&self, share: &ShareKey, slot: &Slot) -> Option<&Failure> {
        self.0.get(&Owner::Share(share.clone(), slot.clone()))?.receipts.iter().find_map(Receipt::failure)
    }

    /// Takes note of what came of a chain that was sent.
    pub fn note(&mut self, chain: &Chain, receipts: &[Receipt], now: Instant) {
        let key = chain.owner.clone();
        let Some(failure) = receipts.iter().find_map(Receipt::failure) else {
            self.0.remove(&key);
            return;
        };
        let fingerprint = fingerprint(chain);
        let before = self.0.get(&key).filter(|setback| setback.chain == fingerprint);
        let (first, longest) = match failure.then {
            Then::PersonMustAct => (FIRST_OF_A_PERSON, LONGEST),
            _ if chain.steps.iter().any(|step| step.effect == Effect::Narrow) => {
                (FIRST, LONGEST_OF_A_REMOVAL)
            }
            _ => (FIRST, LONGEST),
        };
        let wait = before.map_or(first, |setback| (setback.wait * 2).clamp(first, longest));
        let receipts = receipts.iter().filter(|receipt| !receipt.is_done()).cloned().collect();
        self.0.insert(key, Setback { chain: fingerprint, wait, due: now + wait, receipts });
    }

    /// Forgets all but the chains of the plan that was just carried out.
    pub fn keep_only(&mut self, chains: &[Chain]) {
        let kept: std::collections::BTreeSet<_> = chains.iter().map(|chain| &chain.owner).collect();
        self.0.retain(|key, _| kept.contains(key));
    }

    /// A person asks for this Share: what failed is due at once.
    pub fn forgive(&mut self, share: &ShareKey) {
        self.0.retain(|owner, _| owner.share() != Some(share));
    }

    /// How long until the next chain is due again.
    pub fn next(&self, now: Instant) -> Option<Duration> {
        self.0.values().map(|setback| setback.due.saturating_duration_since(now)).min()
    }
}

fn fingerprint(chain: &Chain) -> Digest {
    Digest::of([format!("{chain:?}")])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        api::Reason,
        plan::{
            fixture::{container_id, key},
            receipt::Outcome,
            step::{Action, Step},
        },
    };

    fn chain(basis: &str, effect: Effect) -> Chain {
        let step = Step { action: Action::Delete, effect, causes: BTreeSet::new() };
        Chain {
            owner: Owner::Share(key("hub"), Slot::Inner),
            uid: "u".into(),
            generation: 1,
            digest: Digest::of(["plan"]),
            adopts: false,
            proof: None,
            container: Some(container_id("hub")),
            basis: Digest::of([basis]),
            steps: vec![step],
        }
    }

    fn receipts(chain: &Chain, then: Option<Then>) -> Vec<Receipt> {
        let outcome = then.map_or(Outcome::Done(None), |then| {
            Outcome::Failed(Failure {
                reason: Reason::AccessDenied,
                message: "no".into(),
                then,
                certain: true,
            })
        });
        chain
            .steps
            .iter()
            .map(|step| Receipt { owner: chain.owner.clone(), step: step.clone(), outcome: outcome.clone() })
            .collect()
    }

    /// The waits, in seconds, of a chain that fails so each time that it is due.
    fn waits(effect: Effect, then: Then, times: usize) -> Vec<u64> {
        let (chain, mut setbacks, mut now) = (chain("seen", effect), Setbacks::default(), Instant::now());
        let mut waits = vec![];
        for _ in 0..times {
            setbacks.note(&chain, &receipts(&chain, Some(then)), now);
            let wait = setbacks.next(now).unwrap();
            assert!(setbacks.pending(&chain, now + wait - Duration::from_millis(1)).is_some());
            now += wait;
            assert!(setbacks.pending(&chain, now).is_none());
            waits.push(wait.as_secs());
        }
        waits
    }

    #[test]
    fn what_fails_again_waits_twice_as_long_up_to_a_limit() {
        use Effect::{Narrow, Widen};
        assert_eq!(waits(Widen, Then::Wait, 11), [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
        assert_eq!(waits(Widen, Then::Replan, 2), [2, 4]);
        assert_eq!(waits(Narrow, Then::Wait, 7), [2, 4, 8, 16, 32, 60, 60]);
        for effect in [Narrow, Widen] {
            assert_eq!(waits(effect, Then::PersonMustAct, 6), [60, 120, 240, 480, 600, 600]);
        }
    }

    #[test]
    fn another_chain_a_success_or_a_persons_wish_does_not_wait() {
        let (failed, now) = (chain("seen", Effect::Narrow), Instant::now());
        let noted = || {
            let mut setbacks = Setbacks::default();
            setbacks.note(&failed, &receipts(&failed, Some(Then::Wait)), now);
            assert_eq!(setbacks.pending(&failed, now).map(<[Receipt]>::len), Some(1));
            setbacks
        };
        assert!(noted().pending(&chain("changed", Effect::Narrow), now).is_none());
        let mut asked = noted();
        asked.forgive(&key("hub"));
        let mut done = noted();
        done.note(&failed, &receipts(&failed, None), now);
        let mut replanned = noted();
        replanned.keep_only(&[]);
        for setbacks in [asked, done, replanned] {
            assert!(setbacks.pending(&failed, now).is_none());
            assert_eq!(setbacks.next(now), None);
        }
    }
}
