//! create, update, patch: in the order of the apiserver's handlers and its generic registry store.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use super::cluster::{Body, Cluster, Served};
use super::decode::{self, Decoded};
use super::kinds::{Kind, Origin, namespaces};
use super::request::{Call, Target};
use super::status::{FieldError, StatusError};
use super::store::Key;
use super::{fields, metadata, object, patch, strategy};

/// One writing request on its way.
pub(crate) struct Write<'a> {
    pub(crate) now: Timestamp,
    pub(crate) call: &'a Call,
    pub(crate) kind: &'a Kind,
    pub(crate) target: &'a Target,
    pub(crate) dry_run: bool,
    pub(crate) manager: String,
}

impl<'a> Write<'a> {
    fn new(now: Timestamp, call: &'a Call, kind: &'a Kind, target: &'a Target) -> Result<Self, StatusError> {
        Ok(Self { now, call, kind, target, dry_run: call.dry_run()?, manager: call.field_manager() })
    }

    fn key(&self) -> Key {
        Key::new(&self.target.namespace, &self.target.name)
    }

    fn not_found(&self) -> StatusError {
        StatusError::not_found(&self.kind.resource, &self.target.name)
    }

    pub(crate) fn invalid(&self, name: &str, errors: &[FieldError]) -> StatusError {
        StatusError::invalid(self.kind.group(), &self.kind.kind, name, errors)
    }
}

impl Cluster {
    pub(crate) fn create(
        &mut self,
        now: Timestamp,
        call: &Call,
        kind: &Kind,
        target: &Target,
    ) -> Result<Served, StatusError> {
        let write = Write::new(now, call, kind, target)?;
        let Decoded { mut object, warnings } = decode::body(call, kind)?;
        decode::check_namespace(&mut object, kind, &target.namespace)?;
        for system_field in
            ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"]
        {
            object::remove_meta(&mut object, system_field);
        }
        let object = fields::update(&write, None, object);
        let created = self.create_object(&write, object)?;
        Ok(Served { warnings, ..Self::served(&write, 201, &created, true) })
    }

    pub(crate) fn update(
        &mut self,
        now: Timestamp,
        call: &Call,
        kind: &Kind,
        target: &Target,
    ) -> Result<Served, StatusError> {
        let write = Write::new(now, call, kind, target)?;
        let Decoded { mut object, warnings } = decode::body(call, kind)?;
        decode::check_namespace(&mut object, kind, &target.namespace)?;
        decode::check_name(&object, &target.name)?;
        let live = self.store.get(&kind.resource, &write.key()).cloned().ok_or_else(|| write.not_found())?;
        check_uid(&write, &object, &live)?;
        if kind.origin == Origin::Unconditional && object::resource_version(&object).is_empty() {
            object::copy_meta(&mut object, &live, "resourceVersion");
        }
        let object = fields::update(&write, Some(&live), object);
        let (object, changed) = self.update_object(&write, &live, object)?;
        Ok(Served { warnings, ..Self::served(&write, 200, &object, changed) })
    }

    pub(crate) fn patch(
        &mut self,
        now: Timestamp,
        call: &Call,
        kind: &Kind,
        target: &Target,
    ) -> Result<Served, StatusError> {
        let write = Write::new(now, call, kind, target)?;
        let live = self.store.get(&kind.resource, &write.key()).cloned();
        if call.media_type() == patch::APPLY {
            return self.apply_patch(&write, live);
        }
        let live = live.ok_or_else(|| write.not_found())?;
        let patched = patch::patched(call, kind, &live)?;
        let Decoded { object, warnings } = decode::patched(call, kind, patched)?;
        decode::check_name(&object, &target.name)?;
        let object = fields::update(&write, Some(&live), object);
        let (object, changed) = self.update_object(&write, &live, object)?;
        Ok(Served { warnings, ..Self::served(&write, 200, &object, changed) })
    }

    fn apply_patch(&mut self, write: &Write<'_>, live: Option<Arc<Value>>) -> Result<Served, StatusError> {
        let Decoded { object: config, warnings } = decode::apply_configuration(write.call, write.kind)?;
        fields::check_apply(write, &config)?;
        let Some(live) = live else {
            if !write.target.subresource.is_empty() {
                return Err(write.not_found());
            }
            let mut object = fields::apply(write, None, &config)?;
            decode::check_namespace(&mut object, write.kind, &write.target.namespace)?;
            decode::check_name(&object, &write.target.name)?;
            let created = self.create_object(write, object)?;
            return Ok(Served { warnings, ..Self::served(write, 201, &created, true) });
        };
        let object = fields::apply(write, Some(&live), &config)?;
        decode::check_name(&object, &write.target.name)?;
        let (object, changed) = self.update_object(write, &live, object)?;
        Ok(Served { warnings, ..Self::served(write, 200, &object, changed) })
    }

    fn served(write: &Write<'_>, code: u16, object: &Value, changed: bool) -> Served {
        let call = write.call;
        let form = super::render::Form::negotiate(&call.accept, call.query.get("includeObject"));
        let shown = form.one(write.kind, object, true, write.now);
        let mut served = Served::new(code, Body::Json(shown));
        served.changed = changed && !write.dry_run;
        served.name = Some(object::name(object).to_owned());
        served
    }

    /// Admission, system fields, strategy, validation, storage.
    fn create_object(&mut self, write: &Write<'_>, mut object: Value) -> Result<Value, StatusError> {
        let resource = &write.kind.resource;
        if object::name(&object).is_empty() && !object::text(&object, "/metadata/generateName").is_empty() {
            let name = self.new_name(object::text(&object, "/metadata/generateName"));
            object::set_meta(&mut object, "name", name);
        }
        self.admit_into_namespace(write.kind, &object)?;
        object::set_meta(&mut object, "uid", self.new_uid());
        object::set_meta(&mut object, "creationTimestamp", object::time(write.now));
        strategy::prepare_create(write.kind, &mut object);
        let errors = strategy::validate_create(write.kind, &object);
        if !errors.is_empty() {
            return Err(write.invalid(object::name(&object), &errors));
        }
        let errors = metadata::validate(write.kind, &object);
        if !errors.is_empty() {
            return Err(write.invalid(object::name(&object), &errors));
        }
        let key = Key::new(object::namespace(&object), object::name(&object));
        if self.store.get(resource, &key).is_some() {
            return Err(StatusError::already_exists(resource, &key.name));
        }
        if !object::resource_version(&object).is_empty() {
            return Err(StatusError::new(
                500,
                "",
                "resourceVersion should not be set on objects to be created",
            ));
        }
        if write.dry_run {
            return Ok(object);
        }
        let event = self.put(write.now, resource, object);
        Ok(event.after.map(Arc::unwrap_or_clone).unwrap_or_default())
    }

    /// Objects go into namespaces that exist and are not being deleted (admission plugin NamespaceLifecycle).
    fn admit_into_namespace(&self, kind: &Kind, object: &Value) -> Result<(), StatusError> {
        if !kind.namespaced {
            return Ok(());
        }
        let name = object::namespace(object);
        let Some(namespace) = self.store.get(&namespaces(), &Key::new("", name)) else {
            return Err(StatusError::not_found(&namespaces(), name));
        };
        if !object::is_deleting(namespace) {
            return Ok(());
        }
        let why = format!("unable to create new content in namespace {name} because it is being terminated");
        let mut error = StatusError::forbidden(&kind.resource, object::name(object), &why);
        if let Some(details) = error.details.as_mut().and_then(Value::as_object_mut) {
            let cause = serde_json::json!([{
                "reason": "NamespaceTerminating", "message": format!("namespace {name} is being terminated"),
                "field": "metadata.namespace",
            }]);
            details.insert("causes".into(), cause);
        }
        Err(error)
    }

    /// Preconditions, strategy, validation, storage; returns the object and whether anything changed.
    pub(crate) fn update_object(
        &mut self,
        write: &Write<'_>,
        live: &Arc<Value>,
        mut object: Value,
    ) -> Result<(Value, bool), StatusError> {
        let (kind, name) = (write.kind, &write.target.name);
        let version = object::resource_version(&object);
        if version.is_empty() {
            let error =
                FieldError::invalid("metadata.resourceVersion", 0.into(), "must be specified for an update");
            return Err(StatusError::invalid(kind.group(), &kind.resource.resource, name, &[error]));
        }
        if version != object::resource_version(live) {
            return Err(StatusError::modified(&kind.resource, name));
        }
        strategy::prepare_update(kind, &write.target.subresource, &mut object, live);
        metadata::keep_system_fields(&mut object, live);
        let mut errors = metadata::validate(kind, &object);
        errors.extend(metadata::validate_update(&object, live));
        errors.extend(strategy::validate_update(kind, &write.target.subresource, &object, live));
        if !errors.is_empty() {
            return Err(write.invalid(name, &errors));
        }
        fields::ignore_times_alone(&mut object, live);
        if object == **live {
            return Ok((object, false));
        }
        if write.dry_run {
            return Ok((object, true));
        }
        if strategy::ends_deletion(kind, &object, live) {
            // The answer shows the object as it would have been left, under the revision it had.
            self.remove(write.now, &kind.resource, &write.key());
            return Ok((object, true));
        }
        let event = self.put(write.now, &kind.resource, object);
        Ok((event.after.map(Arc::unwrap_or_clone).unwrap_or_default(), true))
    }
}

/// A replacement that names another UID than the stored object's is a conflict.
fn check_uid(write: &Write<'_>, object: &Value, live: &Value) -> Result<(), StatusError> {
    let (given, stored) = (object::uid(object), object::uid(live));
    if given.is_empty() || given == stored {
        return Ok(());
    }
    let why = format!("Precondition failed: UID in precondition: {given}, UID in object meta: {stored}");
    Err(StatusError::conflict(&write.kind.resource, &write.target.name, &why))
}
