//! The SDK's clients of one place, all made alike: in turn, fenced, with a retry budget of their own.

use std::sync::{Arc, LazyLock};

use aws_config::SdkConfig;
use aws_sdk_ram::config::retry::RetryPartition;

use super::{attempts::LearningAttempts, calls::Calls, fence::FencedAttempts, session::Identity};
use crate::model::Cell;

/// A client that is made once it is needed: most cells share nothing by most services.
pub type Lazy<C> = LazyLock<C, Box<dyn FnOnce() -> C + Send>>;

/// What one cell is called with.
#[derive(Debug)]
pub struct CellClients {
    /// The cell.
    pub cell: Cell,
    /// AWS RAM in the cell's account and region.
    pub ram: aws_sdk_ram::Client,
    /// Elastic Container Registry, likewise.
    pub ecr: Lazy<aws_sdk_ecr::Client>,
    /// Key Management Service, likewise.
    pub kms: Lazy<aws_sdk_kms::Client>,
    /// Secrets Manager, likewise.
    pub secrets: Lazy<aws_sdk_secretsmanager::Client>,
    /// Simple Notification Service, likewise.
    pub sns: Lazy<aws_sdk_sns::Client>,
    /// Simple Queue Service, likewise.
    pub sqs: Lazy<aws_sdk_sqs::Client>,
    /// Makes the calls: in turn, fenced, within a deadline.
    pub calls: Calls,
    identity: Arc<Identity>,
}

impl CellClients {
    pub(super) fn new(cell: Cell, making: &Arc<Making>, calls: Calls, identity: Arc<Identity>) -> Self {
        Self {
            cell,
            ram: making.ram(),
            ecr: making.lazily(Making::ecr),
            kms: making.lazily(Making::kms),
            secrets: making.lazily(Making::secrets),
            sns: making.lazily(Making::sns),
            sqs: making.lazily(Making::sqs),
            calls,
            identity,
        }
    }

    pub(super) fn has_good_identity(&self) -> bool {
        self.identity.is_good()
    }
}

/// What all clients of one place are made with.
pub(super) struct Making {
    pub(super) config: SdkConfig,
    pub(super) region: aws_config::Region,
    /// Whose budget of repeats it is.
    pub(super) scope: String,
    pub(super) fence: FencedAttempts,
    pub(super) learning: LearningAttempts,
}

/// The function that makes the client of a service. The SDK's crates are alike and have no trait in common.
macro_rules! client {
    ($make:ident, $sdk:ident, $service:literal) => {
        pub(super) fn $make(&self) -> $sdk::Client {
            let config = $sdk::config::Builder::from(&self.config)
                .region(self.region.clone())
                .retry_partition(partition($service, &self.scope))
                .interceptor(self.fence.clone())
                .interceptor(self.learning.clone());
            $sdk::Client::from_conf(config.build())
        }
    };
}

impl Making {
    client!(ecr, aws_sdk_ecr, "ecr");
    client!(kms, aws_sdk_kms, "kms");
    client!(organizations, aws_sdk_organizations, "organizations");
    client!(ram, aws_sdk_ram, "ram");
    client!(secrets, aws_sdk_secretsmanager, "secretsmanager");
    client!(sns, aws_sdk_sns, "sns");
    client!(sqs, aws_sdk_sqs, "sqs");

    fn lazily<C: 'static>(self: &Arc<Self>, make: fn(&Self) -> C) -> Lazy<C> {
        let making = Arc::clone(self);
        LazyLock::new(Box::new(move || make(&making)))
    }
}

/// Sends a request once, without the SDK's repeats: a policy is replaced as a whole, and what somebody writes before a repetition
/// would be lost by it. The SDK's crates are alike and have no trait in common.
macro_rules! send_once {
    ($sdk:ident, $request:expr) => {{
        let once = $sdk::config::Builder::new().retry_config($sdk::config::retry::RetryConfig::disabled());
        $request.customize().config_override(once).send()
    }};
}
pub(crate) use send_once;

/// The SDK stops repeating calls when a budget is spent, and shares that budget in the whole process by service and
/// region unless it is told otherwise: one throttled account would switch the repeats of all others off.
pub(super) fn partition(service: &str, scope: &str) -> RetryPartition {
    RetryPartition::custom(format!("{service}.{scope}")).build()
}
