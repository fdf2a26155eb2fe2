//! What a policy is on.

use super::dialect::Dialect;
use crate::aws::world::World;

/// An object as far as its policy goes.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(crate) dialect: &'static Dialect,
    pub(crate) arn: String,
    pub(crate) account: String,
    pub(crate) region: String,
    /// The document as it was last put, apart from principals that were deleted since.
    pub(crate) policy: Option<String>,
    /// (when it was left, the document): for readers who lag.
    pub(crate) former: Vec<(f64, Option<String>)>,
}

impl Holder {
    /// The policy as it is; blank where there is none.
    pub(crate) fn text(&self) -> &str {
        self.policy.as_deref().unwrap_or_default()
    }

    /// Puts another policy in place; readers who lag up to `horizon` seconds still find the old one.
    pub(crate) fn replace_policy(&mut self, now: f64, policy: Option<String>, horizon: f64) {
        self.former.retain(|(left, _)| *left + horizon > now);
        let old = std::mem::replace(&mut self.policy, policy);
        if horizon > 0.0 {
            self.former.push((now, old));
        }
    }

    /// The policy that a reader sees who is at `as_of`.
    pub(crate) fn policy_at(&self, as_of: f64) -> Option<&str> {
        let former = self.former.iter().find(|(left, _)| *left > as_of);
        former.map_or(self.policy.as_deref(), |(_, policy)| policy.as_deref())
    }
}

impl World {
    /// Everything that may have a policy.
    pub(super) fn holders(&self) -> impl Iterator<Item = &Holder> {
        let objects = self.objects.by_arn.values().map(|object| &object.holder);
        self.kms.keys.values().map(|key| &key.holder).chain(objects)
    }

    pub(super) fn holders_mut(&mut self) -> impl Iterator<Item = &mut Holder> {
        let objects = self.objects.by_arn.values_mut().map(|object| &mut object.holder);
        self.kms.keys.values_mut().map(|key| &mut key.holder).chain(objects)
    }

    pub(super) fn holder(&self, arn: &str) -> Option<&Holder> {
        let key = self.kms.keys.get(arn).map(|key| &key.holder);
        key.or_else(|| self.objects.by_arn.get(arn).map(|object| &object.holder))
    }

    fn holder_mut(&mut self, arn: &str) -> Option<&mut Holder> {
        let key = self.kms.keys.get_mut(arn).map(|key| &mut key.holder);
        key.or_else(|| self.objects.by_arn.get_mut(arn).map(|object| &mut object.holder))
    }

    /// The policy of a key, secret, repository, queue or topic as it is now, whatever lags readers have.
    pub fn object_policy(&self, arn: &str) -> Option<&str> {
        self.holder(arn).and_then(|holder| holder.policy.as_deref())
    }

    /// Puts a policy that was admitted in place, or takes it away. The last writer wins: none of the services has a version
    /// to compare (mechanisms.md sections 3.4 and 3.7).
    pub(crate) fn set_policy(&mut self, arn: &str, policy: Option<String>) {
        let (now, horizon) = (self.now, self.weather.lags.policy.horizon());
        if let Some(holder) = self.holder_mut(arn) {
            holder.replace_policy(now, policy, horizon);
        }
    }
}
