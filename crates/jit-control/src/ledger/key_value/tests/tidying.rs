//! What tidy takes away, and that it never takes what somebody needs.

use std::time::Duration;

use super::*;
use crate::effects::KeyValue;
use crate::effects::memory::interleave::{Task, every_schedule, interleave};
use crate::ledger::key_value::limits::TIDY_DELETIONS_MAX;

const HOUR: Duration = Duration::from_hours(1);

fn set(effects: &MemoryEffects, key: &str, value: &[u8]) {
    let set = KeyValue::Set(key.to_owned(), value.to_vec());
    effects.run(effects.key_value(set)).unwrap().unwrap();
}

#[test]
fn tickets_go_an_hour_later_and_the_record_stays_as_it_is() {
    let effects = MemoryEffects::new(1);
    for version in 0..5 {
        commit(&effects, write(&key(), version, "x", Index::Open)).unwrap();
    }
    assert_eq!(tidy(&effects), 0, "nothing is an hour old");
    effects.advance(HOUR);
    assert_eq!(tidy(&effects), 5, "the tickets of versions 0 to 4");
    assert_eq!(effects.keys().len(), 2, "the record and its index entry: {:?}", effects.keys());
    assert_eq!(read(&effects, &key()), Some((5, "x".to_owned())));
    assert_eq!(commit(&effects, write(&key(), 4, "y", Index::Open)), Ok(Committed::Lost(0)));
    assert_eq!(commit(&effects, write(&key(), 5, "y", Index::Open)), Ok(Committed::Written));
}

#[test]
fn a_record_written_all_the_time_keeps_only_the_tickets_of_an_hour() {
    let effects = MemoryEffects::new(1);
    for version in 0..180 {
        commit(&effects, write(&key(), version, "x", Index::Open)).unwrap();
        effects.advance(Duration::from_mins(1));
        if version % 5 == 0 {
            tidy(&effects);
        }
    }
    assert!(effects.keys().len() < 75, "{} keys", effects.keys().len());
}

#[test]
fn an_expired_record_becomes_a_tombstone_and_an_hour_later_nothing() {
    let effects = MemoryEffects::new(1);
    let expires_at = Some(effects.now() + HOUR);
    let value = Change::Put { value: b"x".to_vec(), index: Index::Open, expires_at };
    commit(&effects, Write { key: key(), expected: 0, value }).unwrap();
    effects.advance(HOUR - Duration::from_millis(1));
    tidy(&effects);
    assert!(read(&effects, &key()).is_some());
    effects.advance(Duration::from_millis(1));
    assert!(tidy(&effects) > 0);
    assert_eq!(read(&effects, &key()), None);
    assert!(open(&effects, Kind::Class).is_empty());
    tidy_for_hours(&effects, 2);
    assert_eq!(effects.keys(), Vec::<String>::new());
}

#[test]
fn a_tombstone_counts_on_for_an_hour_and_then_the_record_begins_anew() {
    let effects = MemoryEffects::new(1);
    commit(&effects, write(&key(), 0, "x", Index::Open)).unwrap();
    commit(&effects, delete(&key(), 1)).unwrap();
    effects.advance(HOUR - Duration::from_millis(1));
    tidy(&effects);
    commit(&effects, write(&key(), 0, "y", Index::Open)).unwrap();
    assert_eq!(read(&effects, &key()), Some((3, "y".to_owned())));
    commit(&effects, delete(&key(), 3)).unwrap();
    tidy_for_hours(&effects, 2);
    assert_eq!(effects.keys(), Vec::<String>::new());
    commit(&effects, write(&key(), 0, "z", Index::Open)).unwrap();
    assert_eq!(read(&effects, &key()), Some((1, "z".to_owned())));
    assert_eq!(open(&effects, Kind::Class), ["c"]);
}

#[test]
fn the_index_is_repaired_in_both_directions() {
    let effects = MemoryEffects::new(1);
    for name in ["open", "closed"] {
        let index = if name == "open" { Index::Open } else { Index::Closed };
        commit(&effects, write(&Key::new(Kind::Job, name), 0, "", index)).unwrap();
    }
    let marker = effects.keys().into_iter().find(|key| key.starts_with("o/job/open/")).unwrap();
    effects.run(effects.key_value(KeyValue::Delete(marker.clone()))).unwrap().unwrap();
    let stray = marker.replace("/open/", "/closed/");
    set(&effects, &stray, b"1");
    set(&effects, &marker.replace("/open/", "/never/"), b"1");
    assert!(open(&effects, Kind::Job).is_empty());
    tidy(&effects);
    assert_eq!(open(&effects, Kind::Job), ["open"]);
    assert!(effects.value(&stray).is_some(), "somebody may be about to write the record");
    effects.advance(HOUR);
    tidy(&effects);
    assert_eq!(effects.keys().into_iter().filter(|key| key.starts_with("o/")).collect::<Vec<_>>(), [marker]);
}

#[test]
fn counters_live_their_life_and_then_go() {
    let effects = MemoryEffects::new(1);
    let add = || {
        let effects = effects.another();
        effects.run(KeyValueLedger::new(&effects).add(&key(), 1, 2 * HOUR)).unwrap().unwrap()
    };
    assert_eq!(add(), 1);
    tidy(&effects);
    effects.advance(2 * HOUR - Duration::from_millis(1));
    tidy(&effects);
    assert_eq!(add(), 2);
    effects.advance(Duration::from_millis(1));
    assert_eq!(tidy(&effects), 2);
    assert_eq!(effects.keys(), Vec::<String>::new());
    assert_eq!(add(), 1);
}

#[test]
fn tickets_for_a_record_that_was_never_made_go_in_the_end() {
    let effects = MemoryEffects::new(1);
    let crashing = effects.another();
    crashing.fault(3, Fault::CrashBefore);
    let ledger = KeyValueLedger::new(&crashing);
    assert!(crashing.run(ledger.commit(vec![write(&key(), 0, "", Index::Closed)])).is_none());
    assert_eq!(effects.keys(), ["t/class/c/0.1"]);
    tidy(&effects);
    tidy_for_hours(&effects, 3);
    assert_eq!(effects.keys(), Vec::<String>::new());
}

#[test]
fn the_work_of_one_call_is_bounded_and_the_next_goes_on() {
    let effects = MemoryEffects::new(1);
    let records = usize::try_from(TIDY_DELETIONS_MAX).unwrap();
    for name in 0..records {
        let key = Key::new(Kind::Job, name);
        commit(&effects, write(&key, 0, "", Index::Closed)).unwrap();
        commit(&effects, write(&key, 1, "", Index::Closed)).unwrap();
    }
    effects.advance(HOUR);
    let calls: Vec<u64> = (0..3).map(|_| tidy(&effects)).collect();
    assert!(calls.iter().all(|deleted| *deleted <= TIDY_DELETIONS_MAX), "{calls:?}");
    assert_eq!(calls.iter().sum::<u64>(), 2 * TIDY_DELETIONS_MAX, "{calls:?}");
    let left = effects.keys();
    assert_eq!(left.iter().filter(|key| key.starts_with("r/")).count(), records);
    assert_eq!(left.len(), records + 1, "the records, and where to go on");

    let no_time = effects.another();
    let done = no_time.run(KeyValueLedger::new(&no_time).tidy(effects.now())).unwrap();
    assert_eq!(done, Ok(0));
}

#[test]
fn other_keys_of_the_store_are_left_alone() {
    let effects = MemoryEffects::new(1);
    let others = ["q/jobs/0", "d/jobs/0", "r/unknown-kind/a", "t/class", "something"];
    others.iter().for_each(|key| set(&effects, key, b"x"));
    tidy_for_hours(&effects, 3);
    assert!(others.iter().all(|key| effects.value(key).is_some()), "{:?}", effects.keys());
}

/// Two calls of tidy and one who makes the record anew, in every order of few switches: never two winners, never a key that is blocked.
#[test]
fn two_calls_of_tidy_and_a_writer_at_an_old_tombstone_harm_nobody() {
    let orders = every_schedule(2_000_000, |schedule| {
        let effects = MemoryEffects::new(1);
        commit(&effects, write(&key(), 0, "x", Index::Closed)).unwrap();
        commit(&effects, delete(&key(), 1)).unwrap();
        effects.advance(HOUR);
        let invocations: Vec<MemoryEffects> = (0..3).map(|_| effects.another()).collect();
        let tasks = invocations.iter().enumerate().map(|(number, effects)| {
            Task::new(effects, async move {
                let ledger = KeyValueLedger::new(effects);
                if number < 2 {
                    return ledger.tidy(effects.now() + HOUR).await.map(|_| Committed::Written);
                }
                ledger.commit(vec![write(&key(), 0, "new", Index::Closed)]).await
            })
        });
        let answers = interleave(tasks.collect(), schedule.with_switches(4));
        let made = answers[2] == Some(Ok(Committed::Written));
        assert_eq!(read(&effects, &key()).is_some(), made, "{answers:?}");
        effects.advance(Duration::from_secs(30));
        assert_gets_through(&effects);
    });
    assert!(orders > 1_000, "{orders} orders");
}
