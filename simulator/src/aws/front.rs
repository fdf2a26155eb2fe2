//! The two fronts: an in-process connector for the AWS SDKs, and loopback HTTP with a small administration.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::action::Action;
use super::net::Net;
use super::settings::Settings;
use super::weather::Weather;
use super::world::{Delivery, Fate};

/// An HTTP client for `aws-sdk-*` configurations that talks to `net` in process: no socket, no thread, no real time.
pub fn connector(net: &Net) -> SharedHttpClient {
    SharedHttpClient::new(InProcess(net.clone()))
}

#[derive(Clone, Debug)]
struct InProcess(Net);

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        None
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let net = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (parts, body) = request.into_parts();
            // Read as a socket would read it: the SDK's guard against stalled uploads watches this.
            let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
            let delivery = net
                .serve(http::Request::from_parts(parts, body))
                .await
                .map_err(|lost| ConnectorError::io(lost.into()))?;
            HttpResponse::try_from(sendable(delivery).map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// A body in one piece, or half of it and an error.
#[derive(Debug)]
struct Reply {
    data: Option<Bytes>,
    length: u64,
    breaks: bool,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if std::mem::take(&mut self.breaks) {
            return Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::UnexpectedEof))));
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && !self.breaks
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

fn sendable(delivery: Delivery) -> http::Response<Reply> {
    let breaks = delivery.fate == Fate::Truncated;
    delivery.response.map(|body| {
        let length = body.len() as u64;
        let data = if breaks { body.slice(..body.len() / 2) } else { body };
        Reply { data: Some(data), length, breaks }
    })
}

/// Serves all services and `/_sim/` on `listener` until dropped.
pub async fn serve(listener: TcpListener, net: Net) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(converse(stream, net.clone()));
            }
            Err(error) => {
                // Such as too many open files: others may close theirs meanwhile.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, net: Net) {
    let prompt = stream.set_nodelay(true);
    let service = service_fn(|request| answer(net.clone(), request));
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, ?prompt, "connection ended");
    }
}

async fn answer(
    net: Net,
    request: http::Request<hyper::body::Incoming>,
) -> Result<http::Response<Reply>, io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let request = http::Request::from_parts(parts, body);
    if request.uri().path().starts_with("/_sim/") {
        return Ok(administer(&net, &request));
    }
    let delivery =
        net.serve(request).await.map_err(|lost| io::Error::new(io::ErrorKind::ConnectionReset, lost))?;
    Ok(sendable(delivery))
}

fn administer(net: &Net, request: &http::Request<Bytes>) -> http::Response<Reply> {
    let (status, body) = match admin(net, request.method().as_str(), request.uri().path(), request.body()) {
        Ok(body) => (http::StatusCode::OK, body),
        Err(message) => (http::StatusCode::BAD_REQUEST, json!({"error": message})),
    };
    let data = Bytes::from(body.to_string());
    let mut response =
        http::Response::new(Reply { length: data.len() as u64, data: Some(data), breaks: false });
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    response
}

#[derive(Deserialize)]
struct Skip {
    seconds: f64,
}

/// The administration: looks at the world or changes it; an error is a sentence for the person who asked.
pub fn admin(net: &Net, method: &str, path: &str, body: &[u8]) -> Result<Value, String> {
    let now = net.now();
    match (method, path.trim_start_matches("/_sim/")) {
        ("GET", "truth") => Ok(json!(net.world().truth(now))),
        ("GET", "policyGrants") => Ok(json!(net.world().policy_grants(now))),
        ("GET", "journal") => Ok(json!(net.world().journal().entries())),
        ("DELETE", "journal") => {
            net.world().journal_mut().clear();
            Ok(json!({}))
        }
        ("GET", "counts") => Ok(json!(net.world().journal().counts())),
        ("GET", "weather") => Ok(json!(net.world().weather())),
        ("POST", "weather") => {
            let weather: Weather = read(body)?;
            net.world().set_weather(weather);
            Ok(json!({}))
        }
        ("GET", "settings") => Ok(json!(net.world().settings)),
        ("POST", "settings") => {
            let settings: Settings = read(body)?;
            net.world().settings = settings;
            Ok(json!({}))
        }
        ("GET", "directory") => Ok(json!(net.world().directory())),
        ("GET", "time") => Ok(json!({"now": now, "nextEvent": net.world().next_event()})),
        ("POST", "time") => {
            net.skip(read::<Skip>(body)?.seconds);
            Ok(json!({"now": net.now()}))
        }
        ("POST", "action") => {
            let action: Action = read(body)?;
            net.world().act(action).map_err(|refusal| refusal.to_string())
        }
        ("GET", path) if path.starts_with("reach/") => {
            Ok(json!(net.world().reach(now, path.trim_start_matches("reach/"))))
        }
        ("GET", path) if path.starts_with("policyReach/") => {
            Ok(json!(net.world().policy_reach(now, path.trim_start_matches("policyReach/"))))
        }
        _ => Err(format!("nothing at {method} {path}")),
    }
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
