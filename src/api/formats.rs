//! Formats and limits that several kinds share: patterns where the apiserver's own message is clear enough,
//! CEL where the message must say what to write.
//!
//! Patterns keep to what Go's RE2 and Rust's `regex` read alike.

/// A name in DNS label form, such as a namespace.
pub const DNS_LABEL: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
/// A Kubernetes object name (DNS subdomain).
pub const OBJECT_NAME: &str = "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$";
/// A digest as this controller prints them.
pub const DIGEST: &str = "^[A-Za-z0-9:+/=_-]+$";

/// CEL: 12 digits, or an account's name: not digits alone, no space at its ends.
pub const ACCOUNT: &str = "self.matches('^[0-9]{12}$') || !self.matches('^[0-9]+$|^ | $')";
/// CEL: each is as [`ACCOUNT`].
pub const ACCOUNTS: &str = "self.all(a, a.matches('^[0-9]{12}$') || !a.matches('^[0-9]+$|^ | $'))";
/// CEL: an account id.
pub const ACCOUNT_ID: &str = "self.matches('^[0-9]{12}$')";
/// CEL: each is an account id.
pub const ACCOUNT_IDS: &str = "self.all(a, a.matches('^[0-9]{12}$'))";
/// CEL: a region code, such as `eu-west-1` or `us-gov-west-1`.
pub const REGION: &str = "self.matches('^[a-z]{2,6}(-[a-z]+)+-[0-9]{1,2}$')";
/// CEL: each is a region code.
pub const REGIONS: &str = "self.all(r, r.matches('^[a-z]{2,6}(-[a-z]+)+-[0-9]{1,2}$'))";
/// CEL: each is the path of an OU from `Root` on, or an OU's id.
pub const ORGANIZATIONAL_UNITS: &str =
    "self.all(u, u.matches('^ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}$') || u.matches('^Root(/[^/]+)*$'))";
/// CEL: a full ARN. What the resource part may hold is not looked at.
pub const ARN: &str = "self.matches('^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12})?:.+$')";
/// CEL: no wildcard.
pub const NO_WILDCARD: &str = "!self.contains('*') && !self.contains('?')";
/// CEL: the ARN of an IAM role.
pub const ROLE_ARN: &str = "self.matches('^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$')";
/// CEL: the ARN of an IAM role or user.
pub const ROLE_OR_USER_ARN: &str =
    "self.matches('^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9_+=,.@/-]+$')";
/// CEL: a service principal.
pub const SERVICE: &str = "self.matches('^[a-z0-9-]+([.][a-z0-9-]+)*[.]amazonaws[.]com([.]cn)?$')";
/// CEL: a RAM resource type, such as `ec2:Subnet`.
pub const RESOURCE_TYPE: &str = "self.matches('^[a-z0-9-]+:[A-Za-z0-9-]+$')";
/// CEL: each is a RAM resource type.
pub const RESOURCE_TYPES: &str = "self.all(t, t.matches('^[a-z0-9-]+:[A-Za-z0-9-]+$'))";
/// CEL: the name or the ARN of a RAM permission.
pub const PERMISSION: &str = "self.matches('^[A-Za-z0-9_.-]+$') || self.matches('^arn:aws[a-z-]*:ram:[a-z0-9-]*:(aws|[0-9]{12}):permission/[A-Za-z0-9_.-]+$')";
/// CEL: each is the name or the ARN of a RAM permission.
pub const PERMISSIONS: &str = "self.all(p, p.matches('^[A-Za-z0-9_.-]+$') || p.matches('^arn:aws[a-z-]*:ram:[a-z0-9-]*:(aws|[0-9]{12}):permission/[A-Za-z0-9_.-]+$'))";
/// CEL: an installation's id.
pub const INSTALLATION_ID: &str = "self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')";
/// CEL: a duration as [`super::duration::parse`] reads it, which may be zero.
pub const DURATION: &str =
    "self != '' && self.matches('^([0-9]{1,5}d)?([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$')";
/// CEL: a duration as [`super::duration::parse`] reads it, longer than zero.
pub const DURATION_ABOVE_ZERO: &str =
    "self.matches('[1-9]') && self.matches('^([0-9]{1,5}d)?([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$')";
/// CEL: a duration from a minute to a day, in hours, minutes and seconds.
pub const INTERVAL: &str = "self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$') && duration(self) >= duration('1m') && duration(self) <= duration('24h')";

/// A rule as it stands in a schema, for fields of types that derive `JsonSchema` alone.
pub(super) fn rule(rule: &str, message: &str) -> serde_json::Value {
    serde_json::json!({ "rule": rule, "message": message })
}

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
