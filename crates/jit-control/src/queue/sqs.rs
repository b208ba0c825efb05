//! The two queues, and their dead letters, on SQS: four standard queues, `<name>-jobs`, `<name>-lifecycle` and each with
//! `-dead` behind it. They are made with the infrastructure, not here.
//!
//! SQS asks a sample of its servers on a short poll, so that "nothing there" may be wrong, and all of them on a long one, which
//! waits when there is nothing. Receiving therefore begins with several short polls at once, which cost no wait when a message
//! is there, and believes that a queue is empty only after a long poll. A round that brings fewer messages than it had polls is
//! the last one: what its polls missed is found by the next call, which scaleup always makes after it has released its lease.
//! No poll is ever given up: SQS would hide for [`limits::VISIBILITY`] what it then brings.

pub mod limits;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use jit_aws::sqs::{
    ErrorClass, MESSAGES_MAX, MessageBatch, QueueUrl, ReceiveMessage, Received, SendMessage, SqsError,
};
use jit_aws::{Endpoint, Service};
use jit_domain::policy::AwsStorage;

use super::key_value::BODY_BYTES_MAX;
use super::{Glance, Message, Queue, QueueError, QueueName};
use crate::aws::Aws;
use crate::effects::{Effects, Request, Response, SendError, pause};
use crate::limits::{CALL_TIMEOUT, CALLS_AT_ONCE_MAX};

/// The attribute of a dead letter that says why it is one.
const WHY: &str = "why";

/// The queues of one invocation on SQS.
#[derive(Debug)]
pub struct SqsQueue<'e, E> {
    effects: &'e E,
    aws: Aws<'e, E>,
    endpoint: Endpoint,
    jobs: Urls,
    lifecycle: Urls,
    visibility: Duration,
}

#[derive(Debug)]
struct Urls {
    live: QueueUrl,
    dead: QueueUrl,
}

/// Why one call brought nothing.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("the request was not sent: {0}")]
    NotSent(String),
    #[error(transparent)]
    Sqs(#[from] SqsError),
}

impl CallError {
    /// Whether the same request may do later.
    fn may_pass(&self) -> bool {
        match self {
            Self::NotSent(_) => true,
            Self::Sqs(error) => match error.class() {
                ErrorClass::Throttled | ErrorClass::UnknownOutcome => true,
                ErrorClass::QueueDoesNotExist
                | ErrorClass::ReceiptHandleInvalid
                | ErrorClass::ClockSkew
                | ErrorClass::Refused
                | ErrorClass::Unclassified => false,
            },
        }
    }

    fn of(self, queue: QueueName) -> QueueError {
        let (cause, queue) = (self.to_string(), queue.as_str());
        if self.may_pass() { QueueError::Busy { queue, cause } } else { QueueError::Refused { queue, cause } }
    }
}

impl<'e, E: Effects> SqsQueue<'e, E> {
    /// Makes the queues of one invocation; nothing is asked of SQS.
    ///
    /// # Errors
    /// A sentence when region, account, name or endpoint cannot be one.
    pub fn new(effects: &'e E, aws: Aws<'e, E>, place: &AwsStorage) -> Result<Self, String> {
        let endpoint = aws.endpoint(Service::Sqs, &place.region)?;
        let url = |name: String| QueueUrl::new(&endpoint, &place.account, &name).map_err(|e| e.to_string());
        let urls = |queue: QueueName| {
            let name = format!("{}-{}", place.name, queue.as_str());
            Ok::<_, String>(Urls { dead: url(format!("{name}-dead"))?, live: url(name)? })
        };
        let (jobs, lifecycle) = (urls(QueueName::Jobs)?, urls(QueueName::Lifecycle)?);
        Ok(Self { effects, aws, endpoint, jobs, lifecycle, visibility: limits::VISIBILITY })
    }

    /// Hides what is received for another time, for emulators, which have no clock that a test can move.
    #[cfg(any(test, feature = "suites"))]
    #[must_use]
    pub fn with_visibility(self, visibility: Duration) -> Self {
        Self { visibility, ..self }
    }

    fn urls(&self, queue: QueueName) -> &Urls {
        match queue {
            QueueName::Jobs => &self.jobs,
            QueueName::Lifecycle => &self.lifecycle,
        }
    }

    /// Sends one request and reads its reply.
    async fn call<T>(
        &self,
        request: Request,
        timeout: Duration,
        parse: impl Fn(&Response) -> Result<T, SqsError>,
    ) -> Result<T, CallError> {
        match self.aws.send(&self.endpoint, request, timeout).await {
            Ok(reply) => parse(&reply).map_err(CallError::Sqs),
            Err(SendError::NotSent(why)) => Err(CallError::NotSent(why)),
            Err(SendError::Unknown(why)) => Err(CallError::Sqs(SqsError::no_reply(&why))),
        }
    }

    /// The same, tried at most three times while the failure may pass. Only for what does no harm when it is done twice.
    async fn persist<T>(
        &self,
        request: impl Fn() -> Request,
        timeout: Duration,
        parse: impl Fn(&Response) -> Result<T, SqsError>,
    ) -> Result<T, CallError> {
        for least in limits::PAUSES {
            match self.call(request(), timeout, &parse).await {
                Err(error) if error.may_pass() => pause(self.effects, least).await,
                done => return done,
            }
        }
        self.call(request(), timeout, &parse).await
    }

    async fn send_to(&self, message: SendMessage) -> Result<String, CallError> {
        self.persist(|| message.request(&self.endpoint), limits::SEND_TIMEOUT, SendMessage::parse).await
    }

    /// One round of polls at once. What came counts even if some of them failed.
    async fn round(&self, queue: QueueName, polls: usize, most: usize, wait: Duration) -> Round {
        let polls = polls.clamp(1, most.div_ceil(MESSAGES_MAX).max(1));
        let calls = (0..polls).map(|n| {
            let receive = ReceiveMessage {
                queue: self.urls(queue).live.clone(),
                most: (most - n * MESSAGES_MAX).min(MESSAGES_MAX),
                wait,
                visibility: self.visibility,
            };
            self.call(receive.request(&self.endpoint), limits::POLL_TIMEOUT, ReceiveMessage::parse)
        });
        let mut round = Round { polls, received: Vec::new(), answers: 0, error: None };
        for outcome in join_all(calls).await {
            match outcome {
                Ok(received) => {
                    round.answers += 1;
                    round.received.extend(received);
                }
                Err(error) => {
                    // One that does not pass tells more than one that does.
                    if round.error.as_ref().is_none_or(CallError::may_pass) {
                        round.error = Some(error);
                    }
                }
            }
        }
        round
    }

    /// Deletes or gives back messages, ten in a call; returns those that are as they were, as far as SQS says.
    async fn change_all(
        &self,
        queue: QueueName,
        batches: Vec<MessageBatch>,
    ) -> Result<Vec<String>, QueueError> {
        let changes = batches.iter().map(|batch| async move { (batch, self.change(batch).await) });
        let outcomes: Vec<_> = stream::iter(changes).buffer_unordered(CALLS_AT_ONCE_MAX).collect().await;
        let (mut left, mut error, mut is_tried) = (Vec::new(), None, outcomes.is_empty());
        for (batch, outcome) in outcomes {
            match outcome {
                Ok(stayed) => {
                    is_tried = true;
                    left.extend(stayed);
                }
                Err(failed) => {
                    left.extend_from_slice(batch.handles());
                    error = Some(failed);
                }
            }
        }
        match error {
            Some(error) if !is_tried => Err(error.of(queue)),
            _ => Ok(left),
        }
    }

    /// Up to ten of them.
    async fn change(&self, batch: &MessageBatch) -> Result<Vec<String>, CallError> {
        let request = || batch.request(&self.endpoint);
        let failed = self.persist(request, CALL_TIMEOUT, |reply| batch.parse(reply)).await?;
        // A handle that SQS does not know changes nothing, now or later: emulators say so of a message that is gone already.
        let left = failed.into_iter().filter(|failed| failed.class != ErrorClass::ReceiptHandleInvalid);
        Ok(left.map(|failed| failed.receipt_handle).collect())
    }
}

/// What a round of polls brought.
struct Round {
    polls: usize,
    received: Vec<Received>,
    /// Polls that brought an answer, also an empty one.
    answers: usize,
    error: Option<CallError>,
}

/// Messages received, each once, with the handle of its latest receive: an older one may not delete it.
#[derive(Default)]
struct Haul(BTreeMap<String, Received>);

impl Haul {
    fn take(&mut self, received: Vec<Received>) {
        for message in received {
            let known = self.0.get(&message.message_id);
            if known.is_none_or(|known| known.receive_count < message.receive_count) {
                self.0.insert(message.message_id.clone(), message);
            }
        }
    }

    fn into_messages(self) -> Vec<Message> {
        let message = |received: Received| Message { handle: received.receipt_handle, body: received.body };
        self.0.into_values().map(message).collect()
    }
}

impl<E: Effects> Queue for SqsQueue<'_, E> {
    async fn send(&self, queue: QueueName, body: &[u8]) -> Result<(), QueueError> {
        check_body(queue, body)?;
        let sent = self.send_to(SendMessage::new(&self.urls(queue).live, body)).await;
        sent.map(drop).map_err(|error| error.of(queue))
    }

    /// The first round of a receive.
    async fn glance(&self, queue: QueueName) -> Result<Glance, QueueError> {
        let most = limits::POLLS_FIRST * MESSAGES_MAX;
        let round = self.round(queue, limits::POLLS_FIRST, most, Duration::ZERO).await;
        match round.error {
            Some(error) if round.received.is_empty() && (round.answers == 0 || !error.may_pass()) => {
                Err(error.of(queue))
            }
            error => {
                let came = round.received.len();
                let mut haul = Haul::default();
                haul.take(round.received);
                let is_all = (1..round.polls).contains(&came) && error.is_none();
                Ok(Glance { messages: haul.into_messages(), is_all })
            }
        }
    }

    async fn receive(&self, queue: QueueName, most: usize) -> Result<Vec<Message>, QueueError> {
        let began = self.effects.now();
        let mut haul = Haul::default();
        let (mut error, mut answers) = (None, 0);
        let (mut polls, mut wait) = (limits::POLLS_FIRST, Duration::ZERO);
        let in_time = || self.effects.now().since(began) < limits::RECEIVE_MAX;
        while haul.0.len() < most {
            let (known, is_long) = (haul.0.len(), wait > Duration::ZERO);
            let round = self.round(queue, polls, most - known, wait).await;
            haul.take(round.received);
            answers += round.answers;
            error = round.error;
            if error.as_ref().is_some_and(|error| !error.may_pass()) {
                break;
            }
            if haul.0.is_empty() && !is_long && (in_time() || answers == 0) {
                // Nothing, or nobody answered: one poll that asks all servers, or asks once more.
                if error.is_some() {
                    pause(self.effects, limits::PAUSES[0]).await;
                }
                (polls, wait) = (1, limits::LONG_POLL);
                continue;
            }
            let came = haul.0.len() - known;
            let is_last = if is_long { came < MESSAGES_MAX } else { came < round.polls };
            if is_last || !in_time() {
                break;
            }
            polls = (round.polls * limits::POLLS_GROWTH).min(CALLS_AT_ONCE_MAX);
            wait = Duration::ZERO;
        }
        match error {
            // A failure that may pass counts only if nobody answered: what is there is received the next time.
            Some(error) if haul.0.is_empty() && (answers == 0 || !error.may_pass()) => Err(error.of(queue)),
            _ => Ok(haul.into_messages()),
        }
    }

    /// What cannot be given back comes again once its time is over. To give back what another has received meanwhile lets it be
    /// received twice, which harms nothing.
    async fn give_back(&self, queue: QueueName, handles: &[String]) -> Result<Vec<String>, QueueError> {
        self.change_all(queue, MessageBatch::giving_back(&self.urls(queue).live, handles)).await
    }

    /// As the contract says. A success says little at SQS: a message may come again after it, which harms nothing.
    async fn delete(&self, queue: QueueName, handles: &[String]) -> Result<Vec<String>, QueueError> {
        self.change_all(queue, MessageBatch::deleting(&self.urls(queue).live, handles)).await
    }

    /// The dead letter is the message itself with the reason as the attribute `why`, so that it can be moved back as it is.
    async fn dead_letter(&self, queue: QueueName, message: &Message, why: &str) -> Result<(), QueueError> {
        check_body(queue, &message.body)?;
        let mut letter = SendMessage::new(&self.urls(queue).dead, &message.body);
        let why = &why[..why.floor_char_boundary(limits::REASON_BYTES_MAX)];
        if !why.is_empty() {
            letter.attributes.insert(WHY, why.to_owned());
        }
        self.send_to(letter).await.map_err(|error| error.of(queue))?;
        let left = self.delete(queue, std::slice::from_ref(&message.handle)).await?;
        if left.is_empty() {
            return Ok(());
        }
        let cause = "a dead letter was not deleted from its queue".to_owned();
        Err(QueueError::Busy { queue: queue.as_str(), cause })
    }
}

fn check_body(queue: QueueName, body: &[u8]) -> Result<(), QueueError> {
    if body.len() > BODY_BYTES_MAX {
        let cause = format!("a body has at most {BODY_BYTES_MAX} bytes, this one {}", body.len());
        return Err(QueueError::Refused { queue: queue.as_str(), cause });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
