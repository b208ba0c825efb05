//! Calls to the ledger and the queues as they travel between a test and the guest, in JSON.
//!
//! Both sides are built with this file. Not in here: what the calls mean (`jit_control::ledger`, `jit_control::queue`).

use serde::{Deserialize, Serialize};

/// A call, carried out in an invocation of its own.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Call {
    /// Answers `Option<Record>`.
    Read { key: Key },
    /// Answers `Vec<Record>`.
    ReadMany { keys: Vec<Key> },
    /// Answers `Page`.
    Open { kind: String, after: Option<String> },
    /// Answers `None` when all was written, else the place of the write that lost.
    Commit { writes: Vec<Write> },
    /// Answers the sum.
    Add { counter: Key, amount: u64, life_s: u64 },
    /// Answers nothing.
    Send { queue: Queue, body: Vec<u8> },
    /// Answers `Vec<Message>`.
    Receive { queue: Queue, most: usize },
    /// Answers the handles that were left.
    Delete { queue: Queue, handles: Vec<String> },
    /// Answers nothing.
    DeadLetter { queue: Queue, message: Message, why: String },
}

/// Why a call was not carried out.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// Whether it may be tried again.
    pub(crate) is_busy: bool,
    /// What it was about.
    pub(crate) what: String,
    /// What the store said.
    pub(crate) cause: String,
}

/// A record's key; the kind by its word.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// A conditional write; without a value the record is deleted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Write {
    pub(crate) key: Key,
    pub(crate) expected: u64,
    pub(crate) put: Option<Put>,
}

/// A value that does not expire.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Put {
    pub(crate) value: Vec<u8>,
    pub(crate) is_open: bool,
}

/// A record as it was read.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) key: Key,
    pub(crate) version: u64,
    pub(crate) value: Vec<u8>,
}

/// A page of open records.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Page {
    pub(crate) records: Vec<Record>,
    pub(crate) next: Option<String>,
}

/// Which queue.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Queue {
    Jobs,
    Lifecycle,
}

/// A message as it was received.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) handle: String,
    pub(crate) body: Vec<u8>,
}
