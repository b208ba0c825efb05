//! How runs and jobs go on: `needs`, matrices, concurrency groups, environments, cancels, re-runs.
//! Not in it: which runner takes which job (`assign.rs`).

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::GitHub;
use super::ids::{JobId, RepositoryId, RunId};
use super::run::{Class, Job, Member, Phase, Plan, Run, RunGate};
use super::timers::Timer;
use super::workflow::{Conclusion, FailFast, Gate, WorkflowSpec};

/// Why a run was not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// There is no such repository.
    UnknownRepository(RepositoryId),
    /// A job needs one that does not stand before it in the list.
    UnknownNeed {
        /// Key of the job.
        job: String,
        /// The key it needs.
        need: String,
    },
    /// The workflow has no job.
    NoJobs,
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownRepository(id) => write!(out, "unknown repository {id}"),
            Self::UnknownNeed { job, need } => {
                write!(out, "job {job} needs {need}, which does not stand before it")
            }
            Self::NoJobs => out.write_str("the workflow has no jobs"),
        }
    }
}

impl std::error::Error for StartError {}

/// What `needs` say about a job.
enum Needs {
    NotYet,
    Met,
    Failed,
}

impl GitHub {
    /// Starts a run of a workflow, whose file is in the repository at the run's commit.
    ///
    /// # Errors
    /// [`StartError`] when the repository or the workflow makes no sense; nothing has happened then.
    pub fn start_run(
        &mut self,
        now: Timestamp,
        repository: RepositoryId,
        spec: WorkflowSpec,
    ) -> Result<RunId, StartError> {
        self.catch_up(now);
        check(&spec)?;
        let stored = self
            .accounts
            .repositories
            .get_mut(&repository)
            .ok_or(StartError::UnknownRepository(repository))?;
        stored.runs += 1;
        let number = stored.runs;
        let id = RunId(self.next_number());
        let plans =
            spec.jobs.iter().map(|job| Plan { todo: (0..job.legs).collect(), ..Plan::default() }).collect();
        let run = Run {
            id,
            repository,
            spec: Arc::new(spec),
            number,
            attempt: 1,
            head_sha: self.random.text("commit", 40),
            gate: RunGate::Pending,
            plans,
            jobs: Vec::new(),
            created_at: self.now,
            attempt_at: self.now,
            updated_at: self.now,
            conclusion: None,
            cancel_asked: false,
        };
        self.runs.insert(id, run);
        self.runs_of.entry(repository).or_default().insert(id);
        self.open_run(id);
        self.settle();
        Ok(id)
    }

    /// Approves the environment that a job waits for. Tells whether it waited.
    pub fn approve(&mut self, now: Timestamp, job: JobId) -> bool {
        self.catch_up(now);
        let waits = self.phase(job) == Some(Phase::Waiting);
        self.pass_environment(job);
        self.settle();
        waits
    }

    /// Rejects the environment that a job waits for, which fails it. Tells whether it waited.
    pub fn reject(&mut self, now: Timestamp, job: JobId) -> bool {
        self.catch_up(now);
        let waits = self.phase(job) == Some(Phase::Waiting);
        if waits {
            self.finish_job(job, Conclusion::Failure);
            self.settle();
        }
        waits
    }

    /// Cancels a run as a person would. Tells whether it was open.
    pub fn cancel(&mut self, now: Timestamp, run: RunId) -> bool {
        self.catch_up(now);
        let open = self.runs.get(&run).is_some_and(|run| run.conclusion.is_none());
        if open {
            self.cancel_run(run);
            self.settle();
        }
        open
    }

    pub(super) fn phase(&self, id: JobId) -> Option<Phase> {
        self.jobs.get(&id).map(|job| job.phase)
    }

    /// One pass over a run: makes the jobs whose needs are met, lets held legs go, ends the run.
    pub(super) fn progress(&mut self, id: RunId) {
        let Some(run) = self.runs.get(&id) else { return };
        if run.gate == RunGate::Pending || run.conclusion.is_some() {
            return;
        }
        for plan in 0..run.plans.len() {
            self.make_jobs(id, plan);
            self.admit(id, plan);
        }
        self.end_run_if_done(id);
    }

    fn make_jobs(&mut self, id: RunId, plan: usize) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let Some(todo) = run.plans.get(plan).map(|plan| plan.todo.clone()).filter(|todo| !todo.is_empty())
        else {
            return;
        };
        let needs = if run.cancel_asked { Needs::Failed } else { self.needs(id, plan) };
        match needs {
            Needs::NotYet => {}
            Needs::Met => {
                for leg in todo {
                    let job = self.add_job(id, plan, leg);
                    self.enter(job);
                }
            }
            Needs::Failed => {
                // GitHub shows one job for a matrix that never came to be.
                for leg in todo.iter().skip(1) {
                    self.forget_leg(id, plan, *leg);
                }
                if let Some(leg) = todo.first() {
                    let job = self.add_job(id, plan, *leg);
                    self.finish_job(job, Conclusion::Skipped);
                }
            }
        }
    }

    fn forget_leg(&mut self, id: RunId, plan: usize, leg: u32) {
        if let Some(plan) = self.runs.get_mut(&id).and_then(|run| run.plans.get_mut(plan)) {
            plan.todo.remove(&leg);
            plan.current.remove(&leg);
        }
    }

    fn needs(&self, id: RunId, plan: usize) -> Needs {
        let Some(run) = self.runs.get(&id) else { return Needs::NotYet };
        let Some(spec) = run.job_spec(plan) else { return Needs::NotYet };
        let mut failed = false;
        for (needed, state) in run.spec.jobs.iter().zip(&run.plans) {
            if !spec.needs.contains(&needed.key) {
                continue;
            }
            if !state.todo.is_empty() {
                return Needs::NotYet;
            }
            for job in state.current.values() {
                match self.phase(*job).and_then(Phase::conclusion) {
                    None => return Needs::NotYet,
                    Some(Conclusion::Success) => {}
                    Some(_) => failed = true,
                }
            }
        }
        if failed { Needs::Failed } else { Needs::Met }
    }

    fn add_job(&mut self, run_id: RunId, plan: usize, leg: u32) -> JobId {
        let id = JobId(self.next_number());
        let Some(run) = self.runs.get_mut(&run_id) else { return id };
        let Some(spec) = run.spec.jobs.get(plan) else { return id };
        let class = Class {
            repository: run.repository,
            group: spec.runner_group.as_ref().map(|group| group.to_lowercase()),
            labels: spec.labels.iter().map(|label| label.to_lowercase()).collect(),
        };
        let class =
            self.queue.get_key_value(&class).map_or_else(|| Arc::new(class), |(known, _)| Arc::clone(known));
        let job = Job {
            id,
            run: run_id,
            repository: run.repository,
            attempt: run.attempt,
            plan,
            leg,
            name: spec.leg_name(leg),
            class,
            phase: Phase::Pending,
            created_at: self.now,
            queued_at: None,
            available_at: None,
            started_at: None,
            completed_at: None,
            ran_on: None,
            assignments: 0,
            cancel_asked: false,
        };
        run.jobs.push(id);
        run.updated_at = self.now;
        if let Some(plan) = run.plans.get_mut(plan) {
            plan.todo.remove(&leg);
            plan.current.insert(leg, id);
        }
        self.jobs.insert(id, job);
        id
    }

    fn enter(&mut self, id: JobId) {
        let Some(environment) = self.spec_of(id).and_then(|spec| spec.environment.clone()) else {
            return self.queue_up(id);
        };
        self.set_phase(id, Phase::Waiting);
        self.announce(id, "waiting");
        match environment.gate {
            Gate::Approval => {}
            Gate::WaitTimer(seconds) => {
                let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
                self.in_time(SignedDuration::from_secs(seconds), Timer::Environment(id));
            }
        }
    }

    pub(super) fn pass_environment(&mut self, id: JobId) {
        if self.phase(id) == Some(Phase::Waiting) {
            self.queue_up(id);
        }
    }

    fn queue_up(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.phase = Phase::Pending;
        let repository = job.repository;
        match self.spec_of(id).and_then(|spec| spec.concurrency.clone()) {
            Some(concurrency) => self.join(repository, &concurrency, Member::Job(id)),
            None => self.grant(Member::Job(id)),
        }
    }

    /// Lets held legs of a job key become available, up to `max-parallel`.
    fn admit(&mut self, id: RunId, plan: usize) {
        let Some(run) = self.runs.get(&id) else { return };
        let (Some(spec), Some(state)) = (run.job_spec(plan), run.plans.get(plan)) else { return };
        let width = spec.max_parallel.map_or(usize::MAX, |width| width as usize);
        let phases = || state.current.values().filter_map(|job| Some((*job, self.phase(*job)?)));
        let taken = phases()
            .filter(|(_, phase)| matches!(phase, Phase::Queued | Phase::Assigned(_) | Phase::InProgress(_)))
            .count();
        let held = phases().filter(|(_, phase)| *phase == Phase::Held).map(|(job, _)| job);
        let free = held.take(width.saturating_sub(taken)).collect::<Vec<_>>();
        for job in free {
            self.make_available(job);
        }
    }

    fn end_run_if_done(&mut self, id: RunId) {
        let Some(run) = self.runs.get(&id) else { return };
        let mut ends = BTreeSet::new();
        for plan in &run.plans {
            if !plan.todo.is_empty() {
                return;
            }
            for job in plan.current.values() {
                match self.phase(*job).and_then(Phase::conclusion) {
                    None => return,
                    Some(conclusion) => ends.insert(conclusion),
                };
            }
        }
        let failed = ends.contains(&Conclusion::Failure) || ends.contains(&Conclusion::TimedOut);
        let conclusion = if run.cancel_asked {
            Conclusion::Cancelled
        } else if failed {
            Conclusion::Failure
        } else if ends.contains(&Conclusion::Cancelled) {
            Conclusion::Cancelled
        } else {
            Conclusion::Success
        };
        self.end_run(id, conclusion);
    }

    pub(super) fn end_run(&mut self, id: RunId, conclusion: Conclusion) {
        let now = self.now;
        if let Some(run) = self.runs.get_mut(&id) {
            run.conclusion = Some(conclusion);
            run.updated_at = now;
            let (repository, concurrency) = (run.repository, run.spec.concurrency.clone());
            if let Some(open) = self.open_runs_of.get_mut(&repository) {
                open.remove(&id);
            }
            if let Some(concurrency) = concurrency {
                self.leave(repository, &concurrency, Member::Run(id));
            }
        }
    }

    /// Ends a job, whatever it was doing. A job that is over stays as it is.
    pub(super) fn finish_job(&mut self, id: JobId, conclusion: Conclusion) {
        let Some(job) = self.jobs.get_mut(&id).filter(|job| job.phase.is_open()) else { return };
        let before = job.phase;
        job.phase = Phase::Completed(conclusion);
        job.completed_at = Some(self.now);
        let (run_id, plan, repository) = (job.run, job.plan, job.repository);
        if before == Phase::Queued {
            self.unqueue(id);
        }
        self.announce(id, "completed");
        match before {
            Phase::Assigned(runner) => self.make_idle(runner),
            Phase::InProgress(runner) => self.end_runner(runner),
            Phase::Waiting | Phase::Pending | Phase::Held | Phase::Queued | Phase::Completed(_) => {}
        }
        if let Some(run) = self.runs.get_mut(&run_id) {
            run.updated_at = self.now;
        }
        self.dirty_runs.insert(run_id);
        if let Some(concurrency) = self.spec_of(id).and_then(|spec| spec.concurrency.clone()) {
            self.leave(repository, &concurrency, Member::Job(id));
        }
        let fails = matches!(conclusion, Conclusion::Failure | Conclusion::TimedOut);
        let strict = self.spec_of(id).is_some_and(|spec| spec.legs > 1 && spec.fail_fast == FailFast::On);
        if fails && strict {
            self.cancel_legs(run_id, plan);
        }
    }

    pub(super) fn open_run(&mut self, id: RunId) {
        let Some(run) = self.runs.get(&id) else { return };
        let repository = run.repository;
        self.open_runs_of.entry(repository).or_default().insert(id);
        match run.spec.concurrency.clone() {
            Some(concurrency) => self.join(repository, &concurrency, Member::Run(id)),
            None => self.grant(Member::Run(id)),
        }
    }

    pub(super) fn set_phase(&mut self, id: JobId, phase: Phase) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.phase = phase;
        }
    }
}

fn check(spec: &WorkflowSpec) -> Result<(), StartError> {
    if spec.jobs.is_empty() {
        return Err(StartError::NoJobs);
    }
    let mut before = BTreeSet::new();
    for job in &spec.jobs {
        if let Some(need) = job.needs.iter().find(|need| !before.contains(need.as_str())) {
            return Err(StartError::UnknownNeed { job: job.key.clone(), need: need.clone() });
        }
        before.insert(job.key.as_str());
    }
    Ok(())
}
