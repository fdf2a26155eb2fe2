//! Drift, line by line: what, what it should be, what it is, since when, and what is done about it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{Reason, share_status},
    model::{ObjectKind, Slot, Timestamp},
    plan::{
        change::{Change, ChangeKind},
        observed::{Container, Row},
        view::SlotView,
    },
};

/// How many corrected lines are kept for people to see, until the next edit.
const KEEP_CORRECTED: usize = 20;

/// The drift of one container as it stands in status.
pub(super) fn lines(
    slot: &Slot,
    view: &SlotView,
    container: Option<&Container>,
    before: &[share_status::Drift],
    failed: bool,
    now: Timestamp,
) -> Vec<share_status::Drift> {
    view.drift()
        .map(|(change, held)| {
            let (what, want, have) = facts(slot, change, container);
            let known = before
                .iter()
                .find(|line| line.what == what && line.action != share_status::DriftAction::Corrected);
            let since = known.map_or(Time(now), |line| line.since.clone());
            share_status::Drift {
                what,
                want: Some(want),
                have: Some(have),
                since,
                action: action(held, failed),
            }
        })
        .collect()
}

fn action(held: Option<Reason>, failed: bool) -> share_status::DriftAction {
    match held {
        None if failed => share_status::DriftAction::Reported,
        None => share_status::DriftAction::Corrected,
        Some(Reason::RemovalsHeld | Reason::DriftHeld) => share_status::DriftAction::Held,
        Some(Reason::Contended) => share_status::DriftAction::Contended,
        Some(_) => share_status::DriftAction::Reported,
    }
}

/// The lines to keep: those of now, and those corrected since the last edit, newest first.
pub(super) fn merge(
    now: Vec<share_status::Drift>,
    before: &[share_status::Drift],
    edited: bool,
) -> Vec<share_status::Drift> {
    let corrected =
        before.iter().filter(|line| line.action == share_status::DriftAction::Corrected && !edited);
    let mut kept: Vec<_> =
        corrected.filter(|old| !now.iter().any(|line| line.what == old.what)).cloned().collect();
    kept.sort_by(|a, b| (&b.since.0, &a.what).cmp(&(&a.since.0, &b.what)));
    kept.truncate(KEEP_CORRECTED);
    now.into_iter().chain(kept).take(crate::api::formats::STATUS_LIST_MAX).collect()
}

fn facts(slot: &Slot, change: &Change, container: Option<&Container>) -> (String, String, String) {
    let of = |what: String| match slot {
        Slot::Inner => what,
        Slot::Outer => format!("{what} (outer share)"),
        Slot::Object(object) => format!("{what} ({})", object.resource()),
    };
    let whole = if slot.object().is_some() { "statements" } else { "share" };
    let row = |row: Option<&Row>| row.map_or_else(|| "absent".to_owned(), |row| row.state.to_string());
    let principal = |p| row(container.and_then(|c| c.principals.get(p)));
    let resource = |r| row(container.and_then(|c| c.resources.get(r)));
    let tag = |key: &String| container.and_then(|c| c.tags.get(key)).cloned();
    let (what, want, have) = match &change.kind {
        ChangeKind::Create => (whole.to_owned(), "present".to_owned(), "deleted".to_owned()),
        ChangeKind::Delete => (whole.to_owned(), "absent".to_owned(), "present".to_owned()),
        ChangeKind::Mark => ("mark".to_owned(), "present".to_owned(), "removed or altered".to_owned()),
        ChangeKind::AddPrincipal(p) => (format!("principal {p}"), "present".to_owned(), principal(p)),
        ChangeKind::RemovePrincipal(p) => (format!("principal {p}"), "absent".to_owned(), principal(p)),
        ChangeKind::AddResource(r) => (format!("resource {r}"), "present".to_owned(), resource(r)),
        ChangeKind::RemoveResource(r) => (format!("resource {r}"), "absent".to_owned(), resource(r)),
        ChangeKind::SetExternal(to) => {
            ("allowExternalPrincipals".to_owned(), to.to_string(), (!to).to_string())
        }
        ChangeKind::Rename(to) => {
            ("name".to_owned(), to.clone(), container.map(|c| c.name.clone()).unwrap_or_default())
        }
        ChangeKind::SetPermission(to) => {
            let attached = container.and_then(|c| c.permissions.get(&to.resource_type));
            let have = attached.map_or_else(|| "none".to_owned(), |a| versioned(a.name(), &a.version));
            let want =
                to.arn.as_ref().map_or("the type's default", |arn| arn.rsplit('/').next().unwrap_or(arn));
            // The access that a policy gives has no versions.
            let default = if slot.object().is_some() { "" } else { "default" };
            let version = to.version.as_deref().unwrap_or(default);
            (format!("permission of {}", to.resource_type), versioned(want, version), have)
        }
        ChangeKind::SetTag(key, value) => {
            (format!("tag {key}"), value.clone(), tag(key).unwrap_or_else(|| "absent".to_owned()))
        }
        ChangeKind::RemoveTag(key) => {
            (format!("tag {key}"), "absent".to_owned(), tag(key).unwrap_or_default())
        }
    };
    (of(what), want, have)
}

fn versioned(name: &str, version: &str) -> String {
    if version.is_empty() { name.to_owned() } else { format!("{name} version {version}") }
}

/// A change in words, for plans and events. `object`: whose policy it is about; none for a RAM share.
pub fn describe(change: &ChangeKind, object: Option<ObjectKind>) -> String {
    match change {
        ChangeKind::Create => match object {
            None => "make the share".to_owned(),
            Some(kind) => format!("write the Share's statements into the {}'s policy", kind.noun()),
        },
        ChangeKind::Delete => match object {
            None => "delete the share".to_owned(),
            Some(kind) => format!("take the Share's statements out of the {}'s policy", kind.noun()),
        },
        ChangeKind::Mark => "write the mark".to_owned(),
        ChangeKind::AddPrincipal(p) => format!("add principal {p}"),
        ChangeKind::RemovePrincipal(p) => format!("remove principal {p}"),
        ChangeKind::AddResource(r) => format!("add resource {r}"),
        ChangeKind::RemoveResource(r) => format!("remove resource {r}"),
        ChangeKind::SetExternal(true) => "allow external principals".to_owned(),
        ChangeKind::SetExternal(false) => "forbid external principals".to_owned(),
        ChangeKind::Rename(to) => format!("rename to {to}"),
        ChangeKind::SetPermission(to) => match &to.arn {
            Some(arn) => format!("set the permission of {} to {arn}", to.resource_type),
            None => format!("set the permission of {} to the type's default", to.resource_type),
        },
        ChangeKind::SetTag(key, value) => format!("set tag {key}={value}"),
        ChangeKind::RemoveTag(key) => format!("remove tag {key}"),
    }
}
