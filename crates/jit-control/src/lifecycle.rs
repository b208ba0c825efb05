//! lifecycle: follows jobs and instances to their end. Events first advance job records, then the instances whose runners they
//! name; retired instances that did not power themselves off are terminated, and what they held of the caps is released.

use std::collections::BTreeMap;

use jit_domain::decide::lifecycle as decide;
use jit_domain::decide::{breaker, caps, scaledown};
use jit_domain::ids::{InstanceKey, JobId, RunnerName};
use jit_domain::instance::{Instance, instance_id_of};
use jit_domain::job::Job;
use jit_domain::observation::{Action, Observation};
use jit_domain::pool::PoolRecord;
use serde_json::json;

use crate::admission;
use crate::cloud::Clouds;
use crate::effects::Effects;
use crate::entry::Next;
use crate::lease::Asked;
use crate::limits;
use crate::observe::{self, Batch, Recorded, Told};
use crate::queue::QueueName;
use crate::settings::KeeperSettings;
use crate::shell::{Failure, Shell, put};
use crate::stored::{GhostScopes, Stored as _};
use crate::world::World;

/// What a drain did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages received.
    pub messages: usize,
    /// Instances terminated.
    pub terminated: usize,
    /// Whether scaleup is to launch for jobs that may run now or soon.
    pub has_gap: bool,
}

impl Next for Summary {
    fn next(&self) -> Option<QueueName> {
        self.has_gap.then_some(QueueName::Jobs)
    }
}

/// Drains the lifecycle queue, then ends what is retired.
///
/// # Errors
/// [`Failure`]; the next tick goes on.
pub async fn run<E: Effects>(shell: &Shell<'_, E>, settings: &KeeperSettings) -> Result<Summary, Failure> {
    let ran_at = shell.now();
    let mut total = Summary::default();
    for round in 0..limits::DRAIN_LOOKS_MAX {
        let Some((lease, batch)) = observe::begin(shell, QueueName::Lifecycle).await? else { break };
        let messages = batch.received;
        let done = drain(shell, batch).await;
        let ended = if round == 0 || done > 0 { look_after(shell, settings).await } else { Ok((0, false)) };
        let asked = shell.release_lease(lease).await?;
        let (terminated, has_gap) = ended?;
        total.messages += messages;
        total.terminated += terminated;
        total.has_gap |= has_gap;
        // The first look is followed by another even when it found nothing: a nudge may have met the lease meanwhile. Messages that
        // stay are no reason to look again: they would be found at every look.
        if done == 0 && asked == Asked::Nobody && round > 0 || !shell.has_time() {
            break;
        }
    }
    shell.note_schedule(ran_at).await?;
    let Summary { messages, terminated, has_gap: _ } = total;
    if messages + terminated > 0 {
        shell.info("drained the lifecycle queue", json!({ "messages": messages, "terminated": terminated }));
    }
    Ok(total)
}

/// One drain under the lease. Returns how many messages are done with.
async fn drain<E: Effects>(shell: &Shell<'_, E>, batch: Batch) -> usize {
    let recorded = observe::record(shell, &batch.jobs).await;
    let mut done = batch.hints;
    for (id, told) in &batch.jobs {
        // What is left stays in the queue.
        if !shell.has_time() {
            break;
        }
        if recorded.contains_key(id) && follow_all(shell, told, recorded.get(id)).await {
            done.extend(told.handles.iter().cloned());
        }
    }
    batch.buried + observe::forget(shell, QueueName::Lifecycle, &done).await
}

/// Carries what was told of a job to the instances. Whether all is written.
async fn follow_all<E: Effects>(shell: &Shell<'_, E>, told: &Told, recorded: Option<&Recorded>) -> bool {
    let mut is_whole = true;
    for observation in &told.observations {
        if let Err(failure) = follow(shell, observation, recorded.and_then(|r| r.job.as_ref())).await {
            shell.failed("an event did not reach its instance; its message stays", &failure);
            is_whole = false;
        }
    }
    is_whole
}

/// Carries one observation to the instance whose runner it names; runners that are not ours are skipped.
///
/// # Errors
/// [`Failure`].
pub async fn follow<E: Effects>(
    shell: &Shell<'_, E>,
    told: &Observation,
    job: Option<&Job>,
) -> Result<(), Failure> {
    let named = told.runner.as_ref().or(job.and_then(|j| j.runner.as_ref()));
    let Some(runner) = named else { return Ok(()) };
    let Some(known) = find_instance(shell, &runner.name).await? else { return Ok(()) };
    advance_instance(shell, &known, told.action, told.job).await
}

async fn advance_instance<E: Effects>(
    shell: &Shell<'_, E>,
    key: &InstanceKey,
    action: Action,
    job: JobId,
) -> Result<(), Failure> {
    let now = shell.now();
    let mut before = None;
    let after = shell
        .update::<Instance>(&Instance::key(key), |known| {
            before = known.cloned();
            decide::follow(known?, action, job, now)
        })
        .await?;
    if let (Some(before), Some(after)) = (before, after)
        && before != after
    {
        log_phase(shell, &after);
        if before.busy_since.is_none() && before.job.is_none() {
            close_breaker(shell, &after).await?;
        }
    }
    Ok(())
}

/// The instance that a registration's name belongs to, by the regions of the configuration.
async fn find_instance<E: Effects>(
    shell: &Shell<'_, E>,
    name: &RunnerName,
) -> Result<Option<InstanceKey>, Failure> {
    let Some(id) = instance_id_of(&shell.policy.runner_prefix, name.as_str()) else { return Ok(None) };
    for (cloud, region) in shell.policy.regions() {
        let key = InstanceKey { cloud, region, id: id.to_owned() };
        if shell.read::<Instance>(&Instance::key(&key)).await?.is_some() {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// Logs where an instance is now.
pub fn log_phase<E: Effects>(shell: &Shell<'_, E>, instance: &Instance) {
    use jit_domain::instance::InstancePhase;
    let (phase, reason) = match &instance.phase {
        InstancePhase::Launched => ("launched", None),
        InstancePhase::Minting => ("minting", None),
        InstancePhase::Claimed => ("claimed", None),
        InstancePhase::Busy => ("busy", None),
        InstancePhase::Retired { reason, .. } => ("retired", Some(reason.code())),
    };
    let job = instance.job.map(|j| j.0);
    let fields = json!({ "instance.id": instance.key.id, "phase": phase, "reason": reason, "job.id": job });
    shell.info("an instance moved", fields);
}

/// One job started on an instance of its kind: its breaker closes, if it was counting.
///
/// # Errors
/// [`Failure`].
pub async fn close_breaker<E: Effects>(shell: &Shell<'_, E>, instance: &Instance) -> Result<(), Failure> {
    let kind = breaker::key(&instance.offering, &shell.policy.agent.version);
    shell
        .update::<PoolRecord>(&PoolRecord::key(&instance.pool), |record| breaker::succeeded(record?, &kind))
        .await?;
    Ok(())
}

/// Looks at all that is open: how many instances were terminated, and whether a matrix's next job, admitted by what was learned,
/// has no instance yet.
async fn look_after<E: Effects>(
    shell: &Shell<'_, E>,
    settings: &KeeperSettings,
) -> Result<(usize, bool), Failure> {
    let mut world = World::read(shell).await?;
    admission::learn(shell, &mut world).await?;
    admission::ask_widths(shell, &settings.github, &mut world).await?;
    let has_gap = !world.groups.is_empty()
        && world.observed(&shell.policy, shell.now()).balance().gaps().values().any(|gap| *gap > 0);
    Ok((end_retired(shell, settings, &mut world).await?, has_gap))
}

/// Terminates what has been retired for long enough, then releases what ended instances held of the caps.
async fn end_retired<E: Effects>(
    shell: &Shell<'_, E>,
    settings: &KeeperSettings,
    world: &mut World,
) -> Result<usize, Failure> {
    let now = shell.now();
    let due: Vec<InstanceKey> =
        world.instances.iter().filter(|i| decide::is_to_terminate(i, now)).map(|i| i.key.clone()).collect();
    let ended =
        if due.is_empty() { Vec::new() } else { Clouds::new(shell, &settings.aws).terminate(&due).await };
    for key in &ended {
        shell.check_time("closing a record")?;
        end_record(shell, world, key).await?;
    }
    release_caps(shell, world).await?;
    Ok(ended.len())
}

/// Closes the record of an instance that the cloud has ended.
///
/// # Errors
/// [`Failure`].
pub async fn end_record<E: Effects>(
    shell: &Shell<'_, E>,
    world: &mut World,
    key: &InstanceKey,
) -> Result<(), Failure> {
    let Some(known) = world.instance(key).cloned() else { return Ok(()) };
    let ended = Instance { ended_at: Some(shell.now()), ..known };
    note_ghost(shell, &ended).await?;
    if shell.commit(vec![world.write_instance(&ended)]).await? {
        shell.info("an instance ended", json!({ "instance.id": key.id }));
        world.wrote_instance(ended);
    }
    Ok(())
}

/// Notes, before its record closes, where an instance may leave its registration behind: nothing else may name that scope later.
async fn note_ghost<E: Effects>(shell: &Shell<'_, E>, ended: &Instance) -> Result<(), Failure> {
    if scaledown::may_leave_ghost(ended) {
        let now = shell.now();
        shell
            .update::<GhostScopes>(&GhostScopes::key(()), |known| {
                known.cloned().unwrap_or_default().noted(ended.installation, &ended.scope, now)
            })
            .await?;
    }
    Ok(())
}

/// Writes an instance's retirement; one that is a failed launch counts for the breaker of its kind, before it is written.
///
/// # Errors
/// [`Failure`].
pub async fn write_retired<E: Effects>(
    shell: &Shell<'_, E>,
    world: &mut World,
    after: Instance,
) -> Result<bool, Failure> {
    if after.ended_at.is_some() {
        note_ghost(shell, &after).await?;
    }
    let mut writes = Vec::new();
    let mut pool_after = None;
    let was_retired = world.instance(&after.key).is_none_or(Instance::is_retired);
    if !was_retired && decide::is_failed_launch(&after) {
        let kind = breaker::key(&after.offering, &shell.policy.agent.version);
        let before = world.pools.get(&after.pool).cloned().unwrap_or_default();
        let failed = breaker::failed(&before, &kind, &after, shell.now());
        writes.push(world.write_pool(&after.pool, &failed));
        pool_after = Some(failed);
    }
    writes.push(world.write_instance(&after));
    let is_written = shell.commit(writes).await?;
    if is_written {
        log_phase(shell, &after);
        if let Some(record) = pool_after {
            world.wrote_pool(after.pool.clone(), record);
        }
        world.wrote_instance(after);
    }
    Ok(is_written)
}

/// Gives back what reservations hold beyond their batches' open slots and live instances.
///
/// # Errors
/// [`Failure`].
pub async fn release_caps<E: Effects>(shell: &Shell<'_, E>, world: &mut World) -> Result<(), Failure> {
    let released: BTreeMap<_, _> = (world.pools.iter())
        .filter_map(|(name, record)| {
            caps::release(record, &world.classes, &world.instances, shell.now())
                .map(|after| (name.clone(), after))
        })
        .collect();
    for (name, after) in released {
        let key = PoolRecord::key(&name);
        if shell.commit(vec![put(&key, world.version(&key), &after)]).await? {
            world.wrote_pool(name, after);
        }
    }
    Ok(())
}
