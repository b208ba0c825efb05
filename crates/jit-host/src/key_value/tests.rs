//! Both stores behave alike, and tickets are drawn once.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn file() -> (tempfile::TempDir, SqliteKeyValue) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteKeyValue::open(&folder.path().join("kv.db")).unwrap();
    (folder, store)
}

#[derive(Debug, Clone)]
enum Operation {
    Get(String),
    Set(String, Vec<u8>),
    Delete(String),
    Exists(String),
    Keys,
    Increment(String, i64),
}

fn operation() -> impl Strategy<Value = Operation> {
    let key = "[ab]";
    prop_oneof![
        key.prop_map(Operation::Get),
        (
            key,
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 8),
                proptest::collection::vec(any::<u8>(), 0..4)
            ]
        )
            .prop_map(|(key, value)| Operation::Set(key, value)),
        key.prop_map(Operation::Delete),
        key.prop_map(Operation::Exists),
        Just(Operation::Keys),
        (key, any::<i64>()).prop_map(|(key, delta)| Operation::Increment(key, delta)),
    ]
}

async fn run(store: &dyn KeyValue, operation: &Operation) -> String {
    let label = "default";
    match operation {
        Operation::Get(key) => format!("{:?}", store.get(label, key).await),
        Operation::Set(key, value) => format!("{:?}", store.set(label, key, value.clone()).await),
        Operation::Delete(key) => format!("{:?}", store.delete(label, key).await),
        Operation::Exists(key) => format!("{:?}", store.exists(label, key).await),
        Operation::Keys => format!("{:?}", store.keys(label).await),
        Operation::Increment(key, delta) => format!("{:?}", store.increment(label, key, *delta).await),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn memory_and_file_answer_alike(operations in proptest::collection::vec(operation(), 1..24)) {
        let (_folder, file) = file();
        let memory = MemoryKeyValue::default();
        block_on(async {
            for operation in &operations {
                assert_eq!(run(&memory, operation).await, run(&file, operation).await, "{operation:?}");
            }
        });
    }
}

#[test]
fn a_counter_is_eight_bytes_and_nothing_else() {
    block_on(async {
        let (_folder, store) = file();
        assert_eq!(store.increment("s", "k", 5).await, Ok(5));
        assert_eq!(store.get("s", "k").await, Ok(Some(5_i64.to_le_bytes().to_vec())));
        store.set("s", "k", b"text".to_vec()).await.unwrap();
        assert_eq!(store.increment("s", "k", 1).await, Err(KeyValueError::NotACounter(4)));
        assert_eq!(store.get("s", "k").await, Ok(Some(b"text".to_vec())));
        store.set("s", "k", i64::MAX.to_le_bytes().to_vec()).await.unwrap();
        assert_eq!(store.increment("s", "k", 1).await, Err(KeyValueError::Overflow));
    });
}

#[test]
fn stores_of_one_file_are_apart_and_outlive_their_process() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kv.db");
        let store = SqliteKeyValue::open(&path).unwrap();
        store.set("one", "k", b"1".to_vec()).await.unwrap();
        store.set("two", "k", b"2".to_vec()).await.unwrap();
        drop(store);
        let store = SqliteKeyValue::open(&path).unwrap();
        assert_eq!(store.get("one", "k").await, Ok(Some(b"1".to_vec())));
        assert_eq!(store.keys("three").await, Ok(vec![]));
    });
}

#[test]
fn a_writer_that_holds_the_file_makes_calls_answer_locked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kv.db");
    let store = SqliteKeyValue::open(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(block_on(store.increment("s", "k", 1)), Err(KeyValueError::Locked));
    assert_eq!(block_on(store.get("s", "k")), Ok(None), "readers do not wait for a writer");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(block_on(store.increment("s", "k", 1)), Ok(1));
}

/// Draws one ticket for each key and repeats a call that was locked out.
async fn draw(store: Arc<SqliteKeyValue>, keys: usize) -> Vec<usize> {
    let mut won = Vec::new();
    for key in 0..keys {
        let ticket = loop {
            match store.increment("default", &format!("t/{key}"), 1).await {
                Err(KeyValueError::Locked) => continue,
                result => break result.unwrap(),
            }
        };
        if ticket == 1 {
            won.push(key);
        }
    }
    won
}

#[test]
fn of_two_handles_on_one_file_exactly_one_draws_each_first_ticket() {
    const KEYS: usize = 60;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kv.db");
    let handles: Vec<_> = (0..2).map(|_| Arc::new(SqliteKeyValue::open(&path).unwrap())).collect();
    let mut won =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap().block_on(async {
            let racers: Vec<_> = handles.iter().flat_map(|handle| [handle; 4]).cloned().collect();
            let racers: Vec<_> = racers.into_iter().map(|handle| tokio::spawn(draw(handle, KEYS))).collect();
            let mut won = Vec::new();
            for racer in racers {
                won.extend(racer.await.unwrap());
            }
            won
        });
    won.sort_unstable();
    assert_eq!(won, (0..KEYS).collect::<Vec<_>>());
}

#[test]
fn a_snapshot_reads_one_store_beside_its_host_and_makes_no_file() {
    let (folder, store) = file();
    block_on(async {
        store.set("default", "a", vec![1]).await.unwrap();
        store.set("other", "b", vec![2]).await.unwrap();
        let snapshot = SqliteKeyValue::snapshot(&folder.path().join("kv.db"), "default").unwrap();
        assert_eq!(snapshot, [("a".to_owned(), vec![1])].into());
        store.set("default", "a", vec![3]).await.unwrap();
        assert_eq!(store.get("default", "a").await, Ok(Some(vec![3])));
    });
    let missing = folder.path().join("missing.db");
    assert!(SqliteKeyValue::snapshot(&missing, "default").is_err());
    assert!(!missing.exists());
}
