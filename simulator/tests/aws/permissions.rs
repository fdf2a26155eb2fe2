//! Managed permissions on shares and by themselves (ram.md section 4).

use aws_sdk_ram::types::{
    PermissionTypeFilter, ReplacePermissionAssociationsWorkStatus, ResourceOwner, ResourceShareFeatureSet,
};
use simulator::aws::weather::Lag;

use crate::bench::{
    CONSUMER, OWNER, PREFIX_LIST, RULE, SUBNET, code, message, net, permissions, ram, share, wait, weather,
    wish,
};

const DEFAULT_RULE: &str = "arn:aws:ram::aws:permission/AWSRAMDefaultPermissionResolverRule";
const READ_ONLY_RULE: &str = "arn:aws:ram::aws:permission/AWSRAMPermissionResolverRuleReadOnly";
const DEFAULT_LIST: &str = "arn:aws:ram::aws:permission/AWSRAMDefaultPermissionPrefixList";
const LATTICE: &str = "arn:aws:vpc-lattice:eu-west-1:111122223333:service/svc-1";
const TEMPLATE: &str = r#"{"Effect":"Allow","Action":["vpc-lattice:GetService"]}"#;

fn row(kind: &str, name: &str, version: &str, default: bool) -> (String, String, String, bool) {
    (kind.to_owned(), name.to_owned(), version.to_owned(), default)
}

#[tokio::test(start_paused = true)]
async fn every_type_gets_its_default() {
    let net = net();
    let owner = ram(&net, OWNER);
    let arn = share(&owner, "defaults", &[RULE], &[]).await;
    let rule = row("route53resolver:ResolverRule", "AWSRAMDefaultPermissionResolverRule", "1", true);
    assert_eq!(permissions(&owner, &arn).await, std::slice::from_ref(&rule));
    owner
        .associate_resource_share()
        .resource_share_arn(&arn)
        .resource_arns(PREFIX_LIST)
        .send()
        .await
        .expect("associated");
    let list = row("ec2:PrefixList", "AWSRAMDefaultPermissionPrefixList", "1", true);
    assert_eq!(permissions(&owner, &arn).await, [list, rule.clone()], "also a type that comes later");
    let detach = |permission: &str| {
        owner
            .disassociate_resource_share_permission()
            .resource_share_arn(&arn)
            .permission_arn(permission)
            .send()
    };
    assert_eq!(
        code(detach(DEFAULT_LIST).await),
        "OperationNotPermittedException",
        "T28: while resources of the type are there"
    );
    owner
        .disassociate_resource_share()
        .resource_share_arn(&arn)
        .resource_arns(PREFIX_LIST)
        .send()
        .await
        .expect("removed");
    assert_eq!(code(detach(DEFAULT_LIST).await), "ok");
    assert!(message(detach(DEFAULT_LIST).await).contains("already been disassociated"));
    assert_eq!(permissions(&owner, &arn).await, [rule]);
}

#[tokio::test(start_paused = true)]
async fn one_permission_a_type_replaced_in_place() {
    let net = net();
    let owner = ram(&net, OWNER);
    let two = wish(&owner, "two", &[RULE], &[])
        .permission_arns(DEFAULT_RULE)
        .permission_arns(READ_ONLY_RULE)
        .send()
        .await;
    assert_eq!(code(two), "InvalidParameterException", "T31");
    let arn = share(&owner, "rules", &[RULE], &[CONSUMER]).await;
    let attach = |replace: bool| {
        owner
            .associate_resource_share_permission()
            .resource_share_arn(&arn)
            .permission_arn(READ_ONLY_RULE)
            .replace(replace)
            .send()
    };
    assert_eq!(code(attach(false).await), "InvalidParameterException");
    assert_eq!(code(attach(true).await), "ok", "T29");
    assert_eq!(permissions(&owner, &arn).await[0].1, "AWSRAMPermissionResolverRuleReadOnly");
    let seen =
        crate::bench::rows(&owner, &arn, aws_sdk_ram::types::ResourceShareAssociationType::Principal).await;
    assert_eq!(seen, [crate::bench::pair(CONSUMER, "ASSOCIATED")], "associations stay");
    let unknown = owner
        .associate_resource_share_permission()
        .resource_share_arn(&arn)
        .permission_arn(format!("{DEFAULT_RULE}X"))
        .send()
        .await;
    assert_eq!(code(unknown), "UnknownResourceException");
}

#[tokio::test(start_paused = true)]
async fn shares_pin_versions() {
    let net = net();
    let owner = ram(&net, OWNER);
    let arn = share(&owner, "rules", &[RULE], &[]).await;
    net.world().publish_permission_version("AWSRAMDefaultPermissionResolverRule");
    let listed = owner
        .list_permission_associations()
        .permission_arn(DEFAULT_RULE)
        .default_version(false)
        .send()
        .await
        .expect("rows");
    let listed = &listed.permissions()[0];
    assert_eq!(
        (listed.resource_share_arn(), listed.permission_version()),
        (Some(arn.as_str()), Some("1")),
        "T30"
    );
    let attach = |version: Option<i32>| {
        let call =
            owner.associate_resource_share_permission().resource_share_arn(&arn).permission_arn(DEFAULT_RULE);
        call.replace(true).set_permission_version(version).send()
    };
    assert_eq!(code(attach(Some(1)).await), "InvalidParameterException", "only the default version");
    assert_eq!(code(attach(Some(2)).await), "ok");
    assert_eq!(permissions(&owner, &arn).await[0].2, "2");

    net.world().publish_permission_version("AWSRAMDefaultPermissionResolverRule");
    weather(&net, |weather| weather.lags.permission = Lag::Fixed(60.0));
    let work = owner
        .replace_permission_associations()
        .from_permission_arn(DEFAULT_RULE)
        .to_permission_arn(DEFAULT_RULE)
        .send()
        .await
        .expect("work");
    let id =
        work.replace_permission_associations_work().and_then(|work| work.id()).expect("an id").to_owned();
    let status = || async {
        let works =
            owner.list_replace_permission_associations_work().work_ids(&id).send().await.expect("works");
        works.replace_permission_associations_works()[0].status().cloned()
    };
    assert_eq!(status().await, Some(ReplacePermissionAssociationsWorkStatus::InProgress));
    assert_eq!(permissions(&owner, &arn).await[0].2, "2");
    wait(61.0).await;
    assert_eq!(status().await, Some(ReplacePermissionAssociationsWorkStatus::Completed));
    assert_eq!(permissions(&owner, &arn).await[0].2, "3");
}

#[tokio::test(start_paused = true)]
async fn customer_managed_permissions_are_checked() {
    let net = net();
    let owner = ram(&net, OWNER);
    let create = |name: &str, kind: &str, template: &str| {
        owner.create_permission().name(name).resource_type(kind).policy_template(template).send()
    };
    let refused = [
        ("lattice", "vpc-lattice:service", TEMPLATE, "InvalidParameterException"),
        ("lattice", "ec2:Subnet", TEMPLATE, "InvalidParameterException"),
        ("a b", "vpc-lattice:Service", TEMPLATE, "InvalidParameterException"),
        ("lattice", "vpc-lattice:Service", "{", "MalformedPolicyTemplateException"),
        (
            "lattice",
            "vpc-lattice:Service",
            r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#,
            "MalformedPolicyTemplateException",
        ),
        (
            "lattice",
            "vpc-lattice:Service",
            r#"{"Effect":"Allow","Action":"*","Condition":{"StringEquals":{"aws:PrincipalOrgId":"o-1"}}}"#,
            "InvalidPolicyException",
        ),
    ];
    for (name, kind, template, expected) in refused {
        assert_eq!(code(create(name, kind, template).await), expected, "{name} {kind} {template}");
    }
}

#[tokio::test(start_paused = true)]
async fn customer_managed_permissions_have_a_life() {
    let net = net();
    net.world().add_resource(LATTICE);
    let owner = ram(&net, OWNER);
    let create = || {
        owner
            .create_permission()
            .name("lattice")
            .resource_type("vpc-lattice:Service")
            .policy_template(TEMPLATE)
            .send()
    };
    let made = create().await.expect("created");
    let permission = made.permission().and_then(|made| made.arn()).expect("an ARN").to_owned();
    assert_eq!(code(create().await), "PermissionAlreadyExistsException");
    let version =
        || owner.create_permission_version().permission_arn(&permission).policy_template(TEMPLATE).send();
    for _ in 2..=5 {
        version().await.expect("a version");
    }
    assert_eq!(code(version().await), "PermissionVersionsLimitExceededException");
    let arn =
        wish(&owner, "lattice", &[LATTICE], &[]).permission_arns(&permission).send().await.expect("created");
    let arn = arn.resource_share.and_then(|share| share.resource_share_arn).expect("an ARN");
    assert_eq!(permissions(&owner, &arn).await, [row("vpc-lattice:Service", "lattice", "5", true)]);
    owner
        .set_default_permission_version()
        .permission_arn(&permission)
        .permission_version(1)
        .send()
        .await
        .expect("set");
    assert_eq!(permissions(&owner, &arn).await, [row("vpc-lattice:Service", "lattice", "5", false)]);
    let delete_version = |version: i32| {
        owner.delete_permission_version().permission_arn(&permission).permission_version(version).send()
    };
    assert_eq!(code(delete_version(1).await), "OperationNotPermittedException", "the default");
    assert_eq!(code(delete_version(5).await), "OperationNotPermittedException", "attached");
    assert_eq!(code(delete_version(2).await), "ok");
    let delete = || owner.delete_permission().permission_arn(&permission).send();
    assert_eq!(code(delete().await), "OperationNotPermittedException");
    owner.delete_resource_share().resource_share_arn(&arn).send().await.expect("deleted");
    assert_eq!(code(delete().await), "ok");
    wait(1.0).await;
    assert_eq!(
        code(owner.get_permission().permission_arn(&permission).send().await),
        "UnknownResourceException"
    );
    let consumer = ram(&net, CONSUMER);
    let own = consumer
        .list_permissions()
        .permission_type(PermissionTypeFilter::CustomerManaged)
        .send()
        .await
        .expect("permissions");
    assert!(own.permissions().is_empty(), "accounts are apart");
}

#[tokio::test(start_paused = true)]
async fn shares_made_by_policies_are_read_only_until_promoted() {
    let net = net();
    net.world().add_resource(LATTICE);
    let owner = ram(&net, OWNER);
    let arn = net.world().put_resource_policy(OWNER, "eu-west-1", LATTICE, &[CONSUMER], TEMPLATE);
    let feature = || async {
        let answer = owner
            .get_resource_shares()
            .resource_owner(ResourceOwner::SelfValue)
            .resource_share_arns(&arn)
            .send()
            .await
            .expect("shares");
        answer.resource_shares()[0].feature_set().cloned()
    };
    assert_eq!(feature().await, Some(ResourceShareFeatureSet::CreatedFromPolicy), "T38");
    assert!(crate::bench::offered(&ram(&net, CONSUMER)).await.is_empty(), "visible to the owner only");
    assert_eq!(
        code(owner.delete_resource_share().resource_share_arn(&arn).send().await),
        "OperationNotPermittedException"
    );
    let promote = || owner.promote_resource_share_created_from_policy().resource_share_arn(&arn).send();
    assert_eq!(code(promote().await), "UnmatchedPolicyPermissionException");
    let listed =
        owner.list_permission_associations().resource_type("vpc-lattice:Service").send().await.expect("rows");
    let from_policy = listed.permissions()[0].arn().unwrap_or_default().to_owned();
    owner
        .promote_permission_created_from_policy()
        .permission_arn(&from_policy)
        .name("lattice")
        .send()
        .await
        .expect("promoted");
    weather(&net, |weather| weather.lags.promotion = Lag::Fixed(30.0));
    promote().await.expect("promoted");
    assert_eq!(feature().await, Some(ResourceShareFeatureSet::PromotingToStandard));
    assert_eq!(code(promote().await), "InvalidStateTransitionException");
    wait(31.0).await;
    assert_eq!(feature().await, Some(ResourceShareFeatureSet::Standard));
    assert_eq!(permissions(&owner, &arn).await[0].1, "lattice");
    assert_eq!(
        code(owner.get_permission().permission_arn(&from_policy).send().await),
        "UnknownResourceException",
        "the orphan is gone"
    );
}

#[tokio::test(start_paused = true)]
async fn the_catalogue_knows_every_type() {
    let net = net();
    let owner = ram(&net, OWNER);
    let types = owner.list_resource_types().max_results(500).send().await.expect("types");
    for found in types.resource_types() {
        let kind = found.resource_type().unwrap_or_default();
        let listed =
            owner.list_permissions().resource_type(kind.to_uppercase()).send().await.expect("permissions");
        let defaults = listed.permissions().iter().filter(|row| row.is_resource_type_default() == Some(true));
        assert_eq!(defaults.count(), 1, "{kind}");
    }
    assert!(types.resource_types().len() > 80);
    let shares = owner
        .get_resource_shares()
        .resource_owner(ResourceOwner::SelfValue)
        .permission_arn(DEFAULT_LIST)
        .send()
        .await
        .expect("shares");
    assert_eq!(shares.resource_shares()[0].name(), Some("partner-prefixes"));
    let policies = owner.get_resource_policies().resource_arns(SUBNET).send().await.expect("policies");
    assert!(policies.policies().is_empty());
}
