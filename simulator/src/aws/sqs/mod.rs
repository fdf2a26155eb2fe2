//! Simple Queue Service: queues and their policies, as far as sharing a queue goes.
//!
//! JSON 1.0 (`X-Amz-Target: AmazonSQS.<Operation>`); errors are named as its query protocol named them, in a header. Messages,
//! attributes beside policy and encryption, and the making of queues on the wire are not simulated; tests make queues by
//! [`World::add_object`].

mod attributes;
#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::policy::{Dialect, Object, ObjectKind, Paging, Resource};
use super::refusal::Refusal;
use super::wire::input;
use super::world::World;

/// Policies of queues. What has an effect across accounts: all but the actions that sqs-limitations-of-custom-policies.html
/// names \[D].
pub(crate) static DIALECT: Dialect = Dialect {
    service: "sqs",
    across_accounts: &[
        "ChangeMessageVisibility",
        "DeleteMessage",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "PurgeQueue",
        "ReceiveMessage",
        "SendMessage",
    ],
    resource: Resource::Own,
    versioned: false,
    own_actions: true,
    never: &[],
    only: &[],
};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    queue_name: Option<String>,
    #[serde(rename = "QueueOwnerAWSAccountId")]
    owner: Option<String>,
    queue_name_prefix: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// Code and words of the query protocol.
fn no_such_queue(message: &str) -> Refusal {
    Refusal::client("AWS.SimpleQueueService.NonExistentQueue", message)
}

fn missing(member: &str) -> Refusal {
    let message = format!("The request must contain the parameter {member}.");
    Refusal::client("MissingParameter", message)
}

/// The form is that of github.com/ansible-collections/community.aws/issues/2321 \[I].
fn bad_value(value: &str, member: &str, reason: &str) -> Refusal {
    let message = format!("Value {value} for parameter {member} is invalid. Reason: {reason}");
    Refusal::client("InvalidParameterValue", message)
}

/// "Amazon SQS assigns each queue you create an identifier called a queue URL" \[D].
fn url(queue: &Object) -> String {
    let (region, account) = (&queue.holder.region, &queue.holder.account);
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://sqs.{region}.{domain}/{account}/{}", queue.name)
}

impl World {
    /// Carries out an SQS operation on parameters as they are on the wire.
    pub(crate) fn call_sqs(
        &mut self,
        caller: &Caller,
        operation: &str,
        params: &Value,
    ) -> Result<Value, Refusal> {
        match operation {
            "ListQueues" => self.list_queues(caller, params),
            "GetQueueUrl" => self.get_queue_url(caller, params),
            "GetQueueAttributes" => self.get_queue_attributes(caller, params),
            "SetQueueAttributes" => self.set_queue_attributes(caller, params),
            _ => Err(Refusal::client("UnknownOperationException", format!("{operation} is not simulated"))),
        }
    }

    /// ListQueues: all queues of the caller's account and region; without `MaxResults` 1,000 at most, and no token \[M].
    fn list_queues(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        if input.next_token.is_some() && input.max_results.is_none() {
            return Err(missing("MaxResults"));
        }
        let paging = Paging {
            operation: "ListQueues",
            members: &["NextToken", "MaxResults"],
            token: input.next_token.as_deref(),
            size: input.max_results,
            default: 1000,
            most: 1000,
        };
        let asked = input.max_results.unwrap_or_default().to_string();
        let out_of_range =
            |_: &str| bad_value(&asked, "MaxResults", "Must be between 1 and 1000, if provided.");
        let token = input.next_token.clone().unwrap_or_default();
        let invalid = || bad_value(&token, "NextToken", "Invalid token.");
        let prefix = input.queue_name_prefix.as_deref().unwrap_or_default();
        // A listing without pages is not cut by the weather either.
        let Some(_) = input.max_results else {
            let own = self.objects.of(ObjectKind::Queue, &caller.account, &caller.region);
            let urls: Vec<String> =
                own.filter(|queue| queue.name.starts_with(prefix)).map(url).take(1000).collect();
            return Ok(if urls.is_empty() { json!({}) } else { json!({"QueueUrls": urls}) });
        };
        let cut = self.cut(caller, params, &paging, out_of_range, invalid)?;
        let own = self.objects.of(ObjectKind::Queue, &caller.account, &caller.region);
        let page = cut.fill(own.map(|queue| {
            let wanted = queue.name.starts_with(prefix);
            (queue.holder.arn.clone(), wanted.then(|| Value::String(url(queue))))
        }));
        Ok(self.page_of("QueueUrls", "NextToken", page))
    }

    /// GetQueueUrl: also of another account's queue whose policy allows it \[D].
    fn get_queue_url(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let name = input.queue_name.ok_or_else(|| missing("QueueName"))?;
        let owner = input.owner.as_ref().unwrap_or(&caller.account);
        let queue = self.queue_named(owner, &caller.region, &name);
        let open = |queue: &&Object| self.open_to(&queue.holder, caller, "GetQueueUrl").is_ok();
        match queue.filter(open) {
            Some(queue) => Ok(json!({"QueueUrl": url(queue)})),
            // That one without access gets the same answer is what the words say [X].
            None if *owner == caller.account => Err(no_such_queue("The specified queue does not exist.")),
            None => Err(no_such_queue("The specified queue does not exist or you do not have access to it.")),
        }
    }

    fn queue_named(&self, account: &str, region: &str, name: &str) -> Option<&Object> {
        self.objects.find(ObjectKind::Queue, (account, region), |queue| queue.name == name)
    }

    /// The queue at a URL, where the caller may do this with it: account and name are the URL's, whatever its host; the region
    /// is the caller's.
    fn queue(&self, caller: &Caller, operation: &str, url: Option<&str>) -> Result<&Object, Refusal> {
        let url = url.ok_or_else(|| missing("QueueUrl"))?;
        let path = url.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
        let place = path.and_then(|(_, path)| path.trim_end_matches('/').split_once('/'));
        let Some((account, name)) = place else {
            let message = format!("The address {url} is not valid for this endpoint.");
            return Err(Refusal::new(404, "InvalidAddress", message));
        };
        let queue = self
            .queue_named(account, &caller.region, name)
            .ok_or_else(|| no_such_queue("The specified queue does not exist."))?;
        // Action in lower case, 403: github.com/aws/serverless-application-model/issues/3633 [I].
        let action = format!("sqs:{}", operation.to_ascii_lowercase());
        self.open_to(&queue.holder, caller, operation).map_err(|denial| {
            Refusal::new(403, "AccessDenied", denial.words(caller, &action, &queue.holder.arn))
        })?;
        Ok(queue)
    }
}
