//! A key-value store in memory, with the limits of Spin's and the one trap of its sqlite: a key is a counter or a value for ever.
//! Waiting, failing and crashing are not here.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::effects::store::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::effects::{KeyValue, KeyValueError, KeyValueReply};

/// Values and counters by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Store(BTreeMap<String, Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Value(Vec<u8>),
    Count(u64),
}

impl Store {
    /// A value as it is stored now.
    pub fn value(&self, key: &str) -> Option<&[u8]> {
        match self.0.get(key)? {
            Entry::Value(value) => Some(value),
            Entry::Count(_) => None,
        }
    }

    /// All keys that begin so, in order.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let from = self.0.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        from.map(|(key, _)| key).take_while(|key| key.starts_with(prefix)).cloned().collect()
    }

    /// Carries out one operation. A key used both as a counter and as a value is refused: sqlite would end the host's store.
    ///
    /// # Errors
    /// [`KeyValueError::Denied`] for what the host would refuse.
    pub fn apply(&mut self, operation: KeyValue) -> Result<KeyValueReply, KeyValueError> {
        let mixed =
            |key: &str| Err(KeyValueError::Denied(format!("{key} is used both as a counter and as a value")));
        check(&operation).map_err(KeyValueError::Denied)?;
        Ok(match operation {
            KeyValue::Get(key) => match self.0.get(&key) {
                None => KeyValueReply::Value(None),
                Some(Entry::Value(value)) => KeyValueReply::Value(Some(value.clone())),
                Some(Entry::Count(_)) => return mixed(&key),
            },
            KeyValue::GetMany(keys) => {
                let mut values = Vec::new();
                for key in keys {
                    if let KeyValueReply::Value(Some(value)) = self.apply(KeyValue::Get(key.clone()))? {
                        values.push((key, value));
                    }
                }
                KeyValueReply::Values(values)
            }
            KeyValue::Set(key, value) => {
                if let Some(Entry::Count(_)) = self.0.get(&key) {
                    return mixed(&key);
                }
                self.0.insert(key, Entry::Value(value));
                KeyValueReply::Done
            }
            KeyValue::Delete(key) => {
                self.0.remove(&key);
                KeyValueReply::Done
            }
            KeyValue::Keys(prefix) => KeyValueReply::Keys(self.keys(&prefix)),
            KeyValue::Increment(key, by) => {
                let count = match self.0.get(&key) {
                    None => by,
                    Some(Entry::Count(count)) => count + by,
                    Some(Entry::Value(_)) => return mixed(&key),
                };
                self.0.insert(key, Entry::Count(count));
                KeyValueReply::Count(count)
            }
        })
    }
}

fn check(operation: &KeyValue) -> Result<(), String> {
    let key = match operation {
        KeyValue::Get(key) | KeyValue::Set(key, _) | KeyValue::Increment(key, _) => key,
        KeyValue::GetMany(_) | KeyValue::Delete(_) | KeyValue::Keys(_) => return Ok(()),
    };
    if key.len() > KEY_BYTES_MAX {
        return Err(format!("a key of {} bytes", key.len()));
    }
    match operation {
        KeyValue::Set(_, value) if value.len() > VALUE_BYTES_MAX => {
            Err(format!("a value of {} bytes", value.len()))
        }
        _ => Ok(()),
    }
}
