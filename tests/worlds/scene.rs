//! The small AWS organization and the objects that every world has.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use simulator::aws::{
    Caller, World,
    kms::NewKey,
    organizations::NewAccount,
    policy::{NewObject, ObjectKind},
    sts::Role,
};

use crate::plan::{Account, Fallacy, Manifest, Mode, Policy, Removal, Resource, Switch, Target, Unit};

/// 2026-11-25T00:00:00Z.
pub const EPOCH: i64 = 1_795_564_800;
pub const MANAGEMENT: &str = "999900001111";
pub const OWNER: &str = "111122223333";
pub const PARTNER: &str = "999988887777";
pub const REGION: &str = "eu-west-1";
pub const NAMESPACE: &str = "network-team";
pub const INSTALLATION: &str = "test";
/// The services by which something is shared.
pub const SHARING: [&str; 3] = ["ram", "kms", "secretsmanager"];
const ROLE: &str = "sharekeeper";
const API: &str = "sharekeeper.dev/v1alpha1";
pub const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
/// At first without a policy.
pub const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db/main-a1B2c3";
/// What has a policy of its own.
pub const OBJECTS: [&str; 2] = [KEY, SECRET];
/// As a person wrote it.
pub const KEY_POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": {"Sid": "Owner", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}
}"#;
const LEGACY: &str = "arn:aws:ec2:eu-west-1:111122223333:prefix-list/pl-0a1b2c3d4e5f60009";

impl Resource {
    pub const ALL: [Self; 8] = [
        Self::Gateway,
        Self::Subnet1,
        Self::Subnet2,
        Self::List,
        Self::Rule,
        Self::Lost,
        Self::Key,
        Self::Secret,
    ];

    /// Those that RAM shares.
    pub const OF_RAM: [Self; 5] = [Self::Gateway, Self::Subnet1, Self::Subnet2, Self::List, Self::Rule];

    pub fn arn(self) -> &'static str {
        match self {
            Self::Gateway => "arn:aws:ec2:eu-west-1:111122223333:transit-gateway/tgw-0a1b2c3d4e5f60001",
            Self::Subnet1 => "arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-0a1b2c3d4e5f60001",
            Self::Subnet2 => "arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-0a1b2c3d4e5f60002",
            Self::List => "arn:aws:ec2:eu-west-1:111122223333:prefix-list/pl-0a1b2c3d4e5f60001",
            Self::Rule => "arn:aws:route53resolver:eu-west-1:111122223333:resolver-rule/rslvr-rr-0a1b",
            Self::Key => KEY,
            Self::Secret => SECRET,
            Self::Lost => "arn:aws:ec2:eu-west-1:111122223333:transit-gateway/tgw-00000000000000000",
        }
    }
}

impl Account {
    pub const ALL: [Self; 4] = [Self::Data, Self::Web, Self::Test, Self::Log];

    pub fn id(self) -> &'static str {
        match self {
            Self::Data => "222233334444",
            Self::Web => "222233335555",
            Self::Test => "222233337777",
            Self::Log => "333300002222",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data-prod",
            Self::Web => "web-prod",
            Self::Test => "data-test",
            Self::Log => "log-archive",
        }
    }

    /// Where it is at first.
    pub fn home(self) -> Unit {
        match self {
            Self::Data | Self::Web => Unit::Prod,
            Self::Test => Unit::Test,
            Self::Log => Unit::Security,
        }
    }
}

impl Unit {
    pub const ALL: [Self; 4] = [Self::Prod, Self::Test, Self::Security, Self::Sandbox];

    pub fn path(self) -> &'static str {
        match self {
            Self::Prod => "Root/Workloads/Prod",
            Self::Test => "Root/Workloads/Test",
            Self::Security => "Root/Security",
            Self::Sandbox => "Root/Sandbox",
        }
    }

    pub fn name(self) -> &'static str {
        self.path().rsplit('/').next().unwrap_or_default()
    }
}

/// AWS before anything is declared, with one share that somebody made by hand long ago.
pub fn organization(seed: u64) -> World {
    let mut world = World::new(seed, EPOCH as f64);
    let accounts = Account::ALL.map(|account| (account.id(), account.name()));
    let others = [(MANAGEMENT, "management"), (OWNER, "network-prod"), (PARTNER, "settlement-partner")];
    for (id, name) in accounts.into_iter().chain(others) {
        world.add_account(NewAccount { id: id.into(), name: name.into(), tags: BTreeMap::new() });
    }
    let organization = world.create_organization(MANAGEMENT);
    let root = world.directory().organizations[&organization].root.clone();
    let workloads = world.create_unit(&organization, &root, "Workloads").unwrap();
    for unit in Unit::ALL {
        let parent = if unit.path().starts_with("Root/Workloads") { &workloads } else { &root };
        world.create_unit(&organization, parent, unit.name()).unwrap();
    }
    world.join_organization(OWNER, &organization);
    for account in Account::ALL {
        world.join_organization(account.id(), &organization);
        let home = world.directory().organizations[&organization].find(account.home().path()).unwrap();
        world.move_account(account.id(), &home).unwrap();
    }
    let role = Role {
        trusted: BTreeSet::from([MANAGEMENT.to_owned()]),
        external_id: None,
        actions: None,
        longest_session: 3600,
    };
    world.put_role(OWNER, ROLE, role);
    for resource in Resource::OF_RAM {
        world.add_resource(resource.arn());
    }
    world.add_key(NewKey {
        account: OWNER.into(),
        region: REGION.into(),
        id: KEY.rsplit('/').next().map(str::to_owned),
        policy: Some(KEY_POLICY.into()),
        ..NewKey::default()
    });
    world.add_object(NewObject {
        kind: ObjectKind::Secret,
        account: OWNER.into(),
        region: REGION.into(),
        name: "db/main".into(),
        suffix: Some("a1B2c3".into()),
        key: Some(KEY.into()),
        ..NewObject::default()
    });
    world.add_resource(LEGACY);
    world.enable_sharing(&Caller::administrator(MANAGEMENT, "us-east-1")).unwrap();
    let legacy =
        json!({"name": "partner-prefixes", "resourceArns": [LEGACY], "principals": [Account::Log.id()]});
    let owner = Caller::administrator(OWNER, REGION);
    world.call(&owner, "ram", "CreateResourceShare", &legacy).unwrap();
    world
}

/// All objects beside Shares and policy.
pub fn objects(organization: &str, removal: Option<Removal>) -> Vec<Value> {
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        json!({"apiVersion": API, "kind": "Organization", "metadata": {"name": "acme"}, "spec": {"id": organization}}),
        installation(false),
        set(false, Mode::Enforce, removal),
        policy(Policy::default()),
    ]
}

pub fn installation(halt: bool) -> Value {
    json!({"apiVersion": API, "kind": "Installation", "metadata": {"name": "sharekeeper"},
        "spec": {"id": INSTALLATION, "halt": halt, "budget": much()}})
}

/// A budget that holds nothing: what is held waits for a person, and no world has one who approves.
fn much() -> Value {
    json!({"maxRemovals": 1_000_000, "maxPercent": 100})
}

pub fn set(suspend: bool, mode: Mode, removal: Option<Removal>) -> Value {
    let mode = match mode {
        Mode::Report => "Report",
        Mode::AddOnly => "AddOnly",
        Mode::Enforce => "Enforce",
    };
    let mut spec = json!({"mode": mode, "suspend": suspend, "organization": "acme",
        "accounts": [{"name": "network-prod"}], "regions": [REGION], "access": {"roleName": ROLE}, "budget": much()});
    if let Some(removal) = removal {
        let action = if removal.delete { "Delete" } else { "Revoke" };
        spec["undeclared"] =
            json!({"action": action, "gracePeriod": format!("{}s", removal.grace), "objects": "All"});
        spec["interval"] = json!("2m");
        if let Some(most) = removal.most {
            spec["budget"]["maxRemovals"] = json!(most);
        }
    }
    json!({"apiVersion": API, "kind": "AccountSet", "metadata": {"name": "network"}, "spec": spec})
}

pub fn policy(policy: Policy) -> Value {
    let mut types = vec!["ec2:TransitGateway", "ec2:Subnet", "kms:Key", "secretsmanager:Secret"];
    if policy.lists_and_rules {
        types.extend(["ec2:PrefixList", "route53resolver:ResolverRule"]);
    }
    let mut units = vec![Unit::Prod.path()];
    if policy.tests {
        units.push(Unit::Test.path());
    }
    let mut allow = json!({"resourceTypes": types, "organizationalUnits": units});
    if policy.partner {
        allow["external"] = json!({"accounts": [PARTNER], "maxDuration": "90d"});
    }
    json!({"apiVersion": API, "kind": "SharingPolicy", "metadata": {"name": "network"},
        "spec": {"namespaces": [NAMESPACE], "owners": {"accounts": ["network-prod"]}, "allow": allow}})
}

pub const READ_ONLY: &str = "AWSRAMPermissionResolverRuleReadOnly";

/// A Share's object.
pub fn share(manifest: &Manifest) -> Value {
    let resources: Vec<Value> = manifest.resources.iter().map(|r| json!({"arn": r.arn()})).collect();
    let targets: Vec<Value> = manifest.targets.iter().map(|t| target(*t)).collect();
    let mut spec =
        json!({"account": "network-prod", "region": REGION, "resources": resources, "targets": targets});
    if manifest.targets.iter().any(|target| target.is_outside()) {
        spec["allowExternal"] = json!(true);
    }
    if let Some(name) = &manifest.name {
        spec["name"] = json!(name);
    }
    if let Some(tag) = &manifest.tag {
        spec["tags"] = json!({"team": tag});
    }
    if manifest.read_only {
        spec["permissions"] = json!([{"resourceType": "route53resolver:ResolverRule", "permission": READ_ONLY, "version": "Default"}]);
    }
    match manifest.switch {
        Some(Switch::Suspend) => spec["suspend"] = json!(true),
        Some(Switch::Report) => spec["enforcement"] = json!("Report"),
        None => {}
    }
    json!({"apiVersion": API, "kind": "Share", "metadata": {"name": manifest.share, "namespace": NAMESPACE}, "spec": spec})
}

fn target(target: Target) -> Value {
    match target {
        Target::Id(account) => json!({"account": account.id()}),
        Target::Name(account) => json!({"account": account.name()}),
        Target::Unit(unit) => json!({"organizationalUnit": unit.path()}),
        Target::Outside => {
            json!({"externalAccount": PARTNER, "until": "2027-01-20T00:00:00Z", "reason": "contract 4711"})
        }
        Target::Until(end) => {
            let end = Timestamp::from_second(EPOCH + i64::from(end)).unwrap();
            json!({"externalAccount": PARTNER, "until": end.to_string(), "reason": "contract 4712"})
        }
        Target::Nobody => json!({"account": "nobody-prod"}),
    }
}

/// The object with something in it that the schema refuses.
pub fn refused(manifest: &Manifest, fallacy: Fallacy) -> Value {
    let mut object = share(manifest);
    let spec = &mut object["spec"];
    match fallacy {
        Fallacy::Wildcard => {
            spec["resources"] = json!([{"arn": "arn:aws:ec2:eu-west-1:111122223333:subnet/*"}]);
        }
        Fallacy::OtherRegion => spec["region"] = json!("eu-central-1"),
        Fallacy::OtherAccount => {
            spec["resources"] =
                json!([{"arn": "arn:aws:ec2:eu-west-1:222233334444:subnet/subnet-0a1b2c3d4e5f60001"}]);
            spec["account"] = json!(OWNER);
        }
        Fallacy::OutsideUndeclared => {
            spec["targets"] = json!([target(Target::Outside)]);
            spec["allowExternal"] = json!(false);
        }
        Fallacy::EndlessOutside => {
            spec["targets"] = json!([{"externalAccount": PARTNER, "reason": "contract 4711"}]);
            spec["allowExternal"] = json!(true);
        }
        Fallacy::TwoKinds => {
            spec["targets"] = json!([{"account": "data-prod", "organizationalUnit": "Root/Workloads/Prod"}]);
        }
    }
    object
}
