//! The statements of each policy.

use serde_json::{Value, json};

use crate::{
    aws::operations::{AllowedBy, OPERATIONS, Operation, Service},
    model::mark::TAG_PREFIX,
};

/// The tag that says which installation a share belongs to.
fn installation_tag(of: &str) -> String {
    format!("aws:{of}/{TAG_PREFIX}installation")
}

fn actions(allowed_by: AllowedBy) -> Vec<String> {
    OPERATIONS.iter().filter(|op| op.allowed_by == allowed_by).map(Operation::action).collect()
}

fn shares(partition: &str) -> String {
    format!("arn:{partition}:ram:*:*:resource-share/*")
}

/// RAM's reads cannot be limited to resources (ram.md §6.1).
pub(super) fn reader() -> Vec<Value> {
    vec![json!({
        "Sid": "ReadShares",
        "Effect": "Allow",
        "Action": actions(AllowedBy::Reader),
        "Resource": "*",
    })]
}

/// Creates bear the mark from the start; everything else is done to what bears it.
pub(super) fn writer(partition: &str, installation: &str, allow_external: bool) -> Vec<Value> {
    let ours = installation_tag("ResourceTag");
    let marked = installation_tag("RequestTag");
    vec![
        create(&marked, installation, allow_external),
        update(partition, &ours, installation, allow_external),
        associate(partition, &ours, installation, allow_external),
        json!({
            "Sid": "SetPermissionsOfOurShares",
            "Effect": "Allow",
            "Action": "ram:AssociateResourceSharePermission",
            "Resource": shares(partition),
            "Condition": {"StringEquals": {&ours: installation}},
        }),
        // The permission is a resource of that action as well, and bears no mark. [X]
        json!({
            "Sid": "UsePermissions",
            "Effect": "Allow",
            "Action": "ram:AssociateResourceSharePermission",
            "Resource": [
                format!("arn:{partition}:ram::aws:permission/*"),
                format!("arn:{partition}:ram:*:*:permission/*"),
            ],
        }),
        // IfExists: a change of other tags does not name the mark, and one that does must not give the share away.
        json!({
            "Sid": "TagOurShares",
            "Effect": "Allow",
            "Action": "ram:TagResource",
            "Resource": shares(partition),
            "Condition": {
                "StringEquals": {&ours: installation},
                "StringEqualsIfExists": {&marked: installation},
            },
        }),
        // Taking over, putting a lost mark back, and tags that come with a create: no mark yet, and ours afterwards.
        json!({
            "Sid": "MarkUnmarkedShares",
            "Effect": "Allow",
            "Action": "ram:TagResource",
            "Resource": shares(partition),
            "Condition": {"Null": {&ours: "true"}, "StringEquals": {&marked: installation}},
        }),
        json!({
            "Sid": "UntagOurSharesExceptTheMark",
            "Effect": "Allow",
            "Action": "ram:UntagResource",
            "Resource": shares(partition),
            "Condition": {
                "StringEquals": {&ours: installation},
                "Null": {"aws:TagKeys": "false"},
                "ForAllValues:StringNotLike": {"aws:TagKeys": format!("{TAG_PREFIX}*")},
            },
        }),
    ]
}

/// Without IfExists: a create that leaves the flag out allows external principals, so it is denied. Ours always sends it.
fn create(marked: &str, installation: &str, allow_external: bool) -> Value {
    let mut condition = json!({"StringEquals": {marked: installation}});
    if !allow_external {
        insert(&mut condition, "Bool", json!({"ram:RequestedAllowsExternalPrincipals": "false"}));
    }
    json!({
        "Sid": "CreateMarkedShares",
        "Effect": "Allow",
        "Action": "ram:CreateResourceShare",
        "Resource": "*",
        "Condition": condition,
    })
}

/// IfExists: a rename does not name the flag, and leaves it as it is.
fn update(partition: &str, ours: &str, installation: &str, allow_external: bool) -> Value {
    let mut condition = json!({"StringEquals": {ours: installation}});
    if !allow_external {
        insert(&mut condition, "BoolIfExists", json!({"ram:RequestedAllowsExternalPrincipals": "false"}));
    }
    json!({
        "Sid": "UpdateOurShares",
        "Effect": "Allow",
        "Action": "ram:UpdateResourceShare",
        "Resource": shares(partition),
        "Condition": condition,
    })
}

/// Nothing is added to a share that somebody has opened to the outside.
fn associate(partition: &str, ours: &str, installation: &str, allow_external: bool) -> Value {
    let mut condition = json!({"StringEquals": {ours: installation}});
    if !allow_external {
        insert(&mut condition, "BoolIfExists", json!({"ram:AllowsExternalPrincipals": "false"}));
    }
    json!({
        "Sid": "AddToOurShares",
        "Effect": "Allow",
        "Action": "ram:AssociateResourceShare",
        "Resource": shares(partition),
        "Condition": condition,
    })
}

fn insert(condition: &mut Value, operator: &str, keys: Value) {
    if let Some(operators) = condition.as_object_mut() {
        operators.insert(operator.to_owned(), keys);
    }
}

/// Only from what bears the mark; with `undeclared` also from what bears none.
pub(super) fn remover(partition: &str, installation: &str, undeclared: bool) -> Vec<Value> {
    let ours = installation_tag("ResourceTag");
    let statement = |sid: &str, condition: Value| {
        json!({
            "Sid": sid,
            "Effect": "Allow",
            "Action": actions(AllowedBy::Remover),
            "Resource": shares(partition),
            "Condition": condition,
        })
    };
    let marked = statement("RemoveFromOurShares", json!({"StringEquals": {&ours: installation}}));
    let unmarked = statement("RemoveFromUnmarkedShares", json!({"Null": {&ours: "true"}}));
    std::iter::once(marked).chain(undeclared.then_some(unmarked)).collect()
}

/// A policy has no part that bears a mark, so a key's whole policy is in reach; which keys, the key's own policy has a say in.
/// Nobody is locked out: the check that KMS makes before it takes a policy cannot be passed over.
pub(super) fn keys(partition: &str) -> Vec<Value> {
    let keys = format!("arn:{partition}:kms:*:*:key/*");
    vec![
        json!({
            "Sid": "ReadPoliciesOfKeys",
            "Effect": "Allow",
            "Action": actions(AllowedBy::KeyReader),
            // ListKeys cannot be limited to keys.
            "Resource": "*",
        }),
        json!({
            "Sid": "ChangePoliciesOfKeys",
            "Effect": "Allow",
            "Action": actions(AllowedBy::KeyWriter),
            "Resource": keys,
            "Condition": {"Bool": {"kms:BypassPolicyLockoutSafetyCheck": "false"}},
        }),
    ]
}

/// As with keys, nothing smaller than a whole policy is in reach. A queue's or a topic's policy is one of its attributes, and IAM
/// does not tell them apart: who may change it may change how long messages are kept.
pub(super) fn resource_policies(partition: &str) -> Vec<Value> {
    let kinds = [
        ("Secrets", Service::SecretsManager, "secret:*"),
        ("Repositories", Service::Ecr, "repository/*"),
        ("Queues", Service::Sqs, "*"),
        ("Topics", Service::Sns, "*"),
    ];
    let changing = kinds.into_iter().map(|(noun, service, resource)| {
        let of_service = |op: &&Operation| op.service == service && op.allowed_by == AllowedBy::PolicyWriter;
        json!({
            "Sid": format!("ChangePoliciesOf{noun}"),
            "Effect": "Allow",
            "Action": OPERATIONS.iter().filter(of_service).map(Operation::action).collect::<Vec<_>>(),
            "Resource": format!("arn:{partition}:{service}:*:*:{resource}"),
        })
    });
    let reading = json!({
        "Sid": "ReadResourcePolicies",
        "Effect": "Allow",
        "Action": actions(AllowedBy::PolicyReader),
        // Listings cannot be limited to resources.
        "Resource": "*",
    });
    std::iter::once(reading).chain(changing).collect()
}

/// Who may come in: the controller's role, from inside the organization, knowing the external id.
pub(super) fn trust(controller: &str, organization: &str, external_id: Option<&str>) -> Vec<Value> {
    let mut equal = json!({"aws:PrincipalOrgID": organization});
    if let Some(external_id) = external_id {
        insert(&mut equal, "sts:ExternalId", json!(external_id));
    }
    vec![json!({
        "Sid": "LetTheControllerIn",
        "Effect": "Allow",
        "Principal": {"AWS": controller},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": equal},
    })]
}

/// Organizations' reads cannot be limited in a useful way: the tree is read as a whole.
pub(super) fn organization(partition: &str, enable_sharing: bool) -> Vec<Value> {
    let mut statements = vec![json!({
        "Sid": "ReadTheOrganization",
        "Effect": "Allow",
        "Action": actions(AllowedBy::Organization),
        "Resource": "*",
    })];
    if enable_sharing {
        statements.extend(enabling(partition));
    }
    statements
}

/// RAM turns on trusted access and makes its service-linked role in the caller's name (ram.md §0.11).
fn enabling(partition: &str) -> [Value; 3] {
    let role = "role/aws-service-role/ram.amazonaws.com/AWSServiceRoleForResourceAccessManager";
    [
        json!({
            "Sid": "EnableSharing",
            "Effect": "Allow",
            "Action": actions(AllowedBy::EnableSharing),
            "Resource": "*",
        }),
        json!({
            "Sid": "TrustRam",
            "Effect": "Allow",
            "Action": "organizations:EnableAWSServiceAccess",
            "Resource": "*",
            "Condition": {"StringEquals": {"organizations:ServicePrincipal": "ram.amazonaws.com"}},
        }),
        json!({
            "Sid": "MakeTheRoleOfRam",
            "Effect": "Allow",
            "Action": "iam:CreateServiceLinkedRole",
            "Resource": format!("arn:{partition}:iam::*:{role}"),
            "Condition": {"StringEquals": {"iam:AWSServiceName": "ram.amazonaws.com"}},
        }),
    ]
}

/// Into roles of these names, in accounts of the organization.
pub(super) fn controller(partition: &str, organization: &str, roles: &[String]) -> Vec<Value> {
    let roles: Vec<_> = roles.iter().map(|role| format!("arn:{partition}:iam::*:role/{role}")).collect();
    vec![json!({
        "Sid": "AssumeTheRolesOfTheAccounts",
        "Effect": "Allow",
        "Action": actions(AllowedBy::Controller),
        "Resource": roles,
        "Condition": {"StringEquals": {"aws:ResourceOrgID": organization}},
    })]
}
