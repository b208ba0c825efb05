//! GetItem: one item by its key.
//!
//! Not here: projections; an item is read whole.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html>

use http::{Request, Response};
use serde::{Deserialize, Serialize};

use super::{Consistency, DynamoDbError, Item};
use crate::endpoint::Endpoint;
use crate::json::{self, Version};

/// One request for an item.
///
/// ```
/// use jit_aws::{Endpoint, Region, Service, dynamodb::{Consistency, GetItem, Item}};
/// let key = Item::from([("id".to_owned(), "a".into())]);
/// let get = GetItem { table_name: "t".into(), key, consistent_read: Consistency::Strong };
/// let request = get.request(&Endpoint::regional(Service::DynamoDb, Region::parse("us-east-1")?));
/// assert_eq!(request.body(), br#"{"TableName":"t","Key":{"id":{"S":"a"}},"ConsistentRead":true}"#);
/// # Ok::<(), jit_aws::EndpointError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetItem {
    /// The table.
    pub table_name: String,
    /// The attributes of the table's primary key.
    pub key: Item,
    /// What the read sees.
    pub consistent_read: Consistency,
}

#[derive(Deserialize)]
struct Reply {
    #[serde(rename = "Item")]
    item: Option<Item>,
}

impl GetItem {
    /// Builds the unsigned request.
    #[must_use]
    pub fn request(&self, endpoint: &Endpoint) -> Request<Vec<u8>> {
        json::request(endpoint, Version::V1_0, "DynamoDB_20120810.GetItem", self)
    }

    /// Reads the reply: the item, or none if there is none.
    ///
    /// # Errors
    /// [`DynamoDbError`]; a read whose outcome is unknown may simply be repeated.
    pub fn parse(response: &Response<Vec<u8>>) -> Result<Option<Item>, DynamoDbError> {
        DynamoDbError::check::<Reply>(response).map(|reply| reply.item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<Option<Item>, DynamoDbError> {
        GetItem::parse(&Response::new(body.as_bytes().to_vec()))
    }

    #[test]
    fn an_item_is_there_or_not_and_a_page_is_neither() {
        let item = parse(r#"{"Item":{"id":{"S":"a"},"n":{"N":"1"}}}"#).unwrap().unwrap();
        assert_eq!(item["n"], 1.into());
        assert_eq!(parse("{}"), Ok(None));
        assert!(matches!(parse("<html>"), Err(DynamoDbError::UnknownOutcome(_))));
    }
}
