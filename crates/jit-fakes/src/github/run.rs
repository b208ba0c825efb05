//! Runs, jobs and their phases as data. Not in it: what moves them (`progress.rs`, `assign.rs`).

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::ids::{JobId, RepositoryId, RunId, RunnerId};
use super::workflow::{Conclusion, JobSpec, WorkflowSpec};

/// Where a job stands. GitHub's API shows less: the first three of the queue look the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Behind an environment (`waiting`).
    Waiting,
    /// Behind another member of its concurrency group (`pending`).
    Pending,
    /// Announced as `queued`, but held back by `max-parallel`.
    Held,
    /// `queued`, for any runner that fits.
    Queued,
    /// Sent to a runner that has not picked it up yet; still shown as `queued`.
    Assigned(RunnerId),
    /// On a runner.
    InProgress(RunnerId),
    /// Over.
    Completed(Conclusion),
}

impl Phase {
    /// GitHub's `status`.
    pub fn status(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Pending => "pending",
            Self::Held | Self::Queued | Self::Assigned(_) => "queued",
            Self::InProgress(_) => "in_progress",
            Self::Completed(_) => "completed",
        }
    }

    /// GitHub's `conclusion`.
    pub fn conclusion(self) -> Option<Conclusion> {
        match self {
            Self::Completed(conclusion) => Some(conclusion),
            Self::Waiting
            | Self::Pending
            | Self::Held
            | Self::Queued
            | Self::Assigned(_)
            | Self::InProgress(_) => None,
        }
    }

    /// The runner that has the job now.
    pub fn runner(self) -> Option<RunnerId> {
        match self {
            Self::Assigned(runner) | Self::InProgress(runner) => Some(runner),
            Self::Waiting | Self::Pending | Self::Held | Self::Queued | Self::Completed(_) => None,
        }
    }

    pub(super) fn is_open(self) -> bool {
        self.conclusion().is_none()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) id: JobId,
    pub(super) run: RunId,
    pub(super) repository: RepositoryId,
    pub(super) attempt: u32,
    /// Index into the workflow's jobs.
    pub(super) plan: usize,
    /// Which of its matrix.
    pub(super) leg: u32,
    pub(super) name: String,
    /// What runners must offer; shared by all jobs that ask for the same.
    pub(super) class: Arc<Class>,
    pub(super) phase: Phase,
    pub(super) created_at: Timestamp,
    /// When it was announced as `queued`: its place in the queue, also after it was given back.
    pub(super) queued_at: Option<Timestamp>,
    /// When it became available to runners, for the 24 h limit.
    pub(super) available_at: Option<Timestamp>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) completed_at: Option<Timestamp>,
    /// The runner that runs it or ran it.
    pub(super) ran_on: Option<RunnerId>,
    /// How often it was sent to a runner.
    pub(super) assignments: u32,
    pub(super) cancel_asked: bool,
}

/// What a job asks of a runner: two jobs with the same class can be served by the same runners.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class {
    pub(super) repository: RepositoryId,
    pub(super) group: Option<String>,
    /// Lower case.
    pub(super) labels: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) repository: RepositoryId,
    pub(super) spec: Arc<WorkflowSpec>,
    pub(super) number: u64,
    pub(super) attempt: u32,
    pub(super) head_sha: String,
    pub(super) gate: RunGate,
    pub(super) plans: Vec<Plan>,
    /// Every job of every attempt, in order of birth.
    pub(super) jobs: Vec<JobId>,
    pub(super) created_at: Timestamp,
    pub(super) attempt_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) conclusion: Option<Conclusion>,
    pub(super) cancel_asked: bool,
}

impl Run {
    pub(super) fn job_spec(&self, plan: usize) -> Option<&JobSpec> {
        self.spec.jobs.get(plan)
    }
}

/// Whether a run has passed its own concurrency group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunGate {
    Pending,
    Open,
}

/// One job key of a run: which legs are still to be made, and the latest job of each leg.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) todo: BTreeSet<u32>,
    pub(super) current: std::collections::BTreeMap<u32, JobId>,
}

/// A member of a concurrency group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Member {
    Run(RunId),
    Job(JobId),
}

/// A concurrency group of one repository: one runs, one waits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    pub(super) holder: Option<Member>,
    pub(super) next: Option<Member>,
}
