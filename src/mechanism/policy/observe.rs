//! Reads the policies of objects, each by itself: one that cannot be read makes one object unknown and no other.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};

use super::{Purpose, Reach, store};
use crate::{
    api::Reason,
    aws::errors::{AwsError, Disposition, Replan},
    document::Document,
    mechanism::{
        ram::failure,
        statements::{self, Granted, Holder, Place},
    },
    model::{Arn, Mark, ObjectKind, Part, Principal, ResourceType, ShareKey, Slot, resource_type::ALTERED},
    plan::observed::{
        AssociationState, AttachedPermission, Container, ContainerState, Listing, Origin, Row, Unknown,
    },
};

/// Calls of one reading that are on their way at once.
const AT_ONCE: usize = 4;

/// Reads these objects. In the answer each is whole, unread for a reason, or left out: then AWS shows a policy from before our
/// own last write, and nothing new is known. `parts`: those that are there even if they grant nothing.
pub async fn objects(
    reader: Reach<'_>,
    objects: &BTreeSet<Arn>,
    parts: &BTreeSet<Part>,
    purpose: Purpose,
) -> Listing {
    let of_kind = objects.iter().filter_map(|object| Some((object.clone(), ObjectKind::of(object)?)));
    let read = |(object, kind): (Arn, ObjectKind)| async move {
        let found = policy(reader, &object, kind).await;
        (found, object, kind)
    };
    let all: Vec<_> = stream::iter(of_kind.collect::<Vec<_>>()).map(read).buffered(AT_ONCE).collect().await;
    let mut listing = Listing::default();
    for (found, object, kind) in all {
        let wanted = parts.iter().filter(|part| part.object == object);
        let holder = Holder { object: &object, rules: store::rules(kind), place: reader.place };
        match found {
            Ok(Some(document)) if reader.written.is_past(&object, &document, reader.now) => {}
            Ok(document) => {
                let found = containers(&holder, document.as_ref(), wanted);
                match &document {
                    Some(document) if purpose == Purpose::Plan && found.values().any(Container::is_part) => {
                        reader.written.saw(&object, document);
                    }
                    Some(_) => {}
                    None => reader.written.forget(&object),
                }
                listing.objects.insert(object.clone());
                listing.containers.extend(found);
            }
            Err(Unreadable(unknown)) => drop(listing.unread.insert(object.clone(), unknown)),
        }
    }
    listing
}

/// Why an object is not known.
struct Unreadable(Unknown);

impl From<AwsError> for Unreadable {
    fn from(error: AwsError) -> Self {
        Self(failure::unknown(&error))
    }
}

/// An object's policy, without statements where it has none; none if there is no such object.
async fn policy(reader: Reach<'_>, object: &Arn, kind: ObjectKind) -> Result<Option<Document>, Unreadable> {
    match store::read(reader.clients, object, kind).await {
        Ok(Some(text)) => parse(&text).map(Some),
        Ok(None) => Ok(Some(Document::empty())),
        Err(error) if error.disposition == Disposition::Replan(Replan::UnknownResource) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn parse(text: &str) -> Result<Document, Unreadable> {
    Document::parse(text).map_err(|malformed| {
        let message = format!("its policy cannot be read, and nothing is changed in it: {malformed}");
        Unreadable(Unknown { reason: Reason::PolicyInvalid.as_str(), message })
    })
}

/// The parts of an object: those whose statements are in its policy, and the wanted ones.
fn containers<'p>(
    holder: &Holder<'_>,
    document: Option<&Document>,
    wanted: impl Iterator<Item = &'p Part>,
) -> BTreeMap<Arn, Container> {
    let (object, place) = (holder.object, &holder.place);
    let found = document.map(|document| statements::read(document, holder)).unwrap_or_default();
    let state = if document.is_some() { ContainerState::Active } else { ContainerState::Deleted };
    let found = found.into_iter().map(|(of, granted)| {
        (Part { object: object.clone(), installation: of.installation, share: of.share }, granted)
    });
    let mut parts: BTreeMap<Part, Option<Granted>> = wanted.map(|part| (part.clone(), None)).collect();
    parts.extend(found.map(|(part, granted)| (part, Some(granted))));
    let container = |(part, granted): (Part, Option<Granted>)| {
        let container = container(place, &part, part.id()?, state.clone(), granted.as_ref());
        Some((container.id.clone(), container))
    };
    let others = document.map(|document| statements::others(document, place)).unwrap_or_default();
    let theirs = theirs(place, object, others);
    parts.into_iter().filter_map(container).chain(theirs.map(|theirs| (object.clone(), theirs))).collect()
}

/// What other people's statements grant; the object itself stands for them.
fn theirs(place: &Place<'_>, object: &Arn, principals: BTreeSet<Principal>) -> Option<Container> {
    let nobody = Part {
        object: object.clone(),
        installation: String::new(),
        share: ShareKey { namespace: String::new(), name: String::new() },
    };
    let access = (!principals.is_empty()).then_some(Granted { principals, access: None })?;
    let container = container(place, &nobody, object.clone(), ContainerState::Active, Some(&access));
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
