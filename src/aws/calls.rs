//! How a call is made: in turn, under the fence if it writes, within a deadline, with its error understood, and counted.

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aws_sdk_sts::{
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures::future::{Either, select};
use tokio::time::Instant;

use super::{
    audit::{Line, Subject},
    errors::{AwsError, Disposition},
    fence::{Fence, within},
    limits::Limits,
};

/// The longest that one SDK call may take, its own retries included.
pub const CALL_TIMEOUT: Duration = Duration::from_mins(1);

/// The longest that one attempt of it may take.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long after an attempt was sent it may have its effect, whoever sent it is no more: twice as long as it is waited for.
/// Each attempt is sent under the fence, so a new leader that waits this long removes nothing that a call of the former one
/// then puts back. \[X\]
pub const EFFECT_WITHIN: Duration = Duration::from_secs(20);

/// What is told about each call: for metrics and the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// AWS's name of the operation.
    pub operation: &'static str,
    /// `Ok`, or the failure's reason: both from closed lists, fit for metric labels.
    pub outcome: &'static str,
    /// How long the call took, retries included.
    pub took: Duration,
    /// How long it had waited for its turn.
    pub waited: Duration,
}

/// Who is told. Must not wait.
pub trait Observer: Send + Sync {
    /// A call has ended.
    fn called(&self, call: &Called);

    /// A line of the audit: by default it goes into the log.
    fn audit(&self, line: &Line) {
        line.log();
    }

    /// AWS throttled one attempt of a call, which the SDK may yet repeat with success.
    fn throttled(&self, operation: &str) {
        let _ = operation;
    }
}

/// Tells nobody.
pub struct Unobserved;

impl Observer for Unobserved {
    fn called(&self, _call: &Called) {}
}

/// Set once AWS has refused credentials as expired or unusable, so that the next use of their clients gets new ones.
#[derive(Clone, Debug, Default)]
pub struct CredentialsRefused(Arc<AtomicBool>);

impl CredentialsRefused {
    /// Notes the refusal, if the error is one.
    pub fn note(&self, error: &AwsError) {
        if error.disposition == Disposition::Credentials {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a refusal was noted.
    pub fn noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The calls of one client set.
#[derive(Clone)]
pub struct Calls {
    limits: Arc<Limits>,
    observer: Arc<dyn Observer>,
    refused: CredentialsRefused,
}

impl Calls {
    /// Calls that draw from these buckets.
    pub fn new(limits: Arc<Limits>, observer: Arc<dyn Observer>, refused: CredentialsRefused) -> Self {
        Self { limits, observer, refused }
    }

    /// The buckets.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Makes a call that only reads. `call` is the unpolled future of the SDK's `send()`; it is large, and boxed here.
    pub fn read<T, E>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> impl Future<Output = Result<T, AwsError>>
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let call = Box::pin(call);
        async move {
            let waited = self.limits.of(operation).acquire().await;
            self.make(operation, waited, call).await
        }
    }

    /// Makes a call that writes, if the pass's fence allows it: asked when its turn has come, and again, together with
    /// the process's, at each of the SDK's attempts. It is told to the audit before and after.
    pub fn write<T, E>(
        &self,
        operation: &'static str,
        leave: &Leave,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> impl Future<Output = Result<T, AwsError>>
    where
        T: RequestId,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let call = Box::pin(call);
        async move {
            let waited = self.limits.of(operation).acquire().await;
            leave.fence.refresh().await;
            if let Err(refusal) = leave.fence.check() {
                let error = AwsError::refused(operation, refusal);
                self.tell(operation, Err(&error), Duration::ZERO, waited);
                return Err(error);
            }
            let line = Line::intent(operation, &leave.subject);
            self.observer.audit(&line);
            let fenced = kept_fresh(&*leave.fence, within(Arc::clone(&leave.fence), call));
            let result = self.make(operation, waited, fenced).await;
            self.observer.audit(&line.answered(result.as_ref().map(RequestId::request_id)));
            result
        }
    }

    async fn make<T, E>(
        &self,
        operation: &'static str,
        waited: Duration,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, AwsError>
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let start = Instant::now();
        let deadline = CALL_TIMEOUT + Duration::from_secs(1);
        let result = match tokio::time::timeout(deadline, call).await {
            Ok(answer) => answer.map_err(|error| AwsError::from_sdk(operation, &error)),
            Err(_elapsed) => Err(AwsError::timed_out(operation, deadline)),
        };
        self.tell(operation, result.as_ref().map(|_| ()), start.elapsed(), waited);
        result
    }

    fn tell(&self, operation: &'static str, result: Result<(), &AwsError>, took: Duration, waited: Duration) {
        if let Err(error) = result {
            self.refused.note(error);
        }
        let outcome = result.map_or_else(|error| error.disposition.reason(), |()| "Ok");
        self.observer.called(&Called { operation, outcome, took, waited });
    }
}

/// What a write is sent under.
#[derive(Clone)]
pub struct Leave {
    /// Whether it may be sent.
    pub fence: Arc<dyn Fence>,
    /// What it is for.
    pub subject: Subject,
}

/// How often a fence is refreshed while a write is on its way.
const REFRESH: Duration = Duration::from_secs(1);

/// Runs a call, and keeps up to date meanwhile what its further attempts are asked by.
async fn kept_fresh<T>(fence: &dyn Fence, call: impl Future<Output = T>) -> T {
    let refreshing = async {
        loop {
            tokio::time::sleep(REFRESH).await;
            fence.refresh().await;
        }
    };
    match select(pin!(call), pin!(refreshing)).await {
        Either::Left((answer, _)) => answer,
        Either::Right((never, _)) => never,
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("limits", &self.limits).finish_non_exhaustive()
    }
}
