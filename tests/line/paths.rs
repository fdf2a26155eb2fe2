//! Path independence: whatever a Share was before, and however it came to what it is, AWS and its status end as if it had
//! been applied like that at once.

use serde_json::{Value, json};
use simulator::aws::{Rng, weather::Lag};

use crate::world::{DATA, LIST, SUBNET_1, SUBNET_2, TGW, WEB, World, outside, share};

/// Paths, and the edits on each.
const PATHS: u64 = 12;
const EDITS: u64 = 8;

struct Person(Rng);

impl Person {
    fn below(&mut self, n: u64) -> u64 {
        self.0.bits() % n
    }

    fn some<T: Clone>(&mut self, of: &[T]) -> Vec<T> {
        let mut taken = vec![];
        for one in of {
            if self.below(3) == 0 {
                taken.push(one.clone());
            }
        }
        taken
    }

    /// A spec, often with something that is refused: an account that nobody knows, another's resource, a type or an outside
    /// that policy does not allow.
    fn spec(&mut self) -> Value {
        let another = "arn:aws:ec2:eu-west-1:222233334444:subnet/subnet-1";
        let mut resources = self.some(&[TGW, SUBNET_1, SUBNET_2, LIST, another]);
        if resources.is_empty() {
            resources.push(TGW);
        }
        let resources: Vec<Value> = resources.into_iter().map(|arn| json!({"arn": arn})).collect();
        let mut targets = self.some(&[
            json!({"account": "web-prod"}),
            json!({"account": WEB}),
            json!({"account": "nobody-knows"}),
            json!({"organizationalUnit": "Root/Workloads/Test"}),
            outside("2027-01-20T00:00:00Z"),
        ]);
        // A container that stays is what former edits can leave something in.
        if self.below(4) > 0 {
            targets.push(json!({"account": DATA}));
        }
        let external = targets.iter().any(|target| !target["externalAccount"].is_null());
        let open = external || self.below(2) == 0;
        let mut spec = json!({"resources": resources, "targets": targets, "allowExternal": open});
        if self.below(3) == 0 {
            spec["name"] = json!(format!("name-{}", self.below(2)));
        }
        for (key, values) in [("team", 2), ("cost", 1)] {
            if self.below(2) == 0 {
                spec["tags"][key] = json!(format!("v{}", self.below(values)));
            }
        }
        spec
    }
}

async fn world(seed: u64) -> World {
    let world = World::with_basics(seed).await;
    world.weather(|weather| {
        weather.lags.association = Lag::Uniform(0.0, 10.0);
        weather.lags.disassociation = Lag::Uniform(0.0, 10.0);
        weather.lags.list = Lag::Uniform(0.0, 10.0);
    });
    world
}

/// What people see, in AWS and in the status, without what tells of the past on purpose: UIDs, times, and an inner share that
/// had somebody once and has nobody left, which stays.
fn picture(world: &World) -> Value {
    let tags = |share: &Value| {
        let mut tags: Vec<_> = share["tags"].as_array().unwrap().clone();
        tags.retain(|tag| tag["key"] != "sharekeeper.dev/uid");
        tags.sort_by_key(|tag| tag["key"].to_string());
        tags
    };
    let share = world.stored("shares", "network-team", "hub").unwrap();
    let status = &share["status"];
    let inside = |p: &Value| p["external"] == false && p["state"] == "InForce";
    let has_inside = status["principals"].as_array().is_some_and(|principals| principals.iter().any(inside));
    let is_left = |share: &Value| share["allowExternalPrincipals"] == false && !has_inside;
    let mut containers: Vec<Value> = world
        .live_shares()
        .iter()
        .filter(|share| !is_left(share))
        .map(|share| json!([share["name"], share["allowExternalPrincipals"], tags(share)]))
        .collect();
    containers.sort_by_key(ToString::to_string);
    let mut counts = status["counts"].clone();
    counts.as_object_mut().unwrap().remove("containers");
    let mut conditions: Vec<Value> = status["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| json!([c["type"], c["status"], c["reason"], c["message"]]))
        .collect();
    conditions.sort_by_key(ToString::to_string);
    let mut principals = status["principals"].clone();
    for principal in principals.as_array_mut().into_iter().flatten() {
        principal.as_object_mut().unwrap().remove("declaredAt");
    }
    let in_force: Vec<_> = world.in_force().into_iter().collect();
    json!({
        "AWS": containers, "in force": in_force, "conditions": conditions, "principals": principals,
        "resources": status["resources"], "counts": counts, "drift": status["drift"],
        "plan": status["plan"],
    })
}

#[tokio::test(start_paused = true)]
async fn however_a_share_came_to_what_it_is_it_ends_as_if_it_had_been_so_from_the_start() {
    for seed in 800..800 + PATHS {
        let mut person = Person(Rng::new(seed));
        let mut walked = world(seed).await;
        walked.start();
        let mut path = vec![];
        for _ in 0..EDITS {
            let wait = [0, 1, 4, 30, 90][usize::try_from(person.below(5)).unwrap()];
            if person.below(10) == 0 && walked.share("hub").await.is_some() {
                walked.delete_share("hub").await;
                path.push("delete".to_owned());
            } else {
                let spec = person.spec();
                path.push(spec.to_string());
                walked.apply(share("hub", spec)).await;
            }
            walked.rest(wait).await;
        }
        let last = share("hub", person.spec());
        let going = |object: Option<sharekeeper::api::Share>| {
            object.is_some_and(|object| object.metadata.deletion_timestamp.is_some())
        };
        while going(walked.share("hub").await) {
            walked.rest(1).await;
        }
        walked.apply(last.clone()).await;
        let mut fresh = world(seed).await;
        fresh.start();
        fresh.apply(last.clone()).await;
        walked.rest(2000).await;
        fresh.rest(2000).await;
        let (walked, fresh) = (picture(&walked), picture(&fresh));
        assert_eq!(walked, fresh, "seed {seed}: {path:#?}\nthen {last}");
    }
}
