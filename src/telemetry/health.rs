//! Whether the process works: what loops must show a sign of life, and what must be there before it is of use.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// What `/livez` and `/readyz` answer from. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    loops: BTreeMap<&'static str, Loop>,
    needs: BTreeMap<&'static str, bool>,
}

#[derive(Debug)]
enum Loop {
    BeatsUntil(Instant),
    Stopped,
}

impl Health {
    /// Of a process that has no loop and needs nothing: alive and ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// A loop that must show a sign of life within each `deadline`, from now on.
    pub fn beats(&self, name: &'static str, deadline: Duration) -> Heartbeat {
        let beat = Heartbeat { name, deadline, health: self.clone(), retired: false };
        beat.beat();
        beat
    }

    /// Something that must be there before the process is ready: stores that are filled, not leadership.
    pub fn needs(&self, name: &'static str) -> Need {
        self.state().needs.insert(name, false);
        Need { name, health: self.clone() }
    }

    /// The loops that have stopped or are overdue, in words. Empty: alive.
    pub fn overdue(&self) -> Vec<String> {
        let now = Instant::now();
        let wrong = |(name, now_is): (&&str, &Loop)| match now_is {
            Loop::Stopped => Some(format!("{name} has stopped")),
            Loop::BeatsUntil(until) if *until < now => {
                Some(format!("{name} has been silent for {} s too long", (now - *until).as_secs()))
            }
            Loop::BeatsUntil(_) => None,
        };
        self.state().loops.iter().filter_map(wrong).collect()
    }

    /// What is not there yet, in words. Empty: ready.
    pub fn missing(&self) -> Vec<String> {
        let state = self.state();
        let missing = state.needs.iter().filter(|(_, there)| !**there);
        missing.map(|(name, _)| format!("{name} is not there yet")).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A loop's sign of life. Dropped without [`Heartbeat::retire`], as in a panic, the loop counts as stopped.
#[must_use]
pub struct Heartbeat {
    name: &'static str,
    deadline: Duration,
    health: Health,
    retired: bool,
}

impl Heartbeat {
    /// The loop works.
    pub fn beat(&self) {
        let until = Instant::now() + self.deadline;
        self.health.state().loops.insert(self.name, Loop::BeatsUntil(until));
    }

    /// Beats several times within each deadline while the runtime is able to run anything at all. Ends never: run it
    /// beside the work.
    pub async fn keep(&self) {
        loop {
            self.beat();
            tokio::time::sleep(self.deadline / 4).await;
        }
    }

    /// The loop has ended as it should.
    pub fn retire(mut self) {
        self.retired = true;
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        let mut state = self.health.state();
        if self.retired {
            state.loops.remove(self.name);
        } else {
            state.loops.insert(self.name, Loop::Stopped);
        }
    }
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Heartbeat({})", self.name)
    }
}

/// Something that must be there before the process is ready.
#[derive(Clone)]
#[must_use]
pub struct Need {
    name: &'static str,
    health: Health,
}

impl Need {
    /// It is there.
    pub fn met(&self) {
        self.health.state().needs.insert(self.name, true);
    }
}

impl fmt::Debug for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Need({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn a_silent_loop_is_overdue_until_it_speaks_again() {
        let health = Health::new();
        let (stores, cells) = (health.beats("stores", DEADLINE), health.beats("cells", DEADLINE));
        tokio::time::advance(DEADLINE / 2).await;
        cells.beat();
        assert_eq!(health.overdue(), [""; 0]);
        tokio::time::advance(DEADLINE / 2 + Duration::from_secs(7)).await;
        assert_eq!(health.overdue(), ["stores has been silent for 7 s too long"]);
        stores.beat();
        assert_eq!(health.overdue(), [""; 0]);
        drop(stores);
        assert_eq!(health.overdue(), ["stores has stopped"]);
        cells.retire();
        assert_eq!(health.overdue(), ["stores has stopped"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_kept_beat_is_never_overdue() {
        let health = Health::new();
        let beat = health.beats("runtime", DEADLINE);
        let checks = async {
            for _ in 0..10 {
                tokio::time::sleep(DEADLINE).await;
                assert_eq!(health.overdue(), [""; 0]);
            }
        };
        tokio::select! { () = beat.keep() => unreachable!(), () = checks => {} }
    }

    #[test]
    fn ready_when_every_need_is_met() {
        let health = Health::new();
        let (shares, sets) = (health.needs("the list of Shares"), health.needs("the list of AccountSets"));
        shares.met();
        assert_eq!(health.missing(), ["the list of AccountSets is not there yet"]);
        sets.met();
        assert_eq!(health.missing(), [""; 0]);
    }
}
