//! Keys, secrets, repositories, queues and topics of network-prod, and what people do with their policies.

use serde_json::{Value, json};
use simulator::aws::{
    Caller,
    action::Action,
    example,
    kms::NewKey,
    policy::{NewObject, ObjectKind},
};

use super::{PARTNER, World, policy};

pub const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
pub const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db/main-a1B2c3";
pub const REPOSITORY: &str = "arn:aws:ecr:eu-west-1:111122223333:repository/team/app";
pub const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:orders";
pub const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:alerts";
/// As a person keeps it, white space included.
pub const KEY_POLICY: &str = r#"{
  "Version" : "2012-10-17",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions", "Effect" : "Allow",
    "Principal" : { "AWS" : "arn:aws:iam::111122223333:root" }, "Action" : "kms:*", "Resource" : "*"
  } ]
}"#;

impl World {
    /// With the basics, a key of network-prod, and a policy that lets it be shared.
    pub async fn with_key(seed: u64) -> Self {
        let world = Self::with_basics(seed).await;
        world.act(Action::AddKey {
            key: NewKey {
                account: example::NETWORK_PROD.into(),
                region: example::REGION.into(),
                id: KEY.rsplit('/').next().map(str::to_owned),
                policy: Some(KEY_POLICY.into()),
                ..NewKey::default()
            },
        });
        let allow = json!({"resourceTypes": ["kms:Key", "ec2:TransitGateway"], "organizationalUnits": ["Root/Workloads"],
            "external": {"accounts": [PARTNER], "maxDuration": "90d"}});
        world.apply(policy("keys", allow)).await;
        world
    }

    /// With a key, a secret, a repository and a queue of network-prod that can be shared, and a policy that lets them be.
    pub async fn with_objects(seed: u64) -> Self {
        let world = Self::with_key(seed).await;
        for object in [SECRET, REPOSITORY, QUEUE, TOPIC] {
            world.replace_object(object, None);
        }
        let types = [
            "kms:Key",
            "secretsmanager:Secret",
            "ecr:Repository",
            "sqs:Queue",
            "sns:Topic",
            "ec2:TransitGateway",
        ];
        let allow = json!({"resourceTypes": types, "organizationalUnits": ["Root/Workloads"],
            "external": {"accounts": [PARTNER], "maxDuration": "90d"}});
        world.apply(policy("objects", allow)).await;
        world
    }

    /// Makes an object of network-prod.
    pub fn add_object(&self, object: NewObject) -> String {
        let made = self.act(Action::AddObject {
            object: NewObject {
                account: example::NETWORK_PROD.into(),
                region: example::REGION.into(),
                ..object
            },
        });
        made["object"].as_str().unwrap().to_owned()
    }

    /// Makes an object anew with a policy that nobody has checked.
    pub fn replace_object(&self, object: &str, policy: Option<&str>) {
        let resource = object.splitn(6, ':').last().unwrap();
        let policy = policy.map(str::to_owned);
        if object == KEY {
            let id = Some(resource.trim_start_matches("key/").to_owned());
            let (account, region) = (example::NETWORK_PROD.into(), example::REGION.into());
            self.act(Action::AddKey { key: NewKey { account, region, id, policy, ..NewKey::default() } });
            return;
        }
        let (kind, name, suffix) = match resource.split_once(['/', ':']) {
            Some(("repository", name)) => (ObjectKind::Repository, name, None),
            Some((_, secret)) => {
                let (name, suffix) = secret.rsplit_once('-').unwrap();
                (ObjectKind::Secret, name, Some(suffix.to_owned()))
            }
            None if object == TOPIC => (ObjectKind::Topic, resource, None),
            None => (ObjectKind::Queue, resource, None),
        };
        let key = Some(KEY.to_owned());
        let object = NewObject { kind, name: name.to_owned(), suffix, policy, key, ..NewObject::default() };
        self.add_object(object);
    }

    /// A person of network-prod replaces the policy of an object, or takes it away.
    pub fn put_policy(&self, object: &str, policy: Option<&str>) {
        let caller = Caller::administrator(example::NETWORK_PROD, example::REGION);
        let resource = object.splitn(6, ':').last().unwrap();
        let name = resource.trim_start_matches("repository/");
        let url = format!("https://sqs.eu-west-1.amazonaws.com/{}/{name}", example::NETWORK_PROD);
        let text = policy.unwrap_or_default();
        let (service, operation, params) = match (object, policy) {
            (KEY, _) => {
                ("kms", "PutKeyPolicy", json!({"KeyId": object, "PolicyName": "default", "Policy": text}))
            }
            (SECRET, Some(_)) => {
                ("secretsmanager", "PutResourcePolicy", json!({"SecretId": object, "ResourcePolicy": text}))
            }
            (SECRET, None) => ("secretsmanager", "DeleteResourcePolicy", json!({"SecretId": object})),
            (REPOSITORY, Some(_)) => {
                ("ecr", "SetRepositoryPolicy", json!({"repositoryName": name, "policyText": text}))
            }
            (REPOSITORY, None) => ("ecr", "DeleteRepositoryPolicy", json!({"repositoryName": name})),
            (TOPIC, _) => {
                let params = json!({"TopicArn": object, "AttributeName": "Policy", "AttributeValue": text});
                ("sns", "SetTopicAttributes", params)
            }
            _ => ("sqs", "SetQueueAttributes", json!({"QueueUrl": url, "Attributes": {"Policy": text}})),
        };
        let answer = self.aws.world().call(&caller, service, operation, &params);
        self.guard.look_away();
        answer.unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));
    }

    /// The writes to policies of objects that had an effect.
    pub fn writes_to_objects(&self) -> Vec<String> {
        self.aws_writes()
            .into_iter()
            .filter(|write| ["Polic", "Queue", "Topic"].iter().any(|word| write.contains(word)))
            .collect()
    }
}
