//! What happens by itself: the list of appointments and what each of them does when its time comes.
//! An appointment is never taken back; when it comes it looks whether its reason still holds.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::GitHub;
use super::ids::{DeliveryId, JobId, RunnerId};
use super::run::Phase;
use super::runner::Removal;
use super::settings::QueueExpiry;
use super::workflow::Conclusion;

#[derive(Clone, Copy, Debug)]
pub(super) enum Timer {
    /// The life of an unused JIT config ends.
    JitLife(RunnerId),
    /// The life of an idle runner ends.
    IdleLife(RunnerId),
    /// A runner may have gone silent.
    Watch(RunnerId),
    /// A stuck runner goes.
    Unstick(RunnerId),
    /// The n-th assignment of a job should have been picked up.
    PickUp(JobId, u32),
    /// A job was queued for too long.
    QueueLife(JobId),
    /// A job ran for too long.
    JobTimeout(JobId),
    /// A cancelled job should have ended.
    CancelGrace(JobId),
    /// The wait timer of a job's environment runs out.
    Environment(JobId),
    /// A delivery leaves.
    DeliveryDue(DeliveryId),
    /// A delivery that left should have been answered.
    DeliveryTimeout(DeliveryId),
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    list: BTreeMap<(Timestamp, u64), Timer>,
    count: u64,
}

impl Timers {
    pub(super) fn add(&mut self, at: Timestamp, timer: Timer) {
        self.count += 1;
        self.list.insert((at, self.count), timer);
    }

    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.list.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, Timer)> {
        let entry = self.list.first_entry()?;
        let at = entry.key().0;
        (at <= now).then(|| (at, entry.remove()))
    }
}

/// `at` plus `by`; the end of time when that is further away than time goes.
pub(super) fn after(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

impl GitHub {
    pub(super) fn in_time(&mut self, by: SignedDuration, timer: Timer) {
        self.timers.add(after(self.now, by), timer);
    }

    pub(super) fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::JitLife(runner) => {
                if self.runners.get(&runner).is_some_and(|runner| runner.connected_at.is_none()) {
                    self.remove_runner(runner, Removal::NeverConnected);
                }
            }
            Timer::IdleLife(runner) => self.end_idle_life(runner),
            Timer::Watch(runner) => self.watch(runner),
            Timer::Unstick(runner) => self.remove_runner(runner, Removal::Lost),
            Timer::PickUp(job, assignment) => self.give_back(job, assignment),
            Timer::QueueLife(job) => self.end_queue_life(job),
            Timer::JobTimeout(job) => {
                if matches!(self.phase(job), Some(Phase::InProgress(_))) {
                    self.finish_job(job, Conclusion::TimedOut);
                }
            }
            Timer::CancelGrace(job) => {
                if matches!(self.phase(job), Some(Phase::InProgress(_))) {
                    self.finish_job(job, Conclusion::Cancelled);
                }
            }
            Timer::Environment(job) => self.pass_environment(job),
            Timer::DeliveryDue(delivery) => self.deliveries.leave(delivery),
            Timer::DeliveryTimeout(delivery) => self.time_out_delivery(delivery),
        }
    }

    fn end_idle_life(&mut self, id: RunnerId) {
        let Some(life) = self.settings.times.idle_life else { return };
        let Some(since) = self.runners.get(&id).and_then(|runner| runner.idle_since) else { return };
        let ends = after(since, life);
        if ends <= self.now {
            self.remove_runner(id, Removal::Idle);
        } else {
            // It had a job in between that it did not start, or the setting has changed.
            self.timers.add(ends, Timer::IdleLife(id));
        }
    }

    fn end_queue_life(&mut self, id: JobId) {
        let waits = matches!(self.phase(id), Some(Phase::Queued | Phase::Assigned(_)));
        if waits {
            self.finish_job(
                id,
                match self.settings.disputed.queue_expiry {
                    QueueExpiry::Cancelled => Conclusion::Cancelled,
                    QueueExpiry::Failure => Conclusion::Failure,
                },
            );
        }
    }

    /// Looks after a runner at the earliest time at which its silence would mean something.
    fn watch(&mut self, id: RunnerId) {
        let (offline, silence) = (self.settings.times.offline_after, self.settings.times.silence);
        let Some(runner) = self.runners.get_mut(&id) else { return };
        runner.watched = false;
        let (true, Some(seen)) = (runner.is_live() && !runner.stuck, runner.last_seen) else { return };
        let running = runner
            .job
            .filter(|job| self.jobs.get(job).is_some_and(|job| matches!(job.phase, Phase::InProgress(_))));
        match running {
            Some(job) if after(seen, silence) <= self.now => self.finish_job(job, Conclusion::Failure),
            Some(_) => self.watch_at(id, after(seen, silence)),
            None if after(seen, offline) <= self.now => {
                self.idle.remove(&self.idle_key(id));
            }
            None => self.watch_at(id, after(seen, offline)),
        }
    }

    /// Makes sure that [`GitHub::watch`] runs; one appointment at a time is enough, it renews itself.
    pub(super) fn watch_at(&mut self, id: RunnerId, at: Timestamp) {
        if let Some(runner) = self.runners.get_mut(&id).filter(|runner| !runner.watched) {
            runner.watched = true;
            self.timers.add(at, Timer::Watch(id));
        }
    }
}
