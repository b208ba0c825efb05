//! Tests of the ledger on DynamoDB against the model of it: the contract, cost, limits; faults and races in files of their own.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use jit_aws::Credentials;
use jit_fakes::cloud::{self, AwsConfig, BucketSize, Principal};
use jit_fakes::model::{Model, ReplyLost};

use super::*;
use crate::effects::SendError;
use crate::effects::memory::MemoryEffects;
use crate::ledger::{Change, Index, VALUE_BYTES_MAX, suite};
use crate::settings::{AwsAccess, Component};
use crate::time::jiff_time;

mod faults;
mod races;

const REGION: &str = "us-east-1";
const TABLE: &str = "ledger";
/// A world with a table, and its first invocation.
pub(super) struct World {
    pub(super) effects: MemoryEffects,
    pub(super) aws: Rc<RefCell<cloud::Aws>>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let effects = MemoryEffects::new(seed);
        let mut aws = cloud::Aws::new(AwsConfig { seed, ..AwsConfig::default() });
        let rights: Vec<&str> = table::ACTIONS.into_iter().chain(["dynamodb:ConditionCheckItem"]).collect();
        aws.add_principal(Principal::new("scaleup", "AKIASCALEUP", "secret".into(), &rights));
        let now = jiff_time(effects.now());
        let text = |error: String| panic!("{error}");
        aws.dynamodb_mut().create_table(REGION, &table::create_table(TABLE), now).unwrap_or_else(text);
        aws.dynamodb_mut().set_time_to_live(REGION, TABLE, table::TIME_TO_LIVE, now).unwrap_or_else(text);
        let aws = Rc::new(RefCell::new(aws));
        let (answering, clock) = (Rc::clone(&aws), effects.another());
        effects.answer(move |request| {
            let response = answering.borrow_mut().handle(jiff_time(clock.now()), request);
            if response.extensions().get::<ReplyLost>().is_some() {
                return Err(SendError::Unknown("the reply was lost".to_owned()));
            }
            Ok(response)
        });
        Self { effects, aws }
    }

    /// Partitions that take as much as anybody writes.
    pub(super) fn unthrottled(self) -> Self {
        let size = BucketSize { size: 1_000_000, per_second: 1_000_000 };
        self.aws.borrow_mut().dynamodb_mut().settings.write_units = size;
        self
    }

    /// Requests answered so far.
    pub(super) fn requests(&self) -> u64 {
        self.aws.borrow().requests().values().sum()
    }
}

pub(super) fn ledger<E: Effects>(effects: &E) -> DynamoDbLedger<'_, E> {
    ledger_with(effects, "secret", TABLE)
}

pub(super) fn ledger_with<'e, E: Effects>(
    effects: &'e E,
    secret: &str,
    table: &str,
) -> DynamoDbLedger<'e, E> {
    let access = AwsAccess::of_key(Component::Scaleup, Credentials::new("AKIASCALEUP", secret));
    DynamoDbLedger::new(effects, Aws::new(effects, access), &Region::new(REGION), table).unwrap()
}

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
pub(super) fn commit(world: &World, writes: Vec<Write>) -> Result<Committed, LedgerError> {
    let effects = world.effects.another();
    effects.run(ledger(&effects).commit(writes)).unwrap()
}

/// Version and value, read in an invocation of its own.
pub(super) fn read(world: &World, key: &Key) -> Option<(u64, String)> {
    let effects = world.effects.another();
    let record = effects.run(ledger(&effects).read(key)).unwrap().unwrap();
    record.map(|record| (record.version, String::from_utf8(record.value).unwrap()))
}

/// The requests that an operation takes.
fn cost(world: &World, operation: impl AsyncFnOnce(&DynamoDbLedger<'_, MemoryEffects>)) -> u64 {
    let before = world.requests();
    let effects = world.effects.another();
    effects.run(operation(&ledger(&effects))).unwrap();
    world.requests() - before
}

#[test]
fn the_contract_holds() {
    let world = World::new(1).unthrottled();
    world.effects.run(suite::check(|| ledger(&world.effects), "run", 1)).unwrap();
}

#[test]
fn the_contract_holds_where_partitions_are_throttled() {
    let world = World::new(2);
    // Opening and closing the contract's largest record takes 1,400 units at once.
    world.aws.borrow_mut().dynamodb_mut().settings.write_units =
        BucketSize { size: 2_000, per_second: 1_000 };
    world.effects.run(suite::check(|| ledger(&world.effects), "run", 2)).unwrap();
    let throttled = world.aws.borrow().requests().iter().any(|(key, _)| key.outcome.contains("Throughput"));
    assert!(throttled);
}

/// Lost are requests that only read, and replies of whatever was carried out. Not that of an addition, whose sum is then too
/// high, nor the request of a write that loses: both are within the contract, and the suite does not expect them.
#[test]
fn the_contract_holds_where_requests_and_replies_are_lost() {
    let world = World::new(3).unthrottled();
    let (answering, clock) = (Rc::clone(&world.aws), world.effects.another());
    let count = Rc::new(RefCell::new((0_u64, 0_u64)));
    let counting = Rc::clone(&count);
    world.effects.answer(move |request| {
        let mut counts = counting.borrow_mut();
        counts.0 += 1;
        let target = request.headers()["x-amz-target"].to_str().unwrap().to_owned();
        let is_write = target.ends_with("UpdateItem") || target.ends_with("TransactWriteItems");
        let is_addition = String::from_utf8_lossy(request.body()).contains("ADD #sum");
        if counts.0 % 7 == 3 && !is_write {
            counts.1 += 1;
            return Err(SendError::Unknown("the request was lost".to_owned()));
        }
        let response = answering.borrow_mut().handle(jiff_time(clock.now()), request);
        if counts.0 % 7 == 5 && !is_addition && response.status().is_success() {
            counts.1 += 1;
            return Err(SendError::Unknown("the reply was lost".to_owned()));
        }
        Ok(response)
    });
    world.effects.run(suite::check(|| ledger(&world.effects), "run", 3)).unwrap();
    let (requests, lost) = *count.borrow();
    assert!(lost * 10 > requests && requests > 3_000, "{lost} of {requests}");
}

#[test]
fn every_operation_on_few_records_is_one_request() {
    let world = World::new(1).unthrottled();
    let keys: Vec<Key> = (0..250).map(|n| Key::new(Kind::Job, n)).collect();
    let all = |n: usize| keys[..n].iter().map(|key| write(key, 0, "x", Index::Open)).collect::<Vec<_>>();
    assert_eq!(cost(&world, async |l| assert_eq!(l.commit(all(1)).await, Ok(Committed::Written))), 1);
    let rest: Vec<Write> = all(100).split_off(1);
    assert_eq!(cost(&world, async |l| assert_eq!(l.commit(rest).await, Ok(Committed::Written))), 1);
    let rest: Vec<Write> = all(250).split_off(100);
    assert_eq!(cost(&world, async |l| assert_eq!(l.commit(rest).await, Ok(Committed::Written))), 2);
    assert_eq!(cost(&world, async |l| assert!(l.read(&keys[0]).await.unwrap().is_some())), 1);
    assert_eq!(cost(&world, async |l| assert_eq!(l.read_many(&keys[..100]).await.unwrap().len(), 100)), 1);
    assert_eq!(cost(&world, async |l| assert_eq!(l.read_many(&keys).await.unwrap().len(), 250)), 3);
    assert_eq!(
        cost(&world, async |l| assert_eq!(l.open(Kind::Job, None).await.unwrap().records.len(), 250)),
        1
    );
    assert_eq!(cost(&world, async |l| assert_eq!(l.add(&key(), 2, Duration::ZERO).await, Ok(2))), 1);
    assert_eq!(cost(&world, async |l| assert_eq!(l.commit(vec![]).await, Ok(Committed::Written))), 0);
    assert_eq!(cost(&world, async |l| assert_eq!(l.tidy(Timestamp::from_ms(0)).await, Ok(0))), 0);
}

#[test]
fn a_transaction_writes_all_or_none_and_names_the_first_that_lost() {
    let world = World::new(1);
    let keys: Vec<Key> = (0..3).map(|n| Key::new(Kind::Pool, n)).collect();
    let all = |expected: [u64; 3]| -> Vec<Write> {
        keys.iter().zip(expected).map(|(key, at)| write(key, at, "x", Index::Open)).collect()
    };
    assert_eq!(commit(&world, all([0, 1, 2])), Ok(Committed::Lost(1)));
    assert_eq!(read(&world, &keys[0]), None);
    assert_eq!(commit(&world, all([0, 0, 0])), Ok(Committed::Written));
    assert_eq!(commit(&world, all([1, 1, 0])), Ok(Committed::Lost(2)));
    assert_eq!(read(&world, &keys[0]), Some((1, "x".into())));
    // Where nobody is, nothing is deleted; the check is part of the transaction all the same.
    let absent = delete(&Key::new(Kind::Pool, "absent"), 0);
    let both = |expected| vec![write(&keys[0], expected, "y", Index::Closed), absent.clone()];
    assert_eq!(commit(&world, both(1)), Ok(Committed::Written));
    assert_eq!(commit(&world, vec![write(&absent.key, 0, "z", Index::Closed)]), Ok(Committed::Written));
    assert_eq!(commit(&world, both(2)), Ok(Committed::Lost(1)));
    assert_eq!(commit(&world, vec![absent]), Ok(Committed::Lost(0)));
}

#[test]
fn a_record_twice_in_a_commit_is_written_twice_in_order() {
    let world = World::new(1);
    let other = Key::new(Kind::Class, "d");
    let writes = vec![
        write(&key(), 0, "first", Index::Open),
        write(&other, 0, "x", Index::Open),
        write(&key(), 1, "second", Index::Open),
        write(&other, 7, "y", Index::Open),
    ];
    assert_eq!(commit(&world, writes), Ok(Committed::Lost(3)));
    assert_eq!(read(&world, &key()), Some((1, "first".into())), "the second pair is one transaction");
}

#[test]
fn large_records_go_and_come_in_several_requests() {
    let world = World::new(1).unthrottled();
    let keys: Vec<Key> = (0..50).map(|n| Key::new(Kind::UserData, n)).collect();
    let large = "v".repeat(VALUE_BYTES_MAX);
    let writes = keys.iter().map(|key| write(key, 0, &large, Index::Open)).collect();
    assert_eq!(commit(&world, writes), Ok(Committed::Written));
    let effects = world.effects.another();
    let found = effects.run(ledger(&effects).read_many(&keys)).unwrap().unwrap();
    assert_eq!(found.len(), 50);
    assert!(effects.effects() > 1, "17.5 MB do not fit into one reply");
    let mut pages = 0;
    let (mut after, mut listed) = (None, 0);
    while pages == 0 || after.is_some() {
        let page = effects.run(ledger(&effects).open(Kind::UserData, after.as_deref())).unwrap().unwrap();
        (pages, listed) = (pages + 1, listed + page.records.len());
        after = page.next;
    }
    assert_eq!(listed, 50);
    assert!(pages >= 17, "a page has 1 MB: {pages}");
}

#[test]
fn a_tombstone_counts_on_until_the_time_to_live_takes_it() {
    let world = World::new(1);
    let hours = |n| world.effects.advance(Duration::from_hours(n));
    assert_eq!(commit(&world, vec![write(&key(), 0, "x", Index::Open)]), Ok(Committed::Written));
    assert_eq!(commit(&world, vec![delete(&key(), 1)]), Ok(Committed::Written));
    assert_eq!(read(&world, &key()), None);
    world.effects.advance(Duration::from_mins(59));
    assert_eq!(commit(&world, vec![write(&key(), 0, "y", Index::Open)]), Ok(Committed::Written));
    assert_eq!(read(&world, &key()), Some((3, "y".into())));
    hours(72);
    assert_eq!(read(&world, &key()), Some((3, "y".into())), "the record is no tombstone any more");
    assert_eq!(commit(&world, vec![delete(&key(), 3)]), Ok(Committed::Written));
    hours(72);
    assert_eq!(commit(&world, vec![write(&key(), 0, "z", Index::Open)]), Ok(Committed::Written));
    assert_eq!(read(&world, &key()), Some((1, "z".into())));
}

#[test]
fn what_expired_stays_readable_until_it_is_gone() {
    let world = World::new(1);
    let expires_at = Some(world.effects.now() + Duration::from_millis(1));
    let value = Change::Put { value: vec![], index: Index::Open, expires_at };
    let made = commit(&world, vec![Write { key: key(), expected: 0, value }]);
    assert_eq!(made, Ok(Committed::Written));
    world.effects.advance(Duration::from_secs(1));
    assert!(read(&world, &key()).is_some());
    world.effects.advance(Duration::from_hours(49));
    assert!(read(&world, &key()).is_none());
}

#[test]
fn a_counter_lives_from_its_first_addition() {
    let world = World::new(1);
    let add = || {
        let effects = world.effects.another();
        effects.run(ledger(&effects).add(&key(), 1, Duration::from_hours(2))).unwrap().unwrap()
    };
    assert_eq!(add(), 1);
    world.effects.advance(Duration::from_hours(2));
    assert_eq!(add(), 2, "and a second addition does not lengthen it");
    world.effects.advance(Duration::from_hours(49));
    assert_eq!(add(), 1);
}

#[test]
fn a_record_of_a_newer_form_is_refused_to_its_readers_and_left_out_of_lists() {
    let world = World::new(1);
    let effects = world.effects.another();
    let ledger = ledger(&effects);
    let mut update = record::update(TABLE, &write(&key(), 0, "x", Index::Open), "id", effects.now()).unwrap();
    update.placeholders = update.placeholders.value(":v", 2);
    let update = UpdateItem { update, return_values: Returned::None, on_failure: OnFailure::None };
    let request = update.request(&ledger.endpoint);
    effects.run(ledger.ask("x", ledger.patience(), &request, UpdateItem::parse)).unwrap().unwrap();
    assert_eq!(
        commit(&world, vec![write(&Key::new(Kind::Class, "d"), 0, "y", Index::Open)]),
        Ok(Committed::Written)
    );
    assert!(matches!(effects.run(ledger.read(&key())).unwrap(), Err(LedgerError::Refused { .. })));
    let page = effects.run(ledger.open(Kind::Class, None)).unwrap().unwrap();
    assert_eq!(page.records.len(), 1);
    assert!(effects.logged()[0].contains("class/c"), "{:?}", effects.logged());
}

#[test]
fn a_page_that_is_none_is_refused() {
    let world = World::new(1);
    for after in ["", "{}", "17", r#"{"kind":{"S":"job"}}"#] {
        let answer = world.effects.run(ledger(&world.effects).open(Kind::Class, Some(after))).unwrap();
        assert!(matches!(answer, Err(LedgerError::Refused { .. })), "{answer:?}");
    }
}
