//! Credentials of a role in another account. Our own few lines instead of the SDK's provider, whose STS client would
//! share one retry budget with every other account's.

use std::{fmt, sync::Arc, time::SystemTime};

use aws_credential_types::{
    Credentials,
    provider::{self, ProvideCredentials, error::CredentialsError, future},
};
use tokio::time::Instant;

use super::{
    calls::{Called, CredentialsRefused, Observer},
    errors::AwsError,
};

/// Provides a role's credentials, valid for the hour that STS gives by default; the identity cache asks again in time.
pub(super) struct AssumedRole {
    pub(super) sts: aws_sdk_sts::Client,
    pub(super) arn: String,
    pub(super) external_id: Option<String>,
    pub(super) session_name: String,
    pub(super) observer: Arc<dyn Observer>,
    /// Whether the credentials that the role is assumed with were refused.
    pub(super) refused: CredentialsRefused,
}

impl AssumedRole {
    async fn credentials(&self) -> provider::Result {
        let start = Instant::now();
        let call = self
            .sts
            .assume_role()
            .role_arn(&self.arn)
            .role_session_name(&self.session_name)
            .set_external_id(self.external_id.clone());
        let answer = call.send().await;
        let error = answer.as_ref().err().map(|error| AwsError::from_sdk("AssumeRole", error));
        self.tell(error.as_ref(), start);
        let answer = answer.map_err(CredentialsError::provider_error)?;
        let issued = answer
            .credentials
            .ok_or_else(|| CredentialsError::unhandled("AssumeRole gave no credentials"))?;
        let expiry = SystemTime::try_from(issued.expiration).map_err(CredentialsError::unhandled)?;
        let made = Credentials::new(
            issued.access_key_id,
            issued.secret_access_key,
            Some(issued.session_token),
            Some(expiry),
            "AssumeRole",
        );
        Ok(made)
    }

    fn tell(&self, error: Option<&AwsError>, start: Instant) {
        if let Some(error) = error {
            self.refused.note(error);
        }
        let outcome = error.map_or("Ok", |error| error.disposition.reason());
        self.observer.called(&Called {
            operation: "AssumeRole",
            outcome,
            took: start.elapsed(),
            waited: std::time::Duration::ZERO,
        });
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

impl fmt::Debug for AssumedRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumedRole").field("arn", &self.arn).finish_non_exhaustive()
    }
}
