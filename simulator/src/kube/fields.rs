//! Field management.

use serde_json::Value;

use super::object;
use super::status::StatusError;
use super::write::Write;

pub(crate) fn update(_write: &Write<'_>, live: Option<&Value>, mut object: Value) -> Value {
    if let Some(live) = live {
        object::copy_meta(&mut object, live, "managedFields");
    }
    object
}

pub(crate) fn check_apply(_write: &Write<'_>, _config: &Value) -> Result<(), StatusError> {
    Ok(())
}

pub(crate) fn apply(_write: &Write<'_>, live: Option<&Value>, config: Value) -> Result<Value, StatusError> {
    let mut object = live.cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    json_patch::merge(&mut object, &config);
    Ok(object)
}

pub(crate) fn ignore_times_alone(_object: &mut Value, _live: &Value) {}
