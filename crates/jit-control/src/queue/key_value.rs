//! The two queues on Spin's key-value store: one key for each message, named by time and random digits.
//! Order and leases are not here: messages are observations, and one that is received twice changes nothing the second time.

use std::time::Duration;

use jit_domain::time::Timestamp;

use super::{Glance, Message, Queue, QueueError, QueueName};
use crate::effects::store::Store;
use crate::effects::{Effects, KeyValueError};

/// Longest body, in bytes: half of what SQS takes, so that messages can move there.
pub const BODY_BYTES_MAX: usize = 128 * 1024;
/// Messages read at once.
const CHUNK: usize = 100;
/// A receive reads no further after this, so that a drain of many messages on a slow store still has time to launch.
const RECEIVE_MAX: Duration = Duration::from_secs(1);
/// Longest reason kept with a dead letter, in bytes.
const REASON_BYTES_MAX: usize = 1_024;

/// The queues of one invocation on the key-value store.
#[derive(Debug)]
pub struct KeyValueQueue<'a, E> {
    store: Store<'a, E>,
}

/// What is kept about a dead letter, before its body.
#[derive(serde::Serialize)]
struct DeadLetter<'a> {
    v: u8,
    why: &'a str,
    at_ms: u64,
}

impl<'a, E: Effects> KeyValueQueue<'a, E> {
    /// Makes the queues of one invocation.
    pub fn new(effects: &'a E) -> Self {
        Self { store: Store { effects } }
    }
}

impl<E: Effects> Queue for KeyValueQueue<'_, E> {
    async fn send(&self, queue: QueueName, body: &[u8]) -> Result<(), QueueError> {
        check_body(queue, body)?;
        let mut random = [0_u8; 8];
        self.store.effects.random(&mut random);
        let key = format!("{}{}", prefix(queue), name(self.store.effects.now(), random));
        // A failed try is repeated under the same key, so the message is there once.
        self.store.set(&key, body.to_vec()).await.map_err(|e| fault(queue, e))
    }

    /// A look would be a listing of the whole store, which is what costs here: only who has the lease makes it.
    async fn glance(&self, _: QueueName) -> Result<Glance, QueueError> {
        Ok(Glance::default())
    }

    async fn receive(&self, queue: QueueName, most: usize) -> Result<Vec<Message>, QueueError> {
        let until = self.store.effects.now() + RECEIVE_MAX;
        let listing = self.store.keys(&prefix(queue)).await.map_err(|e| fault(queue, e))?;
        let mut messages = Vec::new();
        for keys in listing.chunks(most.clamp(1, CHUNK)) {
            let is_late = self.store.effects.now() >= until && !messages.is_empty();
            if messages.len() >= most || is_late {
                break;
            }
            // Another invocation may have deleted some since the listing.
            let found = self.store.get_many(keys.to_vec()).await.map_err(|e| fault(queue, e))?;
            messages.extend(found.into_iter().map(|(handle, body)| Message { handle, body }));
        }
        messages.truncate(most);
        Ok(messages)
    }

    /// A message that was received is not hidden here, so that there is nothing to do.
    async fn give_back(&self, _: QueueName, _: &[String]) -> Result<Vec<String>, QueueError> {
        Ok(Vec::new())
    }

    async fn delete(&self, queue: QueueName, handles: &[String]) -> Result<Vec<String>, QueueError> {
        let prefix = prefix(queue);
        let mut left = Vec::new();
        for handle in handles {
            // A handle of another queue deletes nothing: it could be any key of the store.
            if !handle.starts_with(&prefix) {
                left.push(handle.clone());
                continue;
            }
            match self.store.delete(handle).await {
                Ok(()) => {}
                Err(KeyValueError::Failed(_)) => left.push(handle.clone()),
                Err(denied @ KeyValueError::Denied(_)) => return Err(fault(queue, denied)),
            }
        }
        Ok(left)
    }

    async fn dead_letter(&self, queue: QueueName, message: &Message, why: &str) -> Result<(), QueueError> {
        check_body(queue, &message.body)?;
        let Some(name) = message.handle.strip_prefix(&prefix(queue)) else {
            let cause = "the handle is not one of this queue's".to_owned();
            return Err(QueueError::Refused { queue: queue.as_str(), cause });
        };
        let why = &why[..why.floor_char_boundary(REASON_BYTES_MAX)];
        let head = DeadLetter { v: 1, why, at_ms: self.store.effects.now().as_ms() };
        let mut bytes = serde_json::to_vec(&head)
            .map_err(|e| QueueError::Refused { queue: queue.as_str(), cause: e.to_string() })?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&message.body);
        let dead = format!("d/{}/{name}", queue.as_str());
        self.store.set(&dead, bytes).await.map_err(|e| fault(queue, e))?;
        self.store.delete(&message.handle).await.map_err(|e| fault(queue, e))
    }
}

/// What the keys of a queue's messages begin with.
fn prefix(queue: QueueName) -> String {
    format!("q/{}/", queue.as_str())
}

/// A message's own part of its key; in order of names is in order of time.
fn name(now: Timestamp, random: [u8; 8]) -> String {
    format!("{:016x}-{:016x}", now.as_ms(), u64::from_be_bytes(random))
}

fn check_body(queue: QueueName, body: &[u8]) -> Result<(), QueueError> {
    if body.len() > BODY_BYTES_MAX {
        let cause = format!("a body has at most {BODY_BYTES_MAX} bytes, this one {}", body.len());
        return Err(QueueError::Refused { queue: queue.as_str(), cause });
    }
    Ok(())
}

fn fault(queue: QueueName, error: KeyValueError) -> QueueError {
    let queue = queue.as_str();
    match error {
        KeyValueError::Denied(cause) => QueueError::Refused { queue, cause },
        KeyValueError::Failed(cause) => QueueError::Busy { queue, cause },
    }
}

#[cfg(test)]
mod tests;
