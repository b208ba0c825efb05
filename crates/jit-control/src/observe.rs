//! From messages to job records: what scaleup and lifecycle share. An observation is in the ledger before its message is deleted.

use std::collections::{BTreeMap, BTreeSet};

use futures::future;
use futures::stream::{self, StreamExt as _};
use jit_domain::decide::lifecycle::advance;
use jit_domain::decide::webhook::{Wanted, identify};
use jit_domain::ids::{ClassKey, JobId, PoolName};
use jit_domain::job::Job;
use jit_domain::observation::{Action, Observation};
use jit_domain::policy::Policy;
use serde_json::json;

use crate::effects::Effects;
use crate::lease::Held;
use crate::limits;
use crate::message::{Message, MessageError};
use crate::queue::{Glance, Message as Received, Queue as _, QueueError, QueueName};
use crate::shell::{Failure, Shell, put};
use crate::stored::Stored as _;

/// Observations of one job, with the messages that brought them.
#[derive(Debug, Default)]
pub struct Told {
    /// What was said, in the order of arrival.
    pub observations: Vec<Observation>,
    /// Handles of the messages.
    pub handles: Vec<String>,
}

/// What a receive brought, sorted.
#[derive(Debug, Default)]
pub struct Batch {
    /// By job.
    pub jobs: BTreeMap<JobId, Told>,
    /// Handles of messages that only ask to look again; they are done once this drain has decided.
    pub hints: Vec<String>,
    /// Messages received, also those that could not be used.
    pub received: usize,
    /// Messages moved to the dead letters.
    pub buried: usize,
}

/// Sorts what was received. What can never be used goes to the dead letters; what is too new for this release stays.
async fn sort<E: Effects>(shell: &Shell<'_, E>, queue: QueueName, messages: Vec<Received>) -> Batch {
    let mut batch = Batch { received: messages.len(), ..Batch::default() };
    for message in messages {
        match Message::decode(&message.body) {
            Ok(Message::Job(told)) => {
                let job = batch.jobs.entry(told.job).or_default();
                job.observations.push(told.into());
                job.handles.push(message.handle);
            }
            Ok(Message::Class(_)) => batch.hints.push(message.handle),
            Err(error) => batch.buried += usize::from(refuse(shell, queue, &message, error).await),
        }
    }
    batch
}

impl Batch {
    /// The classes of the jobs, by the configuration of now.
    pub fn classes(&self, policy: &Policy) -> BTreeSet<ClassKey> {
        let told = self.jobs.values().flat_map(|told| &told.observations);
        told.filter_map(|observation| class_of(policy, observation)).map(|(_, class)| class).collect()
    }
}

/// Takes the lease beside a first look into the queue, then receives the rest. None when another invocation is at work: then what
/// the look brought is given back, and the other is asked to look once more.
///
/// # Errors
/// [`Failure`]; a lease that was taken ends by itself.
pub async fn begin<E: Effects>(
    shell: &Shell<'_, E>,
    queue: QueueName,
) -> Result<Option<(Held, Batch)>, Failure> {
    for _ in 0..limits::LEASE_TRIES_MAX {
        shell.check_time("looking into a queue")?;
        let (lease, glance) = future::join(shell.take_lease(), shell.queue.glance(queue)).await;
        // What hinders the look hinders the receive after it, and is told there.
        let glance = glance.unwrap_or_default();
        if let Ok(Some(lease)) = lease {
            return match receive(shell, queue, glance).await {
                Ok(batch) => Ok(Some((lease, batch))),
                Err(failure) => {
                    shell.release_lease(lease).await?;
                    Err(failure)
                }
            };
        }
        give_back(shell, queue, glance).await;
        // Only now, for who is asked must find what was given back. A lease that could not be tried may well be held: who holds it
        // is asked in that case too.
        let is_asked = shell.ask_for_another_look().await;
        lease?;
        if is_asked? {
            return Ok(None);
        }
    }
    Ok(None)
}

/// Gives back what a look brought to who has no lease.
async fn give_back<E: Effects>(shell: &Shell<'_, E>, queue: QueueName, glance: Glance) {
    let handles: Vec<String> = glance.messages.into_iter().map(|message| message.handle).collect();
    if handles.is_empty() {
        return;
    }
    let given = shell.queue.give_back(queue, &handles).await;
    changed(shell, handles.len(), given, "messages were not given back and come again later");
}

/// Receives what a first look left.
async fn receive<E: Effects>(
    shell: &Shell<'_, E>,
    queue: QueueName,
    glance: Glance,
) -> Result<Batch, Failure> {
    let mut messages = glance.messages;
    if !glance.is_all {
        let most = limits::DRAIN_MESSAGES_MAX.saturating_sub(messages.len());
        match shell.queue.receive(queue, most).await {
            Ok(rest) => messages.extend(rest),
            Err(error) if messages.is_empty() => return Err(error.into()),
            Err(error) => shell.failed("only a part of the messages was received", &error),
        }
    }
    Ok(sort(shell, queue, messages).await)
}

/// Moves what can never be used to the dead letters; whether that is done. One that cannot be moved stays and holds up no other.
async fn refuse<E: Effects>(
    shell: &Shell<'_, E>,
    queue: QueueName,
    message: &Received,
    error: MessageError,
) -> bool {
    match error {
        MessageError::Newer { v } => {
            shell.error("a message is too new for this release and stays in its queue", json!({ "v": v }));
            false
        }
        malformed @ MessageError::Malformed { .. } => {
            shell.error("a message cannot be used", json!({ "cause": malformed.to_string() }));
            let moved = shell.queue.dead_letter(queue, message, &malformed.to_string()).await;
            if let Err(error) = &moved {
                shell.failed("a dead letter was not moved; the message stays", error);
            }
            moved.is_ok()
        }
    }
}

/// A job's record after its observations.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The record; none when the job is none of ours.
    pub job: Option<Job>,
    /// Its version.
    pub version: u64,
}

/// Writes the job records of a batch, several at once. Jobs whose write failed are left out: their messages stay.
pub async fn record<E: Effects>(
    shell: &Shell<'_, E>,
    jobs: &BTreeMap<JobId, Told>,
) -> BTreeMap<JobId, Recorded> {
    let writes = jobs.iter().map(|(id, told)| async move {
        match record_one(shell, *id, &told.observations).await {
            Ok(recorded) => Some((*id, recorded)),
            Err(failure) => {
                shell.failed("an observation was not recorded; its message stays", &failure);
                None
            }
        }
    });
    let written: Vec<_> = stream::iter(writes).buffer_unordered(limits::WRITES_AT_ONCE_MAX).collect().await;
    written.into_iter().flatten().collect()
}

/// Advances one job's record by what was observed of it.
///
/// # Errors
/// [`Failure`]; nothing, or all, was written.
pub async fn record_one<E: Effects>(
    shell: &Shell<'_, E>,
    id: JobId,
    observations: &[Observation],
) -> Result<Recorded, Failure> {
    let key = Job::key(id);
    for round in 0..limits::UPDATE_ROUNDS_MAX {
        shell.check_time("recording a job")?;
        // A job that is just queued has no record as a rule: to write at once tells, and saves the look.
        let is_new = round == 0 && observations.iter().all(|told| told.action == Action::Queued);
        let known = if is_new { None } else { shell.read::<Job>(&key).await? };
        let version = known.as_ref().map_or(0, |k| k.version);
        let before = known.map(|k| k.value);
        let mut after = before.clone();
        for told in observations {
            let class = class_of(&shell.policy, told);
            after = advance(after.as_ref(), told, class, shell.now()).or(after);
        }
        match &after {
            Some(job) if after != before => {
                if shell.commit(vec![put(&key, version, job)]).await? {
                    return Ok(Recorded { job: after, version: version + 1 });
                }
            }
            Some(_) | None => return Ok(Recorded { job: after, version }),
        }
    }
    Err(Failure::Contended(key.to_string()))
}

fn class_of(policy: &Policy, told: &Observation) -> Option<(PoolName, ClassKey)> {
    let identity = identify(policy, &Wanted::by_event(told)).ok()?;
    let key = identity.key();
    Some((identity.pool, key))
}

/// Deletes messages whose observations are recorded, and says how many. Those that stay are received again, which does no harm.
pub async fn forget<E: Effects>(shell: &Shell<'_, E>, queue: QueueName, handles: &[String]) -> usize {
    if handles.is_empty() {
        return 0;
    }
    let deleted = shell.queue.delete(queue, handles).await;
    changed(shell, handles.len(), deleted, "messages were not deleted and come again")
}

/// How many of so many messages were given back or deleted; those that stayed are told.
fn changed<E: Effects>(
    shell: &Shell<'_, E>,
    all: usize,
    left: Result<Vec<String>, QueueError>,
    event: &str,
) -> usize {
    match left {
        Ok(left) => {
            if !left.is_empty() {
                shell.warn(event, json!({ "messages": left.len() }));
            }
            all.saturating_sub(left.len())
        }
        Err(error) => {
            shell.failed(event, &error);
            0
        }
    }
}
