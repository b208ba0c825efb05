//! Read-only snapshots for tests and checkers. Not in it: anything secret, anything that changes the model.

use jiff::Timestamp;

use super::GitHub;
use super::ids::{GroupId, JobId, RepositoryId, RunId, RunnerId};
use super::run::{Job, Phase, Run};
use super::runner::{Removal, Runner, Scope};
use super::workflow::Conclusion;

/// A job as a checker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobView {
    /// Its number.
    pub id: JobId,
    /// Its run.
    pub run: RunId,
    /// Its repository.
    pub repository: RepositoryId,
    /// The attempt of the run it belongs to.
    pub attempt: u32,
    /// Its name.
    pub name: String,
    /// Its `runs-on` labels, lower case, in alphabetical order.
    pub labels: Vec<String>,
    /// Its `runs-on` group, lower case.
    pub runner_group: Option<String>,
    /// Where it stands.
    pub phase: Phase,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When it was announced as `queued`.
    pub queued_at: Option<Timestamp>,
    /// When runners could take it for the first time: later than `queued_at` behind `max-parallel`.
    pub available_at: Option<Timestamp>,
    /// When a runner started it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// The runner that started it.
    pub ran_on: Option<RunnerId>,
    /// How often it was sent to a runner; more than once when one did not pick it up.
    pub assignments: u32,
}

/// A run as a checker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunView {
    /// Its number.
    pub id: RunId,
    /// Its repository.
    pub repository: RepositoryId,
    /// Its attempt, from 1.
    pub attempt: u32,
    /// GitHub's `status`.
    pub status: &'static str,
    /// How the attempt ended; `None` while it is open.
    pub conclusion: Option<Conclusion>,
    /// The jobs of all attempts.
    pub jobs: Vec<JobId>,
}

/// A JIT config and the runner it made, as a checker sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunnerView {
    /// Its number.
    pub id: RunnerId,
    /// Its name.
    pub name: String,
    /// Where it is registered.
    pub scope: Scope,
    /// Its group.
    pub group: GroupId,
    /// Its labels, lower case.
    pub labels: Vec<String>,
    /// When the JIT config was handed out.
    pub minted_at: Timestamp,
    /// When an agent used the JIT config.
    pub connected_at: Option<Timestamp>,
    /// When its agent was last heard of.
    pub last_seen: Option<Timestamp>,
    /// Whether it is shown online.
    pub online: bool,
    /// Whether it is shown busy.
    pub busy: bool,
    /// The job it has now.
    pub job: Option<JobId>,
    /// The job it started, now or in the past.
    pub ran: Option<JobId>,
    /// When and why its registration ended.
    pub removed: Option<(Timestamp, Removal)>,
}

impl GitHub {
    /// Every job of every attempt, in order of birth.
    pub fn jobs(&self) -> impl Iterator<Item = JobView> {
        self.jobs.values().map(job_view)
    }

    /// One job.
    pub fn job(&self, id: JobId) -> Option<JobView> {
        self.jobs.get(&id).map(job_view)
    }

    /// Every run, in order of birth.
    pub fn runs(&self) -> impl Iterator<Item = RunView> {
        self.runs.values().map(|run| self.run_view(run))
    }

    /// One run.
    pub fn run(&self, id: RunId) -> Option<RunView> {
        self.runs.get(&id).map(|run| self.run_view(run))
    }

    /// Every runner that ever was, in order of birth: one for each JIT config.
    pub fn runners(&self) -> impl Iterator<Item = RunnerView> {
        self.runners.values().map(|runner| self.runner_view(runner))
    }

    /// One runner.
    pub fn runner(&self, id: RunnerId) -> Option<RunnerView> {
        self.runners.get(&id).map(|runner| self.runner_view(runner))
    }

    /// How many runners are registered now.
    pub fn runners_live(&self) -> usize {
        self.live.values().map(std::collections::BTreeMap::len).sum()
    }

    /// How many jobs runners could take now; those behind `max-parallel` and gates are not among them.
    pub fn jobs_available(&self) -> usize {
        self.queue.values().map(std::collections::BTreeSet::len).sum()
    }

    fn run_view(&self, run: &Run) -> RunView {
        RunView {
            id: run.id,
            repository: run.repository,
            attempt: run.attempt,
            status: self.run_status(run),
            conclusion: run.conclusion,
            jobs: run.jobs.clone(),
        }
    }

    fn runner_view(&self, runner: &Runner) -> RunnerView {
        RunnerView {
            id: runner.id,
            name: runner.name.clone(),
            scope: runner.scope,
            group: runner.group,
            labels: runner.labels.clone(),
            minted_at: runner.minted_at,
            connected_at: runner.connected_at,
            last_seen: runner.last_seen,
            online: runner.is_live() && !runner.stuck && self.is_online(runner),
            busy: runner.is_live() && runner.is_busy(),
            job: runner.job,
            ran: runner.ran,
            removed: runner.removed,
        }
    }
}

fn job_view(job: &Job) -> JobView {
    JobView {
        id: job.id,
        run: job.run,
        repository: job.repository,
        attempt: job.attempt,
        name: job.name.clone(),
        labels: job.class.labels.iter().cloned().collect(),
        runner_group: job.class.group.clone(),
        phase: job.phase,
        created_at: job.created_at,
        queued_at: job.queued_at,
        available_at: job.available_at,
        started_at: job.started_at,
        completed_at: job.completed_at,
        ran_on: job.ran_on,
        assignments: job.assignments,
    }
}
