//! How fast AWS is called: a token bucket for each account, region and kind of call, so that one throttled account never
//! delays another. Buckets learn down when AWS throttles and slowly up again.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use tokio::time::Instant;

use super::{
    fence::is_read,
    locked,
    operations::{Operation, Service},
};

/// The most that a bucket lets pass: `burst` calls at once, and `per_second` in the long run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Calls that may be made at once after a rest; at least 1.
    pub burst: u32,
    /// Calls a second in the long run; above 0.
    pub per_second: f64,
}

impl Rate {
    const fn new(per_second: f64, burst: u32) -> Self {
        Self { burst, per_second }
    }
}

/// What a cell's buckets for each service start from. No RAM rates are published (ram.md §5): these are assumptions \[X\], generous in
/// the burst so that a first run is quick, and corrected by what AWS answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellRates {
    /// Get and List calls.
    pub read: Rate,
    /// All others.
    pub write: Rate,
}

impl Default for CellRates {
    fn default() -> Self {
        Self { read: Rate::new(5.0, 50), write: Rate::new(5.0, 120) }
    }
}

/// A throttle halves what the bucket allows, at most once in this time: calls in flight together count as one.
const THROTTLES_COUNT_ONCE_IN: Duration = Duration::from_secs(1);
/// What a bucket never learns below, as a share of its rate.
const LEAST_SHARE: f64 = 1.0 / 16.0;
/// What of its rate a bucket regains a second: from the least to the full rate in four minutes.
const REGAINED_A_SECOND: f64 = 1.0 / 240.0;

/// A token bucket that learns. Pure: `now` is handed in, and must not run backwards.
#[derive(Clone, Debug)]
pub struct Bucket {
    most: Rate,
    /// What is allowed now, as a share of `most`: 1 until AWS throttles.
    share: f64,
    /// Below zero: that many turns are promised to callers who wait.
    tokens: f64,
    counted_to: Instant,
    /// The last turn that was promised.
    promised: Instant,
    last_throttle: Option<Instant>,
}

impl Bucket {
    /// A full bucket.
    pub fn new(most: Rate, now: Instant) -> Self {
        let most = Rate { burst: most.burst.max(1), per_second: most.per_second.max(0.001) };
        Self {
            most,
            share: 1.0,
            tokens: f64::from(most.burst),
            counted_to: now,
            promised: now,
            last_throttle: None,
        }
    }

    /// Promises the next turn and says how long it is until then. Turns are promised in the order they are asked for; a
    /// turn that its caller gives up is lost, so that what passes never exceeds the rate.
    pub fn next_turn(&mut self, now: Instant) -> Duration {
        self.count_to(now);
        self.tokens -= 1.0;
        let missing = (-self.tokens).max(0.0);
        let turn = now + Duration::from_secs_f64(missing / (self.most.per_second * self.share));
        // What was promised at a lower rate stays promised: a later caller neither overtakes it nor joins it.
        let pending = self.promised > now;
        let after = self.promised + Duration::from_secs_f64(1.0 / self.most.per_second);
        self.promised = if pending { turn.max(after) } else { turn };
        self.promised.duration_since(now)
    }

    /// AWS throttled a call: half the rate, half the burst, and nothing left at once.
    pub fn throttled(&mut self, now: Instant) {
        self.count_to(now);
        let counted = self.last_throttle.is_some_and(|at| now.duration_since(at) < THROTTLES_COUNT_ONCE_IN);
        if !counted {
            self.last_throttle = Some(now);
            self.share = (self.share / 2.0).max(LEAST_SHARE);
        }
        self.tokens = self.tokens.min(0.0);
    }

    /// What is allowed now.
    pub fn rate(&self) -> Rate {
        Rate { burst: self.burst(), per_second: self.most.per_second * self.share }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and the u32 it comes from"
    )]
    fn burst(&self) -> u32 {
        (f64::from(self.most.burst) * self.share).max(1.0) as u32
    }

    fn count_to(&mut self, now: Instant) {
        let passed = now.duration_since(self.counted_to).as_secs_f64();
        self.counted_to = self.counted_to.max(now);
        self.tokens += passed * self.most.per_second * self.share;
        self.share = (self.share + passed * REGAINED_A_SECOND).min(1.0);
        self.tokens = self.tokens.min(f64::from(self.burst()));
    }
}

/// A bucket that can be waited for.
#[derive(Debug)]
pub struct Limiter(Mutex<Bucket>);

impl Limiter {
    /// A full bucket, on tokio's clock.
    pub fn new(most: Rate) -> Self {
        Self(Mutex::new(Bucket::new(most, Instant::now())))
    }

    /// Waits for a turn and says how long that was. Callers are served in order; no lock is held while waiting.
    pub async fn acquire(&self) -> Duration {
        let wait = locked(&self.0).next_turn(Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        wait
    }

    /// Takes a turn that has been taken already, without asking: an attempt that the SDK repeats by itself.
    pub fn repeated(&self) {
        locked(&self.0).next_turn(Instant::now());
    }

    /// AWS throttled a call.
    pub fn throttled(&self) {
        locked(&self.0).throttled(Instant::now());
    }

    /// What is allowed now.
    pub fn rate(&self) -> Rate {
        locked(&self.0).rate()
    }
}

/// The buckets of one client set.
#[derive(Debug)]
pub struct Limits {
    read: Limiter,
    write: Limiter,
    operations: BTreeMap<&'static str, Limiter>,
    /// For reads and for writes of services besides the first: AWS throttles each by itself.
    services: BTreeMap<Service, (Limiter, Limiter)>,
}

impl Limits {
    /// For each service one bucket for reads and one for writes: an account's region.
    pub fn cell(rates: &CellRates) -> Self {
        let pair = || (Limiter::new(rates.read), Limiter::new(rates.write));
        let (read, write) = pair();
        let others = [Service::Ecr, Service::Kms, Service::SecretsManager, Service::Sns, Service::Sqs];
        let services = others.into_iter().map(|service| (service, pair())).collect();
        Self { read, write, operations: BTreeMap::new(), services }
    }

    /// A bucket for each Organizations operation that this product calls, with AWS's figures for one account
    /// (ram.md §7.1 \[D\]); operations that are not listed there share a slow one.
    pub fn organization() -> Self {
        let operations = ORGANIZATION_RATES.iter().map(|(operation, rate)| (*operation, Limiter::new(*rate)));
        let slow = Rate::new(1.0, 2);
        let (read, write) = (Limiter::new(slow), Limiter::new(slow));
        Self { read, write, operations: operations.collect(), services: BTreeMap::new() }
    }

    /// The bucket that an operation draws from.
    pub fn of(&self, operation: &str) -> &Limiter {
        let service = Operation::named(operation).and_then(|known| self.services.get(&known.service));
        let (read, write) = service.map_or((&self.read, &self.write), |(read, write)| (read, write));
        let general = if is_read(operation) { read } else { write };
        self.operations.get(operation).unwrap_or(general)
    }
}

const ORGANIZATION_RATES: [(&str, Rate); 15] = [
    ("DescribeOrganization", Rate::new(1.0, 2)),
    ("ListRoots", Rate::new(1.0, 2)),
    ("ListOrganizationalUnitsForParent", Rate::new(5.0, 8)),
    ("ListAccountsForParent", Rate::new(5.0, 8)),
    ("ListParents", Rate::new(5.0, 8)),
    ("ListChildren", Rate::new(6.0, 10)),
    ("DescribeOrganizationalUnit", Rate::new(2.0, 2)),
    ("ListAccounts", Rate::new(8.0, 12)),
    ("DescribeAccount", Rate::new(20.0, 30)),
    ("ListTagsForResource", Rate::new(10.0, 15)),
    ("EnableAWSServiceAccess", Rate::new(1.0, 2)),
    ("DisableAWSServiceAccess", Rate::new(1.0, 2)),
    ("ListAWSServiceAccessForOrganization", Rate::new(1.0, 3)),
    ("ListDelegatedAdministrators", Rate::new(5.0, 8)),
    ("ListDelegatedServicesForAccount", Rate::new(1.0, 3)),
];
