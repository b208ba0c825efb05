//! BatchGetItem: up to 100 items of one table by their keys.
//!
//! Not here: several tables at once, and asking again for what was left out; [`BatchGetItem::again`] makes that request.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>

use std::collections::BTreeMap;

use http::{Request, Response};
use serde::{Deserialize, Serialize};

use super::{Consistency, DynamoDbError, Item};
use crate::endpoint::Endpoint;
use crate::json::{self, Version};

/// One request for items, in no order. A key that is named twice is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchGetItem {
    /// The table.
    pub table_name: String,
    /// 1 to 100 keys ([`super::BATCH_GET_KEYS_MAX`]).
    pub keys: Vec<Item>,
    /// What the read sees.
    pub consistent_read: Consistency,
}

/// What a batch answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchItems {
    /// The items that there are.
    pub items: Vec<Item>,
    /// Keys that were not looked up, for the reply was full or the table throttles; asked for again they may be.
    pub unprocessed: Vec<Item>,
}

#[derive(Serialize)]
struct Input<'a> {
    #[serde(rename = "RequestItems")]
    request_items: BTreeMap<&'a str, Keys<'a>>,
}

#[derive(Serialize)]
struct Keys<'a> {
    #[serde(rename = "Keys")]
    keys: &'a [Item],
    #[serde(rename = "ConsistentRead")]
    consistent_read: Consistency,
}

#[derive(Deserialize)]
struct Reply {
    #[serde(rename = "Responses", default)]
    responses: BTreeMap<String, Vec<Item>>,
    #[serde(rename = "UnprocessedKeys", default)]
    unprocessed: BTreeMap<String, Unprocessed>,
}

#[derive(Deserialize)]
struct Unprocessed {
    #[serde(rename = "Keys")]
    keys: Vec<Item>,
}

impl BatchGetItem {
    /// Builds the unsigned request.
    ///
    /// ```
    /// use jit_aws::{Endpoint, Region, Service, dynamodb::{BatchGetItem, Consistency, Item}};
    /// let keys = vec![Item::from([("id".to_owned(), "a".into())])];
    /// let get = BatchGetItem { table_name: "t".into(), keys, consistent_read: Consistency::Strong };
    /// let request = get.request(&Endpoint::regional(Service::DynamoDb, Region::parse("us-east-1")?));
    /// let expected = r#"{"RequestItems":{"t":{"Keys":[{"id":{"S":"a"}}],"ConsistentRead":true}}}"#;
    /// assert_eq!(request.body(), expected.as_bytes());
    /// # Ok::<(), jit_aws::EndpointError>(())
    /// ```
    #[must_use]
    pub fn request(&self, endpoint: &Endpoint) -> Request<Vec<u8>> {
        let keys = Keys { keys: &self.keys, consistent_read: self.consistent_read };
        let input = Input { request_items: BTreeMap::from([(self.table_name.as_str(), keys)]) };
        json::request(endpoint, Version::V1_0, "DynamoDB_20120810.BatchGetItem", &input)
    }

    /// Reads the reply. The table may be named by its ARN there, so all tables are taken; only one was asked for.
    ///
    /// # Errors
    /// [`DynamoDbError`]; a read whose outcome is unknown may simply be repeated.
    pub fn parse(response: &Response<Vec<u8>>) -> Result<BatchItems, DynamoDbError> {
        let reply = DynamoDbError::check::<Reply>(response)?;
        Ok(BatchItems {
            items: reply.responses.into_values().flatten().collect(),
            unprocessed: reply.unprocessed.into_values().flat_map(|left| left.keys).collect(),
        })
    }

    /// The request for what this one's reply left out.
    #[must_use]
    pub fn again(&self, unprocessed: Vec<Item>) -> Self {
        Self { keys: unprocessed, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_and_what_was_left_out_are_read() {
        let body = r#"{"Responses":{"t":[{"id":{"S":"a"}},{"id":{"S":"b"}}]},
                       "UnprocessedKeys":{"t":{"Keys":[{"id":{"S":"c"}}],"ConsistentRead":true}}}"#;
        let read = BatchGetItem::parse(&Response::new(body.as_bytes().to_vec())).unwrap();
        assert_eq!(read.items.len(), 2);
        assert_eq!(read.unprocessed, [Item::from([("id".to_owned(), "c".into())])]);
        let empty = BatchGetItem::parse(&Response::new(b"{\"Responses\":{\"t\":[]}}".to_vec())).unwrap();
        assert_eq!(empty, BatchItems { items: vec![], unprocessed: vec![] });
    }
}
