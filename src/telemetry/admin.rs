//! The admin port: `/livez`, `/readyz` and `/metrics`, for the kubelet and Prometheus.

use std::{convert::Infallible, future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

use super::{
    health::Health,
    metrics::{MEDIA_TYPE, Metrics},
};

/// More connections than kubelet and scrapers have; others wait.
const CONNECTIONS: usize = 64;
/// How long a client may take to send its request, or be silent between two.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long answers under way may take when the process ends.
const GRACE: Duration = Duration::from_secs(5);
/// How long to wait when no connection can be taken: the process is out of file descriptors, as a rule.
const BREATHER: Duration = Duration::from_millis(200);

/// The port could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on the admin address {address}")]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// The opened port.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
}

impl Admin {
    /// Opens the port, so that a wrong address is told before anything else begins.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let failed = |source| BindError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it listens: the port that was chosen where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown`, then ends the connections, giving answers under way a few seconds.
    pub async fn run(self, health: Health, metrics: Metrics, shutdown: impl Future<Output = ()>) {
        let (end, ending) = watch::channel(());
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let accept = async {
                let place = Arc::clone(&room).acquire_owned().await;
                (place, self.listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                biased;
                () = &mut shutdown => break,
                accepted = accept => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let connection = serve(stream, health.clone(), metrics.clone(), ending.clone());
                    connections.spawn(async move {
                        let _place = place;
                        connection.await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the admin port could not take a connection");
                    tokio::time::sleep(BREATHER).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
        drop(self.listener);
        drop(end);
        let all_ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all_ended).await.is_err() {
            tracing::warn!("answers of the admin port are cut off");
        }
    }
}

/// One connection, until it ends or all have to.
async fn serve(stream: TcpStream, health: Health, metrics: Metrics, mut ending: watch::Receiver<()>) {
    let answers = service_fn(move |request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), &health, &metrics);
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), answers);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = ending.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection of the admin port broke");
    }
}

fn answer(method: &Method, path: &str, health: &Health, metrics: &Metrics) -> Response<Full<Bytes>> {
    const TEXT: &str = "text/plain; charset=utf-8";
    let verdict = |wrong: Vec<String>| match wrong.as_slice() {
        [] => (StatusCode::OK, TEXT, "ok\n".to_owned()),
        _ => (StatusCode::SERVICE_UNAVAILABLE, TEXT, wrong.join("\n") + "\n"),
    };
    let (status, media_type, text) = match path {
        "/livez" | "/readyz" | "/metrics" if method != Method::GET && method != Method::HEAD => {
            (StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n".to_owned())
        }
        "/livez" => verdict(health.overdue()),
        "/readyz" => verdict(health.missing()),
        "/metrics" => (StatusCode::OK, MEDIA_TYPE, metrics.encode()),
        _ => (StatusCode::NOT_FOUND, TEXT, "there are /livez, /readyz and /metrics\n".to_owned()),
    };
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}
