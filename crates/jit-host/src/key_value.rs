//! Key-value stores behind the components.
//!
//! Not in here: what a component may open (`host`), the WASI interfaces (`host::key_value`).

mod memory;
mod sqlite;

use std::future::Future;
use std::pin::Pin;

pub use memory::MemoryKeyValue;
pub use sqlite::SqliteKeyValue;

/// A boxed future, as the object-safe traits of this crate answer.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Stores of keys and values, each by its label.
///
/// Every call may fail and may be repeated; after a failed write either the old or the new value is there.
pub trait KeyValue: Send + Sync {
    /// Reads a value; none when the key is absent.
    fn get<'a>(
        &'a self,
        store: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, KeyValueError>>;

    /// Writes a value over whatever was there.
    fn set<'a>(
        &'a self,
        store: &'a str,
        key: &'a str,
        value: Vec<u8>,
    ) -> BoxFuture<'a, Result<(), KeyValueError>>;

    /// Removes a key; an absent one is fine.
    fn delete<'a>(&'a self, store: &'a str, key: &'a str) -> BoxFuture<'a, Result<(), KeyValueError>>;

    /// Whether a key is there.
    fn exists<'a>(&'a self, store: &'a str, key: &'a str) -> BoxFuture<'a, Result<bool, KeyValueError>>;

    /// All keys of a store.
    fn keys<'a>(&'a self, store: &'a str) -> BoxFuture<'a, Result<Vec<String>, KeyValueError>>;

    /// Adds to a counter in one step and answers the sum; an absent key counts as 0.
    ///
    /// Of all callers on one store, in any process, exactly one sees each sum.
    fn increment<'a>(
        &'a self,
        store: &'a str,
        key: &'a str,
        delta: i64,
    ) -> BoxFuture<'a, Result<i64, KeyValueError>>;
}

/// Why a key-value call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyValueError {
    /// Another process was writing; the same call may be repeated.
    #[error("database is locked")]
    Locked,
    /// The value is not a counter; [`KeyValue::increment`] and [`KeyValue::set`] were mixed on one key.
    #[error("the value of the key is not a counter: {0} bytes instead of 8")]
    NotACounter(usize),
    /// The counter would leave the range of 64 bits.
    #[error("the counter overflows")]
    Overflow,
    /// Anything else.
    #[error("{0}")]
    Other(String),
    /// Ends the calling instance on the spot, as if its host had died: for simulations.
    #[error("crashed on purpose")]
    Crash,
}

/// The next value of a counter, stored as 8 bytes in little-endian order like Spin's sqlite store.
fn add(current: Option<&[u8]>, delta: i64) -> Result<i64, KeyValueError> {
    let current = match current {
        None => 0,
        Some(bytes) => {
            i64::from_le_bytes(bytes.try_into().map_err(|_| KeyValueError::NotACounter(bytes.len()))?)
        }
    };
    current.checked_add(delta).ok_or(KeyValueError::Overflow)
}

#[cfg(test)]
mod tests;
