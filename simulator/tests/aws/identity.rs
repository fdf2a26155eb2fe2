//! Who calls: keys, roles, sessions (STS).

use std::collections::BTreeSet;

use aws_credential_types::Credentials;
use aws_sdk_ram::types::ResourceOwner;
use simulator::aws::example::{EXTERNAL_ID, MANAGEMENT, ROLE, TOOLING};
use simulator::aws::journal::KeyKind;
use simulator::aws::organizations::AccountState;
use simulator::aws::sts::Role;
use simulator::aws::{Net, ram as simulated};

use crate::bench::{CONSUMER, OWNER, REGION, code, key, net, ram, ram_as, sts_as, wait, wish};

fn role(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/{ROLE}")
}

async fn session(net: &Net, seconds: i32) -> Credentials {
    let call =
        sts_as(net, key(TOOLING), "us-east-1").assume_role().role_arn(role(OWNER)).external_id(EXTERNAL_ID);
    let answer = call
        .role_session_name("sharekeeper-network")
        .duration_seconds(seconds)
        .send()
        .await
        .expect("assumed");
    let keys = answer.credentials.expect("credentials");
    Credentials::new(keys.access_key_id, keys.secret_access_key, Some(keys.session_token), None, "test")
}

#[tokio::test(start_paused = true)]
async fn trust_and_external_id_decide() {
    let net = net();
    net.world().set_account_state("444400002222", AccountState::Suspended).expect("known");
    // (caller, role, external id, session name, error code or "ok")
    let cases = [
        (MANAGEMENT, role(OWNER), Some(EXTERNAL_ID), "a-session", "ok"),
        (TOOLING, role(OWNER), Some(EXTERNAL_ID), "a-session", "ok"),
        (TOOLING, role(OWNER), None, "a-session", "AccessDenied"),
        (TOOLING, role(OWNER), Some("wrong"), "a-session", "AccessDenied"),
        (CONSUMER, role(OWNER), Some(EXTERNAL_ID), "a-session", "AccessDenied"),
        (TOOLING, format!("arn:aws:iam::{OWNER}:role/none"), Some(EXTERNAL_ID), "a-session", "AccessDenied"),
        (TOOLING, role("444400002222"), Some(EXTERNAL_ID), "a-session", "AccessDenied"),
        (TOOLING, role(OWNER), Some(EXTERNAL_ID), "not allowed!", "ValidationError"),
        (TOOLING, "sharekeeper".to_owned(), Some(EXTERNAL_ID), "a-session", "ValidationError"),
    ];
    for (caller, role, external_id, name, expected) in cases {
        let call =
            sts_as(&net, key(caller), "us-east-1").assume_role().role_arn(&role).role_session_name(name);
        let answer = call.set_external_id(external_id.map(ToOwned::to_owned)).send().await;
        assert_eq!(code(answer), expected, "{caller} {role} {external_id:?} {name}");
    }
    for (seconds, expected) in
        [(899, "ValidationError"), (900, "ok"), (3600, "ok"), (3601, "ValidationError")]
    {
        let call = sts_as(&net, key(TOOLING), "us-east-1")
            .assume_role()
            .role_arn(role(OWNER))
            .external_id(EXTERNAL_ID);
        assert_eq!(
            code(call.role_session_name("a-session").duration_seconds(seconds).send().await),
            expected,
            "{seconds}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_an_account_a_role_and_a_name() {
    let net = net();
    let keys = session(&net, 900).await;
    let identity =
        sts_as(&net, keys.clone(), "us-east-1").get_caller_identity().send().await.expect("identity");
    assert_eq!(identity.account(), Some(OWNER));
    assert_eq!(
        identity.arn(),
        Some("arn:aws:sts::111122223333:assumed-role/sharekeeper/sharekeeper-network")
    );
    let client = ram_as(&net, keys.clone(), REGION);
    wish(&client, "rules", &[], &[]).send().await.expect("created");
    let entry = net.world().journal().entries().last().cloned().expect("an entry");
    assert_eq!(
        (entry.account.as_str(), entry.session.as_deref(), entry.key),
        (OWNER, Some("sharekeeper-network"), KeyKind::Session)
    );
    assert_eq!(entry.params["name"], "rules");
    wait(901.0).await;
    let read = || client.get_resource_shares().resource_owner(ResourceOwner::SelfValue).send();
    assert_eq!(code(read().await), "ExpiredTokenException");
    assert_eq!(code(sts_as(&net, keys, "us-east-1").get_caller_identity().send().await), "ExpiredToken");
}

#[tokio::test(start_paused = true)]
async fn a_role_may_trust_one_role_alone() {
    let net = net();
    let controller = format!("arn:aws:iam::{TOOLING}:role/controller");
    let trusting =
        Role { trusted: BTreeSet::from([controller.clone()]), longest_session: 43_200, ..Role::default() };
    net.world().put_role(OWNER, "narrow", trusting);
    let assume = |keys: Credentials, role: String, seconds: i32| {
        let call = sts_as(&net, keys, "us-east-1").assume_role().role_arn(role).role_session_name("chain");
        call.duration_seconds(seconds).send()
    };
    let narrow = format!("arn:aws:iam::{OWNER}:role/narrow");
    assert_eq!(code(assume(key(TOOLING), narrow.clone(), 900).await), "AccessDenied");
    let first =
        assume(key(TOOLING), controller, 900).await.expect("assumed").credentials.expect("credentials");
    let first = Credentials::new(
        first.access_key_id,
        first.secret_access_key,
        Some(first.session_token),
        None,
        "test",
    );
    assert_eq!(code(assume(first.clone(), narrow.clone(), 3600).await), "ok");
    assert_eq!(
        code(assume(first, narrow, 3601).await),
        "ValidationError",
        "a chained session lasts an hour at most"
    );
}

#[tokio::test(start_paused = true)]
async fn unknown_keys_and_missing_tokens_are_refused() {
    let net = net();
    let keys = session(&net, 900).await;
    let without_token = Credentials::new(keys.access_key_id(), keys.secret_access_key(), None, None, "test");
    for keys in
        [key("000000000000"), Credentials::new("ASIANOSUCHKEY", "x", None, None, "test"), without_token]
    {
        let answer = ram_as(&net, keys.clone(), REGION).list_permissions().send().await;
        assert_eq!(code(answer), "UnrecognizedClientException");
        assert_eq!(
            code(sts_as(&net, keys, "us-east-1").get_caller_identity().send().await),
            "InvalidClientTokenId"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_may_do_what_its_policy_lists() {
    let net = net();
    let actions = BTreeSet::from(["ram:GetResourceShares".to_owned()]);
    let restricted = Role {
        trusted: BTreeSet::from([TOOLING.to_owned()]),
        external_id: Some(EXTERNAL_ID.to_owned()),
        actions: Some(actions),
        longest_session: 0,
    };
    net.world().put_role(OWNER, ROLE, restricted);
    let client = ram_as(&net, session(&net, 900).await, REGION);
    assert_eq!(
        code(client.get_resource_shares().resource_owner(ResourceOwner::SelfValue).send().await),
        "ok"
    );
    assert_eq!(code(wish(&client, "rules", &[], &[]).send().await), "AccessDeniedException");
}

#[tokio::test(start_paused = true)]
async fn policies_of_the_organization_deny_external_shares() {
    let net = net();
    net.world().deny_external(OWNER, true).expect("known");
    let owner = ram(&net, OWNER);
    assert_eq!(
        code(wish(&owner, "rules", &[], &[]).send().await),
        "AccessDeniedException",
        "T40: the default is true"
    );
    assert_eq!(code(wish(&owner, "rules", &[], &[]).allow_external_principals(false).send().await), "ok");
    net.world().set_region(OWNER, "ap-east-1", false).expect("known");
    let elsewhere = ram_as(&net, key(OWNER), "ap-east-1").list_permissions().send().await;
    assert_eq!(code(elsewhere), "UnrecognizedClientException", "a region that is switched off");
}

#[test]
fn every_operation_of_the_model_is_there_once() {
    let names: BTreeSet<&str> = simulated::OPERATIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), 35);
}
