//! The ledger and the queues of a guest in another process, behind the contracts' own traits: each call is an invocation there.
//!
//! Not in here: what is asked of them (`races`, and the suites of `jit_control`).

use std::time::Duration;

use jit_control::ledger::{Change, Committed, Index, Key, Kind, Ledger, LedgerError, Page, Record, Write};
use jit_control::queue::{Glance, Message, Queue, QueueError, QueueName};
use jit_domain::time::Timestamp;
use serde::de::DeserializeOwned;

use crate::server::post;
use crate::wire::{self, Call, Failure};

/// Store and queues as one process shows them.
pub(crate) struct Remote {
    pub(crate) address: String,
}

impl Remote {
    /// Any answer but the guest's own, such as an instance that the host has ended, ends the test.
    async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, Failure> {
        let call = serde_json::to_string(&call).unwrap();
        let answer = post(&self.address, "/p/shared", &call).await;
        let answer = answer.strip_prefix("200 ").unwrap_or_else(|| panic!("{answer}"));
        serde_json::from_str(answer).unwrap()
    }
}

impl Ledger for Remote {
    async fn read(&self, key: &Key) -> Result<Option<Record>, LedgerError> {
        let found: Option<wire::Record> =
            self.call(Call::Read { key: told(key) }).await.map_err(ledger_error)?;
        Ok(found.map(record))
    }

    async fn read_many(&self, keys: &[Key]) -> Result<Vec<Record>, LedgerError> {
        let call = Call::ReadMany { keys: keys.iter().map(told).collect() };
        let found: Vec<wire::Record> = self.call(call).await.map_err(ledger_error)?;
        Ok(found.into_iter().map(record).collect())
    }

    async fn open(&self, kind: Kind, after: Option<&str>) -> Result<Page, LedgerError> {
        let call = Call::Open { kind: kind.as_str().to_owned(), after: after.map(str::to_owned) };
        let page: wire::Page = self.call(call).await.map_err(ledger_error)?;
        Ok(Page { records: page.records.into_iter().map(record).collect(), next: page.next })
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Committed, LedgerError> {
        let writes = writes.into_iter().map(write).collect();
        let lost: Option<usize> = self.call(Call::Commit { writes }).await.map_err(ledger_error)?;
        Ok(lost.map_or(Committed::Written, Committed::Lost))
    }

    async fn add(&self, counter: &Key, amount: u64, life: Duration) -> Result<u64, LedgerError> {
        let call = Call::Add { counter: told(counter), amount, life_s: life.as_secs() };
        self.call(call).await.map_err(ledger_error)
    }

    /// Not asked for: tidying is for one process at a time, and its tests move the clock by hours.
    async fn tidy(&self, _: Timestamp) -> Result<u64, LedgerError> {
        let cause = "the guest has no call for it".to_owned();
        Err(LedgerError::Refused { key: "tidy".to_owned(), cause })
    }
}

impl Queue for Remote {
    async fn send(&self, queue: QueueName, body: &[u8]) -> Result<(), QueueError> {
        let call = Call::Send { queue: name(queue), body: body.to_vec() };
        self.call(call).await.map_err(|failure| queue_error(queue, failure))
    }

    async fn receive(&self, queue: QueueName, most: usize) -> Result<Vec<Message>, QueueError> {
        let call = Call::Receive { queue: name(queue), most };
        let messages: Vec<wire::Message> =
            self.call(call).await.map_err(|failure| queue_error(queue, failure))?;
        Ok(messages.into_iter().map(|m| Message { handle: m.handle, body: m.body }).collect())
    }

    /// As on the store itself: a look would cost as much as a receive.
    async fn glance(&self, _: QueueName) -> Result<Glance, QueueError> {
        Ok(Glance::default())
    }

    /// Nothing is hidden from others there.
    async fn give_back(&self, _: QueueName, _: &[String]) -> Result<Vec<String>, QueueError> {
        Ok(Vec::new())
    }

    async fn delete(&self, queue: QueueName, handles: &[String]) -> Result<Vec<String>, QueueError> {
        let call = Call::Delete { queue: name(queue), handles: handles.to_vec() };
        self.call(call).await.map_err(|failure| queue_error(queue, failure))
    }

    async fn dead_letter(&self, queue: QueueName, message: &Message, why: &str) -> Result<(), QueueError> {
        let message = wire::Message { handle: message.handle.clone(), body: message.body.clone() };
        let call = Call::DeadLetter { queue: name(queue), message, why: why.to_owned() };
        self.call(call).await.map_err(|failure| queue_error(queue, failure))
    }
}

fn ledger_error(Failure { is_busy, what: key, cause }: Failure) -> LedgerError {
    if is_busy { LedgerError::Busy { key, cause } } else { LedgerError::Refused { key, cause } }
}

fn queue_error(queue: QueueName, Failure { is_busy, what: _, cause }: Failure) -> QueueError {
    let queue = queue.as_str();
    if is_busy { QueueError::Busy { queue, cause } } else { QueueError::Refused { queue, cause } }
}

fn told(key: &Key) -> wire::Key {
    wire::Key { kind: key.kind.as_str().to_owned(), name: key.name.clone() }
}

fn record(record: wire::Record) -> Record {
    let key = Key { kind: Kind::parse(&record.key.kind).unwrap(), name: record.key.name };
    Record { key, version: record.version, value: record.value }
}

fn write(write: Write) -> wire::Write {
    let put = match write.value {
        Change::Put { value, index, expires_at: None } => {
            Some(wire::Put { value, is_open: index == Index::Open })
        }
        Change::Put { expires_at: Some(_), .. } => panic!("the guest takes no value that expires"),
        Change::Delete => None,
    };
    wire::Write { key: told(&write.key), expected: write.expected, put }
}

fn name(queue: QueueName) -> wire::Queue {
    match queue {
        QueueName::Jobs => wire::Queue::Jobs,
        QueueName::Lifecycle => wire::Queue::Lifecycle,
    }
}
