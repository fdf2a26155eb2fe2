//! Writes the policy of a key: read, change our statements, write.

use aws_sdk_kms::config::{Config, retry::RetryConfig};

use super::{ACCESS, POLICY_MAX, POLICY_NAME, Reach, observe};
use crate::{
    aws::{
        calls::Leave,
        errors::{AwsError, Disposition, Remedy, Wait},
    },
    document::Document,
    mechanism::{
        ram::failure,
        statements::{self, Access, Claimant, Granted},
    },
    model::{Part, resource_type::READ},
    plan::step::Action,
};

/// AWS's name of every write.
pub const OPERATION: &str = "PutKeyPolicy";

/// Carries out one step on a part of a key. Whoever calls sees to it that nobody else writes the same key meanwhile.
///
/// # Errors
/// As AWS answers, or why nothing was sent: the policy cannot be read, would be too large, or AWS shows one from before our
/// last write, so that other people's later statements might be lost with it.
pub async fn carry_out(hand: Reach<'_>, leave: &Leave, part: &Part, action: &Action) -> Result<(), AwsError> {
    let key = &part.object;
    let text = observe::read(hand.clients, key).await?;
    let refused =
        |what: String| AwsError::plain(OPERATION, what, Disposition::UserMustAct(Remedy::CorrectPolicy));
    let before = Document::parse(&text)
        .map_err(|malformed| refused(format!("the policy of {key} cannot be read: {malformed}")))?;
    if hand.written.is_past(key, &before, hand.now) {
        let message = format!(
            "AWS shows a policy of {key} from before the last write; it is written once that is over"
        );
        return Err(AwsError::plain(OPERATION, message, Disposition::Wait(Wait::PolicyToShow)));
    }
    let of = Claimant { installation: part.installation.clone(), share: part.share.clone() };
    let found = statements::read(&before, &hand.place, &ACCESS).remove(&of).unwrap_or_default();
    let (access, granted) = wanted(action, found);
    let after = statements::write(&before, &of, &hand.place, &access, &granted.principals)
        .map_err(|unwritable| refused(unwritable.to_string()))?;
    if after.text() == before.text() {
        return Ok(());
    }
    if after.text().len() > POLICY_MAX.max(before.text().len()) {
        let disposition = Disposition::UserMustAct(Remedy::RaiseQuota);
        return Err(AwsError::plain(
            OPERATION,
            format!(
                "the policy of {key} would have {} bytes, and {POLICY_MAX} are the most; share the key with a unit or the organization in place of single accounts, or take out what is not needed",
                after.text().len()
            ),
            disposition,
        ));
    }
    let request = hand.clients.kms.put_key_policy().key_id(key.as_str()).policy_name(POLICY_NAME);
    let request = request.policy(after.text()).bypass_policy_lockout_safety_check(false);
    // Sent once: what somebody writes before a repetition would be lost by it.
    let once = Config::builder().retry_config(RetryConfig::disabled());
    let sent = request.customize().config_override(once).send();
    let answer = hand.clients.calls.write(OPERATION, leave, sent).await.map(drop);
    match &answer {
        Ok(()) => hand.written.note(key, &before, &after, hand.now),
        Err(error) if failure::is_certain(&error.disposition) => {}
        Err(_) => hand.written.perhaps(key, &before, &after, hand.now),
    }
    answer
}

/// What a part grants after a step.
fn wanted(action: &Action, found: Granted) -> (Access, Granted) {
    let Granted { mut principals, access } = found;
    let mut level = access;
    match action {
        Action::Delete => principals.clear(),
        Action::Disassociate(members) => principals.retain(|p| !members.principals.contains(p)),
        Action::Associate(members) => principals.extend(members.principals.iter().cloned()),
        Action::Create(create) => {
            principals.extend(create.members.principals.iter().cloned());
            level = create.permissions.values().next().cloned();
        }
        Action::SetPermission(to) => level.clone_from(&to.arn),
        Action::Update { .. } | Action::Tag(_) | Action::Untag(_) => {}
    }
    let known = ACCESS.iter().find(|access| level.as_deref() == Some(access.name));
    let least = || ACCESS.iter().find(|access| access.name == READ);
    let access = known.or_else(least).copied().unwrap_or(ACCESS[0]);
    (access, Granted { principals, access: Some(access.name.to_owned()) })
}
