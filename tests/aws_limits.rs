//! Laws of the token buckets, over generated histories.

use std::time::Duration;

use proptest::prelude::*;
use sharekeeper::aws::limits::{Bucket, CellRates, Limiter, Limits, Rate};
use tokio::time::Instant;

#[derive(Clone, Debug)]
enum Event {
    /// This many milliseconds pass.
    Pass(u64),
    /// A call asks for its turn.
    Ask,
    /// AWS throttles a call.
    Throttle,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (0u64..5_000).prop_map(Event::Pass),
        8 => Just(Event::Ask),
        1 => Just(Event::Throttle),
    ];
    proptest::collection::vec(event, 1..200)
}

fn rates() -> impl Strategy<Value = Rate> {
    (1u32..50, 0.2f64..20.0).prop_map(|(burst, per_second)| Rate { burst, per_second })
}

/// When each call has its turn, in seconds since the start, in the order of asking.
fn turns(rate: Rate, events: &[Event]) -> Vec<f64> {
    let start = Instant::now();
    let mut bucket = Bucket::new(rate, start);
    let mut now = start;
    let mut turns = vec![];
    for event in events {
        match event {
            Event::Pass(milliseconds) => now += Duration::from_millis(*milliseconds),
            Event::Ask => turns.push((now + bucket.next_turn(now)).duration_since(start).as_secs_f64()),
            Event::Throttle => bucket.throttled(now),
        }
    }
    turns
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_window_sees_more_than_the_burst_and_the_rate(rate in rates(), events in events()) {
        let turns = turns(rate, &events);
        prop_assert!(turns.is_sorted(), "nobody overtakes: {turns:?}");
        for (first, from) in turns.iter().enumerate() {
            for (last, to) in turns.iter().enumerate().skip(first) {
                let passed = f64::from(u32::try_from(last - first + 1).unwrap());
                let allowed = f64::from(rate.burst) + rate.per_second * (to - from);
                prop_assert!(passed <= allowed + 1e-6, "{passed} of {allowed} between {from} and {to}");
            }
        }
    }

    #[test]
    fn a_bucket_learns_down_at_a_throttle_and_never_beyond_its_bounds(rate in rates(), events in events()) {
        let mut now = Instant::now();
        let mut bucket = Bucket::new(rate, now);
        for event in &events {
            let before = bucket.rate();
            match event {
                Event::Pass(milliseconds) => now += Duration::from_millis(*milliseconds),
                Event::Ask => {
                    bucket.next_turn(now);
                    prop_assert!(bucket.rate().per_second >= before.per_second, "only throttles slow it down");
                }
                Event::Throttle => bucket.throttled(now),
            }
            let after = bucket.rate();
            prop_assert!(after.burst >= 1 && after.burst <= rate.burst);
            prop_assert!(after.per_second >= rate.per_second / 16.0 - 1e-9);
            prop_assert!(after.per_second <= rate.per_second + 1e-9);
        }
        now += Duration::from_mins(4);
        bucket.next_turn(now);
        prop_assert!((bucket.rate().per_second - rate.per_second).abs() < 1e-6, "all is regained in four quiet minutes");
    }
}

#[test]
fn a_storm_of_throttles_within_a_second_halves_once() {
    let now = Instant::now();
    let mut bucket = Bucket::new(Rate { burst: 10, per_second: 8.0 }, now);
    for _ in 0..20 {
        bucket.throttled(now + Duration::from_millis(500));
    }
    let learned = bucket.rate();
    assert_eq!(learned.burst, 5);
    assert!((learned.per_second - 4.0).abs() < 0.1, "{learned:?}");
    assert!(
        bucket.next_turn(now + Duration::from_millis(500)) > Duration::from_millis(200),
        "nothing is left at once"
    );
}

#[tokio::test(start_paused = true)]
async fn callers_are_served_in_the_order_they_asked_even_if_one_gives_up() {
    let limiter = std::sync::Arc::new(Limiter::new(Rate { burst: 1, per_second: 1.0 }));
    let start = Instant::now();
    let callers: Vec<_> = (0..4u64)
        .map(|_| {
            let limiter = std::sync::Arc::clone(&limiter);
            async move {
                limiter.acquire().await;
                start.elapsed().as_secs()
            }
        })
        .collect();
    let mut waiting = vec![];
    for (n, caller) in callers.into_iter().enumerate() {
        let caller = tokio::spawn(caller);
        tokio::task::yield_now().await;
        if n == 1 {
            caller.abort();
        } else {
            waiting.push(caller);
        }
    }
    let mut served = vec![];
    for caller in waiting {
        served.push(caller.await.unwrap());
    }
    assert_eq!(served, [0, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn reads_and_writes_of_a_cell_and_operations_of_the_organization_do_not_share_buckets() {
    let cell = Limits::cell(&CellRates::default());
    cell.of("CreateResourceShare").throttled();
    assert_eq!(cell.of("GetResourceShares").rate(), CellRates::default().read);
    assert!(cell.of("TagResource").rate().per_second < CellRates::default().write.per_second);
    // Nor do services.
    for other in ["PutKeyPolicy", "SetQueueAttributes", "SetRepositoryPolicy", "PutResourcePolicy"] {
        assert_eq!(cell.of(other).rate(), CellRates::default().write, "{other}");
        cell.of(other).throttled();
    }

    let organization = Limits::organization();
    organization.of("ListAccounts").throttled();
    assert_eq!(organization.of("ListRoots").rate(), Rate { burst: 2, per_second: 1.0 });
    assert_eq!(organization.of("DescribeAccount").rate(), Rate { burst: 30, per_second: 20.0 });
    assert_eq!(organization.of("SomethingNew").rate(), Rate { burst: 2, per_second: 1.0 });
}
