//! Names of Kubernetes objects, from the names of shares in AWS.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Arn, Digest};

/// The longest name given: it fits into a label, too.
const LONGEST: usize = 63;
/// A dash and as many digits of a digest as tell two shares apart.
const SUFFIX: usize = 9;

/// A name for each share, given its ARN and its name in AWS: valid, unlike each other and unlike those in `taken`. Each
/// follows from what there is, not from the order in which it is looked at.
pub(super) fn object_names<'a>(
    shares: impl IntoIterator<Item = (&'a Arn, &'a str)>,
    taken: &BTreeSet<String>,
) -> BTreeMap<Arn, String> {
    let plain: Vec<(&Arn, String)> = shares.into_iter().map(|(id, name)| (id, plain(name))).collect();
    let mut bearers: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, name) in &plain {
        *bearers.entry(name).or_default() += 1;
    }
    let is_free = |name: &str| {
        !name.is_empty() && name.len() <= LONGEST && bearers.get(name) == Some(&1) && !taken.contains(name)
    };
    let (own, told_apart): (Vec<_>, Vec<_>) = plain.iter().partition(|(_, name)| is_free(name));
    let mut names: BTreeMap<Arn, String> =
        own.into_iter().map(|(id, name)| ((*id).clone(), name.clone())).collect();
    let mut used: BTreeSet<String> = names.values().cloned().chain(taken.iter().cloned()).collect();
    for (id, name) in told_apart {
        let name = with_suffix(name, id, &used);
        used.insert(name.clone());
        names.insert((*id).clone(), name);
    }
    names
}

/// Lower-case letters, digits and single dashes between them.
fn plain(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

fn with_suffix(name: &str, id: &Arn, used: &BTreeSet<String>) -> String {
    let kept: String = name.chars().take(LONGEST - SUFFIX).collect();
    let kept = if kept.is_empty() { "share" } else { kept.trim_end_matches('-') };
    let attempt = |round: u32| {
        let digest = Digest::of([id.as_str(), &round.to_string()]);
        let digits: String = digest.as_str().chars().take(SUFFIX - 1).collect();
        format!("{kept}-{digits}")
    };
    let mut round = 0;
    loop {
        let name = attempt(round);
        if !used.contains(&name) {
            return name;
        }
        round += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(number: usize) -> Arn {
        format!("arn:aws:ram:eu-west-1:111122223333:resource-share/{number}").parse().unwrap()
    }

    fn names(names: &[&str], taken: &[&str]) -> Vec<String> {
        let ids: Vec<Arn> = (0..names.len()).map(id).collect();
        let taken = taken.iter().map(|&name| name.to_owned()).collect();
        object_names(ids.iter().zip(names.iter().copied()), &taken).into_values().collect()
    }

    #[test]
    fn a_name_is_as_near_as_can_be() {
        for (name, expected) in [
            ("transit-gateway", "transit-gateway"),
            ("Prod VPC: Subnets (eu)", "prod-vpc-subnets-eu"),
            ("team.share", "team-share"),
            ("--x--", "x"),
        ] {
            assert_eq!(names(&[name], &[]), [expected]);
        }
        assert!(names(&["网络"], &[])[0].starts_with("share-"));
        assert!(names(&[&"x".repeat(200)], &[])[0].starts_with(&"x".repeat(54)));
    }

    #[test]
    fn two_of_one_name_and_one_of_a_share_that_is_there_are_told_apart() {
        let both = names(&["Hub", "hub"], &[]);
        assert!(both[0] != both[1] && both.iter().all(|name| name.starts_with("hub-")), "{both:?}");
        assert!(names(&["hub"], &["hub"])[0].starts_with("hub-"));
        // Whatever else is there.
        assert_eq!(names(&["Hub", "hub", "other"], &[])[..2], both);
    }

    proptest! {
        #[test]
        fn names_are_valid_and_unique(given in proptest::collection::vec("[a-cA-C.: -]{0,4}|.{0,80}", 1..20)) {
            let given: Vec<&str> = given.iter().map(String::as_str).collect();
            let made = names(&given, &["a", "b-c"]);
            let unique: BTreeSet<&String> = made.iter().collect();
            prop_assert_eq!(unique.len(), given.len());
            for name in &made {
                let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                prop_assert!(name.chars().all(inner) && !name.starts_with('-') && !name.ends_with('-'), "{}", name);
                prop_assert!((1..=LONGEST).contains(&name.len()) && name != "a" && name != "b-c", "{}", name);
            }
            prop_assert_eq!(&names(&given, &["a", "b-c"]), &made);
        }
    }
}
