//! Who wakes whom: one channel a kind. A burst of wakes is one pass, and none is put off for ever by the next.

use std::{collections::BTreeSet, time::Duration};

use futures::{
    Stream, StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    stream,
};
use kube::{
    Resource,
    runtime::reflector::{Lookup, ObjectRef},
};

use crate::model::{Cell, ShareKey};

/// How long wakes are gathered before they are passed on together.
const GATHER: Duration = Duration::from_millis(200);

/// The sending ends. A wake for what is not there is dropped by the controller that gets it.
#[derive(Clone, Debug)]
pub struct Triggers {
    regions: UnboundedSender<String>,
    sets: UnboundedSender<String>,
    shares: UnboundedSender<ShareKey>,
    policies: UnboundedSender<String>,
    installations: UnboundedSender<String>,
}

/// The receiving ends.
#[expect(missing_docs, reason = "one channel a kind, named as the kind")]
#[derive(Debug)]
pub struct Woken {
    pub regions: UnboundedReceiver<String>,
    pub sets: UnboundedReceiver<String>,
    pub shares: UnboundedReceiver<ShareKey>,
    pub policies: UnboundedReceiver<String>,
    pub installations: UnboundedReceiver<String>,
}

/// Both ends.
pub fn triggers() -> (Triggers, Woken) {
    let (regions, woken_regions) = unbounded();
    let (sets, woken_sets) = unbounded();
    let (shares, woken_shares) = unbounded();
    let (policies, woken_policies) = unbounded();
    let (installations, woken_installations) = unbounded();
    let triggers = Triggers { regions, sets, shares, policies, installations };
    let woken = Woken {
        regions: woken_regions,
        sets: woken_sets,
        shares: woken_shares,
        policies: woken_policies,
        installations: woken_installations,
    };
    (triggers, woken)
}

impl Triggers {
    /// Wakes a cell.
    pub fn cell(&self, cell: &Cell) {
        self.region(&cell.to_string());
    }

    /// Wakes an AccountRegion by name.
    pub fn region(&self, name: &str) {
        // The channel closes only when the term of leadership ends, and then nobody is to be woken.
        let _ = self.regions.unbounded_send(name.to_owned());
    }

    /// Wakes a set.
    pub fn set(&self, name: &str) {
        let _ = self.sets.unbounded_send(name.to_owned());
    }

    /// Wakes a Share's own controller.
    pub fn share(&self, key: &ShareKey) {
        let _ = self.shares.unbounded_send(key.clone());
    }

    /// Wakes a policy.
    pub fn policy(&self, name: &str) {
        let _ = self.policies.unbounded_send(name.to_owned());
    }

    /// Wakes the installation, which shows what all cells come to.
    pub fn installation(&self) {
        let _ = self.installations.unbounded_send(crate::api::INSTALLATION.to_owned());
    }
}

/// Passes wakes on in batches, each once.
pub fn gathered<T: Ord + Send + 'static>(woken: UnboundedReceiver<T>) -> impl Stream<Item = T> + Send {
    let batches = stream::unfold(woken, |mut woken| async move {
        let first = woken.next().await?;
        tokio::time::sleep(GATHER).await;
        let mut batch = BTreeSet::from([first]);
        while let Ok(next) = woken.try_recv() {
            batch.insert(next);
        }
        Some((stream::iter(batch), woken))
    });
    batches.flatten()
}

/// A reference to a cluster-scoped object.
#[expect(clippy::needless_pass_by_value, reason = "it maps a stream of names")]
pub fn by_name<K>(name: String) -> ObjectRef<K>
where
    K: Lookup + Resource<DynamicType = ()>,
    <K as Lookup>::DynamicType: Default,
{
    ObjectRef::new(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_one_wake_and_a_steady_stream_is_not_put_off() {
        let (triggers, woken) = triggers();
        let mut gathered = Box::pin(gathered(woken.regions));
        for _ in 0..100 {
            triggers.region("a");
        }
        triggers.region("b");
        assert_eq!(gathered.next().await.as_deref(), Some("a"));
        assert_eq!(gathered.next().await.as_deref(), Some("b"));
        let start = tokio::time::Instant::now();
        let steady = tokio::spawn(async move {
            loop {
                triggers.region("a");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        for _ in 0..3 {
            assert_eq!(gathered.next().await.as_deref(), Some("a"));
        }
        assert!(start.elapsed() < Duration::from_secs(1));
        steady.abort();
    }
}
