//! A Share takes over what exists: with consent for exactly its grants, and nothing but the mark until no difference is left.

use serde_json::{Value, json};

use crate::world::{DATA, LIST, PARTNER, SUBNET_1, WEB, World, condition, outside, set, share};

/// A share made by hand, and its ARN.
fn made(world: &World, spec: Value) -> String {
    let mut params =
        json!({"name": "legacy-nets", "resourceArns": [SUBNET_1], "allowExternalPrincipals": false});
    params.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let answer = world.by_hand("CreateResourceShare", params);
    answer["resourceShare"]["resourceShareArn"].as_str().unwrap().to_owned()
}

async fn started(seed: u64) -> World {
    let mut world = World::with_basics(seed).await;
    world.apply(set(json!({"undeclared": {"objects": "All"}}))).await;
    world.start();
    world
}

fn record(world: &World, arn: &str) -> Option<Value> {
    world.all_stored("undeclaredshares").into_iter().find(|record| record["status"]["id"] == arn)
}

async fn consent(world: &World, arn: &str, more: Value) {
    let record = record(world, arn).unwrap();
    let mut spec = json!({"decision": "Adopt", "evidence": record["status"]["evidence"], "for": {"namespace": "network-team", "name": "nets"}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world
        .apply(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "UndeclaredShare", "metadata": {"name": record["metadata"]["name"]}, "spec": spec}))
        .await;
}

fn adopting(arn: &str, spec: Value) -> Value {
    let mut full = json!({"name": "legacy-nets", "resources": [{"arn": SUBNET_1}], "targets": [{"account": "data-prod"}], "adopt": {"arn": arn}});
    full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    share("nets", full)
}

#[tokio::test(start_paused = true)]
async fn declared_as_it_is_and_consented_it_takes_the_mark_and_nothing_else() {
    let world = started(420).await;
    let arn = made(&world, json!({"principals": [DATA]}));
    world.rest(700).await;
    world.apply(adopting(&arn, json!({}))).await;
    // Without consent nothing is made either.
    world.rest(700).await;
    let object = world.stored("shares", "network-team", "nets").unwrap();
    let (_, reason) = condition(&object, "Ready").unwrap();
    assert_eq!(reason, "AdoptionRefused", "{object:#}");
    assert_eq!(world.aws_writes(), [] as [String; 0]);
    consent(&world, &arn, json!({})).await;
    world.until_ready("nets").await;
    assert_eq!(world.aws_writes(), ["TagResource"]);
    world.rest(700).await;
    assert!(record(&world, &arn).is_none(), "it is declared now");
    world.rests().await;
    // From now on it is as any other.
    world.desire([(SUBNET_1, WEB)]);
    world.apply(adopting(&arn, json!({"targets": [{"account": "web-prod"}]}))).await;
    world.until_in_force([(SUBNET_1, WEB)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_difference_waits_for_the_word_force_and_the_open_flag_does_not() {
    let world = started(421).await;
    let arn = made(&world, json!({"principals": [DATA, WEB], "allowExternalPrincipals": true}));
    world.rest(700).await;
    world.apply(adopting(&arn, json!({}))).await;
    consent(&world, &arn, json!({})).await;
    world.until_says("nets", "Ready", "False", "Adopting").await;
    world.rest(1500).await;
    assert_eq!(world.aws_writes(), ["TagResource", "UpdateResourceShare"]);
    let object = world.stored("shares", "network-team", "nets").unwrap();
    assert_eq!(object["status"]["plan"]["steps"][0]["heldBy"], "Adopting", "{:#}", object["status"]);
    world.until_in_force([(SUBNET_1, DATA), (SUBNET_1, WEB)]).await;
    // A Share that goes before it has wholly taken over takes nothing down.
    let kept = record(&world, &arn).unwrap();
    world
        .apply(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "UndeclaredShare", "metadata": {"name": kept["metadata"]["name"]},
            "spec": {"decision": "Adopt", "evidence": kept["status"]["evidence"], "force": true, "for": {"namespace": "network-team", "name": "nets"}}}))
        .await;
    world.until_in_force([(SUBNET_1, DATA)]).await;
    world.until_ready("nets").await;
}

#[tokio::test(start_paused = true)]
async fn a_share_deleted_in_the_middle_of_taking_over_lets_go() {
    let world = started(422).await;
    let arn = made(&world, json!({"principals": [DATA, WEB]}));
    world.rest(700).await;
    world.apply(adopting(&arn, json!({}))).await;
    consent(&world, &arn, json!({})).await;
    world.until_says("nets", "Ready", "False", "Adopting").await;
    world.delete_share("nets").await;
    world.until_gone("nets").await;
    world.rest(700).await;
    assert_eq!(world.aws_writes(), ["TagResource"]);
    world.until_in_force([(SUBNET_1, DATA), (SUBNET_1, WEB)]).await;
    assert_eq!(record(&world, &arn).unwrap()["status"]["why"], "Released");
}

#[tokio::test(start_paused = true)]
async fn an_outside_share_is_adopted_under_its_own_name() {
    let world = started(423).await;
    let arn = made(
        &world,
        json!({"principals": [PARTNER], "resourceArns": [LIST], "allowExternalPrincipals": true}),
    );
    world.accept_invitations();
    world.rest(700).await;
    world
        .apply(adopting(&arn, json!({"resources": [{"arn": LIST}], "allowExternal": true, "targets": [outside("2027-01-20T00:00:00Z")]})))
        .await;
    consent(&world, &arn, json!({})).await;
    world.until_ready("nets").await;
    assert_eq!(world.aws_writes(), ["TagResource"]);
    world.until_in_force([(LIST, PARTNER)]).await;
    world.rest(700).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_free_or_exceeds_the_policy_is_refused_and_consent_for_another_is_none() {
    let world = started(424).await;
    let tags = [
        ("installation", "east"),
        ("namespace", "network-team"),
        ("name", "nets"),
        ("uid", "u"),
        ("side", "inner"),
    ]
    .map(|(key, value)| json!({"key": format!("sharekeeper.dev/{key}"), "value": value}));
    let of_another = made(&world, json!({"name": "a", "principals": [DATA], "tags": tags}));
    // The policy allows Root/Workloads alone, and no prefix list for network-test.
    let exceeding = made(&world, json!({"name": "b", "principals": ["111122224444"]}));
    let other = made(&world, json!({"name": "c", "principals": [DATA], "resourceArns": [LIST]}));
    world.rest(700).await;
    let refusals = [
        (of_another.clone(), json!({}), "belongs to installation east"),
        (exceeding, json!({}), "lets in 111122224444"),
        (other.clone(), json!({"for": {"namespace": "network-team", "name": "hub"}}), "is for another Share"),
        (other.clone(), json!({"evidence": "0123456789abcdef"}), "is void"),
        (other.replace("resource-share/", "resource-share/0"), Value::Null, "is not there"),
    ];
    for (arn, more, words) in refusals {
        if !more.is_null() {
            consent(&world, &arn, more).await;
        }
        world.apply(adopting(&arn, json!({"targets": [{"account": "data-prod"}]}))).await;
        world.rest(30).await;
        let object = world.stored("shares", "network-team", "nets").unwrap();
        let ready = object["status"]["conditions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["type"] == "Ready")
            .unwrap()
            .clone();
        assert_eq!(ready["reason"], "AdoptionRefused", "{ready}");
        assert!(ready["message"].as_str().unwrap().contains(words), "{words}: {ready}");
        world.delete_share("nets").await;
        world.until_gone("nets").await;
    }
    assert_eq!(world.aws_writes(), [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_a_former_share_has_left_is_adopted_as_any_other() {
    let world = started(425).await;
    let mark = [
        ("installation", "test"),
        ("namespace", "network-team"),
        ("name", "former"),
        ("uid", "u-1"),
        ("side", "inner"),
    ];
    let tags = mark.map(|(key, value)| json!({"key": format!("sharekeeper.dev/{key}"), "value": value}));
    let arn = made(&world, json!({"principals": [DATA], "tags": tags}));
    world.rest(700).await;
    assert_eq!(record(&world, &arn).unwrap()["status"]["why"], "Orphaned");
    // The mark may be long in showing.
    world.weather(|weather| weather.lags.list = simulator::aws::weather::Lag::Fixed(200.0));
    world.apply(adopting(&arn, json!({}))).await;
    consent(&world, &arn, json!({})).await;
    world.rest(900).await;
    world.until_ready("nets").await;
    assert_eq!(world.aws_writes(), ["TagResource"]);
}
