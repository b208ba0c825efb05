//! ReceiveMessage: up to ten messages, hidden from others for a while.
//!
//! Not here: how many calls to make, and when a queue counts as empty.
//!
//! A short poll (wait 0) asks a sample of SQS's servers and may miss messages; a long poll asks all of them and answers as soon
//! as there is one.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html> and
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html> (read 2026-11-22).

use std::time::Duration;

use http::{Request, Response};
use serde::{Deserialize, Serialize};

use super::{QueueUrl, SqsError, from_text};
use crate::endpoint::Endpoint;
use crate::json::{self, Version};

/// The most messages of one call.
pub const MESSAGES_MAX: usize = 10;
/// The longest wait of a long poll.
pub const WAIT_MAX: Duration = Duration::from_secs(20);
/// The longest that a message can be hidden.
pub const VISIBILITY_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// One request to receive messages. What is out of range is brought to its bound, times to whole seconds upwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiveMessage {
    /// From where.
    pub queue: QueueUrl,
    /// How many at most, 1 to 10.
    pub most: usize,
    /// How long to wait for the first one: zero is a short poll, up to 20 s a long one.
    pub wait: Duration,
    /// How long what is received stays hidden from others, up to 12 h.
    pub visibility: Duration,
}

/// One message as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The message, the same at each receive.
    pub message_id: String,
    /// This receive of it: what deletes the message.
    pub receipt_handle: String,
    /// What it says.
    pub body: Vec<u8>,
    /// How often it was received, this time too, approximately; 1 when SQS does not say.
    pub receive_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Input<'a> {
    queue_url: &'a QueueUrl,
    max_number_of_messages: usize,
    wait_time_seconds: u64,
    visibility_timeout: u64,
    message_system_attribute_names: [&'static str; 1],
}

#[derive(Deserialize)]
struct Reply {
    /// Left out when there are none.
    #[serde(rename = "Messages")]
    messages: Option<Vec<Item>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    message_id: String,
    receipt_handle: String,
    body: String,
    attributes: Option<Attributes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    approximate_receive_count: Option<String>,
}

impl Item {
    fn read(self) -> Received {
        let count = self.attributes.and_then(|attributes| attributes.approximate_receive_count);
        Received {
            message_id: self.message_id,
            receipt_handle: self.receipt_handle,
            body: from_text(&self.body),
            receive_count: count.and_then(|count| count.parse().ok()).unwrap_or(1),
        }
    }
}

impl ReceiveMessage {
    /// Serialises the request, unsigned.
    #[must_use]
    pub fn request(&self, endpoint: &Endpoint) -> Request<Vec<u8>> {
        let input = Input {
            queue_url: &self.queue,
            max_number_of_messages: self.most.clamp(1, MESSAGES_MAX),
            wait_time_seconds: whole_seconds(self.wait.min(WAIT_MAX)),
            visibility_timeout: whole_seconds(self.visibility.min(VISIBILITY_MAX)),
            message_system_attribute_names: ["ApproximateReceiveCount"],
        };
        json::request(endpoint, Version::V1_0, "AmazonSQS.ReceiveMessage", &input)
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// [`SqsError`]. After an unknown outcome, messages may be hidden that nobody got; they come again.
    ///
    /// ```
    /// use jit_aws::sqs::ReceiveMessage;
    /// let body = br#"{"Messages":[{"MessageId":"m-1","ReceiptHandle":"AQEB","MD5OfBody":"x","Body":"{}",
    ///                 "Attributes":{"ApproximateReceiveCount":"2"}}]}"#;
    /// let received = ReceiveMessage::parse(&http::Response::new(body.to_vec()))?;
    /// assert_eq!((received[0].body.as_slice(), received[0].receive_count), (b"{}".as_slice(), 2));
    /// # Ok::<(), jit_aws::sqs::SqsError>(())
    /// ```
    pub fn parse(response: &Response<Vec<u8>>) -> Result<Vec<Received>, SqsError> {
        let reply: Reply = SqsError::check(response)?;
        Ok(reply.messages.unwrap_or_default().into_iter().map(Item::read).collect())
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
