//! Conditions by apimachinery's rules, with the time handed in.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

use super::reason::Reason;

/// The object is as declared, read back from AWS (kstatus).
pub const READY: &str = "Ready";
/// It is being worked on (kstatus: True means wait).
pub const RECONCILING: &str = "Reconciling";
/// It cannot go on without a change (kstatus: True means failed).
pub const STALLED: &str = "Stalled";
/// Share: policy allows all that is declared.
pub const PERMITTED: &str = "Permitted";
/// Share: AWS differs from what was applied.
pub const DRIFTED: &str = "Drifted";
/// Share: no invitation is pending.
pub const ACCEPTED: &str = "Accepted";
/// AccountRegion: the last full read was complete.
pub const OBSERVED: &str = "Observed";
/// AccountRegion, AccountSet, Installation: removals wait for a person.
pub const REMOVALS_HELD: &str = "RemovalsHeld";
/// AccountRegion, Installation: no write to AWS is made.
pub const HALTED: &str = "Halted";
/// Organization: the tree is not older than three times `refresh`.
pub const TREE_CURRENT: &str = "TreeCurrent";
/// Organization: RAM may share with it.
pub const SHARING_ENABLED: &str = "SharingEnabled";

/// Longest message that apimachinery takes, in characters.
const MESSAGE_MAX: usize = 32_768;

/// The three values of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// It cannot be told.
    Unknown,
}

impl Status {
    /// The status as it stands in a condition.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Status {
    fn from(so: bool) -> Self {
        if so { Self::True } else { Self::False }
    }
}

/// Sets the condition `type_`, in place or after the others. `lastTransitionTime` becomes `now` only when the
/// status changes; a message longer than apimachinery takes is cut off.
pub fn set(
    conditions: &mut Vec<Condition>,
    type_: &str,
    status: Status,
    reason: Reason,
    message: &str,
    generation: Option<i64>,
    now: Timestamp,
) {
    let found = conditions.iter_mut().find(|condition| condition.type_ == type_);
    let since = found.as_ref().filter(|condition| condition.status == status.as_str());
    let condition = Condition {
        last_transition_time: since.map_or(Time(now), |condition| condition.last_transition_time.clone()),
        message: message.chars().take(MESSAGE_MAX).collect(),
        observed_generation: generation,
        reason: reason.as_str().to_owned(),
        status: status.as_str().to_owned(),
        type_: type_.to_owned(),
    };
    match found {
        Some(place) => *place = condition,
        None => conditions.push(condition),
    }
}

/// Takes the condition `type_` away, if it is there.
pub fn remove(conditions: &mut Vec<Condition>, type_: &str) {
    conditions.retain(|condition| condition.type_ != type_);
}

/// The condition `type_`, if it is there.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition `type_` is there with status True.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == Status::True.as_str())
}

/// Whether both say the same, whatever their order and their `lastTransitionTime`. Types are unique in
/// either.
pub fn equal_ignoring_times(left: &[Condition], right: &[Condition]) -> bool {
    left.len() == right.len()
        && left.iter().all(|a| {
            find(right, &a.type_).is_some_and(|b| {
                a.status == b.status
                    && a.reason == b.reason
                    && a.message == b.message
                    && a.observed_generation == b.observed_generation
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn ready(status: Status, message: &str, generation: i64, second: i64) -> Vec<Condition> {
        let mut conditions = Vec::new();
        set(&mut conditions, READY, status, Reason::InForce, message, Some(generation), at(second));
        conditions
    }

    #[test]
    fn the_transition_time_moves_with_the_status_and_with_nothing_else() {
        for (first, second, moves) in [
            (Status::True, Status::True, false),
            (Status::True, Status::False, true),
            (Status::False, Status::Unknown, true),
            (Status::Unknown, Status::Unknown, false),
        ] {
            let mut conditions = ready(first, "one", 1, 10);
            set(&mut conditions, READY, second, Reason::Converging, "two", Some(2), at(20));
            let [condition] = conditions.as_slice() else { panic!("{conditions:?}") };
            assert_eq!(
                condition.last_transition_time.0,
                at(if moves { 20 } else { 10 }),
                "{first:?} {second:?}"
            );
            assert_eq!((condition.status.as_str(), condition.message.as_str()), (second.as_str(), "two"));
            assert_eq!((condition.reason.as_str(), condition.observed_generation), ("Converging", Some(2)));
        }
    }

    #[test]
    fn a_condition_keeps_its_place_and_its_neighbours() {
        let mut conditions = ready(Status::True, "", 1, 1);
        set(&mut conditions, DRIFTED, Status::False, Reason::NoDrift, "", Some(1), at(1));
        let drifted = conditions[1].clone();
        set(&mut conditions, READY, Status::False, Reason::Throttled, "", Some(1), at(2));
        assert_eq!(conditions.iter().map(|c| c.type_.as_str()).collect::<Vec<_>>(), [READY, DRIFTED]);
        assert_eq!(conditions[1], drifted);
        remove(&mut conditions, READY);
        remove(&mut conditions, STALLED);
        assert_eq!(conditions, [drifted]);
    }

    #[test]
    fn only_time_and_order_are_ignored() {
        let same = ready(Status::True, "m", 1, 1);
        assert!(equal_ignoring_times(&same, &ready(Status::True, "m", 1, 99)));
        assert!(!equal_ignoring_times(&same, &ready(Status::False, "m", 1, 1)));
        assert!(!equal_ignoring_times(&same, &ready(Status::True, "other", 1, 1)));
        assert!(!equal_ignoring_times(&same, &ready(Status::True, "m", 2, 1)));
        assert!(!equal_ignoring_times(&same, &[]));
        let mut two = same.clone();
        set(&mut two, HALTED, Status::False, Reason::NotHalted, "", None, at(1));
        let mut reversed = two.clone();
        reversed.reverse();
        assert!(equal_ignoring_times(&two, &reversed));
        assert!(!equal_ignoring_times(&two, &same) && !equal_ignoring_times(&same, &two));
    }

    #[test]
    fn a_message_is_cut_between_characters() {
        let conditions = ready(Status::True, &"é".repeat(40_000), 1, 1);
        assert_eq!(conditions[0].message.chars().count(), MESSAGE_MAX);
    }

    #[test]
    fn only_status_true_is_true() {
        assert!(is_true(&ready(Status::True, "", 1, 1), READY));
        for conditions in [ready(Status::False, "", 1, 1), ready(Status::Unknown, "", 1, 1), Vec::new()] {
            assert!(!is_true(&conditions, READY));
        }
    }
}
