//! KMS keys: what Shares grant by a key's own policy.

use serde_json::{Value, json};
use sharekeeper::api::Reason;
use simulator::aws::weather::{Fault, Lag, Moment, Trouble};

use crate::world::{DATA, KEY, KEY_POLICY, PARTNER, TGW, WEB, World, outside, policy, set, share};

fn key(name: &str, targets: Value) -> Value {
    share(name, json!({"resources": [{"arn": KEY}], "targets": targets}))
}

fn text(world: &World) -> String {
    world.aws.world().object_policy(KEY).unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_key_is_shared_beside_a_gateway_and_taken_back_without_a_trace() {
    let mut world = World::with_key(400).await;
    world.desire([(TGW, DATA), (KEY, DATA), (TGW, WEB), (KEY, WEB)]);
    let both = json!([{"arn": TGW}, {"arn": KEY}]);
    world
        .apply(share("hub", json!({"resources": both, "targets": [{"account": DATA}, {"account": WEB}]})))
        .await;
    world.start();
    let ready = world.until_ready("hub").await;
    world.until_in_force([(TGW, DATA), (KEY, DATA), (TGW, WEB), (KEY, WEB)]).await;
    let status = ready.status.unwrap();
    assert_eq!(status.counts.unwrap().resources.display, "2/2");
    let of_key = status.containers.iter().find(|c| c.mechanism == "key").unwrap();
    assert_eq!((of_key.id.as_deref(), of_key.side), (Some(KEY), None));
    assert_eq!(world.aws_writes().iter().filter(|w| *w == "PutKeyPolicy").count(), 1);
    world.rests().await;
    // One of them leaves, then the key, then the Share.
    world.apply(share("hub", json!({"resources": both, "targets": [{"account": DATA}]}))).await;
    world.until_in_force([(TGW, DATA), (KEY, DATA)]).await;
    world.until_ready("hub").await;
    world.apply(share("hub", json!({"targets": [{"account": DATA}]}))).await;
    world.until_in_force([(TGW, DATA)]).await;
    world.until_ready("hub").await;
    assert_eq!(text(&world), KEY_POLICY);
    let status = world.share("hub").await.unwrap().status.unwrap();
    assert!(status.containers.iter().all(|c| c.mechanism == "ram"), "{:?}", status.containers);
    world.apply(share("hub", json!({"resources": both, "targets": [{"account": DATA}]}))).await;
    world.until_in_force([(TGW, DATA), (KEY, DATA)]).await;
    world.until_ready("hub").await;
    world.delete_share("hub").await;
    world.until_gone("hub").await;
    assert_eq!(text(&world), KEY_POLICY);
    world.until_in_force([]).await;
    world.rests().await;
}

/// Two Shares of one key, written at once: neither loses the other's statements.
#[tokio::test(start_paused = true)]
async fn shares_of_one_key_do_not_lose_each_others_statements() {
    let mut world = World::with_key(401).await;
    let unit = world.unit("Root/Workloads/Prod");
    world.desire([(KEY, DATA), (KEY, WEB), (KEY, &unit)]);
    world.apply(key("one", json!([{"account": DATA}]))).await;
    world.apply(key("two", json!([{"account": WEB}]))).await;
    world.apply(key("three", json!([{"organizationalUnit": "Root/Workloads/Prod"}]))).await;
    // What AWS shows is long out of date.
    world.weather(|weather| weather.lags.policy = Lag::Fixed(30.0));
    world.start();
    for name in ["one", "two", "three"] {
        world.until_ready(name).await;
    }
    world.until_in_force([(KEY, DATA), (KEY, WEB), (KEY, &unit)]).await;
    world.delete_share("two").await;
    world.until_gone("two").await;
    world.until_in_force([(KEY, DATA), (KEY, &unit)]).await;
    for name in ["one", "three"] {
        world.delete_share(name).await;
        world.until_gone(name).await;
    }
    assert_eq!(text(&world), KEY_POLICY);
    world.rests().await;
}

/// Each edit of our statements by hand is told and put right, and what others wrote stays as they wrote it.
#[tokio::test(start_paused = true)]
async fn what_somebody_changes_in_our_statements_is_drift_and_his_own_is_his() {
    let mut world = World::with_key(402).await;
    world.desire([(KEY, DATA)]);
    world.apply(key("hub", json!([{"account": DATA}]))).await;
    world.start();
    world.until_ready("hub").await;
    let ours = text(&world);
    let his = r#"{"Sid": "Theirs", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:Sign", "Resource": "*"}"#;
    let data = "arn:aws:iam::222233334444:root";
    // what is put, the line of drift, and whether something of his is in it
    let table = [
        (KEY_POLICY.to_owned(), "statements (key/1234abcd-12ab-34cd-56ef-1234567890ab)", "deleted", false),
        (
            ours.replace("[\"kms:Decrypt\",", "[\"kms:*\","),
            "permission of kms:Key (key/1234abcd-12ab-34cd-56ef-1234567890ab)",
            "altered",
            false,
        ),
        (
            ours.replace(&format!("[\"{data}\"]"), &format!("[\"{data}\",\"{WEB}\"]")),
            "principal 222233335555 (key/1234abcd-12ab-34cd-56ef-1234567890ab)",
            "ASSOCIATED",
            false,
        ),
        (ours.replacen("\"Statement\" : [", &format!("\"Statement\" : [{his},"), 1), "", "", true),
    ];
    for (put, what, have, stays) in table {
        assert_ne!(put, ours, "{what}");
        world.told.take_events();
        world.put_policy(KEY, Some(&put));
        world.rest(1300).await;
        world.until_ready("hub").await;
        world.until_in_force([(KEY, DATA)]).await;
        assert_eq!(text(&world), if stays { put } else { ours.clone() }, "{what}");
        let status = world.share("hub").await.unwrap().status.unwrap();
        let lines =
            status.drift.iter().map(|line| (line.what.clone(), line.have.clone().unwrap_or_default()));
        let told = world.told.take_events().iter().filter(|e| e.reason == Reason::DriftCorrected).count();
        assert_eq!(told, usize::from(!what.is_empty()), "{what}");
        if !what.is_empty() {
            assert!(
                lines.clone().any(|line| line == (what.to_owned(), have.to_owned())),
                "{what}: {:?}",
                lines.collect::<Vec<_>>()
            );
        }
    }
    world.rests().await;
}

/// One key that cannot be read is unknown, said, and nothing else suffers: neither other keys nor RAM shares.
#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_read_is_unknown_and_loses_nothing() {
    let mut world = World::with_key(403).await;
    world.desire([(KEY, DATA), (TGW, DATA), (TGW, WEB)]);
    world.apply(key("hub", json!([{"account": DATA}]))).await;
    world.apply(share("gateway", json!({"targets": [{"account": DATA}]}))).await;
    world.start();
    world.until_ready("hub").await;
    world.weather(|weather| {
        weather.faults.push(Fault::always("GetKeyPolicy", Moment::Before, Trouble::AccessDenied));
    });
    world.rest(700).await;
    let status = world.share("hub").await.unwrap().status.unwrap();
    let entry = &status.resources[0];
    assert_eq!(format!("{:?}", entry.state), "Unknown");
    assert!(entry.message.as_ref().unwrap().contains("AccessDenied"), "{entry:?}");
    // Neither an edit of another Share nor the deletion of this one does anything to it.
    world.apply(share("gateway", json!({"targets": [{"account": DATA}, {"account": WEB}]}))).await;
    world.until_ready("gateway").await;
    world.delete_share("hub").await;
    world.rest(1400).await;
    world.until_in_force([(KEY, DATA), (TGW, DATA), (TGW, WEB)]).await;
    assert!(world.share("hub").await.is_some());
    world.weather(|weather| weather.faults.clear());
    world.rest(700).await;
    world.until_gone("hub").await;
    assert_eq!(text(&world), KEY_POLICY);
}

/// Whoever is outside has access until its end and not a moment longer; a refusal of AWS's is said in its words.
#[tokio::test(start_paused = true)]
async fn outside_has_an_end_and_a_role_that_is_not_there_is_said() {
    let mut world = World::with_key(404).await;
    world.desire([(KEY, PARTNER)]);
    let spec = json!({"resources": [{"arn": KEY}], "allowExternal": true, "targets": [outside("2026-11-25T01:00:00Z")]});
    world.apply(share("partner", spec)).await;
    world.start();
    let ready = world.until_ready("partner").await;
    let entry = ready.status.unwrap().principals[0].clone();
    assert_eq!((format!("{:?}", entry.state), entry.invitation), ("InForce".to_owned(), None));
    world.rest(3700).await;
    world.until_in_force([]).await;
    assert_eq!(text(&world), KEY_POLICY);
    let role = "arn:aws:iam::222233334444:role/nobody";
    let roles = json!({"resourceTypes": ["kms:Key"], "organizationalUnits": ["Root/Workloads"], "principals": ["role"]});
    world.apply(policy("roles", roles)).await;
    world.apply(key("roles", json!([{"role": role}]))).await;
    let said = world.until_says("roles", "Ready", "False", "PolicyInvalid").await;
    let message =
        said["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap();
    assert!(message["message"].as_str().unwrap().contains("MalformedPolicyDocument"), "{message}");
    assert_eq!(text(&world), KEY_POLICY);
    world.rests().await;
}

fn statement(sid: &str, who: &str) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Principal": {"AWS": who}, "Action": "kms:Decrypt", "Resource": "*"})
}

fn with_statements(statements: &[Value]) -> String {
    let mut policy: Value = serde_json::from_str(KEY_POLICY).unwrap();
    policy["Statement"].as_array_mut().unwrap().extend(statements.iter().cloned());
    policy.to_string()
}

fn record_of(world: &World, id: &str) -> Option<Value> {
    world.all_stored("undeclaredshares").into_iter().find(|record| record["status"]["id"] == id)
}

/// What other people let in by a key's policy is shown, outside first, and never touched, whatever the set says of what nobody
/// declared.
#[tokio::test(start_paused = true)]
async fn what_others_let_in_by_a_policy_is_shown_and_never_touched() {
    let mut world = World::with_key(405).await;
    world
        .apply(set(json!({"undeclared": {"action": "Delete", "gracePeriod": "0s", "objects": "All"}})))
        .await;
    let theirs = with_statements(&[
        statement("Partner", "arn:aws:iam::999988887777:root"),
        statement("Inside", "arn:aws:iam::222233334444:root"),
    ]);
    world.put_policy(KEY, Some(&theirs));
    world.start();
    let record = world
        .until("the record", || async {
            record_of(&world, KEY).filter(|r| !r["status"]["principals"].is_null())
        })
        .await;
    let status = &record["status"];
    assert_eq!((&status["why"], &status["phase"]), (&json!("Foreign"), &json!("Reported")));
    assert_eq!(status["mechanism"], "key");
    let outside: Vec<&Value> =
        status["principals"].as_array().unwrap().iter().filter(|p| p["external"] == true).collect();
    assert_eq!((outside.len(), &outside[0]["id"]), (1, &json!(PARTNER)));
    assert!(status["message"].as_str().unwrap().contains("statements that are not ours"), "{status}");
    world.rest(8000).await;
    assert_eq!(text(&world), theirs);
    // Once they are gone, so is the record.
    world.put_policy(KEY, Some(KEY_POLICY));
    world.rest(8000).await;
    assert_eq!(record_of(&world, KEY), None);
    world.rests().await;
}

/// Statements of a Share that is no more, on a key that no Share names: found by the look through all keys, and removed as the set
/// says; another installation's are not.
#[tokio::test(start_paused = true)]
async fn statements_of_a_share_that_is_gone_are_removed_and_anothers_are_not() {
    let mut world = World::with_key(406).await;
    world
        .apply(set(json!({"undeclared": {"action": "Delete", "gracePeriod": "0s"}, "budget": {"maxRemovals": 5, "maxPercent": 100}})))
        .await;
    world
        .apply(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "Installation", "metadata": {"name": "sharekeeper"},
            "spec": {"id": "test", "peers": ["other"]}}))
        .await;
    let ours = statement("SharekeeperXtestXnetworkHteamXformerXA", "arn:aws:iam::222233334444:root");
    let anothers = statement("SharekeeperXotherXnetworkHteamXhubXA", "arn:aws:iam::222233334444:root");
    world.put_policy(KEY, Some(&with_statements(&[ours, anothers.clone()])));
    // Something that is declared, or all would be undeclared, and held.
    world.apply(share("gateway", json!({"targets": [{"account": DATA}]}))).await;
    world.start();
    world.until_ready("gateway").await;
    world.rest(9000).await;
    let left: Value = serde_json::from_str(&text(&world)).unwrap();
    let sids: Vec<&Value> =
        left["Statement"].as_array().unwrap().iter().map(|statement| &statement["Sid"]).collect();
    assert_eq!(
        sids,
        ["Enable IAM User Permissions", "SharekeeperXotherXnetworkHteamXhubXA"],
        "{}",
        world.everything()
    );
    world.rests().await;
}

/// What a Share let go stays on record and ends all the same, although no Share names the key any more.
#[tokio::test(start_paused = true)]
async fn what_was_let_go_on_a_key_still_ends() {
    let mut world = World::with_key(407).await;
    let orphaning = json!({"resourceTypes": ["kms:Key"], "organizationalUnits": ["Root/Workloads"], "orphan": true,
        "external": {"accounts": [PARTNER], "maxDuration": "90d"}});
    world.apply(policy("orphan", orphaning)).await;
    let targets = json!([{"account": DATA}, outside("2026-11-25T03:00:00Z")]);
    let spec = json!({"resources": [{"arn": KEY}], "allowExternal": true, "deletionPolicy": "Orphan", "targets": targets});
    world.apply(share("vault", spec)).await;
    world.start();
    world.until_ready("vault").await;
    world.desire([(KEY, DATA), (KEY, PARTNER)]);
    world.delete_share("vault").await;
    world.until_gone("vault").await;
    let id = format!("{KEY}#test/network-team/vault");
    assert_eq!(record_of(&world, &id).unwrap()["status"]["why"], "Released");
    world.rest(7000).await;
    world.until_in_force([(KEY, DATA), (KEY, PARTNER)]).await;
    world.rest(6000).await;
    world.until_in_force([(KEY, DATA)]).await;
    assert!(record_of(&world, &id).is_some());
    world.rests().await;
}

/// More than reading needs a policy's word, and more or less of it is changed in place.
#[tokio::test(start_paused = true)]
async fn access_beyond_reading_is_allowed_by_a_policy_and_changed_in_place() {
    let mut world = World::with_key(408).await;
    let vault = |access: &str| {
        share("vault", json!({"resources": [{"arn": KEY}], "access": access, "targets": [{"account": DATA}]}))
    };
    let may = |world: &World| -> Vec<String> {
        let now = world.aws.now();
        let grants = world.aws.world().policy_grants(now);
        grants.into_iter().flat_map(|grant| grant.actions).collect()
    };
    world.apply(vault("ReadWrite")).await;
    world.start();
    let said = world.until_says("vault", "Ready", "False", "NotPermitted").await;
    assert!(said.to_string().contains("does not allow permission ReadWrite"), "{said:#}");
    assert_eq!(text(&world), KEY_POLICY);
    let allow = json!({"resourceTypes": ["kms:Key"], "organizationalUnits": ["Root/Workloads"], "access": ["ReadWrite"]});
    world.apply(policy("writers", allow)).await;
    world.until_ready("vault").await;
    assert!(may(&world).contains(&"Encrypt".to_owned()), "{:?}", may(&world));
    world.apply(vault("Read")).await;
    world.until_ready("vault").await;
    assert_eq!(may(&world), ["Decrypt", "DescribeKey"]);
    assert_eq!(world.aws_writes(), ["PutKeyPolicy", "PutKeyPolicy"]);
    world.rests().await;
}

/// Statements in the name of a Share that lives and neither declares the key nor has it on record are its own to take away: somebody
/// has put back a former policy, or the Share was made again.
#[tokio::test(start_paused = true)]
async fn what_bears_the_name_of_a_living_share_and_is_not_declared_goes() {
    let mut world = World::with_key(409).await;
    world.desire([(KEY, DATA), (TGW, DATA)]);
    let both = json!([{"arn": TGW}, {"arn": KEY}]);
    world.apply(share("hub", json!({"resources": both, "targets": [{"account": DATA}]}))).await;
    world.start();
    world.until_ready("hub").await;
    let former = text(&world);
    world.apply(share("hub", json!({"targets": [{"account": DATA}]}))).await;
    world.until_in_force([(TGW, DATA)]).await;
    world.until_ready("hub").await;
    world.put_policy(KEY, Some(&former));
    world.rest(9000).await;
    world.until_in_force([(TGW, DATA)]).await;
    assert_eq!(text(&world), KEY_POLICY);
    world.until_ready("hub").await;
    world.rests().await;
}

/// What a process has put in right before it died is taken out, however old the answers are that the next one gets; the Share is
/// not let go before.
#[tokio::test(start_paused = true)]
async fn what_was_put_in_right_before_a_crash_is_taken_out_under_old_answers() {
    let mut world = World::with_key(410).await;
    world.desire([(KEY, DATA)]);
    world.weather(|weather| weather.lags.policy = Lag::Fixed(300.0));
    world.apply(key("vault", json!([{"account": DATA}]))).await;
    world.start();
    world.until_in_force([(KEY, DATA)]).await;
    world.stop();
    world.delete_share("vault").await;
    world.start();
    world.rest(2400).await;
    world.until_in_force([]).await;
    assert_eq!(text(&world), KEY_POLICY);
    world.until_gone("vault").await;
    world.rests().await;
}

/// A Share that lets its grants stay is not let go while its key cannot be read: they would be on record nowhere.
#[tokio::test(start_paused = true)]
async fn nothing_is_let_go_unread() {
    let mut world = World::with_key(411).await;
    let orphaning =
        json!({"resourceTypes": ["kms:Key"], "organizationalUnits": ["Root/Workloads"], "orphan": true});
    world.apply(policy("orphan", orphaning)).await;
    let spec =
        json!({"resources": [{"arn": KEY}], "deletionPolicy": "Orphan", "targets": [{"account": DATA}]});
    world.apply(share("vault", spec)).await;
    world.start();
    world.until_ready("vault").await;
    world.weather(|weather| {
        weather.faults.push(Fault::always("GetKeyPolicy", Moment::Before, Trouble::AccessDenied));
    });
    world.rest(700).await;
    world.delete_share("vault").await;
    world.rest(700).await;
    let said = world.until_says("vault", "Ready", "Unknown", "AccessDenied").await;
    assert!(said.to_string().contains("GetKeyPolicy"), "{said:#}");
    world.weather(|weather| weather.faults.clear());
    world.rest(700).await;
    world.until_gone("vault").await;
    assert!(record_of(&world, &format!("{KEY}#test/network-team/vault")).is_some());
}

/// A role that was deleted leaves its unique id in the policy: that is no other access for those who are left, and goes with the
/// Share.
#[tokio::test(start_paused = true)]
async fn a_deleted_role_leaves_nothing_behind() {
    let mut world = World::with_key(412).await;
    world.desire([(KEY, DATA)]);
    world.apply(key("vault", json!([{"account": DATA}]))).await;
    world.start();
    world.until_ready("vault").await;
    let data = "\"arn:aws:iam::222233334444:root\"";
    let with_ghost = text(&world).replace(data, &format!("{data},\"AROAJQABLZS4A3QDU576Q\""));
    assert_ne!(with_ghost, text(&world));
    world.act(simulator::aws::action::Action::AddKey {
        key: simulator::aws::kms::NewKey {
            account: "111122223333".into(),
            region: "eu-west-1".into(),
            id: KEY.rsplit('/').next().map(str::to_owned),
            policy: Some(with_ghost),
            ..simulator::aws::kms::NewKey::default()
        },
    });
    world.told.take_events();
    world.rest(1300).await;
    world.until_ready("vault").await;
    assert!(world.told.take_events().iter().all(|event| event.reason != Reason::DriftCorrected));
    world.delete_share("vault").await;
    world.until_gone("vault").await;
    assert_eq!(text(&world), KEY_POLICY);
}
