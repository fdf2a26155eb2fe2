//! People with a console: administrators of accounts, who use the real AWS SDK.

use aws_sdk_ram::Client;
use aws_sdk_ram::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ram::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_ram::types::ResourceOwner;
use simulator::aws::{connector, example};

use crate::Error;
use crate::stage::Stage;

/// The administrator of an account.
#[derive(Debug)]
pub(crate) struct Administrator {
    ram: Client,
}

impl Administrator {
    /// Of `account`, in the example's region.
    pub(crate) fn of(account: &str, stage: &Stage) -> Self {
        let config = aws_sdk_ram::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(example::REGION))
            .credentials_provider(Credentials::new(format!("AKIA{account}"), "none", None, None, "demo"))
            .endpoint_url(&stage.aws_url)
            .http_client(connector(&stage.net))
            .build();
        Self { ram: Client::from_conf(config) }
    }

    /// Lets `principal` into a share.
    pub(crate) async fn let_in(&self, share: &str, principal: &str) -> Result<(), Error> {
        let call = self.ram.associate_resource_share().resource_share_arn(share).principals(principal);
        call.send().await.map(drop).map_err(|error| refused("AssociateResourceShare", &error))
    }

    /// Takes `principal` out of a share.
    pub(crate) async fn throw_out(&self, share: &str, principal: &str) -> Result<(), Error> {
        let call = self.ram.disassociate_resource_share().resource_share_arn(share).principals(principal);
        call.send().await.map(drop).map_err(|error| refused("DisassociateResourceShare", &error))
    }

    /// Gives a share another name.
    pub(crate) async fn rename(&self, share: &str, name: &str) -> Result<(), Error> {
        let call = self.ram.update_resource_share().resource_share_arn(share).name(name);
        call.send().await.map(drop).map_err(|error| refused("UpdateResourceShare", &error))
    }

    /// The name of a share of this account.
    pub(crate) async fn name_of(&self, share: &str) -> Result<String, Error> {
        let call = self
            .ram
            .get_resource_shares()
            .resource_owner(ResourceOwner::SelfValue)
            .resource_share_arns(share);
        let answer = call.send().await.map_err(|error| refused("GetResourceShares", &error))?;
        Ok(answer.resource_shares().iter().find_map(|share| share.name()).unwrap_or_default().to_owned())
    }

    /// Accepts the invitation to a share; says whether there was one.
    pub(crate) async fn accept(&self, share: &str) -> Result<bool, Error> {
        let call = self.ram.get_resource_share_invitations().resource_share_arns(share);
        let answer = call.send().await.map_err(|error| refused("GetResourceShareInvitations", &error))?;
        let mut invitations = answer.resource_share_invitations().iter();
        let Some(arn) = invitations.find_map(|invitation| invitation.resource_share_invitation_arn()) else {
            return Ok(false);
        };
        let call = self.ram.accept_resource_share_invitation().resource_share_invitation_arn(arn);
        call.send().await.map_err(|error| refused("AcceptResourceShareInvitation", &error))?;
        Ok(true)
    }
}

fn refused<E: ProvideErrorMetadata + std::error::Error>(what: &str, error: &E) -> Error {
    let message = match error.message() {
        Some(message) => format!("{} {message}", error.code().unwrap_or_default()),
        None => DisplayErrorContext(error).to_string(),
    };
    Error::Aws { what: what.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use simulator::aws::action::Action;

    use super::*;

    const SANDBOX: &str = "444400001111";

    /// A share of a prefix list with `principal`, made in AWS past the SDK.
    fn share(stage: &Stage, principal: &str) -> String {
        let params = json!({
            "name": "list",
            "resourceArns": ["arn:aws:ec2:eu-west-1:111122223333:prefix-list/pl-0a1b2c3d4e5f60001"],
            "principals": [principal],
        });
        let call = Action::Call {
            account: example::NETWORK_PROD.to_owned(),
            region: example::REGION.to_owned(),
            service: "ram".to_owned(),
            operation: "CreateResourceShare".to_owned(),
            params,
        };
        let answer = stage.net.world().act(call).unwrap();
        answer["resourceShare"]["resourceShareArn"].as_str().unwrap().to_owned()
    }

    /// Who is in the share, once what is under way is done.
    fn principals(stage: &Stage, share: &str) -> Vec<String> {
        stage.net.skip(10.0);
        let grants = stage.net.world().truth(stage.net.now());
        grants.into_iter().filter(|grant| grant.share == share).map(|grant| grant.principal).collect()
    }

    #[tokio::test]
    async fn an_administrator_lets_in_throws_out_and_renames() {
        let stage = Stage::open().await.unwrap();
        let somebody = Administrator::of(example::NETWORK_PROD, &stage);
        let share = share(&stage, example::DATA_PROD);
        assert_eq!(principals(&stage, &share), [example::DATA_PROD]);
        somebody.let_in(&share, SANDBOX).await.unwrap();
        assert_eq!(principals(&stage, &share), [example::DATA_PROD, SANDBOX]);
        somebody.throw_out(&share, example::DATA_PROD).await.unwrap();
        assert_eq!(principals(&stage, &share), [SANDBOX]);
        somebody.rename(&share, "other").await.unwrap();
        assert_eq!(somebody.name_of(&share).await.unwrap(), "other");
    }

    #[tokio::test]
    async fn the_partner_accepts_what_it_was_invited_to_and_nothing_else() {
        let stage = Stage::open().await.unwrap();
        let partner = Administrator::of(example::PARTNER, &stage);
        let share = share(&stage, example::PARTNER);
        assert!(!partner.accept("arn:aws:ram:eu-west-1:111122223333:resource-share/other").await.unwrap());
        assert_eq!(principals(&stage, &share), [""; 0]);
        assert!(partner.accept(&share).await.unwrap());
        assert_eq!(principals(&stage, &share), [example::PARTNER]);
    }

    #[tokio::test]
    async fn what_aws_refuses_is_told_in_its_words() {
        let stage = Stage::open().await.unwrap();
        let somebody = Administrator::of(example::NETWORK_PROD, &stage);
        let unknown =
            "arn:aws:ram:eu-west-1:111122223333:resource-share/00000000-0000-0000-0000-000000000000";
        let error = somebody.rename(unknown, "other").await.unwrap_err();
        assert!(error.to_string().contains("UnknownResourceException"), "{error}");
    }
}
