//! Merge patches and JSON patches.

use json_patch::{Patch, PatchOperation};
use serde_json::{Value, json};

use super::decode;
use super::kinds::Kind;
use super::request::Call;
use super::status::StatusError;

pub(crate) const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// `live` with the call's patch. For built-in kinds a strategic merge patch is taken as a merge patch.
pub(crate) fn patched(call: &Call, kind: &Kind, live: &Value) -> Result<Value, StatusError> {
    let mut object = live.clone();
    match call.media_type() {
        MERGE => json_patch::merge(&mut object, &decode::value(call)?),
        STRATEGIC if !kind.is_custom() => json_patch::merge(&mut object, &decode::value(call)?),
        JSON => operations(&mut object, call)?,
        _ => {
            let accepted = [JSON, MERGE, APPLY].join(", ");
            return Err(StatusError::unsupported_media_type(&accepted));
        }
    }
    Ok(object)
}

/// Applies the operations one by one. As in the apiserver's library, a `test` for null holds where nothing is.
fn operations(object: &mut Value, call: &Call) -> Result<(), StatusError> {
    let patch: Patch = serde_json::from_value(decode::value(call)?)
        .map_err(|e| StatusError::bad_request(format!("error decoding patch: {e}")))?;
    for operation in &patch.0 {
        if let PatchOperation::Test(test) = operation
            && test.value.is_null()
            && object.pointer(test.path.as_str()).is_none()
        {
            continue;
        }
        json_patch::patch(object, std::slice::from_ref(operation)).map_err(|_| refused())?;
    }
    Ok(())
}

/// The apiserver does not say which operation failed.
fn refused() -> StatusError {
    let text = "the server rejected our request due to an error in our request";
    StatusError { details: Some(json!({})), ..StatusError::new(422, "Invalid", text) }
}
