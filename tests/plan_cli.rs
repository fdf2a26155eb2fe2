//! `sharekeeper plan`: what it says of manifests and of AWS is what the controller then does, and it does nothing itself.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "helpers of tests fail as tests do, take literals and hold tables"
)]

mod cel;
mod world;

use std::{collections::BTreeSet, fs, sync::LazyLock};

use serde_json::{Value, json};
use sharekeeper::{
    cli::plan::plan,
    config::{Output, PlanArgs, RateArgs},
};
use simulator::aws::example;
use world::{TGW, World, share};

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
    let code = plan(&folder.args(output), std::future::ready(world.aws_config()), world.clock(), &mut out)
        .await
        .unwrap();
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

/// The objects that every world here begins with.
fn basics() -> Vec<Value> {
    static ORGANIZATION: LazyLock<String> = LazyLock::new(world::organization_id);
    world::basics(&ORGANIZATION)
}

fn with(shares: &[Value]) -> Vec<Value> {
    basics().into_iter().chain(shares.iter().cloned()).collect()
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
    world.rest(60).await;
    meddle(&world);
    world.aws.world().journal_mut().clear();

    let declared: Vec<Value> = replaced(&basics(), after);
    let folder = Folder::of(&declared);
    let (code, report) = report(&world, &folder).await;
    assert_eq!(done(&world), BTreeSet::new(), "a plan writes nothing");
    let announced = announced(&report);

    for object in after {
        world.apply(object.clone()).await;
    }
    // Until the next whole reading, which finds what somebody did.
    world.rest(700).await;
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
    let mut object = basics().into_iter().find(|object| object["kind"] == kind).unwrap();
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
    for seed in 0..12_u64 {
        let bits = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        law(&format!("seed {seed}"), &[any_share(bits >> 8)], &[any_share(bits >> 32)], |_| {}).await;
    }
}

const SHARE: &str = "apiVersion: sharekeeper.dev/v1alpha1
kind: Share
metadata: {name: hub, namespace: team}
spec:
  account: network-prod
  region: eu-west-1
";
const RESOURCES: &str = "  resources:
  - arn: arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-1
";

#[tokio::test(start_paused = true)]
async fn what_is_broken_is_told_with_file_line_and_field() {
    let world = World::new(1);
    let inside = "  targets:\n  - account: data-prod\n    until: 2027-01-31T00:00:00Z\n    reason: x\n";
    let texts: Vec<(&str, String, Vec<&str>)> = vec![
        ("YAML", format!("{SHARE}  resources: [\n"), vec!["a.yaml:7: "]),
        ("a tab", "kind: Share\nspec:\n\taccount: x\n".to_owned(), vec!["a.yaml:3: "]),
        ("a field twice", format!("{SHARE}  region: eu-west-2\n"), vec!["a.yaml:7: duplicate mapping key: region"]),
        ("an unknown field", format!("{SHARE}{RESOURCES}  targets: []\n  suspended: true\n"),
            vec!["a.yaml:10: Share team/hub: spec.suspended: unknown field; known here: access, account, "]),
        ("an unknown field below", format!("{SHARE}{RESOURCES}  targets:\n  - acount: data-prod\n"),
            vec!["a.yaml:10: Share team/hub: spec.targets[0].acount: unknown field", "a.yaml:10: Share team/hub: spec.targets[0]: "]),
        ("the wrong type", format!("{SHARE}{RESOURCES}  targets: data-prod\n"),
            vec!["a.yaml:9: Share team/hub: spec.targets: must be a list and is a text"]),
        ("digits without quotes", format!("{SHARE}{RESOURCES}  targets:\n  - account: 222233334444\n"),
            vec!["a.yaml:10: Share team/hub: spec.targets[0].account: must be a text and is a whole number; put it in quotes"]),
        ("a missing field", format!("{SHARE}  targets: []\n"), vec!["a.yaml:5: Share team/hub: spec.resources: is required and missing"]),
        ("a CEL rule", format!("{SHARE}{RESOURCES}  targets:\n  - account: a\n    role: arn:aws:iam::222233334444:role/x\n"),
            vec!["a.yaml:10: Share team/hub: spec.targets[0]: "]),
        ("until inside", format!("{SHARE}{RESOURCES}{inside}"), vec!["a.yaml:11: Share team/hub: spec.targets[0].until: "]),
        ("a rule of the whole", format!("{SHARE}{RESOURCES}  allowExternal: false\n  targets:\n  - {{externalAccount: \"999988887777\", until: 2027-01-31T00:00:00Z, reason: x}}\n"),
            vec!["a.yaml:9: Share team/hub: spec.allowExternal: set it to true"]),
        ("a moment that is none", format!("{SHARE}{RESOURCES}  targets:\n  - externalAccount: \"999988887777\"\n    until: soon\n"),
            vec!["a.yaml:5: Share team/hub: spec.allowExternal: ", "a.yaml:10: Share team/hub: spec.targets[0]: ",
                "a.yaml:11: Share team/hub: spec.targets[0].until: \"soon\" is not a moment"]),
        ("an enumeration", format!("{SHARE}{RESOURCES}  targets: []\n  enforcement: Off\n"),
            vec!["a.yaml:10: Share team/hub: spec.enforcement: "]),
        ("a resource twice", format!("{SHARE}{RESOURCES}  - arn: arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-1\n  targets: []\n"),
            vec!["a.yaml:9: Share team/hub: spec.resources[1]: stands in the list twice"]),
        ("the second document", format!("{SHARE}{RESOURCES}  targets: []\n---\n{SHARE}{RESOURCES}  targets: []\n"),
            vec!["a.yaml:13: Share team/hub: metadata.name: is declared twice; the first is a.yaml:1"]),
        ("no name", "apiVersion: sharekeeper.dev/v1alpha1\nkind: Share\nmetadata:\n  namespace: team\n".to_owned(),
            vec!["a.yaml:4: Share team/(without a name): metadata.name: is required"]),
        ("no kind", "apiVersion: sharekeeper.dev/v1alpha1\nkinds: Share\n".to_owned(), vec!["a.yaml:1: not a manifest: kind: is required"]),
        ("an unknown kind", "apiVersion: sharekeeper.dev/v1alpha1\nkind: Shares\n".to_owned(), vec!["a.yaml:2: Shares: kind: unknown kind"]),
        ("another version", "apiVersion: sharekeeper.dev/v1\nkind: Share\n".to_owned(), vec!["a.yaml:1: Share: apiVersion: version v1 is unknown here"]),
        ("a pattern", "apiVersion: sharekeeper.dev/v1alpha1\nkind: AccountSet\nmetadata: {name: s}\nspec:\n  mode: Enforce\n  regions: [eu-west-1]\n  accounts: [{id: \"111122223333\"}]\n  access:\n    roleName: a b\n".to_owned(),
            vec!["a.yaml:9: AccountSet s: spec.access.roleName: \"a b\" does not match ^"]),
        ("an organization that is nowhere", "apiVersion: sharekeeper.dev/v1alpha1\nkind: AccountSet\nmetadata: {name: s}\nspec:\n  mode: Enforce\n  regions: [eu-west-1]\n  accounts: [{name: a}]\n  organization: other\n".to_owned(),
            vec!["a.yaml:8: AccountSet s: spec.organization: no manifest declares Organization other"]),
    ];
    let mut wrong = vec![];
    for (name, text, expected) in texts {
        let folder = Folder::of(&basics());
        folder.write("a.yaml", &text);
        let (code, said) = self::text(&world, &folder).await;
        let lines: Vec<&str> = said.lines().collect();
        let (lines, end) = lines.split_at(lines.len() - 2);
        let fits = lines.len() == expected.len()
            && lines.iter().zip(&expected).all(|(line, start)| line.starts_with(start));
        if code != 1 || !fits || !end[1].ends_with("nothing was planned.") {
            wrong.push(format!("{name}: exit {code}\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        world.aws.world().journal().entries().len(),
        0,
        "what is broken is told without a look at AWS"
    );
}

#[tokio::test(start_paused = true)]
async fn all_that_is_broken_is_told_at_once_and_as_data() {
    let world = World::new(1);
    let folder = Folder::of(&basics());
    folder.write("a.yaml", &format!("{SHARE}  colour: blue\n"));
    folder.write("b.yml", "a: [");
    folder.write("c.json", "{\"apiVersion\": \"sharekeeper.dev/v1alpha1\",\n\"kind\": \"Installation\",\n\"metadata\": {\"name\": \"sharekeeper\"},\n\"spec\": {\"id\": 7}}");
    let (code, report) = report(&world, &folder).await;
    assert_eq!(code, 1);
    let problems = report["problems"].as_array().unwrap().iter();
    let told: Vec<_> = problems
        .map(|p| (p["file"].as_str().unwrap(), p["line"].as_u64().unwrap(), p["field"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("a.yaml", 5, Some("spec.resources")),
            ("a.yaml", 5, Some("spec.targets")),
            ("a.yaml", 7, Some("spec.colour")),
            ("b.yml", 1, None),
            ("c.json", 4, Some("spec.id")),
        ]
    );
    let nowhere = PlanArgs { filename: vec!["/nowhere/at/all".into()], ..folder.args(Output::Text) };
    let mut out = vec![];
    assert_eq!(
        plan(&nowhere, std::future::ready(world.aws_config()), world.clock(), &mut out).await.unwrap(),
        1
    );
    assert!(String::from_utf8(out).unwrap().contains("/nowhere/at/all: cannot be read: No such file"));
}

#[tokio::test(start_paused = true)]
async fn aws_out_of_reach_is_an_error_with_its_reason() {
    use simulator::aws::weather::{Fault, Moment, Trouble};
    let world = World::new(1);
    let folder = Folder::of(&with(&[hub(json!({"targets": [{"account": "data-prod"}]}))]));
    for (operation, place) in [
        ("GetResourceShares", "accountRegions"),
        ("AssumeRole", "accountRegions"),
        ("ListAccounts", "organizations"),
    ] {
        world.weather(|weather| {
            weather.faults = vec![Fault::always(operation, Moment::Before, Trouble::AccessDenied)];
        });
        let (code, report) = report(&world, &folder).await;
        assert_eq!(code, 1, "{operation}: {report:#}");
        let unknown = &report[place][0]["unknown"];
        assert!(
            ["AccessDenied", "AssumeRoleFailed"].contains(&unknown["reason"].as_str().unwrap()),
            "{report:#}"
        );
        assert!(announced(&report).is_empty());
        let (code, text) = text(&world, &folder).await;
        assert_eq!(code, 1);
        assert!(
            text.contains(unknown["message"].as_str().unwrap().split(" (request").next().unwrap())
                && text.ends_with("1 not read.\n"),
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_held_and_left_over_is_told_with_its_reason() {
    let mut world = World::with_basics(1).await;
    let old = share("old", json!({"targets": [{"account": "data-prod"}]}));
    let kept = hub(json!({"targets": [{"account": "data-prod"}]}));
    for object in [&old, &kept] {
        world.apply(object.clone()).await;
    }
    world.start();
    world.until_ready("old").await;
    world.until_ready("hub").await;
    world.rest(60).await;
    let declared = with(&[
        hub(
            json!({"targets": [{"account": "web-prod"}, {"account": "sandbox-anna"}, {"account": "nobody"}], "suspend": true}),
        ),
        share(
            "elsewhere",
            json!({"account": "data-prod", "resources": [{"arn": TGW.replace("111122223333", "222233334444")}], "targets": []}),
        ),
    ]);
    let (code, said) = text(&world, &Folder::of(&declared)).await;
    println!("{said}");
    assert_eq!(code, 2);
    for line in [
        "- principal 222233334444 (data-prod), held: Suspended: the Share says `suspend: true`",
        "+ principal 222233335555 (account: web-prod), held: Suspended: the Share says `suspend: true`",
        "! account: sandbox-anna: NotPermitted: ",
        "! account: nobody: NameUnknown: ",
        "! Share network-team/elsewhere: NotGoverned: ",
        "made for Share network-team/old, which is not among these manifests; deleting that Share revokes this",
        "principal 999988887777 (outside the organization)",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    let partner = said.find("partner-prefixes").unwrap();
    assert!(partner < said.find("network-team.old").unwrap(), "who is outside comes first\n{said}");
    assert!(
        said.ends_with("Plan: 0 to make, 0 to change, 0 to remove, 1 held; 3 refused; 2 undeclared.\n"),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_of_no_known_type_is_planned_with_a_warning() {
    let world = World::with_basics(1).await;
    let view = "arn:aws:route53globalresolver:eu-west-1:111122223333:dns-view/dnsv-1";
    let views = world::policy(
        "views",
        json!({"resourceTypes": ["route53globalresolver:dns-view"], "resources": [view],
            "organizationalUnits": ["Root/Workloads"]}),
    );
    let of = |arn: &str| {
        share("view", json!({"resources": [{"arn": arn}], "targets": [{"account": "data-prod"}]}))
    };
    let (code, said) = text(&world, &Folder::of(&with(&[views.clone(), of(view)]))).await;
    assert_eq!(code, 2);
    let warning = format!("      * {view}: it is shared since a SharingPolicy names it");
    assert!(said.contains(&warning) && said.contains(&format!("+ resource {view}")), "{said}");
    let other = view.replace("dnsv-1", "dnsv-2");
    let (code, said) = text(&world, &Folder::of(&with(&[views, of(&other)]))).await;
    assert_eq!(code, 2);
    assert!(
        said.contains(&format!("      ! {other}: TypeUnknown: ")) && !said.contains("      * "),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_ended_target_is_as_declared() {
    let world = World::new(1);
    let ended = json!({"targets": [{"externalAccount": example::PARTNER, "until": "2026-01-01T00:00:00Z", "reason": "over"}], "allowExternal": true});
    let (code, said) = text(&world, &Folder::of(&with(&[hub(ended)]))).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("x externalAccount: 999988887777: Expired: access ended on 2026-01-01"), "{said}");
}

/// The cases that run on a real apiserver as well: a manifest is taken by `plan` if and only if that takes it.
#[test]
fn a_manifest_is_taken_as_the_apiserver_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let about_spec = |case: &cel::Case| case.old.is_none() && case.object["status"].is_null();
    let kinds = ["Installation", "Organization", "AccountSet", "SharingPolicy", "Share"];
    let cases: Vec<cel::Case> = cel::load().into_iter().filter(about_spec).collect();
    let cases: Vec<&cel::Case> = cases.iter().filter(|case| kinds.contains(&case.kind.as_str())).collect();
    for (index, case) in cases.iter().enumerate() {
        fs::write(folder.path().join(format!("{index:04}.json")), case.object.to_string()).unwrap();
    }
    let problems =
        sharekeeper::cli::plan::manifests::load(&[folder.path().to_owned()], "default").unwrap_err();
    // What concerns several manifests is no matter of one.
    let alone =
        |message: &str| !message.contains("is declared twice") && !message.contains("no manifest declares");
    let mut wrong = vec![];
    for (index, case) in cases.iter().enumerate() {
        let file = folder.path().join(format!("{index:04}.json"));
        let told: Vec<String> = problems
            .iter()
            .filter(|problem| problem.file.as_ref() == Some(&file) && alone(&problem.message))
            .map(ToString::to_string)
            .collect();
        if told.is_empty() != case.refused.is_none() {
            wrong.push(format!("{} {}: expected {:?}, told {told:?}", case.kind, case.name, case.refused));
        }
    }
    assert!(cases.len() > 100 && wrong.is_empty(), "{} cases\n{}", cases.len(), wrong.join("\n"));
}
