//! The admin port on the loopback interface, asked over HTTP/1.1 as the kubelet and Prometheus do.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail as tests do")]

use std::{net::SocketAddr, time::Duration};

use sharekeeper::telemetry::{
    admin::Admin,
    health::Health,
    metrics::{MEDIA_TYPE, Metrics},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

struct Port {
    address: SocketAddr,
    health: Health,
    metrics: Metrics,
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn port() -> Port {
    let admin = Admin::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, health, metrics) = (admin.address(), Health::new(), Metrics::new());
    let (end, ended) = oneshot::channel();
    let shutdown = async move {
        let _ = ended.await;
    };
    let task = tokio::spawn(admin.run(health.clone(), metrics.clone(), shutdown));
    Port { address, health, metrics, end, task }
}

/// Status, head and body of the answer.
async fn ask(address: SocketAddr, method: &str, path: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), head.to_ascii_lowercase(), body.to_owned())
}

#[tokio::test]
async fn answers_what_it_is_asked() {
    let port = port().await;
    for (method, path, status) in [
        ("GET", "/livez", 200),
        ("GET", "/livez?verbose", 200),
        ("GET", "/readyz", 200),
        ("HEAD", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("POST", "/metrics", 405),
        ("GET", "/", 404),
        ("GET", "/livez/", 404),
        ("GET", "/debug/pprof", 404),
    ] {
        assert_eq!(ask(port.address, method, path).await.0, status, "{method} {path}");
    }
}

#[tokio::test]
async fn not_ready_until_every_need_is_met_but_alive() {
    let port = port().await;
    let shares = port.health.needs("the list of Shares");
    let (status, _, body) = ask(port.address, "GET", "/readyz").await;
    assert_eq!((status, body.as_str()), (503, "the list of Shares is not there yet\n"));
    assert_eq!(ask(port.address, "GET", "/livez").await.0, 200);
    shares.met();
    assert_eq!(ask(port.address, "GET", "/readyz").await.0, 200);
}

#[tokio::test]
async fn dead_when_a_loop_has_died() {
    let port = port().await;
    let beat = port.health.beats("the run loop", Duration::from_hours(1));
    assert_eq!(ask(port.address, "GET", "/livez").await.0, 200);
    let died = tokio::spawn(async move {
        let _beat = beat;
        assert_eq!(1, 2, "a panic in the loop");
    });
    assert!(died.await.is_err());
    let (status, _, body) = ask(port.address, "GET", "/livez").await;
    assert_eq!((status, body.as_str()), (503, "the run loop has stopped\n"));
}

#[tokio::test]
async fn metrics_are_as_they_are_now() {
    let port = port().await;
    let (_, head, body) = ask(port.address, "GET", "/metrics").await;
    assert!(head.contains(&format!("content-type: {MEDIA_TYPE}")), "{head}");
    assert!(body.contains("sharekeeper_leader 0\n") && body.ends_with("# EOF\n"), "{body}");
    port.metrics.leads_while(|| true);
    assert!(ask(port.address, "GET", "/metrics").await.2.contains("sharekeeper_leader 1\n"));
}

#[tokio::test]
async fn ends_idle_connections_and_frees_the_port() {
    let port = port().await;
    let mut idle = TcpStream::connect(port.address).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: admin\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    port.end.send(()).unwrap();
    port.task.await.unwrap();
    let mut rest = vec![];
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(Admin::bind(port.address).await.is_ok());
}

#[tokio::test]
async fn an_address_in_use_is_told_with_its_cause() {
    let port = port().await;
    let error = Admin::bind(port.address).await.unwrap_err();
    let text = sharekeeper::cli::with_sources(&error);
    assert!(text.contains(&port.address.to_string()) && text.contains("in use"), "{text}");
}
