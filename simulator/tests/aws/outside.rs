//! Principals outside the organization: invitations, their end, and who may be invited (ram.md sections 2.3 and 3).

use aws_sdk_ram::types::{ResourceOwner, ResourceShareAssociationType as Kind, ResourceShareConfiguration};

use crate::bench::{
    CONSUMER, OWNER, PARTNER, RULE, SUBNET, code, invitations, message, net, offered, pair, ram, rows, share,
    wait, weather, wish,
};
use simulator::aws::weather::Lag;

const CERTIFICATE: &str = "arn:aws:acm-pca:eu-west-1:111122223333:certificate-authority/ca-1";
const DAY: f64 = 24.0 * 3600.0;

#[tokio::test(start_paused = true)]
async fn an_outside_account_is_associating_until_it_accepts() {
    let net = net();
    let (owner, partner) = (ram(&net, OWNER), ram(&net, PARTNER));
    let arn = share(&owner, "outer", &[RULE], &[PARTNER]).await;
    wait(3600.0).await;
    assert_eq!(rows(&owner, &arn, Kind::Principal).await, [pair(PARTNER, "ASSOCIATING")], "T12, T14");
    assert_eq!(offered(&partner).await, ["partner-prefixes"], "T21: a pending share is not seen");
    assert!(invitations(&owner).await.is_empty(), "the owner does not see invitations");
    let (invitation, of) = invitations(&partner).await.remove(0);
    assert_eq!(of, arn);
    let accept =
        || partner.accept_resource_share_invitation().resource_share_invitation_arn(&invitation).send();
    let stranger = ram(&net, CONSUMER)
        .accept_resource_share_invitation()
        .resource_share_invitation_arn(&invitation)
        .send()
        .await;
    assert_eq!(code(stranger), "ResourceShareInvitationArnNotFoundException");
    weather(&net, |weather| weather.lags.read = Lag::Fixed(5.0));
    accept().await.expect("accepted");
    assert_eq!(code(accept().await), "ResourceShareInvitationAlreadyAcceptedException");
    let look = || {
        partner
            .get_resource_shares()
            .resource_owner(ResourceOwner::OtherAccounts)
            .resource_share_arns(&arn)
            .send()
    };
    assert_eq!(code(look().await), "UnknownResourceException", "T07");
    wait(6.0).await;
    assert_eq!(code(look().await), "ok");
    assert_eq!(rows(&owner, &arn, Kind::Principal).await, [pair(PARTNER, "ASSOCIATED")]);
    wait(7.0 * DAY).await;
    let left =
        partner.get_resource_share_invitations().resource_share_arns(&arn).send().await.expect("invitations");
    assert!(left.resource_share_invitations().is_empty(), "T15: purged");
    assert_eq!(code(look().await), "ok", "and still shared");
}

#[tokio::test(start_paused = true)]
async fn invitations_end_by_type_and_leave_a_ghost() {
    for (resource, hours) in [(RULE, 7.0 * 24.0), (CERTIFICATE, 12.0)] {
        let net = net();
        net.world().add_resource(CERTIFICATE);
        let (owner, partner) = (ram(&net, OWNER), ram(&net, PARTNER));
        let arn = share(&owner, "outer", &[resource], &[PARTNER]).await;
        let (invitation, _) = invitations(&partner).await.remove(0);
        wait(hours * 3600.0 - 10.0).await;
        assert_eq!(rows(&owner, &arn, Kind::Principal).await, [pair(PARTNER, "ASSOCIATING")], "{resource}");
        wait(20.0).await;
        assert_eq!(
            rows(&owner, &arn, Kind::Principal).await,
            [pair(PARTNER, "DISASSOCIATED")],
            "T17 {resource}"
        );
        let late = partner
            .accept_resource_share_invitation()
            .resource_share_invitation_arn(&invitation)
            .send()
            .await;
        assert_eq!(code(late), "ResourceShareInvitationExpiredException");
        owner
            .associate_resource_share()
            .resource_share_arn(&arn)
            .principals(PARTNER)
            .send()
            .await
            .expect("invited again");
        assert_eq!(invitations(&partner).await.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejected_invitation_disassociates() {
    let net = net();
    let (owner, partner) = (ram(&net, OWNER), ram(&net, PARTNER));
    let arn = share(&owner, "outer", &[RULE], &[PARTNER]).await;
    let (invitation, _) = invitations(&partner).await.remove(0);
    let reject =
        || partner.reject_resource_share_invitation().resource_share_invitation_arn(&invitation).send();
    reject().await.expect("rejected");
    assert_eq!(code(reject().await), "ResourceShareInvitationAlreadyRejectedException");
    assert_eq!(rows(&owner, &arn, Kind::Principal).await, [pair(PARTNER, "DISASSOCIATED")]);
}

#[tokio::test(start_paused = true)]
async fn who_may_be_a_principal() {
    let role_outside = format!("arn:aws:iam::{PARTNER}:role/reader");
    let role_inside = format!("arn:aws:iam::{CONSUMER}:role/reader");
    let foreign_organization = "arn:aws:organizations::999988887777:organization/o-foreign000".to_owned();
    let texts = |text: &str| text.to_owned();
    // (resource, principal, allowExternalPrincipals, error code or "ok", row's status)
    let cases = [
        (RULE, texts(OWNER), false, "ok", "ASSOCIATED"),
        (RULE, texts(CONSUMER), false, "ok", "ASSOCIATED"),
        (RULE, texts(PARTNER), false, "InvalidParameterException", ""),
        (RULE, texts(PARTNER), true, "ok", "ASSOCIATING"),
        (RULE, texts("123"), true, "InvalidParameterException", ""),
        (RULE, texts("o-abcdefghij"), true, "InvalidParameterException", ""),
        (RULE, texts("ou-abcd-12345678"), true, "InvalidParameterException", ""),
        (RULE, foreign_organization, true, "UnknownResourceException", ""),
        (RULE, role_inside.clone(), true, "InvalidParameterException", ""),
        (RULE, texts("pca-connector-ad.amazonaws.com"), true, "InvalidParameterException", ""),
        (SUBNET, texts(PARTNER), true, "OperationNotPermittedException", ""),
        (SUBNET, texts(CONSUMER), true, "ok", "ASSOCIATED"),
        (CERTIFICATE, role_inside, false, "ok", "ASSOCIATED"),
        (CERTIFICATE, role_outside.clone(), false, "InvalidParameterException", ""),
        (CERTIFICATE, role_outside, true, "ok", "ASSOCIATING"),
        (CERTIFICATE, texts("pca-connector-ad.amazonaws.com"), false, "ok", "ASSOCIATED"),
    ];
    for (resource, principal, external, expected, status) in cases {
        let net = net();
        net.world().add_resource(CERTIFICATE);
        let owner = ram(&net, OWNER);
        let result =
            wish(&owner, "case", &[resource], &[&principal]).allow_external_principals(external).send().await;
        let arn = result
            .as_ref()
            .ok()
            .and_then(|made| made.resource_share()?.resource_share_arn().map(ToOwned::to_owned));
        assert_eq!(code(result), expected, "{resource} {principal} {external}");
        if let Some(arn) = arn {
            assert_eq!(rows(&owner, &arn, Kind::Principal).await, [pair(&principal, status)]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_quoted_messages() {
    let net = net();
    let owner = ram(&net, OWNER);
    let refused =
        |principal: &str| wish(&owner, "case", &[], &[principal]).allow_external_principals(false).send();
    assert_eq!(
        message(refused("o-abc").await),
        "Principal ID o-abc is malformed. Verify the ID and try again.",
        "T22"
    );
    let outsider = message(refused(PARTNER).await);
    assert_eq!(
        outsider,
        format!(
            "Principal {PARTNER} is not in your AWS organization. You do not have permission to add external AWS accounts to a resource share."
        )
    );
    let only = message(wish(&owner, "case", &[SUBNET], &[PARTNER]).send().await);
    assert!(
        only.starts_with(
            "The resource you are attempting to share can only be shared within your AWS Organization."
        ),
        "T25 {only}"
    );
}

#[tokio::test(start_paused = true)]
async fn pending_invitations_are_counted() {
    let net = net();
    let owner = ram(&net, OWNER);
    let arn = share(&owner, "outer", &[RULE], &[]).await;
    let outsiders: Vec<String> = (0..21).map(|n| format!("7000000000{n:02}")).collect();
    let invite = |names: &[String]| {
        owner.associate_resource_share().resource_share_arn(&arn).set_principals(Some(names.to_vec())).send()
    };
    assert_eq!(code(invite(&outsiders).await), "ResourceShareLimitExceededException");
    assert_eq!(code(invite(&outsiders[..20]).await), "ok");
    assert_eq!(code(invite(&outsiders[20..]).await), "ResourceShareLimitExceededException");
    assert_eq!(code(invite(&outsiders[..1]).await), "ok", "who is invited already is not invited again");
}

#[tokio::test(start_paused = true)]
async fn outsiders_hold_allow_external_open() {
    let net = net();
    let owner = ram(&net, OWNER);
    let arn = share(&owner, "outer", &[RULE], &[PARTNER]).await;
    let close =
        || owner.update_resource_share().resource_share_arn(&arn).allow_external_principals(false).send();
    assert_eq!(code(close().await), "InvalidParameterException");
    net.world().settings.allow_external_may_turn_off = true;
    assert_eq!(code(close().await), "ok");
}

#[tokio::test(start_paused = true)]
async fn retained_sharing_invites_inside_too_and_survives_leaving() {
    let net = net();
    let (owner, consumer) = (ram(&net, OWNER), ram(&net, CONSUMER));
    let retain =
        ResourceShareConfiguration::builder().retain_sharing_on_account_leave_organization(true).build();
    let closed = wish(&owner, "kept", &[RULE], &[])
        .allow_external_principals(false)
        .resource_share_configuration(retain.clone())
        .send()
        .await;
    assert_eq!(code(closed), "InvalidParameterException");
    let made = wish(&owner, "kept", &[RULE], &[CONSUMER])
        .resource_share_configuration(retain)
        .send()
        .await
        .expect("created");
    let arn = made.resource_share.and_then(|share| share.resource_share_arn).expect("an ARN");
    let plain = share(&owner, "plain", &[RULE], &[CONSUMER]).await;
    let (invitation, _) = invitations(&consumer).await.remove(0);
    consumer
        .accept_resource_share_invitation()
        .resource_share_invitation_arn(invitation)
        .send()
        .await
        .expect("accepted");
    wait(1.0).await;
    net.world().leave_organization(CONSUMER).expect("left");
    wait(1.0).await;
    assert_eq!(rows(&owner, &arn, Kind::Principal).await, [pair(CONSUMER, "ASSOCIATED")]);
    assert_eq!(rows(&owner, &plain, Kind::Principal).await, [pair(CONSUMER, "DISASSOCIATED")], "T27");
}

#[tokio::test(start_paused = true)]
async fn service_principals_keep_to_themselves() {
    const SERVICE: &str = "pca-connector-ad.amazonaws.com";
    let net = net();
    net.world().add_resource(CERTIFICATE);
    let owner = ram(&net, OWNER);
    let mixed = wish(&owner, "mixed", &[], &[SERVICE, CONSUMER]).send().await;
    assert_eq!(code(mixed), "InvalidParameterException");
    let late = share(&owner, "late", &[CERTIFICATE], &[]).await;
    let late = owner.associate_resource_share().resource_share_arn(late).principals(SERVICE).send().await;
    assert_eq!(code(late), "InvalidParameterException", "T39");
    let unasked = wish(&owner, "unasked", &[], &[CONSUMER]).sources(OWNER).send().await;
    assert_eq!(code(unasked), "InvalidParameterException");
    let made = wish(&owner, "service", &[CERTIFICATE], &[SERVICE])
        .sources(OWNER)
        .sources(CONSUMER)
        .send()
        .await
        .expect("created");
    let arn = made.resource_share.and_then(|share| share.resource_share_arn).expect("an ARN");
    let remove =
        |source: &str| owner.disassociate_resource_share().resource_share_arn(&arn).sources(source).send();
    assert_eq!(code(remove(OWNER).await), "ok");
    assert_eq!(code(remove(CONSUMER).await), "InvalidParameterException", "one must remain");
    let sources = owner.list_source_associations().resource_share_arns(&arn).send().await.expect("sources");
    let sources: Vec<_> = sources
        .source_associations()
        .iter()
        .map(|row| (row.source_id().unwrap_or_default(), row.status().unwrap_or_default()))
        .collect();
    assert_eq!(sources, [(OWNER, "DISASSOCIATED"), (CONSUMER, "ASSOCIATED")]);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_may_leave_what_it_accepted_if_the_types_let_it() {
    for (resource, expected) in [(RULE, "ok"), (CERTIFICATE, "OperationNotPermittedException")] {
        let net = net();
        net.world().add_resource(CERTIFICATE);
        let (owner, partner) = (ram(&net, OWNER), ram(&net, PARTNER));
        let arn = share(&owner, "outer", &[resource], &[PARTNER, CONSUMER]).await;
        let leave = |client: &aws_sdk_ram::Client, account: &str| {
            client.disassociate_resource_share().resource_share_arn(&arn).principals(account).send()
        };
        assert_eq!(code(leave(&partner, PARTNER).await), "UnknownResourceException", "not in it yet");
        let (invitation, _) = invitations(&partner).await.remove(0);
        partner
            .accept_resource_share_invitation()
            .resource_share_invitation_arn(invitation)
            .send()
            .await
            .expect("accepted");
        wait(1.0).await;
        assert_eq!(code(leave(&partner, CONSUMER).await), "OperationNotPermittedException", "only itself");
        let inside = leave(&ram(&net, CONSUMER), CONSUMER).await;
        assert_eq!(
            code(inside),
            "OperationNotPermittedException",
            "T19: not what comes through the organization"
        );
        assert_eq!(code(leave(&partner, PARTNER).await), expected, "{resource}");
        if expected == "ok" {
            assert_eq!(code(leave(&partner, PARTNER).await), "UnknownResourceException", "T19: already gone");
        }
    }
}
