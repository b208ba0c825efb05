//! The ledger's table and the queues in an account, made by its owner as infrastructure makes them, and a configuration that says
//! that they are there.
//! Not here: what is in them.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use jit_control::ledger::dynamodb::table;
use jit_domain::policy::{AwsStorage, Storage};
use serde_json::{Value, json};

use super::call::{Call, Input, Key, Service};
use crate::in_aws::move_to;
use crate::world::storage::queue_names;

/// Moves records and messages of a configuration into AWS, and says where they are then.
///
/// # Errors
/// It does not say that they are on the host, or nobody could read it afterwards.
pub(super) fn in_aws(text: &str, region: &str, account: &str) -> Result<(String, AwsStorage)> {
    let (moved, policy) = move_to(text, region, account)?;
    match policy.storage {
        Storage::Aws(place) => Ok((moved, place)),
        Storage::KeyValue => bail!("the configuration was not moved"),
    }
}

/// Makes the table with its time to live, and the queues.
///
/// # Errors
/// One of them cannot be made.
pub(super) async fn make(address: SocketAddr, operator: &Key, place: &AwsStorage) -> Result<()> {
    let call = |service, action, input: Value| Call {
        service,
        region: place.region.as_str(),
        action,
        input: Input::Json(input),
    };
    let table = call(Service::DynamoDb, "CreateTable", table::create_table(&place.name));
    let expiry = call(Service::DynamoDb, "UpdateTimeToLive", table::time_to_live(&place.name));
    let queues =
        queue_names(&place.name).map(|name| call(Service::Sqs, "CreateQueue", json!({ "QueueName": name })));
    for call in [table, expiry].into_iter().chain(queues) {
        call.succeed(address, operator).await.context("no place for records and messages")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::in_aws::IN_THE_HOST;

    #[test]
    fn the_shipped_configuration_moves_and_one_that_cannot_is_told() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let shipped = std::fs::read_to_string(root.join("config/jit-runners.toml")).unwrap();
        let (moved, place) = in_aws(&shipped, "eu-west-1", "123456789012").unwrap();
        assert_eq!((place.region.as_str(), place.name.as_str()), ("eu-west-1", "jit-runners"));
        assert_eq!(moved.lines().count(), shipped.lines().count() + 2, "the rest stays as it is");
        assert!(in_aws(&shipped.replace(IN_THE_HOST, ""), "eu-west-1", "123456789012").is_err());
        assert!(in_aws(&shipped, "here", "123456789012").is_err());
    }
}
