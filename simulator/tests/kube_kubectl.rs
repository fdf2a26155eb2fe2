//! The real `kubectl` against the loopback front. Where there is no kubectl, these tests say so and pass.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "a test fails by panicking"
)]

mod kube_sample;

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube_sample::{cluster, definition, epoch};
use serde_json::{Value, json};
use simulator::kube::{Cluster, Shared, kubeconfig, tokio_clock};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

struct Kubectl {
    home: TempDir,
    shared: Shared,
}

impl Kubectl {
    /// A served cluster and a kubectl that uses it; `None` where there is no kubectl.
    async fn new(cluster: Cluster) -> Option<Self> {
        let found = Command::new("kubectl").args(["version", "--client"]).output().await;
        if !found.is_ok_and(|o| o.status.success()) {
            println!("skipped: no kubectl");
            return None;
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Shared::new(cluster, tokio_clock(epoch()));
        tokio::spawn(shared.clone().serve_http(listener));
        let home = TempDir::new().unwrap();
        std::fs::write(home.path().join("config"), kubeconfig(port)).unwrap();
        Some(Self { home, shared })
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("kubectl");
        let cache: PathBuf = self.home.path().join("cache");
        command
            .env("KUBECONFIG", self.home.path().join("config"))
            .env("KUBECACHEDIR", cache)
            .env("HOME", self.home.path())
            .kill_on_drop(true)
            .args(line.split_whitespace());
        command
    }

    async fn run(&self, line: &str, input: Option<&Value>) -> Output {
        let mut command = self.command(line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.map(ToString::to_string).unwrap_or_default().as_bytes()).await.unwrap();
        drop(stdin);
        tokio::time::timeout(Duration::from_mins(1), child.wait_with_output()).await.expect(line).unwrap()
    }

    /// What kubectl prints when all is well.
    async fn says(&self, line: &str, input: Option<&Value>) -> String {
        let output = self.run(line, input).await;
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "kubectl {line}\n{out}{err}");
        out
    }

    /// What kubectl prints when it is refused.
    async fn refuses(&self, line: &str, input: Option<&Value>) -> String {
        let output = self.run(line, input).await;
        assert!(!output.status.success(), "kubectl {line}\n{}", text(&output.stdout));
        text(&output.stderr)
    }

    fn start(&self, line: &str) -> Child {
        self.command(line).stdout(Stdio::piped()).spawn().unwrap()
    }

    fn widget(&self, name: &str) -> Option<Value> {
        let resource = simulator::kube::GroupResource::new("sample.dev", "widgets");
        self.shared.with(|c| c.object(&resource, "default", name))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[expect(clippy::needless_pass_by_value, reason = "specs are written in place")]
fn widget(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "sample.dev/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec})
}

#[tokio::test]
async fn kubectl_applies_reads_and_deletes() {
    let Some(kubectl) = Kubectl::new(cluster()).await else { return };
    let small = widget("a", json!({"size": 5, "parts": [{"name": "p", "count": 1}]}));
    assert_eq!(kubectl.says("apply -f -", Some(&small)).await, "widget.sample.dev/a created\n");
    assert_eq!(kubectl.says("apply -f -", Some(&small)).await, "widget.sample.dev/a unchanged\n");
    let larger = widget("a", json!({"size": 7}));
    assert!(kubectl.says("diff -f - --server-side=false", Some(&small)).await.is_empty());
    let diff = kubectl.run("diff -f -", Some(&larger)).await;
    assert_eq!(diff.status.code(), Some(1), "{}", text(&diff.stderr));
    assert!(text(&diff.stdout).contains("+  size: 7"), "{}", text(&diff.stdout));
    assert_eq!(kubectl.widget("a").unwrap()["spec"]["size"], 5, "a diff changes nothing");
    assert_eq!(kubectl.says("apply -f -", Some(&larger)).await, "widget.sample.dev/a configured\n");
    assert_eq!(
        kubectl.widget("a").unwrap()["spec"].get("parts"),
        None,
        "what was applied before is taken back"
    );

    let table = kubectl.says("get wd", None).await;
    let lines: Vec<Vec<&str>> = table.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NAME", "READY", "SIZE", "AGE"]);
    assert_eq!(&lines[1][..2], ["a", "7"]);
    assert!(kubectl.says("get widgets -A -o wide", None).await.starts_with("NAMESPACE"));
    assert!(kubectl.says("get samples -o name", None).await.contains("widget.sample.dev/a"));
    assert!(kubectl.says("get widget a -o yaml", None).await.contains("colour: red"));
    assert!(kubectl.says("describe widget a", None).await.contains("Size:    7"));
    assert!(kubectl.says("explain widget.spec.size", None).await.contains("In millimetres."));
    assert!(kubectl.says("api-resources --api-group=sample.dev", None).await.contains("wd"));

    kubectl.says("annotate widget a note=hello", None).await;
    kubectl.says("label widget a tier=web", None).await;
    assert!(kubectl.says("get widgets -l tier=web", None).await.contains('a'));
    kubectl.says("label widget a tier-", None).await;
    kubectl.says(r#"patch widget a --type=merge -p {"spec":{"size":9}}"#, None).await;
    let path = r#"patch widget a --type=json -p [{"op":"replace","path":"/spec/size","value":10}]"#;
    kubectl.says(path, None).await;
    assert_eq!(kubectl.widget("a").unwrap()["spec"]["size"], 10);
    assert_eq!(kubectl.says("delete widget a", None).await.trim(), "widget.sample.dev \"a\" deleted");
    assert!(kubectl.widget("a").is_none());
}

#[tokio::test]
async fn kubectl_shows_refusals_in_the_servers_words() {
    let Some(kubectl) = Kubectl::new(cluster()).await else { return };
    let cases = [
        (json!({"size": 60}), "The Widget \"a\" is invalid: spec: Invalid value: large widgets must be blue"),
        (
            json!({"size": 0}),
            "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1",
        ),
        (
            json!({"size": 5, "colour": "pink"}),
            "spec.colour: Unsupported value: \"pink\": supported values: \"red\"",
        ),
        (json!({}), "spec.size: Required value"),
        (json!({"size": 5, "odd": 1}), "strict decoding error: unknown field \"spec.odd\""),
    ];
    for (spec, expected) in cases {
        let refusal = kubectl.refuses("apply -f -", Some(&widget("a", spec))).await;
        assert!(refusal.contains(expected), "{refusal}");
    }
    assert!(kubectl.refuses("get widget none", None).await.contains("widgets.sample.dev \"none\" not found"));
    assert!(kubectl.refuses("get nonsense", None).await.contains("the server doesn't have a resource type"));
}

#[tokio::test]
async fn server_side_apply_keeps_owners_apart() {
    let Some(kubectl) = Kubectl::new(cluster()).await else { return };
    let one = widget("a", json!({"size": 5, "tags": {"one": "x"}}));
    let two = widget("a", json!({"size": 6}));
    let apply = "apply --server-side -f -";
    assert_eq!(kubectl.says(apply, Some(&one)).await, "widget.sample.dev/a serverside-applied\n");
    let version = kubectl.widget("a").unwrap()["metadata"]["resourceVersion"].clone();
    kubectl.says(apply, Some(&one)).await;
    assert_eq!(kubectl.widget("a").unwrap()["metadata"]["resourceVersion"], version);
    let conflict = kubectl.refuses(&format!("{apply} --field-manager=two"), Some(&two)).await;
    assert!(conflict.contains("conflict with \"kubectl\": .spec.size"), "{conflict}");
    kubectl.says(&format!("{apply} --field-manager=two --force-conflicts"), Some(&two)).await;
    kubectl.says(apply, Some(&widget("a", json!({})))).await;
    assert_eq!(kubectl.widget("a").unwrap()["spec"], json!({"size": 6, "colour": "red"}));
    let dry = format!("{apply} --field-manager=two --dry-run=server");
    kubectl.says(&dry, Some(&widget("a", json!({"size": 9})))).await;
    assert_eq!(kubectl.widget("a").unwrap()["spec"]["size"], 6);
}

#[tokio::test]
async fn a_client_side_apply_can_go_on_server_side() {
    let Some(kubectl) = Kubectl::new(cluster()).await else { return };
    kubectl.says("apply -f -", Some(&widget("a", json!({"size": 5})))).await;
    kubectl.says("apply --server-side -f -", Some(&widget("a", json!({"size": 6})))).await;
    assert_eq!(kubectl.widget("a").unwrap()["spec"]["size"], 6);
}

#[tokio::test]
async fn kubectl_watches_and_waits() {
    let Some(kubectl) = Kubectl::new(cluster()).await else { return };
    kubectl.says("apply -f -", Some(&widget("a", json!({"size": 5})))).await;
    let mut watch = kubectl.start("get widgets -w");
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    assert!(lines.next_line().await.unwrap().unwrap().starts_with("NAME"));
    assert!(lines.next_line().await.unwrap().unwrap().starts_with("a "));

    let waiting = kubectl.start("wait --for=condition=Ready widget/a --timeout=50s");
    let condition = json!({"status": {"conditions": [{
        "type": "Ready", "status": "True", "reason": "Done", "message": "", "lastTransitionTime": "2026-11-24T12:00:00Z",
    }]}});
    kubectl.says(&format!("patch widget a --subresource=status --type=merge -p {condition}"), None).await;
    let ready = lines.next_line().await.unwrap().unwrap();
    assert_eq!(&ready.split_whitespace().collect::<Vec<_>>()[..3], ["a", "True", "5"]);
    let waited = waiting.wait_with_output().await.unwrap();
    assert_eq!(text(&waited.stdout), "widget.sample.dev/a condition met\n");
    assert!(kubectl.says("get widget a", None).await.contains("True"));

    let hold = r#"patch widget a --type=merge -p {"metadata":{"finalizers":["sample.dev/hold"]}}"#;
    kubectl.says(hold, None).await;
    let deleting = kubectl.start("delete widget a");
    let gone = kubectl.start("wait --for=delete widget/a --timeout=50s");
    while kubectl.widget("a").is_some_and(|w| w["metadata"].get("deletionTimestamp").is_none()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    kubectl.says(r#"patch widget a --type=merge -p {"metadata":{"finalizers":null}}"#, None).await;
    assert!(deleting.wait_with_output().await.unwrap().status.success());
    assert!(gone.wait_with_output().await.unwrap().status.success());
    watch.kill().await.unwrap();
}

#[tokio::test]
async fn kubectl_brings_kinds_namespaces_and_events() {
    let now: Timestamp = epoch();
    let Some(kubectl) = Kubectl::new(Cluster::new(1, now, &[]).unwrap()).await else { return };
    kubectl.says("apply --server-side -f -", Some(&definition())).await;
    kubectl.says("wait --for=condition=Established crd/widgets.sample.dev --timeout=50s", None).await;
    let refusal = kubectl.refuses("create namespace team", None).await;
    assert!(refusal.contains("protobuf"), "{refusal}");
    let team = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}});
    kubectl.says("apply -f -", Some(&team)).await;
    kubectl.says("-n team apply -f -", Some(&widget("a", json!({"size": 5})))).await;
    let resource = simulator::kube::GroupResource::new("sample.dev", "widgets");
    let uid = kubectl.shared.with(|c| c.object(&resource, "team", "a")).unwrap()["metadata"]["uid"].clone();
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "a.1", "namespace": "team"},
        "type": "Normal", "reason": "Made", "message": "it is made", "lastTimestamp": "2026-11-24T12:00:00Z",
        "involvedObject": {"kind": "Widget", "name": "a", "namespace": "team", "apiVersion": "sample.dev/v1",
                           "uid": uid},
    });
    kubectl.says("create -f -", Some(&event)).await;
    assert!(kubectl.says("-n team get events", None).await.contains("it is made"));
    assert!(kubectl.says("-n team describe widget a", None).await.contains("it is made"));
    kubectl.says("delete namespace team", None).await;
    assert_eq!(kubectl.says("get widgets -A", None).await, "");
    kubectl.says("delete crd widgets.sample.dev", None).await;
    let refusal = kubectl.refuses("get widgets", None).await;
    assert!(refusal.contains("the server could not find the requested resource"), "{refusal}");
}
