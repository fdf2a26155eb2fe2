//! What all policies have in common.

use std::collections::BTreeSet;

use serde_json::json;

use super::bench::{Bench, EPOCH, but, document, new, role};
use super::{NewObject, ObjectKind, splice};
use crate::aws::action::Action;
use crate::aws::example::{self, DATA_PROD, NETWORK_PROD, PARTNER, REGION, ROLE};
use crate::aws::kms::NewKey;
use crate::aws::weather::{Lag, Lags};
use crate::aws::{PolicyRead, World};

#[test]
fn principals_are_found_where_they_stand() {
    let text = r#"{"Id":"\"Principal\": {","Statement":[{"Principal":"*","Sid":"a"},{"NotPrincipal" : {"AWS":["x","y"],
        "Service":"s"},"Condition":{"StringLike":{"aws:PrincipalArn":"x"}},"Action":"x"}]}"#;
    let found: Vec<String> = splice::principals(text).into_iter().map(|(_, name)| name).collect();
    assert_eq!(found, ["*", "x", "y", "s"]);
}

/// One object of each kind, and a key; all let the same role in.
fn world_of_five() -> (World, Vec<String>) {
    let mut world = example::organization(7, EPOCH);
    let policy = |action: &str, resource: Option<&str>| {
        let statement = json!({"Effect": "Allow", "Principal": {"AWS": role(DATA_PROD)}, "Action": action});
        Some(document(&json!([but(&statement, "Resource", json!(resource))])))
    };
    let mut arns: Vec<String> = [
        (ObjectKind::Secret, "db", policy("secretsmanager:GetSecretValue", Some("*"))),
        (ObjectKind::Repository, "app", policy("ecr:BatchGetImage", None)),
        (
            ObjectKind::Queue,
            "jobs",
            policy("sqs:SendMessage", Some("arn:aws:sqs:eu-west-1:111122223333:jobs")),
        ),
        (
            ObjectKind::Topic,
            "alerts",
            policy("sns:Publish", Some("arn:aws:sns:eu-west-1:111122223333:alerts")),
        ),
    ]
    .into_iter()
    .map(|(kind, name, policy)| world.add_object(NewObject { policy, ..new(kind, name) }))
    .collect();
    arns.push(world.add_key(NewKey {
        account: NETWORK_PROD.into(),
        region: REGION.into(),
        policy: policy("kms:Decrypt", Some("*")),
        ..NewKey::default()
    }));
    (world, arns)
}

#[test]
fn facts_are_of_all_kinds_and_go_with_the_object_or_the_role() {
    let (mut world, arns) = world_of_five();
    let facts = world.policy_grants(EPOCH);
    let actions: BTreeSet<(&str, &str)> =
        facts.iter().map(|fact| (fact.object.as_str(), fact.actions.first().unwrap().as_str())).collect();
    let [secret, repository, queue, topic, key] = arns.as_slice() else { panic!("five") };
    let expected: [(&str, &str); 5] = [
        (secret, "GetSecretValue"),
        (repository, "BatchGetImage"),
        (queue, "SendMessage"),
        (topic, "Publish"),
        (key, "Decrypt"),
    ];
    assert_eq!(actions, BTreeSet::from(expected));
    for fact in &facts {
        assert_eq!((fact.principal.as_str(), fact.owner.as_str()), (role(DATA_PROD).as_str(), NETWORK_PROD));
        assert_eq!(world.policy_reach(EPOCH, &fact.object), BTreeSet::from([DATA_PROD.to_owned()]));
    }
    world.act(Action::DeleteObject { object: queue.clone() }).unwrap();
    assert_eq!((world.policy_grants(EPOCH).len(), world.object_policy(queue)), (4, None));
    assert!(world.policy_reach(EPOCH, queue).is_empty());

    let before: Vec<String> =
        [secret, repository, topic, key].map(|arn| world.object_policy(arn).unwrap().to_owned()).into();
    world.act(Action::DeleteRole { account: DATA_PROD.into(), name: ROLE.into() }).unwrap();
    let ids: BTreeSet<String> = [secret, repository, topic, key]
        .into_iter()
        .zip(before)
        .map(|(arn, before)| {
            let after = world.object_policy(arn).unwrap();
            let id = after.split('"').find(|text| text.starts_with("AROA")).unwrap();
            assert_eq!(after, before.replace(&role(DATA_PROD), id), "the rest keeps its bytes [X]");
            id.to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 1, "a role has one id");
    assert_eq!(world.policy_grants(EPOCH), BTreeSet::new());
}

/// A recorded world must stay the world it was.
#[test]
fn nothing_is_drawn_where_there_is_nothing_to_draw_for() {
    let after = |act: &dyn Fn(&mut World)| {
        let mut world = example::organization(7, EPOCH);
        act(&mut world);
        world.rng.bits()
    };
    let untouched = after(&|_| {});
    let add = |new: NewObject| move |world: &mut World| drop(world.add_object(new.clone()));
    let named = NewObject { suffix: Some("a1B2c3".into()), ..new(ObjectKind::Secret, "db") };
    assert_eq!(after(&add(new(ObjectKind::Queue, "jobs"))), untouched);
    assert_eq!(after(&add(new(ObjectKind::Topic, "alerts"))), untouched);
    assert_eq!(after(&add(new(ObjectKind::Repository, "app"))), untouched);
    assert_eq!(after(&add(named)), untouched);
    assert_ne!(after(&add(new(ObjectKind::Secret, "db"))), untouched, "six characters");
    let gone = |world: &mut World| world.delete_role(DATA_PROD, ROLE);
    assert_eq!(after(&gone), untouched, "no policy names the role");
}

#[test]
fn objects_are_made_as_acts_say_and_named_as_services_name_them() {
    let mut world = example::organization(7, EPOCH);
    let at = json!({"account": NETWORK_PROD, "region": REGION, "name": "db/main"});
    let cases = [
        (json!({"suffix": "a1B2c3"}), "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db/main-a1B2c3"),
        (json!({"kind": "repository"}), "arn:aws:ecr:eu-west-1:111122223333:repository/db/main"),
        (json!({"kind": "queue", "name": "jobs"}), "arn:aws:sqs:eu-west-1:111122223333:jobs"),
        (
            json!({"kind": "queue", "name": "jobs", "region": "cn-north-1"}),
            "arn:aws-cn:sqs:cn-north-1:111122223333:jobs",
        ),
        (json!({"kind": "topic", "name": "alerts.fifo"}), "arn:aws:sns:eu-west-1:111122223333:alerts.fifo"),
    ];
    for (change, arn) in cases {
        let mut object = at.clone();
        object.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let act: Action = serde_json::from_value(json!({"addObject": {"object": object}})).unwrap();
        assert_eq!(world.act(act).unwrap()["object"], arn);
        let has_default = change["kind"] == "topic";
        assert_eq!(world.object_policy(arn).is_some(), has_default, "a topic always has one [C]");
    }
    let drawn = world.add_object(new(ObjectKind::Secret, "db"));
    let suffix = drawn.strip_prefix("arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-").unwrap();
    assert!(suffix.len() == 6 && suffix.chars().all(char::is_alphanumeric), "{drawn}");
}

#[test]
fn plans_of_former_days_are_read() {
    let lags: Lags = serde_json::from_value(json!({"keyPolicy": {"fixed": 20.0}})).unwrap();
    assert_eq!(lags.policy, Lag::Fixed(20.0));
    assert_eq!(json!(lags)["policy"], json!({"fixed": 20.0}));
}

#[test]
fn any_kind_may_be_read_written_anew() {
    for kind in [ObjectKind::Secret, ObjectKind::Repository, ObjectKind::Queue, ObjectKind::Topic] {
        let mut bench = Bench::new(kind);
        bench.has(&json!([{"Principal": {"AWS": [DATA_PROD, PARTNER, NETWORK_PROD]}}]));
        bench.world.settings.policy_read = PolicyRead::Rewritten;
        let reads: BTreeSet<String> = (0..40).filter_map(|_| bench.get()).collect();
        assert!(reads.len() > 3, "{kind:?}: {reads:?}");
    }
}
