//! The ledger where the configuration says.
//! Not here: the contract, and how a back end keeps it.

use std::time::Duration;

use jit_domain::policy::Storage;
use jit_domain::time::Timestamp;

use super::dynamodb::DynamoDbLedger;
use super::key_value::{KeyValueLedger, Listing};
use super::{Committed, Key, Kind, Ledger, LedgerError, Page, Record, Write};
use crate::aws::Aws;
use crate::effects::Effects;
use crate::settings::AwsAccess;

/// The ledger of one invocation, on whichever back end.
#[derive(Debug)]
pub enum AnyLedger<'e, E> {
    /// On Spin's key-value store.
    KeyValue(KeyValueLedger<'e, E>),
    /// On DynamoDB.
    DynamoDb(Box<DynamoDbLedger<'e, E>>),
}

impl<'e, E: Effects> AnyLedger<'e, E> {
    /// The ledger of an invocation.
    ///
    /// # Errors
    /// A sentence when it is in AWS and the component has no rights there, or the address cannot be one.
    pub fn choose(effects: &'e E, storage: &Storage, access: Option<&AwsAccess>) -> Result<Self, String> {
        match (storage, access) {
            (Storage::KeyValue, _) => {
                Ok(Self::KeyValue(KeyValueLedger::new(effects).with_listing(Listing::Once)))
            }
            (Storage::Aws(place), Some(access)) => {
                let aws = Aws::new(effects, access.clone());
                let ledger = DynamoDbLedger::new(effects, aws, &place.region, &place.name)?;
                Ok(Self::DynamoDb(Box::new(ledger)))
            }
            (Storage::Aws(_), None) => Err(crate::settings::NO_RIGHTS_IN_AWS.to_owned()),
        }
    }

    /// Asks the store anew at the next question for open records, also where one answer serves several questions.
    pub fn list_anew(&self) {
        match self {
            Self::KeyValue(ledger) => ledger.list_anew(),
            // Each question asks the table.
            Self::DynamoDb(_) => {}
        }
    }
}

impl<E: Effects> Ledger for AnyLedger<'_, E> {
    async fn read(&self, key: &Key) -> Result<Option<Record>, LedgerError> {
        match self {
            Self::KeyValue(ledger) => ledger.read(key).await,
            Self::DynamoDb(ledger) => ledger.read(key).await,
        }
    }

    async fn read_many(&self, keys: &[Key]) -> Result<Vec<Record>, LedgerError> {
        match self {
            Self::KeyValue(ledger) => ledger.read_many(keys).await,
            Self::DynamoDb(ledger) => ledger.read_many(keys).await,
        }
    }

    async fn open(&self, kind: Kind, after: Option<&str>) -> Result<Page, LedgerError> {
        match self {
            Self::KeyValue(ledger) => ledger.open(kind, after).await,
            Self::DynamoDb(ledger) => ledger.open(kind, after).await,
        }
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Committed, LedgerError> {
        match self {
            Self::KeyValue(ledger) => ledger.commit(writes).await,
            Self::DynamoDb(ledger) => ledger.commit(writes).await,
        }
    }

    async fn add(&self, counter: &Key, amount: u64, life: Duration) -> Result<u64, LedgerError> {
        match self {
            Self::KeyValue(ledger) => ledger.add(counter, amount, life).await,
            Self::DynamoDb(ledger) => ledger.add(counter, amount, life).await,
        }
    }

    async fn tidy(&self, until: Timestamp) -> Result<u64, LedgerError> {
        match self {
            Self::KeyValue(ledger) => ledger.tidy(until).await,
            Self::DynamoDb(ledger) => ledger.tidy(until).await,
        }
    }
}
