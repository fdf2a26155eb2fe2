//! Names, the tree behind them, and what happens when it cannot be read.

use serde_json::json;
use simulator::aws::{
    action::Action,
    example,
    weather::{Calls, Fault, Moment, Trouble},
};

use crate::world::{DATA, LIST, PAYMENTS, TGW, WEB, World, condition, outside, set, share};

fn organizations_down(world: &World, down: bool) {
    world.weather(|weather| {
        weather.faults.clear();
        if down {
            let calls = Calls { service: Some("organizations".into()), ..Calls::default() };
            weather.faults.push(Fault { calls, ..Fault::always("", Moment::Before, Trouble::Unavailable) });
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_rename_neither_revokes_nor_grants() {
    let mut world = World::with_basics(60).await;
    let prod = world.unit("Root/Workloads/Prod");
    world.desire_all([(TGW, DATA), (LIST, prod.as_str())]);
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world
        .apply(share(
            "list",
            json!({"resources": [{"arn": LIST}], "targets": [{"organizationalUnit": "Root/Workloads/Prod"}]}),
        ))
        .await;
    world.start();
    world.until_ready("hub").await;
    world.until_ready("list").await;
    let writes = world.aws_writes().len();
    let organization = world.organization();
    world.act(Action::RenameUnit {
        organization: organization.clone(),
        unit: "Root/Workloads/Prod".into(),
        name: "Live".into(),
    });
    world.act(Action::RenameAccount { account: DATA.into(), name: "data-live".into() });
    // The owner too, which the set, the policy and the Shares name.
    world.act(Action::RenameAccount { account: example::NETWORK_PROD.into(), name: "network-live".into() });
    world.rest(1500).await;
    world.until_ready("hub").await;
    world.until_ready("list").await;
    assert_eq!(world.aws_writes().len(), writes);
    world.start();
    world.rest(1500).await;
    world.until_ready("hub").await;
    assert_eq!(world.aws_writes().len(), writes);

    // Another account takes the name: it gets nothing, and who had it keeps it.
    world.act(Action::RenameAccount { account: WEB.into(), name: "data-prod".into() });
    world.rest(1500).await;
    world.until_says("hub", "Ready", "False", "NameMoved").await;
    assert_eq!(world.aws_writes().len(), writes);
    world.desire_all([(TGW, WEB), (LIST, prod.as_str())]);
    world.apply(share("hub", json!({"targets": [{"account": WEB}]}))).await;
    world.until_ready("hub").await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn an_ambiguous_name_is_refused_until_it_is_not() {
    let mut world = World::with_basics(61).await;
    world.act(Action::RenameAccount { account: PAYMENTS.into(), name: "web-prod".into() });
    world.desire([]);
    world.apply(share("hub", json!({"targets": [{"account": "web-prod"}]}))).await;
    world.start();
    world.until_says("hub", "Ready", "False", "NameAmbiguous").await;
    world.desire([(TGW, WEB)]);
    world.act(Action::RenameAccount { account: PAYMENTS.into(), name: "payments-prod".into() });
    world.rest(700).await;
    world.until_ready("hub").await;
    world.until_in_force([(TGW, WEB)]).await;
}

#[tokio::test(start_paused = true)]
async fn an_account_that_moves_out_of_what_policy_allows_loses_access() {
    let mut world = World::with_basics(62).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}, {"account": "web-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    world.desire([(TGW, WEB)]);
    world.act(Action::MoveAccount { account: DATA.into(), destination: "Root/Sandbox".into() });
    world.rest(1300).await;
    world.until_in_force([(TGW, WEB)]).await;
    world.until_says("hub", "Ready", "False", "NotPermitted").await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn an_account_that_leaves_is_named_and_not_invited_as_an_outsider() {
    let mut world = World::with_basics(63).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}, {"account": WEB}]}))).await;
    world.start();
    world.until_ready("hub").await;
    world.desire([]);
    world.act(Action::LeaveOrganization { account: WEB.into() });
    world.rest(1300).await;
    world.until_in_force([(TGW, DATA)]).await;
    world.until_says("hub", "Ready", "False", "WrongSide").await;
    world.act(Action::LeaveOrganization { account: DATA.into() });
    world.rest(1300).await;
    world.until_in_force([]).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn a_stale_tree_widens_nothing_and_ends_still_come() {
    let mut world = World::with_basics(64).await;
    let spec = |targets: serde_json::Value| share("hub", json!({"allowExternal": true, "targets": targets}));
    world.apply(spec(json!([{"account": "data-prod"}, outside("2026-11-25T02:00:00Z")]))).await;
    world.start();
    world.until_ready("hub").await;
    world.accept_invitations();
    organizations_down(&world, true);
    world.rest(1900).await;
    world.desire([(TGW, DATA), (TGW, crate::world::PARTNER)]);
    world
        .apply(spec(
            json!([{"account": "data-prod"}, {"account": "web-prod"}, outside("2026-11-25T02:00:00Z")]),
        ))
        .await;
    world.until_says("hub", "Ready", "False", "TreeStale").await;
    let organization = world.stored("organizations", "", "acme").unwrap();
    assert_eq!(condition(&organization, "TreeCurrent").unwrap(), ("False".into(), "TreeStale".into()));
    world.until_in_force([(TGW, DATA), (TGW, crate::world::PARTNER)]).await;
    world.rest(7200).await;
    world.until_in_force([(TGW, DATA)]).await;
    // Started anew without any tree: nothing is known, nothing goes.
    world.start();
    world.rest(2000).await;
    world.until_in_force([(TGW, DATA)]).await;
    let hub = world.stored("shares", "network-team", "hub").unwrap();
    let reasons: Vec<_> =
        hub["status"]["principals"].as_array().unwrap().iter().map(|p| p["reason"].clone()).collect();
    assert_eq!(reasons, ["TreeUnknown", "TreeUnknown", "Expired"]);
    organizations_down(&world, false);
    world.desire([(TGW, DATA), (TGW, WEB)]);
    world.rest(700).await;
    world.until_in_force([(TGW, DATA), (TGW, WEB)]).await;
}

#[tokio::test(start_paused = true)]
async fn while_sharing_with_the_organization_is_off_targets_wait_with_the_reason() {
    let mut world = World::with_basics(65).await;
    let organization = world.organization();
    let sharing = |enabled| Action::SetServiceAccess {
        organization: organization.clone(),
        service: "ram.amazonaws.com".into(),
        enabled,
    };
    world.act(sharing(false));
    world.desire([]);
    let unit = json!({"targets": [{"organizationalUnit": "Root/Workloads/Prod"}]});
    world.apply(share("hub", unit)).await;
    world.start();
    let object = world.until_says("hub", "Ready", "False", "OrgSharingNotEnabled").await;
    let ready = object["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["type"] == "Ready")
        .unwrap()
        .clone();
    assert!(ready["message"].as_str().unwrap().contains("aws ram enable-sharing-with-aws-organization"));
    let acme = world.stored("organizations", "", "acme").unwrap();
    assert_eq!(condition(&acme, "SharingEnabled").unwrap(), ("False".into(), "OrgSharingNotEnabled".into()));
    world.rest(700).await;
    world.rests().await;
    world.act(sharing(true));
    let prod = world.unit("Root/Workloads/Prod");
    world.desire_all([(TGW, prod.as_str())]);
    world.rest(700).await;
    world.until_ready("hub").await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn another_organizations_answer_is_refused() {
    let mut world = World::with_basics(66).await;
    world.desire([]);
    world
        .apply(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "Organization", "metadata": {"name": "other"}, "spec": {"id": "o-somebody99"}}))
        .await;
    world.apply(set(json!({"organization": "other", "accounts": [{"id": example::NETWORK_PROD}]}))).await;
    world
        .apply(share("hub", json!({"account": example::NETWORK_PROD, "targets": [{"account": "data-prod"}]})))
        .await;
    world.start();
    world.until_says("hub", "Ready", "False", "TreeUnknown").await;
    let other = world.stored("organizations", "", "other").unwrap();
    assert_eq!(condition(&other, "Stalled").unwrap(), ("True".into(), "OrganizationMismatch".into()));
    world.rest(1300).await;
    assert_eq!(world.aws_writes(), [] as [String; 0]);
}
