//! UpdateItem: changes attributes of one item, on a condition.
//!
//! Not here: PutItem and DeleteItem; an update makes the item if there is none.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html>

use http::{Request, Response};
use serde::{Deserialize, Serialize};

use super::{DynamoDbError, Item, OnFailure, Placeholders};
use crate::endpoint::Endpoint;
use crate::json::{self, Version};

/// What is to change, and on which condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Update {
    /// The table.
    pub table_name: String,
    /// The attributes of the table's primary key.
    pub key: Item,
    /// What changes, such as `SET #n = :n REMOVE #o`.
    pub update_expression: String,
    /// What must hold; none always holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition_expression: Option<String>,
    /// The names and values of both expressions.
    #[serde(flatten)]
    pub placeholders: Placeholders,
}

/// One request to update an item.
///
/// ```
/// use jit_aws::{Endpoint, Region, Service, dynamodb::*};
/// let update = Update {
///     table_name: "t".into(),
///     key: Item::from([("id".to_owned(), "a".into())]),
///     update_expression: "ADD #n :one".into(),
///     condition_expression: None,
///     placeholders: Placeholders::default().name("#n", "count").value(":one", 1),
/// };
/// let update = UpdateItem { update, return_values: Returned::AllNew, on_failure: OnFailure::None };
/// let request = update.request(&Endpoint::regional(Service::DynamoDb, Region::parse("us-east-1")?));
/// let expected = r##"{"TableName":"t","Key":{"id":{"S":"a"}},"UpdateExpression":"ADD #n :one","ExpressionAttributeNames":{"#n":"count"},"ExpressionAttributeValues":{":one":{"N":"1"}},"ReturnValues":"ALL_NEW","ReturnValuesOnConditionCheckFailure":"NONE"}"##;
/// assert_eq!(String::from_utf8_lossy(request.body()), expected);
/// # Ok::<(), jit_aws::EndpointError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateItem {
    /// What is to change.
    #[serde(flatten)]
    pub update: Update,
    /// What comes back when it was done.
    pub return_values: Returned,
    /// What comes back when the condition fails.
    #[serde(rename = "ReturnValuesOnConditionCheckFailure")]
    pub on_failure: OnFailure,
}

/// What an update brings back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Returned {
    /// Nothing.
    None,
    /// The whole item as it is now; it costs no more than a part of it.
    AllNew,
}

#[derive(Deserialize)]
struct Reply {
    #[serde(rename = "Attributes", default)]
    attributes: Item,
}

impl UpdateItem {
    /// Builds the unsigned request.
    #[must_use]
    pub fn request(&self, endpoint: &Endpoint) -> Request<Vec<u8>> {
        json::request(endpoint, Version::V1_0, "DynamoDB_20120810.UpdateItem", self)
    }

    /// Reads the reply: the attributes that were asked for.
    ///
    /// # Errors
    /// [`DynamoDbError`].
    pub fn parse(response: &Response<Vec<u8>>) -> Result<Item, DynamoDbError> {
        DynamoDbError::check::<Reply>(response).map(|reply| reply.attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attributes_are_read_and_may_be_missing() {
        let parse = |body: &str| UpdateItem::parse(&Response::new(body.as_bytes().to_vec()));
        assert_eq!(parse(r#"{"Attributes":{"n":{"N":"7"}}}"#).unwrap()["n"].as_u64(), Some(7));
        assert_eq!(parse("{}"), Ok(Item::new()));
    }
}
