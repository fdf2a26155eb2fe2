//! Clients of the real SDKs on a simulated world.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_ram::config::{BehaviorVersion, Region};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use simulator::aws::weather::{Lag, Weather};
use simulator::aws::{Clock, Net, World, connector, example};

pub const EPOCH: f64 = 1_800_000_000.0;
pub const OWNER: &str = example::NETWORK_PROD;
pub const CONSUMER: &str = example::DATA_PROD;
pub const PARTNER: &str = example::PARTNER;
pub const REGION: &str = example::REGION;

pub const TRANSIT_GATEWAY: &str = example::RESOURCES[0];
pub const SUBNET: &str = example::RESOURCES[1];
pub const PREFIX_LIST: &str = example::RESOURCES[3];
pub const RULE: &str = example::RESOURCES[4];
pub const OTHER_RULE: &str = example::RESOURCES[5];

#[derive(Clone, Debug)]
struct Virtual(Net);

impl TimeSource for Virtual {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs_f64(self.0.now())
    }
}

/// The example organization, without its legacy share's calls in the journal.
pub fn net() -> Net {
    net_of(example::organization(7, EPOCH))
}

pub fn net_of(world: World) -> Net {
    Net::new(world, Clock::starting_at(EPOCH))
}

pub fn weather(net: &Net, change: impl FnOnce(&mut Weather)) {
    let mut world = net.world();
    let mut weather = world.weather().clone();
    change(&mut weather);
    world.set_weather(weather);
}

/// Everything asynchronous takes `seconds`.
pub fn slow(weather: &mut Weather, seconds: f64) {
    weather.lags.association = Lag::Fixed(seconds);
    weather.lags.disassociation = Lag::Fixed(seconds);
    weather.lags.share_deletion = Lag::Fixed(seconds);
}

pub fn key(account: &str) -> Credentials {
    Credentials::new(format!("AKIA{account}"), "secret", None, None, "test")
}

macro_rules! client {
    ($name:ident, $crate_:ident) => {
        /// A client for an account in a region, in process.
        pub fn $name(net: &Net, credentials: Credentials, region: &str) -> $crate_::Client {
            let config = $crate_::Config::builder()
                .behavior_version(BehaviorVersion::v2026_01_12())
                .region(Region::new(region.to_owned()))
                .credentials_provider(credentials)
                .http_client(connector(net))
                .time_source(SharedTimeSource::new(Virtual(net.clone())))
                .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
                .retry_config($crate_::config::retry::RetryConfig::disabled())
                .build();
            $crate_::Client::from_conf(config)
        }
    };
}

client!(ram_as, aws_sdk_ram);
client!(organizations_as, aws_sdk_organizations);
client!(sts_as, aws_sdk_sts);

pub fn ram(net: &Net, account: &str) -> aws_sdk_ram::Client {
    ram_as(net, key(account), REGION)
}

pub async fn wait(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

/// The error's code, whatever the operation.
pub fn code<T, E, R>(result: Result<T, aws_sdk_ram::error::SdkError<E, R>>) -> String
where
    E: aws_sdk_ram::error::ProvideErrorMetadata,
{
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => match error.as_service_error() {
            Some(service) => service.code().unwrap_or("no code").to_owned(),
            None => "no answer".to_owned(),
        },
    }
}
