//! Writes to the cluster: each asks the fence, is bounded in time and safe to repeat.

use std::{fmt::Debug, sync::Arc, time::Duration};

use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use crate::aws::fence::{Fence, Refusal};

/// Who writes, in `managedFields`.
pub const FIELD_MANAGER: &str = "sharekeeper";

/// The longest that one write may take, its retries included, unless it is told otherwise.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Writes that one writer has on their way at once. A burst of more is refused by an API server's priority and fairness
/// (429) and must be repeated, which takes longer than to wait for one's turn.
const AT_ONCE: usize = 32;

/// A write that was not done.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The fence was down.
    #[error("{what} was not written: {refusal}")]
    Refused {
        /// What was to be written.
        what: String,
        /// Why not.
        refusal: Refusal,
    },
    /// The apiserver did not take it.
    #[error("{what} could not be written")]
    Apiserver {
        /// What was to be written.
        what: String,
        /// What it said.
        #[source]
        source: Box<kube::Error>,
    },
    /// The apiserver did not answer in time.
    #[error("{what} could not be written: the apiserver did not answer within {} s", .after.as_secs())]
    TimedOut {
        /// What was to be written.
        what: String,
        /// How long it was waited for.
        after: Duration,
    },
}

impl WriteError {
    /// Whether an object of that name is there already.
    pub fn exists_already(&self) -> bool {
        matches!(self, Self::Apiserver { source, .. } if matches!(&**source, kube::Error::Api(status) if status.is_already_exists()))
    }

    /// Whether the object is not there, or is another one by now.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Apiserver { source, .. } if matches!(&**source, kube::Error::Api(status) if status.is_not_found() || status.is_conflict()))
    }
}

/// Who is told of each write: the kind that was written, and what came of it. Must not wait.
pub type WriteObserver = Arc<dyn Fn(&str, Result<(), &WriteError>) + Send + Sync>;

/// Writes to the cluster.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    fence: Arc<dyn Fence>,
    observer: Option<WriteObserver>,
    timeout: Duration,
    room: Arc<Semaphore>,
}

impl Writer {
    /// A writer behind a fence.
    pub fn new(client: Client, fence: Arc<dyn Fence>) -> Self {
        Self { client, fence, observer: None, timeout: TIMEOUT, room: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The same writer, which tells somebody of each write.
    #[must_use]
    pub fn observed_by(self, observer: WriteObserver) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// The same writer, which waits so long for each write.
    #[must_use]
    pub fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Whether a write would be sent now.
    pub fn may_write(&self) -> bool {
        self.fence.check().is_ok()
    }

    /// The client, for reads.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A cluster-scoped object as it is now, past the stores.
    pub async fn live<K>(&self, name: &str) -> Result<Option<K>, WriteError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
        K::Scope: Scoped<K>,
    {
        let what = format!("{} {name}", K::kind(&()));
        self.fenced(what, K::Scope::api(&self.client, None).get_opt(name)).await
    }

    /// A namespaced object as it is now, past the stores.
    pub async fn live_in<K>(&self, namespace: &str, name: &str) -> Result<Option<K>, WriteError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
        K::Scope: Scoped<K>,
    {
        let what = format!("{} {namespace}/{name}", K::kind(&()));
        self.fenced(what, K::Scope::api(&self.client, Some(namespace)).get_opt(name)).await
    }

    /// Writes the whole status of an object, if nobody has written the object since it was read: what a status knows must
    /// not be lost to an older one. Fields of `before` that are not in `status` any more are removed. Answers the object as
    /// it was stored.
    pub async fn status<K>(
        &self,
        object: &K,
        before: &impl Serialize,
        status: &impl Serialize,
    ) -> Result<K, WriteError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
        K::Scope: Scoped<K>,
    {
        let what = describe(object, "status");
        let metadata = json!({"uid": object.uid(), "resourceVersion": object.resource_version()});
        let mut fields = fields_of(status);
        retire(&fields_of(before), &mut fields);
        let patch = json!({"metadata": metadata, "status": fields});
        let api = K::Scope::api(&self.client, object.namespace().as_deref());
        self.attempt(&K::kind(&()), what, async {
            api.patch_status(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await
        })
        .await
    }

    /// Makes an object and answers it as stored; one of that name that is there already is left as it is, and none answered.
    pub async fn create<K>(&self, object: &K) -> Result<Option<K>, WriteError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
        K::Scope: Scoped<K>,
    {
        let what = describe(object, "object");
        let api = K::Scope::api(&self.client, object.namespace().as_deref());
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        match self.attempt(&K::kind(&()), what, api.create(&params, object)).await {
            Ok(made) => Ok(Some(made)),
            Err(error) if error.exists_already() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes an object as ours: what it names is set, created if missing.
    pub async fn apply<K>(&self, object: &K) -> Result<(), WriteError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
        K::Scope: Scoped<K>,
    {
        let what = describe(object, "object");
        let api = K::Scope::api(&self.client, object.namespace().as_deref());
        let params = PatchParams::apply(FIELD_MANAGER).force();
        self.attempt(&K::kind(&()), what, async {
            api.patch(&object.name_any(), &params, &Patch::Apply(object)).await.map(drop)
        })
        .await
    }

    /// Adds our finalizer, if it is not there and the object is not going.
    pub async fn add_finalizer<K>(&self, object: &K, finalizer: &str) -> Result<(), WriteError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
        K::Scope: Scoped<K>,
    {
        let mut finalizers = object.finalizers().to_vec();
        finalizers.push(finalizer.to_owned());
        self.finalizers(object, &finalizers).await
    }

    /// Takes our finalizer away.
    pub async fn remove_finalizer<K>(&self, object: &K, finalizer: &str) -> Result<(), WriteError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
        K::Scope: Scoped<K>,
    {
        let finalizers: Vec<_> = object.finalizers().iter().filter(|f| *f != finalizer).cloned().collect();
        let result = self.finalizers(object, &finalizers).await;
        result.or_else(|error| if error.is_gone() { Ok(()) } else { Err(error) })
    }

    /// With the resourceVersion: another's finalizer is never lost.
    async fn finalizers<K>(&self, object: &K, finalizers: &[String]) -> Result<(), WriteError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
        K::Scope: Scoped<K>,
    {
        let what = describe(object, "finalizers");
        let metadata = json!({"uid": object.uid(), "resourceVersion": object.resource_version(), "finalizers": finalizers});
        let patch = Patch::Merge(json!({"metadata": metadata}));
        let api = K::Scope::api(&self.client, object.namespace().as_deref());
        self.attempt(&K::kind(&()), what, async {
            api.patch(&object.name_any(), &PatchParams::default(), &patch).await.map(drop)
        })
        .await
    }

    /// Deletes this very object.
    pub async fn delete<K>(&self, object: &K) -> Result<(), WriteError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
        K::Scope: Scoped<K>,
    {
        let what = describe(object, "deletion");
        let preconditions = Preconditions { uid: object.uid(), resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        let api = K::Scope::api(&self.client, object.namespace().as_deref());
        let result = self
            .attempt(&K::kind(&()), what, async { api.delete(&object.name_any(), &params).await.map(drop) })
            .await;
        result.or_else(|error| if error.is_gone() { Ok(()) } else { Err(error) })
    }

    async fn attempt<T>(
        &self,
        kind: &str,
        what: String,
        write: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, WriteError> {
        let result = self.fenced(what, write).await;
        if let Some(observer) = &self.observer {
            observer(kind, result.as_ref().map(drop));
        }
        result
    }

    async fn fenced<T>(
        &self,
        what: String,
        write: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, WriteError> {
        // Never closed. The fence is asked when it is this write's turn, not before the wait for it.
        let _turn = self.room.acquire().await;
        if let Err(refusal) = self.fence.check() {
            return Err(WriteError::Refused { what, refusal });
        }
        match tokio::time::timeout(self.timeout, write).await {
            Ok(Ok(written)) => Ok(written),
            Ok(Err(source)) => Err(WriteError::Apiserver { what, source: Box::new(source) }),
            Err(_elapsed) => Err(WriteError::TimedOut { what, after: self.timeout }),
        }
    }
}

fn describe<K: Resource<DynamicType = ()>>(object: &K, part: &str) -> String {
    let namespace = object.namespace().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    format!("the {part} of {} {namespace}{}", K::kind(&()), object.name_any())
}

fn fields_of(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// Takes out of a merge patch, by null, what was there before and is no more, in objects within objects too.
fn retire(before: &Map<String, Value>, after: &mut Map<String, Value>) {
    for (key, old) in before {
        match (old, after.get_mut(key)) {
            (Value::Object(old), Some(Value::Object(new))) => retire(old, new),
            (_, Some(_)) => {}
            (_, None) => drop(after.insert(key.clone(), Value::Null)),
        }
    }
}

/// Where the objects of a kind live.
pub trait Scoped<K> {
    /// The API of one object.
    fn api(client: &Client, namespace: Option<&str>) -> Api<K>;
}

impl<K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>> Scoped<K>
    for kube::core::NamespaceResourceScope
{
    fn api(client: &Client, namespace: Option<&str>) -> Api<K> {
        Api::namespaced(client.clone(), namespace.unwrap_or_default())
    }
}

impl<K: Resource<DynamicType = (), Scope = kube::core::ClusterResourceScope>> Scoped<K>
    for kube::core::ClusterResourceScope
{
    fn api(client: &Client, _namespace: Option<&str>) -> Api<K> {
        Api::all(client.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_more_is_taken_out_at_every_depth() {
        let mut after = json!({"kept": 1, "deep": {"kept": 2}, "list": [{"a": 1}], "new": {"b": 1}});
        let before = json!({"kept": 0, "gone": {"x": 1}, "deep": {"kept": 1, "gone": [1]}, "list": [{"a": 1, "b": 2}]});
        retire(before.as_object().unwrap(), after.as_object_mut().unwrap());
        assert_eq!(
            after,
            json!({"kept": 1, "gone": null, "deep": {"kept": 2, "gone": null}, "list": [{"a": 1}], "new": {"b": 1}})
        );
    }
}
