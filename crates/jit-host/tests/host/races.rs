//! Ledger and queue on one store under two processes of this host, each invocation an instance of its own.
//!
//! Not in here: orders of single steps and crashes between them; jit-control's own tests go through all of them.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures::future::join_all;
use jit_control::ledger::{self, Change, Committed, Index, Key, Kind, Ledger, LedgerError, Write};
use jit_control::queue::{self, Queue, QueueName};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::process::Child;

use crate::remote::Remote;
use crate::server::{post, terminate, up};
use crate::support::folder;

/// Invocations at one record at once, half of them in each process.
const RACERS: usize = 8;
/// Records that are raced for.
const KEYS: usize = 50;
/// Messages of each racer.
const MESSAGES: usize = 25;
/// Calls after which a message that was not received counts as lost.
const CALLS_MAX: usize = 2_000;

/// Two processes on one store.
struct Two {
    processes: [Child; 2],
    addresses: [String; 2],
    folder: TempDir,
}

impl Two {
    async fn start() -> Self {
        let folder = folder(|manifest| manifest);
        let (manifest, state) = (folder.path().join("spin.toml"), folder.path().join("state"));
        let (first, one) = up(&manifest, &state).await;
        let (second, two) = up(&manifest, &state).await;
        Self { processes: [first, second], addresses: [one, two], folder }
    }

    fn remote(&self, number: usize) -> Remote {
        Remote { address: self.addresses[number % 2].clone() }
    }

    /// Opens the store as one more invocation would: in the processes by turns.
    fn by_turns(&self) -> impl Fn() -> Remote {
        let opened = Cell::new(0);
        move || self.remote(opened.replace(opened.get() + 1))
    }

    fn store(&self) -> impl AsRef<Path> {
        self.folder.path().join("state/sqlite_key_value.db")
    }

    async fn end(self) {
        for process in self.processes {
            terminate(process).await;
        }
    }
}

fn put(key: &Key, expected: u64, value: &str) -> Vec<Write> {
    let value = Change::Put { value: value.as_bytes().to_vec(), index: Index::Closed, expires_at: None };
    vec![Write { key: key.clone(), expected, value }]
}

#[tokio::test]
async fn the_ledgers_contract_holds_in_two_processes_by_turns_and_in_their_races() {
    let two = Two::start().await;
    ledger::suite::check(two.by_turns(), "two", 7).await;
    two.end().await;
}

#[tokio::test]
async fn the_queues_contract_holds_in_two_processes_by_turns_and_in_their_races() {
    let two = Two::start().await;
    queue::suite::check(two.by_turns(), async || {}).await;
    two.end().await;
}

#[tokio::test]
async fn of_all_who_move_a_record_on_in_two_processes_exactly_one_is_written() {
    let two = Two::start().await;
    let mut answered: BTreeMap<&str, usize> = BTreeMap::new();
    for (n, expected) in (0..KEYS).flat_map(|n| [(n, 0), (n, 1)]) {
        let key = Key::new(Kind::Class, n);
        let attempts = (0..RACERS).map(|racer| {
            let (remote, writes) = (two.remote(racer), put(&key, expected, &format!("{expected} {racer}")));
            async move { remote.commit(writes).await }
        });
        let answers = join_all(attempts).await;
        let mut winners = Vec::new();
        for (racer, answer) in answers.iter().enumerate() {
            let word = match answer {
                Ok(Committed::Written) => {
                    winners.push(racer);
                    "written"
                }
                Ok(Committed::Lost(_)) => "lost",
                Err(LedgerError::Busy { .. }) => "busy",
                Err(refused @ LedgerError::Refused { .. }) => panic!("{key}: {refused}"),
            };
            *answered.entry(word).or_default() += 1;
        }
        let unclear = answers.iter().any(Result::is_err);
        assert!(winners.len() == 1 || (winners.is_empty() && unclear), "{key}: {answers:?}");
        let mut record = two.remote(n).read(&key).await.unwrap();
        if record.as_ref().map_or(0, |record| record.version) == expected {
            // Everybody was told busy and nobody has written: the next one gets through.
            assert_eq!(two.remote(n).commit(put(&key, expected, "next")).await, Ok(Committed::Written));
            record = two.remote(n + 1).read(&key).await.unwrap();
        }
        let record = record.unwrap();
        assert_eq!(record.version, expected + 1, "{key}");
        if let Some(winner) = winners.first() {
            assert_eq!(record.value, format!("{expected} {winner}").into_bytes(), "{key}");
        }
    }
    println!("races: processes=2 records={KEYS} versions=2 racers={RACERS} answers={answered:?}");
    two.end().await;
}

#[tokio::test]
async fn what_many_send_and_two_drain_in_two_processes_arrives_and_is_gone_once_deleted() {
    let two = Two::start().await;
    let body = |sender: usize, n: usize| format!("{sender}:{n}").into_bytes();
    let all: BTreeSet<Vec<u8>> =
        (0..RACERS).flat_map(|sender| (0..MESSAGES).map(move |n| body(sender, n))).collect();
    let senders = join_all((0..RACERS).map(|sender| {
        let remote = two.remote(sender);
        async move {
            for n in 0..MESSAGES {
                remote.send(QueueName::Jobs, &body(sender, n)).await.unwrap();
            }
        }
    }));
    // Both drain at once, so a message may be received by both; each deletes what it received.
    let arrived = std::cell::RefCell::new(BTreeMap::<Vec<u8>, usize>::new());
    let drains = join_all((0..2).map(|number| {
        let (remote, arrived, all) = (two.remote(number), &arrived, &all);
        async move {
            for _ in 0..CALLS_MAX {
                let messages = remote.receive(QueueName::Jobs, 10).await.unwrap();
                if messages.is_empty() && arrived.borrow().len() == all.len() {
                    return;
                }
                let handles: Vec<String> = messages.iter().map(|message| message.handle.clone()).collect();
                for message in messages {
                    *arrived.borrow_mut().entry(message.body).or_default() += 1;
                }
                let left = remote.delete(QueueName::Jobs, &handles).await.unwrap();
                assert!(left.is_empty(), "could not delete {left:?}");
            }
            panic!("only {} of {} messages arrive", arrived.borrow().len(), all.len());
        }
    }));
    futures::future::join(senders, drains).await;
    let arrived = arrived.into_inner();
    assert_eq!(arrived.keys().cloned().collect::<BTreeSet<_>>(), all);
    for number in 0..2 {
        assert_eq!(two.remote(number).receive(QueueName::Jobs, 10).await, Ok(Vec::new()));
    }
    let twice = arrived.values().filter(|times| **times > 1).count();
    println!("races: processes=2 senders={RACERS} messages={} received_more_than_once={twice}", all.len());
    two.end().await;
}

#[tokio::test]
async fn a_store_that_another_process_has_locked_is_tried_again() {
    let two = Two::start().await;
    let key = Key::new(Kind::Pool, "locked");
    assert_eq!(two.remote(0).commit(put(&key, 0, "before")).await, Ok(Committed::Written));
    let lock = Connection::open(two.store()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = async {
        // A bare call, which nobody repeats, says when the lock has been met for as long as the host waits for it.
        let answer = post(&two.addresses[0], "/p/increment/bare", "").await;
        lock.execute_batch("COMMIT").unwrap();
        answer
    };
    let (answer, committed) =
        futures::future::join(refused, two.remote(1).commit(put(&key, 1, "after"))).await;
    assert!(answer.contains("database is locked"), "{answer}");
    assert_eq!(committed, Ok(Committed::Written));
    let record = two.remote(0).read(&key).await.unwrap().unwrap();
    assert_eq!((record.version, record.value), (2, b"after".to_vec()));
    two.end().await;
}
