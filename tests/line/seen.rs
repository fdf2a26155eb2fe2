//! The scenario files on the cluster in memory; `tests/e2e` plays the same on a real API server.

use std::time::Duration;

use serde_json::json;

use crate::{
    scenarios::{self, Place},
    world::{World, basics, set},
};

/// Longer than anything takes that is not said for ten minutes.
const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn scenarios_leave_the_trace_beside_them() {
    for scenario in &scenarios::ALL {
        let mut world = World::new(1);
        for mut object in basics(&world.organization()) {
            match object["kind"].as_str() {
                // As the chart of the end-to-end scenarios has it.
                Some("Installation") => object["spec"]["id"] = "e2e".into(),
                Some("SharingPolicy") => continue,
                _ => {}
            }
            world.apply(object).await;
        }
        world.apply(set(json!({"budget": {"maxRemovals": 1000, "maxPercent": 100}}))).await;
        world.publish_events();
        world.start();
        let place = Place { client: world.client.clone(), aws: world.aws.clone(), patience: PATIENCE };
        scenarios::play(scenario, place).await.unwrap_or_else(|difference| panic!("{difference}"));
    }
}
