//! A Share's status, as a person reads it.

use serde_json::Value;

use crate::manifests::text;

/// A Share as the kube API shows it.
#[derive(Clone, Debug)]
pub(crate) struct Share(pub(crate) Value);

/// A condition of its status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition<'a> {
    /// `True`, `False`, `Unknown`; empty where there is no such condition.
    pub(crate) status: &'a str,
    /// One word.
    pub(crate) reason: &'a str,
    /// In words.
    pub(crate) message: &'a str,
}

impl Share {
    /// A condition that speaks of the spec as it is now; empty otherwise.
    pub(crate) fn condition(&self, type_: &str) -> Condition<'_> {
        let conditions = self.0.pointer("/status/conditions").and_then(Value::as_array);
        let current = |condition: &&Value| {
            let observed = condition.get("observedGeneration");
            text(condition, "/type") == type_
                && (observed.is_none() || observed == self.0.pointer("/metadata/generation"))
        };
        let Some(found) = conditions.into_iter().flatten().find(current) else { return Condition::default() };
        Condition {
            status: text(found, "/status"),
            reason: text(found, "/reason"),
            message: text(found, "/message"),
        }
    }

    /// Everything declared is in force, read back.
    pub(crate) fn is_in_force(&self) -> bool {
        self.condition("Ready").status == "True"
    }

    /// Policy forbids something in it.
    pub(crate) fn is_refused(&self) -> bool {
        self.condition("Ready").status == "False" && self.condition("Permitted").reason == "NotPermitted"
    }

    /// Somebody outside has an invitation that they have not accepted.
    pub(crate) fn is_invited(&self) -> bool {
        self.condition("Accepted").reason == "InvitationPending"
    }

    /// Somebody outside was invited, and nobody is waited for.
    pub(crate) fn is_accepted(&self) -> bool {
        self.condition("Accepted").status == "True"
    }

    /// Whether it declares somebody outside the organization.
    pub(crate) fn goes_outside(&self) -> bool {
        self.0.pointer("/spec/allowExternal") == Some(&Value::Bool(true))
    }

    /// In force of declared: `1/2` of `resources` or `principals`.
    pub(crate) fn tally(&self, of: &str) -> &str {
        text(&self.0, &format!("/status/counts/{of}/display"))
    }

    /// How many outside the organization have access or are being let in.
    pub(crate) fn external(&self) -> i64 {
        self.0.pointer("/status/counts/external").and_then(Value::as_i64).unwrap_or_default()
    }

    /// The ARN of its `inner` or `outer` RAM share.
    pub(crate) fn container(&self, side: &str) -> Option<&str> {
        let containers = self.0.pointer("/status/containers").and_then(Value::as_array);
        let found = containers.into_iter().flatten().find(|container| text(container, "/side") == side)?;
        found.get("id").and_then(Value::as_str)
    }

    /// The first resource that it declares.
    pub(crate) fn resource(&self) -> &str {
        text(&self.0, "/spec/resources/0/arn")
    }

    /// Its `status.drift` line about `what`, in words, if it was put right.
    pub(crate) fn corrected(&self, what: &str) -> Option<String> {
        let lines = self.0.pointer("/status/drift").and_then(Value::as_array);
        let about = |line: &&Value| text(line, "/what") == what && text(line, "/action") == "Corrected";
        let line = lines.into_iter().flatten().find(about)?;
        Some(format!("{what}: want {}, have {}: Corrected", text(line, "/want"), text(line, "/have")))
    }

    /// Its condition in one line.
    pub(crate) fn describe(&self) -> String {
        let Condition { status, reason, message } = self.condition("Ready");
        match status {
            "" => "nothing is said of it yet".to_owned(),
            _ => format!("Ready={status} {reason}: {message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn share(observed: i64) -> Share {
        Share(json!({
            "metadata": {"generation": 2},
            "status": {
                "conditions": [{"type": "Ready", "status": "True", "reason": "InForce", "observedGeneration": observed}],
                "drift": [
                    {"what": "name", "want": "a", "have": "b", "action": "Corrected"},
                    {"what": "tag x", "want": "1", "have": "2", "action": "Held"},
                ],
            },
        }))
    }

    #[test]
    fn a_condition_about_an_older_spec_says_nothing() {
        assert!(share(2).is_in_force());
        assert!(!share(1).is_in_force());
    }

    #[test]
    fn only_what_was_put_right_counts_as_corrected() {
        assert_eq!(share(2).corrected("name").as_deref(), Some("name: want a, have b: Corrected"));
        assert_eq!(share(2).corrected("tag x"), None);
        assert_eq!(share(2).corrected("tag y"), None);
    }
}
