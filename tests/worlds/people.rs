//! The people of a world: those who declare Shares in git, the security team, and those who edit AWS by hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Value, json};
use simulator::aws::{action::Action, organizations::AccountState};

use crate::{
    oracle::Oracle,
    plan::{Account, Act, Choice, Hand, Manifest, Mode, Plan, Removal, Resource, Stray, Target, Unit},
    scene::{self, OWNER},
    stage::Stage,
    weather::longest,
};

/// How old a tree the controller may go by, in seconds.
pub const TREE_AGE: f64 = 1900.0;

/// What people have done and want.
pub struct People {
    stage: Stage,
    oracle: Arc<Oracle>,
    /// What git says.
    git: BTreeMap<String, Manifest>,
    /// What was last applied under each name.
    applied: BTreeMap<String, Manifest>,
    requests: u32,
    halted: bool,
    set: (bool, Mode),
    removal: Option<Removal>,
    /// Accounts of which one has the other's name.
    taken: Option<(Account, Account)>,
    /// Until when somebody may still go by a tree in which names meant others.
    names_settle: f64,
    /// Until when somebody may still go by a tree in which an account had another name.
    renamed_settle: f64,
    /// Containers that are marked as another installation's, and the Shares that they are of.
    stolen: Vec<(String, String)>,
    /// The `Sid`s of statements of their own in policies of objects.
    statements: BTreeSet<(&'static str, String)>,
    /// What is read of such a policy, and what is written of it, is never old.
    policies_at_once: bool,
}

impl People {
    pub fn new(stage: Stage, oracle: Arc<Oracle>, plan: &Plan) -> Self {
        Self {
            stage,
            oracle,
            git: BTreeMap::new(),
            applied: BTreeMap::new(),
            requests: 0,
            halted: false,
            set: (false, Mode::Enforce),
            removal: plan.removal,
            statements: BTreeSet::from([(scene::KEY, "Owner".to_owned())]),
            policies_at_once: plan.aws.wire == 0.0 && longest(plan.aws.lags.policy) == 0.0,
            taken: None,
            names_settle: 0.0,
            renamed_settle: 0.0,
            stolen: vec![],
        }
    }

    /// Somebody makes a share by hand.
    pub fn stray(&self, stray: &Stray) {
        let principal = stray.with.map_or(scene::PARTNER, Account::id);
        let params = json!({"name": stray.name, "resourceArns": [stray.resource.arn()], "principals": [principal],
            "allowExternalPrincipals": stray.with.is_none()});
        if let Some(made) = self.stage.by_hand("CreateResourceShare", &params) {
            let arn = made["resourceShare"]["resourceShareArn"].as_str().unwrap_or_default();
            self.oracle.is_stray(arn, &stray.name, stray.with.is_some());
        }
        self.oracle.look_away();
    }

    /// Declares a Share in git, and applies it unless the former one of that name is still going.
    pub fn apply(&mut self, manifest: &Manifest) -> bool {
        self.git.insert(manifest.share.clone(), manifest.clone());
        self.sync(manifest)
    }

    fn sync(&mut self, manifest: &Manifest) -> bool {
        // While a name may mean somebody else or nobody, nothing new is declared by it.
        let renamed = !self.oracle.has_own_names() || self.stage.elapsed() < self.renamed_settle;
        let odd = self.has_odd_names() || renamed;
        if odd && (self.stage.share(&manifest.share).is_none() || self.has_new_name(manifest)) {
            return false;
        }
        let going =
            self.stage.share(&manifest.share).is_some_and(|s| !s["metadata"]["deletionTimestamp"].is_null());
        if going {
            return false;
        }
        let applied = self.stage.apply(&scene::share(manifest));
        if let Err(refusal) = &applied {
            self.oracle.violate(&format!("the apiserver refuses {manifest:?}: {refusal}"));
        }
        self.applied.insert(manifest.share.clone(), manifest.clone());
        self.oracle.declare(|declared| {
            declared.shares.insert(manifest.share.clone(), manifest.clone());
        });
        true
    }

    /// Makes what git has and the cluster has not, or not yet.
    pub fn keep_git(&mut self) {
        for manifest in &self.git.values().cloned().collect::<Vec<_>>() {
            let put_off = self.applied.get(&manifest.share) != Some(manifest);
            if put_off || self.stage.share(&manifest.share).is_none() {
                self.sync(manifest);
            }
        }
    }

    /// Does something; answers what it is called, if it had an effect.
    pub async fn act(&mut self, act: &Act) -> Option<&'static str> {
        self.keep_git();
        if self.has_odd_names()
            && matches!(act, Act::Apply(_) | Act::Refused(..) | Act::Delete(_) | Act::Recreate(_))
        {
            return None;
        }
        match act {
            Act::Apply(manifest) => self.apply(manifest).then_some("edit: applied"),
            Act::Refused(manifest, fallacy) => {
                let admitted = self.stage.apply(&scene::refused(manifest, *fallacy)).is_ok();
                if admitted {
                    self.oracle.violate(&format!("the apiserver admits {fallacy:?} in {manifest:?}"));
                }
                Some("edit: refused by the apiserver")
            }
            Act::Delete(share) => {
                self.git.remove(share);
                self.delete(share).await.then_some("edit: deleted")
            }
            Act::Recreate(share) => self.delete(share).await.then_some("edit: deleted and made again"),
            Act::Request(share) => {
                self.requests += 1;
                self.stage.request(share, &format!("r{}", self.requests)).await;
                Some("edit: a reading requested")
            }
            Act::Hand(hand) => self.by_hand(hand).then_some("AWS: edited by hand"),
            other => self.govern(other),
        }
    }

    async fn delete(&self, share: &str) -> bool {
        // A Share whose container was stolen lets go of it.
        if self.stolen.iter().any(|(_, of)| of == share) {
            return false;
        }
        let there = self.stage.share(share).is_some();
        self.stage.delete(share).await;
        self.oracle.declare(|declared| {
            declared.shares.remove(share);
        });
        there
    }

    /// What the security and the platform team do, and who runs the organization.
    fn govern(&mut self, act: &Act) -> Option<&'static str> {
        match act {
            Act::Halt(halt) => {
                self.stage.apply(&scene::installation(*halt)).unwrap();
                self.oracle.halt(*halt);
                self.halted = *halt;
                Some("edit: halt")
            }
            Act::SuspendSet(suspend) => Some(self.put_set(*suspend, self.set.1)),
            Act::Mode(mode) => Some(self.put_set(self.set.0, *mode)),
            Act::Policy(policy) => {
                self.stage.apply(&scene::policy(*policy)).unwrap();
                self.oracle.declare(|declared| declared.policy = *policy);
                Some("edit: policy")
            }
            Act::RenameAccount(account, other) => {
                let name = if *other { "renamed" } else { account.name() };
                self.renamed_settle = self.stage.elapsed() + TREE_AGE;
                self.rename(account.id(), name)
            }
            Act::RenameOwner(other) => {
                self.rename(OWNER, if *other { "network-live" } else { "network-prod" })
            }
            Act::RenameUnit(unit, other) => self.rename_unit(*unit, *other),
            Act::Move(account, unit) => self.move_to(*account, *unit),
            Act::TakeName(first, second, true) => self.take_name(*first, *second),
            Act::TakeName(_, _, false) => self.give_names_back(),
            Act::Decide(name, choice) => self.decide(name, *choice),
            Act::SuspendOwner(suspended) => {
                let state = if *suspended { AccountState::Suspended } else { AccountState::Active };
                self.stage
                    .act(Action::SetAccountState { account: OWNER.into(), state })
                    .then_some("AWS: account suspended")
            }
            _ => None,
        }
    }

    fn put_set(&mut self, suspend: bool, mode: Mode) -> &'static str {
        self.set = (suspend, mode);
        self.stage.apply(&scene::set(suspend, mode, self.removal)).unwrap();
        self.oracle.hold(suspend || mode != Mode::Enforce);
        "edit: set suspended or in another mode"
    }

    /// The person who looks after removals releases what is held.
    pub async fn approve(&self) {
        if self.stage.approve().await > 0 {
            self.oracle.is_approved();
        }
    }

    fn rename(&self, account: &str, name: &str) -> Option<&'static str> {
        let action = Action::RenameAccount { account: account.to_owned(), name: name.to_owned() };
        self.stage.act(action).then_some("AWS: account renamed")
    }

    /// Only where each Share's name of an account is pinned: else nobody could say whom it means.
    fn take_name(&mut self, first: Account, second: Account) -> Option<&'static str> {
        if self.taken.is_some() || first == second || !self.oracle.has_own_names() || !self.is_pinned() {
            return None;
        }
        self.rename(first.id(), "renamed")?;
        self.rename(second.id(), first.name())?;
        self.taken = Some((first, second));
        Some("AWS: account got another's name")
    }

    fn give_names_back(&mut self) -> Option<&'static str> {
        let (first, second) = self.taken.take()?;
        self.names_settle = self.stage.elapsed() + TREE_AGE;
        self.rename(second.id(), second.name())?;
        self.rename(first.id(), first.name())
    }

    fn has_odd_names(&self) -> bool {
        self.taken.is_some() || self.stage.elapsed() < self.names_settle
    }

    /// Whether it names somebody whom what is applied does not name.
    fn has_new_name(&self, manifest: &Manifest) -> bool {
        let known = self.applied.get(&manifest.share);
        let is_known = |target: &Target| known.is_some_and(|known| known.targets.contains(target));
        manifest.targets.iter().any(|target| matches!(target, Target::Name(_)) && !is_known(target))
    }

    fn is_pinned(&self) -> bool {
        self.oracle.declared().shares.values().all(|manifest| {
            let pins = self.stage.share(&manifest.share).map(|share| share["status"]["pins"].clone());
            let pins = pins.unwrap_or_default();
            let pinned = |account: &Account| {
                pins.as_array()
                    .into_iter()
                    .flatten()
                    .any(|pin| pin["kind"] == "Account" && pin["id"] == account.id())
            };
            manifest.targets.iter().all(|target| match target {
                Target::Name(account) => pinned(account),
                _ => true,
            })
        })
    }

    /// Only about what is listed as it is and stays so: else nobody could say what the decision is about, and one about other
    /// grants than are there is void.
    fn decide(&self, name: &str, choice: Choice) -> Option<&'static str> {
        let (lags, fails) = {
            let world = self.stage.aws.world();
            (world.weather().lags, !world.weather().failures.is_empty())
        };
        let late =
            [lags.list, lags.read, lags.association, lags.disassociation, lags.permission].map(longest);
        if fails || late.iter().sum::<f64>() > 0.0 {
            return None;
        }
        let records = self.stage.all("undeclaredshares");
        let record = records.iter().find(|record| record["status"]["name"] == name)?;
        let (decision, evidence) = match choice {
            Choice::Keep => ("Keep", record["status"]["evidence"].clone()),
            Choice::Remove => ("Remove", record["status"]["evidence"].clone()),
            Choice::RemoveOthers => ("Remove", json!("0123456789abcdef")),
        };
        let object = json!({"apiVersion": record["apiVersion"], "kind": "UndeclaredShare",
            "metadata": {"name": record["metadata"]["name"]},
            "spec": {"decision": decision, "evidence": evidence, "reason": "known"}});
        self.stage.apply(&object).ok()?;
        self.oracle.is_decided(record["status"]["id"].as_str().unwrap_or_default(), choice);
        Some("edit: decided about what nobody declares")
    }

    fn rename_unit(&self, unit: Unit, other: bool) -> Option<&'static str> {
        let arn = self.oracle.declared().tree.units[&unit].clone();
        let id = arn.rsplit('/').next().unwrap_or_default().to_owned();
        let name = if other { "Renamed" } else { unit.name() }.to_owned();
        let action = Action::RenameUnit { organization: self.stage.organization(), unit: id, name };
        self.stage.act(action).then_some("AWS: unit renamed")
    }

    fn move_to(&self, account: Account, unit: Unit) -> Option<&'static str> {
        let arn = self.oracle.declared().tree.units[&unit].clone();
        let destination = arn.rsplit('/').next().unwrap_or_default().to_owned();
        let moved = self.stage.act(Action::MoveAccount { account: account.id().into(), destination });
        self.oracle.declare(|declared| {
            declared.tree.places.insert(account, unit);
        });
        moved.then_some("AWS: account moved")
    }

    /// Edits AWS past the controller; false: AWS refuses, or there is nothing to edit.
    fn by_hand(&mut self, hand: &Hand) -> bool {
        match hand {
            Hand::Wipe | Hand::LetIn(_) | Hand::Statement(_) => return self.by_hand_on_objects(hand),
            _ => {}
        }
        let Some((operation, params)) = self.call(hand) else { return false };
        let answer = self.stage.by_hand(operation, &params);
        if let (Hand::Foreign(_), Some(made)) = (hand, &answer) {
            let (arn, name) = (&made["resourceShare"]["resourceShareArn"], &made["resourceShare"]["name"]);
            self.oracle.is_stray(arn.as_str().unwrap_or_default(), name.as_str().unwrap_or_default(), true);
        }
        if let (Hand::Steal(share), Some(_)) = (hand, &answer) {
            let arn = params["resourceShareArn"].as_str().unwrap_or_default();
            self.stolen.push((arn.to_owned(), share.clone()));
            self.oracle.is_stolen(arn, share);
        }
        if answer.is_some() {
            match hand {
                Hand::Associate(share, account) | Hand::Disassociate(share, account) => {
                    self.oracle.is_edited(share, account.id());
                }
                Hand::AddResource(share, resource) | Hand::RemoveResource(share, resource) => {
                    self.oracle.is_edited(share, resource.arn());
                }
                Hand::Delete(share) => self.oracle.is_edited(share, ""),
                _ => {}
            }
        }
        self.oracle.look_away();
        answer.is_some()
    }

    /// Edits the policies of all objects; false: AWS refuses.
    fn by_hand_on_objects(&mut self, hand: &Hand) -> bool {
        let mut edited = false;
        for object in scene::OBJECTS {
            let taken = self.stage.edit_policy(object, |statements| after(statements, object, hand));
            if let (Hand::Statement(n), true) = (hand, taken) {
                self.statements.insert((object, format!("Theirs{n}")));
            }
            edited |= taken;
            let entity = match hand {
                Hand::LetIn(account) => account.id(),
                _ => object,
            };
            for share in self.oracle.declared().shares.keys() {
                self.oracle.is_edited(share, entity);
            }
        }
        self.oracle.look_away();
        edited
    }

    /// A statement of somebody's own that is not in an object's policy any more. Where a policy that is read or a write that is
    /// sent may be old, nobody can keep it: AWS replaces a policy without asking which one was read. The owner's own is kept in
    /// any case.
    pub fn lost_statement(&self) -> Option<String> {
        let is_kept = |(object, sid): &(&str, String)| {
            self.stage.statements(object).iter().any(|statement| statement["Sid"] == sid.as_str())
        };
        let theirs = self.statements.iter().filter(|(_, sid)| self.policies_at_once || sid == "Owner");
        theirs
            .filter(|statement| !is_kept(statement))
            .map(|(object, sid)| format!("{sid} of {object}"))
            .next()
    }

    fn call(&self, hand: &Hand) -> Option<(&'static str, Value)> {
        let arn = |share: &String| self.stage.container(share, false).map(|container| container.arn);
        let account = |a: &Account| json!([a.id()]);
        let resource = |r: &Resource| json!([r.arn()]);
        Some(match hand {
            Hand::Associate(share, who) => (
                "AssociateResourceShare",
                json!({"resourceShareArn": arn(share)?, "principals": account(who)}),
            ),
            Hand::Disassociate(share, who) => (
                "DisassociateResourceShare",
                json!({"resourceShareArn": arn(share)?, "principals": account(who)}),
            ),
            Hand::AddResource(share, what) => (
                "AssociateResourceShare",
                json!({"resourceShareArn": arn(share)?, "resourceArns": resource(what)}),
            ),
            Hand::RemoveResource(share, what) => (
                "DisassociateResourceShare",
                json!({"resourceShareArn": arn(share)?, "resourceArns": resource(what)}),
            ),
            Hand::AllowExternal(share) => (
                "UpdateResourceShare",
                json!({"resourceShareArn": arn(share)?, "allowExternalPrincipals": true}),
            ),
            Hand::Rename(share) => {
                ("UpdateResourceShare", json!({"resourceShareArn": arn(share)?, "name": "mine"}))
            }
            Hand::Tag(share) => {
                let tags = json!([{"key": "team", "value": "by hand"}]);
                let tagged = self.git.get(share).is_some_and(|manifest| manifest.tag.is_some());
                ("TagResource", json!({"resourceShareArn": arn(share).filter(|_| tagged)?, "tags": tags}))
            }
            Hand::Unmark(share) => {
                // One that is on record nowhere yet is nobody's without its mark.
                let arn = |share| arn(share).filter(|arn| self.is_on_record(share, arn));
                let keys = ["uid", "name", "side"].map(|key| format!("sharekeeper.dev/{key}"));
                ("UntagResource", json!({"resourceShareArn": arn(share)?, "tagKeys": keys}))
            }
            Hand::Wipe | Hand::LetIn(_) | Hand::Statement(_) => return None,
            Hand::Delete(share) => ("DeleteResourceShare", json!({"resourceShareArn": arn(share)?})),
            Hand::Steal(share) => {
                // One that is on record nowhere yet is nobody's without its mark, and one that is going is let go without it.
                let going = |share: &String| {
                    self.stage.share(share).is_some_and(|s| !s["metadata"]["deletionTimestamp"].is_null())
                };
                let arn = |share| arn(share).filter(|arn| self.is_on_record(share, arn) && !going(share));
                let tags = json!([{"key": "sharekeeper.dev/installation", "value": "theirs"}]);
                ("TagResource", json!({"resourceShareArn": arn(share)?, "tags": tags}))
            }
            Hand::Foreign(share) => (
                "CreateResourceShare",
                json!({"name": format!("{}.{share}", scene::NAMESPACE), "resourceArns": [Resource::List.arn()],
                    "principals": [Account::Log.id()]}),
            ),
        })
    }

    /// Whether a Share's status names a container.
    fn is_on_record(&self, share: &str, arn: &str) -> bool {
        let containers = self.stage.share(share).map(|share| share["status"]["containers"].clone());
        containers.is_some_and(|all| all.as_array().into_iter().flatten().any(|one| one["id"] == arn))
    }

    /// All switches off, all names as they were, and no Share with what AWS does not know.
    pub fn put_all_right(&mut self) {
        if self.halted {
            self.govern(&Act::Halt(false));
        }
        if self.set != (false, Mode::Enforce) {
            self.put_set(false, Mode::Enforce);
        }
        // First of all, or two accounts would have one name.
        self.give_names_back();
        for (arn, _) in std::mem::take(&mut self.stolen) {
            let tags = json!([{"key": "sharekeeper.dev/installation", "value": scene::INSTALLATION}]);
            self.stage.by_hand("TagResource", &json!({"resourceShareArn": arn, "tags": tags}));
            self.oracle.is_given_back(&arn);
        }
        let names = Account::ALL.map(|account| Act::RenameAccount(account, false));
        let units = Unit::ALL.map(|unit| Act::RenameUnit(unit, false));
        for act in [Act::SuspendOwner(false), Act::RenameOwner(false)].into_iter().chain(names).chain(units) {
            self.govern(&act);
        }
        let manifests: Vec<Manifest> = self.git.values().cloned().collect();
        for mut manifest in manifests {
            manifest.switch = None;
            manifest.resources.retain(|resource| *resource != Resource::Lost);
            if manifest.resources.is_empty() {
                manifest.resources.push(Resource::Gateway);
            }
            if self.git.get(&manifest.share) != Some(&manifest) {
                self.apply(&manifest);
            }
        }
        self.switch_off_what_is_going();
        self.keep_git();
    }

    /// A tenant's switch holds back a deletion too.
    fn switch_off_what_is_going(&self) {
        for (share, last) in &self.applied {
            let going =
                self.stage.share(share).is_some_and(|s| !s["metadata"]["deletionTimestamp"].is_null());
            if going && last.switch.is_some() {
                let manifest = Manifest { switch: None, ..last.clone() };
                // Where it went between the two, nothing is held back any more.
                let _gone = self.stage.apply(&scene::share(&manifest));
            }
        }
    }
}

/// The statements of an object's policy after an edit.
fn after(mut statements: Vec<Value>, object: &str, hand: &Hand) -> Vec<Value> {
    let is_ours =
        |statement: &Value| statement["Sid"].as_str().is_some_and(|sid| sid.starts_with("Sharekeeper"));
    match hand {
        Hand::LetIn(account) => {
            for statement in statements.iter_mut().filter(|statement| is_ours(statement)) {
                if let Some(named) = statement["Principal"]["AWS"].as_array_mut() {
                    named.push(json!(format!("arn:aws:iam::{}:root", account.id())));
                }
            }
        }
        Hand::Statement(n) => statements.push(json!({
            "Sid": format!("Theirs{n}"), "Effect": "Allow", "Resource": "*",
            "Action": if object == scene::KEY { "kms:Sign" } else { "secretsmanager:DescribeSecret" },
            "Principal": {"AWS": format!("arn:aws:iam::{}:root", scene::OWNER)},
        })),
        _ => statements.retain(|statement| !is_ours(statement)),
    }
    statements
}
