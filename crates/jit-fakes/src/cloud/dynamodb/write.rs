//! PutItem, UpdateItem and DeleteItem: condition, new item, size, write units, write.
//! Not in it: several at once; transactions use the steps from here.

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::error;
use super::expression::{Condition, Scope, Update};
use super::input::{OnFailure, ReturnValues, Write};
use super::item::{self, ITEM_BYTES_MAX, Item};
use super::table::{Key, Table, View};
use super::{DynamoDb, TableName, WrittenItem, table_name};
use crate::cloud::error::ApiError;
use crate::cloud::throttle::Bucket;

/// Bytes of one write unit.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html>
const UNIT_BYTES: usize = 1 << 10;

/// A write that was read and understood, and has not happened.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) name: TableName,
    pub(super) key: Key,
    condition: Option<Condition>,
    effect: Effect,
    on_failure: OnFailure,
}

#[derive(Debug)]
pub(super) enum Effect {
    Nothing,
    Put(Item),
    Update(Update),
    Delete,
}

/// What a planned write would do to the item.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) before: Option<Item>,
    pub(super) after: Option<Item>,
}

/// Which of the three it is, or a check only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Check,
    Put,
    Update,
    Delete,
}

impl DynamoDb {
    pub(super) fn put_item(&mut self, region: &str, input: Write, now: Timestamp) -> Result<Json, ApiError> {
        self.write_one(region, Verb::Put, &input, now)
    }

    pub(super) fn update_item(
        &mut self,
        region: &str,
        input: Write,
        now: Timestamp,
    ) -> Result<Json, ApiError> {
        self.write_one(region, Verb::Update, &input, now)
    }

    pub(super) fn delete_item(
        &mut self,
        region: &str,
        input: Write,
        now: Timestamp,
    ) -> Result<Json, ApiError> {
        self.write_one(region, Verb::Delete, &input, now)
    }

    fn write_one(
        &mut self,
        region: &str,
        verb: Verb,
        input: &Write,
        now: Timestamp,
    ) -> Result<Json, ApiError> {
        let has_update = verb == Verb::Update;
        let allowed = match input.return_values {
            ReturnValues::None | ReturnValues::AllOld => true,
            ReturnValues::UpdatedOld | ReturnValues::AllNew | ReturnValues::UpdatedNew => has_update,
        };
        if !allowed {
            return Err(error::invalid("ReturnValues can only be ALL_OLD or NONE"));
        }
        let planned = self.plan(region, verb, input)?;
        let outcome = self.outcome(&planned);
        self.charge(&planned, outcome.as_ref().ok(), 1, now)?;
        let outcome = outcome?;
        let reply = returned(&planned, &outcome, input.return_values);
        self.carry_out(planned, outcome, now);
        Ok(reply)
    }

    /// Reads a write; everything is checked that can be without looking at the item.
    pub(super) fn plan(&self, region: &str, verb: Verb, input: &Write) -> Result<Planned, ApiError> {
        let table = self.table(region, &input.table_name)?;
        let has_expressions = input.update_expression.is_some() || input.condition_expression.is_some();
        let scope = Scope::new(input.placeholders(), has_expressions)?;
        let (key, effect) = match (verb, &input.key, &input.item, &input.update_expression) {
            (Verb::Check, Some(key), None, None) => (table.key(key)?, Effect::Nothing),
            (Verb::Delete, Some(key), None, None) => (table.key(key)?, Effect::Delete),
            (Verb::Put, None, Some(item), None) => (table.key_of(item)?, Effect::Put(item.clone())),
            (Verb::Update, Some(key), None, update) => {
                let update = update.as_ref().map(|text| scope.update(text)).transpose()?.unwrap_or_default();
                check_targets(table, &update)?;
                (table.key(key)?, Effect::Update(update))
            }
            _ => {
                return Err(error::invalid("a parameter is missing, or does not belong to this action"));
            }
        };
        let condition = input.condition_expression.as_ref().map(|text| scope.condition(text)).transpose()?;
        scope.check_used()?;
        let name = (region.to_owned(), table_name(&input.table_name).to_owned());
        let on_failure = input.return_values_on_condition_check_failure;
        Ok(Planned { name, key, condition, effect, on_failure })
    }

    /// What a write would do now, or why it does not.
    pub(super) fn outcome(&self, planned: &Planned) -> Result<Outcome, ApiError> {
        let table = self.tables.get(&planned.name).ok_or_else(error::no_table)?;
        let before = table.get(&planned.key, View::Latest).cloned();
        let nothing = Item::new();
        let seen = before.as_ref().unwrap_or(&nothing);
        if planned.condition.as_ref().is_some_and(|condition| !condition.holds(seen)) {
            let item = before.as_ref().filter(|_| planned.on_failure == OnFailure::AllOld);
            return Err(error::condition(item.map(item::to_json)));
        }
        let after = match &planned.effect {
            Effect::Nothing => before.clone(),
            Effect::Delete => None,
            Effect::Put(item) => Some(item.clone()),
            Effect::Update(update) => {
                let mut start = table.key_attributes(&planned.key);
                start.extend(seen.clone());
                Some(update.apply(&start).map_err(error::invalid)?)
            }
        };
        if let Some(item) = &after {
            table.check_indexed(item)?;
            if item::bytes(item) > ITEM_BYTES_MAX {
                let message = match planned.effect {
                    Effect::Update(_) => "Item size to update has exceeded the maximum allowed size",
                    _ => "Item size has exceeded the maximum allowed size",
                };
                return Err(error::invalid(message));
            }
        }
        Ok(Outcome { before, after })
    }

    /// Takes the write units of a write from its partition. One that its condition refused costs as well.
    pub(super) fn charge(
        &mut self,
        planned: &Planned,
        outcome: Option<&Outcome>,
        times: u32,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let Some(table) = self.tables.get(&planned.name) else { return Err(error::no_table()) };
        let units = outcome.map_or(1, |outcome| units(table, outcome)) * times;
        let size = self.settings.write_units;
        let bucket = (planned.name.clone(), planned.key.0.clone());
        let bucket = self.buckets.entry(bucket).or_insert_with(|| Bucket::full(size, now));
        if !bucket.take(units, now) {
            return Err(error::throttled());
        }
        let (hash, range) = &planned.key;
        let written = WrittenItem {
            table: planned.name.1.clone(),
            hash: hash.shown(),
            range: range.as_ref().map(super::value::Value::shown).unwrap_or_default(),
        };
        let cost = self.written.entry(written).or_default();
        cost.writes += 1;
        cost.units += u64::from(units);
        Ok(())
    }

    /// Lets a write happen.
    pub(super) fn carry_out(&mut self, planned: Planned, outcome: Outcome, now: Timestamp) {
        if matches!(planned.effect, Effect::Nothing) {
            return;
        }
        self.writes += 1;
        let lag = self.settings.lag.draw(&self.random, "dynamodb lag", self.writes);
        let Some(table) = self.tables.get_mut(&planned.name) else { return };
        table.put(planned.key.clone(), outcome.after, now, now.saturating_add(lag).unwrap_or(now));
        self.plan_deletion(&planned.name, &planned.key, now);
    }

    /// Plans the deletion of an item whose time to live ends.
    pub(super) fn plan_deletion(&mut self, name: &TableName, key: &Key, now: Timestamp) {
        let Some(table) = self.tables.get_mut(name) else { return };
        let Some(expires_at) = table.expires_at(key) else { return };
        let late = self.settings.deletion.draw(&self.random, "dynamodb deletion", self.writes);
        let due = expires_at.max(now).saturating_add(late).unwrap_or(Timestamp::MAX);
        table.plan(key, due);
        self.agenda.insert((due, name.clone(), key.clone()));
    }
}

/// Refuses an update of the primary key.
fn check_targets(table: &Table, update: &Update) -> Result<(), ApiError> {
    match update.paths().find(|path| table.is_key(path)) {
        None => Ok(()),
        Some(path) => Err(error::invalid(format!(
            "One or more parameter values were invalid: Cannot update attribute {path}. This attribute is part of the key"
        ))),
    }
}

/// Write units of the item and of the indexes that hold it before or afterwards.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html#LSI.ThroughputConsiderations>
fn units(table: &Table, outcome: &Outcome) -> u32 {
    let of = |item: &Item| u32::try_from(item::bytes(item).div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).max(1);
    let before = outcome.before.as_ref().map_or(0, of);
    let after = outcome.after.as_ref().map_or(0, of);
    let mut units = before.max(after).max(1);
    for attribute in table.indexes.values() {
        let entry = |item: &Option<Item>| item.as_ref().and_then(|item| item.get(&attribute.name)).cloned();
        units += match (entry(&outcome.before), entry(&outcome.after)) {
            (None, None) => 0,
            (Some(_), None) => before,
            (None, Some(_)) => after,
            (Some(old), Some(new)) if old == new => before.max(after),
            (Some(_), Some(_)) => before + after,
        };
    }
    units
}

fn returned(planned: &Planned, outcome: &Outcome, wanted: ReturnValues) -> Json {
    let whole = |item: &Option<Item>| item.clone().unwrap_or_default();
    let named = |item: &Option<Item>| -> Item {
        let Effect::Update(update) = &planned.effect else { return Item::new() };
        let item = whole(item);
        update.paths().filter_map(|path| Some((path.clone(), item.get(path)?.clone()))).collect()
    };
    let attributes = match wanted {
        ReturnValues::None => Item::new(),
        ReturnValues::AllOld => whole(&outcome.before),
        ReturnValues::AllNew => whole(&outcome.after),
        ReturnValues::UpdatedOld => named(&outcome.before),
        ReturnValues::UpdatedNew => named(&outcome.after),
    };
    if attributes.is_empty() {
        return Json::Object(Map::new());
    }
    json!({ "Attributes": item::to_json(&attributes) })
}
