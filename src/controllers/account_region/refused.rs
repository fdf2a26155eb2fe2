//! Members that AWS has refused for certain each time that it was asked to put them in.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    model::{ShareKey, Side},
    plan::step::Members,
};

/// What is on record as put in and is certainly not there, by side of a Share. Only what this process has seen refused from
/// the first time on: what was on record before may have been let in for a former process.
#[derive(Debug, Default)]
pub struct Refused(BTreeMap<(ShareKey, Side), Members>);

impl Refused {
    /// Notes the answer for some members. `before`: what was on record before they were sent this time.
    pub fn note(&mut self, side: (ShareKey, Side), members: &Members, refused: bool, before: &Members) {
        let known = self.0.entry(side).or_default();
        if !refused {
            *known = known.without(members);
            return;
        }
        known.extend(&members.without(&before.without(known)));
    }

    /// What of some members is not known to have been refused.
    pub fn rest(&self, side: &(ShareKey, Side), members: &Members) -> Members {
        self.0.get(side).map_or_else(|| members.clone(), |refused| members.without(refused))
    }

    /// Forgets the Shares that are not there any more.
    pub fn keep_only(&mut self, shares: &BTreeSet<ShareKey>) {
        self.0.retain(|(share, _), members| shares.contains(share) && !members.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::principal;

    /// One member, asked for again and again: what was on record before each time, whether AWS refused, and whether it is
    /// then known not to be in.
    #[test]
    fn only_what_was_refused_from_the_first_time_on_is_known_not_to_be_in() {
        const REFUSED: bool = true;
        for (asked, known) in [
            (&[(false, REFUSED)][..], true),
            (&[(false, REFUSED), (true, REFUSED)], true),
            (&[(true, REFUSED)], false),
            (&[(false, false), (true, REFUSED)], false),
            (&[(false, REFUSED), (true, false), (true, REFUSED)], false),
        ] {
            let share = ShareKey { namespace: "team".into(), name: "subnets".into() };
            let side = (share, Side::Inner);
            let member =
                Members { principals: BTreeSet::from([principal("111111111111")]), ..Members::default() };
            let mut memory = Refused::default();
            for (on_record, refused) in asked {
                let before = if *on_record { member.clone() } else { Members::default() };
                memory.note(side.clone(), &member, *refused, &before);
            }
            assert_eq!(memory.rest(&side, &member).is_empty(), known, "{asked:?}");
        }
    }
}
