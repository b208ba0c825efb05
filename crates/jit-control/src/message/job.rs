//! An observation of a job on its way through a queue. What it does to the job is in jit-domain.

use jit_domain::ids::{InstallationId, JobId, Login, PoolName, RepositoryName, RunId, RunnerId, RunnerName};
use jit_domain::job::{RunnerRef, Visibility};
use jit_domain::observation::{Action, Observation};
use jit_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::stored::form::{self, formed};

formed! { JobObservation: JobObservation }

/// One event about a job, as GitHub told it. The fields are those of
/// <https://docs.github.com/en/webhooks/webhook-events-and-payloads#workflow_job>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobObservation {
    /// The delivery's GUID (`X-GitHub-Delivery`); none when the jobs API said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
    /// What happened.
    #[serde(with = "form")]
    pub action: Action,
    /// GitHub's id of the job.
    #[serde(with = "form")]
    pub job: JobId,
    /// Its run.
    #[serde(with = "form")]
    pub run: RunId,
    /// The run's attempt, from 1.
    pub attempt: u32,
    /// The job's name, for people.
    pub name: String,
    /// The labels it asks for, as written.
    pub labels: Vec<String>,
    /// The installation that told us.
    #[serde(with = "form")]
    pub installation: InstallationId,
    /// Its repository.
    #[serde(with = "form")]
    pub repository: RepositoryName,
    /// The organisation that owns the repository; none for a user's.
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Login>,
    /// Who can see the repository; none when the jobs API said it.
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// Who caused the event; none when the jobs API said it.
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    pub sender: Option<Login>,
    /// The pool that matched on arrival; none for a started or ended job that no pool matched.
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolName>,
    /// GitHub's `runner_id`, also 0; none for null.
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    pub runner_id: Option<RunnerId>,
    /// GitHub's `runner_name`, also empty; none for null.
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    pub runner_name: Option<RunnerName>,
    /// GitHub's conclusion; none until completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conclusion: Option<String>,
    /// When GitHub made the job.
    #[serde(with = "form")]
    pub created_at: Timestamp,
    /// When it happened: GitHub's `started_at` or `completed_at`, else when we received it.
    #[serde(with = "form")]
    pub at: Timestamp,
    /// When we received it.
    #[serde(with = "form")]
    pub received_at: Timestamp,
}

impl From<JobObservation> for Observation {
    fn from(told: JobObservation) -> Self {
        Self {
            action: told.action,
            job: told.job,
            run: told.run,
            attempt: told.attempt,
            name: told.name,
            labels: told.labels.iter().collect(),
            installation: told.installation,
            repository: told.repository,
            organisation: told.organisation,
            visibility: told.visibility,
            sender: told.sender,
            pool: told.pool,
            runner: RunnerRef::named(told.runner_id, told.runner_name.as_ref().map(RunnerName::as_str)),
            conclusion: told.conclusion,
            created_at: told.created_at,
            at: told.at,
            received_at: told.received_at,
        }
    }
}
