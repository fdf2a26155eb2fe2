//! Secrets, repositories, queues and topics: what Shares grant by the policies of objects, whatever service keeps them. What all
//! policies have in common with those of keys is tested there.

use serde_json::{Value, json};
use sharekeeper::api::Reason;
use simulator::aws::{
    Caller, example,
    policy::{NewObject, ObjectKind},
    weather::{Fault, Moment, Trouble},
};

use crate::world::{
    DATA, KEY, PARTNER, QUEUE, REPOSITORY, SECRET, TGW, TOPIC, WEB, World, policy, set, share,
};

/// One of each service: with the calls that put its policy and take it away.
const OBJECTS: [(&str, &str, &str); 4] = [
    (SECRET, "PutResourcePolicy", "DeleteResourcePolicy"),
    (REPOSITORY, "SetRepositoryPolicy", "DeleteRepositoryPolicy"),
    (QUEUE, "SetQueueAttributes", "SetQueueAttributes"),
    (TOPIC, "SetTopicAttributes", "SetTopicAttributes"),
];

fn of(name: &str, object: &str, targets: Value) -> Value {
    share(name, json!({"resources": [{"arn": object}], "targets": targets}))
}

fn policy_of(world: &World, object: &str) -> Option<String> {
    world.aws.world().object_policy(object).map(str::to_owned)
}

/// A policy of somebody else, as a person keeps it; `resource` as the service wants it.
fn theirs(object: &str, who: &str, actions: &[&str]) -> String {
    let resource =
        if object == REPOSITORY { String::new() } else { format!(", \"Resource\" : \"{object}\"") };
    let actions = actions.join("\", \"");
    format!(
        "{{ \"Version\" : \"2012-10-17\",\n  \"Statement\" : [ {{ \"Sid\" : \"Theirs\", \"Effect\" : \"Allow\", \"Principal\" : {{ \"AWS\" : \"{who}\" }}, \"Action\" : [ \"{actions}\" ]{resource} }} ] }}"
    )
}

fn an_action(object: &str) -> &'static str {
    match object {
        SECRET => "secretsmanager:DescribeSecret",
        REPOSITORY => "ecr:ListImages",
        TOPIC => "sns:GetTopicAttributes",
        _ => "sqs:GetQueueUrl",
    }
}

fn own_account(object: &str) -> String {
    theirs(object, "arn:aws:iam::111122223333:root", &[an_action(object)])
}

#[tokio::test(start_paused = true)]
async fn an_object_is_left_as_it_was_found() {
    for (object, put, delete) in OBJECTS {
        let mut world = World::with_objects(500).await;
        let before = policy_of(&world, object);
        let unit = world.unit("Root/Workloads/Prod");
        world.desire([(object, DATA), (object, &unit), (TGW, DATA)]);
        let both = json!([{"arn": TGW}, {"arn": object}]);
        world
            .apply(of(
                "hub",
                object,
                json!([{"account": DATA}, {"organizationalUnit": "Root/Workloads/Prod"}]),
            ))
            .await;
        world.apply(share("gateway", json!({"targets": [{"account": DATA}]}))).await;
        world.start();
        let ready = world.until_ready("hub").await;
        world.until_ready("gateway").await;
        world.until_in_force([(object, DATA), (object, &unit), (TGW, DATA)]).await;
        let status = ready.status.unwrap();
        let entry = status.containers.iter().find(|c| c.mechanism == "resource_policy").unwrap();
        assert_eq!(entry.id.as_deref(), Some(object));
        world.rests().await;
        // One leaves; then the Share.
        world.apply(of("hub", object, json!([{"account": DATA}]))).await;
        world.until_in_force([(object, DATA), (TGW, DATA)]).await;
        world.until_ready("hub").await;
        world.delete_share("hub").await;
        world.until_gone("hub").await;
        assert_eq!(policy_of(&world, object), before, "{object}");
        let writes = world.writes_to_objects();
        assert_eq!(writes, [put, put, delete], "{object}");
        // With a gateway in one Share, and gone from it again.
        world.apply(share("gateway", json!({"resources": both, "targets": [{"account": DATA}]}))).await;
        world.until_in_force([(object, DATA), (TGW, DATA)]).await;
        world.until_ready("gateway").await;
        world.apply(share("gateway", json!({"targets": [{"account": DATA}]}))).await;
        world.until_in_force([(TGW, DATA)]).await;
        world.until_ready("gateway").await;
        assert_eq!(policy_of(&world, object), before, "{object}");
        world.rests().await;
    }
}

/// Every byte of somebody else's policy stays, and what he does with ours is drift.
#[tokio::test(start_paused = true)]
async fn what_others_wrote_stays_and_what_they_do_to_ours_is_put_right() {
    for (object, put, _) in OBJECTS {
        let mut world = World::with_objects(501).await;
        world.desire([(object, DATA)]);
        let his = own_account(object);
        world.put_policy(object, Some(&his));
        world.apply(of("hub", object, json!([{"account": DATA}]))).await;
        world.start();
        world.until_ready("hub").await;
        let ours = policy_of(&world, object).unwrap();
        let data = format!("\"arn:aws:iam::{DATA}:root\"");
        // what he puts, what of ours was hurt, what it is found as
        let table = [
            (Some(his.clone()), "statements", "deleted"),
            ((object == TOPIC).then(|| his.clone()), "statements", "deleted"),
            (Some(ours.replace(&data, &format!("{data},\"{WEB}\""))), "principal 222233335555", "ASSOCIATED"),
            (
                Some(
                    ours.replace("[\"secretsmanager:Desc", "[\"secretsmanager:*\",\"secretsmanager:Desc")
                        .replace("[\"ecr:BatchC", "[\"ecr:*\",\"ecr:BatchC")
                        .replace("[\"sqs:GetQueueA", "[\"sqs:*\",\"sqs:GetQueueA")
                        .replace("[\"sns:GetTopicA", "[\"sns:AddPermission\",\"sns:GetTopicA"),
                ),
                "permission",
                "altered",
            ),
        ];
        for (put, what, have) in table {
            assert_ne!(put.as_ref(), Some(&ours), "{what}");
            world.told.take_events();
            world.put_policy(object, put.as_deref());
            world.rest(1300).await;
            world.until_ready("hub").await;
            world.until_in_force([(object, DATA)]).await;
            let status = world.share("hub").await.unwrap().status.unwrap();
            let line = status.drift.iter().find(|line| line.what.starts_with(what)).unwrap();
            assert_eq!(line.have.as_deref(), Some(have), "{object} {what}");
            let told = world.told.take_events().iter().filter(|e| e.reason == Reason::DriftCorrected).count();
            assert_eq!(told, 1, "{object} {what}");
            // He has taken his own away; with it or without it, ours is as it was.
            let left = policy_of(&world, object).unwrap();
            assert!(left == ours || put.is_none() && !left.contains("Theirs"), "{object} {what}: {left}");
            world.put_policy(object, Some(&ours));
            world.rest(1300).await;
        }
        world.delete_share("hub").await;
        world.until_gone("hub").await;
        assert_eq!(policy_of(&world, object), Some(his), "{object}");
        assert!(world.writes_to_objects().contains(&put.to_owned()));
        world.rests().await;
    }
}

/// Whoever is outside could not use what is encrypted with a key that AWS manages: nothing is written, and it is said why.
#[tokio::test(start_paused = true)]
async fn what_is_encrypted_with_a_default_key_is_refused_before_any_write() {
    let mut world = World::with_objects(502).await;
    let secret = world.add_object(NewObject {
        kind: ObjectKind::Secret,
        name: "plain".into(),
        ..NewObject::default()
    });
    let queue = world.add_object(NewObject {
        kind: ObjectKind::Queue,
        name: "plain".into(),
        key: Some("alias/aws/sqs".into()),
        ..NewObject::default()
    });
    for (name, object) in [("secret", &secret), ("queue", &queue)] {
        world.apply(of(name, object, json!([{"account": DATA}]))).await;
    }
    world.start();
    for (name, key) in [("secret", "aws/secretsmanager"), ("queue", "aws/sqs")] {
        let said = world.until_says(name, "Ready", "False", "DefaultKey").await;
        assert!(said.to_string().contains(key), "{said:#}");
    }
    world.rest(700).await;
    assert_eq!(world.writes_to_objects(), Vec::<String>::new());
    world.until_in_force([]).await;
}

/// What AWS would refuse as too large is not sent; a unit in place of accounts is what helps.
#[tokio::test(start_paused = true)]
async fn a_policy_that_would_be_too_large_is_not_written() {
    let sizes = [(SECRET, 20_480), (REPOSITORY, 10_240), (QUEUE, 8_192), (TOPIC, 30_720), (KEY, 32_768)];
    for (object, most) in sizes {
        let mut world = World::with_objects(503).await;
        let key_actions = ["kms:*"];
        let action = [an_action(object)];
        let actions: &[&str] = if object == KEY { &key_actions } else { &action };
        let theirs =
            theirs(if object == KEY { "*" } else { object }, "arn:aws:iam::111122223333:root", actions);
        // White space is theirs, too, and counts.
        let full = theirs.replacen('\n', &" ".repeat(most - theirs.len() - 100), 1);
        world.put_policy(object, Some(&full));
        world.apply(of("hub", object, json!([{"account": DATA}]))).await;
        world.start();
        let said = world.until_says("hub", "Ready", "False", "QuotaExceeded").await;
        assert!(said.to_string().contains(&format!("{most} are the most")), "{said:#}");
        world.rest(700).await;
        assert_eq!(policy_of(&world, object).as_deref(), Some(full.as_str()), "{object}");
        assert!(world.writes_to_objects().is_empty());
    }
}

/// Somebody else's policy that cannot be read is left as it is, and the Share says so.
#[tokio::test(start_paused = true)]
async fn nothing_is_written_into_a_policy_that_cannot_be_read() {
    for object in [SECRET, REPOSITORY, QUEUE, TOPIC, KEY] {
        let mut world = World::with_objects(504).await;
        // Whoever may read it still may.
        let broken = r#"{"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:*", "Resource": "*"},
            {"Effect": "Permit", "Principal": "*", "Action": "*"}]}"#;
        world.replace_object(object, Some(broken));
        world.apply(of("hub", object, json!([{"account": DATA}]))).await;
        world.start();
        let said = world.until_says("hub", "Ready", "Unknown", "PolicyInvalid").await;
        assert!(said.to_string().contains("nothing is changed in it"), "{said:#}");
        world.delete_share("hub").await;
        world.rest(700).await;
        assert_eq!(policy_of(&world, object).as_deref(), Some(broken), "{object}");
        assert!(world.writes_to_objects().is_empty());
    }
}

/// Whom others let in is shown, everybody first; a condition that is understood limits it, one that is not does not.
#[tokio::test(start_paused = true)]
async fn what_others_let_in_is_shown_and_whom_a_condition_limits_is_told() {
    let everybody = |condition: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Sid": "Theirs", "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "{QUEUE}"{condition}}}]}}"#
        )
    };
    // the condition, and who is let in from elsewhere
    let table = [
        ("", Some("*")),
        (r#","Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}"#, None),
        (r#","Condition": {"StringEquals": {"aws:PrincipalAccount": "999988887777"}}"#, Some(PARTNER)),
        (r#","Condition": {"Bool": {"aws:SecureTransport": "true"}}"#, Some("*")),
        (r#","Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-foreign0001"}}"#, Some("o-foreign0001")),
    ];
    for (condition, who) in table {
        let mut world = World::with_objects(505).await;
        world
            .apply(set(json!({"undeclared": {"action": "Delete", "gracePeriod": "0s", "objects": "All"}})))
            .await;
        let his = everybody(condition);
        world.put_policy(QUEUE, Some(&his));
        world.start();
        world.rest(4000).await;
        let records = world.all_stored("undeclaredshares");
        let record = records.iter().find(|record| record["status"]["id"] == QUEUE);
        let named = record.map(|record| record["status"]["principals"][0]["id"].as_str().unwrap_or_default());
        assert_eq!(named, who, "{condition}: {records:?}");
        if let Some(record) = record {
            assert_eq!(record["status"]["mechanism"], "resource_policy");
            assert_eq!(record["status"]["principals"][0]["external"], true);
        }
        assert_eq!(policy_of(&world, QUEUE), Some(his));
    }
}

/// One way of sharing that cannot be listed is said; the others are looked through. What is switched off costs no call, and what
/// Shares declare is kept all the same.
#[tokio::test(start_paused = true)]
async fn ways_of_sharing_are_looked_through_as_the_set_says() {
    let mut world = World::with_objects(506).await;
    world.desire([(SECRET, DATA)]);
    world.weather(|weather| {
        weather.faults.push(Fault::always("DescribeRepositories", Moment::Before, Trouble::AccessDenied));
    });
    world.start();
    world.rest(700).await;
    let region = world.all_stored("accountregions").remove(0);
    let said: Vec<(String, String)> = region["status"]["mechanisms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (m["name"].as_str().unwrap().to_owned(), m["listing"].as_str().unwrap().to_owned()))
        .collect();
    let table = [("key", "Complete"), ("ram", "Complete"), ("resource_policy", "Unknown")];
    for (name, listing) in table {
        assert!(said.contains(&(name.to_owned(), listing.to_owned())), "{said:?}");
    }
    world.apply(set(json!({"mechanisms": ["ram", "key"]}))).await;
    world.rest(4000).await;
    world.aws.world().journal_mut().clear();
    world.apply(of("hub", SECRET, json!([{"account": DATA}]))).await;
    world.until_ready("hub").await;
    world.rest(8000).await;
    world.until_in_force([(SECRET, DATA)]).await;
    let counts = world.aws.world().journal().counts();
    for call in ["ListSecrets", "DescribeRepositories", "ListQueues", "GetQueueAttributes", "ListTopics"] {
        assert!(!counts.keys().any(|name| name.ends_with(call)), "{counts:?}");
    }
    assert!(counts.keys().any(|name| name.ends_with("ListKeys")));
    let region = world.all_stored("accountregions").remove(0);
    let names = region["status"]["mechanisms"].as_array().unwrap().iter().map(|m| m["name"].clone());
    assert!(!names.collect::<Vec<_>>().contains(&json!("resource_policy")));
    world.rests().await;
}

/// A Share of what is not there says so, and what is deleted under a Share is nobody's loss.
#[tokio::test(start_paused = true)]
async fn an_object_that_is_gone_is_said_and_holds_nothing_up() {
    for (object, ..) in OBJECTS {
        let mut world = World::with_objects(507).await;
        world.apply(of("hub", object, json!([{"account": DATA}]))).await;
        world.start();
        world.until_ready("hub").await;
        world.aws.world().delete_object(object);
        world.rest(1300).await;
        let said = world.all_stored("shares").remove(0);
        assert!(said.to_string().contains("ResourceUnknown"), "{object}: {said:#}");
        world.delete_share("hub").await;
        world.until_gone("hub").await;
        world.rests().await;
    }
}

/// SQS says the same of a queue that is gone and of one that may not be seen: without a listing nothing is taken for gone.
#[tokio::test(start_paused = true)]
async fn a_queue_is_gone_only_once_no_listing_has_it() {
    let mut world = World::with_objects(508).await;
    world.apply(of("hub", QUEUE, json!([{"account": DATA}]))).await;
    world.start();
    world.until_ready("hub").await;
    world.weather(|weather| {
        weather.faults.push(Fault::always("ListQueues", Moment::Before, Trouble::AccessDenied));
    });
    world.aws.world().delete_object(QUEUE);
    world.rest(1300).await;
    world.until_says("hub", "Ready", "Unknown", "AccessDenied").await;
    world.delete_share("hub").await;
    world.rest(1300).await;
    assert!(world.share("hub").await.is_some());
    world.weather(|weather| weather.faults.clear());
    world.rest(700).await;
    world.until_gone("hub").await;
}

/// What AWS refuses of somebody else's statement holds up nobody's revocation: only what lets somebody in.
#[tokio::test(start_paused = true)]
async fn an_open_statement_of_somebody_elses_holds_up_no_revocation() {
    let mut world = World::with_objects(509).await;
    world.apply(of("hub", SECRET, json!([{"account": DATA}, {"account": WEB}]))).await;
    world.start();
    world.until_ready("hub").await;
    let mut open: Value = serde_json::from_str(&policy_of(&world, SECRET).unwrap()).unwrap();
    open["Statement"]
        .as_array_mut()
        .unwrap()
        .push(json!({"Sid": "Theirs", "Effect": "Allow", "Principal": "*",
        "Action": "secretsmanager:DescribeSecret", "Resource": "*"}));
    world.put_policy(SECRET, Some(&open.to_string()));
    world.apply(of("hub", SECRET, json!([{"account": DATA}]))).await;
    world.until_ready("hub").await;
    assert!(!policy_of(&world, SECRET).unwrap().contains(WEB));
    // Nor that somebody has raised what ours allow.
    let raised = policy_of(&world, SECRET).unwrap().replacen(
        "[\"secretsmanager:Desc",
        "[\"secretsmanager:PutSecretValue\",\"secretsmanager:Desc",
        1,
    );
    assert!(raised.contains("PutSecretValue"), "{raised}");
    world.put_policy(SECRET, Some(&raised));
    world.rest(1300).await;
    assert!(!policy_of(&world, SECRET).unwrap().contains("PutSecretValue"));
    world.apply(of("hub", SECRET, json!([{"account": DATA}, {"account": WEB}]))).await;
    let said = world.until_says("hub", "Ready", "False", "PolicyInvalid").await;
    assert!(said.to_string().contains("PublicPolicyException"), "{said:#}");
    world.delete_share("hub").await;
    world.until_gone("hub").await;
    let left = policy_of(&world, SECRET).unwrap();
    assert!(left.contains("Theirs") && !left.contains("Sharekeeper"), "{left}");
}

/// A secret that is marked for deletion lets nobody in: its Share says that it is not there, and can go.
#[tokio::test(start_paused = true)]
async fn a_secret_that_is_to_be_deleted_holds_no_share() {
    let mut world = World::with_objects(510).await;
    world.apply(of("hub", SECRET, json!([{"account": DATA}]))).await;
    world.start();
    world.until_ready("hub").await;
    let caller = Caller::administrator(example::NETWORK_PROD, example::REGION);
    let marked =
        world.aws.world().call(&caller, "secretsmanager", "DeleteSecret", &json!({"SecretId": SECRET}));
    marked.unwrap();
    world.rest(1300).await;
    let said = world.all_stored("shares").remove(0);
    assert!(said.to_string().contains("ResourceUnknown"), "{said:#}");
    world.delete_share("hub").await;
    world.until_gone("hub").await;
    world.rests().await;
}

/// AWS takes a secret's ARN without the six characters at its end, too. Here one secret has one name.
#[tokio::test(start_paused = true)]
async fn a_secret_is_named_by_its_whole_arn() {
    let mut world = World::with_objects(511).await;
    let part = SECRET.rsplit_once('-').unwrap().0;
    world.apply(of("hub", part, json!([{"account": DATA}]))).await;
    world.start();
    let said = world.until_says("hub", "Ready", "False", "ResourceUnknown").await;
    assert!(said.to_string().contains("whole ARN"), "{said:#}");
    world.rest(4000).await;
    assert_eq!((policy_of(&world, SECRET), world.writes_to_objects()), (None, vec![]));
    world.delete_share("hub").await;
    world.until_gone("hub").await;
}

/// A replica has its primary's policy: it is neither shared by itself nor looked through.
#[tokio::test(start_paused = true)]
async fn a_replica_is_shared_in_its_primary_region() {
    let mut world = World::with_objects(512).await;
    world
        .apply(set(json!({"undeclared": {"action": "Delete", "gracePeriod": "0s", "objects": "All"}})))
        .await;
    let ours = statement_of_ours("network-team", "elsewhere");
    let replica = world.add_object(NewObject {
        kind: ObjectKind::Secret,
        name: "copy".into(),
        key: Some(KEY.into()),
        primary: Some("eu-central-1".into()),
        policy: Some(ours.clone()),
        ..NewObject::default()
    });
    world.start();
    world.rest(9000).await;
    assert!(world.all_stored("undeclaredshares").iter().all(|record| !record.to_string().contains(&replica)));
    world.apply(of("hub", &replica, json!([{"account": DATA}]))).await;
    let said = world.until_says("hub", "Ready", "False", "InvalidRequest").await;
    assert!(said.to_string().contains("a replica of a secret in eu-central-1"), "{said:#}");
    assert_eq!((policy_of(&world, &replica), world.writes_to_objects()), (Some(ours), vec![]));
}

fn statement_of_ours(namespace: &str, name: &str) -> String {
    let sid = format!("SharekeeperXtestX{}X{name}XA", namespace.replace('-', "H"));
    json!({"Version": "2012-10-17", "Statement": [{"Sid": sid, "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{DATA}:root")},
        "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"], "Resource": "*"}]})
    .to_string()
}

/// A Share of an object that cannot be read can be let go by the word of a person, and what it granted is on record.
#[tokio::test(start_paused = true)]
async fn a_share_of_what_cannot_be_read_can_be_abandoned() {
    let mut world = World::with_objects(513).await;
    world.apply(of("hub", QUEUE, json!([{"account": DATA}]))).await;
    world.start();
    world.until_ready("hub").await;
    world.weather(|weather| {
        weather.faults.push(Fault::always("GetQueueAttributes", Moment::Before, Trouble::AccessDenied));
    });
    world.rest(700).await;
    world.delete_share("hub").await;
    world.rest(1300).await;
    let uid = world.share("hub").await.unwrap().metadata.uid.unwrap();
    world.annotate("hub", "sharekeeper.dev/abandon", &uid).await;
    world.until_gone("hub").await;
    let records = world.all_stored("undeclaredshares");
    assert!(
        records.iter().any(|record| record["status"]["id"] == format!("{QUEUE}#test/network-team/hub")),
        "{records:?}"
    );
    assert!(policy_of(&world, QUEUE).is_some());
}

/// Statements and principals are counted where the service counts them.
#[tokio::test(start_paused = true)]
async fn a_queue_with_as_many_statements_as_it_takes_is_not_written() {
    let mut world = World::with_objects(514).await;
    let statement = |n: usize| json!({"Sid": format!("Theirs{n}"), "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sqs:GetQueueUrl", "Resource": QUEUE});
    let all: Vec<Value> = (0..20).map(statement).collect();
    world.put_policy(QUEUE, Some(&json!({"Version": "2012-10-17", "Statement": all}).to_string()));
    world.apply(of("hub", QUEUE, json!([{"account": DATA}]))).await;
    world.start();
    let said = world.until_says("hub", "Ready", "False", "QuotaExceeded").await;
    assert!(said.to_string().contains("21 statements, and 20 are the most"), "{said:#}");
    assert!(world.writes_to_objects().is_empty());
}

/// Roles of the owner's own account can use what the account's own key encrypts.
#[tokio::test(start_paused = true)]
async fn a_default_key_is_no_obstacle_inside_the_owners_account() {
    let mut world = World::with_objects(515).await;
    let secret = world.add_object(NewObject {
        kind: ObjectKind::Secret,
        name: "plain".into(),
        ..NewObject::default()
    });
    let roles = json!({"resourceTypes": ["secretsmanager:Secret"], "organizationalUnits": ["Root/Infrastructure"], "principals": ["role"]});
    world.apply(policy("roles", roles)).await;
    let role = format!("arn:aws:iam::{}:role/{}", example::NETWORK_PROD, example::ROLE);
    world.apply(of("hub", &secret, json!([{"role": role}]))).await;
    world.start();
    world.until_ready("hub").await;
    assert!(policy_of(&world, &secret).unwrap().contains(&role));
}
