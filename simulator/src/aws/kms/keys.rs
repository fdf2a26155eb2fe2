//! What happens to keys outside of the calls here: they are made, change their state, get grants, lose principals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{DIALECT, Grant, Key, KeyManager, KeyState};
use crate::aws::caller::partition;
use crate::aws::policy::Holder;
use crate::aws::world::World;

const WAITING_PERIOD: f64 = 30.0 * 86_400.0;

/// A key to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NewKey {
    /// Account that owns it.
    pub account: String,
    /// Region that it is in.
    pub region: String,
    /// A UUID or `mrk-…`; absent: one is drawn.
    pub id: Option<String>,
    /// Customer managed or AWS managed.
    pub manager: KeyManager,
    /// Its state from the start.
    pub state: KeyState,
    /// Its policy, kept without any check, as policies of former years are; absent: KMS's default.
    pub policy: Option<String>,
}

/// A grant to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NewGrant {
    /// Account, role, user or session ARN, or a service principal.
    pub grantee: String,
    /// Its name, where it was given one.
    pub name: Option<String>,
    /// Such as `Decrypt`.
    pub operations: Vec<String>,
    /// Who may retire it.
    pub retiring: Option<String>,
}

impl World {
    /// Makes a key; answers its ARN. One of the same ARN is replaced.
    pub fn add_key(&mut self, new: NewKey) -> String {
        let id = new.id.unwrap_or_else(|| self.rng.uuid());
        let arn = format!("arn:{}:kms:{}:{}:key/{id}", partition(&new.region), new.region, new.account);
        let policy = new.policy.unwrap_or_else(|| match new.manager {
            KeyManager::Customer => default_policy(&new.account, &new.region),
            KeyManager::Aws => service_policy(&new.account, &new.region),
        });
        let holder = Holder {
            dialect: &DIALECT,
            arn: arn.clone(),
            account: new.account,
            region: new.region,
            policy: Some(policy),
            former: Vec::new(),
        };
        let key = Key {
            id,
            holder,
            manager: new.manager,
            state: KeyState::Enabled,
            created_at: self.now,
            deletion_at: None,
            grants: BTreeMap::new(),
        };
        self.kms.keys.insert(arn.clone(), key);
        self.set_key_state(&arn, new.state);
        arn
    }

    /// Enables a key, disables it, or schedules its deletion in 30 days; the deletion itself is [`World::delete_key`].
    pub fn set_key_state(&mut self, arn: &str, state: KeyState) {
        let deletion_at = (state == KeyState::PendingDeletion).then_some(self.now + WAITING_PERIOD);
        if let Some(key) = self.kms.keys.get_mut(arn) {
            (key.state, key.deletion_at) = (state, deletion_at);
        }
    }

    /// The end of a key's waiting period: it is gone, with its policy and grants.
    pub fn delete_key(&mut self, arn: &str) {
        self.kms.keys.remove(arn);
    }

    /// CreateGrant, past its checks; answers the grant's id. `None`: there is no such key.
    pub fn add_key_grant(&mut self, arn: &str, given: NewGrant) -> Option<String> {
        let id = format!(
            "{:016x}{:016x}{:016x}{:016x}",
            self.rng.bits(),
            self.rng.bits(),
            self.rng.bits(),
            self.rng.bits()
        );
        let grant = Grant { given, created_at: self.now };
        self.kms.keys.get_mut(arn)?.grants.insert(id.clone(), grant);
        Some(id)
    }
}

/// What CreateKey attaches without a policy (key-policy-default.html \[D]); white space as GetKeyPolicy's examples have it.
fn default_policy(account: &str, region: &str) -> String {
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:{}:iam::{account}:root"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#,
        partition(region)
    )
}

/// The policy of the key that EC2 makes for EBS (services-ebs.html \[D]).
fn service_policy(account: &str, region: &str) -> String {
    json!({
        "Version": "2012-10-17",
        "Id": "auto-ebs-2",
        "Statement": [{
            "Sid": "Allow access through EBS for all principals in the account that are authorized to use EBS",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": [
                "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant",
                "kms:DescribeKey",
            ],
            "Resource": "*",
            "Condition": {"StringEquals": {
                "kms:CallerAccount": account,
                "kms:ViaService": format!("ec2.{region}.amazonaws.com"),
            }},
        }, {
            "Sid": "Allow direct access to key metadata to the account",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:{}:iam::{account}:root", partition(region))},
            "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"],
            "Resource": "*",
        }],
    })
    .to_string()
}
