use super::*;
use crate::{
    api::undeclared_share::Decision,
    model::{Digest, ShareKey},
    plan::{desired::Refusal, fixture::*, gate::Mode, record::Record},
};

const OPEN: Gate =
    Gate { halted: None, suspended: false, mode: Mode::Enforce, report_drift: false, settling: false };
const DAY: Duration = Duration::from_secs(86_400);

fn foreign() -> Container {
    container("legacy").to(DATA, "ASSOCIATED").sharing("subnet/subnet-1", "ASSOCIATED")
}

fn undeclared(container: Container, why: Why) -> Undeclared {
    Undeclared { container, why, origin: None, verdict: Verdict::default() }
}

fn sweep(action: UndeclaredAction, seconds: i64) -> Sweep<'static> {
    Sweep { action, grace: DAY, now: at(seconds), ..REPORT }
}

/// `Phase: changes`, the changes as `what(cause)`.
fn words(verdict: &Verdict) -> String {
    let change = |change: &Change| match &change.kind {
        ChangeKind::Delete => format!("delete({:?})", change.cause),
        ChangeKind::RemovePrincipal(p) => format!("-{p}({:?})", change.cause),
        other => format!("{other:?}"),
    };
    let done = verdict.allowed.iter().map(change);
    let held = verdict.held.iter().map(|(c, reason)| format!("{} held by {reason}", change(c)));
    let all: Vec<String> = done.chain(held).collect();
    if all.is_empty() {
        format!("{:?}", verdict.phase)
    } else {
        format!("{:?}: {}", verdict.phase, all.join(" "))
    }
}

fn judged(container: Container, why: Why, record: Option<&Record>, sweep: &Sweep<'_>) -> String {
    words(&judge(&undeclared(container, why), record, sweep, &OPEN))
}

#[test]
fn mark_wait_remove() {
    use UndeclaredAction::{Delete, Report, Revoke};
    let seen_once = Record { confirmed_at: None, ..record(Why::Foreign) };
    let never = Record { first_seen: None, confirmed_at: None, ..record(Why::Foreign) };
    let seen_twice = record(Why::Foreign);
    let after = 86_400;
    // action, record, seconds after it was confirmed, what becomes of it
    let table = [
        (Delete, None, after * 9, "Waiting"),
        (Delete, Some(&never), after * 9, "Waiting"),
        (Delete, Some(&seen_once), after * 9, "Waiting"),
        (Delete, Some(&seen_twice), after - 1, "Waiting"),
        (Delete, Some(&seen_twice), after, "Removing: delete(Undeclared)"),
        (Revoke, Some(&seen_twice), after - 1, "Waiting"),
        (Revoke, Some(&seen_twice), after, "Removing: -222233334444(Undeclared)"),
        (Report, Some(&seen_twice), after * 9, "Reported"),
    ];
    for (action, record, seconds, expected) in table {
        let found = judged(foreign(), Why::Foreign, record, &sweep(action, seconds));
        assert_eq!(found, expected, "{action:?} {record:?} {seconds}");
    }
    // Under another set all of it begins anew.
    let moved = Sweep { set: "uid-other", ..sweep(Delete, after * 9) };
    assert_eq!(judged(foreign(), Why::Foreign, Some(&seen_twice), &moved), "Waiting");
}

#[test]
fn what_is_not_free_is_never_removed_whatever_the_set_or_a_person_says() {
    let all = sweep(UndeclaredAction::Delete, 900_000);
    for why in [Why::ServiceManaged, Why::OtherInstallation] {
        let decided = decided(Decision::Remove, &foreign());
        for record in [record(why), Record { why, ..decided }] {
            assert_eq!(judged(foreign(), why, Some(&record), &all), "Reported", "{why:?}");
        }
    }
}

fn decided(decision: Decision, about: &Container) -> Record {
    let seen = crate::plan::undeclared::evidence(about).to_string();
    Record { decision, decided_on: Some(seen), ..record(Why::Foreign) }
}

#[test]
fn a_persons_word_takes_the_place_of_grace_and_of_nothing_else() {
    let report = sweep(UndeclaredAction::Report, 1);
    let delete = sweep(UndeclaredAction::Delete, 900_000);
    let remove = decided(Decision::Remove, &foreign());
    assert_eq!(judged(foreign(), Why::Foreign, Some(&remove), &report), "Removing: delete(Undeclared)");
    let once = Record { confirmed_at: None, ..remove.clone() };
    assert_eq!(judged(foreign(), Why::Foreign, Some(&once), &report), "Waiting");
    let keep = decided(Decision::Keep, &foreign());
    assert_eq!(judged(foreign(), Why::Foreign, Some(&keep), &delete), "Kept");
    let adopt = Record { for_share: Some(key("hub")), ..decided(Decision::Adopt, &foreign()) };
    assert_eq!(judged(foreign(), Why::Foreign, Some(&adopt), &delete), "Kept");
    // About other grants than are there now it is void, and the set's action goes on.
    let more = foreign().to("333344445555", "ASSOCIATED");
    for void in [&remove, &keep, &adopt] {
        let verdict = judge(&undeclared(more.clone(), Why::Foreign), Some(void), &report, &OPEN);
        assert!(verdict.void && verdict.recorded && verdict.allowed.is_empty(), "{verdict:?}");
    }
    assert_eq!(judged(more, Why::Foreign, Some(&keep), &delete), "Removing: delete(Undeclared)");
}

#[test]
fn rules_by_name_or_tags_leave_nothing_alone_that_lets_somebody_outside_in() {
    let rule = |json: serde_json::Value| -> IgnoreRule { serde_json::from_value(json).unwrap() };
    let by_name = [rule(serde_json::json!({"name": "leg*", "reason": "old"}))];
    let by_tags = [rule(serde_json::json!({"tags": {"managed-by": "terraform"}, "reason": "old"}))];
    let inside = foreign().tagged("managed-by", "terraform");
    let outside = inside.clone().to_outsider(PARTNER, "ASSOCIATED");
    let by_arn = [rule(serde_json::json!({"arn": outside.id.as_str(), "reason": "contract"}))];
    let table: [(&[IgnoreRule], &Container, &str); 6] = [
        (&by_name, &inside, "Reported"),
        (&by_tags, &inside, "Reported"),
        (&by_arn, &inside, "Reported"),
        (&by_name, &outside, "Removing: delete(Undeclared)"),
        (&by_tags, &outside, "Removing: delete(Undeclared)"),
        (&by_arn, &outside, "Reported"),
    ];
    for (ignore, container, expected) in table {
        let sweep = Sweep { ignore, ..sweep(UndeclaredAction::Delete, 900_000) };
        let found = judged(container.clone(), Why::Foreign, Some(&record(Why::Foreign)), &sweep);
        assert_eq!(found, expected, "{ignore:?}");
    }
}

#[test]
fn only_what_a_write_can_take_away_now_is_taken_away() {
    let revoke = sweep(UndeclaredAction::Revoke, 900_000);
    let delete = sweep(UndeclaredAction::Delete, 900_000);
    let seen = record(Why::Foreign);
    let judged = |container, sweep: &Sweep<'_>| judged(container, Why::Foreign, Some(&seen), sweep);
    for gone in ["DISASSOCIATING", "DISASSOCIATED", "FAILED", "QUARANTINED"] {
        let container = container("a").to(DATA, gone).sharing("subnet/subnet-1", "ASSOCIATED");
        assert_eq!(judged(container, &revoke), "Reported", "{gone}");
    }
    for (state, expected) in
        [("PENDING", "Reported"), ("ARCHIVED", "Reported"), ("FAILED", "Removing: delete(Undeclared)")]
    {
        assert_eq!(judged(foreign().being(state), &delete), expected, "{state}");
        assert_eq!(judged(foreign().being(state), &revoke), "Reported", "{state}");
    }
}

#[test]
fn modes_hold_it_and_say_so() {
    let seen = record(Why::Foreign);
    let judge = |gate: &Gate| {
        let found = undeclared(foreign(), Why::Foreign);
        words(&judge(&found, Some(&seen), &sweep(UndeclaredAction::Delete, 900_000), gate))
    };
    for (gate, reason) in [
        (Gate { halted: Some("halt".into()), ..OPEN }, "Halted"),
        (Gate { suspended: true, ..OPEN }, "Suspended"),
        (Gate { mode: Mode::Report, ..OPEN }, "ReportOnly"),
        (Gate { mode: Mode::AddOnly, ..OPEN }, "AddOnly"),
        (Gate { settling: true, ..OPEN }, "Waiting"),
    ] {
        assert_eq!(judge(&gate), format!("Held: delete(Undeclared) held by {reason}"));
    }
    assert_eq!(judge(&Gate { report_drift: true, ..OPEN }), "Removing: delete(Undeclared)");
}

/// Policies that refuse these principals, or cannot be asked.
struct Policies(Result<Vec<&'static str>, ()>);

impl Permits for Policies {
    fn refused(
        &self,
        namespace: &str,
        _: &Container,
        _: &BTreeMap<String, Timestamp>,
    ) -> Result<BTreeMap<Principal, Refusal>, Refusal> {
        let refusal = |reason| Refusal::new(reason, format!("no policy for {namespace}"));
        let all = self.0.as_ref().map_err(|()| refusal(Reason::Waiting))?;
        Ok(all.iter().map(|p| (principal(p), refusal(Reason::NotPermitted))).collect())
    }
}

#[test]
fn what_was_let_go_stays_but_for_ends_and_policy() {
    let container = foreign().to_outsider(PARTNER, "ASSOCIATED");
    let origin = Some(ShareKey { namespace: TEAM.into(), name: "hub".into() });
    let released = |end: Option<i64>| Record {
        ends: end.map(|end| (PARTNER.to_owned(), at(end))).into_iter().collect(),
        origin: origin.clone(),
        ..record(Why::Released)
    };
    let judged = |record: &Record, policies: Result<Vec<&'static str>, ()>| {
        let policies = Policies(policies);
        // No action of the set's concerns it.
        let sweep = Sweep { permits: &policies, ..sweep(UndeclaredAction::Delete, 900_000) };
        judged(container.clone(), Why::Released, Some(record), &sweep)
    };
    assert_eq!(judged(&released(Some(900_001)), Ok(vec![])), "Reported");
    assert_eq!(judged(&released(Some(900_000)), Ok(vec![])), format!("Removing: -{PARTNER}(Expired)"));
    assert_eq!(judged(&released(Some(900_001)), Ok(vec![DATA])), format!("Removing: -{DATA}(Policy)"));
    assert_eq!(judged(&released(Some(900_001)), Ok(vec![PARTNER])), format!("Removing: -{PARTNER}(Policy)"));
    // Where policies cannot be asked, ends end all the same. An end that is not on record is nobody's word.
    assert_eq!(judged(&released(Some(900_000)), Err(())), format!("Removing: -{PARTNER}(Expired)"));
    assert_eq!(judged(&released(None), Ok(vec![PARTNER])), "Reported");
    let remove = Record { why: Why::Released, ..decided(Decision::Remove, &container) };
    assert_eq!(judged(&remove, Ok(vec![])), "Removing: delete(Undeclared)");
    // No decision holds off an end or a policy's word.
    for (decision, otherwise) in [
        (Decision::Keep, "Kept"),
        (Decision::Adopt, "Kept"),
        (Decision::Remove, "Removing: delete(Undeclared)"),
    ] {
        let decided = |end| Record {
            ends: released(Some(end)).ends,
            origin: origin.clone(),
            why: Why::Released,
            ..decided(decision, &container)
        };
        assert_eq!(
            judged(&decided(900_000), Ok(vec![])),
            format!("Removing: -{PARTNER}(Expired)"),
            "{decision:?}"
        );
        assert_eq!(
            judged(&decided(900_001), Ok(vec![DATA])),
            format!("Removing: -{DATA}(Policy)"),
            "{decision:?}"
        );
        assert_eq!(judged(&decided(900_001), Ok(vec![])), otherwise, "{decision:?}");
    }
    let void = Record { decided_on: Some(Digest::of(["other"]).to_string()), ..remove };
    assert_eq!(judged(&void, Ok(vec![])), "Reported");
}
