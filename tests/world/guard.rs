//! Stands at every AWS call: holds what is in force against what may be (law 2), counts writes, and freezes one.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use futures::{FutureExt, future::BoxFuture};
use simulator::aws::{Checkpoint, Net, Passage, Point, journal::Kind};

/// A resource and who may use it.
pub type Pair = (String, String);

/// A checkpoint that looks.
pub struct Guard {
    net: Net,
    desired: Mutex<Option<BTreeSet<Pair>>>,
    before: Mutex<BTreeSet<Pair>>,
    violations: Mutex<Vec<String>>,
    points: AtomicUsize,
    freeze_at: AtomicUsize,
    frozen: AtomicBool,
}

impl Guard {
    /// Stands at this net.
    pub fn on(net: &Net) -> Arc<Self> {
        let guard = Arc::new(Self {
            net: net.clone(),
            desired: Mutex::default(),
            before: Mutex::default(),
            violations: Mutex::default(),
            points: AtomicUsize::new(0),
            freeze_at: AtomicUsize::new(usize::MAX),
            frozen: AtomicBool::new(false),
        });
        net.set_checkpoint(Some(Arc::clone(&guard) as Arc<dyn Checkpoint>));
        guard
    }

    /// From now on nothing but this may come into force; what is in force may stay until it is taken away.
    pub fn desire(&self, pairs: BTreeSet<Pair>) {
        *self.desired.lock().unwrap() = Some(pairs);
        self.look_away();
    }

    /// What is in force now is somebody else's doing.
    pub fn look_away(&self) {
        *self.before.lock().unwrap() = self.in_force();
    }

    /// What came into force and should not have, so far.
    pub fn violations(&self) -> Vec<String> {
        self.violations.lock().unwrap().clone()
    }

    /// Points before and after the effect of writes so far.
    pub fn points(&self) -> usize {
        self.points.load(Ordering::SeqCst)
    }

    /// Freezes the caller at this point, counted from 0.
    pub fn freeze_at(&self, point: usize) {
        self.freeze_at.store(point, Ordering::SeqCst);
    }

    /// Whether the caller stands frozen.
    pub fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::SeqCst)
    }

    /// All pairs in force.
    pub fn in_force(&self) -> BTreeSet<Pair> {
        let now = self.net.now();
        let mut world = self.net.world();
        let of_ram = world.truth(now).into_iter().map(|grant| (grant.resource, grant.principal));
        let of_keys = world.policy_grants(now).into_iter().map(|grant| (grant.object, grant.principal));
        of_ram.chain(of_keys).collect()
    }

    /// Compares what is in force with what was before and what is desired.
    pub fn look(&self, at: &str) {
        let desired = self.desired.lock().unwrap();
        let Some(desired) = desired.as_ref() else { return };
        let now = self.in_force();
        let mut before = self.before.lock().unwrap();
        for (resource, principal) in
            now.iter().filter(|pair| !before.contains(*pair) && !desired.contains(*pair))
        {
            self.violations.lock().unwrap().push(format!("{principal} was given {resource}; seen at {at}"));
        }
        *before = now;
    }
}

impl Checkpoint for Guard {
    fn pass(&self, point: &Point) -> BoxFuture<'static, Passage> {
        self.look(&format!("{} {:?}", point.call.operation, point.stage));
        let shares = super::SHARING.contains(&point.call.service.as_str());
        let writes = shares && point.call.kind == Kind::Write;
        if writes && self.points.fetch_add(1, Ordering::SeqCst) == self.freeze_at.load(Ordering::SeqCst) {
            self.frozen.store(true, Ordering::SeqCst);
            return futures::future::pending().boxed();
        }
        futures::future::ready(Passage::Continue).boxed()
    }
}
