//! No gap stays open where nothing goes wrong: what is launched, and to be launched, is enough for the jobs that wait.
//! And nothing is kept for jobs that never come: a runner that stays without a job is let go.
//! Counted is over all classes at once, so whatever covers whatever, too few are too few.
//! Not here: too many (`launches`), and worlds with troubles, in which a gap may have to wait.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use jit_control::time::jiff_time;
use jit_domain::class::Batch;
use jit_domain::group::{Group, Width};
use jit_domain::ids::InstallationId;
use jit_domain::instance::InstancePhase;
use jit_domain::job::Job;
use jit_fakes::github::Phase;
use jit_fakes::instance::Stage;

use super::mirror::is_queued;
use super::{Checks, Promise};
use crate::world::World;

/// What is remembered of gaps.
#[derive(Debug, Default)]
pub struct Gaps {
    looked_at: Option<Timestamp>,
    /// Since when an installation has more waiting jobs than runners to come.
    since: BTreeMap<InstallationId, Timestamp>,
}

/// A job that has waited for so long has been seen by a drain: one is due every 10 s.
const SEEN_AFTER: SignedDuration = SignedDuration::from_secs(20);
/// So long supply may be short of the jobs that were seen.
const OPEN_MAX: SignedDuration = SignedDuration::from_secs(25);
/// And so much longer for each job that waits: each instance gets a record of its own, one after the other.
const RECORDING: SignedDuration = SignedDuration::from_millis(250);
/// A runner that nothing needs is let go after two minutes, at the next look, and then needs some time to leave.
const IDLE_MAX: SignedDuration = SignedDuration::from_mins(6);
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(1);

impl Checks {
    /// Compares demand and supply, once a second.
    pub(super) fn check_gaps(&mut self, now: Timestamp, world: &World) {
        if self.gaps.looked_at.is_some_and(|at| now.duration_since(at) < LOOK_EVERY) {
            return;
        }
        self.gaps.looked_at = Some(now);
        self.check_idle(now, world);
        let mut gaps: BTreeMap<InstallationId, i64> = BTreeMap::new();
        let is_seen = |at| now.duration_since(jiff_time(at)) >= SEEN_AFTER;
        let wanting =
            |job: &&Job| is_queued(job) && is_seen(job.moved_at) && self.is_to_run(job, world, is_seen);
        for job in self.mirror.jobs.values().filter(wanting) {
            *gaps.entry(job.installation).or_default() += 1;
        }
        if gaps.is_empty() {
            return self.gaps.since.clear();
        }
        let waiting: i64 = gaps.values().sum();
        let bound = OPEN_MAX.saturating_add(
            RECORDING.checked_mul(i32::try_from(waiting).unwrap_or(i32::MAX)).unwrap_or(SignedDuration::MAX),
        );
        for instance in self.mirror.instances.values() {
            let can_serve = match instance.phase {
                InstancePhase::Launched | InstancePhase::Minting | InstancePhase::Claimed => true,
                InstancePhase::Busy => instance.job.is_none(),
                InstancePhase::Retired { .. } => false,
            };
            if can_serve && instance.is_open() {
                *gaps.entry(instance.installation).or_default() -= 1;
            }
        }
        for class in self.mirror.classes.values() {
            // An id without a record is no open slot any more, and no instance yet.
            let ids = class.batches.iter().flat_map(|batch| &batch.instances);
            let unrecorded = ids.filter(|key| !self.mirror.instances.contains_key(&key.id)).count();
            let slots = class.open_batches().map(Batch::open_slots).sum::<u32>();
            *gaps.entry(class.identity.installation).or_default() -=
                i64::from(slots) + i64::try_from(unrecorded).unwrap_or(0);
        }
        let mut open = Vec::new();
        self.gaps.since.retain(|installation, _| gaps.get(installation).is_some_and(|gap| *gap > 0));
        for (installation, gap) in gaps.into_iter().filter(|(_, gap)| *gap > 0) {
            let since = *self.gaps.since.entry(installation).or_insert(now);
            if now.duration_since(since) > bound {
                open.push(format!("{gap} jobs have waited since {since}, and nothing is launched for them"));
            }
        }
        for what in open {
            self.violated(now, Promise::JobsAreServed, what);
        }
    }

    /// Whether GitHub runs a job as soon as it has a runner, and we know it: of a matrix, once its width and its last change are.
    fn is_to_run(
        &self,
        job: &Job,
        world: &World,
        is_seen: impl Fn(jit_domain::time::Timestamp) -> bool,
    ) -> bool {
        let Some(key) = Group::key_of(job) else { return true };
        let is_known = (self.mirror.groups.get(&key))
            .is_some_and(|group| matches!(group.width, Width::Known(_)) && is_seen(group.changed_at));
        let at_github = world.github.job(jit_fakes::github::JobId(job.id.0));
        is_known && at_github.is_some_and(|job| job.phase == Phase::Queued)
    }

    fn check_idle(&mut self, now: Timestamp, world: &World) {
        let is_up = |id: &str| world.aws.instance(id).is_some_and(|i| i.ended(now).is_none());
        let mut idle = Vec::new();
        for (id, machine) in world.fleet.instances().filter(|(_, machine)| machine.stage() == Stage::Idle) {
            let since = machine.history().last().map_or(now, |(at, _)| *at);
            if now.duration_since(since) > IDLE_MAX && is_up(id) {
                idle.push(format!("{id} has been without a job since {since}"));
            }
        }
        for what in idle {
            self.violated(now, Promise::NothingIsLeft, what);
        }
    }
}
