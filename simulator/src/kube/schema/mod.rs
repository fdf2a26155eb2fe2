//! What a CustomResourceDefinition's schema does to objects: pruning, defaults, validation, CEL rules.

mod conform;
mod formats;
mod lists;
mod node;
mod rules;
mod typed;
mod validate;

use std::collections::BTreeSet;

use serde_json::Value;

use super::status::FieldError;
use node::Node;

/// A structural schema.
#[derive(Debug)]
pub(crate) struct Schema {
    document: Value,
    root: Node,
}

impl Schema {
    pub(crate) fn new(document: &Value) -> Self {
        Self { document: document.clone(), root: Node::parse(document) }
    }

    /// The schema as the definition has it.
    pub(crate) fn document(&self) -> &Value {
        &self.document
    }

    /// What server-side apply refuses of a configuration, `metadata` apart, each with its path.
    pub(crate) fn refused_by_apply(&self, config: &Value) -> Vec<String> {
        typed::check(&self.root, config)
    }

    /// Drops unknown fields and fills in defaults; returns the paths of what was dropped.
    pub(crate) fn conform(&self, object: &mut Value) -> BTreeSet<String> {
        let dropped = conform::prune_object(&self.root, object);
        self.fill_in(object);
        dropped
    }

    /// Fills in defaults.
    pub(crate) fn fill_in(&self, object: &mut Value) {
        conform::default(&self.root, object);
    }

    /// `errors` and all that the schema refuses, in the apiserver's order: types and limits, lists, rules. Rules are
    /// not evaluated on objects of the wrong form.
    pub(crate) fn validate(
        &self,
        object: &Value,
        live: Option<&Value>,
        part: Part,
        mut errors: Vec<FieldError>,
    ) -> Vec<FieldError> {
        errors.extend(match part {
            Part::Object => validate::check(&self.root, "", object, live),
            Part::Status => self.validate_status(object, live),
        });
        let repeated_before = live.is_some_and(|old| !lists::check(&self.root, "", old).is_empty());
        if !repeated_before {
            errors.extend(lists::check(&self.root, "", object));
        }
        if errors.iter().any(|e| e.kind.blocks_rules()) {
            errors.push(FieldError::invalid("<nil>", Value::Null, RULES_NOT_CHECKED));
        } else {
            errors.extend(rules::check(&self.root, "", object, live, false));
        }
        errors
    }

    fn validate_status(&self, object: &Value, live: Option<&Value>) -> Vec<FieldError> {
        match (self.root.properties.get("status"), object.get("status")) {
            (Some(node), Some(status)) => {
                validate::check(node, "status", status, live.and_then(|l| l.get("status")))
            }
            _ => Vec::new(),
        }
    }
}

/// Which part of an object is checked for types and limits; rules see it whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Object,
    Status,
}

const RULES_NOT_CHECKED: &str = "some validation rules were not checked because the object was invalid; correct the \
                                 existing errors to complete validation";
