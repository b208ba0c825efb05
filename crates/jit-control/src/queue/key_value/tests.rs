//! Tests of the queues on key-value: the contract, and what only this back end has.

use std::time::Duration;

use super::*;
use crate::effects::memory::{Fault, MemoryEffects};
use crate::queue::suite;

#[test]
fn the_contract_holds() {
    let effects = MemoryEffects::new(7);
    effects.run(suite::check(|| KeyValueQueue::new(&effects), async || {})).unwrap();
}

fn bodies(messages: Vec<Message>) -> Vec<Vec<u8>> {
    messages.into_iter().map(|message| message.body).collect()
}

#[test]
fn the_oldest_messages_are_received_first() {
    let effects = MemoryEffects::new(7);
    let queue = KeyValueQueue::new(&effects);
    for body in [b"1", b"2", b"3"] {
        effects.run(queue.send(QueueName::Jobs, body)).unwrap().unwrap();
        effects.advance(Duration::from_millis(1));
    }
    let received = effects.run(queue.receive(QueueName::Jobs, 2)).unwrap().unwrap();
    assert_eq!(bodies(received), [b"1", b"2"]);
}

/// A store on which every operation takes 300 ms.
struct Slow(MemoryEffects);

impl Effects for Slow {
    async fn key_value(
        &self,
        operation: crate::effects::KeyValue,
    ) -> Result<crate::effects::KeyValueReply, KeyValueError> {
        self.0.advance(Duration::from_millis(300));
        self.0.key_value(operation).await
    }

    crate::passes_on! { 0: send, now, random, sleep, log }
}

#[test]
fn a_receive_reads_many_at_once_and_for_a_second_at_most() {
    let effects = MemoryEffects::new(7);
    let queue = KeyValueQueue::new(&effects);
    for n in 0..500_u32 {
        effects.run(queue.send(QueueName::Jobs, &n.to_be_bytes())).unwrap().unwrap();
        effects.advance(Duration::from_millis(1));
    }
    let before = effects.effects();
    assert_eq!(effects.run(queue.receive(QueueName::Jobs, 450)).unwrap().unwrap().len(), 450);
    assert_eq!(effects.effects() - before, 6, "one listing and five reads");
    let slow = Slow(effects.clone());
    let queue = KeyValueQueue::new(&slow);
    let begun_at = effects.now();
    let received = effects.run(queue.receive(QueueName::Jobs, 500)).unwrap().unwrap();
    assert_eq!(received.len(), 300, "the listing and three reads take 1.2 s");
    assert_eq!(effects.now().since(begun_at), Duration::from_millis(1_200));
    assert!(received.is_sorted_by(|a, b| a.body < b.body), "the oldest are received first");
}

#[test]
fn a_dead_letter_is_kept_with_its_reason_and_its_body() {
    let effects = MemoryEffects::new(7);
    let queue = KeyValueQueue::new(&effects);
    effects.run(queue.send(QueueName::Lifecycle, b"{oops\n")).unwrap().unwrap();
    let message = effects.run(queue.receive(QueueName::Lifecycle, 1)).unwrap().unwrap().remove(0);
    let why = "é".repeat(REASON_BYTES_MAX);
    effects.run(queue.dead_letter(QueueName::Lifecycle, &message, &why)).unwrap().unwrap();
    let [key] = <[String; 1]>::try_from(effects.keys()).unwrap();
    assert!(key.starts_with("d/lifecycle/"), "{key}");
    let stored = String::from_utf8(effects.value(&key).unwrap()).unwrap();
    let (head, body) = stored.split_once('\n').unwrap();
    assert!(head.starts_with(r#"{"v":1,"why":"éé"#) && head.len() < REASON_BYTES_MAX + 64, "{head}");
    assert_eq!(body, "{oops\n");
}

#[test]
fn a_crash_at_any_step_of_a_dead_letter_leaves_the_message_somewhere() {
    for (effect, fault) in (1..=2).flat_map(|n| [(n, Fault::CrashBefore), (n, Fault::CrashAfter)]) {
        let effects = MemoryEffects::new(7);
        let queue = KeyValueQueue::new(&effects);
        effects.run(queue.send(QueueName::Jobs, b"x")).unwrap().unwrap();
        let message = effects.run(queue.receive(QueueName::Jobs, 1)).unwrap().unwrap().remove(0);
        let crashing = effects.another();
        crashing.fault(effect, fault);
        let ended = crashing.run(KeyValueQueue::new(&crashing).dead_letter(QueueName::Jobs, &message, "why"));
        assert!(ended.is_none(), "effect {effect} is reached");
        assert!(!effects.keys().is_empty());
    }
}

#[test]
fn a_store_that_fails_once_is_tried_again_and_the_message_is_there_once() {
    for fault in [Fault::FailBefore, Fault::FailAfter] {
        let effects = MemoryEffects::new(7);
        effects.fault(1, fault);
        let queue = KeyValueQueue::new(&effects);
        effects.run(queue.send(QueueName::Jobs, b"once")).unwrap().unwrap();
        let received = effects.run(queue.receive(QueueName::Jobs, 10)).unwrap().unwrap();
        assert_eq!(bodies(received), [b"once"]);
    }
}

#[test]
fn a_store_that_keeps_failing_is_busy() {
    let effects = MemoryEffects::new(7);
    (1..=100).for_each(|effect| effects.fault(effect, Fault::FailBefore));
    let queue = KeyValueQueue::new(&effects);
    let busy = QueueError::Busy { queue: "jobs", cause: "database is locked".to_owned() };
    assert_eq!(effects.run(queue.send(QueueName::Jobs, b"")).unwrap(), Err(busy.clone()));
    assert_eq!(effects.run(queue.receive(QueueName::Jobs, 1)).unwrap(), Err(busy));
    let handles = ["q/jobs/1".to_owned(), "q/jobs/2".to_owned()];
    assert_eq!(effects.run(queue.delete(QueueName::Jobs, &handles)).unwrap(), Ok(handles.to_vec()));
}

#[test]
fn a_handle_of_anything_else_deletes_nothing() {
    let effects = MemoryEffects::new(7);
    let queue = KeyValueQueue::new(&effects);
    effects.run(queue.send(QueueName::Jobs, b"x")).unwrap().unwrap();
    let handles = effects.keys();
    assert_eq!(effects.run(queue.delete(QueueName::Lifecycle, &handles)).unwrap(), Ok(handles.clone()));
    let message = Message { handle: handles[0].clone(), body: Vec::new() };
    let refused = effects.run(queue.dead_letter(QueueName::Lifecycle, &message, "")).unwrap();
    assert!(matches!(refused, Err(QueueError::Refused { .. })));
    assert_eq!(effects.keys(), handles);
}
