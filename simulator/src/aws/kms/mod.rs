//! Key Management Service: keys, their policies and their grants, as far as sharing a key goes.
//!
//! JSON 1.1 (`X-Amz-Target: TrentService.<Operation>`). Encryption itself, aliases and the making of keys on the wire are
//! not simulated; tests make keys by [`World::add_key`].

mod keys;
mod policies;
mod reads;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use keys::{NewGrant, NewKey};

use super::caller::Caller;
use super::policy::{Denial, Dialect, Document, Holder, Resource};
use super::refusal::Refusal;
use super::world::World;

/// Key policies. What has an effect across accounts: key-policy-modifying-external-accounts.html \[D].
static DIALECT: Dialect = Dialect {
    service: "kms",
    across_accounts: &[
        "CreateGrant",
        "Decrypt",
        "DeriveSharedSecret",
        "DescribeKey",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "GetKeyRotationStatus",
        "GetPublicKey",
        "ListGrants",
        "ReEncryptFrom",
        "ReEncryptTo",
        "RetireGrant",
        "RevokeGrant",
        "Sign",
        "Verify",
        "VerifyMac",
    ],
    resource: Resource::All,
    versioned: true,
    own_actions: false,
    never: &[],
    only: &[],
};

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
    pub(crate) holder: Holder,
    pub(crate) manager: KeyManager,
    pub(crate) state: KeyState,
    pub(crate) created_at: f64,
    /// When it is to be deleted, while it is [`KeyState::PendingDeletion`].
    pub(crate) deletion_at: Option<f64>,
    /// By grant id.
    pub(crate) grants: BTreeMap<String, Grant>,
}

/// All of KMS.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kms {
    /// By ARN: those of one region and account are neighbours.
    pub(crate) keys: BTreeMap<String, Key>,
}

fn not_found(message: impl Into<String>) -> Refusal {
    Refusal::client("NotFoundException", message)
}

fn denied(caller: &Caller, operation: &str, arn: &str) -> Refusal {
    let words = Denial::Implicit.words(caller, &format!("kms:{operation}"), arn);
    Refusal::client("AccessDeniedException", words)
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
            Refusal::validation("Value null at 'keyId' failed to satisfy constraint: Member must not be null")
        })?;
        let arn = key_arn(caller, id)?;
        self.kms.keys.get(&arn).ok_or_else(|| not_found(format!("Key '{arn}' does not exist")))
    }

    /// The same for an operation that works across accounts, where the key's policy allows it to the caller.
    fn key_open_to(&self, caller: &Caller, operation: &str, id: Option<&str>) -> Result<&Key, Refusal> {
        let key = self.key(caller, id)?;
        let subject = self.subject_of(caller);
        if Document::of(&key.holder).allows(&subject, operation) {
            Ok(key)
        } else {
            Err(denied(caller, operation, &key.holder.arn))
        }
    }

    /// The same for an operation of the owning account alone ("Cross-account use: No" \[D]).
    fn own_key(&self, caller: &Caller, operation: &str, id: Option<&str>) -> Result<&Key, Refusal> {
        let key = self.key_open_to(caller, operation, id)?;
        if key.holder.account == caller.account {
            Ok(key)
        } else {
            Err(denied(caller, operation, &key.holder.arn))
        }
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
