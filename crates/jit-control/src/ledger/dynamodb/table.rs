//! The form of the table, for whoever makes it: an operator's tool, infrastructure code, tests.
//! Not here: the making.

use serde_json::{Value, json};

use super::record;

/// The local index that lists open records.
pub const OPEN_INDEX: &str = "open";
/// The attribute that DynamoDB's time to live is to be set to.
pub const TIME_TO_LIVE: &str = "exp";

/// The actions that the functions need on the table, and `Query` on its index too. A transaction takes the rights of its parts.
/// To delete, in a transaction, what is expected not to be there takes `dynamodb:ConditionCheckItem` as well; no function does
/// that, so none has the right.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>
pub const ACTIONS: [&str; 4] =
    ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:UpdateItem"];

/// The input of CreateTable. The index must be there from the beginning: DynamoDB cannot add a local one later.
/// Afterwards [`time_to_live`] is due.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html>
pub fn create_table(name: &str) -> Value {
    let text = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    let keys = |range: &str| {
        json!([
            { "AttributeName": record::KIND, "KeyType": "HASH" },
            { "AttributeName": range, "KeyType": "RANGE" },
        ])
    };
    json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [text(record::KIND), text(record::NAME), text(record::OPEN)],
        "KeySchema": keys(record::NAME),
        "LocalSecondaryIndexes": [{
            "IndexName": OPEN_INDEX,
            "KeySchema": keys(record::OPEN),
            "Projection": { "ProjectionType": "ALL" },
        }],
    })
}

/// The input of UpdateTimeToLive.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html>
pub fn time_to_live(name: &str) -> Value {
    let specification = json!({ "Enabled": true, "AttributeName": TIME_TO_LIVE });
    json!({ "TableName": name, "TimeToLiveSpecification": specification })
}
