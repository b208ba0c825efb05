//! The queues where the configuration says.
//! Not here: the contract, and how a back end keeps it.

use jit_domain::policy::Storage;

use super::key_value::KeyValueQueue;
use super::sqs::SqsQueue;
use super::{Glance, Message, Queue, QueueError, QueueName};
use crate::aws::Aws;
use crate::effects::Effects;
use crate::settings::AwsAccess;

/// The queues of one invocation, on whichever back end.
#[derive(Debug)]
pub enum AnyQueue<'e, E> {
    /// On Spin's key-value store.
    KeyValue(KeyValueQueue<'e, E>),
    /// On SQS.
    Sqs(Box<SqsQueue<'e, E>>),
}

impl<'e, E: Effects> AnyQueue<'e, E> {
    /// The queues of an invocation.
    ///
    /// # Errors
    /// A sentence when they are in AWS and the component has no rights there, or an address cannot be one.
    pub fn choose(effects: &'e E, storage: &Storage, access: Option<&AwsAccess>) -> Result<Self, String> {
        match (storage, access) {
            (Storage::KeyValue, _) => Ok(Self::KeyValue(KeyValueQueue::new(effects))),
            (Storage::Aws(place), Some(access)) => {
                let queues = SqsQueue::new(effects, Aws::new(effects, access.clone()), place)?;
                Ok(Self::Sqs(Box::new(queues)))
            }
            (Storage::Aws(_), None) => Err(crate::settings::NO_RIGHTS_IN_AWS.to_owned()),
        }
    }
}

impl<E: Effects> Queue for AnyQueue<'_, E> {
    async fn send(&self, queue: QueueName, body: &[u8]) -> Result<(), QueueError> {
        match self {
            Self::KeyValue(queues) => queues.send(queue, body).await,
            Self::Sqs(queues) => queues.send(queue, body).await,
        }
    }

    async fn glance(&self, queue: QueueName) -> Result<Glance, QueueError> {
        match self {
            Self::KeyValue(queues) => queues.glance(queue).await,
            Self::Sqs(queues) => queues.glance(queue).await,
        }
    }

    async fn receive(&self, queue: QueueName, most: usize) -> Result<Vec<Message>, QueueError> {
        match self {
            Self::KeyValue(queues) => queues.receive(queue, most).await,
            Self::Sqs(queues) => queues.receive(queue, most).await,
        }
    }

    async fn give_back(&self, queue: QueueName, handles: &[String]) -> Result<Vec<String>, QueueError> {
        match self {
            Self::KeyValue(queues) => queues.give_back(queue, handles).await,
            Self::Sqs(queues) => queues.give_back(queue, handles).await,
        }
    }

    async fn delete(&self, queue: QueueName, handles: &[String]) -> Result<Vec<String>, QueueError> {
        match self {
            Self::KeyValue(queues) => queues.delete(queue, handles).await,
            Self::Sqs(queues) => queues.delete(queue, handles).await,
        }
    }

    async fn dead_letter(&self, queue: QueueName, message: &Message, why: &str) -> Result<(), QueueError> {
        match self {
            Self::KeyValue(queues) => queues.dead_letter(queue, message, why).await,
            Self::Sqs(queues) => queues.dead_letter(queue, message, why).await,
        }
    }
}
