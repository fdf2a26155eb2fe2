//! Account ids and regions: typed, so that one is never passed for another.

use std::{fmt, str::FromStr};

use super::Malformed;

/// An AWS account id: exactly twelve digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(String);

impl AccountId {
    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let digits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        if digits { Ok(Self(text.to_owned())) } else { Err(Malformed::new(text, "a 12-digit account id")) }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An AWS region's code, such as `eu-west-1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

impl Region {
    /// The region where shares of global resources live (ram.md §5; the home of other partitions is not stated \[X\]).
    pub const GLOBAL_HOME: &'static str = "us-east-1";

    /// The region's code.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition that the region belongs to, by its prefix: `aws`, `aws-cn`, `aws-us-gov`, …
    pub fn partition(&self) -> &'static str {
        match self.0.as_str() {
            r if r.starts_with("cn-") => "aws-cn",
            r if r.starts_with("us-gov-") => "aws-us-gov",
            r if r.starts_with("us-iso-") => "aws-iso",
            r if r.starts_with("us-isob-") => "aws-iso-b",
            r if r.starts_with("eu-isoe-") => "aws-iso-e",
            r if r.starts_with("us-isof-") => "aws-iso-f",
            r if r.starts_with("eusc-") => "aws-eusc",
            _ => "aws",
        }
    }
}

impl FromStr for Region {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let parts: Vec<&str> = text.split('-').collect();
        let shaped = (3..=5).contains(&parts.len())
            && parts
                .iter()
                .all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
            && parts.last().is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()));
        if shaped {
            Ok(Self(text.to_owned()))
        } else {
            Err(Malformed::new(text, "a region such as eu-west-1"))
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids_are_twelve_digits() {
        assert_eq!("111122223333".parse::<AccountId>().unwrap().to_string(), "111122223333");
        for bad in ["", "11112222333", "1111222233334", "11112222333a", "１１１１２２２２３３３３"]
        {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn regions_have_a_shape_and_a_partition() {
        let table = [
            ("eu-west-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eusc-de-east-1", "aws-eusc"),
        ];
        for (region, partition) in table {
            assert_eq!(region.parse::<Region>().unwrap().partition(), partition);
        }
        for bad in ["", "eu", "eu-west", "EU-WEST-1", "eu-west-x", "eu--1"] {
            assert!(bad.parse::<Region>().is_err(), "{bad}");
        }
    }
}
