//! Which service keeps the policy of an object.

use std::collections::BTreeSet;

use crate::{
    aws::{calls::Leave, errors::AwsError, session::CellClients},
    mechanism::{
        key,
        resource_policy::{Obstacle, queue, repository, secret, topic},
        statements::Rules,
    },
    model::{Arn, ObjectKind},
};

/// What is fixed of the policies of a kind of object.
pub fn rules(kind: ObjectKind) -> &'static Rules {
    match kind {
        ObjectKind::Key => &key::RULES,
        ObjectKind::Secret => &secret::RULES,
        ObjectKind::Repository => &repository::RULES,
        ObjectKind::Queue => &queue::RULES,
        ObjectKind::Topic => &topic::RULES,
    }
}

/// AWS's name of the operation that replaces a policy.
pub fn write_name(kind: ObjectKind) -> &'static str {
    let action = kind.write_action();
    action.split_once(':').map_or(action, |(_, name)| name)
}

/// All objects of a kind in the cell.
///
/// # Errors
/// As AWS answers.
pub async fn all(clients: &CellClients, kind: ObjectKind) -> Result<BTreeSet<Arn>, AwsError> {
    match kind {
        ObjectKind::Key => key::all(clients).await,
        ObjectKind::Secret => secret::all(clients).await,
        ObjectKind::Repository => repository::all(clients).await,
        ObjectKind::Queue => queue::all(clients).await,
        ObjectKind::Topic => topic::all(clients).await,
    }
}

/// The text of an object's policy; none if it has none.
///
/// # Errors
/// As AWS answers: of an object that is not there, [`crate::aws::errors::Replan::UnknownResource`].
pub async fn read(clients: &CellClients, object: &Arn, kind: ObjectKind) -> Result<Option<String>, AwsError> {
    match kind {
        ObjectKind::Key => key::read(clients, object).await.map(Some),
        ObjectKind::Secret => secret::read(clients, object).await,
        ObjectKind::Repository => repository::read(clients, object).await,
        ObjectKind::Queue => queue::read(clients, object).await,
        ObjectKind::Topic => topic::read(clients, object).await.map(Some),
    }
}

/// Why nobody elsewhere could be let in to an object; none if nothing is in the way.
///
/// # Errors
/// As AWS answers.
pub async fn obstacle(
    clients: &CellClients,
    object: &Arn,
    kind: ObjectKind,
) -> Result<Option<Obstacle>, AwsError> {
    match kind {
        ObjectKind::Secret => secret::obstacle(clients, object).await,
        ObjectKind::Queue => queue::obstacle(clients, object).await,
        // A key that AWS manages refuses another policy itself; ECR decrypts for whoever may pull, SNS for whoever subscribes.
        ObjectKind::Key | ObjectKind::Repository | ObjectKind::Topic => Ok(None),
    }
}

/// Replaces an object's policy, or takes it away: which is refused for a key and a topic, which cannot be without one. `widens`: that
/// lets somebody in.
///
/// # Errors
/// As AWS answers.
pub async fn put(
    clients: &CellClients,
    leave: &Leave,
    object: &Arn,
    kind: ObjectKind,
    text: Option<&str>,
    widens: bool,
) -> Result<(), AwsError> {
    match kind {
        ObjectKind::Key => key::put(clients, leave, object, text.unwrap_or_default()).await,
        ObjectKind::Secret => secret::put(clients, leave, object, text, widens).await,
        ObjectKind::Repository => repository::put(clients, leave, object, text).await,
        ObjectKind::Queue => queue::put(clients, leave, object, text).await,
        ObjectKind::Topic => topic::put(clients, leave, object, text.unwrap_or_default()).await,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::{aws::operations::Operation, document::check_generated, model::resource_type::READ_WRITE};

    /// What all kinds have in common: access is what may be granted, reading is the least, and the write is one that is called.
    #[test]
    fn access_to_each_kind_is_safe_and_reading_is_the_least() {
        for kind in ObjectKind::ALL {
            let rules = rules(kind);
            let levels = [rules.level(None), rules.level(Some(READ_WRITE))];
            let service = kind.write_action().split(':').next().unwrap();
            for access in levels {
                let made = json!({"Sid": "SharekeeperXaXbXcXA", "Effect": "Allow", "Action": access.actions,
                    "Principal": {"AWS": "arn:aws:iam::222233334444:root"}});
                assert_eq!(check_generated(&made), Ok(()), "{kind:?} {}", access.name);
                let foreign = access.actions.iter().find(|action| action.split(':').next() != Some(service));
                assert_eq!(foreign, None, "{kind:?}");
            }
            let [least, more] = levels.map(|access| access.actions.iter().collect::<BTreeSet<_>>());
            assert!(least.is_subset(&more) && least != more, "{kind:?}");
            let write = Operation::named(write_name(kind)).map(|operation| operation.action());
            assert_eq!(write.as_deref(), Some(kind.write_action()));
        }
        // AddPermission [D]: "a maximum of seven actions per statement".
        assert!(rules(ObjectKind::Queue).read_write.len() <= 7);
    }
}
