//! What the tests of secrets, repositories, queues and topics are written with.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{NewObject, ObjectKind};
use crate::aws::example::{self, DATA_PROD, NETWORK_PROD, PARTNER, REGION, ROLE};
use crate::aws::weather::Lag;
use crate::aws::{Caller, Refusal, World};

pub(crate) const EPOCH: f64 = 1_800_000_000.0;

/// The example organization with one object of network-prod.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) arn: String,
    kind: ObjectKind,
}

impl Bench {
    pub(crate) fn new(kind: ObjectKind) -> Self {
        let mut world = example::organization(7, EPOCH);
        let arn = world.add_object(new(kind, name(kind)));
        Self { world, arn, kind }
    }

    /// As the administrator of an account.
    pub(crate) fn call(&mut self, account: &str, operation: &str, params: &Value) -> Result<Value, Refusal> {
        let service = match self.kind {
            ObjectKind::Secret => "secretsmanager",
            ObjectKind::Repository => "ecr",
            ObjectKind::Queue => "sqs",
            ObjectKind::Topic => "sns",
        };
        self.world.call(&Caller::administrator(account, REGION), service, operation, params)
    }

    pub(crate) fn code(&mut self, account: &str, operation: &str, params: &Value) -> String {
        code(self.call(account, operation, params))
    }

    /// The object's owner puts a policy.
    pub(crate) fn put(&mut self, policy: &str) -> Result<Value, Refusal> {
        let (operation, params) = match self.kind {
            ObjectKind::Secret => {
                ("PutResourcePolicy", json!({"SecretId": self.arn, "ResourcePolicy": policy}))
            }
            ObjectKind::Repository => {
                ("SetRepositoryPolicy", json!({"repositoryName": "team/app", "policyText": policy}))
            }
            ObjectKind::Queue => {
                ("SetQueueAttributes", json!({"QueueUrl": URL, "Attributes": {"Policy": policy}}))
            }
            ObjectKind::Topic => (
                "SetTopicAttributes",
                json!({"TopicArn": self.arn, "AttributeName": "Policy", "AttributeValue": policy}),
            ),
        };
        self.call(NETWORK_PROD, operation, &params)
    }

    /// What its owner reads; `None`: there is no policy.
    pub(crate) fn get(&mut self) -> Option<String> {
        let (operation, params, place) = match self.kind {
            ObjectKind::Secret => ("GetResourcePolicy", json!({"SecretId": self.arn}), "/ResourcePolicy"),
            ObjectKind::Repository => {
                ("GetRepositoryPolicy", json!({"repositoryName": "team/app"}), "/policyText")
            }
            ObjectKind::Queue => (
                "GetQueueAttributes",
                json!({"QueueUrl": URL, "AttributeNames": ["Policy"]}),
                "/Attributes/Policy",
            ),
            ObjectKind::Topic => ("GetTopicAttributes", json!({"TopicArn": self.arn}), "/Attributes/Policy"),
        };
        match self.call(NETWORK_PROD, operation, &params) {
            Ok(answer) => Some(answer.pointer(place)?.as_str().unwrap().to_owned()),
            Err(refusal) => {
                assert_eq!(refusal.code, "RepositoryPolicyNotFoundException");
                None
            }
        }
    }

    /// Statements are put past all checks.
    pub(crate) fn has(&mut self, statements: &Value) {
        let policy = Some(document(statements));
        self.world.objects.by_arn.get_mut(&self.arn).unwrap().holder.policy = policy;
    }

    pub(crate) fn granted(&mut self) -> BTreeSet<String> {
        self.world.policy_grants(EPOCH).into_iter().map(|grant| grant.principal).collect()
    }

    pub(crate) fn reach(&mut self) -> Vec<String> {
        self.world.policy_reach(EPOCH, &self.arn.clone()).into_iter().collect()
    }

    /// Each with whom its statements grant something outside of the owner's account, all of it in data-prod.
    pub(crate) fn grants(kind: ObjectKind, cases: &[(Value, &[&str])]) {
        for (statements, facts) in cases {
            let mut bench = Self::new(kind);
            bench.has(statements);
            let facts: BTreeSet<String> = facts.iter().map(|&fact| fact.to_owned()).collect();
            assert_eq!(bench.granted(), facts, "{statements}");
            assert_eq!(bench.reach(), if facts.is_empty() { vec![] } else { vec![DATA_PROD] });
        }
    }

    /// A put is refused and changes nothing; answers the refusal.
    pub(crate) fn refuses(&mut self, policy: &str, why: &str) -> Refusal {
        let before = self.get();
        let put = self.put(policy);
        assert_eq!(self.get(), before, "{why}: nothing changes");
        put.expect_err(&format!("{why}: {policy:.300}"))
    }

    /// A put has its effect at once, while readers see what was; then they see the very bytes.
    pub(crate) fn reads_lag(&mut self, policy: &str) {
        let mut weather = self.world.weather().clone();
        weather.lags.policy = Lag::Fixed(60.0);
        self.world.set_weather(weather);
        let before = self.get();
        assert_ne!(before.as_deref(), Some(policy));
        self.put(policy).unwrap();
        assert_eq!(self.get(), before, "eventual consistency");
        assert_eq!(self.reach(), [DATA_PROD], "what is in force does not lag");
        self.world.advance(EPOCH + 60.0);
        assert_eq!(self.get().as_deref(), Some(policy), "the bytes are kept [X]");
    }

    /// All rows of a listing, however it is cut into pages of two; `size` is the member that asks for them.
    pub(crate) fn list(&mut self, operation: &str, rows: &str, (token, size): (&str, &str)) -> Vec<Value> {
        let (mut all, mut next) = (Vec::new(), Value::Null);
        loop {
            let answer = self.call(NETWORK_PROD, operation, &json!({size: 2, token: next})).unwrap();
            let page = answer[rows].as_array().unwrap();
            assert!(page.len() <= 2);
            all.extend(page.clone());
            next = answer[token].clone();
            if next.is_null() {
                return all;
            }
        }
    }

    /// Some more objects of the owner, and some elsewhere.
    pub(crate) fn has_neighbours(&mut self, more: usize) {
        for index in 0..more {
            self.world.add_object(new(self.kind, &format!("more-{index:04}")));
        }
        let elsewhere = NewObject { region: "us-east-1".into(), ..new(self.kind, "elsewhere") };
        self.world.add_object(elsewhere);
        self.world.add_object(NewObject { account: PARTNER.into(), ..new(self.kind, "partners") });
        let other = if self.kind == ObjectKind::Queue { ObjectKind::Secret } else { ObjectKind::Queue };
        self.world.add_object(new(other, "of-another-kind"));
    }
}

/// Where the queue is found.
pub(crate) const URL: &str = "https://sqs.eu-west-1.amazonaws.com/111122223333/jobs";

fn name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Secret => "db/main",
        ObjectKind::Repository => "team/app",
        ObjectKind::Queue => "jobs",
        ObjectKind::Topic => "alerts",
    }
}

pub(crate) fn new(kind: ObjectKind, name: &str) -> NewObject {
    NewObject {
        kind,
        account: NETWORK_PROD.into(),
        region: REGION.into(),
        name: name.into(),
        ..NewObject::default()
    }
}

pub(crate) fn document(statements: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

pub(crate) fn root(account: &str) -> String {
    format!("arn:aws:iam::{account}:root")
}

/// The role of the example in an account.
pub(crate) fn role(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/{ROLE}")
}

/// A statement with one member replaced or added, or taken away by null.
pub(crate) fn but(statement: &Value, name: &str, value: Value) -> Value {
    let mut statement = statement.clone();
    let members = statement.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name)
    } else {
        members.insert(name.to_owned(), value)
    };
    statement
}

pub(crate) fn code(result: Result<Value, Refusal>) -> String {
    result.map_or_else(|refusal| refusal.code, |_| "ok".to_owned())
}
