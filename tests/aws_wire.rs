//! The plumbing and the real AWS SDK on the simulated wire, under paused time.

#![expect(clippy::unwrap_used, reason = "a step of a test that fails is the test failing")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use aws_config::{Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_ram::types::ResourceOwner;
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn},
    orchestrator::HttpRequest,
    result::ConnectorError,
};
use sharekeeper::{
    aws::{
        audit::Subject,
        calls::{Called, Leave, Observer, Unobserved},
        clock::Clock,
        errors::{AwsError, Disposition},
        fence::{self, Fence, Refusal},
        limits::{CellRates, Rate},
        paging::{Page, collect},
        session::{Access, CellClients, SessionError, Sessions, Settings, session_name},
    },
    model::Cell,
};
use simulator::aws::{
    Net, connector, example,
    weather::{Calls, Fault, Lag, Moment, Throttle, Trouble, Weather},
};
use tokio::time::Instant;

const EPOCH: f64 = 1_800_000_000.0;
const OWNER: &str = example::NETWORK_PROD;

fn net() -> Net {
    let net = Net::new(example::organization(7, EPOCH), simulator::aws::Clock::starting_at(EPOCH));
    net.world().journal_mut().clear();
    net
}

fn base(net: &Net, account: &str) -> SdkConfig {
    let own = Credentials::new(format!("AKIA{account}"), "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
        .region(Region::new(example::REGION))
        .credentials_provider(SharedCredentialsProvider::new(own))
        .http_client(connector(net))
        .build()
}

fn settings(net: &Net) -> Settings {
    Settings {
        base: base(net, example::TOOLING),
        clock: Clock::simulated("2027-01-15T08:00:00Z".parse().unwrap()),
        fence: fence::open(),
        observer: Arc::new(Unobserved),
        rates: CellRates::default(),
        session_name: session_name("prod", "pod-1"),
    }
}

fn sessions(net: &Net) -> Sessions {
    Sessions::new(settings(net))
}

fn access() -> Access {
    Access { role_name: Some(example::ROLE.to_owned()), external_id: Some(example::EXTERNAL_ID.to_owned()) }
}

fn cell(account: &str, region: &str) -> Cell {
    Cell { account: account.parse().unwrap(), region: region.parse().unwrap() }
}

async fn owner(sessions: &Sessions) -> Arc<CellClients> {
    sessions.cell(&cell(OWNER, example::REGION), &access()).await.unwrap()
}

fn weather(net: &Net, weather: Weather) {
    net.world().set_weather(weather);
}

fn faults(faults: impl IntoIterator<Item = Fault>) -> Weather {
    Weather { faults: faults.into_iter().collect(), ..Weather::default() }
}

fn sent(net: &Net, operation: &str) -> usize {
    net.world().journal().entries().iter().filter(|call| call.operation == operation).count()
}

async fn list(clients: &CellClients) -> Result<usize, AwsError> {
    let shares = collect("GetResourceShares", |token| async move {
        let request =
            clients.ram.get_resource_shares().resource_owner(ResourceOwner::SelfValue).set_next_token(token);
        let answer = clients.calls.read("GetResourceShares", request.send()).await?;
        Ok(Page { items: answer.resource_shares.unwrap_or_default(), next: answer.next_token })
    });
    Ok(shares.await?.iter().filter(|share| share.name.as_deref() == Some("made")).count())
}

async fn create(clients: &CellClients, pass: &Arc<dyn Fence>) -> Result<(), AwsError> {
    let request = clients
        .ram
        .create_resource_share()
        .name("made")
        .allow_external_principals(false)
        .client_token("sharekeeper-token");
    let leave = Leave { fence: Arc::clone(pass), subject: Subject::default() };
    clients.calls.write("CreateResourceShare", &leave, request.send()).await.map(|_| ())
}

#[tokio::test(start_paused = true)]
async fn two_regions_of_one_role_assume_it_once_until_it_expires() {
    let net = net();
    let sessions = sessions(&net);
    let (home, away) = (cell(OWNER, "eu-west-1"), cell(OWNER, "us-east-1"));
    let access = access();
    let (home, away) = tokio::join!(sessions.cell(&home, &access), sessions.cell(&away, &access));
    let (home, away) = (home.unwrap(), away.unwrap());
    let (first, second) = tokio::join!(list(&home), list(&away));
    assert_eq!((first.unwrap(), second.unwrap()), (0, 0));
    assert_eq!((sent(&net, "AssumeRole"), sent(&net, "GetCallerIdentity")), (1, 1));
    tokio::time::sleep(Duration::from_hours(1)).await;
    let (first, second) = tokio::join!(list(&away), list(&home));
    assert_eq!((first.unwrap(), second.unwrap()), (0, 0));
    assert_eq!((sent(&net, "AssumeRole"), sent(&net, "GetCallerIdentity")), (2, 1));
    let world = net.world();
    let regions: Vec<_> = world.journal().entries().iter().filter(|e| e.service == "ram").collect();
    assert!(regions.iter().all(|call| call.session.as_deref() == Some("sharekeeper-prod-pod-1")));
    assert_eq!(regions.iter().filter(|call| call.region == "us-east-1").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn changed_access_settings_make_new_clients_and_equal_ones_do_not() {
    let net = net();
    let sessions = sessions(&net);
    let cell = cell(OWNER, example::REGION);
    let wrong = Access { external_id: Some("guessed".into()), ..access() };
    let error = sessions.cell(&cell, &wrong).await.unwrap_err();
    let SessionError::Identity(error) = error else { panic!("{error}") };
    assert_eq!((error.operation, &error.disposition), ("AssumeRole", &Disposition::Denied), "{error}");
    assert!(error.request_id.is_some() && error.to_string().contains("external id"), "{error}");
    let clients = sessions.cell(&cell, &access()).await.unwrap();
    assert!(Arc::ptr_eq(&clients, &sessions.cell(&cell, &access()).await.unwrap()));
    assert!(sessions.cell(&cell, &wrong).await.is_err(), "the clients of other settings were handed out");
}

#[tokio::test(start_paused = true)]
async fn credentials_of_another_account_are_not_used() {
    let net = net();
    let sessions = sessions(&net);
    let own = Access::default();
    let error = sessions.cell(&cell(OWNER, example::REGION), &own).await.unwrap_err();
    let expected = OWNER.parse().unwrap();
    assert_eq!(error, SessionError::CredentialsMismatch { expected, actual: example::TOOLING.into() });
    let clients = sessions.cell(&cell(example::TOOLING, example::REGION), &own).await.unwrap();
    assert_eq!(list(&clients).await, Ok(0));
    assert_eq!(sent(&net, "GetCallerIdentity"), 1);
}

#[tokio::test(start_paused = true)]
async fn expired_credentials_are_replaced_when_the_clients_are_next_asked_for() {
    let net = net();
    let sessions = sessions(&net);
    let clients = owner(&sessions).await;
    net.world().expire_sessions(OWNER);
    assert_eq!(list(&clients).await.unwrap_err().disposition, Disposition::Credentials);
    assert_eq!(list(&*owner(&sessions).await).await, Ok(0));
}

/// A fence that lets `n` checks pass.
fn passes(n: u32) -> Arc<dyn Fence> {
    let left = AtomicU32::new(n);
    Arc::new(move || {
        let open =
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if open { Ok(()) } else { Err(Refusal::NotLeader) }
    })
}

#[tokio::test(start_paused = true)]
async fn the_fences_are_asked_at_every_attempt_of_a_write() {
    // The process's fence is asked by the SDK's attempts; the pass's once more by the caller.
    for (process, pass, attempts, outcome) in [
        (0, 9, 0, Disposition::Refused(Refusal::NotLeader)),
        (9, 0, 0, Disposition::Refused(Refusal::NotLeader)),
        (9, 1, 0, Disposition::Refused(Refusal::NotLeader)),
        (1, 9, 1, Disposition::OutcomeUnknown),
        (9, 2, 1, Disposition::OutcomeUnknown),
        (2, 9, 2, Disposition::OutcomeUnknown),
    ] {
        let net = net();
        let sessions = Sessions::new(Settings { fence: passes(process), ..settings(&net) });
        let clients = owner(&sessions).await;
        weather(&net, faults([Fault::always("CreateResourceShare", Moment::Before, Trouble::Unavailable)]));
        let error = create(&clients, &passes(pass)).await.unwrap_err();
        assert_eq!(
            (sent(&net, "CreateResourceShare"), error.disposition),
            (attempts, outcome),
            "{process} {pass}"
        );
        weather(&net, Weather::default());
        assert_eq!(list(&clients).await, Ok(0), "reads pass a closed fence");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_repeated_by_the_sdk_with_the_same_token_and_makes_one_share() {
    let net = net();
    let sessions = sessions(&net);
    let clients = owner(&sessions).await;
    weather(&net, faults([Fault::once("CreateResourceShare", Moment::After, Trouble::Disconnect)]));
    create(&clients, &fence::open()).await.unwrap();
    assert_eq!((sent(&net, "CreateResourceShare"), list(&clients).await), (2, Ok(1)));
    let world = net.world();
    let creates = world.journal().entries().iter().filter(|call| call.operation == "CreateResourceShare");
    let tokens: Vec<_> =
        creates.map(|call| call.params["clientToken"].as_str().unwrap().to_owned()).collect();
    assert_eq!(tokens, ["sharekeeper-token", "sharekeeper-token"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_ends_within_its_deadline() {
    let net = net();
    let sessions = sessions(&net);
    let clients = owner(&sessions).await;
    let silent = |operation| Fault::always(operation, Moment::After, Trouble::Silence);
    weather(&net, faults([silent("CreateResourceShare"), silent("GetResourceShares")]));
    let start = Instant::now();
    assert_eq!(create(&clients, &fence::open()).await.unwrap_err().disposition, Disposition::OutcomeUnknown);
    assert!(start.elapsed() <= Duration::from_secs(61), "{:?}", start.elapsed());
    assert_eq!(list(&clients).await.unwrap_err().disposition, Disposition::Retry);
    assert!(start.elapsed() <= Duration::from_secs(122), "{:?}", start.elapsed());
}

#[derive(Default)]
struct Noted {
    calls: Mutex<Vec<Called>>,
    throttles: AtomicU32,
}

impl Observer for Noted {
    fn called(&self, call: &Called) {
        self.calls.lock().unwrap().push(call.clone());
    }

    fn throttled(&self, _operation: &str) {
        self.throttles.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn throttles_that_the_sdk_hides_by_repeating_are_learned_from_and_counted() {
    let net = net();
    let noted = Arc::new(Noted::default());
    let sessions = Sessions::new(Settings { observer: Arc::clone(&noted) as _, ..settings(&net) });
    let clients = owner(&sessions).await;
    let before = clients.calls.limits().of("GetResourceShares").rate();
    weather(&net, faults([Fault::once("GetResourceShares", Moment::Before, Trouble::Throttle)]));
    assert_eq!(list(&clients).await, Ok(0));
    let after = clients.calls.limits().of("GetResourceShares").rate();
    assert!(after.per_second < before.per_second * 0.6, "{before:?} {after:?}");
    assert_eq!(clients.calls.limits().of("CreateResourceShare").rate(), CellRates::default().write);
    assert_eq!(noted.throttles.load(Ordering::Relaxed), 1);
    let outcomes: Vec<_> =
        noted.calls.lock().unwrap().iter().map(|call| (call.operation, call.outcome)).collect();
    assert_eq!(outcomes, [("AssumeRole", "Ok"), ("GetCallerIdentity", "Ok"), ("GetResourceShares", "Ok")]);
}

/// When each of a healthy account's calls ended, while another account is in the given weather.
async fn healthy_beside(trouble: Weather) -> Vec<Duration> {
    const HEALTHY: &str = example::DATA_PROD;
    let net = net();
    let rates = CellRates { read: Rate { burst: 2, per_second: 4.0 }, ..CellRates::default() };
    let sessions = Arc::new(Sessions::new(Settings { rates, ..settings(&net) }));
    let healthy = sessions.cell(&cell(HEALTHY, example::REGION), &access()).await.unwrap();
    let troubled = owner(&sessions).await;
    weather(&net, trouble);
    let start = Instant::now();
    let sufferers: Vec<_> = (0..30)
        .map(|_| {
            let troubled = Arc::clone(&troubled);
            tokio::spawn(async move { list(&troubled).await.is_ok() })
        })
        .collect();
    let mut ended = vec![];
    for _ in 0..20 {
        list(&healthy).await.unwrap();
        ended.push(start.elapsed());
    }
    for sufferer in sufferers {
        sufferer.await.unwrap();
    }
    ended
}

#[tokio::test(start_paused = true)]
async fn a_throttled_or_silent_account_does_not_change_when_another_is_served() {
    let owners = Calls { account: Some(OWNER.into()), ..Calls::default() };
    let throttle = Throttle { calls: owners.clone(), rate: 0.0, burst: 0.0 };
    let silence =
        Fault { calls: owners, ..Fault::always("GetResourceShares", Moment::Before, Trouble::Silence) };
    let latency = Lag::Fixed(0.05);
    let calm = healthy_beside(Weather { latency, ..Weather::default() }).await;
    assert_eq!(
        calm,
        healthy_beside(Weather { latency, throttles: vec![throttle], ..Weather::default() }).await
    );
    assert_eq!(calm, healthy_beside(Weather { latency, faults: vec![silence], ..Weather::default() }).await);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_has_spent_its_repeats_leaves_the_others_theirs() {
    let net = net();
    let sessions = sessions(&net);
    let troubled = owner(&sessions).await;
    let healthy = sessions.cell(&cell(example::DATA_PROD, example::REGION), &access()).await.unwrap();
    let owners = Calls { account: Some(OWNER.into()), ..Calls::default() };
    let always =
        Fault { calls: owners, ..Fault::always("GetResourceShares", Moment::Before, Trouble::Throttle) };
    let once = Fault::once("GetResourceShares", Moment::Before, Trouble::Throttle);
    weather(&net, faults([always]));
    for _ in 0..80 {
        assert_eq!(list(&troubled).await.unwrap_err().disposition, Disposition::Throttled);
    }
    assert!(sent(&net, "GetResourceShares") < 240, "the SDK has stopped repeating for the troubled account");
    weather(&net, faults([once]));
    assert_eq!(list(&healthy).await, Ok(0));
}

#[tokio::test(start_paused = true)]
async fn a_code_that_means_bad_credentials_at_sts_means_a_disabled_region_elsewhere() {
    let net = net();
    let sessions = sessions(&net);
    let clients = owner(&sessions).await;
    let answer = |operation| {
        let code = "UnrecognizedClientException".to_owned();
        let trouble =
            Trouble::Error { status: 403, code, message: "The security token included is invalid".into() };
        Fault::always(operation, Moment::Before, trouble)
    };
    weather(&net, faults([answer("GetResourceShares"), answer("AssumeRole")]));
    assert_eq!(list(&clients).await.unwrap_err().disposition, Disposition::RegionDisabled);
    let error = sessions.cell(&cell(example::DATA_PROD, example::REGION), &access()).await.unwrap_err();
    let SessionError::Identity(error) = error else { panic!("{error}") };
    assert_eq!((error.operation, error.disposition), ("AssumeRole", Disposition::Credentials));
}

#[tokio::test(start_paused = true)]
async fn the_organization_is_read_within_the_rates_that_aws_publishes() {
    let net = net();
    let sessions = sessions(&net);
    let role = format!("arn:aws:iam::{}:role/{}", example::MANAGEMENT, example::ROLE);
    weather(&net, Weather { throttles: Throttle::organizations_published(), ..Weather::default() });
    let error = sessions.organization(Some(&role), None).await.unwrap_err();
    assert!(error.to_string().contains("AssumeRole"), "the role asks for an external id: {error}");

    let own = Sessions::new(Settings { base: base(&net, example::MANAGEMENT), ..settings(&net) });
    let clients = own.organization(None, None).await.unwrap();
    assert_eq!(clients.account.as_str(), example::MANAGEMENT);
    for _ in 0..3 {
        let accounts = collect("ListAccounts", |token| async {
            let request = clients.organizations.list_accounts().max_results(1).set_next_token(token);
            let answer = clients.calls.read("ListAccounts", request.send()).await?;
            Ok(Page { items: answer.accounts.unwrap_or_default(), next: answer.next_token })
        });
        assert_eq!(accounts.await.unwrap().len(), example::ACCOUNTS.len());
    }
    assert!(net.world().journal().entries().iter().all(|call| call.status == 200 || call.service == "sts"));
}

/// A network on which every request fails alike, before anything arrives.
fn broken(kind: std::io::ErrorKind, text: &'static str) -> SharedHttpClient {
    #[derive(Debug)]
    struct Broken(std::io::ErrorKind, &'static str);
    impl HttpConnector for Broken {
        fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
            let cause = std::io::Error::new(self.0, self.1);
            HttpConnectorFuture::ready(Err(ConnectorError::io(cause.into())))
        }
    }
    http_client_fn(move |_, _| SharedHttpConnector::new(Broken(kind, text)))
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_does_not_exist_is_a_region_to_correct_and_one_out_of_reach_is_not() {
    use std::io::ErrorKind::{ConnectionRefused, ConnectionReset, Other};
    let table = [
        (
            Other,
            "dns error: failed to lookup address: Name or service not known",
            Disposition::RegionDisabled,
        ),
        (Other, "dns error: Temporary failure in name resolution", Disposition::Retry),
        (ConnectionRefused, "tcp connect error", Disposition::Retry),
        (ConnectionReset, "connection reset by peer", Disposition::Retry),
    ];
    for (kind, text, expected) in table {
        let net = net();
        let base = base(&net, example::TOOLING).to_builder().http_client(broken(kind, text)).build();
        let sessions = Sessions::new(Settings { base, ..settings(&net) });
        let error =
            sessions.cell(&cell(example::TOOLING, example::REGION), &Access::default()).await.unwrap_err();
        let SessionError::Identity(error) = error else { panic!("{error}") };
        assert_eq!(error.disposition, expected, "{text}");
        assert!(error.to_string().contains(text), "the cause is named: {error}");
    }
}
