//! ListKeys, DescribeKey and ListGrants.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Grant, Key, KeyManager, KeyState};
use crate::aws::caller::{Caller, partition};
use crate::aws::page::{Cut, Page};
use crate::aws::policy::Paging;
use crate::aws::refusal::Refusal;
use crate::aws::wire::input;
use crate::aws::world::World;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    key_id: Option<String>,
    grant_id: Option<String>,
    grantee_principal: Option<String>,
    limit: Option<i64>,
    marker: Option<String>,
}

impl World {
    /// ListKeys: all keys of the caller's account and region, AWS managed ones and those to be deleted too \[D].
    pub(super) fn list_keys(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let cut = self.cut_kms(caller, "ListKeys", params, &input, 100, 1000)?;
        let own = self.kms.keys.values();
        let own =
            own.filter(|key| key.holder.account == caller.account && key.holder.region == caller.region);
        let rows = own.map(|key| (key.id.clone(), Some(json!({"KeyId": key.id, "KeyArn": key.holder.arn}))));
        let page = cut.fill(rows);
        Ok(self.paged("Keys", page))
    }

    /// DescribeKey, across accounts where the key's policy allows it \[D].
    pub(super) fn describe_key(&self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let key = self.key_open_to(caller, "DescribeKey", input.key_id.as_deref())?;
        Ok(json!({"KeyMetadata": metadata(key)}))
    }

    /// ListGrants, across accounts where the key's policy allows it \[D]. A grant id that there is not lists nothing \[X].
    pub(super) fn list_grants(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let cut = self.cut_kms(caller, "ListGrants", params, &input, 50, 100)?;
        let key = self.key_open_to(caller, "ListGrants", input.key_id.as_deref())?;
        let wanted = |id: &String, grant: &Grant| {
            input.grant_id.as_ref().is_none_or(|wanted| wanted == id)
                && input.grantee_principal.as_ref().is_none_or(|wanted| *wanted == grant.given.grantee)
        };
        let rows = key
            .grants
            .iter()
            .map(|(id, grant)| (id.clone(), wanted(id, grant).then(|| grant_row(key, id, grant))));
        let page = cut.fill(rows);
        Ok(self.paged("Grants", page))
    }

    fn cut_kms(
        &mut self,
        caller: &Caller,
        operation: &str,
        params: &Value,
        input: &Input,
        default: usize,
        most: i64,
    ) -> Result<Cut, Refusal> {
        let paging = Paging {
            operation,
            members: &["Marker", "Limit"],
            token: input.marker.as_deref(),
            size: input.limit,
            default,
            most,
        };
        let value = input.limit.unwrap_or_default();
        let out_of_range = |bound: &str| {
            Refusal::validation(&format!(
                "Value '{value}' at 'limit' failed to satisfy constraint: Member must have value {bound}"
            ))
        };
        let invalid = || Refusal::client("InvalidMarkerException", "Could not deserialize marker");
        self.cut(caller, params, &paging, out_of_range, invalid)
    }

    /// A page; `Truncated` is always there \[M].
    fn paged(&mut self, member: &str, page: Page<Value>) -> Value {
        let truncated = page.next.is_some();
        let mut answer = self.page_of(member, "NextMarker", page);
        if let Some(answer) = answer.as_object_mut() {
            answer.insert("Truncated".to_owned(), Value::Bool(truncated));
        }
        answer
    }
}

fn metadata(key: &Key) -> Value {
    let mut metadata = json!({
        "AWSAccountId": key.holder.account,
        "KeyId": key.id,
        "Arn": key.holder.arn,
        "CreationDate": key.created_at,
        "Enabled": key.state == KeyState::Enabled,
        "Description": match key.manager {
            KeyManager::Customer => "",
            KeyManager::Aws => "Default key that protects my EBS volumes when no other key is defined",
        },
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": key.state,
        "Origin": "AWS_KMS",
        "KeyManager": key.manager,
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": key.id.starts_with("mrk-"),
    });
    if let (Some(at), Some(metadata)) = (key.deletion_at, metadata.as_object_mut()) {
        metadata.insert("DeletionDate".to_owned(), json!(at));
    }
    metadata
}

fn grant_row(key: &Key, id: &str, grant: &Grant) -> Value {
    let mut row = json!({
        "KeyId": key.holder.arn,
        "GrantId": id,
        "Name": grant.given.name.as_deref().unwrap_or_default(),
        "CreationDate": grant.created_at,
        "GranteePrincipal": grant.given.grantee,
        "IssuingAccount": format!("arn:{}:iam::{}:root", partition(&key.holder.region), key.holder.account),
        "Operations": grant.given.operations,
    });
    if let (Some(retiring), Some(row)) = (&grant.given.retiring, row.as_object_mut()) {
        row.insert("RetiringPrincipal".to_owned(), json!(retiring));
    }
    row
}
