//! Every bound of the ledger on DynamoDB, with its unit and its reason. DynamoDB's own are in jit-aws.

use std::time::Duration;

/// Longest call: DynamoDB answers in milliseconds, but a component has to connect first.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(3);
/// Tries of one request.
pub(super) const TRIES_MAX: u32 = 4;
/// No try starts later than this after the first, so that with the last call an operation takes 7 s at most.
pub(super) const TRIES_WITHIN: Duration = Duration::from_secs(4);
/// The wait before the second try is between this and twice this, and doubles with each further try.
pub(super) const WAIT: Duration = Duration::from_millis(25);
/// Requests for one batch of keys: at 350 KiB each, 100 records need three replies.
pub(super) const ROUNDS_MAX: u32 = 8;
/// Records of one page of open records.
pub(super) const PAGE: u32 = 500;
/// Bytes of one transaction, as they are estimated here: a quarter below DynamoDB's own limit.
pub(super) const TRANSACTION_BYTES: usize = 3 << 20;
/// Bytes of a record beside its value and its name, which stands in it twice: names of attributes, versions, ids.
pub(super) const RECORD_BYTES: usize = 200;
/// A tombstone stays at least this long. No invocation lives that long, so whoever still writes has read the record since.
pub(super) const TOMBSTONE_KEPT: Duration = Duration::from_hours(1);
