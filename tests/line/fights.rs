//! Somebody who undoes it again and again is answered ever more rarely, by name, and not in silence.

use serde_json::json;
use sharekeeper::{api::Reason, model::Side};

use crate::world::{DATA, TGW, WEB, World, share};

#[tokio::test(start_paused = true)]
async fn the_same_thing_flipped_back_thrice_in_an_hour_is_put_right_once_in_ten_minutes() {
    let mut world = World::with_basics(440).await;
    world.apply(share("hub", json!({"targets": [{"account": "data-prod"}]}))).await;
    world.start();
    world.until_ready("hub").await;
    let arn = world.container("hub", Side::Inner).await;
    let corrections =
        |world: &World| world.aws_writes().iter().filter(|w| *w == "DisassociateResourceShare").count();
    // For three hours somebody lets web-prod in again as soon as it is out, and asks for a look at once.
    let mut asked = 0;
    for _ in 0..(3 * 3600 / 20) {
        if !world.principals_of(TGW).contains(&WEB.to_owned()) {
            world.by_hand("AssociateResourceShare", json!({"resourceShareArn": arn, "principals": [WEB]}));
        }
        asked += 1;
        world.annotate("hub", "sharekeeper.dev/requestedAt", &asked.to_string()).await;
        world.rest(20).await;
    }
    let made = corrections(&world);
    assert!((17..=23).contains(&made), "three at once, then one in ten minutes: {made}");
    let object = world.until_says("hub", "Drifted", "True", "Contended").await;
    let line = object["status"]["drift"].as_array().unwrap()[0].clone();
    assert_eq!((&line["what"], &line["action"]), (&json!(format!("principal {WEB}")), &json!("Contended")));
    let events = world.told.take_events();
    assert!(events.iter().any(|e| e.reason == Reason::Contended && e.note.contains(WEB)), "it is said");
    // Another thing is put right at once all the while.
    world.by_hand("DisassociateResourceShare", json!({"resourceShareArn": arn, "principals": [DATA]}));
    world.annotate("hub", "sharekeeper.dev/requestedAt", "at once").await;
    world.rest(60).await;
    assert!(world.principals_of(TGW).contains(&DATA.to_owned()));
    // Once the other lets go it is put right, and after an hour of peace it is no fight any more.
    world.rest(660).await;
    assert_eq!(world.principals_of(TGW), [DATA]);
    world.until_ready("hub").await;
    world.rest(3600).await;
    world.by_hand("AssociateResourceShare", json!({"resourceShareArn": arn, "principals": [WEB]}));
    world.annotate("hub", "sharekeeper.dev/requestedAt", "again").await;
    world.rest(30).await;
    assert_eq!(world.principals_of(TGW), [DATA]);
}
