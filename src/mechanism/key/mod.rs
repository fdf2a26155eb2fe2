//! KMS keys: what Shares grant by a key's policy.
//!
//! A key's policy is replaced whole and has no version that a write could ask for (mechanisms.md §3.4): each write reads the
//! policy, changes our statements in it and nothing else, and one key is written by one at a time. Grants, which AWS
//! services make for themselves, are never touched.

pub mod apply;
pub mod observe;
pub mod written;

use self::written::Written;
use crate::{
    aws::session::CellClients,
    mechanism::statements::{Access, Place},
    model::Timestamp,
};

/// What keys are read and written with.
#[derive(Clone, Copy)]
pub struct Reach<'a> {
    /// The cell's clients.
    pub clients: &'a CellClients,
    /// Where the keys are.
    pub place: Place<'a>,
    /// What was written lately.
    pub written: &'a Written,
    /// Now.
    pub now: Timestamp,
}

/// The kinds of access. What another account can do with a key at all is in key-policy-modifying-external-accounts.html \[D\].
///
/// `Read` is what it takes to use what somebody else has encrypted; `ReadWrite` also encrypts, as in the example of that page.
/// Neither administers the key nor makes grants.
pub const ACCESS: [Access; 2] = [
    Access { name: crate::model::resource_type::READ, actions: &["kms:Decrypt", "kms:DescribeKey"] },
    Access {
        name: "ReadWrite",
        actions: &["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
    },
];

/// The largest policy, in bytes. The model has 131,072; the documentation had 32 KB for long, and the smaller one is kept to
/// \[X\].
pub const POLICY_MAX: usize = 32_768;

/// The only policy that a key has (GetKeyPolicy \[D\]).
const POLICY_NAME: &str = "default";
