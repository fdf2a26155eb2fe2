//! What a test or the command line may do to an otherwise calm world: lags, page sizes, latency, throttling and
//! scripted faults. Plain data that reads and writes as JSON; it may be exchanged while the world runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::journal::Kind;
use super::rng::Rng;

/// A duration in seconds that may vary from call to call.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lag {
    /// Always the same.
    Fixed(f64),
    /// Evenly between two bounds. As a visibility lag this makes successive reads disagree, as replicas do.
    Uniform(f64, f64),
    /// Log-normal: median seconds, and sigma of the logarithm.
    LogNormal(f64, f64),
}

impl Default for Lag {
    fn default() -> Self {
        Self::Fixed(0.0)
    }
}

impl Lag {
    pub(crate) fn sample(self, rng: &mut Rng) -> f64 {
        match self {
            Self::Fixed(seconds) => seconds,
            Self::Uniform(from, to) => from + (to - from) * rng.unit(),
            Self::LogNormal(median, sigma) => median * (sigma * rng.normal()).exp(),
        }
    }

    /// An upper bound of what `sample` yields in practice: how long old versions are kept for readers.
    pub(crate) fn horizon(self) -> f64 {
        match self {
            Self::Fixed(seconds) => seconds,
            Self::Uniform(_, to) => to,
            Self::LogNormal(median, sigma) => median * (4.0 * sigma).exp(),
        }
    }
}

/// How long RAM's asynchronous steps take, in seconds (ram.md sections 2.1, 2.2 and 2.5), and how old readers' states are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Lags {
    /// PENDING to ACTIVE of a created share; zero answers ACTIVE at once, as the CLI examples show.
    pub share_activation: Lag,
    /// DELETING to DELETED.
    pub share_deletion: Lag,
    /// ASSOCIATING to ASSOCIATED (or FAILED).
    pub association: Lag,
    /// DISASSOCIATING to DISASSOCIATED.
    pub disassociation: Lag,
    /// A permission's attachment, deletion, and the work of ReplacePermissionAssociations.
    pub permission: Lag,
    /// From PROMOTING_TO_STANDARD to STANDARD.
    pub promotion: Lag,
    /// How old the state is that a read by ARN answers from.
    pub read: Lag,
    /// How old the state is that a list without ARNs answers from.
    pub list: Lag,
    /// How much older the state is that consumers see (T07, T13).
    pub consumer: Lag,
    /// How old the policies are that are read: KMS is eventually consistent \[D], a queue's take up to 60 seconds \[M].
    #[serde(alias = "keyPolicy")]
    pub policy: Lag,
}

/// How listings are cut into pages (ram.md fact 3, T03, T06).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Pages {
    /// No page is larger than this, whatever `maxResults` says.
    pub cap: Option<usize>,
    /// Probability that a page is empty and carries only a token.
    pub empty: f64,
    /// The first page of every listing is empty and carries only a token.
    pub empty_first: bool,
    /// Probability that the last page still carries a token, after which an empty page ends the listing.
    pub trailing_token: f64,
    /// Filters are applied after cutting, so filtered listings have short and empty pages.
    pub filter_after_cut: bool,
}

/// A token bucket for the calls it matches, one per (account, region). The first rule that matches counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Throttle {
    /// Which calls it counts.
    #[serde(default)]
    pub calls: Calls,
    /// Tokens a second.
    pub rate: f64,
    /// Tokens when full.
    pub burst: f64,
}

/// Which calls a throttle or a fault is about; an absent member matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Calls {
    /// `ram`, `organizations`, `kms`, `secretsmanager`, `ecr`, `sqs`, `sns` or `sts`.
    pub service: Option<String>,
    /// Operation name, such as `CreateResourceShare`.
    pub operation: Option<String>,
    /// The caller's account.
    pub account: Option<String>,
    /// The region in the credential scope.
    pub region: Option<String>,
    /// Reads or writes.
    pub kind: Option<Kind>,
}

/// Whether a fault strikes before or after the call has taken effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Moment {
    /// The call has no effect.
    #[default]
    Before,
    /// The call has its effect and the answer is lost or replaced.
    After,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trouble {
    /// The service's own throttling error.
    Throttle,
    /// HTTP 500, the service's internal error.
    InternalError,
    /// HTTP 503.
    Unavailable,
    /// Any named error.
    Error {
        /// HTTP status.
        status: u16,
        /// Error code.
        code: String,
        /// Message.
        message: String,
    },
    /// The connection breaks without an answer.
    Disconnect,
    /// No answer ever comes.
    Silence,
    /// The answer breaks off in the middle of its body.
    Truncate,
    /// Every `status` in the answer is this text: a value that no client knows yet. Takes effect, whatever the moment.
    UnknownStatus(String),
    /// The session's credentials count as expired.
    ExpiredToken,
    /// The caller's policies deny the call.
    AccessDenied,
    /// The answer takes this many more seconds.
    Slow(f64),
}

/// A scripted fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Which calls it strikes.
    #[serde(default)]
    pub calls: Calls,
    /// How many matching calls pass unharmed first.
    #[serde(default)]
    pub skip: u64,
    /// How many calls it strikes; absent: all.
    #[serde(default)]
    pub times: Option<u64>,
    /// With which probability it strikes a call that matches.
    #[serde(default = "certain")]
    pub probability: f64,
    /// Before or after the effect.
    #[serde(default)]
    pub moment: Moment,
    /// What goes wrong.
    pub trouble: Trouble,
}

fn certain() -> f64 {
    1.0
}

impl Fault {
    /// Strikes the next call of `operation`, once.
    pub fn once(operation: &str, moment: Moment, trouble: Trouble) -> Self {
        Self { times: Some(1), ..Self::always(operation, moment, trouble) }
    }

    /// Strikes every call of `operation`.
    pub fn always(operation: &str, moment: Moment, trouble: Trouble) -> Self {
        let calls = Calls { operation: Some(operation.to_owned()), ..Calls::default() };
        Self { calls, skip: 0, times: None, probability: 1.0, moment, trouble }
    }
}

/// An association that ends FAILED (ram.md section 2.2, T10), or a share (section 2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AssociationFailure {
    /// The resource ARN, principal or share name it befalls.
    pub entity: String,
    /// `statusMessage` of the row.
    pub message: String,
    /// FAILED is already in the answer of the call, rather than after the association lag.
    #[serde(default)]
    pub at_once: bool,
    /// How many associations fail; absent: all.
    #[serde(default)]
    pub times: Option<u64>,
}

/// All of it. The default is calm: no lag, no fault, no throttle.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Weather {
    /// Asynchronous steps and read-after-write delay.
    pub lags: Lags,
    /// Paging.
    pub pages: Pages,
    /// Time on the wire, half before the effect and half after.
    pub latency: Lag,
    /// A request on the wire arrives and has its effect, though whoever sent it has given up or is no more.
    pub arrives_anyway: bool,
    /// Token buckets.
    pub throttles: Vec<Throttle>,
    /// Scripted faults; all that match are counted, the first that strikes decides.
    pub faults: Vec<Fault>,
    /// Associations that fail.
    pub failures: Vec<AssociationFailure>,
}

impl Throttle {
    /// The rates that AWS publishes for Organizations, per account (ram.md section 7.1 \[D]).
    pub fn organizations_published() -> Vec<Self> {
        const RATES: [(&str, f64, f64); 17] = [
            ("DescribeOrganization", 1.0, 2.0),
            ("ListRoots", 1.0, 2.0),
            ("ListOrganizationalUnitsForParent", 5.0, 8.0),
            ("ListAccountsForParent", 5.0, 8.0),
            ("ListParents", 5.0, 8.0),
            ("ListChildren", 6.0, 10.0),
            ("DescribeOrganizationalUnit", 2.0, 2.0),
            ("ListAccounts", 8.0, 12.0),
            ("DescribeAccount", 20.0, 30.0),
            ("ListTagsForResource", 10.0, 15.0),
            ("EnableAWSServiceAccess", 1.0, 2.0),
            ("DisableAWSServiceAccess", 1.0, 2.0),
            ("ListAWSServiceAccessForOrganization", 1.0, 3.0),
            ("ListDelegatedServicesForAccount", 1.0, 3.0),
            ("ListDelegatedAdministrators", 5.0, 8.0),
            ("RegisterDelegatedAdministrator", 1.0, 2.0),
            ("DeregisterDelegatedAdministrator", 1.0, 2.0),
        ];
        RATES
            .iter()
            .map(|&(operation, rate, burst)| Self {
                calls: Calls {
                    service: Some("organizations".to_owned()),
                    operation: Some(operation.to_owned()),
                    ..Calls::default()
                },
                rate,
                burst,
            })
            .collect()
    }
}

/// What a call is, as far as weather, journal and checkpoints distinguish calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallName {
    /// `ram`, `organizations`, `kms`, `secretsmanager`, `ecr`, `sqs`, `sns` or `sts`.
    pub service: String,
    /// Operation name.
    pub operation: String,
    /// The caller's account; empty while unknown.
    pub account: String,
    /// Region of the credential scope.
    pub region: String,
    /// Read or write.
    pub kind: Kind,
}

impl Calls {
    pub(crate) fn matches(&self, call: &CallName) -> bool {
        let same = |want: &Option<String>, have: &str| want.as_deref().is_none_or(|want| want == have);
        same(&self.service, &call.service)
            && same(&self.operation, &call.operation)
            && same(&self.account, &call.account)
            && same(&self.region, &call.region)
            && self.kind.is_none_or(|kind| kind == call.kind)
    }
}

/// How far each scripted fault, failure and bucket has got; kept beside the weather, reset with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    seen: BTreeMap<usize, u64>,
    struck: BTreeMap<usize, u64>,
    failed: BTreeMap<usize, u64>,
    buckets: BTreeMap<(usize, String, String), (f64, f64)>,
    /// What really happened, by name. Kept when the weather changes.
    pub(crate) happened: BTreeMap<&'static str, u64>,
}

impl Progress {
    /// A new beginning under another weather.
    pub(crate) fn anew(&mut self) {
        *self = Self { happened: std::mem::take(&mut self.happened), ..Self::default() };
    }

    pub(crate) fn note(&mut self, what: &'static str) {
        *self.happened.entry(what).or_default() += 1;
    }
}

impl Trouble {
    /// What it is called where it is counted.
    fn name(&self, moment: Moment) -> &'static str {
        match (self, moment) {
            (Self::Throttle, _) => "throttled",
            (Self::InternalError, Moment::Before) => "500 before the effect",
            (Self::InternalError, Moment::After) => "500 after the effect",
            (Self::Unavailable, Moment::Before) => "503 before the effect",
            (Self::Unavailable, Moment::After) => "503 after the effect",
            (Self::Error { .. }, _) => "named error",
            (Self::Disconnect, Moment::Before) => "connection broken before the effect",
            (Self::Disconnect, Moment::After) => "connection broken after the effect",
            (Self::Silence, Moment::Before) => "no answer, no effect",
            (Self::Silence, Moment::After) => "no answer after the effect",
            (Self::Truncate, Moment::Before) => "truncated answer, no effect",
            (Self::Truncate, Moment::After) => "truncated answer after the effect",
            (Self::UnknownStatus(_), _) => "unknown status",
            (Self::ExpiredToken, _) => "expired token",
            (Self::AccessDenied, _) => "access denied",
            (Self::Slow(_), _) => "slow answer",
        }
    }
}

impl Weather {
    /// The trouble that strikes `call`, if any; counts every fault that matches.
    pub(crate) fn strike(
        &self,
        progress: &mut Progress,
        rng: &mut Rng,
        call: &CallName,
    ) -> Option<(Moment, Trouble)> {
        let mut decided = None;
        for (index, fault) in self.faults.iter().enumerate().filter(|(_, fault)| fault.calls.matches(call)) {
            let seen = progress.seen.entry(index).or_default();
            *seen += 1;
            let struck = progress.struck.entry(index).or_default();
            let due = *seen > fault.skip && fault.times.is_none_or(|times| *struck < times);
            if decided.is_none() && due && rng.chance(fault.probability) {
                *struck += 1;
                decided = Some((fault.moment, fault.trouble.clone()));
            }
        }
        if let Some((moment, trouble)) = &decided {
            progress.note(trouble.name(*moment));
        }
        decided
    }

    /// Whether the bucket of `call` has a token at `now`; takes it.
    pub(crate) fn admits(&self, progress: &mut Progress, call: &CallName, now: f64) -> bool {
        let Some((index, rule)) =
            self.throttles.iter().enumerate().find(|(_, rule)| rule.calls.matches(call))
        else {
            return true;
        };
        let key = (index, call.account.clone(), call.region.clone());
        let (tokens, at) = progress.buckets.entry(key).or_insert((rule.burst, now));
        *tokens = (*tokens + (now - *at).max(0.0) * rule.rate).min(rule.burst);
        *at = now;
        let admitted = *tokens >= 1.0;
        if admitted {
            *tokens -= 1.0;
        } else {
            progress.note(Trouble::Throttle.name(Moment::Before));
        }
        admitted
    }

    /// The scripted failure of an association with `entity`, if one is due.
    pub(crate) fn failure(&self, progress: &mut Progress, entity: &str) -> Option<&AssociationFailure> {
        let (index, failure) = self.failures.iter().enumerate().find(|(index, failure)| {
            let failed = progress.failed.get(index).copied().unwrap_or_default();
            failure.entity == entity && failure.times.is_none_or(|times| failed < times)
        })?;
        *progress.failed.entry(index).or_default() += 1;
        progress.note("failed association");
        Some(failure)
    }
}
