//! Elastic Container Registry: private repositories and their policies, as far as sharing a repository goes.
//!
//! JSON 1.1 (`X-Amz-Target: AmazonEC2ContainerRegistry_V20150921.<Operation>`). Images, registry policies and the making of
//! repositories on the wire are not simulated; tests make repositories by [`World::add_object`].

#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::policy::{Denial, Dialect, Document, Flaw, Object, ObjectKind, Paging, Resource};
use super::refusal::Refusal;
use super::wire::input;
use super::world::World;

/// Policies of repositories. What has an effect across accounts: the operations on a repository that a `registryId` can be
/// given to \[M]; that all of them do is assumed \[X].
pub(crate) static DIALECT: Dialect = Dialect {
    service: "ecr",
    across_accounts: &[
        "BatchCheckLayerAvailability",
        "BatchDeleteImage",
        "BatchGetImage",
        "CompleteLayerUpload",
        "DeleteLifecyclePolicy",
        "DeleteRepository",
        "DeleteRepositoryPolicy",
        "DescribeImageReplicationStatus",
        "DescribeImageScanFindings",
        "DescribeImages",
        "DescribeRepositories",
        "GetDownloadUrlForLayer",
        "GetLifecyclePolicy",
        "GetLifecyclePolicyPreview",
        "GetRepositoryPolicy",
        "InitiateLayerUpload",
        "ListImages",
        "PutImage",
        "PutImageScanningConfiguration",
        "PutImageTagMutability",
        "PutLifecyclePolicy",
        "SetRepositoryPolicy",
        "StartImageScan",
        "StartLifecyclePolicyPreview",
        "UploadLayerPart",
    ],
    resource: Resource::Absent,
    versioned: false,
    own_actions: true,
    never: &["GetAuthorizationToken"],
    only: &[],
};

/// `RepositoryPolicyText` \[M].
const LONGEST: usize = 10_240;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Input {
    registry_id: Option<String>,
    repository_name: Option<String>,
    repository_names: Option<Vec<String>>,
    policy_text: Option<String>,
    force: Option<bool>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// The form is that of github.com/aws/aws-sdk-go/issues/3921 \[I].
fn parameter(member: &str, constraint: &str) -> Refusal {
    Refusal::parameter(format!(
        "Invalid parameter at '{member}' failed to satisfy constraint: '{constraint}'"
    ))
}

impl World {
    /// Carries out an ECR operation on parameters as they are on the wire.
    pub(crate) fn call_ecr(
        &mut self,
        caller: &Caller,
        operation: &str,
        params: &Value,
    ) -> Result<Value, Refusal> {
        match operation {
            "DescribeRepositories" => self.describe_repositories(caller, params),
            "GetRepositoryPolicy" => self.get_repository_policy(caller, params),
            "SetRepositoryPolicy" => self.set_repository_policy(caller, params),
            "DeleteRepositoryPolicy" => self.delete_repository_policy(caller, params),
            _ => Err(Refusal::client("UnknownOperationException", format!("{operation} is not simulated"))),
        }
    }

    /// DescribeRepositories: those that are named, or all of the registry. Only its owner lists a registry \[X].
    fn describe_repositories(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        const OPERATION: &str = "DescribeRepositories";
        let input: Input = input(params)?;
        if let Some(names) = input.repository_names.as_ref().filter(|names| !names.is_empty()) {
            if input.max_results.is_some() || input.next_token.is_some() {
                return Err(parameter("maxResults", "cannot be used with repositoryNames"));
            }
            let rows: Result<Vec<Value>, Refusal> = names
                .iter()
                .map(|name| Ok(described(self.repository(caller, OPERATION, &input, Some(name))?)))
                .collect();
            return Ok(json!({"repositories": rows?}));
        }
        let registry = input.registry_id.as_ref().unwrap_or(&caller.account);
        if *registry != caller.account {
            let all = format!("arn:{}:ecr:{}:{registry}:repository/*", caller.partition(), caller.region);
            return Err(denied(caller, OPERATION, &all, Denial::Implicit));
        }
        let paging = Paging {
            operation: OPERATION,
            members: &["nextToken", "maxResults"],
            token: input.next_token.as_deref(),
            size: input.max_results,
            default: 100,
            most: 1000,
        };
        let out_of_range = |bound: &str| parameter("maxResults", &format!("Member must have value {bound}"));
        let invalid = || parameter("nextToken", "Invalid token");
        let cut = self.cut(caller, params, &paging, out_of_range, invalid)?;
        let own = self.objects.of(ObjectKind::Repository, &caller.account, &caller.region);
        let page = cut.fill(own.map(|one| (one.holder.arn.clone(), Some(described(one)))));
        Ok(self.page_of("repositories", "nextToken", page))
    }

    /// GetRepositoryPolicy.
    fn get_repository_policy(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let as_of = self.policy_reader();
        let name = input.repository_name.as_deref();
        let repository = self.repository(caller, "GetRepositoryPolicy", &input, name)?.clone();
        let policy = self.read_policy(&repository.holder.arn, as_of);
        policy.map(|text| with_policy(&repository, &text)).ok_or_else(|| no_policy(&repository))
    }

    /// SetRepositoryPolicy: the whole document is replaced, or nothing changes.
    fn set_repository_policy(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let name = input.repository_name.as_deref();
        let repository = self.repository(caller, "SetRepositoryPolicy", &input, name)?.clone();
        let policy = input.policy_text.ok_or_else(|| parameter("policyText", "must not be null"))?;
        if policy.chars().count() > LONGEST {
            let constraint = format!("Member must have length less than or equal to {LONGEST}");
            return Err(parameter("PolicyText", &constraint));
        }
        self.admit_policy(&repository.holder, &policy).map_err(|flaw| invalid(&flaw))?;
        let put = Document::read(&DIALECT, &repository.holder.arn, &policy);
        // That a statement is refused which denies the caller SetRepositoryPolicy: [M]; the words are not AWS's [X].
        if put.denies(&self.subject_of(caller), "SetRepositoryPolicy") && input.force != Some(true) {
            return Err(parameter("PolicyText", "The policy would lock you out; use force to set it"));
        }
        let answer = with_policy(&repository, &policy);
        self.set_policy(&repository.holder.arn, Some(policy));
        Ok(answer)
    }

    /// DeleteRepositoryPolicy: answers the policy that there was.
    fn delete_repository_policy(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let name = input.repository_name.as_deref();
        let repository = self.repository(caller, "DeleteRepositoryPolicy", &input, name)?.clone();
        let Some(policy) = &repository.holder.policy else {
            return Err(no_policy(&repository));
        };
        self.set_policy(&repository.holder.arn, None);
        Ok(with_policy(&repository, policy))
    }

    /// A repository of the registry that is given, or of the caller's, where the caller may do this with it. One that there
    /// is not is not found, whoever asks \[X].
    fn repository(
        &self,
        caller: &Caller,
        operation: &str,
        input: &Input,
        name: Option<&str>,
    ) -> Result<&Object, Refusal> {
        let name = name.ok_or_else(|| parameter("repositoryName", "must not be null"))?;
        let registry = input.registry_id.as_ref().unwrap_or(&caller.account);
        let place = (registry.as_str(), caller.region.as_str());
        let found = self.objects.find(ObjectKind::Repository, place, |one| one.name == name);
        let repository = found.ok_or_else(|| {
            // The words are moto's [C].
            let message = format!(
                "The repository with name '{name}' does not exist in the registry with id '{registry}'"
            );
            Refusal::client("RepositoryNotFoundException", message)
        })?;
        let arn = &repository.holder.arn;
        self.open_to(&repository.holder, caller, operation)
            .map_err(|denial| denied(caller, operation, arn, denial))?;
        Ok(repository)
    }
}

/// The words are those of github.com/aws-actions/amazon-ecr-login/issues/232 \[I].
fn denied(caller: &Caller, operation: &str, arn: &str, denial: Denial) -> Refusal {
    Refusal::client("AccessDeniedException", denial.words(caller, &format!("ecr:{operation}"), arn))
}

/// The words are those of github.com/hashicorp/terraform-provider-aws/issues/39064 and of
/// github.com/awsdocs/amazon-ecr-user-guide/pull/20 \[I]: ECR does not say what is wrong with a form.
fn invalid(flaw: &Flaw) -> Refusal {
    match flaw {
        Flaw::Form(_) | Flaw::Action(_) | Flaw::Resource(_) => {
            parameter("PolicyText", "Invalid repository policy provided")
        }
        Flaw::Principal => parameter("PolicyText", "Principal not found"),
    }
}

/// The words are moto's \[C].
fn no_policy(repository: &Object) -> Refusal {
    let (name, registry) = (&repository.name, &repository.holder.account);
    Refusal::client(
        "RepositoryPolicyNotFoundException",
        format!(
            "Repository policy does not exist for the repository with name '{name}' in the registry with id '{registry}'"
        ),
    )
}

fn with_policy(repository: &Object, policy: &str) -> Value {
    let registry = &repository.holder.account;
    json!({"registryId": registry, "repositoryName": repository.name, "policyText": policy})
}

fn described(repository: &Object) -> Value {
    let (holder, name) = (&repository.holder, &repository.name);
    json!({
        "repositoryArn": holder.arn,
        "registryId": holder.account,
        "repositoryName": name,
        "repositoryUri": format!("{}.dkr.ecr.{}.amazonaws.com/{name}", holder.account, holder.region),
        "createdAt": repository.created_at,
        "imageTagMutability": "MUTABLE",
        "imageScanningConfiguration": {"scanOnPush": false},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    })
}
