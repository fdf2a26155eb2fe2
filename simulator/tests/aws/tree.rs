//! Organizations as a client reads it (ram.md section 7).

use std::collections::BTreeMap;

use aws_sdk_organizations::types::ChildType;
use simulator::aws::Net;
use simulator::aws::example::{ACCOUNTS, MANAGEMENT, TOOLING};
use simulator::aws::weather::{Pages, Throttle};

use crate::bench::{
    CONSUMER, OWNER, PARTNER, code, key, net, organization_id, organizations_as, wait, weather,
};

fn management(net: &Net) -> aws_sdk_organizations::Client {
    organizations_as(net, key(MANAGEMENT), "us-east-1")
}

/// Names of units on the way down, by account: read level by level.
async fn walk(net: &Net) -> BTreeMap<String, String> {
    let client = management(net);
    let pages =
        client.list_roots().into_paginator().send().collect::<Result<Vec<_>, _>>().await.expect("roots");
    let root = pages
        .iter()
        .flat_map(aws_sdk_organizations::operation::list_roots::ListRootsOutput::roots)
        .next()
        .and_then(|root| root.id())
        .expect("a root")
        .to_owned();
    let mut open = vec![(root, "Root".to_owned())];
    let mut found = BTreeMap::new();
    while let Some((parent, path)) = open.pop() {
        let mut pages = client.list_accounts_for_parent().parent_id(&parent).into_paginator().send();
        while let Some(page) = pages.next().await {
            for account in page.expect("a page").accounts() {
                found.insert(account.id().unwrap_or_default().to_owned(), path.clone());
            }
        }
        let mut pages =
            client.list_organizational_units_for_parent().parent_id(&parent).into_paginator().send();
        while let Some(page) = pages.next().await {
            for unit in page.expect("a page").organizational_units() {
                open.push((
                    unit.id().unwrap_or_default().to_owned(),
                    format!("{path}/{}", unit.name().unwrap_or_default()),
                ));
            }
        }
    }
    found
}

#[tokio::test(start_paused = true)]
async fn the_tree_is_the_same_however_it_is_cut() {
    let expected: BTreeMap<String, String> =
        ACCOUNTS.iter().map(|(id, _, path)| ((*id).to_owned(), (*path).to_owned())).collect();
    let cuts = [
        Pages::default(),
        Pages { cap: Some(1), empty: 0.5, ..Pages::default() },
        Pages { empty_first: true, trailing_token: 1.0, ..Pages::default() },
    ];
    for cut in cuts {
        let net = net();
        weather(&net, |weather| weather.pages = cut);
        assert_eq!(walk(&net).await, expected, "{cut:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn accounts_carry_state_and_paths() {
    let net = net();
    let client = management(&net);
    let account = client
        .describe_account()
        .account_id(CONSUMER)
        .send()
        .await
        .expect("an account")
        .account
        .expect("an account");
    let line = net.world().directory().line_of(CONSUMER);
    let path = format!("{}/{}/{CONSUMER}/", organization_id(&net), line.join("/"));
    assert_eq!(account.paths(), [path]);
    assert_eq!(account.state().map(aws_sdk_organizations::types::AccountState::as_str), Some("ACTIVE"));
    let parent = client.list_parents().child_id(CONSUMER).send().await.expect("parents");
    assert_eq!(parent.parents()[0].id(), line.last().map(String::as_str));
    let children = client
        .list_children()
        .parent_id(line.last().expect("a parent"))
        .child_type(ChildType::Account)
        .send()
        .await;
    assert_eq!(children.expect("children").children().len(), 3);
    let unit = client
        .describe_organizational_unit()
        .organizational_unit_id(line.last().expect("a parent"))
        .send()
        .await
        .expect("a unit");
    assert_eq!(unit.organizational_unit().and_then(|unit| unit.name()), Some("Prod"));
}

#[tokio::test(start_paused = true)]
async fn who_may_read_and_who_may_edit() {
    let net = net();
    net.world().delegate(TOOLING, "ram.amazonaws.com").expect("delegated");
    for (account, describe, list, edit) in [
        (MANAGEMENT, "ok", "ok", "ok"),
        (TOOLING, "ok", "ok", "AccessDeniedException"),
        (OWNER, "ok", "AccessDeniedException", "AccessDeniedException"),
        (
            PARTNER,
            "AWSOrganizationsNotInUseException",
            "AWSOrganizationsNotInUseException",
            "AWSOrganizationsNotInUseException",
        ),
    ] {
        let client = organizations_as(&net, key(account), "us-east-1");
        assert_eq!(code(client.describe_organization().send().await), describe, "{account}");
        assert_eq!(code(client.list_accounts().send().await), list, "{account}");
        assert_eq!(
            code(client.enable_aws_service_access().service_principal("sso.amazonaws.com").send().await),
            edit,
            "{account}"
        );
    }
    let administrators =
        management(&net).list_delegated_administrators().send().await.expect("administrators");
    assert_eq!(administrators.delegated_administrators()[0].id(), Some(TOOLING));
    let services = management(&net)
        .list_delegated_services_for_account()
        .account_id(TOOLING)
        .send()
        .await
        .expect("services");
    assert_eq!(services.delegated_services()[0].service_principal(), Some("ram.amazonaws.com"));
}

#[tokio::test(start_paused = true)]
async fn edits_on_the_wire() {
    let net = net();
    let client = management(&net);
    let line = net.world().directory().line_of(CONSUMER);
    let (root, prod) = (line[0].clone(), line.last().cloned().expect("a unit"));
    let create = |name: &str| client.create_organizational_unit().parent_id(&root).name(name).send();
    let made =
        create("New").await.expect("created").organizational_unit.and_then(|unit| unit.id).expect("an id");
    assert_eq!(code(create("New").await), "DuplicateOrganizationalUnitException");
    let shift = |from: &str, to: &str| {
        client.move_account().account_id(CONSUMER).source_parent_id(from).destination_parent_id(to).send()
    };
    assert_eq!(code(shift(&root, &made).await), "SourceParentNotFoundException");
    assert_eq!(code(shift(&prod, "ou-none-00000000").await), "DestinationParentNotFoundException");
    assert_eq!(code(shift(&prod, &made).await), "ok");
    assert_eq!(walk(&net).await.get(CONSUMER).map(String::as_str), Some("Root/New"));
    client
        .update_organizational_unit()
        .organizational_unit_id(&made)
        .name("Newer")
        .send()
        .await
        .expect("renamed");
    assert_eq!(walk(&net).await.get(CONSUMER).map(String::as_str), Some("Root/Newer"));
    let delete = || client.delete_organizational_unit().organizational_unit_id(&made).send();
    assert_eq!(code(delete().await), "OrganizationalUnitNotEmptyException");
    let leave = |account: &str| client.remove_account_from_organization().account_id(account).send();
    assert_eq!(code(leave(MANAGEMENT).await), "MasterCannotLeaveOrganizationException");
    assert_eq!(code(leave(CONSUMER).await), "ok");
    assert_eq!(code(delete().await), "ok");
    assert_eq!(code(client.describe_account().account_id(CONSUMER).send().await), "AccountNotFoundException");
}

#[tokio::test(start_paused = true)]
async fn published_rates_throttle_with_their_own_error() {
    let net = net();
    weather(&net, |weather| weather.throttles = Throttle::organizations_published());
    let client = management(&net);
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(code(client.describe_organization().send().await));
    }
    assert_eq!(codes, ["ok", "ok", "TooManyRequestsException"], "T44");
    wait(1.0).await;
    assert_eq!(code(client.describe_organization().send().await), "ok");
    assert_eq!(code(client.list_accounts().max_results(21).send().await), "InvalidInputException");
    assert_eq!(code(client.list_accounts().next_token("x").send().await), "InvalidInputException");
}
