//! Declared, in force, drifting, put right, renamed, changed, refused.

use std::sync::Arc;

use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use serde_json::json;
use sharekeeper::api::{annotations::REQUESTED_AT, conditions};

use super::{
    cluster::User,
    stage::{CELL, Stage},
    team::{DATA, Team, WEB, accounts, container},
};

pub(crate) async fn what_is_declared_is_in_force_and_said_so(stage: Arc<Stage>) {
    let team = Team::open(&stage, "declared").await;
    team.share("hub", json!({"targets": accounts(&[DATA, WEB])})).await;
    let share = team.until_ready("hub").await;
    assert_eq!(team.let_in(0), [DATA.1.to_owned(), WEB.1.to_owned()].into());

    let status = share.status.clone().unwrap();
    assert_eq!(status.account_region.as_deref(), Some(CELL));
    let counts = status.counts.unwrap();
    assert_eq!((counts.resources.display.as_str(), counts.principals.display.as_str()), ("1/1", "2/2"));
    let in_aws = team.in_aws("hub");
    assert_eq!(in_aws.len(), 1);
    assert_eq!(in_aws[0]["resourceShareArn"], container(&share).as_str());
    assert_eq!(in_aws[0]["name"], "declared.hub");
    assert_eq!(in_aws[0]["allowExternalPrincipals"], false);

    let shown = tokio::task::block_in_place(|| {
        let get = ["get", "share", "hub", "--namespace=declared", "--no-headers"];
        stage.cluster.kubectl(&User::admin(), &get, "")
    });
    let shown = shown.unwrap();
    assert!(shown.starts_with("hub") && shown.contains("True") && shown.contains("2/2"), "{shown}");
}

pub(crate) async fn drift_is_found_and_put_right(stage: Arc<Stage>) {
    let team = Team::open(&stage, "drift").await;
    team.share("hub", json!({"targets": accounts(&[DATA])})).await;
    let arn = container(&team.until_ready("hub").await);

    let change = |principal| json!({"resourceShareArn": arn, "principals": [principal]});
    stage.by_hand("DisassociateResourceShare", change(DATA.1));
    stage.by_hand("AssociateResourceShare", change(WEB.1));
    team.until_let_in(0, &[WEB.1]).await;
    team.annotate("hub", REQUESTED_AT, "1").await;

    team.until_let_in(0, &[DATA.1]).await;
    let what = "drift/hub acknowledges the request and is in force";
    let handled = async || {
        let share = team.until_ready("hub").await;
        (share.status.clone()?.last_handled_reconcile_at.as_deref() == Some("1")).then_some(share)
    };
    assert_eq!(container(&stage.until(what, handled).await), arn);
    told(&stage, &team, "hub", "DriftCorrected").await;
}

pub(crate) async fn a_rename_keeps_the_share(stage: Arc<Stage>) {
    let team = Team::open(&stage, "rename").await;
    let targets = accounts(&[DATA]);
    team.share("hub", json!({"targets": targets})).await;
    let arn = container(&team.until_ready("hub").await);
    let before = team.writes_to(&arn).len();

    team.share("hub", json!({"targets": targets, "name": "central hub"})).await;

    let share = team.until_ready("hub").await;
    assert_eq!(container(&share), arn);
    assert_eq!(team.in_aws("hub")[0]["name"], "central hub");
    let writes = team.writes_to(&arn);
    let after: Vec<_> = writes.iter().skip(before).map(|entry| entry.operation.as_str()).collect();
    assert_eq!(after, ["UpdateResourceShare"]);
    assert_eq!(team.let_in(0), [DATA.1.to_owned()].into());
}

pub(crate) async fn one_edit_takes_away_before_it_gives(stage: Arc<Stage>) {
    let team = Team::open(&stage, "edit").await;
    team.share("hub", json!({"targets": accounts(&[DATA])})).await;
    let arn = container(&team.until_ready("hub").await);
    let before = team.writes_to(&arn).len();

    team.share("hub", json!({"targets": accounts(&[WEB])})).await;

    team.until_let_in(0, &[WEB.1]).await;
    assert_eq!(container(&team.until_ready("hub").await), arn);
    let writes = team.writes_to(&arn);
    let after: Vec<_> = writes.iter().skip(before).map(|entry| entry.operation.as_str()).collect();
    assert_eq!(after, ["DisassociateResourceShare", "AssociateResourceShare"]);
}

pub(crate) async fn what_policy_refuses_names_the_remedy_and_is_granted_once_it_allows(stage: Arc<Stage>) {
    let team = Team::open(&stage, "refused").await;
    let security = ("security-tooling", "333300001111");
    team.share("hub", json!({"targets": accounts(&[security])})).await;

    let share = team.until("hub", "Permitted", "False", "NotPermitted").await;
    let conditions = share.status.unwrap().conditions;
    assert!(!conditions::is_true(&conditions, "Ready"));
    let message = &conditions::find(&conditions, "Permitted").unwrap().message;
    for part in [security.1, "ask the security team"] {
        assert!(message.contains(part), "the remedy names {part}: {message}");
    }
    assert_eq!(team.in_aws("hub").len(), 0);

    stage.allow("refused", &json!({"organizationalUnits": ["Root/Workloads", "Root/Security"]})).await;

    team.until_ready("hub").await;
    assert_eq!(team.let_in(0), [security.1.to_owned()].into());
}

/// Waits until an event about a Share gives this reason.
pub(crate) async fn told(stage: &Stage, team: &Team, share: &str, reason: &str) -> Event {
    let events: Api<Event> = Api::namespaced(stage.client.clone(), &team.namespace);
    let asked = async || {
        let all = events.list(&ListParams::default()).await.ok()?;
        all.items.into_iter().find(|event| {
            let about = event.regarding.as_ref().and_then(|object| object.name.as_deref());
            about == Some(share) && event.reason.as_deref() == Some(reason)
        })
    };
    stage.until(&format!("an event {reason} about {}/{share}", team.namespace), asked).await
}
