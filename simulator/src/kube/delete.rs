//! delete, delete of a collection, and what follows a removal.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::cluster::{Body, Cluster, Served};
use super::decode;
use super::kinds::Kind;
use super::object;
use super::render::Form;
use super::request::{Call, Target};
use super::selectors::Selector;
use super::status::StatusError;
use super::store::Key;
use super::strategy;

/// The parts of `DeleteOptions` that matter here.
struct Options {
    dry_run: bool,
    uid: Option<String>,
    resource_version: Option<String>,
}

impl Options {
    fn parse(call: &Call) -> Result<Self, StatusError> {
        let body = if call.body.is_empty() { Value::Null } else { decode::value(call)? };
        let precondition = |name: &str| {
            body.pointer("/preconditions")
                .and_then(|p| p.get(name))
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let in_body = body.get("dryRun").and_then(Value::as_array).is_some_and(|d| !d.is_empty());
        Ok(Self {
            dry_run: call.dry_run()? || in_body,
            uid: precondition("uid"),
            resource_version: precondition("resourceVersion"),
        })
    }

    fn check(&self, kind: &Kind, live: &Value) -> Result<(), StatusError> {
        let name = object::name(live);
        let conflict = |what: &str, wanted: &str, have: &str, hint: &str| {
            let why = format!(
                "the {what} in the precondition ({wanted}) does not match the {what} in record ({have}). {hint}"
            );
            let subject = super::status::GroupResource::new(kind.group(), &kind.kind);
            Err(StatusError::conflict(&subject, name, &why))
        };
        if let Some(uid) = self.uid.as_deref().filter(|uid| *uid != object::uid(live)) {
            let hint = "The object might have been deleted and then recreated";
            return conflict("UID", uid, object::uid(live), hint);
        }
        let have = object::resource_version(live);
        match self.resource_version.as_deref().filter(|version| *version != have) {
            Some(version) => {
                conflict("ResourceVersion", version, have, "The object might have been modified")
            }
            None => Ok(()),
        }
    }
}

/// What a deletion left behind.
enum Deleted {
    Gone(Arc<Value>),
    /// Finalizers keep it; `true` when this request marked it.
    Waiting(Value, bool),
}

impl Cluster {
    pub(crate) fn delete(
        &mut self,
        now: Timestamp,
        call: &Call,
        kind: &Kind,
        target: &Target,
    ) -> Result<Served, StatusError> {
        let options = Options::parse(call)?;
        let key = Key::new(&target.namespace, &target.name);
        let deleted = self.delete_object(now, kind, &key, &options)?;
        let form = Form::negotiate(&call.accept, call.query.get("includeObject"));
        let mut served = match &deleted {
            Deleted::Gone(object) => Served::json(success(kind, object)),
            Deleted::Waiting(object, _) => Served::json(form.one(kind, object, true, now)),
        };
        served.changed = !options.dry_run && !matches!(deleted, Deleted::Waiting(_, false));
        Ok(served)
    }

    pub(crate) fn delete_collection(
        &mut self,
        now: Timestamp,
        call: &Call,
        kind: &Kind,
        target: &Target,
    ) -> Result<Served, StatusError> {
        let options = Options::parse(call)?;
        let selector = Selector::parse(kind, &target.namespace, &call.query)?;
        let chosen: Vec<(Key, Arc<Value>)> = self
            .store
            .all(&kind.resource)
            .filter(|(_, o)| selector.matches(kind, o))
            .map(|(k, o)| (k.clone(), o.clone()))
            .collect();
        let meta = json!({"resourceVersion": self.store.revision().to_string()});
        for (key, _) in &chosen {
            self.delete_object(now, kind, key, &options)?;
        }
        let form = Form::negotiate(&call.accept, call.query.get("includeObject"));
        let list = form.list(kind, chosen.iter().map(|(_, o)| &**o), meta, now);
        let mut served = Served::new(200, Body::Json(list));
        served.changed = !options.dry_run && !chosen.is_empty();
        Ok(served)
    }

    fn delete_object(
        &mut self,
        now: Timestamp,
        kind: &Kind,
        key: &Key,
        options: &Options,
    ) -> Result<Deleted, StatusError> {
        let missing = || StatusError::not_found(&kind.resource, &key.name);
        let live = self.store.get(&kind.resource, key).cloned().ok_or_else(missing)?;
        options.check(kind, &live)?;
        if !strategy::held(kind, &live) {
            if !options.dry_run {
                self.remove(now, &kind.resource, key);
            }
            return Ok(Deleted::Gone(live));
        }
        if object::is_deleting(&live) {
            return Ok(Deleted::Waiting(Arc::unwrap_or_clone(live), false));
        }
        let mut marked = Arc::unwrap_or_clone(live);
        strategy::mark_deleting(kind, &mut marked, now);
        if options.dry_run {
            return Ok(Deleted::Waiting(marked, true));
        }
        let event = self.put(now, &kind.resource, marked);
        Ok(Deleted::Waiting(event.after.map(Arc::unwrap_or_clone).unwrap_or_default(), true))
    }

    /// Deletes an object as the namespace controller does.
    pub(crate) fn delete_stored(&mut self, now: Timestamp, kind: &Kind, key: &Key) {
        let options = Options { dry_run: false, uid: None, resource_version: None };
        // Only a missing object is refused, and that is what is wanted.
        let _gone = self.delete_object(now, kind, key, &options);
    }
}

/// The `Status` that stands for an object that is gone.
fn success(kind: &Kind, object: &Value) -> Value {
    let mut details = kind.resource.details(object::name(object));
    if let Some(map) = details.as_object_mut() {
        map.insert("uid".into(), object::uid(object).into());
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
