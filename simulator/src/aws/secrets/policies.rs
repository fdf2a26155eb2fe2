//! GetResourcePolicy, PutResourcePolicy and DeleteResourcePolicy; the marking of secrets for deletion.

use serde::Deserialize;
use serde_json::{Value, json};

use super::DIALECT;
use crate::aws::caller::Caller;
use crate::aws::policy::{Document, Flaw, Object};
use crate::aws::refusal::Refusal;
use crate::aws::wire::input;
use crate::aws::world::World;

/// `NonEmptyResourcePolicyType` \[M].
const LONGEST: usize = 20_480;

const DAY: f64 = 86_400.0;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    secret_id: Option<String>,
    resource_policy: Option<String>,
    block_public_policy: Option<bool>,
    recovery_window_in_days: Option<u32>,
    force_delete_without_recovery: Option<bool>,
}

impl World {
    /// GetResourcePolicy: `ResourcePolicy` is absent where there is none \[M].
    pub(super) fn get_secret_policy(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let as_of = self.policy_reader();
        let secret = self.live_secret(caller, "GetResourcePolicy", &input)?;
        let (arn, mut answer) = (secret.holder.arn.clone(), named(secret));
        if let (Some(policy), Some(answer)) = (self.read_policy(&arn, as_of), answer.as_object_mut()) {
            answer.insert("ResourcePolicy".to_owned(), Value::String(policy));
        }
        Ok(answer)
    }

    /// PutResourcePolicy: the whole document is replaced, or nothing changes. Nobody is kept from locking itself out \[X].
    pub(super) fn put_secret_policy(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let secret = self.primary_secret(caller, "PutResourcePolicy", &input)?;
        let policy = input.resource_policy.unwrap_or_default();
        let bound = match policy.chars().count() {
            0 => Some(("greater", 1)),
            length if length > LONGEST => Some(("less", LONGEST)),
            _ => None,
        };
        if let Some((which, bound)) = bound {
            return Err(Refusal::validation(&format!(
                "Value at 'resourcePolicy' failed to satisfy constraint: Member must have length {which} than or equal to {bound}"
            )));
        }
        self.admit_policy(&secret.holder, &policy).map_err(malformed)?;
        if input.block_public_policy == Some(true) && is_public(&secret.holder.arn, &policy) {
            // The words are not AWS's [X].
            let message = "You can't attach a resource policy that allows broad access to the secret.";
            return Err(Refusal::client("PublicPolicyException", message));
        }
        let (arn, answer) = (secret.holder.arn.clone(), named(secret));
        self.set_policy(&arn, Some(policy));
        Ok(answer)
    }

    /// DeleteResourcePolicy: also where there is none \[X].
    pub(super) fn delete_secret_policy(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let secret = self.primary_secret(caller, "DeleteResourcePolicy", &input)?;
        let (arn, answer) = (secret.holder.arn.clone(), named(secret));
        self.set_policy(&arn, None);
        Ok(answer)
    }

    /// DeleteSecret: marked for 7 to 30 days, or gone at once \[D]; the end of that time is [`World::delete_object`].
    pub(super) fn delete_secret(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let secret = self.secret(caller, "DeleteSecret", input.secret_id.as_deref())?;
        let (arn, mut answer) = (secret.holder.arn.clone(), named(secret));
        let days = input.recovery_window_in_days.unwrap_or(30);
        let force = input.force_delete_without_recovery == Some(true);
        if !(7..=30).contains(&days) || (force && input.recovery_window_in_days.is_some()) {
            return Err(Refusal::parameter("The RecoveryWindowInDays value must be between 7 and 30 days."));
        }
        let at = if force { self.now } else { self.now + f64::from(days) * DAY };
        if force {
            self.delete_object(&arn);
        } else if let Some(secret) = self.objects.by_arn.get_mut(&arn) {
            secret.deletion_at = Some(at);
        }
        if let Some(answer) = answer.as_object_mut() {
            answer.insert("DeletionDate".to_owned(), json!(at));
        }
        Ok(answer)
    }

    /// RestoreSecret.
    pub(super) fn restore_secret(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let secret = self.secret(caller, "RestoreSecret", input.secret_id.as_deref())?;
        let (arn, answer) = (secret.holder.arn.clone(), named(secret));
        if let Some(secret) = self.objects.by_arn.get_mut(&arn) {
            secret.deletion_at = None;
        }
        Ok(answer)
    }

    /// A secret whose policy can be changed: of a replica only in its primary region; the words of
    /// github.com/lgallard/terraform-aws-secrets-manager/issues/188 \[I].
    fn primary_secret(&self, caller: &Caller, operation: &str, input: &Input) -> Result<&Object, Refusal> {
        let secret = self.live_secret(caller, operation, input)?;
        if secret.primary.as_ref().is_none_or(|region| *region == caller.region) {
            return Ok(secret);
        }
        let message =
            "Operation not permitted on a replica secret. Call must be made in primary secret's region.";
        Err(Refusal::client("InvalidParameterException", message))
    }

    /// The secret, where it is not marked for deletion; the words are those of
    /// github.com/external-secrets/kubernetes-external-secrets/issues/114 \[I].
    fn live_secret(&self, caller: &Caller, operation: &str, input: &Input) -> Result<&Object, Refusal> {
        let secret = self.secret(caller, operation, input.secret_id.as_deref())?;
        if secret.deletion_at.is_none() {
            return Ok(secret);
        }
        let message = "You can't perform this operation on the secret because it was marked for deletion.";
        Err(Refusal::client("InvalidRequestException", message))
    }
}

fn named(secret: &Object) -> Value {
    json!({"ARN": secret.holder.arn, "Name": secret.name})
}

/// The first words are those of github.com/awsdocs/aws-cloudformation-user-guide/pull/623 \[I], with the simulator's reason
/// after them; those about principals are what terraform-provider-aws waits for \[C].
fn malformed(flaw: Flaw) -> Refusal {
    let message = match flaw {
        Flaw::Form(words) | Flaw::Action(words) | Flaw::Resource(words) => {
            format!("This policy has invalid syntax. {words}")
        }
        Flaw::Principal => "This resource policy contains an unsupported principal.".to_owned(),
    };
    Refusal::client("MalformedPolicyDocumentException", message)
}

/// Whether a policy lets everybody in, in the eyes of `BlockPublicPolicy`: a principal `*` ("for example those that use a
/// wildcard for the principal" \[D]) without a condition that limits it. Which conditions do is assumed \[X].
fn is_public(arn: &str, policy: &str) -> bool {
    const LIMITS: [&str; 10] = [
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceip",
        "aws:sourcevpc",
        "aws:sourcevpce",
    ];
    let is_fixed = |values: &[String]| values.iter().all(|value| !value.starts_with('*'));
    let document = Document::read(&DIALECT, arn, policy);
    document.statements.iter().any(|statement| {
        let limited = LIMITS.iter().any(|key| statement.limit(key).is_some_and(is_fixed));
        statement.allow && !limited && statement.principals().any(|principal| principal == "*")
    })
}
