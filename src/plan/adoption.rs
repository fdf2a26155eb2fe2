//! Adoption: a Share takes over a container that exists. It needs a person's consent, on record for exactly its grants.

use crate::{
    api::{
        Reason,
        undeclared_share::{Decision, Why},
    },
    model::{Arn, Mechanism, mark},
    plan::{
        change::{Change, ChangeKind},
        desired::{DesiredShare, Refusal},
        observed::{Container, Listing, Origin},
        permit::Permits,
        record::Record,
        undeclared::{Marks, evidence},
    },
};

/// The container that a Share may take over now, or why it may not.
pub fn adoptable<'l>(
    share: &DesiredShare,
    id: &Arn,
    listing: &'l Listing,
    marks: &Marks<'_>,
    permits: &dyn Permits,
) -> Result<&'l Container, Refusal> {
    let refused = |message: String| Refusal::new(Reason::AdoptionRefused, message);
    let Some(container) = listing.containers.get(id).filter(|container| container.state.is_live()) else {
        return Err(refused(format!("{id} is not there; correct `adopt.arn`, which takes a new Share")));
    };
    if let Some(whose) = belongs(container, marks) {
        return Err(refused(format!("{id} belongs to {whose} and cannot be adopted")));
    }
    consented(share, container, marks.records.get(id)).map_err(refused)?;
    let ends =
        share.targets.iter().filter_map(|t| Some((t.principal.as_ref()?.to_string(), t.until?))).collect();
    let exceeding = permits.refused(&share.key.namespace, container, &ends)?;
    match exceeding.iter().next() {
        None => Ok(container),
        Some((principal, refusal)) => Err(refused(format!(
            "{id} lets in {principal}, and {}; allow it, or take it out of the share first",
            refusal.message
        ))),
    }
}

/// Whose a container is, if it is not free: an AWS service's, another installation's.
fn belongs(container: &Container, marks: &Marks<'_>) -> Option<String> {
    if let Origin::ServiceManaged(feature_set) = &container.origin {
        return Some(format!("an AWS service (feature set {feature_set}; promote it first)"));
    }
    if container.mechanism() != Mechanism::Ram {
        return Some("the resource's own policy; name the resource in a Share".to_owned());
    }
    let named = mark::installation_of(&container.tags)?;
    (named != marks.installation).then(|| format!("installation {named}"))
}

fn consented(share: &DesiredShare, container: &Container, record: Option<&Record>) -> Result<(), String> {
    let (id, seen) = (&container.id, evidence(container));
    let ask = format!(
        "set `decision: Adopt`, `evidence: {seen}` and `for: {{namespace: {}, name: {}}}` in the spec of its UndeclaredShare",
        share.key.namespace, share.key.name
    );
    let Some(record) = record.filter(|record| record.decision == Decision::Adopt) else {
        return Err(format!("adopting {id} needs consent: {ask}"));
    };
    if record.for_share.as_ref() != Some(&share.key) {
        return Err(format!("the consent to adopt {id} is for another Share: {ask}"));
    }
    if record.is_void_for(&seen) {
        return Err(format!("the consent to adopt {id} is void, since its grants have changed: {ask}"));
    }
    if record.why == Why::OtherInstallation || record.why == Why::ServiceManaged {
        return Err(format!("{id} is not free to be adopted"));
    }
    Ok(())
}

/// Whether the consent lets the Share change at once what it adopts.
pub fn is_forced(share: &DesiredShare, record: Option<&Record>) -> bool {
    record
        .is_some_and(|r| r.force && r.decision == Decision::Adopt && r.for_share.as_ref() == Some(&share.key))
}

/// Whether a change waits until no difference is left, or the consent says `force`. The mark is what adopts; to forbid
/// external principals where there are none takes nothing from anybody; what ends or what policy takes away waits for nobody.
pub fn holds(change: &Change) -> bool {
    let harmless = matches!(change.kind, ChangeKind::Mark | ChangeKind::SetExternal(false));
    !harmless && !change.cause.is_beyond_tenant()
}
