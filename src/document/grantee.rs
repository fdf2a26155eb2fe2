//! Whom a principal of a policy stands for.

use super::PolicyPrincipal;
use crate::model::{AccountId, Arn};

/// How S3 names an origin access identity of CloudFront, behind the partition (CloudFront guide, "Restrict access to an
/// Amazon S3 origin" \[X\]). It is no ARN by the usual form.
const ORIGIN_ACCESS_IDENTITY: &str = ":iam::cloudfront:user/CloudFront Origin Access Identity ";

/// Who is granted something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grantee {
    /// Everyone, in AWS or not; also whatever could not be limited to less.
    Everyone,
    /// An account: its administrators decide who in it.
    Account(AccountId),
    /// An IAM role.
    Role(Arn),
    /// An IAM user.
    User(Arn),
    /// Another ARN of IAM or STS: a role's session, a federated user.
    OtherIdentity(Arn),
    /// A unique id in place of an ARN (`AROA…` a role, `AIDA…` a user): the principal was deleted, and nobody who is
    /// named as it was gets in by it. That other services than IAM show it so is \[X\].
    UniqueId(String),
    /// An AWS service, `cloudfront.amazonaws.com` for one.
    Service(String),
    /// An identity provider.
    Federated(String),
    /// An account by its canonical user id, which S3 alone knows.
    CanonicalUser(String),
    /// An origin access identity of CloudFront.
    OriginAccessIdentity(String),
    /// Every account of an organization (`o-…`), now and later, the owner's own among them.
    Organization(String),
    /// Every account at a path of an organization, as `aws:PrincipalOrgPaths` spells it: `o-…/r-…/ou-…/*` is the unit and
    /// all below, with a `/` at its end the unit alone; `*` and `?` stand for any characters.
    OrganizationPath(String),
}

impl PolicyPrincipal {
    /// `*`.
    pub(super) fn everyone() -> Self {
        Self { kind: "AWS".to_owned(), text: "*".to_owned() }
    }

    /// One spelling for all that mean the same: an account is its digits.
    pub(super) fn canonical(&self) -> Self {
        match self.grantee() {
            Ok(Grantee::Account(id)) => Self { kind: self.kind.clone(), text: id.to_string() },
            _ => self.clone(),
        }
    }

    /// Whom it stands for, conditions apart; or why that is not understood, and then it may be anyone.
    pub(super) fn grantee(&self) -> Result<Grantee, &'static str> {
        let whole = || whole(&self.text).ok_or("a wildcard inside a principal has no meaning in IAM");
        match self.kind.as_str() {
            "AWS" => aws(&self.text),
            "Service" => whole().map(Grantee::Service),
            "Federated" => whole().map(Grantee::Federated),
            "CanonicalUser" => whole().map(Grantee::CanonicalUser),
            _ => Err("this kind of principal is not known here"),
        }
    }
}

fn aws(text: &str) -> Result<Grantee, &'static str> {
    if text == "*" {
        return Ok(Grantee::Everyone);
    }
    let text = whole(text).ok_or("IAM takes * for everyone alone, never for a part of a principal")?;
    if let Ok(account) = text.parse() {
        return Ok(Grantee::Account(account));
    }
    if is_unique_id(&text) {
        return Ok(Grantee::UniqueId(text));
    }
    origin_access_identity(&text)
        .or_else(|| identity(&text))
        .ok_or("it is no account, ARN or unique id of IAM")
}

fn origin_access_identity(text: &str) -> Option<Grantee> {
    let (partition, id) = text.strip_prefix("arn:")?.split_once(ORIGIN_ACCESS_IDENTITY)?;
    let whole = !partition.contains(':') && !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
    whole.then(|| Grantee::OriginAccessIdentity(id.to_owned()))
}

/// An ARN that IAM or STS gives a principal. One of an account without its twelve digits is none.
fn identity(text: &str) -> Option<Grantee> {
    let arn: Arn = text.parse().ok()?;
    let account = arn.account().parse().ok()?;
    let kind = arn.resource().split('/').next().unwrap_or_default().to_owned();
    match (arn.service(), kind.as_str()) {
        ("iam", "root") => Some(Grantee::Account(account)),
        ("iam", "role") => Some(Grantee::Role(arn)),
        ("iam", "user") => Some(Grantee::User(arn)),
        ("iam" | "sts", _) => Some(Grantee::OtherIdentity(arn)),
        _ => None,
    }
}

fn whole(text: &str) -> Option<String> {
    (!text.is_empty() && !text.contains(['*', '?', '$'])).then(|| text.to_owned())
}

/// Four letters that say what it is, then letters and digits (IAM guide, "Unique identifiers"; the length is \[X\]).
fn is_unique_id(text: &str) -> bool {
    let fits = text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let prefix = text.get(..4).unwrap_or_default();
    fits && text.len() >= 16 && prefix.starts_with('A') && prefix.bytes().all(|b| b.is_ascii_uppercase())
}
