//! The world: everything AWS knows, and the one way in for HTTP requests.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::Value;

use super::caller::{self, Caller, Denied};
use super::journal::{Entry, Journal, KeyKind, Kind};
use super::kms::Kms;
use super::organizations::Directory;
use super::policy::Objects;
use super::ram::Ram;
use super::ram::model::Lifetimes;
use super::refusal::Refusal;
use super::rng::Rng;
use super::settings::Settings;
use super::strike::{Outcome, access_denied, after, before, refuse_key, throttled};
use super::sts::{Role, Sessions};
use super::weather::{CallName, Moment, Progress, Weather};
use super::wire::{self, Call};

/// What happens by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wake {
    /// Region, ARN.
    Share(String, String),
    /// Region, ARN.
    Invitation(String, String),
    /// Region, id.
    Work(String, String),
    /// Region, ARN, version: the end of a deletion.
    Permission(String, String, Option<u32>),
}

/// AWS in memory. Time is an argument of the calls, in seconds since the Unix epoch; it never goes back.
#[derive(Clone, Debug)]
pub struct World {
    /// Behaviour where AWS has quotas, lifetimes, or is not known.
    pub settings: Settings,
    pub(crate) weather: Weather,
    pub(crate) progress: Progress,
    pub(crate) rng: Rng,
    pub(crate) now: f64,
    pub(crate) directory: Directory,
    pub(crate) roles: BTreeMap<(String, String), Role>,
    pub(crate) sessions: Sessions,
    pub(crate) ram: Ram,
    pub(crate) kms: Kms,
    pub(crate) objects: Objects,
    journal: Journal,
    agenda: BTreeSet<(u64, Wake)>,
}

/// What becomes of an answer on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Delivered,
    /// The connection breaks before it.
    Disconnected,
    /// It never comes.
    Silent,
    /// It breaks off in its body.
    Truncated,
}

/// An answer, how long it takes more than usual, and whether it arrives.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The answer as sent.
    pub response: http::Response<Bytes>,
    /// Seconds on top of the usual latency.
    pub slow: f64,
    /// What becomes of it.
    pub fate: Fate,
}

impl World {
    /// An empty world: no account, only AWS's own permissions. Starts at `now`.
    pub fn new(seed: u64, now: f64) -> Self {
        let mut world = Self {
            settings: Settings::default(),
            weather: Weather::default(),
            progress: Progress::default(),
            rng: Rng::new(seed),
            now,
            directory: Directory::default(),
            roles: BTreeMap::new(),
            sessions: Sessions::new(),
            ram: Ram::default(),
            kms: Kms::default(),
            objects: Objects::default(),
            journal: Journal::default(),
            agenda: BTreeSet::new(),
        };
        world.publish_defaults();
        world
    }

    /// Accounts and organizations.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The weather as it is.
    pub fn weather(&self) -> &Weather {
        &self.weather
    }

    /// Other weather from now on; counters of faults and buckets start anew.
    pub fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
        self.progress.anew();
    }

    /// What the weather has really done since the start, by name: a script may be written and never strike.
    pub fn happened(&self) -> &BTreeMap<&'static str, u64> {
        &self.progress.happened
    }

    /// The calls so far.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The journal, to clear it.
    pub fn journal_mut(&mut self) -> &mut Journal {
        &mut self.journal
    }

    /// The latest time seen, seconds since the epoch.
    pub fn now(&self) -> f64 {
        self.now
    }

    /// Lets everything happen that is due by `now`, in order of time.
    pub fn advance(&mut self, now: f64) {
        while let Some((due, _)) = self.agenda.first().filter(|(due, _)| *due <= micros(now)) {
            self.now = self.now.max(seconds(*due));
            if let Some((_, wake)) = self.agenda.pop_first() {
                self.happen(wake);
            }
        }
        self.now = self.now.max(now);
    }

    /// When something happens by itself next.
    pub fn next_event(&self) -> Option<f64> {
        self.agenda.first().map(|(due, _)| seconds(*due))
    }

    pub(crate) fn wake_at(&mut self, at: Option<f64>, wake: Wake) {
        if let Some(at) = at {
            self.agenda.insert((micros(at), wake));
        }
    }

    fn happen(&mut self, wake: Wake) {
        match wake {
            Wake::Share(region, arn) => self.settle_share(&region, &arn),
            Wake::Invitation(region, arn) => self.settle_invitation(&region, &arn),
            Wake::Work(region, id) => self.finish_work(&region, &id),
            Wake::Permission(region, arn, version) => self.finish_deletion(&region, &arn, version),
        }
    }

    fn settle_share(&mut self, region: &str, arn: &str) {
        let lifetimes =
            Lifetimes { tombstone: self.settings.tombstone_lifetime, ghost: self.settings.ghost_lifetime };
        let Some(mut state) = self.ram.region(region).shares.get(arn).map(|share| share.state.clone()) else {
            return;
        };
        // Micros are rounded up, so what is due within one is due now.
        if state.settle(self.now + 1e-6, &lifetimes) {
            self.commit(region, arn, state);
        } else {
            self.ram.region(region).shares.remove(arn);
        }
    }

    /// What a request is, without any effect.
    pub fn name(&self, request: &http::Request<Bytes>) -> CallName {
        match wire::read(request) {
            Ok(call) => self.name_of(&call),
            Err(_) => CallName {
                service: String::new(),
                operation: String::new(),
                account: String::new(),
                region: String::new(),
                kind: Kind::Read,
            },
        }
    }

    fn name_of(&self, call: &Call) -> CallName {
        let account = self.authenticate(call).map(|caller| caller.account).unwrap_or_default();
        CallName {
            service: call.service.clone(),
            operation: call.operation.clone(),
            account,
            region: call.region.clone(),
            kind: call.kind,
        }
    }

    /// Seconds that the next request spends on the wire, half before and half after its effect.
    pub fn latency(&mut self) -> f64 {
        self.weather.latency.sample(&mut self.rng)
    }

    /// Answers a request at `now`; what the weather does to the answer's way is left out.
    pub fn handle(&mut self, now: f64, request: &http::Request<Bytes>) -> http::Response<Bytes> {
        self.receive(now, request).response
    }

    /// Answers a request at `now`: reads, authenticates, throttles, strikes, carries out, records, writes.
    pub fn receive(&mut self, now: f64, request: &http::Request<Bytes>) -> Delivery {
        self.advance(now);
        let id = self.rng.uuid();
        let call = match wire::read(request) {
            Ok(call) => call,
            Err(refusal) => {
                let response = wire::write("ram", "", &id, &Err(refusal));
                return Delivery { response, slow: 0.0, fate: Fate::Delivered };
            }
        };
        let caller = self.authenticate(&call);
        let outcome = match &caller {
            Ok(caller) => self.exchange(caller, &call),
            Err(denied) => Outcome::refused(refuse_key(&call, *denied)),
        };
        self.record(&call, caller.ok().as_ref(), &outcome, &id);
        let response = wire::write(&call.service, &call.operation, &id, &outcome.answer);
        Delivery { response, slow: outcome.slow, fate: outcome.fate }
    }

    /// Calls as `caller`, past the wire, the weather and the journal: for out-of-band changes and oracles.
    pub fn call(
        &mut self,
        caller: &Caller,
        service: &str,
        operation: &str,
        params: &Value,
    ) -> Result<Value, Refusal> {
        self.carry_out(caller, service, operation, params).0
    }

    fn authenticate(&self, call: &Call) -> Result<Caller, Denied> {
        let key = call.key.as_deref().ok_or(Denied::UnknownKey)?;
        caller::identify(&self.directory, &self.sessions, key, call.token.as_deref(), &call.region, self.now)
    }

    fn exchange(&mut self, caller: &Caller, call: &Call) -> Outcome {
        let name = CallName {
            service: call.service.clone(),
            operation: call.operation.clone(),
            account: caller.account.clone(),
            region: call.region.clone(),
            kind: call.kind,
        };
        if !self.weather.admits(&mut self.progress, &name, self.now) {
            return Outcome::refused(throttled(&call.service));
        }
        let struck = self.weather.strike(&mut self.progress, &mut self.rng, &name);
        if let Some((Moment::Before, trouble)) = &struck
            && let Some(outcome) = before(caller, call, trouble)
        {
            return outcome;
        }
        if let Err(refusal) = self.authorize(caller, call) {
            return Outcome::refused(refusal);
        }
        let (answer, carried_out) = self.carry_out(caller, &call.service, &call.operation, &call.params);
        let effect = carried_out && call.kind == Kind::Write && answer.is_ok();
        let outcome = Outcome { answer, effect, fate: Fate::Delivered, slow: 0.0 };
        match struck {
            Some((_, trouble)) => after(caller, call, &trouble, outcome),
            None => outcome,
        }
    }

    fn authorize(&self, caller: &Caller, call: &Call) -> Result<(), Refusal> {
        let action = format!("{}:{}", call.service, call.operation);
        let account = self.directory.account(&caller.account);
        if account.is_some_and(|account| account.disabled_regions.contains(&call.region)) {
            return Err(refuse_key(call, Denied::UnknownKey));
        }
        let role =
            caller.role.as_ref().and_then(|role| self.roles.get(&(caller.account.clone(), role.clone())));
        match role.and_then(|role| role.actions.as_ref()) {
            Some(actions) if !actions.contains(&action) && action != "sts:GetCallerIdentity" => {
                Err(access_denied(caller, call))
            }
            _ => Ok(()),
        }
    }

    fn carry_out(
        &mut self,
        caller: &Caller,
        service: &str,
        operation: &str,
        params: &Value,
    ) -> (Result<Value, Refusal>, bool) {
        match service {
            "ram" => self.call_ram(caller, operation, params),
            "organizations" => (self.call_organizations(caller, operation, params), true),
            "kms" => (self.call_kms(caller, operation, params), true),
            "secretsmanager" => (self.call_secrets(caller, operation, params), true),
            "ecr" => (self.call_ecr(caller, operation, params), true),
            "sqs" => (self.call_sqs(caller, operation, params), true),
            "sns" => (self.call_sns(caller, operation, params), true),
            _ => (self.call_sts(caller, operation, params), true),
        }
    }

    fn record(&mut self, call: &Call, caller: Option<&Caller>, outcome: &Outcome, request_id: &str) {
        let lost = match outcome.fate {
            Fate::Delivered => None,
            Fate::Disconnected => Some("Disconnect"),
            Fate::Silent => Some("Silence"),
            Fate::Truncated => Some("Truncate"),
        };
        let code = outcome.answer.as_ref().err().map(|refusal| refusal.code.clone());
        let entry = Entry {
            sequence: 0,
            at: self.now,
            account: caller.map(|caller| caller.account.clone()).unwrap_or_default(),
            region: call.region.clone(),
            principal: caller.map(|caller| caller.principal.clone()).unwrap_or_default(),
            session: caller.and_then(|caller| caller.session.clone()),
            key: caller.map_or(KeyKind::Unknown, |caller| caller.key),
            service: call.service.clone(),
            operation: call.operation.clone(),
            kind: call.kind,
            params: call.params.clone(),
            status: outcome.answer.as_ref().err().map_or(200, |refusal| refusal.status),
            code: lost.map(ToOwned::to_owned).or(code),
            effect: outcome.effect,
            request_id: request_id.to_owned(),
        };
        self.journal.record(entry);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "microseconds since the epoch fit"
)]
fn micros(at: f64) -> u64 {
    (at * 1e6).ceil().max(0.0) as u64
}

#[expect(clippy::cast_precision_loss, reason = "microseconds since the epoch stay below 2^53")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
