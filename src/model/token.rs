//! Client tokens: what makes a repeated AWS write one write (ram.md §1.2; the SDK fills none by itself).

use super::{Digest, Side};

/// The token of a create: one per life of a Share, side and incarnation, whatever is in the request. A retry after a
/// crash replays the first answer; a changed request is refused by AWS (`IdempotentParameterMismatch`) rather than
/// making a second container.
pub fn create(share_uid: &str, side: Side, incarnation: i64) -> String {
    sized(&["create", share_uid, side.as_str(), &incarnation.to_string()])
}

/// The token of a change to an existing container: the same for the same operation and parameters planned on the same
/// observation (`basis`), so that a repeat replays, and another as soon as a read shows the container changed or
/// contradicts the last result (`attempt`).
pub fn change(arn: &str, operation: &str, parameters: &[String], basis: &Digest, attempt: u32) -> String {
    let mut parts = vec!["change", arn, operation, basis.as_str()];
    let attempt = attempt.to_string();
    parts.push(&attempt);
    parts.extend(parameters.iter().map(String::as_str));
    sized(&parts)
}

fn sized(parts: &[&str]) -> String {
    format!("sharekeeper-{}{}", Digest::of(parts), Digest::of(parts.iter().rev()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_create_token_depends_on_life_side_and_incarnation_only() {
        let token = create("uid", Side::Inner, 1);
        assert_eq!(token, create("uid", Side::Inner, 1));
        for other in
            [create("uid2", Side::Inner, 1), create("uid", Side::Outer, 1), create("uid", Side::Inner, 2)]
        {
            assert_ne!(token, other);
        }
        assert!(token.len() <= 64 && token.is_ascii());
    }

    #[test]
    fn a_change_token_moves_with_basis_and_attempt() {
        let basis = Digest::of(["state"]);
        let token = change("arn", "associate", &["p".into()], &basis, 0);
        assert_eq!(token, change("arn", "associate", &["p".into()], &basis, 0));
        assert_ne!(token, change("arn", "associate", &["p".into()], &basis, 1));
        assert_ne!(token, change("arn", "associate", &["p".into()], &Digest::of(["later"]), 0));
    }
}
