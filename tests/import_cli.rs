//! `sharekeeper import`: the manifests declare what is there, and adopted they change nothing that they did not announce.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "helpers of tests fail as tests do, take literals and hold tables"
)]

mod world;

use std::{fs, path::PathBuf};

use serde_json::{Value, json};
use sharekeeper::{
    cli::{
        governed::{Source, SourceArgs},
        import::{ImportArgs, import},
        plan::plan,
    },
    config::{Output, PlanArgs, RateArgs},
};
use simulator::aws::{action::Action, example};
use world::{DATA, LIST, PARTNER, RULE, SUBNET_1, SUBNET_2, TGW, WEB, World, set, share};

const RATES: RateArgs =
    RateArgs { aws_read_rate: 100.0, aws_read_burst: 100, aws_write_rate: 100.0, aws_write_burst: 100 };

fn args() -> ImportArgs {
    ImportArgs {
        account: "network-prod".into(),
        region: "eu-west-1".parse().unwrap(),
        namespace: "network-team".into(),
        arns: vec![],
        names: vec![],
        output_dir: None,
        consent: false,
        ids: false,
        tags: false,
        until: None,
        source: SourceArgs::default(),
        rates: RATES,
    }
}

/// Exit code, manifests, and what was said.
async fn imported(world: &World, args: ImportArgs) -> (u8, String, String) {
    let (mut out, mut err) = (vec![], vec![]);
    let source = Source::Cluster(world.client.clone());
    let base = std::future::ready(world.aws_config());
    let code = import(&args, &source, base, world.clock(), &mut out, &mut err).await.unwrap();
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple::<Value>(text).unwrap()
}

fn named<'v>(documents: &'v [Value], name: &str) -> &'v Value {
    let found = documents.iter().find(|document| document["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("{name} in {documents:#?}"))
}

fn made(world: &World, spec: Value) -> String {
    let mut params = json!({"allowExternalPrincipals": false, "resourceArns": [TGW], "principals": [DATA]});
    params.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let answer = world.by_hand("CreateResourceShare", params);
    answer["resourceShare"]["resourceShareArn"].as_str().unwrap().to_owned()
}

/// What a policy has to allow so that everything there can be adopted.
fn wide() -> Value {
    world::policy(
        "wide",
        json!({"resourceTypes": ["ec2:TransitGateway", "ec2:Subnet", "ec2:PrefixList", "route53resolver:ResolverRule"],
        "organization": true, "permissions": ["AWSRAMPermissionResolverRuleReadOnly"],
        "external": {"accounts": [PARTNER], "maxDuration": "365d"}}),
    )
}

/// Shares of many forms, all of which a Share can declare as they are.
async fn plain(seed: u64) -> World {
    let world = World::with_basics(seed).await;
    world.apply(set(json!({"undeclared": {"objects": "All"}}))).await;
    world.apply(wide()).await;
    let unit = world.unit("Root/Workloads/Test");
    let organization =
        format!("arn:aws:organizations::{}:organization/{}", example::MANAGEMENT, world.organization());
    made(
        &world,
        json!({"name": "Prod subnets: A & B", "resourceArns": [SUBNET_1, SUBNET_2], "principals": [DATA, unit]}),
    );
    made(
        &world,
        json!({"name": "everybody", "principals": [organization], "tags": [{"key": "cost-centre", "value": "42: \"x\""}]}),
    );
    made(
        &world,
        json!({"name": "rules", "resourceArns": [RULE, LIST], "principals": [WEB],
        "permissionArns": ["arn:aws:ram::aws:permission/AWSRAMPermissionResolverRuleReadOnly"]}),
    );
    // Two of one name, which AWS takes.
    made(&world, json!({"name": "twin"}));
    made(&world, json!({"name": "twin", "principals": [WEB]}));
    made(&world, json!({"name": "# odd\u{2028}- name: \"'", "principals": [WEB]}));
    made(&world, json!({"name": "nobody-yet", "principals": []}));
    world.rest(60).await;
    world
}

#[tokio::test(start_paused = true)]
async fn import_apply_consent_plan_gives_nothing_to_do() {
    let mut world = plain(600).await;
    world.start();
    world.rest(700).await;
    let (code, manifests, said) = imported(&world, ImportArgs { consent: true, ..args() }).await;
    assert_eq!((code, said.as_str()), (0, ""), "{manifests}");
    let documents = documents(&manifests);
    assert_eq!(documents.len(), 8);
    for document in &documents {
        world.apply(document.clone()).await;
    }
    consent(&world, &manifests).await;
    world.rest(1500).await;
    let writes = world.aws_writes();
    assert!(
        writes.iter().all(|write| write == "TagResource"),
        "nothing but the marks is written: {writes:?}"
    );
    assert_eq!(writes.len(), 8);
    for document in &documents {
        let name = document["metadata"]["name"].as_str().unwrap();
        let object = world.stored("shares", "network-team", name).unwrap();
        let (status, reason) = world::condition(&object, "Ready").unwrap();
        assert_eq!((status.as_str(), reason.as_str()), ("True", "InForce"), "{object:#}");
    }
    let (code, told) = planned(&world, &documents).await;
    assert_eq!(code, 0, "{told}");
    // What was adopted is not imported again.
    let (code, manifests, said) = imported(&world, args()).await;
    assert_eq!((code, said.matches(" declares it\n").count()), (0, 8), "{said}");
    assert!(manifests.lines().all(|line| line.starts_with('#')), "{manifests}");
    world.rests().await;
}

/// Carries out the commands that stand in the comments.
async fn consent(world: &World, manifests: &str) {
    for command in manifests.lines().filter_map(|line| line.split_once("kubectl patch undeclaredshare ")) {
        let (name, patch) = command.1.split_once(" --type merge --patch '").unwrap();
        let patch: Value = serde_json::from_str(patch.trim_end_matches('\'')).unwrap();
        let object = json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "UndeclaredShare", "metadata": {"name": name}, "spec": patch["spec"]});
        assert!(world.stored("undeclaredshares", "", name).is_some(), "{name}");
        world.apply(object).await;
    }
}

async fn planned(world: &World, shares: &[Value]) -> (u8, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut objects = world::basics(&world.organization());
    objects.push(wide());
    objects.extend(shares.iter().cloned());
    let documents: Vec<String> =
        objects.iter().map(|object| serde_saphyr::to_string(object).unwrap()).collect();
    fs::write(folder.path().join("all.yaml"), documents.join("---\n")).unwrap();
    let args = PlanArgs {
        filename: vec![folder.path().to_owned()],
        output: Output::Text,
        namespace: "default".into(),
        rates: RATES,
    };
    let mut out = vec![];
    let base = std::future::ready(world.aws_config());
    let code = plan(&args, base, world.clock(), &mut out).await.unwrap();
    (code, String::from_utf8(out).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_manifest_says_all_that_is_there_and_nothing_that_is_by_default() {
    let world = plain(601).await;
    let (_, manifests, _) = imported(&world, args()).await;
    let documents = documents(&manifests);
    let subnets = named(&documents, "prod-subnets-a-b");
    assert_eq!(
        subnets["spec"],
        json!({"account": "network-prod", "region": "eu-west-1", "name": "Prod subnets: A & B",
            "resources": [{"arn": SUBNET_1}, {"arn": SUBNET_2}],
            "targets": [{"account": "data-prod"}, {"organizationalUnit": "Root/Workloads/Test"}],
            "adopt": subnets["spec"]["adopt"]})
    );
    assert_eq!(named(&documents, "everybody")["spec"]["targets"], json!([{"organization": true}]));
    assert_eq!(
        named(&documents, "rules")["spec"]["permissions"],
        json!([{"resourceType": "route53resolver:ResolverRule", "permission": "AWSRAMPermissionResolverRuleReadOnly"}])
    );
    let outside = named(&documents, "partner-prefixes");
    assert_eq!(outside["spec"]["allowExternal"], true);
    assert_eq!(outside["spec"]["targets"][0]["externalAccount"], PARTNER);
    assert_eq!(outside["spec"]["targets"][0]["until"], "2027-02-23T00:01:00Z");
    assert!(manifests.contains("until: \"2027-02-23T00:01:00Z\" # FILL IN: "), "{manifests}");
    assert!(manifests.contains(" # FILL IN: for those who review it"), "{manifests}");
    assert_eq!(
        documents.iter().filter(|d| d["metadata"]["name"].as_str().unwrap().starts_with("twin-")).count(),
        2
    );

    // Narrowed, each is called the same.
    let (_, some, _) =
        imported(&world, ImportArgs { names: vec!["tw?n".into(), "every*".into()], ..args() }).await;
    let some = self::documents(&some);
    assert_eq!(some.len(), 3);
    assert!(some.iter().all(|document| documents.contains(document)));
    let arn = subnets["spec"]["adopt"]["arn"].as_str().unwrap().to_owned();
    let (_, one, _) = imported(&world, ImportArgs { arns: vec![arn], ..args() }).await;
    assert_eq!(self::documents(&one), std::slice::from_ref(subnets));

    let options =
        ImportArgs { ids: true, tags: true, until: Some("2027-01-31T00:00:00Z".parse().unwrap()), ..args() };
    let (_, ids, _) = imported(&world, options).await;
    let ids = self::documents(&ids);
    let subnets = named(&ids, "prod-subnets-a-b");
    assert_eq!(subnets["spec"]["account"], example::NETWORK_PROD);
    assert_eq!(subnets["spec"]["targets"][0], json!({"account": DATA}));
    assert!(subnets["spec"]["targets"][1]["organizationalUnit"].as_str().unwrap().starts_with("ou-"));
    assert_eq!(named(&ids, "everybody")["spec"]["tags"], json!({"cost-centre": "42: \"x\""}));
    assert_eq!(named(&ids, "partner-prefixes")["spec"]["targets"][0]["until"], "2027-01-31T00:00:00Z");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_declared_as_it_is_is_said_in_the_manifest_and_beside_it() {
    let world = World::with_basics(602).await;
    made(
        &world,
        json!({"name": "mixed", "resourceArns": [LIST], "principals": [DATA, PARTNER], "allowExternalPrincipals": true}),
    );
    made(&world, json!({"name": "open", "allowExternalPrincipals": true}));
    made(&world, json!({"name": "not-allowed", "principals": ["111122224444"]}));
    made(&world, json!({"name": "empty", "resourceArns": []}));
    let suspended = made(&world, json!({"name": "suspended"}));
    world.rest(60).await;
    world.act(Action::SetAssociationStatus {
        share: suspended,
        entity: DATA.into(),
        status: "SUSPENDED".into(),
        message: None,
    });
    world.act(Action::PutResourcePolicy {
        account: example::NETWORK_PROD.into(),
        region: example::REGION.into(),
        resource: SUBNET_1.into(),
        principals: vec![DATA.into()],
        template: "{}".into(),
    });
    let (code, manifests, said) = imported(&world, ImportArgs { consent: true, ..args() }).await;
    assert_eq!(code, 2);
    for words in [
        "open (arn:",
        "forbid external principals",
        "mixed (arn:",
        &format!("remove principal {PARTNER}"),
        "make the share mixed.outside for those outside the organization, who have no access until they accept",
        "lets in 111122224444, and ec2:TransitGateway may not be shared",
        "no Share can declare it: spec.resources",
        "aws ram promote-resource-share-created-from-policy --region eu-west-1 --resource-share-arn arn:",
    ] {
        assert!(said.contains(words), "{words}\n{said}");
        assert!(manifests.contains(words), "{words}\n{manifests}");
    }
    let documents = documents(&manifests);
    let names: Vec<&str> = documents.iter().map(|d| d["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["mixed", "not-allowed", "open", "partner-prefixes", "suspended"]);
    assert!(manifests.contains("once AccountSet network says `undeclared.objects: All`"), "{manifests}");
}

#[tokio::test(start_paused = true)]
async fn what_carries_a_mark_is_left_to_whom_it_belongs() {
    let mut world = World::with_basics(603).await;
    let installation = json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "Installation", "metadata": {"name": "sharekeeper"}, "spec": {"id": "test", "peers": ["east"]}});
    world.apply(installation).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    for (name, installation) in [("orphan", "test"), ("theirs", "east"), ("of-nobody-we-know", "west")] {
        let tags = [
            ("installation", installation),
            ("namespace", "network-team"),
            ("name", "gone"),
            ("uid", "u"),
            ("side", "inner"),
        ];
        let tags = tags.map(|(key, value)| json!({"key": format!("sharekeeper.dev/{key}"), "value": value}));
        made(&world, json!({"name": name, "resourceArns": [LIST], "tags": tags}));
    }
    world.rest(60).await;
    let before = (world.aws_writes(), world.controller_writes());
    let (code, manifests, said) = imported(
        &world,
        ImportArgs { names: vec!["*o*".into(), "theirs".into(), "network-team.hub".into()], ..args() },
    )
    .await;
    assert_eq!((code, world.aws_writes(), world.controller_writes()), (2, before.0, before.1));
    assert_eq!(documents(&manifests).len(), 0, "{manifests}");
    for words in [
        "Share network-team/hub declares it",
        "the mark of Share network-team/gone, which is not there",
        "belongs to installation east, a peer",
        "the mark of installation west, which is not known here",
    ] {
        assert!(said.contains(words), "{words}\n{said}");
    }
    // Whoever asks to adopt it already is not given a second Share.
    let (_, manifests, _) =
        imported(&world, ImportArgs { names: vec!["partner-prefixes".into()], ..args() }).await;
    world.apply(documents(&manifests)[0].clone()).await;
    let (code, _, said) =
        imported(&world, ImportArgs { names: vec!["partner-prefixes".into()], ..args() }).await;
    assert!(said.contains("Share network-team/partner-prefixes asks to adopt it already"), "{said}");
    assert_eq!(code, 0);
}

#[tokio::test(start_paused = true)]
async fn a_folder_gets_a_file_a_share_and_none_is_overwritten() {
    let world = plain(604).await;
    world.act(Action::PutResourcePolicy {
        account: example::NETWORK_PROD.into(),
        region: example::REGION.into(),
        resource: LIST.into(),
        principals: vec![DATA.into()],
        template: "{}".into(),
    });
    let folder = tempfile::tempdir().unwrap();
    let into: PathBuf = folder.path().join("network-team");
    let args = || ImportArgs { output_dir: Some(into.clone()), consent: true, ..args() };
    let (_, out, _) = imported(&world, args()).await;
    assert_eq!(out, "");
    let mut files: Vec<String> =
        fs::read_dir(&into).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files.len(), 10, "{files:?}");
    for name in
        ["consent.sh", "everybody.yaml", "not-imported.txt", "partner-prefixes.yaml", "prod-subnets-a-b.yaml"]
    {
        assert!(files.contains(&name.to_owned()), "{files:?}");
    }
    let consent = fs::read_to_string(into.join("consent.sh")).unwrap();
    assert_eq!(
        consent.matches("\nkubectl patch undeclaredshare 111122223333.eu-west-1.").count(),
        8,
        "{consent}"
    );
    fs::write(into.join("everybody.yaml"), "filled in").unwrap();
    let (_, _, said) = imported(&world, args()).await;
    assert!(said.contains("everybody.yaml: is there already and was left as it is"), "{said}");
    assert_eq!(fs::read_to_string(into.join("everybody.yaml")).unwrap(), "filled in");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_or_meant_is_an_error_and_no_empty_import() {
    let world = World::with_basics(605).await;
    let (mut out, mut err) = (vec![], vec![]);
    for (args, words) in [
        (ImportArgs { account: "nobody".into(), ..args() }, "has an account named \"nobody\""),
        (
            ImportArgs { account: DATA.into(), ..args() },
            "no AccountSet governs account 222233334444 in eu-west-1",
        ),
        (ImportArgs { until: Some("2026-01-01T00:00:00Z".parse().unwrap()), ..args() }, "has passed"),
    ] {
        let source = Source::Cluster(world.client.clone());
        let base = std::future::ready(world.aws_config());
        let error = import(&args, &source, base, world.clock(), &mut out, &mut err).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    world.act(Action::DeleteRole { account: example::NETWORK_PROD.into(), name: example::ROLE.into() });
    let source = Source::Cluster(world.client.clone());
    let base = std::future::ready(world.aws_config());
    let error = import(&args(), &source, base, world.clock(), &mut out, &mut err).await.unwrap_err();
    assert!(error.to_string().contains("111122223333.eu-west-1 could not be read: AccessDenied"), "{error}");
    assert_eq!((out, err), (vec![], vec![]));
}
