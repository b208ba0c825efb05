//! Who gets which job, and how registrations end. Not in it: what the agent asks (`agent.rs`), JIT configs (`rest/`).
//!
//! GitHub gives an idle runner the oldest queued job that it fits: a JIT runner is never bound to the job
//! it was made for. <https://docs.github.com/en/actions/reference/runners/self-hosted-runners>, read 2026-11-21.

use super::GitHub;
use super::accounts::Accounts;
use super::ids::{JobId, RunnerId};
use super::run::{Class, Phase};
use super::runner::{Removal, Runner, Scope};
use super::timers::{Timer, after};

impl GitHub {
    pub(super) fn make_available(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.phase = Phase::Queued;
        job.available_at = Some(self.now);
        self.enqueue(id);
        self.in_time(self.settings.times.queue_life, Timer::QueueLife(id));
    }

    fn enqueue(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        let age = job.queued_at.unwrap_or(job.created_at);
        self.queue.entry(job.class.clone()).or_default().insert((age, id));
        self.assignment_due = true;
    }

    pub(super) fn unqueue(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        let age = job.queued_at.unwrap_or(job.created_at);
        if let Some(waiting) = self.queue.get_mut(&job.class) {
            waiting.remove(&(age, id));
            if waiting.is_empty() {
                self.queue.remove(&job.class);
            }
        }
    }

    /// Gives every idle runner the oldest job it fits.
    pub(super) fn assign(&mut self) {
        let idle = self.idle.iter().copied().collect::<Vec<_>>();
        for (key, id) in idle {
            if self.queue.is_empty() {
                return;
            }
            if let Some(job) = self.oldest_for(id) {
                self.idle.remove(&(key, id));
                self.give(id, job);
            }
        }
    }

    fn oldest_for(&self, id: RunnerId) -> Option<JobId> {
        let runner = self.runners.get(&id)?;
        self.queue
            .iter()
            .filter(|(class, _)| self.fits(runner, class))
            .filter_map(|(_, waiting)| waiting.first())
            .min()
            .map(|(_, job)| *job)
    }

    /// Whether a runner may run jobs of a class: labels, scope, group.
    fn fits(&self, runner: &Runner, class: &Class) -> bool {
        if !class.labels.is_subset(&runner.label_set) {
            return false;
        }
        let Some(repository) = self.accounts.repositories.get(&class.repository) else { return false };
        match runner.scope {
            Scope::Repository(id) => id == repository.id && class.group.is_none(),
            Scope::Organization(organization) => {
                let Some(group) = self.accounts.groups.get(&(organization, runner.group)) else {
                    return false;
                };
                let wanted = class.group.as_ref().is_none_or(|name| *name == group.name.to_lowercase());
                repository.owner == organization && wanted && Accounts::group_serves(group, repository)
            }
        }
    }

    fn give(&mut self, runner_id: RunnerId, job_id: JobId) {
        self.unqueue(job_id);
        let (Some(runner), Some(job)) = (self.runners.get_mut(&runner_id), self.jobs.get_mut(&job_id)) else {
            return;
        };
        runner.job = Some(job_id);
        runner.idle_since = None;
        job.phase = Phase::Assigned(runner_id);
        job.assignments += 1;
        let assignment = job.assignments;
        self.in_time(self.settings.times.pick_up, Timer::PickUp(job_id, assignment));
    }

    /// The agent picks up its job. Tells whether it still may.
    pub(super) fn pick_up(&mut self, runner_id: RunnerId) -> bool {
        let Some(runner) = self.runners.get_mut(&runner_id) else { return false };
        let Some(id) = runner.job else { return false };
        let Some(job) = self.jobs.get_mut(&id) else { return false };
        match job.phase {
            Phase::InProgress(_) => return true, // the reply to the first `started` was lost
            Phase::Assigned(holder) if holder == runner_id => {}
            Phase::Waiting
            | Phase::Pending
            | Phase::Held
            | Phase::Queued
            | Phase::Assigned(_)
            | Phase::Completed(_) => return false,
        }
        job.phase = Phase::InProgress(runner_id);
        job.started_at = Some(self.now);
        job.ran_on = Some(runner_id);
        runner.ran = Some(id);
        let run = job.run;
        let timeout = self.spec_of(id).map_or(u64::MAX, |spec| spec.timeout_s);
        let timeout = jiff::SignedDuration::from_secs(i64::try_from(timeout).unwrap_or(i64::MAX));
        self.in_time(timeout, Timer::JobTimeout(id));
        if let Some(run) = self.runs.get_mut(&run) {
            run.updated_at = self.now;
        }
        self.watch_at(runner_id, after(self.now, self.settings.times.silence));
        self.announce(id, "in_progress");
        true
    }

    /// Queues a job again that its runner did not pick up; it keeps its place.
    pub(super) fn give_back(&mut self, id: JobId, assignment: u32) {
        let Some(job) = self.jobs.get_mut(&id).filter(|job| job.assignments == assignment) else { return };
        let Phase::Assigned(runner) = job.phase else { return };
        job.phase = Phase::Queued;
        self.enqueue(id);
        self.make_idle(runner);
    }

    /// A runner has no job any more and did not run any.
    pub(super) fn make_idle(&mut self, id: RunnerId) {
        let now = self.now;
        let Some(runner) = self.runners.get_mut(&id).filter(|runner| runner.is_live()) else { return };
        runner.job = None;
        runner.idle_since = Some(now);
        if let Some(life) = self.settings.times.idle_life {
            self.in_time(life, Timer::IdleLife(id));
        }
        self.offer(id);
    }

    /// The agent of a runner was heard of.
    pub(super) fn touch(&mut self, id: RunnerId) {
        if let Some(runner) = self.runners.get_mut(&id) {
            runner.last_seen = Some(self.now);
        }
        self.offer(id);
    }

    /// Lets a runner take part in assignment if it is idle and online.
    fn offer(&mut self, id: RunnerId) {
        let Some(runner) = self.runners.get(&id) else { return };
        if runner.is_live() && !runner.is_busy() && self.is_online(runner) {
            let seen = runner.last_seen.unwrap_or(self.now);
            self.assignment_due |= self.idle.insert(self.idle_key(id));
            self.watch_at(id, after(seen, self.settings.times.offline_after));
        }
    }

    pub(super) fn is_online(&self, runner: &Runner) -> bool {
        runner.last_seen.is_some_and(|seen| self.now < after(seen, self.settings.times.offline_after))
    }

    /// Order in which idle runners are served: repeatable, and unrelated to age.
    pub(super) fn idle_key(&self, id: RunnerId) -> (u64, RunnerId) {
        (self.random.of("idle runner", id.0), id)
    }

    /// The job of a runner is over: it goes now, or when GitHub notices that its agent is lost.
    pub(super) fn end_runner(&mut self, id: RunnerId) {
        let Some(runner) = self.runners.get(&id).filter(|runner| runner.is_live()) else { return };
        if self.is_online(runner) {
            return self.remove_runner(id, Removal::JobEnded);
        }
        let seen = runner.last_seen.unwrap_or(self.now);
        let linger =
            self.random.between("stuck runner", jiff::SignedDuration::ZERO, self.settings.times.stuck_max);
        let goes = after(after(seen, self.settings.times.silence), linger).max(self.now);
        if let Some(runner) = self.runners.get_mut(&id) {
            runner.job = None;
            runner.stuck = true;
        }
        self.timers.add(goes, Timer::Unstick(id));
    }

    /// Ends a registration; a job that was only assigned goes back to the queue.
    pub(super) fn remove_runner(&mut self, id: RunnerId, why: Removal) {
        let key = self.idle_key(id);
        let Some(runner) = self.runners.get_mut(&id).filter(|runner| runner.is_live()) else { return };
        runner.removed = Some((self.now, why));
        runner.stuck = false;
        runner.idle_since = None;
        let job = runner.job.take();
        let name = (runner.scope, runner.name.to_lowercase());
        if let Some(live) = self.live.get_mut(&runner.scope) {
            live.remove(&id);
        }
        self.names.remove(&name);
        self.idle.remove(&key);
        if let Some(job) = job
            && self.phase(job) == Some(Phase::Assigned(id))
        {
            self.set_phase(job, Phase::Queued);
            self.enqueue(job);
        }
    }
}
