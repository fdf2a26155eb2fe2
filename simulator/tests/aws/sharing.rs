//! A share's life, seen by its owner.

use crate::bench::{CONSUMER, OWNER, RULE, net, ram, wait};
use aws_sdk_ram::types::{ResourceOwner, ResourceShareAssociationType as Kind};

#[tokio::test(start_paused = true)]
async fn a_share_is_made_seen_and_used() {
    let net = net();
    let owner = ram(&net, OWNER);
    let made = owner
        .create_resource_share()
        .name("rules")
        .resource_arns(RULE)
        .principals(CONSUMER)
        .allow_external_principals(false)
        .send()
        .await
        .expect("created");
    let arn = made.resource_share().and_then(|share| share.resource_share_arn()).expect("an ARN").to_owned();
    wait(1.0).await;
    let rows = owner
        .get_resource_share_associations()
        .association_type(Kind::Principal)
        .resource_share_arns(&arn)
        .send()
        .await
        .expect("rows");
    let rows = rows.resource_share_associations();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].status().map(|status| status.as_str()), Some("ASSOCIATED"));
    let seen = ram(&net, CONSUMER)
        .get_resource_shares()
        .resource_owner(ResourceOwner::OtherAccounts)
        .send()
        .await
        .expect("shares");
    assert_eq!(seen.resource_shares()[0].resource_share_arn(), Some(arn.as_str()));
}
