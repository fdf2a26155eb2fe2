//! Writes resource shares: one AWS call a step.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ram::{
    config::{Config, retry::RetryConfig},
    types::{PermissionTypeFilter, Tag},
};

use crate::{
    aws::{
        calls::Leave,
        errors::AwsError,
        paging::{Page, collect},
        session::CellClients,
    },
    mechanism::apply::Hands,
    model::{Arn, Digest, Side, Slot, token},
    mutant::{self, Mutant},
    plan::{
        chain::Chain,
        change::PermissionChange,
        step::{Action, Create, Members, Step},
    },
};

/// How often each change was answered with success: a change that is planned again on the same observation was
/// contradicted by a read, and must not replay the old answer.
#[derive(Clone, Debug, Default)]
pub struct Attempts(BTreeMap<Digest, u32>);

impl Attempts {
    fn key(container: &Arn, action: &Action, basis: &Digest) -> Digest {
        Digest::of([container.as_str(), &format!("{action:?}"), basis.as_str()])
    }

    fn of(&self, container: &Arn, action: &Action, basis: &Digest) -> u32 {
        self.0.get(&Self::key(container, action, basis)).copied().unwrap_or_default()
    }

    /// A change was answered with success.
    pub fn answered(&mut self, container: &Arn, action: &Action, basis: &Digest) {
        *self.0.entry(Self::key(container, action, basis)).or_default() += 1;
    }

    /// Forgets all but the youngest few thousand; an older observation cannot come again.
    pub fn prune(&mut self) {
        while self.0.len() > 4096 {
            self.0.pop_first();
        }
    }
}

/// AWS's name of what an action sends.
pub fn operation(action: &Action) -> &'static str {
    match action {
        Action::Create(_) => "CreateResourceShare",
        Action::Delete => "DeleteResourceShare",
        Action::Disassociate(_) => "DisassociateResourceShare",
        Action::Update { .. } => "UpdateResourceShare",
        Action::SetPermission(_) => "AssociateResourceSharePermission",
        Action::Associate(_) => "AssociateResourceShare",
        Action::Tag(_) => "TagResource",
        Action::Untag(_) => "UntagResource",
    }
}

/// Sends one step on a resource share.
pub async fn send(
    hands: Hands<'_>,
    leave: &Leave,
    chain: &Chain,
    step: &Step,
) -> Result<Option<Arn>, AwsError> {
    if let Action::Create(request) = &step.action {
        return create(hands, leave, chain, request).await.map(Some);
    }
    let name = operation(&step.action);
    let Some(id) = &chain.container else {
        return Err(AwsError::unexpected(name, "the share was not made yet".to_owned()));
    };
    let attempt = hands.attempts.of(id, &step.action, &chain.basis);
    let token = token::change(id.as_str(), name, &[format!("{:?}", step.action)], &chain.basis, attempt);
    let write = Write { clients: hands.clients, leave, id, token };
    match &step.action {
        Action::Create(_) => {}
        Action::Delete => write.delete().await?,
        Action::Disassociate(members) => write.disassociate(members).await?,
        Action::Update { name, allow_external } => write.update(name.clone(), *allow_external).await?,
        Action::SetPermission(to) => write.set_permission(to).await?,
        Action::Associate(members) => write.associate(members).await?,
        Action::Tag(tags) => write.tag(tags).await?,
        Action::Untag(keys) => write.untag(keys).await?,
    }
    Ok(None)
}

async fn create(hands: Hands<'_>, leave: &Leave, chain: &Chain, create: &Create) -> Result<Arn, AwsError> {
    const NAME: &str = "CreateResourceShare";
    let side = chain.owner.slot().and_then(Slot::side).unwrap_or(Side::Inner);
    let request = hands
        .clients
        .ram
        .create_resource_share()
        .name(&create.name)
        .allow_external_principals(create.allow_external)
        .set_client_token(token_of(chain, side, create))
        .set_principals(some(create.members.principals.iter().map(ToString::to_string).collect()))
        .set_resource_arns(some(create.members.resources.iter().cloned().collect()))
        .set_permission_arns(some(create.permissions.values().cloned().collect()))
        .set_tags(Some(tags(&create.tags)));
    // Sent once, so that a refusal is the answer to all that was sent: then it has made nothing for certain.
    let once = Config::builder().retry_config(RetryConfig::disabled());
    let sent = request.customize().config_override(once).send();
    let answer = hands.clients.calls.write(NAME, leave, sent).await?;
    let arn = answer.resource_share.and_then(|share| share.resource_share_arn).unwrap_or_default();
    arn.parse().map_err(|_| AwsError::unexpected(NAME, format!("AWS answered no ARN: {arn:?}")))
}

fn token_of(chain: &Chain, side: Side, create: &Create) -> Option<String> {
    if mutant::is(Mutant::DropClientToken) {
        return None;
    }
    let token = token::create(&chain.uid, side, create.incarnation);
    let fresh = mutant::is(Mutant::NewTokenEachTime);
    Some(if fresh { format!("{:.40}-{:x}", token, mutant::fresh()) } else { token })
}

fn some(texts: Vec<String>) -> Option<Vec<String>> {
    (!texts.is_empty()).then_some(texts)
}

fn tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// HTTP 200 with `returnValue: false` is a failure (ram.md §1.2).
fn refused_quietly(operation: &'static str, value: Option<bool>) -> Result<(), AwsError> {
    if value == Some(false) { Err(AwsError::returned_false(operation)) } else { Ok(()) }
}

fn literals(members: &Members) -> (Option<Vec<String>>, Option<Vec<String>>) {
    let principals = members.principals.iter().map(ToString::to_string).collect();
    (some(principals), some(members.resources.iter().cloned().collect()))
}

/// One write to an existing container.
struct Write<'a> {
    clients: &'a CellClients,
    leave: &'a Leave,
    id: &'a Arn,
    token: String,
}

impl Write<'_> {
    async fn delete(&self) -> Result<(), AwsError> {
        const NAME: &str = "DeleteResourceShare";
        let request = self.clients.ram.delete_resource_share().resource_share_arn(self.id.as_str());
        let request = request.client_token(&self.token);
        let answer = self.clients.calls.write(NAME, self.leave, request.send()).await?;
        refused_quietly(NAME, answer.return_value)
    }

    async fn associate(&self, members: &Members) -> Result<(), AwsError> {
        let (principals, resources) = literals(members);
        let request = self.clients.ram.associate_resource_share().resource_share_arn(self.id.as_str());
        let request = request.client_token(&self.token);
        let request = request.set_principals(principals).set_resource_arns(resources);
        self.clients.calls.write("AssociateResourceShare", self.leave, request.send()).await.map(drop)
    }

    async fn disassociate(&self, members: &Members) -> Result<(), AwsError> {
        let (principals, resources) = literals(members);
        let request = self.clients.ram.disassociate_resource_share().resource_share_arn(self.id.as_str());
        let request = request.client_token(&self.token);
        let request = request.set_principals(principals).set_resource_arns(resources);
        self.clients.calls.write("DisassociateResourceShare", self.leave, request.send()).await.map(drop)
    }

    async fn update(&self, name: Option<String>, external: Option<bool>) -> Result<(), AwsError> {
        let request = self.clients.ram.update_resource_share().resource_share_arn(self.id.as_str());
        let request = request.client_token(&self.token);
        let request = request.set_name(name).set_allow_external_principals(external);
        self.clients.calls.write("UpdateResourceShare", self.leave, request.send()).await.map(drop)
    }

    async fn tag(&self, set: &BTreeMap<String, String>) -> Result<(), AwsError> {
        let request = self.clients.ram.tag_resource().resource_share_arn(self.id.as_str());
        let request = request.set_tags(Some(tags(set)));
        self.clients.calls.write("TagResource", self.leave, request.send()).await.map(drop)
    }

    async fn untag(&self, keys: &BTreeSet<String>) -> Result<(), AwsError> {
        let request = self.clients.ram.untag_resource().resource_share_arn(self.id.as_str());
        let request = request.set_tag_keys(Some(keys.iter().cloned().collect()));
        self.clients.calls.write("UntagResource", self.leave, request.send()).await.map(drop)
    }

    async fn set_permission(&self, to: &PermissionChange) -> Result<(), AwsError> {
        const NAME: &str = "AssociateResourceSharePermission";
        let arn = match &to.arn {
            Some(arn) => arn.clone(),
            None => default_permission(self.clients, &to.resource_type).await?,
        };
        let ram = &self.clients.ram;
        let request = ram.associate_resource_share_permission().resource_share_arn(self.id.as_str());
        let request = request.permission_arn(arn).replace(true).client_token(&self.token);
        let version = to.version.as_deref().and_then(|version| version.parse().ok());
        let request = request.set_permission_version(version);
        let answer = self.clients.calls.write(NAME, self.leave, request.send()).await?;
        refused_quietly(NAME, answer.return_value)
    }
}

/// The ARN of AWS's default permission for a type: its name cannot be derived from the type's.
async fn default_permission(clients: &CellClients, resource_type: &str) -> Result<String, AwsError> {
    const NAME: &str = "ListPermissions";
    let listed = collect(NAME, |token| {
        let request = clients.ram.list_permissions().resource_type(resource_type);
        let request = request.permission_type(PermissionTypeFilter::AwsManaged).set_next_token(token);
        async move {
            let answer = clients.calls.read(NAME, request.send()).await?;
            Ok(Page { items: answer.permissions.unwrap_or_default(), next: answer.next_token })
        }
    })
    .await?;
    let default = listed.into_iter().find(|permission| permission.is_resource_type_default == Some(true));
    let nameless =
        || AwsError::unexpected(NAME, format!("AWS names no default permission for {resource_type}"));
    default.and_then(|permission| permission.arn).ok_or_else(nameless)
}
