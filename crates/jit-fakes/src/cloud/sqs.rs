//! SQS's JSON protocol: the standard queues of one account.
//! Not in it: the older Query protocol, FIFO queues, batches of sends, purging and deleting queues, policies and tags of queues,
//! encryption, digests (`MD5OfMessageBody`), and messages that arrive while a long poll is under way: a poll is answered by what
//! is there, or becomes visible by itself, until its wait ends.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html> (read 2026-11-22)

mod attributes;
pub(super) mod error;
mod input;
mod queue;

use std::collections::BTreeMap;

use http::{Request, uri};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use self::attributes::Attributes;
use self::input::Input;
use self::queue::{Deletion, Queue};
pub use self::queue::{SqsMessage, SqsRules};
use super::error::ApiError;
use super::pipeline::{Answer, Call};
use crate::model::Random;

/// The most entries of a batch.
const ENTRIES_MAX: usize = 10;

/// All queues, by region and name.
#[derive(Debug)]
pub(crate) struct Sqs {
    pub(crate) rules: SqsRules,
    queues: BTreeMap<(String, String), Queue>,
    random: Random,
    messages: u64,
    polls: u64,
}

/// Where a request arrived: what a queue's address is made of.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    /// Scheme and host, without a slash at its end.
    base: &'a str,
    region: &'a str,
    account: &'a str,
}

impl Place<'_> {
    fn url(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.base, self.account)
    }
}

type Outcome = Result<Value, ApiError>;

impl Sqs {
    pub(crate) fn new(rules: SqsRules, random: Random) -> Self {
        Self { rules, queues: BTreeMap::new(), random, messages: 0, polls: 0 }
    }

    /// Makes a queue with SQS's own settings; one that is there already stays as it is.
    pub(crate) fn add(&mut self, region: &str, name: &str) {
        let key = (region.to_owned(), name.to_owned());
        self.queues.entry(key).or_insert_with(|| Queue::new(name, Attributes::default()));
    }

    /// The queue's messages, also those hidden, in the order of arrival; none if there is no such queue.
    pub(crate) fn messages(&mut self, region: &str, name: &str, now: Timestamp) -> Vec<SqsMessage> {
        let queue = self.queues.get_mut(&(region.to_owned(), name.to_owned()));
        queue.map(|queue| queue.messages(now)).unwrap_or_default()
    }

    /// Carries out an action, if the caller may: batches need the right to the single action.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html>
    pub(crate) fn perform(&mut self, call: &Call<'_>) -> Result<Answer, ApiError> {
        call.check_may(&format!("sqs:{}", call.action.strip_suffix("Batch").unwrap_or(call.action)))?;
        let place = Place { base: &base(call.request), region: &call.region, account: &call.account };
        let (input, now) = (Input::read(call.request.body())?, call.now);
        let output = match call.action {
            "CreateQueue" => self.create(place, &input),
            "GetQueueUrl" => self.get_url(place, &input),
            "GetQueueAttributes" => self.get_attributes(place, &input, now),
            "SetQueueAttributes" => self.set_attributes(place, &input),
            "SendMessage" => self.send(place, &input, now),
            "ReceiveMessage" => {
                let (output, wait) = self.receive(place, &input, now)?;
                return Ok(Answer::from(output).after(wait));
            }
            "DeleteMessage" => self.delete(place, &input),
            "DeleteMessageBatch" => self.delete_batch(place, &input),
            "ChangeMessageVisibilityBatch" => self.change_visibility_batch(place, &input, now),
            action => Err(ApiError::bad(
                "InvalidAction",
                format!("The action {action} is not valid for this endpoint."),
            )),
        };
        output.map(Answer::from)
    }

    /// Finds the queue that a request names, by its address's path: the host may be any name of the service.
    fn queue(&mut self, place: Place<'_>, input: &Input) -> Result<&mut Queue, ApiError> {
        let url = input.text("QueueUrl")?;
        let mut parts = url.rsplit('/');
        let (name, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let key = (place.region.to_owned(), name.to_owned());
        self.queues.get_mut(&key).filter(|_| account == place.account).ok_or_else(error::no_queue)
    }

    fn create(&mut self, place: Place<'_>, input: &Input) -> Outcome {
        let name = input.text("QueueName")?;
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.len() > 80 || !name.bytes().all(is_word) {
            let reason =
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
            return Err(error::invalid(reason));
        }
        let mut attributes = Attributes::default();
        attributes.set(input.map("Attributes")?)?;
        let key = (place.region.to_owned(), name.to_owned());
        match self.queues.get(&key) {
            Some(queue) if queue.attributes != attributes => {
                let message =
                    "A queue already exists with the same name and a different value for an attribute";
                return Err(ApiError::bad("QueueNameExists", message));
            }
            Some(_) => {}
            None => drop(self.queues.insert(key, Queue::new(name, attributes))),
        }
        Ok(json!({ "QueueUrl": place.url(name) }))
    }

    fn get_url(&mut self, place: Place<'_>, input: &Input) -> Outcome {
        let name = input.text("QueueName")?;
        if self.queues.contains_key(&(place.region.to_owned(), name.to_owned())) {
            Ok(json!({ "QueueUrl": place.url(name) }))
        } else {
            Err(error::no_queue())
        }
    }

    fn get_attributes(&mut self, place: Place<'_>, input: &Input, now: Timestamp) -> Outcome {
        let wanted = input.texts("AttributeNames")?;
        let queue = self.queue(place, input)?;
        let arn = format!("arn:aws:sqs:{}:{}:{}", place.region, place.account, queue.name);
        let mut all = queue.attributes.shown();
        all.insert("QueueArn".into(), arn.into());
        for (name, count) in queue.counts(now) {
            all.insert(name.into(), count.to_string().into());
        }
        all.retain(|name, _| wanted.iter().any(|wanted| wanted == "All" || wanted == name));
        Ok(json!({ "Attributes": all }))
    }

    fn set_attributes(&mut self, place: Place<'_>, input: &Input) -> Outcome {
        let wanted = input.map("Attributes")?;
        self.queue(place, input)?.attributes.set(wanted)?;
        Ok(json!({}))
    }

    fn send(&mut self, place: Place<'_>, input: &Input, now: Timestamp) -> Outcome {
        let body = input.text("MessageBody")?;
        let delay = input.number("DelaySeconds", 0..=900)?;
        let attributes = input.map("MessageAttributes")?;
        let id = self.messages + 1;
        let message_id = uuid(self.random.of("sqs message", id), id);
        let queue = self.queue(place, input)?;
        queue.send(id, &message_id, body, attributes, delay, now)?;
        self.messages = id;
        Ok(json!({ "MessageId": message_id }))
    }

    fn receive(
        &mut self,
        place: Place<'_>,
        input: &Input,
        now: Timestamp,
    ) -> Result<(Value, Option<SignedDuration>), ApiError> {
        let poll = queue::Poll {
            number: self.polls + 1,
            most: input.number("MaxNumberOfMessages", 1..=10)?.unwrap_or(1),
            wait: input.number("WaitTimeSeconds", 0..=20)?,
            visibility: input.number("VisibilityTimeout", 0..=43_200)?,
            now,
        };
        let system = [input.texts("MessageSystemAttributeNames")?, input.texts("AttributeNames")?].concat();
        let own = input.texts("MessageAttributeNames")?;
        let (rules, random) = (self.rules, self.random.clone());
        let queue = self.queue(place, input)?;
        let received = queue.receive(&poll, &rules, &random)?;
        self.polls += 1;
        for (target, message) in received.dead {
            // A dead-letter queue that does not exist loses nothing at SQS either: the message stays where it was.
            let key = (place.region.to_owned(), target);
            match self.queues.get_mut(&key) {
                Some(dead) => dead.put(message),
                None => self.queue(place, input)?.put(message),
            }
        }
        let shown: Vec<Value> =
            received.messages.iter().map(|message| message.shown(&system, &own)).collect();
        let output = if shown.is_empty() { json!({}) } else { json!({ "Messages": shown }) };
        Ok((output, received.wait))
    }

    fn delete(&mut self, place: Place<'_>, input: &Input) -> Outcome {
        let handle = input.text("ReceiptHandle")?;
        let (rules, random) = (self.rules, self.random.clone());
        match self.queue(place, input)?.delete(handle, &rules, &random) {
            Deletion::Done => Ok(json!({})),
            Deletion::Expired => Err(error::expired(handle)),
            Deletion::Unknown => Err(error::unknown_handle(handle)),
        }
    }

    fn delete_batch(&mut self, place: Place<'_>, input: &Input) -> Outcome {
        let (rules, random) = (self.rules, self.random.clone());
        let queue = self.queue(place, input)?;
        each(input, |_, handle| match queue.delete(handle, &rules, &random) {
            Deletion::Done => Ok(()),
            Deletion::Expired => Err(error::expired(handle)),
            Deletion::Unknown => Err(error::unknown_handle(handle)),
        })
    }

    fn change_visibility_batch(&mut self, place: Place<'_>, input: &Input, now: Timestamp) -> Outcome {
        let random = self.random.clone();
        let queue = self.queue(place, input)?;
        each(input, |entry, handle| {
            let hidden_s = entry.number("VisibilityTimeout", 0..=43_200)?.unwrap_or_default();
            if queue.hide(handle, hidden_s, now, &random) {
                Ok(())
            } else {
                Err(error::unknown_handle(handle))
            }
        })
    }
}

/// Does something to the message of each entry of a batch, and answers for each.
fn each(input: &Input, mut act: impl FnMut(&Input, &str) -> Result<(), ApiError>) -> Outcome {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (id, entry) in input.entries("Entries", ENTRIES_MAX)? {
        let Err(refusal) = act(&entry, entry.text("ReceiptHandle")?) else {
            successful.push(json!({ "Id": id }));
            continue;
        };
        let code = error::query_code(&refusal.code);
        failed.push(json!({ "Id": id, "Code": code, "Message": refusal.message, "SenderFault": true }));
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

/// Scheme and host as the caller knows them; a request from a listener shows its host only in a header.
fn base(request: &Request<Vec<u8>>) -> String {
    let scheme = request.uri().scheme_str().unwrap_or("http");
    let host = request.headers().get("host").and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(uri::Authority::as_str));
    format!("{scheme}://{}", host.unwrap_or_default())
}

/// Shaped as SQS's message ids are.
fn uuid(drawn: u64, count: u64) -> String {
    let (high, low) = (drawn >> 32, drawn & 0xffff_ffff);
    format!("{high:08x}-{:04x}-4{:03x}-9000-{count:012x}", low >> 16, low & 0xfff)
}

/// A JSON object.
type Object = Map<String, Value>;
