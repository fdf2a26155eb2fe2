//! Safety: what is looked at after every write to AWS, and whenever the plan does something.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{FutureExt, future::BoxFuture};
use serde_json::Value;
use simulator::aws::{Checkpoint, Net, Passage, Point, Stage, journal::Kind, truth::LiveShare};

use crate::{
    life::Deaths,
    model::{Declared, Grant, Tree},
    plan::Side,
    scene::{EPOCH, INSTALLATION, PARTNER},
};

/// How long knowledge and calls may be on their way before the controller must act by what is declared now, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Grace {
    /// From a declaration's end to the last moment when a write that it justified may bring a grant into force.
    pub appearing: f64,
    /// From a declaration to the first moment when no earlier decision may take its grant away any more.
    pub vanishing: f64,
    /// How old a tree the controller may go by.
    pub tree: f64,
    /// From a halt to the last moment when a write may arrive. None: the controller may not hear of it.
    pub halt: Option<f64>,
}

/// Stands at every AWS call and holds what is in force against what is declared.
pub struct Oracle {
    net: Net,
    grace: Grace,
    book: Mutex<Book>,
    deaths: Arc<Deaths>,
}

struct Book {
    declared: Declared,
    /// Former trees, and when each was left.
    trees: Vec<(f64, Tree)>,
    /// Grants that are declared under every tree that the controller may know, and since when.
    must: BTreeMap<Grant, f64>,
    /// Grants that are declared under some such tree.
    may: BTreeSet<Grant>,
    /// When a grant was last declared.
    left: BTreeMap<Grant, f64>,
    /// What was in force at the last look, and when that was: what is different now may have become so right after it.
    before: BTreeSet<Grant>,
    looked: f64,
    /// RAM shares that are not the controller's.
    foreign: BTreeSet<String>,
    /// For which Share a RAM share was made, by ARN: a mark may be taken away.
    made_for: BTreeMap<String, String>,
    /// When somebody last put an account or resource into a Share's container, or took it out, by hand.
    hands: BTreeMap<(String, String), f64>,
    halted_since: Option<f64>,
    violations: Vec<String>,
}

impl Oracle {
    /// Stands at `net`, where nothing but what is foreign is there yet.
    pub fn on(net: &Net, declared: Declared, deaths: Arc<Deaths>, grace: Grace) -> Arc<Self> {
        let foreign = net.world().live_shares(net.now()).into_iter().map(|share| share.arn).collect();
        let book = Book {
            declared,
            trees: vec![],
            must: BTreeMap::new(),
            may: BTreeSet::new(),
            left: BTreeMap::new(),
            before: BTreeSet::new(),
            looked: net.now(),
            foreign,
            made_for: BTreeMap::new(),
            hands: BTreeMap::new(),
            halted_since: None,
            violations: vec![],
        };
        let oracle = Arc::new(Self { net: net.clone(), grace, book: Mutex::new(book), deaths });
        oracle.look_away();
        oracle.declare(|_| {});
        net.set_checkpoint(Some(Arc::clone(&oracle) as Arc<dyn Checkpoint>));
        oracle
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something else is declared from now on.
    pub fn declare(&self, change: impl FnOnce(&mut Declared)) {
        let now = self.net.now();
        let mut book = self.book();
        let former = book.declared.tree.clone();
        change(&mut book.declared);
        if former != book.declared.tree {
            book.trees.push((now, former));
        }
        book.recount(now);
    }

    /// What is declared now.
    pub fn declared(&self) -> Declared {
        self.book().declared.clone()
    }

    pub fn halt(&self, halted: bool) {
        let now = self.net.now();
        self.book().halted_since = halted.then_some(now);
    }

    /// What is in force now is somebody else's doing: what is gone need not stay.
    pub fn look_away(&self) {
        let truth = self.in_force();
        let now = self.net.now();
        let mut book = self.book();
        let gone: Vec<Grant> = book.before.difference(&truth).cloned().collect();
        for grant in gone.into_iter().filter(|grant| book.must.contains_key(grant)).collect::<Vec<_>>() {
            book.must.insert(grant, now);
        }
        book.before = truth;
        book.looked = now;
    }

    /// This share is nobody's but its maker's.
    pub fn is_foreign(&self, arn: &str) {
        self.book().foreign.insert(arn.to_owned());
    }

    /// Somebody edits this in a Share's container: what comes of it, now or while AWS takes its time, is not the
    /// controller's doing. A blank entity stands for all of them.
    pub fn is_edited(&self, share: &str, entity: &str) {
        let now = self.net.now();
        self.book().hands.insert((share.to_owned(), entity.to_owned()), now);
    }

    /// All grants in force, those of foreign shares apart.
    pub fn in_force(&self) -> BTreeSet<Grant> {
        let now = self.net.now();
        let (truth, live) = {
            let mut world = self.net.world();
            (world.truth(now), world.live_shares(now))
        };
        let mut book = self.book();
        for share in &live {
            if let Some(name) = marked_for(share) {
                book.made_for.insert(share.arn.clone(), name.clone());
            }
        }
        let ours = truth.into_iter().filter(|grant| !book.foreign.contains(&grant.share));
        let of = |arn: &String| book.made_for.get(arn).cloned().unwrap_or_else(|| format!("nobody ({arn})"));
        ours.map(|grant| (of(&grant.share), (known(&grant.resource), grant.principal.clone()))).collect()
    }

    pub fn violations(&self) -> Vec<String> {
        self.book().violations.clone()
    }

    pub fn violate(&self, what: &str) {
        let at = self.net.now() - EPOCH as f64;
        self.book().violations.push(format!("{at:.3} s: {what}"));
    }

    /// Holds what is in force against what is declared.
    pub fn look(&self, at: &str) {
        let (now, truth) = (self.net.now(), self.in_force());
        let shares = self.net.world().live_shares(now);
        let grace = self.grace;
        let mut book = self.book();
        book.forget_trees(now - grace.tree);
        let appeared: Vec<Grant> = truth.difference(&book.before).cloned().collect();
        let vanished: Vec<Grant> = book.before.difference(&truth).cloned().collect();
        let time = now - EPOCH as f64;
        for grant in appeared {
            let left = book.left.get(&grant).copied().unwrap_or(f64::NEG_INFINITY);
            // When somebody outside accepts an invitation is not the controller's to say: it must have been declared once.
            let last = if grant.1.1 == PARTNER { f64::MIN } else { book.looked - grace.appearing };
            if !book.may.contains(&grant) && left < last && !book.is_by_hand(&grant, f64::MIN) {
                let (share, (resource, principal)) = grant;
                book.violations.push(format!(
                    "{time:.3} s: {principal} was given {resource} for {share}, which does not declare it; seen at {at}"
                ));
            }
        }
        for grant in vanished {
            let since = book.must.get(&grant).copied().unwrap_or(f64::INFINITY);
            let then = book.looked - grace.vanishing;
            if since <= then && !book.is_by_hand(&grant, then) {
                let (share, (resource, principal)) = grant;
                let since = since - EPOCH as f64;
                book.violations.push(format!("{time:.3} s: {principal} lost {resource}, which {share} declares since {since:.3} s; seen at {at}"));
            }
        }
        for mark in marked_twice(&shares) {
            book.violations.push(format!("{time:.3} s: two shares are marked {mark}; seen at {at}"));
        }
        book.before = truth;
        book.looked = now;
    }

    fn look_at_write(&self, operation: &str) {
        let last = self.net.world().journal().entries().last().map(|entry| entry.params.to_string());
        let touched = {
            let book = self.book();
            last.and_then(|params| book.foreign.iter().find(|arn| params.contains(arn.as_str())).cloned())
        };
        if let Some(arn) = touched {
            self.violate(&format!("{operation} on {arn}, which is not ours"));
        }
        self.look(operation);
    }

    fn look_at_halt(&self, operation: &str) {
        let since = self.book().halted_since;
        if let (Some(since), Some(grace)) = (since, self.grace.halt)
            && self.net.now() > since + grace
        {
            self.violate(&format!("{operation} while halted since {:.3} s", since - EPOCH as f64));
        }
    }
}

impl Checkpoint for Oracle {
    fn pass(&self, point: &Point) -> BoxFuture<'static, Passage> {
        let operation = &point.call.operation;
        if point.call.service == "ram" && point.call.kind == Kind::Read && point.stage == Stage::After {
            self.look(operation);
        }
        if point.call.service == "ram" && point.call.kind == Kind::Write {
            match point.stage {
                Stage::Before => self.look_at_halt(operation),
                Stage::After => self.look_at_write(operation),
            }
            if self.deaths.strikes(Side::Aws, point.stage == Stage::After) {
                return futures::future::pending().boxed();
            }
        }
        futures::future::ready(Passage::Continue).boxed()
    }
}

impl Book {
    /// Whether somebody has edited since then what a grant rests on.
    fn is_by_hand(&self, (share, (resource, principal)): &Grant, then: f64) -> bool {
        [*resource, principal.as_str(), ""]
            .into_iter()
            .any(|entity| self.hands.get(&(share.clone(), entity.to_owned())).is_some_and(|at| *at >= then))
    }

    fn recount(&mut self, now: f64) {
        let mut declared = self.declared.clone();
        let mut may = declared.grants();
        let mut must = may.clone();
        for (_, tree) in &self.trees {
            declared.tree = tree.clone();
            let grants = declared.grants();
            must.retain(|grant| grants.contains(grant));
            may.extend(grants);
        }
        for grant in self.may.difference(&may) {
            self.left.insert(grant.clone(), now);
        }
        self.must.retain(|grant, _| must.contains(grant));
        for grant in must {
            self.must.entry(grant).or_insert(now);
        }
        self.may = may;
    }

    /// Nobody goes any more by a tree that was left before `then`.
    fn forget_trees(&mut self, then: f64) {
        let known = self.trees.len();
        self.trees.retain(|(left, _)| *left > then);
        if self.trees.len() < known {
            self.recount(then);
        }
    }
}

/// The installation's marks that stand on more than one live share.
fn marked_twice(shares: &[LiveShare]) -> Vec<String> {
    let tag = |share: &LiveShare, key: &str| share.tags.get(&format!("sharekeeper.dev/{key}")).cloned();
    let marks = shares.iter().filter(|share| tag(share, "installation").as_deref() == Some(INSTALLATION));
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for share in marks {
        let mark = [tag(share, "namespace"), tag(share, "name"), tag(share, "side")];
        *count.entry(mark.into_iter().flatten().collect::<Vec<_>>().join("/")).or_default() += 1;
    }
    count.into_iter().filter(|(_, n)| *n > 1).map(|(mark, _)| mark).collect()
}

/// The resource's ARN as the scene spells it.
pub fn known(arn: &str) -> &'static str {
    let all = crate::plan::Resource::ALL.map(crate::plan::Resource::arn);
    all.into_iter().find(|known| *known == arn).unwrap_or("another resource")
}

/// A container's own side of its mark.
pub fn is_outer(share: &LiveShare) -> bool {
    share.tags.get("sharekeeper.dev/side").is_some_and(|side| side == "outer")
}

/// Which Share a container is marked with.
pub fn marked_for(share: &LiveShare) -> Option<&String> {
    share.tags.get("sharekeeper.dev/name").filter(|_| {
        share
            .tags
            .get("sharekeeper.dev/installation")
            .is_some_and(|installation| installation == INSTALLATION)
    })
}

/// Everything that a status says of one condition.
pub fn condition<'a>(object: &'a Value, type_: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == type_)
}
