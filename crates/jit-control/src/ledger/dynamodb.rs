//! The ledger on one DynamoDB table. What records mean is not here, nor the making of the table, whose form is in `table`.
//!
//! **Table.** Hash key `kind`, range key `name`; counters stand under the kind `counter`. A local index lists the open
//! records: only they have its range key, the attribute `open`. It is local because only a local index can be read
//! consistently, and a stale listing makes launches too many (`docs/adr/2026-11-22-dynamodb-local-index.md`).
//!
//! **Writing.** One record takes one UpdateItem on the condition of its version; several take one transaction, which is all
//! or none, and more than a transaction holds several of them in order. Each write leaves an id of its own in the record.
//! So when a reply was lost and the same write is sent again, the record itself tells what came of the first: if it has our
//! id, ours was written. A transaction is also sent again with its token, which DynamoDB remembers for ten minutes.
//!
//! **Deleting** writes a tombstone, so that the version goes on counting. DynamoDB's time to live takes it away an hour
//! later or more, as it does what has expired; so [`tidy`](super::Ledger::tidy) has nothing to do. A record that went so
//! begins at version 1 again. Who read it before may then hold a version that comes again; but what expires has been of no
//! use for long by then, and no invocation lives as long as DynamoDB takes.

use std::collections::BTreeSet;
use std::time::Duration;

use jit_aws::dynamodb::{
    AttributeValue, BATCH_GET_KEYS_MAX, BatchGetItem, Consistency, GetItem, Item, OnFailure, Placeholders,
    Query, Returned, Update, UpdateItem,
};
use jit_aws::{Endpoint, Service};
use jit_domain::ids::Region;
use jit_domain::time::Timestamp;

use self::limits::{PAGE, ROUNDS_MAX, TRIES_WITHIN};
use super::{
    Committed, Key, Kind, Ledger, LedgerError, Page, Record, Write, busy, check_name, check_write,
    log_unreadable, refused,
};
use crate::aws::Aws;
use crate::effects::Effects;

mod call;
mod commit;
mod limits;
mod record;
pub mod table;

/// Reads an item, as JSON in DynamoDB's form, as a record; none if it is something else, deleted, or of a newer form.
/// For checkers and tools that look at a table from outside; functions read through the ledger.
pub fn record_of(item: &serde_json::Value) -> Option<Record> {
    let item = serde_json::from_value(item.clone()).ok()?;
    record::decode(item).ok().flatten()
}

/// The ledger of one invocation on a DynamoDB table.
#[derive(Debug)]
pub struct DynamoDbLedger<'e, E> {
    effects: &'e E,
    aws: Aws<'e, E>,
    endpoint: Endpoint,
    table: String,
}

impl<'e, E: Effects> DynamoDbLedger<'e, E> {
    /// The ledger in a table of a region, with the rights of `aws`.
    ///
    /// # Errors
    /// A sentence when the region or the address cannot be one.
    pub fn new(effects: &'e E, aws: Aws<'e, E>, region: &Region, table: &str) -> Result<Self, String> {
        let endpoint = aws.endpoint(Service::DynamoDb, region)?;
        Ok(Self { effects, aws, endpoint, table: table.to_owned() })
    }

    /// Until when what begins now is tried again.
    fn patience(&self) -> Timestamp {
        self.effects.now() + TRIES_WITHIN
    }

    /// Reads one record, also a tombstone, as an item.
    async fn look(&self, key: &Key, until: Timestamp) -> Result<Option<Item>, LedgerError> {
        let get = GetItem {
            table_name: self.table.clone(),
            key: record::key(key),
            consistent_read: Consistency::Strong,
        };
        self.ask(key, until, &get.request(&self.endpoint), GetItem::parse).await?.done(key)
    }

    /// Reads the records of up to 100 different keys. What a full reply left out is asked for again.
    async fn look_at_many(&self, keys: Vec<Item>, about: &Key) -> Result<Vec<Item>, LedgerError> {
        let until = self.patience();
        let mut get =
            BatchGetItem { table_name: self.table.clone(), keys, consistent_read: Consistency::Strong };
        let mut found = Vec::new();
        for round in 0..ROUNDS_MAX {
            let request = get.request(&self.endpoint);
            let read = self.ask(about, until, &request, BatchGetItem::parse).await?.done(about)?;
            if read.unprocessed.is_empty() {
                found.extend(read.items);
                return Ok(found);
            }
            if read.items.is_empty() {
                self.pause(round).await;
            }
            found.extend(read.items);
            get = get.again(read.unprocessed);
        }
        Err(busy(about, "dynamodb left out some of the records each time"))
    }

    /// The records that can be read; one that cannot must not hide the others.
    fn understand(&self, items: Vec<Item>) -> Vec<Record> {
        let mut records = Vec::new();
        for item in items {
            let named = record::shown_key(&item);
            match record::decode(item) {
                Ok(found) => records.extend(found),
                Err(cause) => log_unreadable(self.effects, &named, &cause),
            }
        }
        records
    }

    /// The first page of the open records of a kind, or the one that begins after `start`.
    fn open_query(&self, kind: Kind, start: Option<Item>) -> Query {
        Query {
            table_name: self.table.clone(),
            index_name: Some(table::OPEN_INDEX.to_owned()),
            key_condition_expression: "#kind = :kind".to_owned(),
            placeholders: Placeholders::default().name("#kind", record::KIND).value(":kind", kind.as_str()),
            consistent_read: Consistency::Strong,
            limit: PAGE,
            exclusive_start_key: start,
        }
    }
}

impl<E: Effects> Ledger for DynamoDbLedger<'_, E> {
    async fn read(&self, key: &Key) -> Result<Option<Record>, LedgerError> {
        check_name(key)?;
        match self.look(key, self.patience()).await? {
            None => Ok(None),
            Some(item) => record::decode(item).map_err(|cause| refused(key, &cause)),
        }
    }

    async fn read_many(&self, keys: &[Key]) -> Result<Vec<Record>, LedgerError> {
        keys.iter().try_for_each(check_name)?;
        let once: Vec<&Key> = keys.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut records = Vec::new();
        for chunk in once.chunks(BATCH_GET_KEYS_MAX) {
            let keys = chunk.iter().map(|key| record::key(key)).collect();
            records.extend(self.understand(self.look_at_many(keys, chunk[0]).await?));
        }
        Ok(records)
    }

    async fn open(&self, kind: Kind, after: Option<&str>) -> Result<Page, LedgerError> {
        let start = after.map(|after| record::parse_start(kind, after)).transpose();
        let start = start.map_err(|cause| refused(kind.as_str(), cause))?;
        let query = self.open_query(kind, start);
        let about = kind.as_str();
        let request = query.request(&self.endpoint);
        let page =
            self.ask(about, self.patience(), &request, |reply| query.parse(reply)).await?.done(about)?;
        let next = page.last_evaluated_key.as_ref().map(record::start);
        Ok(Page { records: self.understand(page.items), next })
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Committed, LedgerError> {
        writes.iter().try_for_each(check_write)?;
        let until = self.patience();
        let mut begin = 0;
        while let Some(length) = commit::chunk(&writes[begin..]) {
            let chunk = &writes[begin..begin + length];
            if let Committed::Lost(place) = self.commit_chunk(chunk, until).await? {
                return Ok(Committed::Lost(begin + place));
            }
            begin += length;
        }
        Ok(Committed::Written)
    }

    async fn add(&self, counter: &Key, amount: u64, life: Duration) -> Result<u64, LedgerError> {
        check_name(counter)?;
        let placeholders = Placeholders::default()
            .name("#sum", record::SUM)
            .name("#exp", table::TIME_TO_LIVE)
            .value(":amount", amount)
            .value(":exp", record::seconds(self.effects.now() + life));
        let update = Update {
            table_name: self.table.clone(),
            key: record::counter_key(counter),
            update_expression: "SET #exp = if_not_exists(#exp, :exp) ADD #sum :amount".to_owned(),
            condition_expression: None,
            placeholders,
        };
        // Not only what was updated: adding nothing reads a counter, and a sum that stays as it is may not count as updated.
        let add = UpdateItem { update, return_values: Returned::AllNew, on_failure: OnFailure::None };
        let request = add.request(&self.endpoint);
        let after = self.ask(counter, self.patience(), &request, UpdateItem::parse).await?.done(counter)?;
        let sum = after.get(record::SUM).and_then(AttributeValue::as_u64);
        sum.ok_or_else(|| busy(counter, "dynamodb did not tell the sum"))
    }

    /// Nothing: the table's time to live deletes what expired, tombstones and counters too, and costs nothing.
    async fn tidy(&self, _until: Timestamp) -> Result<u64, LedgerError> {
        Ok(0)
    }
}

#[cfg(test)]
mod tests;
