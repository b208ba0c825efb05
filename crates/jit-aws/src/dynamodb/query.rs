//! Query: the items of one partition, of the table or of an index, page by page.
//!
//! Not here: filters and projections, and the loop over pages, its bound and its cursor, which are the caller's;
//! [`Query::next`] makes each following request.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html>

use http::{Request, Response};
use serde::{Deserialize, Serialize};

use super::{Consistency, DynamoDbError, Item, Placeholders};
use crate::endpoint::Endpoint;
use crate::json::{self, Version};

/// One request for a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Query {
    /// The table.
    pub table_name: String,
    /// The index; none asks the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index_name: Option<String>,
    /// Which keys, such as `#kind = :kind`.
    pub key_condition_expression: String,
    /// Its names and values.
    #[serde(flatten)]
    pub placeholders: Placeholders,
    /// What the read sees; a global index has eventual consistency only.
    pub consistent_read: Consistency,
    /// The most items of the page, from 1 on; a page has at most 1 MB ([`super::QUERY_PAGE_BYTES_MAX`]) in any case.
    pub limit: u32,
    /// Where the page begins, from the page before; none for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclusive_start_key: Option<Item>,
}

/// One page of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryPage {
    /// The items, in the order of the range key; a page may be empty and yet not the last.
    pub items: Vec<Item>,
    /// Where the next page begins; none after the last.
    pub last_evaluated_key: Option<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    #[serde(default)]
    items: Vec<Item>,
    #[serde(default)]
    last_evaluated_key: Option<Item>,
}

impl Query {
    /// Builds the unsigned request.
    ///
    /// ```
    /// use jit_aws::{Endpoint, Region, Service, dynamodb::*};
    /// let query = Query {
    ///     table_name: "t".into(),
    ///     index_name: Some("open".into()),
    ///     key_condition_expression: "#k = :k".into(),
    ///     placeholders: Placeholders::default().name("#k", "kind").value(":k", "job"),
    ///     consistent_read: Consistency::Strong,
    ///     limit: 500,
    ///     exclusive_start_key: None,
    /// };
    /// let request = query.request(&Endpoint::regional(Service::DynamoDb, Region::parse("us-east-1")?));
    /// let expected = r##"{"TableName":"t","IndexName":"open","KeyConditionExpression":"#k = :k","ExpressionAttributeNames":{"#k":"kind"},"ExpressionAttributeValues":{":k":{"S":"job"}},"ConsistentRead":true,"Limit":500}"##;
    /// assert_eq!(String::from_utf8_lossy(request.body()), expected);
    /// # Ok::<(), jit_aws::EndpointError>(())
    /// ```
    #[must_use]
    pub fn request(&self, endpoint: &Endpoint) -> Request<Vec<u8>> {
        json::request(endpoint, Version::V1_0, "DynamoDB_20120810.Query", self)
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// [`DynamoDbError`]; a read whose outcome is unknown may simply be repeated. A page that begins where it ends, which
    /// would be read for ever, is one of an unknown outcome.
    pub fn parse(&self, response: &Response<Vec<u8>>) -> Result<QueryPage, DynamoDbError> {
        let reply = DynamoDbError::check::<Reply>(response)?;
        let next = reply.last_evaluated_key.filter(|key| !key.is_empty());
        if next.is_some() && next == self.exclusive_start_key {
            return Err(DynamoDbError::unreadable(response, "a page names itself as the next page"));
        }
        Ok(QueryPage { items: reply.items, last_evaluated_key: next })
    }

    /// The request for the page after `page`; none after the last.
    #[must_use]
    pub fn next(&self, page: &QueryPage) -> Option<Self> {
        let start = page.last_evaluated_key.clone()?;
        Some(Self { exclusive_start_key: Some(start), ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query() -> Query {
        Query {
            table_name: "t".into(),
            index_name: None,
            key_condition_expression: "#k = :k".into(),
            placeholders: Placeholders::default().name("#k", "kind").value(":k", "job"),
            consistent_read: Consistency::Eventual,
            limit: 1,
            exclusive_start_key: None,
        }
    }

    fn reply(body: &str) -> Response<Vec<u8>> {
        Response::new(body.as_bytes().to_vec())
    }

    #[test]
    fn pages_lead_to_each_other_and_end() {
        let first = query()
            .parse(&reply(r#"{"Items":[{"a":{"N":"1"}}],"LastEvaluatedKey":{"a":{"N":"1"}}}"#))
            .unwrap();
        let second = query().next(&first).unwrap();
        assert_eq!(second.exclusive_start_key, Some(Item::from([("a".to_owned(), 1.into())])));
        let last = second.parse(&reply(r#"{"Items":[],"Count":0,"ScannedCount":0}"#)).unwrap();
        assert_eq!(second.next(&last), None);
    }

    #[test]
    fn a_page_that_leads_to_itself_is_an_error() {
        let body = r#"{"Items":[],"LastEvaluatedKey":{"a":{"N":"1"}}}"#;
        let first = query().parse(&reply(body)).unwrap();
        let second = query().next(&first).unwrap();
        assert!(matches!(second.parse(&reply(body)), Err(DynamoDbError::UnknownOutcome(_))));
    }
}
