//! What goes through the two queues, and its form there: JSON with a version `v` and a `type`.
//! Not here: the queues themselves (`queue.rs`), GitHub's own payloads (jit-github), and what follows from a message.

use jit_domain::ids::ClassKey;
use jit_domain::observation::Action;
use serde::{Deserialize, Serialize};

use crate::queue::QueueName;
use crate::stored::form::{self, formed};
use crate::stored::{StoredError, decode_body, encode_tagged, malformed, tag_of};

mod job;
#[cfg(test)]
pub(crate) mod tests;

pub use self::job::JobObservation;

/// A message. Each may arrive late, twice or after its successor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(target_pointer_width = "32"),
    expect(
        clippy::large_enum_variant,
        reason = "nearly all messages are jobs; small enough where pointers are"
    )
)]
pub enum Message {
    /// GitHub said something about a job.
    Job(JobObservation),
    /// A class has a gap: look at it.
    Class(ClassKey),
}

impl Message {
    /// The queue whose drain handles it.
    pub const fn queue(&self) -> QueueName {
        match self {
            Self::Job(job) => match job.action {
                Action::Waiting | Action::Queued => QueueName::Jobs,
                Action::InProgress | Action::Completed => QueueName::Lifecycle,
            },
            Self::Class(_) => QueueName::Jobs,
        }
    }

    /// The form in the queue.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Job(job) => encode_tagged(JOB, job),
            Self::Class(class) => encode_tagged(CLASS, &ClassHint { class: class.clone() }),
        }
    }

    /// Reads the form back.
    ///
    /// # Errors
    /// [`MessageError`], which says whether the message goes back to its queue or to the dead letters.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        match tag_of(bytes)?.as_str() {
            JOB => Ok(Self::Job(decode_body(bytes)?)),
            CLASS => Ok(Self::Class(decode_body::<ClassHint>(bytes)?.class)),
            other => Err(malformed(format!("`{other}` is not a type of message"), "type").into()),
        }
    }
}

/// Why a message cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// A newer release sent it. Leave it in the queue: a newer release will receive it.
    #[error("message version {v} is newer than this release reads")]
    Newer {
        /// Its version.
        v: u64,
    },
    /// It is not what any release sent. Move it to the dead letters.
    #[error("malformed message at {place}: {what}")]
    Malformed {
        /// What is wrong.
        what: String,
        /// The name of the field; `.` is the whole message.
        place: String,
    },
}

impl From<StoredError> for MessageError {
    fn from(error: StoredError) -> Self {
        match error {
            StoredError::Newer { v } => Self::Newer { v },
            StoredError::Malformed { what, place } => Self::Malformed { what, place },
        }
    }
}

const JOB: &str = "job";
const CLASS: &str = "class";

#[derive(Serialize, Deserialize)]
struct ClassHint {
    #[serde(with = "form")]
    class: ClassKey,
}

formed! { ClassHint: ClassHint }
