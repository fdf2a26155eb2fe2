//! Custom resources as nobody sane would write them, made by walking the schemas: each is refused by the API server or lived
//! with. Nothing panics, each status has a reason of the closed list, and the neighbours notice nothing.

use serde_json::{Value, json};
use sharekeeper::api::Reason;

use crate::{
    mutate::mutations,
    world::{DATA, TGW, World, basics, organization_id, outside, set, share},
};

/// An object of a kind with as much in it as there is, beside those that the world lives on.
fn specimen(kind: &str) -> Value {
    let of = |spec: Value| json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": kind, "metadata": {"name": "specimen"}, "spec": spec});
    match kind {
        "Share" => share(
            "specimen",
            json!({"name": "specimen", "allowExternal": true, "suspend": false, "enforcement": "Enforce",
                "targets": [{"account": "web-prod"}, {"organizationalUnit": "Root/Workloads/Prod"}, outside("2027-01-20T00:00:00Z")],
                "permissions": [], "tags": {"team": "blue"}, "deletionPolicy": "Delete"}),
        ),
        "SharingPolicy" => {
            let mut policy =
                basics(&organization_id()).into_iter().find(|o| o["kind"] == "SharingPolicy").unwrap();
            policy["metadata"]["name"] = "specimen".into();
            // It speaks for no namespace that there is.
            policy["spec"]["namespaces"] = json!(["elsewhere"]);
            policy
        }
        "AccountSet" => {
            let mut set =
                set(json!({"mode": "Report", "accounts": [{"name": "network-test"}], "interval": "10m",
                "undeclared": {"action": "Report", "gracePeriod": "24h", "objects": "All",
                    "ignore": [{"name": "old-*", "reason": "known"}]},
                "budget": {"maxRemovals": 5, "maxPercent": 10, "minExisting": 10, "window": "1h"}}));
            set["metadata"]["name"] = "specimen".into();
            set
        }
        "Organization" => of(json!({"id": "o-specimen00"})),
        "UndeclaredShare" => {
            of(json!({"decision": "Keep", "evidence": "0123456789abcdef", "reason": "known",
            "for": {"namespace": "network-team", "name": "hub"}, "force": false}))
        }
        _ => {
            json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": kind, "metadata": {"name": "sharekeeper"},
            "spec": {"id": "test", "halt": false, "peers": ["east"], "budget": {"maxRemovals": 5, "maxPercent": 10}}})
        }
    }
}

fn name(kind: &str, index: usize) -> String {
    match kind {
        "Installation" => "sharekeeper".to_owned(),
        "UndeclaredShare" => format!("111122223333.eu-west-1.{index:016x}"),
        _ => format!("specimen-{index}"),
    }
}

/// Reasons and messages of all conditions are of the closed list and there.
fn odd_conditions(world: &World) -> Vec<String> {
    let plurals = [
        "shares",
        "sharingpolicies",
        "accountsets",
        "accountregions",
        "organizations",
        "undeclaredshares",
        "installations",
    ];
    let objects = plurals.into_iter().flat_map(|plural| world.all_stored(plural));
    objects
        .flat_map(|object| {
            let name = object["metadata"]["name"].clone();
            let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let odd = conditions.into_iter().filter(|condition| {
                Reason::parse(condition["reason"].as_str().unwrap_or_default()).is_none()
                    || condition["message"].as_str().is_none_or(str::is_empty)
            });
            odd.map(|condition| format!("{name}: {condition}")).collect::<Vec<_>>()
        })
        .collect()
}

async fn fuzz(kind: &str, seed: u64) {
    let mut world = World::with_basics(seed).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    let mut specimen = specimen(kind);
    specimen["metadata"]["name"] = name(kind, 9_999).into();
    let all = mutations(kind, &specimen);
    let sane = world.try_apply(specimen.clone()).await;
    assert!(sane.is_ok(), "{kind}: {sane:?}");
    let (mut admitted, mut refused) = (0, 0);
    let tried = all.len();
    for (index, mutation) in all.into_iter().enumerate() {
        let mut object = mutation.of(&specimen);
        // What cannot be changed once it is set is set anew each time.
        object["metadata"]["name"] = name(kind, index).into();
        if world.try_apply(object.clone()).await.is_err() {
            refused += 1;
            continue;
        }
        admitted += 1;
        world.rest(2).await;
        assert!(world.is_running(), "{kind} {mutation:?} ends the controller");
        assert_eq!(odd_conditions(&world), [] as [String; 0], "{kind} {mutation:?}");
        let there = world.principals_of(TGW).contains(&DATA.to_owned());
        assert!(there, "{kind} {mutation:?} took the neighbour's access away");
        if kind != "Installation" {
            world.delete(object).await;
        }
    }
    assert!(admitted > 5 && refused > 20, "{kind}: of {tried} {admitted} admitted, {refused} refused");
    // All is as before once the object is.
    world.apply(specimen).await;
    world.rest(700).await;
    world.until_ready("hub").await;
}

#[tokio::test(start_paused = true)]
async fn odd_shares_are_refused_or_lived_with() {
    fuzz("Share", 620).await;
}

#[tokio::test(start_paused = true)]
async fn odd_policies_are_refused_or_lived_with() {
    fuzz("SharingPolicy", 621).await;
}

#[tokio::test(start_paused = true)]
async fn odd_sets_are_refused_or_lived_with() {
    fuzz("AccountSet", 622).await;
}

#[tokio::test(start_paused = true)]
async fn odd_organizations_records_and_installations_are_refused_or_lived_with() {
    for (kind, seed) in [("Organization", 623), ("UndeclaredShare", 624), ("Installation", 625)] {
        fuzz(kind, seed).await;
    }
}
