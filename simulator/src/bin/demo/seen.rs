//! What the kube API shows, as it changes: the Shares and UndeclaredShares, and whether the controller still runs.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use kube::api::{ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, watcher};
use kube::{Api, Client};
use serde_json::Value;
use tokio::process::Child;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};

use crate::Error;
use crate::manifests::full_name;
use crate::shares::Share;

enum News {
    Object(&'static str, Value),
    Ended(String),
}

/// What was last seen of each object.
#[derive(Debug, Default)]
pub(crate) struct Known {
    shares: BTreeMap<String, Share>,
    undeclared: BTreeMap<String, Value>,
}

impl Known {
    /// All Shares by `namespace/name`.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (&str, &Share)> {
        self.shares.iter().map(|(name, share)| (name.as_str(), share))
    }

    /// A Share by `namespace/name`.
    pub(crate) fn share(&self, name: &str) -> Option<&Share> {
        self.shares.get(name)
    }

    /// All UndeclaredShares.
    pub(crate) fn undeclared(&self) -> impl Iterator<Item = &Value> {
        self.undeclared.values()
    }

    fn take(&mut self, kind: &str, object: Value) {
        let name = full_name(&object);
        if kind == "Share" {
            self.shares.insert(name, Share(object));
        } else {
            self.undeclared.insert(name, object);
        }
    }

    /// How things stand, for somebody who asks why something does not come.
    fn describe(&self) -> String {
        let lines = self.shares.iter().map(|(name, share)| format!("  {name}: {}", share.describe()));
        let undeclared = self.undeclared.keys().map(|name| format!("  undeclared: {name}"));
        lines.chain(undeclared).collect::<Vec<_>>().join("\n")
    }
}

/// An eye on the kube API and on the controller's process.
pub(crate) struct Seen {
    known: Known,
    news: UnboundedReceiver<News>,
}

impl Seen {
    /// Watches the kinds of interest, and the process.
    pub(crate) fn watch(client: &Client, controller: Child) -> Self {
        let (report, news) = unbounded_channel();
        for kind in ["Share", "UndeclaredShare"] {
            tokio::spawn(follow(client.clone(), kind, report.clone()));
        }
        tokio::spawn(guard(controller, report));
        Self { known: Known::default(), news }
    }

    /// What is known now.
    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    /// Waits until `found` finds what it looks for in what is seen; asked again after every change.
    pub(crate) async fn until<T>(
        &mut self,
        waited_for: &str,
        within: Duration,
        mut found: impl FnMut(&Known) -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(result) = found(&self.known)? {
                return Ok(result);
            }
            match timeout_at(deadline, self.news.recv()).await {
                Ok(Some(News::Object(kind, object))) => self.known.take(kind, object),
                Ok(Some(News::Ended(how))) => return Err(Error::ControllerEnded(how)),
                Ok(None) | Err(_) => return Err(self.late(waited_for, within)),
            }
        }
    }

    /// The error that says what did not come.
    pub(crate) fn late(&self, waited_for: &str, within: Duration) -> Error {
        Error::Late { waited_for: waited_for.to_owned(), within, now: self.known.describe() }
    }
}

async fn follow(client: Client, kind: &'static str, report: UnboundedSender<News>) {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("sharekeeper.dev", "v1alpha1", kind));
    let objects: Api<DynamicObject> = Api::all_with(client, &resource);
    let changes = watcher(objects, Config::default()).default_backoff().applied_objects();
    changes
        .for_each(|change| {
            // A watch that breaks is begun again by itself; what stays away is told by the deadline.
            if let Some(object) = change.ok().and_then(|object| serde_json::to_value(object).ok()) {
                let _gone = report.send(News::Object(kind, object));
            }
            std::future::ready(())
        })
        .await;
}

async fn guard(mut controller: Child, report: UnboundedSender<News>) {
    let how = match controller.wait().await {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    let _gone = report.send(News::Ended(how));
}
