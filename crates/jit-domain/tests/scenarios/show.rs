//! Records and decisions as lines that a person can read and a diff can point at. Times are seconds from the scenario's start.

use jit_domain::class::{Batch, Class, Outcome, Try};
use jit_domain::ids::{BatchId, ClassKey, InstanceKey};
use jit_domain::instance::{Instance, InstancePhase, Mint};
use jit_domain::job::Job;
use jit_domain::pool::PoolRecord;
use jit_domain::reason::Reason;
use jit_domain::time::Timestamp;

use crate::world::START;

/// A time as seconds from the scenario's start.
pub(crate) fn time(at: Timestamp) -> String {
    let ms = i128::from(at.as_ms()) - i128::from(START.as_ms());
    format!("{:+}s", ms / 1000)
}

/// A reason with its detail; times in it are made relative.
pub(crate) fn reason(reason: &Reason) -> String {
    match (reason, reason.detail()) {
        (Reason::WaitsAfterLapse { until }, _) => format!("{} until {}", reason.code(), time(*until)),
        (_, Some(detail)) => format!("{}({detail})", reason.code()),
        (_, None) => reason.code().to_owned(),
    }
}

/// The generation that a batch was born as.
pub(crate) fn generation(class: &ClassKey, of: &Class, batch: &BatchId) -> u64 {
    (1..=of.generation).find(|g| Class::batch_id(class, *g) == *batch).expect("a batch of the class")
}

/// A class with its batches and tries.
pub(crate) fn class(key: &ClassKey, class: &Class) -> Vec<String> {
    let mut head = format!("  class {} {}", class.identity.pool, class.identity.labels);
    if class.identity.scope.to_string().contains('/') {
        head.push_str(&format!(" of {}", class.identity.scope));
    }
    if let Some(wait) = &class.wait {
        head.push_str(&format!(" · waits: {}", reason(wait)));
    }
    if let Some(next) = class.next_launch_at {
        head.push_str(&format!(" · next launch {} after {} lapses", time(next), class.lapses));
    }
    let batches = class.batches.iter().flat_map(|b| batch(generation(key, class, &b.id), b));
    std::iter::once(head).chain(batches).collect()
}

fn batch(generation: u64, batch: &Batch) -> Vec<String> {
    let mut head = format!(
        "    batch {generation} of {} slots: {} ids, {} open, {} doubtful",
        batch.slots,
        batch.instances.len(),
        batch.open_slots(),
        batch.doubtful_slots()
    );
    if let Some(closed) = &batch.closed {
        head.push_str(&format!(" · closed {}: {}", time(closed.at), reason(&closed.reason)));
    }
    let tries = batch.tries.iter().map(|t| attempt(batch, t));
    std::iter::once(head).chain(tries).collect()
}

fn attempt(batch: &Batch, attempt: &Try) -> String {
    let place = &batch.template.offerings[attempt.offering as usize];
    let outcome = match &attempt.outcome {
        Outcome::Open => "open".to_owned(),
        Outcome::Launched { count } => format!("launched {count}"),
        Outcome::Refused { reason: why } => format!("refused: {}", reason(why)),
        Outcome::Unknown { since } => format!("unknown since {}", time(*since)),
        Outcome::Mismatch { looked_at: None } => "mismatch".to_owned(),
        Outcome::Mismatch { looked_at: Some(at) } => format!("mismatch, looked at {}", time(*at)),
    };
    let doubtful = if attempt.is_doubtful { ", doubtful" } else { "" };
    let sent = attempt.sent_at.map_or("never".to_owned(), time);
    format!(
        "      try {} x{} at {}/{}/{} sent {sent}: {outcome}{doubtful}",
        attempt.n,
        attempt.count,
        place.subnet,
        place.machine_type,
        place.capacity_type.as_str()
    )
}

/// What a pool holds of its caps, and its breakers that count.
pub(crate) fn pool(record: &PoolRecord) -> String {
    let reserved: u32 = record.reservations.values().map(|r| r.slots).sum();
    let launched: u32 = record.launches.iter().map(|l| l.slots).sum();
    let mut line = format!("  pool: {reserved} slots reserved, {launched} in the hour");
    for breaker in record.breakers.values() {
        let next = breaker.next_at.map_or("closed".to_owned(), |at| format!("next launch {}", time(at)));
        line.push_str(&format!(" · breaker: {} failures, {next}", breaker.failures));
    }
    line
}

/// Where an instance is.
pub(crate) fn instance(instance: &Instance) -> String {
    let mut line = format!("{} {}", instance.key.id, phase(&instance.phase));
    if let Some(job) = instance.job {
        line.push_str(&format!(", job {job}"));
    }
    let times = [
        ("busy since", instance.busy_since),
        ("waiting since", instance.waiting_since),
        ("unwanted since", instance.unwanted_since),
        ("ended", instance.ended_at),
    ];
    for (what, at) in times.into_iter().filter_map(|(what, at)| at.map(|at| (what, at))) {
        line.push_str(&format!(", {what} {}", time(at)));
    }
    line
}

/// An instance's phase in a word, with the reason of its end.
pub(crate) fn phase(phase: &InstancePhase) -> String {
    match phase {
        InstancePhase::Launched => "launched".into(),
        InstancePhase::Minting => "minting".into(),
        InstancePhase::Claimed => "claimed".into(),
        InstancePhase::Busy => "busy".into(),
        InstancePhase::Retired { at, reason: why } => format!("retired {}: {}", time(*at), reason(why)),
    }
}

/// A job's phase and runner.
pub(crate) fn job(job: &Job) -> String {
    let mut line = format!("job {} {}", job.id, job.phase.as_str());
    if let Some(runner) = &job.runner {
        line.push_str(&format!(", runner {}", runner.name));
    }
    if let Some(conclusion) = &job.conclusion {
        line.push_str(&format!(", {conclusion}"));
    }
    if let Some(wait) = &job.wait {
        line.push_str(&format!(", waits: {}", reason(wait)));
    }
    line
}

/// A registration to make.
pub(crate) fn mint(mint: &Mint) -> String {
    format!("register {}", mint.name)
}

/// Ids of instances in one line.
pub(crate) fn ids<'a>(keys: impl IntoIterator<Item = &'a InstanceKey>) -> String {
    keys.into_iter().map(|k| k.id.as_str()).collect::<Vec<_>>().join(" ")
}
