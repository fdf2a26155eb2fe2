//! Two controllers and one lease. The leader is frozen while a write of it is on the wire, and thawed when the other
//! leads.

use std::{collections::BTreeSet, sync::Arc};

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use kube::{Api, api::PostParams};
use serde_json::json;
use simulator::aws::{Stage as Moment, journal::Entry};

use super::{
    cluster::{User, chart},
    hold::Hold,
    process::Controller,
    rbac::is_write,
    stage::{Stage, of},
    team::{DATA, Team, WEB, accounts},
};

/// What is on the wire when the leader is frozen, and whether its effect is there already.
const ROUNDS: [(&str, Moment); 5] = [
    ("CreateResourceShare", Moment::Before),
    ("CreateResourceShare", Moment::After),
    ("AssociateResourceShare", Moment::Before),
    ("AssociateResourceShare", Moment::After),
    ("UpdateResourceShare", Moment::Before),
];

/// What a process logs when it has noticed that it does not lead any more.
const NOTICED: &str = "leadership is lost";

/// A replica, and whom it is to the API server: both may do the same, and the audit log tells them apart.
struct Replica {
    process: Arc<Controller>,
    user: User,
}

pub(crate) async fn a_frozen_leader_writes_no_more_once_it_has_noticed(stage: Arc<Stage>) {
    let team = Team::open(&stage, "leaders").await;
    team.share("hub", json!({"targets": accounts(&[DATA])})).await;
    team.until_ready("hub").await;
    let first = Arc::clone(stage.controllers().last().unwrap());
    let leader = Replica { process: first, user: chart::controller() };
    let standby = second(&stage).await;
    let mut replicas = [leader, standby];
    for (round, (operation, moment)) in ROUNDS.into_iter().enumerate() {
        let [leader, standby] = &replicas;
        freeze_and_thaw(&stage, &team, round, (operation, moment), leader, standby).await;
        replicas.reverse();
    }
    let (total, once) = containers(&team);
    assert_eq!(total, once, "each Share has one container");
}

/// A second replica under a service account of its own with the chart's roles.
async fn second(stage: &Stage) -> Replica {
    let subject = json!([{"kind": "ServiceAccount", "name": "second", "namespace": chart::NAMESPACE}]);
    let bind = |kind: &str, role: &str| {
        json!({
            "metadata": {"name": "second"}, "subjects": subject,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        })
    };
    let cluster: ClusterRoleBinding =
        serde_json::from_value(bind("ClusterRole", "sharekeeper-controller")).unwrap();
    let lease: RoleBinding = serde_json::from_value(bind("Role", "sharekeeper-lease")).unwrap();
    let params = PostParams::default();
    Api::all(stage.client.clone()).create(&params, &cluster).await.unwrap();
    Api::namespaced(stage.client.clone(), chart::NAMESPACE).create(&params, &lease).await.unwrap();
    let user = User::service_account(chart::NAMESPACE, "second");
    Replica { process: stage.start("second", &user), user }
}

async fn freeze_and_thaw(
    stage: &Stage,
    team: &Team,
    round: usize,
    (operation, moment): (&'static str, Moment),
    leader: &Replica,
    standby: &Replica,
) {
    until_leads(stage, &leader.process).await;
    let noticed = leader.process.said(NOTICED);
    let hold = Arc::new(Hold::next(operation, moment));
    stage.aws.set_checkpoint(Some(hold.clone()));
    give_work(team, round, operation).await;
    stage.until(&format!("{operation} is on the wire"), async || hold.has_one().then_some(())).await;
    leader.process.signal("STOP");

    until_leads(stage, &standby.process).await;
    let changed = changed_share(round, operation);
    team.until_ready(&changed).await;
    // What was on the wire all the time arrives now.
    hold.release();
    stage.aws.set_checkpoint(None);
    let thawed = stage.writes().len();
    leader.process.signal("CONT");
    let lost = async || (leader.process.said(NOTICED) > noticed).then_some(());
    stage.until(&format!("{} notices that it does not lead", leader.process.identity()), lost).await;
    let (written, audited) = (stage.writes().len(), stage.cluster.audit_events().len());

    team.share(&format!("after-{round}"), spec(team, 20 + round, &[DATA, WEB])).await;
    team.until_ready(&format!("after-{round}")).await;
    team.until_ready(&changed).await;

    let writes = stage.writes();
    let (early, late) = writes.split_at(written);
    let unsafe_ones: Vec<_> =
        of(leader.process.identity(), &early[thawed..]).filter(|entry| !is_safe_to_repeat(entry)).collect();
    assert!(unsafe_ones.is_empty(), "round {round}: {unsafe_ones:#?}");
    let late: Vec<_> = of(leader.process.identity(), late).collect();
    assert!(late.is_empty(), "round {round}, to AWS after it has noticed: {late:#?}");
    let events = stage.cluster.audit_events();
    let late = events.iter().skip(audited).filter(|event| event.user.username == leader.user.name());
    let late: Vec<_> = late.filter(|event| is_write(&event.verb)).collect();
    assert!(late.is_empty(), "round {round}, to the API server after it has noticed: {late:#?}");
}

/// Work whose plan has such an operation and takes nothing away: a new leader would wait with that.
async fn give_work(team: &Team, round: usize, operation: &str) {
    let name = changed_share(round, operation);
    let spec = match operation {
        "CreateResourceShare" => spec(team, round, &[DATA]),
        "AssociateResourceShare" => json!({"targets": accounts(&CONSUMERS[..=round])}),
        _ => json!({"targets": accounts(&CONSUMERS[..round]), "name": format!("renamed {round}")}),
    };
    team.share(&name, spec).await;
}

/// Consumers: the later the round, the more of them are let in.
const CONSUMERS: [(&str, &str); 4] =
    [DATA, WEB, ("data-test", "222233337777"), ("payments-prod", "222233336666")];

fn changed_share(round: usize, operation: &str) -> String {
    if operation == "CreateResourceShare" { format!("round-{round}") } else { "hub".to_owned() }
}

fn spec(team: &Team, subnet: usize, targets: &[(&str, &str)]) -> serde_json::Value {
    json!({"targets": accounts(targets), "resources": [{"arn": team.subnet(10 + subnet)}]})
}

async fn until_leads(stage: &Stage, controller: &Controller) {
    let leases: Api<Lease> = Api::namespaced(stage.client.clone(), chart::NAMESPACE);
    let leads = async || {
        let holder = leases.get_opt("sharekeeper").await.ok()??.spec?.holder_identity?;
        holder.starts_with(&format!("{}-", controller.identity())).then_some(())
    };
    stage.until(&format!("{} leads", controller.identity()), leads).await;
}

/// A repeated call changes nothing: it has a token, or says how things are to be rather than what is to change.
fn is_safe_to_repeat(entry: &Entry) -> bool {
    let has_token = entry.params["clientToken"].as_str().is_some_and(|token| !token.is_empty());
    has_token || ["TagResource", "UntagResource"].contains(&entry.operation.as_str())
}

/// How many RAM shares there are of the team's Shares, and of how many Shares.
fn containers(team: &Team) -> (usize, usize) {
    let created = (0..2).map(|round| format!("round-{round}"));
    let after = (0..ROUNDS.len()).map(|round| format!("after-{round}"));
    let names: BTreeSet<String> = created.chain(after).chain(["hub".to_owned()]).collect();
    (names.iter().map(|name| team.in_aws(name).len()).sum(), names.len())
}
