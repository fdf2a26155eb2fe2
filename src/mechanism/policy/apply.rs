//! Writes the policy of an object: read, change our statements, write.

use std::collections::BTreeSet;

use super::{Reach, store};
use crate::{
    aws::{
        calls::Leave,
        errors::{AwsError, Disposition, Remedy, Replan, Wait},
    },
    document::Document,
    mechanism::{
        ram::failure,
        statements::{self, Claimant, Granted, Holder, Unwritable},
    },
    model::{Arn, ObjectKind, Part, Principal, resource_type::READ},
    plan::step::Action,
};

/// Carries out one step on a part of an object. Whoever calls sees to it that nobody else writes the same object meanwhile.
///
/// # Errors
/// As AWS answers, or why nothing was sent: the policy cannot be read, would be too large, would let in who cannot use the
/// object, or AWS shows one from before our last write, so that other people's later statements might be lost with it.
pub async fn carry_out(
    hand: Reach<'_>,
    leave: &Leave,
    part: &Part,
    kind: ObjectKind,
    action: &Action,
) -> Result<(), AwsError> {
    let object = &part.object;
    let holder = Holder { object, rules: store::rules(kind), place: hand.place };
    let let_in = let_in(action);
    // Whoever is in the owner's own account can use what others cannot.
    if let_in.iter().any(|principal| principal.account().as_ref() != Some(hand.place.owner))
        && let Some(obstacle) = store::obstacle(hand.clients, object, kind).await?
    {
        return Err(not_sent(kind, obstacle.message, Disposition::UserMustAct(obstacle.remedy)));
    }
    let before = match store::read(hand.clients, object, kind).await? {
        Some(text) => Document::parse(&text).map_err(|malformed| {
            refused(kind, format!("the policy of {object} cannot be read: {malformed}"))
        })?,
        None => Document::empty(),
    };
    if hand.written.is_past(object, &before, hand.now) {
        let message = format!(
            "AWS shows a policy of {object} from before the last write; it is written once that is over"
        );
        return Err(not_sent(kind, message, Disposition::Wait(Wait::PolicyToShow)));
    }
    if hand.written.is_another(object, &before) {
        let message = format!("AWS shows another policy of {object} than the one that this was planned on");
        return Err(not_sent(kind, message, Disposition::Replan(Replan::AnotherPolicy)));
    }
    let of = Claimant { installation: part.installation.clone(), share: part.share.clone() };
    if hand.written.may_undo(object, &before, &of, hand.now) {
        let message =
            format!("another Share's change of the policy of {object} had no answer, and is not shown yet");
        return Err(not_sent(kind, message, Disposition::Wait(Wait::PolicyToShow)));
    }
    let found = statements::read(&before, &holder).remove(&of).unwrap_or_default();
    let after = edited(&before, &of, &holder, action, found)
        .map_err(|unwritable| refused(kind, unwritable.to_string()))?;
    if after.as_ref().unwrap_or(&Document::empty()).text() == before.text() {
        return Ok(());
    }
    check_size(kind, object, &before, after.as_ref())?;
    // To set the least access takes away, or gives back what was declared to who is in already.
    let gives_more = matches!(action, Action::SetPermission(to) if to.arn.as_deref() != Some(READ));
    let widens = !let_in.is_empty() || gives_more;
    let text = after.as_ref().map(Document::text);
    let answer = store::put(hand.clients, leave, object, kind, text, widens).await;
    let after = after.unwrap_or_else(Document::empty);
    match &answer {
        Ok(()) => hand.written.note(object, &before, &after, hand.now),
        Err(error) if failure::is_certain(&error.disposition) => {}
        Err(_) => hand.written.perhaps(object, &before, &after, &of, hand.now),
    }
    answer
}

/// Whom a step lets in.
fn let_in(action: &Action) -> BTreeSet<Principal> {
    match action {
        Action::Create(create) => create.members.principals.clone(),
        Action::Associate(members) => members.principals.clone(),
        Action::Delete
        | Action::Disassociate(_)
        | Action::SetPermission(_)
        | Action::Update { .. }
        | Action::Tag(_)
        | Action::Untag(_) => BTreeSet::new(),
    }
}

fn not_sent(kind: ObjectKind, message: String, disposition: Disposition) -> AwsError {
    AwsError::plain(store::write_name(kind), message, disposition)
}

fn refused(kind: ObjectKind, message: String) -> AwsError {
    not_sent(kind, message, Disposition::UserMustAct(Remedy::CorrectPolicy))
}

/// The document after a step; none where the object is to have no policy.
fn edited(
    before: &Document,
    of: &Claimant,
    holder: &Holder<'_>,
    action: &Action,
    found: Granted,
) -> Result<Option<Document>, Unwritable> {
    let wanted = wanted(action, found);
    let access = holder.rules.level(wanted.access.as_deref());
    statements::write(before, of, holder, &access, &wanted.principals)
}

fn check_size(
    kind: ObjectKind,
    object: &Arn,
    before: &Document,
    after: Option<&Document>,
) -> Result<(), AwsError> {
    let rules = store::rules(kind);
    let most = rules.most;
    let limits = [
        ("bytes", Some(rules.size_max)),
        ("statements", most.map(|most| most.statements)),
        ("principals", most.map(|most| most.principals)),
    ];
    let (would, now) = (after.map(counts).unwrap_or_default(), counts(before));
    for ((what, most), (would, now)) in limits.into_iter().zip(would.into_iter().zip(now)) {
        // What is too large already may become smaller.
        if let Some(most) = most.filter(|most| would > now.max(*most)) {
            let message = format!(
                "the policy of {object} would have {would} {what}, and {most} are the most; share the {} with a unit or the organization in place of single accounts, or take out what is not needed",
                kind.noun()
            );
            return Err(not_sent(kind, message, Disposition::UserMustAct(Remedy::RaiseQuota)));
        }
    }
    Ok(())
}

/// The bytes, statements and principals of a policy.
fn counts(document: &Document) -> [usize; 3] {
    let statements = document.statements();
    let principals = statements.iter().map(|statement| statement.principals.named().len()).sum();
    [document.text().len(), statements.len(), principals]
}

/// What a part grants after a step.
fn wanted(action: &Action, found: Granted) -> Granted {
    let Granted { mut principals, mut access } = found;
    match action {
        Action::Delete => principals.clear(),
        Action::Disassociate(members) => principals.retain(|p| !members.principals.contains(p)),
        Action::Associate(members) => principals.extend(members.principals.iter().cloned()),
        Action::Create(create) => {
            principals.extend(create.members.principals.iter().cloned());
            access = create.permissions.values().next().cloned();
        }
        Action::SetPermission(to) => access.clone_from(&to.arn),
        Action::Update { .. } | Action::Tag(_) | Action::Untag(_) => {}
    }
    Granted { principals, access }
}
