//! Which queue: its address, made of endpoint, account and name.
//!
//! Not here: asking SQS for it (`GetQueueUrl`), which would cost a call and a right; and FIFO queues.

use std::fmt;

use serde::Serialize;

use crate::endpoint::Endpoint;
use crate::is_account_id;

/// The most characters of a queue's name.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html> (read 2026-11-22)
pub const QUEUE_NAME_CHARS_MAX: usize = 80;

/// Why a queue cannot have such an address; a fault of configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQueue {
    /// The account's id has another form.
    #[error("an AWS account's id has 12 digits")]
    Account,
    /// The name is too long or has other characters.
    #[error("the name of a queue has 1 to {QUEUE_NAME_CHARS_MAX} letters, digits, hyphens and underscores")]
    Name,
}

/// The address of a queue, which every request names.
///
/// ```
/// use jit_aws::{Endpoint, Region, Service, sqs::QueueUrl};
/// let endpoint = Endpoint::regional(Service::Sqs, Region::parse("us-east-1")?);
/// let queue = QueueUrl::new(&endpoint, "123456789012", "jit-jobs")?;
/// assert_eq!(queue.as_str(), "https://sqs.us-east-1.amazonaws.com/123456789012/jit-jobs");
/// assert!(QueueUrl::new(&endpoint, "12", "jit-jobs").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct QueueUrl(String);

impl QueueUrl {
    /// Names a queue of an account at an endpoint.
    ///
    /// # Errors
    /// [`InvalidQueue`] when account or name cannot be one.
    pub fn new(endpoint: &Endpoint, account: &str, name: &str) -> Result<Self, InvalidQueue> {
        if !is_account_id(account) {
            return Err(InvalidQueue::Account);
        }
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=QUEUE_NAME_CHARS_MAX).contains(&name.len()) || !name.bytes().all(is_word) {
            return Err(InvalidQueue::Name);
        }
        Ok(Self(format!("{}{account}/{name}", endpoint.uri())))
    }

    /// Returns the address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
