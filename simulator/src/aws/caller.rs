//! Who calls: read from the access key of the SigV4 credential scope. Signatures themselves are not verified.

use super::journal::KeyKind;
use super::organizations::Directory;
use super::sts::Sessions;

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Account of the credentials.
    pub account: String,
    /// Region of the credential scope.
    pub region: String,
    /// `arn:…:iam::A:user/administrator` or `arn:…:sts::A:assumed-role/role/session`.
    pub principal: String,
    /// Name of the assumed role.
    pub role: Option<String>,
    /// Its session name.
    pub session: Option<String>,
    /// Kind of access key.
    pub key: KeyKind,
}

impl Caller {
    /// The administrator of `account`, calling in `region`.
    pub fn administrator(account: &str, region: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            principal: format!("arn:{}:iam::{account}:user/administrator", partition(region)),
            role: None,
            session: None,
            key: KeyKind::Administrator,
        }
    }

    /// The partition of the caller's region, such as `aws`.
    pub fn partition(&self) -> &'static str {
        partition(&self.region)
    }
}

/// The partition that a region belongs to.
pub fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

/// Why a key was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    UnknownKey,
    Expired,
}

/// `AKIA<12 digits>` (anything may follow) is that account's administrator; `ASIA…` is looked up among the sessions.
pub(crate) fn identify(
    directory: &Directory,
    sessions: &Sessions,
    key: &str,
    token: Option<&str>,
    region: &str,
    now: f64,
) -> Result<Caller, Denied> {
    if let Some(account) = key.strip_prefix("AKIA").and_then(|rest| rest.get(..12)) {
        return match directory.account(account) {
            Some(_) => Ok(Caller::administrator(account, region)),
            None => Err(Denied::UnknownKey),
        };
    }
    let session = sessions.get(key).ok_or(Denied::UnknownKey)?;
    if token != Some(session.token.as_str()) {
        return Err(Denied::UnknownKey);
    }
    if session.expires_at <= now {
        return Err(Denied::Expired);
    }
    Ok(Caller {
        account: session.account.clone(),
        region: region.to_owned(),
        principal: format!(
            "arn:{}:sts::{}:assumed-role/{}/{}",
            partition(region),
            session.account,
            session.role,
            session.name
        ),
        role: Some(session.role.clone()),
        session: Some(session.name.clone()),
        key: KeyKind::Session,
    })
}
