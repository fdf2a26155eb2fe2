//! The life of a cell: governed, conflicting, released, out of reach.

use serde_json::{Value, json};
use simulator::{
    aws::{
        action::Action,
        example,
        weather::{Calls, Fault, Moment, Trouble},
    },
    kube::{Fault as KubeFault, Match, Rule, Verb},
};

use crate::world::{DATA, TGW, WEB, World, condition, set, share};

const CELL: &str = "111122223333.eu-west-1";
const TEST_TGW: &str = "arn:aws:ec2:eu-west-1:111122224444:transit-gateway/tgw-0a1b2c3d4e5f60009";

/// Two accounts, each with one Share.
async fn two_cells(seed: u64) -> World {
    let mut world = World::with_basics(seed).await;
    world.act(Action::AddResource { arn: TEST_TGW.into() });
    world.apply(set(json!({"accounts": [{"name": "network-prod"}, {"name": "network-test"}]}))).await;
    world
        .apply(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "SharingPolicy", "metadata": {"name": "network"}, "spec": {
            "namespaces": ["network-team"], "owners": {"organizationalUnits": ["Root/Infrastructure"]},
            "allow": {"resourceTypes": ["ec2:TransitGateway"], "organizationalUnits": ["Root/Workloads"]}}}))
        .await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world
        .apply(share("test", json!({"account": "network-test", "resources": [{"arn": TEST_TGW}], "targets": [{"account": "data-prod"}]})))
        .await;
    world.start();
    world.until_ready("hub").await;
    world.until_ready("test").await;
    world
}

fn region(world: &World) -> Value {
    world.stored("accountregions", "", CELL).unwrap()
}

fn trouble(world: &World, account: Option<&str>, trouble: Option<Trouble>) {
    world.weather(|weather| {
        weather.faults.clear();
        if let Some(trouble) = trouble {
            let calls =
                Calls { service: Some("ram".into()), account: account.map(Into::into), ..Calls::default() };
            weather.faults.push(Fault { calls, ..Fault::always("", Moment::Before, trouble) });
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_no_set_selects_is_released_and_taken_up_again() {
    let world = two_cells(80).await;
    world.desire([(TGW, DATA), (TEST_TGW, DATA)]);
    world.apply(set(json!({"accounts": [{"name": "network-test"}]}))).await;
    world.until_says("hub", "Ready", "False", "NotGoverned").await;
    let object = region(&world);
    assert_eq!(condition(&object, "Ready").unwrap(), ("False".into(), "Released".into()));
    assert_eq!(object["status"]["access"]["roleName"], example::ROLE);
    let writes = world.aws_writes().len();
    world.apply(share("hub", json!({"targets": [{"account": "web-prod"}]}))).await;
    world.rest(1300).await;
    assert_eq!(world.aws_writes().len(), writes);
    world.until_in_force([(TGW, DATA), (TEST_TGW, DATA)]).await;
    world.rests().await;

    world.desire([(TGW, WEB), (TEST_TGW, DATA)]);
    world.apply(set(json!({"accounts": [{"name": "network-prod"}, {"name": "network-test"}]}))).await;
    world.until_ready("hub").await;
    world.until_in_force([(TGW, WEB), (TEST_TGW, DATA)]).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn a_set_that_goes_cuts_nobody_off_and_a_cell_without_shares_goes_with_it() {
    let world = two_cells(81).await;
    world.desire([(TGW, DATA)]);
    world.delete_share("test").await;
    world.until_gone("test").await;
    world.delete(set(json!({}))).await;
    world
        .until("the set goes", || async {
            world.stored("accountsets", "", "network").is_none().then_some(())
        })
        .await;
    world.until_says("hub", "Ready", "False", "NotGoverned").await;
    world
        .until("the cell without Shares goes", || async {
            world.stored("accountregions", "", "111122224444.eu-west-1").is_none().then_some(())
        })
        .await;
    assert_eq!(condition(&region(&world), "Ready").unwrap().1, "Released");
    world.rest(1300).await;
    world.until_in_force([(TGW, DATA)]).await;
    world.rests().await;
    // Deleted while nobody governs it, the Share waits: its grants cannot be taken away.
    world.delete_share("hub").await;
    world.rest(700).await;
    assert!(world.share("hub").await.is_some());
    world.desire([]);
    world.apply(set(json!({}))).await;
    world.until_gone("hub").await;
    world.until_in_force([]).await;
}

#[tokio::test(start_paused = true)]
async fn an_account_in_two_sets_is_a_conflict_in_which_neither_acts() {
    let world = two_cells(82).await;
    world.desire([(TGW, DATA), (TEST_TGW, DATA)]);
    let mut other = set(json!({}));
    other["metadata"]["name"] = json!("other");
    world.apply(other.clone()).await;
    world.until_says("hub", "Ready", "False", "Conflict").await;
    let says = |name: &str| condition(&world.stored("accountsets", "", name).unwrap(), "Ready").unwrap().1;
    assert_eq!((says("network"), says("other")), ("Conflict".into(), "Conflict".into()));
    world.until_ready("test").await;
    let writes = world.aws_writes().len();
    world.apply(share("hub", json!({"targets": [{"account": "web-prod"}]}))).await;
    world.rest(1300).await;
    assert_eq!(world.aws_writes().len(), writes);
    world.rests().await;
    world.desire([(TGW, WEB), (TEST_TGW, DATA)]);
    world.delete(other).await;
    world.until_ready("hub").await;
    world.until_in_force([(TGW, WEB), (TEST_TGW, DATA)]).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn a_set_that_cannot_be_read_changes_nothing() {
    let mut world = two_cells(83).await;
    world.desire([(TGW, DATA), (TEST_TGW, DATA)]);
    let writes = world.aws_writes().len();
    let mut broken = set(json!({}));
    broken["spec"]["regions"] = json!("eu-west-1");
    world.poison("accountsets", &broken);
    world.rest(60).await;
    world.start();
    world.rest(1300).await;
    assert_eq!(world.aws_writes().len(), writes);
    assert_eq!(condition(&region(&world), "Ready").unwrap(), ("False".into(), "Invalid".into()));
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_account_region_comes_back() {
    let world = two_cells(84).await;
    world.desire([(TGW, DATA), (TEST_TGW, DATA)]);
    let uid = region(&world)["metadata"]["uid"].clone();
    world.delete(json!({"apiVersion": "sharekeeper.dev/v1alpha1", "kind": "AccountRegion", "metadata": {"name": CELL}})).await;
    world
        .until("it is made again", || async {
            let object = world.stored("accountregions", "", CELL)?;
            (object["metadata"]["uid"] != uid && condition(&object, "Ready")?.0 == "True").then_some(())
        })
        .await;
    world.until_ready("hub").await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn an_account_out_of_reach_says_so_since_when_and_recovers_without_a_restart() {
    let cases = [
        (Trouble::Throttle, "Throttled"),
        (Trouble::AccessDenied, "AccessDenied"),
        (Trouble::ExpiredToken, "CredentialsExpired"),
        (Trouble::InternalError, "Unavailable"),
        (Trouble::Silence, "Unavailable"),
    ];
    for (case, reason) in cases {
        let world = two_cells(85).await;
        world.desire([(TGW, DATA), (TEST_TGW, DATA), (TEST_TGW, WEB)]);
        trouble(&world, Some(example::NETWORK_PROD), Some(case.clone()));
        world.rest(1900).await;
        let object = region(&world);
        assert_eq!(condition(&object, "Observed").unwrap(), ("Unknown".into(), reason.into()), "{case:?}");
        let since = object["status"]["mechanisms"][0]["unknownSince"].clone();
        assert!(since.is_string(), "{object}");
        assert_eq!(
            condition(&world.stored("shares", "network-team", "hub").unwrap(), "Ready").unwrap(),
            ("Unknown".into(), reason.into())
        );

        // The neighbour is not delayed.
        let start = world.aws.now();
        world
            .apply(share("test", json!({"account": "network-test", "resources": [{"arn": TEST_TGW}], "targets": [{"account": "data-prod"}, {"account": "web-prod"}]})))
            .await;
        world.until_ready("test").await;
        assert!(world.aws.now() - start < 5.0, "{case:?}: {}", world.aws.now() - start);

        // Nothing is known, so nothing moves; and rest is rest.
        let writes = world.controller_writes().len();
        world.rest(3600).await;
        assert_eq!(region(&world)["status"]["mechanisms"][0]["unknownSince"], since, "{case:?}");
        assert_eq!(
            world.controller_writes().len(),
            writes,
            "{case:?}: {:?}",
            &world.controller_writes()[writes..]
        );
        trouble(&world, None, None);
        world.rest(700).await;
        world.until_ready("hub").await;
        assert_eq!(condition(&region(&world), "Observed").unwrap().0, "True", "{case:?}");
        world.until_in_force([(TGW, DATA), (TEST_TGW, DATA), (TEST_TGW, WEB)]).await;
        world.rests().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_disabled_region_is_asked_again_hourly() {
    let world = two_cells(86).await;
    world.desire([(TGW, DATA), (TEST_TGW, DATA)]);
    let enabled = |enabled| Action::SetRegion {
        account: example::NETWORK_PROD.into(),
        region: "eu-west-1".into(),
        enabled,
    };
    world.act(enabled(false));
    world.rest(1300).await;
    assert_eq!(condition(&region(&world), "Observed").unwrap(), ("Unknown".into(), "RegionDisabled".into()));
    world.take_calls();
    world.rest(4 * 3600).await;
    let mine = world.aws.world().journal().entries().iter().filter(|e| e.code.is_some()).count();
    // The four calls of a reading, once an hour.
    assert!(mine <= 5 * 4, "{mine} refused calls in four hours");
    world.act(enabled(true));
    world.rest(3700).await;
    world.until_ready("hub").await;
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_gone_or_of_another_account_is_unknown_until_it_is_right() {
    let world = two_cells(87).await;
    world.desire([(TGW, DATA), (TEST_TGW, DATA)]);
    world.act(Action::DeleteRole { account: example::NETWORK_PROD.into(), name: example::ROLE.into() });
    world.act(Action::ExpireSessions { account: example::NETWORK_PROD.into() });
    world.rest(2000).await;
    let (status, reason) = condition(&region(&world), "Observed").unwrap();
    assert_eq!(status, "Unknown");
    assert!(["AccessDenied", "CredentialsExpired"].contains(&reason.as_str()), "{reason}");
    let role = simulator::aws::sts::Role {
        trusted: [example::MANAGEMENT.to_owned()].into(),
        external_id: Some(example::EXTERNAL_ID.to_owned()),
        actions: None,
        longest_session: 3600,
    };
    world.act(Action::PutRole { account: example::NETWORK_PROD.into(), name: example::ROLE.into(), role });
    world.rest(700).await;
    world.until_ready("hub").await;

    // Without a role the controller's own identity is meant, and that is another account's.
    let mut own = set(json!({}));
    own["spec"].as_object_mut().unwrap().remove("access");
    world.delete(set(json!({}))).await;
    world
        .until("gone", || async { world.stored("accountsets", "", "network").is_none().then_some(()) })
        .await;
    world.apply(own).await;
    world.rest(700).await;
    assert_eq!(
        condition(&region(&world), "Observed").unwrap(),
        ("Unknown".into(), "CredentialsMismatch".into())
    );
    world.until_in_force([(TGW, DATA), (TEST_TGW, DATA)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_apiserver_changes_nothing_and_comes_back() {
    let world = two_cells(88).await;
    world.desire([(TGW, DATA), (TEST_TGW, DATA)]);
    let writes = world.aws_writes().len();
    world.kube.with(|cluster| {
        cluster.weather.unavailable = true;
        cluster.break_watches(&simulator::kube::Match::any());
    });
    tokio::time::sleep(std::time::Duration::from_secs(1800)).await;
    assert_eq!(world.aws_writes().len(), writes);
    world.kube.with(|cluster| cluster.weather.unavailable = false);
    world.desire([(TGW, WEB), (TEST_TGW, DATA)]);
    world.apply(share("hub", json!({"targets": [{"account": "web-prod"}]}))).await;
    world.rest(120).await;
    world.until_in_force([(TGW, WEB), (TEST_TGW, DATA)]).await;
    world.until_ready("hub").await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_refused_again_and_again_is_written_ever_more_rarely() {
    let world = two_cells(89).await;
    world.desire([(TGW, DATA), (TGW, WEB), (TEST_TGW, DATA)]);
    let statuses =
        Match { subresource: Some("status".into()), ..Match::on(&[Verb::Patch, Verb::Update], "shares") };
    world.kube.with(|cluster| cluster.weather.rules.push(Rule::always(statuses, KubeFault::conflict())));
    let before = world.controller_writes().len();
    let both = json!({"targets": [{"account": "web-prod"}, {"account": "data-prod"}]});
    world.apply(share("hub", both)).await;
    world.rest(600).await;
    let attempts = world.controller_writes().len() - before;
    // Half a minute apart at last; every two seconds it would be three hundred.
    assert!((20..60).contains(&attempts), "{attempts} attempts in ten minutes");
    // What is put in must be on record before.
    assert!(!world.in_force().contains(&(TGW.to_owned(), WEB.to_owned())));
    world.kube.with(|cluster| cluster.weather.rules.clear());
    world.rest(60).await;
    world.until_ready("hub").await;
}
