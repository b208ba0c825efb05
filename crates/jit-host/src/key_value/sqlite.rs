//! Stores in one SQLite file, which several processes may share.
//!
//! Its table is that of Spin's own store, so that either host can go on with the other's file
//! (<https://github.com/spinframework/spin/tree/main/crates/key-value-spin>, read 2026-11-21).
//! Not in here: waiting for a lock longer than a moment; the caller repeats.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, params};

use super::{BoxFuture, KeyValue, KeyValueError, add};
use crate::limits::{SQLITE_BUSY_TIMEOUT, SQLITE_OPEN_TIMEOUT};

/// Key-value stores in one SQLite file.
#[derive(Clone)]
pub struct SqliteKeyValue {
    connection: Arc<Mutex<Connection>>,
}

impl SqliteKeyValue {
    /// Opens the file and makes it if it is missing. Its folder must exist.
    ///
    /// # Errors
    /// When the file cannot be opened, is no database, or another process keeps it locked for ten seconds.
    pub fn open(path: &Path) -> Result<Self, KeyValueError> {
        let connection = Connection::open(path).map_err(error)?;
        connection.busy_timeout(SQLITE_OPEN_TIMEOUT).map_err(error)?;
        // With a log, readers do not wait for the writer; "normal" keeps every commit through the end of a process
        // and may lose the last ones only when the machine loses power.
        connection.pragma_update(None, "journal_mode", "wal").map_err(error)?;
        connection.pragma_update(None, "synchronous", "normal").map_err(error)?;
        connection
            .execute(
                "CREATE TABLE IF NOT EXISTS spin_key_value (
                    store TEXT NOT NULL,
                    key TEXT NOT NULL,
                    value BLOB NOT NULL,
                    PRIMARY KEY (store, key)
                )",
                [],
            )
            .map_err(error)?;
        connection.busy_timeout(SQLITE_BUSY_TIMEOUT).map_err(error)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// Everything in one store of a file, which any host may be using meanwhile; changes nothing. Blocks while it reads.
    ///
    /// # Errors
    /// When there is no such file, it holds no stores, or a host keeps it locked for ten seconds.
    pub fn snapshot(path: &Path, store: &str) -> Result<BTreeMap<String, Vec<u8>>, KeyValueError> {
        let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, read_only).map_err(error)?;
        connection.busy_timeout(SQLITE_OPEN_TIMEOUT).map_err(error)?;
        let mut statement =
            connection.prepare("SELECT key, value FROM spin_key_value WHERE store = ?1").map_err(error)?;
        let pairs = statement.query_map([store], |row| Ok((row.get(0)?, row.get(1)?))).map_err(error)?;
        pairs.collect::<Result<_, _>>().map_err(error)
    }

    /// Runs one call on a thread that may block.
    fn call<'a, T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, KeyValueError> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, KeyValueError>> {
        let connection = self.connection.clone();
        Box::pin(async move {
            let work = move || {
                // A call that panicked left no open transaction behind: they end with their guard.
                let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                work(&mut connection)
            };
            match tokio::task::spawn_blocking(work).await {
                Ok(result) => result,
                Err(_) => Err(KeyValueError::Other("the key-value call was interrupted".to_owned())),
            }
        })
    }
}

fn error(error: rusqlite::Error) -> KeyValueError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => KeyValueError::Locked,
        _ => KeyValueError::Other(error.to_string()),
    }
}

const SELECT: &str = "SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2";
const UPSERT: &str = "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
    ON CONFLICT (store, key) DO UPDATE SET value = excluded.value";

fn select(connection: &Connection, store: &str, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection.prepare_cached(SELECT)?.query_row([store, key], |row| row.get(0)).optional()
}

fn upsert(connection: &Connection, store: &str, key: &str, value: &[u8]) -> rusqlite::Result<()> {
    connection.prepare_cached(UPSERT)?.execute(params![store, key, value]).map(drop)
}

fn increment(connection: &mut Connection, store: &str, key: &str, delta: i64) -> Result<i64, KeyValueError> {
    // The write lock is taken before the read, so that no other process draws the same sum.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(error)?;
    let current = select(&transaction, store, key).map_err(error)?;
    let sum = add(current.as_deref(), delta)?;
    upsert(&transaction, store, key, &sum.to_le_bytes()).map_err(error)?;
    transaction.commit().map_err(error)?;
    Ok(sum)
}

impl KeyValue for SqliteKeyValue {
    fn get<'a>(
        &'a self,
        store: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, KeyValueError>> {
        let (store, key) = (store.to_owned(), key.to_owned());
        self.call(move |connection| select(connection, &store, &key).map_err(error))
    }

    fn set<'a>(
        &'a self,
        store: &'a str,
        key: &'a str,
        value: Vec<u8>,
    ) -> BoxFuture<'a, Result<(), KeyValueError>> {
        let (store, key) = (store.to_owned(), key.to_owned());
        self.call(move |connection| upsert(connection, &store, &key, &value).map_err(error))
    }

    fn delete<'a>(&'a self, store: &'a str, key: &'a str) -> BoxFuture<'a, Result<(), KeyValueError>> {
        let (store, key) = (store.to_owned(), key.to_owned());
        self.call(move |connection| {
            connection
                .prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")
                .and_then(|mut statement| statement.execute([store, key]))
                .map(drop)
                .map_err(error)
        })
    }

    fn exists<'a>(&'a self, store: &'a str, key: &'a str) -> BoxFuture<'a, Result<bool, KeyValueError>> {
        let (store, key) = (store.to_owned(), key.to_owned());
        self.call(move |connection| {
            connection
                .prepare_cached(SELECT)
                .and_then(|mut statement| statement.exists([store, key]))
                .map_err(error)
        })
    }

    fn keys<'a>(&'a self, store: &'a str) -> BoxFuture<'a, Result<Vec<String>, KeyValueError>> {
        let store = store.to_owned();
        self.call(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1 ORDER BY key")
                .map_err(error)?;
            let keys = statement.query_map([store], |row| row.get(0)).map_err(error)?;
            keys.collect::<Result<_, _>>().map_err(error)
        })
    }

    fn increment<'a>(
        &'a self,
        store: &'a str,
        key: &'a str,
        delta: i64,
    ) -> BoxFuture<'a, Result<i64, KeyValueError>> {
        let (store, key) = (store.to_owned(), key.to_owned());
        self.call(move |connection| increment(connection, &store, &key, delta))
    }
}
