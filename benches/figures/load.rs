//! Organizations with many Shares to declare.

use serde_json::{Value, json};
use simulator::aws::{World, organizations::NewAccount, sts::Role};

/// An account that owns what is shared.
pub(crate) fn owner(n: usize) -> String {
    format!("6666000{n:05}")
}

/// An account that things are shared with.
pub(crate) fn consumer(n: usize) -> String {
    format!("5555000{n:05}")
}

/// A subnet of an owner.
pub(crate) fn subnet(owner: &str, share: usize, n: usize) -> String {
    format!("arn:aws:ec2:eu-west-1:{owner}:subnet/subnet-{share:08x}{n:09x}")
}

/// Accounts in `Root/Workloads/Prod` of an organization, each with the controller's role.
pub(crate) fn add_accounts(world: &mut World, ids: impl IntoIterator<Item = String>) {
    let id = world.directory().organizations.keys().next().unwrap().clone();
    let unit = world.directory().organizations[&id].find("Root/Workloads/Prod").unwrap();
    for account in ids {
        world.add_account(NewAccount {
            id: account.clone(),
            name: format!("load-{account}"),
            tags: std::collections::BTreeMap::default(),
        });
        world.join_organization(&account, &id);
        world.move_account(&account, &unit).unwrap();
        world.put_role(&account, simulator::aws::example::ROLE, role());
    }
}

fn role() -> Role {
    use simulator::aws::example::{EXTERNAL_ID, MANAGEMENT};
    Role {
        trusted: [MANAGEMENT.to_owned()].into(),
        external_id: Some(EXTERNAL_ID.to_owned()),
        actions: None,
        longest_session: 3600,
    }
}

/// A Share of so many principals and resources.
pub(crate) fn share(owner: &str, n: usize, principals: usize, resources: usize) -> Value {
    let targets: Vec<Value> = (0..principals).map(|p| json!({"account": consumer(p)})).collect();
    let resources: Vec<Value> = (0..resources).map(|r| json!({"arn": subnet(owner, n, r)})).collect();
    let spec = json!({"account": owner, "region": "eu-west-1", "resources": resources, "targets": targets});
    json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "Share",
        "metadata": {"name": format!("s{n:05}"), "namespace": "network-team"}, "spec": spec})
}

/// A policy under which the team may share the subnets of all these owners.
pub(crate) fn policy(owners: &[String]) -> Value {
    json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "SharingPolicy", "metadata": {"name": "load"}, "spec": {
        "namespaces": ["network-team"], "owners": {"accounts": owners},
        "allow": {"resourceTypes": ["ec2:Subnet"], "organizationalUnits": ["Root/Workloads"]}}})
}

/// A set that governs these owners.
pub(crate) fn set(owners: &[String]) -> Value {
    use simulator::aws::example::{EXTERNAL_ID, ROLE};
    let accounts: Vec<Value> = owners.iter().map(|id| json!({"id": id})).collect();
    json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "AccountSet", "metadata": {"name": "load"}, "spec": {
        "mode": "Enforce", "organization": "acme", "accounts": accounts, "regions": ["eu-west-1"],
        "access": {"roleName": ROLE, "externalId": EXTERNAL_ID}}})
}
