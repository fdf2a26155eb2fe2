//! Resource types that this version does not know, or that RAM lists otherwise.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sharekeeper::{model::Side, plan::catalogue::Differences};
use simulator::aws::{
    action::Action,
    weather::{Fault, Moment, Trouble},
};

use crate::world::{DATA, TGW, World, condition, policy, share};

/// Of a type whose ARNs this version cannot tell.
const VIEW: &str = "arn:aws:route53globalresolver:eu-west-1:111122223333:dns-view/dnsv-1";
const VIEW_TYPE: &str = "route53globalresolver:dns-view";

fn views(types: &[&str], resources: &[&str]) -> Value {
    policy(
        "views",
        json!({"resourceTypes": types, "resources": resources, "organizationalUnits": ["Root/Workloads"]}),
    )
}

fn asked(world: &World) -> usize {
    world.ram_calls().iter().filter(|call| *call == "ListResourceTypes").count()
}

fn ready(world: &World, name: &str) -> (String, String) {
    let object = world.stored("sharingpolicies", "", name).unwrap();
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let ready = conditions.iter().find(|c| c["type"] == "Ready").unwrap();
    (condition(&object, "Ready").unwrap().0, ready["message"].as_str().unwrap().to_owned())
}

#[tokio::test(start_paused = true)]
async fn what_no_arn_tells_is_shared_with_a_warning_where_a_policy_names_it_and_nowhere_else() {
    let mut world = World::with_basics(410).await;
    world.act(Action::AddResource { arn: VIEW.into() });
    world.apply(views(&[VIEW_TYPE], &[TGW])).await;
    world
        .apply(share("view", json!({"resources": [{"arn": VIEW}], "targets": [{"account": "data-prod"}]})))
        .await;
    world.start();
    let object = world.until_says("view", "Ready", "False", "TypeUnknown").await;
    assert_eq!(condition(&object, "Permitted").unwrap().0, "False");
    assert_eq!(world.aws_writes(), [] as [String; 0]);

    world.desire([(VIEW, DATA)]);
    world.apply(views(&[VIEW_TYPE], &["arn:aws:route53globalresolver:*:111122223333:dns-view/*"])).await;
    world.until_ready("view").await;
    world.until_in_force([(VIEW, DATA)]).await;
    world.rests().await;
    let object = world.stored("shares", "network-team", "view").unwrap();
    let resource = &object["status"]["resources"][0];
    assert_eq!((&resource["state"], &resource["reason"]), (&json!("InForce"), &Value::Null));
    assert!(resource["message"].as_str().unwrap().contains("does not know its type"), "{resource}");

    // Its permission goes back to the default, by the name that RAM gives the type.
    let made = world.by_hand(
        "CreatePermission",
        json!({"name": "wide", "resourceType": VIEW_TYPE,
            "policyTemplate": "{\"Effect\":\"Allow\",\"Action\":[\"route53globalresolver:GetDNSView\"]}"}),
    );
    let container = world.container("view", Side::Inner).await;
    let swap =
        json!({"resourceShareArn": container, "permissionArn": made["permission"]["arn"], "replace": true});
    world.by_hand("AssociateResourceSharePermission", swap);
    world.rest(1500).await;
    world.until_ready("view").await;
    assert_eq!(world.aws_writes().last().unwrap(), "AssociateResourceSharePermission");
    let permissions = json!({"resourceShareArn": container, "maxResults": 500});
    let attached = world.by_hand("ListResourceSharePermissions", permissions);
    assert_eq!(attached["permissions"][0]["isResourceTypeDefault"], true, "{attached}");

    // Nobody is to answer for it any more.
    world.desire([]);
    world.apply(views(&["ec2:Subnet"], &["arn:aws:route53globalresolver:*:111122223333:dns-view/*"])).await;
    world.until_in_force([]).await;
    world.until_says("view", "Ready", "False", "TypeUnknown").await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn ram_is_asked_for_its_types_once_a_term_and_once_a_day() {
    let mut world = World::with_basics(411).await;
    {
        let mut aws = world.aws.world();
        aws.settings.newer_types = BTreeMap::from([("newservice:Thing".into(), false)]);
        aws.settings.unlisted_types = BTreeSet::from(["rds:Cluster".into()]);
    }
    world.apply(views(&["newservice:Thing", "ec2:Subnets"], &[TGW])).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    world.rest(120).await;
    let differences = Differences {
        unknown: BTreeSet::from(["newservice:Thing".into()]),
        unlisted: BTreeSet::from(["rds:Cluster"]),
        scoped_otherwise: BTreeSet::new(),
    };
    assert_eq!((asked(&world), world.told.take_types()), (1, vec![differences]));
    let (status, message) = ready(&world, "views");
    assert_eq!(status, "True");
    assert!(message.contains("ec2:Subnets") && !message.contains("newservice"), "{message}");

    // A day later RAM has learned, and so has what is said of the policy.
    world.aws.world().settings.newer_types.insert("ec2:Subnets".into(), false);
    world.rests().await;
    assert_eq!(asked(&world), 1);
    world.rest(86_400).await;
    assert_eq!((asked(&world), world.told.take_types().len()), (2, 1));
    assert_eq!(ready(&world, "views"), ("True".into(), "it is understood and in use".into()));
}

#[tokio::test(start_paused = true)]
async fn a_list_of_types_that_may_not_be_read_changes_nothing() {
    let mut world = World::with_basics(412).await;
    world.weather(|weather| {
        weather.faults.push(Fault::always("ListResourceTypes", Moment::Before, Trouble::AccessDenied));
    });
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    world.rests().await;
    assert!((1..=2).contains(&asked(&world)), "{} times in an hour", asked(&world));
    assert_eq!(world.told.take_types(), []);
    world.weather(|weather| weather.faults.clear());
    world.rest(3700).await;
    assert_eq!(world.told.take_types(), [Differences::default()]);
}
