//! What was let go with its namespace stays in force, ends at its `until`, and bows to policy.

use serde_json::json;

use crate::world::{DATA, PARTNER, TGW, WEB, World, outside, set, share};

/// A Share with an inside and an outside whose namespace has been deleted.
async fn released(seed: u64) -> World {
    let mut world = World::with_basics(seed).await;
    world.apply(set(json!({"undeclared": {"action": "Delete", "gracePeriod": "0s"}}))).await;
    let targets = json!([{"account": "data-prod"}, {"account": "web-prod"}, outside("2026-11-25T06:00:00Z")]);
    world.apply(share("hub", json!({"allowExternal": true, "targets": targets}))).await;
    // Another team's Share keeps the cell from being without any.
    world.apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})).await;
    let mut other = share("keeps", json!({"enforcement": "Report", "targets": [{"account": "data-prod"}]}));
    other["metadata"]["namespace"] = "other".into();
    world.apply(other).await;
    world.start();
    world.until_ready("hub").await;
    world.accept_invitations();
    world.until_in_force([(TGW, DATA), (TGW, WEB), (TGW, PARTNER)]).await;
    world.rest(60).await;
    world
        .delete(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "network-team"}}))
        .await;
    world.rest(700).await;
    world
}

fn whys(world: &World) -> Vec<String> {
    let records = world.all_stored("undeclaredshares");
    let named = records.iter().filter(|r| r["status"]["name"] != "partner-prefixes");
    named.map(|r| r["status"]["why"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn it_stays_whatever_the_set_does_with_what_nobody_declared_and_ends_on_time() {
    let mut world = released(480).await;
    assert_eq!(whys(&world), ["Released", "Released"]);
    world.until_in_force([(TGW, DATA), (TGW, WEB), (TGW, PARTNER)]).await;
    let left = 6.0 * 3600.0 - (world.aws.now() - crate::world::EPOCH as f64);
    world.rest(left as u64 - 5).await;
    assert_eq!(world.in_force().len(), 3);
    // Also for a controller that has just started and knows it from the record alone.
    world.start();
    world.rest(20).await;
    world.until_in_force([(TGW, DATA), (TGW, WEB)]).await;
    world.rest(700).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn it_bows_to_policy_within_the_budget() {
    let world = released(481).await;
    world.desire([(TGW, DATA)]);
    world
        .apply(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "SharingPolicy", "metadata": {"name": "network"}, "spec": {
            "namespaces": ["network-team"], "owners": {"accounts": ["network-prod"]},
            "allow": {"resourceTypes": ["ec2:TransitGateway"], "accounts": ["data-prod"]}}}))
        .await;
    world.until_in_force([(TGW, DATA)]).await;
    // No policy at all is no policy's word: what is left stays.
    world.delete(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "SharingPolicy", "metadata": {"name": "network"}})).await;
    world.rest(1500).await;
    world.until_in_force([(TGW, DATA)]).await;
}

/// Somebody takes the mark's tags away and puts them back.
#[tokio::test(start_paused = true)]
async fn it_stays_released_whatever_its_tags_have_said() {
    let world = released(482).await;
    let records = world.all_stored("undeclaredshares");
    let named = records.iter().filter(|r| r["status"]["name"] != "partner-prefixes");
    for arn in named.map(|record| record["status"]["id"].clone()).collect::<Vec<_>>() {
        let tag = |value: &str| json!({"resourceShareArn": arn, "tags": [{"key": "sharekeeper.dev/installation", "value": value}]});
        world.by_hand("TagResource", tag("somebody"));
        world.rest(8000).await;
        world.by_hand("TagResource", tag("test"));
        world.rest(1500).await;
    }
    assert_eq!(whys(&world), ["Released", "Released"]);
    let left = 6.0 * 3600.0 - (world.aws.now() - crate::world::EPOCH as f64);
    world.rest(left.max(0.0) as u64 + 15).await;
    world.until_in_force([(TGW, DATA), (TGW, WEB)]).await;
}
