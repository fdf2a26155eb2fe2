//! Killed in the middle, started again.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::json;
use simulator::aws::Stage as Moment;

use super::{
    cluster::chart,
    hold::Hold,
    stage::Stage,
    team::{DATA, Team, WEB, accounts, container},
};

/// Shares made at once, some of them while the controller dies.
const SHARES: usize = 5;

pub(crate) async fn a_controller_that_is_killed_while_it_creates_makes_nothing_twice(stage: Arc<Stage>) {
    let moments = [Moment::Before, Moment::After];
    for (round, moment) in moments.into_iter().enumerate() {
        let team = Team::open(&stage, &format!("killed-{round}")).await;
        killed_while_creating(&stage, &team, moment).await;
    }
}

async fn killed_while_creating(stage: &Stage, team: &Team, moment: Moment) {
    let hold = Arc::new(Hold::next("CreateResourceShare", moment));
    stage.aws.set_checkpoint(Some(hold.clone()));
    join_all((0..SHARES).map(|n| declare(team, n))).await;
    stage.until("a share is being created", async || hold.has_one().then_some(())).await;
    stage.controllers().last().unwrap().kill();
    stage.aws.set_checkpoint(None);
    stage.start(&team.namespace, &chart::controller());

    for number in 0..SHARES {
        let share = team.until_ready(&name(number)).await;
        let in_aws = team.in_aws(&name(number));
        assert_eq!(in_aws.len(), 1, "{in_aws:#?}");
        assert_eq!(in_aws[0]["resourceShareArn"], container(&share).as_str());
        assert_eq!(team.let_in(number), [DATA.1.to_owned(), WEB.1.to_owned()].into());
    }
}

fn name(number: usize) -> String {
    format!("hub-{number}")
}

async fn declare(team: &Team, number: usize) {
    let spec = json!({"targets": accounts(&[DATA, WEB]), "resources": [{"arn": team.subnet(number)}]});
    team.share(&name(number), spec).await;
}
