//! Tests of the effects in memory.

use futures::future::join_all;

use super::interleave::{Task, every_schedule, interleave};
use super::*;

fn increment(key: &str) -> KeyValue {
    KeyValue::Increment(key.to_owned(), 1)
}

#[test]
fn sleeping_moves_the_clock_by_the_longest_of_concurrent_sleeps() {
    let effects = MemoryEffects::new(1);
    let start = effects.now();
    let sleeps = [3_u64, 1, 2].map(|s| effects.sleep(Duration::from_secs(s)));
    effects.run(join_all(sleeps)).unwrap();
    assert_eq!(effects.now().since(start), Duration::from_secs(3));
}

#[test]
fn under_another_executor_sleeping_returns_at_once_and_the_clock_jumps() {
    let effects = MemoryEffects::new(1);
    let start = effects.now();
    let mut sleep = std::pin::pin!(effects.sleep(Duration::from_hours(1)));
    let mut context = Context::from_waker(Waker::noop());
    while sleep.as_mut().poll(&mut context).is_pending() {}
    assert_eq!(effects.now().since(start), Duration::from_hours(1));
}

#[test]
fn a_fault_before_leaves_nothing_and_a_fault_after_leaves_the_effect() {
    for (fault, count, answered) in [
        (Fault::FailBefore, 1, true),
        (Fault::FailAfter, 2, true),
        (Fault::CrashBefore, 1, false),
        (Fault::CrashAfter, 2, false),
    ] {
        let effects = MemoryEffects::new(1);
        let other = effects.another();
        other.fault(1, fault);
        assert_eq!(other.run(other.key_value(increment("c"))).is_some(), answered, "{fault:?}");
        let reply = effects.run(effects.key_value(increment("c"))).unwrap();
        assert_eq!(reply, Ok(KeyValueReply::Count(count)), "{fault:?}");
    }
}

#[test]
fn requests_are_answered_by_the_closure_and_fail_as_asked() {
    let effects = MemoryEffects::new(1);
    let second = Duration::from_secs(1);
    let request = || http::Request::get("https://api.github.com/").body(Vec::new()).unwrap();
    let nobody = effects.run(effects.send(request(), second)).unwrap();
    assert!(matches!(nobody, Err(SendError::NotSent(_))));

    effects.answer(|request| Ok(http::Response::new(request.uri().path().as_bytes().to_vec())));
    effects.fault(3, Fault::FailAfter);
    assert_eq!(effects.run(effects.send(request(), second)).unwrap().unwrap().body(), b"/");
    let lost = effects.run(effects.send(request(), second)).unwrap();
    assert!(matches!(lost, Err(SendError::Unknown(_))));
}

#[test]
fn every_order_of_two_times_two_effects_is_tried_once() {
    let mut seen = std::collections::BTreeSet::new();
    let tried = every_schedule(100, |schedule| {
        let world = MemoryEffects::new(1);
        let invocations = [world.another(), world.another()];
        let tasks = invocations
            .iter()
            .map(|effects| {
                Task::new(effects, async move {
                    let first = effects.key_value(increment("c")).await.unwrap();
                    (first, effects.key_value(increment("c")).await.unwrap())
                })
            })
            .collect();
        seen.insert(format!("{:?}", interleave(tasks, |options| schedule.choose(options))));
    });
    assert_eq!(seen.len(), 6, "each pair of places among four is seen");
    assert!(tried >= 6);
}

#[test]
fn a_key_is_a_counter_or_a_value_and_never_both() {
    let effects = MemoryEffects::new(1);
    let run = |operation| effects.run(effects.key_value(operation)).unwrap();
    run(KeyValue::Set("v".to_owned(), vec![1])).unwrap();
    run(increment("c")).unwrap();
    for mixed in [increment("v"), KeyValue::Get("c".to_owned()), KeyValue::Set("c".to_owned(), vec![])] {
        assert!(matches!(run(mixed), Err(KeyValueError::Denied(_))));
    }
}
