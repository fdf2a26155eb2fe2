//! GetKeyPolicy and PutKeyPolicy.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{KeyManager, not_found};
use crate::aws::caller::Caller;
use crate::aws::policy::{Document, Flaw};
use crate::aws::refusal::Refusal;
use crate::aws::wire::input;
use crate::aws::world::World;

/// The words of github.com/lightspin-tech/eks-creation-engine/issues/4 \[I].
const INVALID_PRINCIPALS: &str = "Policy contains a statement with one or more invalid principals.";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    key_id: Option<String>,
    policy_name: Option<String>,
    policy: Option<String>,
    bypass_policy_lockout_safety_check: Option<bool>,
}

/// "The only valid name is `default`" \[M]; the error for another is moto's \[C].
fn check_name(name: Option<&str>) -> Result<(), Refusal> {
    match name {
        None | Some("default") => Ok(()),
        Some(_) => Err(not_found("No such policy exists")),
    }
}

impl World {
    /// GetKeyPolicy.
    pub(super) fn get_key_policy(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        check_name(input.policy_name.as_deref())?;
        let as_of = self.policy_reader();
        let arn = self.own_key(caller, "GetKeyPolicy", input.key_id.as_deref())?.holder.arn.clone();
        let policy = self.read_policy(&arn, as_of);
        Ok(json!({"Policy": policy, "PolicyName": "default"}))
    }

    /// PutKeyPolicy: the whole document is replaced, or nothing changes.
    pub(super) fn put_key_policy(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        check_name(input.policy_name.as_deref())?;
        let key = self.own_key(caller, "PutKeyPolicy", input.key_id.as_deref())?;
        if key.manager == KeyManager::Aws {
            let message = format!("{} is managed by AWS; its policy cannot be changed.", key.holder.arn);
            return Err(Refusal::client("UnsupportedOperationException", message));
        }
        let policy = input.policy.ok_or_else(|| {
            Refusal::validation(
                "Value null at 'policy' failed to satisfy constraint: Member must not be null",
            )
        })?;
        self.check_size(&policy)?;
        check_characters(&policy)?;
        self.admit_policy(&key.holder, &policy).map_err(|flaw| match flaw {
            Flaw::Form(words) | Flaw::Action(words) | Flaw::Resource(words) => malformed(words),
            Flaw::Principal => malformed(INVALID_PRINCIPALS),
        })?;
        let put = Document::read(key.holder.dialect, &key.holder.arn, &policy);
        let locks_out = !put.allows(&self.subject_of(caller), "PutKeyPolicy");
        if locks_out && input.bypass_policy_lockout_safety_check != Some(true) {
            // The words of github.com/terraform-aws-modules/terraform-aws-kms/issues/14.
            return Err(malformed(
                "The new key policy will not allow you to update the key policy in the future.",
            ));
        }
        let arn = key.holder.arn.clone();
        self.set_policy(&arn, Some(policy));
        Ok(json!({}))
    }

    /// That the quota counts the bytes as sent, white space included, is assumed \[X].
    fn check_size(&self, policy: &str) -> Result<(), Refusal> {
        let most = self.settings.key_policy_size;
        if policy.len() <= most {
            return Ok(());
        }
        let message = format!("The key policy has {} bytes; {most} are the most.", policy.len());
        Err(Refusal::client("LimitExceededException", message))
    }
}

/// The characters of API_PutKeyPolicy \[D]; the refusal is that of a broken model constraint \[X].
fn check_characters(text: &str) -> Result<(), Refusal> {
    let fits = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}');
    if !text.is_empty() && text.chars().all(fits) {
        return Ok(());
    }
    Err(Refusal::validation(
        r"Value at 'policy' failed to satisfy constraint: Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+",
    ))
}

fn malformed(message: impl Into<String>) -> Refusal {
    Refusal::client("MalformedPolicyDocumentException", message)
}
