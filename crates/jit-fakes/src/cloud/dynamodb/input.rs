//! What each action takes. A field that this model does not know is refused, so that nobody relies on what is not modelled.
//! Not in it: what the fields mean.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::item::Item;
use crate::cloud::error::ApiError;

/// Reads an action's input.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::bad("SerializationException", error.to_string()))
}

/// Names and values of expressions; none and empty are not the same to DynamoDB.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Placeholders {
    pub(crate) names: Option<BTreeMap<String, String>>,
    pub(crate) values: Option<Item>,
}

/// What comes back after a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ReturnValues {
    #[default]
    None,
    AllOld,
    UpdatedOld,
    AllNew,
    UpdatedNew,
}

/// What comes back when a condition fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum OnFailure {
    #[default]
    None,
    AllOld,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct KeyElement {
    pub(crate) attribute_name: String,
    pub(crate) key_type: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AttributeDefinition {
    pub(crate) attribute_name: String,
    pub(crate) attribute_type: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct IndexDefinition {
    pub(crate) index_name: String,
    pub(crate) key_schema: Vec<KeyElement>,
    pub(crate) projection: Json,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateTable {
    pub(crate) table_name: String,
    pub(crate) attribute_definitions: Vec<AttributeDefinition>,
    pub(crate) key_schema: Vec<KeyElement>,
    #[serde(default)]
    pub(crate) local_secondary_indexes: Vec<IndexDefinition>,
    pub(crate) billing_mode: String,
}

/// Of DescribeTable and DescribeTimeToLive.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct TableNamed {
    pub(crate) table_name: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct UpdateTimeToLive {
    pub(crate) table_name: String,
    pub(crate) time_to_live_specification: TimeToLive,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct TimeToLive {
    pub(crate) attribute_name: String,
    pub(crate) enabled: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct GetItem {
    pub(crate) table_name: String,
    pub(crate) key: Item,
    #[serde(default)]
    pub(crate) consistent_read: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct BatchGetItem {
    pub(crate) request_items: BTreeMap<String, KeysAndConsistency>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct KeysAndConsistency {
    pub(crate) keys: Vec<Item>,
    #[serde(default)]
    pub(crate) consistent_read: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Query {
    pub(crate) table_name: String,
    pub(crate) index_name: Option<String>,
    pub(crate) key_condition_expression: String,
    pub(crate) expression_attribute_names: Option<BTreeMap<String, String>>,
    pub(crate) expression_attribute_values: Option<Item>,
    #[serde(default)]
    pub(crate) consistent_read: bool,
    pub(crate) limit: Option<usize>,
    pub(crate) exclusive_start_key: Option<Item>,
    #[serde(default = "forward")]
    pub(crate) scan_index_forward: bool,
}

fn forward() -> bool {
    true
}

/// Of PutItem, UpdateItem and DeleteItem, alone and in a transaction, and of ConditionCheck.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Write {
    pub(crate) table_name: String,
    pub(crate) key: Option<Item>,
    pub(crate) item: Option<Item>,
    pub(crate) update_expression: Option<String>,
    pub(crate) condition_expression: Option<String>,
    pub(crate) expression_attribute_names: Option<BTreeMap<String, String>>,
    pub(crate) expression_attribute_values: Option<Item>,
    #[serde(default)]
    pub(crate) return_values: ReturnValues,
    #[serde(default)]
    pub(crate) return_values_on_condition_check_failure: OnFailure,
}

impl Write {
    pub(crate) fn placeholders(&self) -> Placeholders {
        Placeholders {
            names: self.expression_attribute_names.clone(),
            values: self.expression_attribute_values.clone(),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct TransactWriteItems {
    pub(crate) transact_items: Vec<TransactionItem>,
    pub(crate) client_request_token: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) enum TransactionItem {
    ConditionCheck(Write),
    Put(Write),
    Update(Write),
    Delete(Write),
}

impl TransactionItem {
    pub(crate) fn write(&self) -> &Write {
        match self {
            Self::ConditionCheck(write) | Self::Put(write) | Self::Update(write) | Self::Delete(write) => {
                write
            }
        }
    }

    /// The right that it takes; a transaction has none of its own.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>
    pub(crate) fn right(&self) -> &'static str {
        match self {
            Self::ConditionCheck(_) => "dynamodb:ConditionCheckItem",
            Self::Put(_) => "dynamodb:PutItem",
            Self::Update(_) => "dynamodb:UpdateItem",
            Self::Delete(_) => "dynamodb:DeleteItem",
        }
    }
}
