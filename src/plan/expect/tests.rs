use std::collections::BTreeSet;

use super::*;
use crate::{
    model::Slot,
    plan::{change::PermissionChange, fixture::*, observed::AttachedPermission},
};

const GATEWAY: &str = "transit-gateway/tgw-1";
const TYPE: &str = "ec2:TransitGateway";
const CUSTOM: &str = "arn:aws:ram:eu-west-1:111122223333:permission/ours";

fn members(principals: &[&str], resources: &[&str]) -> Members {
    Members {
        principals: principals.iter().map(|p| principal(p)).collect(),
        resources: resources.iter().map(|r| ec2(r)).collect(),
    }
}

fn hub() -> Container {
    ours("hub", &Slot::Inner)
}

fn swap(arn: Option<&str>, version: Option<&str>) -> Action {
    let text = |text: Option<&str>| text.map(str::to_owned);
    Action::SetPermission(PermissionChange {
        resource_type: TYPE.into(),
        arn: text(arn),
        version: text(version),
    })
}

/// Whether a reading of this container, taken right after the write, shows it.
fn is_shown(action: &Action, container: Container) -> bool {
    let mut expectations = Expectations::default();
    expectations.wrote(&hub().id, None, action, false, at(0));
    assert!(expectations.concern(&hub().id));
    expectations.settle(&listing([container]), |_| true, at(1));
    !expectations.concern(&hub().id)
}

#[test]
fn a_write_is_settled_by_the_reading_that_shows_it_and_no_other() {
    let to = Action::Associate(members(&[DATA], &[]));
    let of = Action::Associate(members(&[], &[GATEWAY]));
    let out = Action::Disassociate(members(&[DATA], &[]));
    let rename = Action::Update { name: Some("new".into()), allow_external: None };
    let open = Action::Update { name: None, allow_external: Some(true) };
    let tag = Action::Tag([("k".to_owned(), "v".to_owned())].into());
    let untag = Action::Untag(BTreeSet::from(["k".to_owned()]));
    let older = AttachedPermission { is_default_version: false, ..permission(CUSTOM, "1") };
    let mut bare = hub().sharing(GATEWAY, "ASSOCIATED");
    bare.permissions.clear();
    let opened = Container { allows_external: true, ..hub() };
    let table = [
        ("not there", &to, hub(), false),
        ("ghost", &to, hub().to(DATA, "DISASSOCIATED"), false),
        ("leaving", &to, hub().to(DATA, "DISASSOCIATING"), false),
        ("coming", &to, hub().to(DATA, "ASSOCIATING"), true),
        ("there", &to, hub().to(DATA, "ASSOCIATED"), true),
        ("failed is an answer", &to, hub().to(DATA, "FAILED"), true),
        ("someone else", &to, hub().to(PARTNER, "ASSOCIATED"), false),
        ("resource", &of, hub().sharing(GATEWAY, "ASSOCIATING"), true),
        ("resource without its permission", &of, bare, false),
        ("resource failed", &of, hub().sharing(GATEWAY, "FAILED"), true),
        ("still there", &out, hub().to(DATA, "ASSOCIATED"), false),
        ("leaving", &out, hub().to(DATA, "DISASSOCIATING"), true),
        ("ghost", &out, hub().to(DATA, "DISASSOCIATED"), true),
        ("gone", &out, hub(), true),
        ("old name", &rename, hub(), false),
        ("new name", &rename, hub().named("new"), true),
        ("shut", &open, hub(), false),
        ("open", &open, opened, true),
        ("no tag", &tag, hub(), false),
        ("other value", &tag, hub().tagged("k", "w"), false),
        ("tag", &tag, hub().tagged("k", "v"), true),
        ("tag still there", &untag, hub().tagged("k", "v"), false),
        ("untagged", &untag, hub(), true),
        ("no permission", &swap(Some(CUSTOM), None), hub(), false),
        ("old version", &swap(Some(CUSTOM), None), hub().permitting(TYPE, older.clone()), false),
        ("pinned version", &swap(Some(CUSTOM), Some("1")), hub().permitting(TYPE, older), true),
        ("permission", &swap(Some(CUSTOM), None), hub().permitting(TYPE, permission(CUSTOM, "2")), true),
        ("not the default", &swap(None, None), hub().permitting(TYPE, permission(CUSTOM, "2")), false),
        ("default", &swap(None, None), hub().permitting(TYPE, default_permission(TYPE)), true),
        ("still live", &Action::Delete, hub(), false),
        ("being deleted", &Action::Delete, hub().being("DELETING"), true),
        ("deleted before it showed", &to, hub().being("DELETED"), true),
    ];
    for (case, action, container, expected) in table {
        assert_eq!(is_shown(action, container), expected, "{case}: {action:?}");
    }
}

#[test]
fn an_expectation_lasts_its_window_and_only_a_reading_of_its_container_ends_it() {
    let mut expectations = Expectations::default();
    expectations.wrote(&hub().id, None, &Action::Associate(members(&[DATA], &[])), false, at(0));
    let silent = listing([hub()]);
    expectations.settle(&silent, |_| true, at(WINDOW_SECONDS - 1));
    assert_eq!(expectations.oldest(), Some(at(0)));
    expectations.settle(&silent, |_| false, at(WINDOW_SECONDS * 9));
    assert_eq!(expectations.containers(), BTreeSet::from([hub().id]));
    expectations.settle(&silent, |_| true, at(WINDOW_SECONDS));
    assert_eq!(expectations.oldest(), None);
}

#[test]
fn the_last_write_about_a_thing_is_the_one_that_counts() {
    let mut expectations = Expectations::default();
    expectations.wrote(&hub().id, None, &Action::Associate(members(&[DATA], &[])), false, at(0));
    expectations.wrote(&hub().id, None, &Action::Disassociate(members(&[DATA], &[])), false, at(1));
    let overlaid = expectations.overlay(&listing([hub().to(DATA, "ASSOCIATED")]));
    let row = &overlaid.containers[&hub().id].principals[&principal(DATA)];
    assert_eq!(row.state, AssociationState::Disassociating);
    expectations.wrote(&hub().id, None, &Action::Associate(members(&[DATA], &[])), false, at(2));
    let overlaid = expectations.overlay(&listing([hub().to(DATA, "DISASSOCIATED")]));
    let row = &overlaid.containers[&hub().id].principals[&principal(DATA)];
    assert_eq!(row.state, AssociationState::Associating);
}

#[test]
fn a_new_share_is_there_before_it_is_listed_and_whole_before_it_is_listed_whole() {
    let made = hub().to(DATA, "ASSOCIATING").sharing(GATEWAY, "ASSOCIATING");
    let mut expectations = Expectations::default();
    expectations.made(made.clone(), at(0));
    let mut rowless = hub();
    rowless.permissions.clear();
    for (case, read) in [
        ("not listed", listing([])),
        ("pending", listing([hub().being("PENDING")])),
        ("without rows", listing([rowless])),
        ("without resources", listing([hub().to(DATA, "ASSOCIATING")])),
    ] {
        expectations.settle(&read, |_| true, at(1));
        assert_eq!(expectations.overlay(&read), listing([made.clone()]), "{case}");
    }
    let whole = listing([made.to(DATA, "FAILED")]);
    expectations.settle(&whole, |_| true, at(2));
    assert!(expectations.containers().is_empty());
    assert_eq!(expectations.overlay(&whole), whole);
}

#[test]
fn a_share_deleted_after_it_was_made_stays_gone() {
    let mut expectations = Expectations::default();
    expectations.made(hub(), at(0));
    expectations.wrote(&hub().id, None, &Action::Delete, false, at(1));
    let overlaid = expectations.overlay(&listing([hub()]));
    assert_eq!(overlaid.live().count(), 0);
    assert_eq!(expectations.overlay(&listing([])).live().count(), 0);
}

#[test]
fn nothing_is_laid_over_a_container_that_nothing_was_written_to() {
    let mut expectations = Expectations::default();
    expectations.wrote(&hub().id, None, &Action::Untag(BTreeSet::from(["k".to_owned()])), false, at(0));
    let other = Container { id: container_id("other"), ..hub().tagged("k", "v") };
    let read = listing([other]);
    assert_eq!(expectations.overlay(&read), read);
}

#[test]
fn an_older_answer_after_one_that_showed_a_write_contradicts_nothing() {
    let old_row = || hub().to(DATA, "ASSOCIATED").dated(DATA, at(-50));
    let cases: [(&str, Action, Container, Container); 5] = [
        ("added", Action::Associate(members(&[DATA], &[])), hub().to(DATA, "ASSOCIATED"), hub()),
        ("removed", Action::Disassociate(members(&[DATA], &[])), hub().to(DATA, "DISASSOCIATED"), old_row()),
        ("removed, row and all", Action::Disassociate(members(&[DATA], &[])), hub(), old_row()),
        (
            "added again",
            Action::Associate(members(&[DATA], &[])),
            hub().to(DATA, "ASSOCIATED"),
            hub().to(DATA, "DISASSOCIATED").dated(DATA, at(-50)),
        ),
        (
            "renamed",
            Action::Update { name: Some("new".into()), allow_external: None },
            hub().named("new"),
            hub(),
        ),
    ];
    for (case, action, shown, older) in cases {
        let mut expectations = Expectations::default();
        expectations.wrote(&hub().id, None, &action, false, at(0));
        expectations.settle(&listing([shown.clone()]), |_| true, at(10));
        assert!(expectations.containers().is_empty(), "{case}: nothing is left to be waited for");
        expectations.settle(&listing([older.clone()]), |_| true, at(20));
        let overlaid = expectations.overlay(&listing([older.clone()]));
        let wanted: Vec<_> = live(&shown);
        assert_eq!(live(&overlaid.containers[&hub().id]), wanted, "{case}");
        expectations.settle(&listing([older.clone()]), |_| true, at(WINDOW_SECONDS));
        assert_eq!(expectations.overlay(&listing([older.clone()])), listing([older]), "{case}: not for ever");
    }
}

/// What was taken out and put in again is there once AWS shows a row of after it was out: one of before says nothing.
#[test]
fn a_row_from_before_it_was_taken_out_does_not_show_that_it_is_in_again() {
    for (dated, shown) in [(Some(at(-50)), false), (Some(at(99)), false), (Some(at(100)), true), (None, true)]
    {
        let mut expectations = Expectations::default();
        let (out, into) =
            (Action::Disassociate(members(&[DATA], &[])), Action::Associate(members(&[DATA], &[])));
        expectations.wrote(&hub().id, None, &out, false, at(100));
        expectations.wrote(&hub().id, None, &into, false, at(200));
        // Sent once more: it was out all the same.
        expectations.wrote(&hub().id, None, &into, false, at(210));
        let mut read = hub().to(DATA, "ASSOCIATED");
        read.principals.get_mut(&principal(DATA)).unwrap().since = dated;
        let read = listing([read]);
        expectations.settle(&read, |_| true, at(300));
        assert_eq!(!expectations.concern(&hub().id), shown, "{dated:?}");
        let row = &expectations.overlay(&read).containers[&hub().id].principals[&principal(DATA)];
        assert_eq!(row.state.is_in_force(), shown, "{dated:?}");
        // An older answer after one that showed it changes nothing.
        if shown {
            let older = listing([hub().to(DATA, "ASSOCIATED").dated(DATA, at(-50))]);
            let row = &expectations.overlay(&older).containers[&hub().id].principals[&principal(DATA)];
            assert!(row.state.is_in_force());
        }
    }
}

/// What was put in and taken out again is out once AWS shows a row of after it was in: one of when it was out before says nothing.
/// That it was in is known from our own write, or from the row that was listed.
#[test]
fn a_row_from_before_it_was_put_in_does_not_show_that_it_is_out_again() {
    for (dated, shown) in [(at(50), false), (at(99), false), (at(101), true)] {
        for by_us in [false, true] {
            let mut expectations = Expectations::default();
            let (out, into) =
                (Action::Disassociate(members(&[DATA], &[])), Action::Associate(members(&[DATA], &[])));
            let listed = hub().to(DATA, "ASSOCIATED").dated(DATA, at(100));
            if by_us {
                expectations.wrote(&hub().id, None, &out, false, at(40));
                expectations.wrote(&hub().id, None, &into, false, at(100));
            }
            expectations.wrote(&hub().id, (!by_us).then_some(&listed), &out, false, at(200));
            let read = listing([hub().to(DATA, "DISASSOCIATED").dated(DATA, dated)]);
            expectations.settle(&read, |_| true, at(201));
            assert_eq!(!expectations.concern(&hub().id), shown, "{dated}, by us: {by_us}");
            let row = &expectations.overlay(&read).containers[&hub().id].principals[&principal(DATA)];
            assert_eq!(row.state.may_grant(), !shown, "{dated}, by us: {by_us}");
        }
    }
}

/// The name and the members that may have access.
fn live(container: &Container) -> Vec<String> {
    let rows = container.principals.iter().filter(|(_, row)| row.state.may_grant());
    std::iter::once(container.name.clone()).chain(rows.map(|(p, _)| p.to_string())).collect()
}

#[test]
fn what_aws_dates_after_the_write_is_somebodys_doing() {
    for (case, action, state) in [
        ("taken out by hand", Action::Associate(members(&[DATA], &[])), "DISASSOCIATED"),
        ("put back by hand", Action::Disassociate(members(&[DATA], &[])), "ASSOCIATED"),
    ] {
        for shown_before in [false, true] {
            let mut expectations = Expectations::default();
            expectations.wrote(&hub().id, None, &action, false, at(0));
            if shown_before {
                let agreeing = if state == "ASSOCIATED" { hub() } else { hub().to(DATA, "ASSOCIATED") };
                expectations.settle(&listing([agreeing]), |_| true, at(1));
            }
            let read = listing([hub().to(DATA, state).dated(DATA, at(5))]);
            expectations.settle(&read, |_| true, at(6));
            assert_eq!(expectations.overlay(&read), read, "{case}, shown before: {shown_before}");
        }
    }
}

#[test]
fn a_new_share_stays_whole_under_older_answers_and_as_it_was_changed_since() {
    let made = hub().to(DATA, "ASSOCIATED").to(PARTNER, "ASSOCIATED").sharing(GATEWAY, "ASSOCIATED");
    let mut expectations = Expectations::default();
    expectations.made(made.clone(), at(0));
    expectations.settle(&listing([made.clone()]), |_| true, at(10));
    assert!(expectations.containers().is_empty());
    for older in [listing([]), listing([hub().being("PENDING")])] {
        expectations.settle(&older, |_| true, at(11));
        assert_eq!(expectations.overlay(&older), listing([made.clone()]));
    }
    expectations.wrote(&hub().id, None, &Action::Disassociate(members(&[PARTNER], &[])), false, at(20));
    // An answer without it may be older than the share's members are: it may still be in force.
    for (shown, expected) in [
        (hub().to(DATA, "ASSOCIATED"), vec![DATA, PARTNER]),
        (hub().to(DATA, "ASSOCIATED").to(PARTNER, "DISASSOCIATED"), vec![DATA]),
        (hub().to(DATA, "ASSOCIATED"), vec![DATA]),
    ] {
        expectations.settle(&listing([shown.clone()]), |_| true, at(21));
        let overlaid = expectations.overlay(&listing([shown]));
        assert_eq!(live(&overlaid.containers[&hub().id])[1..], expected);
    }
}

/// Who put it in may have died since: its row tells when that was.
#[test]
fn what_was_put_in_lately_and_taken_out_is_out_once_its_row_says_so() {
    use AssociationState::{Disassociated, Disassociating};
    let out = Action::Disassociate(members(&[DATA], &[]));
    let lately = hub().to(DATA, "ASSOCIATED").dated(DATA, at(0));
    for (case, taken_out, read, expected) in [
        ("a replica from before it", 49, hub(), Some(Disassociating)),
        ("leaving", 49, hub().to(DATA, "DISASSOCIATING").dated(DATA, at(49)), Some(Disassociating)),
        ("a ghost", 49, hub().to(DATA, "DISASSOCIATED").dated(DATA, at(49)), Some(Disassociated)),
        ("no replica is as old as that", WINDOW_SECONDS, hub(), None),
    ] {
        let mut expectations = Expectations::default();
        expectations.wrote(&hub().id, Some(&lately), &out, false, at(taken_out));
        let read = listing([read]);
        expectations.settle(&read, |_| true, at(taken_out + 2));
        let overlaid = expectations.overlay(&read);
        let row = overlaid.containers[&hub().id].principals.get(&principal(DATA));
        assert_eq!(row.map(|row| row.state.clone()), expected, "{case}");
    }
}

#[test]
fn what_is_on_record_as_put_in_counts_as_there_until_an_answer_is_known_or_it_is_declared_again() {
    let put = [(hub().id, false, members(&[DATA], &[]))];
    for (case, listed, recalled) in [
        ("not listed", hub(), true),
        ("there", hub().to(DATA, "ASSOCIATED"), false),
        ("leaving", hub().to(DATA, "DISASSOCIATING"), false),
        ("a ghost", hub().to(DATA, "DISASSOCIATED").dated(DATA, at(9)), true),
    ] {
        let mut expectations = Expectations::default();
        let read = listing([listed]);
        assert_eq!(expectations.recall(&read, &put, at(10)), recalled, "{case}");
        assert!(!expectations.recall(&read, &put, at(11)), "{case}: the same again");
        if recalled {
            assert_eq!(live(&expectations.overlay(&read).containers[&hub().id])[1..], [DATA], "{case}");
        }
        // Declared again it is to be put in, since nobody knows that it is.
        assert_eq!(expectations.recall(&read, &[], at(12)), recalled, "{case}");
        assert_eq!(expectations.overlay(&read), read, "{case}");
    }
    // What this process has taken out since is not put back.
    let mut expectations = Expectations::default();
    expectations.wrote(&hub().id, None, &Action::Disassociate(members(&[DATA], &[])), false, at(20));
    assert!(!expectations.recall(&listing([hub()]), &put, at(20)));
}
