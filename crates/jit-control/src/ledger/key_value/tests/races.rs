//! Two invocations at one record, in every order of their effects, with a crash at every step.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::effects::KeyValue;
use crate::effects::memory::interleave::{Schedule, Task, every_schedule, interleave};

/// More orders than any case here has.
const ORDERS_MAX: usize = 200_000;
/// Patience enough for one successor.
const PATIENT: Duration = Duration::from_secs(10);

/// Every order there is.
const ALL: usize = usize::MAX;
/// Every order with this many switches, where all are too many.
const FEW: usize = 3;

type Answer = Option<Result<Committed, LedgerError>>;

/// Runs one commit for each of `writes` side by side in the order that `schedule` says, with at most so many switches.
fn race(
    effects: &MemoryEffects,
    schedule: &mut Schedule,
    writes: &[(Write, Duration)],
    (crash, switches): (Option<(u64, Fault)>, usize),
) -> Vec<Answer> {
    let invocations: Vec<MemoryEffects> = writes.iter().map(|_| effects.another()).collect();
    if let Some((effect, fault)) = crash {
        invocations[0].fault(effect, fault);
    }
    let tasks = invocations.iter().zip(writes).map(|(invocation, (write, patience))| {
        Task::new(invocation, async move {
            let ledger = KeyValueLedger::new(invocation).with_patience(*patience);
            ledger.commit(vec![write.clone()]).await
        })
    });
    interleave(tasks.collect(), schedule.with_switches(switches))
}

fn written(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| **answer == Some(Ok(Committed::Written))).count()
}

/// The record must be at `before` or one further, as the one who was told that it wrote has left it.
fn assert_one_step(effects: &MemoryEffects, answers: &[Answer], before: u64, crashed: bool) {
    let now = read(effects, &key()).map_or(0, |(version, _)| version);
    assert!(written(answers) <= 1, "two winners at version {before}: {answers:?}");
    assert!(now == before + 1 || now == before, "from {before} to {now}: {answers:?}");
    if written(answers) == 1 {
        let winner = answers.iter().position(|answer| *answer == Some(Ok(Committed::Written))).unwrap();
        assert_eq!(read(effects, &key()), Some((before + 1, winner.to_string())));
    } else if !crashed {
        // Orders in which each keeps the other from writing exist only as burnt tickets.
        assert!(answers.iter().all(|a| matches!(a, Some(Err(LedgerError::Busy { .. })))), "{answers:?}");
    }
}

fn both_write(expected: u64) -> Vec<(Write, Duration)> {
    ["0", "1"].map(|value| (write(&key(), expected, value, Index::Open), Duration::ZERO)).to_vec()
}

#[test]
fn two_who_make_a_record_never_both_win() {
    let mut winners: BTreeMap<usize, usize> = BTreeMap::new();
    let orders = every_schedule(ORDERS_MAX, |schedule| {
        let effects = MemoryEffects::new(1);
        let answers = race(&effects, schedule, &both_write(0), (None, ALL));
        assert_one_step(&effects, &answers, 0, false);
        assert_eq!(open(&effects, Kind::Class), ["c"]);
        *winners
            .entry(answers.iter().position(|a| *a == Some(Ok(Committed::Written))).unwrap())
            .or_default() += 1;
    });
    assert!(orders > 200 && winners.len() == 2, "{orders} orders, won by {winners:?}");
}

#[test]
fn two_who_change_a_record_or_delete_it_never_both_win() {
    for (expected, deleted) in [(1, false), (1, true)] {
        every_schedule(ORDERS_MAX, |schedule| {
            let effects = MemoryEffects::new(1);
            commit(&effects, write(&key(), 0, "old", Index::Open)).unwrap();
            let mut writes = both_write(expected);
            if deleted {
                writes[1].0 = delete(&key(), expected);
            }
            let answers = race(&effects, schedule, &writes, (None, ALL));
            assert_eq!(written(&answers), 1, "{answers:?}");
            let is_open = answers[0] == Some(Ok(Committed::Written)) || !deleted;
            assert_eq!(open(&effects, Kind::Class).len(), usize::from(is_open));
        });
    }
}

#[test]
fn closing_late_never_hides_a_record_that_was_opened_again() {
    let orders = every_schedule(ORDERS_MAX, |schedule| {
        let effects = MemoryEffects::new(1);
        commit(&effects, write(&key(), 0, "old", Index::Open)).unwrap();
        let closed = write(&key(), 1, "closed", Index::Closed);
        let opened = write(&key(), 2, "opened", Index::Open);
        let answers =
            race(&effects, schedule, &[(closed, Duration::ZERO), (opened, Duration::ZERO)], (None, ALL));
        assert_eq!(answers[0], Some(Ok(Committed::Written)));
        let expected: &[&str] = if written(&answers) == 2 { &["c"] } else { &[] };
        assert_eq!(open(&effects, Kind::Class), expected);
    });
    assert!(orders > 20, "{orders} orders");
}

#[test]
fn a_crash_at_any_step_beside_another_writer_loses_no_update_and_blocks_nobody() {
    for state in [0, 1] {
        // A crash after one effect is a crash before the next.
        for (effect, fault) in
            [(1, Fault::CrashBefore)].into_iter().chain((1..=7).map(|n| (n, Fault::CrashAfter)))
        {
            every_schedule(ORDERS_MAX, |schedule| {
                let effects = MemoryEffects::new(1);
                for expected in 0..state {
                    commit(&effects, write(&key(), expected, "old", Index::Closed)).unwrap();
                }
                let answers = race(&effects, schedule, &both_write(state), (Some((effect, fault)), FEW));
                assert_one_step(&effects, &answers, state, true);
                assert_gets_through(&effects);
            });
        }
    }
}

#[test]
fn patience_gets_through_within_one_invocation_and_waits_for_a_winner_that_writes() {
    for crash in
        [None, Some((2, Fault::CrashAfter)), Some((3, Fault::CrashBefore)), Some((4, Fault::CrashBefore))]
    {
        every_schedule(ORDERS_MAX, |schedule| {
            let effects = MemoryEffects::new(1);
            let writes = ["0", "1"].map(|value| (write(&key(), 0, value, Index::Closed), PATIENT));
            let answers = race(&effects, schedule, &writes, (crash, FEW));
            assert_eq!(written(&answers), 1, "{answers:?}");
            let winner = answers.iter().position(|answer| *answer == Some(Ok(Committed::Written))).unwrap();
            assert_eq!(read(&effects, &key()), Some((1, winner.to_string())));
        });
    }
}

#[test]
fn crashes_in_a_row_at_one_state_are_all_got_over() {
    let effects = MemoryEffects::new(1);
    let crash_before = |effect| {
        let crashing = effects.another();
        crashing.fault(effect, Fault::CrashBefore);
        let ledger = KeyValueLedger::new(&crashing);
        assert!(crashing.run(ledger.commit(vec![write(&key(), 0, "", Index::Closed)])).is_none());
    };
    crash_before(4);
    for burnt in 1..20 {
        let busy = commit(&effects, write(&key(), 0, "", Index::Closed));
        assert!(matches!(busy, Err(LedgerError::Busy { .. })), "{burnt} burnt: {busy:?}");
        effects.advance(Duration::from_secs(30));
        // Look, draw, six looks, note, draw, look: and the write does not come.
        crash_before(12);
        let highest = format!("t/class/c/0.{}", burnt + 1);
        assert!(effects.keys().contains(&highest), "{highest} is drawn");
    }
    assert_gets_through(&effects);
}

#[test]
fn the_ticket_after_many_burnt_ones_is_found_in_one_step() {
    let effects = MemoryEffects::new(1);
    for number in 1..=50 {
        let increment = KeyValue::Increment(format!("t/class/c/0.{number}"), 1);
        effects.run(effects.key_value(increment)).unwrap().unwrap();
    }
    let note = format!(r#"{{"number":50,"at_ms":{}}}"#, effects.now().as_ms());
    let set = KeyValue::Set("w/class/c/0".to_owned(), note.into_bytes());
    effects.run(effects.key_value(set)).unwrap().unwrap();
    let busy = commit(&effects, write(&key(), 0, "", Index::Closed));
    assert!(matches!(busy, Err(LedgerError::Busy { .. })), "{busy:?}");
    effects.advance(Duration::from_secs(30));
    assert_eq!(commit(&effects, write(&key(), 0, "", Index::Closed)), Ok(Committed::Written));
}

/// A ticket is burnt, noted, and the note is old: both draw the successor.
#[test]
fn two_who_succeed_a_crashed_winner_never_both_win() {
    every_schedule(ORDERS_MAX, |schedule| {
        let effects = MemoryEffects::new(1);
        burn_a_ticket(&effects);
        effects.advance(Duration::from_secs(30));
        let answers = race(&effects, schedule, &both_write(0), (None, FEW));
        assert_eq!(written(&answers), 1, "{answers:?}");
        assert_one_step(&effects, &answers, 0, false);
    });
}

/// What is known of tickets that were drawn before a record was made, deleted and forgotten must not count for a new one.
#[test]
fn two_who_make_a_forgotten_record_anew_never_both_win() {
    every_schedule(ORDERS_MAX, |schedule| {
        let effects = MemoryEffects::new(1);
        burn_a_ticket(&effects);
        effects.advance(Duration::from_secs(30));
        assert_gets_through(&effects);
        commit(&effects, delete(&key(), 1)).unwrap();
        tidy_for_hours(&effects, 2);
        assert!(!effects.keys().iter().any(|key| key.contains("class/c")), "{:?}", effects.keys());
        let answers = race(&effects, schedule, &both_write(0), (None, FEW));
        assert_eq!(written(&answers), 1, "{answers:?}");
        assert_one_step(&effects, &answers, 0, false);
    });
}

/// Crashes between draw and write, and lets another find out.
fn burn_a_ticket(effects: &MemoryEffects) {
    let crashing = effects.another();
    crashing.fault(4, Fault::CrashBefore);
    let ledger = KeyValueLedger::new(&crashing);
    assert!(crashing.run(ledger.commit(vec![write(&key(), 0, "", Index::Closed)])).is_none());
    let busy = commit(effects, write(&key(), 0, "", Index::Closed));
    assert!(matches!(busy, Err(LedgerError::Busy { .. })), "{busy:?}");
}

/// Three writers who each add two marks, one of whom crashes somewhere, in random orders.
#[test]
fn three_writers_in_random_orders_lose_no_mark() {
    for seed in 0..400 {
        let effects = MemoryEffects::new(seed);
        let random = |below: usize| {
            let mut bytes = [0; 8];
            effects.random(&mut bytes);
            usize::try_from(u64::from_le_bytes(bytes) % u64::try_from(below).unwrap()).unwrap()
        };
        let invocations: Vec<MemoryEffects> = (0..3).map(|_| effects.another()).collect();
        invocations[0].fault(u64::try_from(random(20)).unwrap(), Fault::CrashAfter);
        let tasks = invocations.iter().enumerate().map(|(writer, effects)| {
            Task::new(effects, async move {
                let ledger = KeyValueLedger::new(effects).with_patience(if writer == 1 {
                    PATIENT
                } else {
                    Duration::ZERO
                });
                let mut written = Vec::new();
                for n in 0..6 {
                    let before = ledger.read(&key()).await.unwrap();
                    let (version, text) = before.map_or((0, String::new()), |record| {
                        (record.version, String::from_utf8(record.value).unwrap())
                    });
                    let mark = format!("{writer}:{n}");
                    let all = write(&key(), version, &format!("{text} {mark}"), Index::Open);
                    if ledger.commit(vec![all]).await == Ok(Committed::Written) {
                        written.push(mark);
                    }
                }
                written
            })
        });
        let written = interleave(tasks.collect(), random);
        let (version, text) = read(&effects, &key()).unwrap_or_default();
        let marks: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(version, u64::try_from(marks.len()).unwrap(), "seed {seed}: {text}");
        for mark in written.iter().flatten().flatten() {
            assert_eq!(
                marks.iter().filter(|found| *found == mark).count(),
                1,
                "seed {seed}: {mark} in {text}"
            );
        }
        assert_gets_through(&effects);
    }
}

#[test]
fn a_winner_that_is_too_late_does_not_write() {
    let effects = MemoryEffects::new(1);
    let slow = effects.another();
    let ledger = KeyValueLedger::new(&slow);
    // The first look and the draw; then the store takes its time to answer the second look.
    let mut commit_slowly = std::pin::pin!(ledger.commit(vec![write(&key(), 0, "late", Index::Closed)]));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    while slow.effects() < 2 {
        assert!(commit_slowly.as_mut().poll(&mut context).is_pending());
    }
    effects.advance(Duration::from_millis(2_001));
    let answer = effects.run(commit_slowly).unwrap();
    assert!(matches!(answer, Err(LedgerError::Busy { .. })), "{answer:?}");
    assert_eq!(read(&effects, &key()), None);
    assert_gets_through(&effects);
}
