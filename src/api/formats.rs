//! Formats and limits that several kinds share: as JSON schema patterns, and as CEL text for rules whose message must say more than a pattern.
//!
//! Patterns keep to what Go's RE2 and Rust's `regex` read alike.

/// An AWS account id.
pub const ACCOUNT_ID: &str = "^[0-9]{12}$";
/// A name in DNS label form: namespaces, and ids that end in names.
pub const DNS_LABEL: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
/// A Kubernetes object name (DNS subdomain).
pub const OBJECT_NAME: &str = "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$";
/// An AWS region code, such as `eu-west-1` or `us-gov-west-1`.
pub const REGION: &str = "^[a-z]{2,6}(-[a-z]+)+-[0-9]{1,2}$";
/// A RAM resource type, such as `ec2:Subnet`.
pub const RESOURCE_TYPE: &str = "^[a-z0-9-]+:[A-Za-z0-9-]+$";
/// A duration: days, hours, minutes and seconds in this order, each optional (`90d`, `1h30m`).
pub const DURATION: &str = "^([0-9]{1,5}d)?([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$";
/// A digest as this controller prints them.
pub const DIGEST: &str = "^[A-Za-z0-9:+/=_-]+$";

/// Longest account name AWS takes (Organizations `CreateAccount`), in characters.
pub const ACCOUNT_NAME_MAX: u64 = 50;
/// Longest path of OU names: `Root` and five levels of 128 characters.
pub const OU_PATH_MAX: u64 = 650;
/// Longest ARN taken, in characters. AWS's own limit is 2,048 for some types; shareable types stay far below.
pub const ARN_MAX: u64 = 1024;
/// Longest IAM role or user ARN: a path of 512, a name of 64 and what stands before.
pub const PRINCIPAL_ARN_MAX: u64 = 640;
/// Entries at most in a bounded status list; the exact number stands beside it.
pub const STATUS_LIST_MAX: usize = 100;
