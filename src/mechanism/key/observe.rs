//! Reads the policies of keys, each by itself: one that cannot be read makes one key unknown and no other.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};

use super::{ACCESS, POLICY_NAME, Reach};
use crate::{
    api::Reason,
    aws::{
        errors::{AwsError, Disposition, Replan},
        paging::{Page, collect},
        session::CellClients,
    },
    document::Document,
    mechanism::{
        ram::failure,
        statements::{self, Granted, Place},
    },
    model::{Arn, Mark, Part, Principal, ResourceType, ShareKey, Slot, resource_type::ALTERED},
    plan::observed::{
        AssociationState, AttachedPermission, Container, ContainerState, Listing, Origin, Row, Unknown,
    },
};

/// The most entries a page (ListKeys \[M\]).
const PAGE: i32 = 1000;
/// Calls of one reading that are on their way at once.
const AT_ONCE: usize = 4;

/// Reads these keys. In the answer each is whole, unread for a reason, or left out: then AWS shows a policy from before our own
/// last write, and nothing new is known. `parts`: those that are there even if they grant nothing.
pub async fn keys(reader: Reach<'_>, keys: &BTreeSet<Arn>, parts: &BTreeSet<Part>) -> Listing {
    let read = |key: Arn| async move { (policy(reader.clients, &key).await, key) };
    let all: Vec<_> = stream::iter(keys.iter().cloned()).map(read).buffered(AT_ONCE).collect().await;
    let mut listing = Listing::default();
    for (read, key) in all {
        let wanted = parts.iter().filter(|part| part.object == key);
        match read.and_then(|text| text.map(|text| parse(&text)).transpose()) {
            Ok(Some(document)) if reader.written.is_past(&key, &document, reader.now) => {}
            Ok(document) => {
                listing.objects.insert(key.clone());
                listing.containers.extend(containers(&reader.place, &key, document.as_ref(), wanted));
            }
            Err(Unreadable(unknown)) => drop(listing.unread.insert(key, unknown)),
        }
    }
    listing
}

/// All keys of the cell, those that AWS manages included.
///
/// # Errors
/// As AWS answers.
pub async fn all(clients: &CellClients) -> Result<BTreeSet<Arn>, AwsError> {
    const NAME: &str = "ListKeys";
    let listed = collect(NAME, |token| async move {
        let request = clients.kms.list_keys().limit(PAGE).set_marker(token);
        let answer = clients.calls.read(NAME, request.send()).await?;
        Ok(Page { items: answer.keys.unwrap_or_default(), next: answer.next_marker })
    })
    .await?;
    Ok(listed.into_iter().filter_map(|key| key.key_arn?.parse().ok()).collect())
}

/// Why a key is not known.
struct Unreadable(Unknown);

impl From<AwsError> for Unreadable {
    fn from(error: AwsError) -> Self {
        Self(failure::unknown(&error))
    }
}

/// The text of a key's policy; none if there is no such key.
async fn policy(clients: &CellClients, key: &Arn) -> Result<Option<String>, Unreadable> {
    match read(clients, key).await {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.disposition == Disposition::Replan(Replan::UnknownResource) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads the text of a key's policy.
pub(super) async fn read(clients: &CellClients, key: &Arn) -> Result<String, AwsError> {
    const NAME: &str = "GetKeyPolicy";
    let request = clients.kms.get_key_policy().key_id(key.as_str()).policy_name(POLICY_NAME);
    let answer = clients.calls.read(NAME, request.send()).await?;
    answer.policy.ok_or_else(|| AwsError::unexpected(NAME, format!("AWS answered no policy of {key}")))
}

fn parse(text: &str) -> Result<Document, Unreadable> {
    Document::parse(text).map_err(|malformed| {
        let message = format!("its policy cannot be read, and nothing is changed in it: {malformed}");
        Unreadable(Unknown { reason: Reason::PolicyInvalid.as_str(), message })
    })
}

/// The parts of a key: those whose statements are in its policy, and the wanted ones.
fn containers<'p>(
    place: &Place<'_>,
    key: &Arn,
    document: Option<&Document>,
    wanted: impl Iterator<Item = &'p Part>,
) -> BTreeMap<Arn, Container> {
    let found = document.map(|document| statements::read(document, place, &ACCESS)).unwrap_or_default();
    let state = if document.is_some() { ContainerState::Active } else { ContainerState::Deleted };
    let found = found.into_iter().map(|(of, granted)| {
        (Part { object: key.clone(), installation: of.installation, share: of.share }, granted)
    });
    let mut parts: BTreeMap<Part, Option<Granted>> = wanted.map(|part| (part.clone(), None)).collect();
    parts.extend(found.map(|(part, granted)| (part, Some(granted))));
    let container = |(part, granted): (Part, Option<Granted>)| {
        let container = container(place, &part, part.id()?, state.clone(), granted.as_ref());
        Some((container.id.clone(), container))
    };
    let others = document.map(|document| statements::others(document, place)).unwrap_or_default();
    let theirs = theirs(place, key, others);
    parts.into_iter().filter_map(container).chain(theirs.map(|theirs| (key.clone(), theirs))).collect()
}

/// What other people's statements grant; the key itself stands for them.
fn theirs(place: &Place<'_>, key: &Arn, principals: BTreeSet<Principal>) -> Option<Container> {
    let nobody = Part {
        object: key.clone(),
        installation: String::new(),
        share: ShareKey { namespace: String::new(), name: String::new() },
    };
    let access = (!principals.is_empty()).then_some(Granted { principals, access: None })?;
    let container = container(place, &nobody, key.clone(), ContainerState::Active, Some(&access));
    Some(Container {
        origin: Origin::OwnPolicy,
        tags: BTreeMap::new(),
        permissions: BTreeMap::new(),
        ..container
    })
}

fn container(
    place: &Place<'_>,
    part: &Part,
    id: Arn,
    state: ContainerState,
    granted: Option<&Granted>,
) -> Container {
    let row = |external| Row { state: AssociationState::Associated, message: None, external, since: None };
    let mark = Mark {
        installation: part.installation.clone(),
        share: part.share.clone(),
        uid: String::new(),
        slot: Slot::Object(part.object.clone()),
    };
    let access = granted.and_then(|granted| granted.access.clone());
    let access = access.unwrap_or_else(|| ALTERED.to_owned());
    let attached = AttachedPermission { arn: access, version: String::new(), is_default_version: true };
    // Without statements of its own it is as good as not there.
    let holds = granted.is_some();
    let resource_type = ResourceType::of(&part.object).filter(|_| holds);
    let principals = granted
        .into_iter()
        .flat_map(|granted| &granted.principals)
        .map(|p| (p.clone(), row(place.is_outside(p))));
    Container {
        id,
        name: part.object.resource().to_owned(),
        owner: place.owner.to_string(),
        state,
        message: None,
        allows_external: false,
        origin: Origin::Standard,
        tags: mark.tags(),
        principals: principals.collect(),
        resources: holds.then(|| (part.object.to_string(), row(false))).into_iter().collect(),
        permissions: resource_type.map(|t| (t.name.to_owned(), attached)).into_iter().collect(),
    }
}
