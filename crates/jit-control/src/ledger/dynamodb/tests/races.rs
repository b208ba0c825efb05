//! Several invocations on the same records: in every order of small cases, and in random order with random faults.

use super::*;
use crate::effects::memory::Fault;
use crate::effects::memory::interleave::{Task, every_schedule, interleave};

/// More orders than any case here has.
const ORDERS_MAX: usize = 50_000;

/// Two records that each invocation writes together, in opposite orders.
fn pair(by: usize) -> Vec<Write> {
    let mut writes =
        ["a", "b"].map(|name| write(&Key::new(Kind::Pool, name), 0, &by.to_string(), Index::Open));
    if by == 1 {
        writes.reverse();
    }
    writes.into()
}

#[test]
fn of_two_who_write_the_same_records_one_wins_all_of_them_in_every_order() {
    let faults = [None, Some(Fault::FailBefore), Some(Fault::FailAfter), Some(Fault::CrashAfter)];
    for (count, fault) in [1, 2].into_iter().flat_map(|count| faults.map(|fault| (count, fault))) {
        let mut winners: BTreeSet<usize> = BTreeSet::new();
        let orders = every_schedule(ORDERS_MAX, |schedule| {
            let world = World::new(1);
            let invocations = [world.effects.another(), world.effects.another()];
            if let Some(fault) = fault {
                invocations[0].fault(1, fault);
            }
            let tasks = invocations.iter().enumerate().map(|(by, effects)| {
                Task::new(effects, async move { ledger(effects).commit(pair(by).split_off(2 - count)).await })
            });
            let answers = interleave(tasks.collect(), |options| schedule.choose(options));
            let written: Vec<usize> =
                (0..2).filter(|by| answers[*by] == Some(Ok(Committed::Written))).collect();
            assert!(written.len() <= 1 || count == 1, "{answers:?}");
            winners.extend(&written);
            if count == 1 {
                // Each writes one record of its own then, so both win.
                return;
            }
            let (a, b) = (read(&world, &pair(0)[0].key), read(&world, &pair(0)[1].key));
            assert_eq!(a, b, "all or none: {answers:?}");
            if let Some(by) = written.first() {
                assert_eq!(a, Some((1, by.to_string())), "{answers:?}");
            } else {
                assert!(fault.is_some(), "{answers:?}");
            }
            if fault.is_none() {
                assert!(answers.contains(&Some(Ok(Committed::Lost(0)))), "{answers:?}");
            }
        });
        assert!(orders > 1 && !winners.is_empty(), "{fault:?}: {orders} orders, won by {winners:?}");
    }
}

/// A SplitMix64 sequence.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ (word >> 31)) % bound
    }
}

/// Reads and adds its marks, one after the other, whatever the answers; returns those that were said to be written.
async fn add_marks(effects: &MemoryEffects, by: usize) -> Vec<String> {
    let mut written = Vec::new();
    for n in 0..4 {
        let ledger = ledger(effects);
        let Ok(record) = ledger.read(&key()).await else { continue };
        let (version, text) =
            record.map_or((0, String::new()), |r| (r.version, String::from_utf8(r.value).unwrap()));
        let mark = format!("{by}:{n}");
        let mut writes = vec![write(&key(), version, &format!("{text} {mark}"), Index::Open)];
        if n % 2 == 0 {
            // Every second write is part of a transaction.
            let own = Key::new(Kind::Job, &mark);
            writes.insert(0, write(&own, 0, "", Index::Open));
        }
        if ledger.commit(writes).await == Ok(Committed::Written) {
            written.push(mark);
        }
    }
    written
}

#[test]
fn no_update_is_lost_or_doubled_under_random_faults() {
    let mut total = 0;
    for seed in 0..150 {
        let world = World::new(seed);
        let mut random = Random(seed);
        let invocations: Vec<MemoryEffects> = (0..3).map(|_| world.effects.another()).collect();
        for effects in &invocations {
            for _ in 0..3 {
                let faults = [Fault::FailBefore, Fault::FailAfter, Fault::FailAfter, Fault::CrashAfter];
                let fault = faults[usize::try_from(random.below(4)).unwrap()];
                effects.fault(1 + random.below(12), fault);
            }
        }
        let tasks = invocations
            .iter()
            .enumerate()
            .map(|(by, effects)| Task::new(effects, async move { add_marks(effects, by).await }));
        let written = interleave(tasks.collect(), |options| {
            usize::try_from(random.below(u64::try_from(options).unwrap())).unwrap()
        });
        let (version, text) = read(&world, &key()).unwrap_or_default();
        let marks: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(version, u64::try_from(marks.len()).unwrap(), "seed {seed}: {text}");
        assert_eq!(marks.iter().collect::<BTreeSet<_>>().len(), marks.len(), "seed {seed}: {text}");
        for mark in written.iter().flatten().flatten() {
            assert!(marks.contains(&mark.as_str()), "seed {seed}: {mark} in {text}");
            total += 1;
        }
        for mark in marks.iter().filter(|mark| mark.ends_with(":0") || mark.ends_with(":2")) {
            let own = Key::new(Kind::Job, mark);
            assert!(read(&world, &own).is_some(), "seed {seed}: {mark} without its other half");
        }
    }
    assert!(total > 600, "{total} marks");
}
