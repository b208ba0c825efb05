//! A key-value store in memory, with the limits of Spin's and the one trap of its sqlite: a key is a counter or a value for ever.
//! Waiting, failing and crashing are not here.

use std::collections::BTreeMap;

use crate::effects::store::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::effects::{KeyValue, KeyValueError, KeyValueReply};

/// Values and counters by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Store {
    values: BTreeMap<String, Vec<u8>>,
    counters: BTreeMap<String, u64>,
}

impl Store {
    /// A value as it is stored now.
    pub fn value(&self, key: &str) -> Option<&[u8]> {
        self.values.get(key).map(Vec::as_slice)
    }

    /// All values, by key.
    pub fn values(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.values
    }

    /// All keys, in order.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.values.keys().chain(self.counters.keys()).cloned().collect();
        keys.sort_unstable();
        keys
    }

    /// Carries out one operation. A key used both as a counter and as a value is refused: sqlite would end the host's store.
    ///
    /// # Errors
    /// [`KeyValueError::Denied`] for what the host would refuse.
    pub fn apply(&mut self, operation: KeyValue) -> Result<KeyValueReply, KeyValueError> {
        self.check(&operation).map_err(KeyValueError::Denied)?;
        Ok(match operation {
            KeyValue::Get(key) => KeyValueReply::Value(self.values.get(&key).cloned()),
            KeyValue::Set(key, value) => {
                self.values.insert(key, value);
                KeyValueReply::Done
            }
            KeyValue::Delete(key) => {
                self.values.remove(&key);
                self.counters.remove(&key);
                KeyValueReply::Done
            }
            KeyValue::Keys => KeyValueReply::Keys(self.keys()),
            KeyValue::Increment(key, by) => {
                let count = self.counters.entry(key).or_default();
                *count += by;
                KeyValueReply::Count(*count)
            }
        })
    }

    fn check(&self, operation: &KeyValue) -> Result<(), String> {
        let (key, is_counter) = match operation {
            KeyValue::Get(key) | KeyValue::Set(key, _) => (key, false),
            KeyValue::Increment(key, _) => (key, true),
            KeyValue::Delete(_) | KeyValue::Keys => return Ok(()),
        };
        if key.len() > KEY_BYTES_MAX {
            return Err(format!("a key of {} bytes", key.len()));
        }
        if let KeyValue::Set(_, value) = operation
            && value.len() > VALUE_BYTES_MAX
        {
            return Err(format!("a value of {} bytes", value.len()));
        }
        if is_counter && self.values.contains_key(key) || !is_counter && self.counters.contains_key(key) {
            return Err(format!("{key} is used both as a counter and as a value"));
        }
        Ok(())
    }
}
