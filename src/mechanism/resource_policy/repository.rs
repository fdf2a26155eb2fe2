//! Private repositories of Elastic Container Registry.

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

/// `Read` pulls and `ReadWrite` also pushes, each with the actions of repository-policy-examples.html \[D\]; neither deletes images.
/// Who pulls needs `ecr:GetAuthorizationToken` from his own account besides.
///
/// The examples of former years have no `Resource`, those of today have `*`; that ECR takes statements without one as it did is
/// \[X\]. 10,240 characters are the most for a policy (mechanisms.md §3.7).
pub const RULES: Rules = Rules {
    read: &["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
    read_write: &[
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:CompleteLayerUpload",
        "ecr:GetDownloadUrlForLayer",
        "ecr:InitiateLayerUpload",
        "ecr:PutImage",
        "ecr:UploadLayerPart",
    ],
    resource: ResourceElement::Absent,
    size_max: 10_240,
    most: None,
    required: false,
};

/// The most entries a page (DescribeRepositories \[M\]).
const PAGE: i32 = 1000;
/// How AWS says that there is none.
const NO_POLICY: &str = "RepositoryPolicyNotFoundException";

/// All repositories of the cell.
///
/// # Errors
/// As AWS answers.
pub async fn all(clients: &CellClients) -> Result<BTreeSet<Arn>, AwsError> {
    const NAME: &str = "DescribeRepositories";
    let listed = collect(NAME, |token| async move {
        let request = clients.ecr.describe_repositories().max_results(PAGE).set_next_token(token);
        let answer = clients.calls.read(NAME, request.send()).await?;
        Ok(Page { items: answer.repositories.unwrap_or_default(), next: answer.next_token })
    })
    .await?;
    Ok(listed.into_iter().filter_map(|repository| repository.repository_arn?.parse().ok()).collect())
}

/// The text of a repository's policy; none if it has none.
///
/// # Errors
/// As AWS answers.
pub async fn read(clients: &CellClients, repository: &Arn) -> Result<Option<String>, AwsError> {
    let request = clients.ecr.get_repository_policy().registry_id(repository.account());
    let request = request.repository_name(name(repository));
    match clients.calls.read("GetRepositoryPolicy", request.send()).await {
        Ok(answer) => Ok(answer.policy_text),
        Err(error) if has_none(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces a repository's policy, or takes it away.
///
/// # Errors
/// As AWS answers.
pub async fn put(
    clients: &CellClients,
    leave: &Leave,
    repository: &Arn,
    text: Option<&str>,
) -> Result<(), AwsError> {
    let (api, calls) = (&clients.ecr, &clients.calls);
    if let Some(text) = text {
        let request = api.set_repository_policy().registry_id(repository.account());
        // Without `force`: ECR refuses what would lock the caller out.
        let request = request.repository_name(name(repository)).policy_text(text);
        let sent = send_once!(aws_sdk_ecr, request);
        return calls.write("SetRepositoryPolicy", leave, sent).await.map(drop);
    }
    let request = api.delete_repository_policy().registry_id(repository.account());
    let sent = send_once!(aws_sdk_ecr, request.repository_name(name(repository)));
    match calls.write("DeleteRepositoryPolicy", leave, sent).await {
        Err(error) if has_none(&error) => Ok(()),
        answer => answer.map(drop),
    }
}

fn has_none(error: &AwsError) -> bool {
    error.code.as_deref() == Some(NO_POLICY)
}

fn name(repository: &Arn) -> &str {
    let resource = repository.resource();
    resource.strip_prefix("repository/").unwrap_or(resource)
}
