//! What somebody changes in AWS behind the controller's back: found, said, put right, and said once.

use serde_json::{Value, json};
use sharekeeper::{api::Reason, model::Side};
use simulator::{
    aws::{action::Action, weather::Lag},
    kube::{Match, Verb},
};

use crate::world::{DATA, LIST, PARTNER, RULE, SUBNET_1, TGW, WEB, World, outside, policy, set, share};

/// What, want, have, action.
type Line = (&'static str, &'static str, &'static str);

const RULE_TYPE: &str = "route53resolver:ResolverRule";
const READ_ONLY: &str = "AWSRAMPermissionResolverRuleReadOnly";

/// A Share with an inside and an outside, tags and a named permission.
async fn in_force(seed: u64) -> World {
    let mut world = World::with_basics(seed).await;
    world
        .apply(policy(
            "rules",
            json!({"resourceTypes": [RULE_TYPE], "organizationalUnits": ["Root/Workloads"], "permissions": [READ_ONLY],
                "external": {"accounts": [PARTNER], "maxDuration": "90d"}}),
        ))
        .await;
    world
        .apply(share(
            "hub",
            json!({"resources": [{"arn": TGW}, {"arn": RULE}], "tags": {"cost-centre": "42"}, "allowExternal": true,
                "permissions": [{"resourceType": RULE_TYPE, "permission": READ_ONLY, "version": "Default"}],
                "targets": [{"account": "data-prod"}, {"account": "web-prod"}, outside("2027-01-20T00:00:00Z")]}),
        ))
        .await;
    world.start();
    world.until_ready("hub").await;
    world.accept_invitations();
    world.rest(700).await;
    world.until_ready("hub").await;
    world.desire_all([(TGW, DATA), (TGW, WEB), (TGW, PARTNER), (RULE, DATA), (RULE, WEB), (RULE, PARTNER)]);
    world
}

/// A truth that says all: pairs, names, flags, tags and permissions of the live shares.
fn picture(world: &World) -> Vec<String> {
    let mut lines: Vec<String> = world.in_force().iter().map(|(r, p)| format!("{r} {p}")).collect();
    for share in world.live_shares() {
        let mut tags: Vec<String> = share["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| format!("{}={}", t["key"], t["value"]))
            .collect();
        tags.sort();
        let permissions = world
            .by_hand("ListResourceSharePermissions", json!({"resourceShareArn": share["resourceShareArn"]}));
        let mut permissions: Vec<String> = permissions["permissions"]
            .as_array()
            .unwrap()
            .iter()
            // Of a type that is shared: AWS keeps a default that came with a resource which is out again.
            .filter(|p| p["resourceType"] != "ec2:PrefixList")
            .map(|p| format!("{} v{}", p["name"], p["version"]))
            .collect();
        permissions.sort();
        lines.push(format!(
            "{} external={} {tags:?} {permissions:?}",
            share["name"], share["allowExternalPrincipals"]
        ));
    }
    lines.sort();
    lines
}

fn edits(inner: &str, outer: &str) -> Vec<(&'static str, Vec<(&'static str, Value)>, Vec<Line>)> {
    let on = |arn: &str, more: Value| {
        let mut params = json!({"resourceShareArn": arn});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let uid = "sharekeeper.dev/uid";
    vec![
        (
            "a principal added",
            vec![("AssociateResourceShare", on(inner, json!({"principals": ["222233336666"]})))],
            vec![("principal 222233336666", "absent", "ASSOCIATED")],
        ),
        (
            "a principal removed",
            vec![("DisassociateResourceShare", on(inner, json!({"principals": [WEB]})))],
            vec![("principal 222233335555", "present", "DISASSOCIATED")],
        ),
        (
            "a resource added",
            vec![("AssociateResourceShare", on(inner, json!({"resourceArns": [LIST]})))],
            vec![(
                "resource arn:aws:ec2:eu-west-1:111122223333:prefix-list/pl-0a1b2c3d4e5f60001",
                "absent",
                "ASSOCIATED",
            )],
        ),
        (
            "a resource removed",
            vec![("DisassociateResourceShare", on(inner, json!({"resourceArns": [TGW]})))],
            vec![(
                "resource arn:aws:ec2:eu-west-1:111122223333:transit-gateway/tgw-0a1b2c3d4e5f60001",
                "present",
                "DISASSOCIATED",
            )],
        ),
        (
            "the external flag",
            vec![("UpdateResourceShare", on(inner, json!({"allowExternalPrincipals": true})))],
            vec![("allowExternalPrincipals", "false", "true")],
        ),
        (
            "a rename",
            vec![("UpdateResourceShare", on(inner, json!({"name": "mine"})))],
            vec![("name", "network-team.hub", "mine")],
        ),
        (
            "a permission swapped",
            vec![(
                "AssociateResourceSharePermission",
                on(
                    inner,
                    json!({"replace": true, "permissionArn": "arn:aws:ram::aws:permission/AWSRAMDefaultPermissionResolverRule"}),
                ),
            )],
            vec![(
                "permission of route53resolver:ResolverRule",
                "AWSRAMPermissionResolverRuleReadOnly version default",
                "AWSRAMDefaultPermissionResolverRule version 1",
            )],
        ),
        (
            "a tag changed",
            vec![("TagResource", on(inner, json!({"tags": [{"key": "cost-centre", "value": "43"}]})))],
            vec![("tag cost-centre", "42", "43")],
        ),
        (
            "the mark removed",
            vec![(
                "UntagResource",
                on(inner, json!({"tagKeys": [uid, "sharekeeper.dev/name", "sharekeeper.dev/side"]})),
            )],
            vec![("mark", "present", "removed or altered")],
        ),
        (
            "the inner share deleted",
            vec![("DeleteResourceShare", on(inner, json!({})))],
            vec![("share", "present", "deleted")],
        ),
        (
            "the outer share emptied of its principal",
            vec![("DisassociateResourceShare", on(outer, json!({"principals": [PARTNER]})))],
            vec![("principal 999988887777 (outer share)", "present", "DISASSOCIATED")],
        ),
    ]
}

async fn found_and_put_right(by_annotation: bool) {
    let count = edits("", "").len();
    for index in 0..count {
        let world = in_force(100 + index as u64).await;
        let inner = world.container("hub", Side::Inner).await;
        let outer = world.container("hub", Side::Outer).await;
        let before = picture(&world);
        let (name, calls, lines) = edits(&inner, &outer).swap_remove(index);
        world.told.take_events();
        for (operation, params) in calls {
            world.by_hand(operation, params);
        }
        if by_annotation {
            world.annotate("hub", "sharekeeper.dev/requestedAt", "now").await;
            world.rest(3).await;
        } else {
            world.rest(700).await;
        }
        let object = world.stored("shares", "network-team", "hub").unwrap();
        let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let drift: Vec<_> = object["status"]["drift"]
            .as_array()
            .unwrap_or_else(|| panic!("{name}: no drift\n{}", world.everything()))
            .iter()
            .map(|l| (text(l, "what"), text(l, "want"), text(l, "have"), text(l, "action")))
            .collect();
        let wanted: Vec<_> = lines
            .iter()
            .map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned(), "Corrected".to_owned()))
            .collect();
        assert_eq!(drift, wanted, "{name}");
        world.accept_invitations();
        world.until_ready("hub").await;
        world.rest(700).await;
        assert_eq!(picture(&world), before, "{name}");
        let events = world.told.take_events();
        let told: Vec<_> = events.iter().filter(|e| e.reason == Reason::DriftCorrected).collect();
        assert_eq!(told.len(), lines.len(), "{name}: {events:?}");
        if by_annotation {
            assert_eq!(object["status"]["lastHandledReconcileAt"], "now");
        }
        world.rests().await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_edit_behind_our_back_is_found_by_the_next_reading_and_put_right() {
    found_and_put_right(false).await;
}

#[tokio::test(start_paused = true)]
async fn each_edit_behind_our_back_is_found_at_once_when_asked_and_put_right() {
    found_and_put_right(true).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_version_of_a_named_permission_is_no_persons_drift_but_is_rolled_out() {
    let world = in_force(120).await;
    world.act(Action::PublishPermissionVersion { name: READ_ONLY.into() });
    world.rest(700).await;
    assert!(picture(&world).iter().all(|line| !line.contains("ReadOnly\" v\"1\"")), "{:?}", picture(&world));
    world.until_ready("hub").await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn two_requests_within_ten_seconds_are_two_readings_apart() {
    let world = in_force(121).await;
    world.rest(30).await;
    let calls = world.ram_calls().len();
    for n in 0..5 {
        world.annotate("hub", "sharekeeper.dev/requestedAt", &format!("r{n}")).await;
        world.rest(1).await;
    }
    world.rest(20).await;
    let object = world.stored("shares", "network-team", "hub").unwrap();
    assert_eq!(object["status"]["lastHandledReconcileAt"], "r4");
    // Two shares by ARN: three listings and one call each for permissions; twice.
    let made = world.ram_calls().len() - calls;
    assert!(made <= 10, "{made} calls for five requests in five seconds");
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn a_share_made_by_hand_is_shown_and_left() {
    let world = in_force(122).await;
    let params = json!({"name": "by-hand", "principals": [PARTNER], "resourceArns": [LIST], "allowExternalPrincipals": true});
    let made = world.by_hand("CreateResourceShare", params);
    let arn = made["resourceShare"]["resourceShareArn"].clone();
    let writes = world.aws_writes().len();
    world.rest(700).await;
    let records = world.all_stored("undeclaredshares");
    let record = records.iter().find(|r| r["status"]["id"] == arn).unwrap_or_else(|| panic!("{records:?}"));
    assert_eq!(
        (&record["status"]["why"], &record["status"]["phase"]),
        (&json!("Foreign"), &json!("Reported"))
    );
    assert_eq!(record["status"]["principals"][0]["id"], PARTNER);
    world.rest(700).await;
    assert_eq!(world.aws_writes().len(), writes);
    world.rests().await;
    world.by_hand("DeleteResourceShare", json!({"resourceShareArn": arn}));
    world.rest(700).await;
    assert!(!world.all_stored("undeclaredshares").iter().any(|r| r["status"]["id"] == arn));
}

/// An edit that is taken back while AWS is still at work on it is an edit: nobody changed anything behind our back, nothing is
/// charged to a budget, and the Share is not held as if somebody fought over it.
#[tokio::test(start_paused = true)]
async fn an_edit_that_is_taken_back_half_way_is_neither_drift_nor_a_fight() {
    let mut world = World::with_basics(126).await;
    let one = || share("hub", json!({"targets": [{"account": DATA}]}));
    let other = || share("hub", json!({"resources": [{"arn": SUBNET_1}], "targets": [{"account": WEB}]}));
    world.apply(one()).await;
    world.start();
    world.until_ready("hub").await;
    world.desire_all([(TGW, DATA), (SUBNET_1, WEB)]);
    world.weather(|weather| weather.lags.disassociation = Lag::Fixed(20.0));
    world.told.take_events();
    for _ in 0..5 {
        world.apply(other()).await;
        world.rest(5).await;
        world.apply(one()).await;
        world.until_ready("hub").await;
        world.until_in_force([(TGW, DATA)]).await;
    }
    let told: Vec<Reason> = world.told.take_events().into_iter().map(|event| event.reason).collect();
    let expected = [Reason::InForce, Reason::Converging];
    assert!(told.iter().all(|reason| expected.contains(reason)), "{told:?}");
    let set = world.stored("accountsets", "", "network").unwrap();
    assert_eq!(set["status"]["removals"]["removed"].as_i64().unwrap_or_default(), 0, "{set}");
}

/// A watch that lags shows a Share as it was before its status said that all was applied: what is changed in AWS then is drift
/// all the same, not a change that is still to be made.
#[tokio::test(start_paused = true)]
async fn a_view_from_before_our_own_status_hides_no_drift() {
    let mut world = World::with_basics(127).await;
    world.apply(set(json!({"interval": "1m"}))).await;
    world.desire([(TGW, DATA)]);
    world.apply(share("hub", json!({"targets": [{"account": DATA}]}))).await;
    world.weather(|weather| weather.lags.association = Lag::Fixed(20.0));
    world.start();
    world.until_condition("hub", "Ready", "False", "Converging").await;
    world.rest(2).await;
    // The event of the status that says Ready stays away.
    let watch = Match::on(&[Verb::Watch], "shares").by("controller");
    world.kube.with(|cluster| cluster.weather.lag.push((watch, 1)));
    world.until_ready("hub").await;
    world.told.take_events();
    let arn = world.container("hub", Side::Inner).await;
    world.by_hand("DisassociateResourceShare", json!({"resourceShareArn": arn, "principals": [DATA]}));
    world.rest(120).await;
    world.until_in_force([(TGW, DATA)]).await;
    let events = world.told.take_events();
    let told = events.iter().filter(|event| event.reason == Reason::DriftCorrected).count();
    assert_eq!(told, 1, "{events:?}\n{}", world.everything());
}
