//! What a CustomResourceDefinition's schema does to objects.

use serde_json::Value;

/// A structural schema.
#[derive(Debug)]
pub(crate) struct Schema {
    root: Value,
}

impl Schema {
    pub(crate) fn new(root: &Value) -> Self {
        Self { root: root.clone() }
    }

    pub(crate) fn validate(
        &self,
        _kind: &super::kinds::Kind,
        _object: &Value,
        _live: Option<&Value>,
    ) -> Vec<super::status::FieldError> {
        Vec::new()
    }

    /// The schema as the definition has it.
    pub(crate) fn document(&self) -> &Value {
        &self.root
    }
}
