//! Ends, modes and policies: what they hold back and what they do not.

use serde_json::{Value, json};
use simulator::aws::weather::{Calls, Fault, Moment, Trouble};

use crate::world::{DATA, PARTNER, TGW, WEB, World, condition, outside, policy, set, share};

#[tokio::test(start_paused = true)]
async fn an_end_comes_on_time_and_no_switch_of_the_tenant_holds_it_open() {
    for (seed, switch) in
        [json!({}), json!({"suspend": true}), json!({"enforcement": "Report"})].into_iter().enumerate()
    {
        let mut world = World::with_basics(20 + seed as u64).await;
        let mut spec = json!({"allowExternal": true, "targets": [{"account": "data-prod"}, outside("2026-11-25T03:00:00Z")]});
        world.desire([(TGW, DATA), (TGW, PARTNER)]);
        world.apply(share("hub", spec.clone())).await;
        world.start();
        world.until_ready("hub").await;
        world.accept_invitations();
        world.until_in_force([(TGW, DATA), (TGW, PARTNER)]).await;
        spec.as_object_mut().unwrap().extend(switch.as_object().unwrap().clone());
        world.apply(share("hub", spec)).await;
        let left = 3.0 * 3600.0 - (world.aws.now() - crate::world::EPOCH as f64);
        world.rest(left as u64 - 5).await;
        assert_eq!(world.in_force().len(), 2, "{switch}");
        world.desire([(TGW, DATA)]);
        world.rest(15).await;
        assert_eq!(world.in_force().len(), 1, "ten seconds after the end, with {switch}");
        let object = world.stored("shares", "network-team", "hub").unwrap();
        let partner = object["status"]["principals"]
            .as_array()
            .unwrap()
            .iter()
            .find(|p| p["external"] == true)
            .cloned();
        assert_eq!(partner.unwrap()["state"], "Expired", "{switch}");
        world.rest(5000).await;
        world.rests().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_end_renews_what_has_ended() {
    let mut world = World::with_basics(24).await;
    let spec = |until: &str| json!({"allowExternal": true, "targets": [outside(until)]});
    world.desire([(TGW, PARTNER)]);
    world.apply(share("hub", spec("2026-11-25T01:00:00Z"))).await;
    world.start();
    world.until_ready("hub").await;
    world.accept_invitations();
    world.rest(3700).await;
    assert!(world.in_force().is_empty());
    world.apply(share("hub", spec("2026-12-25T01:00:00Z"))).await;
    world.until_ready("hub").await;
    world.accept_invitations();
    world.until_in_force([(TGW, PARTNER)]).await;
    // A policy's longest time counts from the first declaration: 90 days from the first day, not from now.
    world.desire([]);
    world.apply(share("hub", spec("2027-03-01T01:00:00Z"))).await;
    world.until_in_force([]).await;
    world.until_says("hub", "Permitted", "False", "NotPermitted").await;
}

/// Nothing is written to AWS, the plan is shown, and there is no Ready to wait for.
async fn shows_and_does_nothing(world: &World, reason: &str) {
    world.rest(30).await;
    let writes = world.aws_writes().len();
    let object = world.stored("shares", "network-team", "hub").unwrap();
    let steps =
        object["status"]["plan"]["steps"].as_array().unwrap_or_else(|| panic!("no plan: {object}")).clone();
    assert!(steps.iter().any(|step| step["heldBy"] == reason), "{steps:?}");
    world.rest(1300).await;
    assert_eq!(world.aws_writes().len(), writes);
}

#[tokio::test(start_paused = true)]
async fn report_and_suspend_show_the_plan_and_write_nothing() {
    let cases: [(Value, Value, &str); 4] = [
        (json!({"enforcement": "Report"}), json!({}), "ReportOnly"),
        (json!({"suspend": true}), json!({}), "Suspended"),
        (json!({}), json!({"mode": "Report"}), "ReportOnly"),
        (json!({}), json!({"suspend": true}), "Suspended"),
    ];
    for (of_share, of_set, reason) in cases {
        let mut world = World::with_basics(25).await;
        world.desire([]);
        world.apply(set(of_set.clone())).await;
        let mut spec = json!({"targets": [{"account": "data-prod"}]});
        spec.as_object_mut().unwrap().extend(of_share.as_object().unwrap().clone());
        world.apply(share("hub", spec)).await;
        world.start();
        shows_and_does_nothing(&world, reason).await;
        let object = world.stored("shares", "network-team", "hub").unwrap();
        assert_eq!(condition(&object, "Ready"), None, "{of_share} {of_set}");
        assert_eq!(world.live_shares().len(), 0);

        // Switched on, it is done.
        world.desire([(TGW, DATA)]);
        world.apply(set(json!({}))).await;
        world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
        let ready = world.until_ready("hub").await;
        assert_eq!(ready.status.unwrap().plan, None);
        world.rests().await;
    }
}

#[tokio::test(start_paused = true)]
async fn add_only_adds_and_takes_nothing_away() {
    let mut world = World::with_basics(26).await;
    world.apply(set(json!({"mode": "AddOnly"}))).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    world.desire([(TGW, WEB)]);
    world.apply(share("hub", json!({"targets": [{"account": "web-prod"}]}))).await;
    world.rest(60).await;
    world.until_in_force([(TGW, DATA), (TGW, WEB)]).await;
    shows_and_does_nothing(&world, "AddOnly").await;
    world.apply(set(json!({}))).await;
    world.until_in_force([(TGW, WEB)]).await;
    world.until_ready("hub").await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn drift_report_holds_drift_and_never_a_change_just_made() {
    let mut world = World::with_basics(27).await;
    world.apply(set(json!({"drift": "Report"}))).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    let arn = world.container("hub", sharekeeper::model::Side::Inner).await;
    world.by_hand("AssociateResourceShare", json!({"resourceShareArn": arn, "principals": [WEB]}));
    world.desire([(TGW, DATA), (TGW, "222233336666")]);
    world.rest(700).await;
    let object = world.until_says("hub", "Drifted", "True", "DriftReported").await;
    let line = &object["status"]["drift"][0];
    assert_eq!(
        (line["what"].as_str(), line["want"].as_str(), line["have"].as_str(), line["action"].as_str()),
        (Some("principal 222233335555"), Some("absent"), Some("ASSOCIATED"), Some("Reported"))
    );
    world.until_in_force([(TGW, DATA), (TGW, WEB)]).await;
    world.rests().await;
    // An edit is carried out.
    world
        .apply(share("hub", json!({"targets": [{"account": "data-prod"}, {"account": "payments-prod"}]})))
        .await;
    world.until_in_force([(TGW, DATA), (TGW, "222233336666")]).await;
    world.until_ready("hub").await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_lifted_by_a_policy_and_comes_back_without_it() {
    let mut world = World::with_basics(28).await;
    world.desire([]);
    world.apply(share("hub", json!({"targets": [{"account": "log-archive"}]}))).await;
    world.start();
    let object = world.until_says("hub", "Ready", "False", "NotPermitted").await;
    assert_eq!(condition(&object, "Permitted").unwrap().0, "False");
    assert_eq!(condition(&object, "Reconciling").unwrap().0, "True");
    world.rest(650).await;
    let object = world.until_says("hub", "Stalled", "True", "NotPermitted").await;
    assert_eq!(condition(&object, "Reconciling"), None);
    world.rests().await;

    world.desire([(TGW, "333300002222")]);
    let more =
        policy("security", json!({"resourceTypes": ["ec2:TransitGateway"], "accounts": ["log-archive"]}));
    world.apply(more.clone()).await;
    world.until_in_force([(TGW, "333300002222")]).await;
    let ready = world.until_ready("hub").await;
    assert!(sharekeeper::api::conditions::is_true(&ready.status.unwrap().conditions, "Permitted"));

    world.desire([]);
    world.delete(more).await;
    world.rest(10).await;
    assert!(world.in_force().is_empty(), "it does not wait for the next reading");
    world.until_says("hub", "Ready", "False", "NotPermitted").await;
    world.rest(700).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn no_switch_of_the_tenant_stops_what_policy_takes_away() {
    for switch in [json!({"suspend": true}), json!({"enforcement": "Report"})] {
        let mut world = World::with_basics(29).await;
        let more =
            policy("security", json!({"resourceTypes": ["ec2:TransitGateway"], "accounts": ["log-archive"]}));
        world.apply(more.clone()).await;
        let mut spec = json!({"targets": [{"account": "data-prod"}, {"account": "log-archive"}]});
        world.apply(share("hub", spec.clone())).await;
        world.start();
        world.until_ready("hub").await;
        spec.as_object_mut().unwrap().extend(switch.as_object().unwrap().clone());
        world.apply(share("hub", spec)).await;
        world.rest(5).await;
        world.desire([(TGW, DATA)]);
        world.delete(more).await;
        world.until_in_force([(TGW, DATA)]).await;
        world.rest(20).await;
        world.rests().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_cannot_be_read_takes_nothing_away() {
    let mut world = World::with_basics(30).await;
    let more =
        policy("security", json!({"resourceTypes": ["ec2:TransitGateway"], "accounts": ["log-archive"]}));
    world.apply(more).await;
    world.apply(share("hub", json!({"targets": [{"account": "log-archive"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    world.desire([(TGW, "333300002222")]);
    let mut broken =
        policy("security", json!({"resourceTypes": ["ec2:TransitGateway"], "accounts": ["log-archive"]}));
    broken["spec"]["allow"]["accounts"] = json!({"log-archive": true});
    world.poison("sharingpolicies", &broken);
    world.rest(1300).await;
    world.until_in_force([(TGW, "333300002222")]).await;
    world.start();
    world.rest(1300).await;
    world.until_in_force([(TGW, "333300002222")]).await;
}

#[tokio::test(start_paused = true)]
async fn a_halt_stops_every_write_and_its_end_lets_them_go() {
    let mut world = World::with_basics(31).await;
    let installation = |halt: bool| {
        json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "Installation",
        "metadata": {"name": "sharekeeper"}, "spec": {"id": "test", "halt": halt}})
    };
    world.apply(installation(true)).await;
    world.desire([]);
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_says("hub", "Ready", "False", "Halted").await;
    world.rest(1300).await;
    assert_eq!(world.aws_writes(), [] as [String; 0]);
    world.desire([(TGW, DATA)]);
    world.apply(installation(false)).await;
    world.until_ready("hub").await;
    world.delete(installation(false)).await;
    world.rest(5).await;
    world.desire([(TGW, DATA)]);
    world.apply(share("hub", json!({"targets": [{"account": "web-prod"}]}))).await;
    world.rest(1300).await;
    world.until_in_force([(TGW, DATA)]).await;
}

/// One edit that takes somebody out of the Share and suspends it: he is declared no more, and has no end.
#[tokio::test(start_paused = true)]
async fn no_switch_of_the_tenant_keeps_whom_its_share_names_no_more() {
    for (seed, switch) in [json!({"suspend": true}), json!({"enforcement": "Report"})].into_iter().enumerate()
    {
        let mut world = World::with_basics(32 + seed as u64).await;
        let more =
            policy("security", json!({"resourceTypes": ["ec2:TransitGateway"], "accounts": ["log-archive"]}));
        world.apply(more.clone()).await;
        let targets =
            json!([{"account": "data-prod"}, {"account": "log-archive"}, outside("2026-12-25T00:00:00Z")]);
        world.apply(share("hub", json!({"allowExternal": true, "targets": targets}))).await;
        world.start();
        world.until_ready("hub").await;
        world.accept_invitations();
        world.until_in_force([(TGW, DATA), (TGW, "333300002222"), (TGW, PARTNER)]).await;

        let mut spec = json!({"allowExternal": true, "targets": [{"account": "data-prod"}]});
        spec.as_object_mut().unwrap().extend(switch.as_object().unwrap().clone());
        world.apply(share("hub", spec)).await;
        // A policy allows log-archive still, so the switch holds it; nobody outside is without an end.
        world.until_in_force([(TGW, DATA), (TGW, "333300002222")]).await;
        world.rest(700).await;
        world.until_in_force([(TGW, DATA), (TGW, "333300002222")]).await;
        world.delete(more).await;
        world.until_in_force([(TGW, DATA)]).await;
        world.rest(700).await;
        world.rests().await;
    }
}

/// The Share is deleted with `Orphan` while nobody knows whether a policy lets it.
#[tokio::test(start_paused = true)]
async fn an_end_comes_on_time_while_a_deletion_cannot_be_decided() {
    let mut world = World::with_basics(34).await;
    let spec = json!({"allowExternal": true, "deletionPolicy": "Orphan",
        "targets": [{"account": "data-prod"}, outside("2026-11-25T03:00:00Z")]});
    world.apply(share("hub", spec)).await;
    world.start();
    world.until_ready("hub").await;
    world.accept_invitations();
    world.until_in_force([(TGW, DATA), (TGW, PARTNER)]).await;
    world.stop();
    world.weather(|weather| {
        let calls = Calls { service: Some("organizations".into()), ..Calls::default() };
        weather.faults.push(Fault { calls, ..Fault::always("", Moment::Before, Trouble::AccessDenied) });
    });
    world.start();
    world.rest(30).await;
    world.delete_share("hub").await;
    world.rest(700).await;
    world.until_in_force([(TGW, DATA), (TGW, PARTNER)]).await;
    let left = 3.0 * 3600.0 - (world.aws.now() - crate::world::EPOCH as f64);
    world.rest(left as u64 + 15).await;
    world.until_in_force([(TGW, DATA)]).await;
    assert!(world.share("hub").await.is_some(), "whether it goes with its grants is not decided");
    world.weather(|weather| weather.faults.clear());
    world.until_gone("hub").await;
    world.until_in_force([]).await;
}
