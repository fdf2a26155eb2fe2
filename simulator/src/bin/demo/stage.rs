//! Where the story plays: AWS and the kube API in memory, both on loopback ports.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::SystemTime;

use k8s_openapi::jiff::Timestamp;
use kube::{Client, Config};
use simulator::aws::weather::{Lag, Lags, Weather};
use simulator::aws::{self, Net, example};
use simulator::kube::{Cluster, Shared, kubeconfig, tokio_clock};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::Error;

/// The seed of the example organization: its ids, which `examples/` name, follow from it.
const SEED: u64 = 1;

/// AWS and the kube API, and a folder for what the programs leave behind; it goes with the stage.
pub(crate) struct Stage {
    /// AWS.
    pub(crate) net: Net,
    /// The kube API, as a person with kubectl reaches it: over HTTP.
    pub(crate) client: Client,
    /// Where AWS listens.
    pub(crate) aws_url: String,
    /// Where the kube API listens.
    pub(crate) kube_url: String,
    /// When it was opened.
    pub(crate) opened: Timestamp,
    folder: TempDir,
}

impl Stage {
    /// Starts both servers, with the example organization in AWS and nothing in the kube API.
    pub(crate) async fn open() -> Result<Self, Error> {
        let opened = now();
        let net = aws(opened);
        let (listener, aws_port) = listen().await?;
        tokio::spawn(aws::serve(listener, net.clone()));

        let cluster =
            Cluster::new(SEED, opened, &[]).map_err(|error| io("cannot start the kube API", error))?;
        let (listener, kube_port) = listen().await?;
        tokio::spawn(Shared::new(cluster, tokio_clock(opened)).serve_http(listener));

        let folder =
            TempDir::with_prefix("sharekeeper-demo-").map_err(|error| io("cannot make a folder", error))?;
        let config = folder.path().join("kubeconfig");
        std::fs::write(config, kubeconfig(kube_port))
            .map_err(|error| io("cannot write a kubeconfig", error))?;
        let kube_url = format!("http://127.0.0.1:{kube_port}");
        let address = kube_url.parse().map_err(|error| io("no address of the kube API", error))?;
        let client = Client::try_from(Config::new(address)).map_err(|error| io("no kube client", error))?;
        Ok(Self { net, client, aws_url: format!("http://127.0.0.1:{aws_port}"), kube_url, opened, folder })
    }

    /// A file in the stage's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The accounts that AWS lets use a resource, its owner left out.
    pub(crate) fn reach(&self, resource: &str) -> String {
        /// More are only counted.
        const NAMED: usize = 5;
        let (mut world, now) = (self.net.world(), self.net.now());
        let accounts = world.reach(now, resource).into_iter().chain(world.policy_reach(now, resource));
        let name = |id: &String| {
            let known = example::ACCOUNTS.iter().find(|(account, ..)| account == id);
            known.map_or_else(|| id.clone(), |(_, name, _)| (*name).to_owned())
        };
        let mut names: Vec<String> =
            accounts.filter(|id| id != example::NETWORK_PROD).map(|id| name(&id)).collect();
        names.sort();
        if names.len() > NAMED { format!("{} accounts", names.len()) } else { names.join(", ") }
    }
}

/// The example organization; associations take a second and lists are a little behind, as in AWS.
fn aws(opened: Timestamp) -> Net {
    let epoch = opened.as_duration().as_secs_f64();
    let mut world = example::organization(SEED, epoch);
    example::add_objects(&mut world);
    world.journal_mut().clear();
    let lags = Lags {
        association: Lag::Fixed(1.0),
        disassociation: Lag::Fixed(1.0),
        list: Lag::Fixed(0.2),
        ..Lags::default()
    };
    world.set_weather(Weather { lags, latency: Lag::Fixed(0.03), ..Weather::default() });
    Net::new(world, aws::Clock::starting_at(epoch))
}

#[expect(clippy::disallowed_methods, reason = "the one place where the demo looks at the real clock")]
fn now() -> Timestamp {
    // To the second: it stands in manifests.
    let now: Timestamp = SystemTime::now().try_into().unwrap_or_default();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// A listener on any free loopback port.
async fn listen() -> Result<(TcpListener, u16), Error> {
    let failed = |source| Error::Io { what: "cannot listen on 127.0.0.1".to_owned(), source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    Ok((listener, port))
}

/// A loopback port that was free just now.
pub(crate) async fn free_port() -> Result<u16, Error> {
    listen().await.map(|(_, port)| port)
}

fn io(what: &str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Io { what: what.to_owned(), source: std::io::Error::other(source) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use serde_json::Value;

    use super::*;
    use crate::manifests::{self, kind, text};

    fn examples() -> Vec<Value> {
        manifests::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"))).unwrap()
    }

    /// Every text in a list or map at any depth under one of `keys`.
    fn texts<'a>(value: &'a Value, keys: &[&str], inside: bool, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::String(text) if inside => drop(found.insert(text)),
            Value::Array(items) => items.iter().for_each(|item| texts(item, keys, inside, found)),
            Value::Object(map) => {
                map.iter().for_each(|(key, value)| texts(value, keys, keys.contains(&key.as_str()), found));
            }
            _ => {}
        }
    }

    fn named<'a>(examples: &'a [Value], keys: &[&str]) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        examples
            .iter()
            .filter_map(|object| object.get("spec"))
            .for_each(|spec| texts(spec, keys, false, &mut found));
        found
    }

    #[tokio::test]
    async fn the_examples_speak_of_the_organization_on_the_stage() {
        let stage = Stage::open().await.unwrap();
        let examples = examples();
        let world = stage.net.world();
        let organizations = &world.directory().organizations;
        let organization = examples.iter().find(|object| kind(object) == "Organization").unwrap();
        let tree = organizations.get(text(organization, "/spec/id"));
        let tree =
            tree.unwrap_or_else(|| panic!("the organization on the stage is {:?}", organizations.keys()));

        for unit in named(&examples, &["organizationalUnit", "organizationalUnits"]) {
            assert!(tree.find(unit).is_some(), "{unit}");
        }
        for account in named(&examples, &["account"]) {
            assert!(
                example::ACCOUNTS.iter().any(|(id, name, _)| [*id, *name].contains(&account)),
                "{account}"
            );
        }
        for resource in named(&examples, &["arn"]) {
            let is_there = example::RESOURCES.contains(&resource) || example::OBJECTS.contains(&resource);
            assert!(is_there, "{resource}");
        }
        assert!(named(&examples, &["externalAccount"]).iter().all(|account| *account == example::PARTNER));
        assert!(named(&examples, &["externalId"]).iter().all(|id| *id == example::EXTERNAL_ID));
    }

    #[tokio::test]
    async fn the_kube_api_takes_the_definitions_and_the_examples() {
        let stage = Stage::open().await.unwrap();
        let crds = manifests::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../crds"))).unwrap();
        for manifest in crds.iter().chain(&examples()) {
            manifests::apply(&stage.client, manifest).await.unwrap();
        }
    }
}
