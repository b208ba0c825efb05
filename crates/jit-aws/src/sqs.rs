//! SQS's JSON protocol for standard queues: send, receive, delete.
//!
//! Not here: making queues and their policies, FIFO queues, batches of sends, visibility of a message already received, and
//! retries. Each operation is a value with `request`, which serialises it, and `parse`, which reads the reply.
//!
//! The digests (`MD5OfMessageBody` and the like) are not compared: they tell a body that was changed on its way, and the
//! request's body is under the signature, the reply's under TLS.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html>
//! (read 2026-11-22).

mod body;
mod message_batch;
mod error;
mod queue_url;
mod receive_message;
mod send_message;

pub use body::{from_text, to_text};
pub(crate) use error::knows;
pub use error::{ErrorClass, SqsError};
pub use message_batch::{BATCH_ENTRIES_MAX, Failed, MessageBatch};
pub use queue_url::{InvalidQueue, QUEUE_NAME_CHARS_MAX, QueueUrl};
pub use receive_message::{MESSAGES_MAX, ReceiveMessage, Received, VISIBILITY_MAX, WAIT_MAX};
pub use send_message::{MESSAGE_BYTES_MAX, SendMessage};

#[cfg(test)]
mod tests;
