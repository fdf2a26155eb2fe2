//! The organization: containment, sharing on and off, members that come and go (ram.md sections 2.6 and 3).

use aws_sdk_ram::types::ResourceShareAssociationType as Kind;
use simulator::aws::example;

use crate::bench::{
    CONSUMER, OWNER, PARTNER, REGION, RULE, SUBNET, code, invitations, key, message, net, offered,
    organization, organization_id, organizations_as, pair, ram, ram_as, rows, share, unit, wait, wish,
};

const DATA_TEST: &str = "222233337777";
const MANAGEMENT: &str = example::MANAGEMENT;

#[tokio::test(start_paused = true)]
async fn a_unit_covers_what_is_below_it_today() {
    let net = net();
    let owner = ram(&net, OWNER);
    let workloads = unit(&net, "Root/Workloads");
    let arn = share(&owner, "workloads", &[SUBNET], &[&workloads]).await;
    wait(1.0).await;
    for (account, sees) in
        [(CONSUMER, true), (DATA_TEST, true), ("333300001111", false), (PARTNER, false), (OWNER, false)]
    {
        assert_eq!(offered(&ram(&net, account)).await.contains(&"workloads".to_owned()), sees, "{account}");
    }
    let sandbox = net
        .world()
        .directory()
        .organization_of(OWNER)
        .and_then(|org| org.find("Root/Sandbox"))
        .expect("a unit");
    net.world().move_account(CONSUMER, &sandbox).expect("moved");
    assert!(offered(&ram(&net, CONSUMER)).await.is_empty(), "who leaves the unit loses access");
    assert_eq!(
        rows(&owner, &arn, Kind::Principal).await,
        [pair(&workloads, "ASSOCIATED")],
        "and RAM shows only the unit"
    );
    let now = net.now();
    let reached = net.world().reach(now, SUBNET);
    assert!(reached.contains(DATA_TEST) && !reached.contains(CONSUMER), "{reached:?}");
}

#[tokio::test(start_paused = true)]
async fn the_organization_is_named_by_its_management_account() {
    let net = net();
    let owner = ram(&net, OWNER);
    let good = organization(&net);
    let wrong = good.replace(MANAGEMENT, OWNER);
    assert_eq!(
        code(wish(&owner, "wrong", &[SUBNET], &[&wrong]).send().await),
        "OperationNotPermittedException",
        "T23"
    );
    assert_eq!(code(wish(&owner, "good", &[SUBNET], &[&good]).send().await), "ok");
    let no_unit = unit(&net, "Root/Sandbox") + "0";
    let missing = wish(&owner, "missing", &[SUBNET], &[&no_unit]).send().await;
    assert!(message(missing).starts_with("OrganizationalUnit ou-"));
    wait(1.0).await;
    assert_eq!(offered(&ram(&net, "444400001111")).await, ["good"]);
}

#[tokio::test(start_paused = true)]
async fn with_sharing_off_members_are_invited_and_the_organization_is_unknown() {
    let net = net();
    let id = organization_id(&net);
    let (owner, consumer) = (ram(&net, OWNER), ram(&net, CONSUMER));
    let by_unit = unit(&net, "Root/Workloads");
    let by_organization = organization(&net);
    let arn = share(&owner, "before", &[RULE], &[&by_unit, CONSUMER, PARTNER]).await;
    let management = organizations_as(&net, key(MANAGEMENT), "us-east-1");
    let (partner_invitation, _) = invitations(&ram(&net, PARTNER)).await.remove(0);
    ram(&net, PARTNER)
        .accept_resource_share_invitation()
        .resource_share_invitation_arn(partner_invitation)
        .send()
        .await
        .expect("accepted");
    management
        .disable_aws_service_access()
        .service_principal("ram.amazonaws.com")
        .send()
        .await
        .expect("disabled");
    wait(1.0).await;
    let expected =
        [pair(CONSUMER, "DISASSOCIATED"), pair(PARTNER, "ASSOCIATED"), pair(&by_unit, "DISASSOCIATED")];
    assert_eq!(
        rows(&owner, &arn, Kind::Principal).await,
        expected,
        "the organization's principals are stripped, others stay"
    );

    let refused = |principal: &str| wish(&owner, "off", &[RULE], &[principal]).send();
    assert_eq!(
        message(refused(&by_organization).await),
        format!("Organization {id} could not be found."),
        "T24"
    );
    assert_eq!(code(refused(&by_unit).await), "UnknownResourceException");
    let member = share(&owner, "member", &[RULE], &[CONSUMER]).await;
    assert_eq!(rows(&owner, &member, Kind::Principal).await, [pair(CONSUMER, "ASSOCIATING")]);
    assert_eq!(invitations(&consumer).await.len(), 1);
    assert_eq!(
        code(wish(&owner, "subnets", &[SUBNET], &[]).send().await),
        "OperationNotPermittedException",
        "T25"
    );
    net.world().settings.organization_only_code = "InvalidParameterException".to_owned();
    assert_eq!(code(wish(&owner, "subnets", &[SUBNET], &[]).send().await), "InvalidParameterException");
}

#[tokio::test(start_paused = true)]
async fn only_ram_itself_switches_sharing_fully_on() {
    let net = net();
    let id = organization_id(&net);
    let by_unit = unit(&net, "Root/Workloads");
    net.world().disable_service_access(&id, "ram.amazonaws.com").expect("disabled");
    {
        let mut world = net.world();
        let mut fresh = example::organization(7, world.now());
        // An organization that never used RAM: trusted access without the service-linked role.
        fresh.disable_service_access(&id, "ram.amazonaws.com").expect("disabled");
        fresh.forget_ram_role(&id);
        fresh.enable_service_access(&id, "ram.amazonaws.com").expect("enabled");
        *world = fresh;
    }
    let owner = ram(&net, OWNER);
    let management = ram_as(&net, key(MANAGEMENT), REGION);
    let try_unit = || wish(&owner, "unit", &[RULE], &[&by_unit]).send();
    assert!(message(try_unit().await).ends_with("could not be found."), "fact 11: half enabled");
    management.enable_sharing_with_aws_organization().send().await.expect("answered");
    assert_eq!(code(try_unit().await), "UnknownResourceException", "no repair without switching off first");
    net.world().disable_service_access(&id, "ram.amazonaws.com").expect("disabled");
    net.world().settings.onboarding = 600.0;
    assert_eq!(
        code(owner.enable_sharing_with_aws_organization().send().await),
        "OperationNotPermittedException"
    );
    management.enable_sharing_with_aws_organization().send().await.expect("enabled");
    assert_eq!(code(try_unit().await), "ok");
    assert!(
        message(wish(&owner, "subnet", &[SUBNET], &[]).send().await)
            .contains("onboarding process is still in progress")
    );
    wait(601.0).await;
    assert_eq!(code(wish(&owner, "subnet", &[SUBNET], &[]).send().await), "ok");
}

#[tokio::test(start_paused = true)]
async fn a_leaver_loses_what_rested_on_the_membership() {
    let net = net();
    let (owner, consumer) = (ram(&net, OWNER), ram(&net, CONSUMER));
    let theirs = format!("arn:aws:route53resolver:{REGION}:{CONSUMER}:resolver-rule/rslvr-rr-own");
    net.world().add_resource(&theirs);
    let from_owner = share(&owner, "to the leaver", &[RULE], &[CONSUMER, DATA_TEST]).await;
    let from_leaver = share(&consumer, "from the leaver", &[&theirs], &[OWNER, &organization(&net)]).await;
    wait(1.0).await;
    net.world().leave_organization(CONSUMER).expect("left");
    wait(1.0).await;
    assert_eq!(
        rows(&owner, &from_owner, Kind::Principal).await,
        [pair(CONSUMER, "DISASSOCIATED"), pair(DATA_TEST, "ASSOCIATED")]
    );
    let gone = rows(&consumer, &from_leaver, Kind::Principal).await;
    assert!(gone.iter().all(|(_, status)| status == "DISASSOCIATED"), "{gone:?}");

    net.world().purge_account(DATA_TEST);
    let left = rows(&owner, &from_owner, Kind::Principal).await;
    assert_eq!(left, [pair(CONSUMER, "DISASSOCIATED")], "T04: a closed account's row is gone");
    let removal = owner
        .disassociate_resource_share()
        .resource_share_arn(&from_owner)
        .principals(DATA_TEST)
        .send()
        .await;
    assert_eq!(code(removal), "UnknownResourceException");
}
