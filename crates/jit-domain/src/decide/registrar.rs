//! Claim: whether an instance gets a JIT config (200), waits (202), is told that its runner is connected (409), or retires (410);
//! and what a report of an instance may change.
//!
//! A mint takes a *permit*: a mark on one admitted job that nothing else covers. A permit is a count, not a pairing; it is valid
//! while its holder has no job yet and is not retired, and so needs no one to take it back.
//! Identity and tokens are checked before any of this, in jit-control.

use std::collections::{BTreeMap, BTreeSet};

use crate::class::ClassIdentity;
use crate::decide::admission::{self, Admission};
use crate::decide::matching::{self, Demand, Supply, When};
use crate::decide::supply::{Evidence, Observed};
use crate::ids::{InstanceKey, JobId, RunnerId};
use crate::instance::{Instance, InstancePhase, Mint, Stage};
use crate::job::Job;
use crate::limits;
use crate::reason::Reason;
use crate::time::Timestamp;

/// What to do with a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Write this name and `minting`, then register.
    Mint(Mint),
    /// First take a permit on one of these jobs, in this order; then as `Mint`. When all are lost, decide again.
    Permit {
        /// Jobs that nothing covers.
        candidates: Vec<JobId>,
        /// The registration to make.
        mint: Mint,
    },
    /// 202: wait and ask again.
    Wait {
        /// Seconds.
        wait_s: u32,
    },
    /// 503: a registration may be under way; ask again.
    Later {
        /// Seconds.
        retry_after_s: u32,
    },
    /// An earlier registration of that name may have been made and lost: find it by name, delete it, then register anew.
    Resolve {
        /// The name that may exist.
        lost: Mint,
        /// The registration to make instead; none when there were too many.
        next: Option<Mint>,
    },
    /// A config was handed out before: ask GitHub what became of its registration, then [`after_look`].
    Look(Mint),
    /// 409: the runner is connected.
    Connected,
    /// 410: retire.
    Gone(Reason),
}

/// Decides on a claim of an instance whose token and identity are right.
pub fn claim(observed: &Observed<'_>, instance: &Instance, prefix: &str) -> Claim {
    let now = observed.now;
    match &instance.phase {
        InstancePhase::Retired { reason, .. } => Claim::Gone(reason.clone()),
        InstancePhase::Busy => Claim::Connected,
        InstancePhase::Claimed => {
            instance.mint().map_or(Claim::Gone(Reason::RegistrationSpent), |m| Claim::Look(m.clone()))
        }
        InstancePhase::Minting => match instance.mint() {
            Some(mint) if now.since(mint.at) < limits::MINTING_MAX => Claim::Later { retry_after_s: 5 },
            Some(mint) => Claim::Resolve { lost: mint.clone(), next: next_mint(instance, prefix, now) },
            None => Claim::Gone(Reason::RegistrationSpent),
        },
        InstancePhase::Launched => first_mint(observed, instance, prefix),
    }
}

fn first_mint(observed: &Observed<'_>, instance: &Instance, prefix: &str) -> Claim {
    let now = observed.now;
    let waited_from = instance.waiting_since.unwrap_or(now);
    if observed.policy.pool(&instance.pool).is_some_and(|p| now.since(waited_from) >= p.ages.waiting_max) {
        return Claim::Gone(Reason::WaitedTooLong);
    }
    let Some(mint) = next_mint(instance, prefix, now) else { return Claim::Gone(Reason::MintsExhausted) };
    let admission = admission::admit(observed);
    let candidates = uncovered_jobs(observed, &admission, instance);
    let holds = |job: &Job| job.permit.as_ref() == Some(&instance.key) && candidates.contains(&job.id);
    if observed.jobs.iter().any(|(_, job)| holds(job)) {
        return Claim::Mint(mint);
    }
    if !candidates.is_empty() {
        return Claim::Permit { candidates, mint };
    }
    if is_within_slack(observed, &admission, instance) {
        return Claim::Wait { wait_s: limits::WAIT_S };
    }
    Claim::Gone(Reason::NotNeeded)
}

/// The next registration; none after three, or later than ten minutes after the first.
pub fn next_mint(instance: &Instance, prefix: &str, now: Timestamp) -> Option<Mint> {
    let n = u32::try_from(instance.mints.len()).ok()? + 1;
    let is_late = instance.mints.first().is_some_and(|m| now.since(m.at) > limits::MINTS_WITHIN);
    let is_allowed = n <= limits::MINTS_MAX && !is_late;
    is_allowed.then(|| Mint { n, name: Mint::name(prefix, &instance.key, n), at: now, runner: None })
}

/// Jobs that this instance may take a permit on: admitted, in its reach, without a valid permit, and not covered by a runner that
/// is registered and idle. The most specific first, then the oldest. Among equals the start is turned by the instance's id,
/// so that a crowd of claims doesn't race for one job.
fn uncovered_jobs(observed: &Observed<'_>, admission: &Admission, instance: &Instance) -> Vec<JobId> {
    let Some(class) = observed.classes.get(&instance.class) else { return Vec::new() };
    let holders = observed.permit_holders();
    let is_permitted =
        |job: &Job| job.permit.as_ref().is_some_and(|h| *h != instance.key && holders.contains(h));
    let mut groups: BTreeMap<_, Vec<&Job>> = BTreeMap::new();
    for (_, job) in observed.jobs.iter().filter(|(_, job)| admission.admits(job) && !is_permitted(job)) {
        groups.entry((job.installation, job.repository.clone(), job.labels.clone())).or_default().push(job);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    for jobs in &mut groups {
        // Its own permit comes last, so that it is given up only where the whole group is covered without it.
        jobs.sort_by_key(|j| (j.permit.as_ref() == Some(&instance.key), j.created_at, j.id));
    }
    let demand: Vec<Demand> = groups.iter().filter_map(|jobs| demand_of(jobs)).collect();
    let idle = runners_without_permit(observed, admission, instance);
    let cover = matching::cover(&demand, &idle);
    let own = observed.supply(&class.identity, 1);
    let mut open: Vec<_> = (groups.iter().zip(&demand).zip(&cover.covered))
        .filter(|((_, demand), covered)| own.reaches(demand) && demand.count > **covered)
        .collect();
    open.sort_by_key(|((_, demand), _)| (std::cmp::Reverse(demand.labels.len()), demand.oldest));
    open.into_iter()
        .flat_map(|((jobs, _), covered)| {
            let mut free: Vec<JobId> = jobs.iter().skip(*covered as usize).map(|j| j.id).collect();
            let turn =
                instance.key.id.bytes().fold(0_usize, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
            let by = turn % free.len().max(1);
            free.rotate_left(by);
            free
        })
        .collect()
}

fn demand_of(jobs: &[&Job]) -> Option<Demand> {
    let first = jobs.first()?;
    Some(Demand {
        installation: first.installation,
        repository: first.repository.clone(),
        labels: first.labels.clone(),
        count: u32::try_from(jobs.len()).unwrap_or(u32::MAX),
        oldest: first.created_at,
        when: When::Now,
    })
}

/// Registered runners that are idle, and whose own permit is on a job that is no longer to run now: each will take a job of another.
/// And runners that are busy with a job we don't know: it is one of those that we still take for queued.
fn runners_without_permit(observed: &Observed<'_>, admission: &Admission, except: &Instance) -> Vec<Supply> {
    let permits: BTreeSet<&InstanceKey> = observed
        .jobs
        .iter()
        .filter(|(_, job)| admission.admits(job))
        .filter_map(|(_, job)| job.permit.as_ref())
        .collect();
    let mut idle = Vec::new();
    for instance in observed.instances {
        let is_idle = matches!(instance.phase, InstancePhase::Minting | InstancePhase::Claimed)
            && !permits.contains(&instance.key);
        let is_covering = observed.evidence(instance) == Evidence::Covering;
        if instance.key == except.key || !(is_idle || is_covering) {
            continue;
        }
        let class = observed.classes.get(&instance.class);
        idle.extend(class.map(|class| observed.supply(&class.identity, 1)));
    }
    idle
}

/// Whether an instance without work is within the slack: as many may wait as the class has doubtful slots and jobs that may run
/// soon; those that wait for longest stay.
fn is_within_slack(observed: &Observed<'_>, admission: &Admission, instance: &Instance) -> bool {
    let Some(class) = observed.classes.get(&instance.class) else { return false };
    let doubtful: u32 = class.batches.iter().map(crate::class::Batch::doubtful_slots).sum();
    let place = |i: &Instance| (i.waiting_since.unwrap_or(observed.now), i.key.clone());
    let own = place(instance);
    let before = observed.instances.iter().filter(|i| {
        i.class == instance.class
            && i.key != instance.key
            && i.waiting_since.is_some()
            && i.permit.is_none()
            && i.phase == InstancePhase::Launched
            && place(i) < own
    });
    let is_soon = |(identity, job): &&(ClassIdentity, Job)| {
        admission.prefetches(job.id) && identity.key() == instance.class
    };
    let soon = observed.jobs.iter().filter(is_soon).count();
    before.count() < usize::try_from(doubtful).unwrap_or(usize::MAX) + soon
}

/// How many instances wait for the same limits as this one, and began to before it: they have a permit, and no registration yet.
pub fn waiting_before(observed: &Observed<'_>, instance: &Instance) -> usize {
    let place = |i: &Instance| {
        let waits = i.phase == InstancePhase::Launched && i.permit.is_some();
        i.waiting_since.filter(|_| waits).map(|since| (since, i.key.clone()))
    };
    let own = place(instance);
    observed
        .instances
        .iter()
        .filter_map(place)
        .filter(|other| own.as_ref().is_some_and(|own| other < own))
        .count()
}

/// What GitHub says of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// It is listed.
    Listed {
        /// Its id.
        runner: RunnerId,
        /// Whether its agent is, or was, connected or busy.
        contact: Contact,
    },
    /// A listing that answered 200 does not have it.
    NotListed,
}

/// Whether an agent was seen at a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// Online or busy.
    Connected,
    /// Listed as offline and not busy.
    Never,
}

/// What to do once GitHub was asked about the registration that an instance claims again for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AfterLook {
    /// 409: carry on.
    Connected,
    /// 410: the config is used up. A registration no longer listed is spent, always.
    Spent,
    /// 410: too many registrations.
    Exhausted,
    /// Delete that registration; when GitHub says 204, make the next.
    Again {
        /// The registration to delete.
        delete: RunnerId,
        /// The one to make.
        mint: Mint,
    },
}

/// Decides on a second claim, once GitHub was asked.
pub fn after_look(instance: &Instance, seen: Registration, prefix: &str, now: Timestamp) -> AfterLook {
    let was_used = instance.stage.is_some_and(|s| s > Stage::AgentStarted)
        || instance.busy_since.is_some()
        || instance.job.is_some();
    match seen {
        Registration::NotListed => AfterLook::Spent,
        Registration::Listed { contact: Contact::Connected, .. } => AfterLook::Connected,
        Registration::Listed { contact: Contact::Never, .. } if was_used => AfterLook::Connected,
        Registration::Listed { contact: Contact::Never, runner } => match next_mint(instance, prefix, now) {
            Some(mint) => AfterLook::Again { delete: runner, mint },
            None => AfterLook::Exhausted,
        },
    }
}

/// An instance once it was heard of with a right token: its furthest stage, and one more report. None when it has sent as many
/// as it may, new ones or not.
pub fn report(instance: &Instance, stage: Stage, now: Timestamp) -> Option<Instance> {
    if instance.reports >= limits::REPORTS_MAX {
        return None;
    }
    let mut after = instance.clone();
    after.reports += 1;
    after.stage = after.stage.max(Some(stage));
    if stage == Stage::Booted {
        after.booted_at.get_or_insert(now);
    }
    Some(after)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fixtures::{self, NOW};

    #[test]
    fn who_waits_for_the_limits_longest_is_first() {
        let waiting = |id: &str, since_s: u64| Instance {
            permit: Some(JobId(1)),
            waiting_since: Some(NOW + Duration::from_secs(since_s)),
            ..fixtures::instance(id)
        };
        let warm = Instance { permit: None, ..waiting("i-warm", 0) };
        let minting = Instance { phase: InstancePhase::Minting, ..waiting("i-minting", 0) };
        let instances = [waiting("i-c", 1), waiting("i-b", 2), waiting("i-a", 2), warm, minting];
        let (policy, none, pools) = (fixtures::policy(), BTreeMap::new(), BTreeMap::new());
        let observed = Observed {
            policy: &policy,
            jobs: &[],
            classes: &none,
            instances: &instances,
            unrecorded: &BTreeSet::new(),
            ended: &BTreeSet::new(),
            groups: &BTreeMap::new(),
            pools: &pools,
            now: NOW,
        };
        let before: Vec<usize> = instances.iter().map(|i| waiting_before(&observed, i)).collect();
        assert_eq!(before, [0, 2, 1, 0, 0]);
    }
}
