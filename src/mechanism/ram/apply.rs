//! Carries out the steps of a plan, one AWS write each, in order; the first failure ends a chain.
//!
//! Nothing is decided here. Ownership is checked once more, on the container as it was just read.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_ram::{
    config::{Config, retry::RetryConfig},
    types::{PermissionTypeFilter, Tag},
};

use crate::{
    api::Reason,
    aws::{
        audit::Subject,
        calls::Leave,
        errors::{AwsError, Disposition, Replan},
        fence::Fence,
        paging::{Page, collect},
        session::CellClients,
    },
    mechanism::ram::failure,
    model::{Arn, Digest, Mark, Side, token},
    mutant::{self, Mutant},
    plan::{
        chain::{Chain, Owner},
        change::PermissionChange,
        observed::{Container, Listing, Origin},
        receipt::{Failure, Outcome, Receipt, Then},
        step::{Action, Create, Members, Step},
        undeclared::evidence,
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
        receipts.push(Receipt { owner: chain.owner.clone(), step: step.clone(), outcome });
    }
    receipts
}

async fn outcome(hands: Hands<'_>, chain: &Chain, step: &Step) -> Outcome {
    if let Some(failure) = not_ours(hands, chain, step) {
        return Outcome::Failed(failure);
    }
    match send(hands, chain, step).await {
        Ok(id) => Outcome::Done(id),
        Err(error) => match &step.action {
            Action::Disassociate(members) if one_is_unknown(&error) && members.len() > 1 => {
                one_by_one(hands, chain, step, members).await
            }
            action => failure::outcome(action, &error),
        },
    }
}

fn one_is_unknown(error: &AwsError) -> bool {
    error.disposition == Disposition::Replan(Replan::UnknownResource)
}

/// AWS takes nobody out where it does not know one of those who are to go, and does not say which: each goes by itself.
async fn one_by_one(hands: Hands<'_>, chain: &Chain, step: &Step, members: &Members) -> Outcome {
    let mut all = Outcome::AlreadyDone;
    for member in members.each() {
        let single = Step { action: Action::Disassociate(member), ..step.clone() };
        match send(hands, chain, &single).await {
            Ok(_) => all = Outcome::Done(None),
            Err(error) => match failure::outcome(&single.action, &error) {
                Outcome::AlreadyDone => {}
                other => return other,
            },
        }
    }
    all
}

/// Whether the container of a chain, as it was just read, is still one to write to.
fn not_ours(hands: Hands<'_>, chain: &Chain, step: &Step) -> Option<Failure> {
    if mutant::is(Mutant::NoOwnerCheck) {
        return None;
    }
    let id = chain.container.as_ref()?;
    let found = hands.listing.containers.get(id);
    let found = found.filter(|c| c.state.is_live() && c.origin == Origin::Standard);
    let problem = match &chain.owner {
        Owner::Share(share, side) => {
            let mark = Mark {
                installation: hands.installation.to_owned(),
                share: share.clone(),
                uid: chain.uid.clone(),
                side: *side,
            };
            // What is being adopted carries the mark that it was planned on.
            let planned_on = |container: &Container| chain.adopts && container.basis() == chain.basis;
            let ours = found.is_some_and(|container| planned_on(container) || bears(container, &mark, step));
            (!ours).then_some("does not carry the mark of this Share any more")
        }
        Owner::Nobody(_) => {
            let planned_on = chain.proof.as_ref().map(|proof| &proof.evidence);
            let same = found.is_some_and(|container| Some(&evidence(container)) == planned_on);
            (!same).then_some("does not grant any more what its removal was planned on")
        }
    };
    problem.map(|problem| Failure {
        reason: Reason::Conflict,
        message: format!("{id} {problem}; nothing was written to it"),
        then: Then::Replan,
        certain: true,
    })
}

/// A container must carry the Share's mark, unless that is what is written.
fn bears(container: &Container, mark: &Mark, step: &Step) -> bool {
    let writes_mark = matches!(&step.action, Action::Tag(tags) if Mark::from_tags(tags).is_some());
    container.mark().map_or(writes_mark, |found| found.claims_same(mark))
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
    let leave = leave(hands, chain, step);
    if let Action::Create(request) = &step.action {
        return create(hands, &leave, chain, request).await.map(Some);
    }
    let name = operation(&step.action);
    let Some(id) = &chain.container else {
        return Err(AwsError::unexpected(name, "the share was not made yet".to_owned()));
    };
    let attempt = hands.attempts.of(id, &step.action, &chain.basis);
    let token = token::change(id.as_str(), name, &[format!("{:?}", step.action)], &chain.basis, attempt);
    let write = Write { clients: hands.clients, leave: &leave, id, token };
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

fn leave(hands: Hands<'_>, chain: &Chain, step: &Step) -> Leave {
    let evidence = chain.proof.as_ref().map(|proof| {
        let confirmed = proof.confirmed_at.map(|at| format!(", confirmed {at}")).unwrap_or_default();
        format!("{}; grants {}, first seen {}{confirmed}", proof.because, proof.evidence, proof.first_seen)
    });
    let subject = Subject {
        installation: hands.installation.to_owned(),
        cell: hands.clients.cell.to_string(),
        owner: chain.owner.to_string(),
        generation: chain.generation,
        plan: chain.digest.to_string(),
        container: chain.container.as_ref().map(ToString::to_string).unwrap_or_default(),
        change: format!("{:?}", step.action),
        evidence: evidence.unwrap_or_default(),
    };
    Leave { fence: Arc::clone(hands.fence), subject }
}

async fn create(hands: Hands<'_>, leave: &Leave, chain: &Chain, create: &Create) -> Result<Arn, AwsError> {
    const NAME: &str = "CreateResourceShare";
    let side = chain.owner.side().unwrap_or(Side::Inner);
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
