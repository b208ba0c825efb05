//! The ledger: records that all functions share, written only on the condition that nobody else wrote first.
//! What the records mean is in jit-domain; their stored form is in `stored.rs`. This file is the contract that
//! every back end keeps; `ledger/suite.rs` is the test of it.

use std::fmt;
use std::time::Duration;

use jit_domain::time::Timestamp;

use crate::effects::Effects;

pub mod any;
pub mod dynamodb;
pub mod key_value;
#[cfg(any(test, feature = "suites"))]
pub mod suite;

/// Longest name of a record, in bytes: with the longest prefix and suffix a key of Spin's store stays within its 256 bytes.
pub const NAME_BYTES_MAX: usize = 200;
/// Longest value, in bytes, so that it fits everywhere: an item of DynamoDB has at most 400 KiB, with its name twice and
/// what the ledger needs for itself.
pub const VALUE_BYTES_MAX: usize = 350 << 10;

/// What a record is about. With the name it makes the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A workflow job, by id.
    Job,
    /// A class, by key.
    Class,
    /// An instance, by cloud/region/id.
    Instance,
    /// A group, by key.
    Group,
    /// A pool, by name.
    Pool,
    /// Health of the offerings of a region, by cloud/region.
    Offering,
    /// User data without token, by SHA-256.
    UserData,
    /// A sealed installation token, by component and installation.
    Token,
    /// A point counter or pause of an App.
    Budget,
    /// When a schedule ran last, by function.
    Schedule,
    /// Where a pass goes on, by function.
    Cursor,
    /// Who drains, by function.
    Lease,
    /// Whether a component's configuration is valid, by component.
    Config,
}

impl Kind {
    /// The word in keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Class => "class",
            Self::Instance => "instance",
            Self::Group => "group",
            Self::Pool => "pool",
            Self::Offering => "offering",
            Self::UserData => "userdata",
            Self::Token => "token",
            Self::Budget => "budget",
            Self::Schedule => "schedule",
            Self::Cursor => "cursor",
            Self::Lease => "lease",
            Self::Config => "config",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        use Kind::*;
        [
            Job, Class, Instance, Group, Pool, Offering, UserData, Token, Budget, Schedule, Cursor, Lease,
            Config,
        ]
        .into_iter()
        .find(|k| k.as_str() == word)
    }
}

/// A record's key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What it is about.
    pub kind: Kind,
    /// Which one; 1 to [`NAME_BYTES_MAX`] bytes.
    pub name: String,
}

impl Key {
    /// Makes a key.
    pub fn new(kind: Kind, name: impl fmt::Display) -> Self {
        Self { kind, name: name.to_string() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.name)
    }
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its key.
    pub key: Key,
    /// Its version: 1 at first, one more with each write. A deleted record's successor goes on counting.
    pub version: u64,
    /// The value, at most [`VALUE_BYTES_MAX`] bytes.
    pub value: Vec<u8>,
}

/// A write that happens only if the record's version is still the expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Which record.
    pub key: Key,
    /// The version that was read; 0 when there was no record.
    pub expected: u64,
    /// What it becomes.
    pub value: Change,
}

/// What a record becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new value.
    Put {
        /// The value, at most [`VALUE_BYTES_MAX`] bytes.
        value: Vec<u8>,
        /// Whether the record is in the index of open records of its kind.
        index: Index,
        /// When the store may delete the record by itself; none keeps it until somebody does.
        expires_at: Option<Timestamp>,
    },
    /// No record. At expected version 0 nothing is written: it only says that there is none.
    Delete,
}

/// Whether a record is listed by [`Ledger::open`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// Listed.
    Open,
    /// Not listed; read by key only.
    Closed,
}

/// What came of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// All writes happened.
    Written,
    /// The write at this place lost: its record had moved on. Writes before it may have happened (where the store has no
    /// transactions), writes after it did not. Read again and decide again.
    Lost(usize),
}

/// One page of open records, in no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// Where the next page begins; none after the last.
    pub next: Option<String>,
}

/// Why the store did not answer, or not as the contract says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Try again at the next tick; a write may or may not have happened.
    #[error("the ledger is busy with {key}: {cause}")]
    Busy {
        /// What it was about.
        key: String,
        /// What the store said.
        cause: String,
    },
    /// It will not get better by itself: rights, limits, a missing feature.
    #[error("the ledger refused {key}: {cause}")]
    Refused {
        /// What it was about.
        key: String,
        /// What the store said.
        cause: String,
    },
}

/// The contract of every back end.
#[expect(async_fn_in_trait, reason = "invocations run on one thread, so no future needs to be Send")]
pub trait Ledger {
    /// Reads one record, as last written; also one that has expired, as long as the store has not deleted it.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn read(&self, key: &Key) -> Result<Option<Record>, LedgerError>;

    /// Reads several records; those that do not exist are left out.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn read_many(&self, keys: &[Key]) -> Result<Vec<Record>, LedgerError>;

    /// Reads the open records of a kind: those whose last write said [`Index::Open`]. `after` is the last page's `next`.
    /// A record written while a listing is under way may be missed or seen; each listed record is as last written.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn open(&self, kind: Kind, after: Option<&str>) -> Result<Page, LedgerError>;

    /// Writes in the order given, each only at its expected version, stopping at the first that lost.
    /// Where the store can, all or none; where it can't, a crash leaves a prefix, so put first what may safely stand alone.
    ///
    /// # Errors
    /// [`LedgerError::Busy`]: any prefix may have happened.
    async fn commit(&self, writes: Vec<Write>) -> Result<Committed, LedgerError>;

    /// Adds to a counter and returns the sum. Counters are apart from records and live at least `life` from their first
    /// addition; one counter is always given the same life. After a failure inside the store the sum may be too high, never too low.
    ///
    /// # Errors
    /// [`LedgerError`]; the addition may have happened.
    async fn add(&self, counter: &Key, amount: u64, life: Duration) -> Result<u64, LedgerError>;

    /// Deletes what expired and what the store keeps for its own working, until the clock says `until` or the work of one call
    /// is done; the next call goes on from there. Returns how many it deleted.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn tidy(&self, until: Timestamp) -> Result<u64, LedgerError>;
}

/// Refuses a name that some store could not take.
fn check_name(key: &Key) -> Result<(), LedgerError> {
    if key.name.is_empty() || key.name.len() > NAME_BYTES_MAX {
        let cause = format!("a name has 1 to {NAME_BYTES_MAX} bytes, this one {}", key.name.len());
        return Err(LedgerError::Refused { key: key.kind.as_str().to_owned(), cause });
    }
    Ok(())
}

/// Refuses what some store could not take, before any of a commit is written.
fn check_write(write: &Write) -> Result<(), LedgerError> {
    check_name(&write.key)?;
    match &write.value {
        Change::Put { value, .. } if value.len() > VALUE_BYTES_MAX => {
            let cause = format!("a value has at most {VALUE_BYTES_MAX} bytes, this one {}", value.len());
            Err(refused(&write.key, &cause))
        }
        Change::Put { .. } | Change::Delete => Ok(()),
    }
}

fn busy(key: impl ToString, cause: &str) -> LedgerError {
    LedgerError::Busy { key: key.to_string(), cause: cause.to_owned() }
}

fn refused(key: impl ToString, cause: &str) -> LedgerError {
    LedgerError::Refused { key: key.to_string(), cause: cause.to_owned() }
}

/// Logs a record that must not hide all others; its own readers get the error.
fn log_unreadable(effects: &impl Effects, key: &str, cause: &str) {
    let line = serde_json::json!({
        "level": "error",
        "message": "a record is left out because it cannot be read",
        "record.key": key,
        "error": cause,
    });
    effects.log(&line.to_string());
}
