//! What the limits learn from each attempt: the SDK repeats throttled calls by itself and would else hide them.

use std::{fmt, sync::Arc};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef},
            dyn_dispatch_hint,
        },
        orchestrator::{HttpResponse, Metadata},
        retries::RequestAttempts,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;

use super::{calls::Observer, limits::Limits};

/// Counts repeated attempts against their bucket, and lets the bucket learn from throttled ones.
#[derive(Clone)]
pub(super) struct LearningAttempts {
    limits: Arc<Limits>,
    observer: Arc<dyn Observer>,
}

impl LearningAttempts {
    /// Attempts of clients that draw from these buckets.
    pub(super) fn new(limits: Arc<Limits>, observer: Arc<dyn Observer>) -> Self {
        Self { limits, observer }
    }
}

impl fmt::Debug for LearningAttempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LearningAttempts")
    }
}

#[dyn_dispatch_hint]
impl Intercept for LearningAttempts {
    fn name(&self) -> &'static str {
        "LearningAttempts"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if cfg.load::<RequestAttempts>().is_some_and(|attempt| attempt.attempts() > 1) {
            self.limits.of(operation(cfg)).repeated();
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.response().is_some_and(is_throttle) {
            self.limits.of(operation(cfg)).throttled();
            self.observer.throttled(operation(cfg));
        }
        Ok(())
    }
}

fn operation(cfg: &ConfigBag) -> &str {
    cfg.load::<Metadata>().map_or("", Metadata::name)
}

/// RAM throttles with status 429, Organizations with 400 and the code in a header or the body (ram.md §1, §7.2).
fn is_throttle(response: &HttpResponse) -> bool {
    let names_it = |text: &str| text.contains("Throttl") || text.contains("TooManyRequests");
    match response.status().as_u16() {
        429 => true,
        400 | 503 => {
            response.headers().get("x-amzn-errortype").is_some_and(names_it)
                || response.body().bytes().is_some_and(|body| names_it(&String::from_utf8_lossy(body)))
        }
        _ => false,
    }
}
