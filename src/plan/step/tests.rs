use super::*;
use crate::plan::fixture::*;

fn mark() -> Mark {
    Mark { installation: US.into(), share: key("hub"), uid: "uid-hub".into(), slot: Slot::Inner }
}

fn no_create() -> Create {
    unreachable!("nothing is to be made")
}

fn batched(changes: &[Change]) -> Vec<Step> {
    batch(changes, no_create, &mark())
}

/// What a step writes, in one word, with the number of principals and resources.
fn word(step: &Step) -> String {
    let count = |m: &Members| format!("{}+{}", m.principals.len(), m.resources.len());
    match &step.action {
        Action::Create(create) => format!("create {}", count(&create.members)),
        Action::Delete => "delete".into(),
        Action::Disassociate(m) => format!("out {}", count(m)),
        Action::Update { name, allow_external } => format!("update {name:?} {allow_external:?}"),
        Action::SetPermission(to) => format!("permission {}", to.resource_type),
        Action::Associate(m) => format!("in {}", count(m)),
        Action::Tag(tags) => format!("tag {}", tags.keys().cloned().collect::<Vec<_>>().join(" ")),
        Action::Untag(keys) => format!("untag {}", keys.iter().cloned().collect::<Vec<_>>().join(" ")),
    }
}

fn words(steps: &[Step]) -> Vec<String> {
    steps.iter().map(word).collect()
}

fn resources(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|i| ec2(&format!("prefix-list/pl-{i:04}")))
}

#[test]
fn steps_go_out_before_in_whatever_the_order_of_changes() {
    let to = PermissionChange { resource_type: "ec2:Subnet".into(), arn: None, version: None };
    let mut changes: Vec<Change> = [
        ChangeKind::SetTag("b".into(), "2".into()),
        ChangeKind::SetTag("a".into(), "1".into()),
        ChangeKind::RemoveTag("c".into()),
        ChangeKind::AddResource(ec2("subnet/1")),
        ChangeKind::AddPrincipal(principal(DATA)),
        ChangeKind::SetPermission(to),
        ChangeKind::Rename("new".into()),
        ChangeKind::SetExternal(true),
        ChangeKind::RemoveResource(ec2("subnet/2")),
        ChangeKind::RemovePrincipal(principal(PARTNER)),
        ChangeKind::Mark,
    ]
    .map(|kind| kind.because(Cause::Edit))
    .into();
    let expected = [
        "tag sharekeeper.dev/installation sharekeeper.dev/name sharekeeper.dev/namespace sharekeeper.dev/side sharekeeper.dev/uid",
        "out 1+1",
        "update Some(\"new\") Some(true)",
        "permission ec2:Subnet",
        "in 1+1",
        "tag a b",
        "untag c",
    ];
    assert_eq!(words(&batched(&changes)), expected);
    changes.reverse();
    assert_eq!(words(&batched(&changes)), expected);
    assert!(batched(&[]).is_empty());
}

#[test]
fn resources_go_a_hundred_a_call_and_none_is_lost() {
    for (count, expected) in [
        (0, vec!["in 2+0"]),
        (100, vec!["in 2+100"]),
        (101, vec!["in 2+100", "in 0+1"]),
        (250, vec!["in 2+100", "in 0+100", "in 0+50"]),
    ] {
        let principals = [DATA, OWNER].map(|p| ChangeKind::AddPrincipal(principal(p)));
        let kinds = principals.into_iter().chain(resources(count).map(ChangeKind::AddResource));
        let changes: Vec<Change> = kinds.map(|kind| kind.because(Cause::Edit)).collect();
        let steps = batched(&changes);
        assert_eq!(words(&steps), expected);
        let sent = steps.iter().flat_map(|step| match &step.action {
            Action::Associate(m) => m.resources.clone(),
            _ => BTreeSet::new(),
        });
        assert_eq!(sent.collect::<BTreeSet<_>>(), resources(count).collect());
    }
}

#[test]
fn a_removal_stays_a_removal_beside_what_only_tidies_up() {
    let removed = |state, effect| Change {
        kind: ChangeKind::RemovePrincipal(principal(state)),
        cause: Cause::Policy,
        effect,
    };
    let tidied = removed(DATA, Effect::Neutral);
    let revoked = removed(PARTNER, Effect::Narrow);
    assert_eq!(batched(&[revoked, tidied.clone()])[0].effect, Effect::Narrow);
    assert_eq!(batched(&[tidied])[0].effect, Effect::Neutral);
    let renamed = ChangeKind::Rename("new".into()).because(Cause::Drift);
    let closed = ChangeKind::SetExternal(false).because(Cause::Edit);
    let update = &batched(&[renamed, closed])[0];
    assert_eq!((update.effect, update.causes.len()), (Effect::Narrow, 2));
}

#[test]
fn a_create_takes_all_principals_the_mark_and_the_first_hundred_resources() {
    let share =
        share("hub").of(&resources(130).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>());
    let share =
        share.with([account(OWNER)]).permitting("ec2:PrefixList", "AWSRAMDefaultPermissionX", "Default");
    let share = ShareWords::tagged(share, "team", "net");
    let tree = crate::org::tree::tests::tree();
    let desired = resolved(&share, known(&tree), &[policy()]);
    let create = Create::of(&desired.containers[&Slot::Inner], &mark(), 3);
    assert_eq!((create.members.principals.len(), create.members.resources.len()), (1, 100));
    assert_eq!(
        (create.name.as_str(), create.incarnation, create.allow_external),
        ("network-team.hub", 3, false)
    );
    assert_eq!(
        create.permissions,
        BTreeMap::from([(
            "ec2:PrefixList".to_owned(),
            "arn:aws:ram::aws:permission/AWSRAMDefaultPermissionX".to_owned()
        )])
    );
    assert_eq!(Mark::from_tags(&create.tags), Some(mark()));
    assert_eq!(create.tags["team"], "net");
}
