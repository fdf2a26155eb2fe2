//! Stands at every AWS call: nothing may come into force that no edit ever declared; holds a write when asked to.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use futures::{FutureExt, future::BoxFuture};
use simulator::aws::{Checkpoint, Net, Passage, Point, Stage as Moment, journal::Kind};
use tokio::time::Instant;

use super::hold::Hold;

/// A resource and who may use it.
pub(crate) type Pair = (String, String);

/// Who looks.
pub(crate) struct Lookout {
    net: Net,
    allowed: Mutex<BTreeSet<Pair>>,
    violations: Mutex<BTreeSet<String>>,
    starts: Mutex<Vec<Instant>>,
    hold: Mutex<Option<Arc<Hold>>>,
}

impl Lookout {
    /// Stands at this AWS, where what is in force now may stay.
    pub(crate) fn at(net: &Net) -> Arc<Self> {
        let lookout = Arc::new(Self {
            net: net.clone(),
            allowed: Mutex::default(),
            violations: Mutex::default(),
            starts: Mutex::default(),
            hold: Mutex::default(),
        });
        lookout.allow(lookout.in_force());
        net.set_checkpoint(Some(Arc::clone(&lookout) as Arc<dyn Checkpoint>));
        lookout
    }

    /// These may come into force too.
    pub(crate) fn allow(&self, pairs: impl IntoIterator<Item = Pair>) {
        self.allowed.lock().unwrap().extend(pairs);
    }

    /// All pairs in force.
    pub(crate) fn in_force(&self) -> BTreeSet<Pair> {
        let now = self.net.now();
        let truth = self.net.world().truth(now);
        truth.into_iter().map(|grant| (grant.resource, grant.principal)).collect()
    }

    /// What came into force and should not have.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.violations.lock().unwrap().iter().cloned().collect()
    }

    /// When the writes reached AWS that did so after a moment.
    pub(crate) fn starts_after(&self, moment: Instant) -> Vec<Instant> {
        self.starts.lock().unwrap().iter().copied().filter(|start| *start > moment).collect()
    }

    /// Holds the next write, of this operation if one is named, before or after its effect.
    pub(crate) fn hold_next(&self, operation: Option<&'static str>, moment: Moment) -> Arc<Hold> {
        let hold = Arc::new(Hold::next(operation, moment));
        *self.hold.lock().unwrap() = Some(Arc::clone(&hold));
        hold
    }

    fn look(&self, at: &Point) {
        let allowed = self.allowed.lock().unwrap();
        for (resource, principal) in self.in_force().difference(&allowed) {
            let seen = format!("{principal} was given {resource} by {}", at.call.operation);
            self.violations.lock().unwrap().insert(seen);
        }
    }
}

impl Checkpoint for Lookout {
    fn pass(&self, point: &Point) -> BoxFuture<'static, Passage> {
        let write = point.call.service == "ram" && point.call.kind == Kind::Write;
        if !write {
            return futures::future::ready(Passage::Continue).boxed();
        }
        match point.stage {
            Moment::Before => self.starts.lock().unwrap().push(Instant::now()),
            Moment::After => self.look(point),
        }
        let hold = self.hold.lock().unwrap().clone();
        hold.map_or_else(|| futures::future::ready(Passage::Continue).boxed(), |hold| hold.pass(point))
    }
}
