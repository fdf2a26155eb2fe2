//! The same requests to the simulator and to a real kube-apiserver 1.36.3: the visible traces are equal.
//!
//! `tests/kube_scenarios/NAME.yaml` is a list of requests; `NAME.json` beside it is what the real apiserver answered. To
//! record anew: `KUBE_URL=https://… KUBE_TOKEN=… cargo test -p simulator --test kube_scenarios -- --ignored record`.
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

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use http::{Method, Request};
use http_body_util::BodyExt;
use kube::client::Body;
use kube_sample::{definition, shared};
use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

static UID: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").unwrap());
static TIME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").unwrap());
static AGE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\d+s$").unwrap());
/// Within a message.
static REVISION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(resourceVersion\\?":\\?"|too old resource version: )\d+"#).unwrap());

/// One request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// `METHOD path`; `{ns}` is the scenario's namespace, `{name}` what an earlier step saved.
    #[serde(rename = "do")]
    request: String,
    /// Content type; by default JSON, for PATCH a merge patch.
    #[serde(default, rename = "type")]
    content_type: Option<String>,
    #[serde(default)]
    accept: Option<String>,
    #[serde(default)]
    body: Option<Value>,
    /// Remembers parts of the answer, by JSON pointer.
    #[serde(default)]
    save: BTreeMap<String, String>,
    /// Why the simulator answers otherwise here: the step is sent, not compared.
    #[serde(default)]
    differs: Option<String>,
    /// Parts of the trace that differ, each with the reason.
    #[serde(default)]
    except: BTreeMap<String, String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kube_scenarios")
}

fn scenarios() -> Vec<(String, Vec<Step>)> {
    let mut found: Vec<(String, Vec<Step>)> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let steps = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            (name, steps)
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// A client, and what makes answers of different servers comparable.
struct Runner {
    client: kube::Client,
    saved: BTreeMap<String, String>,
    versions: Vec<String>,
}

impl Runner {
    fn new(client: kube::Client, namespace: &str) -> Self {
        let saved = BTreeMap::from([("ns".to_owned(), namespace.to_owned())]);
        Self { client, saved, versions: Vec::new() }
    }

    fn filled(&self, text: &str) -> String {
        self.saved.iter().fold(text.to_owned(), |text, (k, v)| text.replace(&format!("{{{k}}}"), v))
    }

    async fn run(&mut self, step: &Step) -> Value {
        let request = self.filled(&step.request);
        let (method, path) = request.split_once(' ').unwrap();
        let method: Method = if method == "WATCH" { Method::GET } else { method.parse().unwrap() };
        let by_method =
            if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let mut builder = Request::builder()
            .method(method)
            .uri(path)
            .header("user-agent", "scenario/1.0")
            .header("accept", step.accept.as_deref().unwrap_or("application/json"));
        if step.body.is_some() {
            builder = builder.header("content-type", step.content_type.as_deref().unwrap_or(by_method));
        }
        let body = step.body.as_ref().map(|b| self.filled(&b.to_string())).unwrap_or_default();
        let response = self.client.send(builder.body(Body::from(body.into_bytes())).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let warnings: Vec<String> =
            response.headers().get_all("warning").iter().map(|w| w.to_str().unwrap().to_owned()).collect();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines: Vec<Value> =
            text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|_| json!(l))).collect();
        let raw = serde_json::from_str(&text).unwrap_or(Value::Array(lines));
        for (name, pointer) in &step.save {
            let found = raw.pointer(pointer).unwrap_or_else(|| panic!("{pointer} in {raw}"));
            self.saved.insert(name.clone(), found.as_str().map_or_else(|| found.to_string(), str::to_owned));
        }
        let mut shown = json!({"do": step.request, "status": status, "body": self.normal(raw)});
        if !warnings.is_empty() {
            shown["warnings"] = warnings.into();
        }
        shown
    }

    /// The answer without what no two servers share: identifiers, times, revisions (their order is kept).
    fn normal(&mut self, value: Value) -> Value {
        match value {
            Value::Array(items) => items.into_iter().map(|v| self.normal(v)).collect(),
            Value::Object(map) => {
                let is_list = map.contains_key("items") || map.contains_key("rows");
                map.into_iter()
                    .map(|(key, value)| {
                        let value = match (key.as_str(), value) {
                            ("metadata", Value::Object(mut meta)) if is_list => {
                                for opaque in ["resourceVersion", "continue"] {
                                    if let Some(v) = meta.get_mut(opaque) {
                                        *v = "<opaque>".into();
                                    }
                                }
                                Value::Object(meta)
                            }
                            ("resourceVersion", Value::String(version)) => self.version(version).into(),
                            ("managedFields", Value::Array(mut entries)) => {
                                entries.sort_by_key(|e| {
                                    format!("{}{}{}", e["operation"], e["manager"], e["subresource"])
                                });
                                self.normal_items(entries)
                            }
                            (_, value) => self.normal(value),
                        };
                        (key, value)
                    })
                    .collect()
            }
            Value::String(text) => self.anonymous(&text).into(),
            other => other,
        }
    }

    fn normal_items(&mut self, items: Vec<Value>) -> Value {
        items.into_iter().map(|v| self.normal(v)).collect()
    }

    fn version(&mut self, version: String) -> String {
        let at = self.versions.iter().position(|v| *v == version).unwrap_or_else(|| {
            self.versions.push(version);
            self.versions.len() - 1
        });
        format!("<revision {at}>")
    }

    fn anonymous(&self, text: &str) -> String {
        let text = UID.replace_all(text, "<uid>");
        let text = TIME.replace_all(&text, "<time>");
        let text = REVISION.replace_all(&text, "$1<revision>");
        if AGE.is_match(&text) {
            return "<age>".to_owned();
        }
        text.replace(&self.saved["ns"], "<ns>")
    }
}

async fn prepare(client: &kube::Client, namespace: &str) {
    let send = async |path: &str, body: Value| {
        let request = Request::post(path)
            .header("content-type", "application/json")
            .body(Body::from(body.to_string().into_bytes()))
            .unwrap();
        client.send(request).await.unwrap();
    };
    send("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition()).await;
    send(
        "/api/v1/namespaces",
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
    )
    .await;
}

/// Equal apart from what a value of `"<any>"` in the recording leaves open.
fn differences(path: &str, real: &Value, simulated: &Value, found: &mut Vec<String>) {
    match (real, simulated) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let (x, y) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
                differences(&format!("{path}/{key}"), x, y, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (n, (x, y)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}/{n}"), x, y, found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => found.push(format!("  {path}\n     real      {a}\n     simulated {b}")),
    }
}

#[tokio::test(start_paused = true)]
async fn traces_equal_those_of_a_real_apiserver() {
    let mut failures = Vec::new();
    let mut compared = 0;
    for (name, steps) in scenarios() {
        let recorded = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
        let recorded: Vec<Value> = serde_json::from_str(&recorded).unwrap();
        assert_eq!(recorded.len(), steps.len(), "{name}: record anew");
        let shared = shared();
        let client = shared.client("scenario");
        let namespace = format!("scenario-{name}");
        prepare(&client, &namespace).await;
        let mut runner = Runner::new(client, &namespace);
        for (number, (step, real)) in steps.iter().zip(&recorded).enumerate() {
            let simulated = runner.run(step).await;
            if step.differs.is_some() {
                continue;
            }
            compared += 1;
            let mut found = Vec::new();
            differences("", real, &simulated, &mut found);
            found.retain(|d| !step.except.keys().any(|pointer| d.starts_with(&format!("  {pointer}\n"))));
            if !found.is_empty() {
                failures.push(format!("{name} step {}: {}\n{}", number + 1, step.request, found.join("\n")));
            }
        }
    }
    assert!(compared > 0);
    assert!(failures.is_empty(), "{} of {compared} steps differ\n{}", failures.len(), failures.join("\n"));
}

#[tokio::test]
#[ignore = "needs a real kube-apiserver 1.36"]
#[expect(
    clippy::disallowed_methods,
    reason = "a tool for people, told by its environment where the server is"
)]
async fn record() {
    let url = std::env::var("KUBE_URL").expect("KUBE_URL");
    let only = std::env::var("SCENARIO").unwrap_or_default();
    let mut config = kube::Config::new(url.parse().unwrap());
    config.accept_invalid_certs = true;
    config.auth_info.token = Some(std::env::var("KUBE_TOKEN").expect("KUBE_TOKEN").into());
    let client = kube::Client::try_from(config).unwrap();
    let run = std::process::id();
    for (name, steps) in scenarios().into_iter().filter(|(name, _)| name.contains(&only)) {
        let namespace = format!("scenario-{name}-{run}");
        prepare(&client, &namespace).await;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let mut runner = Runner::new(client.clone(), &namespace);
        let mut trace = Vec::new();
        for step in &steps {
            trace.push(runner.run(step).await);
            if step.request.contains("customresourcedefinitions") {
                tokio::time::sleep(std::time::Duration::from_secs(3)).await;
            }
        }
        let text = serde_json::to_string_pretty(&trace).unwrap() + "\n";
        std::fs::write(folder().join(format!("{name}.json")), text).unwrap();
    }
}
