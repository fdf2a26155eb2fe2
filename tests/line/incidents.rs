//! What has happened to others (reliability.md §2.2), here: each incident that can befall a controller which deletes, with
//! everything set to remove at once.

use serde_json::{Value, json};
use simulator::{
    aws::weather::{Calls, Fault, Moment, Throttle, Trouble},
    kube::{self, Match, Rule, Verb},
};

use crate::world::{DATA, LEGACY_LIST, PARTNER, SUBNET_1, TGW, WEB, World, condition, set, share};

const DECLARED: [(&str, &str); 2] = [(TGW, DATA), (SUBNET_1, WEB)];

/// A set that deletes what nobody declares as soon as a second reading confirms it, and no budget that would stop it.
fn merciless() -> Value {
    set(json!({"interval": "1m", "undeclared": {"action": "Delete", "gracePeriod": "0s"},
        "budget": {"maxRemovals": 1000, "maxPercent": 100}}))
}

/// Two Shares in force in such a set.
async fn in_force(seed: u64) -> World {
    let mut world = World::with_basics(seed).await;
    world.apply(merciless()).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world
        .apply(share("nets", json!({"resources": [{"arn": SUBNET_1}], "targets": [{"account": "web-prod"}]})))
        .await;
    world.desire(DECLARED);
    world.start();
    world.until_ready("hub").await;
    world.until_ready("nets").await;
    world.rest(300).await;
    world.until_in_force(DECLARED).await;
    world
}

/// Nothing of what is declared was touched.
async fn nothing_was_lost(world: &World) {
    world.rest(900).await;
    world.until_in_force(DECLARED).await;
    let removals = world.aws_writes().into_iter().filter(|write| write.starts_with('D')).count();
    // The share that somebody made by hand long ago.
    assert_eq!(removals, 1, "{:?}", world.aws_writes());
}

/// external-dns #414, #1238, #2858, #3997: sources that fail or are not ready when it starts looked like none at all.
#[tokio::test(start_paused = true)]
async fn external_dns_sources_that_are_not_ready_at_the_start() {
    let mut world = in_force(600).await;
    for kind in ["shares", "sharingpolicies", "accountsets", "installations", "organizations"] {
        world.stop();
        world.kube.with(|cluster| {
            let lists = Match::on(&[Verb::List], kind).by("controller");
            cluster.weather.rules = vec![Rule::always(lists, kube::Fault::internal())];
        });
        world.start();
        world.rest(600).await;
        world.kube.with(|cluster| cluster.weather.rules.clear());
        world.rest(120).await;
    }
    nothing_was_lost(&world).await;
}

/// Argo CD #18780: the API server was gone for less than a second, and applications were deleted seconds later.
#[tokio::test(start_paused = true)]
async fn argo_cd_the_api_server_is_gone_for_a_moment() {
    let world = in_force(601).await;
    for pause in [1, 7, 61, 130] {
        world.kube.with(|cluster| {
            cluster.weather.unavailable = true;
            cluster.break_watches(&Match::any());
        });
        world.rest(1).await;
        world.kube.with(|cluster| cluster.weather.unavailable = false);
        world.rest(pause).await;
    }
    nothing_was_lost(&world).await;
}

/// Cloudflare, February 2026, and Google's Diskerase: an empty selection was taken for everything. An empty Share cannot be
/// declared, and no write ever names nobody.
#[tokio::test(start_paused = true)]
async fn cloudflare_and_diskerase_an_empty_selection_is_not_everything() {
    let world = in_force(602).await;
    let nothing = json!({"resources": [], "targets": [{"account": "data-prod"}]});
    assert!(world.try_apply(share("empty", nothing)).await.is_err());
    world.apply(share("empty", json!({"targets": []}))).await;
    world.rest(60).await;
    let policy = world.stored("sharingpolicies", "", "network").unwrap();
    let mut nothing = policy.clone();
    nothing["metadata"] = json!({"name": "network"});
    nothing["spec"]["allow"]["resourceTypes"] = json!([]);
    assert!(world.try_apply(nothing).await.is_err());
    check_that_somebody_is_named(&world);
    nothing_was_lost(&world).await;
}

fn check_that_somebody_is_named(world: &World) {
    let aws = world.aws.world();
    for write in aws.journal().writes().filter(|entry| entry.operation == "DisassociateResourceShare") {
        let named = |key: &str| write.params[key].as_array().map_or(0, Vec::len);
        assert!(named("principals") + named("resourceArns") > 0, "{}", write.params);
    }
}

/// InfluxDB Cloud: a second definition of the same thing replaced the first, which was then cleaned up.
#[tokio::test(start_paused = true)]
async fn influxdb_two_declarations_of_one_thing_are_a_conflict_and_nothing_is_done() {
    let world = in_force(603).await;
    let arn = world.container("hub", sharekeeper::model::Side::Inner).await;
    // The same name in AWS, another namespace's Share of the same name, and one that wants the very container.
    world
        .apply(share("twin", json!({"name": "network-team.hub", "targets": [{"account": "data-prod"}]})))
        .await;
    world.apply(share("thief", json!({"adopt": {"arn": arn}, "targets": [{"account": "web-prod"}]}))).await;
    world.desire([(TGW, DATA), (SUBNET_1, WEB)]);
    let object = world.until_says("thief", "Ready", "False", "AdoptionRefused").await;
    assert!(condition(&object, "Stalled").is_some(), "{object:#}");
    nothing_was_lost(&world).await;
}

/// AWS DynamoDB, October 2025: a delayed enactor brought back an old plan, and the clean-up then deleted what was live.
#[tokio::test(start_paused = true)]
async fn dynamodb_an_old_plan_comes_late() {
    let mut world = in_force(604).await;
    world.desire([(TGW, DATA), (TGW, WEB), (SUBNET_1, WEB)]);
    world.apply(share("hub", json!({"targets": [{"account": "web-prod"}]}))).await;
    world.until_in_force([(TGW, WEB), (SUBNET_1, WEB)]).await;
    world.desire([(TGW, WEB), (SUBNET_1, WEB)]);
    // It starts anew and lists and watches the cluster as it was before the edit, for longer than any removal waits.
    world.stop();
    world.kube.with(|cluster| {
        let of = |kind: &str| Match::on(&[Verb::List], kind).by("controller");
        for kind in ["shares", "accountregions", "undeclaredshares", "sharingpolicies"] {
            cluster.weather.rules.push(Rule::once(of(kind), kube::When::Before, kube::Fault::Stale(12)));
            cluster.weather.lag.push((Match::on(&[Verb::Watch], kind).by("controller"), 12));
        }
    });
    world.start();
    world.rest(1800).await;
    world.until_in_force([(TGW, WEB), (SUBNET_1, WEB)]).await;
    world.kube.with(|cluster| {
        cluster.weather.lag.clear();
        cluster.release_watches();
    });
    world.rest(900).await;
    world.until_in_force([(TGW, WEB), (SUBNET_1, WEB)]).await;
}

/// Atlassian, April 2022: a script was given ids of another kind, and deleted all that they named, fast. Here a policy and a
/// set name the wrong thing: more than the budget is never removed without a person.
#[tokio::test(start_paused = true)]
async fn atlassian_what_is_declared_wrongly_for_all_takes_the_budget_and_no_more() {
    let mut world = World::with_basics(605).await;
    let accounts = ["data-prod", "web-prod", "payments-prod"];
    let targets: Vec<Value> = accounts.iter().map(|account| json!({"account": account})).collect();
    for n in 0..4 {
        world.apply(share(&format!("hub-{n}"), json!({"targets": targets}))).await;
    }
    world.start();
    for n in 0..4 {
        world.until_ready(&format!("hub-{n}")).await;
    }
    world.rest(120).await;
    let before = world.guard.in_force().len();
    // The policy now names another unit by mistake.
    let mut policy = world.stored("sharingpolicies", "", "network").unwrap();
    policy["metadata"] = json!({"name": "network"});
    policy["spec"]["allow"]["organizationalUnits"] = json!(["Root/Sandbox"]);
    policy.as_object_mut().unwrap().remove("status");
    world.apply(policy).await;
    world.rest(1500).await;
    assert_eq!(world.guard.in_force().len(), before, "nothing at all is removed over the budget");
    let cell = world.stored("accountregions", "", "111122223333.eu-west-1").unwrap();
    assert_eq!(condition(&cell, "RemovalsHeld"), Some(("True".into(), "RemovalsHeld".into())));
}

/// Cloudplane: a chart took the definitions away, and finalizers took production with them.
#[tokio::test(start_paused = true)]
async fn cloudplane_an_uninstall_takes_nothing_down() {
    let mut world = in_force(606).await;
    let crd = "shares.sharekeeper.dev";
    world
        .delete(json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": crd}}))
        .await;
    world.rest(1500).await;
    world.stop();
    assert_eq!(world.in_force(), DECLARED.map(|(r, p)| (r.to_owned(), p.to_owned())).into());
}

/// ACK #2256: AWS throttled, a cache did not fill in time, the controller started anew and deleted what was in use.
#[tokio::test(start_paused = true)]
async fn ack_throttling_and_restarts() {
    let mut world = in_force(607).await;
    world.weather(|weather| {
        weather.throttles = vec![Throttle {
            calls: Calls { service: Some("ram".into()), ..Calls::default() },
            rate: 0.2,
            burst: 1.0,
        }];
    });
    for _ in 0..5 {
        world.start();
        world.rest(400).await;
    }
    world.weather(|weather| weather.throttles.clear());
    nothing_was_lost(&world).await;
}

/// AWS itself: a denial is no empty list, and neither is an empty first page with a token (terraform-provider-aws#33985).
#[tokio::test(start_paused = true)]
async fn terraform_an_empty_page_and_a_denial_are_not_nothing() {
    let mut world = in_force(608).await;
    world.weather(|weather| weather.pages.empty_first = true);
    world.start();
    world.rest(600).await;
    world.weather(|weather| {
        weather.pages.empty_first = false;
        weather.faults = vec![Fault {
            times: None,
            calls: Calls { service: Some("ram".into()), ..Calls::default() },
            ..Fault::once("any", Moment::Before, Trouble::AccessDenied)
        }];
    });
    world.start();
    world.rest(900).await;
    world.weather(|weather| weather.faults.clear());
    assert!(!world.guard.in_force().contains(&(LEGACY_LIST.to_owned(), PARTNER.to_owned())));
    nothing_was_lost(&world).await;
}

/// Google Cloud and UniSuper, 2024: a parameter that was left blank became an end, and the end a deletion. Nothing ends that
/// does not say so, and what is outside must say so.
#[tokio::test(start_paused = true)]
async fn unisuper_what_names_no_end_has_none() {
    let world = in_force(609).await;
    let endless =
        json!({"allowExternal": true, "targets": [{"externalAccount": PARTNER, "reason": "contract 4711"}]});
    assert!(world.try_apply(share("endless", endless)).await.is_err());
    world.rest(86_400).await;
    nothing_was_lost(&world).await;
}
