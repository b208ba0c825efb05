//! What the ledger holds at the end: open records, read through the ledger itself.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use jit_control::effects::{Effects, KeyValue, KeyValueError, KeyValueReply, Request, Response, SendError};
use jit_control::ledger::Ledger;
use jit_control::ledger::key_value::KeyValueLedger;
use jit_control::stored::Stored;
use jit_domain::class::Class;
use jit_domain::instance::Instance;
use jit_domain::job::Job;
use jit_domain::time::Timestamp;

/// The records that are open: jobs, instances, and classes with open batches.
#[derive(Debug, Default)]
pub struct Books {
    /// Jobs not completed.
    pub jobs: Vec<Job>,
    /// Instances whose end the cloud has not confirmed.
    pub instances: Vec<Instance>,
    /// Classes with open batches.
    pub classes: Vec<Class>,
}

impl Books {
    /// Reads a store of Spin's.
    ///
    /// # Errors
    /// The store cannot be read as a ledger.
    pub async fn read(store: BTreeMap<String, Vec<u8>>) -> Result<Self> {
        let snapshot = Snapshot(store);
        Self::of(&KeyValueLedger::new(&snapshot)).await
    }

    /// Reads a ledger.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn of(ledger: &impl Ledger) -> Result<Self> {
        let classes: Vec<Class> = open(ledger).await?;
        Ok(Self {
            jobs: open(ledger).await?,
            instances: open(ledger).await?,
            classes: classes.into_iter().filter(|c| c.open_batches().next().is_some()).collect(),
        })
    }

    /// How many records are open.
    pub fn open(&self) -> usize {
        self.jobs.len() + self.instances.len() + self.classes.len()
    }
}

async fn open<T: Stored>(ledger: &impl Ledger) -> Result<Vec<T>> {
    let mut all = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = ledger.open(T::KIND, after.as_deref()).await?;
        for record in &page.records {
            all.push(T::decode(&record.value)?);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}

/// A store that can only be read.
#[derive(Debug)]
struct Snapshot(BTreeMap<String, Vec<u8>>);

impl Effects for Snapshot {
    async fn send(&self, _: Request, _: Duration) -> Result<Response, SendError> {
        Err(SendError::NotSent("a snapshot sends nothing".into()))
    }

    async fn key_value(&self, operation: KeyValue) -> Result<KeyValueReply, KeyValueError> {
        match operation {
            KeyValue::Get(key) => Ok(KeyValueReply::Value(self.0.get(&key).cloned())),
            KeyValue::GetMany(keys) => {
                let found = keys.iter().filter_map(|key| self.0.get_key_value(key));
                Ok(KeyValueReply::Values(found.map(|(key, value)| (key.clone(), value.clone())).collect()))
            }
            KeyValue::Keys(prefix) => {
                let keys = self.0.keys().filter(|key| key.starts_with(&prefix));
                Ok(KeyValueReply::Keys(keys.cloned().collect()))
            }
            KeyValue::Set(..) | KeyValue::Delete(_) | KeyValue::Increment(..) => {
                Err(KeyValueError::Denied("a snapshot is not written".into()))
            }
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::default()
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }

    async fn sleep(&self, _: Duration) {}

    fn log(&self, _: &str) {}
}
