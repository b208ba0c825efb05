//! The key-value operations one by one, repeated a few times while the store fails.
//! What an answer means is not here: the ledger and the queue know.

use std::collections::BTreeMap;
use std::time::Duration;

use jit_domain::time::Timestamp;

use super::{Effects, KeyValue, KeyValueError, KeyValueReply, pause};

/// Tries of one operation. Two Spin processes on one sqlite file answer "database is locked" to about one call in 27
/// while both write, so three in a row are rare and mean that something is wrong.
const TRIES: u32 = 3;
/// The shortest wait before the next try.
const RETRY_WAIT: Duration = Duration::from_millis(10);
/// Longest key: the limit that Spin documents for its file store; the host does not enforce it.
pub(crate) const KEY_BYTES_MAX: usize = 256;
/// Longest value with whatever header it has: a little more than the ledger and the queue let through.
pub(crate) const VALUE_BYTES_MAX: usize = 1 << 20;

/// The key-value store as the ledger and the queue use it.
#[derive(Debug)]
pub(crate) struct Store<'a, E> {
    pub(crate) effects: &'a E,
}

impl<E: Effects> Store<'_, E> {
    /// Reads a value.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        match self.answered(KeyValue::Get(key.to_owned())).await?.0 {
            KeyValueReply::Value(value) => Ok(value),
            other => Err(unexpected(&other)),
        }
    }

    /// Reads several values; absent keys are left out.
    pub(crate) async fn get_many(
        &self,
        keys: Vec<String>,
    ) -> Result<BTreeMap<String, Vec<u8>>, KeyValueError> {
        match self.answered(KeyValue::GetMany(keys)).await?.0 {
            KeyValueReply::Values(values) => Ok(values.into_iter().collect()),
            other => Err(unexpected(&other)),
        }
    }

    /// Writes a value; writing the same again is harmless, so a failure is repeated.
    pub(crate) async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        self.answered(KeyValue::Set(key.to_owned(), value)).await.map(|_| ())
    }

    /// Writes a value in one try, for a caller who has to look again before the next.
    pub(crate) async fn set_once(&self, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        let operation = KeyValue::Set(key.to_owned(), value);
        check(&operation)?;
        self.effects.key_value(operation).await.map(|_| ())
    }

    /// Deletes a key; an absent one is fine.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), KeyValueError> {
        self.answered(KeyValue::Delete(key.to_owned())).await.map(|_| ())
    }

    /// Lists all keys that begin so, in order.
    pub(crate) async fn keys(&self, prefix: &str) -> Result<Vec<String>, KeyValueError> {
        match self.answered(KeyValue::Keys(prefix.to_owned())).await?.0 {
            KeyValueReply::Keys(mut keys) => {
                keys.sort_unstable();
                Ok(keys)
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Adds to a counter and returns the sum, and when the try that answered was begun. A failed try may have added,
    /// so the sum may be too high, never too low.
    pub(crate) async fn increment(&self, key: &str, by: u64) -> Result<(u64, Timestamp), KeyValueError> {
        match self.answered(KeyValue::Increment(key.to_owned(), by)).await? {
            (KeyValueReply::Count(count), begun_at) => Ok((count, begun_at)),
            (other, _) => Err(unexpected(&other)),
        }
    }

    async fn answered(&self, operation: KeyValue) -> Result<(KeyValueReply, Timestamp), KeyValueError> {
        check(&operation)?;
        for _ in 1..TRIES {
            let begun_at = self.effects.now();
            match self.effects.key_value(operation.clone()).await {
                Err(KeyValueError::Failed(_)) => self.pause().await,
                other => return other.map(|reply| (reply, begun_at)),
            }
        }
        let begun_at = self.effects.now();
        self.effects.key_value(operation).await.map(|reply| (reply, begun_at))
    }

    /// Waits a little, by a random amount.
    pub(crate) async fn pause(&self) {
        pause(self.effects, RETRY_WAIT).await;
    }
}

/// Refuses what the host takes beyond its documented limits: another back end of Spin's store may not.
fn check(operation: &KeyValue) -> Result<(), KeyValueError> {
    let (key, value_bytes) = match operation {
        KeyValue::GetMany(keys) => (keys.iter().max_by_key(|key| key.len()).map_or("", String::as_str), 0),
        KeyValue::Get(key) | KeyValue::Delete(key) | KeyValue::Increment(key, _) => (key.as_str(), 0),
        KeyValue::Set(key, value) => (key.as_str(), value.len()),
        KeyValue::Keys(_) => return Ok(()),
    };
    if key.len() > KEY_BYTES_MAX {
        return Err(KeyValueError::Denied(format!(
            "a key of {} bytes, {KEY_BYTES_MAX} are allowed",
            key.len()
        )));
    }
    if value_bytes > VALUE_BYTES_MAX {
        return Err(KeyValueError::Denied(format!(
            "a value of {value_bytes} bytes, {VALUE_BYTES_MAX} are allowed"
        )));
    }
    Ok(())
}

fn unexpected(reply: &KeyValueReply) -> KeyValueError {
    let kind = match reply {
        KeyValueReply::Value(_) => "a value",
        KeyValueReply::Values(_) => "values",
        KeyValueReply::Done => "done",
        KeyValueReply::Keys(_) => "keys",
        KeyValueReply::Count(_) => "a count",
    };
    KeyValueError::Failed(format!("the store answered {kind} to another question"))
}
