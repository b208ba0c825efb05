//! Stores in memory, for tests and virtual time.
//!
//! Not in here: anything that outlives the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{BoxFuture, KeyValue, KeyValueError, add};

/// Key-value stores in memory. Never locked, keys in their order, so that a run can be repeated.
#[derive(Debug, Default)]
pub struct MemoryKeyValue {
    stores: Mutex<BTreeMap<String, BTreeMap<String, Vec<u8>>>>,
}

impl MemoryKeyValue {
    fn stores(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<String, Vec<u8>>>> {
        // Every change is a single map operation, so a poisoned map is still whole.
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything in one store, for checks.
    pub fn snapshot(&self, store: &str) -> BTreeMap<String, Vec<u8>> {
        self.stores().get(store).cloned().unwrap_or_default()
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, Result<T, KeyValueError>> {
    Box::pin(std::future::ready(Ok(value)))
}

impl KeyValue for MemoryKeyValue {
    fn get<'a>(
        &'a self,
        store: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, KeyValueError>> {
        ready(self.stores().get(store).and_then(|keys| keys.get(key)).cloned())
    }

    fn set<'a>(
        &'a self,
        store: &'a str,
        key: &'a str,
        value: Vec<u8>,
    ) -> BoxFuture<'a, Result<(), KeyValueError>> {
        self.stores().entry(store.to_owned()).or_default().insert(key.to_owned(), value);
        ready(())
    }

    fn delete<'a>(&'a self, store: &'a str, key: &'a str) -> BoxFuture<'a, Result<(), KeyValueError>> {
        if let Some(keys) = self.stores().get_mut(store) {
            keys.remove(key);
        }
        ready(())
    }

    fn exists<'a>(&'a self, store: &'a str, key: &'a str) -> BoxFuture<'a, Result<bool, KeyValueError>> {
        ready(self.stores().get(store).is_some_and(|keys| keys.contains_key(key)))
    }

    fn keys<'a>(&'a self, store: &'a str) -> BoxFuture<'a, Result<Vec<String>, KeyValueError>> {
        ready(self.stores().get(store).map(|keys| keys.keys().cloned().collect()).unwrap_or_default())
    }

    fn increment<'a>(
        &'a self,
        store: &'a str,
        key: &'a str,
        delta: i64,
    ) -> BoxFuture<'a, Result<i64, KeyValueError>> {
        let mut stores = self.stores();
        let keys = stores.entry(store.to_owned()).or_default();
        let sum = add(keys.get(key).map(Vec::as_slice), delta);
        if let Ok(sum) = sum {
            keys.insert(key.to_owned(), sum.to_le_bytes().to_vec());
        }
        Box::pin(std::future::ready(sum))
    }
}
