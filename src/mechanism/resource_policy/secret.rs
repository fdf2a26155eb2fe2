//! Secrets of Secrets Manager.

use std::collections::BTreeSet;

use aws_sdk_secretsmanager::config::{Config, retry::RetryConfig};

use crate::{
    aws::{
        calls::Leave,
        errors::AwsError,
        paging::{Page, collect},
        session::CellClients,
    },
    mechanism::statements::{ResourceElement, Rules},
    model::Arn,
};

/// What another account can do with a secret at all is in auth-and-access_examples_cross.html \[D\].
///
/// `Read` is the value and what the secret is; `ReadWrite` also puts new values and names their stages. Neither rotates,
/// replicates, tags or deletes the secret. 20,480 characters are the model's most for a policy \[M\].
pub const RULES: Rules = Rules {
    read: &["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
    read_write: &[
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:ListSecretVersionIds",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
    ],
    resource: ResourceElement::Everything,
    size_max: 20_480,
    required: false,
};

/// The most entries a page (ListSecrets \[M\]).
const PAGE: i32 = 100;
/// The key that Secrets Manager makes for each account.
const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

/// All secrets of the cell that are not to be deleted.
///
/// # Errors
/// As AWS answers.
pub async fn all(clients: &CellClients) -> Result<BTreeSet<Arn>, AwsError> {
    const NAME: &str = "ListSecrets";
    let listed = collect(NAME, |token| async move {
        let request = clients.secrets.list_secrets().max_results(PAGE).set_next_token(token);
        let answer = clients.calls.read(NAME, request.send()).await?;
        Ok(Page { items: answer.secret_list.unwrap_or_default(), next: answer.next_token })
    })
    .await?;
    Ok(listed.into_iter().filter_map(|secret| secret.arn?.parse().ok()).collect())
}

/// The text of a secret's policy; none if it has none.
///
/// # Errors
/// As AWS answers.
pub async fn read(clients: &CellClients, secret: &Arn) -> Result<Option<String>, AwsError> {
    let request = clients.secrets.get_resource_policy().secret_id(secret.as_str());
    let answer = clients.calls.read("GetResourcePolicy", request.send()).await?;
    Ok(answer.resource_policy)
}

/// Why nobody elsewhere could use a secret, whatever its policy says: the key that AWS manages is its own account's alone (page
/// as above).
///
/// # Errors
/// As AWS answers.
pub async fn obstacle(clients: &CellClients, secret: &Arn) -> Result<Option<String>, AwsError> {
    let request = clients.secrets.describe_secret().secret_id(secret.as_str());
    let answer = clients.calls.read("DescribeSecret", request.send()).await?;
    let own = answer.kms_key_id.filter(|key| !key.ends_with(DEFAULT_KEY));
    Ok(own.is_none().then(|| {
        format!(
            "{secret} is encrypted with the key aws/secretsmanager, which other accounts cannot use; encrypt it with a customer managed key, and share that key with the same targets"
        )
    }))
}

/// Replaces a secret's policy, or takes it away. One that lets everybody in is refused, also where somebody else wrote that
/// statement.
///
/// # Errors
/// As AWS answers.
pub async fn put(
    clients: &CellClients,
    leave: &Leave,
    secret: &Arn,
    text: Option<&str>,
) -> Result<(), AwsError> {
    let (api, calls) = (&clients.secrets, &clients.calls);
    // Sent once: what somebody writes before a repetition would be lost by it.
    let once = Config::builder().retry_config(RetryConfig::disabled());
    if let Some(text) = text {
        let request = api.put_resource_policy().secret_id(secret.as_str());
        let request = request.resource_policy(text).block_public_policy(true);
        let sent = request.customize().config_override(once).send();
        return calls.write("PutResourcePolicy", leave, sent).await.map(drop);
    }
    let request = api.delete_resource_policy().secret_id(secret.as_str());
    let sent = request.customize().config_override(once).send();
    calls.write("DeleteResourcePolicy", leave, sent).await.map(drop)
}
