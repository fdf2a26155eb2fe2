//! How the policies of one service differ from those of the others.

/// What a statement's `Resource` is to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    /// `*`, whatever object it is on.
    All,
    /// The object's ARN, or a pattern that it fits.
    Own,
    /// As [`Resource::Own`], and one alone in a statement.
    One,
    /// There is no such element.
    Absent,
}

/// The policies of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    /// What its actions start with.
    pub(crate) service: &'static str,
    /// What has an effect for callers of other accounts; other actions in a policy give such a caller nothing.
    pub(crate) across_accounts: &'static [&'static str],
    pub(crate) resource: Resource,
    /// A document has to name its `Version`.
    pub(crate) versioned: bool,
    /// Actions of other services are refused.
    pub(crate) own_actions: bool,
    /// Own actions that are refused, because they are about no object.
    pub(crate) never: &'static [&'static str],
    /// The actions that are taken, by their names without patterns; empty: any.
    pub(crate) only: &'static [&'static str],
}
