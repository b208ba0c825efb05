//! TransactWriteItems: up to 100 conditional writes and checks, all of them or none.
//!
//! Not here: Put and Delete; two writes of one item, which DynamoDB refuses.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>

use http::{Request, Response};
use serde::{Deserialize, Serialize};

use super::{DynamoDbError, Item, OnFailure, Placeholders, Update};
use crate::endpoint::Endpoint;
use crate::json::{self, Version};

/// One transaction. Sent again within 10 min with its token it is carried out once only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransactWriteItems {
    /// 1 to 100 items ([`super::TRANSACTION_ITEMS_MAX`]), each about another item, of 4 MB together.
    pub transact_items: Vec<TransactionItem>,
    /// 1 to 36 characters ([`super::CLIENT_REQUEST_TOKEN_CHARS_MAX`]) that no other transaction has.
    pub client_request_token: String,
}

/// What a transaction does with one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum TransactionItem {
    /// Changes it.
    Update(TransactionUpdate),
    /// Leaves it as it is, if the condition holds.
    ConditionCheck(ConditionCheck),
}

/// An update as part of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TransactionUpdate {
    /// What is to change.
    #[serde(flatten)]
    pub update: Update,
    /// What comes back when the condition fails.
    #[serde(rename = "ReturnValuesOnConditionCheckFailure")]
    pub on_failure: OnFailure,
}

/// A condition on an item that the transaction does not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConditionCheck {
    /// The table.
    pub table_name: String,
    /// The attributes of the table's primary key.
    pub key: Item,
    /// What must hold.
    pub condition_expression: String,
    /// Its names and values.
    #[serde(flatten)]
    pub placeholders: Placeholders,
    /// What comes back when the condition fails.
    #[serde(rename = "ReturnValuesOnConditionCheckFailure")]
    pub on_failure: OnFailure,
}

#[derive(Deserialize)]
struct Reply {}

impl TransactWriteItems {
    /// Builds the unsigned request.
    ///
    /// ```
    /// use jit_aws::{Endpoint, Region, Service, dynamodb::*};
    /// let check = ConditionCheck {
    ///     table_name: "t".into(),
    ///     key: Item::from([("id".to_owned(), "a".into())]),
    ///     condition_expression: "attribute_not_exists(#n)".into(),
    ///     placeholders: Placeholders::default().name("#n", "n"),
    ///     on_failure: OnFailure::AllOld,
    /// };
    /// let transact_items = vec![TransactionItem::ConditionCheck(check)];
    /// let write = TransactWriteItems { transact_items, client_request_token: "token".into() };
    /// let request = write.request(&Endpoint::regional(Service::DynamoDb, Region::parse("us-east-1")?));
    /// let expected = r##"{"TransactItems":[{"ConditionCheck":{"TableName":"t","Key":{"id":{"S":"a"}},"ConditionExpression":"attribute_not_exists(#n)","ExpressionAttributeNames":{"#n":"n"},"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}}],"ClientRequestToken":"token"}"##;
    /// assert_eq!(String::from_utf8_lossy(request.body()), expected);
    /// # Ok::<(), jit_aws::EndpointError>(())
    /// ```
    #[must_use]
    pub fn request(&self, endpoint: &Endpoint) -> Request<Vec<u8>> {
        json::request(endpoint, Version::V1_0, "DynamoDB_20120810.TransactWriteItems", self)
    }

    /// Reads the reply: all was done.
    ///
    /// # Errors
    /// [`DynamoDbError`]; after an unknown outcome the same request, with its token, tells.
    pub fn parse(response: &Response<Vec<u8>>) -> Result<(), DynamoDbError> {
        DynamoDbError::check::<Reply>(response).map(|Reply {}| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_that_was_done_says_nothing_more() {
        let parse = |body: &str| TransactWriteItems::parse(&Response::new(body.as_bytes().to_vec()));
        assert_eq!(parse("{}"), Ok(()));
        assert_eq!(parse(r#"{"ConsumedCapacity":[]}"#), Ok(()));
        assert!(matches!(parse("done"), Err(DynamoDbError::UnknownOutcome(_))));
    }
}
