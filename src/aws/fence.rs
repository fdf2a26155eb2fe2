//! The fence: what is asked before each AWS write, by the caller and again at each attempt that the SDK makes on its own.

use std::{fmt, future::Future, sync::Arc};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeTransmitInterceptorContextRef, dyn_dispatch_hint},
        orchestrator::Metadata,
        retries::RequestAttempts,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use futures::{FutureExt, future::BoxFuture};

use crate::mutant::{self, Mutant};

/// Why nothing may be written now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another controller holds the lease, or nobody is known to.
    #[error("this controller does not hold the leadership lease")]
    NotLeader,
    /// The installation is halted, or its `Installation` object cannot be read.
    #[error("writing is halted: {0}")]
    Halted(String),
    /// What the plan was made from has changed since.
    #[error("the plan is no longer current: {0}")]
    Stale(String),
    /// The process is ending.
    #[error("the controller is shutting down")]
    ShuttingDown,
}

/// May a write be sent now? Asked directly before each one, so an answer must be cheap and never wait.
pub trait Fence: Send + Sync {
    /// `Ok` lets exactly the write pass that is about to be sent.
    fn check(&self) -> Result<(), Refusal>;

    /// Asks anew what [`Self::check`] rests on, where that is kept elsewhere. Awaited before a write is sent, and again
    /// and again while one is on its way, since the SDK may repeat it.
    fn refresh(&self) -> BoxFuture<'_, ()> {
        futures::future::ready(()).boxed()
    }
}

/// A function is a fence.
impl<F: Fn() -> Result<(), Refusal> + Send + Sync> Fence for F {
    fn check(&self) -> Result<(), Refusal> {
        self()
    }
}

/// A fence that is always open: read-only commands and tests.
pub fn open() -> Arc<dyn Fence> {
    Arc::new(|| Ok(()))
}

/// A fence that is never open: commands that must not write.
pub fn closed(refusal: Refusal) -> Arc<dyn Fence> {
    Arc::new(move || Err(refusal.clone()))
}

/// Open only while all are; the first refusal is the answer.
pub fn all(fences: impl IntoIterator<Item = Arc<dyn Fence>>) -> Arc<dyn Fence> {
    Arc::new(All(fences.into_iter().collect()))
}

struct All(Vec<Arc<dyn Fence>>);

impl Fence for All {
    fn check(&self) -> Result<(), Refusal> {
        self.0.iter().try_for_each(|fence| fence.check())
    }

    fn refresh(&self) -> BoxFuture<'_, ()> {
        futures::future::join_all(self.0.iter().map(|fence| fence.refresh())).map(drop).boxed()
    }
}

/// A write that the fence kept from being sent. Found in the source chain of the SDK's error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not sent: {refusal}")]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// How many attempts of the same call had been sent before: with any, the outcome is unknown.
    pub earlier_attempts: u32,
}

tokio::task_local! {
    /// The fence of the pass that the running call belongs to.
    static PASS: Arc<dyn Fence>;
}

/// Runs a call so that the pass's own fence, too, is asked at each of the SDK's attempts.
pub async fn within<T>(pass: Arc<dyn Fence>, call: impl Future<Output = T>) -> T {
    PASS.scope(pass, call).await
}

/// Whether an operation only reads. What is not known to read is taken to write.
pub fn is_read(operation: &str) -> bool {
    ["Get", "List", "Describe", "Head", "AssumeRole"].iter().any(|verb| operation.starts_with(verb))
}

/// Asks the process's fence and the pass's, after signing and directly before a request is sent, at each attempt. The
/// error it raises is not one that the SDK retries.
#[derive(Clone)]
pub struct FencedAttempts(Arc<dyn Fence>);

impl FencedAttempts {
    /// Attempts that the process's fence allows.
    pub fn new(process: Arc<dyn Fence>) -> Self {
        Self(process)
    }

    fn check(&self) -> Result<(), Refusal> {
        if mutant::is(Mutant::FenceOncePerPass) {
            return Ok(());
        }
        self.0.check()?;
        PASS.try_with(|pass| pass.check()).unwrap_or(Ok(()))
    }
}

impl fmt::Debug for FencedAttempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FencedAttempts")
    }
}

#[dyn_dispatch_hint]
impl Intercept for FencedAttempts {
    fn name(&self) -> &'static str {
        "FencedAttempts"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if cfg.load::<Metadata>().is_some_and(|called| is_read(called.name())) {
            return Ok(());
        }
        let attempt = cfg.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts);
        self.check()
            .map_err(|refusal| Refused { refusal, earlier_attempts: attempt.saturating_sub(1) }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_verbs_read() {
        for read in [
            "GetResourceShares",
            "ListPermissions",
            "DescribeOrganization",
            "AssumeRole",
            "GetCallerIdentity",
        ] {
            assert!(is_read(read), "{read}");
        }
        for write in [
            "CreateResourceShare",
            "AssociateResourceShare",
            "TagResource",
            "EnableSharingWithAwsOrganization",
            "Frobnicate",
            "",
        ] {
            assert!(!is_read(write), "{write}");
        }
    }

    #[test]
    fn all_fences_must_be_open_and_the_first_refusal_answers() {
        let halted = || closed(Refusal::Halted("spec.halt".into()));
        assert_eq!(all([open(), open()]).check(), Ok(()));
        assert_eq!(all([]).check(), Ok(()));
        assert_eq!(
            all([open(), halted(), closed(Refusal::NotLeader)]).check(),
            Err(Refusal::Halted("spec.halt".into()))
        );
    }
}
