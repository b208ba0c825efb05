//! The JSON of a request, read member by member. Not in it: which members an action has.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::super::error::ApiError;
use super::{Object, error};

/// A request's document, or an entry of it.
#[derive(Clone, Debug)]
pub(super) struct Input(Object);

impl Input {
    pub(super) fn read(body: &[u8]) -> Result<Self, ApiError> {
        serde_json::from_slice(body).map(Self).map_err(|_| malformed("the body is no JSON object"))
    }

    /// A text that must be there and not be empty.
    pub(super) fn text(&self, name: &str) -> Result<&str, ApiError> {
        let missing = || {
            ApiError::bad(
                "MissingRequiredParameterException",
                format!("The request must contain the parameter {name}."),
            )
        };
        match self.0.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text),
            Some(Value::String(_) | Value::Null) | None => Err(missing()),
            Some(_) => Err(malformed(name)),
        }
    }

    /// A number that may be left out.
    pub(super) fn number(&self, name: &str, range: RangeInclusive<u32>) -> Result<Option<u32>, ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => {
                let number = number.as_u64().and_then(|number| u32::try_from(number).ok());
                match number.filter(|number| range.contains(number)) {
                    Some(number) => Ok(Some(number)),
                    None => Err(error::invalid(&format!(
                        "Value {} for parameter {name} is invalid. Reason: Must be between {} and {}, if provided.",
                        self.0[name],
                        range.start(),
                        range.end()
                    ))),
                }
            }
            Some(_) => Err(malformed(name)),
        }
    }

    /// A list of texts, empty if it is left out.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, ApiError> {
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| malformed(name));
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(text).collect(),
            Some(_) => Err(malformed(name)),
        }
    }

    /// An object, empty if it is left out.
    pub(super) fn map(&self, name: &str) -> Result<Object, ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(Object::new()),
            Some(Value::Object(map)) => Ok(map.clone()),
            Some(_) => Err(malformed(name)),
        }
    }

    /// The entries of a batch with their ids, which must differ.
    pub(super) fn entries(&self, name: &str, most: usize) -> Result<Vec<(String, Self)>, ApiError> {
        let Some(Value::Array(items)) = self.0.get(name) else { return Err(malformed(name)) };
        if items.is_empty() {
            return Err(ApiError::bad(
                "EmptyBatchRequest",
                "There should be at least one entry in the request.",
            ));
        }
        if items.len() > most {
            let message =
                format!("Maximum number of entries per request are {most}. You have sent {}.", items.len());
            return Err(ApiError::bad("TooManyEntriesInBatchRequest", message));
        }
        let mut ids = BTreeSet::new();
        let mut entries = Vec::new();
        for item in items {
            let entry = Self(item.as_object().cloned().ok_or_else(|| malformed(name))?);
            let id = entry.text("Id")?.to_owned();
            let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            if id.len() > 80 || !id.bytes().all(is_word) {
                let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.";
                return Err(ApiError::bad("InvalidBatchEntryId", message));
            }
            if !ids.insert(id.clone()) {
                return Err(ApiError::bad("BatchEntryIdsNotDistinct", format!("Id {id} repeated.")));
            }
            entries.push((id, entry));
        }
        Ok(entries)
    }
}

fn malformed(what: &str) -> ApiError {
    ApiError::bad("SerializationException", format!("cannot read {what}"))
}
