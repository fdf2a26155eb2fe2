//! What it costs, in calls: the arithmetic of ram.md §1.3.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use simulator::aws::{action::Action, organizations::NewAccount};

use crate::world::{DATA, PAYMENTS, WEB, World, policy, set, share};

const SHARES: usize = 100;

fn account(n: usize) -> String {
    format!("5555000{n:05}")
}

fn subnet(share: usize, n: usize) -> String {
    format!("arn:aws:ec2:eu-west-1:111122224444:subnet/subnet-{share:08x}{n:09x}")
}

fn spec(n: usize, principals: usize) -> Value {
    let targets: Vec<Value> = (0..principals).map(|p| json!({"account": account(p)})).collect();
    let resources: Vec<Value> = (0..10).map(|r| json!({"arn": subnet(n, r)})).collect();
    share(&format!("s{n:03}"), json!({"account": "network-test", "resources": resources, "targets": targets}))
}

/// A hundred Shares of ten principals and ten resources each, declared before the controller starts.
async fn hundred() -> World {
    let world = World::with_basics(160).await;
    // An account in which nothing was ever shared: the pages are those of our own shares.
    world.apply(set(json!({"accounts": [{"name": "network-test"}]}))).await;
    let mut allow = policy(
        "network",
        json!({"resourceTypes": ["ec2:Subnet"], "organizationalUnits": ["Root/Workloads"]}),
    );
    allow["spec"]["owners"] = json!({"accounts": ["network-test"]});
    world.apply(allow).await;
    for n in 0..11 {
        world.act(Action::CreateAccount {
            account: NewAccount { id: account(n), name: format!("load-{n}"), tags: BTreeMap::default() },
            organization: Some(world.organization()),
            parent: Some("Root/Workloads/Prod".into()),
        });
    }
    for n in 0..SHARES {
        for r in 0..10 {
            world.act(Action::AddResource { arn: subnet(n, r) });
        }
        world.apply(spec(n, 10)).await;
    }
    world
}

async fn all_ready(world: &World) {
    world
        .until("all are Ready", || async {
            let ready = |share: &Value| {
                crate::world::condition(share, "Ready").is_some_and(|(status, _)| status == "True")
            };
            world.all_stored("shares").iter().all(ready).then_some(())
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_hundred_shares_cost_a_hundred_writes_and_hardly_a_read_more_than_must_be() {
    let mut world = hundred().await;
    world.start();
    all_ready(&world).await;
    world.rest(60).await;
    assert_eq!(world.in_force().len(), 10_000);
    let calls = world.ram_calls();
    let creates = calls.iter().filter(|call| *call == "CreateResourceShare").count();
    assert_eq!((creates, world.aws_writes().len()), (100, 100));
    // 4 to see that nothing is there, 100 to make it, 6 to see that all is, and one for the types that RAM shares.
    assert!(calls.len() * 100 <= 105 * 110, "{} calls: {:?}", calls.len(), world.take_calls());

    // A resync: six reads, and nothing written anywhere.
    world.take_calls();
    let writes = world.controller_writes().len();
    world.rest(700).await;
    let calls = world.ram_calls();
    assert_eq!(calls.len(), 6, "{calls:?}");
    assert_eq!(world.controller_writes().len(), writes);

    // An edit reads and writes its own container and no other Share's status.
    world.take_calls();
    let before = world.controller_writes().len();
    world.apply(spec(42, 11)).await;
    world.until_ready("s042").await;
    world.rest(30).await;
    let arn = world.container("s042", sharekeeper::model::Side::Inner).await;
    {
        let aws = world.aws.world();
        let entries: Vec<_> = aws.journal().entries().iter().filter(|entry| entry.service == "ram").collect();
        assert!(entries.iter().all(|entry| entry.params.to_string().contains(&arn)), "{entries:?}");
        assert!(entries.len() <= 9, "{} calls", entries.len());
        assert_eq!(entries.iter().filter(|entry| entry.effect).count(), 1);
    }
    let written = &world.controller_writes()[before..];
    assert!(written.iter().all(|write| write.ends_with("s042") || !write.contains("shares/")), "{written:?}");

    // A restart finds it so, in one reading.
    world.take_calls();
    let writes = world.controller_writes().len();
    world.start();
    world.rest(60).await;
    // The added principal is the first of a third page; the types that RAM shares are read once a term.
    let mut calls = world.ram_calls();
    assert_eq!(calls.iter().filter(|call| *call == "ListResourceTypes").count(), 1);
    calls.retain(|call| call != "ListResourceTypes");
    assert_eq!(calls.len(), 7);
    assert_eq!(world.controller_writes()[writes..], [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_edit_is_in_force_and_read_back_within_two_seconds_at_fifty_milliseconds() {
    let mut world = World::with_basics(161).await;
    world.weather(|weather| weather.latency = simulator::aws::weather::Lag::Fixed(0.05));
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    world.rest(60).await;
    let start = world.aws.now();
    world.apply(share("hub", json!({"targets": [{"account": "web-prod"}]}))).await;
    world.until_ready("hub").await;
    let took = world.aws.now() - start;
    assert!(took < 2.0, "{took} s of virtual time");
}

/// A Share that is edited all the time is carried out all the same: what is planned is what is declared when AWS has been
/// read, not when its reading began.
#[tokio::test(start_paused = true)]
async fn a_share_that_is_edited_faster_than_aws_answers_is_still_carried_out() {
    let mut world = World::with_basics(146).await;
    world.weather(|weather| weather.latency = simulator::aws::weather::Lag::Fixed(0.05));
    let to = |whom: &str| share("hub", json!({"targets": [{"account": whom}]}));
    world.apply(to(DATA)).await;
    world.start();
    world.until_ready("hub").await;
    let before = world.aws_writes().len();
    for edit in 0..300 {
        world.apply(to([WEB, PAYMENTS, DATA][edit % 3])).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let written = world.aws_writes().len() - before;
    assert!(written >= 10, "{written} writes in 30 s of edits\n{}", world.everything());
}
