//! A thousand Shares in twenty cells: the program as a process, the real API server, the simulated AWS on loopback.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use futures::{StreamExt, stream};
use kube::{
    Api, Client,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use sharekeeper::api::{AccountSet, Organization, Share, SharingPolicy, conditions};
use simulator::aws::{
    self, Net, example,
    weather::{Lag, Weather},
};
use tokio::net::TcpListener;

use crate::{
    cluster::{AuditEvent, Cluster, Options, User, chart},
    load, machine,
    process::{Controller, Settings},
};

const CELLS: usize = 20;
const SHARES: usize = 1_000;
const MEMBERS: usize = 2;
/// What AWS takes to answer, in seconds.
const LATENCY: f64 = 0.05;
/// Longer than it takes on a slow machine.
const LIMIT: Duration = Duration::from_mins(8);

/// From the controller's start until every Share is Ready.
pub(crate) fn on_a_real_apiserver() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(measure());
}

async fn measure() {
    let owners: Vec<String> = (0..CELLS).map(load::owner).collect();
    let aws = organization(&owners);
    let organization_id = aws.world().directory().organizations.keys().next().unwrap().clone();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let aws_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(aws::serve(listener, aws.clone()));
    let cluster = Cluster::start(Options::default()).await;
    tokio::task::block_in_place(|| cluster.install_chart("{installation: {id: load}}"))
        .expect("the chart is installed");
    let client = cluster.client(&User::admin()).await;
    declare(&client, &organization_id, &owners).await;

    let folder = tempfile::TempDir::with_prefix("sharekeeper-bench-").unwrap();
    let user = chart::controller();
    let before = cluster.audit_events().iter().filter(|e| e.user.username == user.name()).count();
    assert_eq!(before, 0);
    let start = machine::now();
    let controller = Controller::start(&Settings {
        identity: "bench",
        kubeconfig: cluster.kubeconfig(&user),
        aws_url: &aws_url,
        folder: folder.path(),
        process_group: cluster.process_group(),
    });
    let shares = Api::<Share>::all(client);
    while !all_ready(&shares).await {
        assert!(start.elapsed() < LIMIT, "not within {LIMIT:?}\n{}", controller.last_words(20));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let (took, process) = (start.elapsed(), controller.process());
    let (cpu, memory) = (machine::cpu(&process), machine::peak_memory(&process));
    let requests = requests(&cluster.audit_events(), &user);
    let writes = aws.world().journal().writes().filter(|e| e.service == "ram" && e.effect).count();
    let calls = aws.world().journal().entries().iter().filter(|e| e.service == "ram").count();
    let each = |count: usize| count as f64 / SHARES as f64;
    println!(
        "  {SHARES} Shares of {MEMBERS} principals and {MEMBERS} resources in {CELLS} cells, AWS answers in {:.0} ms",
        LATENCY * 1000.0
    );
    println!(
        "    all in force and read back {:.1} s after the controller's start (looked at each second)",
        took.as_secs_f64()
    );
    println!("    controller: {:.2} s of CPU, at most {memory:.0} MiB of memory", cpu.as_secs_f64());
    println!("    AWS: {calls} calls, {writes} of them writes; {:.2} calls a Share", each(calls));
    println!("    Kubernetes: {:.2} requests a Share: {requests:?}", each(requests.values().sum()));
}

fn organization(owners: &[String]) -> Net {
    #[expect(
        clippy::disallowed_methods,
        reason = "the controller's process has the real clock, so AWS has it too"
    )]
    let now = std::time::SystemTime::now();
    let epoch = now.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let mut world = example::organization(4, epoch);
    load::add_accounts(&mut world, owners.iter().cloned().chain((0..MEMBERS).map(load::consumer)));
    for n in 0..SHARES {
        (0..MEMBERS).for_each(|r| world.add_resource(&load::subnet(&owners[n % CELLS], n, r)));
    }
    world.set_weather(Weather { latency: Lag::Fixed(LATENCY), ..Weather::default() });
    Net::new(world, aws::Clock::starting_at(epoch))
}

/// What people would have applied by then.
async fn declare(client: &Client, organization: &str, owners: &[String]) {
    let namespace: k8s_openapi::api::core::v1::Namespace =
        serde_json::from_value(json!({"metadata": {"name": "network-team"}})).unwrap();
    Api::all(client.clone()).create(&kube::api::PostParams::default(), &namespace).await.unwrap();
    let acme = json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "Organization", "metadata": {"name": "acme"},
        "spec": {"id": organization}});
    apply(&Api::<Organization>::all(client.clone()), &acme).await;
    apply(&Api::<AccountSet>::all(client.clone()), &load::set(owners)).await;
    apply(&Api::<SharingPolicy>::all(client.clone()), &load::policy(owners)).await;
    let shares = Api::<Share>::namespaced(client.clone(), "network-team");
    let applied = (0..SHARES).map(|n| {
        let shares = shares.clone();
        let share = load::share(&owners[n % CELLS], n, MEMBERS, MEMBERS);
        async move { apply(&shares, &share).await }
    });
    stream::iter(applied).buffer_unordered(16).collect::<Vec<()>>().await;
}

async fn apply<K>(api: &Api<K>, object: &Value)
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let name = object["metadata"]["name"].as_str().unwrap();
    let applied = api.patch(name, &PatchParams::apply("person").force(), &Patch::Apply(object)).await;
    applied.unwrap_or_else(|error| panic!("{object}: {error}"));
}

async fn all_ready(shares: &Api<Share>) -> bool {
    let all = shares.list(&ListParams::default().match_any()).await.expect("Shares can be listed").items;
    let ready = |share: &Share| {
        share.status.as_ref().is_some_and(|status| conditions::is_true(&status.conditions, conditions::READY))
    };
    all.len() == SHARES && all.iter().all(ready)
}

/// The controller's requests, by verb, resource and refusal; its few watches are left out.
fn requests(events: &[AuditEvent], user: &User) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let theirs = events.iter().filter(|event| event.user.username == user.name() && event.verb != "watch");
    for (event, permission) in theirs.filter_map(|event| Some((event, event.permission()?))) {
        let refused = event.code().filter(|code| *code >= 400).map(|code| format!(" ({code})"));
        let name = format!("{} {}{}", permission.verb, permission.resource, refused.unwrap_or_default());
        *counts.entry(name).or_default() += 1;
    }
    counts
}
