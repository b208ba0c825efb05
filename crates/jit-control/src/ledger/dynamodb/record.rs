//! Records as items: attributes, keys, conditions, updates, and back.
//! Not here: sending, and what becomes of a condition that does not hold.

use jit_aws::dynamodb::{
    AttributeValue, ConditionCheck, Item, OnFailure, Placeholders, TransactionItem, TransactionUpdate, Update,
};
use jit_domain::time::Timestamp;

use super::limits::TOMBSTONE_KEPT;
use super::table::TIME_TO_LIVE;
use crate::ledger::{Change, Index, Key, Kind, Record, Write};

/// The hash key.
pub(super) const KIND: &str = "kind";
/// The range key.
pub(super) const NAME: &str = "name";
/// The range key of the index of open records: the name again, so that a listing has one order everywhere.
pub(super) const OPEN: &str = "open";
/// The sum of a counter.
pub(super) const SUM: &str = "sum";
/// The version of this form.
const FORM: &str = "v";
const VERSION: &str = "ver";
const VALUE: &str = "val";
/// The id of the write that left the record so.
const WRITTEN_BY: &str = "w";
/// Whether the record is a tombstone; absent if it is not.
const DELETED: &str = "deleted";
/// The kind under which counters stand; no record has it.
const COUNTER: &str = "counter";

/// The form that is written. Readers accept it and leave a newer one alone.
const FORM_NOW: u64 = 1;

/// No record, or a tombstone.
const ABSENT: &str = "attribute_not_exists(#ver) OR attribute_exists(#deleted)";
/// The record at the expected version.
const PRESENT: &str = "#ver = :expected AND attribute_not_exists(#deleted)";

/// The primary key of a record.
pub(super) fn key(key: &Key) -> Item {
    Item::from([(KIND.to_owned(), key.kind.as_str().into()), (NAME.to_owned(), key.name.as_str().into())])
}

/// The primary key of a counter.
pub(super) fn counter_key(counter: &Key) -> Item {
    let name = counter.to_string();
    Item::from([(KIND.to_owned(), COUNTER.into()), (NAME.to_owned(), name.as_str().into())])
}

/// Seconds since 1970, as the time to live takes them: never earlier than asked.
pub(super) fn seconds(at: Timestamp) -> u64 {
    at.as_ms().div_ceil(1000)
}

/// The update of one write; none if it changes nothing and only says that there is no record.
pub(super) fn update(table: &str, write: &Write, id: &str, now: Timestamp) -> Option<Update> {
    let mut draft = Draft::new();
    draft.version(write.expected);
    draft.set(FORM, ":v", FORM_NOW);
    draft.set(WRITTEN_BY, ":w", id);
    match &write.value {
        Change::Delete if write.expected == 0 => return None,
        Change::Delete => {
            draft.set(DELETED, ":deleted", AttributeValue::Bool(true));
            draft.set(TIME_TO_LIVE, ":exp", seconds(now + TOMBSTONE_KEPT));
            draft.remove(VALUE);
            draft.remove(OPEN);
        }
        Change::Put { value, index, expires_at } => {
            draft.set(VALUE, ":val", value.clone());
            draft.remove(DELETED);
            match index {
                Index::Open => draft.set(OPEN, ":open", write.key.name.as_str()),
                Index::Closed => draft.remove(OPEN),
            }
            match expires_at {
                Some(at) => draft.set(TIME_TO_LIVE, ":exp", seconds(*at)),
                None => draft.remove(TIME_TO_LIVE),
            }
        }
    }
    let condition = if write.expected == 0 { ABSENT } else { PRESENT };
    Some(draft.finish(table, &write.key, condition))
}

/// One write as part of a transaction.
pub(super) fn transaction_item(table: &str, write: &Write, id: &str, now: Timestamp) -> TransactionItem {
    if let Some(update) = update(table, write, id, now) {
        return TransactionItem::Update(TransactionUpdate { update, on_failure: OnFailure::AllOld });
    }
    TransactionItem::ConditionCheck(ConditionCheck {
        table_name: table.to_owned(),
        key: key(&write.key),
        condition_expression: ABSENT.to_owned(),
        placeholders: Placeholders::default().name("#ver", VERSION).name("#deleted", DELETED),
        on_failure: OnFailure::None,
    })
}

/// Whether an item was left so by the write of that id.
pub(super) fn is_written_by(item: &Item, id: &str) -> bool {
    item.get(WRITTEN_BY).and_then(AttributeValue::as_text) == Some(id)
}

/// The version of a record or tombstone; none if the item is neither.
pub(super) fn version(item: &Item) -> Option<u64> {
    item.get(VERSION).and_then(AttributeValue::as_u64)
}

/// Whether an item says that there is no record.
pub(super) fn is_deleted(item: &Item) -> bool {
    item.contains_key(DELETED)
}

/// Reads an item; none if it is a tombstone.
pub(super) fn decode(mut item: Item) -> Result<Option<Record>, String> {
    match item.get(FORM).and_then(AttributeValue::as_u64) {
        Some(FORM_NOW) => {}
        Some(newer) => return Err(format!("form {newer} is not one that this release reads")),
        None => return Err("it has no form".to_owned()),
    }
    if is_deleted(&item) {
        return Ok(None);
    }
    let kind = item.get(KIND).and_then(AttributeValue::as_text).and_then(Kind::parse);
    let name = item.get(NAME).and_then(AttributeValue::as_text).map(str::to_owned);
    let version = version(&item);
    let value = item.remove(VALUE).and_then(AttributeValue::into_bytes);
    match (kind, name, version, value) {
        (Some(kind), Some(name), Some(version), Some(value)) => {
            Ok(Some(Record { key: Key { kind, name }, version, value }))
        }
        _ => Err("it lacks kind, name, version or value".to_owned()),
    }
}

/// An item's key for a log line, whatever the item is.
pub(super) fn shown_key(item: &Item) -> String {
    let text = |name: &str| item.get(name).and_then(AttributeValue::as_text).unwrap_or("?");
    format!("{}/{}", text(KIND), text(NAME))
}

/// Where a page begins, as text for whoever lists.
pub(super) fn start(key: &Item) -> String {
    serde_json::to_string(key).unwrap_or_default()
}

/// Reads where a page begins; it must be of the kind that is listed.
pub(super) fn parse_start(kind: Kind, text: &str) -> Result<Item, &'static str> {
    let key: Item = serde_json::from_str(text).map_err(|_| "no page begins there")?;
    let is_of_kind = key.get(KIND).and_then(AttributeValue::as_text) == Some(kind.as_str());
    if is_of_kind { Ok(key) } else { Err("the page is of another kind") }
}

/// An update being put together. Each attribute is named `#attribute`, for some are reserved words.
struct Draft {
    sets: Vec<String>,
    removes: Vec<String>,
    placeholders: Placeholders,
}

impl Draft {
    fn new() -> Self {
        let placeholders = Placeholders::default().name("#ver", VERSION).name("#deleted", DELETED);
        Self { sets: Vec::new(), removes: Vec::new(), placeholders }
    }

    /// The version after the expected one; after none, or a tombstone, the one after that of the tombstone.
    fn version(&mut self, expected: u64) {
        let placeholders = std::mem::take(&mut self.placeholders);
        if expected == 0 {
            self.placeholders = placeholders.value(":zero", 0).value(":one", 1);
            self.sets.push("#ver = if_not_exists(#ver, :zero) + :one".to_owned());
        } else {
            let next = expected.saturating_add(1);
            self.placeholders = placeholders.value(":expected", expected).value(":next", next);
            self.sets.push("#ver = :next".to_owned());
        }
    }

    fn set(&mut self, attribute: &str, placeholder: &str, value: impl Into<AttributeValue>) {
        self.named(attribute);
        self.placeholders = std::mem::take(&mut self.placeholders).value(placeholder, value);
        self.sets.push(format!("#{attribute} = {placeholder}"));
    }

    fn remove(&mut self, attribute: &str) {
        self.named(attribute);
        self.removes.push(format!("#{attribute}"));
    }

    fn named(&mut self, attribute: &str) {
        self.placeholders.names.insert(format!("#{attribute}"), attribute.to_owned());
    }

    fn finish(self, table: &str, key: &Key, condition: &str) -> Update {
        let mut expression = format!("SET {}", self.sets.join(", "));
        if !self.removes.is_empty() {
            expression.push_str(&format!(" REMOVE {}", self.removes.join(", ")));
        }
        Update {
            table_name: table.to_owned(),
            key: self::key(key),
            update_expression: expression,
            condition_expression: Some(condition.to_owned()),
            placeholders: self.placeholders,
        }
    }
}
