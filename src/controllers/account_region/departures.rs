//! Why Shares are going: deleted themselves, or swept away with their namespace or with the kind.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, stream};
use k8s_openapi::{
    api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, ResourceExt};

use crate::{api::Share, controllers::context::Context, kube::watched::Guarded, plan::resolve::Departure};

/// How long it may take to find out why Shares are going.
const PATIENCE: Duration = Duration::from_secs(15);
/// Namespaces that are read at once.
const AT_ONCE: usize = 8;

/// The Shares, each with why it is going if it is: by live reads, of the kind and of each namespace once, since nothing is
/// cut off because a namespace or the kind itself is being deleted.
pub(super) async fn with_departures(
    context: &Context,
    shares: Vec<Arc<Guarded<Share>>>,
) -> Vec<(Arc<Guarded<Share>>, Departure)> {
    let going = |share: &Arc<Guarded<Share>>| {
        share.0.as_ref().is_ok_and(|share| share.metadata.deletion_timestamp.is_some())
    };
    let namespaces: BTreeSet<String> =
        shares.iter().filter(|share| going(share)).filter_map(|share| share.namespace()).collect();
    let swept = if namespaces.is_empty() { BTreeMap::new() } else { swept_away(context, namespaces).await };
    let departure = |share: &Arc<Guarded<Share>>| match swept.get(&share.namespace().unwrap_or_default()) {
        _ if !going(share) => Departure::Stays,
        Some(true) => Departure::SweptAway,
        Some(false) => Departure::Deleted,
        None => Departure::Undecided,
    };
    shares
        .into_iter()
        .map(|share| {
            let departure = departure(&share);
            (share, departure)
        })
        .collect()
}

/// Whether each namespace, or the kind, is being deleted or gone; those of which it cannot be told are left out.
async fn swept_away(context: &Context, namespaces: BTreeSet<String>) -> BTreeMap<String, bool> {
    let client = context.writer.client();
    let kinds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let api: Api<Namespace> = Api::all(client.clone());
    let is_going = |deleting: Option<bool>| deleting.unwrap_or(true);
    let reads = async {
        let kind = kinds.get_opt("shares.sharekeeper.dev").await?;
        let kind = is_going(kind.map(|kind| kind.metadata.deletion_timestamp.is_some()));
        let each = stream::iter(namespaces).map(|name| {
            let api = &api;
            async move {
                let namespace = api.get_opt(&name).await;
                (
                    name,
                    namespace.map(|found| is_going(found.map(|n| n.metadata.deletion_timestamp.is_some()))),
                )
            }
        });
        Ok::<_, kube::Error>((kind, each.buffered(AT_ONCE).collect::<Vec<_>>().await))
    };
    match tokio::time::timeout(PATIENCE, reads).await {
        Ok(Ok((kind, each))) => {
            each.into_iter().filter_map(|(name, going)| told(name, going, kind)).collect()
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "whether namespaces are being deleted could not be read; deletions wait");
            BTreeMap::new()
        }
        Err(_elapsed) => BTreeMap::new(),
    }
}

/// One namespace that cannot be read keeps no deletion in another from being decided.
fn told(name: String, going: kube::Result<bool>, kind: bool) -> Option<(String, bool)> {
    match going {
        Ok(going) => Some((name, going || kind)),
        Err(error) => {
            tracing::warn!(%error, namespace = name, "whether it is being deleted could not be read; its deletions wait");
            None
        }
    }
}
