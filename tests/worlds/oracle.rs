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
    plan::{Choice, Removal, Side, Target},
    scene::{EPOCH, INSTALLATION, NAMESPACE, OBJECTS, PARTNER, SHARING},
    strays::Strays,
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

/// What a plan asks of the controller.
#[derive(Clone, Debug)]
pub struct Rules {
    pub grace: Grace,
    /// How long word of anything may take to have its effect, in seconds.
    pub late: f64,
    /// How long AWS and the controller may take until a changed mark is known, in seconds.
    pub theft_shows: f64,
    /// How long what was decided by live reads may take to arrive, in seconds.
    pub late_writes: f64,
    /// What the set does with what nobody declares.
    pub removal: Option<Removal>,
    /// Nothing goes wrong and no switch but a tenant's is thrown: what ends is out at once.
    pub ends_at_once: bool,
    /// What a Share grants depends on nothing but itself.
    pub declarers_alone: bool,
    /// The controller cannot list everything at once, and what it cannot list is as it was from the start.
    pub half_blind: bool,
    /// What AWS cannot always associate: it comes and goes.
    pub fail: BTreeSet<String>,
}

/// How long what has ended may take to be out where nothing goes wrong, in seconds.
const ENDS_WITHIN: f64 = 150.0;

/// Stands at every AWS call and holds what is in force against what is declared.
pub struct Oracle {
    stage: crate::stage::Stage,
    net: Net,
    rules: Rules,
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
    /// When the partner last accepted an invitation.
    accepted: f64,
    /// RAM shares that are not the controller's, by ARN.
    strays: Strays,
    /// Shares of the controller's that somebody marked as another installation's, and when.
    stolen: BTreeMap<String, f64>,
    /// For which Share a RAM share was made, by ARN: a mark may be taken away.
    made_for: BTreeMap<String, String>,
    outer: BTreeSet<String>,
    /// When somebody last put an account or resource into a Share's container, or took it out, by hand.
    hands: BTreeMap<(String, String), f64>,
    halted_since: Option<f64>,
    violations: Vec<String>,
}

impl Oracle {
    /// Stands at `net`, where nothing but what is foreign is there yet.
    pub fn on(
        stage: &crate::stage::Stage,
        declared: Declared,
        deaths: Arc<Deaths>,
        rules: Rules,
    ) -> Arc<Self> {
        let net = &stage.aws;
        let book = Book {
            declared,
            trees: vec![],
            must: BTreeMap::new(),
            may: BTreeSet::new(),
            left: BTreeMap::new(),
            before: BTreeSet::new(),
            looked: net.now(),
            accepted: f64::NEG_INFINITY,
            strays: Strays::new(rules.removal),
            stolen: BTreeMap::new(),
            made_for: BTreeMap::new(),
            outer: BTreeSet::new(),
            hands: BTreeMap::new(),
            halted_since: None,
            violations: vec![],
        };
        let oracle =
            Arc::new(Self { stage: stage.clone(), net: net.clone(), rules, book: Mutex::new(book), deaths });
        for share in net.world().live_shares(net.now()) {
            oracle.is_stray(&share.arn, &share.name, true);
        }
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

    /// The partner accepts an invitation now.
    pub fn is_accepted(&self) {
        self.book().accepted = self.net.now();
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

    /// This share is nobody's but its maker's. `inside`: it lets in an account of the organization.
    pub fn is_stray(&self, arn: &str, name: &str, inside: bool) {
        let now = self.net.now();
        self.book().strays.is_there(arn, name, inside, now);
    }

    /// Somebody has decided about it.
    pub fn is_decided(&self, arn: &str, choice: Choice) {
        let now = self.net.now();
        self.book().strays.is_decided(arn, choice, now);
    }

    /// Somebody releases what a budget holds.
    pub fn is_approved(&self) {
        self.book().strays.approved = true;
    }

    /// The set is suspended, or in a mode that removes nothing; or not any more.
    pub fn hold(&self, held: bool) {
        let now = self.net.now();
        self.book().strays.held_since = held.then_some(now);
    }

    /// What of the shares that nobody declares is not as it should end.
    pub fn missing_of_strays(&self) -> Option<String> {
        let now = self.net.now();
        let (live, truth) = {
            let mut world = self.net.world();
            (world.live_shares(now), world.truth(now))
        };
        let live: BTreeSet<String> = live.into_iter().map(|share| share.arn).collect();
        let granting: BTreeSet<String> = truth.into_iter().map(|grant| grant.share).collect();
        self.book().strays.missing(&live, &granting)
    }

    /// Somebody marks a Share's container as another installation's: nothing is written to it any more.
    pub fn is_stolen(&self, arn: &str, share: &str) {
        let now = self.net.now();
        self.is_edited(share, "");
        self.book().stolen.insert(arn.to_owned(), now);
    }

    pub fn is_given_back(&self, arn: &str) {
        self.book().stolen.remove(arn);
    }

    /// Whether each account has its own name.
    pub fn has_own_names(&self) -> bool {
        let world = self.net.world();
        crate::plan::Account::ALL.into_iter().all(|account| {
            world.directory().accounts.get(account.id()).is_some_and(|a| a.name == account.name())
        })
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
        let (truth, live, keys) = {
            let mut world = self.net.world();
            (world.truth(now), world.live_shares(now), world.policy_grants(now))
        };
        let mut book = self.book();
        for share in &live {
            if let Some(name) = marked_for(share) {
                book.made_for.insert(share.arn.clone(), name.clone());
                if is_outer(share) {
                    book.outer.insert(share.arn.clone());
                }
            }
        }
        let ours = truth.into_iter().filter(|grant| !book.strays.contains(&grant.share));
        let of = |arn: &String| book.made_for.get(arn).cloned().unwrap_or_else(|| format!("nobody ({arn})"));
        let of_ram = ours.map(|grant| (of(&grant.share), (known(&grant.resource), grant.principal.clone())));
        let of_keys = keys.into_iter().flat_map(|grant| {
            let shares: Vec<String> = grant.sids.iter().filter_map(|sid| named_in(sid)).collect();
            shares.into_iter().map(move |share| (share, (known(&grant.object), grant.principal.clone())))
        });
        of_ram.chain(of_keys).collect()
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
        self.look_at_refusals(at);
        let (now, truth) = (self.net.now(), self.in_force());
        let shares = self.net.world().live_shares(now);
        let grace = self.rules.grace;
        let mut book = self.book();
        book.forget_trees(now - grace.tree);
        let appeared: Vec<Grant> = truth.difference(&book.before).cloned().collect();
        let vanished: Vec<Grant> = book.before.difference(&truth).cloned().collect();
        let time = now - EPOCH as f64;
        for grant in appeared {
            let left = book.left.get(&grant).copied().unwrap_or(f64::NEG_INFINITY);
            // When somebody outside accepts an invitation is not the controller's to say: it must have been declared once.
            // While an invitation is pending AWS lets nothing be taken out of its share, and when it is accepted is the
            // partner's to say: until then what was declared once may come into force.
            let accepted = grant.1.1 == PARTNER && now - book.accepted <= grace.appearing;
            let last = if accepted { f64::MIN } else { book.looked - grace.appearing };
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
            let fails =
                [grant.1.0, grant.1.1.as_str()].into_iter().any(|entity| self.rules.fail.contains(entity));
            if since <= then && !fails && !book.is_by_hand(&grant, then) {
                let (share, (resource, principal)) = grant;
                let since = since - EPOCH as f64;
                book.violations.push(format!("{time:.3} s: {principal} lost {resource}, which {share} declares since {since:.3} s; seen at {at}"));
            }
        }
        if self.rules.ends_at_once {
            book.look_at_ends(&truth, now, at);
        }
        if let Some(violation) = book.strays.look(&shares, now) {
            book.violations.push(format!("{time:.3} s: {violation}; seen at {at}"));
        }
        for mark in marked_twice(&shares) {
            book.violations.push(format!("{time:.3} s: two shares are marked {mark}; seen at {at}"));
        }
        book.before = truth;
        book.looked = now;
    }

    fn look_at_write(&self, operation: &str) {
        let now = self.net.now();
        let last = self.net.world().journal().entries().last().map(|entry| entry.params.to_string());
        let params = last.unwrap_or_default();
        let late = self.rules.theft_shows;
        let problem = {
            let book = self.book();
            let stolen = book.stolen.iter().find(|(arn, _)| params.contains(arn.as_str()));
            let stolen = stolen.filter(|(_, since)| now > **since + late);
            stolen
                .map(|(arn, _)| format!("{operation} on {arn}, which is marked as another installation's"))
                .or_else(|| book.strays.objection(operation, &params, now, self.rules.late_writes))
                .or_else(|| book.objection_to_deletion(operation, &params, now, &self.rules))
        };
        if let Some(problem) = problem {
            self.violate(&problem);
        }
        self.look(operation);
        self.look_at_readiness(operation);
    }

    /// A Share that is Ready has all in force that is declared since long.
    fn look_at_readiness(&self, at: &str) {
        let truth = self.in_force();
        let book = self.book();
        let then = self.net.now() - self.rules.late;
        let lacking: BTreeSet<&String> = book
            .must
            .iter()
            .filter(|(grant, since)| {
                let (_, (_, principal)) = grant;
                **since < then
                    && principal != PARTNER
                    && !truth.contains(*grant)
                    && !book.is_by_hand(grant, f64::MIN)
            })
            .map(|((share, _), _)| share)
            .collect();
        let ready: Vec<String> = lacking.into_iter().filter(|share| self.is_ready(share)).cloned().collect();
        drop(book);
        for share in ready {
            self.violate(&format!("{share} says that it is Ready, and lacks what it declares; seen at {at}"));
        }
    }

    /// No status says that policy refuses what it has allowed all the time: who has not read everything says nothing.
    fn look_at_refusals(&self, at: &str) {
        if !self.rules.half_blind {
            return;
        }
        let declared = self.declared();
        let allowed = declared.shares.values().filter(|share| declared.is_granted_whole(share));
        for share in allowed {
            let Some(object) = self.stage.share(&share.share) else { continue };
            let status = &object["status"];
            let current = status["observedGeneration"] == object["metadata"]["generation"];
            let entries = ["principals", "resources"].into_iter().filter_map(|list| status[list].as_array());
            let refused =
                entries.flatten().find(|e| e["reason"] == "NoPolicy" || e["reason"] == "NotPermitted");
            if let Some(entry) = refused.filter(|_| current) {
                self.violate(&format!(
                    "{} says {entry} of what policy allows all the time; seen at {at}",
                    share.share
                ));
            }
        }
    }

    fn is_ready(&self, share: &str) -> bool {
        let Some(object) = self.stage.share(share) else { return false };
        condition(&object, "Ready").is_some_and(|ready| {
            ready["status"] == "True" && ready["observedGeneration"] == object["metadata"]["generation"]
        })
    }

    fn look_at_halt(&self, operation: &str) {
        let since = self.book().halted_since;
        if let (Some(since), Some(grace)) = (since, self.rules.grace.halt)
            && self.net.now() > since + grace
        {
            self.violate(&format!("{operation} while halted since {:.3} s", since - EPOCH as f64));
        }
    }
}

impl Checkpoint for Oracle {
    fn pass(&self, point: &Point) -> BoxFuture<'static, Passage> {
        let operation = &point.call.operation;
        let shares = SHARING.contains(&point.call.service.as_str());
        if shares && point.call.kind == Kind::Read && point.stage == Stage::After {
            self.look(operation);
            self.look_at_readiness(operation);
        }
        if shares && point.call.kind == Kind::Write {
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
    /// What has ended is out soon after, whatever a tenant's switch says.
    fn look_at_ends(&mut self, truth: &BTreeSet<Grant>, now: f64, at: &str) {
        let time = now - EPOCH as f64;
        for (share, (resource, principal)) in truth.iter().filter(|(_, (_, principal))| principal == PARTNER)
        {
            let ended = self.declared.shares.get(share).and_then(|manifest| {
                let outside: Vec<Target> =
                    manifest.targets.iter().copied().filter(|target| target.is_outside()).collect();
                match outside[..] {
                    [Target::Until(end)] => Some(f64::from(end)),
                    _ => None,
                }
            });
            if let Some(end) = ended.filter(|end| time > end + ENDS_WITHIN) {
                self.violations.push(format!(
                    "{time:.3} s: {principal} still has {resource} by {share}, which ended at {end:.0} s; seen at {at}"
                ));
            }
        }
    }

    /// Who declares a container is asked live before it goes, whatever the watches show.
    fn objection_to_deletion(
        &self,
        operation: &str,
        params: &str,
        now: f64,
        rules: &Rules,
    ) -> Option<String> {
        if operation != "DeleteResourceShare" || !rules.declarers_alone {
            return None;
        }
        let (arn, share) = self.made_for.iter().find(|(arn, _)| params.contains(arn.as_str()))?;
        let outer = self.outer.contains(arn);
        let then = now - rules.late_writes;
        let wanted = self.must.iter().any(|((of, (resource, principal)), since)| {
            of == share && !OBJECTS.contains(resource) && (principal == PARTNER) == outer && *since < then
        });
        let by_hand = self.hands.keys().any(|(of, _)| of == share);
        (wanted && !by_hand).then(|| format!("{operation} of {arn}, which {share} declares since long"))
    }

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
        // Shreds of a mark, which people leave, say of no Share whose it is.
        let mark: Option<Vec<String>> =
            ["namespace", "name", "side"].map(|key| tag(share, key)).into_iter().collect();
        if let Some(mark) = mark {
            *count.entry(mark.join("/")).or_default() += 1;
        }
    }
    count.into_iter().filter(|(_, n)| *n > 1).map(|(mark, _)| mark).collect()
}

/// The Share that a statement of the installation's names, as the design writes it: letters stand for what is none.
fn named_in(sid: &str) -> Option<String> {
    let names = sid.strip_prefix("SharekeeperX")?.strip_prefix(INSTALLATION)?.strip_prefix('X')?;
    let mut names = names.split('X');
    (names.next()? == NAMESPACE.replace('-', "H")).then_some(())?;
    Some(names.next()?.replace('H', "-").replace('D', "."))
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
