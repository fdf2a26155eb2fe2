//! Secrets, repositories, queues and topics, and what happens to them outside of the calls here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::holder::Holder;
use super::{Dialect, splice};
use crate::aws::caller::partition;
use crate::aws::sns;
use crate::aws::world::World;

/// What an object is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ObjectKind {
    /// Of Secrets Manager.
    #[default]
    Secret,
    /// Of ECR.
    Repository,
    /// Of SQS.
    Queue,
    /// Of SNS.
    Topic,
}

/// An object to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NewObject {
    /// What it is.
    pub kind: ObjectKind,
    /// Account that owns it.
    pub account: String,
    /// Region that it is in.
    pub region: String,
    /// Its name, such as `team/app`.
    pub name: String,
    /// A secret's six characters after its name in the ARN; absent: they are drawn.
    pub suffix: Option<String>,
    /// Its policy, kept without any check, as policies of former years are; absent: it has none, a topic SNS's own.
    pub policy: Option<String>,
    /// ARN of the customer's KMS key that a secret, queue or topic is encrypted with; absent: the service's own.
    pub key: Option<String>,
    /// The region of the secret that this one is a replica of; absent: it is none.
    pub primary: Option<String>,
}

/// A secret, a repository, a queue or a topic.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) kind: ObjectKind,
    pub(crate) name: String,
    pub(crate) holder: Holder,
    pub(crate) key: Option<String>,
    pub(crate) created_at: f64,
    /// Of a replica: the region of its primary.
    pub(crate) primary: Option<String>,
    /// When a secret is to be deleted, while it is marked for that.
    pub(crate) deletion_at: Option<f64>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Objects {
    /// Those of one kind, region and account are neighbours.
    pub(crate) by_arn: BTreeMap<String, Object>,
}

impl Objects {
    /// Those of one kind in an account and region.
    pub(crate) fn of<'a>(
        &'a self,
        kind: ObjectKind,
        account: &'a str,
        region: &'a str,
    ) -> impl Iterator<Item = &'a Object> {
        self.by_arn.values().filter(move |object| object.is_of(kind, account, region))
    }

    /// The one of them that is wanted.
    pub(crate) fn find(
        &self,
        kind: ObjectKind,
        (account, region): (&str, &str),
        is_wanted: impl Fn(&Object) -> bool,
    ) -> Option<&Object> {
        self.by_arn.values().find(|object| object.is_of(kind, account, region) && is_wanted(object))
    }
}

impl Object {
    fn is_of(&self, kind: ObjectKind, account: &str, region: &str) -> bool {
        self.kind == kind && self.holder.account == account && self.holder.region == region
    }
}

impl ObjectKind {
    fn dialect(self) -> &'static Dialect {
        match self {
            Self::Secret => &crate::aws::secrets::DIALECT,
            Self::Repository => &crate::aws::ecr::DIALECT,
            Self::Queue => &crate::aws::sqs::DIALECT,
            Self::Topic => &crate::aws::sns::DIALECT,
        }
    }
}

impl World {
    /// Makes a secret, repository, queue or topic; answers its ARN. One of the same ARN is replaced.
    pub fn add_object(&mut self, new: NewObject) -> String {
        let resource = match new.kind {
            ObjectKind::Secret => {
                let suffix = new.suffix.unwrap_or_else(|| self.rng.letters(6));
                format!("secret:{}-{suffix}", new.name)
            }
            ObjectKind::Repository => format!("repository/{}", new.name),
            ObjectKind::Queue | ObjectKind::Topic => new.name.clone(),
        };
        let dialect = new.kind.dialect();
        let (partition, service) = (partition(&new.region), dialect.service);
        let arn = format!("arn:{partition}:{service}:{}:{}:{resource}", new.region, new.account);
        let default = (new.kind == ObjectKind::Topic).then(|| sns::default_policy(&arn, &new.account));
        let holder = Holder {
            dialect,
            arn: arn.clone(),
            account: new.account,
            region: new.region,
            policy: new.policy.or(default),
            former: Vec::new(),
        };
        let object = Object {
            kind: new.kind,
            name: new.name,
            holder,
            key: new.key,
            created_at: self.now,
            primary: new.primary,
            deletion_at: None,
        };
        self.objects.by_arn.insert(arn.clone(), object);
        arn
    }

    /// A secret, repository, queue or topic is gone, with its policy.
    pub fn delete_object(&mut self, arn: &str) {
        self.objects.by_arn.remove(arn);
    }

    /// A role is deleted: policies that name it as a principal show its unique id (`AROA…`) from now on, and a new role of
    /// the same name is another principal (premiumsupport kms-policy-error-invalid-principals \[D] for users and keys; that
    /// it is so on other objects, and that the rest of the text stays as it is \[X]).
    pub(crate) fn forget_role_in_policies(&mut self, account: &str, name: &str) {
        let names_it = |text: &str| {
            let mut parts = text.splitn(6, ':');
            parts.nth(2) == Some("iam")
                && parts.nth(1) == Some(account)
                && parts.next().and_then(|rest| rest.strip_prefix("role/")) == Some(name)
        };
        let named = |holder: &Holder| {
            splice::principals(holder.text()).iter().any(|(_, principal)| names_it(principal))
        };
        // Nothing is drawn for roles that no policy knows: worlds without such stay the worlds they were.
        if !self.holders().any(named) {
            return;
        }
        let id = format!("AROA{}", self.rng.letters(17).to_uppercase());
        let (now, horizon) = (self.now, self.weather.lags.policy.horizon());
        for holder in self.holders_mut() {
            let changed = splice::replace(holder.text(), |principal| names_it(principal).then(|| id.clone()));
            if changed != holder.text() {
                holder.replace_policy(now, Some(changed), horizon);
            }
        }
    }
}
