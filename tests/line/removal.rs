//! What nobody declared is removed as the set says: after two readings, after grace, within the budget, and nothing else is.

use serde_json::{Value, json};
use sharekeeper::api::Reason;

use crate::world::{DATA, LEGACY_LIST, LIST, PARTNER, SUBNET_1, SUBNET_2, TGW, World, condition, set, share};

const CELL: &str = "111122223333.eu-west-1";

/// An undeclared share made by hand.
fn made(world: &World, name: &str, resource: &str, principal: &str, external: bool) -> String {
    let answer = world.by_hand(
        "CreateResourceShare",
        json!({"name": name, "principals": [principal], "resourceArns": [resource], "allowExternalPrincipals": external}),
    );
    answer["resourceShare"]["resourceShareArn"].as_str().unwrap().to_owned()
}

fn named(world: &World, name: &str) -> Option<Value> {
    world.all_stored("undeclaredshares").into_iter().find(|record| record["status"]["name"] == name)
}

fn phase(world: &World, name: &str) -> String {
    named(world, name).map_or_else(
        || "no record".to_owned(),
        |record| record["status"]["phase"].as_str().unwrap_or("none").to_owned(),
    )
}

async fn decide(world: &World, name: &str, spec: Value) {
    let record = named(world, name).unwrap();
    let mut full = json!({"evidence": record["status"]["evidence"]});
    full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    world
        .apply(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "UndeclaredShare",
            "metadata": {"name": record["metadata"]["name"]}, "spec": full}))
        .await;
}

/// A world in which something is declared, and much may be removed.
async fn world(seed: u64, undeclared: Value, budget: Value) -> World {
    let mut world = World::with_basics(seed).await;
    world.apply(set(json!({"undeclared": undeclared, "budget": budget}))).await;
    installation(&world, json!({"budget": {"maxRemovals": 100, "maxPercent": 100}})).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    world
}

async fn installation(world: &World, spec: Value) {
    let mut full = json!({"id": "test"});
    full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    world
        .apply(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "Installation", "metadata": {"name": "sharekeeper"}, "spec": full}))
        .await;
}

fn much() -> Value {
    json!({"maxRemovals": 100, "maxPercent": 100})
}

#[tokio::test(start_paused = true)]
async fn it_is_marked_waited_for_and_removed_and_nothing_else_is() {
    let world = world(400, json!({"action": "Delete", "gracePeriod": "2h"}), much()).await;
    made(&world, "inside", SUBNET_1, DATA, false);
    world.rest(700).await;
    assert_eq!(
        (phase(&world, "inside"), phase(&world, "partner-prefixes")),
        ("Waiting".into(), "Waiting".into())
    );
    let record = named(&world, "partner-prefixes").unwrap();
    let (first, confirmed) = (&record["status"]["firstSeen"], &record["status"]["confirmedAt"]);
    assert!(confirmed.as_str().unwrap() > first.as_str().unwrap(), "{record:#}");
    world.rest(3600).await;
    assert_eq!(world.aws_writes(), ["CreateResourceShare"]);
    assert!(world.guard.in_force().contains(&(LEGACY_LIST.to_owned(), PARTNER.to_owned())));
    world.rest(5400).await;
    assert_eq!(world.aws_writes()[1..], ["DeleteResourceShare", "DeleteResourceShare"]);
    assert_eq!(world.guard.in_force(), [(TGW.to_owned(), DATA.to_owned())].into());
    assert!(world.all_stored("undeclaredshares").is_empty(), "what is gone is on record no more");
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn revoke_takes_the_principals_out_and_leaves_the_share() {
    let world = world(401, json!({"action": "Revoke", "gracePeriod": "1h"}), much()).await;
    world.rest(6000).await;
    assert_eq!(world.aws_writes(), ["CreateResourceShare", "DisassociateResourceShare"]);
    assert_eq!(world.guard.in_force(), [(TGW.to_owned(), DATA.to_owned())].into());
    let record = named(&world, "partner-prefixes").unwrap();
    assert_eq!(record["status"]["phase"], "Reported", "{record:#}");
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn a_person_decides_about_exactly_the_grants_that_were_seen() {
    let world = world(402, json!({"objects": "All"}), much()).await;
    for name in ["kept", "removed", "changed"] {
        made(&world, name, SUBNET_1, DATA, false);
    }
    world.rest(1500).await;
    decide(&world, "kept", json!({"decision": "Keep", "reason": "known"})).await;
    decide(&world, "changed", json!({"decision": "Remove"})).await;
    let changed = named(&world, "changed").unwrap()["status"]["id"].clone();
    // The grants change before the decision is read: it is about others, and void.
    world.by_hand("AssociateResourceShare", json!({"resourceShareArn": changed, "resourceArns": [SUBNET_2]}));
    world.told.take_events();
    world.rest(700).await;
    assert_eq!(world.aws_writes().iter().filter(|w| *w == "DeleteResourceShare").count(), 0);
    let record = named(&world, "changed").unwrap();
    assert_eq!(condition(&record, "Stalled"), Some(("True".into(), "EvidenceChanged".into())));
    let void = world.told.take_events().into_iter().filter(|e| e.reason == Reason::EvidenceChanged).count();
    assert_eq!(void, 1, "said once");
    decide(&world, "removed", json!({"decision": "Remove"})).await;
    world.rest(60).await;
    assert_eq!(world.aws_writes().iter().filter(|w| *w == "DeleteResourceShare").count(), 1);
    world.rest(700).await;
    assert_eq!(
        (phase(&world, "kept"), phase(&world, "removed"), phase(&world, "changed")),
        ("Kept".into(), "no record".into(), "Reported".into())
    );
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn over_the_budget_nothing_at_all_is_removed_until_exactly_that_is_approved() {
    let few = json!({"maxRemovals": 2, "maxPercent": 100});
    let world = world(403, json!({"action": "Delete", "gracePeriod": "1h"}), few).await;
    for n in 0..3 {
        made(&world, &format!("stray-{n}"), SUBNET_1, DATA, false);
    }
    world.rest(6000).await;
    let deletions = |world: &World| world.aws_writes().iter().filter(|w| *w == "DeleteResourceShare").count();
    // The legacy share lets in the partner alone: what shuts out outsiders alone waits for no budget.
    assert_eq!(deletions(&world), 1);
    assert_eq!(phase(&world, "stray-0"), "Held");
    let cell = world.stored("accountregions", "", CELL).unwrap();
    assert_eq!(condition(&cell, "RemovalsHeld"), Some(("True".into(), "RemovalsHeld".into())));
    assert_eq!(cell["status"]["held"]["removals"], 3, "{:#}", cell["status"]["held"]);
    assert_eq!(cell["status"]["counts"]["held"], 3);
    for (kind, name) in [("accountsets", "network"), ("installations", "sharekeeper")] {
        world.rest(70).await;
        let object = world.stored(kind, "", name).unwrap();
        assert_eq!(condition(&object, "RemovalsHeld").map(|c| c.0), Some("True".into()), "{object:#}");
    }
    let events = world.told.take_events();
    assert_eq!(
        events
            .iter()
            .filter(|e| e.about == format!("AccountRegion/{CELL}") && e.reason == Reason::RemovalsHeld)
            .count(),
        1
    );
    world.rest(3000).await;
    assert_eq!(deletions(&world), 1);

    let digest = cell["status"]["held"]["digest"].as_str().unwrap().to_owned();
    approve(&world, "0123456789abcdef").await;
    world.rest(60).await;
    assert_eq!(deletions(&world), 1, "another digest releases nothing");
    approve(&world, &digest).await;
    world.rest(60).await;
    assert_eq!(deletions(&world), 4);
    // A fourth that comes up later is not what was approved.
    for n in 3..6 {
        made(&world, &format!("stray-{n}"), SUBNET_1, DATA, false);
    }
    world.rest(8000).await;
    assert_eq!(deletions(&world), 4);
    let cell = world.stored("accountregions", "", CELL).unwrap();
    assert_eq!(cell["status"]["held"]["removals"], 3);
    assert_eq!(cell["status"]["approved"]["removals"], Value::Null, "the approval is used up");
}

/// What a leader has that takes over, or a person who stops everything in between.
#[tokio::test(start_paused = true)]
async fn an_approval_outlives_a_halt_and_what_is_held_again_is_approved_again() {
    let few = json!({"maxRemovals": 0});
    let mut world = world(412, json!({"action": "Delete", "gracePeriod": "1h"}), few).await;
    world.rest(700).await;
    let deletions = |world: &World| world.aws_writes().iter().filter(|w| *w == "DeleteResourceShare").count();
    let held = |world: &World| world.stored("accountregions", "", CELL).unwrap()["status"]["held"].clone();
    let halted = json!({"halt": true, "budget": {"maxRemovals": 100, "maxPercent": 100}});
    let mut digests = vec![];
    for round in 0..2 {
        made(&world, "stray", SUBNET_1, DATA, false);
        world.rest(6000).await;
        let before = held(&world);
        digests.push(before["digest"].as_str().unwrap().to_owned());
        installation(&world, halted.clone()).await;
        world.rest(5).await;
        world.start();
        world.rest(60).await;
        assert_eq!(held(&world), before, "a halt says nothing of what is held");
        installation(&world, json!({"budget": {"maxRemovals": 100, "maxPercent": 100}})).await;
        approve(&world, &digests[round]).await;
        // It is taken up, and stopped before it is made.
        world
            .until("taken up", || async {
                let cell = world.stored("accountregions", "", CELL)?;
                (cell["status"]["approved"]["digest"] == digests[round].as_str()).then_some(())
            })
            .await;
        installation(&world, halted.clone()).await;
        world.rest(5).await;
        let done = deletions(&world);
        world.rest(700).await;
        assert_eq!(deletions(&world), done, "nothing is removed while all is halted");
        installation(&world, json!({"budget": {"maxRemovals": 100, "maxPercent": 100}})).await;
        world.rest(700).await;
        assert_eq!(phase(&world, "stray"), "no record", "round {round}");
        assert_eq!(held(&world), Value::Null, "round {round}");
    }
    assert_ne!(digests[0], digests[1]);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_is_counted_as_what_it_is_in_force() {
    let world = world(413, json!({}), much()).await;
    world.delete(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "SharingPolicy", "metadata": {"name": "network"}})).await;
    let object = world.until_says("hub", "Ready", "False", "RemovalsHeld").await;
    assert_eq!(world.in_force(), [(TGW.to_owned(), DATA.to_owned())].into());
    let counts = &object["status"]["counts"];
    assert_eq!(
        (&counts["principals"]["display"], &counts["resources"]["display"]),
        (&json!("1/1"), &json!("1/1"))
    );
    for entry in [&object["status"]["principals"][0], &object["status"]["resources"][0]] {
        assert_eq!(
            (&entry["state"], &entry["reason"]),
            (&json!("InForce"), &json!("RemovalsHeld")),
            "{entry:#}"
        );
        assert!(entry["message"].as_str().unwrap().starts_with("it has access still"), "{entry:#}");
    }
    // Another digest than the one that is held is said to be another.
    approve(&world, "0123456789abcdef").await;
    world.rest(60).await;
    let cell = world.stored("accountregions", "", CELL).unwrap();
    let conditions = cell["status"]["conditions"].as_array().unwrap();
    let held = conditions.iter().find(|condition| condition["type"] == "RemovalsHeld").unwrap();
    let message = held["message"].as_str().unwrap();
    assert!(message.ends_with("; 0123456789abcdef is approved, which is not what is held now"), "{message}");
    approve(&world, cell["status"]["held"]["digest"].as_str().unwrap()).await;
    world.until_in_force([]).await;
    let object = world.until_says("hub", "Ready", "False", "NoPolicy").await;
    assert_eq!(object["status"]["counts"]["principals"]["display"], "0/1");
}

async fn approve(world: &World, digest: &str) {
    use kube::api::{Api, Patch, PatchParams};
    let regions: Api<sharekeeper::api::AccountRegion> = Api::all(world.client.clone());
    let patch = json!({"metadata": {"annotations": {"sharekeeper.dev/approve": digest}}});
    regions.patch(CELL, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_of_a_window_and_not_of_a_pass() {
    let few = json!({"maxRemovals": 2, "maxPercent": 100, "window": "1h"});
    let world = world(404, json!({"action": "Delete", "gracePeriod": "0s"}), few).await;
    let deletions = |world: &World| world.aws_writes().iter().filter(|w| *w == "DeleteResourceShare").count();
    world.rest(1500).await;
    assert_eq!(deletions(&world), 1, "the partner's");
    for n in 0..4 {
        made(&world, &format!("stray-{n}"), SUBNET_1, DATA, false);
        world.rest(1400).await;
    }
    // Each in a pass of its own: two in the hour of the first, and the others in the next.
    let at: Vec<i64> = world
        .aws
        .world()
        .journal()
        .writes()
        .filter(|e| e.operation == "DeleteResourceShare" && e.effect)
        .map(|e| (e.at - crate::world::EPOCH as f64) as i64)
        .collect();
    assert!(at.len() == 5, "{at:?}");
    let mut counted = &at[1..];
    while let Some(first) = counted.first() {
        let within = counted.iter().take_while(|second| *second - first < 3600).count();
        assert!(within <= 2, "{at:?}");
        counted = &counted[within..];
    }
}

#[tokio::test(start_paused = true)]
async fn that_all_is_undeclared_or_that_there_is_no_share_at_all_is_always_held() {
    let mut world = World::with_basics(405).await;
    world
        .apply(set(json!({"undeclared": {"action": "Delete", "gracePeriod": "0s"}, "budget": much()})))
        .await;
    installation(&world, json!({"budget": much()})).await;
    world.start();
    world.rest(4000).await;
    assert_eq!(world.aws_writes(), [] as [String; 0]);
    let cell = world.stored("accountregions", "", CELL).unwrap();
    let why = cell["status"]["held"]["message"].as_str().unwrap();
    assert!(why.contains("there is no Share at all in AccountSet network"), "{why}");
    // A Share that declares nothing that is there: all that is shared is still undeclared.
    world
        .apply(share("nothing", json!({"enforcement": "Report", "targets": [{"account": "data-prod"}]})))
        .await;
    world.rest(4000).await;
    let cell = world.stored("accountregions", "", CELL).unwrap();
    let why = cell["status"]["held"]["message"].as_str().unwrap();
    assert!(why.contains("all that is shared in AccountSet network is undeclared"), "{why}");
    assert_eq!(world.aws_writes(), [] as [String; 0]);
    // Once something is declared, what is not goes.
    world.apply(share("nothing", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.rest(1500).await;
    assert_eq!(world.aws_writes(), ["CreateResourceShare", "DeleteResourceShare"]);
}

#[tokio::test(start_paused = true)]
async fn deletions_of_shares_wait_for_the_budget_and_edits_do_not() {
    let none = json!({"maxRemovals": 0});
    let world = world(406, json!({}), none).await;
    world.apply(share("nets", json!({"resources": [{"arn": SUBNET_1}], "targets": [{"account": "data-prod"}, {"account": "web-prod"}]}))).await;
    world.until_ready("nets").await;
    world
        .apply(share("nets", json!({"resources": [{"arn": SUBNET_1}], "targets": [{"account": "web-prod"}]})))
        .await;
    world.until_ready("nets").await;
    world.delete_share("nets").await;
    world.rest(700).await;
    let object = world.stored("shares", "network-team", "nets").unwrap();
    assert_eq!(condition(&object, "Ready"), Some(("False".into(), "RemovalsHeld".into())), "{object:#}");
    let cell = world.stored("accountregions", "", CELL).unwrap();
    approve(&world, cell["status"]["held"]["digest"].as_str().unwrap()).await;
    world.until_gone("nets").await;
    world.until_in_force([(TGW, DATA)]).await;
}

#[tokio::test(start_paused = true)]
async fn two_installations_leave_each_others_alone_and_a_rogue_that_looks_exempt_is_not() {
    let spec = json!({"action": "Delete", "gracePeriod": "0s", "ignore": [{"name": "LakeFormation*", "reason": "AWS"}, {"tags": {"managed-by": "terraform"}, "reason": "old"}]});
    let world = world(407, spec, much()).await;
    installation(&world, json!({"peers": ["east"], "budget": much()})).await;
    let mark = |installation: &str| {
        let tags = [
            ("installation", installation),
            ("namespace", "network-team"),
            ("name", "hub"),
            ("uid", "u"),
            ("side", "inner"),
        ];
        tags.map(|(key, value)| json!({"key": format!("sharekeeper.dev/{key}"), "value": value})).to_vec()
    };
    let make = |name: &str, tags: Vec<Value>, principal: &str| {
        world.by_hand(
            "CreateResourceShare",
            json!({"name": name, "principals": [principal], "resourceArns": [LIST], "allowExternalPrincipals": true, "tags": tags}),
        );
    };
    make("of-a-peer", mark("east"), DATA);
    make("of-a-stranger", mark("west"), DATA);
    // The mark of a Share that is there and has its own container.
    make("copied-mark", mark("test"), DATA);
    make("LakeFormation-V3-x", vec![], PARTNER);
    make("by-terraform", vec![json!({"key": "managed-by", "value": "terraform"})], PARTNER);
    make("LakeFormation-inside", vec![], DATA);
    world.rest(3000).await;
    let mut left: Vec<String> =
        world.live_shares().iter().map(|s| s["name"].as_str().unwrap().to_owned()).collect();
    left.sort();
    assert_eq!(left, ["LakeFormation-inside", "network-team.hub", "of-a-peer"]);
    world.rest(700).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_comes_under_another_set_begins_grace_anew() {
    let world = world(408, json!({"action": "Delete", "gracePeriod": "2h"}), much()).await;
    world.rest(6900).await;
    assert_eq!(phase(&world, "partner-prefixes"), "Waiting");
    let mut other = set(json!({"undeclared": {"action": "Delete", "gracePeriod": "2h"}, "budget": much()}));
    other["metadata"]["name"] = "other".into();
    world.delete(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "AccountSet", "metadata": {"name": "network"}})).await;
    world.apply(other).await;
    world.rest(6900).await;
    assert_eq!(phase(&world, "partner-prefixes"), "Waiting");
    assert_eq!(world.aws_writes(), ["CreateResourceShare"]);
    world.rest(3600).await;
    assert_eq!(world.aws_writes(), ["CreateResourceShare", "DeleteResourceShare"]);
}

#[tokio::test(start_paused = true)]
async fn what_aws_denies_is_said_and_asked_for_ever_more_rarely() {
    use simulator::aws::weather::{Fault, Moment, Trouble};
    let world = world(410, json!({"action": "Delete", "gracePeriod": "0s"}), much()).await;
    world.weather(|weather| {
        weather.faults.push(Fault::always("DeleteResourceShare", Moment::Before, Trouble::AccessDenied));
    });
    world.rest(4000).await;
    let record = named(&world, "partner-prefixes").unwrap();
    assert_eq!(condition(&record, "Stalled"), Some(("True".into(), "AccessDenied".into())), "{record:#}");
    assert_eq!(record["status"]["phase"], "Held");
    let calls = world.ram_calls();
    let (asked, readings) = (
        calls.iter().filter(|c| *c == "DeleteResourceShare").count(),
        calls.iter().filter(|c| *c == "GetResourceShares").count(),
    );
    assert!((3..=10).contains(&asked) && readings <= 40, "{asked} deletions, {readings} readings");
    world.weather(|weather| weather.faults.clear());
    world.rest(700).await;
    assert!(named(&world, "partner-prefixes").is_none());
}

#[tokio::test(start_paused = true)]
async fn what_report_would_do_is_what_enforce_does() {
    let mut plans = vec![];
    for action in ["Report", "Enforce"] {
        let mut world = World::with_basics(409).await;
        world.apply(set(json!({"mode": action, "undeclared": {"action": "Delete", "gracePeriod": "0s"}, "budget": much()}))).await;
        installation(&world, json!({"budget": much()})).await;
        // Something of the set's is there already, as after an earlier life of the cluster.
        let tags = [
            ("installation", "test"),
            ("namespace", "network-team"),
            ("name", "hub"),
            ("uid", "u"),
            ("side", "inner"),
        ]
        .map(|(key, value)| json!({"key": format!("sharekeeper.dev/{key}"), "value": value}));
        world.by_hand("CreateResourceShare", json!({"name": "hub", "principals": [DATA], "resourceArns": [TGW], "allowExternalPrincipals": false, "tags": tags}));
        world.apply(share("hub", json!({"name": "hub", "targets": [{"account": "data-prod"}]}))).await;
        world
            .apply(share(
                "nets",
                json!({"resources": [{"arn": SUBNET_1}], "targets": [{"account": "data-prod"}]}),
            ))
            .await;
        world.start();
        world.rest(1500).await;
        let mut planned: Vec<String> = vec![];
        for object in world.all_stored("shares") {
            for step in object["status"]["plan"]["steps"].as_array().into_iter().flatten() {
                planned.push(step["operation"].as_str().unwrap().trim_start_matches("ram:").to_owned());
            }
        }
        let held =
            world.all_stored("undeclaredshares").iter().filter(|r| r["status"]["phase"] == "Held").count();
        planned.extend(vec!["DeleteResourceShare".to_owned(); held]);
        planned.sort();
        let mut written = world.aws_writes();
        written.sort();
        plans.push(if action == "Report" {
            assert_eq!(written, [] as [String; 0]);
            planned
        } else {
            written
        });
    }
    assert_eq!(plans[0], plans[1]);
    assert_eq!(plans[0], ["CreateResourceShare", "DeleteResourceShare", "TagResource"]);
}

#[tokio::test(start_paused = true)]
async fn under_another_set_it_is_seen_and_waited_for_anew_however_the_cell_came_to_it() {
    let undeclared = json!({"action": "Delete", "gracePeriod": "2h"});
    let world = world(412, undeclared.clone(), much()).await;
    world.rest(5400).await;
    let first = named(&world, "partner-prefixes").unwrap();
    assert_eq!(first["status"]["phase"], "Waiting", "{first:#}");
    // Two sets claim the cell for a while: no pass sees one follow the other.
    let mut other = set(json!({"undeclared": undeclared, "budget": much()}));
    other["metadata"]["name"] = "other".into();
    world.apply(other).await;
    world.rest(60).await;
    world.delete(set(json!({}))).await;
    world.rest(6000).await;
    let second = named(&world, "partner-prefixes").unwrap();
    assert!(second["status"]["confirmedAt"].as_str() > first["status"]["confirmedAt"].as_str(), "{second:#}");
    assert_eq!(world.aws_writes(), ["CreateResourceShare"]);
    world.rest(3600).await;
    assert_eq!(world.aws_writes(), ["CreateResourceShare", "DeleteResourceShare"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_share_has_on_record_is_not_removed_because_somebody_edits_its_mark() {
    let world = world(413, json!({"action": "Delete", "gracePeriod": "0s"}), much()).await;
    let arn = world.container("hub", sharekeeper::model::Side::Inner).await;
    world.rest(1500).await;
    for (key, value) in [("name", "somebody-else"), ("installation", "nobody-known")] {
        let tags = json!([{"key": format!("sharekeeper.dev/{key}"), "value": value}]);
        world.by_hand("TagResource", json!({"resourceShareArn": arn, "tags": tags}));
        world.rest(3000).await;
        let object = world.until_says("hub", "Ready", "False", "Conflict").await;
        assert_eq!(object["status"]["containers"][0]["state"], "Unknown", "{object:#}");
        world.until_in_force([(TGW, DATA)]).await;
    }
    for (key, value) in [("name", "hub"), ("installation", "test")] {
        let tags = json!([{"key": format!("sharekeeper.dev/{key}"), "value": value}]);
        world.by_hand("TagResource", json!({"resourceShareArn": arn, "tags": tags}));
    }
    world.rest(700).await;
    world.until_ready("hub").await;
}
