//! AWS as it is: late, repetitive, forgetful, and in states that nobody has documented.

use serde_json::{Value, json};
use sharekeeper::model::Side;
use simulator::aws::weather::{AssociationFailure, Calls, Fault, Lag, Moment, Trouble};
use simulator::aws::{action::Action, journal::Kind};

use crate::world::{DATA, LIST, PARTNER, SUBNET_1, TGW, WEB, World, outside, share};

fn spec(accounts: &[&str]) -> Value {
    let targets: Vec<Value> = accounts.iter().map(|a| json!({"account": a})).collect();
    share("hub", json!({"targets": targets}))
}

/// Create, edit and delete, whatever the weather; the same end each time.
async fn through_a_life(world: &mut World, what: &str, patience: u64) {
    world.desire([(TGW, DATA), (TGW, WEB)]);
    world.apply(spec(&[DATA, WEB])).await;
    world.start();
    world.rest(patience).await;
    let ready = world.until_ready("hub").await;
    assert_eq!(ready.status.unwrap().counts.unwrap().principals.display, "2/2", "{what}");
    world.until_in_force([(TGW, DATA), (TGW, WEB)]).await;
    assert_eq!(world.live_shares().len(), 1, "{what}: one container");

    world.desire([(TGW, WEB), (LIST, WEB)]);
    world
        .apply(share(
            "hub",
            json!({"resources": [{"arn": TGW}, {"arn": LIST}], "targets": [{"account": WEB}]}),
        ))
        .await;
    world.rest(patience).await;
    world.until_ready("hub").await;
    world.until_in_force([(TGW, WEB), (LIST, WEB)]).await;
    assert_eq!(world.live_shares().len(), 1, "{what}: one container");

    world.desire([]);
    world.delete_share("hub").await;
    world.rest(patience).await;
    world.until_gone("hub").await;
    world.until_in_force([]).await;
    assert_eq!(world.live_shares().len(), 0, "{what}");
    assert_eq!(world.guard.violations(), Vec::<String>::new(), "{what}");
    world.rest(700).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn lags_of_reading_and_listing_make_neither_duplicates_nor_drift() {
    for (index, seconds) in [5.0, 60.0, 300.0].into_iter().enumerate() {
        for (what, reading, listing) in [
            ("reads", Lag::Fixed(seconds), Lag::Fixed(0.0)),
            ("lists", Lag::Fixed(0.0), Lag::Fixed(seconds)),
            ("both", Lag::Fixed(seconds), Lag::Fixed(seconds)),
            ("replicas that disagree", Lag::Uniform(0.0, seconds), Lag::Uniform(0.0, seconds)),
        ] {
            let mut world = World::with_basics(180 + index as u64).await;
            world.weather(|weather| (weather.lags.read, weather.lags.list) = (reading, listing));
            through_a_life(&mut world, &format!("{what} late by {seconds} s"), 900).await;
            let creates = world.aws_writes().iter().filter(|w| *w == "CreateResourceShare").count();
            assert_eq!(creates, 1, "{what} late by {seconds} s");
            let object = world.told.take_events();
            let drifted: Vec<_> =
                object.iter().filter(|e| e.reason == sharekeeper::api::Reason::DriftCorrected).collect();
            assert!(drifted.is_empty(), "{what} late by {seconds} s: {drifted:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn slow_associations_and_activations_are_waited_for() {
    for (index, seconds) in [5.0, 60.0, 300.0].into_iter().enumerate() {
        let mut world = World::with_basics(190 + index as u64).await;
        world.weather(|weather| {
            weather.lags.share_activation = Lag::Fixed(seconds / 2.0);
            weather.lags.association = Lag::Fixed(seconds);
            weather.lags.disassociation = Lag::Fixed(seconds);
            weather.lags.share_deletion = Lag::Fixed(seconds);
            weather.lags.permission = Lag::Fixed(seconds);
        });
        through_a_life(&mut world, &format!("steps of {seconds} s"), 2500).await;
    }
}

#[tokio::test(start_paused = true)]
async fn pages_may_be_short_and_empty() {
    let mut world = World::with_basics(200).await;
    world.weather(|weather| {
        weather.pages.cap = Some(1);
        weather.pages.empty = 0.3;
        weather.pages.empty_first = true;
        weather.pages.trailing_token = 0.5;
        weather.pages.filter_after_cut = true;
    });
    through_a_life(&mut world, "pages of one", 60).await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_stands_beside_its_ghost() {
    let mut world = World::with_basics(201).await;
    world.apply(spec(&[DATA, WEB])).await;
    world.start();
    world.until_ready("hub").await;
    for _ in 0..3 {
        world.desire([(TGW, WEB)]);
        world.apply(spec(&[WEB])).await;
        world.until_ready("hub").await;
        world.until_in_force([(TGW, WEB)]).await;
        world.desire([(TGW, DATA), (TGW, WEB)]);
        world.apply(spec(&[DATA, WEB])).await;
        world.until_ready("hub").await;
        world.until_in_force([(TGW, DATA), (TGW, WEB)]).await;
    }
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn lost_replies_and_errors_of_every_write_change_nothing_in_the_end() {
    let operations =
        ["CreateResourceShare", "AssociateResourceShare", "DisassociateResourceShare", "DeleteResourceShare"];
    let troubles =
        [Trouble::Disconnect, Trouble::InternalError, Trouble::Truncate, Trouble::Silence, Trouble::Throttle];
    for operation in operations {
        for trouble in &troubles {
            for moment in [Moment::Before, Moment::After] {
                let mut world = World::with_basics(210).await;
                let mut fault = Fault::always(operation, moment, trouble.clone());
                fault.times = Some(4);
                world.weather(|weather| weather.faults = vec![fault]);
                let what = format!("{operation} {trouble:?} {moment:?}");
                through_a_life(&mut world, &what, 400).await;
                let creates = world.aws_writes().iter().filter(|w| *w == "CreateResourceShare").count();
                assert_eq!(creates, 1, "{what}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_write_fails_half_the_time() {
    for seed in 0..6 {
        let mut world = World::with_basics(220 + seed).await;
        world.weather(|weather| {
            let writes = Calls { service: Some("ram".into()), kind: Some(Kind::Write), ..Calls::default() };
            let fault = |moment, trouble| Fault {
                calls: writes.clone(),
                probability: 0.25,
                ..Fault::always("", moment, trouble)
            };
            weather.faults =
                vec![fault(Moment::Before, Trouble::Unavailable), fault(Moment::After, Trouble::Disconnect)];
            weather.lags.list = Lag::Uniform(0.0, 20.0);
            weather.lags.read = Lag::Uniform(0.0, 10.0);
            weather.lags.association = Lag::Uniform(0.0, 20.0);
            weather.lags.disassociation = Lag::Uniform(0.0, 20.0);
        });
        through_a_life(&mut world, &format!("seed {seed}"), 1300).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_association_says_why_and_is_tried_again_after_ten_minutes() {
    let mut world = World::with_basics(230).await;
    world.weather(|weather| {
        weather.failures = vec![AssociationFailure {
            entity: WEB.into(),
            message: "The account is not ready.".into(),
            at_once: false,
            times: Some(1),
        }];
    });
    world.desire([(TGW, DATA), (TGW, WEB)]);
    world.apply(spec(&[DATA, WEB])).await;
    world.start();
    let object = world.until_says("hub", "Ready", "False", "AssociationFailed").await;
    let failed = &object["status"]["principals"][0];
    assert_eq!(
        (&failed["id"], &failed["state"], &failed["message"]),
        (&json!(WEB), &json!("Failed"), &json!("The account is not ready."))
    );
    world.until_in_force([(TGW, DATA)]).await;
    world.rest(500).await;
    assert_eq!(world.aws_writes(), ["CreateResourceShare"]);
    world.rest(900).await;
    world.until_ready("hub").await;
    world.until_in_force([(TGW, DATA), (TGW, WEB)]).await;
    assert_eq!(
        world.aws_writes(),
        ["CreateResourceShare", "DisassociateResourceShare", "AssociateResourceShare"]
    );
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn a_state_of_the_future_is_said_and_left_alone() {
    let mut world = World::with_basics(231).await;
    world.apply(spec(&[DATA, WEB])).await;
    world.start();
    world.until_ready("hub").await;
    let arn = world.container("hub", Side::Inner).await;
    world.desire([(TGW, DATA), (TGW, WEB)]);
    world.act(Action::SetAssociationStatus {
        share: arn.clone(),
        entity: WEB.into(),
        status: "HIBERNATING".into(),
        message: None,
    });
    world.rest(700).await;
    let writes = world.aws_writes().len();
    let object = world.stored("shares", "network-team", "hub").unwrap();
    assert!(
        object["status"]["principals"][0]["message"].as_str().unwrap().contains("HIBERNATING"),
        "{object}"
    );
    world.rests().await;
    // Not even when it is no longer declared: nobody knows what a write would do.
    world.apply(spec(&[DATA])).await;
    world.rest(700).await;
    assert_eq!(world.aws_writes().len(), writes);
    assert_eq!(
        crate::world::condition(&world.stored("shares", "network-team", "hub").unwrap(), "Ready").unwrap().0,
        "False"
    );
}

#[tokio::test(start_paused = true)]
async fn a_removal_refused_while_something_is_in_flight_is_a_wait() {
    let mut world = World::with_basics(232).await;
    world.apply(spec(&[DATA, WEB])).await;
    world.start();
    world.until_ready("hub").await;
    world.weather(|weather| weather.lags.association = Lag::Fixed(120.0));
    world.apply(spec(&[DATA, WEB, "222233336666"])).await;
    world.rest(5).await;
    world.desire([(TGW, DATA), (TGW, "222233336666")]);
    world.apply(spec(&[DATA, "222233336666"])).await;
    world.rest(30).await;
    let object = world.stored("shares", "network-team", "hub").unwrap();
    assert_eq!(
        crate::world::condition(&object, "Reconciling").map(|c| c.0).as_deref(),
        Some("True"),
        "{object}"
    );
    world.rest(200).await;
    world.until_ready("hub").await;
    world.until_in_force([(TGW, DATA), (TGW, "222233336666")]).await;
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn an_edit_between_a_lost_create_and_its_retry_makes_no_second_share() {
    let mut world = World::with_basics(233).await;
    // The create takes effect, nobody hears of it, and lists show nothing for long.
    world.weather(|weather| {
        weather.faults = vec![Fault::once("CreateResourceShare", Moment::After, Trouble::Disconnect)];
        weather.lags.list = Lag::Fixed(60.0);
        weather.lags.read = Lag::Fixed(60.0);
    });
    world.apply(spec(&[DATA])).await;
    world.guard.freeze_at(1);
    world.start();
    world.until("the create stands", || async { world.guard.is_frozen().then_some(()) }).await;
    world.stop();
    world.guard.freeze_at(usize::MAX);
    world.apply(spec(&[WEB])).await;
    world.desire([(TGW, DATA), (TGW, WEB)]);
    world.start();
    world.rest(1500).await;
    {
        let w = world.aws.world();
        for e in w.journal().entries() {
            if e.service == "ram" {
                eprintln!(
                    "DBG {:.2} {} {} {:?} eff {} {}",
                    e.at - crate::world::EPOCH as f64,
                    e.operation,
                    e.status,
                    e.code,
                    e.effect,
                    if e.kind == Kind::Write { e.params.to_string() } else { String::new() }
                );
            }
        }
    }
    world.until_ready("hub").await;
    world.until_in_force([(TGW, WEB)]).await;
    assert_eq!(world.live_shares().len(), 1);
    world.rests().await;
}

#[tokio::test(start_paused = true)]
async fn what_only_the_organization_may_have_is_refused_outside_in_words() {
    let mut world = World::with_basics(234).await;
    world.desire([(SUBNET_1, DATA)]);
    world
        .apply(share(
            "nets",
            json!({"resources": [{"arn": SUBNET_1}], "allowExternal": true,
                "targets": [{"account": "data-prod"}, outside("2027-01-20T00:00:00Z")]}),
        ))
        .await;
    world.start();
    let object = world.until_says("nets", "Ready", "False", "TypeUnsupported").await;
    let refused = object["status"]["principals"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["id"] == PARTNER)
        .unwrap()
        .clone();
    assert!(refused["message"].as_str().unwrap().contains("only be shared within the organization"));
    world.until_in_force([(SUBNET_1, DATA)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_aws_does_not_know_is_said_and_others_of_the_cell_go_on() {
    let mut world = World::with_basics(235).await;
    world.desire([(TGW, DATA)]);
    world
        .apply(share("lost", json!({"resources": [{"arn": "arn:aws:ec2:eu-west-1:111122223333:transit-gateway/tgw-00000000000000000"}], "targets": [{"account": "data-prod"}]})))
        .await;
    world.apply(spec(&[DATA])).await;
    world.start();
    world.until_ready("hub").await;
    world.until_says("lost", "Ready", "False", "ResourceUnknown").await;
    world.rest(900).await;
    let calls = world.ram_calls().len();
    world.rest(3600).await;
    let more = world.ram_calls().len() - calls;
    assert!(more < 400, "{more} calls in an hour for a Share that cannot be made");
    let writes = world.controller_writes().len();
    world.rest(1800).await;
    assert_eq!(world.controller_writes()[writes..], [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn of_several_who_are_to_go_one_that_aws_does_not_know_keeps_none_of_the_others_in() {
    let mut world = World::with_basics(199).await;
    world.apply(spec(&[DATA, WEB, crate::world::PAYMENTS])).await;
    world.start();
    world.until_ready("hub").await;
    world.rest(60).await;
    let unknown = Trouble::Error {
        status: 400,
        code: "UnknownResourceException".into(),
        message: "It does not exist.".into(),
    };
    world.weather(|weather| {
        weather.faults = vec![Fault::once("DisassociateResourceShare", Moment::Before, unknown)];
    });
    world.desire([(TGW, WEB)]);
    world.apply(spec(&[WEB])).await;
    world
        .within(std::time::Duration::from_secs(30), "both are out", || async {
            (world.principals_of(TGW) == [WEB]).then_some(())
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_out_of_a_share_that_lists_do_not_show_yet_is_waited_for() {
    let mut world = World::with_basics(198).await;
    world.weather(|weather| {
        weather.lags.list = Lag::Fixed(300.0);
        weather.lags.disassociation = Lag::Fixed(20.0);
    });
    world.desire([(TGW, DATA), (TGW, WEB), (LIST, WEB)]);
    world.apply(spec(&[DATA, WEB])).await;
    world.start();
    world.until_in_force([(TGW, DATA), (TGW, WEB)]).await;
    // Somebody leaves, and something comes that he never was to have.
    world
        .apply(share(
            "hub",
            json!({"resources": [{"arn": TGW}, {"arn": LIST}], "targets": [{"account": WEB}]}),
        ))
        .await;
    world.rest(1500).await;
    world.until_in_force([(TGW, WEB), (LIST, WEB)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_tag_of_a_create_whose_answers_are_lost_goes_when_it_is_no_longer_declared() {
    let mut world = World::with_basics(197).await;
    world.weather(|weather| {
        weather.lags.list = Lag::Fixed(200.0);
        weather.faults = vec![Fault {
            times: Some(3),
            ..Fault::once("CreateResourceShare", Moment::After, Trouble::Silence)
        }];
    });
    world.apply(share("hub", json!({"tags": {"team": "blue"}, "targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_in_force([(TGW, DATA)]).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.rest(2000).await;
    world.until_ready("hub").await;
    let tags = world.live_shares()[0]["tags"].clone();
    assert!(tags.as_array().unwrap().iter().all(|tag| tag["key"] != "team"), "{tags}");
}

/// What got no answer is read back, also where git has taken it back meanwhile and nothing is left to be done.
#[tokio::test(start_paused = true)]
async fn a_removal_without_an_answer_that_is_taken_back_is_read_back() {
    let mut world = World::with_basics(196).await;
    world.apply(spec(&[DATA, WEB])).await;
    world.start();
    world.until_ready("hub").await;
    world.until_in_force([(TGW, DATA), (TGW, WEB)]).await;
    let lost = Fault::always("DisassociateResourceShare", Moment::After, Trouble::Disconnect);
    world.weather(|weather| weather.faults.push(Fault { times: Some(3), ..lost }));
    world.apply(spec(&[DATA])).await;
    world
        .until("it has its effect", || async { (!world.in_force().contains(&pair(WEB))).then_some(()) })
        .await;
    // The SDK is still repeating it.
    world.apply(spec(&[DATA, WEB])).await;
    world
        .within(std::time::Duration::from_secs(60), "WEB is let in again", || async {
            world.in_force().contains(&pair(WEB)).then_some(())
        })
        .await;
    world.until_ready("hub").await;
}

fn pair(account: &str) -> (String, String) {
    (TGW.to_owned(), account.to_owned())
}
