//! A kind, watched once: a store that is always written before anybody is woken.

use std::{fmt::Debug, sync::Arc};

use futures::{Stream, StreamExt, stream};
use k8s_openapi::serde::de::DeserializeOwned;
use kube::{
    Api, Client, Resource, ResourceExt,
    core::DeserializeGuard,
    runtime::{
        WatchStreamExt,
        reflector::{self, ObjectRef, Store},
        watcher,
    },
};
use tokio::sync::watch;

/// An object that may not be decodable: one that is not must not stop its whole kind.
pub type Guarded<K> = DeserializeGuard<K>;

/// The objects of a kind.
#[derive(Clone)]
pub struct Watched<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    store: Store<Guarded<K>>,
    /// The first listing is whole. Not the store's own signal: of several who wait, that one wakes only the last.
    whole: watch::Receiver<bool>,
}

impl<K> Watched<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    /// Watches all objects of the kind. The stream must be driven; each item is in the store already. Field ownership is
    /// dropped: nobody here reads it, and it is most of an object.
    pub fn watch(
        client: &Client,
    ) -> (Self, impl Stream<Item = Result<Guarded<K>, watcher::Error>> + Send + use<K>) {
        let (store, writer) = reflector::store();
        let (signal, whole) = watch::channel(false);
        let stream = watcher(Api::<Guarded<K>>::all(client.clone()), watcher::Config::default())
            .default_backoff()
            .modify(|object| object.managed_fields_mut().clear())
            .reflect(writer)
            .scan(vec![], |listed, event| std::future::ready(Some(touched(listed, event))))
            .flat_map(stream::iter)
            .filter_map(move |touched| {
                if touched.is_none() {
                    signal.send_replace(true);
                }
                std::future::ready(touched)
            });
        (Self { store, whole }, stream.boxed())
    }

    /// The store itself.
    pub fn store(&self) -> Store<Guarded<K>> {
        self.store.clone()
    }

    /// Waits until the first listing is whole; false if the stream ended before.
    pub async fn synced(&self) -> bool {
        self.whole.clone().wait_for(|whole| *whole).await.is_ok()
    }

    /// All objects, unreadable ones included.
    pub fn all(&self) -> Vec<Arc<Guarded<K>>> {
        self.store.state()
    }

    /// The object with this name in this namespace, or of this name where the kind has none.
    pub fn get(&self, namespace: Option<&str>, name: &str) -> Option<Arc<Guarded<K>>> {
        let reference = ObjectRef::<Guarded<K>>::new(name);
        self.store.get(&match namespace {
            Some(namespace) => reference.within(namespace),
            None => reference,
        })
    }
}

/// The objects that an event hands on, and none once a listing is whole. A reflector puts the objects of a listing into
/// its store when the listing is whole and not before: handed on earlier, each would look as if it were gone.
fn touched<K>(
    listed: &mut Vec<K>,
    event: watcher::Result<watcher::Event<K>>,
) -> Vec<Option<watcher::Result<K>>> {
    match event {
        Ok(watcher::Event::Init) => listed.clear(),
        Ok(watcher::Event::InitApply(object)) => listed.push(object),
        Ok(watcher::Event::InitDone) => {
            return listed.drain(..).map(|object| Some(Ok(object))).chain([None]).collect();
        }
        Ok(watcher::Event::Apply(object) | watcher::Event::Delete(object)) => return vec![Some(Ok(object))],
        Err(error) => return vec![Some(Err(error))],
    }
    vec![]
}

/// The readable ones among objects.
pub fn readable<K>(objects: &[Arc<Guarded<K>>]) -> impl Iterator<Item = &K> {
    objects.iter().filter_map(|object| object.0.as_ref().ok())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::future::join_all;
    use k8s_openapi::jiff::Timestamp;
    use simulator::kube::{Cluster, Shared, tokio_clock};

    use super::*;
    use crate::api::{self, Share};

    /// Also those of the first listing: whoever asks the store for them must not be told that they are gone.
    #[tokio::test(start_paused = true)]
    async fn what_is_handed_on_is_in_the_store() {
        let crds: Vec<_> = api::crds().iter().map(|crd| serde_json::to_value(crd).unwrap()).collect();
        let cluster = Cluster::new(1, Timestamp::UNIX_EPOCH, &crds).unwrap();
        let shared = Shared::new(cluster, tokio_clock(Timestamp::UNIX_EPOCH));
        let installations: Api<api::Installation> = Api::all(shared.client("person"));
        let spec = serde_json::from_value(serde_json::json!({"id": "us"})).unwrap();
        let installation = api::Installation::new(api::INSTALLATION, spec);
        installations.create(&kube::api::PostParams::default(), &installation).await.unwrap();
        let (watched, mut stream) = Watched::<api::Installation>::watch(&shared.client("controller"));
        let first = stream.next().await.unwrap().unwrap();
        assert!(watched.get(None, &first.name_any()).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_who_waits_for_the_first_listing_is_told() {
        let crds: Vec<_> = api::crds().iter().map(|crd| serde_json::to_value(crd).unwrap()).collect();
        let cluster = Cluster::new(1, Timestamp::UNIX_EPOCH, &crds).unwrap();
        let shared = Shared::new(cluster, tokio_clock(Timestamp::UNIX_EPOCH));
        let (watched, stream) = Watched::<Share>::watch(&shared.client("controller"));
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let watched = watched.clone();
                tokio::spawn(async move { watched.synced().await })
            })
            .collect();
        tokio::task::yield_now().await;
        let driving = tokio::spawn(stream.for_each(|_| async {}));
        let told = tokio::time::timeout(Duration::from_secs(60), join_all(waiting)).await.unwrap();
        assert!(told.into_iter().all(Result::unwrap));
        driving.abort();
    }
}
