//! `sharekeeper inventory`: all shares of the governed cells, whoever made them, and a cell that cannot be read beside them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "helpers of tests fail as tests do, take literals and hold tables"
)]

mod world;

use std::fs;

use serde_json::{Value, json};
use sharekeeper::{
    cli::{
        governed::{Source, SourceArgs},
        inventory::{Choice, Format, InventoryArgs, inventory},
    },
    config::RateArgs,
};
use simulator::aws::{
    action::Action,
    example,
    weather::{Fault, Moment, Trouble},
};
use world::{DATA, KEY, LIST, PARTNER, QUEUE, REPOSITORY, SECRET, SUBNET_1, TGW, World, set, share};

const NETWORK_TEST: &str = "111122224444";

fn args(choice: Choice, output: Format) -> InventoryArgs {
    InventoryArgs {
        source: SourceArgs::default(),
        namespace: "network-team".into(),
        choice,
        output,
        at_once: 8,
        rates: RateArgs {
            aws_read_rate: 100.0,
            aws_read_burst: 100,
            aws_write_rate: 100.0,
            aws_write_burst: 100,
        },
    }
}

/// The exit code and what was printed.
async fn printed(world: &World, source: &Source, choice: Choice, output: Format) -> (u8, String) {
    let mut out = vec![];
    let base = std::future::ready(world.aws_config());
    let code = inventory(&args(choice, output), source, base, world.clock(), &mut out).await.unwrap();
    (code, String::from_utf8(out).unwrap())
}

async fn of_cluster(world: &World, choice: Choice) -> (u8, Value) {
    let source = Source::Cluster(world.client.clone());
    let (code, text) = printed(world, &source, choice, Format::Json).await;
    (code, serde_json::from_str(&text).unwrap())
}

/// Each share with whose it is.
fn listed(report: &Value) -> Vec<(String, String)> {
    let cells = report["accountRegions"].as_array().unwrap().iter();
    let shares = cells.flat_map(|cell| cell["shares"].as_array().unwrap());
    let whose = |share: &Value| match share["declaredBy"].as_array() {
        Some(by) => {
            format!("{}/{} {}", text(&by[0], "namespace"), text(&by[0], "name"), text(&by[0], "side"))
        }
        None => text(share, "undeclared"),
    };
    shares.map(|share| (text(share, "name"), whose(share))).collect()
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_default().to_owned()
}

/// One share of each kind.
async fn varied(seed: u64) -> World {
    let mut world = World::with_basics(seed).await;
    let installation = json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "Installation", "metadata": {"name": "sharekeeper"}, "spec": {"id": "test", "peers": ["east"]}});
    world.apply(installation).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}, world::outside("2026-12-31T00:00:00Z")], "allowExternal": true}))).await;
    world.start();
    world.until("hub is made", || async { (world.live_shares().len() == 2).then_some(()) }).await;
    world.rest(60).await;
    for (name, installation) in [("orphan", "test"), ("theirs", "east"), ("of-nobody-we-know", "west")] {
        let tags = [
            ("installation", installation),
            ("namespace", "network-team"),
            ("name", "gone"),
            ("uid", "u"),
            ("side", "inner"),
        ];
        let tags = tags.map(|(key, value)| json!({"key": format!("sharekeeper.dev/{key}"), "value": value}));
        world.by_hand("CreateResourceShare", json!({"name": name, "resourceArns": [LIST], "principals": [DATA], "tags": tags, "allowExternalPrincipals": false}));
    }
    world.act(Action::PutResourcePolicy {
        account: example::NETWORK_PROD.into(),
        region: example::REGION.into(),
        resource: SUBNET_1.into(),
        template: "{}".into(),
        principals: vec![DATA.into()],
    });
    world.rest(700).await;
    world.stop();
    world
}

#[tokio::test(start_paused = true)]
async fn every_share_is_listed_with_whose_it_is() {
    let world = varied(500).await;
    let writes = (world.aws_writes(), world.controller_writes());
    let (code, report) = of_cluster(&world, Choice::default()).await;
    assert_eq!(code, 0, "{report:#}");
    let mut listed = listed(&report);
    listed.sort();
    let made = listed.iter().find(|(_, whose)| whose == "ServiceManaged").unwrap().0.clone();
    let mut expected: Vec<(String, String)> = [
        ("network-team.hub", "network-team/hub inner"),
        ("network-team.hub.outside", "network-team/hub outer"),
        ("orphan", "Orphaned"),
        ("theirs", "OtherInstallation"),
        ("of-nobody-we-know", "Foreign"),
        ("partner-prefixes", "Foreign"),
        (&made, "ServiceManaged"),
    ]
    .map(|(name, whose)| (name.to_owned(), whose.to_owned()))
    .into();
    expected.sort();
    assert_eq!(listed, expected, "{report:#}");
    assert_eq!(
        report["counts"],
        json!({"accountRegions": 1, "unknown": 0, "unread": 0, "shares": 7, "undeclared": 5, "external": 2, "listed": 7})
    );
    assert_eq!((world.aws_writes(), world.controller_writes()), writes, "an inventory writes nothing");

    let shares = report["accountRegions"][0]["shares"].as_array().unwrap();
    let legacy = shares.iter().find(|share| share["name"] == "partner-prefixes").unwrap();
    assert_eq!(legacy["counts"], json!({"inside": 0, "outside": 1, "resources": 1}));
    assert_eq!(legacy["principals"], json!([{"id": PARTNER, "external": true, "state": "ASSOCIATED"}]));
    assert_eq!(legacy["permissions"][0]["resourceType"], "ec2:PrefixList");
    assert_eq!(legacy["tags"], json!({"created-by": "console"}));
    assert_eq!((&legacy["allowExternalPrincipals"], &legacy["state"]), (&json!(true), &json!("ACTIVE")));
    let orphan = shares.iter().find(|share| share["name"] == "orphan").unwrap();
    assert_eq!(
        (&orphan["origin"], &orphan["principals"][0]["name"]),
        (&json!("network-team/gone"), &json!("data-prod"))
    );
}

#[tokio::test(start_paused = true)]
async fn choices_narrow_what_is_listed_and_never_what_is_counted() {
    let world = varied(501).await;
    let names = |report: &Value| -> Vec<String> {
        let mut names: Vec<String> = listed(report).into_iter().map(|(name, _)| name).collect();
        names.sort();
        names
    };
    let (_, external) = of_cluster(&world, Choice { external: true, ..Choice::default() }).await;
    assert_eq!(names(&external), ["network-team.hub.outside", "partner-prefixes"]);
    let both = Choice { external: true, undeclared: true, ..Choice::default() };
    let (_, both) = of_cluster(&world, both).await;
    assert_eq!(names(&both), ["partner-prefixes"]);
    assert_eq!((&both["counts"]["shares"], &both["counts"]["listed"]), (&json!(7), &json!(1)));

    world.apply(set(json!({"accounts": [{"name": "network-prod"}, {"name": "network-test"}], "regions": ["eu-west-1", "us-east-1"]}))).await;
    let cells = |report: &Value| -> Vec<String> {
        let cells = report["accountRegions"].as_array().unwrap().iter();
        cells.map(|cell| format!("{}.{}", text(cell, "account"), text(cell, "region"))).collect()
    };
    for (choice, expected) in [
        (
            Choice::default(),
            vec![
                "111122223333.eu-west-1",
                "111122223333.us-east-1",
                "111122224444.eu-west-1",
                "111122224444.us-east-1",
            ],
        ),
        (
            Choice { accounts: vec!["network-test".into()], ..Choice::default() },
            vec!["111122224444.eu-west-1", "111122224444.us-east-1"],
        ),
        (
            Choice {
                accounts: vec![example::NETWORK_PROD.into()],
                regions: vec!["us-east-1".into()],
                ..Choice::default()
            },
            vec!["111122223333.us-east-1"],
        ),
        (
            Choice {
                account_sets: vec!["network".into()],
                regions: vec!["eu-west-1".into()],
                ..Choice::default()
            },
            vec!["111122223333.eu-west-1", "111122224444.eu-west-1"],
        ),
    ] {
        let (code, report) = of_cluster(&world, choice).await;
        assert_eq!((code, cells(&report)), (0, expected.into_iter().map(str::to_owned).collect()));
    }
    let nowhere = args(Choice { accounts: vec!["nobody".into()], ..Choice::default() }, Format::Json);
    let source = Source::Cluster(world.client.clone());
    let base = std::future::ready(world.aws_config());
    let error = inventory(&nowhere, &source, base, world.clock(), &mut vec![]).await.unwrap_err();
    assert!(error.to_string().contains("--account nobody"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_cannot_be_read_is_said_and_the_others_go_on() {
    let world = varied(502).await;
    world
        .apply(set(json!({"accounts": [{"name": "network-prod"}, {"id": NETWORK_TEST}, {"name": "nobody"}]})))
        .await;
    world.act(Action::DeleteRole { account: NETWORK_TEST.into(), name: example::ROLE.into() });
    let (code, report) = of_cluster(&world, Choice::default()).await;
    assert_eq!(code, 1);
    assert_eq!(listed(&report).len(), 7);
    assert_eq!(report["accountRegions"][1]["unknown"]["reason"], "AccessDenied", "{report:#}");
    assert_eq!(report["problems"][0]["object"], "AccountSet network");
    assert!(text(&report["problems"][0], "message").contains("nobody"));

    // A page that fails leaves no part of the cell.
    let source = Source::Cluster(world.client.clone());
    let (_, table) = printed(&world, &source, Choice::default(), Format::Table).await;
    assert!(table.contains("? 111122224444.eu-west-1: not read: AccessDenied"), "{table}");
    assert!(table.ends_with("1 accounts and regions not read.\n"), "{table}");
    // Two sets that select one account: neither acts, and nobody knows by which role to read it.
    let mut other = set(json!({}));
    other["metadata"]["name"] = "other".into();
    world.apply(other).await;
    let (code, report) = of_cluster(&world, Choice::default()).await;
    assert_eq!((code, &report["accountRegions"][0]["unknown"]["reason"]), (1, &json!("Conflict")));
}

#[tokio::test(start_paused = true)]
async fn each_format_says_the_same_and_manifests_do_for_a_cluster() {
    let world = varied(503).await;
    let folder = tempfile::tempdir().unwrap();
    let mut objects = world::basics(&world.organization());
    objects.push(share("hub", json!({"targets": [{"account": "data-prod"}]})));
    let documents: Vec<String> = objects.iter().map(|o| serde_saphyr::to_string(o).unwrap()).collect();
    fs::write(folder.path().join("all.yaml"), documents.join("---\n")).unwrap();
    let source =
        Source::Manifests { files: vec![folder.path().to_owned()], namespace: "network-team".into() };

    let (code, json_text) = printed(&world, &source, Choice::default(), Format::Json).await;
    assert_eq!(code, 0);
    let report: Value = serde_json::from_str(&json_text).unwrap();
    // These manifests name no peer: its mark exempts nothing.
    let whose: Vec<String> = listed(&report).into_iter().map(|(_, whose)| whose).collect();
    assert_eq!(whose.iter().filter(|whose| *whose == "Foreign").count(), 3, "{whose:?}");
    assert!(whose.contains(&"network-team/hub inner".to_owned()));
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(|line| line.trim_end_matches(',').to_owned()).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&json_text), lines(&format!("{report:#}")), "written bit by bit, it is one document");
    let (_, yaml) = printed(&world, &source, Choice::default(), Format::Yaml).await;
    assert_eq!(serde_saphyr::from_str::<Value>(&yaml).unwrap(), report);
    let none =
        Choice { regions: vec!["eu-west-1".into()], external: true, undeclared: true, ..Choice::default() };
    let (_, yaml) = printed(&world, &source, none.clone(), Format::Yaml).await;
    let (_, json_text) = printed(&world, &source, none, Format::Json).await;
    assert_eq!(
        serde_saphyr::from_str::<Value>(&yaml).unwrap(),
        serde_json::from_str::<Value>(&json_text).unwrap()
    );

    let (_, wide) = printed(&world, &source, Choice::default(), Format::Wide).await;
    for words in [
        "CELL                      NAME ",
        "111122223333.eu-west-1",
        "nobody: Foreign",
        "nobody: Orphaned (network-team/gone)",
        "    allowExternalPrincipals true",
        &format!("    principal {PARTNER} (outside the organization)"),
        &format!("    principal {DATA} (data-prod)"),
        &format!("    resource {TGW}"),
        "    tag created-by=console",
        "7 listed of 7 shares in 1 accounts and regions",
    ] {
        assert!(wide.contains(words), "{words}\n{wide}");
    }
}

#[tokio::test(start_paused = true)]
async fn broken_manifests_and_a_cluster_without_an_installation_are_no_empty_inventory() {
    let world = World::new(504);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), "apiVersion: sharekeeper.dev/v1alpha1\nkind: Shore\n").unwrap();
    let manifests = Source::Manifests { files: vec![folder.path().to_owned()], namespace: "default".into() };
    let sources = [(manifests, "a.yaml:2"), (Source::Cluster(world.client.clone()), "no Installation")];
    for (source, words) in sources {
        let mut out = vec![];
        let args = args(Choice::default(), Format::Table);
        let base = std::future::ready(world.aws_config());
        let error = inventory(&args, &source, base, world.clock(), &mut out).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(out, b"");
    }
}

/// Remembers, whenever something is on its way out, what AWS was asked before.
struct Watched<'w> {
    world: &'w World,
    flushes: Vec<(usize, usize)>,
    written: usize,
}

impl std::io::Write for Watched<'_> {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.written += String::from_utf8_lossy(text).matches("partner-prefixes").count();
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let asked = self.world.ram_calls().iter().filter(|call| *call == "GetResourceShares").count();
        self.flushes.push((asked, self.written));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_cell_is_out_before_the_next_one_is_read() {
    let world = World::with_basics(505).await;
    world.apply(set(json!({"regions": ["eu-west-1", "us-east-1", "eu-central-1"]}))).await;
    let source = Source::Cluster(world.client.clone());
    let args = InventoryArgs { at_once: 1, ..args(Choice::default(), Format::Table) };
    let mut out = Watched { world: &world, flushes: vec![], written: 0 };
    let base = std::future::ready(world.aws_config());
    inventory(&args, &source, base, world.clock(), &mut out).await.unwrap();
    // The head, three cells, the sums; eu-west-1 is the second cell.
    assert_eq!(out.flushes, [(0, 0), (1, 0), (2, 1), (3, 1), (3, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_share_that_cannot_be_placed_is_not_an_orphan() {
    let world = varied(506).await;
    world.poison("shares", &json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "Share", "metadata": {"name": "gone", "namespace": "network-team"}, "spec": {"account": 7}}));
    let (_, report) = of_cluster(&world, Choice::default()).await;
    assert!(listed(&report).contains(&("orphan".into(), "Undecided".into())), "{report:#}");
}

/// What policies of objects let others in by is listed with whose it is, everybody first; what cannot be read is said, and the
/// inventory is then not whole.
#[tokio::test(start_paused = true)]
async fn policies_of_objects_are_listed_and_what_cannot_be_read_is_said() {
    let mut world = World::with_objects(510).await;
    let resources = json!([{"arn": KEY}, {"arn": SECRET}]);
    world.apply(share("vault", json!({"resources": resources, "targets": [{"account": DATA}]}))).await;
    world.start();
    world.until_ready("vault").await;
    world.stop();
    let statement = |who: &str| json!({"Effect": "Allow", "Principal": {"AWS": who}, "Action": "sqs:SendMessage", "Resource": QUEUE});
    let open =
        json!({"Version": "2012-10-17", "Statement": [statement(PARTNER), statement("*"), statement(DATA)]});
    world.put_policy(QUEUE, Some(&open.to_string()));
    let (code, report) = of_cluster(&world, Choice::default()).await;
    assert_eq!(code, 0, "{report:#}");
    let shares = report["accountRegions"][0]["shares"].as_array().unwrap();
    let of = |mechanism: &str| -> Vec<(String, String)> {
        let of = shares.iter().filter(|share| share["mechanism"] == mechanism);
        of.map(|share| {
            (text(share, "arn"), text(&share["declaredBy"][0], "name") + &text(share, "undeclared"))
        })
        .collect()
    };
    assert_eq!(of("key"), [(format!("{KEY}#test/network-team/vault"), "vault".to_owned())]);
    let vault = (format!("{SECRET}#test/network-team/vault"), "vault".to_owned());
    assert_eq!(of("resource_policy"), [(QUEUE.to_owned(), "Foreign".to_owned()), vault]);
    let queue = shares.iter().find(|share| share["arn"] == QUEUE).unwrap();
    let who: Vec<String> =
        queue["principals"].as_array().unwrap().iter().map(|principal| text(principal, "id")).collect();
    assert_eq!(who, ["*", PARTNER, DATA]);
    assert_eq!(queue["counts"], json!({"inside": 1, "outside": 2, "resources": 1}));

    world.weather(|weather| {
        weather.faults.push(Fault::always("DescribeRepositories", Moment::Before, Trouble::AccessDenied));
        weather.faults.push(Fault::always("GetQueueAttributes", Moment::Before, Trouble::AccessDenied));
    });
    let (code, report) = of_cluster(&world, Choice::default()).await;
    let unread: Vec<String> = report["accountRegions"][0]["unread"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| text(one, "object"))
        .collect();
    assert_eq!((code, unread), (1, vec!["every repository".to_owned(), QUEUE.to_owned()]), "{report:#}");
    assert_eq!(report["counts"]["unread"], 2);
    let source = Source::Cluster(world.client.clone());
    let (_, table) = printed(&world, &source, Choice::default(), Format::Table).await;
    assert!(table.contains("not read: every repository: AccessDenied"), "{table}");
    // What is not looked through is no gap.
    world.apply(set(json!({"mechanisms": ["ram", "key"]}))).await;
    let (_, report) = of_cluster(&world, Choice::default()).await;
    assert!(
        !report.to_string().contains(REPOSITORY) && report["counts"]["shares"].as_u64() > Some(1),
        "{report:#}"
    );
}
