//! Principals: how they are written, and which accounts they cover.

use crate::aws::organizations::Directory;
use crate::aws::refusal::Refusal;

/// A principal as RAM takes it (ram.md section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Principal {
    Account(String),
    Organization { management: String, id: String },
    Unit { management: String, organization: String, id: String },
    Iam { account: String },
    Service,
}

impl Principal {
    /// Reads the literal; bare `o-…` and `ou-…` are malformed, as T22 quotes.
    pub(crate) fn read(literal: &str) -> Result<Self, Refusal> {
        Self::parse(literal).ok_or_else(|| {
            Refusal::parameter(format!("Principal ID {literal} is malformed. Verify the ID and try again."))
        })
    }

    fn parse(literal: &str) -> Option<Self> {
        if is_account(literal) {
            return Some(Self::Account(literal.to_owned()));
        }
        if literal.ends_with(".amazonaws.com") || literal.ends_with(".amazonaws.com.cn") {
            let plain =
                literal.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c));
            return plain.then_some(Self::Service);
        }
        let mut parts = literal.splitn(6, ':');
        let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, rest) = (parts.next()?, parts.next()?, parts.next()?);
        (arn == "arn" && partition.starts_with("aws") && region.is_empty() && is_account(account))
            .then_some(())?;
        match (service, rest.split_once('/')?) {
            ("organizations", ("organization", id)) if id.starts_with("o-") => {
                Some(Self::Organization { management: account.to_owned(), id: id.to_owned() })
            }
            ("organizations", ("ou", path)) => {
                let (organization, id) = path.split_once('/')?;
                let fits = organization.starts_with("o-") && id.starts_with("ou-");
                let (management, organization) = (account.to_owned(), organization.to_owned());
                fits.then(|| Self::Unit { management, organization, id: id.to_owned() })
            }
            ("iam", ("role" | "user", name)) if !name.is_empty() => {
                Some(Self::Iam { account: account.to_owned() })
            }
            _ => None,
        }
    }

    /// The account that a principal names, where it names one.
    pub(crate) fn account(&self) -> Option<&str> {
        match self {
            Self::Account(account) | Self::Iam { account } => Some(account),
            _ => None,
        }
    }

    /// Whether the principal covers `account` today: containment is that of the tree (ram.md section 2.6).
    pub(crate) fn covers(&self, directory: &Directory, account: &str) -> bool {
        match self {
            Self::Account(id) | Self::Iam { account: id } => id == account,
            Self::Organization { id, .. } => {
                directory.organization_of(account).is_some_and(|found| found.id == *id)
            }
            Self::Unit { id, .. } => directory.line_of(account).contains(id),
            Self::Service => false,
        }
    }
}

pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a literal covers an account; a literal that cannot be read covers nobody.
pub(crate) fn covers(directory: &Directory, literal: &str, account: &str) -> bool {
    Principal::read(literal).is_ok_and(|principal| principal.covers(directory, account))
}
