//! Clients of the real SDKs on a simulated world.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_ram::config::{BehaviorVersion, Region};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use simulator::aws::weather::{Lag, Weather};
use simulator::aws::{Clock, Net, World, connector, example};

pub(crate) const EPOCH: f64 = 1_800_000_000.0;
pub(crate) const OWNER: &str = example::NETWORK_PROD;
pub(crate) const CONSUMER: &str = example::DATA_PROD;
pub(crate) const PARTNER: &str = example::PARTNER;
pub(crate) const REGION: &str = example::REGION;

pub(crate) const TRANSIT_GATEWAY: &str = example::RESOURCES[0];
pub(crate) const SUBNET: &str = example::RESOURCES[1];
pub(crate) const PREFIX_LIST: &str = example::RESOURCES[3];
pub(crate) const RULE: &str = example::RESOURCES[4];

#[derive(Clone, Debug)]
struct Virtual(Net);

impl TimeSource for Virtual {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs_f64(self.0.now())
    }
}

/// The example organization, without its legacy share's calls in the journal.
pub(crate) fn net() -> Net {
    net_of(example::organization(7, EPOCH))
}

pub(crate) fn net_of(world: World) -> Net {
    Net::new(world, Clock::starting_at(EPOCH))
}

pub(crate) fn weather(net: &Net, change: impl FnOnce(&mut Weather)) {
    let mut world = net.world();
    let mut weather = world.weather().clone();
    change(&mut weather);
    world.set_weather(weather);
}

/// Everything asynchronous takes `seconds`.
pub(crate) fn slow(weather: &mut Weather, seconds: f64) {
    weather.lags.association = Lag::Fixed(seconds);
    weather.lags.disassociation = Lag::Fixed(seconds);
    weather.lags.share_deletion = Lag::Fixed(seconds);
}

pub(crate) fn key(account: &str) -> Credentials {
    Credentials::new(format!("AKIA{account}"), "secret", None, None, "test")
}

macro_rules! client {
    ($name:ident, $crate_:ident) => {
        /// A client for an account in a region, in process.
        pub(crate) fn $name(net: &Net, credentials: Credentials, region: &str) -> $crate_::Client {
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

pub(crate) fn ram(net: &Net, account: &str) -> aws_sdk_ram::Client {
    ram_as(net, key(account), REGION)
}

pub(crate) async fn wait(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

/// The error's code, whatever the operation.
pub(crate) fn code<T, E, R>(result: Result<T, aws_sdk_ram::error::SdkError<E, R>>) -> String
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

/// The error's message; empty for success.
pub(crate) fn message<T, E, R>(result: Result<T, aws_sdk_ram::error::SdkError<E, R>>) -> String
where
    E: aws_sdk_ram::error::ProvideErrorMetadata,
{
    let error = result.err();
    error.as_ref().and_then(|error| error.as_service_error()?.message()).unwrap_or_default().to_owned()
}

/// CreateResourceShare with what most tests need; answers the ARN.
pub(crate) async fn share(
    client: &aws_sdk_ram::Client,
    name: &str,
    resources: &[&str],
    principals: &[&str],
) -> String {
    wish(client, name, resources, principals)
        .send()
        .await
        .expect("created")
        .resource_share
        .expect("a share")
        .resource_share_arn
        .expect("an ARN")
}

/// CreateResourceShare, not yet sent.
pub(crate) fn wish(
    client: &aws_sdk_ram::Client,
    name: &str,
    resources: &[&str],
    principals: &[&str],
) -> aws_sdk_ram::operation::create_resource_share::builders::CreateResourceShareFluentBuilder {
    let texts = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
    client
        .create_resource_share()
        .name(name)
        .set_resource_arns(texts(resources))
        .set_principals(texts(principals))
}

/// (entity, status) of a share's rows, in the order of the listing.
pub(crate) async fn rows(
    client: &aws_sdk_ram::Client,
    arn: &str,
    kind: aws_sdk_ram::types::ResourceShareAssociationType,
) -> Vec<(String, String)> {
    let answer = client
        .get_resource_share_associations()
        .association_type(kind)
        .resource_share_arns(arn)
        .max_results(500)
        .send()
        .await
        .expect("rows");
    answer
        .resource_share_associations()
        .iter()
        .map(|row| {
            (
                row.associated_entity().unwrap_or_default().to_owned(),
                row.status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
            )
        })
        .collect()
}

/// (resource type, permission name, version, default version?) of a share.
pub(crate) async fn permissions(
    client: &aws_sdk_ram::Client,
    arn: &str,
) -> Vec<(String, String, String, bool)> {
    let answer =
        client.list_resource_share_permissions().resource_share_arn(arn).send().await.expect("permissions");
    answer
        .permissions()
        .iter()
        .map(|row| {
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            (
                text(row.resource_type()),
                text(row.name()),
                text(row.version()),
                row.default_version().unwrap_or_default(),
            )
        })
        .collect()
}

/// Names of the shares of other accounts that an account sees.
pub(crate) async fn offered(client: &aws_sdk_ram::Client) -> Vec<String> {
    let answer = client
        .get_resource_shares()
        .resource_owner(aws_sdk_ram::types::ResourceOwner::OtherAccounts)
        .send()
        .await
        .expect("shares");
    answer.resource_shares().iter().map(|share| share.name().unwrap_or_default().to_owned()).collect()
}

/// The pending invitations of an account: (invitation ARN, share ARN).
pub(crate) async fn invitations(client: &aws_sdk_ram::Client) -> Vec<(String, String)> {
    let answer = client.get_resource_share_invitations().send().await.expect("invitations");
    answer
        .resource_share_invitations()
        .iter()
        .filter(|found| found.status() == Some(&aws_sdk_ram::types::ResourceShareInvitationStatus::Pending))
        .map(|found| {
            (
                found.resource_share_invitation_arn().unwrap_or_default().to_owned(),
                found.resource_share_arn().unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

/// ARN of the example's unit at a path of names, and of its organization.
pub(crate) fn unit(net: &Net, path: &str) -> String {
    let world = net.world();
    let organization = world.directory().organization_of(OWNER).expect("an organization").clone();
    organization.unit_arn(&organization.find(path).expect("a unit"))
}

pub(crate) fn organization(net: &Net) -> String {
    net.world().directory().organization_of(OWNER).expect("an organization").arn()
}

/// The id of the example's organization.
pub(crate) fn organization_id(net: &Net) -> String {
    net.world().directory().organization_of(OWNER).expect("an organization").id.clone()
}

pub(crate) fn pair(entity: &str, status: &str) -> (String, String) {
    (entity.to_owned(), status.to_owned())
}
