//! Carries out the steps of a plan, one AWS write each, in order; the first failure ends a chain.
//!
//! Nothing is decided here. Ownership is checked once more, on the container as it was just read.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_ram::types::{PermissionTypeFilter, Tag};

use crate::{
    api::Reason,
    aws::{
        errors::AwsError,
        fence::Fence,
        paging::{Page, collect},
        session::CellClients,
    },
    mechanism::ram::failure,
    model::{Arn, Digest, Mark, token},
    plan::{
        change::PermissionChange,
        observed::{Container, Listing, Origin},
        receipt::{Failure, Outcome, Receipt, Then},
        step::{Action, Chain, Create, Members, Step},
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

/// What a chain is carried out with.
#[derive(Clone, Copy)]
pub struct Hands<'a> {
    /// The cell's clients.
    pub clients: &'a CellClients,
    /// Asked before each write.
    pub fence: &'a Arc<dyn Fence>,
    /// The cell as it was just read.
    pub listing: &'a Listing,
    /// Whose mark our containers carry.
    pub installation: &'a str,
    /// What was answered before.
    pub attempts: &'a Attempts,
}

/// Carries out a chain. One receipt a step, those not sent included.
pub async fn apply(hands: Hands<'_>, chain: &Chain) -> Vec<Receipt> {
    let mut receipts: Vec<Receipt> = vec![];
    let mut stopped: Option<String> = None;
    for step in &chain.steps {
        let outcome = match &stopped {
            Some(because) => Outcome::NotSent(because.clone()),
            None => Box::pin(outcome(hands, chain, step)).await,
        };
        if let Outcome::Failed(failure) = &outcome {
            stopped = Some(format!("a former step failed: {}", failure.message));
        }
        receipts.push(Receipt { share: chain.share.clone(), side: chain.side, step: step.clone(), outcome });
    }
    receipts
}

async fn outcome(hands: Hands<'_>, chain: &Chain, step: &Step) -> Outcome {
    if let Some(failure) = not_ours(hands, chain, step) {
        return Outcome::Failed(failure);
    }
    let name = operation(&step.action);
    tracing::info!(target: "sharekeeper::audit", phase = "intent", cell = %hands.clients.cell, share = %chain.share,
        side = %chain.side, container = chain.container.as_ref().map(Arn::as_str), operation = name, step = ?step.action);
    let answer = send(hands, chain, step).await;
    let result = match &answer {
        Ok(_) => "done".to_owned(),
        Err(error) => error.to_string(),
    };
    tracing::info!(target: "sharekeeper::audit", phase = "result", cell = %hands.clients.cell, share = %chain.share,
        side = %chain.side, container = chain.container.as_ref().map(Arn::as_str), operation = name, result);
    match answer {
        Ok(id) => Outcome::Done(id),
        Err(error) => failure::outcome(&step.action, &error),
    }
}

/// The container of a chain must be there, live, made through RAM, and carry our mark, unless the mark is what is written.
fn not_ours(hands: Hands<'_>, chain: &Chain, step: &Step) -> Option<Failure> {
    let id = chain.container.as_ref()?;
    let mark = Mark {
        installation: hands.installation.to_owned(),
        share: chain.share.clone(),
        uid: chain.uid.clone(),
        side: chain.side,
    };
    let writes_mark = matches!(&step.action, Action::Tag(tags) if Mark::from_tags(tags).is_some());
    let ours = |c: &Container| match c.mark() {
        Some(found) => found.claims_same(&mark),
        None => writes_mark,
    };
    let own = hands
        .listing
        .containers
        .get(id)
        .is_some_and(|c| c.state.is_live() && c.origin == Origin::Standard && ours(c));
    (!own).then(|| Failure {
        reason: Reason::Conflict,
        message: format!("{id} does not carry the mark of this Share any more; nothing was written to it"),
        then: Then::Replan,
    })
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

async fn send(hands: Hands<'_>, chain: &Chain, step: &Step) -> Result<Option<Arn>, AwsError> {
    if let Action::Create(request) = &step.action {
        return create(hands, chain, request).await.map(Some);
    }
    let name = operation(&step.action);
    let Some(id) = &chain.container else {
        return Err(AwsError::unexpected(name, "the share was not made yet".to_owned()));
    };
    let attempt = hands.attempts.of(id, &step.action, &chain.basis);
    let token = token::change(id.as_str(), name, &[format!("{:?}", step.action)], &chain.basis, attempt);
    match &step.action {
        Action::Create(_) => {}
        Action::Delete => delete(hands, id, token).await?,
        Action::Disassociate(members) => disassociate(hands, id, members, token).await?,
        Action::Update { name, allow_external } => {
            update(hands, id, name.clone(), *allow_external, token).await?;
        }
        Action::SetPermission(to) => set_permission(hands, id, to, token).await?,
        Action::Associate(members) => associate(hands, id, members, token).await?,
        Action::Tag(tags) => tag(hands, id, tags).await?,
        Action::Untag(keys) => {
            let request = hands.clients.ram.untag_resource().resource_share_arn(id.as_str());
            let request = request.set_tag_keys(Some(keys.iter().cloned().collect()));
            hands.clients.calls.write("UntagResource", hands.fence, request.send()).await?;
        }
    }
    Ok(None)
}

async fn create(hands: Hands<'_>, chain: &Chain, create: &Create) -> Result<Arn, AwsError> {
    const NAME: &str = "CreateResourceShare";
    let some = |texts: Vec<String>| (!texts.is_empty()).then_some(texts);
    let request = hands
        .clients
        .ram
        .create_resource_share()
        .name(&create.name)
        .allow_external_principals(create.allow_external)
        .client_token(token::create(&chain.uid, chain.side, create.incarnation))
        .set_principals(some(create.members.principals.iter().map(ToString::to_string).collect()))
        .set_resource_arns(some(create.members.resources.iter().cloned().collect()))
        .set_permission_arns(some(create.permissions.values().cloned().collect()))
        .set_tags(Some(tags(&create.tags)));
    let answer = hands.clients.calls.write(NAME, hands.fence, request.send()).await?;
    let arn = answer.resource_share.and_then(|share| share.resource_share_arn).unwrap_or_default();
    arn.parse().map_err(|_| AwsError::unexpected(NAME, format!("AWS answered no ARN: {arn:?}")))
}

fn tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

async fn delete(hands: Hands<'_>, id: &Arn, token: String) -> Result<(), AwsError> {
    const NAME: &str = "DeleteResourceShare";
    let request =
        hands.clients.ram.delete_resource_share().resource_share_arn(id.as_str()).client_token(token);
    let answer = hands.clients.calls.write(NAME, hands.fence, request.send()).await?;
    refused_quietly(NAME, answer.return_value)
}

/// HTTP 200 with `returnValue: false` is a failure (ram.md §1.2).
fn refused_quietly(operation: &'static str, value: Option<bool>) -> Result<(), AwsError> {
    if value == Some(false) { Err(AwsError::returned_false(operation)) } else { Ok(()) }
}

fn literals(members: &Members) -> (Option<Vec<String>>, Option<Vec<String>>) {
    let some = |texts: Vec<String>| (!texts.is_empty()).then_some(texts);
    let principals = members.principals.iter().map(ToString::to_string).collect();
    (some(principals), some(members.resources.iter().cloned().collect()))
}

async fn associate(hands: Hands<'_>, id: &Arn, members: &Members, token: String) -> Result<(), AwsError> {
    let (principals, resources) = literals(members);
    let request =
        hands.clients.ram.associate_resource_share().resource_share_arn(id.as_str()).client_token(token);
    let request = request.set_principals(principals).set_resource_arns(resources);
    hands.clients.calls.write("AssociateResourceShare", hands.fence, request.send()).await.map(drop)
}

async fn disassociate(hands: Hands<'_>, id: &Arn, members: &Members, token: String) -> Result<(), AwsError> {
    let (principals, resources) = literals(members);
    let request =
        hands.clients.ram.disassociate_resource_share().resource_share_arn(id.as_str()).client_token(token);
    let request = request.set_principals(principals).set_resource_arns(resources);
    hands.clients.calls.write("DisassociateResourceShare", hands.fence, request.send()).await.map(drop)
}

async fn update(
    hands: Hands<'_>,
    id: &Arn,
    name: Option<String>,
    external: Option<bool>,
    token: String,
) -> Result<(), AwsError> {
    let request =
        hands.clients.ram.update_resource_share().resource_share_arn(id.as_str()).client_token(token);
    let request = request.set_name(name).set_allow_external_principals(external);
    hands.clients.calls.write("UpdateResourceShare", hands.fence, request.send()).await.map(drop)
}

async fn tag(hands: Hands<'_>, id: &Arn, set: &BTreeMap<String, String>) -> Result<(), AwsError> {
    let request = hands.clients.ram.tag_resource().resource_share_arn(id.as_str()).set_tags(Some(tags(set)));
    hands.clients.calls.write("TagResource", hands.fence, request.send()).await.map(drop)
}

async fn set_permission(
    hands: Hands<'_>,
    id: &Arn,
    to: &PermissionChange,
    token: String,
) -> Result<(), AwsError> {
    const NAME: &str = "AssociateResourceSharePermission";
    let arn = match &to.arn {
        Some(arn) => arn.clone(),
        None => default_permission(hands, &to.resource_type).await?,
    };
    let request = hands.clients.ram.associate_resource_share_permission().resource_share_arn(id.as_str());
    let request = request.permission_arn(arn).replace(true).client_token(token);
    let version = to.version.as_deref().and_then(|version| version.parse().ok());
    let request = request.set_permission_version(version);
    let answer = hands.clients.calls.write(NAME, hands.fence, request.send()).await?;
    refused_quietly(NAME, answer.return_value)
}

/// The ARN of AWS's default permission for a type: its name cannot be derived from the type's.
async fn default_permission(hands: Hands<'_>, resource_type: &str) -> Result<String, AwsError> {
    const NAME: &str = "ListPermissions";
    let listed = collect(NAME, |token| {
        let request = hands.clients.ram.list_permissions().resource_type(resource_type);
        let request = request.permission_type(PermissionTypeFilter::AwsManaged).set_next_token(token);
        async move {
            let answer = hands.clients.calls.read(NAME, request.send()).await?;
            Ok(Page { items: answer.permissions.unwrap_or_default(), next: answer.next_token })
        }
    })
    .await?;
    let default = listed.into_iter().find(|permission| permission.is_resource_type_default == Some(true));
    let nameless =
        || AwsError::unexpected(NAME, format!("AWS names no default permission for {resource_type}"));
    default.and_then(|permission| permission.arn).ok_or_else(nameless)
}
