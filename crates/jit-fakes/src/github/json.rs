//! GitHub's JSON shapes, from the state of the model. Not in it: paging, errors, statuses (`rest/`).
//!
//! Shapes follow GitHub's OpenAPI description (npm `@octokit/openapi` 23.0.2); `tests/schema.rs` holds them to it.

mod account;
mod example;
mod job;
mod repository;
mod run;
mod runner;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

/// GitHub's time format: whole seconds, UTC.
pub(super) fn time(at: Timestamp) -> Value {
    Value::from(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

pub(super) fn time_or_null(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, time)
}

/// An opaque GraphQL id.
fn node_id(kind: &str, id: u64) -> String {
    format!("{kind}_{}", STANDARD.encode(id.to_be_bytes()).trim_end_matches('='))
}

pub(super) use self::account::{permissions_json, selection_word};
pub(super) use self::job::{Payload, PayloadKey};
