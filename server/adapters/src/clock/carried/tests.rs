use proptest::prelude::*;

use super::*;

const DAYS: i64 = 2 * 24 * 3600;

fn at(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn clock() -> CarriedTime {
    CarriedTime::new(at(0), s(0), None)
}

/// A sample each second from `from` to `to`, off by `off` seconds; the last answer.
fn run(clock: &mut CarriedTime, from: u64, to: u64, off: i64) -> Observed {
    let mut last = Observed::Steady;
    for second in from..=to {
        last = clock.observe(at(i64::try_from(second).unwrap() + off), s(second));
    }
    last
}

#[test]
fn runs_with_the_monotonic_clock_between_samples() {
    let mut clock = clock();
    assert_eq!(clock.now(Duration::from_millis(1500)), at(1) + TimeDelta::milliseconds(500));
    assert_eq!(run(&mut clock, 1, 100, 0), Observed::Steady);
    assert_eq!(clock.now(s(100)), at(100));
    assert_eq!(clock.now(s(3700)), at(3700), "the database may be away for an hour");
    assert_eq!(clock.trust(s(3700)), Trust::Good);
}

#[test]
fn small_skew_is_met_and_larger_skew_warns() {
    let mut clock = clock();
    assert_eq!(run(&mut clock, 1, 1, 2), Observed::Steady);
    assert_eq!(clock.now(s(1)), at(3), "forward at once");
    assert_eq!(run(&mut clock, 2, 2, 6), Observed::Skewed(TimeDelta::seconds(4)));
    assert_eq!(clock.trust(s(2)), Trust::Good);
    // Now four seconds behind: the clock runs slow until both meet, and does not stand still.
    assert_eq!(run(&mut clock, 3, 3, 2), Observed::Skewed(TimeDelta::seconds(-4)));
    assert_eq!(clock.now(s(3)), at(9));
    assert_eq!(clock.now(s(13)), at(19) - TimeDelta::milliseconds(500));
    run(&mut clock, 4, 100, 2);
    assert_eq!(clock.now(s(100)), at(102), "they have met");
}

#[test]
fn two_days_forward_deny_at_once_hold_and_then_stand() {
    let mut clock = clock();
    run(&mut clock, 1, 10, 0);
    assert_eq!(run(&mut clock, 11, 11, DAYS), Observed::Jumped(TimeDelta::seconds(DAYS)));
    assert_eq!(clock.now(s(11)), at(11 + DAYS));
    assert_eq!(clock.trust(s(11)), Trust::HoldBulk);
    assert_eq!(clock.high_water(s(11)), at(11), "a suspect clock moves no mark");
    assert_eq!(run(&mut clock, 12, 40, DAYS), Observed::Held);
    assert_eq!(clock.trust(s(40)), Trust::HoldBulk);
    assert_eq!(run(&mut clock, 41, 41, DAYS), Observed::Confirmed);
    assert_eq!(clock.trust(s(41)), Trust::Good);
    assert_eq!(clock.high_water(s(41)), at(41 + DAYS));
}

#[test]
fn a_jump_that_was_a_mistake_is_taken_back() {
    let mut clock = clock();
    run(&mut clock, 1, 10, 0);
    run(&mut clock, 11, 20, DAYS);
    assert_eq!(run(&mut clock, 21, 21, 0), Observed::TakenBack);
    assert_eq!(clock.now(s(21)), at(21));
    assert_eq!(clock.trust(s(21)), Trust::Good);
}

#[test]
fn a_jump_is_held_for_sixty_seconds_at_most() {
    // Without a further sample.
    let mut clock = clock();
    run(&mut clock, 1, 1, DAYS);
    assert_eq!(clock.trust(s(60)), Trust::HoldBulk);
    assert_eq!(clock.trust(s(61)), Trust::Good);
    assert_eq!(clock.high_water(s(61)), at(61 + DAYS));
    // And with samples that jump on each time.
    let mut clock = self::clock();
    for second in 1..=60 {
        clock.observe(at(DAYS * i64::try_from(second).unwrap()), s(second));
        assert_eq!(clock.trust(s(second)), Trust::HoldBulk);
    }
    assert_eq!(clock.trust(s(61)), Trust::Good);
}

#[test]
fn two_days_back_revive_nothing_and_stop_issuing() {
    let mut clock = clock();
    run(&mut clock, 1, 10, 0);
    assert_eq!(run(&mut clock, 11, 11, -DAYS), Observed::Skewed(TimeDelta::seconds(-DAYS)));
    assert_eq!(clock.trust(s(11)), Trust::NoIssuing);
    run(&mut clock, 12, 3600, -DAYS);
    assert_eq!(clock.now(s(3600)), at(3600), "what is live still ends on time");
    assert_eq!(run(&mut clock, 3601, 3601, 0), Observed::Steady);
    assert_eq!(clock.trust(s(3601)), Trust::Good);
}

#[test]
fn a_database_whose_clock_stands_still_stops_issuing() {
    let mut clock = clock();
    for second in 1..=40 {
        clock.observe(at(0), s(second));
    }
    assert_eq!(clock.trust(s(40)), Trust::NoIssuing);
    assert!(clock.now(s(40)) > at(38));
}

#[test]
fn a_start_goes_on_from_the_stored_mark() {
    let behind = CarriedTime::new(at(0), s(5), Some(at(DAYS)));
    assert_eq!(behind.now(s(6)), at(DAYS + 1));
    assert_eq!(behind.trust(s(6)), Trust::NoIssuing);
    assert_eq!(behind.skew(), TimeDelta::seconds(-DAYS));
    let ahead = CarriedTime::new(at(DAYS), s(5), Some(at(0)));
    assert_eq!((ahead.now(s(5)), ahead.trust(s(5))), (at(DAYS), Trust::Good), "it was merely off");
}

/// Samples as a shaken clock gives them: mostly a second apart and right, at times off by anything.
fn samples() -> impl Strategy<Value = Vec<(u64, i64)>> {
    let off = prop_oneof![
        6 => -100_000..100_000i64,
        1 => -40_000_000..40_000_000i64,
        1 => -4_000_000_000_000..4_000_000_000_000i64,
        1 => Just(172_800_000_000i64),
    ];
    prop::collection::vec((0..3_000_000u64, off), 1..200)
}

proptest! {
    #[test]
    fn whatever_the_database_says(samples in samples(), mark in prop::option::of(-100_000..100_000i64)) {
        let start = at(0).timestamp_micros();
        let mut clock = CarriedTime::new(at(0), s(0), mark.map(at));
        let (mut mono, mut true_time) = (0u64, start);
        let mut held_since: Option<u64> = None;
        for (step, off) in samples {
            let before = Duration::from_micros(mono);
            mono += step;
            true_time += i64::try_from(step).unwrap();
            let now = Duration::from_micros(mono);
            // Between samples it runs, at its pace or 5 % slow.
            let gone = clock.now(now) - clock.now(before);
            let step_time = TimeDelta::microseconds(i64::try_from(step).unwrap());
            prop_assert!(gone <= step_time && gone * 20 >= step_time * 19 - TimeDelta::microseconds(20));

            let (told, trust, marked) = (clock.now(now), clock.trust(now), clock.high_water(now));
            let database = timestamp(true_time + off);
            let observed = clock.observe(database, now);
            prop_assert!(clock.now(now) >= database, "never behind the database");
            prop_assert!(clock.high_water(now) >= marked, "the mark only grows");
            prop_assert!(clock.now(now) >= clock.high_water(now));
            if clock.now(now) < told {
                prop_assert!(trust == Trust::HoldBulk, "only a held jump is taken back");
                prop_assert!(observed == Observed::TakenBack || matches!(observed, Observed::Jumped(_)));
            }
            if trust != Trust::HoldBulk {
                held_since = None; // what is held now is another jump
            }
            if clock.trust(now) == Trust::HoldBulk {
                let since = *held_since.get_or_insert(mono);
                prop_assert!(mono - since < 60_000_000, "held for too long");
                prop_assert!(clock.high_water(now) == marked, "a suspect clock moves no mark");
            }
            if clock.trust(now) == Trust::Good {
                prop_assert!(clock.now(now) - database <= TimeDelta::seconds(30));
            }
        }
    }
}
