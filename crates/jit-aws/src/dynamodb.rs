//! DynamoDB's low-level API, version 2012-08-10: read by key, write on a condition, write several at once, query.
//!
//! Not here: tables and their making, scans, streams, PartiQL, and what an item means.
//! Each operation is a value with `request`, which serialises it, and `parse`, which reads the reply.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html>

mod batch_get_item;
mod error;
mod get_item;
mod query;
mod transact_write_items;
mod update_item;
mod value;

pub use batch_get_item::{BatchGetItem, BatchItems};
pub(crate) use error::knows;
pub use error::{Cancellation, DynamoDbError};
pub use get_item::GetItem;
pub use query::{Query, QueryPage};
pub use transact_write_items::{ConditionCheck, TransactWriteItems, TransactionItem, TransactionUpdate};
pub use update_item::{Returned, Update, UpdateItem};
pub use value::{AttributeValue, Consistency, Item, OnFailure, Placeholders};

/// The largest item, in bytes: names and values of all attributes.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-items>
pub const ITEM_BYTES_MAX: usize = 400 << 10;
/// The most keys of one [`BatchGetItem`], whose reply has at most 16 MB.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
pub const BATCH_GET_KEYS_MAX: usize = 100;
/// The most items of one [`TransactWriteItems`].
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub const TRANSACTION_ITEMS_MAX: usize = 100;
/// The most bytes that all items of one [`TransactWriteItems`] have together.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub const TRANSACTION_BYTES_MAX: usize = 4 << 20;
/// The longest token of one [`TransactWriteItems`], in characters.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub const CLIENT_REQUEST_TOKEN_CHARS_MAX: usize = 36;
/// The most bytes of items that one page of a [`Query`] looks at.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html>
pub const QUERY_PAGE_BYTES_MAX: usize = 1 << 20;
