//! GetItem, BatchGetItem and Query.
//! Not in it: filters, projections and rates of reads.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::DynamoDb;
use super::error;
use super::expression::{Comparator, Condition, Operand, Scope};
use super::input::{BatchGetItem, GetItem, Placeholders, Query};
use super::item::{self, Item};
use super::table::{Key, Table, View};
use super::value::Value;
use crate::cloud::error::ApiError;

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html>
const PAGE_BYTES_MAX: usize = 1 << 20;
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
const BATCH_KEYS_MAX: usize = 100;
const BATCH_BYTES_MAX: usize = 16 << 20;

fn view(consistent: bool, now: Timestamp) -> View {
    if consistent { View::Latest } else { View::LaggingAt(now) }
}

impl DynamoDb {
    pub(super) fn get_item(&self, region: &str, input: GetItem, now: Timestamp) -> Result<Json, ApiError> {
        let table = self.table(region, &input.table_name)?;
        let key = table.key(&input.key)?;
        Ok(match table.get(&key, view(input.consistent_read, now)) {
            Some(item) => json!({ "Item": item::to_json(item) }),
            None => json!({}),
        })
    }

    pub(super) fn batch_get_item(
        &self,
        region: &str,
        input: BatchGetItem,
        now: Timestamp,
    ) -> Result<Json, ApiError> {
        let wanted: usize = input.request_items.values().map(|of| of.keys.len()).sum();
        if wanted == 0 || wanted > BATCH_KEYS_MAX || input.request_items.values().any(|of| of.keys.is_empty())
        {
            return Err(error::invalid("Too many items requested for the BatchGetItem call, or none"));
        }
        let (mut responses, mut unprocessed) = (Map::new(), Map::new());
        let mut bytes = 0;
        for (name, of) in &input.request_items {
            let table = self.table(region, name)?;
            let keys = of.keys.iter().map(|key| table.key(key)).collect::<Result<Vec<Key>, _>>()?;
            if keys.iter().collect::<BTreeSet<_>>().len() < keys.len() {
                return Err(error::invalid("Provided list of item keys contains duplicates"));
            }
            let (mut found, mut left) = (Vec::new(), Vec::new());
            for key in &keys {
                let Some(item) = table.get(key, view(of.consistent_read, now)) else { continue };
                bytes += item::bytes(item);
                if bytes > BATCH_BYTES_MAX {
                    left.push(item::to_json(&table.key_attributes(key)));
                } else {
                    found.push(item::to_json(item));
                }
            }
            responses.insert(name.clone(), Json::Array(found));
            if !left.is_empty() {
                unprocessed
                    .insert(name.clone(), json!({ "Keys": left, "ConsistentRead": of.consistent_read }));
            }
        }
        Ok(json!({ "Responses": responses, "UnprocessedKeys": unprocessed }))
    }

    pub(super) fn query(&self, region: &str, input: Query, now: Timestamp) -> Result<Json, ApiError> {
        let table = self.table(region, &input.table_name)?;
        let ordered = Ordered::new(table, input.index_name.as_deref())?;
        let scope = Scope::new(
            Placeholders {
                names: input.expression_attribute_names,
                values: input.expression_attribute_values,
            },
            true,
        )?;
        let condition = scope.key_condition(&input.key_condition_expression)?;
        scope.check_used()?;
        let hash = ordered.hash(&condition)?;
        let limit = input.limit.unwrap_or(usize::MAX);
        if limit == 0 {
            return Err(error::invalid("Limit must be greater than or equal to 1"));
        }
        let start = input.exclusive_start_key.as_ref().map(|key| ordered.start(key)).transpose()?;
        let mut places: Vec<(Place, &Item)> = table
            .partition(&hash, view(input.consistent_read, now))
            .filter(|(_, item)| condition.holds(item))
            .filter_map(|(key, item)| Some((ordered.place(key, item)?, item)))
            .collect();
        places.sort();
        if !input.scan_index_forward {
            places.reverse();
        }
        let is_after = |place: &Place| match &start {
            None => true,
            Some(start) if input.scan_index_forward => place > start,
            Some(start) => place < start,
        };
        let (mut items, mut bytes, mut last) = (Vec::new(), 0, None);
        for (place, item) in places.into_iter().filter(|(place, _)| is_after(place)) {
            items.push(item::to_json(item));
            bytes += item::bytes(item);
            // Where a page is full it leads to another one, even if that turns out to be empty.
            if items.len() >= limit || bytes >= PAGE_BYTES_MAX {
                last = Some(item::to_json(&ordered.start_key(&hash, &place)));
                break;
            }
        }
        let mut reply = json!({ "Count": items.len(), "ScannedCount": items.len(), "Items": items });
        if let Some(last) = last {
            reply["LastEvaluatedKey"] = last;
        }
        Ok(reply)
    }
}

/// Where an item stands in its partition: by the index's range key if an index is asked, then by the table's.
type Place = (Option<Value>, Option<Value>);

/// A table in the order of itself or of one of its indexes.
struct Ordered<'a> {
    table: &'a Table,
    index: Option<&'a str>,
}

impl<'a> Ordered<'a> {
    fn new(table: &'a Table, index: Option<&str>) -> Result<Self, ApiError> {
        let index = match index {
            None => None,
            Some(name) => {
                let missing =
                    || error::invalid(format!("The table does not have the specified index: {name}"));
                Some(table.indexes.get(name).ok_or_else(missing)?.name.as_str())
            }
        };
        Ok(Self { table, index })
    }

    /// None if the index does not hold the item.
    fn place(&self, key: &Key, item: &Item) -> Option<Place> {
        match self.index {
            None => Some((None, key.1.clone())),
            Some(attribute) => Some((Some(item.get(attribute)?.clone()), key.1.clone())),
        }
    }

    fn start_key(&self, hash: &Value, place: &Place) -> Item {
        let mut key = self.table.key_attributes(&(hash.clone(), place.1.clone()));
        if let (Some(attribute), Some(value)) = (self.index, &place.0) {
            key.insert(attribute.to_owned(), value.clone());
        }
        key
    }

    fn start(&self, given: &Item) -> Result<Place, ApiError> {
        let invalid = || error::invalid("The provided starting key is invalid");
        let wanted = 1 + usize::from(self.table.range.is_some()) + usize::from(self.index.is_some());
        if given.len() != wanted {
            return Err(invalid());
        }
        let (_, range) = self.table.key_of(given).map_err(|_| invalid())?;
        let indexed =
            self.index.map(|attribute| given.get(attribute).cloned().ok_or_else(invalid)).transpose()?;
        Ok((indexed, range))
    }

    /// The partition that a key condition asks for: it must say `hash = :value`, and may say one thing about the range key.
    fn hash(&self, condition: &Condition) -> Result<Value, ApiError> {
        let mut hash = None;
        let range = self.index.or(self.table.range.as_ref().map(|range| range.name.as_str()));
        let mut parts = Vec::new();
        flatten(condition, &mut parts);
        for part in parts {
            match part {
                Condition::Compare(Operand::Path(name), Comparator::Equal, Operand::Value(value))
                    if *name == self.table.hash.name && hash.is_none() =>
                {
                    hash = Some(value.clone());
                }
                Condition::Compare(Operand::Path(name), comparator, Operand::Value(_))
                    if Some(name.as_str()) == range && *comparator != Comparator::Different => {}
                Condition::BeginsWith(name, Operand::Value(_)) if Some(name.as_str()) == range => {}
                _ => return Err(error::invalid("Query key condition not supported")),
            }
        }
        let missed = format!("Query condition missed key schema element: {}", self.table.hash.name);
        let hash = hash.ok_or_else(|| error::invalid(missed))?;
        if hash.kind() == self.table.hash.kind {
            Ok(hash)
        } else {
            Err(error::invalid(
                "One or more parameter values were invalid: Condition parameter type does not match schema type",
            ))
        }
    }
}

fn flatten<'c>(condition: &'c Condition, parts: &mut Vec<&'c Condition>) {
    match condition {
        Condition::And(left, right) => {
            flatten(left, parts);
            flatten(right, parts);
        }
        other => parts.push(other),
    }
}
