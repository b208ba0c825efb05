//! One table: its keys and local indexes, its items with what of them lagging reads still see, and their time to live.
//! Not in it: rates, and what is asked of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::error;
use super::item::Item;
use super::value::Value;
use crate::cloud::error::ApiError;

/// The values of a primary key: of the hash key, and of the range key if the table has one.
pub(crate) type Key = (Value, Option<Value>);

/// The most bytes of a hash key and of a range key.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
const HASH_BYTES_MAX: usize = 2048;
const RANGE_BYTES_MAX: usize = 1024;

/// An attribute that is part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyAttribute {
    pub(crate) name: String,
    /// `S`, `N` or `B`.
    pub(crate) kind: String,
}

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) hash: KeyAttribute,
    pub(crate) range: Option<KeyAttribute>,
    /// Local indexes: name and range key. They hold the items that have it, with all their attributes.
    pub(crate) indexes: BTreeMap<String, KeyAttribute>,
    /// The attribute that ends an item's life, in seconds since 1970.
    pub(crate) time_to_live: Option<String>,
    /// What DescribeTable answers.
    pub(crate) description: Json,
    cells: BTreeMap<Key, Cell>,
}

/// An item's place.
#[derive(Clone, Debug, Default)]
struct Cell {
    now: Option<Item>,
    /// What was here before, each until lagging reads no longer see it; in the order of the writes.
    past: Vec<(Timestamp, Option<Item>)>,
    /// When the item is taken away.
    due: Option<Timestamp>,
}

/// What a read sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    Latest,
    LaggingAt(Timestamp),
}

impl Table {
    pub(crate) fn new(
        hash: KeyAttribute,
        range: Option<KeyAttribute>,
        indexes: BTreeMap<String, KeyAttribute>,
        description: Json,
    ) -> Self {
        Self { hash, range, indexes, time_to_live: None, description, cells: BTreeMap::new() }
    }

    /// Reads the key of a request, which must have exactly the key's attributes.
    pub(crate) fn key(&self, given: &Item) -> Result<Key, ApiError> {
        let wanted = 1 + usize::from(self.range.is_some());
        if given.len() != wanted {
            return Err(error::invalid("The provided key element does not match the schema"));
        }
        self.key_of(given)
    }

    /// Reads the key of a whole item.
    pub(crate) fn key_of(&self, item: &Item) -> Result<Key, ApiError> {
        let hash = part(&self.hash, item, HASH_BYTES_MAX)?;
        let range = self.range.as_ref().map(|range| part(range, item, RANGE_BYTES_MAX)).transpose()?;
        Ok((hash, range))
    }

    /// Refuses an item whose attributes cannot be keys of the indexes that they stand in.
    pub(crate) fn check_indexed(&self, item: &Item) -> Result<(), ApiError> {
        for (index, attribute) in &self.indexes {
            let Some(value) = item.get(&attribute.name) else { continue };
            let (name, kind) = (&attribute.name, &attribute.kind);
            if value.kind() != kind {
                return Err(error::invalid(format!(
                    "One or more parameter values were invalid: Type mismatch for Index Key {name} Expected: {kind} \
                     Actual: {} IndexName: {index}",
                    value.kind()
                )));
            }
            if value.bytes() == 0 || value.bytes() > RANGE_BYTES_MAX {
                return Err(error::invalid(format!(
                    "One or more parameter values are not valid. A value of {} bytes was given for the secondary index key \
                     {name}. IndexName: {index}",
                    value.bytes()
                )));
            }
        }
        Ok(())
    }

    /// Whether the attribute is part of the primary key.
    pub(crate) fn is_key(&self, attribute: &str) -> bool {
        self.hash.name == attribute || self.range.as_ref().is_some_and(|range| range.name == attribute)
    }

    /// The attributes of a key.
    pub(crate) fn key_attributes(&self, key: &Key) -> Item {
        let mut attributes = Item::from([(self.hash.name.clone(), key.0.clone())]);
        if let (Some(range), Some(value)) = (&self.range, &key.1) {
            attributes.insert(range.name.clone(), value.clone());
        }
        attributes
    }

    /// The item as a read sees it.
    pub(crate) fn get(&self, key: &Key, view: View) -> Option<&Item> {
        self.cells.get(key)?.seen(view)
    }

    /// The items of one partition as a read sees them, in the order of the range key.
    pub(crate) fn partition<'a>(
        &'a self,
        hash: &'a Value,
        view: View,
    ) -> impl Iterator<Item = (&'a Key, &'a Item)> + 'a {
        let cells = self.cells.range((hash.clone(), None)..).take_while(move |((found, _), _)| found == hash);
        cells.filter_map(move |(key, cell)| Some((key, cell.seen(view)?)))
    }

    /// All items as they are.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item> {
        self.cells.values().filter_map(|cell| cell.now.as_ref())
    }

    /// All keys of items that there are.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.cells.iter().filter(|(_, cell)| cell.now.is_some()).map(|(key, _)| key.clone()).collect()
    }

    /// Writes or takes away an item; lagging reads see what was before until `visible_at`.
    pub(crate) fn put(&mut self, key: Key, item: Option<Item>, now: Timestamp, visible_at: Timestamp) {
        let cell = self.cells.entry(key.clone()).or_default();
        let before = std::mem::replace(&mut cell.now, item);
        cell.past.retain(|(until, _)| *until > now);
        if visible_at > now {
            cell.past.push((visible_at, before));
        }
        cell.due = None;
        if cell.now.is_none() && cell.past.is_empty() {
            self.cells.remove(&key);
        }
    }

    /// When the item's time to live ends, if it has one.
    pub(crate) fn expires_at(&self, key: &Key) -> Option<Timestamp> {
        let item = self.get(key, View::Latest)?;
        match item.get(self.time_to_live.as_ref()?) {
            Some(Value::N(seconds)) => Timestamp::from_second(i64::try_from(*seconds).ok()?).ok(),
            _ => None,
        }
    }

    /// Plans the deletion of an item.
    pub(crate) fn plan(&mut self, key: &Key, due: Timestamp) {
        if let Some(cell) = self.cells.get_mut(key) {
            cell.due = Some(due);
        }
    }

    /// Whether the item is still the one whose deletion was planned for then.
    pub(crate) fn is_due(&self, key: &Key, due: Timestamp) -> bool {
        self.cells.get(key).is_some_and(|cell| cell.due == Some(due))
    }
}

impl Cell {
    fn seen(&self, view: View) -> Option<&Item> {
        let stale = match view {
            View::Latest => None,
            View::LaggingAt(now) => self.past.iter().find(|(until, _)| *until > now),
        };
        stale.map_or(self.now.as_ref(), |(_, item)| item.as_ref())
    }
}

fn part(attribute: &KeyAttribute, item: &Item, bytes_max: usize) -> Result<Value, ApiError> {
    let (name, kind) = (&attribute.name, &attribute.kind);
    let Some(value) = item.get(name) else {
        return Err(error::invalid(format!(
            "One or more parameter values were invalid: Missing the key {name} in the item"
        )));
    };
    if value.kind() != kind {
        return Err(error::invalid(format!(
            "One or more parameter values were invalid: Type mismatch for key {name} expected: {kind} actual: {}",
            value.kind()
        )));
    }
    if value.bytes() == 0 {
        return Err(error::invalid(format!(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty \
             string value. Key: {name}"
        )));
    }
    if value.bytes() > bytes_max {
        return Err(error::invalid(format!(
            "One or more parameter values were invalid: Size of {name} has exceeded the maximum size limit of {bytes_max} bytes"
        )));
    }
    Ok(value.clone())
}
