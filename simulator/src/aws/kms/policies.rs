//! GetKeyPolicy and PutKeyPolicy.

use serde::Deserialize;
use serde_json::{Value, json};

use super::document::Document;
use super::subject::account_named;
use super::{KeyManager, input, malformed, not_found, validation};
use crate::aws::caller::{Caller, partition};
use crate::aws::refusal::Refusal;
use crate::aws::rng::Rng;
use crate::aws::settings::KeyPolicyRead;
use crate::aws::world::World;

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
    /// GetKeyPolicy: the document as it was put, byte for byte \[X], unless [`KeyPolicyRead`] says otherwise.
    pub(super) fn get_key_policy(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        check_name(input.policy_name.as_deref())?;
        let as_of = self.now - self.weather.lags.key_policy.sample(&mut self.rng);
        let key = self.own_key(caller, "GetKeyPolicy", input.key_id.as_deref())?;
        let policy = key.policy_at(as_of).to_owned();
        if policy != key.policy {
            self.progress.note("key policy of the past");
        }
        let policy = match self.settings.key_policy_read {
            KeyPolicyRead::AsPut => policy,
            KeyPolicyRead::Rewritten => rewritten(policy, partition(&caller.region), &mut self.rng),
        };
        Ok(json!({"Policy": policy, "PolicyName": "default"}))
    }

    /// PutKeyPolicy: the whole document is replaced, or nothing changes. The last writer wins: KMS has no version to
    /// compare (mechanisms.md section 3.4).
    pub(super) fn put_key_policy(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        check_name(input.policy_name.as_deref())?;
        let key = self.own_key(caller, "PutKeyPolicy", input.key_id.as_deref())?;
        if key.manager == KeyManager::Aws {
            let message = format!("{} is managed by AWS; its policy cannot be changed.", key.arn);
            return Err(Refusal::client("UnsupportedOperationException", message));
        }
        let policy = input.policy.ok_or_else(|| {
            validation("Value null at 'policy' failed to satisfy constraint: Member must not be null")
        })?;
        self.admit_policy(key, &policy)?;
        let locks_out = !Document::read(&policy).allows(&self.subject_of(caller), "PutKeyPolicy");
        if locks_out && input.bypass_policy_lockout_safety_check != Some(true) {
            // The words of github.com/terraform-aws-modules/terraform-aws-kms/issues/14.
            return Err(malformed(
                "The new key policy will not allow you to update the key policy in the future.",
            ));
        }
        let (arn, now, horizon) = (key.arn.clone(), self.now, self.weather.lags.key_policy.horizon());
        if let Some(key) = self.kms.keys.get_mut(&arn) {
            key.replace_policy(now, policy, horizon);
        }
        Ok(json!({}))
    }
}

/// As github.com/aws/aws-cli/issues/9456 and hashicorp/terraform-provider-aws/issues/39788 saw it: white space of KMS's
/// own, and the principals of a list in any order; an account's digits and a list of one as IAM writes them \[X].
fn rewritten(policy: String, partition: &str, rng: &mut Rng) -> String {
    let Ok(mut document) = serde_json::from_str::<Value>(&policy) else {
        return policy;
    };
    let statements = match document.get_mut("Statement") {
        Some(Value::Array(statements)) => statements.iter_mut().collect(),
        Some(single) => vec![single],
        None => Vec::new(),
    };
    for statement in statements {
        if let Some(principals) = statement.pointer_mut("/Principal/AWS") {
            let mut names = super::document::texts(Some(principals));
            for name in &mut names {
                if account_named(name).is_some_and(|account| account == name.as_str()) {
                    *name = format!("arn:{partition}:iam::{name}:root");
                }
            }
            let mut shuffled: Vec<(u64, String)> = names.into_iter().map(|name| (rng.bits(), name)).collect();
            shuffled.sort();
            let mut names: Vec<String> = shuffled.into_iter().map(|(_, name)| name).collect();
            *principals = match names.pop() {
                Some(only) if names.is_empty() => Value::String(only),
                last => json!(names.into_iter().chain(last).collect::<Vec<_>>()),
            };
        }
    }
    serde_json::to_string_pretty(&document).unwrap_or(policy)
}
