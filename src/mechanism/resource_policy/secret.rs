//! Secrets of Secrets Manager.

use std::collections::BTreeSet;

use crate::{
    aws::{
        calls::Leave,
        clients::send_once,
        errors::{AwsError, Disposition, Remedy, Replan},
        paging::{Page, collect},
        session::CellClients,
    },
    mechanism::{
        resource_policy::Obstacle,
        statements::{ResourceElement, Rules},
    },
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
    most: None,
    required: false,
};

/// The most entries a page (ListSecrets \[M\]).
const PAGE: i32 = 100;
/// The key that Secrets Manager makes for each account.
const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

/// All secrets of the cell that are neither to be deleted nor replicas: a replica has the policy of the secret in its primary
/// region, and only there can it be changed (replicate-secrets.html \[D\]).
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
    let here = clients.cell.region.as_str();
    let primary =
        listed.into_iter().filter(|secret| secret.primary_region.as_deref().is_none_or(|at| at == here));
    Ok(primary.filter_map(|secret| secret.arn?.parse().ok()).collect())
}

/// The text of a secret's policy; none if it has none.
///
/// # Errors
/// As AWS answers. AWS takes an ARN without the six characters at its end as well; that is no secret's ARN here, or one secret
/// would be two.
pub async fn read(clients: &CellClients, secret: &Arn) -> Result<Option<String>, AwsError> {
    const NAME: &str = "GetResourcePolicy";
    let request = clients.secrets.get_resource_policy().secret_id(secret.as_str());
    let answer = clients.calls.read(NAME, request.send()).await?;
    if answer.arn.as_deref() != Some(secret.as_str()) {
        let whole = answer.arn.unwrap_or_default();
        let message = format!("the whole ARN is {whole}, not {secret}");
        return Err(AwsError::plain(NAME, message, Disposition::Replan(Replan::UnknownResource)));
    }
    Ok(answer.resource_policy)
}

/// Why nobody elsewhere could be let in: the key that AWS manages is its own account's alone (page as above), and a replica takes
/// no policy.
///
/// # Errors
/// As AWS answers.
pub async fn obstacle(clients: &CellClients, secret: &Arn) -> Result<Option<Obstacle>, AwsError> {
    let request = clients.secrets.describe_secret().secret_id(secret.as_str());
    let answer = clients.calls.read("DescribeSecret", request.send()).await?;
    let elsewhere = answer.primary_region.filter(|region| region != clients.cell.region.as_str());
    if let Some(region) = elsewhere {
        return Ok(Some(Obstacle {
            remedy: Remedy::CorrectRequest,
            message: format!(
                "{secret} is a replica of a secret in {region}; share it there, and its replicas have the same policy"
            ),
        }));
    }
    let own = answer.kms_key_id.filter(|key| !key.ends_with(DEFAULT_KEY));
    Ok(own.is_none().then(|| Obstacle {
        remedy: Remedy::UseOwnKey,
        message: format!(
            "{secret} is encrypted with the key aws/secretsmanager, which other accounts cannot use; encrypt it with a customer managed key, and share that key with the same targets"
        ),
    }))
}

/// Replaces a secret's policy, or takes it away. Where that lets somebody in, a policy that lets everybody in is refused, also
/// where somebody else wrote that statement; it holds up nothing that only takes away.
///
/// # Errors
/// As AWS answers.
pub async fn put(
    clients: &CellClients,
    leave: &Leave,
    secret: &Arn,
    text: Option<&str>,
    widens: bool,
) -> Result<(), AwsError> {
    let (api, calls) = (&clients.secrets, &clients.calls);
    if let Some(text) = text {
        let request = api.put_resource_policy().secret_id(secret.as_str());
        let request = request.resource_policy(text).block_public_policy(widens);
        let sent = send_once!(aws_sdk_secretsmanager, request);
        return calls.write("PutResourcePolicy", leave, sent).await.map(drop);
    }
    let request = api.delete_resource_policy().secret_id(secret.as_str());
    let sent = send_once!(aws_sdk_secretsmanager, request);
    calls.write("DeleteResourcePolicy", leave, sent).await.map(drop)
}
