//! Members that are on record as put in and are certainly not there: AWS has refused them each time, or has taken them out.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    model::{ShareKey, Slot},
    plan::step::Members,
};

/// What this process knows to be out, by container of a Share. Refused is only what was refused from the first time on: what was
/// on record before may have been let in for a former process.
#[derive(Debug, Default)]
pub struct Absent {
    refused: BTreeMap<(ShareKey, Slot), Members>,
    taken_out: BTreeMap<(ShareKey, Slot), Members>,
}

impl Absent {
    /// Notes that some members were taken out, or were not in.
    pub fn taken_out(&mut self, slot: (ShareKey, Slot), members: &Members) {
        self.taken_out.entry(slot).or_default().extend(members);
    }

    /// What was taken out and was not asked for again: it is to be on record no more.
    pub fn off_record(&self, share: &ShareKey) -> BTreeMap<Slot, &Members> {
        let of_share = self.taken_out.iter().filter(|((of, _), _)| of == share);
        of_share.map(|((_, slot), members)| (slot.clone(), members)).collect()
    }

    /// Notes that some members were sent to be put in, whatever came of it.
    pub fn sent(&mut self, slot: &(ShareKey, Slot), members: &Members) {
        if let Some(known) = self.taken_out.get_mut(slot) {
            *known = known.without(members);
        }
    }

    /// Notes the answer for some members. `before`: what was on record before they were sent this time.
    pub fn note(&mut self, slot: (ShareKey, Slot), members: &Members, refused: bool, before: &Members) {
        let known = self.refused.entry(slot).or_default();
        if !refused {
            *known = known.without(members);
            return;
        }
        known.extend(&members.without(&before.without(known)));
    }

    /// What of some members may be in.
    pub fn rest(&self, slot: &(ShareKey, Slot), members: &Members) -> Members {
        let known = [self.refused.get(slot), self.taken_out.get(slot)].into_iter().flatten();
        known.fold(members.clone(), |rest, out| rest.without(out))
    }

    /// Forgets the Shares that are not there any more.
    pub fn keep_only(&mut self, shares: &BTreeSet<ShareKey>) {
        for known in [&mut self.refused, &mut self.taken_out] {
            known.retain(|(share, _), members| shares.contains(share) && !members.is_empty());
        }
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
            let slot = (share, Slot::Inner);
            let member =
                Members { principals: BTreeSet::from([principal("111111111111")]), ..Members::default() };
            let mut memory = Absent::default();
            for (on_record, refused) in asked {
                let before = if *on_record { member.clone() } else { Members::default() };
                memory.note(slot.clone(), &member, *refused, &before);
            }
            assert_eq!(memory.rest(&slot, &member).is_empty(), known, "{asked:?}");
            // Taken out it is out in any case, until it is sent again.
            memory.taken_out(slot.clone(), &member);
            assert!(memory.rest(&slot, &member).is_empty(), "{asked:?}");
            memory.sent(&slot, &member);
            assert_eq!(memory.rest(&slot, &member).is_empty(), known, "{asked:?}");
        }
    }
}
