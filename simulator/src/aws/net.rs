//! A world with a clock: what both fronts serve. Latency and black holes are waits on tokio's clock, so that they
//! cost nothing when it is paused.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde::Serialize;

use super::weather::CallName;
use super::world::{Delivery, Fate, World};

/// Seconds since the Unix epoch, moved by tokio's clock: virtual when that is paused, else real.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: f64,
    started: tokio::time::Instant,
}

impl Clock {
    /// A clock that shows `epoch` now. Real time is this with the system's time as `epoch`.
    pub fn starting_at(epoch: f64) -> Self {
        Self { epoch, started: tokio::time::Instant::now() }
    }

    /// Seconds since the Unix epoch.
    pub fn now(&self) -> f64 {
        self.epoch + self.started.elapsed().as_secs_f64()
    }
}

/// Before or after the effect of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// The call has reached AWS and done nothing yet.
    Before,
    /// The call has had its effect; its answer has not left.
    After,
}

/// A place where a call passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// Which call.
    pub call: CallName,
    /// Before or after its effect.
    pub stage: Stage,
}

/// What a checkpoint does to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It goes on.
    Continue,
    /// The caller's connection breaks here.
    Disconnect,
}

/// Asked at every point: a driver counts calls here, freezes one by never answering, or breaks its connection.
pub trait Checkpoint: Send + Sync {
    /// The call waits here until the future is done.
    fn pass(&self, point: &Point) -> BoxFuture<'static, Passage>;
}

/// Why an answer did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The connection broke without an answer.
    #[error("connection closed before the answer arrived")]
    Disconnected,
}

struct Shared {
    world: Mutex<World>,
    clock: Mutex<Clock>,
    checkpoint: Mutex<Option<Arc<dyn Checkpoint>>>,
}

/// A world, its clock, and a checkpoint; cheap to clone.
#[derive(Clone)]
pub struct Net(Arc<Shared>);

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Net")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Net {
    /// Serves `world` on `clock`.
    pub fn new(world: World, clock: Clock) -> Self {
        Self(Arc::new(Shared {
            world: Mutex::new(world),
            clock: Mutex::new(clock),
            checkpoint: Mutex::new(None),
        }))
    }

    /// The world, brought up to the present. Do not hold it over an await.
    pub fn world(&self) -> MutexGuard<'_, World> {
        let now = self.now();
        let mut world = lock(&self.0.world);
        world.advance(now);
        world
    }

    /// The clock's time.
    pub fn now(&self) -> f64 {
        lock(&self.0.clock).now()
    }

    /// Moves the clock forward at once, as for a test of lifetimes in real time.
    pub fn skip(&self, seconds: f64) {
        lock(&self.0.clock).epoch += seconds.max(0.0);
    }

    /// Puts a checkpoint in place of the former one.
    pub fn set_checkpoint(&self, checkpoint: Option<Arc<dyn Checkpoint>>) {
        *lock(&self.0.checkpoint) = checkpoint;
    }

    /// Carries a request to the world and its answer back, in the time the weather takes.
    pub async fn serve(&self, request: http::Request<Bytes>) -> Result<Delivery, Lost> {
        let (name, latency, arrives_anyway) = {
            let mut world = self.world();
            (world.name(&request), world.latency(), world.weather().arrives_anyway)
        };
        if !arrives_anyway {
            return self.carry(request, name, latency).await;
        }
        let net = self.clone();
        let carried = tokio::spawn(async move { net.carry(request, name, latency).await });
        carried.await.unwrap_or(Err(Lost::Disconnected))
    }

    async fn carry(
        &self,
        request: http::Request<Bytes>,
        name: CallName,
        latency: f64,
    ) -> Result<Delivery, Lost> {
        sleep(latency / 2.0).await;
        self.pass(&name, Stage::Before).await?;
        let delivery = self.world().receive(self.now(), &request);
        self.pass(&name, Stage::After).await?;
        sleep(latency / 2.0 + delivery.slow).await;
        match delivery.fate {
            Fate::Delivered | Fate::Truncated => Ok(delivery),
            Fate::Disconnected => Err(Lost::Disconnected),
            Fate::Silent => std::future::pending().await,
        }
    }

    async fn pass(&self, call: &CallName, stage: Stage) -> Result<(), Lost> {
        let checkpoint = lock(&self.0.checkpoint).clone();
        let Some(checkpoint) = checkpoint else {
            return Ok(());
        };
        match checkpoint.pass(&Point { call: call.clone(), stage }).await {
            Passage::Continue => Ok(()),
            Passage::Disconnect => Err(Lost::Disconnected),
        }
    }
}

async fn sleep(seconds: f64) {
    if seconds > 0.0 {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    }
}
