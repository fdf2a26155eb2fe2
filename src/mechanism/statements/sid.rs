//! The mark of our statements: a `Sid` that says whose they are.

use crate::model::ShareKey;

/// Every `Sid` of ours begins so.
pub const PREFIX: &str = "Sharekeeper";

/// Stands between the names; no name has an upper-case letter.
const BETWEEN: char = 'X';

/// Whom a statement is for. A statement has one form of principal and condition, so a part needs up to three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Accounts, roles and users, by name.
    Named,
    /// The organization.
    Organization,
    /// Organizational units.
    Units,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Named, Self::Organization, Self::Units];

    fn letter(self) -> &'static str {
        match self {
            Self::Named => "A",
            Self::Organization => "O",
            Self::Units => "U",
        }
    }
}

/// Whose a statement is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claimant {
    /// The installation.
    pub installation: String,
    /// The Share.
    pub share: ShareKey,
}

/// The `Sid` of a claimant's statement: letters and digits alone, as IAM has it, and reversible.
pub fn sid(of: &Claimant, form: Form) -> String {
    let names = [&of.installation, &of.share.namespace, &of.share.name].map(|name| spelled(name));
    let [installation, namespace, name] = names;
    format!("{PREFIX}{BETWEEN}{installation}{BETWEEN}{namespace}{BETWEEN}{name}{BETWEEN}{}", form.letter())
}

/// Whose statement has this `Sid`; none where it is not one of ours.
pub fn claimant(sid: &str) -> Option<Claimant> {
    let mut names = sid.strip_prefix(PREFIX)?.strip_prefix(BETWEEN)?.split(BETWEEN);
    let mut name = || names.next().and_then(read).filter(|name| !name.is_empty());
    let (installation, namespace, name) = (name()?, name()?, name()?);
    let form = names.next()?;
    let known = Form::ALL.iter().any(|known| known.letter() == form);
    (known && names.next().is_none())
        .then_some(Claimant { installation, share: ShareKey { namespace, name } })
}

/// Names of Kubernetes and of installations have lower-case letters, digits, `-` and `.` alone.
fn spelled(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c == '-' {
                'H'
            } else if c == '.' {
                'D'
            } else {
                c
            }
        })
        .collect()
}

fn read(text: &str) -> Option<String> {
    let letter = |c: char| match c {
        'H' => Some('-'),
        'D' => Some('.'),
        'a'..='z' | '0'..='9' => Some(c),
        _ => None,
    };
    text.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_sid_is_letters_and_digits_and_tells_whose_it_is(
            installation in "[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?",
            namespace in "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?",
            name in "[a-z0-9]([a-z0-9.-]{0,40}[a-z0-9])?",
        ) {
            let of = Claimant { installation, share: ShareKey { namespace, name } };
            let sids = Form::ALL.map(|form| sid(&of, form));
            for text in &sids {
                prop_assert!(text.chars().all(|c| c.is_ascii_alphanumeric()), "{}", text);
                prop_assert_eq!(claimant(text), Some(of.clone()));
            }
            prop_assert!(sids[0] != sids[1] && sids[1] != sids[2] && sids[0] != sids[2]);
        }
    }

    #[test]
    fn what_others_write_is_nobodys_of_ours() {
        let others = [
            "",
            "Enable IAM User Permissions",
            "Sharekeeper",
            "SharekeeperXusXnetworkHteamXhub",
            "SharekeeperXusXnetworkHteamXhubXZ",
            "SharekeeperXusXnetworkHteamXhubXAXA",
            "SharekeeperXusXXhubXA",
            "SharekeeperXus teamXhubXA",
        ];
        for sid in others {
            assert_eq!(claimant(sid), None, "{sid}");
        }
    }
}
