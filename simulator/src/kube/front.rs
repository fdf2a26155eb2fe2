//! Two ways to reach a cluster: a [`kube::Client`] in the same process, and loopback HTTP.

use std::convert::Infallible;
use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::rt::TokioIo;
use k8s_openapi::jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::cluster::{Cluster, Reply};
use super::request::User;
use super::watch::{Broken, Subscription};

/// Tells the time to a cluster.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A clock that starts at `epoch` now and follows tokio's, also when that is paused.
pub fn tokio_clock(epoch: Timestamp) -> Clock {
    let start = Instant::now();
    Arc::new(move || epoch.checked_add(start.elapsed()).unwrap_or(Timestamp::MAX))
}

/// A response's body: whole, or a watch's events as they happen.
pub type ReplyBody = UnsyncBoxBody<Bytes, Broken>;

/// A cluster that several clients use.
#[derive(Clone)]
pub struct Shared {
    cluster: Arc<Mutex<Cluster>>,
    clock: Clock,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// Shares `cluster`; `clock` gives each request its time.
    pub fn new(cluster: Cluster, clock: Clock) -> Self {
        Self { cluster: Arc::new(Mutex::new(cluster)), clock }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Looks at the cluster or changes it: weather, journal, hook, objects. No request is served meanwhile.
    pub fn with<R>(&self, f: impl FnOnce(&mut Cluster) -> R) -> R {
        f(&mut self.cluster.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A client in this process, within a tokio runtime; the journal shows it as `user`.
    pub fn client(&self, user: &str) -> kube::Client {
        let (shared, user) = (self.clone(), user.to_owned());
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let (shared, user) = (shared.clone(), user.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await?;
                let mut request = http::Request::from_parts(parts, body);
                request.extensions_mut().insert(User(user));
                Ok::<_, tower::BoxError>(shared.serve(request).await?)
            }
        });
        kube::Client::new(service, "default")
    }

    /// Serves one request, with the weather's latency on the way there and back.
    ///
    /// # Errors
    /// The connection breaks.
    pub async fn serve(&self, request: http::Request<Bytes>) -> Result<http::Response<ReplyBody>, Broken> {
        let latency = self.with(|c| c.weather.latency);
        pause(latency).await;
        let now = self.now();
        let delivery = self.with(|c| c.handle(now, &request));
        pause(latency + delivery.wait).await;
        match delivery.reply {
            Reply::Answer(response) => {
                Ok(response.map(|body| Full::new(body).map_err(never_broken).boxed_unsync()))
            }
            Reply::Watch(subscription) => Ok(self.stream(subscription, latency)),
            Reply::Lost => Err(Broken),
            Reply::Never => pending().await,
        }
    }

    fn stream(&self, subscription: Subscription, latency: Duration) -> http::Response<ReplyBody> {
        /// More events than this on the way at once wait for each other.
        const ON_THE_WAY: usize = 1000;
        let arriving = subscription.events.map(move |event| arrive(event, latency)).buffered(ON_THE_WAY);
        let watch = Watching {
            shared: self.clone(),
            id: subscription.id,
            events: Box::pin(arriving),
            deadline: Instant::now() + subscription.timeout,
            bookmarks: subscription.bookmarks,
        };
        let body = StreamBody::new(futures::stream::unfold(watch, Watching::next));
        let mut response = http::Response::new(body.boxed_unsync());
        let json = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert(http::header::CONTENT_TYPE, json);
        response
    }

    /// Serves HTTP on `listener`; dropping the future closes all connections.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn serve_http(self, listener: TcpListener) -> std::io::Result<Infallible> {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = tokio::select! {
                accepted = listener.accept() => accepted?,
                Some(_closed) = connections.join_next() => continue,
            };
            let shared = self.clone();
            let service = hyper::service::service_fn(move |request| shared.clone().serve_body(request));
            connections.spawn(async move {
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                // A client that goes away in the middle is the client's affair.
                let _closed = connection.await;
            });
        }
    }

    async fn serve_body(
        self,
        request: http::Request<hyper::body::Incoming>,
    ) -> Result<http::Response<ReplyBody>, Broken> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
        self.serve(http::Request::from_parts(parts, body)).await
    }
}

async fn pause(duration: Duration) {
    if !duration.is_zero() {
        sleep(duration).await;
    }
}

fn never_broken(never: Infallible) -> Broken {
    match never {}
}

type Event = Result<Bytes, Broken>;

/// The event, once it has been on its way for `latency`. Counted from the call, so that events travel side by side.
fn arrive(event: Event, latency: Duration) -> impl Future<Output = Event> {
    let due = Instant::now() + latency;
    async move {
        if !latency.is_zero() {
            sleep_until(due).await;
        }
        event
    }
}

struct Watching {
    shared: Shared,
    id: u64,
    events: Pin<Box<dyn Stream<Item = Event> + Send>>,
    deadline: Instant,
    bookmarks: Option<Duration>,
}

impl Watching {
    async fn next(mut self) -> Option<(Result<Frame<Bytes>, Broken>, Self)> {
        loop {
            let bookmark_at = self.bookmarks.map_or(self.deadline, |every| Instant::now() + every);
            tokio::select! {
                biased;
                event = self.events.next() => return Some((event?.map(Frame::data), self)),
                () = sleep_until(self.deadline) => return None,
                () = sleep_until(bookmark_at) => {
                    let now = self.shared.now();
                    self.shared.with(|c| c.bookmark(now, self.id));
                }
            }
        }
    }
}

/// A kubeconfig for the HTTP front on loopback `port`.
pub fn kubeconfig(port: u16) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: simulator\n\
         clusters:\n- name: simulator\n  cluster: {{server: \"http://127.0.0.1:{port}\"}}\n\
         users:\n- name: simulator\n  user: {{}}\n\
         contexts:\n- name: simulator\n  context: {{cluster: simulator, user: simulator, namespace: default}}\n"
    )
}
