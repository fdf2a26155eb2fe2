//! Pages (ram.md facts 1 to 4, T03, T05, T06).

use std::collections::BTreeSet;

use aws_sdk_ram::types::{
    ResourceOwner, ResourceShareAssociationStatus as Status, ResourceShareAssociationType as Kind,
};
use simulator::aws::Net;
use simulator::aws::organizations::NewAccount;
use simulator::aws::weather::Pages;

use crate::bench::{
    CONSUMER, OWNER, PREFIX_LIST, RULE, code, net, organization_id, ram, share, wait, weather,
};

/// The principals of all shares, page by page: (entities in order, sizes of the pages).
async fn walk(net: &Net, size: i32, status: Option<Status>) -> (Vec<String>, Vec<usize>) {
    let owner = ram(net, OWNER);
    let (mut entities, mut sizes, mut token) = (Vec::new(), Vec::new(), None);
    loop {
        let call =
            owner.get_resource_share_associations().association_type(Kind::Principal).max_results(size);
        let page =
            call.set_association_status(status.clone()).set_next_token(token).send().await.expect("a page");
        sizes.push(page.resource_share_associations().len());
        entities.extend(
            page.resource_share_associations()
                .iter()
                .map(|row| row.associated_entity().unwrap_or_default().to_owned()),
        );
        token = page.next_token().map(ToOwned::to_owned);
        assert!(sizes.len() < 10_000, "paging ends");
        if token.is_none() {
            return (entities, sizes);
        }
    }
}

/// The example with `count` more accounts, all principals of one share.
async fn crowd(count: usize) -> Net {
    let net = net();
    let organization = organization_id(&net);
    let accounts: Vec<String> = (0..count).map(|n| format!("5{n:011}")).collect();
    for id in &accounts {
        let account = NewAccount { id: id.clone(), name: id.clone(), ..NewAccount::default() };
        net.world().add_account(account);
        net.world().join_organization(id, &organization);
    }
    let names: Vec<&str> = accounts.iter().map(String::as_str).collect();
    share(&ram(&net, OWNER), "crowd", &[RULE], &names).await;
    wait(1.0).await;
    net
}

/// However the pages are cut, their union is the same, in the same order.
#[tokio::test(start_paused = true)]
async fn all_cuts_show_the_same() {
    let net = crowd(60).await;
    let (whole, _) = walk(&net, 500, None).await;
    assert_eq!(whole.len(), 61, "the crowd and the legacy share's partner");
    let cuts = [
        Pages { cap: Some(1), ..Pages::default() },
        Pages { cap: Some(7), empty: 0.5, ..Pages::default() },
        Pages { empty_first: true, trailing_token: 1.0, ..Pages::default() },
        Pages { cap: Some(61), trailing_token: 1.0, ..Pages::default() },
        Pages { cap: Some(4), filter_after_cut: true, empty: 0.2, trailing_token: 0.5, empty_first: true },
    ];
    for cut in cuts {
        weather(&net, |weather| weather.pages = cut);
        for size in [1, 20, 500] {
            let (seen, sizes) = walk(&net, size, None).await;
            assert_eq!(seen, whole, "{cut:?}");
            assert!(sizes.iter().all(|&found| found <= usize::try_from(size).unwrap_or_default()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn empty_pages_carry_tokens() {
    let net = crowd(3).await;
    weather(&net, |weather| weather.pages.empty_first = true);
    assert_eq!(walk(&net, 500, None).await.1, [0, 4], "T06: the first page is empty");
    weather(&net, |weather| {
        weather.pages = Pages { filter_after_cut: true, cap: Some(2), ..Pages::default() }
    });
    let (seen, sizes) = walk(&net, 500, Some(Status::Failed)).await;
    assert!(seen.is_empty());
    assert_eq!(sizes, [0, 0], "T03: filters after cutting leave only tokens");
}

#[tokio::test(start_paused = true)]
async fn six_hundred_principals_in_one_share() {
    let net = crowd(600).await;
    let (seen, sizes) = walk(&net, 500, None).await;
    assert_eq!(sizes, [500, 101], "T05");
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 601);
    let default = ram(&net, OWNER)
        .get_resource_share_associations()
        .association_type(Kind::Principal)
        .send()
        .await
        .expect("a page");
    assert_eq!(default.resource_share_associations().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn wrong_questions_are_refused() {
    let net = crowd(3).await;
    let owner = ram(&net, OWNER);
    let of = |kind: Kind| owner.get_resource_share_associations().association_type(kind);
    let arn = owner
        .get_resource_shares()
        .resource_owner(ResourceOwner::SelfValue)
        .name("crowd")
        .send()
        .await
        .expect("shares");
    let arn = arn.resource_shares()[0].resource_share_arn().unwrap_or_default().to_owned();
    let both =
        of(Kind::Principal).resource_share_arns(&arn).association_status(Status::Associated).send().await;
    assert_eq!(
        crate::bench::message(both),
        "You cannot use ResourceShareArns and AssociationStatus in one request",
        "fact 2"
    );
    assert_eq!(code(of(Kind::Principal).resource_arn(RULE).send().await), "InvalidParameterException");
    assert_eq!(code(of(Kind::Resource).principal(CONSUMER).send().await), "InvalidParameterException");
    assert_eq!(code(of(Kind::Principal).max_results(501).send().await), "InvalidParameterException");
    assert_eq!(code(of(Kind::Principal).max_results(0).send().await), "InvalidParameterException");
    assert_eq!(
        code(owner.get_resource_share_invitations().max_results(501).send().await),
        "InvalidMaxResultsException"
    );
    assert_eq!(code(of(Kind::Principal).next_token("zz").send().await), "InvalidNextTokenException");
    assert_eq!(
        code(of(Kind::Principal).resource_share_arns("arn:aws:ram:x").send().await),
        "MalformedArnException"
    );
    assert_eq!(
        code(of(Kind::Principal).resource_share_arns(format!("{arn}0")).send().await),
        "UnknownResourceException"
    );
    let page = of(Kind::Principal).max_results(1).send().await.expect("a page");
    let other = of(Kind::Resource).max_results(1).set_next_token(page.next_token).send().await;
    assert_eq!(code(other), "InvalidNextTokenException", "a token is good for one listing");
    let filtered = of(Kind::Resource).resource_arn(PREFIX_LIST).send().await.expect("rows");
    assert!(filtered.resource_share_associations().is_empty());
}

/// A whole region is read in four calls, whatever the number of shares (ram.md section 1.3).
#[tokio::test(start_paused = true)]
async fn a_snapshot_costs_pages_not_shares() {
    let net = net();
    let owner = ram(&net, OWNER);
    for n in 0..40 {
        share(&owner, &format!("s{n}"), &[RULE, PREFIX_LIST], &[CONSUMER]).await;
    }
    wait(1.0).await;
    net.world().journal_mut().clear();
    let shares = owner
        .get_resource_shares()
        .resource_owner(ResourceOwner::SelfValue)
        .max_results(500)
        .send()
        .await
        .expect("shares");
    let principals = owner
        .get_resource_share_associations()
        .association_type(Kind::Principal)
        .max_results(500)
        .send()
        .await
        .expect("rows");
    let resources = owner
        .get_resource_share_associations()
        .association_type(Kind::Resource)
        .max_results(500)
        .send()
        .await
        .expect("rows");
    let kept = owner.list_permission_associations().max_results(500).send().await.expect("rows");
    assert_eq!(shares.resource_shares().len(), 41);
    assert_eq!(principals.resource_share_associations().len(), 41);
    assert_eq!(resources.resource_share_associations().len(), 81);
    assert_eq!(kept.permissions().len(), 81);
    assert!(kept.next_token().is_none());
    assert_eq!(net.world().journal().entries().len(), 4);
}
