//! People who edit Shares all the time. Half of them are now one resource for one account, now another for another; the
//! others get another tag, which waits for nothing.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use sharekeeper::api::{Share, conditions};
use simulator::aws::example;
use tokio::task::JoinSet;

use super::lookout::{Lookout, Pair};

/// Shares that are edited.
pub(crate) const SHARES: usize = 8;
/// The team's namespace.
pub(crate) const NAMESPACE: &str = "chaos";
/// How long an edit is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

const DATA: (&str, &str) = ("data-prod", example::DATA_PROD);
const WEB: (&str, &str) = ("web-prod", "222233335555");

/// The subnet of a Share that only `DATA` (0) or only `WEB` (1) is ever to have.
fn subnet(share: usize, state: usize) -> String {
    format!("arn:aws:ec2:{}:{}:subnet/subnet-c0a5{state}{share:012x}", example::REGION, example::NETWORK_PROD)
}

fn who(state: usize) -> (&'static str, &'static str) {
    if state == 0 { DATA } else { WEB }
}

/// All subnets there are.
pub(crate) fn subnets() -> impl Iterator<Item = String> {
    (0..=SHARES).flat_map(|share| [subnet(share, 0), subnet(share, 1)])
}

/// All that any edit declares.
pub(crate) fn ever_declared() -> impl Iterator<Item = Pair> {
    (0..=SHARES).flat_map(|share| [0, 1].map(|state| (subnet(share, state), who(state).1.to_owned())))
}

/// The Share of this number in one of its two states.
pub(crate) fn share(number: usize, state: usize) -> Value {
    let only_tagged = (SHARES / 2..SHARES).contains(&number);
    let (members, tag) = if only_tagged { (0, state) } else { (state, 0) };
    json!({
        "apiVersion": "sharekeeper.dev/v1alpha1", "kind": "Share",
        "metadata": {"name": format!("s{number}"), "namespace": NAMESPACE},
        "spec": {
            "account": "network-prod", "region": example::REGION, "tags": {"edit": tag.to_string()},
            "resources": [{"arn": subnet(number, members)}], "targets": [{"account": who(members).0}],
        },
    })
}

/// The team's Shares.
pub(crate) fn shares(client: &Client) -> Api<Share> {
    Api::namespaced(client.clone(), NAMESPACE)
}

/// Applies a Share; whether the API server took it in time.
pub(crate) async fn apply(client: &Client, share: &Value) -> bool {
    let (shares, params) = (shares(client), PatchParams::apply("person").force());
    let name = share["metadata"]["name"].as_str().unwrap();
    let patch = Patch::Apply(share);
    let applied = shares.patch(name, &params, &patch);
    matches!(tokio::time::timeout(PATIENCE, applied).await, Ok(Ok(_)))
}

/// People who edit until they are told to stop.
pub(crate) struct Editors {
    work: tokio::task::JoinHandle<()>,
    made: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
}

impl Editors {
    /// So many edits a second, Share after Share.
    pub(crate) fn start(client: &Client, a_second: u32) -> Self {
        let (made, refused) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let counts = (Arc::clone(&made), Arc::clone(&refused));
        let client = client.clone();
        let work = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_secs(1) / a_second);
            let mut edits = JoinSet::new();
            for n in 0_usize.. {
                ticks.tick().await;
                let (client, (made, refused)) = (client.clone(), counts.clone());
                edits.spawn(async move {
                    let taken = apply(&client, &share(n % SHARES, (n / SHARES) % 2)).await;
                    if taken { made } else { refused }.fetch_add(1, Ordering::SeqCst);
                });
                while edits.try_join_next().is_some() {}
            }
        });
        Self { work, made, refused }
    }

    /// Lets them stop; how many edits were taken and how many not.
    pub(crate) async fn stop(self) -> (usize, usize) {
        self.work.abort();
        let _ = self.work.await;
        (self.made.load(Ordering::SeqCst), self.refused.load(Ordering::SeqCst))
    }
}

/// What is not yet as declared, in words; none once AWS and every Share's status agree with the cluster.
pub(crate) async fn unrest(client: &Client, lookout: &Lookout, others: &BTreeSet<Pair>) -> Option<String> {
    let all = match tokio::time::timeout(PATIENCE, shares(client).list(&ListParams::default())).await {
        Ok(Ok(list)) => list.items,
        Ok(Err(error)) => return Some(format!("the Shares cannot be listed: {error}")),
        Err(_) => return Some("the Shares cannot be listed in time".to_owned()),
    };
    let declared = all.iter().flat_map(|share| {
        let target = |name: &str| if name == DATA.0 { DATA.1 } else { WEB.1 };
        let to: Vec<_> = share.spec.targets.iter().filter_map(|t| t.account.as_deref().map(target)).collect();
        let pairs =
            share.spec.resources.iter().flat_map(move |r| {
                to.clone().into_iter().map(|principal| (r.arn.clone(), principal.to_owned()))
            });
        pairs.collect::<Vec<_>>()
    });
    let declared: BTreeSet<Pair> = declared.chain(others.iter().cloned()).collect();
    let in_force = lookout.in_force();
    let missing: Vec<_> = declared.difference(&in_force).collect();
    let surplus: Vec<_> = in_force.difference(&declared).collect();
    let unready = all.iter().find(|share| !is_ready(share)).map(|share| {
        let conditions = share.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        let ready = conditions::find(conditions, conditions::READY);
        let words = ready.map(|ready| format!("{}: {}", ready.reason, ready.message));
        format!("; {} is not Ready: {}", share.name_any(), words.unwrap_or_default())
    });
    (unready.is_some() || in_force != declared).then(|| {
        let unready = unready.unwrap_or_default();
        format!("missing in AWS: {missing:?}; too much there: {surplus:?}{unready}")
    })
}

fn is_ready(share: &Share) -> bool {
    let conditions = share.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let ready = conditions::find(conditions, conditions::READY);
    let current = |r: &Condition| r.status == "True" && r.observed_generation == share.metadata.generation;
    share.metadata.deletion_timestamp.is_none() && ready.is_some_and(current)
}
