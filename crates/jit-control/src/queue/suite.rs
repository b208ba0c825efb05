//! The queues' contract as tests that every back end runs: [`check`] takes a way to open the queues and does the rest.
//! How soon a message that was received comes again is each back end's own, so the test says how to wait for it.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use super::{Message, Queue, QueueError, QueueName};

use QueueName::{Jobs, Lifecycle};

/// More messages than one page, batch or call of any back end holds.
const MANY: usize = 1_203;
/// Calls of `receive` within which comes what is not hidden: fewer than the seconds for which any back end hides a message, as
/// each call may wait for one.
const CALLS_AT_ONCE: usize = 12;
/// Calls of `receive` after which a message that was not received counts as lost.
const CALLS_MAX: usize = 2_000;

/// Runs all checks on queues that are empty at first and have no other user. `open` opens them as one more invocation would,
/// `wait` lets the time pass in which a message that was received is hidden.
///
/// # Panics
/// If the queues break the contract.
pub async fn check<Q: Queue>(open: impl Fn() -> Q, wait: impl AsyncFn()) {
    what_was_sent_is_received_by_another(&open).await;
    a_message_stays_until_it_is_deleted(&open, &wait).await;
    what_is_given_back_is_received_at_once(&open).await;
    a_glance_receives_and_hides_no_more_than_it_brings(&open).await;
    many_messages_all_arrive(&open).await;
    a_dead_letter_leaves_its_queue(&open).await;
    bodies_up_to_the_limit_are_taken(&open).await;
    concurrent_senders_lose_nothing(&open).await;
}

/// Receives and deletes until `wanted` bodies have come, and returns them all.
async fn drain(queue: &impl Queue, name: QueueName, wanted: &BTreeSet<Vec<u8>>) -> BTreeSet<Vec<u8>> {
    let mut bodies = BTreeSet::new();
    for _ in 0..CALLS_MAX {
        let messages = queue.receive(name, 500).await.expect("nobody else is at work");
        assert!(messages.len() <= 500, "more than asked for");
        if messages.is_empty() && bodies.len() >= wanted.len() {
            break;
        }
        let handles: Vec<String> = messages.iter().map(|message| message.handle.clone()).collect();
        bodies.extend(messages.into_iter().map(|message| message.body));
        let left = queue.delete(name, &handles).await.expect("nobody else is at work");
        assert!(left.is_empty(), "could not delete {left:?}");
    }
    bodies
}

async fn receive_one(queue: &impl Queue, name: QueueName) -> Message {
    for _ in 0..CALLS_MAX {
        let mut messages = queue.receive(name, 1).await.expect("nobody else is at work");
        assert!(messages.len() <= 1, "more than asked for");
        if let Some(message) = messages.pop() {
            return message;
        }
    }
    panic!("a message that was sent to {} never arrives", name.as_str());
}

async fn assert_empty(queue: &impl Queue, name: QueueName) {
    assert_eq!(queue.receive(name, 10).await, Ok(Vec::new()));
}

async fn what_was_sent_is_received_by_another<Q: Queue>(open: &impl Fn() -> Q) {
    let (sender, receiver) = (open(), open());
    assert_empty(&receiver, Jobs).await;
    sender.send(Jobs, b"job").await.expect("nobody else is at work");
    sender.send(Lifecycle, b"\n\0\xff").await.expect("nobody else is at work");
    assert_eq!(receiver.receive(Jobs, 0).await, Ok(Vec::new()));
    for (name, body) in [(Jobs, b"job".as_slice()), (Lifecycle, b"\n\0\xff")] {
        let wanted = BTreeSet::from([body.to_vec()]);
        assert_eq!(drain(&receiver, name, &wanted).await, wanted);
        assert_empty(&sender, name).await;
    }
}

async fn a_message_stays_until_it_is_deleted<Q: Queue>(open: &impl Fn() -> Q, wait: &impl AsyncFn()) {
    let queue = open();
    queue.send(Jobs, b"twice").await.expect("nobody else is at work");
    let first = receive_one(&queue, Jobs).await;
    wait().await;
    let second = receive_one(&open(), Jobs).await;
    assert_eq!(first.body, second.body);
    assert_eq!(queue.delete(Jobs, std::slice::from_ref(&second.handle)).await, Ok(Vec::new()));
    assert_eq!(queue.delete(Jobs, &[second.handle]).await, Ok(Vec::new()), "one already gone is fine");
    assert_empty(&queue, Jobs).await;
}

async fn what_is_given_back_is_received_at_once<Q: Queue>(open: &impl Fn() -> Q) {
    let (queue, other) = (open(), open());
    let bodies: BTreeSet<Vec<u8>> = (0..23).map(|n| format!("given {n}").into_bytes()).collect();
    for body in &bodies {
        queue.send(Jobs, body).await.expect("nobody else is at work");
    }
    let mut handles = BTreeMap::new();
    for _ in 0..CALLS_MAX {
        let received = queue.receive(Jobs, 500).await.expect("nobody else is at work");
        handles.extend(received.into_iter().map(|message| (message.body, message.handle)));
        if handles.len() == bodies.len() {
            break;
        }
    }
    let handles: Vec<String> = handles.into_values().collect();
    assert_eq!(handles.len(), bodies.len());
    assert_eq!(queue.give_back(Jobs, &handles).await, Ok(Vec::new()));
    let (mut again, mut handles) = (BTreeSet::new(), handles);
    for _ in 0..CALLS_AT_ONCE {
        let received = other.receive(Jobs, 500).await.expect("nobody else is at work");
        handles = received.iter().map(|message| message.handle.clone()).collect();
        assert_eq!(other.delete(Jobs, &handles).await, Ok(Vec::new()));
        again.extend(received.into_iter().map(|message| message.body));
        if again.len() == bodies.len() {
            break;
        }
    }
    assert_eq!(again, bodies, "nobody waits until they come by themselves");
    assert_eq!(queue.give_back(Jobs, &handles).await, Ok(Vec::new()), "one that is gone is fine");
    assert_empty(&queue, Jobs).await;
}

async fn a_glance_receives_and_hides_no_more_than_it_brings<Q: Queue>(open: &impl Fn() -> Q) {
    let (queue, other) = (open(), open());
    assert_eq!(queue.glance(Jobs).await.map(|glance| glance.messages), Ok(Vec::new()));
    let bodies: BTreeSet<Vec<u8>> = (0..40).map(|n| format!("seen {n}").into_bytes()).collect();
    for body in &bodies {
        queue.send(Jobs, body).await.expect("nobody else is at work");
    }
    let glance = queue.glance(Jobs).await.expect("nobody else is at work");
    assert!(!glance.is_all || !glance.messages.is_empty(), "nothing is not all");
    let seen: BTreeSet<Vec<u8>> = glance.messages.iter().map(|message| message.body.clone()).collect();
    let handles: Vec<String> = glance.messages.into_iter().map(|message| message.handle).collect();
    assert_eq!(queue.delete(Jobs, &handles).await, Ok(Vec::new()));
    let rest: BTreeSet<Vec<u8>> = bodies.difference(&seen).cloned().collect();
    // Not the rest alone: a message that was sent twice after a lost reply may have been seen once.
    let drained = drain(&other, Jobs, &rest).await;
    assert!(rest.is_subset(&drained) && drained.is_subset(&bodies), "{} of {}", drained.len(), rest.len());
    assert_empty(&queue, Jobs).await;
}

async fn many_messages_all_arrive<Q: Queue>(open: &impl Fn() -> Q) {
    let queue = open();
    let bodies: BTreeSet<Vec<u8>> = (0..MANY).map(|n| format!("message {n}").into_bytes()).collect();
    for body in &bodies {
        queue.send(Lifecycle, body).await.expect("nobody else is at work");
    }
    assert_eq!(drain(&open(), Lifecycle, &bodies).await, bodies);
    assert_empty(&queue, Lifecycle).await;
}

async fn a_dead_letter_leaves_its_queue<Q: Queue>(open: &impl Fn() -> Q) {
    let queue = open();
    queue.send(Jobs, b"not JSON").await.expect("nobody else is at work");
    queue.send(Jobs, b"{}").await.expect("nobody else is at work");
    let mut kept = BTreeMap::new();
    while kept.len() < 2 {
        let message = receive_one(&queue, Jobs).await;
        if message.body == b"not JSON" {
            queue.dead_letter(Jobs, &message, "it is not JSON").await.expect("nobody else is at work");
            kept.insert(message.body, "dead");
        } else {
            assert_eq!(queue.delete(Jobs, &[message.handle]).await, Ok(Vec::new()));
            kept.insert(message.body, "done");
        }
    }
    assert_empty(&queue, Jobs).await;
}

async fn bodies_up_to_the_limit_are_taken<Q: Queue>(open: &impl Fn() -> Q) {
    let queue = open();
    let largest = vec![b'x'; 128 * 1024];
    queue.send(Jobs, &largest).await.expect("nobody else is at work");
    let wanted = BTreeSet::from([largest.clone()]);
    assert_eq!(drain(&queue, Jobs, &wanted).await, wanted);
    let larger = [largest, vec![b'x']].concat();
    assert!(matches!(queue.send(Jobs, &larger).await, Err(QueueError::Refused { .. })));
    assert_empty(&queue, Jobs).await;
}

async fn concurrent_senders_lose_nothing<Q: Queue>(open: &impl Fn() -> Q) {
    let senders: Vec<Q> = (0..8).map(|_| open()).collect();
    let body = |sender: usize, n: usize| format!("{sender}:{n}").into_bytes();
    join_all(senders.iter().enumerate().map(|(sender, queue)| async move {
        for n in 0..20 {
            queue.send(Jobs, &body(sender, n)).await.expect("sending never conflicts");
        }
    }))
    .await;
    let wanted: BTreeSet<Vec<u8>> = (0..8).flat_map(|sender| (0..20).map(move |n| body(sender, n))).collect();
    assert_eq!(drain(&open(), Jobs, &wanted).await, wanted);
}
