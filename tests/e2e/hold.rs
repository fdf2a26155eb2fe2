//! Calls that are held on their way, as a slow network does.

use futures::{FutureExt, future::BoxFuture};
use simulator::aws::{Checkpoint, Passage, Point, Stage as Moment};
use tokio::sync::watch;

/// Holds the next call, of one operation if it is named; all others pass.
pub(crate) struct Hold {
    operation: Option<&'static str>,
    moment: Moment,
    held: watch::Sender<bool>,
    released: watch::Sender<bool>,
}

impl Hold {
    /// Before or after the call's effect.
    pub(crate) fn next(operation: impl Into<Option<&'static str>>, moment: Moment) -> Self {
        Self {
            operation: operation.into(),
            moment,
            held: watch::Sender::new(false),
            released: watch::Sender::new(false),
        }
    }

    /// Whether a call has come and is held.
    pub(crate) fn has_one(&self) -> bool {
        *self.held.borrow()
    }

    /// Lets it go on.
    pub(crate) fn release(&self) {
        self.released.send_replace(true);
    }
}

impl Checkpoint for Hold {
    fn pass(&self, point: &Point) -> BoxFuture<'static, Passage> {
        let ours =
            point.stage == self.moment && self.operation.is_none_or(|name| point.call.operation == name);
        let first = ours && self.held.send_if_modified(|held| !std::mem::replace(held, true));
        let mut released = self.released.subscribe();
        async move {
            if first {
                // A sender that is gone holds nothing.
                let _ = released.wait_for(|released| *released).await;
            }
            Passage::Continue
        }
        .boxed()
    }
}
