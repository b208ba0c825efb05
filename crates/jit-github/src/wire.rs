//! Helpers for reading GitHub's JSON: what counts as absent, times, and where a fault is.
//!
//! Not here: the types themselves, which stand beside their operations.

use jiff::Timestamp;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};

/// A fault in a JSON text: where it is, and what serde says about it.
pub(crate) struct Fault {
    /// The path to the element, such as `workflow_job.run_id`; `.` is the whole text.
    pub(crate) path: String,
    /// serde's words. They may quote the text, so they are for texts without secrets only.
    pub(crate) words: String,
    /// The line, from 1.
    pub(crate) line: usize,
    /// The column, from 1.
    pub(crate) column: usize,
}

/// Reads a JSON text that must be one value and nothing after it.
pub(crate) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Fault> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| Fault {
        path: error.path().to_string(),
        words: error.inner().to_string(),
        line: error.inner().line(),
        column: error.inner().column(),
    })?;
    json.end().map_err(|error| Fault {
        path: ".".to_owned(),
        words: error.to_string(),
        line: error.line(),
        column: error.column(),
    })?;
    Ok(value)
}

/// Reads a time that must be there; GitHub writes RFC 3339, in UTC or with an offset.
pub(crate) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    parse_time::<D>(&String::deserialize(deserializer)?)
}

/// Reads a time; missing, null and empty mean none.
pub(crate) fn optional_time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    optional_text::<String, D>(deserializer)?.map(|text| parse_time::<D>(&text)).transpose()
}

fn parse_time<'de, D: Deserializer<'de>>(text: &str) -> Result<Timestamp, D::Error> {
    text.parse().map_err(|_| D::Error::custom("expected a time as in RFC 3339"))
}

/// Reads a text; missing, null and empty mean none.
pub(crate) fn optional_text<'de, T: From<String>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()).map(T::from))
}

/// Reads an id; missing, null and 0 mean none.
pub(crate) fn optional_id<'de, T: From<u64>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let id = Option::<u64>::deserialize(deserializer)?;
    Ok(id.filter(|id| *id != 0).map(T::from))
}

/// Reads a value; missing and null mean its default.
pub(crate) fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// An account inside a payload; only its login matters.
#[derive(serde::Deserialize)]
pub(crate) struct Account {
    pub(crate) login: String,
}

/// Reads an account's login; missing and null mean none.
pub(crate) fn optional_login<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Account>::deserialize(deserializer)?.map(|account| account.login))
}
