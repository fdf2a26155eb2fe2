//! Equal seeds and equal calls give equal worlds; and what is in force follows the rows.

use simulator::aws::journal::Entry;
use simulator::aws::truth::Grant;
use simulator::aws::weather::{Calls, Lag, Throttle};
use simulator::aws::{Caller, World, example};

use crate::bench::{
    CONSUMER, EPOCH, OWNER, PARTNER, REGION, RULE, SUBNET, net_of, organization, ram, share, unit, wait,
    weather, wish,
};

/// A run with everything that is random, as journal and truth.
async fn run(seed: u64) -> (Vec<Entry>, Vec<Grant>) {
    let net = net_of(example::organization(seed, EPOCH));
    weather(&net, |weather| {
        weather.latency = Lag::LogNormal(0.05, 0.7);
        weather.lags.association = Lag::Uniform(1.0, 9.0);
        weather.lags.list = Lag::Uniform(0.0, 5.0);
        weather.pages.empty = 0.3;
        weather.throttles.push(Throttle { calls: Calls::default(), rate: 1.0, burst: 4.0 });
    });
    let owner = ram(&net, OWNER);
    let under = unit(&net, "Root/Workloads");
    for n in 0..8 {
        let made = wish(&owner, &format!("s{n}"), &[RULE], &[&under, PARTNER]).send().await;
        wait(0.3).await;
        if let Some(arn) = made.ok().and_then(|made| made.resource_share?.resource_share_arn) {
            let _ =
                owner.disassociate_resource_share().resource_share_arn(arn).principals(&under).send().await;
        }
    }
    wait(3.0).await;
    let now = net.now();
    let mut world = net.world();
    let truth = world.truth(now).into_iter().collect();
    (world.journal().entries().to_vec(), truth)
}

#[tokio::test(start_paused = true)]
async fn a_seed_is_a_world() {
    let first = run(3).await;
    assert_eq!(first, run(3).await);
    assert_ne!(first.0, run(4).await.0);
    assert!(
        first.0.iter().any(|entry| entry.code.as_deref() == Some("ThrottlingException")),
        "the run is a rough one"
    );
}

#[tokio::test(start_paused = true)]
async fn truth_is_what_is_in_force() {
    let net = net_of(example::organization(7, EPOCH));
    let owner = ram(&net, OWNER);
    let all = organization(&net);
    let arn = share(&owner, "rules", &[RULE, SUBNET], &[&all]).await;
    weather(&net, |weather| crate::bench::slow(weather, 60.0));
    owner
        .associate_resource_share()
        .resource_share_arn(&arn)
        .principals(CONSUMER)
        .send()
        .await
        .expect("associated");
    let of = |world: &mut World, now: f64| -> Vec<(String, String)> {
        world
            .truth(now)
            .into_iter()
            .filter(|grant| grant.share == arn)
            .map(|grant| (grant.resource, grant.principal))
            .collect()
    };
    let now = net.now();
    assert_eq!(of(&mut net.world(), now), [(SUBNET.to_owned(), all.clone()), (RULE.to_owned(), all.clone())]);
    wait(61.0).await;
    let now = net.now();
    assert_eq!(of(&mut net.world(), now).len(), 4);
    owner
        .disassociate_resource_share()
        .resource_share_arn(&arn)
        .principals(&all)
        .send()
        .await
        .expect("removed");
    let now = net.now();
    assert_eq!(of(&mut net.world(), now).len(), 4, "on its way out still counts");
    net.world().settings.disassociating_in_force = false;
    assert_eq!(of(&mut net.world(), now).len(), 2);
    let reach = net.world().reach(now, RULE);
    assert_eq!(reach.into_iter().collect::<Vec<_>>(), [CONSUMER]);
    owner.delete_resource_share().resource_share_arn(&arn).send().await.expect("deleted");
    wait(61.0).await;
    let now = net.now();
    assert!(of(&mut net.world(), now).is_empty());
    let legacy = net.world().truth(now);
    assert_eq!(
        legacy.iter().map(|grant| (grant.principal.as_str(), grant.external)).collect::<Vec<_>>(),
        [(PARTNER, true)]
    );
}

/// Typed calls and the wire are one world.
#[test]
fn typed_calls_need_no_wire() {
    let mut world = example::organization(1, EPOCH);
    let owner = Caller::administrator(OWNER, REGION);
    let wish = serde_json::json!({"name": "typed", "resourceArns": [RULE], "principals": [CONSUMER]});
    let made = world.call(&owner, "ram", "CreateResourceShare", &wish).expect("created");
    let arn = made["resourceShare"]["resourceShareArn"].as_str().expect("an ARN").to_owned();
    assert!(world.truth(EPOCH + 1.0).iter().any(|grant| grant.share == arn));
    world.delete_share(&owner, &arn).expect("deleted");
    assert!(!world.truth(EPOCH + 2.0).iter().any(|grant| grant.share == arn));
    assert!(world.journal().entries().is_empty());
}
