//! Key Management Service: keys, their policies and their grants, as far as sharing a key goes.
//!
//! JSON 1.1 (`X-Amz-Target: TrentService.<Operation>`). Encryption itself, aliases and the making of keys on the wire are
//! not simulated; tests make keys by [`World::add_key`].

mod admission;
mod condition;
mod document;
mod keys;
mod policies;
mod reads;
mod splice;
mod subject;
#[cfg(test)]
mod tests;
pub(crate) mod truth;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use keys::{NewGrant, NewKey};

use super::caller::Caller;
use super::refusal::Refusal;
use super::world::World;

/// Who manages a key (`KeyMetadata.KeyManager` \[M]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KeyManager {
    /// The account that it is in.
    #[default]
    Customer,
    /// A service, such as the key behind `alias/aws/ebs`: nobody can change its policy.
    Aws,
}

/// `KeyMetadata.KeyState` \[M], the states of keys without imported material or replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyState {
    /// In use.
    #[default]
    Enabled,
    /// Not to be used; its policy can be read and replaced (key-state.html \[D]).
    Disabled,
    /// To be deleted; its policy can be read and replaced (key-state.html \[D]).
    PendingDeletion,
}

/// A grant on a key, as ListGrants shows it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grant {
    pub(crate) given: NewGrant,
    pub(crate) created_at: f64,
}

/// A key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) manager: KeyManager,
    pub(crate) state: KeyState,
    pub(crate) created_at: f64,
    /// When it is to be deleted, while it is [`KeyState::PendingDeletion`].
    pub(crate) deletion_at: Option<f64>,
    /// The document as it was last put, apart from principals that were deleted since.
    pub(crate) policy: String,
    /// (when it was left, the document): for readers who lag.
    pub(crate) former: Vec<(f64, String)>,
    /// By grant id.
    pub(crate) grants: BTreeMap<String, Grant>,
}

impl Key {
    /// Puts a new policy in place; readers who lag up to `horizon` seconds still find the old one.
    pub(crate) fn replace_policy(&mut self, now: f64, policy: String, horizon: f64) {
        self.former.retain(|(left, _)| *left + horizon > now);
        let old = std::mem::replace(&mut self.policy, policy);
        if horizon > 0.0 {
            self.former.push((now, old));
        }
    }

    /// The policy that a reader sees who is at `as_of`.
    pub(crate) fn policy_at(&self, as_of: f64) -> &str {
        self.former.iter().find(|(left, _)| *left > as_of).map_or(&self.policy, |(_, policy)| policy)
    }
}

/// All of KMS.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kms {
    /// By ARN: those of one region and account are neighbours.
    pub(crate) keys: BTreeMap<String, Key>,
}

fn input<T: DeserializeOwned>(params: &Value) -> Result<T, Refusal> {
    T::deserialize(params).map_err(|error| Refusal::client("SerializationException", error.to_string()))
}

/// What the front of every AWS JSON service answers to members that break the model \[C].
fn validation(message: &str) -> Refusal {
    Refusal::client("ValidationException", format!("1 validation error detected: {message}"))
}

fn not_found(message: impl Into<String>) -> Refusal {
    Refusal::client("NotFoundException", message)
}

fn malformed(message: impl Into<String>) -> Refusal {
    Refusal::client("MalformedPolicyDocumentException", message)
}

/// The words of github.com/jbrt/ec2cryptomatic/issues/26 \[I].
fn denied(caller: &Caller, operation: &str, arn: &str) -> Refusal {
    let who = &caller.principal;
    Refusal::client(
        "AccessDeniedException",
        format!(
            "User: {who} is not authorized to perform: kms:{operation} on resource: {arn} because no resource-based \
             policy allows the kms:{operation} action"
        ),
    )
}

impl World {
    /// Carries out a KMS operation on parameters as they are on the wire.
    pub(crate) fn call_kms(
        &mut self,
        caller: &Caller,
        operation: &str,
        params: &Value,
    ) -> Result<Value, Refusal> {
        match operation {
            "ListKeys" => self.list_keys(caller, params),
            "DescribeKey" => self.describe_key(caller, params),
            "ListGrants" => self.list_grants(caller, params),
            "GetKeyPolicy" => self.get_key_policy(caller, params),
            "PutKeyPolicy" => self.put_key_policy(caller, params),
            _ => Err(Refusal::client("UnknownOperationException", format!("{operation} is not simulated"))),
        }
    }

    /// The key that a `KeyId` names, wherever it is: a key id of the caller's account and region, or an ARN.
    ///
    /// That another region's ARN is `NotFoundException: Invalid arn <region>`, that a broken one is
    /// `InvalidArnException`, and that keys which do not exist in other accounts are `NotFoundException` is assumed
    /// \[X]; the other words are moto's \[C].
    fn key(&self, caller: &Caller, id: Option<&str>) -> Result<&Key, Refusal> {
        let id = id.ok_or_else(|| {
            validation("Value null at 'keyId' failed to satisfy constraint: Member must not be null")
        })?;
        let arn = key_arn(caller, id)?;
        self.kms.keys.get(&arn).ok_or_else(|| not_found(format!("Key '{arn}' does not exist")))
    }

    /// The same for an operation that works across accounts, where the key's policy allows it to the caller.
    fn key_open_to(&self, caller: &Caller, operation: &str, id: Option<&str>) -> Result<&Key, Refusal> {
        let key = self.key(caller, id)?;
        let subject = self.subject_of(caller);
        if document::Document::read(&key.policy).allows(&subject, operation) {
            Ok(key)
        } else {
            Err(denied(caller, operation, &key.arn))
        }
    }

    /// The same for an operation of the owning account alone ("Cross-account use: No" \[D]).
    fn own_key(&self, caller: &Caller, operation: &str, id: Option<&str>) -> Result<&Key, Refusal> {
        let key = self.key_open_to(caller, operation, id)?;
        if key.account == caller.account { Ok(key) } else { Err(denied(caller, operation, &key.arn)) }
    }
}

/// The ARN that a `KeyId` stands for.
fn key_arn(caller: &Caller, id: &str) -> Result<String, Refusal> {
    let (partition, region, account) = (caller.partition(), &caller.region, &caller.account);
    if id.starts_with("alias/") {
        return Err(not_found(format!("Alias arn:{partition}:kms:{region}:{account}:{id} is not found.")));
    }
    if !id.starts_with("arn:") {
        return if is_key_id(id) {
            Ok(format!("arn:{partition}:kms:{region}:{account}:key/{id}"))
        } else {
            Err(not_found(format!("Invalid keyId '{id}'")))
        };
    }
    let invalid = || Refusal::client("InvalidArnException", format!("Invalid arn {id}"));
    let parts: Vec<&str> = id.splitn(6, ':').collect();
    let [_, of, "kms", at, _, resource] = parts.as_slice() else {
        return Err(invalid());
    };
    if *of != partition {
        return Err(invalid());
    }
    if at != region {
        return Err(not_found(format!("Invalid arn {at}")));
    }
    match resource.split_once('/') {
        Some(("alias", _)) => Err(not_found(format!("Alias {id} is not found."))),
        Some(("key", key)) if is_key_id(key) => Ok(id.to_owned()),
        _ => Err(invalid()),
    }
}

/// A UUID, or `mrk-` and 32 hexadecimal digits for a multi-region key (concepts.html \[D]).
fn is_key_id(id: &str) -> bool {
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(rest) = id.strip_prefix("mrk-") {
        return rest.len() == 32 && hex(rest);
    }
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && id.split('-').all(hex)
}
