//! Whether writing to AWS is halted: asked of the cluster itself before each write, since a watch may lag or be cut.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use kube::{Api, Client};
use tokio::time::Instant;

use super::context::locked;
use crate::{
    api::{INSTALLATION, Installation},
    aws::fence::{Fence, Refusal},
    kube::watched::{Guarded, Watched},
    mutant::{self, Mutant},
};

/// How long an answer of the cluster is taken for now. Many writes share one read.
const FRESH: Duration = Duration::from_secs(1);
/// The age from which an answer lets no write pass: then the Installation counts as unreadable.
pub const STALE: Duration = Duration::from_secs(2);
/// How long the cluster is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// The halt switch of the Installation. What is not known to be off is on.
pub struct Halt {
    client: Client,
    store: Watched<Installation>,
    last: Mutex<Option<Answer>>,
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Answer {
    asked: Instant,
    verdict: Result<(), Refusal>,
}

impl Halt {
    /// Nothing is known until it is asked.
    pub fn new(client: Client, store: Watched<Installation>) -> Arc<Self> {
        Arc::new(Self { client, store, last: Mutex::default(), asking: tokio::sync::Mutex::default() })
    }

    async fn ask(&self) {
        // One read serves all who wait for it.
        let _asking = self.asking.lock().await;
        let asked = Instant::now();
        let fresh = |answer: &Answer| asked.saturating_duration_since(answer.asked) < FRESH;
        if locked(&self.last).as_ref().is_some_and(fresh) {
            return;
        }
        let installations: Api<Guarded<Installation>> = Api::all(self.client.clone());
        let read = tokio::time::timeout(PATIENCE, installations.get_opt(INSTALLATION)).await;
        // A read that failed leaves the last answer, which grows too old by itself.
        if let Ok(Ok(found)) = read {
            let verdict = verdict(found.as_ref());
            *locked(&self.last) = Some(Answer { asked, verdict });
        }
    }
}

fn verdict(installation: Option<&Guarded<Installation>>) -> Result<(), Refusal> {
    let halted = |because: &str| Err(Refusal::Halted(because.to_owned()));
    match installation.map(|installation| installation.0.as_ref()) {
        Some(Ok(installation)) if !installation.spec.halt => Ok(()),
        Some(Ok(_)) => halted("the Installation says `halt: true`"),
        Some(Err(_)) => halted("the Installation cannot be read"),
        None => halted("there is no Installation named sharekeeper"),
    }
}

impl Fence for Halt {
    fn check(&self) -> Result<(), Refusal> {
        if mutant::is(Mutant::ForgetHalt) {
            return Ok(());
        }
        verdict(self.store.get(None, INSTALLATION).as_deref())?;
        match locked(&self.last).as_ref() {
            Some(answer) if answer.asked.elapsed() < STALE => answer.verdict.clone(),
            _ => {
                Err(Refusal::Halted(format!("the Installation could not be read for {} s", STALE.as_secs())))
            }
        }
    }

    fn refresh(&self) -> BoxFuture<'_, ()> {
        self.ask().boxed()
    }
}
