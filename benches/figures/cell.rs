//! One cell, on virtual time: the calls that a hundred Shares cost, and how long an edit takes.

use serde_json::Value;
use simulator::aws::weather::Lag;

use crate::{
    in_virtual_time, load,
    world::{World, condition, share},
};

const SHARES: usize = 100;
/// Principals, and resources, of each.
const MEMBERS: usize = 10;
/// What must be at least: 4 reads of nothing, a create each, 6 reads of all (ram.md §1.3).
const MINIMUM: usize = 4 + SHARES + 6;

/// Creates, resyncs, edits.
pub(crate) fn one_cell() {
    in_virtual_time(async {
        let mut world = World::with_basics(1).await;
        let owner = load::owner(0);
        {
            let mut aws = world.aws.world();
            load::add_accounts(
                &mut aws,
                [owner.clone()].into_iter().chain((0..=MEMBERS).map(load::consumer)),
            );
            for n in 0..SHARES {
                (0..MEMBERS).for_each(|r| aws.add_resource(&load::subnet(&owner, n, r)));
            }
        }
        world.apply(load::policy(std::slice::from_ref(&owner))).await;
        world.apply(load::set(std::slice::from_ref(&owner))).await;
        for n in 0..SHARES {
            world.apply(load::share(&owner, n, MEMBERS, MEMBERS)).await;
        }
        let of_owner = |world: &World| {
            let aws = world.aws.world();
            let entries = aws.journal().entries().iter();
            let calls = entries.filter(|e| e.service == "ram" && e.account == owner);
            let (writes, reads): (Vec<_>, Vec<_>) = calls.partition(|e| e.effect);
            (writes.len(), reads.len())
        };
        world.start();
        all_ready(&world, SHARES).await;
        world.rest(60).await;
        let (writes, reads) = of_owner(&world);
        let calls = writes + reads;
        println!(
            "  {SHARES} Shares of {MEMBERS} principals and {MEMBERS} resources, from nothing to in force and read back"
        );
        println!(
            "    AWS calls: {calls} = {writes} writes + {reads} reads; at least {MINIMUM}; {:.3} × that",
            calls as f64 / MINIMUM as f64
        );

        world.take_calls();
        let kube = world.controller_writes().len();
        world.rest(700).await;
        let (writes, reads) = of_owner(&world);
        println!(
            "    a resync: {reads} AWS reads, {writes} AWS writes, {} writes to the cluster",
            world.controller_writes().len() - kube
        );

        world.take_calls();
        let kube = world.controller_writes().len();
        world.apply(load::share(&owner, 42, MEMBERS + 1, MEMBERS)).await;
        world.rest(30).await;
        let (writes, reads) = of_owner(&world);
        let written = &world.controller_writes()[kube..];
        let others =
            written.iter().filter(|write| write.contains("shares/") && !write.ends_with("s00042")).count();
        println!(
            "    an edit of one: {reads} AWS reads, {writes} AWS writes, {others} writes to other Shares"
        );
    });
}

/// From the edit until it is in force and read back, over a few latencies.
pub(crate) fn an_edit() {
    for latency in [0.0, 0.05, 0.2] {
        in_virtual_time(async move {
            let mut world = World::with_basics(2).await;
            world.weather(|weather| weather.latency = Lag::Fixed(latency));
            let to = |account: &str| share("hub", serde_json::json!({"targets": [{"account": account}]}));
            world.apply(to("data-prod")).await;
            world.start();
            world.until_ready("hub").await;
            world.rest(60).await;
            let start = world.aws.now();
            world.apply(to("web-prod")).await;
            world.until_ready("hub").await;
            let took = world.aws.now() - start;
            println!(
                "  AWS answers in {:.0} ms: an edit that takes one principal out and puts one in is in force and read back after {took:.2} s (virtual)",
                latency * 1000.0
            );
        });
    }
}

/// Waits until so many Shares are Ready.
pub(crate) async fn all_ready(world: &World, shares: usize) {
    let ready = |share: &Value| condition(share, "Ready").is_some_and(|(status, _)| status == "True");
    loop {
        world.rest(5).await;
        let all = world.all_stored("shares");
        if all.len() == shares && all.iter().all(ready) {
            return;
        }
    }
}
