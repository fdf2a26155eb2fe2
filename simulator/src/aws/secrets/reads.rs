//! ListSecrets and DescribeSecret.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws::caller::Caller;
use crate::aws::policy::{Object, ObjectKind, Paging};
use crate::aws::refusal::Refusal;
use crate::aws::wire::input;
use crate::aws::world::World;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    secret_id: Option<String>,
    include_planned_deletion: Option<bool>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl World {
    /// ListSecrets: all secrets of the caller's account and region; those marked for deletion only on request \[D]. 100 a page
    /// where nothing is asked \[X]. Filters are not simulated.
    pub(super) fn list_secrets(&mut self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        let paging = Paging {
            operation: "ListSecrets",
            members: &["NextToken", "MaxResults"],
            token: input.next_token.as_deref(),
            size: input.max_results,
            default: 100,
            most: 100,
        };
        let asked = input.max_results.unwrap_or_default();
        let out_of_range = |bound: &str| {
            Refusal::validation(&format!(
                "Value '{asked}' at 'maxResults' failed to satisfy constraint: Member must have value {bound}"
            ))
        };
        let invalid = || Refusal::client("InvalidNextTokenException", "The NextToken value is invalid.");
        let cut = self.cut(caller, params, &paging, out_of_range, invalid)?;
        let planned = input.include_planned_deletion == Some(true);
        let own = self.objects.of(ObjectKind::Secret, &caller.account, &caller.region);
        let rows = own.map(|secret| {
            let shown = planned || secret.deletion_at.is_none();
            (secret.holder.arn.clone(), shown.then(|| described(secret)))
        });
        let page = cut.fill(rows);
        Ok(self.page_of("SecretList", "NextToken", page))
    }

    /// DescribeSecret: also of one that is marked for deletion \[D].
    pub(super) fn describe_secret(&self, caller: &Caller, params: &Value) -> Result<Value, Refusal> {
        let input: Input = input(params)?;
        Ok(described(self.secret(caller, "DescribeSecret", input.secret_id.as_deref())?))
    }
}

/// "If the secret is encrypted with the AWS managed key `aws/secretsmanager`, this field is omitted" (`KmsKeyId` \[M]).
fn described(secret: &Object) -> Value {
    let mut described = json!({
        "ARN": secret.holder.arn,
        "Name": secret.name,
        "CreatedDate": secret.created_at,
        "LastChangedDate": secret.created_at,
    });
    let optional = [
        ("KmsKeyId", json!(secret.key)),
        ("DeletedDate", json!(secret.deletion_at)),
        // Of a secret that is replicated, also in its primary region [M].
        ("PrimaryRegion", json!(secret.primary)),
    ];
    if let Some(described) = described.as_object_mut() {
        let given = optional.into_iter().filter(|(_, value)| !value.is_null());
        described.extend(given.map(|(name, value)| (name.to_owned(), value)));
    }
    described
}
