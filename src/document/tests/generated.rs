use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::{Document, Grantee, Statement, Unsafe, check_generated},
    evaluate::{CALLERS, like, names_everyone},
    samples::{condition, statement},
};

fn statement_with(changes: &Value) -> Value {
    let mut statement = json!({"Sid": "sk", "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:Decrypt", "Resource": "*"});
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(statement.as_object_mut().unwrap().remove(name)),
            value => statement[name] = value.clone(),
        }
    }
    statement
}

#[test]
fn what_we_share_passes() {
    let organization = json!({"StringEquals": {"aws:PrincipalOrgID": "o-a"}});
    let grant = json!({"Bool": {"kms:GrantIsForAWSResource": "true"}});
    let table = [
        json!({}),
        json!({"Principal": {"AWS": ["111122223333", "arn:aws:iam::444455556666:role/r"]}}),
        json!({"Principal": "*", "Condition": organization}),
        json!({"Principal": {"AWS": "*"}, "Condition": organization}),
        json!({"Principal": "*", "Condition": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a/r-1/ou-1/*"}}}),
        json!({"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a", "kms:CallerAccount": "111122223333"}}}),
        json!({"Action": ["kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey", "kms:Describe*"]}),
        json!({"Action": ["s3:Get*", "s3:ListBucket", "s3:PutObject", "s3:AbortMultipartUpload"]}),
        json!({"Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:PutImage", "ecr:BatchCheck*"]}),
        json!({"Action": ["sns:Publish", "sns:Subscribe", "sqs:SendMessage", "sqs:ReceiveMessage", "backup:CopyIntoBackupVault"]}),
        json!({"Action": ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "lambda:GetLayerVersion", "glue:Get*"]}),
        json!({"Action": "kms:CreateGrant", "Condition": grant}),
        json!({"Action": ["kms:Decrypt", "KMS:creategrant"], "Condition": {"bool": {"KMS:GrantIsForAWSResource": true}}}),
        json!({"Resource": null}),
    ];
    for changes in table {
        let statement = statement_with(&changes);
        assert_eq!(check_generated(&statement), Ok(()), "{statement}");
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn what_gives_away_the_resource_is_refused() {
    let forbidden = [
        "*",
        "kms",
        "kms:*",
        "*:*",
        "*:Get*",
        "s3:*",
        "kms:?*",
        "kms:*Key",
        "kms:D*",
        "kms:De*",
        "s3:P*",
        "k*:Create*",
        "kms:PutKeyPolicy",
        "KMS:putkeypolicy",
        "kms:Put*",
        "s3:PutBucketPolicy",
        "s3:PutBucketAcl",
        "s3:PutObjectAcl",
        "s3:PutBucketOwnershipControls",
        "s3:PutBucketPublicAccessBlock",
        "s3:PutAccessPointPolicy",
        "ecr:SetRepositoryPolicy",
        "ecr:PutLifecyclePolicy",
        "ecr:Set*",
        "secretsmanager:PutResourcePolicy",
        "sns:AddPermission",
        "sns:RemovePermission",
        "sns:SetTopicAttributes",
        "sns:Set*",
        "sqs:AddPermission",
        "sqs:RemovePermission",
        "sqs:SetQueueAttributes",
        "lambda:AddLayerVersionPermission",
        "lambda:RemoveLayerVersionPermission",
        "lambda:AddPermission",
        "backup:PutBackupVaultAccessPolicy",
        "glue:PutResourcePolicy",
        "ssm:ModifyDocumentPermission",
        "kms:ScheduleKeyDeletion",
        "kms:DeleteImportedKeyMaterial",
        "s3:DeleteObject",
        "s3:DeleteBucketPolicy",
        "s3:Delete*",
        "ecr:BatchDeleteImage",
        "ecr:DeleteRepository",
        "secretsmanager:DeleteSecret",
        "sqs:PurgeQueue",
        "sqs:DeleteMessage*",
        "sqs:DeleteMessageBatch?",
        "sqs:DeleteQueue",
        "*:DeleteMessage",
        "sns:DeleteTopic",
        "backup:DeleteBackupVault",
        "glue:BatchDeleteTable",
        "kms:CreateGrant",
        "kms:CreateGrant*",
        "kms:RevokeGrant",
        "kms:RetireGrant",
        "kms:Re*",
        "kms:CreateG?ant",
        "kms:${x}",
        "kms:Decrypt ",
        "kms:Decrypt:x",
        "",
    ];
    for action in forbidden {
        let statement = statement_with(&json!({"Action": ["kms:Decrypt", action]}));
        assert_eq!(check_generated(&statement), Err(Unsafe::Action(action.into())), "{action}");
    }
}

#[test]
fn a_message_may_be_taken_out_of_a_queue() {
    let statement = statement_with(&json!({"Action": ["sqs:ReceiveMessage", "SQS:DeleteMessage"]}));
    assert_eq!(check_generated(&statement), Ok(()));
}

#[test]
fn only_create_grant_itself_has_the_exception_and_only_when_it_holds() {
    let with = |action: &str, condition: Value| {
        check_generated(&statement_with(&json!({"Action": action, "Condition": condition})))
    };
    let holds = json!({"Bool": {"kms:GrantIsForAWSResource": "true"}});
    for action in [
        "kms:CreateGrant*",
        "kms:CreateGran?",
        "kms:RevokeGrant",
        "kms:RetireGrant",
        "kms:PutKeyPolicy",
        "kms:*",
    ] {
        assert!(matches!(with(action, holds.clone()), Err(Unsafe::Action(_))), "{action}");
    }
    for condition in [
        json!({"Bool": {"kms:GrantIsForAWSResource": "false"}}),
        json!({"Bool": {"kms:GrantIsForAWSResource": ["true", "false"]}}),
        json!({"BoolIfExists": {"kms:GrantIsForAWSResource": "true"}}),
        json!({"StringEquals": {"kms:GrantIsForAWSResource": "true"}}),
        json!({"Bool": {"aws:SecureTransport": "true"}}),
    ] {
        assert!(matches!(with("kms:CreateGrant", condition.clone()), Err(Unsafe::Action(_))), "{condition}");
    }
}

#[test]
fn nobody_is_let_in_unnamed() {
    let org = "aws:PrincipalOrgID";
    let open = [
        json!({"Principal": "*"}),
        json!({"Principal": {"AWS": ["111122223333", "*"]}}),
        json!({"Principal": {"AWS": "arn:aws:iam::*:root"}, "Condition": {"StringEquals": {org: "o-a"}}}),
        json!({"Principal": {"Service": "*"}, "Condition": {"StringEquals": {org: "o-a"}}}),
        json!({"Principal": "*", "Condition": {"StringEqualsIfExists": {org: "o-a"}}}),
        json!({"Principal": "*", "Condition": {"StringNotEquals": {org: "o-a"}}}),
        json!({"Principal": "*", "Condition": {"StringLike": {org: "o-*"}}}),
        json!({"Principal": "*", "Condition": {"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "o-a/*"}}}),
        json!({"Principal": "*", "Condition": {"StringEquals": {"kms:CallerAccount": "111122223333"}}}),
        json!({"Principal": "*", "Condition": {"StringEquals": {"aws:SourceOwner": "111122223333"}}}),
    ];
    for changes in open {
        assert_eq!(check_generated(&statement_with(&changes)), Err(Unsafe::Everyone), "{changes}");
    }
    let organization = json!({"StringEquals": {org: "o-a"}});
    let elements = [
        (json!({"Principal": null, "NotPrincipal": {"AWS": "1"}, "Condition": organization}), "NotPrincipal"),
        (json!({"Action": null, "NotAction": "kms:PutKeyPolicy"}), "NotAction"),
        (json!({"Resource": null, "NotResource": "x"}), "NotResource"),
        (json!({"condition": organization}), "condition"),
    ];
    for (changes, element) in elements {
        assert_eq!(
            check_generated(&statement_with(&changes)),
            Err(Unsafe::Element(element.into())),
            "{changes}"
        );
    }
    assert_eq!(check_generated(&statement_with(&json!({"Effect": "Deny"}))), Err(Unsafe::Denies));
    assert!(matches!(check_generated(&json!({"Action": "x"})), Err(Unsafe::Malformed(_))));
}

/// Operations that must never be granted, in lower case.
const NEVER: [&str; 12] = [
    "kms:putkeypolicy",
    "s3:putbucketpolicy",
    "ecr:setrepositorypolicy",
    "sns:addpermission",
    "sqs:setqueueattributes",
    "glue:putresourcepolicy",
    "kms:schedulekeydeletion",
    "s3:deleteobject",
    "sqs:purgequeue",
    "kms:revokegrant",
    "kms:retiregrant",
    "lambda:addlayerversionpermission",
];

proptest! {
    /// A pattern made of an operation by putting wildcards into it, or of nothing.
    #[test]
    fn no_wildcard_hides_an_action(never in prop::sample::select(&NEVER[..]), holes in prop::collection::vec((0usize..30, 0usize..6, "[*?]|\\*\\*"), 0..4), free in "(kms|s3|\\*|s?):[a-e*?]{0,4}") {
        let mut pattern = never.to_owned();
        for (at, length, with) in holes {
            let at = at.min(pattern.len());
            let end = (at + length).min(pattern.len());
            pattern.replace_range(at..end, &with);
        }
        for pattern in [pattern, free] {
            let verdict = check_generated(&statement_with(&json!({"Action": pattern})));
            if NEVER.iter().any(|never| like(&pattern, never)) {
                prop_assert_eq!(verdict, Err(Unsafe::Action(pattern)));
            }
        }
    }

    /// What passes with `*` lets nobody in from outside an organization, by IAM's own evaluation.
    #[test]
    fn what_passes_is_closed_to_those_outside(sample in statement(), condition in condition()) {
        let mut value = sample.value();
        value["Condition"] = condition.value();
        value.as_object_mut().unwrap().remove("x-Unknown");
        let statement = Statement::of(&value).unwrap();
        if check_generated(&value).is_ok() && names_everyone(&statement) {
            let outside = CALLERS.iter().filter(|caller| caller.organization.is_none());
            prop_assert!(!outside.clone().any(|caller| caller.is_let_in(&statement)), "{}", value);
            value["Sid"] = "s".into();
            let document = Document::empty().with_statement("s", &value).unwrap();
            prop_assert!(document.access().iter().all(|grant| grant.grantee != Grantee::Everyone));
        }
    }
}
