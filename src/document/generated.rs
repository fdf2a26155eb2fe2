//! What a statement that we make never grants.

use serde_json::Value;

use super::{Conditions, Effect, Grantee, Malformed, Named, Statement, Understood};

/// Why a statement that was made here must not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsafe {
    /// It is no statement.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It denies: a denial can lock the owner out.
    #[error("it denies")]
    Denies,
    /// It has an element that names what is left out, or one that IAM does not know.
    #[error("it has the element {0}")]
    Element(String),
    /// It is open to everyone, or to a principal that may be anyone.
    #[error("it grants to everyone without a condition of an organization")]
    Everyone,
    /// An action gives away the resource itself: its policy, its life, or the making of grants.
    #[error("the action {0} is or includes administration of policies, deletion or the making of grants")]
    Action(String),
}

/// Actions of policy administration, deletion and grant management, by service and name, in lower case.
///
/// The service `*` is every service. In a name `*` stands for any characters; it begins no name, so that `s3:Get*` is not
/// taken for one of these. The names are those of the services' operations; that none is missing is \[X\], hence the
/// broad forms. `s3:DeleteObject` is among them.
const FORBIDDEN: [(&str, &str); 26] = [
    // Policies and what stands for one: ACLs, labels, the attributes that hold a policy.
    ("*", "put*policy*"),
    ("*", "set*policy*"),
    ("*", "update*policy*"),
    ("*", "create*policy*"),
    ("*", "attach*policy*"),
    ("*", "detach*policy*"),
    ("*", "add*permission*"),
    ("*", "remove*permission*"),
    ("*", "modify*permission*"),
    ("*", "put*acl"),
    ("*", "put*publicaccessblock*"),
    ("s3", "put*ownershipcontrols"),
    ("s3", "put*accessgrant*"),
    ("s3", "create*accessgrant*"),
    ("sns", "settopicattributes"),
    ("sqs", "setqueueattributes"),
    // Deletion, at once or later.
    ("*", "delete*"),
    ("*", "batchdelete*"),
    ("*", "purge*"),
    ("*", "schedule*deletion"),
    ("s3", "replicatedelete"),
    ("s3", "putlifecycleconfiguration"),
    ("s3", "bypassgovernanceretention"),
    // Grants.
    ("*", "creategrant*"),
    ("*", "revokegrant*"),
    ("*", "retiregrant*"),
];

/// To take a message out of a queue once it is dealt with is what queues are for; it deletes nothing else.
const DELETE_MESSAGE: &str = "sqs:deletemessage";

/// The other exception: a grant for an AWS service, which attaching a shared encrypted volume needs (EBS user guide,
/// share-kms-key).
const CREATE_GRANT: &str = "kms:creategrant";

/// Holds a statement that was made here against what such a statement never grants.
///
/// # Errors
/// [`Unsafe`], the first that is found. A plan with such a statement is a bug and must not be carried out.
pub fn check(statement: &Value) -> Result<(), Unsafe> {
    let statement = Statement::of(statement)?;
    if statement.effect == Effect::Deny {
        return Err(Unsafe::Denies);
    }
    if let Some(element) = strange_element(&statement) {
        return Err(Unsafe::Element(element));
    }
    let conditions = Conditions::of(&statement);
    check_principals(&statement, &conditions)?;
    let for_service = conditions.understood.contains(&Understood::GrantForAwsResource);
    let mut actions = statement.actions.named().iter();
    match actions.find(|action| is_forbidden(&action.to_ascii_lowercase(), for_service)) {
        Some(action) => Err(Unsafe::Action(action.clone())),
        None => Ok(()),
    }
}

/// An element that widens by what it leaves out, or whose meaning is not known.
fn strange_element(statement: &Statement) -> Option<String> {
    let not = [
        ("NotPrincipal", matches!(statement.principals, Named::AllBut(_))),
        ("NotAction", matches!(statement.actions, Named::AllBut(_))),
        ("NotResource", matches!(statement.resources, Some(Named::AllBut(_)))),
    ];
    let not = not.into_iter().find(|(_, is_there)| *is_there).map(|(name, _)| name.to_owned());
    not.or_else(|| statement.others.keys().next().cloned())
}

fn check_principals(statement: &Statement, conditions: &Conditions) -> Result<(), Unsafe> {
    let mut open = statement.principals.named().iter().map(|p| match p.grantee() {
        Ok(Grantee::Everyone) => !conditions.are_of_organization(),
        Ok(_) => false,
        Err(_) => true,
    });
    if open.any(|open| open) { Err(Unsafe::Everyone) } else { Ok(()) }
}

/// Whether an action, in lower case, can be one of the forbidden. One that does not name its service, or is no name at
/// all, can be anything.
fn is_forbidden(action: &str, for_service: bool) -> bool {
    if action == DELETE_MESSAGE || action == CREATE_GRANT && for_service {
        return false;
    }
    let Some((service, name)) = action.split_once(':') else { return true };
    let is_word = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !is_word(service) || !is_word(&name.replace(['*', '?'], "")) {
        return true;
    }
    let includes =
        |(of, forbidden): &(&str, &str)| (*of == "*" || *of == service) && overlap(name, forbidden);
    FORBIDDEN.iter().any(includes)
}

/// Whether some text matches both patterns, in which `*` stands for any characters and `?` for one.
fn overlap(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    // For each length of `b`'s beginning: whether it overlaps with what was read of `a`.
    let mut row: Vec<bool> = vec![true];
    row.extend(b.iter().scan(true, |all, byte| {
        *all &= *byte == b'*';
        Some(*all)
    }));
    for x in a {
        let mut next = vec![*x == b'*' && row.first().copied().unwrap_or_default()];
        for (y, above) in b.iter().zip(row.windows(2)) {
            let left = next.last().copied().unwrap_or_default();
            let (corner, above) = (above.first() == Some(&true), above.last() == Some(&true));
            let one = *x == b'?' || *y == b'?' || x == y;
            next.push(match (*x, *y) {
                (b'*', _) | (_, b'*') => corner || above || left,
                _ => corner && one,
            });
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
