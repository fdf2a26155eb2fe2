//! A fingerprint of all that the controller did: two runs of one world have the same.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        orchestrator::HttpRequest,
        runtime_components::RuntimeComponents,
    },
    shared::IntoShared,
};
use bytes::Bytes;
use kube::Client;
use simulator::kube::{Shared, User};
use tokio::time::Instant;

/// Grows with every request and answer.
#[derive(Clone, Debug)]
pub struct Trace {
    hasher: Arc<Mutex<DefaultHasher>>,
    started: Instant,
}

impl Trace {
    /// Begins now.
    pub fn new() -> Self {
        Self { hasher: Arc::default(), started: Instant::now() }
    }

    /// The fingerprint so far.
    pub fn digest(&self) -> u64 {
        self.hasher.lock().unwrap_or_else(PoisonError::into_inner).finish()
    }

    fn note(&self, what: impl Hash) {
        let mut hasher = self.hasher.lock().unwrap_or_else(PoisonError::into_inner);
        self.started.elapsed().as_nanos().hash(&mut *hasher);
        what.hash(&mut *hasher);
    }

    /// AWS as the SDK reaches it, signatures and invocation ids included.
    pub fn aws(&self, client: SharedHttpClient) -> SharedHttpClient {
        TracedClient { client, trace: self.clone() }.into_shared()
    }

    /// The cluster as `user` reaches it.
    pub fn kube(&self, cluster: &Shared, user: &str) -> Client {
        let (cluster, user, trace) = (cluster.clone(), user.to_owned(), self.clone());
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let (cluster, user, trace) = (cluster.clone(), user.clone(), trace.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body: Bytes = body.collect_bytes().await?;
                let writes = parts.method != http::Method::GET;
                trace.note((&user, parts.method.as_str(), parts.uri.to_string(), &body[..]));
                let mut request = http::Request::from_parts(parts, body);
                request.extensions_mut().insert(User(user));
                let answer = cluster.serve(request).await;
                if writes {
                    trace.note(answer.as_ref().map_or(0, |answer| answer.status().as_u16()));
                }
                Ok::<_, tower::BoxError>(answer?)
            }
        });
        Client::new(service, "default")
    }
}

#[derive(Clone, Debug)]
struct TracedClient {
    client: SharedHttpClient,
    trace: Trace,
}

impl HttpClient for TracedClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = self.client.http_connector(settings, components);
        SharedHttpConnector::new(TracedConnector { connector, trace: self.trace.clone() })
    }
}

#[derive(Clone, Debug)]
struct TracedConnector {
    connector: SharedHttpConnector,
    trace: Trace,
}

impl HttpConnector for TracedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let headers: Vec<(String, String)> =
            request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        self.trace.note((request.method(), request.uri(), headers, request.body().bytes()));
        let (answer, trace) = (self.connector.call(request), self.trace.clone());
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            trace.note(answer.as_ref().map_or(0, |answer| answer.status().as_u16()));
            answer
        })
    }
}
