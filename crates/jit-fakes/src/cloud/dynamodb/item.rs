//! Items: attributes by name, their size, their form in JSON.
//! Not in it: keys, which a table's schema tells.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::value::Value;

/// Attributes by name.
pub(crate) type Item = BTreeMap<String, Value>;

/// The largest item. <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-items>
pub(crate) const ITEM_BYTES_MAX: usize = 400 << 10;

/// Bytes of an item: those of its attributes' names and values.
pub(crate) fn bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.bytes()).sum()
}

pub(crate) fn to_json(item: &Item) -> Json {
    Json::Object(item.iter().map(|(name, value)| (name.clone(), value.to_json())).collect())
}
