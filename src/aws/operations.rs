//! Every AWS operation that this product calls, and which of its IAM policies allows it: the one list that the metrics'
//! labels, `sharekeeper iam` and the tests share.

use std::fmt;

/// An AWS service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Elastic Container Registry.
    Ecr,
    /// Organizations.
    Organizations,
    /// Key Management Service.
    Kms,
    /// Resource Access Manager.
    Ram,
    /// Secrets Manager.
    SecretsManager,
    /// Simple Notification Service.
    Sns,
    /// Simple Queue Service.
    Sqs,
    /// Security Token Service.
    Sts,
}

impl Service {
    /// The prefix of its actions in IAM.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ecr => "ecr",
            Self::Kms => "kms",
            Self::Organizations => "organizations",
            Self::Ram => "ram",
            Self::SecretsManager => "secretsmanager",
            Self::Sns => "sns",
            Self::Sqs => "sqs",
            Self::Sts => "sts",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which policy allows an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AllowedBy {
    /// What sees all shares of an account and changes nothing: all that mode Report needs.
    Reader,
    /// What makes shares and adds to them: with the reader's, all that mode AddOnly needs.
    Writer,
    /// What takes grants away: with both, what mode Enforce needs.
    Remover,
    /// What sees the policies of keys.
    KeyReader,
    /// What changes the policies of keys: it adds to them and takes away.
    KeyWriter,
    /// What sees the policies of secrets, repositories, queues and topics.
    PolicyReader,
    /// What changes those policies: it adds to them and takes away.
    PolicyWriter,
    /// What sees the organization.
    Organization,
    /// What lets RAM share with the organization: `ramSharing: Enable`.
    EnableSharing,
    /// The controller's own identity, from which it goes into all others.
    Controller,
    /// None: AWS asks nobody for a permission.
    Nobody,
}

/// An operation that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    /// Whose operation.
    pub service: Service,
    /// AWS's name of it.
    pub name: &'static str,
    /// Which policy allows it.
    pub allowed_by: AllowedBy,
}

impl Operation {
    const fn new(service: Service, name: &'static str, allowed_by: AllowedBy) -> Self {
        Self { service, name, allowed_by }
    }

    /// The action that IAM asks about: `ram:CreateResourceShare`.
    pub fn action(&self) -> String {
        format!("{}:{}", self.service, self.name)
    }

    /// The operation of this name, if it is one that is called. No name is that of two services' operations.
    pub fn named(name: &str) -> Option<Self> {
        OPERATIONS.iter().copied().find(|operation| operation.name == name)
    }
}

/// All of them.
pub const OPERATIONS: &[Operation] = &[
    Operation::new(Service::Ram, "GetResourceShares", AllowedBy::Reader),
    Operation::new(Service::Ram, "GetResourceShareAssociations", AllowedBy::Reader),
    Operation::new(Service::Ram, "ListPermissionAssociations", AllowedBy::Reader),
    Operation::new(Service::Ram, "ListResourceSharePermissions", AllowedBy::Reader),
    Operation::new(Service::Ram, "ListPermissions", AllowedBy::Reader),
    Operation::new(Service::Ram, "ListResourceTypes", AllowedBy::Reader),
    Operation::new(Service::Ram, "CreateResourceShare", AllowedBy::Writer),
    Operation::new(Service::Ram, "UpdateResourceShare", AllowedBy::Writer),
    Operation::new(Service::Ram, "AssociateResourceShare", AllowedBy::Writer),
    Operation::new(Service::Ram, "AssociateResourceSharePermission", AllowedBy::Writer),
    Operation::new(Service::Ram, "TagResource", AllowedBy::Writer),
    Operation::new(Service::Ram, "UntagResource", AllowedBy::Writer),
    Operation::new(Service::Ram, "DisassociateResourceShare", AllowedBy::Remover),
    Operation::new(Service::Ram, "DeleteResourceShare", AllowedBy::Remover),
    Operation::new(Service::Kms, "ListKeys", AllowedBy::KeyReader),
    Operation::new(Service::Kms, "GetKeyPolicy", AllowedBy::KeyReader),
    Operation::new(Service::Kms, "PutKeyPolicy", AllowedBy::KeyWriter),
    Operation::new(Service::Ecr, "DescribeRepositories", AllowedBy::PolicyReader),
    Operation::new(Service::Ecr, "GetRepositoryPolicy", AllowedBy::PolicyReader),
    Operation::new(Service::Ecr, "SetRepositoryPolicy", AllowedBy::PolicyWriter),
    Operation::new(Service::Ecr, "DeleteRepositoryPolicy", AllowedBy::PolicyWriter),
    Operation::new(Service::SecretsManager, "ListSecrets", AllowedBy::PolicyReader),
    Operation::new(Service::SecretsManager, "DescribeSecret", AllowedBy::PolicyReader),
    Operation::new(Service::SecretsManager, "GetResourcePolicy", AllowedBy::PolicyReader),
    Operation::new(Service::SecretsManager, "PutResourcePolicy", AllowedBy::PolicyWriter),
    Operation::new(Service::SecretsManager, "DeleteResourcePolicy", AllowedBy::PolicyWriter),
    Operation::new(Service::Sns, "ListTopics", AllowedBy::PolicyReader),
    Operation::new(Service::Sns, "GetTopicAttributes", AllowedBy::PolicyReader),
    Operation::new(Service::Sns, "SetTopicAttributes", AllowedBy::PolicyWriter),
    Operation::new(Service::Sqs, "ListQueues", AllowedBy::PolicyReader),
    Operation::new(Service::Sqs, "GetQueueUrl", AllowedBy::PolicyReader),
    Operation::new(Service::Sqs, "GetQueueAttributes", AllowedBy::PolicyReader),
    Operation::new(Service::Sqs, "SetQueueAttributes", AllowedBy::PolicyWriter),
    Operation::new(Service::Organizations, "DescribeOrganization", AllowedBy::Organization),
    Operation::new(Service::Organizations, "ListRoots", AllowedBy::Organization),
    Operation::new(Service::Organizations, "ListOrganizationalUnitsForParent", AllowedBy::Organization),
    Operation::new(Service::Organizations, "ListAccounts", AllowedBy::Organization),
    Operation::new(Service::Organizations, "ListParents", AllowedBy::Organization),
    Operation::new(Service::Organizations, "ListAWSServiceAccessForOrganization", AllowedBy::Organization),
    Operation::new(Service::Ram, "EnableSharingWithAwsOrganization", AllowedBy::EnableSharing),
    Operation::new(Service::Sts, "AssumeRole", AllowedBy::Controller),
    Operation::new(Service::Sts, "GetCallerIdentity", AllowedBy::Nobody),
];
