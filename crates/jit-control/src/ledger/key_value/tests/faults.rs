//! One invocation among failures of the store, and the limits.

use std::time::Duration;

use super::*;
use crate::effects::KeyValue;
use crate::ledger::key_value::Listing;
use crate::ledger::key_value::limits::OPEN_MAX;

/// The effects of one commit that opens a record after a closed one.
const EFFECTS: u64 = 6;

#[test]
fn a_store_that_fails_once_anywhere_does_not_change_the_outcome_or_leaves_it_open() {
    for (effect, fault) in (1..=EFFECTS + 1).flat_map(|n| [(n, Fault::FailBefore), (n, Fault::FailAfter)]) {
        let effects = MemoryEffects::new(effect);
        commit(&effects, write(&key(), 0, "old", Index::Closed)).unwrap();
        let failing = effects.another();
        failing.fault(effect, fault);
        let ledger = KeyValueLedger::new(&failing);
        let answer = failing.run(ledger.commit(vec![write(&key(), 1, "new", Index::Open)])).unwrap();
        let now = read(&effects, &key()).unwrap();
        match answer {
            Ok(Committed::Written) => assert_eq!(now, (2, "new".to_owned())),
            // Only a draw that may have happened cannot be told from another's: the ticket is burnt.
            Err(LedgerError::Busy { .. }) => {
                assert_eq!((effect, fault), (3, Fault::FailAfter));
                assert_eq!(now, (1, "old".to_owned()));
                effects.advance(Duration::from_secs(31));
                let answer = commit(&effects, write(&key(), 1, "new", Index::Open));
                assert_eq!(answer, Ok(Committed::Written));
            }
            other => panic!("effect {effect}, {fault:?}: {other:?}"),
        }
        assert_eq!(open(&effects, Kind::Class), ["c"], "effect {effect}, {fault:?}");
    }
}

#[test]
fn a_write_that_keeps_failing_is_busy_and_the_record_says_whether_it_happened() {
    for fault in [Fault::FailBefore, Fault::FailAfter] {
        let effects = MemoryEffects::new(1);
        let failing = effects.another();
        // Look, draw, look; then the write, and from there on everything.
        (4..100).for_each(|effect| failing.fault(effect, fault));
        let ledger = KeyValueLedger::new(&failing);
        let answer = failing.run(ledger.commit(vec![write(&key(), 0, "a", Index::Closed)])).unwrap();
        assert!(matches!(answer, Err(LedgerError::Busy { .. })), "{answer:?}");
        assert_eq!(read(&effects, &key()).is_some(), fault == Fault::FailAfter);
    }
}

#[test]
fn a_write_that_failed_but_happened_is_found_out_by_looking() {
    let effects = MemoryEffects::new(1);
    let failing = effects.another();
    failing.fault(4, Fault::FailAfter);
    let ledger = KeyValueLedger::new(&failing);
    let answer = failing.run(ledger.commit(vec![write(&key(), 0, "a", Index::Closed)])).unwrap();
    assert_eq!(answer, Ok(Committed::Written));
    assert_eq!(failing.effects(), 5, "look, draw, look, write, look");
    assert_eq!(read(&effects, &key()), Some((1, "a".to_owned())));
}

#[test]
fn a_counter_whose_addition_failed_is_too_high_and_never_too_low() {
    let life = Duration::from_hours(1);
    for (fault, sum) in [(Fault::FailBefore, 1), (Fault::FailAfter, 2)] {
        let effects = MemoryEffects::new(1);
        effects.fault(1, fault);
        let ledger = KeyValueLedger::new(&effects);
        assert_eq!(effects.run(ledger.add(&key(), 1, life)).unwrap(), Ok(sum));
    }
}

#[test]
fn beyond_the_limit_of_open_records_no_more_are_opened_and_the_others_go_on() {
    let effects = MemoryEffects::new(1);
    for n in 0..OPEN_MAX {
        let name = Key::new(if n % 2 == 0 { Kind::Job } else { Kind::Instance }, n);
        let invocation = effects.another();
        let ledger = KeyValueLedger::new(&invocation);
        let made = invocation.run(ledger.commit(vec![write(&name, 0, "", Index::Open)])).unwrap();
        assert_eq!(made, Ok(Committed::Written));
    }
    assert_eq!(open(&effects, Kind::Class), Vec::<String>::new(), "this listing leaves the mark");
    let refused = commit(&effects, write(&key(), 0, "", Index::Open));
    assert!(
        matches!(&refused, Err(LedgerError::Refused { cause, .. }) if cause.contains("5000 open")),
        "{refused:?}"
    );
    assert_eq!(read(&effects, &key()), None);
    assert_eq!(commit(&effects, write(&key(), 0, "", Index::Closed)), Ok(Committed::Written));
    let one = Key::new(Kind::Job, 0);
    assert_eq!(commit(&effects, write(&one, 1, "", Index::Open)), Ok(Committed::Written));
    assert_eq!(commit(&effects, delete(&one, 2)), Ok(Committed::Written));
    open(&effects, Kind::Class);
    assert_eq!(commit(&effects, write(&key(), 1, "", Index::Open)), Ok(Committed::Written));
}

#[test]
fn an_invocation_that_lists_once_sees_what_it_opened_itself() {
    let effects = MemoryEffects::new(1);
    commit(&effects, write(&key(), 0, "", Index::Open)).unwrap();
    let invocation = effects.another();
    let ledger = KeyValueLedger::new(&invocation).with_listing(Listing::Once);
    let names = |kind| -> Vec<String> {
        let page = invocation.run(ledger.open(kind, None)).unwrap().unwrap();
        page.records.into_iter().map(|record| record.key.name).collect()
    };
    assert_eq!(names(Kind::Class), ["c"]);
    let listed_by = invocation.effects();
    assert!(names(Kind::Job).is_empty());
    assert_eq!(invocation.effects(), listed_by, "the second listing costs nothing");
    let own = write(&Key::new(Kind::Job, "own"), 0, "", Index::Open);
    invocation.run(ledger.commit(vec![own])).unwrap().unwrap();
    assert_eq!(names(Kind::Job), ["own"]);
}

#[test]
fn a_record_that_cannot_be_read_is_refused_and_left_out_of_listings() {
    let effects = MemoryEffects::new(1);
    for name in ["bad", "good", "newer"] {
        commit(&effects, write(&Key::new(Kind::Job, name), 0, "", Index::Open)).unwrap();
    }
    let set = |key: &str, value: &[u8]| {
        let set = KeyValue::Set(key.to_owned(), value.to_vec());
        effects.run(effects.key_value(set)).unwrap().unwrap();
    };
    set("r/job/bad", b"\x00");
    let newer =
        String::from_utf8(effects.value("r/job/newer").unwrap()).unwrap().replace("\"v\":1", "\"v\":2");
    set("r/job/newer", newer.as_bytes());
    assert_eq!(open(&effects, Kind::Job), ["good"]);
    assert_eq!(effects.logged().len(), 2, "{:?}", effects.logged());
    for name in ["bad", "newer"] {
        let answer = commit(&effects, write(&Key::new(Kind::Job, name), 1, "", Index::Open));
        assert!(matches!(answer, Err(LedgerError::Refused { .. })), "{answer:?}");
    }
    assert_eq!(effects.value("r/job/newer").unwrap(), newer.into_bytes(), "it is left alone");
}
