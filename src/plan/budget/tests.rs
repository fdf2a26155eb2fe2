use super::*;
use crate::{
    api::undeclared_share::Why,
    model::Slot,
    plan::{fixture::*, sweep::Verdict, undeclared::Undeclared, view::SlotView},
};

fn these(range: std::ops::Range<u32>) -> Vec<Digest> {
    range.map(|n| Digest::of([n.to_string()])).collect()
}

fn limit(removals: u32, percent: u32) -> Limit {
    Limit { removals, percent, min_existing: 10, window: Duration::from_secs(3600) }
}

#[test]
fn a_window_takes_so_many_and_no_more_and_begins_anew_once_it_is_over() {
    let used = |since, removed, existing| Some(Used { since: at(since), removed, existing, latest: vec![] });
    // limit, window, existing now, more, at, removed afterwards
    let table = [
        (limit(5, 100), None, 100, 5, 0, Some(5)),
        (limit(5, 100), None, 100, 6, 0, None),
        (limit(5, 100), used(0, 3, 100), 100, 2, 3599, Some(5)),
        (limit(5, 100), used(0, 3, 100), 100, 3, 3599, None),
        (limit(5, 100), used(0, 3, 100), 100, 3, 3600, Some(3)),
        (limit(0, 100), None, 100, 1, 0, None),
        // A tenth of 30 are three, of 9 it does not count.
        (limit(5, 10), None, 30, 3, 0, Some(3)),
        (limit(5, 10), None, 30, 4, 0, None),
        (limit(5, 10), None, 9, 5, 0, Some(5)),
        (limit(5, 10), None, 15, 2, 0, None),
        (limit(5, 0), None, 10, 1, 0, None),
        // What existed when the window began counts, not what is left.
        (limit(5, 10), used(0, 2, 30), 10, 1, 10, Some(3)),
        (limit(5, 10), used(0, 0, 10), 50, 2, 10, None),
        // Another cell's pass began later and counted first, or another machine's clock is ahead.
        (limit(5, 100), used(20, 5, 100), 100, 1, 0, None),
        (limit(5, 100), used(86_400, 4, 100), 100, 1, 0, Some(5)),
        // A budget that was made smaller meanwhile.
        (limit(2, 100), used(0, 4, 100), 100, 1, 10, None),
    ];
    for (limit, used, existing, more, now, expected) in table {
        let found = limit.reserve(used.as_ref(), existing, &these(0..more), at(now)).ok();
        let found = found.map(|used| used.removed);
        assert_eq!(found, expected, "{limit:?} {used:?} {existing} {more} {now}");
    }
}

/// A process may die between counting removals and making them.
#[test]
fn what_a_window_has_counted_is_not_counted_again() {
    let limit = limit(3, 100);
    let first = limit.reserve(None, 100, &these(0..3), at(0)).unwrap();
    assert_eq!(limit.reserve(Some(&first), 100, &these(0..3), at(10)).unwrap(), first);
    assert_eq!(limit.reserve(Some(&first), 100, &these(1..2), at(10)).unwrap(), first);
    limit.reserve(Some(&first), 100, &these(0..4), at(10)).unwrap_err();
    let next = limit.reserve(Some(&first), 100, &these(0..3), at(3600)).unwrap();
    assert_eq!((next.removed, next.since), (3, at(3600)));
    let smaller = Limit { removals: 1, ..limit };
    assert_eq!(smaller.reserve(Some(&first), 100, &these(0..3), at(10)).unwrap(), first);
    let many = Limit { removals: 1000, ..limit };
    let full = many.reserve(None, 1000, &these(0..150), at(0)).unwrap();
    assert_eq!((full.removed, full.latest.len()), (150, 100));
    assert_eq!(many.reserve(Some(&full), 1000, &these(50..150), at(10)).unwrap(), full);
}

#[test]
fn what_does_not_fit_says_the_numbers() {
    let used = Used { since: at(0), removed: 1, existing: 30, latest: vec![] };
    assert_eq!(
        limit(5, 10).reserve(Some(&used), 30, &these(0..4), at(60)).unwrap_err(),
        "4 removals, of which 3 may be made in 1 h (10 % of 30 shares), 1 of them used since 2027-01-15T08:00:00Z"
    );
    // Without a window nothing is used, and the words are the same at each pass.
    for now in [0, 4000] {
        assert_eq!(
            limit(5, 10).reserve(None, 30, &these(0..4), at(now)).unwrap_err(),
            "4 removals, of which 3 may be made in 1 h (10 % of 30 shares)"
        );
    }
}

/// A cell with one container a Share, each with these changes.
fn planned(slots: &[(Container, Vec<Change>)], undeclared: &[(Container, Vec<Change>)]) -> (Plan, Listing) {
    let mut plan = Plan::default();
    for (index, (container, changes)) in slots.iter().enumerate() {
        let view = SlotView {
            container: Some(container.id.clone()),
            allowed: changes.clone(),
            ..SlotView::default()
        };
        plan.shares.insert(key(&format!("s{index}")), [(Slot::Inner, view)].into());
    }
    for (container, changes) in undeclared {
        let verdict = Verdict { allowed: changes.clone(), ..Verdict::default() };
        plan.undeclared.push(Undeclared {
            container: container.clone(),
            why: Why::Foreign,
            origin: None,
            verdict,
        });
    }
    let all = slots.iter().chain(undeclared).map(|(container, _)| container.clone());
    (plan, listing(all))
}

fn scope(removals: u32) -> Scope {
    Scope {
        name: "AccountSet network".into(),
        limit: limit(removals, 100),
        used: None,
        existing: 100,
        shares: 3,
        declared_elsewhere: 3,
    }
}

/// What is held and what is still done, in words, after the budgets were asked.
fn held(mut plan: Plan, listing: &Listing, scope: &Scope) -> (usize, usize, Option<String>) {
    hold(&mut plan, listing, &Budgets { scopes: &|| vec![scope.clone()], ..UNLIMITED }, at(0));
    let slots = || plan.shares.values().flat_map(|slots| slots.values());
    let of_sides = slots().map(|view| view.held.len()).sum::<usize>();
    let of_undeclared = plan.undeclared.iter().map(|u| u.verdict.held.len()).sum::<usize>();
    let done = slots().map(|view| view.allowed.len()).sum::<usize>()
        + plan.undeclared.iter().map(|u| u.verdict.allowed.len()).sum::<usize>();
    (of_sides + of_undeclared, done, plan.held.map(|held| held.because))
}

fn inside(id: &str) -> Container {
    container(id).to(DATA, "ASSOCIATED").sharing("subnet/subnet-1", "ASSOCIATED")
}

fn outside_too(id: &str) -> Container {
    inside(id).to_outsider(PARTNER, "ASSOCIATED")
}

fn outside_alone(id: &str) -> Container {
    container(id).to_outsider(PARTNER, "ASSOCIATED").sharing("subnet/subnet-1", "ASSOCIATED")
}

fn remove(whom: &str, cause: Cause) -> Change {
    ChangeKind::RemovePrincipal(principal(whom)).because(cause)
}

#[test]
fn every_removal_counts_but_edits_ends_and_what_shuts_out_outsiders_alone() {
    let delete = |cause| ChangeKind::Delete.because(cause);
    let resource = ChangeKind::RemoveResource(ec2("subnet/subnet-1"));
    // container, change, whether a budget of nothing holds it
    let table = [
        (inside("a"), remove(DATA, Cause::Edit), false),
        (inside("a"), remove(DATA, Cause::Expired), false),
        (inside("a"), remove(DATA, Cause::Policy), true),
        (inside("a"), remove(DATA, Cause::Tree), true),
        (inside("a"), remove(DATA, Cause::Drift), true),
        (inside("a"), remove(DATA, Cause::Found), true),
        (inside("a"), resource.clone().because(Cause::Policy), true),
        (inside("a"), resource.because(Cause::Edit), false),
        (inside("a"), delete(Cause::Deletion), true),
        (inside("a"), delete(Cause::Edit), false),
        (outside_too("a"), remove(PARTNER, Cause::Policy), false),
        (outside_too("a"), remove(DATA, Cause::Policy), true),
        (outside_too("a"), delete(Cause::Deletion), true),
        (outside_alone("a"), delete(Cause::Deletion), false),
        (inside("a"), ChangeKind::SetExternal(false).because(Cause::Drift), false),
        (inside("a"), ChangeKind::AddPrincipal(principal("333344445555")).because(Cause::Drift), false),
        (inside("a"), ChangeKind::Rename("x".into()).because(Cause::Drift), false),
    ];
    for (container, change, is_held) in table {
        let (plan, listing) = planned(&[(container, vec![change.clone()])], &[]);
        let (held, done, _) = held(plan, &listing, &scope(0));
        assert_eq!((held, done), (usize::from(is_held), usize::from(!is_held)), "{change:?}");
    }
}

#[test]
fn over_the_budget_nothing_is_removed_and_all_else_goes_on() {
    let add = ChangeKind::AddPrincipal(principal("333344445555")).because(Cause::Edit);
    let slots: Vec<_> =
        ["a", "b", "c"].map(|id| (inside(id), vec![remove(DATA, Cause::Policy), add.clone()])).into();
    let undeclared = [(inside("d"), vec![ChangeKind::Delete.because(Cause::Undeclared)])];
    let (plan, listing) = planned(&slots, &undeclared);
    assert_eq!(held(plan.clone(), &listing, &scope(4)), (0, 7, None));
    let because = "AccountSet network: 4 removals, of which 3 may be made in 1 h";
    assert_eq!(held(plan, &listing, &scope(3)), (4, 3, Some(because.into())));
}

#[test]
fn a_container_that_goes_whole_or_is_emptied_counts_once() {
    let two = inside("a").to("333344445555", "ASSOCIATED");
    let emptied = vec![remove(DATA, Cause::Undeclared), remove("333344445555", Cause::Undeclared)];
    let (plan, listing) = planned(&[], &[(two.clone(), emptied)]);
    assert_eq!(held(plan, &listing, &scope(1)), (0, 2, None));
    let going = vec![remove(DATA, Cause::Policy), ChangeKind::Delete.because(Cause::Deletion)];
    let (plan, listing) = planned(&[(two.clone(), going)], &[]);
    assert_eq!(held(plan, &listing, &scope(1)), (0, 2, None));
    let narrowed = vec![remove(DATA, Cause::Policy), remove("333344445555", Cause::Policy)];
    let (plan, listing) = planned(&[(two, narrowed)], &[]);
    assert_eq!(held(plan, &listing, &scope(1)).0, 2);
}

#[test]
fn an_approval_releases_exactly_what_it_names_and_a_retry_asks_for_no_more_room() {
    let (plan, listing) = planned(
        &[(inside("a"), vec![remove(DATA, Cause::Policy)]), (inside("b"), vec![remove(DATA, Cause::Policy)])],
        &[],
    );
    let ask = |approved: &BTreeSet<String>, reserved: &BTreeSet<Digest>, removals: u32| {
        let mut plan = plan.clone();
        let scopes = || vec![scope(removals)];
        let approvals = &Approvals { removals: approved.clone(), ..Approvals::NONE };
        hold(&mut plan, &listing, &Budgets { scopes: &scopes, approvals, reserved, policies: true }, at(0));
        plan
    };
    let (none, nothing) = (BTreeSet::new(), BTreeSet::new());
    let first = ask(&none, &nothing, 0);
    let held = first.held.unwrap();
    assert_eq!((held.total, held.removals.len(), held.examples.len()), (2, 2, 2));
    // Whole, it releases all; a part of it releases that part, and what is left has another digest.
    let released = ask(&held.removals, &nothing, 0);
    assert_eq!((released.held, &released.approved), (None, &held.removals));
    let one: BTreeSet<String> = held.removals.iter().take(1).cloned().collect();
    let part = ask(&one, &nothing, 0);
    assert_eq!(part.held.as_ref().map(|held| held.total), Some(1));
    assert_ne!(part.held.unwrap().digest, held.digest);
    // What has its room asks for none.
    let asked = ask(&none, &nothing, 2).to_reserve;
    assert_eq!(asked.len(), 2);
    let reserved: BTreeSet<Digest> = asked.into_iter().map(|(_, id)| id).collect();
    let again = ask(&none, &reserved, 0);
    assert_eq!((again.held, again.to_reserve.len()), (None, 0));
}

#[test]
fn an_approval_is_of_what_is_removed_why_and_when_it_was_held() {
    let delete = |cause| vec![ChangeKind::Delete.because(cause)];
    let held = |container: Container, cause, last: &str| {
        let (mut plan, listing) = planned(&[(container, delete(cause))], &[]);
        let approvals = &Approvals { last: last.to_owned(), ..Approvals::NONE };
        let scopes = || vec![scope(0)];
        hold(&mut plan, &listing, &Budgets { scopes: &scopes, approvals, ..UNLIMITED }, at(0));
        plan.held.unwrap()
    };
    let first = held(inside("a"), Cause::Deletion, "");
    assert_eq!(held(inside("a").named("renamed"), Cause::Deletion, ""), first);
    let more = inside("a").sharing("subnet/subnet-2", "ASSOCIATED");
    assert_ne!(held(more, Cause::Deletion, "").removals, first.removals);
    assert_ne!(held(inside("a"), Cause::Policy, "").removals, first.removals);
    // The same held again is approved anew.
    let again = held(inside("a"), Cause::Deletion, &first.digest);
    assert_eq!(again.removals, first.removals);
    assert_ne!(again.digest, first.digest);
}

#[test]
fn what_rests_on_a_view_without_anything_in_it_is_always_held() {
    let undeclared = [(inside("d"), vec![ChangeKind::Delete.because(Cause::Undeclared)])];
    let (alone, listing_alone) = planned(&[], &undeclared);
    let nobody = Scope { shares: 0, ..scope(9) };
    let because = |text: &str| Some(text.to_owned());
    assert_eq!(
        held(alone.clone(), &listing_alone, &nobody).2,
        because("there is no Share at all in AccountSet network")
    );
    let nothing = Scope { declared_elsewhere: 0, ..scope(9) };
    assert_eq!(
        held(alone, &listing_alone, &nothing).2,
        because("all that is shared in AccountSet network is undeclared")
    );
    // One that is declared here is enough.
    let (plan, listing) = planned(&[(inside("a"), vec![])], &undeclared);
    assert_eq!(held(plan, &listing, &nothing), (0, 1, None));

    let (mut plan, listing) = planned(&[(inside("a"), vec![remove(DATA, Cause::Policy)])], &[]);
    hold(&mut plan, &listing, &Budgets { policies: false, ..UNLIMITED }, at(0));
    assert_eq!(plan.held.map(|held| held.because), because("there is no SharingPolicy at all"));
    // Ends of `until` are never held.
    let (mut plan, listing) = planned(&[(inside("a"), vec![remove(DATA, Cause::Expired)])], &[]);
    hold(&mut plan, &listing, &Budgets { policies: false, ..UNLIMITED }, at(0));
    assert_eq!(plan.held, None);
}
