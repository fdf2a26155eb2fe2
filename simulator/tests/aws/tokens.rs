//! Client tokens (ram.md facts 6 and section 1.2).

use aws_sdk_ram::config::retry::RetryConfig;
use aws_sdk_ram::types::{ResourceOwner, ResourceShareAssociationType as Kind};
use simulator::aws::Net;
use simulator::aws::weather::{Fault, Moment, Trouble};

use crate::bench::{CONSUMER, OWNER, RULE, code, net, pair, ram, rows, share, wait, weather, wish};

async fn named(net: &Net, name: &str) -> usize {
    let answer = ram(net, OWNER)
        .get_resource_shares()
        .resource_owner(ResourceOwner::SelfValue)
        .name(name)
        .send()
        .await;
    answer.expect("shares").resource_shares().len()
}

#[tokio::test(start_paused = true)]
async fn an_old_token_replays_its_old_answer() {
    let net = net();
    let owner = ram(&net, OWNER);
    let create = |name: &str| wish(&owner, name, &[RULE], &[]).client_token("token").send();
    let first = create("rules")
        .await
        .expect("created")
        .resource_share
        .and_then(|share| share.resource_share_arn)
        .expect("an ARN");
    owner.delete_resource_share().resource_share_arn(&first).send().await.expect("deleted");
    wait(3.0 * 3600.0).await;
    assert_eq!(named(&net, "rules").await, 0);
    let replayed = create("rules").await.expect("answered").resource_share.expect("a share");
    assert_eq!(
        (replayed.resource_share_arn.as_deref(), replayed.status.map(|status| status.to_string())),
        (Some(first.as_str()), Some("ACTIVE".to_owned()))
    );
    assert_eq!(named(&net, "rules").await, 0, "an answer without effect");
    assert_eq!(code(create("other").await), "IdempotentParameterMismatchException");
    let elsewhere = crate::bench::ram_as(&net, crate::bench::key(CONSUMER), "eu-west-1");
    assert_eq!(
        code(wish(&elsewhere, "theirs", &[], &[]).client_token("token").send().await),
        "ok",
        "tokens are per account"
    );
    wait(24.0 * 3600.0).await;
    let second = create("rules")
        .await
        .expect("created")
        .resource_share
        .and_then(|share| share.resource_share_arn)
        .expect("an ARN");
    assert_ne!(first, second, "the token has expired");
    let effects: Vec<bool> = net
        .world()
        .journal()
        .writes()
        .filter(|entry| entry.operation == "CreateResourceShare" && entry.account == OWNER)
        .map(|entry| entry.effect)
        .collect();
    assert_eq!(effects, [true, false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn tokens_bind_the_operation_and_its_parameters() {
    let net = net();
    let owner = ram(&net, OWNER);
    let arn = share(&owner, "rules", &[RULE], &[]).await;
    let associate = |principal: &str| {
        owner
            .associate_resource_share()
            .resource_share_arn(&arn)
            .principals(principal)
            .client_token("a")
            .send()
    };
    associate(CONSUMER).await.expect("associated");
    wait(1.0).await;
    assert_eq!(code(associate("222233335555").await), "IdempotentParameterMismatchException");
    let disassociate = owner
        .disassociate_resource_share()
        .resource_share_arn(&arn)
        .principals(CONSUMER)
        .client_token("a")
        .send()
        .await;
    assert_eq!(code(disassociate), "IdempotentParameterMismatchException");
    owner
        .disassociate_resource_share()
        .resource_share_arn(&arn)
        .principals(CONSUMER)
        .client_token("b")
        .send()
        .await
        .expect("removed");
    wait(1.0).await;
    associate(CONSUMER).await.expect("replayed");
    wait(1.0).await;
    assert_eq!(
        rows(&owner, &arn, Kind::Principal).await,
        [pair(CONSUMER, "DISASSOCIATED")],
        "the replay associates nothing"
    );
    assert_eq!(code(associate(&"9".repeat(13)).await), "IdempotentParameterMismatchException");
    let refused =
        owner.delete_resource_share().resource_share_arn(&arn).client_token("x".repeat(200)).send().await;
    assert_eq!(code(refused), "InvalidClientTokenException");
}

/// The SDK repeats a create whose answer was lost: with a token the same share, without one a second.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_two_shares_only_without_a_token() {
    for (token, shares) in [(None, 2), (Some("token".to_owned()), 1)] {
        let net = net();
        weather(&net, |weather| {
            weather.faults.push(Fault::once("CreateResourceShare", Moment::After, Trouble::Disconnect));
        });
        let config = ram(&net, OWNER).config().to_builder().retry_config(RetryConfig::standard()).build();
        let owner = aws_sdk_ram::Client::from_conf(config);
        wish(&owner, "lost", &[RULE], &[]).set_client_token(token).send().await.expect("created in the end");
        assert_eq!(named(&net, "lost").await, shares);
    }
}
