//! Secrets Manager: secrets and their resource policies, as far as sharing a secret goes.
//!
//! JSON 1.1 (`X-Amz-Target: secretsmanager.<Operation>`). Values, versions, rotation, replicas and the making of secrets on
//! the wire are not simulated; tests make secrets by [`World::add_object`].

mod policies;
mod reads;
#[cfg(test)]
mod tests;

use serde_json::Value;

use super::caller::Caller;
use super::policy::{Denial, Dialect, Object, ObjectKind, Resource};
use super::refusal::Refusal;
use super::world::World;

/// Policies of secrets. What has an effect across accounts: auth-and-access_examples_cross.html \[D].
pub(crate) static DIALECT: Dialect = Dialect {
    service: "secretsmanager",
    across_accounts: &[
        "CancelRotateSecret",
        "DeleteResourcePolicy",
        "DeleteSecret",
        "DescribeSecret",
        "GetRandomPassword",
        "GetResourcePolicy",
        "GetSecretValue",
        "ListSecretVersionIds",
        "PutResourcePolicy",
        "PutSecretValue",
        "RemoveRegionsFromReplication",
        "ReplicateSecretToRegions",
        "RestoreSecret",
        "RotateSecret",
        "StopReplicationToReplica",
        "TagResource",
        "UntagResource",
        "UpdateSecret",
        "UpdateSecretVersionStage",
        "ValidateResourcePolicy",
    ],
    resource: Resource::Own,
    versioned: true,
    own_actions: true,
    never: &[],
    only: &[],
};

fn not_found() -> Refusal {
    Refusal::client("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

impl World {
    /// Carries out an operation of Secrets Manager on parameters as they are on the wire.
    pub(crate) fn call_secrets(
        &mut self,
        caller: &Caller,
        operation: &str,
        params: &Value,
    ) -> Result<Value, Refusal> {
        match operation {
            "ListSecrets" => self.list_secrets(caller, params),
            "DescribeSecret" => self.describe_secret(caller, params),
            "GetResourcePolicy" => self.get_secret_policy(caller, params),
            "PutResourcePolicy" => self.put_secret_policy(caller, params),
            "DeleteResourcePolicy" => self.delete_secret_policy(caller, params),
            "DeleteSecret" => self.delete_secret(caller, params),
            "RestoreSecret" => self.restore_secret(caller, params),
            _ => Err(Refusal::client("UnknownOperationException", format!("{operation} is not simulated"))),
        }
    }

    /// The secret that a `SecretId` names, where the caller may do this with it: a name of the caller's account and region,
    /// or an ARN, with or without the six characters at its end (troubleshoot.html \[D]).
    ///
    /// A secret of another account that there is not is `AccessDeniedException`, as one whose policy does not let the
    /// caller in \[X]; one in another region is not found \[X].
    fn secret(&self, caller: &Caller, operation: &str, id: Option<&str>) -> Result<&Object, Refusal> {
        let id = id.ok_or_else(|| {
            Refusal::validation(
                "Value null at 'secretId' failed to satisfy constraint: Member must not be null",
            )
        })?;
        let denied = |arn: &str, denial: Denial| {
            let action = format!("secretsmanager:{operation}");
            Refusal::client("AccessDeniedException", denial.words(caller, &action, arn))
        };
        let (region, account) = match id.splitn(7, ':').collect::<Vec<_>>().as_slice() {
            ["arn", _, "secretsmanager", region, account, "secret", _] => (*region, *account),
            _ => (caller.region.as_str(), caller.account.as_str()),
        };
        if region != caller.region {
            return Err(not_found());
        }
        let found = self.objects.find(ObjectKind::Secret, (account, region), |secret| is_named(secret, id));
        match found {
            Some(secret) => {
                self.open_to(&secret.holder, caller, operation).map_err(|why| denied(id, why))?;
                Ok(secret)
            }
            None if account == caller.account => Err(not_found()),
            None => Err(denied(id, Denial::Implicit)),
        }
    }
}

fn is_named(secret: &Object, id: &str) -> bool {
    let without_suffix = secret.holder.arn.rsplit_once('-').map(|(arn, _)| arn);
    secret.name == id || secret.holder.arn == id || without_suffix == Some(id)
}
