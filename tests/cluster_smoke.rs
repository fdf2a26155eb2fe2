//! The control plane of the other tests does what they rely on.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod cluster;

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, future};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{DeleteParams, ObjectMeta, PostParams, WatchEvent, WatchParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, ResourceExt};

use cluster::{Cluster, CuttingProxy, Guardian, Options, Permission, User, program_in};

/// Longer than any wait of a working cluster on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_deleted_namespace_goes_away_with_what_is_in_it() {
    let client = Cluster::shared().await.client(&User::admin()).await;
    let namespaces = Api::<Namespace>::all(client.clone());
    let uid = create_namespace(&client, "short-lived").await.uid().unwrap();
    create_config_map(&client, "short-lived", "inside").await;

    namespaces.delete("short-lived", &DeleteParams::default()).await.unwrap();

    let gone = await_condition(namespaces, "short-lived", conditions::is_deleted(&uid));
    tokio::time::timeout(LIMIT, gone).await.expect("the namespace goes away").unwrap();
    let inside = Api::<ConfigMap>::namespaced(client, "short-lived").get_opt("inside").await.unwrap();
    assert!(inside.is_none());
}

#[tokio::test]
async fn rbac_decides_and_the_audit_log_names_the_permission() {
    let cluster = Cluster::shared().await;
    let account = User::service_account("nobody", "controller");
    let config_maps = Api::<ConfigMap>::namespaced(cluster.client(&account).await, "default");

    let refused = config_maps.get("anything").await.unwrap_err();

    assert!(matches!(&refused, kube::Error::Api(status) if status.code == 403), "{refused}");
    let events = cluster.audit_events();
    let of_account: Vec<_> = events.iter().filter(|event| event.user.username == account.name()).collect();
    let permission = Permission { group: String::new(), resource: "configmaps".into(), verb: "get".into() };
    assert_eq!(of_account.iter().filter_map(|event| event.permission()).collect::<Vec<_>>(), [permission]);
    assert_eq!(of_account.iter().map(|event| event.code()).collect::<Vec<_>>(), [Some(403)]);
    assert_eq!(cluster.permissions_used(&account), BTreeSet::new(), "what was refused was not used");
    Api::<Namespace>::all(cluster.client(&User::admin()).await).get("default").await.unwrap();
    let permission = Permission { group: String::new(), resource: "namespaces".into(), verb: "get".into() };
    assert!(cluster.permissions_used(&User::admin()).contains(&permission));
}

#[tokio::test]
async fn kubectl_works_with_the_kubeconfig_of_a_user() {
    let cluster = Cluster::shared().await;
    let alice = User::named("alice").in_group("team");
    let who =
        cluster.kubectl(&alice, &["auth", "whoami", "--output=jsonpath={.status.userInfo.username}"], "");
    assert_eq!(who.as_deref(), Ok("alice"));
}

#[tokio::test]
async fn an_api_server_can_be_paused_and_lost_and_forgets_old_revisions() {
    let mut cluster = Cluster::start(Options::default()).await;
    let client = cluster.client(&User::admin()).await;
    let config_maps = Api::<ConfigMap>::namespaced(client.clone(), "default");
    let early = create_config_map(&client, "default", "early").await.resource_version().unwrap();

    cluster.pause_apiserver();
    let unanswered = tokio::time::timeout(Duration::from_secs(1), config_maps.get("early")).await;
    assert!(unanswered.is_err(), "a paused server answers nothing");
    cluster.resume_apiserver();
    create_config_map(&client, "default", "late").await;

    cluster.stop_apiserver();
    let lost = config_maps.get("early").await.unwrap_err();
    assert!(!matches!(lost, kube::Error::Api(_)), "nobody answers: {lost}");
    cluster.compact_etcd();
    cluster.start_apiserver().await;

    assert_eq!(config_maps.get("late").await.unwrap().name_any(), "late");
    let watch = config_maps.watch(&WatchParams::default(), &early).await;
    let first = match watch {
        Ok(events) => events.boxed().try_next().await,
        Err(refused) => Err(refused),
    };
    match first {
        Ok(Some(WatchEvent::Error(status))) | Err(kube::Error::Api(status)) => assert_eq!(status.code, 410),
        other => panic!("the old revision is gone, but the watch gave {other:?}"),
    }
}

#[tokio::test]
async fn a_proxy_cuts_watches_and_carries_new_ones() {
    let cluster = Cluster::shared().await;
    let on_demand = CuttingProxy::start(cluster.address()).await;
    let by_itself = CuttingProxy::start_cutting_every(Duration::from_millis(200), cluster.address()).await;

    for round in 1..=2 {
        let watch = watch_config_maps(cluster, &on_demand).await;
        on_demand.cut();
        ends(watch).await;
        assert_eq!(on_demand.cuts(), round);
    }
    ends(watch_config_maps(cluster, &by_itself).await).await;
    assert!(by_itself.cuts() > 0);
}

#[tokio::test]
async fn a_dropped_cluster_serves_no_more() {
    let cluster = Cluster::start(Options::default()).await;
    let address = cluster.address();
    assert!(TcpStream::connect(address).is_ok());
    drop(cluster);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn programs_end_with_the_test_process() {
    let mut guardian = Guardian::start(Path::new("/nonexistent"));
    let mut program = Command::new("sleep")
        .arg("600")
        .process_group(guardian.group())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    guardian.stop();
    assert_eq!(program.wait().unwrap().signal(), Some(9));
}

#[test]
#[should_panic(expected = "run `make kube-tools`")]
fn a_missing_program_is_no_reason_to_skip() {
    program_in(Path::new("/nonexistent"), "etcd");
}

async fn create_namespace(client: &Client, name: &str) -> Namespace {
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap()
}

async fn create_config_map(client: &Client, namespace: &str, name: &str) -> ConfigMap {
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    let config_map = ConfigMap { metadata, ..ConfigMap::default() };
    Api::namespaced(client.clone(), namespace).create(&PostParams::default(), &config_map).await.unwrap()
}

type Events = BoxStream<'static, kube::Result<WatchEvent<ConfigMap>>>;

/// A watch that the server has begun to answer, however often the proxy cuts the attempt.
async fn watch_config_maps(cluster: &Cluster, proxy: &CuttingProxy) -> Events {
    let client = cluster.client_through(proxy.address(), &User::admin()).await;
    let config_maps = Api::<ConfigMap>::namespaced(client, "default");
    let begun = async {
        loop {
            if let Ok(events) = config_maps.watch(&WatchParams::default(), "0").await {
                return events.boxed();
            }
        }
    };
    tokio::time::timeout(LIMIT, begun).await.expect("the watch begins")
}

async fn ends(events: Events) {
    let end = events.take_while(|event| future::ready(event.is_ok())).for_each(|_| future::ready(()));
    tokio::time::timeout(LIMIT, end).await.expect("the watch ends");
}
