//! A team with a namespace, a policy and resources that no other scenario touches.

use std::{collections::BTreeSet, sync::Arc};

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use sharekeeper::{
    api::{Share, UndeclaredShare, conditions, share_status::Side},
    model::Mark,
};
use simulator::aws::{example, journal::Entry};

use super::stage::Stage;

/// A consumer, by name and id.
pub(crate) const DATA: (&str, &str) = ("data-prod", example::DATA_PROD);
/// Another consumer.
pub(crate) const WEB: (&str, &str) = ("web-prod", "222233335555");

/// A team.
pub(crate) struct Team {
    pub(crate) stage: Arc<Stage>,
    pub(crate) namespace: String,
}

impl Team {
    /// Makes its namespace, and a policy under which it may share subnets with `Root/Workloads`.
    pub(crate) async fn open(stage: &Arc<Stage>, namespace: &str) -> Self {
        Self::open_with(stage, namespace, &json!({})).await
    }

    /// The same, with more in the policy's `allow`.
    pub(crate) async fn open_with(stage: &Arc<Stage>, namespace: &str, allow: &Value) -> Self {
        let object: Namespace = serde_json::from_value(json!({"metadata": {"name": namespace}})).unwrap();
        let namespaces: Api<Namespace> = Api::all(stage.client.clone());
        namespaces.create(&PostParams::default(), &object).await.unwrap();
        stage.allow(namespace, allow).await;
        Self { stage: Arc::clone(stage), namespace: namespace.to_owned() }
    }

    /// A subnet that AWS knows and that is only this team's, by number.
    pub(crate) fn subnet(&self, number: usize) -> String {
        let own: u64 = self.namespace.bytes().fold(7, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
        let id = format!("{:013x}{number:04x}", own & 0x000f_ffff_ffff_ffff);
        let arn = format!("arn:aws:ec2:{}:{}:subnet/subnet-{id}", example::REGION, example::NETWORK_PROD);
        self.stage.aws.world().add_resource(&arn);
        arn
    }

    /// Applies a Share of the first subnet, with what else the spec says.
    pub(crate) async fn share(&self, name: &str, spec: Value) -> Share {
        let mut full = json!({
            "account": "network-prod", "region": example::REGION, "resources": [{"arn": self.subnet(0)}],
        });
        full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        self.stage.apply(Some(&self.namespace), name, full).await
    }

    /// The team's Shares.
    pub(crate) fn shares(&self) -> Api<Share> {
        Api::namespaced(self.stage.client.clone(), &self.namespace)
    }

    /// A Share as it is now.
    pub(crate) async fn now(&self, name: &str) -> Option<Share> {
        self.shares().get_opt(name).await.ok().flatten()
    }

    /// Waits until a condition of a Share, about its spec as it is now, has this status and reason.
    pub(crate) async fn until(&self, name: &str, type_: &str, status: &str, reason: &str) -> Share {
        let what = format!("{}/{name} {type_}={status} {reason}", self.namespace);
        let asked = async || {
            let share = self.now(name).await?;
            let found = conditions::find(&share.status.as_ref()?.conditions, type_)?;
            let current = found.observed_generation == share.metadata.generation;
            (current && found.status == status && found.reason == reason).then(|| share.clone())
        };
        self.stage.until(&what, asked).await
    }

    /// Waits until all that a Share declares is in force.
    pub(crate) async fn until_ready(&self, name: &str) -> Share {
        self.until(name, "Ready", "True", "InForce").await
    }

    /// Deletes a Share and waits until it is gone.
    pub(crate) async fn delete(&self, name: &str) {
        let uid = self.now(name).await.unwrap().uid();
        self.shares().delete(name, &DeleteParams::default()).await.unwrap();
        let gone = async || {
            let there = self.shares().get_opt(name).await.ok()?;
            (there.and_then(|share| share.uid()) != uid).then_some(())
        };
        self.stage.until(&format!("{}/{name} is gone", self.namespace), gone).await;
    }

    /// Sets an annotation of a Share.
    pub(crate) async fn annotate(&self, name: &str, annotation: &str, value: &str) {
        let patch = json!({"metadata": {"annotations": {annotation: value}}});
        self.shares().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// Who is let in to the team's subnet of this number now.
    pub(crate) fn let_in(&self, number: usize) -> BTreeSet<String> {
        let (subnet, now) = (self.subnet(number), self.stage.aws.now());
        let grants = self.stage.aws.world().truth(now);
        grants.into_iter().filter(|grant| grant.resource == subnet).map(|grant| grant.principal).collect()
    }

    /// Waits until just these are let in.
    pub(crate) async fn until_let_in(&self, number: usize, who: &[&str]) {
        let wanted: BTreeSet<String> = who.iter().map(|id| (*id).to_owned()).collect();
        let what = format!("{who:?} are let in to {}", self.subnet(number));
        let stand = || format!("let in are {:?}", self.let_in(number));
        self.stage.until_as(&what, stand, async || (self.let_in(number) == wanted).then_some(())).await;
    }

    /// The RAM shares that bear the mark of one of the team's Shares and are not deleted.
    pub(crate) fn in_aws(&self, name: &str) -> Vec<Value> {
        let answer =
            self.stage.by_hand("GetResourceShares", json!({"resourceOwner": "SELF", "maxResults": 500}));
        let marked = |share: &&Value| {
            let tags = share["tags"].as_array().into_iter().flatten();
            let text = |tag: &Value, word: &str| tag[word].as_str().unwrap_or_default().to_owned();
            let mark = Mark::from_tags(&tags.map(|tag| (text(tag, "key"), text(tag, "value"))).collect());
            mark.is_some_and(|m| m.share.namespace == self.namespace && m.share.name == name)
        };
        let lives = |share: &&Value| share["status"] != "DELETED" && share["status"] != "DELETING";
        let shares = answer["resourceShares"].as_array().unwrap();
        shares.iter().filter(marked).filter(lives).cloned().collect()
    }

    /// The writes that controllers asked of AWS about one RAM share.
    pub(crate) fn writes_to(&self, arn: &str) -> Vec<Entry> {
        let about = |entry: &Entry| entry.params.to_string().contains(arn);
        self.stage.writes().into_iter().filter(about).collect()
    }

    /// The record of a RAM share that nobody declares, once there is one.
    pub(crate) async fn until_recorded(&self, arn: &str) -> UndeclaredShare {
        let records: Api<UndeclaredShare> = Api::all(self.stage.client.clone());
        let asked = async || {
            let all = records.list(&kube::api::ListParams::default()).await.ok()?;
            all.items.into_iter().find(|record| record.status.as_ref().is_some_and(|s| s.id == arn))
        };
        self.stage.until(&format!("an UndeclaredShare of {arn}"), asked).await
    }
}

/// The ARN of a Share's inner RAM share, as its status says.
pub(crate) fn container(share: &Share) -> String {
    let status = share.status.as_ref().expect("it has a status");
    let inner = status.containers.iter().find(|container| container.side == Some(Side::Inner));
    inner.and_then(|container| container.id.clone()).expect("its status names its container")
}

/// Targets that are accounts, by name.
pub(crate) fn accounts(names: &[(&str, &str)]) -> Value {
    names.iter().map(|(name, _)| json!({"account": name})).collect()
}
