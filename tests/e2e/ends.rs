//! How Shares, namespaces and sets end.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt, api::DeleteParams};
use serde_json::json;
use sharekeeper::api::{AccountRegion, AccountSet, conditions, undeclared_share::Why};
use simulator::aws::example;

use super::{
    stage::{Stage, access},
    team::{DATA, Team, accounts, container},
};

pub(crate) async fn a_deleted_share_takes_its_grants_along(stage: Arc<Stage>) {
    let team = Team::open(&stage, "deleted").await;
    team.share("hub", json!({"targets": accounts(&[DATA])})).await;
    team.until_ready("hub").await;
    assert_eq!(team.let_in(0), [DATA.1.to_owned()].into());

    team.delete("hub").await;

    assert_eq!(team.let_in(0), [].into());
    assert_eq!(team.in_aws("hub").len(), 0);
}

pub(crate) async fn an_orphaned_share_is_claimed_again(stage: Arc<Stage>) {
    let team = Team::open_with(&stage, "orphaned", &json!({"orphan": true})).await;
    let spec = json!({"targets": accounts(&[DATA]), "deletionPolicy": "Orphan"});
    team.share("hub", spec.clone()).await;
    let first = team.until_ready("hub").await;

    team.delete("hub").await;
    let record = team.until_recorded(&container(&first)).await;
    assert_eq!(record.status.unwrap().why, Why::Released);
    assert_eq!(team.let_in(0), [DATA.1.to_owned()].into());

    team.share("hub", spec).await;
    let second = team.until_ready("hub").await;
    assert_ne!(second.uid(), first.uid());
    assert_eq!(container(&second), container(&first));
    assert_eq!(team.in_aws("hub").len(), 1);
}

pub(crate) async fn a_deleted_namespace_cuts_nobody_off(stage: Arc<Stage>) {
    let team = Team::open(&stage, "swept").await;
    team.share("hub", json!({"targets": accounts(&[DATA])})).await;
    let arn = container(&team.until_ready("hub").await);

    let namespaces: Api<Namespace> = Api::all(stage.client.clone());
    namespaces.delete("swept", &DeleteParams::default()).await.unwrap();

    let gone = async || namespaces.get_opt("swept").await.ok()?.is_none().then_some(());
    stage.until("namespace swept is gone", gone).await;
    assert_eq!(team.until_recorded(&arn).await.status.unwrap().why, Why::Released);
    assert_eq!(team.let_in(0), [DATA.1.to_owned()].into());
    let taken: Vec<_> = team.writes_to(&arn).into_iter().map(|entry| entry.operation).collect();
    assert!(!taken.iter().any(|operation| operation.starts_with("D")), "{taken:?}");
}

pub(crate) async fn a_set_that_goes_takes_its_cells_along(stage: Arc<Stage>) {
    let spec = json!({
        "mode": "Report", "organization": "acme", "accounts": [{"name": "network-test"}],
        "regions": [example::REGION], "access": access(),
    });
    stage.apply::<AccountSet>(None, "short-lived", spec).await;
    let regions: Api<AccountRegion> = Api::all(stage.client.clone());
    let cell = "111122224444.eu-west-1";
    let observed = async || {
        let region = regions.get_opt(cell).await.ok()??;
        conditions::is_true(&region.status?.conditions, "Observed").then_some(())
    };
    stage.until(&format!("{cell} is observed"), observed).await;

    let sets: Api<AccountSet> = Api::all(stage.client.clone());
    sets.delete("short-lived", &DeleteParams::default()).await.unwrap();

    let gone = async || {
        let region = regions.get_opt(cell).await.ok()?;
        let set = sets.get_opt("short-lived").await.ok()?;
        (region.is_none() && set.is_none()).then_some(())
    };
    stage.until(&format!("AccountSet short-lived and {cell} are gone"), gone).await;
}
