//! Carries out one call to the ledger or the queues on this instance's own store, as a function of the application would.
//!
//! Not in here: judging the answer; the tests do.

use std::time::Duration;

use jit_control::effects::spin::SpinEffects;
use jit_control::ledger::key_value::KeyValueLedger;
use jit_control::ledger::{Change, Committed, Index, Key, Kind, Ledger, LedgerError, Record, Write};
use jit_control::queue::key_value::KeyValueQueue;
use jit_control::queue::{Message, Queue, QueueError, QueueName};
use serde::Serialize;

use crate::wire::{self, Call, Failure};

/// Answers a call with `Result<_, Failure>` in JSON.
pub(crate) async fn answer(call: &[u8]) -> Result<String, String> {
    let ledger = KeyValueLedger::new(&SpinEffects);
    let queues = KeyValueQueue::new(&SpinEffects);
    match serde_json::from_slice(call).map_err(|error| error.to_string())? {
        Call::Read { key } => text(ledger.read(&from(key)?).await.map(|found| found.map(told)), busy_ledger),
        Call::ReadMany { keys } => {
            let keys = keys.into_iter().map(from).collect::<Result<Vec<_>, _>>()?;
            let found = ledger.read_many(&keys).await;
            text(found.map(|all| all.into_iter().map(told).collect::<Vec<_>>()), busy_ledger)
        }
        Call::Open { kind, after } => {
            let page = ledger.open(parse(&kind)?, after.as_deref()).await;
            let page = page.map(|page| wire::Page {
                records: page.records.into_iter().map(told).collect(),
                next: page.next,
            });
            text(page, busy_ledger)
        }
        Call::Commit { writes } => {
            let writes = writes.into_iter().map(write).collect::<Result<_, _>>()?;
            let committed = ledger.commit(writes).await.map(|committed| match committed {
                Committed::Written => None,
                Committed::Lost(place) => Some(place),
            });
            text(committed, busy_ledger)
        }
        Call::Add { counter, amount, life_s } => {
            text(ledger.add(&from(counter)?, amount, Duration::from_secs(life_s)).await, busy_ledger)
        }
        Call::Send { queue, body } => text(queues.send(name(queue), &body).await, busy_queue),
        Call::Receive { queue, most } => {
            let messages = queues.receive(name(queue), most).await;
            let told = |message: Message| wire::Message { handle: message.handle, body: message.body };
            text(messages.map(|all| all.into_iter().map(told).collect::<Vec<_>>()), busy_queue)
        }
        Call::Delete { queue, handles } => text(queues.delete(name(queue), &handles).await, busy_queue),
        Call::DeadLetter { queue, message, why } => {
            let message = Message { handle: message.handle, body: message.body };
            text(queues.dead_letter(name(queue), &message, &why).await, busy_queue)
        }
    }
}

fn text<T: Serialize, E>(answer: Result<T, E>, failure: impl Fn(E) -> Failure) -> Result<String, String> {
    serde_json::to_string(&answer.map_err(failure)).map_err(|error| error.to_string())
}

fn busy_ledger(error: LedgerError) -> Failure {
    match error {
        LedgerError::Busy { key, cause } => Failure { is_busy: true, what: key, cause },
        LedgerError::Refused { key, cause } => Failure { is_busy: false, what: key, cause },
    }
}

fn busy_queue(error: QueueError) -> Failure {
    match error {
        QueueError::Busy { queue, cause } => Failure { is_busy: true, what: queue.to_owned(), cause },
        QueueError::Refused { queue, cause } => Failure { is_busy: false, what: queue.to_owned(), cause },
    }
}

fn parse(kind: &str) -> Result<Kind, String> {
    Kind::parse(kind).ok_or_else(|| format!("no kind {kind}"))
}

fn from(key: wire::Key) -> Result<Key, String> {
    Ok(Key { kind: parse(&key.kind)?, name: key.name })
}

fn told(record: Record) -> wire::Record {
    let key = wire::Key { kind: record.key.kind.as_str().to_owned(), name: record.key.name };
    wire::Record { key, version: record.version, value: record.value }
}

fn write(write: wire::Write) -> Result<Write, String> {
    let value = match write.put {
        None => Change::Delete,
        Some(put) => {
            let index = if put.is_open { Index::Open } else { Index::Closed };
            Change::Put { value: put.value, index, expires_at: None }
        }
    };
    Ok(Write { key: from(write.key)?, expected: write.expected, value })
}

fn name(queue: wire::Queue) -> QueueName {
    match queue {
        wire::Queue::Jobs => QueueName::Jobs,
        wire::Queue::Lifecycle => QueueName::Lifecycle,
    }
}
