//! The clock that is handed in: wall time from a function, durations from tokio's clock, which tests can pause.

use std::{fmt, sync::Arc, time::SystemTime};

use aws_smithy_async::time::TimeSource;
use tokio::time::Instant;

use crate::model::Timestamp;

/// Wall time for what people and AWS read (statuses, signatures, leases), monotonic time for everything that waits.
#[derive(Clone)]
pub struct Clock {
    wall: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Clock {
    /// A clock whose wall time is what the function says.
    pub fn new(wall: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { wall: Arc::new(wall) }
    }

    /// The machine's clock.
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place where wall time enters the process")]
        Self::new(Timestamp::now)
    }

    /// A clock that reads `epoch` now and moves with tokio's clock, so that a paused runtime moves both alike.
    /// Must be called inside a tokio runtime.
    pub fn simulated(epoch: Timestamp) -> Self {
        let start = Instant::now();
        Self::new(move || epoch.saturating_add(start.elapsed()).unwrap_or(Timestamp::MAX))
    }

    /// The wall time.
    pub fn wall_now(&self) -> Timestamp {
        (self.wall)()
    }

    /// A moment that only differences are taken of.
    pub fn monotonic(&self) -> Instant {
        Instant::now()
    }
}

/// What the AWS SDK signs requests and expires credentials by.
impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        self.wall_now().into()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.wall_now())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn simulated_wall_time_moves_with_the_paused_clock() {
        let clock = Clock::simulated("2026-01-01T00:00:00Z".parse().unwrap());
        tokio::time::sleep(Duration::from_secs(90)).await;
        assert_eq!(clock.wall_now().to_string(), "2026-01-01T00:01:30Z");
        assert_eq!(clock.now(), SystemTime::from(clock.wall_now()));
    }
}
