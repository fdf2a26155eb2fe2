//! Whose credentials a cell is reached with, and the clients that use them: one set a cell, made once and kept.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use aws_config::{
    BehaviorVersion, SdkConfig, identity::IdentityCache, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use tokio::sync::OnceCell;

pub use super::clients::CellClients;
use super::{
    assume_role::AssumedRole,
    attempts::LearningAttempts,
    calls::{ATTEMPT_TIMEOUT, CALL_TIMEOUT, Calls, CredentialsRefused, Observer},
    clients::{Making, partition},
    clock::Clock,
    errors::AwsError,
    fence::{Fence, FencedAttempts},
    http,
    limits::{CellRates, Limits},
    locked,
};
use crate::model::{AccountId, Cell, Malformed, Region};

/// How an account is reached (`AccountSet.spec.access`).
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// The name, with its path if it has one, of the role to assume in the account. None: the controller's own
    /// identity, which serves its own account only.
    pub role_name: Option<String>,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
}

/// Without the external id: it is no secret by AWS's word, but nobody needs it in a log.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("role_name", &self.role_name).finish_non_exhaustive()
    }
}

/// What all sessions of the process have in common.
pub struct Settings {
    /// From [`default_config`]; in tests with an HTTP client, an endpoint and static credentials of their own.
    pub base: SdkConfig,
    /// Time of signatures and expiries.
    pub clock: Clock,
    /// The process's fence: leadership and halt.
    pub fence: Arc<dyn Fence>,
    /// Who is told about calls.
    pub observer: Arc<dyn Observer>,
    /// What buckets start from.
    pub rates: CellRates,
    /// The name that CloudTrail shows beside each call in an assumed role: see [`session_name`].
    pub session_name: String,
}

/// Why a cell or the organization cannot be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The credentials could not be had or tried.
    #[error("{0}")]
    Identity(#[from] AwsError),
    /// They belong to another account: nothing was called with them.
    #[error(
        "the credentials belong to account {actual}, not to {expected}: set access.roleName in the AccountSet, or correct \
         the controller's own credentials"
    )]
    CredentialsMismatch {
        /// The cell's account.
        expected: AccountId,
        /// The account that AWS says the credentials belong to.
        actual: String,
    },
}

/// What the organization is called with.
#[derive(Debug)]
pub struct OrganizationClients {
    /// The account that the credentials belong to: the management account or a delegated administrator.
    pub account: AccountId,
    /// AWS Organizations.
    pub organizations: aws_sdk_organizations::Client,
    /// AWS RAM in the partition's home region, for EnableSharingWithAwsOrganization.
    pub ram: aws_sdk_ram::Client,
    /// Makes the calls, from the buckets of Organizations.
    pub calls: Calls,
    identity: Arc<Identity>,
}

/// All sessions and clients of the process.
pub struct Sessions {
    settings: Settings,
    base: SdkConfig,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The controller's own identity.
    own: Option<Arc<Identity>>,
    cells: BTreeMap<Cell, (Access, Arc<CellClients>)>,
    organizations: BTreeMap<Option<Role>, Arc<OrganizationClients>>,
    /// Apart from the clients: what a bucket has learned outlives a change of the access settings.
    limits: BTreeMap<Cell, Arc<Limits>>,
    /// The identities that the clients above hold.
    roles: BTreeMap<Role, Weak<Identity>>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Role {
    arn: String,
    external_id: Option<String>,
}

/// Credentials, and the account that they have been seen to belong to.
#[derive(Debug)]
pub(super) struct Identity {
    /// Holds the credentials and the cache of them, which all clients of this identity share: one AssumeRole serves all
    /// regions of an account.
    config: SdkConfig,
    account: OnceCell<String>,
    refused: CredentialsRefused,
}

impl Identity {
    fn new(config: &SdkConfig) -> Self {
        let config = config.to_builder().identity_cache(IdentityCache::lazy().build()).build();
        Self { config, account: OnceCell::new(), refused: CredentialsRefused::default() }
    }

    pub(super) fn is_good(&self) -> bool {
        !self.refused.noted()
    }
}

/// Credentials, region and endpoint as the AWS command line finds them, `AWS_ENDPOINT_URL` included.
pub async fn default_config(clock: &Clock) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .time_source(clock.clone())
        .http_client(http::client())
        .load()
        .await
}

/// A role session's name that tells whose calls these are: `sharekeeper-<installation>-<pod>`, in the characters and
/// within the 64 of them that STS takes.
pub fn session_name(installation: &str, pod: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let name = format!("sharekeeper-{installation}-{pod}");
    name.chars().map(|c| if allowed(c) { c } else { '-' }).take(64).collect()
}

impl Access {
    fn role_in(&self, cell: &Cell) -> Option<Role> {
        let name = self.role_name.as_deref()?.trim_start_matches('/');
        let arn = format!("arn:{}:iam::{}:role/{name}", cell.region.partition(), cell.account);
        Some(Role { arn, external_id: self.external_id.clone() })
    }
}

impl Sessions {
    /// No session is opened before it is needed.
    pub fn new(settings: Settings) -> Self {
        let region =
            settings.base.region().cloned().unwrap_or(aws_config::Region::from_static(Region::GLOBAL_HOME));
        let base = settings
            .base
            .to_builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(region)
            .time_source(settings.clock.clone())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .retry_config(RetryConfig::standard())
            .timeout_config(timeouts())
            .build();
        Self { settings, base, kept: Mutex::default() }
    }

    /// The clients of a cell: made on first use, and again when its access settings have changed or AWS has refused the
    /// credentials: so ask each time anew, and keep them no longer than a pass. The account that the
    /// credentials really have is compared with the cell's once a session, before anything else is called with them.
    pub async fn cell(&self, cell: &Cell, access: &Access) -> Result<Arc<CellClients>, SessionError> {
        if let Some((settings, clients)) = locked(&self.kept).cells.get(cell)
            && settings == access
            && clients.has_good_identity()
        {
            return Ok(Arc::clone(clients));
        }
        let limits = self.limits(cell);
        let identity = self.identity(access.role_in(cell), &cell.to_string());
        let calls = self.calls(&identity, &limits);
        let actual = self.account(&identity, &calls, &cell.to_string()).await?;
        if actual != cell.account.as_str() {
            return Err(SessionError::CredentialsMismatch { expected: cell.account.clone(), actual });
        }
        let making = self.making(&identity, cell.region.as_str(), &cell.to_string(), &limits);
        let clients = Arc::new(CellClients::new(cell.clone(), &making, calls, identity));
        locked(&self.kept).cells.insert(cell.clone(), (access.clone(), Arc::clone(&clients)));
        Ok(clients)
    }

    /// The clients of the organization, as the controller itself or in a role of the management account or of a
    /// delegated administrator.
    pub async fn organization(
        &self,
        role_arn: Option<&str>,
        external_id: Option<&str>,
    ) -> Result<Arc<OrganizationClients>, SessionError> {
        let key =
            role_arn.map(|arn| Role { arn: arn.to_owned(), external_id: external_id.map(str::to_owned) });
        if let Some(clients) = locked(&self.kept).organizations.get(&key)
            && clients.identity.is_good()
        {
            return Ok(Arc::clone(clients));
        }
        let limits = Arc::new(Limits::organization());
        let scope = format!("organization.{}", role_arn.unwrap_or("own"));
        let identity = self.identity(key.clone(), &scope);
        let calls = self.calls(&identity, &limits);
        let account = self.account(&identity, &calls, &scope).await?;
        let account = account.parse().map_err(|malformed: Malformed| {
            AwsError::unexpected(
                "GetCallerIdentity",
                format!("AWS answered an account that is none: {malformed}"),
            )
        })?;
        let home = self.home();
        let making = self.making(&identity, home, &scope, &limits);
        let (ram, organizations) = (making.ram(), making.organizations());
        let clients = Arc::new(OrganizationClients { account, organizations, ram, calls, identity });
        locked(&self.kept).organizations.insert(key, Arc::clone(&clients));
        Ok(clients)
    }

    /// Forgets a cell that is no longer governed: its clients, its session and what its buckets have learned.
    pub fn forget(&self, cell: &Cell) {
        let mut kept = locked(&self.kept);
        kept.cells.remove(cell);
        kept.limits.remove(cell);
    }

    fn limits(&self, cell: &Cell) -> Arc<Limits> {
        let mut kept = locked(&self.kept);
        let made = || Arc::new(Limits::cell(&self.settings.rates));
        Arc::clone(kept.limits.entry(cell.clone()).or_insert_with(made))
    }

    fn calls(&self, identity: &Identity, limits: &Arc<Limits>) -> Calls {
        Calls::new(Arc::clone(limits), Arc::clone(&self.settings.observer), identity.refused.clone())
    }

    fn identity(&self, role: Option<Role>, scope: &str) -> Arc<Identity> {
        let mut kept = locked(&self.kept);
        let own = kept.own.take().filter(|own| own.is_good());
        let own = own.unwrap_or_else(|| Arc::new(Identity::new(&self.base)));
        kept.own = Some(Arc::clone(&own));
        let Some(role) = role else { return own };
        if let Some(identity) =
            kept.roles.get(&role).and_then(Weak::upgrade).filter(|identity| identity.is_good())
        {
            return identity;
        }
        let identity = Arc::new(self.assumed(&own, &role, scope));
        kept.roles.retain(|_, held| held.strong_count() > 0);
        kept.roles.insert(role, Arc::downgrade(&identity));
        identity
    }

    fn assumed(&self, own: &Identity, role: &Role, scope: &str) -> Identity {
        let assumed = AssumedRole {
            sts: sts(&own.config, scope),
            arn: role.arn.clone(),
            external_id: role.external_id.clone(),
            session_name: self.settings.session_name.clone(),
            observer: Arc::clone(&self.settings.observer),
            refused: own.refused.clone(),
        };
        let provider = SharedCredentialsProvider::new(assumed);
        Identity::new(&self.base.to_builder().credentials_provider(provider).build())
    }

    async fn account(&self, identity: &Identity, calls: &Calls, scope: &str) -> Result<String, AwsError> {
        let asked = || async {
            let sts = sts(&identity.config, scope);
            let answer = calls.read("GetCallerIdentity", sts.get_caller_identity().send()).await?;
            let nameless =
                || AwsError::unexpected("GetCallerIdentity", "AWS answered without an account".to_owned());
            answer.account.ok_or_else(nameless)
        };
        identity.account.get_or_try_init(asked).await.cloned()
    }

    fn making(&self, identity: &Identity, region: &str, scope: &str, limits: &Arc<Limits>) -> Arc<Making> {
        Arc::new(Making {
            config: identity.config.clone(),
            region: aws_config::Region::new(region.to_owned()),
            scope: scope.to_owned(),
            fence: FencedAttempts::new(Arc::clone(&self.settings.fence)),
            learning: LearningAttempts::new(Arc::clone(limits), Arc::clone(&self.settings.observer)),
        })
    }

    /// The region where the partition keeps what is global. Outside the `aws` partition: assumed \[X\].
    fn home(&self) -> &'static str {
        let region = self.base.region().and_then(|region| region.as_ref().parse::<Region>().ok());
        match region.as_ref().map_or("aws", Region::partition) {
            "aws-cn" => "cn-northwest-1",
            "aws-us-gov" => "us-gov-west-1",
            "aws-iso" => "us-iso-east-1",
            "aws-iso-b" => "us-isob-east-1",
            "aws-eusc" => "eusc-de-east-1",
            _ => Region::GLOBAL_HOME,
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells: Vec<_> = locked(&self.kept).cells.keys().cloned().collect();
        f.debug_struct("Sessions").field("cells", &cells).finish_non_exhaustive()
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build()
}

/// No fence: STS changes nothing.
fn sts(config: &SdkConfig, scope: &str) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::config::Builder::from(config).retry_partition(partition("sts", scope));
    aws_sdk_sts::Client::from_conf(config.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_names_are_what_sts_takes() {
        assert_eq!(session_name("prod", "sharekeeper-7c9-x2"), "sharekeeper-prod-sharekeeper-7c9-x2");
        assert_eq!(session_name("a b/c", "ü"), "sharekeeper-a-b-c--");
        assert_eq!(session_name(&"x".repeat(99), "pod").len(), 64);
    }

    #[test]
    fn role_arns_follow_the_partition_and_keep_a_path() {
        let role = |region: &str, name: &str| {
            let cell = Cell { account: "111122223333".parse().unwrap(), region: region.parse().unwrap() };
            let access = Access { role_name: Some(name.to_owned()), external_id: None };
            access.role_in(&cell).unwrap().arn
        };
        assert_eq!(role("eu-west-1", "sharekeeper"), "arn:aws:iam::111122223333:role/sharekeeper");
        assert_eq!(role("cn-north-1", "/ops/keeper"), "arn:aws-cn:iam::111122223333:role/ops/keeper");
    }

    #[test]
    fn an_external_id_is_not_logged() {
        let access = Access { role_name: Some("keeper".into()), external_id: Some("s3cret".into()) };
        assert!(!format!("{access:?}").contains("s3cret"));
    }
}
