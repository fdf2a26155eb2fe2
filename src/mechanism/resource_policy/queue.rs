//! Queues of Simple Queue Service.

use std::collections::BTreeSet;

use aws_sdk_sqs::types::QueueAttributeName;

use crate::{
    aws::{
        calls::Leave,
        clients::send_once,
        errors::{AwsError, Disposition, Remedy, Replan},
        paging::{Page, collect},
        session::CellClients,
    },
    mechanism::{
        resource_policy::Obstacle,
        statements::{Most, ResourceElement, Rules},
    },
    model::{Arn, Cell},
};

/// What another account can do with a queue at all is in sqs-customer-managed-policy-examples.html \[D\].
///
/// `Read` receives: that hides a message for a while and counts as an attempt to deal with it. `ReadWrite` also sends, and takes
/// out what it has received: the working of a queue, not its end. A statement has at most seven actions, a policy 8,192 bytes, 20
/// statements and 50 principals (quotas-policies.html \[D\]).
pub const RULES: Rules = Rules {
    read: &["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage"],
    read_write: &[
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    ],
    resource: ResourceElement::Itself,
    size_max: 8_192,
    most: Some(Most { statements: 20, principals: 50 }),
    required: false,
};

/// The most entries a page (ListQueues \[M\]).
const PAGE: i32 = 1000;
/// The key that SQS makes for each account.
const DEFAULT_KEY: &str = "alias/aws/sqs";
/// The only call that sees a queue's policy.
const READ_CALL: &str = "GetQueueAttributes";

/// All queues of the cell.
///
/// # Errors
/// As AWS answers.
pub async fn all(clients: &CellClients) -> Result<BTreeSet<Arn>, AwsError> {
    const NAME: &str = "ListQueues";
    let listed = collect(NAME, |token| async move {
        let request = clients.sqs.list_queues().max_results(PAGE).set_next_token(token);
        let answer = clients.calls.read(NAME, request.send()).await?;
        Ok(Page { items: answer.queue_urls.unwrap_or_default(), next: answer.next_token })
    })
    .await?;
    Ok(listed.iter().filter_map(|url| queue_at(url, &clients.cell)).collect())
}

/// The text of a queue's policy; none if it has none.
///
/// # Errors
/// As AWS answers.
pub async fn read(clients: &CellClients, queue: &Arn) -> Result<Option<String>, AwsError> {
    attribute(clients, queue, QueueAttributeName::Policy).await
}

/// Why nobody elsewhere could use a queue, whatever its policy says: the key that AWS manages is its own account's alone
/// (sqs-key-management.html \[D\]). Without a KMS key, or with SQS's own, anybody can.
///
/// # Errors
/// As AWS answers.
pub async fn obstacle(clients: &CellClients, queue: &Arn) -> Result<Option<Obstacle>, AwsError> {
    let key = attribute(clients, queue, QueueAttributeName::KmsMasterKeyId).await?;
    Ok(key.filter(|key| key.ends_with(DEFAULT_KEY)).map(|_| Obstacle {
        remedy: Remedy::UseOwnKey,
        message: format!(
            "{queue} is encrypted with the key aws/sqs, which other accounts cannot use; encrypt it with SQS's own encryption, or with a customer managed key that is shared with the same targets"
        ),
    }))
}

/// Replaces a queue's policy, or takes it away. It can be a minute until that is in force (SetQueueAttributes \[D\]).
///
/// # Errors
/// As AWS answers.
pub async fn put(
    clients: &CellClients,
    leave: &Leave,
    queue: &Arn,
    text: Option<&str>,
) -> Result<(), AwsError> {
    let url = url(clients, queue).await?;
    // An empty text takes the policy away (Terraform does the same \[C\]).
    let request = clients.sqs.set_queue_attributes().queue_url(url);
    let request = request.attributes(QueueAttributeName::Policy, text.unwrap_or_default());
    let sent = send_once!(aws_sdk_sqs, request);
    clients.calls.write("SetQueueAttributes", leave, sent).await.map(drop)
}

async fn attribute(
    clients: &CellClients,
    queue: &Arn,
    name: QueueAttributeName,
) -> Result<Option<String>, AwsError> {
    let url = url(clients, queue).await?;
    let request = clients.sqs.get_queue_attributes().queue_url(url).attribute_names(name.clone());
    let answer = clients.calls.read(READ_CALL, request.send()).await?;
    let value = answer.attributes.and_then(|mut attributes| attributes.remove(&name));
    Ok(value.filter(|text| !text.is_empty()))
}

/// Asked for each time: AWS may change what it is made of (sqs-queue-message-identifiers.html \[D\]).
async fn url(clients: &CellClients, queue: &Arn) -> Result<String, AwsError> {
    const NAME: &str = "GetQueueUrl";
    let request = clients.sqs.get_queue_url().queue_name(queue.resource());
    let request = request.queue_owner_aws_account_id(queue.account());
    let answer = match clients.calls.read(NAME, request.send()).await {
        Err(error) if error.disposition == Disposition::Replan(Replan::UnknownResource) => {
            return Err(absence(clients, queue, error).await?);
        }
        answer => answer?,
    };
    answer.queue_url.ok_or_else(|| AwsError::unexpected(NAME, format!("AWS answered no URL of {queue}")))
}

/// AWS answers alike for a queue that is not there and for one that may not be seen ("does not exist or you do not have access to
/// it" \[I\]): only a listing without it says that it is gone.
async fn absence(clients: &CellClients, queue: &Arn, answer: AwsError) -> Result<AwsError, AwsError> {
    const NAME: &str = "ListQueues";
    let listed = collect(NAME, |token| async move {
        let request = clients.sqs.list_queues().queue_name_prefix(queue.resource()).max_results(PAGE);
        let answer = clients.calls.read(NAME, request.set_next_token(token).send()).await?;
        Ok(Page { items: answer.queue_urls.unwrap_or_default(), next: answer.next_token })
    })
    .await?;
    let is_listed = listed.iter().any(|url| queue_at(url, &clients.cell).as_ref() == Some(queue));
    Ok(if is_listed { AwsError { disposition: Disposition::Denied, ..answer } } else { answer })
}

/// The queue of a URL, which ends with its account and name, whatever its host (same page).
fn queue_at(url: &str, cell: &Cell) -> Option<Arn> {
    let mut parts = url.rsplit('/');
    let (name, account) = (parts.next()?, parts.next()?);
    format!("arn:{}:sqs:{}:{account}:{name}", cell.region.partition(), cell.region).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_any_form_tells_its_queue() {
        let cell = Cell { account: "111122223333".parse().unwrap(), region: "eu-west-1".parse().unwrap() };
        let table = [
            ("https://sqs.eu-west-1.amazonaws.com/111122223333/orders", Some("orders")),
            ("https://eu-west-1.queue.amazonaws.com/111122223333/orders.fifo", Some("orders.fifo")),
            ("http://localhost:4566/000000000000/111122223333/orders", Some("orders")),
            ("orders", None),
        ];
        for (url, name) in table {
            let arn = name.map(|name| format!("arn:aws:sqs:eu-west-1:111122223333:{name}"));
            assert_eq!(queue_at(url, &cell).map(|arn| arn.to_string()), arn, "{url}");
        }
    }
}
