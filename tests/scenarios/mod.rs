//! The same scenario files on the cluster in memory and on a real API server: what people see must be the same, or what
//! the simulated worlds prove is proven about another API.
//!
//! A file is a list of steps, played one after the other in a namespace and on resources that only it uses. Beside it
//! lies its trace: the API server's verdict on each step, and at each `look` what `kubectl get` prints, conditions,
//! events, what is in force, and what was written to AWS since the last look. A look waits until all that is as the trace
//! has it, since the controller takes its time. `UPDATE_SCENARIOS=1 cargo test --test line scenarios` writes the traces
//! anew, as the cluster in memory has them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::PathBuf,
    time::Duration,
};

use http::header::ACCEPT;
use k8s_openapi::api::events::v1::Event;
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams},
    core::{DynamicObject, GroupVersionKind},
    discovery::ApiResource,
};
use regex::{Captures, Regex};
use serde::Deserialize;
use serde_json::{Value, json};
use sharekeeper::api;
use simulator::aws::{Caller, Net, example, journal::KeyKind};
use tokio::time::Instant;

/// A scenario: its file, and the trace that it must leave.
pub(crate) struct Scenario {
    /// The file's name, and that of the namespace.
    pub(crate) name: &'static str,
    steps: &'static str,
    trace: &'static str,
}

macro_rules! scenarios {
    ($($name:literal),+ $(,)?) => {
        [$(Scenario {
            name: $name,
            steps: include_str!(concat!($name, ".yaml")),
            trace: include_str!(concat!($name, ".trace")),
        }),+]
    };
}

/// All of them.
pub(crate) const ALL: [Scenario; 6] = scenarios![
    "seen-conflicts",
    "seen-declared",
    "seen-drifting",
    "seen-orphaned-once",
    "seen-outside",
    "seen-refused"
];

/// Where a scenario is played.
pub(crate) struct Place {
    /// A person's access to the cluster.
    pub(crate) client: Client,
    pub(crate) aws: Net,
    /// How long a look waits for what it must show.
    pub(crate) patience: Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Step {
    /// Server-side apply.
    Apply(Apply),
    /// A merge patch of an object.
    Patch { kind: String, name: String, patch: Value },
    /// Deletes an object; waits for nothing.
    Delete { kind: String, name: String },
    /// A RAM call by the administrator of the owning account. `$CONTAINER` in it is the ARN of the scenario's newest RAM
    /// share.
    ByHand { operation: String, params: Value },
    /// All that can be seen, once it is as it should be.
    Look(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Apply {
    object: Value,
    #[serde(default = "Apply::person")]
    by: String,
    #[serde(default)]
    force: bool,
}

impl Apply {
    fn person() -> String {
        "person".to_owned()
    }
}

/// Plays a scenario; an error is what is seen and is not what its trace says.
pub(crate) async fn play(scenario: &Scenario, place: Place) -> Result<(), String> {
    let update = std::env::var_os("UPDATE_SCENARIOS").is_some();
    let wanted: Vec<&str> = scenario.trace.split_inclusive("\n\n").collect();
    let mut stage = Playing::new(scenario.name, place);
    let steps = stage.with_names(scenario.steps);
    let steps: Value = serde_saphyr::from_str(&steps).unwrap();
    let steps: Vec<Step> = serde_json::from_value(steps).unwrap();
    let mut seen = String::new();
    for (n, step) in steps.into_iter().enumerate() {
        let wanted = (!update).then(|| wanted.get(n).copied().unwrap_or_default());
        let part = stage.step(step, wanted).await;
        if let Some(wanted) = wanted.filter(|wanted| *wanted != part) {
            return Err(format!("{}, wanted:\n{wanted}seen:\n{part}", scenario.name));
        }
        seen += &part;
    }
    if update {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios"));
        std::fs::write(folder.join(scenario.name).with_extension("trace"), &seen).unwrap();
    }
    let whole = update || seen == scenario.trace;
    whole.then_some(()).ok_or_else(|| format!("{}: its trace goes on after the last step", scenario.name))
}

struct Playing {
    namespace: &'static str,
    place: Place,
    plurals: BTreeMap<String, String>,
    /// The RAM shares of this scenario, dead ones too, in the order in which they were first seen.
    containers: Vec<String>,
    /// Writes to AWS that were shown already.
    shown: BTreeSet<u64>,
    events: BTreeSet<String>,
}

impl Playing {
    fn new(namespace: &'static str, place: Place) -> Self {
        let names = api::crds().into_iter().map(|crd| (crd.spec.names.kind, crd.spec.names.plural));
        let playing = Self {
            namespace,
            place,
            plurals: names.collect(),
            containers: vec![],
            shown: BTreeSet::new(),
            events: BTreeSet::new(),
        };
        for (_, arn) in playing.resources() {
            playing.place.aws.world().add_resource(&arn);
        }
        playing
    }

    /// Resources that are only this scenario's, by their words in its file.
    fn resources(&self) -> [(&'static str, String); 3] {
        let own = self.namespace.bytes().fold(7_u64, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
        let arn = |resource: &str, number: usize| {
            let id = format!("{:013x}{number:04x}", own & 0x000f_ffff_ffff_ffff);
            format!("arn:aws:ec2:{}:{}:{resource}-{id}", example::REGION, example::NETWORK_PROD)
        };
        [
            ("$SUBNET1", arn("subnet/subnet", 1)),
            ("$SUBNET2", arn("subnet/subnet", 2)),
            ("$LIST", arn("prefix-list/pl", 3)),
        ]
    }

    fn with_names(&self, text: &str) -> String {
        let text = text.replace("$NAMESPACE", self.namespace);
        self.resources().into_iter().fold(text, |text, (word, arn)| text.replace(word, &arn))
    }

    async fn step(&mut self, step: Step, wanted: Option<&str>) -> String {
        let (what, outcome) = match step {
            Step::Apply(apply) => self.apply(apply).await,
            Step::Patch { kind, name, patch } => {
                let patched =
                    self.api(&kind).patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await;
                (format!("patch {kind} {name}"), verdict(patched.map(|object| object.metadata.generation)))
            }
            Step::Delete { kind, name } => {
                let deleted = self.api(&kind).delete(&name, &DeleteParams::default()).await;
                (format!("delete {kind} {name}"), verdict(deleted.map(|_| None)))
            }
            Step::ByHand { operation, params } => {
                self.meet_containers();
                let newest = self.containers.last().cloned().unwrap_or_default();
                let params = params.to_string().replace("$CONTAINER", &newest);
                let params = serde_json::from_str(&params).unwrap();
                let caller = Caller::administrator(example::NETWORK_PROD, example::REGION);
                let answer = self.place.aws.world().call(&caller, "ram", &operation, &params);
                (format!("by hand: {operation}"), answer.map_or_else(|e| format!("{e:?}"), |_| "done".into()))
            }
            Step::Look(what) => return self.look(&what, wanted).await,
        };
        self.plain(&format!("{what}\n  {outcome}\n\n"))
    }

    async fn apply(&self, Apply { mut object, by, force }: Apply) -> (String, String) {
        let kind = object["kind"].as_str().unwrap().to_owned();
        object["apiVersion"] = if kind == "Namespace" { "v1" } else { "sharekeeper.dev/v1alpha1" }.into();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let mut parameters = PatchParams::apply(&by);
        parameters.force = force;
        let applied = self.api(&kind).patch(&name, &parameters, &Patch::Apply(&object)).await;
        (format!("{by} applies {kind} {name}"), verdict(applied.map(|object| object.metadata.generation)))
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let ours = self.plurals.get(kind);
        let (group, version) = if ours.is_some() { ("sharekeeper.dev", "v1alpha1") } else { ("", "v1") };
        let mut resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        resource.plural = ours.cloned().unwrap_or(resource.plural);
        if kind == "Share" {
            Api::namespaced_with(self.place.client.clone(), self.namespace, &resource)
        } else {
            Api::all_with(self.place.client.clone(), &resource)
        }
    }

    /// Looks until it sees what is wanted, or for so long that all has come to rest.
    async fn look(&mut self, what: &str, wanted: Option<&str>) -> String {
        let deadline = Instant::now() + self.place.patience;
        loop {
            let (seen, shown) = self.all_that_can_be_seen(what).await;
            let late = Instant::now() >= deadline;
            if late || wanted == Some(&*seen) {
                self.shown.extend(shown);
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn all_that_can_be_seen(&mut self, what: &str) -> (String, Vec<u64>) {
        self.meet_containers();
        let mut text = format!("look: {what}\n");
        for row in self.printed().await {
            writeln!(text, "  {row}").unwrap();
        }
        for share in self.objects("Share").await {
            writeln!(text, "  Share {}", share["metadata"]["name"].as_str().unwrap()).unwrap();
            conditions(&share).for_each(|line| writeln!(text, "    {line}").unwrap());
            for field in ["principals", "resources"] {
                let entries = share["status"][field].as_array().into_iter().flatten();
                entries.for_each(|entry| writeln!(text, "    {field}: {}", without_times(entry)).unwrap());
            }
        }
        for record in self.objects("UndeclaredShare").await {
            let (spec, status) = (&record["spec"], &record["status"]);
            let of = |key: &str| status[key].as_str().unwrap_or_default().to_owned();
            if self.containers.contains(&of("id")) {
                writeln!(
                    text,
                    "  UndeclaredShare of {}: {} {}, spec {spec}",
                    of("id"),
                    of("why"),
                    of("phase")
                )
                .unwrap();
            }
        }
        for event in self.events().await {
            writeln!(text, "  event {event}").unwrap();
        }
        for grant in self.in_force() {
            writeln!(text, "  in force: {grant}").unwrap();
        }
        let writes = self.writes();
        for (_, write) in &writes {
            writeln!(text, "  AWS: {write}").unwrap();
        }
        (self.plain(&(text + "\n")), writes.into_iter().map(|(sequence, _)| sequence).collect())
    }

    /// What `kubectl get shares --output wide` prints, ages apart.
    async fn printed(&self) -> Vec<String> {
        let url = format!("/apis/sharekeeper.dev/v1alpha1/namespaces/{}/shares", self.namespace);
        let request = http::Request::get(url).header(ACCEPT, "application/json;as=Table;v=v1;g=meta.k8s.io");
        let table: Value = self.place.client.request(request.body(vec![]).unwrap()).await.unwrap();
        let columns: Vec<&Value> = table["columnDefinitions"].as_array().unwrap().iter().collect();
        let rows = table["rows"].as_array().into_iter().flatten();
        rows.map(|row| {
            let cells = columns.iter().zip(row["cells"].as_array().unwrap());
            let cells = cells.filter(|(column, _)| column["name"] != "Age");
            cells
                .map(|(column, cell)| format!("{}={cell}", column["name"].as_str().unwrap()))
                .collect::<Vec<_>>()
        })
        .map(|cells| cells.join(" "))
        .collect()
    }

    async fn objects(&self, kind: &str) -> Vec<Value> {
        let all = self.api(kind).list(&ListParams::default()).await.unwrap();
        all.items.iter().map(|object| serde_json::to_value(object).unwrap()).collect()
    }

    /// All events about objects of the scenario so far; one that is told again is the same. What is told of the way there
    /// depends on how fast it is gone.
    async fn events(&mut self) -> BTreeSet<String> {
        let events: Api<Event> = Api::namespaced(self.place.client.clone(), self.namespace);
        let told = events.list(&ListParams::default()).await.unwrap();
        for event in told.into_iter().filter(|event| event.reason.as_deref() != Some("Converging")) {
            let about = event.regarding.unwrap_or_default();
            let about = format!("{} {}", about.kind.unwrap_or_default(), about.name.unwrap_or_default());
            let [type_, reason, note] =
                [event.type_, event.reason, event.note].map(Option::unwrap_or_default);
            self.events.insert(format!("{type_} {reason} about {about}: {note}"));
        }
        self.events.clone()
    }

    fn in_force(&self) -> BTreeSet<String> {
        let now = self.place.aws.now();
        let resources = self.resources().map(|(_, arn)| arn);
        let grants = self.place.aws.world().truth(now).into_iter();
        let ours = grants.filter(|grant| resources.contains(&grant.resource));
        ours.map(|grant| format!("{} to {} by {}", grant.resource, grant.principal, grant.permission))
            .collect()
    }

    /// What the controller wrote to AWS about this scenario's shares since the last look.
    fn writes(&self) -> Vec<(u64, String)> {
        let world = self.place.aws.world();
        let of_controllers =
            world.journal().writes().filter(|e| e.key == KeyKind::Session && e.service == "ram");
        let ours = of_controllers.filter(|entry| {
            let params = entry.params.to_string();
            self.containers.iter().any(|arn| params.contains(arn))
                || params.contains(&format!("\"{}\"", self.namespace))
        });
        let new = ours.filter(|entry| !self.shown.contains(&entry.sequence));
        new.map(|entry| {
            let mut params = entry.params.clone();
            params.as_object_mut().unwrap().remove("clientToken");
            let code = entry.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
            (entry.sequence, format!("{}{code} {params}", entry.operation))
        })
        .collect()
    }

    /// Learns which RAM shares are this scenario's: those whose name or tags bear its namespace.
    fn meet_containers(&mut self) {
        let now = self.place.aws.now();
        let live = self.place.aws.world().live_shares(now);
        let prefix = format!("{}.", self.namespace);
        let ours = live.into_iter().filter(|share| {
            share.name.starts_with(&prefix) || share.tags.values().any(|tag| tag == self.namespace)
        });
        let new: Vec<String> =
            ours.map(|share| share.arn).filter(|arn| !self.containers.contains(arn)).collect();
        self.containers.extend(new);
    }

    /// Without what is of chance and of the moment: times, ids.
    fn plain(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (n, arn) in self.containers.iter().enumerate() {
            text = text.replace(arn, &format!("RAM-SHARE-{}", n + 1));
        }
        let time = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").unwrap();
        let text = time.replace_all(&text, "TIME");
        let uid = Regex::new(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").unwrap();
        uid.replace_all(&text, |_: &Captures<'_>| "UID").into_owned()
    }
}

fn verdict(answer: kube::Result<Option<i64>>) -> String {
    match answer {
        Ok(Some(generation)) => format!("done: generation {generation}"),
        Ok(None) => "done".to_owned(),
        Err(kube::Error::Api(status)) => {
            format!("refused, {} {}: {}", status.code, status.reason, in_one_order(&status))
        }
        Err(other) => panic!("{other}"),
    }
}

/// The API server walks a schema's fields in Go's order of maps, so it lists what it refuses in any order.
fn in_one_order(status: &kube::core::Status) -> String {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let mut causes: Vec<String> = causes.map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
    match status.message.split_once('[') {
        Some((before, _)) if status.code == 422 && causes.len() > 1 => {
            causes.sort();
            format!("{before}[{}]", causes.join(", "))
        }
        _ => status.message.replace('\n', " "),
    }
}

fn conditions(object: &Value) -> impl Iterator<Item = String> {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let mut lines: Vec<String> = conditions
        .map(|c| {
            let current =
                if c["observedGeneration"] == object["metadata"]["generation"] { "" } else { " (of before)" };
            let text = |key: &str| c[key].as_str().unwrap_or_default().to_owned();
            format!("{}={} {}{current}: {}", text("type"), text("status"), text("reason"), text("message"))
        })
        .collect();
    lines.sort();
    lines.into_iter()
}

fn without_times(entry: &Value) -> Value {
    let fields = entry.as_object().cloned().unwrap_or_default();
    let lasting = fields
        .into_iter()
        .filter(|(key, _)| !key.ends_with("At") && !key.ends_with("Time") && key != "since");
    json!(lasting.collect::<serde_json::Map<_, _>>())
}
