//! What nobody declared: shown as asked for, and left alone.

use serde_json::{Value, json};

use crate::world::{DATA, LIST, SUBNET_1, TGW, World, set, share};

fn named(world: &World) -> Vec<(String, String)> {
    let mut found: Vec<_> = world
        .all_stored("undeclaredshares")
        .iter()
        .map(|r| {
            let of = |key: &str| r["status"][key].as_str().unwrap_or_default().to_owned();
            (of("name"), of("why"))
        })
        .collect();
    found.sort();
    found
}

fn pair(name: &str, why: &str) -> (String, String) {
    (name.to_owned(), why.to_owned())
}

fn undeclared(spec: Value) -> Value {
    set(json!({"undeclared": spec}))
}

#[tokio::test(start_paused = true)]
async fn shown_is_what_lets_somebody_outside_in_or_all_and_rules_hide_nothing_from_outside_by_name() {
    let mut world = World::with_basics(140).await;
    world.by_hand("CreateResourceShare", json!({"name": "inside", "principals": [DATA], "resourceArns": [SUBNET_1], "allowExternalPrincipals": false}));
    world.start();
    world.rest(60).await;
    let legacy = world.all_stored("undeclaredshares")[0]["status"]["id"].as_str().unwrap().to_owned();
    assert_eq!(named(&world), [pair("partner-prefixes", "Foreign")]);
    let cases = [
        (json!({"objects": "All"}), vec![pair("inside", "Foreign"), pair("partner-prefixes", "Foreign")]),
        (
            json!({"objects": "All", "ignore": [{"name": "ins*", "reason": "old"}]}),
            vec![pair("partner-prefixes", "Foreign")],
        ),
        (
            json!({"objects": "All", "ignore": [{"name": "*-prefixes", "reason": "old"}, {"tags": {"created-by": "console"}, "reason": "old"}]}),
            vec![pair("inside", "Foreign"), pair("partner-prefixes", "Foreign")],
        ),
        (json!({"objects": "External", "ignore": [{"arn": legacy, "reason": "contract 12"}]}), vec![]),
        (json!({"objects": "External"}), vec![pair("partner-prefixes", "Foreign")]),
    ];
    for (spec, expected) in cases {
        world.apply(undeclared(spec.clone())).await;
        world.rest(10).await;
        assert_eq!(named(&world), expected, "{spec}");
        let object = world.stored("accountregions", "", "111122223333.eu-west-1").unwrap();
        assert_eq!(object["status"]["counts"]["undeclared"], 2, "{spec}");
    }
    assert_eq!(world.aws_writes(), [] as [String; 0]);
    // With nothing declared the cell is read once an hour.
    world.rest(3700).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn each_mark_says_whose_it_is_and_look_alikes_are_nobodys() {
    let mut world = World::with_basics(141).await;
    world
        .apply(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "Installation", "metadata": {"name": "sharekeeper"}, "spec": {"id": "test", "peers": ["east"]}}))
        .await;
    world.apply(undeclared(json!({"objects": "All"}))).await;
    let mark = |installation: &str, name: &str| {
        let tags = [
            ("installation", installation),
            ("namespace", "network-team"),
            ("name", name),
            ("uid", "u-1"),
            ("side", "inner"),
        ];
        tags.map(|(key, value)| json!({"key": format!("sharekeeper.dev/{key}"), "value": value})).to_vec()
    };
    let make = |name: &str, tags: Vec<Value>| {
        world.by_hand(
            "CreateResourceShare",
            json!({"name": name, "principals": [DATA], "resourceArns": [LIST], "allowExternalPrincipals": false, "tags": tags}),
        );
    };
    make("of-a-peer", mark("east", "a"));
    make("of-a-stranger", mark("west", "a"));
    make("of-nobody-any-more", mark("test", "gone"));
    make(
        "looks-alike",
        vec![
            json!({"key": "sharekeeper/installation", "value": "test"}),
            json!({"key": "Sharekeeper.dev/name", "value": "hub"}),
        ],
    );
    world.start();
    world.rest(60).await;
    assert_eq!(
        named(&world),
        [
            pair("looks-alike", "Foreign"),
            pair("of-a-peer", "OtherInstallation"),
            pair("of-a-stranger", "Foreign"),
            pair("of-nobody-any-more", "Orphaned"),
            pair("partner-prefixes", "Foreign"),
        ]
    );
    assert_eq!(world.aws_writes(), [] as [String; 0]);

    // The Share that the orphan's mark names comes back, as from a restored cluster, and claims it.
    world.desire([(LIST, DATA)]);
    world
        .apply(share("gone", json!({"resources": [{"arn": LIST}], "targets": [{"account": "data-prod"}]})))
        .await;
    world.until_ready("gone").await;
    assert_eq!(world.aws_writes(), ["TagResource", "UpdateResourceShare"]);
    world.rest(10).await;
    assert!(!named(&world).contains(&pair("of-nobody-any-more", "Orphaned")));
    world.rest(700).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn a_container_that_somebody_else_took_is_left_alone_and_said() {
    let mut world = World::with_basics(142).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    let arn = world.container("hub", sharekeeper::model::Side::Inner).await;
    world.by_hand(
        "TagResource",
        json!({"resourceShareArn": arn, "tags": [{"key": "sharekeeper.dev/installation", "value": "east"}]}),
    );
    world.rest(700).await;
    let writes = world.aws_writes().len();
    world.until_says("hub", "Ready", "False", "Conflict").await;
    world.desire([(TGW, DATA)]);
    world.apply(share("hub", json!({"targets": [{"account": "web-prod"}]}))).await;
    world.rest(700).await;
    assert_eq!(world.aws_writes().len(), writes);
    world.delete_share("hub").await;
    world.until_gone("hub").await;
    world.rest(700).await;
    assert_eq!(world.aws_writes().len(), writes);
    world.until_in_force([(TGW, DATA)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_somebody_deletes_comes_back() {
    let mut world = World::with_basics(143).await;
    world.start();
    world.rest(60).await;
    let record = world.all_stored("undeclaredshares").swap_remove(0);
    world
        .delete(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "UndeclaredShare", "metadata": {"name": record["metadata"]["name"]}}))
        .await;
    world.rest(10).await;
    assert_eq!(named(&world), [pair("partner-prefixes", "Foreign")]);
}

/// Whoever may tag his share in AWS and write a Share in some namespace could hide what he lets in.
#[tokio::test(start_paused = true)]
async fn the_mark_of_a_share_whose_account_means_nothing_hides_nobody_outside() {
    let mut world = World::with_basics(147).await;
    world.apply(undeclared(json!({"action": "Delete", "gracePeriod": "0s"}))).await;
    world.apply(share("keeps", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.apply(share("ghost", json!({"account": "nobody-of-that-name", "resources": [{"arn": "arn:aws:ec2:eu-west-1:111122223333:prefix-list/pl-0a1b2c3d4e5f60001"}], "targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("keeps").await;
    let mark = json!([
        {"key": "sharekeeper.dev/installation", "value": "test"}, {"key": "sharekeeper.dev/namespace", "value": "network-team"},
        {"key": "sharekeeper.dev/name", "value": "ghost"}, {"key": "sharekeeper.dev/side", "value": "outer"},
        {"key": "sharekeeper.dev/uid", "value": "made-up"}]);
    let made = world.by_hand(
        "CreateResourceShare",
        json!({"name": "quiet", "principals": [crate::world::PARTNER], "resourceArns": [LIST], "allowExternalPrincipals": true, "tags": mark}),
    );
    world.rest(8000).await;
    let records = world.all_stored("undeclaredshares");
    let record = records.iter().find(|r| r["status"]["id"] == made["resourceShare"]["resourceShareArn"]);
    let status = &record.expect("it is on record")["status"];
    assert_eq!((&status["external"], &status["why"]), (&json!(1), &json!("Undecided")), "{status:#}");
    assert_eq!(status["phase"], "Reported");
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("network-team/ghost") && message.contains("put that Share right"), "{message}");
    // It may be that Share's, so it stays until that is settled.
    world.delete_share("ghost").await;
    world.rest(1500).await;
    assert_eq!(
        world.aws_writes().iter().filter(|w| *w == "DeleteResourceShare").count(),
        2,
        "the legacy one, and it"
    );
}

#[tokio::test(start_paused = true)]
async fn what_somebody_keeps_stays_on_record_however_much_lets_somebody_outside_in() {
    let mut world = World::with_basics(148).await;
    world.apply(undeclared(json!({"objects": "All"}))).await;
    let kept = world.by_hand("CreateResourceShare", json!({"name": "zz-kept", "principals": [DATA], "resourceArns": [SUBNET_1], "allowExternalPrincipals": false}));
    let kept = kept["resourceShare"]["resourceShareArn"].clone();
    world.start();
    world.rest(60).await;
    let record = || {
        let records = world.all_stored("undeclaredshares");
        records.into_iter().find(|record| record["status"]["id"] == kept)
    };
    let seen = record().unwrap();
    world
        .apply(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "UndeclaredShare",
            "metadata": {"name": seen["metadata"]["name"]},
            "spec": {"decision": "Keep", "reason": "known", "evidence": seen["status"]["evidence"]}}))
        .await;
    for n in 0..205 {
        // AWS lets so many invitations wait.
        world.accept_invitations();
        world.by_hand("CreateResourceShare", json!({"name": format!("flood-{n}"), "principals": [crate::world::PARTNER], "resourceArns": [LIST], "allowExternalPrincipals": true}));
    }
    world.rest(8000).await;
    assert_eq!(world.all_stored("undeclaredshares").len(), 200);
    let record = record().expect("it is on record");
    assert_eq!((&record["spec"]["decision"], &record["status"]["phase"]), (&json!("Keep"), &json!("Kept")));
}
