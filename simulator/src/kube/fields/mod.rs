//! Field management: who owns which field, and server-side apply.
//!
//! Follows k8s.io/apimachinery `pkg/util/managedfields` v0.36 and structured-merge-diff v6.

mod managed;
mod set;
mod shape;
mod walk;

pub(crate) use shape::Shape;

use serde_json::{Value, json};

use managed::{Managed, Manager, Owned};
use set::FieldSet;
use walk::Comparison;

use super::kinds::Kind;
use super::object;
use super::status::StatusError;
use super::write::Write;

/// The object after a create, update or patch, with its owners brought up to date.
pub(crate) fn update(write: &Write<'_>, live: Option<&Value>, mut object: Value) -> Value {
    let managed = owners_for_update(write, live, &object);
    object::remove_meta(&mut object, "managedFields");
    if managed.is_empty() && live.is_some() {
        return object;
    }
    let updater = manager(write, false);
    let empty = blank(write.kind);
    let managed = take_over(write, live.unwrap_or(&empty), &object, managed, &updater);
    managed::encode(&mut object, &managed);
    object
}

/// Owners are those the request gives, if it gives any and through the main resource; else the stored ones.
fn owners_for_update(write: &Write<'_>, live: Option<&Value>, object: &Value) -> Managed {
    let stored = || live.and_then(managed::decode).unwrap_or_default();
    if !write.target.subresource.is_empty() {
        return stored();
    }
    if managed::is_reset(object) {
        return Managed::new();
    }
    managed::decode(object).unwrap_or_else(stored)
}

fn manager(write: &Write<'_>, applies: bool) -> Manager {
    let name = if write.manager.is_empty() { "unknown" } else { &write.manager };
    Manager {
        name: name.to_owned(),
        api_version: if applies { String::new() } else { write.kind.api_version() },
        subresource: write.target.subresource.clone(),
        applies,
    }
}

/// An object with nothing but its type; built-in types have their parts even when empty.
fn blank(kind: &Kind) -> Value {
    if kind.is_custom() {
        return json!({"apiVersion": kind.api_version(), "kind": kind.kind});
    }
    json!({"apiVersion": kind.api_version(), "kind": kind.kind, "metadata": {}, "spec": {}, "status": {}})
}

/// What an update changes becomes `updater`'s, and nobody else's.
fn take_over(
    write: &Write<'_>,
    live: &Value,
    object: &Value,
    mut managed: Managed,
    updater: &Manager,
) -> Managed {
    let comparison = Comparison::between(live, object, &write.kind.shape).without(&ignored(write));
    disown(&mut managed, &comparison, None);
    let taken = comparison.changed().difference(&never_owned());
    if !taken.is_empty() {
        let before = managed.remove(updater).map(|o| o.fields).unwrap_or_default();
        let owned = Owned {
            fields: before.union(&taken),
            api_version: write.kind.api_version(),
            time: Some(object::time(write.now)),
        };
        managed.insert(updater.clone(), owned);
    }
    managed
}

/// All but `keeps` lose what changed and what is gone.
fn disown(managed: &mut Managed, comparison: &Comparison, keeps: Option<&Manager>) {
    let changed = comparison.changed();
    for (_, owned) in managed.iter_mut().filter(|(m, _)| Some(*m) != keeps) {
        let lost = owned.fields.intersection(&changed);
        owned.fields = owned.fields.difference(&lost).difference(&comparison.removed);
    }
    managed.retain(|_, owned| !owned.fields.is_empty());
}

/// Fields that the addressed part of the object cannot set.
fn ignored(write: &Write<'_>) -> FieldSet {
    match write.target.subresource.as_str() {
        "" if write.kind.status => FieldSet::of(&[&["status"]]),
        "" => FieldSet::default(),
        _ => FieldSet::of(&[&["metadata"], &["spec"]]),
    }
}

/// Fields that nobody owns.
fn never_owned() -> FieldSet {
    FieldSet::of(&[
        &["apiVersion"],
        &["kind"],
        &["metadata"],
        &["metadata", "name"],
        &["metadata", "namespace"],
        &["metadata", "creationTimestamp"],
        &["metadata", "selfLink"],
        &["metadata", "uid"],
        &["metadata", "clusterName"],
        &["metadata", "generation"],
        &["metadata", "managedFields"],
        &["metadata", "resourceVersion"],
    ])
}

/// What an apply must have beside its body.
pub(crate) fn check_apply(write: &Write<'_>, config: &Value) -> Result<(), StatusError> {
    if write.call.query.get("fieldManager").is_none_or(str::is_empty) {
        let error = super::status::FieldError::required("fieldManager", "is required for apply patch");
        return Err(StatusError::invalid("meta.k8s.io", "PatchOptions", "", &[error]));
    }
    if object::meta(config, "managedFields").is_some() {
        return Err(StatusError::bad_request("metadata.managedFields must be nil"));
    }
    let mut unknown = Vec::new();
    walk::undeclared(config, &write.kind.shape, &mut Vec::new(), &mut unknown);
    let mut errors: Vec<String> =
        unknown.iter().map(|p| format!("{p}: field not declared in schema")).collect();
    if let Some(schema) = &write.kind.schema {
        errors.retain(|error| error.starts_with(".metadata"));
        errors.extend(schema.refused_by_apply(config));
    }
    if errors.is_empty() {
        return Ok(());
    }
    let text = match errors.as_slice() {
        [one] => one.clone(),
        several => format!("errors:\n  {}", several.join("\n  ")),
    };
    let message = format!(
        "failed to create typed patch object ({}/{}; {}, Kind={}): {text}",
        object::namespace(config),
        object::name(config),
        write.kind.api_version(),
        write.kind.kind
    );
    Err(StatusError::new(500, "", message))
}

/// The object after a server-side apply of `config`.
pub(crate) fn apply(write: &Write<'_>, live: Option<&Value>, config: &Value) -> Result<Value, StatusError> {
    let empty = blank(write.kind);
    let existed = live.is_some();
    let live = live.unwrap_or(&empty);
    let mut managed = managed::decode(live).unwrap_or_default();
    if managed.is_empty() && existed {
        managed = own_what_is_there(write, live);
    }
    let force = write.call.query.flag("force");
    match applied(write, live, config, managed.clone(), force) {
        Err(conflicts) if write.manager == "kubectl" && from_last_applied(write, live, &conflicts) => {
            applied(write, live, config, managed, true).map_err(|c| conflict(&c))
        }
        result => result.map_err(|c| conflict(&c)),
    }
}

/// An object from before field management: all its fields have one owner.
fn own_what_is_there(write: &Write<'_>, live: &Value) -> Managed {
    let before = Manager {
        name: "before-first-apply".to_owned(),
        api_version: write.kind.api_version(),
        subresource: write.target.subresource.clone(),
        applies: false,
    };
    take_over(write, &blank(write.kind), live, Managed::new(), &before)
}

/// Fields that others own and that would change.
type Conflicts = Vec<(Manager, FieldSet)>;

fn applied(
    write: &Write<'_>,
    live: &Value,
    config: &Value,
    mut managed: Managed,
    force: bool,
) -> Result<Value, Conflicts> {
    let (shape, applier) = (&write.kind.shape, manager(write, true));
    let merged = walk::merge(Some(live), Some(config), shape).unwrap_or_default();
    let before = managed.remove(&applier);
    let owned = Owned {
        fields: walk::field_set(config, shape).without(&ignored(write)),
        api_version: write.kind.api_version(),
        time: before.as_ref().and_then(|o| o.time.clone()),
    };
    managed.insert(applier.clone(), owned);
    let mut object = match &before {
        Some(before) if !before.fields.is_empty() => drop_given_up(&merged, &before.fields, &managed, shape),
        _ => merged,
    };
    let comparison = Comparison::between(live, &object, shape).without(&ignored(write));
    let conflicts = conflicts(&managed, &comparison, &applier);
    if !force && !conflicts.is_empty() {
        return Err(conflicts);
    }
    disown(&mut managed, &comparison, Some(&applier));
    if let Some(owned) = managed.get_mut(&applier) {
        owned.fields = owned.fields.difference(&never_owned());
        if object != *live {
            owned.time = Some(object::time(write.now));
        }
    }
    managed.retain(|_, owned| !owned.fields.is_empty());
    if let Some(schema) = &write.kind.schema {
        schema.fill_in(&mut object);
    }
    object::drop_empty_metadata(&mut object);
    managed::encode(&mut object, &managed);
    Ok(object)
}

fn conflicts(managed: &Managed, comparison: &Comparison, applier: &Manager) -> Conflicts {
    let changed = comparison.changed();
    let others = managed.iter().filter(|(m, _)| *m != applier);
    let theirs = others.map(|(m, owned)| (m.clone(), owned.fields.intersection(&changed)));
    theirs.filter(|(_, fields)| !fields.is_empty()).collect()
}

/// Takes from `merged` what the applier owned before and owns no more, unless somebody else owns it.
fn drop_given_up(merged: &Value, before: &FieldSet, managed: &Managed, shape: &Shape) -> Value {
    let named = |set: &FieldSet| shape.named_fields_as_members(set);
    let before = named(before);
    let cut = walk::remove(merged, &before, shape);
    let owned = managed.values().fold(FieldSet::default(), |all, o| all.union(&o.fields));
    let all = named(&walk::field_set(merged, shape));
    let kept = named(&walk::field_set(&cut, shape)).union(&named(&owned));
    let cut = walk::remove(merged, &all.difference(&kept), shape);
    let left = named(&walk::field_set(&cut, shape));
    walk::remove(merged, &all.difference(&left).intersection(&before), shape)
}

/// Whether kubectl's annotation of its client-side applies shows that all conflicts are with kubectl itself.
fn from_last_applied(write: &Write<'_>, live: &Value, conflicts: &Conflicts) -> bool {
    let text = object::meta(live, "annotations").and_then(|a| a.get(LAST_APPLIED)).and_then(Value::as_str);
    let Some(last) = text.and_then(|t| serde_json::from_str::<Value>(t).ok()) else { return false };
    let shape = &write.kind.shape;
    let comparison = Comparison::between(&last, live, shape);
    let still_so = walk::field_set(&last, shape)
        .difference(&comparison.modified)
        .difference(&comparison.added)
        .difference(&comparison.removed);
    conflicts.iter().all(|(_, fields)| fields.difference(&still_so).is_empty())
}

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn conflict(conflicts: &Conflicts) -> StatusError {
    let each: Vec<(String, String)> = conflicts
        .iter()
        .flat_map(|(m, fields)| fields.paths().into_iter().map(|p| (m.shown(), set::shown(&p))))
        .collect();
    let causes: Vec<Value> = each
        .iter()
        .map(|(manager, field)| {
            json!({"reason": "FieldManagerConflict", "message": format!("conflict with {manager}"), "field": field})
        })
        .collect();
    let message = match each.as_slice() {
        [(manager, field)] => format!("Apply failed with 1 conflict: conflict with {manager}: {field}"),
        several => format!("Apply failed with {} conflicts: {}", several.len(), by_manager(conflicts)),
    };
    StatusError { details: Some(json!({"causes": causes})), ..StatusError::new(409, "Conflict", message) }
}

fn by_manager(conflicts: &Conflicts) -> String {
    let lines = conflicts.iter().flat_map(|(manager, fields)| {
        let head = format!("conflicts with {}:", manager.shown());
        std::iter::once(head).chain(fields.paths().into_iter().map(|p| format!("- {}", set::shown(&p))))
    });
    lines.collect::<Vec<String>>().join("\n")
}

/// A change of nothing but the owners' times is none.
pub(crate) fn ignore_times_alone(object: &mut Value, live: &Value) {
    let mut with_old_times = object.clone();
    object::copy_meta(&mut with_old_times, live, "managedFields");
    if with_old_times == *live && managed::same_but_times(object, live) {
        *object = with_old_times;
    }
}
