//! One UndeclaredShare for each container that nobody declared and that is to be shown, and for each that was released.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Resource, ResourceExt, api::ObjectMeta};

use super::{
    gather::uid,
    memory::CellMemory,
    record_status::{Sightings, status, write_failure},
    report::{Pass, changed},
};
use crate::{
    api::{
        Reason, Share, UndeclaredShare,
        account_set::UndeclaredObjects,
        annotations,
        conditions::{self, STALLED},
        formats::STATUS_LIST_MAX,
        share_status::{ContainerState, ShareContainer},
        undeclared_share::{
            Decision, Origin, Phase, UndeclaredEnd, UndeclaredPrincipal, UndeclaredShareSpec,
            UndeclaredShareStatus, Why,
        },
    },
    controllers::{context::Context, telemetry::Weight},
    kube::{watched::readable, write::WriteError},
    model::{Arn, Cell, Side},
    plan::{
        chain::Owner,
        claim::Recollection,
        desired::{DesiredShare, Fate},
        observed::{Listing, Reading},
        receipt::{Failure, Receipt},
        resolve::key_of,
        sweep::{Verdict, ignored},
        undeclared::{Undeclared, record_name},
    },
};

/// The most ends that a record has; a Share has at most as many targets.
const ENDS_MAX: usize = 1000;
/// The most objects a cell of what is only reported; the rest are counts.
const MOST: usize = 200;

/// Makes, updates and deletes the records of a cell. Only a whole reading shows that something is gone.
pub(super) async fn keep(
    context: &Arc<Context>,
    memory: &CellMemory,
    pass: &Pass<'_>,
    listing: &Listing,
) -> Result<(), WriteError> {
    let cell = &pass.gathered.cell;
    let all = context.stores.undeclared.all();
    let here = |record: &&UndeclaredShare| is_of(record, cell);
    let existing: BTreeMap<String, &UndeclaredShare> =
        readable(&all).filter(here).map(|r| (r.name_any(), r)).collect();
    let shown: BTreeMap<String, &Undeclared> =
        shown(pass).into_iter().map(|u| (record_name(cell, &u.container.id), u)).collect();
    for (name, undeclared) in &shown {
        show(context, pass, name, undeclared, existing.get(name).copied()).await?;
    }
    let gone = existing.into_iter().filter(|(name, record)| {
        !shown.contains_key(name)
            && record.metadata.deletion_timestamp.is_none()
            && is_settled(memory, pass, listing, name, record)
    });
    for (_, record) in gone {
        context.writer.delete(record).await?;
    }
    Ok(())
}

/// Whether it is certain that a record which is not to be shown has nothing left to record. Absence takes a whole reading.
/// What a Share let go a moment ago may not be known as released yet, and its record may still be without a status: such
/// a record stays while the container lives and no Share claims it.
fn is_settled(
    memory: &CellMemory,
    pass: &Pass<'_>,
    listing: &Listing,
    name: &str,
    record: &UndeclaredShare,
) -> bool {
    let cell = &pass.gathered.cell;
    let container = listing.containers.values().find(|container| record_name(cell, &container.id) == name);
    let claimed = !pass.plan.undeclared.iter().any(|u| record_name(cell, &u.container.id) == name);
    let just_released = record
        .status
        .as_ref()
        .is_none_or(|status| status.why == Why::Released || status.released_at.is_some());
    // What somebody decided is not forgotten while there is anything to decide about.
    let decided = record.spec.decision != Decision::None;
    match container {
        // What was not read says nothing.
        _ if id_of(record).is_some_and(|id| !listing.is_of_now(&id)) => false,
        // The consent may yet say `force`.
        Some(container) if pass.plan.adopting.contains_key(&container.id) => false,
        // The word of a person and an end are not forgotten for one odd reading.
        None => pass.observed.read.is_full() && id_of(record).is_none_or(|id| memory.unlisted_for_long(&id)),
        Some(container) if !container.is_live() => true,
        Some(_) if claimed => !names_of_released(pass).contains(name),
        Some(_) => !just_released && !decided,
    }
}

fn id_of(record: &UndeclaredShare) -> Option<Arn> {
    record.status.as_ref()?.id.parse().ok()
}

/// The records of what is being released in this pass: they stay when its Share is gone.
fn names_of_released(pass: &Pass<'_>) -> BTreeSet<String> {
    let going = pass.desired.shares.values().filter(|share| share.fate == Fate::Release);
    let views = going.filter_map(|share| pass.plan.shares.get(&share.key)).flat_map(BTreeMap::values);
    views.filter_map(|view| view.container.as_ref()).map(|id| record_name(&pass.gathered.cell, id)).collect()
}

/// Whether a record is of this cell, by its name.
pub(super) fn is_of(record: &UndeclaredShare, cell: &Cell) -> bool {
    record.name_any().starts_with(&format!("{cell}."))
}

/// Which are shown as objects: all that is released, decided or to be removed; of the others at most so many in all, outside
/// first, then by ARN.
fn shown<'p>(pass: &'p Pass<'_>) -> Vec<&'p Undeclared> {
    let spec = &pass.gathered.set.spec.undeclared;
    let all = spec.objects == UndeclaredObjects::All;
    let wanted = |u: &&Undeclared| {
        u.verdict.recorded || ((all || u.is_external()) && ignored(&spec.ignore, u).is_none())
    };
    let wanted = pass.plan.undeclared.iter().filter(wanted);
    let (mut shown, mut others): (Vec<_>, Vec<_>) = wanted.partition(|u| u.verdict.recorded);
    others.sort_by_key(|u| (!u.is_external(), u.container.id.clone()));
    others.truncate(MOST.saturating_sub(shown.len()));
    shown.append(&mut others);
    shown
}

async fn show(
    context: &Arc<Context>,
    pass: &Pass<'_>,
    name: &str,
    undeclared: &Undeclared,
    existing: Option<&UndeclaredShare>,
) -> Result<(), WriteError> {
    let before = existing.and_then(|record| record.status.clone()).unwrap_or_default();
    let sightings = Sightings {
        full: pass.observed.read.is_full() && is_of_now(pass, &undeclared.container.id),
        set: uid(&pass.gathered.set),
        now: pass.gathered.now,
    };
    let mut after = status(&pass.gathered.cell, undeclared, &before, existing, sightings);
    if let Some(failure) = failure(pass, &undeclared.container.id) {
        write_failure(&mut after, failure, pass.gathered.now);
    }
    if existing.is_some() && !changed(&before, &after) {
        return Ok(());
    }
    write(context, name, existing, &before, &after).await?;
    if let Some(existing) = existing {
        tell(context, existing, &before, &after);
    }
    Ok(())
}

/// Whether a container was read in this pass: not each object is, each time.
fn is_of_now(pass: &Pass<'_>, container: &Arn) -> bool {
    matches!(&pass.observed.reading, Reading::Complete { value, .. } if value.is_of_now(container))
}

/// What keeps the removal of a container from being made.
fn failure<'p>(pass: &'p Pass<'_>, container: &Arn) -> Option<&'p Failure> {
    let mut of = pass.receipts.iter().filter(|r| r.owner == Owner::Nobody(container.clone()));
    of.find_map(Receipt::failure)
}

/// Events: what is about to be removed, what is held, and decisions that are void, each once.
fn tell(
    context: &Arc<Context>,
    record: &UndeclaredShare,
    before: &UndeclaredShareStatus,
    after: &UndeclaredShareStatus,
) {
    let stalled = |status: &UndeclaredShareStatus| {
        conditions::find(&status.conditions, STALLED).map(|condition| condition.reason.clone())
    };
    let note = after.message.clone().unwrap_or_default();
    if let Some(reason) = stalled(after).filter(|reason| Some(reason) != stalled(before).as_ref()) {
        let reason = Reason::parse(&reason).unwrap_or(Reason::EvidenceChanged);
        context.telemetry.event(record.object_ref(&()), Weight::Warning, reason, note);
    } else if after.phase == Phase::Removing && before.phase != Phase::Removing {
        context.telemetry.event(record.object_ref(&()), Weight::Warning, Reason::Removing, note);
    }
}

/// Only over what was read: a record says by its own status whether it was released. One that is there and was not seen yet
/// is judged once it is.
async fn write(
    context: &Arc<Context>,
    name: &str,
    existing: Option<&UndeclaredShare>,
    before: &UndeclaredShareStatus,
    after: &UndeclaredShareStatus,
) -> Result<(), WriteError> {
    if let Some(existing) = existing {
        return context.writer.status(existing, before, after).await.map(drop);
    }
    let record = UndeclaredShare {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        spec: UndeclaredShareSpec::default(),
        status: None,
    };
    match context.writer.create(&record).await? {
        Some(made) => context.writer.status(&made, before, after).await.map(drop),
        None => Ok(()),
    }
}

/// Whether a Share is being deleted and its annotation says, by its UID, that it is let go as it is.
pub(crate) fn is_abandoned(share: &Share) -> bool {
    let asked = share.annotations().get(annotations::ABANDON);
    share.metadata.deletion_timestamp.is_some() && asked.is_some() && asked == share.metadata.uid.as_ref()
}

/// Puts what a Share's status knows of its containers on record, without asking AWS.
pub(crate) async fn abandon(context: &Arc<Context>, cell: &Cell, share: &Share) -> Result<(), WriteError> {
    let known = share.status.clone().unwrap_or_default();
    let installation = context.installation().map(|installation| installation.spec.id).unwrap_or_default();
    let key = key_of(share);
    let held = |c: &&ShareContainer| c.state != ContainerState::Gone;
    for container in known.containers.iter().filter(held) {
        // What a later version shared is on record as it stands.
        let as_written = || container.id.as_ref()?.parse::<Arn>().ok();
        let Some(arn) = container.container(&installation, &key).or_else(as_written) else { continue };
        let side = container.slot().and_then(|slot| slot.side());
        let is_in = |external| side.is_none_or(|side| external == (side == Side::Outer));
        let principals = known.principals.iter().filter(|p| is_in(p.external) && !p.id.is_empty());
        let name = record_name(cell, &arn);
        // Read live: a former attempt may have made it and died before it was filled in.
        let existing = context.writer.live::<UndeclaredShare>(&name).await?;
        let before = existing.as_ref().and_then(|record| record.status.clone()).unwrap_or_default();
        let after = UndeclaredShareStatus {
            id: arn.to_string(),
            released_at: before.released_at.clone().or_else(|| Some(Time(context.now()))),
            ends: ends(share),
            account: cell.account.to_string(),
            region: cell.region.to_string(),
            mechanism: container.mechanism.clone(),
            name: Some(container.name.clone()),
            why: Why::Released,
            origin: Some(Origin {
                namespace: share.namespace().unwrap_or_default(),
                name: share.name_any(),
                uid: share.uid(),
            }),
            resources: share.spec.resources.iter().map(|r| r.arn.clone()).take(STATUS_LIST_MAX).collect(),
            principals: principals
                .map(|p| UndeclaredPrincipal {
                    id: p.id.clone(),
                    external: p.external,
                    until: p.until.clone(),
                })
                .take(STATUS_LIST_MAX)
                .collect(),
            first_seen: before.first_seen.clone().or_else(|| Some(Time(context.now()))),
            message: Some(format!("{}: its Share was abandoned while AWS was out of reach", container.name)),
            ..before.clone()
        };
        write(context, &name, existing.as_ref(), &before, &after).await?;
    }
    Ok(())
}

/// When the access of those outside ends, by the spec, which names them by their ids: a status does not list them all.
fn ends(share: &Share) -> Vec<UndeclaredEnd> {
    let ends = share.spec.targets.iter().filter_map(|target| {
        let id = target.external_account.clone().or_else(|| target.external_role.clone())?;
        Some(UndeclaredEnd { id, until: target.until.clone()? })
    });
    ends.take(ENDS_MAX).collect()
}

/// Puts the containers of a Share that is let go on record, with the ends of its outside targets.
pub(super) async fn release(
    context: &Arc<Context>,
    pass: &Pass<'_>,
    desired: &DesiredShare,
    listing: Option<&Listing>,
) -> Result<(), WriteError> {
    let cell = &pass.gathered.cell;
    let views = pass.plan.shares.get(&desired.key).into_iter().flat_map(BTreeMap::values);
    let containers =
        views.filter(|view| !view.lost).filter_map(|view| listing?.containers.get(view.container.as_ref()?));
    for container in containers.filter(|container| container.is_live()) {
        let name = record_name(cell, &container.id);
        // Read live: the Share goes once this is written, so it must not be passed over for what the store has not seen.
        let live = context.writer.live::<UndeclaredShare>(&name).await?;
        let existing = live.as_ref();
        let ends = desired.targets.iter().filter_map(|target| {
            let id = target.principal.as_ref()?.to_string();
            Some(UndeclaredEnd { id, until: Time(target.until?) })
        });
        let known = existing.and_then(|record| record.status.clone()).unwrap_or_default();
        let before = UndeclaredShareStatus {
            released_at: known.released_at.clone().or(Some(Time(pass.gathered.now))),
            ends: ends.take(ENDS_MAX).collect(),
            origin: Some(Origin {
                namespace: desired.key.namespace.clone(),
                name: desired.key.name.clone(),
                uid: Some(desired.uid.clone()),
            }),
            ..known
        };
        let undeclared = Undeclared {
            container: container.clone(),
            why: Why::Released,
            origin: Some(desired.key.clone()),
            verdict: Verdict {
                message: "its Share was let go and its grants stay".to_owned(),
                ..Verdict::default()
            },
        };
        let sightings = Sightings { full: false, set: uid(&pass.gathered.set), now: pass.gathered.now };
        let after = status(cell, &undeclared, &before, existing, sightings);
        write(context, &name, existing, &before, &after).await?;
    }
    Ok(())
}
