//! Tenants who try everything: whatever they write in their namespaces, they get what policies allow and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use simulator::aws::{
    Rng,
    example::{ACCOUNTS, NETWORK_PROD, PARTNER, RESOURCES},
};

use crate::world::{LIST, Pair, RULE, SUBNET_1, SUBNET_2, TGW, World, share};

/// How many rounds of edits; in each, every tenant writes something.
const ROUNDS: usize = 60;
const TENANTS: [&str; 3] = ["team-a", "team-b", "team-c"];

/// What each tenant's policies allow, worked out by hand from the objects below; `team-c` is in none.
fn allowed(world: &World) -> BTreeSet<Pair> {
    let in_units = |units: &[&str]| {
        let accounts =
            ACCOUNTS.iter().filter(|(_, _, unit)| units.contains(unit)).map(|(id, ..)| (*id).to_owned());
        let units = units.iter().map(|unit| world.unit(unit));
        accounts.chain(units).collect::<Vec<String>>()
    };
    let a = [in_units(&["Root/Workloads/Prod"]), vec![PARTNER.to_owned()]].concat();
    let b = in_units(&["Root/Workloads/Test"]);
    let pairs = |resources: &[&str], principals: &[String]| {
        let pairs =
            resources.iter().flat_map(|r| principals.iter().map(move |p| ((*r).to_owned(), p.clone())));
        pairs.collect::<Vec<Pair>>()
    };
    [pairs(&[TGW], &a), pairs(&[LIST, RESOURCES[6]], &b)].concat().into_iter().collect()
}

fn objects() -> Vec<Value> {
    let policy = |name: &str, namespace: &str, allow: Value| {
        json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "SharingPolicy", "metadata": {"name": name},
            "spec": {"namespaces": [namespace], "owners": {"accounts": ["network-prod"]}, "allow": allow}})
    };
    let namespaces =
        TENANTS.map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    let policies = [
        policy(
            "a",
            "team-a",
            json!({"resourceTypes": ["ec2:TransitGateway"], "organizationalUnits": ["Root/Workloads/Prod"],
                "external": {"accounts": [PARTNER], "maxDuration": "90d"}}),
        ),
        policy(
            "b",
            "team-b",
            json!({"resourceTypes": ["ec2:PrefixList"], "organizationalUnits": ["Root/Workloads/Test"]}),
        ),
    ];
    namespaces.into_iter().chain(policies).collect()
}

struct Tenant(Rng);

impl Tenant {
    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[(self.0.bits() % of.len() as u64) as usize].clone()
    }

    fn some<T: Clone>(&mut self, of: &[T]) -> Vec<T> {
        (0..=self.0.bits() % 3).map(|_| self.one(of)).collect()
    }

    /// A Share as somebody writes it who wants more than he may have.
    fn share(&mut self, namespace: &str) -> Value {
        let resources = [
            TGW,
            SUBNET_1,
            SUBNET_2,
            LIST,
            RULE,
            RESOURCES[6],
            "arn:aws:ec2:eu-west-1:222233334444:subnet/subnet-1",
            "arn:aws:ec2:eu-west-1:111122223333:transit-gateway/*",
        ];
        let targets = [
            json!({"account": "data-prod"}),
            json!({"account": "web-test"}),
            json!({"account": "log-archive"}),
            json!({"account": PARTNER}),
            json!({"organizationalUnit": "Root"}),
            json!({"organizationalUnit": "Root/Workloads/Prod"}),
            json!({"organizationalUnit": "Root/Workloads/Test"}),
            json!({"organizationalUnit": "Root/Workloads"}),
            json!({"organization": true}),
            json!({"externalAccount": PARTNER, "until": "2026-12-20T00:00:00Z", "reason": "x"}),
            json!({"externalAccount": PARTNER, "until": "2036-01-20T00:00:00Z", "reason": "x"}),
            json!({"externalAccount": "123412341234", "until": "2026-12-20T00:00:00Z", "reason": "x"}),
            json!({"role": "arn:aws:iam::222233334444:role/admin"}),
        ];
        // Often something that he may have.
        let own = if namespace == "team-a" { TGW } else { LIST };
        let chosen = if self.0.chance(0.5) { vec![own] } else { self.some(&resources) };
        let chosen: Vec<Value> = chosen.iter().map(|arn| json!({"arn": arn})).collect();
        let name = self.one(&["one", "two", "three"]);
        let mut object = share(
            name,
            json!({
                "account": self.one(&["network-prod", "network-prod", "network-prod", NETWORK_PROD, "data-prod"]),
                "resources": chosen, "targets": self.some(&targets), "allowExternal": self.0.chance(0.5),
                // Somebody else's name, and a mark of somebody else's.
                "name": self.one(&["team-a.one", "team-b.two", "partner-prefixes", "mine"]),
                "tags": self.one(&[json!({}), json!({"sharekeeper.dev/name": "one"}), json!({"team": "a"})]),
            }),
        );
        object["metadata"]["namespace"] = namespace.into();
        let keys = ["requestedAt", "approve", "abandon", "paused", "halt"];
        let annotations: BTreeMap<String, String> = self
            .some(&keys)
            .into_iter()
            .map(|key| (format!("sharekeeper.dev/{key}"), self.0.bits().to_string()))
            .collect();
        object["metadata"]["annotations"] = json!(annotations);
        object
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_tenants_write_they_get_what_policies_allow_and_nothing_else() {
    for seed in 640..644 {
        let mut world = World::with_basics(seed).await;
        world.delete(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "SharingPolicy", "metadata": {"name": "network"}})).await;
        for object in objects() {
            world.apply(object).await;
        }
        let allowed = allowed(&world);
        world.desire_all(allowed.iter().map(|(r, p)| (r.as_str(), p.as_str())));
        world.start();
        let (mut tenant, mut admitted, mut granted) = (Tenant(Rng::new(seed)), 0, BTreeSet::new());
        for _ in 0..ROUNDS {
            for namespace in TENANTS {
                let object = tenant.share(namespace);
                admitted += usize::from(world.try_apply(object).await.is_ok());
            }
            world.rest(tenant.0.bits() % 20).await;
            world.accept_invitations();
            granted.extend(world.in_force());
        }
        assert!(admitted > ROUNDS / 4, "{admitted} of {} were admitted", 3 * ROUNDS);
        assert!(!granted.is_empty(), "something of it is allowed");
        world.rest(900).await;
        let beyond: Vec<Pair> = world.in_force().difference(&allowed).cloned().collect();
        assert_eq!(beyond, [] as [Pair; 0], "seed {seed}");
        // Nobody's account but that of the set was entered, and nothing in it was done but sharing.
        let aws = world.aws.world();
        for entry in aws.journal().entries().iter().filter(|entry| entry.session.is_some()) {
            assert_eq!(entry.account, NETWORK_PROD, "{} {}", entry.operation, entry.params);
            assert!(
                entry.service == "sts" || crate::world::SHARING.contains(&entry.service.as_str()),
                "{} {}",
                entry.service,
                entry.operation
            );
        }
    }
}

/// However often a tenant asks for a reading, he gets one in ten seconds, and what others may read is left to them.
#[tokio::test(start_paused = true)]
async fn a_tenant_who_asks_all_the_time_gets_his_share_of_the_calls_and_no_more() {
    let mut world = World::with_basics(645).await;
    world.apply(share("loud", json!({"targets": [{"account": "data-prod"}]}))).await;
    world
        .apply(share(
            "quiet",
            json!({"resources": [{"arn": SUBNET_1}], "targets": [{"account": "data-prod"}]}),
        ))
        .await;
    world.start();
    world.until_ready("loud").await;
    world.until_ready("quiet").await;
    world.rest(120).await;
    world.take_calls();
    for round in 0..600 {
        world.annotate("loud", "sharekeeper.dev/requestedAt", &round.to_string()).await;
        world.rest(1).await;
    }
    let calls: usize = world.take_calls().values().sum();
    // Sixty readings of one share, and the cell's and the tree's own.
    assert!(calls < 60 * 4 + 60, "{calls} calls in ten minutes");
    // Meanwhile another's edit is carried out at once.
    world
        .apply(share(
            "quiet",
            json!({"resources": [{"arn": SUBNET_1}], "targets": [{"account": "web-prod"}]}),
        ))
        .await;
    world
        .within(std::time::Duration::from_secs(5), "the edit", || async {
            (world.principals_of(SUBNET_1) == [crate::world::WEB]).then_some(())
        })
        .await;
}
