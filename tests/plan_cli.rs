//! `sharekeeper plan`: what it says of manifests and of AWS is what the controller then does, and it does nothing itself.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod world;

use std::{collections::BTreeSet, fs, time::Duration};

use serde_json::{Value, json};
use sharekeeper::{
    cli::plan::plan,
    config::{Output, PlanArgs, RateArgs},
};
use simulator::aws::example;
use world::{TGW, World, basics, share};

const SUBNET: &str = "arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-0a1b2c3d4e5f60001";

/// A folder of manifests.
struct Folder(tempfile::TempDir);

impl Folder {
    fn of(objects: &[Value]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let documents: Vec<String> =
            objects.iter().map(|object| serde_saphyr::to_string(object).unwrap()).collect();
        folder.write("all.yaml", &documents.join("---\n"));
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn args(&self, output: Output) -> PlanArgs {
        let rates = RateArgs {
            aws_read_rate: 100.0,
            aws_read_burst: 100,
            aws_write_rate: 100.0,
            aws_write_burst: 100,
        };
        PlanArgs { filename: vec![self.0.path().to_owned()], output, namespace: "network-team".into(), rates }
    }
}

/// The exit code and what was printed; the folder's path is left out of it.
async fn told(world: &World, folder: &Folder, output: Output) -> (u8, String) {
    let mut out = vec![];
    let code = plan(&folder.args(output), world.aws_config(), world.clock(), &mut out).await.unwrap();
    let path = format!("{}/", folder.0.path().display());
    (code, String::from_utf8(out).unwrap().replace(&path, ""))
}

async fn text(world: &World, folder: &Folder) -> (u8, String) {
    told(world, folder, Output::Text).await
}

async fn report(world: &World, folder: &Folder) -> (u8, Value) {
    let (code, text) = told(world, folder, Output::Json).await;
    (code, serde_json::from_str(&text).unwrap())
}

fn with(shares: &[Value]) -> Vec<Value> {
    basics(&world::organization_id()).into_iter().chain(shares.iter().cloned()).collect()
}

fn hub(spec: Value) -> Value {
    share("hub", spec)
}

/// What a report says would be done, one line a change, in the words of [`done`].
fn announced(report: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for container in containers(report) {
        let removed = container["action"] == "remove";
        for change in
            container["changes"].as_array().unwrap().iter().filter(|change| change["held"].is_null())
        {
            let (verb, what) = (change["verb"].as_str().unwrap(), change["what"].as_str().unwrap());
            let value = change["value"].as_str().unwrap();
            all.insert(match (verb, what) {
                ("remove", "container") => format!("delete {}", container["arn"].as_str().unwrap()),
                // They go with it.
                ("remove", _) if removed => continue,
                ("add", "container") => format!("create {value}"),
                ("add" | "set", "tag") => format!("tag {}={value}", change["of"].as_str().unwrap()),
                ("remove", "tag") => format!("untag {}", change["of"].as_str().unwrap()),
                _ => format!("{verb} {what} {value}"),
            });
        }
    }
    all
}

fn containers(report: &Value) -> Vec<&Value> {
    let cells = report["accountRegions"].as_array().unwrap().iter();
    let shares = cells.flat_map(|cell| cell["shares"].as_array().unwrap());
    shares.flat_map(|share| share["containers"].as_array().unwrap()).collect()
}

/// What was written to AWS since the journal was last cleared.
fn done(world: &World) -> BTreeSet<String> {
    let aws = world.aws.world();
    aws.journal().writes().filter(|entry| entry.effect && entry.service == "ram").flat_map(effects).collect()
}

fn effects(entry: &simulator::aws::journal::Entry) -> Vec<String> {
    let params = &entry.params;
    let texts = |member: &str, words: &str| -> Vec<String> {
        let list = params[member].as_array().into_iter().flatten();
        list.map(|item| format!("{words} {}", item.as_str().unwrap())).collect()
    };
    let members = |verb: &str| {
        [
            texts("principals", &format!("{verb} principal")),
            texts("resourceArns", &format!("{verb} resource")),
        ]
        .concat()
    };
    let tags = params["tags"].as_array().into_iter().flatten().map(|tag| (&tag["key"], &tag["value"]));
    let tags = tags.map(|(key, value)| format!("tag {}={}", key.as_str().unwrap(), value.as_str().unwrap()));
    let tags = tags.filter(|tag| !tag.starts_with("tag sharekeeper.dev/"));
    match entry.operation.as_str() {
        "CreateResourceShare" => {
            let create = format!("create {}", params["name"].as_str().unwrap());
            let permissions = texts("permissionArns", "set permission");
            [vec![create], members("add"), permissions, tags.collect()].concat()
        }
        "DeleteResourceShare" => vec![format!("delete {}", params["resourceShareArn"].as_str().unwrap())],
        "AssociateResourceShare" => members("add"),
        "DisassociateResourceShare" => members("remove"),
        "AssociateResourceSharePermission" => {
            vec![format!("set permission {}", params["permissionArn"].as_str().unwrap())]
        }
        "TagResource" => tags.collect(),
        "UntagResource" => texts("tagKeys", "untag"),
        "UpdateResourceShare" => {
            params["name"].as_str().into_iter().map(|name| format!("set name {name}")).collect()
        }
        other => panic!("{other} {params}"),
    }
}

/// Brings the world to rest under `before`, plans `after`, applies it, and compares what was told with what was written.
async fn law(name: &str, before: &[Value], after: &[Value], meddle: impl FnOnce(&World)) {
    let mut world = World::with_basics(1).await;
    for object in before {
        world.apply(object.clone()).await;
    }
    world.start();
    world.rest(300).await;
    world.stop();
    meddle(&world);
    world.aws.world().journal_mut().clear();

    let declared: Vec<Value> = replaced(&basics(&world::organization_id()), after);
    let folder = Folder::of(&declared);
    let (code, report) = report(&world, &folder).await;
    assert_eq!(done(&world), BTreeSet::new(), "a plan writes nothing");
    let announced = announced(&report);

    for object in after {
        world.apply(object.clone()).await;
    }
    world.start();
    world.rest(600).await;
    let done = done(&world);
    let waits: Vec<&str> = containers(&report)
        .into_iter()
        .flat_map(|c| c["waits"].as_array().unwrap())
        .map(|wait| wait.as_str().unwrap())
        .collect();
    let words = format!("{name}\n{before:?}\n{after:?}\n{report:#}");
    assert!(announced.is_subset(&done), "told and not done: {:?}\n{words}", announced.difference(&done));
    for change in done.difference(&announced) {
        let value = change.rsplit(' ').next().unwrap();
        assert!(waits.iter().any(|wait| wait.contains(value)), "done and not told: {change}\n{words}");
    }
    let anything = !announced.is_empty()
        || report["counts"]
            != json!({"make": 0, "change": 0, "remove": 0, "held": 0,
        "waiting": 0, "refused": 0, "undeclared": 1, "orphaned": 0, "unknown": 0});
    assert_eq!(code, if anything { 2 } else { 0 }, "{words}");
    if report["counts"]["held"] == 0 && report["counts"]["refused"] == 0 {
        let (code, text) = text(&world, &folder).await;
        assert_eq!(code, 0, "once all is done nothing is left: {text}\n{words}");
    }
}

/// The objects, with those of `new` in place of those of the same name.
fn replaced(objects: &[Value], new: &[Value]) -> Vec<Value> {
    let name = |object: &Value| (object["kind"].clone(), object["metadata"]["name"].clone());
    let kept = objects.iter().filter(|object| !new.iter().any(|other| name(other) == name(object)));
    kept.chain(new).cloned().collect()
}

fn set(spec: Value) -> Value {
    edited("AccountSet", spec)
}

fn policy(allow: Value) -> Value {
    edited("SharingPolicy", json!({"allow": allow}))
}

/// The basic object of a kind, with some members of its spec replaced.
fn edited(kind: &str, spec: Value) -> Value {
    let mut object =
        basics(&world::organization_id()).into_iter().find(|object| object["kind"] == kind).unwrap();
    object["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    object
}

#[tokio::test(start_paused = true)]
async fn what_is_told_is_what_is_done() {
    let two = json!({"targets": [{"account": "data-prod"}, {"account": "web-prod"}]});
    let one = json!({"targets": [{"account": "web-prod"}]});
    let outside = json!({"targets": [{"account": "data-prod"}, {"externalAccount": example::PARTNER, "until": "2026-12-31T00:00:00Z", "reason": "contract"}],
        "allowExternal": true});
    let full = json!([{"resourceType": "ec2:Subnet", "permission": "AWSRAMDefaultPermissionSubnet"}]);
    let cases: Vec<(&str, Vec<Value>, Vec<Value>)> = vec![
        ("make", vec![], vec![hub(two.clone())]),
        ("nothing", vec![hub(two.clone())], vec![hub(two.clone())]),
        ("narrow", vec![hub(two.clone())], vec![hub(one.clone())]),
        ("widen", vec![hub(one.clone())], vec![hub(two.clone())]),
        (
            "rename and tag",
            vec![hub(json!({"targets": [{"account": "data-prod"}], "tags": {"a": "1"}}))],
            vec![hub(
                json!({"targets": [{"account": "data-prod"}], "name": "main-hub", "tags": {"a": "2", "b": "3"}}),
            )],
        ),
        (
            "another resource",
            vec![hub(two.clone())],
            vec![hub(
                json!({"targets": [{"account": "data-prod"}, {"account": "web-prod"}], "resources": [{"arn": SUBNET}]}),
            )],
        ),
        (
            "all at once",
            vec![hub(two.clone())],
            vec![hub(
                json!({"targets": [{"account": "data-test"}], "resources": [{"arn": SUBNET}], "name": "x"}),
            )],
        ),
        ("outside", vec![hub(one.clone())], vec![hub(outside.clone())]),
        ("no longer outside", vec![hub(outside)], vec![hub(json!({"targets": [{"account": "data-prod"}]}))]),
        (
            "the default permission by name",
            vec![share(
                "subnets",
                json!({"targets": [{"account": "data-prod"}], "resources": [{"arn": SUBNET}]}),
            )],
            vec![share(
                "subnets",
                json!({"targets": [{"account": "data-prod"}], "resources": [{"arn": SUBNET}], "permissions": full}),
            )],
        ),
        (
            "policy takes away",
            vec![hub(two.clone())],
            vec![
                hub(two.clone()),
                policy(json!({"resourceTypes": ["ec2:TransitGateway"], "accounts": ["web-prod"]})),
            ],
        ),
        ("Report", vec![hub(two.clone())], vec![hub(one.clone()), set(json!({"mode": "Report"}))]),
        (
            "AddOnly",
            vec![hub(two.clone())],
            vec![
                hub(json!({"targets": [{"account": "data-prod"}, {"account": "data-test"}]})),
                set(json!({"mode": "AddOnly"})),
            ],
        ),
        ("suspended", vec![hub(two.clone())], vec![hub(json!({"targets": [], "suspend": true}))]),
        ("halt", vec![hub(two.clone())], vec![hub(one), edited("Installation", json!({"halt": true}))]),
    ];
    for (name, before, after) in cases {
        law(name, &before, &after, |_| {}).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_did_in_aws_is_told_and_put_right() {
    let declared = [hub(json!({"targets": [{"account": "data-prod"}, {"account": "web-prod"}]}))];
    law("drift", &declared, &declared, |world| {
        let owner = simulator::aws::Caller::administrator(example::NETWORK_PROD, example::REGION);
        let now = world.aws.now();
        let mut aws = world.aws.world();
        let share = aws.truth(now).into_iter().find(|grant| grant.resource == TGW).unwrap().share;
        let gone = json!({"resourceShareArn": share, "principals": [example::DATA_PROD]});
        aws.call(&owner, "ram", "DisassociateResourceShare", &gone).unwrap();
        let more = json!({"resourceShareArn": share, "principals": ["444400001111"]});
        aws.call(&owner, "ram", "AssociateResourceShare", &more).unwrap();
    })
    .await;
}

/// Some Share of a small space: each bit of `bits` declares something.
fn any_share(bits: u64) -> Value {
    let chosen = |from: u64, of: Vec<Value>| -> Vec<Value> {
        (from..).zip(of).filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, value)| value).collect()
    };
    let targets = chosen(
        0,
        vec![
            json!({"account": "data-prod"}),
            json!({"account": "web-prod"}),
            json!({"organizationalUnit": "Root/Workloads/Test"}),
            json!({"account": "sandbox-anna"}),
            json!({"externalAccount": example::PARTNER, "until": "2026-12-31T00:00:00Z", "reason": "contract"}),
        ],
    );
    let mut resources = chosen(5, vec![json!({"arn": TGW}), json!({"arn": SUBNET})]);
    if resources.is_empty() {
        resources.push(json!({"arn": TGW}));
    }
    let mut spec = json!({"targets": targets, "resources": resources, "allowExternal": bits >> 4 & 1 == 1});
    if bits >> 7 & 1 == 1 {
        spec["name"] = "renamed".into();
    }
    if bits >> 8 & 1 == 1 {
        spec["tags"] = json!({"a": "1"});
    }
    share("any", spec)
}

#[tokio::test(start_paused = true)]
async fn what_is_told_is_what_is_done_from_anything_to_anything() {
    for seed in 0..24_u64 {
        let bits = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        law(&format!("seed {seed}"), &[any_share(bits >> 8)], &[any_share(bits >> 32)], |_| {}).await;
    }
}
