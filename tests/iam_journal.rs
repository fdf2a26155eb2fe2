//! The AWS operations that a broad run of the controller calls are those that `sharekeeper iam` writes policies for: no
//! other is called, and none of them is unused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "helpers of tests fail as tests do"
)]

mod world;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sharekeeper::cli::iam::ACTIONS;
use simulator::aws::{Caller, UnknownArn, example};
use world::{KEY, QUEUE, REPOSITORY, SECRET, TOPIC, World, basics, share};

const RULE: &str = example::RESOURCES[4];
const ANOTHER_RULE: &str = example::RESOURCES[5];

/// Where RAM may not share with the organization yet, and where accounts are listed without their place in the tree.
async fn unprepared() -> World {
    let world = World::with_objects(1).await;
    let organization = {
        let mut aws = world.aws.world();
        aws.settings.paths_of_accounts = false;
        let id = aws.directory().organizations.keys().next().unwrap().clone();
        aws.disable_service_access(&id, "ram.amazonaws.com").unwrap();
        crowd(&mut aws);
        aws.journal_mut().clear();
        id
    };
    for mut object in basics(&world::organization_id()) {
        match object["kind"].as_str() {
            Some("Organization") => object["spec"] = json!({"id": organization, "ramSharing": "Enable"}),
            Some("SharingPolicy") => {
                object["spec"]["allow"] = json!({
                    "resourceTypes": ["route53resolver:ResolverRule"], "organizationalUnits": ["Root/Workloads"],
                    "permissions": ["AWSRAMPermissionResolverRuleReadOnly"]});
            }
            _ => {}
        }
        world.apply(object).await;
    }
    world
}

/// Shares of others, so many that it costs less to read a container by itself than the whole cell.
fn crowd(aws: &mut simulator::aws::World) {
    aws.settings.unknown_arn = UnknownArn::Accept;
    let owner = Caller::administrator(example::NETWORK_PROD, example::REGION);
    for share in 0..6 {
        let list =
            |n| format!("arn:aws:ec2:eu-west-1:{}:prefix-list/pl-{share}{n:02}", example::NETWORK_PROD);
        let resources: Vec<String> = (0..100).map(list).collect();
        let wish = json!({"name": format!("others-{share}"), "resourceArns": resources});
        aws.call(&owner, "ram", "CreateResourceShare", &wish).unwrap();
    }
}

/// A Share of resolver rules, with these fields besides.
fn rules(resources: &[&str], targets: &[&str], more: Value) -> Value {
    let resources: Vec<Value> = resources.iter().map(|arn| json!({"arn": arn})).collect();
    let targets: Vec<Value> = targets.iter().map(|account| json!({"account": account})).collect();
    let mut spec = json!({"resources": resources, "targets": targets});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    share("rules", spec)
}

/// A life of a Share: made, widened, narrowed, renamed, tagged, under another permission and the default again, of objects
/// with policies of their own besides, gone.
fn life() -> Vec<Value> {
    let read_only = json!([{"resourceType": "route53resolver:ResolverRule",
        "permission": "AWSRAMPermissionResolverRuleReadOnly"}]);
    vec![
        rules(&[RULE], &["data-prod"], json!({})),
        rules(&[RULE, ANOTHER_RULE], &["data-prod", "web-prod"], json!({})),
        rules(&[RULE], &["web-prod"], json!({})),
        rules(
            &[RULE],
            &["web-prod"],
            json!({"name": "renamed", "tags": {"team": "network", "stage": "prod"}}),
        ),
        rules(&[RULE], &["web-prod"], json!({"name": "renamed", "tags": {"team": "network"}})),
        rules(&[RULE], &["web-prod"], json!({"permissions": read_only})),
        rules(&[RULE], &["web-prod"], json!({})),
        rules(&[RULE, KEY, SECRET, REPOSITORY, QUEUE, TOPIC], &["web-prod"], json!({})),
        // To delete six containers at once is more than the budget has room for.
        rules(&[RULE], &["web-prod"], json!({})),
    ]
}

#[tokio::test(start_paused = true)]
async fn what_is_called_is_what_the_policies_allow() {
    let mut world = unprepared().await;
    world.start();
    for step in life() {
        world.apply(step).await;
        world.until_ready("rules").await;
    }
    world.delete_share("rules").await;
    world.until("the Share is gone", || async { world.share("rules").await.is_none().then_some(()) }).await;

    // The types that RAM shares are read last.
    world.rest(60).await;

    let counts = world.aws.world().journal().counts();
    let called: BTreeSet<String> = counts.keys().cloned().collect();
    let known: BTreeSet<String> =
        ACTIONS.iter().map(sharekeeper::aws::operations::Operation::action).collect();
    let unknown: Vec<_> = called.difference(&known).collect();
    let unused: Vec<_> = known.difference(&called).collect();
    assert!(unknown.is_empty(), "called, and in no policy: {unknown:?}");
    assert!(unused.is_empty(), "in the policies, and never called: {unused:?}");
}
