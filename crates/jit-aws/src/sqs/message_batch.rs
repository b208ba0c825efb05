//! DeleteMessageBatch and ChangeMessageVisibilityBatch: up to ten messages, each with its own result.
//!
//! Not here: what to do about those of which it fails; they are received again.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html>,
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html> (read 2026-11-22).

use http::{Request, Response};
use serde::{Deserialize, Serialize};

use super::error::{ErrorClass, classify};
use super::{QueueUrl, SqsError};
use crate::endpoint::Endpoint;
use crate::json::{self, Version};
use crate::reply::{ErrorDetail, one_line};

/// The most entries of one batch.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html> (read 2026-11-22)
pub const BATCH_ENTRIES_MAX: usize = 10;

/// One request about 1 to 10 messages; made by [`MessageBatch::deleting`] and [`MessageBatch::giving_back`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageBatch {
    queue: QueueUrl,
    action: Action,
    handles: Vec<String>,
}

/// What becomes of the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Delete,
    /// They are no longer hidden from other receivers.
    GiveBack,
}

/// One message of which it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The handle as it was sent.
    pub receipt_handle: String,
    /// What it means: [`ErrorClass::ReceiptHandleInvalid`] for one that SQS does not know, which emulators also say of a message
    /// already deleted (SQS itself calls that a success); [`ErrorClass::Refused`] for one that has expired; others may do later.
    pub class: ErrorClass,
    /// What SQS said.
    pub detail: ErrorDetail,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Input<'a> {
    queue_url: &'a QueueUrl,
    entries: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    id: String,
    receipt_handle: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility_timeout: Option<u32>,
}

#[derive(Deserialize)]
struct Reply {
    #[serde(rename = "Successful", default)]
    successful: Vec<Done>,
    #[serde(rename = "Failed", default)]
    failed: Vec<Fault>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Done {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Fault {
    id: String,
    code: String,
    message: Option<String>,
    #[serde(default)]
    sender_fault: bool,
}

impl MessageBatch {
    /// Spreads the deletion of messages over as few requests as possible, in their order; no handles, no requests.
    ///
    /// ```
    /// use jit_aws::{Endpoint, Region, Service, sqs::{MessageBatch, QueueUrl}};
    /// let endpoint = Endpoint::regional(Service::Sqs, Region::parse("us-east-1")?);
    /// let queue = QueueUrl::new(&endpoint, "123456789012", "jit-jobs")?;
    /// let handles: Vec<String> = (0..25).map(|n| n.to_string()).collect();
    /// assert_eq!(MessageBatch::deleting(&queue, &handles).len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn deleting(queue: &QueueUrl, handles: &[String]) -> Vec<Self> {
        Self::spread(queue, Action::Delete, handles)
    }

    /// Spreads giving messages back over as few requests as possible: others may receive them at once.
    #[must_use]
    pub fn giving_back(queue: &QueueUrl, handles: &[String]) -> Vec<Self> {
        Self::spread(queue, Action::GiveBack, handles)
    }

    fn spread(queue: &QueueUrl, action: Action, handles: &[String]) -> Vec<Self> {
        let batch = |handles: &[String]| Self { queue: queue.clone(), action, handles: handles.to_vec() };
        handles.chunks(BATCH_ENTRIES_MAX).map(batch).collect()
    }

    /// Returns the handles that the request names.
    #[must_use]
    pub fn handles(&self) -> &[String] {
        &self.handles
    }

    /// Serialises the request, unsigned.
    #[must_use]
    pub fn request(&self, endpoint: &Endpoint) -> Request<Vec<u8>> {
        let named = self.handles.iter().enumerate();
        let (target, visibility_timeout) = match self.action {
            Action::Delete => ("AmazonSQS.DeleteMessageBatch", None),
            Action::GiveBack => ("AmazonSQS.ChangeMessageVisibilityBatch", Some(0)),
        };
        let entries = named
            .map(|(n, handle)| Entry { id: n.to_string(), receipt_handle: handle, visibility_timeout })
            .collect();
        let input = Input { queue_url: &self.queue, entries };
        json::request(endpoint, Version::V1_0, target, &input)
    }

    /// Reads the reply: the messages of which it failed, in the order of the request. An entry of which the reply says nothing
    /// has an unknown outcome.
    ///
    /// # Errors
    /// [`SqsError`] when it is about the whole batch.
    ///
    /// ```
    /// use jit_aws::{Endpoint, Region, Service, sqs::{MessageBatch, QueueUrl}};
    /// let endpoint = Endpoint::regional(Service::Sqs, Region::parse("us-east-1")?);
    /// let queue = QueueUrl::new(&endpoint, "123456789012", "jit-jobs")?;
    /// let batch = MessageBatch::deleting(&queue, &["AQEB1".to_owned()]).remove(0);
    /// let reply = http::Response::new(br#"{"Successful":[{"Id":"0"}]}"#.to_vec());
    /// assert_eq!(batch.parse(&reply)?, []);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse(&self, response: &Response<Vec<u8>>) -> Result<Vec<Failed>, SqsError> {
        let reply: Reply = SqsError::check(response)?;
        let failed = |(n, handle): (usize, &String)| {
            let id = n.to_string();
            if reply.successful.iter().any(|done| done.id == id) {
                return None;
            }
            let (class, detail) = match reply.failed.iter().find(|fault| fault.id == id) {
                Some(fault) => fault.read(),
                None => {
                    let why = "the reply leaves an entry out";
                    (ErrorClass::UnknownOutcome, ErrorDetail::unreadable(response.status(), why))
                }
            };
            Some(Failed { receipt_handle: handle.clone(), class, detail })
        };
        Ok(self.handles.iter().enumerate().filter_map(failed).collect())
    }
}

impl Fault {
    /// The entry's code as the whole request's, had it failed with it.
    fn read(&self) -> (ErrorClass, ErrorDetail) {
        let status = if self.sender_fault { 400 } else { 500 };
        let message = self.message.as_deref().unwrap_or_default();
        (classify(&self.code, status), ErrorDetail::local(status, &one_line(&self.code, 80), message))
    }
}
