//! How Shares end: revoked, released, or claimed again.

use std::time::Duration;

use serde_json::{Value, json};
use sharekeeper::model::Side;
use simulator::{
    aws::weather::{Fault as AwsFault, Lag, Moment, Trouble},
    kube::{Fault, Match, Rule, Verb},
};

use crate::world::{DATA, PARTNER, TGW, WEB, World, outside, policy, set, share};

fn orphan_policy() -> Value {
    policy(
        "orphan",
        json!({"resourceTypes": ["ec2:TransitGateway"], "organizationalUnits": ["Root/Workloads"], "orphan": true}),
    )
}

#[tokio::test(start_paused = true)]
async fn a_deletion_revokes_reads_back_and_lets_go() {
    let mut world = World::with_basics(40).await;
    world.weather(|weather| weather.lags.share_deletion = Lag::Fixed(20.0));
    world
        .apply(share("hub", json!({"allowExternal": true, "targets": [{"account": "data-prod"}, outside("2027-01-20T00:00:00Z")]})))
        .await;
    world.start();
    world.until_ready("hub").await;
    world.accept_invitations();
    world.desire([]);
    world.delete_share("hub").await;
    world.rest(2).await;
    assert_eq!(world.live_shares().len(), 0);
    world.until_gone("hub").await;
    world.until_in_force([]).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn a_share_that_was_never_made_just_goes() {
    let mut world = World::with_basics(41).await;
    world.desire([]);
    world.apply(share("hub", json!({"targets": [{"account": "log-archive"}]}))).await;
    world.start();
    world.until_says("hub", "Ready", "False", "NotPermitted").await;
    world.delete_share("hub").await;
    world.until_gone("hub").await;
    assert_eq!(world.aws_writes(), [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn orphan_needs_a_policy() {
    let mut world = World::with_basics(42).await;
    world
        .apply(share("hub", json!({"deletionPolicy": "Orphan", "targets": [{"account": "data-prod"}]})))
        .await;
    world.start();
    world.until_in_force([(TGW, DATA)]).await;
    world.until_says("hub", "Permitted", "False", "NotPermitted").await;
    world.delete_share("hub").await;
    world.until_gone("hub").await;
    world.until_in_force([]).await;
}

#[tokio::test(start_paused = true)]
async fn an_orphaned_share_is_on_record_and_claimed_again_with_its_mark_first() {
    let mut world = World::with_basics(43).await;
    world.desire([(TGW, DATA)]);
    world.apply(orphan_policy()).await;
    let spec = json!({"deletionPolicy": "Orphan", "targets": [{"account": "data-prod"}]});
    world.apply(share("hub", spec.clone())).await;
    world.start();
    let first = world.until_ready("hub").await;
    let arn = world.container("hub", Side::Inner).await;
    world.delete_share("hub").await;
    world.until_gone("hub").await;
    world.rest(700).await;
    world.until_in_force([(TGW, DATA)]).await;
    let records = world.all_stored("undeclaredshares");
    let released: Vec<_> = records.iter().filter(|r| r["status"]["why"] == "Released").collect();
    assert_eq!(released.len(), 1, "{records:?}");
    assert_eq!(released[0]["status"]["id"], arn);
    assert_eq!(released[0]["status"]["origin"]["name"], "hub");
    assert_eq!(released[0]["status"]["origin"]["uid"], json!(first.metadata.uid));
    world.rests().await;

    let writes = world.aws_writes().len();
    world.desire([(TGW, DATA), (TGW, WEB)]);
    world.apply(share("hub", json!({"deletionPolicy": "Orphan", "targets": [{"account": "data-prod"}, {"account": "web-prod"}]}))).await;
    let again = world.until_ready("hub").await;
    assert_ne!(again.metadata.uid, first.metadata.uid);
    assert_eq!(world.container("hub", Side::Inner).await, arn);
    assert_eq!(world.aws_writes()[writes..], ["TagResource", "AssociateResourceShare"]);
    world.until_in_force([(TGW, DATA), (TGW, WEB)]).await;
    world
        .until("the record goes", || async {
            let left = world.all_stored("undeclaredshares");
            (!left.iter().any(|r| r["status"]["id"] == arn)).then_some(())
        })
        .await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn a_share_deleted_and_applied_again_at_once_ends_as_declared() {
    let mut world = World::with_basics(44).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    world.delete_share("hub").await;
    world.until_gone("hub").await;
    world.desire([(TGW, DATA)]);
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.until_ready("hub").await;
    world.until_in_force([(TGW, DATA)]).await;
    assert_eq!(world.live_shares().len(), 1);
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_goes_cuts_nobody_off() {
    let mut world = World::with_basics(45).await;
    world.desire([(TGW, DATA), (TGW, PARTNER)]);
    world
        .apply(share("hub", json!({"allowExternal": true, "targets": [{"account": "data-prod"}, outside("2027-01-20T00:00:00Z")]})))
        .await;
    world.start();
    world.until_ready("hub").await;
    world.accept_invitations();
    world.rest(700).await;
    world
        .delete(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "network-team"}}))
        .await;
    world.until_gone("hub").await;
    world.rest(1500).await;
    world.until_in_force([(TGW, DATA), (TGW, PARTNER)]).await;
    let records = world.all_stored("undeclaredshares");
    let released: Vec<_> = records.iter().filter(|r| r["status"]["why"] == "Released").collect();
    assert_eq!(released.len(), 2, "{records:?}");
    let outer = released.iter().find(|r| r["status"]["external"] == 1).unwrap();
    assert_eq!(outer["status"]["principals"][0]["until"], "2027-01-20T00:00:00Z");
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn an_uninstall_of_the_kinds_cuts_nobody_off() {
    let mut world = World::with_basics(46).await;
    world.desire([(TGW, DATA)]);
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    world
        .delete(json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "shares.sharekeeper.dev"}}))
        .await;
    world.rest(60).await;
    assert!(world.all_stored("shares").is_empty());
    world.until_in_force([(TGW, DATA)]).await;
    let records = world.all_stored("undeclaredshares");
    assert!(records.iter().any(|r| r["status"]["why"] == "Released"), "{records:?}");
}

#[tokio::test(start_paused = true)]
async fn a_deletion_waits_while_the_cluster_cannot_say_why() {
    let mut world = World::with_basics(47).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    world.desire([(TGW, DATA)]);
    world.kube.with(|cluster| {
        let reads = Match::on(&[Verb::Get], "namespaces").by("controller");
        cluster.weather.rules.push(Rule::always(reads, Fault::internal()));
    });
    world.delete_share("hub").await;
    world.rest(1300).await;
    world.until_in_force([(TGW, DATA)]).await;
    assert!(world.share("hub").await.is_some());
    world.kube.with(|cluster| cluster.weather.rules.clear());
    world.rest(700).await;
    world.until_gone("hub").await;
    world.until_in_force([]).await;
}

/// One namespace that cannot be read keeps only its own deletions waiting.
#[tokio::test(start_paused = true)]
async fn a_deletion_does_not_wait_for_another_namespace_that_cannot_be_read() {
    let mut world = World::with_basics(49).await;
    world.apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other-team"}})).await;
    let mut both = policy(
        "both",
        json!({"resourceTypes": ["ec2:TransitGateway"], "organizationalUnits": ["Root/Workloads"]}),
    );
    both["spec"]["namespaces"] = json!(["network-team", "other-team"]);
    world.apply(both).await;
    let here = share("hub", json!({"targets": [{"account": DATA}]}));
    let mut there = share("hub", json!({"targets": [{"account": WEB}]}));
    there["metadata"]["namespace"] = json!("other-team");
    world.desire([(TGW, DATA), (TGW, WEB)]);
    world.apply(here).await;
    world.apply(there.clone()).await;
    world.start();
    world.until_in_force([(TGW, DATA), (TGW, WEB)]).await;
    world.until_ready("hub").await;
    world.kube.with(|cluster| {
        let mut read = Match::on(&[Verb::Get], "namespaces").by("controller");
        read.name = Some("other-team".to_owned());
        cluster.weather.rules.push(Rule::always(read, Fault::internal()));
    });
    world.delete_share("hub").await;
    world.delete(there).await;
    world.rest(700).await;
    world.until_gone("hub").await;
    world.until_in_force([(TGW, WEB)]).await;
    world.kube.with(|cluster| cluster.weather.rules.clear());
    world.until_in_force([]).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn no_tenants_switch_makes_a_deletion_wait_for_ever() {
    // Suspended by its tenant, deleted by its tenant: what is to be done about its grants is the deletion's to say.
    let mut world = World::with_basics(48).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    world.apply(share("hub", json!({"suspend": true, "targets": [{"account": "data-prod"}]}))).await;
    world.rest(10).await;
    world.delete_share("hub").await;
    world.rest(1300).await;
    world.until_in_force([(TGW, DATA)]).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.until_gone("hub").await;
    world.until_in_force([]).await;
}

/// A Share whose container was made and whose creates were never answered, in a cell whose listings are five minutes old.
async fn never_answered(seed: u64) -> World {
    let mut world = World::with_basics(seed).await;
    world.weather(|weather| {
        weather.lags.list = Lag::Fixed(300.0);
        weather.faults = vec![AwsFault {
            times: Some(40),
            ..AwsFault::once("CreateResourceShare", Moment::After, Trouble::Silence)
        }];
    });
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_in_force([(TGW, DATA)]).await;
    world.rest(5).await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_share_stays_until_what_a_create_without_an_answer_has_made_is_found_and_gone() {
    let world = never_answered(230).await;
    world.desire([]);
    world.delete_share("hub").await;
    world
        .within(Duration::from_secs(3000), "gone", || async {
            world.share("hub").await.is_none().then_some(())
        })
        .await;
    assert_eq!(world.live_shares(), [] as [Value; 0], "nothing of it is left");
}

#[tokio::test(start_paused = true)]
async fn what_a_create_without_an_answer_has_made_is_on_record_before_its_share_is_let_go() {
    let world = never_answered(231).await;
    world
        .delete(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "network-team"}}))
        .await;
    world
        .within(Duration::from_secs(3000), "gone", || async {
            world.share("hub").await.is_none().then_some(())
        })
        .await;
    let whys: Vec<Value> =
        world.all_stored("undeclaredshares").iter().map(|r| r["status"]["why"].clone()).collect();
    assert!(whys.contains(&json!("Released")), "{whys:?}");
    assert_eq!(world.in_force(), [(TGW.to_owned(), DATA.to_owned())].into());
}

#[tokio::test(start_paused = true)]
async fn a_share_whose_creates_were_all_refused_goes_at_once() {
    let mut world = World::with_basics(232).await;
    world.weather(|weather| {
        weather.faults = vec![AwsFault {
            times: Some(40),
            ..AwsFault::once("CreateResourceShare", Moment::Before, Trouble::AccessDenied)
        }];
    });
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_says("hub", "Ready", "False", "AccessDenied").await;
    world.rest(300).await;
    world.delete_share("hub").await;
    world
        .within(Duration::from_secs(10), "gone", || async {
            world.share("hub").await.is_none().then_some(())
        })
        .await;
}

/// What is claimed by its mark alone was never made so by this Share: the difference is what git declares, not drift.
#[tokio::test(start_paused = true)]
async fn what_is_claimed_becomes_what_is_declared_where_drift_is_only_reported() {
    let mut world = World::with_basics(68).await;
    world.apply(set(json!({"drift": "Report"}))).await;
    world.apply(orphan_policy()).await;
    let spec = |targets: serde_json::Value| json!({"deletionPolicy": "Orphan", "targets": targets});
    world.apply(share("hub", spec(json!([{"account": "data-prod"}])))).await;
    world.start();
    world.until_ready("hub").await;
    world.delete_share("hub").await;
    world.until_gone("hub").await;
    world.apply(share("hub", spec(json!([{"account": "data-prod"}, {"account": "web-prod"}])))).await;
    world.until_in_force([(TGW, DATA), (TGW, WEB)]).await;
    let share = world.until_ready("hub").await;
    assert!(share.status.unwrap().drift.is_empty());
    world.rest(700).await;
    world.rests().await;
}
