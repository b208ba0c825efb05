//! What one invocation has in its hands: effects, configuration, ledger, queues and its deadline; and the few ways in which
//! all functions read and write records. No decision is here.

use std::collections::BTreeMap;
use std::time::Duration;

use jit_domain::policy::Policy;
use jit_domain::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::effects::Effects;
use crate::ledger::any::AnyLedger;
use crate::ledger::{Committed, Key, Ledger, LedgerError, Record, Write};
use crate::limits;
use crate::queue::QueueError;
use crate::queue::any::AnyQueue;
use crate::settings::{AwsAccess, Component};
use crate::stored::{Stored, StoredError};

/// What one invocation of one function works with.
pub struct Shell<'e, E: Effects> {
    /// The way to the world.
    pub effects: &'e E,
    /// The component.
    pub component: Component,
    /// The function's name, as in tags of logs, leases and schedules.
    pub function: &'static str,
    /// What the user wishes; valid.
    pub policy: Policy,
    /// The records.
    pub ledger: AnyLedger<'e, E>,
    /// The queues.
    pub queue: AnyQueue<'e, E>,
    started_at: Timestamp,
}

/// Why an invocation could not go on. What was done so far stands; the next tick goes on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A record that this release cannot read.
    #[error("the record {key} cannot be read")]
    Stored {
        /// Its key.
        key: String,
        /// Why.
        source: StoredError,
    },
    /// The invocation has no time left.
    #[error("no time was left for {0}")]
    Deadline(&'static str),
    /// Others kept writing the same record.
    #[error("the record {0} kept moving")]
    Contended(String),
}

/// A value with the version of the record that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The value.
    pub value: T,
    /// The version; 0 where there is no record yet.
    pub version: u64,
}

impl<'e, E: Effects> Shell<'e, E> {
    /// Begins an invocation now, with records and messages where the policy says.
    ///
    /// # Errors
    /// A sentence when they are in AWS and the component has no rights there, or an address cannot be one.
    pub fn new(
        effects: &'e E,
        component: Component,
        policy: Policy,
        aws: Option<&AwsAccess>,
    ) -> Result<Self, String> {
        Ok(Self {
            effects,
            component,
            function: component.as_str(),
            ledger: AnyLedger::choose(effects, &policy.storage, aws)?,
            queue: AnyQueue::choose(effects, &policy.storage, aws)?,
            policy,
            started_at: effects.now(),
        })
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.effects.now()
    }

    /// Time since the invocation began.
    pub fn elapsed(&self) -> Duration {
        self.now().since(self.started_at)
    }

    /// When the invocation has to be over.
    pub fn deadline(&self) -> Timestamp {
        self.started_at + limits::HANDLER_DEADLINE
    }

    /// Whether effects may still be started.
    pub fn has_time(&self) -> bool {
        self.elapsed() < limits::HANDLER_DEADLINE
    }

    /// Fails once the deadline has passed.
    ///
    /// # Errors
    /// [`Failure::Deadline`].
    pub fn check_time(&self, wanted: &'static str) -> Result<(), Failure> {
        if self.has_time() { Ok(()) } else { Err(Failure::Deadline(wanted)) }
    }

    /// Reads one record.
    ///
    /// # Errors
    /// [`Failure::Ledger`], [`Failure::Stored`].
    pub async fn read<T: Stored>(&self, key: &Key) -> Result<Option<Versioned<T>>, Failure> {
        match self.ledger.read(key).await? {
            None => Ok(None),
            Some(record) => decode(&record).map(Some),
        }
    }

    /// Reads several records of one kind at once; those that do not exist are left out.
    ///
    /// # Errors
    /// [`Failure::Ledger`], [`Failure::Stored`].
    pub async fn read_many<T: Stored>(&self, keys: &[Key]) -> Result<BTreeMap<Key, Versioned<T>>, Failure> {
        let records = self.ledger.read_many(keys).await?;
        records.iter().map(|record| Ok((record.key.clone(), decode(record)?))).collect()
    }

    /// Reads all open records of a kind, page by page. One that cannot be read is left alone and logged.
    ///
    /// # Errors
    /// [`Failure::Ledger`].
    pub async fn open<T: Stored>(&self) -> Result<Vec<Versioned<T>>, Failure> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..limits::OPEN_PAGES_MAX {
            let page = self.ledger.open(T::KIND, after.as_deref()).await?;
            for record in &page.records {
                match decode(record) {
                    Ok(versioned) => all.push(versioned),
                    Err(failure) => self.failed("a record is left alone", &failure),
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
        Err(LedgerError::Refused { key: T::KIND.as_str().into(), cause: "too many open records".into() }
            .into())
    }

    /// Writes records in order, each on condition of its version. Whether all were written.
    ///
    /// # Errors
    /// [`Failure::Ledger`].
    pub async fn commit(&self, writes: Vec<Write>) -> Result<bool, Failure> {
        if writes.is_empty() {
            return Ok(true);
        }
        Ok(matches!(self.ledger.commit(writes).await?, Committed::Written))
    }

    /// Reads, decides and writes one record, again while others are quicker. `decide` gets what is there, and answers
    /// what it becomes, or none to leave it. Returns what is there in the end.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn update<T: Stored + Clone>(
        &self,
        key: &Key,
        mut decide: impl FnMut(Option<&T>) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        for _ in 0..limits::UPDATE_ROUNDS_MAX {
            let known = self.read::<T>(key).await?;
            let version = known.as_ref().map_or(0, |k| k.version);
            let value = known.map(|k| k.value);
            let Some(after) = decide(value.as_ref()) else { return Ok(value) };
            if self.commit(vec![put(key, version, &after)]).await? {
                return Ok(Some(after));
            }
        }
        Err(Failure::Contended(key.to_string()))
    }

    /// Logs a change of state.
    pub fn info(&self, event: &str, fields: Value) {
        self.log("info", event, fields);
    }

    /// Logs a surprise that was dealt with.
    pub fn warn(&self, event: &str, fields: Value) {
        self.log("warn", event, fields);
    }

    /// Logs what a person must act on.
    pub fn error(&self, event: &str, fields: Value) {
        self.log("error", event, fields);
    }

    /// Logs a failure with its whole chain, once, where it is handled.
    pub fn failed(&self, event: &str, failure: &(dyn std::error::Error + 'static)) {
        self.log("warn", event, json!({ "cause": chain(failure) }));
    }

    fn log(&self, level: &str, event: &str, fields: Value) {
        self.effects.log(&line(self.effects.now(), level, self.function, event, fields));
    }
}

/// One log line: a sentence that stands alone, and fields to search by.
pub fn line(now: Timestamp, level: &str, function: &str, event: &str, fields: Value) -> String {
    let mut all = Map::new();
    all.insert("time_ms".into(), now.as_ms().into());
    all.insert("level".into(), level.into());
    all.insert("function".into(), function.into());
    all.insert("event".into(), event.into());
    if let Value::Object(fields) = fields {
        all.extend(fields);
    }
    Value::Object(all).to_string()
}

/// An error with all its causes.
pub fn chain(failure: &(dyn std::error::Error + 'static)) -> String {
    let mut text = failure.to_string();
    let mut source = failure.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// The conditional write of a value.
pub fn put<T: Stored>(key: &Key, version: u64, value: &T) -> Write {
    let value = crate::ledger::Change::Put {
        value: value.encode(),
        index: value.index(),
        expires_at: value.expires_at(),
    };
    Write { key: key.clone(), expected: version, value }
}

fn decode<T: Stored>(record: &Record) -> Result<Versioned<T>, Failure> {
    let value =
        T::decode(&record.value).map_err(|source| Failure::Stored { key: record.key.to_string(), source })?;
    Ok(Versioned { value, version: record.version })
}
