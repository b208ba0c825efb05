//! DynamoDB's JSON API: the tables of one account and the actions on their items.
//! Not in it: global indexes, scans, streams, PartiQL, provisioned capacity, backups; and whole numbers are the only ones.
//!
//! What hurts is in it: conditions, transactions with their tokens, reads that lag behind, a time to live that deletes late,
//! throttled partitions, pages of 1 MB, items of 400 KB. Signatures and injected faults are seen to before (`pipeline`).
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/Welcome.html>

pub(super) mod error;
mod expression;
mod input;
mod item;
mod read;
mod settings;
mod table;
mod tables;
#[cfg(test)]
mod tests;
mod transact;
mod value;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value as Json;

use self::input::TransactWriteItems;
pub use self::settings::DynamoDbSettings;
use self::table::{Key, Table};
use self::transact::Token;
use super::error::ApiError;
use super::pipeline::Call;
use super::throttle::Bucket;
use crate::model::Random;

/// What writes are counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WrittenItem {
    /// The table.
    pub table: String,
    /// The value of the hash key, as text.
    pub hash: String,
    /// The value of the range key, as text; empty if the table has none.
    pub range: String,
}

/// What writing cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteCost {
    /// Writes that were carried out, or refused by their condition.
    pub writes: u64,
    /// Write units that they took, those of indexes too.
    pub units: u64,
}

/// A table of one region.
type TableName = (String, String);

/// The tables of one account, in all regions.
#[derive(Debug)]
pub struct DynamoDb {
    /// What bounds it and what takes how long, from now on. Partitions in use keep the rate that they started with.
    pub settings: DynamoDbSettings,
    account: String,
    random: Random,
    tables: BTreeMap<TableName, Table>,
    /// When items are taken away for their age.
    agenda: BTreeSet<(Timestamp, TableName, Key)>,
    tokens: BTreeMap<(String, String), Token>,
    buckets: BTreeMap<(TableName, value::Value), Bucket>,
    written: BTreeMap<WrittenItem, WriteCost>,
    writes: u64,
    conflicts: u32,
}

impl DynamoDb {
    pub(crate) fn new(account: String, random: Random) -> Self {
        Self {
            settings: DynamoDbSettings::default(),
            account,
            random,
            tables: BTreeMap::new(),
            agenda: BTreeSet::new(),
            tokens: BTreeMap::new(),
            buckets: BTreeMap::new(),
            written: BTreeMap::new(),
            writes: 0,
            conflicts: 0,
        }
    }

    /// Cancels the next `count` transactions with `TransactionConflict`, as if another one had their first item in hand.
    pub fn conflict_next(&mut self, count: u32) {
        self.conflicts = count;
    }

    /// What writing each item cost so far.
    pub fn written(&self) -> &BTreeMap<WrittenItem, WriteCost> {
        &self.written
    }

    /// The items of a table as a consistent read sees them, each as JSON in DynamoDB's form, in the order of their keys.
    /// None if there is no such table.
    pub fn items(&self, region: &str, table: &str) -> Option<Vec<Json>> {
        let table = self.tables.get(&(region.to_owned(), table.to_owned()))?;
        Some(table.items().map(item::to_json).collect())
    }

    /// An item whose keys are texts, as a consistent read sees it and as JSON in DynamoDB's form; none if there is none.
    pub fn item(&self, region: &str, table: &str, hash: &str, range: &str) -> Option<Json> {
        let table = self.tables.get(&(region.to_owned(), table.to_owned()))?;
        let key = (value::Value::S(hash.to_owned()), Some(value::Value::S(range.to_owned())));
        table.get(&key, table::View::Latest).map(item::to_json)
    }

    /// Lets everything happen that is due: items whose time to live is over go, later than they should.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        while let Some(due) = self.agenda.first().filter(|(at, _, _)| *at <= now).cloned() {
            self.agenda.remove(&due);
            let (at, name, key) = due;
            let Some(table) = self.tables.get_mut(&name) else { continue };
            if table.is_due(&key, at) {
                let visible_at = self.settings.lag.draw(&self.random, "dynamodb ttl lag", self.writes);
                table.put(key, None, at, at.saturating_add(visible_at).unwrap_or(at));
            }
        }
    }

    /// Carries out an action, if the caller may do it, or each part of a transaction.
    pub(crate) fn perform(&mut self, call: &Call<'_>) -> Result<Json, ApiError> {
        let (region, body, now) = (call.region.as_str(), call.request.body(), call.now);
        let action =
            Action::parse(call.action).ok_or_else(|| ApiError::bad("UnknownOperationException", ""))?;
        if action == Action::TransactWriteItems {
            let input: TransactWriteItems = input::read(body)?;
            input.transact_items.iter().try_for_each(|item| call.check_may(item.right()))?;
        } else {
            call.check_may(&format!("dynamodb:{}", call.action))?;
        }
        match action {
            Action::CreateTable => self.create_table_of(region, input::read(body)?, now),
            Action::DescribeTable => self.describe_table(region, &input::read(body)?),
            Action::UpdateTimeToLive => self.update_time_to_live(region, input::read(body)?, now),
            Action::DescribeTimeToLive => self.describe_time_to_live(region, &input::read(body)?),
            Action::GetItem => self.get_item(region, input::read(body)?, now),
            Action::BatchGetItem => self.batch_get_item(region, input::read(body)?, now),
            Action::Query => self.query(region, input::read(body)?, now),
            Action::PutItem => self.put_item(region, input::read(body)?, now),
            Action::UpdateItem => self.update_item(region, input::read(body)?, now),
            Action::DeleteItem => self.delete_item(region, input::read(body)?, now),
            Action::TransactWriteItems => self.transact_write_items(region, input::read(body)?, now),
        }
    }

    fn table(&self, region: &str, name: &str) -> Result<&Table, ApiError> {
        let name = (region.to_owned(), table_name(name).to_owned());
        self.tables.get(&name).ok_or_else(error::no_table)
    }
}

/// A table may be named by its ARN.
fn table_name(given: &str) -> &str {
    given.rsplit_once(":table/").map_or(given, |(_, name)| name)
}

/// What this model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    CreateTable,
    DescribeTable,
    UpdateTimeToLive,
    DescribeTimeToLive,
    GetItem,
    BatchGetItem,
    Query,
    PutItem,
    UpdateItem,
    DeleteItem,
    TransactWriteItems,
}

impl Action {
    fn parse(name: &str) -> Option<Self> {
        use Action::*;
        Some(match name {
            "CreateTable" => CreateTable,
            "DescribeTable" => DescribeTable,
            "UpdateTimeToLive" => UpdateTimeToLive,
            "DescribeTimeToLive" => DescribeTimeToLive,
            "GetItem" => GetItem,
            "BatchGetItem" => BatchGetItem,
            "Query" => Query,
            "PutItem" => PutItem,
            "UpdateItem" => UpdateItem,
            "DeleteItem" => DeleteItem,
            "TransactWriteItems" => TransactWriteItems,
            _ => return None,
        })
    }
}
