//! A share's life, seen by its owner (ram.md sections 1, 2.1, 2.2, 2.4 and 5).

use aws_sdk_ram::types::{ResourceOwner, ResourceShareAssociationType as Kind, Tag, TagFilter};
use simulator::aws::weather::Lag;
use simulator::aws::{Blocks, UnknownArn};

use crate::bench::{
    CONSUMER, OWNER, PREFIX_LIST, REGION, RULE, SUBNET, TRANSIT_GATEWAY, code, key, net, offered, pair, ram,
    ram_as, rows, share, slow, wait, weather, wish,
};

const WEB_PROD: &str = "222233335555";

async fn status(client: &aws_sdk_ram::Client, arn: &str) -> String {
    let answer = client
        .get_resource_shares()
        .resource_owner(ResourceOwner::SelfValue)
        .resource_share_arns(arn)
        .send()
        .await;
    match answer {
        Ok(answer) => {
            answer.resource_shares()[0].status().map(|status| status.as_str().to_owned()).unwrap_or_default()
        }
        error => code(error),
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_passes_through_its_states() {
    let net = net();
    weather(&net, |weather| {
        slow(weather, 60.0);
        weather.lags.share_activation = Lag::Fixed(10.0);
    });
    let owner = ram(&net, OWNER);
    let arn = share(&owner, "rules", &[RULE], &[CONSUMER]).await;
    assert_eq!(status(&owner, &arn).await, "PENDING");
    wait(11.0).await;
    assert_eq!(status(&owner, &arn).await, "ACTIVE");
    assert_eq!(rows(&owner, &arn, Kind::Principal).await, [pair(CONSUMER, "ASSOCIATING")]);
    assert!(offered(&ram(&net, CONSUMER)).await.is_empty(), "not in force before it is associated");
    wait(60.0).await;
    assert_eq!(rows(&owner, &arn, Kind::Resource).await, [pair(RULE, "ASSOCIATED")]);
    assert_eq!(offered(&ram(&net, CONSUMER)).await, ["rules"]);

    owner.delete_resource_share().resource_share_arn(&arn).send().await.expect("deleted");
    assert_eq!(status(&owner, &arn).await, "DELETING");
    assert_eq!(
        code(owner.update_resource_share().resource_share_arn(&arn).name("x").send().await),
        "InvalidStateTransitionException"
    );
    wait(61.0).await;
    assert_eq!(status(&owner, &arn).await, "DELETED", "T01: a tombstone is listed");
    assert_eq!(rows(&owner, &arn, Kind::Principal).await, [pair(CONSUMER, "DISASSOCIATED")]);
    assert_eq!(
        code(owner.associate_resource_share().resource_share_arn(&arn).principals(CONSUMER).send().await),
        "UnknownResourceException"
    );
    wait(2.0 * 3600.0).await;
    assert_eq!(status(&owner, &arn).await, "UnknownResourceException");
}

#[tokio::test(start_paused = true)]
async fn a_removed_principal_leaves_a_ghost_beside_its_new_row() {
    let net = net();
    let owner = ram(&net, OWNER);
    let arn = share(&owner, "rules", &[RULE], &[CONSUMER]).await;
    weather(&net, |weather| slow(weather, 30.0));
    let gone = owner
        .disassociate_resource_share()
        .resource_share_arn(&arn)
        .principals(CONSUMER)
        .send()
        .await
        .expect("removed");
    assert_eq!(
        gone.resource_share_associations()[0]
            .status()
            .map(aws_sdk_ram::types::ResourceShareAssociationStatus::as_str),
        Some("DISASSOCIATING")
    );
    let again = || owner.associate_resource_share().resource_share_arn(&arn).principals(CONSUMER).send();
    assert_eq!(code(again().await), "InvalidStateTransitionException", "still on its way out");
    wait(31.0).await;
    assert_eq!(rows(&owner, &arn, Kind::Principal).await, [pair(CONSUMER, "DISASSOCIATED")], "T02");
    again().await.expect("associated again");
    wait(31.0).await;
    let both = [pair(CONSUMER, "DISASSOCIATED"), pair(CONSUMER, "ASSOCIATED")];
    assert_eq!(rows(&owner, &arn, Kind::Principal).await, both);
    wait(24.0 * 3600.0).await;
    assert_eq!(rows(&owner, &arn, Kind::Principal).await, [pair(CONSUMER, "ASSOCIATED")]);

    net.world().settings.ghost_beside_live = false;
    owner
        .disassociate_resource_share()
        .resource_share_arn(&arn)
        .principals(CONSUMER)
        .send()
        .await
        .expect("removed");
    wait(31.0).await;
    again().await.expect("associated again");
    assert_eq!(rows(&owner, &arn, Kind::Principal).await, [pair(CONSUMER, "ASSOCIATING")]);
}

#[tokio::test(start_paused = true)]
async fn an_association_in_flight_holds_up_removals() {
    for (blocks, other) in [(Blocks::Share, "InvalidStateTransitionException"), (Blocks::Entity, "ok")] {
        let net = net();
        net.world().settings.associating_blocks = blocks;
        let owner = ram(&net, OWNER);
        let arn = share(&owner, "rules", &[RULE], &[CONSUMER]).await;
        weather(&net, |weather| slow(weather, 60.0));
        owner
            .associate_resource_share()
            .resource_share_arn(&arn)
            .principals(WEB_PROD)
            .send()
            .await
            .expect("associated");
        let remove = |principal: &str| {
            owner.disassociate_resource_share().resource_share_arn(&arn).principals(principal).send()
        };
        assert_eq!(code(remove(WEB_PROD).await), "InvalidStateTransitionException", "T09");
        assert_eq!(code(remove(CONSUMER).await), other);
    }
}

#[tokio::test(start_paused = true)]
async fn resources_are_checked_before_anything_changes() {
    let foreign = "arn:aws:ec2:eu-west-1:222233334444:transit-gateway/tgw-1";
    let elsewhere = "arn:aws:ec2:us-east-1:111122223333:transit-gateway/tgw-1";
    let unknown = "arn:aws:ec2:eu-west-1:111122223333:transit-gateway/tgw-none";
    let global = "arn:aws:networkmanager::111122223333:core-network/core-network-1";
    let cases = [
        ("tgw-1", "MalformedArnException"),
        (foreign, "OperationNotPermittedException"),
        (elsewhere, "InvalidParameterException"),
        (unknown, "UnknownResourceException"),
        (global, "InvalidParameterException"),
        ("arn:aws:ec2:eu-west-1:111122223333:volume/vol-1", "InvalidParameterException"),
    ];
    let net = net();
    let owner = ram(&net, OWNER);
    let before = owner
        .get_resource_shares()
        .resource_owner(ResourceOwner::SelfValue)
        .send()
        .await
        .expect("shares")
        .resource_shares()
        .len();
    for (arn, expected) in cases {
        assert_eq!(code(wish(&owner, "bad", &[RULE, arn], &[CONSUMER]).send().await), expected, "{arn}");
    }
    let after = owner
        .get_resource_shares()
        .resource_owner(ResourceOwner::SelfValue)
        .send()
        .await
        .expect("shares")
        .resource_shares()
        .len();
    assert_eq!(before, after);

    net.world().add_resource(global);
    let home = ram_as(&net, key(OWNER), "us-east-1");
    assert_eq!(
        code(wish(&home, "core", &[global], &[CONSUMER]).send().await),
        "ok",
        "T42: global types live in us-east-1"
    );
    assert!(offered(&ram(&net, CONSUMER)).await.is_empty(), "regions are apart");
    assert_eq!(offered(&ram_as(&net, key(CONSUMER), "us-east-1")).await, ["core"]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_resource_may_end_failed_instead() {
    let unknown = "arn:aws:ec2:eu-west-1:111122223333:transit-gateway/tgw-none";
    let net = net();
    net.world().settings.unknown_arn = UnknownArn::Fail;
    let owner = ram(&net, OWNER);
    let arn = share(&owner, "rules", &[unknown], &[CONSUMER]).await;
    assert_eq!(rows(&owner, &arn, Kind::Resource).await, [pair(unknown, "FAILED")]);
    let now = net.now();
    assert!(net.world().truth(now).iter().all(|grant| grant.share != arn));
}

#[tokio::test(start_paused = true)]
async fn limits_hold_at_their_edges() {
    let net = net();
    let owner = ram(&net, OWNER);
    let lists: Vec<String> =
        (0..101).map(|n| format!("arn:aws:ec2:{REGION}:{OWNER}:prefix-list/pl-{n:04}")).collect();
    for list in &lists {
        net.world().add_resource(list);
    }
    let names: Vec<&str> = lists.iter().map(String::as_str).collect();
    assert_eq!(code(wish(&owner, "101", &names, &[]).send().await), "ResourceShareLimitExceededException");
    let arn = share(&owner, "100", &names[..100], &[]).await;
    net.world().settings.resources_per_share = 100;
    let one_more =
        || owner.associate_resource_share().resource_share_arn(&arn).resource_arns(names[100]).send();
    assert_eq!(code(one_more().await), "ResourceShareLimitExceededException");
    net.world().settings.resources_per_share = 101;
    net.world().settings.associations_per_region = 101;
    assert_eq!(code(one_more().await), "ResourceShareLimitExceededException", "the legacy share counts too");
    net.world().settings.associations_per_region = 102;
    assert_eq!(code(one_more().await), "ok");
    net.world().settings.shares = 2;
    assert_eq!(code(wish(&owner, "third", &[], &[]).send().await), "ResourceShareLimitExceededException");
}

#[tokio::test(start_paused = true)]
async fn update_and_tags_change_what_they_may() {
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let net = net();
    let owner = ram(&net, OWNER);
    assert_eq!(
        code(wish(&owner, "x", &[], &[]).tags(tag("aws:x", "")).send().await),
        "TagPolicyViolationException"
    );
    let arn = wish(&owner, "old", &[RULE], &[CONSUMER]).tags(tag("a", "1")).send().await.expect("created");
    let made = arn.resource_share.expect("a share");
    assert_eq!(made.allow_external_principals, Some(true), "fact 7: the default is true");
    let arn = made.resource_share_arn.expect("an ARN");
    owner
        .update_resource_share()
        .resource_share_arn(&arn)
        .name("new")
        .allow_external_principals(false)
        .send()
        .await
        .expect("updated");
    owner.tag_resource().resource_share_arn(&arn).tags(tag("b", "2")).send().await.expect("tagged");
    owner.untag_resource().resource_share_arn(&arn).tag_keys("a").send().await.expect("untagged");
    let filter = |key: &str| TagFilter::builder().tag_key(key).tag_values("2").build();
    let found = |name: &'static str, filters: Vec<TagFilter>| {
        let owner = owner.clone();
        async move {
            let answer = owner
                .get_resource_shares()
                .resource_owner(ResourceOwner::SelfValue)
                .name(name)
                .set_tag_filters(Some(filters))
                .send()
                .await;
            answer.expect("shares").resource_shares().len()
        }
    };
    assert_eq!(found("new", vec![filter("nothing"), filter("b")]).await, 1, "filters are joined by or");
    assert_eq!(found("new", vec![filter("a")]).await, 0);
    assert_eq!(found("old", vec![]).await, 0);
    assert_eq!(code(owner.tag_resource().tags(tag("b", "2")).send().await), "InvalidParameterException");
    let many = (0..50).map(|n| tag(&n.to_string(), "")).collect();
    let too_many = owner.tag_resource().resource_share_arn(&arn).set_tags(Some(many)).send().await;
    assert_eq!(code(too_many), "TagLimitExceededException");
    let consumer = ram(&net, CONSUMER);
    assert_eq!(
        code(consumer.delete_resource_share().resource_share_arn(&arn).send().await),
        "OperationNotPermittedException"
    );
    let stranger = ram(&net, "333300001111");
    assert_eq!(
        code(stranger.delete_resource_share().resource_share_arn(&arn).send().await),
        "UnknownResourceException"
    );
}

#[tokio::test(start_paused = true)]
async fn listings_of_entities_show_both_sides() {
    let net = net();
    let owner = ram(&net, OWNER);
    let arn = share(&owner, "network", &[TRANSIT_GATEWAY, PREFIX_LIST, SUBNET], &[]).await;
    owner
        .update_resource_share()
        .resource_share_arn(&arn)
        .allow_external_principals(false)
        .send()
        .await
        .expect("updated");
    owner
        .associate_resource_share()
        .resource_share_arn(&arn)
        .principals(CONSUMER)
        .send()
        .await
        .expect("associated");
    net.world().set_resource_status(SUBNET, "LIMIT_EXCEEDED", Some("too many"));
    let consumer = ram(&net, CONSUMER);
    let seen = consumer
        .list_resources()
        .resource_owner(ResourceOwner::OtherAccounts)
        .resource_type("EC2:subnet")
        .send()
        .await
        .expect("resources");
    let seen: Vec<_> = seen
        .resources()
        .iter()
        .map(|row| {
            (row.arn().unwrap_or_default(), row.status().map(aws_sdk_ram::types::ResourceStatus::as_str))
        })
        .collect();
    assert_eq!(seen, [(SUBNET, Some("LIMIT_EXCEEDED"))]);
    let bad = owner
        .list_resources()
        .resource_owner(ResourceOwner::SelfValue)
        .resource_type("ec2:Volume")
        .send()
        .await;
    assert_eq!(code(bad), "InvalidResourceTypeException");
    let owners = consumer
        .list_principals()
        .resource_owner(ResourceOwner::OtherAccounts)
        .send()
        .await
        .expect("principals");
    assert_eq!(owners.principals()[0].id(), Some(OWNER));
    let own = owner
        .list_principals()
        .resource_owner(ResourceOwner::SelfValue)
        .resource_arn(SUBNET)
        .send()
        .await
        .expect("principals");
    assert_eq!(own.principals()[0].id(), Some(CONSUMER));

    net.world().delete_resource(SUBNET);
    wait(1.0).await;
    let left = rows(&owner, &arn, Kind::Resource).await;
    assert!(left.contains(&pair(SUBNET, "DISASSOCIATED")), "{left:?}");
}
