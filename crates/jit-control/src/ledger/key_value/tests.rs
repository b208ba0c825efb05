//! Tests of the ledger on key-value: the contract, cost, faults, limits; races and tidying in files of their own.

use std::time::Duration;

use crate::effects::Effects;
use crate::effects::memory::{Fault, MemoryEffects};
use crate::ledger::key_value::KeyValueLedger;
use crate::ledger::{Change, Committed, Index, Key, Kind, Ledger, LedgerError, Write, suite};

use jit_domain::time::Timestamp;

mod faults;
mod races;
mod tidying;

pub(super) fn key() -> Key {
    Key::new(Kind::Class, "c")
}

pub(super) fn write(key: &Key, expected: u64, value: &str, index: Index) -> Write {
    let value = Change::Put { value: value.as_bytes().to_vec(), index, expires_at: None };
    Write { key: key.clone(), expected, value }
}

pub(super) fn delete(key: &Key, expected: u64) -> Write {
    Write { key: key.clone(), expected, value: Change::Delete }
}

/// Commits in an invocation of its own.
pub(super) fn commit(effects: &MemoryEffects, write: Write) -> Result<Committed, LedgerError> {
    let effects = effects.another();
    effects.run(KeyValueLedger::new(&effects).commit(vec![write])).unwrap()
}

/// Version and value, read in an invocation of its own.
pub(super) fn read(effects: &MemoryEffects, key: &Key) -> Option<(u64, String)> {
    let effects = effects.another();
    let record = effects.run(KeyValueLedger::new(&effects).read(key)).unwrap().unwrap();
    record.map(|record| (record.version, String::from_utf8(record.value).unwrap()))
}

/// The names of the open records of a kind.
pub(super) fn open(effects: &MemoryEffects, kind: Kind) -> Vec<String> {
    let effects = effects.another();
    let page = effects.run(KeyValueLedger::new(&effects).open(kind, None)).unwrap().unwrap();
    page.records.into_iter().map(|record| record.key.name).collect()
}

/// Tidies in an invocation of its own, as long as it takes.
pub(super) fn tidy(effects: &MemoryEffects) -> u64 {
    let effects = effects.another();
    let until = effects.now() + Duration::from_hours(1);
    effects.run(KeyValueLedger::new(&effects).tidy(until)).unwrap().unwrap()
}

/// Rounds of tidying, an hour apart, as scaledown does it.
pub(super) fn tidy_for_hours(effects: &MemoryEffects, hours: u32) {
    for _ in 0..hours {
        effects.advance(Duration::from_hours(1));
        tidy(effects);
    }
}

/// Whoever tries after a crash gets through at the second attempt, 30 s after the first, and its record is listed.
pub(super) fn assert_gets_through(effects: &MemoryEffects) {
    let version = read(effects, &key()).map_or(0, |(version, _)| version);
    let mut answer = commit(effects, write(&key(), version, "later", Index::Open));
    if answer != Ok(Committed::Written) {
        effects.advance(Duration::from_secs(30));
        answer = commit(effects, write(&key(), version, "later", Index::Open));
    }
    assert_eq!(answer, Ok(Committed::Written));
    assert_eq!(read(effects, &key()), Some((version + 1, "later".to_owned())));
    assert_eq!(open(effects, Kind::Class), ["c"]);
}

/// The effects of one commit after a read in the same invocation.
fn cost(effects: &MemoryEffects, write: Write) -> u64 {
    let effects = effects.another();
    let ledger = KeyValueLedger::new(&effects);
    effects.run(ledger.read(&write.key)).unwrap().unwrap();
    assert_eq!(effects.effects(), 1, "a read is one operation");
    assert_eq!(effects.run(ledger.commit(vec![write])).unwrap(), Ok(Committed::Written));
    effects.effects() - 1
}

#[test]
fn the_contract_holds() {
    for seed in 1..=3 {
        let effects = MemoryEffects::new(seed);
        effects.run(suite::check(|| KeyValueLedger::new(&effects), "run", seed)).unwrap();
    }
}

#[test]
fn the_contract_holds_with_patience() {
    let effects = MemoryEffects::new(4);
    let open = || KeyValueLedger::new(&effects).with_patience(Duration::from_secs(10));
    effects.run(suite::check(open, "run", 4)).unwrap();
}

#[test]
fn a_commit_alone_is_three_operations_and_an_index_entry_one_more() {
    let effects = MemoryEffects::new(1);
    assert_eq!(cost(&effects, write(&key(), 0, "a", Index::Closed)), 3);
    assert_eq!(cost(&effects, write(&key(), 1, "b", Index::Open)), 3 + 2, "the entry, and is there room");
    assert_eq!(cost(&effects, write(&key(), 2, "c", Index::Open)), 3);
    assert_eq!(cost(&effects, write(&key(), 3, "d", Index::Closed)), 3 + 1);
    assert_eq!(cost(&effects, delete(&key(), 4)), 3);
}

#[test]
fn whether_there_is_room_is_asked_once_in_an_invocation() {
    let effects = MemoryEffects::new(1);
    let ledger = KeyValueLedger::new(&effects);
    let writes = ["a", "b", "c"].map(|name| write(&Key::new(Kind::Job, name), 0, "", Index::Open));
    effects.run(ledger.commit(writes.to_vec())).unwrap().unwrap();
    assert_eq!(effects.effects(), 3 * (4 + 1) + 1, "look, draw, entry, look, write; and once: is there room");
}

#[test]
fn an_expired_record_is_there_until_it_is_tidied() {
    let effects = MemoryEffects::new(1);
    let value = Change::Put { value: vec![], index: Index::Open, expires_at: Some(Timestamp::from_ms(1)) };
    commit(&effects, Write { key: key(), expected: 0, value }).unwrap();
    assert!(read(&effects, &key()).is_some());
    assert_eq!(open(&effects, Kind::Class), ["c"]);
}
