//! How the cost grows with the number of Shares, the whole line in one process with the simulated AWS and cluster.

use crate::{cell::all_ready, in_virtual_time, load, machine, world::World};

const SHARES_A_CELL: usize = 50;
const MEMBERS: usize = 2;

/// Each ten times as many; linear growth has the same cost a Share in each line.
pub(crate) fn from_a_hundred_to_ten_thousand() {
    println!(
        "  {MEMBERS} principals and {MEMBERS} resources a Share, {SHARES_A_CELL} Shares a cell; CPU time is that of controller, simulated AWS and simulated cluster together"
    );
    println!(
        "  {:>7} {:>6} {:>9} {:>9} {:>14} {:>11} {:>13} {:>10}",
        "Shares", "cells", "create s", "ms/Share", "AWS calls/Share", "kube/Share", "resync s", "ms/Share"
    );
    for shares in [100, 1_000, 10_000] {
        in_virtual_time(measure(shares));
    }
}

async fn measure(shares: usize) {
    let mut world = World::with_basics(3).await;
    let owners: Vec<String> = (0..shares / SHARES_A_CELL).map(load::owner).collect();
    {
        let mut aws = world.aws.world();
        load::add_accounts(&mut aws, owners.iter().cloned().chain((0..MEMBERS).map(load::consumer)));
        for n in 0..shares {
            (0..MEMBERS).for_each(|r| aws.add_resource(&load::subnet(&owners[n / SHARES_A_CELL], n, r)));
        }
    }
    world.apply(load::policy(&owners)).await;
    world.apply(load::set(&owners)).await;
    for n in 0..shares {
        world.apply(load::share(&owners[n / SHARES_A_CELL], n, MEMBERS, MEMBERS)).await;
    }
    let requests = |world: &World| {
        world.kube.with(|cluster| cluster.journal.entries().iter().filter(|e| e.user == "controller").count())
    };
    world.take_calls();
    let (cpu, kube) = (machine::cpu("self"), requests(&world));
    world.start();
    all_ready(&world, shares).await;
    let created = machine::cpu_since("self", cpu);
    let (calls, kube) = (world.ram_calls().len(), requests(&world) - kube);
    world.rest(60).await;
    let cpu = machine::cpu("self");
    world.rest(660).await;
    let resynced = machine::cpu_since("self", cpu);
    let each = |of: f64| of / shares as f64;
    println!(
        "  {shares:>7} {:>6} {:>9.2} {:>9.2} {:>14.2} {:>11.2} {:>13.2} {:>10.3}",
        owners.len(),
        created.as_secs_f64(),
        each(created.as_secs_f64() * 1000.0),
        each(calls as f64),
        each(kube as f64),
        resynced.as_secs_f64(),
        each(resynced.as_secs_f64() * 1000.0),
    );
}
