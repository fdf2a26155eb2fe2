//! How much may be removed in a window of time without a person's word.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::formats;

/// How many removals that nobody asked for by editing that very Share's targets may be made in a window:
/// undeclared shares, what a policy, tree or set change takes away, drift, deletions of Shares. Over it all of
/// them are held until a person approves. A removal is one share in AWS that is deleted or emptied, or one
/// principal or resource that is taken out of one. Ended access and grants to outside are exempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Budget {
    /// Removals at most in one window. 0 holds every one. Default 5.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_removals: i32,
    /// Removals at most in one window, as a percentage of the shares in AWS that existed when it began. Counts
    /// from `minExisting` shares on. Default 10.
    #[schemars(range(min = 0, max = 100))]
    pub max_percent: i32,
    /// Shares that must exist in AWS before `maxPercent` counts. Default 10.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub min_existing: i32,
    /// Length of the window, such as `1h`. Default `1h`.
    #[schemars(length(min = 2, max = 24), extend("x-kubernetes-validations" = [formats::rule(formats::DURATION_ABOVE_ZERO, "window: write days, hours, minutes and seconds in this order, above zero, such as 1h or 1d12h")]))]
    pub window: String,
}

impl Default for Budget {
    fn default() -> Self {
        Self { max_removals: 5, max_percent: 10, min_existing: 10, window: "1h".to_owned() }
    }
}
