//! The envelope of every stored form and message: a JSON object whose first field is its version `v`.
//! What the other fields are is not known here.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::StoredError;
use super::form::{Formed, Read, Wrote};

/// The version that this release writes. It reads this one and, from 2 on, the one before.
const VERSION: u64 = 1;
/// The oldest version that this release reads.
const OLDEST: u64 = 1;

/// Writes a value in its envelope.
pub(super) fn encode<T: Formed>(value: &T) -> Vec<u8> {
    envelope(None, value)
}

/// Writes a value in its envelope, with a field `type` that says which form it has.
pub(crate) fn encode_tagged<T: Formed>(tag: &'static str, value: &T) -> Vec<u8> {
    envelope(Some(tag), value)
}

fn envelope<T: Formed>(tag: Option<&'static str>, value: &T) -> Vec<u8> {
    serde_json::to_vec(&Envelope { v: VERSION, tag, body: Wrote(value) })
        .expect("every form is a struct of numbers, texts and lists, and every map has text keys")
}

/// Reads a value out of its envelope.
pub(super) fn decode<T: Formed>(bytes: &[u8]) -> Result<T, StoredError> {
    match parse::<Head>(bytes) {
        Ok(head) => {
            check(head.v)?;
            decode_body(bytes)
        }
        // The form knows better where broken JSON breaks than the head, which skips all fields but its own.
        Err(fault) => decode_body::<T>(bytes).and(Err(fault)),
    }
}

/// Reads only the `type` of what [`encode_tagged`] wrote, after its version.
pub(crate) fn tag_of(bytes: &[u8]) -> Result<String, StoredError> {
    let head: Head = parse(bytes)?;
    check(head.v)?;
    parse(bytes).map(|Tag { tag }| tag)
}

/// Reads a value whose version was read before, with its type.
pub(crate) fn decode_body<T: Formed>(bytes: &[u8]) -> Result<T, StoredError> {
    parse::<Read<T>>(bytes).map(|read| read.0)
}

#[derive(Serialize)]
struct Envelope<T> {
    v: u64,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    tag: Option<&'static str>,
    #[serde(flatten)]
    body: T,
}

#[derive(Deserialize)]
struct Head {
    v: u64,
}

#[derive(Deserialize)]
struct Tag {
    #[serde(rename = "type")]
    tag: String,
}

fn check(v: u64) -> Result<(), StoredError> {
    match v {
        OLDEST..=VERSION => Ok(()),
        0..OLDEST => Err(malformed(format!("version {v} is older than this release reads"), "v")),
        _ => Err(StoredError::Newer { v }),
    }
}

/// Reads one JSON value that fills all of `bytes`.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoredError> {
    // Keeping track of the path costs more than reading, so only a failure is read again with it.
    serde_json::from_slice(bytes).map_err(|fault| malformed(fault.to_string(), &place_of_fault::<T>(bytes)))
}

/// The path of the field at which reading fails; `.` when something follows the value.
fn place_of_fault<T: DeserializeOwned>(bytes: &[u8]) -> String {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Ok(_) => ".".to_owned(),
        Err(fault) => fault.path().to_string(),
    }
}

/// The error that names what is wrong and where.
pub(crate) fn malformed(what: String, place: &str) -> StoredError {
    StoredError::Malformed { what, place: place.to_owned() }
}
