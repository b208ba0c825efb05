//! Admit: which queued jobs of a matrix may have a runner now. GitHub queues all jobs of a matrix at once, also those that
//! `max-parallel` keeps from running; a runner for one of these would idle, and its JIT config would expire.
//!
//! Admission is no phase that is written: it is worked out from the open jobs and the group's record by whoever reads them, so
//! that nobody has to write it in time and no crash can leave a job behind. What is written is what was learned of the group.
//!
//! Definitions. *Seats*: how many jobs of the group may run or be about to. A job that runs has one; what GitHub runs instead of
//! an admitted job takes its seat. *Held*: queued without a seat. *Soon*: held, and a job that runs is about to end, so that an
//! instance for it is launched now and waits, unregistered. *Probe*: while the width is unknown, seats beyond the jobs that were
//! seen to run at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::class::ClassIdentity;
use crate::decide::supply::Observed;
use crate::group::{Group, Narrowed, Taken, UnknownWidth, Width, stem};
use crate::ids::{ClassKey, GroupKey, InstanceKey, JobId, PoolName};
use crate::instance::Instance;
use crate::job::{Job, JobPhase};
use crate::limits;
use crate::time::Timestamp;

/// Which queued jobs have no seat, and for which of these an instance is wanted already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    held: BTreeSet<JobId>,
    soon: BTreeSet<JobId>,
}

impl Admission {
    /// Whether a job wants a runner now.
    pub fn admits(&self, job: &Job) -> bool {
        job.phase == JobPhase::Queued && !self.held.contains(&job.id)
    }

    /// Whether GitHub queues a job that it does not run yet.
    pub fn holds(&self, job: JobId) -> bool {
        self.held.contains(&job)
    }

    /// Whether an instance for a held job is wanted already.
    pub fn prefetches(&self, job: JobId) -> bool {
        self.soon.contains(&job)
    }

    /// How many jobs are held.
    pub fn held(&self) -> usize {
        self.held.len()
    }
}

/// Decides for all groups.
pub fn admit(observed: &Observed<'_>) -> Admission {
    let mut admission = Admission::default();
    let holders = observed.permit_holders();
    for (key, jobs) in matrices(observed) {
        if let Some(group) = learn(observed.groups.get(&key), &key, &jobs, observed.now) {
            seat(observed, &group, jobs, &holders, &mut admission);
        }
    }
    admission
}

type Jobs<'a> = Vec<&'a (ClassIdentity, Job)>;

/// The queued and running jobs of each group that has a record or more than one of them.
fn matrices<'a>(observed: &Observed<'a>) -> BTreeMap<GroupKey, Jobs<'a>> {
    let mut matrices: BTreeMap<GroupKey, Jobs<'a>> = BTreeMap::new();
    for entry in observed.jobs {
        if matches!(entry.1.phase, JobPhase::Queued | JobPhase::InProgress)
            && let Some(key) = Group::key_of(&entry.1)
        {
            matrices.entry(key).or_default().push(entry);
        }
    }
    matrices.retain(|key, jobs| jobs.len() > 1 || observed.groups.contains_key(key));
    matrices
}

fn seat(
    observed: &Observed<'_>,
    group: &Group,
    jobs: Jobs<'_>,
    holders: &BTreeSet<&InstanceKey>,
    admission: &mut Admission,
) {
    let seats = seats(group, observed);
    let running = group.running.len();
    let mut queued: Jobs<'_> = jobs.into_iter().filter(|(_, job)| job.phase == JobPhase::Queued).collect();
    // A job for which an instance has its config already comes first: that runner takes any of them.
    let has_runner = |job: &Job| job.permit.as_ref().is_some_and(|holder| holders.contains(holder));
    queued.sort_by_cached_key(|(_, job)| (!has_runner(job), job.created_at, job.id));
    let free = usize::try_from(seats).unwrap_or(usize::MAX).saturating_sub(running);
    let mut held = queued.split_off(free.min(queued.len()));
    let mut seated: BTreeSet<ClassKey> = queued.iter().map(|(identity, _)| identity.key()).collect();
    let mut extra = stalled(group, observed.now);
    held.retain(|(identity, _)| {
        let is_seated = extra > 0 && seated.insert(identity.key());
        extra -= usize::from(is_seated);
        !is_seated
    });
    let soon = ending_soon(group, observed);
    admission.soon.extend(held.iter().take(soon).map(|(_, job)| job.id));
    admission.held.extend(held.into_iter().map(|(_, job)| job.id));
}

/// How many jobs of a group may run or be about to.
fn seats(group: &Group, observed: &Observed<'_>) -> u32 {
    let now = observed.now;
    let running = u32::try_from(group.running.len()).unwrap_or(u32::MAX);
    match group.width {
        Width::Known(width) => width.max(1),
        // One can never be wrong, and the file is read within seconds.
        Width::Awaited { .. } if now.since(group.born_at) < limits::WIDTH_AWAITED_FOR => running + 1,
        Width::Awaited { .. } | Width::Unknown if is_full(observed, &group.pool) => u32::MAX,
        Width::Awaited { .. } | Width::Unknown => match narrowed_to(group, now) {
            Some(width) => width,
            None => group.proven.saturating_add(group.probe),
        },
    }
}

/// How many classes of a group that have no seat get one each, because nothing of it ran or changed for so long: GitHub may want to
/// run a job for which the runners of those that have seats are no good. To the others it would give any job of their labels.
fn stalled(group: &Group, now: Timestamp) -> usize {
    let quarters = now.since(group.changed_at).as_secs() / limits::GROUP_STALLED_AFTER.as_secs();
    if group.running.is_empty() { usize::try_from(quarters).unwrap_or(usize::MAX) } else { 0 }
}

/// The width that a probe found out, for as long as that is believed.
fn narrowed_to(group: &Group, now: Timestamp) -> Option<u32> {
    let narrowed = group.narrowed.filter(|n| now.since(n.at) < limits::PROBED_AGAIN_AFTER)?;
    (group.running.len() <= usize::try_from(narrowed.to).unwrap_or(usize::MAX)).then_some(narrowed.to)
}

fn is_full(observed: &Observed<'_>, pool: &PoolName) -> bool {
    observed.policy.pool(pool).is_some_and(|pool| pool.unknown_width == UnknownWidth::Full)
}

/// How many running jobs of a group end within the time that an instance takes to boot, by what was learned of both. One that
/// runs much longer than any before counts no more: an instance would wait for it in vain.
fn ending_soon(group: &Group, observed: &Observed<'_>) -> usize {
    let (now, lead) = (observed.now, lead(observed, &group.pool));
    // While it is probed, there is an instance for the next job already.
    let is_settled = matches!(group.width, Width::Known(_)) || narrowed_to(group, now).is_some();
    if !is_settled {
        return 0;
    }
    let ends = |started: &Timestamp| {
        let ran = now.since(*started);
        match (group.duration(), group.durations.iter().max()) {
            (Some(usual), Some(longest)) => {
                ran + lead >= usual && ran < *longest * limits::PREFETCH_OVERRUN_FACTOR + lead
            }
            _ => ran < limits::PREFETCH_UNLEARNED_MAX,
        }
    };
    group.running.values().filter(|started| ends(started)).count()
}

/// How long before its use an instance is launched.
fn lead(observed: &Observed<'_>, pool: &PoolName) -> Duration {
    let boots = observed.pools.get(pool).map(|record| record.boots.values()).into_iter().flatten();
    let longest = boots.flat_map(|samples| &samples.durations).max().copied();
    longest.unwrap_or(limits::PREFETCH_BOOT).min(limits::PREFETCH_BOOT_MAX) + limits::PREFETCH_MARGIN
}

/// The group's record after a look at its queued and running jobs: what came, started or ended since the last look, and what
/// that teaches.
fn learn(
    known: Option<&Group>,
    key: &GroupKey,
    jobs: &[&(ClassIdentity, Job)],
    now: Timestamp,
) -> Option<Group> {
    let mut after = known.cloned().or_else(|| newborn(key, jobs, now))?;
    let open = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
    let running: BTreeMap<JobId, Timestamp> = (jobs.iter().map(|(_, job)| job))
        .filter(|job| job.phase == JobPhase::InProgress)
        .map(|job| (job.id, after.running.get(&job.id).copied().unwrap_or(job.moved_at)))
        .collect();
    if open == after.open && running == after.running {
        return Some(after);
    }
    let ended = after.running.iter().filter(|(id, _)| !running.contains_key(id));
    after.durations.extend(ended.map(|(_, started)| now.since(*started)));
    let surplus = after.durations.len().saturating_sub(limits::DURATIONS_MAX);
    after.durations.drain(..surplus);
    widen(&mut after, &running, now);
    (after.open, after.running, after.changed_at) = (open, running, now);
    Some(after)
}

/// As many jobs as have seats run at once, or started within a minute, as short ones do: the width is not reached yet.
fn widen(group: &mut Group, running: &BTreeMap<JobId, Timestamp>, now: Timestamp) {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let started = count(running.keys().filter(|id| !group.running.contains_key(id)).count());
    if now.since(group.taken.since) >= limits::PROBE_IDLE_MAX {
        group.taken = Taken { since: now, count: 0 };
    }
    group.taken.count = group.taken.count.saturating_add(started);
    let running = count(running.len());
    if running.max(group.taken.count) >= group.proven.saturating_add(group.probe) {
        group.proven = group.proven.max(running);
        group.probe = group.probe.saturating_mul(2).min(limits::BATCH_SLOTS_MAX);
        group.taken = Taken { since: now, count: 0 };
    }
}

fn newborn(key: &GroupKey, jobs: &[&(ClassIdentity, Job)], now: Timestamp) -> Option<Group> {
    let (identity, first) = jobs.iter().min_by_key(|(_, job)| (job.seen_at, job.id))?;
    Some(Group {
        key: key.clone(),
        stem: stem(&first.name)?.to_owned(),
        installation: first.installation,
        repository: first.repository.clone(),
        run: first.run,
        pool: identity.pool.clone(),
        born_at: first.seen_at,
        width: Width::Awaited { asked_at: None },
        probe: limits::PROBE_FIRST,
        proven: 0,
        taken: Taken { since: now, count: 0 },
        narrowed: None,
        open: 0,
        running: BTreeMap::new(),
        changed_at: now,
        durations: Vec::new(),
    })
}

/// The records that change by a look at the open jobs; none for a group that has no open job any more, whose record goes.
pub fn learned(observed: &Observed<'_>) -> Vec<(GroupKey, Option<Group>)> {
    let matrices = matrices(observed);
    let is_open = |key: &GroupKey| matrices.contains_key(key);
    let over = observed.groups.keys().filter(|key| !is_open(key)).map(|key| (key.clone(), None));
    let looked = matrices.iter().filter_map(|(key, jobs)| {
        let known = observed.groups.get(key);
        let after = learn(known, key, jobs, observed.now)?;
        (known != Some(&after)).then(|| (key.clone(), Some(after)))
    });
    looked.chain(over).collect()
}

/// The group that an idle runner shows to be narrower than what was admitted: its width is not known, some of its jobs run, and
/// the runner, registered for a minute, was given none of the others.
pub fn idle_probe(observed: &Observed<'_>, admission: &Admission, idle: &Instance) -> Option<GroupKey> {
    let registered_at = idle.mint()?.at;
    if observed.now.since(registered_at) < limits::PROBE_IDLE_MAX {
        return None;
    }
    let is_probed = |group: &&Group| {
        let is_unknown = !matches!(group.width, Width::Known(_));
        is_unknown && !group.running.is_empty() && !is_full(observed, &group.pool)
    };
    let group_of =
        |job: &Job| Group::key_of(job).filter(|key| observed.groups.get(key).as_ref().is_some_and(is_probed));
    let is_long_queued = |job: &Job| observed.now.since(job.moved_at) >= limits::PROBE_IDLE_MAX;
    let admitted = || observed.jobs.iter().filter(|(_, job)| admission.admits(job) && is_long_queued(job));
    let own = admitted().filter(|(_, job)| Some(job.id) == idle.permit);
    let of_class = admitted().filter(|(identity, _)| identity.key() == idle.class);
    own.chain(of_class).find_map(|(_, job)| group_of(job))
}

/// The group's record after a probe idled: it is as wide as what runs, and for the next probe one job is enough.
pub fn narrowed(group: &Group, now: Timestamp) -> Group {
    let to = u32::try_from(group.running.len()).unwrap_or(u32::MAX).max(1);
    Group { narrowed: Some(Narrowed { to, at: now }), probe: 1, proven: to, ..group.clone() }
}

/// The groups whose workflow file is to be read now, the oldest first.
pub fn widths_wanted(observed: &Observed<'_>) -> Vec<Group> {
    let now = observed.now;
    let is_due = |group: &&Group| match group.width {
        Width::Awaited { asked_at } => asked_at.is_none_or(|at| now.since(at) >= limits::WIDTH_ASKED_AGAIN),
        Width::Unknown | Width::Known(_) => false,
    };
    let mut wanted: Vec<Group> = observed.groups.values().filter(is_due).cloned().collect();
    wanted.sort_by_key(|group| group.born_at);
    wanted
}

/// The group's record once the file was read, or was asked for in vain. None when its width is known already.
pub fn answered(group: &Group, width: Option<Width>, now: Timestamp) -> Option<Group> {
    let Width::Awaited { .. } = group.width else { return None };
    let is_given_up = now.since(group.born_at) >= limits::WIDTH_GIVEN_UP_AFTER;
    let failed = if is_given_up { Width::Unknown } else { Width::Awaited { asked_at: Some(now) } };
    Some(Group { width: width.unwrap_or(failed), ..group.clone() })
}
