//! KMS keys: what their policies are like, and how they are read and replaced.
//!
//! A key's policy is replaced whole and has no version that a write could ask for (mechanisms.md §3.4). Grants, which AWS
//! services make for themselves, are never touched.

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

/// What another account can do with a key at all is in key-policy-modifying-external-accounts.html \[D\].
///
/// `Read` is what it takes to use what somebody else has encrypted; `ReadWrite` also encrypts, as in the example of that page.
/// Neither administers the key nor makes grants. The model has 131,072 bytes of a policy; the documentation had 32 KB for
/// long, and the smaller one is kept to \[X\].
pub const RULES: Rules = Rules {
    read: &["kms:Decrypt", "kms:DescribeKey"],
    read_write: &["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
    resource: ResourceElement::Everything,
    size_max: 32_768,
    most: None,
    required: true,
};

/// The only policy that a key has (GetKeyPolicy \[D\]).
const POLICY_NAME: &str = "default";
/// The most entries a page (ListKeys \[M\]).
const PAGE: i32 = 1000;

/// All keys of the cell, those that AWS manages included.
///
/// # Errors
/// As AWS answers.
pub async fn all(clients: &CellClients) -> Result<BTreeSet<Arn>, AwsError> {
    const NAME: &str = "ListKeys";
    let listed = collect(NAME, |token| async move {
        let request = clients.kms.list_keys().limit(PAGE).set_marker(token);
        let answer = clients.calls.read(NAME, request.send()).await?;
        Ok(Page { items: answer.keys.unwrap_or_default(), next: answer.next_marker })
    })
    .await?;
    Ok(listed.into_iter().filter_map(|key| key.key_arn?.parse().ok()).collect())
}

/// The text of a key's policy.
///
/// # Errors
/// As AWS answers.
pub async fn read(clients: &CellClients, key: &Arn) -> Result<String, AwsError> {
    const NAME: &str = "GetKeyPolicy";
    let request = clients.kms.get_key_policy().key_id(key.as_str()).policy_name(POLICY_NAME);
    let answer = clients.calls.read(NAME, request.send()).await?;
    let nothing = || AwsError::unexpected(NAME, format!("AWS answered no policy of {key}"));
    answer.policy.ok_or_else(nothing)
}

/// Replaces a key's policy.
///
/// # Errors
/// As AWS answers.
pub async fn put(clients: &CellClients, leave: &Leave, key: &Arn, text: &str) -> Result<(), AwsError> {
    let request = clients.kms.put_key_policy().key_id(key.as_str()).policy_name(POLICY_NAME).policy(text);
    let request = request.bypass_policy_lockout_safety_check(false);
    let sent = send_once!(aws_sdk_kms, request);
    clients.calls.write("PutKeyPolicy", leave, sent).await.map(drop)
}
