//! Where a world plays: AWS and a cluster in memory, and what people do there.

use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use sharekeeper::api::{self, AccountRegion, Share};
use simulator::{
    aws::{Caller, Clock, Net, action::Action, truth::LiveShare},
    kube::{Cluster, GroupResource, Shared, tokio_clock},
};

use crate::{
    oracle::{is_outer, marked_for},
    plan::Removal,
    scene::{self, EPOCH, NAMESPACE, OWNER, PARTNER, REGION},
    trace::Trace,
};

/// A cluster that has the kinds: as much work as a small world, so it is made once.
pub fn cluster() -> Cluster {
    let crds: Vec<Value> = api::crds().iter().map(|crd| serde_json::to_value(crd).unwrap()).collect();
    Cluster::new(0, Timestamp::from_second(EPOCH).unwrap(), &crds).unwrap()
}

/// AWS, a cluster, and a person's access to both; cheap to clone.
#[derive(Clone)]
pub struct Stage {
    pub aws: Net,
    pub kube: Shared,
    pub trace: Trace,
    person: Client,
}

impl Stage {
    /// With all objects but Shares, in a cluster that has the kinds.
    pub fn new(seed: u64, mut cluster: Cluster, removal: Option<Removal>) -> Self {
        let aws = Net::new(scene::organization(seed), Clock::starting_at(EPOCH as f64));
        cluster.reseed(seed);
        let kube = Shared::new(cluster, tokio_clock(Timestamp::from_second(EPOCH).unwrap()));
        let person = kube.client("person");
        let stage = Self { aws, kube, trace: Trace::new(), person };
        scene::objects(&stage.organization(), removal).iter().for_each(|object| stage.apply(object).unwrap());
        stage
    }

    /// Seconds from the start.
    pub fn elapsed(&self) -> f64 {
        self.aws.now() - EPOCH as f64
    }

    /// The organization's id.
    pub fn organization(&self) -> String {
        self.aws.world().directory().organizations.keys().next().cloned().unwrap()
    }

    /// The principal that stands for a unit.
    pub fn unit(&self, path: &str) -> String {
        let world = self.aws.world();
        let organization = world.directory().organizations.values().next().unwrap();
        organization.unit_arn(&organization.find(path).unwrap())
    }

    /// Applies an object as a person does; an error is the apiserver's refusal.
    pub fn apply(&self, object: &Value) -> Result<(), String> {
        let now = self.kube.now();
        let applied = self.kube.with(|cluster| cluster.apply(now, object));
        applied.map(drop).map_err(|refusal| refusal.message)
    }

    /// Deletes a Share as a person does.
    pub async fn delete(&self, share: &str) {
        // One that is gone already is deleted.
        let _gone = self.shares().delete(share, &DeleteParams::default()).await;
    }

    /// Asks for a reading of a Share at once.
    pub async fn request(&self, share: &str, word: &str) {
        let patch = json!({"metadata": {"annotations": {"sharekeeper.dev/requestedAt": word}}});
        // One that is gone has nothing to be read.
        let _gone = self.shares().patch(share, &PatchParams::default(), &Patch::Merge(patch)).await;
    }

    fn shares(&self) -> Api<Share> {
        Api::namespaced(self.person.clone(), NAMESPACE)
    }

    /// A Share as it is stored.
    pub fn share(&self, name: &str) -> Option<Value> {
        self.kube
            .with(|cluster| cluster.object(&GroupResource::new("sharekeeper.dev", "shares"), NAMESPACE, name))
    }

    /// All objects of a kind of ours as they are stored.
    pub fn all(&self, plural: &str) -> Vec<Value> {
        self.kube.with(|cluster| cluster.objects(&GroupResource::new("sharekeeper.dev", plural)))
    }

    /// A person releases all removals that wait for one; says in how many cells.
    pub async fn approve(&self) -> usize {
        let cells: Api<AccountRegion> = Api::all(self.person.clone());
        let mut approved = 0;
        for cell in self.all("accountregions") {
            let (name, digest) = (&cell["metadata"]["name"], &cell["status"]["held"]["digest"]);
            let (Some(name), Some(digest)) = (name.as_str(), digest.as_str()) else { continue };
            let patch = json!({"metadata": {"annotations": {"sharekeeper.dev/approve": digest}}});
            if cell["metadata"]["annotations"]["sharekeeper.dev/approve"] != digest {
                // One that is gone holds nothing any more.
                let _gone = cells.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
                approved += 1;
            }
        }
        approved
    }

    /// The live container of a Share.
    pub fn container(&self, share: &str, outer: bool) -> Option<LiveShare> {
        let live = self.aws.world().live_shares(self.aws.now());
        live.into_iter()
            .find(|found| marked_for(found).is_some_and(|of| of == share) && is_outer(found) == outer)
    }

    /// Something happens in AWS; false: AWS refuses it.
    pub fn act(&self, action: Action) -> bool {
        self.aws.world().act(action).is_ok()
    }

    /// A person of the owning account calls RAM; none: it is refused.
    pub fn by_hand(&self, operation: &str, params: &Value) -> Option<Value> {
        self.aws.world().call(&Caller::administrator(OWNER, REGION), "ram", operation, params).ok()
    }

    /// The partner accepts what it is invited to; says how much that was.
    pub fn accept_invitations(&self) -> usize {
        let partner = Caller::administrator(PARTNER, REGION);
        let mut world = self.aws.world();
        let received =
            world.call(&partner, "ram", "GetResourceShareInvitations", &json!({"maxResults": 500}));
        let received = received.map(|answer| answer["resourceShareInvitations"].clone()).unwrap_or_default();
        let pending = received.as_array().into_iter().flatten().filter(|one| one["status"] == "PENDING");
        pending
            .filter(|one| {
                let params = json!({"resourceShareInvitationArn": one["resourceShareInvitationArn"]});
                world.call(&partner, "ram", "AcceptResourceShareInvitation", &params).is_ok()
            })
            .count()
    }

    /// The controllers' writes to the cluster so far, leases apart.
    pub fn kube_writes(&self) -> Vec<String> {
        self.kube.with(|cluster| {
            let entries = cluster.journal.entries().iter();
            let writes =
                entries.filter(|e| e.user.starts_with("controller-") && e.writes() && e.resource != "leases");
            writes
                .map(|e| format!("{} {}/{} {}", e.verb.as_str(), e.resource, e.subresource, e.name))
                .collect()
        })
    }

    /// A person of the owning account replaces an object's policy by what he makes of its statements; false: it is refused.
    pub fn edit_policy(&self, object: &str, edit: impl FnOnce(Vec<Value>) -> Vec<Value>) -> bool {
        let statements = edit(self.statements(object));
        let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let (service, operation, params) = match object {
            scene::KEY => {
                ("kms", "PutKeyPolicy", json!({"KeyId": object, "PolicyName": "default", "Policy": policy}))
            }
            _ if statements.is_empty() => {
                ("secretsmanager", "DeleteResourcePolicy", json!({"SecretId": object}))
            }
            _ => {
                let params = json!({"SecretId": object, "ResourcePolicy": policy});
                ("secretsmanager", "PutResourcePolicy", params)
            }
        };
        self.aws.world().call(&Caller::administrator(OWNER, REGION), service, operation, &params).is_ok()
    }

    /// The statements of an object's policy.
    pub fn statements(&self, object: &str) -> Vec<Value> {
        let world = self.aws.world();
        let Some(policy) = world.object_policy(object) else { return vec![] };
        let mut policy: Value = serde_json::from_str(policy).unwrap();
        match policy["Statement"].take() {
            Value::Array(statements) => statements,
            one => vec![one],
        }
    }

    /// The writes so far that had an effect on what is shared.
    pub fn aws_writes(&self) -> Vec<String> {
        let world = self.aws.world();
        let writes = world
            .journal()
            .writes()
            .filter(|entry| scene::SHARING.contains(&entry.service.as_str()) && entry.effect);
        writes.map(|entry| format!("{} {}", entry.operation, entry.params)).collect()
    }
}
