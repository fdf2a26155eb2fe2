//! Killed before or after any write to AWS or to the cluster, and started again: the same end (law 6).

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use simulator::{
    aws::weather::{Fault as AwsFault, Lag, Moment, Trouble},
    kube::{Act, Fault, Match, Rule, Verb},
};

use crate::world::{
    DATA, KEY, KEY_POLICY, LIST, PARTNER, PAYMENTS, SUBNET_1, TGW, WEB, World, outside, set, share,
};

/// The first state of the world: three Shares of resource shares, one with an outside, and two of one key.
fn first() -> Vec<Value> {
    vec![
        share(
            "hub",
            json!({"allowExternal": true, "targets": [{"account": DATA}, outside("2027-01-20T00:00:00Z")]}),
        ),
        share("nets", json!({"resources": [{"arn": SUBNET_1}], "targets": [{"account": DATA}]})),
        share("list", json!({"resources": [{"arn": LIST}], "targets": [{"account": DATA}]})),
        share(
            "vault",
            json!({"resources": [{"arn": KEY}], "allowExternal": true,
                "targets": [{"account": DATA}, outside("2027-01-20T00:00:00Z")]}),
        ),
        share("lent", json!({"resources": [{"arn": KEY}], "targets": [{"account": WEB}]})),
    ]
}

const FIRST: [(&str, &str); 7] =
    [(TGW, DATA), (TGW, PARTNER), (SUBNET_1, DATA), (LIST, DATA), (KEY, DATA), (KEY, PARTNER), (KEY, WEB)];
const SECOND: [(&str, &str); 4] = [(TGW, WEB), (SUBNET_1, DATA), (KEY, DATA), (KEY, PAYMENTS)];

/// Edits one of each, deletes another, leaves the third.
async fn change(world: &World) {
    world
        .apply(share("hub", json!({"name": "core", "tags": {"a": "b"}, "targets": [{"account": WEB}]})))
        .await;
    world
        .apply(share(
            "vault",
            json!({"resources": [{"arn": KEY}], "targets": [{"account": DATA}, {"account": PAYMENTS}]}),
        ))
        .await;
    for name in ["list", "lent"] {
        if world.share(name).await.is_some_and(|s| s.metadata.deletion_timestamp.is_none()) {
            world.delete_share(name).await;
        }
    }
}

/// Lives through both states; `killer` is asked every tenth of a second whether to kill and start again.
async fn live(world: &mut World, killed: impl Fn(&World) -> bool) -> bool {
    let mut was_killed = false;
    world.desire(FIRST);
    for object in first() {
        world.apply(object).await;
    }
    world.start();
    was_killed |= watch(world, 30, &killed).await;
    world.accept_invitations();
    was_killed |= watch(world, 700, &killed).await;
    let wanted: std::collections::BTreeSet<_> =
        FIRST.iter().map(|(r, p)| ((*r).to_owned(), (*p).to_owned())).collect();
    assert_eq!(world.in_force(), wanted);
    world.desire(SECOND);
    change(world).await;
    was_killed |= watch(world, 60, &killed).await;
    was_killed
}

async fn watch(world: &mut World, seconds: u64, killed: &impl Fn(&World) -> bool) -> bool {
    let mut was_killed = false;
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(seconds);
    while tokio::time::Instant::now() < end {
        tokio::time::sleep(std::time::Duration::from_millis(if seconds > 100 { 2000 } else { 100 })).await;
        if !was_killed && killed(world) {
            was_killed = true;
            world.start();
        }
    }
    world.guard.look("after a while");
    was_killed
}

/// The end that every run must come to.
async fn ends_well(world: &World, what: &str) {
    let wanted: std::collections::BTreeSet<_> =
        SECOND.iter().map(|(r, p)| ((*r).to_owned(), (*p).to_owned())).collect();
    assert_eq!(world.in_force(), wanted, "{what}\n{}", world.everything());
    assert_eq!(world.guard.violations(), Vec::<String>::new(), "{what}");
    let mut names: Vec<_> =
        world.live_shares().iter().map(|s| s["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["core", "network-team.nets"], "{what}");
    assert!(world.share("list").await.is_none(), "{what}: list is gone");
    // Nothing in a policy says that something was taken out: a new process waits until no answer can be from before.
    let lent = || async { world.share("lent").await.is_none().then_some(()) };
    world.within(std::time::Duration::from_secs(900), &format!("{what}: lent is gone"), lent).await;
    world.rest(30).await;
    let policy = world.aws.world().object_policy(KEY).unwrap().to_owned();
    let head = KEY_POLICY.rsplit_once('}').and_then(|(rest, _)| rest.rsplit_once('}')).unwrap().0;
    assert!(policy.starts_with(head), "{what}: {policy}");
    for name in ["hub", "nets", "vault"] {
        let object = world.stored("shares", "network-team", name).unwrap();
        assert_eq!(crate::world::condition(&object, "Ready").unwrap().0, "True", "{what}: {name}");
    }
    // Every container that was ever made was made once.
    let creates = world.aws_writes().iter().filter(|w| *w == "CreateResourceShare").count();
    assert_eq!(creates, 4, "{what}");
    let (aws, kube) = (world.aws_writes().len(), world.controller_writes().len());
    world.rest(700).await;
    assert_eq!(world.aws_writes().len(), aws, "{what}: rest");
    assert_eq!(world.controller_writes()[kube..], [] as [String; 0], "{what}: rest");
}

#[tokio::test(start_paused = true)]
async fn killed_before_or_after_any_write_to_aws_it_comes_to_the_same_end() {
    let mut points = 0;
    loop {
        let mut world = World::with_key(300).await;
        world.guard.freeze_at(points);
        let killed = live(&mut world, |world| {
            world.guard.is_frozen() && {
                world.guard.freeze_at(usize::MAX);
                true
            }
        })
        .await;
        ends_well(&world, &format!("AWS point {points}")).await;
        if !killed {
            break;
        }
        points += 1;
    }
    // Four creates, a removal, a rename, an addition, a tag, two deletions, each before and after.
    assert!(points >= 20, "{points} points");
}

#[tokio::test(start_paused = true)]
async fn killed_before_or_after_any_write_to_the_cluster_it_comes_to_the_same_end() {
    let mut points = 0;
    loop {
        let mut world = World::with_key(301).await;
        let frozen = Arc::new(AtomicBool::new(false));
        let seen = AtomicUsize::new(0);
        let hook = Arc::clone(&frozen);
        world.kube.with(|cluster| {
            cluster.set_hook(Some(Box::new(move |point| {
                let mine = point.entry.user == "controller";
                if mine && seen.fetch_add(1, Ordering::SeqCst) == points {
                    hook.store(true, Ordering::SeqCst);
                    return Act::Freeze;
                }
                Act::Proceed
            })));
        });
        let killed = live(&mut world, |_| frozen.load(Ordering::SeqCst)).await;
        ends_well(&world, &format!("cluster point {points}")).await;
        if !killed {
            break;
        }
        points += 1;
    }
    assert!(points >= 40, "{points} points");
}

/// Something to be removed, something to be adopted, something to be deleted and something that stays.
async fn removals(world: &mut World, killed: &impl Fn(&World) -> bool) -> bool {
    let much = json!({"maxRemovals": 100, "maxPercent": 100});
    world.apply(set(json!({"undeclared": {"action": "Delete", "gracePeriod": "10m"}, "budget": much}))).await;
    world.apply(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "Installation", "metadata": {"name": "sharekeeper"}, "spec": {"id": "test", "budget": much}})).await;
    let made = |name: &str, resource: &str| {
        let params = json!({"name": name, "principals": [DATA], "resourceArns": [resource], "allowExternalPrincipals": false});
        let answer = world.by_hand("CreateResourceShare", params);
        answer["resourceShare"]["resourceShareArn"].as_str().unwrap().to_owned()
    };
    made("stray", SUBNET_1);
    let legacy = made("legacy", LIST);
    world.apply(share("hub", json!({"targets": [{"account": DATA}]}))).await;
    world
        .apply(share("nets", json!({"resources": [{"arn": SUBNET_1}], "targets": [{"account": WEB}]})))
        .await;
    world.start();
    let mut was_killed = watch(world, 120, killed).await;
    let record =
        world.all_stored("undeclaredshares").into_iter().find(|r| r["status"]["id"] == legacy.as_str());
    let record = record.unwrap();
    world
        .apply(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "UndeclaredShare", "metadata": {"name": record["metadata"]["name"]},
            "spec": {"decision": "Adopt", "evidence": record["status"]["evidence"], "for": {"namespace": "network-team", "name": "list"}}}))
        .await;
    world.apply(share("list", json!({"name": "legacy", "resources": [{"arn": LIST}], "targets": [{"account": DATA}], "adopt": {"arn": legacy}}))).await;
    world.delete_share("nets").await;
    was_killed |= watch(world, 2200, killed).await;
    was_killed
}

fn removals_end_well(world: &World, what: &str) {
    let wanted: std::collections::BTreeSet<_> =
        [(TGW, DATA), (LIST, DATA)].map(|(r, p)| (r.to_owned(), p.to_owned())).into();
    assert_eq!(world.guard.in_force(), wanted, "{what}\n{}", world.everything());
    let mut writes = world.aws_writes();
    writes.sort();
    // The stray, the partner's and that of the deleted Share; the mark of the adopted one.
    let deletions = ["DeleteResourceShare"; 3].to_vec();
    let expected: Vec<&str> =
        ["CreateResourceShare"; 2].into_iter().chain(deletions).chain(["TagResource"]).collect();
    assert_eq!(writes, expected, "{what}");
    let window = &world.stored("accountsets", "", "network").unwrap()["status"]["removals"]["removed"];
    assert!(window.as_i64().unwrap() >= 2, "{what}: {window} removals are counted");
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_write_to_aws_it_removes_what_is_to_go_and_nothing_else() {
    let mut points = 0;
    loop {
        let mut world = World::with_basics(302).await;
        world.guard.freeze_at(points);
        let killed = removals(&mut world, &|world: &World| {
            world.guard.is_frozen() && {
                world.guard.freeze_at(usize::MAX);
                true
            }
        })
        .await;
        removals_end_well(&world, &format!("AWS point {points}"));
        if !killed {
            break;
        }
        points += 1;
    }
    assert!(points >= 12, "{points} points");
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_write_to_the_cluster_it_removes_what_is_to_go_and_nothing_else() {
    let mut points = 0;
    loop {
        let mut world = World::with_basics(303).await;
        let frozen = Arc::new(AtomicBool::new(false));
        let seen = AtomicUsize::new(0);
        let hook = Arc::clone(&frozen);
        world.kube.with(|cluster| {
            cluster.set_hook(Some(Box::new(move |point| {
                let mine = point.entry.user == "controller" && point.entry.writes();
                if mine && seen.fetch_add(1, Ordering::SeqCst) == points {
                    hook.store(true, Ordering::SeqCst);
                    return Act::Freeze;
                }
                Act::Proceed
            })));
        });
        let killed = removals(&mut world, &|_: &World| frozen.load(Ordering::SeqCst)).await;
        removals_end_well(&world, &format!("cluster point {points}"));
        if !killed {
            break;
        }
        points += 1;
    }
    assert!(points >= 40, "{points} points");
}

#[tokio::test(start_paused = true)]
async fn a_tag_of_a_create_that_nobody_heard_of_goes_when_it_is_no_longer_declared() {
    let mut world = World::with_basics(302).await;
    world.apply(share("hub", json!({"tags": {"team": "blue"}, "targets": [{"account": DATA}]}))).await;
    world.guard.freeze_at(1);
    world.start();
    world.until("the create stands", || async { world.guard.is_frozen().then_some(()) }).await;
    world.stop();
    world.guard.freeze_at(usize::MAX);
    world.apply(share("hub", json!({"targets": [{"account": DATA}]}))).await;
    world.start();
    world.until_ready("hub").await;
    world.rest(700).await;
    let tags = world.live_shares()[0]["tags"].clone();
    assert!(tags.as_array().unwrap().iter().all(|tag| tag["key"] != "team"), "{tags}");
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn restarted_onto_an_older_view_it_goes_by_the_newer_one() {
    let mut world = World::with_basics(303).await;
    world.desire([(TGW, DATA)]);
    world.apply(share("hub", json!({"targets": [{"account": DATA}]}))).await;
    world.start();
    world.until_ready("hub").await;
    world.desire([(TGW, WEB)]);
    world.apply(share("hub", json!({"targets": [{"account": WEB}]}))).await;
    world.until_ready("hub").await;
    world.until_in_force([(TGW, WEB)]).await;
    // What it lists and watches when it starts anew is the world before the edit.
    let view = Match::on(&[Verb::List, Verb::Watch], "shares").by("controller");
    world.kube.with(|cluster| {
        cluster.weather.rules.push(Rule::always(view.clone(), Fault::Stale(12)));
        cluster.weather.lag.push((view, 12));
    });
    let writes = world.aws_writes().len();
    world.start();
    for _ in 0..60 {
        world.rest(1).await;
        assert_eq!(world.aws_writes().len(), writes, "{}", world.everything());
    }
    world.kube.with(|cluster| {
        (cluster.weather.rules, cluster.weather.lag) = Default::default();
        cluster.release_watches();
    });
    world.until_ready("hub").await;
    world.until_in_force([(TGW, WEB)]).await;
    world.rest(700).await;
    world.rests().await;
}

/// What was put in last is in no listing for long, and whoever put it in does not know that it did: it died, or never got
/// an answer. It goes before a resource comes that it is not to have (law 2).
#[tokio::test(start_paused = true)]
async fn what_was_put_in_and_not_listed_is_taken_out_before_anything_is_added_to_the_share() {
    for answers_are_lost in [false, true] {
        let mut world = World::with_basics(304).await;
        let what = format!("answers are lost: {answers_are_lost}");
        world.apply(share("hub", json!({"targets": [{"account": DATA}]}))).await;
        world.start();
        world.until_ready("hub").await;
        world.rest(700).await;
        world.weather(|weather| {
            (weather.lags.list, weather.lags.read) = (Lag::Fixed(200.0), Lag::Fixed(200.0));
            if answers_are_lost {
                weather.faults =
                    vec![AwsFault::always("AssociateResourceShare", Moment::After, Trouble::Silence)];
            }
        });
        world.desire([(TGW, DATA), (TGW, WEB)]);
        world.apply(share("hub", json!({"targets": [{"account": DATA}, {"account": WEB}]}))).await;
        world.until_in_force([(TGW, DATA), (TGW, WEB)]).await;
        if !answers_are_lost {
            world.stop();
        }
        world.weather(|weather| weather.faults.clear());
        world.desire([(TGW, DATA), (SUBNET_1, DATA), (TGW, WEB)]);
        let both = json!([{"arn": TGW}, {"arn": SUBNET_1}]);
        world.apply(share("hub", json!({"resources": both, "targets": [{"account": DATA}]}))).await;
        if !answers_are_lost {
            world.start();
        }
        world.rest(900).await;
        world.until_in_force([(TGW, DATA), (SUBNET_1, DATA)]).await;
        world.until_ready("hub").await;
        assert_eq!(world.guard.violations(), Vec::<String>::new(), "{what}");
        world.rest(1500).await;
        world.rests().await;
    }
}

/// What is read after a restart may be from before the last write of the process that died: a tag that it does not show yet and
/// that is declared no more is still ours to take away.
#[tokio::test(start_paused = true)]
async fn a_tag_set_right_before_a_crash_and_then_retired_does_not_stay() {
    let mut world = World::with_basics(305).await;
    let declared = |tags: Value| share("hub", json!({"targets": [{"account": DATA}], "tags": tags}));
    world.desire([(TGW, DATA)]);
    world.apply(declared(json!({}))).await;
    world.start();
    world.until_ready("hub").await;
    world.rest(700).await;
    world.weather(|weather| {
        (weather.lags.list, weather.lags.read) = (Lag::Fixed(200.0), Lag::Fixed(200.0));
    });
    world.apply(declared(json!({"team": "net"}))).await;
    let team = |world: &World| {
        let tags = world.live_shares()[0]["tags"].clone();
        tags.as_array().unwrap().iter().any(|tag| tag["key"] == "team")
    };
    world.until("the tag", || async { team(&world).then_some(()) }).await;
    world.stop();
    world.apply(declared(json!({}))).await;
    world.start();
    world.rest(1000).await;
    assert!(!team(&world), "{}", world.everything());
    world.rests().await;
}
