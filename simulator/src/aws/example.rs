//! A small, believable organization: the demo, the documentation and the end-to-end tests build on it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::caller::Caller;
use super::kms::NewKey;
use super::organizations::NewAccount;
use super::policy::{NewObject, ObjectKind};
use super::sts::Role;
use super::world::World;

/// Management account.
pub const MANAGEMENT: &str = "999900001111";
/// Where the controller runs; its role is trusted by the role in every account.
pub const TOOLING: &str = "999900002222";
/// Owns the network's resources.
pub const NETWORK_PROD: &str = "111122223333";
/// A consumer in `Root/Workloads/Prod`.
pub const DATA_PROD: &str = "222233334444";
/// An account outside the organization.
pub const PARTNER: &str = "999988887777";
/// The role to assume in every account.
pub const ROLE: &str = "sharekeeper";
/// The external id that the role demands.
pub const EXTERNAL_ID: &str = "sharekeeper-example";
/// The region of the network's resources.
pub const REGION: &str = "eu-west-1";

/// What network-prod has that lets others in by a policy of its own, with [`add_objects`].
pub const OBJECTS: [&str; 4] = [
    "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "arn:aws:secretsmanager:eu-west-1:111122223333:secret:database/main-a1B2c3",
    "arn:aws:ecr:eu-west-1:111122223333:repository/base/runtime",
    "arn:aws:sqs:eu-west-1:111122223333:orders",
];

/// Id, name and unit of every account.
pub const ACCOUNTS: [(&str, &str, &str); 13] = [
    (MANAGEMENT, "management", "Root"),
    (TOOLING, "tooling", "Root/Infrastructure"),
    (NETWORK_PROD, "network-prod", "Root/Infrastructure/Network"),
    ("111122224444", "network-test", "Root/Infrastructure/Network"),
    ("333300001111", "security-tooling", "Root/Security"),
    ("333300002222", "log-archive", "Root/Security"),
    (DATA_PROD, "data-prod", "Root/Workloads/Prod"),
    ("222233335555", "web-prod", "Root/Workloads/Prod"),
    ("222233336666", "payments-prod", "Root/Workloads/Prod"),
    ("222233337777", "data-test", "Root/Workloads/Test"),
    ("222233338888", "web-test", "Root/Workloads/Test"),
    ("444400001111", "sandbox-anna", "Root/Sandbox"),
    ("444400002222", "retired-shop", "Root/Suspended"),
];

/// Resources of network-prod in [`REGION`].
pub const RESOURCES: [&str; 7] = [
    "arn:aws:ec2:eu-west-1:111122223333:transit-gateway/tgw-0a1b2c3d4e5f60001",
    "arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-0a1b2c3d4e5f60001",
    "arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-0a1b2c3d4e5f60002",
    "arn:aws:ec2:eu-west-1:111122223333:prefix-list/pl-0a1b2c3d4e5f60001",
    "arn:aws:route53resolver:eu-west-1:111122223333:resolver-rule/rslvr-rr-0a1b",
    "arn:aws:route53resolver:eu-west-1:111122223333:resolver-rule/rslvr-rr-0a1c",
    "arn:aws:ec2:eu-west-1:111122223333:prefix-list/pl-0a1b2c3d4e5f60002",
];

/// The example at `now`: RAM sharing is on, each account has the role, and network-prod has one legacy share with an
/// outside account that accepted it.
pub fn organization(seed: u64, now: f64) -> World {
    let mut world = World::new(seed, now);
    for (id, name, _) in ACCOUNTS {
        world.add_account(NewAccount { id: id.to_owned(), name: name.to_owned(), tags: BTreeMap::new() });
    }
    world.add_account(NewAccount {
        id: PARTNER.to_owned(),
        name: "settlement-partner".to_owned(),
        tags: BTreeMap::new(),
    });
    let id = world.create_organization(MANAGEMENT);
    plant(&mut world, &id);
    for (account, _, _) in ACCOUNTS {
        world.put_role(account, ROLE, role());
    }
    world.put_role(
        TOOLING,
        "controller",
        Role { trusted: BTreeSet::from([TOOLING.to_owned()]), ..Role::default() },
    );
    for arn in RESOURCES {
        world.add_resource(arn);
    }
    // The management account is there and the calls are the typed ones of this module: none of them can be refused.
    let prepared = world
        .enable_sharing(&Caller::administrator(MANAGEMENT, "us-east-1"))
        .and_then(|_| legacy_share(&mut world));
    debug_assert!(prepared.is_ok(), "{prepared:?}");
    world
}

fn role() -> Role {
    let controllers = [MANAGEMENT, TOOLING];
    Role {
        trusted: controllers.iter().map(|&account| account.to_owned()).collect(),
        external_id: Some(EXTERNAL_ID.to_owned()),
        actions: None,
        longest_session: 3600,
    }
}

/// Puts [`OBJECTS`] into the organization: a key with KMS's own default policy, a secret that it encrypts, and a repository and
/// a queue; these three without a policy.
pub fn add_objects(world: &mut World) {
    let [key, _, _, queue] = OBJECTS;
    let (account, region) = (NETWORK_PROD.to_owned(), REGION.to_owned());
    let id = key.rsplit('/').next().map(ToOwned::to_owned);
    world.add_key(NewKey { account: account.clone(), region: region.clone(), id, ..NewKey::default() });
    let object = |kind, name: &str| NewObject {
        kind,
        account: account.clone(),
        region: region.clone(),
        name: name.to_owned(),
        ..NewObject::default()
    };
    let secret = object(ObjectKind::Secret, "database/main");
    world.add_object(NewObject { suffix: Some("a1B2c3".to_owned()), key: Some(key.to_owned()), ..secret });
    world.add_object(object(ObjectKind::Repository, "base/runtime"));
    world.add_object(object(ObjectKind::Queue, queue.rsplit(':').next().unwrap_or_default()));
}

/// Makes the units on the way to every account and puts the accounts there.
fn plant(world: &mut World, organization: &str) {
    for (account, _, path) in ACCOUNTS {
        world.join_organization(account, organization);
        let mut parent =
            world.directory().organizations.get(organization).map(|org| org.root.clone()).unwrap_or_default();
        let mut at = "Root".to_owned();
        for name in path.split('/').skip(1) {
            at = format!("{at}/{name}");
            let known = world.directory().organizations.get(organization).and_then(|org| org.find(&at));
            parent = match known {
                Some(unit) => unit,
                None => world.create_unit(organization, &parent, name).unwrap_or(parent),
            };
        }
        let moved = world.move_account(account, &parent);
        debug_assert!(moved.is_ok(), "{moved:?}");
    }
}

/// Somebody shared a prefix list with the partner by hand, long ago.
fn legacy_share(world: &mut World) -> Result<serde_json::Value, super::Refusal> {
    let owner = Caller::administrator(NETWORK_PROD, REGION);
    let [.., list] = RESOURCES;
    world.call(
        &owner,
        "ram",
        "CreateResourceShare",
        &json!({
            "name": "partner-prefixes",
            "resourceArns": [list],
            "principals": [PARTNER],
            "tags": [{"key": "created-by", "value": "console"}],
        }),
    )?;
    let partner = Caller::administrator(PARTNER, REGION);
    let received = world.call(&partner, "ram", "GetResourceShareInvitations", &json!({}))?;
    let invitation = received.pointer("/resourceShareInvitations/0/resourceShareInvitationArn").cloned();
    world.call(
        &partner,
        "ram",
        "AcceptResourceShareInvitation",
        &json!({"resourceShareInvitationArn": invitation}),
    )?;
    let now = world.now();
    world.advance(now);
    Ok(json!({}))
}
