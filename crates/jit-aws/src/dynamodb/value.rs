//! What items are made of, and what expressions put in place of names and values.
//!
//! Not here: sets, lists and maps, which pass through unread as [`AttributeValue::Other`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

/// An item, or its key: attributes by name.
pub type Item = BTreeMap<String, AttributeValue>;

/// The value of an attribute, with its type as on the wire.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html>
///
/// ```
/// use jit_aws::dynamodb::AttributeValue;
/// assert_eq!(AttributeValue::from(7_u64).as_u64(), Some(7));
/// assert_eq!(AttributeValue::from("seven").as_u64(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeValue {
    /// Text.
    S(String),
    /// A number of up to 38 digits, which travels as text.
    N(String),
    /// Bytes.
    #[serde(with = "bytes")]
    B(Vec<u8>),
    /// True or false.
    #[serde(rename = "BOOL")]
    Bool(bool),
    /// Nothing; the flag is always true.
    #[serde(rename = "NULL")]
    Null(bool),
    /// A set, list or map, or a kind that came later, as it travels.
    #[serde(untagged)]
    Other(serde_json::Value),
}

impl AttributeValue {
    /// Returns the text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::S(text) => Some(text),
            Self::N(_) | Self::B(_) | Self::Bool(_) | Self::Null(_) | Self::Other(_) => None,
        }
    }

    /// Returns the number, if it is a whole one from 0 to 2^64 - 1.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::N(digits) => digits.parse().ok(),
            Self::S(_) | Self::B(_) | Self::Bool(_) | Self::Null(_) | Self::Other(_) => None,
        }
    }

    /// Returns the bytes, if it is that.
    #[must_use]
    pub fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::B(bytes) => Some(bytes),
            Self::S(_) | Self::N(_) | Self::Bool(_) | Self::Null(_) | Self::Other(_) => None,
        }
    }
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::S(text.to_owned())
    }
}

impl From<u64> for AttributeValue {
    fn from(number: u64) -> Self {
        Self::N(number.to_string())
    }
}

impl From<Vec<u8>> for AttributeValue {
    fn from(bytes: Vec<u8>) -> Self {
        Self::B(bytes)
    }
}

/// Bytes in the JSON protocol: base64 with padding.
mod bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}

/// What stands behind the `#names` and `:values` of an operation's expressions. DynamoDB refuses a request in which one of
/// them is not used, or one is used that is not here.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ExpressionAttributeNames.html>
///
/// ```
/// use jit_aws::dynamodb::Placeholders;
/// let placeholders = Placeholders::default().name("#open", "open").value(":one", 1);
/// assert_eq!(placeholders.names["#open"], "open");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Placeholders {
    /// Attributes' names by placeholder, each with its `#`.
    #[serde(rename = "ExpressionAttributeNames", skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
    /// Values by placeholder, each with its `:`.
    #[serde(rename = "ExpressionAttributeValues", skip_serializing_if = "BTreeMap::is_empty")]
    pub values: Item,
}

impl Placeholders {
    /// Adds a name.
    #[must_use]
    pub fn name(mut self, placeholder: &str, name: &str) -> Self {
        self.names.insert(placeholder.to_owned(), name.to_owned());
        self
    }

    /// Adds a value.
    #[must_use]
    pub fn value(mut self, placeholder: &str, value: impl Into<AttributeValue>) -> Self {
        self.values.insert(placeholder.to_owned(), value.into());
        self
    }
}

/// Whether a read sees every write that was answered before it.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// It does, for twice the price; not on global indexes.
    Strong,
    /// It may be some time behind.
    Eventual,
}

impl Serialize for Consistency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self == Self::Strong)
    }
}

/// What comes back when a condition fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OnFailure {
    /// That it failed.
    None,
    /// The item as it is, too.
    AllOld,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_type_travels_as_documented_and_comes_back() {
        for (value, wire) in [
            (AttributeValue::from("text"), json!({ "S": "text" })),
            (AttributeValue::from(u64::MAX), json!({ "N": "18446744073709551615" })),
            (AttributeValue::from(vec![0, 255, 10]), json!({ "B": "AP8K" })),
            (AttributeValue::Bool(false), json!({ "BOOL": false })),
            (AttributeValue::Null(true), json!({ "NULL": true })),
            (AttributeValue::Other(json!({ "L": [{ "S": "a" }] })), json!({ "L": [{ "S": "a" }] })),
        ] {
            assert_eq!(serde_json::to_value(&value).unwrap(), wire);
            assert_eq!(serde_json::from_value::<AttributeValue>(wire).unwrap(), value);
        }
    }

    #[test]
    fn one_strange_attribute_does_not_hide_the_item() {
        let item: Item =
            serde_json::from_str(r#"{"a":{"B":"%%"},"b":{"N":"-1"},"c":{"XY":1},"d":{"N":"2"}}"#).unwrap();
        assert_eq!(item["a"].clone().into_bytes(), None);
        assert_eq!(item["b"].as_u64(), None);
        assert_eq!(item["d"].as_u64(), Some(2));
    }
}
