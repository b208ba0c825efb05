//! Cancels and re-runs. Not in it: the ordinary way of a run (`progress.rs`).

use std::collections::BTreeSet;

use super::GitHub;
use super::ids::{JobId, RunId};
use super::run::{Phase, RunGate};
use super::settings::CancelledOnRerun;
use super::timers::Timer;
use super::workflow::Conclusion;

impl GitHub {
    pub(super) fn cancel_legs(&mut self, id: RunId, plan: usize) {
        let plan = self.runs.get(&id).and_then(|run| run.plans.get(plan));
        let legs = plan.map(|plan| plan.current.values().copied().collect::<Vec<_>>()).unwrap_or_default();
        for leg in legs {
            self.cancel_job(leg);
        }
    }

    pub(super) fn cancel_job(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        match job.phase {
            Phase::Completed(_) => {}
            Phase::InProgress(_) => {
                if !std::mem::replace(&mut job.cancel_asked, true) {
                    self.in_time(self.settings.times.cancel_grace, Timer::CancelGrace(id));
                }
            }
            Phase::Waiting | Phase::Pending | Phase::Held | Phase::Queued | Phase::Assigned(_) => {
                self.finish_job(id, Conclusion::Cancelled);
            }
        }
    }

    pub(super) fn cancel_run(&mut self, id: RunId) {
        let Some(run) = self.runs.get_mut(&id).filter(|run| run.conclusion.is_none()) else { return };
        run.cancel_asked = true;
        run.updated_at = self.now;
        if run.gate == RunGate::Pending {
            for plan in &mut run.plans {
                plan.todo.clear();
            }
            return self.end_run(id, Conclusion::Cancelled);
        }
        let open = run.plans.iter().flat_map(|plan| plan.current.values().copied()).collect::<Vec<_>>();
        for job in open {
            self.cancel_job(job);
        }
        self.dirty_runs.insert(id);
    }

    /// Ends every job of a run at once, without asking its agents.
    pub(super) fn force_cancel_run(&mut self, id: RunId) {
        self.cancel_run(id);
        let jobs = self.runs.get(&id).map(|run| run.jobs.clone()).unwrap_or_default();
        for job in jobs {
            self.finish_job(job, Conclusion::Cancelled);
        }
    }

    /// Starts a new attempt with the failed jobs and all that need them. Tells whether there was any.
    pub(super) fn rerun_failed(&mut self, id: RunId) -> bool {
        let reading = self.settings.disputed.cancelled_on_rerun;
        let Some(run) = self.runs.get(&id).filter(|run| run.conclusion.is_some()) else { return false };
        let mut again = Vec::<BTreeSet<u32>>::with_capacity(run.plans.len());
        let mut keys = BTreeSet::new();
        for (spec, plan) in run.spec.jobs.iter().zip(&run.plans) {
            let dependent = spec.needs.iter().any(|need| keys.contains(need));
            let fails = |job: &JobId| match self.phase(*job).and_then(Phase::conclusion) {
                Some(Conclusion::Failure | Conclusion::TimedOut) => true,
                Some(Conclusion::Cancelled) => reading == CancelledOnRerun::RunsAgain,
                Some(Conclusion::Success | Conclusion::Skipped) | None => false,
            };
            let legs = if dependent {
                (0..spec.legs).collect()
            } else {
                plan.current
                    .iter()
                    .filter(|(_, job)| fails(job))
                    .map(|(leg, _)| *leg)
                    .collect::<BTreeSet<_>>()
            };
            if !legs.is_empty() {
                keys.insert(spec.key.clone());
            }
            again.push(legs);
        }
        if keys.is_empty() {
            return false;
        }
        self.start_attempt(id, again);
        true
    }

    /// Starts a new attempt with all jobs. Tells whether the run was over.
    pub(super) fn rerun(&mut self, id: RunId) -> bool {
        let Some(run) = self.runs.get(&id).filter(|run| run.conclusion.is_some()) else { return false };
        let again = run.spec.jobs.iter().map(|job| (0..job.legs).collect()).collect();
        self.start_attempt(id, again);
        true
    }

    fn start_attempt(&mut self, id: RunId, again: Vec<BTreeSet<u32>>) {
        let now = self.now;
        let Some(run) = self.runs.get_mut(&id) else { return };
        run.attempt += 1;
        run.attempt_at = now;
        run.updated_at = now;
        run.conclusion = None;
        run.cancel_asked = false;
        run.gate = RunGate::Pending;
        for (plan, legs) in run.plans.iter_mut().zip(again) {
            plan.todo = legs;
        }
        self.open_run(id);
    }
}
