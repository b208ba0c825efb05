//! That peaks, ideal times and spreads are what they are said to be, and that each goal can be missed.
//! Not here: a case that is played; `tests/native.rs` has one.

use super::*;
use crate::scenario::{Matrix, Scenario};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn lives_that_touch_do_not_overlap() {
    assert_eq!(peak(&[]), 0);
    assert_eq!(peak(&[(at(0), at(10)), (at(10), at(20))]), 1);
    assert_eq!(peak(&[(at(0), at(10)), (at(5), at(20)), (at(9), at(12)), (at(11), at(30))]), 3);
}

#[test]
fn the_ideal_is_the_sum_along_the_width() {
    let matrix = |jobs, max_parallel| {
        let key = "build".to_owned();
        Matrix { key, jobs, max_parallel, minutes: 6, spread_percent: 0 }.ideal(1).as_secs()
    };
    assert_eq!(matrix(37, Some(1)), 37 * 360);
    assert_eq!(matrix(9, Some(4)), 3 * 360);
    assert_eq!(matrix(64, None), 360);
}

#[test]
fn a_spread_keeps_the_median() {
    let matrix = |spread_percent| Matrix {
        key: "build".to_owned(),
        jobs: 256,
        max_parallel: Some(1),
        minutes: 6,
        spread_percent,
    };
    let mut drawn = matrix(20).durations_s(7);
    drawn.sort_unstable();
    assert!((350..370).contains(&drawn[128]) && drawn[0] < 340 && drawn[255] > 390, "{drawn:?}");
    assert!(matrix(0).durations_s(7).iter().all(|duration| *duration == 360));
}

fn measured() -> Measured {
    Measured {
        completed: 37,
        jobs: 37,
        launches: 37,
        jit_age_max: SignedDuration::from_secs(5),
        idle: SignedDuration::from_mins(50),
        peak: 2,
        makespan: SignedDuration::from_secs(13_400),
        ideal: SignedDuration::from_secs(13_350),
        retired: Some(SignedDuration::from_secs(40)),
        violations: Vec::new(),
    }
}

#[test]
fn every_goal_can_be_missed() {
    let text = r#"
        seed = 1
        distributions = { boot_p50_s = 25, boot_p99_s = 70, agent_start_s = 4, event_delay_ms = [0, 1] }
        [[case]]
        name = "all goals"
        policy = "ours"
        jit_life_min = 60
        matrix = [{ key = "build", jobs = 37, max_parallel = 1, minutes = 6 }]
        goals = { completed_min = 37, completed_max = 37, makespan_over_ideal_max = 1.0, extra_s = 60, peak_max = 2, idle_of_naive_percent_max = 5.0, jit_age_s_max = 10.0, retired_s_max = 120.0 }
    "#;
    let scenario = Scenario::parse(text).unwrap();
    let case = &scenario.cases[0];
    let naive = Measured { idle: SignedDuration::from_mins(2_000), ..measured() };
    let misses = |changed: Measured| changed.misses(case, Some(&naive));
    assert_eq!(misses(measured()), Vec::<String>::new());
    let seconds = SignedDuration::from_secs;
    for (changed, told) in [
        (Measured { completed: 36, ..measured() }, "fewer than 37"),
        (Measured { completed: 38, ..measured() }, "more than 37"),
        (Measured { makespan: seconds(13_411), ..measured() }, "took 13411 s"),
        (Measured { peak: 3, ..measured() }, "3 instances at once"),
        (Measured { idle: SignedDuration::from_mins(101), ..measured() }, "101.0 idle minutes"),
        (Measured { jit_age_max: seconds(11), ..measured() }, "11.0 s old"),
        (Measured { retired: Some(seconds(121)), ..measured() }, "121 s after the cancel"),
    ] {
        let told_of = misses(changed);
        assert!(told_of.len() == 1 && told_of[0].contains(told), "{told}: {told_of:?}");
    }
}
