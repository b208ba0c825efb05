//! Workflow jobs: of a run, or one of them.
//!
//! Not here: deliveries about jobs (`webhook`), which carry the same [`WorkflowJob`].

use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;

use crate::api::{Api, Authorization, Target};
use crate::error::Error;
use crate::ids::{JobId, RunId, RunnerGroupId, RunnerId};
use crate::names::Repository;
use crate::open_enums::{Conclusion, Status};
use crate::page::{self, Page, PageNumber};
use crate::{reply, wire};

/// A workflow job, as deliveries and the REST interface describe it.
///
/// <https://docs.github.com/en/rest/actions/workflow-jobs#get-a-job-for-a-workflow-run>
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WorkflowJob {
    /// Its id; another attempt of the same job has another.
    pub id: JobId,
    /// The run that it belongs to.
    pub run_id: RunId,
    /// Which attempt of the run, from 1; 1 where GitHub does not say.
    #[serde(default = "first_attempt", deserialize_with = "attempt")]
    pub run_attempt: u32,
    /// Its name, with the values of its matrix leg.
    pub name: String,
    /// The labels that its runner must have; empty if it asks for a runner group only.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub labels: Vec<String>,
    /// Its status.
    pub status: Status,
    /// How it ended; `None` before that.
    #[serde(default, deserialize_with = "wire::optional_text")]
    pub conclusion: Option<Conclusion>,
    /// The commit that it runs for.
    pub head_sha: String,
    /// The branch that it runs for.
    #[serde(default, deserialize_with = "wire::optional_text")]
    pub head_branch: Option<String>,
    /// The workflow's name.
    #[serde(default, deserialize_with = "wire::optional_text")]
    pub workflow_name: Option<String>,
    /// When it was created; older servers do not say.
    #[serde(default, deserialize_with = "wire::optional_time")]
    pub created_at: Option<Timestamp>,
    /// When it started; while it is queued, the same as `created_at`.
    #[serde(default, deserialize_with = "wire::optional_time")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, deserialize_with = "wire::optional_time")]
    pub completed_at: Option<Timestamp>,
    /// The runner that works or worked on it; `None` also for a job that ended without one, which GitHub writes as 0.
    #[serde(default, deserialize_with = "wire::optional_id")]
    pub runner_id: Option<RunnerId>,
    /// That runner's name.
    #[serde(default, deserialize_with = "wire::optional_text")]
    pub runner_name: Option<String>,
    /// That runner's group.
    #[serde(default, deserialize_with = "wire::optional_id")]
    pub runner_group_id: Option<RunnerGroupId>,
    /// That group's name.
    #[serde(default, deserialize_with = "wire::optional_text")]
    pub runner_group_name: Option<String>,
}

fn first_attempt() -> u32 {
    1
}

fn attempt<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    Ok(Option::<u32>::deserialize(deserializer)?.unwrap_or_else(first_attempt))
}

/// Which attempts of a run to list the jobs of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempts {
    /// The newest only.
    Latest,
    /// All, the newest first.
    All,
}

impl Api {
    /// Lists the jobs of a run, one page; costs 1 point. Permission: `actions: read`.
    ///
    /// <https://docs.github.com/en/rest/actions/workflow-jobs#list-jobs-for-a-workflow-run>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, PageNumber, Repository, RunId, jobs::Attempts};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let token = Authorization::bearer(&"ghs_x".into())?;
    /// let repository = Repository::parse("octo-org/app")?;
    /// let request = api.list_jobs_of_run(&token, &repository, RunId(5), Attempts::Latest, PageNumber::FIRST);
    /// assert_eq!(request.uri().path(), "/repos/octo-org/app/actions/runs/5/jobs");
    /// assert_eq!(request.uri().query(), Some("filter=latest&per_page=100&page=1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn list_jobs_of_run(
        &self,
        authorization: &Authorization,
        repository: &Repository,
        run: RunId,
        attempts: Attempts,
        page: PageNumber,
    ) -> Request<Vec<u8>> {
        let filter = match attempts {
            Attempts::Latest => "latest",
            Attempts::All => "all",
        };
        let target = Target::repository(repository).path("/actions/runs").segment(run).path("/jobs");
        self.get(authorization, target.parameter("filter", filter).page(page))
    }

    /// Asks for one job; costs 1 point. Permission: `actions: read`.
    ///
    /// <https://docs.github.com/en/rest/actions/workflow-jobs#get-a-job-for-a-workflow-run>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, JobId, Repository};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let token = Authorization::bearer(&"ghs_x".into())?;
    /// let request = api.get_job(&token, &Repository::parse("octo-org/app")?, JobId(7));
    /// assert_eq!(request.uri().path(), "/repos/octo-org/app/actions/jobs/7");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get_job(
        &self,
        authorization: &Authorization,
        repository: &Repository,
        job: JobId,
    ) -> Request<Vec<u8>> {
        self.get(authorization, Target::repository(repository).path("/actions/jobs").segment(job))
    }
}

/// Reads a page of jobs.
///
/// # Errors
/// [`Error::NotFound`] if the run is gone or out of sight; the others as they say.
pub fn parse_list(response: &Response<Vec<u8>>) -> Result<Page<WorkflowJob>, Error> {
    #[derive(Deserialize)]
    struct Body {
        total_count: u64,
        jobs: Vec<WorkflowJob>,
    }
    let operation = "list jobs of run";
    let body: Body = reply::json(operation, response, StatusCode::OK)?;
    let next = page::next_number(operation, response)?;
    Ok(Page { items: body.jobs, total_count: Some(body.total_count), next })
}

/// Reads one job.
///
/// # Errors
/// [`Error::NotFound`] if the job is gone or out of sight; the others as they say.
pub fn parse(response: &Response<Vec<u8>>) -> Result<WorkflowJob, Error> {
    reply::json("get job", response, StatusCode::OK)
}
