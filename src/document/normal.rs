//! One form for all statements that mean the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Effect, Named, PolicyPrincipal, Statement};

/// A statement without the freedoms of its spelling. Two statements mean the same if these are equal.
///
/// Free are: the order of elements and of list items, one value or a list of one, a value twice, the three spellings of
/// an account (its digits alone, its root ARN), `"*"` and `{"AWS": "*"}`, the case of actions, of condition operators
/// and of condition keys, and a number or boolean in quotation marks or not. AWS may give a statement back in any of these.
/// A role's ARN and the unique id that AWS shows after the role is gone are not equal: the grant is dead.
///
/// That `"*"` and `{"AWS": "*"}` mean the same is documented for anonymous callers and for S3; for other services \[X\].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canonical {
    sid: Option<String>,
    effect: Effect,
    principals: Named<PolicyPrincipal>,
    actions: Named<String>,
    resources: Option<Named<String>>,
    conditions: BTreeSet<(String, String, BTreeSet<String>)>,
    others: BTreeMap<String, Value>,
}

impl Statement {
    /// The form in which statements are compared.
    pub fn normalized(&self) -> Canonical {
        let conditions = self.conditions.iter();
        Canonical {
            sid: self.sid.clone(),
            effect: self.effect,
            principals: self.principals.each(PolicyPrincipal::canonical),
            actions: self.actions.each(|action| action.to_ascii_lowercase()),
            resources: self.resources.clone(),
            conditions: conditions
                .map(|c| (c.operator.to_ascii_lowercase(), c.key.to_ascii_lowercase(), c.values.clone()))
                .collect(),
            others: self.others.clone(),
        }
    }
}
