//! The ledger's contract as tests that every back end runs: [`check`] takes a way to open the store and does the rest.
//! What only one back end has (tickets, throughput, throttling) is tested beside that back end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;

use super::{
    Change, Committed, Index, Key, Kind, Ledger, LedgerError, NAME_BYTES_MAX, Record, VALUE_BYTES_MAX, Write,
};

mod model;
mod races;

/// Open records in the check of paging: more than two pages of any back end.
const PAGED: usize = 1_203;
/// More pages than any listing may have here; a `next` that leads in a circle ends with a failure.
const PAGES_MAX: usize = 200;

/// Runs all checks. `open` opens the store as one more invocation would; `run` keeps this run's records apart from others'
/// in a store that outlives it; `seed` chooses the random operations.
///
/// # Panics
/// If the store breaks the contract, or answers busy where nobody else is at work.
pub async fn check<L: Ledger>(open: impl Fn() -> L, run: &str, seed: u64) {
    let ledger = open();
    a_first_write_makes_version_one(&ledger, run).await;
    a_write_at_another_version_loses(&ledger, run).await;
    a_deleted_record_goes_on_counting(&ledger, run).await;
    a_commit_stops_at_the_first_that_lost(&ledger, run).await;
    counters_are_apart_from_records(&open, run).await;
    names_and_values_are_any_text_and_bytes(&ledger, run).await;
    too_much_is_refused_and_nothing_written(&ledger, run).await;
    what_one_invocation_wrote_the_next_reads(&open, run).await;
    several_are_read_at_once(&ledger, run).await;
    the_index_holds_what_is_open(&open, run).await;
    listings_are_paged(&open, run).await;
    model::random_operations_agree_with_the_model(&open, run, seed).await;
    races::one_of_many_writers_at_a_version_wins(&open, run).await;
    races::no_update_is_lost(&open, run).await;
}

fn put(value: &[u8], index: Index) -> Change {
    Change::Put { value: value.to_vec(), index, expires_at: None }
}

fn write(key: &Key, expected: u64, value: Change) -> Write {
    Write { key: key.clone(), expected, value }
}

async fn commit(ledger: &impl Ledger, key: &Key, expected: u64, value: Change) -> Committed {
    ledger.commit(vec![write(key, expected, value)]).await.expect("nobody else is at work")
}

async fn read(ledger: &impl Ledger, key: &Key) -> Option<Record> {
    ledger.read(key).await.expect("nobody else is at work")
}

async fn several_are_read_at_once(ledger: &impl Ledger, run: &str) {
    let keys: Vec<Key> = (0..PAGED).map(|n| Key::new(Kind::Instance, format!("{run}-many/{n}"))).collect();
    let (written, deleted) = (&keys[480..520], &keys[480]);
    for key in written {
        let index = if key.name.ends_with('5') { Index::Open } else { Index::Closed };
        assert_eq!(commit(ledger, key, 0, put(key.name.as_bytes(), index)).await, Committed::Written);
    }
    assert_eq!(commit(ledger, deleted, 1, Change::Delete).await, Committed::Written);
    let mut found = ledger.read_many(&keys).await.expect("nobody else is at work");
    found.sort_by(|a, b| a.key.cmp(&b.key));
    let mut wanted: Vec<Record> = written[1..]
        .iter()
        .map(|key| Record { key: key.clone(), version: 1, value: key.name.as_bytes().to_vec() })
        .collect();
    wanted.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(found, wanted, "absent and deleted records are left out");
    assert_eq!(ledger.read_many(&[]).await, Ok(Vec::new()));
}

/// All open records of a kind whose names begin with the run's.
async fn open_records(ledger: &impl Ledger, kind: Kind, run: &str) -> BTreeMap<Key, Record> {
    let mut found = BTreeMap::new();
    let mut after: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let page = ledger.open(kind, after.as_deref()).await.expect("nobody else is at work");
        for record in page.records {
            assert_eq!(record.key.kind, kind, "a listing holds one kind");
            if record.key.name.starts_with(run) {
                let twice = found.insert(record.key.clone(), record);
                assert_eq!(twice, None, "a record is listed once");
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
    panic!("the listing of {} never ends", kind.as_str());
}

async fn a_first_write_makes_version_one(ledger: &impl Ledger, run: &str) {
    let key = Key::new(Kind::Job, format!("{run}/first"));
    assert_eq!(read(ledger, &key).await, None);
    assert_eq!(commit(ledger, &key, 0, put(b"a", Index::Closed)).await, Committed::Written);
    let record = Record { key: key.clone(), version: 1, value: b"a".to_vec() };
    assert_eq!(read(ledger, &key).await, Some(record));
    assert_eq!(commit(ledger, &key, 0, put(b"b", Index::Closed)).await, Committed::Lost(0));
    assert_eq!(read(ledger, &key).await.map(|r| r.value), Some(b"a".to_vec()));
}

async fn a_write_at_another_version_loses(ledger: &impl Ledger, run: &str) {
    let key = Key::new(Kind::Class, format!("{run}/stale"));
    for expected in 0..3 {
        assert_eq!(commit(ledger, &key, expected, put(b"x", Index::Closed)).await, Committed::Written);
    }
    for expected in [0, 1, 2, 4] {
        assert_eq!(commit(ledger, &key, expected, put(b"y", Index::Closed)).await, Committed::Lost(0));
        assert_eq!(commit(ledger, &key, expected, Change::Delete).await, Committed::Lost(0));
    }
    assert_eq!(read(ledger, &key).await.map(|r| (r.version, r.value)), Some((3, b"x".to_vec())));
}

async fn a_deleted_record_goes_on_counting(ledger: &impl Ledger, run: &str) {
    let key = Key::new(Kind::Lease, format!("{run}/deleted"));
    assert_eq!(commit(ledger, &key, 0, Change::Delete).await, Committed::Written);
    assert_eq!(commit(ledger, &key, 0, put(b"a", Index::Closed)).await, Committed::Written);
    assert_eq!(commit(ledger, &key, 1, Change::Delete).await, Committed::Written);
    assert_eq!(read(ledger, &key).await, None);
    assert_eq!(commit(ledger, &key, 1, put(b"late", Index::Closed)).await, Committed::Lost(0));
    assert_eq!(commit(ledger, &key, 0, Change::Delete).await, Committed::Written);
    assert_eq!(commit(ledger, &key, 0, put(b"b", Index::Closed)).await, Committed::Written);
    let version = read(ledger, &key).await.expect("it was written").version;
    assert!(version > 2, "version {version} has been used before the record was deleted");
}

async fn a_commit_stops_at_the_first_that_lost(ledger: &impl Ledger, run: &str) {
    let keys = ["one", "two", "three"].map(|name| Key::new(Kind::Pool, format!("{run}/commit/{name}")));
    assert_eq!(commit(ledger, &keys[1], 0, put(b"old", Index::Closed)).await, Committed::Written);
    let all = |expected: u64| {
        let expected = [0, expected, 0];
        keys.iter().zip(expected).map(|(key, at)| write(key, at, put(b"new", Index::Closed))).collect()
    };
    assert_eq!(ledger.commit(all(7)).await, Ok(Committed::Lost(1)));
    assert_eq!(read(ledger, &keys[1]).await.map(|r| r.value), Some(b"old".to_vec()));
    assert_eq!(read(ledger, &keys[2]).await, None);
    // Whether the first write stands is the store's choice; both are within the contract.
    if let Some(first) = read(ledger, &keys[0]).await {
        assert_eq!(commit(ledger, &keys[0], first.version, Change::Delete).await, Committed::Written);
    }
    assert_eq!(ledger.commit(all(1)).await, Ok(Committed::Written));
    for key in &keys {
        assert_eq!(read(ledger, key).await.map(|r| r.value), Some(b"new".to_vec()));
    }
    assert_eq!(ledger.commit(Vec::new()).await, Ok(Committed::Written));
}

async fn counters_are_apart_from_records<L: Ledger>(open: &impl Fn() -> L, run: &str) {
    let key = Key::new(Kind::Budget, format!("{run}/points"));
    let life = Duration::from_hours(2);
    let ledger = open();
    for _ in 0..2 {
        assert_eq!(
            ledger.add(&key, 0, life).await,
            Ok(0),
            "adding nothing reads a counter, also one that is not there"
        );
    }
    assert_eq!(ledger.add(&key, 5, life).await, Ok(5));
    assert_eq!(read(&ledger, &key).await, None, "a counter is not a record");
    assert_eq!(commit(&ledger, &key, 0, put(b"pause", Index::Closed)).await, Committed::Written);
    let invocations: Vec<L> = (0..8).map(|_| open()).collect();
    let sums = join_all(invocations.iter().map(|ledger| ledger.add(&key, 1, life))).await;
    let sums: BTreeSet<u64> = sums.into_iter().map(|sum| sum.expect("adding never conflicts")).collect();
    assert_eq!(sums, (6..=13).collect(), "each addition answers its own sum");
    assert_eq!(read(&ledger, &key).await.map(|r| r.value), Some(b"pause".to_vec()));
}

async fn names_and_values_are_any_text_and_bytes(ledger: &impl Ledger, run: &str) {
    let names = ["aws/us-east-1/i-0123", "a b", "Größe/é.1", "x/0.1", "0", "-", "a/b/0-19f7c8a1f00deadbeef"];
    let values: [&[u8]; 4] = [b"", b"\n", &[0, 255, 10, 0], b"{\"v\":1}\n{}\n"];
    for (name, value) in names.iter().flat_map(|name| values.map(|value| (name, value))) {
        let key = Key::new(Kind::Instance, format!("{run}/{name}"));
        let before = read(ledger, &key).await.map_or(0, |record| record.version);
        assert_eq!(commit(ledger, &key, before, put(value, Index::Open)).await, Committed::Written);
        assert_eq!(read(ledger, &key).await.map(|r| r.value), Some(value.to_vec()), "{name}");
    }
    assert_eq!(open_records(ledger, Kind::Instance, run).await.len(), names.len());
    let longest = Key::new(Kind::Job, format!("{run}/{}", "n".repeat(NAME_BYTES_MAX - 1 - run.len())));
    let large = vec![b'v'; VALUE_BYTES_MAX];
    assert_eq!(commit(ledger, &longest, 0, put(&large, Index::Open)).await, Committed::Written);
    assert_eq!(read(ledger, &longest).await.map(|r| r.value), Some(large));
    assert_eq!(commit(ledger, &longest, 1, Change::Delete).await, Committed::Written);
}

async fn too_much_is_refused_and_nothing_written(ledger: &impl Ledger, run: &str) {
    let fine = Key::new(Kind::Job, format!("{run}/fine"));
    let long_name = Key::new(Kind::Job, format!("{run}/{}", "n".repeat(NAME_BYTES_MAX)));
    let large = vec![0; VALUE_BYTES_MAX + 1];
    for bad in [write(&long_name, 0, put(b"", Index::Open)), write(&fine, 0, put(&large, Index::Open))] {
        let good = write(&fine, 0, put(b"", Index::Open));
        let answer = ledger.commit(vec![good, bad]).await;
        assert!(matches!(answer, Err(LedgerError::Refused { .. })), "{answer:?}");
        assert_eq!(read(ledger, &fine).await, None, "what can be known beforehand is refused beforehand");
    }
    assert!(matches!(ledger.read(&long_name).await, Err(LedgerError::Refused { .. })));
}

async fn what_one_invocation_wrote_the_next_reads<L: Ledger>(open: &impl Fn() -> L, run: &str) {
    let key = Key::new(Kind::Schedule, format!("{run}/next"));
    let (first, second) = (open(), open());
    for version in 0..6 {
        let ledger = if version % 2 == 0 { &first } else { &second };
        assert_eq!(commit(ledger, &key, version, put(&[1], Index::Closed)).await, Committed::Written);
        assert_eq!(read(&first, &key).await.map(|r| r.version), Some(version + 1));
        assert_eq!(read(&second, &key).await.map(|r| r.version), Some(version + 1));
    }
}

async fn the_index_holds_what_is_open<L: Ledger>(open: &impl Fn() -> L, run: &str) {
    let run = format!("{run}/index");
    let (ledger, other) = (open(), open());
    let key = |name: &str| Key::new(Kind::Class, format!("{run}/{name}"));
    let mut version = BTreeMap::new();
    for (name, index) in [("a", Index::Open), ("b", Index::Closed), ("c", Index::Open), ("d", Index::Open)] {
        assert_eq!(commit(&ledger, &key(name), 0, put(b"1", index)).await, Committed::Written);
        version.insert(name, 1);
    }
    let names = |found: BTreeMap<Key, Record>| {
        found.into_values().map(|r| (r.key.name.rsplit('/').next().unwrap_or_default().to_owned(), r.value))
    };
    let expected = |list: &[(&str, &[u8])]| -> Vec<(String, Vec<u8>)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect()
    };
    let listed: Vec<_> = names(open_records(&other, Kind::Class, &run).await).collect();
    assert_eq!(listed, expected(&[("a", b"1"), ("c", b"1"), ("d", b"1")]));
    assert!(open_records(&other, Kind::Cursor, &run).await.is_empty(), "kinds are apart");

    assert_eq!(commit(&other, &key("a"), 1, put(b"2", Index::Closed)).await, Committed::Written);
    assert_eq!(commit(&other, &key("b"), 1, put(b"2", Index::Open)).await, Committed::Written);
    assert_eq!(commit(&other, &key("c"), 1, put(b"2", Index::Open)).await, Committed::Written);
    assert_eq!(commit(&other, &key("d"), 1, Change::Delete).await, Committed::Written);
    let listed: Vec<_> = names(open_records(&ledger, Kind::Class, &run).await).collect();
    assert_eq!(listed, expected(&[("b", b"2"), ("c", b"2")]));

    assert_eq!(commit(&ledger, &key("a"), 2, put(b"3", Index::Open)).await, Committed::Written);
    assert_eq!(commit(&ledger, &key("d"), 0, put(b"3", Index::Open)).await, Committed::Written);
    assert_eq!(commit(&ledger, &key("c"), 1, put(b"3", Index::Closed)).await, Committed::Lost(0));
    let listed: Vec<_> = names(open_records(&ledger, Kind::Class, &run).await).collect();
    assert_eq!(listed, expected(&[("a", b"3"), ("b", b"2"), ("c", b"2"), ("d", b"3")]));
}

async fn listings_are_paged<L: Ledger>(open: &impl Fn() -> L, run: &str) {
    let run = format!("{run}/paged");
    let ledger = open();
    let keys: BTreeSet<Key> = (0..PAGED).map(|n| Key::new(Kind::Job, format!("{run}/{n}"))).collect();
    for key in &keys {
        let value = put(key.name.as_bytes(), Index::Open);
        assert_eq!(commit(&ledger, key, 0, value).await, Committed::Written);
    }
    let first = open().open(Kind::Job, None).await.expect("nobody else is at work");
    assert!(first.next.is_some(), "{PAGED} records do not fit into one page");
    let found = open_records(&open(), Kind::Job, &run).await;
    assert!(found.values().all(|record| record.value == record.key.name.as_bytes() && record.version == 1));
    assert_eq!(found.into_keys().collect::<BTreeSet<_>>(), keys);
    for key in &keys {
        assert_eq!(commit(&ledger, key, 1, Change::Delete).await, Committed::Written);
    }
    assert!(open_records(&open(), Kind::Job, &run).await.is_empty());
}
