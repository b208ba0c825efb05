//! SendMessage: one message into a queue.
//!
//! Not here: delays, and repeating after an unknown outcome, which may put the message there twice.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html> (read 2026-11-22).

use std::collections::BTreeMap;

use http::{Request, Response};
use serde::{Deserialize, Serialize};

use super::{QueueUrl, SqsError, to_text};
use crate::endpoint::Endpoint;
use crate::json::{self, Version};

/// The most bytes of a message, its text and its attributes together: 1 MiB, before 2025 and in some emulators 256 KiB.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html> (read 2026-11-22) and
/// <https://aws.amazon.com/blogs/compute/more-room-to-build-serverless-services-now-support-payloads-up-to-1-mb>
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// One request to send one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendMessage {
    /// Where it goes.
    pub queue: QueueUrl,
    /// What it says: any bytes; see [`to_text`] for how they travel.
    pub body: Vec<u8>,
    /// Words beside the body, at most 10, by their names of letters, digits, `-`, `_` and `.`; no value is empty. Values are
    /// text that a person can read: a character that SQS does not take becomes U+FFFD.
    pub attributes: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Input<'a> {
    queue_url: &'a QueueUrl,
    message_body: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    message_attributes: BTreeMap<&'static str, Attribute>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    data_type: &'static str,
    string_value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    message_id: String,
}

impl SendMessage {
    /// A message without attributes.
    #[must_use]
    pub fn new(queue: &QueueUrl, body: &[u8]) -> Self {
        Self { queue: queue.clone(), body: body.to_vec(), attributes: BTreeMap::new() }
    }

    /// Serialises the request, unsigned.
    ///
    /// ```
    /// use jit_aws::{Endpoint, Region, Service, sqs::{QueueUrl, SendMessage}};
    /// let endpoint = Endpoint::regional(Service::Sqs, Region::parse("us-east-1")?);
    /// let queue = QueueUrl::new(&endpoint, "123456789012", "jit-jobs")?;
    /// let request = SendMessage::new(&queue, b"{}").request(&endpoint);
    /// assert_eq!(request.headers()["x-amz-target"], "AmazonSQS.SendMessage");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn request(&self, endpoint: &Endpoint) -> Request<Vec<u8>> {
        let attribute = |value: &String| Attribute { data_type: "String", string_value: legal(value) };
        let input = Input {
            queue_url: &self.queue,
            message_body: to_text(&self.body),
            message_attributes: self
                .attributes
                .iter()
                .map(|(name, value)| (*name, attribute(value)))
                .collect(),
        };
        json::request(endpoint, Version::V1_0, "AmazonSQS.SendMessage", &input)
    }

    /// Reads the reply: the message's id, which is not what deletes it.
    ///
    /// # Errors
    /// [`SqsError`].
    ///
    /// ```
    /// use jit_aws::sqs::SendMessage;
    /// let reply = http::Response::new(br#"{"MessageId":"m-1","MD5OfMessageBody":"99914b932bd37a50b983c5e7c90ae93b"}"#.to_vec());
    /// assert_eq!(SendMessage::parse(&reply)?, "m-1");
    /// # Ok::<(), jit_aws::sqs::SqsError>(())
    /// ```
    pub fn parse(response: &Response<Vec<u8>>) -> Result<String, SqsError> {
        SqsError::check::<Reply>(response).map(|reply| reply.message_id)
    }
}

/// The value with every character outside SQS's list replaced.
fn legal(value: &str) -> String {
    let is_legal = |char: char| matches!(char, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..);
    value.chars().map(|char| if is_legal(char) { char } else { char::REPLACEMENT_CHARACTER }).collect()
}
