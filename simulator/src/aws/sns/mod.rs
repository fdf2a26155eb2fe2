//! Simple Notification Service: topics and their policies, as far as sharing a topic goes.
//!
//! The query protocol: a form (`Action=…&Version=2010-03-31`), answered in XML. Subscriptions, messages, attributes beside
//! policy, owner and encryption, and the making of topics on the wire are not simulated; tests make topics by
//! [`World::add_object`].

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::policy::{Denial, Dialect, Flaw, Object, ObjectKind, Paging, Resource};
use super::refusal::Refusal;
use super::wire::input;
use super::world::World;

/// Policies of topics. What has an effect across accounts: github.com/nccgroup/ScoutSuite/issues/1415 \[I], which names all
/// actions of the default policy; of SetTopicAttributes the model says that it is for "a topic owner" \[M]. A policy names these and `Receive` (github.com/aws/aws-cli/issues/3143 \[I]); others are
/// refused (github.com/hashicorp/terraform/issues/12740 \[I]). That no pattern is taken, not `SNS:*` either, is what people
/// report; the first of these issues has one with `sns:*` \[X]. `*` as a resource: CloudFormation User Guide, "Declaring an
/// Amazon SNS topic policy" \[D].
pub(crate) static DIALECT: Dialect = Dialect {
    service: "sns",
    across_accounts: &ACTIONS,
    resource: Resource::One,
    versioned: false,
    own_actions: true,
    never: &[],
    only: &[
        "AddPermission",
        "DeleteTopic",
        "GetTopicAttributes",
        "ListSubscriptionsByTopic",
        "Publish",
        "Receive",
        "RemovePermission",
        "SetTopicAttributes",
        "Subscribe",
    ],
};

/// Those of the default policy, in its order.
const ACTIONS: [&str; 8] = [
    "GetTopicAttributes",
    "SetTopicAttributes",
    "AddPermission",
    "RemovePermission",
    "DeleteTopic",
    "Subscribe",
    "ListSubscriptionsByTopic",
    "Publish",
];

/// Access Analyzer's model \[M]; that it is SNS's own limit, and that bytes are counted as sent, is assumed \[X].
const BYTES: usize = 30_720;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    topic_arn: Option<String>,
    attribute_name: Option<String>,
    attribute_value: Option<String>,
    next_token: Option<String>,
}

/// What SNS puts on a new topic: "By default, only the topic owner can publish or subscribe to the topic" \[M]; the document
/// as in github.com/DataBiosphere/azul/pull/5651 \[I], without the `Receive` of former years.
pub(crate) fn default_policy(arn: &str, account: &str) -> String {
    let actions = ACTIONS.map(|action| format!("SNS:{action}"));
    let statement = json!({
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": actions,
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
    });
    json!({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}).to_string()
}

/// The form of all that SNS says of parameters, such as in github.com/boto/boto3/issues/1084 \[I].
fn invalid(what: &str) -> Refusal {
    Refusal::client("InvalidParameter", format!("Invalid parameter: {what}"))
}

/// What is wrong with a policy. `null`: github.com/serverless/serverless/issues/5519 and, for one without statements,
/// github.com/cloud-custodian/cloud-custodian/issues/1779 \[I]. The action: github.com/hashicorp/terraform/issues/12740 \[I].
/// The principal: github.com/hashicorp/terraform-provider-aws/issues/26041 \[I]. The resource: what people report of a
/// statement with several; that it is the same for another one is assumed \[X].
fn invalid_policy(flaw: &Flaw) -> Refusal {
    invalid(match flaw {
        Flaw::Form(_) => "Policy Error: null",
        Flaw::Action(_) => "Policy statement action out of service scope!",
        Flaw::Resource(_) => "Policy statement must apply to a single resource!",
        Flaw::Principal => "Policy Error: PrincipalNotFound",
    })
}

impl World {
    /// Carries out an SNS operation on parameters as they are on the wire.
    pub(crate) fn call_sns(
        &mut self,
        caller: &Caller,
        operation: &str,
        params: &Value,
    ) -> Result<Value, Refusal> {
        match operation {
            "ListTopics" => self.list_topics(caller, params),
            "GetTopicAttributes" => self.get_topic_attributes(caller, params),
            "SetTopicAttributes" => self.set_topic_attributes(caller, params),
            _ => Err(Refusal::client("InvalidAction", format!("Could not find operation {operation}"))),
        }
    }

    /// ListTopics: all topics of the caller's account and region, 100 a page \[M].
    fn list_topics(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let paging = Paging {
            operation: "ListTopics",
            members: &["NextToken"],
            token: input.next_token.as_deref(),
            size: None,
            default: 100,
            most: 100,
        };
        // Code and words are assumed [X].
        let cut = self.cut(caller, params, &paging, invalid, || invalid("NextToken"))?;
        let own = self.objects.of(ObjectKind::Topic, &caller.account, &caller.region);
        let page = cut.fill(own.map(|topic| {
            let arn = &topic.holder.arn;
            (arn.clone(), Some(json!({"TopicArn": arn})))
        }));
        Ok(self.page_of("Topics", "NextToken", page))
    }

    /// GetTopicAttributes: those that there are of the simulated ones.
    fn get_topic_attributes(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let as_of = self.policy_reader();
        let topic = self.topic(caller, "GetTopicAttributes", input.topic_arn.as_deref())?.clone();
        let policy = self.read_policy(&topic.holder.arn, as_of);
        let all = [
            ("TopicArn", Some(topic.holder.arn)),
            ("Owner", Some(topic.holder.account)),
            ("Policy", policy),
            ("KmsMasterKeyId", topic.key),
        ];
        let there = all.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)));
        Ok(json!({"Attributes": there.collect::<BTreeMap<_, _>>()}))
    }

    /// SetTopicAttributes, as far as `Policy`: the whole document is replaced, or nothing changes. An empty one is refused: "It
    /// is impossible to delete a policy or set to empty" (topic_policy.go of hashicorp/terraform-provider-aws \[C]); in which
    /// words is assumed \[X].
    fn set_topic_attributes(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let topic = self.topic(caller, "SetTopicAttributes", input.topic_arn.as_deref())?;
        if input.attribute_name.as_deref() != Some("Policy") {
            // The words are assumed [X].
            return Err(invalid("AttributeName"));
        }
        let policy = input.attribute_value.unwrap_or_default();
        if policy.len() > BYTES {
            // The words are assumed [X].
            return Err(invalid("Policy Error: null"));
        }
        self.admit_policy(&topic.holder, &policy).map_err(|flaw| invalid_policy(&flaw))?;
        let arn = topic.holder.arn.clone();
        self.set_policy(&arn, Some(policy));
        Ok(json!({}))
    }

    /// The topic of an ARN, where the caller may do this with it. Refusals: github.com/boto/boto3/issues/1084 for another region
    /// \[I], github.com/aws-samples/amazon-rekognition-video-analyzer/issues/41 for what is no ARN \[I]. A topic of another
    /// account that there is not is as closed as one that is there \[X].
    fn topic(&self, caller: &Caller, operation: &str, arn: Option<&str>) -> Result<&Object, Refusal> {
        let arn = arn.ok_or_else(|| invalid("TopicArn"))?;
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let [_, _, service, region, account, _] = parts.as_slice() else {
            let count = parts.len();
            return Err(invalid(&format!(
                "TopicArn Reason: An ARN must have at least 6 elements, not {count}"
            )));
        };
        if *service != "sns" || *region != caller.region {
            return Err(invalid("TopicArn"));
        }
        let denied = |denial: Denial| {
            let action = format!("SNS:{operation}");
            Refusal::new(403, "AuthorizationError", denial.words(caller, &action, arn))
        };
        let place = (*account, caller.region.as_str());
        match self.objects.find(ObjectKind::Topic, place, |topic| topic.holder.arn == arn) {
            Some(topic) => self.open_to(&topic.holder, caller, operation).map(|()| topic).map_err(denied),
            None if *account == caller.account => Err(Refusal::new(404, "NotFound", "Topic does not exist")),
            None => Err(denied(Denial::Implicit)),
        }
    }
}
