//! Lost requests, lost replies, crashes, throttling, conflicts, refusals: nothing is lost, doubled or waited for without end.

use std::collections::BTreeSet;

use jit_fakes::cloud::Fault as AwsFault;

use super::*;
use crate::effects::memory::Fault;
use crate::ledger::dynamodb::limits::WAIT;

fn three(expected: u64) -> Vec<Write> {
    ["a", "b", "c"].map(|name| write(&Key::new(Kind::Job, name), expected, "x", Index::Open)).into()
}

fn one(expected: u64) -> Vec<Write> {
    three(expected).drain(..1).collect()
}

/// Every operation on records, at every one of its effects, with every fault.
#[test]
fn a_fault_at_any_effect_neither_loses_nor_doubles_a_write() {
    for (name, writes) in [("UpdateItem", one(0)), ("TransactWriteItems", three(0))] {
        for fault in [Fault::FailBefore, Fault::FailAfter, Fault::CrashBefore, Fault::CrashAfter] {
            for count in 1..=4 {
                let world = World::new(count);
                let effects = world.effects.another();
                (1..=count).for_each(|effect| effects.fault(effect, fault));
                let answer = effects.run(ledger(&effects).commit(writes.clone()));
                let written = read(&world, &writes[0].key);
                match (&answer, count) {
                    (None, _) => assert_eq!(written.is_some(), fault == Fault::CrashAfter),
                    (Some(Err(LedgerError::Busy { .. })), 4) => {
                        assert_eq!(written.is_some(), fault == Fault::FailAfter);
                    }
                    (Some(answer), _) => {
                        assert_eq!(*answer, Ok(Committed::Written), "{name} {fault:?} {count}")
                    }
                }
                for write in &writes {
                    assert_eq!(
                        read(&world, &write.key).map(|(version, _)| version),
                        written.as_ref().map(|_| 1)
                    );
                }
                let next = written.map_or(0, |(version, _)| version);
                let again = writes.iter().cloned().map(|write| Write { expected: next, ..write }).collect();
                assert_eq!(commit(&world, again), Ok(Committed::Written), "nobody is blocked");
            }
        }
    }
}

#[test]
fn a_lost_reply_is_found_out_by_the_id_in_the_record_where_tokens_are_forgotten() {
    let world = World::new(1);
    world.aws.borrow_mut().dynamodb_mut().settings.token_validity = jiff::SignedDuration::ZERO;
    world.aws.borrow_mut().faults.on_next("TransactWriteItems", 2, AwsFault::LostReply);
    assert_eq!(commit(&world, three(0)), Ok(Committed::Written));
    let fault = AwsFault::failed_after_effect(500, "InternalServerError");
    world.aws.borrow_mut().faults.on_next("UpdateItem", 2, fault);
    assert_eq!(commit(&world, one(1)), Ok(Committed::Written));
    assert_eq!(read(&world, &three(0)[0].key), Some((2, "x".into())));
}

#[test]
fn what_was_overtaken_after_a_lost_reply_is_unclear_and_says_so() {
    let world = World::new(1);
    let effects = world.effects.another();
    effects.fault(1, Fault::FailAfter);
    let ledger = ledger(&effects);
    let mut slow = std::pin::pin!(ledger.commit(one(0)));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    while effects.effects() < 1 {
        assert!(slow.as_mut().poll(&mut context).is_pending());
    }
    // The first try was carried out; before the second, somebody else moves the record on.
    let mut other = std::pin::pin!(async { commit_in(&world, one(1)).await });
    while other.as_mut().poll(&mut context).is_pending() {}
    let answer = effects.run(slow).unwrap();
    assert!(matches!(answer, Err(LedgerError::Busy { .. })), "{answer:?}");
    assert_eq!(read(&world, &one(0)[0].key), Some((2, "x".into())));
}

#[test]
fn what_lost_after_a_lost_request_is_known_to_have_lost_by_the_version() {
    for (before, expected, wanted) in
        [(1, 0, true), (2, 1, true), (1, 4, true), (3, 1, false), (2, 0, false), (0, 3, true)]
    {
        let world = World::new(1);
        (0..before).for_each(|version| assert_eq!(commit(&world, one(version)), Ok(Committed::Written)));
        for writes in [one(expected), three(expected)] {
            // The other two are absent, which tells as much of a transaction that expected them.
            let wanted = wanted || (writes.len() == 3 && expected > 0);
            let effects = world.effects.another();
            effects.fault(1, Fault::FailAfter);
            let answer = effects.run(ledger(&effects).commit(writes)).unwrap();
            let is_busy = matches!(answer, Err(LedgerError::Busy { .. }));
            assert_eq!(
                (answer == Ok(Committed::Lost(0)), is_busy),
                (wanted, !wanted),
                "{before} {expected}: {answer:?}"
            );
        }
    }
}

async fn commit_in(world: &World, writes: Vec<Write>) {
    let effects = world.effects.another();
    assert_eq!(ledger(&effects).commit(writes).await, Ok(Committed::Written));
}

#[test]
fn throttling_and_conflicts_are_waited_out_three_times() {
    for (codes, writes, action) in [
        (["ProvisionedThroughputExceededException", "TransactionConflictException"], one(0), "UpdateItem"),
        (["ThrottlingException", "TransactionInProgressException"], three(0), "TransactWriteItems"),
    ] {
        for code in codes {
            for (times, wanted) in [(3, true), (4, false)] {
                let world = World::new(times);
                let begun_at = world.effects.now();
                let fault = AwsFault::refused(400, code);
                world.aws.borrow_mut().faults.on_next(action, u32::try_from(times).unwrap(), fault);
                let answer = commit(&world, writes.clone());
                let is_busy = matches!(answer, Err(LedgerError::Busy { .. }));
                assert_eq!(
                    (answer == Ok(Committed::Written), is_busy),
                    (wanted, !wanted),
                    "{code}: {answer:?}"
                );
                assert_eq!(read(&world, &writes[0].key).is_some(), wanted);
                let waited = world.effects.now().since(begun_at);
                assert!(
                    waited >= Duration::from_millis(175) && waited <= Duration::from_millis(350),
                    "{waited:?}"
                );
            }
        }
    }
    let world = World::new(1);
    world.aws.borrow_mut().dynamodb_mut().conflict_next(3);
    assert_eq!(commit(&world, three(0)), Ok(Committed::Written));
    world.aws.borrow_mut().dynamodb_mut().conflict_next(4);
    assert!(matches!(commit(&world, three(1)), Err(LedgerError::Busy { .. })));
}

/// How long a write waits that is throttled three times.
fn waited(seed: u64) -> Duration {
    let world = World::new(seed);
    let begun_at = world.effects.now();
    let fault = AwsFault::refused(400, "ProvisionedThroughputExceededException");
    world.aws.borrow_mut().faults.on_next("UpdateItem", 3, fault);
    assert_eq!(commit(&world, one(0)), Ok(Committed::Written));
    world.effects.now().since(begun_at)
}

#[test]
fn those_who_were_throttled_together_do_not_come_again_together() {
    let least = WAIT * (1 + 2 + 4);
    let waits: BTreeSet<Duration> = (1..=16).map(waited).collect();
    assert!(waits.len() >= 12, "nearly everybody waits for a time of his own: {waits:?}");
    let (shortest, longest) = (waits.first().unwrap(), waits.last().unwrap());
    assert!(*shortest >= least && *longest <= least * 2, "{waits:?}");
    assert!(*longest - *shortest >= least / 4, "the times are spread: {waits:?}");
    assert_eq!(waited(7), waited(7), "the only chance in it is what was drawn");
}

#[test]
fn a_partition_at_its_limit_slows_writers_down() {
    let world = World::new(1);
    let begun_at = world.effects.now();
    for n in 0..1_000 {
        let write = write(&Key::new(Kind::Job, n), 0, "x", Index::Open);
        assert_eq!(commit(&world, vec![write]), Ok(Committed::Written));
    }
    // Two units each, for the record and for the index; the first second's thousand are there from the beginning.
    let took = world.effects.now().since(begun_at);
    assert!(took >= Duration::from_millis(900) && took <= Duration::from_secs(20), "{took:?}");
    let throttled = world.aws.borrow().requests().iter().any(|(key, _)| key.outcome.contains("Throughput"));
    assert!(throttled);
}

#[test]
fn no_try_starts_after_the_time_for_tries_is_over() {
    let world = World::new(1);
    let effects = world.effects.another();
    let clock = world.effects.another();
    world.effects.answer(move |_| {
        clock.advance(Duration::from_secs(3));
        Err(SendError::Unknown("timed out".to_owned()))
    });
    let answer = effects.run(ledger(&effects).commit(one(0))).unwrap();
    assert!(matches!(answer, Err(LedgerError::Busy { .. })), "{answer:?}");
    assert_eq!(effects.effects(), 2);
}

#[test]
fn reads_and_counters_survive_what_writes_survive() {
    let world = World::new(1);
    assert_eq!(commit(&world, three(0)), Ok(Committed::Written));
    let keys: Vec<Key> = three(0).into_iter().map(|write| write.key).collect();
    for action in ["GetItem", "BatchGetItem", "Query"] {
        world.aws.borrow_mut().faults.on_next(action, 3, AwsFault::LostReply);
    }
    world.aws.borrow_mut().faults.on_next("UpdateItem", 1, AwsFault::LostReply);
    let effects = world.effects.another();
    let ledger = ledger(&effects);
    assert!(effects.run(ledger.read(&keys[0])).unwrap().unwrap().is_some());
    assert_eq!(effects.run(ledger.read_many(&keys)).unwrap().unwrap().len(), 3);
    assert_eq!(effects.run(ledger.open(Kind::Job, None)).unwrap().unwrap().records.len(), 3);
    let sum = effects.run(ledger.add(&key(), 5, Duration::from_hours(1))).unwrap();
    assert_eq!(sum, Ok(10), "too high after a lost reply, never too low");
}

#[test]
fn what_no_waiting_mends_is_refused_at_once() {
    let world = World::new(1);
    let refused = |ledger: DynamoDbLedger<'_, MemoryEffects>, part: &str| {
        let before = world.requests();
        let answer = world.effects.run(ledger.commit(one(0))).unwrap();
        let Err(LedgerError::Refused { cause, .. }) = &answer else { panic!("{answer:?}") };
        assert!(cause.contains(part), "{cause}");
        assert_eq!(world.requests() - before, 1);
    };
    refused(ledger_with(&world.effects, "secret", "another"), "ResourceNotFoundException");
    refused(ledger_with(&world.effects, "wrong", TABLE), "InvalidSignatureException");
    world.aws.borrow_mut().faults.on_next("UpdateItem", 1, AwsFault::refused(400, "NewsException"));
    refused(ledger(&world.effects), "not classified");
    let poor = Principal::new("scaleup", "AKIASCALEUP", "secret".into(), &["dynamodb:GetItem"]);
    world.aws.borrow_mut().add_principal(poor);
    refused(ledger(&world.effects), "dynamodb:UpdateItem");
    // The model never goes back in time, so a clock that is set back is a clock that is wrong.
    world.effects.set_now(Timestamp::from_ms(world.effects.now().as_ms() - 20 * 60_000));
    refused(ledger(&world.effects), "set the clock");
}
