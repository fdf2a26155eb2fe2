//! Amazon Resource Names, parsed far enough to compare account and region.

use std::{fmt, str::FromStr};

use super::Malformed;

/// An ARN: `arn:partition:service:region:account:resource`. Region and account may be blank (global resources).
///
/// Ordered and compared by its text, which is kept as given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arn(String);

impl Arn {
    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn field(&self, index: usize) -> &str {
        self.0.splitn(6, ':').nth(index).unwrap_or_default()
    }

    /// `aws`, `aws-cn`, …
    pub fn partition(&self) -> &str {
        self.field(1)
    }

    /// `ec2`, `ram`, …
    pub fn service(&self) -> &str {
        self.field(2)
    }

    /// The region's code, or blank for a global resource.
    pub fn region(&self) -> &str {
        self.field(3)
    }

    /// Twelve digits, `aws`, or blank.
    pub fn account(&self) -> &str {
        self.field(4)
    }

    /// All behind the fifth colon, such as `subnet/subnet-0a1b`.
    pub fn resource(&self) -> &str {
        self.field(5)
    }
}

impl FromStr for Arn {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed::new(text, "an ARN (arn:partition:service:region:account:resource)");
        let arn = Self(text.to_owned());
        let account = arn.account();
        let whole = text.starts_with("arn:")
            && text.len() <= 2048
            && !arn.partition().is_empty()
            && !arn.service().is_empty()
            && !arn.resource().is_empty()
            && (account.is_empty() || account == "aws" || account.bytes().all(|b| b.is_ascii_digit()))
            && !text.chars().any(|c| c.is_whitespace() || c.is_control());
        if whole { Ok(arn) } else { Err(malformed()) }
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_apart() {
        let arn: Arn =
            "arn:aws:license-manager:eu-west-1:111122223333:license-configuration:lic-0a".parse().unwrap();
        assert_eq!((arn.partition(), arn.service(), arn.region()), ("aws", "license-manager", "eu-west-1"));
        assert_eq!((arn.account(), arn.resource()), ("111122223333", "license-configuration:lic-0a"));
    }

    #[test]
    fn what_is_not_an_arn_is_refused() {
        for bad in [
            "",
            "arn:aws:ec2",
            "arn:aws:ec2:eu-west-1:abc:subnet/s",
            "arn::ec2:r:111122223333:x",
            "arn:aws:ec2:r:111122223333:",
            "arn:aws:ec2:r:111122223333:a b",
        ] {
            assert!(bad.parse::<Arn>().is_err(), "{bad}");
        }
    }
}
