//! Kinds of objects that let others in by a policy of their own.

use super::{Arn, Mechanism, ResourceType};

/// A kind of object that has a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A key of Key Management Service.
    Key,
    /// A secret of Secrets Manager.
    Secret,
    /// A repository of Elastic Container Registry.
    Repository,
    /// A queue of Simple Queue Service.
    Queue,
    /// A topic of Simple Notification Service.
    Topic,
}

impl ObjectKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Key, Self::Secret, Self::Repository, Self::Queue, Self::Topic];

    /// The kind of the object that an ARN names; none where it is shared in another way, or not known.
    pub fn of(object: &Arn) -> Option<Self> {
        ResourceType::of(object)?.object
    }

    /// How it is shared.
    pub fn mechanism(self) -> Mechanism {
        match self {
            Self::Key => Mechanism::Key,
            Self::Secret | Self::Repository | Self::Queue | Self::Topic => Mechanism::ResourcePolicy,
        }
    }

    /// What people call one.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Secret => "secret",
            Self::Repository => "repository",
            Self::Queue => "queue",
            Self::Topic => "topic",
        }
    }

    /// The IAM action that changes its policy.
    pub fn write_action(self) -> &'static str {
        match self {
            Self::Key => "kms:PutKeyPolicy",
            Self::Secret => "secretsmanager:PutResourcePolicy",
            Self::Repository => "ecr:SetRepositoryPolicy",
            Self::Queue => "sqs:SetQueueAttributes",
            Self::Topic => "sns:SetTopicAttributes",
        }
    }
}
