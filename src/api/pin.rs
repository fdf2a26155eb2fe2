//! What a declared name meant when it was first resolved.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of thing a pinned name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum PinKind {
    /// An account, declared by its name.
    Account,
    /// An organizational unit, declared by its path of names.
    OrganizationalUnit,
}

/// A declared name and the id it meant when it was first resolved. A name that no longer resolves keeps its
/// id while that id exists; a name that now means another id is held (`NameMoved`) until the spec is edited
/// or a person approves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// What is named: `Account` or `OrganizationalUnit`.
    pub kind: PinKind,
    /// The name as the spec has it: an account's name or a path of OU names.
    pub declared_as: String,
    /// The id it is pinned to: 12 digits, or `ou-…`.
    pub id: String,
}
