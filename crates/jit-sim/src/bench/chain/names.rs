//! What a call is called: `service:Action`, for DynamoDB with the kinds of the records that it is about.

use std::collections::BTreeSet;

use jit_control::effects::Request;
use serde_json::Value;

/// The name of a call.
pub(super) fn of(request: &Request) -> String {
    let host = request.uri().host().unwrap_or_default();
    let service = host.split('.').next().unwrap_or_default();
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let target = target.and_then(|target| target.split_once('.')).map(|(_, action)| action);
    match (service, target) {
        ("dynamodb", Some(action)) => {
            let kinds: Vec<String> = kinds(request.body()).into_iter().collect();
            format!("dynamodb:{action}({})", kinds.join(","))
        }
        (service, Some(action)) => format!("{service}:{action}"),
        ("api", None) => format!("github:{}({})", request.method(), request.uri().path()),
        (service, None) => {
            let form = String::from_utf8_lossy(request.body());
            let action = form.split('&').find_map(|pair| pair.strip_prefix("Action="));
            format!("{service}:{}", action.unwrap_or("-"))
        }
    }
}

/// The kinds of the records that a request to the ledger's table is about: the hash key of each key in it, or that of a query.
fn kinds(body: &[u8]) -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    if let Ok(body) = serde_json::from_slice(body) {
        collect(&body, &mut kinds);
    }
    kinds
}

fn collect(value: &Value, kinds: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, kinds)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value["S"].as_str()) {
                    ("kind" | ":kind", Some(kind)) => drop(kinds.insert(kind.to_owned())),
                    _ => collect(value, kinds),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
