//! Records in DynamoDB as they are written. After each request that may have written some, the table itself is asked what has
//! become of them: whether the reply says so or not, and whoever else's writes went with them.
//! Not here: records in the host's store, which come with each write, and what must hold of records.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jit_control::effects::Request;
use jit_control::ledger::dynamodb::record_of;
use jit_control::settings::Component;
use jit_domain::policy::Storage;
use serde_json::Value;

use super::{Checks, Promise};
use crate::world::World;

/// The versions that were looked at last, by kind and name.
pub type Versions = BTreeMap<(String, String), u64>;

impl Checks {
    /// Takes in what a request may have written.
    pub(super) fn look_at_table(
        &mut self,
        now: Timestamp,
        component: Component,
        world: &World,
        request: &Request,
    ) {
        let Storage::Aws(place) = &world.storage else { return };
        for (kind, name) in written_keys(request) {
            let tables = world.aws.dynamodb();
            let Some(item) = tables.item(place.region.as_str(), &place.name, &kind, &name) else { continue };
            let Some(record) = record_of(&item) else { continue };
            let known = self.table.insert((kind, name), record.version).unwrap_or(0);
            if known == record.version {
                continue;
            }
            if let Some(what) = self.secrets.found_in(&record.value) {
                let what = format!("{what} in the record {} of {}", record.key, component.as_str());
                self.violated(now, Promise::Secrecy, what);
            }
            self.recorded(now, world, &record);
        }
    }
}

/// The keys of the records that a request to DynamoDB writes, in its order; none if it writes none.
fn written_keys(request: &Request) -> Vec<(String, String)> {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let action = target.and_then(|target| target.strip_prefix("DynamoDB_20120810."));
    if !matches!(action, Some("UpdateItem" | "TransactWriteItems")) {
        return Vec::new();
    }
    let Ok(body) = serde_json::from_slice::<Value>(request.body()) else { return Vec::new() };
    let parts: Vec<&Value> = match body["TransactItems"].as_array() {
        Some(items) => items.iter().map(|item| &item["Update"]["Key"]).collect(),
        None => vec![&body["Key"]],
    };
    let text = |key: &Value, attribute: &str| key[attribute]["S"].as_str().map(str::to_owned);
    parts.into_iter().filter_map(|key| Some((text(key, "kind")?, text(key, "name")?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(action: &str, body: &Value) -> Request {
        let builder = http::Request::post("/").header("x-amz-target", format!("DynamoDB_20120810.{action}"));
        builder.body(body.to_string().into_bytes()).unwrap()
    }

    #[test]
    fn only_keys_that_are_written_are_looked_at() {
        let key = |name: &str| json!({ "kind": { "S": "job" }, "name": { "S": name } });
        let one = json!({ "Key": key("1") });
        let several = json!({ "TransactItems": [
            { "Update": { "Key": key("1") } },
            { "ConditionCheck": { "Key": key("2") } },
            { "Update": { "Key": key("3") } },
        ]});
        let names = |action, body| {
            written_keys(&request(action, body)).into_iter().map(|key| key.1).collect::<Vec<_>>()
        };
        assert_eq!(names("UpdateItem", &one), ["1"]);
        assert_eq!(names("TransactWriteItems", &several), ["1", "3"]);
        assert!(names("GetItem", &one).is_empty());
    }
}
