//! The scenario files, whose traces are of the cluster in memory, on the real API server.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;

use super::{
    scenarios::{self, Place},
    stage::Stage,
};

/// Longer than any wait of a working controller on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) async fn scenarios_leave_the_same_trace_as_in_memory(stage: Arc<Stage>) {
    let playing = scenarios::ALL.iter().map(|scenario| {
        let place = Place { client: stage.client.clone(), aws: stage.aws.clone(), patience: PATIENCE };
        scenarios::play(scenario, place)
    });
    let differences: Vec<String> = join_all(playing).await.into_iter().filter_map(Result::err).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
