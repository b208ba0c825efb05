//! One standard queue as it hurts: at least once, in no order, a part of it at a time.
//! Not in it: the wire.
//!
//! - A short poll asks a sample of the servers, each message being on one; a long poll asks all.
//!   <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>
//! - A message may come twice, and rarely even after it was deleted.
//!   <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>
//! - A deletion by an older handle may work, may succeed without deleting, and may be refused.
//!   <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>,
//!   <https://repost.aws/knowledge-center/sqs-receipt-handle-error>
//!
//! (all read 2026-11-22)

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::error::ApiError;
use super::attributes::Attributes;
use super::{Object, error};
use crate::model::Random;

/// How many servers a queue has; nobody knows how many it really are.
const SERVERS: u64 = 8;
/// What every receipt handle begins with, as SQS's do.
const HANDLE: &str = "AQEB";

/// How often the unpleasant things happen, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqsRules {
    /// How likely a short poll asks a given server.
    pub sampled_per_mille: u64,
    /// How likely a message that was received is not hidden, so that it can be received again at once.
    pub duplicates_per_mille: u64,
    /// How likely a message comes once more after it was deleted.
    pub undead_per_mille: u64,
    /// The most messages that are received and not deleted.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>
    pub in_flight_max: usize,
}

impl Default for SqsRules {
    fn default() -> Self {
        Self { sampled_per_mille: 700, duplicates_per_mille: 10, undead_per_mille: 1, in_flight_max: 120_000 }
    }
}

/// A message in a queue, as a checker sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct SqsMessage {
    /// Its id.
    pub message_id: String,
    /// Its text.
    pub body: String,
    /// Its own attributes that are texts, by name.
    pub attributes: BTreeMap<String, String>,
    /// How often it was received.
    pub receive_count: u32,
    /// When it is visible.
    pub visible_at: Timestamp,
}

/// One call to receive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Poll {
    /// No two polls have the same.
    pub(super) number: u64,
    pub(super) most: u32,
    /// The queue's own if none.
    pub(super) wait: Option<u32>,
    /// The queue's own if none.
    pub(super) visibility: Option<u32>,
    pub(super) now: Timestamp,
}

/// What a poll brought.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) messages: Vec<Taken>,
    /// Messages that were received too often, with the name of the queue where they go.
    pub(super) dead: Vec<(String, Message)>,
    /// How long the caller waits for it.
    pub(super) wait: Option<SignedDuration>,
}

/// A message with the handle of this receive.
#[derive(Debug)]
pub(super) struct Taken {
    message: Message,
    handle: String,
}

/// What became of a request to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deletion {
    /// A success, though the message may still be there.
    Done,
    /// The handle is not the latest one.
    Expired,
    /// The handle is none of this queue's.
    Unknown,
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    id: u64,
    message_id: String,
    body: String,
    attributes: Object,
    sent_at: Timestamp,
    visible_at: Timestamp,
    first_received_at: Option<Timestamp>,
    receive_count: u32,
    /// Deleted, and about to come once more.
    is_undead: bool,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) attributes: Attributes,
    messages: BTreeMap<u64, Message>,
}

impl Queue {
    pub(super) fn new(name: &str, attributes: Attributes) -> Self {
        Self { name: name.into(), attributes, messages: BTreeMap::new() }
    }

    pub(super) fn messages(&mut self, now: Timestamp) -> Vec<SqsMessage> {
        self.expire(now);
        self.messages.values().map(Message::seen).collect()
    }

    /// The counts that SQS lists among the attributes.
    pub(super) fn counts(&mut self, now: Timestamp) -> [(&'static str, usize); 3] {
        self.expire(now);
        let count =
            |is: fn(&Message, Timestamp) -> bool| self.messages.values().filter(|m| is(m, now)).count();
        let delayed = |message: &Message, now| message.visible_at > now && message.receive_count == 0;
        [
            ("ApproximateNumberOfMessages", count(|message, now| message.visible_at <= now)),
            ("ApproximateNumberOfMessagesNotVisible", count(Message::is_in_flight)),
            ("ApproximateNumberOfMessagesDelayed", count(delayed)),
        ]
    }

    pub(super) fn send(
        &mut self,
        id: u64,
        message_id: &str,
        body: &str,
        attributes: Object,
        delay: Option<u32>,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let is_legal =
            |char: char| matches!(char, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..);
        if !body.chars().all(is_legal) {
            let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | \
                           #xE000 to #xFFFD | #x10000 to #x10FFFF";
            return Err(ApiError::bad("InvalidMessageContents", message));
        }
        let attributes_size: usize =
            attributes.iter().map(|(name, value)| name.len() + attribute_size(value)).sum();
        let most = self.attributes.bytes_max;
        if u32::try_from(body.len() + attributes_size).map_or(true, |size| size > most) {
            let reason = format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
            );
            return Err(error::invalid(&reason));
        }
        let visible_at = later(now, delay.unwrap_or(self.attributes.delay));
        self.put(Message {
            id,
            message_id: message_id.to_owned(),
            body: body.to_owned(),
            attributes,
            sent_at: now,
            visible_at,
            first_received_at: None,
            receive_count: 0,
            is_undead: false,
        });
        Ok(())
    }

    /// Takes in a message, also one of another queue, which keeps its age.
    pub(super) fn put(&mut self, message: Message) {
        self.messages.insert(message.id, message);
    }

    pub(super) fn receive(
        &mut self,
        poll: &Poll,
        rules: &SqsRules,
        random: &Random,
    ) -> Result<Received, ApiError> {
        self.expire(poll.now);
        let wait = poll.wait.unwrap_or(self.attributes.wait);
        let in_flight = self.messages.values().filter(|message| message.is_in_flight(poll.now)).count();
        if in_flight >= rules.in_flight_max && wait == 0 {
            let message = "Too many messages in flight for the queue.";
            return Err(ApiError::new(403, "OverLimit", message));
        }
        let at = self.answered_at(poll.now, wait);
        let mut received = Received::default();
        if at > poll.now {
            received.wait = Some(at.duration_since(poll.now));
        }
        if in_flight >= rules.in_flight_max {
            return Ok(received);
        }
        for id in self.chosen(poll, wait, at, rules, random) {
            let Some(mut message) = self.messages.remove(&id) else { continue };
            match &self.attributes.redrive {
                Some(redrive) if message.receive_count >= redrive.receives_max => {
                    message.visible_at = at;
                    received.dead.push((redrive.queue.clone(), message));
                }
                Some(_) | None => {
                    let taken = self.take(message, poll, at, rules, random);
                    received.messages.push(taken);
                }
            }
        }
        Ok(received)
    }

    pub(super) fn delete(&mut self, handle: &str, rules: &SqsRules, random: &Random) -> Deletion {
        let Some((id, receive)) = self.read_handle(handle, random) else { return Deletion::Unknown };
        let Some(message) = self.messages.get_mut(&id) else { return Deletion::Done };
        let drawn = random.of("sqs deletion", id.wrapping_mul(0x1_0001).wrapping_add(u64::from(receive)));
        if receive != message.receive_count {
            match drawn % 3 {
                0 => {}
                1 => return Deletion::Done,
                _ => return Deletion::Expired,
            }
        }
        if !message.is_undead && drawn / 3 % 1_000 < rules.undead_per_mille {
            message.is_undead = true;
            message.visible_at = message.sent_at;
        } else {
            self.messages.remove(&id);
        }
        Deletion::Done
    }

    /// Hides a message that its receiver still holds for another time from now; whether there is such a message.
    pub(super) fn hide(&mut self, handle: &str, hidden_s: u32, now: Timestamp, random: &Random) -> bool {
        let held = self.read_handle(handle, random).and_then(|(id, receive)| {
            self.messages.get_mut(&id).filter(|message| message.receive_count == receive)
        });
        let Some(message) = held.filter(|message| message.is_in_flight(now)) else { return false };
        message.visible_at = later(now, hidden_s);
        true
    }

    /// Forgets what is older than the queue keeps.
    fn expire(&mut self, now: Timestamp) {
        let retention = self.attributes.retention;
        self.messages.retain(|_, message| later(message.sent_at, retention) > now);
    }

    /// When a poll is answered: at once if there is something, else when something becomes visible, else when its wait ends.
    fn answered_at(&self, now: Timestamp, wait: u32) -> Timestamp {
        let soonest = self.messages.values().map(|message| message.visible_at.max(now)).min();
        soonest.unwrap_or(Timestamp::MAX).min(later(now, wait))
    }

    /// Which messages a poll takes, in its order: those on the servers that it asks. A long poll that finds none there asks all.
    fn chosen(&self, poll: &Poll, wait: u32, at: Timestamp, rules: &SqsRules, random: &Random) -> Vec<u64> {
        let visible: Vec<u64> = self
            .messages
            .values()
            .filter(|message| message.visible_at <= at)
            .map(|message| message.id)
            .collect();
        let is_asked = |id: &u64| {
            let server = random.of("sqs server", *id) % SERVERS;
            random.of("sqs sample", poll.number.wrapping_mul(SERVERS) + server) % 1_000
                < rules.sampled_per_mille
        };
        let mut chosen: Vec<u64> = visible.iter().copied().filter(is_asked).collect();
        if chosen.is_empty() && wait > 0 {
            chosen = visible;
        }
        chosen.sort_by_cached_key(|id| random.of("sqs order", poll.number.wrapping_mul(0x1_0000_0001) ^ id));
        chosen.truncate(usize::try_from(poll.most).unwrap_or(usize::MAX));
        chosen
    }

    /// Hides a message and makes its handle.
    fn take(
        &mut self,
        mut message: Message,
        poll: &Poll,
        at: Timestamp,
        rules: &SqsRules,
        random: &Random,
    ) -> Taken {
        message.receive_count += 1;
        message.first_received_at.get_or_insert(at);
        let receive = u64::from(message.receive_count);
        let drawn = random.of("sqs duplicate", message.id.wrapping_mul(0x1_0001).wrapping_add(receive));
        if drawn % 1_000 >= rules.duplicates_per_mille {
            message.visible_at = later(at, poll.visibility.unwrap_or(self.attributes.visibility));
        }
        let handle = self.handle(message.id, message.receive_count, random);
        self.messages.insert(message.id, message.clone());
        Taken { message, handle }
    }

    fn handle(&self, id: u64, receive: u32, random: &Random) -> String {
        let mark =
            self.name.bytes().fold(id, |mark, byte| mark.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let mark = random.of("sqs handle", mark.wrapping_mul(31).wrapping_add(u64::from(receive)));
        format!("{HANDLE}{id:016x}{receive:08x}{mark:016x}")
    }

    /// The message and the receive that a handle is for; none if this queue never gave it out.
    fn read_handle(&self, handle: &str, random: &Random) -> Option<(u64, u32)> {
        let rest = handle.strip_prefix(HANDLE)?;
        let id = u64::from_str_radix(rest.get(..16)?, 16).ok()?;
        let receive = u32::from_str_radix(rest.get(16..24)?, 16).ok()?;
        (self.handle(id, receive, random) == handle).then_some((id, receive))
    }
}

impl Message {
    fn is_in_flight(&self, now: Timestamp) -> bool {
        self.visible_at > now && self.receive_count > 0
    }

    fn seen(&self) -> SqsMessage {
        let text = |(name, value): (&String, &Value)| {
            Some((name.clone(), value["StringValue"].as_str()?.to_owned()))
        };
        SqsMessage {
            message_id: self.message_id.clone(),
            body: self.body.clone(),
            attributes: self.attributes.iter().filter_map(text).collect(),
            receive_count: self.receive_count,
            visible_at: self.visible_at,
        }
    }
}

impl Taken {
    /// The message as the reply shows it, with the attributes that were asked for.
    pub(super) fn shown(&self, system: &[String], own: &[String]) -> Value {
        let message = &self.message;
        let mut shown =
            json!({ "MessageId": message.message_id, "ReceiptHandle": self.handle, "Body": message.body });
        let ms = |at: Timestamp| at.as_millisecond().to_string();
        let all = [
            ("ApproximateReceiveCount", message.receive_count.to_string()),
            ("SentTimestamp", ms(message.sent_at)),
            ("ApproximateFirstReceiveTimestamp", message.first_received_at.map(ms).unwrap_or_default()),
        ];
        let is_asked =
            |asked: &[String], name: &str| asked.iter().any(|asked| asked == "All" || asked == name);
        let system: Object = all
            .into_iter()
            .filter(|(name, _)| is_asked(system, name))
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        let mut own_shown = message.attributes.clone();
        own_shown.retain(|name, _| is_asked(own, name));
        for (name, attributes) in [("Attributes", system), ("MessageAttributes", own_shown)] {
            if !attributes.is_empty() {
                shown[name] = attributes.into();
            }
        }
        shown
    }
}

/// Type and value count, as the name does.
fn attribute_size(value: &Value) -> usize {
    ["DataType", "StringValue", "BinaryValue"]
        .iter()
        .filter_map(|part| value[part].as_str())
        .map(str::len)
        .sum()
}

fn later(at: Timestamp, secs: u32) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(i64::from(secs))).unwrap_or(Timestamp::MAX)
}
