//! Topics of Simple Notification Service.

use std::collections::BTreeSet;

use crate::{
    aws::{
        calls::Leave,
        clients::send_once,
        errors::AwsError,
        paging::{Page, collect},
        session::CellClients,
    },
    mechanism::statements::{ResourceElement, Rules},
    model::Arn,
};

/// What another account can do with a topic is among the actions of sns-access-policy-language-api-permissions-reference.html
/// \[D\].
///
/// `Read` is to subscribe and to see what the topic is; `ReadWrite` also publishes. Who publishes to a topic that is encrypted with
/// the key `alias/aws/sns` needs that key, which is its account's alone; who subscribes does not
/// (sns-key-management.html \[D\]). A topic always has a policy: it is made with one that lets its owner alone in. 30,720 bytes are
/// the most (mechanisms.md §3.7).
pub const RULES: Rules = Rules {
    read: &["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:Subscribe"],
    read_write: &["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:Publish", "sns:Subscribe"],
    resource: ResourceElement::Itself,
    size_max: 30_720,
    most: None,
    required: true,
};

/// The attribute that is the policy.
const POLICY: &str = "Policy";

/// All topics of the cell.
///
/// # Errors
/// As AWS answers.
pub async fn all(clients: &CellClients) -> Result<BTreeSet<Arn>, AwsError> {
    const NAME: &str = "ListTopics";
    let listed = collect(NAME, |token| async move {
        let request = clients.sns.list_topics().set_next_token(token);
        let answer = clients.calls.read(NAME, request.send()).await?;
        Ok(Page { items: answer.topics.unwrap_or_default(), next: answer.next_token })
    })
    .await?;
    Ok(listed.into_iter().filter_map(|topic| topic.topic_arn?.parse().ok()).collect())
}

/// The text of a topic's policy.
///
/// # Errors
/// As AWS answers.
pub async fn read(clients: &CellClients, topic: &Arn) -> Result<String, AwsError> {
    const NAME: &str = "GetTopicAttributes";
    let request = clients.sns.get_topic_attributes().topic_arn(topic.as_str());
    let answer = clients.calls.read(NAME, request.send()).await?;
    let policy = answer.attributes.and_then(|mut attributes| attributes.remove(POLICY));
    policy.ok_or_else(|| AwsError::unexpected(NAME, format!("AWS answered no policy of {topic}")))
}

/// Replaces a topic's policy.
///
/// # Errors
/// As AWS answers.
pub async fn put(clients: &CellClients, leave: &Leave, topic: &Arn, text: &str) -> Result<(), AwsError> {
    let request = clients.sns.set_topic_attributes().topic_arn(topic.as_str());
    let request = request.attribute_name(POLICY).attribute_value(text);
    let sent = send_once!(aws_sdk_sns, request);
    clients.calls.write("SetTopicAttributes", leave, sent).await.map(drop)
}
