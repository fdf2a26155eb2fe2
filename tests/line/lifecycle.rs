//! A Share from its first application through its edits.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use sharekeeper::model::Side;
use simulator::aws::action::Action;

use crate::world::{DATA, LIST, PARTNER, RULE, SUBNET_1, SUBNET_2, TGW, WEB, World, outside, policy, share};

#[tokio::test(start_paused = true)]
async fn a_share_becomes_a_ram_share_and_rests() {
    let mut world = World::with_basics(1).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.desire([(TGW, DATA)]);
    world.start();
    let ready = world.until_ready("hub").await;
    let status = ready.status.unwrap();
    assert_eq!(status.counts.unwrap().principals.display, "1/1");
    world.until_in_force([(TGW, DATA)]).await;
    world.rests().await;
}

/// As after a rollback from a version that shares in more ways than this one.
#[tokio::test(start_paused = true)]
async fn what_a_later_version_put_on_record_is_kept() {
    let mut world = World::with_basics(1).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    let ready = world.until_ready("hub").await;
    let mut containers = serde_json::to_value(&ready.status.unwrap().containers).unwrap();
    let later = json!({"mechanism": "later", "id": "arn:aws:later:eu-west-1:111122223333:thing/t-1", "name": "", "incarnation": 1,
        "state": "Present"});
    containers.as_array_mut().unwrap().insert(0, later.clone());
    let patch = Patch::Merge(json!({"status": {"containers": containers}}));
    world.shares().patch_status("hub", &PatchParams::default(), &patch).await.unwrap();

    world.desire([(TGW, DATA), (TGW, WEB)]);
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}, {"account": "web-prod"}]}))).await;
    world.until_in_force([(TGW, DATA), (TGW, WEB)]).await;
    world.rests().await;
    let share = world.stored("shares", "network-team", "hub").unwrap();
    let containers = share["status"]["containers"].as_array().unwrap();
    assert!(containers.contains(&later), "{containers:#?}");
    assert_eq!(containers.iter().filter(|c| c["mechanism"] == "ram").count(), 1, "{containers:#?}");
    // What this version cannot take away keeps the Share: its record is the only one.
    world.delete_share("hub").await;
    world.rest(700).await;
    world.until_in_force([]).await;
    let said = world.until_says("hub", "Ready", "False", "Waiting").await;
    assert!(said.to_string().contains("another version shares by `later`"), "{said:#}");
}

#[tokio::test(start_paused = true)]
async fn an_invitation_holds_nobody_back_and_its_acceptance_is_seen() {
    let mut world = World::with_basics(2).await;
    world.desire([(TGW, DATA), (TGW, PARTNER)]);
    world
        .apply(share(
            "hub",
            json!({"allowExternal": true, "targets": [{"account": "data-prod"}, outside("2027-01-20T00:00:00Z")]}),
        ))
        .await;
    world.start();
    let ready = world.until_ready("hub").await;
    let status = ready.status.unwrap();
    let accepted = sharekeeper::api::conditions::find(&status.conditions, "Accepted").unwrap();
    assert_eq!((accepted.status.as_str(), accepted.reason.as_str()), ("False", "InvitationPending"));
    assert_eq!(status.counts.unwrap().pending_invitations, 1);
    world.until_in_force([(TGW, DATA)]).await;
    let shares = world.live_shares();
    let flags: Vec<_> = shares
        .iter()
        .map(|s| (s["name"].as_str().unwrap(), s["allowExternalPrincipals"].as_bool().unwrap()))
        .collect();
    assert_eq!(flags.len(), 2);
    assert!(flags.contains(&("network-team.hub", false)), "{flags:?}");
    assert!(flags.contains(&("network-team.hub.outside", true)), "{flags:?}");
    world.rests().await;

    world.accept_invitations();
    world.rest(700).await;
    let object = world.until_says("hub", "Accepted", "True", "NoneInvited").await;
    assert_eq!(object["status"]["counts"]["principals"]["display"], "2/2");
    world.until_in_force([(TGW, DATA), (TGW, PARTNER)]).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn revoke_and_add_in_one_edit_never_gives_back_what_is_revoked() {
    let mut world = World::with_basics(3).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}, {"account": "web-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    let before = world.container("hub", Side::Inner).await;
    world.desire([(TGW, WEB), (TGW, "222233336666")]);
    world
        .apply(share("hub", json!({"targets": [{"account": "payments-prod"}, {"account": "web-prod"}]})))
        .await;
    world.until_in_force([(TGW, WEB), (TGW, "222233336666")]).await;
    world.until_ready("hub").await;
    assert_eq!(world.container("hub", Side::Inner).await, before);
    assert_eq!(
        world.aws_writes(),
        ["CreateResourceShare", "DisassociateResourceShare", "AssociateResourceShare"]
    );
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn resources_and_principals_exchanged_at_once_never_meet() {
    let mut world = World::with_basics(4).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    // Neither the old principal may get the new resource, nor the new one the old.
    world.desire([(LIST, WEB), (SUBNET_1, WEB)]);
    world
        .apply(share(
            "hub",
            json!({"resources": [{"arn": LIST}, {"arn": SUBNET_1}], "targets": [{"account": "web-prod"}]}),
        ))
        .await;
    world.until_in_force([(LIST, WEB), (SUBNET_1, WEB)]).await;
    world.until_ready("hub").await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn resources_come_and_go() {
    let mut world = World::with_basics(5).await;
    world
        .apply(share(
            "nets",
            json!({"resources": [{"arn": SUBNET_1}], "targets": [{"account": "data-prod"}]}),
        ))
        .await;
    world.start();
    world.until_ready("nets").await;
    world.desire([(SUBNET_1, DATA), (SUBNET_2, DATA)]);
    world
        .apply(share(
            "nets",
            json!({"resources": [{"arn": SUBNET_1}, {"arn": SUBNET_2}], "targets": [{"account": "data-prod"}]}),
        ))
        .await;
    world.until_in_force([(SUBNET_1, DATA), (SUBNET_2, DATA)]).await;
    world.desire([(SUBNET_2, DATA)]);
    world
        .apply(share(
            "nets",
            json!({"resources": [{"arn": SUBNET_2}], "targets": [{"account": "data-prod"}]}),
        ))
        .await;
    world.until_in_force([(SUBNET_2, DATA)]).await;
    world.until_ready("nets").await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn more_than_a_hundred_resources_go_in_chunks() {
    let mut world = World::with_basics(6).await;
    let subnets: Vec<String> =
        (0..250).map(|n| format!("arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-{n:017x}")).collect();
    for arn in &subnets {
        world.act(Action::AddResource { arn: arn.clone() });
    }
    let resources: Vec<Value> = subnets.iter().map(|arn| json!({"arn": arn})).collect();
    world.desire_all(subnets.iter().map(|arn| (arn.as_str(), DATA)));
    world.apply(share("nets", json!({"resources": resources, "targets": [{"account": "data-prod"}]}))).await;
    world.start();
    let ready = world.until_ready("nets").await;
    assert_eq!(ready.status.unwrap().counts.unwrap().resources.display, "250/250");
    assert_eq!(world.in_force().len(), 250);
    assert_eq!(
        world.aws_writes(),
        ["CreateResourceShare", "AssociateResourceShare", "AssociateResourceShare"]
    );
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_name_renames_and_tags_are_set_and_retired() {
    let mut world = World::with_basics(7).await;
    let targets = json!([{"account": "data-prod"}]);
    world.desire([(TGW, DATA)]);
    world
        .apply(share("hub", json!({"targets": targets, "tags": {"cost-centre": "42", "team": "net"}})))
        .await;
    world.start();
    world.until_ready("hub").await;
    let arn = world.container("hub", Side::Inner).await;
    let tags = |world: &World| -> Vec<(String, String)> {
        let shares = world.live_shares();
        assert_eq!(shares.len(), 1);
        assert_eq!(shares[0]["resourceShareArn"], arn);
        let tags = shares[0]["tags"].as_array().unwrap().iter();
        let tags =
            tags.map(|t| (t["key"].as_str().unwrap().to_owned(), t["value"].as_str().unwrap().to_owned()));
        let mut own: Vec<_> = tags.filter(|(key, _)| !key.starts_with("sharekeeper.dev/")).collect();
        own.sort();
        own
    };
    let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
    assert_eq!(tags(&world), [pair("cost-centre", "42"), pair("team", "net")]);
    // A tag that somebody else keeps there is none of ours.
    world.by_hand(
        "TagResource",
        json!({"resourceShareArn": arn, "tags": [{"key": "inventory", "value": "x"}]}),
    );

    world
        .apply(share(
            "hub",
            json!({"name": "central-hub", "targets": targets, "tags": {"cost-centre": "43"}}),
        ))
        .await;
    world.until_ready("hub").await;
    assert_eq!(world.live_shares()[0]["name"], "central-hub");
    assert_eq!(tags(&world), [pair("cost-centre", "43"), pair("inventory", "x")]);
    assert!(
        !world.aws_writes().iter().skip(1).any(|w| w == "CreateResourceShare" || w == "DeleteResourceShare")
    );
    world.rests().await;
}

fn permission(world: &World) -> (String, String) {
    let shares = world.live_shares();
    let arn = shares[0]["resourceShareArn"].as_str().unwrap();
    let answer = world.by_hand("ListResourceSharePermissions", json!({"resourceShareArn": arn}));
    let row = &answer["permissions"][0];
    assert_eq!(answer["permissions"].as_array().unwrap().len(), 1);
    (row["name"].as_str().unwrap().to_owned(), row["version"].as_str().unwrap().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_permission_is_exchanged_in_place_and_its_default_version_followed_where_it_is_named() {
    let mut world = World::with_basics(8).await;
    world
        .apply(policy(
            "rules",
            json!({"resourceTypes": ["route53resolver:ResolverRule"], "organizationalUnits": ["Root/Workloads"],
                "permissions": ["AWSRAMPermissionResolverRuleReadOnly"]}),
        ))
        .await;
    let spec = |permissions: Value| {
        share(
            "rules",
            json!({"resources": [{"arn": RULE}], "targets": [{"account": "data-prod"}], "permissions": permissions}),
        )
    };
    let named = |name: &str, version: &str| json!([{"resourceType": "route53resolver:ResolverRule", "permission": name, "version": version}]);
    world.desire([(RULE, DATA)]);
    world.apply(spec(json!([]))).await;
    world.start();
    world.until_ready("rules").await;
    let arn = world.container("rules", Side::Inner).await;
    assert_eq!(permission(&world), ("AWSRAMDefaultPermissionResolverRule".into(), "1".into()));

    // Nobody named it, so its new version is nobody's drift.
    world.act(Action::PublishPermissionVersion { name: "AWSRAMDefaultPermissionResolverRule".into() });
    world.rests().await;
    assert_eq!(permission(&world).1, "1");

    world.apply(spec(named("AWSRAMPermissionResolverRuleReadOnly", "Default"))).await;
    world.until_ready("rules").await;
    assert_eq!(permission(&world), ("AWSRAMPermissionResolverRuleReadOnly".into(), "1".into()));
    world.act(Action::PublishPermissionVersion { name: "AWSRAMPermissionResolverRuleReadOnly".into() });
    world.rest(700).await;
    assert_eq!(permission(&world), ("AWSRAMPermissionResolverRuleReadOnly".into(), "2".into()));
    world.rests().await;

    world.apply(spec(json!([]))).await;
    world.until_ready("rules").await;
    assert_eq!(permission(&world).0, "AWSRAMDefaultPermissionResolverRule");
    assert_eq!(world.container("rules", Side::Inner).await, arn);
    world.until_in_force([(RULE, DATA)]).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn without_outside_targets_the_outer_share_goes() {
    let mut world = World::with_basics(9).await;
    let both = json!({"allowExternal": true, "targets": [{"account": "data-prod"}, outside("2027-01-20T00:00:00Z")]});
    world.apply(share("hub", both.clone())).await;
    world.start();
    world.until_ready("hub").await;
    world.accept_invitations();
    world.until_in_force([(TGW, DATA), (TGW, PARTNER)]).await;
    world.desire([(TGW, DATA)]);
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.until_in_force([(TGW, DATA)]).await;
    let ready = world.until_ready("hub").await;
    assert_eq!(ready.status.unwrap().counts.unwrap().external, 0);
    assert_eq!(world.live_shares().len(), 1);
    world.rests().await;

    // And comes back as another one: the token of the first is spent.
    world.desire([(TGW, DATA), (TGW, PARTNER)]);
    world.apply(share("hub", both)).await;
    world.until_ready("hub").await;
    assert_eq!(world.live_shares().len(), 2);
    world.accept_invitations();
    world.until_in_force([(TGW, DATA), (TGW, PARTNER)]).await;
    world.rest(700).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn one_entry_that_cannot_be_resolved_holds_back_no_other() {
    let mut world = World::with_basics(10).await;
    world.desire([(TGW, DATA)]);
    world
        .apply(share(
            "hub",
            json!({"targets": [{"account": "data-prod"}, {"account": "nobody"}, {"account": "log-archive"}]}),
        ))
        .await;
    world.start();
    world.until_in_force([(TGW, DATA)]).await;
    world.rest(10).await;
    let object = world.until_says("hub", "Ready", "False", "NameUnknown").await;
    assert_eq!(object["status"]["counts"]["principals"]["display"], "1/3");
    let reasons: Vec<_> = object["status"]["principals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["reason"].as_str().unwrap_or(""))
        .collect();
    assert_eq!(reasons, ["NameUnknown", "NotPermitted", ""]);
    world.rest(700).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn two_shares_of_one_resource_have_their_own_containers() {
    let mut world = World::with_basics(11).await;
    world.desire([(TGW, DATA), (TGW, WEB)]);
    world.apply(share("one", json!({"targets": [{"account": "data-prod"}, {"account": "web-prod"}]}))).await;
    world.apply(share("two", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("one").await;
    world.until_ready("two").await;
    world.delete_share("one").await;
    world.until_gone("one").await;
    world.until_in_force([(TGW, DATA)]).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_at_rest_writes_nothing() {
    let mut world = World::with_basics(12).await;
    let ou = world.unit("Root/Workloads/Prod");
    world.desire_all([(TGW, DATA), (LIST, ou.as_str()), (TGW, PARTNER)]);
    world
        .apply(share(
            "hub",
            json!({"allowExternal": true, "targets": [{"account": "data-prod"}, outside("2027-01-20T00:00:00Z")]}),
        ))
        .await;
    world
        .apply(share(
            "list",
            json!({"resources": [{"arn": LIST}], "targets": [{"organizationalUnit": "Root/Workloads/Prod"}]}),
        ))
        .await;
    world.apply(share("refused", json!({"targets": [{"account": "log-archive"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    world.until_ready("list").await;
    world.until_says("refused", "Ready", "False", "NotPermitted").await;
    world.rest(1200).await;
    let (kube, aws) = (world.controller_writes(), world.aws_writes());
    for _ in 0..3 {
        world.start();
        world.rest(700).await;
    }
    assert_eq!(world.controller_writes()[kube.len()..], [] as [String; 0]);
    assert_eq!(world.aws_writes(), aws);
}

#[tokio::test(start_paused = true)]
async fn a_share_with_nobody_is_in_force_as_declared() {
    let mut world = World::with_basics(16).await;
    world.desire([]);
    world.apply(share("hub", json!({"targets": []}))).await;
    world.start();
    world.until_ready("hub").await;
    world.rest(700).await;
    world.rests().await;
}
