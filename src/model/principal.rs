//! Whom a resource is shared with, as RAM spells it (ram.md §3).

use std::{convert::Infallible, fmt, str::FromStr};

use super::{AccountId, Arn};

/// A principal of a share. Two principals are the same when their literals are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principal {
    /// An account, sent as its twelve digits.
    Account(AccountId),
    /// The whole organization: every account in it, now and later.
    Organization(Arn),
    /// An organizational unit and all below it, now and later.
    OrganizationalUnit(Arn),
    /// An IAM role.
    Role(Arn),
    /// An IAM user.
    User(Arn),
    /// A service, such as `pca-connector-ad.amazonaws.com`.
    Service(String),
    /// A literal that this version does not know; kept as text and never guessed about.
    Other(String),
}

impl Principal {
    /// The account that this principal is or lives in; none for an organization, OU or service.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Account(id) => Some(id.clone()),
            Self::Role(arn) | Self::User(arn) => arn.account().parse().ok(),
            Self::Organization(_) | Self::OrganizationalUnit(_) | Self::Service(_) | Self::Other(_) => None,
        }
    }

    /// Whether accounts that join later get access too.
    pub fn is_open_ended(&self) -> bool {
        matches!(self, Self::Organization(_) | Self::OrganizationalUnit(_))
    }

    /// The `ou-…` id of an organizational unit, or the `o-…` id of an organization.
    pub fn organization_entity(&self) -> Option<&str> {
        match self {
            Self::Organization(arn) | Self::OrganizationalUnit(arn) => arn.resource().rsplit('/').next(),
            _ => None,
        }
    }
}

impl FromStr for Principal {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        if let Ok(account) = text.parse::<AccountId>() {
            return Ok(Self::Account(account));
        }
        if let Ok(arn) = text.parse::<Arn>() {
            let kind = arn.resource().split('/').next().unwrap_or_default().to_owned();
            return Ok(match (arn.service(), kind.as_str()) {
                ("organizations", "organization") => Self::Organization(arn),
                ("organizations", "ou") => Self::OrganizationalUnit(arn),
                ("iam", "role") => Self::Role(arn),
                ("iam", "user") => Self::User(arn),
                _ => Self::Other(text.to_owned()),
            });
        }
        let service = text.ends_with(".amazonaws.com") || text.ends_with(".amazonaws.com.cn");
        Ok(if service { Self::Service(text.to_owned()) } else { Self::Other(text.to_owned()) })
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => id.fmt(f),
            Self::Organization(arn) | Self::OrganizationalUnit(arn) | Self::Role(arn) | Self::User(arn) => {
                arn.fmt(f)
            }
            Self::Service(text) | Self::Other(text) => f.write_str(text),
        }
    }
}

impl Principal {
    /// Reads a literal; every text is some principal, unknown forms are [`Principal::Other`].
    pub fn parse(text: &str) -> Self {
        text.parse().unwrap_or_else(|never: Infallible| match never {})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_literal_is_its_kind() {
        let table = [
            ("111122223333", "Account"),
            ("arn:aws:organizations::999900001111:organization/o-abc", "Organization"),
            ("arn:aws:organizations::999900001111:ou/o-abc/ou-ab12-11111111", "OrganizationalUnit"),
            ("arn:aws:iam::111122223333:role/team/reader", "Role"),
            ("arn:aws:iam::111122223333:user/jo", "User"),
            ("arn:aws:iam::111122223333:root", "Other"),
            ("pca-connector-ad.amazonaws.com", "Service"),
            ("o-abc", "Other"),
        ];
        for (literal, kind) in table {
            let principal = Principal::parse(literal);
            assert!(format!("{principal:?}").starts_with(kind), "{literal}: {principal:?}");
        }
    }

    proptest! {
        #[test]
        fn a_literal_survives_parse_and_display(text in ".{0,64}") {
            prop_assert_eq!(Principal::parse(&text).to_string(), text);
        }
    }
}
