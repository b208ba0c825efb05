//! The two queues: jobs and lifecycle. A message never waits here for capacity or caps; it is an observation, and is
//! deleted once the ledger holds it. This file is the contract that every back end keeps; `queue/suite.rs` is the test of it.

pub mod any;
pub mod key_value;
pub mod sqs;
#[cfg(any(test, feature = "suites"))]
pub mod suite;

/// Which queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueName {
    /// `queued` and `waiting` observations, and classes to look at: scaleup drains it.
    Jobs,
    /// `in_progress` and `completed` observations: lifecycle drains it.
    Lifecycle,
}

impl QueueName {
    /// The word in keys and names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Lifecycle => "lifecycle",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Jobs, Self::Lifecycle].into_iter().find(|queue| queue.as_str() == word)
    }
}

/// A message as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What deletes it.
    pub handle: String,
    /// The body, at most 128 KiB.
    pub body: Vec<u8>,
}

/// What a first look into a queue brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// The messages, as if they were received.
    pub messages: Vec<Message>,
    /// Whether there is hardly more, so that no receive has to follow.
    pub is_all: bool,
}

/// Why the queue did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// Try again; a message may or may not have been sent.
    #[error("the {queue} queue is busy: {cause}")]
    Busy {
        /// Which queue.
        queue: &'static str,
        /// What it said.
        cause: String,
    },
    /// It will not get better by itself.
    #[error("the {queue} queue refused: {cause}")]
    Refused {
        /// Which queue.
        queue: &'static str,
        /// What it said.
        cause: String,
    },
}

/// The contract of every back end: at least once, in no order.
#[expect(async_fn_in_trait, reason = "invocations run on one thread, so no future needs to be Send")]
pub trait Queue {
    /// Sends one message; when it returns, the message survives a crash.
    ///
    /// # Errors
    /// [`QueueError`].
    async fn send(&self, queue: QueueName, body: &[u8]) -> Result<(), QueueError>;

    /// Receives what one round of calls brings without a wait, which hides but a few messages from others: for who does not know
    /// yet whether the work is his. Nothing may come although something is there.
    ///
    /// # Errors
    /// [`QueueError`].
    async fn glance(&self, queue: QueueName) -> Result<Glance, QueueError>;

    /// Receives at most `most` messages, none if there are none. Each may be received again, here or elsewhere, until it is deleted.
    ///
    /// # Errors
    /// [`QueueError`].
    async fn receive(&self, queue: QueueName, most: usize) -> Result<Vec<Message>, QueueError>;

    /// Gives back messages that this invocation will not deal with, so that they can be received at once; returns the handles that
    /// could not be given back, whose messages come again by themselves. One already gone is fine.
    ///
    /// # Errors
    /// [`QueueError`] when none could be tried.
    async fn give_back(&self, queue: QueueName, handles: &[String]) -> Result<Vec<String>, QueueError>;

    /// Deletes messages; returns the handles that could not be deleted. One already gone is fine.
    ///
    /// # Errors
    /// [`QueueError`] when none could be tried.
    async fn delete(&self, queue: QueueName, handles: &[String]) -> Result<Vec<String>, QueueError>;

    /// Moves a message that can never be used to the dead letters, with the reason, then deletes it.
    ///
    /// # Errors
    /// [`QueueError`]; the message is then still in its queue, and may also be among the dead letters.
    async fn dead_letter(&self, queue: QueueName, message: &Message, why: &str) -> Result<(), QueueError>;
}
