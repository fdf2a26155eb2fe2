//! GetQueueAttributes and SetQueueAttributes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::missing;
use crate::aws::caller::Caller;
use crate::aws::policy::{Document, Flaw, Holder, Object};
use crate::aws::refusal::Refusal;
use crate::aws::wire::input;
use crate::aws::world::World;

/// Attributes of a queue that are not simulated \[M]: nobody is told of them.
const OTHERS: [&str; 17] = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "VisibilityTimeout",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
];

/// quotas-policies.html \[D]; that the bytes are counted as sent is assumed \[X].
const BYTES: usize = 8_192;
const STATEMENTS: usize = 20;
const PRINCIPALS: usize = 50;
const CONDITIONS: usize = 10;
const ACTIONS: usize = 7;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    queue_url: Option<String>,
    attribute_names: Option<Vec<String>>,
    attributes: Option<BTreeMap<String, String>>,
}

impl World {
    /// GetQueueAttributes: those that are asked for and there; without names none \[M].
    pub(super) fn get_queue_attributes(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let as_of = self.policy_reader();
        let queue = self.queue(caller, "GetQueueAttributes", input.queue_url.as_deref())?.clone();
        let names = input.attribute_names.unwrap_or_default();
        let policy = self.read_policy(&queue.holder.arn, as_of);
        let all = attributes(&queue, policy);
        let is_name = |name: &String| {
            ["All", "Policy", "KmsMasterKeyId"].contains(&name.as_str())
                || all.contains_key(name)
                || OTHERS.contains(&name.as_str())
        };
        if let Some(other) = names.iter().find(|name| !is_name(name)) {
            return Err(unknown(other));
        }
        let wanted = |name: &String| names.iter().any(|asked| asked == "All" || asked == name);
        let told: Map<String, Value> = all.into_iter().filter(|(name, _)| wanted(name)).collect();
        Ok(if told.is_empty() { json!({}) } else { json!({"Attributes": told}) })
    }

    /// SetQueueAttributes, as far as `Policy`: the whole document is replaced, or nothing changes. A blank one takes it away.
    pub(super) fn set_queue_attributes(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let queue = self.queue(caller, "SetQueueAttributes", input.queue_url.as_deref())?;
        let attributes = input.attributes.filter(|all| !all.is_empty());
        let attributes = attributes.ok_or_else(|| missing("Attribute.Name"))?;
        if let Some(other) = attributes.keys().find(|name| *name != "Policy") {
            return Err(unknown(other));
        }
        let policy = attributes.into_values().next().filter(|text| !text.is_empty());
        if let Some(text) = &policy {
            check_quotas(&queue.holder, text)?;
            self.admit_policy(&queue.holder, text).map_err(invalid)?;
        }
        let arn = queue.holder.arn.clone();
        self.set_policy(&arn, policy);
        Ok(json!({}))
    }
}

/// The words of github.com/aquasecurity/cloudsploit/issues/102 \[I].
fn unknown(name: &str) -> Refusal {
    Refusal::client("InvalidAttributeName", format!("Unknown Attribute {name}."))
}

/// The words of github.com/hashicorp/terraform-provider-aws/pull/42209 \[I]: SQS does not say what is wrong.
fn invalid_policy() -> Refusal {
    Refusal::client("InvalidAttributeValue", "Invalid value for the parameter Policy.")
}

/// That SQS looks for the principals is seen \[I], with the same answer.
fn invalid(_: Flaw) -> Refusal {
    invalid_policy()
}

fn attributes(queue: &Object, policy: Option<String>) -> Map<String, Value> {
    let mut all = Map::new();
    let mut tell = |name: &str, value: String| all.insert(name.to_owned(), Value::String(value));
    tell("QueueArn", queue.holder.arn.clone());
    tell("SqsManagedSseEnabled", queue.key.is_none().to_string());
    if let Some(key) = &queue.key {
        tell("KmsMasterKeyId", key.clone());
    }
    if let Some(policy) = policy {
        tell("Policy", policy);
    }
    all
}

/// That more than the quotas is an invalid value, and that principals and conditions are those of all statements, is assumed
/// \[X].
fn check_quotas(holder: &Holder, text: &str) -> Result<(), Refusal> {
    let counts = Document::read(holder.dialect, &holder.arn, text).counts();
    let fits = text.len() <= BYTES
        && counts.statements <= STATEMENTS
        && counts.principals <= PRINCIPALS
        && counts.conditions <= CONDITIONS
        && counts.actions <= ACTIONS;
    if fits { Ok(()) } else { Err(invalid_policy()) }
}
