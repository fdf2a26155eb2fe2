//! The HTTP front: the SDK's own HTTP client, and the administration.

use std::net::{Ipv4Addr, SocketAddr};

use aws_sdk_ram::config::retry::RetryConfig;
use aws_sdk_ram::config::timeout::TimeoutConfig;
use aws_sdk_ram::config::{BehaviorVersion, Region};
use aws_sdk_ram::types::ResourceShareAssociationType as Kind;
use serde_json::{Value, json};
use simulator::aws::weather::{Fault, Moment, Trouble};
use simulator::aws::{Net, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::bench::{
    CONSUMER, OWNER, REGION, RULE, code, key, net, organization_id, pair, rows, share, weather, wish,
};

async fn started() -> (Net, SocketAddr) {
    let net = net();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(serve(listener, net.clone()));
    (net, address)
}

fn client(address: SocketAddr, account: &str) -> aws_sdk_ram::Client {
    let config = aws_sdk_ram::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(key(account))
        .endpoint_url(format!("http://{address}"))
        .timeout_config(TimeoutConfig::disabled())
        .retry_config(RetryConfig::disabled());
    aws_sdk_ram::Client::from_conf(config.build())
}

/// One request of the administration: (status line, body).
async fn ask(address: SocketAddr, method: &str, path: &str, body: &Value) -> (String, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = format!(
        "{method} /_sim/{path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
    (head.lines().next().unwrap_or_default().to_owned(), serde_json::from_str(body).expect("JSON"))
}

#[tokio::test]
async fn a_share_over_http() {
    let (net, address) = started().await;
    let owner = client(address, OWNER);
    let arn = share(&owner, "rules", &[RULE], &[CONSUMER]).await;
    assert_eq!(rows(&owner, &arn, Kind::Principal).await, [pair(CONSUMER, "ASSOCIATED")]);
    assert_eq!(code(wish(&owner, "bad", &["x"], &[]).send().await), "MalformedArnException");
    owner
        .delete_resource_share()
        .resource_share_arn(&arn)
        .client_token("token")
        .send()
        .await
        .expect("deleted");
    assert_eq!(rows(&owner, &arn, Kind::Principal).await, [pair(CONSUMER, "DISASSOCIATED")]);
    assert_eq!(net.world().journal().counts().get("ram:DeleteResourceShare"), Some(&1));
}

#[tokio::test]
async fn lost_answers_over_http() {
    for trouble in [Trouble::Disconnect, Trouble::Truncate] {
        let (net, address) = started().await;
        weather(&net, |weather| {
            weather.faults.push(Fault::once("CreateResourceShare", Moment::After, trouble.clone()));
        });
        let owner = client(address, OWNER);
        assert_eq!(code(wish(&owner, "lost", &[RULE], &[]).send().await), "no answer", "{trouble:?}");
        let now = net.now();
        assert!(net.world().journal().entries().last().is_some_and(|entry| entry.effect && entry.at <= now));
    }
}

#[tokio::test]
async fn the_administration_looks_and_changes() {
    let (net, address) = started().await;
    let organization = organization_id(&net);
    let (_, truth) = ask(address, "GET", "truth", &Value::Null).await;
    assert_eq!(truth.as_array().map(Vec::len), Some(1));
    let (_, made) = ask(
        address,
        "POST",
        "action",
        &json!({"createUnit": {"organization": organization, "parent": "Root/Workloads", "name": "Labs"}}),
    )
    .await;
    assert!(made["unit"].as_str().is_some_and(|unit| unit.starts_with("ou-")));
    let act = json!({"moveAccount": {"account": CONSUMER, "destination": "Root/Workloads/Labs"}});
    assert_eq!(ask(address, "POST", "action", &act).await.0, "HTTP/1.1 200 OK");
    assert_eq!(net.world().directory().line_of(CONSUMER).last().map(String::as_str), made["unit"].as_str());
    let params = json!({"name": "by hand", "resourceArns": [RULE], "principals": [CONSUMER]});
    let call = json!({"call": {"account": OWNER, "region": REGION, "service": "ram", "operation": "CreateResourceShare", "params": params}});
    let (_, shared) = ask(address, "POST", "action", &call).await;
    assert_eq!(shared["resourceShare"]["name"], "by hand");
    let (_, reach) = ask(address, "GET", &format!("reach/{RULE}"), &Value::Null).await;
    assert_eq!(reach, json!([CONSUMER]));
    assert_eq!(
        ask(
            address,
            "POST",
            "weather",
            &json!({"latency": {"fixed": 0.001}, "lags": {"association": {"uniform": [1.0, 2.0]}}})
        )
        .await
        .0,
        "HTTP/1.1 200 OK"
    );
    let (status, error) = ask(address, "POST", "weather", &json!({"latancy": 1})).await;
    assert_eq!(status, "HTTP/1.1 400 Bad Request");
    assert!(error["error"].as_str().is_some_and(|text| text.contains("latancy")), "{error}");
    let before = net.now();
    ask(address, "POST", "time", &json!({"seconds": 86_400.0})).await;
    assert!(net.now() >= before + 86_400.0);
    let (_, journal) = ask(address, "GET", "journal", &Value::Null).await;
    assert_eq!(journal, json!([]), "the administration is not journalled");
    assert_eq!(ask(address, "GET", "nothing", &Value::Null).await.0, "HTTP/1.1 400 Bad Request");
}
